/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/modelbase/modelbase.h"

#include "mc_test.h"

#include <stdio.h>
#include <string.h>

static mc_arena *arena;

static const mc_json *json(const char *text)
{
    const mc_json *value = NULL;
    mc_err err;

    MC_EXPECT_OK(mc_json_parse(arena, mc_z(text), NULL, &value, &err), &err);
    return value;
}

static const mc_column_def columns[] = {
    {.name = MC_STR_INIT("subject"), .type = MC_STR_INIT("String"), .size = 20, .required = true},
    {.name = MC_STR_INIT("status"),
     .type = MC_STR_INIT("string"),
     .index = true,
     .default_sql = MC_STR_INIT("'open'")},
    {.name = MC_STR_INIT("hours"),
     .type = MC_STR_INIT("float"),
     .min = MC_STR_INIT("0"),
     .default_sql = MC_STR_INIT("1.50")},
    {.name = MC_STR_INIT("code"),
     .type = MC_STR_INIT("string"),
     .unique = true,
     .regex = MC_STR_INIT("^[A-Z]+$")},
    {.name = MC_STR_INIT("secret"),
     .type = MC_STR_INIT("text"),
     .visibility = MC_STR_INIT("modal")},
    {.name = MC_STR_INIT("urgent"),
     .type = MC_STR_INIT("boolean"),
     .default_sql = MC_STR_INIT("false")},
    {.name = MC_STR_INIT("owner_id"), .type = MC_STR_INIT("uuid")},
    {.name = MC_STR_INIT("data"), .type = MC_STR_INIT("jsonb")},
    {.name = MC_STR_INIT("created_at"), .type = MC_STR_INIT("datetime")},
};
static const mc_relation_def relations[] = {{.name = MC_STR_INIT("owner"),
                                             .kind = MC_STR_INIT("belongs_to"),
                                             .through = MC_STR_INIT("users"),
                                             .foreign_key = MC_STR_INIT("owner_id")}};

static mc_model_def definition(void)
{
    return (mc_model_def){
        .key = MC_STR("tickets"),
        .table = MC_STR("tickets"),
        .addon_key = MC_STR("desk"),
        .soft_delete = true,
        .columns = columns,
        .column_count = MC_LEN(columns),
        .relations = relations,
        .relation_count = 1,
        .table_meta =
            json("{\"columns\":[{\"key\":\"hours\",\"sortable\":false},{\"key\":\"status\","
                 "\"filterable\":false,\"options\":[{\"value\":\"open\"},{\"value\":\"done\"}]"
                 "}]}"),
        .modal_meta =
            json("{\"fields\":[{\"key\":\"subject\",\"label\":\"Subject line\","
                 "\"validation\":\"required|min:3|max:9\"},{\"key\":\"code\",\"readonly\":"
                 "true}]}"),
    };
}

static mc_model *build(void)
{
    mc_model_def def = definition();
    mc_model *model = NULL;
    mc_err err;

    MC_EXPECT_OK(mc_model_new(&def, MC_DB_SQLITE, &model, &err), &err);
    return model;
}

MC_TEST("a model knows its columns, flags and rules from the definition and both metadata")
{
    mc_model *model;
    const mc_column *c;

    arena = mc_arena_new(0);
    model = build();
    MC_REQUIRE(model != NULL);
    MC_EXPECT_Z(model->physical, "\"addon_desk.tickets\"");
    MC_EXPECT_EQ(model->column_count, 8 + 5);
    MC_EXPECT(mc_str_starts_with(mc_z(model->select_list), MC_STR("\"code\", \"created_at\", ")));
    c = mc_model_find_column(model, MC_STR("subject"));
    MC_EXPECT(c->rules.required && !c->is_nullable && c->is_searchable && c->rules.size_max == 20);
    MC_EXPECT_Z(c->label, "Subject line");
    MC_EXPECT_Z(c->rules.min, "3");
    c = mc_model_find_column(model, MC_STR("status"));
    MC_EXPECT(!c->is_filterable && c->is_sortable && c->rules.option_count == 2);
    MC_EXPECT_Z(c->default_sql, "'open'");
    c = mc_model_find_column(model, MC_STR("hours"));
    MC_EXPECT(c->type == MC_COL_DECIMAL && !c->is_sortable && !c->is_searchable);
    MC_EXPECT_Z(c->default_sql, "'1.50'");
    c = mc_model_find_column(model, MC_STR("code"));
    MC_EXPECT(c->is_readonly && c->is_unique);
    MC_EXPECT(mc_column_regex_matches(c, MC_STR("ABC")) &&
              !mc_column_regex_matches(c, MC_STR("a")));
    c = mc_model_find_column(model, MC_STR("secret"));
    MC_EXPECT(c->is_hidden && !c->is_filterable && !c->is_sortable && !c->is_searchable);
    MC_EXPECT_Z(mc_model_find_column(model, MC_STR("owner_id"))->ref, "users");
    MC_EXPECT(!mc_model_find_column(model, MC_STR("data"))->is_filterable);
    c = mc_model_find_column(model, MC_STR("created_at"));
    MC_EXPECT(c->is_system && c->is_sortable && c->is_filterable);
    MC_EXPECT(!mc_model_find_column(model, MC_STR("organization_id"))->is_filterable);
    MC_EXPECT(mc_model_find_column(model, MC_STR("deleted_at")) == NULL);
    mc_model_free(model);
    mc_arena_free(arena);
}

