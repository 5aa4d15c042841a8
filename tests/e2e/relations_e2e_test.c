/* SPDX-License-Identifier: Apache-2.0 */
/* Related rows under a row's own path: read, made, linked, unlinked; and never another's. */
#include "workshop.h"

#include "mc_test.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Two projects and two of each kind that is related to them; all of one organization. */
typedef struct rows {
    char project[40], other[40], task[40], red[40], blue[40], ann[40];
} rows;

static bool fill(mc_client *client, rows *r)
{
    return workshop_make(client, "people", "{\"name\":\"Ann\"}", r->ann) &&
           workshop_make(client, "projects",
                         text_of("{\"name\":\"Roof\",\"owner_id\":\"%s\"}", r->ann), r->project) &&
           workshop_make(client, "projects", "{\"name\":\"Wall\"}", r->other) &&
           workshop_make(client, "tasks",
                         text_of("{\"title\":\"Paint\",\"project_id\":\"%s\"}", r->other),
                         r->task) &&
           workshop_make(client, "tags", "{\"name\":\"red\"}", r->red) &&
           workshop_make(client, "tags", "{\"name\":\"blue\"}", r->blue);
}

static int call(mc_client *client, const char *method, const char *id, const char *rest,
                const char *body)
{
    return mc_client_call(client, method, text_of("/api/dynamic/projects/%s/%s", id, rest), body);
}

static void expect_total(mc_client *client, const char *id, const char *rest, const char *total)
{
    MC_EXPECT_EQ(call(client, "GET", id, rest, NULL), 200);
    MC_EXPECT_Z(mc_client_field(client, "total"), total);
}

/* A total that took its time may be kept past a write, for ten seconds at most. */
static void await_total(mc_client *client, const char *id, const char *rest, const char *total)
{
    for (int tries = 0; tries < 300; tries++) {
        if (call(client, "GET", id, rest, NULL) == 200 &&
            mc_str_eq(mc_client_field(client, "total"), mc_z(total)))
            return;
        (void)usleep(50000); /* cut short by a signal: asked again sooner */
    }
    MC_EXPECT_Z(mc_client_field(client, "total"), total);
}

MC_TEST("children are listed with every list parameter, and made with the key of their path")
{
    char task[40];
    workshop w;
    rows r;

    MC_REQUIRE(workshop_open(&w) && fill(&w.mine, &r));
    expect_total(&w.mine, r.project, "tasks", "0");
    MC_EXPECT_EQ(call(&w.mine, "POST", r.project, "tasks", "{\"title\":\"Tiles\"}"), 201);
    MC_EXPECT_Z(mc_client_field(&w.mine, "project_id"), r.project);
    MC_EXPECT_HAS(w.mine.body, "\"project\":{\"label\":\"Roof\"");
    MC_EXPECT_HAS(w.mine.head, "ETag: ");
    (void)snprintf(task, sizeof(task), "%.*s", MC_FMT(mc_client_field(&w.mine, "id")));
    MC_CASE("whatever the body says");
    MC_EXPECT_EQ(call(&w.mine, "POST", r.project, "tasks",
                      text_of("{\"title\":\"Nails\",\"Project_Id\":\"%s\"}", r.other)),
                 201);
    MC_EXPECT_Z(mc_client_field(&w.mine, "project_id"), r.project);
    expect_total(&w.mine, r.project, "tasks", "2");
    expect_total(&w.mine, r.other, "tasks", "1");
    MC_CASE("filters, search, order, pages, fields");
    expect_total(&w.mine, r.project, "tasks?f_title=ILIKE:nail", "1");
    expect_total(&w.mine, r.project, "tasks?search=TILES", "1");
    expect_total(&w.mine, r.project, "tasks?sortBy=title&order=asc&per_page=1&page=1", "2");
    MC_EXPECT_Z(mc_client_field(&w.mine, "title"), "Nails");
    expect_total(&w.mine, r.project, text_of("tasks?f_project_id=%s", r.other), "0");
    MC_EXPECT_EQ(call(&w.mine, "GET", r.project, "tasks?f_nothing=1", NULL), 400);
    MC_EXPECT_EQ(call(&w.mine, "GET", r.project, "tasks?fields=title", NULL), 200);
    MC_EXPECT(mc_str_find(w.mine.body, MC_STR("project_id")) == w.mine.body.len);
    MC_CASE("one of them, and one that is another's");
    MC_EXPECT_EQ(call(&w.mine, "GET", r.project, text_of("tasks/%s", task), NULL), 200);
    MC_EXPECT_EQ(call_if(&w.mine, "GET", text_of("/api/data/projects/%s/tasks/%s", r.project, task),
                         NULL, tag_header(&w.mine, "If-None-Match")),
                 304);
    MC_EXPECT_EQ(call(&w.mine, "GET", r.project, text_of("tasks/%s", r.task), NULL), 404);
    MC_CASE("rules hold");
    MC_EXPECT_EQ(call(&w.mine, "POST", r.project, "tasks", "{}"), 422);
    MC_EXPECT_HAS(w.mine.body, "\"errors\":{\"title\":[{\"code\":\"required\"");
    MC_CASE("they are not unlinked, but deleted as what they are");
    MC_EXPECT_EQ(call(&w.mine, "DELETE", r.project, text_of("tasks/%s", task), NULL), 405);
    MC_EXPECT_HAS(w.mine.head, "Allow: GET");
    expect_total(&w.mine, r.project, "tasks", "2");
    MC_CASE("of a project that is gone there are none");
    MC_EXPECT_EQ(
        mc_client_call(&w.mine, "DELETE", text_of("/api/dynamic/projects/%s", r.project), NULL),
        200);
    MC_EXPECT_EQ(call(&w.mine, "GET", r.project, "tasks", NULL), 404);
    MC_EXPECT_EQ(call(&w.mine, "POST", r.project, "tasks", "{\"title\":\"Late\"}"), 404);
    workshop_close(&w);
}

