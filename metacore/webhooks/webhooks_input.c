/* SPDX-License-Identifier: Apache-2.0 */
/* What a webhook may be told to be: these keys and no others, in the contract's spelling and in its
 * clients'. */
#include "metacore/base/utf8.h"
#include "metacore/security/egress.h"
#include "metacore/security/url.h"
#include "metacore/webhooks/webhooks_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#define RETRY_DEFAULT 3
#define TIMEOUT_DEFAULT 15

static mc_code broken(mc_http_req *req, const char *field, const char *code, const char *message,
                      mc_err *err)
{
    mc_ctx_field_error(mc_http_ctx(req), mc_z(field), mc_z(code), MC_STR(""), "%s", message);
    return mc_fail(err, MC_INVALID, "%s", message);
}

/* The value under either spelling that is not null. */
static const mc_json *either(const mc_json *body, const char *one, const char *other)
{
    const mc_json *value = mc_json_find(body, mc_z(one));

    if (!value || value->kind == MC_JSON_NULL)
        value = other ? mc_json_find(body, mc_z(other)) : NULL;
    return value && value->kind != MC_JSON_NULL ? value : NULL;
}

/* ---- the address ---- */

/* An address that is written out is looked at here; a name, when it is connected to. */
static bool is_private_literal(const mc_url *url)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char text[INET6_ADDRSTRLEN + 1];

    if (mc_str_eq_nocase(url->host, MC_STR("localhost")) ||
        mc_str_ends_with(url->host, MC_STR(".localhost")))
        return true;
    if (url->host.len >= sizeof(text))
        return false;
    memcpy(text, url->host.ptr, url->host.len);
    text[url->host.len] = '\0';
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return !mc_egress_is_public((const struct sockaddr *)&v4);
    if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
        return !mc_egress_is_public((const struct sockaddr *)&v6);
    return false;
}

static mc_code read_url(mc_webhooks *self, mc_http_req *req, const mc_json *body,
                        mc__webhook_input *out, mc_err *err)
{
    const mc_json *value = either(body, "url", NULL);
    mc_url url;

    if (!value)
        return MC_OK;
    if (!mc_json_get_str(value, &out->url) || out->url.len > MC_WEBHOOKS_URL_MAX ||
        mc_url_parse(out->url, &url, NULL) != MC_OK)
        return broken(req, "url", "url", "invalid webhook URL", err);
    if (!self->config.allow_private && !url.is_https)
        return broken(req, "url", "url", "invalid webhook URL: want https", err);
    if (!self->config.allow_private && is_private_literal(&url))
        return broken(req, "url", "url", "invalid webhook URL: want a public address", err);
    out->has_url = true;
    return MC_OK;
}

/* ---- the events ---- */

/* "*", or names between dots, the last of which may be "*". */
static bool is_pattern(mc_str text)
{
    mc_str part, rest = text;

    if (text.len == 0 || text.len > MC_WEBHOOKS_EVENT_MAX || text.ptr[text.len - 1] == '.')
        return false;
    while (mc_str_split(&rest, '.', &part)) {
        if (part.len == 0)
            return false;
        for (size_t i = 0; i < part.len; i++) {
            char c = part.ptr[i];
            bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '_' || c == '-' || c == ':';

            if (!is_plain && !(c == '*' && part.len == 1 && rest.len == 0))
                return false;
        }
    }
    return true;
}

typedef struct patterns {
    mc_buf text;
    size_t count;
} patterns;

static bool add_pattern(patterns *p, mc_str text)
{
    text = mc_str_trim(text);
    if (!is_pattern(text) || p->count == MC_WEBHOOKS_EVENTS_MAX)
        return false;
    mc_buf_char(&p->text, p->count++ ? ',' : '[');
    mc_json_write_str(&p->text, text);
    return true;
}

static bool add_patterns(patterns *p, const mc_json *value)
{
    mc_str text, part;

    if (mc_json_get_str(value, &text)) {
        while (mc_str_split(&text, ',', &part)) {
            if (mc_str_trim(part).len && !add_pattern(p, part))
                return false;
        }
        return true;
    }
    if (value->kind != MC_JSON_ARRAY)
        return false;
    for (size_t i = 0; i < value->as.array.count; i++) {
        if (!mc_json_get_str(value->as.array.items[i], &text) || !add_pattern(p, text))
            return false;
    }
    return true;
}

static mc_code read_events(mc_http_req *req, const mc_json *body, bool is_create,
                           mc__webhook_input *out, mc_err *err)
{
    const mc_json *value = either(body, "events", "event");
    patterns p = {.count = 0};

    if (!value && !is_create)
        return MC_OK;
    mc_buf_init_arena(&p.text, mc_http_ctx(req)->arena, 0);
    if (value && !add_patterns(&p, value))
        return broken(req, "events", "invalid_option",
                      "events: want names like \"crm.leads.created\", \"crm.leads.*\" or \"*\"",
                      err);
    if (p.count == 0)
        return broken(req, "events", "required", "webhook must subscribe to at least one event",
                      err);
    mc_buf_char(&p.text, ']');
    out->events = mc_buf_get(&p.text);
    out->has_events = true;
    return mc_buf_check(&p.text, "events", err);
}

