/* SPDX-License-Identifier: Apache-2.0 */
/* /api/metacore/installations: an organization's addons, by whoever may manage them. */
#include "metacore/host/guests_internal.h"
#include "metacore/host/hooks_internal.h"

#include <stdio.h>

#define CAP_MANAGE "addons.manage"
#define CAP_READ "addons.read"
#define FORM_BYTES ((size_t)64 << 10) /* what a form has beside the bundle */
#define SETTINGS_BYTES_MAX ((size_t)256 << 10)

/* ---- who, and on what ---- */

mc_code mc__host_may_manage(mc_app *app, mc_http_req *req, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);

    if (mc_uuid_is_nil(ctx->who.org_id))
        return mc_fail(err, MC_UNAUTHENTICATED, "organization context required");
    return mc_permission_check(app->permission, ctx, MC_STR(CAP_MANAGE), err);
}

mc_code mc__host_check(mc_app *app, mc_ctx *ctx, bool to_manage, mc_err *err)
{
    static const mc_str any[] = {MC_STR_INIT(CAP_MANAGE), MC_STR_INIT(CAP_READ)};

    return mc_permission_check_any(app->permission, ctx, (mc_strs){any, to_manage ? 1 : 2}, err);
}

static mc_code may_look(mc_app *app, mc_http_req *req, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);

    if (mc_uuid_is_nil(ctx->who.org_id))
        return mc_fail(err, MC_UNAUTHENTICATED, "organization context required");
    return mc__host_check(app, ctx, false, err);
}

bool mc__host_is_addon_key(mc_str key)
{
    if (key.len < 2 || key.len > 64 || key.ptr[0] < 'a' || key.ptr[0] > 'z')
        return false;
    for (size_t i = 1; i < key.len; i++) {
        char c = key.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return false;
    }
    return true;
}

mc_code mc__host_addon_key(mc_http_req *req, mc_str *out, mc_err *err)
{
    mc_str key = mc_http_param(req, MC_STR("key"));

    if (!mc__host_is_addon_key(key))
        return mc_fail(err, MC_INVALID, "invalid addon key");
    *out = key;
    return MC_OK;
}

static mc_installer *installer_of(void *user)
{
    return mc_host_installer(((mc_app *)user)->host);
}

void mc__host_write_installation(mc_app *app, mc_arena *arena, mc_buf *out,
                                 const mc_installation *installation)
{
    mc_buf row, guest;

    mc_buf_init_arena(&row, arena, 0);
    mc_buf_init_arena(&guest, arena, 0);
    mc_installation_write(&row, installation);
    if (!mc__guests_write_state(app->guests, installation->addon_key, &guest)) {
        mc_buf_str(out, mc_buf_get(&row));
    } else if (row.len > 0) {
        mc_buf_str(out, mc_str_slice(mc_buf_get(&row), 0, row.len - 1));
        mc_buf_lit(out, ",\"guest\":");
        mc_buf_str(out, mc_buf_get(&guest));
        mc_buf_char(out, '}');
    }
    out->failed |= mc_buf_failed(&row) || mc_buf_failed(&guest);
}

/* Beside "data" its members stand at the top, too: the published client reads them there. */
static mc_code flatten(mc_app *app, mc_arena *arena, mc_http_res *res,
                       const mc_installation *installation, mc_err *err)
{
    mc_buf row;

    mc_buf_init_arena(&row, arena, 0);
    mc__host_write_installation(app, arena, &row, installation);
    res->body.len--; /* the brace that ended it */
    mc_buf_char(&res->body, ',');
    mc_buf_str(&res->body, mc_str_slice(mc_buf_get(&row), 1, row.len));
    return mc_buf_check(&row, "installation", err);
}

