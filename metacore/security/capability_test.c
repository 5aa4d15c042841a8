/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/capability.h"

#include "mc_test.h"

static mc_capability_set *compile(const char *json)
{
    mc_arena *arena = mc_arena_new(0);
    mc_capability_set *set = NULL;
    const mc_json *declared = NULL;
    mc_err err;

    MC_EXPECT_OK(mc_json_parse(arena, mc_z(json), NULL, &declared, &err), &err);
    MC_EXPECT_OK(mc_capability_set_new(MC_STR("tickets"), declared, &set, &err), &err);
    mc_arena_free(arena); /* the set keeps nothing of it */
    return set;
}

static const struct {
    const char *name, *pattern, *value;
    bool matches;
} patterns[] = {
    {"everything", "*", "a.b", true},
    {"equal", "users", "users", true},
    {"not a prefix", "users", "users2", false},
    {"below", "addon_x.*", "addon_x.items", true},
    {"itself", "addon_x.*", "addon_x", true},
    {"a neighbour with the same beginning", "addon_x.*", "addon_xy.items", false},
    {"before", "*.created", "tickets.created", true},
    {"itself", "*.created", "created", true},
    {"another ending", "*.created", "tickets.recreated", false},
};

MC_TEST("a pattern covers itself and what is below it, never a neighbour")
{
    for (size_t i = 0; i < MC_LEN(patterns); i++) {
        MC_CASE(patterns[i].name);
        MC_EXPECT_EQ(mc_capability_matches(mc_z(patterns[i].pattern), mc_z(patterns[i].value)),
                     patterns[i].matches);
    }
}

static const struct {
    const char *name;
    mc_capability_kind kind;
    const char *target;
    bool is_allowed;
} checks[] = {
    {"what is declared", MC_CAP_DB_READ, "users", true},
    {"reading does not write", MC_CAP_DB_WRITE, "users", false},
    {"writing reads", MC_CAP_DB_READ, "orders", true},
    {"what is not declared", MC_CAP_DB_READ, "invoices", false},
    {"one's own schema is read", MC_CAP_DB_READ, "addon_tickets.notes", true},
    {"and written", MC_CAP_DB_WRITE, "addon_tickets.notes", true},
    {"another addon's is not", MC_CAP_DB_READ, "addon_billing.notes", false},
    {"an event of a family", MC_CAP_EVENT_EMIT, "tickets.created", true},
    {"an event of another", MC_CAP_EVENT_EMIT, "orders.created", false},
    {"emitting does not subscribe", MC_CAP_EVENT_SUBSCRIBE, "tickets.created", false},
    {"a kind that nobody knows grants nothing", MC_CAP_CONNECTOR_READ, "x", false},
};

MC_TEST("an addon may do what it declared, and nothing else")
{
    mc_capability_set *set = compile("[{\"kind\":\"db:read\",\"target\":\"users\"},"
                                     "{\"kind\":\"db:write\",\"target\":\"orders\"},"
                                     "{\"kind\":\"event:emit\",\"target\":\"tickets.*\"},"
                                     "{\"kind\":\"fs:read\",\"target\":\"*\"}]");

    for (size_t i = 0; i < MC_LEN(checks); i++) {
        mc_err err;

        MC_CASE(checks[i].name);
        MC_EXPECT_EQ(mc_capability_check(set, checks[i].kind, mc_z(checks[i].target), &err),
                     checks[i].is_allowed ? MC_OK : MC_FORBIDDEN);
    }
    mc_capability_set_free(set);
}

static const struct {
    const char *name, *url;
    mc_code rc;
} urls[] = {
    {"the host", "https://api.example.com/v1?x=1", MC_OK},
    {"in any case, with a final dot", "HTTPS://API.Example.COM./", MC_OK},
    {"its usual port, spelled out", "https://api.example.com:443/", MC_OK},
    {"another port", "https://api.example.com:8443/", MC_FORBIDDEN},
    {"a declared port", "http://files.example.org:8080/", MC_OK},
    {"not the usual one then", "http://files.example.org/", MC_FORBIDDEN},
    {"a subdomain of a wildcard", "https://a.b.stripe.com/", MC_OK},
    {"the wildcard's own domain", "https://stripe.com/", MC_OK},
    {"a name that only ends alike", "https://evilstripe.com/", MC_FORBIDDEN},
    {"another host", "https://example.com/", MC_FORBIDDEN},
    {"a top-level wildcard covers nothing", "https://shop.com/", MC_FORBIDDEN},
    {"another protocol", "ftp://api.example.com/", MC_INVALID},
    {"credentials", "https://api.example.com@evil.com/", MC_INVALID},
    {"a backslash", "https://evil.com\\@api.example.com/", MC_INVALID},
    {"a blank", "https://api.example.com /", MC_INVALID},
    {"no host", "https:///x", MC_INVALID},
    {"a port that is none", "https://api.example.com:0/", MC_INVALID},
    {"a port too high", "https://api.example.com:65536/", MC_INVALID},
};

MC_TEST("a URL is fetched when its host and port are declared")
{
    mc_capability_set *set =
        compile("[{\"kind\":\"http:fetch\",\"target\":\"api.example.com\"},"
                "{\"kind\":\"http:fetch\",\"target\":\"files.example.org:8080\"},"
                "{\"kind\":\"http:fetch\",\"target\":\"*.stripe.com\"},"
                "{\"kind\":\"http:fetch\",\"target\":\"*.com\"},"
                "{\"kind\":\"http:fetch\",\"target\":\"*\"}]");

    for (size_t i = 0; i < MC_LEN(urls); i++) {
        mc_err err = {MC_OK, ""};

        MC_CASE(urls[i].name);
        MC_EXPECT_EQ(mc_capability_check_url(set, mc_z(urls[i].url), &err), urls[i].rc);
    }
    mc_capability_set_free(set);
}

static int violations;
static bool was_enforced;

static void on_violation(void *user, const mc_violation *violation)
{
    (void)user;
    violations++;
    was_enforced = violation->is_enforced;
    MC_EXPECT_Z(violation->addon_key, "tickets");
}

MC_TEST("an enforcer denies by default; in shadow mode it reports and lets pass, but no fetch")
{
    mc_capability_set *set = compile("[]");
    mc_enforcer enforcing = {.on_violation = on_violation};
    mc_enforcer shadow = {.is_shadow = true, .on_violation = on_violation};
    mc_err err;

    violations = 0;
    MC_EXPECT_EQ(mc_enforcer_check(&enforcing, set, MC_CAP_DB_READ, MC_STR("users"), &err),
                 MC_FORBIDDEN);
    MC_EXPECT_Z(mc_z(err.msg), "addon \"tickets\" lacks db:read \"users\"");
    MC_EXPECT(was_enforced);
    MC_EXPECT_OK(mc_enforcer_check(&shadow, set, MC_CAP_DB_READ, MC_STR("users"), &err), &err);
    MC_EXPECT(!was_enforced);
    MC_EXPECT_EQ(mc_enforcer_check(&shadow, set, MC_CAP_HTTP_FETCH, MC_STR("https://a.b/"), &err),
                 MC_FORBIDDEN);
    MC_EXPECT_EQ(violations, 3);
    MC_EXPECT_OK(
        mc_enforcer_check(&enforcing, set, MC_CAP_DB_READ, MC_STR("addon_tickets.x"), &err), &err);
    MC_EXPECT_EQ(violations, 3);
    mc_capability_set_free(set);
}
