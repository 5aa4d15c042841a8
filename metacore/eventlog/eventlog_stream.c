/* SPDX-License-Identifier: Apache-2.0 */
/* GET /eventlog/stream: a client is let in; from then on the pusher has it. */
#include "metacore/eventlog/eventlog_internal.h"

#include <stdlib.h>

#define HEARTBEAT ":\n\n"
#define HELLO "retry: 2000\n\n" /* also what makes a page's connection "open" at once */
#define FULL_RETRY_S 10

static void subscriber_free(mc__subscriber *s)
{
    if (!s)
        return;
    mc_arena_free(s->arena);
    free(s);
}

/* ---- on the loop's thread ---- */

static void on_gone(void *user)
{
    mc__subscriber *s = user;
    mc_eventlog *self = s->self;

    atomic_store(&s->is_gone, true);
    mc_mutex_lock(&self->mu);
    self->is_signalled = true;
    mc_cond_signal(&self->work);
    mc_mutex_unlock(&self->mu);
}

static void on_over(void *user)
{
    mc__subscriber *s = user;
    mc_eventlog *self = s->self;

    subscriber_free(s);
    atomic_fetch_sub(&self->open_count, 1);
}

static void opened(void *user, mc_stream *stream)
{
    mc__subscriber *s = user;
    mc_eventlog *self = s->self;
    bool is_stopping;

    s->stream = stream;
    if (mc_stream_offer(stream, MC_STR(HELLO), NULL) != MC_OK)
        atomic_store(&s->is_gone, true);
    mc_mutex_lock(&self->mu);
    is_stopping = self->is_stopping;
    if (!is_stopping) {
        s->next = self->subscribers;
        self->subscribers = s;
        self->is_signalled = true;
        mc_cond_signal(&self->work);
    }
    mc_mutex_unlock(&self->mu);
    if (is_stopping)
        mc_stream_finish(stream);
}

/* ---- who is let in ---- */

/* By walking: streams are opened seldom, and counters of one's own would need a table. */
static mc_code check_room(mc_eventlog *self, const mc_ctx *ctx, mc_err *err)
{
    uint32_t of_user = 0, of_org = 0;
    bool is_stopping;

    mc_mutex_lock(&self->mu);
    is_stopping = self->is_stopping;
    for (const mc__subscriber *s = self->subscribers; s; s = s->next) {
        of_user += mc_uuid_eq(s->user_id, ctx->who.user_id);
        of_org += mc_uuid_eq(s->org_id, ctx->who.org_id);
    }
    mc_mutex_unlock(&self->mu);
    if (is_stopping)
        return mc_fail(err, MC_UNAVAILABLE, "eventlog: the server is stopping");
    if (of_user >= self->config.streams_per_user)
        return mc_fail(err, MC_TOO_MANY, "one person may have %u streams at a time",
                       self->config.streams_per_user);
    if (of_org >= self->config.streams_per_org ||
        atomic_load(&self->open_count) >= MC_EVENTLOG_STREAMS_MAX)
        return mc_fail(err, MC_TOO_MANY, "too many streams at a time");
    return MC_OK;
}

/* The header is what a browser's own reconnection sends, so it is the newest. */
static mc_code read_cursor(mc_http_req *req, bool *out_given, int64_t *out, mc_err *err)
{
    mc_str header = mc_str_trim(mc_http_header(req, MC_STR("last-event-id")));
    mc_code rc = MC_OK;

    *out_given = header.len > 0;
    if (header.len > 0 && !mc_str_i64(header, 0, INT64_MAX / 2, out))
        return mc_fail(err, MC_INVALID, "Last-Event-ID: want a sequence number");
    if (!*out_given)
        rc = mc__eventlog_read_after(req, "last_event_id", out_given, out, err);
    if (rc == MC_OK && !*out_given)
        rc = mc__eventlog_read_after(req, "after", out_given, out, err);
    return rc;
}

static bool copy_texts(mc_arena *arena, mc_eventlog_filter *filter)
{
    bool is_whole = true;

    for (size_t i = 0; i < filter->type_count; i++) {
        filter->types[i] = mc_str_copy(arena, filter->types[i]);
        is_whole &= filter->types[i].ptr != NULL;
    }
    for (size_t i = 0; i < filter->tag_count; i++) {
        mc_event_tag *tag = &filter->tags[i];
        size_t len = tag->value.len;

        tag->key = mc_str_copy(arena, tag->key);
        tag->value = mc_str_copy(arena, tag->value);
        is_whole &= tag->key.ptr != NULL && tag->value.len == len;
    }
    return is_whole;
}

