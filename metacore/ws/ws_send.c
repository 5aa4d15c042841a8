/* SPDX-License-Identifier: Apache-2.0 */
/* From any thread to every loop: a message is encoded once, and queued by reference. */
#include "metacore/ws/ws_internal.h"

#include <stdlib.h>

#define ROOM 1024 /* most messages are shorter */

/* ---- messages ---- */

mc_code mc__ws_frame(mc_str type, mc_str payload, mc_frame **out, mc_err *err)
{
    char room[ROOM];
    mc_buf text;
    mc_code rc;

    mc_buf_init_borrowed(&text, room, sizeof(room), 0);
    mc_buf_lit(&text, "{\"type\":");
    mc_json_write_str(&text, type);
    mc_buf_lit(&text, ",\"payload\":");
    mc_buf_str(&text, payload.len ? payload : MC_STR("null"));
    mc_buf_char(&text, '}');
    rc = mc_buf_check(&text, "ws: message", err);
    if (rc == MC_OK)
        rc = mc_frame_new(mc_buf_get(&text), out, err);
    mc_buf_deinit(&text);
    return rc;
}

static mc__ws_message *message_new(const mc_ws *self, mc__ws_kind kind)
{
    mc__ws_message *message =
        calloc(1, sizeof(*message) + self->loop_count * sizeof(message->nodes[0]));

    if (!message)
        return NULL;
    atomic_init(&message->refs, 1);
    message->kind = kind;
    for (unsigned i = 0; i < self->loop_count; i++)
        message->nodes[i].message = message;
    return message;
}

