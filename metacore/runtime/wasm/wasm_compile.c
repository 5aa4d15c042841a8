/* SPDX-License-Identifier: Apache-2.0 */
/* Which compilers there are, whose turn it is, and what the cache already has. */
#include "metacore/base/time.h"
#include "metacore/runtime/wasm/wasm_compile_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_UID 65534 /* nobody */
#define DEFAULT_TIMEOUT_MS 600000
#define DEFAULT_CPU_SECONDS 120
#define DEFAULT_MEMORY_BYTES ((uint64_t)3 << 29)
#define DEFAULT_CACHE_BYTES ((uint64_t)1 << 30)
#define LOOK_EVERY_US 100000 /* whether a compilation that waits was stopped */

/* ---- compilers ---- */

/*
 * Which compiler it is, without running it: the file behind the links, its size and time. A new
 * version changes them, and so does not meet what an old one made.
 */
static bool identify(mc__wasm_tool *tool, const char *path)
{
    char *real = realpath(path, NULL);
    struct stat st;
    bool ok = real && stat(real, &st) == 0 && S_ISREG(st.st_mode) && access(real, X_OK) == 0 &&
              strlen(path) < sizeof(tool->path);

    if (ok) {
        const char *name = strrchr(real, '/');

        snprintf(tool->path, sizeof(tool->path), "%s", path);
        snprintf(tool->version, sizeof(tool->version), "%.60s %lld %lld", name ? name + 1 : real,
                 (long long)st.st_size, (long long)st.st_mtim.tv_sec);
    }
    free(real);
    return ok;
}

/* In the folders of PATH, as a shell would look; relative ones are nobody's to trust. */
static bool find_in_path(mc__wasm_tool *tool, const char *name)
{
    const char *path = getenv("PATH");
    mc_str rest = mc_z(path ? path : "/usr/bin:/bin"), folder;
    char whole[MC__WASM_PATH_MAX];

    while (mc_str_split(&rest, ':', &folder)) {
        if (mc_str_starts_with(folder, MC_STR("/")) &&
            snprintf(whole, sizeof(whole), "%.*s/%s", MC_FMT(folder), name) < (int)sizeof(whole) &&
            identify(tool, whole))
            return true;
    }
    return false;
}

static void find_tool(mc__wasm_tool *tool, const char *wanted, const char *first,
                      const char *second)
{
    if (wanted) {
        if (*wanted)
            (void)identify(tool, wanted); /* a wrong path leaves the tier without compiler */
        return;
    }
    if (!find_in_path(tool, first) && second)
        (void)find_in_path(tool, second);
}

bool mc_wasm_compiler_has(const mc_wasm_compiler *self, mc_wasm_tier tier)
{
    return self->tools[tier].path[0] != '\0';
}

/* ---- life ---- */

static void set_defaults(mc_wasm_compiler_config *config)
{
    if (config->uid == 0)
        config->uid = DEFAULT_UID;
    if (config->timeout_ms == 0)
        config->timeout_ms = DEFAULT_TIMEOUT_MS;
    if (config->cpu_seconds == 0)
        config->cpu_seconds = DEFAULT_CPU_SECONDS;
    if (config->memory_bytes == 0)
        config->memory_bytes = DEFAULT_MEMORY_BYTES;
    if (config->cache_bytes == 0)
        config->cache_bytes = DEFAULT_CACHE_BYTES;
}

static mc_code copy_artefacts(mc_wasm_compiler *self, const mc_wasm_compiler_config *config,
                              mc_err *err)
{
    const char *dir = config->artefact_dir ? config->artefact_dir : "";

    if (strlen(dir) >= sizeof(self->artefact_dir) ||
        config->artefact_key_count > MC_WASM_ARTEFACT_KEYS_MAX)
        return mc_fail(err, MC_INVALID, "wasm: config.artefact_dir or too many keys");
    (void)snprintf(self->artefact_dir, sizeof(self->artefact_dir), "%s", dir);
    self->artefact_key_count = config->artefact_key_count;
    if (self->artefact_key_count)
        memcpy(self->artefact_keys, config->artefact_keys,
               self->artefact_key_count * sizeof(*self->artefact_keys));
    return MC_OK;
}

