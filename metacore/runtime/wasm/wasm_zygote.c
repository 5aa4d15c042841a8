/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of the zygote. */
#include "metacore/base/sync.h"
#include "metacore/runtime/wasm/wasm_process_internal.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct mc_wasm_zygote {
    pid_t pid;
    int socket;
    mc_mutex mu;
    mc_cond turn;
    bool is_busy; /* guarded by mu: a command is under way */
};

static int threads_now(void)
{
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;
    int count = 0;

    while (dir && (entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    if (dir)
        (void)closedir(dir); /* nothing was written */
    return count;
}

mc_code mc_wasm_zygote_start(mc_wasm_zygote **out, mc_err *err)
{
    mc_wasm_zygote *self;
    int pair[2];

    if (threads_now() > 1) /* forking with threads leaves locks held for ever */
        return mc_fail(err, MC_INVALID, "wasm: the zygote starts before any thread");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "wasm: zygote");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        free(self);
        return mc_fail_errno(err, MC_IO, errno, "wasm: zygote");
    }
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->turn);
    self->socket = pair[0];
    self->pid = fork();
    if (self->pid == 0)
        mc__wasm_zygote_main(pair[1]);
    (void)close(pair[1]); /* the zygote's */
    if (self->pid < 0) {
        mc_code rc = mc_fail_errno(err, MC_IO, errno, "wasm: fork");

        mc_wasm_zygote_stop(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

void mc_wasm_zygote_stop(mc_wasm_zygote *self)
{
    if (!self)
        return;
    (void)close(self->socket); /* which is the signal to end */
    if (self->pid > 0) {
        (void)kill(self->pid, SIGKILL); /* its children follow it by their own signal */
        while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    mc_cond_deinit(&self->turn);
    mc_mutex_deinit(&self->mu);
    free(self);
}

/* ---- commands ---- */

static mc_code ask(mc_wasm_zygote *self, const mc__wasm_wire *in, const int *fds, size_t count,
                   mc__wasm_wire *out, int *out_fd, mc_err *err)
{
    int got[MC__WASM_WIRE_FDS] = {-1, -1, -1};
    bool ok;

    mc_mutex_lock(&self->mu);
    while (self->is_busy)
        mc_cond_wait(&self->turn, &self->mu);
    self->is_busy = true;
    mc_mutex_unlock(&self->mu);

    ok = mc__wasm_wire_send(self->socket, in, fds, count) &&
         mc__wasm_wire_receive(self->socket, out, got);

    mc_mutex_lock(&self->mu);
    self->is_busy = false;
    mc_cond_signal(&self->turn);
    mc_mutex_unlock(&self->mu);

    if (!ok)
        return mc_fail(err, MC_UNAVAILABLE, "wasm: the zygote has ended");
    *out_fd = got[0];
    if (!out->command)
        return mc_fail(err, out->kind < MC_CODE_COUNT ? (mc_code)out->kind : MC_INTERNAL, "%s",
                       out->why);
    return MC_OK;
}

mc_code mc__wasm_zygote_load(mc_wasm_zygote *self, uint32_t id, int module, int object, mc_err *err)
{
    mc__wasm_wire in = {.command = MC__WASM_WIRE_LOAD, .id = id}, out;
    int fds[] = {module, object}, none;

    return ask(self, &in, fds, 2, &out, &none, err);
}

void mc__wasm_zygote_unload(mc_wasm_zygote *self, uint32_t id)
{
    mc__wasm_wire in = {.command = MC__WASM_WIRE_UNLOAD, .id = id}, out;
    int none;
    mc_err err;

    MC_IGNORE(ask(self, &in, NULL, 0, &out, &none, &err)); /* it is gone either way */
}

mc_code mc__wasm_zygote_spawn(mc_wasm_zygote *self, uint32_t id, mc__wasm_child_kind kind,
                              uint32_t max_pages, int channel, int snapshot, int rules,
                              pid_t *out_pid, int *out_pidfd, mc_err *err)
{
    mc__wasm_wire in = {
        .command = MC__WASM_WIRE_SPAWN, .id = id, .kind = (uint32_t)kind, .max_pages = max_pages};
    mc__wasm_wire out;
    int fds[] = {channel, snapshot, rules};
    mc_code rc = ask(self, &in, fds, 3, &out, out_pidfd, err);

    if (rc == MC_OK)
        *out_pid = out.pid;
    return rc;
}
