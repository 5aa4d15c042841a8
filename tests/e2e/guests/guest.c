/* SPDX-License-Identifier: Apache-2.0 */
/* A guest that does on request what guests do, well and badly. */
#define METACORE_GUEST
#include "metacore.h"

typedef unsigned int u32;

#define EXPORT(name) METACORE_EXPORT(name)

static u32 calls;

/* {"success":true,"data":{"input":<input>,"calls":1},"meta":{...}} */
EXPORT("echo") mc_answer echo(const char *input, u32 len)
{
    char digit = (char)('0' + ++calls);

    mc_put("{\"success\":true,\"data\":{\"input\":");
    mc_put_bytes(input, len);
    mc_put(",\"calls\":");
    mc_put_bytes(&digit, 1);
    mc_put("},\"meta\":{\"by\":\"guest\",\"model\":\"forged\",\"rolled_back\":true}}");
    return mc_finish();
}

/* The same, called with both words in one. */
EXPORT("packed") mc_answer packed(mc_answer input)
{
    return echo((const char *)(u32)(input >> 32), (u32)input);
}

EXPORT("decline") mc_answer decline(const char *input, u32 len)
{
    (void)input;
    (void)len;
    mc_put("{\"success\":false,\"error\":{\"code\":\"sold_out\",\"message\":\"nothing left\"},"
           "\"meta\":{\"left\":0}}");
    return mc_finish();
}

/* The words of older examples. */
EXPORT("not_ok") mc_answer not_ok(const char *input, u32 len)
{
    (void)input;
    (void)len;
    mc_put("{\"ok\":false,\"error\":\"no such thing\"}");
    return mc_finish();
}

EXPORT("nothing") mc_answer nothing(const char *input, u32 len)
{
    (void)input;
    (void)len;
    return 0;
}

EXPORT("garbage") mc_answer garbage(const char *input, u32 len)
{
    (void)input;
    (void)len;
    mc_put("{\"success\":tru");
    return mc_finish();
}

EXPORT("trap") mc_answer trap(const char *input, u32 len)
{
    (void)input;
    (void)len;
    __builtin_trap();
}

EXPORT("outside") mc_answer outside(const char *input, u32 len)
{
    (void)input;
    (void)len;
    return mc_answer_of((const void *)0xfffffff0u, 64);
}

EXPORT("spin") mc_answer spin(const char *input, u32 len)
{
    volatile u32 turns = 1;

    (void)input;
    (void)len;
    while (turns)
        turns |= 1;
    return 0;
}

/* {"success":true,"data":{"key","limit","absent"}} */
EXPORT("settings") mc_answer settings(const char *input, u32 len)
{
    mc_answer absent = mc_host_env_get(MC_TEXT("no_such_setting"));
    mc_answer key = mc_host_env_get(MC_TEXT("api_key"));

    (void)input;
    (void)len;
    mc_host_log(MC_TEXT("settings are asked for"));
    mc_put("{\"success\":true,\"data\":{\"key\":\"");
    if (key)
        mc_put_answer(key);
    mc_put("\",\"limit\":");
    mc_put_answer(mc_host_env_get(MC_TEXT("limit")));
    mc_put(",\"absent\":");
    mc_put_answer(absent);
    mc_put("}}");
    return mc_finish();
}

/* {"success":true,"data":[<answers>]} of four emissions: one in order, one that is not declared, a
 * name that is none, and a payload that is none. */
EXPORT("emit") mc_answer emit(const char *input, u32 len)
{
    (void)input;
    (void)len;
    mc_put("{\"success\":true,\"data\":[");
    mc_put_answer(mc_host_event_emit(MC_TEXT("guests.done"), MC_TEXT("{\"n\":1}")));
    mc_put(",");
    mc_put_answer(mc_host_event_emit(MC_TEXT("others.done"), MC_TEXT("{}")));
    mc_put(",");
    mc_put_answer(mc_host_event_emit(MC_TEXT("guests.*"), MC_TEXT("{}")));
    mc_put(",");
    mc_put_answer(mc_host_event_emit(MC_TEXT("guests.done"), MC_TEXT("{")));
    mc_put("]}");
    return mc_finish();
}

