/* SPDX-License-Identifier: Apache-2.0 */
/* People told by inbox, mail and push: what is sent arrives, whatever the other side does. */
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

static mc_mailbox box;
static mc_process process;
static mc_client client;
static char user_id[64];
static atomic_int refusals; /* of RCPT, with a 450; below zero: for ever, with a 550 */
static atomic_bool is_slow;

static mc_mailbox_reaction decide(void *user, const char *step, const char *arg)
{
    (void)user;
    (void)arg;
    if (strcmp(step, "RCPT") == 0 && atomic_load(&refusals) < 0)
        return (mc_mailbox_reaction){.answer = "550 5.1.1 nobody of that name"};
    if (strcmp(step, "RCPT") == 0 && atomic_load(&refusals) > 0) {
        atomic_fetch_sub(&refusals, 1);
        return (mc_mailbox_reaction){.answer = "450 4.2.0 come back later"};
    }
    if (strcmp(step, "END") == 0 && atomic_load(&is_slow))
        return (mc_mailbox_reaction){.is_hanging = true};
    return (mc_mailbox_reaction){.answer = NULL};
}

/* The keys that the command line makes. */
static bool make_keys(char public_key[100], char private_key[60])
{
    static const char *const args[] = {"push", "keygen", NULL};
    char out[400];

    return mc_process_run(args, "", out, sizeof(out)) == 0 &&
           sscanf(out, "VAPID_PRIVATE_KEY=%59s\nVAPID_PUBLIC_KEY=%99s", private_key, public_key) ==
               2;
}

static bool start_server(const char *dir, const char *const *more)
{
    static char url[64];
    const char *args[24] = {"--dev",
                            "--log-level",
                            "error",
                            "--allow-private-egress",
                            "--smtp-url",
                            url,
                            "--smtp-tls",
                            "off",
                            "--smtp-from",
                            "Metacore <app@example.com>",
                            "--public-url",
                            "https://app.example.com/",
                            "--notify-retry-ms",
                            "50"};
    size_t count = 14;

    (void)snprintf(url, sizeof(url), "smtp://127.0.0.1:%u", box.port);
    while (more && *more)
        args[count++] = *more++;
    if (!mc_process_start(&process, dir, args))
        return false;
    mc_client_init(&client, process.port);
    if (mc_client_sign_in(&client, OWNER, "metacore-demo") != 200 ||
        mc_client_call(&client, "GET", "/api/auth/me", NULL) != 200)
        return false;
    (void)snprintf(user_id, sizeof(user_id), "%.*s", MC_FMT(mc_client_field(&client, "id")));
    return true;
}

static bool setup(const char *const *more)
{
    atomic_store(&refusals, 0);
    atomic_store(&is_slow, false);
    box = (mc_mailbox){.decide = decide};
    return mc_mailbox_start(&box) && start_server(mc_test_dir(), more);
}

static void teardown(void)
{
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    MC_EXPECT_EQ(mc_mailbox_faults(&box), 0);
    mc_mailbox_stop(&box);
}

