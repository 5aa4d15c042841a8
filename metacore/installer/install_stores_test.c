/* SPDX-License-Identifier: Apache-2.0 */
/* What an installation leaves in the store, on SQLite and on PostgreSQL. */
#include "mc_postgres.h"
#include "mc_test.h"
#include "metacore/installer/installer.h"
#include "metacore/migrations/migrations.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define A ((mc_uuid){{0xa, 1}})
#define B ((mc_uuid){{0xb, 2}})
#define A_TEXT "0a010000-0000-0000-0000-000000000000"
#define B_TEXT "0b020000-0000-0000-0000-000000000000"
#define NOW INT64_C(1764000000000000)

typedef struct shop {
    mc_db_dialect dialect;
    mc_db *db;
    mc_models *models;
    mc_installer *installer;
    mc_arena *arena;
    char url[300];
} shop;

static bool shop_open_at(shop *s, mc_db_dialect dialect, const char *url)
{
    mc_ctx ctx = {.now = NOW};
    mc_db_config config = {MC_DB_CONFIG, .module_path = mc_postgres_module()};
    mc_err err;

    *s = (shop){.dialect = dialect, .arena = mc_arena_new((size_t)64 << 20)};
    ctx.arena = s->arena;
    (void)snprintf(s->url, sizeof(s->url), "%s", url);
    config.url = mc_z(s->url);
    MC_EXPECT_OK(mc_db_open(&config, &s->db, &err), &err);
    if (!s->db)
        return false;
    MC_EXPECT_OK(mc_migrations_up(s->db, &ctx, mc_migrations_kernel(dialect), NULL, &err), &err);
    MC_EXPECT_OK(mc_models_new(&s->models, &err), &err);
    MC_EXPECT_OK(mc_installer_new(&(mc_installer_config){MC_INSTALLER_CONFIG, .db = s->db,
                                                         .models = s->models,
                                                         .kernel_version = MC_STR("2.0.0"),
                                                         .allow_unsigned = true},
                                  &s->installer, &err),
                 &err);
    return s->installer != NULL;
}

static bool shop_open(shop *s, mc_db_dialect dialect)
{
    char url[300];

    if (dialect == MC_DB_SQLITE)
        (void)snprintf(url, sizeof(url), "sqlite:%s/test.db", mc_test_dir());
    else
        (void)snprintf(url, sizeof(url), "%.*s", MC_FMT(mc_postgres_owned_database()));
    return shop_open_at(s, dialect, url);
}

static void shop_close(shop *s)
{
    mc_db_close(s->db);
    mc_installer_free(s->installer);
    mc_models_free(s->models);
    mc_arena_free(s->arena);
}

/* ---- addons ---- */

#define NOTES                                                                                      \
    "{\"table_name\":\"notes\",\"model_key\":\"notes\",\"label\":\"Notes\",\"org_scoped\":true,"   \
    "\"columns\":[{\"name\":\"title\",\"type\":\"string\",\"required\":true},{\"name\":\"code\","  \
    "\"type\":\"string\",\"unique\":true}%s]}"

typedef struct release {
    const char *version;
    const char *more;   /* of the manifest: ",…" */
    const char *column; /* ",{…}" */
    const char *sql[3]; /* migrations 0001 to 0003 */
} release;

/* report: NULL: in earnest. */
static mc_code run(shop *s, mc_uuid org, const release *r, mc_str *report, mc_err *err)
{
    static const char *const names[] = {"migrations/0001_a.sql", "migrations/0002_b.sql",
                                        "migrations/0003_c.sql"};
    char model[1024], text[2048];
    mc_bundle_file files[4];
    mc_bundle bundle = {.files = files, .file_count = 1};
    mc_ctx ctx = {.arena = s->arena, .now = NOW, .who = {.org_id = org}};
    mc_install_plan *plan = NULL;
    mc_installation row;
    mc_code rc;

    (void)snprintf(model, sizeof(model), NOTES, r->column ? r->column : "");
    (void)snprintf(text, sizeof(text),
                   "{\"key\":\"pad\",\"name\":\"Pad\",\"version\":\"%s\"%s,\"model_definitions\":"
                   "[%s]}",
                   r->version, r->more ? r->more : "", model);
    bundle.manifest = mc_z(text);
    files[0] = (mc_bundle_file){.name = MC_STR("manifest.json"), .data = bundle.manifest};
    for (size_t i = 0; i < MC_LEN(r->sql) && r->sql[i]; i++) {
        mc_sha256 digest;
        mc_bundle_file *file = &files[bundle.file_count++];

        *file = (mc_bundle_file){.name = mc_z(names[i]), .data = mc_z(r->sql[i])};
        MC_EXPECT_OK(mc_sha256_of(file->data, &digest, err), err);
        mc_sha256_hex(&digest, file->sha256);
    }
    rc = mc_installer_plan(s->installer, &(mc_install_source){.bundle = &bundle}, &plan, err);
    if (rc == MC_OK)
        rc = mc_installer_install(
            s->installer, &ctx, &(mc_install_run){.plan = plan, .org_id = org}, &row, report, err);
    mc_install_plan_free(plan);
    return rc;
}

