/* SPDX-License-Identifier: Apache-2.0 */
/* /metacore/tools: what an organization's addons offer to assistants. */
#include "metacore/host/host_internal.h"

#define EXECUTE_BYTES_MAX ((size_t)256 << 10)

/* ---- GET /tools ---- */

typedef struct listing {
    mc_ctx *ctx;
    mc_buf *out;
    bool is_first;
} listing;

static mc_str id_of(const mc_json *tool)
{
    mc_str id = MC_STR("");

    (void)mc_json_get_str(mc_json_find_nocase(tool, MC_STR("id")), &id); /* else empty */
    return id;
}

/* The definition as its author wrote it, and before it whose it is. */
static void write_tool(listing *l, mc_str addon_key, const mc_json *tool)
{
    if (!l->is_first)
        mc_buf_char(l->out, ',');
    l->is_first = false;
    mc_buf_lit(l->out, "{\"addon_key\":");
    mc_json_write_str(l->out, addon_key);
    for (size_t i = 0; i < tool->as.object.count; i++) {
        const mc_json_member *member = &tool->as.object.members[i];

        if (mc_str_eq_nocase(member->key, MC_STR("addon_key")))
            continue;
        mc_buf_char(l->out, ',');
        mc_json_write_str(l->out, member->key);
        mc_buf_char(l->out, ':');
        mc_json_write(l->out, member->value);
    }
    mc_buf_char(l->out, '}');
}

/* By id; a manifest has few, so the next one is looked for each time. */
static void write_tools(listing *l, mc_str addon_key, const mc_json *tools)
{
    mc_str last = MC_STR("");
    bool is_any = true;

    for (size_t done = 0; is_any && done < tools->as.array.count; done++) {
        const mc_json *next = NULL;

        for (size_t i = 0; i < tools->as.array.count; i++) {
            const mc_json *tool = tools->as.array.items[i];

            if (tool->kind == MC_JSON_OBJECT && mc_str_cmp(id_of(tool), last) > 0 &&
                (!next || mc_str_cmp(id_of(tool), id_of(next)) < 0))
                next = tool;
        }
        is_any = next != NULL;
        if (next) {
            write_tool(l, addon_key, next);
            last = id_of(next);
        }
    }
}

static mc_code write_of_manifest(listing *l, mc_str addon_key, mc_str text, mc_err *err)
{
    mc_manifest *manifest = NULL;
    const mc_json *tools;
    mc_code rc = mc_manifest_parse(text, &manifest, err);

    if (rc != MC_OK)
        return rc;
    tools = mc_json_find_nocase(manifest->root, MC_STR("tools"));
    if (tools && tools->kind == MC_JSON_ARRAY)
        write_tools(l, addon_key, tools);
    mc_manifest_free(manifest);
    return MC_OK;
}

static mc_code write_all(listing *l, mc_str only, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(l->ctx->who.org_id), mc_db_text(only)};
    mc_db_rows rows;
    mc_code end, rc = mc_db_query(
                     l->ctx->conn,
                     MC_STR("SELECT a.addon_key, a.manifest FROM metacore_installations i JOIN "
                            "metacore_addons a ON a.addon_key = i.addon_key WHERE "
                            "i.organization_id = $1 AND i.status = 'enabled' AND i.deleted_at IS "
                            "NULL AND ($2 = '' OR a.addon_key = $2) ORDER BY a.addon_key"),
                     args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    while (rc == MC_OK && mc_db_rows_next(&rows))
        rc = write_of_manifest(l, mc_str_copy(l->ctx->arena, mc_db_col_text(&rows, 0)),
                               mc_db_col_text(&rows, 1), err);
    end = mc_db_rows_finish(&rows, rc == MC_OK ? err : NULL);
    return rc != MC_OK ? rc : end;
}

static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    listing l = {.ctx = ctx, .out = &res->body, .is_first = true};
    mc_str only;
    mc_code rc = mc_http_query_parse(req, err);

    (void)user;
    if (rc == MC_OK && mc_uuid_is_nil(ctx->who.org_id))
        rc = mc_fail(err, MC_UNAUTHENTICATED, "organization context required");
    if (rc != MC_OK)
        return rc;
    only = mc_http_query(req, MC_STR("addon_key"));
    if (only.len && !mc__host_is_addon_key(only))
        return mc_fail(err, MC_INVALID, "invalid addon key");
    res->status = 200;
    mc_http_content_type(res, MC_STR("application/json"));
    mc_buf_char(&res->body, '[');
    rc = write_all(&l, only, err);
    mc_buf_char(&res->body, ']');
    return rc;
}

