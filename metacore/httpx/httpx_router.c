/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx.h"

#include <stdlib.h>

#define ROUTER_BYTES_MAX ((size_t)64 << 20)

/* In the order in which Allow names them. */
static const mc_str methods[] = {MC_STR_INIT("GET"),    MC_STR_INIT("HEAD"),  MC_STR_INIT("POST"),
                                 MC_STR_INIT("PUT"),    MC_STR_INIT("PATCH"), MC_STR_INIT("DELETE"),
                                 MC_STR_INIT("OPTIONS")};
enum { GET, HEAD, METHOD_COUNT = MC_LEN(methods) };

typedef struct node node;

/* One method of one pattern; names differ between patterns of the same shape. */
typedef struct leaf {
    mc_str pattern;
    mc_str names[MC_HTTP_PARAMS_MAX];
    size_t name_count;
    mc_http_route route;
} leaf;

typedef struct leaves {
    leaf *of[METHOD_COUNT]; /* NULL: not with this method */
} leaves;

typedef struct edge {
    mc_str segment; /* lower case */
    node *to;
} edge;

struct node {
    edge *edges;
    size_t edge_count;
    node *param;  /* ":name" */
    leaves ends;  /* of the pattern that ends here */
    leaves *rest; /* of the pattern that ends here with "*", or NULL */
};

struct mc_http_router {
    mc_arena *arena;
    node *root;
};

mc_code mc_http_router_new(mc_http_router **out, mc_err *err)
{
    mc_http_router *self = calloc(1, sizeof(*self));

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "httpx: router");
    self->arena = mc_arena_new(ROUTER_BYTES_MAX);
    if (self->arena)
        self->root = mc_arena_object(self->arena, node);
    if (!self->root) {
        mc_http_router_free(self);
        return mc_fail(err, MC_NO_MEMORY, "httpx: router");
    }
    *out = self;
    return MC_OK;
}

void mc_http_router_free(mc_http_router *router)
{
    if (!router)
        return;
    mc_arena_free(router->arena);
    free(router);
}

/* ---- building ---- */

/* METHOD_COUNT: unknown. */
static size_t method_index(mc_str method)
{
    size_t i = 0;

    while (i < METHOD_COUNT && !mc_str_eq(methods[i], method))
        i++;
    return i;
}

/* A segment of a pattern: a literal, ":name", or "*" at the very end. */
static bool is_segment(mc_str segment, bool is_last)
{
    if (segment.len == 0 || (segment.ptr[0] == ':' && segment.len == 1))
        return false;
    if (segment.ptr[0] == '*')
        return segment.len == 1 && is_last;
    for (size_t i = 0; i < segment.len; i++) {
        unsigned char c = (unsigned char)segment.ptr[i];

        if (c <= ' ' || c >= 0x7f || strchr("?#%*", c) || (i > 0 && c == ':'))
            return false;
    }
    return true;
}

static bool is_new_name(const leaf *end, mc_str name)
{
    for (size_t i = 0; i < end->name_count; i++) {
        if (mc_str_eq(end->names[i], name))
            return false;
    }
    return end->name_count < MC_HTTP_PARAMS_MAX;
}

/* Checks the pattern and collects its names, so that the tree is only touched by a good one. */
static mc_code read_pattern(leaf *end, mc_err *err)
{
    mc_str rest = mc_str_slice(end->pattern, 1, end->pattern.len), segment;

    if (end->pattern.len == 0 || end->pattern.ptr[0] != '/')
        goto malformed;
    while (mc_str_split(&rest, '/', &segment)) {
        mc_str name = segment;

        if (!is_segment(segment, rest.len == 0))
            goto malformed;
        if (segment.ptr[0] == ':')
            name = mc_str_slice(segment, 1, segment.len);
        else if (segment.ptr[0] != '*')
            continue;
        if (!is_new_name(end, name))
            goto malformed;
        end->names[end->name_count++] = name;
    }
    return MC_OK;

malformed:
    return mc_fail(err, MC_INVALID, "httpx: malformed pattern \"%.*s\"", MC_FMT(end->pattern));
}

