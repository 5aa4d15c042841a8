/* SPDX-License-Identifier: Apache-2.0 */
/* Guests' statements, run for one of two organizations that share a table. */
#include "metacore/sqlgate/sqlguest_test_internal.h"

#include <string.h>

/* ---- what is understood ---- */

static const struct {
    const char *name, *sql, *out;
    mc_db_value args[3];
} reads[] = {
    {"one's own rows", "SELECT name, qty FROM items ORDER BY name", "Beta|10\nalpha|3\n", {{0}}},
    {"a star and a schema",
     "SELECT n FROM (SELECT * FROM addon_k.lines) x ORDER BY 1",
     "1\n2\n",
     {{0}}},
    {"a parameter takes its column's type",
     "SELECT name FROM items WHERE price >= $1 AND id = $2",
     "Beta\n",
     {{MC_DB_TEXT, {.text = MC_STR_INIT("10")}}, {MC_DB_TEXT, {.text = MC_STR_INIT(ITEM(2))}}}},
    {"decimals in order", "SELECT price FROM items ORDER BY price DESC", "10.25\n9.5\n", {{0}}},
    {"decimals reckoned",
     "SELECT price * qty + 0.1, price / 3, -price, price % 3 FROM items WHERE qty = 3",
     "28.6|3.1666666666666667|-9.5|0.5\n",
     {{0}}},
    {"sums and averages",
     "SELECT sum(price), sum(qty), avg(qty), count(*), max(price) FROM items",
     "19.75|13|6.5|2|10.25\n",
     {{0}}},
    {"groups, and what is left of them",
     "SELECT active, count(*) AS c FROM items GROUP BY active HAVING count(*) > 0 ORDER BY active",
     "0|1\n1|1\n",
     {{0}}},
    {"joins",
     "SELECT i.name, l.n FROM items i JOIN lines AS l ON l.item_id = i.id ORDER BY l.n",
     "alpha|1\nalpha|2\n",
     {{0}}},
    {"an outer join",
     "SELECT i.name, l.n FROM items i LEFT JOIN lines l ON l.item_id = i.id AND l.n = 2 ORDER BY "
     "i.name DESC",
     "alpha|2\nBeta|null\n",
     {{0}}},
    {"a comma", "SELECT count(*) FROM items, lines", "4\n", {{0}}},
    {"USING", "SELECT count(*) FROM items JOIN lines USING (organization_id)", "4\n", {{0}}},
    {"a correlated sub-select",
     "SELECT name, (SELECT count(*) FROM lines WHERE item_id = items.id) FROM items ORDER BY name",
     "Beta|0\nalpha|2\n",
     {{0}}},
    {"EXISTS and IN",
     "SELECT name FROM items i WHERE EXISTS (SELECT 1 FROM lines l WHERE l.item_id = i.id) AND id "
     "IN (SELECT item_id FROM lines)",
     "alpha\n",
     {{0}}},
    {"a table expression",
     "WITH x(a) AS (SELECT name FROM items), y AS (SELECT a FROM x) SELECT a FROM y ORDER BY a",
     "Beta\nalpha\n",
     {{0}}},
    {"a table expression by a table's name",
     "WITH items AS (SELECT 'mine' AS name) SELECT name FROM items",
     "mine\n",
     {{0}}},
    {"the table within one of its name",
     "WITH items AS (SELECT name FROM items WHERE qty = 3) SELECT name FROM items",
     "alpha\n",
     {{0}}},
    {"a recursion",
     "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 4) SELECT n FROM r",
     "1\n2\n3\n4\n",
     {{0}}},
    {"set operations",
     "SELECT name FROM items WHERE qty = 3 UNION SELECT 'z' EXCEPT SELECT 'q' ORDER BY 1",
     "alpha\nz\n",
     {{0}}},
    {"VALUES",
     "SELECT a, b FROM (VALUES (1, 'x'), (2, 'y')) v(a, b) ORDER BY a DESC",
     "2|y\n1|x\n",
     {{0}}},
    {"members of JSON",
     "SELECT meta->'a'->'b'->>1, meta->>'t', meta->'a' FROM items WHERE qty = 3",
     "true|x|{\"b\":[1,true,null]}\n",
     {{0}}},
    {"CASE, coalesce, nullif",
     "SELECT CASE WHEN active THEN 'on' ELSE 'off' END, coalesce(due, '2000-01-01'), nullif(qty, "
     "10) FROM items ORDER BY qty",
     "on|2026-01-31|3\noff|2000-01-01|null\n",
     {{0}}},
    {"LIKE tells cases apart",
     "SELECT name FROM items WHERE name LIKE 'b%' OR name ILIKE 'AL_HA'",
     "alpha\n",
     {{0}}},
    {"LIKE of a parameter",
     "SELECT name FROM items WHERE name LIKE $1",
     "Beta\n",
     {{MC_DB_TEXT, {.text = MC_STR_INIT("%t_")}}}},
    {"times",
     "SELECT name FROM items WHERE created_at > now() - interval '1 day' AND extract(year from "
     "created_at) = 2026 AND date_trunc('month', created_at) = '2026-11-01' ORDER BY 1 LIMIT 1",
     "Beta\n",
     {{0}}},
    {"casts",
     "SELECT qty::text || '!', '5'::int + 1, '1.50'::numeric, active::text, created_at::date FROM "
     "items WHERE qty = 3",
     "3!|6|1.5|true|2026-11-25\n",
     {{0}}},
    {"windows",
     "SELECT name, row_number() OVER (ORDER BY qty DESC), sum(qty) OVER () FROM items ORDER BY 2",
     "Beta|1|13\nalpha|2|13\n",
     {{0}}},
    {"NULLs come last, as in PostgreSQL",
     "SELECT due FROM items ORDER BY due",
     "2026-01-31\nnull\n",
     {{0}}},
    {"lists and ranges",
     "SELECT name FROM items WHERE price IN (9.50, 1) AND qty BETWEEN 1 AND 5 AND qty = "
     "ANY(ARRAY[3, 4])",
     "alpha\n",
     {{0}}},
    {"DISTINCT and FILTER",
     "SELECT count(DISTINCT organization_id), count(*) FILTER (WHERE active) FROM items",
     "1|1\n",
     {{0}}},
    {"truths",
     "SELECT name FROM items WHERE active IS TRUE AND NOT (due IS NULL) AND active = true",
     "alpha\n",
     {{0}}},
    {"a foreign model whose capability is held",
     "SELECT email FROM users",
     "me@example.com\n",
     {{0}}},
    {"a table without a model", "SELECT what FROM loose WHERE what = '7'", "7\n", {{0}}},
    {"no error tells of a value",
     "SELECT qty / 0, price / 0, 'x'::text::int FROM items LIMIT 1",
     "null|null|null\n",
     {{0}}},
    {"rounding by a type",
     "SELECT (price / 3)::numeric(10, 2), '2.5'::numeric(4) FROM items WHERE qty = 3",
     "3.17|3\n",
     {{0}}},
    {"the largest and the smallest",
     "SELECT greatest(qty, 5, NULL), least(price, 9.75), greatest('a', name) FROM items ORDER BY "
     "qty",
     "5|9.5|alpha\n10|9.75|a\n",
     {{0}}},
    {"days",
     "SELECT due + 1, due - 31, extract(epoch from '2026-01-01'::timestamptz) FROM items WHERE qty "
     "= 3",
     "2026-02-01|2025-12-31|1767225600\n",
     {{0}}},
    {"OFFSET alone", "SELECT name FROM items ORDER BY qty OFFSET 1", "Beta\n", {{0}}},
};

