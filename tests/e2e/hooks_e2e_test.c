/* SPDX-License-Identifier: Apache-2.0 */
/* Addons' hooks: asked before a row is written, told after it was, whichever way it is written. */
#include "addon_kit.h"
#include "mc_receiver.h"
#include "mc_test.h"
#include "metacore/security/request_signature.h"
#include "workshop.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define PENS "/api/dynamic/pens_items"
#define WAIT_MS 20000

static const char *const within[] = {"--dev", "--allow-private-egress", NULL};
static mc_arena *arena;
static mc_process process;
static mc_client mine, theirs, rival;
static mc_receiver receiver;
static char
    raced_id[40]; /* the row that a rival changes while it is asked about; guarded by once */
static int raced;
static atomic_int stuck; /* hooks that wait at the gate */
static atomic_bool is_open;

static void wait_at_gate(void)
{
    static const struct timespec pause = {.tv_nsec = 10000000};

    (void)atomic_fetch_add(&stuck, 1);
    while (!atomic_load(&is_open))
        (void)nanosleep(&pause, NULL); /* an early end only looks sooner */
}

/* What happens to be written says what is said about it. */
static mc_reaction decide(void *user, const mc_received *got)
{
    (void)user;
    if (strstr(got->body, "\"name\":\"hang\"") && strstr(got->path, "/after"))
        return (mc_reaction){.status = 0};
    if (strstr(got->path, "/before_create/first") && strstr(got->body, "\"name\":\"stuck\""))
        wait_at_gate();
    if (strstr(got->path, "/cycle") && strstr(got->body, "\"version\":\"0."))
        return (mc_reaction){.status = 403, .body = "{\"message\":\"not licensed\"}"};
    if (strstr(got->path, "/before") && strstr(got->body, "refuse"))
        return (mc_reaction){.status = 422,
                             .body = "{\"error\":{\"code\":\"no\",\"message\":\"not this one\"}}"};
    if ((strstr(got->path, "/before_delete") && strstr(got->body, "keep")) ||
        (strstr(got->path, "/before_create") && strstr(got->body, "\"id\":") &&
         strstr(got->body, "stay")))
        return (mc_reaction){.status = 409, .body = "it is kept"};
    if (strstr(got->path, "/before") && strstr(got->body, "decline"))
        return (mc_reaction){.status = 200,
                             .body = "{\"success\":false,\"error\":{\"code\":\"sold\",\"message\":"
                                     "\"nothing left\"}}"};
    if (strstr(got->path, "/before") && strstr(got->body, "\"input\":{\"name\":\"race\"}") &&
        raced++ == 0)
        (void)mc_client_call(&rival, "PATCH", text_of(PENS "/%s", raced_id),
                             "{\"name\":\"rival\"}");
    return (mc_reaction){.status = 200, .body = ""};
}

static const char *hook(const char *event, const char *path, const char *more)
{
    return text_of("{\"event\":\"%s\",\"target\":{\"type\":\"webhook\",\"url\":"
                   "\"http://127.0.0.1:%u/%s\"}%s}",
                   event, receiver.port, path, more);
}

static const char *members(void)
{
    static const char *const events[] = {"before_create", "before_update", "before_delete",
                                         "after_create",  "after_update",  "after_delete"};
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    mc_buf_lit(&out, ",\"lifecycle_hooks\":{");
    for (size_t i = 0; i < MC_LEN(events); i++) {
        bool is_after = strncmp(events[i], "after", 5) == 0;

        mc_buf_printf(&out, "%s\"%s\":[", i ? "," : "", events[i]);
        mc_buf_str(&out, mc_z(hook(events[i], text_of("%s/second", events[i]), "")));
        mc_buf_char(&out, ',');
        mc_buf_str(&out, mc_z(hook(events[i], text_of("%s/first", events[i]), ",\"priority\":-1")));
        if (is_after) {
            mc_buf_char(&out, ',');
            mc_buf_str(&out,
                       mc_z(hook(events[i], text_of("%s/async", events[i]), ",\"async\":true")));
        }
        mc_buf_char(&out, ']');
    }
    mc_buf_char(&out, '}');
    return mc_str_z(arena, mc_buf_get(&out));
}

