/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/connectors_internal.h"

#include "metacore/base/secret.h"
#include "metacore/host/host_internal.h"

#define FIELDS_MAX 32
#define CREDENTIALS_BYTES_MAX ((size_t)16 << 10)
#define CONNECTORS_MAX 200
#define MASK "********"

bool mc__connector_is_key(mc_str key)
{
    if (key.len == 0 || key.len > MC__CONNECTOR_KEY_MAX)
        return false;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' &&
            (i == 0 || (c != '.' && c != '-')))
            return false;
    }
    return true;
}

/* ---- storing ---- */

/* The sealed text; empty: there is none. */
static mc_code load(mc_ctx *ctx, mc_str key, mc_str *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_text(key)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT credentials FROM metacore_connectors WHERE "
                                    "organization_id = $1 AND connector_key = $2"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = MC_STR("");
    if (mc_db_rows_next(&rows))
        *out = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK && !out->ptr ? mc_fail(err, MC_NO_MEMORY, "connector") : rc;
}

static mc_code open_sealed(mc_app *app, mc_arena *arena, mc_str sealed, mc_str *out, mc_err *err)
{
    if (!app->has_box)
        return mc_fail(err, MC_NOT_PROVIDED, "connectors: there is no master key");
    return mc_secretbox_open(&app->box, arena, sealed, out, err);
}

mc_code mc__connector_open(mc_app *app, mc_ctx *ctx, mc_str key, mc_str *out, mc_err *err)
{
    mc_str sealed = MC_STR("");
    mc_code rc = load(ctx, key, &sealed, err);

    if (rc == MC_OK && sealed.len == 0)
        rc = mc_fail(err, MC_NOT_FOUND, "no connector \"%.*s\"", MC_FMT(key));
    return rc == MC_OK ? open_sealed(app, ctx->arena, sealed, out, err) : rc;
}

static mc_code check_count(mc_ctx *ctx, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id)};
    mc_db_rows rows;
    int64_t count = 0;
    mc_code rc = mc_db_query(
        ctx->conn, MC_STR("SELECT count(*) FROM metacore_connectors WHERE organization_id = $1"),
        args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        count = mc_db_col_int(&rows, 0);
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK && count >= CONNECTORS_MAX
               ? mc_fail(err, MC_REJECTED, "more than %d connectors", CONNECTORS_MAX)
               : rc;
}

static mc_code store(mc_ctx *ctx, mc_str key, mc_str sealed, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_text(key), mc_db_text(sealed),
                          mc_db_uuid(ctx->who.user_id), mc_db_time(ctx->now)};

    return mc_db_exec(
        ctx->conn,
        MC_STR("INSERT INTO metacore_connectors (organization_id, connector_key, credentials, "
               "updated_by_id, updated_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT "
               "(organization_id, connector_key) DO UPDATE SET credentials = excluded.credentials, "
               "updated_by_id = excluded.updated_by_id, updated_at = excluded.updated_at"),
        args, MC_LEN(args), NULL, err);
}

/* ---- what is shown ---- */

/* {"key","credentials":{name: mask},"updated_at"} */
static mc_code write_masked(mc_app *app, mc_arena *arena, mc_str key, mc_str sealed,
                            mc_time updated_at, mc_buf *out, mc_err *err)
{
    const mc_json *json = NULL;
    mc_str plain = MC_STR("");
    mc_code rc = open_sealed(app, arena, sealed, &plain, err);

    if (rc == MC_OK)
        rc = mc_json_parse(arena, plain, NULL, &json, err);
    mc_buf_lit(out, "{\"key\":");
    mc_json_write_str(out, key);
    mc_buf_lit(out, ",\"credentials\":{");
    for (size_t i = 0; rc == MC_OK && i < json->as.object.count; i++) {
        mc_buf_str(out, i ? MC_STR(",") : MC_STR(""));
        mc_json_write_str(out, json->as.object.members[i].key);
        mc_buf_lit(out, ":\"" MASK "\"");
    }
    mc_buf_lit(out, "},\"updated_at\":\"");
    mc_time_write(out, updated_at);
    mc_buf_lit(out, "\"}");
    if (plain.len)
        mc_wipe((char *)plain.ptr, plain.len);
    return rc;
}

static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id)};
    bool is_first = true;
    mc_db_rows rows;
    mc_err ended;
    mc_buf *out;
    mc_code rc = mc__host_may_manage(user, req, err);

    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn,
                         MC_STR("SELECT connector_key, credentials, updated_at FROM "
                                "metacore_connectors WHERE organization_id = $1 ORDER BY "
                                "connector_key"),
                         args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    mc_buf_char(out, '[');
    while (rc == MC_OK && mc_db_rows_next(&rows)) {
        mc_str key = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
        mc_str sealed = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 1));

        mc_buf_str(out, is_first ? MC_STR("") : MC_STR(","));
        is_first = false;
        rc = key.ptr && sealed.ptr
                 ? write_masked(user, ctx->arena, key, sealed, mc_db_col_time(&rows, 2), out, err)
                 : mc_fail(err, MC_NO_MEMORY, "connectors");
    }
    mc_buf_char(out, ']');
    if (mc_db_rows_finish(&rows, rc == MC_OK ? err : &ended) != MC_OK && rc == MC_OK)
        rc = err->code;
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* ---- what is changed ---- */

static mc_code prepare(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_code rc = mc__host_may_manage(user, req, err);

    (void)res;
    if (rc == MC_OK && !mc__connector_is_key(mc_http_param(req, MC_STR("key"))))
        rc = mc_fail(err, MC_INVALID, "a connector's key is of a-z, 0-9, _, . and -");
    return rc;
}

