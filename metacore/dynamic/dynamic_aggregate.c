/* SPDX-License-Identifier: Apache-2.0 */
/* Counts, sums, averages and extremes over the rows of a list, by groups or of all. */
#include "metacore/base/decimal.h"
#include "metacore/dynamic/dynamic_aggregate_internal.h"

/* ---- the statement ---- */

static void write_name(mc__aggregate *p, const mc_column *column)
{
    mc_buf_str(&p->sql, p->query.model->physical);
    mc_buf_char(&p->sql, '.');
    mc_buf_sql_ident(&p->sql, column->name);
}

static void write_group(mc__aggregate *p, const mc__group *g)
{
    static const char *const formats[] = {[4] = "YYYY", [7] = "YYYY-MM", [10] = "YYYY-MM-DD"};

    if (g->text_len && p->self->dialect == MC_DB_SQLITE) {
        mc_buf_lit(&p->sql, "substr(");
        write_name(p, g->column);
        mc_buf_printf(&p->sql, ", 1, %zu)", g->text_len);
    } else if (g->text_len) {
        mc_buf_lit(&p->sql, "to_char(");
        write_name(p, g->column);
        mc_buf_printf(&p->sql, "%s, '%s')",
                      g->column->type == MC_COL_TIMESTAMP ? " AT TIME ZONE 'UTC'" : "",
                      formats[g->text_len]);
    } else {
        write_name(p, g->column);
    }
}

static void write_sum(mc__aggregate *p, const mc_column *column)
{
    mc_buf_str(&p->sql,
               p->self->dialect == MC_DB_SQLITE ? MC_STR("mc_decimal_sum(") : MC_STR("sum("));
    write_name(p, column);
    mc_buf_char(&p->sql, ')');
}

static void write_function(mc__aggregate *p, const mc__metric *m)
{
    mc_buf_str(&p->sql, mc__metric_names[m->kind]);
    mc_buf_char(&p->sql, '(');
    if (m->column)
        write_name(p, m->column);
    else
        mc_buf_char(&p->sql, '*');
    mc_buf_char(&p->sql, ')');
}

/* The first or last entry of an index instead of all of them. */
static void write_look(mc__aggregate *p, const mc__metric *m)
{
    mc_buf_lit(&p->sql, "(SELECT ");
    write_name(p, m->column);
    mc_buf_lit(&p->sql, " FROM ");
    mc_buf_str(&p->sql, p->query.model->physical);
    mc_buf_lit(&p->sql, " WHERE ");
    mc_buf_str(&p->sql, p->query.where);
    mc_buf_lit(&p->sql, " AND ");
    write_name(p, m->column);
    mc_buf_lit(&p->sql, " IS NOT NULL ORDER BY ");
    write_name(p, m->column);
    mc_buf_str(&p->sql, m->kind == MC__MIN ? MC_STR(" ASC LIMIT 1)") : MC_STR(" DESC LIMIT 1)"));
}

static void write_metric(mc__aggregate *p, const mc__metric *m)
{
    if (p->is_by_index) {
        write_look(p, m);
    } else if (m->kind == MC__SUM) {
        write_sum(p, m->column);
    } else if (m->kind == MC__AVG) {
        write_sum(p, m->column);
        mc_buf_lit(&p->sql, ", count(");
        write_name(p, m->column);
        mc_buf_char(&p->sql, ')');
    } else {
        write_function(p, m);
    }
}

static bool are_looks(const mc__aggregate *p)
{
    for (size_t i = 0; i < p->metric_count; i++) {
        const mc__metric *m = &p->metrics[i];

        if ((m->kind != MC__MIN && m->kind != MC__MAX) ||
            (!m->column->is_index && !mc_str_eq(m->column->name, MC_STR("created_at"))))
            return false;
    }
    return p->group_count == 0 && p->metric_count > 0;
}

static void write_columns(mc__aggregate *p)
{
    size_t at = 0;

    for (size_t i = 0; i < p->group_count; i++, at++) {
        if (at > 0)
            mc_buf_lit(&p->sql, ", ");
        write_group(p, &p->groups[i]);
    }
    for (size_t i = 0; i < p->group_count; i++) {
        mc__group *g = &p->groups[i];

        if (g->text_len == 0 &&
            mc__label_write(p->self, p->ctx, p->query.model, g->column, &g->label_key, &p->sql))
            g->label_at = at++;
    }
    for (size_t i = 0; i < p->metric_count; i++) {
        if (at > 0)
            mc_buf_lit(&p->sql, ", ");
        p->metrics[i].at = at;
        at += p->metrics[i].kind == MC__AVG ? 2 : 1;
        write_metric(p, &p->metrics[i]);
    }
}

static void write_groups(mc__aggregate *p)
{
    bool is_decimal = p->order && p->self->dialect == MC_DB_SQLITE && p->order->kind != MC__COUNT &&
                      mc__is_number(p->order->column);

    mc_buf_lit(&p->sql, " GROUP BY ");
    for (size_t i = 0; i < p->group_count; i++)
        mc_buf_printf(&p->sql, "%s%zu", i ? ", " : "", i + 1);
    mc_buf_lit(&p->sql, " ORDER BY ");
    if (p->order) {
        write_metric(p, p->order);
        mc_buf_str(&p->sql, is_decimal ? MC_STR(" COLLATE mc_decimal DESC, ") : MC_STR(" DESC, "));
    }
    for (size_t i = 0; i < p->group_count; i++)
        mc_buf_printf(&p->sql, "%s%zu", i ? ", " : "", i + 1);
    mc_buf_printf(&p->sql, " LIMIT %u", p->limit);
}