#define MODELS                                                                                     \
    "{\"table_name\":\"pens_items\",\"model_key\":\"pens_items\",\"label\":\"P\",\"org_scoped\":"  \
    "true,\"soft_delete\":true,\"columns\":[" KIT_NAME ",{\"name\":\"box_id\",\"type\":\"uuid\"}," \
    "{\"name\":\"code\",\"type\":\"string\",\"unique\":true},"                                     \
    "{\"name\":\"notes\",\"type\":\"text\"}]},"                                                    \
    "{\"table_name\":\"pens_boxes\",\"model_key\":\"pens_boxes\",\"label\":\"B\",\"org_scoped\":"  \
    "true,\"columns\":[" KIT_NAME "],\"relations\":[{\"name\":\"items\",\"kind\":\"one_to_many\"," \
    "\"through\":\"pens_items\",\"foreign_key\":\"box_id\"},{\"name\":\"marks\",\"kind\":"         \
    "\"many_to_many\",\"through\":\"pens_items\",\"foreign_key\":\"box_id\",\"pivot\":"            \
    "\"pens_marks\"}]},"                                                                           \
    "{\"table_name\":\"pens_marks\",\"model_key\":\"pens_marks\",\"label\":\"M\",\"org_scoped\":"  \
    "true,\"columns\":[{\"name\":\"box_id\",\"type\":\"uuid\",\"required\":true},{\"name\":"       \
    "\"item_id\",\"type\":\"uuid\",\"required\":true}]}"

static int install(mc_client *client)
{
    return kit_upload(
        client, "pens", "",
        kit_pack(arena, kit_manifest(arena, "pens", "1.0.0", MODELS, members()), NULL), MC_STR(""));
}

static bool sign_in(void)
{
    mc_client_init(&mine, process.port);
    mc_client_init(&theirs, process.port);
    mc_client_init(&rival, process.port);
    return mc_client_sign_in(&mine, "owner@example.com", "metacore-demo") == 200 &&
           mc_client_sign_in(&rival, "owner@example.com", "metacore-demo") == 200;
}

static bool open_all(void)
{
    arena = mc_arena_new((size_t)64 << 20);
    receiver = (mc_receiver){.decide = decide};
    raced = 0;
    return mc_receiver_start(&receiver) && mc_process_start(&process, mc_test_dir(), within) &&
           sign_in() && install(&mine) == 200;
}

static void close_clients(void)
{
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    mc_client_deinit(&rival);
}

static void close_all(void)
{
    close_clients();
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    mc_receiver_stop(&receiver);
    mc_arena_free(arena);
}

static const char *create(const char *name)
{
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", PENS, text_of("{\"name\":\"%s\"}", name)), 201);
    return mc_str_z(arena, mc_client_field(&mine, "id"));
}

static size_t count_of(const char *path)
{
    size_t count = 0;

    while (mc_receiver_get(&receiver, path, count))
        count++;
    return count;
}

static mc_str last_body(const char *path)
{
    size_t count = count_of(path);

    return count ? mc_z(mc_receiver_get(&receiver, path, count - 1)->body) : MC_STR("");
}

static void expect_rows(const char *query, const char *total)
{
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", text_of(PENS "?count=exact%s", query), NULL), 200);
    MC_EXPECT_HAS(mine.body, text_of("\"total\":%s", total));
}

