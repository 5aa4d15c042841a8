/* SPDX-License-Identifier: Apache-2.0 */
/* metacore_host: what guests may ask of us, each for the organization that it was called for. */
#include "metacore/base/utf8.h"
#include "metacore/host/guests_internal.h"

#define KEY_BYTES_MAX 256
#define LINE_BYTES_MAX 2048
#define LINES_MAX 256 /* of one call */
#define EVENT_NAME_MAX 256
#define EVENT_BYTES_MAX ((size_t)256 << 10)
#define SCRATCH_BYTES ((size_t)40 << 20) /* an answer, and its growing copies */

#define MODULE "metacore_host"
const mc_wasm_host_import mc__guest_imports[MC__GUEST_IMPORT_COUNT] = {
    [MC__GUEST_LOG] = {MODULE, "log", 1, false, false},
    [MC__GUEST_ENV_GET] = {MODULE, "env_get", 1, true, false},
    [MC__GUEST_HTTP_FETCH] = {MODULE, "http_fetch", 3, true, true},
    [MC__GUEST_EVENT_EMIT] = {MODULE, "event_emit", 2, true, false},
    [MC__GUEST_DATA_QUERY] = {MODULE, "data_query", 1, true, false},
    [MC__GUEST_DATA_MUTATE] = {MODULE, "data_mutate", 1, true, false},
    [MC__GUEST_DATA_BATCH] = {MODULE, "data_batch", 1, true, false},
    [MC__GUEST_HTTP_REQUEST] = {MODULE, "http_request", 4, true, true},
    [MC__GUEST_DB_QUERY] = {MODULE, "db_query", 2, true, false},
    [MC__GUEST_DB_EXEC] = {MODULE, "db_exec", 2, true, false},
    [MC__GUEST_SEQUENCE_NEXT] = {MODULE, "sequence_next", 1, true, false},
    [MC__GUEST_CTX_GET] = {MODULE, "ctx_get", 1, true, false},
    [MC__GUEST_CONNECTOR_GET] = {MODULE, "connector_get", 1, true, false},
};

/* ---- log, env_get ---- */

void mc__guest_line(void *user, mc_str text)
{
    mc__invocation *call = user;

    if (call->lines++ >= LINES_MAX) {
        if (call->lines == LINES_MAX + 1)
            mc_log_warn(call->guests->app->config.log, "guest.log_full",
                        MC_KV_STR("addon", call->guest->manifest->key),
                        MC_KV_STR("request", call->ctx->request_id));
        return;
    }
    mc_log_info(
        call->guests->app->config.log, "guest.log", MC_KV_STR("addon", call->guest->manifest->key),
        MC_KV_UUID("org", call->ctx->who.org_id), MC_KV_STR("request", call->ctx->request_id),
        MC_KV_STR("text", mc_utf8_truncate(text, LINE_BYTES_MAX)));
}

static mc_code open_settings(mc__invocation *call, mc_err *err)
{
    mc_str text;
    mc_code rc;

    if (call->settings)
        return MC_OK;
    rc = mc_installer_open_settings(mc_host_installer(call->guests->app->host), call->ctx,
                                    call->installation, &text, err);
    return rc == MC_OK ? mc_json_parse(call->ctx->arena, text, NULL, &call->settings, err) : rc;
}

/* Texts as they are, all else as JSON; what is not set is nothing. */
static mc_code get_setting(mc__invocation *call, mc_str key, mc_buf *out, mc_err *err)
{
    mc_code rc = key.len <= KEY_BYTES_MAX ? open_settings(call, err) : MC_OK;
    const mc_json *value = rc == MC_OK ? mc_json_find(call->settings, key) : NULL;
    mc_str text;

    if (mc_json_get_str(value, &text))
        mc_buf_str(out, text);
    else if (value && value->kind != MC_JSON_NULL)
        mc_json_write(out, value);
    return rc;
}

/* ---- event_emit ---- */

typedef struct emission {
    mc__invocation *call;
    mc_event_input input;
    int64_t sequence;
    const char *code; /* of its failure */
} emission;

/* [a-z][a-z0-9_]* and more of them, with dots between. */
static bool is_event_name(mc_str name)
{
    bool at_start = true;

    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = c >= 'a' && c <= 'z';

        if (at_start ? !is_letter : !is_letter && !(c >= '0' && c <= '9') && c != '_' && c != '.')
            return false;
        at_start = c == '.';
    }
    return !at_start;
}

