/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/backend.h"

#include "metacore/base/encode.h"
#include "metacore/base/secret.h"
#include "metacore/security/request_signature.h"
#include "metacore/security/url.h"

#define HEADERS_MAX 16
#define EXTRA_HEADERS_MAX 4

typedef struct sending {
    mc_app *app;
    mc_ctx *ctx;
    const mc__backend_call *call;
    mc_install_secrets secrets;
    mc_signed_request what;
    mc_http_pair headers[HEADERS_MAX];
    size_t header_count;
} sending;

mc_code mc__app_backend_new(mc_app *app, mc_err *err)
{
    return mc_http_client_new(
        &(mc_http_client_config){MC_HTTP_CLIENT_CONFIG,
                                 .allow_private = app->config.allow_private_egress,
                                 .max_body_bytes = MC__BACKEND_REPLY_MAX},
        &app->backend_client, err);
}

static mc_code load_secrets(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    sending *s = user;

    (void)conn; /* in ctx */
    return mc_installer_load_secrets(mc_host_installer(s->app->host), ctx, s->call->addon_key,
                                     ctx->who.org_id, &s->secrets, err);
}

/* What is wiped after use is ours. */
static mc_code copy_secrets(sending *s, mc_err *err)
{
    s->secrets.installation_id = s->call->secrets->installation_id;
    for (; s->secrets.count < s->call->secrets->count; s->secrets.count++) {
        mc_str text = s->call->secrets->items[s->secrets.count];

        s->secrets.items[s->secrets.count] = mc_str_copy(s->ctx->arena, text);
        if (s->secrets.items[s->secrets.count].len != text.len)
            return mc_fail(err, MC_NO_MEMORY, "backend");
    }
    return MC_OK;
}

static mc_str id_text(mc_arena *arena, mc_uuid id)
{
    char text[MC_UUID_TEXT_LEN];

    mc_uuid_format(id, text);
    return mc_str_copy(arena, mc_str_of(text, sizeof(text)));
}

/* Decoded, as servers see it, with the query as it is sent. */
static mc_code read_path(sending *s, mc_err *err)
{
    mc_arena *arena = s->ctx->arena;
    mc_str path;
    size_t query;
    mc_url url;
    mc_code rc = mc_url_parse(s->call->url, &url, err);

    if (rc != MC_OK)
        return rc;
    query = mc_str_find_char(url.target, 0, '?');
    if (!mc_percent_parse(arena, mc_str_slice(url.target, 0, query), false, &path))
        return mc_fail(err, MC_INVALID, "invalid URL: a bad escape in its path");
    if (path.len == 0 || path.ptr[0] != '/')
        path = mc_str_printf(arena, "/%.*s", MC_FMT(path));
    s->what.path = query < url.target.len
                       ? mc_str_printf(arena, "%.*s%.*s", MC_FMT(path),
                                       MC_FMT(mc_str_slice(url.target, query, url.target.len)))
                       : path;
    return s->what.path.ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "backend");
}

static mc_code describe(sending *s, mc_err *err)
{
    mc_arena *arena = s->ctx->arena;
    mc_uuid nonce;
    mc_code rc = mc_uuid_v4(&nonce, err);

    if (rc != MC_OK)
        return rc;
    s->what.timestamp = mc_str_printf(
        arena, "%lld", (long long)(mc_clock_now(s->app->config.clock) / MC_TIME_US_PER_S));
    s->what.nonce = id_text(arena, nonce);
    s->what.method = s->call->method.len ? s->call->method : MC_STR("POST");
    s->what.body = s->call->body;
    s->what.event = s->call->event;
    s->what.installation_id = id_text(arena, s->secrets.installation_id);
    s->what.tenant = id_text(arena, s->ctx->who.org_id);
    if (!s->what.timestamp.ptr || !s->what.nonce.ptr || !s->what.installation_id.ptr ||
        !s->what.tenant.ptr)
        return mc_fail(err, MC_NO_MEMORY, "backend");
    return read_path(s, err);
}

static void add_header(sending *s, const char *name, mc_str value)
{
    if (value.len)
        s->headers[s->header_count++] = (mc_http_pair){mc_z(name), value};
}

static mc_code sign(sending *s, mc_err *err)
{
    mc_str secret = s->secrets.items[0]; /* the newest: what its administrator was shown last */
    mc_buf v1, v2;
    mc_code rc;

    mc_buf_init_arena(&v1, s->ctx->arena, 0);
    mc_buf_init_arena(&v2, s->ctx->arena, 0);
    rc = mc_request_sign_v1(secret, &s->what, &v1, err);
    if (rc == MC_OK)
        rc = mc_request_sign_v2(secret, &s->what, &v2, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&v1, "backend", err);
    if (rc == MC_OK)
        rc = mc_buf_check(&v2, "backend", err);
    if (rc != MC_OK)
        return rc;
    add_header(s, "Content-Type", MC_STR("application/json"));
    add_header(s, "X-Metacore-Installation-ID", s->what.installation_id);
    add_header(s, "X-Metacore-Event", s->what.event);
    add_header(s, "X-Metacore-Host", MC_STR("metacore"));
    add_header(s, "X-Metacore-Tenant", s->what.tenant);
    add_header(s, "X-Metacore-Timestamp", s->what.timestamp);
    add_header(s, "X-Metacore-Nonce", s->what.nonce);
    add_header(s, "X-Metacore-Signature", mc_buf_get(&v1));
    add_header(s, "X-Metacore-Signature-V2", mc_buf_get(&v2));
    add_header(s, "X-Request-ID", s->ctx->request_id);
    for (size_t i = 0; i < s->call->header_count && i < EXTRA_HEADERS_MAX; i++)
        s->headers[s->header_count++] = s->call->headers[i];
    return MC_OK;
}

static mc_code send(sending *s, mc_http_reply *out, mc_err *err)
{
    mc_http_reply reply = {0};
    mc_code rc = mc_http_client_call(s->app->backend_client, s->ctx->arena,
                                     &(mc_http_call){.method = s->what.method,
                                                     .url = s->call->url,
                                                     .headers = s->headers,
                                                     .header_count = s->header_count,
                                                     .body = s->call->body,
                                                     .timeout_ms = s->call->timeout_ms,
                                                     .trace = &s->ctx->trace},
                                     &reply, err);

    if (rc == MC_OK && reply.is_truncated)
        rc = mc_fail(err, MC_UNAVAILABLE, "addon %.*s: its answer is larger than %zu bytes",
                     MC_FMT(s->call->addon_key), MC__BACKEND_REPLY_MAX);
    if (rc == MC_OK)
        *out = reply;
    return rc;
}

mc_code mc__backend_call_run(mc_app *app, mc_ctx *ctx, const mc__backend_call *call,
                             mc_http_reply *out, mc_err *err)
{
    sending s = {.app = app, .ctx = ctx, .call = call};
    mc_ctx reading = *ctx; /* the read binds a connection of its own */
    mc_code rc = call->secrets ? copy_secrets(&s, err)
                               : mc_db_read(app->db, &reading, load_secrets, &s, err);

    if (rc == MC_OK)
        rc = describe(&s, err);
    if (rc == MC_OK)
        rc = sign(&s, err);
    if (rc == MC_OK)
        rc = send(&s, out, err);
    for (size_t i = 0; i < s.secrets.count; i++)
        mc_wipe((char *)s.secrets.items[i].ptr, s.secrets.items[i].len);
    return rc;
}
