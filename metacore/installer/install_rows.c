/* SPDX-License-Identifier: Apache-2.0 */
/* The addon's manifest, the organization's row, and reading them back. */
#include "metacore/installer/installer_internal.h"

#include "metacore/base/encode.h"
#include "metacore/base/random.h"
#include "metacore/base/secret.h"
#include "metacore/manifest/semver.h"

#include <sodium.h>

/* ---- the addon ---- */

static mc_code load_version(mc_ctx *ctx, mc_str addon_key, mc_str *out, mc_err *err)
{
    mc_db_value key = mc_db_text(addon_key);
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT version FROM metacore_addons WHERE addon_key = "
                                    "$1"),
                             &key, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = MC_STR("");
    if (mc_db_rows_next(&rows))
        *out = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
    return mc_db_rows_finish(&rows, err);
}

static mc_code check_no_downgrade(mc_ctx *ctx, const mc_manifest *m, mc_err *err)
{
    mc_semver installed, offered;
    mc_str version;
    mc_code rc = load_version(ctx, m->key, &version, err);

    if (rc != MC_OK || version.len == 0)
        return rc;
    if (mc_semver_parse(version, &installed, NULL) == MC_OK &&
        mc_semver_parse(m->version, &offered, NULL) == MC_OK &&
        mc_semver_cmp(&offered, &installed) < 0)
        return mc_fail(err, MC_CONFLICT, "addon %.*s %.*s is installed; %.*s would be a downgrade",
                       MC_FMT(m->key), MC_FMT(version), MC_FMT(m->version));
    return MC_OK;
}

static mc_code keep_manifest(mc_ctx *ctx, const mc_install_plan *plan, mc_err *err)
{
    mc_db_value args[] = {mc_db_text(plan->manifest->key), mc_db_text(plan->manifest->version),
                          mc_db_text(mc_z(plan->bundle->digest)),
                          mc_db_text(plan->bundle->manifest), mc_db_time(ctx->now)};

    args[3].kind = MC_DB_JSON;
    return mc_db_exec(
        ctx->conn,
        MC_STR("INSERT INTO metacore_addons (addon_key, version, digest, manifest, "
               "updated_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (addon_key) DO UPDATE "
               "SET version = excluded.version, digest = excluded.digest, manifest = "
               "excluded.manifest, updated_at = excluded.updated_at"),
        args, MC_LEN(args), NULL, err);
}

/* ---- the organization's row ---- */

/* {key: default_value} of the settings that have one. */
static mc_str default_settings(mc_arena *arena, const mc_manifest *m)
{
    bool is_first = true;
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    mc_buf_char(&out, '{');
    for (size_t i = 0; m->settings && i < m->settings->as.array.count; i++) {
        const mc_json *setting = m->settings->as.array.items[i];
        const mc_json *value = mc_json_find_nocase(setting, MC_STR("default_value"));
        mc_str key;

        if (!value || value->kind == MC_JSON_NULL ||
            !mc_json_get_str(mc_json_find_nocase(setting, MC_STR("key")), &key))
            continue;
        if (!is_first)
            mc_buf_char(&out, ',');
        mc_json_write_str(&out, key);
        mc_buf_char(&out, ':');
        mc_json_write(&out, value);
        is_first = false;
    }
    mc_buf_char(&out, '}');
    return mc_buf_failed(&out) ? (mc_str){NULL, 0} : mc_buf_get(&out);
}

/* "sha256:<hex>" of a fresh secret's 64 hexadecimal characters; the secret itself is issued to an
 * administrator by rotation, and kept nowhere. */
