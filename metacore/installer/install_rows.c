/* SPDX-License-Identifier: Apache-2.0 */
/* The organization's row, and reading rows back. */
#include "metacore/installer/installer_internal.h"

/* ---- writing ---- */

static mc_str source_of(const mc_install_plan *plan)
{
    mc_str format = MC_STR("");
    const mc_json *frontend = mc_json_find_nocase(plan->manifest->root, MC_STR("frontend"));

    if (plan->is_compiled)
        return MC_STR("compiled");
    (void)mc_json_get_str(mc_json_find_nocase(frontend, MC_STR("format")), &format); /* or none */
    return mc_str_eq(format, MC_STR("federation")) ? MC_STR("federated") : MC_STR("bundle");
}

/* Installing enables; an upgrade that another brought leaves that as it is. */
static mc_code update_row(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                          const mc_installation *row, bool does_enable, mc_err *err)
{
    mc_str settings;
    mc_code rc = mc__settings_merge(self, ctx, plan->manifest, row->settings, &settings, err);

    if (rc != MC_OK)
        return rc;
    mc_db_value args[] = {mc_db_uuid(row->id), mc_db_text(plan->manifest->version),
                          mc_db_time(ctx->now), mc_db_text(settings), mc_db_text(source_of(plan))};
    args[3].kind = MC_DB_JSON;
    rc = mc_db_exec(ctx->conn,
                    MC_STR("UPDATE metacore_installations SET version = $2, settings = $4, source "
                           "= $5, updated_at = $3 WHERE id = $1"),
                    args, MC_LEN(args), NULL, err);
    if (rc != MC_OK || !does_enable)
        return rc;
    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE metacore_installations SET status = 'enabled', enabled_at = "
                             "$2, disabled_at = NULL WHERE id = $1 AND status <> 'enabled'"),
                      (mc_db_value[]){args[0], args[2]}, 2, NULL, err);
}

/* ---- those that were there ---- */

mc_code mc__was_given_up(mc_ctx *ctx, mc_str addon_key, mc_uuid org_id, bool *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(org_id), mc_db_text(addon_key)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT 1 FROM metacore_installations WHERE organization_id = "
                                    "$1 AND addon_key = $2 AND deleted_at IS NOT NULL"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = mc_db_rows_next(&rows);
    return mc_db_rows_finish(&rows, err);
}

static mc_code forget_given_up(mc_ctx *ctx, mc_str addon_key, mc_uuid org_id, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(org_id), mc_db_text(addon_key)};

    return mc_db_exec(ctx->conn,
                      MC_STR("DELETE FROM metacore_installations WHERE organization_id = $1 AND "
                             "addon_key = $2 AND deleted_at IS NOT NULL"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code insert_row(mc_installer *self, mc_ctx *ctx, const mc_install_run *run,
                          mc_str *out_secret, mc_err *err)
{
    const mc_install_plan *plan = run->plan;
    const mc_manifest *m = plan->manifest;
    mc_uuid org_id = run->org_id, id;
    mc__secret secret;
    mc_str settings;
    mc_code rc = run->identity ? MC_OK : mc_uuid_v7(&id, err);

    if (run->identity)
        id = run->identity->id;
    if (rc == MC_OK)
        rc = mc__secret_keep(self, ctx->arena, run->identity ? run->identity->secret : MC_STR(""),
                             &secret, err);
    if (rc == MC_OK)
        rc = mc__settings_merge(self, ctx, m, MC_STR(""), &settings, err);
    if (rc != MC_OK)
        return rc;
    mc_db_value args[] = {
        mc_db_uuid(id),         mc_db_uuid(org_id),          mc_db_text(m->key),
        mc_db_text(m->version), mc_db_text(source_of(plan)), mc_db_text(secret.hash),
        mc_db_text(secret.enc), mc_db_text(settings),        mc_db_time(ctx->now)};
    args[7].kind = MC_DB_JSON;
    *out_secret = secret.text;
    rc = forget_given_up(ctx, m->key, org_id, err);
    if (rc != MC_OK)
        return rc;
    return mc_db_exec(
        ctx->conn,
        MC_STR("INSERT INTO metacore_installations (id, organization_id, addon_key, "
               "version, status, source, secret_hash, secret_enc, settings, installed_at, "
               "enabled_at, created_at, updated_at) VALUES ($1, $2, $3, $4, 'enabled', $5, $6, "
               "$7, $8, $9, $9, $9, $9)"),
        args, MC_LEN(args), NULL, err);
}

/* ---- reading ---- */

#define INSTALLATION_COLUMNS                                                                       \
    "id, organization_id, addon_key, version, status, source, settings, installed_at, "            \
    "enabled_at, disabled_at"

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
        .disabled_at = mc_db_col_time(rows, 9),
    };
}

mc_code mc__load_row(mc_ctx *ctx, mc_str addon_key, mc_uuid org_id, mc_installation *out,
                     mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(org_id), mc_db_text(addon_key)};
    mc_installation found = {0};
    bool is_there;
    mc_db_rows rows;
    mc_code rc =
        mc_db_query(ctx->conn,
                    MC_STR("SELECT " INSTALLATION_COLUMNS " FROM metacore_installations WHERE "
                           "organization_id = $1 AND addon_key = $2 AND deleted_at IS NULL"),
                    args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    is_there = mc_db_rows_next(&rows);
    if (is_there)
        read_row(ctx, &rows, &found);
    rc = mc_db_rows_finish(&rows, err);
    if (rc != MC_OK)
        return rc;
    if (!is_there)
        return MC_NOT_FOUND;
    *out = found;
    return MC_OK;
}

