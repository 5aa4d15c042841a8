/* SPDX-License-Identifier: Apache-2.0 */
/* The faults of the contract's infrastructure that concern notifications and push, each by its
 * number there, and what an addon brings. */
#include "addon_kit.h"
#include "mc_client.h"
#include "mc_mailbox.h"
#include "mc_push_browser.h"
#include "mc_receiver.h"
#include "mc_test.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_MS 20000
#define OWNER "owner@example.com"
#define SEND "/api/notifications/send"
#define TOKEN "0123456789abcdef-metrics"
#define NOBODY "01a212d9-38e0-7ac8-8766-8fcb3fda137e"

static mc_mailbox box;
static mc_receiver browsers;
static mc_process process;
static mc_client client;
static char user_id[64], public_key[100], private_key[60];
static atomic_int refusals, hangs, push_status, slow_ms;

static mc_mailbox_reaction decide(void *user, const char *step, const char *arg)
{
    (void)user;
    (void)arg;
    if (strcmp(step, "RCPT") == 0 && atomic_load(&refusals) > 0) {
        atomic_fetch_sub(&refusals, 1);
        return (mc_mailbox_reaction){.answer = "450 4.2.1 owner@example.com is away: Secret words"};
    }
    if (strcmp(step, "END") == 0 && atomic_load(&hangs) > 0) {
        atomic_fetch_sub(&hangs, 1);
        return (mc_mailbox_reaction){.is_hanging = true};
    }
    if (strcmp(step, "END") == 0 && atomic_load(&slow_ms) > 0)
        (void)usleep((useconds_t)atomic_load(&slow_ms) * 1000);
    return (mc_mailbox_reaction){.answer = NULL};
}

static mc_reaction react(void *user, const mc_received *got)
{
    int status = atomic_load(&push_status);

    (void)user;
    (void)got;
    atomic_store(&push_status, 201);
    return (mc_reaction){.status = status ? status : 201,
                         .headers = status == 429 ? "Retry-After: 1\r\n" : NULL};
}

static bool make_keys(void)
{
    static const char *const args[] = {"push", "keygen", NULL};
    char out[400];

    return mc_process_run(args, "", out, sizeof(out)) == 0 &&
           sscanf(out, "VAPID_PRIVATE_KEY=%59s\nVAPID_PUBLIC_KEY=%99s", private_key, public_key) ==
               2;
}

static bool start_server(const char *dir, bool is_private)
{
    static char url[64];
    const char *args[24] = {"--dev",
                            "--log-level",
                            "debug",
                            "--smtp-url",
                            url,
                            "--smtp-tls",
                            "off",
                            "--smtp-from",
                            "app@example.com",
                            "--notify-retry-ms",
                            "50",
                            "--vapid-public-key",
                            public_key,
                            "--vapid-private-key",
                            private_key,
                            "--metrics-token",
                            TOKEN,
                            is_private ? "--allow-private-egress" : NULL};

    (void)snprintf(url, sizeof(url), "smtp://127.0.0.1:%u", box.port);
    if (!mc_process_start(&process, dir, args))
        return false;
    mc_client_init(&client, process.port);
    if (mc_client_sign_in(&client, OWNER, "metacore-demo") != 200 ||
        mc_client_call(&client, "GET", "/api/auth/me", NULL) != 200)
        return false;
    (void)snprintf(user_id, sizeof(user_id), "%.*s", MC_FMT(mc_client_field(&client, "id")));
    return true;
}

static bool setup(const char *dir)
{
    static const mc_mailbox new_box = {.decide = decide};
    static const mc_receiver new_browsers = {.decide = react};

    atomic_store(&refusals, 0);
    atomic_store(&hangs, 0);
    atomic_store(&push_status, 201);
    atomic_store(&slow_ms, 0);
    box = new_box;
    browsers = new_browsers;
    return make_keys() && mc_mailbox_start(&box) && mc_receiver_start(&browsers) &&
           start_server(dir, true);
}