static node *literal_child(mc_http_router *router, node *at, mc_str segment)
{
    edge *edges;
    node *child;

    segment = mc_str_lower(router->arena, segment);
    if (!segment.ptr)
        return NULL;
    for (size_t i = 0; i < at->edge_count; i++) {
        if (mc_str_eq(at->edges[i].segment, segment))
            return at->edges[i].to;
    }
    edges = mc_arena_realloc(router->arena, at->edges, at->edge_count * sizeof(*edges),
                             (at->edge_count + 1) * sizeof(*edges));
    child = mc_arena_object(router->arena, node);
    if (edges)
        at->edges = edges;
    if (!edges || !child)
        return NULL;
    edges[at->edge_count++] = (edge){segment, child};
    return child;
}

static node *param_child(mc_http_router *router, node *at)
{
    if (!at->param)
        at->param = mc_arena_object(router->arena, node);
    return at->param;
}

/* Where end belongs, apart from its method; NULL when memory is gone. */
static leaves *place(mc_http_router *router, const leaf *end)
{
    mc_str rest = mc_str_slice(end->pattern, 1, end->pattern.len), segment;
    node *at = router->root;

    while (mc_str_split(&rest, '/', &segment)) {
        if (segment.ptr[0] == '*') {
            if (!at->rest)
                at->rest = mc_arena_object(router->arena, leaves);
            return at->rest;
        }
        at = segment.ptr[0] == ':' ? param_child(router, at) : literal_child(router, at, segment);
        if (!at)
            return NULL;
    }
    return &at->ends;
}

/* prefix + pattern, without a slash at its end; "/" itself stays. */
static mc_str join(mc_arena *arena, mc_str prefix, mc_str pattern)
{
    mc_str joined = mc_str_printf(arena, "%.*s%.*s", MC_FMT(prefix), MC_FMT(pattern));

    if (joined.len > 1 && joined.ptr[joined.len - 1] == '/')
        joined.len--;
    return joined;
}

mc_code mc_http_router_add(mc_http_router *router, mc_str prefix, const mc_http_route *route,
                           mc_err *err)
{
    size_t method = method_index(mc_z(route->method));
    leaf *end;
    leaves *ends;
    mc_code rc;

    if (method == METHOD_COUNT || !route->handle || route->run < MC_HTTP_READ ||
        route->run > MC_HTTP_LONG || !route->pattern || route->pattern[0] != '/')
        return mc_fail(err, MC_INVALID, "httpx: malformed route \"%s\"",
                       route->pattern ? route->pattern : "");
    end = mc_arena_object(router->arena, leaf);
    if (!end)
        goto no_memory;
    end->pattern = join(router->arena, prefix, mc_z(route->pattern));
    end->route = *route;
    end->route.method = methods[method].ptr;
    end->route.pattern = mc_str_z(router->arena, mc_z(route->pattern));
    if (!end->pattern.ptr || !end->route.pattern)
        goto no_memory;
    rc = read_pattern(end, err);
    if (rc != MC_OK)
        return rc;
    ends = place(router, end);
    if (!ends)
        goto no_memory;
    if (ends->of[method])
        return mc_fail(err, MC_CONFLICT, "httpx: %s %.*s is already %.*s", route->method,
                       MC_FMT(end->pattern), MC_FMT(ends->of[method]->pattern));
    ends->of[method] = end;
    return MC_OK;

no_memory:
    return mc_fail(err, MC_NO_MEMORY, "httpx: router");
}

mc_code mc_http_router_add_all(mc_http_router *router, mc_str prefix, const mc_http_route *routes,
                               size_t count, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = mc_http_router_add(router, prefix, &routes[i], err);
    return rc;
}

/* ---- finding ---- */

