/* SPDX-License-Identifier: Apache-2.0 */
/* Files as rows: CSV or JSON, each row through the one write path, all rows in one transaction. */
#include "metacore/base/utf8.h"
#include "metacore/dynamic/dynamic_internal.h"

#define SAMPLE_ROWS 5

typedef struct row_error {
    size_t row; /* from 1, the header not counted */
    const mc_json *input;
    mc_str field;
    mc_str message;
} row_error;

typedef struct import {
    mc_dynamic *self;
    mc_ctx *ctx;
    const mc_model *model;
    const mc_json **rows;
    size_t count;
    mc_dynamic_write **writes; /* NULL: the row was refused */
    row_error *errors;
    size_t error_count;
    size_t created;
} import;

/* ---- reading the file ---- */

static mc_code add_row(import *in, const mc_json *row, mc_err *err)
{
    if (in->count == MC_DYNAMIC_IMPORT_ROWS_MAX)
        return mc_fail(err, MC_TOO_LARGE, "import: more than %d rows", MC_DYNAMIC_IMPORT_ROWS_MAX);
    in->rows[in->count++] = row;
    return MC_OK;
}

static mc_code read_json(import *in, mc_str text, mc_err *err)
{
    const mc_json *root, *list;
    mc_code rc = mc_json_parse(in->ctx->arena, text, NULL, &root, err);

    if (rc != MC_OK)
        return rc;
    list = root->kind == MC_JSON_ARRAY ? root : mc_json_find(root, MC_STR("data"));
    if (!list || list->kind != MC_JSON_ARRAY)
        return mc_fail(err, MC_INVALID, "import: want an array of objects, or {\"data\":[…]}");
    for (size_t i = 0; i < list->as.array.count && rc == MC_OK; i++)
        rc = add_row(in, list->as.array.items[i], err);
    return rc;
}

/* A cell as the JSON that a form would send for its column; text that fits nothing stays text,
 * so that the type error names it. */
static const mc_json *cell_value(mc_arena *arena, const mc_column *column, mc_str cell)
{
    mc_json *value = mc_arena_object(arena, mc_json);
    mc_db_value typed;

    if (!value)
        return NULL;
    *value = (mc_json){.kind = MC_JSON_STRING};
    value->as.string = cell;
    if (!column || cell.len == 0)
        return value;
    switch (column->type) {
    case MC_COL_BOOL:
        if (mc_query_value(arena, column, cell, &typed)) {
            value->kind = MC_JSON_BOOL;
            value->as.boolean = typed.as.boolean;
        }
        break;
    case MC_COL_INT:
    case MC_COL_BIGINT:
        if (mc_query_value(arena, column, cell, &typed)) {
            value->kind = MC_JSON_NUMBER;
            value->as.number = cell;
        }
        break;
    case MC_COL_JSON: {
        const mc_json *parsed;

        if (mc_json_parse(arena, cell, NULL, &parsed, NULL) == MC_OK)
            return parsed;
        break;
    }
    default:
        break;
    }
    return value;
}

static mc_code csv_row(import *in, const mc_str *keys, size_t key_count, const mc_str *cells,
                       size_t cell_count, mc_err *err)
{
    mc_json *row = mc_arena_object(in->ctx->arena, mc_json);
    mc_json_member *members = mc_arena_array(in->ctx->arena, mc_json_member, key_count);
    size_t count = 0;

    if (!row || !members)
        return mc_fail(err, MC_NO_MEMORY, "import");
    for (size_t i = 0; i < key_count && i < cell_count; i++) {
        const mc_json *value =
            cell_value(in->ctx->arena, mc_model_find_column(in->model, keys[i]), cells[i]);

        if (!value)
            return mc_fail(err, MC_NO_MEMORY, "import");
        members[count++] = (mc_json_member){keys[i], value};
    }
    row->kind = MC_JSON_OBJECT;
    row->as.object.members = members;
    row->as.object.count = count;
    return add_row(in, row, err);
}

