/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_RUNTIME_WASM_WASM_SNAPSHOT_INTERNAL_H
#define METACORE_RUNTIME_WASM_WASM_SNAPSHOT_INTERNAL_H

/*
 * The state of an instance after its initialization, from which every call starts.
 *
 * An initialization that saw the time or chance, or wrote something, is no such state: it has to
 * run before every call, and the snapshot is the one before it.
 *
 * One child runs the initialization and writes what came out into a memfd; the others map its
 * memory privately and go back to it after every call: pages that were written are copied back.
 * References are written as function indices, since addresses differ between processes.
 *
 * The writer may have been broken into: readers check what they take.
 */

#include "metacore/runtime/wasm/wasm_instance_internal.h"

typedef struct mc__wasm_snapshot_header {
    uint64_t image_bytes;  /* of memory, whole pages, without the zeros behind */
    uint64_t memory_bytes; /* that the instance has */
    uint64_t state_at;     /* where globals, tables and flags begin */
    uint64_t total_bytes;
    uint64_t is_before_init;
} mc__wasm_snapshot_header;

/* Room for the largest one that the instance can have; what a memfd must be made as. */
uint64_t mc__wasm_snapshot_room(const mc_wasm_module *m, uint32_t max_pages);
/* Into a writable mapping of that many bytes. False: a reference that is no function of its own. */
bool mc__wasm_snapshot_write(const mc__wasm_instance *instance, bool is_before_init, uint8_t *to,
                             uint64_t room);

/* An instance's way back. */
typedef struct mc__wasm_reset mc__wasm_reset;

/*
 * Maps the snapshot's memory into the instance (which then has its state), and prepares for going
 * back. pagemap: of this process, or -1: pages are then dropped rather than copied.
 */
mc_code mc__wasm_reset_new(mc__wasm_instance *instance, int snapshot, int pagemap,
                           mc__wasm_reset **out, mc_err *err);
/* Whether calls have to initialize the instance first. */
bool mc__wasm_reset_is_before_init(const mc__wasm_reset *reset);
/* Back to the snapshot. */
void mc__wasm_reset_run(mc__wasm_reset *reset);

#endif