MC_TEST("what a row belongs to is read, and nothing else is done to it that way")
{
    workshop w;
    rows r;

    MC_REQUIRE(workshop_open(&w) && fill(&w.mine, &r));
    MC_EXPECT_EQ(call(&w.mine, "GET", r.project, "owner", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&w.mine, "name"), "Ann");
    MC_EXPECT_EQ(call(&w.mine, "GET", r.project, text_of("owner/%s", r.ann), NULL), 200);
    MC_EXPECT_EQ(call(&w.mine, "GET", r.project, text_of("owner/%s", r.red), NULL), 404);
    MC_EXPECT_EQ(call(&w.mine, "GET", r.other, "owner", NULL), 404);
    MC_EXPECT_EQ(call(&w.mine, "POST", r.project, "owner", "{\"name\":\"Eve\"}"), 405);
    MC_EXPECT_EQ(call(&w.mine, "DELETE", r.project, text_of("owner/%s", r.ann), NULL), 405);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "DELETE", text_of("/api/dynamic/people/%s", r.ann), NULL),
                 200);
    MC_EXPECT_EQ(call(&w.mine, "GET", r.project, "owner", NULL), 404);
    workshop_close(&w);
}

/* Both kinds of pivot: one that nobody declares, and one that is a model of its own. */
static void link_both_ways(workshop *w, const rows *r, const char *relation, const char *first,
                           const char *second, const char *third)
{
    char one[64];

    (void)snprintf(one, sizeof(one), "{\"id\":\"%s\"}", first);

    MC_CASE(relation);
    expect_total(&w->mine, r->project, relation, "0");
    MC_EXPECT_EQ(call(&w->mine, "POST", r->project, relation, one), 200);
    MC_EXPECT_Z(w->mine.body, "{\"data\":{\"linked\":1},\"success\":true}");
    expect_total(&w->mine, r->project, relation, "1");
    MC_CASE("again is nothing new");
    MC_EXPECT_EQ(call(&w->mine, "POST", r->project, relation, one), 200);
    MC_EXPECT_Z(w->mine.body, "{\"data\":{\"linked\":0},\"success\":true}");
    MC_CASE("several, of which one is there already, and one stands twice");
    MC_EXPECT_EQ(call(&w->mine, "POST", r->project, relation,
                      text_of("{\"ids\":[\"%s\",\"%s\",\"%s\"]}", first, second, second)),
                 200);
    MC_EXPECT_Z(w->mine.body, "{\"data\":{\"linked\":1},\"success\":true}");
    expect_total(&w->mine, r->project, relation, "2");
    expect_total(&w->mine, r->project, text_of("%s?per_page=1&page=2", relation), "2");
    expect_total(&w->mine, r->other, relation, "0");
    MC_EXPECT_EQ(call(&w->mine, "GET", r->project, text_of("%s/%s", relation, first), NULL), 200);
    MC_CASE("unlinked, once and for all");
    MC_EXPECT_EQ(call(&w->mine, "DELETE", r->project, text_of("%s/%s", relation, first), NULL),
                 200);
    MC_EXPECT_Z(w->mine.body, "{\"success\":true}");
    MC_EXPECT_EQ(call(&w->mine, "DELETE", r->project, text_of("%s/%s", relation, first), NULL),
                 200);
    MC_EXPECT_EQ(call(&w->mine, "GET", r->project, text_of("%s/%s", relation, first), NULL), 404);
    expect_total(&w->mine, r->project, relation, "1");
    MC_CASE("and linked anew");
    MC_EXPECT_EQ(call(&w->mine, "POST", r->project, relation, one), 200);
    expect_total(&w->mine, r->project, relation, "2");
    MC_CASE("totals that were counted are counted anew");
    MC_EXPECT_EQ(call(&w->mine, "POST", r->project, relation, text_of("{\"id\":\"%s\"}", third)),
                 200);
    await_total(&w->mine, r->project, text_of("%s?per_page=1", relation), "3");
    MC_EXPECT_EQ(call(&w->mine, "DELETE", r->project, text_of("%s/%s", relation, third), NULL),
                 200);
    await_total(&w->mine, r->project, text_of("%s?per_page=1", relation), "2");
    MC_CASE("one that does not exist undoes the others");
    MC_EXPECT_EQ(call(&w->mine, "POST", r->other, relation,
                      text_of("{\"ids\":[\"%s\",\"%s\"]}", first, r->project)),
                 404);
    expect_total(&w->mine, r->other, relation, "0");
    MC_EXPECT_EQ(call(&w->mine, "DELETE", r->project, text_of("%s/%s", relation, r->project), NULL),
                 404);
}