MC_TEST("a hook that says no keeps a row from being written, and its words are the answer")
{
    const char *id, *gone;

    MC_REQUIRE(open_all());
    MC_CASE("create");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", PENS, "{\"name\":\"refuse\"}"), 422);
    MC_EXPECT_HAS(mine.body, "\"message\":\"not this one\"");
    MC_EXPECT_HAS(mine.body, "\"code\":\"webhook_error\"");
    MC_EXPECT_EQ(count_of("/before_create/first"), (size_t)1);
    MC_EXPECT_EQ(count_of("/before_create/second"), (size_t)0);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", PENS, "{\"name\":\"decline\"}"), 422);
    MC_EXPECT_HAS(mine.body, "{\"code\":\"sold\",\"message\":\"nothing left\"}");
    expect_rows("", "0");
    MC_CASE("one that is allowed, and what was asked");
    id = create("ink");
    MC_EXPECT_Z(last_body("/before_create/second"),
                "{\"event\":\"before_create\",\"model\":\"pens_items\",\"record\":{\"name\":"
                "\"ink\"},\"input\":{\"name\":\"ink\"}}");
    MC_CASE("update");
    MC_EXPECT_EQ(mc_client_call(&mine, "PUT", text_of(PENS "/%s", id), "{\"name\":\"refuse\"}"),
                 422);
    MC_EXPECT_HAS(last_body("/before_update/first"),
                  "{\"event\":\"before_update\",\"model\":\"pens_items\",\"record\":{");
    MC_EXPECT_HAS(last_body("/before_update/first"), "\"name\":\"ink\"");
    MC_EXPECT_HAS(last_body("/before_update/first"),
                  text_of(",\"id\":\"%s\",\"input\":{\"name\":\"refuse\"}}", id));
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", text_of(PENS "/%s", id), NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"name\":\"ink\"");
    MC_CASE("delete");
    gone = create("keep");
    MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", text_of(PENS "/%s", gone), NULL), 422);
    MC_EXPECT_HAS(mine.body, "addon pens webhook returned 409: it is kept");
    MC_EXPECT_HAS(last_body("/before_delete/first"),
                  "{\"event\":\"before_delete\",\"model\":\"pens_items\",\"record\":{");
    MC_EXPECT_HAS(last_body("/before_delete/first"), text_of(",\"id\":\"%s\"}", gone));
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", text_of(PENS "/%s", gone), NULL), 200);
    MC_CASE("restore");
    gone = create("stay");
    MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", text_of(PENS "/%s", gone), NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", text_of(PENS "/%s/restore", gone), NULL), 422);
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", text_of(PENS "/%s", gone), NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", text_of(PENS "/%s", id), NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", text_of(PENS "/%s/restore", id), NULL), 200);
    MC_EXPECT_HAS(last_body("/before_create/second"), text_of(",\"id\":\"%s\"}", id));
    close_all();
}

static int batch(const char *operations)
{
    return mc_client_call(&mine, "POST", "/api/dynamic/batch",
                          text_of("{\"operations\":[%s]}", operations));
}

MC_TEST("whichever way a row is written, its hooks are asked")
{
    const char *box;

    MC_REQUIRE(open_all());
    MC_CASE("a batch: all or nothing, and which one it was");
    MC_EXPECT_EQ(batch("{\"op\":\"create\",\"model\":\"pens_items\",\"data\":{\"name\":\"a\"}},"
                       "{\"op\":\"create\",\"model\":\"pens_items\",\"data\":{\"name\":"
                       "\"refuse\"}}"),
                 422);
    MC_EXPECT_HAS(mine.body, "not this one");
    MC_EXPECT_HAS(mine.body, "\"index\":1");
    expect_rows("", "0");
    MC_CASE("a row that is made and changed in one batch is asked about as it is by then");
    MC_EXPECT_EQ(batch("{\"op\":\"create\",\"model\":\"pens_items\",\"data\":{\"name\":\"a\"}},"
                       "{\"op\":\"update\",\"model\":\"pens_items\",\"id\":{\"$ref\":0},\"data\":{"
                       "\"name\":\"b\"}},"
                       "{\"op\":\"delete\",\"model\":\"pens_items\",\"id\":{\"$ref\":0}}"),
                 200);
    MC_EXPECT_HAS(last_body("/before_update/first"), "\"name\":\"a\"");
    MC_EXPECT_HAS(last_body("/before_delete/first"), "\"name\":\"b\"");
    MC_CASE("an import: the row that is refused, and no other");
    MC_EXPECT_EQ(mc_client_call_type(&mine, "POST", PENS "/import", "text/csv",
                                     MC_STR("name,code\nx,1\nrefuse,2\ny,3\nx,1\n"), NULL),
                 200);
    MC_EXPECT_HAS(mine.body, "\"created\":2,\"failed\":2");
    MC_EXPECT_HAS(mine.body, "{\"error\":\"not this one\"");
    expect_rows("", "2");
    MC_CASE("a rehearsed import asks nobody");
    {
        size_t asked = count_of("/before_create/first");

        MC_EXPECT_EQ(mc_client_call_type(&mine, "POST", PENS "/import/validate", "text/csv",
                                         MC_STR("name,code\nz,9\n"), NULL),
                     200);
        MC_EXPECT_EQ(count_of("/before_create/first"), asked);
    }
    MC_CASE("a child of another row");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", "/api/dynamic/pens_boxes", "{\"name\":\"box\"}"),
                 201);
    box = mc_str_z(arena, mc_client_field(&mine, "id"));
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", text_of("/api/dynamic/pens_boxes/%s/items", box),
                                "{\"name\":\"refuse\"}"),
                 422);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", text_of("/api/dynamic/pens_boxes/%s/items", box),
                                "{\"name\":\"pen\"}"),
                 201);
    MC_EXPECT_HAS(last_body("/before_create/second"), text_of("\"box_id\":\"%s\"", box));
    MC_CASE("a link, which is a row of its own");
    {
        mc_str pen = mc_str_copy(arena, mc_client_field(&mine, "id"));
        const char *marks = mc_str_printf(arena, "/api/dynamic/pens_boxes/%s/marks", box).ptr;

        MC_EXPECT_EQ(
            mc_client_call(&mine, "POST", marks, text_of("{\"id\":\"%.*s\"}", MC_FMT(pen))), 200);
        MC_EXPECT_HAS(last_body("/before_create/second"), "\"model\":\"pens_marks\"");
        MC_EXPECT_HAS(last_body("/before_create/second"), text_of("\"box_id\":\"%s\"", box));
        MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", text_of("%s/%.*s", marks, MC_FMT(pen)), NULL),
                     200);
        MC_EXPECT_HAS(last_body("/before_delete/second"), "\"model\":\"pens_marks\"");
    }
    MC_CASE("the same request again, by its key, is neither asked about nor written twice");
    {
        size_t asked;

        MC_EXPECT_EQ(mc_client_call_type(&mine, "POST", PENS, "application/json",
                                         MC_STR("{\"name\":\"once\"}"), "Idempotency-Key: k1\r\n"),
                     201);
        asked = count_of("/before_create/first");
        MC_EXPECT_EQ(mc_client_call_type(&mine, "POST", PENS, "application/json",
                                         MC_STR("{\"name\":\"once\"}"), "Idempotency-Key: k1\r\n"),
                     201);
        MC_EXPECT_EQ(count_of("/before_create/first"), asked);
    }
    close_all();
}

