/* SPDX-License-Identifier: Apache-2.0 */
/* Web push against a push service of our own. */
#include "mc_client.h"
#include "mc_receiver.h"
#include "mc_test.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define WAIT_MS 20000
#define UA_PUBLIC                                                                                  \
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define AUTH "BTBZMqHH6r4Tts7J_aSIgg"

static char public_key[100], private_key[60];
static atomic_int failures;

static mc_reaction react(void *user, const mc_received *got)
{
    (void)user;
    if (strstr(got->path, "hang"))
        return (mc_reaction){.status = 0};
    if (strstr(got->path, "gone"))
        return (mc_reaction){.status = 410};
    if (strstr(got->path, "busy") && atomic_fetch_sub(&failures, 1) > 0)
        return (mc_reaction){.status = 429, .headers = "Retry-After: 1\r\n"};
    return (mc_reaction){.status = 201};
}

/* The keys that the command line makes. */
static bool make_keys(void)
{
    static const char *const args[] = {"push", "keygen", NULL};
    char out[400];

    return mc_process_run(args, "", out, sizeof(out)) == 0 &&
           sscanf(out, "VAPID_PRIVATE_KEY=%59s\nVAPID_PUBLIC_KEY=%99s", private_key, public_key) ==
               2;
}

static bool setup(mc_process *process, mc_receiver *receiver, mc_client *client)
{
    const char *const args[] = {"--dev",
                                "--log-level",
                                "error",
                                "--allow-private-egress",
                                "--vapid-public-key",
                                public_key,
                                "--vapid-private-key",
                                private_key,
                                NULL};

    *receiver = (mc_receiver){.decide = react};
    if (!make_keys() || !mc_receiver_start(receiver) ||
        !mc_process_start(process, mc_test_dir(), args))
        return false;
    mc_client_init(client, process->port);
    return mc_client_sign_in(client, "owner@example.com", "metacore-demo") == 200;
}

static void teardown(mc_process *process, mc_receiver *receiver, mc_client *client)
{
    mc_client_deinit(client);
    MC_EXPECT_EQ(mc_process_stop(process, SIGTERM), 0);
    mc_receiver_stop(receiver);
}

static int subscribe(mc_client *client, const mc_receiver *receiver, const char *path,
                     bool is_nested)
{
    char body[600];

    (void)snprintf(body, sizeof(body),
                   is_nested
                       ? "{\"endpoint\":\"http://127.0.0.1:%u%s\",\"keys\":{\"p256dh\":\"%s\","
                         "\"auth\":\"%s\"}}"
                       : "{\"endpoint\":\"http://127.0.0.1:%u%s\",\"p256dh\":\"%s\",\"auth\":"
                         "\"%s\",\"device_type\":\"web\"}",
                   receiver->port, path, UA_PUBLIC, AUTH);
    return mc_client_call(client, "POST", "/api/push/subscribe", body);
}

static void unsubscribe(mc_client *client, const mc_receiver *receiver, const char *path)
{
    char body[200];

    (void)snprintf(body, sizeof(body), "{\"endpoint\":\"http://127.0.0.1:%u%s\"}", receiver->port,
                   path);
    MC_EXPECT_EQ(mc_client_call(client, "POST", "/api/push/unsubscribe", body), 200);
    MC_EXPECT_Z(client->body, "{\"success\":true}");
}