void mc__ws_message_unref(mc__ws_message *message)
{
    if (!message || atomic_fetch_sub_explicit(&message->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (message->condition.release)
        message->condition.release(message->condition.user);
    mc_frame_unref(message->frame);
    mc_frame_unref(message->fallback);
    free(message->users);
    free(message);
}

/* ---- inboxes ---- */

static void note_overflow_locked(mc__ws_loop *loop, mc_uuid org_id, const mc_model *model)
    MC_REQUIRES(loop->mu)
{
    mc__ws_overflow *last = &loop->overflows[MC__WS_OVERFLOWS_MAX - 1];

    for (uint32_t i = 0; i < loop->overflow_count; i++) {
        mc__ws_overflow *lost = &loop->overflows[i];

        if (!lost->model || (lost->model == model && mc_uuid_eq(lost->org_id, org_id))) {
            lost->count++;
            return;
        }
    }
    if (loop->overflow_count < MC__WS_OVERFLOWS_MAX)
        loop->overflows[loop->overflow_count++] =
            (mc__ws_overflow){.org_id = org_id, .model = model, .count = 1};
    else
        *last = (mc__ws_overflow){.count = last->count + 1}; /* of so many, all are told */
}

/* True when the loop's task is to be posted. */
static bool wake_locked(mc__ws_loop *loop) MC_REQUIRES(loop->mu)
{
    bool must_post = !loop->is_posted;

    loop->is_posted = true;
    return must_post;
}

static bool queue_on(mc__ws_loop *loop, mc__ws_message *message)
{
    mc__ws_node *node = &message->nodes[loop->number];
    bool must_post = false, is_queued = false;

    mc_mutex_lock(&loop->mu);
    /* A recheck ends somebody's access: it always finds room. */
    if (loop->count < MC_WS_INBOX_MAX || message->kind == MC__WS_RECHECK) {
        atomic_fetch_add_explicit(&message->refs, 1, memory_order_relaxed);
        *(loop->last ? &loop->last->next : &loop->first) = node;
        loop->last = node;
        loop->count++;
        is_queued = true;
        must_post = wake_locked(loop);
    } else if (message->kind == MC__WS_DATA) {
        note_overflow_locked(loop, message->org_id, message->model);
    }
    mc_mutex_unlock(&loop->mu);
    if (must_post)
        mc_server_post(loop->hub->server, loop->number, &loop->task);
    return is_queued;
}

/* Takes the caller's reference. */
static mc_code post(mc_ws *self, mc__ws_message *message, mc_err *err)
{
    unsigned lost = 0;

    for (unsigned i = 0; i < self->loop_count; i++)
        lost += !queue_on(&self->loops[i], message);
    mc__ws_message_unref(message);
    atomic_fetch_add_explicit(&self->messages, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&self->lost, lost, memory_order_relaxed);
    if (lost)
        return mc_fail(err, MC_LIMIT, "ws: %u of %u loops have too much to send already", lost,
                       self->loop_count);
    return MC_OK;
}

static mc_code no_memory(mc__ws_message *message, mc_err *err)
{
    mc__ws_message_unref(message);
    return mc_fail(err, MC_NO_MEMORY, "ws: message");
}

static mc_code check_type(mc_str type, mc_err *err)
{
    return type.len ? MC_OK : mc_fail(err, MC_INVALID, "ws: a message needs a type");
}

/* ---- to whom ---- */

mc_code mc_ws_send_users(mc_ws *self, const mc_uuid *user_ids, size_t count, mc_str type,
                         mc_str payload, mc_err *err)
{
    mc__ws_message *message;
    mc_code rc = check_type(type, err);

    if (rc != MC_OK || count == 0)
        return rc;
    message = message_new(self, MC__WS_TO_USERS);
    if (!message)
        return no_memory(NULL, err);
    message->user = user_ids[0];
    message->user_count = count;
    if (count > 1) {
        message->users = calloc(count, sizeof(mc_uuid));
        if (!message->users)
            return no_memory(message, err);
        memcpy(message->users, user_ids, count * sizeof(mc_uuid));
    }
    rc = mc__ws_frame(type, payload, &message->frame, err);
    if (rc != MC_OK) {
        mc__ws_message_unref(message);
        return rc;
    }
    return post(self, message, err);
}

mc_code mc_ws_send_user(mc_ws *self, mc_uuid user_id, mc_str type, mc_str payload, mc_err *err)
{
    const mc_ws_config *config = &self->config;
    mc_code rc = check_type(type, err);

    if (rc != MC_OK)
        return rc;
    if (config->on_notification && mc_str_eq(type, MC_STR(MC_WS_TYPE_NOTIFICATION)))
        config->on_notification(config->on_notification_user, user_id, payload);
    if (mc_ws_count_user(self, user_id) == 0)
        return MC_OK; /* nobody to queue it for */
    return mc_ws_send_users(self, &user_id, 1, type, payload, err);
}

mc_code mc_ws_send_org(mc_ws *self, mc_uuid org_id, mc_str type, mc_str payload, mc_err *err)
{
    mc__ws_message *message;
    mc_code rc = check_type(type, err);

    if (rc != MC_OK)
        return rc;
    message = message_new(self, MC__WS_TO_ORG);
    if (!message)
        return no_memory(NULL, err);
    message->org_id = org_id;
    rc = mc__ws_frame(type, payload, &message->frame, err);
    if (rc != MC_OK) {
        mc__ws_message_unref(message);
        return rc;
    }
    return post(self, message, err);
}

mc_code mc_ws_send_if(mc_ws *self, mc_uuid user_id, mc_ws_condition condition, mc_str type,
                      mc_str payload, mc_str fallback, mc_err *err)
{
    mc__ws_message *message = message_new(self, MC__WS_IF);
    mc_code rc;

    if (!message) {
        if (condition.release)
            condition.release(condition.user);
        return no_memory(NULL, err);
    }
    message->condition = condition;
    message->user = user_id;
    message->user_count = 1;
    rc = check_type(type, err);
    if (rc == MC_OK && payload.len)
        rc = mc__ws_frame(type, payload, &message->frame, err);
    if (rc == MC_OK && fallback.len)
        rc = mc__ws_frame(type, fallback, &message->fallback, err);
    if (rc != MC_OK) {
        mc__ws_message_unref(message);
        return rc;
    }
    return post(self, message, err);
}

void mc_ws_recheck(mc_ws *self, mc_uuid user_id, mc_uuid session_id)
{
    mc__ws_message *message;
    mc_err ignored; /* a recheck always finds room */

    atomic_fetch_add(&self->rechecks, 1);
    message = message_new(self, MC__WS_RECHECK);
    if (!message)
        return; /* it is asked again within answer_ttl_ms, as after a change elsewhere */
    message->user = user_id;
    message->user_count = mc_uuid_is_nil(user_id) ? 0 : 1;
    message->session_id = session_id;
    MC_IGNORE(post(self, message, &ignored));
}

/* ---- changes ---- */

static void write_id(mc_buf *out, mc_uuid id)
{
    mc_buf_char(out, '"');
    mc_uuid_write(out, id);
    mc_buf_char(out, '"');
}

/* Names of columns only; those that are kept from lists and filters are kept here as well. */
static void write_fields(mc_buf *out, const mc_ws_change *change)
{
    bool is_first = true;

    for (size_t i = 0; i < change->field_count; i++) {
        const mc_column *column = mc_model_find_column(change->model, change->fields[i]);

        if (!column || column->is_hidden)
            continue;
        mc_buf_str(out, is_first ? MC_STR(",\"fields\":[") : MC_STR(","));
        mc_json_write_str(out, change->fields[i]);
        is_first = false;
    }
    if (!is_first)
        mc_buf_char(out, ']');
}

static void write_change(mc_buf *out, const mc_ws_change *change)
{
    mc_buf_lit(out, "{\"org_id\":");
    write_id(out, change->org_id);
    mc_buf_lit(out, ",\"addon\":");
    mc_json_write_str(out, change->model->addon_key);
    mc_buf_lit(out, ",\"model\":");
    mc_json_write_str(out, change->model->key);
    mc_buf_lit(out, ",\"table\":");
    mc_json_write_str(out, change->model->table);
    mc_buf_lit(out, ",\"action\":");
    mc_json_write_str(out, change->action);
    mc_buf_lit(out, ",\"id\":");
    write_id(out, change->id);
    write_fields(out, change);
    if (!mc_uuid_is_nil(change->actor_id)) {
        mc_buf_lit(out, ",\"actor_id\":");
        write_id(out, change->actor_id);
    }
    mc_buf_lit(out, ",\"at\":\"");
    mc_time_write(out, change->at);
    mc_buf_lit(out, "\"}");
}

/* Without memory nobody knows which event it was, but that there was one. */
static void lose(mc_ws *self, const mc_ws_change *change)
{
    for (unsigned i = 0; i < self->loop_count; i++) {
        mc__ws_loop *loop = &self->loops[i];
        bool must_post;

        mc_mutex_lock(&loop->mu);
        note_overflow_locked(loop, change->org_id, change->model);
        must_post = wake_locked(loop);
        mc_mutex_unlock(&loop->mu);
        if (must_post)
            mc_server_post(self->server, i, &loop->task);
    }
    atomic_fetch_add_explicit(&self->lost, self->loop_count, memory_order_relaxed);
}

void mc_ws_publish(mc_ws *self, const mc_ws_change *change)
{
    char room[ROOM];
    mc__ws_message *message;
    mc_buf payload;
    mc_err ignored; /* what is not queued is counted, and told as dropped */

    if (!mc__ws_topic_has(self, change->org_id, change->model))
        return;
    message = message_new(self, MC__WS_DATA);
    mc_buf_init_borrowed(&payload, room, sizeof(room), 0);
    write_change(&payload, change);
    if (!message || mc_buf_failed(&payload) ||
        mc__ws_frame(MC_STR("DATA_EVENT"), mc_buf_get(&payload), &message->frame, &ignored) !=
            MC_OK) {
        mc__ws_message_unref(message);
        lose(self, change);
    } else {
        message->org_id = change->org_id;
        message->model = change->model;
        MC_IGNORE(post(self, message, &ignored));
    }
    mc_buf_deinit(&payload);
}
