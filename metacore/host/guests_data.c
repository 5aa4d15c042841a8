/* SPDX-License-Identifier: Apache-2.0 */
/* Rows, for guests: read and written as everybody's are, of the organization that was called for.
 */
#include "metacore/host/guests_internal.h"

#define REQUEST_BYTES_MAX ((size_t)64 << 10)
#define QUERY_BUDGET_US 5000000
#define LIMIT_DEFAULT 50
#define LIMIT_MAX 200
#define WHERE_MAX 32
#define BATCH_MAX 100
#define NAME_MAX_BYTES 63

typedef enum op { CREATE, UPDATE, DELETE } op;

typedef struct request {
    mc__invocation *call;
    const mc_json *json;
    const mc_model *model;
    op op;
    mc_uuid id;
    const mc_json *data, *inc, *returning; /* NULL: not given */
    mc_dynamic_write *write;
    mc_buf row;
    mc_header pairs[WHERE_MAX + 2];
    size_t pair_count;
} request;

/* ---- reading a request ---- */

static bool is_name(mc_str name)
{
    if (name.len == 0 || name.len > NAME_MAX_BYTES)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_first = (c >= 'a' && c <= 'z') || c == '_';

        if (!is_first && (i == 0 || c < '0' || c > '9'))
            return false;
    }
    return true;
}

static mc_code read_name(const mc_json *json, const char *key, mc_str *out, mc_err *err)
{
    const mc_json *value = mc_json_find(json, mc_z(key));

    if (!value)
        return MC_OK;
    return mc_json_get_str(value, out) && is_name(*out)
               ? MC_OK
               : mc_fail(err, MC_INVALID, "%s must be [a-z_][a-z0-9_]{0,62}", key);
}

/* One of the addon's own tables by its name, or any model by its key. */
static mc_code find_model(request *r, mc_ctx *ctx, mc_str table, mc_str key, mc_err *err)
{
    mc_models *models = r->call->guests->app->models;
    mc_str own = r->call->guest->manifest->key;
    const mc_model *const *all;
    size_t count = 0;
    mc_code rc = mc_models_list(models, ctx->arena, &all, &count, err);

    if (rc == MC_OK && table.len == 0 && key.len == 0)
        return mc_fail(err, MC_INVALID, "table or model is required");
    for (size_t i = 0; i < r->call->own_count && rc == MC_OK && !r->model; i++) {
        const mc_model *model = r->call->own[i];

        if (mc_str_eq(key.len ? model->key : model->table, key.len ? key : table))
            r->model = model;
    }
    for (size_t i = 0; i < count && rc == MC_OK && !r->model; i++) {
        if (key.len ? mc_str_eq(all[i]->key, key)
                    : mc_str_eq(all[i]->table, table) && mc_str_eq(all[i]->addon_key, own))
            r->model = all[i];
    }
    if (rc == MC_OK && !r->model && key.len == 0)
        r->model = mc_models_find(models, table);
    return rc;
}

static mc_code check_right(request *r, mc_ctx *ctx, mc_capability_kind kind, mc_str name,
                           mc_err *err)
{
    const mc_capability_set *held = r->call->guest->capabilities;
    mc_app *app = r->call->guests->app;
    bool is_visible = false;
    mc_str target = name;
    mc_code rc = MC_OK;

    if (r->model && r->model->addon_key.len)
        target = mc_str_printf(ctx->arena, "addon_%.*s.%.*s", MC_FMT(r->model->addon_key),
                               MC_FMT(r->model->table));
    if (!target.ptr)
        return mc_fail(err, MC_NO_MEMORY, "guest");
    if (!r->model || mc_capability_check(held, kind, r->model->key, err) != MC_OK)
        rc = mc_capability_check(held, kind, target, err);
    if (rc == MC_OK && r->model)
        rc = mc__host_is_visible(app->host, ctx, r->model, &is_visible, err);
    if (rc == MC_OK && r->model && r->call->is_member)
        is_visible |= mc_str_eq(r->model->addon_key, r->call->guest->manifest->key);
    if (rc == MC_OK && !is_visible)
        rc = mc_fail(err, MC_NOT_FOUND, "no model \"%.*s\"", MC_FMT(name));
    return rc == MC_OK ? mc_models_for_org(app->models, r->model, ctx->who.org_id, &r->model, err)
                       : rc;
}

