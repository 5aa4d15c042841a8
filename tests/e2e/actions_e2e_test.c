/* SPDX-License-Identifier: Apache-2.0 */
/* Actions over HTTP: who may run which, on what, with what. */
#include "workshop.h"

#include "mc_test.h"

#include <stdio.h>
#include <string.h>

#define INVOICE "{\"number\":\"A-17\",\"amount\":12.5,\"line-items\":[{\"qty\":1}]"

static const struct {
    const char *name, *path, *body; /* %s: a project that is open; body NULL: none */
    int status;
    const char *has;
} calls[] = {
    {"nothing to do", "dynamic/projects/%s/action/close", "{}", 200,
     "{\"data\":null,\"meta\":{\"action\":\"close\",\"model\":\"projects\",\"no_op\":true,"
     "\"trigger_type\":\"noop\"},\"success\":true}"},
    {"without a body", "data/projects/%s/action/close", NULL, 200, "\"success\":true"},
    {"by the client's other path", "data/projects/me/%s/action/close", "{}", 200,
     "\"success\":true"},
    {"of the whole model", "dynamic/projects/action/audit", "{}", 200,
     "{\"data\":null,\"meta\":{\"action\":\"audit\""},
    {"of the whole model, by the alias", "data/projects/action/audit", NULL, 200, "audit"},
    {"of the whole model, by the other", "data/projects/me/action/audit", "{}", 200, "audit"},
    {"a row's action has no collection", "dynamic/projects/action/close", "{}", 404,
     "action not found"},
    {"a collection's has no row", "dynamic/projects/%s/action/audit", "{}", 404,
     "action not found"},
    {"no such action", "dynamic/projects/%s/action/fly", "{}", 404, "action not found"},
    {"the browser's own", "dynamic/projects/%s/action/delete", "{}", 404, "action not found"},
    {"nobody runs webhooks", "dynamic/projects/%s/action/ship", "{}", 501,
     "{\"message\":\"unsupported trigger type: \\\"webhook\\\"\",\"success\":false}"},
    {"no such row", "dynamic/projects/00000000-0000-4000-8000-000000000001/action/close", "{}", 404,
     "record not found"},
    {"no such model", "dynamic/nothing/%s/action/close", "{}", 404, "model not found in registry"},
    {"no id", "dynamic/projects/7/action/close", "{}", 400, "invalid id"},
    {"a list", "dynamic/projects/%s/action/close", "[]", 400, "invalid body"},
    {"no JSON", "dynamic/projects/%s/action/close", "{", 400, "invalid body"},

    {"a form, filled", "dynamic/projects/%s/action/invoice", INVOICE "}", 200, "\"success\":true"},
    {"and all of it", "dynamic/projects/%s/action/invoice",
     INVOICE ",\"due\":\"2026-12-01\",\"paid\":true,\"email\":\"a@example.com\",\"terms\":30,"
             "\"kind\":\"part\",\"more\":1}",
     200, "\"success\":true"},
    {"untouched fields come as empty strings", "dynamic/projects/%s/action/invoice",
     INVOICE ",\"due\":\"\",\"paid\":\"\",\"email\":\"\",\"terms\":\"\",\"kind\":\"\"}", 200,
     "\"success\":true"},
    {"nothing filled", "dynamic/projects/%s/action/invoice", "{}", 422,
     "\"errors\":{\"amount\":[{\"code\":\"required\",\"message\":\"Amount is required\"}],"
     "\"line-items\":[{\"code\":\"required\",\"message\":\"Lines is required\"}],\"number\":[{"},
    {"too short", "dynamic/projects/%s/action/invoice",
     "{\"number\":\"A\",\"amount\":1,\"line-items\":[]}", 422,
     "\"errors\":{\"number\":[{\"code\":\"min\""},
    {"too small", "dynamic/projects/%s/action/invoice",
     "{\"number\":\"A-17\",\"amount\":-1,\"line-items\":[]}", 422,
     "\"errors\":{\"amount\":[{\"code\":\"min\""},
    {"no number", "dynamic/projects/%s/action/invoice",
     "{\"number\":\"A-17\",\"amount\":\"many\",\"line-items\":[]}", 422,
     "\"errors\":{\"amount\":[{\"code\":\"invalid_type\",\"message\":\"amount: want a number\"}]}"},
    {"no date", "dynamic/projects/%s/action/invoice", INVOICE ",\"due\":\"soon\"}", 422,
     "\"errors\":{\"due\":[{\"code\":\"invalid_type\""},
    {"no address", "dynamic/projects/%s/action/invoice", INVOICE ",\"email\":\"me\"}", 422,
     "\"errors\":{\"email\":[{\"code\":\"email\""},
    {"no option", "dynamic/projects/%s/action/invoice", INVOICE ",\"terms\":31}", 422,
     "\"errors\":{\"terms\":[{\"code\":\"invalid_option\""},
    {"no option of text", "dynamic/projects/%s/action/invoice", INVOICE ",\"kind\":\"half\"}", 422,
     "\"errors\":{\"kind\":[{\"code\":\"invalid_option\""},
};

