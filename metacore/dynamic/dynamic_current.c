/* SPDX-License-Identifier: Apache-2.0 */
/* The row as it stands before an update, in the update's own transaction. */
#include "metacore/base/decimal.h"
#include "metacore/dynamic/dynamic_internal.h"

/* The stored text of JSON may be another spelling of the same value; it counts as changed then. */
static bool is_same(mc_db_rows *rows, size_t at, const mc_db_value *fresh)
{
    bool was_null = mc_db_col_is_null(rows, at);

    if (was_null || fresh->kind == MC_DB_NULL)
        return was_null && fresh->kind == MC_DB_NULL;
    switch (fresh->kind) {
    case MC_DB_BOOL:
        return mc_db_col_bool(rows, at) == fresh->as.boolean;
    case MC_DB_INT:
        return mc_db_col_int(rows, at) == fresh->as.integer;
    case MC_DB_UUID:
        return mc_uuid_eq(mc_db_col_uuid(rows, at), fresh->as.uuid);
    case MC_DB_TIME:
    case MC_DB_DATE:
        return mc_db_col_time(rows, at) == fresh->as.time;
    case MC_DB_DECIMAL:
        return mc_decimal_cmp(mc_db_col_text(rows, at), fresh->as.text) == 0;
    default:
        return mc_str_eq(mc_db_col_text(rows, at), fresh->as.text);
    }
}

/* A merge patch of a JSON column becomes the value it makes of what is stored. */
static mc_code merge(mc_ctx *ctx, const mc_dynamic_write *write, mc__assignment *item,
                     mc_str stored, mc_err *err)
{
    const mc_json *patch = mc_json_find_nocase(write->input, item->column->name);

    if (!write->is_merge || item->column->type != MC_COL_JSON || item->value.kind == MC_DB_NULL ||
        !patch || patch->kind != MC_JSON_OBJECT)
        return MC_OK;
    return mc__dynamic_merge(ctx, stored, patch, &item->value.as.text, err);
}

static mc_code compare(mc_ctx *ctx, const mc_dynamic_write *write, mc_db_rows *rows,
                       mc__current *current, mc_err *err)
{
    mc_code rc = MC_OK;

    current->version = mc_db_col_time(rows, 0);
    current->created_at = mc_db_col_time(rows, 1);
    for (size_t i = 0; i < write->count && rc == MC_OK; i++) {
        rc = merge(ctx, write, &write->items[i], mc_db_col_text(rows, i + 2), err);
        if (rc == MC_OK && !is_same(rows, i + 2, &write->items[i].value))
            current->changed[current->changed_count++] = write->items[i].column->name;
    }
    return rc;
}

static void write_select(const mc_dynamic *self, const mc_dynamic_write *write, bool is_deleted,
                         mc_buf *sql)
{
    mc_buf_lit(sql, "SELECT \"updated_at\", \"created_at\"");
    for (size_t i = 0; i < write->count; i++) {
        mc_buf_lit(sql, ", ");
        mc_buf_sql_ident(sql, write->items[i].column->name);
    }
    mc_buf_lit(sql, " FROM ");
    mc_buf_str(sql, write->model->physical);
    mc_buf_lit(sql, " WHERE \"id\" = $1 AND \"organization_id\" = $2");
    if (write->model->soft_delete)
        mc_buf_str(sql, is_deleted ? MC_STR(" AND \"deleted_at\" IS NOT NULL")
                                   : MC_STR(" AND \"deleted_at\" IS NULL"));
    if (self->dialect == MC_DB_POSTGRES) /* SQLite has one writer: this transaction */
        mc_buf_lit(sql, " FOR UPDATE");
}

mc_code mc__current_load(mc_dynamic *self, mc_ctx *ctx, const mc_dynamic_write *write, mc_uuid id,
                         bool is_deleted, mc__current *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc__current current = {.changed = mc_arena_array(ctx->arena, mc_str, write->count)};
    mc_code rc, why = MC_NOT_FOUND;
    mc_db_rows rows;
    mc_buf sql;

    if (!current.changed)
        return mc_fail(err, MC_NO_MEMORY, "write");
    mc_buf_init_arena(&sql, ctx->arena, 0);
    write_select(self, write, is_deleted, &sql);
    rc = mc_buf_check(&sql, "write", err);
    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, mc_buf_get(&sql), args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        why = compare(ctx, write, &rows, &current, err);
    rc = mc_db_rows_finish(&rows, why == MC_OK || why == MC_NOT_FOUND ? err : NULL);
    if (rc == MC_OK && why == MC_NOT_FOUND)
        return mc_fail(err, MC_NOT_FOUND, "record not found");
    if (rc == MC_OK && why == MC_OK)
        *out = current;
    return why == MC_OK || why == MC_NOT_FOUND ? rc : why;
}

/* Two changes within one microsecond, or a clock that was set back, are two versions still. */
mc_time mc__next_version(mc_time now, mc_time version)
{
    return now > version ? now : version + 1;
}
