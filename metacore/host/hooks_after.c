/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows a write: jobs that are written in its transaction, and so are there exactly when it
 * is. One calls the hooks that run in order, and each asynchronous one has its own:
 *   {"addon","event","depth","delivery","hook"?,"record_id"?,"payload"}
 * delivery tells a server what it was told before. hook names the one function or URL that is
 * meant; record_id stands where the row was too large to be kept: it is told as it is by then.
 */
#include "metacore/host/hooks_internal.h"

#define KIND "addons.hook"
#define PAYLOAD_MAX (MC_OUTBOX_PAYLOAD_MAX - 2048) /* what stands around it */
#define LEASE_MS 600000
#define AT_ONCE 3 /* one worker fewer than there are: other jobs go on */

typedef struct told {
    mc_app *app;
    mc_ctx *ctx;
    mc_str addon_key;
    mc_hook_event event;
    mc_str payload;
    mc_uuid record_id; /* nil: the payload has the row */
    mc_str delivery;   /* an id as text */
} told;

/* ---- being written ---- */

static mc_str target_of(const mc_hook *hook)
{
    return hook->url.len ? hook->url : hook->function;
}

static mc_code enqueue(const told *t, mc_ctx *ctx, unsigned depth, mc_str target, mc_err *err)
{
    mc_buf text;
    mc_code rc;

    mc_buf_init_arena(&text, ctx->arena, 0);
    mc_buf_lit(&text, "{\"addon\":");
    mc_json_write_str(&text, t->addon_key);
    mc_buf_lit(&text, ",\"delivery\":");
    mc_json_write_str(&text, t->delivery);
    mc_buf_printf(&text, ",\"event\":\"%.*s\",\"depth\":%u", MC_FMT(mc_hook_event_name(t->event)),
                  depth);
    if (target.len) {
        mc_buf_lit(&text, ",\"hook\":");
        mc_json_write_str(&text, target);
    }
    if (!mc_uuid_is_nil(t->record_id)) {
        mc_buf_lit(&text, ",\"record_id\":\"");
        mc_uuid_write(&text, t->record_id);
        mc_buf_char(&text, '"');
    }
    mc_buf_lit(&text, ",\"payload\":");
    mc_buf_str(&text, t->payload);
    mc_buf_char(&text, '}');
    rc = mc_buf_check(&text, "hook", err);
    return rc == MC_OK ? mc_outbox_enqueue(t->app->outbox, ctx,
                                           &(mc_outbox_job_input){.kind = MC_STR(KIND),
                                                                  .payload = mc_buf_get(&text)},
                                           NULL, err)
                       : rc;
}

static mc_code name_delivery(told *t, mc_err *err)
{
    char text[MC_UUID_TEXT_LEN];
    mc_uuid id;
    mc_code rc = mc_uuid_v7(&id, err);

    if (rc != MC_OK)
        return rc;
    mc_uuid_format(id, text);
    t->delivery = mc_str_copy(t->ctx->arena, mc_str_of(text, sizeof(text)));
    return t->delivery.ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "hook");
}

static mc_code enqueue_all(const told *t, mc_err *err)
{
    mc_hook_set *set = mc_hooks_take(t->app->hooks, t->addon_key);
    size_t count, in_order = 0;
    const mc_hook *hooks = mc_hook_set_get(set, t->event, &count);
    mc_code rc = MC_OK;

    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        if (hooks[i].is_async)
            rc = enqueue(t, t->ctx, t->ctx->depth, target_of(&hooks[i]), err);
        else
            in_order++;
    }
    if (rc == MC_OK && in_order)
        rc = enqueue(t, t->ctx, t->ctx->depth, MC_STR(""), err);
    mc_hook_set_unref(set);
    return rc;
}

