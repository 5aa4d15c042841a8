/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator agrees to, as one JSON object. */
#include "metacore/modelbase/modelbase.h"
#include "metacore/review/review_internal.h"
#include "metacore/runtime/wasm/wasm.h"
#include "metacore/sqlgate/sqlgate.h"

typedef struct summary {
    const mc_bundle *bundle;
    const mc_manifest *m;
    mc_arena *arena;
    mc_buf *out;
} summary;

/* ---- writing: a member or item is preceded by a comma unless it is the first ---- */

static void comma(mc_buf *out)
{
    char last = out->len ? out->ptr[out->len - 1] : '{';

    if (last != '{' && last != '[' && last != ':')
        mc_buf_char(out, ',');
}

static void name(mc_buf *out, const char *key)
{
    comma(out);
    mc_json_write_str(out, mc_z(key));
    mc_buf_char(out, ':');
}

static void open_list(mc_buf *out, const char *key)
{
    name(out, key);
    mc_buf_char(out, '[');
}

static void open_item(mc_buf *out)
{
    comma(out);
    mc_buf_char(out, '{');
}

static void put(mc_buf *out, const char *key, mc_str text)
{
    name(out, key);
    mc_json_write_str(out, text);
}

static void put_item(mc_buf *out, mc_str text)
{
    comma(out);
    mc_json_write_str(out, text);
}

static void put_bool(mc_buf *out, const char *key, bool value)
{
    name(out, key);
    mc_buf_str(out, value ? MC_STR("true") : MC_STR("false"));
}

static void put_count(mc_buf *out, const char *key, size_t value)
{
    name(out, key);
    mc_buf_u64(out, value);
}

/* Members of from, by their names; empty texts too, so that a reader finds what it expects. */
static void put_texts(mc_buf *out, const mc_json *from, const char *const *keys)
{
    for (; *keys; keys++)
        put(out, *keys, mc__text(from, *keys));
}

/* ---- data ---- */

static void put_models(const summary *s)
{
    mc_buf *out = s->out;

    open_list(out, "models");
    for (size_t i = 0; i < s->m->model_count; i++) {
        const mc_model_def *model = &s->m->models[i];

        if (model->is_internal) /* between two others: a table and no more */
            continue;
        open_item(out);
        put(out, "key", model->key);
        put(out, "label", model->label);
        put(out, "table", model->table);
        put_bool(out, "soft_delete", model->soft_delete);
        open_list(out, "columns");
        for (size_t k = 0; k < model->column_count; k++) {
            const mc_column_def *column = &model->columns[k];

            open_item(out);
            put(out, "name", column->name);
            put(out, "type", column->type);
            put_bool(out, "required", column->required);
            put_bool(out, "unique", column->unique);
            put(out, "ref", column->ref);
            mc_buf_char(out, '}');
        }
        mc_buf_lit(out, "]}");
    }
    mc_buf_char(out, ']');
}

/* 'CREATE TABLE [IF NOT EXISTS] "addon_x.t" (' -> addon_x.t; the gate writes nothing else. */
static bool find_made(mc_str statement, mc_str *out)
{
    size_t from, to;

    if (!mc_str_starts_with(statement, MC_STR("CREATE TABLE ")))
        return false;
    from = mc_str_find_char(statement, 0, '"') + 1;
    to = mc_str_find_char(statement, from, '"');
    *out = mc_str_slice(statement, from, to);
    return to < statement.len;
}

static void put_table(const summary *s, mc_strs *made, size_t max, mc_str table)
{
    for (size_t i = 0; i < made->count; i++) {
        if (mc_str_eq(made->items[i], table))
            return;
    }
    put_item(s->out, table);
    if (made->count < max)
        ((mc_str *)made->items)[made->count++] = table;
}

#define TABLES_MAX 2000

static void put_tables(const summary *s)
{
    mc_str schema = mc_schema_name(s->arena, s->m->key);
    mc_strs made = {mc_arena_array(s->arena, mc_str, TABLES_MAX), 0};

    open_list(s->out, "tables");
    for (size_t i = 0; made.items && i < s->m->model_count; i++)
        put_table(
            s, &made, TABLES_MAX,
            mc_str_printf(s->arena, "%.*s.%.*s", MC_FMT(schema), MC_FMT(s->m->models[i].table)));
    for (size_t i = 0; made.items && i < s->bundle->file_count; i++) {
        mc_sqlgate_config config = {MC_SQLGATE_CONFIG, .addon_key = s->m->key};
        mc_strs statements;
        mc_str version, table;
        mc_err why;

        if (!mc_bundle_is_migration(&s->bundle->files[i], &version) ||
            mc_sqlgate_migration(&config, s->arena, s->bundle->files[i].data, &statements, &why) !=
                MC_OK)
            continue; /* a finding of the review */
        for (size_t k = 0; k < statements.count; k++) {
            if (find_made(statements.items[k], &table))
                put_table(s, &made, TABLES_MAX, table);
        }
    }
    mc_buf_char(s->out, ']');
}

