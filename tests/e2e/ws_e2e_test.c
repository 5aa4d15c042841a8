/* SPDX-License-Identifier: Apache-2.0 */
/* The live side of the binary: who may connect, who is told what, and when it ends. */
#include "metacore/base/buf.h"

#include "mc_client.h"
#include "mc_test.h"
#include "mc_ws_client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define WAIT_MS 20000
#define QUIET_MS 300 /* long enough for what should not come to come */

typedef struct world {
    mc_process process;
    mc_client mine, theirs;
    char org[64]; /* mine */
} world;

static bool setup_with(world *w, const char *const *args)
{
    if (!mc_process_start(&w->process, mc_test_dir(), args))
        return false;
    mc_client_init(&w->mine, w->process.port);
    mc_client_init(&w->theirs, w->process.port);
    if (mc_client_register(&w->theirs, "Theirs", "them@example.com", "their-password") != 201 ||
        mc_client_register(&w->mine, "Mine", "me@example.com", "my-own-password") != 201)
        return false;
    if (mc_client_call(&w->mine, "GET", "/api/auth/me", NULL) != 200)
        return false;
    (void)snprintf(w->org, sizeof(w->org), "%.*s",
                   MC_FMT(mc_client_field(&w->mine, "organization_id"))); /* fits */
    return true;
}

static bool setup(world *w)
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};

    return setup_with(w, args);
}

static void teardown(world *w)
{
    mc_client_deinit(&w->mine);
    mc_client_deinit(&w->theirs);
    MC_EXPECT_EQ(mc_process_stop(&w->process, SIGTERM), 0);
}

/* A socket of client's user, with more after its token in the address. */
static int dial(mc_ws_client *socket, const mc_client *client, const char *more)
{
    char path[2600];

    (void)snprintf(path, sizeof(path), "/api/ws?token=%s%s", client->token, more ? more : "");
    return mc_ws_open(socket, client->port, path, NULL);
}

static bool subscribe(mc_ws_client *socket, const char *models)
{
    char text[512];

    (void)snprintf(text, sizeof(text), "{\"type\":\"SUBSCRIBE\",\"models\":[%s]}", models);
    return mc_ws_send_text(socket, text);
}

/* A socket that has subscribed to tickets. */
static bool follow_tickets(mc_ws_client *socket, const mc_client *client)
{
    mc_str answer;

    if (dial(socket, client, NULL) != 101 || !subscribe(socket, "\"tickets\""))
        return false;
    answer = mc_ws_next_text(socket, WAIT_MS);
    return mc_str_eq(
        answer, MC_STR("{\"type\":\"DATA_SUBSCRIBED\",\"payload\":{\"models\":[\"tickets\"]}}"));
}

static bool create_ticket(mc_client *client, const char *subject, char id[64])
{
    char body[128];

    (void)snprintf(body, sizeof(body), "{\"subject\":\"%s\"}", subject);
    if (mc_client_call(client, "POST", "/api/dynamic/tickets", body) != 201)
        return false;
    (void)snprintf(id, 64, "%.*s", MC_FMT(mc_client_field(client, "id"))); /* fits */
    return true;
}

/* ---- the door ---- */

MC_TEST("who has no token is 401 before anything else, who asks for no socket is 426")
{
    static const char plain[] = "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    world w;
    mc_ws_client socket;
    char request[4096], path[2600];

    MC_REQUIRE(setup(&w));
    MC_CASE("no token");
    MC_EXPECT_EQ(mc_ws_open(&socket, w.process.port, "/api/ws", NULL), 401);
    mc_ws_deinit(&socket);
    MC_CASE("a token of nobody");
    MC_EXPECT_EQ(mc_ws_open(&socket, w.process.port, "/api/ws?token=nonsense", NULL), 401);
    mc_ws_deinit(&socket);
    MC_CASE("a ticket that was never given");
    MC_EXPECT_EQ(mc_ws_open(&socket, w.process.port, "/api/ws?ticket=AAAA", NULL), 401);
    mc_ws_deinit(&socket);

    MC_CASE("no token, no handshake");
    (void)snprintf(request, sizeof(request), plain, "/api/ws");
    MC_EXPECT_EQ(mc_client_raw(&w.theirs, mc_z(request)), 401);
    MC_CASE("a token, no handshake");
    (void)snprintf(path, sizeof(path), "/api/ws?token=%s", w.mine.token);
    (void)snprintf(request, sizeof(request), plain, path);
    MC_EXPECT_EQ(mc_client_raw(&w.theirs, mc_z(request)), 426);
    MC_EXPECT_Z(w.theirs.body, "Upgrade Required");
    MC_EXPECT_HAS(w.theirs.head, "Sec-WebSocket-Version: 13");
    MC_EXPECT_HAS(w.theirs.head, "Upgrade: websocket");
    MC_CASE("a token in the address of anything else");
    (void)snprintf(path, sizeof(path), "/api/dynamic/tickets?token=%s", w.mine.token);
    (void)snprintf(request, sizeof(request), plain, path);
    MC_EXPECT_EQ(mc_client_raw(&w.theirs, mc_z(request)), 401);
    MC_CASE("a wrong method");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", "/api/ws", "{}"), 405);
    teardown(&w);
}

