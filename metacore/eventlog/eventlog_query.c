/* SPDX-License-Identifier: Apache-2.0 */
/* Events as they are read: a window of numbers, filtered; and how old ones are forgotten. */
#include "metacore/base/json.h"
#include "metacore/eventlog/eventlog_internal.h"

#define ARGS_MAX (4 + MC_EVENTLOG_FILTERS_MAX + 2 * MC_EVENTLOG_TAGS_MAX)

typedef struct counter {
    int64_t oldest, newest;
} counter;

static mc_code load_counter(mc_ctx *ctx, mc_uuid org_id, counter *out, mc_err *err)
{
    mc_db_value org = mc_db_uuid(org_id);
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT oldest_sequence, last_sequence FROM eventlog_counters "
                                    "WHERE organization_id = $1"),
                             &org, 1, &rows, err);

    *out = (counter){.oldest = 1};
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        *out = (counter){.oldest = mc_db_col_int(&rows, 0), .newest = mc_db_col_int(&rows, 1)};
    return mc_db_rows_finish(&rows, err);
}

mc_code mc__eventlog_newest(mc_ctx *ctx, mc_uuid org_id, int64_t *out, mc_err *err)
{
    counter numbers;
    mc_code rc = load_counter(ctx, org_id, &numbers, err);

    if (rc == MC_OK)
        *out = numbers.newest;
    return rc;
}

/* ---- the statement ---- */

typedef struct statement {
    mc_buf sql;
    mc_db_value args[ARGS_MAX];
    size_t count;
} statement;

static void arg(statement *s, mc_db_value value)
{
    s->args[s->count++] = value;
    mc_buf_char(&s->sql, '$');
    mc_buf_u64(&s->sql, s->count);
}

/* Equality of whole texts, both of them parameters: what is in a tag never becomes SQL or JSON. */
static void write_tag(statement *s, mc_db_dialect dialect, const mc_event_tag *tag)
{
    if (dialect == MC_DB_POSTGRES)
        mc_buf_lit(&s->sql, " AND tags ->> ");
    else
        mc_buf_lit(&s->sql, " AND EXISTS (SELECT 1 FROM json_each(eventlog_events.tags) AS t WHERE "
                            "t.key = ");
    arg(s, mc_db_text(tag->key));
    if (dialect == MC_DB_POSTGRES)
        mc_buf_lit(&s->sql, "::text = ");
    else
        mc_buf_lit(&s->sql, " AND t.value = ");
    arg(s, mc_db_text(tag->value));
    if (dialect != MC_DB_POSTGRES)
        mc_buf_char(&s->sql, ')');
}

static void write_select(statement *s, mc_db_dialect dialect, mc_uuid org_id, int64_t from,
                         int64_t to, const mc_eventlog_filter *filter, int64_t limit)
{
    mc_buf_lit(&s->sql, "SELECT id, organization_id, created_by_id, created_at, sequence_num, "
                        "event_type, tags, data FROM eventlog_events WHERE organization_id = ");
    arg(s, mc_db_uuid(org_id));
    mc_buf_lit(&s->sql, " AND sequence_num > ");
    arg(s, mc_db_int(from));
    mc_buf_lit(&s->sql, " AND sequence_num <= ");
    arg(s, mc_db_int(to));
    for (size_t i = 0; filter && i < filter->type_count; i++) {
        mc_buf_str(&s->sql, i ? MC_STR(", ") : MC_STR(" AND event_type IN ("));
        arg(s, mc_db_text(filter->types[i]));
    }
    if (filter && filter->type_count > 0)
        mc_buf_char(&s->sql, ')');
    for (size_t i = 0; filter && i < filter->tag_count; i++)
        write_tag(s, dialect, &filter->tags[i]);
    mc_buf_lit(&s->sql, " ORDER BY sequence_num LIMIT ");
    arg(s, mc_db_int(limit));
}

/* ---- the rows ---- */

