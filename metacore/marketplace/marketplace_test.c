/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/marketplace/marketplace.h"

#include "mc_test.h"
#include "metacore/base/sync.h"
#include "metacore/bundle/bundle.h"
#include "metacore/migrations/migrations.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ORG ((mc_uuid){{1, 2, 3}})
#define USER ((mc_uuid){{7, 7, 7}})

/* ---- a hub, and somebody who installs ---- */

typedef struct fixture {
    mc_db *db;
    mc_http_client *client;
    mc_marketplace *market;
    mc_ctx ctx;
    mc_buf bundle; /* of "pens" */
    int fd;
    unsigned port;
    pthread_t thread;
    char hub[64];
    mc_str during_fetch, during_install; /* what the newest row says then */
    mc_str installed, signature;         /* what was given to install */
    mc_code answer;                      /* install's */
    bool is_allowed;
} fixture;

typedef struct status_call {
    mc_arena *arena;
    mc_str status;
} status_call;

static mc_code read_status(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    status_call *call = user;
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn,
                             MC_STR("SELECT status FROM marketplace_installations ORDER BY "
                                    "requested_at DESC, id DESC LIMIT 1"),
                             NULL, 0, &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    call->status = MC_STR("");
    if (mc_db_rows_next(&rows))
        call->status = mc_str_copy(call->arena, mc_db_col_text(&rows, 0));
    return mc_db_rows_finish(&rows, err);
}

static mc_str status_now(fixture *f)
{
    mc_ctx ctx = {.arena = mc_arena_new(0)};
    status_call call = {.arena = f->ctx.arena};
    mc_err err;

    MC_EXPECT_OK(mc_db_read(f->db, &ctx, read_status, &call, &err), &err);
    mc_arena_free(ctx.arena);
    return call.status;
}

static void answer(int fd, int status, mc_str body)
{
    char head[200];
    int n = snprintf(head, sizeof(head),
                     "HTTP/1.1 %d X\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", status,
                     body.len);

    (void)!send(fd, head, (size_t)n, MSG_NOSIGNAL);
    while (body.len > 0) {
        ssize_t sent = send(fd, body.ptr, body.len, MSG_NOSIGNAL);

        if (sent <= 0)
            return; /* who asked has enough */
        body = mc_str_slice(body, (size_t)sent, body.len);
    }
}

static void answer_for(fixture *f, int fd, const char *head)
{
    static char large[1 << 20];

    if (strstr(head, "GET /pens.tar.gz.sig "))
        answer(fd, 200, MC_STR("  signed\n"));
    else if (strstr(head, "GET /pens.tar.gz "))
        answer(fd, 200, mc_buf_get(&f->bundle));
    else if (strstr(head, "GET /plain.tar.gz "))
        answer(fd, 200, mc_buf_get(&f->bundle));
    else if (strstr(head, "GET /junk "))
        answer(fd, 200, MC_STR("junk"));
    else if (strstr(head, "GET /moved "))
        answer(fd, 302, MC_STR(""));
    else if (strstr(head, "GET /long ")) {
        memset(large, 'x', sizeof(large));
        answer(fd, 500, mc_str_of(large, sizeof(large)));
    } else
        answer(fd, 404, MC_STR("nothing"));
}

static void *serve(void *user)
{
    fixture *f = user;
    char head[4096];
    int fd;

    while ((fd = accept(f->fd, NULL, NULL)) >= 0) {
        ssize_t n = recv(fd, head, sizeof(head) - 1, 0);

        head[n > 0 ? n : 0] = '\0';
        if (f->during_fetch.len == 0)
            f->during_fetch = status_now(f);
        answer_for(f, fd, head);
        (void)close(fd);
    }
    return NULL;
}

static mc_code check(void *user, mc_ctx *ctx, bool to_install, mc_err *err)
{
    const fixture *f = user;

    (void)ctx;
    (void)to_install;
    return f->is_allowed ? MC_OK : mc_fail(err, MC_FORBIDDEN, "not yours");
}

