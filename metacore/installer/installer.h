/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_INSTALLER_INSTALLER_H
#define METACORE_INSTALLER_INSTALLER_H

/**
 * installer: an addon becomes tables, models and a row that says who has it; at once, or not at
 * all.
 *
 * Everything an installation changes is one transaction: migrations (each once per schema, by
 * checksum), the tables of its models, its manifest, the archive it came from, the organization's
 * row with its settings and secret. Models are served after the commit, and again after a restart,
 * from what was kept. Installing the same addon for a second organization adds its row; a higher
 * version upgrades, for all who have it; a lower one is refused, and so is the same version with
 * other contents when signatures are asked for or somebody else has it.
 *
 * Not here: reading bundles (bundle), what a manifest may say (manifest), what a signature is
 * (security), code of the host's around all this (lifecycle).
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
#include "metacore/security/secretbox.h"
#include "metacore/security/signature.h"

MC_BEGIN_DECLS

#define MC_INSTALLATIONS_MAX 100000
#define MC_INSTALL_SECRET_LEN 64 /* hexadecimal digits: the key of signed requests as it is */
#define MC_INSTALL_SECRET_GRACE_S 86400 /* how long a replaced secret is still good */
#define MC_INSTALL_BUNDLES_KEPT 3       /* versions of one addon whose archives and assets stay */

typedef struct mc_installer mc_installer;

typedef enum mc_addon_event {
    MC_ADDON_INSTALLED = 1,
    MC_ADDON_UPGRADED,
    MC_ADDON_ENABLED,
    MC_ADDON_DISABLED,
    MC_ADDON_UNINSTALLED
} mc_addon_event;

/** What became of an addon in an organization. Text is the call's. */
typedef struct mc_addon_change {
    mc_addon_event event;
    mc_uuid org_id;
    mc_str addon_key;
    mc_str version;
    mc_str digest;     /* of the bundle that counts now; empty after the last uninstall */
    mc_str old_digest; /* empty: there was none */
    bool is_forced;    /* the addon's own code has no say in it */
    bool was_enabled;  /* before it; a new one was not */
    bool is_enabled;   /* after it */
} mc_addon_change;

/** Zero is "the default" in every field; the pointers are borrowed. */
typedef struct mc_installer_config {
    uint32_t struct_size;
    mc_db *db;             /* required */
    mc_models *models;     /* required */
    mc_log *log;           /* NULL: silent */
    mc_str kernel_version; /* required: what manifests' ranges are held against; a literal */
    bool allow_unsigned;   /* without keys: bundles without a signature are taken */
    /** Optional. A manifest whose models are served from now on: catalogs and the like. */
    mc_code (*on_loaded)(void *user, const mc_manifest *manifest, mc_err *err);
    void *on_loaded_user;
    const mc_signing_keys *keys; /* whom we trust; any: every bundle is verified */
    const mc_secretbox *box;     /* seals secrets; NULL: they are hashed only, settings have none */
    /** Optional. Within the transaction; a failure undoes it all. */
    mc_code (*on_change)(void *user, mc_ctx *ctx, const mc_addon_change *change, mc_err *err);
    /** Optional. The same before anything of an uninstallation is done; event is UNINSTALLED. */
    mc_code (*before_uninstall)(void *user, mc_ctx *ctx, const mc_addon_change *change,
                                mc_err *err);
    /** Optional. After the commit, on the writer's thread: brief, no database. */
    void (*after_change)(void *user, const mc_addon_change *change);
    void *change_user;
    int64_t run_max_ms;      /* of an installation, which holds the writer; 0: 120000 */
    int64_t rehearse_max_ms; /* of a rehearsal, which does, too; 0: 10000 */
    /** Optional. Before each step within a transaction: brief, no database. */
    void (*on_step)(void *user, const char *step);
    void *on_step_user;
} mc_installer_config;
#define MC_INSTALLER_CONFIG .struct_size = sizeof(mc_installer_config)

