/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that calls the host as it is told: args are {"import": name, "a": hex, "b": hex}. */
#define METACORE_GUEST
#include "metacore.h"

typedef unsigned int u32;

/* What stands between the quotes after key in input. */
static const char *find_text(const char *input, u32 len, const char *key, u32 *out_len)
{
    u32 at = 0, end;

    for (u32 same = 0; at < len && key[same]; at++)
        same = input[at] == key[same] ? same + 1 : 0;
    for (end = at; end < len && input[end] != '"'; end++)
        ;
    *out_len = end - at;
    return input + at;
}

static u32 digit(char c)
{
    return (u32)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static const char *find_hex(const char *input, u32 len, const char *key, u32 *out_len)
{
    const char *hex = find_text(input, len, key, out_len);
    char *bytes = mc_alloc(*out_len / 2 + 1);

    *out_len /= 2;
    for (u32 i = 0; i < *out_len; i++)
        bytes[i] = (char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
    return bytes;
}

static mc_answer ask(const char *input, u32 len)
{
    u32 name_len, a_len, b_len;
    const char *name = find_text(input, len, "\"import\":\"", &name_len);
    const char *a = find_hex(input, len, "\"a\":\"", &a_len);
    const char *b = find_hex(input, len, "\"b\":\"", &b_len);
    mc_answer answer = 0;

    if (name_len == 7 && name[0] == 'd')
        answer = mc_host_db_exec(a, a_len, b, b_len);
    else if (name_len == 8)
        answer = mc_host_db_query(a, a_len, b, b_len);
    else if (name_len == 10)
        answer = mc_host_data_query(a, a_len);
    else if (name_len == 11)
        answer = mc_host_data_mutate(a, a_len);
    else if (name_len == 13 && name[0] == 's')
        answer = mc_host_sequence_next(a, a_len);
    else if (name_len == 13)
        answer = mc_host_connector_get(a, a_len);
    else if (name_len == 7)
        answer = mc_host_ctx_get(a, a_len);
    return answer;
}

METACORE_EXPORT("relay") mc_answer relay(const char *input, u32 len)
{
    mc_answer answer = ask(input, len);

    mc_put("{\"success\":true,\"data\":");
    mc_put_answer(answer);
    mc_put("}");
    return mc_finish();
}

/* The same, and then it changes its mind. */
METACORE_EXPORT("undo") mc_answer undo(const char *input, u32 len)
{
    mc_answer answer = ask(input, len);

    mc_put("{\"success\":false,\"error\":{\"code\":\"undone\"},\"meta\":{\"said\":");
    mc_put_answer(answer);
    mc_put("}}");
    return mc_finish();
}