static mc_code check_name(emission *e, mc_str name, mc_err *err)
{
    e->code = "invalid_event";
    if (name.len == 0)
        return mc_fail(err, MC_INVALID, "event name is empty");
    if (name.len > EVENT_NAME_MAX)
        return mc_fail(err, MC_INVALID, "event name exceeds %d bytes", EVENT_NAME_MAX);
    if (!mc_utf8_is_valid(name))
        return mc_fail(err, MC_INVALID, "event name is not valid UTF-8");
    if (!is_event_name(name))
        return mc_fail(err, MC_INVALID, "event name must be words of a-z, 0-9 and _ with dots");
    return MC_OK;
}

static mc_code check_payload(emission *e, mc_arena *arena, mc_str payload, mc_err *err)
{
    const mc_json *json = NULL;

    e->code = "payload_too_large";
    if (payload.len > EVENT_BYTES_MAX)
        return mc_fail(err, MC_TOO_LARGE, "payload exceeds %zu bytes", EVENT_BYTES_MAX);
    if (payload.len > MC_EVENTLOG_DATA_MAX)
        return mc_fail(err, MC_TOO_LARGE, "payload exceeds the event log's %zu bytes",
                       MC_EVENTLOG_DATA_MAX);
    e->code = "invalid_payload";
    if (payload.len == 0)
        return MC_OK;
    if (mc_json_parse(arena, payload, NULL, &json, err) != MC_OK)
        return err->code;
    return json->kind == MC_JSON_OBJECT ? MC_OK
                                        : mc_fail(err, MC_INVALID, "payload is no JSON object");
}

static void on_violation(void *user, const mc_violation *violation)
{
    mc__invocation *call = user;

    mc_log_warn(call->guests->app->config.log, "guest.denied",
                MC_KV_STR("addon", violation->addon_key), MC_KV_UUID("org", call->ctx->who.org_id),
                MC_KV_Z("kind", mc_capability_kind_name(violation->kind)),
                MC_KV_STR("target", violation->target));
}

mc_code mc__guest_write_within(mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    mc_code rc = mc_db_begin(ctx->conn, err);

    if (rc != MC_OK)
        return rc;
    rc = fn(ctx->conn, ctx, user, err);
    if (rc == MC_OK)
        return mc_db_commit(ctx->conn, err);
    mc_db_rollback(ctx->conn);
    return rc;
}

static mc_code emit_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    emission *e = user;

    (void)conn; /* in ctx */
    return mc_eventlog_emit(e->call->guests->app->eventlog, ctx, &e->input, &e->sequence, err);
}

static mc_code emit(emission *e, mc_ctx *ctx, mc_err *err)
{
    mc__invocation *call = e->call;
    mc_enforcer enforcer = {.on_violation = on_violation, .user = call};
    mc_code rc = check_name(e, e->input.type, err);

    if (rc == MC_OK)
        rc = check_payload(e, ctx->arena, e->input.data, err);
    if (rc != MC_OK)
        return rc;
    e->code = "forbidden";
    rc = mc_enforcer_check(&enforcer, call->guest->capabilities, MC_CAP_EVENT_EMIT, e->input.type,
                           err);
    if (rc != MC_OK)
        return rc;
    e->code = "no_active_org";
    if (mc_uuid_is_nil(ctx->who.org_id))
        return mc_fail(err, MC_FORBIDDEN, "no organization");
    e->code = "bus_unavailable";
    return call->in_transaction ? mc__guest_write_within(ctx, emit_in, e, err)
                                : mc_db_write(call->guests->app->db, ctx, emit_in, e, err);
}

void mc__guest_write_meta(const mc__invocation *call, int64_t began_us, bool has_time, mc_buf *out)
{
    mc_clock clock = call->guests->app->config.clock;

    mc_buf_lit(out, ",\"meta\":{\"addon\":");
    mc_json_write_str(out, call->guest->manifest->key);
    mc_buf_lit(out, ",\"orgId\":\"");
    mc_uuid_write(out, call->ctx->who.org_id);
    mc_buf_printf(out, "\",\"durationMs\":%lld",
                  (long long)((mc_clock_monotonic_us(clock) - began_us) / 1000));
    if (has_time) {
        mc_buf_lit(out, ",\"emittedAt\":\"");
        mc_time_write(out, mc_clock_now(clock));
        mc_buf_char(out, '"');
    }
    mc_buf_lit(out, ",\"envelopeVersion\":1}}");
}

