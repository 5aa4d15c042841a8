/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/sqlgate/sqlguest_test_internal.h"

#include <stdio.h>
#include <string.h>

#define BASE                                                                                       \
    "\"id\" TEXT PRIMARY KEY NOT NULL DEFAULT (gen_random_uuid()), \"organization_id\" TEXT NOT "  \
    "NULL, \"created_by_id\" TEXT, \"created_at\" TEXT NOT NULL DEFAULT (now()), \"updated_at\" "  \
    "TEXT NOT NULL DEFAULT (now()), \"deleted_at\" TEXT"

static const char schema[] =
    "CREATE TABLE organizations (id TEXT PRIMARY KEY, secret TEXT);"
    "CREATE TABLE users (id TEXT PRIMARY KEY, organization_id TEXT, email TEXT, password_hash "
    "TEXT);"
    "CREATE TABLE metacore_installations (id TEXT, organization_id TEXT, secret_enc TEXT);"
    "CREATE TABLE \"addon_other.things\" (id TEXT PRIMARY KEY, organization_id TEXT, name TEXT);"
    "CREATE TABLE \"addon_k.items\" (" BASE ", \"name\" TEXT, \"qty\" INTEGER, \"price\" TEXT "
    "COLLATE mc_decimal, \"active\" INTEGER, \"due\" TEXT, \"meta\" TEXT, \"code\" TEXT);"
    "CREATE UNIQUE INDEX u ON \"addon_k.items\" (organization_id, code);"
    "CREATE TABLE \"addon_k.lines\" (" BASE
    ", \"item_id\" TEXT REFERENCES \"addon_k.items\"(id) ON "
    "DELETE CASCADE, \"n\" INTEGER);"
    "CREATE TABLE \"addon_k.loose\" (\"organization_id\" TEXT, \"what\" TEXT);"
    "INSERT INTO organizations VALUES ('" MINE "', 'SECRET'), ('" THEIRS "', 'SECRET');"
    "INSERT INTO users VALUES ('u1', '" MINE "', 'me@example.com', 'SECRET'), ('u2', '" THEIRS
    "', 'SECRET@example.com', 'SECRET');"
    "INSERT INTO metacore_installations VALUES ('i', '" MINE "', 'SECRET');"
    "INSERT INTO \"addon_other.things\" VALUES ('o', '" MINE "', 'SECRET');"
    "INSERT INTO \"addon_k.items\" (id, organization_id, created_at, updated_at, name, qty, price, "
    "active, due, meta, code) VALUES "
    "('" ITEM(
        1) "', '" MINE "', '" NOW "', '" NOW "', 'alpha', 3, '9.5', 1, '2026-01-31', "
           "'{\"a\":{\"b\":[1,true,null]},\"t\":\"x\"}', 'A1'),"
           "('" ITEM(
               2) "', '" MINE "', '" NOW "', '" NOW "', 'Beta', 10, '10.25', 0, NULL, NULL, 'A2'),"
                  "('" ITEM(
                      3) "', '" THEIRS "', '" NOW "', '" NOW "', 'SECRET-1', 777, '777.5', 1, "
                         "'2026-02-01', '{\"k\":\"SECRET\"}', 'A1'),"
                         "('" ITEM(4) "', '" THEIRS "', '" NOW "', '" NOW
                                      "', 'SECRET-2', 778, '778', 0, NULL, NULL, "
                                      "'SECRET');"
                                      "INSERT INTO \"addon_k.lines\" (organization_id, item_id, n) "
                                      "VALUES ('" MINE "', '" ITEM(1) "', 1), ('" MINE "', '" ITEM(
                                          1) "', 2), ('" THEIRS
                                             "', '" ITEM(
                                                 3) "', 777);"
                                                    "INSERT INTO \"addon_k.loose\" VALUES ('" MINE
                                                    "', '7'), ('" THEIRS "', 'SECRET');";

mc_arena *arena;
static mc_db *db;

#define C(name, kind)                                                                              \
    {                                                                                              \
        MC_STR_INIT(name), kind, NULL                                                              \
    }
