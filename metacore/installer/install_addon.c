/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of an addon for all who have it: its manifest, whose models are whose, whom it
 * needs. */
#include "metacore/installer/installer_internal.h"

#include "metacore/manifest/semver.h"

mc_code mc__addon_load(mc_ctx *ctx, mc_str addon_key, mc__addon *out, mc_err *err)
{
    mc_db_value key = mc_db_text(addon_key);
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT version, digest FROM metacore_addons WHERE addon_key "
                                    "= $1"),
                             &key, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = (mc__addon){MC_STR(""), MC_STR("")};
    if (mc_db_rows_next(&rows)) {
        out->version = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
        out->digest = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 1));
    }
    return mc_db_rows_finish(&rows, err);
}

static mc_code count_others(mc_ctx *ctx, mc_str addon_key, mc_uuid org_id, int64_t *out,
                            mc_err *err)
{
    mc_db_value args[] = {mc_db_text(addon_key), mc_db_uuid(org_id)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT COUNT(*) FROM metacore_installations WHERE addon_key "
                                    "= $1 AND organization_id <> $2 AND deleted_at IS NULL"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = mc_db_rows_next(&rows) ? mc_db_col_int(&rows, 0) : 0;
    return mc_db_rows_finish(&rows, err);
}

/* Versions only grow: an old bundle, signed as it may be, does not come back. And one version is
 * one content, but for authors who try their own. */
mc_code mc__addon_check(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                        mc_uuid org_id, const mc__addon *now, mc_err *err)
{
    const mc_manifest *m = plan->manifest;
    bool has_keys = self->config.keys && self->config.keys->count > 0;
    mc_semver installed, offered;
    int64_t others = 0;
    int order = 0;
    mc_code rc;

    if (now->version.len == 0 || mc_str_eq(now->digest, mc_z(plan->digest)))
        return MC_OK;
    if (mc_semver_parse(now->version, &installed, NULL) == MC_OK &&
        mc_semver_parse(m->version, &offered, NULL) == MC_OK)
        order = mc_semver_cmp(&offered, &installed);
    if (order < 0)
        return mc_fail(err, MC_CONFLICT, "addon %.*s %.*s is installed; %.*s would be a downgrade",
                       MC_FMT(m->key), MC_FMT(now->version), MC_FMT(m->version));
    if (order > 0 || plan->is_compiled)
        return MC_OK;
    rc = count_others(ctx, m->key, org_id, &others, err);
    if (rc == MC_OK && (has_keys || others > 0))
        rc = mc_fail(err, MC_CONFLICT,
                     "addon %.*s %.*s is installed with other contents (%.12s): a change needs a "
                     "higher version",
                     MC_FMT(m->key), MC_FMT(m->version), now->digest.ptr);
    return rc;
}

static mc_code keep_manifest(mc_ctx *ctx, const mc_install_plan *plan, mc_err *err)
{
    mc_db_value args[] = {mc_db_text(plan->manifest->key), mc_db_text(plan->manifest->version),
                          mc_db_text(mc_z(plan->digest)), mc_db_text(plan->bundle->manifest),
                          mc_db_time(ctx->now)};

    args[3].kind = MC_DB_JSON;
    return mc_db_exec(
        ctx->conn,
        MC_STR("INSERT INTO metacore_addons (addon_key, version, digest, manifest, "
               "updated_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (addon_key) DO UPDATE "
               "SET version = excluded.version, digest = excluded.digest, manifest = "
               "excluded.manifest, updated_at = excluded.updated_at"),
        args, MC_LEN(args), NULL, err);
}

static mc_code forget_in(mc_ctx *ctx, mc_str sql, mc_str addon_key, mc_err *err)
{
    mc_db_value key = mc_db_text(addon_key);

    return mc_db_exec(ctx->conn, sql, &key, 1, NULL, err);
}

/* The registry knows what is served; two that are installed in one commit meet only here. */
static mc_code claim_models(mc_ctx *ctx, const mc_manifest *m, mc_err *err)
{
    mc_code rc = forget_in(ctx, MC_STR("DELETE FROM metacore_addon_models WHERE addon_key = $1"),
                           m->key, err);

    for (size_t i = 0; i < m->model_count && rc == MC_OK; i++) {
        mc_db_value args[] = {mc_db_text(m->models[i].key), mc_db_text(m->key)};

        rc = mc_db_exec(ctx->conn,
                        MC_STR("INSERT INTO metacore_addon_models (model_key, addon_key) VALUES "
                               "($1, $2)"),
                        args, MC_LEN(args), NULL, err);
        if (rc == MC_CONFLICT)
            rc =
                mc_fail(err, rc, "model %.*s is already another addon's", MC_FMT(m->models[i].key));
    }
    return rc;
}

static mc_code keep_requires(mc_ctx *ctx, const mc_manifest *m, mc_err *err)
{
    const mc_json *list = m->requires;
    mc_code rc = forget_in(ctx, MC_STR("DELETE FROM metacore_addon_requires WHERE addon_key = $1"),
                           m->key, err);

    for (size_t i = 0; list && i < list->as.array.count && rc == MC_OK; i++) {
        mc_str key = MC_STR("");

        (void)mc_json_get_str(mc_json_find_nocase(list->as.array.items[i], MC_STR("key")), &key);
        if (key.len == 0)
            continue;
        mc_db_value args[] = {mc_db_text(m->key), mc_db_text(key)};

        rc = mc_db_exec(ctx->conn,
                        MC_STR("INSERT INTO metacore_addon_requires (addon_key, required_key) "
                               "VALUES ($1, $2) ON CONFLICT DO NOTHING"),
                        args, MC_LEN(args), NULL, err);
    }
    return rc;
}

mc_code mc__addon_keep(mc_ctx *ctx, const mc_install_plan *plan, mc_err *err)
{
    mc_code rc = keep_manifest(ctx, plan, err);

    if (rc == MC_OK)
        rc = claim_models(ctx, plan->manifest, err);
    if (rc == MC_OK)
        rc = keep_requires(ctx, plan->manifest, err);
    return rc == MC_OK ? mc__bundle_keep(ctx, plan, err) : rc;
}

mc_code mc__addon_forget(mc_ctx *ctx, mc_str addon_key, mc_err *err)
{
    mc_code rc = mc__bundles_forget(ctx, addon_key, err);

    if (rc == MC_OK)
        rc = forget_in(ctx, MC_STR("DELETE FROM metacore_addon_models WHERE addon_key = $1"),
                       addon_key, err);
    if (rc == MC_OK)
        rc = forget_in(ctx, MC_STR("DELETE FROM metacore_addon_requires WHERE addon_key = $1"),
                       addon_key, err);
    if (rc == MC_OK)
        rc = forget_in(ctx, MC_STR("DELETE FROM metacore_addons WHERE addon_key = $1"), addon_key,
                       err);
    return rc;
}

mc_code mc_installer_load_manifest(mc_installer *self, mc_ctx *ctx, mc_str addon_key,
                                   mc_str *out_manifest, mc_str *out_digest, mc_err *err)
{
    mc_db_value key = mc_db_text(addon_key);
    mc_str manifest = MC_STR(""), digest = MC_STR("");
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT manifest, digest FROM metacore_addons WHERE addon_key "
                                    "= $1"),
                             &key, 1, &rows, err);

    (void)self;
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows)) {
        manifest = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
        digest = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 1));
    }
    rc = mc_db_rows_finish(&rows, err);
    if (rc != MC_OK)
        return rc;
    if (manifest.len == 0)
        return mc_fail(err, MC_NOT_FOUND, "addon %.*s is not known here", MC_FMT(addon_key));
    *out_manifest = manifest;
    *out_digest = digest;
    return MC_OK;
}
