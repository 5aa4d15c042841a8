/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of events is read and written once, and given to all who stand at its beginning. */
#include "metacore/base/json.h"
#include "metacore/eventlog/eventlog_internal.h"

#include <stdlib.h>

#define BATCH_EVENTS 200
#define BATCH_BYTES ((size_t)512 << 10)
#define RUN_BYTES ((size_t)16 << 10) /* given to a stream at once: a wake-up of its loop each */

typedef struct entry {
    int64_t sequence;
    size_t from, named, to; /* in text: "event: …", then "id: …" at named */
    mc_str type;
    const mc_json *tags; /* or NULL */
} entry;

typedef struct mc__event_batch batch;
struct mc__event_batch {
    mc_arena *arena;
    mc_buf text;
    entry items[BATCH_EVENTS];
    size_t count;
    mc_uuid org_id;
    int64_t start;
    mc_eventlog_cursor cursor;
};

mc__event_batch *mc__event_batch_new(void)
{
    batch *b = calloc(1, sizeof(*b));

    if (!b)
        return NULL;
    b->arena = mc_arena_new(0);
    mc_buf_init(&b->text, BATCH_BYTES + MC__EVENT_TEXT_MAX);
    if (b->arena)
        return b;
    free(b);
    return NULL;
}

void mc__event_batch_free(mc__event_batch *b)
{
    if (!b)
        return;
    mc_buf_deinit(&b->text);
    mc_arena_free(b->arena);
    free(b);
}

static mc_code add(void *user, const mc_event *event, mc_err *err)
{
    batch *b = user;
    entry *e = &b->items[b->count];
    mc_code rc = MC_OK;
    mc_str tags;

    if (b->count == BATCH_EVENTS || b->text.len > BATCH_BYTES)
        return mc_fail(err, MC_LIMIT, "batch");
    *e = (entry){.sequence = event->sequence, .from = b->text.len};
    e->type = mc_str_copy(b->arena, event->type);
    tags = mc_str_copy(b->arena, event->tags);
    mc_buf_lit(&b->text, "event: ");
    mc_buf_str(&b->text, event->type);
    mc_buf_char(&b->text, '\n');
    e->named = b->text.len;
    mc_buf_lit(&b->text, "id: ");
    mc_buf_i64(&b->text, event->sequence);
    mc_buf_lit(&b->text, "\ndata: ");
    mc_event_write(event, &b->text);
    mc_buf_lit(&b->text, "\n\n");
    e->to = b->text.len;
    if (!e->type.ptr || tags.len != event->tags.len)
        return mc_fail(err, MC_NO_MEMORY, "batch");
    if (tags.len > 0)
        rc = mc_json_parse(b->arena, tags, NULL, &e->tags, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&b->text, "batch", err);
    b->count += rc == MC_OK;
    return rc;
}

/* MC_OK also when the batch was cut: then there is more. */
static mc_code load(mc_eventlog *self, mc_db_conn *conn, const mc__subscriber *s, batch *b,
                    mc_err *err)
{
    mc_ctx ctx = {.arena = b->arena, .conn = conn};
    mc_code rc;

    mc_arena_reset(b->arena);
    mc_buf_clear(&b->text);
    b->count = 0;
    b->org_id = s->org_id;
    b->start = s->cursor;
    b->cursor = (mc_eventlog_cursor){.last_sequence = s->cursor};
    rc = mc_eventlog_query(self, &ctx, s->org_id, s->cursor, NULL, BATCH_EVENTS, add, b, &b->cursor,
                           err);
    if (rc == MC_LIMIT && b->count > 0) {
        b->cursor.last_sequence = b->items[b->count - 1].sequence;
        b->cursor.has_more = true;
        rc = MC_OK;
    }
    return rc;
}

/* ---- one stream ---- */

/* Whether the stream took it. One that takes nothing for too long is cut off: it comes back with
 * the number of what it has seen. */
static bool offer(mc_eventlog *self, mc__subscriber *s, mc_str text, int64_t now_us)
{
    mc_code rc = mc_stream_offer(s->stream, text, NULL);

    if (rc == MC_OK) {
        s->blocked_since_us = 0;
        return true;
    }
    if (!s->blocked_since_us)
        s->blocked_since_us = now_us;
    if (rc == MC_UNAVAILABLE ||
        now_us - s->blocked_since_us > self->config.slow_timeout_ms * INT64_C(1000)) {
        if (rc != MC_UNAVAILABLE)
            mc_log_warn(self->config.log, "eventlog.subscriber.slow",
                        MC_KV_UUID("org_id", s->org_id), MC_KV_I64("sequence_num", s->cursor));
        atomic_store(&s->is_gone, true);
    }
    return false;
}

