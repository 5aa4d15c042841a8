/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, beside a running server and without one. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char out[65536];

static int run(const char *input, const char *const *args)
{
    return mc_process_run(args, input, out, sizeof(out));
}

#define RUN(input, ...) run(input, (const char *const[]){__VA_ARGS__, NULL})

MC_TEST("usage mistakes end with 2 and say what is meant")
{
    MC_EXPECT_EQ(RUN(NULL, "nonsense"), 2);
    MC_EXPECT_EQ(RUN(NULL, "user", "create"), 2);
    MC_EXPECT_EQ(RUN(NULL, "addon", "install"), 2);
    MC_EXPECT_EQ(RUN(NULL, "migrate", "sideways"), 2);
    MC_EXPECT_EQ(RUN(NULL, "config", "--token-ttl", "soon"), 2);
    MC_EXPECT_HAS(mc_z(out), "token-ttl");
    MC_EXPECT_EQ(RUN(NULL, "help"), 0);
    MC_EXPECT_HAS(mc_z(out), "metacore serve");
    MC_EXPECT_EQ(RUN(NULL, "version"), 0);
}

MC_TEST("an argument that is not understood is a usage mistake, and nothing is started")
{
    static const struct {
        const char *name, *args[5];
        int status;
    } cases[] = {
        {"a misspelt flag", {"serve", "--lissten=127.0.0.1:0"}, 2},
        {"a word too many", {"serve", "now"}, 2},
        {"a flag of another command", {"migrate", "status", "--email", "a@b.co"}, 2},
        {"two actions", {"migrate", "up", "down"}, 2},
        {"an option without its value", {"user", "list", "--email"}, 2},
        {"a switch with a value", {"user", "list", "--json=yes"}, 2},
        {"a short flag", {"config", "-x"}, 2},
        {"help for a command", {"serve", "--help"}, 0},
        {"help in short", {"-h"}, 0},
        {"the version as a flag", {"--version"}, 0},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(run(NULL, cases[i].args), cases[i].status);
    }
}

MC_TEST("config shows each value's source and masks secrets; flag beats environment")
{
    (void)setenv("METACORE_LISTEN", "127.0.0.1:4000", 1);
    MC_EXPECT_EQ(RUN(NULL, "config", "--json", "--jwt-secret", "a-secret-that-nobody-sees-here"),
                 0);
    MC_EXPECT_HAS(mc_z(out),
                  "\"listen\":{\"source\":\"environment\",\"value\":\"127.0.0.1:4000\"}");
    MC_EXPECT(strstr(out, "a-secret-that-nobody") == NULL);
    MC_EXPECT_EQ(RUN(NULL, "config", "--json", "--listen=127.0.0.1:5000"), 0);
    MC_EXPECT_HAS(mc_z(out), "\"listen\":{\"source\":\"flag\",\"value\":\"127.0.0.1:5000\"}");
    (void)unsetenv("METACORE_LISTEN");
}

MC_TEST("a server without --dev does not start without a secret")
{
    const char *data = mc_test_dir();

    MC_EXPECT_EQ(RUN(NULL, "serve", "--listen", "127.0.0.1:0", "--data", data), 1);
    MC_EXPECT_HAS(mc_z(out), "JWT_SECRET");
    MC_EXPECT_EQ(
        RUN(NULL, "serve", "--listen", "127.0.0.1:0", "--data", data, "--jwt-secret", "short"), 1);
}

MC_TEST("users are made without a server and sign in at the next one")
{
    static const char *const args[] = {"--jwt-secret", "0123456789abcdef0123456789abcdef",
                                       "--log-level", "error", NULL};
    const char *data = mc_test_dir();
    mc_process process;
    mc_client client;

    MC_EXPECT_EQ(RUN(NULL, "migrate", "up", "--data", data), 0);
    MC_EXPECT_EQ(RUN("ann-password\n", "user", "create", "--data", data, "--email",
                     "ann@example.com", "--password-stdin", "--org", "Ann & Co"),
                 0);
    MC_EXPECT_EQ(RUN("x-password\n", "user", "create", "--data", data, "--email", "ann@example.com",
                     "--password-stdin", "--org", "Ann & Co"),
                 1);
    MC_EXPECT_EQ(RUN(NULL, "user", "list", "--data", data, "--json"), 0);
    MC_EXPECT_HAS(mc_z(out), "ann@example.com");
    MC_EXPECT(strstr(out, "argon2") == NULL);
    MC_REQUIRE(mc_process_start(&process, data, args));
    mc_client_init(&client, process.port);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "ann@example.com", "ann-password"), 200);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