static mc_code read_json(mc_ctx *ctx, mc_str text, const mc_json **out, mc_err *err)
{
    if (text.len > REQUEST_BYTES_MAX)
        return mc_fail(err, MC_TOO_LARGE, "request exceeds %zu bytes", REQUEST_BYTES_MAX);
    return mc_json_parse(ctx->arena, text, NULL, out, err);
}

static mc_code open_request(request *r, mc_ctx *ctx, const mc_json *json, mc_capability_kind kind,
                            mc_err *err)
{
    mc_str table = MC_STR(""), key = MC_STR("");
    mc_code rc = MC_OK;

    r->json = json;
    if (json->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "request is no JSON object");
    rc = read_name(json, "table", &table, err);
    if (rc == MC_OK)
        rc = read_name(json, "model", &key, err);
    if (rc == MC_OK)
        rc = find_model(r, ctx, table, key, err);
    return rc == MC_OK ? check_right(r, ctx, kind, key.len ? key : table, err) : rc;
}

mc_code mc__guest_find_model(mc__invocation *call, mc_ctx *ctx, const mc_json *json,
                             mc_capability_kind kind, const mc_model **out, mc_err *err)
{
    request *r = mc_arena_object(ctx->arena, request);
    mc_code rc;

    if (!r)
        return mc_fail(err, MC_NO_MEMORY, "guest");
    r->call = call;
    rc = open_request(r, ctx, json, kind, err);
    *out = r->model;
    return rc;
}

/* ---- data_query ---- */

static mc_code add_equal(request *r, mc_ctx *ctx, const mc_json_member *member, mc_err *err)
{
    mc_header *pair = &r->pairs[r->pair_count++];
    mc_buf text;

    if (!is_name(member->key))
        return mc_fail(err, MC_INVALID, "where: a name must be [a-z_][a-z0-9_]{0,62}");
    mc_buf_init_arena(&text, ctx->arena, 0);
    switch (member->value->kind) {
    case MC_JSON_NULL:
        mc_buf_lit(&text, "null");
        break;
    case MC_JSON_STRING:
        mc_buf_lit(&text, "eq:");
        mc_buf_str(&text, member->value->as.string);
        break;
    case MC_JSON_BOOL:
    case MC_JSON_NUMBER:
        mc_buf_lit(&text, "eq:");
        mc_json_write(&text, member->value);
        break;
    default:
        return mc_fail(err, MC_INVALID, "where.%.*s: want a text, number, boolean or null",
                       MC_FMT(member->key));
    }
    pair->name = mc_str_printf(ctx->arena, "f_%.*s", MC_FMT(member->key));
    pair->value = mc_buf_get(&text);
    return pair->name.ptr ? mc_buf_check(&text, "where", err) : mc_fail(err, MC_NO_MEMORY, "where");
}

static mc_code read_where(request *r, mc_ctx *ctx, mc_err *err)
{
    const mc_json *where = mc_json_find(r->json, MC_STR("where"));
    mc_code rc = MC_OK;

    if (!where || where->kind == MC_JSON_NULL)
        return MC_OK;
    if (where->kind != MC_JSON_OBJECT || where->as.object.count > WHERE_MAX)
        return mc_fail(err, MC_INVALID, "where must be an object of at most %d columns", WHERE_MAX);
    for (size_t i = 0; i < where->as.object.count && rc == MC_OK; i++)
        rc = add_equal(r, ctx, &where->as.object.members[i], err);
    return rc;
}

static mc_code read_limit(request *r, mc_ctx *ctx, mc_err *err)
{
    const mc_json *value = mc_json_find(r->json, MC_STR("limit"));
    int64_t limit = LIMIT_DEFAULT;
    mc_str text;

    if (value && !mc_json_get_i64(value, 1, LIMIT_MAX, &limit))
        return mc_fail(err, MC_INVALID, "limit must be 1..%d", LIMIT_MAX);
    text = mc_str_printf(ctx->arena, "%lld", (long long)limit);
    r->pairs[r->pair_count++] = (mc_header){MC_STR("per_page"), text};
    r->pairs[r->pair_count++] = (mc_header){MC_STR("count"), MC_STR("none")};
    return text.ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "limit");
}

