/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx_test_internal.h"

static mc_str header_of(const fake *f, const char *name)
{
    return mc_http_res_get_header(&f->res, mc_z(name));
}

MC_TEST("the envelope's keys come in byte order, and its text is escaped")
{
    fake f;

    fake_open(&f, "GET", "/", "");
    mc_json_write_str(mc_http_ok_begin(&f.res, 201), MC_STR("<b>"));
    MC_EXPECT_OK(mc_http_ok_end(&f.res, MC_STR("{\"total\":1}"), &f.err), &f.err);
    MC_EXPECT_Z(fake_body(&f),
                "{\"data\":\"\\u003cb\\u003e\",\"meta\":{\"total\":1},\"success\":true}");
    MC_EXPECT_EQ(mc_http_res_answer(&f.res).status, 201);
    MC_EXPECT_Z(header_of(&f, "content-type"), "application/json; charset=utf-8");

    mc_buf_lit(mc_http_ok_begin(&f.res, 200), "[]");
    MC_EXPECT_OK(mc_http_ok_end(&f.res, mc_str_of(NULL, 0), &f.err), &f.err);
    MC_EXPECT_Z(fake_body(&f), "{\"data\":[],\"success\":true}");

    MC_EXPECT_OK(mc_http_ok_message(&f.res, 200, MC_STR("a \"b\""), &f.err), &f.err);
    MC_EXPECT_Z(fake_body(&f), "{\"message\":\"a \\\"b\\\"\",\"success\":true}");
    MC_EXPECT_OK(mc_http_ok_message(&f.res, 200, mc_str_of(NULL, 0), &f.err), &f.err);
    MC_EXPECT_Z(fake_body(&f), "{\"success\":true}");
    MC_EXPECT_OK(mc_http_res_finish(&f.res, &f.err), &f.err);
    fake_close(&f);
}

static const struct {
    const char *name;
    mc_code code;
    int status;
    bool is_opaque, has_retry;
} codes[] = {
    {"malformed", MC_INVALID, 400, false, false},
    {"nobody", MC_UNAUTHENTICATED, 401, false, false},
    {"not allowed", MC_FORBIDDEN, 403, false, false},
    {"absent", MC_NOT_FOUND, 404, false, false},
    {"taken", MC_CONFLICT, 409, false, false},
    {"changed", MC_PRECONDITION, 412, false, false},
    {"too large", MC_TOO_LARGE, 413, false, false},
    {"not understood", MC_UNSUPPORTED, 415, false, false},
    {"against the rules", MC_REJECTED, 422, false, false},
    {"too often", MC_TOO_MANY, 429, false, true},
    {"full", MC_LIMIT, 503, false, true},
    {"not built", MC_NOT_PROVIDED, 501, false, false},
    {"away", MC_UNAVAILABLE, 503, true, true},
    {"too late", MC_TIMEOUT, 504, false, false},
    {"no memory", MC_NO_MEMORY, 503, true, true},
    {"interrupted", MC_INTERRUPTED, 503, true, true},
    {"the system", MC_IO, 500, true, false},
    {"our mistake", MC_INTERNAL, 500, true, false},
    {"a failure without a code", MC_OK, 500, true, false},
    {"an unknown code", (mc_code)999, 500, true, false},
};

