/* SPDX-License-Identifier: Apache-2.0 */
/* Faults of the reference that show only in a whole server; each is named by its number there. */
#include "mc_client.h"
#include "mc_test.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const dev[] = {"--dev", "--log-level", "error", NULL};
static char out[16384];

#define RUN(input, ...)                                                                            \
    mc_process_run((const char *const[]){__VA_ARGS__, NULL}, input, out, sizeof(out))

static bool setup(mc_process *process, mc_client *client)
{
    if (!mc_process_start(process, mc_test_dir(), dev))
        return false;
    mc_client_init(client, process->port);
    return mc_client_sign_in(client, "owner@example.com", "metacore-demo") == 200;
}

static void teardown(mc_process *process, mc_client *client)
{
    mc_client_deinit(client);
    MC_EXPECT_EQ(mc_process_stop(process, SIGTERM), 0);
}

MC_TEST("W8: what a role does not hold is 403 with the capability's name, until it is granted")
{
    static const char missing[] = "00000000-0000-7000-8000-000000000001";
    static const struct {
        const char *method, *path, *body, *capability;
        int granted;
    } cases[] = {
        {"GET", "/api/dynamic/tickets", NULL, "tickets.read", 200},
        {"POST", "/api/dynamic/tickets", "{\"subject\":\"x\"}", "tickets.create", 201},
        {"PUT", "/api/dynamic/tickets/%s", "{\"subject\":\"y\"}", "tickets.update", 404},
        {"DELETE", "/api/dynamic/tickets/%s", NULL, "tickets.delete", 404},
    };
    mc_process process;
    mc_client client;
    char org[64], path[128], words[128];

    MC_REQUIRE(setup(&process, &client));
    (void)snprintf(org, sizeof(org), "%.*s", MC_FMT(mc_client_field(&client, "organization_id")));
    MC_REQUIRE(RUN("long-enough\n", "user", "create", "--email", "agent@example.com",
                   "--password-stdin", "--org", org, "--role", "agent", "--data",
                   process.data) == 0);
    MC_REQUIRE(mc_client_sign_in(&client, "agent@example.com", "long-enough") == 200);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].capability);
        /* The id is the only thing a path may need. */
        if (strchr(cases[i].path, '%'))
            (void)snprintf(path, sizeof(path), "/api/dynamic/tickets/%s", missing);
        else
            (void)snprintf(path, sizeof(path), "%s", cases[i].path);
        (void)snprintf(words, sizeof(words), "permission: denied: missing capability \\\"%s\\\"",
                       cases[i].capability);
        MC_EXPECT_EQ(mc_client_call(&client, cases[i].method, path, cases[i].body), 403);
        MC_EXPECT_HAS(client.body, words);
        MC_EXPECT_EQ(RUN(NULL, "grant", "add", "--org", org, "--role", "agent", "--capability",
                         cases[i].capability, "--data", process.data),
                     0);
        MC_EXPECT_EQ(mc_client_call(&client, cases[i].method, path, cases[i].body),
                     cases[i].granted);
    }
    teardown(&process, &client);
}

MC_TEST("W9, W19: what does not fit is 400 or 422 in words of ours, never in the database's")
{
    static const struct {
        const char *name, *body, *field;
        int status;
    } cases[] = {
        {"a number for text", "{\"subject\":5}", "subject", 400},
        {"text for a number", "{\"subject\":\"x\",\"hours\":\"many\"}", "hours", 400},
        {"a number for a boolean", "{\"subject\":\"x\",\"urgent\":2}", "urgent", 400},
        {"a day that does not exist", "{\"subject\":\"x\",\"due_at\":\"2026-02-30\"}", "due_at",
         400},
        {"no key at all", "{\"subject\":\"x\",\"assignee_id\":\"7\"}", "assignee_id", 400},
        {"a key of nobody",
         "{\"subject\":\"x\",\"assignee_id\":\"00000000-0000-7000-8000-000000000001\"}",
         "assignee_id", 422},
        {"nothing for what must be", "{\"subject\":null}", "subject", 422},
    };
    static const char *const foreign[] = {"SQL", "sql", "constraint", "CHECK", "UNIQUE", "addon_"};
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/dynamic/tickets", cases[i].body),
                     cases[i].status);
        MC_EXPECT_HAS(client.body, cases[i].field);
        for (size_t f = 0; f < MC_LEN(foreign); f++)
            MC_EXPECT_EQ(mc_str_find(client.body, mc_z(foreign[f])), client.body.len);
    }
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "total"), "0");
    teardown(&process, &client);
}

