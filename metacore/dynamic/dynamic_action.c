/* SPDX-License-Identifier: Apache-2.0 */
/* Actions on a row or on a whole model: found in the manifest, checked, handed to their dispatcher.
 */
#include "metacore/dynamic/dynamic_internal.h"

/* Declared by the table (own), by the manifest (base), or by both: own's words go first. */
typedef struct declared {
    const mc_json *own, *base;
} declared;

typedef struct action_run {
    mc_dynamic *self;
    declared action;
    mc_action_call call;
    bool is_collection;
    bool in_transaction;
    mc_str decline_code;
    const mc_json *meta; /* the dispatcher's, or NULL */
    mc_buf data;         /* the answer's */
} action_run;

/* ---- finding ---- */

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find(object, mc_z(key)), &text); /* else empty */
    return text;
}

static const mc_json *find_in(const mc_json *list, mc_str key)
{
    for (size_t i = 0; list && list->kind == MC_JSON_ARRAY && i < list->as.array.count; i++) {
        if (mc_str_eq(text_of(list->as.array.items[i], "key"), key))
            return list->as.array.items[i];
    }
    return NULL;
}

static const mc_json *get(const declared *action, const char *key)
{
    const mc_json *value = mc_json_find(action->own, mc_z(key));

    return value ? value : mc_json_find(action->base, mc_z(key));
}

/* The browser's own entries, which a model lists to keep them; they never come here. */
static bool is_menu_entry(mc_str key)
{
    return mc_str_eq(key, MC_STR("view")) || mc_str_eq(key, MC_STR("edit")) ||
           mc_str_eq(key, MC_STR("delete"));
}

static bool is_collection(const declared *action)
{
    const mc_json *placement = get(action, "placement");
    bool flag = false;
    mc_str place;

    if (mc_json_get_str(placement, &place))
        return mc_str_eq(place, MC_STR("table")) || mc_str_eq(place, MC_STR("create"));
    return mc_json_get_bool(get(action, "isCollection"), &flag) && flag;
}

static mc_code find_action(action_run *run, mc_err *err)
{
    const mc_model *model = run->call.model;
    declared *action = &run->action;

    action->own = find_in(mc_json_find(model->table_meta, MC_STR("actions")), run->call.key);
    action->base = find_in(model->actions, run->call.key);
    run->call.trigger = get(action, "trigger");
    if ((!action->own && !action->base) || is_collection(action) != run->is_collection ||
        (is_menu_entry(run->call.key) && !run->call.trigger))
        return mc_fail(err, MC_NOT_FOUND, "action not found");
    run->call.action = action->base ? action->base : action->own;
    run->call.trigger_type = text_of(run->call.trigger, "type");
    if (run->call.trigger_type.len == 0)
        run->call.trigger_type = MC_STR("webhook"); /* as the contract has it */
    (void)mc_json_get_bool(mc_json_find(run->call.trigger, MC_STR("run_in_tx")),
                           &run->in_transaction); /* absent: not */
    run->in_transaction &= mc_str_eq(run->call.trigger_type, MC_STR("wasm"));
    return MC_OK;
}

/* "<model>.update" opens every action, "<model>.<key>" the one of that key; but a key that is
 * called as one of the kernel's own verbs opens nothing: whoever may read would run it. */
static mc_code check_capability(action_run *run, mc_ctx *ctx, mc_err *err)
{
    static const mc_str verbs[] = {
        MC_STR_INIT("read"),   MC_STR_INIT("index"),  MC_STR_INIT("list"),   MC_STR_INIT("create"),
        MC_STR_INIT("update"), MC_STR_INIT("delete"), MC_STR_INIT("export"), MC_STR_INIT("import")};
    mc_str model = run->call.model->key;
    mc_code rc = mc_dynamic_check(run->self, ctx, model, MC_STR("update"), err);

    if (rc != MC_FORBIDDEN)
        return rc;
    for (size_t i = 0; i < MC_LEN(verbs); i++) {
        if (mc_str_eq_nocase(run->call.key, verbs[i]))
            return rc;
    }
    return mc_dynamic_check(run->self, ctx, model, run->call.key, NULL) == MC_OK ? MC_OK : rc;
}

/* ---- the row ---- */

static mc_code load_row(action_run *run, mc_ctx *ctx, mc_err *err)
{
    mc_dynamic_write nothing = {.model = run->call.model};
    mc__current current;
    mc_code rc = MC_OK;
    mc_buf row;

    if (run->in_transaction) /* locked until its end */
        rc = mc__current_load(run->self, ctx, &nothing, run->call.record_id, false, &current, err);
    mc_buf_init_arena(&row, ctx->arena, 0);
    if (rc == MC_OK)
        rc = mc_dynamic_get(run->self, ctx, run->call.model, run->call.record_id, &row, NULL, err);
    if (rc == MC_OK)
        run->call.row = mc_buf_get(&row);
    return rc;
}

