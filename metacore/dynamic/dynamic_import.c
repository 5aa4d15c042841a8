/* SPDX-License-Identifier: Apache-2.0 */
/* Files as rows: the request, and what became of each row. */
#include "metacore/base/utf8.h"
#include "metacore/dynamic/dynamic_import_internal.h"
#include "metacore/dynamic/dynamic_workbook_internal.h"

#define WORKBOOK_TYPE "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

/* ---- the request ---- */

static bool is_type(mc_str header, mc_str type)
{
    mc_str head = mc_str_trim(mc_str_slice(header, 0, mc_str_find_char(header, 0, ';')));

    return mc_str_eq_nocase(head, type);
}

static bool is_json_name(mc_str name)
{
    static const mc_str ending = MC_STR_INIT(".json");

    return name.len >= ending.len &&
           mc_str_eq_nocase(mc_str_slice(name, name.len - ending.len, name.len), ending);
}

static mc_code find_file(mc_http_req *req, const mc_http_body *body, mc_str *text, bool *is_json,
                         mc_err *err)
{
    mc_str type = mc_http_header(req, MC_STR("content-type"));
    mc_http_part part;
    mc_code rc;

    *text = body->text;
    *is_json = is_type(type, MC_STR("application/json"));
    if (*is_json || type.len == 0 || is_type(type, MC_STR("text/csv")) ||
        is_type(type, MC_STR("text/plain")) || is_type(type, MC_STR(WORKBOOK_TYPE)))
        return MC_OK;
    if (!is_type(type, MC_STR("multipart/form-data")))
        return mc_fail(
            err, MC_UNSUPPORTED,
            "import: want multipart/form-data, text/csv, application/json or a workbook");
    rc = mc_http_body_find_part(req, body, MC_STR("file"), &part, err);
    if (rc == MC_NOT_FOUND)
        return mc_fail(err, MC_INVALID, "expected `file` in multipart form: no such part");
    if (rc != MC_OK)
        return rc;
    *text = part.data;
    *is_json =
        is_json_name(part.filename) || is_type(part.content_type, MC_STR("application/json"));
    return MC_OK;
}

static mc_code read_mode(mc_http_req *req, bool is_validation, mc__import_mode *out, mc_err *err)
{
    mc_str mode, dry;
    mc_code rc = mc_http_query_parse(req, err);

    if (rc != MC_OK)
        return rc;
    mode = mc_http_query(req, MC_STR("mode"));
    dry = mc_http_query(req, MC_STR("dry_run"));
    if (mode.len && !mc_str_eq(mode, MC_STR("rows")) && !mc_str_eq(mode, MC_STR("all")))
        return mc_fail(err, MC_INVALID, "mode: want rows or all, not \"%.*s\"",
                       MC_FMT(mc_utf8_truncate(mode, 32)));
    if (dry.len && !mc_str_eq(dry, MC_STR("0")) && !mc_str_eq(dry, MC_STR("1")) &&
        !mc_str_eq(dry, MC_STR("true")) && !mc_str_eq(dry, MC_STR("false")))
        return mc_fail(err, MC_INVALID, "dry_run: want 1 or 0, not \"%.*s\"",
                       MC_FMT(mc_utf8_truncate(dry, 32)));
    *out = mc_str_eq(mode, MC_STR("all")) ? MC__IMPORT_ALL : MC__IMPORT_ROWS;
    if (is_validation || mc_str_eq(dry, MC_STR("1")) || mc_str_eq(dry, MC_STR("true")))
        *out = MC__IMPORT_DRY;
    return MC_OK;
}

static mc_code run_text(mc__import *in, const mc_http_body *body, mc_str text, mc__source_kind kind,
                        mc_err *err)
{
    mc_code rc = mc__source_open(&in->source, in->ctx, in->model, body, text, kind, &in->rows, err);

    if (rc == MC_OK && in->mode == MC__IMPORT_ALL && in->rows > MC_DYNAMIC_IMPORT_ALL_MAX)
        rc = mc_fail(err, MC_TOO_LARGE,
                     "mode: all takes up to %d rows, the file has %zu: use mode=rows",
                     MC_DYNAMIC_IMPORT_ALL_MAX, in->rows);
    return rc == MC_OK ? mc__import_run(in, err) : rc;
}

