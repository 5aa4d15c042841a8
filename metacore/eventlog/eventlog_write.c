/* SPDX-License-Identifier: Apache-2.0 */
/* Events on their way in: a number, a row, and a word to those who wait. */
#include "metacore/base/json.h"
#include "metacore/eventlog/eventlog_internal.h"

#define ROOM_BYTES 4096 /* on the stack; most rows fit */

/* ---- after the commit ---- */

typedef struct written {
    mc_db_hook hook;
    mc_eventlog *self;
    mc_uuid org_id;
} written;

static void tell(mc_db_hook *hook)
{
    const written *w = mc_container_of(hook, written, hook);

    atomic_fetch_add_explicit(&w->self->event_count, 1, memory_order_relaxed);
    mc__eventlog_wake(w->self, w->org_id);
    for (size_t i = 0; i < w->self->listener_count; i++)
        w->self->listeners[i].fn(w->self->listeners[i].user, w->org_id);
}

static mc_code tell_later(mc_eventlog *self, mc_ctx *ctx, mc_err *err)
{
    written *w = mc_arena_object(ctx->arena, written);

    if (!w)
        return mc_fail(err, MC_NO_MEMORY, "eventlog");
    *w = (written){.hook.run = tell, .self = self, .org_id = ctx->who.org_id};
    mc_db_after_commit(ctx->conn, &w->hook);
    return MC_OK;
}

/* ---- the row ---- */

static mc_code exec_org(mc_ctx *ctx, mc_str sql, int64_t *out_changed, mc_err *err)
{
    mc_db_value org = mc_db_uuid(ctx->who.org_id);

    return mc_db_exec(ctx->conn, sql, &org, 1, out_changed, err);
}

/* The counter's row is locked until the transaction ends: numbers are committed in their order.
 * Nothing is returned, which would cost as much as the update: the event's own row reads it. */
static mc_code raise_counter(mc_ctx *ctx, mc_err *err)
{
    int64_t changed = 0;
    mc_code rc = exec_org(ctx,
                          MC_STR("UPDATE eventlog_counters SET last_sequence = last_sequence + 1 "
                                 "WHERE organization_id = $1"),
                          &changed, err);

    if (rc != MC_OK || changed > 0)
        return rc;
    return exec_org(ctx,
                    MC_STR("INSERT INTO eventlog_counters (organization_id, last_sequence) VALUES "
                           "($1, 1) ON CONFLICT (organization_id) DO UPDATE SET last_sequence = "
                           "eventlog_counters.last_sequence + 1"),
                    NULL, err);
}

static mc_db_value json_or_null(mc_str text)
{
    mc_db_value value = text.len > 0 ? mc_db_text(text) : mc_db_null();

    if (text.len > 0)
        value.kind = MC_DB_JSON;
    return value;
}

typedef struct event_row {
    mc_str type, tags, data;
    mc_time at;
} event_row;

static mc_code insert(mc_eventlog *self, mc_ctx *ctx, const event_row *row, int64_t *out_sequence,
                      mc_err *err)
{
    bool is_somebody = !mc_uuid_is_nil(ctx->who.user_id);
    mc_uuid id;
    mc_code rc = mc_uuid_v7(&id, err);

    if (rc == MC_OK)
        rc = raise_counter(ctx, err);
    if (rc == MC_OK) {
        mc_db_value args[] = {mc_db_uuid(id),
                              mc_db_uuid(ctx->who.org_id),
                              is_somebody ? mc_db_uuid(ctx->who.user_id) : mc_db_null(),
                              mc_db_time(row->at),
                              mc_db_text(row->type),
                              json_or_null(row->tags),
                              json_or_null(row->data)};

        rc = mc_db_exec(ctx->conn,
                        MC_STR("INSERT INTO eventlog_events (id, organization_id, created_by_id, "
                               "created_at, event_type, tags, data, sequence_num) VALUES ($1, $2, "
                               "$3, $4, $5, $6, $7, (SELECT last_sequence FROM eventlog_counters "
                               "WHERE organization_id = $2))"),
                        args, MC_LEN(args), NULL, err);
    }
    if (rc == MC_OK)
        rc = tell_later(self, ctx, err);
    if (rc == MC_OK && out_sequence)
        rc = mc__eventlog_newest(ctx, ctx->who.org_id, out_sequence, err);
    return rc;
}

