/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_OBS_TRACE_H
#define METACORE_OBS_TRACE_H

/**
 * trace: which call of whom a piece of work belongs to, as the headers traceparent and tracestate
 * carry it from process to process.
 *
 * What is malformed is as if it had not been sent: a new trace begins. A tracestate is only as good
 * as the traceparent beside it; a malformed one is dropped alone.
 *
 * Not here: the mc_trace itself (base/ctx.h), where the headers come from (httpx), what is told
 * about it (span_exporter.h).
 * Threads:  functions only.
 * Standard: W3C Trace Context, Recommendation of 23 November 2021.
 */

#include "metacore/base/arena.h"
#include "metacore/base/ctx.h"

MC_BEGIN_DECLS

#define MC_TRACE_PARENT_LEN 55 /* 00-<32 hex>-<16 hex>-<2 hex> */
#define MC_TRACE_STATES_MAX 32 /* members of a tracestate */

/** The trace, its caller's span as parent_id, and the flags; span_id is left zero. False, and *out
 *  untouched, when text is malformed. Of a version that is not known yet what is known is read. */
MC_API bool mc_trace_parse(mc_str text, mc_trace *out);

/**
 * The members of all tracestate headers, in order, one comma between them.
 *
 * values  as sent, in the order in which they came
 * out     in arena; empty when there are none; untouched when it returns false
 */
MC_API bool mc_trace_state_parse(mc_arena *arena, const mc_str *values, size_t count, mc_str *out);

/** Whether there is one at all. */
MC_API bool mc_trace_is_set(const mc_trace *trace);
/** Whether it began elsewhere. */
MC_API bool mc_trace_has_parent(const mc_trace *trace);
/** A span of ours in it; a new trace, not sampled, when there is none. False only without random
 *  bytes; then trace is as it was. */
MC_API bool mc_trace_enter(mc_trace *trace);
/** What a call that we make says: our span is its parent. Not terminated. */
MC_API void mc_trace_format(const mc_trace *trace, char out[MC_TRACE_PARENT_LEN]);

/** Lower-case hexadecimal. */
MC_API void mc_trace_hex(const unsigned char *bytes, size_t count, char *out);

MC_END_DECLS
#endif