static void put_migrations(const summary *s)
{
    mc_str version;

    open_list(s->out, "migrations");
    for (size_t i = 0; i < s->bundle->file_count; i++) {
        const mc_bundle_file *file = &s->bundle->files[i];

        if (!mc_bundle_is_migration(file, &version))
            continue;
        open_item(s->out);
        put(s->out, "version", version);
        put_count(s->out, "bytes", file->data.len);
        put(s->out, "sha256", mc_z(file->sha256));
        mc_buf_char(s->out, '}');
    }
    mc_buf_char(s->out, ']');
}

/* ---- rights ---- */

static mc_str words_of(const summary *s, mc_str kind, mc_str target)
{
    static const struct {
        const char *kind, *words;
    } rows[] = {
        {"db:read", "reads rows of"},
        {"db:write", "reads, creates, changes and deletes rows of"},
        {"http:fetch", "sends requests to"},
        {"event:emit", "announces events called"},
        {"event:subscribe", "is told of events called"},
        {"connector:read", "uses the credentials of the connector"},
    };

    for (size_t i = 0; i < MC_LEN(rows); i++) {
        if (!mc_str_eq(kind, mc_z(rows[i].kind)))
            continue;
        if (mc_str_eq(kind, MC_STR("http:fetch")) && mc_str_starts_with(target, MC_STR("*.")))
            return mc_str_printf(s->arena, "%s %.*s and all its subdomains", rows[i].words,
                                 MC_FMT(mc_str_slice(target, 2, target.len)));
        return mc_str_printf(s->arena, "%s %.*s", rows[i].words, MC_FMT(target));
    }
    return MC_STR("is unknown here and allows nothing");
}

static void put_capabilities(const summary *s)
{
    const mc_json *list = mc__member(s->m->root, "capabilities");

    open_list(s->out, "capabilities");
    for (size_t i = 0; i < mc__items(list); i++) {
        const mc_json *item = mc__item(list, i);

        open_item(s->out);
        put_texts(s->out, item, (const char *const[]){"kind", "target", "reason", NULL});
        put(s->out, "means", words_of(s, mc__text(item, "kind"), mc__text(item, "target")));
        mc_buf_char(s->out, '}');
    }
    mc_buf_char(s->out, ']');
}

static void put_routes(const summary *s)
{
    const mc_json *tools = mc__member(s->m->root, "tools");

    open_list(s->out, "routes");
    for (size_t i = 0; i < s->m->model_count; i++) {
        if (!s->m->models[i].is_internal)
            put_item(s->out,
                     mc_str_printf(s->arena, "/api/dynamic/%.*s", MC_FMT(s->m->models[i].key)));
    }
    if (mc__member(s->m->root, "frontend"))
        put_item(s->out, mc_str_printf(s->arena, "/api/metacore/addons/%.*s/frontend/*",
                                       MC_FMT(s->m->key)));
    if (mc__items(tools))
        put_item(s->out, MC_STR("/api/metacore/tools/execute"));
    mc_buf_char(s->out, ']');
}

static void put_settings(const summary *s)
{
    const mc_json *list = mc__member(s->m->root, "settings");

    open_list(s->out, "settings");
    for (size_t i = 0; i < mc__items(list); i++) {
        open_item(s->out);
        put_texts(s->out, mc__item(list, i), (const char *const[]){"key", "label", "type", NULL});
        put_bool(s->out, "secret", mc__flag(mc__item(list, i), "secret"));
        mc_buf_char(s->out, '}');
    }
    mc_buf_char(s->out, ']');
}

/* ---- what it calls ---- */

static void put_list(const summary *s, const char *key, const char *const *members)
{
    const mc_json *list = mc__member(s->m->root, key);

    open_list(s->out, key);
    for (size_t i = 0; i < mc__items(list); i++) {
        mc_str text;

        if (!members && mc_json_get_str(mc__item(list, i), &text)) {
            put_item(s->out, text);
        } else if (members) {
            open_item(s->out);
            put_texts(s->out, mc__item(list, i), members);
            mc_buf_char(s->out, '}');
        }
    }
    mc_buf_char(s->out, ']');
}

/* {"model::action": url} as rows. */
static void put_hooks(const summary *s)
{
    const mc_json *hooks = mc__member(s->m->root, "hooks");

    open_list(s->out, "hooks");
    for (size_t i = 0; hooks && hooks->kind == MC_JSON_OBJECT && i < hooks->as.object.count; i++) {
        mc_str url = MC_STR("");

        (void)mc_json_get_str(hooks->as.object.members[i].value, &url); /* null: empty */
        open_item(s->out);
        put(s->out, "on", hooks->as.object.members[i].key);
        put(s->out, "calls", url);
        mc_buf_char(s->out, '}');
    }
    mc_buf_char(s->out, ']');
}