static mc_code install(void *user, mc_ctx *ctx, const mc_marketplace_request *request,
                       mc_str packed, mc_str signature, mc_buf *out, mc_err *err)
{
    fixture *f = user;

    f->during_install = status_now(f);
    f->installed = mc_str_copy(ctx->arena, request->addon_key);
    f->signature = mc_str_copy(ctx->arena, signature);
    MC_EXPECT_EQ(packed.len, f->bundle.len);
    mc_buf_lit(out, "\"installation\":{}");
    return f->answer == MC_OK ? MC_OK : mc_fail(err, f->answer, "it will not have it");
}

static bool fixture_open(fixture *f)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    mc_bundle *bundle = NULL;
    char url[300];
    mc_str hub;
    mc_err err;

    *f = (fixture){.ctx = {.arena = mc_arena_new((size_t)16 << 20),
                           .now = INT64_C(1764000000000000),
                           .who = {.org_id = ORG, .user_id = USER}},
                   .is_allowed = true};
    mc_buf_init(&f->bundle, 0);
    (void)snprintf(url, sizeof(url), "sqlite:%s/test.db", mc_test_dir());
    MC_EXPECT_OK(
        mc_bundle_of_manifest(MC_STR("{\"key\":\"pens\",\"name\":\"Pens\",\"version\":\"1.0.0\"}"),
                              &bundle, &err),
        &err);
    MC_EXPECT_OK(mc_bundle_pack(bundle, &f->bundle, &err), &err);
    mc_bundle_free(bundle);
    MC_EXPECT_OK(mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &f->db, &err), &err);
    MC_EXPECT_OK(mc_migrations_up(f->db, &f->ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, &err),
                 &err);
    MC_EXPECT_OK(
        mc_http_client_new(&(mc_http_client_config){MC_HTTP_CLIENT_CONFIG, .allow_private = true},
                           &f->client, &err),
        &err);
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (f->fd < 0 || bind(f->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(f->fd, 16) != 0 || getsockname(f->fd, (struct sockaddr *)&address, &len) != 0)
        return false;
    f->port = ntohs(address.sin_port);
    (void)snprintf(f->hub, sizeof(f->hub), "http://127.0.0.1:%u", f->port);
    hub = mc_z(f->hub);
    MC_EXPECT_OK(
        mc_marketplace_new(&(mc_marketplace_config){MC_MARKETPLACE_CONFIG, .db = f->db,
                                                    .client = f->client, .hubs = {&hub, 1},
                                                    .check = check, .install = install, .user = f},
                           &f->market, &err),
        &err);
    return pthread_create(&f->thread, NULL, serve, f) == 0;
}

static void fixture_close(fixture *f)
{
    (void)shutdown(f->fd, SHUT_RDWR);
    (void)pthread_join(f->thread, NULL); /* accept has failed */
    (void)close(f->fd);
    mc_marketplace_free(f->market);
    mc_http_client_free(f->client);
    mc_db_close(f->db);
    mc_buf_deinit(&f->bundle);
    mc_arena_free(f->ctx.arena);
}

/* path: below the hub, or NULL: no address; or a whole one. */
static mc_code ask(fixture *f, const char *key, const char *path, mc_marketplace_request *request,
                   mc_err *err)
{
    mc_buf out;

    mc_buf_init_arena(&out, f->ctx.arena, 0);
    f->during_fetch = MC_STR("");
    f->during_install = MC_STR("");
    *request = (mc_marketplace_request){.addon_key = mc_z(key)};
    if (path)
        request->bundle_url =
            path[0] == '/' ? mc_str_printf(f->ctx.arena, "%s%s", f->hub, path) : mc_z(path);
    f->ctx.now++;
    return mc_marketplace_install(f->market, &f->ctx, request, &out, err);
}

/* ---- requests ---- */

