/* SPDX-License-Identifier: Apache-2.0 */
/* The contract's rules, in its order and words. Each broken one is given to a sink, which goes on
 * or stops: the same code finds the first and all of them. */
#include "metacore/manifest/manifest_internal.h"

#include "metacore/base/decimal.h"
#include "metacore/i18n/i18n.h"
#include "metacore/manifest/semver.h"

#include <stdarg.h>
#include <stdio.h>

#define MESSAGE_BYTES 1024

typedef struct checker {
    const mc_manifest *m;
    mc_arena *scratch;
    bool wants_all;
    bool is_over; /* the first was found, and one was wanted */
    mc_manifest_problem *problems;
    size_t count;
    char path[160]; /* of what is looked at */
} checker;

/* Reports "<path><sep><message>". */
static void broken(checker *c, const char *sep, const char *fmt, ...) MC_PRINTF(3, 4);

static void broken(checker *c, const char *sep, const char *fmt, ...)
{
    char text[MESSAGE_BYTES];
    va_list args;
    int len;

    if (c->is_over || c->count == MC_MANIFEST_PROBLEMS_MAX)
        return;
    va_start(args, fmt);
    len = vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    len = len < 0 ? 0 : len < (int)sizeof(text) ? len : (int)sizeof(text) - 1;
    c->problems[c->count++] = (mc_manifest_problem){
        .path = mc_str_copy(c->scratch, mc_z(c->path)),
        .message = mc_str_printf(c->scratch, "%s%s%.*s", c->path, sep, len, text),
    };
    c->is_over = !c->wants_all;
}

static void at(checker *c, const char *fmt, ...) MC_PRINTF(2, 3);

static void at(checker *c, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(c->path, sizeof(c->path), fmt, args); /* a cut path still says where */
    va_end(args);
}

/* ---- grammars ---- */

static bool is_lower(char ch)
{
    return ch >= 'a' && ch <= 'z';
}

static bool is_word(char ch)
{
    return is_lower(ch) || (ch >= '0' && ch <= '9') || ch == '_';
}

/* ^[a-z][a-z0-9_]{min,max}$ */
static bool is_name(mc_str s, size_t min, size_t max)
{
    if (s.len < 1 + min || s.len > 1 + max || !is_lower(s.ptr[0]))
        return false;
    for (size_t i = 1; i < s.len; i++) {
        if (!is_word(s.ptr[i]))
            return false;
    }
    return true;
}

static bool is_key(mc_str s)
{
    return is_name(s, 1, 63);
}

static bool is_model(mc_str s)
{
    return is_name(s, 0, 63);
}

static bool is_column(mc_str s)
{
    return is_name(s, 0, 62);
}

static bool is_export(mc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char ch = s.ptr[i];

        if (!is_word(ch) && !(ch >= 'A' && ch <= 'Z'))
            return false;
    }
    return s.len >= 1 && s.len <= 128 && !(s.ptr[0] >= '0' && s.ptr[0] <= '9');
}

/* email.basic, or $org.tax_id_validator */
static bool is_custom(mc_str s)
{
    size_t parts = 0;
    mc_str part;

    if (mc_str_starts_with(s, MC_STR("$org.")))
        return is_name(mc_str_slice(s, 5, s.len), 0, SIZE_MAX - 1);
    if (s.len && s.ptr[s.len - 1] == '.')
        return false;
    while (mc_str_split(&s, '.', &part)) {
        if (!is_name(part, 0, SIZE_MAX - 1))
            return false;
        parts++;
    }
    return parts >= 2;
}

static bool is_one_of(mc_str s, const char *list)
{
    mc_str rest = mc_z(list), item;

    while (mc_str_split(&rest, '|', &item)) {
        if (mc_str_eq(s, item))
            return true;
    }
    return false;
}

static const char *quoted(checker *c, mc_str s)
{
    return mc__quoted(c->scratch, s);
}

/* %g, unless two different numbers would look the same. */
static const char *limit(checker *c, mc_str own, mc_str other)
{
    const mc_json a = {.kind = MC_JSON_NUMBER, .as.number = own};
    const mc_json b = {.kind = MC_JSON_NUMBER, .as.number = other};
    const char *text = mc__printed(c->scratch, &a);

    if (mc_str_eq(mc_z(text), mc_z(mc__printed(c->scratch, &b)))) {
        text = mc_str_z(c->scratch, own);
        return text ? text : "";
    }
    return text;
}

/* ---- rules 1 to 3: the addon itself ---- */