static mc_code keep_filter(mc__subscriber *s, const mc_eventlog_filter *filter, mc_err *err)
{
    mc_eventlog_filter *copy;

    if (filter->type_count == 0 && filter->tag_count == 0)
        return MC_OK;
    s->arena = mc_arena_new(0);
    copy = s->arena ? mc_arena_object(s->arena, mc_eventlog_filter) : NULL;
    if (!copy)
        return mc_fail(err, MC_NO_MEMORY, "eventlog: stream");
    *copy = *filter;
    s->filter = copy;
    return copy_texts(s->arena, copy) ? MC_OK : mc_fail(err, MC_NO_MEMORY, "eventlog: stream");
}

/* Where it begins is settled before the head is sent: what happens after that is not missed. */
static mc_code place(mc__subscriber *s, mc_http_req *req, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    int64_t newest = 0;
    bool is_given = false;
    mc_code rc = read_cursor(req, &is_given, &s->cursor, err);

    if (rc == MC_OK)
        rc = mc__eventlog_newest(ctx, ctx->who.org_id, &newest, err);
    if (rc != MC_OK)
        return rc;
    if (!is_given) {
        s->cursor = newest;
    } else if (s->cursor > newest) {
        s->stated_cursor = s->cursor;
        s->cursor = newest;
    }
    return MC_OK;
}

static mc_code subscriber_new(mc_eventlog *self, mc_http_req *req, mc__subscriber **out,
                              mc_err *err)
{
    const mc_principal *who = &mc_http_ctx(req)->who;
    mc__subscriber *s = calloc(1, sizeof(*s));
    mc_eventlog_filter filter;
    mc_code rc;

    if (!s)
        return mc_fail(err, MC_NO_MEMORY, "eventlog: stream");
    s->self = self;
    s->user_id = who->user_id;
    s->org_id = who->org_id;
    s->session_id = who->session_id;
    s->expires_at = who->token_expires_at;
    s->is_behind = true;
    s->is_named = !mc_str_eq(mc_http_query(req, MC_STR("event_names")), MC_STR("false"));
    rc = mc__eventlog_read_filter(req, &filter, err);
    if (rc == MC_OK)
        rc = keep_filter(s, &filter, err);
    if (rc == MC_OK)
        rc = place(s, req, err);
    if (rc != MC_OK) {
        subscriber_free(s);
        return rc;
    }
    *out = s;
    return MC_OK;
}

static mc_code answer(mc_http_res *res, mc_arena *arena, mc__subscriber *s, mc_err *err)
{
    mc_http_push *push = mc_arena_object(arena, mc_http_push);

    if (!push)
        return mc_fail(err, MC_NO_MEMORY, "eventlog: stream");
    *push = (mc_http_push){.config = {MC_STREAM_CONFIG, .buffer_bytes = MC__EVENT_TEXT_MAX,
                                      .is_endless = true, .heartbeat = MC_STR(HEARTBEAT),
                                      .on_gone = on_gone, .on_over = on_over, .user = s},
                           .opened = opened,
                           .failed = on_over,
                           .user = s};
    res->status = 200;
    mc_http_content_type(res, MC_STR("text/event-stream"));
    mc_http_res_header(res, MC_STR("Cache-Control"), MC_STR("no-store"));
    mc_http_res_header(res, MC_STR("X-Accel-Buffering"), MC_STR("no")); /* proxies pass it on now */
    res->push = push;
    return MC_OK;
}

mc_code mc__eventlog_stream(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_eventlog *self = user;
    mc_ctx *ctx = mc_http_ctx(req);
    mc__subscriber *s = NULL;
    mc_code rc = self->config.check(self->config.check_user, ctx, MC_STR("eventlog.read"), err);

    if (rc == MC_OK)
        rc = mc_http_query_parse(req, err);
    if (rc == MC_OK) {
        rc = check_room(self, ctx, err);
        ctx->retry_after_s = rc == MC_TOO_MANY ? FULL_RETRY_S : ctx->retry_after_s;
    }
    if (rc == MC_OK)
        rc = mc__eventlog_pusher_start(self, err);
    if (rc == MC_OK)
        rc = subscriber_new(self, req, &s, err);
    if (rc != MC_OK)
        return rc;
    rc = answer(res, ctx->arena, s, err);
    if (rc == MC_OK)
        atomic_fetch_add(&self->open_count, 1);
    else
        subscriber_free(s);
    return rc;
}
