/* SPDX-License-Identifier: Apache-2.0 */
/* Events on their way in: a row for each webhook that wants one, in the event's transaction. */
#include "metacore/base/utf8.h"
#include "metacore/obs/trace.h"
#include "metacore/webhooks/webhooks_internal.h"

bool mc_webhooks_matches(mc_str pattern, mc_str event)
{
    if (mc_str_eq(pattern, MC_STR("*")) || mc_str_eq(pattern, event))
        return true;
    return mc_str_ends_with(pattern, MC_STR(".*")) &&
           mc_str_starts_with(event, mc_str_slice(pattern, 0, pattern.len - 1)) &&
           event.len >= pattern.len;
}

/* text: the column: a JSON array, or, of a database from elsewhere, names between commas. */
static bool wants(mc_arena *arena, mc_str text, mc_str event)
{
    const mc_json *list;
    mc_str part, rest = text;

    if (text.len && text.ptr[0] == '[') {
        if (mc_json_parse(arena, text, NULL, &list, NULL) != MC_OK)
            return false;
        for (size_t i = 0; i < list->as.array.count; i++) {
            if (mc_json_get_str(list->as.array.items[i], &part) && mc_webhooks_matches(part, event))
                return true;
        }
        return false;
    }
    while (mc_str_split(&rest, ',', &part)) {
        if (mc_webhooks_matches(mc_str_trim(part), event))
            return true;
    }
    return false;
}

typedef struct wanting {
    mc_uuid id;
    bool is_ordered;
} wanting;

static mc_code find_wanting(mc_ctx *ctx, mc_str event, wanting *out, size_t max, size_t *out_count,
                            mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_bool(true)};
    size_t count = 0;
    mc_db_rows rows;
    mc_code rc =
        mc_db_query(ctx->conn,
                    MC_STR("SELECT id, events, ordered FROM webhooks WHERE organization_id = $1 "
                           "AND active = $2 AND deleted_at IS NULL ORDER BY id"),
                    args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    while (count < max && mc_db_rows_next(&rows)) {
        if (wants(ctx->arena, mc_db_col_text(&rows, 1), event))
            out[count++] = (wanting){mc_db_col_uuid(&rows, 0), mc_db_col_bool(&rows, 2)};
    }
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK)
        *out_count = count;
    return rc;
}

mc_code mc_webhooks_wants(mc_webhooks *self, mc_ctx *ctx, mc_str event, bool *out, mc_err *err)
{
    size_t count = 0;
    wanting first;
    mc_code rc = find_wanting(ctx, event, &first, 1, &count, err);

    (void)self;
    if (rc == MC_OK)
        *out = count > 0;
    return rc;
}

static mc_db_value uuid_or_null(mc_uuid id)
{
    return mc_uuid_is_nil(id) ? mc_db_null() : mc_db_uuid(id);
}

/* ordinal, not the clock, is the order: clocks are set back. as_time: what a parameter needs where
 * its place says nothing of its type. */
#define INSERT_DELIVERY(as_time)                                                                   \
    "INSERT INTO webhook_deliveries (id, organization_id, created_by_id, created_at, updated_at, " \
    "webhook_id, event, payload, next_attempt_at, record_id, lease_id, replay_of, "                \
    "request_headers, ordinal) "                                                                   \
    "VALUES ($1, $2, $3, $4, $4, $5, $6, $7, CASE WHEN $12 AND EXISTS (SELECT 1 FROM "             \
    "webhook_deliveries WHERE webhook_id = $5 AND record_id = $9 AND next_attempt_at IS NOT "      \
    "NULL) THEN $13" as_time " ELSE $8" as_time " END, $9, $10, $11, $14, (SELECT "                \
    "coalesce(max(ordinal), 0) + 1 FROM webhook_deliveries))"

/* What each attempt says of the trace that the event is of: a JSON object, or null. */
static mc_code trace_headers(const mc_ctx *ctx, mc_db_value *out, mc_err *err)
{
    char parent[MC_TRACE_PARENT_LEN];
    mc_buf text;

    *out = mc_db_null();
    if (!mc_trace_is_set(&ctx->trace))
        return MC_OK;
    mc_trace_format(&ctx->trace, parent);
    mc_buf_init_arena(&text, ctx->arena, 0);
    mc_buf_printf(&text, "{\"traceparent\":\"%.*s\"", MC_TRACE_PARENT_LEN, parent);
    if (ctx->trace.state.len > 0) {
        mc_buf_lit(&text, ",\"tracestate\":");
        mc_json_write_str(&text, ctx->trace.state);
    }
    mc_buf_char(&text, '}');
    *out = mc_db_text(mc_buf_get(&text));
    return mc_buf_check(&text, "webhook delivery", err);
}

