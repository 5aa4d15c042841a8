/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks against a receiver of our own that fails, hangs, answers late and too much. */
#include "mc_client.h"
#include "mc_receiver.h"
#include "mc_test.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_MS 20000
#define TICKETS "/api/dynamic/tickets"

static const char *const args[] = {
    "--dev", "--log-level", "error", "--allow-private-egress", "--webhook-retry-ms", "2", NULL};

typedef struct world {
    mc_process process;
    mc_client client;
    mc_receiver receiver;
    atomic_int failures; /* that are still to be answered */
} world;

static mc_reaction react(void *user, const mc_received *got)
{
    world *w = user;

    if (strstr(got->path, "hang"))
        return (mc_reaction){.status = 0};
    if (strstr(got->path, "gone"))
        return (mc_reaction){.status = 410};
    if (strstr(got->path, "large"))
        return (mc_reaction){.status = 200, .body_size = (size_t)8 << 20};
    if (strstr(got->path, "away"))
        return (mc_reaction){.status = 302, .headers = "Location: /ok\r\n"};
    if (strstr(got->path, "fail") && atomic_fetch_sub(&w->failures, 1) > 0)
        return (mc_reaction){.status = 503, .headers = "Retry-After: 0\r\n"};
    return (mc_reaction){.status = 200};
}

static bool setup(world *w)
{
    memset(w, 0, sizeof(*w));
    w->receiver.decide = react;
    w->receiver.user = w;
    if (!mc_receiver_start(&w->receiver) || !mc_process_start(&w->process, mc_test_dir(), args))
        return false;
    mc_client_init(&w->client, w->process.port);
    return mc_client_sign_in(&w->client, "owner@example.com", "metacore-demo") == 200;
}

static void teardown(world *w)
{
    mc_client_deinit(&w->client);
    MC_EXPECT_EQ(mc_process_stop(&w->process, SIGTERM), 0);
    mc_receiver_stop(&w->receiver);
}

static void hook(world *w, const char *path, const char *events, const char *more, char id[40])
{
    char body[400];

    (void)snprintf(body, sizeof(body), "{\"url\":\"http://127.0.0.1:%u%s\",\"events\":\"%s\"%s}",
                   w->receiver.port, path, events, more);
    MC_EXPECT_EQ(mc_client_call(&w->client, "POST", "/api/webhooks", body), 200);
    (void)snprintf(id, 40, "%.*s", MC_FMT(mc_client_field(&w->client, "id")));
}

static int call(mc_client *client, const char *method, const char *format, const char *id,
                const char *body)
{
    char path[200];

    (void)snprintf(path, sizeof(path), format, id); /* formats of ours */
    return mc_client_call(client, method, path, body);
}

static bool wait_for(world *w, const char *id, const char *format, const char *wanted)
{
    for (int waited = 0; waited < WAIT_MS; waited += 20) {
        struct timespec pause = {.tv_nsec = 20000000};

        if (call(&w->client, "GET", format, id, NULL) == 200 &&
            mc_str_find(w->client.body, mc_z(wanted)) < w->client.body.len)
            return true;
        (void)nanosleep(&pause, NULL);
    }
    return false;
}

