/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_OBS_SPAN_EXPORTER_H
#define METACORE_OBS_SPAN_EXPORTER_H

/**
 * span_exporter: tells a collector of OpenTelemetry what was served, in batches, behind a bounded
 * queue.
 *
 * Adding a span copies it and never waits for the network. A span that finds the queue full is
 * dropped and counted, and so is a batch that the collector refuses, or does not take after a few
 * attempts.
 *
 * Not here: how bytes leave the process (the sender is the caller's), ids (trace.h).
 * Threads:  thread-safe once created; the sender is called from a thread of the exporter's own.
 * Standard: OTLP 1.0 over HTTP with JSON; OpenTelemetry's semantic conventions for HTTP spans.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"

MC_BEGIN_DECLS

typedef struct mc_span_exporter mc_span_exporter;

/** How a batch fared. */
typedef enum mc_span_fate {
    MC_SPANS_TAKEN,   /* or refused for good in part, which the collector counts */
    MC_SPANS_REFUSED, /* for good: dropped */
    MC_SPANS_LATER    /* nobody there, or busy: tried again */
} mc_span_fate;

/** Zero is "the default" where nothing else is said; strings are copied. */
typedef struct mc_span_exporter_config {
    uint32_t struct_size;
    /** Required. Posts body, a JSON text; blocks as long as it must. out_retry_after_ms: when to
     *  come back, with MC_SPANS_LATER; left 0: the exporter chooses. */
    mc_span_fate (*send)(void *user, mc_str body, int64_t *out_retry_after_ms);
    void *user;
    mc_str service_name; /* empty: metacore */
    mc_str service_version;
    uint32_t queue_max;  /* spans that wait; 0: 2048 */
    uint32_t batch_max;  /* of one call; 0: 512 */
    int64_t interval_ms; /* a span waits for no more than this; 0: 1000 */
    int64_t backoff_ms;  /* before the second attempt, doubled each time; 0: 1000 */
    uint32_t attempts;   /* of a batch; 0: 5 */
} mc_span_exporter_config;
#define MC_SPAN_EXPORTER_CONFIG .struct_size = sizeof(mc_span_exporter_config)

/** A request that was answered; strings are borrowed for the call and cut when they are long. */
typedef struct mc_span {
    const mc_trace *trace;
    mc_time started_at;
    int64_t duration_us;
    mc_str method; /* one of HTTP's own, or empty: "_OTHER" */
    mc_str route;  /* the pattern, or empty */
    mc_str path;
    mc_str scheme;
    int status;
    mc_str request_id;
    mc_uuid user_id; /* nil: nobody */
    mc_uuid org_id;
} mc_span;

MC_API MC_MUST_USE mc_code mc_span_exporter_new(const mc_span_exporter_config *config,
                                                mc_span_exporter **out, mc_err *err);
/** Sends what waits, and ends: with the first batch that is not taken, the rest is dropped. */
MC_API void mc_span_exporter_free(mc_span_exporter *self);

MC_API void mc_span_exporter_add(mc_span_exporter *self, const mc_span *span);

typedef struct mc_span_stats {
    uint32_t queued;
    uint64_t exported_total;
    uint64_t dropped_total;
} mc_span_stats;
MC_API void mc_span_exporter_get_stats(mc_span_exporter *self, mc_span_stats *out);

MC_END_DECLS
#endif
