/* SPDX-License-Identifier: Apache-2.0 */
/* The words for an event: where they are kept, and whose are taken. */
#include "metacore/notifications/notifications_internal.h"
#include "metacore/notifications/notify_internal.h"
#include "metacore/notifications/template.h"

#include "metacore/base/utf8.h"

#include <stdlib.h>

#define LANG_MAX 35 /* bytes */
#define LABEL_MAX 200
#define TITLE_MAX 1000
#define LINK_TEMPLATE_MAX 2000

/* ---- checking ---- */

static bool is_lang(mc_str lang)
{
    for (size_t i = 0; i < lang.len; i++) {
        char c = lang.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            c != '-')
            return false;
    }
    return lang.len <= LANG_MAX;
}

static mc_code check_text(const char *field, mc_str text, mc_template_kind kind, size_t max,
                          mc_arena *arena, mc_err *err)
{
    mc_err why;
    mc_code rc = mc_template_check(kind, text, arena, &why);

    if (text.len > max)
        return mc_fail(err, MC_INVALID, "%s: at most %zu bytes", field, max);
    if (rc == MC_INVALID || rc == MC_TOO_LARGE)
        return mc_fail(err, MC_INVALID, "%s: %.150s", field, why.msg);
    return rc == MC_OK ? MC_OK : mc_fail(err, rc, "%s", why.msg);
}

mc_code mc__notify_check_template(const mc_notify_template *t, mc_arena *arena, mc_err *err)
{
    mc_code rc;

    if (!mc__notify_is_name(t->event, MC_NOTIFY_EVENT_MAX, true))
        return mc_fail(err, MC_INVALID, "event: want lower case, digits, . - _, at most %d bytes",
                       MC_NOTIFY_EVENT_MAX);
    if (!is_lang(t->lang))
        return mc_fail(err, MC_INVALID, "lang: want a language tag");
    if (t->label.len > LABEL_MAX || !mc_utf8_is_valid(t->label))
        return mc_fail(err, MC_INVALID, "label: want UTF-8 of at most %d bytes", LABEL_MAX);
    if (t->title.len == 0)
        return mc_fail(err, MC_INVALID, "title is required");
    rc = check_text("title", t->title, MC_TEMPLATE_LINE, TITLE_MAX, arena, err);
    if (rc == MC_OK)
        rc = check_text("message", t->message, MC_TEMPLATE_TEXT, MC_TEMPLATE_BYTES_MAX, arena, err);
    if (rc == MC_OK)
        rc = check_text("html", t->html, MC_TEMPLATE_HTML, MC_TEMPLATE_BYTES_MAX, arena, err);
    if (rc == MC_OK)
        rc = check_text("link", t->link, MC_TEMPLATE_LINE, LINK_TEMPLATE_MAX, arena, err);
    if (rc == MC_OK)
        rc = check_text("icon", t->icon, MC_TEMPLATE_LINE, LABEL_MAX, arena, err);
    if (rc == MC_OK)
        rc = check_text("type", t->type, MC_TEMPLATE_LINE, LABEL_MAX, arena, err);
    if (rc == MC_OK && t->channels.count > MC_NOTIFY_CHANNELS_MAX)
        rc = mc_fail(err, MC_INVALID, "channels: at most %d", MC_NOTIFY_CHANNELS_MAX);
    for (size_t i = 0; i < t->channels.count && rc == MC_OK; i++) {
        if (!mc__notify_is_name(t->channels.items[i], MC_NOTIFY_CHANNEL_MAX, false))
            rc = mc_fail(err, MC_INVALID, "channels: a name is lower case, digits, - _");
    }
    return rc;
}

/* ---- a host's ---- */