static mc_code emit_event(mc__invocation *call, mc_arena *arena, const mc_str *args, mc_buf *out)
{
    emission e = {.call = call, .input = {.type = args[0], .data = args[1]}};
    int64_t began_us = mc_clock_monotonic_us(call->guests->app->config.clock);
    mc_ctx ctx = *call->ctx; /* of a transaction of its own; what it leaves is not the request's */
    mc_err why;
    mc_code rc;

    if (!call->in_transaction) {
        ctx.arena = arena;
        ctx.conn = NULL;
        ctx.now = mc_clock_now(call->guests->app->config.clock);
    }
    rc = emit(&e, &ctx, &why);
    if (rc == MC_OK) {
        mc_buf_lit(out, "{\"success\":true,\"data\":{\"event\":");
        mc_json_write_str(out, args[0]);
        mc_buf_printf(out, ",\"sequence\":%lld}", (long long)e.sequence);
    } else {
        mc_buf_printf(out, "{\"success\":false,\"error\":{\"code\":\"%s\",\"message\":", e.code);
        mc_json_write_str(out, mc_z(why.msg));
        mc_buf_char(out, '}');
    }
    mc__guest_write_meta(call, began_us, rc == MC_OK, out);
    return MC_OK;
}

/* ---- the door ---- */

/* What waits for others, or writes in a transaction of its own, is not for a call that all writes
 * wait for. */
static bool is_for_transactions(uint32_t import)
{
    return import != MC__GUEST_HTTP_FETCH && import != MC__GUEST_HTTP_REQUEST;
}

static mc_code refuse(const mc__invocation *call, uint32_t import, mc_buf *out)
{
    int64_t now_us = mc_clock_monotonic_us(call->guests->app->config.clock);
    const char *name = mc__guest_imports[import].name;

    if (import == MC__GUEST_HTTP_FETCH) {
        mc_buf_printf(out,
                      "{\"error\":\"forbidden\",\"message\":\"%s is not for calls in a "
                      "transaction\"}",
                      name);
        return MC_OK;
    }
    mc_buf_printf(out,
                  "{\"success\":false,\"error\":{\"code\":\"forbidden\",\"message\":\"%s is not "
                  "for calls in a transaction\"}",
                  name);
    mc__guest_write_meta(call, now_us, false, out);
    return MC_OK;
}

static mc_code with_scratch(mc__invocation *call, uint32_t import, const mc_str *args,
                            int64_t deadline_us, mc_buf *out, mc_err *err)
{
    mc_arena *arena = mc_arena_new(SCRATCH_BYTES);
    mc_code rc;

    if (!arena)
        return mc_fail(err, MC_NO_MEMORY, "guest");
    switch (import) {
    case MC__GUEST_HTTP_FETCH:
        rc = mc__guest_fetch(call, arena, args, deadline_us, out, err);
        break;
    case MC__GUEST_HTTP_REQUEST:
        rc = mc__guest_request(call, arena, args, deadline_us, out, err);
        break;
    case MC__GUEST_DB_QUERY:
    case MC__GUEST_DB_EXEC:
        rc = mc__guest_sql_call(call, arena, import == MC__GUEST_DB_EXEC, args, deadline_us, out,
                                err);
        break;
    case MC__GUEST_SEQUENCE_NEXT:
    case MC__GUEST_CTX_GET:
    case MC__GUEST_CONNECTOR_GET:
        rc = mc__guest_ask(call, arena, import, args[0], out, err);
        break;
    case MC__GUEST_EVENT_EMIT:
        rc = emit_event(call, arena, args, out);
        break;
    default:
        rc = mc__guest_data(call, arena, import, args[0], out, err);
        break;
    }
    mc_arena_free(arena);
    return rc;
}

mc_code mc__guest_host(void *user, uint32_t import, const mc_str *args, size_t count,
                       int64_t deadline_us, mc_buf *out, mc_err *err)
{
    mc__invocation *call = user;

    if (import >= MC_LEN(mc__guest_imports) || count != mc__guest_imports[import].pairs)
        return mc_fail(err, MC_INTERNAL, "guest: import %u with %zu arguments", import, count);
    if (call->in_transaction && !is_for_transactions(import))
        return refuse(call, import, out);
    switch (import) {
    case MC__GUEST_LOG:
        mc__guest_line(call, args[0]);
        return MC_OK;
    case MC__GUEST_ENV_GET:
        return get_setting(call, args[0], out, err);
    default:
        return with_scratch(call, import, args, deadline_us, out, err);
    }
}