#define KERNEL                                                                                     \
    C("id", MC_SQL_UUID), C("organization_id", MC_SQL_UUID), C("created_by_id", MC_SQL_UUID),      \
        C("created_at", MC_SQL_TIME), C("updated_at", MC_SQL_TIME), C("deleted_at", MC_SQL_TIME)
static const mc_sqlguest_column item_columns[] = {KERNEL,
                                                  C("name", MC_SQL_TEXT),
                                                  C("qty", MC_SQL_INT),
                                                  C("price", MC_SQL_DECIMAL),
                                                  C("active", MC_SQL_BOOL),
                                                  C("due", MC_SQL_DATE),
                                                  C("meta", MC_SQL_JSON),
                                                  C("code", MC_SQL_TEXT)};
static const mc_sqlguest_column line_columns[] = {KERNEL, C("item_id", MC_SQL_UUID),
                                                  C("n", MC_SQL_INT)};
static const mc_sqlguest_column loose_columns[] = {C("organization_id", MC_SQL_ANY),
                                                   C("what", MC_SQL_ANY)};
static const mc_sqlguest_column user_columns[] = {C("id", MC_SQL_UUID), C("email", MC_SQL_TEXT)};

static const struct {
    const char *schema, *name;
    mc_sqlguest_relation relation;
} relations[] = {
    {"addon_k",
     "items",
     {MC_STR_INIT("\"addon_k.items\""), MC_STR_INIT("addon_k.items"), item_columns,
      MC_LEN(item_columns), false, true, NULL}},
    {"addon_k",
     "lines",
     {MC_STR_INIT("\"addon_k.lines\""), MC_STR_INIT("addon_k.lines"), line_columns,
      MC_LEN(line_columns), false, true, NULL}},
    {"addon_k",
     "loose",
     {MC_STR_INIT("\"addon_k.loose\""), MC_STR_INIT("addon_k.loose"), loose_columns,
      MC_LEN(loose_columns), false, false, NULL}},
    {"public",
     "users",
     {MC_STR_INIT("\"users\""), MC_STR_INIT("users"), user_columns, MC_LEN(user_columns), false,
      false, NULL}},
};

static mc_code find(void *user, mc_str schema_name, mc_str table, bool is_write,
                    mc_sqlguest_relation *out, mc_err *err)
{
    (void)user;
    for (size_t i = 0; i < MC_LEN(relations); i++) {
        bool is_own = mc_str_eq(mc_z(relations[i].schema), MC_STR("addon_k"));

        if (!mc_str_eq(table, mc_z(relations[i].name)) || (is_write && !is_own) ||
            (schema_name.len && !mc_str_eq(schema_name, mc_z(relations[i].schema))))
            continue;
        *out = relations[i].relation;
        return MC_OK;
    }
    return mc_fail(err, MC_FORBIDDEN, "addon \"k\" lacks db:%s \"%.*s\"",
                   is_write ? "write" : "read", MC_FMT(table));
}

/* ---- running ---- */

static mc_code run_statement(mc_db_conn *conn, run *r, mc_err *err)
{
    mc_db_guard guard = {MC_DB_GUARD,
                         .reads = r->statement.reads,
                         .changes = r->statement.target.stored,
                         .keys = MC_STR("addon_k."),
                         .is_function = mc_sqlguest_is_function,
                         .budget_us = 2000000,
                         .value_bytes_max = 1 << 20};
    mc_db_value args[MC_SQLGUEST_USER] = {mc_db_null()};
    mc_db_rows rows;
    mc_uuid org;
    mc_code rc;

    for (size_t i = 0; i < r->statement.param_count && i < MC_LEN(r->args); i++)
        args[i] = r->args[i];
    MC_EXPECT(mc_uuid_parse(mc_z(r->org), &org));
    args[MC_SQLGUEST_ORG - 1] = mc_db_uuid(org);
    args[MC_SQLGUEST_NOW - 1] = mc_db_text(MC_STR(NOW));
    args[MC_SQLGUEST_USER - 1] = mc_db_uuid(org);
    rc = mc_db_query_guarded(conn, &guard, r->statement.sql, args, r->statement.arg_count, &rows,
                             err);
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        for (size_t i = 0; i < r->statement.column_count; i++) {
            mc_buf_str(&r->out, i ? MC_STR("|") : MC_STR(""));
            mc_buf_str(&r->out,
                       mc_db_col_is_null(&rows, i) ? MC_STR("null") : mc_db_col_text(&rows, i));
        }
        if (r->statement.column_count)
            mc_buf_char(&r->out, '\n');
    }
    r->changed = mc_db_rows_changed(&rows);
    return mc_db_rows_finish(&rows, err);
}

