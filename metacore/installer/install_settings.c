/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of an installation: held against their definitions, secrets sealed where they are kept
 * and masked where they are shown. */
#include "metacore/installer/installer_internal.h"

#include "metacore/base/secret.h"

#define SETTING_BYTES_MAX ((size_t)16 << 10)

typedef struct setting {
    mc_str key, type;
    const mc_json *fallback; /* NULL: none */
    const mc_json *options;  /* an array, or NULL */
    bool is_secret;
} setting;

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find_nocase(object, mc_z(key)), &text); /* else empty */
    return text;
}

static setting setting_of(const mc_json *def)
{
    const mc_json *fallback = mc_json_find_nocase(def, MC_STR("default_value"));
    const mc_json *options = mc_json_find_nocase(def, MC_STR("options"));
    setting s = {.key = text_of(def, "key"), .type = text_of(def, "type")};

    s.fallback = fallback && fallback->kind != MC_JSON_NULL ? fallback : NULL;
    s.options =
        options && options->kind == MC_JSON_ARRAY && options->as.array.count ? options : NULL;
    (void)mc_json_get_bool(mc_json_find_nocase(def, MC_STR("secret")), &s.is_secret); /* else not */
    s.is_secret |=
        mc_str_eq_nocase(s.type, MC_STR("secret")) || mc_str_eq_nocase(s.type, MC_STR("password"));
    return s;
}

/* ---- what a value may be ---- */

typedef enum shape { ANY_TEXT, ANY_NUMBER, WHOLE_NUMBER, YES_NO, ANY_JSON } shape;

static shape shape_of(mc_str type)
{
    static const struct {
        const char *type;
        shape shape;
    } shapes[] = {
        {"number", ANY_NUMBER},    {"float", ANY_NUMBER}, {"decimal", ANY_NUMBER},
        {"integer", WHOLE_NUMBER}, {"int", WHOLE_NUMBER}, {"bigint", WHOLE_NUMBER},
        {"boolean", YES_NO},       {"bool", YES_NO},      {"switch", YES_NO},
        {"json", ANY_JSON},        {"jsonb", ANY_JSON},   {"object", ANY_JSON},
        {"array", ANY_JSON},
    };

    for (size_t i = 0; i < MC_LEN(shapes); i++) {
        if (mc_str_eq_nocase(type, mc_z(shapes[i].type)))
            return shapes[i].shape;
    }
    return ANY_TEXT;
}

static bool has_shape(shape wanted, const mc_json *value)
{
    int64_t whole;

    switch (wanted) {
    case ANY_NUMBER:
        return value->kind == MC_JSON_NUMBER;
    case WHOLE_NUMBER:
        return mc_json_get_i64(value, INT64_MIN, INT64_MAX, &whole);
    case YES_NO:
        return value->kind == MC_JSON_BOOL;
    case ANY_JSON:
        return !mc_json_find(value, MC_STR(MC__SEALED)); /* that word is ours */
    default:
        return value->kind == MC_JSON_STRING;
    }
}

static const char *shape_name(shape wanted)
{
    static const char *const names[] = {"a text", "a number", "a whole number", "true or false",
                                        "JSON"};

    return names[wanted];
}

/* An option's value is text in the manifest; a number is compared as it is written. */
static bool is_option(const setting *s, const mc_json *value)
{
    for (size_t i = 0; i < s->options->as.array.count; i++) {
        mc_str option = text_of(s->options->as.array.items[i], "value");

        if ((value->kind == MC_JSON_STRING && mc_str_eq(value->as.string, option)) ||
            (value->kind == MC_JSON_NUMBER && mc_str_eq(value->as.number, option)) ||
            (value->kind == MC_JSON_BOOL &&
             mc_str_eq(option, value->as.boolean ? MC_STR("true") : MC_STR("false"))))
            return true;
    }
    return false;
}

static size_t size_of(const mc_json *value, mc_arena *arena)
{
    mc_buf text;

    mc_buf_init_arena(&text, arena, 0);
    mc_json_write(&text, value);
    return mc_buf_failed(&text) ? SIZE_MAX : text.len;
}

static void check_value(const mc_installer *self, mc_ctx *ctx, const setting *s,
                        const mc_json *value)
{
    shape wanted = shape_of(s->type);

    if (!has_shape(wanted, value))
        mc_ctx_field_error(ctx, s->key, MC_STR("invalid_type"), MC_STR(""), "%.*s must be %s",
                           MC_FMT(s->key), shape_name(wanted));
    else if (size_of(value, ctx->arena) > SETTING_BYTES_MAX)
        mc_ctx_field_error(ctx, s->key, MC_STR("max"), MC_STR(""), "%.*s is too long",
                           MC_FMT(s->key));
    else if (s->options && !is_option(s, value))
        mc_ctx_field_error(ctx, s->key, MC_STR("invalid_option"), MC_STR(""),
                           "%.*s must be one of its options", MC_FMT(s->key));
    else if (s->is_secret && !self->config.box)
        mc_ctx_field_error(ctx, s->key, MC_STR("no_master_key"), MC_STR(""),
                           "%.*s is a secret and cannot be kept: METACORE_MASTER_KEY is not set",
                           MC_FMT(s->key));
}