MC_TEST("a hook says yes to what is written, not to what was there when it was asked")
{
    const char *id, *tag;

    MC_REQUIRE(open_all());
    id = create("ink");
    (void)snprintf(raced_id, sizeof(raced_id), "%s", id);
    MC_CASE("another changes the row meanwhile: it is asked again about that");
    MC_EXPECT_EQ(mc_client_call(&mine, "PATCH", text_of(PENS "/%s", id), "{\"name\":\"race\"}"),
                 200);
    MC_EXPECT_HAS(mine.body, "\"name\":\"race\"");
    MC_EXPECT_EQ(raced, 4); /* two hooks, each asked about ink and about rival */
    MC_EXPECT_HAS(last_body("/before_update/second"), "\"name\":\"rival\"");
    MC_CASE("a condition that does not hold is told before anybody is asked");
    tag = "If-Match: \"old\"\r\n";
    MC_EXPECT_EQ(mc_client_call_type(&mine, "PUT", text_of(PENS "/%s", id), "application/json",
                                     MC_STR("{\"name\":\"late\"}"), tag),
                 412);
    MC_EXPECT(!strstr(last_body("/before_update/first").ptr, "late"));
    MC_CASE("and one that holds no more once it was asked is told then");
    raced = 0;
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", text_of(PENS "/%s", id), NULL), 200);
    {
        size_t at = mc_str_find(mine.head, MC_STR("ETag: ")) + 6;
        mc_str etag = mc_str_slice(mine.head, at, mc_str_find_char(mine.head, at, '\r'));

        tag = mc_str_printf(arena, "If-Match: %.*s\r\n", MC_FMT(etag)).ptr;
    }
    MC_EXPECT_EQ(mc_client_call_type(&mine, "PUT", text_of(PENS "/%s", id), "application/json",
                                     MC_STR("{\"name\":\"race\"}"), tag),
                 412);
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", text_of(PENS "/%s", id), NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"name\":\"rival\"");
    MC_CASE("what would fail anyway is not asked about");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", PENS, "{}"), 422);
    MC_EXPECT_EQ(mc_client_call(&mine, "PUT", PENS "/00000000-0000-4000-8000-000000000001",
                                "{\"name\":\"nobody\"}"),
                 404);
    MC_EXPECT(!strstr(last_body("/before_update/first").ptr, "nobody"));
    close_all();
}

