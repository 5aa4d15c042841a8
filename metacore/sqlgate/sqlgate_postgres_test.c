/* SPDX-License-Identifier: Apache-2.0 */
/* The gate's statements on a real PostgreSQL: they run, and mean what their author said. */
#include "mc_postgres.h"
#include "mc_test.h"
#include "metacore/base/buf.h"
#include "metacore/sqlgate/sqlgate.h"

static mc_db *open_new(void)
{
    mc_db_config config = {MC_DB_CONFIG, .url = mc_postgres_database(),
                           .module_path = mc_postgres_module()};
    mc_db *db = NULL;
    mc_err err;

    MC_EXPECT_OK(mc_db_open(&config, &db, &err), &err);
    return db;
}

typedef struct script {
    const char *sql, *ask;
    mc_str schema;
    mc_str answer; /* of ask: its rows, "a|b" each, joined by ',' */
} script;

static bool has_column(void *user, mc_str table, mc_str column)
{
    (void)user;
    return mc_str_eq(table, MC_STR("old")) && !mc_str_eq(column, MC_STR("deleted_at")) &&
           !mc_str_eq(column, MC_STR("org_id"));
}

static mc_code prepare(mc_db_conn *conn, mc_str schema, mc_err *err)
{
    mc_buf sql;
    mc_code rc;

    mc_buf_init(&sql, 0);
    mc_buf_lit(&sql, "CREATE TABLE public.organizations (id uuid PRIMARY KEY, name text);"
                     "CREATE TABLE public.users (id uuid PRIMARY KEY); CREATE SCHEMA ");
    mc_buf_sql_ident(&sql, schema);
    mc_buf_lit(&sql, "; CREATE TABLE ");
    mc_buf_sql_ident(&sql, schema);
    mc_buf_lit(&sql, ".old (id uuid PRIMARY KEY, organization_id uuid, code text, n int)");
    rc = mc_db_exec_script(conn, mc_buf_get(&sql), err);
    mc_buf_deinit(&sql);
    return rc;
}

static mc_code ask(mc_db_conn *conn, mc_ctx *ctx, script *s, mc_err *err)
{
    mc_buf out;
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, mc_z(s->ask), NULL, 0, &rows, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&out, ctx->arena, 0);
    while (mc_db_rows_next(&rows)) {
        if (out.len)
            mc_buf_char(&out, ',');
        for (size_t i = 0; i < mc_db_col_count(&rows); i++) {
            if (i > 0)
                mc_buf_char(&out, '|');
            mc_buf_str(&out,
                       mc_db_col_is_null(&rows, i) ? MC_STR("null") : mc_db_col_text(&rows, i));
        }
    }
    s->answer = mc_buf_get(&out);
    return mc_db_rows_finish(&rows, err);
}

static mc_code run_script(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    script *s = user;
    bool needs_citext = false;
    mc_sqlgate_config config = {MC_SQLGATE_CONFIG,         .addon_key = MC_STR("k"),
                                .schema = s->schema,       .has_column = has_column,
                                .dialect = MC_DB_POSTGRES, .out_needs_citext = &needs_citext};
    mc_strs statements;
    mc_code rc = mc_sqlgate_migration(&config, ctx->arena, mc_z(s->sql), &statements, err);

    if (rc == MC_OK)
        rc = prepare(conn, s->schema.len ? s->schema : MC_STR("addon_k"), err);
    if (rc == MC_OK && needs_citext)
        rc = mc_db_exec_script(conn, MC_STR("CREATE EXTENSION citext WITH SCHEMA public"), err);
    for (size_t i = 0; i < statements.count && rc == MC_OK; i++)
        rc = mc_db_exec_script(conn, statements.items[i], err);
    if (rc == MC_OK)
        rc = ask(conn, ctx, s, err);
    return rc == MC_OK ? MC_REJECTED : rc; /* all of it is taken back: the next row starts afresh */
}

#define A "'6f9619ff-8b86-d011-b42d-00cf4fc964ff'"
#define COLUMNS(table)                                                                             \
    "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = "          \
    "'addon_k' AND table_name = '" table "' ORDER BY ordinal_position"
