/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wasm_bench DIR [KERNELS.wasm] [MODULE.wasm …]: what guests cost.
 *
 * An echo of 200 bytes in a fresh, sandboxed instance; one host call; an idle child's memory; how
 * late a timeout is; six kernels against the same C compiled natively (KERNELS.wasm is
 * wasm_kernels.c for wasm32); and how soon each further module can be used. DIR is where compiled
 * code is kept.
 */
#include "metacore/base/time.h"
#include "metacore/runtime/wasm/wasm_runtime.h"

#include <dirent.h>
#include <linux/futex.h>
#include <math.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint32_t wasm_kernel(uint32_t which);

#define ECHOES 20000
#define HOST_ROUNDS 101
#define ROUND_TRIPS 30
#define TRIES 7
#define TIMEOUTS 50

static const char *const kernels[] = {"sha256", "matmul", "qsort", "fib", "scanner", "indirect"};

/* echo; "ask": as many host calls as the input's length says; and "spin". By hand: bytes, not text.
 */
static const unsigned char guest_bytes[] = {
    0, 'a', 's', 'm', 1, 0, 0, 0,
    /* types: (i32)->i32, (i32,i32)->i64 */
    1, 12, 2, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 2, 0x7f, 0x7f, 1, 0x7e,
    /* import host.ask of type 1 */
    2, 12, 1, 4, 'h', 'o', 's', 't', 3, 'a', 's', 'k', 0, 1,
    /* four functions: alloc, echo, ask, spin; one page of memory */
    3, 5, 4, 0, 1, 1, 1, 5, 3, 1, 0, 1,
    /* exports */
    7, 29, 4, 5, 'a', 'l', 'l', 'o', 'c', 0, 1, 4, 'e', 'c', 'h', 'o', 0, 2, 3, 'a', 's', 'k', 0, 3,
    4, 's', 'p', 'i', 'n', 0, 4, 10, 53, 4,
    /* alloc: 1024 */
    5, 0, 0x41, 0x80, 0x08, 0x0b,
    /* echo: ptr << 32 | len */
    12, 0, 0x20, 0, 0xad, 0x42, 32, 0x86, 0x20, 1, 0xad, 0x84, 0x0b,
    /* ask: drop ask(0, 8) while (len -= 1); 0 */
    23, 0, 0x03, 0x40, 0x41, 0, 0x41, 8, 0x10, 0, 0x1a, 0x20, 1, 0x41, 1, 0x6b, 0x22, 1, 0x0d, 0,
    0x0b, 0x42, 0, 0x0b,
    /* spin: loop for ever */
    8, 0, 0x03, 0x40, 0x0c, 0, 0x0b, 0, 0x0b};

static int64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail for this clock */
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

static mc_code quiet(void *user, uint32_t import, const mc_str *args, size_t count,
                     int64_t deadline_us, mc_buf *out, mc_err *err)
{
    (void)user, (void)import, (void)args, (void)count, (void)deadline_us, (void)out, (void)err;
    return MC_OK;
}

static bool call(mc_wasm_guest *guest, const char *function, mc_str input, mc_buf *out)
{
    mc_wasm_call c = {MC_WASM_CALL, .function = mc_z(function), .input = input, .host = quiet,
                      .timeout_ms = MC_WASM_TIMEOUT_MS_MAX};
    mc_err err;

    mc_buf_clear(out);
    if (mc_wasm_invoke(guest, &c, out, &err) == MC_OK)
        return true;
    fprintf(stderr, "%s: %s\n", function, err.msg);
    return false;
}

static mc_wasm_guest *load(mc_wasm *wasm, mc_str bytes, const char *name)
{
    mc_wasm_guest *guest = NULL;
    mc_err err;

    if (mc_wasm_guest_load(wasm, bytes, NULL, &guest, &err) != MC_OK)
        fprintf(stderr, "%s: %s\n", name, err.msg);
    return guest;
}

