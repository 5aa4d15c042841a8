/* SPDX-License-Identifier: Apache-2.0 */
/* What a page asks of addons: whose manifests count here, the menu, what may be installed. */
#include "metacore/host/host_internal.h"

#define KERNEL_HEADER "X-Metacore-Kernel-Version"

/* ---- the menu ---- */

static bool has_addon(void *user, mc_ctx *ctx, mc_str addon_key)
{
    mc_app *app = user;

    return mc_installer_is_enabled(mc_host_installer(app->host), ctx->who.org_id, addon_key);
}

/* An item says itself what it asks for; one that only names a model is for who may read it. */
static bool may_use(void *user, mc_ctx *ctx, mc_str permission, mc_str model)
{
    mc_app *app = user;

    if (permission.len)
        return mc_permission_check(app->permission, ctx, permission, NULL) == MC_OK;
    return model.len == 0 ||
           mc_permission_check_action(app->permission, ctx, model, MC_STR("read"), NULL) == MC_OK;
}

/* ---- what is built ---- */

/* Whether the archive at path would pass the gate and the manifest's rules. */
static mc_code check_offer(void *user, mc_str path, mc_err *err)
{
    mc_app *app = user;
    mc_arena *arena = mc_arena_new(MC_BUNDLE_PACKED_MAX + 65536);
    mc_install_plan *plan = NULL;
    mc_install_source source;
    mc_bundle *bundle = NULL;
    mc_code rc = arena ? mc__host_read(arena, path, &source, &bundle, err)
                       : mc_fail(err, MC_NO_MEMORY, "catalog");

    if (rc == MC_OK)
        rc = mc_installer_plan(mc_host_installer(app->host), &source, &plan, err);
    mc_install_plan_free(plan);
    mc_bundle_free(bundle);
    mc_arena_free(arena);
    return rc;
}

mc_code mc__app_pages_new(mc_app *app, mc_err *err)
{
    mc_code rc = mc_navigation_new(
        &(mc_navigation_config){MC_NAVIGATION_CONFIG, .core = app->config.navigation,
                                .has_addon = has_addon, .may_use = may_use, .user = app},
        &app->navigation, err);

    if (rc != MC_OK)
        return rc;
    rc = mc_catalog_new(&(mc_catalog_config){MC_CATALOG_CONFIG, .dir = app->config.catalog_dir,
                                             .check = check_offer, .user = app},
                        &app->catalog, err);
    return rc == MC_OK ? mc__app_marketplace_new(app, err) : rc;
}

void mc__app_pages_free(mc_app *app)
{
    mc__app_marketplace_free(app);
    mc_catalog_free(app->catalog);
    mc_navigation_free(app->navigation);
}

/* ---- GET /navigation, /manifests ---- */

static mc_buf *begin_array(mc_http_res *res)
{
    res->status = 200;
    mc_http_content_type(res, MC_STR("application/json"));
    return &res->body;
}

static bool has_org(mc_http_req *req)
{
    return !mc_uuid_is_nil(mc_http_ctx(req)->who.org_id);
}

static mc_code navigation(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_buf *out = begin_array(res);

    if (has_org(req))
        return mc_navigation_write(((mc_app *)user)->navigation, mc_http_ctx(req), out, err);
    mc_buf_lit(out, "[]");
    return MC_OK;
}

/* The manifest as its author wrote it, and before it where its assets are. */
static void write_manifest(mc_buf *out, mc_str key, mc_str digest, mc_str manifest)
{
    size_t at = mc_str_find_char(manifest, 0, '{');

    mc_buf_lit(out, "{\"assets\":{\"base\":\"/api/metacore/addons/");
    mc_buf_str(out, key); /* keys and digests need no escapes */
    mc_buf_lit(out, "/frontend/@");
    mc_buf_str(out, digest);
    mc_buf_lit(out, "/\",\"digest\":\"");
    mc_buf_str(out, digest);
    mc_buf_lit(out, "\"},");
    mc_buf_str(out, mc_str_slice(manifest, at + 1, manifest.len)); /* has a key at least */
}

static mc_code manifests(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_db_value org = mc_db_uuid(ctx->who.org_id);
    mc_buf *out = begin_array(res);
    bool is_first = true;
    mc_db_rows rows;
    mc_code rc;

    (void)user;
    mc_http_res_header(res, MC_STR(KERNEL_HEADER), MC_STR(MC_KERNEL_VERSION));
    mc_buf_char(out, '[');
    if (has_org(req)) {
        rc = mc_db_query(ctx->conn,
                         MC_STR("SELECT a.addon_key, a.digest, a.manifest FROM "
                                "metacore_installations i JOIN metacore_addons a ON a.addon_key = "
                                "i.addon_key WHERE i.organization_id = $1 AND i.status = "
                                "'enabled' AND i.deleted_at IS NULL ORDER BY a.addon_key"),
                         &org, 1, &rows, err);
        if (rc != MC_OK)
            return rc;
        while (mc_db_rows_next(&rows)) {
            if (!is_first)
                mc_buf_char(out, ',');
            write_manifest(out, mc_db_col_text(&rows, 0), mc_db_col_text(&rows, 1),
                           mc_db_col_text(&rows, 2));
            is_first = false;
        }
        rc = mc_db_rows_finish(&rows, err);
        if (rc != MC_OK)
            return rc;
    }
    mc_buf_char(out, ']');
    return MC_OK;
}

