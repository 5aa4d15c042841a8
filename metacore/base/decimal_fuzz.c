/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/decimal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted is canonical, equal to what was read, and a + b - b is a. */
static void check(mc_arena *arena, mc_str text, mc_str other)
{
    mc_str a, b, again;
    mc_buf sum, back;

    if (mc_decimal_parse(arena, text, 0, 0, &a) != MC_DECIMAL_OK)
        return;
    if (mc_decimal_parse(arena, a, 0, 0, &again) != MC_DECIMAL_OK || !mc_str_eq(a, again) ||
        mc_decimal_cmp(text, a) != 0)
        __builtin_trap();
    if (mc_decimal_parse(arena, other, 0, 0, &b) != MC_DECIMAL_OK)
        return;
    mc_buf_init_arena(&sum, arena, 0);
    mc_decimal_add(&sum, a, b);
    mc_buf_init_arena(&back, arena, 0);
    again = b.ptr[0] == '-' ? mc_str_slice(b, 1, b.len) : mc_str_printf(arena, "-%.*s", MC_FMT(b));
    mc_decimal_add(&back, mc_buf_get(&sum), again);
    if (mc_buf_failed(&sum) || !mc_str_eq(mc_buf_get(&back), a))
        __builtin_trap();
}

/* Two numbers on two lines. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_str input = mc_str_of((const char *)data, size);
    size_t line = mc_str_find_char(input, 0, '\n');
    mc_str first = mc_str_slice(input, 0, line), second = mc_str_slice(input, line + 1, size);
    mc_arena *arena = mc_arena_new(0);

    if (!arena)
        return 0;
    if (mc_decimal_cmp(first, second) != -mc_decimal_cmp(second, first))
        __builtin_trap();
    check(arena, first, second);
    mc_arena_free(arena);
    return 0;
}
