/* SPDX-License-Identifier: Apache-2.0 */
/* An installation run to its end, looked at, and undone: what it would change. */
#include "metacore/installer/installer_internal.h"

#include <stdlib.h>
#include <string.h>

#define OTHERS_MAX 100 /* organizations whose schemas are told one by one */

/* ---- what there is in a schema: tables, columns and indexes, each a line that says it ---- */

typedef enum kind { TABLES, COLUMNS, INDEXES, KINDS } kind;

typedef struct line {
    mc_str name; /* "table", "table.column" or an index's */
    mc_str what; /* its definition */
} line;

typedef struct lines {
    line *items;
    size_t count, room;
} lines;

typedef struct count_of {
    mc_str table; /* without the schema */
    int64_t rows;
} count_of;

typedef struct snapshot {
    lines of[KINDS];
    count_of *counts; /* by table, as of[TABLES] */
} snapshot;

/* One schema that a run changes: the organization's, then those of others. */
typedef struct place {
    mc_uuid org_id;
    mc_str schema;
    snapshot before, after;
} place;

static bool add(mc_arena *arena, lines *list, mc_str name, mc_str what)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 64;
        line *grown =
            mc_arena_realloc(arena, list->items, list->count * sizeof(line), room * sizeof(line));

        if (!grown)
            return false;
        list->items = grown;
        list->room = room;
    }
    list->items[list->count++] = (line){mc_str_copy(arena, name), mc_str_copy(arena, what)};
    return true;
}

static int by_name(const void *a, const void *b)
{
    const line *left = a, *right = b;

    return mc_str_cmp(left->name, right->name);
}

/* Each query gives a name and a definition; $1 is the schema. */
static mc_code load_lines(mc_ctx *ctx, mc_str sql, mc_str schema, lines *out, mc_err *err)
{
    mc_db_value arg = mc_db_text(schema);
    bool is_full = false;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, sql, &arg, 1, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (!is_full && mc_db_rows_next(&rows))
        is_full = !add(ctx->arena, out, mc_db_col_text(&rows, 0), mc_db_col_text(&rows, 1));
    rc = mc_db_rows_finish(&rows, err);
    if (rc == MC_OK && is_full)
        rc = mc_fail(err, MC_NO_MEMORY, "rehearsal");
    if (rc == MC_OK && out->count > 0)
        qsort(out->items, out->count, sizeof(*out->items), by_name);
    return rc;
}

static bool has_line(const lines *list, mc_str table, const char *column)
{
    for (size_t i = 0; i < list->count; i++) {
        mc_str name = list->items[i].name;

        if (name.len == table.len + 1 + strlen(column) && mc_str_starts_with(name, table) &&
            name.ptr[table.len] == '.' && mc_str_ends_with(name, mc_z(column)))
            return true;
    }
    return false;
}

/* Where rows are organizations', those of one, and of nobody. */
static mc_code count_rows(mc_ctx *ctx, const place *p, mc_str table, bool is_owned,
                          const mc__pass *pass, int64_t *out, mc_err *err)
{
    mc_str physical = mc_physical_name(ctx->arena, mc_db_conn_dialect(ctx->conn), p->schema, table);
    mc_str sql =
        mc_str_printf(ctx->arena, "SELECT COUNT(*) FROM %.*s%s", MC_FMT(physical),
                      is_owned ? " WHERE organization_id = $1 OR organization_id IS NULL" : "");
    mc_db_value org = mc_db_uuid(p->org_id);
    mc_db_rows rows;
    mc_code rc = physical.ptr && sql.ptr ? mc__pass_arm(pass, ctx, err)
                                         : mc_fail(err, MC_NO_MEMORY, "rehearsal");

    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, sql, &org, is_owned, &rows, err);
    if (rc != MC_OK)
        return rc;
    *out = mc_db_rows_next(&rows) ? mc_db_col_int(&rows, 0) : 0;
    return mc_db_rows_finish(&rows, err);
}

