/* SPDX-License-Identifier: Apache-2.0 */
/* The bell's list as a channel. */
#include "metacore/notifications/notify.h"

#include "metacore/base/utf8.h"

static mc_str text_of(const mc_json *data, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find(data, mc_z(key)), &text); /* else none */
    return text;
}

static mc_str cut(mc_str text, size_t max)
{
    size_t pos = 0;
    uint32_t rune;

    for (size_t i = 0; i < max && mc_utf8_next(text, &pos, &rune); i++)
        ;
    return mc_str_slice(text, 0, pos);
}

static void write_metadata(mc_ctx *ctx, const mc_notify_entry *entry, mc_buf *out)
{
    mc_buf_init_arena(out, ctx->arena, 0);
    mc_buf_lit(out, "{\"event\":");
    mc_json_write_str(out, entry->event);
    if (entry->source_type.len) {
        mc_buf_lit(out, ",\"source_type\":");
        mc_json_write_str(out, entry->source_type);
    }
    if (!mc_uuid_is_nil(entry->source_id)) {
        mc_buf_lit(out, ",\"source_id\":\"");
        mc_uuid_write(out, entry->source_id);
        mc_buf_char(out, '"');
    }
    mc_buf_char(out, '}');
}

static mc_code deliver(void *self, mc_ctx *ctx, const mc_notify_entry *entry, mc_err *err)
{
    mc_uuid user_id = entry->user_id;
    mc_notification in = {.title = cut(entry->subject.len ? entry->subject : entry->message,
                                       MC_NOTIFICATIONS_TITLE_MAX),
                          .message = cut(entry->message, MC_NOTIFICATIONS_MESSAGE_MAX)};
    const mc_json *data = NULL;
    mc_buf metadata;
    mc_err why;
    mc_code rc = mc_json_parse(ctx->arena, entry->data, NULL, &data, err);

    if (rc != MC_OK)
        return rc;
    if (mc_uuid_is_nil(user_id) && !mc_uuid_parse(entry->target, &user_id))
        return mc_fail(err, MC_REJECTED, "inbox: the target is no user's id");
    write_metadata(ctx, entry, &metadata);
    in.user_id = user_id;
    in.type = text_of(data, "type");
    in.link = text_of(data, "link");
    in.icon = text_of(data, "icon");
    in.image = text_of(data, "image");
    in.metadata = mc_buf_get(&metadata);
    if (mc_str_eq(in.title, in.message))
        in.message = MC_STR(""); /* the queue's contract wanted one */
    rc = mc_buf_check(&metadata, "inbox", err);
    if (rc == MC_OK)
        rc = mc_notifications_create(self, ctx, &in, NULL, &why);
    if (rc == MC_REJECTED) /* which field; its value may be somebody's */
        return mc_fail(err, MC_REJECTED, "inbox: %.*s is refused",
                       MC_FMT(ctx->field_error_count ? ctx->field_errors[0].field : MC_STR("it")));
    return rc == MC_OK ? MC_OK : mc_fail(err, rc, "%s", why.msg);
}

mc_notify_channel mc_notify_inbox(mc_notifications *inbox)
{
    static const mc_notify_channel_vt vt = {.struct_size = sizeof(vt), .deliver = deliver};

    return (mc_notify_channel){
        .vt = &vt, .self = inbox, .name = MC_STR("inbox"), .in_transaction = true};
}
