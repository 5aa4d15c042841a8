/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_METRICS_METRICS_INTERNAL_H
#define METACORE_METRICS_METRICS_INTERNAL_H

#include "metacore/base/sync.h"
#include "metacore/metrics/metrics.h"

#include <stdatomic.h>

#define MC__SHARDS 8
#define MC__CACHE_LINE 64
#define MC__COLLECTORS_MAX 16

/* A label set's numbers: for each shard one cell, or of a histogram one for each bucket, the one
 * above the last bound, and the sum. Shards are whole cache lines apart. */
struct mc_series {
    const mc_metric *metric;
    mc_series *next; /* in the order in which they were made; set before it is published */
    uint64_t hash;
    mc_str values[MC_METRIC_LABELS_MAX];
    size_t stride; /* cells from one shard to the next */
    _Atomic(int64_t) *cells;
};

struct mc_metric {
    mc_metrics *owner;
    mc_metric *next;
    const char *name;
    const char *help;
    mc_metric_kind kind;
    const char *labels[MC_METRIC_LABELS_MAX];
    size_t label_count;
    uint32_t scale;
    int64_t bounds[MC_METRIC_BOUNDS_MAX];
    size_t bound_count;
    uint32_t series_max;
    /* Open addressing, twice as many slots as there may be series, so that a search ends. Slots are
     * only ever filled, under mu; readers take no lock: what a slot names was complete before. */
    _Atomic(mc_series *) *slots;
    size_t slot_count;
    mc_series *only; /* of a family without labels */
    mc_mutex mu;
    _Atomic(mc_series *) first; /* filled under mu */
    mc_series *last;            /* guarded by mu, as all below */
    uint32_t count;
    _Atomic(mc_series *) other;
};

struct mc_metrics {
    mc_mutex mu;    /* guards text while series are made */
    mc_arena *text; /* families, series and their words */
    mc_metric *first, *last;
    struct {
        mc_metrics_fn fn;
        void *user;
    } collectors[MC__COLLECTORS_MAX];
    size_t collector_count;
};

/* metrics_series.c */
/* NULL without memory. metric->mu is held, or nobody else has the family yet. */
mc_series *mc__series_new(mc_metric *metric, const mc_str *values, uint64_t hash);
/* The sum over all shards of one cell. */
int64_t mc__series_sum(const mc_series *series, size_t cell);

#endif
