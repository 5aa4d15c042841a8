/* SPDX-License-Identifier: Apache-2.0 */
/* Spans on their way to the operator's collector. The address is the operator's own word, given
 * beside the database's, so that it may be a private one; nothing that a tenant says goes this way,
 * and redirects are not followed. */
#include "metacore/host/app_internal.h"

#include "metacore/base/encode.h"
#include "metacore/security/url.h"

#include <stdlib.h>

#define TIMEOUT_MS 10000
#define ANSWER_BYTES ((size_t)64 << 10)
#define HEADERS_MAX 32
#define TRACES_PATH "/v1/traces"

struct mc__app_collector {
    mc_http_client *client;
    mc_str url;
    mc_http_pair headers[HEADERS_MAX];
    size_t header_count;
    mc_secret header_text; /* what headers point into: keys, as a rule */
    mc_span_exporter *exporter;
};

/* As the specification has it: these four are for later, all else is not taken (OTLP 1.0, "Failures
 * of OTLP/HTTP"). */
static mc_span_fate fate_of(int status)
{
    if (status >= 200 && status < 300)
        return MC_SPANS_TAKEN;
    return status == 429 || status == 502 || status == 503 || status == 504 ? MC_SPANS_LATER
                                                                            : MC_SPANS_REFUSED;
}

static mc_span_fate send(void *user, mc_str body, int64_t *out_retry_after_ms)
{
    mc__app_collector *self = user;
    mc_arena *arena = mc_arena_new(0);
    mc_http_call call = {.method = MC_STR("POST"),
                         .url = self->url,
                         .headers = self->headers,
                         .header_count = self->header_count,
                         .body = body};
    mc_span_fate fate = MC_SPANS_LATER;
    mc_http_reply reply;
    uint32_t seconds;
    mc_err ignored; /* counted by the exporter; a line for each would drown the log */

    if (!arena)
        return fate;
    if (mc_http_client_call(self->client, arena, &call, &reply, &ignored) == MC_OK) {
        fate = fate_of(reply.status);
        if (mc_str_u32(reply.retry_after, 1, 3600, &seconds))
            *out_retry_after_ms = (int64_t)seconds * 1000;
    }
    mc_arena_free(arena);
    return fate;
}

/* "key=value,key=value", values percent-encoded (OTEL_EXPORTER_OTLP_HEADERS). */
static mc_code read_headers(mc__app_collector *self, mc_arena *arena, mc_err *err)
{
    mc_str rest = mc_secret_get(&self->header_text), item;

    self->headers[self->header_count++] =
        (mc_http_pair){MC_STR("Content-Type"), MC_STR("application/json")};
    while (mc_str_split(&rest, ',', &item)) {
        size_t equals = mc_str_find_char(item, 0, '=');
        mc_http_pair *pair = &self->headers[self->header_count];

        if (mc_str_trim(item).len == 0)
            continue;
        if (self->header_count == HEADERS_MAX || equals == item.len)
            return mc_fail(err, MC_INVALID, "otlp-headers: want key=value, separated by commas");
        pair->name = mc_str_trim(mc_str_slice(item, 0, equals));
        if (!mc_percent_parse(arena, mc_str_trim(mc_str_slice(item, equals + 1, item.len)), false,
                              &pair->value))
            return mc_fail(err, MC_INVALID, "otlp-headers: a value is badly escaped");
        self->header_count++;
    }
    return MC_OK;
}

static mc_code make_url(mc__app_collector *self, mc_app *app, mc_err *err)
{
    mc_str base = app->config.otlp_endpoint;
    mc_url ignored;

    while (base.len > 0 && base.ptr[base.len - 1] == '/')
        base.len--;
    self->url = mc_str_printf(app->text, "%.*s" TRACES_PATH, MC_FMT(base));
    if (!self->url.ptr)
        return mc_fail(err, MC_NO_MEMORY, "otlp-endpoint");
    return mc_url_parse(self->url, &ignored, err);
}

static mc_code open_exporter(mc__app_collector *self, const mc_app *app, mc_err *err)
{
    mc_code rc = mc_http_client_new(
        &(mc_http_client_config){MC_HTTP_CLIENT_CONFIG, .allow_private = true, .max_idle = 1,
                                 .timeout_ms = TIMEOUT_MS, .max_body_bytes = ANSWER_BYTES},
        &self->client, err);

    if (rc != MC_OK)
        return rc;
    return mc_span_exporter_new(&(mc_span_exporter_config){MC_SPAN_EXPORTER_CONFIG, .send = send,
                                                           .user = self,
                                                           .service_name = app->config.service_name,
                                                           .service_version = MC_STR(MC_VERSION)},
                                &self->exporter, err);
}

mc_code mc__app_spans_new(mc_app *app, const mc_app_config *config, mc_err *err)
{
    mc__app_collector *self;
    mc_code rc = MC_OK;

    app->config.otlp_headers = MC_STR(""); /* kept in header_text, which is wiped */
    if (mc_str_is_empty(app->config.otlp_endpoint))
        return MC_OK;
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "spans");
    app->collector = self;
    if (config->otlp_headers.len > 0)
        rc = mc_secret_init(&self->header_text, config->otlp_headers, err);
    if (rc == MC_OK)
        rc = read_headers(self, app->text, err);
    if (rc == MC_OK)
        rc = make_url(self, app, err);
    return rc == MC_OK ? open_exporter(self, app, err) : rc;
}

void mc__app_spans_free(mc_app *app)
{
    mc__app_collector *self = app->collector;

    if (!self)
        return;
    mc_span_exporter_free(self->exporter); /* before the client, by which it sends the rest */
    mc_http_client_free(self->client);
    mc_secret_deinit(&self->header_text);
    free(self);
    app->collector = NULL;
}

mc_span_exporter *mc__app_spans(const mc_app *app)
{
    return app->collector ? app->collector->exporter : NULL;
}
