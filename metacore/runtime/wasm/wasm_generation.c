/* SPDX-License-Identifier: Apache-2.0 */
/* Code that is loaded, and the state after its initialization. */
#include "metacore/base/time.h"
#include "metacore/runtime/wasm/wasm_pool_internal.h"
#include "metacore/runtime/wasm/wasm_snapshot_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

void mc__wasm_generation_unref(mc__wasm_generation *generation)
{
    mc_wasm *self = generation->wasm;
    bool is_last;

    mc_mutex_lock(&self->mu);
    is_last = --generation->refs == 0;
    mc_mutex_unlock(&self->mu);
    if (!is_last)
        return;
    mc__wasm_zygote_unload(self->config.zygote, generation->id);
    if (generation->snapshot >= 0)
        (void)close(generation->snapshot); /* sealed, both */
    if (generation->object >= 0)
        (void)close(generation->object);
    free(generation);
}

/* Its end, after it said that it is done: only then nobody can write to the snapshot any more. */
static bool wait_for_end(const mc__wasm_child *child)
{
    struct pollfd end = {.fd = child->pidfd, .events = POLLIN};

    return poll(&end, 1, 1000) > 0;
}

/* Cuts what was not used, and seals the rest. */
static bool seal_snapshot(int fd)
{
    mc__wasm_snapshot_header header;
    struct stat st;

    return pread(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
           fstat(fd, &st) == 0 && header.total_bytes <= (uint64_t)st.st_size &&
           ftruncate(fd, (off_t)header.total_bytes) == 0 &&
           fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0;
}

/* In a process of its own, which has nothing but this module and ends with it. */
static mc_code initialize(mc_wasm_guest *guest, mc__wasm_generation *generation, mc_err *err)
{
    uint64_t room = mc__wasm_snapshot_room(guest->module, guest->max_pages);
    mc__wasm_child *child = NULL;
    bool ok;
    mc_code rc;

    generation->snapshot = memfd_create("snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (generation->snapshot < 0 || ftruncate(generation->snapshot, (off_t)room) != 0)
        return mc_fail_errno(err, MC_NO_MEMORY, errno, "wasm: snapshot");
    rc = mc__wasm_child_spawn(
        generation, MC__WASM_CHILD_INIT, guest->max_pages, generation->snapshot,
        mc_clock_monotonic_us((mc_clock){0}) + guest->wasm->config.init_timeout_ms * 1000, &child,
        err);
    if (rc == MC_TIMEOUT)
        return mc_fail(err, MC_REJECTED, "wasm: initialization takes more than %lld ms",
                       (long long)guest->wasm->config.init_timeout_ms);
    if (rc != MC_OK)
        return rc;
    ok = wait_for_end(child);
    mc__wasm_child_end(child);
    if (!ok || !seal_snapshot(generation->snapshot))
        return mc_fail(err, MC_REJECTED, "wasm: initialization left no usable state");
    return MC_OK;
}

mc_code mc__wasm_generation_new(mc_wasm_guest *guest, const mc_wasm_object *object,
                                mc__wasm_generation **out, mc_err *err)
{
    mc_wasm *self = guest->wasm;
    mc__wasm_generation *generation = calloc(1, sizeof(*generation));
    mc_code rc;

    if (!generation)
        return mc_fail(err, MC_NO_MEMORY, "wasm: generation");
    generation->wasm = self;
    generation->tier = object->tier;
    generation->snapshot = -1;
    generation->module = guest->file;
    generation->object = fcntl(object->fd, F_DUPFD_CLOEXEC, 3);
    generation->refs = 1;
    mc_mutex_lock(&self->mu);
    generation->id = ++self->next_id;
    mc_mutex_unlock(&self->mu);
    rc = generation->object < 0 ? mc_fail_errno(err, MC_IO, errno, "wasm: compiled code")
                                : mc__wasm_zygote_load(self->config.zygote, generation->id,
                                                       generation->module, generation->object, err);
    if (rc == MC_OK)
        rc = initialize(guest, generation, err);
    if (rc != MC_OK) {
        mc__wasm_generation_unref(generation);
        return rc;
    }
    *out = generation;
    return MC_OK;
}
