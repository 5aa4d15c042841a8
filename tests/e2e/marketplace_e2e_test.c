/* SPDX-License-Identifier: Apache-2.0 */
/* Addons from a hub: only a trusted one, only what it signed for, and every request noted. */
#include "addon_kit.h"
#include "mc_test.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INSTALL "/api/marketplace/install"

static mc_arena *arena;
static mc_process process;
static mc_client owner;
static char out[65536];

/* A hub that answers /good.tar.gz and its signature, /other.tar.gz, /junk, and else 404. */
typedef struct hub {
    int fd;
    unsigned port;
    pthread_t thread;
    mc_str bundle, signature, other, needy, needy_signature;
} hub;

static void answer(int fd, int status, mc_str body)
{
    char head[200];
    int n = snprintf(head, sizeof(head),
                     "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
                     body.len);

    (void)!send(fd, head, (size_t)n, MSG_NOSIGNAL);
    (void)!send(fd, body.ptr, body.len, MSG_NOSIGNAL);
}

static void *serve(void *user)
{
    hub *self = user;
    char head[4096];
    int fd;

    while ((fd = accept(self->fd, NULL, NULL)) >= 0) {
        ssize_t n = recv(fd, head, sizeof(head) - 1, 0);

        head[n > 0 ? n : 0] = '\0';
        if (strstr(head, "GET /good.tar.gz.sig"))
            answer(fd, 200, self->signature);
        else if (strstr(head, "GET /good.tar.gz"))
            answer(fd, 200, self->bundle);
        else if (strstr(head, "GET /other.tar.gz "))
            answer(fd, 200, self->other);
        else if (strstr(head, "GET /needy.tar.gz.sig"))
            answer(fd, 200, self->needy_signature);
        else if (strstr(head, "GET /needy.tar.gz"))
            answer(fd, 200, self->needy);
        else if (strstr(head, "GET /junk "))
            answer(fd, 200, MC_STR("no archive"));
        else
            answer(fd, 404, MC_STR("nothing here"));
        (void)close(fd);
    }
    return NULL;
}

static bool hub_open(hub *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    self->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->fd < 0 || bind(self->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(self->fd, 16) != 0 || getsockname(self->fd, (struct sockaddr *)&address, &len) != 0)
        return false;
    self->port = ntohs(address.sin_port);
    return pthread_create(&self->thread, NULL, serve, self) == 0;
}

static void hub_close(hub *self)
{
    (void)shutdown(self->fd, SHUT_RDWR);
    (void)pthread_join(self->thread, NULL); /* accept has failed */
    (void)close(self->fd);
}

static int ask(const char *key, const char *url)
{
    char body[1024];

    (void)snprintf(body, sizeof(body),
                   "{\"addonKey\":\"%s\",\"bundleURL\":\"%s\",\"name\":\"Good\"}", key, url);
    return mc_client_call(&owner, "POST", INSTALL, body);
}

static const char *at(const hub *self, const char *path)
{
    static char url[200];

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", self->port, path);
    return url;
}

