/* SPDX-License-Identifier: Apache-2.0 */
/* People's browsers as a channel: a message to each, into push's own queue, which tries again and
 * forgets browsers that are gone. */
#include "metacore/notifications/notify.h"

#include "metacore/base/utf8.h"

#define BODY_MAX_BYTES 1200 /* with escapes of six bytes each still within a message */
#define TITLE_MAX_BYTES 200
#define LINK_MAX_BYTES 500

static mc_code locate(void *self, mc_ctx *ctx, mc_uuid user_id, mc_str *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(user_id), mc_db_uuid(ctx->who.org_id)};
    mc_db_rows rows;
    mc_code rc;

    *out = MC_STR("");
    if (!mc_push_is_on(self))
        return MC_OK;
    rc = mc_db_query(ctx->conn,
                     MC_STR("SELECT user_id FROM push_subscriptions WHERE user_id = $1 AND "
                            "organization_id = $2 AND deleted_at IS NULL LIMIT 1"),
                     args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows))
        *out = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
    return mc_db_rows_finish(&rows, err);
}

static void write_text(mc_buf *out, const char *key, mc_str text, size_t max)
{
    if (text.len == 0)
        return;
    mc_buf_printf(out, ",\"%s\":", key);
    mc_json_write_str(out, mc_utf8_truncate(text, max));
}

static mc_code deliver(void *self, mc_ctx *ctx, const mc_notify_entry *entry, mc_err *err)
{
    mc_uuid user_id = entry->user_id;
    mc_str link = MC_STR(""), icon = MC_STR("");
    const mc_json *data = NULL;
    int64_t queued = 0;
    mc_buf payload;
    mc_code rc = mc_json_parse(ctx->arena, entry->data, NULL, &data, err);

    if (rc != MC_OK)
        return rc;
    if (mc_uuid_is_nil(user_id) && !mc_uuid_parse(entry->target, &user_id))
        return mc_fail(err, MC_REJECTED, "push: the target is no user's id");
    (void)mc_json_get_str(mc_json_find(data, MC_STR("link")), &link); /* else none */
    (void)mc_json_get_str(mc_json_find(data, MC_STR("icon")), &icon);
    mc_buf_init_arena(&payload, ctx->arena, 0);
    mc_buf_lit(&payload, "{\"title\":");
    mc_json_write_str(
        &payload,
        mc_utf8_truncate(entry->subject.len ? entry->subject : entry->message, TITLE_MAX_BYTES));
    if (!mc_str_eq(entry->subject, entry->message))
        write_text(&payload, "body", entry->message, BODY_MAX_BYTES);
    if (link.len <= LINK_MAX_BYTES)
        write_text(&payload, "url", link, LINK_MAX_BYTES);
    if (mc_str_starts_with(icon, MC_STR("/")) || mc_str_starts_with(icon, MC_STR("https://")))
        write_text(&payload, "icon", icon, LINK_MAX_BYTES);
    /* A browser that gets it twice shows it once. */
    mc_buf_lit(&payload, ",\"tag\":\"");
    mc_uuid_write(&payload, entry->id);
    mc_buf_lit(&payload, "\"}");
    rc = mc_buf_check(&payload, "push", err);
    if (rc == MC_OK)
        rc = mc_push_send(self, ctx, user_id, mc_buf_get(&payload), &queued, err);
    if (rc == MC_NOT_PROVIDED || rc == MC_TOO_LARGE)
        return mc_fail(err, MC_REJECTED, "push: %s",
                       rc == MC_TOO_LARGE ? "the message is too large" : "is not configured");
    if (rc == MC_OK && queued == 0)
        rc = mc_fail(err, MC_REJECTED, "push: no browser is subscribed any more");
    return rc;
}

mc_notify_channel mc_notify_push(mc_push *push)
{
    static const mc_notify_channel_vt vt = {
        .struct_size = sizeof(vt), .deliver = deliver, .locate = locate};

    return (mc_notify_channel){
        .vt = &vt, .self = push, .name = MC_STR("push"), .in_transaction = true};
}
