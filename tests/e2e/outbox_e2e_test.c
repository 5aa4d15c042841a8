/* SPDX-License-Identifier: Apache-2.0 */
/* Durable jobs by HTTP: each organization's own, done once each, whatever kills the server. */
#include "mc_client.h"
#include "mc_test.h"
#include "workshop.h"

#include "metacore/base/buf.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define JOBS "/api/outbox/jobs"
#define SCHEDULES "/api/outbox/schedules"

static void pause_ms(long ms)
{
    struct timespec pause = {.tv_nsec = ms * 1000000L};

    (void)nanosleep(&pause, NULL); /* an early end only asks sooner */
}

/* Until the job's answer has what is expected; false after ten seconds. */
static bool wait_job(mc_client *client, const char *path, const char *expected)
{
    for (int i = 0; i < 500; i++) {
        if (mc_client_call(client, "GET", path, NULL) == 200 &&
            mc_str_find(client->body, mc_z(expected)) < client->body.len)
            return true;
        pause_ms(20);
    }
    fprintf(stderr, "%.*s\n", MC_FMT(client->body));
    return false;
}

static void create_job(mc_client *client, const char *body, char path[100])
{
    MC_EXPECT_EQ(mc_client_call(client, "POST", JOBS, body), 201);
    (void)snprintf(path, 100, JOBS "/%.*s", MC_FMT(mc_client_field(client, "id")));
}

MC_TEST("a job emits its event, once, for its own organization; the hopeless is dead and retried")
{
    static const char emit[] = "{\"kind\":\"eventlog.emit\",\"dedupe_key\":\"k\",\"payload\":{"
                               "\"type\":\"nightly\",\"tags\":{\"n\":\"1\"},\"data\":{\"x\":1}}}";
    workshop w;
    mc_client agent;
    char path[100], dead[100];

    MC_REQUIRE(workshop_open(&w));
    create_job(&w.mine, emit, path);
    MC_EXPECT(wait_job(&w.mine, path, "\"status\":\"done\""));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/eventlog?types=nightly&tag.n=1", NULL), 200);
    MC_EXPECT_HAS(w.mine.body,
                  "\"event_type\":\"nightly\",\"tags\":{\"n\":\"1\"},\"data\":{\"x\":1}}],");
    MC_CASE("another organization");
    MC_EXPECT_EQ(mc_client_call(&w.theirs, "GET", "/api/eventlog?types=nightly", NULL), 200);
    MC_EXPECT_HAS(w.theirs.body, "{\"data\":[],");
    MC_EXPECT_EQ(mc_client_call(&w.theirs, "GET", path, NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&w.theirs, "DELETE", path, NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&w.theirs, "POST", text_of("%s/retry", path), NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&w.theirs, "GET", JOBS, NULL), 200);
    MC_EXPECT_HAS(w.theirs.body, "{\"data\":[],");
    MC_CASE("what cannot be done is dead at once, and may be retried");
    create_job(&w.mine, "{\"kind\":\"eventlog.emit\",\"payload\":{}}", dead);
    MC_EXPECT(wait_job(&w.mine, dead, "\"status\":\"dead\""));
    MC_EXPECT_HAS(w.mine.body, "want a type");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", text_of("%s/retry", path), NULL), 409);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", text_of("%s/retry", dead), NULL), 200);
    MC_EXPECT(wait_job(&w.mine, dead, "\"status\":\"dead\""));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", JOBS "?status=dead&kind=eventlog.emit", NULL), 200);
    MC_EXPECT_HAS(w.mine.body, dead + strlen(JOBS) + 1);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", JOBS "/purge", "{\"status\":\"dead\"}"), 200);
    MC_EXPECT_HAS(w.mine.body, "{\"deleted\":1}");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", dead, NULL), 404);
    MC_CASE("later, and not at all");
    create_job(&w.mine,
               "{\"kind\":\"eventlog.emit\",\"run_at\":\"2100-01-01T00:00:00Z\",\"payload\":{"
               "\"type\":\"never\"}}",
               path);
    MC_EXPECT_HAS(w.mine.body, "\"status\":\"pending\"");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "DELETE", path, NULL), 200);
    MC_CASE("somebody who may not");
    MC_REQUIRE(workshop_agent(&w, &agent));
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", JOBS, NULL), 403);
    MC_EXPECT_EQ(mc_client_call(&agent, "POST", JOBS, emit), 403);
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", "/api/outbox/consumers", NULL), 403);
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", SCHEDULES, NULL), 403);
    mc_client_deinit(&agent);
    workshop_close(&w);
}

