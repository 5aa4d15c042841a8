/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_GUEST_ACCESSES_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_GUEST_ACCESSES_INTERNAL_H

/* Vectors to and from memory; part of wasm_guest_v128_internal.h, which says how. */

#include "wasm_guest_integers_internal.h"

/*
 * A load that traps is not dead: what it gives goes through an empty assembly. That is also where
 * its type is forgotten, or the compiler would load it anew for each type that it is taken as.
 */
#ifdef __TINYC__
#define X_LOADED X_PASS
#define X_LOAD_OF(T, at) (*(const T *)(at))
#else
#if defined(__x86_64__) || defined(__aarch64__)
#define X_REGISTER X_FLOAT
#else
#define X_REGISTER "m"
#endif
#define X_LOADED(name, ...)                                                                        \
    v128 loaded = x_##name(__VA_ARGS__);                                                           \
    __asm__ volatile("" : "+" X_REGISTER(loaded));                                                 \
    return loaded
typedef u64 v128_anywhere __attribute__((vector_size(16), aligned(1), may_alias));
#define X_ANYWHERE(T)                                                                              \
    X T x_at_##T(const u8 *at)                                                                     \
    {                                                                                              \
        T x;                                                                                       \
        __builtin_memcpy(&x, at, sizeof(x));                                                       \
        return x;                                                                                  \
    }
X_ANYWHERE(u8)
X_ANYWHERE(u16)
X_ANYWHERE(u32)
X_ANYWHERE(u64)
#define X_LOAD_OF(T, at) x_at_##T(at)
#endif

#ifdef __TINYC__
X_VECTOR(v128_load, const u8 *at)
{
    r_->lanes[0] = *(const u64 *)at;
    r_->lanes[1] = *(const u64 *)(at + 8);
}
/* A store that traps has written nothing: where the upper half fits, the lower one does, too. */
X void x_v128_store(u8 *at, v128_in a)
{
    *(u64 *)(at + 8) = a->lanes[1];
    *(u64 *)at = a->lanes[0];
}
#else
X v128 x_v128_at(const u8 *at)
{
    return *(const v128_anywhere *)at;
}
X v128 x_v128_load(const u8 *at)
{
    X_LOADED(v128_at, at);
}
/* In one piece: the compiler must not store the parts that it was made of. */
X void x_v128_store(u8 *at, v128 a)
{
    __asm__("" : "+" X_REGISTER(a));
    *(v128_anywhere *)at = a;
}
#endif

#define X_LOADS_OF(bits, shape, out)                                                               \
    X_VECTOR(v128_load##bits##_splat, const u8 *at)                                                \
    {                                                                                              \
        X_LOADED(shape##_splat, X_LOAD_OF(u##bits, at));                                           \
    }                                                                                              \
    X_VECTOR(v128_load##bits##_lane, const u8 *at, v128_in a, u32 lane)                            \
    {                                                                                              \
        X_LOADED(shape##_replace_lane, a, X_LOAD_OF(u##bits, at), lane);                           \
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
        V_SET(x, x_v128_const, X_LOAD_OF(u64, at), 0);                                             \
        X_LOADED(extend, V(x));                                                                    \
    }
X_LOAD_EXTEND(8x8_s, i16x8_extend_low_i8x16_s)
X_LOAD_EXTEND(8x8_u, i16x8_extend_low_i8x16_u)
X_LOAD_EXTEND(16x4_s, i32x4_extend_low_i16x8_s)
X_LOAD_EXTEND(16x4_u, i32x4_extend_low_i16x8_u)
X_LOAD_EXTEND(32x2_s, i64x2_extend_low_i32x4_s)
X_LOAD_EXTEND(32x2_u, i64x2_extend_low_i32x4_u)

X_VECTOR(v128_load32_zero, const u8 *at)
{
    X_LOADED(v128_const, X_LOAD_OF(u32, at), 0);
}
X_VECTOR(v128_load64_zero, const u8 *at)
{
    X_LOADED(v128_const, X_LOAD_OF(u64, at), 0);
}

#endif
