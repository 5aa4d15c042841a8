/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_GUEST_V128_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_GUEST_V128_INTERNAL_H

/*
 * Vectors in generated code: for each instruction SHAPE.OP the function x_SHAPE_OP, written once
 * for compilers with vectors (gcc, clang) and without (tcc, which takes lanes one by one).
 *
 * An expression on a and b (X_EACH…) is one of whole vectors there and of lanes here. What takes
 * lanes across is a loop for both (X_VECTOR), unless it is worth its own form. Instructions of
 * the processor that gcc does not find by itself stand under X_SSE2, each beside a form that
 * needs none of them.
 *
 * Lanes lie as in memory, little end first: big-endian processors are not supported.
 */

#include "wasm_guest_internal.h"

#if defined(__SSE2__) && defined(__GNUC__) && !defined(__clang__) && !defined(__TINYC__) &&        \
    !defined(X_GENERIC)
#define X_SSE2
#endif

typedef union lanes {
    v128 v;
    u8 u8[16];
    u16 u16[8];
    u32 u32[4];
    u64 u64[2];
    s8 s8[16];
    s16 s16[8];
    s32 s32[4];
    s64 s64[2];
    f32 f32[4];
    f64 f64[2];
} lanes;

#define X_LANES_OF(T) (16 / (int)sizeof(T))

/* ---- forms ---- */

#ifdef __TINYC__

#define X_FOR(n) for (int i = 0; i < (n); i++)
#define X_VECTOR(name, ...) X void x_##name(v128 *r_, __VA_ARGS__)
#define X_OUTLINE X_VECTOR
#define X_IN(a) const lanes *a = (const lanes *)a##_
#define X_GIVE(r) *r_ = (r).v
#define X_PASS(name, ...) x_##name(r_, __VA_ARGS__)

/* A value of lane type T; a comparison as a mask; one of two by a comparison. */
#define X_AS(T, e) ((T)(e))
#define X_MASK(T, e) ((T) - (T)(e))
#define X_PICK(T, m, a, b) ((m) ? (a) : (b))

#define X_EACH1(name, T, e)                                                                        \
    X_VECTOR(name, v128_in a_)                                                                     \
    {                                                                                              \
        X_FOR(X_LANES_OF(T))                                                                       \
        {                                                                                          \
            T a = ((const T *)a_)[i];                                                              \
            ((T *)r_)[i] = (T)(e);                                                                 \
        }                                                                                          \
    }
#define X_EACH2(name, T, e)                                                                        \
    X_VECTOR(name, v128_in a_, v128_in b_)                                                         \
    {                                                                                              \
        X_FOR(X_LANES_OF(T))                                                                       \
        {                                                                                          \
            T a = ((const T *)a_)[i], b = ((const T *)b_)[i];                                      \
            ((T *)r_)[i] = (T)(e);                                                                 \
        }                                                                                          \
    }
#define X_EACH3(name, T, e)                                                                        \
    X_VECTOR(name, v128_in a_, v128_in b_, v128_in c_)                                             \
    {                                                                                              \
        X_FOR(X_LANES_OF(T))                                                                       \
        {                                                                                          \
            T a = ((const T *)a_)[i], b = ((const T *)b_)[i], c = ((const T *)c_)[i];              \
            ((T *)r_)[i] = (T)(e);                                                                 \
        }                                                                                          \
    }
/* U: the mask's lanes, as wide as T. */
#define X_COMPARE(name, T, U, op)                                                                  \
    X_VECTOR(name, v128_in a_, v128_in b_)                                                         \
    {                                                                                              \
        X_FOR(X_LANES_OF(T))                                                                       \
        {                                                                                          \
            T a = ((const T *)a_)[i], b = ((const T *)b_)[i];                                      \
            ((U *)r_)[i] = X_MASK(U, a op b);                                                      \
        }                                                                                          \
    }