mc_code mc_wasm_compiler_new(const mc_wasm_compiler_config *config, mc_wasm_compiler **out,
                             mc_err *err)
{
    mc_wasm_compiler *self;
    mc_code rc;

    if (!config->cache_dir || !*config->cache_dir ||
        strlen(config->cache_dir) > MC__WASM_PATH_MAX - 64)
        return mc_fail(err, MC_INVALID, "wasm: config.cache_dir is required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "wasm: compiler");
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->turn);
    self->config = *config;
    set_defaults(&self->config);
    snprintf(self->cache_dir, sizeof(self->cache_dir), "%s", config->cache_dir);
    snprintf(self->optimize, sizeof(self->optimize), "%s",
             config->optimize ? config->optimize : "-O2");
    find_tool(&self->tools[MC_WASM_TIER_FULL], config->gcc, "gcc", "cc");
    self->tools[MC_WASM_TIER_QUICK] = self->tools[MC_WASM_TIER_FULL];
    find_tool(&self->tools[MC_WASM_TIER_INSTANT], config->tcc, "tcc", NULL);
    self->cache = -1;
    rc = copy_artefacts(self, config, err);
    if (rc == MC_OK)
        rc = mc__wasm_cache_open(self, err);
    if (rc == MC_OK)
        mc__wasm_cache_clean(self);
    if (rc != MC_OK) {
        mc_wasm_compiler_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

void mc_wasm_compiler_free(mc_wasm_compiler *self)
{
    if (!self)
        return;
    if (self->cache >= 0)
        (void)close(self->cache); /* a folder */
    mc_cond_deinit(&self->turn);
    mc_mutex_deinit(&self->mu);
    free(self);
}

/* ---- words ---- */

const char *mc_wasm_tier_name(mc_wasm_tier tier)
{
    static const char *const names[MC_WASM_TIERS] = {"tcc", "gcc -O2", "gcc -O1"};

    return (unsigned)tier < MC_WASM_TIERS ? names[tier] : "unknown";
}

const char *mc_wasm_stage_name(mc_wasm_stage stage)
{
    static const char *const names[] = {"waiting", "translating", "compiling", "linking",
                                        "starting"};

    return (unsigned)stage < MC_LEN(names) ? names[stage] : "unknown";
}

/* ---- jobs ---- */

void mc__wasm_job_tell(const mc__wasm_job *job, mc_wasm_stage stage, uint32_t part, uint32_t parts)
{
    if (job && job->on_stage)
        job->on_stage(job->user, stage, part, parts);
}

/* Relaxed: neither guards anything else. */
bool mc__wasm_job_is_stopped(const mc_wasm_compiler *self, const mc__wasm_job *job)
{
    return atomic_load_explicit(&self->is_stopping, memory_order_relaxed) ||
           (job && job->stop && atomic_load_explicit(job->stop, memory_order_relaxed));
}

void mc_wasm_compiler_stop(mc_wasm_compiler *self)
{
    atomic_store_explicit(&self->is_stopping, true, memory_order_relaxed);
}

/* ---- compiling ---- */

/* A flag and a condition rather than the mutex: nothing is locked while a compiler runs. Who waits
 * for his code does not wait for those who have some already. */
static mc_code take_turn(mc_wasm_compiler *self, const mc__wasm_job *job, mc_err *err)
{
    bool lane = job && job->is_background;
    int64_t until = mc_clock_monotonic_us((mc_clock){0}) + self->config.timeout_ms * 1000;
    bool is_stopped = false, is_late = false;

    mc_mutex_lock(&self->mu);
    while (self->is_busy[lane] && !is_stopped && !is_late) {
        MC_IGNORE(
            mc_cond_wait_for(&self->turn, &self->mu, LOOK_EVERY_US)); /* it looks either way */
        is_stopped = mc__wasm_job_is_stopped(self, job);
        is_late = mc_clock_monotonic_us((mc_clock){0}) > until;
    }
    if (!is_stopped && !is_late)
        self->is_busy[lane] = true;
    mc_mutex_unlock(&self->mu);
    if (is_stopped)
        return mc_fail(err, MC_INTERRUPTED, "wasm: compiling was stopped");
    if (is_late)
        return mc_fail(err, MC_TIMEOUT, "wasm: others' modules were compiled for more than %lld ms",
                       (long long)self->config.timeout_ms);
    return MC_OK;
}

static void end_turn(mc_wasm_compiler *self, const mc__wasm_job *job)
{
    mc_mutex_lock(&self->mu);
    self->is_busy[job && job->is_background] = false;
    mc_cond_broadcast(&self->turn);
    mc_mutex_unlock(&self->mu);
}

static mc_code build_in_turn(mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                             const mc__wasm_job *job, const char *name, mc_wasm_object *out,
                             mc_err *err)
{
    mc_err ignored;
    mc_code rc;

    out->fd = mc__wasm_cache_load(self, name); /* another caller may just have made it */
    out->was_cached = out->fd >= 0;
    if (out->fd >= 0)
        return MC_OK;
    rc = mc__wasm_build(self, bytes, tier, job, &out->fd, err);
    /* Code that could not be kept runs all the same; it is made again next time. */
    if (rc == MC_OK)
        MC_IGNORE(mc__wasm_cache_store(self, name, out->fd, &ignored));
    return rc;
}

mc_code mc__wasm_compile_find(const mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                              mc_wasm_object *out, mc_err *err)
{
    mc_wasm_object object = {.fd = -1, .was_cached = true, .tier = tier};
    char name[80];
    mc_code rc = MC_NOT_FOUND;

    mc__wasm_cache_name(self, bytes, tier, name);
    object.fd = mc__wasm_cache_load(self, name);
    if (object.fd < 0 && tier == MC_WASM_TIER_FULL)
        rc = mc__wasm_artefact_find(self, bytes, &object.fd, err);
    if (object.fd < 0)
        return rc;
    *out = object;
    return MC_OK;
}

mc_code mc_wasm_compile(mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                        mc_wasm_object *out, mc_err *err)
{
    return mc__wasm_compile_job(self, bytes, tier, NULL, out, err);
}

static mc_code no_compiler(mc_wasm_tier tier, mc_err *err)
{
    return mc_fail(err, MC_NOT_PROVIDED,
                   "no C compiler here: install %s, or bring what \"metacore addon compile\" made "
                   "elsewhere into --compiled-dir",
                   tier == MC_WASM_TIER_INSTANT ? "tcc" : "tcc or gcc");
}

mc_code mc__wasm_compile_job(mc_wasm_compiler *self, mc_str bytes, mc_wasm_tier tier,
                             const mc__wasm_job *job, mc_wasm_object *out, mc_err *err)
{
    mc_wasm_object object = {.fd = -1, .tier = tier};
    char name[80];
    mc_code rc = mc__wasm_compile_find(self, bytes, tier, out, err);

    if (rc == MC_OK)
        return MC_OK;
    if (!mc_wasm_compiler_has(self, tier))
        return rc == MC_FORBIDDEN ? rc : no_compiler(tier, err);
    mc__wasm_job_tell(job, MC_WASM_STAGE_WAITING, 0, 0);
    rc = take_turn(self, job, err);
    if (rc != MC_OK)
        return rc;
    mc__wasm_cache_name(self, bytes, tier, name);
    rc = build_in_turn(self, bytes, tier, job, name, &object, err);
    end_turn(self, job);
    if (rc == MC_OK)
        *out = object;
    return rc;
}
