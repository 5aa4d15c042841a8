/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_GUEST_INTEGERS_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_GUEST_INTEGERS_INTERNAL_H

/* Operations on vectors of integers; part of wasm_guest_v128_internal.h, which says how. */

#include "wasm_guest_v128_internal.h"

/* ---- of every width ---- */

#define X_INTEGERS(shape, bits)                                                                    \
    X_EACH1(shape##_abs, s##bits, (a ^ (a >> (bits - 1))) - (a >> (bits - 1)))                     \
    X_EACH1(shape##_neg, u##bits, -a)                                                              \
    X_EACH2(shape##_add, u##bits, a + b)                                                           \
    X_EACH2(shape##_sub, u##bits, a - b)                                                           \
    X_SHIFT(shape##_shl, u##bits, bits, <<)                                                        \
    X_SHIFT(shape##_shr_s, s##bits, bits, >>)                                                      \
    X_SHIFT(shape##_shr_u, u##bits, bits, >>)                                                      \
    X_COMPARE(shape##_lt_s, s##bits, u##bits, <)                                                   \
    X_COMPARE(shape##_gt_s, s##bits, u##bits, >)                                                   \
    X_COMPARE(shape##_le_s, s##bits, u##bits, <=)                                                  \
    X_COMPARE(shape##_ge_s, s##bits, u##bits, >=)                                                  \
    X_ALL_TRUE(shape##_all_true, u##bits)
X_INTEGERS(i8x16, 8)
X_INTEGERS(i16x8, 16)
X_INTEGERS(i32x4, 32)
X_INTEGERS(i64x2, 64)

#define X_EQUAL(shape, bits)                                                                       \
    X_COMPARE(shape##_eq, u##bits, u##bits, ==)                                                    \
    X_COMPARE(shape##_ne, u##bits, u##bits, !=)
X_EQUAL(i8x16, 8)
X_EQUAL(i16x8, 16)
X_EQUAL(i32x4, 32)
#ifdef X_SSE2 /* both halves */
X v128 x_i64x2_eq(v128 a, v128 b)
{
    v128 halves = x_i32x4_eq(a, b);

    return halves & (v128)__builtin_shufflevector((u32v)halves, (u32v)halves, 1, 0, 3, 2);
}
X v128 x_i64x2_ne(v128 a, v128 b)
{
    return ~x_i64x2_eq(a, b);
}
#else
X_EQUAL(i64x2, 64)
#endif

#define X_UNSIGNED(shape, bits)                                                                    \
    X_COMPARE(shape##_lt_u, u##bits, u##bits, <)                                                   \
    X_COMPARE(shape##_gt_u, u##bits, u##bits, >)                                                   \
    X_COMPARE(shape##_le_u, u##bits, u##bits, <=)                                                  \
    X_COMPARE(shape##_ge_u, u##bits, u##bits, >=)
X_UNSIGNED(i8x16, 8)
X_UNSIGNED(i16x8, 16)
X_UNSIGNED(i32x4, 32)

#define X_LEAST_SIGNED(shape, bits)                                                                \
    X_EACH2(shape##_min_s, s##bits, X_PICK(s##bits, a < b, a, b))                                  \
    X_EACH2(shape##_max_s, s##bits, X_PICK(s##bits, a > b, a, b))
#define X_LEAST_UNSIGNED(shape, bits)                                                              \
    X_EACH2(shape##_min_u, u##bits, X_PICK(u##bits, a < b, a, b))                                  \
    X_EACH2(shape##_max_u, u##bits, X_PICK(u##bits, a > b, a, b))
X_LEAST_SIGNED(i8x16, 8)
X_LEAST_UNSIGNED(i16x8, 16)
X_LEAST_SIGNED(i32x4, 32)
X_LEAST_UNSIGNED(i32x4, 32)
#ifdef X_SSE2
X_BUILTIN2(i8x16_min_u, pminub128, c8v)
X_BUILTIN2(i8x16_max_u, pmaxub128, c8v)
X_BUILTIN2(i16x8_min_s, pminsw128, s16v)
X_BUILTIN2(i16x8_max_s, pmaxsw128, s16v)
#else
X_LEAST_UNSIGNED(i8x16, 8)
X_LEAST_SIGNED(i16x8, 16)
#endif

X_EACH2(i16x8_mul, u16, (a * b))
X_EACH2(i32x4_mul, u32, (a * b))
X_EACH2(i64x2_mul, u64, (a * b))

/* ---- lanes ---- */

X_SPLAT(i8x16_splat, u8, u32)
X_SPLAT(i16x8_splat, u16, u32)
X_SPLAT(i32x4_splat, u32, u32)
X_SPLAT(i64x2_splat, u64, u64)
X_EXTRACT(i8x16_extract_lane_s, s8, u32)
X_EXTRACT(i8x16_extract_lane_u, u8, u32)
X_EXTRACT(i16x8_extract_lane_s, s16, u32)
X_EXTRACT(i16x8_extract_lane_u, u16, u32)
X_EXTRACT(i32x4_extract_lane, u32, u32)
X_EXTRACT(i64x2_extract_lane, u64, u64)
X_REPLACE(i8x16_replace_lane, u8, u32)
X_REPLACE(i16x8_replace_lane, u16, u32)
X_REPLACE(i32x4_replace_lane, u32, u32)
X_REPLACE(i64x2_replace_lane, u64, u64)

#ifdef X_SSE2
X u32 x_i8x16_bitmask(v128_in a)
{
    return (u32)__builtin_ia32_pmovmskb128((c8v)a);
}
X u32 x_i16x8_bitmask(v128_in a)
{
    return (u32)__builtin_ia32_pmovmskb128(__builtin_ia32_packsswb128((s16v)a, (s16v){0}));
}
X u32 x_i32x4_bitmask(v128_in a)
{
    return (u32)__builtin_ia32_movmskps((f32v)a);
}
X u32 x_i64x2_bitmask(v128_in a)
{
    return (u32)__builtin_ia32_movmskpd((f64v)a);
}
#else
#define X_BITMASK(name, T)                                                                         \
    X u32 x_##name(v128_in a_)                                                                     \
    {                                                                                              \
        X_IN(a);                                                                                   \
        u32 mask = 0;                                                                              \
                                                                                                   \
        X_FOR(X_LANES_OF(T))                                                                       \
        {                                                                                          \
            mask |= (u32)(a->T[i] < 0) << i;                                                       \
        }                                                                                          \
        return mask;                                                                               \
    }
X_BITMASK(i8x16_bitmask, s8)
X_BITMASK(i16x8_bitmask, s16)
X_BITMASK(i32x4_bitmask, s32)
X_BITMASK(i64x2_bitmask, s64)
#endif

/* ---- what stays in its range, averages, counts ---- */

#ifdef X_SSE2
#define X_SATURATING(shape, letter, of)                                                            \
    X_BUILTIN2(shape##_add_sat_s, padds##letter##128, of)                                          \
    X_BUILTIN2(shape##_add_sat_u, paddus##letter##128, of)                                         \
    X_BUILTIN2(shape##_sub_sat_s, psubs##letter##128, of)                                          \
    X_BUILTIN2(shape##_sub_sat_u, psubus##letter##128, of)                                         \
    X_BUILTIN2(shape##_avgr_u, pavg##letter##128, of)
X_SATURATING(i8x16, b, c8v)
X_SATURATING(i16x8, w, s16v)
#else
/* A sum overflows when both operands have the other sign; a difference, when they differ in it. */
#define X_SATURATING(shape, bits, most)                                                            \
    X_EACH2(shape##_add_sat_s, s##bits,                                                            \
            X_PICK(s##bits, ((a ^ X_AS(s##bits, a + b)) & (b ^ X_AS(s##bits, a + b))) < 0,         \
                   (a >> (bits - 1)) ^ (most), X_AS(s##bits, a + b)))                              \
    X_EACH2(shape##_sub_sat_s, s##bits,                                                            \
            X_PICK(s##bits, ((a ^ b) & (a ^ X_AS(s##bits, a - b))) < 0,                            \
                   (a >> (bits - 1)) ^ (most), X_AS(s##bits, a - b)))                              \
    X_EACH2(shape##_add_sat_u, u##bits,                                                            \
            X_AS(u##bits, a + b) | X_MASK(u##bits, X_AS(u##bits, a + b) < a))                      \
    X_EACH2(shape##_sub_sat_u, u##bits, X_AS(u##bits, a - b) & X_MASK(u##bits, a > b))             \
    X_EACH2(shape##_avgr_u, u##bits, (a | b) - ((a ^ b) >> 1))
X_SATURATING(i8x16, 8, 0x7f)
X_SATURATING(i16x8, 16, 0x7fff)
#endif

/* In fields of two, four and eight bits. */
#ifdef __TINYC__
X_EACH1(i8x16_popcnt, u8, x_popcnt32(a))
#else
X_EACH1(popcnt2, u8, a - ((a >> 1) & 0x55))
X_EACH1(popcnt4, u8, (a & 0x33) + ((a >> 2) & 0x33))
X_EACH1(popcnt8, u8, (a + (a >> 4)) & 0x0f)
X_VECTOR(i8x16_popcnt, v128_in a)
{
    return x_popcnt8(x_popcnt4(x_popcnt2(a)));
}
#endif

/* Only -1 times itself leaves the range, and comes out as 0x8000. */
#ifdef X_SSE2
X_VECTOR(i16x8_q15mulr_sat_s, v128_in a, v128_in b)
{
    u16v high = (u16v)__builtin_ia32_pmulhw128((s16v)a, (s16v)b);
    u16v low = (u16v)a * (u16v)b;
    u16v r = (high << 1 | low >> 15) + ((low >> 14) & 1);

    return (v128)(r ^ (u16v)(r == 0x8000));
}
#else
X_VECTOR(i16x8_q15mulr_sat_s, v128_in a_, v128_in b_)
{
    X_IN(a);
    X_IN(b);
    lanes r;

    X_FOR(8)
    {
        s32 product = (a->s16[i] * b->s16[i] + 0x4000) >> 15;

        r.s16[i] = (s16)(product > 0x7fff ? 0x7fff : product);
    }
    X_GIVE(r);
}
#endif

/* ---- other widths ---- */

#define X_NARROW(name, from, to, count, least, most)                                               \
    X_VECTOR(name, v128_in a_, v128_in b_)                                                         \
    {                                                                                              \
        X_IN(a);                                                                                   \
        X_IN(b);                                                                                   \
        lanes r;                                                                                   \
                                                                                                   \
        X_FOR(2 * (count))                                                                         \
        {                                                                                          \
            s32 x = i < (count) ? a->from[i % (count)] : b->from[i % (count)];                     \
                                                                                                   \
            r.to[i] = (to)(x < (least) ? (least) : x > (most) ? (most) : x);                       \
        }                                                                                          \
        X_GIVE(r);                                                                                 \
    }
#ifdef X_SSE2
X_BUILTIN2(i8x16_narrow_i16x8_s, packsswb128, s16v)
X_BUILTIN2(i8x16_narrow_i16x8_u, packuswb128, s16v)
X_BUILTIN2(i16x8_narrow_i32x4_s, packssdw128, s32v)
/* Moved down so that the range is a signed one, and up again. */
X_VECTOR(i16x8_narrow_i32x4_u, v128_in a, v128_in b)
{
    s32v x = ((s32v)a & ~((s32v)a >> 31)) - 0x8000, y = ((s32v)b & ~((s32v)b >> 31)) - 0x8000;

    return (v128)((u16v)__builtin_ia32_packssdw128(x, y) ^ 0x8000);
}
#else
X_NARROW(i8x16_narrow_i16x8_s, s16, s8, 8, -0x80, 0x7f)
X_NARROW(i8x16_narrow_i16x8_u, s16, u8, 8, 0, 0xff)
X_NARROW(i16x8_narrow_i32x4_s, s32, s16, 4, -0x8000, 0x7fff)
X_NARROW(i16x8_narrow_i32x4_u, s32, u16, 4, 0, 0xffff)
#endif

#define X_LOW8 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define X_HIGH8 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define X_LOW16 0, 8, 1, 9, 2, 10, 3, 11
#define X_HIGH16 4, 12, 5, 13, 6, 14, 7, 15
#define X_LOW32 0, 4, 1, 5
#define X_HIGH32 2, 6, 3, 7

#ifdef __TINYC__
/* half: the first lane that is taken. */
#define X_EXTEND(name, from, to, half)                                                             \
    X_VECTOR(name, v128_in a_)                                                                     \
    {                                                                                              \
        lanes a = *(const lanes *)a_;                                                              \
                                                                                                   \
        X_FOR(X_LANES_OF(to))                                                                      \
        {                                                                                          \
            ((to *)r_)[i] = a.from[i + (half)];                                                    \
        }                                                                                          \
    }
#define X_EXTMUL(name, from, to, half)                                                             \
    X_VECTOR(name, v128_in a_, v128_in b_)                                                         \
    {                                                                                              \
        lanes a = *(const lanes *)a_, b = *(const lanes *)b_;                                      \
                                                                                                   \
        X_FOR(X_LANES_OF(to))                                                                      \
        {                                                                                          \
            ((to *)r_)[i] = (to)a.from[i + (half)] * (to)b.from[i + (half)];                       \
        }                                                                                          \
    }
#define X_WIDER(to, from, bits, wide, low, high)                                                   \
    X_EXTEND(to##_extend_low_##from##_s, s##bits, s##wide, 0)                                      \
    X_EXTEND(to##_extend_low_##from##_u, u##bits, u##wide, 0)                                      \
    X_EXTEND(to##_extend_high_##from##_s, s##bits, s##wide, 64 / bits)                             \
    X_EXTEND(to##_extend_high_##from##_u, u##bits, u##wide, 64 / bits)                             \
    X_EXTMUL(to##_extmul_low_##from##_s, s##bits, s##wide, 0)                                      \
    X_EXTMUL(to##_extmul_low_##from##_u, u##bits, u##wide, 0)                                      \
    X_EXTMUL(to##_extmul_high_##from##_s, s##bits, s##wide, 64 / bits)                             \
    X_EXTMUL(to##_extmul_high_##from##_u, u##bits, u##wide, 64 / bits)
#else
/* Each lane with its upper half behind it: copies of the sign, or zero. */
#define X_EXTEND(name, T, upper, ...)                                                              \
    X_VECTOR(name, v128_in a_)                                                                     \
    {                                                                                              \
        T##v a = (T##v)a_;                                                                         \
        return (v128)__builtin_shufflevector(a, (T##v)(upper), __VA_ARGS__);                       \
    }
#define X_WIDER(to, from, bits, wide, low, high)                                                   \
    X_EXTEND(to##_extend_low_##from##_s, s##bits, a < 0, low)                                      \
    X_EXTEND(to##_extend_low_##from##_u, u##bits, a ^ a, low)                                      \
    X_EXTEND(to##_extend_high_##from##_s, s##bits, a < 0, high)                                    \
    X_EXTEND(to##_extend_high_##from##_u, u##bits, a ^ a, high)
#endif
X_WIDER(i16x8, i8x16, 8, 16, X_LOW8, X_HIGH8)
X_WIDER(i32x4, i16x8, 16, 32, X_LOW16, X_HIGH16)
X_WIDER(i64x2, i32x4, 32, 64, X_LOW32, X_HIGH32)

#ifndef __TINYC__
#define X_EXTMUL(to, from, mul)                                                                    \
    X_VECTOR(to##_extmul_##from, v128_in a, v128_in b)                                             \
    {                                                                                              \
        return mul(x_##to##_extend_##from(a), x_##to##_extend_##from(b));                          \
    }
#define X_EXTMULS(to, from, sign, mul)                                                             \
    X_EXTMUL(to, low_##from##_##sign, mul)                                                         \
    X_EXTMUL(to, high_##from##_##sign, mul)
X_EXTMULS(i16x8, i8x16, s, x_i16x8_mul)
X_EXTMULS(i16x8, i8x16, u, x_i16x8_mul)
X_EXTMULS(i64x2, i32x4, s, x_i64x2_mul)
#ifdef X_SSE2
X_BUILTIN2(multiply_even, pmuludq128, s32v)
X_EXTMULS(i64x2, i32x4, u, x_multiply_even)

/* The halves of all products, side by side. */
#define X_EXTMUL16(name, high, ...)                                                                \
    X_VECTOR(i32x4_extmul_##name, v128_in a, v128_in b)                                            \
    {                                                                                              \
        s16v lower = (s16v)x_i16x8_mul(a, b);                                                      \
        s16v upper = __builtin_ia32_##high((s16v)a, (s16v)b);                                      \
        return (v128)__builtin_shufflevector(lower, upper, __VA_ARGS__);                           \
    }
X_EXTMUL16(low_i16x8_s, pmulhw128, X_LOW16)
X_EXTMUL16(low_i16x8_u, pmulhuw128, X_LOW16)
X_EXTMUL16(high_i16x8_s, pmulhw128, X_HIGH16)
X_EXTMUL16(high_i16x8_u, pmulhuw128, X_HIGH16)
#else
X_EXTMULS(i64x2, i32x4, u, x_i64x2_mul)
X_EXTMULS(i32x4, i16x8, s, x_i32x4_mul)
X_EXTMULS(i32x4, i16x8, u, x_i32x4_mul)
#endif
#endif

X_EACH1(i16x8_extadd_pairwise_i8x16_s, s16, (a >> 8) + (X_AS(s16, a << 8) >> 8))
X_EACH1(i16x8_extadd_pairwise_i8x16_u, u16, (a >> 8) + (a & 0xff))
X_EACH1(i32x4_extadd_pairwise_i16x8_s, s32, (a >> 16) + (X_AS(s32, a << 16) >> 16))
X_EACH1(i32x4_extadd_pairwise_i16x8_u, u32, (a >> 16) + (a & 0xffff))

#ifdef X_SSE2
X_BUILTIN2(i32x4_dot_i16x8_s, pmaddwd128, s16v)
#else
X_EACH2(i32x4_dot_i16x8_s, u32,
        (X_AS(u32, X_AS(s32, a) >> 16) * X_AS(u32, X_AS(s32, b) >> 16)) +
            (X_AS(u32, X_AS(s32, a << 16) >> 16) * X_AS(u32, X_AS(s32, b << 16) >> 16)))
#endif

#endif
