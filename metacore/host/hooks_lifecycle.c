/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens to an addon, told to its own code first. Servers are asked before the change, signed
 * with the secret that its installation has or will have; modules are called within it, where what
 * they write is written, or not, with it. Of one event servers come first, else priority decides.
 */
#include "metacore/base/secret.h"
#include "metacore/host/backend.h"
#include "metacore/host/guests_internal.h"
#include "metacore/host/hooks_internal.h"

static mc_code write_payload(mc_ctx *ctx, mc_hook_event event, const mc_addon_change *change,
                             mc_str *out, mc_err *err)
{
    mc_buf payload;

    mc_buf_init_arena(&payload, ctx->arena, 0);
    mc_buf_printf(&payload,
                  "{\"event\":\"%.*s\",\"addon_key\":", MC_FMT(mc_hook_event_name(event)));
    mc_json_write_str(&payload, change->addon_key);
    mc_buf_lit(&payload, ",\"org_id\":\"");
    mc_uuid_write(&payload, change->org_id);
    mc_buf_lit(&payload, "\",\"version\":");
    mc_json_write_str(&payload, change->version);
    mc_buf_char(&payload, '}');
    *out = mc_buf_get(&payload);
    return mc_buf_check(&payload, "hook", err);
}

/* Who changes it should read what was wrong: it is his addon, and its author's. */
static mc_code explain(mc_hook_event event, const mc_hook *hook, mc_code rc, mc_err *err)
{
    mc_err why = *err;

    if (rc != MC_INTERNAL && rc != MC_UNAVAILABLE && rc != MC_NOT_PROVIDED)
        return rc;
    return mc_fail(err, MC_REJECTED, "%.*s hook %.*s: %s", MC_FMT(mc_hook_event_name(event)),
                   MC_FMT(hook->url.len ? hook->url : hook->function), why.msg);
}

/* Those of one kind, in order. org_id decides for whom, whoever asks. */
static mc_code run_hooks(mc_app *app, mc_ctx *ctx, const mc_hook_set *set, mc_hook_event event,
                         const mc_addon_change *change, const mc__hook_call *how, bool is_server,
                         mc_err *err)
{
    mc_ctx own = *ctx;
    mc__hook_call call = *how;
    size_t count;
    const mc_hook *hooks = mc_hook_set_get(set, event, &count);
    mc_code rc = write_payload(ctx, event, change, &call.payload, err);

    own.who.org_id = change->org_id;
    call.addon_key = change->addon_key;
    call.event = mc_hook_event_name(event);
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        call.hook = &hooks[i];
        if ((hooks[i].url.len > 0) != is_server)
            continue;
        rc = mc__hook_run(app, &own, &call, err);
        if (rc != MC_OK)
            rc = explain(event, &hooks[i], rc, err);
    }
    ctx->failure_code = own.failure_code;
    return rc;
}

/* ---- before the transaction ---- */

bool mc__hooks_of_change(const mc_hook_set *set, mc_hook_event event)
{
    size_t count;

    (void)mc_hook_set_get(set, event, &count);
    return count > 0;
}

mc_code mc__hooks_ask_change(mc_app *app, mc_ctx *ctx, const mc_hook_set *set, mc_hook_event event,
                             const mc_addon_change *change, const mc_install_secrets *secrets,
                             mc_err *err)
{
    return run_hooks(app, ctx, set, event, change, &(mc__hook_call){.secrets = secrets}, true, err);
}

/* ---- within it ---- */

typedef struct own_models {
    const mc_model **items;
    size_t count;
} own_models;

/* Those that are served only once this is committed. The registry keeps them: what is written is
 * told after that. */
static mc_code make_models(mc_app *app, mc_ctx *ctx, const mc_manifest *manifest, own_models *out,
                           mc_err *err)
{
    mc_code rc = MC_OK;

    out->items = mc_arena_array(ctx->arena, const mc_model *, manifest->model_count);
    if (!out->items)
        return mc_fail(err, MC_NO_MEMORY, "hook");
    for (size_t i = 0; i < manifest->model_count && rc == MC_OK; i++) {
        mc_model *model = NULL;

        if (mc_models_find(app->models, manifest->models[i].key))
            continue;
        rc = mc_model_new(&manifest->models[i], mc_db_dialect_of(app->db), &model, err);
        if (rc == MC_OK)
            rc = mc_models_adopt(app->models, model, err);
        if (rc == MC_OK)
            out->items[out->count++] = model;
    }
    return rc;
}

static mc_code run_within(mc_app *app, mc_ctx *ctx, const mc_manifest *manifest,
                          const mc_hook_set *set, mc_hook_event event,
                          const mc_addon_change *change, mc_err *err)
{
    own_models models = {NULL, 0};
    mc_installation installation;
    mc_code rc = mc_installer_find(mc_host_installer(app->host), ctx, change->addon_key,
                                   change->org_id, &installation, err);

    if (rc == MC_OK && manifest)
        rc = make_models(app, ctx, manifest, &models, err);
    return rc == MC_OK ? run_hooks(app, ctx, set, event, change,
                                   &(mc__hook_call){.installation = &installation,
                                                    .own = models.items,
                                                    .own_count = models.count},
                                   false, err)
                       : rc;
}

/* In somebody else's transaction nobody may wait: what every organization gets is told of it once
 * it has it. */
