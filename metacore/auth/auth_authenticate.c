/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth.h"

#include "metacore/auth/auth_internal.h"

/* ---- the account behind a token ---- */

typedef struct lookup {
    const mc__claims *claims;
    mc__principal out;
} lookup;

static mc_code expired(mc_err *err)
{
    return mc_fail(err, MC_UNAUTHENTICATED, MC__MSG_EXPIRED);
}

static mc_code read_principal(mc_db_rows *rows, mc_ctx *ctx, lookup *l, mc_err *err)
{
    if (!mc_db_rows_next(rows))
        return rows->rc == MC_OK ? expired(err) : MC_OK; /* finish tells what went wrong */
    l->out = (mc__principal){.session_id = l->claims->session_id,
                             .user_id = l->claims->user_id,
                             .org_id = l->claims->org_id,
                             .token_version = mc_db_col_int(rows, 2)};
    l->out.role = mc_str_copy(ctx->arena, mc_db_col_text(rows, 0));
    l->out.email = mc_str_copy(ctx->arena, mc_db_col_text(rows, 1));
    if (!l->out.role.ptr || !l->out.email.ptr)
        return mc_fail(err, MC_NO_MEMORY, "auth: principal");
    return MC_OK;
}

/* A session that is not revoked, of an account that may still sign in, in an organization that is
 * still there and still the account's. */
static mc_code load_principal(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    static const mc_str sql =
        MC_STR_INIT("SELECT u.role, u.email, u.token_version FROM auth_sessions s"
                    " JOIN users u ON u.id = s.user_id"
                    " LEFT JOIN organizations o ON o.id = u.organization_id"
                    " WHERE s.id = $1 AND s.user_id = $2 AND u.organization_id = $3"
                    " AND s.revoked_at IS NULL AND u.deleted_at IS NULL"
                    " AND u.disabled_at IS NULL AND o.deleted_at IS NULL");
    lookup *l = user;
    mc_db_value args[] = {mc_db_uuid(l->claims->session_id), mc_db_uuid(l->claims->user_id),
                          mc_db_uuid(l->claims->org_id)};
    mc_err ignored;
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, sql, args, MC_LEN(args), &rows, err), finished;

    if (rc != MC_OK)
        return rc;
    rc = read_principal(&rows, ctx, l, err);
    finished = mc_db_rows_finish(&rows, rc == MC_OK ? err : &ignored);
    return rc == MC_OK ? finished : rc;
}

static mc_code find_principal(mc_auth *self, mc_ctx *ctx, const mc__claims *claims,
                              mc__principal *out, mc_err *err)
{
    lookup l = {.claims = claims};
    int64_t now_us = mc_clock_monotonic_us(self->config.clock);
    uint64_t generation = 0;
    mc_code rc;

    if (self->principals) {
        if (mc__principals_find(self->principals, ctx->arena, claims->session_id, now_us, out))
            return MC_OK;
        generation = mc__principals_generation(self->principals);
    }
    rc = mc__auth_read(self, ctx, load_principal, &l, err);
    if (rc != MC_OK)
        return rc;
    if (self->principals)
        mc__principals_put(self->principals, &l.out, generation, now_us);
    *out = l.out;
    return MC_OK;
}

static mc_code verify(mc_auth *self, mc_arena *arena, mc_str token, mc__claims *out, mc_err *err)
{
    mc_time now = mc__auth_now(self);
    mc_code rc;

    if (mc__verified_find(self->verified, token, now, out))
        return MC_OK;
    rc = mc__jwt_verify(&self->jwt, arena, token, now, out, err);
    if (rc == MC_OK)
        mc__verified_put(self->verified, token, out);
    return rc;
}

