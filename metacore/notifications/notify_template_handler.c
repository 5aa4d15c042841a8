/* SPDX-License-Identifier: Apache-2.0 */
/* An organization's own words: read, set and tried by who manages them. */
#include "metacore/notifications/notify_internal.h"

static void write_template(mc_buf *out, const mc_notify_template *t, const char *of)
{
    const struct {
        const char *name;
        mc_str text;
    } texts[] = {{"lang", t->lang},       {"label", t->label}, {"title", t->title},
                 {"message", t->message}, {"html", t->html},   {"link", t->link},
                 {"icon", t->icon},       {"type", t->type}};

    mc_buf_lit(out, "{\"event\":");
    mc_json_write_str(out, t->event);
    for (size_t i = 0; i < MC_LEN(texts); i++) {
        mc_buf_printf(out, ",\"%s\":", texts[i].name);
        mc_json_write_str(out, texts[i].text);
    }
    mc_buf_lit(out, ",\"channels\":");
    mc__notify_write_texts(out, t->channels);
    mc_buf_printf(out, ",\"mandatory\":%s,\"of\":\"%s\"}", t->is_mandatory ? "true" : "false", of);
}

static mc_code write_kept(mc_ctx *ctx, mc_buf *out, size_t *count, mc_err *err)
{
    mc_db_value org = mc_db_uuid(ctx->who.org_id);
    mc_db_rows rows;
    mc_code over, rc = mc_db_query(ctx->conn,
                                   MC_STR("SELECT " MC__NOTIFY_TEMPLATE_COLUMNS
                                          ", addon_key FROM notification_templates WHERE "
                                          "organization_id = $1 ORDER BY event, lang, addon_key"),
                                   &org, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (rc == MC_OK && mc_db_rows_next(&rows)) {
        mc_notify_template t = {.is_mandatory = false};

        rc = mc__notify_read_template(&rows, ctx->arena, &t, err);
        if ((*count)++)
            mc_buf_char(out, ',');
        write_template(out, &t, mc_db_col_text(&rows, 11).len ? "addon" : "organization");
    }
    over = mc_db_rows_finish(&rows, rc == MC_OK ? err : NULL);
    return rc == MC_OK ? over : rc;
}

/* GET /notifications/templates */
static mc_code list(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_notify *self = user;
    mc_buf *out;
    size_t count = 0;
    mc_code rc = mc__notify_manages(user, req, err);

    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    mc_buf_char(out, '[');
    rc = write_kept(mc_http_ctx(req), out, &count, err);
    for (size_t i = 0; i < self->template_count; i++) {
        if (count++)
            mc_buf_char(out, ',');
        write_template(out, &self->templates[i], "host");
    }
    mc_buf_char(out, ']');
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* ---- changing ---- */

typedef struct asked {
    mc_notify_template t;
    const mc_json *vars;
} asked;

static mc_code prepare(mc_http_req *req, void *user, asked **out, mc_err *err)
{
    asked *a = mc_arena_object(mc_http_ctx(req)->arena, asked);
    mc_code rc = a ? mc__notify_manages(user, req, err) : mc_fail(err, MC_NO_MEMORY, "notify");

    req->state = a;
    *out = a;
    if (rc == MC_OK)
        rc = mc_http_query_parse(req, err);
    if (rc != MC_OK)
        return rc;
    a->t.event = mc_http_param(req, MC_STR("event"));
    a->t.lang = mc_http_query(req, MC_STR("lang"));
    if (!mc__notify_is_name(a->t.event, MC_NOTIFY_EVENT_MAX, true))
        return mc_fail(err, MC_INVALID, "event: want lower case, digits, . - _, at most %d bytes",
                       MC_NOTIFY_EVENT_MAX);
    return MC_OK;
}

static mc_code prepare_put(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_json *body = NULL;
    asked *a;
    mc_code rc = prepare(req, user, &a, err);

    (void)res;
    if (rc == MC_OK)
        rc = mc_http_body_object(req, "invalid body", &body, err);
    return rc == MC_OK ? mc__notify_parse_template(body, mc_http_ctx(req)->arena, &a->t, err) : rc;
}

/* PUT /notifications/templates/:event */
static mc_code put(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const asked *a = req->state;
    mc_code rc = mc__notify_put_template(mc_http_ctx(req), MC_STR(""), &a->t, err);

    (void)user;
    if (rc != MC_OK)
        return rc;
    write_template(mc_http_ok_begin(res, 200), &a->t, "organization");
    return mc_http_ok_end(res, MC_STR(""), err);
}

static mc_code prepare_delete(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    asked *a;

    (void)res;
    return prepare(req, user, &a, err);
}

/* DELETE /notifications/templates/:event: what came with an addon or the host counts again. */
static mc_code delete_one(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const asked *a = req->state;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_text(a->t.event),
                          mc_db_text(a->t.lang)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("DELETE FROM notification_templates WHERE organization_id = $1 "
                                   "AND event = $2 AND lang = $3 AND addon_key = ''"),
                            args, MC_LEN(args), &changed, err);

    (void)user;
    if (rc == MC_OK && changed == 0)
        rc = mc_fail(err, MC_NOT_FOUND, "template not found");
    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR(""), err) : rc;
}

/* POST /notifications/templates/:event/preview {"vars", "lang"?} */
static mc_code preview(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    const mc_json *body = NULL, *vars;
    mc__notify_words words = {.subject = MC_STR("")};
    bool is_found = false;
    mc_str lang = MC_STR("");
    mc_buf *out;
    asked *a;
    mc_code rc = prepare(req, user, &a, err);

    if (rc == MC_OK)
        rc = mc_http_body_object(req, "invalid body", &body, err);
    if (rc != MC_OK)
        return rc;
    vars = mc_json_find(body, MC_STR("vars"));
    (void)mc_json_get_str(mc_json_find(body, MC_STR("lang")), &lang); /* else the default one */
    if (vars && vars->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "vars: want an object");
    rc = mc__notify_find_template(user, ctx, a->t.event, lang, &a->t, &is_found, err);
    if (rc == MC_OK && !is_found)
        rc = mc_fail(err, MC_NOT_FOUND, "template not found");
    if (rc == MC_OK)
        rc = mc__notify_render(ctx, &a->t, vars, &words, err);
    if (rc != MC_OK)
        return rc;
    out = mc_http_ok_begin(res, 200);
    mc_buf_lit(out, "{\"title\":");
    mc_json_write_str(out, words.subject);
    mc_buf_lit(out, ",\"message\":");
    mc_json_write_str(out, words.message);
    mc_buf_lit(out, ",\"html\":");
    mc_json_write_str(out, words.html);
    mc_buf_lit(out, ",\"data\":");
    mc_buf_str(out, words.data);
    mc_buf_char(out, '}');
    return mc_http_ok_end(res, MC_STR(""), err);
}

#define ONE "/notifications/templates/:event"

const mc_http_route mc__notify_template_routes[] = {
    {.method = "GET", .pattern = "/notifications/templates", .run = MC_HTTP_READ, .handle = list},
    {.method = "PUT", .pattern = ONE, .run = MC_HTTP_WRITE, .prepare = prepare_put, .handle = put},
    {.method = "DELETE",
     .pattern = ONE,
     .run = MC_HTTP_WRITE,
     .prepare = prepare_delete,
     .handle = delete_one},
    {.method = "POST", .pattern = ONE "/preview", .run = MC_HTTP_READ, .handle = preview},
};
const size_t mc__notify_template_route_count = MC_LEN(mc__notify_template_routes);
