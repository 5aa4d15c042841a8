/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are sent again: done once, also when the server dies in between. */
#include "mc_client.h"
#include "mc_test.h"
#include "workshop.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#define KEY(k) "Idempotency-Key: " k "\r\n"
#define REPLAYED "Idempotent-Replay: true"
#define PEOPLE "/api/dynamic/people"

static bool is_replay(const mc_client *client)
{
    return mc_str_find(client->head, MC_STR(REPLAYED)) < client->head.len;
}

static long long count_rows(mc_client *client, const char *model)
{
    int64_t total = -1;

    MC_EXPECT_EQ(mc_client_call(client, "GET",
                                text_of("/api/dynamic/%s?per_page=1&count=exact", model), NULL),
                 200);
    (void)mc_str_i64(mc_client_field(client, "total"), 0, INT64_MAX, &total);
    return total;
}

MC_TEST("a request with a key is done once; the same again gets the same answer")
{
    workshop w;
    mc_client agent;
    char id[40], path[100];

    MC_REQUIRE(workshop_open(&w));
    MC_EXPECT_EQ(call_if(&w.mine, "POST", PEOPLE, "{\"name\":\"Ann\"}", KEY("a")), 201);
    MC_EXPECT(!is_replay(&w.mine));
    (void)snprintf(id, sizeof(id), "%.*s", MC_FMT(mc_client_field(&w.mine, "id")));
    MC_EXPECT_EQ(call_if(&w.mine, "POST", PEOPLE, "{\"name\":\"Ann\"}", KEY("a")), 201);
    MC_EXPECT(is_replay(&w.mine));
    MC_EXPECT_Z(mc_client_field(&w.mine, "id"), id);
    MC_EXPECT_HAS(w.mine.head, "ETag: ");
    MC_EXPECT_EQ(count_rows(&w.mine, "people"), 1);

    MC_CASE("another body");
    MC_EXPECT_EQ(call_if(&w.mine, "POST", PEOPLE, "{\"name\":\"Bob\"}", KEY("a")), 422);
    MC_EXPECT_HAS(w.mine.body, "\"code\":\"idempotency_conflict\"");
    MC_CASE("another route");
    (void)snprintf(path, sizeof(path), PEOPLE "/%s", id);
    MC_EXPECT_EQ(call_if(&w.mine, "PUT", path, "{\"name\":\"Eve\"}", KEY("a")), 200);
    MC_EXPECT(!is_replay(&w.mine));
    MC_CASE("a deletion is answered as it was, not 404");
    MC_EXPECT_EQ(call_if(&w.mine, "DELETE", path, NULL, KEY("d")), 200);
    MC_EXPECT_EQ(call_if(&w.mine, "DELETE", path, NULL, KEY("d")), 200);
    MC_EXPECT(is_replay(&w.mine));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "DELETE", path, NULL), 404);
    MC_CASE("another organization, another person");
    MC_EXPECT_EQ(call_if(&w.theirs, "POST", PEOPLE, "{\"name\":\"Ann\"}", KEY("a")), 201);
    MC_EXPECT(!is_replay(&w.theirs));
    MC_REQUIRE(workshop_agent(&w, &agent));
    MC_EXPECT_EQ(call_if(&agent, "POST", PEOPLE, "{\"name\":\"Ann\"}", KEY("a")), 403);
    MC_REQUIRE(workshop_grant(&w, "people.create"));
    MC_EXPECT_EQ(call_if(&agent, "POST", PEOPLE, "{\"name\":\"Ann\"}", KEY("a")), 201);
    MC_EXPECT(!is_replay(&agent));
    MC_CASE("who may no more is not shown the old answer");
    MC_REQUIRE(workshop_revoke(&w, "people.create"));
    MC_EXPECT_EQ(call_if(&agent, "POST", PEOPLE, "{\"name\":\"Ann\"}", KEY("a")), 403);
    MC_CASE("a reader's key means nothing");
    MC_EXPECT_EQ(call_if(&w.mine, "GET", PEOPLE, NULL, KEY("a")), 200);
    MC_EXPECT(!is_replay(&w.mine));
    mc_client_deinit(&agent);
    workshop_close(&w);
}

