/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_ZYGOTE_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_ZYGOTE_INTERNAL_H

/*
 * The zygote as the server sees it: three commands over a socket, one at a time.
 *
 * It never runs code of a guest. It trusts the server; a guest reaches neither it nor its socket.
 * Should it die all the same (the kernel out of memory, an operator), so do the children, and the
 * next command has its keeper make another: it then knows no module.
 */

#include "metacore/runtime/wasm/wasm_runtime.h"

#include <sys/types.h>

#define MC__WASM_LOADED_MAX (MC_WASM_GUESTS_MAX * 2) /* two generations of each */

/* What a child may import, by value: the server's table stays in the server. */
typedef struct mc__wasm_import_rule {
    char module[32];
    char name[48];
    uint8_t pairs;
    uint8_t has_result;
} mc__wasm_import_rule;

typedef enum mc__wasm_child_kind {
    MC__WASM_CHILD_INIT, /* runs the initialization, writes the snapshot, ends */
    MC__WASM_CHILD_SERVE
} mc__wasm_child_kind;

/* How often another had to be made. */
uint64_t mc__wasm_zygote_restarts(mc_wasm_zygote *self);
/* Makes a module and its code known as id, unless it is. fds are the caller's. */
mc_code mc__wasm_zygote_load(mc_wasm_zygote *self, uint32_t id, int module, int object,
                             mc_err *err);
void mc__wasm_zygote_unload(mc_wasm_zygote *self, uint32_t id);
/*
 * Forks a child for a loaded module. rules: a memfd of mc__wasm_import_rule. *out_pidfd is the
 * caller's; the child says READY or FAILED on the channel. NOT_FOUND: the module is not loaded (any
 * more).
 */
mc_code mc__wasm_zygote_spawn(mc_wasm_zygote *self, uint32_t id, mc__wasm_child_kind kind,
                              uint32_t max_pages, int channel, int snapshot, int rules,
                              pid_t *out_pid, int *out_pidfd, mc_err *err);

#endif
