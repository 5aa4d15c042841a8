/* SPDX-License-Identifier: Apache-2.0 */
/* /metacore/tools: what an organization's addons offer to assistants. */
#include "metacore/base/utf8.h"
#include "metacore/host/backend.h"
#include "metacore/host/guests_internal.h"
#include "metacore/tool/tool.h"

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
    mc_app *app;
    mc_ctx *ctx;
    mc_str addon_key, tool_id, installation_id;
    const mc_json *given; /* NULL: nothing */
    mc_installation installation;
    mc_manifest *manifest; /* freed by execute: the tool's pieces are its */
    mc_tool tool;
    mc_str parameters; /* checked */
    mc_tool_result result;
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
    out->given = mc_json_find_nocase(body, MC_STR("parameters"));
    if (out->given && out->given->kind == MC_JSON_NULL)
        out->given = NULL;
    if (out->addon_key.len == 0 || out->tool_id.len == 0)
        return mc_fail(err, MC_INVALID, "addon_key and tool_id are required");
    if (!mc__host_is_addon_key(out->addon_key))
        return mc_fail(err, MC_INVALID, "invalid addon key");
    if (out->installation_id.len && !mc_uuid_parse(out->installation_id, &ignored))
        return mc_fail(err, MC_INVALID, "invalid installation_id");
    if (out->given && out->given->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "invalid JSON body: parameters must be an object");
    return MC_OK;
}

/* The caller's own installation, or none: never the last installer's. */
static mc_code find_installation(execution *e, mc_err *err)
{
    mc_uuid wanted;
    mc_code rc = mc_installer_find(mc_host_installer(e->app->host), e->ctx, e->addon_key,
                                   e->ctx->who.org_id, &e->installation, err);

    if (rc == MC_NOT_FOUND ||
        (rc == MC_OK &&
         (!mc_str_eq(e->installation.status, MC_STR("enabled")) ||
          (mc_uuid_parse(e->installation_id, &wanted) && !mc_uuid_eq(wanted, e->installation.id)))))
        return mc_fail(err, MC_FORBIDDEN, "installation not found for this organization/addon");
    return rc;
}

static mc_code find_tool(execution *e, mc_err *err)
{
    mc_str text, digest;
    mc_code rc = mc_installer_load_manifest(mc_host_installer(e->app->host), e->ctx, e->addon_key,
                                            &text, &digest, err);

    if (rc == MC_OK)
        rc = mc_manifest_parse(text, &e->manifest, err);
    return rc == MC_OK ? mc_tool_find(mc_json_find_nocase(e->manifest->root, MC_STR("tools")),
                                      e->tool_id, e->ctx->arena, &e->tool, err)
                       : rc;
}

static void write_member(mc_buf *out, const char *key, mc_str value)
{
    mc_buf_printf(out, "\"%s\":", key);
    mc_json_write_str(out, value);
    mc_buf_char(out, ',');
}

static void write_id(mc_buf *out, const char *key, mc_uuid id)
{
    mc_buf_printf(out, "\"%s\":\"", key);
    mc_uuid_write(out, id);
    mc_buf_lit(out, "\",");
}

/* Of a backend, and, with the words that modules know, of an export. */
static mc_code write_body(const execution *e, bool is_guest, mc_str *out, mc_err *err)
{
    mc_buf body;

    mc_buf_init_arena(&body, e->ctx->arena, 0);
    mc_buf_char(&body, '{');
    write_member(&body, "addon_key", e->addon_key);
    write_member(&body, "tool_id", e->tool_id);
    write_id(&body, "installation_id", e->installation.id);
    write_id(&body, "org_id", e->ctx->who.org_id);
    if (is_guest) {
        mc_buf_lit(&body, "\"invocation\":\"tool\",\"host\":\"metacore\",\"record_id\":null,");
        write_id(&body, "tenant", e->ctx->who.org_id);
        mc_buf_lit(&body, "\"args\":");
        mc_buf_str(&body, e->parameters);
        mc_buf_lit(&body, ",\"payload\":");
        mc_buf_str(&body, e->parameters);
        mc_buf_char(&body, ',');
    }
    mc_buf_lit(&body, "\"parameters\":");
    mc_buf_str(&body, e->parameters);
    mc_buf_char(&body, '}');
    *out = mc_buf_get(&body);
    return mc_buf_check(&body, "tool", err);
}

static mc_code refused_by_backend(execution *e, const mc_http_reply *reply, mc_err *err)
{
    e->result = (mc_tool_result){
        .error = mc_str_printf(
            e->ctx->arena, "addon returned %d: %.*s", reply->status,
            MC_FMT(mc_utf8_truncate(mc_str_trim(reply->body), MC__BACKEND_SHOWN_MAX)))};
    return e->result.error.ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "tool");
}

