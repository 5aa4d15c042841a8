/* SPDX-License-Identifier: Apache-2.0 */
/* What one run of an installation has on its way: how long it may take, which rows it touched. */
#include "metacore/installer/installer_internal.h"

/* ---- until when ---- */

static int64_t now_us(void)
{
    return mc_clock_monotonic_us((mc_clock){NULL, NULL});
}

void mc__pass_begin(mc__pass *self, int64_t max_ms)
{
    *self = (mc__pass){.end_us = now_us() + max_ms * 1000, .max_ms = max_ms};
}

mc_code mc__pass_arm(const mc__pass *self, mc_ctx *ctx, mc_err *err)
{
    int64_t left_us = self->end_us - now_us();

    if (left_us <= 0)
        return mc_fail(err, MC_INTERRUPTED, "its time is over");
    mc_db_conn_set_budget(ctx->conn, left_us);
    return MC_OK;
}

mc_code mc__pass_end(const mc__pass *self, mc_ctx *ctx, mc_code rc, mc_err *err)
{
    mc_err why;

    mc_db_conn_set_budget(ctx->conn, 0);
    if (rc != MC_INTERRUPTED)
        return rc;
    why = *err;
    return mc_fail(err, MC_REJECTED,
                   "not done within %lld ms, in which nobody else can write: nothing was changed "
                   "(%.80s)",
                   (long long)self->max_ms, why.msg);
}

/* ---- which rows ---- */

mc_code mc__changes_total(mc_ctx *ctx, int64_t *out, mc_err *err)
{
    mc_db_rows rows;
    mc_str sql = mc_db_conn_dialect(ctx->conn) == MC_DB_POSTGRES
                     ? MC_STR("SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint "
                              "FROM pg_stat_xact_user_tables")
                     : MC_STR("SELECT total_changes()");
    mc_code rc = mc_db_query(ctx->conn, sql, NULL, 0, &rows, err);

    if (rc != MC_OK)
        return rc;
    *out = mc_db_rows_next(&rows) ? mc_db_col_int(&rows, 0) : 0;
    return mc_db_rows_finish(&rows, err);
}

/* The table that a statement of ours writes: the name after its verb. */
static mc_str table_of(mc_str statement, mc_str schema, mc_arena *arena)
{
    static const char *const verbs[] = {"INSERT INTO ", "UPDATE ", "DELETE FROM "};

    /* "schema.table" or "schema"."table", as the store has it. */
    static const char *const dots[] = {".", "\".\""};

    for (size_t i = 0; i < MC_LEN(verbs) * MC_LEN(dots); i++) {
        mc_str mark = mc_str_printf(arena, "%s\"%.*s%s", verbs[i / 2], MC_FMT(schema), dots[i % 2]);
        size_t at = mc_str_find(statement, mark);

        if (mark.len && at < statement.len)
            return mc_str_slice(statement, at + mark.len,
                                mc_str_find_char(statement, at + mark.len, '"'));
    }
    return MC_STR("");
}

static mc__change *find(const mc__changes *self, mc_str schema, mc_str table)
{
    for (size_t i = 0; i < self->count; i++) {
        if (mc_str_eq(self->items[i].table, table) && mc_str_eq(self->items[i].schema, schema))
            return &self->items[i];
    }
    return NULL;
}

mc_code mc__changes_note(mc__changes *self, mc_arena *arena, mc_str schema, mc_str statement,
                         int64_t rows, mc_err *err)
{
    mc_str table = table_of(statement, schema, arena);
    mc__change *known = find(self, schema, table);

    if (table.len == 0 || rows <= 0)
        return MC_OK;
    if (known) {
        known->rows += rows;
        return MC_OK;
    }
    if (self->count == self->room) {
        size_t room = self->room ? self->room * 2 : 32;
        mc__change *grown = mc_arena_realloc(arena, self->items, self->count * sizeof(*grown),
                                             room * sizeof(*grown));

        if (!grown)
            return mc_fail(err, MC_NO_MEMORY, "rehearsal");
        self->items = grown;
        self->room = room;
    }
    self->items[self->count++] =
        (mc__change){mc_str_copy(arena, schema), mc_str_copy(arena, table), rows};
    return MC_OK;
}

int64_t mc__changes_of(const mc__changes *self, mc_str schema, mc_str table)
{
    const mc__change *change = find(self, schema, table);

    return change ? change->rows : 0;
}
