/* SPDX-License-Identifier: Apache-2.0 */
/* Messages: to whom they go, and that sending them never waits for anybody. */
#include "metacore/ws/ws_test_internal.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static bool is_user_2(void *user, const mc_ws_member *member)
{
    (void)user;
    return mc_uuid_eq(member->user_id, hub_user('a', '2')) &&
           mc_str_eq(member->role, MC_STR("agent"));
}

static void count_release(void *user)
{
    atomic_fetch_add((atomic_int *)user, 1);
}

MC_TEST("a message reaches the sockets it is for, on every loop, in order, and no others")
{
    mc_ws_client a1[3], a2, b1;
    mc_uuid users[] = {hub_user('a', '1'), hub_user('a', '2'), hub_user('z', '9')};
    atomic_int released = 0;
    hub h;
    mc_err err;

    MC_REQUIRE(hub_start(&h, 3, NULL));
    for (size_t i = 0; i < MC_LEN(a1); i++)
        MC_REQUIRE(hub_dial(&h, &a1[i], "a1", NULL) == 101);
    MC_REQUIRE(hub_dial(&h, &a2, "a2", NULL) == 101);
    MC_REQUIRE(hub_dial(&h, &b1, "b1", NULL) == 101);

    MC_EXPECT_OK(
        mc_ws_send_user(h.ws, users[0], MC_STR("NOTIFICATION"), MC_STR("{\"title\":\"hi\"}"), &err),
        &err);
    MC_EXPECT_OK(mc_ws_send_users(h.ws, users, 3, MC_STR("STATUS_UPDATE"), MC_STR("[1]"), &err),
                 &err);
    MC_EXPECT_OK(mc_ws_send_org(h.ws, hub_org('a'), MC_STR("CUSTOM"), MC_STR(""), &err), &err);
    MC_EXPECT_OK(mc_ws_send_org(h.ws, hub_org('b'), MC_STR("MY_OWN"), MC_STR("\"b\""), &err), &err);
    for (char n = '1'; n <= '2'; n++)
        MC_EXPECT_OK(mc_ws_send_if(h.ws, hub_user('a', n),
                                   (mc_ws_condition){is_user_2, count_release, &released},
                                   MC_STR("IF"), MC_STR("\"held\""), MC_STR("\"else\""), &err),
                     &err);
    for (size_t i = 0; i < MC_LEN(a1); i++) {
        MC_EXPECT_Z(mc_ws_next_text(&a1[i], WAIT_MS),
                    "{\"type\":\"NOTIFICATION\",\"payload\":{\"title\":\"hi\"}}");
        MC_EXPECT_Z(mc_ws_next_text(&a1[i], WAIT_MS),
                    "{\"type\":\"STATUS_UPDATE\",\"payload\":[1]}");
        MC_EXPECT_Z(mc_ws_next_text(&a1[i], WAIT_MS), "{\"type\":\"CUSTOM\",\"payload\":null}");
        MC_EXPECT_Z(mc_ws_next_text(&a1[i], WAIT_MS), "{\"type\":\"IF\",\"payload\":\"else\"}");
    }
    MC_EXPECT_Z(mc_ws_next_text(&a2, WAIT_MS), "{\"type\":\"STATUS_UPDATE\",\"payload\":[1]}");
    MC_EXPECT_Z(mc_ws_next_text(&a2, WAIT_MS), "{\"type\":\"CUSTOM\",\"payload\":null}");
    MC_EXPECT_Z(mc_ws_next_text(&a2, WAIT_MS), "{\"type\":\"IF\",\"payload\":\"held\"}");
    MC_EXPECT_Z(mc_ws_next_text(&b1, WAIT_MS), "{\"type\":\"MY_OWN\",\"payload\":\"b\"}");
    MC_EXPECT_EQ(mc_ws_next(&b1, QUIET_MS), MC_WS_TIMEOUT);
    MC_EXPECT_EQ(mc_ws_next(&a2, 0), MC_WS_TIMEOUT);
    MC_EXPECT_EQ(mc_ws_send_org(h.ws, hub_org('a'), MC_STR(""), MC_STR("1"), &err), MC_INVALID);
    for (size_t i = 0; i < MC_LEN(a1); i++)
        mc_ws_deinit(&a1[i]);
    mc_ws_deinit(&a2);
    mc_ws_deinit(&b1);
    hub_stop(&h);
    MC_EXPECT_EQ(atomic_load(&released), 2);
}