static bool copy_all(mc_arena *arena, mc_notify_template *t)
{
    mc_str *const texts[] = {&t->event, &t->lang, &t->label, &t->title, &t->message,
                             &t->html,  &t->link, &t->icon,  &t->type};
    mc_str *channels = mc_arena_array(arena, mc_str, t->channels.count + 1);

    for (size_t i = 0; i < MC_LEN(texts); i++) {
        size_t len = texts[i]->len;

        *texts[i] = mc_str_copy(arena, *texts[i]);
        if (texts[i]->len != len)
            return false;
    }
    for (size_t i = 0; channels && i < t->channels.count; i++) {
        channels[i] = mc_str_copy(arena, t->channels.items[i]);
        if (!channels[i].ptr)
            return false;
    }
    t->channels.items = channels;
    return channels != NULL;
}

static const mc_notify_template *find_own(const mc_notify *self, mc_str event, mc_str lang)
{
    for (size_t i = 0; i < self->template_count; i++) {
        if (mc_str_eq(self->templates[i].event, event) &&
            mc_str_eq_nocase(self->templates[i].lang, lang))
            return &self->templates[i];
    }
    return NULL;
}

mc_code mc_notify_add_template(mc_notify *self, const mc_notify_template *t, mc_err *err)
{
    mc_notify_template *grown, copy = *t;
    mc_arena *scratch = mc_arena_new(0);
    mc_code rc =
        scratch ? mc__notify_check_template(t, scratch, err) : mc_fail(err, MC_NO_MEMORY, "notify");

    mc_arena_free(scratch);
    if (rc != MC_OK)
        return rc;
    if (find_own(self, t->event, t->lang))
        return mc_fail(err, MC_CONFLICT, "notify: %.*s twice", MC_FMT(t->event));
    if (self->template_count == MC_NOTIFY_TEMPLATES_MAX)
        return mc_fail(err, MC_LIMIT, "notify: more than %d templates", MC_NOTIFY_TEMPLATES_MAX);
    grown = realloc(self->templates, (self->template_count + 1) * sizeof(*grown));
    if (grown)
        self->templates = grown;
    if (!grown || !copy_all(self->text, &copy))
        return mc_fail(err, MC_NO_MEMORY, "notify");
    grown[self->template_count++] = copy;
    return MC_OK;
}

/* ---- an organization's, and its addons' ---- */

mc_code mc__notify_read_template(mc_db_rows *rows, mc_arena *arena, mc_notify_template *out,
                                 mc_err *err)
{
    mc_str *const texts[] = {&out->event, &out->lang, &out->label, &out->title, &out->message,
                             &out->html,  &out->link, &out->icon,  &out->type};
    const mc_json *channels = NULL;
    mc_code rc =
        mc_json_parse(arena, mc_str_copy(arena, mc_db_col_text(rows, 9)), NULL, &channels, err);

    for (size_t i = 0; i < MC_LEN(texts); i++)
        *texts[i] = mc_str_copy(arena, mc_db_col_text(rows, i));
    out->is_mandatory = mc_db_col_bool(rows, 10);
    if (rc == MC_OK && !mc__notify_texts(channels, arena, &out->channels))
        rc = mc_fail(err, MC_INTERNAL, "notify: a template's channels are none");
    return rc;
}

/* The part of a tag before its first dash: "es" of "es-MX". */
static mc_str base_of(mc_str lang)
{
    return mc_str_slice(lang, 0, mc_str_find_char(lang, 0, '-'));
}

/* Nearer to the language first; of as near ones the organization's own before an addon's. */
static mc_code find_kept(mc_ctx *ctx, mc_str event, mc_str lang, mc_notify_template *out,
                         bool *out_found, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_text(event), mc_db_text(lang),
                          mc_db_text(base_of(lang))};
    mc_db_rows rows;
    mc_code over,
        rc = mc_db_query(ctx->conn,
                         MC_STR("SELECT " MC__NOTIFY_TEMPLATE_COLUMNS
                                " FROM notification_templates WHERE organization_id = $1 AND event "
                                "= $2 AND lang IN ($3, $4, '') ORDER BY CASE WHEN lang = $3 THEN 0 "
                                "WHEN lang = $4 THEN 1 ELSE 2 END, addon_key LIMIT 1"),
                         args, MC_LEN(args), &rows, err);

    *out_found = false;
    if (rc != MC_OK)
        return rc;
    while (rc == MC_OK && mc_db_rows_next(&rows)) {
        *out_found = true;
        rc = mc__notify_read_template(&rows, ctx->arena, out, err);
    }
    over = mc_db_rows_finish(&rows, rc == MC_OK ? err : NULL);
    return rc == MC_OK ? over : rc;
}