/* ---- how it is kept ---- */

static bool is_sealed(const mc_json *value)
{
    mc_str ignored;

    return value && value->kind == MC_JSON_OBJECT && value->as.object.count == 1 &&
           mc_json_get_str(mc_json_find(value, MC_STR(MC__SEALED)), &ignored);
}

static mc_code write_sealed(const mc_installer *self, mc_arena *arena, const mc_json *value,
                            mc_buf *out, mc_err *err)
{
    mc_buf plain, sealed;
    mc_code rc;

    mc_buf_init_arena(&plain, arena, 0);
    mc_buf_init_arena(&sealed, arena, 0);
    mc_json_write(&plain, value);
    rc = mc_buf_check(&plain, "settings", err);
    if (rc == MC_OK)
        rc = mc_secretbox_seal(self->config.box, mc_buf_get(&plain), &sealed, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_lit(out, "{\"" MC__SEALED "\":");
    mc_json_write_str(out, mc_buf_get(&sealed));
    mc_buf_char(out, '}');
    return MC_OK;
}

static void write_key(mc_buf *out, mc_str key)
{
    if (out->len > 1)
        mc_buf_char(out, ',');
    mc_json_write_str(out, key);
    mc_buf_char(out, ':');
}

/* A secret that cannot be sealed is not kept at all: plain text is no place for it. */
static mc_code write_kept(const mc_installer *self, mc_ctx *ctx, const setting *s,
                          const mc_json *value, mc_buf *out, mc_err *err)
{
    if (!s->is_secret || is_sealed(value)) {
        write_key(out, s->key);
        mc_json_write(out, value);
        return MC_OK;
    }
    if (!self->config.box)
        return MC_OK;
    write_key(out, s->key);
    return write_sealed(self, ctx->arena, value, out, err);
}

static size_t count_of(const mc_json *list)
{
    return list && list->kind == MC_JSON_ARRAY ? list->as.array.count : 0;
}

/* The first of that key; or count_of(defs). */
static size_t find_def(const mc_json *defs, mc_str key, setting *out)
{
    size_t i = 0;

    for (; i < count_of(defs); i++) {
        *out = setting_of(defs->as.array.items[i]);
        if (mc_str_eq(out->key, key))
            break;
    }
    return i;
}

static bool is_declared(const mc_json *defs, mc_str key, setting *out)
{
    return find_def(defs, key, out) < count_of(defs);
}

/* Of every declared setting the changed value, else the kept one, else the default; then what is
 * kept and not declared any more, for the version that may declare it again. */
static mc_code write_all(const mc_installer *self, mc_ctx *ctx, const mc_json *defs,
                         const mc_json *kept, const mc_json *changes, mc_str *out_text, mc_err *err)
{
    mc_code rc = MC_OK;
    setting s;
    mc_buf out;

    mc_buf_init_arena(&out, ctx->arena, 0);
    mc_buf_char(&out, '{');
    for (size_t i = 0; i < count_of(defs) && rc == MC_OK; i++) {
        const mc_json *value, *change;
        mc_str mask;

        s = setting_of(defs->as.array.items[i]);
        value = mc_json_find(kept, s.key);
        change = mc_json_find(changes, s.key);
        if (change && change->kind == MC_JSON_NULL)
            value = NULL;
        else if (change && !(s.is_secret && mc_json_get_str(change, &mask) &&
                             mc_str_eq(mask, MC_STR(MC__MASK))))
            value = change;
        if (!value)
            value = s.fallback;
        if (value && s.key.len && find_def(defs, s.key, &s) == i)
            rc = write_kept(self, ctx, &s, value, &out, err);
    }
    for (size_t i = 0; kept && i < kept->as.object.count && rc == MC_OK; i++) {
        const mc_json_member *member = &kept->as.object.members[i];

        if (is_declared(defs, member->key, &s))
            continue;
        write_key(&out, member->key);
        mc_json_write(&out, member->value);
    }
    mc_buf_char(&out, '}');
    if (rc == MC_OK)
        rc = mc_buf_check(&out, "settings", err);
    if (rc == MC_OK)
        *out_text = mc_buf_get(&out);
    return rc;
}

static mc_code parse_kept(mc_ctx *ctx, mc_str kept, const mc_json **out, mc_err *err)
{
    mc_code rc = mc_json_parse(ctx->arena, kept.len ? kept : MC_STR("{}"), NULL, out, err);

    if (rc == MC_OK && (*out)->kind != MC_JSON_OBJECT)
        rc = mc_fail(err, MC_INTERNAL, "settings of an installation are no object");
    return rc;
}

mc_code mc__settings_merge(const mc_installer *self, mc_ctx *ctx, const mc_manifest *manifest,
                           mc_str kept, mc_str *out, mc_err *err)
{
    const mc_json *object;
    mc_code rc = parse_kept(ctx, kept, &object, err);

    return rc == MC_OK ? write_all(self, ctx, manifest->settings, object, NULL, out, err) : rc;
}

/* ---- changing ---- */

static void check_changes(const mc_installer *self, mc_ctx *ctx, const mc_json *defs,
                          const mc_json *changes)
{
    for (size_t i = 0; i < changes->as.object.count; i++) {
        const mc_json_member *member = &changes->as.object.members[i];
        mc_str mask;
        setting s;

        if (!is_declared(defs, member->key, &s))
            mc_ctx_field_error(ctx, member->key, MC_STR("unknown"), MC_STR(""),
                               "the addon has no setting %.*s", MC_FMT(member->key));
        else if (member->value->kind != MC_JSON_NULL &&
                 !(s.is_secret && mc_json_get_str(member->value, &mask) &&
                   mc_str_eq(mask, MC_STR(MC__MASK))))
            check_value(self, ctx, &s, member->value);
    }
}

static mc_code store(mc_ctx *ctx, mc_installation *row, mc_str settings, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(row->id), mc_db_text(settings), mc_db_time(ctx->now)};

    args[1].kind = MC_DB_JSON;
    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE metacore_installations SET settings = $2, updated_at = $3 "
                             "WHERE id = $1"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code change(mc_installer *self, mc_ctx *ctx, const mc_manifest *manifest,
                      const mc_json *changes, mc_installation *row, mc_err *err)
{
    const mc_json *kept;
    mc_str settings;
    mc_code rc = parse_kept(ctx, row->settings, &kept, err);

    if (rc != MC_OK)
        return rc;
    check_changes(self, ctx, manifest->settings, changes);
    if (ctx->field_error_count > 0)
        return mc_fail(err, MC_REJECTED, "invalid settings");
    rc = write_all(self, ctx, manifest->settings, kept, changes, &settings, err);
    mc__step(self, "settings");
    if (rc == MC_OK)
        rc = store(ctx, row, settings, err);
    mc__step(self, "told");
    if (rc == MC_OK)
        row->settings = settings;
    return rc;
}

mc_code mc_installer_set_settings(mc_installer *self, mc_ctx *ctx, mc_str addon_key, mc_uuid org_id,
                                  const mc_json *changes, mc_installation *out, mc_err *err)
{
    mc_manifest *manifest = NULL;
    mc_installation row;
    mc_str text, digest;
    mc_code rc = mc_installer_find(self, ctx, addon_key, org_id, &row, err);

    if (rc == MC_OK)
        rc = mc_installer_load_manifest(self, ctx, addon_key, &text, &digest, err);
    if (rc == MC_OK)
        rc = mc_manifest_parse(text, &manifest, err);
    if (rc == MC_OK)
        rc = change(self, ctx, manifest, changes, &row, err);
    mc_manifest_free(manifest);
    if (rc == MC_OK)
        *out = row;
    return rc;
}

/* ---- showing ---- */

void mc_installation_write_settings(mc_buf *out, const mc_installation *installation)
{
    mc_arena *arena = mc_arena_new(0);
    const mc_json *kept = NULL;
    mc_err ignored;

    mc_buf_char(out, '{');
    /* What cannot be read is not shown: it might be a secret. */
    if (arena && installation->settings.len &&
        mc_json_parse(arena, installation->settings, NULL, &kept, &ignored) == MC_OK &&
        kept->kind == MC_JSON_OBJECT) {
        for (size_t i = 0; i < kept->as.object.count; i++) {
            const mc_json_member *member = &kept->as.object.members[i];

            if (i > 0)
                mc_buf_char(out, ',');
            mc_json_write_str(out, member->key);
            mc_buf_char(out, ':');
            if (is_sealed(member->value))
                mc_buf_lit(out, "\"" MC__MASK "\"");
            else
                mc_json_write(out, member->value);
        }
    }
    mc_buf_char(out, '}');
    mc_arena_free(arena);
}

mc_code mc_installer_open_settings(mc_installer *self, mc_ctx *ctx,
                                   const mc_installation *installation, mc_str *out, mc_err *err)
{
    const mc_json *kept;
    mc_buf text;
    mc_code rc = parse_kept(ctx, installation->settings, &kept, err);

    mc_buf_init_arena(&text, ctx->arena, 0);
    mc_buf_char(&text, '{');
    for (size_t i = 0; rc == MC_OK && i < kept->as.object.count; i++) {
        const mc_json_member *member = &kept->as.object.members[i];
        mc_str sealed = text_of(member->value, MC__SEALED), plain;

        if (is_sealed(member->value) && !self->config.box)
            continue; /* kept under a key that is not here any more */
        write_key(&text, member->key);
        if (!is_sealed(member->value)) {
            mc_json_write(&text, member->value);
            continue;
        }
        rc = mc_secretbox_open(self->config.box, ctx->arena, sealed, &plain, err);
        if (rc == MC_OK)
            mc_buf_str(&text, plain); /* JSON, as it was sealed */
    }
    mc_buf_char(&text, '}');
    if (rc == MC_OK)
        rc = mc_buf_check(&text, "settings", err);
    if (rc == MC_OK)
        *out = mc_buf_get(&text);
    return rc;
}
