/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_INSTALLER_INSTALLER_H
#define METACORE_INSTALLER_INSTALLER_H

/**
 * installer: an addon becomes tables, models and a row that says who has it; at once, or not at
 * all.
 *
 * Everything an installation changes is one transaction: migrations (each once per schema, by
 * checksum), the tables of its models, its manifest, the organization's row. Models are served
 * after the commit, and again after a restart, from the manifest that was kept. Installing the same
 * addon for a second organization adds its row; a higher version upgrades, a lower one is refused.
 *
 * Not here: reading bundles (bundle), what a manifest may say (manifest), signatures.
 * Threads:  thread-safe once loaded.
 */

#include "metacore/base/buf.h"
#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/bundle/bundle.h"
#include "metacore/db/db.h"
#include "metacore/log/log.h"
#include "metacore/manifest/manifest.h"
#include "metacore/modelbase/modelbase.h"

MC_BEGIN_DECLS

#define MC_INSTALLATIONS_MAX 100000

typedef struct mc_installer mc_installer;

/** Zero is "the default" in every field; the pointers are borrowed. */
typedef struct mc_installer_config {
    uint32_t struct_size;
    mc_db *db;             /* required */
    mc_models *models;     /* required */
    mc_log *log;           /* NULL: silent */
    mc_str kernel_version; /* required: what manifests' ranges are held against; a literal */
    bool allow_unsigned;   /* else every installation is refused: signatures are not verified yet */
    /** Optional. A manifest whose models are served from now on: catalogs and the like. */
    mc_code (*on_loaded)(void *user, const mc_manifest *manifest, mc_err *err);
    void *on_loaded_user;
} mc_installer_config;
#define MC_INSTALLER_CONFIG .struct_size = sizeof(mc_installer_config)

typedef struct mc_installation {
    mc_uuid id;
    mc_uuid organization_id;
    mc_str addon_key;
    mc_str version;
    mc_str status;   /* enabled, disabled */
    mc_str source;   /* bundle, federated */
    mc_str settings; /* JSON */
    mc_time installed_at;
    mc_time enabled_at; /* 0: never */
} mc_installation;

MC_API MC_MUST_USE mc_code mc_installer_new(const mc_installer_config *config, mc_installer **out,
                                            mc_err *err);
MC_API void mc_installer_free(mc_installer *self);

/** At start: every kept manifest's models, and who has which addon. One manifest that cannot be
 *  loaded is logged and left out. Blocks. */
MC_API MC_MUST_USE mc_code mc_installer_load(mc_installer *self, mc_ctx *ctx, mc_err *err);

/** An installation checked and built, before its transaction. */
typedef struct mc_install_plan mc_install_plan;

/**
 * Checks bundle: signature policy, manifest, models. Needs no database.
 * Errors  FORBIDDEN: unsigned. INVALID: the manifest. The plan is freed by mc_install_plan_free.
 */
MC_API MC_MUST_USE mc_code mc_installer_plan(mc_installer *self, const mc_bundle *bundle,
                                             mc_install_plan **out, mc_err *err);
MC_API void mc_install_plan_free(mc_install_plan *plan);

/**
 * Runs plan in ctx->conn's transaction; after its commit the models are served.
 *
 * out     in ctx's arena
 * Errors  CONFLICT: a model is another addon's; an applied migration changed; a lower version.
 *         FORBIDDEN, INVALID: a migration. The store's.
 */
MC_API MC_MUST_USE mc_code mc_installer_run(mc_installer *self, mc_ctx *ctx,
                                            const mc_install_plan *plan, mc_uuid org_id,
                                            mc_installation *out, mc_err *err);

/** Plan and run, in a transaction of its own. Blocks; not on the writer. */
MC_API MC_MUST_USE mc_code mc_installer_install(mc_installer *self, mc_ctx *ctx,
                                                const mc_bundle *bundle, mc_uuid org_id,
                                                mc_installation *out, mc_err *err);

/** Whether org has addon_key enabled; an empty key is the host's own: always. Fast, never blocks on
 *  the database. */
MC_API bool mc_installer_is_enabled(mc_installer *self, mc_uuid org_id, mc_str addon_key);

/** Of one organization, or (nil) of all; by addon and organization; in ctx's arena. */
MC_API MC_MUST_USE mc_code mc_installer_list(mc_installer *self, mc_ctx *ctx, mc_uuid org_id,
                                             mc_installation **out, size_t *out_count, mc_err *err);

/** As the contract shows it. */
MC_API void mc_installation_write(mc_buf *out, const mc_installation *installation);

MC_END_DECLS
#endif
