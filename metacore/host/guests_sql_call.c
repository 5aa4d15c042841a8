/* SPDX-License-Identifier: Apache-2.0 */
/* db_query and db_exec, from a guest's words to its answer. */
#include "metacore/host/guests_sql_internal.h"

/* ---- connections that only guests' queries use ---- */

/* What they sort goes to files: a guest may sort more than memory should hold. */
static mc_code take_reader(mc__guests *self, mc_db_conn **out, mc_err *err)
{
    mc_code rc;

    *out = NULL;
    mc_mutex_lock(&self->mu);
    if (self->reader_count)
        *out = self->readers[--self->reader_count];
    mc_mutex_unlock(&self->mu);
    if (*out)
        return MC_OK;
    rc = mc_db_reader_open(self->app->db, out, err);
    if (rc == MC_OK)
        mc_db_conn_set_scanning(*out);
    return rc;
}

static void give_reader(mc__guests *self, mc_db_conn *conn)
{
    mc_mutex_lock(&self->mu);
    if (conn && self->reader_count < MC_LEN(self->readers)) {
        self->readers[self->reader_count++] = conn;
        conn = NULL;
    }
    mc_mutex_unlock(&self->mu);
    mc_db_reader_close(conn);
}

void mc__guests_close_readers(mc__guests *self)
{
    while (self && self->reader_count)
        mc_db_reader_close(self->readers[--self->reader_count]);
}

/* ---- running ---- */

static mc_code translate(mc__guest_sql *s, mc_str sql, mc_err *err)
{
    mc_sqlguest_config config = {MC_SQLGUEST_CONFIG, .is_exec = s->is_exec,
                                 .org_id = s->ctx->who.org_id, .find = mc__guest_sql_find,
                                 .find_user = s};

    return mc_sqlguest_translate(&config, s->ctx->arena, sql, &s->statement, err);
}

static mc_code exec_in(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc__guest_sql *s = user;
    mc_ctx told = *ctx; /* what is told when the transaction ends lives as long as that */
    mc_code rc = mc__guest_sql_run(s, conn, err);

    told.arena = s->call->in_transaction ? s->call->ctx->arena : ctx->arena;
    return rc == MC_OK && s->statement.target.is_model ? mc__guest_sql_tell(s, &told, err) : rc;
}

static mc_code exec(mc__guest_sql *s, mc_err *err)
{
    if (s->call->in_transaction)
        return mc__guest_write_within(s->ctx, exec_in, s, err);
    return mc_db_write(s->call->guests->app->db, s->ctx, exec_in, s, err);
}

/* What the arguments are is told only of a statement that could be read. */
static mc_code prepare(mc__guest_sql *s, const mc_str *args, mc_err *err)
{
    mc_err bad_args;
    mc_code given = mc__guest_sql_read_args(s, args[1], &bad_args);
    mc_code rc = translate(s, args[0], err);

    if (rc == MC_INVALID)
        s->code = "invalid_sql";
    if (given != MC_OK && rc != MC_INVALID) {
        s->code = "arg_decode";
        *err = bad_args;
        return given;
    }
    return rc == MC_OK ? mc__guest_sql_bind(s, err) : rc;
}

static mc_code run(mc__guest_sql *s, const mc_str *args, mc_err *err)
{
    mc__guests *guests = s->call->guests;
    mc_code rc = MC_OK;

    if (mc_db_dialect_of(guests->app->db) != MC_DB_SQLITE) {
        s->code = "db_unavailable";
        return mc_fail(err, MC_NOT_PROVIDED, "addons' SQL is not provided on this database");
    }
    s->conn = s->ctx->conn; /* of its transaction, whose changes it sees */
    if (!s->call->in_transaction)
        rc = take_reader(guests, &s->conn, err);
    if (rc == MC_OK)
        rc = prepare(s, args, err);
    if (rc == MC_OK && !s->is_exec)
        rc = mc__guest_sql_run(s, s->conn, err);
    if (!s->call->in_transaction)
        give_reader(guests, s->conn);
    s->conn = NULL;
    return rc == MC_OK && s->is_exec ? exec(s, err) : rc;
}

/* ---- the answer ---- */

static void write_data(const mc__guest_sql *s, mc_buf *out)
{
    bool has_rows = s->statement.column_count > 0;

    mc_buf_lit(out, "{\"success\":true,\"data\":{");
    if (s->is_exec)
        mc_buf_printf(out, "\"rowsAffected\":%lld%s", (long long)s->changed, has_rows ? "," : "");
    if (has_rows) {
        mc_buf_lit(out, "\"rows\":[");
        mc_buf_str(out, mc_buf_get(&s->rows));
        mc_buf_printf(out, "],\"rowCount\":%zu,", s->row_count);
        mc__guest_sql_write_columns(s, out);
    }
    mc_buf_char(out, '}');
}

static void write_error(const mc__guest_sql *s, const mc_err *why, mc_buf *out)
{
    const char *code = s->code ? s->code : why->code == MC_FORBIDDEN ? "forbidden" : "db_error";

    mc_buf_printf(out, "{\"success\":false,\"error\":{\"code\":\"%s\",\"message\":", code);
    mc_json_write_str(out, why->code == MC_IO ? MC_STR("database error") : mc_z(why->msg));
    mc_buf_char(out, '}');
}

static void write_meta(const mc__guest_sql *s, int64_t began_us, bool is_ok, mc_buf *out)
{
    mc_clock clock = s->call->guests->app->config.clock;

    mc_buf_lit(out, ",\"meta\":{\"addon\":");
    mc_json_write_str(out, s->call->guest->manifest->key);
    mc_buf_lit(out, ",\"orgId\":\"");
    mc_uuid_write(out, s->ctx->who.org_id);
    mc_buf_lit(out, "\",\"schema\":");
    mc_json_write_str(out, mc_schema_name(s->ctx->arena, s->call->guest->manifest->key));
    mc_buf_printf(out, ",\"durationMs\":%lld%s,\"envelopeVersion\":1}}",
                  (long long)((mc_clock_monotonic_us(clock) - began_us) / 1000),
                  is_ok && !s->is_exec ? ",\"truncated\":false" : "");
}

mc_code mc__guest_sql_call(mc__invocation *call, mc_arena *arena, bool is_exec, const mc_str *args,
                           int64_t deadline_us, mc_buf *out, mc_err *err)
{
    int64_t began_us = mc_clock_monotonic_us(call->guests->app->config.clock);
    int64_t left_us = deadline_us - began_us, most_us = (int64_t)MC__GUEST_SQL_MS_MAX * 1000;
    mc__guest_sql *s = mc_arena_object(arena, mc__guest_sql);
    mc_ctx ctx = *call->ctx; /* what it leaves behind is not the request's */
    mc_err why;
    mc_code rc;

    if (!s)
        return mc_fail(err, MC_NO_MEMORY, "guest");
    ctx.arena = arena;
    ctx.field_errors = NULL;
    ctx.field_error_count = 0;
    if (!call->in_transaction)
        ctx.now = mc_clock_now(call->guests->app->config.clock);
    *s = (mc__guest_sql){.call = call,
                         .ctx = &ctx,
                         .is_exec = is_exec,
                         .budget_us = left_us < 1         ? 1
                                      : left_us < most_us ? left_us
                                                          : most_us};
    rc = run(s, args, &why);
    if (rc == MC_NO_MEMORY)
        return mc_fail(err, rc, "guest");
    if (rc == MC_OK)
        write_data(s, out);
    else
        write_error(s, &why, out);
    write_meta(s, began_us, rc == MC_OK, out);
    return MC_OK;
}
