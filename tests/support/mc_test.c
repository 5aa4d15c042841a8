/* SPDX-License-Identifier: Apache-2.0 */
#include "mc_test.h"

#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIRS_MAX 256
#define AT_END_MAX 8

static mc_test_case *first, **tail = &first;
static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static char case_name[256];
static const char *skip_reason;
static const char *(*needs)(void);
static atomic_int failures; /* of the running test */
static char dirs[DIRS_MAX][128];
static int dir_count;
static void (*at_end[AT_END_MAX])(void);
static int at_end_count;

void mc_test_register(mc_test_case *test)
{
    *tail = test;
    tail = &test->next;
}

void mc_test_set_case(const char *name)
{
    pthread_mutex_lock(&mu);
    snprintf(case_name, sizeof(case_name), "%s", name ? name : "");
    pthread_mutex_unlock(&mu);
}

void mc_test_skip(const char *why)
{
    skip_reason = why;
}

static void fail_at(const char *file, int line, const char *expr)
{
    atomic_fetch_add(&failures, 1);
    fprintf(stderr, "    %s:%d: %s\n", file, line, expr);
    if (case_name[0])
        fprintf(stderr, "      case: %s\n", case_name);
}

bool mc_test_check(bool ok, const char *file, int line, const char *expr)
{
    if (ok)
        return true;
    pthread_mutex_lock(&mu);
    fail_at(file, line, expr);
    pthread_mutex_unlock(&mu);
    return false;
}

bool mc_test_check_i64(int64_t a, int64_t b, const char *file, int line, const char *expr)
{
    if (a == b)
        return true;
    pthread_mutex_lock(&mu);
    fail_at(file, line, expr);
    fprintf(stderr, "      left:  %lld\n      right: %lld\n", (long long)a, (long long)b);
    pthread_mutex_unlock(&mu);
    return false;
}

static void print_texts(mc_str a, mc_str b)
{
    fprintf(stderr, "      left:  \"%.*s\"\n      right: \"%.*s\"\n", MC_FMT(a), MC_FMT(b));
}

bool mc_test_check_str(mc_str a, mc_str b, const char *file, int line, const char *expr)
{
    if (mc_str_eq(a, b))
        return true;
    pthread_mutex_lock(&mu);
    fail_at(file, line, expr);
    print_texts(a, b);
    pthread_mutex_unlock(&mu);
    return false;
}

bool mc_test_check_has(mc_str a, mc_str b, const char *file, int line, const char *expr)
{
    if (b.len == 0 || (a.len >= b.len && memmem(a.ptr, a.len, b.ptr, b.len)))
        return true;
    pthread_mutex_lock(&mu);
    fail_at(file, line, expr);
    print_texts(a, b);
    pthread_mutex_unlock(&mu);
    return false;
}

bool mc_test_check_ok(mc_code rc, const mc_err *err, const char *file, int line, const char *expr)
{
    if (rc == MC_OK)
        return true;
    pthread_mutex_lock(&mu);
    fail_at(file, line, expr);
    fprintf(stderr, "      %s: %s\n", mc_code_name(rc), err ? err->msg : "");
    pthread_mutex_unlock(&mu);
    return false;
}

/* ---- allocation failure: malloc and its kin are wrapped by the linker (--wrap) ---- */

#define OOM_ROUNDS_MAX 2000

static atomic_long oom_countdown = -1; /* negative: never fail */
static _Thread_local bool oom_thread;  /* only the thread under test fails */
static atomic_bool oom_hit;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static bool fails_now(void)
{
    if (!oom_thread || atomic_load(&oom_countdown) < 0)
        return false;
    if (atomic_fetch_sub(&oom_countdown, 1) != 0)
        return false;
    atomic_store(&oom_hit, true);
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return fails_now() ? NULL : __real_realloc(ptr, size);
}

void mc_test_oom(mc_code (*fn)(mc_err *err))
{
    for (long round = 0; round < OOM_ROUNDS_MAX; round++) {
        mc_err err = {MC_OK, ""};
        mc_code rc;

        atomic_store(&oom_hit, false);
        atomic_store(&oom_countdown, round);
        oom_thread = true;
        rc = fn(&err);
        oom_thread = false;
        atomic_store(&oom_countdown, -1);
        if (!atomic_load(&oom_hit)) {
            (void)mc_test_check_ok(rc, &err, __FILE__, __LINE__, "a run with enough memory");
            return;
        }
        if (!mc_test_check(rc == MC_NO_MEMORY || rc == MC_OK, __FILE__, __LINE__,
                           "a failed allocation is MC_NO_MEMORY")) {
            fprintf(stderr, "      allocation %ld: %s: %s\n", round, mc_code_name(rc), err.msg);
            return;
        }
    }
    (void)mc_test_check(false, __FILE__, __LINE__, "mc_test_oom ends within its rounds");
}

/* ---- folders ---- */

const char *mc_test_dir(void)
{
    const char *base = getenv("TMPDIR");
    char *dir = dirs[dir_count];

    if (dir_count == DIRS_MAX)
        return NULL;
    snprintf(dir, sizeof(dirs[0]), "%s/metacore-test-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(dir))
        return NULL;
    dir_count++;
    return dir;
}

void mc_test_at_end(void (*fn)(void))
{
    if (mc_test_check(at_end_count < AT_END_MAX, __FILE__, __LINE__, "a few at most"))
        at_end[at_end_count++] = fn;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

const char *mc_test_shared(void)
{
    static char path[4096];
    const char *env = getenv("METACORE_SHARED");

    snprintf(path, sizeof(path), "%s", env ? env : MC_TEST_SHARED_DEFAULT);
    return access(path, R_OK) == 0 ? path : NULL;
}

void mc_test_needs(const char *(*missing)(void))
{
    needs = missing;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0, skipped = 0;
    const char *missing = needs ? needs() : NULL;

    for (mc_test_case *test = first; test; test = test->next) {
        if (argc > 1 && !strstr(test->name, argv[1]))
            continue;
        atomic_store(&failures, 0);
        skip_reason = missing;
        mc_test_set_case(NULL);
        if (!missing)
            test->run();
        if (atomic_load(&failures) > 0) {
            failed++;
            printf("not ok - %s\n", test->name);
        } else if (skip_reason) {
            skipped++;
            printf("skipped - %s (%s)\n", test->name, skip_reason);
        } else {
            passed++;
            printf("ok - %s\n", test->name);
        }
        fflush(stdout);
    }
    while (at_end_count > 0)
        at_end[--at_end_count]();
    for (int i = 0; i < dir_count; i++)
        (void)nftw(dirs[i], remove_one, 16, FTW_DEPTH | FTW_PHYS);
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed ? 1 : 0;
}