MC_TEST("a guest reads its organization's rows in PostgreSQL's words")
{
    MC_REQUIRE(open_db());
    for (size_t i = 0; i < MC_LEN(reads); i++) {
        run r = {.sql = reads[i].sql};
        mc_err err;

        MC_CASE(reads[i].name);
        memcpy(r.args, reads[i].args, sizeof(reads[i].args));
        MC_EXPECT_OK(run_sql(&r, &err), &err);
        MC_EXPECT_Z(mc_buf_get(&r.out), reads[i].out);
    }
    close_db();
}

static const struct {
    const char *name, *sql, *out, *then, *now;
    int64_t changed;
} writes[] = {
    {"a row, stamped",
     "INSERT INTO items (name, qty, price) VALUES ('new', 1, 1.23456) RETURNING organization_id, "
     "price, created_at",
     MINE "|1.2346|" NOW "\n", "SELECT count(*) FROM items", "3\n", 1},
    {"several", "INSERT INTO lines (n) VALUES (5), (6), (7)", "", "SELECT sum(n) FROM lines",
     "21\n", 3},
    {"whose it is may be said when it is right",
     "INSERT INTO lines (organization_id, n) VALUES ('" MINE "', 9) RETURNING n", "9\n",
     "SELECT max(n) FROM lines", "9\n", 1},
    {"rows of a select",
     "INSERT INTO lines (item_id, n, organization_id) SELECT id, qty, organization_id FROM items "
     "WHERE qty = 10",
     "", "SELECT max(n) FROM lines", "10\n", 1},
    {"an update, and what it makes",
     "UPDATE items SET qty = qty + 1, name = upper(name) WHERE active RETURNING name, qty",
     "ALPHA|4\n", "SELECT sum(qty) FROM items", "14\n", 1},
    {"every row is every row of one's own", "UPDATE items SET qty = 0", "",
     "SELECT sum(qty) FROM items", "0\n", 2},
    {"an update from others",
     "UPDATE items AS i SET qty = s.total FROM (SELECT item_id, sum(n) AS total FROM lines GROUP "
     "BY item_id) s WHERE s.item_id = i.id",
     "", "SELECT qty FROM items ORDER BY qty", "3\n10\n", 1},
    {"a delete", "DELETE FROM items WHERE qty = 10 RETURNING name", "Beta\n",
     "SELECT count(*) FROM items", "1\n", 1},
    {"a delete by others",
     "DELETE FROM lines USING items i WHERE i.id = lines.item_id AND lines.n = 2 AND i.qty = 3", "",
     "SELECT n FROM lines", "1\n", 1},
    {"what depends on it goes with it", "DELETE FROM items", "", "SELECT count(*) FROM lines",
     "0\n", 2},
    {"an upsert that finds its own row",
     "INSERT INTO items (code, name, qty) VALUES ('A1', 'x', 1) ON CONFLICT (code) DO UPDATE SET "
     "qty = items.qty + excluded.qty, name = excluded.name RETURNING qty, name",
     "4|x\n", "SELECT count(*) FROM items", "2\n", 1},
    {"an upsert that does nothing", "INSERT INTO items (code) VALUES ('A1') ON CONFLICT DO NOTHING",
     "", "SELECT count(*) FROM items", "2\n", 0},
    {"table expressions before a change",
     "WITH x AS (SELECT id FROM items WHERE qty = 3) UPDATE items SET name = 'w' WHERE id IN "
     "(SELECT id FROM x)",
     "", "SELECT name FROM items WHERE qty = 3", "w\n", 1},
    {"a table without a model", "INSERT INTO loose (what) VALUES ('n') RETURNING organization_id",
     MINE "\n", "SELECT count(*) FROM loose", "2\n", 1},
};