static mc_code install(shop *s, mc_uuid org, const release *r, mc_err *err)
{
    return run(s, org, r, NULL, err);
}

/* ---- looking ---- */

typedef struct question {
    shop *s;
    const char *sql; /* $T is the table notes, physically */
    mc_str answer;
    mc_uuid org;
    bool drop;
} question;

static mc_code ask_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    question *q = user;
    mc_buf out;
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, mc_z(q->sql), NULL, 0, &rows, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&out, ctx->arena, 0);
    while (mc_db_rows_next(&rows)) {
        if (out.len)
            mc_buf_char(&out, ',');
        mc_buf_str(&out, mc_db_col_text(&rows, 0));
    }
    q->answer = mc_buf_get(&out);
    return mc_db_rows_finish(&rows, err);
}

static mc_code ask(shop *s, mc_uuid org, const char *sql, mc_str *out, mc_err *err)
{
    question q = {.s = s, .sql = sql};
    mc_ctx ctx = {.arena = s->arena, .now = NOW, .who = {.org_id = org}};
    mc_code rc = mc_db_write(s->db, &ctx, ask_in, &q, err);

    *out = q.answer;
    return rc;
}

/* The answer of org's session to what each store is asked in its own words; NULL: not asked. */
static mc_str answer_of(shop *s, mc_uuid org, const char *sqlite, const char *postgres)
{
    const char *sql = s->dialect == MC_DB_SQLITE ? sqlite : postgres;
    mc_str answer = MC_STR("");
    mc_err err;

    if (sql)
        MC_EXPECT_OK(ask(s, org, sql, &answer, &err), &err);
    return answer;
}

#define TITLES(org)                                                                                \
    answer_of(&s, org,                                                                             \
              "SELECT title FROM \"addon_pad.notes\" WHERE organization_id = '" org##_TEXT         \
              "' ORDER BY title",                                                                  \
              "SELECT title FROM addon_pad.notes ORDER BY title")
#define COLUMNS                                                                                    \
    answer_of(&s, A,                                                                               \
              "SELECT name FROM pragma_table_info('addon_pad.notes') WHERE name NOT LIKE '%\\_%' " \
              "ESCAPE '\\' ORDER BY name",                                                         \
              "SELECT column_name FROM information_schema.columns WHERE table_schema = "           \
              "'addon_pad' AND table_name = 'notes' AND column_name NOT LIKE '%\\_%' ORDER BY 1")
