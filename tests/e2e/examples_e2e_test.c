/* SPDX-License-Identifier: Apache-2.0 */
/* The example addons with a backend, each by its own toolchain: compiled from source, packed,
 * installed, and called. */
#include "backend_kit.h"
#include "mc_test.h"
#include "workshop.h"

#include <stdio.h>
#include <string.h>

#define TOOLCHAIN_MISSING 77 /* of a build script */

static backend b;

/* False: the toolchain is missing, which was counted, or what is expected was not. */
static bool start(const char *key, const char *row)
{
    static char out[65536], why[300];
    const char *folder = text_of("%s/%s", MC_TEST_EXAMPLES, key);
    int status = mc_process_run_program(text_of("%s/build.sh", folder), (const char *const[]){NULL},
                                        NULL, out, sizeof(out));

    if (status == TOOLCHAIN_MISSING) {
        (void)snprintf(why, sizeof(why), "%s: %.*s", key, (int)strcspn(out, "\n"), out);
        mc_test_skip(why);
        return false;
    }
    if (status != 0)
        (void)printf("%s\n", out);
    MC_EXPECT_EQ(status, 0);
    return status == 0 && backend_start(&b, folder, key) && backend_make(&b, row);
}

static int act(const char *action)
{
    return backend_act(&b, action);
}

static int look(void)
{
    return mc_client_call(&b.owner, "GET", text_of("/api/dynamic/%s/%s", b.key, b.id), NULL);
}

MC_TEST("an addon in C is built, installed, and approves what is within its limit")
{
    if (!start("expenses", "{\"purpose\":\"Train \\\"}{\\\" there\",\"cents\":49999}"))
        return;
    MC_EXPECT_EQ(act("approve"), 200);
    MC_EXPECT_HAS(b.owner.body, "\"status\":\"approved\"");
    MC_EXPECT_EQ(look(), 200);
    MC_EXPECT_HAS(b.owner.body, "\"status\":\"approved\"");
    MC_CASE("what it emitted is in the log of events");
    MC_EXPECT_EQ(mc_client_call(&b.owner, "GET", "/api/eventlog?types=expenses.approved", NULL),
                 200);
    MC_EXPECT_HAS(b.owner.body, "\"cents\":49999");
    MC_CASE("what was approved before never reaches it");
    MC_EXPECT_EQ(act("approve"), 409);
    MC_CASE("it declines what is over the limit, until that is another");
    MC_EXPECT(backend_make(&b, "{\"purpose\":\"Plane\",\"cents\":50001}"));
    MC_EXPECT_EQ(act("approve"), 422);
    MC_EXPECT_HAS(b.owner.body, "\"code\":\"over_limit\"");
    MC_EXPECT_EQ(mc_client_call(&b.owner, "PUT", "/api/metacore/installations/expenses/settings",
                                "{\"limit_cents\":60000}"),
                 200);
    MC_EXPECT_EQ(act("approve"), 200);
    backend_stop(&b);
}

MC_TEST("an addon in AssemblyScript is built, installed, and calculates")
{
    if (!start("quotes", "{\"customer\":\"\xc3\x84rzte\",\"net_cents\":10000,"
                         "\"discount_percent\":10}"))
        return;
    MC_EXPECT_EQ(act("calculate"), 200);
    MC_EXPECT_HAS(b.owner.body, "\"total_cents\":10440");
    MC_EXPECT_EQ(look(), 200);
    MC_EXPECT_HAS(b.owner.body, "\"tax_cents\":1440");
    MC_EXPECT_HAS(b.owner.body, "\"note\":\"tax of 16 % on 9000\"");
    MC_CASE("what it throws is told: to who asked, and to the server's log");
    MC_EXPECT(backend_make(&b, "{\"customer\":\"\xc3\x84rzte\"}"));
    MC_EXPECT_EQ(act("calculate"), 500);
    MC_EXPECT_HAS(b.owner.body, "\"code\":\"runtime_error\"");
    MC_EXPECT_HAS(b.owner.body, "wasm: call calculate: abort at backend/quotes.ts:");
    MC_EXPECT_HAS(backend_log(&b), "\"text\":\"abort at backend/quotes.ts:");
    MC_EXPECT_HAS(backend_log(&b), "\xc3\x84rzte");
    MC_CASE("and leaves nothing behind");
    MC_EXPECT(backend_make(&b, "{\"customer\":\"B\",\"net_cents\":1}"));
    MC_EXPECT_EQ(act("calculate"), 200);
    MC_EXPECT_HAS(b.owner.body, "\"total_cents\":1");
    backend_stop(&b);
}

MC_TEST("an addon in Rust is built, installed, and counts words")
{
    if (!start("articles", "{\"title\":\" \xc3\x9c"
                           "ber \\\"Wasm\\\" \\u00e9 2! \","
                           "\"body\":\"Words count words, and other words: other than these.\"}"))
        return;
    MC_EXPECT_EQ(act("publish"), 200);
    MC_EXPECT_HAS(b.owner.body, "\"slug\":\"\xc3\xbc"
                                "ber-wasm-\xc3\xa9-2\"");
    MC_EXPECT_EQ(look(), 200);
    MC_EXPECT_HAS(b.owner.body, "\"words\":9");
    MC_EXPECT_HAS(b.owner.body, "\"keywords\":[\"words\",\"other\",\"count\"]");
    MC_EXPECT_HAS(b.owner.body, "\"published_at\":\"20");
    MC_CASE("what it prints is in the server's log");
    MC_EXPECT_HAS(backend_log(&b), "publishing 9 words");
    MC_CASE("it declines what is empty");
    MC_EXPECT(backend_make(&b, "{\"title\":\"None\"}"));
    MC_EXPECT_EQ(act("publish"), 422);
    MC_EXPECT_HAS(b.owner.body, "\"code\":\"empty\"");
    backend_stop(&b);
}
