/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/metrics/metrics_internal.h"

#include <stdlib.h>

#define SERIES_DEFAULT 1000
#define SERIES_MAX 100000
#define SCALE_MAX 1000000000

mc_code mc_metrics_new(mc_metrics **out, mc_err *err)
{
    mc_metrics *self = calloc(1, sizeof(*self));

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "metrics");
    self->text = mc_arena_new(0);
    if (!self->text) {
        free(self);
        return mc_fail(err, MC_NO_MEMORY, "metrics");
    }
    mc_mutex_init(&self->mu);
    *out = self;
    return MC_OK;
}

void mc_metrics_free(mc_metrics *self)
{
    if (!self)
        return;
    for (mc_metric *metric = self->first; metric; metric = metric->next) {
        mc_series *other = atomic_load(&metric->other);

        for (mc_series *at = atomic_load(&metric->first); at; at = at->next)
            free((void *)at->cells);
        if (other)
            free((void *)other->cells);
        if (metric->only)
            free((void *)metric->only->cells);
        mc_mutex_deinit(&metric->mu);
    }
    mc_mutex_deinit(&self->mu);
    mc_arena_free(self->text);
    free(self);
}

/* ---- families ---- */

static bool is_name(const char *name, bool with_colon)
{
    if (!name || !*name || (*name >= '0' && *name <= '9'))
        return false;
    for (; *name; name++) {
        bool is_letter = (*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z');

        if (!is_letter && !(*name >= '0' && *name <= '9') && *name != '_' &&
            !(with_colon && *name == ':'))
            return false;
    }
    return true;
}

static bool is_label(const char *label)
{
    return is_name(label, false) && !mc_str_starts_with(mc_z(label), MC_STR("__")) &&
           !mc_str_eq(mc_z(label), MC_STR("le"));
}

/* A number of ticks is then exact in decimal digits. */
static bool is_power_of_ten(uint32_t scale)
{
    while (scale > 1 && scale % 10 == 0)
        scale /= 10;
    return scale == 1;
}

static bool are_bounds(const mc_metric_def *def)
{
    if (def->kind != MC_METRIC_HISTOGRAM)
        return def->bound_count == 0;
    if (def->bound_count == 0 || def->bound_count > MC_METRIC_BOUNDS_MAX)
        return false;
    for (size_t i = 1; i < def->bound_count; i++) {
        if (def->bounds[i - 1] >= def->bounds[i])
            return false;
    }
    return true;
}

static bool is_definition(const mc_metric_def *def)
{
    uint32_t scale = def->scale ? def->scale : 1;

    for (size_t i = 0; i < MC_METRIC_LABELS_MAX && def->labels[i]; i++) {
        if (!is_label(def->labels[i]))
            return false;
        for (size_t k = 0; k < i; k++) {
            if (mc_str_eq(mc_z(def->labels[i]), mc_z(def->labels[k])))
                return false;
        }
    }
    return is_name(def->name, true) && def->help && def->kind >= MC_METRIC_COUNTER &&
           def->kind <= MC_METRIC_HISTOGRAM && scale <= SCALE_MAX && is_power_of_ten(scale) &&
           def->series_max <= SERIES_MAX && are_bounds(def);
}

static bool copy_texts(mc_metric *metric, mc_arena *text, const mc_metric_def *def)
{
    metric->name = mc_str_z(text, mc_z(def->name));
    metric->help = mc_str_z(text, mc_z(def->help));
    for (size_t i = 0; i < MC_METRIC_LABELS_MAX && def->labels[i]; i++) {
        metric->labels[i] = mc_str_z(text, mc_z(def->labels[i]));
        if (!metric->labels[i])
            return false;
        metric->label_count++;
    }
    return metric->name && metric->help;
}

static bool fill(mc_metric *metric, mc_arena *text, const mc_metric_def *def)
{
    uint32_t series_max = def->series_max ? def->series_max : SERIES_DEFAULT;

    if (!copy_texts(metric, text, def))
        return false;
    metric->kind = def->kind;
    metric->scale = def->scale ? def->scale : 1;
    metric->bound_count = def->bound_count;
    for (size_t i = 0; i < def->bound_count; i++)
        metric->bounds[i] = def->bounds[i];
    metric->series_max = series_max;
    if (metric->label_count == 0) {
        metric->only = mc__series_new(metric, NULL, 0);
        return metric->only != NULL;
    }
    for (metric->slot_count = 2; metric->slot_count < 2 * (size_t)series_max;)
        metric->slot_count *= 2;
    metric->slots = mc_arena_array(text, _Atomic(mc_series *), metric->slot_count);
    return metric->slots != NULL;
}

mc_code mc_metrics_add(mc_metrics *self, const mc_metric_def *def, mc_metric **out, mc_err *err)
{
    mc_metric *metric;

    if (!is_definition(def))
        return mc_fail(err, MC_INVALID, "metrics: malformed definition of \"%s\"",
                       def->name ? def->name : "");
    for (const mc_metric *at = self->first; at; at = at->next) {
        if (mc_str_eq(mc_z(at->name), mc_z(def->name)))
            return mc_fail(err, MC_CONFLICT, "metrics: \"%s\" is there already", def->name);
    }
    metric = mc_arena_object(self->text, mc_metric);
    if (!metric)
        return mc_fail(err, MC_NO_MEMORY, "metrics");
    metric->owner = self;
    mc_mutex_init(&metric->mu);
    if (!fill(metric, self->text, def)) {
        mc_mutex_deinit(&metric->mu);
        return mc_fail(err, MC_NO_MEMORY, "metrics: %s", def->name);
    }
    if (self->last)
        self->last->next = metric;
    else
        self->first = metric;
    self->last = metric;
    *out = metric;
    return MC_OK;
}

mc_code mc_metrics_collect(mc_metrics *self, mc_metrics_fn fn, void *user, mc_err *err)
{
    if (self->collector_count == MC__COLLECTORS_MAX)
        return mc_fail(err, MC_LIMIT, "metrics: more than %d collectors", MC__COLLECTORS_MAX);
    self->collectors[self->collector_count].fn = fn;
    self->collectors[self->collector_count++].user = user;
    return MC_OK;
}