static void check_identity(checker *c, mc_str kernel_version)
{
    mc_semver version, host;
    bool is_satisfied;
    mc_err why;

    at(c, "manifest");
    if (!is_key(c->m->key))
        broken(c, ": ", "invalid key %s", quoted(c, c->m->key));
    if (mc_str_trim(c->m->name).len == 0)
        broken(c, ": ", "name required");
    if (mc_semver_parse(c->m->version, &version, &why) != MC_OK)
        broken(c, ": ", "version %s is not semver: %s", quoted(c, c->m->version), why.msg);
    if (c->m->kernel.len == 0 || c->is_over)
        return;
    at(c, "manifest.kernel");
    host = (mc_semver){0};
    if (mc_semver_satisfies(&host, c->m->kernel, &is_satisfied, &why) != MC_OK) {
        broken(c, ": ", "invalid range %s: %s", quoted(c, c->m->kernel), why.msg);
    } else if (mc_semver_parse(kernel_version, &host, &why) != MC_OK) {
        c->path[0] = '\0';
        broken(c, "", "kernel version %s is not semver: %s", quoted(c, kernel_version), why.msg);
    } else if (mc_semver_satisfies(&host, c->m->kernel, &is_satisfied, &why) == MC_OK &&
               !is_satisfied) {
        broken(c, ": ", "host %.*s does not satisfy %.*s", MC_FMT(kernel_version),
               MC_FMT(c->m->kernel));
    }
}

/* ---- rules 4 to 9: models ---- */

/* Exactly, where both are decimals of a size that columns can hold. */
static bool is_greater(checker *c, mc_str a, mc_str b)
{
    mc_str low, high;
    double x, y;

    if (mc_decimal_parse(c->scratch, a, 0, 0, &low) == MC_DECIMAL_OK &&
        mc_decimal_parse(c->scratch, b, 0, 0, &high) == MC_DECIMAL_OK)
        return mc_decimal_cmp(low, high) > 0;
    return mc_json_get_double(&(mc_json){.kind = MC_JSON_NUMBER, .as.number = a}, &x) &&
           mc_json_get_double(&(mc_json){.kind = MC_JSON_NUMBER, .as.number = b}, &y) && x > y;
}

static void check_validation(checker *c, const mc_json *rule)
{
    mc_str regex = mc__get_str(rule, "regex"), custom = mc__get_str(rule, "custom");
    const mc_json *min = mc__get(rule, "min"), *max = mc__get(rule, "max");
    char why[MC__REGEX_WHY_BYTES] = "";

    if (!rule)
        return;
    if (regex.len && !mc__regex_compiles(regex, why))
        broken(c, ": validation: ", "regex %s does not compile: %s", quoted(c, regex), why);
    if (min && max && is_greater(c, min->as.number, max->as.number))
        broken(c, ": validation: ", "min %s greater than max %s",
               limit(c, min->as.number, max->as.number), limit(c, max->as.number, min->as.number));
    if (custom.len && !is_custom(custom))
        broken(c, ": validation: ",
               "custom %s must be a dotted identifier (e.g. \"email.basic\") or an org reference "
               "(e.g. \"$org.tax_id_validator\")",
               quoted(c, custom));
}

static void check_column(checker *c, size_t i, size_t j, const mc_json *column)
{
    static const char widgets[] =
        "text|textarea|select|multi_select|search|number|date|datetime|email|url|boolean|image|"
        "file|richtext|json|relation|password|slider|rating";
    mc_str name = mc__get_str(column, "name"), visibility = mc__get_str(column, "visibility");
    mc_str widget = mc__get_str(column, "widget"), literal;
    const mc_json *fallback = mc__get(column, "default");

    at(c, "manifest.model_definitions[%zu].columns[%zu]", i, j);
    if (!is_column(name))
        broken(c, ": ", "invalid name %s", quoted(c, name));
    if (!mc_manifest_default(c->scratch, fallback, &literal))
        broken(c, ".default: ",
               "%s not allowed (use numeric, 'quoted' literal, now(), gen_random_uuid(), true, "
               "false, null)",
               mc__printed(c->scratch, fallback));
    if (visibility.len && !is_one_of(visibility, "table|modal|list|all"))
        broken(c, ": ", "visibility %s not allowed (want table|modal|list|all)",
               quoted(c, visibility));
    if (widget.len && !is_one_of(widget, widgets))
        broken(c, ": ", "widget %s not allowed", quoted(c, widget));
    check_validation(c, mc__get(column, "validation"));
}