static void teardown(void)
{
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    mc_mailbox_stop(&box);
    mc_receiver_stop(&browsers);
}

static int send_to(mc_client *by, const char *user, const char *rest)
{
    char body[6000];

    (void)snprintf(body, sizeof(body), "{\"user_id\":\"%s\"%s}", user, rest);
    return mc_client_call(by, "POST", SEND, body);
}

static bool await(const char *path, const char *has)
{
    for (int waited = 0; waited < WAIT_MS; waited += 20) {
        (void)mc_client_call(&client, "GET", path, NULL); /* what it says is looked at */
        if (mc_str_find(client.body, mc_z(has)) < client.body.len)
            return true;
        (void)usleep(20000); /* cut short by a signal: asked again sooner */
    }
    MC_EXPECT_HAS(client.body, has);
    return false;
}

/* Until the mail server has the whole mail and says nothing. */
static bool await_hang(void)
{
    for (int waited = 0; atomic_load(&hangs) > 0 && waited < WAIT_MS; waited += 20)
        (void)usleep(20000); /* likewise */
    return atomic_load(&hangs) == 0;
}

static int subscribe(mc_client *by, const mc_push_browser *browser, const char *path)
{
    char body[600];

    (void)snprintf(body, sizeof(body),
                   "{\"endpoint\":\"http://127.0.0.1:%u%s\",\"keys\":{\"p256dh\":\"%s\",\"auth\":"
                   "\"%s\"},\"device_type\":\"web\"}",
                   browsers.port, path, browser->p256dh, browser->auth);
    return mc_client_call(by, "POST", "/api/push/subscribe", body);
}

static mc_str decrypted(mc_push_browser *browser, const char *path, size_t n, char *room,
                        size_t size)
{
    if (!mc_receiver_wait(&browsers, path, n + 1, WAIT_MS))
        return MC_STR("(nothing came)");
    return mc_push_browser_decrypt(browser, mc_receiver_get(&browsers, path, n), room, size);
}

/* ---- */

MC_TEST(
    "W3, W6, W18: on a migrated database a browser subscribes, again too, and reads its messages")
{
    mc_push_browser browser;
    char room[4096], body[300];

    MC_REQUIRE(mc_push_browser_init(&browser));
    MC_REQUIRE(setup(mc_test_dir()));
    for (size_t i = 0; i < 2; i++) {
        MC_EXPECT_EQ(subscribe(&client, &browser, "/again"), 200);
        MC_EXPECT_Z(mc_client_field(&client, "p256dh"), browser.p256dh);
        MC_EXPECT_EQ(mc_client_field(&client, "auth").len, 0);
        MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/test", NULL), 200);
        MC_EXPECT_Z(decrypted(&browser, "/again", i, room, sizeof(room)),
                    "{\"title\":\"Test notification\",\"body\":\"If you can read this, push is "
                    "working.\",\"url\":\"/\"}");
        MC_EXPECT(!strstr(mc_receiver_get(&browsers, "/again", i)->body, "working"));
        (void)snprintf(body, sizeof(body), "{\"endpoint\":\"http://127.0.0.1:%u/again\"}",
                       browsers.port);
        MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/unsubscribe", body), 200);
    }
    mc_push_browser_deinit(&browser);
    teardown();
}

