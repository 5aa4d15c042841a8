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

static void compare(const mc_dynamic_write *write, mc_db_rows *rows, mc__current *current)
{
    current->version = mc_db_col_time(rows, 0);
    for (size_t i = 0; i < write->count; i++) {
        if (!is_same(rows, i + 1, &write->items[i].value))
            current->changed[current->changed_count++] = write->items[i].column->name;
    }
}

static void write_select(const mc_dynamic *self, const mc_dynamic_write *write, mc_buf *sql)
{
    mc_buf_lit(sql, "SELECT \"updated_at\"");
    for (size_t i = 0; i < write->count; i++) {
        mc_buf_lit(sql, ", ");
        mc_buf_sql_ident(sql, write->items[i].column->name);
    }
    mc_buf_lit(sql, " FROM ");
    mc_buf_str(sql, write->model->physical);
    mc_buf_lit(sql, " WHERE \"id\" = $1 AND \"organization_id\" = $2");
    if (write->model->soft_delete)
        mc_buf_lit(sql, " AND \"deleted_at\" IS NULL");
    if (self->dialect == MC_DB_POSTGRES) /* SQLite has one writer: this transaction */
        mc_buf_lit(sql, " FOR UPDATE");
}

mc_code mc__current_load(mc_dynamic *self, mc_ctx *ctx, const mc_dynamic_write *write, mc_uuid id,
                         mc__current *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc__current current = {.changed = mc_arena_array(ctx->arena, mc_str, write->count)};
    mc_db_rows rows;
    bool is_found;
    mc_buf sql;
    mc_code rc;

    if (!current.changed)
        return mc_fail(err, MC_NO_MEMORY, "write");
    mc_buf_init_arena(&sql, ctx->arena, 0);
    write_select(self, write, &sql);
    rc = mc_buf_check(&sql, "write", err);
    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, mc_buf_get(&sql), args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    is_found = mc_db_rows_next(&rows);
    if (is_found)
        compare(write, &rows, &current);
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && !is_found)
        rc = mc_fail(err, MC_NOT_FOUND, "record not found");
    if (rc == MC_OK)
        *out = current;
    return rc;
}