/* The gap has the number before the oldest, so that whoever comes back is not told again. */
static bool tell_gap(mc_eventlog *self, mc__subscriber *s, const batch *b, int64_t now_us)
{
    bool is_reset = s->stated_cursor > 0;
    int64_t after = is_reset ? s->stated_cursor : s->cursor;
    int64_t to = is_reset ? s->cursor : b->cursor.oldest_sequence - 1;
    char room[160];
    mc_buf text;
    bool is_told;

    mc_buf_init_borrowed(&text, room, sizeof(room), sizeof(room));
    mc_buf_printf(&text,
                  "event: gap\nid: %lld\ndata: {\"after\":%lld,\"oldest_sequence\":%lld}\n\n",
                  (long long)to, (long long)after, (long long)b->cursor.oldest_sequence);
    is_told = offer(self, s, mc_buf_get(&text), now_us);
    mc_buf_deinit(&text);
    if (is_told) {
        s->stated_cursor = 0;
        s->cursor = to;
    }
    return is_told;
}

/* How many entries from at on go together: in a row in text, within RUN_BYTES. */
static size_t run_length(const mc__subscriber *s, const batch *b, size_t at)
{
    size_t n = 1;

    if (s->filter || !s->is_named)
        return 1;
    while (at + n < b->count && b->items[at + n].to - b->items[at].from <= RUN_BYTES)
        n++;
    return n;
}

static void deliver(mc_eventlog *self, mc__subscriber *s, const batch *b, int64_t now_us)
{
    bool is_gap = (b->cursor.is_gap && s->cursor == b->start) || s->stated_cursor > 0;
    size_t n;

    if (is_gap && !tell_gap(self, s, b, now_us))
        return;
    for (size_t i = 0; i < b->count; i += n) {
        const entry *e = &b->items[i];

        n = 1;
        if (!s->filter || mc__eventlog_matches(s->filter, e->type, e->tags)) {
            n = run_length(s, b, i);
            if (!offer(self, s,
                       mc_str_slice(mc_buf_get(&b->text), s->is_named ? e->from : e->named,
                                    b->items[i + n - 1].to),
                       now_us))
                return;
        }
        s->cursor = b->items[i + n - 1].sequence;
    }
    if (b->cursor.last_sequence > s->cursor)
        s->cursor = b->cursor.last_sequence;
    s->is_behind = b->cursor.has_more;
}

/* ---- all of them ---- */

static bool is_next(const mc__subscriber *s, int64_t now_us)
{
    return s->is_behind && s->tried_us != now_us && !atomic_load(&s->is_gone);
}

static void deliver_batch(mc_eventlog *self, mc__subscriber *from, const batch *b, int64_t now_us)
{
    for (mc__subscriber *s = from; s; s = s->next) {
        if (s->cursor == b->start && is_next(s, now_us) && mc_uuid_eq(s->org_id, b->org_id)) {
            s->tried_us = now_us;
            deliver(self, s, b, now_us);
        }
    }
}

static mc__pace pace_of(const mc__subscriber *first)
{
    mc__pace pace = MC__AT_REST;

    for (const mc__subscriber *s = first; s && pace != MC__AT_ONCE; s = s->next) {
        if (atomic_load(&s->is_gone) || (s->is_behind && !s->blocked_since_us))
            pace = MC__AT_ONCE;
        else if (s->is_behind)
            pace = MC__BLOCKED;
    }
    return pace;
}

mc__pace mc__eventlog_deliver(mc_eventlog *self, mc_db_conn *conn, mc__subscriber *first,
                              int64_t now_us)
{
    mc_err err;

    for (mc__subscriber *s = first; s; s = s->next) {
        if (!is_next(s, now_us))
            continue;
        if (load(self, conn, s, self->batch, &err) != MC_OK) {
            mc_log_error(self->config.log, "eventlog.stream", MC_KV_ERR("error", &err));
            return MC__BLOCKED;
        }
        deliver_batch(self, s, self->batch, now_us);
    }
    return pace_of(first);
}
