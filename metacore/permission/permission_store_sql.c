/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/permission/permission.h"

#include <stdlib.h>

typedef struct sql_store {
    mc_db *db;
} sql_store;

/* Runs fn on ctx's connection, or on one of the pool when ctx has none. */
static mc_code read_with(sql_store *self, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    return ctx->conn ? fn(ctx->conn, ctx, user, err) : mc_db_read(self->db, ctx, fn, user, err);
}

/* ---- load ---- */

typedef struct load_call {
    mc_db_value args[3]; /* organization, role, user */
    mc_strs out;
} load_call;

static mc_code collect(mc_db_rows *rows, mc_arena *arena, mc_strs *out, mc_err *err)
{
    mc_str *items = NULL;
    size_t count = 0, capacity = 0;

    while (mc_db_rows_next(rows)) {
        if (count == capacity) {
            size_t more = capacity ? 2 * capacity : 16;

            /* One more than is allowed tells the caller that it is too many. */
            if (capacity > MC_PERMISSION_HELD_MAX)
                break;
            items =
                mc_arena_realloc(arena, items, capacity * sizeof(*items), more * sizeof(*items));
            if (!items)
                return mc_fail(err, MC_NO_MEMORY, "permission: load");
            capacity = more;
        }
        items[count] = mc_str_copy(arena, mc_db_col_text(rows, 0));
        if (mc_db_col_text(rows, 0).len && !items[count].ptr)
            return mc_fail(err, MC_NO_MEMORY, "permission: load");
        count++;
    }
    *out = (mc_strs){.items = items, .count = count};
    return MC_OK;
}

static mc_code load_run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    static const mc_str sql =
        MC_STR_INIT("SELECT capability FROM permission_role_grants"
                    " WHERE organization_id = $1 AND role = $2 AND role <> ''"
                    " AND deleted_at IS NULL"
                    " UNION ALL SELECT capability FROM permission_user_grants"
                    " WHERE organization_id = $1 AND user_id = $3 AND deleted_at IS NULL");
    load_call *call = user;
    mc_db_rows rows;
    mc_err ignored;
    mc_code rc = mc_db_query(conn, sql, call->args, MC_LEN(call->args), &rows, err), finished;

    if (rc != MC_OK)
        return rc;
    rc = collect(&rows, ctx->arena, &call->out, err);
    finished = mc_db_rows_finish(&rows, rc == MC_OK ? err : &ignored);
    return rc == MC_OK ? finished : rc;
}

static mc_code sql_load(void *store, mc_ctx *ctx, mc_uuid org_id, mc_uuid user_id, mc_str role,
                        mc_strs *out, mc_err *err)
{
    load_call call = {.args = {mc_db_uuid(org_id), mc_db_text(role), mc_db_uuid(user_id)}};
    mc_code rc = read_with(store, ctx, load_run, &call, err);

    if (rc == MC_OK)
        *out = call.out;
    return rc;
}

/* ---- grant, revoke ---- */

typedef struct change_call {
    const mc_permission_grant *grant;
    bool is_grant;
} change_call;

/* A row that somebody else's software deleted softly would stand in the way of a new one. */
static mc_code insert(mc_db_conn *conn, const mc_permission_grant *grant, mc_db_value holder,
                      mc_err *err)
{
    static const mc_str sweep[] = {
        MC_STR_INIT("DELETE FROM permission_role_grants WHERE organization_id = $1 AND role = $2"
                    " AND capability = $3 AND deleted_at IS NOT NULL"),
        MC_STR_INIT("DELETE FROM permission_user_grants WHERE organization_id = $1 AND user_id = $2"
                    " AND capability = $3 AND deleted_at IS NOT NULL"),
    };
    static const mc_str add[] = {
        MC_STR_INIT("INSERT INTO permission_role_grants"
                    " (organization_id, role, capability, id, created_at, updated_at)"
                    " VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING"),
        MC_STR_INIT("INSERT INTO permission_user_grants"
                    " (organization_id, user_id, capability, id, created_at, updated_at)"
                    " VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT DO NOTHING"),
    };
    bool is_user = holder.kind == MC_DB_UUID;
    mc_db_value args[5] = {mc_db_uuid(grant->org_id), holder, mc_db_text(grant->capability)};
    mc_uuid id;
    mc_code rc = mc_uuid_v7(&id, err);

    if (rc == MC_OK)
        rc = mc_db_exec(conn, sweep[is_user], args, 3, NULL, err);
    if (rc != MC_OK)
        return rc;
    args[3] = mc_db_uuid(id);
    args[4] = mc_db_time(mc_clock_now((mc_clock){0}));
    return mc_db_exec(conn, add[is_user], args, MC_LEN(args), NULL, err);
}

/* Really gone: nothing is left that a later grant could stumble over. */
static mc_code erase(mc_db_conn *conn, const mc_permission_grant *grant, mc_db_value holder,
                     mc_err *err)
{
    static const mc_str sql[] = {
        MC_STR_INIT("DELETE FROM permission_role_grants"
                    " WHERE organization_id = $1 AND role = $2 AND capability = $3"),
        MC_STR_INIT("DELETE FROM permission_user_grants"
                    " WHERE organization_id = $1 AND user_id = $2 AND capability = $3"),
    };
    mc_db_value args[] = {mc_db_uuid(grant->org_id), holder, mc_db_text(grant->capability)};

    return mc_db_exec(conn, sql[holder.kind == MC_DB_UUID], args, MC_LEN(args), NULL, err);
}

