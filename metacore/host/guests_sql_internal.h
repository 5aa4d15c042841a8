/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_GUESTS_SQL_INTERNAL_H
#define METACORE_HOST_GUESTS_SQL_INTERNAL_H

#include "metacore/host/guests_internal.h"
#include "metacore/sqlgate/sqlguest.h"

#define MC__GUEST_SQL_ROWS_MAX 10000
#define MC__GUEST_SQL_MS_MAX 5000

/* One statement of a guest. */
typedef struct mc__guest_sql {
    mc__invocation *call;
    mc_ctx *ctx;
    mc_db_conn *conn; /* that relations are looked up with */
    bool is_exec;
    int64_t budget_us;
    const char *code; /* of its failure, when it is none that the code of the error says */
    mc_sqlguest_statement statement;
    const mc_json *given; /* its arguments, as they came */
    mc_db_value args[MC_SQLGUEST_USER];
    mc_buf rows; /* objects with commas between */
    size_t row_count;
    mc_uuid *ids; /* of rows that were changed; MC__GUEST_SQL_ROWS_MAX */
    size_t id_count;
    int64_t changed;
} mc__guest_sql;

/* guests_sql.c: an mc_sqlguest_config's find; user is the statement. */
mc_code mc__guest_sql_find(void *user, mc_str schema, mc_str table, bool is_write,
                           mc_sqlguest_relation *out, mc_err *err);

/* guests_sql_args.c */
mc_code mc__guest_sql_read_args(mc__guest_sql *s, mc_str text, mc_err *err);
/* What the statement's parameters are decides what the arguments become. */
mc_code mc__guest_sql_bind(mc__guest_sql *s, mc_err *err);

/* guests_sql_run.c: on conn; what it changes is told. */
mc_code mc__guest_sql_run(mc__guest_sql *s, mc_db_conn *conn, mc_err *err);
/* guests_sql_tell.c: in the transaction. */
mc_code mc__guest_sql_tell(mc__guest_sql *s, mc_ctx *ctx, mc_err *err);
void mc__guest_sql_write_columns(const mc__guest_sql *s, mc_buf *out);

#endif