MC_TEST("what is no job and no schedule is refused by name")
{
    static const struct {
        const char *name, *path, *body;
        int status;
        const char *has;
    } cases[] = {
        {"a kind of the kernel's own", JOBS, "{\"kind\":\"kernel.prune\"}", 400, "kind"},
        {"no kind", JOBS, "{}", 400, "kind"},
        {"a payload that is no object", JOBS, "{\"kind\":\"eventlog.emit\",\"payload\":[]}", 400,
         "payload"},
        {"no time", JOBS, "{\"kind\":\"eventlog.emit\",\"run_at\":\"soon\"}", 400, "run_at"},
        {"no attempts", JOBS, "{\"kind\":\"eventlog.emit\",\"max_attempts\":0}", 400,
         "max_attempts"},
        {"nothing to purge", JOBS "/purge", "{\"status\":\"running\"}", 400, "status"},
        {"no cron", SCHEDULES, "{\"name\":\"n\",\"kind\":\"eventlog.emit\",\"cron\":\"soon\"}", 400,
         "cron"},
        {"a date that never comes", SCHEDULES,
         "{\"name\":\"n\",\"kind\":\"eventlog.emit\",\"cron\":\"0 0 31 2 *\"}", 400, "never"},
        {"no name", SCHEDULES, "{\"kind\":\"eventlog.emit\",\"cron\":\"@daily\"}", 400, "name"},
        {"a consumer that fails not", "/api/outbox/consumers/x/skip", "{}", 404, "no such"},
    };
    workshop w;
    char path[100];

    MC_REQUIRE(workshop_open(&w));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", cases[i].path, cases[i].body),
                     cases[i].status);
        MC_EXPECT_HAS(w.mine.body, cases[i].has);
    }
    MC_CASE("a schedule that is one, kept, replaced and deleted");
    for (int i = 0; i < 2; i++)
        MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", SCHEDULES,
                                    "{\"name\":\"n\",\"kind\":\"eventlog.emit\",\"cron\":\"0 0 1 "
                                    "1 *\",\"payload\":{\"type\":\"new-year\"}}"),
                     201);
    (void)snprintf(path, sizeof(path), SCHEDULES "/%.*s", MC_FMT(mc_client_field(&w.mine, "id")));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", SCHEDULES, NULL), 200);
    MC_EXPECT_HAS(w.mine.body, "\"next_run_at\":\"20");
    MC_EXPECT_EQ(mc_client_call(&w.theirs, "GET", SCHEDULES, NULL), 200);
    MC_EXPECT_HAS(w.theirs.body, "{\"data\":[],");
    MC_EXPECT_EQ(mc_client_call(&w.theirs, "DELETE", path, NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "DELETE", path, NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "DELETE", path, NULL), 404);
    workshop_close(&w);
}

/* ---- kill -9 ---- */

#define KILLS 10
#define JOBS_PER_ROUND 40

static bool start(mc_process *process, const char *data, mc_client *client)
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};

    if (!mc_process_start(process, data, args))
        return false;
    mc_client_init(client, process->port);
    return mc_client_sign_in(client, "owner@example.com", "metacore-demo") == 200;
}

/* How often the log has the event of job n; each page of 200. */
static int count_events(mc_client *client, int n)
{
    int count = 0;
    mc_str rest;

    MC_EXPECT_EQ(mc_client_call(client, "GET", text_of("/api/eventlog?tag.n=j%d", n), NULL), 200);
    rest = client->body;
    for (size_t at; (at = mc_str_find(rest, MC_STR("\"sequence_num\":"))) < rest.len; count++)
        rest = mc_str_slice(rest, at + 1, rest.len);
    return count;
}

MC_TEST("jobs that were accepted before kills are done, each exactly once")
{
    const char *data = mc_test_dir();
    mc_process process;
    mc_client client;
    int accepted = 0;

    MC_REQUIRE(start(&process, data, &client));
    for (int round = 0; round < KILLS; round++) {
        for (int i = 0; i < JOBS_PER_ROUND; i++)
            accepted +=
                mc_client_call(&client, "POST", JOBS,
                               text_of("{\"kind\":\"eventlog.emit\",\"payload\":{\"type\":\"job\","
                                       "\"tags\":{\"n\":\"j%d\"}}}",
                                       accepted)) == 201;
        pause_ms(round % 4);
        (void)mc_process_stop(&process, SIGKILL);
        mc_client_deinit(&client);
        MC_REQUIRE(start(&process, data, &client));
    }
    MC_EXPECT_EQ(accepted, KILLS * JOBS_PER_ROUND);
    for (int i = 0; i < 1500; i++) { /* those that were running wait for the end of their lease */
        MC_EXPECT_EQ(mc_client_call(&client, "GET", JOBS "?status=pending&limit=1", NULL), 200);
        if (mc_str_starts_with(client.body, MC_STR("{\"data\":[],"))) {
            MC_EXPECT_EQ(mc_client_call(&client, "GET", JOBS "?status=running&limit=1", NULL), 200);
            if (mc_str_starts_with(client.body, MC_STR("{\"data\":[],")))
                break;
        }
        pause_ms(100);
    }
    for (int n = 0; n < accepted; n++)
        MC_EXPECT_EQ(count_events(&client, n), 1);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
