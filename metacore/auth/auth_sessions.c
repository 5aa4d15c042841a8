/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth.h"

#include "metacore/auth/auth_internal.h"

#define SESSIONS_PER_USER_MAX "100" /* the oldest go */

/* ---- opening ---- */

/* Access and refresh token for a session, and the hash under which the latter is kept. */
static mc_code make_tokens(mc_auth *self, mc_ctx *ctx, const mc__account *account,
                           mc_uuid session_id, mc_auth_grant *out, char hash[MC__HASH_TEXT_LEN],
                           mc_err *err)
{
    mc_time now = mc__auth_now(self);
    mc__claims claims = {.user_id = account->user.id,
                         .org_id = account->user.organization_id,
                         .session_id = session_id,
                         .token_version = account->token_version,
                         .issued_at = now,
                         .expires_at = now + self->access_ttl_us,
                         .email = account->user.email,
                         .role = account->user.role};
    mc_code rc = mc__jwt_sign(&self->jwt, ctx->arena, &claims, &out->token, err);

    if (rc == MC_OK)
        rc = mc__refresh_make(self->jwt.keys, ctx->arena, session_id, &out->refresh_token, err);
    if (rc == MC_OK)
        rc = mc__sha256_hex(out->refresh_token, hash, err);
    out->expires_at = claims.expires_at;
    return rc;
}

/* What is of no use any more, and what is more than anybody needs. */
static mc_code sweep(mc_db_conn *conn, mc_uuid user_id, mc_time now, mc_err *err)
{
    static const mc_str old =
        MC_STR_INIT("DELETE FROM auth_sessions WHERE user_id = $1 AND (expires_at <= $2"
                    " OR revoked_at IS NOT NULL)");
    static const mc_str surplus = MC_STR_INIT(
        "DELETE FROM auth_sessions WHERE user_id = $1 AND id IN (SELECT id FROM auth_sessions"
        " WHERE user_id = $1 ORDER BY created_at DESC, id DESC"
        " LIMIT 1000 OFFSET " SESSIONS_PER_USER_MAX " - 1)");
    mc_db_value args[] = {mc_db_uuid(user_id), mc_db_time(now)};
    mc_code rc = mc_db_exec(conn, old, args, 2, NULL, err);

    return rc == MC_OK ? mc_db_exec(conn, surplus, args, 1, NULL, err) : rc;
}

mc_code mc__session_open(mc_auth *self, mc_db_conn *conn, mc_ctx *ctx, const mc__account *account,
                         mc_auth_grant *out, mc_err *err)
{
    static const mc_str sql =
        MC_STR_INIT("INSERT INTO auth_sessions (id, user_id, organization_id, refresh_hash,"
                    " created_at, last_used_at, expires_at) VALUES ($1, $2, $3, $4, $5, $5, $6)");
    mc_time now = mc__auth_now(self);
    char hash[MC__HASH_TEXT_LEN];
    mc_db_value args[6];
    mc_uuid id;
    mc_code rc = sweep(conn, account->user.id, now, err);

    if (rc == MC_OK)
        rc = mc_uuid_v7(&id, err);
    if (rc == MC_OK)
        rc = make_tokens(self, ctx, account, id, out, hash, err);
    if (rc != MC_OK)
        return rc;
    args[0] = mc_db_uuid(id);
    args[1] = mc_db_uuid(account->user.id);
    args[2] = mc_db_uuid(account->user.organization_id);
    args[3] = mc_db_text(mc_str_of(hash, sizeof(hash)));
    args[4] = mc_db_time(now);
    args[5] = mc_db_time(now + self->refresh_ttl_us);
    return mc_db_exec(conn, sql, args, MC_LEN(args), NULL, err);
}

/* ---- ending ---- */

mc_code mc__sessions_revoke_user(mc_auth *self, mc_db_conn *conn, mc_uuid user_id, mc_err *err)
{
    static const mc_str sql = MC_STR_INIT(
        "UPDATE auth_sessions SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL");
    mc_db_value args[] = {mc_db_uuid(user_id), mc_db_time(mc__auth_now(self))};

    return mc_db_exec(conn, sql, args, MC_LEN(args), NULL, err);
}

typedef struct session_call {
    mc_auth *self;
    mc_uuid session_id;
    mc_str token;    /* refresh */
    bool is_refused; /* committed all the same: refusing may have ended the session */
    mc_auth_grant out;
} session_call;

static mc_code revoke(session_call *call, mc_db_conn *conn, mc_err *err)
{
    static const mc_str sql = MC_STR_INIT(
        "UPDATE auth_sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");
    mc_db_value args[] = {mc_db_uuid(call->session_id), mc_db_time(mc__auth_now(call->self))};

    return mc_db_exec(conn, sql, args, MC_LEN(args), NULL, err);
}

static void forget(mc_auth *self, mc_uuid user_id, mc_uuid session_id)
{
    mc__principals_drop_session(self->principals, session_id);
    if (self->config.on_changed)
        self->config.on_changed(self->config.on_changed_user, user_id, session_id);
}