#define INDEXES                                                                                    \
    "SELECT replace(indexdef, 'addon_k.', '') FROM pg_indexes WHERE schemaname = 'addon_k' AND "   \
    "indexname NOT LIKE '%_pkey' ORDER BY indexname"

static const struct {
    const char *name, *sql, *ask, *answer;
} cases[] = {
    {"columns are kept as the store's kinds are",
     "CREATE TABLE t (a uuid, b text, c varchar(20), d char(3), e boolean, f smallint, g integer, "
     "h "
     "bigint, i numeric(10,2), j double precision, l timestamp, m timestamptz, n date, o json, p "
     "jsonb, q bytea, r time, s inet, u text[])",
     COLUMNS("t"),
     "a|uuid,b|text,c|character varying,d|text,e|boolean,f|smallint,g|integer,h|bigint,i|numeric,j|"
     "numeric,l|timestamp with time zone,m|timestamp with time zone,n|date,o|jsonb,p|jsonb,q|bytea,"
     "r|text,s|text,u|jsonb"},
    {"defaults are values of their columns",
     "CREATE TABLE t (a numeric DEFAULT 1.50, b boolean DEFAULT 'yes', c boolean DEFAULT false, d "
     "int DEFAULT -3, e text DEFAULT 'it''s', f jsonb DEFAULT '{\"a\": 1}'::jsonb, g text[] "
     "DEFAULT "
     "'{x,y}', h text DEFAULT NULL, i varchar(9) DEFAULT 'new'::varchar, k date DEFAULT "
     "CURRENT_DATE, l timestamptz DEFAULT (now() AT TIME ZONE 'utc'), m timestamp DEFAULT "
     "'2026-01-31 10:00:00+02', z int); INSERT INTO t (z) VALUES (1)",
     "SELECT a, b, c, d, e, f, g, h, i, k = current_date, l <= now(), m FROM addon_k.t",
     "1.5|t|f|-3|it's|{\"a\":1}|[\"x\",\"y\"]|null|new|t|t|2026-01-31 08:00:00+00"},
    {"a table that numbers its rows, in either spelling",
     "CREATE TABLE t (id bigserial PRIMARY KEY, a int); CREATE TABLE u (id int GENERATED ALWAYS AS "
     "IDENTITY PRIMARY KEY, a int); INSERT INTO t (a) VALUES (7), (8); INSERT INTO u (a) VALUES "
     "(9)",
     "SELECT t.id, t.a, u.id, u.a FROM addon_k.t t, addon_k.u u ORDER BY t.id", "1|7|1|9,2|8|1|9"},
    {"checks and operators",
     "CREATE TABLE t (a text COLLATE \"C\" CHECK (t.a LIKE 'x\\_%*' AND a NOT LIKE '_'), b int "
     "CHECK "
     "(b = ANY (ARRAY[1, 2]) AND b IS DISTINCT FROM 3), c boolean CHECK (CASE WHEN c IS TRUE THEN "
     "b "
     "> 0 ELSE true END), d text CHECK (d ILIKE 'Y%'), e int CHECK (e BETWEEN 1 AND 5), f text, "
     "CHECK (NOT (e > 3 AND length(trim(lower(f))) <> 2)), g numeric CHECK (round(g, 2) = g)); "
     "INSERT INTO t VALUES ('x_1*', 2, true, 'yes', 4, ' AB ', 1.25)",
     "SELECT a, d, g FROM addon_k.t", "x_1*|yes|1.25"},
    {"columns made of others",
     "CREATE TABLE t (b int, a int GENERATED ALWAYS AS (b * 2) STORED); INSERT INTO t (b) VALUES "
     "(4)",
     "SELECT a FROM addon_k.t", "8"},
    {"keys of rows, to them, and to the kernel's",
     "CREATE TABLE t (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), up uuid REFERENCES t(id) ON "
     "DELETE CASCADE, o uuid, FOREIGN KEY (o) REFERENCES old ON DELETE SET NULL, w uuid REFERENCES "
     "public.organizations(id) ON DELETE CASCADE, u uuid REFERENCES users DEFERRABLE INITIALLY "
     "DEFERRED)",
     "SELECT confrelid::regclass, confdeltype, condeferred FROM pg_constraint WHERE conrelid = "
     "'addon_k.t'::regclass AND contype = 'f' ORDER BY conname",
     "addon_k.old|n|f,users|a|t,addon_k.t|c|f,organizations|c|f"},
    {"an index, one without a name, and one made beside others' work",
     "CREATE INDEX IF NOT EXISTS i ON old (code DESC, lower(code)) WHERE n > 0; CREATE INDEX ON "
     "old "
     "(code text_pattern_ops, lower(code)); CREATE INDEX CONCURRENTLY j ON old (code)",
     INDEXES,
     "CREATE INDEX i ON old USING btree (code DESC, lower(code)) WHERE (n > 0),CREATE INDEX j ON "
     "old "
     "USING btree (code),CREATE INDEX old_code_expr_idx ON old USING btree (code, lower(code))"},
    {"what is unique is so within an organization, and goes by the constraint's name",
     "CREATE TABLE t (organization_id uuid NOT NULL, a text UNIQUE, b text, deleted_at "
     "timestamptz, "
     "CONSTRAINT gone UNIQUE (b), CONSTRAINT stays UNIQUE (a, b)); ALTER TABLE t DROP CONSTRAINT "
     "gone",
     INDEXES,
     "CREATE UNIQUE INDEX stays ON t USING btree (organization_id, a, b) WHERE (deleted_at IS "
     "NULL),"
     "CREATE UNIQUE INDEX uidx_t_a ON t USING btree (organization_id, a) WHERE (deleted_at IS "
     "NULL)"},
    {"a key of the author's own",
     "CREATE TABLE t (org_id uuid NOT NULL, a text PRIMARY KEY); INSERT INTO t (org_id, a) VALUES "
     "(" A ", 'x')",
     "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'addon_k.t'::regclass",
     "PRIMARY KEY (organization_id, a)"},
    {"an enumerated type, and a value more at once",
     "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE t (a mood DEFAULT 'ok', b int); ALTER TYPE "
     "mood "
     "ADD VALUE IF NOT EXISTS 'fine'; ALTER TYPE mood ADD VALUE IF NOT EXISTS 'fine'; INSERT INTO "
     "t "
     "(a, b) VALUES ('fine', 1), ('ok'::mood, 2); INSERT INTO t (b) VALUES (3)",
     "SELECT a, b FROM addon_k.t ORDER BY b", "fine|1,ok|2,ok|3"},
    {"columns and tables that come, change and go",
     "ALTER TABLE old ADD COLUMN a int NOT NULL DEFAULT 0, DROP COLUMN n; ALTER TABLE old RENAME "
     "COLUMN a TO c; ALTER TABLE old ALTER COLUMN code SET NOT NULL; ALTER TABLE old RENAME TO t; "
     "CREATE TABLE u (a int); DROP TABLE u; DROP TABLE IF EXISTS u",
     "SELECT column_name, is_nullable FROM information_schema.columns WHERE table_schema = "
     "'addon_k' "
     "ORDER BY ordinal_position",
     "id|NO,organization_id|YES,code|NO,c|NO"},
    {"constraints that come and go",
     "ALTER TABLE old ADD CONSTRAINT c CHECK (code <> ''), ADD CHECK (n > 0); ALTER TABLE old ADD "
     "CONSTRAINT f FOREIGN KEY (organization_id) REFERENCES public.organizations (id) ON DELETE "
     "CASCADE; ALTER TABLE old DROP CONSTRAINT IF EXISTS c; ALTER TABLE old DROP CONSTRAINT never",
     "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'addon_k.old'::regclass "
     "AND contype IN ('c', 'f') ORDER BY conname",
     "FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,CHECK ((n > "
     "0))"},
    {"rows that come, change, replace others and go",
     "INSERT INTO old (id, code, n) VALUES (" A
     ", 'b', 1), (gen_random_uuid(), 'c', 2); INSERT INTO "
     "old (id, code, n) VALUES (" A
     ", 'd', 3) ON CONFLICT (id) DO UPDATE SET code = EXCLUDED.code, "
     "n = old.n + 10; UPDATE old SET code = upper(code) || coalesce(NULL, '!') WHERE n > 10; "
     "DELETE "
     "FROM old WHERE code = 'c'",
     "SELECT code, n FROM addon_k.old", "D!|11"},
    {"text that only looks like more",
     "INSERT INTO old (id, code) VALUES (uuid_generate_v4(), $$'; DROP TABLE users; --$$), "
     "(gen_random_uuid(), E'a\\'; COMMIT;'), (gen_random_uuid(), 'a\\b')",
     "SELECT code FROM addon_k.old ORDER BY code COLLATE \"C\"",
     "'; DROP TABLE users; --,a'; COMMIT;,a\\b"},
    {"text without regard to case",
     "CREATE EXTENSION IF NOT EXISTS citext; CREATE TABLE t (a citext, CONSTRAINT u UNIQUE (a)); "
     "INSERT INTO t (a) VALUES ('Ab')",
     "SELECT a FROM addon_k.t WHERE a = 'aB'", "Ab"},
};

