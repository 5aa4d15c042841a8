/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/dynamic/dynamic_test_internal.h"

#include <stdio.h>
#include <string.h>

static mc_uuid first, second;

static mc_code create_two(dynamic_fixture *f, mc_err *err)
{
    MC_EXPECT_OK(
        dynamic_create(f, "{\"title\":\"one\",\"hours\":1.5,\"due\":\"2026-11-24\"}", &first),
        &f->err);
    MC_EXPECT_OK(dynamic_create(f, "{\"title\":\"two\",\"code\":\"b\"}", &second), &f->err);
    MC_EXPECT_Z(mc_z(f->told), ""); /* nothing is durable yet */
    (void)err;
    return MC_OK;
}

static mc_code change_and_delete(dynamic_fixture *f, mc_err *err)
{
    mc_time version;

    MC_EXPECT_OK(dynamic_update(f, second, "{\"title\":\"2\"}", &version), &f->err);
    MC_EXPECT_OK(mc_dynamic_delete(f->dynamic, &f->ctx, f->notes, first, NULL, NULL, err), err);
    return MC_OK;
}

MC_TEST("what was written is told after its commit, in order, once")
{
    dynamic_fixture f;

    MC_REQUIRE(dynamic_setup(&f));
    MC_EXPECT_OK(dynamic_run(&f, create_two), &f.err);
    MC_EXPECT_Z(mc_z(f.told), "created\ncreated\n");
    f.told[0] = '\0';
    MC_EXPECT_OK(dynamic_run(&f, change_and_delete), &f.err);
    MC_EXPECT_Z(mc_z(f.told), "updated title\ndeleted\n");
    dynamic_teardown(&f);
}

static mc_code create_and_fail(dynamic_fixture *f, mc_err *err)
{
    mc_uuid id;

    MC_EXPECT_OK(dynamic_create(f, "{\"title\":\"never\"}", &id), &f->err);
    return mc_fail(err, MC_REJECTED, "no");
}

static mc_code delete_nothing(dynamic_fixture *f, mc_err *err)
{
    mc_uuid id = first;

    id.bytes[0] ^= 1;
    return mc_dynamic_delete(f->dynamic, &f->ctx, f->notes, id, NULL, NULL, err);
}

static mc_code keep_one_of_three(dynamic_fixture *f, mc_err *err)
{
    mc_uuid id;

    MC_EXPECT_OK(mc_db_begin(f->ctx.conn, err), err);
    MC_EXPECT_OK(dynamic_create(f, "{\"title\":\"taken back\"}", &id), &f->err);
    mc_db_rollback(f->ctx.conn);
    MC_EXPECT_OK(mc_db_begin(f->ctx.conn, err), err);
    MC_EXPECT_OK(dynamic_update(f, first, "{\"code\":\"kept\"}", &(mc_time){0}), &f->err);
    MC_EXPECT_OK(mc_db_commit(f->ctx.conn, err), err);
    MC_EXPECT_OK(mc_db_begin(f->ctx.conn, err), err);
    MC_EXPECT_EQ(dynamic_update(f, first, "{\"code\":\"b\"}", &(mc_time){0}), MC_CONFLICT);
    mc_db_rollback(f->ctx.conn);
    return MC_OK;
}

MC_TEST("what was taken back is never told")
{
    dynamic_fixture f;

    MC_REQUIRE(dynamic_setup(&f));
    MC_EXPECT_OK(dynamic_run(&f, create_two), &f.err);
    f.told[0] = '\0';
    MC_CASE("what was never there");
    MC_EXPECT_EQ(dynamic_run(&f, delete_nothing), MC_NOT_FOUND);
    MC_EXPECT_Z(mc_z(f.told), "");
    MC_CASE("what failed afterwards");
    MC_EXPECT_EQ(dynamic_run(&f, create_and_fail), MC_REJECTED);
    MC_EXPECT_Z(mc_z(f.told), "");
    MC_EXPECT_OK(dynamic_run(&f, keep_one_of_three), &f.err);
    MC_EXPECT_Z(mc_z(f.told), "updated code\n");
    dynamic_teardown(&f);
}

