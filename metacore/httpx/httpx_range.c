/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a resource: RFC 9110 section 14. */
#include "metacore/httpx/httpx_internal.h"

/* "first-last", "first-" or "-suffix"; false when it is none of them. */
static bool parse_spec(mc_str spec, uint64_t size, uint64_t *first, uint64_t *last, bool *is_beyond)
{
    size_t dash = mc_str_find_char(spec, 0, '-');
    mc_str low = mc_str_slice(spec, 0, dash), high = mc_str_slice(spec, dash + 1, spec.len);
    uint64_t number;

    if (dash == spec.len || (low.len == 0 && high.len == 0))
        return false;
    if (low.len == 0) {
        if (!mc_str_u64(high, 0, UINT64_MAX, &number))
            return false;
        *is_beyond = number == 0 || size == 0;
        *first = number < size ? size - number : 0;
        *last = size ? size - 1 : 0;
        return true;
    }
    if (!mc_str_u64(low, 0, UINT64_MAX, first))
        return false;
    *last = size ? size - 1 : 0;
    if (high.len > 0) {
        if (!mc_str_u64(high, 0, UINT64_MAX, &number) || number < *first)
            return false;
        *last = number < *last ? number : *last;
    }
    *is_beyond = *first >= size;
    return true;
}

mc_http_range_kind mc_http_range_parse(mc_str header, uint64_t size, mc_http_range *out)
{
    static const mc_str unit = MC_STR_INIT("bytes=");
    uint64_t first = 0, last = 0;
    bool is_beyond = false;
    mc_str spec;

    *out = (mc_http_range){0, size};
    if (!mc_str_eq_nocase(mc_str_slice(header, 0, unit.len), unit))
        return MC_HTTP_RANGE_WHOLE;
    spec = mc_str_trim(mc_str_slice(header, unit.len, header.len));
    /* Several ranges would have to be a multipart answer; a server may ignore them (14.2). */
    if (!parse_spec(spec, size, &first, &last, &is_beyond))
        return MC_HTTP_RANGE_WHOLE;
    if (is_beyond)
        return MC_HTTP_RANGE_UNSATISFIABLE;
    *out = (mc_http_range){first, last - first + 1};
    return MC_HTTP_RANGE_PART;
}

mc_http_range_kind mc_http_range_of(const mc_http_req *req, uint64_t size, mc_str etag,
                                    mc_http_range *out)
{
    mc_str condition = mc_http_header(req, MC_STR("if-range"));
    bool is_other = condition.len > 0 && !mc_str_eq(condition, etag); /* a date never matches */

    return mc_http_range_parse(is_other ? MC_STR("") : mc_http_header(req, MC_STR("range")), size,
                               out);
}
