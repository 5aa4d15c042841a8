/* SPDX-License-Identifier: Apache-2.0 */
/* Statements that want more than is their organization's. */
#include "metacore/sqlgate/sqlguest_test_internal.h"

/* Whatever its end (ANY), it shows and changes nothing of anybody else's. */
#define ANY MC_CODE_COUNT
static const struct {
    const char *sql;
    bool is_exec;
    mc_code rc;
} hostile[] = {
    /* other relations */
    {"SELECT * FROM organizations", false, MC_FORBIDDEN},
    {"SELECT * FROM public.organizations", false, MC_FORBIDDEN},
    {"SELECT * FROM main.organizations", false, MC_FORBIDDEN},
    {"SELECT * FROM main.items", false, MC_FORBIDDEN},
    {"SELECT * FROM x.addon_k.items", false, MC_FORBIDDEN},
    {"SELECT * FROM \"addon_k.items\"", false, MC_FORBIDDEN},
    {"SELECT * FROM \"items\"\"\"", false, MC_FORBIDDEN},
    {"SELECT * FROM metacore_installations", false, MC_FORBIDDEN},
    {"SELECT * FROM addon_other.things", false, MC_FORBIDDEN},
    {"SELECT * FROM \"addon_other.things\"", false, MC_FORBIDDEN},
    {"SELECT password_hash FROM users", false, MC_NOT_FOUND},
    {"SELECT organization_id FROM users", false, MC_NOT_FOUND},
    {"SELECT * FROM users", false, ANY},
    {"SELECT * FROM sqlite_master", false, MC_INVALID},
    {"SELECT * FROM \"sqlite_master\"", false, MC_INVALID},
    {"SELECT * FROM main.sqlite_schema", false, MC_INVALID},
    {"SELECT * FROM pragma_table_info('users')", false, MC_INVALID},
    {"SELECT * FROM json_each('[1]')", false, MC_INVALID},
    {"SELECT * FROM generate_series(1, 100000000)", false, MC_INVALID},
    {"SELECT * FROM pg_catalog.pg_tables", false, MC_INVALID},
    {"SELECT * FROM pg_authid", false, MC_INVALID},
    {"SELECT * FROM information_schema.tables", false, MC_INVALID},
    {"TABLE organizations", false, MC_FORBIDDEN},
    {"TABLE items", false, ANY},
    /* by other names */
    {"SELECT * FROM items AS organizations", false, ANY},
    {"WITH organizations AS (SELECT * FROM items) SELECT * FROM organizations", false, ANY},
    {"WITH items AS (SELECT * FROM organizations) SELECT * FROM items", false, MC_FORBIDDEN},
    {"WITH x AS (SELECT * FROM addon_k.items) SELECT * FROM x", false, ANY},
    {"WITH items AS (SELECT 1 AS id) SELECT * FROM addon_k.items", false, ANY},
    {"WITH x AS (SELECT 1) SELECT * FROM (WITH x AS (SELECT * FROM organizations) SELECT * FROM x) "
     "y",
     false, MC_FORBIDDEN},
    {"SELECT * FROM items \"$1\"", false, ANY},
    {"SELECT * FROM items x WHERE x.organization_id = '" THEIRS "'", false, ANY},
    {"SELECT * FROM items WHERE organization_id <> '" MINE "' OR true", false, ANY},
    {"SELECT * FROM items WHERE true OR true --", false, ANY},
    {"SELECT * FROM items WHERE id = '" ITEM(3) "'", false, ANY},
    {"SELECT * FROM ITEMS", false, ANY},
    {"SELECT * FROM \"ITEMS\"", false, MC_FORBIDDEN},
    {"SELECT \"SECRET-1\" FROM items", false, MC_NOT_FOUND},
    {"SELECT rowid FROM items", false, MC_NOT_FOUND},
    {"SELECT _rowid_, oid FROM items", false, MC_NOT_FOUND},
    {"SELECT ctid, xmin FROM items", false, MC_NOT_FOUND},
    {"SELECT items FROM items", false, MC_NOT_FOUND},
    {"SELECT (items).name FROM items", false, MC_INVALID},
    {"SELECT $1 FROM items WHERE $65 = $66", false, MC_INVALID},
    {"SELECT $0", false, MC_INVALID},
    {"SELECT * FROM items WHERE organization_id = $65", false, MC_INVALID},
    /* joined and nested */
    {"SELECT * FROM lines l JOIN items i ON true", false, ANY},
    {"SELECT * FROM lines l RIGHT JOIN items i ON i.id = l.item_id", false, ANY},
    {"SELECT * FROM lines l FULL JOIN items i ON false", false, ANY},
    {"SELECT * FROM lines NATURAL JOIN items", false, MC_INVALID},
    {"SELECT * FROM items CROSS JOIN organizations", false, MC_FORBIDDEN},
    {"SELECT * FROM items JOIN (SELECT * FROM organizations) o ON true", false, MC_FORBIDDEN},
    {"SELECT (SELECT max(name) FROM items)", false, ANY},
    {"SELECT (SELECT secret FROM organizations LIMIT 1)", false, MC_FORBIDDEN},
    {"SELECT 1 WHERE EXISTS (SELECT 1 FROM organizations)", false, MC_FORBIDDEN},
    {"SELECT 1 WHERE 1 IN (SELECT 1 FROM metacore_installations)", false, MC_FORBIDDEN},
    {"SELECT name FROM items ORDER BY (SELECT secret FROM organizations LIMIT 1)", false,
     MC_FORBIDDEN},
    {"SELECT name FROM items GROUP BY name, (SELECT 1 FROM organizations)", false, MC_FORBIDDEN},
    {"SELECT name FROM items GROUP BY name HAVING (SELECT true FROM organizations)", false,
     MC_FORBIDDEN},
    {"SELECT name FROM items LIMIT (SELECT count(*) FROM organizations)", false, MC_FORBIDDEN},
    {"SELECT count(*) FILTER (WHERE EXISTS (SELECT 1 FROM organizations)) FROM items", false,
     MC_FORBIDDEN},
    {"SELECT sum(qty) OVER (ORDER BY (SELECT 1 FROM organizations)) FROM items", false,
     MC_FORBIDDEN},
    {"SELECT CASE WHEN true THEN (SELECT secret FROM organizations) END", false, MC_FORBIDDEN},
    {"SELECT coalesce((SELECT secret FROM organizations), '')", false, MC_FORBIDDEN},
    {"VALUES ((SELECT secret FROM organizations))", false, MC_FORBIDDEN},
    {"SELECT name FROM items UNION ALL SELECT secret FROM organizations", false, MC_FORBIDDEN},
    {"SELECT name FROM items UNION (SELECT name FROM items EXCEPT SELECT 'x')", false, ANY},
    {"SELECT * FROM items, LATERAL (SELECT * FROM lines WHERE item_id = items.id) l", false,
     MC_INVALID},
    {"SELECT * FROM items TABLESAMPLE SYSTEM (100)", false, MC_INVALID},
    {"SELECT * FROM ROWS FROM (json_each('[]'))", false, MC_INVALID},
    {"SELECT * FROM ONLY items", false, ANY},
    {"WITH RECURSIVE r AS (SELECT id, organization_id FROM items UNION SELECT i.id, "
     "i.organization_id FROM items i, r) SELECT * FROM r",
     false, ANY},
    {"WITH RECURSIVE r(s) AS (SELECT 'x' UNION ALL SELECT o.secret FROM organizations o, r) SELECT "
     "s FROM r",
     false, MC_FORBIDDEN},
    {"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
     false, MC_INTERRUPTED},
    {"WITH RECURSIVE r(s) AS (SELECT 'xx' UNION ALL SELECT s || s FROM r) SELECT length(s) FROM r",
     false, ANY},
    /* changes where only reading is */
    {"DELETE FROM items", false, MC_INVALID},
    {"WITH d AS (DELETE FROM items RETURNING *) SELECT * FROM d", false, MC_INVALID},
    {"WITH d AS (UPDATE items SET qty = 1 RETURNING *) SELECT * FROM d", false, MC_INVALID},
    {"WITH \"'\" AS (DELETE FROM items RETURNING 1) SELECT '--'''", false, MC_INVALID},
    {"SELECT $$ ' $$; DELETE FROM items; --'", false, MC_INVALID},
    {"SELECT E'\\''; DELETE FROM items; --'", false, MC_INVALID},
    {"SELECT 1; SELECT 2", false, MC_INVALID},
    {"SELECT * INTO stolen FROM items", false, MC_INVALID},
    {"CREATE TABLE t AS SELECT * FROM items", false, MC_INVALID},
    {"SELECT name FROM items FOR UPDATE", false, MC_INVALID},
    {"EXPLAIN SELECT * FROM items", false, MC_INVALID},
    {"EXPLAIN ANALYZE DELETE FROM items", false, MC_INVALID},
    {"PREPARE p AS DELETE FROM items", false, MC_INVALID},
    {"COPY items TO PROGRAM 'id'", false, MC_INVALID},
    {"DO $$ BEGIN DELETE FROM items; END $$", false, MC_INVALID},
    {"CALL f()", false, MC_INVALID},
    {"BEGIN", false, MC_INVALID},
    {"COMMIT", true, MC_INVALID},
    {"ROLLBACK", true, MC_INVALID},
    {"SAVEPOINT s", true, MC_INVALID},
    {"SET search_path TO public", false, MC_INVALID},
    {"PRAGMA writable_schema = 1", true, MC_INVALID},
    {"ATTACH DATABASE '/tmp/x' AS x", true, MC_INVALID},
    {"VACUUM", true, MC_INVALID},
    {"DROP TABLE items", true, MC_INVALID},
    {"ALTER TABLE items RENAME TO x", true, MC_INVALID},
    {"TRUNCATE items", true, MC_INVALID},
    {"CREATE VIEW v AS SELECT * FROM organizations", true, MC_INVALID},
    {"CREATE TRIGGER t AFTER UPDATE ON items EXECUTE FUNCTION f()", true, MC_INVALID},
    {"GRANT ALL ON items TO public", true, MC_INVALID},
    {"SELECT * FROM items", true, MC_INVALID},
    {"LOCK TABLE items", true, MC_INVALID},
    {"", false, MC_INVALID},
    {" -- nothing", false, MC_INVALID},
    {"/* DELETE */", true, MC_INVALID},
    /* functions */
    {"SELECT load_extension('x')", false, MC_FORBIDDEN},
    {"SELECT readfile('/etc/passwd')", false, MC_FORBIDDEN},
    {"SELECT randomblob(1000000000)", false, MC_FORBIDDEN},
    {"SELECT zeroblob(1000000000)", false, MC_FORBIDDEN},
    {"SELECT sqlite_version()", false, MC_FORBIDDEN},
    {"SELECT set_config('app.current_org', '', false)", false, MC_FORBIDDEN},
    {"SELECT current_setting('x')", false, MC_FORBIDDEN},
    {"SELECT lo_import('/etc/passwd')", false, MC_FORBIDDEN},
    {"SELECT dblink('x', 'y')", false, MC_FORBIDDEN},
    {"SELECT pg_sleep(10)", false, MC_INVALID},
    {"SELECT pg_read_file('x')", false, MC_INVALID},
    {"SELECT addon_k.now()", false, MC_FORBIDDEN},
    {"SELECT nextval('x')", false, MC_FORBIDDEN},
    {"SELECT query_to_xml('SELECT 1', true, true, '')", false, MC_FORBIDDEN},
    {"SELECT current_user", false, MC_FORBIDDEN},
    {"SELECT repeat('x', 1000000000)", false, MC_FORBIDDEN},
    {"SELECT mc_as('uuid', 'x')", false, MC_FORBIDDEN},
    {"SELECT 1 OPERATOR(pg_catalog.+) 1", false, MC_FORBIDDEN},
    {"SELECT name ~ 'SECRET' FROM items", false, MC_FORBIDDEN},
    {"SELECT name MATCH 'x' FROM items", false, MC_INVALID},
    {"SELECT 'x'::regclass", false, MC_INVALID},
    /* changes of others' rows */
    {"UPDATE items SET name = 'mine' WHERE id = '" ITEM(3) "'", true, MC_OK},
    {"UPDATE items SET name = 'mine' WHERE organization_id = '" THEIRS "' OR true", true, MC_OK},
    {"UPDATE items SET organization_id = '" THEIRS "'", true, MC_FORBIDDEN},
    {"UPDATE items SET (name, organization_id) = ('x', '" THEIRS "')", true, ANY},
    {"UPDATE items SET id = '" ITEM(3) "'", true, MC_FORBIDDEN},
    {"UPDATE items AS x SET name = 'mine' FROM items y WHERE y.id = x.id OR true", true, MC_OK},
    {"UPDATE items SET name = y.name FROM organizations y", true, MC_FORBIDDEN},
    {"UPDATE items SET name = (SELECT secret FROM organizations LIMIT 1)", true, MC_FORBIDDEN},
    {"UPDATE items SET qty = 1 RETURNING (SELECT secret FROM organizations)", true, MC_INVALID},
    {"UPDATE items SET qty = 1 RETURNING *", true, MC_OK},
    {"UPDATE users SET email = 'x'", true, MC_FORBIDDEN},
    {"UPDATE organizations SET secret = 'x'", true, MC_FORBIDDEN},
    {"UPDATE main.items SET qty = 1", true, MC_FORBIDDEN},
    {"UPDATE addon_other.things SET name = 'x'", true, MC_FORBIDDEN},
    {"WITH items AS (SELECT 1) UPDATE items SET qty = 1", true, ANY},
    {"DELETE FROM items", true, MC_OK},
    {"DELETE FROM items WHERE id = '" ITEM(3) "'", true, MC_OK},
    {"DELETE FROM lines USING items WHERE true", true, MC_OK},
    {"DELETE FROM lines USING organizations WHERE true", true, MC_FORBIDDEN},
    {"DELETE FROM items WHERE id IN (SELECT id FROM organizations)", true, MC_FORBIDDEN},
    {"DELETE FROM items RETURNING organization_id, name", true, MC_OK},
    {"DELETE FROM users", true, MC_FORBIDDEN},
    {"INSERT INTO items (organization_id, name) VALUES ('" THEIRS "', 'planted')", true,
     MC_FORBIDDEN},
    {"INSERT INTO items (organization_id, name) VALUES (NULL, 'planted')", true, MC_FORBIDDEN},
    {"INSERT INTO items (organization_id, name) VALUES (('" THEIRS "')::uuid, 'planted')", true,
     MC_FORBIDDEN},
    {"INSERT INTO items (organization_id, name) VALUES (lower('" THEIRS "'), 'planted')", true,
     ANY},
    {"INSERT INTO items (organization_id, name) VALUES ('" MINE "', 'a'), ('" THEIRS "', 'b')",
     true, MC_FORBIDDEN},
    {"INSERT INTO items (organization_id, name) SELECT '" THEIRS "', 'planted'", true, ANY},
    {"INSERT INTO items (organization_id, name) SELECT id, secret FROM organizations", true,
     MC_FORBIDDEN},
    {"INSERT INTO items (organization_id, organization_id) VALUES ('" MINE "', '" THEIRS "')", true,
     MC_REJECTED},
    {"INSERT INTO items (\"organization_id \") VALUES ('" THEIRS "')", true, MC_NOT_FOUND},
    {"INSERT INTO items (id, name) VALUES ('" ITEM(3) "', 'x') ON CONFLICT DO NOTHING", true,
     MC_OK},
    {"INSERT INTO items (id, name) VALUES ('" ITEM(
         3) "', 'x') ON CONFLICT (id) DO UPDATE SET name = 'mine'",
     true, MC_OK},
    {"INSERT INTO items (id, name) VALUES ('" ITEM(
         3) "', 'x') ON CONFLICT (id) DO UPDATE SET name = 'mine' WHERE true OR items.name = '' "
            "RETURNING *",
     true, MC_OK},
    {"INSERT INTO items (id, name) VALUES ('" ITEM(
         3) "', 'x') ON CONFLICT (id) DO UPDATE SET organization_id = excluded.organization_id",
     true, MC_FORBIDDEN},
    {"INSERT INTO items (id, name) VALUES ('" ITEM(3) "', 'x')", true, MC_CONFLICT},
    {"INSERT INTO items (code) VALUES ('SECRET')", true, MC_OK},
    {"INSERT INTO items SELECT * FROM items", true, MC_INVALID},
    {"INSERT INTO items DEFAULT VALUES", true, MC_INVALID},
    {"INSERT INTO users (id) VALUES ('x')", true, MC_FORBIDDEN},
    {"INSERT INTO items (name) VALUES ((SELECT secret FROM organizations LIMIT 1))", true,
     MC_FORBIDDEN},
    {"INSERT INTO items (name) WITH x AS (SELECT secret FROM organizations) SELECT secret FROM x",
     true, MC_FORBIDDEN},
    {"MERGE INTO items USING lines ON true WHEN MATCHED THEN DELETE", true, MC_INVALID},
    {"WITH x AS (INSERT INTO lines (n) VALUES (1) RETURNING id) DELETE FROM items", true,
     MC_INVALID},
    {"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) INSERT INTO lines (n) SELECT "
     "n FROM r",
     true, MC_INVALID},
    {"INSERT INTO items (qty) VALUES ('x')", true, MC_REJECTED},
    {"INSERT INTO items (meta) VALUES ('{\"a\":')", true, MC_REJECTED},
    {"INSERT INTO items (due) VALUES ('\"},{\"x\":\"')", true, MC_REJECTED},
    {"INSERT INTO items (due) SELECT what FROM loose", true, MC_OK},
};

MC_TEST("no statement shows or touches what is not its organization's")
{
    for (size_t i = 0; i < MC_LEN(hostile); i++) {
        run r = {.sql = hostile[i].sql, .is_exec = hostile[i].is_exec};
        mc_str before, after;
        mc_err err = {.code = MC_OK};
        mc_code rc;

        MC_CASE(hostile[i].sql);
        MC_REQUIRE(open_db());
        before = theirs();
        rc = run_sql(&r, &err);
        if (hostile[i].rc != ANY)
            MC_EXPECT_EQ(rc, hostile[i].rc);
        if (rc != hostile[i].rc && hostile[i].rc != ANY)
            MC_EXPECT_Z(mc_z(err.msg), "");
        MC_EXPECT_EQ(mc_str_find(mc_buf_get(&r.out), MC_STR("SECRET")), mc_buf_get(&r.out).len);
        MC_EXPECT_EQ(mc_str_find(mc_buf_get(&r.out), MC_STR("777")), mc_buf_get(&r.out).len);
        after = theirs();
        MC_EXPECT_STR(after, before);
        close_db();
    }
}