MC_TEST("pages of our own and of configured origins may connect, and no others")
{
    static const char *const args[] = {
        "--dev", "--log-level", "error", "--cors-origins", "https://app.example.com", NULL};
    static const struct {
        const char *name, *headers;
        int status;
    } cases[] = {
        {"no page at all", NULL, 101},
        {"our own", "Origin: http://127.0.0.1\r\n", 101},
        {"our own behind TLS", "Origin: https://127.0.0.1\r\n", 101},
        {"our own with its port said", "Origin: http://127.0.0.1:80\r\n", 101},
        {"a configured one", "Origin: https://app.example.com\r\n", 101},
        {"the configured one without TLS", "Origin: http://app.example.com\r\n", 403},
        {"a name that begins so", "Origin: https://app.example.com.evil.org\r\n", 403},
        {"another port", "Origin: http://127.0.0.1:8080\r\n", 403},
        {"a stranger's", "Origin: https://evil.org\r\n", 403},
        {"a page without origin", "Origin: null\r\n", 403},
        {"an empty one", "Origin: \r\n", 403},
        {"two", "Origin: http://127.0.0.1\r\nOrigin: https://evil.org\r\n", 403},
    };
    world w;
    char path[2600];

    MC_REQUIRE(setup_with(&w, args));
    (void)snprintf(path, sizeof(path), "/api/ws?token=%s", w.mine.token);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_ws_client socket;

        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_ws_open(&socket, w.process.port, path, cases[i].headers), cases[i].status);
        mc_ws_deinit(&socket);
    }
    teardown(&w);
}

MC_TEST("a ticket opens one socket, once, and none after its session's end")
{
    world w;
    mc_ws_client socket;
    char path[256], late[256];

    MC_REQUIRE(setup(&w));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", "/api/ws/ticket", NULL), 201);
    MC_EXPECT_HAS(w.mine.head, "Cache-Control: no-store");
    (void)snprintf(path, sizeof(path), "/api/ws?ticket=%.*s",
                   MC_FMT(mc_client_field(&w.mine, "ticket")));
    MC_CASE("it is not spent by a request that is no handshake");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", path, NULL), 426);
    MC_CASE("once");
    MC_EXPECT_EQ(mc_ws_open(&socket, w.process.port, path, NULL), 101);
    MC_EXPECT(subscribe(&socket, "\"tickets\""));
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "[\"tickets\"]");
    mc_ws_deinit(&socket);
    MC_CASE("twice");
    MC_EXPECT_EQ(mc_ws_open(&socket, w.process.port, path, NULL), 401);
    mc_ws_deinit(&socket);
    MC_CASE("after signing out");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", "/api/ws/ticket", "{}"), 201);
    (void)snprintf(late, sizeof(late), "/api/ws?ticket=%.*s",
                   MC_FMT(mc_client_field(&w.mine, "ticket")));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", "/api/auth/logout", "{}"), 200);
    MC_EXPECT_EQ(mc_ws_open(&socket, w.process.port, late, NULL), 401);
    mc_ws_deinit(&socket);
    MC_CASE("without a token");
    w.mine.token[0] = '\0';
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", "/api/ws/ticket", "{}"), 401);
    teardown(&w);
}

MC_TEST("a channel is one's own organization's: another ends with 1008, which clients do not retry")
{
    world w;
    mc_ws_client socket;
    char own[128];

    MC_REQUIRE(setup(&w));
    (void)snprintf(own, sizeof(own), "&channel=org:%s", w.org);
    MC_EXPECT_EQ(dial(&socket, &w.mine, own), 101);
    MC_EXPECT(subscribe(&socket, "\"tickets\""));
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "[\"tickets\"]");
    mc_ws_deinit(&socket);
    MC_EXPECT_EQ(dial(&socket, &w.theirs, own), 101);
    (void)subscribe(&socket, "\"tickets\""); /* too late: it may be closed already */
    MC_EXPECT_EQ(mc_ws_next(&socket, WAIT_MS), 8);
    MC_EXPECT_EQ(socket.code, 1008);
    mc_ws_deinit(&socket);
    teardown(&w);
}

