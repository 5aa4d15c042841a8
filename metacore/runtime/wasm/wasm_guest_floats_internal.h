/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_GUEST_FLOATS_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_GUEST_FLOATS_INTERNAL_H

/* Operations on vectors of floating point; part of wasm_guest_v128_internal.h, which says how. */

#include "wasm_guest_v128_internal.h"

/* ---- lanes: moved as bits, so that what is no number stays what it is ---- */

#ifdef __TINYC__
X_SPLAT(f32x4_splat, f32, f32)
X_SPLAT(f64x2_splat, f64, f64)
#else
X v128 x_f32x4_splat(f32 a)
{
    return (v128)(f32v){a, a, a, a};
}
X v128 x_f64x2_splat(f64 a)
{
    return (v128)(f64v){a, a};
}
#endif
X_EXTRACT(f32x4_extract_lane, f32, f32)
X_EXTRACT(f64x2_extract_lane, f64, f64)
X_REPLACE(f32x4_replace_lane, f32, f32)
X_REPLACE(f64x2_replace_lane, f64, f64)

/* ---- of either width ---- */

#define X_FLOATING(shape, T, U, sign)                                                              \
    X_EACH1(shape##_abs, U, a & ~(sign))                                                           \
    X_EACH1(shape##_neg, U, a ^ (sign))                                                            \
    X_EACH2(shape##_add, T, a + b)                                                                 \
    X_EACH2(shape##_sub, T, a - b)                                                                 \
    X_EACH2(shape##_mul, T, (a * b))                                                               \
    X_EACH2(shape##_div, T, a / b)                                                                 \
    X_COMPARE(shape##_eq, T, U, ==)                                                                \
    X_COMPARE(shape##_ne, T, U, !=)                                                                \
    X_COMPARE(shape##_lt, T, U, <)                                                                 \
    X_COMPARE(shape##_gt, T, U, >)                                                                 \
    X_COMPARE(shape##_le, T, U, <=)                                                                \
    X_COMPARE(shape##_ge, T, U, >=)
X_FLOATING(f32x4, f32, u32, 0x80000000u)
X_FLOATING(f64x2, f64, u64, 0x8000000000000000ull)

/* What the processor calls minimum, operands exchanged: the second operand when none is less. */
#ifdef X_SSE2
#define X_PSEUDO(name, builtin, T)                                                                 \
    X_VECTOR(name, v128_in a, v128_in b)                                                           \
    {                                                                                              \
        return (v128)__builtin_ia32_##builtin((T##v)b, (T##v)a);                                   \
    }
X_PSEUDO(f32x4_pmin, minps, f32)
X_PSEUDO(f32x4_pmax, maxps, f32)
X_PSEUDO(f64x2_pmin, minpd, f64)
X_PSEUDO(f64x2_pmax, maxpd, f64)
#elif defined(__TINYC__)
/* As bits: an assignment must not make what is no number quiet. */
#define X_PSEUDO(name, T, U, first)                                                                \
    X_VECTOR(name, v128_in a_, v128_in b_)                                                         \
    {                                                                                              \
        X_FOR(X_LANES_OF(T))                                                                       \
        {                                                                                          \
            T a = ((const T *)a_)[i], b = ((const T *)b_)[i];                                      \
            ((U *)r_)[i] = (first) ? ((const U *)b_)[i] : ((const U *)a_)[i];                      \
        }                                                                                          \
    }
X_PSEUDO(f32x4_pmin, f32, u32, b < a)
X_PSEUDO(f32x4_pmax, f32, u32, a < b)
X_PSEUDO(f64x2_pmin, f64, u64, b < a)
X_PSEUDO(f64x2_pmax, f64, u64, a < b)
#else
X_EACH2(f32x4_pmin, f32, X_PICK(f32, b < a, b, a))
X_EACH2(f32x4_pmax, f32, X_PICK(f32, a < b, b, a))
X_EACH2(f64x2_pmin, f64, X_PICK(f64, b < a, b, a))
X_EACH2(f64x2_pmax, f64, X_PICK(f64, a < b, b, a))
#endif

#ifdef __TINYC__
#define X_ROUNDED(shape, T, U, big, unquiet)                                                       \
    X_EACH2(shape##_min, T, x_min_##T(a, b))                                                       \
    X_EACH2(shape##_max, T, x_max_##T(a, b))                                                       \
    X_EACH1(shape##_nearest, T, x_nearest_##T(a))                                                  \
    X_EACH1(shape##_floor, T, x_floor_##T(a))                                                      \
    X_EACH1(shape##_ceil, T, x_ceil_##T(a))                                                        \
    X_EACH1(shape##_trunc, T, x_trunc_##T(a))                                                      \
    X_EACH1(shape##_sqrt, T, x_sqrt_##T(a))
#else
#ifdef X_SSE2
X_BUILTIN2(f32x4_unordered, cmpunordps, f32v)
X_BUILTIN2(f64x2_unordered, cmpunordpd, f64v)
#else
X_EACH2(f32x4_unordered, f32, (a != a) | (b != b))
X_EACH2(f64x2_unordered, f64, (a != a) | (b != b))
#endif

/*
 * Both orders of an asymmetric minimum agree but on zeros, of which the one with a sign is less,
 * and where an operand is no number: all ones there, less what is to the right of the quiet bit.
 *
 * Rounding: below big, the smallest number that has no fraction after it, adding big leaves none
 * of a magnitude; floor, ceil and trunc go back by one when that went too far. From big on there
 * is nothing to round, and adding zero makes what is no number quiet.
 */
#define X_ROUNDED(shape, T, U, big, unquiet)                                                       \
    X v128 x_##shape##_or_none(v128 r, v128 a, v128 b)                                             \
    {                                                                                              \
        U##v none = (U##v)x_##shape##_unordered(a, b);                                             \
        return (v128)(((U##v)r | none) & ~(none >> (unquiet)));                                    \
    }                                                                                              \
    X v128 x_##shape##_min(v128 a, v128 b)                                                         \
    {                                                                                              \
        return x_##shape##_or_none(x_##shape##_pmin(a, b) | x_##shape##_pmin(b, a), a, b);         \
    }                                                                                              \
    X v128 x_##shape##_max(v128 a, v128 b)                                                         \
    {                                                                                              \
        return x_##shape##_or_none(x_##shape##_pmax(a, b) & x_##shape##_pmax(b, a), a, b);         \
    }                                                                                              \
    X v128 x_##shape##_rounded(v128 a_, v128 r)                                                    \
    {                                                                                              \
        T##v size = (T##v)x_##shape##_abs(a_);                                                     \
        v128 signs = a_ ^ (v128)size;                                                              \
        return (v128)X_PICK(T, size < (big), r | signs, (T##v)a_ + (T)0);                          \
    }                                                                                              \
    X v128 x_##shape##_near(v128 a_)                                                               \
    {                                                                                              \
        T##v size = (T##v)x_##shape##_abs(a_);                                                     \
        return (v128)((size + (big)) - (big)) | (a_ ^ (v128)size);                                 \
    }                                                                                              \
    X v128 x_##shape##_one_if(v128 mask)                                                           \
    {                                                                                              \
        return mask & x_##shape##_splat((T)1);                                                     \
    }                                                                                              \
    X v128 x_##shape##_nearest(v128 a)                                                             \
    {                                                                                              \
        return x_##shape##_rounded(a, x_##shape##_near(a));                                        \
    }                                                                                              \
    X v128 x_##shape##_floor(v128 a)                                                               \
    {                                                                                              \
        v128 r = x_##shape##_near(a);                                                              \
        return x_##shape##_rounded(a,                                                              \
                                   x_##shape##_sub(r, x_##shape##_one_if(x_##shape##_gt(r, a))));  \
    }                                                                                              \
    X v128 x_##shape##_ceil(v128 a)                                                                \
    {                                                                                              \
        v128 r = x_##shape##_near(a);                                                              \
        return x_##shape##_rounded(a,                                                              \
                                   x_##shape##_add(r, x_##shape##_one_if(x_##shape##_lt(r, a))));  \
    }                                                                                              \
    X v128 x_##shape##_trunc(v128 a)                                                               \
    {                                                                                              \
        v128 size = x_##shape##_abs(a), r = x_##shape##_near(size);                                \
        return x_##shape##_rounded(                                                                \
            a, x_##shape##_sub(r, x_##shape##_one_if(x_##shape##_gt(r, size))));                   \
    }
#endif
X_ROUNDED(f32x4, f32, u32, 0x1p23f, 10)
X_ROUNDED(f64x2, f64, u64, 0x1p52, 13)

#ifdef X_SSE2
X_BUILTIN1(f32x4_sqrt, sqrtps, f32v)
X_BUILTIN1(f64x2_sqrt, sqrtpd, f64v)
#elif !defined(__TINYC__)
#define X_ROOTS(shape, T)                                                                          \
    X_VECTOR(shape##_sqrt, v128_in a_)                                                             \
    {                                                                                              \
        X_IN(a);                                                                                   \
        lanes r;                                                                                   \
                                                                                                   \
        X_FOR(X_LANES_OF(T))                                                                       \
        {                                                                                          \
            r.T[i] = x_sqrt_##T(a->T[i]);                                                          \
        }                                                                                          \
        X_GIVE(r);                                                                                 \
    }
X_ROOTS(f32x4, f32)
X_ROOTS(f64x2, f64)
#endif

/* ---- to integers and back ---- */

#ifdef __TINYC__
#define X_CONVERT(name, from, to, e)                                                               \
    X_VECTOR(name, v128_in a_)                                                                     \
    {                                                                                              \
        X_FOR(4)                                                                                   \
        {                                                                                          \
            from a = ((const from *)a_)[i];                                                        \
            ((to *)r_)[i] = (e);                                                                   \
        }                                                                                          \
    }
X_CONVERT(i32x4_trunc_sat_f32x4_s, f32, u32, x_sat_s32_f32(a))
X_CONVERT(i32x4_trunc_sat_f32x4_u, f32, u32, x_sat_u32_f32(a))
X_CONVERT(f32x4_convert_i32x4_s, s32, f32, (f32)a)
X_CONVERT(f32x4_convert_i32x4_u, u32, f32, (f32)a)
#else
#ifdef X_SSE2
/* Of what does not fit the processor makes the least, which is wrong for what is above only. */
X v128 x_i32x4_trunc_sat_f32x4_s(v128 a_)
{
    f32v a = (f32v)(a_ & (v128)((f32v)a_ == (f32v)a_));

    return (v128)(__builtin_ia32_cvttps2dq(a) ^ (a >= 0x1p31f));
}
#else
/* Only what fits is converted; the rest is zero there, and becomes the nearest that fits. */
X v128 x_i32x4_trunc_sat_f32x4_s(v128 a_)
{
    f32v a = (f32v)a_;
    s32v fits = (a >= -0x1p31f) & (a < 0x1p31f), above = a >= 0x1p31f, below = a < -0x1p31f;
    s32v r = __builtin_convertvector((f32v)(fits & (s32v)a_), s32v);

    return (v128)(r | (above & 0x7fffffff) | (below & (-0x7fffffff - 1)));
}
#endif
X v128 x_i32x4_trunc_sat_f32x4_u(v128 a_)
{
    f32v a = (f32v)a_;
    s32v fits = (a > 0) & (a < 0x1p32f), above = a >= 0x1p32f;
    u32v r = __builtin_convertvector((f32v)(fits & (s32v)a_), u32v);

    return (v128)(r | (u32v)above);
}
X v128 x_f32x4_convert_i32x4_s(v128 a)
{
    return (v128) __builtin_convertvector((s32v)a, f32v);
}
X v128 x_f32x4_convert_i32x4_u(v128 a)
{
    return (v128) __builtin_convertvector((u32v)a, f32v);
}
#endif

/* Two lanes, the lower ones of the wider count; what is left is zero. */
#define X_TWO(name, from, to, e)                                                                   \
    X_VECTOR(name, v128_in a_)                                                                     \
    {                                                                                              \
        X_IN(a);                                                                                   \
        lanes r;                                                                                   \
                                                                                                   \
        r.u64[1] = 0;                                                                              \
        X_FOR(2)                                                                                   \
        {                                                                                          \
            from x = a->from[i];                                                                   \
            r.to[i] = (e);                                                                         \
        }                                                                                          \
        X_GIVE(r);                                                                                 \
    }
#ifdef X_SSE2
X_BUILTIN1(f64x2_convert_low_i32x4_s, cvtdq2pd, s32v)
X_BUILTIN1(f32x4_demote_f64x2_zero, cvtpd2ps, f64v)
X_BUILTIN1(f64x2_promote_low_f32x4, cvtps2pd, f32v)
/* The upper half of the range goes less its top bit, as the processor knows no unsigned numbers. */
X v128 x_i32x4_trunc_sat_f64x2_u_zero(v128 a)
{
    f64v top = {0x1p31, 0x1p31}, most = {0xffffffff, 0xffffffff};
    f64v x = __builtin_ia32_minpd(__builtin_ia32_maxpd((f64v)a, (f64v){0}), most);
    u64v upper = (u64v)(x >= top);
    u32v r = (u32v)__builtin_ia32_cvttpd2dq(x - (f64v)(upper & (u64v)top));

    return (v128)(r ^ __builtin_shufflevector((u32v)upper, (u32v){0}, 0, 2, 4, 5) << 31);
}
X v128 x_i32x4_trunc_sat_f64x2_s_zero(v128 a_)
{
    f64v a = (f64v)(a_ & (v128)((f64v)a_ == (f64v)a_));

    return (v128)__builtin_ia32_cvttpd2dq(__builtin_ia32_minpd(a, (f64v){0x7fffffff, 0x7fffffff}));
}
#else
X_TWO(f64x2_convert_low_i32x4_s, s32, f64, (f64)x)
X_TWO(f32x4_demote_f64x2_zero, f64, f32, (f32)x)
X_TWO(f64x2_promote_low_f32x4, f32, f64, (f64)x)
X_TWO(i32x4_trunc_sat_f64x2_s_zero, f64, u32, x_sat_s32_f64(x))
X_TWO(i32x4_trunc_sat_f64x2_u_zero, f64, u32, x_sat_u32_f64(x))
#endif
X_TWO(f64x2_convert_low_i32x4_u, u32, f64, (f64)x)

#endif
