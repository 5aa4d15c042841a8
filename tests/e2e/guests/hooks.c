/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that judges, tells and writes, as what it is called with says. */
#define METACORE_GUEST
#include "metacore.h"

typedef unsigned int u32;

#define EXPORT(name) METACORE_EXPORT(name)

static int has(const char *input, u32 len, const char *word)
{
    u32 size = 0;

    while (word[size])
        size++;
    for (u32 i = 0; i + size <= len; i++) {
        u32 k = 0;

        while (k < size && input[i + k] == word[k])
            k++;
        if (k == size)
            return 1;
    }
    return 0;
}

static mc_answer say(const char *text)
{
    mc_put(text);
    return mc_finish();
}

static mc_answer spin(void)
{
    volatile u32 turns = 1;

    while (turns)
        turns |= 1;
    return 0;
}

#define NO(code, text)                                                                             \
    "{\"success\":false,\"error\":{\"code\":\"" code "\",\"message\":\"" text "\"}}"

/* Before a row is written. */
EXPORT("judge") mc_answer judge(const char *input, u32 len)
{
    if (has(input, len, "\"name\":\"bad"))
        return say(NO("bad_name", "no bad names"));
    if (has(input, len, "\"name\":\"wild"))
        __builtin_trap();
    if (has(input, len, "\"name\":\"slow"))
        return spin();
    if (has(input, len, "\"name\":\"mumble"))
        return say("{");
    if (has(input, len, "\"name\":\"quiet"))
        return 0;
    return say("{\"success\":true}");
}

/* After one was written: "chain" makes another, which is told of again. */
EXPORT("note") mc_answer note(const char *input, u32 len)
{
    if (has(input, len, "\"name\":\"chain"))
        (void)mc_host_data_mutate(MC_TEXT(
            "{\"op\":\"create\",\"table\":\"judges_items\",\"data\":{\"name\":\"chain\"}}"));
    if (has(input, len, "\"name\":\"tell"))
        (void)mc_host_data_mutate(
            MC_TEXT("{\"op\":\"create\",\"table\":\"judges_items\",\"data\":{\"name\":\"told\"}}"));
    return 0;
}
