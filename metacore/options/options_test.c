/* SPDX-License-Identifier: Apache-2.0 */
/* Options and searches against real tables of two organizations. */
#include "metacore/options/options.h"

#include "metacore/migrations/migrations.h"

#include "mc_test.h"

#include <stdio.h>
#include <string.h>

static mc_ctx ctx;
static mc_db *db;
static mc_models *models;
static mc_dynamic *dynamic;
static mc_i18n *i18n;
static mc_options *options;
static const char *denied; /* the one capability that nobody holds */

static mc_code check(void *user, mc_ctx *unused, mc_str capability, mc_err *err)
{
    (void)user;
    (void)unused;
    return denied && mc_str_eq(capability, mc_z(denied))
               ? mc_fail(err, MC_FORBIDDEN, "permission: denied: missing capability \"%.*s\"",
                         MC_FMT(capability))
               : MC_OK;
}

static const mc_column_def country_columns[] = {
    {.name = MC_STR_INIT("code"), .type = MC_STR_INIT("string"), .unique = true},
    {.name = MC_STR_INIT("name"), .type = MC_STR_INIT("string")},
    {.name = MC_STR_INIT("color"), .type = MC_STR_INIT("string")},
    {.name = MC_STR_INIT("secret"),
     .type = MC_STR_INIT("string"),
     .unique = true,
     .visibility = MC_STR_INIT("modal")},
};
static const mc_column_def customer_columns[] = {
    {.name = MC_STR_INIT("name"), .type = MC_STR_INIT("string")},
    {.name = MC_STR_INIT("notes"), .type = MC_STR_INIT("text")},
    {.name = MC_STR_INIT("country_id"),
     .type = MC_STR_INIT("uuid"),
     .ref = MC_STR_INIT("countries")},
    {.name = MC_STR_INIT("owner_id"), .type = MC_STR_INIT("uuid"), .ref = MC_STR_INIT("users")},
};
static const mc_column_def order_columns[] = {
    {.name = MC_STR_INIT("number"), .type = MC_STR_INIT("string")},
    {.name = MC_STR_INIT("status"), .type = MC_STR_INIT("string")},
    {.name = MC_STR_INIT("kind"), .type = MC_STR_INIT("integer")},
    {.name = MC_STR_INIT("partner"), .type = MC_STR_INIT("string")},
    {.name = MC_STR_INIT("odd"), .type = MC_STR_INIT("string")},
    {.name = MC_STR_INIT("lost"), .type = MC_STR_INIT("string")},
    {.name = MC_STR_INIT("gone"), .type = MC_STR_INIT("string")},
    {.name = MC_STR_INIT("customer_id"),
     .type = MC_STR_INIT("uuid"),
     .ref = MC_STR_INIT("customers")},
};
static const char order_table[] =
    "{\"columns\":[{\"key\":\"status\",\"options\":[{\"value\":\"open\",\"label\":\"t.open\","
    "\"color\":\"blue\"},{\"value\":\"done\",\"label\":\"Done\"},\"bare\"]},"
    "{\"key\":\"odd\",\"optionsConfig\":{\"type\":\"weird\"}}],"
    "\"searchConfig\":{\"searchIn\":[\"number\",\"customer.name\",\"customer.country.name\","
    "\"nowhere.name\",\"customer.owner.name\"],\"description\":\"status\",\"icon\":\"box\","
    "\"orderBy\":\"number\",\"orderDir\":\"desc\"}}";
static const char order_form[] =
    "{\"fields\":[{\"key\":\"kind\",\"optionsConfig\":{\"type\":\"static\",\"options\":[{\"value\":"
    "1,\"label\":\"One\",\"icon\":\"x\"},{\"value\":2,\"label\":\"Two\"}]}},"
    "{\"key\":\"partner\",\"optionsConfig\":{\"source\":\"customers\",\"filter_by\":\"country_id\","
    "\"value\":\"name\",\"description\":\"notes\",\"orderBy\":\"name\",\"orderDir\":\"desc\"}},"
    "{\"key\":\"lost\",\"optionsConfig\":{\"type\":\"dynamic\"}},"
    "{\"key\":\"gone\",\"optionsConfig\":{\"type\":\"dynamic\",\"source\":\"nowhere\"}}]}";
