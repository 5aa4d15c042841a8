/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/installer/installer.h"

#include "mc_test.h"
#include "metacore/migrations/migrations.h"

#include <stdio.h>

#define ORG ((mc_uuid){{1, 2, 3}})
#define NOW INT64_C(1764000000000000)

static const char manifest[] =
    "{\"key\":\"pens\",\"name\":\"Pens\",\"version\":\"1.0.0\",\"settings\":[{\"key\":\"api_key\","
    "\"label\":\"K\",\"type\":\"string\",\"secret\":true},{\"key\":\"limit\",\"label\":\"L\","
    "\"type\":\"integer\",\"default_value\":5}]}";

typedef struct fixture {
    mc_db *db;
    mc_models *models;
    mc_secretbox box;
    mc_installer *installer;
    mc_ctx ctx;
    mc_installation row;
    mc_install_secrets secrets;
    mc_str text;
    const mc_json *changes;
} fixture;

static bool fixture_open(fixture *f, bool has_box)
{
    mc_bundle *bundle = NULL;
    mc_install_plan *plan = NULL;
    mc_err err;
    char url[300];

    *f = (fixture){.ctx = {.arena = mc_arena_new(0), .now = NOW}};
    (void)snprintf(url, sizeof(url), "sqlite:%s/test.db", mc_test_dir());
    MC_EXPECT_OK(mc_secretbox_init(&f->box, MC_STR("0123456789abcdef0123456789abcdef"), &err),
                 &err);
    MC_EXPECT_OK(mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &f->db, &err), &err);
    MC_EXPECT_OK(mc_migrations_up(f->db, &f->ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, &err),
                 &err);
    MC_EXPECT_OK(mc_models_new(&f->models, &err), &err);
    MC_EXPECT_OK(mc_installer_new(&(mc_installer_config){MC_INSTALLER_CONFIG, .db = f->db,
                                                         .models = f->models,
                                                         .kernel_version = MC_STR("2.0.0"),
                                                         .allow_unsigned = true,
                                                         .box = has_box ? &f->box : NULL},
                                  &f->installer, &err),
                 &err);
    MC_EXPECT_OK(mc_bundle_of_manifest(mc_z(manifest), &bundle, &err), &err);
    MC_EXPECT_OK(
        mc_installer_plan(f->installer, &(mc_install_source){.bundle = bundle}, &plan, &err), &err);
    MC_EXPECT_OK(mc_installer_install(f->installer, &f->ctx,
                                      &(mc_install_run){.plan = plan, .org_id = ORG}, &f->row, NULL,
                                      &err),
                 &err);
    mc_install_plan_free(plan);
    mc_bundle_free(bundle);
    return f->row.secret.len == MC_INSTALL_SECRET_LEN;
}

static void fixture_close(fixture *f)
{
    mc_db_close(f->db);
    mc_installer_free(f->installer);
    mc_models_free(f->models);
    mc_secretbox_deinit(&f->box);
    mc_arena_free(f->ctx.arena);
}

static mc_code rotate(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    fixture *f = user;

    (void)conn;
    return mc_installer_rotate(f->installer, ctx, MC_STR("pens"), ORG, &f->row, err);
}

static mc_code load_secrets(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    fixture *f = user;

    (void)conn;
    return mc_installer_load_secrets(f->installer, ctx, MC_STR("pens"), ORG, &f->secrets, err);
}

static mc_code set(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    fixture *f = user;

    (void)conn;
    return mc_installer_set_settings(f->installer, ctx, MC_STR("pens"), ORG, f->changes, &f->row,
                                     err);
}

static mc_code open_settings(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    fixture *f = user;

    (void)conn;
    return mc_installer_open_settings(f->installer, ctx, &f->row, &f->text, err);
}

MC_TEST("of a rotated secret the one before is good for a day, and not a moment longer")
{
    mc_str first, second;
    fixture f;
    mc_err err;

    MC_REQUIRE(fixture_open(&f, true));
    first = f.row.secret;
    MC_EXPECT_OK(mc_db_read(f.db, &f.ctx, load_secrets, &f, &err), &err);
    MC_EXPECT_EQ(f.secrets.count, 1);
    MC_EXPECT_STR(f.secrets.items[0], first);
    MC_EXPECT_OK(mc_db_write(f.db, &f.ctx, rotate, &f, &err), &err);
    second = f.row.secret;
    MC_EXPECT(!mc_str_eq(first, second));
    f.ctx.now = NOW + MC_INSTALL_SECRET_GRACE_S * MC_TIME_US_PER_S - 1;
    MC_EXPECT_OK(mc_db_read(f.db, &f.ctx, load_secrets, &f, &err), &err);
    MC_EXPECT_EQ(f.secrets.count, 2);
    MC_EXPECT_STR(f.secrets.items[0], second);
    MC_EXPECT_STR(f.secrets.items[1], first);
    f.ctx.now = NOW + MC_INSTALL_SECRET_GRACE_S * MC_TIME_US_PER_S;
    MC_EXPECT_OK(mc_db_read(f.db, &f.ctx, load_secrets, &f, &err), &err);
    MC_EXPECT_EQ(f.secrets.count, 1);
    MC_EXPECT_STR(f.secrets.items[0], second);
    fixture_close(&f);
}

MC_TEST("an addon's code gets its settings opened; everybody else sees a mask")
{
    fixture f;
    mc_buf shown;
    mc_err err;

    MC_REQUIRE(fixture_open(&f, true));
    MC_EXPECT_OK(mc_json_parse(f.ctx.arena, MC_STR("{\"api_key\":\"k-1\",\"limit\":7}"), NULL,
                               &f.changes, &err),
                 &err);
    MC_EXPECT_OK(mc_db_write(f.db, &f.ctx, set, &f, &err), &err);
    MC_EXPECT(mc_str_find(f.row.settings, MC_STR("k-1")) == f.row.settings.len);
    MC_EXPECT_OK(mc_db_read(f.db, &f.ctx, open_settings, &f, &err), &err);
    MC_EXPECT_Z(f.text, "{\"api_key\":\"k-1\",\"limit\":7}");
    mc_buf_init(&shown, 0);
    mc_installation_write_settings(&shown, &f.row);
    MC_EXPECT_Z(mc_buf_get(&shown), "{\"api_key\":\"********\",\"limit\":7}");
    mc_buf_deinit(&shown);
    fixture_close(&f);
}

MC_TEST("without a master key secrets are hashed only, and a secret setting is refused")
{
    fixture f;
    mc_err err;

    MC_REQUIRE(fixture_open(&f, false));
    MC_EXPECT_EQ(mc_db_read(f.db, &f.ctx, load_secrets, &f, &err), MC_NOT_PROVIDED);
    MC_EXPECT_OK(
        mc_json_parse(f.ctx.arena, MC_STR("{\"api_key\":\"k-1\"}"), NULL, &f.changes, &err), &err);
    MC_EXPECT_EQ(mc_db_write(f.db, &f.ctx, set, &f, &err), MC_REJECTED);
    MC_EXPECT_EQ(f.ctx.field_error_count, 1);
    MC_EXPECT_HAS(f.ctx.field_errors[0].message, "METACORE_MASTER_KEY is not set");
    fixture_close(&f);
}