static mc_code run_workbook(mc__import *in, mc_str workbook, mc_err *err)
{
    mc_str folder = in->self->config.temp_dir;
    char *dir = mc_str_z(in->ctx->arena, folder.len ? folder : MC_STR("/tmp"));
    mc_http_body csv;
    mc_code rc =
        dir ? mc__workbook_to_csv(workbook, dir, &csv, err) : mc_fail(err, MC_NO_MEMORY, "import");

    if (rc != MC_OK)
        return rc;
    rc = run_text(in, &csv, csv.text, MC__SOURCE_WORKBOOK, err);
    mc_http_body_close(&csv);
    return rc;
}

static mc_code run_file(mc_http_req *req, mc__import *in, const mc_http_body *body, mc_err *err)
{
    mc_str text;
    bool is_json;
    mc_code rc = find_file(req, body, &text, &is_json, err);

    if (rc != MC_OK)
        return rc;
    if (mc__workbook_is(text))
        return run_workbook(in, text, err);
    return run_text(in, body, text, is_json ? MC__SOURCE_JSON : MC__SOURCE_CSV, err);
}

/* ---- the answer ---- */

static void write_refused(mc_buf *out, const mc__import *in)
{
    mc_str message =
        mc_str_printf(in->ctx->arena, "%zu of %zu rows were refused%s", in->failed, in->rows,
                      in->mode == MC__IMPORT_ALL ? ": none was imported" : "");

    mc__dynamic_say(in->self, in->ctx, &message);
    mc_buf_lit(out, ",\"message\":");
    mc_json_write_str(out, message);
}

static void write_imported(mc_buf *out, const mc__import *in)
{
    mc_buf_printf(out, "{\"data\":{\"created\":%zu,\"failed\":%zu,\"failures\":[", in->created,
                  in->failed);
    mc_buf_str(out, mc_buf_get(&in->failures));
    mc_buf_printf(out, "],\"rowCount\":%zu,\"skipped\":%zu}", in->rows, in->rows - in->created);
    if (in->failed)
        write_refused(out, in);
    mc_buf_printf(out, ",\"success\":%s}", in->failed ? "false" : "true");
}

/* The published dialog shows rowCount as the rows that are good, and skipped as example rows of the
 * template that it passed over: ours has none. */
static void write_validated(mc_buf *out, const mc__import *in)
{
    mc_buf_lit(out, "{\"data\":{\"errors\":[");
    mc_buf_str(out, mc_buf_get(&in->failures));
    mc_buf_printf(out, "],\"rowCount\":%zu,\"sample\":", in->rows - in->failed);
    mc_buf_str(out, in->rows ? MC_STR("[") : MC_STR("null"));
    mc_buf_str(out, mc_buf_get(&in->sample));
    if (in->rows)
        mc_buf_char(out, ']');
    mc_buf_printf(out,
                  ",\"skipped\":0,\"total\":%zu,\"valid\":%zu,"
                  "\"validatedAt\":{\"unix\":%lld}},\"success\":true}",
                  in->rows, in->rows - in->failed, (long long)(in->ctx->now / MC_TIME_US_PER_S));
}

static mc_code answer(mc_http_res *res, const mc__import *in, mc_err *err)
{
    bool is_dry = in->mode == MC__IMPORT_DRY;

    res->status = !is_dry && in->failed > 0 && in->created == 0 ? 422 : 200;
    mc_http_content_type(res, MC_STR("application/json; charset=utf-8"));
    if (is_dry)
        write_validated(&res->body, in);
    else
        write_imported(&res->body, in);
    return mc_buf_check(&res->body, "import", err);
}

static mc_code import_file(mc_http_req *req, mc_http_res *res, mc_dynamic *self, bool is_validation,
                           mc_err *err)
{
    mc__import in = {.self = self, .ctx = mc_http_ctx(req)};
    mc_http_body body = {.map = NULL};
    mc_code rc = mc_dynamic_open(self, in.ctx, mc_http_param(req, MC_STR("model")),
                                 MC_STR("create"), &in.model, err);

    if (rc == MC_OK)
        rc = read_mode(req, is_validation, &in.mode, err);
    if (rc == MC_OK)
        rc = mc_http_body_open(req, &body, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_init(&in.failures, 0);
    mc_buf_init(&in.sample, 0);
    rc = run_file(req, &in, &body, err);
    if (rc == MC_OK)
        rc = answer(res, &in, err);
    mc_buf_deinit(&in.failures);
    mc_buf_deinit(&in.sample);
    mc_http_body_close(&body);
    return rc;
}

/* POST /dynamic/:model/import */
mc_code mc__import_handler(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    return import_file(req, res, user, false, err);
}

/* POST /dynamic/:model/import/validate */
mc_code mc__import_validate(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    return import_file(req, res, user, true, err);
}