MC_TEST("definitions that cannot be built are refused by name")
{
    static const struct {
        const char *name, *type, *regex, *says;
    } cases[] = {
        {"a b", "string", "", "identifier"},
        {"x", "money", "", "unknown column type"},
        {"x", "string", "(", "regex"},
        {"x\"y", "string", "", "identifier"},
    };

    arena = mc_arena_new(0);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_column_def column = {.name = mc_z(cases[i].name),
                                .type = mc_z(cases[i].type),
                                .regex = mc_z(cases[i].regex)};
        mc_model_def def = {
            .key = MC_STR("m"), .table = MC_STR("m"), .columns = &column, .column_count = 1};
        mc_model *model = NULL;
        mc_err err;

        MC_CASE(cases[i].says);
        MC_EXPECT_EQ(mc_model_new(&def, MC_DB_SQLITE, &model, &err), MC_INVALID);
        MC_EXPECT_HAS(mc_z(err.msg), cases[i].says);
        MC_EXPECT(model == NULL);
    }
    mc_arena_free(arena);
}

static mc_code ensure(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    return mc_model_ensure_table(user, conn, err);
}

static mc_code run_script(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    return mc_db_exec_script(conn, mc_z(*(const char **)user), err);
}

static mc_code run(mc_db *db, mc_ctx *ctx, const char *sql, mc_err *err)
{
    return mc_db_write(db, ctx, run_script, &sql, err);
}

#define ROW(org, code, deleted)                                                                    \
    "INSERT INTO \"addon_desk.tickets\" (organization_id, subject, code, deleted_at) VALUES "      \
    "('" org "', 's', '" code "', " deleted ");"

MC_TEST("a table is made once, completed when a migration made it, and unique per organization")
{
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    char url[300];
    mc_db *db = NULL;
    mc_model *model;
    mc_err err;

    arena = mc_arena_new(0);
    model = build();
    (void)snprintf(url, sizeof(url), "sqlite:%s/t.db", mc_test_dir());
    MC_REQUIRE_OK(mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &db, &err), &err);
    MC_CASE("over a table that knows next to nothing");
    MC_EXPECT_OK(run(db, &ctx,
                     "CREATE TABLE \"addon_desk.tickets\" (id TEXT PRIMARY KEY DEFAULT "
                     "(gen_random_uuid()), subject TEXT NOT NULL)",
                     &err),
                 &err);
    MC_EXPECT_OK(mc_db_write(db, &ctx, ensure, model, &err), &err);
    MC_EXPECT_OK(mc_db_write(db, &ctx, ensure, model, &err), &err);
    MC_CASE("two organizations may have the same code, one may not have it twice");
    MC_EXPECT_OK(run(db, &ctx, ROW("a", "X", "NULL") ROW("b", "X", "NULL"), &err), &err);
    MC_EXPECT_EQ(run(db, &ctx, ROW("a", "X", "NULL"), &err), MC_CONFLICT);
    MC_EXPECT_OK(run(db, &ctx, ROW("a", "X", "'2026'"), &err), &err);
    mc_db_close(db);
    mc_model_free(model);
    mc_arena_free(ctx.arena);
    mc_arena_free(arena);
}