MC_TEST("hooks are for those who have the addon enabled, and for nobody else")
{
    MC_REQUIRE(open_all());
    MC_EXPECT_EQ(mc_client_register(&theirs, "Theirs", "theirs@example.com", "theirs-password"),
                 201);
    MC_EXPECT_EQ(mc_client_call(&theirs, "POST", PENS, "{\"name\":\"refuse\"}"), 404);
    MC_EXPECT_EQ(count_of("/before_create/first"), (size_t)0);
    MC_EXPECT_EQ(install(&theirs), 200);
    MC_EXPECT_EQ(mc_client_call(&theirs, "POST", PENS, "{\"name\":\"refuse\"}"), 422);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", "/api/metacore/installations/pens/disable", NULL),
                 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", PENS, "{\"name\":\"x\"}"), 404);
    MC_EXPECT_EQ(mc_client_call(&theirs, "POST", PENS, "{\"name\":\"x\"}"), 201);
    close_all();
}

static void *create_stuck(void *user)
{
    mc_client *client = user;

    if (mc_client_sign_in(client, "owner@example.com", "metacore-demo") == 200)
        (void)mc_client_call(client, "POST", PENS, "{\"name\":\"stuck\"}"); /* its status is kept */
    return NULL;
}

MC_TEST("an organization whose hooks are slow leaves the others theirs")
{
    static const struct timespec pause = {.tv_nsec = 10000000};
    mc_client clients[6];
    pthread_t threads[MC_LEN(clients)];

    MC_REQUIRE(open_all());
    atomic_store(&stuck, 0);
    atomic_store(&is_open, false);
    MC_EXPECT_EQ(mc_client_register(&theirs, "Theirs", "theirs@example.com", "theirs-password"),
                 201);
    MC_EXPECT_EQ(install(&theirs), 200);
    for (size_t i = 0; i < MC_LEN(clients); i++) {
        mc_client_init(&clients[i], process.port);
        MC_REQUIRE(pthread_create(&threads[i], NULL, create_stuck, &clients[i]) == 0);
    }
    for (int i = 0; i < 1000 && atomic_load(&stuck) < 4; i++)
        (void)nanosleep(&pause, NULL); /* an early end only looks sooner */
    MC_EXPECT_EQ(mc_client_call(&theirs, "POST", PENS, "{\"name\":\"free\"}"), 201);
    MC_EXPECT_EQ(atomic_load(&stuck), 4);
    atomic_store(&is_open, true);
    for (size_t i = 0; i < MC_LEN(clients); i++) {
        (void)pthread_join(threads[i], NULL); /* it was started */
        MC_EXPECT_EQ(clients[i].status, 201);
        mc_client_deinit(&clients[i]);
    }
    close_all();
}

