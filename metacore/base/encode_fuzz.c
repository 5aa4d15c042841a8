/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/encode.h"
#include "metacore/base/uuid.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read, written again, must be what it was read from, where one value has one text. */
static void must_eq(mc_buf *written, mc_str wanted)
{
    if (!mc_buf_failed(written) && !mc_str_eq_nocase(mc_buf_get(written), wanted))
        abort();
    mc_buf_clear(written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_str text = mc_str_of((const char *)data, size), bytes;
    mc_arena *arena = mc_arena_new(0);
    mc_uuid id;
    mc_buf out;

    if (!arena)
        return 0;
    mc_buf_init_arena(&out, arena, 0);
    if (mc_hex_parse(arena, text, &bytes)) {
        mc_hex_write(&out, bytes);
        must_eq(&out, text);
    }
    if (mc_base64_parse(arena, text, &bytes)) {
        mc_base64_write(&out, bytes);
        must_eq(&out, text);
    }
    if (mc_base64url_parse(arena, text, &bytes)) {
        mc_base64url_write(&out, bytes);
        must_eq(&out, text);
    }
    if (text.len == MC_UUID_TEXT_LEN && mc_uuid_parse(text, &id)) {
        mc_uuid_write(&out, id);
        must_eq(&out, text);
    }
    if (mc_percent_parse(arena, text, true, &bytes)) {
        mc_str again = {NULL, 0};

        mc_percent_write(&out, bytes);
        if (!mc_percent_parse(arena, mc_buf_get(&out), false, &again) || !mc_str_eq(again, bytes))
            abort();
    }
    mc_arena_free(arena);
    return 0;
}