/* {"data":{…},"meta":{"warning":…},"success":true}: what was done against somebody's needs. */
static mc_code answer(mc_app *app, mc_http_req *req, mc_http_res *res,
                      const mc_installation *installation, mc_err *err)
{
    mc_arena *arena = mc_http_ctx(req)->arena;
    mc_buf meta;
    mc_code rc;

    mc_buf_init_arena(&meta, arena, 0);
    if (installation->warning.len) {
        mc_buf_lit(&meta, "{\"warning\":");
        mc_json_write_str(&meta, installation->warning);
        mc_buf_char(&meta, '}');
    }
    mc__host_write_installation(app, arena, mc_http_ok_begin(res, 200), installation);
    rc = mc_http_ok_end(res, mc_buf_get(&meta), err);
    return rc == MC_OK ? flatten(app, arena, res, installation, err) : rc;
}

/* Before any of the changes below; not on the writer. */
static mc_code prepare(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_str key;
    mc_code rc = mc__host_may_manage(user, req, err);

    (void)res;
    if (rc == MC_OK)
        rc = mc__host_addon_key(req, &key, err);
    return rc == MC_OK ? mc_http_query_parse(req, err) : rc;
}

static mc_str key_of(mc_http_req *req)
{
    return mc_http_param(req, MC_STR("key")); /* prepare has looked at it */
}

static bool is_on(mc_http_req *req, const char *name)
{
    mc_str value = mc_http_query(req, mc_z(name));

    return mc_str_eq(value, MC_STR("1")) || mc_str_eq_nocase(value, MC_STR("true")) ||
           mc_str_eq_nocase(value, MC_STR("yes"));
}

/* ---- looking ---- */

/* GET /installations: an array, as the routes beside it and the published client have it */
static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_installation *items;
    size_t count;
    mc_buf *out;
    mc_code rc = may_look(user, req, err);

    if (rc == MC_OK)
        rc = mc_installer_list(installer_of(user), ctx, ctx->who.org_id, &items, &count, err);
    if (rc != MC_OK)
        return rc;
    res->status = 200;
    mc_http_content_type(res, MC_STR("application/json"));
    out = &res->body;
    mc_buf_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        mc__host_write_installation(user, ctx->arena, out, &items[i]);
    }
    mc_buf_char(out, ']');
    return mc_buf_check(out, "installations", err);
}

/* GET /compilations: what is being loaded or compiled for this organization now. */
static mc_code compilations(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_app *app = user;
    mc_code rc = may_look(app, req, err);

    if (rc != MC_OK)
        return rc;
    mc__guests_write_work(app->guests, mc_http_ctx(req)->who.org_id, mc_http_ok_begin(res, 200));
    return mc_http_ok_end(res, MC_STR(""), err);
}

static mc_code find(mc_http_req *req, void *user, mc_installation *out, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_str key = MC_STR("");
    mc_code rc = may_look(user, req, err);

    if (rc == MC_OK)
        rc = mc__host_addon_key(req, &key, err);
    return rc == MC_OK ? mc_installer_find(installer_of(user), ctx, key, ctx->who.org_id, out, err)
                       : rc;
}

/* GET /installations/:key */
static mc_code get(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_installation installation;
    mc_code rc = find(req, user, &installation, err);

    return rc == MC_OK ? answer(user, req, res, &installation, err) : rc;
}

static mc_code answer_settings(mc_http_req *req, mc_http_res *res, void *user,
                               const mc_installation *installation, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_manifest *manifest = NULL;
    mc_str text, digest;
    mc_code rc = mc_installer_load_manifest(installer_of(user), ctx, installation->addon_key, &text,
                                            &digest, err);
    mc_buf *out;

    if (rc == MC_OK)
        rc = mc_manifest_parse(text, &manifest, err);
    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    mc_buf_lit(out, "{\"addon_key\":");
    mc_json_write_str(out, installation->addon_key);
    mc_buf_lit(out, ",\"definitions\":");
    if (manifest->settings)
        mc_json_write(out, manifest->settings);
    else
        mc_buf_lit(out, "[]");
    mc_buf_lit(out, ",\"settings\":");
    mc_installation_write_settings(out, installation);
    mc_buf_char(out, '}');
    mc_manifest_free(manifest);
    rc = mc_http_ok_end(res, MC_STR(""), err);
    return rc == MC_OK ? flatten(user, ctx->arena, res, installation, err) : rc;
}

