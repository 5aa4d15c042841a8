/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as a file: CSV, or JSON for programs. */
#include "metacore/dynamic/dynamic_internal.h"

typedef struct selection {
    const mc_column **columns; /* NULL: a name that the model does not have, or hides */
    mc_str *keys;
    size_t count;
} selection;

static bool is_exported(const mc_column *column)
{
    return !column->is_hidden && !mc_str_eq(column->name, MC_STR("organization_id"));
}

static void add(selection *s, mc_str key, const mc_column *column)
{
    s->keys[s->count] = key;
    s->columns[s->count++] = column && is_exported(column) ? column : NULL;
}

/* What the model declares, in its order, but for what is hidden. */
static void add_declared(selection *out, const mc_model *model)
{
    for (uint32_t position = 0; position < model->column_count; position++) {
        for (size_t i = 0; i < model->column_count; i++) {
            const mc_column *column = &model->columns[i];

            if (column->position == position && !column->is_system && is_exported(column))
                add(out, column->name, column);
        }
    }
}

/* columns=a,b in that order; else what is not hidden, as declared. */
static mc_code select_columns(mc_ctx *ctx, const mc_model *model, mc_str wanted, selection *out,
                              mc_err *err)
{
    mc_str item;

    out->count = 0;
    out->columns = mc_arena_array(ctx->arena, const mc_column *, MC_MODEL_COLUMNS_MAX);
    out->keys = mc_arena_array(ctx->arena, mc_str, MC_MODEL_COLUMNS_MAX);
    if (!out->columns || !out->keys)
        return mc_fail(err, MC_NO_MEMORY, "export");
    while (mc_str_split(&wanted, ',', &item)) {
        item = mc_str_trim(item);
        if (item.len && out->count == MC_MODEL_COLUMNS_MAX)
            return mc_fail(err, MC_INVALID, "columns: too many");
        if (item.len)
            add(out, item, mc_model_find_column(model, item));
    }
    if (out->count == 0)
        add_declared(out, model);
    return MC_OK;
}

/* ---- cells ---- */

/* A spreadsheet would run text that begins like a formula; an apostrophe keeps it text. */
static mc_str neutral(mc_ctx *ctx, const mc_column *column, mc_str cell)
{
    bool is_text =
        column->type == MC_COL_STRING || column->type == MC_COL_TEXT || column->type == MC_COL_JSON;

    if (!is_text || cell.len == 0 || !strchr("=+-@\t\r", cell.ptr[0]))
        return cell;
    return mc_str_printf(ctx->arena, "'%.*s", MC_FMT(cell));
}

static mc_str header_of(const selection *s, size_t i, const mc_json *labels)
{
    mc_str label;

    return mc_json_get_str(mc_json_find(labels, s->keys[i]), &label) ? label : s->keys[i];
}

static void write_csv_header(mc_buf *out, const selection *s, const mc_json *labels)
{
    for (size_t i = 0; i < s->count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        mc__csv_write(out, header_of(s, i, labels));
    }
    mc_buf_char(out, '\n');
}

static void write_csv_row(mc_buf *out, mc_ctx *ctx, const selection *s,
                          const mc__row_layout *layout, mc_db_rows *rows)
{
    for (size_t i = 0; i < s->count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        if (s->columns[i])
            mc__csv_write(out,
                          neutral(ctx, s->columns[i], mc__row_cell(layout, rows, s->columns[i])));
    }
    mc_buf_char(out, '\n');
}

/* ---- the file ---- */

