/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_LIFECYCLE_LIFECYCLE_H
#define METACORE_LIFECYCLE_LIFECYCLE_H

/**
 * lifecycle: addons whose code is the host program's own: what they are told, and which actions
 * they answer.
 *
 * An addon is registered by its manifest and a few callbacks, any of which may be missing. What
 * happens to it in an organization is told within that change's transaction, ctx->conn: a failure
 * undoes the change, and what the callback wrote with it. An interceptor answers an action
 * ("model", "action") in place of its trigger, for organizations that have the addon enabled, and
 * for no others; of one pair the last that was registered counts.
 *
 * Not here: installing (installer), code in sandboxes (runtime/wasm), backends (webhooks).
 * Threads:  registration before the host starts, from one thread; then thread-safe.
 */

#include "metacore/base/buf.h"
#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/base/str.h"
#include "metacore/base/uuid.h"

MC_BEGIN_DECLS

#define MC_LIFECYCLE_ADDONS_MAX 256
#define MC_LIFECYCLE_INTERCEPTORS_MAX 1024

typedef struct mc_lifecycle mc_lifecycle;

/** What an addon's code is told; each may be NULL. */
typedef struct mc_addon_vt {
    uint32_t struct_size;
    mc_code (*on_install)(void *self, mc_ctx *ctx, mc_uuid org_id, mc_err *err);
    mc_code (*on_enable)(void *self, mc_ctx *ctx, mc_uuid org_id, mc_err *err);
    mc_code (*on_disable)(void *self, mc_ctx *ctx, mc_uuid org_id, mc_err *err);
    mc_code (*on_uninstall)(void *self, mc_ctx *ctx, mc_uuid org_id, mc_err *err);
    /** Once, when the host starts, in the order of registration; a failure keeps it from starting.
     *  services is the host's: its mc_app. */
    mc_code (*boot)(void *self, void *services, mc_err *err);
    mc_code (*on_upgrade)(void *self, mc_ctx *ctx, mc_uuid org_id, mc_err *err);
} mc_addon_vt;

typedef struct mc_addon {
    mc_str manifest; /* JSON, version 2; copied */
    const mc_addon_vt *vt;
    void *self;
} mc_addon;

/** An action that an interceptor may answer; all of it is borrowed. */
typedef struct mc_intercept {
    mc_str model, action;
    mc_uuid record_id;      /* nil: of the whole model */
    const mc_json *payload; /* an object */
    mc_str row;             /* its JSON; empty for an action of the whole model */
    /* The addon as the organization has it. */
    mc_str addon_key, version;
    mc_str settings; /* a JSON object, secrets opened */
} mc_intercept;

/**
 * Writes the answer's data, one JSON value, onto out and sets *is_handled; or leaves both, and the
 * trigger runs. Errors: REJECTED: declined. Any other is the answer.
 */
typedef mc_code (*mc_intercept_fn)(void *user, mc_ctx *ctx, const mc_intercept *call, mc_buf *out,
                                   bool *is_handled, mc_err *err);

MC_API MC_MUST_USE mc_code mc_lifecycle_new(mc_lifecycle **out, mc_err *err);
MC_API void mc_lifecycle_free(mc_lifecycle *self);

/** Errors: INVALID: the manifest. LIMIT. One of the same key takes its place. */
MC_API MC_MUST_USE mc_code mc_lifecycle_register(mc_lifecycle *self, const mc_addon *addon,
                                                 mc_err *err);
/** Errors: INVALID: an empty name. LIMIT. */
MC_API MC_MUST_USE mc_code mc_lifecycle_intercept(mc_lifecycle *self, mc_str addon_key,
                                                  mc_str model, mc_str action, mc_intercept_fn fn,
                                                  void *user, mc_err *err);

/** The manifest of a registered addon, for self's life; empty: none. */
MC_API mc_str mc_lifecycle_find_manifest(const mc_lifecycle *self, mc_str addon_key);

typedef enum mc_lifecycle_event {
    MC_ON_INSTALL,
    MC_ON_ENABLE,
    MC_ON_DISABLE,
    MC_ON_UNINSTALL,
    MC_ON_UPGRADE
} mc_lifecycle_event;

/** Tells addon_key's code, if it has any. Errors: its own, after "OnInstall: " and the like. */
MC_API MC_MUST_USE mc_code mc_lifecycle_tell(const mc_lifecycle *self, mc_ctx *ctx,
                                             mc_lifecycle_event event, mc_str addon_key,
                                             mc_uuid org_id, mc_err *err);
MC_API MC_MUST_USE mc_code mc_lifecycle_boot(const mc_lifecycle *self, void *services, mc_err *err);

/** Whose interceptor answers the action; empty: nobody's. */
MC_API mc_str mc_lifecycle_find_interceptor(const mc_lifecycle *self, mc_str model, mc_str action,
                                            mc_intercept_fn *out_fn, void **out_user);

MC_END_DECLS
#endif
