/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth.h"

#include "metacore/auth/auth_internal.h"

#include "metacore/base/encode.h"
#include "metacore/base/random.h"
#include "metacore/base/utf8.h"

#define SETUP_TOKEN_LEN 32 /* random bytes */
#define SETUP_TTL_US MC_TIME_US_PER_DAY

/* An account to be made, checked and hashed; everything of it in ctx's arena. */
typedef struct signup_call {
    mc_auth *self;
    mc_str name;
    mc_str email;
    mc_str typed_email; /* trimmed only */
    mc_str password_hash;
    mc_str role;            /* empty: owner of a new organization, else agent */
    mc_str org_new;         /* the name of one to be made … */
    mc_str org_named;       /* … or one that may be there, by id, slug or name */
    const char *setup_hash; /* MC__HASH_TEXT_LEN; NULL: no setup */
    bool is_session;
    bool is_registration; /* post_register runs */
    mc__account account;
    mc_auth_grant out;
} signup_call;

/* ---- the rules ---- */

bool mc__password_is_allowed(mc_ctx *ctx, mc_str password)
{
    mc_str field = MC_STR("password");

    if (!mc_utf8_is_valid(password) || (password.len && memchr(password.ptr, '\0', password.len)))
        mc_ctx_field_error(ctx, field, MC_STR("invalid_type"), MC_STR(""),
                           "The password is not text");
    else if (password.len > MC_AUTH_PASSWORD_MAX)
        mc_ctx_field_error(ctx, field, MC_STR("max"), MC_STR("{\"kind\":\"length\",\"max\":1024}"),
                           "The password is longer than %d bytes", MC_AUTH_PASSWORD_MAX);
    else if (mc_utf8_count(password) < MC_AUTH_PASSWORD_MIN)
        mc_ctx_field_error(ctx, field, MC_STR("min"), MC_STR("{\"kind\":\"length\",\"min\":8}"),
                           "The password needs at least %d characters", MC_AUTH_PASSWORD_MIN);
    else
        return true;
    return false;
}

/* Printable text of at most MC_AUTH_NAME_MAX characters. */
static void check_name(mc_ctx *ctx, const char *field, mc_str name)
{
    bool is_text = mc_utf8_is_valid(name);

    for (size_t i = 0; i < name.len && is_text; i++)
        is_text = (unsigned char)name.ptr[i] >= 0x20 && name.ptr[i] != 0x7f;
    if (!is_text)
        mc_ctx_field_error(ctx, mc_z(field), MC_STR("invalid_type"), MC_STR(""),
                           "Control characters are no part of a name");
    else if (mc_utf8_count(name) > MC_AUTH_NAME_MAX)
        mc_ctx_field_error(ctx, mc_z(field), MC_STR("max"),
                           MC_STR("{\"kind\":\"length\",\"max\":255}"), "At most %d characters",
                           MC_AUTH_NAME_MAX);
}

static mc_code check_email(signup_call *call, mc_ctx *ctx, mc_str email, mc_err *err)
{
    bool is_address = false;
    mc_code rc = mc__email_normalize(ctx->arena, email, &call->email, &is_address, err);

    call->typed_email = mc_str_trim(email);
    if (rc == MC_OK && !is_address)
        mc_ctx_field_error(ctx, MC_STR("email"), MC_STR("email"), MC_STR(""),
                           "This is not an e-mail address");
    return rc;
}

/* "Ann's Organization", of at most MC_AUTH_NAME_MAX characters. */
static mc_code default_org_name(signup_call *call, mc_ctx *ctx, mc_err *err)
{
    static const mc_str suffix = MC_STR_INIT("'s Organization");
    mc_str name = call->name;

    while (mc_utf8_count(name) + suffix.len > MC_AUTH_NAME_MAX)
        name = mc_utf8_truncate(name, name.len - 1);
    call->org_new = mc_str_printf(ctx->arena, "%.*s%.*s", MC_FMT(name), MC_FMT(suffix));
    return call->org_new.ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "auth: organization");
}

