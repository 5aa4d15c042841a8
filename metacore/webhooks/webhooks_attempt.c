/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt: from a row to the receiver and what it said. */
#include "metacore/base/utf8.h"
#include "metacore/obs/trace.h"
#include "metacore/security/url.h"
#include "metacore/webhooks/webhooks_internal.h"

#define ATTEMPT_BUDGET ((size_t)4 << 20) /* payload, signed texts, answer */
#define ERROR_MAX 500                    /* bytes, as the column has it */
#define RETRY_AFTER_MAX_S 86400

void mc__attempt_free(mc__attempt *a)
{
    if (!a)
        return;
    if (a->secret.len)
        mc_wipe((char *)a->secret.ptr, a->secret.len);
    if (a->previous.len)
        mc_wipe((char *)a->previous.ptr, a->previous.len);
    mc_arena_free(a->arena);
}

/* ---- loading ---- */

static mc_code open_secrets(mc_webhooks *self, mc_db_rows *rows, mc_time now, mc__attempt *a,
                            mc_err *err)
{
    bool is_rotating = !mc_db_col_is_null(rows, 9) && mc_db_col_time(rows, 9) > now;
    mc_code rc = mc__webhook_secret_open(self, a->arena, mc_db_col_text(rows, 7), &a->secret, err);

    if (rc == MC_OK && is_rotating && mc_db_col_text(rows, 8).len)
        rc = mc__webhook_secret_open(self, a->arena, mc_db_col_text(rows, 8), &a->previous, err);
    return rc;
}

/* The event's trace goes on: its span is what the receiver's has as its parent. */
static void read_trace(mc__attempt *a, mc_str headers)
{
    const mc_json *json = NULL;
    mc_str parent, state;

    if (headers.len == 0 || mc_json_parse(a->arena, headers, NULL, &json, NULL) != MC_OK ||
        !mc_json_get_str(mc_json_find(json, MC_STR("traceparent")), &parent) ||
        !mc_trace_parse(parent, &a->trace))
        return; /* of a database from elsewhere: told without */
    memcpy(a->trace.span_id, a->trace.parent_id, sizeof(a->trace.span_id));
    if (mc_json_get_str(mc_json_find(json, MC_STR("tracestate")), &state))
        a->trace.state = state;
}

mc_code mc__attempt_read(mc_webhooks *self, mc_db_rows *rows, mc_time now, mc__attempt **out,
                         mc_err *err)
{
    mc_arena *arena = mc_arena_new(ATTEMPT_BUDGET);
    mc__attempt *a = arena ? mc_arena_object(arena, mc__attempt) : NULL;
    mc_err why;
    mc_url url;

    if (!a) {
        mc_arena_free(arena);
        return mc_fail(err, MC_NO_MEMORY, "webhook delivery");
    }
    a->arena = arena;
    a->id = mc_db_col_uuid(rows, 0);
    a->webhook_id = mc_db_col_uuid(rows, 1);
    a->org_id = mc_db_col_uuid(rows, 2);
    a->event = mc_str_copy(arena, mc_db_col_text(rows, 3));
    a->payload = mc_str_copy(arena, mc_db_col_text(rows, 4));
    a->number = mc_db_col_int(rows, 5) + 1;
    a->url = mc_str_copy(arena, mc_db_col_text(rows, 6));
    a->retry_max = mc_db_col_int(rows, 10);
    a->timeout_s = mc_db_col_int(rows, 11);
    if (!mc_db_col_is_null(rows, 12))
        a->record = mc_db_col_uuid(rows, 12);
    a->retry_after_s = -1;
    read_trace(a, mc_db_col_text(rows, 13));
    if (!a->event.ptr || !a->payload.ptr || !a->url.ptr) {
        mc_arena_free(arena);
        return mc_fail(err, MC_NO_MEMORY, "webhook delivery");
    }
    if (mc_url_parse(a->url, &url, &why) == MC_OK)
        a->host = url.host;
    a->secret_code = open_secrets(self, rows, now, a, &why);
    if (a->secret_code != MC_OK)
        a->error = mc_str_copy(arena, mc_z(why.msg));
    *out = a;
    return MC_OK;
}

/* ---- the network ---- */

/* What strangers sent, as a column of text takes it: valid UTF-8 without NUL, cut between
 * characters. */
static mc_str clean(mc_arena *arena, mc_str text, size_t max)
{
    size_t from = 0, at = 0;
    uint32_t rune;
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    while (at < text.len) {
        from = at;
        if (!mc_utf8_next(text, &at, &rune)) {
            at = from + 1;
            mc_buf_lit(&out, "\xef\xbf\xbd");
        } else if (rune != 0) {
            mc_buf_str(&out, mc_str_slice(text, from, at));
        }
    }
    return mc_buf_failed(&out) ? MC_STR("") : mc_utf8_truncate(mc_buf_get(&out), max);
}

/* Seconds; a date is not honoured: the other's clock is not ours. */
static int64_t retry_after(mc_str text)
{
    int64_t seconds;

    return mc_str_i64(mc_str_trim(text), 0, INT64_MAX, &seconds)
               ? (seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S)
               : -1;
}

static mc_code call(mc_webhooks *self, mc__attempt *a, mc_http_reply *reply, mc_err *err)
{
    mc_http_pair headers[MC__ATTEMPT_HEADERS_MAX];
    size_t count = 0;
    mc_code rc = mc__attempt_headers(a, a->began, headers, &count, err);

    if (rc != MC_OK)
        return rc;
    return mc_http_client_call(self->client, a->arena,
                               &(mc_http_call){.method = MC_STR("POST"),
                                               .url = a->url,
                                               .headers = headers,
                                               .header_count = count,
                                               .body = a->payload,
                                               .trace = &a->trace,
                                               .timeout_ms = a->timeout_s * 1000,
                                               .max_body_bytes = MC_WEBHOOKS_RESPONSE_MAX},
                               reply, err);
}

static void note_reply(mc__attempt *a, const mc_http_reply *reply)
{
    a->status = reply->status;
    a->is_success = reply->status >= 200 && reply->status <= 299;
    a->body = clean(a->arena, reply->body, MC_WEBHOOKS_RESPONSE_MAX);
    a->retry_after_s = retry_after(reply->retry_after);
    if (!a->is_success)
        a->error = reply->status >= 300 && reply->status <= 399
                       ? mc_str_printf(a->arena, "HTTP %d: redirects are not followed", a->status)
                       : mc_str_printf(a->arena, "HTTP %d", a->status);
}

void mc__attempt_run(mc_webhooks *self, mc__attempt *a)
{
    mc_http_reply reply = {0};
    mc_err err;

    a->began = mc_clock_now(self->config.clock);
    atomic_fetch_add(&self->running, 1);
    if (a->secret_code == MC_OK) {
        if (call(self, a, &reply, &err) == MC_OK)
            note_reply(a, &reply);
        else
            a->error = mc_str_copy(a->arena, mc_utf8_truncate(mc_z(err.msg), ERROR_MAX));
        a->is_cut_short = !a->status && mc_http_client_is_stopped(self->client);
    }
    atomic_fetch_sub(&self->running, 1);
    atomic_fetch_add(a->is_success ? &self->succeeded : &self->failed, 1);
    a->ended = mc_clock_now(self->config.clock);
}
