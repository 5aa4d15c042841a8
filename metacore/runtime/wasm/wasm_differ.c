/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wasm_differ [--count N] [--seconds S] [--seed N] [--keep DIR] [FILE.wasm …]: our validator
 * against wasm-validate, on modules that are made at random and on mutations of those and of the
 * files.
 *
 * A module that only one of the two accepts is a failure, and kept in DIR. What we refuse for a
 * limit of ours or as not supported is skipped. Ends with "N passed, N failed, N skipped".
 */
#include "metacore/base/time.h"
#include "metacore/runtime/wasm/wasm_differ_internal.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILES_MAX 256
#define FILE_BYTES_MAX 65536
#define WRONG 6 /* in a thousand */
#define SELECT_REACH 64

extern char **environ;

typedef struct differ {
    uint64_t seed;
    long count;
    int64_t until_us; /* 0: by count alone */
    const char *keep;
    const char *files[FILES_MAX];
    size_t file_count;
    char path[512]; /* of the module that is asked about */
    char said[520]; /* what wasm-validate says of it */
    long passed, failed, skipped, accepted;
} differ;

/* ---- the other one ---- */

/* Its exit status; -1 when it could not be run. */
static int ask_other(const differ *d)
{
    const char *const argv[] = {"wasm-validate", "--ignore-custom-section-errors", d->path, NULL};
    posix_spawn_file_actions_t quiet;
    pid_t pid;
    int status = -1, rc;

    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&quiet, 2, d->said, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    rc = posix_spawnp(&pid, argv[0], &quiet, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&quiet);
    if (rc != 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

static bool write_file(const char *path, mc_str bytes)
{
    FILE *file = fopen(path, "wbe");
    bool ok = file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len;

    return file && fclose(file) == 0 && ok;
}

/* Whether a select stands not far before the place that our message names. */
static bool is_behind_select(mc_str bytes, const char *message)
{
    const char *named = strstr(message, "at offset ");
    size_t at = named ? strtoul(named + strlen("at offset "), NULL, 10) : 0;

    for (size_t back = 1; back < SELECT_REACH && back <= at && at <= bytes.len; back++) {
        if (bytes.ptr[at - back] == 0x1b || bytes.ptr[at - back] == 0x1c)
            return true;
    }
    return false;
}

/*
 * Where wabt 1.0.32 is wrong, and the standard (2.0) is with us: it knows no global.get in
 * elements, calls through tables of externref, takes the end of a block for that of its function,
 * and what a select in unreachable code gives for of any type.
 */
static bool is_its_mistake(const differ *d, mc_str bytes, const mc_err *ours)
{
    FILE *file = fopen(d->said, "rbe");
    char text[512] = "";
    size_t got = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

    if (file)
        (void)fclose(file); /* read only */
    text[got] = '\0';
    return strstr(text, "expected ref.null or ref.func") ||
           strstr(ours->msg, "call through a table of externref") ||
           strstr(ours->msg, "unexpected end") ||
           (strstr(ours->msg, "type mismatch") && is_behind_select(bytes, ours->msg));
}

/* ---- one module ---- */

static void keep(const differ *d, uint64_t seed, mc_str bytes)
{
    char path[600];

    if (!d->keep)
        return;
    (void)mkdir(d->keep, 0755); /* it may be there */
    (void)snprintf(path, sizeof(path), "%s/%llu.wasm", d->keep, (unsigned long long)seed);
    if (!write_file(path, bytes))
        fprintf(stderr, "wasm_differ: %s cannot be written\n", path);
}

static void compare(differ *d, uint64_t seed, mc_str bytes)
{
    mc_wasm_module *module = NULL;
    mc_err err = {0};
    mc_code ours = mc_wasm_module_read(bytes, &module, &err);
    int theirs;

    mc_wasm_module_free(module);
    if (ours == MC_TOO_LARGE || ours == MC_NOT_PROVIDED) {
        d->skipped++;
        return;
    }
    theirs = write_file(d->path, bytes) ? ask_other(d) : -1;
    if (theirs < 0) { /* it crashed, or is not there */
        d->skipped++;
        return;
    }
    d->accepted += ours == MC_OK;
    if ((ours == MC_OK) == (theirs == 0)) {
        d->passed++;
        return;
    }
    if (is_its_mistake(d, bytes, &err)) {
        d->skipped++;
        return;
    }
    d->failed++;
    printf("not ok - seed %llu: %s\n", (unsigned long long)seed,
           ours == MC_OK ? "accepted, and refused by wasm-validate" : err.msg);
    keep(d, seed, bytes);
}

/* ---- many ---- */

static void mutate(differ_random *r, mc_buf *bytes)
{
    for (uint32_t edits = 1 + differ_below(r, 3); edits > 0 && bytes->len > 8; edits--) {
        uint32_t at = 8 + differ_below(r, (uint32_t)bytes->len - 8);

        switch (differ_below(r, 3)) {
        case 0:
            bytes->ptr[at] = (char)differ_below(r, 256);
            break;
        case 1:
            bytes->ptr[at] = (char)((unsigned char)bytes->ptr[at] ^ (1u << differ_below(r, 8)));
            break;
        default:
            memmove(bytes->ptr + at, bytes->ptr + at + 1, bytes->len - at - 1);
            bytes->len--;
            break;
        }
    }
}

static void read_file(const char *path, mc_buf *out)
{
    FILE *file = fopen(path, "rbe");
    static char room[FILE_BYTES_MAX];
    size_t got = file ? fread(room, 1, sizeof(room), file) : 0;

    if (file)
        (void)fclose(file); /* read only */
    mc_buf_bytes(out, room, got);
}

/* Of each seed: a module that is right but for a few things, or a mutation. */
static void make(differ *d, uint64_t seed, mc_buf *out)
{
    differ_random r = {seed * 2 + 1};
    uint32_t kind = differ_below(&r, 8);

    if (kind < 2 && d->file_count)
        read_file(d->files[differ_below(&r, (uint32_t)d->file_count)], out);
    else
        differ_put_module(seed, kind < 5 ? 0 : WRONG, out);
    if (kind < 3)
        mutate(&r, out);
}

static void run(differ *d)
{
    mc_buf bytes;

    mc_buf_init(&bytes, 0);
    for (long i = 0; i < d->count; i++) {
        if (d->until_us && mc_clock_monotonic_us((mc_clock){0}) > d->until_us)
            break;
        mc_buf_clear(&bytes);
        make(d, d->seed + (uint64_t)i, &bytes);
        if (!mc_buf_failed(&bytes))
            compare(d, d->seed + (uint64_t)i, mc_buf_get(&bytes));
    }
    mc_buf_deinit(&bytes);
}

static bool read_arguments(differ *d, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (argv[i][0] != '-') {
            if (d->file_count < FILES_MAX)
                d->files[d->file_count++] = argv[i];
            continue;
        }
        if (!value)
            return false;
        if (strcmp(argv[i], "--count") == 0)
            d->count = strtol(value, NULL, 10);
        else if (strcmp(argv[i], "--seconds") == 0)
            d->until_us = mc_clock_monotonic_us((mc_clock){0}) + strtol(value, NULL, 10) * 1000000;
        else if (strcmp(argv[i], "--seed") == 0)
            d->seed = strtoull(value, NULL, 10);
        else if (strcmp(argv[i], "--keep") == 0)
            d->keep = value;
        else
            return false;
        i++;
    }
    return true;
}

int main(int argc, char **argv)
{
    differ d = {.seed = 1, .count = 1000000000};
    const char *base = getenv("TMPDIR");
    int fd;

    if (!read_arguments(&d, argc, argv)) {
        fputs(
            "usage: wasm_differ [--count N] [--seconds S] [--seed N] [--keep DIR] [FILE.wasm …]\n",
            stderr);
        return 2;
    }
    (void)snprintf(d.path, sizeof(d.path), "%s/wasm-differ-XXXXXX", base && *base ? base : "/tmp");
    fd = mkstemp(d.path);
    if (fd < 0) {
        perror(d.path);
        return 1;
    }
    (void)close(fd); /* written by name */
    (void)snprintf(d.said, sizeof(d.said), "%s.said", d.path);
    if (ask_other(&d) < 0) {
        (void)unlink(d.path); /* ours, both */
        (void)unlink(d.said);
        printf("skipped - wasm_differ: no wasm-validate\n0 passed, 0 failed, 1 skipped\n");
        return 0;
    }
    run(&d);
    (void)unlink(d.path); /* as above */
    (void)unlink(d.said);
    printf("# %ld accepted by both or one\n%ld passed, %ld failed, %ld skipped\n", d.accepted,
           d.passed, d.failed, d.skipped);
    return d.failed ? 1 : 0;
}
