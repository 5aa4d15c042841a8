/* SPDX-License-Identifier: Apache-2.0 */
/* The summary for people: what stands in the JSON, in the order in which it matters. */
#include "addon.h"

#include "metacore/base/json.h"

#include <string.h>

#define LINE "  "

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find(object, mc_z(key)), &text); /* else it is empty */
    return text;
}

/* The author's words: control characters become '?', so that none drives the terminal. */
static void print(mc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        putchar(c < 0x20 || c == 0x7f ? '?' : c);
    }
}

static void print_pair(const char *label, mc_str text)
{
    if (text.len == 0)
        return;
    printf("%-13s", label);
    print(text);
    putchar('\n');
}

static const mc_json *list_of(const mc_json *object, const char *key)
{
    const mc_json *list = mc_json_find(object, mc_z(key));

    return list && list->kind == MC_JSON_ARRAY && list->as.array.count > 0 ? list : NULL;
}

static int64_t number_of(const mc_json *object, const char *key)
{
    int64_t value = 0;

    (void)mc_json_get_i64(mc_json_find(object, mc_z(key)), 0, INT64_MAX, &value); /* else 0 */
    return value;
}

static bool is_set(const mc_json *object, const char *key)
{
    bool value = false;

    (void)mc_json_get_bool(mc_json_find(object, mc_z(key)), &value); /* else false */
    return value;
}

/* Prints each item of a list by row, below a heading; nothing for an empty list. */
static void print_list(const mc_json *summary, const char *key, const char *heading,
                       void (*row)(const mc_json *item))
{
    const mc_json *list = list_of(summary, key);

    if (!list)
        return;
    printf("\n%s (%zu)\n", heading, list->as.array.count);
    for (size_t i = 0; i < list->as.array.count; i++) {
        fputs(LINE, stdout);
        row(list->as.array.items[i]);
        putchar('\n');
    }
}

static void row_text(const mc_json *item)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(item, &text); /* it is one */
    print(text);
}

static void row_capability(const mc_json *item)
{
    mc_str reason = text_of(item, "reason");

    print(text_of(item, "means"));
    fputs("  [", stdout);
    print(text_of(item, "kind"));
    fputs("]\n" LINE LINE "because: ", stdout);
    print(reason.len ? reason : MC_STR("no reason is given"));
}

static void row_column(const mc_json *column)
{
    print(text_of(column, "name"));
    putchar(' ');
    print(text_of(column, "type"));
    if (is_set(column, "required"))
        fputs(" required", stdout);
    if (is_set(column, "unique"))
        fputs(" unique", stdout);
    if (text_of(column, "ref").len) {
        fputs(" -> ", stdout);
        print(text_of(column, "ref"));
    }
}

static void row_model(const mc_json *item)
{
    const mc_json *columns = list_of(item, "columns");

    print(text_of(item, "key"));
    fputs(is_set(item, "soft_delete") ? " (rows go to a trash first)" : "", stdout);
    for (size_t i = 0; columns && i < columns->as.array.count; i++) {
        fputs("\n" LINE LINE, stdout);
        row_column(columns->as.array.items[i]);
    }
}

static void row_migration(const mc_json *item)
{
    print(text_of(item, "version"));
    printf("  %lld bytes", (long long)number_of(item, "bytes"));
}

static void row_setting(const mc_json *item)
{
    print(text_of(item, "key"));
    putchar(' ');
    print(text_of(item, "type"));
    fputs(is_set(item, "secret") ? "  SECRET" : "", stdout);
}

static void row_tool(const mc_json *item)
{
    mc_str endpoint = text_of(item, "endpoint"), method = text_of(item, "method");

    print(text_of(item, "id"));
    fputs("  calls ", stdout);
    print(method);
    if (method.len)
        putchar(' ');
    print(endpoint.len ? endpoint : MC_STR("nothing: it has no endpoint"));
}

static void row_hook(const mc_json *item)
{
    print(text_of(item, "on"));
    fputs("  calls ", stdout);
    print(text_of(item, "calls"));
}

static void row_lifecycle(const mc_json *item)
{
    print(text_of(item, "on"));
    fputs("  ", stdout);
    print(text_of(item, "type"));
    putchar(' ');
    print(text_of(item, "calls"));
}

static void row_name(const mc_json *item)
{
    mc_str module = text_of(item, "module");

    print(module);
    if (module.len)
        putchar('.');
    print(text_of(item, "name"));
    print(text_of(item, "signature"));
}

static void row_module(const mc_json *item)
{
    print(text_of(item, "key"));
}

static void row_file(const mc_json *item)
{
    printf("%10lld  ", (long long)number_of(item, "bytes"));
    print(text_of(item, "name"));
}

