/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_AUTH_INTERNAL_H
#define METACORE_AUTH_INTERNAL_H

#include "metacore/auth/auth.h"

#define MC__ROLE_MAX 50           /* bytes */
#define MC__SHA256_LEN 32         /* bytes */
#define MC__HASH_TEXT_LEN 64      /* a SHA-256 in hexadecimal */
#define MC__PASSWORD_HASH_MAX 128 /* with its NUL: libsodium's crypto_pwhash_STRBYTES */

#define MC__MSG_EXPIRED "Invalid or expired token"
#define MC__MSG_MALFORMED "Unauthorized"
#define MC__MSG_CREDENTIALS "Invalid credentials"
#define MC__MSG_REQUIRED "Required fields missing"
#define MC__MSG_FORMAT "Invalid request format"
#define MC__MSG_NOT_FOUND "auth: user not found"

/* ---- auth_keys.c: HMAC-SHA256 under the signing secrets ---- */

typedef struct mc__keys mc__keys;

/* The first secret signs; all of them verify. */
mc_code mc__keys_new(mc_str secret, mc_strs old_secrets, mc__keys **out, mc_err *err);
void mc__keys_free(mc__keys *self);
mc_code mc__keys_sign(mc__keys *self, mc_str message, unsigned char out[MC__SHA256_LEN],
                      mc_err *err);
/* Whether mac is the beginning of message's under any of the secrets; constant time per secret. */
mc_code mc__keys_verify(mc__keys *self, mc_str message, mc_str mac, bool *out, mc_err *err);

/* The digest as 64 lower-case hexadecimal bytes: how tokens are stored. */
mc_code mc__sha256_hex(mc_str bytes, char out[MC__HASH_TEXT_LEN], mc_err *err);

/* ---- auth_jwt.c ---- */

typedef struct mc__claims {
    mc_uuid user_id;
    mc_uuid org_id; /* may be nil */
    mc_uuid session_id;
    int64_t token_version;
    mc_time issued_at;
    mc_time expires_at; /* whole seconds */
    mc_str email;       /* as of the signing; for people who look into tokens */
    mc_str role;
} mc__claims;

typedef struct mc__jwt {
    mc__keys *keys;
    mc_str issuer;
    mc_str audience; /* empty: neither set nor asked for */
} mc__jwt;

mc_code mc__jwt_sign(const mc__jwt *jwt, mc_arena *arena, const mc__claims *claims, mc_str *out,
                     mc_err *err);
/* Errors: UNAUTHENTICATED with one of the two texts above; NO_MEMORY. */
mc_code mc__jwt_verify(const mc__jwt *jwt, mc_arena *arena, mc_str token, mc_time now,
                       mc__claims *out, mc_err *err);

/* ---- auth_verified.c: tokens whose signature was found good lately ---- */

typedef struct mc__verified mc__verified;

mc_code mc__verified_new(mc__verified **out, mc_err *err);
void mc__verified_free(mc__verified *self);
/* False also for one that is over. The claims come without email and role. */
bool mc__verified_find(mc__verified *self, mc_str token, mc_time now, mc__claims *out);
void mc__verified_put(mc__verified *self, mc_str token, const mc__claims *claims);

/* ---- auth_refresh.c: the text of refresh tokens ---- */

/* base64url of: session, 32 random bytes, half an HMAC. The MAC tells an old token of ours, whose
 * use ends the session, from what somebody made up, which ends nothing. */
mc_code mc__refresh_make(mc__keys *keys, mc_arena *arena, mc_uuid session_id, mc_str *out,
                         mc_err *err);
/* Errors: UNAUTHENTICATED: not ours. */
mc_code mc__refresh_parse(mc__keys *keys, mc_arena *arena, mc_str token, mc_uuid *out_session_id,
                          mc_err *err);

/* ---- auth_password.c ---- */

typedef struct mc__hasher mc__hasher;