static mc_code read_csv(import *in, mc_str text, mc_err *err)
{
    mc_str *keys = mc_arena_array(in->ctx->arena, mc_str, MC_MODEL_COLUMNS_MAX);
    mc_str *cells = mc_arena_array(in->ctx->arena, mc_str, MC_MODEL_COLUMNS_MAX);
    size_t key_count = 0, cell_count;
    mc__csv csv;
    mc_code rc;

    if (!keys || !cells)
        return mc_fail(err, MC_NO_MEMORY, "import");
    if (!mc_utf8_is_valid(text))
        return mc_fail(err, MC_INVALID, "csv decode: the file is not UTF-8");
    mc__csv_init(&csv, text);
    if (!mc__csv_next(&csv, in->ctx->arena, keys, MC_MODEL_COLUMNS_MAX, &key_count, err, &rc))
        return rc;
    for (size_t i = 0; i < key_count; i++)
        keys[i] = mc_str_trim(keys[i]);
    while (mc__csv_next(&csv, in->ctx->arena, cells, MC_MODEL_COLUMNS_MAX, &cell_count, err, &rc)) {
        rc = csv_row(in, keys, key_count, cells, cell_count, err);
        if (rc != MC_OK)
            return rc;
    }
    return rc;
}

static mc_code read_file(mc_http_req *req, import *in, mc_err *err)
{
    mc_str type = mc_http_header(req, MC_STR("content-type"));
    mc_http_part part;
    mc_code rc;

    if (mc_str_starts_with(type, MC_STR("multipart/form-data"))) {
        rc = mc_http_body_part(req, MC_STR("file"), &part, err);
        if (rc == MC_NOT_FOUND)
            return mc_fail(err, MC_INVALID, "expected `file` in multipart form: no such part");
        if (rc != MC_OK)
            return rc;
        return mc_str_ends_with(part.filename, MC_STR(".json")) ? read_json(in, part.data, err)
                                                                : read_csv(in, part.data, err);
    }
    if (mc_str_starts_with(type, MC_STR("application/json")))
        return read_json(in, req->message->body, err);
    if (type.len == 0 || mc_str_starts_with(type, MC_STR("text/csv")) ||
        mc_str_starts_with(type, MC_STR("text/plain")))
        return read_csv(in, req->message->body, err);
    return mc_fail(err, MC_UNSUPPORTED,
                   "import: want multipart/form-data, text/csv or "
                   "application/json");
}

static mc_code open_import(mc_http_req *req, mc_dynamic *self, import *in, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_code rc;

    *in = (import){.self = self, .ctx = ctx};
    rc = mc_dynamic_open(self, ctx, mc_http_param(req, MC_STR("model")), MC_STR("create"),
                         &in->model, err);
    if (rc != MC_OK)
        return rc;
    in->rows = mc_arena_array(ctx->arena, const mc_json *, MC_DYNAMIC_IMPORT_ROWS_MAX);
    in->writes = mc_arena_array(ctx->arena, mc_dynamic_write *, MC_DYNAMIC_IMPORT_ROWS_MAX);
    in->errors = mc_arena_array(ctx->arena, row_error, MC_DYNAMIC_IMPORT_ROWS_MAX);
    if (!in->rows || !in->writes || !in->errors)
        return mc_fail(err, MC_NO_MEMORY, "import");
    return read_file(req, in, err);
}

/* ---- checking ---- */

static void note(import *in, size_t row, const mc_err *err)
{
    row_error *slot = &in->errors[in->error_count++]; /* at most one per row */

    *slot = (row_error){.row = row + 1, .input = in->rows[row]};
    if (in->ctx->field_error_count > 0) {
        slot->field = in->ctx->field_errors[0].field;
        slot->message = in->ctx->field_errors[0].message;
    } else {
        slot->message = mc_str_copy(in->ctx->arena, mc_z(err->msg));
    }
    in->ctx->field_error_count = 0; /* these were the row's, not the request's */
}

static mc_code prepare_rows(import *in, mc_err *err)
{
    for (size_t i = 0; i < in->count; i++) {
        mc_err why;
        mc_code rc;

        if (in->rows[i]->kind != MC_JSON_OBJECT)
            rc = mc_fail(&why, MC_INVALID, "a row is no object");
        else
            rc = mc_dynamic_prepare(in->self, in->ctx, in->model, in->rows[i], true, &in->writes[i],
                                    &why);
        if (rc == MC_NO_MEMORY)
            return mc_fail(err, rc, "import");
        if (rc != MC_OK)
            note(in, i, &why);
    }
    return MC_OK;
}

/* ---- writing ---- */

