/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/installer/installer.h"

#include "metacore/installer/installer_internal.h"

#include <stdlib.h>

#define KEY_BYTES_MAX (16 + 256)
#define RUN_MAX_MS 120000
#define REHEARSE_MAX_MS 10000

mc_code mc_installer_new(const mc_installer_config *config, mc_installer **out, mc_err *err)
{
    mc_installer *self;

    if (!config->db || !config->models || config->kernel_version.len == 0)
        return mc_fail(err, MC_INVALID, "installer: db, models and kernel_version are required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "installer");
    self->config = *config;
    if (self->config.run_max_ms == 0)
        self->config.run_max_ms = RUN_MAX_MS;
    if (self->config.rehearse_max_ms == 0)
        self->config.rehearse_max_ms = REHEARSE_MAX_MS;
    (void)pthread_rwlock_init(&self->lock, NULL); /* fails only without memory on other systems */
    *out = self;
    return MC_OK;
}

void mc_installer_free(mc_installer *self)
{
    size_t pos = 0;
    mc_str key;
    void *value;

    if (!self)
        return;
    while (mc_map_next(&self->enabled, &pos, &key, &value))
        free(value);
    mc_map_deinit(&self->enabled);
    (void)pthread_rwlock_destroy(&self->lock); /* nobody holds it any more */
    free(self);
}

/* ---- who has what ---- */

static mc_str enabled_key(mc_uuid org_id, mc_str addon_key, char room[KEY_BYTES_MAX])
{
    size_t len = addon_key.len < KEY_BYTES_MAX - 16 ? addon_key.len : KEY_BYTES_MAX - 16;

    memcpy(room, org_id.bytes, 16);
    if (len)
        memcpy(room + 16, addon_key.ptr, len);
    return mc_str_of(room, 16 + len);
}

bool mc_installer_is_enabled(mc_installer *self, mc_uuid org_id, mc_str addon_key)
{
    char room[KEY_BYTES_MAX];
    bool is_enabled;

    if (addon_key.len == 0)
        return true;
    (void)pthread_rwlock_rdlock(&self->lock);
    is_enabled = mc_map_find(&self->enabled, enabled_key(org_id, addon_key, room)) != NULL;
    (void)pthread_rwlock_unlock(&self->lock);
    return is_enabled;
}

mc_code mc__enable(mc_installer *self, mc_uuid org_id, mc_str addon_key, mc_err *err)
{
    char room[KEY_BYTES_MAX];
    mc_str key = enabled_key(org_id, addon_key, room);
    char *own = malloc(key.len);
    mc_code rc = MC_OK;

    if (!own)
        return mc_fail(err, MC_NO_MEMORY, "installer");
    memcpy(own, key.ptr, key.len);
    (void)pthread_rwlock_wrlock(&self->lock);
    if (mc_map_find(&self->enabled, key))
        free(own);
    else
        rc = mc_map_put(&self->enabled, mc_str_of(own, key.len), own, err);
    (void)pthread_rwlock_unlock(&self->lock);
    if (rc != MC_OK)
        free(own);
    return rc;
}

void mc__disable(mc_installer *self, mc_uuid org_id, mc_str addon_key)
{
    char room[KEY_BYTES_MAX];

    (void)pthread_rwlock_wrlock(&self->lock);
    free(mc_map_remove(&self->enabled, enabled_key(org_id, addon_key, room)));
    (void)pthread_rwlock_unlock(&self->lock);
}

void mc__step(const mc_installer *self, const char *step)
{
    if (self->config.on_step)
        self->config.on_step(self->config.on_step_user, step);
}

mc_code mc__serve_models(mc_installer *self, const mc_manifest *manifest, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < manifest->model_count && rc == MC_OK; i++) {
        mc_model *model = NULL;

        rc = mc_model_new(&manifest->models[i], mc_db_dialect_of(self->config.db), &model, err);
        if (rc == MC_OK)
            rc = mc_models_put(self->config.models, model, err);
    }
    if (rc == MC_OK && self->config.on_loaded)
        rc = self->config.on_loaded(self->config.on_loaded_user, manifest, err);
    return rc;
}

