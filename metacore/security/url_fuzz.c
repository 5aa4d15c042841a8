/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What parses lies inside the text, and its host holds nothing that ends or moves a host. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_str text = mc_str_of((const char *)data, size);
    mc_url url;
    mc_err err;

    if (mc_url_parse(text, &url, &err) != MC_OK)
        return 0;
    for (size_t i = 0; i < url.host.len; i++) {
        if (strchr("@/\\?# \t\r\n[]", url.host.ptr[i]))
            __builtin_trap();
    }
    if (url.host.len == 0 || url.host.ptr < text.ptr ||
        url.host.ptr + url.host.len > text.ptr + text.len || url.port.len == 0)
        __builtin_trap();
    return 0;
}
