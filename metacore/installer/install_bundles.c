/* SPDX-License-Identifier: Apache-2.0 */
/* The archives that addons came from, by digest, and the assets in them, each a row of its own. */
#include "metacore/installer/installer_internal.h"

static mc_code has_bundle(mc_ctx *ctx, mc_str digest, bool *out, mc_err *err)
{
    mc_db_value arg = mc_db_text(digest);
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, MC_STR("SELECT 1 FROM metacore_bundles WHERE digest = $1"),
                             &arg, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = mc_db_rows_next(&rows);
    return mc_db_rows_finish(&rows, err);
}

static mc_code keep_archive(mc_ctx *ctx, const mc_install_plan *plan, mc_err *err)
{
    mc_db_value args[] = {mc_db_text(mc_z(plan->digest)),           mc_db_text(plan->manifest->key),
                          mc_db_text(plan->manifest->version),      mc_db_text(plan->packed),
                          mc_db_text(mc_str_trim(plan->signature)), mc_db_time(ctx->now)};

    args[3].kind = MC_DB_BYTES;
    return mc_db_exec(ctx->conn,
                      MC_STR("INSERT INTO metacore_bundles (digest, addon_key, version, archive, "
                             "signature, created_at) VALUES ($1, $2, $3, $4, $5, $6)"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code keep_assets(mc_ctx *ctx, const mc_install_plan *plan, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < plan->bundle->file_count && rc == MC_OK; i++) {
        const mc_bundle_file *file = &plan->bundle->files[i];
        mc_str prefix = MC_STR("frontend/");
        mc_db_value args[] = {mc_db_text(mc_z(plan->digest)),
                              mc_db_text(mc_str_slice(file->name, prefix.len, file->name.len)),
                              mc_db_text(mc_z(file->sha256)), mc_db_text(file->data)};

        if (!mc_str_starts_with(file->name, prefix))
            continue;
        args[3].kind = MC_DB_BYTES;
        rc = mc_db_exec(ctx->conn,
                        MC_STR("INSERT INTO metacore_bundle_files (digest, path, sha256, content) "
                               "VALUES ($1, $2, $3, $4)"),
                        args, MC_LEN(args), NULL, err);
    }
    return rc;
}

/* Pages that were loaded before an upgrade still fetch their own version's assets: a few stay. */
static mc_code forget_old(mc_ctx *ctx, const mc_install_plan *plan, mc_err *err)
{
    mc_db_value args[] = {mc_db_text(plan->manifest->key), mc_db_text(mc_z(plan->digest)),
                          mc_db_int(MC_INSTALL_BUNDLES_KEPT - 1)};
    mc_code rc = mc_db_exec(
        ctx->conn,
        MC_STR("DELETE FROM metacore_bundles WHERE addon_key = $1 AND digest <> $2 AND digest NOT "
               "IN (SELECT digest FROM metacore_bundles WHERE addon_key = $1 AND digest <> $2 "
               "ORDER BY created_at DESC, digest LIMIT $3)"),
        args, MC_LEN(args), NULL, err);

    return rc == MC_OK ? mc_db_exec(ctx->conn,
                                    MC_STR("DELETE FROM metacore_bundle_files WHERE digest NOT IN "
                                           "(SELECT digest FROM metacore_bundles)"),
                                    NULL, 0, NULL, err)
                       : rc;
}

mc_code mc__bundle_keep(mc_ctx *ctx, const mc_install_plan *plan, mc_err *err)
{
    bool is_kept = false;
    mc_code rc = has_bundle(ctx, mc_z(plan->digest), &is_kept, err);

    if (rc != MC_OK || is_kept)
        return rc;
    rc = keep_archive(ctx, plan, err);
    if (rc == MC_OK)
        rc = keep_assets(ctx, plan, err);
    return rc == MC_OK ? forget_old(ctx, plan, err) : rc;
}

mc_code mc__bundles_forget(mc_ctx *ctx, mc_str addon_key, mc_err *err)
{
    mc_db_value arg = mc_db_text(addon_key);
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("DELETE FROM metacore_bundle_files WHERE digest IN (SELECT "
                                   "digest FROM metacore_bundles WHERE addon_key = $1)"),
                            &arg, 1, NULL, err);

    return rc == MC_OK
               ? mc_db_exec(ctx->conn, MC_STR("DELETE FROM metacore_bundles WHERE addon_key = $1"),
                            &arg, 1, NULL, err)
               : rc;
}

/* ---- reading them back ---- */

static mc_code load_archive(mc_ctx *ctx, mc_str addon_key, mc_install_source *out, mc_str *digest,
                            mc_err *err)
{
    mc_db_value arg = mc_db_text(addon_key);
    bool is_there;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT b.digest, b.archive, b.signature FROM metacore_addons "
                                    "a JOIN metacore_bundles b ON b.digest = a.digest WHERE "
                                    "a.addon_key = $1"),
                             &arg, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    is_there = mc_db_rows_next(&rows);
    if (is_there) {
        *digest = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
        out->packed = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 1));
        out->signature = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 2));
    }
    rc = mc_db_rows_finish(&rows, err);
    if (rc != MC_OK)
        return rc;
    if (!is_there)
        return mc_fail(err, MC_NOT_FOUND, "no bundle of addon %.*s is kept", MC_FMT(addon_key));
    return out->packed.ptr && digest->ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "bundle");
}

mc_code mc_installer_load_bundle(mc_installer *self, mc_ctx *ctx, mc_str addon_key,
                                 mc_install_source *out_source, mc_bundle **out_bundle, mc_err *err)
{
    mc_install_source source = {0};
    char hex[MC_SHA256_HEX];
    mc_sha256 digest;
    mc_str kept;
    mc_bundle *bundle = NULL;
    mc_code rc = load_archive(ctx, addon_key, &source, &kept, err);

    (void)self;
    if (rc == MC_OK)
        rc = mc_sha256_of(source.packed, &digest, err);
    if (rc != MC_OK)
        return rc;
    mc_sha256_hex(&digest, hex);
    if (!mc_str_eq(mc_str_of(hex, sizeof(hex)), kept))
        return mc_fail(err, MC_IO, "the kept bundle of addon %.*s does not match its digest %.12s",
                       MC_FMT(addon_key), kept.ptr);
    rc = mc_bundle_read(source.packed, &bundle, err);
    if (rc != MC_OK)
        return rc;
    source.bundle = bundle;
    *out_source = source;
    *out_bundle = bundle;
    return MC_OK;
}
