/* SPDX-License-Identifier: Apache-2.0 */
/* A program with an addon of its own: told of what happens to it, and asked for its actions. */
#include "mc_client.h"
#include "mc_test.h"
#include "metacore/host/host.h"

#include <stdio.h>
#include <string.h>

#define BASE "/api/metacore/installations/desk"
#define ACTIONS "/api/dynamic/lamps"

static const char manifest[] =
    "{\"key\":\"desk\",\"name\":\"Desk\",\"version\":\"1.0.0\",\"settings\":[{\"key\":\"mode\","
    "\"label\":\"M\",\"type\":\"string\",\"default_value\":\"warm\"}],\"model_definitions\":[{"
    "\"table_name\":\"lamps\",\"model_key\":\"lamps\",\"label\":\"Lamps\",\"org_scoped\":true,"
    "\"columns\":[{\"name\":\"name\",\"type\":\"string\"}]}],\"actions\":{\"lamps\":[{\"key\":"
    "\"light\",\"name\":\"light\",\"label\":\"Light\"},{\"key\":\"break\",\"name\":\"break\","
    "\"label\":\"Break\",\"trigger\":{\"type\":\"noop\"}}]}}";

static char told[256];
static bool is_refusing, is_booted;

static mc_code note(const char *what)
{
    (void)snprintf(told + strlen(told), sizeof(told) - strlen(told), "%s ", what);
    return MC_OK;
}

/* Writes something, to see that it goes with what is refused. */
static mc_code on_install(void *self, mc_ctx *ctx, mc_uuid org_id, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(org_id), mc_db_time(ctx->now)};
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("INSERT INTO metacore_nonces (installation_id, nonce, "
                                   "expires_at) VALUES ($1, 'desk was here', $2)"),
                            args, MC_LEN(args), NULL, err);

    (void)self;
    (void)note("install");
    if (rc != MC_OK)
        return rc;
    return is_refusing ? mc_fail(err, MC_CONFLICT, "no room for a desk") : MC_OK;
}

static mc_code on_enable(void *self, mc_ctx *ctx, mc_uuid org_id, mc_err *err)
{
    (void)self;
    (void)ctx;
    (void)org_id;
    (void)err;
    return note("enable");
}

static mc_code on_disable(void *self, mc_ctx *ctx, mc_uuid org_id, mc_err *err)
{
    (void)self;
    (void)ctx;
    (void)org_id;
    (void)err;
    return note("disable");
}

static mc_code on_uninstall(void *self, mc_ctx *ctx, mc_uuid org_id, mc_err *err)
{
    (void)self;
    (void)ctx;
    (void)org_id;
    (void)err;
    return note("uninstall");
}

static mc_code boot(void *self, void *services, mc_err *err)
{
    (void)err;
    is_booted = services == self;
    return MC_OK;
}

static const mc_addon_vt vt = {.struct_size = sizeof(vt),
                               .on_install = on_install,
                               .on_enable = on_enable,
                               .on_disable = on_disable,
                               .on_uninstall = on_uninstall,
                               .boot = boot};

static mc_code light(void *user, mc_ctx *ctx, const mc_intercept *call, mc_buf *out,
                     bool *is_handled, mc_err *err)
{
    bool is_burnt = false;

    (void)user;
    (void)ctx;
    if (mc_json_get_bool(mc_json_find(call->payload, MC_STR("burnt")), &is_burnt) && is_burnt)
        return mc_fail(err, MC_REJECTED, "the bulb is gone");
    mc_buf_lit(out, "{\"settings\":");
    mc_buf_str(out, call->settings);
    mc_buf_printf(out, ",\"addon\":\"%.*s\",\"row\":%.*s}", MC_FMT(call->addon_key),
                  MC_FMT(call->row));
    *is_handled = true;
    return MC_OK;
}

static int call(mc_client *client, const char *method, const char *path, const char *body)
{
    return mc_client_call(client, method, path, body);
}

