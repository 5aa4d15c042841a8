/* SPDX-License-Identifier: Apache-2.0 */
/* What installing costs, and what many installed addons cost afterwards:
 *
 *   addon_scale DATA_DIR [ADDONS]
 *
 * prints the time to install a bundle of 20 models and 20 migrations, then installs ADDONS (1000)
 * small ones, starts again on them, and asks for metadata with one and with all of them. */
#include "metacore/bundle/bundle.h"
#include "metacore/host/host.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MODELS 20
#define REQUESTS 2000
#define SETTLE_S 1
#define EMAIL "owner@example.com"
#define PASSWORD "metacore-demo"

static double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail */
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void must(mc_code rc, const mc_err *err)
{
    if (rc == MC_OK)
        return;
    fprintf(stderr, "addon_scale: %s\n", err->msg);
    exit(1);
}

static mc_app *start(const char *data)
{
    mc_app *app = NULL;
    mc_err err;

    must(mc_app_new(&(mc_app_config){MC_APP_CONFIG, .data_dir = mc_z(data), .dev = true,
                                     .listen = MC_STR("127.0.0.1:0"), .loops = 1},
                    &app, &err),
         &err);
    must(mc_app_start(app, &err), &err);
    return app;
}

/* ---- addons ---- */

static mc_str manifest_of(mc_arena *arena, const char *key, int models)
{
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    mc_buf_printf(
        &out,
        "{\"key\":\"%s\",\"name\":\"%s\",\"version\":\"1.0.0\",\"navigation\":[{\"title\":"
        "\"%s\",\"items\":[{\"title\":\"All\",\"url\":\"/%s\"}]}],\"model_definitions\":[",
        key, key, key, key);
    for (int i = 0; i < models; i++)
        mc_buf_printf(
            &out,
            "%s{\"table_name\":\"%s_%02d\",\"model_key\":\"%s_%02d\",\"label\":\"Things\","
            "\"org_scoped\":true,\"columns\":[{\"name\":\"name\",\"type\":\"string\","
            "\"required\":true,\"index\":true},{\"name\":\"amount\",\"type\":\"decimal\"},"
            "{\"name\":\"due\",\"type\":\"date\"},{\"name\":\"notes\",\"type\":\"text\"}]}",
            i ? "," : "", key, i, key, i);
    mc_buf_lit(&out, "]}");
    return mc_buf_get(&out);
}

static mc_bundle *big_bundle(mc_arena *arena)
{
    mc_bundle_file files[MODELS + 1];
    mc_bundle plain = {.files = files, .file_count = MODELS + 1}, *bundle = NULL;
    mc_buf packed;
    mc_err err;

    plain.manifest = manifest_of(arena, "big", MODELS);
    files[0] = (mc_bundle_file){.name = MC_STR("manifest.json"), .data = plain.manifest};
    for (int i = 0; i < MODELS; i++)
        files[i + 1] =
            (mc_bundle_file){.name = mc_str_printf(arena, "migrations/%04d_side.sql", i),
                             .data = mc_str_printf(
                                 arena,
                                 "CREATE TABLE side_%02d (id uuid PRIMARY KEY DEFAULT "
                                 "gen_random_uuid(), organization_id uuid NOT NULL, name text NOT "
                                 "NULL, total numeric(12,2) DEFAULT 0, created_at timestamptz "
                                 "DEFAULT now()); CREATE INDEX side_%02d_name ON side_%02d (name);",
                                 i, i, i)};
    mc_buf_init_arena(&packed, arena, 0);
    must(mc_bundle_pack(&plain, &packed, &err), &err);
    must(mc_bundle_read(mc_buf_get(&packed), &bundle, &err), &err);
    return bundle;
}

static void install(mc_app *app, const mc_bundle *bundle, mc_uuid org_id)
{
    mc_ctx ctx = {.arena = mc_arena_new(0), .now = mc_clock_now((mc_clock){NULL, NULL})};
    mc_installation out;
    mc_err err;

    must(mc_host_install(mc_app_host(app), &ctx, &(mc_install_source){.bundle = bundle},
                         &(mc_host_install_options){.org_id = org_id}, &out, &err),
         &err);
    mc_arena_free(ctx.arena);
}

