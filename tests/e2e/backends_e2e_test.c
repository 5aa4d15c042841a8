/* SPDX-License-Identifier: Apache-2.0 */
/* Addons' own servers: tools and actions call them, signed, for whoever has the addon. */
#include "addon_kit.h"
#include "mc_receiver.h"
#include "mc_test.h"
#include "metacore/security/request_signature.h"
#include "workshop.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define EXECUTE "/api/metacore/tools/execute"

static const char *const within[] = {"--dev", "--allow-private-egress", NULL};
static mc_arena *arena;
static mc_process process;
static mc_client mine, theirs;
static mc_receiver receiver;
static mc_str my_secret, their_secret;

/* By path: what the addon's server says. */
static mc_reaction decide(void *user, const mc_received *got)
{
    static const struct {
        const char *path;
        mc_reaction reaction;
    } says[] = {
        {"/find", {.status = 200, .body = "{\"success\":true,\"data\":{\"n\":1},\"metadata\":{}}"}},
        {"/list", {.status = 201, .body = "[1,2]"}},
        {"/text", {.status = 200, .body = "all is well"}},
        {"/empty", {.status = 200, .body = ""}},
        {"/fails", {.status = 200, .body = "{\"error\":\"sold out\"}"}},
        {"/moved", {.status = 302, .headers = "Location: /find\r\n", .body = "there"}},
        {"/broken", {.status = 500, .body = "oh dear"}},
        {"/large", {.status = 200, .body_size = 2 << 20}},
        {"/slow", {.status = 200, .delay_ms = 4000}},
        {"/declines",
         {.status = 200,
          .body = "{\"success\":false,\"error\":{\"code\":\"late\",\"message\":\"too late\"}}"}},
    };

    (void)user;
    for (size_t i = 0; i < MC_LEN(says); i++) {
        if (!strncmp(got->path, says[i].path, strlen(says[i].path)))
            return says[i].reaction;
    }
    return (mc_reaction){.status = 404, .body = "what?"};
}

static const char *tool(const char *id, const char *more)
{
    return text_of("{\"id\":\"%s\",\"endpoint\":\"http://127.0.0.1:%u/%s\"%s},", id, receiver.port,
                   id, more);
}

/* Tools and hooks called like what they are answered. */
static const char *members(void)
{
    static const char *const names[] = {"list",  "text",   "empty", "fails",
                                        "moved", "broken", "large", "absent"};
    static const char *const hooks[] = {"find", "text", "declines", "broken", "empty"};
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    mc_buf_lit(&out, ",\"tools\":[");
    for (size_t i = 0; i < MC_LEN(names); i++)
        mc_buf_str(&out, mc_z(tool(names[i], "")));
    mc_buf_str(&out, mc_z(tool("slow", ",\"timeout\":1")));
    mc_buf_printf(&out,
                  "{\"id\":\"find\",\"method\":\"put\",\"endpoint\":"
                  "\"http://127.0.0.1:%u/find%%20it?a=%%2F\",\"input_schema\":[{\"name\":\"code\","
                  "\"type\":\"string\",\"required\":true,\"normalize\":\"uppercase\","
                  "\"validation\":\"^[A-Z]+$\"},{\"name\":\"n\",\"type\":\"number\","
                  "\"default_value\":\"3\"}]}],\"hooks\":{",
                  receiver.port);
    for (size_t i = 0; i < MC_LEN(hooks); i++)
        mc_buf_printf(&out, "%s\"pens_items::%s\":\"http://127.0.0.1:%u/%s\"", i ? "," : "",
                      hooks[i], receiver.port, hooks[i]);
    mc_buf_lit(&out, ",\"pens_items::gone\":\"http://127.0.0.1:9/\"},\"actions\":{"
                     "\"pens_items\":[");
    for (size_t i = 0; i < MC_LEN(hooks); i++)
        mc_buf_printf(&out, "{\"key\":\"%s\",\"label\":\"L\"},", hooks[i]);
    mc_buf_lit(&out, "{\"key\":\"gone\",\"label\":\"L\",\"trigger\":{\"type\":\"webhook\"}},"
                     "{\"key\":\"nobody\",\"label\":\"L\"}]}");
    return mc_str_z(arena, mc_buf_get(&out));
}

static mc_str install(mc_client *client)
{
    MC_EXPECT_EQ(kit_upload(client, "pens", "",
                            kit_pack(arena,
                                     kit_manifest(arena, "pens", "1.0.0",
                                                  KIT_MODEL("pens_items", KIT_NAME), members()),
                                     NULL),
                            MC_STR("")),
                 200);
    return mc_str_copy(arena, mc_client_field(client, "install_secret"));
}

