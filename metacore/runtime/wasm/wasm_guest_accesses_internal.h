/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_GUEST_ACCESSES_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_GUEST_ACCESSES_INTERNAL_H

/* Vectors to and from memory; part of wasm_guest_v128_internal.h, which says how. */

#include "wasm_guest_integers_internal.h"

/* A load that traps is not dead, and a store that traps has written nothing. */
#ifdef __TINYC__
#define X_READ(T)                                                                                  \
    X T x_read_##T(const u8 *at)                                                                   \
    {                                                                                              \
        return *(const T *)at;                                                                     \
    }
#else
#define X_READ(T)                                                                                  \
    X T x_read_##T(const u8 *at)                                                                   \
    {                                                                                              \
        T x;                                                                                       \
        __builtin_memcpy(&x, at, sizeof(x));                                                       \
        __asm__ volatile("" ::"r"(x));                                                             \
        return x;                                                                                  \
    }
#endif
X_READ(u8)
X_READ(u16)
X_READ(u32)
X_READ(u64)

#ifdef __TINYC__
X_VECTOR(v128_load, const u8 *at)
{
    r_->lanes[0] = x_read_u64(at);
    r_->lanes[1] = x_read_u64(at + 8);
}
/* The upper half first: where it fits, the lower one does, too. */
X void x_v128_store(u8 *at, v128_in a)
{
    *(u64 *)(at + 8) = a->lanes[1];
    *(u64 *)at = a->lanes[0];
}
#else
#if defined(__x86_64__) || defined(__aarch64__)
#define X_REGISTER X_FLOAT
#else
#define X_REGISTER "m"
#endif
typedef u64 v128_anywhere __attribute__((vector_size(16), aligned(1), may_alias));

X v128 x_v128_load(const u8 *at)
{
    v128 x = *(const v128_anywhere *)at;
    __asm__ volatile("" ::X_REGISTER(x));
    return x;
}
/* In one piece: the compiler must not store what it was made of. */
X void x_v128_store(u8 *at, v128 a)
{
    __asm__("" : "+" X_REGISTER(a));
    *(v128_anywhere *)at = a;
}
#endif

#define X_LOADS_OF(bits, shape, out)                                                               \
    X_VECTOR(v128_load##bits##_splat, const u8 *at)                                                \
    {                                                                                              \
        X_PASS(shape##_splat, x_read_u##bits(at));                                                 \
    }                                                                                              \
    X_VECTOR(v128_load##bits##_lane, const u8 *at, v128_in a, u32 lane)                            \
    {                                                                                              \
        X_PASS(shape##_replace_lane, a, x_read_u##bits(at), lane);                                 \
    }                                                                                              \
    X void x_v128_store##bits##_lane(u8 *at, v128_in a, u32 lane)                                  \
    {                                                                                              \
        u8 *M = at;                                                                                \
        X_STORE(u##bits, 0, 0, x_##shape##_##out(a, lane));                                        \
    }
X_LOADS_OF(8, i8x16, extract_lane_u)
X_LOADS_OF(16, i16x8, extract_lane_u)
X_LOADS_OF(32, i32x4, extract_lane)
X_LOADS_OF(64, i64x2, extract_lane)

#define X_LOAD_EXTEND(name, extend)                                                                \
    X_VECTOR(v128_load##name, const u8 *at)                                                        \
    {                                                                                              \
        v128 x;                                                                                    \
        V_SET(x, x_v128_const, x_read_u64(at), 0);                                                 \
        X_PASS(extend, V(x));                                                                      \
    }
X_LOAD_EXTEND(8x8_s, i16x8_extend_low_i8x16_s)
X_LOAD_EXTEND(8x8_u, i16x8_extend_low_i8x16_u)
X_LOAD_EXTEND(16x4_s, i32x4_extend_low_i16x8_s)
X_LOAD_EXTEND(16x4_u, i32x4_extend_low_i16x8_u)
X_LOAD_EXTEND(32x2_s, i64x2_extend_low_i32x4_s)
X_LOAD_EXTEND(32x2_u, i64x2_extend_low_i32x4_u)

X_VECTOR(v128_load32_zero, const u8 *at)
{
    X_PASS(v128_const, x_read_u32(at), 0);
}
X_VECTOR(v128_load64_zero, const u8 *at)
{
    X_PASS(v128_const, x_read_u64(at), 0);
}

#endif
