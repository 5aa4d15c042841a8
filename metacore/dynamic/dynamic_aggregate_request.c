/* SPDX-License-Identifier: Apache-2.0 */
/* What an aggregate is asked for. */
#include "metacore/base/utf8.h"
#include "metacore/dynamic/dynamic_aggregate_internal.h"

const mc_str mc__metric_names[MC__MAX + 1] = {[MC__COUNT] = MC_STR_INIT("count"),
                                              [MC__SUM] = MC_STR_INIT("sum"),
                                              [MC__AVG] = MC_STR_INIT("avg"),
                                              [MC__MIN] = MC_STR_INIT("min"),
                                              [MC__MAX] = MC_STR_INIT("max")};

bool mc__is_number(const mc_column *column)
{
    return column->type == MC_COL_INT || column->type == MC_COL_BIGINT ||
           column->type == MC_COL_DECIMAL;
}

static bool is_ordered(const mc_column *column)
{
    return mc__is_number(column) || column->type == MC_COL_STRING || column->type == MC_COL_TEXT ||
           column->type == MC_COL_TIMESTAMP || column->type == MC_COL_DATE;
}

static bool suits(mc__metric_kind kind, const mc_column *column)
{
    if (kind == MC__COUNT)
        return true;
    return kind == MC__SUM || kind == MC__AVG ? mc__is_number(column) : is_ordered(column);
}

/* Hidden columns and the organization are unknown ones. */
static const mc_column *find_column(const mc_model *model, mc_str name)
{
    const mc_column *column = mc_model_find_column(model, name);

    if (!column || column->is_hidden || (column->is_system && !column->is_filterable))
        return NULL;
    return column;
}

static bool find_kind(mc_str name, mc__metric_kind *out)
{
    for (size_t i = 0; i < MC_LEN(mc__metric_names); i++) {
        if (mc_str_eq_nocase(name, mc__metric_names[i])) {
            *out = (mc__metric_kind)i;
            return true;
        }
    }
    return false;
}

static mc_code refuse(const char *parameter, mc_str item, const char *why, mc_err *err)
{
    return mc_fail(err, MC_INVALID, "%s: \"%.*s\" %s", parameter,
                   MC_FMT(mc_utf8_truncate(item, 64)), why);
}

static mc_code add_metric(mc__aggregate *p, mc_str item, mc_err *err)
{
    size_t colon = mc_str_find_char(item, 0, ':');
    mc__metric *m = &p->metrics[p->metric_count];

    if (p->metric_count == MC_AGGREGATE_METRICS_MAX)
        return mc_fail(err, MC_INVALID, "metrics: more than %d", MC_AGGREGATE_METRICS_MAX);
    *m = (mc__metric){.name = item};
    if (!find_kind(mc_str_slice(item, 0, colon), &m->kind))
        return refuse("metrics", item, "is none of count, sum, avg, min, max", err);
    if (colon < item.len) {
        m->column = find_column(p->query.model, mc_str_slice(item, colon + 1, item.len));
        if (!m->column)
            return refuse("metrics", item, "names no column", err);
        if (!suits(m->kind, m->column))
            return refuse("metrics", item, "does not fit the column's type", err);
    } else if (m->kind != MC__COUNT) {
        return refuse("metrics", item, "needs a column, as in sum:<column>", err);
    }
    m->key = m->column ? mc_str_printf(p->ctx->arena, "%.*s_%.*s",
                                       MC_FMT(mc__metric_names[m->kind]), MC_FMT(m->column->name))
                       : mc__metric_names[MC__COUNT];
    if (!m->key.ptr)
        return mc_fail(err, MC_NO_MEMORY, "aggregate");
    p->metric_count++;
    return MC_OK;
}

static mc_code add_group(mc__aggregate *p, mc_str item, mc_err *err)
{
    static const struct {
        mc_str name;
        size_t text_len;
    } units[] = {{MC_STR_INIT("day"), 10}, {MC_STR_INIT("month"), 7}, {MC_STR_INIT("year"), 4}};
    size_t colon = mc_str_find_char(item, 0, ':');
    mc_str unit = mc_str_slice(item, colon + 1, item.len);
    mc__group *g = &p->groups[p->group_count];

    if (p->group_count == MC_AGGREGATE_GROUPS_MAX)
        return mc_fail(err, MC_INVALID, "group_by: more than %d columns", MC_AGGREGATE_GROUPS_MAX);
    *g = (mc__group){.column = find_column(p->query.model, mc_str_slice(item, 0, colon))};
    if (!g->column || g->column->type == MC_COL_JSON)
        return refuse("group_by", item, "names no column to group by", err);
    g->key = g->column->name;
    if (colon < item.len) {
        for (size_t i = 0; i < MC_LEN(units); i++) {
            if (mc_str_eq_nocase(unit, units[i].name))
                g->text_len = units[i].text_len;
        }
        if (!g->text_len || (g->column->type != MC_COL_TIMESTAMP && g->column->type != MC_COL_DATE))
            return refuse("group_by", item, "is no day, month or year of a time", err);
        g->key = mc_str_printf(p->ctx->arena, "%.*s_%.*s", MC_FMT(g->key), MC_FMT(unit));
        if (!g->key.ptr)
            return mc_fail(err, MC_NO_MEMORY, "aggregate");
    }
    p->group_count++;
    return MC_OK;
}

