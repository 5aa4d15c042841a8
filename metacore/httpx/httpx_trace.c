/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx.h"
#include "metacore/obs/trace.h"

#define HEADERS_MAX 8 /* of tracestate; more is malformed */

/* Two of them say nothing: no rule tells which is meant. */
static mc_str only_parent(const mc_http_req *req)
{
    size_t count = 0;
    mc_str text = mc_message_header(req->message, MC_STR("traceparent"), &count);

    return count == 1 ? text : MC_STR("");
}

static void read_state(mc_http_req *req)
{
    const mc_message *m = req->message;
    mc_str values[HEADERS_MAX];
    size_t count = 0;

    for (size_t i = 0; i < m->header_count; i++) {
        if (!mc_str_eq(m->headers[i].name, MC_STR("tracestate")))
            continue;
        if (count == HEADERS_MAX)
            return;
        values[count++] = m->headers[i].value;
    }
    if (count > 0) /* malformed, it is dropped alone */
        (void)mc_trace_state_parse(req->ctx.arena, values, count, &req->ctx.trace.state);
}

void mc_http_trace(mc_http_req *req)
{
    mc_str parent = only_parent(req);

    if (parent.len > 0 && mc_trace_parse(parent, &req->ctx.trace))
        read_state(req);
    if (!mc_trace_enter(&req->ctx.trace))
        req->ctx.trace = (mc_trace){0};
}