MC_TEST("the statements for a new table say each column, default and index")
{
    mc_model *model;
    mc_buf ddl;

    arena = mc_arena_new(0);
    model = build();
    mc_buf_init(&ddl, 0);
    mc_model_write_ddl(model, &ddl);
    MC_EXPECT_HAS(mc_buf_get(&ddl), "\"hours\" TEXT COLLATE mc_decimal DEFAULT '1.50'");
    MC_EXPECT_HAS(mc_buf_get(&ddl), "\"urgent\" INTEGER DEFAULT 0");
    MC_EXPECT_HAS(mc_buf_get(&ddl), "\"deleted_at\" TEXT");
    MC_EXPECT_HAS(mc_buf_get(&ddl),
                  "CREATE UNIQUE INDEX IF NOT EXISTS \"addon_desk.uidx_tickets_code\" ON "
                  "\"addon_desk.tickets\" (\"organization_id\", \"code\") WHERE "
                  "\"deleted_at\" IS NULL;");
    mc_buf_deinit(&ddl);
    mc_model_free(model);
    mc_arena_free(arena);
}

MC_TEST("the registry finds by key, keeps what it replaced, and one addon's key is not another's")
{
    mc_model_def other;
    mc_models *models = NULL;
    mc_model *first, *again, *foreign = NULL;
    const mc_model *const *list;
    uint64_t generation;
    size_t count;
    mc_err err;

    arena = mc_arena_new(0);
    first = build();
    again = build();
    other = definition();
    other.addon_key = MC_STR("intruder");
    MC_REQUIRE_OK(mc_models_new(&models, &err), &err);
    MC_REQUIRE_OK(mc_model_new(&other, MC_DB_SQLITE, &foreign, &err), &err);
    MC_EXPECT_OK(mc_models_put(models, first, &err), &err);
    generation = mc_models_generation(models);
    MC_EXPECT_OK(mc_models_put(models, again, &err), &err);
    MC_EXPECT(mc_models_generation(models) > generation);
    MC_EXPECT(mc_models_find(models, MC_STR("tickets")) == again);
    MC_EXPECT_Z(first->key, "tickets");
    MC_EXPECT_EQ(mc_models_put(models, foreign, &err), MC_CONFLICT);
    MC_EXPECT(mc_models_find(models, MC_STR("Tickets")) == NULL);
    MC_EXPECT_OK(mc_models_list(models, arena, &list, &count, &err), &err);
    MC_EXPECT(count == 1 && list[0] == again);
    mc_models_remove_addon(models, MC_STR("desk"));
    MC_EXPECT(mc_models_find(models, MC_STR("tickets")) == NULL);
    mc_models_free(models);
    mc_arena_free(arena);
}

MC_TEST("schema names never collide by being cut")
{
    char a[80], b[80];

    arena = mc_arena_new(0);
    memset(a, 'k', sizeof(a));
    memcpy(b, a, sizeof(b));
    b[70] = 'x';
    MC_EXPECT_Z(mc_schema_name(arena, MC_STR("crm")), "addon_crm");
    MC_EXPECT_Z(mc_tenant_schema_name(arena, MC_STR("crm"), (mc_uuid){{0xab}}),
                "addon_crm$ab000000000000000000000000000000");
    MC_EXPECT(!mc_str_eq(mc_tenant_schema_name(arena, mc_str_of(a, 40), (mc_uuid){{1}}),
                         mc_tenant_schema_name(arena, mc_str_of(a, 40), (mc_uuid){{2}})));
    MC_EXPECT_EQ(mc_schema_name(arena, mc_str_of(a, 80)).len, 63);
    MC_EXPECT(!mc_str_eq(mc_schema_name(arena, mc_str_of(a, 80)),
                         mc_schema_name(arena, mc_str_of(b, 80))));
    MC_EXPECT_Z(mc_physical_name(arena, MC_DB_POSTGRES, MC_STR("addon_crm"), MC_STR("t")),
                "\"addon_crm\".\"t\"");
    MC_EXPECT_Z(mc_physical_name(arena, MC_DB_SQLITE, MC_STR(""), MC_STR("t")), "\"t\"");
    mc_arena_free(arena);
}

/* Two columns that differ only at the end of a name longer than PostgreSQL keeps. */
#define LONG_NAME "a_column_whose_name_is_nearly_as_long_as_a_name_may_be_in_sql"