MC_TEST("who is there is known by user and by organization")
{
    mc_ws_client sockets[3];
    mc_arena *arena = mc_arena_new(0);
    const mc_uuid *users;
    size_t count;
    hub h;
    mc_err err;

    MC_REQUIRE(hub_start(&h, 2, NULL));
    MC_REQUIRE(hub_dial(&h, &sockets[0], "a1", NULL) == 101);
    MC_REQUIRE(hub_dial(&h, &sockets[1], "a1", NULL) == 101);
    MC_REQUIRE(hub_dial(&h, &sockets[2], "b1", NULL) == 101);
    MC_EXPECT_EQ(mc_ws_count_user(h.ws, hub_user('a', '1')), 2);
    MC_EXPECT_EQ(mc_ws_count_user(h.ws, hub_user('a', '2')), 0);
    MC_REQUIRE_OK(mc_ws_connected_users(h.ws, hub_org('b'), arena, &users, &count, &err), &err);
    MC_EXPECT_EQ(count, 1);
    MC_EXPECT(mc_uuid_eq(users[0], hub_user('b', '1')));
    for (size_t i = 0; i < MC_LEN(sockets); i++)
        mc_ws_deinit(&sockets[i]);
    mc_arena_free(arena);
    hub_stop(&h);
}

/* The reference's hub froze for good here: a full queue was reported to its only reader. */
MC_TEST("a client that does not read is dropped with 1013 and blocks neither senders nor others")
{
    static char payload[2048];
    mc_ws_client slow, quick;
    mc_str text;
    int got = 0;
    hub h;
    mc_err err;

    payload[0] = '"';
    memset(payload + 1, 'x', sizeof(payload) - 2);
    payload[sizeof(payload) - 1] = '"';
    MC_REQUIRE(hub_start(&h, 1, NULL));
    MC_REQUIRE(hub_dial(&h, &slow, "a1", NULL) == 101);
    MC_REQUIRE(hub_dial(&h, &quick, "a2", NULL) == 101);
    for (int i = 0; i < 10000; i++) { /* 20 MB: more than the kernel takes for somebody */
        mc_code rc = mc_ws_send_user(h.ws, hub_user('a', '1'), MC_STR("CUSTOM"),
                                     mc_str_of(payload, sizeof(payload)), &err);

        MC_EXPECT(rc == MC_OK || rc == MC_LIMIT); /* never a wait */
        if (i % 100 == 0) {
            while (mc_ws_send_user(h.ws, hub_user('a', '2'), MC_STR("TICK"), MC_STR("1"), &err) !=
                   MC_OK)
                (void)usleep(1000); /* an early end only tries sooner */
            text = mc_ws_next_text(&quick, WAIT_MS);
            MC_EXPECT_Z(text, "{\"type\":\"TICK\",\"payload\":1}");
            got++;
        }
    }
    MC_EXPECT_EQ(got, 100);
    MC_EXPECT_EQ(mc_ws_wait_close(&slow, WAIT_MS), 1013);
    mc_ws_deinit(&slow);
    mc_ws_deinit(&quick);
    hub_stop(&h);
}

/* The reference recycled a connection's wrapper while its writer ran: one user's frames reached
 * another. */
typedef struct sender {
    hub *h;
    atomic_bool is_over;
} sender;

static void *send_names(void *user)
{
    sender *self = user;
    mc_err err;

    while (!atomic_load(&self->is_over)) {
        for (char n = '1'; n <= '4'; n++) {
            char payload[8] = {'"', n, '"', '\0'};

            /* a full inbox is fine here */
            MC_IGNORE(mc_ws_send_user(self->h->ws, hub_user('a', n), MC_STR("NAME"), mc_z(payload),
                                      &err));
        }
        (void)usleep(50); /* an early end only sends sooner */
    }
    return NULL;
}

MC_TEST("while clients come and go, nobody is ever sent what is somebody else's")
{
    pthread_t threads[2];
    sender self;
    hub h;

    MC_REQUIRE(hub_start(&h, 3, NULL));
    self.h = &h;
    atomic_init(&self.is_over, false);
    for (size_t i = 0; i < MC_LEN(threads); i++)
        MC_REQUIRE(pthread_create(&threads[i], NULL, send_names, &self) == 0);
    for (int i = 0; i < 400; i++) {
        char token[3] = {'a', (char)('1' + i % 4), '\0'}, wanted[64];
        mc_ws_client socket;

        (void)snprintf(wanted, sizeof(wanted), "{\"type\":\"NAME\",\"payload\":\"%c\"}", token[1]);
        MC_EXPECT_EQ(hub_dial(&h, &socket, token, NULL), 101);
        for (int j = 0; j < 3; j++)
            MC_EXPECT_Z(mc_ws_next_text(&socket, WAIT_MS), wanted);
        if (i % 3 == 0)
            (void)mc_ws_send(&socket, 0x88, MC_STR("\x03\xe8")); /* else it just goes */
        mc_ws_deinit(&socket);
    }
    atomic_store(&self.is_over, true);
    for (size_t i = 0; i < MC_LEN(threads); i++)
        (void)pthread_join(threads[i], NULL);
    hub_stop(&h);
}