/* ---- planning ---- */

static int by_version(const void *a, const void *b)
{
    const mc_bundle_file *const *left = a, *const *right = b;
    mc_str x = MC_STR(""), y = MC_STR("");

    (void)mc_bundle_is_migration(*left, &x); /* both are: they were chosen for it */
    (void)mc_bundle_is_migration(*right, &y);
    return mc_str_cmp(x, y);
}

static mc_code plan_migrations(mc_install_plan *plan, mc_err *err)
{
    mc_str version, last = MC_STR("");

    plan->migrations =
        mc_arena_array(plan->manifest->arena, const mc_bundle_file *, plan->bundle->file_count);
    if (!plan->migrations)
        return mc_fail(err, MC_NO_MEMORY, "install");
    for (size_t i = 0; i < plan->bundle->file_count; i++) {
        if (mc_bundle_is_migration(&plan->bundle->files[i], &version))
            plan->migrations[plan->migration_count++] = &plan->bundle->files[i];
    }
    qsort(plan->migrations, plan->migration_count, sizeof(*plan->migrations), by_version);
    for (size_t i = 0; i < plan->migration_count; i++) {
        (void)mc_bundle_is_migration(plan->migrations[i], &version); /* it is one */
        if (version.len > 40)
            return mc_fail(err, MC_INVALID, "migration %.*s: its version is longer than 40 bytes",
                           MC_FMT(version));
        if (i > 0 && mc_str_eq(version, last))
            return mc_fail(err, MC_INVALID, "migration %.*s stands twice", MC_FMT(version));
        last = version;
    }
    return MC_OK;
}

static mc_code check_manifest(mc_installer *self, const mc_manifest *m, mc_err *err)
{
    mc_arena *scratch;
    mc_manifest_problem *problems;
    size_t count = 0;
    mc_code rc = mc_manifest_validate(m, self->config.kernel_version, err);

    if (rc != MC_OK)
        return rc;
    scratch = mc_arena_new(0);
    if (!scratch)
        return mc_fail(err, MC_NO_MEMORY, "install");
    rc = mc_manifest_check(m, self->config.kernel_version, scratch, &problems, &count, err);
    if (rc == MC_OK && count > 0)
        rc = mc_fail(err, MC_INVALID, "%.*s", MC_FMT(problems[0].message));
    mc_arena_free(scratch);
    return rc;
}

mc_code mc_installer_plan(mc_installer *self, const mc_install_source *source,
                          mc_install_plan **out, mc_err *err)
{
    mc_install_plan *plan = calloc(1, sizeof(*plan));
    mc_code rc;

    if (!plan)
        return mc_fail(err, MC_NO_MEMORY, "install");
    plan->bundle = source->bundle;
    plan->signature = source->signature;
    plan->is_compiled = source->is_compiled;
    rc = mc_manifest_parse(plan->bundle->manifest, &plan->manifest, err);
    if (rc == MC_OK)
        rc = mc__plan_archive(plan, source, err);
    if (rc == MC_OK)
        rc = mc__check_signature(self, plan, source, err);
    if (rc == MC_OK)
        rc = check_manifest(self, plan->manifest, err);
    if (rc == MC_OK)
        rc = plan_migrations(plan, err);
    if (rc != MC_OK) {
        mc_install_plan_free(plan);
        return rc;
    }
    *out = plan;
    return MC_OK;
}

void mc_install_plan_free(mc_install_plan *plan)
{
    if (!plan)
        return;
    mc_buf_deinit(&plan->own);
    mc_manifest_free(plan->manifest);
    free(plan);
}

const mc_manifest *mc_install_plan_manifest(const mc_install_plan *plan)
{
    return plan->manifest;
}

mc_str mc_install_plan_digest(const mc_install_plan *plan)
{
    return mc_z(plan->digest);
}

/* ---- running ---- */

