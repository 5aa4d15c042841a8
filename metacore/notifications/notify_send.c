/* SPDX-License-Identifier: Apache-2.0 */
/* One event for many people: each by the channels that they chose. */
#include "metacore/notifications/notify_internal.h"

#define KEY_PARTS_MAX 1024

typedef struct sending {
    mc_notify *self;
    const mc_notify_input *in;
    mc_notify_template template;
    mc__notify_words words;
    mc_notify_result result;
} sending;

static bool is_asked_for(const mc_notify_input *in, mc_str channel)
{
    for (size_t i = 0; i < in->channels.count; i++) {
        if (mc_str_eq(in->channels.items[i], channel))
            return true;
    }
    return false;
}

static mc_code refuse(mc_ctx *ctx, const char *field, const char *code, mc_str what, mc_err *err)
{
    mc_ctx_field_error(ctx, mc_z(field), mc_z(code), MC_STR(""), "%s: there is no %.*s", field,
                       MC_FMT(what));
    return mc_fail(err, MC_REJECTED, "%s: there is no %.*s", field,
                   MC_FMT(mc_str_slice(what, 0, 100)));
}

static mc_code check_channels(const sending *s, mc_ctx *ctx, mc_err *err)
{
    for (size_t i = 0; i < s->in->channels.count; i++) {
        if (!mc__notify_channel_of(s->self, s->in->channels.items[i]))
            return refuse(ctx, "channels", "invalid_option", s->in->channels.items[i], err);
    }
    return MC_OK;
}

static mc_code check_user(mc_ctx *ctx, mc_uuid user_id, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(user_id), mc_db_uuid(ctx->who.org_id)};
    char text[MC_UUID_TEXT_LEN];
    bool is_there;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT 1 FROM users WHERE id = $1 AND organization_id = $2 "
                                    "AND deleted_at IS NULL"),
                             args, MC_LEN(args), &rows, err);

    if (rc != MC_OK)
        return rc;
    is_there = mc_db_rows_next(&rows);
    rc = mc_db_rows_finish(&rows, err);
    mc_uuid_format(user_id, text);
    return rc == MC_OK && !is_there
               ? refuse(ctx, "user_ids", "not_found", mc_str_of(text, MC_UUID_TEXT_LEN), err)
               : rc;
}

/* ---- one receiver by one channel ---- */

static mc_code locate(const mc__notify_channel *channel, mc_ctx *ctx, mc_uuid user_id, mc_str *out,
                      mc_err *err)
{
    char *text;

    if (channel->own.vt->locate)
        return channel->own.vt->locate(channel->own.self, ctx, user_id, out, err);
    text = mc_arena_alloc(ctx->arena, MC_UUID_TEXT_LEN);
    if (!text)
        return mc_fail(err, MC_NO_MEMORY, "notify");
    mc_uuid_format(user_id, text);
    *out = mc_str_of(text, MC_UUID_TEXT_LEN);
    return MC_OK;
}

/* A caller's key is for the event; each receiver and channel has one of it. */
static mc_code key_for(const sending *s, mc_str channel, mc_str target, char room[32], mc_str *out,
                       mc_err *err)
{
    *out = MC_STR("");
    if (s->in->dedup_key.len == 0)
        return MC_OK;
    *out = mc_str_of(room, 32);
    return mc_notify_dedup_key(MC_STR("key"), channel, target, s->in->dedup_key, room, err);
}

static mc_code tell_by(sending *s, mc_ctx *ctx, mc_uuid user_id, const mc__notify_channel *channel,
                       mc_err *err)
{
    const mc_notify_input *in = s->in;
    bool is_again = false;
    mc_notify_raw raw;
    mc_str target = MC_STR(""), key;
    char room[32];
    mc_code rc = locate(channel, ctx, user_id, &target, err);

    if (rc == MC_OK && target.len == 0) {
        s->result.skipped++;
        return MC_OK;
    }
    if (rc == MC_OK)
        rc = key_for(s, channel->own.name, target, room, &key, err);
    if (rc != MC_OK)
        return rc;
    raw = (mc_notify_raw){.event = s->template.event,
                          .channel = channel->own.name,
                          .target = target,
                          .subject = s->words.subject,
                          .message = s->words.message,
                          .html = s->words.html,
                          .data = s->words.data,
                          .user_id = user_id,
                          .source_type = in->source_type,
                          .source_name = in->source_name,
                          .source_id = in->source_id,
                          .context_ref = in->context_ref,
                          .dedup_key = key,
                          .dedup_window_s = in->dedup_window_s};
    rc = mc_notify_enqueue(s->self, ctx, &raw, NULL, &is_again, err);
    s->result.queued += rc == MC_OK && !is_again;
    s->result.deduplicated += rc == MC_OK && is_again;
    return rc;
}

