/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_GUEST_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_GUEST_INTERNAL_H

/*
 * The vocabulary of generated code: written beside it and included by it, never by the runtime.
 *
 * What C leaves undefined is defined here as the standard wants it: divisions, conversions,
 * shifts, minimum and maximum, and accesses, which are performed even if nobody reads the result.
 */

#include "wasm_abi_internal.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;
typedef float f32;
typedef double f64;
typedef void *ref;

/*
 * Vectors, whose operations are in wasm_guest_v128_internal.h. tcc, which has none, makes room in
 * the frame for each structure that a call returns, and no check of the stack: there, they go by
 * address. V is a vector as an argument, V_SET one from an operation, V_CALL and V_RETURN one as
 * the result of a function.
 */
#ifdef __TINYC__
typedef mcw_v128 v128;
typedef const v128 *v128_in;
typedef void v128_out;
#define V(a) &(a)
#define V_LOCAL(a) *(a)
#define V_SET(r, f, ...) f(&(r), __VA_ARGS__)
#define V_CALL(r, call)                                                                            \
    do {                                                                                           \
        call;                                                                                      \
        (r) = I->rt->results[0].v128;                                                              \
    } while (0)
#define V_RETURN(a)                                                                                \
    do {                                                                                           \
        I->rt->results[0].v128 = (a);                                                              \
        return;                                                                                    \
    } while (0)
#else
typedef u64 v128 __attribute__((vector_size(16)));
typedef v128 v128_in;
typedef v128 v128_out;
#define V(a) (a)
#define V_LOCAL(a) (a)
#define V_SET(r, f, ...) (r) = f(__VA_ARGS__)
#define V_CALL(r, call) (r) = (call)
#define V_RETURN(a) return (a)
#endif

void *memcpy(void *, const void *, __SIZE_TYPE__);
void *memmove(void *, const void *, __SIZE_TYPE__);
void *memset(void *, int, __SIZE_TYPE__);
float ceilf(float);
float floorf(float);
float truncf(float);
float rintf(float);
float sqrtf(float);
double ceil(double);
double floor(double);
double trunc(double);
double rint(double);
double sqrt(double);

#define X static inline __attribute__((unused))
#define TRAP(code) I->rt->trap(I, (code))

/* ---- memory: base and address span 8 GiB, all of it reserved, so that no bound is checked ---- */

#ifdef __TINYC__
#define X_LOAD(to, type, at, off) to = *(type *)(M + (u64)(at) + (off))
#define X_LOADF X_LOAD
#define X_STORE(type, at, off, value) *(type *)(M + (u64)(at) + (off)) = (type)(value)
#else
/* The empty assembly uses the value: a load that traps is not dead. */
#define X_LOAD(to, type, at, off)                                                                  \
    do {                                                                                           \
        type x_;                                                                                   \
        __builtin_memcpy(&x_, M + (u64)(at) + (off), sizeof(x_));                                  \
        __asm__ volatile("" ::"r"(x_));                                                            \
        to = x_;                                                                                   \
    } while (0)
#if defined(__x86_64__)
#define X_FLOAT "x"
#elif defined(__aarch64__)
#define X_FLOAT "w"
#else
#define X_FLOAT "r"
#endif
#define X_LOADF(to, type, at, off)                                                                 \
    do {                                                                                           \
        type x_;                                                                                   \
        __builtin_memcpy(&x_, M + (u64)(at) + (off), sizeof(x_));                                  \
        __asm__ volatile("" ::X_FLOAT(x_));                                                        \
        to = x_;                                                                                   \
    } while (0)
#define X_STORE(type, at, off, value)                                                              \
    do {                                                                                           \
        type x_ = (type)(value);                                                                   \
        __builtin_memcpy(M + (u64)(at) + (off), &x_, sizeof(x_));                                  \
    } while (0)
#endif

X void x_memory_copy(mcw_instance *I, u32 to, u32 from, u32 n)
{
    if ((u64)from + n > I->memory->bytes || (u64)to + n > I->memory->bytes)
        TRAP(MCW_TRAP_MEMORY);
    memmove(I->base + to, I->base + from, n);
}

X void x_memory_fill(mcw_instance *I, u32 to, u32 value, u32 n)
{
    if ((u64)to + n > I->memory->bytes)
        TRAP(MCW_TRAP_MEMORY);
    memset(I->base + to, (u8)value, n);
}

/* ---- tables ---- */

X const mcw_func *x_indirect(mcw_instance *I, const mcw_table *table, u32 i, u32 type)
{
    const mcw_func *f;

    if (i >= table->size)
        TRAP(MCW_TRAP_UNDEFINED);
    f = table->items[i];
    if (!f)
        TRAP(MCW_TRAP_NULL);
    if (f->type != type)
        TRAP(MCW_TRAP_TYPE);
    return f;
}

