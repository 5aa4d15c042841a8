/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/lifecycle/lifecycle.h"

#include "mc_test.h"

static int told[5], booted;

static mc_code on_install(void *self, mc_ctx *ctx, mc_uuid org_id, mc_err *err)
{
    (void)self;
    (void)ctx;
    (void)org_id;
    (void)err;
    told[MC_ON_INSTALL]++;
    return MC_OK;
}

static mc_code on_enable(void *self, mc_ctx *ctx, mc_uuid org_id, mc_err *err)
{
    (void)self;
    (void)ctx;
    (void)org_id;
    return mc_fail(err, MC_CONFLICT, "not today");
}

static mc_code boot(void *self, void *services, mc_err *err)
{
    booted++;
    return *(int *)self == 7 ? mc_fail(err, MC_IO, "no disk") : services ? MC_OK : MC_INTERNAL;
}

static const mc_addon_vt vt = {
    .struct_size = sizeof(vt), .on_install = on_install, .on_enable = on_enable, .boot = boot};
/* Of a caller that was built before there was more than on_install. */
static const mc_addon_vt old_vt = {.struct_size = offsetof(mc_addon_vt, on_enable),
                                   .on_install = on_install,
                                   .on_enable = on_enable,
                                   .boot = boot};

#define MANIFEST(key) MC_STR("{\"key\":\"" key "\",\"name\":\"x\",\"version\":\"1.0.0\"}")

static mc_code answer(void *user, mc_ctx *ctx, const mc_intercept *call, mc_buf *out,
                      bool *is_handled, mc_err *err)
{
    (void)user;
    (void)ctx;
    (void)call;
    (void)out;
    (void)err;
    *is_handled = true;
    return MC_OK;
}

MC_TEST("an addon's code is told what happens to it, and its refusal says where it comes from")
{
    mc_ctx ctx = {0};
    mc_lifecycle *self;
    int fine = 1, broken = 7;
    mc_err err;

    MC_REQUIRE_OK(mc_lifecycle_new(&self, &err), &err);
    MC_EXPECT_OK(mc_lifecycle_register(self, &(mc_addon){MANIFEST("pens"), &vt, &fine}, &err),
                 &err);
    MC_EXPECT_OK(mc_lifecycle_register(self, &(mc_addon){MANIFEST("old"), &old_vt, &fine}, &err),
                 &err);
    MC_EXPECT_EQ(mc_lifecycle_register(self, &(mc_addon){MC_STR("{}"), &vt, &fine}, &err),
                 MC_INVALID);
    MC_EXPECT_OK(mc_lifecycle_tell(self, &ctx, MC_ON_INSTALL, MC_STR("pens"), (mc_uuid){{1}}, &err),
                 &err);
    MC_EXPECT_EQ(told[MC_ON_INSTALL], 1);
    MC_EXPECT_EQ(mc_lifecycle_tell(self, &ctx, MC_ON_ENABLE, MC_STR("pens"), (mc_uuid){{1}}, &err),
                 MC_CONFLICT);
    MC_EXPECT_Z(mc_z(err.msg), "OnEnable: not today");
    MC_CASE("what it does not listen to, and who is not registered");
    MC_EXPECT_OK(mc_lifecycle_tell(self, &ctx, MC_ON_DISABLE, MC_STR("pens"), (mc_uuid){{1}}, &err),
                 &err);
    MC_EXPECT_OK(mc_lifecycle_tell(self, &ctx, MC_ON_INSTALL, MC_STR("nope"), (mc_uuid){{1}}, &err),
                 &err);
    MC_EXPECT_OK(mc_lifecycle_tell(self, &ctx, MC_ON_ENABLE, MC_STR("old"), (mc_uuid){{1}}, &err),
                 &err);
    MC_CASE("boot");
    MC_EXPECT_OK(mc_lifecycle_boot(self, &fine, &err), &err);
    MC_EXPECT_EQ(booted, 1);
    MC_EXPECT_OK(mc_lifecycle_register(self, &(mc_addon){MANIFEST("bad"), &vt, &broken}, &err),
                 &err);
    MC_EXPECT_EQ(mc_lifecycle_boot(self, &fine, &err), MC_IO);
    MC_EXPECT_Z(mc_z(err.msg), "addon bad does not boot: no disk");
    mc_lifecycle_free(self);
}

MC_TEST("of one action the last interceptor counts, and manifests are found by key")
{
    mc_intercept_fn fn = NULL;
    mc_lifecycle *self;
    void *user = NULL;
    mc_err err;

    MC_REQUIRE_OK(mc_lifecycle_new(&self, &err), &err);
    MC_EXPECT_EQ(mc_lifecycle_find_interceptor(self, MC_STR("m"), MC_STR("a"), &fn, &user).len, 0);
    MC_EXPECT_OK(
        mc_lifecycle_intercept(self, MC_STR("one"), MC_STR("m"), MC_STR("a"), answer, NULL, &err),
        &err);
    MC_EXPECT_OK(
        mc_lifecycle_intercept(self, MC_STR("two"), MC_STR("m"), MC_STR("a"), answer, self, &err),
        &err);
    MC_EXPECT_Z(mc_lifecycle_find_interceptor(self, MC_STR("m"), MC_STR("a"), &fn, &user), "two");
    MC_EXPECT(fn == answer && user == self);
    MC_EXPECT_EQ(mc_lifecycle_find_interceptor(self, MC_STR("m"), MC_STR("b"), &fn, &user).len, 0);
    MC_EXPECT_EQ(
        mc_lifecycle_intercept(self, MC_STR("one"), MC_STR(""), MC_STR("a"), answer, NULL, &err),
        MC_INVALID);
    MC_EXPECT_OK(mc_lifecycle_register(self, &(mc_addon){MANIFEST("pens"), NULL, NULL}, &err),
                 &err);
    MC_EXPECT_HAS(mc_lifecycle_find_manifest(self, MC_STR("pens")), "\"pens\"");
    MC_EXPECT_EQ(mc_lifecycle_find_manifest(self, MC_STR("none")).len, 0);
    mc_lifecycle_free(self);
}