MC_TEST("each code has its status, and ours are told without their text")
{
    for (size_t i = 0; i < MC_LEN(codes); i++) {
        mc_err err = {codes[i].code, "SQLSTATE 42P01: relation \"users\""};
        fake f;

        MC_CASE(codes[i].name);
        fake_open(&f, "GET", "/", "");
        f.req.ctx.request_id = MC_STR("r-1");
        mc_http_error(&f.res, &f.req.ctx, &err);
        MC_EXPECT_EQ(f.res.status, codes[i].status);
        MC_EXPECT_EQ(mc_str_find(fake_body(&f), MC_STR("42P01")) == fake_body(&f).len,
                     codes[i].is_opaque);
        if (codes[i].is_opaque)
            MC_EXPECT_HAS(fake_body(&f), " (request r-1)\",\"success\":false}");
        MC_EXPECT_Z(header_of(&f, "Retry-After"), codes[i].has_retry ? "1" : "");
        MC_EXPECT_Z(header_of(&f, "WWW-Authenticate"),
                    codes[i].code == MC_UNAUTHENTICATED ? "Bearer" : "");
        MC_EXPECT_Z(header_of(&f, "Content-Type"), "application/json; charset=utf-8");
        fake_close(&f);
    }
    MC_CASE("every code is in the table");
    for (int code = 0; code < MC_CODE_COUNT; code++)
        MC_EXPECT(mc_http_status((mc_code)code) != 500 || code == MC_IO || code == MC_INTERNAL);
    MC_EXPECT_EQ(mc_http_status(MC_OK), 200);
}

MC_TEST("an error replaces what the handler began, but not who may read it")
{
    mc_err err = {MC_NOT_FOUND, "record not found"};
    fake f;

    fake_open(&f, "GET", "/", "");
    mc_http_res_header(&f.res, MC_STR("Content-Disposition"), MC_STR("attachment"));
    mc_http_res_header(&f.res, MC_STR("ETag"), MC_STR("\"1\""));
    mc_http_res_header(&f.res, MC_STR("Access-Control-Allow-Origin"), MC_STR("*"));
    mc_http_res_header(&f.res, MC_STR("Vary"), MC_STR("Origin"));
    mc_http_content_type(&f.res, MC_STR("text/csv"));
    mc_buf_lit(mc_http_ok_begin(&f.res, 200), "half a row");
    mc_http_error(&f.res, &f.req.ctx, &err);
    MC_EXPECT_Z(fake_body(&f), "{\"message\":\"record not found\",\"success\":false}");
    MC_EXPECT_EQ(f.res.header_count, 3);
    MC_EXPECT_Z(header_of(&f, "Access-Control-Allow-Origin"), "*");
    MC_EXPECT_Z(header_of(&f, "Vary"), "Origin");
    fake_close(&f);
}

MC_TEST("broken rules are told field by field")
{
    mc_err err = {MC_REJECTED, "check the fields"};
    fake f;

    fake_open(&f, "POST", "/", "");
    mc_ctx_field_error(&f.req.ctx, MC_STR("subject"), MC_STR("min"), MC_STR("{\"min\":3}"),
                       "short");
    mc_ctx_field_error(&f.req.ctx, MC_STR("due_at"), MC_STR("required"), mc_str_of(NULL, 0), "%s",
                       "");
    mc_ctx_field_error(&f.req.ctx, MC_STR("subject"), MC_STR("regex"), mc_str_of(NULL, 0), "<odd>");
    mc_http_error(&f.res, &f.req.ctx, &err);
    MC_EXPECT_EQ(f.res.status, 422);
    MC_EXPECT_Z(fake_body(&f),
                "{\"errors\":{\"due_at\":[{\"code\":\"required\"}],"
                "\"subject\":[{\"code\":\"min\",\"message\":\"short\",\"params\":{\"min\":3}},"
                "{\"code\":\"regex\",\"message\":\"\\u003codd\\u003e\"}]},"
                "\"message\":\"check the fields\",\"success\":false}");
    fake_close(&f);
}

