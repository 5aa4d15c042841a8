/* SPDX-License-Identifier: Apache-2.0 */
/* Archives in order, with manifests and migrations that are not. */
#include "hostile.h"
#include "mc_test.h"

#include <stdio.h>
#include <string.h>

#define NAMED(key, more) "{\"key\":\"" key "\",\"name\":\"Evil\",\"version\":\"1.0.0\"" more "}"
#define EVIL(more) NAMED(HOSTILE_KEY, more)
#define MODEL(table, key, columns)                                                                 \
    EVIL(",\"model_definitions\":[{\"table_name\":\"" table "\",\"model_key\":\"" key              \
         "\",\"label\":\"x\",\"columns\":[" columns "]}]")
#define COLUMN(more) MODEL("t", "evil_t", "{\"name\":\"a\",\"type\":\"string\"" more "}")
#define RELATION(more)                                                                             \
    EVIL(",\"model_definitions\":[{\"table_name\":\"t\",\"model_key\":\"evil_t\",\"label\":\"x\"," \
         "\"columns\":[{\"name\":\"a\",\"type\":\"uuid\"}],\"relations\":[{" more "}]}]")
#define KEY_64 "a234567890123456789012345678901234567890123456789012345678901234"

static hostile server;

/* ---- manifests ---- */