MC_TEST("a change is delivered to whoever subscribed to it, with the row before and after")
{
    char id[40], other[40], row[40];
    const mc_received *got;
    world w;

    MC_REQUIRE(setup(&w));
    hook(&w, "/ok", "tickets.tickets.*", ",\"name\":\"all\"", id);
    MC_EXPECT_Z(mc_client_field(&w.client, "status"), "active");
    MC_EXPECT_EQ(mc_client_field(&w.client, "secret").len, 64);
    MC_EXPECT_HAS(mc_client_field(&w.client, "signing_secret"), "whsec_");
    MC_EXPECT_HAS(w.client.body, "\"events\":[\"tickets.tickets.*\"]");
    hook(&w, "/other", "tickets.other.*,tickets", "", other);
    MC_EXPECT_EQ(mc_client_call_type(&w.client, "POST", TICKETS, "application/json",
                                     MC_STR("{\"subject\":\"a\",\"hours\":12345678901234.56}"),
                                     "traceparent: 00-0af7651916cd43dd8448eb211c80319c-"
                                     "b7ad6b7169203331-01\r\ntracestate: vendor=\"x\"\r\n"),
                 201);
    (void)snprintf(row, sizeof(row), "%.*s", MC_FMT(mc_client_field(&w.client, "id")));
    MC_EXPECT_EQ(call(&w.client, "PUT", TICKETS "/%s", row, "{\"subject\":\"b\"}"), 200);
    MC_EXPECT_EQ(call(&w.client, "DELETE", TICKETS "/%s", row, NULL), 200);
    MC_REQUIRE(mc_receiver_wait(&w.receiver, "/ok", 3, WAIT_MS));
    got = mc_receiver_get(&w.receiver, "/ok", 0);
    MC_EXPECT_Z(mc_received_header(got, "x-metacore-event"), "tickets.tickets.created");
    MC_EXPECT_Z(mc_received_header(got, "x-metacore-attempt"), "1");
    MC_EXPECT_Z(mc_received_header(got, "user-agent"), "metacore-webhooks/1.0");
    MC_EXPECT_HAS(mc_z(got->body), "\"hours\":12345678901234.56");
    MC_EXPECT(!strstr(got->body, "\"before\""));
    MC_EXPECT_HAS(mc_received_header(got, "traceparent"), "00-0af7651916cd43dd8448eb211c80319c-");
    MC_EXPECT_Z(mc_received_header(got, "tracestate"), "vendor=\"x\"");
    got = mc_receiver_get(&w.receiver, "/ok", 1);
    MC_EXPECT_Z(mc_received_header(got, "x-metacore-event"), "tickets.tickets.updated");
    MC_EXPECT_HAS(mc_z(got->body), "\"subject\":\"a\"");
    MC_EXPECT_HAS(mc_z(got->body), "\"subject\":\"b\"");
    got = mc_receiver_get(&w.receiver, "/ok", 2);
    MC_EXPECT_Z(mc_received_header(got, "x-metacore-event"), "tickets.tickets.deleted");
    MC_EXPECT_HAS(mc_z(got->body), "\"before\":{");
    MC_EXPECT(!strstr(got->body, "\"after\""));
    MC_EXPECT(!mc_receiver_get(&w.receiver, "/other", 0));

    MC_CASE("the secret is shown once");
    MC_EXPECT_EQ(call(&w.client, "GET", "/api/org-webhooks/%s", id, NULL), 200);
    MC_EXPECT_Z(mc_client_field(&w.client, "secret"), "");
    MC_EXPECT_Z(mc_client_field(&w.client, "secret_masked"), "********");
    MC_CASE("the log");
    MC_EXPECT(wait_for(&w, id, "/api/webhooks/%s/logs?page=1&per_page=2&status=succeeded",
                       "\"total\":3,\"pages\":2"));
    MC_CASE("a rolled back batch tells nothing");
    MC_EXPECT_EQ(mc_client_call(&w.client, "POST", "/api/dynamic/batch",
                                "{\"operations\":[{\"op\":\"create\",\"model\":\"tickets\","
                                "\"data\":{\"subject\":\"x\"}},{\"op\":\"delete\",\"model\":"
                                "\"tickets\",\"id\":\"01a212d9-38e0-7ac8-8766-8fcb3fda137e\"}]}"),
                 404);
    MC_EXPECT_EQ(call(&w.client, "POST", "/api/webhooks/%s/test", id, NULL), 200);
    MC_EXPECT_Z(mc_client_field(&w.client, "succeeded"), "true");
    MC_EXPECT_EQ(mc_receiver_count(&w.receiver), 4);
    teardown(&w);
}

