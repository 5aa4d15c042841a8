/* SPDX-License-Identifier: Apache-2.0 */
/* /api/kernel/addons: installed addons as the published marketplace client asks for them: with
 * their names and icons, what was agreed to, and upgrades that hold what is agreed to against it.
 */
#include "metacore/host/host_internal.h"

#include "metacore/manifest/manifest.h"

#define BODY_BYTES_MAX ((size_t)256 << 10)

/* ---- what one has ---- */

static void write_text(mc_buf *out, const char *name, mc_str text)
{
    if (text.len == 0)
        return;
    mc_buf_printf(out, ",\"%s\":", name);
    mc_json_write_str(out, text);
}

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find_nocase(object, mc_z(key)), &text); /* else empty */
    return text;
}

/* An installation with what its manifest says of it. "status" is the client's word: what is
 * installed; whether it is enabled stands beside. */
static void write_addon(mc_buf *out, const mc_installation *row, const mc_manifest *m)
{
    static const char *const texts[] = {"description", "icon_type", "icon_slug", "icon_color"};
    const mc_json *capabilities = mc_json_find_nocase(m->root, MC_STR("capabilities"));

    mc_buf_lit(out, "{\"addon_key\":");
    mc_json_write_str(out, row->addon_key);
    mc_buf_lit(out, ",\"id\":\"");
    mc_uuid_write(out, row->id);
    mc_buf_lit(out, "\",\"organization_id\":\"");
    mc_uuid_write(out, row->organization_id);
    mc_buf_lit(out, "\",\"version\":");
    mc_json_write_str(out, row->version);
    mc_buf_printf(out, ",\"status\":\"installed\",\"enabled\":%s",
                  mc_str_eq(row->status, MC_STR("enabled")) ? "true" : "false");
    write_text(out, "name", m->name);
    for (size_t i = 0; i < MC_LEN(texts); i++)
        write_text(out, texts[i], text_of(m->root, texts[i]));
    mc_buf_lit(out, ",\"installed_at\":\"");
    mc_time_write(out, row->installed_at);
    mc_buf_lit(out, "\",\"granted_capabilities\":");
    if (capabilities && capabilities->kind == MC_JSON_ARRAY)
        mc_json_write(out, capabilities);
    else
        mc_buf_lit(out, "[]");
    mc_buf_char(out, '}');
}

static mc_code write_installed(mc_app *app, mc_ctx *ctx, mc_buf *out, const mc_installation *row,
                               mc_err *err)
{
    mc_manifest *manifest = NULL;
    mc_str text, digest;
    mc_code rc = mc_installer_load_manifest(mc_host_installer(app->host), ctx, row->addon_key,
                                            &text, &digest, err);

    if (rc == MC_OK)
        rc = mc_manifest_parse(text, &manifest, err);
    if (rc == MC_OK)
        write_addon(out, row, manifest);
    mc_manifest_free(manifest);
    return rc;
}

static mc_code may_look(mc_app *app, mc_ctx *ctx, mc_err *err)
{
    if (mc_uuid_is_nil(ctx->who.org_id))
        return mc_fail(err, MC_UNAUTHENTICATED, "organization context required");
    return mc__host_check(app, ctx, false, err);
}

typedef struct list_call {
    mc_app *app;
    const mc_installation *items;
    size_t count;
    mc_buf *out;
} list_call;

static mc_code write_all(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    list_call *call = user;
    mc_code rc = MC_OK;

    (void)conn; /* in ctx */
    for (size_t i = 0; i < call->count && rc == MC_OK; i++) {
        if (i > 0)
            mc_buf_char(call->out, ',');
        rc = write_installed(call->app, ctx, call->out, &call->items[i], err);
    }
    return rc;
}

/* GET /kernel/addons */
static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_app *app = user;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_installation *items = NULL;
    list_call call = {.app = app};
    mc_buf rows;
    mc_code rc = may_look(app, ctx, err);

    if (rc == MC_OK)
        rc = mc_installer_list(mc_host_installer(app->host), ctx, ctx->who.org_id, &items,
                               &call.count, err);
    mc_buf_init_arena(&rows, ctx->arena, 0);
    call.items = items;
    call.out = &rows;
    if (rc == MC_OK)
        rc = mc_db_read(app->db, ctx, write_all, &call, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&rows, "addons", err);
    if (rc != MC_OK)
        return rc;
    mc_buf_printf(mc_http_ok_begin(res, 200), "[%.*s]", MC_FMT(mc_buf_get(&rows)));
    return mc_http_ok_end(res, MC_STR(""), err);
}

