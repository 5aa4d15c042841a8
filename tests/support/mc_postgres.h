/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_SUPPORT_MC_POSTGRES_H
#define METACORE_TESTS_SUPPORT_MC_POSTGRES_H

/**
 * mc_postgres: a PostgreSQL server for one test program.
 *
 * Started by the first call, on a socket in a folder of its own, without a port; stopped when the
 * program ends, however it ends. Not durable: nothing here survives anyway.
 *
 * Threads: one thread at a time.
 */

#include "metacore/base/str.h"

/** Why there is no server (say so with MC_SKIP), or NULL when there is one. */
const char *mc_postgres_missing(void);

/** A new empty database's postgres:// address; empty (and the test has failed) if that fails. */
mc_str mc_postgres_database(void);
/** The same as an installation has it: its owner's, who may make roles and is no superuser. */
mc_str mc_postgres_owned_database(void);

/** Stops the server as a crash does and starts it again on the same data. */
bool mc_postgres_restart(void);

/** The driver's module, for mc_db_config.module_path. */
mc_str mc_postgres_module(void);

#endif