MC_TEST(
    "W18: a push service that fails is asked again, one that refuses is not, one that is gone ends")
{
    static const struct {
        int status;
        bool comes_again, stays;
    } cases[] = {{500, true, true},   {429, true, true},   {503, true, true},
                 {400, false, true},  {401, false, true},  {413, false, true},
                 {404, false, false}, {410, false, false}, {302, false, true}};
    mc_push_browser browser;
    char room[4096], path[32];

    MC_REQUIRE(mc_push_browser_init(&browser));
    MC_REQUIRE(setup(mc_test_dir()));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        char rest[200];

        (void)snprintf(path, sizeof(path), "/%d", cases[i].status);
        MC_CASE(path);
        MC_EXPECT_EQ(subscribe(&client, &browser, path), 200);
        atomic_store(&push_status, cases[i].status);
        (void)snprintf(rest, sizeof(rest), ",\"title\":\"T%zu\",\"channels\":[\"push\"]", i);
        MC_EXPECT_EQ(send_to(&client, user_id, rest), 202);
        MC_EXPECT_HAS(decrypted(&browser, path, 0, room, sizeof(room)), "{\"title\":\"T");
        if (cases[i].comes_again)
            MC_EXPECT_HAS(decrypted(&browser, path, 1, room, sizeof(room)), "{\"title\":\"T");
        for (int waited = 0; waited < WAIT_MS; waited += 20) {
            MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/push/subscriptions", NULL), 200);
            if ((mc_str_find(client.body, mc_z(path)) < client.body.len) == cases[i].stays)
                break;
            (void)usleep(20000); /* likewise */
        }
        MC_EXPECT_EQ(mc_str_find(client.body, mc_z(path)) < client.body.len, cases[i].stays);
        if (cases[i].stays) {
            char body[200];

            (void)snprintf(body, sizeof(body), "{\"endpoint\":\"http://127.0.0.1:%u%s\"}",
                           browsers.port, path);
            MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/unsubscribe", body), 200);
        }
        if (!cases[i].comes_again)
            MC_EXPECT(!mc_receiver_get(&browsers, path, 1));
    }
    mc_push_browser_deinit(&browser);
    teardown();
}

MC_TEST("W18: an endpoint of somebody else is neither taken over, deleted nor told of")
{
    mc_push_browser browser;
    mc_client other;
    char body[300], path[200];

    MC_REQUIRE(mc_push_browser_init(&browser));
    MC_REQUIRE(setup(mc_test_dir()));
    mc_client_init(&other, process.port);
    MC_EXPECT_EQ(mc_client_register(&other, "Other", "other@example.com", "another-password"), 201);
    MC_EXPECT_EQ(subscribe(&client, &browser, "/mine"), 200);
    (void)snprintf(path, sizeof(path), "/api/push/subscriptions/%.*s",
                   MC_FMT(mc_client_field(&client, "id")));
    MC_EXPECT_EQ(subscribe(&other, &browser, "/mine"), 409);
    (void)snprintf(body, sizeof(body), "{\"endpoint\":\"http://127.0.0.1:%u/mine\"}",
                   browsers.port);
    MC_EXPECT_EQ(mc_client_call(&other, "POST", "/api/push/unsubscribe", body), 200);
    MC_EXPECT_EQ(mc_client_call(&other, "DELETE", path, NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&other, "GET", "/api/push/subscriptions", NULL), 200);
    MC_EXPECT_HAS(other.body, "{\"data\":[]");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/push/subscriptions", NULL), 200);
    MC_EXPECT_HAS(client.body, "/mine");
    mc_client_deinit(&other);
    mc_push_browser_deinit(&browser);
    teardown();
}

MC_TEST("W18: what is too long for a message is shortened, at whole characters, and sent encrypted")
{
    mc_push_browser browser;
    static char rest[5000];
    char room[4096];
    mc_str text;
    size_t len;

    MC_REQUIRE(mc_push_browser_init(&browser));
    MC_REQUIRE(setup(mc_test_dir()));
    MC_EXPECT_EQ(subscribe(&client, &browser, "/long"), 200);
    len = (size_t)snprintf(rest, sizeof(rest), ",\"title\":\"Long\",\"message\":\"");
    while (len < 4000)
        len += (size_t)snprintf(rest + len, sizeof(rest) - len, "\xe2\x82\xac\xf0\x9f\x98\x80");
    (void)snprintf(rest + len, sizeof(rest) - len, "\",\"channels\":[\"push\",\"email\"]");
    MC_EXPECT_EQ(send_to(&client, user_id, rest), 202);
    text = decrypted(&browser, "/long", 0, room, sizeof(room));
    MC_EXPECT_HAS(text, "{\"title\":\"Long\",\"body\":\"\xe2\x82\xac\xf0\x9f\x98\x80");
    MC_EXPECT_HAS(text, "\",\"tag\":\"");
    MC_EXPECT(mc_mailbox_wait(&box, OWNER, 1, WAIT_MS));
    mc_push_browser_deinit(&browser);
    teardown();
}