mc_code mc__notify_find_template(mc_notify *self, mc_ctx *ctx, mc_str event, mc_str lang,
                                 mc_notify_template *out, bool *out_found, mc_err *err)
{
    const mc_str langs[] = {lang, base_of(lang), MC_STR("")};
    size_t near = MC_LEN(langs);
    mc_code rc = find_kept(ctx, event, lang, out, out_found, err);

    if (rc != MC_OK)
        return rc;
    if (*out_found) {
        near = 0;
        while (near + 1 < MC_LEN(langs) && !mc_str_eq(out->lang, langs[near]))
            near++;
    }
    /* A host's in the reader's language is better than one's own in another. */
    for (size_t i = 0; i < near; i++) {
        const mc_notify_template *own = find_own(self, event, langs[i]);

        if (own) {
            *out = *own;
            *out_found = true;
            break;
        }
    }
    return MC_OK;
}

static mc_code count_templates(mc_ctx *ctx, mc_err *err)
{
    mc_db_value org = mc_db_uuid(ctx->who.org_id);
    int64_t count = 0;
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        ctx->conn, MC_STR("SELECT count(*) FROM notification_templates WHERE organization_id = $1"),
        &org, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        count = mc_db_col_int(&rows, 0);
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK && count >= MC_NOTIFY_TEMPLATES_MAX
               ? mc_fail(err, MC_REJECTED, "more than %d templates", MC_NOTIFY_TEMPLATES_MAX)
               : rc;
}

mc_code mc__notify_put_template(mc_ctx *ctx, mc_str addon_key, const mc_notify_template *t,
                                mc_err *err)
{
    mc_db_value channels;
    mc_buf list;
    mc_uuid id;
    mc_code rc = count_templates(ctx, err);

    mc_buf_init_arena(&list, ctx->arena, 0);
    mc__notify_write_texts(&list, t->channels);
    if (rc == MC_OK)
        rc = mc_buf_check(&list, "notify", err);
    if (rc == MC_OK)
        rc = mc_uuid_v7(&id, err);
    if (rc != MC_OK)
        return rc;
    channels = mc_db_text(mc_buf_get(&list));
    channels.kind = MC_DB_JSON;
    {
        mc_db_value args[] = {mc_db_uuid(id),
                              mc_db_uuid(ctx->who.org_id),
                              mc_db_time(ctx->now),
                              mc__notify_id(ctx->who.user_id),
                              mc_db_text(t->event),
                              mc_db_text(t->lang),
                              mc_db_text(addon_key),
                              mc_db_text(t->label),
                              mc_db_text(t->title),
                              mc_db_text(t->message),
                              mc_db_text(t->html),
                              mc_db_text(t->link),
                              mc_db_text(t->icon),
                              mc_db_text(t->type.len ? t->type : MC_STR("info")),
                              channels,
                              mc_db_bool(t->is_mandatory)};

        return mc_db_exec(
            ctx->conn,
            MC_STR("INSERT INTO notification_templates (id, organization_id, created_at, "
                   "updated_at, updated_by_id, event, lang, addon_key, label, title, message, "
                   "html, link, icon, type, channels, is_mandatory) VALUES ($1, $2, $3, $3, $4, "
                   "$5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) ON CONFLICT "
                   "(organization_id, event, lang, addon_key) DO UPDATE SET updated_at = $3, "
                   "updated_by_id = $4, label = $8, title = $9, message = $10, html = $11, link = "
                   "$12, icon = $13, type = $14, channels = $15, is_mandatory = $16"),
            args, MC_LEN(args), NULL, err);
    }
}