static bool open_all(void)
{
    arena = mc_arena_new((size_t)64 << 20);
    receiver = (mc_receiver){.decide = decide};
    if (!mc_receiver_start(&receiver) || !mc_process_start(&process, mc_test_dir(), within))
        return false;
    mc_client_init(&mine, process.port);
    mc_client_init(&theirs, process.port);
    if (mc_client_sign_in(&mine, "owner@example.com", "metacore-demo") != 200 ||
        mc_client_register(&theirs, "Theirs", "theirs@example.com", "theirs-password") != 201)
        return false;
    my_secret = install(&mine);
    return my_secret.len == 64;
}

static void close_all(void)
{
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    MC_EXPECT_EQ(mc_process_stop(&process, SIGTERM), 0);
    mc_receiver_stop(&receiver);
    mc_arena_free(arena);
}

static int run(mc_client *client, const char *id, const char *parameters)
{
    return mc_client_call(
        client, "POST", EXECUTE,
        text_of("{\"addon_key\":\"pens\",\"tool_id\":\"%s\",\"parameters\":%s}", id, parameters));
}

/* Whether both signatures of got are secret's, over path as its server decodes it. */
static void expect_signed(const mc_received *got, const char *method, const char *path,
                          const char *event, mc_str secret)
{
    mc_signed_request what = {
        .timestamp = mc_received_header(got, "X-Metacore-Timestamp"),
        .nonce = mc_received_header(got, "X-Metacore-Nonce"),
        .method = mc_z(method),
        .path = mc_z(path),
        .body = mc_str_of(got->body, got->body_len),
        .event = mc_z(event),
        .installation_id = mc_received_header(got, "X-Metacore-Installation-ID"),
        .tenant = mc_received_header(got, "X-Metacore-Tenant"),
    };
    mc_time now = mc_clock_now((mc_clock){0});
    mc_err err;

    MC_EXPECT_OK(mc_request_verify(secret, &what, mc_received_header(got, "X-Metacore-Signature"),
                                   now, MC_REQUEST_SKEW_S, &err),
                 &err);
    MC_EXPECT_OK(mc_request_verify(secret, &what,
                                   mc_received_header(got, "X-Metacore-Signature-V2"), now,
                                   MC_REQUEST_SKEW_S, &err),
                 &err);
    MC_EXPECT_Z(mc_received_header(got, "X-Metacore-Event"), event);
    MC_EXPECT_Z(mc_received_header(got, "X-Metacore-Host"), "metacore");
    MC_EXPECT_Z(mc_received_header(got, "Content-Type"), "application/json");
}

static const struct {
    const char *name, *id, *parameters;
    int status;
    const char *body;
} tools[] = {
    {"an envelope", "find", "{\"code\":\" ab \",\"more\":1}", 200,
     "{\"success\":true,\"data\":{\"n\":1},\"metadata\":{}}"},
    {"a parameter that does not fit", "find", "{\"code\":\"1\"}", 200,
     "{\"success\":false,\"error\":\"invalid params: code: does not match pattern\"}"},
    {"one that is missing", "find", "null", 200,
     "{\"success\":false,\"error\":\"invalid params: code: required\"}"},
    {"other JSON", "list", "{}", 200, "{\"success\":true,\"data\":[1,2]}"},
    {"text", "text", "{}", 200, "{\"success\":true,\"data\":\"all is well\"}"},
    {"nothing", "empty", "{}", 200, "{\"success\":true}"},
    {"it fails", "fails", "{}", 200, "{\"success\":false,\"error\":\"sold out\"}"},
    {"a redirect is not followed", "moved", "{}", 200,
     "{\"success\":false,\"error\":\"addon returned 302: there\"}"},
    {"it is broken", "broken", "{}", 200,
     "{\"success\":false,\"error\":\"addon returned 500: oh dear\"}"},
    {"it does not know", "absent", "{}", 200,
     "{\"success\":false,\"error\":\"addon returned 404: what?\"}"},
    {"it says too much", "large", "{}", 502, "{\"success\":false,\"error\":\"addon pens: "},
    {"it takes longer than it said", "slow", "{}", 502, "{\"success\":false,\"error\":\""},
};

