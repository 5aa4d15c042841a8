/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/http_client.h"

#include "metacore/base/buf.h"
#include "metacore/base/sync.h"
#include "metacore/base/time.h"
#include "metacore/obs/trace.h"
#include "metacore/security/curl_internal.h"
#include "metacore/security/egress.h"
#include "metacore/security/url.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define IDLE_MAX 16
#define TIMEOUT_MS 15000
#define BODY_MAX ((size_t)1 << 20)
#define METHOD_BYTES 32
#define SHORT_BYTES 256 /* of a header's value that is kept */

struct mc_http_client {
    mc_http_client_config config; /* strings are text's */
    mc_arena *text;
    const char *user_agent, *ca_file;
    atomic_bool is_stopped;
    mc_mutex mu;
    CURL **idle; /* guarded by mu, as idle_count */
    unsigned idle_count;
};

/* What the callbacks of one call write to. */
typedef struct call_state {
    const mc_http_client *client;
    mc_buf body;
    size_t max_body_bytes;
    bool is_truncated;
    bool is_blocked;
} call_state;

/* ---- callbacks ---- */

/* The last word on an address: libcurl connects to what it got here, and to nothing else. */
static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    call_state *state = user;

    if (purpose != CURLSOCKTYPE_IPCXN ||
        (!state->client->config.allow_private && !mc_egress_is_public(&address->addr))) {
        state->is_blocked = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static size_t take_body(char *bytes, size_t one, size_t count, void *user)
{
    call_state *state = user;
    size_t room = state->max_body_bytes - state->body.len;
    size_t taken = count < room ? count : room;

    (void)one; /* always 1 */
    mc_buf_bytes(&state->body, bytes, taken);
    state->is_truncated = taken < count;
    return mc_buf_failed(&state->body) ? 0 : taken; /* less than count ends the transfer */
}

/* libcurl asks about once a second, and whenever something moves. */
static int check_stopped(void *user, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                         curl_off_t up)
{
    const call_state *state = user;

    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    return mc_http_client_is_stopped(state->client);
}

/* ---- handles ---- */

static CURL *take_handle(mc_http_client *client)
{
    CURL *handle = NULL;

    mc_mutex_lock(&client->mu);
    if (client->idle_count)
        handle = client->idle[--client->idle_count];
    mc_mutex_unlock(&client->mu);
    if (handle)
        curl_easy_reset(handle); /* keeps its connections */
    return handle ? handle : curl_easy_init();
}

static void give_back(mc_http_client *client, CURL *handle)
{
    bool is_kept;

    mc_mutex_lock(&client->mu);
    is_kept = client->idle_count < client->config.max_idle;
    if (is_kept)
        client->idle[client->idle_count++] = handle;
    mc_mutex_unlock(&client->mu);
    if (!is_kept)
        curl_easy_cleanup(handle);
}

/* ---- a call ---- */

static bool is_token(mc_str s)
{
    static const mc_str odd = MC_STR_INIT("!#$%&'*+-.^_`|~");

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

        if (!is_alnum && mc_str_find_char(odd, 0, c) == odd.len)
            return false;
    }
    return s.len > 0;
}

