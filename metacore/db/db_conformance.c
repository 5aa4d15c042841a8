/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/db_conformance.h"

#include "mc_test.h"

static const char things_sqlite[] = "CREATE TABLE things (id TEXT PRIMARY KEY, flag INTEGER, n "
                                    "INTEGER, word TEXT NOT NULL, at TEXT,"
                                    " day TEXT, price TEXT COLLATE mc_decimal, doc TEXT, raw BLOB);"
                                    "CREATE UNIQUE INDEX things_word ON things (word);";
static const char things_postgres[] =
    "CREATE TABLE things (id uuid PRIMARY KEY, flag boolean, n bigint, word text NOT NULL, at "
    "timestamptz, day date, price numeric, doc jsonb, raw bytea);"
    "CREATE UNIQUE INDEX things_word ON things (word);";

#define INSERT_WORD "INSERT INTO things (id, word, n) VALUES ($1, $2, $3)"

static mc_code create(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    (void)user;
    return mc_db_exec_script(
        conn, mc_z(mc_db_conn_dialect(conn) == MC_DB_SQLITE ? things_sqlite : things_postgres),
        err);
}

static mc_ctx ctx_new(void)
{
    return (mc_ctx){.arena = mc_arena_new(0)};
}

static mc_code insert_word(mc_db_conn *conn, const char *word, int64_t n, mc_err *err)
{
    mc_uuid id;
    mc_code rc = mc_uuid_v7(&id, err);
    mc_db_value args[] = {mc_db_uuid(id), mc_db_text(mc_z(word)), mc_db_int(n)};

    return rc == MC_OK ? mc_db_exec(conn, MC_STR(INSERT_WORD), args, MC_LEN(args), NULL, err) : rc;
}