MC_TEST("what failed is not kept: it may be tried again with the same key")
{
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_EXPECT_EQ(call_if(&w.mine, "POST", "/api/dynamic/projects", "{\"code\":\"P\"}", KEY("f")),
                 422);
    MC_EXPECT_EQ(call_if(&w.mine, "POST", "/api/dynamic/projects",
                         "{\"name\":\"x\",\"code\":\"P\"}", KEY("f")),
                 201);
    MC_CASE("a refusal of the store's");
    MC_EXPECT_EQ(call_if(&w.mine, "POST", "/api/dynamic/projects",
                         "{\"name\":\"y\",\"code\":\"P\"}", KEY("g")),
                 409);
    MC_EXPECT_EQ(call_if(&w.mine, "POST", "/api/dynamic/projects",
                         "{\"name\":\"y\",\"code\":\"Q\"}", KEY("g")),
                 201);
    MC_EXPECT(!is_replay(&w.mine));
    workshop_close(&w);
}

MC_TEST("actions, imports and batches are done once too, and malformed keys are refused")
{
    static const struct {
        const char *name, *header;
        int status;
    } cases[] = {
        {"twice", KEY("a") KEY("b"), 400},
        {"empty", KEY(""), 400},
        {"not ASCII", KEY("\xc3\xa9"), 400},
    };
    static const char batch[] = "{\"operations\":[{\"op\":\"create\",\"model\":\"people\",\"data\":"
                                "{\"name\":\"B\"}}]}";
    workshop w;
    char id[40];

    MC_REQUIRE(workshop_open(&w));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(call_if(&w.mine, "POST", PEOPLE, "{\"name\":\"x\"}", cases[i].header),
                     cases[i].status);
    }
    MC_CASE("a batch");
    MC_EXPECT_EQ(call_if(&w.mine, "POST", "/api/dynamic/batch", batch, KEY("b")), 200);
    MC_EXPECT_EQ(call_if(&w.mine, "POST", "/api/dynamic/batch", batch, KEY("b")), 200);
    MC_EXPECT(is_replay(&w.mine));
    MC_EXPECT_EQ(count_rows(&w.mine, "people"), 1);
    MC_CASE("an import");
    for (int i = 0; i < 2; i++) {
        MC_EXPECT_EQ(mc_client_call_type(&w.mine, "POST", PEOPLE "/import", "text/csv",
                                         MC_STR("name\nC\nD\n"), KEY("i")),
                     200);
        MC_EXPECT_EQ(is_replay(&w.mine), i > 0);
    }
    MC_EXPECT_EQ(mc_client_call_type(&w.mine, "POST", PEOPLE "/import", "text/csv",
                                     MC_STR("name\nC\nE\n"), KEY("i")),
                 422);
    MC_EXPECT_EQ(count_rows(&w.mine, "people"), 3);
    MC_CASE("an action");
    MC_REQUIRE(workshop_make(&w.mine, "projects", "{\"name\":\"x\"}", id));
    for (int i = 0; i < 2; i++) {
        MC_EXPECT_EQ(call_if(&w.mine, "POST", text_of("/api/dynamic/projects/%s/action/read", id),
                             "{}", KEY("c")),
                     200);
        MC_EXPECT_EQ(is_replay(&w.mine), i > 0);
    }
    workshop_close(&w);
}

/* ---- at the same time ---- */

#define AT_ONCE 8

static workshop shop;
static atomic_int made, refused;

static void *send_same(void *user)
{
    mc_client client;
    int status;

    mc_client_init(&client, shop.process.port);
    memcpy(client.token, shop.mine.token, sizeof(client.token));
    status = call_if(&client, "POST", PEOPLE, "{\"name\":\"once\"}", user);
    if (status == 201)
        atomic_fetch_add(&made, 1);
    else if (status == 409 && mc_str_find(client.head, MC_STR("Retry-After: ")) < client.head.len)
        atomic_fetch_add(&refused, 1);
    mc_client_deinit(&client);
    return NULL;
}