static size_t find_name(const mc_json *list, size_t before, mc_str name)
{
    for (size_t i = 0; i < before; i++) {
        if (mc_str_eq(mc__get_str(mc__at(list, i), "name"), name))
            return i;
    }
    return before;
}

static void check_relation(checker *c, size_t i, const mc_json *relations, size_t k)
{
    const mc_json *r = mc__at(relations, k);
    mc_str name = mc__get_str(r, "name"), kind = mc__get_str(r, "kind");
    mc_str through = mc__get_str(r, "through"), key = mc__get_str(r, "foreign_key");
    mc_str references = mc__get_str(r, "references"), pivot = mc__get_str(r, "pivot");
    size_t twin = find_name(relations, k, name);

    at(c, "manifest.model_definitions[%zu].relations[%zu]", i, k);
    if (!is_column(name))
        broken(c, ": ", "invalid name %s", quoted(c, name));
    if (twin < k)
        broken(c, ": ", "duplicate name %s (also at relations[%zu])", quoted(c, name), twin);
    if (!is_one_of(kind, "one_to_many|many_to_many|belongs_to"))
        broken(c, ": ", "unknown kind %s (want one_to_many|many_to_many)", quoted(c, kind));
    if (!is_model(through))
        broken(c, ": ", "invalid through %s", quoted(c, through));
    if (!is_column(key))
        broken(c, ": ", "invalid foreign_key %s", quoted(c, key));
    if (references.len && !is_column(references))
        broken(c, ": ", "invalid references %s", quoted(c, references));
    if (mc_str_eq(kind, MC_STR("many_to_many"))) {
        if (!is_model(pivot))
            broken(c, ": ", "many_to_many requires a valid pivot, got %s", quoted(c, pivot));
    } else if (pivot.len) {
        broken(c, ": ", "pivot %s not allowed for %.*s", quoted(c, pivot), MC_FMT(kind));
    }
}

static void check_models(checker *c)
{
    const mc_json *models = mc__get(c->m->root, "model_definitions");

    for (size_t i = 0; i < mc__count(models) && !c->is_over; i++) {
        const mc_json *model = mc__at(models, i);
        const mc_json *columns = mc__get(model, "columns"),
                      *relations = mc__get(model, "relations");

        at(c, "manifest.model_definitions[%zu]", i);
        if (!is_model(mc__get_str(model, "table_name")))
            broken(c, ": ", "invalid table_name %s", quoted(c, mc__get_str(model, "table_name")));
        if (mc__get_str(model, "model_key").len == 0)
            broken(c, ": ", "model_key required");
        if (mc__count(columns) == 0)
            broken(c, ": ", "columns required");
        for (size_t j = 0; j < mc__count(columns) && !c->is_over; j++)
            check_column(c, i, j, mc__at(columns, j));
        for (size_t k = 0; k < mc__count(relations) && !c->is_over; k++)
            check_relation(c, i, relations, k);
    }
}

/* ---- rules 10 to 12: capabilities ---- */

static bool is_too_broad(mc_str target)
{
    if (mc_str_eq(target, MC_STR("*")) || mc_str_eq(target, MC_STR("*.*")))
        return true;
    return mc_str_starts_with(target, MC_STR("*.")) &&
           mc_str_find_char(target, 2, '.') == target.len;
}

static void check_capabilities(checker *c)
{
    const mc_json *list = mc__get(c->m->root, "capabilities");

    for (size_t i = 0; i < mc__count(list) && !c->is_over; i++) {
        mc_str kind = mc__get_str(mc__at(list, i), "kind");
        mc_str target = mc__get_str(mc__at(list, i), "target");
        bool is_db = mc_str_eq(kind, MC_STR("db:read")) || mc_str_eq(kind, MC_STR("db:write"));

        at(c, "manifest.capabilities[%zu]", i);
        if (mc_str_find_char(kind, 0, ':') == kind.len)
            broken(c, ": ", "kind must be namespaced (e.g. db:read)");
        if (target.len == 0)
            broken(c, ": ", "target required");
        if (mc_str_eq(kind, MC_STR("http:fetch")) && is_too_broad(target))
            broken(c, ".target: ",
                   "%s is too broad for http:fetch (require a concrete TLD like api.example.com or "
                   "*.example.com)",
                   quoted(c, target));
        if (is_db && mc_str_eq(target, MC_STR("*")))
            broken(c,
                   ".target: ", "wildcard %s not allowed for %.*s — declare explicit model names",
                   quoted(c, target), MC_FMT(kind));
    }
}

