/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx_test_internal.h"

static mc_code nothing(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    (void)req;
    (void)user;
    return mc_http_ok_message(res, 200, mc_str_of(NULL, 0), err);
}

#define ROUTE(verb, path)                                                                          \
    {                                                                                              \
        .method = (verb), .pattern = (path), .run = MC_HTTP_READ, .handle = nothing                \
    }

static const mc_http_route routes[] = {
    ROUTE("GET", "/"),
    ROUTE("POST", "/auth/login"),
    ROUTE("GET", "/dynamic/:model"),
    ROUTE("POST", "/dynamic/:model"),
    ROUTE("GET", "/dynamic/:model/export"),
    ROUTE("POST", "/dynamic/:model/import"),
    ROUTE("POST", "/dynamic/:model/import/validate"),
    ROUTE("GET", "/dynamic/:model/:id"),
    ROUTE("PUT", "/dynamic/:model/:id"),
    ROUTE("DELETE", "/dynamic/:record/:key"),
    ROUTE("POST", "/dynamic/:model/:id/action/:key"),
    ROUTE("GET", "/webhooks/"),
    ROUTE("GET", "/files/*"),
    ROUTE("GET", "/files/index"),
    ROUTE("HEAD", "/files/index"),
    ROUTE("PATCH", "/files/index"),
    /* A literal branch that fails deeper, with ":" and "*" beside it. */
    ROUTE("GET", "/deep/a/b/c"),
    ROUTE("GET", "/deep/:x/b/d"),
    ROUTE("GET", "/deep/:x/:y/e"),
    ROUTE("GET", "/deep/*"),
};

static mc_http_router *router_of(const char *prefix)
{
    mc_http_router *router = NULL;
    mc_err err;

    MC_EXPECT_OK(mc_http_router_new(&router, &err), &err);
    MC_EXPECT_OK(mc_http_router_add_all(router, mc_z(prefix), routes, MC_LEN(routes), &err), &err);
    return router;
}

