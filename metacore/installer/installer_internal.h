/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_INSTALLER_INSTALLER_INTERNAL_H
#define METACORE_INSTALLER_INSTALLER_INTERNAL_H

#include "metacore/base/map.h"
#include "metacore/installer/installer.h"

#include <pthread.h>

struct mc_installer {
    mc_installer_config config;
    pthread_rwlock_t lock;
    mc_map enabled; /* guarded by lock: "<org bytes><addon key>" to that very key, its own memory */
};

/* What is known of an addon before anything is written. */
struct mc_install_plan {
    mc_manifest *manifest;
    const mc_bundle *bundle;           /* borrowed */
    const mc_bundle_file **migrations; /* by version; in manifest's arena */
    size_t migration_count;
};

/* install_tables.c: migrations and tables, in ctx->conn's transaction. */
mc_code mc__install_tables(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                           mc_uuid org_id, mc_err *err);
/* install_rows.c: the addon's manifest and the organization's row. */
mc_code mc__install_rows(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                         mc_uuid org_id, mc_installation *out, mc_err *err);
/* Builds manifest's models and puts them into the registry. */
mc_code mc__serve_models(mc_installer *self, const mc_manifest *manifest, mc_err *err);
mc_code mc__enable(mc_installer *self, mc_uuid org_id, mc_str addon_key, mc_err *err);

#endif