mc_code mc__hooks_enqueue(mc_app *app, mc_ctx *ctx, mc_str addon_key, mc_hook_event event,
                          mc_str payload, mc_err *err)
{
    told t = {.app = app, .ctx = ctx, .addon_key = addon_key, .event = event, .payload = payload};
    mc_code rc = name_delivery(&t, err);

    return rc == MC_OK ? enqueue(&t, ctx, ctx->depth, MC_STR(""), err) : rc;
}

static bool is_wanted(mc_app *app, mc_ctx *ctx, const mc_model *model, mc_hook_event event)
{
    if (model->addon_key.len == 0 || !mc_hooks_has(app->hooks, model->addon_key, event) ||
        !mc_installer_is_enabled(mc_host_installer(app->host), ctx->who.org_id, model->addon_key))
        return false;
    if (ctx->depth < MC__HOOK_DEPTH_MAX)
        return true;
    mc_log_error(app->config.log, "hook.too_deep", MC_KV_STR("addon", model->addon_key),
                 MC_KV_STR("event", mc_hook_event_name(event)), MC_KV_UUID("org", ctx->who.org_id));
    return false; /* a hook that writes what calls it would never end */
}

/* A row that was created is told without: its id is in it. */
static mc_uuid id_of(mc_hook_event event, mc_uuid id)
{
    return event == MC_HOOK_AFTER_CREATE ? (mc_uuid){{0}} : id;
}

static mc_code tell(mc_app *app, mc_ctx *ctx, const mc_model *model, mc_hook_event event,
                    mc_uuid id, const mc_json *input, mc_str record, mc_err *err)
{
    told t = {.app = app, .ctx = ctx, .addon_key = model->addon_key, .event = event};
    mc_buf payload, sent;
    mc_code rc;

    mc_buf_init_arena(&payload, ctx->arena, 0);
    mc_buf_init_arena(&sent, ctx->arena, 0);
    if (input && event == MC_HOOK_AFTER_UPDATE)
        mc_json_write(&sent, input);
    mc__hook_write_row(&payload, event, model, id_of(event, id), mc_buf_get(&sent), record);
    if (payload.len > PAYLOAD_MAX) {
        mc_buf_clear(&payload);
        mc__hook_write_row(&payload, event, model, id_of(event, id), MC_STR(""), MC_STR(""));
        t.record_id = id;
    }
    rc = mc_buf_check(&sent, "hook", err);
    if (rc == MC_OK)
        rc = mc_buf_check(&payload, "hook", err);
    t.payload = mc_buf_get(&payload);
    if (rc == MC_OK)
        rc = name_delivery(&t, err);
    return rc == MC_OK ? enqueue_all(&t, err) : rc;
}

static mc_code on_created(void *user, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                          const mc_json *input, mc_str row, mc_err *err)
{
    return is_wanted(user, ctx, model, MC_HOOK_AFTER_CREATE)
               ? tell(user, ctx, model, MC_HOOK_AFTER_CREATE, id, input, row, err)
               : MC_OK;
}

static mc_code on_updated(void *user, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                          const mc_json *input, mc_str row, mc_err *err)
{
    return is_wanted(user, ctx, model, MC_HOOK_AFTER_UPDATE)
               ? tell(user, ctx, model, MC_HOOK_AFTER_UPDATE, id, input, row, err)
               : MC_OK;
}

/* While the row is still there; that it was deleted is committed with the job, or neither is. */
static mc_code on_delete(void *user, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                         const mc_json *input, mc_str row, mc_err *err)
{
    mc_app *app = user;
    mc_buf record;
    mc_code rc;

    (void)row; /* before a delete there is none */
    if (!is_wanted(app, ctx, model, MC_HOOK_AFTER_DELETE))
        return MC_OK;
    mc_buf_init_arena(&record, ctx->arena, 0);
    rc = mc_dynamic_get(app->dynamic, ctx, model, id, &record, NULL, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&record, "hook", err);
    return rc == MC_OK
               ? tell(app, ctx, model, MC_HOOK_AFTER_DELETE, id, input, mc_buf_get(&record), err)
               : rc;
}

