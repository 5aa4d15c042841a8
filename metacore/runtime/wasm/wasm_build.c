/* SPDX-License-Identifier: Apache-2.0 */
/* One compilation: a folder of its own, the text in it, the compiler over it, the object out. */
#include "metacore/base/arena.h"
#include "metacore/base/embedded.h"
#include "metacore/base/time.h"
#include "metacore/runtime/wasm/wasm_compile_internal.h"
#include "metacore/runtime/wasm/wasm_emit_internal.h"
#include "metacore/runtime/wasm/wasm_sandbox_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

MC_EMBEDDED(mc__wasm_headers);

#define ARGS_MAX 32
#define BACKGROUND_NICE 10 /* nobody waits for it, and requests do for the processor */
#define OBJECT "guest.so"

/*
 * gcc must keep to what the text says: no contraction of floating point, signaling NaNs as they
 * are, no calls turned into jumps (a runaway recursion has to meet the guard), no frame that skips
 * the guard.
 */
static const char *const gcc_flags[] = {
    "-w",
    "-pipe",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-math-errno",
    "-ffp-contract=off",
    "-frounding-math",
    "-fsignaling-nans",
    "-fno-strict-aliasing",
    "-fwrapv",
    "-fno-optimize-sibling-calls",
    "-fno-stack-protector",
    "-fstack-clash-protection",
    "-fcf-protection=none",
    "-fno-plt",
};
static const char *const link_flags[] = {"-shared", "-Wl,-z,now,-z,relro,-z,noexecstack"};

static const char *const tcc_flags[] = {"-w", "-shared"};

static const char *optimization(const mc_wasm_compiler *self, mc_wasm_tier tier)
{
    return tier == MC_WASM_TIER_FULL ? self->optimize : "-O1";
}

static bool append(char out[512], size_t *len, const char *const *flags, size_t count)
{
    for (size_t i = 0; i < count && *len < 512; i++)
        *len += (size_t)snprintf(out + *len, 512 - *len, "%s%s", *len ? " " : "", flags[i]);
    return *len < 512;
}

bool mc__wasm_build_flags(const mc_wasm_compiler *self, mc_wasm_tier tier, char out[512])
{
    const char *level = optimization(self, tier);
    size_t len = 0;

    out[0] = '\0';
    if (tier == MC_WASM_TIER_INSTANT)
        return append(out, &len, tcc_flags, MC_LEN(tcc_flags));
    return append(out, &len, &level, 1) && append(out, &len, gcc_flags, MC_LEN(gcc_flags)) &&
           append(out, &len, link_flags, MC_LEN(link_flags));
}

typedef struct build {
    const mc_wasm_compiler *self;
    mc_wasm_tier tier;
    char path[MC__WASM_PATH_MAX + 16]; /* "": not made yet */
    int dir;
    uint32_t chunks;
    const mc__wasm_job *job; /* NULL: nobody watches or stops it */
    int64_t deadline_us;
} build;

/* ---- the folder ---- */

static uid_t user_of(const build *b)
{
    return geteuid() == 0 ? (uid_t)b->self->config.uid : 0;
}