static void use(mc_client *mine, mc_client *theirs)
{
    char path[200];

    MC_CASE("refused by its own code, nothing stays, not even what that wrote");
    is_refusing = true;
    MC_EXPECT_EQ(call(mine, "POST", BASE, NULL), 422);
    MC_EXPECT_HAS(mine->body, "OnInstall: no room for a desk");
    MC_EXPECT_EQ(call(mine, "GET", BASE, NULL), 404);
    is_refusing = false;
    told[0] = '\0';
    MC_EXPECT_EQ(call(mine, "POST", BASE, NULL), 200); /* the nonce is not there: no conflict */
    MC_EXPECT_HAS(mine->body, "\"source\":\"registered\"");
    MC_EXPECT_HAS(mine->body, "\"source\":\"compiled\"");
    MC_EXPECT_Z(mc_z(told), "install enable ");

    MC_CASE("its actions are its own to answer");
    MC_EXPECT_EQ(call(mine, "POST", "/api/dynamic/lamps", "{\"name\":\"Tall\"}"), 201);
    (void)snprintf(path, sizeof(path), ACTIONS "/%.*s/action/light",
                   MC_FMT(mc_client_field(mine, "id")));
    MC_EXPECT_EQ(call(mine, "POST", path, "{}"), 200);
    MC_EXPECT_HAS(mine->body, "\"data\":{\"settings\":{\"mode\":\"warm\"},\"addon\":\"desk\"");
    MC_EXPECT_HAS(mine->body, "\"Tall\"");
    MC_EXPECT_EQ(call(mine, "POST", path, "{\"burnt\":true}"), 422);
    MC_EXPECT_HAS(mine->body, "the bulb is gone");

    MC_CASE("another organization's uninstalling takes nothing from this one");
    MC_EXPECT_EQ(call(theirs, "POST", BASE, NULL), 200);
    MC_EXPECT_EQ(call(theirs, "DELETE", BASE "?drop=1", NULL), 200);
    MC_EXPECT_EQ(call(mine, "POST", path, "{}"), 200);
    MC_CASE("disabled, then uninstalled: told once of each");
    told[0] = '\0';
    MC_EXPECT_EQ(call(mine, "POST", BASE "/disable", NULL), 200);
    MC_EXPECT_EQ(call(mine, "POST", path, "{}"), 404);
    MC_EXPECT_EQ(call(mine, "DELETE", BASE, NULL), 200);
    MC_EXPECT_Z(mc_z(told), "disable uninstall ");
}

MC_TEST("a program's own addon is told what happens to it and answers its actions")
{
    mc_app_config config = {MC_APP_CONFIG, .dev = true, .listen = MC_STR("127.0.0.1:0"),
                            .data_dir = mc_z(mc_test_dir())};
    mc_client mine, theirs;
    mc_app *app = NULL;
    mc_lifecycle *lifecycle;
    mc_err err;

    MC_REQUIRE_OK(mc_app_new(&config, &app, &err), &err);
    lifecycle = mc_host_lifecycle(mc_app_host(app));
    MC_EXPECT_OK(mc_lifecycle_register(lifecycle, &(mc_addon){mc_z(manifest), &vt, app}, &err),
                 &err);
    MC_EXPECT_OK(mc_lifecycle_intercept(lifecycle, MC_STR("desk"), MC_STR("lamps"), MC_STR("light"),
                                        light, NULL, &err),
                 &err);
    MC_REQUIRE_OK(mc_app_start(app, &err), &err);
    MC_EXPECT(is_booted);
    mc_client_init(&mine, mc_app_port(app));
    mc_client_init(&theirs, mc_app_port(app));
    MC_EXPECT_EQ(mc_client_sign_in(&mine, "owner@example.com", "metacore-demo"), 200);
    MC_EXPECT_EQ(mc_client_register(&theirs, "Other", "o@example.com", "long-enough"), 201);
    use(&mine, &theirs);
    mc_client_deinit(&mine);
    mc_client_deinit(&theirs);
    mc_app_free(app);
}