mc_code mc__delivery_insert(mc_webhooks *self, mc_ctx *ctx, const mc__delivery_input *in,
                            mc_uuid *out_id, mc_err *err)
{
    mc_db_value headers;
    mc_uuid id;
    mc_code rc = mc_uuid_v7(&id, err);

    if (rc == MC_OK)
        rc = trace_headers(ctx, &headers, err);
    if (rc == MC_OK) {
        mc_time next = in->is_leased ? ctx->now + MC__LEASE_US : ctx->now;
        mc_db_value args[] = {mc_db_uuid(id),
                              mc_db_uuid(in->org_id),
                              uuid_or_null(in->by_id),
                              mc_db_time(ctx->now),
                              mc_db_uuid(in->webhook_id),
                              mc_db_text(in->event),
                              mc_db_text(in->payload),
                              mc_db_time(next),
                              uuid_or_null(in->record),
                              in->is_leased ? mc_db_uuid(self->lease_id) : mc_db_null(),
                              uuid_or_null(in->replay_of),
                              mc_db_bool(in->is_ordered),
                              mc_db_time(MC__WAITING),
                              headers};

        rc = mc_db_exec(ctx->conn,
                        mc_db_conn_dialect(ctx->conn) == MC_DB_SQLITE
                            ? MC_STR(INSERT_DELIVERY(""))
                            : MC_STR(INSERT_DELIVERY("::timestamptz")),
                        args, MC_LEN(args), NULL, err);
    }
    if (rc == MC_OK && out_id)
        *out_id = id;
    return rc;
}

/* ---- waking who delivers ---- */

void mc__webhooks_wake(mc_webhooks *self)
{
    mc_mutex_lock(&self->mu);
    self->is_woken = true;
    mc_cond_signal(&self->wake);
    mc_mutex_unlock(&self->mu);
}

typedef struct waking {
    mc_db_hook hook;
    mc_webhooks *self;
} waking;

static void wake_up(mc_db_hook *hook)
{
    mc__webhooks_wake(mc_container_of(hook, waking, hook)->self);
}

mc_code mc__webhooks_wake_later(mc_webhooks *self, mc_ctx *ctx, mc_err *err)
{
    waking *w = mc_arena_object(ctx->arena, waking);

    if (!w)
        return mc_fail(err, MC_NO_MEMORY, "webhooks");
    *w = (waking){.hook.run = wake_up, .self = self};
    mc_db_after_commit(ctx->conn, &w->hook);
    return MC_OK;
}

mc_code mc_webhooks_publish(mc_webhooks *self, mc_ctx *ctx, mc_str event, mc_uuid record,
                            mc_str payload, mc_err *err)
{
    wanting all[MC_WEBHOOKS_PER_ORG];
    size_t count = 0;
    mc_code rc;

    if (event.len == 0 || event.len > MC_WEBHOOKS_EVENT_MAX)
        return mc_fail(err, MC_INVALID, "webhooks: an event's name has 1 to %d bytes",
                       MC_WEBHOOKS_EVENT_MAX);
    if (payload.len > MC_WEBHOOKS_PAYLOAD_MAX)
        return mc_fail(err, MC_TOO_LARGE, "webhooks: payload larger than %zu bytes",
                       MC_WEBHOOKS_PAYLOAD_MAX);
    rc = find_wanting(ctx, event, all, MC_LEN(all), &count, err);
    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = mc__delivery_insert(self, ctx,
                                 &(mc__delivery_input){.webhook_id = all[i].id,
                                                       .org_id = ctx->who.org_id,
                                                       .by_id = ctx->who.user_id,
                                                       .record = record,
                                                       .is_ordered = all[i].is_ordered,
                                                       .event = event,
                                                       .payload = payload},
                                 NULL, err);
    return rc == MC_OK && count > 0 ? mc__webhooks_wake_later(self, ctx, err) : rc;
}
