/* SPDX-License-Identifier: Apache-2.0 */
/* The types of a manifest's keys, as one table per struct of the contract. */
#include "metacore/manifest/manifest_internal.h"

#include <stdio.h>
#include <string.h>

#define PATH_BYTES 160

typedef enum shape {
    STR,
    BOOLEAN,
    INT,
    NUMBER,
    ANY,
    OBJECT,      /* of the struct `of` */
    LIST,        /* of structs `of`; of texts when `of` is NULL */
    MAP,         /* of text to text */
    MAPS,        /* of text to MAP */
    MAP_OF_LISTS /* of text to LIST of `of` */
} shape;

typedef struct field {
    const char *key;
    shape shape;
    const struct field *of;
} field;

#define END                                                                                        \
    {                                                                                              \
        NULL, STR, NULL                                                                            \
    }

static const field anything[] = {END};
static const field option[] = {{"value", ANY, NULL}, {"label", STR, NULL}, END};
static const field module[] = {{"key", STR, NULL}, {"label", STR, NULL}, END};
static const field nav_item[] = {{"title", STR, NULL},
                                 {"url", STR, NULL},
                                 {"icon", STR, NULL},
                                 {"model", STR, NULL},
                                 {"permission", STR, NULL},
                                 {"items", LIST, nav_item},
                                 END};
static const field nav_group[] = {{"title", STR, NULL},
                                  {"icon", STR, NULL},
                                  {"target", STR, NULL},
                                  {"items", LIST, nav_item},
                                  END};
static const field setting[] = {{"key", STR, NULL},
                                {"label", STR, NULL},
                                {"type", STR, NULL},
                                {"default_value", ANY, NULL},
                                {"options", LIST, option},
                                {"secret", BOOLEAN, NULL},
                                END};
static const field field_def[] = {{"name", STR, NULL},    {"label", STR, NULL},
                                  {"type", STR, NULL},    {"required", BOOLEAN, NULL},
                                  {"default", ANY, NULL}, {"options", LIST, option},
                                  {"size", INT, NULL},    END};
static const field trigger[] = {
    {"type", STR, NULL}, {"export", STR, NULL}, {"run_in_tx", BOOLEAN, NULL}, END};
static const field action[] = {{"key", STR, NULL},
                               {"name", STR, NULL},
                               {"label", STR, NULL},
                               {"icon", STR, NULL},
                               {"fields", LIST, field_def},
                               {"requiresState", LIST, NULL},
                               {"confirm", BOOLEAN, NULL},
                               {"confirmMessage", STR, NULL},
                               {"modal", STR, NULL},
                               {"trigger", OBJECT, trigger},
                               END};
static const field input_param[] = {{"name", STR, NULL},
                                    {"type", STR, NULL},
                                    {"description", STR, NULL},
                                    {"required", BOOLEAN, NULL},
                                    {"example", STR, NULL},
                                    {"extraction_hint", STR, NULL},
                                    {"default_value", STR, NULL},
                                    {"validation", STR, NULL},
                                    {"normalize", STR, NULL},
                                    {"format_pattern", STR, NULL},
                                    END};
static const field tool[] = {{"id", STR, NULL},
                             {"name", STR, NULL},
                             {"description", STR, NULL},
                             {"category", STR, NULL},
                             {"input_schema", LIST, input_param},
                             {"trigger_keywords", LIST, NULL},
                             {"trigger_intents", LIST, NULL},
                             {"endpoint", STR, NULL},
                             {"method", STR, NULL},
                             {"auto_create_record", STR, NULL},
                             {"settings", OBJECT, anything},
                             {"timeout", INT, NULL},
                             {"cache_ttl", INT, NULL},
                             {"priority", INT, NULL},
                             END};
static const field validation[] = {
    {"regex", STR, NULL}, {"min", NUMBER, NULL}, {"max", NUMBER, NULL}, {"custom", STR, NULL}, END};
static const field column[] = {{"name", STR, NULL},
                               {"type", STR, NULL},
                               {"size", INT, NULL},
                               {"required", BOOLEAN, NULL},
                               {"index", BOOLEAN, NULL},
                               {"unique", BOOLEAN, NULL},
                               {"default", ANY, NULL},
                               {"ref", STR, NULL},
                               {"visibility", STR, NULL},
                               {"searchable", BOOLEAN, NULL},
                               {"validation", OBJECT, validation},
                               {"widget", STR, NULL},
                               END};
