/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/capability.h"

#include "metacore/security/url.h"

#include <stdlib.h>

typedef struct grant {
    mc_capability_kind kind;
    mc_str pattern;
} grant;

struct mc_capability_set {
    mc_arena *arena;
    mc_str addon_key;
    grant *items;
    size_t count;
};

static const char *const names[MC_CAP_KIND_COUNT] = {
    [MC_CAP_DB_READ] = "db:read",
    [MC_CAP_DB_WRITE] = "db:write",
    [MC_CAP_HTTP_FETCH] = "http:fetch",
    [MC_CAP_EVENT_EMIT] = "event:emit",
    [MC_CAP_EVENT_SUBSCRIBE] = "event:subscribe",
    [MC_CAP_CONNECTOR_READ] = "connector:read",
    [MC_CAP_CTX_USER] = "ctx:user",
    [MC_CAP_CTX_ROLES] = "ctx:roles",
    [MC_CAP_CTX_ORG_CONFIG] = "ctx:org_config",
};

const char *mc_capability_kind_name(mc_capability_kind kind)
{
    return names[kind];
}

bool mc_capability_matches(mc_str pattern, mc_str value)
{
    mc_str rest;

    if (mc_str_eq(pattern, MC_STR("*")) || mc_str_eq(pattern, value))
        return true;
    if (mc_str_ends_with(pattern, MC_STR(".*"))) {
        rest = mc_str_slice(pattern, 0, pattern.len - 1); /* with its dot */
        return mc_str_starts_with(value, rest) ||
               mc_str_eq(value, mc_str_slice(rest, 0, rest.len - 1));
    }
    if (mc_str_starts_with(pattern, MC_STR("*."))) {
        rest = mc_str_slice(pattern, 1, pattern.len);
        return mc_str_ends_with(value, rest) || mc_str_eq(value, mc_str_slice(rest, 1, rest.len));
    }
    return false;
}

/* ---- compiling ---- */

static bool parse_kind(mc_str name, mc_capability_kind *out)
{
    for (int i = 0; i < MC_CAP_KIND_COUNT; i++) {
        if (mc_str_eq(name, mc_z(names[i]))) {
            *out = (mc_capability_kind)i;
            return true;
        }
    }
    return false;
}

static mc_code add(mc_capability_set *set, mc_capability_kind kind, mc_str pattern, mc_err *err)
{
    mc_str copy = mc_str_copy(set->arena, pattern);

    if (!copy.ptr)
        return mc_fail(err, MC_NO_MEMORY, "security: capabilities");
    set->items[set->count++] = (grant){kind, copy};
    return MC_OK;
}

static mc_code add_declared(mc_capability_set *set, const mc_json *declared, mc_err *err)
{
    mc_code rc = MC_OK;

    if (!declared || declared->kind != MC_JSON_ARRAY)
        return MC_OK;
    if (declared->as.array.count > MC_CAPABILITIES_MAX)
        return mc_fail(err, MC_LIMIT, "security: more than %d capabilities", MC_CAPABILITIES_MAX);
    for (size_t i = 0; i < declared->as.array.count && rc == MC_OK; i++) {
        const mc_json *item = declared->as.array.items[i];
        mc_str name, target;
        mc_capability_kind kind;

        if (mc_json_get_str(mc_json_find_nocase(item, MC_STR("kind")), &name) &&
            mc_json_get_str(mc_json_find_nocase(item, MC_STR("target")), &target) && target.len &&
            parse_kind(name, &kind))
            rc = add(set, kind, target, err);
    }
    return rc;
}

static mc_code add_own_schema(mc_capability_set *set, mc_err *err)
{
    mc_str own = mc_str_printf(set->arena, "addon_%.*s.*", MC_FMT(set->addon_key));
    mc_code rc;

    if (!own.ptr)
        return mc_fail(err, MC_NO_MEMORY, "security: capabilities");
    rc = add(set, MC_CAP_DB_READ, own, err);
    return rc == MC_OK ? add(set, MC_CAP_DB_WRITE, own, err) : rc;
}

mc_code mc_capability_set_new(mc_str addon_key, const mc_json *declared, mc_capability_set **out,
                              mc_err *err)
{
    mc_capability_set *set = calloc(1, sizeof(*set));
    mc_code rc;

    if (!set)
        return mc_fail(err, MC_NO_MEMORY, "security: capabilities");
    set->arena = mc_arena_new(0);
    if (set->arena) {
        set->addon_key = mc_str_copy(set->arena, addon_key);
        set->items = mc_arena_array(set->arena, grant, MC_CAPABILITIES_MAX + 2);
    }
    if (!set->arena || !set->items || (addon_key.len && !set->addon_key.ptr)) {
        rc = mc_fail(err, MC_NO_MEMORY, "security: capabilities");
        goto fail;
    }
    rc = add_own_schema(set, err);
    if (rc == MC_OK)
        rc = add_declared(set, declared, err);
    if (rc != MC_OK)
        goto fail;
    *out = set;
    return MC_OK;

fail:
    mc_capability_set_free(set);
    return rc;
}