MC_TEST("names of indexes that are too long never become one")
{
    const mc_column_def twins[] = {
        {.name = MC_STR(LONG_NAME "1"), .type = MC_STR("string"), .unique = true},
        {.name = MC_STR(LONG_NAME "2"), .type = MC_STR("string"), .unique = true}};
    const mc_model_def def = {.key = MC_STR("tickets"),
                              .table = MC_STR("tickets"),
                              .columns = twins,
                              .column_count = MC_LEN(twins)};
    mc_str text, line, names[2] = {{NULL, 0}};
    mc_model *model;
    size_t count = 0;
    mc_err err;
    mc_buf ddl;

    MC_REQUIRE_OK(mc_model_new(&def, MC_DB_POSTGRES, &model, &err), &err);
    mc_buf_init(&ddl, 0);
    mc_model_write_ddl(model, &ddl);
    text = mc_buf_get(&ddl);
    while (mc_str_split(&text, '\n', &line)) {
        size_t quote = mc_str_find_char(line, 0, '"');

        if (mc_str_starts_with(line, MC_STR("CREATE UNIQUE INDEX")) && count < MC_LEN(names))
            names[count++] = mc_str_slice(line, quote + 1, mc_str_find_char(line, quote + 1, '"'));
    }
    MC_EXPECT_EQ(count, 2);
    MC_EXPECT(!mc_str_eq(names[0], names[1]));
    MC_EXPECT(names[0].len <= 63 && names[1].len <= 63);
    mc_buf_deinit(&ddl);
    mc_model_free(model);
}

