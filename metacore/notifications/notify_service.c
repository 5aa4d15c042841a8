/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/notifications/notify_internal.h"

#include <stdlib.h>

#define RETRY_BASE_MS 30000
#define RETRY_MAX_MS 3600000
#define DAY_S INT64_C(86400)
#define AT_ONCE 4
#define LEASE_MS 90000 /* longer than a mail server may take */
#define PRUNE_LEASE_MS 600000

/* ---- names and values ---- */

bool mc__notify_is_name(mc_str name, size_t max, bool with_dots)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' &&
            !(with_dots && c == '.'))
            return false;
    }
    return name.len > 0 && name.len <= max;
}

const mc__notify_channel *mc__notify_channel_of(const mc_notify *self, mc_str name)
{
    for (size_t i = 0; i < self->channel_count; i++) {
        if (mc_str_eq(self->channels[i].own.name, name))
            return &self->channels[i];
    }
    return NULL;
}

mc_db_value mc__notify_id(mc_uuid id)
{
    return mc_uuid_is_nil(id) ? mc_db_null() : mc_db_uuid(id);
}

bool mc__notify_texts(const mc_json *list, mc_arena *arena, mc_strs *out)
{
    size_t count = list && list->kind == MC_JSON_ARRAY ? list->as.array.count : 0;
    mc_str *items = mc_arena_array(arena, mc_str, count + 1);

    if (!items || !list || list->kind != MC_JSON_ARRAY)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!mc_json_get_str(list->as.array.items[i], &items[i]))
            return false;
    }
    *out = (mc_strs){items, count};
    return true;
}

void mc__notify_write_texts(mc_buf *out, mc_strs texts)
{
    mc_buf_char(out, '[');
    for (size_t i = 0; i < texts.count; i++) {
        if (i)
            mc_buf_char(out, ',');
        mc_json_write_str(out, texts.items[i]);
    }
    mc_buf_char(out, ']');
}

/* ---- life cycle ---- */

static mc_notify_config with_defaults(const mc_notify_config *config)
{
    mc_notify_config full = *config;

    if (full.retry_base_ms <= 0)
        full.retry_base_ms = RETRY_BASE_MS;
    if (full.retry_max_ms <= 0)
        full.retry_max_ms = RETRY_MAX_MS;
    if (full.max_attempts <= 0 || full.max_attempts > MC_OUTBOX_ATTEMPTS_MAX)
        full.max_attempts = MC_NOTIFY_ATTEMPTS;
    if (full.retention_s <= 0)
        full.retention_s = 30 * DAY_S;
    if (full.inbox_retention_s <= 0)
        full.inbox_retention_s = 180 * DAY_S;
    return full;
}

static void add_routes(mc_notify *self)
{
    const struct {
        const mc_http_route *items;
        size_t count;
    } tables[] = {{mc__notify_send_routes, mc__notify_send_route_count},
                  {mc__notify_queue_routes, mc__notify_queue_route_count},
                  {mc__notify_template_routes, mc__notify_template_route_count},
                  {mc__notify_preference_routes, mc__notify_preference_route_count}};
    size_t at = 0;

    for (size_t t = 0; t < MC_LEN(tables); t++) {
        for (size_t i = 0; i < tables[t].count && at < MC__NOTIFY_ROUTES; i++) {
            self->routes[at] = tables[t].items[i];
            self->routes[at++].user = self;
        }
    }
}

static mc_code add_kinds(mc_notify *self, mc_err *err)
{
    mc_code rc = mc_outbox_add_kind(self->config.outbox,
                                    &(mc_outbox_kind){.name = MC_STR(MC__NOTIFY_KIND_UNKNOWN),
                                                      .run = mc__notify_run,
                                                      .user = &self->unknown},
                                    err);

    self->unknown.self = self;
    if (rc == MC_OK)
        rc = mc_outbox_add_kind(self->config.outbox,
                                &(mc_outbox_kind){.name = MC_STR(MC__NOTIFY_PRUNE),
                                                  .run = mc__notify_prune,
                                                  .user = self,
                                                  .lease_ms = PRUNE_LEASE_MS},
                                err);
    return rc;
}

