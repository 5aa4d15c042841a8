/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/http_client.h"

#include "mc_test.h"
#include "metacore/server/server.h"

#include <stdatomic.h>

static mc_server *server;
static mc_http_client *client, *guarded;
static mc_arena *arena;
static _Atomic(mc_exchange *) unanswered;

/* ---- the other side ---- */

static void answer_text(mc_exchange *x, int status, mc_str body)
{
    mc_exchange_answer(x, &(mc_answer){.status = status, .body = body});
}

static mc_str shown(const mc_message *m, mc_arena *a)
{
    return mc_str_printf(a, "%.*s %.*s x=%.*s agent=%.*s body=%.*s", MC_FMT(m->method),
                         MC_FMT(m->target), MC_FMT(mc_message_header(m, MC_STR("x"), NULL)),
                         MC_FMT(mc_message_header(m, MC_STR("user-agent"), NULL)), MC_FMT(m->body));
}

static mc_str shown_trace(const mc_message *m, mc_arena *a)
{
    return mc_str_printf(a, "%.*s state=%.*s",
                         MC_FMT(mc_message_header(m, MC_STR("traceparent"), NULL)),
                         MC_FMT(mc_message_header(m, MC_STR("tracestate"), NULL)));
}

static void on_request(void *user, mc_exchange *x)
{
    static mc_header to_elsewhere[] = {
        {MC_STR_INIT("Location"), MC_STR_INIT("/echo")},
        {MC_STR_INIT("Retry-After"), MC_STR_INIT("7")},
    };
    const mc_message *m = mc_exchange_message(x);

    (void)user;
    if (mc_str_eq(m->path, MC_STR("/redirect")))
        mc_exchange_answer(x, &(mc_answer){.status = 302,
                                           .headers = to_elsewhere,
                                           .header_count = MC_LEN(to_elsewhere)});
    else if (mc_str_eq(m->path, MC_STR("/trace")))
        answer_text(x, 200, shown_trace(m, mc_exchange_arena(x)));
    else if (mc_str_eq(m->path, MC_STR("/never")))
        atomic_store(&unanswered, x); /* by the test, once it has waited in vain */
    else if (mc_str_eq(m->path, MC_STR("/big")))
        answer_text(
            x, 200,
            mc_str_of(memset(mc_arena_alloc(mc_exchange_arena(x), 100000), 'b', 100000), 100000));
    else
        answer_text(x, 200, shown(m, mc_exchange_arena(x)));
}

static void on_refusal(void *user, mc_arena *a, int status, mc_str message, mc_answer *out)
{
    (void)user;
    (void)a;
    (void)status;
    out->body = message;
}

static void stop(void)
{
    mc_http_client_free(client);
    mc_http_client_free(guarded);
    mc_server_stop(server, 100);
    mc_server_free(server);
    mc_arena_free(arena);
}

static bool setup(void)
{
    mc_server_config config = {MC_SERVER_CONFIG, .listen = MC_STR("127.0.0.1:0"), .loops = 1,
                               .handler = {.on_request = on_request, .on_refusal = on_refusal}};
    mc_err err;

    if (server)
        return true;
    mc_test_at_end(stop);
    arena = mc_arena_new(0);
    return mc_server_new(&config, &server, &err) == MC_OK &&
           mc_server_start(server, &err) == MC_OK &&
           mc_http_client_new(&(mc_http_client_config){MC_HTTP_CLIENT_CONFIG, .allow_private = true,
                                                       .user_agent = MC_STR("probe/1")},
                              &client, &err) == MC_OK &&
           mc_http_client_new(&(mc_http_client_config){MC_HTTP_CLIENT_CONFIG}, &guarded, &err) ==
               MC_OK;
}

static mc_str url(const char *host, const char *path)
{
    return mc_str_printf(arena, "http://%s:%u%s", host, mc_server_port(server), path);
}

static mc_code get(mc_http_client *by, mc_str address, mc_http_reply *out, mc_err *err)
{
    return mc_http_client_call(by, arena, &(mc_http_call){.url = address}, out, err);
}

/* ---- */

MC_TEST("a request arrives as it was given, and its answer comes back")
{
    mc_http_pair headers[] = {{MC_STR_INIT("X"), MC_STR_INIT("1")},
                              {MC_STR_INIT("Empty"), MC_STR_INIT("")}};
    mc_http_call call = {.method = MC_STR("PATCH"),
                         .headers = headers,
                         .header_count = MC_LEN(headers),
                         .body = MC_STR("{\"a\":1}")};
    mc_http_reply reply;
    mc_err err;

    MC_REQUIRE(setup());
    call.url = url("127.0.0.1", "/echo?q=%20");
    MC_REQUIRE_OK(mc_http_client_call(client, arena, &call, &reply, &err), &err);
    MC_EXPECT_EQ(reply.status, 200);
    MC_EXPECT_Z(reply.body, "PATCH /echo?q=%20 x=1 agent=probe/1 body={\"a\":1}");
    MC_EXPECT(!reply.is_truncated);
}

