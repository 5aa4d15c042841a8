/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_NAVIGATION_NAVIGATION_H
#define METACORE_NAVIGATION_NAVIGATION_H

/**
 * navigation: the host's menu and what addons add to it, merged into one list for one person.
 *
 * A group of an addon whose target is that of one of the host's groups adds its items there; else a
 * group with a title is one more, at the end; items of one without a title go into a last group
 * {"sidebar.addons", "Puzzle"}. Addons come in the order of their keys. Each of their items says
 * whose it is: owner "addon:<key>". Items that somebody may not use are not shown, nor is a parent
 * or a group that is left without any.
 *
 * Not here: which addons an organization has (installer), who holds what (permission).
 * Threads:  thread-safe once created; what put gives stays good until free.
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_NAVIGATION_DEPTH_MAX 8 /* items below items; deeper ones are left out */

typedef struct mc_navigation mc_navigation;

/** Zero is "the default" in every field. */
typedef struct mc_navigation_config {
    uint32_t struct_size;
    mc_str core; /* the host's groups, a JSON array; empty: none; copied */
    /** Required. Whether ctx's organization has the addon. */
    bool (*has_addon)(void *user, mc_ctx *ctx, mc_str addon_key);
    /** Required. Whether ctx's principal may use an item that names a permission, a model, or both;
     *  either may be empty. Called without a lock. */
    bool (*may_use)(void *user, mc_ctx *ctx, mc_str permission, mc_str model);
    void *user;
} mc_navigation_config;
#define MC_NAVIGATION_CONFIG .struct_size = sizeof(mc_navigation_config)

/** Errors: INVALID: core is no array of objects. */
MC_API MC_MUST_USE mc_code mc_navigation_new(const mc_navigation_config *config,
                                             mc_navigation **out, mc_err *err);
MC_API void mc_navigation_free(mc_navigation *self);

/** What addon_key adds: a manifest's `navigation`, or NULL for nothing; replaces what it added. */
MC_API MC_MUST_USE mc_code mc_navigation_put(mc_navigation *self, mc_str addon_key,
                                             const mc_json *groups, mc_err *err);

/** ctx's principal's menu: a JSON array onto out. Errors: NO_MEMORY. */
MC_API MC_MUST_USE mc_code mc_navigation_write(mc_navigation *self, mc_ctx *ctx, mc_buf *out,
                                               mc_err *err);

MC_END_DECLS
#endif
