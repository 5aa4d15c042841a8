/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_INSTALLER_INSTALLER_INTERNAL_H
#define METACORE_INSTALLER_INSTALLER_INTERNAL_H

#include "metacore/base/map.h"
#include "metacore/installer/installer.h"

#include <pthread.h>

#define MC__SEALED "$sealed" /* a kept secret setting: {"$sealed": text of the secretbox} */
#define MC__MASK "********"

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
    mc_buf own;      /* the archive, when it was packed here */
    mc_str packed;   /* the archive */
    mc_sha256 bytes; /* of it */
    char digest[MC_SHA256_HEX + 1];
    mc_str signature; /* borrowed; as the source has it */
    bool is_compiled;
};

/* installer_gate.c: the archive's digest, and whether it may be installed here at all. */
mc_code mc__plan_archive(mc_install_plan *plan, const mc_install_source *source, mc_err *err);
mc_code mc__check_signature(const mc_installer *self, const mc_install_plan *plan,
                            const mc_install_source *source, mc_err *err);

/* install_changes.c: rows that migrations touched, by schema and table. */
typedef struct mc__change {
    mc_str schema, table;
    int64_t rows;
} mc__change;
typedef struct mc__changes {
    mc__change *items; /* in an arena */
    size_t count, room;
} mc__changes;
mc_code mc__changes_total(mc_ctx *ctx, int64_t *out, mc_err *err); /* since the connection began */
/* Errors: NO_MEMORY. */
mc_code mc__changes_note(mc__changes *self, mc_arena *arena, mc_str schema, mc_str statement,
                         int64_t rows, mc_err *err);
int64_t mc__changes_of(const mc__changes *self, mc_str schema, mc_str table);

/* What one run has on its way: until when it may hold the writer, and who counts. */
typedef struct mc__pass {
    int64_t end_us; /* monotonic */
    int64_t max_ms;
    mc__changes *changes; /* NULL but in a rehearsal */
    mc_str note;          /* what was done and is hardly meant; or empty */
} mc__pass;
void mc__pass_begin(mc__pass *self, int64_t max_ms);
/* Before a statement that may take long: it ends with MC_INTERRUPTED when the pass is over. */
mc_code mc__pass_arm(const mc__pass *self, mc_ctx *ctx, mc_err *err);
/* Nothing is bounded any more; rc and err say what a pass that was too long is called. */
mc_code mc__pass_end(const mc__pass *self, mc_ctx *ctx, mc_code rc, mc_err *err);

/* install_tables.c: migrations and tables, in ctx->conn's transaction. */
mc_code mc__install_tables(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                           mc_uuid org_id, mc__pass *pass, mc_err *err);
/* The other organizations whose tables are of another manifest than plan's, in ctx's arena: its
 * models will serve them, too. */
mc_code mc__load_others(mc_ctx *ctx, const mc_install_plan *plan, mc_uuid org_id, mc_uuid **out,
                        size_t *out_count, mc_err *err);
bool mc__is_per_tenant(const mc_install_plan *plan);
/* install_rows.c: the organization's row. What it was: nothing, disabled or enabled. */
typedef enum mc__was { WAS_ABSENT, WAS_DISABLED, WAS_ENABLED } mc__was;
mc_code mc__install_row(mc_installer *self, mc_ctx *ctx, const mc_install_run *run,
                        mc_installation *out, mc__was *was, mc_err *err);
/* Whether the organization had the addon and uninstalled it. */
mc_code mc__was_given_up(mc_ctx *ctx, mc_str addon_key, mc_uuid org_id, bool *out, mc_err *err);
/* The others' rows after an upgrade: version and settings, enabled or not as they were; all of them
 * are told. */
mc_code mc__upgrade_others(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                           mc_uuid org_id, mc_str old_digest, mc_err *err);
mc_code mc__load_row(mc_ctx *ctx, mc_str addon_key, mc_uuid org_id, mc_installation *out,
                     mc_err *err); /* NOT_FOUND without a message of its own */

