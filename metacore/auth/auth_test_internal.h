/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_AUTH_TEST_INTERNAL_H
#define METACORE_AUTH_TEST_INTERNAL_H

/* What the package's tests share: a service over a fresh database, a clock that stands still, and
 * requests without sockets. */

#include "metacore/auth/auth.h"

#include "mc_test.h"

#define TEST_SECRET "0123456789abcdef0123456789abcdef"
#define TEST_NOW (INT64_C(1795516800) * MC_TIME_US_PER_S) /* 2026-11-24T12:00:00Z */

typedef struct auth_fixture {
    mc_db *db;
    mc_auth *auth;
    mc_arena *arena;
    mc_ctx ctx;
    mc_err err;
    mc_str body; /* of the last answer */
    mc_str retry_after;
    mc_str cache_control;
} auth_fixture;

/* The calendar and the stopwatch of every service under test; setup sets it back to TEST_NOW. */
void auth_clock_set(int64_t now_us);
void auth_clock_advance(int64_t by_us);
mc_clock auth_clock(void);

/* A config for fast tests: cheap hashes, open registration, no limits. */
mc_auth_config auth_config(void);
bool auth_setup_with(auth_fixture *f, mc_auth_config config);
bool auth_setup(auth_fixture *f);
void auth_teardown(auth_fixture *f);

/* A request as the server would bring it, authenticated and handled as a host does; the status. */
int auth_call(auth_fixture *f, const char *method, const char *path, const char *token,
              const char *json);
/* From another address, or with another content type. */
int auth_call_as(auth_fixture *f, const char *method, const char *path, const char *token,
                 const char *type, const char *peer, const char *json);
/* A string anywhere in the last answer's data, by its first occurrence; NUL-terminated. */
const char *auth_field(auth_fixture *f, const char *name);

/* Registers and signs in; the tokens are in out, copied into the fixture's arena. */
mc_auth_grant auth_person(auth_fixture *f, const char *name, const char *email);

mc_code auth_sql(auth_fixture *f, const char *script);

#endif