static const struct {
    const char *name, *input, *told;
} updates[] = {
    {"the same values again", "{\"title\":\"one\",\"hours\":1.50,\"due\":\"2026-11-24\"}",
     "updated\n"},
    {"all of a form, one of it new", "{\"title\":\"one\",\"hours\":\"2\",\"due\":\"2026-11-24\"}",
     "updated hours\n"},
    {"several, in the order of their names",
     "{\"urgent\":true,\"count\":9007199254740993,\"seen_at\":\"2026-11-24T12:00:00Z\"}",
     "updated count,seen_at,urgent\n"},
    {"those again",
     "{\"urgent\":true,\"count\":9007199254740993,\"seen_at\":"
     "\"2026-11-24T13:00:00+01:00\"}",
     "updated\n"},
    {"a null where nothing was", "{\"code\":null,\"other_id\":\"\"}", "updated\n"},
    {"a value that goes", "{\"due\":\"\",\"hours\":null}", "updated due,hours\n"},
    {"JSON and a reference",
     "{\"extra\":{\"a\":[1]},\"other_id\":\"0193a2b4-0000-7000-8000-000000000001\"}",
     "updated extra,other_id\n"},
    {"JSON and a reference again",
     "{\"extra\":{\"a\":[1]},\"other_id\":\"0193A2B4000070008000000000000001\"}", "updated\n"},
    {"what nobody may write", "{\"organization_id\":null,\"updated_at\":\"2001-01-01\"}", ""},
};

static size_t update_row;
static mc_time seen_version;

static mc_code update_one(dynamic_fixture *f, mc_err *err)
{
    mc_time version = 0;

    (void)err;
    MC_EXPECT_OK(dynamic_update(f, first, updates[update_row].input, &version), &f->err);
    if (updates[update_row].told[0])
        MC_EXPECT(version > seen_version); /* though the clock stands still */
    seen_version = version;
    return MC_OK;
}

MC_TEST("an update names the columns that changed and makes another version")
{
    dynamic_fixture f;

    MC_REQUIRE(dynamic_setup(&f));
    MC_EXPECT_OK(dynamic_run(&f, create_two), &f.err);
    seen_version = TEST_NOW;
    for (update_row = 0; update_row < MC_LEN(updates); update_row++) {
        MC_CASE(updates[update_row].name);
        f.told[0] = '\0';
        MC_EXPECT_OK(dynamic_run(&f, update_one), &f.err);
        MC_EXPECT_Z(mc_z(f.told), updates[update_row].told);
    }
    dynamic_teardown(&f);
}

/* ---- in the transaction ---- */

static bool is_refusing;

static mc_code wants_before(void *user, mc_ctx *ctx, const mc_model *model,
                            mc_dynamic_action action, bool *out, mc_err *err)
{
    (void)user;
    (void)ctx;
    (void)model;
    (void)err;
    *out = action == MC_DYNAMIC_UPDATED;
    return MC_OK;
}

static mc_str title_of(mc_ctx *ctx, mc_str row)
{
    const mc_json *json;
    mc_str title = MC_STR("-");

    if (row.len && mc_json_parse(ctx->arena, row, NULL, &json, NULL) == MC_OK)
        (void)mc_json_get_str(mc_json_find(json, MC_STR("title")), &title);
    return title;
}

static mc_code keep(void *user, mc_ctx *ctx, const mc_dynamic_change *change, mc_err *err)
{
    dynamic_fixture *f = user;
    size_t at = strlen(f->told);

    if (is_refusing)
        return mc_fail(err, MC_LIMIT, "no room for it");
    (void)snprintf(f->told + at, sizeof(f->told) - at, "[%s %.*s>%.*s]",
                   mc_dynamic_action_name(change->action), MC_FMT(title_of(ctx, change->before)),
                   MC_FMT(title_of(ctx, change->after)));
    return MC_OK;
}

static mc_code create_only(dynamic_fixture *f, mc_err *err)
{
    (void)err;
    return dynamic_create(f, "{\"title\":\"third\"}", &second);
}

MC_TEST("who keeps what is written has the row before and after, and can undo the write")
{
    dynamic_fixture f;
    mc_dynamic_config config = {MC_DYNAMIC_CONFIG, .on_write = keep, .wants_before = wants_before};

    is_refusing = false;
    MC_REQUIRE(dynamic_setup_with(&f, &config));
    MC_EXPECT_OK(dynamic_run(&f, create_only), &f.err);
    MC_EXPECT_Z(mc_z(f.told), "[created ->third]created\n");
    first = second;
    f.told[0] = '\0';
    MC_EXPECT_OK(dynamic_run(&f, change_and_delete), &f.err);
    MC_EXPECT_Z(mc_z(f.told), "[updated third>2][deleted ->-]updated title\ndeleted\n");
    is_refusing = true;
    f.told[0] = '\0';
    MC_EXPECT_EQ(dynamic_run(&f, create_only), MC_LIMIT);
    MC_EXPECT_Z(mc_z(f.told), "");
    dynamic_teardown(&f);
}
