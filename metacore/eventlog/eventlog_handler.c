/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/eventlog/eventlog_internal.h"

/* ---- parameters ---- */

static mc_code read_types(mc_str rest, mc_eventlog_filter *out, mc_err *err)
{
    mc_str type;

    while (mc_str_split(&rest, ',', &type)) {
        type = mc_str_trim(type);
        if (type.len == 0)
            continue;
        if (out->type_count == MC_EVENTLOG_FILTERS_MAX)
            return mc_fail(err, MC_INVALID, "types: at most %d", MC_EVENTLOG_FILTERS_MAX);
        out->types[out->type_count++] = type;
    }
    return MC_OK;
}

static mc_code read_tag(mc_str key, mc_str value, mc_eventlog_filter *out, mc_err *err)
{
    if (key.len == 0)
        return mc_fail(err, MC_INVALID, "tag.: want the tag's key behind the dot");
    if (out->tag_count == MC_EVENTLOG_TAGS_MAX)
        return mc_fail(err, MC_INVALID, "tag.: at most %d", MC_EVENTLOG_TAGS_MAX);
    out->tags[out->tag_count++] = (mc_event_tag){key, value};
    return MC_OK;
}

mc_code mc__eventlog_read_filter(mc_http_req *req, mc_eventlog_filter *out, mc_err *err)
{
    mc_str tag = MC_STR("tag.");
    mc_code rc = MC_OK;

    *out = (mc_eventlog_filter){.type_count = 0};
    for (size_t i = 0; i < req->query_count && rc == MC_OK; i++) {
        const mc_header *pair = &req->query_pairs[i];

        if (mc_str_eq(pair->name, MC_STR("types")))
            rc = read_types(pair->value, out, err);
        else if (mc_str_starts_with(pair->name, tag))
            rc = read_tag(mc_str_slice(pair->name, tag.len, pair->name.len), pair->value, out, err);
    }
    return rc;
}

mc_code mc__eventlog_read_after(mc_http_req *req, const char *name, bool *out_given, int64_t *out,
                                mc_err *err)
{
    mc_str text = mc_http_query(req, mc_z(name));

    *out_given = text.len > 0;
    if (text.len > 0 && !mc_str_i64(text, 0, INT64_MAX / 2, out))
        return mc_fail(err, MC_INVALID, "%s: want a sequence number", name);
    return MC_OK;
}

/* The reference takes any number and corrects it; what is none is refused. */
static mc_code read_limit(mc_http_req *req, int64_t *out, mc_err *err)
{
    mc_str text = mc_http_query(req, MC_STR("limit"));

    *out = 0;
    if (text.len > 0 && !mc_str_i64(text, INT32_MIN, INT32_MAX, out))
        return mc_fail(err, MC_INVALID, "limit: want a number");
    return MC_OK;
}

/* ---- GET /eventlog ---- */

typedef struct page {
    mc_buf *out;
    bool is_begun;
} page;

static mc_code write_one(void *user, const mc_event *event, mc_err *err)
{
    page *p = user;

    (void)err; /* the buffer's failure is found at its end */
    if (p->is_begun)
        mc_buf_char(p->out, ',');
    p->is_begun = true;
    mc_event_write(event, p->out);
    return MC_OK;
}

static mc_str write_meta(mc_arena *arena, const mc_eventlog_cursor *cursor)
{
    return mc_str_printf(arena,
                         "{\"last_sequence\":%lld,\"has_more\":%s,\"oldest_sequence\":%lld%s}",
                         (long long)cursor->last_sequence, cursor->has_more ? "true" : "false",
                         (long long)cursor->oldest_sequence, cursor->is_gap ? ",\"gap\":true" : "");
}

static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_eventlog *self = user;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_eventlog_cursor cursor;
    mc_eventlog_filter filter;
    int64_t after = 0, limit;
    bool is_given;
    page p = {.out = NULL};
    mc_str meta;
    mc_code rc = self->config.check(self->config.check_user, ctx, MC_STR("eventlog.read"), err);

    if (rc == MC_OK)
        rc = mc_http_query_parse(req, err);
    if (rc == MC_OK)
        rc = mc__eventlog_read_after(req, "after", &is_given, &after, err);
    if (rc == MC_OK)
        rc = read_limit(req, &limit, err);
    if (rc == MC_OK)
        rc = mc__eventlog_read_filter(req, &filter, err);
    if (rc != MC_OK)
        return rc;
    p.out = mc_http_ok_begin(res, 200);
    mc_buf_char(p.out, '[');
    rc = mc_eventlog_query(self, ctx, ctx->who.org_id, after, &filter, limit, write_one, &p,
                           &cursor, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_char(p.out, ']');
    meta = write_meta(ctx->arena, &cursor);
    if (!meta.ptr)
        return mc_fail(err, MC_NO_MEMORY, "eventlog");
    return mc_http_ok_end(res, meta, err);
}

/* ---- routes ---- */

static const mc_http_route table[MC__EVENTLOG_ROUTES] = {
    {.method = "GET", .pattern = "/eventlog", .run = MC_HTTP_READ, .handle = list},
    {.method = "GET",
     .pattern = "/eventlog/stream",
     .run = MC_HTTP_READ,
     .flags = MC_HTTP_ACCESS_TOKEN,
     .handle = mc__eventlog_stream},
};

void mc__eventlog_add_routes(mc_eventlog *self)
{
    for (size_t i = 0; i < MC__EVENTLOG_ROUTES; i++) {
        self->routes[i] = table[i];
        self->routes[i].user = self;
    }
}

const mc_http_route *mc_eventlog_routes(mc_eventlog *self, size_t *out_count)
{
    *out_count = MC__EVENTLOG_ROUTES;
    return self->routes;
}