static mc_code write_file(build *b, const char *name, mc_str text, mc_err *err)
{
    int fd = openat(b->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    const char *at = text.ptr;
    size_t left = text.len;

    if (fd < 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: %s", name);
    while (left > 0) {
        ssize_t n = write(fd, at, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += n;
        left -= (size_t)n;
    }
    if (close(fd) != 0 || left > 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: writing %s", name);
    return MC_OK;
}

static bool is_stopped(const void *user)
{
    const build *b = user;

    return mc__wasm_job_is_stopped(b->self, b->job);
}

static mc_code take_text(void *user, const char *name, mc_str text, mc_err *err)
{
    build *b = user;

    if (is_stopped(b))
        return mc_fail(err, MC_INTERRUPTED, "wasm: compiling was stopped");
    b->chunks++;
    mc__wasm_job_tell(b->job, MC_WASM_STAGE_TRANSLATING, b->chunks, 0);
    return write_file(b, name, text, err);
}

static mc_code open_folder(build *b, mc_err *err)
{
    mc_code rc = MC_OK;

    snprintf(b->path, sizeof(b->path), "%s/work-XXXXXX", b->self->cache_dir);
    if (!mkdtemp(b->path)) {
        b->path[0] = '\0';
        return mc_fail_errno(err, MC_IO, errno, "wasm: folder to compile in");
    }
    b->dir = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (b->dir < 0 || (user_of(b) && fchown(b->dir, user_of(b), (gid_t)user_of(b)) != 0))
        return mc_fail_errno(err, MC_IO, errno, "wasm: folder to compile in");
    for (size_t i = 0; rc == MC_OK && i < mc__wasm_headers_count; i++)
        rc = write_file(
            b, mc__wasm_headers[i].name,
            mc_str_of((const char *)mc__wasm_headers[i].bytes, mc__wasm_headers[i].size), err);
    return rc;
}

/* Flat: neither compiler makes folders. */
static void remove_folder(build *b)
{
    DIR *dir;
    struct dirent *entry;

    if (b->dir >= 0 && (dir = fdopendir(b->dir))) {
        rewinddir(dir);
        while ((entry = readdir(dir)))
            (void)unlinkat(b->dir, entry->d_name, 0); /* "." and ".." refuse, rightly */
        (void)closedir(dir);                          /* nothing was written */
    } else if (b->dir >= 0) {
        (void)close(b->dir); /* as above */
    }
    if (b->path[0])
        (void)rmdir(b->path); /* what is left over is found by the next start's eye: work-* */
}

/* ---- the compilers ---- */

static mc_code run(build *b, const char *const *argv, const char *what, mc_err *err)
{
    mc__wasm_program program = {
        .argv = argv,
        .dir = b->dir,
        .uid = user_of(b),
        .timeout_ms = (b->deadline_us - mc_clock_monotonic_us((mc_clock){0})) / 1000,
        .cpu_seconds = b->self->config.cpu_seconds,
        .memory_bytes = b->self->config.memory_bytes,
        .file_bytes = MC_WASM_OBJECT_BYTES_MAX,
        .nice = b->job && b->job->is_background ? BACKGROUND_NICE : 0,
        .is_stopped = is_stopped,
        .user = b,
    };

    if (is_stopped(b))
        return mc_fail(err, MC_INTERRUPTED, "wasm: compiling was stopped");
    if (program.timeout_ms <= 0)
        return mc_fail(err, MC_TIMEOUT, "wasm: compiling took more than %lld ms",
                       (long long)b->self->config.timeout_ms);
    return mc__wasm_run(&program, what, err);
}

/* done parts are finished; the next one, if any, begins. */
static void progress(const build *b, uint32_t done)
{
    if (done < b->chunks)
        mc__wasm_job_tell(b->job, MC_WASM_STAGE_COMPILING, done + 1, b->chunks);
    else if (done == b->chunks)
        mc__wasm_job_tell(b->job, MC_WASM_STAGE_LINKING, 0, 0);
    if (b->self->config.on_progress)
        b->self->config.on_progress(b->self->config.on_progress_user, done, b->chunks + 1);
}

/* One chunk; the last, number chunks, is the table. */
static mc_code compile_chunk(build *b, uint32_t number, mc_err *err)
{
    const char *argv[ARGS_MAX];
    char source[32], object[32], what[64];
    size_t n = 0;

    if (number < b->chunks)
        snprintf(source, sizeof(source), "chunk%u.c", number);
    else
        snprintf(source, sizeof(source), "table.c");
    snprintf(object, sizeof(object), "%u.o", number);
    snprintf(what, sizeof(what), "compiling part %u of %u", number, b->chunks);
    argv[n++] = b->self->tools[b->tier].path;
    argv[n++] = optimization(b->self, b->tier);
    for (size_t i = 0; i < MC_LEN(gcc_flags); i++)
        argv[n++] = gcc_flags[i];
    argv[n++] = "-c";
    argv[n++] = source;
    argv[n++] = "-o";
    argv[n++] = object;
    argv[n] = NULL;
    return run(b, argv, what, err);
}

/* Names of all parts, for a compiler to read with @: the command line has limits. */
static mc_code write_list(build *b, bool is_objects, mc_err *err)
{
    mc_buf list;
    mc_code rc;

    mc_buf_init(&list, 0);
    for (uint32_t i = 1; i <= b->chunks; i++) {
        if (is_objects)
            mc_buf_printf(&list, "%u.o\n", i);
        else if (i < b->chunks)
            mc_buf_printf(&list, "chunk%u.c\n", i);
        else
            mc_buf_lit(&list, "table.c\n");
    }
    rc = mc_buf_check(&list, "wasm: list of parts", err);
    if (rc == MC_OK)
        rc = write_file(b, "parts", mc_buf_get(&list), err);
    mc_buf_deinit(&list);
    return rc;
}

static mc_code compile_full(build *b, mc_err *err)
{
    const char *const link[] = {b->self->tools[b->tier].path,
                                link_flags[0],
                                link_flags[1],
                                "-o",
                                OBJECT,
                                "@parts",
                                "-lm",
                                NULL};
    mc_code rc = MC_OK;

    progress(b, 0);
    for (uint32_t i = 1; rc == MC_OK && i <= b->chunks; i++) {
        rc = compile_chunk(b, i, err);
        progress(b, i);
    }
    if (rc == MC_OK)
        rc = write_list(b, true, err);
    if (rc == MC_OK)
        rc = run(b, link, "linking", err);
    progress(b, b->chunks + 1);
    return rc;
}

static mc_code compile_instant(build *b, mc_err *err)
{
    const char *const argv[] = {b->self->tools[b->tier].path,
                                tcc_flags[0],
                                tcc_flags[1],
                                "-o",
                                OBJECT,
                                "@parts",
                                "-lm",
                                NULL};
    mc_code rc;

    progress(b, 0);
    rc = write_list(b, false, err);
    if (rc == MC_OK)
        rc = run(b, argv, "compiling", err);
    progress(b, b->chunks + 1);
    return rc;
}

mc_code mc__wasm_build(const mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                       const mc__wasm_job *job, int *out, mc_err *err)
{
    build b = {.self = self,
               .job = job,
               .tier = tier,
               .dir = -1,
               .deadline_us =
                   mc_clock_monotonic_us((mc_clock){0}) + self->config.timeout_ms * 1000};
    mc_wasm_module *module = NULL;
    int object = -1;
    mc_code rc = open_folder(&b, err);

    if (rc == MC_OK)
        rc = mc__wasm_translate(bytes, take_text, &b, &module, err);
    mc_wasm_module_free(module);
    if (rc == MC_OK)
        rc = tier == MC_WASM_TIER_INSTANT ? compile_instant(&b, err) : compile_full(&b, err);
    if (rc == MC_OK) {
        object = openat(b.dir, OBJECT, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (object < 0)
            rc = mc_fail_errno(err, MC_IO, errno, "wasm: compiled code");
    }
    if (rc == MC_OK)
        rc = mc__wasm_seal(object, 0, out, err);
    if (object >= 0)
        (void)close(object); /* read only */
    remove_folder(&b);
    return rc;
}