MC_TEST("W14: no push service on a private address is asked, unless the operator said so")
{
    mc_push_browser browser;
    char body[600];

    MC_REQUIRE(mc_push_browser_init(&browser));
    box = (mc_mailbox){.decide = decide};
    browsers = (mc_receiver){.decide = react};
    MC_REQUIRE(make_keys() && mc_mailbox_start(&box) && mc_receiver_start(&browsers) &&
               start_server(mc_test_dir(), false));
    MC_EXPECT_EQ(subscribe(&client, &browser, "/x"), 400); /* no https */
    (void)snprintf(body, sizeof(body),
                   "{\"endpoint\":\"https://127.0.0.1:%u/x\",\"p256dh\":\"%s\",\"auth\":\"%s\"}",
                   browsers.port, browser.p256dh, browser.auth);
    if (mc_client_call(&client, "POST", "/api/push/subscribe", body) == 200) {
        MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/test", NULL), 200);
        /* The message is given up at its first attempt: a second one finds the queue empty. */
        MC_EXPECT(await("/api/push/subscriptions", "127.0.0.1"));
        (void)usleep(300000); /* cut short is fine: then less would have come */
    }
    MC_EXPECT_EQ(mc_receiver_count(&browsers), 0);
    MC_CASE("the operator's own mail server is another matter");
    MC_EXPECT_EQ(send_to(&client, user_id, ",\"title\":\"Mail\",\"channels\":[\"email\"]"), 202);
    MC_EXPECT(mc_mailbox_wait(&box, OWNER, 1, WAIT_MS));
    mc_push_browser_deinit(&browser);
    teardown();
}

MC_TEST("W7, W23: what hangs while the server is killed is delivered after it, and nothing else is")
{
    const char *dir = mc_test_dir();

    MC_REQUIRE(setup(dir));
    atomic_store(&hangs, 1);
    MC_EXPECT_EQ(send_to(&client, user_id, ",\"title\":\"Hangs\",\"channels\":[\"email\"]"), 202);
    MC_EXPECT(await_hang());
    MC_EXPECT_EQ(send_to(&client, NOBODY, ",\"title\":\"Refused\",\"channels\":[\"email\"]"), 422);
    mc_client_deinit(&client);
    (void)mc_process_stop(&process, SIGKILL);
    MC_REQUIRE(start_server(dir, true));
    MC_EXPECT(mc_mailbox_wait(&box, OWNER, 1, WAIT_MS));
    MC_EXPECT(await("/api/notifications/queue", "\"status\":\"sent\",\"attempts\":2"));
    MC_EXPECT_EQ(mc_mailbox_count(&box), 1);
    teardown();
}

MC_TEST(
    "W26: a mail server that hangs keeps nobody from stopping, and its mail is sent by the next")
{
    const char *dir = mc_test_dir();

    MC_REQUIRE(setup(dir));
    atomic_store(&hangs, 1);
    MC_EXPECT_EQ(send_to(&client, user_id, ",\"title\":\"Hangs\",\"channels\":[\"email\"]"), 202);
    MC_EXPECT(await_hang());
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    MC_REQUIRE(start_server(dir, true));
    MC_EXPECT(mc_mailbox_wait(&box, OWNER, 1, WAIT_MS));
    MC_EXPECT_EQ(mc_mailbox_count(&box), 1);
    teardown();
}