MC_TEST("what a migration may say runs on PostgreSQL, and means what it says")
{
    mc_db *db;

    if (mc_postgres_missing())
        MC_SKIP(mc_postgres_missing());
    db = open_new();
    MC_REQUIRE(db != NULL);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_ctx ctx = {.arena = mc_arena_new((size_t)64 << 20)};
        script s = {.sql = cases[i].sql, .ask = cases[i].ask};
        mc_err err = {0};

        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_db_write(db, &ctx, run_script, &s, &err), MC_REJECTED);
        MC_EXPECT_Z(mc_z(err.msg), "");
        MC_EXPECT_Z(s.answer, cases[i].answer);
        mc_arena_free(ctx.arena);
    }
    mc_db_close(db);
}

/* ---- what the statements hold rows to ---- */

static const struct {
    const char *name, *sql;
} broken[] = {
    {"a value that an enumerated type has not",
     "CREATE TYPE mood AS ENUM ('ok'); CREATE TABLE t (a mood); INSERT INTO t VALUES ('sad')"},
    {"a named check",
     "CREATE TABLE t (a int CONSTRAINT p CHECK (a > 0)); INSERT INTO t VALUES (0)"},
    {"a check that rows there break already",
     "CREATE TABLE t (a int); INSERT INTO t VALUES (0); ALTER TABLE t ADD CHECK (a > 0)"},
    {"text that is too long", "CREATE TABLE t (a varchar(2)); INSERT INTO t VALUES ('abc')"},
    {"null where none may be", "CREATE TABLE t (a int); ALTER TABLE t ALTER a SET NOT NULL; INSERT "
                               "INTO t VALUES (NULL)"},
    {"a key to no row", "CREATE TABLE t (a uuid REFERENCES old); INSERT INTO t VALUES (" A ")"},
};