static mc_code answer_one(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    list_call *call = user;

    (void)conn; /* in ctx */
    return write_installed(call->app, ctx, call->out, call->items, err);
}

static mc_code answer(mc_app *app, mc_ctx *ctx, mc_http_res *res, const mc_installation *row,
                      mc_err *err)
{
    mc_buf text;
    list_call call = {.app = app, .items = row, .count = 1, .out = &text};
    mc_code rc;

    mc_buf_init_arena(&text, ctx->arena, 0);
    rc = ctx->conn ? answer_one(ctx->conn, ctx, &call, err)
                   : mc_db_read(app->db, ctx, answer_one, &call, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&text, "addons", err);
    if (rc != MC_OK)
        return rc;
    mc_buf_str(mc_http_ok_begin(res, 200), mc_buf_get(&text));
    return mc_http_ok_end(res, MC_STR(""), err);
}

/* GET /kernel/addons/:key */
static mc_code get(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_app *app = user;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_installation row;
    mc_str key;
    mc_code rc = may_look(app, ctx, err);

    if (rc == MC_OK)
        rc = mc__host_addon_key(req, &key, err);
    if (rc == MC_OK)
        rc = mc_installer_find(mc_host_installer(app->host), ctx, key, ctx->who.org_id, &row, err);
    return rc == MC_OK ? answer(app, ctx, res, &row, err) : rc;
}

/* ---- another version ---- */

static bool has_capability(const mc_json *list, mc_str kind, mc_str target)
{
    for (size_t i = 0; list && list->kind == MC_JSON_ARRAY && i < list->as.array.count; i++) {
        const mc_json *item = list->as.array.items[i];

        if (mc_str_eq(text_of(item, "kind"), kind) && mc_str_eq(text_of(item, "target"), target))
            return true;
    }
    return false;
}

/* What the version wants beyond what the one before has must have been agreed to. */
static mc_code check_agreed(const mc_manifest *next, const mc_manifest *now,
                            const mc_json *accepted, mc_err *err)
{
    const mc_json *wanted = mc_json_find_nocase(next->root, MC_STR("capabilities"));
    const mc_json *had = mc_json_find_nocase(now->root, MC_STR("capabilities"));

    for (size_t i = 0; wanted && wanted->kind == MC_JSON_ARRAY && i < wanted->as.array.count; i++) {
        mc_str kind = text_of(wanted->as.array.items[i], "kind");
        mc_str target = text_of(wanted->as.array.items[i], "target");

        if (!has_capability(had, kind, target) && !has_capability(accepted, kind, target))
            return mc_fail(err, MC_REJECTED,
                           "%.*s wants %.*s %.*s, which accepted_capabilities does not hold",
                           MC_FMT(next->version), MC_FMT(kind), MC_FMT(target));
    }
    return MC_OK;
}

typedef struct upgrade_call {
    mc_app *app;
    mc_str key, manifest;
    mc_installation row;
} upgrade_call;

static mc_code load_now(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    upgrade_call *call = user;
    mc_installer *installer = mc_host_installer(call->app->host);
    mc_str digest;
    mc_code rc = mc_installer_find(installer, ctx, call->key, ctx->who.org_id, &call->row, err);

    (void)conn; /* in ctx */
    return rc == MC_OK ? mc_installer_load_manifest(installer, ctx, call->key, &call->manifest,
                                                    &digest, err)
                       : rc;
}

static mc_code check_offer(const mc_catalog_item *offer, mc_str now, const mc_json *body,
                           mc_err *err)
{
    mc_manifest *next = NULL, *had = NULL;
    mc_str wanted = text_of(body, "target_version");
    mc_code rc;

    if (wanted.len && !mc_str_eq(wanted, offer->version))
        return mc_fail(err, MC_REJECTED, "version %.*s is not offered here: the catalog has %.*s",
                       MC_FMT(mc_str_slice(wanted, 0, 40)), MC_FMT(offer->version));
    rc = mc_manifest_parse(offer->manifest, &next, err);
    if (rc == MC_OK)
        rc = mc_manifest_parse(now, &had, err);
    if (rc == MC_OK)
        rc = check_agreed(next, had, mc_json_find(body, MC_STR("accepted_capabilities")), err);
    mc_manifest_free(next);
    mc_manifest_free(had);
    return rc;
}