static void read_event(mc_db_rows *rows, mc_event *out)
{
    *out = (mc_event){.id = mc_db_col_uuid(rows, 0),
                      .org_id = mc_db_col_uuid(rows, 1),
                      .at = mc_db_col_time(rows, 3),
                      .sequence = mc_db_col_int(rows, 4),
                      .type = mc_db_col_text(rows, 5),
                      .tags = mc_db_col_text(rows, 6),
                      .data = mc_db_col_text(rows, 7)};
    if (!mc_db_col_is_null(rows, 2))
        out->actor_id = mc_db_col_uuid(rows, 2);
}

static mc_code show(mc_ctx *ctx, statement *s, int64_t limit, mc_event_fn each, void *user,
                    mc_eventlog_cursor *cursor, mc_err *err)
{
    mc_db_rows rows;
    int64_t count = 0;
    mc_code rc = mc_db_query(ctx->conn, mc_buf_get(&s->sql), s->args, s->count, &rows, err), over;

    if (rc != MC_OK)
        return rc;
    while (rc == MC_OK && mc_db_rows_next(&rows)) {
        mc_event event;

        if (++count > limit) {
            cursor->has_more = true;
            break;
        }
        read_event(&rows, &event);
        rc = each(user, &event, err);
        cursor->last_sequence = event.sequence;
    }
    over = mc_db_rows_finish(&rows, rc == MC_OK ? err : NULL);
    return rc == MC_OK ? over : rc;
}

static mc_code query_in(mc_eventlog *self, mc_ctx *ctx, mc_uuid org_id, int64_t after,
                        const mc_eventlog_filter *filter, int64_t limit, mc_event_fn each,
                        void *user, mc_eventlog_cursor *out, mc_err *err)
{
    mc_eventlog_cursor cursor = {.last_sequence = after};
    statement s = {.count = 0};
    int64_t from, to;
    counter numbers;
    mc_code rc = load_counter(ctx, org_id, &numbers, err);

    if (rc != MC_OK)
        return rc;
    cursor.oldest_sequence = numbers.oldest;
    cursor.newest_sequence = numbers.newest;
    cursor.is_gap = after < numbers.oldest - 1;
    from = cursor.is_gap ? numbers.oldest - 1 : after;
    to = from + MC_EVENTLOG_WINDOW; /* of numbers below 2^62 */
    mc_buf_init_arena(&s.sql, ctx->arena, 0);
    write_select(&s, self->dialect, org_id, from, to, filter, limit + 1);
    rc = mc_buf_check(&s.sql, "eventlog", err);
    if (rc == MC_OK)
        rc = show(ctx, &s, limit, each, user, &cursor, err);
    if (rc != MC_OK)
        return rc;
    if (!cursor.has_more && to < numbers.newest) { /* nothing more in the window, but behind it */
        cursor.has_more = true;
        cursor.last_sequence = to;
    }
    *out = cursor;
    return MC_OK;
}

mc_code mc_eventlog_query(mc_eventlog *self, mc_ctx *ctx, mc_uuid org_id, int64_t after,
                          const mc_eventlog_filter *filter, int64_t limit, mc_event_fn each,
                          void *user, mc_eventlog_cursor *out, mc_err *err)
{
    mc_code rc;

    if (after < 0 || after > INT64_MAX / 2)
        return mc_fail(err, MC_INVALID, "after: want a number of the log");
    if (limit <= 0)
        limit = MC_EVENTLOG_LIMIT;
    if (limit > MC_EVENTLOG_LIMIT_MAX)
        limit = MC_EVENTLOG_LIMIT_MAX;
    rc = mc_db_begin(ctx->conn, err); /* one snapshot for the events and their numbers */
    if (rc != MC_OK)
        return rc;
    rc = query_in(self, ctx, org_id, after, filter, limit, each, user, out, err);
    mc_db_rollback(ctx->conn); /* nothing was written */
    return rc;
}

/* ---- the same filter, on an event at hand ---- */

