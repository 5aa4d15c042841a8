/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_E2E_ADDON_KIT_H
#define METACORE_TESTS_E2E_ADDON_KIT_H

/**
 * addon_kit: archives of addons made on the spot, signed or not, and sent as a browser sends them.
 *
 * Threads: one test at a time.
 */

#include "mc_client.h"
#include "metacore/base/arena.h"
#include "metacore/security/signature.h"

typedef struct kit_file {
    const char *name;
    const char *text;
} kit_file;

/** The .tar.gz of manifest and files (ended by a NULL name, or NULL), in arena; empty on failure.
 */
mc_str kit_pack(mc_arena *arena, const char *manifest, const kit_file *files);
/** The same of a manifest and the module at path, as backend/backend.wasm. */
mc_str kit_pack_module(mc_arena *arena, const char *manifest, const char *path);
/** 128 hexadecimal digits over packed, in arena. */
mc_str kit_sign(mc_arena *arena, const mc_secret_key *secret, const char *key, const char *version,
                mc_str packed, bool is_v2);
/** POST /api/metacore/installations/<key><query> with packed and, unless empty, signature. */
int kit_upload(mc_client *client, const char *key, const char *query, mc_str packed,
               mc_str signature);
/** A manifest of a few words: models is JSON of model_definitions, more are further members. */
const char *kit_manifest(mc_arena *arena, const char *key, const char *version, const char *models,
                         const char *more);
/** One model with a name and org scope. */
#define KIT_MODEL(table, columns)                                                                  \
    "{\"table_name\":\"" table "\",\"model_key\":\"" table "\",\"label\":\"" table                 \
    "\",\"org_scoped\":true,\"columns\":[" columns "]}"
#define KIT_NAME "{\"name\":\"name\",\"type\":\"string\",\"required\":true}"

#endif