/* Before anything is written: a model of the same key that is somebody else's. */
static mc_code check_models(mc_installer *self, const mc_manifest *m, mc_err *err)
{
    for (size_t i = 0; i < m->model_count; i++) {
        const mc_model *model = mc_models_find(self->config.models, m->models[i].key);

        if (model && !mc_str_eq(model->addon_key, m->key))
            return mc_fail(err, MC_CONFLICT, "model %.*s is already %s%.*s",
                           MC_FMT(m->models[i].key), model->addon_key.len ? "addon " : "the host's",
                           MC_FMT(model->addon_key));
        /* Its rows would stay where nobody looks for them any more. */
        if (model && model->is_per_tenant != m->models[i].is_per_tenant)
            return mc_fail(err, MC_CONFLICT,
                           "addon %.*s: tenant_isolation cannot change once it is installed",
                           MC_FMT(m->key));
    }
    return MC_OK;
}

/* Several processes may share a PostgreSQL; SQLite has one writer. */
mc_code mc__lock_addon(mc_ctx *ctx, mc_str addon_key, mc_err *err)
{
    mc_db_value key = mc_db_text(addon_key);

    if (mc_db_conn_dialect(ctx->conn) != MC_DB_POSTGRES)
        return MC_OK;
    return mc_db_exec(ctx->conn,
                      MC_STR("SELECT pg_advisory_xact_lock(hashtext('metacore addon ' || $1))"),
                      &key, 1, NULL, err);
}

/* Whether there is nothing to do for who wants only what is missing. */
static mc_code is_settled(mc_ctx *ctx, const mc_install_run *run, const mc__addon *now,
                          mc_installation *out, bool *is_done, mc_err *err)
{
    mc_str key = run->plan->manifest->key;
    mc_code rc;

    *is_done = false;
    if (!run->only_missing)
        return MC_OK;
    rc = mc__load_row(ctx, key, run->org_id, out, err);
    if (rc == MC_NOT_FOUND) {
        *out = (mc_installation){.addon_key = MC_STR("")};
        return mc__was_given_up(ctx, key, run->org_id, is_done, err);
    }
    *is_done = rc == MC_OK && mc_str_eq(now->digest, mc_z(run->plan->digest));
    return rc;
}

static mc_code install(mc_installer *self, mc_ctx *ctx, const mc_install_run *run,
                       const mc__addon *now, mc__pass *pass, mc_installation *out, mc_err *err)
{
    const mc_install_plan *plan = run->plan;
    bool is_other = !mc_str_eq(now->digest, mc_z(plan->digest));
    mc__was was = WAS_ABSENT;
    bool is_enabled;
    mc_str warning;
    mc_code rc = mc__check_requires(ctx, plan, run->org_id, run->ignore_requires, &warning, err);

    mc__step(self, "tables");
    if (rc == MC_OK)
        rc = mc__install_tables(self, ctx, plan, run->org_id, pass, err);
    mc__step(self, "manifest");
    if (rc == MC_OK)
        rc = mc__addon_keep(ctx, plan, err);
    mc__step(self, "row");
    if (rc == MC_OK)
        rc = mc__install_row(self, ctx, run, out, &was, err);
    mc__step(self, "told");
    if (rc != MC_OK)
        return rc;
    out->warning = warning.len ? warning : pass->note;
    is_enabled = mc_str_eq(out->status, MC_STR("enabled"));
    if (was == WAS_ENABLED && !is_other)
        return MC_OK; /* nothing that anybody would have to hear */
    rc = mc__serve_after_commit(self, ctx,
                                &(mc_addon_change){.event = was == WAS_ABSENT ? MC_ADDON_INSTALLED
                                                            : is_other        ? MC_ADDON_UPGRADED
                                                                              : MC_ADDON_ENABLED,
                                                   .org_id = run->org_id,
                                                   .addon_key = plan->manifest->key,
                                                   .version = plan->manifest->version,
                                                   .digest = mc_z(plan->digest),
                                                   .old_digest = now->digest,
                                                   .was_enabled = was == WAS_ENABLED,
                                                   .is_enabled = is_enabled},
                                plan->bundle->manifest, err);
    return rc == MC_OK && is_other && now->digest.len
               ? mc__upgrade_others(self, ctx, plan, run->org_id, now->digest, err)
               : rc;
}