#define LEFTOVERS                                                                                  \
    answer_of(                                                                                     \
        &s, A, "SELECT name FROM sqlite_master WHERE name LIKE 'addon%'",                          \
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'addon%' UNION ALL SELECT "           \
        "rolname FROM pg_roles WHERE rolname = 'addon_pad@' || current_database() UNION ALL "      \
        "SELECT addon_key FROM metacore_addons UNION ALL SELECT schema_name FROM "                 \
        "metacore_addon_migrations")

#define INSERT(org, title)                                                                         \
    "INSERT INTO notes (id, organization_id, title) VALUES (gen_random_uuid(), '" org##_TEXT       \
        "', '" title "');"

/* ---- tests; each on both stores ---- */

static void on_both(void (*body)(mc_db_dialect))
{
    MC_CASE("SQLite");
    body(MC_DB_SQLITE);
    if (mc_postgres_missing()) {
        mc_test_skip(mc_postgres_missing());
        return;
    }
    MC_CASE("PostgreSQL");
    body(MC_DB_POSTGRES);
}

static void install_and_upgrade(mc_db_dialect dialect)
{
    release first = {.version = "1.0.0",
                     .sql = {"CREATE TABLE notes (id uuid PRIMARY KEY, organization_id uuid NOT "
                             "NULL, title text);" INSERT(A, "one") INSERT(B, "two")}};
    release second = first, changed = first;
    shop s;
    mc_err err;

    MC_REQUIRE(shop_open(&s, dialect));
    MC_EXPECT_OK(install(&s, A, &first, &err), &err);
    MC_EXPECT_Z(TITLES(A), "one");
    MC_EXPECT_Z(TITLES(B), "two");
    MC_EXPECT_Z(COLUMNS, "code,id,title");

    second.version = "1.1.0";
    second.column = ",{\"name\":\"pages\",\"type\":\"int\"}";
    second.sql[1] = "ALTER TABLE notes ADD COLUMN extra text; UPDATE notes SET title = title || "
                    "'!'; CREATE INDEX i ON notes (title);";
    MC_EXPECT_OK(install(&s, A, &second, &err), &err);
    MC_EXPECT_Z(COLUMNS, "code,extra,id,pages,title");
    MC_EXPECT_Z(TITLES(A), "one!");
    MC_EXPECT_Z(TITLES(B), "two!");

    changed.version = "1.2.0";
    changed.sql[0] = "CREATE TABLE other (a int)";
    MC_EXPECT_EQ(install(&s, A, &changed, &err), MC_CONFLICT);
    MC_EXPECT_HAS(mc_z(err.msg), "checksum mismatch");
    MC_EXPECT_EQ(install(&s, A, &first, &err), MC_CONFLICT);
    MC_EXPECT_HAS(mc_z(err.msg), "downgrade");
    MC_EXPECT_Z(TITLES(A), "one!");
    shop_close(&s);
}

MC_TEST("an addon is installed and upgraded, for all organizations' rows, and never backwards")
{
    on_both(install_and_upgrade);
}

static const struct {
    const char *name, *sql, *message;
} failing[] = {
    {"a statement that may not stand there", "CREATE TABLE t (a int);\nGRANT ALL ON t TO x",
     "apply pad@0002_b: migration: line 2: grant_stmt may not stand in a migration"},
    {"a statement of another schema", "INSERT INTO public.users (id) VALUES (gen_random_uuid())",
     "is not the addon's"},
    {"one that the store refuses", "CREATE TABLE t (a int CHECK (a > 0)); INSERT INTO t VALUES (0)",
     "apply pad@0002_b: "},
    {"a table that is there", "CREATE TABLE first (a int)", "apply pad@0002_b: "},
};

static void fail_without_a_trace(mc_db_dialect dialect)
{
    for (size_t i = 0; i < MC_LEN(failing); i++) {
        release r = {.version = "1.0.0", .sql = {"CREATE TABLE first (a int)", failing[i].sql}};
        shop s;
        mc_err err = {0};

        MC_CASE(failing[i].name);
        MC_REQUIRE(shop_open(&s, dialect));
        MC_EXPECT(install(&s, A, &r, &err) != MC_OK);
        MC_EXPECT_HAS(mc_z(err.msg), failing[i].message);
        MC_EXPECT_Z(LEFTOVERS, "");
        r.sql[1] = NULL;
        MC_EXPECT_OK(install(&s, A, &r, &err), &err);
        shop_close(&s);
    }
}

static void rehearse(mc_db_dialect dialect)
{
    release first = {.version = "1.0.0",
                     .sql = {"CREATE TABLE notes (id uuid PRIMARY KEY, organization_id uuid NOT "
                             "NULL, title text);" INSERT(A, "one") INSERT(B, "two")}};
    release second = first;
    mc_str report = MC_STR("");
    shop s;
    mc_err err;

    MC_REQUIRE(shop_open(&s, dialect));
    MC_EXPECT_OK(run(&s, A, &first, &report, &err), &err);
    MC_EXPECT_HAS(report, "\"from\":null,");
    MC_EXPECT_HAS(report, "\"tables\":{\"added\":[\"notes\"]");
    MC_EXPECT_Z(LEFTOVERS, "");
    MC_EXPECT_OK(install(&s, A, &first, &err), &err);
    second.version = "1.1.0";
    second.column = ",{\"name\":\"pages\",\"type\":\"int\"}";
    second.sql[1] = "ALTER TABLE notes ADD COLUMN extra text; UPDATE notes SET title = title || "
                    "'!'; CREATE INDEX i ON notes (title);";
    MC_EXPECT_OK(run(&s, A, &second, &report, &err), &err);
    MC_EXPECT_HAS(report, "\"columns\":{\"added\":[\"notes.extra\",\"notes.pages\"],\"removed\":[],"
                          "\"changed\":[]}");
    MC_EXPECT_HAS(report, "\"data\":[{\"table\":\"notes\",\"rows_before\":1,\"rows_after\":1,"
                          "\"rows_changed\":2}]");
    MC_EXPECT_Z(COLUMNS, "code,id,title");
    MC_EXPECT_Z(TITLES(A), "one");
    MC_EXPECT_Z(TITLES(B), "two");
    shop_close(&s);
}

MC_TEST("a rehearsal tells what would change, of one's own rows, and nothing stays of it")
{
    on_both(rehearse);
}

MC_TEST("a migration that fails leaves nothing behind")
{
    on_both(fail_without_a_trace);
}

static mc_code uninstall_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    question *q = user;
    mc_install_target target = {.addon_key = MC_STR("pad"), .org_id = q->org};
    mc_installation was;

    (void)conn;
    return mc_installer_uninstall(q->s->installer, ctx, &target, q->drop, &was, err);
}