static mc_code count_words(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, MC_STR("SELECT count(*) FROM things"), NULL, 0, &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    if (mc_db_rows_next(&rows))
        *(int64_t *)user = mc_db_col_int(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

static int64_t count(mc_db *db, mc_ctx *ctx)
{
    int64_t n = -1;
    mc_err err;

    MC_EXPECT_OK(mc_db_read(db, ctx, count_words, &n, &err), &err);
    return n;
}

/* ---- values ---- */

static const mc_uuid some_id = {{0x01, 0x8f, 0x3c, 0x5e, 0x7b, 0x2a, 0x7a, 0xbc, 0x8d, 0xef, 1}};
static const mc_time some_time = INT64_C(1763978400123456);

static mc_code write_values(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(some_id),
                          mc_db_bool(true),
                          mc_db_int(INT64_C(9007199254740993)),
                          mc_db_text(MC_STR("caf\xc3\xa9")),
                          mc_db_time(some_time),
                          {MC_DB_DATE, {.time = some_time}},
                          {MC_DB_DECIMAL, {.text = MC_STR_INIT("12345678901234.5678")}},
                          {MC_DB_JSON, {.text = MC_STR_INIT("{\"a\":1}")}},
                          {MC_DB_BYTES, {.text = MC_STR_INIT("\x00\xff")}}};
    int64_t changed = 0;
    mc_code rc =
        mc_db_exec(conn,
                   MC_STR("INSERT INTO things (id, flag, n, word, at, day, price, doc, raw) "
                          "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"),
                   args, MC_LEN(args), &changed, err);

    (void)ctx;
    (void)user;
    MC_EXPECT_EQ(changed, 1);
    return rc;
}

static mc_code read_values(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_value id = mc_db_uuid(some_id);
    mc_str cell = MC_STR("untouched");
    mc_db_rows rows;
    mc_code rc = mc_db_query(
        conn,
        MC_STR("SELECT id, flag, n, word, at, day, price, doc, NULL FROM things WHERE id = $1"),
        &id, 1, &rows, err);

    (void)ctx;
    (void)user;
    if (rc != MC_OK)
        return rc;
    MC_EXPECT(mc_db_rows_next(&rows));
    MC_EXPECT_EQ(mc_db_col_count(&rows), 9);
    MC_EXPECT_Z(mc_db_col_name(&rows, 3), "word");
    MC_EXPECT(mc_uuid_eq(mc_db_col_uuid(&rows, 0), some_id));
    MC_EXPECT(mc_db_col_bool(&rows, 1));
    MC_EXPECT_EQ(mc_db_col_int(&rows, 2), INT64_C(9007199254740993));
    MC_EXPECT_Z(mc_db_col_text(&rows, 3), "caf\xc3\xa9");
    MC_EXPECT_EQ(mc_db_col_time(&rows, 4), some_time);
    MC_EXPECT_Z(mc_db_col_text(&rows, 5), "2025-11-24");
    MC_EXPECT_Z(mc_db_col_text(&rows, 6), "12345678901234.5678");
    MC_EXPECT_Z(mc_db_col_text(&rows, 7), "{\"a\":1}");
    MC_EXPECT(mc_db_col_is_null(&rows, 8));
    MC_EXPECT(!mc_db_col_is_null(&rows, 0));
    MC_EXPECT_EQ(mc_db_col_int(&rows, 8), 0);
    MC_EXPECT(!mc_db_col_cell(&rows, 8, &cell));
    MC_EXPECT_Z(cell, "untouched");
    MC_EXPECT(mc_db_col_cell(&rows, 3, &cell));
    MC_EXPECT_Z(cell, "caf\xc3\xa9");
    MC_EXPECT(!mc_db_rows_next(&rows));
    return mc_db_rows_finish(&rows, err);
}

void mc__db_conformance_values(mc_db *db)
{
    mc_ctx ctx = ctx_new();
    mc_err err;

    MC_EXPECT_OK(mc_db_write(db, &ctx, create, NULL, &err), &err);
    MC_EXPECT_OK(mc_db_write(db, &ctx, write_values, NULL, &err), &err);
    MC_EXPECT_OK(mc_db_read(db, &ctx, read_values, NULL, &err), &err);
    mc_arena_free(ctx.arena);
}

/* ---- transactions ---- */

static mc_code write_then_fail(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_code rc = insert_word(conn, "undone", 1, err);

    (void)user;
    MC_EXPECT(ctx->conn == conn);
    return rc == MC_OK ? mc_fail(err, MC_REJECTED, "changed my mind") : rc;
}

static mc_code nest(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_code rc = insert_word(conn, "outer", 1, err);

    (void)ctx;
    (void)user;
    MC_EXPECT_OK(mc_db_begin(conn, err), err);
    MC_EXPECT_OK(insert_word(conn, "inner, undone", 2, err), err);
    mc_db_rollback(conn);
    MC_EXPECT_OK(mc_db_begin(conn, err), err);
    MC_EXPECT_OK(insert_word(conn, "inner, kept", 3, err), err);
    MC_EXPECT_OK(mc_db_commit(conn, err), err);
    return rc;
}

static mc_code leave_open(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    (void)user;
    MC_EXPECT_OK(insert_word(conn, "left open", 1, err), err);
    return mc_db_begin(conn, err);
}

void mc__db_conformance_transactions(mc_db *db)
{
    mc_ctx ctx = ctx_new();
    int64_t before = count(db, &ctx);
    mc_err err;

    MC_EXPECT_EQ(mc_db_write(db, &ctx, write_then_fail, NULL, &err), MC_REJECTED);
    MC_EXPECT_Z(mc_z(err.msg), "changed my mind");
    MC_EXPECT(ctx.conn == NULL);
    MC_EXPECT_EQ(count(db, &ctx), before);
    MC_EXPECT_OK(mc_db_write(db, &ctx, nest, NULL, &err), &err);
    MC_EXPECT_EQ(count(db, &ctx), before + 2);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, leave_open, NULL, &err), MC_INTERNAL);
    MC_EXPECT_EQ(count(db, &ctx), before + 2);
    mc_arena_free(ctx.arena);
}

/* ---- errors ---- */

static mc_code insert_twice(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_code rc = insert_word(conn, "twice", 1, err);

    (void)ctx;
    (void)user;
    return rc == MC_OK ? insert_word(conn, "twice", 2, err) : rc;
}

static mc_code insert_null(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(some_id), mc_db_null(), mc_db_int(1)};

    (void)ctx;
    (void)user;
    return mc_db_exec(conn, MC_STR(INSERT_WORD), args, MC_LEN(args), NULL, err);
}