static const char texts[] = "{\"en\":{\"t.open\":\"Open\"},\"es\":{\"t.open\":\"Abierto\"}}";

/* Mine and theirs; %1 is mine. Values that only theirs have start with "their". */
static const char rows[] =
    "INSERT INTO users (id, organization_id, name, email, deleted_at, disabled_at) VALUES "
    "('00000000-0000-4000-8000-00000000000a', '01000000-0000-0000-0000-000000000000', 'Ann', "
    "'ann@example.com', NULL, NULL),"
    "('00000000-0000-4000-8000-00000000000b', '01000000-0000-0000-0000-000000000000', 'Bob', "
    "'bob@example.com', NULL, NULL),"
    "('00000000-0000-4000-8000-00000000000c', '01000000-0000-0000-0000-000000000000', 'Gone', "
    "'gone@example.com', '2026-01-01T00:00:00.000000Z', NULL),"
    "('00000000-0000-4000-8000-00000000000d', '01000000-0000-0000-0000-000000000000', 'Off', "
    "'off@example.com', NULL, '2026-01-01T00:00:00.000000Z'),"
    "('00000000-0000-4000-8000-00000000000e', '02000000-0000-0000-0000-000000000000', "
    "'their user', 'their@example.com', NULL, NULL);"
    "INSERT INTO countries (id, organization_id, code, name, color, secret) VALUES "
    "('00000000-0000-4000-8000-000000000001', '01000000-0000-0000-0000-000000000000', 'de', "
    "'Germany', 'black', 's1'),"
    "('00000000-0000-4000-8000-000000000002', '01000000-0000-0000-0000-000000000000', 'at', "
    "'\xc3\x96sterreich 100%', NULL, 's2'),"
    "('00000000-0000-4000-8000-000000000003', '02000000-0000-0000-0000-000000000000', 'xx', "
    "'their country', 'red', 's3');"
    "INSERT INTO customers (id, organization_id, name, notes, country_id, owner_id) VALUES "
    "('00000000-0000-4000-8000-000000000011', '01000000-0000-0000-0000-000000000000', 'Alpha', "
    "'first', '00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-00000000000a'),"
    "('00000000-0000-4000-8000-000000000012', '01000000-0000-0000-0000-000000000000', 'Beta_x', "
    "NULL, '00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-00000000000b'),"
    "('00000000-0000-4000-8000-000000000013', '02000000-0000-0000-0000-000000000000', "
    "'their customer', 'their notes', NULL, NULL);"
    "INSERT INTO orders (id, organization_id, number, status, customer_id) VALUES "
    "('00000000-0000-4000-8000-000000000021', '01000000-0000-0000-0000-000000000000', 'N-1', "
    "'open', '00000000-0000-4000-8000-000000000011'),"
    "('00000000-0000-4000-8000-000000000022', '01000000-0000-0000-0000-000000000000', 'N-2', "
    "'done', '00000000-0000-4000-8000-000000000012'),"
    "('00000000-0000-4000-8000-000000000023', '02000000-0000-0000-0000-000000000000', "
    "'N-3 their', 'open', '00000000-0000-4000-8000-000000000011');";

static mc_code add_model(mc_db_conn *conn, mc_ctx *unused, void *user, mc_err *err)
{
    mc_model *model;
    mc_code rc = mc_model_new(user, MC_DB_SQLITE, &model, err);

    (void)unused;
    if (rc != MC_OK)
        return rc;
    rc = mc_model_ensure_table(model, conn, err);
    return rc == MC_OK ? mc_models_put(models, model, err) : rc;
}

static mc_code add_rows(mc_db_conn *conn, mc_ctx *unused, void *user, mc_err *err)
{
    (void)unused;
    (void)user;
    return mc_db_exec_script(conn, mc_z(rows), err);
}