MC_TEST("after a write its hooks are told, in their order, asynchronous ones beside them")
{
    const mc_received *first, *second;
    const char *id;

    MC_REQUIRE(open_all());
    id = create("ink");
    MC_REQUIRE(mc_receiver_wait(&receiver, "/after_create/second", 1, WAIT_MS));
    MC_REQUIRE(mc_receiver_wait(&receiver, "/after_create/async", 1, WAIT_MS));
    MC_EXPECT_HAS(last_body("/after_create/first"),
                  "{\"event\":\"after_create\",\"model\":\"pens_items\",\"record\":{");
    MC_EXPECT_HAS(last_body("/after_create/first"), text_of("\"id\":\"%s\"", id));
    MC_EXPECT(!strstr(last_body("/after_create/first").ptr, ",\"input\":"));
    first = mc_receiver_get(&receiver, "/after_create/first", 0);
    second = mc_receiver_get(&receiver, "/after_create/second", 0);
    MC_EXPECT(first < second);
    MC_CASE("update");
    MC_EXPECT_EQ(mc_client_call(&mine, "PUT", text_of(PENS "/%s", id), "{\"name\":\"dry\"}"), 200);
    MC_REQUIRE(mc_receiver_wait(&receiver, "/after_update/second", 1, WAIT_MS));
    MC_EXPECT_HAS(last_body("/after_update/first"), "\"name\":\"dry\"");
    MC_EXPECT_HAS(last_body("/after_update/first"),
                  text_of(",\"id\":\"%s\",\"input\":{\"name\":\"dry\"}}", id));
    MC_CASE("delete");
    MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", text_of(PENS "/%s", id), NULL), 200);
    MC_REQUIRE(mc_receiver_wait(&receiver, "/after_delete/second", 1, WAIT_MS));
    MC_EXPECT_HAS(last_body("/after_delete/first"), "\"record\":{");
    MC_EXPECT_HAS(last_body("/after_delete/first"), "\"name\":\"dry\"");
    MC_EXPECT_HAS(last_body("/after_delete/first"), text_of(",\"id\":\"%s\"}", id));
    MC_CASE("a row too large for a job is told as it is");
    {
        char *text = mc_arena_zalloc(arena, 100001);
        mc_str body;

        memset(text, 'x', 100000);
        body = mc_str_printf(arena, "{\"name\":\"large\",\"notes\":\"%s\"}", text);
        MC_EXPECT_EQ(mc_client_call(&mine, "POST", PENS, body.ptr), 201);
        MC_REQUIRE(mc_receiver_wait(&receiver, "/after_create/second", 2, WAIT_MS));
        MC_EXPECT_HAS(last_body("/after_create/first"), "\"name\":\"large\"");
        MC_EXPECT(last_body("/after_create/first").len > 100000);
    }
    MC_CASE("nothing of what was undone is told");
    MC_EXPECT_EQ(batch("{\"op\":\"create\",\"model\":\"pens_items\",\"data\":{\"name\":\"un\"}},"
                       "{\"op\":\"create\",\"model\":\"pens_items\",\"data\":{\"name\":"
                       "\"refuse\"}}"),
                 422);
    (void)create("last");
    MC_REQUIRE(mc_receiver_wait(&receiver, "/after_create/second", 3, WAIT_MS));
    MC_EXPECT_HAS(last_body("/after_create/second"), "\"name\":\"last\"");
    MC_CASE("no trace is left of jobs that are done");
    MC_EXPECT_EQ(
        mc_client_call(&mine, "GET", "/api/outbox/jobs?kind=addons.hook&status=done", NULL), 200);
    MC_EXPECT_HAS(mine.body, "\"data\":[]");
    close_all();
}

MC_TEST("a process that is killed before a hook was answered calls it again")
{
    char data[sizeof(process.data)];

    MC_REQUIRE(open_all());
    (void)create("hang");
    MC_REQUIRE(mc_receiver_wait(&receiver, "/after_create/first", 1, WAIT_MS));
    close_clients();
    MC_EXPECT_EQ(mc_process_stop(&process, SIGKILL), 128 + SIGKILL);
    (void)snprintf(data, sizeof(data), "%s", process.data);
    MC_REQUIRE(mc_process_start(&process, data, within));
    MC_REQUIRE(sign_in());
    MC_EXPECT(mc_receiver_wait(&receiver, "/after_create/first", 2, WAIT_MS));
    MC_CASE("and says that it is the same");
    MC_EXPECT_EQ(mc_received_header(mc_receiver_get(&receiver, "/after_create/first", 0),
                                    "X-Metacore-Delivery")
                     .len,
                 (size_t)36);
    MC_EXPECT_STR(mc_received_header(mc_receiver_get(&receiver, "/after_create/first", 0),
                                     "X-Metacore-Delivery"),
                  mc_received_header(mc_receiver_get(&receiver, "/after_create/first", 1),
                                     "X-Metacore-Delivery"));
    close_all();
}

static int install_cycle(mc_client *client, const char *version)
{
    mc_buf more;

    mc_buf_init_arena(&more, arena, 0);
    mc_buf_printf(&more,
                  ",\"lifecycle_hooks\":{\"install\":[%s],\"uninstall\":[%s],\"enable\":[%s],"
                  "\"disable\":[%s]}",
                  hook("install", "cycle/install", ""), hook("uninstall", "cycle/uninstall", ""),
                  hook("enable", "cycle/enable", ""), hook("disable", "cycle/disable", ""));
    return kit_upload(
        client, "cycle", "",
        kit_pack(arena,
                 kit_manifest(arena, "cycle", version, KIT_MODEL("cycle_items", KIT_NAME),
                              mc_str_z(arena, mc_buf_get(&more))),
                 NULL),
        MC_STR(""));
}

#define CYCLE "/api/metacore/installations/cycle"