/* ---- code and files ---- */

static void put_names(mc_buf *out, const char *key, const mc_wasm_module *module, size_t count,
                      void (*get)(const mc_wasm_module *, size_t, mc_wasm_name *))
{
    mc_wasm_name item;

    open_list(out, key);
    for (size_t i = 0; i < count; i++) {
        get(module, i, &item);
        open_item(out);
        put(out, "module", item.module);
        put(out, "name", item.name);
        put(out, "signature", mc_z(item.signature));
        mc_buf_char(out, '}');
    }
    mc_buf_char(out, ']');
}

static void put_backend(const summary *s)
{
    const mc_json *backend = mc__member(s->m->root, "backend");
    mc_str entry = mc__wasm_entry(s->m);
    const mc_bundle_file *file = mc__bundle_find(s->bundle, entry);
    mc_wasm_module *module = NULL;
    mc_err why;

    if (!backend)
        return;
    name(s->out, "backend");
    mc_buf_char(s->out, '{');
    put_texts(s->out, backend, (const char *const[]){"runtime", "url", NULL});
    if (entry.len) {
        put(s->out, "entry", entry);
        put_count(s->out, "bytes", file ? file->data.len : 0);
        if (!file) {
            put(s->out, "error", MC_STR("there is no such file"));
        } else if (mc_wasm_module_read(file->data, &module, &why) != MC_OK) {
            put(s->out, "error", mc_z(why.msg));
        } else {
            put_names(s->out, "imports", module, mc_wasm_module_import_count(module),
                      mc_wasm_module_get_import);
            put_names(s->out, "exports", module, mc_wasm_module_export_count(module),
                      mc_wasm_module_get_export);
        }
        mc_wasm_module_free(module);
    }
    mc_buf_char(s->out, '}');
}

static void put_files(const summary *s)
{
    size_t bytes = 0;

    open_list(s->out, "files");
    for (size_t i = 0; i < s->bundle->file_count; i++) {
        const mc_bundle_file *file = &s->bundle->files[i];

        open_item(s->out);
        put(s->out, "name", file->name);
        put_count(s->out, "bytes", file->data.len);
        put(s->out, "sha256", mc_z(file->sha256));
        mc_buf_char(s->out, '}');
        bytes += file->data.len;
    }
    mc_buf_char(s->out, ']');
    put_count(s->out, "bytes", bytes);
}

static void put_signature(const summary *s)
{
    const mc_json *signature = mc__member(s->m->root, "signature");

    if (!signature)
        return;
    name(s->out, "signature");
    mc_buf_char(s->out, '{');
    put_texts(s->out, signature,
              (const char *const[]){"algorithm", "developer_id", "developer_name", "signed_at",
                                    "digest", "value", NULL});
    mc_buf_char(s->out, '}');
}

static void put_all(const summary *s)
{
    mc_str isolation = s->m->tenant_isolation;

    mc_buf_char(s->out, '{');
    put_texts(s->out, s->m->root,
              (const char *const[]){"key", "name", "version", "description", "kernel", "author",
                                    "website", "license", NULL});
    put(s->out, "digest", mc_z(s->bundle->digest));
    put(s->out, "tenant_isolation",
        mc_str_eq(isolation, MC_STR("schema-per-tenant")) ? isolation : MC_STR("shared"));
    put_signature(s);
    put_list(s, "requires", (const char *const[]){"key", "label", NULL});
    put_models(s);
    put_tables(s);
    put_migrations(s);
    put_capabilities(s);
    put_routes(s);
    put_settings(s);
    put_list(s, "events", NULL);
    put_list(s, "tools", (const char *const[]){"id", "name", "method", "endpoint", NULL});
    put_hooks(s);
    mc__review_lifecycle(s->m, s->out);
    mc__review_hosts(s->m, s->arena, s->out);
    put_backend(s);
    if (mc__member(s->m->root, "frontend")) {
        name(s->out, "frontend");
        mc_buf_char(s->out, '{');
        put_texts(s->out, mc__member(s->m->root, "frontend"),
                  (const char *const[]){"format", "entry", "integrity", NULL});
        mc_buf_char(s->out, '}');
    }
    put_files(s);
    mc_buf_char(s->out, '}');
}

mc_code mc_review_summary(const mc_bundle *bundle, mc_arena *arena, mc_buf *out, mc_err *err)
{
    mc_manifest *manifest = NULL;
    mc_buf text;
    mc_code rc = mc_manifest_parse(bundle->manifest, &manifest, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&text, arena, 0);
    put_all(&(summary){bundle, manifest, arena, &text});
    mc_manifest_free(manifest);
    rc = mc_buf_check(&text, "review: summary", err);
    if (rc != MC_OK)
        return rc;
    mc_buf_str(out, mc_buf_get(&text));
    return mc_buf_check(out, "review: summary", err);
}
