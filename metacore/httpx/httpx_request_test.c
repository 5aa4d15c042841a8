/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx_test_internal.h"

static const struct {
    const char *name, *query, *message; /* message NULL: it parses */
    const char *pairs;                  /* name=value|… */
} queries[] = {
    {"none", "", NULL, ""},
    {"pairs in order", "b=1&a=2&b=3", NULL, "b=1|a=2|b=3|"},
    {"plus is a space, %2B a plus", "f_subject=ILIKE:a:b+%26+c%2Bd", NULL,
     "f_subject=ILIKE:a:b & c+d|"},
    {"a key without value", "flag&x=", NULL, "flag=|x=|"},
    {"empty pieces", "&&a=1&", NULL, "a=1|"},
    {"an equals sign inside", "a=b=c", NULL, "a=b=c|"},
    {"a key is decoded too", "%61%20b=1", NULL, "a b=1|"},
    {"UTF-8", "q=%C3%B1&r=\xc3\xb1", NULL, "q=\xc3\xb1|r=\xc3\xb1|"},
    {"either case of digits", "a=%2f%2F", NULL, "a=//|"},
    {"no digits", "a=%zz", "invalid URL escape \"%zz\"", NULL},
    {"one digit", "a=%4", "invalid URL escape \"%4\"", NULL},
    {"none left", "a=%", "invalid URL escape \"%\"", NULL},
    {"no more than three bytes are shown", "a=%g12345", "invalid URL escape \"%g1\"", NULL},
    {"in a key", "%q=1", "invalid URL escape \"%q\"", NULL},
    {"quotes are shown quoted", "a=%\"x", "invalid URL escape \"%\\\"x\"", NULL},
    {"bytes are shown as digits", "a=%\xff", "invalid URL escape \"%\\xff\"", NULL},
    {"a semicolon", "a=1;b=2", "invalid semicolon separator in query", NULL},
    {"an encoded semicolon is text", "a=1%3Bb", NULL, "a=1;b|"},
    {"NUL", "a=%00", "invalid query: NUL", NULL},
    {"not UTF-8", "a=%ff", "invalid query: not UTF-8", NULL},
    {"not UTF-8 in a key", "%c3=1", "invalid query: not UTF-8", NULL},
    {"not UTF-8 and not encoded", "a=\xff", "invalid query: not UTF-8", NULL},
    {"a surrogate", "a=%ed%a0%80", "invalid query: not UTF-8", NULL},
};

MC_TEST("a query is decoded by the form rules, and what breaks them is named")
{
    for (size_t i = 0; i < MC_LEN(queries); i++) {
        mc_buf pairs;
        mc_code rc;
        fake f;

        MC_CASE(queries[i].name);
        fake_open(&f, "GET", "/", queries[i].query);
        mc_buf_init_arena(&pairs, f.arena, 0);
        rc = mc_http_query_parse(&f.req, &f.err);
        MC_EXPECT_EQ(rc, queries[i].message ? MC_INVALID : MC_OK);
        if (rc != MC_OK)
            MC_EXPECT_Z(mc_z(f.err.msg), queries[i].message);
        for (size_t k = 0; k < f.req.query_count; k++)
            mc_buf_printf(&pairs, "%.*s=%.*s|", MC_FMT(f.req.query_pairs[k].name),
                          MC_FMT(f.req.query_pairs[k].value));
        MC_EXPECT_Z(mc_buf_get(&pairs), queries[i].pairs);
        fake_close(&f);
    }
}

MC_TEST("a query has at most MC_HTTP_QUERY_MAX pairs")
{
    char text[2 * (MC_HTTP_QUERY_MAX + 1) + 1];
    fake f;

    for (size_t i = 0; i <= MC_HTTP_QUERY_MAX; i++)
        memcpy(text + 2 * i, "a&", 3);
    fake_open(&f, "GET", "/", text + 2);
    MC_EXPECT_OK(mc_http_query_parse(&f.req, &f.err), &f.err);
    MC_EXPECT_EQ(f.req.query_count, MC_HTTP_QUERY_MAX);
    fake_close(&f);
    fake_open(&f, "GET", "/", text);
    MC_EXPECT_EQ(mc_http_query_parse(&f.req, &f.err), MC_INVALID);
    fake_close(&f);
}

MC_TEST("the first non-empty value of a name counts")
{
    fake f;

    fake_open(&f, "GET", "/", "page=&page=2&page=3");
    MC_EXPECT_Z(mc_http_query(&f.req, MC_STR("page")), "");
    MC_EXPECT_OK(mc_http_query_parse(&f.req, &f.err), &f.err);
    MC_EXPECT_OK(mc_http_query_parse(&f.req, &f.err), &f.err);
    MC_EXPECT_Z(mc_http_query(&f.req, MC_STR("page")), "2");
    MC_EXPECT_Z(mc_http_query(&f.req, MC_STR("Page")), "");
    fake_close(&f);
}

