/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/sqlgate/sqlgate.h"

#include "mc_test.h"
#include "metacore/base/buf.h"

#include <stdio.h>
#include <string.h>

static bool stored_column(void *user, mc_str table, mc_str column)
{
    (void)user;
    return (mc_str_eq(table, MC_STR("old")) &&
            (mc_str_eq(column, MC_STR("id")) || mc_str_eq(column, MC_STR("organization_id")) ||
             mc_str_eq(column, MC_STR("code"))));
}

/* Whatever the store, the same is understood and the same refused, in the same words. */
static mc_code translate(mc_arena *arena, const char *sql, mc_strs *out, mc_err *err)
{
    mc_sqlgate_config config = {MC_SQLGATE_CONFIG, .addon_key = MC_STR("k"),
                                .has_column = stored_column};
    mc_arena *other = mc_arena_new((size_t)64 << 20);
    mc_err own = {0}, others = {0};
    mc_strs ignored;
    mc_code rc = mc_sqlgate_migration(&config, arena, mc_z(sql), out, &own);

    config.dialect = MC_DB_POSTGRES;
    if (rc != MC_NO_MEMORY && other) {
        MC_EXPECT_EQ(mc_sqlgate_migration(&config, other, mc_z(sql), &ignored, &others), rc);
        MC_EXPECT_Z(mc_z(others.msg), own.msg);
    }
    mc_arena_free(other);
    if (rc != MC_OK)
        *err = own;
    return rc;
}

/* All statements, each ended by ";\n". */
static mc_str joined(mc_arena *arena, mc_strs statements)
{
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    for (size_t i = 0; i < statements.count; i++)
        mc_buf_printf(&out, "%.*s;\n", MC_FMT(statements.items[i]));
    return mc_buf_get(&out);
}

/* ---- what is understood ---- */

#define T "\"addon_k.t\""
#define ID "id uuid PRIMARY KEY DEFAULT gen_random_uuid()"
#define ID_OUT "\"id\" TEXT NOT NULL DEFAULT (gen_random_uuid())"
#define ID_KEY ", PRIMARY KEY (\"id\"), CHECK (\"id\" IS NOT NULL))"

