/* SPDX-License-Identifier: Apache-2.0 */
#include "mc_client.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARGS_MAX 32
#define START_TRIES 2000 /* of 10 ms */

static const char *binary(void)
{
    const char *env = getenv("METACORE_BINARY");

    return env ? env : MC_TEST_BINARY;
}

static void sleep_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    (void)nanosleep(&pause, NULL); /* an early end only polls sooner */
}

static size_t read_whole(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "rbe");
    size_t got = 0;

    if (file) {
        got = fread(out, 1, size - 1, file);
        (void)fclose(file); /* read only */
    }
    out[got] = '\0';
    return got;
}

static bool find_port(mc_process *self)
{
    static const char *const marks[] = {"listening on http://127.0.0.1:",
                                        "listening on https://127.0.0.1:"};
    char text[16384];
    const char *at = NULL;

    (void)read_whole(self->log, text, sizeof(text));
    for (size_t i = 0; i < MC_LEN(marks) && !at; i++) {
        at = strstr(text, marks[i]);
        at = at ? at + strlen(marks[i]) : NULL;
    }
    if (!at)
        return false;
    self->port = (unsigned)strtoul(at, NULL, 10);
    return self->port != 0;
}

static void become(const char *const *args, int in, int out)
{
    if (in >= 0)
        (void)dup2(in, 0);
    (void)dup2(out, 1);
    (void)dup2(out, 2);
    execv(binary(), (char *const *)args);
    _exit(127);
}

bool mc_process_start(mc_process *self, const char *data, const char *const *args)
{
    const char *argv[ARGS_MAX] = {"metacore", "serve", "--listen", "127.0.0.1:0", "--data", data};
    int count = 6;
    char text[16384];
    int out;

    for (; args && *args && count < ARGS_MAX - 1; args++)
        argv[count++] = *args;
    *self = (mc_process){.pid = -1};
    (void)snprintf(self->data, sizeof(self->data), "%s", data);
    (void)mkdir(data, 0700); /* it may be there */
    (void)snprintf(self->log, sizeof(self->log), "%s/server.log", data);
    out = open(self->log, O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    if (out < 0)
        return false;
    self->pid = fork();
    if (self->pid == 0)
        become(argv, -1, out);
    (void)close(out);
    for (int i = 0; i < START_TRIES && self->pid > 0; i++) {
        if (find_port(self))
            return true;
        if (waitpid(self->pid, NULL, WNOHANG) == self->pid) {
            self->pid = -1;
            break;
        }
        sleep_ms(10);
    }
    (void)read_whole(self->log, text, sizeof(text));
    fprintf(stderr, "the server did not start:\n%s\n", text);
    if (self->pid > 0)
        (void)mc_process_stop(self, SIGKILL);
    return false;
}

int mc_process_stop(mc_process *self, int signal)
{
    int status = 0;

    if (self->pid <= 0)
        return -1;
    (void)kill(self->pid, signal);
    (void)waitpid(self->pid, &status, 0);
    self->pid = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int mc_process_run(const char *const *args, const char *input, char *out, size_t out_size)
{
    const char *argv[ARGS_MAX] = {"metacore"};
    int count = 1, status = 0;
    int to_child[2], from_child[2];
    size_t got = 0;
    pid_t pid;

    for (; *args && count < ARGS_MAX - 1; args++)
        argv[count++] = *args;
    (void)signal(SIGPIPE, SIG_IGN); /* a child may end before it has read its input */
    if (pipe2(to_child, O_CLOEXEC) != 0 || pipe2(from_child, O_CLOEXEC) != 0)
        return -1;
    pid = fork();
    if (pid == 0)
        become(argv, to_child[0], from_child[1]);
    (void)close(to_child[0]);
    (void)close(from_child[1]);
    if (input && write(to_child[1], input, strlen(input)) < 0)
        status = -1;
    (void)close(to_child[1]);
    for (;;) {
        ssize_t n = read(from_child[0], out + got, out_size - 1 - got);

        if (n <= 0)
            break;
        got += (size_t)n;
    }
    out[got] = '\0';
    (void)close(from_child[0]);
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
