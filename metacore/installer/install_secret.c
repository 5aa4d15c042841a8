/* SPDX-License-Identifier: Apache-2.0 */
/* The secret that an addon's backend and the kernel sign their calls with: shown once, kept as a
 * digest and, with a master key, sealed. */
#include "metacore/installer/installer_internal.h"

#include "metacore/base/encode.h"
#include "metacore/base/random.h"
#include "metacore/base/secret.h"

#define SECRET_BYTES 32

static mc_code write_hash(mc_arena *arena, mc_str text, mc_str *out, mc_err *err)
{
    char hex[MC_SHA256_HEX];
    mc_sha256 digest;
    mc_code rc = mc_sha256_of(text, &digest, err);

    if (rc != MC_OK)
        return rc;
    mc_sha256_hex(&digest, hex);
    *out = mc_str_printf(arena, "sha256:%.*s", MC_SHA256_HEX, hex);
    return out->ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "install");
}

static mc_code make_text(mc_arena *arena, mc_str *out, mc_err *err)
{
    unsigned char random[SECRET_BYTES];
    mc_buf text;
    mc_code rc = mc_random_bytes(random, sizeof(random), err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&text, arena, 0);
    mc_hex_write(&text, mc_str_of((const char *)random, sizeof(random)));
    mc_wipe(random, sizeof(random));
    *out = mc_buf_get(&text);
    return mc_buf_check(&text, "install", err);
}

mc_code mc_install_identity_new(mc_arena *arena, mc_install_identity *out, mc_err *err)
{
    mc_code rc = mc_uuid_v7(&out->id, err);

    return rc == MC_OK ? make_text(arena, &out->secret, err) : rc;
}

mc_code mc__secret_keep(const mc_installer *self, mc_arena *arena, mc_str text, mc__secret *out,
                        mc_err *err)
{
    mc_buf enc;
    mc_code rc = text.len ? MC_OK : make_text(arena, &text, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&enc, arena, 0);
    *out = (mc__secret){.text = text, .enc = MC_STR("")};
    rc = write_hash(arena, out->text, &out->hash, err);
    if (rc == MC_OK && self->config.box)
        rc = mc_secretbox_seal(self->config.box, out->text, &enc, err);
    if (rc == MC_OK && self->config.box)
        rc = mc_buf_check(&enc, "install", err);
    if (rc == MC_OK && self->config.box)
        out->enc = mc_buf_get(&enc);
    return rc;
}

static mc_code store_rotated(mc_ctx *ctx, const mc_installation *row, const mc__secret *fresh,
                             mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(row->id), mc_db_text(fresh->hash), mc_db_text(fresh->enc),
                          mc_db_time(ctx->now + MC_INSTALL_SECRET_GRACE_S * MC_TIME_US_PER_S),
                          mc_db_time(ctx->now)};

    return mc_db_exec(
        ctx->conn,
        MC_STR("UPDATE metacore_installations SET previous_secret_hash = secret_hash, "
               "previous_secret_enc = secret_enc, previous_secret_until = $4, secret_hash = $2, "
               "secret_enc = $3, updated_at = $5 WHERE id = $1"),
        args, MC_LEN(args), NULL, err);
}

mc_code mc_installer_rotate(mc_installer *self, mc_ctx *ctx, mc_str addon_key, mc_uuid org_id,
                            mc_installation *out, mc_err *err)
{
    mc_installation row;
    mc__secret fresh;
    mc_code rc = mc__load_row(ctx, addon_key, org_id, &row, err);

    if (rc == MC_NOT_FOUND)
        return mc_fail(err, rc, "rotate: no installation for %.*s", MC_FMT(addon_key));
    if (rc == MC_OK)
        rc = mc__secret_keep(self, ctx->arena, MC_STR(""), &fresh, err);
    mc__step(self, "secret");
    if (rc == MC_OK)
        rc = store_rotated(ctx, &row, &fresh, err);
    mc__step(self, "told");
    if (rc != MC_OK)
        return rc;
    *out = row;
    out->secret = fresh.text;
    return MC_OK;
}

/* ---- for whoever signs ---- */

static mc_code open_secrets(mc_installer *self, mc_ctx *ctx, mc_db_rows *rows,
                            mc_install_secrets *out, mc_err *err)
{
    bool is_grace = !mc_db_col_is_null(rows, 3) && mc_db_col_time(rows, 3) > ctx->now;
    mc_code rc = MC_OK;

    *out = (mc_install_secrets){.installation_id = mc_db_col_uuid(rows, 0)};
    for (size_t col = 1; col <= (is_grace ? 2U : 1U) && rc == MC_OK; col++) {
        mc_str sealed = mc_str_copy(ctx->arena, mc_db_col_text(rows, col));

        if (sealed.len == 0)
            continue;
        rc = mc_secretbox_open(self->config.box, ctx->arena, sealed, &out->items[out->count], err);
        if (rc == MC_OK)
            out->count++;
    }
    return rc;
}

static mc_code load_secrets(mc_installer *self, mc_ctx *ctx, mc_str addon_key, mc_uuid org_id,
                            bool is_of_disabled, mc_install_secrets *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(org_id), mc_db_text(addon_key),
                          mc_db_text(is_of_disabled ? MC_STR("disabled") : MC_STR("enabled"))};
    mc_install_secrets found = {.count = 0};
    mc_db_rows rows;
    mc_code rc, end;
    bool is_there;

    if (!self->config.box)
        return mc_fail(err, MC_NOT_PROVIDED,
                       "secrets of installations are not kept: METACORE_MASTER_KEY is not set");
    rc = mc_db_query(ctx->conn,
                     MC_STR("SELECT id, secret_enc, previous_secret_enc, previous_secret_until "
                            "FROM metacore_installations WHERE organization_id = $1 AND addon_key "
                            "= $2 AND status IN ('enabled', $3) AND deleted_at IS NULL"),
                     args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    is_there = mc_db_rows_next(&rows);
    if (is_there)
        rc = open_secrets(self, ctx, &rows, &found, err);
    end = mc_db_rows_finish(&rows, rc == MC_OK ? err : NULL);
    if (rc != MC_OK || end != MC_OK)
        return rc != MC_OK ? rc : end;
    if (!is_there)
        return mc_fail(err, MC_NOT_FOUND, "metacore: no enabled installation for %.*s",
                       MC_FMT(addon_key));
    if (found.count == 0)
        return mc_fail(err, MC_NOT_PROVIDED,
                       "the secret of %.*s was made without a master key: rotate it",
                       MC_FMT(addon_key));
    *out = found;
    return MC_OK;
}

mc_code mc_installer_load_secrets(mc_installer *self, mc_ctx *ctx, mc_str addon_key, mc_uuid org_id,
                                  mc_install_secrets *out, mc_err *err)
{
    return load_secrets(self, ctx, addon_key, org_id, false, out, err);
}

mc_code mc_installer_find_secrets(mc_installer *self, mc_ctx *ctx, mc_str addon_key, mc_uuid org_id,
                                  mc_install_secrets *out, mc_err *err)
{
    return load_secrets(self, ctx, addon_key, org_id, true, out, err);
}
