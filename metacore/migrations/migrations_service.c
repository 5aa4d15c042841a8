/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/migrations/migrations.h"

#include "metacore/migrations/migrations_internal.h"

#include "metacore/base/buf.h"
#include "metacore/base/encode.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

typedef mc__migration_step step;
typedef mc__migrations_state state;

typedef struct plan {
    mc_arena *arena;
    step *steps; /* by version */
    size_t count;
} plan;

/* ---- files ---- */

static int by_version(const void *a, const void *b)
{
    const step *left = a, *right = b;

    return (left->version > right->version) - (left->version < right->version);
}

static mc_code checksum(mc_arena *arena, mc_str sql, mc_str *out, mc_err *err)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    mc_buf hex;
    mc_code rc;

    (void)crypto_hash_sha256(digest, (const unsigned char *)sql.ptr, sql.len); /* always 0 */
    mc_buf_init_arena(&hex, arena, 0);
    mc_hex_write(&hex, mc_str_of((const char *)digest, sizeof(digest)));
    rc = mc_buf_check(&hex, "checksum", err);
    if (rc == MC_OK)
        *out = mc_buf_get(&hex);
    return rc;
}

static mc_code plan_load(plan *p, mc_arena *arena, mc_migrations files, mc_err *err)
{
    *p = (plan){.arena = arena};
    if (files.count > MC__MIGRATIONS_FILES_MAX)
        return mc_fail(err, MC_LIMIT, "migrations: more than %d files", MC__MIGRATIONS_FILES_MAX);
    p->steps = mc_arena_array(arena, step, files.count);
    if (!p->steps)
        return mc_fail(err, MC_NO_MEMORY, "migrations");
    for (size_t i = 0; i < files.count; i++) {
        if (mc_migration_version(files.items[i].name, &p->steps[p->count].version))
            p->steps[p->count++].file = &files.items[i];
    }
    qsort(p->steps, p->count, sizeof(*p->steps), by_version);
    for (size_t i = 1; i < p->count; i++) {
        if (p->steps[i].version == p->steps[i - 1].version)
            return mc_fail(err, MC_CONFLICT, "migrations: version %lld stands in two files",
                           (long long)p->steps[i].version);
    }
    return MC_OK;
}

static mc_code parse_step(plan *p, step *s, mc_err *err)
{
    mc_err why;
    mc_code rc = mc_migration_parse(p->arena, s->file->sql, &s->script, &why);

    if (rc != MC_OK)
        return mc_fail(err, rc, "migrations: %.*s: %s", MC_FMT(s->file->name), why.msg);
    return checksum(p->arena, s->file->sql, &s->checksum, err);
}

/* ---- checks before anything runs ---- */

static mc_code check_order(const plan *p, const state *s, mc_err *err)
{
    size_t missing = 0;
    mc_buf list;
    mc_code rc;

    mc_buf_init_arena(&list, p->arena, 0);
    for (size_t i = 0; i < p->count; i++) {
        if (p->steps[i].version >= s->max || mc__migrations_is_applied(s, p->steps[i].version))
            continue;
        mc_buf_printf(&list, "%s%lld", missing++ ? ", " : "", (long long)p->steps[i].version);
    }
    rc = mc_buf_check(&list, "migrations", err);
    if (rc != MC_OK || missing == 0)
        return rc;
    return mc_fail(err, MC_CONFLICT,
                   "migrations: up: detected %zu missing (out-of-order) migration%s lower than "
                   "database version (%lld): version%s %.*s",
                   missing, missing > 1 ? "s" : "", (long long)s->max, missing > 1 ? "s" : "",
                   MC_FMT(mc_buf_get(&list)));
}

static const step *find_step(const plan *p, int64_t version)
{
    for (size_t i = 0; i < p->count; i++) {
        if (p->steps[i].version == version)
            return &p->steps[i];
    }
    return NULL;
}

/* A database that goose itself migrated has no checksums: those files are taken as they are. */
static mc_code check_checksums(plan *p, mc_db_conn *conn, mc_err *err)
{
    mc_code rc, end;
    mc_db_rows rows;

    rc = mc_db_query(conn, MC_STR("SELECT version_id, checksum FROM metacore_migration_checksums"),
                     NULL, 0, &rows, err);
    if (rc != MC_OK)
        return rc;
    while (rc == MC_OK && mc_db_rows_next(&rows)) {
        const step *s = find_step(p, mc_db_col_int(&rows, 0));
        mc_str sum;

        if (!s)
            continue;
        rc = checksum(p->arena, s->file->sql, &sum, err);
        if (rc == MC_OK && !mc_str_eq(sum, mc_db_col_text(&rows, 1)))
            rc = mc_fail(err, MC_CONFLICT,
                         "migrations: %.*s changed after it was applied (checksum mismatch)",
                         MC_FMT(s->file->name));
    }
    end = mc_db_rows_finish(&rows, err);
    return rc != MC_OK ? rc : end;
}

