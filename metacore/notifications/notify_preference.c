/* SPDX-License-Identifier: Apache-2.0 */
/* What people want to be told by what: read and set by themselves alone. */
#include "metacore/notifications/notify_internal.h"

#define PREFERENCES_MAX 200 /* of one request */
#define EVENTS_MAX (2 * MC_NOTIFY_TEMPLATES_MAX + 1)

bool mc__notify_is_default(const mc_notify_template *t, mc_str channel)
{
    if (t->channels.count == 0)
        return mc_str_eq(channel, MC_STR("inbox")) || mc_str_eq(channel, MC_STR("push"));
    for (size_t i = 0; i < t->channels.count; i++) {
        if (mc_str_eq(t->channels.items[i], channel))
            return true;
    }
    return false;
}

bool mc__notify_is_on(const mc_notify_template *t, mc_str channel, mc__notify_choice choice)
{
    bool is_default = mc__notify_is_default(t, channel);

    if (choice == MC__UNSAID || (is_default && t->is_mandatory))
        return is_default;
    return choice == MC__ON;
}

static void keep_choice(const mc_notify *self, mc_str channel, bool is_on, bool is_of_all,
                        mc__notify_choices *out)
{
    for (size_t i = 0; i < self->channel_count; i++) {
        if (mc_str_eq(self->channels[i].own.name, channel) &&
            (!is_of_all || out->items[i] == MC__UNSAID))
            out->items[i] = is_on ? MC__ON : MC__OFF;
    }
}

mc_code mc__notify_choices_of(mc_notify *self, mc_ctx *ctx, mc_uuid user_id, mc_str event,
                              mc__notify_choices *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_uuid(user_id), mc_db_text(event)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT channel, is_on, event FROM notification_preferences "
                                    "WHERE organization_id = $1 AND user_id = $2 AND event IN "
                                    "($3, '*') ORDER BY CASE WHEN event = '*' THEN 1 ELSE 0 END"),
                             args, MC_LEN(args), &rows, err);

    *out = (mc__notify_choices){{MC__UNSAID}};
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        keep_choice(self, mc_db_col_text(&rows, 0), mc_db_col_bool(&rows, 1),
                    mc_str_eq(mc_db_col_text(&rows, 2), MC_STR("*")), out);
    return mc_db_rows_finish(&rows, err);
}

/* ---- the page ---- */

typedef struct listing {
    const mc_notify_template *items[EVENTS_MAX];
    size_t count;
} listing;

static bool is_listed(const listing *l, mc_str event)
{
    for (size_t i = 0; i < l->count; i++) {
        if (mc_str_eq(l->items[i]->event, event))
            return true;
    }
    return false;
}

static void add(listing *l, const mc_notify_template *t)
{
    if (l->count < EVENTS_MAX && !is_listed(l, t->event))
        l->items[l->count++] = t;
}

