/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions by depth, and what waits for their end. A file of its own because a driver that is
 * loaded at run time brings its own copy: it must not ask the program for symbols.
 */
#include "metacore/db/db_internal.h"

mc_code mc__db_run(mc_db_conn *conn, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    mc_db_conn *outer = ctx->conn;
    unsigned depth;
    mc_code rc = mc_db_begin(conn, err);

    if (rc != MC_OK)
        return rc;
    depth = conn->depth;
    ctx->conn = conn;
    rc = fn(conn, ctx, user, err);
    ctx->conn = outer;
    if (conn->depth != depth) {
        /* fn left a transaction open, or closed one that was not its own. */
        while (conn->depth > depth)
            mc_db_rollback(conn);
        rc = mc_fail(err, MC_INTERNAL, "db: a job left its transaction unbalanced");
    }
    if (rc == MC_OK)
        return mc_db_commit(conn, err);
    if (conn->depth == depth)
        mc_db_rollback(conn);
    return rc;
}

mc_code mc__db_run_alone(mc_db_conn *conn, mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err)
{
    mc_db_conn *outer = ctx->conn;
    mc_code rc;

    ctx->conn = conn;
    rc = fn(conn, ctx, user, err);
    ctx->conn = outer;
    if (conn->depth == 0)
        return rc;
    while (conn->depth > 0)
        mc_db_rollback(conn);
    return mc_fail(err, MC_INTERNAL, "db: a job left its transaction unbalanced");
}

mc_code mc_db_begin(mc_db_conn *conn, mc_err *err)
{
    mc_code rc = conn->vt->begin(conn, conn->depth, err);

    if (rc == MC_OK)
        conn->depth++;
    return rc;
}

void mc_db_after_commit(mc_db_conn *conn, mc_db_hook *hook)
{
    hook->depth = conn->depth;
    hook->next = conn->hooks;
    conn->hooks = hook;
}

/* What was added deeper than depth is undone with it. */
static void drop_hooks(mc_db_conn *conn, unsigned depth)
{
    while (conn->hooks && conn->hooks->depth > depth)
        conn->hooks = conn->hooks->next;
}

/* A released savepoint's hooks are the outer level's now. The newest stand first and no hook is
 * deeper than one before it, so that the walk is over at the first that lies outside. */
static void raise_hooks(mc_db_conn *conn)
{
    for (mc_db_hook *hook = conn->hooks; hook && hook->depth > conn->depth; hook = hook->next)
        hook->depth = conn->depth;
}

/* In the order in which they were added. */
static void run_hooks(mc_db_conn *conn)
{
    mc_db_hook *oldest = NULL, *next;

    for (mc_db_hook *hook = conn->hooks; hook; hook = next) {
        next = hook->next;
        hook->next = oldest;
        oldest = hook;
    }
    conn->hooks = NULL;
    for (mc_db_hook *hook = oldest; hook; hook = next) {
        next = hook->next; /* its memory may go when it runs */
        hook->run(hook);
    }
}

mc_code mc_db_commit(mc_db_conn *conn, mc_err *err)
{
    mc_code rc;

    if (conn->depth == 0)
        return mc_fail(err, MC_INTERNAL, "db: commit without begin");
    rc = conn->vt->commit(conn, conn->depth - 1, err);
    if (rc != MC_OK)
        conn->vt->rollback(conn, conn->depth - 1);
    conn->depth--;
    if (rc != MC_OK)
        drop_hooks(conn, conn->depth);
    else if (conn->depth > 0)
        raise_hooks(conn);
    else
        run_hooks(conn);
    return rc;
}

void mc_db_rollback(mc_db_conn *conn)
{
    if (conn->depth == 0)
        return;
    conn->depth--;
    conn->vt->rollback(conn, conn->depth);
    drop_hooks(conn, conn->depth);
}
