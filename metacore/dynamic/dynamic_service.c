/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/dynamic/dynamic.h"

#include "metacore/dynamic/dynamic_internal.h"

#include <stdio.h>
#include <stdlib.h>

mc_code mc_dynamic_new(const mc_dynamic_config *config, mc_dynamic **out, mc_err *err)
{
    mc_model_def users = mc_model_users_def();
    mc_dynamic *self;
    mc_code rc;

    if (!config->db || !config->models || !config->check)
        return mc_fail(err, MC_INVALID, "dynamic: db, models and check are required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "dynamic");
    self->config = *config;
    self->dialect = mc_db_dialect_of(config->db);
    mc_mutex_init(&self->mu);
    mc__dynamic_add_routes(self);
    rc = mc_model_new(&users, self->dialect, &self->users, err);
    if (rc != MC_OK) {
        mc_dynamic_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

void mc_dynamic_free(mc_dynamic *self)
{
    if (!self)
        return;
    mc__kept_free(self);
    mc_model_free(self->users);
    mc_mutex_deinit(&self->mu);
    free(self);
}

mc_code mc_dynamic_check(mc_dynamic *self, mc_ctx *ctx, mc_str key, mc_str action, mc_err *err)
{
    char text[160];
    mc_str capability;
    int len = snprintf(text, sizeof(text), "%.*s.%.*s", MC_FMT(key), MC_FMT(action));

    if (mc_ctx_is_anonymous(ctx))
        return mc_fail(err, MC_UNAUTHENTICATED, "not authenticated");
    if (len < 0 || (size_t)len >= sizeof(text))
        return mc_fail(err, MC_FORBIDDEN, "permission denied");
    capability = mc_str_of(text, (size_t)len);
    return self->config.check(self->config.check_user, ctx, capability, err);
}

static mc_code find_visible(mc_dynamic *self, mc_ctx *ctx, mc_str key, const mc_model **out,
                            mc_err *err)
{
    const mc_model *model = NULL;
    bool is_visible = true;
    mc_code rc = MC_OK;

    if (mc_ctx_is_anonymous(ctx))
        return mc_fail(err, MC_UNAUTHENTICATED, "not authenticated");
    model = mc_models_find(self->config.models, key);
    if (model && model->is_internal)
        model = NULL;
    if (model && self->config.is_visible)
        rc = self->config.is_visible(self->config.is_visible_user, ctx, model, &is_visible, err);
    if (rc != MC_OK)
        return rc;
    if (!model || !is_visible)
        return mc_fail(err, MC_NOT_FOUND, "model not found in registry");
    *out = model;
    return MC_OK;
}

mc_code mc__dynamic_find(mc_dynamic *self, mc_ctx *ctx, mc_str key, const mc_model **out,
                         mc_err *err)
{
    const mc_model *model = NULL;
    mc_code rc = find_visible(self, ctx, key, &model, err);

    return rc == MC_OK ? mc_models_for_org(self->config.models, model, ctx->who.org_id, out, err)
                       : rc;
}

mc_code mc_dynamic_open(mc_dynamic *self, mc_ctx *ctx, mc_str key, mc_str action,
                        const mc_model **out, mc_err *err)
{
    const mc_model *model = NULL;
    mc_code rc = find_visible(self, ctx, key, &model, err);

    if (rc == MC_OK)
        rc = mc_dynamic_check(self, ctx, model->key, action, err);
    if (rc == MC_OK)
        rc = mc_models_for_org(self->config.models, model, ctx->who.org_id, out, err);
    return rc;
}

/* ---- hooks ---- */

mc_code mc_dynamic_add_hook(mc_dynamic *self, mc_str model_key, mc_dynamic_event event,
                            mc_dynamic_hook_fn fn, void *user, mc_err *err)
{
    if (self->hook_count == MC__HOOKS_MAX)
        return mc_fail(err, MC_LIMIT, "dynamic: more than %d hooks", MC__HOOKS_MAX);
    self->hooks[self->hook_count++] = (mc__hook){model_key, event, fn, user};
    return MC_OK;
}

mc_code mc__run_hooks(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_dynamic_event event,
                      mc_uuid id, const mc_json *input, mc_str row, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < self->hook_count && rc == MC_OK; i++) {
        const mc__hook *hook = &self->hooks[i];

        if (hook->event == event &&
            (hook->model_key.len == 0 || mc_str_eq(hook->model_key, model->key)))
            rc = hook->fn(hook->user, ctx, model, id, input, row, err);
    }
    return rc;
}