static const field relation[] = {{"name", STR, NULL},
                                 {"kind", STR, NULL},
                                 {"through", STR, NULL},
                                 {"foreign_key", STR, NULL},
                                 {"references", STR, NULL},
                                 {"pivot", STR, NULL},
                                 END};
static const field model[] = {{"table_name", STR, NULL},      {"model_key", STR, NULL},
                              {"label", STR, NULL},           {"org_scoped", BOOLEAN, NULL},
                              {"soft_delete", BOOLEAN, NULL}, {"columns", LIST, column},
                              {"relations", LIST, relation},  {"table", ANY, NULL},
                              {"modal", ANY, NULL},           END};
static const field extension[] = {
    {"model", STR, NULL}, {"columns", LIST, column}, {"actions", LIST, action}, END};
static const field target[] = {
    {"type", STR, NULL}, {"url", STR, NULL}, {"function", STR, NULL}, {"prompt", STR, NULL}, END};
static const field hook[] = {{"event", STR, NULL},
                             {"target", OBJECT, target},
                             {"priority", INT, NULL},
                             {"async", BOOLEAN, NULL},
                             END};
static const field frontend[] = {{"entry", STR, NULL},     {"format", STR, NULL},
                                 {"expose", STR, NULL},    {"integrity", STR, NULL},
                                 {"container", STR, NULL}, END};
static const field backend[] = {{"runtime", STR, NULL},
                                {"entry", STR, NULL},
                                {"url", STR, NULL},
                                {"exports", LIST, NULL},
                                {"memory_limit_mb", INT, NULL},
                                {"timeout_ms", INT, NULL},
                                END};
static const field capability[] = {
    {"kind", STR, NULL}, {"target", STR, NULL}, {"reason", STR, NULL}, END};
static const field permission[] = {
    {"model", STR, NULL}, {"scope", STR, NULL}, {"reason", STR, NULL}, END};
static const field signature[] = {
    {"developer_id", STR, NULL}, {"developer_name", STR, NULL}, {"verified", BOOLEAN, NULL},
    {"signed_at", STR, NULL},    {"algorithm", STR, NULL},      {"digest", STR, NULL},
    {"value", STR, NULL},        {"checksums", MAP, NULL},      END};
static const field notification[] = {
    {"key", STR, NULL},       {"lang", STR, NULL},          {"label", STR, NULL},
    {"title", STR, NULL},     {"message", STR, NULL},       {"html", STR, NULL},
    {"link", STR, NULL},      {"icon", STR, NULL},          {"type", STR, NULL},
    {"channels", LIST, NULL}, {"mandatory", BOOLEAN, NULL}, END};
static const field manifest[] = {{"key", STR, NULL},
                                 {"name", STR, NULL},
                                 {"description", STR, NULL},
                                 {"version", STR, NULL},
                                 {"category", STR, NULL},
                                 {"icon", STR, NULL},
                                 {"icon_type", STR, NULL},
                                 {"icon_slug", STR, NULL},
                                 {"icon_color", STR, NULL},
                                 {"kernel", STR, NULL},
                                 {"requires", LIST, module},
                                 {"models", LIST, module},
                                 {"tenant_isolation", STR, NULL},
                                 {"navigation", LIST, nav_group},
                                 {"extensions", LIST, extension},
                                 {"settings", LIST, setting},
                                 {"hooks", MAP, NULL},
                                 {"actions", MAP_OF_LISTS, action},
                                 {"tools", LIST, tool},
                                 {"model_definitions", LIST, model},
                                 {"events", LIST, NULL},
                                 {"notifications", LIST, notification},
                                 {"lifecycle_hooks", MAP_OF_LISTS, hook},
                                 {"i18n", MAPS, NULL},
                                 {"frontend", OBJECT, frontend},
                                 {"backend", OBJECT, backend},
                                 {"capabilities", LIST, capability},
                                 {"permissions", LIST, permission},
                                 {"signature", OBJECT, signature},
                                 {"author", STR, NULL},
                                 {"website", STR, NULL},
                                 {"license", STR, NULL},
                                 {"readme", STR, NULL},
                                 {"screenshots", LIST, NULL},
                                 {"features", LIST, NULL},
                                 {"price", STR, NULL},
                                 END};

