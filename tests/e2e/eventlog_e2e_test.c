/* SPDX-License-Identifier: Apache-2.0 */
/* The event log: what was answered is in it, in order, also after a kill -9; and its stream. */
#include "mc_client.h"
#include "mc_test.h"
#include "workshop.h"

#include "metacore/base/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- a reader of streams ---- */

typedef struct reader {
    int fd;
    char *text; /* as it came: events stand whole in their chunks */
    size_t len;
    bool is_open; /* nothing came for a while, and no end either */
} reader;

#define READER_MAX ((size_t)8 << 20)

static bool reader_open(reader *r, unsigned port, const char *path, const char *header)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct timeval limit = {.tv_sec = 10};
    char head[2048];
    int n = snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, header);

    *r = (reader){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .text = malloc(READER_MAX)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(r->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return r->text && r->fd >= 0 && connect(r->fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
           send(r->fd, head, (size_t)n, MSG_NOSIGNAL) == n;
}

static void reader_close(reader *r)
{
    if (r->fd >= 0)
        (void)close(r->fd);
    free(r->text);
}

/* False at the stream's end, or when nothing comes. */
static bool reader_more(reader *r)
{
    ssize_t n = r->len < READER_MAX ? recv(r->fd, r->text + r->len, READER_MAX - r->len, 0) : 0;

    r->is_open = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (n > 0)
        r->len += (size_t)n;
    return n > 0;
}

/* Until what came has needle. */
static bool reader_wait(reader *r, const char *needle)
{
    while (mc_str_find(mc_str_of(r->text, r->len), mc_z(needle)) == r->len) {
        if (!reader_more(r))
            return false;
    }
    return true;
}

static mc_str reader_text(const reader *r)
{
    return mc_str_of(r->text, r->len);
}

static const char *bearer(const mc_client *client)
{
    return text_of("Authorization: Bearer %s\r\n", client->token);
}

/* ---- what it tells ---- */

MC_TEST("every write through a service is an event, to its own organization only")
{
    workshop w;
    mc_client agent;
    char id[40];
    reader r;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_make(&w.mine, "people", "{\"name\":\"one\"}", id));
    MC_EXPECT_EQ(
        mc_client_call(&w.mine, "PUT", text_of("/api/dynamic/people/%s", id), "{\"name\":\"two\"}"),
        200);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "DELETE", text_of("/api/dynamic/people/%s", id), NULL),
                 200);
    MC_EXPECT_EQ(
        mc_client_call(&w.mine, "GET", text_of("/api/eventlog?tag.record_id=%s", id), NULL), 200);
    MC_EXPECT_HAS(w.mine.body, ".people.created\",");
    MC_EXPECT_HAS(w.mine.body, "\"action\":\"updated\",\"fields\":[\"name\"],\"before\":{");
    MC_EXPECT_HAS(w.mine.body, "\"name\":\"one\"");
    MC_EXPECT_HAS(w.mine.body, "\"action\":\"deleted\",\"before\":{");
    MC_EXPECT_HAS(w.mine.body, "\"has_more\":false,\"oldest_sequence\":1}");
    MC_CASE("another organization's log");
    MC_EXPECT_EQ(
        mc_client_call(&w.theirs, "GET", text_of("/api/eventlog?tag.record_id=%s", id), NULL), 200);
    MC_EXPECT_HAS(w.theirs.body, "{\"data\":[],");
    MC_CASE("somebody who may not");
    MC_REQUIRE(workshop_agent(&w, &agent));
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", "/api/eventlog", NULL), 403);
    MC_EXPECT_EQ(mc_client_call(&agent, "GET", "/api/eventlog/stream", NULL), 403);
    MC_CASE("whose right ends has no stream any more");
    MC_REQUIRE(workshop_grant(&w, "eventlog.read"));
    MC_REQUIRE(reader_open(&r, w.process.port, "/api/eventlog/stream", bearer(&agent)));
    MC_EXPECT(reader_wait(&r, "retry: "));
    MC_REQUIRE(workshop_revoke(&w, "eventlog.read"));
    MC_EXPECT(reader_wait(&r, "\r\n0\r\n\r\n"));
    reader_close(&r);
    mc_client_deinit(&agent);
    workshop_close(&w);
}