static void print_backend(const mc_json *summary)
{
    const mc_json *backend = mc_json_find(summary, MC_STR("backend"));

    if (!backend)
        return;
    fputs("\ncode\n" LINE, stdout);
    print(text_of(backend, "runtime"));
    putchar(' ');
    print(text_of(backend, "url"));
    print(text_of(backend, "entry"));
    if (text_of(backend, "entry").len)
        printf("  %lld bytes", (long long)number_of(backend, "bytes"));
    putchar('\n');
    print_pair("  error", text_of(backend, "error"));
    print_list(backend, "imports", "it uses", row_name);
    print_list(backend, "exports", "it offers", row_name);
}

static void print_summary(const mc_json *summary, const char *signature)
{
    static const char *const lines[] = {"key",    "name",    "version", "description", "kernel",
                                        "author", "website", "license", "digest"};
    const mc_json *frontend = mc_json_find(summary, MC_STR("frontend"));

    for (size_t i = 0; i < MC_LEN(lines); i++)
        print_pair(lines[i], text_of(summary, lines[i]));
    print_pair("isolation", text_of(summary, "tenant_isolation"));
    print_pair("signature", mc_z(signature));
    print_list(summary, "requires", "it needs these addons", row_module);
    print_list(summary, "capabilities", "it may", row_capability);
    print_list(summary, "models", "models", row_model);
    print_list(summary, "tables", "tables it makes", row_text);
    print_list(summary, "migrations", "migrations", row_migration);
    print_list(summary, "routes", "routes that appear", row_text);
    print_list(summary, "settings", "settings", row_setting);
    print_list(summary, "events", "events it announces", row_text);
    print_list(summary, "tools", "tools", row_tool);
    print_list(summary, "hooks", "hooks", row_hook);
    print_list(summary, "lifecycle", "what it does by itself", row_lifecycle);
    print_list(summary, "hosts", "hosts it reaches", row_text);
    print_backend(summary);
    if (frontend) {
        fputs("\npage\n" LINE, stdout);
        print(text_of(frontend, "format"));
        putchar(' ');
        print(text_of(frontend, "entry"));
        putchar('\n');
    }
    print_list(summary, "files", "files", row_file);
    printf("\n%lld bytes in all\n", (long long)number_of(summary, "bytes"));
}

/* ---- the signature ---- */

/* What a signature says, in words: only --key makes it more than a claim. */
static const char *signature_state(const command *self, const char *path, const mc_json *summary)
{
    const mc_json *own = mc_json_find(summary, MC_STR("signature"));
    const char *beside = mc_str_z(self->arena, mc_str_printf(self->arena, "%s.sig", path));
    FILE *file = beside ? fopen(beside, "rbe") : NULL;
    mc_str text;
    mc_err err;

    if (file) {
        (void)fclose(file); /* it was only looked for */
        if (!command_option(self, "key"))
            return "beside it, not verified: --key P.pub does";
        return addon_check_signature(self, path, &text, &err) == MC_OK
                   ? mc_str_z(self->arena, mc_str_printf(self->arena, "good, %.*s", MC_FMT(text)))
                   : mc_str_z(self->arena, mc_str_printf(self->arena, "BAD: %s", err.msg));
    }
    if (own && text_of(own, "value").len)
        return "claimed by the manifest, which does not count: it has to come beside the bundle";
    return "none";
}

int addon_inspect(const command *self)
{
    const char *path = addon_arg(self, 0), *state;
    mc_bundle *bundle = NULL;
    const mc_json *summary;
    mc_buf text;
    mc_err err;
    mc_code rc;

    mc_buf_init_arena(&text, self->arena, 0);
    rc = addon_open(self, path, &bundle, &err);
    if (rc == MC_OK)
        rc = mc_review_summary(bundle, self->arena, &text, &err);
    mc_bundle_free(bundle);
    if (rc == MC_OK)
        rc = mc_json_parse(self->arena, mc_buf_get(&text), NULL, &summary, &err);
    if (rc != MC_OK)
        return command_fail(&err);
    state = signature_state(self, path, summary);
    state = state ? state : "not looked at: out of memory";
    if (!self->as_json) {
        print_summary(summary, state);
        return EXIT_DONE;
    }
    text.len--; /* its last brace */
    mc_buf_lit(&text, ",\"signature_state\":");
    mc_json_write_str(&text, mc_z(state));
    mc_buf_char(&text, '}');
    if (mc_buf_check(&text, "inspect", &err) != MC_OK)
        return command_fail(&err);
    printf("%.*s\n", MC_FMT(mc_buf_get(&text)));
    return EXIT_DONE;
}
