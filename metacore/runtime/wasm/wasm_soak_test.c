/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile calls for as long as is wanted, each followed by a good one, while processes are killed:
 * METACORE_HOSTILE_CALLS in all (a few hundred without it). script/guest-soak runs the full length.
 */
#include "mc_module.h"
#include "metacore/runtime/wasm/wasm_attacks_test_internal.h"
#include "metacore/runtime/wasm/wasm_pool_internal.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define THREADS 4
#define CALLS_USUALLY 400
#define KILL_EVERY_US 300
#define CHILDREN 12
#define TIMEOUTS_ONE_IN 16 /* they take their time */
#define ZYGOTES_ONE_IN 5000
#define GROWTH_KB_MAX 16384
#define FUNCTIONS_USUALLY 3000

static const mc_str hello = MC_STR_INIT("hello, guest");

/* ---- this process, and its children ---- */

static long number_in(const char *path, const char *label)
{
    FILE *file = fopen(path, "re");
    char line[256];
    long value = 0;

    while (file && fgets(line, sizeof(line), file)) {
        if (strncmp(line, label, strlen(label)) == 0)
            value = strtol(line + strlen(label), NULL, 10);
    }
    if (file)
        (void)fclose(file); /* read only */
    return value;
}

static long descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    long count = -1; /* the folder's own */

    while (dir && readdir(dir))
        count++;
    if (dir)
        (void)closedir(dir); /* nothing was written */
    return count;
}

static bool is_zombie(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[256];
    bool is = false;

    while (file && fgets(line, sizeof(line), file))
        is |= strncmp(line, "State:\tZ", 8) == 0;
    if (file)
        (void)fclose(file); /* read only */
    return is;
}

/* Of this process: all that descend from it and live. */
static long descendants(pid_t of, long *out_kb)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    long count = 0;

    while (proc && (entry = readdir(proc))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        char path[64];

        if (pid <= 0)
            continue;
        snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
        if (number_in(path, "PPid:") != of || is_zombie(path))
            continue;
        count += 1 + descendants(pid, out_kb);
        snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
        *out_kb += number_in(path, "Pss:");
    }
    if (proc)
        (void)closedir(proc); /* as above */
    return count;
}

typedef struct sight {
    long rss_kb, children_kb, files, processes;
} sight;

static sight look(const char *when)
{
    sight s = {.rss_kb = number_in("/proc/self/status", "VmRSS:"), .files = descriptors()};

    s.processes = descendants(getpid(), &s.children_kb);
    printf("# %s: %ld KB, %ld descriptors; %ld processes of %ld KB\n", when, s.rss_kb, s.files,
           s.processes, s.children_kb);
    return s;
}

/* ---- who attacks ---- */

typedef struct soak {
    mc_wasm *wasm;
    mc_wasm_guest *hostile, *other;
    _Atomic bool is_done;
    _Atomic long attacks, broken;
} soak;

typedef struct attacker {
    soak *s;
    uint64_t seed;
    long calls;
} attacker;

static uint64_t next_number(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return *seed >> 33;
}

static mc_code echo(mc_wasm_guest *guest)
{
    mc_wasm_call call = {MC_WASM_CALL, .function = MC_STR("echo"), .input = hello};
    mc_buf out;
    mc_err err;
    mc_code rc;

    mc_buf_init(&out, 0);
    rc = mc_wasm_invoke(guest, &call, &out, &err);
    if (rc == MC_OK)
        MC_EXPECT(mc_str_eq(mc_buf_get(&out), hello));
    else if (rc != MC_UNAVAILABLE)
        MC_EXPECT_OK(rc, &err);
    mc_buf_deinit(&out);
    return rc;
}

