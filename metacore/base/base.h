/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_BASE_H
#define METACORE_BASE_BASE_H

/**
 * base: what every package stands on, and the compiler's help spelled once.
 *
 * This header holds only macros. The parts have headers of their own: err, str, arena, buf, map,
 * json, time, uuid, random, decimal, encode, utf8, sync, queue, secret, ctx.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define MC_BEGIN_DECLS extern "C" {
#define MC_END_DECLS }
#else
#define MC_BEGIN_DECLS
#define MC_END_DECLS
#endif

#if defined(__GNUC__) || defined(__clang__)
#define MC_API __attribute__((visibility("default")))
#define MC_MUST_USE __attribute__((warn_unused_result))
#define MC_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define MC_LIKELY(x) __builtin_expect(!!(x), 1)
#define MC_UNLIKELY(x) __builtin_expect(!!(x), 0)
#else
#define MC_API
#define MC_MUST_USE
#define MC_PRINTF(fmt, args)
#define MC_LIKELY(x) (x)
#define MC_UNLIKELY(x) (x)
#endif

/* Clang's thread safety analysis checks these; other compilers read them as documentation. */
#if defined(__clang__)
#define MC_CAPABILITY(name) __attribute__((capability(name)))
#define MC_GUARDED_BY(mu) __attribute__((guarded_by(mu)))
#define MC_REQUIRES(mu) __attribute__((requires_capability(mu)))
#define MC_ACQUIRES(mu) __attribute__((acquire_capability(mu)))
#define MC_RELEASES(mu) __attribute__((release_capability(mu)))
#define MC_NO_THREAD_ANALYSIS __attribute__((no_thread_safety_analysis))
#else
#define MC_CAPABILITY(name)
#define MC_GUARDED_BY(mu)
#define MC_REQUIRES(mu)
#define MC_ACQUIRES(mu)
#define MC_RELEASES(mu)
#define MC_NO_THREAD_ANALYSIS
#endif

/** A result whose failure is fine here; the reason stands beside it. A cast would not quiet gcc. */
#define MC_IGNORE(expr) ((void)!(expr))

#define MC_LEN(array) (sizeof(array) / sizeof((array)[0]))
#define mc_container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#endif