static mc_code count_org_indexes(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn,
                             MC_STR("SELECT count(*) FROM sqlite_master WHERE type = 'index' AND "
                                    "sql LIKE '%(\"organization_id\", \"status\"%'"),
                             NULL, 0, &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        *(int64_t *)user = mc_db_col_int(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

MC_TEST("a migration's index on the column alone does not hide the one that begins with the "
        "organization")
{
    const mc_column_def column = {
        .name = MC_STR("status"), .type = MC_STR("string"), .index = true};
    const mc_model_def def = {.key = MC_STR("tickets"),
                              .table = MC_STR("tickets"),
                              .addon_key = MC_STR("desk"),
                              .columns = &column,
                              .column_count = 1};
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    int64_t count = 0;
    mc_db *db = NULL;
    mc_model *model;
    char url[300];
    mc_err err;

    (void)snprintf(url, sizeof(url), "sqlite:%s/t.db", mc_test_dir());
    MC_REQUIRE_OK(mc_model_new(&def, MC_DB_SQLITE, &model, &err), &err);
    MC_REQUIRE_OK(mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &db, &err), &err);
    MC_EXPECT_OK(run(db, &ctx,
                     "CREATE TABLE \"addon_desk.tickets\" (id TEXT PRIMARY KEY, status TEXT);"
                     "CREATE INDEX \"addon_desk.idx_tickets_status\" ON \"addon_desk.tickets\" "
                     "(status);",
                     &err),
                 &err);
    MC_EXPECT_OK(mc_db_write(db, &ctx, ensure, model, &err), &err);
    MC_EXPECT_OK(mc_db_read(db, &ctx, count_org_indexes, &count, &err), &err);
    MC_EXPECT_EQ(count, 1);
    mc_db_close(db);
    mc_model_free(model);
    mc_arena_free(ctx.arena);
}

static const struct {
    const char *name, *regex, *text;
    bool matches;
} matches[] = {
    {"a pattern matches anywhere", "b", "abc", true},
    {"the end is the very end", "^\\d+$", "12", true},
    {"not before a last line break, as RE2 has it", "^\\d+$", "12\n", false},
    {"a pattern of endless ways gives up", "^(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab",
     false},
    {"a character is one, however many bytes", "^.$", "ñ", true},
};

MC_TEST("a regex is searched as RE2 does, at a bounded cost")
{
    for (size_t i = 0; i < MC_LEN(matches); i++) {
        const mc_column_def column = {
            .name = MC_STR("x"), .type = MC_STR("string"), .regex = mc_z(matches[i].regex)};
        const mc_model_def def = {
            .key = MC_STR("m"), .table = MC_STR("m"), .columns = &column, .column_count = 1};
        mc_model *model;
        mc_err err;

        MC_CASE(matches[i].name);
        MC_REQUIRE_OK(mc_model_new(&def, MC_DB_SQLITE, &model, &err), &err);
        MC_EXPECT_EQ(mc_column_regex_matches(mc_model_find_column(model, MC_STR("x")),
                                             mc_z(matches[i].text)),
                     matches[i].matches);
        mc_model_free(model);
    }
    MC_CASE(NULL);
}

MC_TEST("a model with a schema per tenant has a table for each organization, the same each time")
{
    const mc_column_def column = {.name = MC_STR("x"), .type = MC_STR("string")};
    const mc_model_def def = {.key = MC_STR("m"),
                              .table = MC_STR("m"),
                              .addon_key = MC_STR("crm"),
                              .columns = &column,
                              .column_count = 1,
                              .is_per_tenant = true};
    const mc_uuid one = {{1}}, two = {{2}};
    const mc_model *first, *again, *other;
    mc_models *models = NULL;
    mc_model *model;
    mc_err err;

    MC_REQUIRE_OK(mc_models_new(&models, &err), &err);
    MC_REQUIRE_OK(mc_model_new(&def, MC_DB_SQLITE, &model, &err), &err);
    MC_REQUIRE_OK(mc_models_put(models, model, &err), &err);
    MC_EXPECT_OK(mc_models_for_org(models, model, one, &first, &err), &err);
    MC_EXPECT_OK(mc_models_for_org(models, model, one, &again, &err), &err);
    MC_EXPECT_OK(mc_models_for_org(models, model, two, &other, &err), &err);
    MC_EXPECT(first == again);
    MC_EXPECT_Z(first->physical, "\"addon_crm$01000000000000000000000000000000.m\"");
    MC_EXPECT(!mc_str_eq(first->physical, other->physical));
    MC_EXPECT(mc_models_find(models, MC_STR("m")) == model);
    mc_models_free(models);
}

static const struct {
    const char *name, *owner, *through, *foreign_key, *target_key;
} pivots[] = {
    {"one of many", "projects", "tags", "project_id", "tag_id"},
    {"in -ies", "books", "categories", "book_id", "category_id"},
    {"in -xes", "shops", "boxes", "shop_id", "box_id"},
    {"in -sses", "schools", "classes", "school_id", "class_id"},
    {"in -ss", "rooms", "glass", "room_id", "glass_id"},
    {"no plural at all", "projects", "people", "project_id", "people_id"},
    {"a model and itself", "people", "people", "people_id", "other_people_id"},
};

MC_TEST("a pivot that nobody declares is a table with a column for either side, once")
{
    mc_arena *memory = mc_arena_new(0);
    mc_err err;

    for (size_t i = 0; i < MC_LEN(pivots); i++) {
        mc_relation_def relation = {.name = MC_STR("r"),
                                    .kind = MC_STR("many_to_many"),
                                    .through = mc_z(pivots[i].through),
                                    .foreign_key = mc_z(pivots[i].foreign_key),
                                    .pivot = MC_STR("links")};
        mc_model_def owners[2] = {{.key = mc_z(pivots[i].owner),
                                   .table = mc_z(pivots[i].owner),
                                   .addon_key = MC_STR("a"),
                                   .relations = &relation,
                                   .relation_count = 1}};
        const mc_model_def *all = owners;
        size_t count = 2;
        mc_model *pivot = NULL;

        MC_CASE(pivots[i].name);
        owners[1] = owners[0];
        MC_REQUIRE_OK(mc_model_add_pivots(memory, &all, &count, &err), &err);
        MC_EXPECT_EQ(count, 3);
        MC_EXPECT(all[2].is_internal);
        MC_REQUIRE_OK(mc_model_new(&all[2], MC_DB_SQLITE, &pivot, &err), &err);
        MC_EXPECT(mc_model_find_column(pivot, relation.foreign_key) != NULL);
        MC_REQUIRE(mc_model_pivot_target(pivot, &relation) != NULL);
        MC_EXPECT_Z(mc_model_pivot_target(pivot, &relation)->name, pivots[i].target_key);
        mc_model_free(pivot);

        MC_CASE("declared by its table: none is made");
        owners[1] = (mc_model_def){.key = MC_STR("joined"), .table = MC_STR("links")};
        all = owners;
        count = 2;
        MC_REQUIRE_OK(mc_model_add_pivots(memory, &all, &count, &err), &err);
        MC_EXPECT_EQ(count, 2);
    }
    mc_arena_free(memory);
}