static mc_uuid demo_org(mc_app *app)
{
    mc_ctx ctx = {.arena = mc_arena_new(0), .now = mc_clock_now((mc_clock){NULL, NULL})};
    mc_auth_org org;
    mc_err err;

    must(mc_auth_find_org(mc_app_auth(app), &ctx, MC_STR("Demo"), &org, &err), &err);
    mc_arena_free(ctx.arena);
    return org.id;
}

static void install_many(mc_app *app, int count)
{
    mc_uuid org = demo_org(app);
    mc_err err;

    for (int i = 0; i < count; i++) {
        mc_arena *arena = mc_arena_new(0);
        mc_bundle *bundle = NULL;
        char key[32];

        (void)snprintf(key, sizeof(key), "small%04d", i);
        must(mc_bundle_of_manifest(manifest_of(arena, key, 1), &bundle, &err), &err);
        install(app, bundle, org);
        mc_bundle_free(bundle);
        mc_arena_free(arena);
    }
}

/* ---- requests ---- */

static char answer[1 << 20];

static int dial(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        perror("addon_scale");
        exit(1);
    }
    return fd;
}

/* Sends request and reads one answer with a Content-Length into answer. */
static void exchange(int fd, const char *request)
{
    size_t got = 0, wanted = sizeof(answer) - 1;

    if (send(fd, request, strlen(request), MSG_NOSIGNAL) < 0)
        exit(1);
    while (got < wanted) {
        ssize_t n = recv(fd, answer + got, sizeof(answer) - 1 - got, 0);
        const char *end, *length;

        if (n <= 0)
            break;
        got += (size_t)n;
        answer[got] = '\0';
        end = strstr(answer, "\r\n\r\n");
        length = strstr(answer, "Content-Length: ");
        if (end && length)
            wanted = (size_t)(end - answer) + 4 + strtoul(length + 16, NULL, 10);
    }
}

static void sign_in(int fd, char *token, size_t size)
{
    static const char body[] = "{\"email\":\"" EMAIL "\",\"password\":\"" PASSWORD "\"}";
    char request[512];
    const char *at;

    (void)snprintf(request, sizeof(request),
                   "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                   "Content-Length: %zu\r\n\r\n%s",
                   sizeof(body) - 1, body);
    exchange(fd, request);
    at = strstr(answer, "\"token\":\"");
    if (!at)
        exit(1);
    (void)snprintf(token, size, "%.*s", (int)strcspn(at + 9, "\""), at + 9);
}

static double rate_of(unsigned port, const char *path)
{
    char token[2048], request[4096];
    int fd = dial(port);
    double before;

    sign_in(fd, token, sizeof(token));
    (void)snprintf(request, sizeof(request),
                   "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", path, token);
    (void)sleep(SETTLE_S); /* what a start or an installation does beside is not its rate */
    exchange(fd, request); /* the first one builds what is kept */
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0)
        fprintf(stderr, "addon_scale: %s: %.60s\n", path, answer);
    before = now_ms();
    for (int i = 0; i < REQUESTS; i++)
        exchange(fd, request);
    (void)close(fd);
    return REQUESTS / (now_ms() - before) * 1e3;
}

int main(int argc, char **argv)
{
    int count = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1000;
    mc_arena *arena = mc_arena_new((size_t)64 << 20);
    mc_bundle *big = arena ? big_bundle(arena) : NULL;
    double before;
    mc_app *app;

    if (argc < 2 || !big)
        return 2;
    app = start(argv[1]);
    before = now_ms();
    install(app, big, demo_org(app));
    printf("install_20_models_20_migrations_ms %.1f\n", now_ms() - before);
    printf("metadata_table_per_s_few %.0f\n",
           rate_of(mc_app_port(app), "/api/metadata/table/big_00"));
    before = now_ms();
    install_many(app, count);
    printf("install_small_ms_each %.2f\n", (now_ms() - before) / (count ? count : 1));
    mc_app_free(app);
    before = now_ms();
    app = start(argv[1]);
    printf("start_ms_with_%d_addons %.1f\n", count, now_ms() - before);
    printf("metadata_table_per_s_many %.0f\n",
           rate_of(mc_app_port(app), "/api/metadata/table/big_00"));
    printf("navigation_per_s_many %.0f\n", rate_of(mc_app_port(app), "/api/metacore/navigation"));
    mc_app_free(app);
    mc_bundle_free(big);
    mc_arena_free(arena);
    return 0;
}