MC_TEST("bundles come from trusted hubs only, signed, and each request is noted with its end")
{
    mc_secret_key secret;
    mc_public_key public;
    hub h = {.fd = -1};
    char hubs[64], key[65];
    mc_err err;

    arena = mc_arena_new((size_t)64 << 20);
    MC_REQUIRE_OK(mc_secret_key_new(&secret, &public, &err), &err);
    for (size_t i = 0; i < sizeof(public.bytes); i++)
        (void)snprintf(key + 2 * i, 3, "%02x", public.bytes[i]);
    h.bundle = kit_pack(
        arena, kit_manifest(arena, "good", "1.0.0", KIT_MODEL("goods", KIT_NAME), ""), NULL);
    h.signature = kit_sign(arena, &secret, "good", "1.0.0", h.bundle, false);
    h.other = kit_pack(
        arena, kit_manifest(arena, "other", "1.0.0", KIT_MODEL("others", KIT_NAME), ""), NULL);
    h.needy = kit_pack(
        arena, kit_manifest(arena, "needy", "1.0.0", "", ",\"requires\":[{\"key\":\"nobody\"}]"),
        NULL);
    h.needy_signature = kit_sign(arena, &secret, "needy", "1.0.0", h.needy, true);
    MC_REQUIRE(hub_open(&h));
    (void)snprintf(hubs, sizeof(hubs), "http://127.0.0.1:%u", h.port);
    MC_REQUIRE(mc_process_start(
        &process, mc_test_dir(),
        (const char *const[]){"--dev", "--log-level", "error", "--marketplace-hubs", hubs,
                              "--allow-private-egress", "--marketplace-pubkey", key, NULL}));
    mc_client_init(&owner, process.port);
    MC_REQUIRE(mc_client_sign_in(&owner, "owner@example.com", "metacore-demo") == 200);

    MC_CASE("a request without an address is noted");
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", INSTALL, "{\"addonKey\":\"later\"}"), 201);
    MC_EXPECT_HAS(owner.body, "\"status\":\"requested\"");
    MC_EXPECT_HAS(owner.body, "\"version\":\"latest\"");
    MC_CASE("a request without a key is none");
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", INSTALL, "{}"), 400);
    MC_EXPECT_HAS(owner.body, "addonKey is required");
    MC_CASE("not from anywhere");
    MC_EXPECT_EQ(ask("good", "http://127.0.0.1:1/good.tar.gz"), 403);
    MC_EXPECT_EQ(ask("good", "http://localhost/good.tar.gz"), 403);
    MC_EXPECT_EQ(ask("good", "file:///etc/passwd"), 400);
    MC_EXPECT_EQ(mc_client_call(&owner, "GET", "/api/marketplace/installs", NULL), 200);
    MC_EXPECT(mc_str_find(owner.body, MC_STR("good")) == owner.body.len);
    MC_CASE("what the hub has not");
    MC_EXPECT_EQ(ask("good", at(&h, "/nope")), 422);
    MC_EXPECT_HAS(owner.body, "bundle URL returned 404: nothing here");
    MC_EXPECT_HAS(owner.body, "\"status\":\"failed\"");
    MC_CASE("what is no bundle, another's, or not signed");
    MC_EXPECT_EQ(ask("good", at(&h, "/junk")), 422);
    MC_EXPECT_HAS(owner.body, "parse bundle: ");
    MC_EXPECT_EQ(ask("good", at(&h, "/other.tar.gz")), 422);
    MC_EXPECT_HAS(owner.body, "does not match request");
    MC_EXPECT_EQ(ask("other", at(&h, "/other.tar.gz")), 422);
    MC_EXPECT_HAS(owner.body, "bundle signature rejected");
    MC_CASE("a good one");
    MC_EXPECT_EQ(ask("good", at(&h, "/good.tar.gz")), 201);
    MC_EXPECT_HAS(owner.body, "\"status\":\"installed\"");
    MC_EXPECT_HAS(owner.body, "\"installation\":{");
    MC_EXPECT_EQ(mc_client_call(&owner, "GET", "/api/dynamic/goods", NULL), 200);
    MC_CASE("one that requires another, and whoever insists");
    MC_EXPECT_EQ(ask("needy", at(&h, "/needy.tar.gz")), 422);
    MC_EXPECT_HAS(owner.body, "addon needy requires addon nobody");
    (void)snprintf(out, sizeof(out),
                   "{\"addonKey\":\"needy\",\"bundleURL\":\"%s\",\"ignoreRequires\":true}",
                   at(&h, "/needy.tar.gz"));
    MC_EXPECT_EQ(mc_client_call(&owner, "POST", INSTALL, out), 201);
    MC_EXPECT_HAS(owner.body, "\"warning\":\"addon needy requires addon nobody");
    MC_EXPECT_EQ(
        mc_client_call(&owner, "POST", INSTALL, "{\"addonKey\":\"x\",\"ignoreRequires\":1}"), 400);
    MC_CASE("all of it is there, newest first, for its organization alone");
    MC_EXPECT_EQ(mc_client_call(&owner, "GET", "/api/marketplace/installs", NULL), 200);
    MC_EXPECT(mc_str_find(owner.body, MC_STR("\"installed\"")) <
              mc_str_find(owner.body, MC_STR("\"failed\"")));
    MC_EXPECT(mc_str_find(owner.body, MC_STR("install_secret")) == owner.body.len);
    MC_EXPECT_EQ(mc_client_register(&owner, "Other", "o@example.com", "long-enough"), 201);
    MC_EXPECT_EQ(mc_client_call(&owner, "GET", "/api/marketplace/installs", NULL), 200);
    MC_EXPECT_HAS(owner.body, "\"data\":[]");
    mc_client_deinit(&owner);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    hub_close(&h);
    mc_arena_free(arena);
}

MC_TEST("a hub that is no origin keeps the server from starting")
{
    MC_EXPECT_EQ(mc_process_run((const char *const[]){"serve", "--dev", "--listen", "127.0.0.1:0",
                                                      "--data", mc_test_dir(), "--marketplace-hubs",
                                                      "https://hub.example.com/path", NULL},
                                NULL, out, sizeof(out)),
                 1);
    MC_EXPECT_HAS(mc_z(out), "is no origin");
}
