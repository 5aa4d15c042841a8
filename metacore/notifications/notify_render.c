/* SPDX-License-Identifier: Apache-2.0 */
/* An event's words with its values, for all channels at once. */
#include "metacore/notifications/notifications_internal.h"
#include "metacore/notifications/notify_internal.h"
#include "metacore/notifications/template.h"

#include "metacore/base/utf8.h"

/* The longest beginning of at most max characters. */
static mc_str cut(mc_str text, size_t max)
{
    size_t pos = 0;
    uint32_t rune;

    for (size_t i = 0; i < max && mc_utf8_next(text, &pos, &rune); i++)
        ;
    return mc_str_slice(text, 0, pos);
}

static void write_data(mc_buf *out, mc_str type, mc_str link, mc_str icon)
{
    mc_buf_lit(out, "{\"type\":");
    mc_json_write_str(out, type);
    if (link.len) {
        mc_buf_lit(out, ",\"link\":");
        mc_json_write_str(out, link);
    }
    if (icon.len) {
        mc_buf_lit(out, ",\"icon\":");
        mc_json_write_str(out, icon);
    }
    mc_buf_char(out, '}');
}

static mc_code check(mc_ctx *ctx, mc_str subject, mc_str link, mc_str type, mc_err *err)
{
    size_t before = ctx->field_error_count;

    if (subject.len == 0)
        mc_ctx_field_error(ctx, MC_STR("title"), MC_STR("required"), MC_STR(""),
                           "title is required");
    mc__notification_check_link(ctx, "link", link);
    mc__notification_check_type(ctx, type);
    return ctx->field_error_count == before
               ? MC_OK
               : mc_fail(err, MC_REJECTED, "%.*s", MC_FMT(ctx->field_errors[before].message));
}

mc_code mc__notify_render(mc_ctx *ctx, const mc_notify_template *t, const mc_json *vars,
                          mc__notify_words *out, mc_err *err)
{
    mc_str subject, message, html = MC_STR(""), link, icon, type;
    const struct {
        mc_template_kind kind;
        mc_str text;
        mc_str *out;
    } parts[] = {{MC_TEMPLATE_LINE, t->title, &subject}, {MC_TEMPLATE_TEXT, t->message, &message},
                 {MC_TEMPLATE_HTML, t->html, &html},     {MC_TEMPLATE_LINE, t->link, &link},
                 {MC_TEMPLATE_LINE, t->icon, &icon},     {MC_TEMPLATE_LINE, t->type, &type}};
    mc_buf data;
    mc_code rc = MC_OK;

    for (size_t i = 0; i < MC_LEN(parts) && rc == MC_OK; i++)
        rc = mc_template_render(parts[i].kind, parts[i].text, vars, ctx->arena, parts[i].out, err);
    if (rc != MC_OK)
        return rc;
    if (type.len == 0)
        type = MC_STR("info");
    rc = check(ctx, subject, link, type, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&data, ctx->arena, 0);
    write_data(&data, type, link, cut(icon, MC_NOTIFICATIONS_TITLE_MAX));
    *out = (mc__notify_words){.subject = cut(subject, MC_NOTIFY_SUBJECT_MAX), .html = html};
    /* The queue's contract wants a message; a title may be all there is to say. */
    out->message = message.len ? message : out->subject;
    out->data = mc_buf_get(&data);
    return mc_buf_check(&data, "notify", err);
}