MC_TEST("failures are tried again with the same id until they arrive or are given up")
{
    char id[40], large[40], gone[40], hanging[40], away[40], first[40];
    const mc_received *got;
    world w;

    MC_REQUIRE(setup(&w));
    atomic_store(&w.failures, 2);
    hook(&w, "/fail", "*", "", id);
    hook(&w, "/large", "*", "", large);
    hook(&w, "/gone", "*", "", gone);
    hook(&w, "/hang", "*", ",\"timeout_secs\":1,\"max_retries\":1", hanging);
    hook(&w, "/away", "*", ",\"retry_max\":2", away);
    MC_EXPECT_EQ(mc_client_call(&w.client, "POST", TICKETS, "{\"subject\":\"a\"}"), 201);
    MC_REQUIRE(mc_receiver_wait(&w.receiver, "/fail", 3, WAIT_MS));
    got = mc_receiver_get(&w.receiver, "/fail", 0);
    (void)snprintf(first, sizeof(first), "%.*s",
                   MC_FMT(mc_received_header(got, "x-metacore-delivery")));
    got = mc_receiver_get(&w.receiver, "/fail", 2);
    MC_EXPECT_Z(mc_received_header(got, "x-metacore-delivery"), first);
    MC_EXPECT_Z(mc_received_header(got, "webhook-id"), first);
    MC_EXPECT_Z(mc_received_header(got, "x-metacore-attempt"), "3");
    MC_CASE("an answer of 8 MB is an answer, of which the beginning is kept");
    MC_EXPECT(wait_for(&w, large, "/api/webhooks/%s/logs", "\"status\":\"succeeded\""));
    MC_EXPECT(mc_client_field(&w.client, "response_body").len == 8192);
    MC_CASE("410 switches it off");
    MC_EXPECT(wait_for(&w, gone, "/api/webhooks/%s", "\"status\":\"disabled\""));
    MC_EXPECT_HAS(mc_client_field(&w.client, "disabled_reason"), "410");
    MC_CASE("who hangs is left after its timeout");
    MC_EXPECT(wait_for(&w, hanging, "/api/webhooks/%s/logs", "\"status\":\"failed\""));
    MC_EXPECT_HAS(mc_client_field(&w.client, "error_message"), "in time");
    MC_CASE("redirects are not followed");
    MC_EXPECT(wait_for(&w, away, "/api/webhooks/%s/logs", "\"status\":\"failed\""));
    MC_EXPECT_Z(mc_client_field(&w.client, "attempt_count"), "2");
    MC_EXPECT(!mc_receiver_get(&w.receiver, "/ok", 0));
    MC_CASE("the switched off one gets nothing more, and what is pending waits");
    MC_EXPECT_EQ(mc_client_call(&w.client, "POST", TICKETS, "{\"subject\":\"b\"}"), 201);
    MC_EXPECT(mc_receiver_wait(&w.receiver, "/fail", 4, WAIT_MS));
    MC_EXPECT(!mc_receiver_get(&w.receiver, "/gone", 1));
    teardown(&w);
}

