/* SPDX-License-Identifier: Apache-2.0 */
/* One statement that writes a row, its parameters, and what its failure means to strangers. */
#include "metacore/dynamic/dynamic_internal.h"

/* ---- PostgreSQL names the index; only its catalog knows the column ---- */

typedef struct index_question {
    const mc_model *model;
    mc_str index;
    const mc_column *column; /* the last of it; NULL: none that a client wrote */
} index_question;

static mc_code ask_index(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    index_question *q = user;
    mc_db_value args[] = {mc_db_text(q->model->schema.len ? q->model->schema : MC_STR("public")),
                          mc_db_text(q->index)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        conn,
        MC_STR("SELECT a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN "
               "pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = "
               "i.indrelid AND a.attnum = i.indkey[i.indnkeyatts - 1] WHERE n.nspname = $1 AND "
               "c.relname = $2"),
        args, MC_LEN(args), &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        q->column = mc_model_find_column(q->model, mc_db_col_text(&rows, 0));
    return mc_db_rows_finish(&rows, err);
}

/* "UNIQUE constraint failed: index papers_number". The transaction has failed, and answers nothing
 * any more: another connection is asked. */
static const mc_column *find_index_column(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                                          mc_str index)
{
    index_question q = {.model = model, .index = mc_str_copy(ctx->arena, index)};
    mc_err ignored; /* without an answer no field is named */

    if (mc_db_read(self->config.db, ctx, ask_index, &q, &ignored) != MC_OK || !q.column)
        return NULL;
    return q.column->is_system ? NULL : q.column;
}

/* "UNIQUE constraint failed: t.organization_id, t.code": the column that the message ends with. */
static const mc_column *find_conflict(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                                      mc_str message)
{
    mc_str mark = MC_STR("UNIQUE constraint failed: index ");
    size_t index = mc_str_find(message, mark);
    const mc_column *found = NULL;

    if (index < message.len)
        return find_index_column(self, ctx, model,
                                 mc_str_slice(message, index + mark.len, message.len));

    for (size_t i = 0; i < model->column_count; i++) {
        const mc_column *column = &model->columns[i];
        size_t from = message.len >= column->name.len ? message.len - column->name.len : 0;

        if (!column->is_system && mc_str_ends_with(message, column->name) && from > 0 &&
            message.ptr[from - 1] == '.')
            found = column;
    }
    return found;
}

/* "NOT NULL constraint failed: addon_x.t.code": a migration's column, which the manifest may not
 * even have. */
static bool find_missing(mc_str message, mc_str *out_name)
{
    size_t at = message.len;

    if (mc_str_find(message, MC_STR("NOT NULL constraint failed: ")) == message.len)
        return false;
    while (at > 0 && message.ptr[at - 1] != '.')
        at--;
    *out_name = mc_str_slice(message, at, message.len);
    return at > 0 && mc_str_is_identifier(*out_name);
}

static mc_code invalid_failure(mc_ctx *ctx, mc_err *err)
{
    mc_str message = mc_str_copy(ctx->arena, mc_z(err->msg)), name;

    if (find_missing(message, &name)) {
        mc_ctx_field_error(ctx, name, MC_STR("required"), MC_STR(""), "%.*s is required",
                           MC_FMT(name));
        return mc__dynamic_field_failure(ctx, MC_REJECTED, err);
    }
    if (mc_str_find(message, MC_STR("FOREIGN KEY")) < message.len)
        return mc_fail(err, MC_REJECTED, "a value refers to a record that does not exist");
    return mc_fail(err, MC_REJECTED, "a value does not fit the table");
}

/* The driver's words stay here: strangers learn the field. */
mc_code mc__write_failure(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_code rc,
                          mc_err *err)
{
    const mc_column *column;

    if (rc == MC_CONFLICT) {
        column = find_conflict(self, ctx, model, mc_z(err->msg));
        if (!column)
            return mc_fail(err, MC_CONFLICT, "a value is taken already");
        mc_ctx_field_error(ctx, column->name, MC_STR("duplicate"), MC_STR(""),
                           "%.*s is taken already", MC_FMT(column->label));
        return mc__dynamic_field_failure(ctx, MC_CONFLICT, err);
    }
    return rc == MC_INVALID ? invalid_failure(ctx, err) : rc;
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
