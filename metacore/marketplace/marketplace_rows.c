/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/marketplace/marketplace_internal.h"

typedef struct row_call {
    const mc_marketplace_request *request;
} row_call;

static mc_code insert(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    const mc_marketplace_request *r = ((row_call *)user)->request;
    mc_db_value args[] = {
        mc_db_uuid(r->id),          mc_db_uuid(r->organization_id), mc_db_text(r->addon_key),
        mc_db_text(r->name),        mc_db_text(r->category),        mc_db_text(r->version),
        mc_db_text(r->bundle_url),  mc_db_text(r->status),          mc_db_uuid(r->requested_by_id),
        mc_db_time(r->requested_at)};

    (void)ctx;
    return mc_db_exec(conn,
                      MC_STR("INSERT INTO marketplace_installations (id, organization_id, "
                             "addon_key, name, category, version, bundle_url, status, "
                             "requested_by_id, requested_at) VALUES ($1, $2, $3, $4, $5, $6, $7, "
                             "$8, $9, $10)"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code update(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    const mc_marketplace_request *r = ((row_call *)user)->request;
    mc_db_value args[] = {mc_db_uuid(r->id), mc_db_text(r->status), mc_db_text(r->error_message),
                          r->completed_at ? mc_db_time(r->completed_at) : mc_db_null(),
                          mc_db_uuid(r->organization_id)};

    (void)ctx;
    return mc_db_exec(conn,
                      MC_STR("UPDATE marketplace_installations SET status = $2, error_message = "
                             "$3, completed_at = $4 WHERE id = $1 AND organization_id = $5"),
                      args, MC_LEN(args), NULL, err);
}

mc_code mc__request_insert(mc_marketplace *self, mc_ctx *ctx, const mc_marketplace_request *request,
                           mc_err *err)
{
    return mc_db_write(self->config.db, ctx, insert, &(row_call){request}, err);
}

mc_code mc__request_update(mc_marketplace *self, mc_ctx *ctx, const mc_marketplace_request *request,
                           mc_err *err)
{
    return mc_db_write(self->config.db, ctx, update, &(row_call){request}, err);
}

/* Of another process's: a download, and an installation that waits for the writer. */
#define ABANDONED_AFTER_S 900

static mc_code recover(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    bool is_shared = mc_db_conn_dialect(conn) == MC_DB_POSTGRES;
    mc_time before = is_shared ? ctx->now - ABANDONED_AFTER_S * MC_TIME_US_PER_S : ctx->now;
    mc_db_value args[] = {mc_db_time(ctx->now), mc_db_time(before)};

    (void)user;
    return mc_db_exec(conn,
                      MC_STR("UPDATE marketplace_installations SET status = 'failed', "
                             "error_message = 'the server ended meanwhile', completed_at = $1 "
                             "WHERE status IN ('downloading', 'installing') AND requested_at <= "
                             "$2"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code is_needed(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn,
                             MC_STR("SELECT 1 FROM marketplace_installations WHERE status IN "
                                    "('downloading', 'installing') LIMIT 1"),
                             NULL, 0, &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    *(bool *)user = mc_db_rows_next(&rows);
    return mc_db_rows_finish(&rows, err);
}

mc_code mc_marketplace_recover(mc_marketplace *self, mc_ctx *ctx, mc_err *err)
{
    bool is_left = false; /* a start that finds nothing writes nothing */
    mc_code rc = mc_db_read(self->config.db, ctx, is_needed, &is_left, err);

    return rc == MC_OK && is_left ? mc_db_write(self->config.db, ctx, recover, NULL, err) : rc;
}

static void read_row(mc_ctx *ctx, mc_db_rows *rows, mc_marketplace_request *out)
{
    mc_str *const texts[] = {&out->addon_key,  &out->name,   &out->category,     &out->version,
                             &out->bundle_url, &out->status, &out->error_message};

    out->id = mc_db_col_uuid(rows, 0);
    out->organization_id = mc_db_col_uuid(rows, 1);
    for (size_t i = 0; i < MC_LEN(texts); i++)
        *texts[i] = mc_str_copy(ctx->arena, mc_db_col_text(rows, 2 + i));
    out->requested_by_id = mc_db_col_uuid(rows, 9);
    out->requested_at = mc_db_col_time(rows, 10);
    out->completed_at = mc_db_col_is_null(rows, 11) ? 0 : mc_db_col_time(rows, 11);
}

mc_code mc_marketplace_list(mc_marketplace *self, mc_ctx *ctx, mc_marketplace_request **out,
                            size_t *out_count, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_int(MC_MARKETPLACE_LIST_MAX)};
    mc_marketplace_request *items;
    size_t count = 0;
    mc_db_rows rows;
    mc_code rc = self->config.check(self->config.user, ctx, false, err);

    if (rc != MC_OK)
        return rc;
    items = mc_arena_array(ctx->arena, mc_marketplace_request, MC_MARKETPLACE_LIST_MAX);
    if (!items)
        return mc_fail(err, MC_NO_MEMORY, "marketplace");
    rc = mc_db_query(ctx->conn,
                     MC_STR("SELECT id, organization_id, addon_key, name, category, version, "
                            "bundle_url, status, error_message, requested_by_id, requested_at, "
                            "completed_at FROM marketplace_installations WHERE organization_id = "
                            "$1 ORDER BY requested_at DESC, id DESC LIMIT $2"),
                     args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    while (count < MC_MARKETPLACE_LIST_MAX && mc_db_rows_next(&rows))
        read_row(ctx, &rows, &items[count++]);
    rc = mc_db_rows_finish(&rows, err);
    if (rc != MC_OK)
        return rc;
    *out = items;
    *out_count = count;
    return MC_OK;
}

/* ---- showing ---- */

static void write_text(mc_buf *out, const char *key, mc_str text)
{
    if (text.len == 0)
        return;
    mc_buf_printf(out, ",\"%s\":", key);
    mc_json_write_str(out, text);
}

void mc_marketplace_request_write(mc_buf *out, const mc_marketplace_request *r)
{
    mc_buf_lit(out, "{\"id\":\"");
    mc_uuid_write(out, r->id);
    mc_buf_lit(out, "\",\"organization_id\":\"");
    mc_uuid_write(out, r->organization_id);
    mc_buf_lit(out, "\",\"addon_key\":");
    mc_json_write_str(out, r->addon_key);
    write_text(out, "name", r->name);
    write_text(out, "category", r->category);
    write_text(out, "version", r->version);
    write_text(out, "bundle_url", r->bundle_url);
    write_text(out, "status", r->status);
    write_text(out, "error_message", r->error_message);
    mc_buf_lit(out, ",\"requested_by_id\":\"");
    mc_uuid_write(out, r->requested_by_id);
    mc_buf_lit(out, "\",\"requested_at\":\"");
    mc_time_write(out, r->requested_at);
    if (r->completed_at) {
        mc_buf_lit(out, "\",\"completed_at\":\"");
        mc_time_write(out, r->completed_at);
    }
    mc_buf_lit(out, "\"}");
}