/* The row's "status", or else its "state", as text. */
static mc_code read_state(const action_run *run, mc_ctx *ctx, mc_str *out, mc_err *err)
{
    static const char *const names[] = {"status", "state"};
    const mc_json *row;
    mc_code rc = mc_json_parse(ctx->arena, run->call.row, NULL, &row, err);

    if (rc != MC_OK)
        return rc;
    *out = MC_STR("");
    for (size_t i = 0; i < MC_LEN(names) && out->len == 0; i++)
        *out = text_of(row, names[i]);
    return MC_OK;
}

static mc_code check_state(action_run *run, mc_ctx *ctx, mc_err *err)
{
    const mc_json *wanted = get(&run->action, "requiresState");
    mc_str state;
    mc_code rc;

    if (run->is_collection || !wanted || wanted->kind != MC_JSON_ARRAY ||
        wanted->as.array.count == 0)
        return MC_OK;
    rc = read_state(run, ctx, &state, err);
    for (size_t i = 0; i < wanted->as.array.count && rc == MC_OK; i++) {
        mc_str item;

        if (mc_json_get_str(wanted->as.array.items[i], &item) && mc_str_eq(item, state))
            return MC_OK;
    }
    if (rc != MC_OK)
        return rc;
    ctx->failure_code = MC_STR("invalid_state");
    return mc_fail(err, MC_CONFLICT, "action %.*s is not for a record in state \"%.*s\"",
                   MC_FMT(run->call.key), MC_FMT(state));
}

/* ---- running ---- */

/* What the dispatcher says of its run, save in words that are ours. */
static void write_others_meta(const action_run *run, mc_buf *meta)
{
    static const mc_str ours[] = {MC_STR_INIT("action"), MC_STR_INIT("model"), MC_STR_INIT("no_op"),
                                  MC_STR_INIT("rolled_back"), MC_STR_INIT("trigger_type")};

    for (size_t i = 0; run->meta && i < run->meta->as.object.count; i++) {
        const mc_json_member *member = &run->meta->as.object.members[i];
        bool is_ours = false;

        for (size_t j = 0; j < MC_LEN(ours); j++)
            is_ours |= mc_str_eq(member->key, ours[j]);
        if (is_ours)
            continue;
        mc_buf_char(meta, ',');
        mc_json_write_str(meta, member->key);
        mc_buf_char(meta, ':');
        mc_json_write(meta, member->value);
    }
}

static void write_meta(const action_run *run, bool is_undone, mc_buf *meta)
{
    mc_buf_lit(meta, "{\"action\":");
    mc_json_write_str(meta, run->call.key);
    mc_buf_lit(meta, ",\"model\":");
    mc_json_write_str(meta, run->call.model->key);
    if (mc_str_eq(run->call.trigger_type, MC_STR("noop")))
        mc_buf_lit(meta, ",\"no_op\":true");
    if (run->in_transaction)
        mc_buf_str(meta,
                   is_undone ? MC_STR(",\"rolled_back\":true") : MC_STR(",\"rolled_back\":false"));
    mc_buf_lit(meta, ",\"trigger_type\":");
    mc_json_write_str(meta, run->call.trigger_type);
    write_others_meta(run, meta);
    mc_buf_char(meta, '}');
}

static mc_code dispatch(action_run *run, mc_ctx *ctx, mc_err *err)
{
    const mc_dynamic_config *config = &run->self->config;
    bool is_handled = false;
    mc_code rc = MC_OK;

    run->call.out_decline_code = &run->decline_code;
    run->call.out_meta = &run->meta;
    if (config->intercept)
        rc = config->intercept(config->intercept_user, ctx, &run->call, &run->data, &is_handled,
                               err);
    if (rc == MC_REJECTED)
        ctx->failure_code = run->decline_code.len ? run->decline_code : MC_STR("declined");
    if (rc != MC_OK || is_handled)
        return rc;
    if (mc_str_eq(run->call.trigger_type, MC_STR("noop"))) {
        mc_buf_lit(&run->data, "null");
        return MC_OK;
    }
    if (!config->dispatch)
        return mc_fail(err, MC_NOT_PROVIDED, "unsupported trigger type: \"%.*s\"",
                       MC_FMT(run->call.trigger_type));
    rc = config->dispatch(config->dispatch_user, ctx, &run->call, &run->data, err);
    if (rc == MC_REJECTED)
        ctx->failure_code = run->decline_code.len ? run->decline_code : MC_STR("declined");
    return rc;
}