typedef struct mc_installation {
    mc_uuid id;
    mc_uuid organization_id;
    mc_str addon_key;
    mc_str version;
    mc_str status;   /* enabled, disabled */
    mc_str source;   /* bundle, federated, compiled */
    mc_str settings; /* JSON as it is kept: secrets sealed */
    mc_time installed_at;
    mc_time enabled_at;  /* 0: never */
    mc_time disabled_at; /* 0: it is not */
    mc_str warning;      /* what was ignored as asked, or empty */
    mc_str secret;       /* of a new installation or a rotation, once; else empty. Do not log */
} mc_installation;

MC_API MC_MUST_USE mc_code mc_installer_new(const mc_installer_config *config, mc_installer **out,
                                            mc_err *err);
MC_API void mc_installer_free(mc_installer *self);

/** At start: every kept manifest's models, and who has which addon. One manifest that cannot be
 *  loaded is logged and left out. Blocks. */
MC_API MC_MUST_USE mc_code mc_installer_load(mc_installer *self, mc_ctx *ctx, mc_err *err);

/* ---- installing ---- */

/** Where an addon comes from. All borrowed, until its plan is freed. */
typedef struct mc_install_source {
    const mc_bundle *bundle; /* required */
    mc_str packed;           /* the archive that bundle was read from; empty: it is packed */
    mc_str signature;        /* beside the archive, hexadecimal or base64; empty: the manifest's */
    bool is_trusted;         /* the host's own: no signature is asked for */
    bool is_compiled;        /* the host's code, of which this is the manifest */
} mc_install_source;

/** An installation checked and built, before its transaction. */
typedef struct mc_install_plan mc_install_plan;

/**
 * Checks source: signature, manifest, migrations' names. Needs no database.
 * Errors  FORBIDDEN: the signature. INVALID: the manifest. The plan is freed by
 *         mc_install_plan_free.
 */
MC_API MC_MUST_USE mc_code mc_installer_plan(mc_installer *self, const mc_install_source *source,
                                             mc_install_plan **out, mc_err *err);
MC_API void mc_install_plan_free(mc_install_plan *plan);
MC_API const mc_manifest *mc_install_plan_manifest(const mc_install_plan *plan);
/** Of its archive, hexadecimal. */
MC_API mc_str mc_install_plan_digest(const mc_install_plan *plan);

/** A new installation's id and secret, made before it is: for who signs in its name meanwhile. */
typedef struct mc_install_identity {
    mc_uuid id;
    mc_str secret; /* in the arena given: wipe it after use */
} mc_install_identity;
MC_API MC_MUST_USE mc_code mc_install_identity_new(mc_arena *arena, mc_install_identity *out,
                                                   mc_err *err);

/** How a plan is run. */
typedef struct mc_install_run {
    const mc_install_plan *plan; /* required */
    mc_uuid org_id;
    bool ignore_requires; /* addons that the manifest requires need not be there */
    bool sees_everybody;  /* a rehearsal tells of other organizations' rows, too */
    bool only_missing;    /* who has these very contents, or gave the addon up, is left as he is,
                             and who disabled it gets it disabled */
    const mc_install_identity *identity; /* of a new installation; NULL: it gets one */
} mc_install_run;

/**
 * Runs a plan in ctx->conn's transaction; after its commit the models are served.
 *
 * out     in ctx's arena; without a key when it was left as it is (only_missing)
 * Errors  CONFLICT: a model is another addon's; an applied migration changed; a lower version;
 *         an addon that it requires is missing. FORBIDDEN, INVALID: a migration. REJECTED: it is
 *         not done within config.run_max_ms. The store's.
 */
MC_API MC_MUST_USE mc_code mc_installer_run(mc_installer *self, mc_ctx *ctx,
                                            const mc_install_run *run, mc_installation *out,
                                            mc_err *err);

