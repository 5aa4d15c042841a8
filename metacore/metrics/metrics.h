/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_METRICS_METRICS_H
#define METACORE_METRICS_METRICS_H

/**
 * metrics: counters, gauges and histograms with labels, written as Prometheus reads them.
 *
 * Families are added while the program is built; the series of a family appear with their first
 * use. Label values are copied and made valid UTF-8 of at most MC_METRIC_VALUE_MAX bytes. A family
 * has at most series_max series: whatever comes after that counts in one more, whose labels are
 * all "other", so that nobody can grow the process by what he asks for. What some other part of
 * the program counts already is read when it is asked for (mc_metrics_collect).
 *
 * Counting takes no lock: a thread adds to the shard that is its own, and adds are summed when they
 * are read.
 *
 * Values are integers in ticks, of which the family's scale make one unit: durations are counted in
 * microseconds and written in seconds, and nothing is rounded.
 *
 * Not here: who may read them (host).
 * Threads:  add families from one thread, before the first use; then all is thread-safe.
 * Standard: Prometheus text exposition format 0.0.4.
 */

#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_METRIC_LABELS_MAX 4
#define MC_METRIC_VALUE_MAX 128 /* bytes of a label's value; the rest is cut */
#define MC_METRIC_BOUNDS_MAX 24
#define MC_METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

typedef struct mc_metrics mc_metrics; /* a registry */
typedef struct mc_metric mc_metric;   /* a family of it */
typedef struct mc_series mc_series;   /* one of its lines, or of a histogram all of one label set */

typedef enum mc_metric_kind {
    MC_METRIC_COUNTER = 1,
    MC_METRIC_GAUGE,
    MC_METRIC_HISTOGRAM
} mc_metric_kind;

/** Zero is "the default" where nothing else is said; all is copied. */
typedef struct mc_metric_def {
    uint32_t struct_size;
    const char *name; /* required: [a-zA-Z_:][a-zA-Z0-9_:]* */
    const char *help; /* required; one line */
    mc_metric_kind kind;
    const char *labels[MC_METRIC_LABELS_MAX]; /* names, to the first NULL; not "le" or "__…" */
    uint32_t scale;                           /* ticks of one unit, a power of ten; 0: 1 */
    const int64_t
        *bounds; /* of a histogram: buckets' upper ends in ticks, ascending, without +Inf */
    size_t bound_count;
    uint32_t series_max; /* 0: 1000 */
} mc_metric_def;
#define MC_METRIC_DEF .struct_size = sizeof(mc_metric_def)

MC_API MC_MUST_USE mc_code mc_metrics_new(mc_metrics **out, mc_err *err);
MC_API void mc_metrics_free(mc_metrics *self);

/**
 * Adds a family; one without labels has its series, 0, from the start.
 * Errors  INVALID: a malformed definition. CONFLICT: the name is taken. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_metrics_add(mc_metrics *self, const mc_metric_def *def,
                                          mc_metric **out, mc_err *err);

/**
 * The series of values, one for each label, in order (NULL when there are none). Never fails: too
 * many, or without memory, it is the family's "other". Lives as long as the registry, so that it
 * may be kept.
 */
MC_API mc_series *mc_metric_series(mc_metric *metric, const mc_str *values);

/** To a counter: adds n. To a gauge: changes it by n, which may be negative. */
MC_API void mc_series_add(mc_series *series, int64_t n);
/** Of a histogram: one more observation. */
MC_API void mc_series_observe(mc_series *series, int64_t ticks);
/** A gauge's or counter's value, or the number of a histogram's observations. */
MC_API int64_t mc_series_get(const mc_series *series);

/* ---- what others count ---- */

/** Where a collector writes; see mc_metrics_collect. */
typedef struct mc_metrics_sink {
    mc_buf *out;
    const char *name; /* of the family that is being written */
    uint32_t scale;
} mc_metrics_sink;

/** Opens a family (a counter or a gauge): its HELP and TYPE. name is a literal. */
MC_API void mc_metrics_family(mc_metrics_sink *sink, const char *name, mc_metric_kind kind,
                              uint32_t scale, const char *help);
/** One line of it. label NULL: none. */
MC_API void mc_metrics_sample(mc_metrics_sink *sink, const char *label, mc_str value,
                              int64_t ticks);

typedef void (*mc_metrics_fn)(mc_metrics_sink *sink, void *user);
/** fn is called with each mc_metrics_write, on its thread. Its families are no registered one's.
 *  LIMIT: more than 16 collectors. */
MC_API MC_MUST_USE mc_code mc_metrics_collect(mc_metrics *self, mc_metrics_fn fn, void *user,
                                              mc_err *err);
/** A collector: process_* as Prometheus's own libraries name them, from /proc. */
MC_API void mc_metrics_process(mc_metrics_sink *sink, void *user);

/** All of it. NO_MEMORY or TOO_LARGE when out did not take it. */
MC_API MC_MUST_USE mc_code mc_metrics_write(mc_metrics *self, mc_buf *out, mc_err *err);

MC_END_DECLS
#endif