/* Of the processes that call themselves "guest": proportional, as the kernel shares pages out. */
static long idle_child_kb(void)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    long most = 0;

    while (proc && (entry = readdir(proc))) {
        char path[300], line[128];
        long kb;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
        file = fopen(path, "re");
        if (!file)
            continue;
        line[0] = '\0';
        if (!fgets(line, sizeof(line), file))
            line[0] = '\0';
        (void)fclose(file); /* read only, here and below */
        if (strcmp(line, "guest\n") != 0)
            continue;
        snprintf(path, sizeof(path), "/proc/%s/smaps_rollup", entry->d_name);
        file = fopen(path, "re");
        while (file && fgets(line, sizeof(line), file)) {
            if (sscanf(line, "Pss: %ld kB", &kb) == 1 && kb > most)
                most = kb;
        }
        if (file)
            (void)fclose(file);
    }
    if (proc)
        (void)closedir(proc);
    return most;
}

/* The ceiling: two processes that pass a word to and fro and do nothing else. */
static double bare_round_trip_us(void)
{
    _Atomic uint32_t *turn =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    double best = 1e9;
    pid_t other;

    if (turn == MAP_FAILED)
        return 0;
    other = fork();
    for (uint32_t mine = other == 0, round = 0; other >= 0; round++) {
        int64_t start = now_ns();

        if (other > 0 && round == ROUND_TRIPS)
            break;
        for (int i = 0; i < 1000; i++) {
            if (other > 0) {
                atomic_store(turn, 1);
                (void)syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0);
            }
            while (atomic_load(turn) != mine)
                (void)syscall(SYS_futex, turn, FUTEX_WAIT, mine ^ 1u, NULL, NULL, 0);
            if (other == 0) {
                atomic_store(turn, 0);
                (void)syscall(SYS_futex, turn, FUTEX_WAKE, 1, NULL, NULL, 0);
            }
        }
        best = (double)(now_ns() - start) < best ? (double)(now_ns() - start) : best;
    }
    if (other > 0) {
        (void)kill(other, SIGKILL); /* it waits for its turn */
        (void)waitpid(other, NULL, 0);
    }
    (void)munmap((void *)turn, 4096); /* ours */
    return best / 1000 / 1000;
}

static void bench_echo(mc_wasm_guest *guest, mc_buf *out)
{
    static int64_t took[ECHOES];
    char input[200];
    int64_t start, one[HOST_ROUNDS], many[HOST_ROUNDS];

    memset(input, 'x', sizeof(input));
    for (int i = 0; i < ECHOES; i++) {
        start = now_ns();
        if (!call(guest, "echo", mc_str_of(input, sizeof(input)), out) || out->len != 200)
            return;
        took[i] = now_ns() - start;
    }
    qsort(took, ECHOES, sizeof(*took), by_value);
    printf("echo of 200 bytes                  p50 %.1f us, p99 %.1f us (want p50 10)\n",
           (double)took[ECHOES / 2] / 1000, (double)took[ECHOES * 99 / 100] / 1000);
    for (int i = 0; i < HOST_ROUNDS; i++) {
        start = now_ns();
        (void)call(guest, "ask", mc_str_of(input, 1), out); /* it says so when it fails */
        one[i] = now_ns() - start;
        start = now_ns();
        (void)call(guest, "ask", mc_str_of(input, 200), out);
        many[i] = now_ns() - start;
    }
    qsort(one, HOST_ROUNDS, sizeof(*one), by_value);
    qsort(many, HOST_ROUNDS, sizeof(*many), by_value);
    printf("host call                          p50 %.2f us (want 3)\n",
           (double)(many[HOST_ROUNDS / 2] - one[HOST_ROUNDS / 2]) / 199 / 1000);
    printf("idle child                         %ld KB (want 1536)\n", idle_child_kb());
}

/* How long after its deadline a call that never ends is answered. */
static void bench_timeout(mc_wasm_guest *guest, mc_buf *out)
{
    static int64_t late[TIMEOUTS];
    mc_wasm_call c = {MC_WASM_CALL, .function = MC_STR("spin"), .timeout_ms = 20};
    mc_err err;

    for (int i = 0; i < TIMEOUTS; i++) {
        int64_t start = now_ns();
        mc_code rc = mc_wasm_invoke(guest, &c, out, &err);

        if (rc != MC_TIMEOUT) {
            fprintf(stderr, "spin: not a timeout\n");
            return;
        }
        late[i] = now_ns() - start - c.timeout_ms * 1000000;
    }
    qsort(late, TIMEOUTS, sizeof(*late), by_value);
    printf("timeout, answered after deadline   p50 %.2f ms, at most %.2f ms (want 20)\n",
           (double)late[TIMEOUTS / 2] / 1e6, (double)late[TIMEOUTS - 1] / 1e6);
}