static mc_code query(mc__invocation *call, mc_ctx *ctx, const mc_json *json, mc_buf *out,
                     mc_err *err)
{
    request *r = mc_arena_object(ctx->arena, request);
    mc_dynamic_page page;
    mc_code rc;

    if (!r)
        return mc_fail(err, MC_NO_MEMORY, "guest");
    r->call = call;
    rc = open_request(r, ctx, json, MC_CAP_DB_READ, err);

    if (rc == MC_OK)
        rc = read_where(r, ctx, err);
    if (rc == MC_OK)
        rc = read_limit(r, ctx, err);
    mc_buf_lit(out, "{\"rows\":");
    if (!call->in_transaction && ctx->conn)
        mc_db_conn_set_budget(ctx->conn, QUERY_BUDGET_US);
    if (rc == MC_OK)
        rc = mc_dynamic_list(r->call->guests->app->dynamic, ctx, r->model, r->pairs, r->pair_count,
                             out, &page, err);
    if (!call->in_transaction && ctx->conn)
        mc_db_conn_set_budget(ctx->conn, 0);
    if (rc == MC_INTERRUPTED)
        rc = mc_fail(err, MC_TIMEOUT, "query took longer than %d ms", QUERY_BUDGET_US / 1000);
    mc_buf_str(out, rc == MC_OK && page.has_more ? MC_STR(",\"has_more\":true}")
                                                 : MC_STR(",\"has_more\":false}"));
    return rc;
}

/* ---- data_mutate ---- */

static mc_code read_op(request *r, mc_err *err)
{
    static const char *const names[] = {"create", "update", "delete"};
    mc_str name = MC_STR(""), id = MC_STR("");

    (void)mc_json_get_str(mc_json_find(r->json, MC_STR("op")), &name);
    (void)mc_json_get_str(mc_json_find(r->json, MC_STR("id")), &id);
    for (size_t i = 0; i < MC_LEN(names); i++) {
        if (!mc_str_eq(name, mc_z(names[i])))
            continue;
        r->op = (op)i;
        return r->op == CREATE || mc_uuid_parse(id, &r->id)
                   ? MC_OK
                   : mc_fail(err, MC_INVALID, "id must be a row's id");
    }
    return mc_fail(err, MC_INVALID, "op must be create, update or delete");
}

static const mc_json *given(const mc_json *json, const char *key)
{
    const mc_json *value = mc_json_find(json, mc_z(key));

    return value && value->kind != MC_JSON_NULL ? value : NULL;
}

/* What stands beside the operation. */
static mc_code read_rest(request *r, mc_err *err)
{
    mc_code rc = MC_OK;

    r->data = given(r->json, "data");
    r->inc = given(r->json, "inc");
    r->returning = given(r->json, "returning");
    if (r->returning)
        rc = mc__guest_check_returning(r->model, r->returning, err);
    if (rc == MC_OK && r->inc && r->op != UPDATE)
        rc = mc_fail(err, MC_INVALID, "inc is for updates");
    if (rc == MC_OK && r->op != DELETE && (r->data || !r->inc) &&
        (!r->data || r->data->kind != MC_JSON_OBJECT))
        rc = mc_fail(err, MC_INVALID, "data must be an object");
    return rc == MC_OK && r->inc ? mc__guest_check_inc(r->model, r->data, r->inc, err) : rc;
}

static mc_code prepare(request *r, mc_ctx *ctx, const mc_json *json, mc_err *err)
{
    mc_code rc = open_request(r, ctx, json, MC_CAP_DB_WRITE, err);

    mc_buf_init_arena(&r->row, ctx->arena, 0);
    if (rc == MC_OK)
        rc = read_op(r, err);
    if (rc == MC_OK)
        rc = read_rest(r, err);
    if (rc != MC_OK || r->op == DELETE || r->inc)
        return rc;
    return mc_dynamic_prepare(r->call->guests->app->dynamic, ctx, r->model, r->data,
                              r->op == CREATE, &r->write, err);
}