/* ---- runs ---- */

typedef struct run {
    plan plan;
    state state;
    int64_t until; /* up: last version wanted */
    const step *current;
    size_t applied;
} run;

static mc_code prepare_run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    run *r = user;
    mc_code rc = mc__migrations_lock_and_create(conn, err);

    (void)ctx;
    if (rc == MC_OK)
        rc = mc__migrations_state_load(&r->state, r->plan.arena, conn, err);
    if (rc == MC_OK)
        rc = check_checksums(&r->plan, conn, err);
    return rc;
}

static mc_code run_statements(mc_db_conn *conn, const run *r, mc_strs statements, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < statements.count && rc == MC_OK; i++) {
        mc_err why;

        rc = mc_db_exec_script(conn, statements.items[i], &why);
        if (rc != MC_OK)
            (void)mc_fail(err, rc, "partial migration error (type:sql,version:%lld): %s",
                          (long long)r->current->version, why.msg);
    }
    return rc;
}

static mc_code apply_one(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    run *r = user;
    mc_code rc = mc__migrations_lock_and_create(conn, err);

    (void)ctx;
    if (rc == MC_OK)
        rc = mc__migrations_state_load(&r->state, r->plan.arena, conn, err);
    if (rc != MC_OK || mc__migrations_is_applied(&r->state, r->current->version))
        return rc; /* another process was first */
    rc = run_statements(conn, r, r->current->script.up, err);
    if (rc == MC_OK)
        rc = mc__migrations_record(conn, r->current, err);
    if (rc == MC_OK)
        r->applied++;
    return rc;
}

static mc_code revert_one(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    run *r = user;
    mc_code rc = mc__migrations_lock_and_create(conn, err);

    (void)ctx;
    if (rc == MC_OK)
        rc = run_statements(conn, r, r->current->script.down, err);
    return rc == MC_OK ? mc__migrations_unrecord(conn, r->current, err) : rc;
}

/* ---- files that say NO TRANSACTION ---- */

static mc_code end_transaction(mc_db_conn *conn, mc_code rc, mc_err *err)
{
    if (rc == MC_OK)
        return mc_db_commit(conn, err);
    mc_db_rollback(conn);
    return rc;
}

/* The lock is the session's here, which ends with the run; on SQLite nobody else writes. */
static mc_code lock_alone(mc_db_conn *conn, mc_err *err)
{
    mc_db_value lock = mc_db_int(MC__MIGRATIONS_LOCK_ID);
    mc_code rc = MC_OK;

    if (mc_db_conn_dialect(conn) == MC_DB_POSTGRES) {
        rc = mc_db_exec_script(conn, MC_STR("SET lock_timeout = 0"), err);
        if (rc == MC_OK)
            rc = mc_db_exec(conn, MC_STR("SELECT pg_advisory_lock($1)"), &lock, 1, NULL, err);
    }
    if (rc == MC_OK)
        rc = mc_db_begin(conn, err);
    return rc == MC_OK ? end_transaction(conn, mc__migrations_lock_and_create(conn, err), err) : rc;
}

/* Statement by statement, then the version row: a crash between the two runs the file again. */
static mc_code apply_alone(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    run *r = user;
    mc_code rc = lock_alone(conn, err);

    (void)ctx;
    if (rc == MC_OK)
        rc = mc__migrations_state_load(&r->state, r->plan.arena, conn, err);
    if (rc != MC_OK || mc__migrations_is_applied(&r->state, r->current->version))
        return rc; /* another process was first */
    rc = run_statements(conn, r, r->current->script.up, err);
    if (rc == MC_OK)
        rc = mc_db_begin(conn, err);
    if (rc != MC_OK)
        return rc;
    rc = end_transaction(conn, mc__migrations_record(conn, r->current, err), err);
    if (rc == MC_OK)
        r->applied++;
    return rc;
}

static mc_code revert_alone(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    run *r = user;
    mc_code rc = lock_alone(conn, err);

    (void)ctx;
    if (rc == MC_OK)
        rc = run_statements(conn, r, r->current->script.down, err);
    if (rc == MC_OK)
        rc = mc_db_begin(conn, err);
    return rc == MC_OK ? end_transaction(conn, mc__migrations_unrecord(conn, r->current, err), err)
                       : rc;
}

static mc_code apply(run *r, mc_db *db, mc_ctx *ctx, mc_err *err)
{
    if (r->current->script.no_transaction)
        return mc_db_write_alone(db, ctx, apply_alone, r, err);
    return mc_db_write(db, ctx, apply_one, r, err);
}

