/* SPDX-License-Identifier: Apache-2.0 */
/* Files that an addon's page loads, each found by the bundle it came in. */
#include "metacore/installer/installer_internal.h"

mc_code mc_installer_find_asset(mc_installer *self, mc_ctx *ctx, mc_str addon_key, mc_str digest,
                                mc_str path, mc_install_asset *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_text(addon_key), mc_db_text(path), mc_db_text(digest)};
    mc_install_asset found = {0};
    bool is_there;
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        ctx->conn,
        MC_STR("SELECT f.digest, f.digest = a.digest, f.sha256, length(f.content) FROM "
               "metacore_addons a JOIN metacore_bundles b ON b.addon_key = a.addon_key JOIN "
               "metacore_bundle_files f ON f.digest = b.digest WHERE a.addon_key = $1 AND f.path "
               "= $2 AND b.digest = CASE WHEN $3 = '' THEN a.digest ELSE $3 END"),
        args, MC_LEN(args), &rows, err);

    (void)self;
    if (rc != MC_OK)
        return rc;
    is_there = mc_db_rows_next(&rows);
    if (is_there)
        found = (mc_install_asset){.digest = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0)),
                                   .is_current = mc_db_col_bool(&rows, 1),
                                   .sha256 = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 2)),
                                   .size = (size_t)mc_db_col_int(&rows, 3)};
    rc = mc_db_rows_finish(&rows, err);
    if (rc != MC_OK)
        return rc;
    if (!is_there)
        return mc_fail(err, MC_NOT_FOUND, "file not found");
    *out = found;
    return MC_OK;
}

mc_code mc_installer_read_asset(mc_installer *self, mc_ctx *ctx, const mc_install_asset *asset,
                                mc_str path, size_t offset, size_t length, mc_buf *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_text(asset->digest), mc_db_text(path),
                          mc_db_int((int64_t)offset + 1), mc_db_int((int64_t)length)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT substr(content, $3, $4) FROM metacore_bundle_files "
                                    "WHERE digest = $1 AND path = $2"),
                             args, MC_LEN(args), &rows, err);

    (void)self;
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        mc_buf_str(out, mc_db_col_text(&rows, 0));
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK ? mc_buf_check(out, "asset", err) : rc;
}