mc_code mc_notify_new(const mc_notify_config *config, mc_notify **out, mc_err *err)
{
    static const mc_notify_template plain = {.event = MC_STR_INIT(MC_NOTIFY_MESSAGE),
                                             .label = MC_STR_INIT("Messages"),
                                             .title = MC_STR_INIT("{{title}}"),
                                             .message = MC_STR_INIT("{{message}}"),
                                             .link = MC_STR_INIT("{{link}}"),
                                             .icon = MC_STR_INIT("{{icon}}"),
                                             .type = MC_STR_INIT("{{type}}")};
    mc_notify *self;
    mc_code rc;

    if (!config->db || !config->outbox || !config->check)
        return mc_fail(err, MC_INVALID, "notify: db, outbox and check are required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "notify");
    self->config = with_defaults(config);
    self->text = mc_arena_new(0);
    add_routes(self);
    rc = self->text ? add_kinds(self, err) : mc_fail(err, MC_NO_MEMORY, "notify");
    if (rc == MC_OK)
        rc = mc_notify_add_template(self, &plain, err);
    if (rc != MC_OK) {
        mc_notify_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

static mc_code check_channel(const mc_notify *self, const mc_notify_channel *channel, mc_err *err)
{
    if (self->channel_count == MC_NOTIFY_CHANNELS_MAX)
        return mc_fail(err, MC_LIMIT, "notify: more than %d channels", MC_NOTIFY_CHANNELS_MAX);
    if (!channel->vt || !channel->vt->deliver ||
        !mc__notify_is_name(channel->name, MC_NOTIFY_CHANNEL_MAX, false))
        return mc_fail(err, MC_INVALID,
                       "notify: a channel delivers, and its name is lower case, "
                       "digits, - _");
    if (mc__notify_channel_of(self, channel->name))
        return mc_fail(err, MC_CONFLICT, "notify: channel %.*s twice", MC_FMT(channel->name));
    return MC_OK;
}

mc_code mc_notify_add_channel(mc_notify *self, const mc_notify_channel *channel, mc_err *err)
{
    mc__notify_channel *c = &self->channels[self->channel_count];
    mc_code rc = check_channel(self, channel, err);

    if (rc == MC_OK) {
        size_t start = sizeof(MC__NOTIFY_KIND_PREFIX) - 1;

        *c = (mc__notify_channel){.self = self, .own = *channel};
        memcpy(c->kind, MC__NOTIFY_KIND_PREFIX, start);
        memcpy(c->kind + start, channel->name.ptr, channel->name.len);
        c->own.name = mc_z(c->kind + start);
        rc = mc_outbox_add_kind(
            self->config.outbox,
            &(mc_outbox_kind){.name = mc_z(c->kind),
                              .run = mc__notify_run,
                              .user = c,
                              .lease_ms = LEASE_MS,
                              .at_once = channel->at_once ? channel->at_once : AT_ONCE},
            err);
    }
    if (rc == MC_OK)
        self->channel_count++;
    else if (channel->vt && channel->vt->free)
        channel->vt->free(channel->self);
    return rc;
}

void mc_notify_stop(mc_notify *self)
{
    for (size_t i = 0; self && i < self->channel_count; i++) {
        const mc_notify_channel *c = &self->channels[i].own;

        if (c->vt->stop)
            c->vt->stop(c->self);
    }
}

void mc_notify_free(mc_notify *self)
{
    if (!self)
        return;
    for (size_t i = 0; i < self->channel_count; i++) {
        const mc_notify_channel *c = &self->channels[i].own;

        if (c->vt->free)
            c->vt->free(c->self);
    }
    mc_arena_free(self->text);
    free(self->templates);
    free(self);
}

const mc_http_route *mc_notify_routes(mc_notify *self, size_t *out_count)
{
    *out_count = MC__NOTIFY_ROUTES;
    return self->routes;
}

mc_code mc__notify_manages(mc_notify *self, mc_http_req *req, mc_err *err)
{
    return self->config.check(self->config.check_user, mc_http_ctx(req),
                              MC_STR("notifications.manage"), err);
}
