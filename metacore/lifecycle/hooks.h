/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_LIFECYCLE_HOOKS_H
#define METACORE_LIFECYCLE_HOOKS_H

/**
 * hooks: which code an addon wants called, and when: its manifest's lifecycle_hooks.
 *
 *   install uninstall enable disable   before the change is there; an error refuses it
 *   before_create _update _delete      before a row of the addon's own models is written; an error
 *                                      refuses it
 *   after_create _update _delete       once it is written; an error is noted
 *
 * Hooks of one event run by priority, lowest first, else as they stand. Entries that mean nothing
 * are left out: the manifest's check refuses them when an addon is installed.
 *
 * Not here: calling them (host), whether an organization has the addon (installer).
 * Threads:  the registry is thread-safe; a set is immutable.
 */

#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_HOOKS_MAX 256 /* of one addon */

typedef enum mc_hook_event {
    MC_HOOK_INSTALL,
    MC_HOOK_UNINSTALL,
    MC_HOOK_ENABLE,
    MC_HOOK_DISABLE,
    MC_HOOK_BEFORE_CREATE,
    MC_HOOK_AFTER_CREATE,
    MC_HOOK_BEFORE_UPDATE,
    MC_HOOK_AFTER_UPDATE,
    MC_HOOK_BEFORE_DELETE,
    MC_HOOK_AFTER_DELETE,
    MC_HOOK_EVENT_COUNT
} mc_hook_event;

/** "before_create" and so on. */
MC_API mc_str mc_hook_event_name(mc_hook_event event);
/** False: there is no such event. */
MC_API bool mc_hook_event_parse(mc_str name, mc_hook_event *out);

typedef struct mc_hook {
    mc_str function; /* of the addon's module; empty: it has a url */
    mc_str url;
    int64_t priority;
    bool is_async; /* by itself: others neither wait for it nor it for them */
} mc_hook;

/** One addon's. */
typedef struct mc_hook_set mc_hook_set;

/** Of one event, in the order in which they run. */
MC_API const mc_hook *mc_hook_set_get(const mc_hook_set *set, mc_hook_event event,
                                      size_t *out_count);

typedef struct mc_hooks mc_hooks;

MC_API MC_MUST_USE mc_code mc_hooks_new(mc_hooks **out, mc_err *err);
MC_API void mc_hooks_free(mc_hooks *self);

/** Of a manifest that is served from now on. declared: its lifecycle_hooks, or NULL.
 *  Errors: LIMIT: more than MC_HOOKS_MAX. NO_MEMORY. */
MC_API MC_MUST_USE mc_code mc_hooks_put(mc_hooks *self, mc_str addon_key, const mc_json *declared,
                                        mc_err *err);
/** A set that is in no registry. NULL in *out: it has none. Give it back with unref. */
MC_API MC_MUST_USE mc_code mc_hook_set_new(const mc_json *declared, mc_hook_set **out, mc_err *err);
/** addon_key's, with a ref; NULL: it has none. */
MC_API mc_hook_set *mc_hooks_take(mc_hooks *self, mc_str addon_key);
MC_API void mc_hook_set_unref(mc_hook_set *set);
/** Whether addon_key has any of event. Fast. */
MC_API bool mc_hooks_has(mc_hooks *self, mc_str addon_key, mc_hook_event event);

MC_END_DECLS
#endif