/* By nobody in particular, as from the command line. */
static mc_code uninstall(shop *s, mc_uuid org, bool drop, mc_err *err)
{
    question q = {.s = s, .org = org, .drop = drop};
    mc_ctx ctx = {.arena = s->arena, .now = NOW};

    return mc_db_write(s->db, &ctx, uninstall_in, &q, err);
}

static void take_away(mc_db_dialect dialect)
{
    /* Each row of one table needs one of the other. */
    release r = {
        .version = "1.0.0",
        .sql = {"CREATE TABLE notes (id uuid PRIMARY KEY, organization_id uuid NOT NULL, title "
                "text, line uuid);"
                "CREATE TABLE lines (id uuid PRIMARY KEY, organization_id uuid NOT NULL, note uuid "
                "REFERENCES notes (id), up uuid REFERENCES lines (id));"
                "CREATE TABLE words (a text);" INSERT(A, "one") INSERT(
                    B, "two") "INSERT INTO notes (id, organization_id, title) VALUES ('" A_TEXT
                              "', '" A_TEXT "', 'three');"
                              "INSERT INTO lines (id, organization_id, note, up) VALUES ('" B_TEXT
                              "', '" A_TEXT "', '" A_TEXT "', '" B_TEXT
                              "'); INSERT INTO words VALUES ('w')"}};
    shop s;
    mc_err err;

    MC_REQUIRE(shop_open(&s, dialect));
    MC_EXPECT_OK(install(&s, A, &r, &err), &err);
    MC_EXPECT_OK(install(&s, B, &r, &err), &err);
    MC_EXPECT_OK(uninstall(&s, A, true, &err), &err);
    MC_EXPECT_Z(TITLES(A), "");
    MC_EXPECT_Z(TITLES(B), "two");
    MC_EXPECT_OK(uninstall(&s, B, false, &err), &err);
    MC_EXPECT_Z(TITLES(B), "two");
    MC_EXPECT_OK(install(&s, B, &r, &err), &err);
    MC_EXPECT_OK(uninstall(&s, B, true, &err), &err);
    MC_EXPECT_Z(LEFTOVERS, "");
    MC_EXPECT_OK(install(&s, B, &r, &err), &err);
    MC_EXPECT_Z(TITLES(B), "two");
    shop_close(&s);
}

MC_TEST("with an addon goes what its organization had in it, with the last all of it")
{
    on_both(take_away);
}

