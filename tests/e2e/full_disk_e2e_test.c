/* SPDX-License-Identifier: Apache-2.0 */
/* No space left: files that may not grow, as a full disk is to the process that writes them. */
#include "mc_client.h"
#include "mc_receiver.h"
#include "mc_test.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define TICKETS "/api/dynamic/tickets"
#define BODY_BYTES 8000
#define ROWS_MAX 4000
#define REFUSALS 20
#define WAIT_MS 60000

static const char *const args[] = {"--dev", "--log-level", "error", "--allow-private-egress", NULL};

static char rows[ROWS_MAX][40]; /* answered with 201 */
static size_t row_count;

/* So much may every file of the process be, from now on; 0: as large as it likes. */
static bool limit_files(const mc_process *process, rlim_t bytes)
{
    struct rlimit limit;

    if (prlimit(process->pid, RLIMIT_FSIZE, NULL, &limit) != 0)
        return false;
    limit.rlim_cur = bytes ? bytes : limit.rlim_max;
    return prlimit(process->pid, RLIMIT_FSIZE, &limit, NULL) == 0;
}

/* The largest file in the data directory. */
static rlim_t largest_file(const char *data)
{
    rlim_t largest = 0;
    DIR *dir = opendir(data);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char path[600];
        struct stat info;

        (void)snprintf(path, sizeof(path), "%s/%s", data, entry->d_name);
        if (stat(path, &info) == 0 && (rlim_t)info.st_size > largest)
            largest = (rlim_t)info.st_size;
    }
    if (dir)
        (void)closedir(dir);
    return largest;
}

static int create(mc_client *client)
{
    static char body[BODY_BYTES + 100];
    int status;

    (void)snprintf(body, sizeof(body), "{\"subject\":\"kept\",\"body\":\"%0*d\"}", BODY_BYTES, 0);
    status = mc_client_call(client, "POST", TICKETS, body);
    if (status == 201 && row_count < ROWS_MAX)
        (void)snprintf(rows[row_count++], sizeof(rows[0]), "%.*s",
                       MC_FMT(mc_client_field(client, "id")));
    return status;
}

static void expect_rows(mc_client *client)
{
    char path[100];

    for (size_t i = 0; i < row_count; i++) {
        (void)snprintf(path, sizeof(path), TICKETS "/%s", rows[i]);
        MC_EXPECT_EQ(mc_client_call(client, "GET", path, NULL), 200);
    }
}

static void make_webhook(mc_client *client, unsigned port)
{
    char body[200];

    (void)snprintf(body, sizeof(body),
                   "{\"url\":\"http://127.0.0.1:%u/\",\"events\":\"tickets.tickets.created\"}",
                   port);
    MC_EXPECT_EQ(mc_client_call(client, "POST", "/api/webhooks", body), 200);
}

MC_TEST("a full disk refuses writes, answers reads, keeps what it acknowledged, and is got over")
{
    const char *data = mc_test_dir();
    mc_receiver receiver = {0};
    mc_process process;
    mc_client client;
    int refused = 0;

    MC_REQUIRE(data != NULL);
    MC_REQUIRE(mc_receiver_start(&receiver));
    MC_REQUIRE(mc_process_start(&process, data, args));
    mc_client_init(&client, process.port);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "metacore-demo"), 200);
    make_webhook(&client, receiver.port);
    MC_EXPECT_EQ(create(&client), 201);
    MC_REQUIRE(limit_files(&process, largest_file(data) + ((rlim_t)256 << 10)));

    while (refused < REFUSALS && row_count < ROWS_MAX) {
        int status = create(&client);

        MC_EXPECT(status == 201 || status == 503);
        refused += status != 201;
    }
    MC_EXPECT_EQ(refused, REFUSALS);
    MC_EXPECT_HAS(client.body, "\"message\":\"Service unavailable");
    MC_EXPECT_HAS(client.head, "Retry-After:");
    MC_CASE("reads go on");
    expect_rows(&client);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);

    MC_CASE("and with space there are writes again, in the same process");
    MC_REQUIRE(limit_files(&process, 0));
    MC_EXPECT_EQ(create(&client), 201);
    expect_rows(&client);
    MC_CASE("each row that was answered is told of, and no other");
    MC_EXPECT(mc_receiver_wait(&receiver, NULL, row_count, WAIT_MS));
    MC_EXPECT_EQ(mc_client_call(&client, "GET", TICKETS "?count=exact&per_page=1", NULL), 200);
    MC_EXPECT_EQ(strtoll(mc_client_field(&client, "total").ptr, NULL, 10), (long long)row_count);
    mc_client_deinit(&client);

    MC_CASE("also after a kill");
    (void)mc_process_stop(&process, SIGKILL);
    MC_REQUIRE(mc_process_start(&process, data, args));
    mc_client_init(&client, process.port);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "metacore-demo"), 200);
    expect_rows(&client);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    mc_receiver_stop(&receiver);
}