X ref x_table_get(mcw_instance *I, const mcw_table *table, u32 i)
{
    if (i >= table->size)
        TRAP(MCW_TRAP_TABLE);
    return table->items[i];
}

X void x_table_set(mcw_instance *I, mcw_table *table, u32 i, ref value)
{
    if (i >= table->size)
        TRAP(MCW_TRAP_TABLE);
    table->items[i] = value;
}

X void x_table_copy(mcw_instance *I, mcw_table *to, mcw_table *from, u32 at, u32 start, u32 n)
{
    if ((u64)start + n > from->size || (u64)at + n > to->size)
        TRAP(MCW_TRAP_TABLE);
    memmove(to->items + at, from->items + start, (u64)n * sizeof(ref));
}

X void x_table_fill(mcw_instance *I, mcw_table *table, u32 at, ref value, u32 n)
{
    if ((u64)at + n > table->size)
        TRAP(MCW_TRAP_TABLE);
    while (n-- > 0)
        table->items[at++] = value;
}

/* ---- integers ---- */

#define X_DIVISION(bits, least)                                                                    \
    X u##bits x_div_s##bits(mcw_instance *I, u##bits a, u##bits b)                                 \
    {                                                                                              \
        if (b == 0)                                                                                \
            TRAP(MCW_TRAP_DIVIDE);                                                                 \
        if (a == (least) && b == (u##bits) - 1)                                                    \
            TRAP(MCW_TRAP_OVERFLOW);                                                               \
        return (u##bits)((s##bits)a / (s##bits)b);                                                 \
    }                                                                                              \
    X u##bits x_div_u##bits(mcw_instance *I, u##bits a, u##bits b)                                 \
    {                                                                                              \
        if (b == 0)                                                                                \
            TRAP(MCW_TRAP_DIVIDE);                                                                 \
        return a / b;                                                                              \
    }                                                                                              \
    X u##bits x_rem_s##bits(mcw_instance *I, u##bits a, u##bits b)                                 \
    {                                                                                              \
        if (b == 0)                                                                                \
            TRAP(MCW_TRAP_DIVIDE);                                                                 \
        return b == (u##bits) - 1 ? 0 : (u##bits)((s##bits)a % (s##bits)b);                        \
    }                                                                                              \
    X u##bits x_rem_u##bits(mcw_instance *I, u##bits a, u##bits b)                                 \
    {                                                                                              \
        if (b == 0)                                                                                \
            TRAP(MCW_TRAP_DIVIDE);                                                                 \
        return a % b;                                                                              \
    }                                                                                              \
    X u##bits x_rotl##bits(u##bits a, u##bits n)                                                   \
    {                                                                                              \
        n &= bits - 1;                                                                             \
        return (a << n) | (a >> ((bits - n) & (bits - 1)));                                        \
    }                                                                                              \
    X u##bits x_rotr##bits(u##bits a, u##bits n)                                                   \
    {                                                                                              \
        n &= bits - 1;                                                                             \
        return (a >> n) | (a << ((bits - n) & (bits - 1)));                                        \
    }
X_DIVISION(32, 0x80000000u)
X_DIVISION(64, 0x8000000000000000ull)

#ifdef __TINYC__
X u64 x_popcnt64(u64 a)
{
    u64 n = 0;

    for (; a; a &= a - 1)
        n++;
    return n;
}
X u64 x_clz64(u64 a)
{
    u64 n = 64;

    for (; a; a >>= 1)
        n--;
    return n;
}
X u64 x_ctz64(u64 a)
{
    return x_popcnt64(~a & (a - 1));
}
X u32 x_popcnt32(u32 a)
{
    return (u32)x_popcnt64(a);
}
X u32 x_clz32(u32 a)
{
    return (u32)x_clz64(a) - 32;
}
X u32 x_ctz32(u32 a)
{
    return a ? (u32)x_ctz64(a) : 32;
}
#else
X u32 x_clz32(u32 a)
{
    return a ? (u32)__builtin_clz(a) : 32;
}
X u32 x_ctz32(u32 a)
{
    return a ? (u32)__builtin_ctz(a) : 32;
}
X u32 x_popcnt32(u32 a)
{
    return (u32)__builtin_popcount(a);
}
X u64 x_clz64(u64 a)
{
    return a ? (u64)__builtin_clzll(a) : 64;
}
X u64 x_ctz64(u64 a)
{
    return a ? (u64)__builtin_ctzll(a) : 64;
}
X u64 x_popcnt64(u64 a)
{
    return (u64)__builtin_popcountll(a);
}
#endif

/* ---- floating point ---- */

/* Rounding what is no number: the addition makes it quiet, which not every compiler's rounding
 * does. */
#define X_FLOATS(type, uint, sign, suffix)                                                         \
    X uint x_bits_##type(type a)                                                                   \
    {                                                                                              \
        union {                                                                                    \
            type f;                                                                                \
            uint u;                                                                                \
        } x;                                                                                       \
        x.f = a;                                                                                   \
        return x.u;                                                                                \
    }                                                                                              \
    X type x_##type(uint a)                                                                        \
    {                                                                                              \
        union {                                                                                    \
            type f;                                                                                \
            uint u;                                                                                \
        } x;                                                                                       \
        x.u = a;                                                                                   \
        return x.f;                                                                                \
    }                                                                                              \
    X type x_abs_##type(type a)                                                                    \
    {                                                                                              \
        return x_##type(x_bits_##type(a) & ~(sign));                                               \
    }                                                                                              \
    X type x_neg_##type(type a)                                                                    \
    {                                                                                              \
        return x_##type(x_bits_##type(a) ^ (sign));                                                \
    }                                                                                              \
    X type x_copysign_##type(type a, type b)                                                       \
    {                                                                                              \
        return x_##type((x_bits_##type(a) & ~(sign)) | (x_bits_##type(b) & (sign)));               \
    }                                                                                              \
    X type x_ceil_##type(type a)                                                                   \
    {                                                                                              \
        return a != a ? a + a : ceil##suffix(a);                                                   \
    }                                                                                              \
    X type x_floor_##type(type a)                                                                  \
    {                                                                                              \
        return a != a ? a + a : floor##suffix(a);                                                  \
    }                                                                                              \
    X type x_trunc_##type(type a)                                                                  \
    {                                                                                              \
        return a != a ? a + a : trunc##suffix(a);                                                  \
    }                                                                                              \
    X type x_nearest_##type(type a)                                                                \
    {                                                                                              \
        return a != a ? a + a : rint##suffix(a);                                                   \
    }                                                                                              \
    X type x_sqrt_##type(type a)                                                                   \
    {                                                                                              \
        return sqrt##suffix(a);                                                                    \
    }                                                                                              \
    /* Of two zeros the one with a sign is less; a number and what is none give the latter. */     \
    X type x_min_##type(type a, type b)                                                            \
    {                                                                                              \
        if (a != a || b != b)                                                                      \
            return a + b;                                                                          \
        if (a == b)                                                                                \
            return x_##type(x_bits_##type(a) | x_bits_##type(b));                                  \
        return a < b ? a : b;                                                                      \
    }                                                                                              \
    X type x_max_##type(type a, type b)                                                            \
    {                                                                                              \
        if (a != a || b != b)                                                                      \
            return a + b;                                                                          \
        if (a == b)                                                                                \
            return x_##type(x_bits_##type(a) & x_bits_##type(b));                                  \
        return a > b ? a : b;                                                                      \
    }
X_FLOATS(f32, u32, 0x80000000u, f)
X_FLOATS(f64, u64, 0x8000000000000000ull, )

/* below and above: the open interval of what fits. */
#define X_TRUNCATE(name, from, to, via, compare, below, above, least, most)                        \
    X to x_trunc_##name##_##from(mcw_instance *I, from a)                                          \
    {                                                                                              \
        if (a != a)                                                                                \
            TRAP(MCW_TRAP_CONVERSION);                                                             \
        if (!(a compare(below) && a < (above)))                                                    \
            TRAP(MCW_TRAP_OVERFLOW);                                                               \
        return (to)(via)a;                                                                         \
    }                                                                                              \
    X to x_sat_##name##_##from(from a)                                                             \
    {                                                                                              \
        if (a != a)                                                                                \
            return 0;                                                                              \
        if (!(a compare(below)))                                                                   \
            return (least);                                                                        \
        if (!(a < (above)))                                                                        \
            return (most);                                                                         \
        return (to)(via)a;                                                                         \
    }
X_TRUNCATE(s32, f32, u32, s32, >=, -2147483648.0f, 2147483648.0f, 0x80000000u, 0x7fffffffu)
X_TRUNCATE(s32, f64, u32, s32, >, -2147483649.0, 2147483648.0, 0x80000000u, 0x7fffffffu)
X_TRUNCATE(u32, f32, u32, u32, >, -1.0f, 4294967296.0f, 0, 0xffffffffu)
X_TRUNCATE(u32, f64, u32, u32, >, -1.0, 4294967296.0, 0, 0xffffffffu)
X_TRUNCATE(s64, f32, u64, s64, >=, -9223372036854775808.0f, 9223372036854775808.0f,
           0x8000000000000000ull, 0x7fffffffffffffffull)
X_TRUNCATE(s64, f64, u64, s64, >=, -9223372036854775808.0, 9223372036854775808.0,
           0x8000000000000000ull, 0x7fffffffffffffffull)
X_TRUNCATE(u64, f32, u64, u64, >, -1.0f, 18446744073709551616.0f, 0, 0xffffffffffffffffull)
X_TRUNCATE(u64, f64, u64, u64, >, -1.0, 18446744073709551616.0, 0, 0xffffffffffffffffull)

#endif