static mc_code logout_run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    return revoke(user, conn, err);
}

mc_code mc_auth_logout(mc_auth *self, mc_ctx *ctx, mc_err *err)
{
    session_call call = {.self = self, .session_id = ctx->who.session_id};
    mc_code rc;

    if (mc_uuid_is_nil(ctx->who.user_id) || mc_uuid_is_nil(ctx->who.session_id))
        return mc_fail(err, MC_UNAUTHENTICATED, MC__MSG_MALFORMED);
    rc = mc_db_write(self->config.db, ctx, logout_run, &call, err);
    forget(self, ctx->who.user_id, call.session_id);
    return rc;
}

/* ---- refreshing ---- */

/* Exchanges the hash, if it is the session's current one; *out_changed says whether. */
static mc_code rotate(session_call *call, mc_db_conn *conn, mc_str old_hash, mc_str new_hash,
                      bool *out_changed, mc_err *err)
{
    static const mc_str sql = MC_STR_INIT(
        "UPDATE auth_sessions SET refresh_hash = $3, previous_hash = $2, last_used_at = $4,"
        " expires_at = $5 WHERE id = $1 AND refresh_hash = $2 AND revoked_at IS NULL"
        " AND expires_at > $4");
    mc_time now = mc__auth_now(call->self);
    mc_db_value args[] = {mc_db_uuid(call->session_id), mc_db_text(old_hash), mc_db_text(new_hash),
                          mc_db_time(now), mc_db_time(now + call->self->refresh_ttl_us)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(conn, sql, args, MC_LEN(args), &changed, err);

    *out_changed = changed == 1;
    return rc;
}

/* The session's account, when it may still sign in. Errors: NOT_FOUND. */
static mc_code load_owner(session_call *call, mc_db_conn *conn, mc_ctx *ctx, mc__account *out,
                          mc_err *err)
{
    static const mc_str sql = MC_STR_INIT("SELECT user_id FROM auth_sessions WHERE id = $1");
    mc_db_value args[] = {mc_db_uuid(call->session_id)};
    mc_uuid user_id = {{0}};
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, sql, args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        user_id = mc_db_col_uuid(&rows, 0);
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK)
        rc = mc__account_load(conn, ctx, user_id, out, err);
    if (rc == MC_OK && out->user.is_disabled)
        rc = mc_fail(err, MC_NOT_FOUND, MC__MSG_NOT_FOUND);
    return rc;
}

/* The organization when there is one; without, the grant has none. */
static mc_code load_org(mc_db_conn *conn, mc_ctx *ctx, const mc_auth_user *user, mc_auth_org *out,
                        mc_err *err)
{
    mc_code rc = mc__org_load(conn, ctx, user->organization_id, out, err);

    return rc == MC_NOT_FOUND ? MC_OK : rc;
}

static mc_code refresh_run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    session_call *call = user;
    char old_hash[MC__HASH_TEXT_LEN], new_hash[MC__HASH_TEXT_LEN];
    mc__account account;
    bool is_current = false;
    mc_code rc = load_owner(call, conn, ctx, &account, err);

    if (rc == MC_NOT_FOUND) {
        call->is_refused = true;
        return revoke(call, conn, err);
    }
    if (rc == MC_OK)
        rc = mc__sha256_hex(call->token, old_hash, err);
    if (rc == MC_OK)
        rc = make_tokens(call->self, ctx, &account, call->session_id, &call->out, new_hash, err);
    if (rc == MC_OK)
        rc = rotate(call, conn, mc_str_of(old_hash, sizeof(old_hash)),
                    mc_str_of(new_hash, sizeof(new_hash)), &is_current, err);
    if (rc != MC_OK)
        return rc;
    if (!is_current) {
        /* Ours, but not the last: it was used before, so somebody has a copy. Nobody keeps it. */
        call->is_refused = true;
        return revoke(call, conn, err);
    }
    call->out.user = account.user;
    return load_org(conn, ctx, &account.user, &call->out.organization, err);
}

mc_code mc_auth_refresh(mc_auth *self, mc_ctx *ctx, mc_str refresh_token, mc_str ip,
                        mc_auth_grant *out, mc_err *err)
{
    session_call call = {.self = self, .token = refresh_token};
    int64_t wait_us;
    mc_code rc;

    if (ip.len && !mc__limits_take(self->limits, MC__LIMIT_REFRESH, ip, MC_STR(""),
                                   mc_clock_monotonic_us(self->config.clock), &wait_us))
        return mc__auth_too_many(ctx, wait_us, err);
    rc = mc__refresh_parse(self->jwt.keys, ctx->arena, refresh_token, &call.session_id, err);
    if (rc == MC_OK)
        rc = mc_db_write(self->config.db, ctx, refresh_run, &call, err);
    if (rc != MC_OK)
        return rc;
    if (call.is_refused) {
        forget(self, (mc_uuid){{0}}, call.session_id);
        return mc_fail(err, MC_UNAUTHENTICATED, MC__MSG_EXPIRED);
    }
    *out = call.out;
    return MC_OK;
}
