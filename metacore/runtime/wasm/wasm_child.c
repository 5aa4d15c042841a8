/* SPDX-License-Identifier: Apache-2.0 */
/* A child: one instance, confined, that answers calls until it is killed. */
#include "metacore/runtime/wasm/wasm_process_internal.h"
#include "metacore/runtime/wasm/wasm_snapshot_internal.h"
#include "metacore/runtime/wasm/wasm_wasi_internal.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PANIC_MAX 110 /* of its line in the error */

typedef struct child {
    const mc__wasm_child_start *start;
    mc__wasm_channel *channel;
    mc__wasm_store *store;
    mc__wasm_host *host;
    mc__wasm_instance *instance;
    mc__wasm_reset *reset;
    uint32_t initializer; /* MC__WASM_NONE: there is none */
    bool is_command;      /* it may end its process */
    uint8_t *snapshot;    /* of INIT: writable */
    uint64_t snapshot_room;
} child;

static void say(child *c, uint32_t what, uint32_t detail, mc_str payload)
{
    c->channel->say = what;
    c->channel->function = detail;
    c->channel->len = (uint32_t)payload.len;
    if (payload.len)
        memcpy(c->channel->payload, payload.ptr, payload.len);
    mc__wasm_channel_pass(c->channel, MC__WASM_TURN_SERVER);
}

_Noreturn static void fail(child *c, const char *why)
{
    say(c, MC__WASM_SAY_FAILED, 0, mc_z(why));
    _exit(1);
}

/* ---- initialization ---- */

static uint32_t find_plain(const mc_wasm_module *m, const char *export)
{
    mc_wasm_name name;

    return mc_wasm_module_find_export(m, mc_z(export), &name) && name.kind == MC_WASM_FUNCTION &&
                   strcmp(name.signature, "()->()") == 0
               ? name.index
               : MC__WASM_NONE;
}

/* _initialize, of reactors, or else _start, of commands: what its main leaves is what the other
 * exports work with. */
static void find_initializer(child *c)
{
    c->initializer = find_plain(c->start->m, "_initialize");
    if (c->initializer != MC__WASM_NONE)
        return;
    c->initializer = find_plain(c->start->m, "_start");
    c->is_command = true;
}

/* start was not run by instance_new. A command may end its process as C programs do, without
 * complaint. */
static mcw_trap run_initialization(child *c)
{
    mc__wasm_wasi_call *call = &mc__wasm_host_wasi(c->host)->call;
    uint32_t start = c->start->m->start;
    mcw_trap trap = MCW_TRAP_NONE;

    mc__wasm_host_attach(c->host, c->instance, false);
    if (start != MC__WASM_NONE)
        trap = mc__wasm_call_plain(c->instance, start);
    if (trap != MCW_TRAP_NONE || c->initializer == MC__WASM_NONE)
        return trap;
    trap = mc__wasm_call_plain(c->instance, c->initializer);
    if (trap == MCW_TRAP_NONE || !c->is_command || !call->has_exited || call->exit_code != 0)
        return trap;
    call->has_exited = false;
    return MCW_TRAP_NONE;
}

/* ---- a call ---- */

/* The input in the guest's memory by its own alloc; an empty one is nowhere, and asks nobody. */
static mcw_trap put_input(child *c, uint32_t *at)
{
    uint32_t len = c->channel->len;
    mcw_trap trap;

    *at = 0;
    if (len == 0)
        return MCW_TRAP_NONE;
    trap = mc__wasm_host_alloc(c->host, len, at);
    if (trap == MCW_TRAP_NONE)
        memcpy(c->instance->abi.base + *at, c->channel->payload, len);
    return trap;
}

static void give_output(child *c, uint64_t packed)
{
    uint32_t at = (uint32_t)(packed >> 32), len = (uint32_t)packed;

    if (len == 0)
        say(c, MC__WASM_SAY_DONE, 0, MC_STR(""));
    else if (!c->instance->memory || (uint64_t)at + len > c->instance->memory->abi.bytes)
        say(c, MC__WASM_SAY_BAD_RESULT, 0, MC_STR(""));
    else if (len > MC_WASM_MESSAGE_MAX)
        say(c, MC__WASM_SAY_OVERSIZE, 0, MC_STR(""));
    else
        say(c, MC__WASM_SAY_DONE, 0, mc_str_of((const char *)c->instance->abi.base + at, len));
}