static const mc_str *queries_of(mc_db_dialect dialect)
{
    static const mc_str sqlite[KINDS] = {
        [TABLES] = MC_STR_INIT("SELECT substr(name, length($1) + 2), '' FROM sqlite_master WHERE "
                               "type = 'table' AND substr(name, 1, length($1) + 1) = $1 || '.'"),
        [COLUMNS] =
            MC_STR_INIT("SELECT substr(m.name, length($1) + 2) || '.' || x.name, x.type || "
                        "x.\"notnull\" || coalesce(x.dflt_value, '') FROM sqlite_master m JOIN "
                        "pragma_table_xinfo(m.name) x WHERE m.type = 'table' AND substr(m.name, 1, "
                        "length($1) + 1) = $1 || '.'"),
        [INDEXES] = MC_STR_INIT("SELECT name, coalesce(sql, '') FROM sqlite_master WHERE type = "
                                "'index' AND substr(tbl_name, 1, length($1) + 1) = $1 || '.' AND "
                                "name NOT LIKE 'sqlite_autoindex%'"),
    };
    static const mc_str postgres[KINDS] = {
        [TABLES] = MC_STR_INIT("SELECT c.relname::text, '' FROM pg_class c JOIN pg_namespace n ON "
                               "n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'"),
        [COLUMNS] =
            MC_STR_INIT("SELECT c.relname || '.' || a.attname, format_type(a.atttypid, "
                        "a.atttypmod) || a.attnotnull || coalesce(pg_get_expr(d.adbin, "
                        "d.adrelid), '') FROM pg_attribute a JOIN pg_class c ON c.oid = "
                        "a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN "
                        "pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE "
                        "n.nspname = $1 AND c.relkind = 'r' AND a.attnum > 0 AND NOT "
                        "a.attisdropped"),
        [INDEXES] = MC_STR_INIT("SELECT c.relname::text, pg_get_indexdef(i.indexrelid) FROM "
                                "pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN "
                                "pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND "
                                "NOT i.indisprimary"),
    };

    return dialect == MC_DB_POSTGRES ? postgres : sqlite;
}

/* Row security hides everybody's rows from a session that is nobody's. */
static mc_code look_as(mc_ctx *ctx, mc_uuid org_id, mc_err *err)
{
    char text[MC_UUID_TEXT_LEN];
    mc_db_value org;

    if (mc_db_conn_dialect(ctx->conn) != MC_DB_POSTGRES)
        return MC_OK;
    mc_uuid_format(org_id, text);
    org = mc_db_text(mc_str_of(text, sizeof(text)));
    return mc_db_exec(ctx->conn, MC_STR("SELECT set_config('app.current_org', $1, true)"), &org, 1,
                      NULL, err);
}

static mc_code take_snapshot(mc_ctx *ctx, const place *p, bool sees_everybody, const mc__pass *pass,
                             snapshot *out, mc_err *err)
{
    const mc_str *queries = queries_of(mc_db_conn_dialect(ctx->conn));
    mc_code rc =
        p->schema.ptr ? look_as(ctx, p->org_id, err) : mc_fail(err, MC_NO_MEMORY, "rehearsal");

    *out = (snapshot){0};
    for (int i = 0; i < KINDS && rc == MC_OK; i++)
        rc = load_lines(ctx, queries[i], p->schema, &out->of[i], err);
    if (rc != MC_OK)
        return rc;
    out->counts = mc_arena_array(ctx->arena, count_of, out->of[TABLES].count + 1);
    if (!out->counts)
        return mc_fail(err, MC_NO_MEMORY, "rehearsal");
    for (size_t i = 0; i < out->of[TABLES].count && rc == MC_OK; i++) {
        mc_str table = out->of[TABLES].items[i].name;
        bool is_owned = !sees_everybody && has_line(&out->of[COLUMNS], table, "organization_id");

        out->counts[i].table = table;
        rc = count_rows(ctx, p, table, is_owned, pass, &out->counts[i].rows, err);
    }
    return rc;
}

/* ---- the report ---- */

static void begin_list(mc_buf *out, const char *name)
{
    mc_buf_printf(out, "\"%s\":[", name);
}

