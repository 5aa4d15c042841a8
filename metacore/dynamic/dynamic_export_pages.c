/* SPDX-License-Identifier: Apache-2.0 */
/* All rows of a list, page by page, in constant memory. */
#include "metacore/dynamic/dynamic_export_internal.h"

#include "metacore/base/time.h"

/* Where every page means sorting all rows again, one is read for as long as this. */
#define SORTED_PAGE_US 30000000
#define SCRATCH_BYTES ((size_t)8 << 20)

typedef struct pager {
    const mc__export *export;
    mc_ctx ctx; /* the export's, with an arena that is emptied after each page */
    mc__export_row row;
    bool (*is_full)(void *user);
    void *user;
    bool is_cheap;  /* an index has the order: to begin anew costs nothing */
    mc_buf cursor;  /* where the pages before ended */
    size_t part;    /* of the plan after cursor, to go on with */
    int64_t offset; /* rows of that part that were read without a cursor after them */
    bool is_cut;    /* the page ended before the part did */
} pager;

static int64_t now_us(void)
{
    return mc_clock_monotonic_us((mc_clock){NULL, NULL});
}

static bool is_indexed(const mc_column *sort)
{
    return sort->is_index || sort->is_unique || mc_str_eq(sort->name, MC_STR("created_at")) ||
           mc_str_eq(sort->name, MC_STR("id"));
}

static bool is_page_over(const pager *p, int64_t count, int64_t started_us)
{
    if (p->is_cheap)
        return p->is_full && p->is_full(p->user);
    return count % 256 == 0 && now_us() - started_us > SORTED_PAGE_US;
}

/* Where the next page begins: after this row by its keys, or else so many rows on. */
static void cut(pager *p, const mc_query_plan *plan, mc_db_rows *rows, int64_t count)
{
    mc_buf after;

    mc_buf_init_arena(&after, p->ctx.arena, 0);
    mc_query_write_cursor(&p->export->query, plan, rows, p->export->select_count, &after);
    p->is_cut = true;
    if (after.len == 0 || mc_buf_failed(&after)) {
        p->offset += count;
        return;
    }
    mc_buf_clear(&p->cursor);
    mc_buf_str(&p->cursor, mc_buf_get(&after));
    p->part = 0;
    p->offset = 0;
}

/* Without LIMIT: with one SQLite keeps what it sorts in a tree, which is many times slower. */
static void write_select(const pager *p, const mc_query_plan *plan, mc_buf *out)
{
    const mc_query_part *part = &plan->parts[p->part];

    mc_buf_lit(out, "SELECT ");
    mc_buf_str(out, p->export->select);
    mc_buf_lit(out, ", ");
    mc_buf_str(out, plan->keys);
    mc_buf_lit(out, " FROM ");
    mc_buf_str(out, p->export->model->physical);
    mc_buf_lit(out, " WHERE ");
    mc_buf_str(out, part->where);
    mc_buf_lit(out, " ORDER BY ");
    mc_buf_str(out, part->order);
}

static mc_code read_part(pager *p, const mc_query_plan *plan, mc_err *err)
{
    const mc_query_part *part = &plan->parts[p->part];
    int64_t count = 0, skip = p->offset, started_us = 0;
    mc_db_rows rows;
    mc_code rc, end_rc;
    mc_buf sql;

    mc_buf_init_arena(&sql, p->ctx.arena, 0);
    write_select(p, plan, &sql);
    rc = mc_buf_check(&sql, "export", err);
    if (rc == MC_OK)
        rc = mc_db_query(p->ctx.conn, mc_buf_get(&sql), part->args, part->arg_count, &rows, err);
    if (rc != MC_OK)
        return rc;
    while (rc == MC_OK && !p->is_cut && mc_db_rows_next(&rows)) {
        if (skip-- > 0)
            continue;
        if (count++ == 0)
            started_us = now_us(); /* sorting comes before the first row */
        rc = p->row(p->user, &rows, err);
        if (rc == MC_OK && is_page_over(p, count, started_us))
            cut(p, plan, &rows, count);
    }
    end_rc = mc_db_rows_finish(&rows, rc == MC_OK ? err : NULL);
    return rc == MC_OK ? end_rc : rc;
}

static mc_code read_page(pager *p, mc_err *err)
{
    mc_query_plan plan;
    mc_code rc = mc_query_plan_page(&p->ctx, &p->export->query, mc_buf_get(&p->cursor), &plan, err);

    p->is_cut = false;
    while (rc == MC_OK && p->part < plan.part_count) {
        rc = read_part(p, &plan, err);
        if (p->is_cut)
            break;
        p->part++;
        p->offset = 0;
    }
    return rc;
}

mc_code mc__export_pages(const mc__export *export, mc__export_row row, bool (*is_full)(void *user),
                         mc_code (*pause)(void *user, mc_err *err), void *user, mc_err *err)
{
    pager p = {.export = export, .ctx = *export->ctx, .row = row, .is_full = is_full, .user = user};
    mc_code rc = MC_OK;

    p.is_cheap = is_indexed(export->query.sort);
    p.ctx.arena = mc_arena_new(SCRATCH_BYTES);
    if (!p.ctx.arena)
        return mc_fail(err, MC_NO_MEMORY, "export");
    mc_buf_init(&p.cursor, 0);
    do {
        mc_arena_reset(p.ctx.arena);
        rc = read_page(&p, err);
        if (rc == MC_OK && pause)
            rc = pause(user, err);
        if (rc == MC_OK)
            rc = mc_buf_check(&p.cursor, "export", err);
    } while (rc == MC_OK && p.is_cut);
    mc_buf_deinit(&p.cursor);
    mc_arena_free(p.ctx.arena);
    return rc;
}