static mc_code run_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    return run_statement(conn, user, err);
}

mc_code run_sql(run *r, mc_err *err)
{
    mc_sqlguest_config config = {MC_SQLGUEST_CONFIG, .is_exec = r->is_exec, .find = find};
    mc_ctx ctx = {.arena = arena};
    mc_code rc;

    if (!r->org)
        r->org = MINE;
    MC_EXPECT(mc_uuid_parse(mc_z(r->org), &config.org_id));
    mc_buf_init_arena(&r->out, arena, 0);
    rc = mc_sqlguest_translate(&config, arena, mc_z(r->sql), &r->statement, err);
    if (rc != MC_OK)
        return rc;
    return r->is_exec ? mc_db_write(db, &ctx, run_in, r, err)
                      : mc_db_read(db, &ctx, run_in, r, err);
}

typedef struct dump {
    mc_buf text;
} dump;

/* Everything that is the other organization's, or nobody's. */
static mc_code read_theirs(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    static const char *const queries[] = {
        "SELECT * FROM \"addon_k.items\" WHERE organization_id <> '" MINE "' ORDER BY id",
        "SELECT * FROM \"addon_k.lines\" WHERE organization_id <> '" MINE "' ORDER BY id",
        "SELECT * FROM \"addon_k.loose\" WHERE organization_id IS NOT '" MINE "' ORDER BY what",
        "SELECT * FROM users",
        "SELECT * FROM organizations",
        "SELECT * FROM metacore_installations",
        "SELECT * FROM \"addon_other.things\"",
        "SELECT name, sql FROM sqlite_master ORDER BY name"};
    dump *d = user;

    (void)ctx;
    for (size_t i = 0; i < MC_LEN(queries); i++) {
        mc_db_rows rows;
        mc_code rc = mc_db_query(conn, mc_z(queries[i]), NULL, 0, &rows, err);

        if (rc != MC_OK)
            return rc;
        while (mc_db_rows_next(&rows)) {
            for (size_t c = 0; c < mc_db_col_count(&rows); c++)
                mc_buf_printf(&d->text, "%.*s|", MC_FMT(mc_db_col_text(&rows, c)));
            mc_buf_char(&d->text, '\n');
        }
        rc = mc_db_rows_finish(&rows, err);
        if (rc != MC_OK)
            return rc;
    }
    return MC_OK;
}

mc_str theirs(void)
{
    dump d;
    mc_ctx ctx = {.arena = arena};
    mc_err err;

    mc_buf_init_arena(&d.text, arena, 0);
    MC_EXPECT_OK(mc_db_read(db, &ctx, read_theirs, &d, &err), &err);
    return mc_buf_get(&d.text);
}

static mc_code make_schema(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    (void)user;
    return mc_db_exec_script(conn, mc_z(schema), err);
}

bool open_db(void)
{
    static char url[300];
    mc_ctx ctx = {0};
    mc_err err;

    arena = mc_arena_new((size_t)256 << 20);
    (void)snprintf(url, sizeof(url), "sqlite:%s/guest.db", mc_test_dir());
    if (mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &db, &err) != MC_OK)
        return false;
    ctx.arena = arena;
    return mc_db_write(db, &ctx, make_schema, NULL, &err) == MC_OK;
}

void close_db(void)
{
    mc_db_close(db);
    mc_arena_free(arena);
}