static mc_code add_tables(mc_err *err)
{
    const mc_json *table, *form, *catalog;
    mc_code rc = mc_json_parse(ctx.arena, mc_z(order_table), NULL, &table, err);

    if (rc == MC_OK)
        rc = mc_json_parse(ctx.arena, mc_z(order_form), NULL, &form, err);
    if (rc == MC_OK)
        rc = mc_json_parse(ctx.arena, mc_z(texts), NULL, &catalog, err);
    if (rc == MC_OK)
        rc = mc_i18n_put(i18n, MC_STR("shop"), catalog, err);
    for (size_t i = 0; rc == MC_OK && i < 3; i++) {
        mc_model_def defs[] = {
            {.key = MC_STR("countries"),
             .table = MC_STR("countries"),
             .soft_delete = true,
             .columns = country_columns,
             .column_count = MC_LEN(country_columns)},
            {.key = MC_STR("customers"),
             .table = MC_STR("customers"),
             .columns = customer_columns,
             .column_count = MC_LEN(customer_columns)},
            {.key = MC_STR("orders"),
             .table = MC_STR("orders"),
             .soft_delete = true,
             .columns = order_columns,
             .column_count = MC_LEN(order_columns),
             .table_meta = table,
             .modal_meta = form},
        };

        rc = mc_db_write(db, &ctx, add_model, &defs[i], err);
    }
    return rc == MC_OK ? mc_db_write(db, &ctx, add_rows, NULL, err) : rc;
}

static mc_code build(mc_err *err)
{
    char url[256];
    mc_code rc;

    (void)snprintf(url, sizeof(url), "sqlite:%s/o.db", mc_test_dir());
    rc = mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &db, err);
    if (rc == MC_OK)
        rc = mc_migrations_up(db, &ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, err);
    if (rc == MC_OK)
        rc = mc_models_new(&models, err);
    if (rc == MC_OK)
        rc = mc_i18n_new(NULL, &i18n, err);
    if (rc == MC_OK)
        rc = add_tables(err);
    if (rc == MC_OK)
        rc = mc_dynamic_new(
            &(mc_dynamic_config){MC_DYNAMIC_CONFIG, .db = db, .models = models, .check = check},
            &dynamic, err);
    return rc == MC_OK ? mc_options_new(&(mc_options_config){MC_OPTIONS_CONFIG, .dynamic = dynamic,
                                                             .models = models, .i18n = i18n,
                                                             .dialect = MC_DB_SQLITE},
                                        &options, err)
                       : rc;
}

static bool setup(void)
{
    mc_err err;
    mc_code rc;

    denied = NULL;
    ctx = (mc_ctx){.arena = mc_arena_new(0)};
    ctx.who.org_id.bytes[0] = 1;
    ctx.who.user_id.bytes[0] = 9;
    rc = build(&err);
    MC_EXPECT_OK(rc, &err);
    return rc == MC_OK;
}

static void teardown(void)
{
    mc_options_free(options);
    mc_dynamic_free(dynamic);
    mc_db_close(db);
    mc_models_free(models);
    mc_i18n_free(i18n);
    mc_arena_free(ctx.arena);
    options = NULL;
}

typedef struct call {
    const char *model;
    mc_options_request request;
    bool is_search;
    mc_buf out;
    mc_options_result result;
} call;

static mc_code run(mc_db_conn *conn, mc_ctx *unused, void *user, mc_err *err)
{
    call *c = user;

    (void)conn;
    (void)unused;
    return c->is_search ? mc_options_search(options, &ctx, mc_z(c->model), &c->request, &c->out,
                                            &c->result, err)
                        : mc_options_load(options, &ctx, mc_z(c->model), &c->request, &c->out,
                                          &c->result, err);
}

static mc_code perform(call *c, mc_err *err)
{
    mc_buf_init_arena(&c->out, ctx.arena, 0);
    return mc_db_read(db, &ctx, run, c, err);
}

#define ID(last) "\"00000000-0000-4000-8000-0000000000" last "\""
#define OPT(value, label)                                                                          \
    "{\"id\":" value ",\"value\":" value ",\"label\":\"" label "\",\"name\":\"" label "\""
#define ANN OPT(ID("0a"), "Ann") ",\"description\":\"ann@example.com\"}"
#define BOB OPT(ID("0b"), "Bob") ",\"description\":\"bob@example.com\"}"
#define GERMANY OPT(ID("01"), "Germany") ",\"color\":\"black\"}"
#define AUSTRIA OPT(ID("02"), "\xc3\x96sterreich 100%") "}"