/* ---- the rest ---- */

static mc_code read_number(mc_http_req *req, const mc_json *value, const char *field,
                           int64_t fallback, int64_t max, bool *out_given, int64_t *out,
                           mc_err *err)
{
    char message[80];
    mc_str text;

    if (!value)
        return MC_OK;
    *out_given = true;
    if (mc_json_get_str(value, &text) && mc_str_trim(text).len == 0) {
        *out = fallback; /* forms send what was cleared so */
        return MC_OK;
    }
    if (!mc_json_get_i64(value, INT64_MIN, INT64_MAX, out) &&
        !(mc_json_get_str(value, &text) && mc_str_i64(text, INT64_MIN, INT64_MAX, out))) {
        (void)snprintf(message, sizeof(message), "%s: want a number", field); /* short names */
        return broken(req, field, "numeric", message, err);
    }
    if (*out <= 0)
        *out = fallback;
    if (*out > max)
        *out = max;
    return MC_OK;
}

static mc_code read_active(mc_http_req *req, const mc_json *body, mc__webhook_input *out,
                           mc_err *err)
{
    const mc_json *value = either(body, "active", "is_active");
    const mc_json *status = either(body, "status", NULL);
    mc_str word;

    if (value) {
        if (!mc_json_get_bool(value, &out->active))
            return broken(req, "active", "invalid_type", "active: want true or false", err);
        out->has_active = true;
    }
    if (!status)
        return MC_OK;
    if (!mc_json_get_str(status, &word))
        return broken(req, "status", "invalid_type", "status: want active or inactive", err);
    if (value) {
        /* A page sends the whole row back, and has changed the spelling that it knows. */
        out->is_flipped = out->active ? mc_str_eq_nocase(word, MC_STR("inactive"))
                                      : mc_str_eq_nocase(word, MC_STR("active"));
        return MC_OK;
    }
    out->active = mc_str_eq_nocase(word, MC_STR("active"));
    /* "paused" and "disabled" are what we say of it: sent back, they change nothing. */
    out->has_active = out->active || mc_str_eq_nocase(word, MC_STR("inactive"));
    if (!out->has_active && word.len && !mc_str_eq(word, MC_STR("paused")) &&
        !mc_str_eq(word, MC_STR("disabled")))
        return broken(req, "status", "invalid_option", "status: want active or inactive", err);
    return MC_OK;
}

static mc_code read_name(mc_http_req *req, const mc_json *body, mc__webhook_input *out, mc_err *err)
{
    const mc_json *value = either(body, "name", NULL);

    if (!value)
        return MC_OK;
    if (!mc_json_get_str(value, &out->name))
        return broken(req, "name", "invalid_type", "name: want text", err);
    if (out->name.len > MC_WEBHOOKS_NAME_MAX)
        return broken(req, "name", "max", "name: at most 255 bytes", err);
    out->has_name = true;
    return MC_OK;
}

static mc_code read_ordered(mc_http_req *req, const mc_json *body, mc__webhook_input *out,
                            mc_err *err)
{
    const mc_json *value = either(body, "ordered", NULL);

    if (value && !mc_json_get_bool(value, &out->is_ordered))
        return broken(req, "ordered", "invalid_type", "ordered: want true or false", err);
    out->has_ordered = value != NULL;
    return MC_OK;
}

mc_code mc__webhook_read(mc_webhooks *self, mc_http_req *req, bool is_create,
                         mc__webhook_input *out, mc_err *err)
{
    const mc_json *body;
    mc_code rc = mc_http_body_object(req, "invalid body", &body, err);

    *out = (mc__webhook_input){.active = true,
                               .is_ordered = true,
                               .retry_max = RETRY_DEFAULT,
                               .timeout_s = TIMEOUT_DEFAULT};
    if (rc == MC_OK)
        rc = read_name(req, body, out, err);
    if (rc == MC_OK)
        rc = read_url(self, req, body, out, err);
    if (rc == MC_OK && is_create && !out->has_url)
        rc = broken(req, "url", "required", "invalid webhook URL", err);
    if (rc == MC_OK)
        rc = read_events(req, body, is_create, out, err);
    if (rc == MC_OK)
        rc = read_active(req, body, out, err);
    if (rc == MC_OK)
        rc = read_ordered(req, body, out, err);
    if (rc == MC_OK)
        rc = read_number(req, either(body, "retry_max", "max_retries"), "retry_max", RETRY_DEFAULT,
                         MC_WEBHOOKS_RETRY_MAX, &out->has_retry, &out->retry_max, err);
    if (rc == MC_OK)
        rc = read_number(req, either(body, "timeout_sec", "timeout_secs"), "timeout_sec",
                         TIMEOUT_DEFAULT, MC_WEBHOOKS_TIMEOUT_MAX, &out->has_timeout,
                         &out->timeout_s, err);
    return rc;
}