MC_TEST("a user has so many sockets and no more, and a closed one makes room")
{
    static const char *const args[] = {"--dev", "--log-level", "error", "--ws-per-user", "3", NULL};
    world w;
    mc_ws_client sockets[3], more;

    MC_REQUIRE(setup_with(&w, args));
    for (size_t i = 0; i < MC_LEN(sockets); i++)
        MC_EXPECT_EQ(dial(&sockets[i], &w.mine, NULL), 101);
    MC_EXPECT_EQ(dial(&more, &w.mine, NULL), 429);
    MC_EXPECT_HAS(mc_z(more.head), "Retry-After:");
    mc_ws_deinit(&more);
    MC_EXPECT_EQ(dial(&more, &w.theirs, NULL), 101);
    mc_ws_deinit(&more);
    MC_EXPECT(mc_ws_send(&sockets[0], 0x88, MC_STR("\x03\xe8")));
    MC_EXPECT_EQ(mc_ws_wait_close(&sockets[0], WAIT_MS), 1000);
    MC_EXPECT_EQ(mc_ws_next(&sockets[0], WAIT_MS), MC_WS_EOF);
    for (size_t i = 0; i < MC_LEN(sockets); i++)
        mc_ws_deinit(&sockets[i]);
    for (int i = 0; i < 100; i++) { /* until the server has seen its end */
        int status = dial(&more, &w.mine, NULL);

        mc_ws_deinit(&more);
        if (status == 101)
            break;
        MC_EXPECT(i < 99);
    }
    teardown(&w);
}

/* ---- data ---- */

MC_TEST("each write reaches the subscribers of its model: one by one, in batches, by import")
{
    world w;
    mc_ws_client socket, other;
    char id[64], path[128];
    mc_str event;

    MC_REQUIRE(setup(&w));
    MC_REQUIRE(follow_tickets(&socket, &w.mine));
    MC_EXPECT_EQ(dial(&other, &w.mine, NULL), 101); /* has subscribed to nothing */

    MC_CASE("created");
    MC_REQUIRE(create_ticket(&w.mine, "first", id));
    event = mc_ws_next_text(&socket, WAIT_MS);
    MC_EXPECT_HAS(event, "{\"type\":\"DATA_EVENT\",\"payload\":{\"org_id\":\"");
    MC_EXPECT_HAS(event, w.org);
    MC_EXPECT_HAS(event, "\"model\":\"tickets\"");
    MC_EXPECT_HAS(event, "\"action\":\"created\"");
    MC_EXPECT_HAS(event, id);
    MC_EXPECT_HAS(event, "\"actor_id\":\"");
    MC_EXPECT_HAS(event, "\"at\":\"20");

    MC_CASE("updated");
    (void)snprintf(path, sizeof(path), "/api/dynamic/tickets/%s", id);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "PATCH", path, "{\"subject\":\"second\"}"), 200);
    event = mc_ws_next_text(&socket, WAIT_MS);
    MC_EXPECT_HAS(event, "\"action\":\"updated\"");
    MC_EXPECT_HAS(event, "\"fields\":[\"subject\"");

    MC_CASE("deleted");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "DELETE", path, NULL), 200);
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "\"action\":\"deleted\"");

    MC_CASE("a refused write is not told");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", "/api/dynamic/tickets", "{\"subject\":\"\"}"),
                 422);
    MC_EXPECT_EQ(mc_ws_next(&socket, QUIET_MS), MC_WS_TIMEOUT);

    MC_CASE("an import");
    MC_EXPECT_EQ(mc_client_call_type(&w.mine, "POST", "/api/dynamic/tickets/import", "text/csv",
                                     MC_STR("subject\none\ntwo\nthree\n"), NULL),
                 200);
    for (int i = 0; i < 3; i++)
        MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "\"action\":\"created\"");

    MC_CASE("who has not subscribed hears nothing");
    MC_EXPECT_EQ(mc_ws_next(&other, QUIET_MS), MC_WS_TIMEOUT);
    MC_CASE("nor who has unsubscribed");
    MC_EXPECT(mc_ws_send_text(&socket, "{\"type\":\"UNSUBSCRIBE\",\"models\":[\"TICKETS\"]}"));
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "\"models\":[]");
    MC_REQUIRE(create_ticket(&w.mine, "unheard", id));
    MC_EXPECT_EQ(mc_ws_next(&socket, QUIET_MS), MC_WS_TIMEOUT);
    mc_ws_deinit(&socket);
    mc_ws_deinit(&other);
    teardown(&w);
}

