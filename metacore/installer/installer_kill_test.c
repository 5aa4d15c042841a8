/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 at every step: afterwards the store is what it was, or what it was to become. */
#include "metacore/installer/installer.h"

#include "mc_test.h"
#include "metacore/migrations/migrations.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST ((mc_uuid){{1, 2, 3}})
#define SECOND ((mc_uuid){{4, 5, 6}})
#define STEPS_MAX 60
#define DONE 17 /* the child's exit status when nothing killed it */

#define MODEL(table, columns)                                                                      \
    "{\"table_name\":\"" table "\",\"model_key\":\"" table "\",\"label\":\"x\",\"org_scoped\":"    \
    "true,\"columns\":[{\"name\":\"name\",\"type\":\"string\"}" columns "]}"
#define MANIFEST(version, columns, more, isolation)                                                \
    "{\"key\":\"pens\",\"name\":\"Pens\",\"version\":\"" version                                   \
    "\",\"tenant_isolation\":\"" isolation                                                         \
    "\",\"model_definitions\":[" MODEL("inks", columns) "," MODEL("caps", "") more                 \
        "],\"settings\":[{\"key\":\"limit\",\"label\":\"L\",\"type\":\"integer\",\"default_"       \
        "value\":"                                                                                 \
        "5}]}"

#define COLOR ",{\"name\":\"color\",\"type\":\"string\",\"index\":true}"

static const char make[] = "CREATE TABLE boxes (id uuid PRIMARY KEY, organization_id uuid, n int);"
                           "CREATE INDEX boxes_n ON boxes (n);";
static const char fill[] = "INSERT INTO boxes (id, n) VALUES (gen_random_uuid(), 1), "
                           "(gen_random_uuid(), 2);";
static const char change[] = "UPDATE boxes SET n = n + 1; ALTER TABLE boxes ADD COLUMN m int;";

typedef struct world {
    char url[300];
    mc_str manifests[2]; /* of both versions */
    mc_db *db;
    mc_models *models;
    mc_installer *installer;
    mc_ctx ctx;
    int kill_at; /* the step that is the last; -1: none */
    int step;
} world;

/* ---- a process's life with the store ---- */

static void on_step(void *user, const char *step)
{
    world *w = user;

    (void)step;
    if (w->step++ == w->kill_at)
        (void)raise(SIGKILL);
}

static void after_change(void *user, const mc_addon_change *addon_change)
{
    world *w = user;

    (void)addon_change;
    if (w->step++ == w->kill_at)
        _exit(DONE + 1); /* it is durable: whoever dies here has lost nothing */
}

static bool world_open(world *w)
{
    mc_err err;

    w->step = 0;
    w->ctx = (mc_ctx){.arena = mc_arena_new(0), .now = INT64_C(1764000000000000)};
    MC_EXPECT_OK(mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = mc_z(w->url)}, &w->db, &err),
                 &err);
    if (!w->db)
        return false;
    MC_EXPECT_OK(mc_migrations_up(w->db, &w->ctx, mc_migrations_kernel(MC_DB_SQLITE), NULL, &err),
                 &err);
    MC_EXPECT_OK(mc_models_new(&w->models, &err), &err);
    MC_EXPECT_OK(
        mc_installer_new(
            &(mc_installer_config){MC_INSTALLER_CONFIG, .db = w->db, .models = w->models,
                                   .kernel_version = MC_STR("2.0.0"), .allow_unsigned = true,
                                   .after_change = after_change, .change_user = w,
                                   .on_step = on_step, .on_step_user = w},
            &w->installer, &err),
        &err);
    MC_EXPECT_OK(mc_installer_load(w->installer, &w->ctx, &err), &err);
    return true;
}

static void world_close(world *w)
{
    mc_db_close(w->db);
    mc_installer_free(w->installer);
    mc_models_free(w->models);
    mc_arena_free(w->ctx.arena);
    w->db = NULL;
}

/* ---- all there is ---- */

static mc_code write_rows(mc_db_conn *conn, mc_str sql, mc_buf *out, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, sql, NULL, 0, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        for (size_t i = 0; i < mc_db_col_count(&rows); i++) {
            mc_buf_str(out, mc_db_col_text(&rows, i));
            mc_buf_char(out, '|');
        }
        mc_buf_char(out, '\n');
    }
    return mc_db_rows_finish(&rows, err);
}

