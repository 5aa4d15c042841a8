/* SPDX-License-Identifier: Apache-2.0 */
/* sequence_next, ctx_get and connector_get: numbers, and who and whose it is. */
#include "metacore/base/secret.h"
#include "metacore/host/connectors_internal.h"
#include "metacore/host/guests_internal.h"

#define REQUEST_BYTES_MAX ((size_t)64 << 10)
#define SEQUENCE_KEY_MAX 64

/* One such call. */
typedef struct question {
    mc__invocation *call;
    uint32_t import;
    mc_str text; /* what was sent */
    const mc_json *json;
    const mc_model *model;
    mc_str key;
    mc_buf out;
} question;

static mc_code read_request(question *q, mc_ctx *ctx, mc_err *err)
{
    mc_str text = q->text.len ? q->text : MC_STR("{}");
    mc_code rc = text.len <= REQUEST_BYTES_MAX
                     ? mc_json_parse(ctx->arena, text, NULL, &q->json, err)
                     : mc_fail(err, MC_TOO_LARGE, "request exceeds %zu bytes", REQUEST_BYTES_MAX);

    if (rc == MC_OK && q->json->kind != MC_JSON_OBJECT)
        rc = mc_fail(err, MC_INVALID, "request is no JSON object");
    return rc;
}

/* ---- sequence_next ---- */

static bool is_sequence_key(mc_str key)
{
    if (key.len == 0 || key.len > SEQUENCE_KEY_MAX)
        return false;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            !strchr("_.:-", c))
            return false;
    }
    return true;
}

/* Given back when the transaction is: so there are no gaps. */
static mc_code next_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    question *q = user;
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_text(q->model->key),
                          mc_db_text(q->key), mc_db_time(ctx->now)};
    int64_t value = 0;
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        conn,
        MC_STR("INSERT INTO metacore_sequences (organization_id, model, key, value, updated_at) "
               "VALUES ($1, $2, $3, 1, $4) ON CONFLICT (organization_id, model, key) DO UPDATE SET "
               "value = metacore_sequences.value + 1, updated_at = excluded.updated_at RETURNING "
               "value"),
        args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        value = mc_db_col_int(&rows, 0);
    rc = mc_db_rows_finish(&rows, err);
    mc_buf_clear(&q->out); /* it may be the second try */
    mc_buf_lit(&q->out, "{\"model\":");
    mc_json_write_str(&q->out, q->model->key);
    mc_buf_lit(&q->out, ",\"key\":");
    mc_json_write_str(&q->out, q->key);
    mc_buf_printf(&q->out, ",\"value\":%lld}", (long long)value);
    return rc;
}

static mc_code sequence(question *q, mc_ctx *ctx, mc_err *err)
{
    mc_code rc = read_request(q, ctx, err);

    if (rc == MC_OK)
        rc = mc__guest_find_model(q->call, ctx, q->json, MC_CAP_DB_WRITE, &q->model, err);
    if (rc == MC_OK && (!mc_json_get_str(mc_json_find(q->json, MC_STR("key")), &q->key) ||
                        !is_sequence_key(q->key)))
        rc = mc_fail(err, MC_INVALID, "key must be 1..%d of letters, digits, _ . : and -",
                     SEQUENCE_KEY_MAX);
    if (rc != MC_OK)
        return rc;
    return q->call->in_transaction ? mc__guest_write_within(ctx, next_in, q, err)
                                   : mc_db_write(q->call->guests->app->db, ctx, next_in, q, err);
}

/* ---- ctx_get ---- */

static const struct {
    const char *name;
    mc_capability_kind kind;
} scopes[] = {
    {"user", MC_CAP_CTX_USER}, {"roles", MC_CAP_CTX_ROLES}, {"org_config", MC_CAP_CTX_ORG_CONFIG}};

enum { USER = 1, ROLES = 2, ORG_CONFIG = 4 };

