/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SECURITY_CAPABILITY_H
#define METACORE_SECURITY_CAPABILITY_H

/**
 * capability: what an addon may do, compiled from its manifest, and who enforces it.
 *
 *   db:read, db:write        a model, "addon_x.table", "addon_x.*"; reading is granted by either.
 *                            An addon's own schema is always granted both.
 *   http:fetch               a host, "*.example.com" (subdomains and itself), either with ":port"
 *   event:emit, event:subscribe   a name, "tickets.*", "*"
 *   connector:read           a connector's key
 *   ctx:user, ctx:roles, ctx:org_config      whatever the target
 *
 * Patterns: "*"; equal; "x.*" is x and all below; "*.x" is x and all before. Everything that is not
 * declared is denied; unknown kinds grant nothing.
 *
 * Enforced by default. Shadow mode reports what it would have denied and lets it pass; it never
 * applies to http:fetch.
 *
 * Not here: people's capabilities (permission), which address a host has (egress.h).
 * Threads:  immutable once compiled, so thread-safe.
 */

#include "metacore/base/arena.h"
#include "metacore/base/err.h"
#include "metacore/base/json.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_CAPABILITIES_MAX 256

typedef enum mc_capability_kind {
    MC_CAP_DB_READ,
    MC_CAP_DB_WRITE,
    MC_CAP_HTTP_FETCH,
    MC_CAP_EVENT_EMIT,
    MC_CAP_EVENT_SUBSCRIBE,
    MC_CAP_CONNECTOR_READ,
    MC_CAP_CTX_USER,
    MC_CAP_CTX_ROLES,
    MC_CAP_CTX_ORG_CONFIG,
    MC_CAP_KIND_COUNT
} mc_capability_kind;

typedef struct mc_capability_set mc_capability_set;

/**
 * declared  the manifest's `capabilities`, or NULL
 * Errors    LIMIT: more than MC_CAPABILITIES_MAX. NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_capability_set_new(mc_str addon_key, const mc_json *declared,
                                                 mc_capability_set **out, mc_err *err);
MC_API void mc_capability_set_free(mc_capability_set *set);

/** Errors: FORBIDDEN 'addon "x" lacks db:read "users"'. */
MC_API MC_MUST_USE mc_code mc_capability_check(const mc_capability_set *set,
                                               mc_capability_kind kind, mc_str target, mc_err *err);

/** Whether anything of that kind was declared, whatever its target. */
MC_API bool mc_capability_holds(const mc_capability_set *set, mc_capability_kind kind);

/**
 * Whether url may be fetched, as far as its text tells; the address is checked when it is resolved.
 * Errors  INVALID: no absolute http or https URL, one with credentials. FORBIDDEN: not declared.
 */
MC_API MC_MUST_USE mc_code mc_capability_check_url(const mc_capability_set *set, mc_str url,
                                                   mc_err *err);

/** Whether value is in pattern, as above. */
MC_API bool mc_capability_matches(mc_str pattern, mc_str value);
/** "db:read" and so on. */
MC_API const char *mc_capability_kind_name(mc_capability_kind kind);

/* ---- who enforces it ---- */

typedef struct mc_violation {
    mc_str addon_key;
    mc_capability_kind kind;
    mc_str target;
    bool is_enforced; /* false: shadow mode let it pass */
} mc_violation;

/** Zero is "enforce, and nobody listens". */
typedef struct mc_enforcer {
    bool is_shadow;
    /** Called for each violation, in either mode, on the thread that asked. */
    void (*on_violation)(void *user, const mc_violation *violation);
    void *user;
} mc_enforcer;

/** mc_capability_check, reported; MC_OK in shadow mode, but for http:fetch. */
MC_API MC_MUST_USE mc_code mc_enforcer_check(const mc_enforcer *self, const mc_capability_set *set,
                                             mc_capability_kind kind, mc_str target, mc_err *err);

MC_END_DECLS
#endif
