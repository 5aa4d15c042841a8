/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_PROCESS_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_PROCESS_INTERNAL_H

#include "metacore/runtime/wasm/wasm_instance_internal.h"
#include "metacore/runtime/wasm/wasm_zygote_internal.h"

/* ---- wasm_zygote_wire.c: messages with descriptors ---- */

#define MC__WASM_WIRE_FDS 3

enum { MC__WASM_WIRE_LOAD = 1, MC__WASM_WIRE_UNLOAD, MC__WASM_WIRE_SPAWN };
enum { MC__WASM_WIRE_START = 1 }; /* to the keeper: fds[0] is the zygote's socket */

typedef struct mc__wasm_wire {
    uint32_t command; /* of an answer: 1: done */
    uint32_t id;
    uint32_t kind;
    uint32_t max_pages;
    int32_t pid;
    char why[160]; /* of a failure */
} mc__wasm_wire;

bool mc__wasm_wire_send(int fd, const mc__wasm_wire *message, const int *fds, size_t count);
/* fds get -1 where none came. False: the other side is gone. */
bool mc__wasm_wire_receive(int fd, mc__wasm_wire *message, int fds[MC__WASM_WIRE_FDS]);

/* ---- wasm_zygote_main.c: the processes ---- */

_Noreturn void mc__wasm_keeper_main(int socket);

/* ---- wasm_child.c ---- */

typedef struct mc__wasm_child_start {
    const mc_wasm_module *m;
    const mcw_code_table *code;
    mc__wasm_child_kind kind;
    uint32_t max_pages;
    int channel;
    int snapshot;
    int rules;
} mc__wasm_child_start;

_Noreturn void mc__wasm_child_main(const mc__wasm_child_start *start);

/* ---- wasm_child_host.c: what the guest imports, as calls to the server ---- */

struct mc__wasm_channel;
struct mc__wasm_patience;
struct mc__wasm_wasi;
typedef struct mc__wasm_host mc__wasm_host;

/* Binds every import of the module to a rule; MC_REJECTED names the one that has none. */
mc_code mc__wasm_host_new(mc__wasm_store *store, const mc_wasm_module *m, int rules,
                          struct mc__wasm_channel *channel, mc__wasm_host **out, mc_err *err);
const mc__wasm_extern *mc__wasm_host_externs(const mc__wasm_host *host);
/* The instance whose calls these are, once it exists; calls before are_allowed trap. */
void mc__wasm_host_attach(mc__wasm_host *host, mc__wasm_instance *instance, bool are_allowed);
/* What the functions that ask no server know of the call. */
struct mc__wasm_wasi *mc__wasm_host_wasi(mc__wasm_host *host);
/* The guest's alloc, for the call that begins. */
void mc__wasm_host_set_alloc(mc__wasm_host *host, uint32_t function);
/* How its calls wait for the server. */
const struct mc__wasm_patience *mc__wasm_host_patience(const mc__wasm_host *host);
/* Room of len bytes in the guest's memory by its own alloc. */
mcw_trap mc__wasm_host_alloc(mc__wasm_host *host, uint32_t len, uint32_t *out);

/* ---- wasm_child_sandbox.c ---- */

/* Keeps only these descriptors, no rights, and a handful of system calls. */
bool mc__wasm_child_close_others(const int *kept, size_t count);
bool mc__wasm_child_confine(void);

#endif