/**
 * Runs all of it, looks at what has changed, and takes it back: in ctx->conn's transaction, of
 * which nothing is left. Rows are counted that are the organization's, where they are somebody's,
 * and all of them for who sees_everybody, which is SQLite's only.
 *
 * out_report  JSON in ctx's arena: {addon_key, from, to, schema: {tables, columns, indexes}, data:
 *             [{table, rows_before, rows_after, rows_changed}], capabilities, models, routes}, each
 *             difference being {added, removed, changed}; and of an addon with a schema per tenant
 *             that others have, too, others (a hundred of others_total): [{schema, and for who
 *             sees_everybody organization_id and data}]
 * Errors      what running refuses, within config.rehearse_max_ms.
 */
MC_API MC_MUST_USE mc_code mc_installer_rehearse(mc_installer *self, mc_ctx *ctx,
                                                 const mc_install_run *run, mc_str *out_report,
                                                 mc_err *err);

/** The same in a transaction of its own, or (out_report not NULL) rehearsed there. Blocks; not on
 *  the writer. */
MC_API MC_MUST_USE mc_code mc_installer_install(mc_installer *self, mc_ctx *ctx,
                                                const mc_install_run *run, mc_installation *out,
                                                mc_str *out_report, mc_err *err);

/**
 * The archive of addon_key that was installed last, read again and held against its digest.
 *
 * out_source  in ctx's arena, but out_source->bundle: mc_bundle_free
 * Errors      NOT_FOUND: none is kept. IO: the archive is not what it was.
 */
MC_API MC_MUST_USE mc_code mc_installer_load_bundle(mc_installer *self, mc_ctx *ctx,
                                                    mc_str addon_key, mc_install_source *out_source,
                                                    mc_bundle **out_bundle, mc_err *err);

/* ---- what an organization does with what it has; each on ctx->conn's transaction ---- */

/** Which addon of whose. */
typedef struct mc_install_target {
    mc_str addon_key;
    mc_uuid org_id;
    bool ignore_requires; /* what would be a CONFLICT for want of another is out->warning: the only
                             way with addons that require each other */
    bool is_forced;       /* the addon's own code is not asked: it may be broken */
} mc_install_target;

/** Errors: NOT_FOUND: not installed. CONFLICT: one that it requires is not enabled. */
MC_API MC_MUST_USE mc_code mc_installer_enable(mc_installer *self, mc_ctx *ctx,
                                               const mc_install_target *target,
                                               mc_installation *out, mc_err *err);
/** Errors: NOT_FOUND. CONFLICT: an enabled one requires it. */
MC_API MC_MUST_USE mc_code mc_installer_disable(mc_installer *self, mc_ctx *ctx,
                                                const mc_install_target *target,
                                                mc_installation *out, mc_err *err);
/**
 * Takes the addon from its organization; that it was there, and until when, is remembered.
 *
 * drop    its rows too; its own schema, or the shared one when nobody is left, goes with the record
 *         of its migrations
 * out     as it was
 * Errors  NOT_FOUND. CONFLICT: an installed one requires it.
 */
MC_API MC_MUST_USE mc_code mc_installer_uninstall(mc_installer *self, mc_ctx *ctx,
                                                  const mc_install_target *target, bool drop,
                                                  mc_installation *out, mc_err *err);
/** A new secret, in out->secret; the one before is good for MC_INSTALL_SECRET_GRACE_S more. */
MC_API MC_MUST_USE mc_code mc_installer_rotate(mc_installer *self, mc_ctx *ctx, mc_str addon_key,
                                               mc_uuid org_id, mc_installation *out, mc_err *err);

/**
 * Changes the settings that changes names: each held against its definition; null is the default
 * again; a secret's mask leaves it as it is.
 * Errors  NOT_FOUND. REJECTED: with field errors.
 */