/* rest: more members, from the comma on. */
static int send_to(const char *user, const char *rest)
{
    char body[2000];

    (void)snprintf(body, sizeof(body), "{\"user_id\":\"%s\"%s}", user, rest);
    return mc_client_call(&client, "POST", SEND, body);
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

/* ---- */

MC_TEST("what is sent reaches inbox, mail and browser, each in its own words")
{
    static char public_key[100], private_key[60];
    const char *const more[] = {"--vapid-public-key", public_key, "--vapid-private-key",
                                private_key, NULL};
    char header[400], body[1200], room[4096];
    const mc_mail_received *mail;
    mc_push_browser browser;
    mc_receiver receiver = {.decide = NULL};
    mc_str text;

    MC_REQUIRE(mc_push_browser_init(&browser));
    MC_REQUIRE(make_keys(public_key, private_key));
    MC_REQUIRE(mc_receiver_start(&receiver) && setup(more));
    (void)snprintf(body, sizeof(body),
                   "{\"endpoint\":\"http://127.0.0.1:%u/b\",\"p256dh\":\"%s\",\"auth\":\"%s\"}",
                   receiver.port, browser.p256dh, browser.auth);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/subscribe", body), 200);
    MC_EXPECT_EQ(send_to(user_id,
                         ",\"title\":\"Gr\xc3\xbc\xc3\x9f"
                         "e\\r\\nBcc: eve@example.com\",\"message\":\".line\\n<b>bold</b>\","
                         "\"link\":\"/tickets/1\",\"type\":\"warning\",\"channels\":[\"inbox\","
                         "\"email\",\"push\"]"),
                 202);
    MC_EXPECT_Z(client.body, "{\"data\":{\"queued\":3,\"deduplicated\":0,\"skipped\":0},"
                             "\"success\":true}");
    MC_CASE("inbox");
    MC_EXPECT(await("/api/notifications", "\"title\":\"Gr\xc3\xbc\xc3\x9f"
                                          "e  Bcc: eve@example.com\""));
    MC_EXPECT_HAS(client.body, "\"message\":\".line\\n\\u003cb\\u003ebold\\u003c/b\\u003e\","
                               "\"type\":\"warning\",\"is_read\":false");
    MC_EXPECT_HAS(client.body, "\"link\":\"/tickets/1\"");
    MC_EXPECT_HAS(client.body, "\"metadata\":{\"event\":\"kernel.message\"}");
    MC_CASE("mail");
    MC_REQUIRE(mc_mailbox_wait(&box, OWNER, 1, WAIT_MS));
    mail = mc_mailbox_get(&box, OWNER, 0);
    MC_EXPECT_Z(mc_z(mail->from), "app@example.com");
    MC_EXPECT_Z(mc_mail_header(mail, "From", header, sizeof(header)),
                "\"Metacore\" <app@example.com>");
    MC_EXPECT_Z(mc_mail_header(mail, "Subject", header, sizeof(header)),
                "=?UTF-8?B?R3LDvMOfZSAgQmNjOiBldmVAZXhhbXBsZS5jb20=?=");
    MC_EXPECT_Z(mc_mail_header(mail, "Bcc", header, sizeof(header)), "");
    MC_EXPECT_HAS(mc_mail_header(mail, "Content-Type", header, sizeof(header)),
                  "multipart/alternative");
    MC_EXPECT_HAS(mc_z(mail->data), "\r\n.line\r\n<b>bold</b>\r\n\r\nhttps://app.example.com/"
                                    "tickets/1\r\n");
    MC_EXPECT_HAS(mc_z(mail->data), "<p>.line<br>\r\n&lt;b&gt;bold&lt;/b&gt;</p>");
    MC_EXPECT_HAS(mc_z(mail->raw), "\r\n..line\r\n");
    MC_CASE("push, decrypted by the browser's keys");
    MC_REQUIRE(mc_receiver_wait(&receiver, "/b", 1, WAIT_MS));
    text =
        mc_push_browser_decrypt(&browser, mc_receiver_get(&receiver, "/b", 0), room, sizeof(room));
    MC_EXPECT_HAS(text, "{\"title\":\"Gr\xc3\xbc\xc3\x9f"
                        "e  Bcc: eve@example.com\",\"body\":\".line\\n");
    MC_EXPECT_HAS(text, "\"url\":\"/tickets/1\",\"tag\":\"");
    MC_CASE("the queue");
    MC_EXPECT(await("/api/notifications/queue/stats",
                    "{\"data\":[{\"channel\":\"email\",\"status\":\"sent\",\"count\":1},"
                    "{\"channel\":\"inbox\",\"status\":\"sent\",\"count\":1},{\"channel\":\"push\","
                    "\"status\":\"sent\",\"count\":1}]"));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/notifications/queue?channel=email", NULL),
                 200);
    MC_EXPECT_Z(mc_client_field(&client, "status"), "sent");
    MC_EXPECT_Z(mc_client_field(&client, "attempts"), "1");
    MC_EXPECT_Z(mc_client_field(&client, "target"), OWNER);
    mc_push_browser_deinit(&browser);
    teardown();
    mc_receiver_stop(&receiver);
}