/* Whoever is killed in the middle of a call is told so, and nobody else anything. */
static void attack(soak *s, size_t which)
{
    const mc_wasm_attack_case *attack = &mc_wasm_attacks[which];
    mc_err err = {0};
    mc_code rc = mc_wasm_test_call(s->hostile, attack->function,
                                   attack->code == MC_TIMEOUT ? 30 : 20000, &err);

    atomic_fetch_add(&s->attacks, 1);
    if (rc == MC_UNAVAILABLE)
        atomic_fetch_add(&s->broken, 1);
    else
        MC_EXPECT_EQ(rc, attack->code);
}

static void *run_attacker(void *user)
{
    attacker *a = user;

    for (long i = 0; i < a->calls; i++) {
        size_t which = (size_t)next_number(&a->seed) % mc_wasm_attack_count();
        mc_code rc = MC_UNAVAILABLE;

        if (mc_wasm_attacks[which].code == MC_TIMEOUT && i % TIMEOUTS_ONE_IN)
            which = 0;
        attack(a->s, which);
        for (int tries = 0; tries < 20 && rc == MC_UNAVAILABLE; tries++)
            rc = echo(a->s->hostile); /* its process may be the next that is killed */
        MC_EXPECT_EQ(rc, MC_OK);
        MC_EXPECT_EQ(echo(a->s->other), MC_OK); /* another's never is */
    }
    return NULL;
}

/* Kills processes of the hostile guest: idle when they are chosen, at work perhaps when they die.
 */
static void *run_killer(void *user)
{
    soak *s = user;

    while (!atomic_load(&s->is_done)) {
        pid_t victim = 0;

        mc_mutex_lock(&s->wasm->mu);
        for (const mc__wasm_child *at = s->wasm->idle; at && !victim; at = at->next)
            victim = at->generation == s->hostile->current ? at->pid : 0;
        if (victim)
            (void)kill(victim, SIGKILL); /* it is on the list, so the number is still its */
        mc_mutex_unlock(&s->wasm->mu);
        usleep(KILL_EVERY_US);
    }
    return NULL;
}