MC_TEST("nobody hears of another organization's rows")
{
    world w;
    mc_ws_client mine, theirs;
    char id[64];

    MC_REQUIRE(setup(&w));
    MC_REQUIRE(follow_tickets(&mine, &w.mine));
    MC_REQUIRE(follow_tickets(&theirs, &w.theirs));
    for (int i = 0; i < 20; i++)
        MC_REQUIRE(create_ticket(&w.theirs, "their secret", id));
    for (int i = 0; i < 20; i++)
        MC_EXPECT_HAS(mc_ws_next_text(&theirs, WAIT_MS), "\"created\"");
    MC_REQUIRE(create_ticket(&w.mine, "my own", id));
    MC_EXPECT_HAS(mc_ws_next_text(&mine, WAIT_MS), id); /* the first that it hears of */
    MC_EXPECT_EQ(mc_ws_next(&theirs, QUIET_MS), MC_WS_TIMEOUT);
    mc_ws_deinit(&mine);
    mc_ws_deinit(&theirs);
    teardown(&w);
}

/* Runs the command line against the server's data directory. */
static void admin(const world *w, const char *const *args, const char *input)
{
    const char *all[24] = {"--data", w->process.data};
    char out[4096];
    size_t n = 2;

    for (size_t i = 0; args[i]; i++)
        all[n++] = args[i];
    MC_EXPECT_EQ(mc_process_run(all, input, out, sizeof(out)), 0);
}

static bool add_agent(world *w, mc_client *agent)
{
    const char *const create[] = {"user", "create", "--email", "agent@example.com", "--org",
                                  w->org, "--role", "agent",   "--password-stdin",  NULL};

    admin(w, create, "agent-password\n");
    mc_client_init(agent, w->process.port);
    return mc_client_sign_in(agent, "agent@example.com", "agent-password") == 200;
}

static void grant(const world *w, const char *action, const char *capability)
{
    const char *const args[] = {"grant", action,         "--org",    w->org, "--role",
                                "agent", "--capability", capability, NULL};

    admin(w, args, "");
}

MC_TEST("what a user may read is asked again for each event: granted, revoked, granted again")
{
    world w;
    mc_client agent;
    mc_ws_client socket;
    char id[64];

    MC_REQUIRE(setup(&w));
    MC_REQUIRE(add_agent(&w, &agent));
    MC_REQUIRE(dial(&socket, &agent, NULL) == 101);
    MC_CASE("without the capability there is no subscription");
    MC_EXPECT(subscribe(&socket, "\"tickets\",\"users\",\"nothing\",7"));
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "\"models\":[]");
    MC_CASE("granted");
    grant(&w, "add", "tickets.read");
    MC_EXPECT(subscribe(&socket, "\"tickets\""));
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), "\"models\":[\"tickets\"]");
    MC_REQUIRE(create_ticket(&w.mine, "seen", id));
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), id);
    MC_CASE("revoked between the subscription and the event");
    grant(&w, "remove", "tickets.read");
    MC_REQUIRE(create_ticket(&w.mine, "not seen", id));
    MC_EXPECT_EQ(mc_ws_next(&socket, QUIET_MS), MC_WS_TIMEOUT);
    MC_CASE("granted again");
    grant(&w, "add", "tickets.read");
    MC_REQUIRE(create_ticket(&w.mine, "seen again", id));
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), id);
    mc_ws_deinit(&socket);
    mc_client_deinit(&agent);
    teardown(&w);
}