MC_TEST("mail goes by TLS, with a password that stands in a file and is printed nowhere")
{
    static char url[64], path[300];
    const char *const config[] = {"config", "--json", NULL};
    const char *const more[] = {
        "--smtp-url",  url,           "--smtp-tls", "required", "--smtp-ca-file",
        box.cert_file, "--smtp-user", "app",        NULL};
    char out[16384];
    FILE *file;

    atomic_store(&refusals, 0);
    atomic_store(&is_slow, false);
    box = (mc_mailbox){.decide = decide, .offers_tls = true, .offers_auth = true};
    MC_REQUIRE(mc_mailbox_start(&box));
    (void)snprintf(url, sizeof(url), "smtp://localhost:%u", box.port);
    (void)snprintf(path, sizeof(path), "%s/password", mc_test_dir());
    file = fopen(path, "we");
    MC_REQUIRE(file);
    fprintf(file, "pass:word\n");
    MC_EXPECT_EQ(fclose(file), 0);
    MC_EXPECT_EQ(setenv("METACORE_SMTP_PASSWORD_FILE", path, 1), 0);
    MC_REQUIRE(start_server(mc_test_dir(), more));
    MC_EXPECT_EQ(send_to(user_id, ",\"title\":\"Sealed\",\"channels\":[\"email\"]"), 202);
    MC_REQUIRE(mc_mailbox_wait(&box, OWNER, 1, WAIT_MS));
    MC_EXPECT(mc_mailbox_get(&box, OWNER, 0)->is_tls);
    MC_EXPECT_Z(mc_z(mc_mailbox_get(&box, OWNER, 0)->credentials), "app:pass:word");
    MC_EXPECT_EQ(mc_process_run(config, "", out, sizeof(out)), 0);
    MC_EXPECT_HAS(mc_z(out),
                  "\"smtp-password\":{\"source\":\"environment\",\"value\":\"********\"}");
    MC_EXPECT(!strstr(out, "pass:word"));
    MC_EXPECT_EQ(unsetenv("METACORE_SMTP_PASSWORD_FILE"), 0);
    teardown();
}

MC_TEST("a mail that is not taken comes again, the same one; what is refused for good is kept")
{
    char first[200], path[200];
    const mc_mail_received *mail;

    MC_REQUIRE(setup(NULL));
    MC_CASE("twice later");
    atomic_store(&refusals, 2);
    MC_EXPECT_EQ(send_to(user_id, ",\"title\":\"Later\",\"channels\":[\"email\"]"), 202);
    MC_REQUIRE(mc_mailbox_wait(&box, OWNER, 1, WAIT_MS));
    MC_EXPECT(await("/api/notifications/queue?status=sent", "\"attempts\":3"));
    (void)snprintf(path, sizeof(path), "<%.*s@example.com>",
                   MC_FMT(mc_client_field(&client, "id")));
    mail = mc_mailbox_get(&box, OWNER, 0);
    MC_EXPECT_Z(mc_mail_header(mail, "Message-ID", first, sizeof(first)), path);
    MC_CASE("never");
    atomic_store(&refusals, -1);
    MC_EXPECT_EQ(send_to(user_id, ",\"title\":\"Never\",\"channels\":[\"email\"]"), 202);
    MC_EXPECT(await("/api/notifications/queue?status=failed", "\"attempts\":1"));
    MC_EXPECT_Z(mc_client_field(&client, "error"), "smtp: the server refused the mail: 550 5.1.1");
    MC_CASE("and again, when an administrator says so");
    (void)snprintf(path, sizeof(path), "/api/notifications/queue/%.*s/requeue",
                   MC_FMT(mc_client_field(&client, "id")));
    atomic_store(&refusals, 0);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", path, NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "status"), "pending");
    MC_REQUIRE(mc_mailbox_wait(&box, OWNER, 2, WAIT_MS));
    MC_EXPECT(await("/api/notifications/queue?status=failed", "{\"data\":[]"));
    MC_EXPECT_EQ(mc_client_call(&client, "POST", path, NULL), 409);
    MC_CASE("one that waits is cancelled");
    atomic_store(&refusals, 1000);
    MC_EXPECT_EQ(send_to(user_id, ",\"title\":\"Cancelled\",\"channels\":[\"email\"]"), 202);
    MC_EXPECT(await("/api/notifications/queue?status=pending", "\"next_retry\""));
    (void)snprintf(path, sizeof(path), "/api/notifications/queue/%.*s/cancel",
                   MC_FMT(mc_client_field(&client, "id")));
    for (int i = 0; i < 100 && mc_client_call(&client, "POST", path, NULL) == 409; i++)
        (void)usleep(20000); /* it is being tried */
    MC_EXPECT_EQ(client.status, 200);
    MC_EXPECT_Z(mc_client_field(&client, "status"), "cancelled");
    teardown();
}