MC_TEST("a failure says a word for programs and more about itself when its context has them")
{
    static const struct {
        const char *name, *body;
        mc_err err;
        bool is_told;
    } cases[] = {
        {"for people",
         "{\"error\":{\"code\":\"invalid_state\",\"message\":\"it is closed\"},\"message\":"
         "\"it is closed\",\"meta\":{\"index\":3},\"success\":false}",
         {MC_CONFLICT, "it is closed"}},
        {"ours: no detail, but the word that was chosen, and where",
         "{\"error\":{\"code\":\"invalid_state\",\"message\":\"Internal server error\"},"
         "\"message\":\"Internal server error\",\"meta\":{\"index\":3},\"success\":false}",
         {MC_IO, "disk 7"}},
        {"an addon's",
         "{\"error\":{\"code\":\"invalid_state\",\"message\":\"abort at a.ts:1:2\"},"
         "\"message\":\"abort at a.ts:1:2\",\"meta\":{\"index\":3},\"success\":false}",
         {MC_INTERNAL, "abort at a.ts:1:2"},
         true},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        fake f;

        MC_CASE(cases[i].name);
        fake_open(&f, "POST", "/", "");
        f.req.ctx.failure_is_told = cases[i].is_told;
        f.req.ctx.failure_code = MC_STR("invalid_state");
        f.req.ctx.failure_meta = MC_STR("{\"index\":3}");
        mc_http_error(&f.res, &f.req.ctx, &cases[i].err);
        MC_EXPECT_Z(fake_body(&f), cases[i].body);
        fake_close(&f);
    }
}

MC_TEST("when to try again is the context's to say")
{
    mc_err err = {MC_TOO_MANY, "slow down"};
    fake f;

    fake_open(&f, "POST", "/", "");
    f.req.ctx.retry_after_s = 30;
    mc_http_error(&f.res, &f.req.ctx, &err);
    MC_EXPECT_Z(header_of(&f, "Retry-After"), "30");
    fake_close(&f);
}

MC_TEST("a path without route is 404, one with other methods 405")
{
    fake f;

    fake_open(&f, "GET", "/", "");
    mc_http_no_route(&f.res, &f.req);
    MC_EXPECT_EQ(f.res.status, 404);
    MC_EXPECT_Z(fake_body(&f), "Not Found");
    MC_EXPECT_Z(header_of(&f, "Content-Type"), "text/plain; charset=utf-8");
    f.req.match.allow = MC_STR("GET, HEAD");
    mc_http_no_route(&f.res, &f.req);
    MC_EXPECT_EQ(f.res.status, 405);
    MC_EXPECT_Z(fake_body(&f), "Method Not Allowed");
    MC_EXPECT_Z(header_of(&f, "Allow"), "GET, HEAD");
    MC_CASE("for whoever accepts JSON by name");
    fake_header(&f, "accept", "application/json, text/plain, */*");
    mc_http_no_route(&f.res, &f.req);
    MC_EXPECT_Z(fake_body(&f), "{\"message\":\"Method Not Allowed\",\"success\":false}");
    MC_EXPECT_Z(header_of(&f, "Allow"), "GET, HEAD");
    fake_close(&f);
}

MC_TEST("a header cannot carry another one")
{
    static const struct {
        const char *name;
        mc_str header, value;
        bool is_set;
    } rows[] = {
        {"text", MC_STR_INIT("X-A"), MC_STR_INIT("a b"), true},
        {"UTF-8", MC_STR_INIT("X-A"), MC_STR_INIT("\xc3\xb1"), true},
        {"CR LF", MC_STR_INIT("X-A"), MC_STR_INIT("a\r\nX-Evil: 1"), false},
        {"CR", MC_STR_INIT("X-A"), MC_STR_INIT("a\rb"), false},
        {"LF", MC_STR_INIT("X-A"), MC_STR_INIT("a\nb"), false},
        {"NUL", MC_STR_INIT("X-A"), MC_STR_INIT("a\0b"), false},
        {"a name with a colon", MC_STR_INIT("X-A:"), MC_STR_INIT("1"), false},
        {"an empty name", MC_STR_INIT(""), MC_STR_INIT("1"), false},
    };

    for (size_t i = 0; i < MC_LEN(rows); i++) {
        fake f;

        MC_CASE(rows[i].name);
        fake_open(&f, "GET", "/", "");
        MC_EXPECT_OK(mc_http_ok_message(&f.res, 200, mc_str_of(NULL, 0), &f.err), &f.err);
        mc_http_res_header(&f.res, rows[i].header, rows[i].value);
        MC_EXPECT_EQ(f.res.header_count, rows[i].is_set ? 2 : 1);
        MC_EXPECT_EQ(mc_http_res_finish(&f.res, &f.err), rows[i].is_set ? MC_OK : MC_INTERNAL);
        fake_close(&f);
    }
}