/* All fields at once, so that a form shows all that is wrong. */
static mc_code check_signup(signup_call *call, mc_ctx *ctx, const mc_auth_signup *in, mc_err *err)
{
    mc_code rc;

    call->name = mc_str_trim(in->name);
    if (!call->name.len || !mc_str_trim(in->email).len || !in->password.len)
        return mc_fail(err, MC_INVALID, MC__MSG_REQUIRED);
    rc = check_email(call, ctx, in->email, err);
    if (rc != MC_OK)
        return rc;
    call->org_new = mc_str_trim(in->organization_name);
    check_name(ctx, "name", call->name);
    check_name(ctx, "organization_name", call->org_new);
    (void)mc__password_is_allowed(ctx, in->password); /* counted with the others below */
    if (ctx->field_error_count)
        return mc_fail(
            err, MC_REJECTED, "%.*s",
            MC_FMT(ctx->field_errors ? ctx->field_errors[0].message : MC_STR("Invalid input")));
    return call->org_new.len || call->org_named.len ? MC_OK : default_org_name(call, ctx, err);
}

static mc_code exists(mc_err *err)
{
    return mc_fail(err, MC_CONFLICT, "User already exists");
}

static mc_code find_existing(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    signup_call *call = user;
    mc__account account;
    mc_code rc = mc__account_load_email(conn, ctx, call->typed_email, call->email, &account, err);

    if (rc == MC_NOT_FOUND)
        return MC_OK;
    return rc == MC_OK ? exists(err) : rc;
}

/* Before the expensive hash; the unique index decides in the end. */
static mc_code hash_password(signup_call *call, mc_ctx *ctx, mc_str password, mc_err *err)
{
    char *hash = mc_arena_zalloc(ctx->arena, MC__PASSWORD_HASH_MAX);
    mc_code rc;

    if (!hash)
        return mc_fail(err, MC_NO_MEMORY, "auth: password");
    rc = mc__auth_read(call->self, ctx, find_existing, call, err);
    if (rc == MC_OK)
        rc = mc__hasher_hash(call->self->hasher, password, hash, err);
    call->password_hash = mc_z(hash);
    return rc;
}

/* ---- the transaction ---- */

static mc_code announce_org(mc_auth *self, mc_db_conn *conn, mc_ctx *ctx, mc_uuid org_id,
                            mc_err *err)
{
    return self->config.on_org_created
               ? self->config.on_org_created(self->config.on_org_created_user, conn, ctx, org_id,
                                             err)
               : MC_OK;
}

/* The organization that the user joins or gets; *out_is_new: it was made here. */
static mc_code choose_org(signup_call *call, mc_db_conn *conn, mc_ctx *ctx, bool *out_is_new,
                          mc_err *err)
{
    mc_str name = call->org_new;
    mc_uuid id;
    mc_code rc;

    *out_is_new = true;
    if (call->org_named.len) {
        rc = mc__org_load_named(conn, ctx, call->org_named, &call->out.organization, err);
        *out_is_new = rc == MC_NOT_FOUND && !mc_uuid_parse(call->org_named, &id);
        if (!*out_is_new)
            return rc;
        name = call->org_named;
    }
    return mc__org_insert(call->self, conn, ctx, name, &call->out.organization, err);
}

static mc_code insert_user(signup_call *call, mc_db_conn *conn, mc_err *err)
{
    static const mc_str sql =
        MC_STR_INIT("INSERT INTO users (id, organization_id, created_at, updated_at, name, email,"
                    " password_hash, role, avatar, token_version, last_login_at)"
                    " VALUES ($1, $2, $3, $3, $4, $5, $6, $7, '', 1, $8)");
    mc_auth_user *user = &call->account.user;
    mc_db_value args[] = {mc_db_uuid(user->id),
                          mc_db_uuid(user->organization_id),
                          mc_db_time(user->created_at),
                          mc_db_text(user->name),
                          mc_db_text(user->email),
                          mc_db_text(call->password_hash),
                          mc_db_text(user->role),
                          user->last_login_at ? mc_db_time(user->last_login_at) : mc_db_null()};
    mc_code rc = mc_db_exec(conn, sql, args, MC_LEN(args), NULL, err);

    return rc == MC_CONFLICT ? exists(err) : rc;
}