MC_TEST("what was accepted is delivered after a kill, and what has a key no second time")
{
    const char *dir = mc_test_dir();
    char first[200], second[200], rest[200];

    atomic_store(&refusals, 0);
    box = (mc_mailbox){.decide = decide};
    MC_REQUIRE(mc_mailbox_start(&box) && start_server(dir, NULL));
    atomic_store(&is_slow, true); /* each mail hangs where the server would have taken it */
    for (int i = 0; i < 20; i++) {
        (void)snprintf(rest, sizeof(rest),
                       ",\"title\":\"Number %d\",\"channels\":[\"email\",\"inbox\"],\"dedup_key\":"
                       "\"number-%d\",\"dedup_window_s\":3600",
                       i, i);
        MC_EXPECT_EQ(send_to(user_id, rest), 202);
        MC_EXPECT_Z(mc_client_field(&client, "queued"), "2");
    }
    mc_client_deinit(&client);
    (void)mc_process_stop(&process, SIGKILL);
    atomic_store(&is_slow, false);
    MC_REQUIRE(start_server(dir, NULL));
    MC_EXPECT(mc_mailbox_wait(&box, OWNER, 20, WAIT_MS));
    for (int i = 0; i < 20; i++) {
        (void)snprintf(rest, sizeof(rest),
                       ",\"title\":\"Number %d again\",\"channels\":[\"email\",\"inbox\"],"
                       "\"dedup_key\":\"number-%d\",\"dedup_window_s\":3600",
                       i, i);
        MC_EXPECT_EQ(send_to(user_id, rest), 202);
        MC_EXPECT_Z(mc_client_field(&client, "deduplicated"), "2");
    }
    MC_EXPECT(await("/api/notifications?per_page=100", "\"total\":20"));
    MC_EXPECT_EQ(mc_mailbox_count(&box), 20);
    for (size_t i = 1; i < 20; i++) {
        MC_EXPECT(!mc_str_eq(
            mc_mail_header(mc_mailbox_get(&box, OWNER, i), "Message-ID", first, sizeof(first)),
            mc_mail_header(mc_mailbox_get(&box, OWNER, i - 1), "Message-ID", second,
                           sizeof(second))));
    }
    teardown();
}