MC_TEST("a failed test is not tried again; deliveries are sent again by one and by many")
{
    char id[40], log[40], body[200];
    world w;

    MC_REQUIRE(setup(&w));
    atomic_store(&w.failures, 1);
    hook(&w, "/fail", "*", ",\"status\":\"inactive\"", id);
    MC_EXPECT_Z(mc_client_field(&w.client, "active"), "false");
    MC_EXPECT_EQ(call(&w.client, "POST", "/api/webhooks/%s/test", id, NULL), 200);
    MC_EXPECT_Z(mc_client_field(&w.client, "succeeded"), "false");
    MC_EXPECT_Z(mc_client_field(&w.client, "status"), "failed");
    MC_EXPECT_Z(mc_client_field(&w.client, "response_status"), "503");
    MC_EXPECT_EQ(mc_client_call(&w.client, "POST", TICKETS, "{\"subject\":\"a\"}"), 201);
    MC_EXPECT_EQ(call(&w.client, "PUT", "/api/webhooks/%s", id, "{\"active\":true}"), 200);
    MC_EXPECT_EQ(mc_client_call(&w.client, "POST", TICKETS, "{\"subject\":\"b\"}"), 201);
    MC_EXPECT(wait_for(&w, id, "/api/webhooks/%s/logs?event=tickets.tickets.created&status=success",
                       "\"total\":1,"));
    MC_EXPECT_EQ(mc_receiver_count(&w.receiver), 2);
    (void)snprintf(log, sizeof(log), "%.*s", MC_FMT(mc_client_field(&w.client, "id")));
    MC_EXPECT_EQ(call(&w.client, "POST", "/api/webhooks/logs/%s/replay", log, NULL), 200);
    MC_EXPECT_Z(mc_client_field(&w.client, "replay_of"), log);
    MC_EXPECT_Z(mc_client_field(&w.client, "succeeded"), "true");
    (void)snprintf(body, sizeof(body), "/api/org-webhooks/%s/logs/%s/replay", id, log);
    MC_EXPECT_EQ(mc_client_call(&w.client, "POST", body, "{}"), 200);
    (void)snprintf(body, sizeof(body), "{\"ids\":[\"%s\",\"%s\"]}", log, log);
    MC_EXPECT_EQ(call(&w.client, "POST", "/api/webhooks/%s/replay", id, body), 200);
    MC_EXPECT_Z(mc_client_field(&w.client, "queued"), "2");
    MC_EXPECT(mc_receiver_wait(&w.receiver, "/fail", 6, WAIT_MS));
    MC_CASE("a page sends both spellings back and has changed one");
    MC_EXPECT_EQ(
        call(&w.client, "PUT", "/api/webhooks/%s", id, "{\"active\":true,\"status\":\"inactive\"}"),
        200);
    MC_EXPECT_Z(mc_client_field(&w.client, "active"), "false");
    MC_EXPECT_EQ(
        call(&w.client, "PUT", "/api/webhooks/%s", id, "{\"active\":true,\"status\":\"inactive\"}"),
        200);
    MC_EXPECT_Z(mc_client_field(&w.client, "status"), "active");
    MC_CASE("stats, and the end");
    MC_EXPECT(wait_for(&w, id, "/api/webhooks/stats", "\"pending\":0"));
    MC_EXPECT_EQ(call(&w.client, "DELETE", "/api/webhooks/%s/logs", id, NULL), 200);
    MC_EXPECT_Z(mc_client_field(&w.client, "deleted"), "6");
    MC_EXPECT_EQ(call(&w.client, "DELETE", "/api/webhooks/%s", id, NULL), 200);
    MC_EXPECT_HAS(w.client.body, "{\"data\":null,");
    MC_EXPECT_EQ(call(&w.client, "DELETE", "/api/webhooks/%s", id, NULL), 404);
    teardown(&w);
}

MC_TEST("both secrets sign while a rotation lasts")
{
    char id[40];
    const mc_received *got;
    world w;

    MC_REQUIRE(setup(&w));
    hook(&w, "/ok", "*", "", id);
    MC_EXPECT_EQ(call(&w.client, "POST", "/api/webhooks/%s/rotate-secret", id, NULL), 200);
    MC_EXPECT_EQ(mc_client_field(&w.client, "secret").len, 64);
    MC_EXPECT_EQ(call(&w.client, "POST", "/api/webhooks/%s/test", id, NULL), 200);
    got = mc_receiver_get(&w.receiver, "/ok", 0);
    MC_REQUIRE(got);
    MC_EXPECT_HAS(mc_received_header(got, "webhook-signature"), " v1,");
    MC_EXPECT_EQ(mc_received_header(got, "x-metacore-signature-previous").len, 64);
    MC_EXPECT_EQ(call(&w.client, "POST", "/api/webhooks/%s/rotate-secret", id, "{\"grace_sec\":0}"),
                 200);
    MC_EXPECT_EQ(call(&w.client, "POST", "/api/webhooks/%s/test", id, NULL), 200);
    got = mc_receiver_get(&w.receiver, "/ok", 1);
    MC_REQUIRE(got);
    MC_EXPECT_EQ(mc_received_header(got, "x-metacore-signature-previous").len, 0);
    teardown(&w);
}