static mc_code fill_user(signup_call *call, bool is_new_org, mc_err *err)
{
    mc_time now = mc__auth_now(call->self);
    mc_str role = is_new_org ? MC_STR(MC_AUTH_ROLE_OWNER) : MC_STR("agent");

    call->account.token_version = 1;
    call->account.user = (mc_auth_user){.organization_id = call->out.organization.id,
                                        .created_at = now,
                                        .updated_at = now,
                                        .name = call->name,
                                        .email = call->email,
                                        .role = call->role.len ? call->role : role,
                                        .avatar = MC_STR(""),
                                        .last_login_at = call->is_session ? now : 0};
    return mc_uuid_v7(&call->account.user.id, err);
}

static mc_code run_hooks(signup_call *call, mc_db_conn *conn, mc_ctx *ctx, bool is_new_org,
                         mc_err *err)
{
    mc_auth *self = call->self;
    const mc_auth_user *user = &call->account.user;
    mc_principal before = ctx->who;
    mc_code rc = MC_OK;

    if (is_new_org) {
        ctx->who = (mc_principal){.user_id = user->id,
                                  .org_id = user->organization_id,
                                  .role = user->role,
                                  .email = user->email};
        rc = announce_org(self, conn, ctx, user->organization_id, err);
        ctx->who = before;
    }
    if (rc == MC_OK && call->is_registration)
        rc = mc__auth_run_hook(self->config.post_register, self->config.post_register_user, conn,
                               ctx, user, &call->out.organization, err);
    return rc;
}

static mc_code no_setup(mc_err *err)
{
    return mc_fail(err, MC_FORBIDDEN, "The setup link is not valid any more");
}

/* Uses the token up; only for the first user. */
static mc_code redeem(signup_call *call, mc_db_conn *conn, mc_ctx *ctx, mc_err *err)
{
    static const mc_str sql =
        MC_STR_INIT("UPDATE auth_setup_tokens SET used_at = $2 WHERE token_hash = $1"
                    " AND used_at IS NULL AND expires_at > $2");
    mc_db_value args[] = {mc_db_text(mc_str_of(call->setup_hash, MC__HASH_TEXT_LEN)),
                          mc_db_time(mc__auth_now(call->self))};
    int64_t changed = 0, users = 0;
    mc_code rc = mc_db_exec(conn, sql, args, MC_LEN(args), &changed, err);

    if (rc == MC_OK)
        rc = mc__count_users(conn, ctx, &users, err);
    return rc == MC_OK && (changed != 1 || users) ? no_setup(err) : rc;
}

static mc_code signup_run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    signup_call *call = user;
    bool is_new_org = false;
    mc_code rc = call->setup_hash ? redeem(call, conn, ctx, err) : MC_OK;

    if (rc == MC_OK)
        rc = choose_org(call, conn, ctx, &is_new_org, err);
    if (rc == MC_OK)
        rc = fill_user(call, is_new_org, err);
    if (rc == MC_OK)
        rc = insert_user(call, conn, err);
    if (rc == MC_OK)
        rc = run_hooks(call, conn, ctx, is_new_org, err);
    if (rc == MC_OK && call->is_session)
        rc = mc__session_open(call->self, conn, ctx, &call->account, &call->out, err);
    call->out.user = call->account.user;
    return rc;
}

static mc_code sign_up(signup_call *call, mc_ctx *ctx, mc_str password, mc_auth_grant *out,
                       mc_err *err)
{
    mc_code rc = hash_password(call, ctx, password, err);

    if (rc == MC_OK)
        rc = mc_db_write(call->self->config.db, ctx, signup_run, call, err);
    if (rc == MC_OK)
        *out = call->out;
    return rc;
}