typedef struct mc__hasher_config {
    uint32_t concurrency;
    int64_t wait_us;
    uint32_t passes;
    size_t memory_bytes;
} mc__hasher_config;

mc_code mc__hasher_new(const mc__hasher_config *config, mc__hasher **out, mc_err *err);
void mc__hasher_free(mc__hasher *self);
/* Errors: LIMIT: no place became free in time. NO_MEMORY. */
mc_code mc__hasher_hash(mc__hasher *self, mc_str password, char out[MC__PASSWORD_HASH_MAX],
                        mc_err *err);
/*
 * Whether password is stored's. An empty or unknown stored form costs as much as ours and never
 * matches. *out_is_old: it matches and should be stored anew.
 */
mc_code mc__hasher_verify(mc__hasher *self, mc_str stored, mc_str password, bool *out_matches,
                          bool *out_is_old, mc_err *err);

/* ---- auth_limits.c ---- */

typedef struct mc__limits mc__limits;

typedef enum mc__limit_kind {
    MC__LIMIT_LOGIN_PAIR = 1, /* account and address */
    MC__LIMIT_LOGIN_IP,
    MC__LIMIT_LOGIN_ACCOUNT,
    MC__LIMIT_REGISTER,
    MC__LIMIT_REFRESH,
    MC__LIMIT_KINDS
} mc__limit_kind;

mc_code mc__limits_new(const mc_auth_limits *config, mc__limits **out, mc_err *err);
void mc__limits_free(mc__limits *self);
/*
 * Takes one from kind's allowance for a and b; false, with the time to wait, when none is left or
 * the pair is locked.
 */
bool mc__limits_take(mc__limits *self, mc__limit_kind kind, mc_str a, mc_str b, int64_t now_us,
                     int64_t *out_wait_us);
/* Gives back what was taken for something that was no failure. */
void mc__limits_give_back(mc__limits *self, mc__limit_kind kind, mc_str a, mc_str b,
                          int64_t now_us);
/* Counts a failure in a row, and locks the pair for longer each time once there are too many. */
void mc__limits_note_failure(mc__limits *self, mc_str a, mc_str b, int64_t now_us);
void mc__limits_note_success(mc__limits *self, mc_str a, mc_str b, int64_t now_us);

/* ---- auth_principals.c: sessions that were looked up lately ---- */

typedef struct mc__principals mc__principals;

typedef struct mc__principal {
    mc_uuid session_id;
    mc_uuid user_id;
    mc_uuid org_id;
    int64_t token_version;
    mc_str role; /* in the caller's arena */
    mc_str email;
} mc__principal;

mc_code mc__principals_new(size_t entries, int64_t ttl_us, mc__principals **out, mc_err *err);
void mc__principals_free(mc__principals *self);
/* False when absent or too old; also without memory for the copies. */
bool mc__principals_find(mc__principals *self, mc_arena *arena, mc_uuid session_id, int64_t now_us,
                         mc__principal *out);
/* To be taken before the database is read. */
uint64_t mc__principals_generation(mc__principals *self);
/* Keeps p, unless something was invalidated since generation: it may have been p. */
void mc__principals_put(mc__principals *self, const mc__principal *p, uint64_t generation,
                        int64_t now_us);
void mc__principals_drop_session(mc__principals *self, mc_uuid session_id);
void mc__principals_drop_user(mc__principals *self, mc_uuid user_id);

/* ---- auth_names.c: addresses, roles, slugs ---- */

/* Trimmed, ASCII in lower case. False when it is no address; *out is then only trimmed and lowered.
 * Errors: NO_MEMORY. */
mc_code mc__email_normalize(mc_arena *arena, mc_str text, mc_str *out, bool *out_is_valid,
                            mc_err *err);