static const struct {
    const char *name, *method, *path, *pattern; /* pattern NULL: none */
    const char *params;                         /* name=value,… */
    const char *allow;
} cases[] = {
    {"the root", "GET", "/api", "/api", "", ""},
    {"the root with its slash", "GET", "/api/", "/api", "", ""},
    {"a literal", "POST", "/api/auth/login", "/api/auth/login", "", ""},
    {"literals without case", "POST", "/API/Auth/LOGIN", "/api/auth/login", "", ""},
    {"one trailing slash", "POST", "/api/auth/login/", "/api/auth/login", "", ""},
    {"two trailing slashes are another path", "POST", "/api/auth/login//", NULL, "", ""},
    {"a doubled slash is another path", "POST", "/api//auth/login", NULL, "", ""},
    {"a pattern that ends in a slash", "GET", "/api/webhooks", "/api/webhooks", "", ""},
    {"a parameter as sent", "GET", "/api/dynamic/Tick%20ets", "/api/dynamic/:model",
     "model=Tick%20ets", ""},
    {"a parameter is never empty", "GET", "/api/dynamic//", NULL, "", ""},
    {"a parameter is needed", "GET", "/api/dynamic/", NULL, "", ""},
    {"two parameters", "GET", "/api/dynamic/tickets/7", "/api/dynamic/:model/:id",
     "model=tickets,id=7", ""},
    {"names belong to the method's own pattern", "DELETE", "/api/dynamic/tickets/7",
     "/api/dynamic/:record/:key", "record=tickets,key=7", ""},
    {"three parameters", "POST", "/api/dynamic/t/7/action/close",
     "/api/dynamic/:model/:id/action/:key", "model=t,id=7,key=close", ""},
    {"a literal beats a parameter", "GET", "/api/dynamic/t/export", "/api/dynamic/:model/export",
     "model=t", ""},
    {"a literal without this method yields to the parameter", "DELETE", "/api/dynamic/t/export",
     "/api/dynamic/:record/:key", "record=t,key=export", ""},
    {"import lies beside :id", "PUT", "/api/dynamic/t/import", "/api/dynamic/:model/:id",
     "model=t,id=import", ""},
    {"below a literal", "POST", "/api/dynamic/t/import/validate",
     "/api/dynamic/:model/import/validate", "model=t", ""},
    {"the rest", "GET", "/api/files/a/b%2fc", "/api/files/*", "*=a/b%2fc", ""},
    {"the rest keeps its slash", "GET", "/api/files/a/", "/api/files/*", "*=a/", ""},
    {"the rest may be empty", "GET", "/api/files/", "/api/files/*", "*=", ""},
    {"and missing", "GET", "/api/files", "/api/files/*", "*=", ""},
    {"a literal beats the rest", "GET", "/api/files/index", "/api/files/index", "", ""},
    {"the literal branch to its end", "GET", "/api/deep/a/b/c", "/api/deep/a/b/c", "", ""},
    {"back to the parameter", "GET", "/api/deep/a/b/d", "/api/deep/:x/b/d", "x=a", ""},
    {"back to two parameters", "GET", "/api/deep/a/b/e", "/api/deep/:x/:y/e", "x=a,y=b", ""},
    {"back to the rest, without values left over", "GET", "/api/deep/a/b/f", "/api/deep/*",
     "*=a/b/f", ""},
    {"HEAD by GET", "HEAD", "/api/dynamic/t", "/api/dynamic/:model", "model=t", ""},
    {"HEAD by its own route", "HEAD", "/api/files/index", "/api/files/index", "", ""},
    {"another method", "DELETE", "/api/dynamic/t", NULL, "", "GET, HEAD, POST"},
    {"another method, of all branches", "POST", "/api/files/index", NULL, "", "GET, HEAD, PATCH"},
    {"a method without GET", "GET", "/api/auth/login", NULL, "", "POST"},
    {"HEAD without GET", "HEAD", "/api/auth/login", NULL, "", "POST"},
    {"OPTIONS", "OPTIONS", "/api/dynamic/t/7", NULL, "", "GET, HEAD, PUT, DELETE"},
    {"an unknown method", "BREW", "/api/auth/login", NULL, "", "POST"},
    {"methods have case", "post", "/api/auth/login", NULL, "", "POST"},
    {"no such path", "GET", "/api/nothing", NULL, "", ""},
    {"a prefix of a pattern", "GET", "/api/auth", NULL, "", ""},
    {"more than a pattern", "POST", "/api/auth/login/x", NULL, "", ""},
    {"outside the prefix", "POST", "/auth/login", NULL, "", ""},
    {"a literal's prefix", "POST", "/api/auth/log", NULL, "", ""},
    {"nothing at all", "GET", "", NULL, "", ""},
    {"no leading slash", "GET", "api", NULL, "", ""},
    {"only slashes", "GET", "//", NULL, "", ""},
};

MC_TEST("the router finds a path's route, its parameters and the methods it has")
{
    mc_http_router *router = router_of("/api");

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_arena *arena = mc_arena_new(0);
        mc_http_match match;
        mc_buf params;

        MC_CASE(cases[i].name);
        mc_http_router_find(router, mc_z(cases[i].method), mc_z(cases[i].path), arena, &match);
        MC_EXPECT_EQ(match.route != NULL, cases[i].pattern != NULL);
        MC_EXPECT_Z(match.pattern, cases[i].pattern);
        MC_EXPECT_Z(match.allow, cases[i].allow);
        mc_buf_init_arena(&params, arena, 0);
        for (size_t k = 0; k < match.param_count; k++)
            mc_buf_printf(&params, "%s%.*s=%.*s", k ? "," : "", MC_FMT(match.param_names[k]),
                          MC_FMT(match.param_values[k]));
        MC_EXPECT_Z(mc_buf_get(&params), cases[i].params);
        mc_arena_free(arena);
    }
    mc_http_router_free(router);
}

MC_TEST("a rest at the root takes every path that nothing else takes")
{
    static const mc_http_route page = ROUTE("GET", "/*");
    mc_http_router *router = router_of("");
    mc_http_match match;
    mc_err err;

    MC_EXPECT_OK(mc_http_router_add(router, mc_str_of(NULL, 0), &page, &err), &err);
    mc_http_router_find(router, MC_STR("GET"), MC_STR("/"), NULL, &match);
    MC_EXPECT_Z(match.pattern, "/");
    mc_http_router_find(router, MC_STR("GET"), MC_STR("//"), NULL, &match);
    MC_EXPECT_Z(match.pattern, "/*");
    mc_http_router_find(router, MC_STR("GET"), MC_STR("/assets/app.js"), NULL, &match);
    MC_EXPECT_Z(match.pattern, "/*");
    MC_EXPECT_Z(match.param_values[0], "assets/app.js");
    mc_http_router_free(router);
}

