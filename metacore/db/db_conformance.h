/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DB_DB_CONFORMANCE_H
#define METACORE_DB_DB_CONFORMANCE_H

/*
 * What every driver does alike: the same expectations, run on each. db is open and empty.
 */

#include "metacore/db/db.h"

void mc__db_conformance_values(mc_db *db);
void mc__db_conformance_transactions(mc_db *db);
void mc__db_conformance_errors(mc_db *db);
void mc__db_conformance_cursors(mc_db *db);
void mc__db_conformance_alone(mc_db *db);

#endif