mc_code mc_installer_find(mc_installer *self, mc_ctx *ctx, mc_str addon_key, mc_uuid org_id,
                          mc_installation *out, mc_err *err)
{
    mc_code rc = mc__load_row(ctx, addon_key, org_id, out, err);

    (void)self;
    return rc == MC_NOT_FOUND ? mc_fail(err, rc, "addon %.*s is not installed", MC_FMT(addon_key))
                              : rc;
}

mc_code mc__install_row(mc_installer *self, mc_ctx *ctx, const mc_install_run *run,
                        mc_installation *out, mc__was *was, mc_err *err)
{
    const mc_install_plan *plan = run->plan;
    mc_uuid org_id = run->org_id;
    mc_str key = plan->manifest->key, secret = MC_STR("");
    mc_installation row;
    mc_code rc = mc__load_row(ctx, key, org_id, &row, err);

    *was = WAS_ABSENT;
    if (rc == MC_OK)
        *was = mc_str_eq(row.status, MC_STR("enabled")) ? WAS_ENABLED : WAS_DISABLED;
    if (rc == MC_NOT_FOUND)
        rc = insert_row(self, ctx, run, &secret, err);
    else if (rc == MC_OK)
        rc = update_row(self, ctx, plan, &row, !run->only_missing, err);
    if (rc == MC_OK)
        rc = mc_installer_find(self, ctx, key, org_id, &row, err);
    if (rc != MC_OK)
        return rc;
    *out = row;
    out->secret = secret;
    return MC_OK;
}

/* ---- the others who have it ---- */

typedef struct list_call {
    mc_uuid org_id;   /* nil: of all */
    mc_str addon_key; /* empty: every one */
    mc_installation *items;
    size_t count;
} list_call;

static mc_code list_rows(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    list_call *call = user;
    mc_str nil = MC_STR("00000000-0000-0000-0000-000000000000");
    mc_db_value args[] = {mc_db_uuid(call->org_id), mc_db_text(call->addon_key), mc_db_text(nil)};
    size_t room = 0;
    mc_db_rows rows;
    mc_code rc;

    args[2].kind = MC_DB_UUID;
    args[2].as.uuid = (mc_uuid){{0}};
    rc = mc_db_query(conn,
                     MC_STR("SELECT " INSTALLATION_COLUMNS " FROM metacore_installations WHERE "
                            "deleted_at IS NULL AND (organization_id = $1 OR $1 = $3) AND ($2 = '' "
                            "OR addon_key = $2) ORDER BY addon_key, organization_id"),
                     args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    while (call->count < MC_INSTALLATIONS_MAX && mc_db_rows_next(&rows)) {
        if (call->count == room) {
            size_t more = room ? room * 2 : 16;
            mc_installation *grown = mc_arena_realloc(ctx->arena, call->items,
                                                      room * sizeof(*grown), more * sizeof(*grown));

            if (!grown) {
                MC_IGNORE(mc_db_rows_finish(&rows, err)); /* memory is the failure to tell */
                return mc_fail(err, MC_NO_MEMORY, "installations");
            }
            call->items = grown;
            room = more;
        }
        read_row(ctx, &rows, &call->items[call->count++]);
    }
    return mc_db_rows_finish(&rows, err);
}

mc_code mc__upgrade_others(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                           mc_uuid org_id, mc_str old_digest, mc_err *err)
{
    list_call call = {.addon_key = plan->manifest->key};
    mc_code rc = list_rows(ctx->conn, ctx, &call, err);

    for (size_t i = 0; i < call.count && rc == MC_OK; i++) {
        const mc_installation *row = &call.items[i];
        bool is_enabled = mc_str_eq(row->status, MC_STR("enabled"));

        if (mc_uuid_eq(row->organization_id, org_id))
            continue;
        mc__step(self, "other");
        rc = update_row(self, ctx, plan, row, false, err);
        if (rc == MC_OK)
            rc = mc__serve_after_commit(self, ctx,
                                        &(mc_addon_change){.event = MC_ADDON_UPGRADED,
                                                           .org_id = row->organization_id,
                                                           .addon_key = row->addon_key,
                                                           .version = plan->manifest->version,
                                                           .digest = mc_z(plan->digest),
                                                           .old_digest = old_digest,
                                                           .was_enabled = is_enabled,
                                                           .is_enabled = is_enabled},
                                        MC_STR(""), err);
    }
    return rc;
}

/* ---- lists ---- */

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

/* ---- showing ---- */

static void write_time(mc_buf *out, const char *key, mc_time at)
{
    if (at == 0)
        return;
    mc_buf_printf(out, ",\"%s\":\"", key);
    mc_time_write(out, at);
    mc_buf_char(out, '"');
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
    mc_installation_write_settings(out, installation);
    write_time(out, "installed_at", installation->installed_at);
    write_time(out, "enabled_at", installation->enabled_at);
    write_time(out, "disabled_at", installation->disabled_at);
    mc_buf_char(out, '}');
}
