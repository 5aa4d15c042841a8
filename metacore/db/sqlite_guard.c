/* SPDX-License-Identifier: Apache-2.0 */
/* What a guarded statement may do, as SQLite finds it out while it prepares one, and again when the
 * schema has changed while it runs. */
#include "metacore/db/sqlite_internal.h"

static bool is_in(mc_strs names, mc_str name)
{
    for (size_t i = 0; i < names.count; i++) {
        if (mc_str_eq(names.items[i], name))
            return true;
    }
    return false;
}

/* Foreign keys look at what they point to, and at what points to what goes. */
static bool follows(const mc_db_guard *guard, mc_str table)
{
    return guard->changes.len && guard->keys.len && mc_str_starts_with(table, guard->keys);
}

static bool may_read(const mc_db_guard *guard, mc_str table, mc_str column)
{
    if (is_in(guard->reads, table) || mc_str_eq(guard->changes, table) || follows(guard, table))
        return true;
    /* A common table expression by our name for it: no table's begins so. */
    if (mc_str_starts_with(table, MC_STR("$")))
        return true;
    return guard->changes.len && mc_str_eq(column, MC_STR("id")) &&
           (mc_str_eq(table, MC_STR("organizations")) || mc_str_eq(table, MC_STR("users")));
}

int mc__sqlite_authorize(void *user, int action, const char *a, const char *b, const char *database,
                         const char *trigger)
{
    mc__sqlite_conn *conn = user;
    const mc_db_guard *guard = conn->guard;
    bool is_allowed = false;

    (void)database;
    if (!guard)
        return SQLITE_OK;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        is_allowed = true;
        break;
    case SQLITE_READ: /* triggers are the table's own rules, written by us */
        is_allowed = trigger || may_read(guard, mc_z(a), mc_z(b));
        break;
    case SQLITE_FUNCTION:
        is_allowed = trigger || (guard->is_function && guard->is_function(mc_z(b)));
        break;
    case SQLITE_INSERT:
        is_allowed = guard->changes.len && mc_str_eq(guard->changes, mc_z(a));
        break;
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
        is_allowed =
            guard->changes.len && (mc_str_eq(guard->changes, mc_z(a)) || follows(guard, mc_z(a)));
        break;
    default:
        break;
    }
    conn->is_denied |= !is_allowed;
    return is_allowed ? SQLITE_OK : SQLITE_DENY;
}

void mc__sqlite_guard(mc__sqlite_conn *conn, const mc_db_guard *guard)
{
    int max = guard->value_bytes_max && guard->value_bytes_max < INT32_MAX
                  ? (int)guard->value_bytes_max
                  : -1;

    conn->guard = guard;
    conn->is_denied = false;
    conn->unguarded_budget_us = conn->budget_us;
    conn->unguarded_length = sqlite3_limit(conn->db, SQLITE_LIMIT_LENGTH, max);
    if (!conn->is_reader)
        sqlite3_progress_handler(conn->db, MC__SQLITE_PROGRESS_OPS, mc__sqlite_over_budget, conn);
    mc__sqlite_set_budget(&conn->base, guard->budget_us ? guard->budget_us : conn->budget_us);
}

void mc__sqlite_unguard(mc__sqlite_conn *conn)
{
    conn->guard = NULL;
    (void)sqlite3_limit(conn->db, SQLITE_LIMIT_LENGTH, conn->unguarded_length);
    if (!conn->is_reader)
        sqlite3_progress_handler(conn->db, 0, NULL, NULL);
    mc__sqlite_set_budget(&conn->base, conn->unguarded_budget_us);
}