/* ---- events of others ---- */

/* A stream's line is the type as it is, so that it holds no line end. */
static mc_code check_type(mc_str type, mc_err *err)
{
    if (type.len == 0)
        return mc_fail(err, MC_INVALID, "eventlog: empty event type");
    if (type.len > MC_EVENTLOG_TYPE_MAX)
        return mc_fail(err, MC_INVALID, "eventlog: event type longer than %d bytes",
                       MC_EVENTLOG_TYPE_MAX);
    for (size_t i = 0; i < type.len; i++) {
        if ((unsigned char)type.ptr[i] <= ' ' || (unsigned char)type.ptr[i] >= 0x7f ||
            type.ptr[i] == ',')
            return mc_fail(err, MC_INVALID,
                           "eventlog: event type: want printable ASCII without "
                           "space and comma");
    }
    return MC_OK;
}

static mc_code check_tag(const mc_event_input *in, size_t at, mc_err *err)
{
    const mc_event_tag *tag = &in->tags[at];

    if (tag->key.len == 0 || tag->key.len > MC_EVENTLOG_TAG_MAX ||
        tag->value.len > MC_EVENTLOG_TAG_MAX)
        return mc_fail(err, MC_INVALID, "eventlog: tag: want a key, and at most %d bytes of each",
                       MC_EVENTLOG_TAG_MAX);
    for (size_t i = 0; i < at; i++) {
        if (mc_str_eq(in->tags[i].key, tag->key))
            return mc_fail(err, MC_INVALID, "eventlog: tag %.*s twice", MC_FMT(tag->key));
    }
    return MC_OK;
}

static mc_code write_tags(mc_ctx *ctx, const mc_event_input *in, mc_str *out, mc_err *err)
{
    mc_code rc = MC_OK;
    mc_buf text;

    if (in->tag_count > MC_EVENTLOG_TAGS_MAX)
        return mc_fail(err, MC_INVALID, "eventlog: more than %d tags", MC_EVENTLOG_TAGS_MAX);
    mc_buf_init_arena(&text, ctx->arena, 0);
    for (size_t i = 0; i < in->tag_count && rc == MC_OK; i++) {
        rc = check_tag(in, i, err);
        mc_buf_char(&text, i ? ',' : '{');
        mc_json_write_str(&text, in->tags[i].key);
        mc_buf_char(&text, ':');
        mc_json_write_str(&text, in->tags[i].value);
    }
    if (in->tag_count > 0)
        mc_buf_char(&text, '}');
    if (rc == MC_OK)
        rc = mc_buf_check(&text, "eventlog: tags", err);
    if (rc == MC_OK)
        *out = mc_buf_get(&text);
    return rc;
}

/* Written anew: one line, in our spelling. */
static mc_code write_data(mc_ctx *ctx, mc_str data, mc_str *out, mc_err *err)
{
    const mc_json *value;
    mc_buf text;
    mc_code rc;

    if (data.len == 0)
        return MC_OK;
    if (data.len > MC_EVENTLOG_DATA_MAX)
        return mc_fail(err, MC_TOO_LARGE, "eventlog: data larger than %zu bytes",
                       MC_EVENTLOG_DATA_MAX);
    rc = mc_json_parse(ctx->arena, data, NULL, &value, err);
    if (rc == MC_OK && value->kind != MC_JSON_OBJECT)
        rc = mc_fail(err, MC_INVALID, "eventlog: data is no object");
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&text, ctx->arena, MC_EVENTLOG_DATA_MAX);
    mc_json_write(&text, value);
    rc = mc_buf_check(&text, "eventlog: data", err);
    if (rc == MC_OK)
        *out = mc_buf_get(&text);
    return rc;
}