mc_code mc_auth_authenticate_token(mc_auth *self, mc_ctx *ctx, mc_str token,
                                   mc_time *out_expires_at, mc_err *err)
{
    mc__principal principal = {0};
    mc__claims claims = {0};
    mc_code rc;

    if (!token.len)
        return expired(err);
    rc = verify(self, ctx->arena, token, &claims, err);
    if (rc == MC_OK)
        rc = find_principal(self, ctx, &claims, &principal, err);
    if (rc != MC_OK)
        return rc;
    if (!mc_uuid_eq(principal.user_id, claims.user_id) ||
        !mc_uuid_eq(principal.org_id, claims.org_id) ||
        principal.token_version != claims.token_version)
        return expired(err);
    ctx->who = (mc_principal){.user_id = principal.user_id,
                              .org_id = principal.org_id,
                              .session_id = principal.session_id,
                              .role = principal.role,
                              .email = principal.email,
                              .token_expires_at = claims.expires_at};
    if (out_expires_at)
        *out_expires_at = claims.expires_at;
    return MC_OK;
}

mc_code mc_auth_reload(mc_auth *self, mc_ctx *ctx, mc_err *err)
{
    mc__claims claims = {
        .user_id = ctx->who.user_id, .org_id = ctx->who.org_id, .session_id = ctx->who.session_id};
    mc__principal principal = {0};
    mc_code rc = find_principal(self, ctx, &claims, &principal, err);

    if (rc != MC_OK)
        return rc;
    if (!mc_uuid_eq(principal.user_id, claims.user_id) ||
        !mc_uuid_eq(principal.org_id, claims.org_id))
        return expired(err);
    ctx->who.role = principal.role;
    ctx->who.email = principal.email;
    return MC_OK;
}

/* ---- the token of a request ---- */

/* "Bearer x" in any case, or the whole value, as older clients send it. */
static mc_str token_of_header(mc_str value)
{
    static const mc_str scheme = MC_STR_INIT("bearer");
    mc_str trimmed = mc_str_trim(value);
    bool is_bearer = mc_str_eq_nocase(mc_str_slice(trimmed, 0, scheme.len), scheme) &&
                     (trimmed.len == scheme.len || trimmed.ptr[scheme.len] == ' ' ||
                      trimmed.ptr[scheme.len] == '\t');

    return is_bearer ? mc_str_trim(mc_str_slice(trimmed, scheme.len, trimmed.len)) : trimmed;
}

mc_str mc_auth_query_token(const mc_http_route *route)
{
    if (route && (route->flags & MC_HTTP_ACCESS_TOKEN))
        return MC_STR("access_token");
    return route && (route->flags & MC_HTTP_QUERY_TOKEN) ? MC_STR("token") : MC_STR("");
}

static mc_code token_of_request(mc_http_req *req, mc_str *out, mc_err *err)
{
    const mc_http_route *route = req->match.route;
    size_t count = 0;
    mc_str header = mc_message_header(req->message, MC_STR("authorization"), &count);
    mc_code rc;

    if (count > 1) /* which of them did the one before us look at? */
        return mc_fail(err, MC_UNAUTHENTICATED, MC__MSG_MALFORMED);
    *out = token_of_header(header);
    if (out->len || mc_str_trim(header).len || mc_auth_query_token(route).len == 0)
        return MC_OK;
    rc = mc_http_query_parse(req, err);
    if (rc == MC_OK)
        *out = mc_http_query(req, mc_auth_query_token(route));
    return rc;
}

mc_code mc_auth_authenticate(mc_auth *self, mc_http_req *req, mc_err *err)
{
    const mc_http_route *route = req->match.route;
    bool may_lack_org = route && (route->flags & MC_HTTP_NO_ORG);
    mc_str token = {NULL, 0};
    mc_code rc = token_of_request(req, &token, err);

    if (rc == MC_OK)
        rc = mc_auth_authenticate_token(self, &req->ctx, token, NULL, err);
    if (rc != MC_OK)
        return rc;
    if (mc_uuid_is_nil(req->ctx.who.org_id) && !may_lack_org) {
        req->ctx.who = (mc_principal){0};
        return mc_fail(err, MC_UNAUTHENTICATED, MC__MSG_MALFORMED);
    }
    return MC_OK;
}