static mc_code prepare_put(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_json *body, *inner;
    mc_str ignored;
    mc_code rc = prepare(req, res, user, err);

    if (rc == MC_OK)
        rc = mc_http_body_object(req, "want {\"credentials\": {name: text}}", &body, err);
    if (rc != MC_OK)
        return rc;
    inner = mc_json_find(body, MC_STR("credentials"));
    if (!inner || inner->kind != MC_JSON_OBJECT || inner->as.object.count == 0 ||
        inner->as.object.count > FIELDS_MAX)
        return mc_fail(err, MC_INVALID, "credentials must be an object of 1..%d texts", FIELDS_MAX);
    for (size_t i = 0; i < inner->as.object.count; i++) {
        if (!mc_json_get_str(inner->as.object.members[i].value, &ignored))
            return mc_fail(err, MC_INVALID, "credentials.%.*s must be a text",
                           MC_FMT(inner->as.object.members[i].key));
    }
    req->state = (void *)inner;
    return MC_OK;
}

/* A mask stands for what was there. */
static const mc_json *value_of(const mc_json_member *member, const mc_json *old)
{
    mc_str text;
    const mc_json *kept = mc_json_get_str(member->value, &text) && mc_str_eq(text, MC_STR(MASK))
                              ? mc_json_find(old, member->key)
                              : NULL;

    return kept ? kept : member->value;
}

static mc_code write_credentials(const mc_json *fresh, const mc_json *old, mc_buf *out, mc_err *err)
{
    mc_buf_char(out, '{');
    for (size_t i = 0; i < fresh->as.object.count; i++) {
        const mc_json_member *member = &fresh->as.object.members[i];

        mc_buf_str(out, i ? MC_STR(",") : MC_STR(""));
        mc_json_write_str(out, member->key);
        mc_buf_char(out, ':');
        mc_json_write(out, value_of(member, old));
    }
    mc_buf_char(out, '}');
    if (out->len > CREDENTIALS_BYTES_MAX)
        return mc_fail(err, MC_TOO_LARGE, "credentials of more than %zu bytes",
                       CREDENTIALS_BYTES_MAX);
    return mc_buf_check(out, "credentials", err);
}

static mc_code seal(mc_app *app, mc_ctx *ctx, const mc_json *fresh, mc_str old_sealed, mc_str *out,
                    mc_err *err)
{
    const mc_json *old = NULL;
    mc_str plain = MC_STR("");
    mc_buf text, sealed;
    mc_code rc = MC_OK;

    if (!app->has_box)
        return mc_fail(err, MC_NOT_PROVIDED, "connectors: there is no master key");
    mc_buf_init_arena(&text, ctx->arena, 0);
    mc_buf_init_arena(&sealed, ctx->arena, 0);
    if (old_sealed.len)
        rc = open_sealed(app, ctx->arena, old_sealed, &plain, err);
    if (rc == MC_OK && plain.len)
        rc = mc_json_parse(ctx->arena, plain, NULL, &old, err);
    if (rc == MC_OK)
        rc = write_credentials(fresh, old, &text, err);
    if (rc == MC_OK)
        rc = mc_secretbox_seal(&app->box, mc_buf_get(&text), &sealed, err);
    if (plain.len)
        mc_wipe((char *)plain.ptr, plain.len);
    if (text.len)
        mc_wipe(text.ptr, text.len);
    *out = mc_buf_get(&sealed);
    return rc;
}

static mc_code put(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_str key = mc_http_param(req, MC_STR("key")), old = MC_STR(""), sealed = MC_STR("");
    mc_code rc = load(ctx, key, &old, err);

    if (rc == MC_OK && old.len == 0)
        rc = check_count(ctx, err);
    if (rc == MC_OK)
        rc = seal(user, ctx, req->state, old, &sealed, err);
    if (rc == MC_OK)
        rc = store(ctx, key, sealed, err);
    if (rc == MC_OK)
        rc = write_masked(user, ctx->arena, key, sealed, ctx->now, mc_http_ok_begin(res, 200), err);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

static mc_code remove_one(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_str key = mc_http_param(req, MC_STR("key"));
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_text(key)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("DELETE FROM metacore_connectors WHERE organization_id = $1 AND "
                                   "connector_key = $2"),
                            args, MC_LEN(args), &changed, err);

    (void)user;
    if (rc == MC_OK && changed == 0)
        rc = mc_fail(err, MC_NOT_FOUND, "no connector \"%.*s\"", MC_FMT(key));
    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR("removed"), err) : rc;
}

mc_code mc__app_mount_connectors(mc_app *app, mc_err *err)
{
    mc_http_route routes[] = {
        {.method = "GET", .pattern = "/metacore/connectors", .run = MC_HTTP_POOL, .handle = list},
        {.method = "PUT",
         .pattern = "/metacore/connectors/:key",
         .run = MC_HTTP_WRITE,
         .prepare = prepare_put,
         .handle = put,
         .max_body_bytes = 2 * CREDENTIALS_BYTES_MAX},
        {.method = "DELETE",
         .pattern = "/metacore/connectors/:key",
         .run = MC_HTTP_WRITE,
         .prepare = prepare,
         .handle = remove_one},
    };

    for (size_t i = 0; i < MC_LEN(routes); i++)
        routes[i].user = app;
    return mc_http_router_add_all(app->router, MC_STR("/api"), routes, MC_LEN(routes), err);
}