static mc_code tell(sending *s, mc_ctx *ctx, mc_uuid user_id, mc_err *err)
{
    mc__notify_choices choices;
    mc_code rc = check_user(ctx, user_id, err);

    if (rc == MC_OK)
        rc = mc__notify_choices_of(s->self, ctx, user_id, s->template.event, &choices, err);
    for (size_t i = 0; i < s->self->channel_count && rc == MC_OK; i++) {
        const mc__notify_channel *channel = &s->self->channels[i];
        bool is_on = mc__notify_is_on(&s->template, channel->own.name, choices.items[i]);
        bool is_wanted = mc__notify_is_default(&s->template, channel->own.name);

        if (s->in->channels.count) { /* the caller's instead; what was switched off stays so */
            is_wanted = is_asked_for(s->in, channel->own.name);
            is_on = is_wanted && (choices.items[i] != MC__OFF || is_on);
        }
        if (is_on)
            rc = tell_by(s, ctx, user_id, channel, err);
        else
            s->result.skipped += is_wanted;
    }
    return rc;
}

static bool is_first(const mc_notify_input *in, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (mc_uuid_eq(in->user_ids[i], in->user_ids[at]))
            return false;
    }
    return true;
}

mc_code mc_notify_send(mc_notify *self, mc_ctx *ctx, const mc_notify_input *in,
                       mc_notify_result *out, mc_err *err)
{
    sending s = {.self = self, .in = in};
    mc_str event = in->event.len ? in->event : MC_STR(MC_NOTIFY_MESSAGE);
    bool is_found = false;
    mc_code rc;

    if (in->user_count == 0 || in->user_count > MC_NOTIFY_RECEIVERS_MAX) {
        mc_ctx_field_error(ctx, MC_STR("user_ids"), MC_STR("required"), MC_STR(""),
                           "user_ids: want 1 to %d", MC_NOTIFY_RECEIVERS_MAX);
        return mc_fail(err, MC_REJECTED, "user_ids: want 1 to %d", MC_NOTIFY_RECEIVERS_MAX);
    }
    rc = mc__notify_find_template(self, ctx, event, in->lang, &s.template, &is_found, err);
    if (rc == MC_OK && !is_found)
        rc = refuse(ctx, "event", "not_found", event, err);
    if (rc == MC_OK)
        rc = check_channels(&s, ctx, err);
    if (rc == MC_OK)
        rc = mc__notify_render(ctx, &s.template, in->vars, &s.words, err);
    if (rc == MC_OK)
        rc = mc__notify_check_room(self, ctx, err);
    for (size_t i = 0; i < in->user_count && rc == MC_OK; i++) {
        if (is_first(in, i))
            rc = tell(&s, ctx, in->user_ids[i], err);
    }
    if (rc == MC_OK && out)
        *out = s.result;
    return rc;
}

/* ---- POST /notifications/send ---- */

static mc_code read_texts(const mc_json *body, mc_notify_input *in, mc_err *err)
{
    const struct {
        const char *name;
        mc_str *text;
    } texts[] = {{"event", &in->event},
                 {"lang", &in->lang},
                 {"dedup_key", &in->dedup_key},
                 {"source_type", &in->source_type},
                 {"source_name", &in->source_name},
                 {"context_ref", &in->context_ref}};

    for (size_t i = 0; i < MC_LEN(texts); i++) {
        const mc_json *value = mc_json_find(body, mc_z(texts[i].name));

        if (value && value->kind != MC_JSON_NULL && !mc_json_get_str(value, texts[i].text))
            return mc_fail(err, MC_INVALID, "%s: want text", texts[i].name);
    }
    return in->dedup_key.len > KEY_PARTS_MAX
               ? mc_fail(err, MC_INVALID, "dedup_key: at most %d bytes", KEY_PARTS_MAX)
               : MC_OK;
}