static const struct {
    const char *name, *sql, *out;
} understood[] = {
    {"nothing", "", ""},
    {"only comments", "-- a\n/* b; DROP TABLE x */;;", ""},
    {"a table of every type",
     "CREATE TABLE t (a uuid, b text, c varchar(20), d char(3), e boolean, f smallint, g integer, "
     "h bigint, i numeric(10,2), j double precision, k real, l timestamp, m timestamptz, n date, "
     "o json, p jsonb, q bytea, r time)",
     "CREATE TABLE " T " (\"a\" TEXT, \"b\" TEXT, \"c\" TEXT, \"d\" TEXT, \"e\" INTEGER, \"f\" "
     "INTEGER, \"g\" INTEGER, \"h\" INTEGER, \"i\" TEXT COLLATE mc_decimal, \"j\" TEXT COLLATE "
     "mc_decimal, \"k\" TEXT COLLATE mc_decimal, \"l\" TEXT, \"m\" TEXT, \"n\" TEXT, \"o\" TEXT, "
     "\"p\" TEXT, \"q\" BLOB, \"r\" TEXT);\n"},
    {"the addon's own schema, any spelling",
     "CREATE TABLE IF NOT EXISTS \"addon_k\".\"t\" (a text)",
     "CREATE TABLE IF NOT EXISTS " T " (\"a\" TEXT);\n"},
    {"defaults as the column keeps them",
     "CREATE TABLE t (a numeric DEFAULT 1.50, b numeric DEFAULT '2.0', c boolean DEFAULT 'yes', d "
     "boolean DEFAULT false, e int DEFAULT -3, f text DEFAULT 'it''s', g timestamptz DEFAULT "
     "now(), "
     "h date DEFAULT CURRENT_DATE, i jsonb DEFAULT '{}'::jsonb, j text DEFAULT NULL, k double "
     "precision DEFAULT 123456789012345678.9)",
     "CREATE TABLE " T " (\"a\" TEXT COLLATE mc_decimal DEFAULT ('1.5'), \"b\" TEXT COLLATE "
     "mc_decimal DEFAULT ('2'), \"c\" INTEGER DEFAULT (1), \"d\" INTEGER DEFAULT (0), \"e\" "
     "INTEGER "
     "DEFAULT (-3), \"f\" TEXT DEFAULT ('it''s'), \"g\" TEXT DEFAULT (now()), \"h\" TEXT DEFAULT "
     "(substr(now(), 1, 10)), \"i\" TEXT DEFAULT ('{}'), \"j\" TEXT DEFAULT (NULL), \"k\" TEXT "
     "COLLATE mc_decimal DEFAULT ('123456789012345678.9'));\n"},
    {"checks",
     "CREATE TABLE t (a int CHECK (a BETWEEN 1 AND 5), b text, CHECK (b IN ('x', 'y') OR b IS "
     "NULL), "
     "CHECK (NOT (a > 3 AND length(lower(b)) <> 2)))",
     "CREATE TABLE " T
     " (\"a\" INTEGER CHECK ((\"a\" BETWEEN 1 AND 5)), \"b\" TEXT, CHECK (((\"b\" "
     "IN ('x', 'y')) OR (\"b\" IS NULL))), CHECK ((NOT ((\"a\" > 3) AND (length(lower(\"b\")) <> "
     "2)))));\n"},
    {"keys of rows, and to them",
     "CREATE TABLE t (" ID ", up uuid REFERENCES t(id) ON DELETE CASCADE, o uuid NOT NULL, FOREIGN "
     "KEY (o) REFERENCES old ON DELETE SET NULL)",
     "CREATE TABLE " T " (" ID_OUT ", \"up\" TEXT REFERENCES " T
     " (\"id\") ON DELETE CASCADE, \"o\" "
     "TEXT NOT NULL, FOREIGN KEY (\"o\") REFERENCES \"addon_k.old\" (\"id\") ON DELETE SET "
     "NULL" ID_KEY ";\n"},
    {"a table that numbers its rows", "CREATE TABLE t (id serial PRIMARY KEY)",
     "CREATE TABLE " T " (\"id\" INTEGER NOT NULL" ID_KEY ";\n"},
    {"an index", "CREATE INDEX IF NOT EXISTS i ON t (a DESC, lower(b)) WHERE a > 0",
     "CREATE INDEX IF NOT EXISTS \"addon_k.i\" ON " T
     " (\"a\" DESC, (lower(\"b\"))) WHERE (\"a\" > "
     "0);\n"},
    {"columns that come and go",
     "ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0, DROP COLUMN b; ALTER TABLE t RENAME "
     "COLUMN a "
     "TO c; ALTER TABLE t RENAME TO u",
     "ALTER TABLE " T " ADD COLUMN \"a\" INTEGER NOT NULL DEFAULT (0);\nALTER TABLE " T
     " DROP COLUMN "
     "\"b\";\nALTER TABLE " T " RENAME COLUMN \"a\" TO \"c\";\nALTER TABLE " T " RENAME TO "
     "\"addon_k.u\";\n"},
    {"columns that are there, or not, already",
     "ALTER TABLE old ADD COLUMN IF NOT EXISTS code text; ALTER TABLE old DROP COLUMN IF EXISTS "
     "gone; "
     "ALTER TABLE old DROP COLUMN IF EXISTS code; ALTER TABLE old ADD COLUMN IF NOT EXISTS code "
     "int",
     "ALTER TABLE \"addon_k.old\" DROP COLUMN \"code\";\nALTER TABLE \"addon_k.old\" ADD COLUMN "
     "\"code\" INTEGER;\n"},
    {"tables and indexes that go", "DROP TABLE IF EXISTS t, addon_k.u; DROP INDEX i",
     "DROP TABLE IF EXISTS " T
     ";\nDROP TABLE IF EXISTS \"addon_k.u\";\nDROP INDEX IF EXISTS \"addon_k.i\";\n"},
    {"rows: numbers stay exact, whatever their column",
     "INSERT INTO t (a, b, c) VALUES (123456789012345678.9, 'x', true), (1, NULL, now()) ON "
     "CONFLICT "
     "(a) DO NOTHING",
     "INSERT INTO " T " (\"a\", \"b\", \"c\") VALUES ('123456789012345678.9', 'x', 1), ('1', NULL, "
     "now()) ON CONFLICT DO NOTHING;\n"},
    {"rows that change and go",
     "UPDATE t SET a = 1.5, b = coalesce(b, 'none') WHERE a IS NULL; DELETE FROM t WHERE b = 'x'",
     "UPDATE " T
     " SET \"a\" = '1.5', \"b\" = coalesce(\"b\", 'none') WHERE (\"a\" IS NULL);\nDELETE "
     "FROM " T " WHERE (\"b\" = 'x');\n"},
    {"what says nothing to the store",
     "CREATE EXTENSION IF NOT EXISTS pgcrypto; CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\"; "
     "COMMENT "
     "ON TABLE t IS 'x'",
     ""},
    {"what the kernel does anyway",
     "BEGIN; SET client_encoding = 'UTF8'; SET search_path TO addon_k, public; CREATE SCHEMA IF "
     "NOT "
     "EXISTS addon_k; CREATE EXTENSION IF NOT EXISTS citext; ALTER TABLE old ENABLE ROW LEVEL "
     "SECURITY; ALTER TABLE old FORCE ROW LEVEL SECURITY; DROP POLICY IF EXISTS p ON old; CREATE "
     "POLICY p ON old USING (organization_id = nullif(current_setting('app.current_org', true), "
     "'')::uuid) WITH CHECK (organization_id = current_setting('app.current_org')::uuid); CREATE "
     "OR "
     "REPLACE FUNCTION touch() RETURNS trigger AS $$ BEGIN NEW.updated_at := NOW(); RETURN NEW; "
     "END "
     "$$ LANGUAGE plpgsql; CREATE TRIGGER x BEFORE UPDATE ON old FOR EACH ROW EXECUTE FUNCTION "
     "touch(); CREATE INDEX g ON old USING gin (code gin_trgm_ops); CREATE INDEX j ON old "
     "((code->>'a')); COMMIT;",
     ""},
    {"lists, kept as JSON",
     "CREATE TABLE t (a text[] NOT NULL DEFAULT '{}', b int[] DEFAULT ARRAY[1, 2]); INSERT INTO t "
     "(a) VALUES ('{x,\"y \\\"z\",NULL}'), (ARRAY['it''s'])",
     "CREATE TABLE " T " (\"a\" TEXT NOT NULL DEFAULT ('[]'), \"b\" TEXT DEFAULT "
     "('[1,2]'));\nINSERT INTO " T " (\"a\") VALUES ('[\"x\",\"y \\\"z\",null]'), "
     "('[\"it''s\"]');\n"},
    {"values as the kernel writes them",
     "CREATE TABLE t (a timestamptz, b uuid, c jsonb); INSERT INTO t (a, b, c) VALUES ('2026-01-31 "
     "10:00:00+02', '6F9619FF-8B86-D011-B42D-00CF4FC964FF', '{\"n\": 1}')",
     "CREATE TABLE " T " (\"a\" TEXT, \"b\" TEXT, \"c\" TEXT);\nINSERT INTO " T
     " (\"a\", \"b\", \"c\") VALUES ('2026-01-31T08:00:00.000000Z', "
     "'6f9619ff-8b86-d011-b42d-00cf4fc964ff', '{\"n\": 1}');\n"},
    {"an enumerated type, and a value more",
     "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE t (a mood DEFAULT 'ok'); ALTER TYPE mood ADD "
     "VALUE IF NOT EXISTS 'fine'",
     "CREATE TABLE \"addon_k.type:mood\" (\"value\" TEXT PRIMARY KEY NOT NULL);\nINSERT INTO "
     "\"addon_k.type:mood\" VALUES ('ok');\nCREATE TABLE " T
     " (\"a\" TEXT DEFAULT ('ok'));\nCREATE TRIGGER IF NOT EXISTS \"addon_k.t:a_type:insert\" "
     "AFTER INSERT ON " T " WHEN EXISTS (SELECT 1 FROM " T
     " WHERE _rowid_ = NEW._rowid_ AND \"a\" NOT IN (SELECT \"value\" FROM "
     "\"addon_k.type:mood\")) BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: a_type'); "
     "END;\nCREATE TRIGGER IF NOT EXISTS \"addon_k.t:a_type:update\" AFTER UPDATE ON " T
     " WHEN EXISTS (SELECT 1 FROM " T
     " WHERE _rowid_ = NEW._rowid_ AND \"a\" NOT IN (SELECT \"value\" FROM "
     "\"addon_k.type:mood\")) BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: a_type'); "
     "END;\nINSERT INTO \"addon_k.type:mood\" VALUES ('fine') ON CONFLICT DO NOTHING;\n"},
    {"an organization by another name",
     "CREATE TABLE t (org_id uuid NOT NULL, a text, CONSTRAINT u UNIQUE (org_id, a)); CREATE INDEX "
     "i "
     "ON t (org_id, a)",
     "CREATE TABLE " T
     " (\"organization_id\" TEXT NOT NULL, \"a\" TEXT);\nCREATE UNIQUE INDEX IF NOT EXISTS "
     "\"addon_k.u\" ON " T " (\"organization_id\", \"a\");\nCREATE INDEX \"addon_k.i\" ON " T
     " (\"organization_id\", \"a\");\n"},
    {"both names are two columns", "CREATE TABLE t (org_id uuid, organization_id uuid)",
     "CREATE TABLE " T " (\"org_id\" TEXT, \"organization_id\" TEXT);\n"},
    {"a key to the kernel's tables",
     "CREATE TABLE t (a uuid REFERENCES public.organizations(id) ON DELETE CASCADE, b uuid "
     "REFERENCES users DEFERRABLE INITIALLY DEFERRED)",
     "CREATE TABLE " T " (\"a\" TEXT REFERENCES \"organizations\" (\"id\") ON DELETE CASCADE, "
     "\"b\" TEXT REFERENCES \"users\" (\"id\") DEFERRABLE INITIALLY DEFERRED);\n"},
    {"an index without a name, and one made beside others' work",
     "CREATE INDEX ON t (a text_pattern_ops, lower(b)); CREATE INDEX CONCURRENTLY i ON t (a)",
     "CREATE INDEX \"addon_k.t_a_expr_idx\" ON " T
     " (\"a\", (lower(\"b\")));\nCREATE INDEX \"addon_k.i\" ON " T " (\"a\");\n"},
    {"more checks",
     "CREATE TABLE t (a text COLLATE \"C\" CHECK (t.a LIKE 'x\\_%*' AND a NOT LIKE '_'), b int "
     "CHECK (b = ANY (ARRAY[1, 2]) AND b IS DISTINCT FROM 3), c boolean CHECK (CASE WHEN c IS TRUE "
     "THEN b > 0 ELSE true END), d text CHECK (d ILIKE 'y%')) WITH (fillfactor = 70)",
     "CREATE TABLE " T
     " (\"a\" TEXT CHECK (((\"a\" GLOB 'x_*[*]') AND (\"a\" NOT GLOB '?'))), \"b\" INTEGER "
     "CHECK (((\"b\" IN (1, 2)) AND (\"b\" IS NOT 3))), \"c\" INTEGER CHECK ((CASE  WHEN "
     "(\"c\" IS TRUE) THEN (\"b\" > 0) ELSE 1 END)), \"d\" TEXT CHECK ((\"d\" LIKE 'y%' "
     "ESCAPE '\\')));\n"},
    {"columns made of others", "CREATE TABLE t (b int, a int GENERATED ALWAYS AS (b * 2) STORED)",
     "CREATE TABLE " T " (\"b\" INTEGER, \"a\" INTEGER GENERATED ALWAYS AS ((\"b\" * 2)));\n"},
    {"a constraint that comes and goes",
     "ALTER TABLE old ADD CONSTRAINT c CHECK (code <> ''); ALTER TABLE old DROP CONSTRAINT IF "
     "EXISTS "
     "c",
     "CREATE TRIGGER IF NOT EXISTS \"addon_k.old:c:insert\" AFTER INSERT ON \"addon_k.old\" WHEN "
     "EXISTS (SELECT 1 FROM \"addon_k.old\" WHERE _rowid_ = NEW._rowid_ AND NOT ((\"code\" <> "
     "''))) BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: c'); END;\nCREATE TRIGGER IF NOT "
     "EXISTS \"addon_k.old:c:update\" AFTER UPDATE ON \"addon_k.old\" WHEN EXISTS (SELECT 1 FROM "
     "\"addon_k.old\" WHERE _rowid_ = NEW._rowid_ AND NOT ((\"code\" <> ''))) BEGIN SELECT "
     "RAISE(ABORT, 'CHECK constraint failed: c'); END;\nDROP TRIGGER IF EXISTS "
     "\"addon_k.old:c:insert\";\nDROP TRIGGER IF EXISTS \"addon_k.old:c:update\";\nDROP TRIGGER IF "
     "EXISTS \"addon_k.old:c:delete\";\nDROP INDEX IF EXISTS \"addon_k.c\";\n"},
    {"rows that replace others by their id",
     "INSERT INTO old (id, code) VALUES ('a', 'b') ON CONFLICT (id) DO UPDATE SET code = "
     "EXCLUDED.code",
     "INSERT INTO \"addon_k.old\" (\"id\", \"code\") VALUES ('a', 'b') ON CONFLICT (\"id\") DO "
     "UPDATE SET \"code\" = excluded.\"code\";\n"},
    {"now, wherever",
     "CREATE TABLE t (a timestamptz DEFAULT (now() AT TIME ZONE 'utc'), b timestamp DEFAULT "
     "timezone('UTC', CURRENT_TIMESTAMP), c timestamptz DEFAULT clock_timestamp())",
     "CREATE TABLE " T " (\"a\" TEXT DEFAULT (now()), \"b\" TEXT DEFAULT (now()), \"c\" TEXT "
     "DEFAULT (now()));\n"},
    {"text that only looks like more",
     "INSERT INTO t (a) VALUES ($$'; DROP TABLE users; --$$), "
     "(E'a\\'; COMMIT;'), (U&'\\0061')",
     "INSERT INTO " T " (\"a\") VALUES ('''; DROP TABLE users; --'), ('a''; COMMIT;'), ('a');\n"},
};