static mc_code new_secret_hash(mc_arena *arena, mc_str *out, mc_err *err)
{
    unsigned char random[32], digest[crypto_hash_sha256_BYTES];
    mc_buf secret, hash;
    mc_code rc = mc_random_bytes(random, sizeof(random), err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&secret, arena, 0);
    mc_buf_init_arena(&hash, arena, 0);
    mc_hex_write(&secret, mc_str_of((const char *)random, sizeof(random)));
    (void)crypto_hash_sha256(digest, (const unsigned char *)secret.ptr, secret.len); /* always 0 */
    mc_buf_lit(&hash, "sha256:");
    mc_hex_write(&hash, mc_str_of((const char *)digest, sizeof(digest)));
    mc_wipe(random, sizeof(random));
    if (secret.ptr)
        mc_wipe(secret.ptr, secret.len);
    rc = mc_buf_check(&hash, "install", err);
    if (rc == MC_OK)
        *out = mc_buf_get(&hash);
    return rc;
}

static mc_str source_of(const mc_manifest *m)
{
    mc_str format = MC_STR("");
    const mc_json *frontend = mc_json_find_nocase(m->root, MC_STR("frontend"));

    (void)mc_json_get_str(mc_json_find_nocase(frontend, MC_STR("format")), &format); /* or none */
    return mc_str_eq(format, MC_STR("federation")) ? MC_STR("federated") : MC_STR("bundle");
}

static mc_code update_row(mc_ctx *ctx, const mc_manifest *m, mc_uuid org_id, int64_t *out_changed,
                          mc_err *err)
{
    mc_db_value args[] = {mc_db_text(m->version), mc_db_time(ctx->now), mc_db_uuid(org_id),
                          mc_db_text(m->key)};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE metacore_installations SET version = $1, status = 'enabled', "
                             "enabled_at = $2, disabled_at = NULL, updated_at = $2 WHERE "
                             "organization_id = $3 AND addon_key = $4 AND deleted_at IS NULL"),
                      args, MC_LEN(args), out_changed, err);
}

static mc_code insert_row(mc_ctx *ctx, const mc_manifest *m, mc_uuid org_id, mc_err *err)
{
    mc_str settings = default_settings(ctx->arena, m), hash;
    mc_uuid id;
    mc_code rc = mc_uuid_v7(&id, err);

    if (rc == MC_OK)
        rc = new_secret_hash(ctx->arena, &hash, err);
    if (rc == MC_OK && !settings.ptr)
        rc = mc_fail(err, MC_NO_MEMORY, "install");
    if (rc != MC_OK)
        return rc;
    mc_db_value args[] = {mc_db_uuid(id),         mc_db_uuid(org_id),       mc_db_text(m->key),
                          mc_db_text(m->version), mc_db_text(source_of(m)), mc_db_text(hash),
                          mc_db_text(settings),   mc_db_time(ctx->now)};
    args[6].kind = MC_DB_JSON;
    return mc_db_exec(
        ctx->conn,
        MC_STR("INSERT INTO metacore_installations (id, organization_id, addon_key, "
               "version, status, source, secret_hash, settings, installed_at, enabled_at, "
               "created_at, updated_at) VALUES ($1, $2, $3, $4, 'enabled', $5, $6, $7, "
               "$8, $8, $8, $8)"),
        args, MC_LEN(args), NULL, err);
}

/* ---- reading ---- */

#define INSTALLATION_COLUMNS                                                                       \
    "id, organization_id, addon_key, version, status, source, settings, installed_at, enabled_at"

static void read_row(mc_ctx *ctx, mc_db_rows *rows, mc_installation *out)
{
    *out = (mc_installation){
        .id = mc_db_col_uuid(rows, 0),
        .organization_id = mc_db_col_uuid(rows, 1),
        .addon_key = mc_str_copy(ctx->arena, mc_db_col_text(rows, 2)),
        .version = mc_str_copy(ctx->arena, mc_db_col_text(rows, 3)),
        .status = mc_str_copy(ctx->arena, mc_db_col_text(rows, 4)),
        .source = mc_str_copy(ctx->arena, mc_db_col_text(rows, 5)),
        .settings = mc_str_copy(ctx->arena, mc_db_col_text(rows, 6)),
        .installed_at = mc_db_col_time(rows, 7),
        .enabled_at = mc_db_col_time(rows, 8),
    };
}