MC_TEST("a path parameter is a UUID or an invalid id")
{
    static const struct {
        const char *name, *value;
        bool is_valid;
    } ids[] = {
        {"as it is written", "0192f1c4-9b1a-7c3d-8e4f-0123456789ab", true},
        {"in capitals", "0192F1C4-9B1A-7C3D-8E4F-0123456789AB", true},
        {"a number", "7", false},
        {"nothing", "", false},
        {"SQL", "1' OR '1'='1", false},
        {"one digit too many", "0192f1c4-9b1a-7c3d-8e4f-0123456789abc", false},
    };

    for (size_t i = 0; i < MC_LEN(ids); i++) {
        mc_uuid id;
        mc_code rc;
        fake f;

        MC_CASE(ids[i].name);
        fake_open(&f, "GET", "/", "");
        f.req.match.param_names[0] = MC_STR("id");
        f.req.match.param_values[0] = mc_z(ids[i].value);
        f.req.match.param_count = 1;
        rc = mc_http_param_uuid(&f.req, MC_STR("id"), &id, &f.err);
        MC_EXPECT_EQ(rc, ids[i].is_valid ? MC_OK : MC_INVALID);
        if (rc != MC_OK)
            MC_EXPECT_Z(mc_z(f.err.msg), "invalid id");
        MC_EXPECT_EQ(mc_http_param_uuid(&f.req, MC_STR("other"), &id, &f.err), MC_INVALID);
        fake_close(&f);
    }
}

MC_TEST("a request's id is the caller's when that is clean, else a new one")
{
    static char long_id[MC_HTTP_REQUEST_ID_MAX + 2];
    static const struct {
        const char *name, *sent;
        bool is_taken;
    } ids[] = {
        {"letters, digits and . _ -", "Trace.01_a-B", true},
        {"the longest", long_id + 1, true},
        {"one longer", long_id, false},
        {"empty", "", false},
        {"a space", "a b", false},
        {"markup", "<script>", false},
        {"another line", "a\r\nX-Evil: 1", false},
        {"not ASCII", "\xc3\xb1", false},
    };

    memset(long_id, 'x', MC_HTTP_REQUEST_ID_MAX + 1);
    for (size_t i = 0; i < MC_LEN(ids); i++) {
        mc_str id;
        fake f;

        MC_CASE(ids[i].name);
        fake_open(&f, "GET", "/", "");
        fake_header(&f, "x-request-id", ids[i].sent);
        id = mc_http_request_id(&f.req);
        MC_EXPECT_EQ(mc_str_eq(id, mc_z(ids[i].sent)), ids[i].is_taken);
        if (!ids[i].is_taken)
            MC_EXPECT_EQ(id.len, MC_UUID_TEXT_LEN);
        MC_EXPECT_STR(f.req.ctx.request_id, id);
        MC_EXPECT_STR(mc_http_request_id(&f.req), id);
        fake_close(&f);
    }
}

MC_TEST("who asks is told, or that nobody does")
{
    mc_uuid id;
    fake f;

    fake_open(&f, "GET", "/", "");
    MC_EXPECT_EQ(mc_http_user_id(&f.req, &id, &f.err), MC_UNAUTHENTICATED);
    MC_EXPECT_Z(mc_z(f.err.msg), "httpx: user context not found");
    MC_EXPECT_EQ(mc_http_org_id(&f.req, &id, &f.err), MC_UNAUTHENTICATED);
    f.req.ctx.who.user_id.bytes[0] = 1;
    MC_EXPECT_OK(mc_http_user_id(&f.req, &id, &f.err), &f.err);
    MC_EXPECT_EQ(id.bytes[0], 1);
    MC_EXPECT_EQ(mc_http_org_id(&f.req, &id, &f.err), MC_FORBIDDEN);
    MC_EXPECT_Z(mc_z(f.err.msg), "httpx: organization context not found");
    f.req.ctx.who.org_id.bytes[0] = 2;
    MC_EXPECT_OK(mc_http_org_id(&f.req, &id, &f.err), &f.err);
    MC_EXPECT_EQ(id.bytes[0], 2);
    fake_close(&f);
}

MC_TEST("the last header of a name counts")
{
    fake f;

    fake_open(&f, "GET", "/", "");
    fake_header(&f, "accept-language", "es");
    fake_header(&f, "accept-language", "en");
    MC_EXPECT_Z(mc_http_header(&f.req, MC_STR("accept-language")), "en");
    MC_EXPECT_Z(mc_http_header(&f.req, MC_STR("accept")), "");
    fake_close(&f);
}

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static const struct {
    const char *name, *first, *second, *state;
    bool goes_on;
    const char *passed_on;
} traces[] = {
    {"a caller's trace goes on", PARENT, NULL, NULL, true, ""},
    {"with its state", PARENT, NULL, "a=1, b=2", true, "a=1,b=2"},
    {"a bad state is dropped alone", PARENT, NULL, "a=1, a=2", true, ""},
    {"a bad trace is dropped with its state", "00-x", NULL, "a=1", false, ""},
    {"two parents are none", PARENT, PARENT, "a=1", false, ""},
    {"a state alone means nothing", NULL, NULL, "a=1", false, ""},
    {"without any a trace begins", NULL, NULL, NULL, false, ""},
};

MC_TEST("a request goes on in its caller's trace, or begins one")
{
    for (size_t i = 0; i < MC_LEN(traces); i++) {
        const mc_trace *trace;
        fake f;

        MC_CASE(traces[i].name);
        fake_open(&f, "GET", "/", "");
        if (traces[i].first)
            fake_header(&f, "traceparent", traces[i].first);
        if (traces[i].second)
            fake_header(&f, "traceparent", traces[i].second);
        if (traces[i].state)
            fake_header(&f, "tracestate", traces[i].state);
        mc_http_trace(&f.req);
        trace = &f.req.ctx.trace;
        MC_EXPECT_EQ(memcmp(trace->trace_id, "\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6", 8) == 0,
                     traces[i].goes_on);
        MC_EXPECT_EQ(trace->flags, traces[i].goes_on);
        MC_EXPECT(trace->trace_id[0] || trace->trace_id[1] || trace->trace_id[2]);
        MC_EXPECT(trace->span_id[0] != 0);
        MC_EXPECT_Z(trace->state, traces[i].passed_on);
        fake_close(&f);
    }
}
