/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of the zygote and of its keeper, which makes another when it dies. */
#include "metacore/base/sync.h"
#include "metacore/runtime/wasm/wasm_process_internal.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER_WITHIN_S 30 /* a zygote that takes longer is as good as dead */

struct mc_wasm_zygote {
    pid_t keeper;
    int keeper_socket;
    mc_mutex mu;
    mc_cond turn;
    bool is_busy;      /* guarded by mu: a command is under way, whose the rest is */
    int socket;        /* -1: there is no zygote */
    int pidfd;         /* of it; -1 */
    uint64_t restarts; /* guarded by mu */
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

/* ---- the zygote's life ---- */

static void forget_zygote(mc_wasm_zygote *self)
{
    if (self->pidfd >= 0) {
        /* Fails only when it has ended already; the keeper does not wait for it. */
        (void)syscall(SYS_pidfd_send_signal, self->pidfd, SIGKILL, NULL, 0);
        (void)close(self->pidfd); /* nothing was written */
    }
    if (self->socket >= 0)
        (void)close(self->socket); /* nobody reads it any more */
    self->pidfd = self->socket = -1;
}

/* A new one, by the keeper, which forks without threads whatever this process has become. */
static bool make_zygote(mc_wasm_zygote *self)
{
    const struct timeval within = {.tv_sec = ANSWER_WITHIN_S};
    mc__wasm_wire in = {.command = MC__WASM_WIRE_START}, out;
    int pair[2], got[MC__WASM_WIRE_FDS] = {-1, -1, -1};
    bool ok;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return false;
    ok = setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &within, sizeof(within)) == 0 &&
         mc__wasm_wire_send(self->keeper_socket, &in, &pair[1], 1) &&
         mc__wasm_wire_receive(self->keeper_socket, &out, got) && out.command && got[0] >= 0;
    (void)close(pair[1]); /* the zygote has its own */
    if (!ok) {
        (void)close(pair[0]); /* nobody is there */
        return false;
    }
    self->socket = pair[0];
    self->pidfd = got[0];
    return true;
}

static mc_code start_keeper(mc_wasm_zygote *self, mc_err *err)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: zygote");
    self->keeper_socket = pair[0];
    self->keeper = fork();
    if (self->keeper == 0)
        mc__wasm_keeper_main(pair[1]);
    (void)close(pair[1]); /* the keeper's */
    if (self->keeper < 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: fork");
    return MC_OK;
}

mc_code mc_wasm_zygote_start(mc_wasm_zygote **out, mc_err *err)
{
    mc_wasm_zygote *self;
    mc_code rc;

    if (threads_now() > 1) /* forking with threads leaves locks held for ever */
        return mc_fail(err, MC_INVALID, "wasm: the zygote starts before any thread");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "wasm: zygote");
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->turn);
    self->keeper = -1;
    self->keeper_socket = self->socket = self->pidfd = -1;
    rc = start_keeper(self, err);
    if (rc == MC_OK && !make_zygote(self))
        rc = mc_fail(err, MC_IO, "wasm: the zygote did not start");
    if (rc != MC_OK) {
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
    if (self->keeper_socket >= 0)
        (void)close(self->keeper_socket); /* which is the signal to end */
    if (self->keeper > 0) {
        (void)kill(self->keeper, SIGKILL); /* before the zygote: it makes no other */
        while (waitpid(self->keeper, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    forget_zygote(self); /* its children follow it by their own signal */
    mc_cond_deinit(&self->turn);
    mc_mutex_deinit(&self->mu);
    free(self);
}

uint64_t mc__wasm_zygote_restarts(mc_wasm_zygote *self)
{
    uint64_t restarts;

    mc_mutex_lock(&self->mu);
    restarts = self->restarts;
    mc_mutex_unlock(&self->mu);
    return restarts;
}

/* ---- commands ---- */

static bool exchange(mc_wasm_zygote *self, const mc__wasm_wire *in, const int *fds, size_t count,
                     mc__wasm_wire *out, int got[MC__WASM_WIRE_FDS])
{
    return self->socket >= 0 && mc__wasm_wire_send(self->socket, in, fds, count) &&
           mc__wasm_wire_receive(self->socket, out, got);
}

/* Whoever finds the zygote dead has another made, and asks that one: it knows no module yet, so
 * what is about one is answered with NOT_FOUND, and the caller brings it. */
static bool exchange_or_restart(mc_wasm_zygote *self, const mc__wasm_wire *in, const int *fds,
                                size_t count, mc__wasm_wire *out, int got[MC__WASM_WIRE_FDS])
{
    if (exchange(self, in, fds, count, out, got))
        return true;
    forget_zygote(self);
    if (!make_zygote(self))
        return false;
    mc_mutex_lock(&self->mu);
    self->restarts++;
    mc_mutex_unlock(&self->mu);
    if (exchange(self, in, fds, count, out, got))
        return true;
    forget_zygote(self);
    return false;
}

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

    ok = exchange_or_restart(self, in, fds, count, out, got);

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
    mc__wasm_wire out = {0};
    int fds[] = {channel, snapshot, rules};
    mc_code rc = ask(self, &in, fds, 3, &out, out_pidfd, err);

    if (rc == MC_OK)
        *out_pid = out.pid;
    return rc;
}
