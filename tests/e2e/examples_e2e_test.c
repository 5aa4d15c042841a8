/* SPDX-License-Identifier: Apache-2.0 */
/* The example addons with a backend, each by its own toolchain: compiled from source, packed,
 * installed, and called. */
#include "mc_client.h"
#include "mc_test.h"
#include "workshop.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define TOOLCHAIN_MISSING 77 /* of a build script */

static char out[65536];
static mc_process process;
static mc_client owner;
static char id[40];

/* Everything that the server has said so far. */
static mc_str log_of_server(void)
{
    static char text[1 << 18];
    FILE *file = fopen(process.log, "rbe");
    size_t got = file ? fread(text, 1, sizeof(text), file) : 0;

    if (file)
        (void)fclose(file); /* read only */
    return mc_str_of(text, got);
}

static bool build(const char *key, const char *bundle)
{
    const char *folder = text_of("%s/%s", MC_TEST_EXAMPLES, key);
    const char *script = text_of("%s/build.sh", folder);
    static char why[300];
    int status;

    status = mc_process_run_program(script, (const char *const[]){NULL}, NULL, out, sizeof(out));
    if (status == TOOLCHAIN_MISSING) {
        (void)snprintf(why, sizeof(why), "%s: %.*s", key, (int)strcspn(out, "\n"), out);
        mc_test_skip(why);
        return false;
    }
    if (status != 0)
        (void)printf("%s\n", out);
    MC_EXPECT_EQ(status, 0);
    MC_EXPECT_EQ(
        mc_process_run((const char *const[]){"addon", "validate", folder, "--strict", NULL}, NULL,
                       out, sizeof(out)),
        0);
    MC_EXPECT_EQ(mc_process_run((const char *const[]){"addon", "build", folder, "-o", bundle, NULL},
                                NULL, out, sizeof(out)),
                 0);
    return true;
}

/* False: the toolchain is missing, which was counted, or what is expected was not. */
static bool start(const char *key, const char *row)
{
    static const char *const args[] = {"--dev", NULL};
    const char *bundle = text_of("%s/%s.tar.gz", mc_test_dir(), key);

    if (!build(key, bundle) || !mc_process_start(&process, mc_test_dir(), args))
        return false;
    MC_EXPECT_EQ(mc_process_run((const char *const[]){"addon", "install", bundle, "--org", "Demo",
                                                      "--data", process.data, NULL},
                                NULL, out, sizeof(out)),
                 0);
    mc_client_init(&owner, process.port);
    MC_EXPECT_EQ(mc_client_sign_in(&owner, "owner@example.com", "metacore-demo"), 200);
    return workshop_make(&owner, key, row, id);
}

static void stop(void)
{
    mc_client_deinit(&owner);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

static int act(const char *key, const char *action)
{
    return mc_client_call(&owner, "POST", text_of("/api/dynamic/%s/%s/action/%s", key, id, action),
                          "{}");
}

static int look(const char *key)
{
    return mc_client_call(&owner, "GET", text_of("/api/dynamic/%s/%s", key, id), NULL);
}

MC_TEST("an addon in C is built, installed, and approves what is within its limit")
{
    if (!start("expenses", "{\"purpose\":\"Train \\\"}{\\\" there\",\"cents\":49999}"))
        return;
    MC_EXPECT_EQ(act("expenses", "approve"), 200);
    MC_EXPECT_HAS(owner.body, "\"status\":\"approved\"");
    MC_EXPECT_EQ(look("expenses"), 200);
    MC_EXPECT_HAS(owner.body, "\"status\":\"approved\"");
    MC_CASE("what it emitted is in the log of events");
    MC_EXPECT_EQ(mc_client_call(&owner, "GET", "/api/eventlog?types=expenses.approved", NULL), 200);
    MC_EXPECT_HAS(owner.body, "\"cents\":49999");
    MC_CASE("what was approved before never reaches it");
    MC_EXPECT_EQ(act("expenses", "approve"), 409);
    MC_CASE("it declines what is over the limit, until that is another");
    MC_EXPECT(workshop_make(&owner, "expenses", "{\"purpose\":\"Plane\",\"cents\":50001}", id));
    MC_EXPECT_EQ(act("expenses", "approve"), 422);
    MC_EXPECT_HAS(owner.body, "\"code\":\"over_limit\"");
    MC_EXPECT_EQ(mc_client_call(&owner, "PUT", "/api/metacore/installations/expenses/settings",
                                "{\"limit_cents\":60000}"),
                 200);
    MC_EXPECT_EQ(act("expenses", "approve"), 200);
    stop();
}

MC_TEST("an addon in AssemblyScript is built, installed, and calculates")
{
    if (!start("quotes", "{\"customer\":\"\xc3\x84rzte\",\"net_cents\":10000,"
                         "\"discount_percent\":10}"))
        return;
    MC_EXPECT_EQ(act("quotes", "calculate"), 200);
    MC_EXPECT_HAS(owner.body, "\"total_cents\":10440");
    MC_EXPECT_EQ(look("quotes"), 200);
    MC_EXPECT_HAS(owner.body, "\"tax_cents\":1440");
    MC_EXPECT_HAS(owner.body, "\"note\":\"tax of 16 % on 9000\"");
    MC_CASE("what it throws is told: to who asked, and to the server's log");
    MC_EXPECT(workshop_make(&owner, "quotes", "{\"customer\":\"\xc3\x84rzte\"}", id));
    MC_EXPECT_EQ(act("quotes", "calculate"), 500);
    MC_EXPECT_HAS(owner.body, "\"code\":\"runtime_error\"");
    MC_EXPECT_HAS(log_of_server(), "abort at backend/quotes.ts:");
    MC_EXPECT_HAS(log_of_server(), "\xc3\x84rzte");
    MC_CASE("and leaves nothing behind");
    MC_EXPECT(workshop_make(&owner, "quotes", "{\"customer\":\"B\",\"net_cents\":1}", id));
    MC_EXPECT_EQ(act("quotes", "calculate"), 200);
    MC_EXPECT_HAS(owner.body, "\"total_cents\":1");
    stop();
}

MC_TEST("an addon in Rust is built, installed, and counts words")
{
    if (!start("articles", "{\"title\":\" \xc3\x9c"
                           "ber \\\"Wasm\\\" \\u00e9 2! \","
                           "\"body\":\"Words count words, and other words: other than these.\"}"))
        return;
    MC_EXPECT_EQ(act("articles", "publish"), 200);
    MC_EXPECT_HAS(owner.body, "\"slug\":\"\xc3\xbc"
                              "ber-wasm-\xc3\xa9-2\"");
    MC_EXPECT_EQ(look("articles"), 200);
    MC_EXPECT_HAS(owner.body, "\"words\":9");
    MC_EXPECT_HAS(owner.body, "\"keywords\":[\"words\",\"other\",\"count\"]");
    MC_EXPECT_HAS(owner.body, "\"published_at\":\"20");
    MC_CASE("what it prints is in the server's log");
    MC_EXPECT_HAS(log_of_server(), "publishing 9 words");
    MC_CASE("it declines what is empty");
    MC_EXPECT(workshop_make(&owner, "articles", "{\"title\":\"None\"}", id));
    MC_EXPECT_EQ(act("articles", "publish"), 422);
    MC_EXPECT_HAS(owner.body, "\"code\":\"empty\"");
    stop();
}
