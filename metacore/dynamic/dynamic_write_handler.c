/* SPDX-License-Identifier: Apache-2.0 */
/* One row over HTTP, written: prepared on the loop, run on the writer. */
#include "metacore/dynamic/dynamic_internal.h"

mc_code mc__check_somebody(mc_http_req *req, mc_err *err)
{
    return mc_ctx_is_anonymous(mc_http_ctx(req))
               ? mc_fail(err, MC_UNAUTHENTICATED, "not authenticated")
               : MC_OK;
}

typedef struct pending {
    const mc_model *model;
    mc_uuid id;
    mc_dynamic_write *write;
} pending;

static mc_code prepare_write(mc_http_req *req, mc_dynamic *self, mc_str action, bool has_id,
                             bool has_body, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    pending *p = mc_arena_object(ctx->arena, pending);
    const mc_json *input = NULL;
    mc_code rc = p ? mc__check_somebody(req, err) : mc_fail(err, MC_NO_MEMORY, "write");

    if (rc == MC_OK && has_id)
        rc = mc_http_param_uuid(req, MC_STR("id"), &p->id, err);
    if (rc == MC_OK && has_body)
        rc = mc_http_body_object(req, "invalid body", &input, err);
    if (rc == MC_OK)
        rc =
            mc_dynamic_open(self, ctx, mc_http_param(req, MC_STR("model")), action, &p->model, err);
    if (rc == MC_OK && has_body)
        rc = mc_dynamic_prepare(self, ctx, p->model, input, !has_id, &p->write, err);
    req->state = p;
    return rc;
}

mc_code mc__finish_row(mc_http_req *req, mc_http_res *res, size_t start, mc_time version,
                       mc_err *err)
{
    mc_str row = mc_str_slice(mc_buf_get(&res->body), start, res->body.len);

    mc_http_res_header(res, MC_STR("ETag"), mc__etag(mc_http_ctx(req)->arena, version, row));
    return mc_http_ok_end(res, MC_STR(""), err);
}

static mc_code prepare_create(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    (void)res;
    return prepare_write(req, user, MC_STR("create"), false, true, err);
}

/* POST /dynamic/:model: preconditions hold, for the row's id is one that never was */
static mc_code create(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    pending *p = req->state;
    mc_buf *out = mc_http_ok_begin(res, 201);
    size_t start = out->len;
    mc_time version = 0;
    mc_code rc = mc_dynamic_create(user, mc_http_ctx(req), p->write, out, &version, err);

    return rc == MC_OK ? mc__finish_row(req, res, start, version, err) : rc;
}

static mc_code prepare_update(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    (void)res;
    return prepare_write(req, user, MC_STR("update"), true, true, err);
}

/* PUT /dynamic/:model/:id, and PATCH: both change what is given and nothing else */
static mc_code update(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    pending *p = req->state;
    mc_buf *out = mc_http_ok_begin(res, 200);
    size_t start = out->len;
    mc_time version = 0;
    mc_code rc = mc_dynamic_update(user, mc_http_ctx(req), p->write, p->id, mc__check_version, req,
                                   out, &version, err);

    return rc == MC_OK ? mc__finish_row(req, res, start, version, err) : rc;
}

/* PATCH is a merge patch, RFC 7396, under its own type and as plain JSON: inside of JSON columns,
 * too, where PUT replaces. A JSON Patch (RFC 6902) is another language. */
static mc_code prepare_patch(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_str json_patch = MC_STR("application/json-patch+json");
    mc_str type = mc_http_header(req, MC_STR("content-type"));
    mc_code rc;

    (void)res;
    if (mc_str_eq_nocase(mc_str_slice(type, 0, json_patch.len), json_patch))
        return mc_fail(err, MC_UNSUPPORTED,
                       "unsupported media type: send application/merge-patch+json");
    rc = prepare_write(req, user, MC_STR("update"), true, true, err);
    if (rc == MC_OK)
        ((pending *)req->state)->write->is_merge = true;
    return rc;
}

static mc_code prepare_delete(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    (void)res;
    return prepare_write(req, user, MC_STR("delete"), true, false, err);
}

/* DELETE /dynamic/:model/:id */
static mc_code delete (mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    pending *p = req->state;
    mc_code rc =
        mc_dynamic_delete(user, mc_http_ctx(req), p->model, p->id, mc__check_version, req, err);

    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR(""), err) : rc;
}

/* Who brings a row back changes it, and undoes what takes the right to delete. */
static mc_code prepare_restore(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_code rc = prepare_write(req, user, MC_STR("update"), true, false, err);

    (void)res;
    return rc == MC_OK ? prepare_write(req, user, MC_STR("delete"), true, false, err) : rc;
}

/* POST /dynamic/:model/:id/restore */
static mc_code restore(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    pending *p = req->state;
    mc_buf *out = mc_http_ok_begin(res, 200);
    size_t start = out->len;
    mc_time version = 0;
    mc_code rc = mc_dynamic_restore(user, mc_http_ctx(req), p->model, p->id, out, &version, err);

    return rc == MC_OK ? mc__finish_row(req, res, start, version, err) : rc;
}

#define WRITE(verb, path, before, then)                                                            \
    {                                                                                              \
        .method = verb, .pattern = path, .run = MC_HTTP_WRITE, .prepare = before, .handle = then   \
    }

#define FAMILY(base)                                                                               \
    WRITE("POST", base, prepare_create, create),                                                   \
        WRITE("PUT", base "/:id", prepare_update, update),                                         \
        WRITE("PATCH", base "/:id", prepare_patch, update),                                        \
        WRITE("DELETE", base "/:id", prepare_delete, delete),                                      \
        WRITE("POST", base "/:id/restore", prepare_restore, restore)

static const mc_http_route table[] = {
    FAMILY("/dynamic/:model"),
    FAMILY("/data/:model"),
    FAMILY("/data/:model/me"),
};

const mc_http_route *mc__write_routes(size_t *out_count)
{
    *out_count = MC_LEN(table);
    return table;
}