static mc_code run_action(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    action_run *run = user;
    mc_code rc = MC_OK;

    (void)conn; /* also in ctx */
    /* It may be another try: nothing of the one before counts. */
    mc_buf_init_arena(&run->data, ctx->arena, 0);
    run->decline_code = ctx->failure_code = MC_STR("");
    ctx->failure_is_told = false;
    run->meta = NULL;
    if (!run->is_collection)
        rc = load_row(run, ctx, err);
    if (rc == MC_OK)
        rc = check_state(run, ctx, err);
    if (rc == MC_OK)
        rc = mc__action_check_form(run->self, ctx, get(&run->action, "fields"), run->call.payload,
                                   err);
    return rc == MC_OK ? dispatch(run, ctx, err) : rc;
}

static mc_code read_call(mc_http_req *req, action_run *run, mc_err *err)
{
    static const mc_json nothing = {.kind = MC_JSON_OBJECT};
    mc_ctx *ctx = mc_http_ctx(req);
    mc_code rc = mc__check_somebody(req, err);

    if (rc == MC_OK && !run->is_collection)
        rc = mc_http_param_uuid(req, MC_STR("id"), &run->call.record_id, err);
    if (rc == MC_OK)
        rc = mc_http_body_json(req, true, "invalid body", &run->call.payload, err);
    if (rc == MC_OK && run->call.payload && run->call.payload->kind != MC_JSON_OBJECT)
        rc = mc_fail(err, MC_INVALID, "invalid body");
    if (rc == MC_OK)
        rc = mc__dynamic_find(run->self, ctx, mc_http_param(req, MC_STR("model")), &run->call.model,
                              err);
    if (rc != MC_OK)
        return rc;
    if (!run->call.payload)
        run->call.payload = &nothing;
    run->call.key = mc_http_param(req, MC_STR("key"));
    rc = check_capability(run, ctx, err);
    if (rc == MC_OK)
        rc = find_action(run, err);
    if (rc == MC_OK && !run->is_collection)
        rc = mc_dynamic_check(run->self, ctx, run->call.model->key, MC_STR("read"), err);
    return rc;
}

static mc_code run_request(mc_http_req *req, mc_http_res *res, action_run *run, mc_err *err)
{
    const mc_dynamic_config *config = &run->self->config;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_buf meta;
    mc_code rc = read_call(req, run, err);

    if (rc != MC_OK)
        return rc;
    if (run->in_transaction && config->ready)
        rc = config->ready(config->dispatch_user, ctx, &run->call, err);
    if (rc == MC_OK)
        rc = run->in_transaction ? mc_dynamic_transact(run->self, ctx, true, run_action, run, err)
                                 : run_action(ctx->conn, ctx, run, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&run->data, "action", err);
    mc_buf_init_arena(&meta, ctx->arena, 0);
    write_meta(run, rc != MC_OK, &meta);
    if (mc_buf_failed(&meta))
        return rc != MC_OK ? rc : mc_buf_check(&meta, "action", err);
    if (rc == MC_OK) {
        mc_buf_str(mc_http_ok_begin(res, 200), mc_buf_get(&run->data));
        return mc_http_ok_end(res, mc_buf_get(&meta), err);
    }
    if (ctx->failure_code.len || run->in_transaction)
        ctx->failure_meta = mc_buf_get(&meta);
    return rc;
}

/* POST /dynamic/:model/:id/action/:key */
static mc_code on_row(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    return run_request(req, res, &(action_run){.self = user}, err);
}

/* POST /dynamic/:model/action/:key */
static mc_code on_collection(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    return run_request(req, res, &(action_run){.self = user, .is_collection = true}, err);
}

#define FAMILY(base)                                                                               \
    {.method = "POST",                                                                             \
     .pattern = base "/:model/:id/action/:key",                                                    \
     .run = MC_HTTP_POOL,                                                                          \
     .handle = on_row},                                                                            \
    {                                                                                              \
        .method = "POST", .pattern = base "/:model/action/:key", .run = MC_HTTP_POOL,              \
        .handle = on_collection                                                                    \
    }

static const mc_http_route table[] = {
    FAMILY("/dynamic"),
    FAMILY("/data"),
    {.method = "POST",
     .pattern = "/data/:model/me/:id/action/:key",
     .run = MC_HTTP_POOL,
     .handle = on_row},
    {.method = "POST",
     .pattern = "/data/:model/me/action/:key",
     .run = MC_HTTP_POOL,
     .handle = on_collection},
};

const mc_http_route *mc__action_routes(size_t *out_count)
{
    *out_count = MC_LEN(table);
    return table;
}