/* ---- POST /tools/execute ---- */

typedef struct execution {
    mc_str addon_key, tool_id, installation_id;
} execution;

static mc_code read_execution(mc_http_req *req, execution *out, mc_err *err)
{
    const struct {
        const char *key;
        mc_str *to;
    } fields[] = {{"addon_key", &out->addon_key},
                  {"tool_id", &out->tool_id},
                  {"installation_id", &out->installation_id}};
    mc_uuid ignored;
    const mc_json *body;
    mc_code rc = mc_http_body_object(req, "invalid JSON body: want an object", &body, err);

    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < MC_LEN(fields); i++) {
        *fields[i].to = MC_STR("");
        (void)mc_json_get_str(mc_json_find_nocase(body, mc_z(fields[i].key)), fields[i].to);
    }
    if (out->addon_key.len == 0 || out->tool_id.len == 0)
        return mc_fail(err, MC_INVALID, "addon_key and tool_id are required");
    if (out->installation_id.len && !mc_uuid_parse(out->installation_id, &ignored))
        return mc_fail(err, MC_INVALID, "invalid installation_id");
    return MC_OK;
}

/* The caller's own installation, or none: never the last installer's. */
static mc_code check_installation(mc_app *app, mc_ctx *ctx, const execution *e, mc_err *err)
{
    mc_installation installation;
    mc_uuid wanted;
    mc_code rc = mc_installer_find(mc_host_installer(app->host), ctx, e->addon_key, ctx->who.org_id,
                                   &installation, err);

    if (rc == MC_NOT_FOUND || (rc == MC_OK && (!mc_str_eq(installation.status, MC_STR("enabled")) ||
                                               (mc_uuid_parse(e->installation_id, &wanted) &&
                                                !mc_uuid_eq(wanted, installation.id)))))
        return mc_fail(err, MC_FORBIDDEN, "installation not found for this organization/addon");
    return rc;
}

static mc_code find_tool(mc_app *app, mc_ctx *ctx, const execution *e, mc_err *err)
{
    mc_manifest *manifest = NULL;
    const mc_json *tools;
    mc_str text, digest;
    bool is_there = false;
    mc_code rc = mc_installer_load_manifest(mc_host_installer(app->host), ctx, e->addon_key, &text,
                                            &digest, err);

    if (rc == MC_OK)
        rc = mc_manifest_parse(text, &manifest, err);
    if (rc != MC_OK)
        return rc;
    tools = mc_json_find_nocase(manifest->root, MC_STR("tools"));
    for (size_t i = 0; tools && tools->kind == MC_JSON_ARRAY && i < tools->as.array.count; i++)
        is_there |= mc_str_eq(id_of(tools->as.array.items[i]), e->tool_id);
    mc_manifest_free(manifest);
    return is_there ? MC_OK : mc_fail(err, MC_NOT_FOUND, "tool not registered");
}

static mc_code execute(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    execution e;
    mc_code rc = MC_OK;

    (void)res;
    if (mc_uuid_is_nil(ctx->who.org_id))
        rc = mc_fail(err, MC_UNAUTHENTICATED, "organization context required");
    if (rc == MC_OK)
        rc = read_execution(req, &e, err);
    if (rc == MC_OK)
        rc = check_installation(user, ctx, &e, err);
    if (rc == MC_OK)
        rc = find_tool(user, ctx, &e, err);
    return rc == MC_OK ? mc_fail(err, MC_NOT_PROVIDED,
                                 "executing tools is not provided yet: they are listed, and their "
                                 "endpoints are not called")
                       : rc;
}

mc_code mc__app_mount_tools(mc_app *app, mc_err *err)
{
    const mc_http_route routes[] = {
        {.method = "GET",
         .pattern = "/metacore/tools",
         .run = MC_HTTP_READ,
         .flags = MC_HTTP_NO_ORG,
         .handle = list,
         .user = app},
        {.method = "POST",
         .pattern = "/metacore/tools/execute",
         .run = MC_HTTP_READ,
         .flags = MC_HTTP_NO_ORG,
         .handle = execute,
         .user = app,
         .max_body_bytes = EXECUTE_BYTES_MAX},
    };

    return mc_http_router_add_all(app->router, MC_STR("/api"), routes, MC_LEN(routes), err);
}
