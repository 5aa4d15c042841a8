/* SPDX-License-Identifier: Apache-2.0 */
/* One statement that writes a row, its parameters, and what its failure means to strangers. */
#include "metacore/dynamic/dynamic_internal.h"

/* "UNIQUE constraint failed: t.organization_id, t.code": the column that the message ends with. */
static const mc_column *find_conflict(const mc_model *model, mc_str message)
{
    const mc_column *found = NULL;

    for (size_t i = 0; i < model->column_count; i++) {
        const mc_column *column = &model->columns[i];
        size_t from = message.len >= column->name.len ? message.len - column->name.len : 0;

        if (!column->is_system && mc_str_ends_with(message, column->name) && from > 0 &&
            message.ptr[from - 1] == '.')
            found = column;
    }
    return found;
}

/* The driver's words stay here: strangers learn the field. */
mc_code mc__write_failure(mc_ctx *ctx, const mc_model *model, mc_code rc, mc_err *err)
{
    const mc_column *column;

    if (rc == MC_CONFLICT) {
        column = find_conflict(model, mc_z(err->msg));
        if (!column)
            return mc_fail(err, MC_CONFLICT, "a value is taken already");
        mc_ctx_field_error(ctx, column->name, MC_STR("duplicate"), MC_STR(""),
                           "%.*s is taken already", MC_FMT(column->label));
        return mc__dynamic_field_failure(ctx, MC_CONFLICT, err);
    }
    if (rc == MC_INVALID)
        return mc_fail(err, MC_REJECTED, "a value does not fit the table");
    return rc;
}

mc_code mc__statement_init(mc__statement *s, mc_ctx *ctx, size_t args_max, mc_err *err)
{
    mc_buf_init_arena(&s->sql, ctx->arena, 0);
    s->count = 0;
    s->args = mc_arena_array(ctx->arena, mc_db_value, args_max);
    return s->args ? MC_OK : mc_fail(err, MC_NO_MEMORY, "write");
}

void mc__statement_arg(mc__statement *s, mc_db_value value)
{
    s->args[s->count++] = value;
    mc_buf_char(&s->sql, '$');
    mc_buf_u64(&s->sql, s->count);
}

mc_code mc__statement_one(mc_ctx *ctx, mc__statement *s, const mc__row_layout *layout, mc_buf *out,
                          mc_time *out_version, bool *out_found, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_buf_check(&s->sql, "write", err);

    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, mc_buf_get(&s->sql), s->args, s->count, &rows, err);
    if (rc != MC_OK)
        return rc;
    *out_found = mc_db_rows_next(&rows);
    if (*out_found) {
        mc__row_write(layout, &rows, out);
        *out_version = mc__row_version(layout, &rows);
    }
    while (mc_db_rows_next(&rows))
        ; /* to its end, where the store reports what it checks last */
    return mc_db_rows_finish(&rows, err);
}

void mc__statement_where_row(mc__statement *s, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                             bool is_deleted)
{
    mc_buf_lit(&s->sql, " WHERE \"id\" = ");
    mc__statement_arg(s, mc_db_uuid(id));
    mc_buf_lit(&s->sql, " AND \"organization_id\" = ");
    mc__statement_arg(s, mc_db_uuid(ctx->who.org_id));
    if (model->soft_delete)
        mc_buf_str(&s->sql, is_deleted ? MC_STR(" AND \"deleted_at\" IS NOT NULL")
                                       : MC_STR(" AND \"deleted_at\" IS NULL"));
}