/* Those that are asked for, and held; nothing asked for: all that are held. */
static mc_code read_scopes(question *q, unsigned *out, mc_err *err)
{
    const mc_capability_set *held = q->call->guest->capabilities;
    const mc_json *list = mc_json_find(q->json, MC_STR("scopes"));

    if (!list || list->kind == MC_JSON_NULL) {
        for (unsigned i = 0; i < MC_LEN(scopes); i++)
            *out |= mc_capability_holds(held, scopes[i].kind) ? 1u << i : 0;
        return MC_OK;
    }
    if (list->kind != MC_JSON_ARRAY)
        return mc_fail(err, MC_INVALID, "scopes must be an array");
    for (size_t k = 0; k < list->as.array.count; k++) {
        mc_str name = MC_STR("");
        unsigned i = 0;

        (void)mc_json_get_str(list->as.array.items[k], &name); /* else nobody's */
        if (mc_str_starts_with(name, MC_STR("ctx:")))
            name = mc_str_slice(name, 4, name.len);
        while (i < MC_LEN(scopes) && !mc_str_eq(name, mc_z(scopes[i].name)))
            i++;
        if (i == MC_LEN(scopes))
            return mc_fail(err, MC_INVALID, "scopes are user, roles and org_config");
        if (!mc_capability_holds(held, scopes[i].kind))
            return mc_fail(err, MC_FORBIDDEN, "addon \"%.*s\" lacks %s",
                           MC_FMT(q->call->guest->manifest->key),
                           mc_capability_kind_name(scopes[i].kind));
        *out |= 1u << i;
    }
    return MC_OK;
}

/* A text, or null where there is none. */
static void write_text(mc_buf *out, const char *name, mc_str text)
{
    mc_buf_printf(out, "\"%s\":", name);
    if (text.len)
        mc_json_write_str(out, text);
    else
        mc_buf_lit(out, "null");
}

static mc_code write_user(question *q, mc_ctx *ctx, unsigned wanted, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.user_id), mc_db_uuid(ctx->who.org_id)};
    mc_str email = MC_STR(""), role = MC_STR("");
    char id[MC_UUID_TEXT_LEN];
    bool is_there;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT email, role FROM users WHERE id = $1 AND "
                                    "organization_id = $2 AND deleted_at IS NULL"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    is_there = mc_db_rows_next(&rows);
    if (is_there) {
        email = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
        role = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 1));
    }
    rc = mc_db_rows_finish(&rows, err);
    if (wanted & USER) {
        mc_uuid_format(ctx->who.user_id, id);
        mc_buf_char(&q->out, ',');
        write_text(&q->out, "user_id", is_there ? mc_str_of(id, sizeof(id)) : MC_STR(""));
        mc_buf_char(&q->out, ',');
        write_text(&q->out, "user_email", email);
    }
    if (wanted & ROLES) {
        mc_buf_lit(&q->out, ",\"roles\":[");
        if (role.len)
            mc_json_write_str(&q->out, role);
        mc_buf_char(&q->out, ']');
    }
    return rc;
}

/* What nobody has said of an organization is null. */
static mc_code write_org(question *q, mc_ctx *ctx, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id)};
    mc_db_rows rows;
    mc_code rc =
        mc_db_query(ctx->conn, MC_STR("SELECT currency, timezone FROM organizations WHERE id = $1"),
                    args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_lit(&q->out, ",\"org\":{");
    if (mc_db_rows_next(&rows)) {
        write_text(&q->out, "currency_code", mc_db_col_text(&rows, 0));
        mc_buf_lit(&q->out, ",\"tax_rate\":null,\"tax_included\":null,");
        write_text(&q->out, "locale", ctx->lang);
        mc_buf_char(&q->out, ',');
        write_text(&q->out, "timezone", mc_db_col_text(&rows, 1));
    }
    mc_buf_char(&q->out, '}');
    return mc_db_rows_finish(&rows, err);
}