MC_TEST("headers are replaced without regard to case, copied and bounded")
{
    static char names[MC_HTTP_RES_HEADERS_MAX + 1][8];
    char value[] = "one";
    fake f;

    fake_open(&f, "GET", "/", "");
    MC_EXPECT_OK(mc_http_ok_message(&f.res, 200, mc_str_of(NULL, 0), &f.err), &f.err);
    mc_http_res_header(&f.res, MC_STR("X-A"), mc_z(value));
    memset(value, 'x', 3);
    MC_EXPECT_Z(header_of(&f, "x-a"), "one");
    mc_http_res_header(&f.res, MC_STR("x-A"), MC_STR("two"));
    MC_EXPECT_EQ(f.res.header_count, 2);
    MC_EXPECT_Z(header_of(&f, "X-A"), "two");
    MC_EXPECT_OK(mc_http_res_finish(&f.res, &f.err), &f.err);
    for (int i = 0; i <= MC_HTTP_RES_HEADERS_MAX; i++) {
        names[i][0] = 'N';
        names[i][1] = (char)('a' + i);
        mc_http_res_header(&f.res, mc_z(names[i]), MC_STR("1"));
    }
    MC_EXPECT_EQ(f.res.header_count, MC_HTTP_RES_HEADERS_MAX);
    MC_EXPECT_EQ(mc_http_res_finish(&f.res, &f.err), MC_INTERNAL);
    fake_close(&f);
}

MC_TEST("every answer of the API is sealed")
{
    mc_http_route tokens = {.flags = MC_HTTP_NO_STORE};
    fake f;

    fake_open(&f, "GET", "/", "");
    fake_header(&f, "x-request-id", "abc");
    (void)mc_http_request_id(&f.req); /* the id stands in ctx */
    mc_http_res_seal(&f.res, &f.req);
    MC_EXPECT_Z(header_of(&f, "X-Content-Type-Options"), "nosniff");
    MC_EXPECT_Z(header_of(&f, "X-Request-ID"), "abc");
    MC_EXPECT_Z(header_of(&f, "Cache-Control"), "private, no-cache");
    f.req.match.route = &tokens;
    mc_http_res_seal(&f.res, &f.req);
    MC_EXPECT_Z(header_of(&f, "Cache-Control"), "no-store");
    fake_close(&f);

    fake_open(&f, "GET", "/", "");
    mc_http_res_header(&f.res, MC_STR("Cache-Control"), MC_STR("public, max-age=60"));
    mc_http_res_seal(&f.res, &f.req);
    MC_EXPECT_Z(header_of(&f, "Cache-Control"), "public, max-age=60");
    fake_close(&f);
}

MC_TEST("an answer is whole even without memory, and without a handler's word")
{
    mc_err err = {MC_NOT_FOUND, "record not found"};
    mc_arena *arena = mc_arena_new(1);
    mc_http_res res;

    mc_http_res_init(&res, arena);
    MC_EXPECT_EQ(mc_http_res_finish(&res, &err), MC_INTERNAL);
    MC_EXPECT_EQ(mc_http_res_answer(&res).status, 500);
    MC_EXPECT_EQ(mc_http_ok_message(&res, 200, MC_STR("hello"), &err), MC_NO_MEMORY);
    MC_EXPECT_EQ(mc_http_res_finish(&res, &err), MC_NO_MEMORY);
    mc_http_error(&res, NULL, &err);
    MC_EXPECT_EQ(mc_http_res_answer(&res).status, 503);
    MC_EXPECT_Z(mc_http_res_answer(&res).body,
                "{\"message\":\"Internal server error\",\"success\":false}");
    mc_arena_free(arena);
}

/* ---- entity tags ---- */