static mc_code tell_later(mc_app *app, mc_ctx *ctx, mc_hook_event event,
                          const mc_addon_change *change, mc_err *err)
{
    mc_ctx own = *ctx;
    mc_str payload;
    mc_code rc = write_payload(ctx, event, change, &payload, err);

    own.who.org_id = change->org_id;
    return rc == MC_OK ? mc__hooks_enqueue(app, &own, change->addon_key, event, payload, err) : rc;
}

static bool is_told_of(const mc_addon_change *change, mc_hook_event *out)
{
    bool is_enabling =
        change->event == MC_ADDON_ENABLED ||
        (change->event == MC_ADDON_UPGRADED && change->is_enabled && !change->was_enabled);

    *out = change->event == MC_ADDON_INSTALLED     ? MC_HOOK_INSTALL
           : change->event == MC_ADDON_DISABLED    ? MC_HOOK_DISABLE
           : change->event == MC_ADDON_UNINSTALLED ? MC_HOOK_UNINSTALL
                                                   : MC_HOOK_ENABLE;
    return is_enabling || *out != MC_HOOK_ENABLE;
}

mc_code mc__hooks_within_change(mc_app *app, mc_ctx *ctx, const mc_addon_change *change,
                                mc_err *err)
{
    mc_manifest *manifest = NULL;
    mc_hook_set *set = NULL;
    mc_str text, digest;
    mc_hook_event event;
    mc_code rc;

    if (!is_told_of(change, &event))
        return MC_OK;
    /* As it is written in this transaction: another may be served until that is committed. */
    rc = mc_installer_load_manifest(mc_host_installer(app->host), ctx, change->addon_key, &text,
                                    &digest, err);
    if (rc == MC_NOT_FOUND)
        return MC_OK; /* a row of elsewhere, of which no manifest is known */
    if (rc == MC_OK)
        rc = mc_manifest_parse(text, &manifest, err);
    if (rc == MC_OK)
        rc = mc_hook_set_new(mc_json_find_nocase(manifest->root, MC_STR("lifecycle_hooks")), &set,
                             err);
    if (rc == MC_OK && mc__hooks_of_change(set, event))
        rc = ctx->is_alone ? run_within(app, ctx, event == MC_HOOK_INSTALL ? manifest : NULL, set,
                                        event, change, err)
                           : tell_later(app, ctx, event, change, err);
    mc_hook_set_unref(set);
    mc_manifest_free(manifest);
    return rc;
}

/* ---- what somebody does with an addon that he has ---- */

typedef struct looking {
    mc_app *app;
    const mc_install_target *target;
    mc_hook_event event;
    mc_addon_change change;
    mc_install_secrets secrets;
    bool has_secret;
    bool is_change; /* else nothing happens, and nobody is asked */
} looking;

static mc_code look(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    looking *l = user;
    mc_installer *installer = mc_host_installer(l->app->host);
    mc_installation row;
    mc_err why;
    mc_code rc =
        mc_installer_find(installer, ctx, l->target->addon_key, l->target->org_id, &row, &why);

    (void)conn; /* in ctx */
    if (rc == MC_NOT_FOUND)
        return MC_OK; /* the change itself says so */
    if (rc != MC_OK) {
        *err = why;
        return rc;
    }
    l->change = (mc_addon_change){
        .org_id = row.organization_id, .addon_key = row.addon_key, .version = row.version};
    l->change.was_enabled = mc_str_eq(row.status, MC_STR("enabled"));
    l->is_change =
        l->event == MC_HOOK_UNINSTALL || l->change.was_enabled == (l->event == MC_HOOK_DISABLE);
    l->has_secret = mc_installer_find_secrets(installer, ctx, row.addon_key, row.organization_id,
                                              &l->secrets, &why) == MC_OK;
    return MC_OK;
}

static bool has_module(const mc_hook_set *set, mc_hook_event event)
{
    size_t count;
    const mc_hook *hooks = mc_hook_set_get(set, event, &count);

    for (size_t i = 0; i < count; i++) {
        if (hooks[i].function.len)
            return true;
    }
    return false;
}

static mc_code ask(looking *l, mc_ctx *ctx, const mc_hook_set *set, mc_err *err)
{
    mc_code rc = mc__hooks_ask_change(l->app, ctx, set, l->event, &l->change,
                                      l->has_secret ? &l->secrets : NULL, err);

    for (size_t i = 0; i < l->secrets.count; i++)
        mc_wipe((char *)l->secrets.items[i].ptr, l->secrets.items[i].len);
    return rc == MC_OK && has_module(set, l->event)
               ? mc__guests_fetch(l->app->guests, ctx, l->target->addon_key, err)
               : rc;
}

mc_code mc__host_change(mc_app *app, mc_ctx *ctx, mc_hook_event event,
                        const mc_install_target *target, mc_db_fn fn, void *user, mc_err *err)
{
    mc_hook_set *set = mc_hooks_take(app->hooks, target->addon_key);
    looking l = {.app = app, .target = target, .event = event};
    mc_ctx reading = *ctx; /* the read binds a connection of its own */
    bool has_hooks = !target->is_forced && mc__hooks_of_change(set, event);
    mc_code rc = has_hooks ? mc_db_read(app->db, &reading, look, &l, err) : MC_OK;

    if (rc == MC_OK && l.is_change)
        rc = ask(&l, ctx, set, err);
    if (rc == MC_OK)
        rc = mc_dynamic_transact(app->dynamic, ctx, has_hooks, fn, user, err);
    mc_hook_set_unref(set);
    return rc;
}