MC_TEST("what a migration may say is written anew for the store")
{
    for (size_t i = 0; i < MC_LEN(understood); i++) {
        mc_arena *arena = mc_arena_new(0);
        mc_strs statements = {NULL, 0};
        mc_err err = {0};

        MC_CASE(understood[i].name);
        MC_EXPECT_OK(translate(arena, understood[i].sql, &statements, &err), &err);
        MC_EXPECT_Z(joined(arena, statements), understood[i].out);
        mc_arena_free(arena);
    }
}

/* ---- whose rows ---- */

static void count_unowned(void *user, const mc_err *what)
{
    MC_EXPECT_HAS(mc_z(what->msg), "migration: line 2: rows of t without organization_id");
    (*(int *)user)++;
}

MC_TEST("rows without an organization get the schema's, or are told of where it has none")
{
    static const struct {
        const char *name, *sql, *owned;
        int told;
    } rows[] = {
        {"rows of nobody", "INSERT INTO t (a) VALUES ('x'), ('y')",
         " (\"a\", \"organization_id\") VALUES ('x', 'me'), ('y', 'me');\n", 1},
        {"rows of somebody", "INSERT INTO t (a, organization_id) VALUES ('x', NULL)",
         " (\"a\", \"organization_id\") VALUES ('x', NULL);\n", 0},
        {"all columns", "INSERT INTO t VALUES (NULL, 'x')", " VALUES (NULL, 'x');\n", 0},
    };

    for (size_t i = 0; i < MC_LEN(rows); i++) {
        mc_arena *arena = mc_arena_new(0);
        mc_str sql =
            mc_str_printf(arena, "CREATE TABLE t (organization_id uuid, a text);\n%s", rows[i].sql);
        mc_strs statements = {NULL, 0};
        int told = 0;
        mc_sqlgate_config config = {MC_SQLGATE_CONFIG, .addon_key = MC_STR("k"),
                                    .on_unowned = count_unowned, .on_unowned_user = &told};
        mc_err err;

        MC_CASE(rows[i].name);
        MC_EXPECT_OK(mc_sqlgate_migration(&config, arena, sql, &statements, &err), &err);
        MC_EXPECT_EQ(told, rows[i].told);
        config.owner = MC_STR("me");
        MC_EXPECT_OK(mc_sqlgate_migration(&config, arena, sql, &statements, &err), &err);
        MC_EXPECT_EQ(told, rows[i].told);
        MC_EXPECT_HAS(joined(arena, statements), rows[i].owned);
        mc_arena_free(arena);
    }
}

