/* SPDX-License-Identifier: Apache-2.0 */
#include "mc_postgres.h"

#include "mc_test.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIN "/usr/lib/postgresql/15/bin/"
#define READY_TRIES 300
#define READY_PAUSE_US 50000
#define URL_BYTES 256
#define URLS_MAX 64

static bool has_tried;
static const char *missing;
static struct passwd *owner; /* whom the server runs as; NULL: as we do */
static char socket_dir[128], data_dir[160], log_file[160];
static pid_t server;
static char urls[URLS_MAX][URL_BYTES];
static int url_count;

/* The server refuses to be root. Dies with us: whatever ends the test must not leave it behind. */
static void become_owner(pid_t parent)
{
    if (owner &&
        (setgroups(0, NULL) != 0 || setgid(owner->pw_gid) != 0 || setuid(owner->pw_uid) != 0))
        _exit(126);
    (void)prctl(PR_SET_PDEATHSIG, SIGQUIT); /* after setuid, which clears it */
    if (getppid() != parent)
        _exit(126);
}

static pid_t start(char *const argv[])
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0) {
        int log = open(log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

        (void)dup2(log, STDOUT_FILENO);
        (void)dup2(log, STDERR_FILENO);
        if (chdir("/") != 0)
            _exit(126);
        become_owner(parent);
        (void)execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

static bool run(char *const argv[])
{
    pid_t pid = start(argv);
    int status = -1;

    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool is_ready(void)
{
    char *const argv[] = {(char *)BIN "pg_isready", (char *)"-q", (char *)"-h", socket_dir, NULL};

    for (int i = 0; i < READY_TRIES; i++) {
        int status;

        if (run(argv))
            return true;
        if (waitpid(server, &status, WNOHANG) == server) {
            server = 0;
            return false; /* it has given up */
        }
        (void)usleep(READY_PAUSE_US);
    }
    return false;
}

static bool start_server(void)
{
    char *const argv[] = {(char *)BIN "postgres",
                          (char *)"-D",
                          data_dir,
                          (char *)"-k",
                          socket_dir,
                          (char *)"-clisten_addresses=",
                          (char *)"-cfsync=off",
                          (char *)"-cfull_page_writes=off",
                          (char *)"-cshared_buffers=16MB",
                          (char *)"-cmax_connections=50",
                          NULL};

    server = start(argv);
    return server > 0 && is_ready();
}

static void stop_server(int how)
{
    if (server <= 0)
        return;
    (void)kill(server, how);
    (void)waitpid(server, NULL, 0);
    server = 0;
}

static void stop_at_end(void)
{
    stop_server(SIGQUIT); /* at once: the data goes with the folder */
}

static bool make_folders(void)
{
    const char *dir = mc_test_dir();

    if (!dir)
        return false;
    (void)snprintf(socket_dir, sizeof(socket_dir), "%s", dir); /* the same size */
    (void)snprintf(data_dir, sizeof(data_dir), "%s/data", dir);
    (void)snprintf(log_file, sizeof(log_file), "%s/log", dir);
    return !owner || chown(dir, owner->pw_uid, owner->pw_gid) == 0;
}

static const char *start_all(void)
{
    char *const initdb[] = {(char *)BIN "initdb", (char *)"-D",         data_dir,
                            (char *)"-U",         (char *)"postgres",   (char *)"-A",
                            (char *)"trust",      (char *)"-N",         (char *)"-E",
                            (char *)"UTF8",       (char *)"--locale=C", NULL};

    if (access(BIN "initdb", X_OK) != 0 || access(BIN "postgres", X_OK) != 0)
        return "PostgreSQL 15 is not installed";
    if (geteuid() == 0 && !(owner = getpwnam("postgres")))
        return "there is no user postgres to run the server as";
    mc_test_at_end(stop_at_end);
    if (!make_folders() || !run(initdb) || !start_server()) {
        (void)mc_test_check(false, __FILE__, __LINE__, "the PostgreSQL server starts");
        return "the PostgreSQL server does not start";
    }
    return NULL;
}

const char *mc_postgres_missing(void)
{
    if (!has_tried)
        missing = start_all();
    has_tried = true;
    return missing;
}

static mc_str make_database(const char *user)
{
    char name[16];
    char *const argv[] = {
        (char *)BIN "createdb", (char *)"-h", socket_dir, (char *)"-U", (char *)"postgres",
        (char *)"-O",           (char *)user, name,       NULL};
    char *url = urls[url_count];

    if (mc_postgres_missing() || url_count == URLS_MAX)
        return MC_STR("");
    (void)snprintf(name, sizeof(name), "t%d", url_count++);
    if (!mc_test_check(run(argv), __FILE__, __LINE__, "createdb"))
        return MC_STR("");
    (void)snprintf(url, URL_BYTES, "postgres://%s@/%s?host=%s", user, name, socket_dir);
    return mc_z(url);
}

mc_str mc_postgres_database(void)
{
    return make_database("postgres");
}

mc_str mc_postgres_owned_database(void)
{
    static bool has_owner;
    char *const argv[] = {
        (char *)BIN "createuser", (char *)"-h",           socket_dir,       (char *)"-U",
        (char *)"postgres",       (char *)"--createrole", (char *)"kernel", NULL};

    if (mc_postgres_missing())
        return MC_STR("");
    if (!has_owner && !mc_test_check(run(argv), __FILE__, __LINE__, "createuser"))
        return MC_STR("");
    has_owner = true;
    return make_database("kernel");
}

bool mc_postgres_restart(void)
{
    stop_server(SIGQUIT);
    return start_server();
}

mc_str mc_postgres_module(void)
{
    return MC_STR(MC_TEST_POSTGRES_MODULE);
}