/* Nobody changes the row between what is read and what is written: it is one transaction. */
static mc_code add_increments(request *r, mc_ctx *ctx, mc_err *err)
{
    const mc_json *data = NULL;
    mc_code rc = mc__guest_increment(ctx, r->model, r->id, r->data, r->inc, &data, err);

    return rc == MC_OK ? mc_dynamic_prepare(r->call->guests->app->dynamic, ctx, r->model, data,
                                            false, &r->write, err)
                       : rc;
}

static mc_code write_one(request *r, mc_ctx *ctx, mc_err *err)
{
    mc_dynamic *dynamic = r->call->guests->app->dynamic;
    mc_time version;
    mc_code rc = MC_OK;

    mc_buf_clear(&r->row); /* it may be the second try */
    switch (r->op) {
    case CREATE:
        return mc_dynamic_create(dynamic, ctx, r->write, &r->row, &version, err);
    case UPDATE:
        if (r->inc)
            rc = add_increments(r, ctx, err);
        return rc == MC_OK ? mc_dynamic_update(dynamic, ctx, r->write, r->id, NULL, NULL, &r->row,
                                               &version, err)
                           : rc;
    default:
        if (r->returning) /* as it was */
            rc = mc_dynamic_get(dynamic, ctx, r->model, r->id, &r->row, &version, err);
        return rc == MC_OK ? mc_dynamic_delete(dynamic, ctx, r->model, r->id, NULL, NULL, err) : rc;
    }
}

/* What is written together. */
typedef struct batch {
    request *items;
    size_t count;
    size_t at; /* the one that is looked at */
} batch;

static mc_code write_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    batch *all = user;
    mc_code rc = MC_OK;

    (void)conn; /* in ctx */
    for (all->at = 0; all->at < all->count && rc == MC_OK; all->at += rc == MC_OK)
        rc = write_one(&all->items[all->at], ctx, err);
    return rc;
}

static mc_code write_all(mc__invocation *call, mc_ctx *ctx, const mc_json *const *items, batch *all,
                         mc_err *err)
{
    mc_code rc = MC_OK;

    all->items = mc_arena_array(ctx->arena, request, all->count);
    if (!all->items)
        return mc_fail(err, MC_NO_MEMORY, "guest");
    for (all->at = 0; all->at < all->count && rc == MC_OK; all->at += rc == MC_OK) {
        all->items[all->at] = (request){.call = call};
        rc = prepare(&all->items[all->at], ctx, items[all->at], err);
    }
    if (rc != MC_OK)
        return rc;
    return call->in_transaction
               ? mc__guest_write_within(ctx, write_in, all, err)
               : mc_dynamic_transact(call->guests->app->dynamic, ctx, false, write_in, all, err);
}

static mc_code write_result(const request *r, mc_ctx *ctx, mc_buf *out, mc_err *err)
{
    bool has_row = r->op != DELETE || r->returning;
    mc_code rc = MC_OK;

    mc_buf_char(out, '{');
    if (r->op == DELETE) {
        mc_buf_lit(out, "\"id\":\"");
        mc_uuid_write(out, r->id);
        mc_buf_char(out, '"');
    }
    if (has_row) {
        mc_buf_str(out, r->op == DELETE ? MC_STR(",\"row\":") : MC_STR("\"row\":"));
        if (r->returning)
            rc = mc__guest_write_returning(ctx, mc_buf_get(&r->row), r->returning, out, err);
        else
            mc_buf_str(out, mc_buf_get(&r->row));
    }
    mc_buf_char(out, '}');
    return rc;
}

static mc_code mutate(mc__invocation *call, mc_ctx *ctx, const mc_json *json, mc_buf *out,
                      mc_err *err)
{
    batch all = {.count = 1};
    mc_code rc = write_all(call, ctx, &json, &all, err);

    return rc == MC_OK ? write_result(&all.items[0], ctx, out, err) : rc;
}

/* ---- data_batch ---- */

