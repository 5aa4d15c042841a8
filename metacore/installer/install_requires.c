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

/* Addons by key, as people read them: "pens, cases". */
typedef struct names {
    mc_buf text;
    size_t count;
} names;

static void add_name(names *self, mc_str key)
{
    if (self->count++ > 0)
        mc_buf_lit(&self->text, ", ");
    mc_buf_str(&self->text, key);
}

/* The rule is one, wherever it is asked: refused, or by whoever insists done with a warning. */
static mc_code conclude(names *found, bool is_ignored, mc_str why, mc_str *out_warning, mc_err *err)
{
    mc_code rc = mc_buf_check(&found->text, "requires", err);

    *out_warning = MC_STR("");
    if (rc != MC_OK || found->count == 0)
        return rc;
    if (!why.ptr)
        return mc_fail(err, MC_NO_MEMORY, "requires");
    if (!is_ignored)
        return mc_fail(err, MC_CONFLICT, "%.*s; or insist: ignore_requires", MC_FMT(why));
    *out_warning = why;
    return MC_OK;
}

static mc_code conclude_missing(mc_ctx *ctx, mc_str addon_key, names *missing, bool is_ignored,
                                mc_str *out_warning, mc_err *err)
{
    bool is_one = missing->count == 1;
    mc_str why = mc_str_printf(ctx->arena,
                               "addon %.*s requires addon%s %.*s, which %s not installed and "
                               "enabled here",
                               MC_FMT(addon_key), is_one ? "" : "s",
                               MC_FMT(mc_buf_get(&missing->text)), is_one ? "is" : "are");

    return conclude(missing, is_ignored, why, out_warning, err);
}

mc_code mc__check_requires(mc_ctx *ctx, const mc_install_plan *plan, mc_uuid org_id,
                           bool is_ignored, mc_str *out_warning, mc_err *err)
{
    const mc_json *list = plan->manifest->requires;
    names missing = {.count = 0};
    mc_code rc = MC_OK;

    mc_buf_init_arena(&missing.text, ctx->arena, 0);
    for (size_t i = 0; list && i < list->as.array.count && rc == MC_OK; i++) {
        mc_str key = MC_STR("");
        bool is_there = false;

        (void)mc_json_get_str(mc_json_find_nocase(list->as.array.items[i], MC_STR("key")), &key);
        if (key.len == 0 || mc_str_eq(key, plan->manifest->key))
            continue;
        rc = is_enabled(ctx, key, org_id, &is_there, err);
        if (rc == MC_OK && !is_there)
            add_name(&missing, key);
    }
    return rc == MC_OK
               ? conclude_missing(ctx, plan->manifest->key, &missing, is_ignored, out_warning, err)
               : rc;
}

static mc_code load_names(mc_ctx *ctx, mc_str sql, mc_str addon_key, mc_uuid org_id, names *out,
                          mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(org_id), mc_db_text(addon_key)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, sql, args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = (names){.count = 0};
    mc_buf_init_arena(&out->text, ctx->arena, 0);
    while (mc_db_rows_next(&rows))
        add_name(out, mc_db_col_text(&rows, 0));
    return mc_db_rows_finish(&rows, err);
}

mc_code mc__check_requires_kept(mc_ctx *ctx, const mc_install_target *target, mc_str *out_warning,
                                mc_err *err)
{
    names missing;
    mc_code rc = load_names(
        ctx,
        MC_STR("SELECT r.required_key FROM metacore_addon_requires r WHERE r.addon_key = $2 AND "
               "r.required_key <> $2 AND NOT EXISTS (SELECT 1 FROM metacore_installations i WHERE "
               "i.organization_id = $1 AND i.addon_key = r.required_key AND i.status = 'enabled' "
               "AND i.deleted_at IS NULL) ORDER BY r.required_key"),
        target->addon_key, target->org_id, &missing, err);

    return rc == MC_OK ? conclude_missing(ctx, target->addon_key, &missing, target->ignore_requires,
                                          out_warning, err)
                       : rc;
}

mc_code mc__check_dependents(mc_ctx *ctx, const mc_install_target *target, bool only_enabled,
                             mc_str *out_warning, mc_err *err)
{
    names dependents;
    mc_str why;
    mc_code rc = load_names(
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
        target->addon_key, target->org_id, &dependents, err);

    if (rc != MC_OK)
        return rc;
    why = mc_str_printf(ctx->arena, "addon %.*s is required by addon%s %.*s",
                        MC_FMT(target->addon_key), dependents.count == 1 ? "" : "s",
                        MC_FMT(mc_buf_get(&dependents.text)));
    return conclude(&dependents, target->ignore_requires, why, out_warning, err);
}
