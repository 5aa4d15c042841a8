/* SPDX-License-Identifier: Apache-2.0 */
/* A guest of the shape that TinyGo gives its modules: WASI functions by name, a runtime that begins
 * in _initialize with the time and a seed, both words of a call in one, and free, which nobody
 * calls. */
typedef unsigned int u32;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(name)))
#define IMPORT(name) __attribute__((import_module("wasi_snapshot_preview1"), import_name(name)))
#define PAGE 65536u

struct vector {
    const char *ptr;
    u32 len;
};

IMPORT("fd_write") u32 fd_write(u32 fd, const struct vector *vectors, u32 count, u32 *written);
IMPORT("clock_time_get") u32 clock_time_get(u32 clock, u64 precision, u64 *time);
IMPORT("random_get") u32 random_get(void *buf, u32 len);
IMPORT("args_sizes_get") u32 args_sizes_get(u32 *count, u32 *size);
IMPORT("args_get") u32 args_get(char **argv, char *buf);
IMPORT("proc_exit") _Noreturn void proc_exit(u32 code);

extern unsigned char __heap_base;

static u64 hash_seed, started;
static u32 top, argument_count, calls;

static void print(const char *text)
{
    struct vector v = {text, 0};
    u32 written;

    while (text[v.len])
        v.len++;
    (void)fd_write(1, &v, 1, &written);
}

static _Noreturn void panic(const char *why)
{
    print("panic: ");
    print(why);
    print("\n");
    __builtin_trap();
}

EXPORT("_initialize") void initialize(void)
{
    u32 size;

    top = ((u32)&__heap_base + 15) & ~15u;
    if (args_sizes_get(&argument_count, &size) || random_get(&hash_seed, sizeof(hash_seed)) ||
        clock_time_get(1, 1000, &started))
        panic("runtime");
    (void)args_get(0, 0);
}

EXPORT("alloc") void *alloc(u32 size)
{
    u32 at = top;

    top = (top + size + 15) & ~15u;
    if (top > __builtin_wasm_memory_size(0) * PAGE &&
        __builtin_wasm_memory_grow(0, (top - at) / PAGE + 1) == (unsigned long)-1)
        panic("out of memory");
    return (void *)at;
}

EXPORT("free") void free_(u32 ptr, u32 size)
{
    (void)ptr;
    (void)size;
    panic("nobody frees");
}

static char *put(char *to, const char *text)
{
    while (*text)
        *to++ = *text++;
    return to;
}

/* {"success":true,"data":{"seed":"<hex>","calls":1,"arguments":0,"bytes":"some"}} */
EXPORT("fulfill") u64 fulfill(u64 packed)
{
    char *answer = alloc(200), *at = put(answer, "{\"success\":true,\"data\":{\"seed\":\"");
    u64 now;

    if (!top || clock_time_get(0, 1, &now) || now < 1000000000ull * 1000000000ull)
        panic("no time");
    for (int shift = 60; shift >= 0; shift -= 4)
        *at++ = "0123456789abcdef"[hash_seed >> shift & 15];
    at = put(at, "\",\"calls\":");
    *at++ = (char)('0' + ++calls);
    at = put(at, ",\"arguments\":");
    *at++ = (char)('0' + argument_count);
    at = put(at, (u32)packed ? ",\"bytes\":\"some\"}}" : ",\"bytes\":\"none\"}}");
    print("fulfilled\nin two lines\n");
    return (u64)(u32)answer << 32 | (u32)(at - answer);
}

EXPORT("fall") u64 fall(u64 packed)
{
    (void)packed;
    panic("runtime error: index out of range");
}

/* More lines than a log takes of one call. */
EXPORT("talk") u64 talk(u64 packed)
{
    (void)packed;
    for (u32 i = 0; i < 300; i++)
        print("and another thing\n");
    return 0;
}

EXPORT("leave") u64 leave(u64 packed)
{
    (void)packed;
    print("leaving, unfinished line");
    proc_exit(2);
}