#define X_SHIFT(name, T, bits, op)                                                                 \
    X_VECTOR(name, v128_in a_, u32 n)                                                              \
    {                                                                                              \
        X_FOR(X_LANES_OF(T))                                                                       \
        {                                                                                          \
            T a = ((const T *)a_)[i];                                                              \
            ((T *)r_)[i] = (T)(a op n % (bits));                                                   \
        }                                                                                          \
    }
#define X_SPLAT(name, T, from)                                                                     \
    X_VECTOR(name, from a)                                                                         \
    {                                                                                              \
        X_FOR(X_LANES_OF(T))                                                                       \
        {                                                                                          \
            ((T *)r_)[i] = (T)a;                                                                   \
        }                                                                                          \
    }
#define X_EXTRACT(name, T, to)                                                                     \
    X to x_##name(v128_in a_, u32 lane)                                                            \
    {                                                                                              \
        return (to)((const T *)a_)[lane];                                                          \
    }
#define X_REPLACE(name, T, from)                                                                   \
    X_VECTOR(name, v128_in a_, from x, u32 lane)                                                   \
    {                                                                                              \
        *r_ = *a_;                                                                                 \
        ((T *)r_)[lane] = (T)x;                                                                    \
    }
#define X_ALL_TRUE(name, T)                                                                        \
    X u32 x_##name(v128_in a_)                                                                     \
    {                                                                                              \
        u32 all = 1;                                                                               \
                                                                                                   \
        X_FOR(X_LANES_OF(T))                                                                       \
        {                                                                                          \
            all &= ((const T *)a_)[i] != 0;                                                        \
        }                                                                                          \
        return all;                                                                                \
    }

#else

#define X_FOR(n) _Pragma("GCC unroll 16") for (int i = 0; i < (n); i++)
#define X_VECTOR(name, ...) X v128 x_##name(__VA_ARGS__)
/* Much code, which would take the compiler's time and memory at each place. Const: it depends on
 * nothing but its arguments, so that nothing has to be known about memory around it. */
#define X_OUTLINE(name, ...)                                                                       \
    static __attribute__((unused, noinline, const)) v128 x_##name(__VA_ARGS__)
#define X_IN(a) const lanes *a = (const lanes *)&a##_
#define X_GIVE(r) return (r).v
#define X_PASS(name, ...) return x_##name(__VA_ARGS__)

typedef u8 u8v __attribute__((vector_size(16)));
typedef u16 u16v __attribute__((vector_size(16)));
typedef u32 u32v __attribute__((vector_size(16)));
typedef u64 u64v __attribute__((vector_size(16)));
typedef s8 s8v __attribute__((vector_size(16)));
typedef s16 s16v __attribute__((vector_size(16)));
typedef s32 s32v __attribute__((vector_size(16)));
typedef s64 s64v __attribute__((vector_size(16)));
typedef f32 f32v __attribute__((vector_size(16)));
typedef f64 f64v __attribute__((vector_size(16)));

#define X_AS(T, e) ((T##v)(e))
#define X_MASK(T, e) ((T##v)(e))
#define X_PICK(T, m, a, b) ((T##v)(((u64v)(m) & (u64v)(a)) | (~(u64v)(m) & (u64v)(b))))

#define X_EACH1(name, T, e)                                                                        \
    X_VECTOR(name, v128_in a_)                                                                     \
    {                                                                                              \
        T##v a = (T##v)a_;                                                                         \
        return (v128)(e);                                                                          \
    }
#define X_EACH2(name, T, e)                                                                        \
    X_VECTOR(name, v128_in a_, v128_in b_)                                                         \
    {                                                                                              \
        T##v a = (T##v)a_, b = (T##v)b_;                                                           \
        return (v128)(e);                                                                          \
    }
#define X_EACH3(name, T, e)                                                                        \
    X_VECTOR(name, v128_in a_, v128_in b_, v128_in c_)                                             \
    {                                                                                              \
        T##v a = (T##v)a_, b = (T##v)b_, c = (T##v)c_;                                             \
        return (v128)(e);                                                                          \
    }