MC_TEST("a request is noted, downloads, installs and is installed, each as its row says then")
{
    mc_marketplace_request request;
    fixture f;
    mc_err err;

    MC_REQUIRE(fixture_open(&f));
    MC_CASE("without an address it is a wish");
    MC_EXPECT_OK(ask(&f, "pens", NULL, &request, &err), &err);
    MC_EXPECT_Z(request.status, "requested");
    MC_EXPECT_Z(request.version, "latest");
    MC_EXPECT_EQ(request.completed_at, 0);
    MC_EXPECT_Z(status_now(&f), "requested");
    MC_CASE("with one it is brought");
    MC_EXPECT_OK(ask(&f, "pens", "/pens.tar.gz", &request, &err), &err);
    MC_EXPECT_Z(f.during_fetch, "downloading");
    MC_EXPECT_Z(f.during_install, "installing");
    MC_EXPECT_Z(request.status, "installed");
    MC_EXPECT_Z(status_now(&f), "installed");
    MC_EXPECT(request.completed_at > 0);
    MC_EXPECT_Z(f.installed, "pens");
    MC_EXPECT_Z(f.signature, "signed");
    MC_CASE("a signature that is not there is none");
    MC_EXPECT_OK(ask(&f, "pens", "/plain.tar.gz", &request, &err), &err);
    MC_EXPECT_Z(f.signature, "");
    fixture_close(&f);
}

MC_TEST("what fails says why, in the row, too")
{
    static const struct {
        const char *name, *key, *path, *message;
        mc_code rc;
    } rows[] = {
        {"another status", "pens", "/nope", "bundle URL returned 404: nothing", MC_REJECTED},
        {"a redirect is no bundle", "pens", "/moved", "bundle URL returned 302: ", MC_REJECTED},
        {"no bundle", "pens", "/junk", "parse bundle: bundle: gzip: ", MC_REJECTED},
        {"another's", "caps", "/pens.tar.gz", "bundle key \"pens\" does not match request \"caps\"",
         MC_REJECTED},
    };
    mc_marketplace_request request;
    fixture f;
    mc_err err;

    MC_REQUIRE(fixture_open(&f));
    for (size_t i = 0; i < MC_LEN(rows); i++) {
        MC_CASE(rows[i].name);
        MC_EXPECT_EQ(ask(&f, rows[i].key, rows[i].path, &request, &err), rows[i].rc);
        MC_EXPECT_HAS(mc_z(err.msg), rows[i].message);
        MC_EXPECT_HAS(request.error_message, rows[i].message);
        MC_EXPECT_Z(request.status, "failed");
        MC_EXPECT_Z(status_now(&f), "failed");
        MC_EXPECT_Z(f.during_install, "");
    }
    MC_CASE("of a long answer only the beginning is shown");
    MC_EXPECT_EQ(ask(&f, "pens", "/long", &request, &err), MC_REJECTED);
    MC_EXPECT_HAS(request.error_message, "bundle URL returned 500: xxxxxxxx");
    MC_EXPECT(request.error_message.len <= 1024);
    MC_CASE("what the installer refuses");
    f.answer = MC_FORBIDDEN;
    MC_EXPECT_EQ(ask(&f, "pens", "/pens.tar.gz", &request, &err), MC_REJECTED);
    MC_EXPECT_Z(request.error_message, "it will not have it");
    MC_EXPECT_Z(f.during_install, "installing");
    fixture_close(&f);
}

MC_TEST("what may not be asked is not noted")
{
    static char long_key[122];
    static const struct {
        const char *name, *key, *path, *message;
        mc_code rc;
    } rows[] = {
        {"no key", "", NULL, "addonKey is required", MC_INVALID},
        {"a key that no column holds", long_key, NULL, "addonKey is longer than 120 bytes",
         MC_INVALID},
        {"another origin", "pens", "http://127.0.0.1:1/pens.tar.gz", "it is not a trusted hub",
         MC_FORBIDDEN},
        {"the hub's name as a user", "pens", "http://127.0.0.1@evil.example/x", "is no http",
         MC_INVALID},
        {"a file", "pens", "file:///etc/passwd", "bundleURL is no http or https URL", MC_INVALID},
    };
    mc_marketplace_request request, *items;
    size_t count = 1;
    fixture f;
    mc_err err;

    memset(long_key, 'a', sizeof(long_key) - 1);
    MC_REQUIRE(fixture_open(&f));
    for (size_t i = 0; i < MC_LEN(rows); i++) {
        MC_CASE(rows[i].name);
        MC_EXPECT_EQ(ask(&f, rows[i].key, rows[i].path, &request, &err), rows[i].rc);
        MC_EXPECT_HAS(mc_z(err.msg), rows[i].message);
        MC_EXPECT_Z(status_now(&f), "");
    }
    MC_CASE("who may not");
    f.is_allowed = false;
    MC_EXPECT_EQ(ask(&f, "pens", NULL, &request, &err), MC_FORBIDDEN);
    MC_EXPECT_Z(status_now(&f), "");
    MC_EXPECT_EQ(mc_marketplace_list(f.market, &f.ctx, &items, &count, &err), MC_FORBIDDEN);
    fixture_close(&f);
}