MC_TEST("another organization neither sees, uses nor receives, and strangers to it may not")
{
    static const struct {
        const char *method, *format, *body;
    } foreign[] = {
        {"GET", "/api/webhooks/%s", NULL},
        {"PUT", "/api/webhooks/%s", "{\"name\":\"mine\",\"organization_id\":\"x\"}"},
        {"DELETE", "/api/webhooks/%s", NULL},
        {"POST", "/api/webhooks/%s/test", NULL},
        {"POST", "/api/webhooks/%s/rotate-secret", NULL},
        {"GET", "/api/webhooks/%s/logs", NULL},
        {"DELETE", "/api/webhooks/%s/logs", NULL},
        {"POST", "/api/webhooks/%s/replay", "{}"},
        {"POST", "/api/webhooks/logs/%s/replay", NULL},
    };
    static const char *const bad[] = {
        "{\"events\":\"*\"}",
        "{\"url\":\"\",\"events\":\"*\"}",
        "{\"url\":\"ftp://example.com\",\"events\":\"*\"}",
        "{\"url\":\"https://\",\"events\":\"*\"}",
        "{\"url\":\"https://example.com\"}",
        "{\"url\":\"https://example.com\",\"events\":[]}",
        "{\"url\":\"https://example.com\",\"events\":[1]}",
        "{\"url\":\"https://example.com\",\"events\":\"a b\"}",
        "{\"url\":\"https://example.com\",\"events\":\"*\",\"retry_max\":\"many\"}",
        "{\"url\":\"https://example.com\",\"events\":\"*\",\"active\":\"maybe\"}",
    };
    char id[40], theirs[40];
    mc_client other;
    world w;

    MC_REQUIRE(setup(&w));
    mc_client_init(&other, w.process.port);
    MC_EXPECT_EQ(mc_client_register(&other, "Other", "other@example.com", "another-password"), 201);
    hook(&w, "/ok", "*", "", id);
    for (size_t i = 0; i < MC_LEN(foreign); i++) {
        MC_CASE(foreign[i].format);
        MC_EXPECT_EQ(call(&other, foreign[i].method, foreign[i].format, id, foreign[i].body), 404);
    }
    MC_CASE("what happens there");
    MC_EXPECT_EQ(mc_client_call(&other, "POST", TICKETS, "{\"subject\":\"x\"}"), 201);
    MC_EXPECT_EQ(mc_client_call(&other, "GET", "/api/webhooks", NULL), 200);
    MC_EXPECT_HAS(other.body, "{\"data\":[],");
    MC_CASE("what a body may not say");
    MC_EXPECT_EQ(mc_client_call(&other, "POST", "/api/webhooks",
                                "{\"url\":\"https://example.com\",\"events\":[\"*\"],\"id\":\"x\","
                                "\"organization_id\":\"x\",\"success_count\":9,\"secret\":\"s\","
                                "\"retry_max\":1000,\"timeout_sec\":-1}"),
                 200);
    (void)snprintf(theirs, sizeof(theirs), "%.*s", MC_FMT(mc_client_field(&other, "id")));
    MC_EXPECT_Z(mc_client_field(&other, "success_count"), "0");
    MC_EXPECT_Z(mc_client_field(&other, "retry_max"), "20");
    MC_EXPECT_Z(mc_client_field(&other, "timeout_sec"), "15");
    MC_EXPECT_EQ(call(&w.client, "GET", "/api/webhooks/%s", theirs, NULL), 404);
    for (size_t i = 0; i < MC_LEN(bad); i++) {
        MC_CASE(bad[i]);
        MC_EXPECT_EQ(mc_client_call(&other, "POST", "/api/webhooks", bad[i]), 400);
    }
    MC_CASE("nobody");
    other.token[0] = '\0';
    MC_EXPECT_EQ(mc_client_call(&other, "GET", "/api/webhooks", NULL), 401);
    MC_EXPECT_EQ(mc_receiver_count(&w.receiver), 0);
    mc_client_deinit(&other);
    teardown(&w);
}