static void note_notification(void *user, mc_uuid user_id, mc_str payload)
{
    (void)user_id;
    MC_EXPECT_Z(payload, "{}");
    atomic_fetch_add((atomic_int *)user, 1);
}

MC_TEST("notifications of users who are not there are told to the host, other messages are not")
{
    atomic_int told = 0;
    hub h;
    mc_err err;

    MC_REQUIRE(hub_start(
        &h, 1,
        &(mc_ws_config){.on_notification = note_notification, .on_notification_user = &told}));
    MC_EXPECT_OK(mc_ws_send_user(h.ws, hub_user('a', '1'), MC_STR(MC_WS_TYPE_NOTIFICATION),
                                 MC_STR("{}"), &err),
                 &err);
    MC_EXPECT_OK(
        mc_ws_send_user(h.ws, hub_user('a', '1'), MC_STR(MC_WS_TYPE_CUSTOM), MC_STR("{}"), &err),
        &err);
    MC_EXPECT_EQ(atomic_load(&told), 1);
    hub_stop(&h);
}

static mc_code never(void *user, mc_http_req *req, mc_err *err)
{
    (void)user;
    (void)req;
    return mc_fail(err, MC_UNAUTHENTICATED, "nobody");
}

static mc_code never_again(void *user, mc_ctx *ctx, mc_err *err)
{
    (void)user;
    (void)ctx;
    return mc_fail(err, MC_UNAUTHENTICATED, "nobody");
}

static mc_code never_reads(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err)
{
    (void)user;
    (void)ctx;
    (void)model;
    (void)err;
    *out = false;
    return MC_OK;
}

static mc_code make_and_free(mc_err *err)
{
    mc_models *models = NULL;
    mc_ws *ws = NULL;
    mc_code rc = mc_models_new(&models, err);

    if (rc == MC_OK)
        rc = mc_ws_new(&(mc_ws_config){MC_WS_CONFIG, .models = models, .authenticate = never,
                                       .reload = never_again, .can_read = never_reads},
                       &ws, err);
    mc_ws_free(ws);
    mc_models_free(models);
    return rc;
}

MC_TEST("a hub without memory is an ordinary error")
{
    MC_TEST_OOM(make_and_free);
}

/* A slice of a fan-out ends at the five hundredth client, the newest first: who leaves there, while
 * it pauses, is the one it would go on with. */
MC_TEST("clients that leave in the middle of a long fan-out leave nothing behind")
{
    enum { SOCKETS = 1000, ROUNDS = 40, SLICE = 500, LEAVING = 4 };
    static mc_ws_client sockets[SOCKETS];
    struct rlimit limit;
    size_t next = SOCKETS - SLICE + 1;
    hub h;
    mc_err err;

    MC_REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_max < 3 * SOCKETS)
        MC_SKIP("too few descriptors");
    limit.rlim_cur = limit.rlim_max;
    MC_REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    MC_REQUIRE(hub_start(&h, 1, &(mc_ws_config){.max_per_user = SOCKETS}));
    for (size_t i = 0; i < SOCKETS; i++)
        MC_REQUIRE(hub_dial(&h, &sockets[i], "a1", NULL) == 101);
    for (int round = 0; round < ROUNDS; round++) {
        MC_EXPECT_OK(mc_ws_send_org(h.ws, hub_org('a'), MC_STR("CUSTOM"), MC_STR("1"), &err), &err);
        for (int i = 0; i < LEAVING; i++)
            mc_ws_deinit(&sockets[next--]);
        MC_EXPECT(mc_ws_next_text(&sockets[0], WAIT_MS).len > 0);
        MC_EXPECT(mc_ws_next_text(&sockets[SOCKETS - 1], WAIT_MS).len > 0);
    }
    for (size_t i = 0; i < SOCKETS; i++)
        mc_ws_deinit(&sockets[i]);
    hub_stop(&h);
}
