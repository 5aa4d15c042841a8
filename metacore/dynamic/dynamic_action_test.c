/* SPDX-License-Identifier: Apache-2.0 */
/* Actions whose triggers are run by somebody: what is kept of what they did, and what is said. */
#include "metacore/dynamic/dynamic_test_internal.h"

#include <stdio.h>
#include <string.h>

typedef enum outcome { WRITES, TELLS, DECLINES, DECLINES_PLAINLY, FAILS, CANNOT_COMMIT } outcome;

static mc_code rename_row(mc_ctx *ctx, const mc_action_call *call, mc_err *err)
{
    mc_db_value args[] = {mc_db_text(MC_STR("renamed")), mc_db_uuid(call->record_id),
                          mc_db_uuid(ctx->who.org_id)};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE \"notes\" SET \"title\" = $1 WHERE \"id\" = $2 AND "
                             "\"organization_id\" = $3"),
                      args, MC_LEN(args), NULL, err);
}

static mc_code run_trigger(void *user, mc_ctx *ctx, const mc_action_call *call, mc_buf *out,
                           mc_err *err)
{
    outcome what = *(outcome *)user;
    mc_code rc = MC_OK;

    MC_EXPECT_HAS(call->row, "\"title\":\"first\"");
    MC_EXPECT_Z(call->trigger_type, "wasm");
    if (mc_str_eq(call->key, MC_STR("run")))
        rc = rename_row(ctx, call, err);
    if (rc == MC_OK && what == CANNOT_COMMIT)
        rc = mc_db_exec_script(ctx->conn,
                               MC_STR("CREATE TABLE p (id INTEGER PRIMARY KEY);"
                                      "CREATE TABLE c (id INTEGER REFERENCES p (id) DEFERRABLE "
                                      "INITIALLY DEFERRED);"
                                      "INSERT INTO c VALUES (1);"),
                               err);
    if (rc != MC_OK)
        return rc;
    mc_buf_lit(out, "{\"said\":");
    mc_json_write(out, call->payload);
    mc_buf_lit(out, "}");
    if (what == TELLS)
        rc = mc_json_parse(ctx->arena,
                           MC_STR("{\"model\":\"forged\",\"cost\":3,\"rolled_back\":true}"), NULL,
                           call->out_meta, err);
    if (rc != MC_OK)
        return rc;
    if (what == DECLINES)
        *call->out_decline_code = MC_STR("too_late");
    if (what == DECLINES || what == DECLINES_PLAINLY)
        return mc_fail(err, MC_REJECTED, "it is too late");
    return what == FAILS ? mc_fail(err, MC_TIMEOUT, "it took too long") : MC_OK;
}

static const struct {
    const char *name, *key, *title; /* title: of the row afterwards */
    outcome what;
    int status;
    const char *body; /* NULL: only the status */
} cases[] = {
    {"outside of a transaction", "ask", "first", WRITES, 200,
     "{\"data\":{\"said\":{\"a\":1}},\"meta\":{\"action\":\"ask\",\"model\":\"notes\","
     "\"trigger_type\":\"wasm\"},\"success\":true}"},
    {"its own words stand beside ours", "ask", "first", TELLS, 200,
     "{\"data\":{\"said\":{\"a\":1}},\"meta\":{\"action\":\"ask\",\"model\":\"notes\","
     "\"trigger_type\":\"wasm\",\"cost\":3},\"success\":true}"},
    {"declined outside", "ask", "first", DECLINES, 422,
     "{\"error\":{\"code\":\"too_late\",\"message\":\"it is too late\"},\"message\":\"it is too "
     "late\",\"meta\":{\"action\":\"ask\",\"model\":\"notes\",\"trigger_type\":\"wasm\"},"
     "\"success\":false}"},
    {"declined without a word", "ask", "first", DECLINES_PLAINLY, 422,
     "{\"error\":{\"code\":\"declined\",\"message\":\"it is too late\"},\"message\":\"it is too "
     "late\",\"meta\":{\"action\":\"ask\",\"model\":\"notes\",\"trigger_type\":\"wasm\"},"
     "\"success\":false}"},
    {"failed outside", "ask", "first", FAILS, 504,
     "{\"message\":\"it took too long\",\"success\":false}"},
    {"declined in a transaction", "run", "first", DECLINES, 422,
     "{\"error\":{\"code\":\"too_late\",\"message\":\"it is too late\"},\"message\":\"it is too "
     "late\",\"meta\":{\"action\":\"run\",\"model\":\"notes\",\"rolled_back\":true,"
     "\"trigger_type\":\"wasm\"},\"success\":false}"},
    {"failed in one", "run", "first", FAILS, 504,
     "{\"message\":\"it took too long\",\"meta\":{\"action\":\"run\",\"model\":\"notes\","
     "\"rolled_back\":true,\"trigger_type\":\"wasm\"},\"success\":false}"},
    {"a commit that fails is no success", "run", "first", CANNOT_COMMIT, 0, NULL},
    {"kept", "run", "renamed", WRITES, 200,
     "{\"data\":{\"said\":{\"a\":1}},\"meta\":{\"action\":\"run\",\"model\":\"notes\","
     "\"rolled_back\":false,\"trigger_type\":\"wasm\"},\"success\":true}"},
};

static mc_uuid row_id;

static mc_code create_row(dynamic_fixture *f, mc_err *err)
{
    (void)err; /* in the fixture */
    return dynamic_create(f, "{\"title\":\"first\"}", &row_id);
}

MC_TEST("what an action did is kept when it succeeds and its transaction does, else undone")
{
    char id[MC_UUID_TEXT_LEN + 1] = "", path[128];
    outcome what = WRITES;
    dynamic_fixture f;

    MC_REQUIRE(
        dynamic_setup_with(&f, &(mc_dynamic_config){MC_DYNAMIC_CONFIG, .dispatch = run_trigger,
                                                    .dispatch_user = &what}));
    MC_REQUIRE_OK(dynamic_run(&f, create_row), &f.err);
    mc_uuid_format(row_id, id);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        int status;

        MC_CASE(cases[i].name);
        what = cases[i].what;
        (void)snprintf(path, sizeof(path), "/dynamic/notes/%s/action/%s", id, cases[i].key);
        status = dynamic_call(&f, "POST", path, "{\"a\":1}");
        if (cases[i].body) {
            MC_EXPECT_EQ(status, cases[i].status);
            MC_EXPECT_Z(f.body, cases[i].body);
        } else {
            MC_EXPECT(status >= 400);
            MC_EXPECT_HAS(f.body, "\"rolled_back\":true");
            MC_EXPECT_HAS(f.body, "\"success\":false");
        }
        (void)snprintf(path, sizeof(path), "/dynamic/notes/%s", id);
        MC_EXPECT_EQ(dynamic_call(&f, "GET", path, NULL), 200);
        MC_EXPECT_HAS(f.body, cases[i].title);
    }
    dynamic_teardown(&f);
}