static const struct {
    const char *name, *method, *pattern;
    mc_code code;
} bad[] = {
    {"no slash in front", "GET", "a", MC_INVALID},
    {"an empty pattern", "GET", "", MC_INVALID},
    {"an empty segment", "GET", "/a//b", MC_INVALID},
    {"a parameter without name", "GET", "/a/:", MC_INVALID},
    {"a name twice", "GET", "/:a/:a", MC_INVALID},
    {"a rest that is not last", "GET", "/a/*/b", MC_INVALID},
    {"a rest with a name", "GET", "/a/*b", MC_INVALID},
    {"a star inside", "GET", "/a/b*", MC_INVALID},
    {"a query", "GET", "/a?b", MC_INVALID},
    {"a space", "GET", "/a b", MC_INVALID},
    {"a percent sign", "GET", "/a%20b", MC_INVALID},
    {"nine parameters", "GET", "/:a/:b/:c/:d/:e/:f/:g/:h/:i", MC_INVALID},
    {"an unknown method", "BREW", "/a", MC_INVALID},
    {"an empty method", "", "/a", MC_INVALID},
    {"a method in lower case", "get", "/a", MC_INVALID},
    {"eight parameters", "GET", "/:a/:b/:c/:d/:e/:f/:g/:h", MC_OK},
    {"the same again", "POST", "/auth/login", MC_CONFLICT},
    {"the same in another case", "POST", "/Auth/Login/", MC_CONFLICT},
    {"the same with other names", "GET", "/dynamic/:a/:b", MC_CONFLICT},
    {"the same rest", "GET", "/files/*", MC_CONFLICT},
};

MC_TEST("a malformed or repeated pattern is refused and leaves the router as it was")
{
    mc_http_router *router = router_of("");

    for (size_t i = 0; i < MC_LEN(bad); i++) {
        mc_http_route route = ROUTE(bad[i].method, bad[i].pattern);
        mc_http_match match;
        mc_err err;

        MC_CASE(bad[i].name);
        MC_EXPECT_EQ(mc_http_router_add(router, mc_str_of(NULL, 0), &route, &err), bad[i].code);
        mc_http_router_find(router, MC_STR("POST"), MC_STR("/auth/login"), NULL, &match);
        MC_EXPECT_Z(match.pattern, "/auth/login");
    }
    mc_http_router_free(router);
}

MC_TEST("a router copies its routes")
{
    char method[] = "GET", pattern[] = "/gone/:id";
    mc_http_route route = ROUTE(method, pattern);
    mc_http_router *router;
    mc_http_match match;
    mc_err err;

    MC_REQUIRE_OK(mc_http_router_new(&router, &err), &err);
    MC_EXPECT_OK(mc_http_router_add(router, MC_STR("/v1"), &route, &err), &err);
    memset(method, 'x', sizeof(method) - 1);
    memset(pattern, 'x', sizeof(pattern) - 1);
    mc_http_router_find(router, MC_STR("GET"), MC_STR("/v1/gone/1"), NULL, &match);
    MC_REQUIRE(match.route != NULL);
    MC_EXPECT_Z(mc_z(match.route->method), "GET");
    MC_EXPECT_Z(mc_z(match.route->pattern), "/gone/:id");
    MC_EXPECT_Z(match.param_names[0], "id");
    mc_http_router_free(router);
}

static mc_code build(mc_err *err)
{
    mc_http_router *router;
    mc_code rc = mc_http_router_new(&router, err);

    if (rc != MC_OK)
        return rc;
    rc = mc_http_router_add_all(router, MC_STR("/api"), routes, MC_LEN(routes), err);
    mc_http_router_free(router);
    return rc;
}

MC_TEST("a router without memory says so")
{
    MC_TEST_OOM(build);
}