/* POST /kernel/addons/:key/upgrade {target_version, accepted_capabilities} */
static mc_code upgrade(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_app *app = user;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_host_install_options options = {.org_id = ctx->who.org_id};
    upgrade_call call = {.app = app};
    mc_installation row;
    mc_catalog_item offer;
    const mc_json *body;
    mc_code rc = mc__host_may_manage(app, req, err);

    if (rc == MC_OK)
        rc = mc__host_addon_key(req, &call.key, err);
    if (rc == MC_OK)
        rc = mc_http_body_object(req, "want {target_version, accepted_capabilities}", &body, err);
    if (rc == MC_OK)
        rc = mc_db_read(app->db, ctx, load_now, &call, err);
    if (rc == MC_OK)
        rc = mc_catalog_find(app->catalog, ctx->arena, call.key, &offer, err);
    if (rc == MC_OK)
        rc = check_offer(&offer, call.manifest, body, err);
    if (rc != MC_OK)
        return rc;
    rc = mc_host_install_path(app->host, ctx, offer.path, &options, &row, err);
    return rc == MC_OK ? answer(app, ctx, res, &row, err) : mc__host_refused(rc, err);
}

/* ---- the rest ---- */

/* POST /kernel/addons/claim {token}: no hub has said what its tokens are. */
static mc_code claim(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_json *body;
    mc_code rc = mc__host_may_manage(user, req, err);

    (void)res;
    if (rc == MC_OK)
        rc = mc_http_body_object(req, "want {token}", &body, err);
    if (rc == MC_OK && text_of(body, "token").len == 0)
        rc = mc_fail(err, MC_INVALID, "token is required");
    return rc == MC_OK ? mc_fail(err, MC_NOT_PROVIDED,
                                 "install tokens of a hub are not redeemed here: POST "
                                 "/api/marketplace/install takes the bundle's address")
                       : rc;
}

static mc_code prepare(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_str key;
    mc_code rc = mc__host_may_manage(user, req, err);

    (void)res;
    return rc == MC_OK ? mc__host_addon_key(req, &key, err) : rc;
}

/* DELETE /kernel/addons/:key: its rows stay, as the client knows no word for them. */
static mc_code uninstall(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_app *app = user;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_installation was;
    mc_code rc =
        mc_installer_uninstall(mc_host_installer(app->host), ctx,
                               &(mc_install_target){.addon_key = mc_http_param(req, MC_STR("key")),
                                                    .org_id = ctx->who.org_id},
                               false, &was, err);

    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR("uninstalled"), err) : rc;
}

mc_code mc__app_mount_kernel(mc_app *app, mc_err *err)
{
    const mc_http_route routes[] = {
        {.method = "GET",
         .pattern = "/kernel/addons",
         .run = MC_HTTP_POOL,
         .handle = list,
         .user = app},
        {.method = "GET",
         .pattern = "/kernel/addons/:key",
         .run = MC_HTTP_READ,
         .handle = get,
         .user = app},
        {.method = "POST",
         .pattern = "/kernel/addons/claim",
         .run = MC_HTTP_POOL,
         .handle = claim,
         .user = app,
         .max_body_bytes = BODY_BYTES_MAX},
        {.method = "POST",
         .pattern = "/kernel/addons/:key/upgrade",
         .run = MC_HTTP_LONG,
         .flags = MC_HTTP_NO_STORE,
         .handle = upgrade,
         .user = app,
         .max_body_bytes = BODY_BYTES_MAX},
        {.method = "DELETE",
         .pattern = "/kernel/addons/:key",
         .run = MC_HTTP_WRITE,
         .prepare = prepare,
         .handle = uninstall,
         .user = app},
    };

    return mc_http_router_add_all(app->router, MC_STR("/api"), routes, MC_LEN(routes), err);
}
