/* SPDX-License-Identifier: Apache-2.0 */
#include "mc_client.h"
#include "mc_postgres.h"
#include "mc_test.h"

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
#define DATABASES_MAX 64

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

/* ---- whose store ---- */

/* A data directory's database, when the tests are run on PostgreSQL. */
static struct {
    char data[256];
    mc_str url;
} databases[DATABASES_MAX];
static int database_count;

static bool is_on_postgres(void)
{
    const char *which = getenv("METACORE_TEST_DATABASE");

    return which && strcmp(which, "postgres") == 0;
}

__attribute__((constructor)) static void need_postgres(void)
{
    if (is_on_postgres())
        mc_test_needs(mc_postgres_missing);
}

/* The same for every program that is given the same directory; NULL: SQLite in it. */
static const char *database_of(const char *const *args)
{
    const char *data = NULL;

    for (; *args; args++) {
        if (strcmp(args[0], "--data") == 0 && args[1])
            data = args[1];
    }
    if (!data || !is_on_postgres())
        return NULL;
    for (int i = 0; i < database_count; i++) {
        if (strcmp(databases[i].data, data) == 0)
            return databases[i].url.ptr;
    }
    if (database_count == DATABASES_MAX || strlen(data) >= sizeof(databases->data))
        return NULL;
    (void)snprintf(databases[database_count].data, sizeof(databases->data), "%s", data);
    databases[database_count].url = mc_postgres_owned_database();
    return databases[database_count++].url.ptr;
}

static void become(const char *program, const char *const *args, const char *database, int in,
                   int out)
{
    if (database)
        (void)setenv("DATABASE_URL", database, 1);
    if (in >= 0)
        (void)dup2(in, 0);
    (void)dup2(out, 1);
    (void)dup2(out, 2);
    execv(program, (char *const *)args);
    _exit(127);
}

bool mc_process_start(mc_process *self, const char *data, const char *const *args)
{
    const char *argv[ARGS_MAX] = {"metacore", "serve", "--listen", "127.0.0.1:0", "--data", data};
    int count = 6;
    const char *database;
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
    database = database_of(argv);
    self->pid = fork();
    if (self->pid == 0)
        become(binary(), argv, database, -1, out);
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
    return mc_process_run_program(binary(), args, input, out, out_size);
}

int mc_process_run_program(const char *program, const char *const *args, const char *input,
                           char *out, size_t out_size)
{
    const char *argv[ARGS_MAX] = {program};
    int count = 1, status = 0;
    int to_child[2], from_child[2];
    const char *database;
    size_t got = 0;
    pid_t pid;

    for (; *args && count < ARGS_MAX - 1; args++)
        argv[count++] = *args;
    (void)signal(SIGPIPE, SIG_IGN); /* a child may end before it has read its input */
    if (pipe2(to_child, O_CLOEXEC) != 0 || pipe2(from_child, O_CLOEXEC) != 0)
        return -1;
    database = database_of(argv);
    pid = fork();
    if (pid == 0)
        become(program, argv, database, to_child[0], from_child[1]);
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
