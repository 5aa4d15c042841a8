/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is asked for, what is sent lies within the resource. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t length = size > 0 ? data[0] : 0;
    mc_str header = mc_str_of((const char *)data + (size > 0), size - (size > 0));
    mc_http_range range;
    mc_http_range_kind kind = mc_http_range_parse(header, length, &range);

    if (kind != MC_HTTP_RANGE_UNSATISFIABLE &&
        (range.first > length || range.length > length - range.first))
        __builtin_trap();
    if (kind == MC_HTTP_RANGE_PART && range.length == 0)
        __builtin_trap();
    return 0;
}