static mc_code leave_half_way(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_db_value status = mc_db_text(mc_z(user));

    (void)ctx;
    return mc_db_exec(conn, MC_STR("UPDATE marketplace_installations SET status = $1"), &status, 1,
                      NULL, err);
}

MC_TEST("what was under way when a process was killed has failed, and the rest is as it was")
{
    static char statuses[][16] = {"requested", "downloading", "installing", "installed", "failed"};
    mc_marketplace_request request;
    fixture f;
    mc_err err;

    MC_REQUIRE(fixture_open(&f));
    MC_EXPECT_OK(ask(&f, "pens", NULL, &request, &err), &err);
    for (size_t i = 0; i < MC_LEN(statuses); i++) {
        bool was_going = i == 1 || i == 2;

        MC_CASE(statuses[i]);
        MC_EXPECT_OK(mc_db_write(f.db, &f.ctx, leave_half_way, statuses[i], &err), &err);
        MC_EXPECT_OK(mc_marketplace_recover(f.market, &f.ctx, &err), &err);
        MC_EXPECT_Z(status_now(&f), was_going ? "failed" : statuses[i]);
    }
    fixture_close(&f);
}

/* ---- looking ---- */

typedef struct looking {
    fixture *f;
    mc_marketplace_request *items;
    size_t count;
} looking;

static mc_code look(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    looking *l = user;

    (void)conn; /* in ctx */
    return mc_marketplace_list(l->f->market, ctx, &l->items, &l->count, err);
}

MC_TEST("an organization sees its newest two hundred requests, and nobody else's")
{
    mc_marketplace_request request;
    looking l;
    fixture f;
    mc_buf json;
    mc_err err;

    MC_REQUIRE(fixture_open(&f));
    for (int i = 0; i < MC_MARKETPLACE_LIST_MAX + 2; i++)
        MC_EXPECT_OK(ask(&f, i == 0 ? "oldest" : "pens", NULL, &request, &err), &err);
    MC_EXPECT_OK(ask(&f, "newest", NULL, &request, &err), &err);
    l = (looking){.f = &f};
    MC_EXPECT_OK(mc_db_read(f.db, &f.ctx, look, &l, &err), &err);
    MC_REQUIRE(l.count == MC_MARKETPLACE_LIST_MAX);
    MC_EXPECT_Z(l.items[0].addon_key, "newest");
    MC_EXPECT_Z(l.items[l.count - 1].addon_key, "pens");
    MC_CASE("what is empty is left out");
    mc_buf_init_arena(&json, f.ctx.arena, 0);
    mc_marketplace_request_write(&json, &l.items[0]);
    MC_EXPECT_HAS(mc_buf_get(&json), "\"addon_key\":\"newest\",\"version\":\"latest\",\"status\":"
                                     "\"requested\",\"requested_by_id\":\"07070700-");
    MC_EXPECT(mc_str_find(mc_buf_get(&json), MC_STR("bundle_url")) == json.len);
    MC_EXPECT(mc_str_find(mc_buf_get(&json), MC_STR("completed_at")) == json.len);
    MC_CASE("another organization");
    f.ctx.who.org_id = (mc_uuid){{9}};
    MC_EXPECT_OK(mc_db_read(f.db, &f.ctx, look, &l, &err), &err);
    MC_EXPECT_EQ(l.count, 0);
    fixture_close(&f);
}
