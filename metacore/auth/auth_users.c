/* SPDX-License-Identifier: Apache-2.0 */
/* What an operator does with accounts, and what their owners see of them. */
#include "metacore/auth/auth.h"

#include "metacore/auth/auth_internal.h"

#include "metacore/base/json.h"

/* ---- finding ---- */

typedef struct find_call {
    mc_uuid user_id;
    mc_str typed, normal;
    mc__account out;
} find_call;

static mc_code find_by_id(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    find_call *call = user;

    return mc__account_load(conn, ctx, call->user_id, &call->out, err);
}

static mc_code find_by_email(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    find_call *call = user;

    return mc__account_load_email(conn, ctx, call->typed, call->normal, &call->out, err);
}

mc_code mc_auth_load_me(mc_auth *self, mc_ctx *ctx, mc_auth_user *out, mc_err *err)
{
    find_call call = {.user_id = ctx->who.user_id};
    mc_code rc;

    if (mc_uuid_is_nil(ctx->who.user_id))
        return mc_fail(err, MC_UNAUTHENTICATED, MC__MSG_MALFORMED);
    rc = mc__auth_read(self, ctx, find_by_id, &call, err);
    if (rc == MC_OK && !mc_uuid_eq(call.out.user.organization_id, ctx->who.org_id))
        rc = mc_fail(err, MC_NOT_FOUND, MC__MSG_NOT_FOUND);
    if (rc == MC_OK)
        *out = call.out.user;
    return rc;
}

mc_code mc_auth_find_user(mc_auth *self, mc_ctx *ctx, mc_str email, mc_auth_user *out, mc_err *err)
{
    find_call call = {.typed = mc_str_trim(email)};
    bool is_address;
    mc_code rc = mc__email_normalize(ctx->arena, email, &call.normal, &is_address, err);

    if (rc == MC_OK)
        rc = mc__auth_read(self, ctx, find_by_email, &call, err);
    if (rc == MC_OK)
        *out = call.out.user;
    return rc;
}

/* ---- changing ---- */

typedef struct change_call {
    mc_auth *self;
    mc_uuid user_id;
    mc_str sql;        /* $1 the user, $2 now, $3 the value */
    mc_db_value value; /* MC_DB_NULL: there is no $3 */
    bool ends_sessions;
} change_call;

static mc_code change_run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    change_call *call = user;
    mc_db_value args[] = {mc_db_uuid(call->user_id), mc_db_time(mc__auth_now(call->self)),
                          call->value};
    size_t arg_count = call->value.kind == MC_DB_NULL ? 2 : 3;
    int64_t changed = 0;
    mc_code rc = mc_db_exec(conn, call->sql, args, arg_count, &changed, err);

    if (rc == MC_OK && changed != 1)
        rc = mc_fail(err, MC_NOT_FOUND, MC__MSG_NOT_FOUND);
    if (rc == MC_OK && call->ends_sessions)
        rc = mc__sessions_revoke_user(call->self, conn, call->user_id, err);
    return rc == MC_OK ? mc__auth_forget_after_commit(call->self, conn, ctx, call->user_id, err)
                       : rc;
}

mc_code mc_auth_set_password(mc_auth *self, mc_ctx *ctx, mc_uuid user_id, mc_str password,
                             mc_err *err)
{
    char hash[MC__PASSWORD_HASH_MAX];
    change_call call = {
        .self = self,
        .user_id = user_id,
        .ends_sessions = true,
        .sql = MC_STR("UPDATE users SET password_hash = $3, token_version = token_version + 1,"
                      " updated_at = $2 WHERE id = $1 AND deleted_at IS NULL"),
    };
    mc_code rc;

    if (!mc__password_is_allowed(ctx, password))
        return mc_fail(err, MC_REJECTED, "The password needs %d characters to %d bytes",
                       MC_AUTH_PASSWORD_MIN, MC_AUTH_PASSWORD_MAX);
    rc = mc__hasher_hash(self->hasher, password, hash, err);
    if (rc != MC_OK)
        return rc;
    call.value = mc_db_text(mc_z(hash));
    return mc_db_write(self->config.db, ctx, change_run, &call, err);
}

