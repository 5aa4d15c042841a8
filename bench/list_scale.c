/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list_scale: what lists and aggregates cost on a small table and on a large one.
 *
 *   list_scale FOLDER [ROWS of the large one]
 * runs the service's own statements in this process, fills FOLDER, and prints a line each: what,
 * microseconds of CPU on 10,000 rows, on the large table, and the ratio of both.
 */
#include "metacore/dynamic/dynamic.h"
#include "metacore/migrations/migrations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SMALL 10000
#define LARGE_DEFAULT 100000
#define ROUNDS 100
#define CURSOR_ROOM 2048

static const mc_column_def columns[] = {
    {.name = MC_STR_INIT("subject"), .type = MC_STR_INIT("string")},
    {.name = MC_STR_INIT("status"), .type = MC_STR_INIT("string"), .index = true},
    {.name = MC_STR_INIT("body"), .type = MC_STR_INIT("text")},
    {.name = MC_STR_INIT("hours"), .type = MC_STR_INIT("decimal"), .index = true},
    {.name = MC_STR_INIT("due_at"), .type = MC_STR_INIT("datetime"), .index = true},
    {.name = MC_STR_INIT("group_id"), .type = MC_STR_INIT("uuid"), .index = true},
};

typedef struct side {
    long rows;
    mc_db *db;
    mc_models *models;
    mc_dynamic *dynamic;
    mc_db_conn *conn;
    mc_ctx ctx; /* its arena is made anew for each question */
    char cursor[CURSOR_ROOM];
} side;

static const struct {
    const char *name, *query;
    bool is_aggregate;
    bool is_writing; /* something is written before each */
} cases[] = {
    {"newest first, with total", "per_page=20", false, false},
    {"the same, while rows are written", "per_page=20", false, true},
    {"filtered by an indexed column", "per_page=20&f_status=open", false, false},
    {"the same, while rows are written", "per_page=20&f_status=open", false, true},
    {"sorted by an indexed column", "per_page=20&sortBy=hours&order=asc", false, false},
    {"an indexed range in its order",
     "per_page=20&f_due_at=2026-03-01_2026-03-02&sortBy=due_at&order=asc", false, false},
    {"by cursor, half way down", "per_page=20&cursor=", false, false},
    {"sums of a hundred rows of a group",
     "metrics=count,sum:hours,avg:hours&f_group_id="
     "00000000-0000-4000-8000-000000000007&count=exact",
     true, true},
    {"least and largest by index", "metrics=min:due_at,max:due_at", true, true},
    {"sum of all, while rows are written", "metrics=sum:hours", true, true},
};

static void die(const char *what, const mc_err *err)
{
    fprintf(stderr, "list_scale: %s: %s\n", what, err->msg);
    exit(1);
}

static mc_code allow(void *user, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    (void)user;
    (void)ctx;
    (void)capability;
    (void)err;
    return MC_OK;
}

/* ---- tables ---- */

static mc_code make_table(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)ctx;
    return mc_model_ensure_table(user, conn, err);
}

/* As many rows as asked, a third open; groups of a hundred rows each; ten thousand to the day. */
static mc_code fill(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    side *s = user;
    mc_db_value args[] = {mc_db_int(s->rows), mc_db_uuid(ctx->who.org_id)};

    return mc_db_exec(
        conn,
        MC_STR(
            "INSERT INTO t (id, organization_id, created_at, updated_at, subject, status, body, "
            "hours, due_at, group_id) WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
            "FROM c WHERE i < $1) SELECT printf('0198%04x-%04x-7000-8000-%012x', i / 65536, "
            "i % 65536, i), $2, printf('2026-01-%02dT%02d:%02d:%02d.%06dZ', 1 + i / 86400 % 28, "
            "i / 3600 % 24, i / 60 % 60, i % 60, i % 1000000), '2026-01-01T00:00:00.000000Z', "
            "'Ticket ' || i, substr('open  closedwaits ', 1 + 6 * (i % 3), "
            "4 + 2 * (i % 3 = 1) + (i % 3 = 2)), 'Some text that nobody asked for', "
            "(i * 7919) % 1000 || '.25', printf('2026-%02d-%02dT%02d:00:00.000000Z', 1 + i % 12, "
            "1 + i / 12 % 28, i % 24), printf('00000000-0000-4000-8000-%012x', i / 100) FROM c"),
        args, MC_LEN(args), NULL, err);
}

static void open_side(side *s, const char *folder, long rows)
{
    mc_model_def def = {.key = MC_STR("t"),
                        .table = MC_STR("t"),
                        .soft_delete = true,
                        .columns = columns,
                        .column_count = MC_LEN(columns)};
    mc_model *model = NULL;
    char url[512];
    mc_err err;
    mc_code rc;

    *s = (side){.rows = rows, .ctx = {.arena = mc_arena_new(0)}};
    s->ctx.who.org_id.bytes[0] = 1;
    s->ctx.who.user_id.bytes[0] = 1;
    (void)snprintf(url, sizeof(url), "sqlite:%s/scale-%ld.db", folder, rows);
    rc = mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url), .synchronous_normal = true},
                    &s->db, &err);
    if (rc == MC_OK)
        rc = mc_migrations_up(s->db, &s->ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, &err);
    if (rc == MC_OK)
        rc = mc_models_new(&s->models, &err);
    if (rc == MC_OK)
        rc = mc_model_new(&def, MC_DB_SQLITE, &model, &err);
    if (rc == MC_OK)
        rc = mc_db_write(s->db, &s->ctx, make_table, model, &err);
    if (rc == MC_OK)
        rc = mc_models_put(s->models, model, &err);
    if (rc == MC_OK)
        rc = mc_db_write(s->db, &s->ctx, fill, s, &err);
    if (rc == MC_OK)
        rc = mc_dynamic_new(&(mc_dynamic_config){MC_DYNAMIC_CONFIG, .db = s->db,
                                                 .models = s->models, .check = allow},
                            &s->dynamic, &err);
    if (rc == MC_OK)
        rc = mc_db_reader_open(s->db, &s->conn, &err);
    if (rc != MC_OK)
        die("open", &err);
}