/* ---- registering ---- */

/* An address that is taken costs as much as one that is not: asking for addresses is limited too.
 */
static mc_code take_registration(mc_auth *self, mc_ctx *ctx, mc_str ip, mc_err *err)
{
    int64_t wait_us;

    if (ip.len && !mc__limits_take(self->limits, MC__LIMIT_REGISTER, ip, MC_STR(""),
                                   mc_clock_monotonic_us(self->config.clock), &wait_us))
        return mc__auth_too_many(ctx, wait_us, err);
    return MC_OK;
}

mc_code mc_auth_register(mc_auth *self, mc_ctx *ctx, const mc_auth_signup *in, mc_str ip,
                         mc_auth_grant *out, mc_err *err)
{
    signup_call call = {.self = self, .is_session = true, .is_registration = true};
    mc_code rc;

    if (!self->config.registration_open)
        return mc_fail(err, MC_FORBIDDEN, "Registration is closed");
    rc = check_signup(&call, ctx, in, err);
    if (rc == MC_OK)
        rc = take_registration(self, ctx, ip, err);
    return rc == MC_OK ? sign_up(&call, ctx, in->password, out, err) : rc;
}

/* ---- the first user ---- */

typedef struct setup_call {
    mc_auth *self;
    char hash[MC__HASH_TEXT_LEN];
} setup_call;

static mc_code setup_token_run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    static const mc_str add =
        MC_STR_INIT("INSERT INTO auth_setup_tokens (id, token_hash, created_at, expires_at)"
                    " VALUES ($1, $2, $3, $4)");
    setup_call *call = user;
    mc_time now = mc__auth_now(call->self);
    mc_db_value args[4];
    int64_t users = 0;
    mc_uuid id;
    mc_code rc = mc__count_users(conn, ctx, &users, err);

    if (rc == MC_OK && users)
        rc = mc_fail(err, MC_CONFLICT, "auth: there are users already");
    if (rc == MC_OK)
        rc = mc_db_exec(conn, MC_STR("DELETE FROM auth_setup_tokens"), NULL, 0, NULL, err);
    if (rc == MC_OK)
        rc = mc_uuid_v7(&id, err);
    if (rc != MC_OK)
        return rc;
    args[0] = mc_db_uuid(id);
    args[1] = mc_db_text(mc_str_of(call->hash, sizeof(call->hash)));
    args[2] = mc_db_time(now);
    args[3] = mc_db_time(now + SETUP_TTL_US);
    return mc_db_exec(conn, add, args, MC_LEN(args), NULL, err);
}

mc_code mc_auth_create_setup_token(mc_auth *self, mc_ctx *ctx, mc_str *out_token, mc_err *err)
{
    setup_call call = {.self = self};
    unsigned char raw[SETUP_TOKEN_LEN];
    mc_buf token;
    mc_code rc = mc_random_bytes(raw, sizeof(raw), err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&token, ctx->arena, 0);
    mc_base64url_write(&token, mc_str_of((const char *)raw, sizeof(raw)));
    rc = mc_buf_check(&token, "setup token", err);
    if (rc == MC_OK)
        rc = mc__sha256_hex(mc_buf_get(&token), call.hash, err);
    if (rc == MC_OK)
        rc = mc_db_write(self->config.db, ctx, setup_token_run, &call, err);
    if (rc == MC_OK)
        *out_token = mc_buf_get(&token);
    return rc;
}