static const struct {
    const char *name, *key, *manifest, *message;
} manifests[] = {
    {"a key of 64 bytes", KEY_64, NAMED(KEY_64, ""), "is longer than 40 bytes"},
    {"a key of 41 bytes", "a2345678901234567890123456789012345678901",
     NAMED("a2345678901234567890123456789012345678901", ""), "is longer than 40 bytes"},
    {"SQL as a key", HOSTILE_KEY, NAMED("evil\\\"; DROP TABLE users; --", ""), "key"},
    {"a path as a key", HOSTILE_KEY, NAMED("../evil", ""), "key"},
    {"another key than the address says", HOSTILE_KEY, NAMED("Evil", ""), "key"},
    {"no name", HOSTILE_KEY, "{\"key\":\"evil\",\"name\":\" \",\"version\":\"1.0.0\"}",
     "manifest: name required"},
    {"SQL as a version", HOSTILE_KEY,
     "{\"key\":\"evil\",\"name\":\"E\",\"version\":\"1.0.0'; DROP TABLE users; --\"}",
     "is not semver"},
    {"a path as a version", HOSTILE_KEY,
     "{\"key\":\"evil\",\"name\":\"E\",\"version\":\"1.0.0-../../x\"}", "is not semver"},
    {"a version longer than its column", HOSTILE_KEY,
     "{\"key\":\"evil\",\"name\":\"E\",\"version\":\"1.0.0-"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""
     "}",
     "version"},
    {"a kernel of the future", HOSTILE_KEY, EVIL(",\"kernel\":\">=9.0.0\""), "does not satisfy"},
    {"a kernel that is no range", HOSTILE_KEY, EVIL(",\"kernel\":\"newest\""), "invalid range"},
    {"no JSON", HOSTILE_KEY, "{\"key\":\"evil\",}", "invalid JSON"},
    {"no object", HOSTILE_KEY, "[]", "manifest"},
    {"bytes that are no UTF-8", HOSTILE_KEY, "{\"key\":\"evil\",\"name\":\"\xff\xfe\"}", "JSON"},
    {"a lone surrogate in a key", HOSTILE_KEY, NAMED("ev\\ud800il", ""), "surrogate"},
    {"a key said twice: the last one counts", HOSTILE_KEY, EVIL(",\"key\":\"evil'--\""), "key"},
    {"a number as a name", HOSTILE_KEY, "{\"key\":\"evil\",\"name\":7,\"version\":\"1.0.0\"}",
     "manifest.name: want text, got number"},
    {"models as text", HOSTILE_KEY, EVIL(",\"model_definitions\":\"all\""), "want an array"},
    {"capabilities as an object", HOSTILE_KEY, EVIL(",\"capabilities\":{\"*\":1}"),
     "want an array"},
    {"SQL as a table", HOSTILE_KEY,
     MODEL("t\\\" (id int); DROP TABLE users; --", "evil_t", "{\"name\":\"a\",\"type\":\"text\"}"),
     "invalid table_name"},
    {"another schema as a table", HOSTILE_KEY,
     MODEL("public.users", "evil_t", "{\"name\":\"a\",\"type\":\"text\"}"), "invalid table_name"},
    {"SQL as a model", HOSTILE_KEY,
     MODEL("t", "x/../../users", "{\"name\":\"a\",\"type\":\"text\"}"), "model_key"},
    {"the kernel's users as a model", HOSTILE_KEY,
     MODEL("users", "users", "{\"name\":\"email\",\"type\":\"text\"}"), "is the kernel's own"},
    {"the kernel's organizations as a model", HOSTILE_KEY,
     MODEL("organizations", "organizations", "{\"name\":\"name\",\"type\":\"text\"}"),
     "is the kernel's own"},
    {"a language that is none", HOSTILE_KEY, EVIL(",\"i18n\":{\"../en\":{\"a\":\"b\"}}"),
     "manifest.i18n"},
    {"another addon's model", HOSTILE_KEY,
     MODEL("tickets", "tickets", "{\"name\":\"subject\",\"type\":\"text\"}"),
     "model tickets is already"},
    {"SQL as a column", HOSTILE_KEY,
     MODEL("t", "evil_t", "{\"name\":\"a\\\" text, \\\"b\",\"type\":\"text\"}"), "invalid name"},
    {"SQL as a type", HOSTILE_KEY,
     MODEL("t", "evil_t", "{\"name\":\"a\",\"type\":\"text); DROP TABLE users; --\"}"),
     "unknown column type"},
    {"a column twice", HOSTILE_KEY,
     MODEL("t", "evil_t", "{\"name\":\"a\",\"type\":\"text\"},{\"name\":\"a\",\"type\":\"text\"}"),
     "stands also at"},
    {"a model without columns", HOSTILE_KEY, MODEL("t", "evil_t", ""), "columns required"},
    {"SQL as a default", HOSTILE_KEY, COLUMN(",\"default\":\"'x'); DROP TABLE users; --\""),
     "not allowed"},
    {"a query as a default", HOSTILE_KEY,
     COLUMN(",\"default\":\"(SELECT password_hash FROM users)\""), "not allowed"},
    {"a quote in a default", HOSTILE_KEY, COLUMN(",\"default\":\"'a''b'\""), "not allowed"},
    {"a function as a default", HOSTILE_KEY, COLUMN(",\"default\":\"load_extension('x')\""),
     "not allowed"},
    {"an object as a default", HOSTILE_KEY, COLUMN(",\"default\":{\"$sql\":\"now()\"}"),
     "not allowed"},
    {"a regex that looks around", HOSTILE_KEY, COLUMN(",\"validation\":{\"regex\":\"(?=a)\"}"),
     "does not compile"},
    {"a regex that is not closed", HOSTILE_KEY, COLUMN(",\"validation\":{\"regex\":\"((((\"}"),
     "does not compile"},
    {"limits the wrong way round", HOSTILE_KEY, COLUMN(",\"validation\":{\"min\":2,\"max\":1}"),
     "greater than max"},
    {"a script as a validator", HOSTILE_KEY,
     COLUMN(",\"validation\":{\"custom\":\"require('fs')\"}"), "must be a dotted identifier"},
    {"a widget that is none", HOSTILE_KEY, COLUMN(",\"widget\":\"<script>\""), "widget"},
    {"SQL as a relation", HOSTILE_KEY,
     RELATION("\"name\":\"r\",\"kind\":\"belongs_to\",\"through\":\"t; DROP TABLE users\","
              "\"foreign_key\":\"a\""),
     "invalid through"},
    {"SQL as a foreign key", HOSTILE_KEY,
     RELATION("\"name\":\"r\",\"kind\":\"one_to_many\",\"through\":\"evil_t\",\"foreign_key\":"
              "\"a = a OR 1\""),
     "invalid foreign_key"},
    {"a pivot that is no name", HOSTILE_KEY,
     RELATION("\"name\":\"r\",\"kind\":\"many_to_many\",\"through\":\"evil_t\",\"foreign_key\":"
              "\"a\",\"pivot\":\"public.users\""),
     "requires a valid pivot"},
    {"the whole web", HOSTILE_KEY,
     EVIL(",\"capabilities\":[{\"kind\":\"http:fetch\",\"target\":\"*\"}]"), "is too broad"},
    {"a whole top level", HOSTILE_KEY,
     EVIL(",\"capabilities\":[{\"kind\":\"http:fetch\",\"target\":\"*.com\"}]"), "is too broad"},
    {"all rows of everybody", HOSTILE_KEY,
     EVIL(",\"capabilities\":[{\"kind\":\"db:write\",\"target\":\"*\"}]"),
     "wildcard \"*\" not allowed"},
    {"a runtime that is none", HOSTILE_KEY, EVIL(",\"backend\":{\"runtime\":\"sh\"}"),
     "unknown \"sh\""},
    {"code without its file's name", HOSTILE_KEY,
     EVIL(",\"backend\":{\"runtime\":\"wasm\",\"entry\":\" \"}"), "required when runtime=wasm"},
    {"a page of another kind", HOSTILE_KEY, EVIL(",\"frontend\":{\"format\":\"iframe\"}"),
     "manifest.frontend.format"},
    {"a manifest of the next generation", HOSTILE_KEY,
     "{\"apiVersion\":\"asteby.com/v3\",\"kind\":\"Addon\",\"metadata\":{\"key\":\"evil\"}}",
     "version 2"},
};

