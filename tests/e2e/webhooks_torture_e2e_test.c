/* SPDX-License-Identifier: Apache-2.0 */
/* Kill -9 at random while deliveries go to a receiver that fails, hangs, and answers late or far
 * too much: the receiver's ledger against what was answered and what was committed. script/torture
 * runs ten thousand of them. */
#include "mc_client.h"
#include "mc_receiver.h"
#include "mc_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WRITERS 3
#define RECORDS_EACH 8
#define RECORDS ((size_t)(WRITERS * RECORDS_EACH))
#define STEPS_MAX 2048 /* of one record */
#define DELIVERIES 500
#define DELIVERIES_PER_KILL 60
#define SETTLE_MS 300000
#define TICKETS "/api/dynamic/tickets"

static const char *const args[] = {
    "--dev", "--log-level", "error", "--allow-private-egress", "--webhook-retry-ms", "1", NULL};

/* What is known of a step, "r<record>-<step>" as the record's subject. */
enum { ANSWERED = 1, COMMITTED = 2, TOLD = 4 };

typedef struct writer {
    pthread_t thread;
    unsigned port;
    const char *token;
    size_t first; /* of its records */
} writer;

static unsigned char steps[RECORDS][STEPS_MAX];
static size_t next_step[RECORDS]; /* each its writer's own */
static char ids[RECORDS][40];
static atomic_bool go_on;
static atomic_size_t answered;

/* ---- the receiver ---- */

/* By the number of the request, so that nothing fails for ever. */
static mc_reaction react(void *user, const mc_received *got)
{
    static atomic_uint count;
    unsigned dice = atomic_fetch_add(&count, 1) * 2654435761U >> 16;

    (void)user;
    (void)got;
    switch (dice % 64) {
    case 0:
        return (mc_reaction){.status = 0};
    case 1:
        return (mc_reaction){.status = 200, .body_size = (size_t)8 << 20};
    case 2:
    case 3:
    case 4:
        return (mc_reaction){.status = 503};
    case 5:
        return (mc_reaction){.status = 500, .body_size = 9000};
    case 6:
    case 7:
        return (mc_reaction){.status = 200, .delay_ms = 40};
    default:
        return (mc_reaction){.status = 200};
    }
}

/* ---- the server and who writes ---- */

static bool start(mc_process *process, mc_client *client, const char *data)
{
    if (!mc_process_start(process, data, args))
        return false;
    mc_client_init(client, process->port);
    return mc_client_sign_in(client, "owner@example.com", "metacore-demo") == 200;
}

static void *write_until_cut(void *user)
{
    const writer *self = user;
    mc_client client;

    mc_client_init(&client, self->port);
    (void)snprintf(client.token, sizeof(client.token), "%s", self->token);
    for (size_t turn = 0; atomic_load(&go_on); turn++) {
        size_t record = self->first + turn % RECORDS_EACH, step = next_step[record];
        char path[100], body[64];

        if (step == STEPS_MAX)
            break;
        next_step[record]++; /* also when nobody says what became of it */
        (void)snprintf(path, sizeof(path), TICKETS "/%s", ids[record]);
        (void)snprintf(body, sizeof(body), "{\"subject\":\"r%zu-%zu\"}", record, step);
        if (mc_client_call(&client, "PUT", path, body) != 200)
            break;
        steps[record][step] |= ANSWERED;
        atomic_fetch_add(&answered, 1);
    }
    mc_client_deinit(&client);
    return NULL;
}

static void make_records(mc_client *client, unsigned receiver_port)
{
    char body[300];

    for (size_t i = 0; i < RECORDS; i++) {
        MC_EXPECT_EQ(mc_client_call(client, "POST", TICKETS, "{\"subject\":\"new\"}"), 201);
        (void)snprintf(ids[i], sizeof(ids[i]), "%.*s", MC_FMT(mc_client_field(client, "id")));
    }
    (void)snprintf(body, sizeof(body),
                   "{\"url\":\"http://127.0.0.1:%u/\",\"events\":\"tickets.tickets.updated\","
                   "\"timeout_secs\":1,\"max_retries\":20}",
                   receiver_port);
    MC_EXPECT_EQ(mc_client_call(client, "POST", "/api/webhooks", body), 200);
}

static void pause_ms(long ms)
{
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    (void)nanosleep(&pause, NULL); /* an early end only moves the kill */
}

/* Writes until so many more were answered, then kills the server between two of its steps. */
static void write_and_kill(mc_process *process, mc_client *client, size_t wanted)
{
    writer writers[WRITERS];
    size_t aim = atomic_load(&answered) + wanted;

    atomic_store(&go_on, true);
    for (size_t w = 0; w < WRITERS; w++) {
        writers[w] =
            (writer){.port = process->port, .token = client->token, .first = w * RECORDS_EACH};
        MC_REQUIRE(pthread_create(&writers[w].thread, NULL, write_until_cut, &writers[w]) == 0);
    }
    for (int i = 0; i < 10000 && atomic_load(&answered) < aim; i++)
        pause_ms(1);
    (void)mc_process_stop(process, SIGKILL);
    atomic_store(&go_on, false);
    for (size_t w = 0; w < WRITERS; w++)
        (void)pthread_join(writers[w].thread, NULL);
    mc_client_deinit(client);
}