/* install_addon.c: what is known of the addon itself, for all who have it. */
typedef struct mc__addon {
    mc_str version; /* empty: it is not there */
    mc_str digest;
} mc__addon;
mc_code mc__addon_load(mc_ctx *ctx, mc_str addon_key, mc__addon *out, mc_err *err);
mc_code mc__addon_check(mc_installer *self, mc_ctx *ctx, const mc_install_plan *plan,
                        mc_uuid org_id, const mc__addon *now, mc_err *err);
mc_code mc__addon_keep(mc_ctx *ctx, const mc_install_plan *plan, mc_err *err);
mc_code mc__addon_forget(mc_ctx *ctx, mc_str addon_key, mc_err *err);

/* install_requires.c: CONFLICT, or, when that is ignored, a warning in ctx's arena; else empty. */
mc_code mc__check_requires(mc_ctx *ctx, const mc_install_plan *plan, mc_uuid org_id,
                           bool is_ignored, mc_str *out_warning, mc_err *err);
mc_code mc__check_requires_kept(mc_ctx *ctx, const mc_install_target *target, mc_str *out_warning,
                                mc_err *err);
mc_code mc__check_dependents(mc_ctx *ctx, const mc_install_target *target, bool only_enabled,
                             mc_str *out_warning, mc_err *err);

/* install_bundles.c */
mc_code mc__bundle_keep(mc_ctx *ctx, const mc_install_plan *plan, mc_err *err);
mc_code mc__bundles_forget(mc_ctx *ctx, mc_str addon_key, mc_err *err);

/* install_secret.c: a fresh secret as it is kept. enc is empty without a box. */
typedef struct mc__secret {
    mc_str text, hash, enc;
} mc__secret;
/* text: the secret; empty: a new one. */
mc_code mc__secret_keep(const mc_installer *self, mc_arena *arena, mc_str text, mc__secret *out,
                        mc_err *err);

/* install_settings.c: what a row has, kept (JSON) or empty, brought up to manifest. */
mc_code mc__settings_merge(const mc_installer *self, mc_ctx *ctx, const mc_manifest *manifest,
                           mc_str kept, mc_str *out, mc_err *err);

/* install_drop.c: an organization's rows, or everything that is in schema. */
mc_code mc__drop_rows(mc_ctx *ctx, mc_str schema, mc_uuid org_id, mc_err *err);
mc_code mc__drop_schema(mc_ctx *ctx, mc_str schema, mc_err *err);

/* install_postgres.c: an addon's schema there, in this order, all in one transaction. */
mc_code mc__postgres_schema_begin(mc_ctx *ctx, mc_str schema, mc_err *err);
/* Until the end: statements are the schema's role's, which may do nothing outside it. */
mc_code mc__postgres_migration_begin(mc_ctx *ctx, mc_str schema, mc_err *err);
mc_code mc__postgres_migration_end(mc_ctx *ctx, mc_err *err);
mc_code mc__postgres_need_citext(mc_ctx *ctx, mc_err *err);
mc_code mc__postgres_schema_end(mc_ctx *ctx, mc_str schema, bool is_shared, mc_err *err);
mc_code mc__postgres_drop_schema(mc_ctx *ctx, mc_str schema, mc_err *err);
mc_code mc__postgres_drop_rows(mc_ctx *ctx, mc_str schema, mc_uuid org_id, mc_err *err);

/* installer.c */
/* Until the transaction's end nobody else installs or uninstalls it (PostgreSQL; SQLite has one
 * writer). */
mc_code mc__lock_addon(mc_ctx *ctx, mc_str addon_key, mc_err *err);
mc_code mc__installer_run(mc_installer *self, mc_ctx *ctx, const mc_install_run *run,
                          mc__pass *pass, mc_installation *out, mc_err *err);
mc_code mc__serve_models(mc_installer *self, const mc_manifest *manifest, mc_err *err);
void mc__step(const mc_installer *self, const char *step);
mc_code mc__enable(mc_installer *self, mc_uuid org_id, mc_str addon_key, mc_err *err);
void mc__disable(mc_installer *self, mc_uuid org_id, mc_str addon_key);

/* install_served.c: what the commit makes visible. */
mc_code mc__serve_after_commit(mc_installer *self, mc_ctx *ctx, const mc_addon_change *change,
                               mc_str manifest, mc_err *err);

#endif