/* ---- rules 13 to 18: backend, triggers, frontend ---- */

static bool is_exported(const checker *c, mc_str name)
{
    const mc_json *exports = mc__get(mc__get(c->m->root, "backend"), "exports");
    mc_str own;

    for (size_t i = 0; i < mc__count(exports); i++) {
        if (mc_json_get_str(mc__at(exports, i), &own) && mc_str_eq(own, name))
            return true;
    }
    return false;
}

static void check_hooks(checker *c)
{
    const mc_json *hooks = mc__get(c->m->root, "hooks");

    for (size_t i = 0; hooks && i < hooks->as.object.count && !c->is_over; i++) {
        mc_str key = hooks->as.object.members[i].key;
        size_t colons = mc_str_find(key, MC_STR("::"));
        mc_str name = mc_str_slice(key, colons + 2, key.len);

        at(c, "manifest.hooks[%s]", quoted(c, key));
        if (colons < key.len && !is_exported(c, name))
            broken(c, ": ", "action %s is not listed in backend.exports", quoted(c, name));
    }
}

static void check_backend(checker *c)
{
    const mc_json *backend = mc__get(c->m->root, "backend");
    mc_str runtime = mc__get_str(backend, "runtime");

    if (!backend)
        return;
    at(c, "manifest.backend.runtime");
    if (!is_one_of(runtime, "webhook|wasm|binary"))
        broken(c, ": ", "unknown %s (want webhook|wasm|binary)", quoted(c, runtime));
    if (!mc_str_eq(runtime, MC_STR("wasm")))
        return;
    at(c, "manifest.backend.entry");
    if (mc_str_trim(mc__get_str(backend, "entry")).len == 0)
        broken(c, ": ", "required when runtime=wasm");
    check_hooks(c);
}

static void check_trigger(checker *c, const mc_json *action)
{
    const mc_json *trigger = mc__get(action, "trigger");
    mc_str type = mc__get_str(trigger, "type"), name = mc__get_str(trigger, "export");

    if (!trigger || c->is_over)
        return;
    if (!is_one_of(type, "wasm|webhook|noop")) {
        broken(c, ".trigger.type: ", "unknown %s (want wasm|webhook|noop)", quoted(c, type));
    } else if (!mc_str_eq(type, MC_STR("wasm"))) {
        if (name.len)
            broken(c, ".trigger.export: ", "not allowed when type=%.*s", MC_FMT(type));
        if (mc__get_bool(trigger, "run_in_tx"))
            broken(c, ".trigger.run_in_tx: ", "not allowed when type=%.*s", MC_FMT(type));
    } else if (mc_str_trim(name).len == 0) {
        broken(c, ".trigger.export: ", "required when type=wasm");
    } else if (!is_export(name)) {
        broken(c, ".trigger.export: ", "invalid symbol %s", quoted(c, name));
    } else if (!is_exported(c, name)) {
        broken(c, ".trigger.export: ", "%s not declared in backend.exports", quoted(c, name));
    }
}

static void check_triggers(checker *c)
{
    const mc_json *actions = c->m->actions, *extensions = mc__get(c->m->root, "extensions");

    for (size_t i = 0; actions && i < actions->as.object.count; i++) {
        const mc_json_member *member = &actions->as.object.members[i];

        for (size_t k = 0; k < mc__count(member->value); k++) {
            at(c, "manifest.actions[%s][%zu]", quoted(c, member->key), k);
            check_trigger(c, mc__at(member->value, k));
        }
    }
    for (size_t i = 0; i < mc__count(extensions); i++) {
        const mc_json *list = mc__get(mc__at(extensions, i), "actions");

        for (size_t k = 0; k < mc__count(list); k++) {
            at(c, "manifest.extensions[%zu].actions[%zu]", i, k);
            check_trigger(c, mc__at(list, k));
        }
    }
}

static void check_frontend(checker *c)
{
    mc_str format = mc__get_str(mc__get(c->m->root, "frontend"), "format");

    at(c, "manifest.frontend.format");
    if (format.len && !is_one_of(format, "federation|script"))
        broken(c, ": ", "unknown %s", quoted(c, format));
}

/* ---- beyond the contract: what would break an installation ---- */