static void write_name(mc_buf *out, mc_str name)
{
    if (out->ptr && out->len && out->ptr[out->len - 1] != '[')
        mc_buf_char(out, ',');
    mc_json_write_str(out, name);
}

typedef enum part { ADDED, REMOVED, CHANGED } part;

/* Both are sorted: one walk over the two. */
static void write_part(mc_buf *out, const lines *before, const lines *after, part wanted)
{
    size_t i = 0, k = 0;

    while (i < before->count || k < after->count) {
        int order = i == before->count  ? 1
                    : k == after->count ? -1
                                        : mc_str_cmp(before->items[i].name, after->items[k].name);

        if (order < 0 && wanted == REMOVED)
            write_name(out, before->items[i].name);
        if (order > 0 && wanted == ADDED)
            write_name(out, after->items[k].name);
        if (order == 0 && wanted == CHANGED &&
            !mc_str_eq(before->items[i].what, after->items[k].what))
            write_name(out, after->items[k].name);
        i += order <= 0;
        k += order >= 0;
    }
}

static void write_diff(mc_buf *out, const char *name, const lines *before, const lines *after)
{
    static const char *const parts[] = {"added", "removed", "changed"};

    mc_buf_printf(out, "\"%s\":{", name);
    for (int i = 0; i < 3; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        begin_list(out, parts[i]);
        write_part(out, before, after, (part)i);
        mc_buf_char(out, ']');
    }
    mc_buf_char(out, '}');
}

static int64_t rows_in(const snapshot *s, mc_str table)
{
    for (size_t i = 0; i < s->of[TABLES].count; i++) {
        if (mc_str_eq(s->counts[i].table, table))
            return s->counts[i].rows;
    }
    return 0;
}

/* Tables whose rows are others than they were. */
static void write_data(mc_buf *out, mc_str schema, const snapshot *before, const snapshot *after,
                       const mc__changes *changes)
{
    bool is_first = true;

    mc_buf_lit(out, "\"data\":[");
    for (size_t i = 0; i < after->of[TABLES].count; i++) {
        mc_str table = after->counts[i].table;
        int64_t was = rows_in(before, table), is = after->counts[i].rows;
        int64_t changed = mc__changes_of(changes, schema, table);

        if (was == is && changed == 0)
            continue;
        if (!is_first)
            mc_buf_char(out, ',');
        mc_buf_lit(out, "{\"table\":");
        mc_json_write_str(out, table);
        mc_buf_printf(out, ",\"rows_before\":%lld,\"rows_after\":%lld,\"rows_changed\":%lld}",
                      (long long)was, (long long)is, (long long)changed);
        is_first = false;
    }
    mc_buf_char(out, ']');
}

/* What a manifest grants itself, and what it serves, as lines. */
typedef struct declared {
    lines capabilities, models, routes;
} declared;

static bool add_capabilities(mc_arena *arena, const mc_manifest *m, lines *out)
{
    const mc_json *list = mc_json_find_nocase(m->root, MC_STR("capabilities"));
    bool is_done = true;

    for (size_t i = 0; list && list->kind == MC_JSON_ARRAY && i < list->as.array.count; i++) {
        const mc_json *item = list->as.array.items[i];
        mc_str cap_kind = MC_STR(""), target = MC_STR("");

        (void)mc_json_get_str(mc_json_find_nocase(item, MC_STR("kind")), &cap_kind);
        (void)mc_json_get_str(mc_json_find_nocase(item, MC_STR("target")), &target);
        is_done &=
            add(arena, out, mc_str_printf(arena, "%.*s %.*s", MC_FMT(cap_kind), MC_FMT(target)),
                MC_STR(""));
    }
    return is_done;
}

static bool add_models(mc_arena *arena, const mc_manifest *m, declared *out)
{
    bool is_done = true;

    for (size_t i = 0; i < m->model_count; i++) {
        const mc_model_def *model = &m->models[i];

        if (model->is_internal)
            continue;
        is_done &= add(arena, &out->models, model->key, model->label);
        is_done &= add(arena, &out->routes,
                       mc_str_printf(arena, "/api/dynamic/%.*s", MC_FMT(model->key)), MC_STR(""));
    }
    return is_done;
}

