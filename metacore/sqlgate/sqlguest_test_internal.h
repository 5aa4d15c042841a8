/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_SQLGATE_SQLGUEST_TEST_INTERNAL_H
#define METACORE_SQLGATE_SQLGUEST_TEST_INTERNAL_H

/* Two organizations that share an addon's tables, and statements run for one of them. */

#include "mc_test.h"
#include "metacore/base/buf.h"
#include "metacore/db/db.h"
#include "metacore/sqlgate/sqlguest.h"

#define MINE "00000000-0000-7000-8000-0000000000a1"
#define THEIRS "00000000-0000-7000-8000-0000000000b2"
#define ITEM(n) "10000000-0000-7000-8000-00000000000" #n
#define NOW "2026-11-25T10:00:00.000000Z"

typedef struct run {
    const char *sql;
    const char *org; /* whose it is run for */
    mc_db_value args[4];
    bool is_exec, is_unguarded;
    mc_buf out; /* "cell|cell" a row, one a line */
    mc_sqlguest_statement statement;
    int64_t changed;
} run;

extern mc_arena *arena;

bool open_db(void);
void close_db(void);
mc_code run_sql(run *r, mc_err *err);
/* Everything that is the other organization's, or nobody's. */
mc_str theirs(void);

#endif