/* ---- organizations do not see each other through what is unique ---- */

#define ORG "organization_id uuid NOT NULL"
#define ORG_OUT "\"organization_id\" TEXT NOT NULL"
#define LIVE " WHERE \"deleted_at\" IS NULL"

static const struct {
    const char *name, *sql, *index; /* how the last statement ends */
} uniques[] = {
    {"a column", "CREATE TABLE t (" ORG ", a text UNIQUE)",
     " ON " T " (\"organization_id\", \"a\")"},
    {"a column, declared before the organization", "CREATE TABLE t (a text UNIQUE, " ORG ")",
     " ON " T " (\"organization_id\", \"a\")"},
    {"a constraint, among rows not deleted",
     "CREATE TABLE t (a text, b text, deleted_at timestamptz, " ORG ", CONSTRAINT x UNIQUE (a, b))",
     " ON " T " (\"organization_id\", \"a\", \"b\")" LIVE},
    {"an index", "CREATE TABLE t (" ORG ", a text); CREATE UNIQUE INDEX i ON t (a)",
     "\"addon_k.i\" ON " T " (\"organization_id\", \"a\")"},
    {"an index of an expression, for some rows",
     "CREATE TABLE t (" ORG
     ", a text, deleted_at timestamptz); CREATE UNIQUE INDEX i ON t (lower(a)) "
     "WHERE a <> ''",
     " ON " T " (\"organization_id\", (lower(\"a\")))" LIVE " AND (\"a\" <> '')"},
    {"an index that names the organization itself",
     "CREATE TABLE t (" ORG ", a text); CREATE UNIQUE INDEX i ON t (a, organization_id)",
     " ON " T " (\"a\", \"organization_id\")"},
    {"a table of an earlier migration", "CREATE UNIQUE INDEX i ON old (code)",
     " ON \"addon_k.old\" (\"organization_id\", \"code\")"},
    {"one that is made again only if it is not there",
     "CREATE TABLE IF NOT EXISTS old (code text); CREATE UNIQUE INDEX i ON old (code)",
     " ON \"addon_k.old\" (\"organization_id\", \"code\")"},
    {"one that was renamed", "ALTER TABLE old RENAME TO t; CREATE UNIQUE INDEX i ON t (code)",
     " ON " T " (\"organization_id\", \"code\")"},
    {"one that got its organization later",
     "CREATE TABLE t (a text); ALTER TABLE t ADD COLUMN organization_id uuid, ADD COLUMN "
     "deleted_at "
     "timestamptz; CREATE UNIQUE INDEX i ON t (a)",
     " ON " T " (\"organization_id\", \"a\")" LIVE},
    {"a column that is added unique", "ALTER TABLE old ADD COLUMN n text UNIQUE",
     " ON \"addon_k.old\" (\"organization_id\", \"n\")"},
    {"a key of the author's own", "CREATE TABLE t (" ORG ", a text PRIMARY KEY)",
     ", PRIMARY KEY (\"organization_id\", \"a\"), CHECK (\"a\" IS NOT NULL))"},
    {"a table that organizations do not share", "CREATE TABLE t (a text UNIQUE)",
     " ON " T " (\"a\")"},
    {"a table that was dropped and made again without",
     "DROP TABLE old; CREATE TABLE old (code text); CREATE UNIQUE INDEX i ON old (code)",
     " ON \"addon_k.old\" (\"code\")"},
};

MC_TEST("what is unique is so within an organization, however the table came to have one")
{
    for (size_t i = 0; i < MC_LEN(uniques); i++) {
        mc_arena *arena = mc_arena_new(0);
        mc_strs statements = {NULL, 0};
        mc_err err = {0};

        MC_CASE(uniques[i].name);
        MC_EXPECT_OK(translate(arena, uniques[i].sql, &statements, &err), &err);
        MC_EXPECT(statements.count > 0);
        if (statements.count > 0 &&
            !mc_str_ends_with(statements.items[statements.count - 1], mc_z(uniques[i].index)))
            MC_EXPECT_Z(statements.items[statements.count - 1], uniques[i].index);
        mc_arena_free(arena);
    }
}

/* ---- what is refused ---- */