MC_TEST("rows are linked and unlinked, as often as one likes, through either kind of pivot")
{
    char bob[40], cid[40], green[40];
    workshop w;
    rows r;

    MC_REQUIRE(workshop_open(&w) && fill(&w.mine, &r));
    MC_REQUIRE(workshop_make(&w.mine, "people", "{\"name\":\"Bob\"}", bob));
    MC_REQUIRE(workshop_make(&w.mine, "people", "{\"name\":\"Cid\"}", cid));
    MC_REQUIRE(workshop_make(&w.mine, "tags", "{\"name\":\"green\"}", green));
    link_both_ways(&w, &r, "tags", r.red, r.blue, green);
    link_both_ways(&w, &r, "members", r.ann, bob, cid);
    MC_CASE("a declared pivot's rows are rows, with its defaults");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/dynamic/memberships", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&w.mine, "total"), "2");
    MC_EXPECT_Z(mc_client_field(&w.mine, "role"), "member");
    MC_CASE("one that nobody declares is nobody's model");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/dynamic/project_tags", NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/metadata/table/project_tags", NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/metadata/all", NULL), 200);
    MC_EXPECT(mc_str_find(w.mine.body, MC_STR("\"project_tags\":{")) == w.mine.body.len);
    MC_CASE("a row that is gone is in no list, though its link is not");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "DELETE", text_of("/api/dynamic/people/%s", bob), NULL),
                 200);
    expect_total(&w.mine, r.project, "members", "1");
    MC_EXPECT_EQ(call(&w.mine, "DELETE", r.project, text_of("members/%s", bob), NULL), 200);
    workshop_close(&w);
}

MC_TEST("people are related like rows, and show what others may see of them")
{
    char me[40], them[40], project[40];
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/auth/me", NULL), 200);
    (void)snprintf(me, sizeof(me), "%.*s", MC_FMT(mc_client_field(&w.mine, "id")));
    MC_EXPECT_EQ(mc_client_call(&w.theirs, "GET", "/api/auth/me", NULL), 200);
    (void)snprintf(them, sizeof(them), "%.*s", MC_FMT(mc_client_field(&w.theirs, "id")));
    MC_REQUIRE(workshop_make(&w.mine, "projects",
                             text_of("{\"name\":\"Roof\",\"lead_id\":\"%s\"}", me), project));
    MC_EXPECT_EQ(call(&w.mine, "GET", project, "lead", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&w.mine, "email"), "me@example.com");
    MC_EXPECT(mc_str_find(w.mine.body, MC_STR("password")) == w.mine.body.len);
    MC_EXPECT_EQ(call(&w.mine, "POST", project, "watchers", text_of("{\"id\":\"%s\"}", me)), 200);
    expect_total(&w.mine, project, "watchers", "1");
    MC_EXPECT_Z(mc_client_field(&w.mine, "name"), "Mine");
    MC_CASE("but only one's own");
    MC_EXPECT_EQ(call(&w.mine, "POST", project, "watchers", text_of("{\"id\":\"%s\"}", them)), 404);
    MC_CASE("and not as a model");
    MC_EXPECT_EQ(mc_client_call(&w.mine, "GET", "/api/dynamic/users", NULL), 404);
    workshop_close(&w);
}