/* One for each event, as mc__notify_find_template would choose without a language. */
static mc_code list_events(mc_notify *self, mc_ctx *ctx, listing *out, mc_err *err)
{
    mc_db_value org = mc_db_uuid(ctx->who.org_id);
    mc_db_rows rows;
    mc_code over, rc = mc_db_query(ctx->conn,
                                   MC_STR("SELECT " MC__NOTIFY_TEMPLATE_COLUMNS
                                          " FROM notification_templates WHERE organization_id = "
                                          "$1 ORDER BY event, lang, addon_key"),
                                   &org, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (rc == MC_OK && mc_db_rows_next(&rows)) {
        mc_notify_template *t = mc_arena_object(ctx->arena, mc_notify_template);

        rc = t ? mc__notify_read_template(&rows, ctx->arena, t, err)
               : mc_fail(err, MC_NO_MEMORY, "notify");
        if (rc == MC_OK)
            add(out, t);
    }
    over = mc_db_rows_finish(&rows, rc == MC_OK ? err : NULL);
    for (size_t i = 0; i < self->template_count; i++)
        add(out, &self->templates[i]);
    return rc == MC_OK ? over : rc;
}

static void write_event(const mc_notify *self, const mc_notify_template *t,
                        const mc__notify_choices *choices, mc_buf *out)
{
    mc_buf_lit(out, "{\"event\":");
    mc_json_write_str(out, t->event);
    mc_buf_lit(out, ",\"label\":");
    mc_json_write_str(out, t->label.len ? t->label : t->event);
    mc_buf_printf(out, ",\"mandatory\":%s,\"channels\":{", t->is_mandatory ? "true" : "false");
    for (size_t i = 0; i < self->channel_count; i++) {
        mc_str name = self->channels[i].own.name;

        mc_buf_printf(out, "%s\"%.*s\":%s", i ? "," : "", MC_FMT(name),
                      mc__notify_is_on(t, name, choices->items[i]) ? "true" : "false");
    }
    mc_buf_lit(out, "}}");
}

/* What was said of all: only what was. */
static void write_all(const mc_notify *self, const mc__notify_choices *choices, mc_buf *out)
{
    bool is_first = true;

    mc_buf_lit(out, "{\"event\":\"*\",\"label\":\"*\",\"mandatory\":false,\"channels\":{");
    for (size_t i = 0; i < self->channel_count; i++) {
        if (choices->items[i] == MC__UNSAID)
            continue;
        mc_buf_printf(out, "%s\"%.*s\":%s", is_first ? "" : ",", MC_FMT(self->channels[i].own.name),
                      choices->items[i] == MC__ON ? "true" : "false");
        is_first = false;
    }
    mc_buf_lit(out, "}}");
}

static mc_code write_page(mc_notify *self, mc_ctx *ctx, mc_buf *out, mc_err *err)
{
    listing *l = mc_arena_object(ctx->arena, listing);
    mc__notify_choices choices;
    mc_code rc = l ? list_events(self, ctx, l, err) : mc_fail(err, MC_NO_MEMORY, "notify");

    if (rc == MC_OK)
        rc = mc__notify_choices_of(self, ctx, ctx->who.user_id, MC_STR("*"), &choices, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_char(out, '[');
    write_all(self, &choices, out);
    for (size_t i = 0; i < l->count && rc == MC_OK; i++) {
        rc = mc__notify_choices_of(self, ctx, ctx->who.user_id, l->items[i]->event, &choices, err);
        mc_buf_char(out, ',');
        write_event(self, l->items[i], &choices, out);
    }
    mc_buf_char(out, ']');
    return rc;
}

/* GET /notifications/preferences */
static mc_code show(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_code rc = write_page(user, mc_http_ctx(req), mc_http_ok_begin(res, 200), err);

    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

/* GET /notifications/channels */
static mc_code channels(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_notify *self = user;
    mc_buf *out = mc_http_ok_begin(res, 200);

    (void)req;
    mc_buf_char(out, '[');
    for (size_t i = 0; i < self->channel_count; i++)
        mc_buf_printf(out, "%s{\"key\":\"%.*s\"}", i ? "," : "",
                      MC_FMT(self->channels[i].own.name));
    mc_buf_char(out, ']');
    return mc_http_ok_end(res, MC_STR(""), err);
}

/* ---- setting ---- */

typedef struct preference {
    mc_str event, channel;
    mc__notify_choice choice;
} preference;

typedef struct preferences {
    preference items[PREFERENCES_MAX];
    size_t count;
} preferences;

static mc_code read_one(const mc_notify *self, const mc_json *item, preference *out, mc_err *err)
{
    const mc_json *enabled = mc_json_find(item, MC_STR("enabled"));
    bool is_on = false;

    if (!mc_json_get_str(mc_json_find(item, MC_STR("event")), &out->event) ||
        (!mc_str_eq(out->event, MC_STR("*")) &&
         !mc__notify_is_name(out->event, MC_NOTIFY_EVENT_MAX, true)))
        return mc_fail(err, MC_INVALID, "preferences: event: want its name, or *");
    if (!mc_json_get_str(mc_json_find(item, MC_STR("channel")), &out->channel) ||
        !mc__notify_channel_of(self, out->channel))
        return mc_fail(err, MC_INVALID, "preferences: channel: want one of those there are");
    if (!enabled || (enabled->kind != MC_JSON_NULL && !mc_json_get_bool(enabled, &is_on)))
        return mc_fail(err, MC_INVALID, "preferences: enabled: want true, false or null");
    out->choice = enabled->kind == MC_JSON_NULL ? MC__UNSAID : is_on ? MC__ON : MC__OFF;
    return MC_OK;
}

static mc_code prepare_set(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    preferences *p = mc_arena_object(mc_http_ctx(req)->arena, preferences);
    const mc_json *body = NULL, *list;
    mc_code rc = p ? mc_http_body_object(req, "invalid body", &body, err)
                   : mc_fail(err, MC_NO_MEMORY, "notify");

    (void)res;
    if (rc != MC_OK)
        return rc;
    list = mc_json_find(body, MC_STR("preferences"));
    if (!list || list->kind != MC_JSON_ARRAY || list->as.array.count > PREFERENCES_MAX)
        return mc_fail(err, MC_INVALID, "preferences: want a list of at most %d", PREFERENCES_MAX);
    while (p->count < list->as.array.count && rc == MC_OK) {
        rc = read_one(user, list->as.array.items[p->count], &p->items[p->count], err);
        p->count++;
    }
    req->state = p;
    return rc;
}

/* An event there is, whose channel may be switched off. */
static mc_code check_event(mc_notify *self, mc_ctx *ctx, const preference *p, mc_err *err)
{
    mc_notify_template t;
    bool is_found = true;
    mc_code rc = MC_OK;

    if (mc_str_eq(p->event, MC_STR("*")) || p->choice == MC__UNSAID)
        return MC_OK;
    rc = mc__notify_find_template(self, ctx, p->event, MC_STR(""), &t, &is_found, err);
    if (rc != MC_OK)
        return rc;
    if (!is_found) {
        mc_ctx_field_error(ctx, MC_STR("event"), MC_STR("not_found"), MC_STR(""),
                           "there is no event %.*s", MC_FMT(p->event));
        return mc_fail(err, MC_REJECTED, "there is no event %.*s", MC_FMT(p->event));
    }
    if (p->choice == MC__OFF && t.is_mandatory && mc__notify_is_default(&t, p->channel)) {
        mc_ctx_field_error(ctx, MC_STR("event"), MC_STR("mandatory"), MC_STR(""),
                           "%.*s is told to everybody", MC_FMT(p->event));
        return mc_fail(err, MC_REJECTED, "%.*s is told to everybody", MC_FMT(p->event));
    }
    return MC_OK;
}

static mc_code set_one(mc_ctx *ctx, const preference *p, mc_err *err)
{
    mc_db_value args[] = {
        mc_db_uuid(ctx->who.org_id), mc_db_uuid(ctx->who.user_id),    mc_db_text(p->event),
        mc_db_text(p->channel),      mc_db_bool(p->choice == MC__ON), mc_db_time(ctx->now)};

    if (p->choice == MC__UNSAID)
        return mc_db_exec(ctx->conn,
                          MC_STR("DELETE FROM notification_preferences WHERE organization_id = $1 "
                                 "AND user_id = $2 AND event = $3 AND channel = $4"),
                          args, 4, NULL, err);
    return mc_db_exec(ctx->conn,
                      MC_STR("INSERT INTO notification_preferences (organization_id, user_id, "
                             "event, channel, is_on, updated_at) VALUES ($1, $2, $3, $4, $5, $6) "
                             "ON CONFLICT (organization_id, user_id, event, channel) DO UPDATE SET "
                             "is_on = $5, updated_at = $6"),
                      args, MC_LEN(args), NULL, err);
}

/* PUT /notifications/preferences: what is not named stays as it is. */
static mc_code set(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const preferences *p = req->state;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_code rc = MC_OK;

    for (size_t i = 0; i < p->count && rc == MC_OK; i++) {
        rc = check_event(user, ctx, &p->items[i], err);
        if (rc == MC_OK)
            rc = set_one(ctx, &p->items[i], err);
    }
    if (rc == MC_OK)
        rc = write_page(user, ctx, mc_http_ok_begin(res, 200), err);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

const mc_http_route mc__notify_preference_routes[] = {
    {.method = "GET",
     .pattern = "/notifications/channels",
     .run = MC_HTTP_READ,
     .handle = channels},
    {.method = "GET", .pattern = "/notifications/preferences", .run = MC_HTTP_READ, .handle = show},
    {.method = "PUT",
     .pattern = "/notifications/preferences",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_set,
     .handle = set},
};
const size_t mc__notify_preference_route_count = MC_LEN(mc__notify_preference_routes);
