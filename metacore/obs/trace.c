/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/obs/trace.h"

#include "metacore/base/buf.h"
#include "metacore/base/random.h"

#define KEY_MAX 256
#define TENANT_MAX 241
#define SYSTEM_MAX 14
#define VALUE_MAX 256

/* ---- traceparent ---- */

/* Lower case only, as section 3.2 wants it; -1 otherwise. */
static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_hex(mc_str text, size_t at, unsigned char *out, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int high = digit(text.ptr[at + 2 * i]), low = digit(text.ptr[at + 2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

static bool is_zero(const unsigned char *bytes, size_t count)
{
    unsigned char any = 0;

    for (size_t i = 0; i < count; i++)
        any |= bytes[i];
    return any == 0;
}

bool mc_trace_parse(mc_str text, mc_trace *out)
{
    mc_trace trace = {0};
    unsigned char version, flags;

    if (text.len < MC_TRACE_PARENT_LEN || text.ptr[2] != '-' || text.ptr[35] != '-' ||
        text.ptr[52] != '-' || !read_hex(text, 0, &version, 1) || version == 0xff)
        return false;
    /* Only a later version may say more, behind another dash (section 4.3). */
    if (text.len > MC_TRACE_PARENT_LEN && (version == 0 || text.ptr[MC_TRACE_PARENT_LEN] != '-'))
        return false;
    if (!read_hex(text, 3, trace.trace_id, sizeof(trace.trace_id)) ||
        !read_hex(text, 36, trace.parent_id, sizeof(trace.parent_id)) ||
        !read_hex(text, 53, &flags, 1))
        return false;
    if (is_zero(trace.trace_id, sizeof(trace.trace_id)) ||
        is_zero(trace.parent_id, sizeof(trace.parent_id)))
        return false;
    trace.flags = flags & MC_TRACE_SAMPLED; /* others mean nothing yet and are not passed on */
    *out = trace;
    return true;
}

bool mc_trace_is_set(const mc_trace *trace)
{
    return !is_zero(trace->trace_id, sizeof(trace->trace_id));
}

bool mc_trace_has_parent(const mc_trace *trace)
{
    return !is_zero(trace->parent_id, sizeof(trace->parent_id));
}

/* ---- ids: unique, not secret, and made with every request ---- */

/* xoshiro256** (Blackman and Vigna, 2018), a thread's own, from the kernel's random bytes. */
static _Thread_local uint64_t random_state[4];
static _Thread_local bool is_seeded;

static uint64_t rotate(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

static uint64_t next_random(void)
{
    uint64_t *s = random_state;
    uint64_t out = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return out;
}

static void fill_random(unsigned char *out, size_t count)
{
    do {
        for (size_t i = 0; i < count; i += sizeof(uint64_t)) {
            uint64_t word = next_random();

            memcpy(out + i, &word, sizeof(word));
        }
    } while (is_zero(out, count)); /* which would mean: none */
}

bool mc_trace_enter(mc_trace *trace)
{
    if (!is_seeded && mc_random_bytes(random_state, sizeof(random_state), NULL) != MC_OK)
        return false;
    is_seeded = true;
    if (!mc_trace_is_set(trace))
        fill_random(trace->trace_id, sizeof(trace->trace_id));
    fill_random(trace->span_id, sizeof(trace->span_id));
    return true;
}

void mc_trace_hex(const unsigned char *bytes, size_t count, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 0x0f];
    }
}

void mc_trace_format(const mc_trace *trace, char out[MC_TRACE_PARENT_LEN])
{
    const unsigned char version = 0;

    mc_trace_hex(&version, 1, out);
    out[2] = out[35] = out[52] = '-';
    mc_trace_hex(trace->trace_id, sizeof(trace->trace_id), out + 3);
    mc_trace_hex(trace->span_id, sizeof(trace->span_id), out + 36);
    mc_trace_hex(&trace->flags, 1, out + 53);
}

/* ---- tracestate ---- */

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool are_key_chars(mc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!is_lower(c) && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '*' && c != '/')
            return false;
    }
    return true;
}

/* simple-key, or tenant-id "@" system-id (section 3.3.2.1). */
static bool is_key(mc_str key)
{
    size_t at = mc_str_find_char(key, 0, '@');
    mc_str tenant = mc_str_slice(key, 0, at), system = mc_str_slice(key, at + 1, key.len);

    if (tenant.len == 0 || !are_key_chars(tenant))
        return false;
    if (at == key.len)
        return is_lower(key.ptr[0]) && key.len <= KEY_MAX;
    return (is_lower(tenant.ptr[0]) || (tenant.ptr[0] >= '0' && tenant.ptr[0] <= '9')) &&
           tenant.len <= TENANT_MAX && system.len > 0 && system.len <= SYSTEM_MAX &&
           is_lower(system.ptr[0]) && are_key_chars(system);
}

/* Printable ASCII without comma and equals sign; no space at its end, which trimming took. */
static bool is_value(mc_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];

        if (c < 0x20 || c > 0x7e || c == ',' || c == '=')
            return false;
    }
    return value.len > 0 && value.len <= VALUE_MAX;
}

static mc_str trim_ows(mc_str text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = mc_str_slice(text, 1, text.len);
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

typedef struct members {
    mc_str items[MC_TRACE_STATES_MAX];
    mc_str keys[MC_TRACE_STATES_MAX];
    size_t count;
} members;

static bool add_member(members *all, mc_str item)
{
    size_t equals = mc_str_find_char(item, 0, '=');
    mc_str key = mc_str_slice(item, 0, equals);

    if (all->count == MC_TRACE_STATES_MAX || equals == item.len || !is_key(key) ||
        !is_value(mc_str_slice(item, equals + 1, item.len)))
        return false;
    for (size_t i = 0; i < all->count; i++) {
        if (mc_str_eq(all->keys[i], key))
            return false;
    }
    all->items[all->count] = item;
    all->keys[all->count++] = key;
    return true;
}

bool mc_trace_state_parse(mc_arena *arena, const mc_str *values, size_t count, mc_str *out)
{
    members all = {.count = 0};
    mc_buf text;

    for (size_t i = 0; i < count; i++) {
        mc_str rest = values[i], item;

        while (mc_str_split(&rest, ',', &item)) {
            item = trim_ows(item);
            if (item.len > 0 && !add_member(&all, item)) /* empty ones are allowed, and nothing */
                return false;
        }
    }
    mc_buf_init_arena(&text, arena, 0);
    for (size_t i = 0; i < all.count; i++) {
        if (i > 0)
            mc_buf_char(&text, ',');
        mc_buf_str(&text, all.items[i]);
    }
    if (mc_buf_failed(&text))
        return false;
    *out = mc_buf_get(&text);
    return true;
}