mc_code mc_auth_set_disabled(mc_auth *self, mc_ctx *ctx, mc_uuid user_id, bool is_disabled,
                             mc_err *err)
{
    change_call call = {.self = self, .user_id = user_id, .ends_sessions = true};

    call.sql = is_disabled
                   ? MC_STR("UPDATE users SET disabled_at = $2, token_version = token_version + 1,"
                            " updated_at = $2 WHERE id = $1 AND deleted_at IS NULL")
                   : MC_STR("UPDATE users SET disabled_at = NULL, updated_at = $2"
                            " WHERE id = $1 AND deleted_at IS NULL");
    return mc_db_write(self->config.db, ctx, change_run, &call, err);
}

mc_code mc_auth_set_role(mc_auth *self, mc_ctx *ctx, mc_uuid user_id, mc_str role, mc_err *err)
{
    change_call call = {.self = self,
                        .user_id = user_id,
                        .sql = MC_STR("UPDATE users SET role = $3, updated_at = $2"
                                      " WHERE id = $1 AND deleted_at IS NULL")};
    mc_str normal;
    mc_code rc = mc__role_normalize_strict(ctx->arena, role, &normal, err);

    if (rc != MC_OK)
        return rc;
    call.value = mc_db_text(normal);
    return mc_db_write(self->config.db, ctx, change_run, &call, err);
}

/* ---- writing ---- */

static void write_uuid(mc_buf *out, const char *name, mc_uuid id)
{
    mc_buf_printf(out, "\"%s\":\"", name);
    mc_uuid_write(out, id);
    mc_buf_char(out, '"');
}

static void write_time(mc_buf *out, const char *name, mc_time t)
{
    mc_buf_printf(out, ",\"%s\":\"", name);
    mc_time_write(out, t);
    mc_buf_char(out, '"');
}

static void write_text(mc_buf *out, const char *name, mc_str text)
{
    mc_buf_printf(out, ",\"%s\":", name);
    mc_json_write_str(out, text);
}

static void write_text_unless_empty(mc_buf *out, const char *name, mc_str text)
{
    if (text.len)
        write_text(out, name, text);
}

static void write_base(mc_buf *out, mc_uuid id, mc_uuid org_id, mc_uuid created_by_id,
                       mc_time created_at, mc_time updated_at)
{
    mc_buf_char(out, '{');
    write_uuid(out, "id", id);
    mc_buf_char(out, ',');
    write_uuid(out, "organization_id", org_id);
    if (!mc_uuid_is_nil(created_by_id)) {
        mc_buf_char(out, ',');
        write_uuid(out, "created_by_id", created_by_id);
    }
    write_time(out, "created_at", created_at);
    write_time(out, "updated_at", updated_at);
}

void mc_auth_user_write(mc_buf *out, const mc_auth_user *user)
{
    write_base(out, user->id, user->organization_id, user->created_by_id, user->created_at,
               user->updated_at);
    write_text(out, "name", user->name);
    write_text(out, "email", user->email);
    write_text(out, "role", user->role);
    write_text_unless_empty(out, "avatar", user->avatar);
    if (user->last_login_at)
        write_time(out, "last_login_at", user->last_login_at);
    mc_buf_char(out, '}');
}

void mc_auth_org_write(mc_buf *out, const mc_auth_org *org)
{
    write_base(out, org->id, org->organization_id, org->created_by_id, org->created_at,
               org->updated_at);
    write_text(out, "name", org->name);
    write_text(out, "slug", org->slug);
    write_text_unless_empty(out, "country", org->country);
    write_text_unless_empty(out, "currency", org->currency);
    write_text_unless_empty(out, "timezone", org->timezone);
    write_text_unless_empty(out, "logo", org->logo);
    mc_buf_char(out, '}');
}
