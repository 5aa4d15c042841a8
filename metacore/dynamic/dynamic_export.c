/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as a file: which columns and rows, under which names, in which format. */
#include "metacore/dynamic/dynamic_export_internal.h"

#include "metacore/base/utf8.h"

typedef struct file_format {
    mc_str name;
    const char *ending;
    const char *type;
} file_format;

enum { FORMAT_CSV, FORMAT_JSON, FORMAT_XLSX };

static const file_format formats[] = {
    [FORMAT_CSV] = {MC_STR_INIT("csv"), ".csv", "text/csv; charset=utf-8"},
    /* The published client takes application/json for a control message. */
    [FORMAT_JSON] = {MC_STR_INIT("json"), ".json", "application/octet-stream"},
    [FORMAT_XLSX] = {MC_STR_INIT("xlsx"), ".xlsx",
                     "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
};

/* From the handler to the function that writes the body; in the request's arena. */
typedef struct job {
    mc__export export;
    const file_format *format;
    bool is_template;
} job;

/* ---- which columns ---- */

static bool is_exported(const mc_column *column)
{
    return !column->is_hidden && !mc_str_eq(column->name, MC_STR("organization_id"));
}

static void add(mc__export *e, mc_str key, const mc_column *column)
{
    e->keys[e->count] = key;
    e->headers[e->count] = key;
    e->columns[e->count++] = column && is_exported(column) ? column : NULL;
}

/* What the model declares, in its order, but for what is hidden. */
static void add_declared(mc__export *e)
{
    const mc_model *model = e->model;

    for (uint32_t position = 0; position < model->column_count; position++) {
        for (size_t i = 0; i < model->column_count; i++) {
            const mc_column *column = &model->columns[i];

            if (column->position == position && !column->is_system && is_exported(column))
                add(e, column->name, column);
        }
    }
}

/* columns=a,b in that order; else what is not hidden, as declared. Names that the model does not
 * have stay, as empty cells: the published client sends its table's, computed ones too. */
static mc_code select_columns(mc__export *e, mc_str wanted, mc_err *err)
{
    mc_arena *arena = e->ctx->arena;
    mc_str item;

    e->columns = mc_arena_array(arena, const mc_column *, MC_MODEL_COLUMNS_MAX);
    e->keys = mc_arena_array(arena, mc_str, MC_MODEL_COLUMNS_MAX);
    e->headers = mc_arena_array(arena, mc_str, MC_MODEL_COLUMNS_MAX);
    e->at = mc_arena_array(arena, size_t, MC_MODEL_COLUMNS_MAX);
    if (!e->columns || !e->keys || !e->headers || !e->at)
        return mc_fail(err, MC_NO_MEMORY, "export");
    while (mc_str_split(&wanted, ',', &item)) {
        item = mc_str_trim(item);
        if (item.len && e->count == MC_MODEL_COLUMNS_MAX)
            return mc_fail(err, MC_INVALID, "columns: more than %d", MC_MODEL_COLUMNS_MAX);
        if (item.len)
            add(e, item, mc_model_find_column(e->model, item));
    }
    if (e->count == 0)
        add_declared(e);
    return MC_OK;
}

/* id first, so that there is something to select whatever was asked for. */
static mc_code write_select(mc__export *e, mc_err *err)
{
    mc_buf out;
    mc_code rc;

    mc_buf_init_arena(&out, e->ctx->arena, 0);
    mc_buf_lit(&out, "\"id\"");
    e->select_count = 1;
    for (size_t i = 0; i < e->count; i++) {
        if (!e->columns[i])
            continue;
        mc_buf_lit(&out, ", ");
        mc_buf_sql_ident(&out, e->columns[i]->name);
        e->at[i] = e->select_count++;
    }
    rc = mc_buf_check(&out, "export", err);
    if (rc == MC_OK)
        e->select = mc_buf_get(&out);
    return rc;
}

/* column_labels={"key":"Header"} */
static mc_code read_labels(mc__export *e, mc_str text, mc_err *err)
{
    const mc_json *labels = NULL;

    if (text.len == 0)
        return MC_OK;
    if (mc_json_parse(e->ctx->arena, text, NULL, &labels, err) != MC_OK ||
        labels->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "column_labels: want a JSON object of texts");
    for (size_t i = 0; i < e->count; i++) {
        const mc_json *label = mc_json_find(labels, e->keys[i]);

        if (label && !mc_json_get_str(label, &e->headers[i]))
            return mc_fail(err, MC_INVALID, "column_labels: want a text for \"%.*s\"",
                           MC_FMT(mc_utf8_truncate(e->keys[i], 64)));
    }
    return MC_OK;
}

/* ---- the request ---- */

static mc_code read_format(mc_str name, const file_format **out, mc_err *err)
{
    for (size_t i = 0; i < MC_LEN(formats); i++) {
        if (mc_str_eq_nocase(name, formats[i].name)) {
            *out = &formats[i];
            return MC_OK;
        }
    }
    return mc_fail(err, MC_INVALID, "format: want csv, json or xlsx, not \"%.*s\"",
                   MC_FMT(mc_utf8_truncate(name, 32)));
}

static mc_code open_export(mc_http_req *req, mc_dynamic *self, job *j, mc_err *err)
{
    mc__export *e = &j->export;
    mc_str format;
    mc_code rc;

    e->self = self;
    e->ctx = mc_http_ctx(req);
    rc = mc_dynamic_open(self, e->ctx, mc_http_param(req, MC_STR("model")), MC_STR("read"),
                         &e->model, err);
    if (rc == MC_OK)
        rc = mc_http_query_parse(req, err);
    if (rc != MC_OK)
        return rc;
    format = mc_http_query(req, MC_STR("format"));
    rc = read_format(format.len ? format : MC_STR("csv"), &j->format, err);
    if (rc == MC_OK)
        rc = select_columns(e, mc_http_query(req, MC_STR("columns")), err);
    if (rc == MC_OK)
        rc = read_labels(e, mc_http_query(req, MC_STR("column_labels")), err);
    return rc == MC_OK ? write_select(e, err) : rc;
}

/* An export has no pages: what a list would take for one is not looked at. */
static mc_code read_list(mc_http_req *req, mc__export *e, mc_err *err)
{
    static const mc_str paging[] = {MC_STR_INIT("page"), MC_STR_INIT("per_page"),
                                    MC_STR_INIT("cursor")};
    mc_header *pairs = mc_arena_array(e->ctx->arena, mc_header, req->query_count);
    size_t count = 0;

    if (!pairs)
        return mc_fail(err, MC_NO_MEMORY, "export");
    for (size_t i = 0; i < req->query_count; i++) {
        bool is_paging = false;

        for (size_t k = 0; k < MC_LEN(paging); k++)
            is_paging |= mc_str_eq(req->query_pairs[i].name, paging[k]);
        if (!is_paging)
            pairs[count++] = req->query_pairs[i];
    }
    return mc_query_parse(e->ctx, e->model, e->self->dialect, pairs, count, &e->query, err);
}

/* ---- the answer ---- */

static mc_code write_file(mc_http_req *req, mc_sink out, void *user, mc_err *err)
{
    const job *j = user;

    (void)req;
    switch (j->format - formats) {
    case FORMAT_JSON:
        return mc__export_json(&j->export, out, err);
    case FORMAT_XLSX:
        return mc__export_xlsx(&j->export, !j->is_template, out, err);
    default:
        return mc__export_csv(&j->export, !j->is_template, out, err);
    }
}

/* The file's name comes from the model's checked key, never from the path. */
static void answer_file(mc_http_req *req, mc_http_res *res, job *j)
{
    res->status = 200;
    mc_http_content_type(res, mc_z(j->format->type));
    mc_http_res_header(res, MC_STR("Content-Disposition"),
                       mc_str_printf(mc_http_ctx(req)->arena, "attachment; filename=\"%.*s%s%s\"",
                                     MC_FMT(j->export.model->key),
                                     j->is_template ? "-template" : "", j->format->ending));
    mc_http_res_stream(res, write_file, j);
}

/* GET /dynamic/:model/export */
mc_code mc__export_handler(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    job *j = mc_arena_object(mc_http_ctx(req)->arena, job);
    mc_code rc = j ? open_export(req, user, j, err) : mc_fail(err, MC_NO_MEMORY, "export");

    if (rc == MC_OK)
        rc = read_list(req, &j->export, err);
    if (rc == MC_OK)
        answer_file(req, res, j);
    return rc;
}

/* GET /dynamic/:model/export/template */
mc_code mc__export_template(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    job *j = mc_arena_object(mc_http_ctx(req)->arena, job);
    mc_code rc;

    if (!j)
        return mc_fail(err, MC_NO_MEMORY, "export");
    j->is_template = true;
    rc = open_export(req, user, j, err);
    if (rc == MC_OK && j->format == &formats[FORMAT_JSON])
        rc = mc_fail(err, MC_INVALID, "format: a template is csv or xlsx");
    if (rc != MC_OK)
        return rc;
    answer_file(req, res, j);
    return MC_OK;
}
