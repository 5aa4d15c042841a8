/* SPDX-License-Identifier: Apache-2.0 */
/* What a page asks about who is signed in, beside /auth/me. */
#include "metacore/host/app_internal.h"

/* The list of capabilities as it is written: what is granted, then what each model adds. */
typedef struct listing {
    mc_app *app;
    mc_ctx *ctx;
    mc_buf *out;
    mc_strs granted;
    const mc_model *model;
} listing;

static bool is_granted(const listing *l, mc_str capability)
{
    for (size_t i = 0; i < l->granted.count; i++) {
        if (mc_str_eq(l->granted.items[i], capability))
            return true;
    }
    return false;
}

static void write_one(mc_buf *out, mc_str capability, bool is_first)
{
    if (!is_first)
        mc_buf_char(out, ',');
    mc_json_write_str(out, capability);
}

static bool may(const listing *l, const char *action)
{
    return mc_permission_check_action(l->app->permission, l->ctx, l->model->key, mc_z(action),
                                      NULL) == MC_OK;
}

/* A page knows "*" and exact names only; wildcards and verbs that open others are spelled out. */
static void add(listing *l, mc_str action, bool is_allowed)
{
    mc_str capability;

    if (!is_allowed)
        return;
    capability = mc_capability(l->ctx->arena, l->model->key, action);
    if (capability.len && !is_granted(l, capability))
        write_one(l->out, capability, false);
}

static void add_actions(listing *l, const mc_json *actions, bool may_update)
{
    mc_str key;

    for (size_t i = 0; actions && actions->kind == MC_JSON_ARRAY && i < actions->as.array.count;
         i++)
        if (mc_json_get_str(mc_json_find(actions->as.array.items[i], MC_STR("key")), &key))
            add(l, key, may_update);
}

/* As mc_dynamic checks them: who reads may export, who creates may import, who updates may act. */
static void add_model(listing *l)
{
    bool may_read = may(l, "read"), may_create = may(l, "create"), may_update = may(l, "update");

    add(l, MC_STR("index"), may_read);
    add(l, MC_STR("read"), may_read);
    add(l, MC_STR("export"), may_read);
    add(l, MC_STR("create"), may_create);
    add(l, MC_STR("import"), may_create);
    add(l, MC_STR("update"), may_update);
    add(l, MC_STR("delete"), may(l, "delete"));
    add_actions(l, l->model->actions, may_update);
    add_actions(l, mc_json_find(l->model->table_meta, MC_STR("actions")), may_update);
}

static mc_code write_list(listing *l, mc_err *err)
{
    const mc_model *const *models;
    size_t count;
    mc_code rc = mc_models_list(l->app->models, l->ctx->arena, &models, &count, err);

    mc_buf_char(l->out, '[');
    for (size_t i = 0; rc == MC_OK && i < l->granted.count; i++)
        write_one(l->out, l->granted.items[i], i == 0);
    /* Nothing granted: no model adds anything. "*" covers them all. */
    for (size_t i = 0; rc == MC_OK && l->granted.count && i < count; i++) {
        bool is_visible = false;

        l->model = models[i];
        rc = mc__host_is_visible(l->app->host, l->ctx, l->model, &is_visible, err);
        if (rc == MC_OK && is_visible && !is_granted(l, MC_STR("*")))
            add_model(l);
    }
    mc_buf_char(l->out, ']');
    return rc;
}

/* GET /permissions/me: {"permissions":[…],"role","is_admin"}, for a page that hides what is
 * refused. */
static mc_code permissions(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_app *app = user;
    mc_ctx *ctx = mc_http_ctx(req);
    listing l = {.app = app, .ctx = ctx};
    mc_code rc = mc_permission_list(app->permission, ctx, &l.granted, err);

    if (rc != MC_OK)
        return rc;
    l.out = mc_http_ok_begin(res, 200);
    mc_buf_lit(l.out, "{\"permissions\":");
    rc = write_list(&l, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_lit(l.out, ",\"role\":");
    mc_json_write_str(l.out, ctx->who.role);
    mc_buf_lit(l.out, ",\"is_admin\":");
    mc_buf_str(l.out, mc_permission_is_super_role(app->permission, ctx->who.role)
                          ? MC_STR("true")
                          : MC_STR("false"));
    mc_buf_char(l.out, '}');
    mc_http_res_header(res, MC_STR("Cache-Control"), MC_STR("no-store"));
    return mc_http_ok_end(res, MC_STR(""), err);
}

mc_code mc__app_mount_session(mc_app *app, mc_err *err)
{
    const mc_http_route routes[] = {
        {.method = "GET",
         .pattern = "/permissions/me",
         .run = MC_HTTP_READ,
         .handle = permissions,
         .user = app},
    };

    return mc_http_router_add_all(app->router, MC_STR("/api"), routes, MC_LEN(routes), err);
}
