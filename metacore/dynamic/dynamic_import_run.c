/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of a file into the table, through the one write path, in transactions of bounded size: other
 * writers have their turn between two of them. */
#include "metacore/dynamic/dynamic_import_internal.h"

#include <stdlib.h>
#include <time.h>

#define BATCH_ROWS 200
#define BATCH_BYTES ((size_t)1 << 20)        /* of the file */
#define BATCH_ARENA_BYTES ((size_t)64 << 20) /* one row of the largest kind, twenty times */
#define ALL_ARENA_BYTES ((size_t)256 << 20)
#define SAMPLE_ROWS 5
#define SAMPLE_BYTES_MAX ((size_t)64 << 10)
#define INPUT_BYTES_MAX ((size_t)4 << 10) /* of a refused row that are shown */
#define SEEN_BYTES_MAX ((size_t)64 << 20)
#define BUSY_TRIES 100
#define BUSY_PAUSE_NS 20000000

typedef struct batch {
    mc__import *in;
    mc_ctx ctx; /* the import's, with an arena of its own */
    const mc_json **rows;
    size_t *numbers;           /* of each row in the file, from 1 */
    mc_dynamic_write **writes; /* NULL: refused */
    size_t count, max;
    size_t created;
} batch;

/* ---- what was refused ---- */

static void write_input(mc_buf *out, mc_arena *arena, const mc_json *row)
{
    mc_buf text;

    mc_buf_init_arena(&text, arena, INPUT_BYTES_MAX);
    mc_json_write(&text, row);
    if (mc_buf_failed(&text)) /* too long to be shown */
        mc_buf_lit(out, "null");
    else
        mc_buf_str(out, mc_buf_get(&text));
}

/* Reads what the row left in ctx, and takes it away: it was the row's, not the request's. */
static void note(batch *b, size_t i, const mc_err *why)
{
    mc__import *in = b->in;
    bool has_field = b->ctx.field_error_count > 0;
    mc_str message = has_field ? b->ctx.field_errors[0].message : mc_z(why->msg);

    if (in->failure_count < MC_DYNAMIC_IMPORT_ERRORS_MAX)
        mc__dynamic_say(in->self, &b->ctx, &message);
    in->failed++;
    b->writes[i] = NULL;
    if (in->failure_count < MC_DYNAMIC_IMPORT_ERRORS_MAX) {
        if (in->failure_count++ > 0)
            mc_buf_char(&in->failures, ',');
        mc_buf_lit(&in->failures, "{\"error\":");
        mc_json_write_str(&in->failures, message);
        if (has_field) {
            mc_buf_lit(&in->failures, ",\"field\":");
            mc_json_write_str(&in->failures, b->ctx.field_errors[0].field);
        }
        mc_buf_lit(&in->failures, ",\"input\":");
        write_input(&in->failures, b->ctx.arena, b->rows[i]);
        mc_buf_lit(&in->failures, ",\"message\":");
        mc_json_write_str(&in->failures, message);
        mc_buf_printf(&in->failures, ",\"row\":%zu}", b->numbers[i]);
    }
    b->ctx.field_error_count = 0;
}

/* Not the row's fault: the import ends here. */
static bool is_ours(mc_code rc)
{
    return rc == MC_IO || rc == MC_NO_MEMORY || rc == MC_INTERNAL || rc == MC_UNAVAILABLE ||
           rc == MC_LIMIT || rc == MC_INTERRUPTED;
}

/* ---- values that stand in the file twice ---- */

static mc_str value_text(mc_arena *arena, size_t column, const mc_db_value *value)
{
    char id[MC_UUID_TEXT_LEN];

    switch (value->kind) {
    case MC_DB_TEXT:
    case MC_DB_DECIMAL:
    case MC_DB_JSON:
        return mc_str_printf(arena, "%zu:%.*s", column, MC_FMT(value->as.text));
    case MC_DB_UUID:
        mc_uuid_format(value->as.uuid, id);
        return mc_str_printf(arena, "%zu:%.*s", column, MC_UUID_TEXT_LEN, id);
    case MC_DB_BOOL:
        return mc_str_printf(arena, "%zu:%d", column, value->as.boolean);
    case MC_DB_INT:
        return mc_str_printf(arena, "%zu:%lld", column, (long long)value->as.integer);
    case MC_DB_TIME:
    case MC_DB_DATE:
        return mc_str_printf(arena, "%zu:%lld", column, (long long)value->as.time);
    default:
        return MC_STR("");
    }
}