/* GET /installations/:key/settings */
static mc_code get_settings(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_installation installation;
    mc_code rc = find(req, user, &installation, err);

    return rc == MC_OK ? answer_settings(req, res, user, &installation, err) : rc;
}

/* ---- changing; not on the writer: its hooks may be asked first ---- */

typedef mc_code (*change_fn)(mc_installer *self, mc_ctx *ctx, const mc_install_target *target,
                             mc_installation *out, mc_err *err);

static mc_install_target target_of(mc_http_req *req)
{
    return (mc_install_target){.addon_key = key_of(req),
                               .org_id = mc_http_ctx(req)->who.org_id,
                               .ignore_requires = is_on(req, "ignore_requires"),
                               .is_forced = is_on(req, "force")};
}

typedef struct change_call {
    mc_installer *installer;
    mc_install_target target;
    change_fn fn; /* NULL: it is uninstalled */
    bool drop;
    mc_installation out;
} change_call;

static mc_code run_change(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    change_call *call = user;

    (void)conn; /* in ctx */
    return call->fn ? call->fn(call->installer, ctx, &call->target, &call->out, err)
                    : mc_installer_uninstall(call->installer, ctx, &call->target, call->drop,
                                             &call->out, err);
}

static mc_code change(mc_http_req *req, mc_http_res *res, void *user, mc_hook_event event,
                      change_fn fn, mc_err *err)
{
    change_call call = {.installer = installer_of(user), .target = target_of(req), .fn = fn};
    mc_code rc =
        mc__host_change(user, mc_http_ctx(req), event, &call.target, run_change, &call, err);

    return rc == MC_OK ? answer(user, req, res, &call.out, err) : rc;
}

static mc_code enable(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    return change(req, res, user, MC_HOOK_ENABLE, mc_installer_enable, err);
}

static mc_code disable(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    return change(req, res, user, MC_HOOK_DISABLE, mc_installer_disable, err);
}

/* DELETE /installations/:key?drop= */
static mc_code uninstall(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    change_call call = {
        .installer = installer_of(user), .target = target_of(req), .drop = is_on(req, "drop")};
    mc_code rc = mc__host_change(user, mc_http_ctx(req), MC_HOOK_UNINSTALL, &call.target,
                                 run_change, &call, err);

    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR("uninstalled"), err) : rc;
}

static mc_code rotate(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_installation installation;
    mc_buf *out;
    mc_code rc = mc_installer_rotate(installer_of(user), ctx, key_of(req), ctx->who.org_id,
                                     &installation, err);

    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    mc_buf_lit(out, "{\"install_secret\":");
    mc_json_write_str(out, installation.secret);
    mc_buf_lit(out, ",\"installation\":");
    mc_installation_write(out, &installation);
    mc_buf_lit(out, ",\"previous_valid_until\":\"");
    mc_time_write(out, ctx->now + MC_INSTALL_SECRET_GRACE_S * MC_TIME_US_PER_S);
    mc_buf_lit(out, "\"}");
    return mc_http_ok_end(res, MC_STR(""), err);
}

/* {"settings": {…}} or the settings themselves. */
static mc_code prepare_settings(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_json *body, *inner;
    mc_code rc = prepare(req, res, user, err);

    if (rc == MC_OK)
        rc = mc_http_body_object(req, "want a JSON object of settings", &body, err);
    if (rc != MC_OK)
        return rc;
    inner = mc_json_find(body, MC_STR("settings"));
    if (inner && inner->kind == MC_JSON_OBJECT && body->as.object.count == 1)
        body = inner;
    req->state = (void *)body;
    return MC_OK;
}

