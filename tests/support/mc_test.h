/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_SUPPORT_MC_TEST_H
#define METACORE_TESTS_SUPPORT_MC_TEST_H

/**
 * mc_test: tests whose names are sentences and whose cases are rows.
 *
 * A test file holds MC_TEST blocks; linking them with the support library makes a program that
 * runs all of them (or those whose name contains its first argument) and ends with
 * "N passed, N failed". An expectation that fails is printed with its file, line, case and both
 * values, and the test goes on; MC_REQUIRE ends it.
 *
 * Threads: expectations may be used from any thread of the test.
 */

#include "metacore/base/err.h"
#include "metacore/base/str.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct mc_test_case {
    const char *name;
    void (*run)(void);
    struct mc_test_case *next;
} mc_test_case;

void mc_test_register(mc_test_case *test);
/** Names the row that runs now; printed with failures. NULL ends it. Copied. */
void mc_test_set_case(const char *name);
void mc_test_skip(const char *why);
bool mc_test_check(bool ok, const char *file, int line, const char *expr);
bool mc_test_check_i64(int64_t a, int64_t b, const char *file, int line, const char *expr);
bool mc_test_check_str(mc_str a, mc_str b, const char *file, int line, const char *expr);
bool mc_test_check_ok(mc_code rc, const mc_err *err, const char *file, int line, const char *expr);
/** Whether a contains b. */
bool mc_test_check_has(mc_str a, mc_str b, const char *file, int line, const char *expr);

#define MC_TEST_JOIN2(a, b) a##b
#define MC_TEST_JOIN(a, b) MC_TEST_JOIN2(a, b)
#define MC_TEST(sentence)                                                                          \
    static void MC_TEST_JOIN(mc_test_run_, __LINE__)(void);                                        \
    __attribute__((constructor)) static void MC_TEST_JOIN(mc_test_add_, __LINE__)(void)            \
    {                                                                                              \
        static mc_test_case test = {sentence, MC_TEST_JOIN(mc_test_run_, __LINE__), NULL};         \
        mc_test_register(&test);                                                                   \
    }                                                                                              \
    static void MC_TEST_JOIN(mc_test_run_, __LINE__)(void)

#define MC_CASE(name) mc_test_set_case(name)
#define MC_SKIP(why)                                                                               \
    do {                                                                                           \
        mc_test_skip(why);                                                                         \
        return;                                                                                    \
    } while (0)
#define MC_EXPECT(expr) ((void)mc_test_check((expr), __FILE__, __LINE__, #expr))
/** Integers, booleans, enumerations, codes. */
#define MC_EXPECT_EQ(a, b)                                                                         \
    ((void)mc_test_check_i64((int64_t)(a), (int64_t)(b), __FILE__, __LINE__, #a " == " #b))
#define MC_EXPECT_STR(a, b) ((void)mc_test_check_str((a), (b), __FILE__, __LINE__, #a " == " #b))
/** a is an mc_str, z a C string. */
#define MC_EXPECT_Z(a, z) ((void)mc_test_check_str((a), mc_z(z), __FILE__, __LINE__, #a " == " #z))
#define MC_EXPECT_HAS(a, z)                                                                        \
    ((void)mc_test_check_has((a), mc_z(z), __FILE__, __LINE__, #a " has " #z))
/** rc is MC_OK; prints err's message otherwise. */
#define MC_EXPECT_OK(rc, err) ((void)mc_test_check_ok((rc), (err), __FILE__, __LINE__, #rc))
#define MC_REQUIRE(expr)                                                                           \
    do {                                                                                           \
        if (!mc_test_check((expr), __FILE__, __LINE__, #expr))                                     \
            return;                                                                                \
    } while (0)
#define MC_REQUIRE_OK(rc, err)                                                                     \
    do {                                                                                           \
        if (!mc_test_check_ok((rc), (err), __FILE__, __LINE__, #rc))                               \
            return;                                                                                \
    } while (0)

/**
 * Runs fn again and again, failing the first allocation, then the second, and so on, until a run
 * needs no failure. fn returns its result; with a failed allocation it must be MC_NO_MEMORY or
 * MC_OK, and nothing may crash or leak. At most 2000 rounds.
 */
void mc_test_oom(mc_code (*fn)(mc_err *err));
#define MC_TEST_OOM(fn) mc_test_oom(fn)

/** A fresh empty folder under TMPDIR, removed when the program ends. Static text, per call new. */
const char *mc_test_dir(void);

/** Runs fn once after the last test and before the folders are removed: servers are stopped there.
 */
void mc_test_at_end(void (*fn)(void));

/** Called before the first test: what it says is missing skips them all. NULL: nothing. */
void mc_test_needs(const char *(*missing)(void));

/** Folder of the shared test data, or NULL when it is not there (then skip). */
const char *mc_test_shared(void);

#endif