MC_TEST("W22: the same said twice is said once, by its key for ever so many senders")
{
    MC_REQUIRE(setup(mc_test_dir()));
    for (int i = 0; i < 5; i++) {
        MC_EXPECT_EQ(send_to(&client, user_id, ",\"title\":\"Same\",\"channels\":[\"email\"]"),
                     202);
        MC_EXPECT_Z(mc_client_field(&client, "queued"), i ? "0" : "1");
        MC_EXPECT_Z(mc_client_field(&client, "deduplicated"), i ? "1" : "0");
    }
    MC_EXPECT(await("/api/notifications/queue?status=sent", "\"dedup_key\":\""));
    MC_EXPECT_EQ(mc_mailbox_count(&box), 1);
    teardown();
}

/* Everything that the server wrote so far. */
static char *read_log(void)
{
    FILE *file = fopen(process.log, "re");
    char *text = calloc(1, 1 << 20);
    size_t len = file && text ? fread(text, 1, (1 << 20) - 1, file) : 0;

    if (file)
        (void)fclose(file); /* read only */
    MC_EXPECT(len > 0);
    return text;
}

MC_TEST("W22: logs name nobody: no address, no word of a message, no word of the mail server's")
{
    char *log;

    MC_REQUIRE(setup(mc_test_dir()));
    atomic_store(&refusals, 2);
    MC_EXPECT_EQ(send_to(&client, user_id,
                         ",\"title\":\"Secret words\",\"message\":\"More secret words\","
                         "\"channels\":[\"email\",\"inbox\"]"),
                 202);
    MC_EXPECT(mc_mailbox_wait(&box, OWNER, 1, WAIT_MS));
    MC_EXPECT(
        await("/api/notifications/queue?channel=email", "\"status\":\"sent\",\"attempts\":3"));
    log = read_log();
    if (log) {
        const char *at = strstr(log, "450 4.2.1");

        MC_EXPECT(at && !strstr(at, OWNER));
        MC_EXPECT(!strstr(log, "ecret words"));
        MC_EXPECT(!strstr(log, "is away"));
    }
    free(log);
    teardown();
}

MC_TEST("W22: an organization that sends hundreds keeps another's one waiting for a few")
{
    mc_client other;
    char theirs[64], rest[100];
    size_t before;

    MC_REQUIRE(setup(mc_test_dir()));
    mc_client_init(&other, process.port);
    MC_EXPECT_EQ(mc_client_register(&other, "Other", "other@example.com", "another-password"), 201);
    MC_EXPECT_EQ(mc_client_call(&other, "GET", "/api/auth/me", NULL), 200);
    (void)snprintf(theirs, sizeof(theirs), "%.*s", MC_FMT(mc_client_field(&other, "id")));
    atomic_store(&slow_ms, 50);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(rest, sizeof(rest), ",\"title\":\"N%d\",\"channels\":[\"email\"]", i);
        MC_EXPECT_EQ(send_to(&client, user_id, rest), 202);
    }
    before = mc_mailbox_count(&box);
    MC_EXPECT_EQ(send_to(&other, theirs, ",\"title\":\"One\",\"channels\":[\"email\"]"), 202);
    MC_EXPECT(mc_mailbox_wait(&box, "other@example.com", 1, WAIT_MS));
    MC_EXPECT(mc_mailbox_count(&box) < before + 40);
    MC_EXPECT(mc_mailbox_count(&box) < 200);
    atomic_store(&slow_ms, 0);
    MC_EXPECT(mc_mailbox_wait(&box, OWNER, 200, WAIT_MS));
    mc_client_deinit(&other);
    teardown();
}

