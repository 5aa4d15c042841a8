/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_STORAGE_FILES_INTERNAL_H
#define METACORE_STORAGE_FILES_INTERNAL_H

#include "metacore/base/secret.h"
#include "metacore/storage/files.h"

#define MC__FILES_ROUTES 4
#define MC__FILES_SIG_LEN 32 /* hexadecimal digits: 128 bits of an HMAC-SHA256 */

struct mc_files {
    mc_files_config config;
    mc_secret secret;
    mc_http_route routes[MC__FILES_ROUTES];
};

typedef struct mc__file_type {
    const char *ending;
    const char *type;
    bool is_inline; /* a browser may show it in the page */
} mc__file_type;

/* The type that name's ending and bytes both say, or NULL. */
const mc__file_type *mc__file_type_of(mc_str name, mc_str bytes);
/* Whether type is one that a browser may show. */
bool mc__file_is_inline(mc_str type);
/* The last segment of name without what could hurt, at most MC_FILES_NAME_MAX bytes; in arena. */
mc_str mc__file_name(mc_arena *arena, mc_str name);
/* MC__FILES_SIG_LEN digits for a file. */
void mc__file_sign(const mc_files *self, mc_uuid id, char out[MC__FILES_SIG_LEN]);
/* Of any organization: for whoever has the signature. */
mc_code mc__file_load_any(mc_ctx *ctx, mc_uuid id, mc_file *out, mc_err *err);

void mc__files_add_routes(mc_files *self);

#endif