/* What node, where it is installed, makes of it; empty: it is not. */
static mc_str decrypt(const mc_receiver *receiver, const mc_received *got, char *room, size_t size)
{
    mc_str authorization = mc_received_header(got, "authorization");
    char path[300], command[900];
    size_t len = 0;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/message", mc_test_dir());
    file = fopen(path, "we");
    if (!file)
        return MC_STR("");
    fprintf(file, "http://127.0.0.1:%u%s\n%.*s\n", receiver->port, got->path,
            MC_FMT(authorization));
    for (size_t i = 0; i < got->body_len; i++)
        fprintf(file, "%02x", (unsigned char)got->body[i]);
    fprintf(file, "\n");
    (void)fclose(file); /* a short file does not decrypt */
    (void)snprintf(command, sizeof(command),
                   "command -v node >/dev/null && node " MC_TEST_PUSH_DECRYPT " %s 2>&1", path);
    file = popen(command, "re");
    if (file)
        len = fread(room, 1, size, file);
    if (file)
        (void)pclose(file); /* what it printed is looked at */
    return mc_str_trim(mc_str_of(room, len));
}

MC_TEST("a message reaches its browser, which can decrypt it")
{
    char room[4096];
    const mc_received *got;
    mc_receiver receiver;
    mc_process process;
    mc_client client;
    mc_str text;

    MC_REQUIRE(setup(&process, &receiver, &client));
    MC_CASE("the key, before anybody signed in");
    client.token[0] = '\0';
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/push/public-key", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "public_key"), public_key);
    MC_EXPECT_HAS(client.body, "},\"publicKey\":\"");
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "metacore-demo"), 200);
    MC_CASE("a test");
    MC_EXPECT_EQ(subscribe(&client, &receiver, "/one", false), 200);
    MC_EXPECT_Z(mc_client_field(&client, "device_type"), "web");
    MC_EXPECT_EQ(mc_client_field(&client, "auth").len, 0);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/test", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "queued"), "1");
    MC_REQUIRE(mc_receiver_wait(&receiver, "/one", 1, WAIT_MS));
    got = mc_receiver_get(&receiver, "/one", 0);
    MC_EXPECT_Z(mc_received_header(got, "content-encoding"), "aes128gcm");
    MC_EXPECT_Z(mc_received_header(got, "content-type"), "application/octet-stream");
    MC_EXPECT_Z(mc_received_header(got, "urgency"), "high");
    MC_EXPECT_HAS(mc_received_header(got, "ttl"), "86");
    text = decrypt(&receiver, got, room, sizeof(room));
    if (text.len)
        MC_EXPECT_Z(text, "{\"title\":\"Test notification\",\"body\":\"If you can read this, push "
                          "is working.\",\"url\":\"/\"}");
    teardown(&process, &receiver, &client);
    if (!text.len)
        MC_SKIP("node is not installed");
}

MC_TEST("who is busy is asked again, and what is gone no more")
{
    mc_receiver receiver;
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &receiver, &client));
    atomic_store(&failures, 1);
    MC_EXPECT_EQ(subscribe(&client, &receiver, "/busy", true), 200);
    MC_EXPECT_EQ(subscribe(&client, &receiver, "/gone", true), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/test", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "queued"), "2");
    MC_EXPECT(mc_receiver_wait(&receiver, "/busy", 2, WAIT_MS));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/push/subscriptions", NULL), 200);
    MC_EXPECT_HAS(client.body, "/busy");
    MC_EXPECT(mc_str_find(client.body, MC_STR("/gone")) == client.body.len);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/test", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "queued"), "1");
    MC_EXPECT(mc_receiver_wait(&receiver, "/busy", 3, WAIT_MS));
    MC_EXPECT(!mc_receiver_get(&receiver, "/gone", 1));
    teardown(&process, &receiver, &client);
}

static size_t count_hanging(mc_receiver *receiver)
{
    size_t count = 0;

    for (size_t i = 0; mc_receiver_get(receiver, NULL, i); i++)
        count += strstr(mc_receiver_get(receiver, NULL, i)->path, "hang") != NULL;
    return count;
}