static mc_code write_rows(mc_dynamic *self, mc_ctx *ctx, mc_query *query, const selection *s,
                          bool is_json, mc_buf *out, bool *out_truncated, mc_err *err)
{
    mc_db_value *args = (mc_db_value *)query->args; /* room for two more, by the plan's promise */
    mc__row_layout *layout;
    size_t count = 0;
    mc_db_rows rows;
    mc_buf sql;
    mc_code rc = mc__row_layout_new(self, ctx, query->model, &layout, err);

    if (rc != MC_OK)
        return rc;
    args[query->arg_count] = mc_db_int(MC_DYNAMIC_EXPORT_ROWS_MAX + 1);
    args[query->arg_count + 1] = mc_db_int(0);
    mc_buf_init_arena(&sql, ctx->arena, 0);
    mc_query_write_select(query, mc__row_layout_columns(layout), &sql);
    rc = mc_buf_check(&sql, "export", err);
    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, mc_buf_get(&sql), args, query->arg_count + 2, &rows, err);
    if (rc != MC_OK)
        return rc;
    while (count < MC_DYNAMIC_EXPORT_ROWS_MAX && mc_db_rows_next(&rows)) {
        if (is_json && count > 0)
            mc_buf_char(out, ',');
        if (is_json)
            mc__row_write(layout, &rows, out);
        else
            write_csv_row(out, ctx, s, layout, &rows);
        count++;
    }
    *out_truncated = count == MC_DYNAMIC_EXPORT_ROWS_MAX && mc_db_rows_next(&rows);
    return mc_db_rows_finish(&rows, err);
}

static mc_code open_export(mc_http_req *req, mc_dynamic *self, const mc_model **model, selection *s,
                           const mc_json **labels, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_str text;
    mc_code rc =
        mc_dynamic_open(self, ctx, mc_http_param(req, MC_STR("model")), MC_STR("read"), model, err);

    if (rc == MC_OK)
        rc = mc_http_query_parse(req, err);
    if (rc == MC_OK)
        rc = select_columns(ctx, *model, mc_http_query(req, MC_STR("columns")), s, err);
    if (rc != MC_OK)
        return rc;
    text = mc_http_query(req, MC_STR("column_labels"));
    *labels = NULL;
    if (text.len && mc_json_parse(ctx->arena, text, NULL, labels, err) != MC_OK)
        return mc_fail(err, MC_INVALID, "column_labels: want a JSON object");
    return MC_OK;
}

/* The file's name comes from the model's checked key, never from the path. */
static void name_file(mc_http_req *req, mc_http_res *res, const mc_model *model, const char *ending)
{
    mc_http_res_header(res, MC_STR("Content-Disposition"),
                       mc_str_printf(mc_http_ctx(req)->arena, "attachment; filename=\"%.*s%s\"",
                                     MC_FMT(model->key), ending));
}

/* GET /dynamic/:model/export */
mc_code mc__export(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const mc_model *model;
    const mc_json *labels;
    bool is_json, is_truncated = false;
    selection s;
    mc_query query;
    mc_code rc = open_export(req, user, &model, &s, &labels, err);

    if (rc == MC_OK)
        rc = mc_query_parse(ctx, model, ((mc_dynamic *)user)->dialect, req->query_pairs,
                            req->query_count, &query, err);
    if (rc != MC_OK)
        return rc;
    is_json = mc_str_eq_nocase(mc_http_query(req, MC_STR("format")), MC_STR("json"));
    res->status = 200;
    if (is_json)
        mc_buf_char(&res->body, '[');
    else
        write_csv_header(&res->body, &s, labels);
    rc = write_rows(user, ctx, &query, &s, is_json, &res->body, &is_truncated, err);
    if (rc != MC_OK)
        return rc;
    if (is_json)
        mc_buf_char(&res->body, ']');
    /* The published client takes application/json for a control message. */
    mc_http_content_type(res, is_json ? MC_STR("application/octet-stream")
                                      : MC_STR("text/csv; charset=utf-8"));
    name_file(req, res, model, is_json ? ".json" : ".csv");
    if (is_truncated)
        mc_http_res_header(res, MC_STR("X-Truncated"), MC_STR("true"));
    return mc_buf_check(&res->body, "export", err);
}

/* GET /dynamic/:model/export/template */
mc_code mc__export_template(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_model *model;
    const mc_json *labels;
    selection s;
    mc_code rc = open_export(req, user, &model, &s, &labels, err);

    if (rc != MC_OK)
        return rc;
    res->status = 200;
    write_csv_header(&res->body, &s, labels);
    mc_http_content_type(res, MC_STR("text/csv; charset=utf-8"));
    name_file(req, res, model, "-template.csv");
    return mc_buf_check(&res->body, "export", err);
}