/* Which one it was stands before what was wrong with it. */
static mc_code at_item(const batch *all, mc_code rc, mc_err *err)
{
    mc_err why = *err;

    return all->at < all->count ? mc_fail(err, rc, "mutations[%zu]: %s", all->at, why.msg) : rc;
}

static mc_code run_batch(mc__invocation *call, mc_ctx *ctx, const mc_json *json, mc_buf *out,
                         mc_err *err)
{
    const mc_json *list = mc_json_find(json, MC_STR("mutations"));
    batch all = {.count = 0};
    mc_code rc;

    if (!list || list->kind != MC_JSON_ARRAY || list->as.array.count == 0 ||
        list->as.array.count > BATCH_MAX)
        return mc_fail(err, MC_INVALID, "mutations must be an array of 1..%d", BATCH_MAX);
    all.count = list->as.array.count;
    rc = write_all(call, ctx, list->as.array.items, &all, err);
    if (rc != MC_OK)
        return at_item(&all, rc, err);
    mc_buf_lit(out, "{\"results\":[");
    for (size_t i = 0; i < all.count && rc == MC_OK; i++) {
        if (i)
            mc_buf_char(out, ',');
        rc = write_result(&all.items[i], ctx, out, err);
    }
    mc_buf_lit(out, "]}");
    return rc;
}

/* ---- answers ---- */

static const char *code_of(mc_code rc)
{
    switch (rc) {
    case MC_FORBIDDEN:
        return "forbidden";
    case MC_NOT_FOUND:
        return "not_found";
    case MC_INVALID:
    case MC_REJECTED:
    case MC_CONFLICT:
    case MC_TOO_LARGE:
        return "invalid_request";
    default:
        return "db_error";
    }
}

/* What broke inside is for the log, not for an addon. */
static mc_str message_of(const mc_ctx *ctx, const mc_err *why)
{
    if (ctx->field_error_count && ctx->field_errors[0].message.len)
        return ctx->field_errors[0].message;
    return why->code == MC_IO || why->code == MC_INTERNAL ? MC_STR("database error")
                                                          : mc_z(why->msg);
}

static mc_code run(mc__invocation *call, mc_ctx *ctx, uint32_t import, mc_str text, mc_buf *out,
                   mc_err *err)
{
    const mc_json *json = NULL;
    mc_code rc = read_json(ctx, text, &json, err);

    if (rc != MC_OK)
        return rc;
    switch (import) {
    case MC__GUEST_DATA_QUERY:
        return query(call, ctx, json, out, err);
    case MC__GUEST_DATA_MUTATE:
        return mutate(call, ctx, json, out, err);
    default:
        return run_batch(call, ctx, json, out, err);
    }
}

mc_code mc__guest_data(mc__invocation *call, mc_arena *arena, uint32_t import, mc_str text,
                       mc_buf *out, mc_err *err)
{
    int64_t began_us = mc_clock_monotonic_us(call->guests->app->config.clock);
    mc_ctx ctx = *call->ctx; /* what it leaves behind is not the request's */
    mc_buf data;
    mc_err why;
    mc_code rc;

    if (!call->in_transaction) {
        ctx.arena = arena;
        ctx.now = mc_clock_now(call->guests->app->config.clock);
    }
    ctx.field_errors = NULL;
    ctx.field_error_count = 0;
    ctx.failure_code = MC_STR("");
    ctx.failure_is_told = false;
    mc_buf_init_arena(&data, arena, MC_WASM_MESSAGE_MAX);
    rc = run(call, &ctx, import, text, &data, &why);
    if (rc == MC_OK)
        rc = mc_buf_check(&data, "answer", &why);
    if (rc == MC_NO_MEMORY)
        return mc_fail(err, rc, "guest");
    if (rc == MC_OK) {
        mc_buf_lit(out, "{\"success\":true,\"data\":");
        mc_buf_str(out, mc_buf_get(&data));
    } else {
        mc_buf_printf(out,
                      "{\"success\":false,\"error\":{\"code\":\"%s\",\"message\":", code_of(rc));
        mc_json_write_str(out, message_of(&ctx, &why));
        mc_buf_char(out, '}');
    }
    mc__guest_write_meta(call, began_us, false, out);
    return MC_OK;
}