static const struct {
    const char *name, *method, *rest, *body; /* %s: a tag of mine */
    int status;
    const char *has;
} refused[] = {
    {"no such relation", "GET", "colours", NULL, 404, "relation not found"},
    {"a word that means something else", "GET", "documents", NULL, 404, "relation not found"},
    {"no such relation to link", "POST", "colours", "{\"id\":\"%s\"}", 404, "relation not found"},
    {"an id that is none", "POST", "tags", "{\"id\":\"red\"}", 400, "invalid id"},
    {"a number", "POST", "tags", "{\"id\":7}", 400, "invalid id"},
    {"null", "POST", "tags", "{\"ids\":[null]}", 400, "invalid id"},
    {"no list", "POST", "tags", "{\"ids\":\"%s\"}", 400, "want {"},
    {"neither", "POST", "tags", "{}", 400, "want {"},
    {"both", "POST", "tags", "{\"id\":\"%s\",\"ids\":[]}", 400, "want {"},
    {"more than is meant", "POST", "tags", "{\"id\":\"%s\",\"colour\":\"red\"}", 400, "want {"},
    {"a list for a body", "POST", "tags", "[\"%s\"]", 400, "invalid body"},
    {"no id to unlink", "DELETE", "tags/red", NULL, 400, "invalid id"},
    {"no id to get", "GET", "tags/red", NULL, 400, "invalid id"},
    {"all of them at once", "DELETE", "tags", NULL, 405, ""},
};

MC_TEST("what is no relation, no id or no link is refused by name")
{
    workshop w;
    rows r;

    MC_REQUIRE(workshop_open(&w) && fill(&w.mine, &r));
    for (size_t i = 0; i < MC_LEN(refused); i++) {
        char body[256] = "";
        const char *hole = refused[i].body ? strstr(refused[i].body, "%s") : NULL;

        MC_CASE(refused[i].name);
        if (refused[i].body)
            (void)snprintf(body, sizeof(body), "%.*s%s%s",
                           hole ? (int)(hole - refused[i].body) : (int)strlen(refused[i].body),
                           refused[i].body, hole ? r.red : "", hole ? hole + 2 : "");
        MC_EXPECT_EQ(call(&w.mine, refused[i].method, r.project, refused[i].rest,
                          refused[i].body ? body : NULL),
                     refused[i].status);
        MC_EXPECT_HAS(w.mine.body, refused[i].has);
    }
    MC_CASE("a row's own id");
    MC_EXPECT_EQ(call(&w.mine, "GET", "7", "tags", NULL), 400);
    MC_CASE("a list of none is no link");
    MC_EXPECT_EQ(call(&w.mine, "POST", r.project, "tags", "{\"ids\":[]}"), 200);
    MC_EXPECT_HAS(w.mine.body, "\"linked\":0");
    workshop_close(&w);
}

MC_TEST("neither side may be another organization's")
{
    workshop w;
    rows mine, theirs;

    MC_REQUIRE(workshop_open(&w) && fill(&w.mine, &mine) && fill(&w.theirs, &theirs));
    MC_EXPECT_EQ(
        call(&w.theirs, "POST", theirs.project, "tags", text_of("{\"id\":\"%s\"}", theirs.red)),
        200);
    MC_CASE("their row");
    MC_EXPECT_EQ(call(&w.mine, "GET", theirs.project, "tags", NULL), 404);
    MC_EXPECT_EQ(call(&w.mine, "GET", theirs.project, "owner", NULL), 404);
    MC_EXPECT_EQ(call(&w.mine, "GET", theirs.other, "tasks", NULL), 404);
    MC_EXPECT_EQ(call(&w.mine, "POST", theirs.project, "tasks", "{\"title\":\"mine\"}"), 404);
    MC_EXPECT_EQ(
        call(&w.mine, "POST", theirs.project, "tags", text_of("{\"id\":\"%s\"}", mine.red)), 404);
    MC_EXPECT_EQ(call(&w.mine, "DELETE", theirs.project, text_of("tags/%s", theirs.red), NULL),
                 404);
    MC_CASE("their related row");
    MC_EXPECT_EQ(
        call(&w.mine, "POST", mine.project, "tags", text_of("{\"id\":\"%s\"}", theirs.red)), 404);
    MC_EXPECT_EQ(call(&w.mine, "DELETE", mine.project, text_of("tags/%s", theirs.red), NULL), 404);
    MC_EXPECT_EQ(call(&w.mine, "GET", mine.project, text_of("tasks/%s", theirs.task), NULL), 404);
    MC_CASE("and all is as it was");
    expect_total(&w.theirs, theirs.project, "tags", "1");
    expect_total(&w.mine, mine.project, "tags", "0");
    workshop_close(&w);
}