MC_TEST("a push service that hangs leaves half of those who send to the others")
{
    char path[32], body[600];
    mc_receiver receiver;
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &receiver, &client));
    for (int i = 0; i < 12; i++) {
        (void)snprintf(path, sizeof(path), "/hang/%d", i);
        MC_EXPECT_EQ(subscribe(&client, &receiver, path, true), 200);
    }
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/test", NULL), 200);
    (void)snprintf(body, sizeof(body),
                   "{\"endpoint\":\"http://localhost:%u/other\",\"p256dh\":\"%s\",\"auth\":\"%s\"}",
                   receiver.port, UA_PUBLIC, AUTH);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/subscribe", body), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/test", NULL), 200);
    MC_EXPECT(mc_receiver_wait(&receiver, "/other", 1, WAIT_MS));
    MC_EXPECT(count_hanging(&receiver) <= 4);
    teardown(&process, &receiver, &client);
}

MC_TEST("a subscription is one person's; an endpoint of another is neither taken nor removed")
{
    static const char *const bad[] = {
        "{}",
        "{\"endpoint\":\"\"}",
        "{\"endpoint\":\"ftp://example.com\",\"p256dh\":\"" UA_PUBLIC "\",\"auth\":\"" AUTH "\"}",
        "{\"endpoint\":\"https://example.com/x\"}",
        "{\"endpoint\":\"https://example.com/x\",\"p256dh\":\"AAAA\",\"auth\":\"" AUTH "\"}",
        "{\"endpoint\":\"https://example.com/x\",\"p256dh\":\"" UA_PUBLIC "\",\"auth\":\"AAAA\"}",
        "{\"endpoint\":\"https://example.com/x\",\"keys\":[],\"auth\":1}",
    };
    mc_receiver receiver;
    mc_process process;
    mc_client client, other;

    MC_REQUIRE(setup(&process, &receiver, &client));
    mc_client_init(&other, process.port);
    MC_EXPECT_EQ(mc_client_register(&other, "Other", "other@example.com", "another-password"), 201);
    MC_EXPECT_EQ(subscribe(&client, &receiver, "/mine", false), 200);
    MC_EXPECT_EQ(subscribe(&client, &receiver, "/mine", true), 200);
    MC_EXPECT_EQ(subscribe(&other, &receiver, "/mine", false), 409);
    unsubscribe(&other, &receiver, "/mine");
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/test", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "queued"), "1");
    MC_EXPECT_EQ(mc_client_call(&other, "POST", "/api/push/test", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&other, "queued"), "0");
    MC_CASE("after unsubscribing, again, and by somebody else");
    unsubscribe(&client, &receiver, "/mine");
    MC_EXPECT_EQ(subscribe(&client, &receiver, "/mine", false), 200);
    unsubscribe(&client, &receiver, "/mine");
    MC_EXPECT_EQ(subscribe(&other, &receiver, "/mine", false), 200);
    for (size_t i = 0; i < MC_LEN(bad); i++) {
        MC_CASE(bad[i]);
        MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/subscribe", bad[i]), 400);
    }
    other.token[0] = '\0';
    MC_EXPECT_EQ(subscribe(&other, &receiver, "/x", false), 401);
    mc_client_deinit(&other);
    teardown(&process, &receiver, &client);
}

MC_TEST("without keys there is no push, and with wrong ones no start")
{
    static const char *const plain[] = {"--dev", "--log-level", "error", NULL};
    const char *const wrong[] = {"serve",
                                 "--dev",
                                 "--data",
                                 mc_test_dir(),
                                 "--listen",
                                 "127.0.0.1:0",
                                 "--vapid-public-key",
                                 UA_PUBLIC,
                                 "--vapid-private-key",
                                 private_key,
                                 NULL};
    mc_process process;
    mc_client client;
    char out[4096];

    MC_REQUIRE(make_keys());
    MC_EXPECT(mc_process_run(wrong, "", out, sizeof(out)) != 0);
    MC_EXPECT_HAS(mc_z(out), "not of one pair");
    MC_REQUIRE(mc_process_start(&process, mc_test_dir(), plain));
    mc_client_init(&client, process.port);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/push/public-key", NULL), 404);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "metacore-demo"), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/push/test", NULL), 404);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