MC_TEST("beside a running server commands take effect at once")
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};
    const char *data = mc_test_dir();
    mc_process process;
    mc_client client;

    MC_REQUIRE(mc_process_start(&process, data, args));
    mc_client_init(&client, process.port);
    MC_CASE("a new user signs in and may do nothing");
    MC_EXPECT_EQ(RUN("bob-password\n", "user", "create", "--data", data, "--email",
                     "bob@example.com", "--password-stdin", "--org", "Demo", "--role", "agent"),
                 0);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "bob@example.com", "bob-password"), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets", NULL), 403);
    MC_CASE("a grant opens one verb");
    MC_EXPECT_EQ(RUN(NULL, "grant", "add", "--data", data, "--org", "Demo", "--role", "agent",
                     "--capability", "tickets.read"),
                 0);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/dynamic/tickets", "{\"subject\":\"x\"}"),
                 403);
    MC_CASE("grants are listed by whom they are for, all or one's");
    MC_EXPECT_EQ(RUN(NULL, "grant", "add", "--data", data, "--org", "Demo", "--email",
                     "bob@example.com", "--capability", "tickets.delete"),
                 0);
    MC_EXPECT_EQ(RUN(NULL, "grant", "list", "--data", data, "--org", "Demo"), 0);
    MC_EXPECT_HAS(mc_z(out), "agent");
    MC_EXPECT_HAS(mc_z(out), "bob@example.com");
    MC_EXPECT_EQ(RUN(NULL, "grant", "list", "--data", data, "--org", "Demo", "--role", "Agent"), 0);
    MC_EXPECT_HAS(mc_z(out), "tickets.read");
    MC_EXPECT(strstr(out, "tickets.delete") == NULL);
    MC_EXPECT_EQ(RUN(NULL, "grant", "list", "--data", data, "--org", "Demo", "--email",
                     "bob@example.com", "--json"),
                 0);
    MC_EXPECT_HAS(mc_z(out), "\"email\":\"bob@example.com\"");
    MC_EXPECT(strstr(out, "tickets.read") == NULL);
    MC_EXPECT_EQ(RUN(NULL, "grant", "remove", "--data", data, "--org", "Demo", "--email",
                     "bob@example.com", "--capability", "tickets.delete"),
                 0);
    MC_CASE("and its removal closes it");
    MC_EXPECT_EQ(RUN(NULL, "grant", "remove", "--data", data, "--org", "Demo", "--role", "agent",
                     "--capability", "tickets.read"),
                 0);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets", NULL), 403);
    MC_CASE("a page learns what it may offer, in the words of the browser");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/permissions/me", NULL), 200);
    MC_EXPECT_Z(client.body, "{\"data\":{\"permissions\":[],\"role\":\"agent\",\"is_admin\":false},"
                             "\"success\":true}");
    MC_EXPECT_EQ(RUN(NULL, "grant", "add", "--data", data, "--org", "Demo", "--role", "agent",
                     "--capability", "tickets.read"),
                 0);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/permissions/me", NULL), 200);
    MC_EXPECT_HAS(client.body, "[\"tickets.index\",\"tickets.read\",\"tickets.export\"]");
    MC_EXPECT_EQ(RUN(NULL, "grant", "add", "--data", data, "--org", "Demo", "--role", "agent",
                     "--capability", "tickets.*"),
                 0);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/permissions/me", NULL), 200);
    MC_EXPECT_HAS(client.body, "\"tickets.import\",\"tickets.update\",\"tickets.delete\"");
    MC_EXPECT_EQ(mc_client_sign_in(&client, "owner@example.com", "metacore-demo"), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/permissions/me", NULL), 200);
    MC_EXPECT_HAS(client.body, "{\"permissions\":[\"*\"],\"role\":\"owner\",\"is_admin\":true}");
    MC_EXPECT_EQ(mc_client_sign_in(&client, "bob@example.com", "bob-password"), 200);
    MC_CASE("a disabled user is out at once");
    MC_EXPECT_EQ(RUN(NULL, "user", "disable", "--data", data, "--email", "bob@example.com"), 0);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/auth/me", NULL), 401);
    MC_EXPECT_EQ(mc_client_sign_in(&client, "bob@example.com", "bob-password"), 401);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    MC_EXPECT(file && fputs(text, file) >= 0);
    MC_EXPECT(file && fclose(file) == 0);
}

static bool log_has(const mc_process *process, const char *what)
{
    FILE *file = fopen(process->log, "rbe");
    size_t got = file ? fread(out, 1, sizeof(out) - 1, file) : 0;

    if (file)
        (void)fclose(file); /* read only */
    out[got] = '\0';
    return strstr(out, what) != NULL;
}

MC_TEST("SIGHUP takes the log level from the configuration file, and a bad one changes nothing")
{
    const char *data = mc_test_dir();
    char config[300];
    const char *args[] = {"--dev", "--config", config, NULL};
    mc_process process;
    mc_client client;

    (void)snprintf(config, sizeof(config), "%s/metacore.json", data);
    write_file(config, "{\"log-level\":\"error\"}");
    MC_REQUIRE(mc_process_start(&process, data, args));
    mc_client_init(&client, process.port);
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    MC_EXPECT(!log_has(&process, "\"path\":\"/healthz\""));

    MC_CASE("nonsense in the file");
    write_file(config, "{\"log-level\":");
    MC_EXPECT(kill(process.pid, SIGHUP) == 0);
    for (int i = 0; i < 5000 && !log_has(&process, "reload.failed"); i++)
        MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    MC_EXPECT(log_has(&process, "reload.failed"));
    MC_EXPECT(!log_has(&process, "\"path\":\"/healthz\""));

    MC_CASE("another level");
    write_file(config, "{\"log-level\":\"info\"}");
    MC_EXPECT(kill(process.pid, SIGHUP) == 0);
    for (int i = 0; i < 5000 && !log_has(&process, "\"path\":\"/healthz\""); i++)
        MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    MC_EXPECT(log_has(&process, "\"path\":\"/healthz\""));
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

MC_TEST("two servers do not share a data directory")
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};
    const char *data = mc_test_dir();
    mc_process process;

    MC_REQUIRE(mc_process_start(&process, data, args));
    MC_EXPECT_EQ(RUN(NULL, "serve", "--dev", "--listen", "127.0.0.1:0", "--data", data), 1);
    MC_EXPECT_HAS(mc_z(out), "another process uses it");
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
