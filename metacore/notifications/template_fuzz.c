/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/notifications/template.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes of a page that only its template may write. */
static size_t count_markup(mc_str text)
{
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count +=
            text.ptr[i] == '<' || text.ptr[i] == '>' || text.ptr[i] == '"' || text.ptr[i] == '\'';
    return count;
}

/* What a value holds adds no markup; a template that passed the check renders. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char hostile[] = "{\"x\":\"\\\"'><script>javascript:alert(1)</script>\"}";
    static const char harmless[] = "{\"x\":\"a\"}";
    mc_arena *arena = mc_arena_new(0);
    mc_str text = mc_str_of((const char *)data, size), bad, good;
    const mc_json *a, *b;

    if (arena && mc_json_parse(arena, mc_z(hostile), NULL, &a, NULL) == MC_OK &&
        mc_json_parse(arena, mc_z(harmless), NULL, &b, NULL) == MC_OK &&
        mc_template_check(MC_TEMPLATE_HTML, text, arena, NULL) == MC_OK) {
        mc_code rc = mc_template_render(MC_TEMPLATE_HTML, text, a, arena, &bad, NULL);

        if (rc == MC_OK &&
            (mc_template_render(MC_TEMPLATE_HTML, text, b, arena, &good, NULL) != MC_OK ||
             count_markup(bad) != count_markup(good)))
            abort();
        if (rc != MC_OK && rc != MC_TOO_LARGE)
            abort();
    }
    mc_arena_free(arena);
    return 0;
}