mc_code mc_notify_put_addon(mc_notify *self, mc_ctx *ctx, mc_str addon_key,
                            const mc_notify_template *items, size_t count, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_text(addon_key)};
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("DELETE FROM notification_templates WHERE organization_id = $1 "
                                   "AND addon_key = $2"),
                            args, MC_LEN(args), NULL, err);

    (void)self; /* the table is the database's */
    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = mc__notify_put_template(ctx, addon_key, &items[i], err);
    return rc;
}

/* ---- from JSON ---- */

mc_code mc__notify_parse_template(const mc_json *body, mc_arena *arena, mc_notify_template *out,
                                  mc_err *err)
{
    const struct {
        const char *name;
        mc_str *text;
    } texts[] = {{"lang", &out->lang},       {"label", &out->label}, {"title", &out->title},
                 {"message", &out->message}, {"html", &out->html},   {"link", &out->link},
                 {"icon", &out->icon},       {"type", &out->type}};
    const mc_json *channels = mc_json_find(body, MC_STR("channels"));
    const mc_json *mandatory = mc_json_find(body, MC_STR("mandatory"));

    if (!body || body->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "want an object");
    for (size_t i = 0; i < MC_LEN(texts); i++) {
        const mc_json *value = mc_json_find(body, mc_z(texts[i].name));

        if (value && value->kind != MC_JSON_NULL && !mc_json_get_str(value, texts[i].text))
            return mc_fail(err, MC_INVALID, "%s: want text", texts[i].name);
    }
    if (channels && channels->kind != MC_JSON_NULL &&
        !mc__notify_texts(channels, arena, &out->channels))
        return mc_fail(err, MC_INVALID, "channels: want a list of names");
    if (mandatory && mandatory->kind != MC_JSON_NULL &&
        !mc_json_get_bool(mandatory, &out->is_mandatory))
        return mc_fail(err, MC_INVALID, "mandatory: want true or false");
    return mc__notify_check_template(out, arena, err);
}

static mc_code read_one(const mc_json *item, mc_str addon_key, mc_arena *arena,
                        mc_notify_template *out, mc_err *err)
{
    mc_str key = MC_STR("");
    mc_err why;
    mc_code rc;

    if (!mc_json_get_str(mc_json_find(item, MC_STR("key")), &key) || key.len == 0)
        return mc_fail(err, MC_INVALID, "notifications: key is required");
    out->event = mc_str_printf(arena, "%.*s.%.*s", MC_FMT(addon_key), MC_FMT(key));
    if (!out->event.ptr)
        return mc_fail(err, MC_NO_MEMORY, "notify");
    rc = mc__notify_parse_template(item, arena, out, &why);
    return rc == MC_OK ? MC_OK
                       : mc_fail(err, rc, "notifications: \"%.*s\": %.120s",
                                 MC_FMT(mc_str_slice(key, 0, 40)), why.msg);
}

mc_code mc_notify_read_templates(const mc_json *list, mc_str addon_key, mc_arena *arena,
                                 mc_notify_template **out, size_t *out_count, mc_err *err)
{
    size_t count = list && list->kind == MC_JSON_ARRAY ? list->as.array.count : 0;
    mc_notify_template *items = mc_arena_array(arena, mc_notify_template, count + 1);
    mc_code rc = MC_OK;

    if (!items)
        return mc_fail(err, MC_NO_MEMORY, "notify");
    if (list && list->kind != MC_JSON_ARRAY && list->kind != MC_JSON_NULL)
        return mc_fail(err, MC_INVALID, "notifications: want a list");
    if (count > MC_NOTIFY_TEMPLATES_MAX / 5)
        return mc_fail(err, MC_INVALID, "notifications: at most %d of one addon",
                       MC_NOTIFY_TEMPLATES_MAX / 5);
    memset(items, 0, (count + 1) * sizeof(*items));
    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = read_one(list->as.array.items[i], addon_key, arena, &items[i], err);
    if (rc == MC_OK) {
        *out = items;
        *out_count = count;
    }
    return rc;
}