static void separate_schemas(mc_db_dialect dialect)
{
    release r = {.version = "1.0.0",
                 .more = ",\"tenant_isolation\":\"schema-per-tenant\"",
                 .sql = {"CREATE TABLE addon_pad.words (a text); INSERT INTO words VALUES ('w')"}};
    const char *sqlite = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE "
                         "'addon%words' ORDER BY name";
    const char *postgres = "SELECT schemaname || '.' || tablename FROM pg_tables WHERE tablename = "
                           "'words' ORDER BY 1";
    shop s;
    mc_err err;

    MC_REQUIRE(shop_open(&s, dialect));
    MC_EXPECT_OK(install(&s, A, &r, &err), &err);
    MC_EXPECT_OK(install(&s, B, &r, &err), &err);
    MC_EXPECT_Z(answer_of(&s, A, sqlite, postgres),
                "addon_pad$0a010000000000000000000000000000.words,"
                "addon_pad$0b020000000000000000000000000000.words");
    MC_EXPECT_OK(uninstall(&s, A, true, &err), &err);
    MC_EXPECT_Z(answer_of(&s, A, sqlite, postgres),
                "addon_pad$0b020000000000000000000000000000.words");
    MC_EXPECT_OK(uninstall(&s, B, true, &err), &err);
    MC_EXPECT_Z(LEFTOVERS, "");
    shop_close(&s);
}

MC_TEST("an addon with a schema for each organization has its migrations in each")
{
    on_both(separate_schemas);
}

/* ---- what PostgreSQL holds an addon to ---- */

static const struct {
    const char *name, *sql;
    mc_code rc;
    const char *answer;
} as_role[] = {
    {"its rows, of the session's organization", "SELECT title FROM addon_pad.notes", MC_OK, "one"},
    {"a row more",
     "INSERT INTO addon_pad.notes (organization_id, title) VALUES ('" A_TEXT
     "', 'x') RETURNING title",
     MC_OK, "x"},
    {"not one of another organization's",
     "INSERT INTO addon_pad.notes (organization_id, title) VALUES ('" B_TEXT
     "', 'x') RETURNING title",
     MC_INTERNAL, ""},
    {"nor one given to it",
     "UPDATE addon_pad.notes SET organization_id = '" B_TEXT "' RETURNING title", MC_INTERNAL, ""},
    {"what is for all, to read", "SELECT a FROM addon_pad.words", MC_OK, "w"},
    {"and not to write", "DELETE FROM addon_pad.words RETURNING a", MC_INTERNAL, ""},
    {"nothing of the kernel's", "SELECT email FROM public.users", MC_INTERNAL, ""},
    {"no key to it either", "CREATE TABLE addon_pad.t (a uuid REFERENCES public.users)",
     MC_INTERNAL, ""},
    {"no table of its own", "CREATE TABLE addon_pad.t (a int)", MC_INTERNAL, ""},
    {"no change of one", "ALTER TABLE addon_pad.notes DISABLE ROW LEVEL SECURITY", MC_INTERNAL, ""},
    {"no other addon's", "SELECT 1 FROM addon_other.t", MC_INTERNAL, ""},
};

static mc_code be_role(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    question *q = user;
    mc_code rc = mc_db_exec_script(
        conn,
        MC_STR("CREATE SCHEMA addon_other; CREATE TABLE addon_other.t (a int); DO $$ BEGIN EXECUTE "
               "format('SET LOCAL ROLE %I', 'addon_pad@' || current_database()); END $$"),
        err);

    if (rc == MC_OK)
        rc = ask_in(conn, ctx, q, err);
    return rc == MC_OK ? MC_REJECTED : rc; /* taken back */
}

MC_TEST("an addon's role on PostgreSQL may touch the session's rows in its schema, nothing else")
{
    release r = {.version = "1.0.0",
                 .sql = {"CREATE TABLE notes (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "
                         "organization_id uuid NOT NULL, title text); CREATE TABLE words (a "
                         "text); INSERT INTO words VALUES ('w');" INSERT(A, "one")
                             INSERT(B, "two")}};
    shop s;
    mc_err err;

    if (mc_postgres_missing())
        MC_SKIP(mc_postgres_missing());
    MC_REQUIRE(shop_open(&s, MC_DB_POSTGRES));
    MC_REQUIRE_OK(install(&s, A, &r, &err), &err);
    for (size_t i = 0; i < MC_LEN(as_role); i++) {
        question q = {.s = &s, .sql = as_role[i].sql};
        mc_ctx ctx = {.arena = s.arena, .now = NOW, .who = {.org_id = A}};

        MC_CASE(as_role[i].name);
        MC_EXPECT_EQ(mc_db_write(s.db, &ctx, be_role, &q, &err),
                     as_role[i].rc == MC_OK ? MC_REJECTED : as_role[i].rc);
        MC_EXPECT_Z(q.answer, as_role[i].answer);
    }
    shop_close(&s);
}

