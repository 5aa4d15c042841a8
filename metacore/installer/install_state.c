/* SPDX-License-Identifier: Apache-2.0 */
/* Enabled, disabled, gone. */
#include "metacore/installer/installer_internal.h"

static mc_code set_status(mc_ctx *ctx, const mc_installation *row, bool is_enabled, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(row->id), mc_db_time(ctx->now)};

    return mc_db_exec(
        ctx->conn,
        is_enabled ? MC_STR("UPDATE metacore_installations SET status = 'enabled', enabled_at = "
                            "$2, disabled_at = NULL, updated_at = $2 WHERE id = $1")
                   : MC_STR("UPDATE metacore_installations SET status = 'disabled', disabled_at = "
                            "$2, updated_at = $2 WHERE id = $1"),
        args, MC_LEN(args), NULL, err);
}

/* Enabling what is enabled changes nothing, and nobody is told. */
static mc_code change_status(mc_installer *self, mc_ctx *ctx, mc_addon_event event,
                             const mc_install_target *target, const mc_installation *row,
                             mc_err *err)
{
    bool is_enabled = event == MC_ADDON_ENABLED;
    mc__addon addon;
    mc_code rc;

    if (mc_str_eq(row->status, is_enabled ? MC_STR("enabled") : MC_STR("disabled")))
        return MC_OK;
    rc = mc__addon_load(ctx, row->addon_key, &addon, err);
    mc__step(self, "status");
    if (rc == MC_OK)
        rc = set_status(ctx, row, is_enabled, err);
    mc__step(self, "told");
    if (rc != MC_OK)
        return rc;
    return mc__serve_after_commit(self, ctx,
                                  &(mc_addon_change){.event = event,
                                                     .org_id = row->organization_id,
                                                     .addon_key = row->addon_key,
                                                     .version = addon.version,
                                                     .digest = addon.digest,
                                                     .old_digest = addon.digest,
                                                     .is_forced = target->is_forced,
                                                     .was_enabled = !is_enabled,
                                                     .is_enabled = is_enabled},
                                  MC_STR(""), err);
}

mc_code mc_installer_enable(mc_installer *self, mc_ctx *ctx, const mc_install_target *target,
                            mc_installation *out, mc_err *err)
{
    mc_str warning;
    mc_installation row;
    mc_code rc = mc_installer_find(self, ctx, target->addon_key, target->org_id, &row, err);

    if (rc == MC_OK)
        rc = mc__check_requires_kept(ctx, target, &warning, err);
    if (rc == MC_OK)
        rc = change_status(self, ctx, MC_ADDON_ENABLED, target, &row, err);
    if (rc == MC_OK)
        rc = mc_installer_find(self, ctx, target->addon_key, target->org_id, out, err);
    if (rc == MC_OK)
        out->warning = warning;
    return rc;
}

mc_code mc_installer_disable(mc_installer *self, mc_ctx *ctx, const mc_install_target *target,
                             mc_installation *out, mc_err *err)
{
    mc_str warning;
    mc_installation row;
    mc_code rc = mc_installer_find(self, ctx, target->addon_key, target->org_id, &row, err);

    if (rc == MC_OK)
        rc = mc__check_dependents(ctx, target, true, &warning, err);
    if (rc == MC_OK)
        rc = change_status(self, ctx, MC_ADDON_DISABLED, target, &row, err);
    if (rc == MC_OK)
        rc = mc_installer_find(self, ctx, target->addon_key, target->org_id, out, err);
    if (rc == MC_OK)
        out->warning = warning;
    return rc;
}

/* ---- uninstalling ---- */

static mc_code count_left(mc_ctx *ctx, mc_str addon_key, int64_t *out, mc_err *err)
{
    mc_db_value key = mc_db_text(addon_key);
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT COUNT(*) FROM metacore_installations WHERE addon_key "
                                    "= $1 AND deleted_at IS NULL"),
                             &key, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = mc_db_rows_next(&rows) ? mc_db_col_int(&rows, 0) : 0;
    return mc_db_rows_finish(&rows, err);
}

/* What stays says that the addon was given up, for whoever would bring it again by himself; no
 * secret and no setting does. */