static mc_code revert(run *r, mc_db *db, mc_ctx *ctx, mc_err *err)
{
    if (r->current->script.no_transaction)
        return mc_db_write_alone(db, ctx, revert_alone, r, err);
    return mc_db_write(db, ctx, revert_one, r, err);
}

/* ---- what is called ---- */

/* Says which call failed, where the message does not do so itself. */
static mc_code name_call(mc_code rc, const char *call, mc_err *err)
{
    mc_err why;

    if (rc == MC_OK || !err || mc_str_starts_with(mc_z(err->msg), MC_STR("migrations: ")))
        return rc;
    why = *err;
    return mc_fail(err, rc, "migrations: %s: %s", call, why.msg);
}

static mc_code up(run *r, mc_db *db, mc_ctx *ctx, mc_migrations files, mc_err *err)
{
    mc_code rc = plan_load(&r->plan, ctx->arena, files, err);

    if (rc == MC_OK)
        rc = mc_db_write(db, ctx, prepare_run, r, err);
    if (rc == MC_OK)
        rc = check_order(&r->plan, &r->state, err);
    for (size_t i = 0; i < r->plan.count && rc == MC_OK; i++)
        rc = parse_step(&r->plan, &r->plan.steps[i], err);
    for (size_t i = 0; i < r->plan.count && rc == MC_OK; i++) {
        r->current = &r->plan.steps[i];
        if (r->current->version <= r->until &&
            !mc__migrations_is_applied(&r->state, r->current->version))
            rc = apply(r, db, ctx, err);
    }
    return rc;
}

mc_code mc_migrations_up(mc_db *db, mc_ctx *ctx, mc_migrations files, size_t *out_applied,
                         mc_err *err)
{
    run r = {.until = INT64_MAX};
    mc_code rc = name_call(up(&r, db, ctx, files, err), "up", err);

    if (rc == MC_OK && out_applied)
        *out_applied = r.applied;
    return rc;
}

mc_code mc_migrations_up_to(mc_db *db, mc_ctx *ctx, mc_migrations files, int64_t version,
                            size_t *out_applied, mc_err *err)
{
    run r = {.until = version};
    char call[48];
    mc_code rc;

    if (version < 1)
        return mc_fail(err, MC_INVALID, "migrations: up-to %lld: version must be greater than 0",
                       (long long)version);
    (void)snprintf(call, sizeof(call), "up-to %lld", (long long)version);
    rc = name_call(up(&r, db, ctx, files, err), call, err);
    if (rc == MC_OK && out_applied)
        *out_applied = r.applied;
    return rc;
}

mc_code mc_migrations_down(mc_db *db, mc_ctx *ctx, mc_migrations files, size_t steps, mc_err *err)
{
    size_t wanted = steps ? steps : SIZE_MAX, done = 0;
    run r = {.until = 0};
    char call[48];
    mc_code rc = plan_load(&r.plan, ctx->arena, files, err);

    if (rc == MC_OK)
        rc = mc_db_write(db, ctx, prepare_run, &r, err);
    for (size_t i = 0; i < r.plan.count && rc == MC_OK; i++)
        rc = parse_step(&r.plan, &r.plan.steps[i], err);
    for (size_t i = r.plan.count; i-- > 0 && rc == MC_OK && done < wanted;) {
        r.current = &r.plan.steps[i];
        if (!mc__migrations_is_applied(&r.state, r.current->version))
            continue;
        rc = revert(&r, db, ctx, err);
        done++;
    }
    (void)snprintf(call, sizeof(call), steps ? "down step %zu" : "down-all", done);
    rc = name_call(rc, call, err);
    if (rc == MC_OK && done < wanted && steps)
        return mc_fail(err, MC_NOT_FOUND, "migrations: down step %zu: no next version found",
                       done + 1);
    return rc;
}

mc_code mc_migrations_status(mc_db *db, mc_ctx *ctx, mc_migrations files, mc_migration_status **out,
                             size_t *out_count, mc_err *err)
{
    mc_migration_status *rows;
    run r = {.until = 0};
    mc_code rc = plan_load(&r.plan, ctx->arena, files, err);

    if (rc == MC_OK)
        rc = mc_db_write(db, ctx, prepare_run, &r, err);
    if (rc != MC_OK)
        return rc;
    rows = mc_arena_array(ctx->arena, mc_migration_status, r.plan.count);
    if (!rows)
        return mc_fail(err, MC_NO_MEMORY, "migrations");
    for (size_t i = 0; i < r.plan.count; i++) {
        rows[i] = (mc_migration_status){
            .version = r.plan.steps[i].version,
            .name = r.plan.steps[i].file->name,
            .is_applied = mc__migrations_is_applied(&r.state, r.plan.steps[i].version),
        };
    }
    *out = rows;
    *out_count = r.plan.count;
    return MC_OK;
}