void mc_capability_set_free(mc_capability_set *set)
{
    if (!set)
        return;
    mc_arena_free(set->arena);
    free(set);
}

/* ---- checking ---- */

static bool grants(mc_capability_kind held, mc_capability_kind wanted)
{
    return held == wanted || (held == MC_CAP_DB_WRITE && wanted == MC_CAP_DB_READ);
}

static mc_code lacks(const mc_capability_set *set, mc_capability_kind kind, mc_str target,
                     mc_err *err)
{
    return mc_fail(err, MC_FORBIDDEN, "addon \"%.*s\" lacks %s \"%.*s\"", MC_FMT(set->addon_key),
                   names[kind], MC_FMT(mc_str_slice(target, 0, 100)));
}

bool mc_capability_holds(const mc_capability_set *set, mc_capability_kind kind)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i].kind == kind)
            return true;
    }
    return false;
}

mc_code mc_capability_check(const mc_capability_set *set, mc_capability_kind kind, mc_str target,
                            mc_err *err)
{
    for (size_t i = 0; i < set->count; i++) {
        if (grants(set->items[i].kind, kind) &&
            mc_capability_matches(set->items[i].pattern, target))
            return MC_OK;
    }
    return lacks(set, kind, target, err);
}

/* "api.example.com", "*.example.com", either with a port; at least two labels, so that no pattern
 * covers a whole top-level domain. */
static bool is_host_pattern(mc_str pattern, mc_str *out_host, mc_str *out_port)
{
    size_t colon = mc_str_find_char(pattern, 0, ':');
    mc_str host = mc_str_slice(pattern, 0, colon);
    mc_str bare = mc_str_starts_with(host, MC_STR("*.")) ? mc_str_slice(host, 2, host.len) : host;
    mc_str label, rest = bare;
    size_t labels = 0;

    while (mc_str_split(&rest, '.', &label)) {
        if (label.len == 0 || mc_str_find_char(label, 0, '*') < label.len)
            return false;
        labels++;
    }
    *out_host = host;
    *out_port = mc_str_slice(pattern, colon + (colon < pattern.len), pattern.len);
    return labels >= 2 && bare.ptr[bare.len - 1] != '.';
}

static bool covers_url(mc_str pattern, const mc_url *url)
{
    mc_str host, port;

    if (!is_host_pattern(pattern, &host, &port))
        return false;
    if (port.len ? !mc_str_eq(port, url->port) : !url->is_default_port)
        return false;
    if (mc_str_starts_with(host, MC_STR("*.")))
        return mc_str_eq_nocase(mc_str_slice(host, 2, host.len), url->host) ||
               (url->host.len > host.len - 1 &&
                mc_str_eq_nocase(
                    mc_str_slice(host, 1, host.len),
                    mc_str_slice(url->host, url->host.len - (host.len - 1), url->host.len)));
    return mc_str_eq_nocase(host, url->host);
}

mc_code mc_capability_check_url(const mc_capability_set *set, mc_str text, mc_err *err)
{
    mc_url url;
    mc_code rc = mc_url_parse(text, &url, err);

    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i].kind == MC_CAP_HTTP_FETCH && covers_url(set->items[i].pattern, &url))
            return MC_OK;
    }
    return lacks(set, MC_CAP_HTTP_FETCH, url.host, err);
}

mc_code mc_enforcer_check(const mc_enforcer *self, const mc_capability_set *set,
                          mc_capability_kind kind, mc_str target, mc_err *err)
{
    mc_err denied;
    mc_code rc = kind == MC_CAP_HTTP_FETCH ? mc_capability_check_url(set, target, &denied)
                                           : mc_capability_check(set, kind, target, &denied);
    bool is_enforced = !self->is_shadow || kind == MC_CAP_HTTP_FETCH;

    if (rc == MC_OK)
        return MC_OK;
    if (self->on_violation)
        self->on_violation(self->user, &(mc_violation){.addon_key = set->addon_key,
                                                       .kind = kind,
                                                       .target = target,
                                                       .is_enforced = is_enforced});
    if (!is_enforced)
        return MC_OK;
    if (err)
        *err = denied;
    return rc;
}