static void expect_told(const char *path, size_t count, mc_str secret)
{
    const mc_received *got = mc_receiver_get(&receiver, path, count - 1);
    mc_signed_request what;
    mc_err err;

    MC_EXPECT_EQ(count_of(path), count);
    if (!got)
        return;
    what = (mc_signed_request){.timestamp = mc_received_header(got, "X-Metacore-Timestamp"),
                               .nonce = mc_received_header(got, "X-Metacore-Nonce"),
                               .method = MC_STR("POST"),
                               .path = mc_z(path),
                               .body = mc_str_of(got->body, got->body_len)};
    MC_EXPECT_OK(mc_request_verify(secret, &what, mc_received_header(got, "X-Metacore-Signature"),
                                   mc_clock_now((mc_clock){0}), MC_REQUEST_SKEW_S, &err),
                 &err);
}

MC_TEST("an addon's server is asked before it is installed, enabled, disabled or uninstalled")
{
    mc_str secret, org;

    MC_REQUIRE(open_all());
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/auth/me", NULL), 200);
    org = mc_str_copy(arena, mc_client_field(&mine, "organization_id"));
    MC_CASE("a no");
    MC_EXPECT_EQ(install_cycle(&mine, "0.9.0"), 422);
    MC_EXPECT_HAS(mine.body, "\"message\":\"not licensed\"");
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", CYCLE, NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", "/api/dynamic/cycle_items", NULL), 404);
    MC_CASE("a yes, signed with the secret that the installation has then");
    MC_EXPECT_EQ(install_cycle(&mine, "1.0.0"), 200);
    secret = mc_str_copy(arena, mc_client_field(&mine, "install_secret"));
    MC_EXPECT_EQ(secret.len, (size_t)64);
    expect_told("/cycle/install", 2, secret);
    MC_EXPECT_Z(last_body("/cycle/install"),
                text_of("{\"event\":\"install\",\"addon_key\":\"cycle\",\"org_id\":\"%.*s\","
                        "\"version\":\"1.0.0\"}",
                        MC_FMT(org)));
    MC_EXPECT_EQ(count_of("/cycle/enable"), (size_t)0);
    MC_CASE("each change, once");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", CYCLE "/disable", NULL), 200);
    expect_told("/cycle/disable", 1, secret);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", CYCLE "/disable", NULL), 200);
    expect_told("/cycle/disable", 1, secret);
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", CYCLE "/enable", NULL), 200);
    expect_told("/cycle/enable", 1, secret);
    MC_EXPECT_EQ(install_cycle(&mine, "1.1.0"), 200);
    expect_told("/cycle/install", 2, secret);
    MC_CASE("while it is disabled, too");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", CYCLE "/disable", NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&mine, "DELETE", CYCLE, NULL), 200);
    expect_told("/cycle/uninstall", 1, secret);
    close_all();
}

MC_TEST(
    "what every organization gets tells its server afterwards, and keeps nobody from signing up")
{
    char folder[200], path[240];
    const char *args[] = {"--dev", "--allow-private-egress", "--addons", folder, NULL};
    FILE *file;

    arena = mc_arena_new((size_t)64 << 20);
    receiver = (mc_receiver){.decide = decide};
    MC_REQUIRE(mc_receiver_start(&receiver));
    (void)snprintf(folder, sizeof(folder), "%s", mc_test_dir());
    (void)snprintf(path, sizeof(path), "%s/manifest.json", folder);
    file = fopen(path, "we");
    MC_REQUIRE(file);
    (void)fprintf(file, "%s",
                  kit_manifest(arena, "cycle", "0.5.0", KIT_MODEL("cycle_items", KIT_NAME),
                               text_of(",\"lifecycle_hooks\":{\"install\":[%s]}",
                                       hook("install", "cycle/install", ""))));
    MC_REQUIRE(fclose(file) == 0);
    MC_REQUIRE(mc_process_start(&process, mc_test_dir(), args) && sign_in());
    MC_REQUIRE(mc_receiver_wait(&receiver, "/cycle/install", 1, WAIT_MS)); /* who says no */
    MC_EXPECT_EQ(mc_client_call(&mine, "GET", CYCLE, NULL), 200);
    MC_EXPECT_EQ(mc_client_register(&theirs, "Theirs", "theirs@example.com", "theirs-password"),
                 201);
    MC_EXPECT(mc_receiver_wait(&receiver, "/cycle/install", 2, WAIT_MS));
    MC_EXPECT_EQ(mc_client_call(&theirs, "GET", CYCLE, NULL), 200);
    close_all();
}