static bool settles(mc_client *client)
{
    for (int waited = 0; waited < SETTLE_MS; waited += 50) {
        if (mc_client_call(client, "GET", "/api/webhooks/stats", NULL) == 200 &&
            mc_str_eq(mc_client_field(client, "pending"), MC_STR("0")))
            return true;
        pause_ms(50);
    }
    return false;
}

/* ---- the ledgers ---- */

/* The step that text's row has after the change; false when it is none of ours. */
static bool read_step(mc_str text, size_t *record, size_t *step)
{
    static const char mark[] = "\"subject\":\"r";
    size_t at = mc_str_find(text, MC_STR("\"after\":{"));
    char word[40];

    text = mc_str_slice(text, at, text.len);
    at = mc_str_find(text, mc_z(mark));
    if (at == text.len)
        return false;
    (void)snprintf(word, sizeof(word), "%.*s",
                   MC_FMT(mc_str_slice(text, at + sizeof(mark) - 1, text.len)));
    return sscanf(word, "%zu-%zu\"", record, step) == 2 && *record < RECORDS && *step < STEPS_MAX;
}

/* Marks what the log has; each entry's data begins at its mark. */
static size_t read_log(mc_client *client)
{
    size_t count = 0, record, step;
    long long after = 0;
    char path[120];

    for (;;) {
        mc_str rest, last;

        (void)snprintf(path, sizeof(path),
                       "/api/eventlog?types=tickets.tickets.updated&limit=200&after=%lld", after);
        MC_EXPECT_EQ(mc_client_call(client, "GET", path, NULL), 200);
        rest = client->body;
        for (size_t at; (at = mc_str_find(rest, MC_STR("\"after\":{"))) < rest.len;) {
            if (read_step(mc_str_slice(rest, at, rest.len), &record, &step)) {
                steps[record][step] |= COMMITTED;
                count++;
            }
            rest = mc_str_slice(rest, at + 1, rest.len);
        }
        last = mc_client_field(client, "last_sequence");
        after = strtoll(last.ptr ? last.ptr : "0", NULL, 10);
        if (!mc_str_eq(mc_client_field(client, "has_more"), MC_STR("true")))
            return count;
    }
}

/* Every attempt in the order of arrival: a record's steps never go back. */
static size_t read_ledger(mc_receiver *receiver)
{
    size_t latest[RECORDS] = {0}, backward = 0, unknown = 0, record, step, count;

    count = mc_receiver_count(receiver);
    for (size_t i = 0; i < count; i++) {
        const mc_received *got = mc_receiver_get(receiver, NULL, i);

        if (!read_step((mc_str){got->body, got->body_len}, &record, &step)) {
            unknown++;
            continue;
        }
        backward += step < latest[record];
        latest[record] = step;
        if (got->status == 200)
            steps[record][step] |= TOLD;
    }
    MC_EXPECT_EQ(backward, 0);
    MC_EXPECT_EQ(unknown, 0);
    return count;
}

static void compare(void)
{
    size_t lost = 0, untold = 0, invented = 0;

    for (size_t r = 0; r < RECORDS; r++) {
        for (size_t s = 0; s < next_step[r]; s++) {
            lost += (steps[r][s] & ANSWERED) && !(steps[r][s] & COMMITTED);
            untold += (steps[r][s] & COMMITTED) && !(steps[r][s] & TOLD);
            invented += (steps[r][s] & TOLD) && !(steps[r][s] & COMMITTED);
        }
    }
    MC_EXPECT_EQ(lost, 0);
    MC_EXPECT_EQ(untold, 0);
    MC_EXPECT_EQ(invented, 0);
}

/* How many deliveries: script/torture asks for more than a test of every day. */
static size_t wanted_deliveries(void)
{
    const char *text = getenv("MC_TORTURE_DELIVERIES");
    long long wanted = text ? strtoll(text, NULL, 10) : 0;

    return wanted > 0 ? (size_t)wanted : DELIVERIES;
}

MC_TEST("after kills in the middle of deliveries each change was told, none invented, all in order")
{
    size_t wanted = wanted_deliveries(), told, committed;
    mc_receiver receiver = {.decide = react};
    const char *data = mc_test_dir();
    mc_process process;
    mc_client client;
    unsigned kills = 0;

    MC_REQUIRE(data != NULL);
    MC_REQUIRE(mc_receiver_start(&receiver));
    MC_REQUIRE(start(&process, &client, data));
    make_records(&client, receiver.port);
    while (atomic_load(&answered) < wanted) {
        write_and_kill(&process, &client, DELIVERIES_PER_KILL);
        kills++;
        MC_REQUIRE(start(&process, &client, data));
    }
    MC_EXPECT(settles(&client));
    committed = read_log(&client);
    told = read_ledger(&receiver);
    MC_EXPECT(committed >= wanted && told >= committed);
    compare();
    printf("# %zu changes answered, %zu committed, %zu attempts, %u kills\n",
           (size_t)atomic_load(&answered), committed, told, kills);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    mc_receiver_stop(&receiver);
}
