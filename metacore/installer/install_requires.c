/* SPDX-License-Identifier: Apache-2.0 */
/* Which addon needs which, within one organization. */
#include "metacore/installer/installer_internal.h"

static mc_code is_enabled(mc_ctx *ctx, mc_str addon_key, mc_uuid org_id, bool *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(org_id), mc_db_text(addon_key)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT 1 FROM metacore_installations WHERE organization_id = "
                                    "$1 AND addon_key = $2 AND status = 'enabled' AND deleted_at "
                                    "IS NULL"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = mc_db_rows_next(&rows);
    return mc_db_rows_finish(&rows, err);
}

mc_code mc__check_requires(mc_ctx *ctx, const mc_install_plan *plan, mc_uuid org_id, mc_err *err)
{
    const mc_json *list = plan->manifest->requires;
    mc_code rc = MC_OK;

    for (size_t i = 0; list && i < list->as.array.count && rc == MC_OK; i++) {
        mc_str key = MC_STR("");
        bool is_there = false;

        (void)mc_json_get_str(mc_json_find_nocase(list->as.array.items[i], MC_STR("key")), &key);
        if (key.len == 0 || mc_str_eq(key, plan->manifest->key))
            continue;
        rc = is_enabled(ctx, key, org_id, &is_there, err);
        if (rc == MC_OK && !is_there)
            rc = mc_fail(err, MC_CONFLICT,
                         "addon %.*s requires addon %.*s, which is not installed and enabled here",
                         MC_FMT(plan->manifest->key), MC_FMT(key));
    }
    return rc;
}

static mc_code first_of(mc_ctx *ctx, mc_str sql, mc_str addon_key, mc_uuid org_id, mc_str *out,
                        mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(org_id), mc_db_text(addon_key)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, sql, args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = MC_STR("");
    if (mc_db_rows_next(&rows))
        *out = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
    return mc_db_rows_finish(&rows, err);
}

mc_code mc__check_requires_kept(mc_ctx *ctx, mc_str addon_key, mc_uuid org_id, mc_err *err)
{
    mc_str missing;
    mc_code rc =
        first_of(ctx,
                 MC_STR("SELECT r.required_key FROM metacore_addon_requires r WHERE "
                        "r.addon_key = $2 AND r.required_key <> $2 AND NOT EXISTS (SELECT 1 FROM "
                        "metacore_installations i WHERE i.organization_id = $1 AND "
                        "i.addon_key = r.required_key AND i.status = 'enabled' AND "
                        "i.deleted_at IS NULL) ORDER BY r.required_key"),
                 addon_key, org_id, &missing, err);

    if (rc != MC_OK || missing.len == 0)
        return rc;
    return mc_fail(err, MC_CONFLICT,
                   "addon %.*s requires addon %.*s, which is not installed and enabled here",
                   MC_FMT(addon_key), MC_FMT(missing));
}

mc_code mc__check_dependents(mc_ctx *ctx, mc_str addon_key, mc_uuid org_id, bool only_enabled,
                             mc_err *err)
{
    mc_str dependent;
    mc_code rc = first_of(
        ctx,
        only_enabled
            ? MC_STR("SELECT i.addon_key FROM metacore_addon_requires r JOIN "
                     "metacore_installations i ON i.addon_key = r.addon_key WHERE "
                     "r.required_key = $2 AND i.organization_id = $1 AND i.addon_key <> $2 AND "
                     "i.status = 'enabled' AND i.deleted_at IS NULL ORDER BY i.addon_key")
            : MC_STR("SELECT i.addon_key FROM metacore_addon_requires r JOIN "
                     "metacore_installations i ON i.addon_key = r.addon_key WHERE "
                     "r.required_key = $2 AND i.organization_id = $1 AND i.addon_key <> $2 AND "
                     "i.deleted_at IS NULL ORDER BY i.addon_key"),
        addon_key, org_id, &dependent, err);

    if (rc != MC_OK || dependent.len == 0)
        return rc;
    return mc_fail(err, MC_CONFLICT, "addon %.*s is required by addon %.*s", MC_FMT(addon_key),
                   MC_FMT(dependent));
}
