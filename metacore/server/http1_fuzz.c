/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/server/http1_internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_chunks(mc_str in, size_t step)
{
    mc__chunked chunked = {.room = 4096};
    bool is_over = false;
    mc_buf body;

    mc_buf_init(&body, 0);
    while (in.len > 0 && !is_over) {
        mc_str part = mc_str_slice(in, 0, step);
        size_t had = part.len;

        if (mc__chunked_read(&chunked, &part, &body, &is_over).status)
            break;
        if (body.len > 4096)
            abort(); /* more than there was room for */
        in = mc_str_slice(in, had - part.len, in.len);
    }
    mc_buf_deinit(&body);
}

/* A head, and what follows it as a chunked body: whole and byte by byte. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_header headers[MC_HEADERS_MAX];
    mc_str all = mc_str_of((const char *)data, size);
    mc__http1_head head;
    size_t end = 0;
    char *text;

    if (mc__http1_find_end(all, &end) == MC__HTTP1_WHOLE) {
        text = malloc(end);
        if (!text)
            return 0;
        memcpy(text, data, end);
        (void)mc__http1_parse(text, end, headers, &head); /* any result is fine */
        free(text);
    } else {
        end = 0;
    }
    read_chunks(mc_str_slice(all, end, size), size);
    read_chunks(mc_str_slice(all, end, size), 1);
    return 0;
}