MC_TEST("a notification reaches every socket of the one it is for, and nobody else's")
{
    world w;
    mc_ws_client first, second, theirs;
    mc_str text;

    MC_REQUIRE(setup(&w));
    MC_REQUIRE(dial(&first, &w.mine, NULL) == 101);
    MC_REQUIRE(dial(&second, &w.mine, NULL) == 101);
    MC_REQUIRE(dial(&theirs, &w.theirs, NULL) == 101);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", "/api/notifications",
                                "{\"title\":\"Hello\",\"message\":\"there\"}"),
                 201);
    text = mc_ws_next_text(&first, WAIT_MS);
    MC_EXPECT_HAS(text, "{\"type\":\"NOTIFICATION\",\"payload\":{");
    MC_EXPECT_HAS(text, "\"title\":\"Hello\"");
    MC_EXPECT_HAS(text, "\"id\":\"");
    MC_EXPECT_HAS(mc_ws_next_text(&second, WAIT_MS), "\"title\":\"Hello\"");
    MC_EXPECT_EQ(mc_ws_next(&theirs, QUIET_MS), MC_WS_TIMEOUT);
    mc_ws_deinit(&first);
    mc_ws_deinit(&second);
    mc_ws_deinit(&theirs);
    teardown(&w);
}

/* ---- ends ---- */

MC_TEST("a token's end, signing out, a disabled account and a new password close with 1008")
{
    static const char *const args[] = {"--dev", "--log-level", "error", "--token-ttl", "8", NULL};
    static const char *const disable[] = {"user", "disable", "--email", "agent@example.com", NULL};
    static const char *const passwd[] = {
        "user", "passwd", "--email", "them@example.com", "--password-stdin", NULL};
    world w;
    mc_client agent;
    mc_ws_client first, second, other;

    MC_REQUIRE(setup(&w));
    MC_REQUIRE(add_agent(&w, &agent));
    MC_CASE("signing out ends that session's sockets");
    MC_REQUIRE(dial(&first, &w.mine, NULL) == 101);
    MC_REQUIRE(dial(&second, &w.mine, NULL) == 101);
    MC_REQUIRE(dial(&other, &w.theirs, NULL) == 101);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", "/api/auth/logout", "{}"), 200);
    MC_EXPECT_EQ(mc_ws_wait_close(&first, WAIT_MS), 1008);
    MC_EXPECT_EQ(mc_ws_wait_close(&second, WAIT_MS), 1008);
    MC_EXPECT_EQ(mc_ws_next(&other, QUIET_MS), MC_WS_TIMEOUT);
    mc_ws_deinit(&first);
    mc_ws_deinit(&second);
    MC_CASE("a disabled account");
    MC_REQUIRE(dial(&first, &agent, NULL) == 101);
    admin(&w, disable, "");
    MC_EXPECT_EQ(mc_ws_wait_close(&first, WAIT_MS), 1008);
    mc_ws_deinit(&first);
    MC_CASE("a new password");
    admin(&w, passwd, "another-password\n");
    MC_EXPECT_EQ(mc_ws_wait_close(&other, WAIT_MS), 1008);
    mc_ws_deinit(&other);
    mc_client_deinit(&agent);
    teardown(&w);

    MC_CASE("the token's end");
    MC_REQUIRE(setup_with(&w, args));
    MC_REQUIRE(dial(&first, &w.mine, NULL) == 101);
    MC_EXPECT_EQ(mc_ws_wait_close(&first, WAIT_MS), 1008);
    mc_ws_deinit(&first);
    MC_EXPECT_EQ(dial(&first, &w.mine, NULL), 401);
    mc_ws_deinit(&first);
    teardown(&w);
}

MC_TEST("unknown frames are ignored, broken ones end their socket, and the rest goes on")
{
    static const char *const harmless[] = {
        "{\"type\":\"ping\"}",
        "hello",
        "",
        "[]",
        "{}",
        "null",
        "{\"type\":7}",
        "{\"type\":\"SUBSCRIBE\"}",
        "{\"type\":\"SUBSCRIBE\",\"models\":\"tickets\"}",
        "{\"type\":\"WHATEVER\",\"models\":[\"tickets\"]}",
        "{\"type\":\"SUBSCRIBE\",\"models\":{",
    };
    static char big[5000];
    world w;
    mc_ws_client socket, bad;
    char id[64];

    MC_REQUIRE(setup(&w));
    MC_REQUIRE(follow_tickets(&socket, &w.mine));
    for (size_t i = 0; i < MC_LEN(harmless); i++)
        MC_EXPECT(mc_ws_send_text(&socket, harmless[i]));
    memset(big, '[', sizeof(big));
    MC_EXPECT(mc_ws_send(&socket, 0x81, mc_str_of(big, 4096))); /* deep, and within the limit */
    MC_EXPECT_EQ(dial(&bad, &w.mine, NULL), 101);
    MC_EXPECT(mc_ws_send(&bad, 0x81, mc_str_of(big, sizeof(big))));
    MC_EXPECT_EQ(mc_ws_wait_close(&bad, WAIT_MS), 1009);
    mc_ws_deinit(&bad);
    MC_EXPECT_EQ(dial(&bad, &w.mine, NULL), 101);
    MC_EXPECT(mc_ws_send_bytes(&bad, MC_STR("GET / HTTP/1.1\r\n\r\n")));
    MC_EXPECT_EQ(mc_ws_wait_close(&bad, WAIT_MS), 1002);
    mc_ws_deinit(&bad);
    MC_REQUIRE(create_ticket(&w.mine, "still heard", id));
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), id);
    mc_ws_deinit(&socket);
    teardown(&w);
}