/* One host that is not declared, one that is and lies within, and no URL. */
EXPORT("fetch") mc_answer fetch(const char *input, u32 len)
{
    (void)input;
    (void)len;
    mc_put("{\"success\":true,\"data\":[");
    mc_put_answer(mc_host_http_fetch(MC_TEXT("https://example.org/"), MC_TEXT(""), MC_TEXT("")));
    mc_put(",");
    mc_put_answer(mc_host_http_fetch(MC_TEXT("http://127.0.0.1:9/"), MC_TEXT("GET"), MC_TEXT("")));
    mc_put(",");
    mc_put_answer(mc_host_http_fetch(MC_TEXT("example"), MC_TEXT("GET"), MC_TEXT("")));
    mc_put("]}");
    return mc_finish();
}

#define OTHERS_ORG "00000000-0000-4000-8000-00000000beef"

/* Rows of its own table by name, another addon's, and one made in what claims to be another
 * organization. */
EXPORT("rows") mc_answer rows(const char *input, u32 len)
{
    (void)input;
    (void)len;
    mc_put("{\"success\":true,\"data\":[");
    mc_put_answer(mc_host_data_mutate(
        MC_TEXT("{\"op\":\"create\",\"table\":\"guests_items\",\"data\":{\"name\":\"made\","
                "\"organization_id\":\"" OTHERS_ORG "\"}}")));
    mc_put(",");
    mc_put_answer(mc_host_data_query(
        MC_TEXT("{\"table\":\"guests_items\",\"where\":{\"name\":\"made\"},\"limit\":200}")));
    mc_put(",");
    mc_put_answer(mc_host_data_query(MC_TEXT("{\"model\":\"tickets\"}")));
    mc_put(",");
    mc_put_answer(mc_host_data_query(MC_TEXT("{\"table\":\"guests_items; DROP\"}")));
    mc_put(",");
    mc_put_answer(mc_host_data_query(MC_TEXT(
        "{\"table\":\"guests_items\",\"where\":{\"organization_id\":\"" OTHERS_ORG "\"}}")));
    mc_put("]}");
    return mc_finish();
}

/* The object after key in input. */
static const char *find_object(const char *input, u32 len, const char *key, u32 *out_len)
{
    u32 at = 0, end, depth = 0;

    for (u32 same = 0; at < len && key[same]; at++)
        same = input[at] == key[same] ? same + 1 : 0;
    for (end = at; end < len; end++) {
        depth += input[end] == '{';
        if (input[end] == '}' && --depth == 0)
            break;
    }
    *out_len = end + 1 - at;
    return input + at;
}

/* What was asked for as args goes to the host as it came, and its answer back. */
EXPORT("mutate") mc_answer mutate(const char *input, u32 len)
{
    u32 args_len;
    const char *args = find_object(input, len, "\"args\":", &args_len);

    mc_put("{\"success\":true,\"data\":");
    mc_put_answer(mc_host_data_mutate(args, args_len));
    mc_put("}");
    return mc_finish();
}

EXPORT("batch") mc_answer batch(const char *input, u32 len)
{
    u32 args_len;
    const char *args = find_object(input, len, "\"args\":", &args_len);

    mc_put("{\"success\":true,\"data\":");
    mc_put_answer(mc_host_data_batch(args, args_len));
    mc_put("}");
    return mc_finish();
}

/* Posts args as headers to the setting "url". */
EXPORT("request") mc_answer request(const char *input, u32 len)
{
    mc_answer url = mc_host_env_get(MC_TEXT("url"));
    u32 args_len;
    const char *args = find_object(input, len, "\"args\":", &args_len);

    mc_put("{\"success\":true,\"data\":");
    mc_put_answer(mc_host_http_request(mc_answer_ptr(url), mc_answer_len(url), MC_TEXT("POST"),
                                       args, args_len, MC_TEXT("hello")));
    mc_put("}");
    return mc_finish();
}