static const struct {
    const char *name, *model, *field, *text, *filter, *wanted;
    uint32_t limit, offset;
    bool is_static;
} cases[] = {
    {"rows of a model without any configuration", "countries", "id", "", "",
     "[" GERMANY "," AUSTRIA "]", 0, 0, false},
    {"contained without regard to case", "countries", "id", "MANY", "", "[" GERMANY "]", 0, 0,
     false},
    {"umlauts too", "countries", "id", "\xc3\xb6STER", "", "[" AUSTRIA "]", 0, 0, false},
    {"a wildcard is a character", "countries", "id", "%", "", "[" AUSTRIA "]", 0, 0, false},
    {"and so is the other", "customers", "id", "_", "", "[" OPT(ID("12"), "Beta_x") "}]", 0, 0,
     false},
    {"a backslash finds nothing here", "countries", "id", "\\", "", "[]", 0, 0, false},
    {"one at a time", "countries", "id", "", "", "[" GERMANY "]", 1, 0, false},
    {"and the next", "countries", "id", "", "", "[" AUSTRIA "]", 1, 1, false},
    {"a unique column as the value", "countries", "code", "ger", "",
     "[" OPT("\"de\"", "Germany") ",\"color\":\"black\"}]", 0, 0, false},
    {"where a reference points", "orders", "customer_id", "alp", "",
     "[" OPT(ID("11"), "Alpha") "}]", 0, 0, false},
    {"users of one's own organization", "users", "id", "", "", "[" ANN "," BOB "]", 0, 0, false},
    {"found by their address", "users", "id", "BOB@", "", "[" BOB "]", 0, 0, false},
    {"and through a reference", "customers", "owner_id", "ann", "", "[" ANN "]", 0, 0, false},
    {"a configured source", "orders", "partner", "", "",
     "[" OPT("\"Beta_x\"", "Beta_x") "}," OPT("\"Alpha\"", "Alpha") ",\"description\":\"first\"}]",
     0, 0, false},
    {"filtered by another field's value", "orders", "partner", "",
     "00000000-0000-4000-8000-000000000001",
     "[" OPT("\"Alpha\"", "Alpha") ",\"description\":\"first\"}]", 0, 0, false},
    {"the description is searched", "orders", "partner", "FIRS", "",
     "[" OPT("\"Alpha\"", "Alpha") ",\"description\":\"first\"}]", 0, 0, false},
    {"declared options, translated", "orders", "status", "nothing", "",
     "[" OPT("\"open\"", "t.open") ",\"color\":\"blue\"}," OPT("\"done\"", "Done") "}," OPT(
         "\"bare\"", "bare") "}]",
     1, 0, true},
    {"configured static ones, numbers as numbers", "orders", "kind", "", "",
     "[" OPT("1", "One") ",\"icon\":\"x\"}," OPT("2", "Two") "}]", 0, 0, true},
};

MC_TEST("a field offers what its manifest, its column or its reference says")
{
    MC_REQUIRE(setup());
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        call c = {.model = cases[i].model,
                  .request = {.field = mc_z(cases[i].field),
                              .text = mc_z(cases[i].text),
                              .filter_value = mc_z(cases[i].filter),
                              .limit = cases[i].limit,
                              .offset = cases[i].offset}};
        mc_err err;

        MC_CASE(cases[i].name);
        MC_EXPECT_OK(perform(&c, &err), &err);
        MC_EXPECT_Z(mc_buf_get(&c.out), cases[i].wanted);
        MC_EXPECT_EQ(c.result.is_static, cases[i].is_static);
    }
    teardown();
}