static void sort(lines *list)
{
    if (list->count > 0)
        qsort(list->items, list->count, sizeof(*list->items), by_name);
}

static mc_code read_declared(mc_arena *arena, const mc_manifest *m, declared *out, mc_err *err)
{
    *out = (declared){0};
    if (m && (!add_capabilities(arena, m, &out->capabilities) || !add_models(arena, m, out)))
        return mc_fail(err, MC_NO_MEMORY, "rehearsal");
    sort(&out->capabilities);
    sort(&out->models);
    sort(&out->routes);
    return MC_OK;
}

/* ---- the whole ---- */

typedef struct rehearsal {
    const mc_install_run *run;
    mc__addon now; /* before it */
    mc_manifest *old;
    place *places;
    size_t place_count;
    size_t other_count; /* of which only some are looked at */
    mc__pass pass;
    mc__changes changes;
    mc_installation out;
} rehearsal;

static void write_version(mc_buf *out, const char *name, mc_str version, mc_str digest)
{
    mc_buf_printf(out, "\"%s\":", name);
    if (version.len == 0) {
        mc_buf_lit(out, "null");
        return;
    }
    mc_buf_lit(out, "{\"version\":");
    mc_json_write_str(out, version);
    mc_buf_lit(out, ",\"digest\":");
    mc_json_write_str(out, digest);
    mc_buf_char(out, '}');
}

static void write_schema(mc_buf *out, const place *p)
{
    static const char *const kinds[KINDS] = {"tables", "columns", "indexes"};

    mc_buf_lit(out, "\"schema\":{");
    for (int i = 0; i < KINDS; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        write_diff(out, kinds[i], &p->before.of[i], &p->after.of[i]);
    }
    mc_buf_char(out, '}');
}

/* Their rows are their own affair, but for the operator. */
static void write_others(mc_buf *out, const rehearsal *r)
{
    mc_buf_lit(out, ",\"others\":[");
    for (size_t i = 1; i < r->place_count; i++) {
        const place *p = &r->places[i];

        mc_buf_str(out, i > 1 ? MC_STR(",{") : MC_STR("{"));
        if (r->run->sees_everybody) {
            mc_buf_lit(out, "\"organization_id\":\"");
            mc_uuid_write(out, p->org_id);
            mc_buf_lit(out, "\",");
        }
        write_schema(out, p);
        if (r->run->sees_everybody) {
            mc_buf_char(out, ',');
            write_data(out, p->schema, &p->before, &p->after, &r->changes);
        }
        mc_buf_char(out, '}');
    }
    mc_buf_printf(out, "],\"others_total\":%zu", r->other_count);
}

static mc_code write_report(mc_ctx *ctx, const rehearsal *r, mc_str *out_report, mc_err *err)
{
    const place *own = &r->places[0];
    const mc_manifest *m = r->run->plan->manifest;
    declared was, is;
    mc_buf out;
    mc_code rc = read_declared(ctx->arena, r->old, &was, err);

    if (rc == MC_OK)
        rc = read_declared(ctx->arena, m, &is, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&out, ctx->arena, 0);
    mc_buf_lit(&out, "{\"addon_key\":");
    mc_json_write_str(&out, m->key);
    mc_buf_char(&out, ',');
    write_version(&out, "from", r->now.version, r->now.digest);
    mc_buf_char(&out, ',');
    write_version(&out, "to", m->version, mc_z(r->run->plan->digest));
    mc_buf_char(&out, ',');
    write_schema(&out, own);
    mc_buf_char(&out, ',');
    write_data(&out, own->schema, &own->before, &own->after, &r->changes);
    mc_buf_char(&out, ',');
    write_diff(&out, "capabilities", &was.capabilities, &is.capabilities);
    mc_buf_char(&out, ',');
    write_diff(&out, "models", &was.models, &is.models);
    mc_buf_char(&out, ',');
    write_diff(&out, "routes", &was.routes, &is.routes);
    if (r->place_count > 1)
        write_others(&out, r);
    if (r->out.warning.len) {
        mc_buf_lit(&out, ",\"warning\":");
        mc_json_write_str(&out, r->out.warning);
    }
    mc_buf_char(&out, '}');
    rc = mc_buf_check(&out, "rehearsal", err);
    if (rc == MC_OK)
        *out_report = mc_buf_get(&out);
    return rc;
}

