/* SPDX-License-Identifier: Apache-2.0 */
/* What a commit makes visible: models, who has what, and whoever wants to be told. */
#include "metacore/installer/installer_internal.h"

/* The manifest is parsed again: the plan may be gone by then. */
typedef struct served {
    mc_db_hook hook;
    mc_installer *self;
    mc_str manifest; /* in the ctx's arena; empty: models stay as they are */
    mc_addon_change change;
} served;

static mc_code serve_manifest(const served *s, mc_err *err)
{
    mc_manifest *manifest = NULL;
    mc_code rc = mc_manifest_parse(s->manifest, &manifest, err);

    if (rc == MC_OK)
        rc = mc__serve_models(s->self, manifest, err);
    if (rc == MC_OK)
        mc_models_keep_only(s->self->config.models, manifest->key, manifest->models,
                            manifest->model_count);
    mc_manifest_free(manifest);
    return rc;
}

static void serve_now(mc_db_hook *hook)
{
    served *s = mc_container_of(hook, served, hook);
    mc_installer *self = s->self;
    const mc_addon_change *change = &s->change;
    mc_code rc = MC_OK;
    mc_err err;

    if (s->manifest.len)
        rc = serve_manifest(s, &err);
    if (!change->is_enabled)
        mc__disable(self, change->org_id, change->addon_key);
    else if (rc == MC_OK)
        rc = mc__enable(self, change->org_id, change->addon_key, &err);
    if (change->event == MC_ADDON_UNINSTALLED && change->digest.len == 0)
        mc_models_remove_addon(self->config.models, change->addon_key);
    if (rc != MC_OK) /* installed all the same: the next start serves it */
        mc_log_error(self->config.log, "addon.not_served", MC_KV_STR("addon", change->addon_key),
                     MC_KV_ERR("error", &err));
    if (self->config.after_change)
        self->config.after_change(self->config.change_user, change);
}

static bool copy_text(mc_arena *arena, mc_str *text)
{
    size_t len = text->len;

    *text = mc_str_copy(arena, *text);
    return text->len == len;
}

mc_code mc__serve_after_commit(mc_installer *self, mc_ctx *ctx, const mc_addon_change *change,
                               mc_str manifest, mc_err *err)
{
    served *s = mc_arena_object(ctx->arena, served);
    mc_code rc = MC_OK;

    if (!s)
        return mc_fail(err, MC_NO_MEMORY, "install");
    *s =
        (served){.hook = {.run = serve_now}, .self = self, .manifest = manifest, .change = *change};
    if (!copy_text(ctx->arena, &s->manifest) || !copy_text(ctx->arena, &s->change.addon_key) ||
        !copy_text(ctx->arena, &s->change.version) || !copy_text(ctx->arena, &s->change.digest) ||
        !copy_text(ctx->arena, &s->change.old_digest))
        return mc_fail(err, MC_NO_MEMORY, "install");
    if (self->config.on_change)
        rc = self->config.on_change(self->config.change_user, ctx, &s->change, err);
    if (rc == MC_OK)
        mc_db_after_commit(ctx->conn, &s->hook);
    return rc;
}
