/* SPDX-License-Identifier: Apache-2.0 */
/* What instances share, the stack that they run on, and the ways out of a call. */
#include "metacore/base/arena.h"
#include "metacore/base/map.h"
#include "metacore/runtime/wasm/wasm_store_internal.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#define SWITCHED_TO(stack, size) __sanitizer_start_switch_fiber(&fake_stack, (stack), (size))
#define ARRIVED() __sanitizer_finish_switch_fiber(NULL, &outer_stack, &outer_size)
#define SWITCHED_BACK() __sanitizer_start_switch_fiber(NULL, outer_stack, outer_size)
#define RETURNED() __sanitizer_finish_switch_fiber(fake_stack, NULL, NULL)
static void *fake_stack;
static const void *outer_stack;
static size_t outer_size;
#else
#define SWITCHED_TO(stack, size) ((void)(stack), (void)(size))
#define ARRIVED() ((void)0)
#define SWITCHED_BACK() ((void)0)
#define RETURNED() ((void)0)
#endif

/* The sanitizer would look for its place on the signal stack with calls that a child may not make.
 */
#define NO_SANITIZER __attribute__((no_sanitize("address"), no_sanitize("undefined")))

#define SIGNAL_STACK_BYTES ((size_t)64 << 10)

static mc__wasm_store *current; /* whose traps the handler catches */

/* ---- traps ---- */

const char *mc__wasm_trap_name(mcw_trap trap)
{
    static const char *const names[] = {
        "",
        "unreachable",
        "out of bounds memory access",
        "out of bounds table access",
        "undefined element",
        "uninitialized element",
        "indirect call type mismatch",
        "integer divide by zero",
        "integer overflow",
        "invalid conversion to integer",
        "call stack exhausted",
        "refused by the host",
    };

    return (unsigned)trap < MC_LEN(names) ? names[trap] : "unknown trap";
}

void mc__wasm_trap(mcw_instance *instance, uint32_t code)
{
    mc__wasm_store *store = ((mc__wasm_instance *)instance)->store;

    store->trap = code;
    __builtin_longjmp(store->out->buf, 1);
}

NO_SANITIZER static bool is_within(const void *at, const void *start, size_t size)
{
    return (const uint8_t *)at >= (const uint8_t *)start &&
           (const uint8_t *)at < (const uint8_t *)start + size;
}

NO_SANITIZER static uint32_t trap_of_fault(const mc__wasm_store *store, const void *at)
{
    if (is_within(at, store->stack, MC__WASM_STACK_GUARD_BYTES))
        return MCW_TRAP_STACK;
    for (const mc__wasm_memory *memory = store->memories; memory; memory = memory->next) {
        if (is_within(at, memory->abi.base, MC__WASM_RESERVED_BYTES))
            return MCW_TRAP_MEMORY;
    }
    return MCW_TRAP_NONE;
}

/*
 * A fault in a reservation or guard, while a guest runs, is its trap. Anything else is not ours to
 * survive: the default action is put back, and the same instruction faults again.
 */
NO_SANITIZER static void on_fault(int number, siginfo_t *info, void *context)
{
    mc__wasm_store *store = current;
    uint32_t trap = store && store->out ? trap_of_fault(store, info->si_addr) : MCW_TRAP_NONE;

    (void)context;
    if (trap == MCW_TRAP_NONE) {
        (void)signal(number, SIG_DFL); /* the next fault ends us either way */
        return;
    }
    store->trap = trap;
    __builtin_longjmp(store->out->buf, 1);
}

/* SA_NODEFER: the signal mask is never touched, which saves a system call. */
static bool catch_faults(mc__wasm_store *store)
{
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    stack_t alternative = {.ss_sp = store->signal_stack, .ss_size = SIGNAL_STACK_BYTES};

    sigemptyset(&action.sa_mask);
    return sigaltstack(&alternative, &store->old_signal_stack) == 0 &&
           sigaction(SIGSEGV, &action, &store->old_segv) == 0 &&
           sigaction(SIGBUS, &action, &store->old_bus) == 0;
}

/* ---- store ---- */

mc_code mc__wasm_store_new(uint32_t max_pages, uint32_t max_table_entries, mc__wasm_store **out,
                           mc_err *err)
{
    mc__wasm_store *store = calloc(1, sizeof(*store));
    size_t size = MC__WASM_STACK_GUARD_BYTES + MC__WASM_STACK_BYTES;

    if (!store)
        return mc_fail(err, MC_NO_MEMORY, "wasm: store");
    store->max_pages = max_pages;
    store->max_table_entries = max_table_entries;
    store->arena = mc_arena_new(0);
    store->signal_stack = calloc(1, SIGNAL_STACK_BYTES);
    store->results = calloc(MC_WASM_RESULTS_MAX, sizeof(mcw_value));
    store->stack = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (store->stack == MAP_FAILED)
        store->stack = NULL;
    if (!store->arena || !store->signal_stack || !store->results || !store->stack ||
        mprotect(store->stack + MC__WASM_STACK_GUARD_BYTES, MC__WASM_STACK_BYTES,
                 PROT_READ | PROT_WRITE) != 0 ||
        !catch_faults(store)) {
        mc__wasm_store_free(store);
        return mc_fail(err, MC_NO_MEMORY, "wasm: store");
    }
    store->is_catching = true;
    mc__wasm_runtime_init(store);
    current = store;
    *out = store;
    return MC_OK;
}