/* Rust and Go print why they panic, and then run into unreachable: the last line that says so. */
static mc_str find_panic(const mc__wasm_channel *channel)
{
    mc_str rest = mc_str_of((const char *)channel->output, channel->output_len);
    mc_str found = MC_STR("");

    while (rest.len > 0) {
        size_t end = mc_str_find(rest, MC_STR("\n"));
        mc_str line = mc_str_slice(rest, 0, end);

        if (mc_str_find(line, MC_STR("panic")) < line.len)
            found = line;
        rest = mc_str_slice(rest, end < rest.len ? end + 1 : end, rest.len);
    }
    return mc_str_slice(found, 0, found.len < PANIC_MAX ? found.len : PANIC_MAX);
}

/* What ended it, in the words of an imported function where one did. */
static void say_trap(child *c, mcw_trap trap, bool is_init)
{
    const mc__wasm_wasi_call *call = &mc__wasm_host_wasi(c->host)->call;
    char text[MC__WASM_WHY_MAX + 64], exited[40];
    const char *why = call->why[0] ? call->why : mc__wasm_trap_name(trap);
    mc_str panic = trap == MCW_TRAP_UNREACHABLE ? find_panic(c->channel) : MC_STR("");

    if (call->has_exited) {
        (void)snprintf(exited, sizeof(exited), "exited with code %u", call->exit_code);
        why = exited;
    }
    (void)snprintf(text, sizeof(text), "%s%s%s%.*s", is_init ? "initialization: " : "", why,
                   panic.len ? ": " : "", MC_FMT(panic));
    say(c, MC__WASM_SAY_TRAP, trap, mc_z(text));
}

/* A function that ends its process without complaint has said nothing. */
static void conclude(child *c, mcw_trap trap, uint64_t packed)
{
    const mc__wasm_wasi_call *call = &mc__wasm_host_wasi(c->host)->call;

    if (trap == MCW_TRAP_NONE)
        give_output(c, packed);
    else if (call->has_exited && call->exit_code == 0)
        say(c, MC__WASM_SAY_DONE, 0, MC_STR(""));
    else
        say_trap(c, trap, false);
    if (trap == MCW_TRAP_STACK)
        mc__wasm_store_trim_stack(c->store);
}

/* No release of input or output: the whole instance is forgotten. */
static void call_function(child *c)
{
    uint32_t function = c->channel->function, dialect = c->channel->dialect;
    uint32_t len = c->channel->len, at = 0;
    mcw_value values[2] = {{0}};
    mcw_trap trap = put_input(c, &at);

    if (dialect == MC__WASM_DIALECT_PACKED) {
        values[0].i64 = (uint64_t)at << 32 | len;
    } else {
        values[0].i32 = at;
        values[1].i32 = len;
    }
    if (trap == MCW_TRAP_NONE && dialect == MC__WASM_DIALECT_PLAIN) {
        trap = mc__wasm_call_plain(c->instance, function);
        values[0].i64 = 0;
    } else if (trap == MCW_TRAP_NONE) {
        trap = mc__wasm_call(c->instance, function, values);
    }
    conclude(c, trap, values[0].i64);
}

static void answer_call(child *c)
{
    mcw_trap trap = MCW_TRAP_NONE;

    mc__wasm_host_wasi(c->host)->call = (mc__wasm_wasi_call){0};
    mc__wasm_host_set_alloc(c->host, c->channel->alloc);
    if (mc__wasm_reset_is_before_init(c->reset))
        trap = run_initialization(c);
    mc__wasm_host_attach(c->host, c->instance, true);
    if (trap == MCW_TRAP_NONE)
        call_function(c);
    else
        say_trap(c, trap, true);
}

