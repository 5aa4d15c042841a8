/* SPDX-License-Identifier: Apache-2.0 */
/* traceparent and tracestate as a stranger sends them: the first line, and the others. */
#include "metacore/obs/trace.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken is taken again, and is then the same. */
static void check_parent(mc_str text)
{
    mc_trace trace, again;
    char out[MC_TRACE_PARENT_LEN];

    if (!mc_trace_parse(text, &trace))
        return;
    memcpy(trace.span_id, trace.parent_id, sizeof(trace.span_id));
    mc_trace_format(&trace, out);
    if (!mc_trace_parse(mc_str_of(out, sizeof(out)), &again) ||
        memcmp(again.trace_id, trace.trace_id, sizeof(again.trace_id)) != 0 ||
        memcmp(again.parent_id, trace.parent_id, sizeof(again.parent_id)) != 0 ||
        again.flags != trace.flags)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_str rest = mc_str_of((const char *)data, size), line, values[4], out, again;
    mc_arena *arena = mc_arena_new(0);
    size_t count = 0;

    if (arena && mc_str_split(&rest, '\n', &line)) {
        check_parent(line);
        while (count < MC_LEN(values) && mc_str_split(&rest, '\n', &line))
            values[count++] = line;
        if (mc_trace_state_parse(arena, values, count, &out) &&
            (!mc_trace_state_parse(arena, &out, 1, &again) || !mc_str_eq(out, again)))
            abort();
    }
    mc_arena_free(arena);
    return 0;
}