static mc_code write_statement(mc__aggregate *p, mc_err *err)
{
    mc_buf_init_arena(&p->sql, p->ctx->arena, 0);
    p->is_by_index = are_looks(p);
    mc_buf_lit(&p->sql, "SELECT ");
    write_columns(p);
    if (!p->is_by_index) {
        mc_buf_lit(&p->sql, " FROM ");
        mc_buf_str(&p->sql, p->query.model->physical);
        mc_buf_lit(&p->sql, " WHERE ");
        mc_buf_str(&p->sql, p->query.where);
        if (p->group_count)
            write_groups(p);
    }
    return mc_buf_check(&p->sql, "aggregate", err);
}

/* ---- the answer ---- */

static mc_code check_keys(const mc__aggregate *p, mc_err *err)
{
    mc_str keys[2 * MC_AGGREGATE_GROUPS_MAX + MC_AGGREGATE_METRICS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < p->group_count; i++) {
        keys[count++] = p->groups[i].key;
        if (p->groups[i].label_key.len)
            keys[count++] = p->groups[i].label_key;
    }
    for (size_t i = 0; i < p->metric_count; i++)
        keys[count++] = p->metrics[i].key;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (mc_str_eq(keys[i], keys[k]))
                return mc_fail(err, MC_INVALID, "%s: \"%.*s\" would stand twice in the answer",
                               i < p->group_count ? "group_by" : "metrics", MC_FMT(keys[i]));
        }
    }
    return MC_OK;
}

static void write_key(mc_buf *out, mc_str key)
{
    mc_json_write_str(out, key);
    mc_buf_char(out, ':');
}

static void write_average(const mc__metric *m, mc_db_rows *rows, mc_buf *out)
{
    int64_t count = mc_db_col_int(rows, m->at + 1);

    if (count > 0)
        mc_decimal_div_u64(out, mc_db_col_text(rows, m->at), (uint64_t)count,
                           MC_AGGREGATE_AVG_SCALE);
    else
        mc_buf_lit(out, "null");
}

static void write_number(const mc__aggregate *p, const mc__metric *m, mc_db_rows *rows, mc_buf *out)
{
    static const mc_column decimal = {.type = MC_COL_DECIMAL};

    if (m->kind == MC__COUNT)
        mc_buf_i64(out, mc_db_col_int(rows, m->at));
    else if (m->kind == MC__AVG)
        write_average(m, rows, out);
    else if (m->kind == MC__SUM && mc_db_col_is_null(rows, m->at))
        mc_buf_char(out, '0');
    else
        mc__value_write(p->self->dialect, m->kind == MC__SUM ? &decimal : m->column, rows, m->at,
                        out);
}

static void write_row(const mc__aggregate *p, mc_db_rows *rows, mc_buf *out)
{
    bool is_first = true;

    mc_buf_char(out, '{');
    for (size_t i = 0; i < p->group_count; i++) {
        const mc__group *g = &p->groups[i];

        if (!is_first)
            mc_buf_char(out, ',');
        is_first = false;
        write_key(out, g->key);
        if (g->text_len && mc_db_col_is_null(rows, i))
            mc_buf_lit(out, "null");
        else if (g->text_len)
            mc_json_write_str(out, mc_db_col_text(rows, i));
        else
            mc__value_write(p->self->dialect, g->column, rows, i, out);
        if (g->label_key.len && !mc_db_col_is_null(rows, g->label_at)) {
            mc_buf_char(out, ',');
            write_key(out, g->label_key);
            mc__label_value_write(rows, g->label_at, i, out);
        }
    }
    for (size_t i = 0; i < p->metric_count; i++) {
        if (!is_first)
            mc_buf_char(out, ',');
        is_first = false;
        write_key(out, p->metrics[i].key);
        write_number(p, &p->metrics[i], rows, out);
    }
    mc_buf_char(out, '}');
}

static mc_code run(void *user, mc_buf *out, mc_err *err)
{
    mc__aggregate *p = user;
    size_t count = 0;
    mc_db_rows rows;
    mc_code rc = mc_db_query(p->ctx->conn, mc_buf_get(&p->sql), p->query.args, p->query.arg_count,
                             &rows, err);

    if (rc != MC_OK)
        return rc;
    if (!p->is_client_form)
        mc_buf_char(out, '[');
    while (mc_db_rows_next(&rows)) {
        if (count++)
            mc_buf_char(out, ',');
        write_row(p, &rows, out);
    }
    if (!p->is_client_form)
        mc_buf_char(out, ']');
    return mc_db_rows_finish(&rows, err);
}

mc_code mc_dynamic_aggregate(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                             const mc_header *pairs, size_t pair_count, mc_buf *out, mc_err *err)
{
    mc__kept_query kept = {.generation = mc__generation(self, ctx->who.org_id, model)};
    mc__aggregate p = {.self = self, .ctx = ctx};
    mc_code rc = mc__aggregate_read(&p, model, pairs, pair_count, err);

    if (rc == MC_OK && p.metric_count == 0) {
        mc_buf_lit(out, "{}"); /* the table asks for no totals */
        return MC_OK;
    }
    if (rc == MC_OK)
        rc = write_statement(&p, err);
    if (rc == MC_OK)
        rc = check_keys(&p, err);
    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < p.group_count; i++) {
        if (p.groups[i].label_key.len)
            return run(&p, out, err); /* a label changes without the model being written */
    }
    kept.key = mc__kept_key(p.is_client_form ? MC_STR("totals") : MC_STR("aggregate"),
                            mc_buf_get(&p.sql), p.query.args, p.query.arg_count);
    return mc__kept_or_run(self, ctx, &kept, mc__pair_find(pairs, pair_count, MC_STR("count")), run,
                           &p, out, err);
}
