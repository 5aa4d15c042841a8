/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_OBS_SPAN_INTERNAL_H
#define METACORE_OBS_SPAN_INTERNAL_H

#include "metacore/base/buf.h"
#include "metacore/obs/span_exporter.h"

/* A text in the queue: cut to what fits, between characters. */
typedef struct mc__short_text {
    uint8_t len;
    char bytes[127];
} mc__short_text;

/* A span in the queue: all its own, of one size. */
typedef struct mc__span {
    unsigned char trace_id[16], span_id[8], parent_id[8];
    unsigned char flags;
    mc_time started_at;
    int64_t duration_us;
    int status;
    mc_uuid user_id, org_id;
    mc__short_text method, route, path, scheme, request_id;
} mc__span;

void mc__span_copy(mc__span *out, const mc_span *span);
/* An ExportTraceServiceRequest. */
void mc__spans_write(mc_buf *out, const mc_span_exporter_config *config, const mc__span *spans,
                     size_t count);

#endif