static const struct {
    const char *sql, *message;
} refused[] = {
    /* kinds of statements */
    {"-- one\n/* two */\n\nSELECT 1", "line 4: select_stmt may not stand in a migration"},
    {"/* /* two */ GRANT */\n\nSELECT 1", "line 3: select_stmt may not stand in a migration"},
    {"COPY t FROM PROGRAM 'id'", "copy_stmt may not"},
    {"COPY t TO '/tmp/x'", "copy_stmt may not"},
    {"DROP ROLE admin", "drop_role_stmt may not"},
    {"CREATE ROLE x SUPERUSER", "create_role_stmt may not"},
    {"ALTER ROLE x SUPERUSER", "alter_role_stmt may not"},
    {"GRANT ALL ON t TO public", "grant_stmt may not"},
    {"DO $$ BEGIN DROP TABLE users; END $$", "do_stmt may not"},
    {"ROLLBACK TO SAVEPOINT a", "ROLLBACK and savepoints may not"},
    {"ROLLBACK", "ROLLBACK and savepoints may not"},
    {"SET search_path TO public, addon_k", "SET search_path"},
    {"SET LOCAL app.current_org = ''", "SET app.current_org"},
    {"RESET ALL", "line 1: SET "},
    {"SET ROLE admin", "SET role"},
    {"SET SESSION AUTHORIZATION admin", "SET session_authorization"},
    {"SHOW all", "variable_show_stmt may not"},
    {"TRUNCATE t", "truncate_stmt may not"},
    {"LOCK TABLE t", "lock_stmt may not"},
    {"VACUUM", "vacuum_stmt may not"},
    {"CREATE FUNCTION f() RETURNS int AS 'SELECT 1' LANGUAGE sql",
     "the function f: only one that sets"},
    {"CREATE FUNCTION f() RETURNS trigger AS $$BEGIN NEW.updated_at = now(); DELETE FROM t; RETURN "
     "NEW; END$$ LANGUAGE plpgsql",
     "the function f: only one that sets"},
    {"CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
     "a trigger that calls f: only one"},
    {"CREATE VIEW v AS SELECT * FROM users", "view_stmt may not"},
    {"CREATE RULE r AS ON SELECT TO t DO NOTHING", "rule_stmt may not"},
    {"CREATE SCHEMA x", "CREATE SCHEMA x"},
    {"CREATE SCHEMA addon_k CREATE TABLE u (a int)", "CREATE SCHEMA addon_k"},
    {"CREATE POLICY p ON public.users USING (true)", "public.users is not the addon's"},
    {"CREATE POLICY p ON t USING (owner_id = current_setting('app.user')::uuid)",
     "CREATE POLICY of more than the organization"},
    {"CREATE POLICY p ON t USING (false)", "CREATE POLICY of more than the organization"},
    {"CREATE POLICY p ON t WITH CHECK (organization_id IN (SELECT id FROM organizations))",
     "CREATE POLICY of more than the organization"},
    {"CREATE TABLE t AS SELECT * FROM users", "create_table_as_stmt may not"},
    {"SELECT * INTO t FROM users", "select_stmt may not"},
    {"SELECT pg_read_file('/etc/passwd')", "select_stmt may not"},
    {"WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d", "select_stmt may not"},
    {"CALL f()", "call_stmt may not"},
    {"PREPARE p AS SELECT 1", "prepare_stmt may not"},
    {"EXECUTE p", "execute_stmt may not"},
    {"LISTEN x", "listen_stmt may not"},
    {"CREATE EXTENSION dblink", "CREATE EXTENSION dblink"},
    {"DROP SCHEMA addon_k CASCADE", "DROP of anything but tables, indexes and types"},
    {"DROP VIEW v", "DROP of anything but tables, indexes and types"},
    {"DROP TABLE t CASCADE", "CASCADE"},
    /* other people's relations */
    {"CREATE TABLE public.users (a int)", "table public.users is not the addon's"},
    {"DROP TABLE addon_other.t", "table addon_other.t is not the addon's"},
    {"DROP TABLE x.addon_k.t", "a catalog"},
    {"DROP INDEX public.i", "index public.i is not the addon's"},
    {"ALTER TABLE \"public\".\"users\" ADD COLUMN a int", "table public.users is not the addon's"},
    {"INSERT INTO metacore_x.users (a) VALUES (1)", "is not the addon's"},
    {"UPDATE public.users SET role = 'owner'", "table public.users is not the addon's"},
    {"DELETE FROM public.users", "table public.users is not the addon's"},
    {"CREATE INDEX i ON public.users (a)", "table public.users is not the addon's"},
    {"CREATE TABLE other.addon_k.t (a int)", "another database"},
    {"CREATE TABLE \"addon_k.t\" (a int)", "is no name of a table"},
    {"CREATE TABLE \"T\" (a int)", "is no name of a table"},
    {"CREATE TABLE sqlite_master (a int)", "is no name of a table"},
    {"CREATE TABLE t (\"a\"\"b\" int)", "is no name of a column"},
    {"CREATE TABLE t (\"Organization_ID\" int)", "is no name of a column"},
    {"CREATE INDEX \"i;x\" ON t (a)", "is no name of a index"},
    {"CREATE TABLE t (a uuid REFERENCES public.sessions (id))",
     "public.sessions is not the addon's"},
    {"CREATE TABLE t (a uuid REFERENCES sessions (id))", "REFERENCES sessions, which is no table"},
    {"CREATE TABLE t (a text REFERENCES users (email))", "REFERENCES to anything but id"},
    {"CREATE TABLE t (a text REFERENCES old (code))", "REFERENCES to anything but id"},
    {"CREATE TEMP TABLE t (a int)", "temporary"},
    {"CREATE UNLOGGED TABLE t (a int)", "temporary and unlogged"},
    /* shapes of tables */
    {"CREATE TABLE t (LIKE old)", "anything but columns and constraints"},
    {"CREATE TABLE t (a int) INHERITS (old)", "inheritance"},
    {"CREATE TABLE t (a int) PARTITION BY RANGE (a)", "partitions"},
    {"CREATE TABLE t ()", "without columns"},
    {"CREATE TABLE t (a int) WITH (oids = true)", "options"},
    {"CREATE TABLE t (a text[] DEFAULT '{a')", "'{a' as a list"},
    {"CREATE TABLE t (a text[] DEFAULT '{{a},{b}}')", "as a list"},
    {"CREATE TABLE t (a text[] DEFAULT ARRAY[now()])", "a list of anything but constants"},
    {"CREATE TABLE t (a jsonb DEFAULT '{')", "'{' as JSON"},
    {"CREATE TABLE t (a uuid DEFAULT 'x')", "'x' as a UUID"},
    {"CREATE TABLE t (a timestamptz DEFAULT '2026-02-30')", "'2026-02-30' as a time"},
    {"CREATE TABLE t (a mood)", "the column type mood"},
    {"CREATE TYPE public.mood AS ENUM ('a')", "a type of another schema"},
    {"ALTER TYPE mood ADD VALUE 'b'", "ALTER TYPE mood, which the addon has not"},
    {"CREATE TYPE mood AS (a int)", "composite_type_stmt may not"},
    {"CREATE TABLE t (a money)", "the column type money"},
    {"CREATE TABLE t (a public.evil)", "a column type of another schema"},
    {"CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY)", "a serial column that is not"},
    {"CREATE TABLE t (a text COLLATE \"es_MX\")", "a collation"},
    {"CREATE TABLE t (a int, EXCLUDE USING gist (a WITH =))", "a table constraint"},
    {"CREATE TABLE t (a int UNIQUE NULLS NOT DISTINCT)", "NULLS NOT DISTINCT"},
    {"CREATE TABLE t (a serial)", "a serial column that is not the primary key"},
    {"CREATE TABLE t (a int PRIMARY KEY, b int PRIMARY KEY)", "two primary keys"},
    {"ALTER TABLE old ADD COLUMN a uuid PRIMARY KEY", "with a primary key"},
    {"ALTER TABLE old ALTER COLUMN code TYPE int", "ALTER TABLE other than"},
    {"ALTER TABLE old DROP CONSTRAINT old_code_check", "only one that was named"},
    {"ALTER TABLE old ADD CONSTRAINT p PRIMARY KEY (id)", "ADD CONSTRAINT of a kind"},
    {"ALTER TABLE old ADD CONSTRAINT c CHECK (code IN (SELECT email FROM users))",
     "an expression of a kind"},
    {"ALTER TABLE old ADD CONSTRAINT c FOREIGN KEY (code) REFERENCES public.sessions",
     "public.sessions is not the addon's"},
    {"ALTER TABLE old ADD CONSTRAINT \"x'); DROP TABLE users; --\" CHECK (id IS NOT NULL)",
     "is no name of a constraint"},
    {"ALTER TABLE old OWNER TO admin", "ALTER TABLE other than"},
    {"ALTER TABLE old DISABLE ROW LEVEL SECURITY", "ALTER TABLE other than"},
    {"ALTER TABLE old SET SCHEMA public", "alter_object_schema_stmt may not"},
    {"ALTER TABLE old DROP COLUMN organization_id", "organization_id, which the kernel needs"},
    {"ALTER TABLE old DROP COLUMN code CASCADE", "CASCADE"},
    {"ALTER TABLE old RENAME COLUMN organization_id TO x", "which the kernel needs"},
    {"ALTER TABLE old RENAME COLUMN code TO organization_id", "which the kernel needs"},
    {"ALTER INDEX i RENAME TO j", "RENAME of anything but"},
    {"CREATE UNIQUE INDEX i ON t (a) NULLS NOT DISTINCT", "NULLS NOT DISTINCT"},
    /* expressions */
    {"CREATE TABLE t (a text DEFAULT current_user)", "a function of the session"},
    {"CREATE TABLE t (a text DEFAULT pg_read_file('/etc/passwd'))", "the function pg_read_file"},
    {"CREATE TABLE t (a text DEFAULT set_config('a', 'b', false))", "the function set_config"},
    {"CREATE TABLE t (a text DEFAULT current_setting('a'))", "the function current_setting"},
    {"CREATE TABLE t (a text DEFAULT public.now())", "the function call now"},
    {"CREATE TABLE t (a timestamptz DEFAULT (now() AT TIME ZONE 'America/Lima'))",
     "the function timezone"},
    {"CREATE TABLE t (a timestamptz DEFAULT timezone('utc', b), b timestamptz)",
     "the function timezone"},
    {"CREATE TABLE t (a int DEFAULT nextval('s'))", "the function nextval"},
    {"CREATE TABLE t (a text DEFAULT load_extension('x'))", "the function load_extension"},
    {"CREATE TABLE t (a int CHECK (a > (SELECT 1)))", "an expression of a kind"},
    {"CREATE TABLE t (a int CHECK (EXISTS (SELECT 1 FROM users)))", "an expression of a kind"},
    {"CREATE TABLE t (a text CHECK (a LIKE b))", "LIKE of anything but a constant"},
    {"CREATE TABLE t (a int CHECK (a > ANY (ARRAY[1, 2])))", "ANY or ALL of anything but a list"},
    {"CREATE TABLE t (a int CHECK (users.a > 1))", "a column of another table"},
    {"CREATE TABLE t (a int CHECK (excluded.a > 1))", "a column of another table"},
    {"CREATE TABLE t (a text CHECK (a ~ 'x'))", "the operator ~"},
    {"CREATE TABLE t (a int DEFAULT B'101')", "a bit string"},
    {"CREATE TABLE t (a boolean DEFAULT 'maybe')", "'maybe' as a boolean"},
    {"CREATE TABLE t (a numeric DEFAULT 'NaN')", "the number NaN"},
    /* rows */
    {"INSERT INTO t SELECT * FROM users", "INSERT of anything but VALUES"},
    {"INSERT INTO t DEFAULT VALUES", "INSERT of anything but VALUES"},
    {"INSERT INTO t (a) VALUES ((SELECT password FROM users))", "an expression of a kind"},
    {"INSERT INTO t (a) VALUES (1) RETURNING a", "INSERT of anything but VALUES"},
    {"INSERT INTO t (a) VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2", "DO UPDATE"},
    {"WITH x AS (DELETE FROM u RETURNING *) INSERT INTO t (a) VALUES (1)", "anything but VALUES"},
    {"UPDATE t SET a = u.a FROM users u", "UPDATE with FROM"},
    {"UPDATE t SET organization_id = gen_random_uuid()", "UPDATE of organization_id"},
    {"UPDATE t SET (a, b) = (1, 2)", "an expression of a kind"},
    {"UPDATE t AS x SET a = 1", "a table by another name"},
    {"DELETE FROM t USING users", "DELETE with USING"},
    {"DELETE FROM t RETURNING *", "DELETE with USING, WITH or RETURNING"},
};