static mc_code wrong_count(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_value one = mc_db_int(1);

    (void)ctx;
    (void)user;
    return mc_db_exec(conn, MC_STR("SELECT $1, $2"), &one, 1, NULL, err);
}

static mc_code bad_syntax(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    (void)user;
    return mc_db_exec(conn, MC_STR("SELEC 1"), NULL, 0, NULL, err);
}

static mc_code write_on_reader(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    (void)user;
    return insert_word(conn, "from a reader", 1, err);
}

void mc__db_conformance_errors(mc_db *db)
{
    mc_ctx ctx = ctx_new();
    int64_t before = count(db, &ctx);
    mc_err err;

    MC_EXPECT_EQ(mc_db_write(db, &ctx, insert_twice, NULL, &err), MC_CONFLICT);
    MC_EXPECT_HAS(mc_z(err.msg), "word");
    MC_EXPECT_EQ(mc_db_write(db, &ctx, insert_null, NULL, &err), MC_INVALID);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, wrong_count, NULL, &err), MC_INTERNAL);
    MC_EXPECT_EQ(mc_db_write(db, &ctx, bad_syntax, NULL, &err), MC_INTERNAL);
    MC_EXPECT(mc_db_read(db, &ctx, write_on_reader, NULL, &err) != MC_OK);
    MC_EXPECT_EQ(count(db, &ctx), before);
    mc_arena_free(ctx.arena);
}

/* ---- cursors ---- */

static mc_code read_nested(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    static const mc_str sql =
        MC_STR_INIT("SELECT n FROM things WHERE n >= $2 AND n <> $1 AND n >= $2 "
                    "ORDER BY n");
    mc_db_value args[] = {mc_db_int(999), mc_db_int(1)}; /* $2 stands first, and twice */
    mc_db_rows outer, inner;
    int pairs = 0;
    mc_code rc = mc_db_query(conn, sql, args, MC_LEN(args), &outer, err);

    (void)ctx;
    (void)user;
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&outer)) {
        MC_EXPECT_OK(mc_db_query(conn, sql, args, MC_LEN(args), &inner, err), err);
        while (mc_db_rows_next(&inner))
            pairs++;
        MC_EXPECT_OK(mc_db_rows_finish(&inner, err), err);
        MC_EXPECT(!mc_db_rows_next(&inner)); /* the end stays the end */
    }
    MC_EXPECT(pairs >= 4);
    rc = mc_db_rows_finish(&outer, err);
    if (rc != MC_OK)
        return rc;
    MC_EXPECT_OK(mc_db_query(conn, sql, args, MC_LEN(args), &outer, err), err);
    MC_EXPECT(mc_db_rows_next(&outer));
    return mc_db_rows_finish(&outer, err); /* stopped early */
}

void mc__db_conformance_cursors(mc_db *db)
{
    mc_ctx ctx = ctx_new();
    mc_err err;

    MC_EXPECT_OK(mc_db_read(db, &ctx, read_nested, NULL, &err), &err);
    mc_arena_free(ctx.arena);
}

/* ---- without a transaction ---- */

static mc_code vacuum_then_fail(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)user;
    MC_EXPECT(ctx->conn == conn);
    MC_EXPECT_OK(insert_word(conn, "stays", 1, err), err);
    MC_EXPECT_OK(mc_db_exec_script(conn, MC_STR("VACUUM"), err), err);
    MC_EXPECT_OK(mc_db_begin(conn, err), err);
    MC_EXPECT_OK(insert_word(conn, "goes", 1, err), err);
    mc_db_rollback(conn);
    return mc_fail(err, MC_REJECTED, "enough");
}

void mc__db_conformance_alone(mc_db *db)
{
    mc_ctx ctx = ctx_new();
    int64_t before = count(db, &ctx);
    mc_err err;

    MC_EXPECT_EQ(mc_db_write_alone(db, &ctx, vacuum_then_fail, NULL, &err), MC_REJECTED);
    MC_EXPECT(ctx.conn == NULL);
    MC_EXPECT_EQ(count(db, &ctx), before + 1);
    MC_EXPECT_EQ(mc_db_write_alone(db, &ctx, leave_open, NULL, &err), MC_INTERNAL);
    MC_EXPECT_EQ(count(db, &ctx), before + 2); /* what it did before it began is done */
    mc_arena_free(ctx.arena);
}