MC_API MC_MUST_USE mc_code mc_installer_set_settings(mc_installer *self, mc_ctx *ctx,
                                                     mc_str addon_key, mc_uuid org_id,
                                                     const mc_json *changes, mc_installation *out,
                                                     mc_err *err);

/* ---- looking; on ctx->conn ---- */

/** Errors: NOT_FOUND. */
MC_API MC_MUST_USE mc_code mc_installer_find(mc_installer *self, mc_ctx *ctx, mc_str addon_key,
                                             mc_uuid org_id, mc_installation *out, mc_err *err);
/** The manifest's text that is served for addon_key, in ctx's arena. NOT_FOUND. */
MC_API MC_MUST_USE mc_code mc_installer_load_manifest(mc_installer *self, mc_ctx *ctx,
                                                      mc_str addon_key, mc_str *out_manifest,
                                                      mc_str *out_digest, mc_err *err);

/** An asset of an addon's page: a file of its bundle below frontend/. */
typedef struct mc_install_asset {
    mc_str digest;   /* of the bundle it is in */
    bool is_current; /* and that is the one installed now */
    mc_str sha256;   /* of the file */
    size_t size;
} mc_install_asset;
/**
 * digest  of a bundle that is kept; empty: the current one's
 * Errors  NOT_FOUND "file not found".
 */
MC_API MC_MUST_USE mc_code mc_installer_find_asset(mc_installer *self, mc_ctx *ctx,
                                                   mc_str addon_key, mc_str digest, mc_str path,
                                                   mc_install_asset *out, mc_err *err);
/** Appends length bytes of it from offset. */
MC_API MC_MUST_USE mc_code mc_installer_read_asset(mc_installer *self, mc_ctx *ctx,
                                                   const mc_install_asset *asset, mc_str path,
                                                   size_t offset, size_t length, mc_buf *out,
                                                   mc_err *err);

/** For whoever calls an addon's backend: the newest first. */
typedef struct mc_install_secrets {
    mc_uuid installation_id;
    mc_str items[2]; /* in ctx's arena: wipe them after use */
    size_t count;
} mc_install_secrets;
/**
 * The secrets that are good now. Errors: NOT_FOUND: not enabled here. NOT_PROVIDED: they were not
 * kept, for want of a master key.
 */
MC_API MC_MUST_USE mc_code mc_installer_load_secrets(mc_installer *self, mc_ctx *ctx,
                                                     mc_str addon_key, mc_uuid org_id,
                                                     mc_install_secrets *out, mc_err *err);
/** The same of one that is disabled, too. */
MC_API MC_MUST_USE mc_code mc_installer_find_secrets(mc_installer *self, mc_ctx *ctx,
                                                     mc_str addon_key, mc_uuid org_id,
                                                     mc_install_secrets *out, mc_err *err);
/** Settings as an addon's code gets them: secrets opened. A JSON object, in ctx's arena. */
MC_API MC_MUST_USE mc_code mc_installer_open_settings(mc_installer *self, mc_ctx *ctx,
                                                      const mc_installation *installation,
                                                      mc_str *out, mc_err *err);

/** Whether org has addon_key enabled; an empty key is the host's own: always. Fast, never blocks on
 *  the database. */
MC_API bool mc_installer_is_enabled(mc_installer *self, mc_uuid org_id, mc_str addon_key);

/** Of one organization, or (nil) of all; by addon and organization; in ctx's arena. Blocks. */
MC_API MC_MUST_USE mc_code mc_installer_list(mc_installer *self, mc_ctx *ctx, mc_uuid org_id,
                                             mc_installation **out, size_t *out_count, mc_err *err);

/** As the contract shows it, secrets masked. */
MC_API void mc_installation_write(mc_buf *out, const mc_installation *installation);
/** Its settings alone, secrets masked. */
MC_API void mc_installation_write_settings(mc_buf *out, const mc_installation *installation);

MC_END_DECLS
#endif