MC_TEST("everything else is refused, saying what and where")
{
    for (size_t i = 0; i < MC_LEN(refused); i++) {
        mc_arena *arena = mc_arena_new(0);
        mc_strs statements = {NULL, 7};
        mc_err err = {0};

        MC_CASE(refused[i].sql);
        MC_EXPECT_EQ(translate(arena, refused[i].sql, &statements, &err), MC_FORBIDDEN);
        MC_EXPECT_HAS(mc_z(err.msg), refused[i].message);
        MC_EXPECT_EQ(statements.count, 7);
        mc_arena_free(arena);
    }
}

MC_TEST("what does not parse is refused, saying where")
{
    static const char *const cases[] = {"CREATE TABEL t (a int)",
                                        "CREATE TABLE t (a int",
                                        "INSERT INTO t VALUES ('a)",
                                        "$$",
                                        "/* never ends",
                                        "CREATE TABLE t (a int));",
                                        "\xff\xfe",
                                        "PRAGMA foreign_keys = 0",
                                        "ATTACH DATABASE 'x' AS y"};

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_arena *arena = mc_arena_new(0);
        mc_strs statements;
        mc_err err = {0};

        MC_CASE(cases[i]);
        MC_EXPECT_EQ(translate(arena, cases[i], &statements, &err), MC_INVALID);
        MC_EXPECT_HAS(mc_z(err.msg), "migration: ");
        mc_arena_free(arena);
    }
}

