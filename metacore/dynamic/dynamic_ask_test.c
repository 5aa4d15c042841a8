/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/dynamic/dynamic_test_internal.h"

#include <stdio.h>
#include <string.h>

static char asked[2048]; /* a line for each question */
static bool says_no, changes_it, is_deciding;
static mc_uuid row;

static bool is_asked(void *user, mc_ctx *ctx, const mc_model *model, mc_dynamic_event event)
{
    (void)user;
    (void)ctx;
    (void)model;
    (void)event;
    return is_deciding;
}

static mc_code change_title(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    (void)conn;
    (void)ctx;
    (void)err;
    return dynamic_update(user, row, "{\"urgent\":true}", &(mc_time){0});
}

static mc_code ask(void *user, mc_ctx *ctx, const mc_dynamic_question *question, mc_err *err)
{
    dynamic_fixture *f = user;
    size_t at = strlen(asked);

    (void)snprintf(asked + at, sizeof(asked) - at, "%d %.*s\n", (int)question->event,
                   MC_FMT(question->input));
    if (changes_it) { /* somebody else, meanwhile */
        is_deciding = false;
        MC_EXPECT_OK(mc_db_write(f->db, ctx, change_title, f, err), err);
        is_deciding = true;
    }
    ctx->failure_code = MC_STR("word");
    return says_no ? mc_fail(err, MC_REJECTED, "no") : MC_OK;
}

static bool open_asking(dynamic_fixture *f)
{
    asked[0] = '\0';
    says_no = changes_it = false;
    is_deciding = true;
    return dynamic_setup_with(f, &(mc_dynamic_config){.ask = ask, .is_asked = is_asked});
}

static mc_code write_two(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    dynamic_fixture *f = user;
    mc_code rc = dynamic_create(f, "{\"title\":\"a\"}", &row);

    (void)conn;
    (void)ctx;
    if (rc == MC_OK)
        rc = dynamic_update(f, row, "{\"title\":\"b\"}", &(mc_time){0});
    if (rc != MC_OK)
        *err = f->err;
    return rc;
}

static mc_code update_one(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    dynamic_fixture *f = user;
    mc_code rc = dynamic_update(f, row, "{\"title\":\"c\"}", &(mc_time){0});

    (void)conn;
    (void)ctx;
    if (rc != MC_OK)
        *err = f->err;
    return rc;
}

MC_TEST("a transaction is run again once all that it writes was decided about")
{
    dynamic_fixture f;

    MC_REQUIRE(open_asking(&f));
    MC_EXPECT_OK(mc_dynamic_transact(f.dynamic, &f.ctx, false, write_two, &f, &f.err), &f.err);
    MC_EXPECT_Z(mc_z(asked), "0 {\"title\":\"a\"}\n2 {\"title\":\"b\"}\n");
    MC_EXPECT_Z(mc_z(f.told), "created\nupdated title\n");
    MC_CASE("alone, too");
    MC_EXPECT_OK(mc_dynamic_transact(f.dynamic, &f.ctx, true, update_one, &f, &f.err), &f.err);
    MC_EXPECT(f.ctx.questions == NULL);
    dynamic_teardown(&f);
}

MC_TEST("a no is the write's answer, with its word, and nothing is written")
{
    dynamic_fixture f;

    MC_REQUIRE(open_asking(&f));
    says_no = true;
    MC_EXPECT_EQ(mc_dynamic_transact(f.dynamic, &f.ctx, false, write_two, &f, &f.err), MC_REJECTED);
    MC_EXPECT_Z(mc_z(f.err.msg), "no");
    MC_EXPECT_Z(f.ctx.failure_code, "word");
    MC_EXPECT_Z(mc_z(f.told), "");
    dynamic_teardown(&f);
}

MC_TEST("what changes each time while it is decided about is refused in the end")
{
    dynamic_fixture f;

    MC_REQUIRE(open_asking(&f));
    MC_EXPECT_OK(mc_dynamic_transact(f.dynamic, &f.ctx, false, write_two, &f, &f.err), &f.err);
    changes_it = true;
    MC_EXPECT_EQ(mc_dynamic_transact(f.dynamic, &f.ctx, false, update_one, &f, &f.err),
                 MC_CONFLICT);
    MC_EXPECT_Z(f.ctx.failure_code, "undecided");
    dynamic_teardown(&f);
}

static mc_code create_one(dynamic_fixture *f, mc_err *err)
{
    mc_uuid id;

    MC_EXPECT_EQ(dynamic_create(f, "{\"title\":\"a\"}", &id), MC_INTERRUPTED);
    return mc_fail(err, MC_REJECTED, "undone");
}

static mc_code create_caught(dynamic_fixture *f, mc_err *err)
{
    mc_uuid id;

    MC_EXPECT_OK(mc_db_begin(f->ctx.conn, err), err);
    MC_EXPECT_EQ(dynamic_create(f, "{\"title\":\"b\"}", &id), MC_INTERRUPTED);
    mc_db_rollback(f->ctx.conn);
    MC_EXPECT_OK(mc_db_begin(f->ctx.conn, err), err);
    MC_EXPECT_EQ(dynamic_create(f, "{\"title\":\"b\"}", &id), MC_INTERRUPTED);
    mc_db_rollback(f->ctx.conn);
    return MC_OK;
}

MC_TEST("who runs a transaction and does not know of questions writes nothing undecided")
{
    dynamic_fixture f;

    MC_REQUIRE(open_asking(&f));
    MC_EXPECT_EQ(dynamic_run(&f, create_one), MC_REJECTED);
    MC_EXPECT_OK(dynamic_run(&f, create_caught), &f.err);
    MC_EXPECT_Z(mc_z(f.told), "");
    MC_EXPECT_Z(mc_z(asked), "");
    dynamic_teardown(&f);
}