mc_code mc_eventlog_emit(mc_eventlog *self, mc_ctx *ctx, const mc_event_input *in,
                         int64_t *out_sequence, mc_err *err)
{
    event_row row = {.type = in->type, .at = ctx->now};
    mc_code rc = check_type(in->type, err);

    if (rc == MC_OK && mc_uuid_is_nil(ctx->who.org_id))
        rc = mc_fail(err, MC_INVALID, "eventlog: an event is an organization's");
    if (rc == MC_OK)
        rc = write_tags(ctx, in, &row.tags, err);
    if (rc == MC_OK)
        rc = write_data(ctx, in->data, &row.data, err);
    return rc == MC_OK ? insert(self, ctx, &row, out_sequence, err) : rc;
}

/* ---- rows that were written ---- */

static void write_fields(const mc_eventlog_change *change, mc_buf *out)
{
    mc_buf_lit(out, ",\"fields\":[");
    for (size_t i = 0; i < change->field_count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        mc_json_write_str(out, change->fields[i]);
    }
    mc_buf_char(out, ']');
}

static void write_change(const mc_eventlog_change *change, bool is_whole, mc_buf *out)
{
    mc_buf_lit(out, "{\"id\":\"");
    mc_uuid_write(out, change->id);
    mc_buf_lit(out, "\",\"action\":\"");
    mc_buf_str(out, change->action);
    mc_buf_char(out, '"');
    if (change->field_count > 0)
        write_fields(change, out);
    if (is_whole && change->before.len > 0) {
        mc_buf_lit(out, ",\"before\":");
        mc_buf_str(out, change->before);
    }
    if (is_whole && change->after.len > 0) {
        mc_buf_lit(out, ",\"after\":");
        mc_buf_str(out, change->after);
    }
    if (!is_whole)
        mc_buf_lit(out, ",\"truncated\":true");
    mc_buf_char(out, '}');
}

/* data and, behind it, tags. */
static void write_texts(const mc_eventlog_change *change, mc_buf *data, mc_buf *head)
{
    write_change(change, true, data);
    if (mc_buf_failed(data) && data->is_over) {
        mc_buf_clear(data);
        data->is_over = false;
        write_change(change, false, data);
    }
    mc_buf_str(head, change->addon.len ? change->addon : MC_STR("kernel"));
    mc_buf_char(head, '.');
    mc_buf_str(head, change->model);
    mc_buf_char(head, '.');
    mc_buf_str(head, change->action);
}

static void write_change_tags(const mc_eventlog_change *change, mc_buf *out)
{
    mc_buf_lit(out, "{\"model\":");
    mc_json_write_str(out, change->model);
    mc_buf_lit(out, ",\"record_id\":\"");
    mc_uuid_write(out, change->id);
    mc_buf_lit(out, "\"}");
}

/* Its texts are gone when it returns: an import writes many rows with one arena. */
mc_code mc_eventlog_append(mc_eventlog *self, mc_ctx *ctx, const mc_eventlog_change *change,
                           mc_err *err)
{
    char room[ROOM_BYTES], type_room[MC_EVENTLOG_TYPE_MAX], tags_room[512];
    mc_buf data, type, tags;
    mc_code rc;

    mc_buf_init_borrowed(&data, room, sizeof(room), MC_EVENTLOG_DATA_MAX);
    mc_buf_init_borrowed(&type, type_room, sizeof(type_room), MC_EVENTLOG_TYPE_MAX);
    mc_buf_init_borrowed(&tags, tags_room, sizeof(tags_room), 0);
    write_texts(change, &data, &type);
    write_change_tags(change, &tags);
    rc = mc_buf_check(&data, "eventlog: change", err);
    if (rc == MC_OK)
        rc = mc_buf_check(&type, "eventlog: event type", err);
    if (rc == MC_OK)
        rc = mc_buf_check(&tags, "eventlog: tags", err);
    if (rc == MC_OK)
        rc = insert(self, ctx,
                    &(event_row){.type = mc_buf_get(&type),
                                 .tags = mc_buf_get(&tags),
                                 .data = mc_buf_get(&data),
                                 .at = change->at},
                    NULL, err);
    mc_buf_deinit(&data);
    mc_buf_deinit(&type);
    mc_buf_deinit(&tags);
    return rc;
}