static mc_code change_run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    const change_call *call = user;
    bool is_user = !mc_uuid_is_nil(call->grant->user_id);
    mc_db_value holder = is_user ? mc_db_uuid(call->grant->user_id) : mc_db_text(call->grant->role);

    (void)ctx;
    return call->is_grant ? insert(conn, call->grant, holder, err)
                          : erase(conn, call->grant, holder, err);
}

static mc_code change(sql_store *self, mc_db_conn *conn, mc_ctx *ctx, change_call *call,
                      mc_err *err)
{
    return conn ? change_run(conn, ctx, call, err)
                : mc_db_write(self->db, ctx, change_run, call, err);
}

static mc_code sql_grant(void *store, mc_db_conn *conn, mc_ctx *ctx,
                         const mc_permission_grant *grant, mc_err *err)
{
    return change(store, conn, ctx, &(change_call){.grant = grant, .is_grant = true}, err);
}

static mc_code sql_revoke(void *store, mc_db_conn *conn, mc_ctx *ctx,
                          const mc_permission_grant *grant, mc_err *err)
{
    return change(store, conn, ctx, &(change_call){.grant = grant}, err);
}

/* ---- list ---- */

typedef struct list_call {
    mc_uuid org_id;
    mc_permission_grant *items;
    size_t count, capacity;
} list_call;

static mc_code list_row(list_call *call, mc_arena *arena, mc_db_rows *rows, bool is_user,
                        mc_err *err)
{
    mc_permission_grant *grant;

    if (call->count == MC_PERMISSION_GRANTS_MAX)
        return mc_fail(err, MC_LIMIT, "permission: more than %d grants", MC_PERMISSION_GRANTS_MAX);
    if (call->count == call->capacity) {
        size_t more = call->capacity ? 2 * call->capacity : 16;

        call->items = mc_arena_realloc(arena, call->items, call->capacity * sizeof(*call->items),
                                       more * sizeof(*call->items));
        if (!call->items)
            return mc_fail(err, MC_NO_MEMORY, "permission: list");
        call->capacity = more;
    }
    grant = &call->items[call->count];
    *grant = (mc_permission_grant){.org_id = call->org_id};
    if (is_user)
        grant->user_id = mc_db_col_uuid(rows, 0);
    else
        grant->role = mc_str_copy(arena, mc_db_col_text(rows, 0));
    grant->capability = mc_str_copy(arena, mc_db_col_text(rows, 1));
    if (!grant->capability.ptr || (!is_user && !grant->role.ptr))
        return mc_fail(err, MC_NO_MEMORY, "permission: list");
    call->count++;
    return MC_OK;
}

static mc_code list_half(mc_db_conn *conn, mc_ctx *ctx, list_call *call, bool is_user, mc_err *err)
{
    static const mc_str sql[] = {
        MC_STR_INIT("SELECT role, capability FROM permission_role_grants"
                    " WHERE organization_id = $1 AND role <> '' AND capability <> ''"
                    " AND deleted_at IS NULL ORDER BY role, capability"),
        MC_STR_INIT("SELECT user_id, capability FROM permission_user_grants"
                    " WHERE organization_id = $1 AND capability <> ''"
                    " AND deleted_at IS NULL ORDER BY user_id, capability"),
    };
    mc_db_value args[] = {mc_db_uuid(call->org_id)};
    mc_db_rows rows;
    mc_err ignored;
    mc_code rc = mc_db_query(conn, sql[is_user], args, MC_LEN(args), &rows, err), finished;

    if (rc != MC_OK)
        return rc;
    while (rc == MC_OK && mc_db_rows_next(&rows))
        rc = list_row(call, ctx->arena, &rows, is_user, err);
    finished = mc_db_rows_finish(&rows, rc == MC_OK ? err : &ignored);
    return rc == MC_OK ? finished : rc;
}

static mc_code list_run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_code rc = list_half(conn, ctx, user, false, err);

    return rc == MC_OK ? list_half(conn, ctx, user, true, err) : rc;
}

static mc_code sql_list(void *store, mc_ctx *ctx, mc_uuid org_id, mc_permission_grants *out,
                        mc_err *err)
{
    list_call call = {.org_id = org_id};
    mc_code rc = read_with(store, ctx, list_run, &call, err);

    if (rc == MC_OK)
        *out = (mc_permission_grants){.items = call.items, .count = call.count};
    return rc;
}

mc_code mc_permission_store_sql_new(mc_db *db, mc_permission_store *out, mc_err *err)
{
    static const mc_permission_store_vt vt = {
        .struct_size = sizeof(vt),
        .load = sql_load,
        .grant = sql_grant,
        .revoke = sql_revoke,
        .list = sql_list,
        .free = free,
    };
    sql_store *self;

    if (!db)
        return mc_fail(err, MC_INVALID, "permission: the store needs a database");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "permission: store");
    self->db = db;
    *out = (mc_permission_store){.vt = &vt, .self = self};
    return MC_OK;
}
