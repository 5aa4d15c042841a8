/* SPDX-License-Identifier: Apache-2.0 */
/* Mail as a channel. */
#include "metacore/notifications/notify.h"

#include "metacore/mail/mail.h"

#include <stdlib.h>

typedef struct email {
    mc_arena *text;
    mc_smtp_client *smtp;
    mc_mail_party from;
    mc_str public_url;
} email;

static mc_code locate(void *self, mc_ctx *ctx, mc_uuid user_id, mc_str *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(user_id), mc_db_uuid(ctx->who.org_id)};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT email FROM users WHERE id = $1 AND organization_id = "
                                    "$2 AND deleted_at IS NULL AND disabled_at IS NULL"),
                             args, MC_LEN(args), &rows, err);

    (void)self;
    *out = MC_STR("");
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        if (mc_smtp_is_address(mc_db_col_text(&rows, 0)))
            *out = mc_str_copy(ctx->arena, mc_db_col_text(&rows, 0));
    }
    return mc_db_rows_finish(&rows, err);
}

/* A path is of the application, wherever that is. */
static mc_str whole_link(const email *self, mc_arena *arena, const mc_notify_entry *entry)
{
    const mc_json *data = NULL;
    mc_str link = MC_STR("");

    if (mc_json_parse(arena, entry->data, NULL, &data, NULL) != MC_OK)
        return MC_STR("");
    (void)mc_json_get_str(mc_json_find(data, MC_STR("link")), &link); /* else none */
    if (!mc_str_starts_with(link, MC_STR("/")))
        return link;
    return self->public_url.len
               ? mc_str_printf(arena, "%.*s%.*s", MC_FMT(self->public_url), MC_FMT(link))
               : MC_STR("");
}

static mc_code deliver(void *user, mc_ctx *ctx, const mc_notify_entry *entry, mc_err *err)
{
    email *self = user;
    mc_str link = whole_link(self, ctx->arena, entry);
    mc_mail mail = {.from = self->from,
                    .to = {.address = entry->target},
                    .subject = entry->subject.len ? entry->subject : entry->event,
                    .text = entry->message,
                    .html = entry->html,
                    .id = entry->id,
                    .at = entry->created_at};
    mc_buf message;
    mc_code rc;

    if (!mc_smtp_is_address(entry->target))
        return mc_fail(err, MC_REJECTED, "email: the target is no address");
    if (link.len)
        mail.text = mc_str_printf(ctx->arena, "%.*s\n\n%.*s", MC_FMT(entry->message), MC_FMT(link));
    if (!mail.text.ptr)
        return mc_fail(err, MC_NO_MEMORY, "email");
    mc_buf_init_arena(&message, ctx->arena, 0);
    rc = mc_mail_write(&mail, &message, err);
    if (rc == MC_OK)
        rc = mc_smtp_client_send(self->smtp, ctx->arena, self->from.address, entry->target,
                                 mc_buf_get(&message), NULL, err);
    return rc;
}

static void stop(void *user)
{
    mc_smtp_client_stop(((email *)user)->smtp);
}

static void free_email(void *user)
{
    email *self = user;

    if (!self)
        return;
    mc_smtp_client_free(self->smtp);
    mc_arena_free(self->text);
    free(self);
}

static mc_code read_config(email *self, const mc_notify_email_config *config, mc_err *err)
{
    mc_smtp_client_config smtp = config->smtp;
    mc_str url = config->public_url;
    mc_err why;
    mc_code rc;

    self->text = mc_arena_new(0);
    if (!self->text)
        return mc_fail(err, MC_NO_MEMORY, "email");
    while (mc_str_ends_with(url, MC_STR("/")))
        url.len--;
    if (url.len && !mc_str_starts_with(url, MC_STR("https://")) &&
        !mc_str_starts_with(url, MC_STR("http://")))
        return mc_fail(err, MC_INVALID, "public_url: want https://…");
    self->public_url = mc_str_copy(self->text, url);
    rc = mc_mail_party_parse(mc_str_copy(self->text, config->from), &self->from, &why);
    if (rc != MC_OK)
        return mc_fail(err, rc, "from: %s", why.msg);
    smtp.struct_size = sizeof(smtp);
    return mc_smtp_client_new(&smtp, &self->smtp, err);
}

mc_code mc_notify_email_new(const mc_notify_email_config *config, mc_notify_channel *out,
                            mc_err *err)
{
    static const mc_notify_channel_vt vt = {.struct_size = sizeof(vt),
                                            .deliver = deliver,
                                            .locate = locate,
                                            .stop = stop,
                                            .free = free_email};
    email *self = calloc(1, sizeof(*self));
    mc_code rc = self ? read_config(self, config, err) : mc_fail(err, MC_NO_MEMORY, "email");

    if (rc != MC_OK) {
        free_email(self);
        return rc;
    }
    *out = (mc_notify_channel){.vt = &vt, .self = self, .name = MC_STR("email")};
    return MC_OK;
}