static mc_str pack(const char *manifest, const kit_file *files)
{
    return kit_pack(server.arena, manifest, files);
}

MC_TEST("a manifest that says what none may say is refused")
{
    MC_REQUIRE(hostile_open(&server, NULL));
    for (size_t i = 0; i < MC_LEN(manifests); i++) {
        MC_CASE(manifests[i].name);
        hostile_refused(&server, manifests[i].key, pack(manifests[i].manifest, NULL), MC_STR(""),
                        manifests[i].message);
    }
    hostile_close(&server);
}

/* ---- manifests that are too much ---- */

static const char *repeated(const char *before, const char *part, int times, const char *after)
{
    mc_buf text;

    mc_buf_init_arena(&text, server.arena, 0);
    mc_buf_str(&text, mc_z(before));
    for (int i = 0; i < times; i++) {
        mc_buf_printf(&text, "%s", i ? "," : "");
        mc_buf_printf(&text, part, i); /* one of ours */
    }
    mc_buf_str(&text, mc_z(after));
    mc_buf_char(&text, '\0');
    MC_EXPECT(!mc_buf_failed(&text));
    return mc_buf_get(&text).ptr;
}

static const char *nested(int depth)
{
    mc_buf text;

    mc_buf_init_arena(&text, server.arena, 0);
    mc_buf_lit(&text, "{\"key\":\"evil\",\"name\":\"Evil\",\"version\":\"1.0.0\",\"x\":");
    for (int i = 0; i < depth; i++)
        mc_buf_char(&text, '[');
    for (int i = 0; i < depth; i++)
        mc_buf_char(&text, ']');
    mc_buf_char(&text, '}');
    mc_buf_char(&text, '\0');
    return mc_buf_get(&text).ptr;
}