/* ---- killed, again and again ---- */

#define RECORDS 20
#define UPDATES 12
#define KILLS 5

/* One in four fails, some hang until they are left, some are late. */
static mc_reaction unreliable(void *user, const mc_received *got)
{
    unsigned number = (unsigned)atomic_fetch_add((atomic_int *)user, 1) * 2654435761U >> 20;

    (void)got;
    if (number % 4 == 0)
        return (mc_reaction){.status = 500};
    if (number % 61 == 1)
        return (mc_reaction){.status = 0};
    return (mc_reaction){.status = 200, .delay_ms = number % 8 == 1 ? 30 : 0};
}

static bool restart(world *w)
{
    char data[sizeof(w->process.data)];

    (void)snprintf(data, sizeof(data), "%s", w->process.data);
    mc_client_deinit(&w->client);
    if (!mc_process_start(&w->process, data, args))
        return false;
    mc_client_init(&w->client, w->process.port);
    return mc_client_sign_in(&w->client, "owner@example.com", "metacore-demo") == 200;
}

/* The step that got tells of record, or -1. */
static int step_of(const mc_received *got, const char *record)
{
    const char *after = strstr(got->body, "\"after\":"), *subject;
    char id[60];

    (void)snprintf(id, sizeof(id), "{\"id\":\"%s\"", record);
    subject = after ? strstr(after, "\"subject\":\"step ") : NULL;
    return subject && !strncmp(got->body, id, strlen(id)) ? (int)strtol(subject + 16, NULL, 10)
                                                          : -1;
}

/* Each step arrived, none that was never written, and first arrivals are in order. */
static void check_record(world *w, const char *record, int steps)
{
    int newest = -1;

    for (size_t i = 0; i < mc_receiver_count(&w->receiver); i++) {
        const mc_received *got = mc_receiver_get(&w->receiver, NULL, i);
        int step = got->status == 200 ? step_of(got, record) : -1;

        if (step <= newest)
            continue; /* of another record, or told again */
        MC_EXPECT_EQ(step, newest + 1);
        newest = step;
    }
    MC_EXPECT_EQ(newest, steps);
}

MC_TEST(
    "a server killed while it delivers loses no event, invents none and keeps each record's order")
{
    static char records[RECORDS][40];
    static int steps[RECORDS];
    char id[40], body[64];
    atomic_int requests = 0;
    world w;

    MC_REQUIRE(setup(&w));
    hook(&w, "/flaky", "*", ",\"timeout_sec\":1,\"retry_max\":20", id);
    w.receiver.decide = unreliable;
    w.receiver.user = &requests;
    for (int r = 0; r < RECORDS; r++) {
        steps[r] = 0;
        MC_REQUIRE(mc_client_call(&w.client, "POST", TICKETS, "{\"subject\":\"step 0\"}") == 201);
        (void)snprintf(records[r], sizeof(records[r]), "%.*s",
                       MC_FMT(mc_client_field(&w.client, "id")));
    }
    for (int n = 1; n <= UPDATES; n++) {
        (void)snprintf(body, sizeof(body), "{\"subject\":\"step %d\"}", n);
        for (int r = 0; r < RECORDS; r++) {
            MC_EXPECT_EQ(call(&w.client, "PUT", TICKETS "/%s", records[r], body), 200);
            steps[r] = n;
        }
        if (n % (UPDATES / KILLS) == 0) {
            MC_EXPECT_EQ(mc_process_stop(&w.process, SIGKILL), 128 + SIGKILL);
            MC_REQUIRE(restart(&w));
        }
    }
    MC_EXPECT(wait_for(&w, id, "/api/webhooks/%s/logs?status=failed", "\"total\":0"));
    for (int waited = 0; waited < 6 && !wait_for(&w, id, "/api/webhooks/stats", "\"pending\":0");
         waited++)
        ;
    for (int r = 0; r < RECORDS; r++) {
        MC_CASE(records[r]);
        check_record(&w, records[r], steps[r]);
    }
    teardown(&w);
}