static mc_code call_endpoint(execution *e, mc_err *err)
{
    mc__backend_call call = {.addon_key = e->addon_key,
                             .url = e->tool.endpoint,
                             .method = e->tool.method,
                             .timeout_ms = e->tool.timeout_s * 1000};
    mc_http_reply reply = {0};
    mc_code rc;

    if (!mc_str_starts_with(call.url, MC_STR("http://")) &&
        !mc_str_starts_with(call.url, MC_STR("https://")))
        return mc_fail(err, MC_INVALID,
                       "tool.HTTPDispatcher: endpoint \"%.*s\" is relative but "
                       "Installation.BaseURL is empty",
                       MC_FMT(call.url));
    if (mc_str_find(call.url, MC_STR("{{")) < call.url.len)
        return mc_fail(err, MC_INVALID,
                       "tool: endpoint \"%.*s\" has placeholders, which are not filled in",
                       MC_FMT(call.url));
    call.event = mc_str_printf(e->ctx->arena, "tool:%.*s", MC_FMT(e->tool_id));
    rc =
        call.event.ptr ? write_body(e, false, &call.body, err) : mc_fail(err, MC_NO_MEMORY, "tool");
    if (rc == MC_OK)
        rc = mc__backend_call_run(e->app, e->ctx, &call, &reply, err);
    if (rc == MC_OK && (reply.status < 200 || reply.status > 299))
        return refused_by_backend(e, &reply, err);
    return rc == MC_OK ? mc_tool_read_result(e->ctx->arena, reply.body, &e->result, err) : rc;
}

static mc_code call_export(execution *e, mc_err *err)
{
    mc__guest_call call = {.addon_key = e->addon_key,
                           .function = e->tool.function,
                           .installation = &e->installation,
                           .timeout_ms = e->tool.timeout_s * 1000};
    mc_str answer;
    mc_code rc = write_body(e, true, &call.input, err);

    if (rc == MC_OK)
        rc = mc__guests_call(e->app->guests, e->ctx, &call, &answer, err);
    return rc == MC_OK ? mc_tool_read_result(e->ctx->arena, answer, &e->result, err) : rc;
}

/* A tool that says no is an answer like any other; so are parameters that it does not take. */
static mc_code run_tool(execution *e, mc_err *err)
{
    mc_buf parameters;
    mc_code rc;

    mc_buf_init_arena(&parameters, e->ctx->arena, 0);
    rc = mc_tool_read_input(&e->tool, e->ctx->arena, e->given, &parameters, &e->result.error, err);
    if (rc == MC_REJECTED)
        return MC_OK;
    e->parameters = mc_buf_get(&parameters);
    if (rc == MC_OK)
        rc = e->tool.function.len ? call_export(e, err) : call_endpoint(e, err);
    return rc;
}

/* It could not be reached, or it failed: what was wrong is the addon's, and its author's to read.
 */
static mc_code answer_failed(const execution *e, mc_http_res *res, mc_err *err)
{
    mc_err why = *err;

    if (why.code == MC_NO_MEMORY)
        return why.code;
    mc_log_warn(e->app->config.log, "tool.failed", MC_KV_STR("addon", e->addon_key),
                MC_KV_STR("tool", e->tool_id), MC_KV_UUID("org", e->ctx->who.org_id),
                MC_KV_STR("request", e->ctx->request_id), MC_KV_ERR("error", &why));
    res->status = 502;
    mc_http_content_type(res, MC_STR("application/json"));
    mc_tool_result_write(&res->body, &(mc_tool_result){.error = mc_z(why.msg)});
    return mc_buf_check(&res->body, "tool", err);
}

static mc_code execute(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    execution e = {.app = user, .ctx = mc_http_ctx(req)};
    mc_code rc = MC_OK;

    if (mc_uuid_is_nil(e.ctx->who.org_id))
        rc = mc_fail(err, MC_UNAUTHENTICATED, "organization context required");
    if (rc == MC_OK)
        rc = read_execution(req, &e, err);
    if (rc == MC_OK)
        rc = find_installation(&e, err);
    if (rc == MC_OK)
        rc = find_tool(&e, err);
    if (rc == MC_OK) {
        rc = run_tool(&e, err);
        if (rc != MC_OK) {
            rc = answer_failed(&e, res, err);
        } else {
            res->status = 200;
            mc_http_content_type(res, MC_STR("application/json"));
            mc_tool_result_write(&res->body, &e.result);
        }
    }
    mc_manifest_free(e.manifest);
    return rc;
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
         .run = MC_HTTP_LONG,
         .flags = MC_HTTP_NO_ORG,
         .handle = execute,
         .user = app,
         .max_body_bytes = EXECUTE_BYTES_MAX},
    };

    return mc_http_router_add_all(app->router, MC_STR("/api"), routes, MC_LEN(routes), err);
}
