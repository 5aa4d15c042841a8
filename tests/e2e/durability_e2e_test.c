/* SPDX-License-Identifier: Apache-2.0 */
/* Kill -9 in the middle of writes: whatever was answered is there after the restart. */
#include "mc_client.h"
#include "mc_test.h"

#include "metacore/base/str.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KILLS 100
#define WRITERS 4
#define IDS_MAX 4096
#define ID_LEN 36

typedef struct writer {
    pthread_t thread;
    mc_client client;
    char ids[IDS_MAX][ID_LEN + 1]; /* answered with 201 since the start of the round */
    size_t count;
    atomic_bool *go_on;
} writer;

static void *write_until_cut(void *user)
{
    writer *self = user;

    while (atomic_load(self->go_on) && self->count < IDS_MAX) {
        mc_str id;

        if (mc_client_call(&self->client, "POST", "/api/dynamic/tickets",
                           "{\"subject\":\"kept\",\"hours\":1.25}") != 201)
            break;
        id = mc_client_field(&self->client, "id");
        (void)snprintf(self->ids[self->count++], ID_LEN + 1, "%.*s", MC_FMT(id));
    }
    return NULL;
}

static void sleep_us(long us)
{
    struct timespec pause = {.tv_nsec = us * 1000};

    (void)nanosleep(&pause, NULL); /* an early end only moves the kill */
}

static bool start_and_sign_in(mc_process *process, const char *data, mc_client *client)
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};

    if (!mc_process_start(process, data, args))
        return false;
    mc_client_init(client, process->port);
    return mc_client_sign_in(client, "owner@example.com", "metacore-demo") == 200;
}

static void check_round(const writer *writers, mc_client *client)
{
    char path[128];

    for (int w = 0; w < WRITERS; w++) {
        for (size_t i = 0; i < writers[w].count; i++) {
            (void)snprintf(path, sizeof(path), "/api/dynamic/tickets/%s", writers[w].ids[i]);
            MC_EXPECT_EQ(mc_client_call(client, "GET", path, NULL), 200);
        }
    }
}

MC_TEST("a server killed a hundred times during writes loses nothing that it answered")
{
    static writer writers[WRITERS];
    const char *data = mc_test_dir();
    mc_process process;
    mc_client client;
    size_t kept = 0;

    MC_REQUIRE(data != NULL);
    MC_REQUIRE(start_and_sign_in(&process, data, &client));
    for (int round = 0; round < KILLS; round++) {
        atomic_bool go_on = true;

        for (int w = 0; w < WRITERS; w++) {
            mc_client_init(&writers[w].client, process.port);
            memcpy(writers[w].client.token, client.token, sizeof(client.token));
            writers[w].count = 0;
            writers[w].go_on = &go_on;
            MC_REQUIRE(pthread_create(&writers[w].thread, NULL, write_until_cut, &writers[w]) == 0);
        }
        sleep_us(2000 + round % 10 * 1500); /* another moment of a group's life each time */
        (void)mc_process_stop(&process, SIGKILL);
        atomic_store(&go_on, false);
        for (int w = 0; w < WRITERS; w++) {
            (void)pthread_join(writers[w].thread, NULL);
            mc_client_deinit(&writers[w].client);
            kept += writers[w].count;
        }
        mc_client_deinit(&client);
        MC_REQUIRE(start_and_sign_in(&process, data, &client));
        check_round(writers, &client);
    }
    MC_EXPECT(kept >= KILLS); /* the kills did come in the middle of work */
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
