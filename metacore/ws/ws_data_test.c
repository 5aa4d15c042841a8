/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of rows: who has subscribed, who may know, and what is said of those that were missed. */
#include "metacore/ws/ws_test_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

MC_TEST("a change is told with its keys, and only to its organization's subscribers")
{
    mc_ws_client a1, a2, b1;
    hub h;

    MC_REQUIRE(hub_start(&h, 2, NULL));
    MC_REQUIRE(hub_follow(&h, &a1, "a1", "\"tickets\""));
    MC_REQUIRE(hub_follow(&h, &a2, "a2", "\"m1\""));
    MC_REQUIRE(hub_follow(&h, &b1, "b1", "\"tickets\""));
    hub_publish(&h, 'a', "tickets", "updated");
    MC_EXPECT_HAS(mc_ws_next_text(&a1, WAIT_MS),
                  "{\"type\":\"DATA_EVENT\",\"payload\":{"
                  "\"org_id\":\"61000000-0000-0000-0000-000000000000\",\"addon\":\"\","
                  "\"model\":\"tickets\",\"table\":\"tickets\",\"action\":\"updated\","
                  "\"id\":\"61720000-0000-0000-0000-000000000000\",\"fields\":[\"title\"],"
                  "\"actor_id\":\"61310000-0000-0000-0000-000000000000\","
                  "\"at\":\"1970-01-01T00:00:00.000000Z\"}}");
    MC_EXPECT_EQ(mc_ws_next(&b1, QUIET_MS), MC_WS_TIMEOUT);
    MC_EXPECT_EQ(mc_ws_next(&a2, 0), MC_WS_TIMEOUT);
    mc_ws_deinit(&a1);
    mc_ws_deinit(&a2);
    mc_ws_deinit(&b1);
    hub_stop(&h);
}

MC_TEST("subscriptions: in any case, once, of what may be read, at most a hundred")
{
    static const struct {
        const char *name, *sent, *answer;
    } cases[] = {
        {"one", "{\"type\":\"SUBSCRIBE\",\"models\":[\"tickets\"]}", "[\"tickets\"]"},
        {"again, in capitals, with spaces", "{\"models\":[\" TICKETS \"],\"type\":\"SUBSCRIBE\"}",
         "[\"tickets\"]"},
        {"one more beside what is no model",
         "{\"type\":\"SUBSCRIBE\",\"models\":[\"none\",null,{},\"\",\"m1\"]}",
         "[\"tickets\",\"m1\"]"},
        {"what may not be read", "{\"type\":\"SUBSCRIBE\",\"models\":[\"secrets\"]}",
         "[\"tickets\",\"m1\"]"},
        {"none", "{\"type\":\"SUBSCRIBE\",\"models\":[]}", "[\"tickets\",\"m1\"]"},
        {"less one", "{\"type\":\"UNSUBSCRIBE\",\"models\":[\"tickets\"]}", "[\"m1\"]"},
        {"less what it does not have", "{\"type\":\"UNSUBSCRIBE\",\"models\":[\"tickets\",\"m7\"]}",
         "[\"m1\"]"},
    };
    mc_ws_client socket;
    char text[64];
    size_t count = 0;
    mc_str answer;
    hub h;

    MC_REQUIRE(hub_start(&h, 1, NULL));
    MC_REQUIRE(hub_dial(&h, &socket, "a1", NULL) == 101);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        char wanted[128];

        MC_CASE(cases[i].name);
        (void)snprintf(wanted, sizeof(wanted),
                       "{\"type\":\"DATA_SUBSCRIBED\",\"payload\":{\"models\":%s}}",
                       cases[i].answer);
        MC_EXPECT(mc_ws_send_text(&socket, cases[i].sent));
        MC_EXPECT_Z(mc_ws_next_text(&socket, WAIT_MS), wanted);
    }
    MC_CASE("a hundred");
    for (int i = 0; i < 120; i++) {
        (void)snprintf(text, sizeof(text), "{\"type\":\"SUBSCRIBE\",\"models\":[\"m%d\"]}", i);
        MC_EXPECT(mc_ws_send_text(&socket, text));
        answer = mc_ws_next_text(&socket, WAIT_MS);
    }
    for (size_t i = 0; i < answer.len; i++)
        count += answer.ptr[i] == ',';
    MC_EXPECT_EQ(count - 1, MC_WS_MODELS_MAX - 1); /* one comma stands before the payload */
    mc_ws_deinit(&socket);
    hub_stop(&h);
}

/* A socket that answers its own ping has handled all that was queued before it. */
static bool is_quiet(mc_ws_client *socket)
{
    return mc_ws_next(socket, QUIET_MS) == MC_WS_TIMEOUT;
}