/* A dry run keeps nothing in the table, so that the table cannot tell. */
static mc_code check_seen(batch *b, size_t i, mc_err *err)
{
    mc__import *in = b->in;
    const mc_dynamic_write *write = b->writes[i];

    for (size_t k = 0; k < write->count; k++) {
        const mc_column *column = write->items[k].column;
        mc_str text;
        mc_code rc;

        if (!column->is_unique || write->items[k].value.kind == MC_DB_NULL)
            continue;
        text = value_text(in->seen_text, (size_t)(column - in->model->columns),
                          &write->items[k].value);
        if (!text.ptr)
            return mc_fail(err, MC_NO_MEMORY, "import");
        if (mc_map_find(&in->seen, text)) {
            mc_ctx_field_error(&b->ctx, column->name, MC_STR("duplicate"), MC_STR(""),
                               "%.*s is taken already", MC_FMT(column->label));
            return mc__dynamic_field_failure(&b->ctx, MC_CONFLICT, err);
        }
        rc = mc_map_put(&in->seen, text, in, err);
        if (rc != MC_OK)
            return rc;
    }
    return MC_OK;
}

/* ---- a batch: read and prepared here, written on the writer ---- */

static void take_sample(mc__import *in, const mc_json *row, size_t number)
{
    if (number > SAMPLE_ROWS || in->sample.len > SAMPLE_BYTES_MAX)
        return;
    if (number > 1)
        mc_buf_char(&in->sample, ',');
    mc_json_write(&in->sample, row);
}

static mc_code prepare_row(batch *b, const mc_json *row, mc_err *err)
{
    size_t i = b->count++;
    mc_err why;
    mc_code rc;

    b->rows[i] = row;
    b->numbers[i] = b->in->source.row;
    b->writes[i] = NULL;
    take_sample(b->in, row, b->numbers[i]);
    if (row->kind != MC_JSON_OBJECT)
        rc = mc_fail(&why, MC_INVALID, "a row is no object");
    else
        rc = mc_dynamic_prepare(b->in->self, &b->ctx, b->in->model, row, true, &b->writes[i], &why);
    if (rc == MC_NO_MEMORY)
        return mc_fail(err, rc, "import");
    if (rc != MC_OK)
        note(b, i, &why);
    return MC_OK;
}

/* Up to as many rows, or as much of the file, as one transaction takes. */
static mc_code read_batch(batch *b, bool *out_is_over, mc_err *err)
{
    mc__source *source = &b->in->source;
    size_t from = mc__source_at(source);
    const mc_json *row;
    mc_code rc = MC_OK;

    b->count = 0;
    b->created = 0;
    b->ctx.field_errors = NULL;
    b->ctx.field_error_count = 0;
    *out_is_over = false;
    while (rc == MC_OK && b->count < b->max &&
           (b->in->mode == MC__IMPORT_ALL || mc__source_at(source) - from < BATCH_BYTES)) {
        if (!mc__source_next(source, b->ctx.arena, &row, err, &rc)) {
            *out_is_over = true;
            break;
        }
        rc = prepare_row(b, row, err);
    }
    return rc;
}

static mc_code create_row(batch *b, mc_db_conn *conn, size_t i, mc_buf *row, mc_err *err)
{
    mc_time version;
    mc_err why;
    mc_code rc = mc_db_begin(conn, err); /* a refused row takes back nothing but itself */

    if (rc != MC_OK)
        return rc;
    mc_buf_clear(row);
    if (b->in->mode == MC__IMPORT_DRY)
        rc = check_seen(b, i, &why);
    if (rc == MC_OK)
        rc = mc_dynamic_create(b->in->self, &b->ctx, b->writes[i], row, &version, &why);
    if (rc == MC_OK) {
        b->created++;
        return mc_db_commit(conn, err);
    }
    mc_db_rollback(conn);
    if (is_ours(rc)) {
        *err = why;
        return rc;
    }
    note(b, i, &why);
    return MC_OK;
}

