/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth.h"

#include "metacore/auth/auth_internal.h"

typedef struct login_call {
    mc_auth *self;
    mc_str typed;  /* the address as it came, trimmed */
    mc_str normal; /* and as we keep it: what is counted, too */
    mc__account account;
    char new_hash[MC__PASSWORD_HASH_MAX]; /* "": keep the old one */
    mc_auth_grant out;
} login_call;

static mc_code wrong(mc_err *err)
{
    return mc_fail(err, MC_UNAUTHENTICATED, MC__MSG_CREDENTIALS);
}

/* ---- how often ---- */

/* The allowances that an attempt draws on: those of ip only when there is one. */
static const struct {
    mc__limit_kind kind;
    bool by_account, by_ip;
} allowances[] = {
    {MC__LIMIT_LOGIN_PAIR, true, true},
    {MC__LIMIT_LOGIN_IP, false, true},
    {MC__LIMIT_LOGIN_ACCOUNT, true, false},
};

static mc_code take_attempt(mc_auth *self, mc_ctx *ctx, mc_str account, mc_str ip, mc_err *err)
{
    int64_t now_us = mc_clock_monotonic_us(self->config.clock), wait_us = 0;
    mc_str none = MC_STR("");

    for (size_t i = 0; i < MC_LEN(allowances); i++) {
        if (allowances[i].by_ip && !ip.len)
            continue;
        if (!mc__limits_take(self->limits, allowances[i].kind,
                             allowances[i].by_account ? account : none,
                             allowances[i].by_ip ? ip : none, now_us, &wait_us))
            return mc__auth_too_many(ctx, wait_us, err);
    }
    return MC_OK;
}

/* Only failures count: a house full of people signing in is no attack. */
static void give_attempt_back(mc_auth *self, mc_str account, mc_str ip)
{
    int64_t now_us = mc_clock_monotonic_us(self->config.clock);
    mc_str none = MC_STR("");

    for (size_t i = 0; i < MC_LEN(allowances); i++)
        if (ip.len || !allowances[i].by_ip)
            mc__limits_give_back(self->limits, allowances[i].kind,
                                 allowances[i].by_account ? account : none,
                                 allowances[i].by_ip ? ip : none, now_us);
}

/* ---- who ---- */

static mc_code find_account(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    login_call *call = user;

    return mc__account_load_email(conn, ctx, call->typed, call->normal, &call->account, err);
}

/* UNAUTHENTICATED for an unknown account, a wrong password and a disabled one, after the same
 * work. */
static mc_code check_password(login_call *call, mc_ctx *ctx, mc_str password, bool *out_is_old,
                              mc_err *err)
{
    bool matches = false;
    mc_code rc = mc__auth_read(call->self, ctx, find_account, call, err);

    if (rc == MC_NOT_FOUND)
        call->account = (mc__account){.password_hash = MC_STR("")};
    else if (rc != MC_OK)
        return rc;
    rc = mc__hasher_verify(call->self->hasher, call->account.password_hash, password, &matches,
                           out_is_old, err);
    if (rc != MC_OK)
        return rc;
    return matches && !call->account.user.is_disabled ? MC_OK : wrong(err);
}

/* ---- signing in ---- */

/* Nothing changed between the check and now: no new password, nobody disabled. */
static mc_code touch_account(login_call *call, mc_db_conn *conn, mc_err *err)
{
    static const mc_str sql =
        MC_STR_INIT("UPDATE users SET last_login_at = $2, password_hash = $3 WHERE id = $1"
                    " AND password_hash = $4 AND token_version = $5 AND deleted_at IS NULL"
                    " AND disabled_at IS NULL");
    mc__account *account = &call->account;
    mc_str hash = call->new_hash[0] ? mc_z(call->new_hash) : account->password_hash;
    mc_db_value args[] = {mc_db_uuid(account->user.id), mc_db_time(account->user.last_login_at),
                          mc_db_text(hash), mc_db_text(account->password_hash),
                          mc_db_int(account->token_version)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(conn, sql, args, MC_LEN(args), &changed, err);

    return rc == MC_OK && changed != 1 ? wrong(err) : rc;
}

mc_code mc__auth_run_hook(mc_auth_hook hook, void *user, mc_db_conn *conn, mc_ctx *ctx,
                          const mc_auth_user *account, const mc_auth_org *organization, mc_err *err)
{
    mc_principal before = ctx->who;
    mc_code rc;

    if (!hook)
        return MC_OK;
    ctx->who = (mc_principal){.user_id = account->id,
                              .org_id = account->organization_id,
                              .role = account->role,
                              .email = account->email};
    rc = hook(user, conn, ctx, account, organization, err);
    ctx->who = before;
    return rc;
}

static mc_code login_run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    login_call *call = user;
    mc_auth *self = call->self;
    mc_code rc = touch_account(call, conn, err);

    if (rc == MC_OK)
        rc = mc__session_open(self, conn, ctx, &call->account, &call->out, err);
    if (rc == MC_OK)
        rc = mc__org_load(conn, ctx, call->account.user.organization_id, &call->out.organization,
                          err);
    if (rc == MC_NOT_FOUND) /* a user of no organization */
        rc = MC_OK;
    call->out.user = call->account.user;
    if (rc == MC_OK)
        rc = mc__auth_run_hook(self->config.post_login, self->config.post_login_user, conn, ctx,
                               &call->out.user, &call->out.organization, err);
    return rc;
}

static mc_code login(login_call *call, mc_ctx *ctx, mc_str password, mc_err *err)
{
    mc_auth *self = call->self;
    bool is_old = false;
    mc_code rc = check_password(call, ctx, password, &is_old, err);

    if (rc == MC_OK && is_old)
        rc = mc__hasher_hash(self->hasher, password, call->new_hash, err);
    if (rc != MC_OK)
        return rc;
    call->account.user.last_login_at = mc__auth_now(self);
    return mc_db_write(self->config.db, ctx, login_run, call, err);
}

mc_code mc_auth_login(mc_auth *self, mc_ctx *ctx, mc_str email, mc_str password, mc_str ip,
                      mc_auth_grant *out, mc_err *err)
{
    login_call call = {.self = self, .typed = mc_str_trim(email)};
    bool is_address;
    mc_code rc;

    if (!call.typed.len || !password.len)
        return mc_fail(err, MC_INVALID, MC__MSG_REQUIRED);
    if (password.len > MC_AUTH_PASSWORD_MAX || call.typed.len > MC_AUTH_EMAIL_MAX)
        return wrong(err); /* it was never accepted as one */
    rc = mc__email_normalize(ctx->arena, email, &call.normal, &is_address, err);
    if (rc == MC_OK)
        rc = take_attempt(self, ctx, call.normal, ip, err);
    if (rc != MC_OK)
        return rc;
    rc = login(&call, ctx, password, err);
    if (rc == MC_UNAUTHENTICATED) {
        mc__limits_note_failure(self->limits, call.normal, ip,
                                mc_clock_monotonic_us(self->config.clock));
        return rc;
    }
    give_attempt_back(self, call.normal, ip); /* also for what went wrong on our side */
    if (rc != MC_OK)
        return rc;
    mc__limits_note_success(self->limits, call.normal, ip,
                            mc_clock_monotonic_us(self->config.clock));
    *out = call.out;
    return MC_OK;
}