static mc_code add_all(mc__aggregate *p, mc_str list,
                       mc_code (*add)(mc__aggregate *p, mc_str item, mc_err *err), mc_err *err)
{
    mc_code rc = MC_OK;
    mc_str item;

    while (rc == MC_OK && mc_str_split(&list, ',', &item)) {
        item = mc_str_trim(item);
        if (item.len)
            rc = add(p, item, err);
    }
    return rc;
}

/* styleConfig.aggregate of the table's columns; what does not fit is the manifest's mistake, which
 * must not take the other totals away. */
static void add_declared(mc__aggregate *p)
{
    const mc_json *list = mc_json_find(p->query.model->table_meta, MC_STR("columns"));

    for (size_t i = 0; list && list->kind == MC_JSON_ARRAY && i < list->as.array.count; i++) {
        const mc_json *declared = list->as.array.items[i];
        const mc_json *style = mc_json_find_nocase(declared, MC_STR("styleConfig"));
        mc__metric m = {.kind = MC__SUM};
        mc_str how, key;

        if (p->metric_count == MC_AGGREGATE_METRICS_MAX ||
            !mc_json_get_str(mc_json_find_nocase(style, MC_STR("aggregate")), &how) ||
            how.len == 0 || !mc_json_get_str(mc_json_find_nocase(declared, MC_STR("key")), &key))
            continue;
        (void)find_kind(how, &m.kind); /* any other word asks for a total: a sum */
        m.column = find_column(p->query.model, key);
        if (!m.column || !suits(m.kind, m.column) ||
            (m.kind != MC__COUNT && !mc__is_number(m.column)))
            continue;
        m.key = m.column->name;
        p->metrics[p->metric_count++] = m;
    }
}

static mc_code read_order(mc__aggregate *p, mc_str name, mc_err *err)
{
    for (size_t i = 0; i < p->metric_count && name.len; i++) {
        if (mc_str_eq_nocase(name, p->metrics[i].name) && p->metrics[i].kind != MC__AVG)
            p->order = &p->metrics[i];
    }
    return name.len && !p->order
               ? refuse("order_by", name, "is no metric of the request that can be ordered by", err)
               : MC_OK;
}

static mc_code read_limit(mc__aggregate *p, mc_str text, mc_err *err)
{
    p->limit = MC_AGGREGATE_LIMIT;
    if (text.len && !mc_str_u32(text, 1, UINT32_MAX, &p->limit))
        return refuse("limit", text, "is no number of groups", err);
    if (p->limit > MC_AGGREGATE_LIMIT_MAX)
        p->limit = MC_AGGREGATE_LIMIT_MAX;
    return MC_OK;
}

mc_code mc__aggregate_read(mc__aggregate *p, const mc_model *model, const mc_header *pairs,
                           size_t count, mc_err *err)
{
    mc_str metrics = mc__pair_find(pairs, count, MC_STR("metrics"));
    mc_str groups = mc__pair_find(pairs, count, MC_STR("group_by"));
    mc_code rc = mc_query_parse(p->ctx, model, p->self->dialect, pairs, count, &p->query, err);

    if (rc == MC_OK)
        rc = add_all(p, metrics, add_metric, err);
    if (rc == MC_OK)
        rc = add_all(p, groups, add_group, err);
    p->is_client_form = rc == MC_OK && p->metric_count == 0 && p->group_count == 0;
    if (p->is_client_form)
        add_declared(p);
    else if (rc == MC_OK && p->metric_count == 0)
        rc = add_metric(p, mc__metric_names[MC__COUNT], err);
    if (rc == MC_OK)
        rc = read_order(p, mc_str_trim(mc__pair_find(pairs, count, MC_STR("order_by"))), err);
    return rc == MC_OK ? read_limit(p, mc__pair_find(pairs, count, MC_STR("limit")), err) : rc;
}