static const struct {
    const char *name, *model, *field, *filter, *denied;
    mc_code rc;
    const char *message;
} refusals[] = {
    {"no field, before anything else", "nowhere", "", "", NULL, MC_INVALID, "field is required"},
    {"no model", "nowhere", "id", "", NULL, MC_NOT_FOUND, "model not found in registry"},
    {"no field of that name", "orders", "nothing", "", NULL, MC_NOT_FOUND,
     "field not configured for options"},
    {"a field without options", "orders", "number", "", NULL, MC_NOT_FOUND,
     "field not configured for options"},
    {"a hidden column", "countries", "secret", "", NULL, MC_NOT_FOUND,
     "field not configured for options"},
    {"the organization", "countries", "organization_id", "", NULL, MC_NOT_FOUND,
     "field not configured for options"},
    {"a password", "users", "password_hash", "", NULL, MC_NOT_FOUND,
     "field not configured for options"},
    {"a type that does not exist", "orders", "odd", "", NULL, MC_INTERNAL,
     "invalid input: unknown field type \"weird\""},
    {"a source that is missing", "orders", "lost", "", NULL, MC_INTERNAL,
     "invalid input: source required for dynamic options"},
    {"a source that does not exist", "orders", "gone", "", NULL, MC_NOT_FOUND,
     "dynamic options source model not found"},
    {"a filter that is no key", "orders", "partner", "x", NULL, MC_INVALID, "filter_value"},
    {"a model that one may not read", "orders", "id", "", "orders.read", MC_FORBIDDEN,
     "orders.read"},
    {"a source that one may not read", "orders", "customer_id", "", "customers.read", MC_FORBIDDEN,
     "customers.read"},
    {"users", "users", "id", "", "users.read", MC_FORBIDDEN, "users.read"},
};

MC_TEST("what cannot be offered is refused in the contract's order and words")
{
    call nobody = {.model = "orders"};
    mc_err err;

    MC_REQUIRE(setup());
    for (size_t i = 0; i < MC_LEN(refusals); i++) {
        call c = {.model = refusals[i].model,
                  .request = {.field = mc_z(refusals[i].field),
                              .filter_value = mc_z(refusals[i].filter)}};

        MC_CASE(refusals[i].name);
        denied = refusals[i].denied;
        MC_EXPECT_EQ(perform(&c, &err), refusals[i].rc);
        MC_EXPECT_HAS(mc_z(err.msg), refusals[i].message);
    }
    MC_CASE("nobody");
    memset(&ctx.who, 0, sizeof(ctx.who));
    MC_EXPECT_EQ(perform(&nobody, &err), MC_UNAUTHENTICATED);
    teardown();
}

#define N(number, last, state)                                                                     \
    "{\"id\":" ID(last) ",\"value\":" ID(last) ",\"label\":\"" number "\",\"name\":\"" number      \
                                               "\",\"description\":\"" state                       \
                                               "\",\"icon\":\"box\"}"
#define N1 N("N-1", "21", "open")
#define N2 N("N-2", "22", "done")

MC_TEST("a search looks where the manifest says, also through references, and nowhere else")
{
    static const struct {
        const char *name, *model, *text, *denied, *wanted;
    } searches[] = {
        {"nothing typed: the first rows, in order", "orders", "", NULL, "[" N2 "," N1 "]"},
        {"a column", "orders", "n-1", NULL, "[" N1 "]"},
        {"one reference away", "orders", "BETA", NULL, "[" N2 "]"},
        {"two references away", "orders", "germ", NULL, "[" N1 "]"},
        {"a user's name", "orders", "bob", NULL, "[" N2 "]"},
        {"not through what one may not read", "orders", "bob", "users.read", "[]"},
        {"a wildcard is a character", "orders", "n_1", NULL, "[]"},
        {"what is not searched", "orders", "open", NULL, "[]"},
        {"another organization's", "orders", "their", NULL, "[]"},
        {"hidden columns", "countries", "s1", NULL, "[]"},
        {"without configuration: searchable columns", "countries", "DE", NULL, "[" GERMANY "]"},
        {"users", "users", "ann@", NULL, "[" ANN "]"},
    };

    MC_REQUIRE(setup());
    for (size_t i = 0; i < MC_LEN(searches); i++) {
        call c = {.model = searches[i].model,
                  .request = {.text = mc_z(searches[i].text)},
                  .is_search = true};
        mc_err err;

        MC_CASE(searches[i].name);
        denied = searches[i].denied;
        MC_EXPECT_OK(perform(&c, &err), &err);
        MC_EXPECT_Z(mc_buf_get(&c.out), searches[i].wanted);
    }
    teardown();
}