MC_TEST("a trace is passed on: ours is the parent, the state as it came")
{
    mc_trace trace = {
        .trace_id = {1}, .span_id = {2}, .parent_id = {3}, .flags = 1, .state = MC_STR("a=1,b=2")};
    mc_http_call call = {.trace = &trace};
    mc_http_reply reply;
    mc_err err;

    MC_REQUIRE(setup());
    call.url = url("127.0.0.1", "/trace");
    MC_REQUIRE_OK(mc_http_client_call(client, arena, &call, &reply, &err), &err);
    MC_EXPECT_Z(reply.body,
                "00-01000000000000000000000000000000-0200000000000000-01 state=a=1,b=2");
    trace = (mc_trace){0};
    MC_REQUIRE_OK(mc_http_client_call(client, arena, &call, &reply, &err), &err);
    MC_EXPECT_Z(reply.body, " state=");
}

MC_TEST("a redirect is the answer, never followed")
{
    mc_http_reply reply;
    mc_err err;

    MC_REQUIRE(setup());
    MC_REQUIRE_OK(get(client, url("127.0.0.1", "/redirect"), &reply, &err), &err);
    MC_EXPECT_EQ(reply.status, 302);
    MC_EXPECT_Z(reply.retry_after, "7");
}

static const char *const inside[] = {
    "127.0.0.1",  "127.0.0.2", "localhost",  "LOCALHOST",       "2130706433",
    "0x7f000001", "127.1",     "0177.0.0.1", "[::1]",           "[::ffff:127.0.0.1]",
    "0.0.0.0",    "[::]",      "0",          "169.254.169.254",
};

MC_TEST("no spelling of an address of ours is reached, and the message names it")
{
    MC_REQUIRE(setup());
    for (size_t i = 0; i < MC_LEN(inside); i++) {
        mc_http_reply reply;
        mc_err err;

        MC_CASE(inside[i]);
        MC_EXPECT_EQ(get(guarded, url(inside[i], "/echo"), &reply, &err), MC_FORBIDDEN);
        MC_EXPECT_HAS(mc_z(err.msg), "is blocked (SSRF guard)");
    }
}

MC_TEST("a large answer is cut at the limit, which is said, and the next call works")
{
    mc_http_call call = {.max_body_bytes = 1000};
    mc_http_reply reply;
    mc_err err;

    MC_REQUIRE(setup());
    call.url = url("127.0.0.1", "/big");
    MC_REQUIRE_OK(mc_http_client_call(client, arena, &call, &reply, &err), &err);
    MC_EXPECT_EQ(reply.body.len, 1000);
    MC_EXPECT(reply.is_truncated);
    call.max_body_bytes = 100000;
    MC_REQUIRE_OK(mc_http_client_call(client, arena, &call, &reply, &err), &err);
    MC_EXPECT_EQ(reply.body.len, 100000);
    MC_EXPECT(!reply.is_truncated);
}

MC_TEST("an answer that does not come is a timeout; nobody there is unavailable")
{
    mc_http_call call = {.timeout_ms = 50};
    mc_http_reply reply;
    mc_err err;

    MC_REQUIRE(setup());
    call.url = url("127.0.0.1", "/never");
    MC_EXPECT_EQ(mc_http_client_call(client, arena, &call, &reply, &err), MC_TIMEOUT);
    MC_REQUIRE(atomic_load(&unanswered));
    answer_text(atomic_load(&unanswered), 200, MC_STR("late"));
    MC_EXPECT_EQ(get(client, MC_STR("http://127.0.0.1:1/"), &reply, &err), MC_UNAVAILABLE);
}

static const struct {
    const char *name, *method, *url, *header, *value;
} malformed[] = {
    {"no URL", "GET", "nonsense", "A", "b"},
    {"another protocol", "GET", "file:///etc/passwd", "A", "b"},
    {"a method with a blank", "GET /x", "http://127.0.0.1:1/", "A", "b"},
    {"a header's name with a colon", "GET", "http://127.0.0.1:1/", "A:", "b"},
    {"a header's value with a line end", "GET", "http://127.0.0.1:1/", "A", "b\r\nC: d"},
};

MC_TEST("a malformed call is refused before anything is sent")
{
    MC_REQUIRE(setup());
    for (size_t i = 0; i < MC_LEN(malformed); i++) {
        mc_http_pair header = {mc_z(malformed[i].header), mc_z(malformed[i].value)};
        mc_http_call call = {.method = mc_z(malformed[i].method),
                             .url = mc_z(malformed[i].url),
                             .headers = &header,
                             .header_count = 1};
        mc_http_reply reply;
        mc_err err;

        MC_CASE(malformed[i].name);
        MC_EXPECT_EQ(mc_http_client_call(client, arena, &call, &reply, &err), MC_INVALID);
    }
}