MC_TEST("a manifest that is too much is refused")
{
    MC_REQUIRE(hostile_open(&server, NULL));
    MC_CASE("a hundred thousand arrays in each other");
    hostile_refused(&server, HOSTILE_KEY, pack(nested(100000), NULL), MC_STR(""), "JSON");
    MC_CASE("five megabytes of numbers");
    hostile_refused(&server, HOSTILE_KEY,
                    pack(repeated("{\"key\":\"evil\",\"name\":\"E\",\"version\":\"1.0.0\",\"x\":[",
                                  "1%09d", 500000, "]}"),
                         NULL),
                    MC_STR(""), "larger than 4 MiB");
    MC_CASE("ten thousand columns");
    hostile_refused(
        &server, HOSTILE_KEY,
        pack(repeated("{\"key\":\"evil\",\"name\":\"E\",\"version\":\"1.0.0\","
                      "\"model_definitions\":[{\"table_name\":\"t\",\"model_key\":\"evil_t\","
                      "\"label\":\"x\",\"columns\":[",
                      "{\"name\":\"c%d\",\"type\":\"int\"}", 10000, "]}]}"),
             NULL),
        MC_STR(""), "more than 256 columns");
    MC_CASE("more texts than a catalog holds");
    hostile_refused(&server, HOSTILE_KEY,
                    pack(repeated("{\"key\":\"evil\",\"name\":\"E\",\"version\":\"1.0.0\","
                                  "\"i18n\":{\"en\":{",
                                  "\"k%d\":\"x\"", 20001, "}}}"),
                         NULL),
                    MC_STR(""), "texts");
    hostile_close(&server);
}

/* ---- migrations ---- */