static mc_code dump(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_buf *out = user, names;
    mc_str rest, name;
    mc_code rc;

    mc_buf_init_arena(&names, ctx->arena, 0);
    rc = write_rows(conn, MC_STR("SELECT type, name, sql FROM sqlite_master ORDER BY name"), out,
                    err);
    if (rc == MC_OK)
        rc = write_rows(conn,
                        MC_STR("SELECT '\"' || name || '\" ORDER BY 1, 2;' FROM sqlite_master "
                               "WHERE type = 'table' AND name NOT LIKE '%fts%' ORDER BY name"),
                        &names, err);
    rest = mc_buf_get(&names);
    while (rc == MC_OK && mc_str_split(&rest, '\n', &name)) {
        size_t end = mc_str_find_char(name, 0, ';');
        mc_str sql =
            mc_str_printf(ctx->arena, "SELECT * FROM %.*s", MC_FMT(mc_str_slice(name, 0, end)));

        if (name.len == 0)
            continue;
        mc_buf_printf(out, "%.*s\n", MC_FMT(name));
        rc = write_rows(conn, sql, out, err);
    }
    return rc;
}

/* In keep; the store is closed before and behind it. */
static mc_str state_of(world *w, mc_arena *keep)
{
    mc_str state;
    mc_buf out;
    mc_err err;

    w->kill_at = -1;
    if (!world_open(w))
        return MC_STR("");
    mc_buf_init_arena(&out, w->ctx.arena, 0);
    MC_EXPECT_OK(mc_db_read(w->db, &w->ctx, dump, &out, &err), &err);
    state = mc_str_copy(keep, mc_buf_get(&out));
    world_close(w);
    return state;
}

/* ---- what is done ---- */

static mc_code install(world *w, int version, mc_uuid org_id, mc_err *err)
{
    const mc_bundle_file files[] = {
        {.name = MC_STR("manifest.json"), .data = w->manifests[version]},
        {.name = MC_STR("migrations/0001.sql"), .data = mc_z(make)},
        {.name = MC_STR("migrations/0002.sql"), .data = mc_z(fill)},
        {.name = MC_STR("frontend/remoteEntry.js"), .data = MC_STR("page()")},
        {.name = MC_STR("migrations/0003.sql"), .data = mc_z(change)},
    };
    mc_bundle made = {.files = (mc_bundle_file *)files,
                      .file_count = version == 0 ? 4 : 5,
                      .manifest = w->manifests[version]};
    mc_install_plan *plan = NULL;
    mc_bundle *bundle = NULL;
    mc_installation out;
    mc_buf packed;
    mc_code rc;

    mc_buf_init_arena(&packed, w->ctx.arena, 0);
    rc = mc_bundle_pack(&made, &packed, err);
    if (rc == MC_OK)
        rc = mc_bundle_read(mc_buf_get(&packed), &bundle, err);
    if (rc == MC_OK)
        rc = mc_installer_plan(w->installer, &(mc_install_source){.bundle = bundle}, &plan, err);
    if (rc == MC_OK)
        rc = mc_installer_install(w->installer, &w->ctx,
                                  &(mc_install_run){.plan = plan, .org_id = org_id}, &out, NULL,
                                  err);
    mc_install_plan_free(plan);
    mc_bundle_free(bundle);
    return rc;
}

static const mc_install_target first = {.addon_key = MC_STR_INIT("pens"), .org_id = {{1, 2, 3}}};
static const mc_install_target second = {.addon_key = MC_STR_INIT("pens"), .org_id = {{4, 5, 6}}};

static mc_code run_disable(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_installation out;

    (void)conn;
    return mc_installer_disable(((world *)user)->installer, ctx, &first, &out, err);
}

static mc_code run_enable(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_installation out;

    (void)conn;
    return mc_installer_enable(((world *)user)->installer, ctx, &first, &out, err);
}

static mc_code run_rotate(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_installation out;

    (void)conn;
    return mc_installer_rotate(((world *)user)->installer, ctx, first.addon_key, FIRST, &out, err);
}

