/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_POOL_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_POOL_INTERNAL_H

/* What the runtime's files share: generations of a guest's code, and the children that run them. */

#include "metacore/base/map.h"
#include "metacore/base/sync.h"
#include "metacore/runtime/wasm/wasm_channel_internal.h"
#include "metacore/runtime/wasm/wasm_compile_internal.h"
#include "metacore/runtime/wasm/wasm_instance_internal.h"
#include "metacore/runtime/wasm/wasm_zygote_internal.h"

#include <pthread.h>

/* One compilation of a guest, loaded in the zygote, with the state that its calls start from. */
typedef struct mc__wasm_generation {
    mc_wasm *wasm;
    uint32_t id;
    mc_wasm_tier tier;
    int module, object; /* for a zygote that does not know them yet; module is the guest's */
    int snapshot;
    uint32_t refs; /* guarded by wasm->mu: the guest's, and one per child */
} mc__wasm_generation;

typedef struct mc__wasm_child {
    mc__wasm_generation *generation;
    mc__wasm_channel *channel;
    pid_t pid;
    int pidfd;
    int cpu; /* where it is pinned; -1: nowhere yet */
    mc__wasm_patience patience;
    uint32_t calls;
    mc_buf scratch; /* arguments of a host call, out of the child's reach */
    mc_buf answer;
    uint32_t output_taken;       /* of the call's, and handed on */
    struct mc__wasm_child *next; /* idle: the one used before it */
} mc__wasm_child;

struct mc_wasm_guest {
    mc_wasm *wasm;
    int file; /* sealed memfd of the module */
    mc_str bytes;
    mc_wasm_module *module;
    mc_map exports; /* name -> mc__wasm_export */
    uint32_t max_pages;
    bool wants_random;            /* it imports random_get: each call brings a seed */
    _Atomic bool is_leaving;      /* its compilation is not worth ending */
    mc__wasm_generation *current; /* this and all below: guarded by wasm->mu */
    mc_wasm_guest_state state;
    int64_t began_us;           /* of what is being made */
    bool is_waiting;            /* for the background compilation, or in it */
    struct mc_wasm_guest *next; /* in that queue */
};

struct mc_wasm {
    mc_wasm_config config;
    int rules;
    pthread_t compiler_thread;
    bool has_thread;
    mc_mutex mu;
    mc_cond released;     /* a child became idle, or ended */
    mc_cond queued;       /* a guest waits for compilation, or the thread should end */
    mc_cond settled;      /* a guest's compilation has ended */
    bool is_ending;       /* this and all below: guarded by mu */
    mc_wasm_guest *queue; /* for better code, oldest first */
    mc__wasm_child *idle; /* latest used first */
    uint32_t next_id;
    mc_wasm_stats stats;
};

/* ---- wasm_generation.c ---- */

/* Loads the object and runs the guest's initialization; one reference. */
mc_code mc__wasm_generation_new(mc_wasm_guest *guest, const mc_wasm_object *object,
                                mc__wasm_generation **out, mc_err *err);
/* Gives n references back; the last one unloads. Takes the runtime's mutex. */
void mc__wasm_generation_unref(mc__wasm_generation *generation);

/* ---- wasm_compile_tiers.c ---- */

/* What runs in the background; user is the runtime. */
void *mc__wasm_improve_all(void *user);

/* ---- wasm_pool.c ---- */

mc_code mc__wasm_child_spawn(mc__wasm_generation *generation, mc__wasm_child_kind kind,
                             uint32_t max_pages, int snapshot, int64_t deadline_us,
                             mc__wasm_child **out, mc_err *err);
/* Kills it, if it lives, and frees all but its reference to the generation. */
void mc__wasm_child_end(mc__wasm_child *child);
/* A child for the guest's current code, idle or new, for this thread alone. */
mc_code mc__wasm_child_take(mc_wasm_guest *guest, bool is_urgent, int64_t deadline_us,
                            mc__wasm_child **out, mc_err *err);
/* Back to the others, or, when it is of no more use, to its end. */
void mc__wasm_child_give(mc_wasm_guest *guest, mc__wasm_child *child, bool is_alive);
/* Ends idle children: of one guest's generations, or (NULL) all. */
void mc__wasm_children_drop(mc_wasm *self, const mc__wasm_generation *of);
bool mc__wasm_child_is_dead(const mc__wasm_child *child);

/* ---- wasm_output.c ---- */

#define MC__WASM_TRAP_TEXT 160

/* After SAY_TRAP: what ended the guest, in its words or ours; one line of UTF-8. */
void mc__wasm_trap_text(const mc__wasm_channel *channel, char out[MC__WASM_TRAP_TEXT]);
/* Hands on the lines that are there and were not yet; at the end also one without an end. Uses the
 * child's scratch. */
void mc__wasm_output_take(mc__wasm_child *child, const mc_wasm_call *call, bool is_end);

#endif