MC_TEST("a session of nobody's sees no organization's rows on PostgreSQL, their owner's neither")
{
    release r = {.version = "1.0.0",
                 .sql = {"CREATE TABLE notes (id uuid PRIMARY KEY, organization_id uuid NOT NULL, "
                         "title text); CREATE TABLE other (organization_id uuid, a text);" INSERT(
                             A, "one") "INSERT INTO other VALUES ('" A_TEXT "', 'x')"}};
    mc_str answer;
    shop s;
    mc_err err;

    if (mc_postgres_missing())
        MC_SKIP(mc_postgres_missing());
    MC_REQUIRE(shop_open(&s, MC_DB_POSTGRES));
    MC_REQUIRE_OK(install(&s, A, &r, &err), &err);
    MC_EXPECT_OK(ask(&s, (mc_uuid){{0}}, "SELECT title FROM addon_pad.notes", &answer, &err), &err);
    MC_EXPECT_Z(answer, "");
    MC_EXPECT_OK(ask(&s, B, "SELECT a FROM addon_pad.other", &answer, &err), &err);
    MC_EXPECT_Z(answer, "");
    MC_EXPECT_OK(ask(&s, A, "SELECT a FROM addon_pad.other", &answer, &err), &err);
    MC_EXPECT_Z(answer, "x");
    MC_EXPECT_OK(
        ask(&s, A,
            "SELECT relname FROM pg_class WHERE relnamespace = 'addon_pad'::regnamespace AND "
            "relkind "
            "= 'r' AND relowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)",
            &answer, &err),
        &err);
    MC_EXPECT_Z(answer, "");
    shop_close(&s);
}

typedef struct starter {
    pthread_t thread;
    shop *s;
    mc_code rc;
    mc_err err;
} starter;

static void *install_too(void *user)
{
    starter *t = user;
    shop own = *t->s;
    release r = {.version = "1.0.0", .sql = {"CREATE TABLE words (a text)"}};

    own.arena = mc_arena_new(0);
    t->rc = install(&own, A, &r, &t->err);
    mc_arena_free(own.arena);
    return NULL;
}

static void install_at_once(mc_db_dialect dialect)
{
    starter starters[4];
    shop s;

    MC_REQUIRE(shop_open(&s, dialect));
    for (size_t i = 0; i < MC_LEN(starters); i++) {
        starters[i] = (starter){.s = &s};
        MC_REQUIRE(pthread_create(&starters[i].thread, NULL, install_too, &starters[i]) == 0);
    }
    for (size_t i = 0; i < MC_LEN(starters); i++) {
        (void)pthread_join(starters[i].thread, NULL);
        MC_EXPECT_OK(starters[i].rc, &starters[i].err);
    }
    MC_EXPECT_Z(answer_of(&s, A, "SELECT count(*) FROM metacore_installations",
                          "SELECT count(*) FROM metacore_installations"),
                "1");
    shop_close(&s);
}

MC_TEST("an addon that several install at once is there once")
{
    on_both(install_at_once);
}

MC_TEST("on PostgreSQL a user who may not make roles is told so, and nothing is installed")
{
    release r = {.version = "1.0.0"};
    char poor[300];
    mc_str ignored;
    shop s;
    mc_err err;

    if (mc_postgres_missing())
        MC_SKIP(mc_postgres_missing());
    MC_REQUIRE(shop_open(&s, MC_DB_POSTGRES));
    MC_EXPECT_OK(ask(&s, A, "CREATE ROLE poor LOGIN IN ROLE kernel", &ignored, &err), &err);
    (void)snprintf(poor, sizeof(poor), "postgres://poor%s", strchr(s.url, '@'));
    shop_close(&s);
    MC_REQUIRE(shop_open_at(&s, MC_DB_POSTGRES, poor));
    MC_EXPECT_EQ(install(&s, A, &r, &err), MC_NOT_PROVIDED);
    MC_EXPECT_HAS(mc_z(err.msg), "CREATEROLE");
    MC_EXPECT_Z(LEFTOVERS, "");
    shop_close(&s);
}