MC_TEST("W31: figures about the server are not for strangers")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    client.token[0] = '\0';
    MC_EXPECT(mc_client_call(&client, "GET", "/metrics", NULL) >= 400);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/metrics", NULL), 401);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    teardown(&process, &client);
}

MC_TEST("W33: times are UTC with a Z, wherever the server stands")
{
    mc_process process;
    mc_client client;
    mc_str created;

    (void)setenv("TZ", "America/New_York", 1);
    MC_REQUIRE(setup(&process, &client));
    (void)unsetenv("TZ");
    MC_EXPECT(mc_str_ends_with(mc_client_field(&client, "expires_at"), MC_STR("Z")));
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/dynamic/tickets",
                                "{\"subject\":\"x\",\"due_at\":\"2026-03-01T10:00:00+05:00\"}"),
                 201);
    created = mc_client_field(&client, "created_at");
    MC_EXPECT(mc_str_ends_with(created, MC_STR("Z")));
    MC_EXPECT(
        mc_str_starts_with(mc_client_field(&client, "due_at"), MC_STR("2026-03-01T05:00:00")));
    teardown(&process, &client);
}

#define RACERS 8

typedef struct racer {
    unsigned port;
    const char *email, *name;
    int status;
} racer;

static void *race(void *user)
{
    racer *self = user;
    mc_client client;

    mc_client_init(&client, self->port);
    self->status = mc_client_register(&client, self->name, self->email, "long-enough");
    mc_client_deinit(&client);
    return NULL;
}

static int register_together(racer racers[RACERS], int status)
{
    pthread_t threads[RACERS];
    int found = 0;

    for (int i = 0; i < RACERS; i++)
        MC_EXPECT(pthread_create(&threads[i], NULL, race, &racers[i]) == 0);
    for (int i = 0; i < RACERS; i++) {
        (void)pthread_join(threads[i], NULL);
        found += racers[i].status == status;
    }
    return found;
}

MC_TEST("W3, W39: of registrations that race for an address one wins, of those for a name all do")
{
    static const char *const emails[RACERS] = {"a0@b.co", "a1@b.co", "a2@b.co", "a3@b.co",
                                               "a4@b.co", "a5@b.co", "a6@b.co", "a7@b.co"};
    mc_process process;
    mc_client client;
    racer racers[RACERS];

    MC_REQUIRE(setup(&process, &client));
    for (int i = 0; i < RACERS; i++)
        racers[i] = (racer){process.port, i % 2 ? "Ann@Example.com" : " ann@example.com", "Ann", 0};
    MC_EXPECT_EQ(register_together(racers, 409), RACERS - 1);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "ann@example.com", "long-enough"), 200);
    for (int i = 0; i < RACERS; i++)
        racers[i] = (racer){process.port, emails[i], "Bob", 0};
    MC_EXPECT_EQ(register_together(racers, 201), RACERS);
    teardown(&process, &client);
}

MC_TEST(
    "W40: the schema is changed by a command too, and a start that cannot is an end with a word")
{
    const char *data = mc_test_dir();
    char path[300];
    FILE *file;
    mc_process process;
    mc_client client;

    MC_EXPECT_EQ(RUN(NULL, "migrate", "up", "--data", data), 0);
    MC_EXPECT_EQ(RUN(NULL, "migrate", "status", "--json", "--data", data), 0);
    MC_EXPECT_HAS(mc_z(out), "\"applied\":true");
    MC_EXPECT(strstr(out, "\"applied\":false") == NULL);
    MC_EXPECT_EQ(RUN(NULL, "migrate", "down", "--data", data), 0);
    MC_EXPECT_EQ(RUN(NULL, "migrate", "status", "--json", "--data", data), 0);
    MC_EXPECT_HAS(mc_z(out), "\"applied\":false");

    MC_CASE("a start brings it up to date");
    MC_REQUIRE(mc_process_start(&process, data, dev));
    mc_client_init(&client, process.port);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "metacore-demo"), 200);
    teardown(&process, &client);

    MC_CASE("a file that is no database");
    (void)snprintf(path, sizeof(path), "%s/metacore.db", data);
    file = fopen(path, "r+be");
    MC_REQUIRE(file != NULL);
    MC_EXPECT(fputs("this was a database once, and somebody wrote over it", file) >= 0);
    MC_EXPECT(fclose(file) == 0);
    MC_EXPECT_EQ(RUN(NULL, "serve", "--dev", "--listen", "127.0.0.1:0", "--data", data), 1);
    MC_EXPECT_HAS(mc_z(out), "not a database");
}