/* ---- GET /catalog ---- */

static const mc_installation *find_key(const mc_installation *items, size_t count, mc_str key)
{
    for (size_t i = 0; i < count; i++) {
        if (mc_str_eq(items[i].addon_key, key))
            return &items[i];
    }
    return NULL;
}

static void write_bool(mc_buf *out, const char *key, bool value)
{
    mc_buf_printf(out, ",\"%s\":%s", key, value ? "true" : "false");
}

/* version is the one here, else the one offered. */
static void write_offer(mc_buf *out, const mc_catalog_item *item, const mc_installation *here)
{
    mc_buf_lit(out, "{\"manifest\":");
    mc_buf_str(out, item->manifest);
    write_bool(out, "installable", item->why_not.len == 0);
    if (item->why_not.len) {
        mc_buf_lit(out, ",\"reason\":");
        mc_json_write_str(out, item->why_not);
    }
    write_bool(out, "entitled", true); /* whatever the operator offers is for everybody here */
    write_bool(out, "installed", here != NULL);
    write_bool(out, "enabled", here && mc_str_eq(here->status, MC_STR("enabled")));
    mc_buf_lit(out, ",\"version\":");
    mc_json_write_str(out, here ? here->version : item->version);
    mc_buf_char(out, '}');
}

static mc_code load_offers(mc_app *app, mc_ctx *ctx, mc_catalog_item **items, size_t *count,
                           mc_installation **here, size_t *here_count, mc_err *err)
{
    mc_code rc;

    if (mc_uuid_is_nil(ctx->who.org_id))
        return mc_fail(err, MC_UNAUTHENTICATED, "organization context required");
    rc = mc_catalog_list(app->catalog, ctx->arena, items, count, err);
    return rc == MC_OK ? mc_installer_list(mc_host_installer(app->host), ctx, ctx->who.org_id, here,
                                           here_count, err)
                       : rc;
}

static mc_code catalog(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_catalog_item *items = NULL;
    mc_installation *here = NULL;
    size_t count = 0, here_count = 0;
    mc_buf *out;
    mc_code rc = load_offers(user, mc_http_ctx(req), &items, &count, &here, &here_count, err);

    if (rc != MC_OK)
        return rc;
    out = begin_array(res);
    mc_buf_lit(out, "{\"items\":[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        write_offer(out, &items[i], find_key(here, here_count, items[i].addon_key));
    }
    mc_buf_printf(out, "],\"total\":%zu}", count);
    return MC_OK;
}

static mc_code catalog_one(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_catalog_item *items = NULL;
    mc_installation *here = NULL;
    size_t count = 0, here_count = 0;
    mc_str key;
    mc_code rc = mc__host_addon_key(req, &key, err);

    if (rc == MC_OK)
        rc = load_offers(user, mc_http_ctx(req), &items, &count, &here, &here_count, err);
    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < count; i++) {
        if (!mc_str_eq(items[i].addon_key, key))
            continue;
        write_offer(begin_array(res), &items[i], find_key(here, here_count, key));
        return MC_OK;
    }
    return mc_fail(err, MC_NOT_FOUND, "addon %.*s is not in the catalog", MC_FMT(key));
}

/* ---- routes ---- */

mc_code mc__app_mount_pages(mc_app *app, mc_err *err)
{
    const mc_http_route routes[] = {
        {.method = "GET",
         .pattern = "/metacore/manifests",
         .run = MC_HTTP_READ,
         .flags = MC_HTTP_NO_ORG,
         .handle = manifests,
         .user = app},
        {.method = "GET",
         .pattern = "/metacore/navigation",
         .run = MC_HTTP_READ,
         .flags = MC_HTTP_NO_ORG,
         .handle = navigation,
         .user = app},
        {.method = "GET",
         .pattern = "/navigation",
         .run = MC_HTTP_READ,
         .flags = MC_HTTP_NO_ORG,
         .handle = navigation,
         .user = app},
        {.method = "GET",
         .pattern = "/metacore/catalog",
         .run = MC_HTTP_POOL,
         .flags = MC_HTTP_NO_ORG,
         .handle = catalog,
         .user = app},
        {.method = "GET",
         .pattern = "/metacore/catalog/:key",
         .run = MC_HTTP_POOL,
         .flags = MC_HTTP_NO_ORG,
         .handle = catalog_one,
         .user = app},
        {.method = "GET",
         .pattern = "/metacore/addons/:key/frontend/*",
         .run = MC_HTTP_POOL,
         .flags = MC_HTTP_QUERY_TOKEN | MC_HTTP_NO_ORG,
         .handle = mc__host_frontend,
         .user = app},
    };

    return mc_http_router_add_all(app->router, MC_STR("/api"), routes, MC_LEN(routes), err);
}