MC_TEST("an action runs when its row, its state and its form allow it")
{
    char project[40];
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_make(&w.mine, "projects", "{\"name\":\"Roof\"}", project));
    for (size_t i = 0; i < MC_LEN(calls); i++) {
        char path[160];
        const char *hole = strstr(calls[i].path, "%s");

        MC_CASE(calls[i].name);
        (void)snprintf(path, sizeof(path), "/api/%.*s%s%s",
                       hole ? (int)(hole - calls[i].path) : (int)strlen(calls[i].path),
                       calls[i].path, hole ? project : "", hole ? hole + 2 : "");
        MC_EXPECT_EQ(mc_client_call(&w.mine, "POST", path, calls[i].body), calls[i].status);
        MC_EXPECT_HAS(w.mine.body, calls[i].has);
        if (calls[i].status != 200)
            MC_EXPECT(mc_client_field(&w.mine, "message").len > 0);
    }
    MC_CASE("another organization's row");
    MC_EXPECT_EQ(mc_client_call(&w.theirs, "POST",
                                text_of("/api/dynamic/projects/%s/action/close", project), "{}"),
                 404);
    workshop_close(&w);
}

MC_TEST("a state that an action does not want refuses it, with a word for programs")
{
    static const struct {
        const char *state;
        int status;
    } states[] = {{"open", 200}, {"paused", 200}, {"closed", 409}, {"OPEN", 409}, {"", 409}};
    char project[40];
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_make(&w.mine, "projects", "{\"name\":\"Roof\"}", project));
    for (size_t i = 0; i < MC_LEN(states); i++) {
        MC_CASE(states[i].state);
        MC_EXPECT_EQ(mc_client_call(&w.mine, "PUT", text_of("/api/dynamic/projects/%s", project),
                                    text_of("{\"status\":\"%s\"}", states[i].state)),
                     200);
        MC_EXPECT_EQ(mc_client_call(&w.mine, "POST",
                                    text_of("/api/dynamic/projects/%s/action/close", project),
                                    "{}"),
                     states[i].status);
        if (states[i].status == 409) {
            MC_EXPECT_HAS(w.mine.body, "{\"error\":{\"code\":\"invalid_state\",\"message\":\"");
            MC_EXPECT_HAS(w.mine.body, "},\"message\":\"action close is not for a record in state");
            MC_EXPECT_HAS(w.mine.body, "\"meta\":{\"action\":\"close\"");
        }
    }
    MC_CASE("a row that is gone has no state at all");
    MC_EXPECT_EQ(
        mc_client_call(&w.mine, "DELETE", text_of("/api/dynamic/projects/%s", project), NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&w.mine, "POST",
                                text_of("/api/dynamic/projects/%s/action/close", project), "{}"),
                 404);
    workshop_close(&w);
}

MC_TEST("update opens every action, its own capability one, and reading none")
{
    static const struct {
        const char *held, *action;
        int status;
    } rows[] = {
        {"projects.read", "close", 403},    {"projects.close", "close", 200},
        {"projects.close", "invoice", 403}, {"projects.read", "read", 403},
        {"projects.update", "close", 200},  {"projects.update", "read", 200},
    };
    char project[40];
    mc_client agent;
    workshop w;

    MC_REQUIRE(workshop_open(&w));
    MC_REQUIRE(workshop_agent(&w, &agent));
    MC_REQUIRE(workshop_make(&w.mine, "projects", "{\"name\":\"Roof\"}", project));
    for (size_t i = 0; i < MC_LEN(rows); i++) {
        MC_CASE(text_of("%s on %s", rows[i].action, rows[i].held));
        MC_EXPECT(workshop_grant(&w, "projects.read"));
        MC_EXPECT(workshop_grant(&w, rows[i].held));
        MC_EXPECT_EQ(
            mc_client_call(&agent, "POST",
                           text_of("/api/dynamic/projects/%s/action/%s", project, rows[i].action),
                           "{}"),
            rows[i].status);
        MC_EXPECT(workshop_revoke(&w, rows[i].held));
    }
    MC_CASE("who may run it and not read the row may not");
    (void)workshop_revoke(&w, "projects.read");
    MC_EXPECT(workshop_grant(&w, "projects.close"));
    MC_EXPECT_EQ(mc_client_call(&agent, "POST",
                                text_of("/api/dynamic/projects/%s/action/close", project), "{}"),
                 403);
    MC_CASE("nobody is told first");
    agent.token[0] = '\0';
    MC_EXPECT_EQ(mc_client_call(&agent, "POST", "/api/dynamic/projects/7/action/close", "{"), 401);
    mc_client_deinit(&agent);
    workshop_close(&w);
}
