/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an action's form promises, held by the server: its fields become the columns of a model that
 * has no table, under names of our own (f0, f1, …), and the payload is checked as a row's body is.
 */
#include "metacore/dynamic/dynamic_internal.h"
#include "metacore/strings/strings.h"

typedef struct form {
    mc_dynamic *self;
    mc_ctx *ctx;
    size_t count; /* of keys and columns */
    mc_str *keys; /* as clients call them */
    mc_column_def *columns;
    mc_json_member *values; /* of the payload, under our names */
    size_t value_count;
} form;

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find(object, mc_z(key)), &text); /* else empty */
    return text;
}

static bool is_true(const mc_json *object, const char *key)
{
    bool value = false;

    return mc_json_get_bool(mc_json_find(object, mc_z(key)), &value) && value;
}

/* ---- a field's type, as a column's ---- */

/* The kind that all options' values have, or MC_JSON_STRING. */
static mc_json_kind option_kind(const mc_json *field)
{
    const mc_json *list = mc_json_find(field, MC_STR("options"));
    mc_json_kind kind = MC_JSON_NULL;

    for (size_t i = 0; list && list->kind == MC_JSON_ARRAY && i < list->as.array.count; i++) {
        const mc_json *option = list->as.array.items[i];
        const mc_json *value =
            option->kind == MC_JSON_OBJECT ? mc_json_find(option, MC_STR("value")) : option;

        if (!value || (kind != MC_JSON_NULL && value->kind != kind))
            return MC_JSON_STRING;
        kind = value->kind;
    }
    return kind;
}

/* What people pick and type is text unless it is said otherwise; of a type that nobody knows here
 * any value will do. */
static mc_str type_of(const form *f, const mc_json *field)
{
    static const struct {
        const char *field, *column;
    } types[] = {
        {"number", "decimal"},
        {"decimal", "decimal"},
        {"currency", "decimal"},
        {"integer", "bigint"},
        {"int", "bigint"},
        {"boolean", "bool"},
        {"bool", "bool"},
        {"date", "date"},
        {"datetime", "timestamp"},
        {"timestamp", "timestamp"},
        {"timestamptz", "timestamp"},
        {"", "text"},
        {"text", "text"},
        {"string", "text"},
        {"textarea", "text"},
        {"email", "text"},
        {"url", "text"},
        {"select", "text"},
        {"search", "text"},
        {"dynamic_select", "text"},
        {"relation", "text"},
        {"image", "text"},
        {"color", "text"},
        {"icon", "text"},
        {"password", "text"},
        {"richtext", "text"},
        {"uuid", "uuid"},
    };
    mc_str type = text_of(field, "type"), ref = text_of(field, "ref"), column = MC_STR("json");
    mc_json_kind kind = option_kind(field);

    for (size_t i = 0; i < MC_LEN(types); i++) {
        if (mc_str_eq_nocase(type, mc_z(types[i].field)))
            column = mc_z(types[i].column);
    }
    if (is_true(field, "multiple"))
        return MC_STR("json");
    if (!mc_str_eq(column, MC_STR("text")))
        return column;
    if (ref.len && (mc_str_eq(ref, MC_STR("users")) || mc_models_find(f->self->config.models, ref)))
        return MC_STR("uuid");
    return kind == MC_JSON_NUMBER ? MC_STR("decimal")
           : kind == MC_JSON_BOOL ? MC_STR("bool")
                                  : column;
}

/* ---- the fields as a model's form ---- */

static const mc_json *text_value(mc_arena *arena, mc_str text)
{
    mc_json *value = mc_arena_object(arena, mc_json);

    if (value) {
        value->kind = MC_JSON_STRING;
        value->as.string = text;
    }
    return value;
}

static mc_str label_of(const form *f, const mc_json *field, mc_str key)
{
    mc_str label = text_of(field, "label");

    /* A key of a catalog is no word for people. */
    if (label.len && mc_str_find_char(label, 0, '.') == label.len)
        return label;
    return mc_strings_label(f->ctx->arena, key, &label, NULL) == MC_OK ? label : key;
}

/* field under our name, with what its type promises among its rules; NULL when memory is gone. */
static const mc_json *renamed(const form *f, const mc_json *field, mc_str name, mc_str key)
{
    mc_arena *arena = f->ctx->arena;
    mc_json *copy = mc_arena_object(arena, mc_json);
    mc_json_member *members = mc_arena_array(arena, mc_json_member, field->as.object.count + 3);
    mc_str type = text_of(field, "type");
    size_t count = 0;

    if (!copy || !members)
        return NULL;
    members[count++] = (mc_json_member){MC_STR("key"), text_value(arena, name)};
    members[count++] =
        (mc_json_member){MC_STR("label"), text_value(arena, label_of(f, field, key))};
    if (!mc_json_find(field, MC_STR("validation")) &&
        (mc_str_eq(type, MC_STR("email")) || mc_str_eq(type, MC_STR("url"))))
        members[count++] = (mc_json_member){MC_STR("validation"), text_value(arena, type)};
    for (size_t i = 0; i < field->as.object.count; i++) {
        mc_json_member member = field->as.object.members[i];

        if (mc_str_eq(member.key, MC_STR("key")) || mc_str_eq(member.key, MC_STR("label")) ||
            /* a form leaves out what its own rule hides */
            (mc_str_eq(member.key, MC_STR("required")) && f->values[f->value_count].value == NULL &&
             mc_json_find(field, MC_STR("visible_when"))))
            continue;
        members[count++] = member;
    }
    for (size_t i = 0; i < count; i++) {
        if (!members[i].value)
            return NULL;
    }
    copy->kind = MC_JSON_OBJECT;
    copy->as.object.members = members;
    copy->as.object.count = count;
    return copy;
}