bool mc__eventlog_matches(const mc_eventlog_filter *filter, mc_str type, const mc_json *tags)
{
    bool is_wanted = filter->type_count == 0;
    mc_str value;

    for (size_t i = 0; i < filter->type_count && !is_wanted; i++)
        is_wanted = mc_str_eq(filter->types[i], type);
    for (size_t i = 0; i < filter->tag_count && is_wanted; i++)
        is_wanted = mc_json_get_str(mc_json_find(tags, filter->tags[i].key), &value) &&
                    mc_str_eq(value, filter->tags[i].value);
    return is_wanted;
}

/* ---- as JSON ---- */

void mc_event_write(const mc_event *event, mc_buf *out)
{
    mc_buf_lit(out, "{\"id\":\"");
    mc_uuid_write(out, event->id);
    mc_buf_lit(out, "\",\"organization_id\":\"");
    mc_uuid_write(out, event->org_id);
    if (!mc_uuid_is_nil(event->actor_id)) {
        mc_buf_lit(out, "\",\"created_by_id\":\"");
        mc_uuid_write(out, event->actor_id);
    }
    mc_buf_lit(out, "\",\"created_at\":\"");
    mc_time_write(out, event->at);
    mc_buf_lit(out, "\",\"updated_at\":\"");
    mc_time_write(out, event->at);
    mc_buf_lit(out, "\",\"sequence_num\":");
    mc_buf_i64(out, event->sequence);
    mc_buf_lit(out, ",\"event_type\":");
    mc_json_write_str(out, event->type);
    if (event->tags.len > 0) {
        mc_buf_lit(out, ",\"tags\":");
        mc_buf_str(out, event->tags);
    }
    mc_buf_lit(out, ",\"data\":");
    mc_buf_str(out, event->data.len ? event->data : MC_STR("null"));
    mc_buf_char(out, '}');
}

/* ---- forgetting ---- */

/* The highest number up to which all is older; 0: nothing is. By number, not by time: clocks are
 * set back, and a log with holes is none. */
static mc_code find_last_old(mc_ctx *ctx, mc_uuid org_id, mc_time before, const counter *numbers,
                             int64_t max, int64_t *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(org_id), mc_db_int(numbers->oldest), mc_db_int(max)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT sequence_num, created_at FROM eventlog_events WHERE "
                                    "organization_id = $1 AND sequence_num >= $2 AND NOT EXISTS "
                                    "(SELECT 1 FROM outbox_cursors WHERE organization_id = $1 AND "
                                    "sequence < sequence_num) ORDER BY sequence_num LIMIT $3"),
                             args, MC_LEN(args), &rows, err);

    *out = 0;
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows) && mc_db_col_time(&rows, 1) < before)
        *out = mc_db_col_int(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

mc_code mc_eventlog_prune(mc_eventlog *self, mc_ctx *ctx, mc_uuid org_id, mc_time before,
                          int64_t max, int64_t *out_deleted, mc_err *err)
{
    counter numbers;
    int64_t last = 0, deleted = 0;
    mc_code rc = load_counter(ctx, org_id, &numbers, err);

    (void)self; /* the tables are the database's */
    if (rc == MC_OK)
        rc = find_last_old(ctx, org_id, before, &numbers, max, &last, err);
    if (rc == MC_OK && last > 0) {
        mc_db_value args[] = {mc_db_uuid(org_id), mc_db_int(last)};

        rc = mc_db_exec(ctx->conn,
                        MC_STR("DELETE FROM eventlog_events WHERE organization_id = $1 AND "
                               "sequence_num <= $2"),
                        args, MC_LEN(args), &deleted, err);
        if (rc == MC_OK)
            rc = mc_db_exec(ctx->conn,
                            MC_STR("UPDATE eventlog_counters SET oldest_sequence = $2 + 1 WHERE "
                                   "organization_id = $1 AND oldest_sequence <= $2"),
                            args, MC_LEN(args), NULL, err);
    }
    if (rc == MC_OK && out_deleted)
        *out_deleted = deleted;
    return rc;
}