static mc_code run_settings(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    const mc_json *changes;
    mc_installation out;
    mc_code rc = mc_json_parse(ctx->arena, MC_STR("{\"limit\":7}"), NULL, &changes, err);

    (void)conn;
    return rc == MC_OK ? mc_installer_set_settings(((world *)user)->installer, ctx, first.addon_key,
                                                   FIRST, changes, &out, err)
                       : rc;
}

static mc_code run_leave(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_installation out;

    (void)conn;
    return mc_installer_uninstall(((world *)user)->installer, ctx, &first, false, &out, err);
}

static mc_code run_leave_with_all(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_installation out;

    (void)conn;
    return mc_installer_uninstall(((world *)user)->installer, ctx, &first, true, &out, err);
}

static mc_code run_end(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_installation out;

    (void)conn;
    return mc_installer_uninstall(((world *)user)->installer, ctx, &second, true, &out, err);
}

static const struct {
    const char *name;
    int version; /* to install, for the first or the second organization; else change */
    bool is_second;
    mc_db_fn change;
    int steps; /* at least */
} deeds[] = {
    {"installing", 0, false, NULL, 7},
    {"installing for another organization", 0, true, NULL, 5},
    {"changing settings", 0, false, run_settings, 2},
    {"rotating the secret", 0, false, run_rotate, 2},
    {"disabling", 0, false, run_disable, 3},
    {"enabling", 0, false, run_enable, 3},
    {"upgrading for both", 1, true, NULL, 8},
    {"uninstalling", 0, false, run_leave, 5},
    {"installing again", 1, false, NULL, 5},
    {"uninstalling with all rows", 0, false, run_leave_with_all, 5},
    {"uninstalling with all tables", 0, false, run_end, 5},
};

static mc_code do_deed(world *w, size_t at, mc_err *err)
{
    return deeds[at].change
               ? mc_db_write(w->db, &w->ctx, deeds[at].change, w, err)
               : install(w, deeds[at].version, deeds[at].is_second ? SECOND : FIRST, err);
}

/* Does it in a process of its own, which ends at step; its exit status, or 128 + SIGKILL. */
static int die_at(world *w, size_t deed, int step)
{
    int status = 0;
    pid_t child;

    (void)fflush(NULL); /* not twice */
    child = fork();
    if (child == 0) {
        mc_err err = {.msg = ""};

        w->kill_at = step;
        if (!world_open(w))
            _exit(1);
        if (do_deed(w, deed, &err) != MC_OK) {
            fprintf(stderr, "%s: %s\n", deeds[deed].name, err.msg);
            _exit(2);
        }
        world_close(w);
        _exit(DONE);
    }
    (void)waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void kill_at_every_step(world *w, size_t deed)
{
    mc_arena *keep = mc_arena_new((size_t)64 << 20);
    mc_str before = state_of(w, keep);
    int step = 0, how;

    while ((how = die_at(w, deed, step)) == 128 + SIGKILL && step < STEPS_MAX) {
        MC_EXPECT_STR(state_of(w, keep), before);
        step++;
    }
    MC_EXPECT(how == DONE || how == DONE + 1);
    MC_EXPECT(step >= deeds[deed].steps - 1);
    MC_EXPECT(!mc_str_eq(state_of(w, keep), before));
    mc_arena_free(keep);
}

static void kill_through(const char *name, const char *low, const char *high)
{
    world w = {.kill_at = -1, .manifests = {mc_z(low), mc_z(high)}};
    char text[120];

    (void)snprintf(w.url, sizeof(w.url), "sqlite:%s/test.db", mc_test_dir());
    for (size_t i = 0; i < MC_LEN(deeds); i++) {
        (void)snprintf(text, sizeof(text), "%s, %s", deeds[i].name, name);
        MC_CASE(text);
        kill_at_every_step(&w, i);
    }
}

MC_TEST("whatever is done to an addon, a kill at any of its steps leaves all as it was")
{
    kill_through("one schema for all", MANIFEST("1.0.0", "", "", "shared"),
                 MANIFEST("1.1.0", COLOR, "," MODEL("nibs", ""), "shared"));
    kill_through("a schema per tenant", MANIFEST("1.0.0", "", "", "schema-per-tenant"),
                 MANIFEST("1.1.0", COLOR, "," MODEL("nibs", ""), "schema-per-tenant"));
}