MC_TEST("the same request at the same time makes one row")
{
    static char header[] = KEY("same");
    pthread_t threads[AT_ONCE];

    MC_REQUIRE(workshop_open(&shop));
    for (int i = 0; i < AT_ONCE; i++)
        MC_REQUIRE(pthread_create(&threads[i], NULL, send_same, header) == 0);
    for (int i = 0; i < AT_ONCE; i++)
        (void)pthread_join(threads[i], NULL);
    MC_EXPECT(atomic_load(&made) >= 1);
    MC_EXPECT_EQ(atomic_load(&made) + atomic_load(&refused), AT_ONCE);
    MC_EXPECT_EQ(count_rows(&shop.mine, "people"), 1);
    workshop_close(&shop);
}

/* ---- kill -9 ---- */

#define KILLS 15
#define SENT_MAX 4000

typedef struct sender {
    pthread_t thread;
    mc_client client;
    atomic_bool go_on;
    int round;
    int sent;               /* keys that were used in this round */
    char ids[SENT_MAX][40]; /* of those that were answered; else empty */
} sender;

static int send_one(mc_client *client, int round, int n)
{
    char header[80], body[80];

    (void)snprintf(header, sizeof(header), "Idempotency-Key: r%d-%d\r\n", round, n);
    (void)snprintf(body, sizeof(body), "{\"subject\":\"r%d-%d\"}", round, n);
    return mc_client_call_type(client, "POST", "/api/dynamic/tickets", "application/json",
                               mc_z(body), header);
}

static void *send_until_cut(void *user)
{
    sender *s = user;

    for (s->sent = 0; s->sent < SENT_MAX && atomic_load(&s->go_on);) {
        int n = s->sent++;

        s->ids[n][0] = '\0';
        if (send_one(&s->client, s->round, n) != 201)
            break;
        (void)snprintf(s->ids[n], sizeof(s->ids[n]), "%.*s",
                       MC_FMT(mc_client_field(&s->client, "id")));
    }
    return NULL;
}

static bool start(mc_process *process, const char *data, mc_client *client)
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};

    if (!mc_process_start(process, data, args))
        return false;
    mc_client_init(client, process->port);
    return mc_client_sign_in(client, "owner@example.com", "metacore-demo") == 200;
}

MC_TEST("after a kill every answered request replays, and one that was not is done once")
{
    static sender s;
    const char *data = mc_test_dir();
    long long expected = 0;
    mc_process process;
    mc_client client;

    MC_REQUIRE(start(&process, data, &client));
    for (s.round = 0; s.round < KILLS; s.round++) {
        struct timespec pause = {.tv_nsec = (15 + s.round * 7) * 1000000L};

        mc_client_init(&s.client, process.port);
        memcpy(s.client.token, client.token, sizeof(client.token));
        atomic_store(&s.go_on, true);
        MC_REQUIRE(pthread_create(&s.thread, NULL, send_until_cut, &s) == 0);
        (void)nanosleep(&pause, NULL); /* an early end only moves the kill */
        (void)mc_process_stop(&process, SIGKILL);
        atomic_store(&s.go_on, false);
        (void)pthread_join(s.thread, NULL);
        mc_client_deinit(&s.client);
        mc_client_deinit(&client);
        MC_REQUIRE(start(&process, data, &client));
        for (int n = 0; n < s.sent; n++) {
            MC_EXPECT_EQ(send_one(&client, s.round, n), 201);
            if (s.ids[n][0]) {
                MC_EXPECT(is_replay(&client));
                MC_EXPECT_Z(mc_client_field(&client, "id"), s.ids[n]);
            }
        }
        expected += s.sent;
        MC_EXPECT_EQ(count_rows(&client, "tickets"), expected);
    }
    MC_EXPECT(expected > KILLS);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