MC_TEST("a guest changes its organization's rows, and the others' stay as they were")
{
    for (size_t i = 0; i < MC_LEN(writes); i++) {
        run r = {.sql = writes[i].sql, .is_exec = true}, after = {.sql = writes[i].then};
        mc_str before;
        mc_err err;

        MC_CASE(writes[i].name);
        MC_REQUIRE(open_db());
        before = theirs();
        MC_EXPECT_OK(run_sql(&r, &err), &err);
        MC_EXPECT_Z(mc_buf_get(&r.out), writes[i].out);
        MC_EXPECT_EQ(r.changed, writes[i].changed);
        MC_EXPECT_OK(run_sql(&after, &err), &err);
        MC_EXPECT_Z(mc_buf_get(&after.out), writes[i].now);
        MC_EXPECT_STR(theirs(), before);
        close_db();
    }
}

MC_TEST("what one organization writes is not there for the other")
{
    run make = {.sql = "INSERT INTO items (name, code) VALUES ('mine', 'ONLY')", .is_exec = true};
    run look = {.sql = "SELECT name FROM items WHERE code = 'ONLY'", .org = THEIRS};
    run own = {.sql = "SELECT name FROM items WHERE code = 'ONLY'"};
    mc_err err;

    MC_REQUIRE(open_db());
    MC_EXPECT_OK(run_sql(&make, &err), &err);
    MC_EXPECT_OK(run_sql(&look, &err), &err);
    MC_EXPECT_Z(mc_buf_get(&look.out), "");
    MC_EXPECT_OK(run_sql(&own, &err), &err);
    MC_EXPECT_Z(mc_buf_get(&own.out), "mine\n");
    close_db();
}