static bool is_header_value(mc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static mc_code add_header(mc_arena *arena, struct curl_slist **list, mc_http_pair pair, mc_err *err)
{
    struct curl_slist *grown;
    mc_str line;

    if (!is_token(pair.name) || !is_header_value(pair.value))
        return mc_fail(err, MC_INVALID, "http: header \"%.*s\" is malformed",
                       MC_FMT(mc_str_slice(pair.name, 0, 60)));
    /* libcurl sends "Name;" as a header without a value, and drops "Name:". */
    line = pair.value.len
               ? mc_str_printf(arena, "%.*s: %.*s", MC_FMT(pair.name), MC_FMT(pair.value))
               : mc_str_printf(arena, "%.*s;", MC_FMT(pair.name));
    grown = line.ptr ? curl_slist_append(*list, line.ptr) : NULL;
    if (!grown)
        return mc_fail(err, MC_NO_MEMORY, "http: headers");
    *list = grown;
    return MC_OK;
}

static mc_code add_trace(mc_arena *arena, struct curl_slist **list, const mc_trace *trace,
                         mc_err *err)
{
    char parent[MC_TRACE_PARENT_LEN];
    mc_code rc;

    mc_trace_format(trace, parent);
    rc = add_header(arena, list,
                    (mc_http_pair){MC_STR("traceparent"), mc_str_of(parent, sizeof(parent))}, err);
    if (rc == MC_OK && trace->state.len > 0)
        rc = add_header(arena, list, (mc_http_pair){MC_STR("tracestate"), trace->state}, err);
    return rc;
}

static mc_code make_headers(mc_arena *arena, const mc_http_call *call, struct curl_slist **out,
                            mc_err *err)
{
    mc_code rc = MC_OK;

    *out = curl_slist_append(NULL, "Expect:"); /* so that libcurl never asks first and waits */
    if (!*out)
        return mc_fail(err, MC_NO_MEMORY, "http: headers");
    for (size_t i = 0; i < call->header_count && rc == MC_OK; i++)
        rc = add_header(arena, out, call->headers[i], err);
    if (rc == MC_OK && call->trace && mc_trace_is_set(call->trace))
        rc = add_trace(arena, out, call->trace, err);
    return rc;
}

/* Options that cannot fail with these arguments but for memory, which perform then reports. */
static void configure(CURL *handle, call_state *state, const mc_http_call *call, const char *url,
                      const char *method)
{
    const mc_http_client *client = state->client;
    int64_t timeout_ms = call->timeout_ms ? call->timeout_ms : client->config.timeout_ms;

    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, client->user_agent);
    if (client->ca_file)
        curl_easy_setopt(handle, CURLOPT_CAINFO, client->ca_file);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, state);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, check_stopped);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, state);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, state);
    if (call->body.len || !mc_str_eq(mc_z(method), MC_STR("GET"))) {
        curl_easy_setopt(handle, CURLOPT_POST, 1L);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, call->body.len ? call->body.ptr : "");
    }
    if (mc_str_eq(mc_z(method), MC_STR("HEAD")))
        curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method);
}

static mc_code translate(CURLcode why, const call_state *state, mc_str host, mc_err *err)
{
    if (state->is_blocked)
        return mc_fail(err, MC_FORBIDDEN, "egress to \"%.*s\" is blocked (SSRF guard)",
                       MC_FMT(mc_str_slice(host, 0, 100)));
    switch (why) {
    case CURLE_OPERATION_TIMEDOUT:
        return mc_fail(err, MC_TIMEOUT, "http: no answer in time");
    case CURLE_ABORTED_BY_CALLBACK:
        return mc_fail(err, MC_UNAVAILABLE, "http: this client is stopping");
    case CURLE_OUT_OF_MEMORY:
        return mc_fail(err, MC_NO_MEMORY, "http");
    case CURLE_URL_MALFORMAT:
        return mc_fail(err, MC_INVALID, "invalid URL: %s", curl_easy_strerror(why));
    default:
        return mc_fail(err, MC_UNAVAILABLE, "http: %s", curl_easy_strerror(why));
    }
}