#define X_COMPARE(name, T, U, op) X_EACH2(name, T, a op b)
#define X_SHIFT(name, T, bits, op)                                                                 \
    X_VECTOR(name, v128_in a_, u32 n)                                                              \
    {                                                                                              \
        T count = (T)(n % (bits));                                                                 \
        return (v128)((T##v)a_ op count);                                                          \
    }
#define X_SPLAT(name, T, from)                                                                     \
    X_VECTOR(name, from a)                                                                         \
    {                                                                                              \
        return (v128)((T##v){0} + (T)a);                                                           \
    }
#define X_EXTRACT(name, T, to)                                                                     \
    X to x_##name(v128_in a_, u32 lane)                                                            \
    {                                                                                              \
        return (to)((T##v)a_)[lane];                                                               \
    }
#define X_REPLACE(name, T, from)                                                                   \
    X_VECTOR(name, v128_in a_, from x, u32 lane)                                                   \
    {                                                                                              \
        T##v r = (T##v)a_;                                                                         \
        r[lane] = (T)x;                                                                            \
        return (v128)r;                                                                            \
    }
#define X_ALL_TRUE(name, T)                                                                        \
    X u32 x_##name(v128_in a_)                                                                     \
    {                                                                                              \
        u64v zeros = (u64v)((T##v)a_ == 0);                                                        \
        return (zeros[0] | zeros[1]) == 0;                                                         \
    }
#define X_BUILTIN1(name, builtin, from)                                                            \
    X_VECTOR(name, v128_in a)                                                                      \
    {                                                                                              \
        return (v128)__builtin_ia32_##builtin((from)a);                                            \
    }
#define X_BUILTIN2(name, builtin, from)                                                            \
    X_VECTOR(name, v128_in a, v128_in b)                                                           \
    {                                                                                              \
        return (v128)__builtin_ia32_##builtin((from)a, (from)b);                                   \
    }

#endif

#ifdef X_SSE2 /* the types that its instructions are declared with */
typedef char c8v __attribute__((vector_size(16)));
typedef long long q64v __attribute__((vector_size(16)));
#endif

/* ---- constants, whole vectors ---- */

#ifdef __TINYC__
X void x_v128_const(v128 *r, u64 low, u64 high)
{
    r->lanes[0] = low;
    r->lanes[1] = high;
}
#else
X v128 x_v128_const(u64 low, u64 high)
{
    return (v128){low, high};
}
#endif

X_EACH1(v128_not, u64, ~a)
X_EACH2(v128_and, u64, (a & b))
X_EACH2(v128_andnot, u64, a & ~b)
X_EACH2(v128_or, u64, a | b)
X_EACH2(v128_xor, u64, a ^ b)
X_EACH3(v128_bitselect, u64, (a & c) | (b & ~c))

X u32 x_v128_any_true(v128_in a_)
{
    X_IN(a);
    return (a->u64[0] | a->u64[1]) != 0;
}

/* ---- bytes from anywhere ---- */

/*
 * x_i8x16_shuffle takes sixteen numbers of bytes; of x_shuffle16, 32 and 64 they are those of whole
 * lanes of that many bits, and of x_shuffle_any such that no few instructions of the first
 * processors do it: there, a later instruction does where there is one, which is asked at run time.
 */
#ifdef __TINYC__
/* Lanes of the result, eight of the sixteen numbers in each half. */
X void x_shuffle(v128 *r_, v128_in a_, v128_in b_, u64 low, u64 high)
{
    X_IN(a);
    X_IN(b);
    lanes r;

    X_FOR(16)
    {
        u32 from = (u32)((i < 8 ? low : high) >> (8 * (i & 7))) & 31;

        r.u8[i] = from < 16 ? a->u8[from] : b->u8[from - 16];
    }
    X_GIVE(r);
}
#define X_PACK(a, b, c, d, e, f, g, h)                                                             \
    ((u64)(a) | (u64)(b) << 8 | (u64)(c) << 16 | (u64)(d) << 24 | (u64)(e) << 32 |                 \
     (u64)(f) << 40 | (u64)(g) << 48 | (u64)(h) << 56)
#define x_i8x16_shuffle(r, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, s)                   \
    x_shuffle(r, a, b, X_PACK(c, d, e, f, g, h, i, j), X_PACK(k, l, m, n, o, p, q, s))
#define x_shuffle_any x_i8x16_shuffle
#define x_shuffle16 x_i8x16_shuffle
#define x_shuffle32 x_i8x16_shuffle
#define x_shuffle64 x_i8x16_shuffle
#else
#define X_SHUFFLE(T, a, b, ...) ((v128)__builtin_shufflevector((T##v)(a), (T##v)(b), __VA_ARGS__))
#define x_i8x16_shuffle(a, b, ...) X_SHUFFLE(u8, a, b, __VA_ARGS__)
#define x_shuffle16(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, s)                          \
    X_SHUFFLE(u16, a, b, (c) / 2, (e) / 2, (g) / 2, (i) / 2, (k) / 2, (m) / 2, (o) / 2, (q) / 2)
#define x_shuffle32(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, s)                          \
    X_SHUFFLE(u32, a, b, (c) / 4, (g) / 4, (k) / 4, (o) / 4)
#define x_shuffle64(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, s)                          \
    X_SHUFFLE(u64, a, b, (c) / 8, (k) / 8)
#ifndef X_SSE2
#define x_shuffle_any x_i8x16_shuffle
#endif
#endif

#ifdef X_SSE2
/*
 * Zero where the number's highest bit is set; else the byte that its lowest four bits say. As
 * assembly, since only a function for later processors may have it otherwise, and that is a call.
 */
X v128 x_pick_bytes(v128 a, v128 from)
{
    __asm__("pshufb %1, %0" : "+x"(a) : "x"(from));
    return a;
}
#define X_HAS_PICK __builtin_cpu_supports("ssse3")

X_OUTLINE(shuffle_slowly, v128 a_, v128 b_, u8v from)
{
    X_IN(a);
    X_IN(b);
    lanes r;

    for (int i = 0; i < 16; i++)
        r.u8[i] = from[i] < 16 ? a->u8[from[i]] : b->u8[from[i] - 16];
    X_GIVE(r);
}
X v128 x_shuffle_bytes(v128 a, v128 b, u8v from)
{
    if (!X_HAS_PICK)
        return x_shuffle_slowly(a, b, from);
    return x_pick_bytes(a, (v128)(from | (u8v)(from > 15))) |
           x_pick_bytes(b, (v128)((from ^ 16) | (u8v)(from < 16)));
}
#define x_shuffle_any(a, b, ...) x_shuffle_bytes(a, b, (u8v){__VA_ARGS__})
#endif

X_OUTLINE(swizzle_slowly, v128_in a_, v128_in b_)
{
    X_IN(a);
    X_IN(b);
    lanes r;

    for (int i = 0; i < 16; i++)
        r.u8[i] = b->u8[i] < 16 ? a->u8[b->u8[i] & 15] : 0;
    X_GIVE(r);
}
X_VECTOR(i8x16_swizzle, v128_in a, v128_in b)
{
#ifdef X_SSE2
    if (X_HAS_PICK)
        return x_pick_bytes(a, (v128)__builtin_ia32_paddusb128((c8v)b, (c8v)((u8v){0} + 0x70)));
#endif
    X_PASS(swizzle_slowly, a, b);
}

#include "wasm_guest_accesses_internal.h"
#include "wasm_guest_floats_internal.h"
#include "wasm_guest_integers_internal.h"

#endif
