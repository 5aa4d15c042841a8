/* SPDX-License-Identifier: Apache-2.0 */
/* What data_mutate takes beside data: inc, added to the row as it is when it is written, and
 * returning, what its answer shows of the row. */
#include "metacore/base/decimal.h"
#include "metacore/host/guests_internal.h"

#define INC_MAX 32
#define RETURNING_MAX 128

/* ---- inc ---- */

static bool is_numeric(const mc_column *column)
{
    return column->type == MC_COL_INT || column->type == MC_COL_BIGINT ||
           column->type == MC_COL_DECIMAL;
}

mc_code mc__guest_check_inc(const mc_model *model, const mc_json *data, const mc_json *inc,
                            mc_err *err)
{
    if (inc->kind != MC_JSON_OBJECT || inc->as.object.count == 0 || inc->as.object.count > INC_MAX)
        return mc_fail(err, MC_INVALID, "inc must be an object of 1..%d columns", INC_MAX);
    for (size_t i = 0; i < inc->as.object.count; i++) {
        const mc_json_member *member = &inc->as.object.members[i];
        const mc_column *column = mc_model_find_column(model, member->key);

        if (!column || column->is_system || !is_numeric(column))
            return mc_fail(err, MC_INVALID, "inc.%.*s is no column of numbers",
                           MC_FMT(member->key));
        if (member->value->kind != MC_JSON_NUMBER)
            return mc_fail(err, MC_INVALID, "inc.%.*s must be a number", MC_FMT(member->key));
        if (mc_json_find(data, member->key))
            return mc_fail(err, MC_INVALID, "%.*s is in data and in inc", MC_FMT(member->key));
    }
    return MC_OK;
}

/* SELECT of the columns in inc's order; where there are several writers the row waits for us. */
static mc_str write_select(mc_ctx *ctx, const mc_model *model, const mc_json *inc)
{
    mc_buf sql;

    mc_buf_init_arena(&sql, ctx->arena, 0);
    for (size_t i = 0; i < inc->as.object.count; i++) {
        mc_buf_str(&sql, i ? MC_STR(", ") : MC_STR("SELECT "));
        mc_buf_sql_ident(&sql, inc->as.object.members[i].key);
    }
    mc_buf_printf(&sql, " FROM %.*s WHERE \"id\" = $1 AND \"organization_id\" = $2%s%s",
                  MC_FMT(model->physical), model->soft_delete ? " AND \"deleted_at\" IS NULL" : "",
                  mc_db_conn_dialect(ctx->conn) == MC_DB_POSTGRES ? " FOR UPDATE" : "");
    return mc_buf_failed(&sql) ? MC_STR("") : mc_buf_get(&sql);
}

static void write_members(const mc_json *data, mc_buf *out)
{
    for (size_t i = 0; data && i < data->as.object.count; i++) {
        mc_json_write_str(out, data->as.object.members[i].key);
        mc_buf_char(out, ':');
        mc_json_write(out, data->as.object.members[i].value);
        mc_buf_char(out, ',');
    }
}

static mc_code write_sums(mc_ctx *ctx, const mc_model *model, mc_uuid id, const mc_json *inc,
                          mc_buf *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc_str sql = write_select(ctx, model, inc);
    mc_db_rows rows;
    bool is_there;
    mc_code rc = sql.len ? mc_db_query(ctx->conn, sql, args, MC_LEN(args), &rows, err)
                         : mc_fail(err, MC_NO_MEMORY, "guest");

    if (rc != MC_OK)
        return rc;
    is_there = mc_db_rows_next(&rows);
    for (size_t i = 0; is_there && i < inc->as.object.count; i++) {
        const mc_json_member *member = &inc->as.object.members[i];
        mc_str now = mc_db_col_is_null(&rows, i) ? MC_STR("0") : mc_db_col_text(&rows, i);

        mc_buf_str(out, i ? MC_STR(",") : MC_STR(""));
        mc_json_write_str(out, member->key);
        mc_buf_char(out, ':');
        mc_decimal_add(out, now, member->value->as.number);
    }
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK && !is_there ? mc_fail(err, MC_NOT_FOUND, "record not found") : rc;
}

mc_code mc__guest_increment(mc_ctx *ctx, const mc_model *model, mc_uuid id, const mc_json *data,
                            const mc_json *inc, const mc_json **out, mc_err *err)
{
    mc_buf text;
    mc_code rc;

    mc_buf_init_arena(&text, ctx->arena, 0);
    mc_buf_char(&text, '{');
    write_members(data, &text);
    rc = write_sums(ctx, model, id, inc, &text, err);
    mc_buf_char(&text, '}');
    if (rc != MC_OK)
        return rc;
    if (mc_buf_failed(&text)) /* memory, or a sum that no column holds */
        return mc_fail(err, MC_INVALID, "inc makes a number that is too long");
    return mc_json_parse(ctx->arena, mc_buf_get(&text), NULL, out, err);
}

/* ---- returning ---- */

mc_code mc__guest_check_returning(const mc_model *model, const mc_json *returning, mc_err *err)
{
    mc_str name;

    if (returning->kind != MC_JSON_ARRAY || returning->as.array.count == 0 ||
        returning->as.array.count > RETURNING_MAX)
        return mc_fail(err, MC_INVALID, "returning must be an array of 1..%d columns",
                       RETURNING_MAX);
    for (size_t i = 0; i < returning->as.array.count; i++) {
        if (!mc_json_get_str(returning->as.array.items[i], &name))
            return mc_fail(err, MC_INVALID, "returning must be an array of names");
        if (!mc_str_eq(name, MC_STR("*")) && !mc_model_find_column(model, name))
            return mc_fail(err, MC_INVALID, "returning: no column \"%.*s\"", MC_FMT(name));
    }
    return MC_OK;
}

static bool is_returned(const mc_json *returning, mc_str key)
{
    for (size_t i = 0; i < returning->as.array.count; i++) {
        mc_str name = returning->as.array.items[i]->as.string; /* it was checked */

        if (mc_str_eq(name, key) || mc_str_eq(name, MC_STR("*")))
            return true;
    }
    return false;
}

mc_code mc__guest_write_returning(mc_ctx *ctx, mc_str row, const mc_json *returning, mc_buf *out,
                                  mc_err *err)
{
    const mc_json *json = NULL;
    mc_code rc = mc_json_parse(ctx->arena, row, NULL, &json, err);
    bool is_first = true;

    if (rc != MC_OK)
        return rc;
    mc_buf_char(out, '{');
    for (size_t i = 0; json->kind == MC_JSON_OBJECT && i < json->as.object.count; i++) {
        const mc_json_member *member = &json->as.object.members[i];

        if (!is_returned(returning, member->key))
            continue;
        mc_buf_str(out, is_first ? MC_STR("") : MC_STR(","));
        is_first = false;
        mc_json_write_str(out, member->key);
        mc_buf_char(out, ':');
        mc_json_write(out, member->value);
    }
    mc_buf_char(out, '}');
    return MC_OK;
}
