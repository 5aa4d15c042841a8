/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BUNDLE_BUNDLE_INTERNAL_H
#define METACORE_BUNDLE_BUNDLE_INTERNAL_H

#include "metacore/base/buf.h"
#include "metacore/bundle/bundle.h"

/* A bundle while it is read. */
typedef struct mc__bundle_builder {
    mc_bundle *bundle;
    mc_bundle_file *files;
    size_t count;
    size_t bytes; /* of all entries so far */
} mc__bundle_builder;

mc_code mc__bundle_begin(mc__bundle_builder *b, mc_err *err);
/* name and data are the arena's already. Checks the name and the limits. */
mc_code mc__bundle_add(mc__bundle_builder *b, mc_str name, mc_str data, mc_err *err);
/* Sorts, refuses duplicates and a missing manifest. On failure the bundle is freed. */
mc_code mc__bundle_finish(mc__bundle_builder *b, mc_code rc, mc_bundle **out, mc_err *err);

/* bundle_folder.c: name in folder, called path in the bundle. */
mc_code mc__bundle_add_file(mc__bundle_builder *b, int folder, const char *name, mc_str path,
                            mc_err *err);
mc_code mc__bundle_add_folder(mc__bundle_builder *b, int parent, const char *name, mc_str path,
                              int depth, mc_err *err);

/* gunzip.c: the whole of packed, at most max bytes, into out (heap). */
mc_code mc__gunzip(mc_str packed, size_t max, mc_buf *out, mc_err *err);
/* tar.c: every entry of an archive. */
mc_code mc__tar_read(mc_str tar, mc__bundle_builder *b, mc_err *err);
void mc__bundle_sha256(mc_str bytes, char out[65]);

#endif