static const struct {
    const char *name, *list, *etag;
    bool is_weak, matches;
} etags[] = {
    {"the same", "\"1\"", "\"1\"", true, true},
    {"another", "\"2\"", "\"1\"", true, false},
    {"one of a list", "\"0\", \"1\" ,\"2\"", "\"1\"", true, true},
    {"empty elements", ",, \"1\",", "\"1\"", true, true},
    {"a comma inside", "\"a,b\"", "\"a,b\"", true, true},
    {"any", "*", "\"1\"", false, true},
    {"any of nothing", "*", "", false, false},
    {"weak against strong, weakly", "W/\"1\"", "\"1\"", true, true},
    {"weak against strong, strongly", "W/\"1\"", "\"1\"", false, false},
    {"weak against weak, strongly", "W/\"1\"", "W/\"1\"", false, false},
    {"strong against strong, strongly", "\"1\"", "\"1\"", false, true},
    {"no quotes", "1", "\"1\"", true, false},
    {"no end", "\"1", "\"1\"", true, false},
    {"malformed behind the match", "\"1\" \"2\"", "\"1\"", true, false},
    {"lower-case w", "w/\"1\"", "\"1\"", true, false},
    {"a space inside", "\"a b\"", "\"a b\"", true, false},
    {"empty", "", "\"1\"", true, false},
};

MC_TEST("entity tags compare as RFC 9110 says")
{
    for (size_t i = 0; i < MC_LEN(etags); i++) {
        MC_CASE(etags[i].name);
        MC_EXPECT_EQ(
            mc_http_etag_matches(mc_z(etags[i].list), mc_z(etags[i].etag), etags[i].is_weak),
            etags[i].matches);
    }
}

MC_TEST("a version the client has is not sent again")
{
    fake f;

    fake_open(&f, "GET", "/", "");
    MC_EXPECT(!mc_http_not_modified(&f.req, &f.res, MC_STR("\"1\"")));
    MC_EXPECT_Z(header_of(&f, "ETag"), "\"1\"");
    fake_header(&f, "if-none-match", "\"0\"");
    fake_header(&f, "if-none-match", "\"1\"");
    fake_header(&f, "if-none-match", "\"2\"");
    MC_EXPECT(mc_http_not_modified(&f.req, &f.res, MC_STR("\"1\"")));
    MC_EXPECT_EQ(f.res.status, 304);
    MC_EXPECT_OK(mc_http_res_finish(&f.res, &f.err), &f.err);
    MC_EXPECT_Z(mc_http_res_answer(&f.res).body, "");
    f.message.method = MC_STR("POST");
    MC_EXPECT(!mc_http_not_modified(&f.req, &f.res, MC_STR("\"1\"")));
    fake_close(&f);
}

MC_TEST("If-Match holds, or nothing is written")
{
    fake f;

    fake_open(&f, "PUT", "/", "");
    MC_EXPECT_OK(mc_http_check_if_match(&f.req, MC_STR("\"1\""), &f.err), &f.err);
    fake_header(&f, "if-match", "\"1\"");
    MC_EXPECT_OK(mc_http_check_if_match(&f.req, MC_STR("\"1\""), &f.err), &f.err);
    MC_EXPECT_EQ(mc_http_check_if_match(&f.req, MC_STR("\"2\""), &f.err), MC_PRECONDITION);
    MC_EXPECT_EQ(mc_http_check_if_match(&f.req, mc_str_of(NULL, 0), &f.err), MC_PRECONDITION);
    fake_close(&f);
}

/* ---- other origins ---- */

static const mc_str listed[] = {MC_STR_INIT("https://app.example.com"),
                                MC_STR_INIT("http://localhost:5173")};
static const mc_str any[] = {MC_STR_INIT("*")};