typedef struct linker {
    unsigned port;
    char token[2048], path[128], body[128];
    int status;
    bool was_new;
} linker;

static void *link_now(void *user)
{
    linker *l = user;
    mc_client client;

    mc_client_init(&client, l->port);
    memcpy(client.token, l->token, sizeof(client.token));
    l->status = mc_client_call(&client, "POST", l->path, l->body);
    l->was_new = mc_str_find(client.body, MC_STR("\"linked\":1")) < client.body.len;
    mc_client_deinit(&client);
    return NULL;
}

MC_TEST("of those who make the same link at once one makes it")
{
    pthread_t threads[6];
    linker linkers[6];
    int made = 0;
    workshop w;
    rows r;

    MC_REQUIRE(workshop_open(&w) && fill(&w.mine, &r));
    for (size_t i = 0; i < MC_LEN(linkers); i++) {
        linkers[i] = (linker){.port = w.process.port};
        memcpy(linkers[i].token, w.mine.token, sizeof(linkers[i].token));
        (void)snprintf(linkers[i].path, sizeof(linkers[i].path), "/api/dynamic/projects/%s/tags",
                       r.project);
        (void)snprintf(linkers[i].body, sizeof(linkers[i].body), "{\"id\":\"%s\"}", r.red);
        MC_REQUIRE(pthread_create(&threads[i], NULL, link_now, &linkers[i]) == 0);
    }
    for (size_t i = 0; i < MC_LEN(linkers); i++) {
        MC_EXPECT_EQ(pthread_join(threads[i], NULL), 0);
        MC_EXPECT_EQ(linkers[i].status, 200);
        made += linkers[i].was_new;
    }
    MC_EXPECT_EQ(made, 1);
    expect_total(&w.mine, r.project, "tags", "1");
    workshop_close(&w);
}

MC_TEST("reading wants both sides readable, linking the parent's update, a child its create")
{
    static const struct {
        const char *method, *rest, *body; /* %s: a tag */
        const char *needs[2];
        int status;
    } uses[] = {
        {"GET", "tags", NULL, {"projects.read", "tags.read"}, 200},
        {"POST", "tags", "{\"id\":\"%s\"}", {"projects.update", "tags.read"}, 200},
        {"DELETE", "tags/%s", NULL, {"projects.update", "tags.read"}, 200},
        {"GET", "tasks", NULL, {"projects.read", "tasks.read"}, 200},
        {"POST", "tasks", "{\"title\":\"x\"}", {"projects.read", "tasks.create"}, 201},
        {"GET", "owner", NULL, {"projects.read", "people.read"}, 200},
    };
    mc_client agent;
    workshop w;
    rows r;

    MC_REQUIRE(workshop_open(&w) && fill(&w.mine, &r) && workshop_agent(&w, &agent));
    for (size_t i = 0; i < MC_LEN(uses); i++) {
        char rest[128], body[128] = "";

        MC_CASE(text_of("%s %s", uses[i].method, uses[i].rest));
        (void)snprintf(rest, sizeof(rest), "%s", uses[i].rest);
        if (strstr(rest, "%s"))
            (void)snprintf(rest, sizeof(rest), "tags/%s", r.red);
        if (uses[i].body)
            (void)snprintf(body, sizeof(body), "%s", uses[i].body);
        if (strstr(body, "%s"))
            (void)snprintf(body, sizeof(body), "{\"id\":\"%s\"}", r.red);
        for (int held = 0; held <= 2; held++) {
            const char *text = uses[i].body ? body : NULL;

            if (held > 0)
                MC_EXPECT(workshop_grant(&w, uses[i].needs[held - 1]));
            MC_EXPECT_EQ(call(&agent, uses[i].method, r.project, rest, text),
                         held == 2 ? uses[i].status : 403);
        }
        for (int held = 0; held < 2; held++)
            MC_EXPECT(workshop_revoke(&w, uses[i].needs[held]));
    }
    mc_client_deinit(&agent);
    workshop_close(&w);
}