MC_TEST("people choose what they are told by what, but for what everybody is told")
{
    static const char template[] =
        "{\"title\":\"{{who}} asks\",\"message\":\"M {{what}}\",\"html\":\"<a "
        "href=\\\"{{link}}\\\">"
        "{{what}}</a>\",\"channels\":[\"inbox\",\"email\"],\"label\":\"Questions\"}";
    static const char mandatory[] =
        "{\"title\":\"Alarm\",\"channels\":[\"email\"],\"mandatory\":true}";

    MC_REQUIRE(setup(NULL));
    MC_EXPECT_EQ(
        mc_client_call(&client, "PUT", "/api/notifications/templates/shop.asked", template), 200);
    MC_EXPECT_EQ(
        mc_client_call(&client, "PUT", "/api/notifications/templates/shop.alarm", mandatory), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/notifications/preferences", NULL), 200);
    MC_EXPECT_HAS(client.body, "{\"event\":\"shop.asked\",\"label\":\"Questions\",\"mandatory\":"
                               "false,\"channels\":{\"inbox\":true,\"email\":true}}");
    MC_CASE("off for one event");
    MC_EXPECT_EQ(mc_client_call(&client, "PUT", "/api/notifications/preferences",
                                "{\"preferences\":[{\"event\":\"shop.asked\",\"channel\":\"email\","
                                "\"enabled\":false}]}"),
                 200);
    MC_EXPECT_EQ(send_to(user_id, ",\"event\":\"shop.asked\",\"vars\":{\"who\":\"Anna\"}"), 202);
    MC_EXPECT_Z(client.body, "{\"data\":{\"queued\":1,\"deduplicated\":0,\"skipped\":1},"
                             "\"success\":true}");
    MC_CASE("off for all, on for one");
    MC_EXPECT_EQ(mc_client_call(&client, "PUT", "/api/notifications/preferences",
                                "{\"preferences\":[{\"event\":\"*\",\"channel\":\"inbox\","
                                "\"enabled\":false},{\"event\":\"shop.asked\",\"channel\":"
                                "\"email\",\"enabled\":true}]}"),
                 200);
    MC_EXPECT_EQ(send_to(user_id, ",\"event\":\"shop.asked\",\"vars\":{\"who\":\"<Anna>\",\"what\":"
                                  "\"<?>\",\"link\":\"javascript:1\"}"),
                 202);
    MC_EXPECT_Z(mc_client_field(&client, "queued"), "1");
    MC_REQUIRE(mc_mailbox_wait(&box, OWNER, 1, WAIT_MS));
    MC_EXPECT_HAS(mc_z(mc_mailbox_get(&box, OWNER, 0)->data), "Subject: <Anna> asks\r\n");
    MC_EXPECT_HAS(mc_z(mc_mailbox_get(&box, OWNER, 0)->data), "<a href=3D\"#\">&lt;?&gt;</a>");
    MC_CASE("what everybody is told");
    MC_EXPECT_EQ(mc_client_call(&client, "PUT", "/api/notifications/preferences",
                                "{\"preferences\":[{\"event\":\"shop.alarm\",\"channel\":\"email\","
                                "\"enabled\":false}]}"),
                 422);
    MC_EXPECT_EQ(mc_client_call(&client, "PUT", "/api/notifications/preferences",
                                "{\"preferences\":[{\"event\":\"*\",\"channel\":\"email\","
                                "\"enabled\":false}]}"),
                 200);
    MC_EXPECT_EQ(send_to(user_id, ",\"event\":\"shop.alarm\""), 202);
    MC_EXPECT_Z(mc_client_field(&client, "queued"), "1");
    MC_CASE("preview");
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/notifications/templates/shop.asked/preview",
                                "{\"vars\":{\"who\":\"A\",\"what\":\"b&c\",\"link\":\"/x\"}}"),
                 200);
    MC_EXPECT_Z(mc_client_field(&client, "title"), "A asks");
    MC_EXPECT_EQ(mc_client_call(&client, "DELETE", "/api/notifications/templates/shop.asked", NULL),
                 200);
    MC_EXPECT_EQ(send_to(user_id, ",\"event\":\"shop.asked\""), 422);
    teardown();
}

static const struct {
    const char *name, *method, *path, *body;
    int status;
    const char *has;
} refused[] = {
    {"nobody", "POST", SEND, "{\"title\":\"x\"}", 422, "user_ids"},
    {"no id", "POST", SEND, "{\"user_id\":\"x\",\"title\":\"x\"}", 400, "user_ids"},
    {"somebody who is not there", "POST", SEND,
     "{\"user_id\":\"01a212d9-38e0-7ac8-8766-8fcb3fda137e\",\"title\":\"x\"}", 422, "not_found"},
    {"no event of that name", "POST", SEND,
     "{\"user_id\":\"01a212d9-38e0-7ac8-8766-8fcb3fda137e\",\"event\":\"no.such\"}", 422, "event"},
    {"no channel of that name", "POST", SEND,
     "{\"user_id\":\"01a212d9-38e0-7ac8-8766-8fcb3fda137e\",\"title\":\"x\",\"channels\":[\"fax\"]"
     "}",
     422, "channels"},
    {"no title", "POST", SEND, "{\"user_id\":\"01a212d9-38e0-7ac8-8766-8fcb3fda137e\"}", 422,
     "title"},
    {"a link that runs", "POST", SEND,
     "{\"user_id\":\"01a212d9-38e0-7ac8-8766-8fcb3fda137e\",\"title\":\"x\",\"link\":"
     "\"javascript:1\"}",
     422, "link"},
    {"vars that are none", "POST", SEND,
     "{\"user_id\":\"01a212d9-38e0-7ac8-8766-8fcb3fda137e\",\"vars\":[]}", 400, "vars"},
    {"a window too long", "POST", SEND,
     "{\"user_id\":\"01a212d9-38e0-7ac8-8766-8fcb3fda137e\",\"title\":\"x\",\"dedup_window_s\":"
     "99999999}",
     400, "dedup_window_s"},
    {"a preference for no channel", "PUT", "/api/notifications/preferences",
     "{\"preferences\":[{\"event\":\"*\",\"channel\":\"fax\",\"enabled\":true}]}", 400, "channel"},
    {"a preference for no event", "PUT", "/api/notifications/preferences",
     "{\"preferences\":[{\"event\":\"no.such\",\"channel\":\"email\",\"enabled\":true}]}", 422,
     "event"},
    {"a template without a title", "PUT", "/api/notifications/templates/a.b", "{\"message\":\"x\"}",
     400, "title is required"},
    {"a template whose HTML runs", "PUT", "/api/notifications/templates/a.b",
     "{\"title\":\"x\",\"html\":\"<script>{{x}}</script>\"}", 400, "html"},
    {"a template whose name is none", "PUT", "/api/notifications/templates/A.b",
     "{\"title\":\"x\"}", 400, "event"},
    {"an entry that is not there", "GET",
     "/api/notifications/queue/01a212d9-38e0-7ac8-8766-8fcb3fda137e", NULL, 404, "not found"},
    {"an entry that is not there, again", "POST",
     "/api/notifications/queue/01a212d9-38e0-7ac8-8766-8fcb3fda137e/requeue", NULL, 404,
     "not found"},
    {"a limit too large", "GET", "/api/notifications/queue?limit=1000", NULL, 400, "limit"},
};