MC_TEST("what a migration's tables are held to holds on PostgreSQL")
{
    mc_db *db;

    if (mc_postgres_missing())
        MC_SKIP(mc_postgres_missing());
    db = open_new();
    MC_REQUIRE(db != NULL);
    for (size_t i = 0; i < MC_LEN(broken); i++) {
        mc_ctx ctx = {.arena = mc_arena_new((size_t)64 << 20)};
        script s = {.sql = broken[i].sql, .ask = "SELECT 1"};
        mc_err err = {0};

        MC_CASE(broken[i].name);
        MC_EXPECT_EQ(mc_db_write(db, &ctx, run_script, &s, &err), MC_INVALID);
        mc_arena_free(ctx.arena);
    }
    mc_db_close(db);
}

MC_TEST("an organization's own schema is where its statements go, whatever the author calls it")
{
    script s = {.sql = "CREATE TABLE addon_k.t (a int); INSERT INTO t VALUES (1)",
                .ask = "SELECT schemaname FROM pg_tables WHERE tablename = 't'",
                .schema = MC_STR_INIT("addon_k$6f9619ff8b86d011b42d00cf4fc964ff")};
    mc_ctx ctx = {.arena = mc_arena_new((size_t)64 << 20)};
    mc_err err = {0};
    mc_db *db;

    if (mc_postgres_missing())
        MC_SKIP(mc_postgres_missing());
    db = open_new();
    MC_REQUIRE(db != NULL);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, run_script, &s, &err), MC_REJECTED);
    MC_EXPECT_STR(s.answer, s.schema);
    mc_db_close(db);
    mc_arena_free(ctx.arena);
}
