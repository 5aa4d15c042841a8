/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/ctx.h"

#include "metacore/base/utf8.h"

#include <stdio.h>

void mc_ctx_field_error(mc_ctx *ctx, mc_str field, mc_str code, mc_str params_json, const char *fmt,
                        ...)
{
    char message[256];
    mc_field_error *slot;
    va_list args;
    int len;

    if (!ctx->field_errors)
        ctx->field_errors = mc_arena_array(ctx->arena, mc_field_error, MC_FIELD_ERRORS_MAX);
    if (!ctx->field_errors || ctx->field_error_count == MC_FIELD_ERRORS_MAX)
        return;
    va_start(args, fmt);
    len = vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    len = len < 0 ? 0 : len < (int)sizeof(message) ? len : (int)sizeof(message) - 1;
    slot = &ctx->field_errors[ctx->field_error_count++];
    *slot = (mc_field_error){
        .field = mc_str_copy(ctx->arena, field),
        .code = mc_str_copy(ctx->arena, code),
        .params = mc_str_copy(ctx->arena, params_json),
        .message = mc_str_copy(ctx->arena,
                               mc_utf8_truncate(mc_str_of(message, (size_t)len), sizeof(message))),
    };
}
