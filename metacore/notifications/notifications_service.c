/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/notifications/notifications_internal.h"

#include "metacore/base/utf8.h"

#include <stdlib.h>

mc_code mc_notifications_new(const mc_notifications_config *config, mc_notifications **out,
                             mc_err *err)
{
    mc_notifications *self;

    if (!config->db || !config->check)
        return mc_fail(err, MC_INVALID, "notifications: db and check are required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "notifications");
    self->config = *config;
    mc__notifications_add_routes(self);
    *out = self;
    return MC_OK;
}

void mc_notifications_free(mc_notifications *self)
{
    free(self);
}

/* ---- checking ---- */

static void too_long(mc_ctx *ctx, const char *field, int max)
{
    mc_ctx_field_error(ctx, mc_z(field), MC_STR("max"),
                       mc_str_printf(ctx->arena, "{\"kind\":\"length\",\"max\":%d}", max),
                       "%s must be at most %d characters", field, max);
}

static void check_text(mc_ctx *ctx, const char *field, mc_str text, int max)
{
    if (text.len > (size_t)max && mc_utf8_count(text) > (size_t)max)
        too_long(ctx, field, max);
}

void mc__notification_check_link(mc_ctx *ctx, const char *field, mc_str link)
{
    bool is_path = link.len > 0 && link.ptr[0] == '/' &&
                   !(link.len > 1 && (link.ptr[1] == '/' || link.ptr[1] == '\\'));

    if (link.len > MC_NOTIFICATIONS_LINK_MAX)
        too_long(ctx, field, MC_NOTIFICATIONS_LINK_MAX);
    if (link.len > 0 && !is_path && !mc_str_starts_with(link, MC_STR("https://")))
        mc_ctx_field_error(ctx, mc_z(field), MC_STR("url"), MC_STR(""),
                           "%s is no path and no https address", field);
}

void mc__notification_check_type(mc_ctx *ctx, mc_str type)
{
    static const mc_str types[] = {MC_STR_INIT("info"), MC_STR_INIT("success"),
                                   MC_STR_INIT("warning"), MC_STR_INIT("error")};

    for (size_t i = 0; i < MC_LEN(types); i++) {
        if (mc_str_eq(type, types[i]))
            return;
    }
    mc_ctx_field_error(ctx, MC_STR("type"), MC_STR("invalid_option"), MC_STR(""),
                       "type is none of info, success, warning, error");
}

static mc_code check_user(mc_ctx *ctx, mc_uuid user_id, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(user_id), mc_db_uuid(ctx->who.org_id)};
    mc_db_rows rows;
    bool is_there;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT 1 FROM users WHERE id = $1 AND organization_id = $2 "
                                    "AND deleted_at IS NULL"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    is_there = mc_db_rows_next(&rows);
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && !is_there)
        mc_ctx_field_error(ctx, MC_STR("user_id"), MC_STR("not_found"), MC_STR(""),
                           "user_id does not exist");
    return rc;
}

static mc_code check(mc_ctx *ctx, const mc_notification *in, mc_err *err)
{
    size_t before = ctx->field_error_count;
    mc_code rc = MC_OK;

    if (in->title.len == 0)
        mc_ctx_field_error(ctx, MC_STR("title"), MC_STR("required"), MC_STR(""),
                           "title is required");
    check_text(ctx, "title", in->title, MC_NOTIFICATIONS_TITLE_MAX);
    check_text(ctx, "message", in->message, MC_NOTIFICATIONS_MESSAGE_MAX);
    check_text(ctx, "icon", in->icon, MC_NOTIFICATIONS_TITLE_MAX);
    mc__notification_check_link(ctx, "link", in->link);
    mc__notification_check_link(ctx, "image", in->image);
    mc__notification_check_type(ctx, in->type);
    if (in->metadata.len > MC_NOTIFICATIONS_METADATA_MAX)
        too_long(ctx, "metadata", MC_NOTIFICATIONS_METADATA_MAX);
    rc = check_user(ctx, in->user_id, err);
    if (rc == MC_OK && ctx->field_error_count > before)
        rc = mc_fail(err, MC_REJECTED, "%.*s", MC_FMT(ctx->field_errors[before].message));
    return rc;
}

/* ---- telling ---- */

typedef struct told {
    mc_db_hook hook;
    const mc_notifications *self;
    mc_uuid org_id, user_id;
    mc_str row;
} told;

static void tell(mc_db_hook *hook)
{
    const told *t = mc_container_of(hook, told, hook);

    t->self->config.on_created(t->self->config.on_created_user, t->org_id, t->user_id, t->row);
}

static mc_code tell_later(mc_notifications *self, mc_ctx *ctx, mc_uuid user_id, mc_str row,
                          mc_err *err)
{
    told *t;

    if (!self->config.on_created)
        return MC_OK;
    t = mc_arena_object(ctx->arena, told);
    if (!t)
        return mc_fail(err, MC_NO_MEMORY, "notification");
    *t = (told){.hook.run = tell, .self = self, .org_id = ctx->who.org_id, .user_id = user_id};
    t->row = mc_str_copy(ctx->arena, row);
    if (!t->row.ptr)
        return mc_fail(err, MC_NO_MEMORY, "notification");
    mc_db_after_commit(ctx->conn, &t->hook);
    return MC_OK;
}