MC_TEST("who may not send or manage does neither, and chooses for himself all the same")
{
    static const struct {
        const char *method, *path, *body;
        int status;
    } cases[] = {
        {"POST", SEND, "{\"user_id\":\"" NOBODY "\",\"title\":\"x\"}", 403},
        {"GET", "/api/notifications/queue", NULL, 403},
        {"GET", "/api/notifications/queue/stats", NULL, 403},
        {"GET", "/api/notifications/queue/" NOBODY, NULL, 403},
        {"POST", "/api/notifications/queue/" NOBODY "/cancel", NULL, 403},
        {"POST", "/api/notifications/queue/" NOBODY "/requeue", NULL, 403},
        {"GET", "/api/notifications/templates", NULL, 403},
        {"PUT", "/api/notifications/templates/a.b", "{\"title\":\"x\"}", 403},
        {"DELETE", "/api/notifications/templates/a.b", NULL, 403},
        {"POST", "/api/notifications/templates/kernel.message/preview", "{}", 403},
        {"GET", "/api/notifications/channels", NULL, 200},
        {"GET", "/api/notifications/preferences", NULL, 200},
        {"PUT", "/api/notifications/preferences",
         "{\"preferences\":[{\"event\":\"*\",\"channel\":\"email\",\"enabled\":false}]}", 200},
    };
    mc_client agent;
    char out[400];

    MC_REQUIRE(setup(mc_test_dir()));
    MC_EXPECT_EQ(
        mc_process_run((const char *const[]){"user", "create", "--email", "agent@example.com",
                                             "--password-stdin", "--org", "Demo", "--role", "agent",
                                             "--data", process.data, NULL},
                       "agent-password\n", out, sizeof(out)),
        0);
    mc_client_init(&agent, process.port);
    MC_EXPECT_EQ(mc_client_sign_in(&agent, "agent@example.com", "agent-password"), 200);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].path);
        MC_EXPECT_EQ(mc_client_call(&agent, cases[i].method, cases[i].path, cases[i].body),
                     cases[i].status);
    }
    mc_client_deinit(&agent);
    teardown();
}

static bool metrics_have(const char *line)
{
    for (int waited = 0; waited < WAIT_MS; waited += 20) {
        (void)mc_client_call_type(&client, "GET", "/metrics", "", mc_str_of(NULL, 0),
                                  "Authorization: Bearer " TOKEN "\r\n");
        if (mc_str_find(client.body, mc_z(line)) < client.body.len)
            return true;
        (void)usleep(20000); /* likewise */
    }
    MC_EXPECT_HAS(client.body, line);
    return false;
}

MC_TEST("attempts are counted by channel and outcome, and what waits is told with its age")
{
    char token[sizeof(client.token)];

    MC_REQUIRE(setup(mc_test_dir()));
    atomic_store(&refusals, 1);
    MC_EXPECT_EQ(send_to(&client, user_id, ",\"title\":\"x\",\"channels\":[\"email\",\"inbox\"]"),
                 202);
    MC_EXPECT(await("/api/notifications/queue?channel=email", "\"status\":\"sent\""));
    memcpy(token, client.token, sizeof(token));
    client.token[0] = '\0';
    MC_EXPECT(
        metrics_have("notification_deliveries_total{channel=\"email\",status=\"success\"} 1\n"));
    MC_EXPECT(
        metrics_have("notification_deliveries_total{channel=\"email\",status=\"failure\"} 1\n"));
    MC_EXPECT(
        metrics_have("notification_deliveries_total{channel=\"inbox\",status=\"success\"} 1\n"));
    MC_EXPECT(metrics_have("metacore_notifications_open 0\n"));
    MC_EXPECT(metrics_have("metacore_outbox_jobs{status=\"dead\"} 0\n"));
    memcpy(client.token, token, sizeof(token));
    atomic_store(&hangs, 1);
    MC_EXPECT_EQ(send_to(&client, user_id, ",\"title\":\"y\",\"channels\":[\"email\"]"), 202);
    MC_EXPECT(await_hang());
    client.token[0] = '\0';
    MC_EXPECT(metrics_have("metacore_notifications_open 1\n"));
    MC_EXPECT(metrics_have("metacore_outbox_jobs{status=\"open\"}"));
    teardown();
}

