/* SPDX-License-Identifier: Apache-2.0 */
/* Who may open a socket, and when it ends by itself. */
#include "metacore/ws/ws_test_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

MC_TEST("an origin is ours, listed, or refused")
{
    static const mc_str listed[] = {MC_STR_INIT("https://app.example.com"),
                                    MC_STR_INIT("http://localhost:5173")};
    static const mc_str any[] = {MC_STR_INIT("*")};
    static const struct {
        const char *name, *origin, *host;
        bool is_allowed;
    } cases[] = {
        {"same", "http://x.org", "x.org", true},
        {"same with a port", "http://x.org:3000", "x.org:3000", true},
        {"same in another case", "http://X.org", "x.ORG", true},
        {"its port left out", "https://x.org", "x.org:443", true},
        {"the host's left out", "https://x.org:443", "x.org", true},
        {"the other scheme's port", "http://x.org", "x.org:443", false},
        {"IPv6", "http://[::1]:3000", "[::1]:3000", true},
        {"another port", "http://x.org:3001", "x.org:3000", false},
        {"another host", "http://y.org", "x.org", false},
        {"a host that ends so", "http://evilx.org", "x.org", false},
        {"a host that begins so", "http://x.org.evil.com", "x.org", false},
        {"another scheme", "ftp://x.org", "x.org", false},
        {"no scheme", "x.org", "x.org", false},
        {"null", "null", "x.org", false},
        {"nothing", "", "", false},
        {"only a scheme", "http://", "", false},
        {"listed", "https://app.example.com", "x.org", true},
        {"listed with a port", "http://localhost:5173", "x.org", true},
        {"listed under another scheme", "http://app.example.com", "x.org", false},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc__ws_origin_is_allowed(mc_z(cases[i].origin), mc_z(cases[i].host),
                                              (mc_strs){listed, MC_LEN(listed)}),
                     cases[i].is_allowed);
    }
    MC_EXPECT(
        mc__ws_origin_is_allowed(MC_STR("https://evil.org"), MC_STR("x.org"), (mc_strs){any, 1}));
}

MC_TEST("tickets live half a minute, are used once, and are so many per user")
{
    mc_arena *arena = mc_arena_new(0);
    mc__ws_tickets *tickets = NULL;
    mc_principal ann = {.user_id = hub_user('a', '1'),
                        .org_id = hub_org('a'),
                        .role = MC_STR("agent"),
                        .token_expires_at = 77};
    mc_principal bob = {.user_id = hub_user('b', '1'), .org_id = hub_org('b')};
    mc_principal found;
    mc_str text, first, other;
    mc_time now = 1000 * MC_TIME_US_PER_S, ends_at;
    mc_err err;

    MC_REQUIRE_OK(mc__ws_tickets_new(&tickets, &err), &err);
    MC_REQUIRE_OK(mc__ws_ticket_make(tickets, arena, &ann, now, &first, &ends_at, &err), &err);
    MC_EXPECT_EQ(ends_at - now, 30 * MC_TIME_US_PER_S);
    MC_EXPECT_EQ(first.len, 43); /* 32 bytes */
    MC_EXPECT(mc__ws_ticket_look(tickets, arena, first, ends_at - 1, &found));
    MC_EXPECT(mc_uuid_eq(found.user_id, ann.user_id) && mc_uuid_eq(found.org_id, ann.org_id));
    MC_EXPECT_Z(found.role, "agent");
    MC_EXPECT_EQ(found.token_expires_at, 77);
    MC_EXPECT(!mc__ws_ticket_look(tickets, arena, first, ends_at, &found));
    MC_EXPECT(mc__ws_ticket_take(tickets, arena, first, now));
    MC_EXPECT(!mc__ws_ticket_take(tickets, arena, first, now));
    MC_EXPECT(!mc__ws_ticket_look(tickets, arena, MC_STR("?"), now, &found));
    MC_EXPECT(!mc__ws_ticket_look(tickets, arena, MC_STR(""), now, &found));

    MC_REQUIRE_OK(mc__ws_ticket_make(tickets, arena, &bob, now, &other, &ends_at, &err), &err);
    MC_REQUIRE_OK(mc__ws_ticket_make(tickets, arena, &ann, now, &first, &ends_at, &err), &err);
    for (int i = 0; i < 32; i++)
        MC_EXPECT_OK(mc__ws_ticket_make(tickets, arena, &ann, now, &text, &ends_at, &err), &err);
    MC_EXPECT(!mc__ws_ticket_look(tickets, arena, first, now, &found)); /* made room */
    MC_EXPECT(mc__ws_ticket_look(tickets, arena, text, now, &found));
    MC_EXPECT(mc__ws_ticket_look(tickets, arena, other, now, &found)); /* not hers to push out */
    mc__ws_tickets_free(tickets);
    mc_arena_free(arena);
}

MC_TEST("so many users at once, and the next one's ticket has to wait")
{
    mc_arena *arena = mc_arena_new(0);
    mc__ws_tickets *tickets = NULL;
    mc_principal who = {.org_id = hub_org('a')};
    mc_time now = 1000 * MC_TIME_US_PER_S, ends_at;
    mc_str text;
    mc_err err;

    MC_REQUIRE_OK(mc__ws_tickets_new(&tickets, &err), &err);
    for (int i = 0; i < MC_WS_TICKETS_MAX; i++) {
        who.user_id = (mc_uuid){{1, (uint8_t)(i >> 8), (uint8_t)i}};
        MC_EXPECT_OK(mc__ws_ticket_make(tickets, arena, &who, now, &text, &ends_at, &err), &err);
    }
    who.user_id = (mc_uuid){{2}};
    MC_EXPECT_EQ(mc__ws_ticket_make(tickets, arena, &who, now, &text, &ends_at, &err), MC_LIMIT);
    MC_EXPECT_OK(mc__ws_ticket_make(tickets, arena, &who, ends_at, &text, &ends_at, &err), &err);
    mc__ws_tickets_free(tickets);
    mc_arena_free(arena);
}