/* ---- walking ---- */

typedef struct path {
    char text[PATH_BYTES];
    size_t len;
    mc_arena *arena;               /* of problems */
    mc_manifest_problem *problems; /* NULL: the first ends the walk */
    size_t count;
} path;

static mc_code check_value(const mc_json *value, const field *f, path *at, mc_err *err);

/* Appends to the path and returns its length before. */
static size_t enter(path *at, const char *fmt, mc_str key, size_t index)
{
    size_t before = at->len;
    int n = mc_str_is_empty(key)
                ? snprintf(at->text + at->len, sizeof(at->text) - at->len, "[%zu]", index)
                : snprintf(at->text + at->len, sizeof(at->text) - at->len, fmt, MC_FMT(key));

    if (n > 0)
        at->len =
            at->len + (size_t)n < sizeof(at->text) ? at->len + (size_t)n : sizeof(at->text) - 1;
    return before;
}

static void leave(path *at, size_t before)
{
    at->len = before;
    at->text[before] = '\0';
}

static mc_code add(path *at, bool is_unknown_key, mc_str message, mc_err *err)
{
    mc_str where = mc_str_copy(at->arena, mc_z(at->text));

    if (!message.ptr || !where.ptr)
        return mc_fail(err, MC_NO_MEMORY, "manifest");
    if (at->count < MC_MANIFEST_PROBLEMS_MAX)
        at->problems[at->count++] = (mc_manifest_problem){where, message, is_unknown_key};
    return MC_OK;
}

static mc_code wrong(const mc_json *value, path *at, const char *want, mc_err *err)
{
    if (at->problems)
        return add(at, false,
                   mc_str_printf(at->arena, "%s: want %s, got %s", at->text, want,
                                 mc_json_kind_name(value)),
                   err);
    return mc_fail(err, MC_INVALID, "%s: want %s, got %s", at->text, want,
                   mc_json_kind_name(value));
}

/* ---- keys that nobody knows ---- */

#define TYPED_MAX 40 /* bytes of a key that is compared with the known ones */

/* How many letters have to be added, dropped or replaced; of words up to TYPED_MAX bytes. */
static size_t distance(mc_str a, mc_str b)
{
    size_t row[TYPED_MAX + 1];

    for (size_t k = 0; k <= b.len; k++)
        row[k] = k;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t k = 1; k <= b.len; k++) {
            size_t replaced = diagonal + (a.ptr[i - 1] != b.ptr[k - 1]);
            size_t shorter = row[k] < row[k - 1] ? row[k] + 1 : row[k - 1] + 1;

            diagonal = row[k];
            row[k] = replaced < shorter ? replaced : shorter;
        }
    }
    return row[b.len];
}

static const char *nearest(mc_str key, const field *fields)
{
    const char *found = NULL;
    size_t best = 3; /* further away is another word */

    for (; fields->key && key.len <= TYPED_MAX; fields++) {
        size_t far = distance(key, mc_z(fields->key));

        if (far < best) {
            best = far;
            found = fields->key;
        }
    }
    return found;
}

static bool is_known(mc_str key, const field *fields)
{
    for (; fields->key; fields++) {
        if (mc_str_eq_nocase(key, mc_z(fields->key)))
            return true;
    }
    return false;
}

static mc_code note_unknown(const mc_json *object, const field *fields, path *at, mc_err *err)
{
    mc_code rc = MC_OK;

    if (!at->problems || !fields->key) /* nobody asks; or anything may stand here */
        return MC_OK;
    for (size_t i = 0; i < object->as.object.count && rc == MC_OK; i++) {
        mc_str key = object->as.object.members[i].key;
        const char *meant = nearest(key, fields);

        if (!is_known(key, fields))
            rc = add(at, true,
                     mc_str_printf(at->arena, "%s: the key \"%.*s\" is unknown and ignored%s%s%s",
                                   at->text, MC_FMT(key), meant ? "; did you mean \"" : "",
                                   meant ? meant : "", meant ? "\"?" : ""),
                     err);
    }
    return rc;
}

/* ---- the walk ---- */