/* ---- addons ---- */

#define TEMPLATES                                                                                  \
    ",\"notifications\":[{\"key\":\"assigned\",\"label\":\"Assignments\",\"title\":\"{{what}} is " \
    "yours\",\"message\":\"Look: "                                                                 \
    "{{what}}\",\"link\":\"/m/{{id}}\",\"channels\":[\"inbox\",\"email\"]},"                       \
    "{\"key\":\"assigned\",\"lang\":\"es\",\"title\":\"{{what}} es "                               \
    "tuyo\",\"channels\":[\"inbox\"]}]"

MC_TEST("an addon's manifest brings words, for who has it, in their languages, as long as they do")
{
    mc_arena *arena = mc_arena_new(0);
    mc_client other;
    mc_str packed;

    MC_REQUIRE(arena && setup(mc_test_dir()));
    mc_client_init(&other, process.port);
    MC_EXPECT_EQ(mc_client_register(&other, "Other", "other@example.com", "another-password"), 201);
    packed = kit_pack(
        arena, kit_manifest(arena, "pens", "1.0.0", KIT_MODEL("pens", KIT_NAME), TEMPLATES), NULL);
    MC_EXPECT_EQ(kit_upload(&client, "pens", "", packed, MC_STR("")), 200);
    MC_EXPECT_EQ(send_to(&client, user_id,
                         ",\"event\":\"pens.assigned\",\"vars\":{\"what\":\"Pen 1\",\"id\":1}"),
                 202);
    MC_EXPECT_Z(mc_client_field(&client, "queued"), "2");
    MC_EXPECT(await("/api/notifications", "\"title\":\"Pen 1 is yours\""));
    MC_EXPECT_HAS(client.body, "\"link\":\"/m/1\"");
    MC_EXPECT_EQ(
        send_to(&client, user_id,
                ",\"event\":\"pens.assigned\",\"lang\":\"es-MX\",\"vars\":{\"what\":\"P\"}"),
        202);
    MC_EXPECT_Z(mc_client_field(&client, "queued"), "1");
    MC_EXPECT(await("/api/notifications", "\"title\":\"P es tuyo\""));
    MC_CASE("nobody else has them");
    MC_EXPECT_EQ(
        mc_client_call(&other, "POST", "/api/notifications/templates/pens.assigned/preview", "{}"),
        404);
    MC_CASE("another version has others");
    packed = kit_pack(arena,
                      kit_manifest(arena, "pens", "1.1.0", KIT_MODEL("pens", KIT_NAME),
                                   ",\"notifications\":[{\"key\":\"sold\",\"title\":\"Sold\"}]"),
                      NULL);
    MC_EXPECT_EQ(kit_upload(&client, "pens", "", packed, MC_STR("")), 200);
    MC_EXPECT_EQ(send_to(&client, user_id, ",\"event\":\"pens.assigned\""), 422);
    MC_EXPECT_EQ(send_to(&client, user_id, ",\"event\":\"pens.sold\""), 202);
    MC_CASE("what would run is refused, with the addon");
    packed = kit_pack(arena,
                      kit_manifest(arena, "bad", "1.0.0", KIT_MODEL("bads", KIT_NAME),
                                   ",\"notifications\":[{\"key\":\"x\",\"title\":\"x\",\"html\":"
                                   "\"<a onclick=\\\"{{x}}\\\">\"}]"),
                      NULL);
    MC_EXPECT_EQ(kit_upload(&client, "bad", "", packed, MC_STR("")), 422);
    MC_EXPECT_HAS(client.body, "notifications");
    MC_CASE("uninstalled");
    MC_EXPECT_EQ(mc_client_call(&client, "DELETE", "/api/metacore/installations/pens", NULL), 200);
    MC_EXPECT_EQ(send_to(&client, user_id, ",\"event\":\"pens.sold\""), 422);
    mc_client_deinit(&other);
    teardown();
    mc_arena_free(arena);
}