static mc_code load_row(mc_ctx *ctx, mc_str addon_key, mc_uuid org_id, mc_installation *out,
                        mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(org_id), mc_db_text(addon_key)};
    mc_db_rows rows;
    mc_code rc =
        mc_db_query(ctx->conn,
                    MC_STR("SELECT " INSTALLATION_COLUMNS " FROM metacore_installations WHERE "
                           "organization_id = $1 AND addon_key = $2 AND deleted_at IS NULL"),
                    args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        read_row(ctx, &rows, out);
    return mc_db_rows_finish(&rows, err);
}

mc_code mc__install_rows(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                         mc_uuid org_id, mc_installation *out, mc_err *err)
{
    int64_t changed = 0;
    mc_code rc = check_no_downgrade(ctx, plan->manifest, err);

    (void)self;
    if (rc == MC_OK)
        rc = keep_manifest(ctx, plan, err);
    if (rc == MC_OK)
        rc = update_row(ctx, plan->manifest, org_id, &changed, err);
    if (rc == MC_OK && changed == 0)
        rc = insert_row(ctx, plan->manifest, org_id, err);
    return rc == MC_OK ? load_row(ctx, plan->manifest->key, org_id, out, err) : rc;
}

typedef struct list_call {
    mc_uuid org_id;
    mc_installation *items;
    size_t count;
} list_call;

static mc_code list_rows(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    list_call *call = user;
    bool is_all = mc_uuid_is_nil(call->org_id);
    mc_db_value org = mc_db_uuid(call->org_id);
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        conn,
        is_all
            ? MC_STR("SELECT " INSTALLATION_COLUMNS " FROM metacore_installations WHERE deleted_at "
                     "IS NULL ORDER BY addon_key, organization_id")
            : MC_STR("SELECT " INSTALLATION_COLUMNS " FROM metacore_installations WHERE deleted_at "
                     "IS NULL AND organization_id = $1 ORDER BY addon_key"),
        &org, is_all ? 0 : 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (call->count < MC_INSTALLATIONS_MAX && mc_db_rows_next(&rows)) {
        mc_installation *grown =
            mc_arena_realloc(ctx->arena, call->items, call->count * sizeof(*grown),
                             (call->count + 1) * sizeof(*grown));

        if (!grown) {
            MC_IGNORE(mc_db_rows_finish(&rows, err)); /* memory is the failure to tell */
            return mc_fail(err, MC_NO_MEMORY, "installations");
        }
        call->items = grown;
        read_row(ctx, &rows, &call->items[call->count++]);
    }
    return mc_db_rows_finish(&rows, err);
}

mc_code mc_installer_list(mc_installer *self, mc_ctx *ctx, mc_uuid org_id, mc_installation **out,
                          size_t *out_count, mc_err *err)
{
    list_call call = {.org_id = org_id};
    mc_code rc = mc_db_read(self->config.db, ctx, list_rows, &call, err);

    if (rc != MC_OK)
        return rc;
    *out = call.items;
    *out_count = call.count;
    return MC_OK;
}

void mc_installation_write(mc_buf *out, const mc_installation *installation)
{
    mc_buf_lit(out, "{\"id\":\"");
    mc_uuid_write(out, installation->id);
    mc_buf_lit(out, "\",\"organization_id\":\"");
    mc_uuid_write(out, installation->organization_id);
    mc_buf_lit(out, "\",\"addon_key\":");
    mc_json_write_str(out, installation->addon_key);
    mc_buf_lit(out, ",\"version\":");
    mc_json_write_str(out, installation->version);
    mc_buf_lit(out, ",\"status\":");
    mc_json_write_str(out, installation->status);
    mc_buf_lit(out, ",\"source\":");
    mc_json_write_str(out, installation->source);
    mc_buf_lit(out, ",\"settings\":");
    mc_buf_str(out, installation->settings.len ? installation->settings : MC_STR("{}"));
    mc_buf_lit(out, ",\"installed_at\":\"");
    mc_time_write(out, installation->installed_at);
    if (installation->enabled_at) {
        mc_buf_lit(out, "\",\"enabled_at\":\"");
        mc_time_write(out, installation->enabled_at);
    }
    mc_buf_lit(out, "\"}");
}