static mc_code check_struct(const mc_json *value, const field *fields, path *at, mc_err *err)
{
    mc_code rc;

    if (value->kind != MC_JSON_OBJECT)
        return wrong(value, at, "an object", err);
    rc = note_unknown(value, fields, at, err);
    for (; fields->key && rc == MC_OK; fields++) {
        const mc_json *member = mc_json_find_nocase(value, mc_z(fields->key));
        size_t before = enter(at, ".%.*s", mc_z(fields->key), 0);

        if (member)
            rc = check_value(member, fields, at, err);
        leave(at, before);
    }
    return rc;
}

static mc_code check_list(const mc_json *value, const field *of, path *at, mc_err *err)
{
    mc_code rc = MC_OK;

    if (value->kind != MC_JSON_ARRAY)
        return wrong(value, at, "an array", err);
    for (size_t i = 0; i < value->as.array.count && rc == MC_OK; i++) {
        const mc_json *item = value->as.array.items[i];
        size_t before = enter(at, "", MC_STR(""), i);

        if (of)
            rc = item->kind == MC_JSON_NULL ? MC_OK : check_struct(item, of, at, err);
        else if (item->kind != MC_JSON_STRING && item->kind != MC_JSON_NULL)
            rc = wrong(item, at, "text", err);
        leave(at, before);
    }
    return rc;
}

static mc_code check_map(const mc_json *value, shape inner, const field *of, path *at, mc_err *err)
{
    const field element = {"", inner, of};
    mc_code rc = MC_OK;

    if (value->kind != MC_JSON_OBJECT)
        return wrong(value, at, "an object", err);
    for (size_t i = 0; i < value->as.object.count && rc == MC_OK; i++) {
        size_t before = enter(at, "[\"%.*s\"]", value->as.object.members[i].key, 0);

        rc = check_value(value->as.object.members[i].value, &element, at, err);
        leave(at, before);
    }
    return rc;
}

static mc_code check_value(const mc_json *value, const field *f, path *at, mc_err *err)
{
    int64_t whole;

    if (value->kind == MC_JSON_NULL)
        return MC_OK; /* the zero value */
    switch (f->shape) {
    case STR:
        return value->kind == MC_JSON_STRING ? MC_OK : wrong(value, at, "text", err);
    case BOOLEAN:
        return value->kind == MC_JSON_BOOL ? MC_OK : wrong(value, at, "true or false", err);
    case INT:
        return mc_json_get_i64(value, INT32_MIN, INT32_MAX, &whole)
                   ? MC_OK
                   : wrong(value, at, "a whole number", err);
    case NUMBER:
        return value->kind == MC_JSON_NUMBER ? MC_OK : wrong(value, at, "a number", err);
    case ANY:
        return MC_OK;
    case OBJECT:
        return check_struct(value, f->of, at, err);
    case LIST:
        return check_list(value, f->of, at, err);
    case MAP:
        return check_map(value, STR, NULL, at, err);
    case MAPS:
        return check_map(value, MAP, NULL, at, err);
    case MAP_OF_LISTS:
        return check_map(value, LIST, f->of, at, err);
    }
    return MC_OK;
}

mc_code mc__manifest_check_shape(const mc_json *root, mc_err *err)
{
    path at = {.text = "manifest", .len = 8};

    return check_struct(root, manifest, &at, err);
}

mc_code mc_manifest_check_shape(mc_str json, mc_arena *arena, mc_manifest_problem **out,
                                size_t *out_count, mc_err *err)
{
    path at = {.text = "manifest", .len = 8, .arena = arena};
    const mc_json *root;
    mc_code rc;

    if (json.len > MC_MANIFEST_BYTES_MAX)
        return mc_fail(err, MC_TOO_LARGE, "manifest: larger than 4 MiB");
    at.problems = mc_arena_array(arena, mc_manifest_problem, MC_MANIFEST_PROBLEMS_MAX);
    if (!at.problems)
        return mc_fail(err, MC_NO_MEMORY, "manifest");
    rc = mc_json_parse(arena, json, &(mc_json_options){.last_duplicate_wins = true}, &root, err);
    if (rc == MC_OK)
        rc = check_struct(root, manifest, &at, err);
    if (rc != MC_OK)
        return rc;
    *out = at.problems;
    *out_count = at.count;
    return MC_OK;
}