/* ---- writing ---- */

/* What is older than the newest MC_NOTIFICATIONS_KEPT goes. */
static mc_code forget_old(mc_ctx *ctx, mc_uuid user_id, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_uuid(user_id),
                          mc_db_int(MC_NOTIFICATIONS_KEPT)};

    return mc_db_exec(ctx->conn,
                      MC_STR("DELETE FROM notifications WHERE id IN (SELECT id FROM notifications "
                             "WHERE organization_id = $1 AND user_id = $2 ORDER BY created_at "
                             "DESC, id DESC LIMIT 100 OFFSET $3)"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code insert(mc_ctx *ctx, const mc_notification *in, mc_buf *row, mc_err *err)
{
    mc_db_value metadata = mc_db_text(in->metadata);
    mc_db_rows rows;
    mc_uuid id;
    mc_code rc = mc_uuid_v7(&id, err);

    metadata.kind = MC_DB_JSON;
    if (rc == MC_OK) {
        mc_db_value args[] = {mc_db_uuid(id),
                              mc_db_uuid(ctx->who.org_id),
                              mc_db_uuid(in->user_id),
                              mc_uuid_is_nil(ctx->who.user_id) ? mc_db_null()
                                                               : mc_db_uuid(ctx->who.user_id),
                              mc_db_time(ctx->now),
                              mc_db_text(in->title),
                              mc_db_text(in->message),
                              mc_db_text(in->type),
                              mc_db_text(in->link),
                              mc_db_text(in->icon),
                              mc_db_text(in->image),
                              metadata};

        rc = mc_db_query(
            ctx->conn,
            MC_STR("INSERT INTO notifications (id, organization_id, user_id, created_by_id, "
                   "created_at, title, message, type, link, icon, image, metadata) VALUES ($1, "
                   "$2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "
                   "RETURNING " MC__NOTIFICATION_COLUMNS),
            args, MC_LEN(args), &rows, err);
    }
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        mc__notification_write(&rows, row);
    while (mc_db_rows_next(&rows))
        ; /* to its end, where the store reports what it checks last */
    return mc_db_rows_finish(&rows, err);
}

mc_code mc_notifications_create(mc_notifications *self, mc_ctx *ctx, const mc_notification *in,
                                mc_buf *row, mc_err *err)
{
    mc_notification full = *in;
    mc_buf written;
    mc_code rc;

    if (mc_uuid_is_nil(full.user_id))
        full.user_id = ctx->who.user_id;
    if (full.type.len == 0)
        full.type = MC_STR("info");
    if (full.metadata.len == 0)
        full.metadata = MC_STR("{}");
    mc_buf_init_arena(&written, ctx->arena, 0);
    rc = check(ctx, &full, err);
    if (rc == MC_OK)
        rc = insert(ctx, &full, &written, err);
    if (rc == MC_OK)
        rc = forget_old(ctx, full.user_id, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&written, "notification", err);
    if (rc == MC_OK)
        rc = tell_later(self, ctx, full.user_id, mc_buf_get(&written), err);
    if (rc == MC_OK && row)
        mc_buf_str(row, mc_buf_get(&written));
    return rc;
}

/* ---- as JSON ---- */

static void write_text(mc_buf *out, const char *key, mc_str text, bool is_omitted)
{
    mc_buf_printf(out, ",\"%s\":", key);
    if (text.len == 0 && is_omitted)
        mc_buf_lit(out, "null");
    else
        mc_json_write_str(out, text);
}

static void write_time(mc_buf *out, const char *key, mc_db_rows *rows, size_t at)
{
    mc_buf_printf(out, ",\"%s\":", key);
    if (mc_db_col_is_null(rows, at)) {
        mc_buf_lit(out, "null");
        return;
    }
    mc_buf_char(out, '"');
    mc_time_write(out, mc_db_col_time(rows, at));
    mc_buf_char(out, '"');
}

void mc__notification_write(mc_db_rows *rows, mc_buf *out)
{
    mc_buf_lit(out, "{\"id\":");
    mc_json_write_str(out, mc_db_col_text(rows, 0));
    write_text(out, "title", mc_db_col_text(rows, 1), false);
    write_text(out, "message", mc_db_col_text(rows, 2), false);
    write_text(out, "type", mc_db_col_text(rows, 3), false);
    mc_buf_printf(out, ",\"is_read\":%s", mc_db_col_bool(rows, 4) ? "true" : "false");
    write_time(out, "created_at", rows, 5);
    write_time(out, "read_at", rows, 10);
    write_text(out, "link", mc_db_col_text(rows, 6), true);
    write_text(out, "icon", mc_db_col_text(rows, 7), true);
    write_text(out, "image", mc_db_col_text(rows, 8), true);
    mc_buf_lit(out, ",\"metadata\":");
    mc_buf_str(out, mc_db_col_text(rows, 9));
    mc_buf_char(out, '}');
}