/* Reading first keeps strangers from making us hash for nothing. */
static mc_code peek_setup(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    static const mc_str sql =
        MC_STR_INIT("SELECT 1 FROM auth_setup_tokens WHERE token_hash = $1 AND used_at IS NULL");
    const signup_call *call = user;
    mc_db_value args[] = {mc_db_text(mc_str_of(call->setup_hash, MC__HASH_TEXT_LEN))};
    mc_db_rows rows;
    bool is_there;
    mc_code rc = mc_db_query(conn, sql, args, MC_LEN(args), &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    is_there = mc_db_rows_next(&rows);
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK && !is_there ? no_setup(err) : rc;
}

mc_code mc_auth_setup(mc_auth *self, mc_ctx *ctx, mc_str setup_token, const mc_auth_signup *in,
                      mc_str ip, mc_auth_grant *out, mc_err *err)
{
    signup_call call = {.self = self, .is_session = true, .is_registration = true};
    char hash[MC__HASH_TEXT_LEN];
    mc_code rc;

    if (!setup_token.len)
        return mc_fail(err, MC_INVALID, MC__MSG_REQUIRED);
    rc = take_registration(self, ctx, ip, err);
    if (rc == MC_OK)
        rc = mc__sha256_hex(setup_token, hash, err);
    call.setup_hash = hash;
    if (rc == MC_OK)
        rc = mc__auth_read(self, ctx, peek_setup, &call, err);
    if (rc == MC_OK)
        rc = check_signup(&call, ctx, in, err);
    return rc == MC_OK ? sign_up(&call, ctx, in->password, out, err) : rc;
}

/* ---- by the operator ---- */

mc_code mc_auth_create_user(mc_auth *self, mc_ctx *ctx, const mc_auth_new_user *in,
                            mc_auth_user *out, mc_err *err)
{
    mc_str email = mc_str_trim(in->email);
    mc_auth_signup signup = {.name = in->name, .email = email, .password = in->password};
    signup_call call = {.self = self, .org_named = mc_str_trim(in->organization)};
    mc_auth_grant grant;
    mc_code rc = MC_OK;

    if (!mc_str_trim(signup.name).len)
        signup.name = mc_str_slice(email, 0, mc_str_find_char(email, 0, '@'));
    if (mc_str_trim(in->role).len)
        rc = mc__role_normalize_strict(ctx->arena, in->role, &call.role, err);
    check_name(ctx, "organization", call.org_named);
    if (rc == MC_OK)
        rc = check_signup(&call, ctx, &signup, err);
    if (rc == MC_OK)
        rc = sign_up(&call, ctx, in->password, &grant, err);
    if (rc == MC_OK)
        *out = grant.user;
    return rc;
}

typedef struct org_call {
    mc_auth *self;
    mc_str named;
    bool may_create;
    bool is_new;
    mc_auth_org out;
} org_call;

static mc_code org_run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    org_call *call = user;
    mc_uuid id;
    mc_code rc = mc__org_load_named(conn, ctx, call->named, &call->out, err);

    if (rc != MC_NOT_FOUND || !call->may_create || mc_uuid_parse(call->named, &id))
        return rc;
    call->is_new = true;
    rc = mc__org_insert(call->self, conn, ctx, call->named, &call->out, err);
    return rc == MC_OK ? announce_org(call->self, conn, ctx, call->out.id, err) : rc;
}

mc_code mc_auth_find_org(mc_auth *self, mc_ctx *ctx, mc_str id_slug_or_name, mc_auth_org *out,
                         mc_err *err)
{
    org_call call = {.self = self, .named = mc_str_trim(id_slug_or_name)};
    mc_code rc = mc__auth_read(self, ctx, org_run, &call, err);

    if (rc == MC_OK)
        *out = call.out;
    return rc;
}

mc_code mc_auth_find_or_create_org(mc_auth *self, mc_ctx *ctx, mc_str id_slug_or_name,
                                   mc_auth_org *out, bool *out_created, mc_err *err)
{
    org_call call = {.self = self, .named = mc_str_trim(id_slug_or_name), .may_create = true};
    mc_code rc;

    check_name(ctx, "organization", call.named);
    if (!call.named.len || ctx->field_error_count)
        return mc_fail(err, MC_INVALID, "auth: an organization's name has 1..%d characters",
                       MC_AUTH_NAME_MAX);
    rc = mc_db_write(self->config.db, ctx, org_run, &call, err);
    if (rc != MC_OK)
        return rc;
    *out = call.out;
    if (out_created)
        *out_created = call.is_new;
    return MC_OK;
}