MC_TEST("who never reads is told what it missed or dropped, and delays nobody")
{
    world w;
    mc_ws_client slow, quick;
    mc_buf csv;
    int small = 65536, seen = 0;
    char id[64];
    mc_str text;

    MC_REQUIRE(setup(&w));
    MC_REQUIRE(follow_tickets(&slow, &w.mine));
    MC_REQUIRE(follow_tickets(&quick, &w.mine));
    (void)setsockopt(slow.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    mc_buf_init(&csv, 0);
    mc_buf_lit(&csv, "subject\n");
    for (int i = 0; i < 5000; i++)
        mc_buf_printf(&csv, "row %d\n", i);
    for (int i = 0; i < 4; i++) {
        MC_EXPECT_EQ(mc_client_call_type(&w.mine, "POST", "/api/dynamic/tickets/import", "text/csv",
                                         mc_buf_get(&csv), NULL),
                     200);
        /* Whatever was left out, the quick one knows of it, and it is soon where we are. */
        MC_REQUIRE(create_ticket(&w.mine, "marker", id));
        do {
            text = mc_ws_next_text(&quick, WAIT_MS);
            seen++;
        } while (text.len && mc_str_find(text, mc_z(id)) == text.len &&
                 mc_str_find(text, MC_STR("DATA_EVENTS_DROPPED")) == text.len);
        MC_EXPECT(text.len > 0);
    }
    MC_EXPECT(seen > 4);
    mc_buf_deinit(&csv);

    /* Read at last, it was either cut off or hears how much it missed. */
    do {
        text = mc_ws_next_text(&slow, WAIT_MS);
    } while (text.len && mc_str_find(text, MC_STR("DATA_EVENTS_DROPPED")) == text.len);
    if (text.len)
        MC_EXPECT_HAS(text, "\"models\":[\"tickets\"]");
    else if (slow.code != 1013) /* or it was given time to hear why, and let that pass as well */
        MC_EXPECT_EQ(mc_ws_next(&slow, WAIT_MS), MC_WS_EOF);
    mc_ws_deinit(&slow);
    mc_ws_deinit(&quick);
    teardown(&w);
}

MC_TEST("a restart says 1001 and lets everybody back in, a crash loses no subscriber's next event")
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};
    world w;
    mc_ws_client socket;
    char data[160], id[64];

    MC_REQUIRE(setup(&w));
    (void)snprintf(data, sizeof(data), "%s", w.process.data);
    MC_REQUIRE(follow_tickets(&socket, &w.mine));
    MC_EXPECT_EQ(kill(w.process.pid, SIGTERM), 0);
    MC_EXPECT_EQ(mc_ws_wait_close(&socket, WAIT_MS), 1001);
    mc_ws_deinit(&socket);
    MC_EXPECT_EQ(mc_process_stop(&w.process, SIGTERM), 0);

    MC_REQUIRE(mc_process_start(&w.process, data, args));
    w.mine.port = w.theirs.port = w.process.port;
    MC_REQUIRE(follow_tickets(&socket, &w.mine));
    MC_EXPECT_EQ(mc_process_stop(&w.process, SIGKILL), 128 + SIGKILL);
    MC_EXPECT_EQ(mc_ws_next(&socket, WAIT_MS), MC_WS_EOF);
    mc_ws_deinit(&socket);

    MC_REQUIRE(mc_process_start(&w.process, data, args));
    w.mine.port = w.theirs.port = w.process.port;
    MC_REQUIRE(follow_tickets(&socket, &w.mine));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/auth/me", NULL) == 200 ||
                     mc_client_call(&w.mine, "GET", "/api/auth/me", NULL) == 200,
                 true); /* the first may find its old connection gone */
    MC_REQUIRE(create_ticket(&w.mine, "after the crash", id));
    MC_EXPECT_HAS(mc_ws_next_text(&socket, WAIT_MS), id);
    mc_ws_deinit(&socket);
    teardown(&w);
}
