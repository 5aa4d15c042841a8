/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SDK_C_METACORE_H
#define METACORE_SDK_C_METACORE_H

/**
 * metacore.h: all that an addon's backend in C needs, without a library.
 *
 *   #define METACORE_GUEST
 *   #include "metacore.h"
 *
 *   METACORE_EXPORT("approve") mc_answer approve(const char *input, unsigned len)
 *   {
 *       mc_put("{\"success\":true,\"data\":{\"id\":");
 *       mc_put_text(mc_find(input, len, "id"));
 *       mc_put("}}");
 *       return mc_finish();
 *   }
 *
 *   clang --target=wasm32 -O2 -nostdlib -ffreestanding -Wl,--no-entry -o backend/backend.wasm x.c
 *
 * With a C library (wasi-libc) use --target=wasm32-wasi -mexec-model=reactor instead, and export
 * alloc as malloc: define METACORE_OWN_ALLOC beside METACORE_GUEST.
 *
 * Each call gets a fresh instance: memory is never freed, and nothing is left for the next call.
 * METACORE_GUEST defines what a module has once; other files of it include the header without.
 *
 * Threads:  a module has one.
 * Standard: guest ABI version 1. What the host gives back lies in memory of mc_alloc.
 */

typedef unsigned long long mc_answer; /* address << 32 | length; 0: nothing */

#define METACORE_EXPORT(name) __attribute__((export_name(name)))
#define METACORE_IMPORT(name) __attribute__((import_module("metacore_host"), import_name(name)))

/* A text constant as the two arguments that imports take. */
#define MC_TEXT(text) (text), (unsigned)(sizeof(text) - 1)

static inline const char *mc_answer_ptr(mc_answer answer)
{
    return (const char *)(unsigned long)(answer >> 32);
}

static inline unsigned mc_answer_len(mc_answer answer)
{
    return (unsigned)answer;
}

static inline mc_answer mc_answer_of(const void *ptr, unsigned len)
{
    return (mc_answer)(unsigned long)ptr << 32 | len;
}

/* ---- the host; requests and answers are JSON ---- */

METACORE_IMPORT("log") void mc_host_log(const char *text, unsigned len);
/** A setting of the installation: texts as they are, others as JSON; 0 when it is not set. */
METACORE_IMPORT("env_get") mc_answer mc_host_env_get(const char *key, unsigned len);
/** An empty method is GET. {"body","status"}, or {"error","message"}. */
METACORE_IMPORT("http_fetch")
mc_answer mc_host_http_fetch(const char *url, unsigned url_len, const char *method,
                             unsigned method_len, const char *body, unsigned body_len);
/** headers: a JSON object of texts, or nothing. data {"status","content_type","body","truncated"},
 *  of bytes that are no text "body_base64" and "body_is_base64":true. */
METACORE_IMPORT("http_request")
mc_answer mc_host_http_request(const char *url, unsigned url_len, const char *method,
                               unsigned method_len, const char *headers, unsigned headers_len,
                               const char *body, unsigned body_len);
/** As all others: {"success","data"|"error":{"code","message"},"meta"}. */
METACORE_IMPORT("event_emit")
mc_answer mc_host_event_emit(const char *name, unsigned name_len, const char *payload,
                             unsigned payload_len);
/** {"table"|"model","where":{column: value},"limit"}: data {"rows","has_more"}. */
METACORE_IMPORT("data_query") mc_answer mc_host_data_query(const char *request, unsigned len);
/** {"op":"create|update|delete","table"|"model","id","data","inc","returning"}: data {"row"}, or
 *  {"id"}. inc is added to the row's numbers as they are then; returning names what is shown. */
METACORE_IMPORT("data_mutate") mc_answer mc_host_data_mutate(const char *request, unsigned len);

/** {"mutations":[…]}, of data_mutate's, up to 100, all or none: data {"results":[…]}. */
METACORE_IMPORT("data_batch") mc_answer mc_host_data_batch(const char *request, unsigned len);
/** A SELECT in PostgreSQL's words; args: a JSON array of what $1… are, or nothing, in which
 *  {"$uuid"|"$ts"|"$bytes": text} is what JSON has not. data {"rows","rowCount","columns"}. Rows
 * are the organization's, wherever a table stands. */
METACORE_IMPORT("db_query")
mc_answer mc_host_db_query(const char *sql, unsigned sql_len, const char *args, unsigned args_len);
/** INSERT, UPDATE or DELETE: data {"rowsAffected"}, of RETURNING "rows" and "columns". */
METACORE_IMPORT("db_exec")
mc_answer mc_host_db_exec(const char *sql, unsigned sql_len, const char *args, unsigned args_len);
/** {"model"|"table","key"}: data {"value"}, one more each time, without gaps. */
METACORE_IMPORT("sequence_next") mc_answer mc_host_sequence_next(const char *request, unsigned len);
/** {"scopes":["user","roles","org_config"]}, or nothing: data {"org_id", and what the capabilities
 *  ctx:… let it see}. */
METACORE_IMPORT("ctx_get") mc_answer mc_host_ctx_get(const char *request, unsigned len);
/** data {"key","credentials":{…}} that the organization keeps; needs connector:read. */
METACORE_IMPORT("connector_get") mc_answer mc_host_connector_get(const char *key, unsigned len);

/* ---- reading JSON ---- */

/** Bytes of somebody else's, as they stand there; ptr 0: there are none. */
typedef struct mc_text {
    const char *ptr;
    unsigned len;
} mc_text;