MC_TEST(
    "each delivery asks whether it is still allowed, by version and by age, and denies in doubt")
{
    mc_ws_client socket;
    unsigned asked;
    hub h;

    MC_REQUIRE(hub_start(&h, 1, NULL));
    MC_REQUIRE(hub_follow(&h, &socket, "a1", "\"tickets\""));
    MC_CASE("allowed, and not asked again while nothing has changed");
    asked = atomic_load(&h.asked);
    for (int i = 0; i < 10; i++)
        hub_publish(&h, 'a', "tickets", "created");
    for (int i = 0; i < 10; i++)
        MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "\"created\"");
    MC_EXPECT_EQ(atomic_load(&h.asked), asked);
    MC_CASE("revoked");
    atomic_store(&h.may_read, false);
    atomic_fetch_add(&h.version, 1);
    hub_publish(&h, 'a', "tickets", "created");
    MC_EXPECT(is_quiet(&socket));
    MC_CASE("granted again");
    atomic_store(&h.may_read, true);
    atomic_fetch_add(&h.version, 1);
    hub_publish(&h, 'a', "tickets", "updated");
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "\"updated\"");
    MC_CASE("revoked elsewhere: seen when the answer is old");
    atomic_store(&h.may_read, false);
    atomic_fetch_add(&h.clock_us, 31 * MC_TIME_US_PER_S);
    hub_publish(&h, 'a', "tickets", "created");
    MC_EXPECT(is_quiet(&socket));
    MC_CASE("a store that fails is no permission, and is asked again");
    atomic_store(&h.may_read, true);
    atomic_store(&h.is_store_broken, true);
    atomic_fetch_add(&h.version, 1);
    hub_publish(&h, 'a', "tickets", "created");
    MC_EXPECT(is_quiet(&socket));
    atomic_store(&h.is_store_broken, false);
    hub_publish(&h, 'a', "tickets", "updated");
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "\"updated\"");
    MC_CASE("a model that the organization no longer has");
    atomic_store(&h.is_hidden, true);
    hub_publish(&h, 'a', "tickets", "created");
    MC_EXPECT(is_quiet(&socket));
    mc_ws_deinit(&socket);
    hub_stop(&h);
}

/* Holds the loop until it is let go. */
typedef struct gate {
    atomic_bool is_in, is_open;
} gate;

static bool wait_in_loop(void *user, const mc_ws_member *member)
{
    gate *g = user;

    (void)member;
    atomic_store(&g->is_in, true);
    while (!atomic_load(&g->is_open))
        (void)usleep(1000); /* an early end only looks sooner */
    return true;
}

static uint64_t number_after(mc_str text, const char *what)
{
    size_t at = mc_str_find(text, mc_z(what));

    return at == text.len ? 0 : strtoull(text.ptr + at + strlen(what), NULL, 10);
}

MC_TEST("what a full inbox could not take is told as dropped: no event is lost without a word")
{
    enum { EVENTS = 6000 };
    mc_ws_client socket;
    gate g = {false, false};
    uint64_t events = 0, dropped = 0;
    mc_ws_stats stats;
    hub h;
    mc_err err;

    MC_REQUIRE(hub_start(&h, 1, NULL));
    MC_REQUIRE(hub_follow(&h, &socket, "a1", "\"tickets\",\"m1\""));
    MC_EXPECT_OK(mc_ws_send_if(h.ws, hub_user('a', '1'), (mc_ws_condition){wait_in_loop, NULL, &g},
                               MC_STR("X"), MC_STR("1"), MC_STR(""), &err),
                 &err);
    while (!atomic_load(&g.is_in))
        (void)usleep(1000); /* an early end only looks sooner */
    for (int i = 0; i < EVENTS; i++)
        hub_publish(&h, 'a', i % 10 ? "tickets" : "m1", "created");
    MC_EXPECT_EQ(mc_ws_send_org(h.ws, hub_org('a'), MC_STR("X"), MC_STR("2"), &err), MC_LIMIT);
    mc_ws_get_stats(h.ws, &stats);
    MC_EXPECT_EQ(stats.lost, EVENTS - MC_WS_INBOX_MAX + 1);
    atomic_store(&g.is_open, true);
    MC_EXPECT_Z(mc_ws_next_text(&socket, WAIT_MS), "{\"type\":\"X\",\"payload\":1}");
    while (events + dropped < EVENTS) {
        mc_str text = mc_ws_next_text(&socket, WAIT_MS);

        MC_REQUIRE(text.len > 0);
        if (mc_str_find(text, MC_STR("DATA_EVENTS_DROPPED")) < text.len)
            dropped += number_after(text, "\"dropped\":");
        else
            events++;
    }
    MC_EXPECT_EQ(events + dropped, EVENTS);
    MC_EXPECT(dropped >= EVENTS - MC_WS_INBOX_MAX);
    hub_publish(&h, 'a', "tickets", "deleted");
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "\"deleted\"");
    mc_ws_deinit(&socket);
    hub_stop(&h);
}

MC_TEST("a subscriber that reads late gets events or is told how many it missed, and none twice")
{
    enum { EVENTS = 60000 };
    mc_ws_client socket;
    uint64_t events = 0, dropped = 0;
    hub h;

    MC_REQUIRE(hub_start(&h, 1, NULL));
    MC_REQUIRE(hub_follow(&h, &socket, "a1", "\"tickets\""));
    for (int i = 0; i < EVENTS; i++)
        hub_publish(&h, 'a', "tickets", "created");
    while (events + dropped < EVENTS) {
        mc_str text = mc_ws_next_text(&socket, WAIT_MS);

        MC_REQUIRE(text.len > 0);
        if (mc_str_find(text, MC_STR("DATA_EVENTS_DROPPED")) < text.len)
            dropped += number_after(text, "\"dropped\":");
        else
            events++;
    }
    MC_EXPECT_EQ(events + dropped, EVENTS);
    MC_EXPECT(dropped > 0);
    mc_ws_deinit(&socket);
    hub_stop(&h);
}
