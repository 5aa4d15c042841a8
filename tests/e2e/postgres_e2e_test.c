/* SPDX-License-Identifier: Apache-2.0 */
/* What only a database beside the server can do: be looked into, taken by two, and go away. */
#include "mc_client.h"
#include "mc_postgres.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define PSQL "/usr/lib/postgresql/15/bin/psql"
#define TICKETS "/api/dynamic/tickets"

static mc_str url;

/* False: the test is skipped, or has failed. */
static bool new_database(void)
{
    if (mc_postgres_missing()) {
        mc_test_skip(mc_postgres_missing());
        return false;
    }
    url = mc_postgres_owned_database();
    return url.len > 0;
}

static bool start(mc_process *process, const char *data, const char *more)
{
    const char *args[] = {"--database", url.ptr, "--dev", more, NULL};

    return mc_process_start(process, data, args);
}

/* What a client of the database is answered, lines joined by ' '. */
static mc_str ask(const char *sql)
{
    static char out[4096];
    const char *args[] = {url.ptr, "-qAtX", "-R", " ", "-c", sql, NULL};
    size_t len;

    MC_EXPECT_EQ(mc_process_run_program(PSQL, args, NULL, out, sizeof(out)), 0);
    len = strlen(out);
    if (len && out[len - 1] == '\n')
        len--;
    return mc_str_of(out, len);
}

MC_TEST("migrations are run, counted and taken back where the address says")
{
    const char *data = mc_test_dir();
    char out[8192];

    if (!new_database())
        return;
    const char *up[] = {"migrate", "up", "--data", data, "--database", url.ptr, NULL};
    const char *down[] = {"migrate", "down", "--data", data, "--database", url.ptr, NULL};
    const char *status[] = {"migrate",    "status", "--data", data,
                            "--database", url.ptr,  "--json", NULL};

    MC_EXPECT_EQ(mc_process_run(status, NULL, out, sizeof(out)), 0);
    MC_EXPECT_HAS(mc_z(out), "\"applied\":false");
    MC_EXPECT(!strstr(out, "\"applied\":true"));
    MC_EXPECT_EQ(mc_process_run(up, NULL, out, sizeof(out)), 0);
    MC_EXPECT_EQ(mc_process_run(status, NULL, out, sizeof(out)), 0);
    MC_EXPECT(!strstr(out, "\"applied\":false"));
    MC_EXPECT_EQ(mc_process_run(down, NULL, out, sizeof(out)), 0);
    MC_EXPECT_EQ(mc_process_run(up, NULL, out, sizeof(out)), 0);
    MC_EXPECT_HAS(mc_z(out), "migrate: 1 applied");
    MC_EXPECT_Z(ask("SELECT to_regclass('public.organizations')"), "organizations");
}