static const struct {
    const char *sql, *message;
} migrations[] = {
    {"COPY t FROM PROGRAM 'id'", "copy_stmt"},
    {"COPY t TO '/var/x'", "copy_stmt"},
    {"COPY (SELECT * FROM users) TO STDOUT", "copy_stmt"},
    {"SET ROLE postgres", "line 1"},
    {"SET SESSION AUTHORIZATION postgres", "line 1"},
    {"RESET ROLE", "line 1"},
    {"SET search_path TO public", "line 1"},
    {"GRANT ALL ON t TO PUBLIC", "grant_stmt"},
    {"GRANT postgres TO evil", "line 1"},
    {"REVOKE ALL ON t FROM PUBLIC", "line 1"},
    {"CREATE ROLE evil SUPERUSER", "create_role_stmt"},
    {"ALTER ROLE postgres PASSWORD 'x'", "line 1"},
    {"ALTER SYSTEM SET archive_command = 'id'", "line 1"},
    {"CREATE DATABASE x", "line 1"},
    {"CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "line 1"},
    {"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(9); RETURN "
     "NEW; END $$",
     "line 1"},
    {"CREATE EXTENSION dblink", "line 1"},
    {"CREATE EXTENSION plpython3u", "line 1"},
    {"DO $$ BEGIN DELETE FROM users; END $$", "do_stmt"},
    {"LOAD 'x.so'", "load_stmt"},
    {"SET CONSTRAINTS ALL DEFERRED", "constraints_set_stmt"},
    {"CREATE TABLE late (id uuid PRIMARY KEY, up uuid REFERENCES late (id) DEFERRABLE INITIALLY "
     "DEFERRED); INSERT INTO late (id, up) VALUES (gen_random_uuid(), gen_random_uuid())",
     "FOREIGN KEY constraint failed"},
    {"INSERT INTO t (a) WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x FROM r) SELECT x FROM "
     "r",
     "line 1"},
    {"UPDATE t SET a = repeat('x', 1000000000)", "line 1"},
    {"LISTEN x", "line 1"},
    {"VACUUM", "line 1"},
    {"LOCK TABLE users", "line 1"},
    {"TRUNCATE users", "line 1"},
    {"PREPARE p AS DELETE FROM users", "line 1"},
    {"SELECT pg_read_file('/etc/passwd')", "line 1"},
    {"SELECT set_config('app.current_org', '', false)", "line 1"},
    {"CREATE VIEW v AS SELECT * FROM users", "line 1"},
    {"CREATE TABLE t AS SELECT * FROM users", "line 1"},
    {"SELECT * INTO t FROM users", "line 1"},
    {"CREATE RULE r AS ON INSERT TO t DO INSTEAD DELETE FROM users", "line 1"},
    {"INSERT INTO public.users (email) VALUES ('a')", "is not the addon's"},
    {"INSERT INTO \"public\".\"users\" (email) VALUES ('a')", "is not the addon's"},
    {"INSERT INTO U&\"\\0070ublic\".users (email) VALUES ('a')", "is not the addon's"},
    {"UPDATE addon_tickets.tickets SET subject = 'x'", "is not the addon's"},
    {"DELETE FROM public.organizations", "is not the addon's"},
    {"DROP TABLE public.users", "is not the addon's"},
    {"DROP TABLE IF EXISTS addon_tickets.tickets", "is not the addon's"},
    {"CREATE TABLE public.t (id uuid)", "is not the addon's"},
    {"CREATE TABLE addon_evil2.t (id uuid)", "is not the addon's"},
    {"CREATE TABLE metacore.public.t (id uuid)", "line 1"},
    {"ALTER TABLE public.users ADD COLUMN x text", "is not the addon's"},
    {"CREATE INDEX i ON public.users (email)", "is not the addon's"},
    {"CREATE SCHEMA other", "line 1"},
    {"DROP SCHEMA public CASCADE", "line 1"},
    {"CREATE TEMP TABLE t (id uuid)", "temporary"},
    {"CREATE TABLE t (a text DEFAULT (SELECT password_hash FROM users))", "line 1"},
    {"CREATE TABLE t (a int DEFAULT pg_sleep(10))", "line 1"},
    {"CREATE TABLE t (a int DEFAULT lo_import('/etc/passwd'))", "line 1"},
    {"CREATE TABLE t (a text DEFAULT load_extension('x'))", "line 1"},
    {"CREATE TABLE t (a int CHECK (a IN (SELECT 1)))", "line 1"},
    {"CREATE TABLE t (a uuid REFERENCES addon_tickets.tickets (id))", "line 1"},
    {"CREATE TABLE t (a int) INHERITS (users)", "line 1"},
    {"CREATE TABLE t (a int GENERATED ALWAYS AS (random()) STORED)", "line 1"},
    {"CREATE TABLE sqlite_t (a int)", "is no name"},
    {"CREATE TABLE \"t.u\" (a int)", "is no name"},
    {"CREATE TABLE \"t\"\"; DROP TABLE users; --\" (a int)", "is no name"},
    {"ATTACH DATABASE '/var/x' AS y", "line 1"},
    {"PRAGMA writable_schema = 1", "line 1"},
    /* quoting and comments hide nothing */
    {"CREATE TABLE t (a text DEFAULT $$'; --$$);\nGRANT ALL ON t TO x", "line 2"},
    {"CREATE TABLE t (a text DEFAULT E'\\'; --');\nGRANT ALL ON t TO x", "line 2"},
    {"CREATE TABLE t (a text DEFAULT '\\');\nGRANT ALL ON t TO x; --')", "line 2"},
    {"/* /* nested */ GRANT */\nGRANT ALL ON t TO x", "line 2"},
    {"-- DROP\r\n;;;\n;GRANT ALL ON t TO x", "line 3"},
    {"COMMENT ON TABLE t IS $a$ $b$ $a$;\nGRANT ALL ON t TO x -- $b$", "line 2"},
    {"gRaNt/**/aLl/**/oN/**/t/**/tO/**/x", "grant_stmt"},
    {"BEGIN;\nCREATE TABLE t (a int);\nCOMMIT;\nDELETE FROM public.users", "line 4"},
    {"ROLLBACK;\nDROP TABLE public.users", "line 1"},
    {"SAVEPOINT s; ROLLBACK TO s", "line 1"},
    {"WITH d AS (DELETE FROM users RETURNING 1) INSERT INTO t SELECT * FROM d", "line 1"},
    /* what does not parse, and what parses and does not run */
    {"CREATE TABLE t (a int", "syntax error"},
    {"CREATE TABLE t (a int); \xff", "UTF-8"},
    {"INSERT INTO nowhere (a) VALUES (1)", "apply evil@0002"},
    {"CREATE TABLE made (a int);\nALTER TABLE made DROP COLUMN nothing", "apply evil@0002"},
};

MC_TEST("a migration that leaves its place is refused, and those before it are taken back")
{
    MC_REQUIRE(hostile_open(&server, NULL));
    for (size_t i = 0; i < MC_LEN(migrations); i++) {
        const kit_file files[] = {{"migrations/0001.sql",
                                   "CREATE TABLE first (id uuid, organization_id uuid, a text);"
                                   "INSERT INTO first (a) VALUES ('x');"},
                                  {"migrations/0002.sql", migrations[i].sql},
                                  {NULL, NULL}};

        MC_CASE(migrations[i].sql);
        hostile_refused(&server, HOSTILE_KEY,
                        pack(MODEL("t", "evil_t", "{\"name\":\"a\",\"type\":\"text\"}"), files),
                        MC_STR(""), migrations[i].message);
    }
    hostile_close(&server);
}

MC_TEST("a migration of endless words is refused before it costs a stack")
{
    static const struct {
        const char *name, *before, *part, *after, *message;
        int times;
    } rows[] = {
        {"parentheses", "CREATE TABLE t (a int CHECK (", "(", "", "a statement longer than", 30000},
        {"a sum", "CREATE TABLE t (a int DEFAULT 1", "+1", ")", "too deeply", 5000},
        {"statements", "", "CREATE INDEX i ON t (a);", "", "more than 2000 statements", 2001},
        {"a comment", "-- ", "0123456789", "", "larger than 1 MiB", 110000},
    };

    MC_REQUIRE(hostile_open(&server, NULL));
    for (size_t i = 0; i < MC_LEN(rows); i++) {
        kit_file files[] = {{"migrations/0001.sql", NULL}, {NULL, NULL}};
        mc_buf sql;

        MC_CASE(rows[i].name);
        mc_buf_init_arena(&sql, server.arena, 0);
        mc_buf_str(&sql, mc_z(rows[i].before));
        for (int k = 0; k < rows[i].times; k++)
            mc_buf_str(&sql, mc_z(rows[i].part));
        mc_buf_str(&sql, mc_z(rows[i].after));
        mc_buf_char(&sql, '\0');
        files[0].text = sql.ptr;
        hostile_refused(&server, HOSTILE_KEY, pack(HOSTILE_MANIFEST, files), MC_STR(""),
                        rows[i].message);
    }
    hostile_close(&server);
}

/* ---- strange, and harmless ---- */

MC_TEST("models that point at each other in a circle are served like any others")
{
    static const char loop[] = EVIL(
        ",\"model_definitions\":[{\"table_name\":\"a\",\"model_key\":\"evil_a\",\"label\":\"A\","
        "\"columns\":[{\"name\":\"title\",\"type\":\"string\"},{\"name\":\"b_id\",\"type\":"
        "\"uuid\","
        "\"ref\":\"evil_b\"},{\"name\":\"a_id\",\"type\":\"uuid\",\"ref\":\"evil_a\"}],"
        "\"relations\":[{\"name\":\"b\",\"kind\":\"belongs_to\",\"through\":\"evil_b\","
        "\"foreign_key\":\"b_id\"}]},{\"table_name\":\"b\",\"model_key\":\"evil_b\",\"label\":"
        "\"B\","
        "\"columns\":[{\"name\":\"title\",\"type\":\"string\"},{\"name\":\"a_id\",\"type\":"
        "\"uuid\","
        "\"ref\":\"evil_a\"}],\"relations\":[{\"name\":\"a\",\"kind\":\"belongs_to\",\"through\":"
        "\"evil_a\",\"foreign_key\":\"a_id\"}]}]");

    MC_REQUIRE(hostile_open(&server, NULL));
    MC_EXPECT_EQ(kit_upload(&server.owner, HOSTILE_KEY, "", pack(loop, NULL), MC_STR("")), 200);
    MC_EXPECT_EQ(mc_client_call(&server.owner, "POST", "/api/dynamic/evil_a", "{\"title\":\"x\"}"),
                 201);
    MC_EXPECT_EQ(mc_client_call(&server.owner, "GET", "/api/dynamic/evil_a?expand=b", NULL), 200);
    MC_EXPECT_HAS(server.owner.body, "\"title\":\"x\"");
    hostile_close(&server);
}