mc_code mc__hooks_add_after(mc_app *app, mc_err *err)
{
    static const struct {
        mc_dynamic_event event;
        mc_dynamic_hook_fn fn;
    } seams[] = {{MC_AFTER_CREATE, on_created},
                 {MC_AFTER_RESTORE, on_created},
                 {MC_AFTER_UPDATE, on_updated},
                 {MC_BEFORE_DELETE, on_delete}};
    mc_code rc = MC_OK;

    for (size_t i = 0; i < MC_LEN(seams) && rc == MC_OK; i++)
        rc = mc_dynamic_add_hook(app->dynamic, MC_STR(""), seams[i].event, seams[i].fn, app, err);
    return rc;
}

/* ---- being called ---- */

typedef struct delivery {
    told what;
    unsigned depth;
    mc_str only; /* the one that is meant; empty: all that run in order */
} delivery;

static mc_code read_job(mc_app *app, mc_ctx *ctx, const mc_outbox_job *job, delivery *out,
                        mc_err *err)
{
    const mc_json *json = NULL, *payload;
    mc_str event = MC_STR(""), id = MC_STR("");
    int64_t depth = 0;
    mc_buf text;
    mc_code rc = mc_json_parse(ctx->arena, job->payload, NULL, &json, err);

    if (rc != MC_OK)
        return rc;
    *out = (delivery){.what = {.app = app, .ctx = ctx}};
    payload = mc_json_find(json, MC_STR("payload"));
    if (!mc_json_get_str(mc_json_find(json, MC_STR("addon")), &out->what.addon_key) ||
        !mc_json_get_str(mc_json_find(json, MC_STR("event")), &event) ||
        !mc_hook_event_parse(event, &out->what.event) || !payload)
        return mc_fail(err, MC_REJECTED, "hook: a job without an addon, event or payload");
    (void)mc_json_get_i64(mc_json_find(json, MC_STR("depth")), 0, MC__HOOK_DEPTH_MAX, &depth);
    (void)mc_json_get_str(mc_json_find(json, MC_STR("hook")), &out->only);
    (void)mc_json_get_str(mc_json_find(json, MC_STR("delivery")), &out->what.delivery);
    if (mc_json_get_str(mc_json_find(json, MC_STR("record_id")), &id))
        (void)mc_uuid_parse(id, &out->what.record_id); /* else nil */
    out->depth = (unsigned)depth;
    mc_buf_init_arena(&text, ctx->arena, 0);
    mc_json_write(&text, payload);
    out->what.payload = mc_buf_get(&text);
    return mc_buf_check(&text, "hook", err);
}

/* The row as it is by now, for a payload that was too large to be kept. */
static mc_code load_record(delivery *d, mc_err *err)
{
    told *t = &d->what;
    const mc_json *kept;
    const mc_model *model = NULL;
    mc_str key = MC_STR("");
    mc_buf row, payload;
    mc_code rc = mc_json_parse(t->ctx->arena, t->payload, NULL, &kept, err);

    if (rc != MC_OK)
        return rc;
    (void)mc_json_get_str(mc_json_find(kept, MC_STR("model")), &key);
    model = mc_models_find(t->app->models, key);
    if (!model)
        return MC_OK;
    rc = mc_models_for_org(t->app->models, model, t->ctx->who.org_id, &model, err);
    mc_buf_init_arena(&row, t->ctx->arena, 0);
    mc_buf_init_arena(&payload, t->ctx->arena, 0);
    if (rc == MC_OK)
        rc = mc_dynamic_get(t->app->dynamic, t->ctx, model, t->record_id, &row, NULL, err);
    if (rc == MC_NOT_FOUND)
        return MC_OK; /* it is told without */
    mc__hook_write_row(&payload, t->event, model, id_of(t->event, t->record_id), MC_STR(""),
                       mc_buf_get(&row));
    if (rc == MC_OK)
        rc = mc_buf_check(&payload, "hook", err);
    if (rc == MC_OK)
        t->payload = mc_buf_get(&payload);
    return rc;
}