static mc_code context_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    question *q = user;
    unsigned wanted = 0;
    mc_code rc = read_scopes(q, &wanted, err);

    (void)conn; /* in ctx */
    mc_buf_clear(&q->out);
    mc_buf_lit(&q->out, "{\"org_id\":\"");
    mc_uuid_write(&q->out, ctx->who.org_id);
    mc_buf_char(&q->out, '"');
    if (rc == MC_OK && (wanted & (USER | ROLES)))
        rc = write_user(q, ctx, wanted, err);
    if (rc == MC_OK && (wanted & ORG_CONFIG))
        rc = write_org(q, ctx, err);
    mc_buf_char(&q->out, '}');
    return rc;
}

/* ---- connector_get ---- */

static mc_code connector_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    question *q = user;
    mc_str plain = MC_STR("");
    mc_code rc = mc__connector_open(q->call->guests->app, ctx, q->key, &plain, err);

    (void)conn; /* in ctx */
    mc_buf_clear(&q->out);
    mc_buf_lit(&q->out, "{\"key\":");
    mc_json_write_str(&q->out, q->key);
    mc_buf_lit(&q->out, ",\"credentials\":");
    mc_buf_str(&q->out, plain);
    mc_buf_char(&q->out, '}');
    if (plain.len)
        mc_wipe((char *)plain.ptr, plain.len);
    return rc;
}

static mc_code connector(question *q, mc_err *err)
{
    q->key = q->text;
    if (!mc__connector_is_key(q->key))
        return mc_fail(err, MC_INVALID, "that is no connector's key");
    return mc_capability_check(q->call->guest->capabilities, MC_CAP_CONNECTOR_READ, q->key, err);
}

/* ---- the answer ---- */

static mc_code ask(question *q, mc_ctx *ctx, mc_err *err)
{
    mc_db_fn fn = q->import == MC__GUEST_CTX_GET ? context_in : connector_in;
    mc_code rc;

    if (q->import == MC__GUEST_SEQUENCE_NEXT)
        return sequence(q, ctx, err);
    rc = q->import == MC__GUEST_CTX_GET ? read_request(q, ctx, err) : connector(q, err);
    if (rc != MC_OK)
        return rc;
    return q->call->in_transaction ? fn(ctx->conn, ctx, q, err)
                                   : mc_db_read(q->call->guests->app->db, ctx, fn, q, err);
}

static const char *code_of(mc_code rc)
{
    switch (rc) {
    case MC_FORBIDDEN:
        return "forbidden";
    case MC_NOT_FOUND:
        return "not_found";
    case MC_INVALID:
    case MC_TOO_LARGE:
        return "invalid_request";
    default:
        return "db_error";
    }
}

mc_code mc__guest_ask(mc__invocation *call, mc_arena *arena, uint32_t import, mc_str text,
                      mc_buf *out, mc_err *err)
{
    int64_t began_us = mc_clock_monotonic_us(call->guests->app->config.clock);
    question q = {.call = call, .import = import, .text = text};
    mc_ctx ctx = *call->ctx; /* what it leaves behind is not the request's */
    mc_err why;
    mc_code rc;

    ctx.arena = arena;
    if (!call->in_transaction)
        ctx.now = mc_clock_now(call->guests->app->config.clock);
    mc_buf_init_arena(&q.out, arena, 0);
    rc = ask(&q, &ctx, &why);
    if (rc == MC_OK)
        rc = mc_buf_check(&q.out, "answer", &why);
    if (rc == MC_NO_MEMORY)
        return mc_fail(err, rc, "guest");
    if (rc == MC_OK) {
        mc_buf_lit(out, "{\"success\":true,\"data\":");
        mc_buf_str(out, mc_buf_get(&q.out));
    } else {
        mc_buf_printf(out,
                      "{\"success\":false,\"error\":{\"code\":\"%s\",\"message\":", code_of(rc));
        mc_json_write_str(out, rc == MC_IO || rc == MC_INTERNAL ? MC_STR("database error")
                                                                : mc_z(why.msg));
        mc_buf_char(out, '}');
    }
    if (import == MC__GUEST_CONNECTOR_GET && q.out.len)
        mc_wipe(q.out.ptr, q.out.len);
    mc__guest_write_meta(call, began_us, false, out);
    return MC_OK;
}