static mc_str copy_header(CURL *handle, mc_arena *arena, const char *name)
{
    struct curl_header *header = NULL;

    if (curl_easy_header(handle, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return MC_STR("");
    return mc_str_copy(arena, mc_str_slice(mc_z(header->value), 0, SHORT_BYTES));
}

static mc_code perform(CURL *handle, call_state *state, mc_arena *arena, mc_str host,
                       mc_http_reply *out, mc_err *err)
{
    CURLcode why = curl_easy_perform(handle);
    bool is_cut = why == CURLE_WRITE_ERROR && state->is_truncated;
    long status = 0;
    curl_off_t took_us = 0;

    if (mc_buf_failed(&state->body))
        return mc_buf_check(&state->body, "http: the answer", err);
    if (why != CURLE_OK && !is_cut)
        return translate(why, state, host, err);
    (void)curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status); /* 0 when it fails */
    (void)curl_easy_getinfo(handle, CURLINFO_TOTAL_TIME_T, &took_us);
    *out = (mc_http_reply){.status = (int)status,
                           .body = mc_buf_get(&state->body),
                           .is_truncated = state->is_truncated,
                           .content_type = copy_header(handle, arena, "content-type"),
                           .retry_after = copy_header(handle, arena, "retry-after"),
                           .duration_us = took_us};
    return MC_OK;
}

mc_code mc_http_client_call(mc_http_client *client, mc_arena *arena, const mc_http_call *call,
                            mc_http_reply *out, mc_err *err)
{
    mc_str method = call->method.len ? call->method : MC_STR("GET");
    call_state state = {.client = client,
                        .max_body_bytes = call->max_body_bytes ? call->max_body_bytes
                                                               : client->config.max_body_bytes};
    const char *url_z, *method_z;
    struct curl_slist *headers = NULL;
    CURL *handle;
    mc_url url;
    mc_code rc = mc_url_parse(call->url, &url, err);

    if (rc != MC_OK)
        return rc;
    if (!is_token(method) || method.len > METHOD_BYTES)
        return mc_fail(err, MC_INVALID, "http: the method is malformed");
    rc = mc__curl_load(err);
    if (rc != MC_OK)
        return rc;
    url_z = mc_str_z(arena, call->url);
    method_z = mc_str_z(arena, method);
    handle = take_handle(client);
    if (!url_z || !method_z || !handle) {
        curl_easy_cleanup(handle);
        return mc_fail(err, MC_NO_MEMORY, "http");
    }
    mc_buf_init_arena(&state.body, arena, 0);
    configure(handle, &state, call, url_z, method_z);
    rc = make_headers(arena, call, &headers, err);
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    if (rc == MC_OK)
        rc = perform(handle, &state, arena, url.host, out, err);
    give_back(client, handle);
    curl_slist_free_all(headers);
    return rc;
}

/* ---- life cycle ---- */

mc_code mc_http_client_new(const mc_http_client_config *config, mc_http_client **out, mc_err *err)
{
    mc_http_client *client = calloc(1, sizeof(*client));
    mc_str agent = config->user_agent.len ? config->user_agent : MC_STR("metacore");

    if (!client)
        return mc_fail(err, MC_NO_MEMORY, "http");
    mc_mutex_init(&client->mu);
    client->config = *config;
    if (!client->config.max_idle)
        client->config.max_idle = IDLE_MAX;
    if (!client->config.timeout_ms)
        client->config.timeout_ms = TIMEOUT_MS;
    if (!client->config.max_body_bytes)
        client->config.max_body_bytes = BODY_MAX;
    client->text = mc_arena_new(0);
    client->idle = calloc(client->config.max_idle, sizeof(CURL *));
    if (client->text)
        client->user_agent = mc_str_z(client->text, agent);
    if (client->text && config->ca_file.len)
        client->ca_file = mc_str_z(client->text, config->ca_file);
    if (!client->idle || !client->user_agent || (config->ca_file.len && !client->ca_file)) {
        mc_http_client_free(client);
        return mc_fail(err, MC_NO_MEMORY, "http");
    }
    *out = client;
    return MC_OK;
}

void mc_http_client_stop(mc_http_client *client)
{
    atomic_store(&client->is_stopped, true);
}

bool mc_http_client_is_stopped(const mc_http_client *client)
{
    return atomic_load(&client->is_stopped);
}

void mc_http_client_free(mc_http_client *client)
{
    if (!client)
        return;
    while (client->idle_count)
        curl_easy_cleanup(client->idle[--client->idle_count]);
    free(client->idle);
    mc_arena_free(client->text);
    mc_mutex_deinit(&client->mu);
    free(client);
}