static void check_installable_model(checker *c, size_t i)
{
    const mc_model_def *model = &c->m->models[i];

    at(c, "manifest.model_definitions[%zu]", i);
    for (size_t k = 0; k < i; k++) {
        if (mc_str_eq(c->m->models[k].table, model->table))
            broken(c, ": ", "table %s stands also at model_definitions[%zu]",
                   quoted(c, model->table), k);
        if (mc_str_eq(c->m->models[k].key, model->key))
            broken(c, ": ", "model_key %s stands also at model_definitions[%zu]",
                   quoted(c, model->key), k);
    }
    if (is_one_of(model->key, "users|organizations"))
        broken(c, ": ", "model_key %s is the kernel's own: references mean its rows",
               quoted(c, model->key));
    if (!mc_str_is_identifier(model->key))
        broken(c, ": ", "model_key %s is no name: it stands in routes and capabilities",
               quoted(c, model->key));
    for (size_t j = 0; j < model->column_count; j++) {
        mc_column_type type;

        at(c, "manifest.model_definitions[%zu].columns[%zu]", i, j);
        if (!mc_column_type_parse(model->columns[j].type, &type))
            broken(c, ": ", "unknown column type %s", quoted(c, model->columns[j].type));
        for (size_t k = 0; k < j; k++) {
            if (mc_str_eq(model->columns[k].name, model->columns[j].name))
                broken(c, ": ", "name %s stands also at columns[%zu]",
                       quoted(c, model->columns[j].name), k);
        }
    }
}

/* A catalog that cannot be served: put into one that nobody reads. */
static void check_texts(checker *c)
{
    mc_i18n *scratch = NULL;
    mc_err why;
    mc_code rc;

    if (!c->m->i18n)
        return;
    at(c, "manifest.i18n");
    rc = mc_i18n_new(NULL, &scratch, &why);
    if (rc == MC_OK)
        rc = mc_i18n_put(scratch, c->m->key, c->m->i18n, &why);
    if (rc != MC_OK)
        broken(c, ": ", "%s", why.msg);
    mc_i18n_free(scratch);
}

static void report_hook(void *user, mc_str path, const char *why)
{
    at(user, "%.*s", MC_FMT(path));
    broken(user, ": ", "%s", why);
}

static void check_installable(checker *c)
{
    at(c, "manifest");
    if (c->m->key.len > MC_MANIFEST_KEY_MAX)
        broken(c, ": ", "key %s is longer than %d bytes", quoted(c, c->m->key),
               MC_MANIFEST_KEY_MAX);
    if (c->m->version.len > MC_MANIFEST_VERSION_MAX)
        broken(c, ": ", "version is longer than %d bytes", MC_MANIFEST_VERSION_MAX);
    check_texts(c);
    for (size_t i = 0; i < c->m->model_count; i++)
        check_installable_model(c, i);
    mc__manifest_check_hooks(c->m->root, c->scratch, report_hook, c);
}

/* ---- both ways in ---- */

static mc_code run(checker *c, const mc_manifest *m, mc_str kernel_version, mc_arena *arena,
                   bool wants_all, mc_err *err)
{
    *c = (checker){.m = m, .scratch = arena, .wants_all = wants_all};
    c->problems = mc_arena_array(arena, mc_manifest_problem, MC_MANIFEST_PROBLEMS_MAX);
    if (!c->problems)
        return mc_fail(err, MC_NO_MEMORY, "manifest");
    check_identity(c, kernel_version);
    check_models(c);
    check_capabilities(c);
    check_backend(c);
    check_triggers(c);
    check_frontend(c);
    if (wants_all)
        check_installable(c);
    return MC_OK;
}

mc_code mc_manifest_validate(const mc_manifest *manifest, mc_str kernel_version, mc_err *err)
{
    mc_arena *scratch;
    checker c;
    mc_code rc;

    if (!manifest)
        return mc_fail(err, MC_INVALID, "manifest: nil");
    scratch = mc_arena_new(0);
    if (!scratch)
        return mc_fail(err, MC_NO_MEMORY, "manifest");
    rc = run(&c, manifest, kernel_version, scratch, false, err);
    if (rc == MC_OK && c.count > 0)
        rc = mc_fail(err, MC_INVALID, "%.*s", MC_FMT(c.problems[0].message));
    mc_arena_free(scratch);
    return rc;
}

mc_code mc_manifest_check(const mc_manifest *manifest, mc_str kernel_version, mc_arena *arena,
                          mc_manifest_problem **out, size_t *out_count, mc_err *err)
{
    checker c;
    mc_code rc = run(&c, manifest, kernel_version, arena, true, err);

    if (rc != MC_OK)
        return rc;
    *out = c.problems;
    *out_count = c.count;
    return MC_OK;
}
