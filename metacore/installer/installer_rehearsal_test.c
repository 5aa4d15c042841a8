/* SPDX-License-Identifier: Apache-2.0 */
/* Rehearsals: bounded in time, and of everybody whom an upgrade would reach. */
#include "metacore/installer/installer.h"

#include "mc_test.h"
#include "metacore/migrations/migrations.h"

#include <stdio.h>

#define FIRST ((mc_uuid){{1, 2, 3}})
#define SECOND ((mc_uuid){{4, 5, 6}})
#define ROWS 20000

#define MANIFEST(version)                                                                          \
    "{\"key\":\"pens\",\"name\":\"Pens\",\"version\":\"" version "\",\"tenant_isolation\":"        \
    "\"schema-per-tenant\"}"

typedef struct fixture {
    mc_db *db;
    mc_models *models;
    mc_installer *installer;
    mc_ctx ctx;
} fixture;

static void fixture_open(fixture *f, int64_t max_ms)
{
    char url[300];
    mc_err err;

    *f = (fixture){.ctx = {.arena = mc_arena_new((size_t)64 << 20), .now = 1}};
    (void)snprintf(url, sizeof(url), "sqlite:%s/test.db", mc_test_dir());
    MC_EXPECT_OK(mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(url)}, &f->db, &err), &err);
    MC_EXPECT_OK(mc_migrations_up(f->db, &f->ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, &err),
                 &err);
    MC_EXPECT_OK(mc_models_new(&f->models, &err), &err);
    MC_EXPECT_OK(
        mc_installer_new(
            &(mc_installer_config){MC_INSTALLER_CONFIG, .db = f->db, .models = f->models,
                                   .kernel_version = MC_STR("2.0.0"), .allow_unsigned = true,
                                   .rehearse_max_ms = max_ms, .run_max_ms = max_ms},
            &f->installer, &err),
        &err);
}

static void fixture_close(fixture *f)
{
    mc_db_close(f->db);
    mc_installer_free(f->installer);
    mc_models_free(f->models);
    mc_arena_free(f->ctx.arena);
}

/* report: NULL: in earnest. */
static mc_code run(fixture *f, const char *manifest, const char *sql, const mc_install_run *how,
                   mc_str *report, mc_err *err)
{
    mc_bundle_file files[] = {{.name = MC_STR("manifest.json"), .data = mc_z(manifest)},
                              {.name = MC_STR("migrations/0001.sql"),
                               .data = MC_STR("CREATE TABLE boxes (id uuid, n int)")},
                              {.name = MC_STR("migrations/0002.sql"), .data = mc_z(sql)}};
    mc_bundle made = {.files = files,
                      .file_count = sql[0] ? MC_LEN(files) : MC_LEN(files) - 1,
                      .manifest = mc_z(manifest)};
    mc_install_run whole = *how;
    mc_install_plan *plan = NULL;
    mc_bundle *bundle = NULL;
    mc_installation out;
    mc_buf packed;
    mc_code rc;

    mc_buf_init_arena(&packed, f->ctx.arena, 0);
    rc = mc_bundle_pack(&made, &packed, err);
    if (rc == MC_OK)
        rc = mc_bundle_read(mc_buf_get(&packed), &bundle, err);
    if (rc == MC_OK)
        rc = mc_installer_plan(f->installer, &(mc_install_source){.bundle = bundle}, &plan, err);
    whole.plan = plan;
    if (rc == MC_OK)
        rc = mc_installer_install(f->installer, &f->ctx, &whole, &out, report, err);
    mc_install_plan_free(plan);
    mc_bundle_free(bundle);
    return rc;
}

/* Statements that take their time. */
static const char *many_rows(mc_arena *arena)
{
    mc_buf sql;

    mc_buf_init_arena(&sql, arena, 0);
    for (int i = 0; i < ROWS / 1000; i++) {
        mc_buf_lit(&sql, "INSERT INTO boxes (n) VALUES (0)");
        for (int k = 1; k < 1000; k++)
            mc_buf_printf(&sql, ",(%d)", k);
        mc_buf_lit(&sql, ";");
    }
    mc_buf_char(&sql, '\0');
    return mc_buf_get(&sql).ptr;
}

MC_TEST("what holds the writer longer than it may is taken back, rehearsed or in earnest")
{
    mc_str report = MC_STR("");
    mc_installation *items;
    size_t count = 1;
    fixture f;
    mc_err err;

    fixture_open(&f, 1);
    MC_EXPECT_EQ(run(&f, MANIFEST("1.0.0"), many_rows(f.ctx.arena),
                     &(mc_install_run){.org_id = FIRST}, &report, &err),
                 MC_REJECTED);
    MC_EXPECT_HAS(mc_z(err.msg), "not done within 1 ms, in which nobody else can write: nothing "
                                 "was changed (");
    MC_EXPECT_EQ(run(&f, MANIFEST("1.0.0"), many_rows(f.ctx.arena),
                     &(mc_install_run){.org_id = FIRST}, NULL, &err),
                 MC_REJECTED);
    MC_EXPECT_OK(mc_installer_list(f.installer, &f.ctx, FIRST, &items, &count, &err), &err);
    MC_EXPECT_EQ(count, 0);
    fixture_close(&f);
}

MC_TEST("a rehearsal tells of everybody's tables, and of their rows to the operator alone")
{
    static const char upgrade[] =
        "ALTER TABLE boxes ADD COLUMN m int; INSERT INTO boxes (n) VALUES "
        "(1),(2)";
    mc_install_run how = {.org_id = FIRST};
    mc_str report = MC_STR("");
    fixture f;
    mc_err err;

    fixture_open(&f, 0);
    MC_EXPECT_OK(run(&f, MANIFEST("1.0.0"), "", &how, NULL, &err), &err);
    MC_EXPECT_OK(run(&f, MANIFEST("1.0.0"), "", &(mc_install_run){.org_id = SECOND}, NULL, &err),
                 &err);
    MC_EXPECT_OK(run(&f, MANIFEST("1.1.0"), upgrade, &how, &report, &err), &err);
    MC_EXPECT_HAS(report, "\"data\":[{\"table\":\"boxes\",\"rows_before\":0,\"rows_after\":2,"
                          "\"rows_changed\":2}]");
    MC_EXPECT_HAS(report, ",\"others\":[{\"schema\":{\"tables\":{\"added\":[],\"removed\":[],"
                          "\"changed\":[]},\"columns\":{\"added\":[\"boxes.m\"],\"removed\":[],"
                          "\"changed\":[]},\"indexes\":{\"added\":[],\"removed\":[],\"changed\":[]}"
                          "}}],\"others_total\":1}");
    how.sees_everybody = true;
    MC_EXPECT_OK(run(&f, MANIFEST("1.1.0"), upgrade, &how, &report, &err), &err);
    MC_EXPECT_HAS(report, ",\"others\":[{\"organization_id\":\"04050600-0000-0000-0000-"
                          "000000000000\",\"schema\":{");
    MC_EXPECT_HAS(report, "\"data\":[{\"table\":\"boxes\",\"rows_before\":0,\"rows_after\":2,"
                          "\"rows_changed\":2}]}],\"others_total\":1");
    fixture_close(&f);
}