static mc_code load_old(mc_installer *self, mc_ctx *ctx, rehearsal *r, mc_err *err)
{
    mc_str key = r->run->plan->manifest->key, text, digest;
    mc_code rc = mc__addon_load(ctx, key, &r->now, err);

    if (rc != MC_OK || r->now.version.len == 0)
        return rc;
    rc = mc_installer_load_manifest(self, ctx, key, &text, &digest, err);
    return rc == MC_OK ? mc_manifest_parse(text, &r->old, err) : rc;
}

static mc_code find_places(mc_ctx *ctx, rehearsal *r, mc_err *err)
{
    const mc_install_plan *plan = r->run->plan;
    mc_str key = plan->manifest->key;
    mc_uuid *others = NULL;
    size_t count = 0;
    mc_code rc = mc__is_per_tenant(plan)
                     ? mc__load_others(ctx, plan, r->run->org_id, &others, &count, err)
                     : MC_OK;

    if (rc != MC_OK)
        return rc;
    r->other_count = count;
    count = count < OTHERS_MAX ? count : OTHERS_MAX;
    r->places = mc_arena_array(ctx->arena, place, count + 1);
    if (!r->places)
        return mc_fail(err, MC_NO_MEMORY, "rehearsal");
    r->place_count = count + 1;
    r->places[0].org_id = r->run->org_id;
    r->places[0].schema = mc__is_per_tenant(plan)
                              ? mc_tenant_schema_name(ctx->arena, key, r->run->org_id)
                              : mc_schema_name(ctx->arena, key);
    for (size_t i = 0; i < count; i++) {
        r->places[i + 1].org_id = others[i];
        r->places[i + 1].schema = mc_tenant_schema_name(ctx->arena, key, others[i]);
    }
    return MC_OK;
}

static mc_code rehearse(mc_installer *self, mc_ctx *ctx, rehearsal *r, mc_str *out_report,
                        mc_err *err)
{
    mc_code rc = load_old(self, ctx, r, err);

    if (rc == MC_OK)
        rc = find_places(ctx, r, err);
    for (size_t i = 0; i < r->place_count && rc == MC_OK; i++)
        rc = take_snapshot(ctx, &r->places[i], r->run->sees_everybody, &r->pass,
                           &r->places[i].before, err);
    if (rc == MC_OK)
        rc = look_as(ctx, r->run->org_id, err);
    if (rc == MC_OK)
        rc = mc__installer_run(self, ctx, r->run, &r->pass, &r->out, err);
    for (size_t i = 0; i < r->place_count && rc == MC_OK; i++)
        rc = take_snapshot(ctx, &r->places[i], r->run->sees_everybody, &r->pass,
                           &r->places[i].after, err);
    return rc == MC_OK ? write_report(ctx, r, out_report, err) : rc;
}

mc_code mc_installer_rehearse(mc_installer *self, mc_ctx *ctx, const mc_install_run *run,
                              mc_str *out_report, mc_err *err)
{
    rehearsal *r = mc_arena_object(ctx->arena, rehearsal);
    mc_code rc;

    if (!r)
        return mc_fail(err, MC_NO_MEMORY, "rehearsal");
    r->run = run;
    mc__pass_begin(&r->pass, self->config.rehearse_max_ms);
    r->pass.changes = &r->changes;
    rc = mc_db_begin(ctx->conn, err);
    if (rc != MC_OK)
        return rc;
    rc = mc__pass_end(&r->pass, ctx, rehearse(self, ctx, r, out_report, err), err);
    mc_db_rollback(ctx->conn); /* with all that it would have told after its commit */
    mc_manifest_free(r->old);
    return rc;
}
