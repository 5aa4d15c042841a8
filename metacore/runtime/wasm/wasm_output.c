/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest says beside its answer, taken from a channel in which it may write anything. */
#include "metacore/base/utf8.h"
#include "metacore/runtime/wasm/wasm_pool_internal.h"

#include <stdio.h>

void mc__wasm_trap_text(const mc__wasm_channel *channel, char out[MC__WASM_TRAP_TEXT])
{
    uint32_t len = *(const volatile uint32_t *)&channel->len; /* once: it may change */
    mc_str text;

    len = len < MC__WASM_TRAP_TEXT - 1 ? len : (uint32_t)MC__WASM_TRAP_TEXT - 1;
    memcpy(out, channel->payload, len);
    for (uint32_t i = 0; i < len; i++) {
        if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
            out[i] = '?';
    }
    text = mc_utf8_truncate(mc_str_of(out, len), len);
    for (size_t i = 0; i < text.len && !mc_utf8_is_valid(text); i++) {
        if ((unsigned char)out[i] >= 0x80)
            out[i] = '?';
    }
    out[text.len] = '\0';
    if (text.len == 0)
        (void)snprintf(out, MC__WASM_TRAP_TEXT, "%s",
                       mc__wasm_trap_name((mcw_trap)channel->function));
}

static void put_line(const mc_wasm_call *call, const char *at, size_t len)
{
    if (len > 0 && at[len - 1] == '\r')
        len--;
    if (len > 0)
        call->on_line(call->host_user, mc_str_of(at, len));
}

/* Copies first: what is handed on must not change. */
void mc__wasm_output_take(mc__wasm_child *child, const mc_wasm_call *call, bool is_end)
{
    const mc__wasm_channel *channel = child->channel;
    uint32_t len = *(const volatile uint32_t *)&channel->output_len;
    size_t start = 0;

    if (len > MC__WASM_OUTPUT_MAX)
        len = (uint32_t)MC__WASM_OUTPUT_MAX;
    if (!call->on_line || len <= child->output_taken)
        return;
    mc_buf_clear(&child->scratch);
    mc_buf_bytes(&child->scratch, channel->output + child->output_taken, len - child->output_taken);
    if (mc_buf_failed(&child->scratch))
        return; /* lines that are lost harm nobody */
    for (size_t i = 0; i < child->scratch.len; i++) {
        if (child->scratch.ptr[i] != '\n')
            continue;
        put_line(call, child->scratch.ptr + start, i - start);
        start = i + 1;
    }
    if (is_end) {
        put_line(call, child->scratch.ptr + start, child->scratch.len - start);
        start = child->scratch.len;
        if (channel->output_is_cut)
            call->on_line(call->host_user, MC_STR("(more was written than is kept of a call)"));
    }
    child->output_taken += (uint32_t)start;
}