static const struct {
    const char *name, *origin; /* NULL: none sent */
    mc_strs origins;
    bool is_preflight;
    const char *allowed, *vary;
} origins[] = {
    {"off", "https://app.example.com", {NULL, 0}, false, "", ""},
    {"listed", "https://app.example.com", {listed, 2}, true, "https://app.example.com", "Origin"},
    {"the other one",
     "http://localhost:5173",
     {listed, 2},
     true,
     "http://localhost:5173",
     "Origin"},
    {"not listed", "https://evil.example", {listed, 2}, true, "", "Origin"},
    {"a longer name", "https://app.example.com.evil.example", {listed, 2}, true, "", "Origin"},
    {"another scheme", "http://app.example.com", {listed, 2}, true, "", "Origin"},
    {"null", "null", {listed, 2}, true, "", "Origin"},
    {"any", "https://evil.example", {any, 1}, true, "*", ""},
    {"no origin", NULL, {listed, 2}, false, "", "Origin"},
};

MC_TEST("only listed origins may read answers")
{
    for (size_t i = 0; i < MC_LEN(origins); i++) {
        mc_http_cors cors = {.origins = origins[i].origins};
        fake f;

        MC_CASE(origins[i].name);
        fake_open(&f, "OPTIONS", "/api/dynamic/tickets", "");
        if (origins[i].origin)
            fake_header(&f, "origin", origins[i].origin);
        fake_header(&f, "access-control-request-method", "PUT");
        MC_EXPECT_EQ(mc_http_cors_preflight(&cors, &f.req, &f.res), origins[i].is_preflight);
        MC_EXPECT_EQ(f.res.status, origins[i].is_preflight ? 204 : 0);
        if (origins[i].is_preflight)
            MC_EXPECT_Z(header_of(&f, "Access-Control-Allow-Origin"), origins[i].allowed);
        MC_EXPECT_EQ(header_of(&f, "Access-Control-Allow-Headers").len > 0,
                     origins[i].allowed[0] != '\0');
        MC_EXPECT_Z(header_of(&f, "Access-Control-Allow-Credentials"), "");

        f.message.method = MC_STR("GET");
        mc_http_res_init(&f.res, f.arena);
        MC_EXPECT(!mc_http_cors_preflight(&cors, &f.req, &f.res));
        mc_http_cors_apply(&cors, &f.req, &f.res);
        MC_EXPECT_Z(header_of(&f, "Access-Control-Allow-Origin"), origins[i].allowed);
        MC_EXPECT_Z(header_of(&f, "Vary"), origins[i].vary);
        MC_EXPECT_EQ(header_of(&f, "Access-Control-Expose-Headers").len > 0,
                     origins[i].allowed[0] != '\0');
        fake_close(&f);
    }
}

MC_TEST("a preflight says what pages may send")
{
    mc_http_cors cors = {.origins = {listed, 2}, .max_age_s = 60};
    fake f;

    fake_open(&f, "OPTIONS", "/", "");
    fake_header(&f, "origin", "https://app.example.com");
    MC_EXPECT(!mc_http_cors_preflight(&cors, &f.req, &f.res));
    fake_header(&f, "access-control-request-method", "DELETE");
    MC_EXPECT(mc_http_cors_preflight(&cors, &f.req, &f.res));
    MC_EXPECT_HAS(header_of(&f, "Access-Control-Allow-Methods"), "DELETE");
    MC_EXPECT_HAS(header_of(&f, "Access-Control-Allow-Headers"),
                  "authorization, content-type, accept-language, x-branch-id");
    MC_EXPECT_Z(header_of(&f, "Access-Control-Max-Age"), "60");
    MC_EXPECT_OK(mc_http_res_finish(&f.res, &f.err), &f.err);
    MC_EXPECT_Z(mc_http_res_answer(&f.res).body, "");

    mc_http_res_init(&f.res, f.arena);
    mc_http_res_header(&f.res, MC_STR("Vary"), MC_STR("Accept-Language"));
    mc_http_cors_apply(&cors, &f.req, &f.res);
    MC_EXPECT_Z(header_of(&f, "Vary"), "Accept-Language, Origin");
    fake_close(&f);
}