static void run_all(soak *s, long calls)
{
    pthread_t threads[THREADS], killer;
    attacker attackers[THREADS];

    MC_REQUIRE(pthread_create(&killer, NULL, run_killer, s) == 0);
    for (size_t i = 0; i < THREADS; i++) {
        attackers[i] = (attacker){s, i + 1, calls / THREADS};
        MC_REQUIRE(pthread_create(&threads[i], NULL, run_attacker, &attackers[i]) == 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL); /* started above */
    atomic_store(&s->is_done, true);
    (void)pthread_join(killer, NULL); /* as above */
}

/* With the zygote all children die; the next call meets another. */
static void kill_zygotes(soak *s, long times)
{
    for (long i = 0; i < times; i++) {
        char path[64];
        pid_t child = 0, zygote;

        MC_EXPECT_EQ(echo(s->other), MC_OK);
        mc_mutex_lock(&s->wasm->mu);
        child = s->wasm->idle ? s->wasm->idle->pid : 0;
        mc_mutex_unlock(&s->wasm->mu);
        snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
        zygote = (pid_t)number_in(path, "PPid:");
        MC_REQUIRE(child > 0 && zygote > 1 && kill(zygote, SIGKILL) == 0);
        while (kill(child, 0) == 0)
            usleep(1000); /* it follows */
        MC_EXPECT_EQ(echo(s->other), MC_OK);
        MC_EXPECT_EQ(echo(s->hostile), MC_OK);
    }
}

MC_TEST("hostile calls without end, and processes that are killed, harm nobody else")
{
    const char *wanted = getenv("METACORE_HOSTILE_CALLS");
    long calls = wanted ? strtol(wanted, NULL, 10) : CALLS_USUALLY;
    mc_wasm_config config = {MC_WASM_CONFIG, .children_max = CHILDREN};
    soak s = {.is_done = false};
    sight before, after;
    mc_wasm_stats stats;
    mc_err err;

    if (!mc_wasm_test_has_wabt())
        MC_SKIP("wat2wasm is not installed");
    config.zygote = mc_wasm_test_zygote();
    config.compiler = mc_wasm_test_compiler();
    MC_REQUIRE(mc_wasm_test_runtime() != NULL); /* which stops them both in the end */
    MC_REQUIRE_OK(mc_wasm_new(&config, &s.wasm, &err), &err);
    MC_REQUIRE_OK(mc_wasm_test_load(s.wasm, mc_wasm_attack_fields, &s.hostile, &err), &err);
    MC_REQUIRE_OK(mc_wasm_test_load(s.wasm, "(func (export \"other\"))", &s.other, &err), &err);
    mc_wasm_guest_settle(s.hostile);
    mc_wasm_guest_settle(s.other);
    for (size_t i = 0; i < mc_wasm_attack_count(); i++)
        mc_wasm_attack(s.hostile, i); /* all that is made once is made */
    before = look("before");
    run_all(&s, calls);
    kill_zygotes(&s, 1 + calls / ZYGOTES_ONE_IN);
    mc_wasm_get_stats(s.wasm, &stats);
    printf("# %ld hostile calls, %ld of them broken off by a kill; %llu traps, %llu timeouts, %llu "
           "deaths, %llu processes started, %llu zygotes replaced\n",
           atomic_load(&s.attacks), atomic_load(&s.broken), (unsigned long long)stats.traps,
           (unsigned long long)stats.timeouts, (unsigned long long)stats.deaths,
           (unsigned long long)stats.spawned, (unsigned long long)stats.zygotes);
    MC_EXPECT_EQ(stats.busy, 0);
    MC_EXPECT(stats.children <= CHILDREN);
    mc_wasm_guest_free(s.hostile);
    mc_wasm_guest_free(s.other);
    mc_wasm_free(s.wasm);
    after = look("after, without guests");
    MC_EXPECT(after.files < before.files);
    MC_EXPECT_EQ(after.processes, 2); /* the zygote and its keeper */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    MC_EXPECT(after.rss_kb < before.rss_kb + GROWTH_KB_MAX);
#endif
}

/* ---- a module of as many functions as there may be ---- */

MC_TEST("a module of very many functions is compiled with memory and time that have an end")
{
    const char *wanted = getenv("METACORE_HOSTILE_FUNCTIONS");
    const mc_module_spec spec = {.functions = wanted ? (uint32_t)strtoul(wanted, NULL, 10) - 2
                                                     : FUNCTIONS_USUALLY};
    mc_wasm_config config = {MC_WASM_CONFIG};
    mc_wasm_guest_state state = {MC_WASM_GUEST_STATE};
    mc_wasm_guest *guest = NULL;
    mc_wasm *wasm = NULL;
    struct rusage usage;
    mc_buf bytes;
    mc_err err;

    config.zygote = mc_wasm_test_zygote();
    config.compiler = mc_wasm_test_compiler();
    MC_REQUIRE_OK(mc_wasm_new(&config, &wasm, &err), &err);
    mc_buf_init(&bytes, 0);
    mc_module_write(&bytes, &spec);
    MC_EXPECT_OK(mc_wasm_guest_load(wasm, mc_buf_get(&bytes), NULL, &guest, &err), &err);
    if (guest) {
        mc_wasm_test_expect(guest, "f", MC_STR("x"), MC_STR(""));
        mc_wasm_guest_get_state(guest, &state);
        (void)getrusage(RUSAGE_CHILDREN, &usage); /* cannot fail so */
        printf("# %zu bytes, usable with %s; this process %ld KB, the largest compiler %ld KB\n",
               bytes.len, mc_wasm_tier_name(state.tier), number_in("/proc/self/status", "VmHWM:"),
               usage.ru_maxrss);
    }
    mc_wasm_guest_free(guest); /* gcc need not end */
    mc_wasm_free(wasm);
    mc_buf_deinit(&bytes);
}