MC_TEST("what does not parse is told by its line, whatever characters stand before")
{
    static const struct {
        const char *sql, *message;
    } cases[] = {
        {"SELEC 1", "migration: line 1: syntax error"},
        {"-- \xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\n\nSELEC 1", "migration: line 3: syntax error"},
        {"COMMENT ON TABLE t IS '\xc3\xa9';\n'ab", "migration: line 2: unterminated"},
        {"CREATE TABLE t (\na int", "migration: line 2: syntax error at end"},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_arena *arena = mc_arena_new(0);
        mc_strs statements;
        mc_err err = {0};

        MC_CASE(cases[i].sql);
        MC_EXPECT_EQ(translate(arena, cases[i].sql, &statements, &err), MC_INVALID);
        MC_EXPECT_HAS(mc_z(err.msg), cases[i].message);
        mc_arena_free(arena);
    }
}

static void note_refused(void *user, const mc_err *why)
{
    mc_buf_printf(user, "%s\n", why->msg);
}

MC_TEST("who checks is told of every statement that is refused, and gets the others")
{
    mc_arena *arena = mc_arena_new(0);
    mc_sqlgate_config config = {MC_SQLGATE_CONFIG, .addon_key = MC_STR("k")};
    mc_strs statements;
    mc_buf told;
    mc_err err;

    mc_buf_init_arena(&told, arena, 0);
    config.on_refused = note_refused;
    config.on_refused_user = &told;
    MC_REQUIRE_OK(mc_sqlgate_migration(&config, arena,
                                       MC_STR("CREATE TABLE t (a int);\nGRANT ALL ON t TO x;\n"
                                              "SET ROLE x;\nCREATE INDEX i ON t (a);"),
                                       &statements, &err),
                  &err);
    MC_EXPECT_EQ(statements.count, 2);
    MC_EXPECT_HAS(mc_buf_get(&told), "migration: line 2: ");
    MC_EXPECT_HAS(mc_buf_get(&told), "migration: line 3: ");
    mc_arena_free(arena);
}

static mc_code no_such_table(void *user, mc_str table, mc_err *err)
{
    (void)user;
    return mc_fail(err, MC_NOT_FOUND, "%.*s is nowhere", MC_FMT(table));
}

MC_TEST("a table that nobody can make refuses the statement that needs it, by its line")
{
    mc_arena *arena = mc_arena_new(0);
    mc_sqlgate_config config = {MC_SQLGATE_CONFIG, .addon_key = MC_STR("k"),
                                .make_table = no_such_table};
    mc_strs statements;
    mc_err err;

    MC_EXPECT_EQ(mc_sqlgate_migration(&config, arena,
                                      MC_STR("CREATE TABLE t (a int);\nINSERT INTO t (a) VALUES "
                                             "(1);\nINSERT INTO u (a) VALUES (1)"),
                                      &statements, &err),
                 MC_FORBIDDEN);
    MC_EXPECT_Z(mc_z(err.msg), "migration: line 3: u is nowhere");
    mc_arena_free(arena);
}

/* ---- size and depth ---- */

static mc_code translate_repeated(const char *before, const char *part, int times,
                                  const char *after, mc_err *err)
{
    mc_arena *arena = mc_arena_new((size_t)64 << 20);
    mc_strs statements;
    mc_buf sql;
    mc_code rc;

    mc_buf_init_arena(&sql, arena, 0);
    mc_buf_str(&sql, mc_z(before));
    for (int i = 0; i < times; i++)
        mc_buf_str(&sql, mc_z(part));
    mc_buf_str(&sql, mc_z(after));
    mc_buf_char(&sql, '\0');
    rc = translate(arena, sql.ptr, &statements, err);
    mc_arena_free(arena);
    return rc;
}

MC_TEST("long and deep statements are refused before they cost a stack")
{
    static const struct {
        const char *name, *before, *part;
        int times;
        const char *after;
        mc_code rc;
    } cases[] = {
        {"a sum of a few terms", "CREATE TABLE t (a int DEFAULT 1", "+1", 30, ")", MC_OK},
        {"a sum of many", "CREATE TABLE t (a int DEFAULT 1", "+1", 5000, ")", MC_FORBIDDEN},
        {"a sum of more than a statement holds", "CREATE TABLE t (a int DEFAULT 1", "+1", 400000,
         ")", MC_TOO_LARGE},
        {"casts of casts", "CREATE TABLE t (a int DEFAULT 1", "::int", 6000, ")", MC_FORBIDDEN},
        {"parentheses", "CREATE TABLE t (a int CHECK (", "(", 30000, "", MC_TOO_LARGE},
        {"selects in selects", "SELECT (", "SELECT (", 4000, "", MC_INVALID},
        {"many short statements", "", "CREATE INDEX i ON t (a);", 1900, "", MC_OK},
        {"too many statements", "", "CREATE INDEX i ON t (a);", 2001, "", MC_TOO_LARGE},
        {"more than a megabyte", "-- ", "0123456789", 110000, "", MC_TOO_LARGE},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_err err = {0};

        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(translate_repeated(cases[i].before, cases[i].part, cases[i].times,
                                        cases[i].after, &err),
                     cases[i].rc);
    }
}

MC_TEST("a NUL does not hide what stands behind it")
{
    mc_arena *arena = mc_arena_new(0);
    mc_sqlgate_config config = {MC_SQLGATE_CONFIG, .addon_key = MC_STR("k")};
    mc_strs statements;
    mc_err err;

    MC_EXPECT_EQ(
        mc_sqlgate_migration(&config, arena, MC_STR("DROP TABLE t\0; COMMIT"), &statements, &err),
        MC_INVALID);
    mc_arena_free(arena);
}

/* ---- on a store ---- */

typedef struct script {
    mc_strs statements;
    size_t tables; /* out */
} script;

