/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/metrics/metrics_internal.h"

static const char *const kind_names[] = {[MC_METRIC_COUNTER] = "counter",
                                         [MC_METRIC_GAUGE] = "gauge",
                                         [MC_METRIC_HISTOGRAM] = "histogram"};

static void write_escaped(mc_buf *out, mc_str text, bool is_value)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '\\')
            mc_buf_lit(out, "\\\\");
        else if (c == '\n')
            mc_buf_lit(out, "\\n");
        else if (c == '"' && is_value)
            mc_buf_lit(out, "\\\"");
        else
            mc_buf_char(out, c);
    }
}

static void write_head(mc_buf *out, const char *name, mc_metric_kind kind, const char *help)
{
    mc_buf_printf(out, "# HELP %s ", name);
    write_escaped(out, mc_z(help), false);
    mc_buf_printf(out, "\n# TYPE %s %s\n", name, kind_names[kind]);
}

/* ticks / scale, exactly: "0.005", "2.5", "10". */
static void write_number(mc_buf *out, int64_t ticks, uint32_t scale)
{
    uint64_t magnitude = ticks < 0 ? 0 - (uint64_t)ticks : (uint64_t)ticks;
    uint64_t part = magnitude % scale;

    if (ticks < 0)
        mc_buf_char(out, '-');
    mc_buf_u64(out, magnitude / scale);
    if (part == 0)
        return;
    mc_buf_char(out, '.');
    while (part > 0) {
        scale /= 10;
        mc_buf_char(out, (char)('0' + part / scale));
        part %= scale;
    }
}

/* bound NULL: no "le"; else its text. */
static void write_labels(mc_buf *out, const mc_series *series, const int64_t *bound, bool is_inf)
{
    const mc_metric *metric = series->metric;
    char open = '{';

    for (size_t i = 0; i < metric->label_count; i++) {
        mc_buf_char(out, open);
        mc_buf_printf(out, "%s=\"", metric->labels[i]);
        write_escaped(out, series->values[i], true);
        mc_buf_char(out, '"');
        open = ',';
    }
    if (bound || is_inf) {
        mc_buf_char(out, open);
        mc_buf_lit(out, "le=\"");
        if (is_inf)
            mc_buf_lit(out, "+Inf");
        else
            write_number(out, *bound, metric->scale);
        mc_buf_char(out, '"');
        open = ',';
    }
    if (open == ',')
        mc_buf_char(out, '}');
}

/* The count is the last bucket's by construction: a reader never sees the two differ. */
static void write_histogram(mc_buf *out, const mc_series *series)
{
    const mc_metric *metric = series->metric;
    int64_t total = 0;

    for (size_t i = 0; i <= metric->bound_count; i++) {
        bool is_inf = i == metric->bound_count;

        total += mc__series_sum(series, i);
        mc_buf_printf(out, "%s_bucket", metric->name);
        write_labels(out, series, is_inf ? NULL : &metric->bounds[i], is_inf);
        mc_buf_printf(out, " %lld\n", (long long)total);
    }
    mc_buf_printf(out, "%s_sum", metric->name);
    write_labels(out, series, NULL, false);
    mc_buf_char(out, ' ');
    write_number(out, mc__series_sum(series, metric->bound_count + 1), metric->scale);
    mc_buf_printf(out, "\n%s_count", metric->name);
    write_labels(out, series, NULL, false);
    mc_buf_printf(out, " %lld\n", (long long)total);
}

static void write_series(mc_buf *out, const mc_series *series)
{
    const mc_metric *metric = series->metric;

    if (metric->kind == MC_METRIC_HISTOGRAM) {
        write_histogram(out, series);
        return;
    }
    mc_buf_str(out, mc_z(metric->name));
    write_labels(out, series, NULL, false);
    mc_buf_char(out, ' ');
    write_number(out, mc__series_sum(series, 0), metric->scale);
    mc_buf_char(out, '\n');
}

static void write_metric(mc_buf *out, mc_metric *metric)
{
    mc_series *first = metric->only, *last = NULL, *other;

    /* The list up to here is complete and does not change; later ones come next time. */
    mc_mutex_lock(&metric->mu);
    if (!first) {
        first = atomic_load(&metric->first);
        last = metric->last;
    }
    other = atomic_load(&metric->other);
    mc_mutex_unlock(&metric->mu);
    if (!first && !other)
        return;
    write_head(out, metric->name, metric->kind, metric->help);
    for (mc_series *at = first; at; at = at == last ? NULL : at->next)
        write_series(out, at);
    if (other)
        write_series(out, other);
}

mc_code mc_metrics_write(mc_metrics *self, mc_buf *out, mc_err *err)
{
    mc_metrics_sink sink = {.out = out};

    for (mc_metric *metric = self->first; metric; metric = metric->next)
        write_metric(out, metric);
    for (size_t i = 0; i < self->collector_count; i++)
        self->collectors[i].fn(&sink, self->collectors[i].user);
    return mc_buf_check(out, "metrics", err);
}

/* ---- collectors ---- */

void mc_metrics_family(mc_metrics_sink *sink, const char *name, mc_metric_kind kind, uint32_t scale,
                       const char *help)
{
    sink->name = name;
    sink->scale = scale ? scale : 1;
    write_head(sink->out, name, kind, help);
}

void mc_metrics_sample(mc_metrics_sink *sink, const char *label, mc_str value, int64_t ticks)
{
    mc_buf *out = sink->out;

    mc_buf_str(out, mc_z(sink->name));
    if (label) {
        mc_buf_printf(out, "{%s=\"", label);
        write_escaped(out, value, true);
        mc_buf_lit(out, "\"}");
    }
    mc_buf_char(out, ' ');
    write_number(out, ticks, sink->scale);
    mc_buf_char(out, '\n');
}