static mc_code create_rows(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    batch *b = user;
    mc_code rc = MC_OK;
    mc_buf row;

    (void)ctx;      /* b's, which is the same */
    b->created = 0; /* it may be the second try */
    mc_buf_init(&row, 0);
    for (size_t i = 0; i < b->count && rc == MC_OK; i++) {
        if (b->writes[i])
            rc = create_row(b, conn, i, &row, err);
    }
    mc_buf_deinit(&row);
    /* All or nothing: what went well is taken back with the rest. */
    if (rc == MC_OK && b->in->mode == MC__IMPORT_ALL && b->in->failed > 0)
        rc = mc_fail(err, MC_REJECTED, "import: rows were refused");
    return rc;
}

static mc_code rehearse_rows(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    mc_code rc = mc__questions_waive(ctx, err);

    if (rc == MC_OK)
        rc = mc_db_begin(conn, err);
    if (rc != MC_OK)
        return rc;
    rc = create_rows(conn, ctx, user, err);
    ctx->questions = NULL;
    mc_db_rollback(conn); /* whatever it was */
    return rc;
}

/* A full queue is a busy moment; half an import should not be what is left of it. */
static mc_code write_patiently(batch *b, mc_err *err)
{
    static const struct timespec pause = {.tv_nsec = BUSY_PAUSE_NS};
    mc_dynamic *self = b->in->self;
    mc_code rc = MC_OK;

    for (int i = 0; i < BUSY_TRIES; i++) {
        rc = b->in->mode == MC__IMPORT_DRY
                 ? mc_db_write(self->config.db, &b->ctx, rehearse_rows, b, err)
                 : mc_dynamic_transact(self, &b->ctx, false, create_rows, b, err);
        if (rc != MC_LIMIT || b->created > 0)
            break;
        (void)nanosleep(&pause, NULL); /* an early end only tries sooner */
    }
    return rc;
}

static mc_code write_batch(batch *b, mc_err *err)
{
    size_t accepted = 0;
    mc_code rc;

    for (size_t i = 0; i < b->count; i++)
        accepted += b->writes[i] != NULL;
    if (accepted == 0 || (b->in->mode == MC__IMPORT_ALL && b->in->failed > 0))
        return MC_OK;
    rc = write_patiently(b, err);
    if (rc == MC_REJECTED && b->in->mode == MC__IMPORT_ALL)
        return MC_OK; /* nothing was kept, and why stands in failures */
    if (rc == MC_OK)
        b->in->created += b->created;
    return rc;
}

mc_code mc__import_run(mc__import *self, mc_err *err)
{
    bool is_all = self->mode == MC__IMPORT_ALL, is_over = false;
    batch b = {.in = self, .ctx = *self->ctx, .max = is_all ? self->rows + 1 : BATCH_ROWS};
    mc_code rc = MC_OK;

    b.ctx.arena = mc_arena_new(is_all ? ALL_ARENA_BYTES : BATCH_ARENA_BYTES);
    b.rows = calloc(b.max, sizeof(*b.rows));
    b.numbers = calloc(b.max, sizeof(*b.numbers));
    b.writes = calloc(b.max, sizeof(*b.writes));
    self->seen_text = mc_arena_new(SEEN_BYTES_MAX);
    if (!b.ctx.arena || !b.rows || !b.numbers || !b.writes || !self->seen_text)
        rc = mc_fail(err, MC_NO_MEMORY, "import");
    while (rc == MC_OK && !is_over) {
        mc_arena_reset(b.ctx.arena);
        rc = read_batch(&b, &is_over, err);
        if (rc == MC_OK)
            rc = write_batch(&b, err);
    }
    if (rc == MC_OK)
        rc = mc_buf_check(&self->failures, "import", err);
    mc_map_deinit(&self->seen);
    mc_arena_free(self->seen_text);
    mc_arena_free(b.ctx.arena);
    free(b.rows);
    free(b.numbers);
    free(b.writes);
    return rc;
}