static mc_code add_field(form *f, const mc_json *field, const mc_json *payload, const mc_json **out,
                         mc_err *err)
{
    mc_str key = text_of(field, mc_json_find(field, MC_STR("key")) ? "key" : "name");
    mc_str name = mc_str_printf(f->ctx->arena, "f%zu", f->count);
    int64_t size = 0;

    if (key.len == 0 || field->kind != MC_JSON_OBJECT)
        return MC_OK; /* nobody can fill it */
    f->values[f->value_count] = (mc_json_member){name, mc_json_find(payload, key)};
    *out = renamed(f, field, name, key);
    if (!name.ptr || !*out)
        return mc_fail(err, MC_NO_MEMORY, "action");
    (void)mc_json_get_i64(mc_json_find(field, MC_STR("size")), 0, INT32_MAX, &size); /* else none */
    f->columns[f->count] = (mc_column_def){.name = name,
                                           .type = type_of(f, field),
                                           .ref = text_of(field, "ref"),
                                           .size = (uint32_t)size};
    if (size > 0 && mc_str_eq(f->columns[f->count].type, MC_STR("text")))
        f->columns[f->count].type = MC_STR("string");
    f->keys[f->count++] = key;
    f->value_count += f->values[f->value_count].value != NULL;
    return MC_OK;
}

static mc_code build_model(form *f, const mc_json *const *fields, mc_model **out, mc_err *err)
{
    mc_json list = {.kind = MC_JSON_ARRAY, .as.array = {fields, f->count}};
    mc_json_member member = {MC_STR("fields"), &list};
    mc_json meta = {.kind = MC_JSON_OBJECT, .as.object = {&member, 1}};
    mc_model_def def = {.key = MC_STR("action"),
                        .table = MC_STR("action"),
                        .columns = f->columns,
                        .column_count = f->count,
                        .modal_meta = &meta};

    return mc_model_new(&def, f->self->dialect, out, err);
}

/* ---- checking ---- */

/* Back to the names that the client knows; a message may begin with ours. */
static void restore_names(form *f, size_t from)
{
    for (size_t i = from; i < f->ctx->field_error_count; i++) {
        mc_field_error *error = &f->ctx->field_errors[i];
        mc_str ours = error->field, rest;
        uint32_t at;

        if (!mc_str_u32(mc_str_slice(ours, 1, ours.len), 0, (uint32_t)f->count - 1, &at))
            continue;
        error->field = f->keys[at];
        rest = mc_str_slice(error->message, ours.len, error->message.len);
        if (mc_str_starts_with(error->message, ours) && mc_str_starts_with(rest, MC_STR(":")))
            error->message =
                mc_str_printf(f->ctx->arena, "%.*s%.*s", MC_FMT(f->keys[at]), MC_FMT(rest));
    }
}

static mc_code check(form *f, const mc_model *model, mc_err *err)
{
    mc_json payload = {.kind = MC_JSON_OBJECT, .as.object = {f->values, f->value_count}};
    size_t before = f->ctx->field_error_count;
    mc_dynamic_write *write;
    mc_code rc = mc_dynamic_prepare(f->self, f->ctx, model, &payload, true, &write, err);

    if (rc == MC_OK)
        rc = mc__dynamic_check_refs(f->self, f->ctx, write, err);
    restore_names(f, before);
    /* The payload is an object, as the contract wants it; what stands in it broke the form. */
    return rc == MC_INVALID ? mc__dynamic_field_failure(f->ctx, MC_REJECTED, err) : rc;
}

mc_code mc__action_check_form(mc_dynamic *self, mc_ctx *ctx, const mc_json *fields,
                              const mc_json *payload, mc_err *err)
{
    size_t count = fields && fields->kind == MC_JSON_ARRAY ? fields->as.array.count : 0;
    const mc_json **renamed_fields = mc_arena_array(ctx->arena, const mc_json *, count);
    form f = {.self = self, .ctx = ctx};
    mc_model *model = NULL;
    mc_code rc = MC_OK;

    if (count == 0)
        return MC_OK;
    f.keys = mc_arena_array(ctx->arena, mc_str, count);
    f.columns = mc_arena_array(ctx->arena, mc_column_def, count);
    f.values = mc_arena_array(ctx->arena, mc_json_member, count);
    if (!renamed_fields || !f.keys || !f.columns || !f.values)
        return mc_fail(err, MC_NO_MEMORY, "action");
    for (size_t i = 0; i < count && rc == MC_OK; i++)
        rc = add_field(&f, fields->as.array.items[i], payload, &renamed_fields[f.count], err);
    if (rc == MC_OK)
        rc = build_model(&f, renamed_fields, &model, err);
    if (rc != MC_OK)
        return rc;
    rc = check(&f, model, err);
    mc_model_free(model);
    return rc;
}