MC_TEST("tools are executed by their addon's server, which knows who calls and for whom")
{
    const mc_received *got;

    MC_REQUIRE(open_all());
    for (size_t i = 0; i < MC_LEN(tools); i++) {
        MC_CASE(tools[i].name);
        MC_EXPECT_EQ(run(&mine, tools[i].id, tools[i].parameters), tools[i].status);
        MC_EXPECT_HAS(mine.body, tools[i].body);
    }
    MC_CASE("what it was sent");
    got = mc_receiver_get(&receiver, NULL, 0);
    MC_REQUIRE(got);
    MC_EXPECT_HAS(mc_z(got->head), "PUT /find%20it?a=%2F HTTP/1.1");
    MC_EXPECT_HAS(mc_z(got->body), "{\"addon_key\":\"pens\",\"tool_id\":\"find\",");
    MC_EXPECT_HAS(mc_z(got->body), ",\"parameters\":{\"code\":\"AB\",\"n\":3}}");
    expect_signed(got, "PUT", "/find it?a=%2F", "tool:find", my_secret);
    MC_CASE("another organization is served with its own installation");
    MC_EXPECT_EQ(run(&theirs, "find", "{\"code\":\"x\"}"), 403);
    their_secret = install(&theirs);
    MC_REQUIRE(their_secret.len == 64 && !mc_str_eq(their_secret, my_secret));
    MC_EXPECT_EQ(run(&theirs, "find", "{\"code\":\"x\"}"), 200);
    got = mc_receiver_get(&receiver, NULL, mc_receiver_count(&receiver) - 1);
    expect_signed(got, "PUT", "/find it?a=%2F", "tool:find", their_secret);
    MC_CASE("a new secret signs at once");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", "/api/metacore/installations/pens/rotate", NULL),
                 200);
    my_secret = mc_str_copy(arena, mc_client_field(&mine, "install_secret"));
    MC_EXPECT_EQ(run(&mine, "find", "{\"code\":\"x\"}"), 200);
    got = mc_receiver_get(&receiver, NULL, mc_receiver_count(&receiver) - 1);
    expect_signed(got, "PUT", "/find it?a=%2F", "tool:find", my_secret);
    MC_CASE("not while it is disabled");
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", "/api/metacore/installations/pens/disable", NULL),
                 200);
    MC_EXPECT_EQ(run(&mine, "find", "{\"code\":\"x\"}"), 403);
    close_all();
}

static const struct {
    const char *name, *action;
    int status;
    const char *has;
} actions[] = {
    {"an envelope", "find", 200, "{\"data\":{\"n\":1},"},
    {"text", "text", 200, "{\"data\":\"all is well\","},
    {"nothing", "empty", 200, "{\"data\":null,"},
    {"it declines", "declines", 422, "{\"error\":{\"code\":\"late\",\"message\":\"too late\"}"},
    {"it is broken", "broken", 422,
     "{\"error\":{\"code\":\"webhook_error\",\"message\":\"addon pens webhook returned 500: oh "
     "dear\"}"},
    {"it is not there", "gone", 503, "\"code\":\"webhook_unreachable\""},
    {"no hook", "nobody", 501, "unsupported trigger type: \\\"webhook\\\""},
};

MC_TEST("actions call the hook that the manifest names for them")
{
    const mc_received *got;
    mc_str id;

    MC_REQUIRE(open_all());
    MC_EXPECT_EQ(mc_client_call(&mine, "POST", "/api/dynamic/pens_items", "{\"name\":\"Ink\"}"),
                 201);
    id = mc_str_copy(arena, mc_client_field(&mine, "id"));
    for (size_t i = 0; i < MC_LEN(actions); i++) {
        MC_CASE(actions[i].name);
        MC_EXPECT_EQ(mc_client_call(&mine, "POST",
                                    text_of("/api/dynamic/pens_items/%.*s/action/%s", MC_FMT(id),
                                            actions[i].action),
                                    "{\"copies\":2}"),
                     actions[i].status);
        MC_EXPECT_HAS(mine.body, actions[i].has);
    }
    MC_CASE("what it was sent");
    got = mc_receiver_get(&receiver, "/find", 0);
    MC_REQUIRE(got);
    MC_EXPECT_HAS(mc_z(got->body),
                  text_of("{\"record_id\":\"%.*s\",\"payload\":{\"copies\":2},\"hook\":"
                          "\"pens_items::find\",\"org_id\":\"",
                          MC_FMT(id)));
    MC_EXPECT_Z(mc_received_header(got, "X-Metacore-Invocation"), "action");
    MC_EXPECT_EQ(mc_received_header(got, "X-Metacore-User-ID").len, (size_t)36);
    expect_signed(got, "POST", "/find", "pens_items::find", my_secret);
    close_all();
}