mc_code mc__installer_run(mc_installer *self, mc_ctx *ctx, const mc_install_run *run,
                          mc__pass *pass, mc_installation *out, mc_err *err)
{
    bool is_done = false;
    mc__addon now;
    mc_code rc = mc__lock_addon(ctx, run->plan->manifest->key, err);

    if (rc == MC_OK)
        rc = mc__addon_load(ctx, run->plan->manifest->key, &now, err);
    if (rc == MC_OK)
        rc = is_settled(ctx, run, &now, out, &is_done, err);
    if (rc != MC_OK || is_done)
        return rc;
    rc = mc__addon_check(self, ctx, run->plan, run->org_id, &now, err);
    if (rc == MC_OK)
        rc = check_models(self, run->plan->manifest, err);
    return rc == MC_OK ? install(self, ctx, run, &now, pass, out, err) : rc;
}

mc_code mc_installer_run(mc_installer *self, mc_ctx *ctx, const mc_install_run *run,
                         mc_installation *out, mc_err *err)
{
    mc__pass pass;

    mc__pass_begin(&pass, self->config.run_max_ms);
    return mc__pass_end(&pass, ctx, mc__installer_run(self, ctx, run, &pass, out, err), err);
}

typedef struct install_call {
    mc_installer *self;
    const mc_install_run *run;
    mc_installation *out;
    mc_str *out_report; /* NULL: in earnest */
} install_call;

static mc_code run_call(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    install_call *call = user;

    (void)conn; /* in ctx */
    return call->out_report
               ? mc_installer_rehearse(call->self, ctx, call->run, call->out_report, err)
               : mc_installer_run(call->self, ctx, call->run, call->out, err);
}

mc_code mc_installer_install(mc_installer *self, mc_ctx *ctx, const mc_install_run *run,
                             mc_installation *out, mc_str *out_report, mc_err *err)
{
    install_call call = {self, run, out, out_report};

    return mc_db_write(self->config.db, ctx, run_call, &call, err);
}

/* ---- at start ---- */

static mc_code load_manifests(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_installer *self = user;
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn,
                             MC_STR("SELECT addon_key, manifest FROM metacore_addons ORDER BY "
                                    "addon_key"),
                             NULL, 0, &rows, err);

    (void)ctx;
    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        mc_manifest *manifest = NULL;
        mc_err why;

        if (mc_manifest_parse(mc_db_col_text(&rows, 1), &manifest, &why) != MC_OK ||
            mc__serve_models(self, manifest, &why) != MC_OK)
            mc_log_error(self->config.log, "addon.not_served",
                         MC_KV_STR("addon", mc_db_col_text(&rows, 0)), MC_KV_ERR("error", &why));
        mc_manifest_free(manifest);
    }
    return mc_db_rows_finish(&rows, err);
}

static mc_code load_enabled(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_installer *self = user;
    mc_db_rows rows;
    mc_code rc, end;

    (void)ctx;
    rc = mc_db_query(conn,
                     MC_STR("SELECT organization_id, addon_key FROM metacore_installations WHERE "
                            "status = 'enabled' AND deleted_at IS NULL"),
                     NULL, 0, &rows, err);
    if (rc != MC_OK)
        return rc;
    while (rc == MC_OK && mc_db_rows_next(&rows))
        rc = mc__enable(self, mc_db_col_uuid(&rows, 0), mc_db_col_text(&rows, 1), err);
    end = mc_db_rows_finish(&rows, err);
    return rc != MC_OK ? rc : end;
}

mc_code mc_installer_load(mc_installer *self, mc_ctx *ctx, mc_err *err)
{
    mc_code rc = mc_db_read(self->config.db, ctx, load_manifests, self, err);

    return rc == MC_OK ? mc_db_read(self->config.db, ctx, load_enabled, self, err) : rc;
}