static void close_side(side *s)
{
    mc_db_reader_close(s->conn);
    mc_dynamic_free(s->dynamic);
    mc_db_close(s->db);
    mc_models_free(s->models);
    mc_arena_free(s->ctx.arena);
}

/* ---- questions ---- */

static mc_code write_one(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    side *s = user;
    const mc_model *model = mc_models_find(s->models, MC_STR("t"));
    const mc_json *input;
    mc_dynamic_write *write;
    mc_time version;
    mc_buf out;
    mc_code rc = mc_json_parse(ctx->arena, MC_STR("{\"subject\":\"x\",\"status\":\"closed\"}"),
                               NULL, &input, err);

    (void)conn;
    mc_buf_init_arena(&out, ctx->arena, 0);
    if (rc == MC_OK)
        rc = mc_dynamic_prepare(s->dynamic, ctx, model, input, true, &write, err);
    return rc == MC_OK ? mc_dynamic_create(s->dynamic, ctx, write, &out, &version, err) : rc;
}

static void renew_arena(side *s)
{
    mc_arena_free(s->ctx.arena);
    s->ctx.arena = mc_arena_new(0);
    s->ctx.now = mc_clock_now((mc_clock){NULL, NULL});
    s->ctx.conn = NULL;
}

/* query: "a=b&c=d", nothing escaped; a cursor that is empty is the side's. */
static void ask(side *s, const char *query, bool is_aggregate, mc_dynamic_page *out_page)
{
    const mc_model *model = mc_models_find(s->models, MC_STR("t"));
    mc_str rest = mc_z(query), pair;
    mc_header pairs[8];
    size_t count = 0;
    mc_buf out;
    mc_err err;
    mc_code rc;

    while (count < MC_LEN(pairs) && mc_str_split(&rest, '&', &pair)) {
        size_t at = mc_str_find_char(pair, 0, '=');

        pairs[count] = (mc_header){mc_str_slice(pair, 0, at), mc_str_slice(pair, at + 1, pair.len)};
        if (mc_str_eq(pairs[count].name, MC_STR("cursor")))
            pairs[count].value = mc_z(s->cursor);
        count++;
    }
    mc_buf_init_arena(&out, s->ctx.arena, 0);
    s->ctx.conn = s->conn;
    rc = is_aggregate
             ? mc_dynamic_aggregate(s->dynamic, &s->ctx, model, pairs, count, &out, &err)
             : mc_dynamic_list(s->dynamic, &s->ctx, model, pairs, count, &out, out_page, &err);
    if (rc != MC_OK)
        die(query, &err);
}

static double cpu_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* this clock always exists */
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Microseconds of this thread for one question, on average. */
static double measure(side *s, size_t which)
{
    mc_dynamic_page page;
    double total = 0;
    mc_err err;

    for (int i = -1; i < ROUNDS; i++) { /* the first asks what is then kept */
        double before;

        renew_arena(s);
        if (cases[which].is_writing && mc_db_write(s->db, &s->ctx, write_one, s, &err) != MC_OK)
            die("write", &err);
        before = cpu_us();
        ask(s, cases[which].query, cases[which].is_aggregate, &page);
        total += i < 0 ? 0 : cpu_us() - before;
    }
    return total / ROUNDS;
}

static void go_half_way(side *s)
{
    mc_dynamic_page page;
    char query[64];

    renew_arena(s);
    (void)snprintf(query, sizeof(query), "per_page=20&count=none&page=%ld", s->rows / 40);
    ask(s, query, false, &page);
    (void)snprintf(s->cursor, sizeof(s->cursor), "%.*s", MC_FMT(page.next_cursor));
}

int main(int argc, char **argv)
{
    long rows = argc > 2 ? strtol(argv[2], NULL, 10) : LARGE_DEFAULT;
    static side small, large;

    if (argc < 2 || rows < SMALL || rows > 10000000) {
        fprintf(stderr, "usage: list_scale FOLDER [ROWS]\n");
        return 2;
    }
    open_side(&small, argv[1], SMALL);
    open_side(&large, argv[1], rows);
    go_half_way(&small);
    go_half_way(&large);
    printf("%-36s %10d %10ld rows, us\n", "", SMALL, rows);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        double little = measure(&small, i), much = measure(&large, i);

        printf("%-36s %10.1f %10.1f   ratio %.2f\n", cases[i].name, little, much, much / little);
    }
    close_side(&small);
    close_side(&large);
    return 0;
}