static mc_code read_users(const mc_json *body, mc_arena *arena, mc_notify_input *in, mc_err *err)
{
    const mc_json *one = mc_json_find(body, MC_STR("user_id"));
    const mc_json *many = mc_json_find(body, MC_STR("user_ids"));
    const mc_json *const *items = many && many->kind == MC_JSON_ARRAY ? many->as.array.items : &one;
    size_t count = many && many->kind == MC_JSON_ARRAY ? many->as.array.count : one != NULL;
    mc_uuid *ids;

    if (count > MC_NOTIFY_RECEIVERS_MAX)
        return mc_fail(err, MC_INVALID, "user_ids: at most %d", MC_NOTIFY_RECEIVERS_MAX);
    ids = mc_arena_array(arena, mc_uuid, count + 1);
    if (!ids)
        return mc_fail(err, MC_NO_MEMORY, "notify");
    for (size_t i = 0; i < count; i++) {
        mc_str text = MC_STR("");

        if (!mc_json_get_str(items[i], &text) || !mc_uuid_parse(text, &ids[i]))
            return mc_fail(err, MC_INVALID, "user_ids: want UUIDs");
    }
    in->user_ids = ids;
    in->user_count = count;
    return MC_OK;
}

static mc_code read_rest(const mc_json *body, mc_arena *arena, mc_notify_input *in, mc_err *err)
{
    const mc_json *vars = mc_json_find(body, MC_STR("vars"));
    const mc_json *channels = mc_json_find(body, MC_STR("channels"));
    const mc_json *window = mc_json_find(body, MC_STR("dedup_window_s"));
    const mc_json *source = mc_json_find(body, MC_STR("source_id"));
    mc_str id = MC_STR("");

    in->vars = vars && vars->kind != MC_JSON_NULL ? vars : in->event.len ? NULL : body;
    if (in->vars && in->vars->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "vars: want an object");
    if (channels && channels->kind != MC_JSON_NULL &&
        (!mc__notify_texts(channels, arena, &in->channels) ||
         in->channels.count > MC_NOTIFY_CHANNELS_MAX))
        return mc_fail(err, MC_INVALID, "channels: want a list of names");
    if (window && window->kind != MC_JSON_NULL &&
        !mc_json_get_i64(window, 1, MC_NOTIFY_DEDUP_WINDOW_MAX_S, &in->dedup_window_s))
        return mc_fail(err, MC_INVALID, "dedup_window_s: want 1 to %d",
                       MC_NOTIFY_DEDUP_WINDOW_MAX_S);
    if (source && source->kind != MC_JSON_NULL &&
        (!mc_json_get_str(source, &id) || !mc_uuid_parse(id, &in->source_id)))
        return mc_fail(err, MC_INVALID, "source_id: want a UUID");
    return MC_OK;
}

static mc_code prepare_send(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_notify *self = user;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_notify_input *in = mc_arena_object(ctx->arena, mc_notify_input);
    const mc_json *body = NULL;
    mc_code rc =
        in ? self->config.check(self->config.check_user, ctx, MC_STR("notifications.create"), err)
           : mc_fail(err, MC_NO_MEMORY, "notify");

    (void)res;
    if (rc == MC_OK)
        rc = mc_http_body_object(req, "invalid body", &body, err);
    if (rc == MC_OK)
        rc = read_texts(body, in, err);
    if (rc == MC_OK)
        rc = read_users(body, ctx->arena, in, err);
    if (rc == MC_OK)
        rc = read_rest(body, ctx->arena, in, err);
    req->state = in;
    return rc;
}

static mc_code send_it(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_notify_result result = {0, 0, 0};
    mc_code rc = mc_notify_send(user, mc_http_ctx(req), req->state, &result, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_printf(
        mc_http_ok_begin(res, 202), "{\"queued\":%lld,\"deduplicated\":%lld,\"skipped\":%lld}",
        (long long)result.queued, (long long)result.deduplicated, (long long)result.skipped);
    return mc_http_ok_end(res, MC_STR(""), err);
}

const mc_http_route mc__notify_send_routes[] = {
    {.method = "POST",
     .pattern = "/notifications/send",
     .run = MC_HTTP_WRITE,
     .prepare = prepare_send,
     .handle = send_it},
};
const size_t mc__notify_send_route_count = MC_LEN(mc__notify_send_routes);
