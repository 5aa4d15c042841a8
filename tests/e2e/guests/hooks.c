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

/* An action: writes a row, and looks whether it is there; then ends as it was told. */
EXPORT("work") mc_answer work(const char *input, u32 len)
{
    mc_answer made = mc_host_data_mutate(
        MC_TEXT("{\"op\":\"create\",\"table\":\"judges_items\",\"data\":{\"name\":\"inner\"}}"));
    mc_answer event = mc_host_event_emit(MC_TEXT("judges.worked"), MC_TEXT("{}"));

    if (has(input, len, "\"end\":\"decline\""))
        return say(NO("enough", "enough for today"));
    if (has(input, len, "\"end\":\"trap\""))
        __builtin_trap();
    if (has(input, len, "\"end\":\"spin\""))
        return spin();
    mc_put("{\"success\":true,\"data\":{\"made\":");
    mc_put_answer(made);
    mc_put(",\"event\":");
    mc_put_answer(event);
    mc_put(",\"seen\":");
    mc_put_answer(
        mc_host_data_query(MC_TEXT("{\"table\":\"judges_items\",\"where\":{\"name\":\"inner\"}}")));
    mc_put(",\"other\":");
    if (has(input, len, "\"end\":\"fetch\""))
        mc_put_answer(
            mc_host_http_fetch(MC_TEXT("https://example.org/"), MC_TEXT(""), MC_TEXT("")));
    else
        mc_put_answer(mc_host_data_mutate(MC_TEXT(
            "{\"op\":\"create\",\"table\":\"judges_items\",\"data\":{\"name\":\"bad one\"}}")));
    mc_put("}}");
    return mc_finish();
}

/* What happens to the addon itself. */
EXPORT("born") mc_answer born(const char *input, u32 len)
{
    (void)mc_host_data_mutate(
        MC_TEXT("{\"op\":\"create\",\"table\":\"judges_items\",\"data\":{\"name\":\"seed\"}}"));
    if (has(input, len, "\"version\":\"0.0.1\""))
        return say(NO("not_yet", "not before its time"));
    if (has(input, len, "\"version\":\"0.0.2\""))
        __builtin_trap();
    if (has(input, len, "\"version\":\"0.0.3\""))
        return spin();
    return 0;
}

EXPORT("gone") mc_answer gone(const char *input, u32 len)
{
    u32 size;
    mc_answer rows = mc_host_data_query(
        MC_TEXT("{\"table\":\"judges_items\",\"where\":{\"name\":\"precious\"}}"));

    (void)input;
    (void)len;
    size = (u32)rows;
    if (has((const char *)(u32)(rows >> 32), size, "\"name\":\"precious\""))
        return say(NO("precious", "something precious is left"));
    return 0;
}

EXPORT("toggle") mc_answer toggle(const char *input, u32 len)
{
    if (has(input, len, "\"event\":\"enable\""))
        (void)mc_host_data_mutate(MC_TEXT(
            "{\"op\":\"create\",\"table\":\"judges_items\",\"data\":{\"name\":\"enabled\"}}"));
    else
        (void)mc_host_data_mutate(MC_TEXT(
            "{\"op\":\"create\",\"table\":\"judges_items\",\"data\":{\"name\":\"disabled\"}}"));
    return has(input, len, "\"version\":\"2.0.0\"") ? say(NO("stuck", "it is stuck")) : 0;
}