static void bench_kernels(mc_wasm_guest *guest, mc_buf *out)
{
    double product = 1;

    printf("kernels, time against native      ");
    for (size_t k = 0; k < 6; k++) {
        char which = (char)k;
        int64_t best_native = INT64_MAX, best_guest = INT64_MAX;
        uint32_t native = 0, result = 0;

        for (int i = 0; i < TRIES; i++) {
            int64_t start = now_ns(), middle;

            native = wasm_kernel((uint32_t)k);
            middle = now_ns();
            if (!call(guest, "kernel", mc_str_of(&which, 1), out) || out->len != sizeof(result))
                return;
            best_guest = now_ns() - middle < best_guest ? now_ns() - middle : best_guest;
            best_native = middle - start < best_native ? middle - start : best_native;
        }
        memcpy(&result, out->ptr, sizeof(result));
        printf(" %s %.2f%s", kernels[k], (double)best_guest / (double)best_native,
               result == native ? "" : " (WRONG)");
        product *= (double)best_guest / (double)best_native;
    }
    printf("  geometric mean %.2f (want 1.25)\n", pow(product, 1.0 / 6));
}

static mc_str read_file(const char *path)
{
    FILE *file = fopen(path, "rbe");
    long size = 0;
    char *bytes = NULL;

    if (file && fseek(file, 0, SEEK_END) == 0 && (size = ftell(file)) > 0)
        bytes = malloc((size_t)size);
    if (bytes) {
        rewind(file);
        size = (long)fread(bytes, 1, (size_t)size, file);
    }
    if (file)
        (void)fclose(file); /* read only */
    return mc_str_of(bytes, bytes ? (size_t)size : 0);
}

static void run(mc_wasm *wasm, int argc, char **argv)
{
    mc_wasm_guest *guest =
        load(wasm, mc_str_of((const char *)guest_bytes, sizeof(guest_bytes)), "echo");
    mc_buf out;

    mc_buf_init(&out, 0);
    if (guest) {
        mc_wasm_guest_settle(guest);
        bench_echo(guest, &out);
        bench_timeout(guest, &out);
        mc_wasm_guest_free(guest);
    }
    for (int i = 2; i < argc; i++) {
        mc_str bytes = read_file(argv[i]);
        int64_t start = now_ns();

        guest = load(wasm, bytes, argv[i]);
        printf("%-34s %zu bytes, usable after %.2f s with %s\n", argv[i], bytes.len,
               (double)(now_ns() - start) / 1e9,
               guest ? mc_wasm_tier_name(mc_wasm_guest_tier(guest)) : "nothing");
        if (guest && i == 2) {
            mc_wasm_guest_settle(guest);
            bench_kernels(guest, &out);
        }
        mc_wasm_guest_free(guest);
        free((char *)bytes.ptr);
    }
    mc_buf_deinit(&out);
}

int main(int argc, char **argv)
{
    static const mc_wasm_host_import imports[] = {{"host", "ask", 1, true}};
    mc_wasm_compiler_config compiler_config = {MC_WASM_COMPILER_CONFIG};
    mc_wasm_config config = {MC_WASM_CONFIG, .imports = imports, .import_count = 1};
    mc_wasm_zygote *zygote;
    mc_wasm_compiler *compiler;
    mc_wasm *wasm;
    cpu_set_t one;
    mc_err err;

    if (argc < 2)
        return 2;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    (void)sched_setaffinity(0, sizeof(one), &one); /* else the figures vary more */
    compiler_config.cache_dir = argv[1];
    if (mc_wasm_zygote_start(&zygote, &err) != MC_OK ||
        mc_wasm_compiler_new(&compiler_config, &compiler, &err) != MC_OK)
        goto fail;
    printf("bare round trip of two processes   %.1f us\n", bare_round_trip_us());
    fflush(stdout);
    config.zygote = zygote;
    config.compiler = compiler;
    if (mc_wasm_new(&config, &wasm, &err) != MC_OK)
        goto fail;
    run(wasm, argc, argv);
    mc_wasm_free(wasm);
    mc_wasm_compiler_free(compiler);
    mc_wasm_zygote_stop(zygote);
    return 0;

fail:
    fprintf(stderr, "%s\n", err.msg);
    return 1;
}
