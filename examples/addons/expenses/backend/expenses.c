/* SPDX-License-Identifier: Apache-2.0 */
/* One action: what was handed in is approved, unless it is more than the organization allows. That
 * it was handed in is the host's to see to: the manifest's requiresState. */
#define METACORE_GUEST
#include "metacore.h"

/* A whole number from nought on as JSON has it; -1: no such. */
static long long number_of(mc_text value)
{
    long long n = 0;

    if (value.len == 0 || value.len > 18)
        return -1;
    for (unsigned i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9')
            return -1;
        n = n * 10 + (value.ptr[i] - '0');
    }
    return n;
}

static mc_answer decline(const char *code, const char *message)
{
    mc_put("{\"success\":false,\"error\":{\"code\":\"");
    mc_put(code);
    mc_put("\",\"message\":\"");
    mc_put(message);
    mc_put("\"}}");
    return mc_finish();
}

static mc_text text_of(mc_answer answer)
{
    return (mc_text){mc_answer_ptr(answer), mc_answer_len(answer)};
}

/* The host's answer to {"op":"update"}; its row is the one after. */
static mc_text set_approved(mc_text id)
{
    mc_text request;

    mc_put("{\"op\":\"update\",\"table\":\"expenses\",\"id\":");
    mc_put_text(id);
    mc_put(",\"data\":{\"status\":\"approved\"}}");
    request = mc_take();
    return text_of(mc_host_data_mutate(request.ptr, request.len));
}

METACORE_EXPORT("approve") mc_answer approve(const char *input, unsigned len)
{
    mc_text row = mc_find(input, len, "row");
    long long cents = number_of(mc_find_in(row, "cents"));
    long long limit = number_of(text_of(mc_host_env_get(MC_TEXT("limit_cents"))));
    mc_text done, payload;

    if (cents < 0 || cents > limit)
        return decline("over_limit", "this is more than may be approved here");
    done = set_approved(mc_find_in(row, "id"));
    if (mc_find_in(done, "error").ptr) {
        mc_put_text(done); /* the host's own words */
        return mc_finish();
    }
    mc_put("{\"id\":");
    mc_put_text(mc_find_in(row, "id"));
    mc_put(",\"cents\":");
    mc_put_text(mc_find_in(row, "cents"));
    mc_put("}");
    payload = mc_take();
    (void)mc_host_event_emit(MC_TEXT("expenses.approved"), payload.ptr, payload.len);
    mc_put("{\"success\":true,\"data\":");
    mc_put_text(mc_find_in(mc_find_in(done, "data"), "row"));
    mc_put("}");
    return mc_finish();
}