/* Letters, digits, '_', '-': in lower case; INVALID otherwise. */
mc_code mc__role_normalize_strict(mc_arena *arena, mc_str text, mc_str *out, mc_err *err);
/* "Ångström & Söhne" -> "angstrom-sohne"; at most 60 bytes; "organization" when nothing is left. */
mc_code mc__slug_of(mc_arena *arena, mc_str name, mc_str *out, mc_err *err);

/* ---- auth_accounts.c: rows of users and organizations ---- */

/* A user with what never leaves this package. */
typedef struct mc__account {
    mc_auth_user user;
    mc_str password_hash;
    int64_t token_version;
} mc__account;

/* On conn. Errors: NOT_FOUND. */
mc_code mc__account_load(mc_db_conn *conn, mc_ctx *ctx, mc_uuid user_id, mc__account *out,
                         mc_err *err);
/* By the address as it was typed, else in its normal form. */
mc_code mc__account_load_email(mc_db_conn *conn, mc_ctx *ctx, mc_str typed, mc_str normal,
                               mc__account *out, mc_err *err);
/* An mc_db_fn; out is an int64_t. */
mc_code mc__count_users(mc_db_conn *conn, mc_ctx *ctx, void *out, mc_err *err);
mc_code mc__org_load(mc_db_conn *conn, mc_ctx *ctx, mc_uuid org_id, mc_auth_org *out, mc_err *err);
mc_code mc__org_load_named(mc_db_conn *conn, mc_ctx *ctx, mc_str id_slug_or_name, mc_auth_org *out,
                           mc_err *err);
/* With a slug of its own. conn is in a transaction. */
mc_code mc__org_insert(mc_auth *self, mc_db_conn *conn, mc_ctx *ctx, mc_str name, mc_auth_org *out,
                       mc_err *err);

/* ---- auth_sessions.c: rows of auth_sessions; conn is in a transaction ---- */

/* A session and the pair of tokens for it; fills token, refresh_token and expires_at of out, whose
 * user is account's. */
mc_code mc__session_open(mc_auth *self, mc_db_conn *conn, mc_ctx *ctx, const mc__account *account,
                         mc_auth_grant *out, mc_err *err);
/* Ends all sessions of a user. */
mc_code mc__sessions_revoke_user(mc_auth *self, mc_db_conn *conn, mc_uuid user_id, mc_err *err);

/* ---- the service ---- */

struct mc_auth {
    mc_auth_config config; /* scalars, hooks and db; its strings are empty */
    mc_arena *arena;       /* holds issuer and audience */
    mc__jwt jwt;
    mc__hasher *hasher;
    mc__limits *limits;
    mc__principals *principals; /* NULL: off */
    mc__verified *verified;
    int64_t access_ttl_us;
    int64_t refresh_ttl_us;
    mc_http_route *routes;
    size_t route_count;
};

static inline mc_time mc__auth_now(const mc_auth *self)
{
    return mc_clock_now(self->config.clock);
}

/* Runs fn on ctx's connection, or on one of the pool when ctx has none. */
mc_code mc__auth_read(mc_auth *self, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err);

/* TOO_MANY, with ctx->retry_after_s. */
mc_code mc__auth_too_many(mc_ctx *ctx, int64_t wait_us, mc_err *err);

/* Forgets what is cached of user once conn's transaction has been committed. */
mc_code mc__auth_forget_after_commit(mc_auth *self, mc_db_conn *conn, mc_ctx *ctx, mc_uuid user_id,
                                     mc_err *err);

/* Runs hook, when there is one, with ctx->who as account. */
mc_code mc__auth_run_hook(mc_auth_hook hook, void *user, mc_db_conn *conn, mc_ctx *ctx,
                          const mc_auth_user *account, const mc_auth_org *organization,
                          mc_err *err);

/* Notes field errors against the password policy; true when it is good. */
bool mc__password_is_allowed(mc_ctx *ctx, mc_str password);

mc_code mc__auth_routes_new(mc_auth *self, mc_err *err);

#endif