/* Another attempt may find it better. */
static bool is_transient(const mc_hook *hook, mc_code rc)
{
    return rc == MC_UNAVAILABLE || rc == MC_LIMIT || rc == MC_NO_MEMORY || rc == MC_IO ||
           (rc == MC_TIMEOUT && hook->url.len);
}

typedef struct again {
    const delivery *delivery;
    mc_str target;
} again;

static mc_code enqueue_again(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    const again *a = user;

    (void)conn; /* in ctx */
    return enqueue(&a->delivery->what, ctx, a->delivery->depth, a->target, err);
}

static mc_code call_one(delivery *d, const mc_hook *hook, mc_err *err)
{
    told *t = &d->what;
    mc_db_conn *conn = t->ctx->conn;
    mc_err why;
    mc_code rc = mc__hook_run(t->app, t->ctx,
                              &(mc__hook_call){.hook = hook,
                                               .addon_key = t->addon_key,
                                               .event = mc_hook_event_name(t->event),
                                               .payload = t->payload,
                                               .delivery = t->delivery},
                              &why);

    if (rc == MC_OK)
        return rc;
    mc_log_warn(t->app->config.log, "hook.failed", MC_KV_STR("addon", t->addon_key),
                MC_KV_STR("event", mc_hook_event_name(t->event)),
                MC_KV_STR("hook", target_of(hook)), MC_KV_UUID("org", t->ctx->who.org_id),
                MC_KV_ERR("error", &why));
    if (!is_transient(hook, rc))
        return MC_OK;
    if (d->only.len) {
        *err = why;
        return rc;
    }
    /* It gets a job of its own: those behind it do not wait, nor does one before it run twice. */
    rc = mc_db_write(t->app->db, t->ctx, enqueue_again,
                     &(again){.delivery = d, .target = target_of(hook)}, err);
    t->ctx->conn = conn;
    return rc;
}

static mc_code deliver(delivery *d, mc_err *err)
{
    told *t = &d->what;
    mc_hook_set *set = mc_hooks_take(t->app->hooks, t->addon_key);
    size_t count;
    const mc_hook *hooks = mc_hook_set_get(set, t->event, &count);
    mc_code rc = mc_uuid_is_nil(t->record_id) ? MC_OK : load_record(d, err);

    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        bool is_meant = d->only.len ? mc_str_eq(d->only, target_of(&hooks[i])) : !hooks[i].is_async;

        if (is_meant && mc_outbox_is_stopping(t->app->outbox))
            rc = mc_fail(err, MC_UNAVAILABLE, "the server is stopping");
        else if (is_meant)
            rc = call_one(d, &hooks[i], err);
    }
    mc_hook_set_unref(set);
    return rc;
}

static mc_code run(void *user, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err)
{
    mc_app *app = user;
    mc_db_conn *conn = NULL;
    delivery d;
    mc_code rc = read_job(app, ctx, job, &d, err);

    if (rc == MC_OK &&
        !mc_installer_is_enabled(mc_host_installer(app->host), job->org_id, d.what.addon_key))
        return MC_OK; /* whoever has given it up wants to hear nothing of it */
    if (rc == MC_OK)
        rc = mc_db_reader_open(app->db, &conn, err);
    if (rc != MC_OK)
        return rc;
    mc_db_conn_set_org(conn, ctx->who.org_id);
    ctx->conn = conn;
    ctx->depth = d.depth;
    rc = deliver(&d, err);
    ctx->conn = NULL;
    mc_db_reader_close(conn);
    return rc;
}

mc_code mc__hooks_add_kind(mc_app *app, mc_err *err)
{
    return mc_outbox_add_kind(app->outbox,
                              &(mc_outbox_kind){.name = MC_STR(KIND),
                                                .run = run,
                                                .user = app,
                                                .lease_ms = LEASE_MS,
                                                .at_once = AT_ONCE,
                                                .is_forgotten = true},
                              err);
}