static mc_code set_settings(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_installation installation;
    mc_code rc = mc_installer_set_settings(installer_of(user), ctx, key_of(req), ctx->who.org_id,
                                           req->state, &installation, err);

    return rc == MC_OK ? answer_settings(req, res, user, &installation, err) : rc;
}

/* ---- installing ---- */

typedef struct upload {
    mc_http_body body;
    mc_http_part bundle;
    mc_str signature;
    bool is_there; /* else an addon that is known here */
} upload;

/* JSON counts as no body: it is what clients send that have nothing to say. */
static bool is_form(mc_http_req *req)
{
    mc_str type =
        mc_str_lower(mc_http_ctx(req)->arena, mc_http_header(req, MC_STR("content-type")));

    return mc_str_starts_with(type, MC_STR("multipart/form-data")) ||
           mc_str_starts_with(type, MC_STR("application/json"));
}

static mc_code read_upload(mc_http_req *req, upload *out, mc_err *err)
{
    mc_http_part signature;
    mc_code rc = mc_http_body_open(req, &out->body, err);

    if (rc != MC_OK)
        return rc;
    if (out->body.text.len > 0 && !is_form(req))
        return mc_fail(err, MC_UNSUPPORTED,
                       "want multipart/form-data with a part called bundle, or no body at all");
    rc = mc_http_body_find_part(req, &out->body, MC_STR("bundle"), &out->bundle, err);
    if (rc == MC_NOT_FOUND || rc == MC_UNSUPPORTED)
        return MC_OK;
    out->is_there = rc == MC_OK;
    if (rc == MC_OK &&
        mc_http_body_find_part(req, &out->body, MC_STR("signature"), &signature, NULL) == MC_OK)
        out->signature = mc_str_trim(signature.data);
    return rc;
}

/* What an installation refuses is understood, and against the rules. */
mc_code mc__host_refused(mc_code rc, mc_err *err)
{
    if (rc == MC_INVALID || rc == MC_CONFLICT || rc == MC_FORBIDDEN)
        err->code = rc = MC_REJECTED;
    return rc;
}

static mc_code read_bundle(mc_str key, const upload *up, mc_bundle **out, mc_err *err)
{
    mc_manifest *manifest = NULL;
    mc_err why;
    mc_code rc = mc_bundle_read(up->bundle.data, out, &why);

    if (rc == MC_OK)
        rc = mc_manifest_parse((*out)->manifest, &manifest, &why);
    if (rc == MC_OK && manifest->key.len == 0)
        rc = mc_fail(&why, MC_INVALID, "bundle: manifest.json missing or empty");
    if (rc == MC_OK && !mc_str_eq(manifest->key, key))
        rc = mc_fail(err, MC_INVALID, "bundle key \"%.*s\" does not match URL key \"%.*s\"",
                     MC_FMT(manifest->key), MC_FMT(key));
    else if (rc != MC_OK)
        rc = mc_fail(err, rc, "invalid bundle: %s", why.msg);
    mc_manifest_free(manifest);
    return rc;
}

static mc_code install_upload(mc_app *app, mc_ctx *ctx, mc_str key, const upload *up,
                              const mc_host_install_options *options, mc_installation *out,
                              mc_err *err)
{
    mc_bundle *bundle = NULL;
    mc_code rc = read_bundle(key, up, &bundle, err);

    if (rc == MC_OK)
        rc = mc__host_refused(mc_host_install(app->host, ctx,
                                              &(mc_install_source){.bundle = bundle,
                                                                   .packed = up->bundle.data,
                                                                   .signature = up->signature},
                                              options, out, err),
                              err);
    mc_bundle_free(bundle);
    return rc;
}

