/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx.h"

#include "metacore/base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(mc_str text)
{
    if (!mc_utf8_is_valid(text) || mc_str_find_char(text, 0, '\0') < text.len)
        __builtin_trap();
}

/* A query, and the same bytes as a list of entity tags. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_message message = {.method = MC_STR("GET"), .query = {(const char *)data, size}};
    mc_arena *arena = mc_arena_new(0);
    mc_http_req req;
    mc_err err;

    if (!arena)
        return 0;
    mc_http_req_init(&req, &message, arena);
    if (mc_http_query_parse(&req, &err) == MC_OK) {
        for (size_t i = 0; i < req.query_count; i++) {
            check(req.query_pairs[i].name);
            check(req.query_pairs[i].value);
        }
    }
    (void)mc_http_etag_matches(message.query, MC_STR("\"1\""), true); /* must only not crash */
    mc_arena_free(arena);
    return 0;
}