static mc_code delete_row(mc_ctx *ctx, const mc_installation *row, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(row->id), mc_db_time(ctx->now)};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE metacore_installations SET status = 'disabled', secret_hash = "
                             "'', secret_enc = '', previous_secret_hash = '', previous_secret_enc "
                             "= '', previous_secret_until = NULL, settings = '{}', disabled_at = "
                             "$2, updated_at = $2, deleted_at = $2 WHERE id = $1"),
                      args, MC_LEN(args), NULL, err);
}

/* The tenant's own schema always; the shared one with the last who has it, until then this
 * organization's rows in it. */
static mc_code drop_data(mc_ctx *ctx, mc_str addon_key, mc_uuid org_id, bool is_last, mc_err *err)
{
    mc_str own = mc_tenant_schema_name(ctx->arena, addon_key, org_id);
    mc_str shared = mc_schema_name(ctx->arena, addon_key);
    mc_code rc;

    if (!own.ptr || !shared.ptr)
        return mc_fail(err, MC_NO_MEMORY, "uninstall");
    rc = mc__drop_schema(ctx, own, err);
    if (rc != MC_OK)
        return rc;
    return is_last ? mc__drop_schema(ctx, shared, err) : mc__drop_rows(ctx, shared, org_id, err);
}

static mc_code tell_before(mc_installer *self, mc_ctx *ctx, const mc_installation *row,
                           const mc__addon *addon, mc_err *err)
{
    const mc_installer_config *config = &self->config;
    bool is_enabled = mc_str_eq(row->status, MC_STR("enabled"));

    return config->before_uninstall
               ? config->before_uninstall(config->change_user, ctx,
                                          &(mc_addon_change){.event = MC_ADDON_UNINSTALLED,
                                                             .org_id = row->organization_id,
                                                             .addon_key = row->addon_key,
                                                             .version = addon->version,
                                                             .digest = addon->digest,
                                                             .old_digest = addon->digest,
                                                             .was_enabled = is_enabled},
                                          err)
               : MC_OK;
}

mc_code mc_installer_uninstall(mc_installer *self, mc_ctx *ctx, const mc_install_target *target,
                               bool drop, mc_installation *out, mc_err *err)
{
    mc_str addon_key = target->addon_key, warning;
    mc_uuid org_id = target->org_id;
    mc_installation row;
    mc__addon addon;
    int64_t left = 0;
    bool is_gone;
    mc_code rc = mc__lock_addon(ctx, addon_key, err); /* else a schema goes that one moves into */

    if (rc == MC_OK)
        rc = mc_installer_find(self, ctx, addon_key, org_id, &row, err);
    if (rc == MC_OK)
        rc = mc__check_dependents(ctx, target, false, &warning, err);
    if (rc == MC_OK)
        rc = mc__addon_load(ctx, addon_key, &addon, err);
    if (rc == MC_OK)
        rc = target->is_forced ? MC_OK : tell_before(self, ctx, &row, &addon, err);
    mc__step(self, "row");
    if (rc == MC_OK)
        rc = delete_row(ctx, &row, err);
    if (rc == MC_OK)
        rc = count_left(ctx, addon_key, &left, err);
    is_gone = drop && left == 0;
    mc__step(self, "data");
    if (rc == MC_OK && drop)
        rc = drop_data(ctx, addon_key, org_id, left == 0, err);
    mc__step(self, "manifest");
    if (rc == MC_OK && is_gone)
        rc = mc__addon_forget(ctx, addon_key, err);
    mc__step(self, "told");
    if (rc == MC_OK)
        rc = mc__serve_after_commit(
            self, ctx,
            &(mc_addon_change){.event = MC_ADDON_UNINSTALLED,
                               .was_enabled = mc_str_eq(row.status, MC_STR("enabled")),
                               .org_id = org_id,
                               .addon_key = addon_key,
                               .version = addon.version,
                               .digest = is_gone ? MC_STR("") : addon.digest,
                               .old_digest = addon.digest},
            MC_STR(""), err);
    if (rc != MC_OK)
        return rc;
    *out = row;
    out->warning = warning;
    return MC_OK;
}