/* A walk over the tree. Each node lies at one depth, and so is visited at most once: a path cannot
 * make the backtracking more than linear in the size of the tree. */
typedef struct walk {
    mc_str path; /* without its leading slash and one trailing slash */
    mc_str full; /* with the trailing slash, for "*" */
    size_t method;
    mc_str values[MC_HTTP_PARAMS_MAX];
    size_t value_count;
    const leaf *found;
    unsigned allowed; /* bits: the methods of this path's leaves; all of them if none was found */
} walk;

/* s is as sent, lower is lower case already. */
static bool segment_eq(mc_str s, mc_str lower)
{
    if (s.len != lower.len)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        if (c != (unsigned char)lower.ptr[i])
            return false;
    }
    return true;
}

static bool try_leaves(walk *w, const leaves *ends)
{
    if (w->method < METHOD_COUNT)
        w->found = ends->of[w->method];
    if (!w->found && w->method == HEAD)
        w->found = ends->of[GET];
    if (w->found)
        return true;
    for (unsigned i = 0; i < METHOD_COUNT; i++)
        w->allowed |= ends->of[i] ? 1u << i : 0u;
    return false;
}

/* The rest of the path from at; false leaves value_count as it was. */
static bool descend(walk *w, const node *from, size_t at)
{
    size_t end;
    mc_str segment;

    if (at >= w->path.len + 1) { /* past the last segment */
        if (try_leaves(w, &from->ends))
            return true;
    } else {
        end = mc_str_find_char(w->path, at, '/');
        segment = mc_str_slice(w->path, at, end);
        for (size_t i = 0; i < from->edge_count; i++) {
            if (segment_eq(segment, from->edges[i].segment) &&
                descend(w, from->edges[i].to, end + 1))
                return true;
        }
        if (from->param && segment.len > 0) {
            w->values[w->value_count++] = segment;
            if (descend(w, from->param, end + 1))
                return true;
            w->value_count--;
        }
    }
    if (!from->rest)
        return false;
    w->values[w->value_count++] = mc_str_slice(w->full, at, w->full.len);
    if (try_leaves(w, from->rest))
        return true;
    w->value_count--;
    return false;
}

/* "/" has no segment at all; every other path has one more than it has slashes inside. */
static bool search(walk *w, const node *root)
{
    return descend(w, root, w->path.len == 0 ? 1 : 0);
}

static mc_str write_allow(unsigned allowed, mc_arena *arena)
{
    mc_buf out;

    if (allowed & 1u << GET)
        allowed |= 1u << HEAD;
    mc_buf_init_arena(&out, arena, 0);
    for (unsigned i = 0; i < METHOD_COUNT; i++) {
        if (!(allowed & 1u << i))
            continue;
        if (out.len > 0)
            mc_buf_lit(&out, ", ");
        mc_buf_str(&out, methods[i]);
    }
    /* Out of memory: any non-empty text keeps it a 405. */
    return mc_buf_failed(&out) ? MC_STR("OPTIONS") : mc_buf_get(&out);
}

void mc_http_router_find(const mc_http_router *router, mc_str method, mc_str path, mc_arena *arena,
                         mc_http_match *out)
{
    walk w = {.method = method_index(method)};

    out->route = NULL;
    out->pattern = out->allow = mc_str_of(NULL, 0);
    out->param_count = 0;
    if (path.len == 0 || path.ptr[0] != '/')
        return;
    w.full = w.path = mc_str_slice(path, 1, path.len);
    if (w.path.len > 1 && w.path.ptr[w.path.len - 1] == '/')
        w.path.len--;
    if (!search(&w, router->root)) {
        if (w.allowed)
            out->allow = write_allow(w.allowed, arena);
        return;
    }
    out->route = &w.found->route;
    out->pattern = w.found->pattern;
    out->param_count = w.value_count;
    for (size_t i = 0; i < w.value_count; i++) {
        out->param_names[i] = w.found->names[i];
        out->param_values[i] = w.values[i];
    }
}