/* The catalog's offer; or what is kept, when that is newer or all there is. */
static mc_code install_known(mc_app *app, mc_ctx *ctx, mc_str key,
                             const mc_host_install_options *options, mc_installation *out,
                             const char **source, mc_err *err)
{
    mc_code offered = MC_NOT_FOUND, rc;
    mc_catalog_item offer;
    mc_err kept;

    *source = "registered";
    rc = mc_host_install_compiled(app->host, ctx, key, options, out, err);
    if (rc != MC_NOT_FOUND)
        return mc__host_refused(rc, err);
    *source = "catalog";
    if (mc_catalog_find(app->catalog, ctx->arena, key, &offer, err) == MC_OK)
        offered = mc_host_install_path(app->host, ctx, offer.path, options, out, err);
    if (offered != MC_NOT_FOUND && offered != MC_CONFLICT)
        return mc__host_refused(offered, err);
    *source = "registered";
    rc = mc_host_install_kept(app->host, ctx, key, options, out, &kept);
    if (rc == MC_NOT_FOUND && offered == MC_CONFLICT)
        return mc__host_refused(offered, err);
    if (rc == MC_NOT_FOUND)
        return mc_fail(err, rc,
                       "addon \"%.*s\" is not registered in the kernel; upload a bundle or "
                       "register it first",
                       MC_FMT(key));
    if (rc != MC_OK)
        *err = kept;
    return mc__host_refused(rc, err);
}

typedef struct manifest_call {
    mc_installer *installer;
    mc_str addon_key, manifest, digest;
} manifest_call;

static mc_code load_manifest(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    manifest_call *call = user;

    (void)conn; /* in ctx */
    return mc_installer_load_manifest(call->installer, ctx, call->addon_key, &call->manifest,
                                      &call->digest, err);
}

/* As flatten, but for the source, which says here where it came from. */
static void write_at_top(mc_buf *out, const mc_installation *installation)
{
    mc_buf_lit(out, ",\"id\":\"");
    mc_uuid_write(out, installation->id);
    mc_buf_lit(out, "\",\"addon_key\":");
    mc_json_write_str(out, installation->addon_key);
    mc_buf_lit(out, ",\"version\":");
    mc_json_write_str(out, installation->version);
    mc_buf_lit(out, ",\"status\":");
    mc_json_write_str(out, installation->status);
    mc_buf_lit(out, ",\"settings\":");
    mc_installation_write_settings(out, installation);
    mc_buf_lit(out, ",\"installed_at\":\"");
    mc_time_write(out, installation->installed_at);
    mc_buf_char(out, '"');
}

static mc_code answer_installed(mc_app *app, mc_ctx *ctx, mc_http_res *res, const char *source,
                                const mc_installation *installation, mc_err *err)
{
    manifest_call call = {.installer = mc_host_installer(app->host),
                          .addon_key = installation->addon_key};
    mc_code rc = mc_db_read(app->db, ctx, load_manifest, &call, err);
    mc_buf *out = &res->body;

    if (rc != MC_OK)
        return rc;
    res->status = 200;
    mc_http_content_type(res, MC_STR("application/json"));
    mc_buf_char(out, '{');
    if (installation->secret.len) {
        mc_buf_lit(out, "\"install_secret\":");
        mc_json_write_str(out, installation->secret);
        mc_buf_char(out, ',');
    }
    mc_buf_lit(out, "\"installation\":");
    mc__host_write_installation(app, ctx->arena, out, installation);
    mc_buf_lit(out, ",\"manifest\":");
    mc_buf_str(out, call.manifest);
    mc_buf_printf(out, ",\"source\":\"%s\",\"success\":true", source);
    write_at_top(out, installation);
    if (installation->warning.len) {
        mc_buf_lit(out, ",\"warning\":");
        mc_json_write_str(out, installation->warning);
    }
    mc_buf_char(out, '}');
    return MC_OK;
}