MC_TEST("the database itself keeps organizations apart, whoever asks it")
{
    char id[40], by_id[200];
    mc_process process;
    mc_client one, two;

    if (!new_database())
        return;
    MC_REQUIRE(start(&process, mc_test_dir(), NULL));
    mc_client_init(&one, process.port);
    mc_client_init(&two, process.port);
    MC_REQUIRE(mc_client_register(&one, "One", "one@example.com", "long-enough") == 201);
    (void)snprintf(id, sizeof(id), "%.*s", MC_FMT(mc_client_field(&one, "organization_id")));
    MC_REQUIRE(mc_client_register(&two, "Two", "two@example.com", "long-enough") == 201);
    MC_EXPECT_EQ(mc_client_call(&one, "POST", TICKETS, "{\"subject\":\"ours\"}"), 201);
    MC_EXPECT_EQ(mc_client_call(&two, "POST", TICKETS, "{\"subject\":\"theirs\"}"), 201);

    MC_CASE("the owner of the tables, in nobody's name");
    MC_EXPECT_Z(ask("SELECT count(*) FROM addon_tickets.tickets"), "0");
    MC_CASE("in one's name");
    (void)snprintf(by_id, sizeof(by_id),
                   "SET app.current_org = '%s'; SELECT subject FROM addon_tickets.tickets", id);
    MC_EXPECT_Z(ask(by_id), "ours");
    (void)snprintf(
        by_id, sizeof(by_id),
        "SET app.current_org = '%s'; UPDATE addon_tickets.tickets SET subject = 'x' WHERE "
        "subject = 'theirs' RETURNING subject",
        id);
    MC_EXPECT_Z(ask(by_id), "");
    MC_CASE("over the wire");
    MC_EXPECT_EQ(mc_client_call(&two, "GET", TICKETS, NULL), 200);
    MC_EXPECT_HAS(two.body, "theirs");
    MC_EXPECT_EQ(mc_str_find(two.body, MC_STR("\"ours\"")), two.body.len);

    MC_CASE("a rehearsal tells what would change, and changes nothing");
    MC_EXPECT_EQ(
        mc_client_call(&one, "POST", "/api/metacore/installations/tickets?dry_run=1", NULL), 200);
    MC_EXPECT_HAS(one.body, "\"schema\":{\"tables\":{\"added\":[],\"removed\":[],\"changed\":[]}");
    MC_EXPECT_HAS(one.body, "\"meta\":{\"dry_run\":true");
    MC_EXPECT_EQ(mc_client_call(&one, "GET", TICKETS, NULL), 200);
    MC_EXPECT_HAS(one.body, "ours");
    mc_client_deinit(&one);
    mc_client_deinit(&two);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

MC_TEST("one process serves from a database: the next is told, and may once the first is gone")
{
    const char *data = mc_test_dir(), *other = mc_test_dir();
    mc_process first, second;
    char out[2048];

    if (!new_database())
        return;
    const char *args[] = {"serve", "--dev",      "--listen", "127.0.0.1:0", "--data",
                          other,   "--database", url.ptr,    NULL};

    MC_REQUIRE(start(&first, data, NULL));
    MC_EXPECT_EQ(mc_process_run(args, NULL, out, sizeof(out)), 1);
    MC_EXPECT_HAS(mc_z(out), "another metacore serves from this database");
    MC_EXPECT_EQ(mc_process_stop(&first, SIGKILL), 128 + SIGKILL);
    MC_REQUIRE(start(&second, other, NULL));
    MC_EXPECT_EQ(mc_process_stop(&second, SIGTERM), 0);
}

static int post(mc_client *client)
{
    int status = 0;

    /* Work that was under way when the database went is lost, and said so; then it is there. */
    for (int i = 0; i < 20 && status != 201; i++)
        status = mc_client_call(client, "POST", TICKETS, "{\"subject\":\"after\"}");
    return status;
}

MC_TEST("a database that restarts is found again, with all that was acknowledged")
{
    mc_process process;
    mc_client client;

    if (!new_database())
        return;
    MC_REQUIRE(start(&process, mc_test_dir(), NULL));
    mc_client_init(&client, process.port);
    MC_REQUIRE(mc_client_sign_in(&client, "owner@example.com", "metacore-demo") == 200);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", TICKETS, "{\"subject\":\"before\"}"), 201);
    MC_REQUIRE(mc_postgres_restart());
    MC_EXPECT_EQ(post(&client), 201);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", TICKETS "?f_subject=before", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "total"), "1");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/readyz", NULL), 200);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

static bool has_logged(const mc_process *process, const char *word)
{
    char text[65536];
    FILE *file = fopen(process->log, "rbe");
    size_t len = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

    if (file)
        (void)fclose(file); /* read only */
    text[len] = '\0';
    return strstr(text, word) != NULL;
}

MC_TEST("a user whom policies do not hold is warned of, one whom they hold is not")
{
    mc_process process;

    if (!new_database())
        return;
    MC_REQUIRE(start(&process, mc_test_dir(), NULL));
    MC_EXPECT(!has_logged(&process, "database.above_policies"));
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    url = mc_postgres_database();
    MC_REQUIRE(start(&process, mc_test_dir(), NULL));
    MC_EXPECT(has_logged(&process, "database.above_policies"));
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