static mc_code create_rows(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    import *in = user;
    mc_time version;
    mc_buf row;
    mc_code rc = MC_OK;

    mc_buf_init(&row, 0);
    for (size_t i = 0; i < in->count && rc == MC_OK; i++) {
        mc_err why;

        if (!in->writes[i])
            continue;
        rc = mc_db_begin(conn, err); /* a refused row takes back nothing but itself */
        if (rc != MC_OK)
            break;
        mc_buf_clear(&row);
        rc = mc_dynamic_create(in->self, ctx, in->writes[i], &row, &version, &why);
        if (rc == MC_OK) {
            rc = mc_db_commit(conn, err);
            in->created++;
            continue;
        }
        mc_db_rollback(conn);
        if (rc == MC_IO || rc == MC_NO_MEMORY || rc == MC_INTERNAL || rc == MC_UNAVAILABLE) {
            *err = why; /* not the row's fault: nothing of the file is kept */
            break;
        }
        note(in, i, &why);
        rc = MC_OK;
    }
    mc_buf_deinit(&row);
    return rc;
}

/* ---- answering ---- */

static void write_failure(mc_buf *out, const row_error *error, bool with_input)
{
    mc_buf_lit(out, "{\"error\":");
    mc_json_write_str(out, error->message);
    if (error->field.len) {
        mc_buf_lit(out, ",\"field\":");
        mc_json_write_str(out, error->field);
    }
    if (with_input) {
        mc_buf_lit(out, ",\"input\":");
        mc_json_write(out, error->input);
    }
    mc_buf_lit(out, ",\"message\":");
    mc_json_write_str(out, error->message);
    mc_buf_lit(out, ",\"row\":");
    mc_buf_u64(out, error->row);
    mc_buf_char(out, '}');
}

static void write_failures(mc_buf *out, const import *in, bool with_input)
{
    mc_buf_char(out, '[');
    for (size_t i = 0; i < in->error_count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        write_failure(out, &in->errors[i], with_input);
    }
    mc_buf_char(out, ']');
}

static mc_code finish(mc_http_res *res, mc_err *err)
{
    mc_http_content_type(res, MC_STR("application/json; charset=utf-8"));
    return mc_buf_check(&res->body, "import", err);
}

/* POST /dynamic/:model/import */
mc_code mc__import(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_dynamic *self = user;
import in;
    mc_code rc = open_import(req, self, &in, err);

    if (rc == MC_OK)
        rc = prepare_rows(&in, err);
    if (rc == MC_OK && in.error_count < in.count)
        rc = mc_db_write(self->config.db, mc_http_ctx(req), create_rows, &in, err);
    if (rc != MC_OK)
        return rc;
    res->status = in.error_count > 0 && in.created == 0 ? 422 : 200;
    mc_buf_printf(&res->body, "{\"data\":{\"created\":%zu,\"failed\":%zu,\"failures\":", in.created,
                  in.error_count);
    write_failures(&res->body, &in, true);
    mc_buf_printf(&res->body, ",\"skipped\":%zu}", in.error_count);
    if (in.error_count)
        mc_buf_printf(&res->body, ",\"message\":\"%zu of %zu rows were refused\"", in.error_count,
                      in.count);
    mc_buf_printf(&res->body, ",\"success\":%s}", in.error_count ? "false" : "true");
    return finish(res, err);
}

/* POST /dynamic/:model/import/validate */
mc_code mc__import_validate(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
import in;
    mc_buf *out;
    mc_code rc = open_import(req, user, &in, err);

    if (rc == MC_OK)
        rc = prepare_rows(&in, err);
    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    mc_buf_lit(out, "{\"errors\":");
    write_failures(out, &in, false);
    mc_buf_printf(out, ",\"rowCount\":%zu,\"sample\":", in.count);
    mc_buf_str(out, in.count ? MC_STR("[") : MC_STR("null"));
    for (size_t i = 0; i < in.count && i < SAMPLE_ROWS; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        mc_json_write(out, in.rows[i]);
    }
    if (in.count)
        mc_buf_char(out, ']');
    mc_buf_printf(out, ",\"skipped\":%zu,\"valid\":%zu,\"validatedAt\":{\"unix\":%lld}}",
                  in.error_count, in.count - in.error_count,
                  (long long)(mc_http_ctx(req)->now / MC_TIME_US_PER_S));
    return mc_http_ok_end(res, MC_STR(""), err);
}