MC_TEST("what is no page of the log is refused by name, and tokens in addresses open streams only")
{
    static const struct {
        const char *path;
        int status;
        const char *has;
    } cases[] = {
        {"/api/eventlog?after=-1", 400, "after"},
        {"/api/eventlog?after=x", 400, "after"},
        {"/api/eventlog?limit=many", 400, "limit"},
        {"/api/eventlog?tag.=1", 400, "tag."},
        {"/api/eventlog/stream?last_event_id=x", 400, "last_event_id"},
        {"/api/eventlog?limit=1000000&types=,,", 200, "\"data\":["},
    };
    workshop w;
    mc_client nobody;
    reader r;

    MC_REQUIRE(workshop_open(&w));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].path);
        MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", cases[i].path, NULL), cases[i].status);
        MC_EXPECT_HAS(w.mine.body, cases[i].has);
    }
    mc_client_init(&nobody, w.process.port);
    MC_CASE("a token in the address");
    MC_EXPECT_EQ(mc_client_call(&nobody, "GET",
                                text_of("/api/eventlog?access_token=%s", w.mine.token), NULL),
                 401);
    MC_EXPECT_EQ(mc_client_call(&nobody, "GET",
                                text_of("/api/eventlog/stream?token=%s", w.mine.token), NULL),
                 401);
    MC_REQUIRE(reader_open(&r, w.process.port,
                           text_of("/api/eventlog/stream?access_token=%s", w.mine.token), ""));
    MC_EXPECT(reader_wait(&r, "retry: "));
    MC_EXPECT_HAS(reader_text(&r), "Content-Type: text/event-stream");
    reader_close(&r);
    mc_client_deinit(&nobody);
    workshop_close(&w);
}

MC_TEST("a stream goes on where it was cut, tells of numbers that never were, and filters")
{
    workshop w;
    char id[40];
    reader r;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(
        reader_open(&r, w.process.port, "/api/eventlog/stream?last_event_id=0", bearer(&w.mine)));
    MC_EXPECT(reader_wait(&r, "retry: "));
    MC_REQUIRE(workshop_make(&w.mine, "people", "{\"name\":\"one\"}", id));
    MC_REQUIRE(workshop_make(&w.theirs, "people", "{\"name\":\"not ours\"}", id));
    MC_REQUIRE(workshop_make(&w.mine, "people", "{\"name\":\"two\"}", id));
    MC_EXPECT(reader_wait(&r, "\"name\":\"two\""));
    MC_EXPECT_HAS(reader_text(&r), "\nid: 1\ndata: {");
    MC_EXPECT_HAS(reader_text(&r), "\nid: 2\ndata: {");
    MC_EXPECT(mc_str_find(reader_text(&r), MC_STR("not ours")) == r.len);
    reader_close(&r);
    MC_REQUIRE(workshop_make(&w.mine, "people", "{\"name\":\"three\"}", id));
    MC_CASE("Last-Event-ID goes before the address's");
    MC_REQUIRE(reader_open(&r, w.process.port, "/api/eventlog/stream?last_event_id=0",
                           text_of("%sLast-Event-ID: 2\r\n", bearer(&w.mine))));
    MC_EXPECT(reader_wait(&r, "\"name\":\"three\""));
    MC_EXPECT(mc_str_find(reader_text(&r), MC_STR("id: 2\n")) == r.len);
    reader_close(&r);
    MC_CASE("a number of another log's life");
    MC_REQUIRE(reader_open(&r, w.process.port, "/api/eventlog/stream?after=1000", bearer(&w.mine)));
    MC_EXPECT(reader_wait(&r, "event: gap\nid: 3\ndata: {\"after\":1000,\"oldest_sequence\":1}"));
    reader_close(&r);
    MC_CASE("filtered");
    MC_REQUIRE(
        reader_open(&r, w.process.port,
                    text_of("/api/eventlog/stream?after=0&event_names=false&tag.record_id=%s", id),
                    bearer(&w.mine)));
    MC_EXPECT(reader_wait(&r, "\"name\":\"three\""));
    MC_EXPECT(mc_str_find(reader_text(&r), MC_STR("event: ")) == r.len);
    MC_EXPECT(mc_str_find(reader_text(&r), MC_STR("\"name\":\"two\"")) == r.len);
    reader_close(&r);
    workshop_close(&w);
}

typedef struct follower {
    pthread_t thread;
    unsigned port;
    const char *token;
    long long last; /* the last number that came */
    bool is_ordered;
} follower;