static void serve(void *user)
{
    child *c = user;

    say(c, MC__WASM_SAY_READY, 0, MC_STR(""));
    for (;;) {
        mc__wasm_channel_wait(c->channel, MC__WASM_TURN_CHILD, NULL); /* perhaps for long */
        answer_call(c);
        mc__wasm_channel_rest(mc__wasm_host_patience(c->host));
        mc__wasm_reset_run(c->reset); /* after the answer: nobody waits for it */
    }
}

/* ---- the state that calls start from ---- */

/*
 * In a child of its own. The state before goes first: it is what calls start from when the state
 * after tells what only one of them may see.
 */
static void initialize(void *user)
{
    child *c = user;
    const mc__wasm_wasi *wasi = mc__wasm_host_wasi(c->host);
    mcw_trap trap;

    if (wasi->is_bound &&
        !mc__wasm_snapshot_write(c->instance, true, c->snapshot, c->snapshot_room))
        fail(c, "wasm: the module has a state that cannot be kept");
    trap = run_initialization(c);
    if (trap != MCW_TRAP_NONE) {
        say_trap(c, trap, true);
        _exit(1);
    }
    if (!wasi->call.is_used &&
        !mc__wasm_snapshot_write(c->instance, false, c->snapshot, c->snapshot_room))
        fail(c, "wasm: initialization left a state that cannot be kept");
    say(c, MC__WASM_SAY_READY, 0, MC_STR(""));
    _exit(0);
}

/* ---- setting up ---- */

static void open_snapshot(child *c)
{
    struct stat st;

    if (c->start->kind != MC__WASM_CHILD_INIT)
        return;
    if (fstat(c->start->snapshot, &st) != 0)
        fail(c, "wasm: snapshot");
    c->snapshot_room = (uint64_t)st.st_size;
    c->snapshot =
        mmap(NULL, c->snapshot_room, PROT_READ | PROT_WRITE, MAP_SHARED, c->start->snapshot, 0);
    if (c->snapshot == MAP_FAILED)
        fail(c, "wasm: snapshot");
}

static void set_up(child *c, int pagemap)
{
    const mc__wasm_child_start *s = c->start;
    mcw_trap trap = MCW_TRAP_NONE;
    mc_err err = {0};
    mc_code rc;

    find_initializer(c);
    rc = mc__wasm_store_new(s->max_pages, MC__WASM_TABLE_ENTRIES_MAX, &c->store, &err);

    if (rc == MC_OK)
        rc = mc__wasm_host_new(c->store, s->m, s->rules, c->channel, &c->host, &err);
    if (rc == MC_OK)
        rc = mc__wasm_instance_new(c->store, s->m, s->code, mc__wasm_host_externs(c->host), c,
                                   &c->instance, &trap, &err);
    if (rc == MC_OK && trap != MCW_TRAP_NONE)
        fail(c, "wasm: a segment lies outside of its memory or table");
    if (rc == MC_OK && s->kind == MC__WASM_CHILD_SERVE)
        rc = mc__wasm_reset_new(c->instance, s->snapshot, pagemap, &c->reset, &err);
    if (rc != MC_OK)
        fail(c, err.msg);
}

_Noreturn void mc__wasm_child_main(const mc__wasm_child_start *start)
{
    static child c;
    int pagemap, kept[4];

    c.start = start;
    c.channel = mc__wasm_channel_map(start->channel);
    if (!c.channel)
        _exit(1);                                               /* the server sees it end */
    (void)prctl(PR_SET_NAME, "guest", 0, 0, 0);                 /* only what ps shows */
    pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC); /* -1: pages are dropped instead */
    kept[0] = start->channel;
    kept[1] = start->snapshot;
    kept[2] = start->rules;
    kept[3] = pagemap < 0 ? start->channel : pagemap;
    if (!mc__wasm_child_close_others(kept, MC_LEN(kept)) || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 ||
        getppid() == 1)
        fail(&c, "wasm: sandbox");
    open_snapshot(&c);
    set_up(&c, pagemap);
    (void)close(start->channel); /* mapped, all three */
    (void)close(start->snapshot);
    (void)close(start->rules);
    if (!mc__wasm_child_confine())
        fail(&c, "wasm: sandbox");
    mc__wasm_store_run(c.store, start->kind == MC__WASM_CHILD_INIT ? initialize : serve, &c);
    _exit(1);
}