/** The value of a member of the object that json is, as JSON: texts keep their quotes. */
mc_text mc_find(const char *json, unsigned len, const char *key);
/** The same, in a value. */
mc_text mc_find_in(mc_text object, const char *key);
/** Whether value is that text; one with escapes never is. */
int mc_is(mc_text value, const char *text);

/* ---- memory, and the answer as it grows ---- */

/** size bytes, aligned to 16; 0 when the addon's memory limit is reached. */
void *mc_alloc(unsigned size);
/** Appends to the answer. What does not fit into memory ends the call. */
void mc_put_bytes(const char *bytes, unsigned len);
void mc_put(const char *text);
/** Appends a value as it stands, or null. */
void mc_put_text(mc_text value);
/** Appends what the host answered, or null. */
void mc_put_answer(mc_answer answer);
/** What was put so far, for a request; the answer starts anew. */
mc_text mc_take(void);
mc_answer mc_finish(void);

#ifdef METACORE_GUEST

extern unsigned char __heap_base; /* where the linker's own data end */

static unsigned long mc__top;
static char *mc__text;
static unsigned mc__len, mc__room;

#ifdef METACORE_OWN_ALLOC
void *malloc(__SIZE_TYPE__);

METACORE_EXPORT("alloc") void *mc_alloc(unsigned size)
{
    return malloc(size);
}
#else
METACORE_EXPORT("alloc") void *mc_alloc(unsigned size)
{
    unsigned long at = mc__top ? mc__top : ((unsigned long)&__heap_base + 15) & ~15ul;
    unsigned long pages = __builtin_wasm_memory_size(0);
    unsigned long long end = (unsigned long long)at + size;

    if (end > (unsigned long long)pages << 16) {
        unsigned long more =
            (unsigned long)((end - ((unsigned long long)pages << 16) + 65535) >> 16);

        if (end > 0xffffffffull - 16 || __builtin_wasm_memory_grow(0, more) == (unsigned long)-1)
            return (void *)0;
    }
    mc__top = (unsigned long)((end + 15) & ~15ull);
    return (void *)at;
}
#endif

void mc_put_bytes(const char *bytes, unsigned len)
{
    if (len > mc__room - mc__len) {
        unsigned room = (mc__len + len) * 2;
        char *grown = room > len ? mc_alloc(room) : (char *)0;

        if (!grown)
            __builtin_trap();
        for (unsigned i = 0; i < mc__len; i++)
            grown[i] = mc__text[i];
        mc__text = grown;
        mc__room = room;
    }
    for (unsigned i = 0; i < len; i++)
        mc__text[mc__len++] = bytes[i];
}

void mc_put(const char *text)
{
    unsigned len = 0;

    while (text[len])
        len++;
    mc_put_bytes(text, len);
}

void mc_put_answer(mc_answer answer)
{
    if (answer)
        mc_put_bytes(mc_answer_ptr(answer), mc_answer_len(answer));
    else
        mc_put("null");
}

void mc_put_text(mc_text value)
{
    if (value.ptr)
        mc_put_bytes(value.ptr, value.len);
    else
        mc_put("null");
}

mc_text mc_take(void)
{
    mc_text taken = {mc__text, mc__len};

    mc__text = (char *)0;
    mc__len = mc__room = 0;
    return taken;
}

mc_answer mc_finish(void)
{
    return mc_answer_of(mc__text, mc__len);
}

/* Behind what begins at at, which is JSON; nesting outside of texts counts, nothing else does. */
static unsigned mc__behind_value(const char *json, unsigned len, unsigned at)
{
    unsigned depth = 0;
    int in_text = 0;

    for (; at < len; at++) {
        char c = json[at];

        if (in_text) {
            at += c == '\\';
            in_text = c != '"';
            if (!in_text && depth == 0)
                return at + 1;
        } else if (c == '"') {
            in_text = 1;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            if (depth == 0)
                return at; /* of the object around it */
            if (--depth == 0)
                return at + 1;
        } else if (depth == 0 && (c == ',' || c == ' ' || c == '\n' || c == '\r' || c == '\t')) {
            return at;
        }
    }
    return len;
}

static unsigned mc__behind(const char *json, unsigned len, unsigned at, const char *any_of)
{
    for (; at < len; at++) {
        const char *c = any_of;

        while (*c && *c != json[at])
            c++;
        if (!*c)
            break;
    }
    return at;
}

mc_text mc_find(const char *json, unsigned len, const char *key)
{
    unsigned at = mc__behind(json, len, 0, " \n\r\t");

    while (at < len && (json[at] == '{' || json[at] == ',')) {
        mc_text name, value;

        name.ptr = json + (at = mc__behind(json, len, at + 1, " \n\r\t"));
        name.len = mc__behind_value(json, len, at) - at;
        at = mc__behind(json, len, at + name.len, " \n\r\t:");
        value.ptr = json + at;
        value.len = mc__behind_value(json, len, at) - at;
        if (value.len && mc_is(name, key))
            return value;
        at = mc__behind(json, len, at + value.len, " \n\r\t");
    }
    return (mc_text){0, 0};
}

mc_text mc_find_in(mc_text object, const char *key)
{
    return mc_find(object.ptr, object.len, key);
}

int mc_is(mc_text value, const char *text)
{
    unsigned i = 0;

    if (value.len < 2 || value.ptr[0] != '"')
        return 0;
    while (text[i] && i + 2 < value.len && text[i] == value.ptr[i + 1] && text[i] != '\\')
        i++;
    return !text[i] && i + 2 == value.len;
}

#endif
#endif