/* Takes whole events off what came; numbers go up by one, each once. */
static void take_events(follower *f, reader *r)
{
    size_t at = 0;

    for (;;) {
        mc_str rest = mc_str_slice(reader_text(r), at, r->len);
        size_t id = mc_str_find(rest, MC_STR("\nid: ")), end;
        int64_t number = 0;

        if (id == rest.len)
            break;
        end = mc_str_find(mc_str_slice(rest, id + 5, rest.len), MC_STR("\n\n"));
        if (id + 5 + end == rest.len)
            break;
        rest = mc_str_slice(rest, id + 5, rest.len);
        f->is_ordered &= mc_str_i64(mc_str_slice(rest, 0, mc_str_find_char(rest, 0, '\n')), 1,
                                    INT64_MAX, &number) &&
                         number == f->last + 1;
        f->last = number;
        at += id + 5 + end;
    }
    memmove(r->text, r->text + at, r->len - at);
    r->len -= at;
}

static bool start_and_sign_in(mc_process *process, const char *data, mc_client *client)
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};

    if (!mc_process_start(process, data, args))
        return false;
    mc_client_init(client, process->port);
    return mc_client_sign_in(client, "owner@example.com", "metacore-demo") == 200;
}

MC_TEST(
    "a client that takes nothing is cut off, keeps nobody waiting, and misses nothing afterwards")
{
    enum { ROWS = 6000 };
    static char csv[ROWS * 1100];
    struct timespec while_it_sleeps = {.tv_sec = 13};
    size_t len = (size_t)snprintf(csv, sizeof(csv), "subject,body\n");
    follower slow = {.is_ordered = true}, after = {.is_ordered = true};
    const char *data = mc_test_dir();
    mc_process process;
    mc_client client;
    reader r, good;

    for (int i = 0; i < ROWS; i++)
        len += (size_t)snprintf(csv + len, sizeof(csv) - len, "row,%01000d\n", i);
    MC_REQUIRE(start_and_sign_in(&process, data, &client));
    MC_REQUIRE(reader_open(&r, process.port, "/api/eventlog/stream?after=0", bearer(&client)));
    MC_REQUIRE(reader_open(&good, process.port, "/api/eventlog/stream?after=0", bearer(&client)));
    MC_EXPECT_EQ(mc_client_call_type(&client, "POST", "/api/dynamic/tickets/import", "text/csv",
                                     mc_str_of(csv, len), ""),
                 200);
    while (after.last < ROWS && reader_more(&good))
        take_events(&after, &good);
    MC_EXPECT_EQ(after.last, ROWS);
    (void)nanosleep(&while_it_sleeps, NULL); /* too short a sleep would fail below, not pass */
    while (slow.last < ROWS && reader_more(&r))
        take_events(&slow, &r);
    MC_EXPECT(slow.last < ROWS && !r.is_open);
    reader_close(&r);
    MC_REQUIRE(reader_open(&r, process.port, text_of("/api/eventlog/stream?after=%lld", slow.last),
                           bearer(&client)));
    while (slow.last < ROWS && reader_more(&r))
        take_events(&slow, &r);
    MC_EXPECT_EQ(slow.last, ROWS);
    MC_EXPECT(slow.is_ordered && after.is_ordered);
    reader_close(&r);
    reader_close(&good);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}

/* ---- kill -9 ---- */

#define KILLS 25
#define WRITERS 3
#define IDS_MAX 20000

static char ids[WRITERS][IDS_MAX][40]; /* answered */
static size_t counts[WRITERS];

typedef struct writer {
    pthread_t thread;
    mc_client client;
    int number;
    atomic_bool *go_on;
} writer;

/* Creates and updates, and notes what was answered. */
static void *write_until_cut(void *user)
{
    writer *self = user;
    size_t *count = &counts[self->number];

    while (atomic_load(self->go_on) && *count < IDS_MAX) {
        char *id = ids[self->number][*count], path[80];

        if (mc_client_call(&self->client, "POST", "/api/dynamic/tickets",
                           "{\"subject\":\"kept\"}") != 201)
            break;
        (void)snprintf(id, 40, "%.*s", MC_FMT(mc_client_field(&self->client, "id")));
        ++*count;
        (void)snprintf(path, sizeof(path), "/api/dynamic/tickets/%s", id);
        if (mc_client_call(&self->client, "PUT", path, "{\"status\":\"closed\"}") != 200)
            break;
    }
    return NULL;
}

static void *follow(void *user)
{
    follower *f = user;
    char path[64], header[2200];
    reader r;

    (void)snprintf(path, sizeof(path), "/api/eventlog/stream?last_event_id=%lld", f->last);
    (void)snprintf(header, sizeof(header), "Authorization: Bearer %s\r\n", f->token);
    if (reader_open(&r, f->port, path, header)) {
        while (reader_more(&r))
            take_events(f, &r);
    }
    reader_close(&r);
    return NULL;
}