MC_TEST("a socket ends at its token's expiry, with 1008")
{
    mc_ws_client brief, lasting;
    hub h;

    MC_REQUIRE(hub_start(&h, 1, NULL));
    MC_REQUIRE(hub_dial(&h, &lasting, "a1", NULL) == 101);
    atomic_store(&h.token_ttl_us, 3600 * MC_TIME_US_PER_S);
    MC_REQUIRE(hub_dial(&h, &brief, "a2", NULL) == 101);
    MC_EXPECT_EQ(mc_ws_next(&brief, 1500), MC_WS_TIMEOUT);
    atomic_fetch_add(&h.clock_us, 3601 * MC_TIME_US_PER_S);
    MC_EXPECT_EQ(mc_ws_wait_close(&brief, WAIT_MS), 1008);
    MC_EXPECT(mc_ws_send(&lasting, 0x89, MC_STR("")));
    MC_EXPECT_EQ(mc_ws_next(&lasting, WAIT_MS), 10);
    mc_ws_deinit(&brief);
    mc_ws_deinit(&lasting);
    hub_stop(&h);
}

MC_TEST("a session that is over closes its sockets, by user, by session, or found out with age")
{
    mc_ws_client socket;
    hub h;

    MC_REQUIRE(hub_start(&h, 2, NULL));
    MC_CASE("still good");
    MC_REQUIRE(hub_follow(&h, &socket, "a1", "\"tickets\""));
    mc_ws_recheck(h.ws, hub_user('a', '1'), (mc_uuid){{0}});
    hub_publish(&h, 'a', "tickets", "created");
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "\"created\"");
    MC_CASE("another session of the user");
    atomic_store(&h.is_over, true);
    mc_ws_recheck(h.ws, hub_user('a', '1'), hub_user('a', '7'));
    hub_publish(&h, 'a', "tickets", "updated");
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "\"updated\"");
    MC_CASE("the user's");
    mc_ws_recheck(h.ws, hub_user('a', '1'), (mc_uuid){{0}});
    MC_EXPECT_EQ(mc_ws_wait_close(&socket, WAIT_MS), 1008);
    mc_ws_deinit(&socket);

    MC_CASE("by its session alone");
    atomic_store(&h.is_over, false);
    MC_REQUIRE(hub_follow(&h, &socket, "a1", "\"tickets\""));
    atomic_store(&h.is_over, true);
    mc_ws_recheck(h.ws, (mc_uuid){{0}}, hub_user('a', '1'));
    MC_EXPECT_EQ(mc_ws_wait_close(&socket, WAIT_MS), 1008);
    mc_ws_deinit(&socket);

    MC_CASE("while it shakes hands, when it is in no list yet");
    atomic_store(&h.is_over, false);
    atomic_store(&h.ends_in_handshake, true);
    MC_REQUIRE(hub_dial(&h, &socket, "a1", NULL) == 101);
    MC_EXPECT_EQ(mc_ws_wait_close(&socket, WAIT_MS), 1008);
    mc_ws_deinit(&socket);
    atomic_store(&h.ends_in_handshake, false);

    MC_CASE("elsewhere");
    atomic_store(&h.is_over, false);
    MC_REQUIRE(hub_follow(&h, &socket, "a1", "\"tickets\""));
    atomic_store(&h.is_over, true);
    atomic_fetch_add(&h.clock_us, 31 * MC_TIME_US_PER_S);
    hub_publish(&h, 'a', "tickets", "created");
    MC_EXPECT_EQ(mc_ws_next(&socket, WAIT_MS), 8); /* and not the event */
    MC_EXPECT_EQ(socket.code, 1008);
    mc_ws_deinit(&socket);
    hub_stop(&h);
}

MC_TEST("places are so many per user and per organization, and are given back")
{
    static const struct {
        const char *token;
        int status;
    } cases[] = {{"a1", 101}, {"a1", 101}, {"a1", 429}, {"a2", 101}, {"a3", 429}, {"b1", 101}};
    mc_ws_client sockets[MC_LEN(cases)], again;
    hub h;

    MC_REQUIRE(hub_start(&h, 2, &(mc_ws_config){.max_per_user = 2, .max_per_org = 3}));
    for (size_t i = 0; i < MC_LEN(cases); i++)
        MC_EXPECT_EQ(hub_dial(&h, &sockets[i], cases[i].token, NULL), cases[i].status);
    MC_EXPECT(mc_ws_send(&sockets[0], 0x88, MC_STR("\x03\xe8")));
    MC_EXPECT_EQ(mc_ws_wait_close(&sockets[0], WAIT_MS), 1000);
    for (size_t i = 0; i < MC_LEN(cases); i++)
        mc_ws_deinit(&sockets[i]);
    for (int i = 0; i < 2000 && mc_ws_count_user(h.ws, hub_user('a', '1')) > 0; i++)
        (void)usleep(5000); /* an early end only looks sooner */
    MC_EXPECT_EQ(hub_dial(&h, &again, "a1", NULL), 101);
    mc_ws_deinit(&again);
    hub_stop(&h);
}