void mc__wasm_store_free(mc__wasm_store *store)
{
    if (!store)
        return;
    if (store->is_catching) {
        (void)sigaction(SIGSEGV, &store->old_segv, NULL); /* what was read from it before */
        (void)sigaction(SIGBUS, &store->old_bus, NULL);
        (void)sigaltstack(&store->old_signal_stack, NULL);
        current = NULL;
    }
    while (store->memories)
        mc__wasm_memory_free(store, store->memories);
    if (store->stack)
        (void)munmap(store->stack, MC__WASM_STACK_GUARD_BYTES + MC__WASM_STACK_BYTES); /* ours */
    mc_map_deinit(&store->types);
    mc_arena_free(store->arena);
    free(store->signal_stack);
    free(store->results);
    free(store);
}

uint32_t mc__wasm_store_type(mc__wasm_store *store, const mc__wasm_functype *type)
{
    size_t len = (size_t)type->param_count + 1 + type->result_count;
    char *key = mc_arena_alloc(store->arena, len);
    uint32_t *known;
    mc_err err;

    if (!key)
        return 0;
    memcpy(key, type->params, type->param_count);
    key[type->param_count] = 0; /* no type has this byte: what is left of it are parameters */
    memcpy(key + type->param_count + 1, type->results, type->result_count);
    known = mc_map_find(&store->types, mc_str_of(key, len));
    if (known)
        return *known;
    known = mc_arena_object(store->arena, uint32_t);
    if (!known)
        return 0;
    *known = (uint32_t)store->types.count + 1;
    return mc_map_put(&store->types, mc_str_of(key, len), known, &err) == MC_OK ? *known : 0;
}

/* ---- the stack ---- */

static ucontext_t outside, inside;
static void (*run_fn)(void *);
static void *run_arg;

static void on_stack(void)
{
    ARRIVED();
    run_fn(run_arg);
    SWITCHED_BACK();
}

void mc__wasm_store_run(mc__wasm_store *store, void (*fn)(void *arg), void *arg)
{
    run_fn = fn;
    run_arg = arg;
    (void)getcontext(&inside); /* cannot fail on Linux */
    inside.uc_stack.ss_sp = store->stack + MC__WASM_STACK_GUARD_BYTES;
    inside.uc_stack.ss_size = MC__WASM_STACK_BYTES;
    inside.uc_link = &outside;
    makecontext(&inside, on_stack, 0);
    SWITCHED_TO(inside.uc_stack.ss_sp, inside.uc_stack.ss_size);
    (void)swapcontext(&outside, &inside); /* as above */
    RETURNED();
}

bool mc__wasm_store_has_stack(const mc__wasm_store *store)
{
    const uint8_t *here = __builtin_frame_address(0);

    return here > store->stack + MC__WASM_STACK_GUARD_BYTES + MC__WASM_STACK_FOR_HOST;
}

void mc__wasm_store_trim_stack(mc__wasm_store *store)
{
    uint8_t *lowest = store->stack + MC__WASM_STACK_GUARD_BYTES;
    size_t unused = (size_t)((const uint8_t *)__builtin_frame_address(0) - lowest);

    if (unused > MC__WASM_STACK_FOR_HOST) /* what is left is for this call and what follows it */
        (void)madvise(lowest, (unused - MC__WASM_STACK_FOR_HOST) & ~(size_t)0xffff, MADV_DONTNEED);
}

/* ---- calls ---- */

typedef struct call {
    mc__wasm_instance *instance;
    const mcw_func *function;
    void (*entry)(const mcw_func *, mcw_value *); /* NULL: plain */
    mcw_value *values;
} call;

/* The way out is nested: a host function may call back, and its trap ends only that call. */
__attribute__((noinline)) static mcw_trap guarded(const call *c)
{
    mc__wasm_store *store = c->instance->store;
    mc__wasm_way_out out = {.outer = store->out};

    store->out = &out;
    if (__builtin_setjmp(out.buf) != 0) {
        store->out = out.outer;
        return (mcw_trap)store->trap;
    }
    if (c->entry)
        c->entry(c->function, c->values);
    else
        ((void (*)(mcw_instance *))c->function->code)(c->function->instance);
    store->out = out.outer;
    return MCW_TRAP_NONE;
}

mcw_trap mc__wasm_call(mc__wasm_instance *instance, uint32_t function, mcw_value *values)
{
    uint32_t type = mc__wasm_function_type(instance->m, function)->canonical;
    call c = {instance, mc__wasm_instance_function(instance, function),
              instance->code->entries[type], values};

    return guarded(&c);
}

mcw_trap mc__wasm_call_plain(mc__wasm_instance *instance, uint32_t function)
{
    call c = {instance, mc__wasm_instance_function(instance, function), NULL, NULL};

    return guarded(&c);
}