static bool run_round(mc_process *process, mc_client *client, follower *f, int round)
{
    struct timespec pause = {.tv_nsec = (20 + round % 10 * 8) * 1000000L};
    static writer writers[WRITERS];
    atomic_bool go_on = true;

    f->port = process->port;
    f->token = client->token;
    if (pthread_create(&f->thread, NULL, follow, f) != 0)
        return false;
    for (int i = 0; i < WRITERS; i++) {
        writers[i].number = i;
        writers[i].go_on = &go_on;
        mc_client_init(&writers[i].client, process->port);
        memcpy(writers[i].client.token, client->token, sizeof(client->token));
        if (pthread_create(&writers[i].thread, NULL, write_until_cut, &writers[i]) != 0)
            return false;
    }
    (void)nanosleep(&pause, NULL); /* an early end only moves the kill */
    (void)mc_process_stop(process, SIGKILL);
    atomic_store(&go_on, false);
    for (int i = 0; i < WRITERS; i++) {
        (void)pthread_join(writers[i].thread, NULL);
        mc_client_deinit(&writers[i].client);
    }
    (void)pthread_join(f->thread, NULL);
    return true;
}

/* The whole log, as one text of its answers. */
static mc_str read_log(mc_client *client, mc_buf *out)
{
    int64_t after = 0;
    bool has_more = true;

    while (has_more) {
        if (mc_client_call(client, "GET",
                           text_of("/api/eventlog?limit=200&after=%lld", (long long)after),
                           NULL) != 200)
            return MC_STR("");
        mc_buf_str(out, client->body);
        (void)mc_str_i64(mc_client_field(client, "last_sequence"), 0, INT64_MAX, &after);
        has_more = mc_str_eq(mc_client_field(client, "has_more"), MC_STR("true"));
    }
    return mc_buf_get(out);
}

/* Each created record is in the log before its update, and each event's record is there. */
static void check_log(mc_client *client, mc_str log)
{
    long long expected = 0;
    size_t created = 0;
    mc_str rest = log, key = MC_STR("\"sequence_num\":");

    for (size_t at; (at = mc_str_find(rest, key)) < rest.len;) {
        int64_t number = 0;
        mc_str event, id;

        rest = mc_str_slice(rest, at + key.len, rest.len);
        (void)mc_str_i64(mc_str_slice(rest, 0, mc_str_find_char(rest, 0, ',')), 1, INT64_MAX,
                         &number);
        MC_EXPECT_EQ(number, ++expected);
        event = mc_str_slice(rest, 0, mc_str_find(rest, key));
        id = mc_str_slice(event, mc_str_find(event, MC_STR("\"record_id\":\"")) + 13, event.len);
        id = mc_str_slice(id, 0, 36);
        if (mc_str_find(event, MC_STR(".created\"")) < event.len) {
            created++;
            MC_EXPECT_EQ(mc_client_call(client, "GET",
                                        text_of("/api/dynamic/tickets/%.*s", MC_FMT(id)), NULL),
                         200);
        }
    }
    for (int w = 0; w < WRITERS; w++) {
        for (size_t i = 0; i < counts[w]; i++) {
            size_t made = mc_str_find(log, mc_z(text_of("\"record_id\":\"%s\"", ids[w][i])));

            MC_EXPECT(made < log.len);
            MC_EXPECT(mc_str_find(mc_str_slice(log, made, made + 200),
                                  MC_STR("\"action\":\"created\"")) < 200);
        }
    }
    MC_EXPECT(created >= counts[0] + counts[1] + counts[2]);
}

MC_TEST("after kills in the middle of writes the log has what was answered, in order, nothing else")
{
    const char *data = mc_test_dir();
    follower f = {.is_ordered = true};
    mc_process process;
    mc_client client;
    mc_buf log;

    mc_buf_init(&log, 0);
    MC_REQUIRE(start_and_sign_in(&process, data, &client));
    for (int round = 0; round < KILLS; round++) {
        MC_REQUIRE(run_round(&process, &client, &f, round));
        mc_client_deinit(&client);
        MC_REQUIRE(start_and_sign_in(&process, data, &client));
        MC_EXPECT(f.is_ordered);
    }
    MC_EXPECT(f.last > KILLS); /* the stream did deliver */
    MC_EXPECT(counts[0] + counts[1] + counts[2] > KILLS);
    check_log(&client, read_log(&client, &log));
    mc_buf_deinit(&log);
    mc_client_deinit(&client);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
}