static mc_code answer_rehearsed(mc_http_res *res, const char *source, mc_str report, mc_err *err)
{
    char meta[80];

    (void)snprintf(meta, sizeof(meta), "{\"dry_run\":true,\"source\":\"%s\"}", source);
    mc_buf_str(mc_http_ok_begin(res, 200), report);
    return mc_http_ok_end(res, mc_z(meta), err);
}

/* POST /installations/:key */
static mc_code install(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_app *app = user;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_host_install_options options = {.org_id = ctx->who.org_id};
    mc_installation installation = {0};
    const char *source = "bundle";
    mc_str report = MC_STR("");
    upload up = {0};
    mc_code rc = prepare(req, res, user, err);

    if (rc == MC_OK)
        rc = read_upload(req, &up, err);
    options.ignore_requires = rc == MC_OK && is_on(req, "ignore_requires");
    options.out_report = rc == MC_OK && is_on(req, "dry_run") ? &report : NULL;
    if (rc == MC_OK && up.is_there)
        rc = install_upload(app, ctx, key_of(req), &up, &options, &installation, err);
    else if (rc == MC_OK)
        rc = install_known(app, ctx, key_of(req), &options, &installation, &source, err);
    if (rc == MC_OK && options.out_report)
        rc = answer_rehearsed(res, source, report, err);
    else if (rc == MC_OK)
        rc = answer_installed(app, ctx, res, source, &installation, err);
    mc_http_body_close(&up.body);
    return rc;
}

/* ---- routes ---- */

#define CHANGE_IN(how_long, verb, path, what, how)                                                 \
    {                                                                                              \
        .method = verb, .pattern = path, .run = how_long, .flags = MC_HTTP_NO_STORE,               \
        .prepare = what, .handle = how, .max_body_bytes = SETTINGS_BYTES_MAX                       \
    }
#define CHANGE(verb, path, what, how) CHANGE_IN(MC_HTTP_WRITE, verb, path, what, how)
#define HOOKED(verb, path, what, how) CHANGE_IN(MC_HTTP_POOL, verb, path, what, how)
#define LOOK(path, how)                                                                            \
    {                                                                                              \
        .method = "GET", .pattern = path, .run = MC_HTTP_READ, .handle = how                       \
    }

mc_code mc__app_mount_addons(mc_app *app, mc_err *err)
{
    mc_http_route routes[] = {
        {.method = "GET",
         .pattern = "/metacore/installations",
         .run = MC_HTTP_POOL,
         .handle = list},
        {.method = "GET",
         .pattern = "/metacore/compilations",
         .run = MC_HTTP_POOL,
         .handle = compilations},
        {.method = "POST",
         .pattern = "/metacore/installations/:key",
         .run = MC_HTTP_LONG,
         .flags = MC_HTTP_BODY_FILE | MC_HTTP_NO_STORE,
         .handle = install,
         .max_body_bytes = MC_BUNDLE_PACKED_MAX + FORM_BYTES},
        HOOKED("DELETE", "/metacore/installations/:key", prepare, uninstall),
        HOOKED("POST", "/metacore/installations/:key/enable", prepare, enable),
        HOOKED("POST", "/metacore/installations/:key/disable", prepare, disable),
        CHANGE("POST", "/metacore/installations/:key/rotate", prepare, rotate),
        CHANGE("POST", "/metacore/installations/:key/settings", prepare_settings, set_settings),
        CHANGE("PUT", "/metacore/installations/:key/settings", prepare_settings, set_settings),
        CHANGE("POST", "/addons/:key/settings", prepare_settings, set_settings),
        CHANGE("PUT", "/addons/:key/settings", prepare_settings, set_settings),
        LOOK("/metacore/installations/:key", get),
        LOOK("/metacore/installations/:key/settings", get_settings),
        LOOK("/addons/:key/settings", get_settings),
    };

    for (size_t i = 0; i < MC_LEN(routes); i++)
        routes[i].user = app;
    return mc_http_router_add_all(app->router, MC_STR("/api"), routes, MC_LEN(routes), err);
}