static mc_code run_script(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    script *s = user;
    mc_db_rows rows;
    mc_code rc = MC_OK;

    (void)ctx;
    for (size_t i = 0; i < s->statements.count && rc == MC_OK; i++)
        rc = mc_db_exec_script(conn, s->statements.items[i], err);
    if (rc == MC_OK)
        rc = mc_db_query(conn,
                         MC_STR("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND "
                                "name LIKE 'addon\\_k.%' ESCAPE '\\'"),
                         NULL, 0, &rows, err);
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        s->tables = (size_t)mc_db_col_int(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

static mc_db *open_store(mc_arena *arena)
{
    mc_db *db = NULL;
    mc_err err;

    MC_EXPECT_OK(
        mc_db_open(&(mc_db_config){MC_DB_CONFIG,
                                   .url = mc_str_printf(arena, "sqlite:%s/a.db", mc_test_dir())},
                   &db, &err),
        &err);
    return db;
}

#define A "6f9619ff-8b86-d011-b42d-00cf4fc964fa"
#define B "6f9619ff-8b86-d011-b42d-00cf4fc964fb"

MC_TEST("all that is understood runs on the store, once and in order")
{
    static const char sql[] =
        "CREATE TABLE t (" ID ", " ORG
        ", code varchar(20) UNIQUE, price numeric(18,4) NOT NULL DEFAULT "
        "0 CHECK (price >= 0), on_sale boolean DEFAULT 'true', deleted_at timestamptz, made "
        "timestamptz "
        "DEFAULT now());"
        "CREATE TABLE lines (" ID
        ", t_id uuid NOT NULL REFERENCES t (id) ON DELETE CASCADE, n int);"
        "CREATE UNIQUE INDEX i ON t (lower(code)) WHERE code <> '';"
        "INSERT INTO t (id, organization_id, code, price) VALUES ('" A "', '" A "', "
        "'x', 123456789012345678.9), ('" B "', '" B "', 'x', 2);"
        "INSERT INTO lines (t_id, n) VALUES ('" A "', 1), ('" B "', 2);"
        "UPDATE t SET price = 1.50 WHERE code = 'x' AND price < 3;"
        "DELETE FROM lines WHERE n = 2;"
        "ALTER TABLE t ADD COLUMN note text; ALTER TABLE t RENAME COLUMN note TO notes;"
        "ALTER TABLE t DROP COLUMN notes; ALTER TABLE lines RENAME TO items; DROP INDEX i;";
    mc_arena *arena = mc_arena_new((size_t)32 << 20);
    mc_ctx ctx = {.arena = arena};
    mc_db *db = open_store(arena);
    script s = {{NULL, 0}, 0};
    mc_err err;

    MC_REQUIRE(db);
    MC_REQUIRE_OK(translate(arena, sql, &s.statements, &err), &err);
    MC_EXPECT_OK(mc_db_write(db, &ctx, run_script, &s, &err), &err);
    MC_EXPECT_EQ(s.tables, 2);

    MC_CASE("what is unique holds within an organization");
    MC_REQUIRE_OK(translate(arena, "INSERT INTO t (organization_id, code) VALUES ('" A "', 'x')",
                            &s.statements, &err),
                  &err);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, run_script, &s, &err), MC_CONFLICT);

    MC_CASE("checks compare decimals as numbers");
    MC_REQUIRE_OK(translate(arena, "INSERT INTO t (organization_id, price) VALUES ('" A "', -0.5)",
                            &s.statements, &err),
                  &err);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, run_script, &s, &err), MC_INVALID);
    mc_db_close(db);
    mc_arena_free(arena);
}

static const char rules[] =
    "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE p (" ID ", n int); CREATE TABLE t (" ID
    ", price numeric CONSTRAINT positive CHECK (price >= 0), m mood, p_id uuid, q_id uuid, r_id "
    "uuid);"
    "ALTER TABLE t ADD CONSTRAINT cheap CHECK (price < 100); ALTER TABLE t ADD CONSTRAINT fp "
    "FOREIGN "
    "KEY (p_id) REFERENCES p(id) ON DELETE CASCADE; ALTER TABLE t ADD FOREIGN KEY (q_id) "
    "REFERENCES "
    "p ON DELETE SET NULL; ALTER TABLE t ADD CONSTRAINT fr FOREIGN KEY (r_id) REFERENCES p; ALTER "
    "TYPE mood ADD VALUE 'happy'; INSERT INTO p (id) VALUES ('" A "'), ('" B "');";

static const struct {
    const char *name, *sql;
    mc_code rc;
} ruled[] = {
    {"values that are fine", "INSERT INTO t (price, m, p_id) VALUES (99.5, 'happy', '" A "')",
     MC_OK},
    {"nothing", "INSERT INTO t (price) VALUES (NULL)", MC_OK},
    {"a decimal below, as a number", "INSERT INTO t (price) VALUES (-0.5)", MC_INVALID},
    {"a decimal above, as a number", "INSERT INTO t (price) VALUES (100.1)", MC_INVALID},
    {"no value of the type", "INSERT INTO t (m) VALUES ('angry')", MC_INVALID},
    {"a change to no value of the type", "UPDATE t SET m = 'angry'", MC_INVALID},
    {"a change that breaks a rule", "UPDATE t SET price = 1000 WHERE m = 'happy'", MC_INVALID},
    {"a key to nothing",
     "INSERT INTO t (p_id) VALUES ('" A "'), ('00000000-0000-4000-8000-000000000000')", MC_INVALID},
    {"a row that others need", "INSERT INTO t (r_id) VALUES ('" B "'); DELETE FROM p", MC_INVALID},
    {"a row that goes with another, and one that only forgets it",
     "INSERT INTO t (id, q_id) VALUES ('" B "', '" A "'); DELETE FROM p WHERE id = '" A
     "'; INSERT INTO "
     "t (id) VALUES ('" B "') ON CONFLICT (id) DO UPDATE SET price = 7",
     MC_OK},
    {"a column that became required",
     "ALTER TABLE p ALTER COLUMN n SET NOT NULL; INSERT INTO p (n) VALUES (NULL)", MC_INVALID},
    {"a rule that was dropped",
     "ALTER TABLE t DROP CONSTRAINT cheap; INSERT INTO t (price) VALUES (1000)", MC_OK},
};

MC_TEST("rules that a table has by triggers hold like its own")
{
    mc_arena *arena = mc_arena_new((size_t)32 << 20);
    mc_ctx ctx = {.arena = arena};
    mc_db *db = open_store(arena);
    script s = {{NULL, 0}, 0};
    mc_err err;

    MC_REQUIRE(db);
    MC_REQUIRE_OK(translate(arena, rules, &s.statements, &err), &err);
    MC_EXPECT_OK(mc_db_write(db, &ctx, run_script, &s, &err), &err);
    for (size_t i = 0; i < MC_LEN(ruled); i++) {
        MC_CASE(ruled[i].name);
        MC_REQUIRE_OK(translate(arena, ruled[i].sql, &s.statements, &err), &err);
        MC_EXPECT_EQ(mc_db_write(db, &ctx, run_script, &s, &err), ruled[i].rc);
    }
    mc_db_close(db);
    mc_arena_free(arena);
}

static mc_code translate_small(mc_err *err)
{
    mc_arena *arena = mc_arena_new(0);
    mc_strs statements;
    mc_code rc = arena ? translate(arena, "CREATE TABLE t (a int, b text UNIQUE)", &statements, err)
                       : mc_fail(err, MC_NO_MEMORY, "test");

    mc_arena_free(arena);
    return rc;
}

MC_TEST("translating again and again leaves nothing behind")
{
    mc_err err;

    for (int i = 0; i < 50; i++)
        MC_EXPECT_OK(translate_small(&err), &err);
}