MC_TEST("what cannot be sent is refused by name")
{
    MC_REQUIRE(setup(NULL));
    for (size_t i = 0; i < MC_LEN(refused); i++) {
        MC_CASE(refused[i].name);
        MC_EXPECT_EQ(mc_client_call(&client, refused[i].method, refused[i].path, refused[i].body),
                     refused[i].status);
        MC_EXPECT_HAS(client.body, refused[i].has);
    }
    teardown();
}

MC_TEST("another organization sees, sends and changes nothing of ours; who may not manage, neither")
{
    mc_client other;
    char body[300], path[200], theirs[64];

    MC_REQUIRE(setup(NULL));
    mc_client_init(&other, process.port);
    MC_EXPECT_EQ(mc_client_register(&other, "Other", "other@example.com", "another-password"), 201);
    MC_EXPECT_EQ(mc_client_call(&other, "GET", "/api/auth/me", NULL), 200);
    (void)snprintf(theirs, sizeof(theirs), "%.*s", MC_FMT(mc_client_field(&other, "id")));
    MC_EXPECT_EQ(send_to(theirs, ",\"title\":\"x\""), 422);
    MC_EXPECT_EQ(
        mc_client_call(&client, "PUT", "/api/notifications/templates/a.b", "{\"title\":\"Ours\"}"),
        200);
    atomic_store(&refusals, -1);
    MC_EXPECT_EQ(send_to(user_id, ",\"event\":\"a.b\",\"channels\":[\"email\"]"), 202);
    MC_EXPECT(await("/api/notifications/queue", "\"status\":\"failed\""));
    (void)snprintf(path, sizeof(path), "/api/notifications/queue/%.*s",
                   MC_FMT(mc_client_field(&client, "id")));
    MC_EXPECT_EQ(mc_client_call(&other, "GET", path, NULL), 404);
    (void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/requeue");
    MC_EXPECT_EQ(mc_client_call(&other, "POST", path, NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&other, "GET", "/api/notifications/queue", NULL), 200);
    MC_EXPECT_HAS(other.body, "{\"data\":[]");
    MC_EXPECT_EQ(mc_client_call(&other, "GET", "/api/notifications/templates", NULL), 200);
    MC_EXPECT(mc_str_find(other.body, MC_STR("Ours")) == other.body.len);
    MC_EXPECT_EQ(mc_client_call(&other, "DELETE", "/api/notifications/templates/a.b", NULL), 404);
    (void)snprintf(body, sizeof(body), "{\"user_id\":\"%s\",\"event\":\"a.b\"}", theirs);
    MC_EXPECT_EQ(mc_client_call(&other, "POST", SEND, body), 422);
    other.token[0] = '\0';
    MC_EXPECT_EQ(mc_client_call(&other, "GET", "/api/notifications/queue", NULL), 401);
    MC_EXPECT_EQ(mc_client_call(&other, "POST", SEND, body), 401);
    MC_EXPECT_EQ(mc_client_call(&other, "PUT", "/api/notifications/preferences", "{}"), 401);
    mc_client_deinit(&other);
    teardown();
}
