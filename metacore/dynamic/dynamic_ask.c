/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes that somebody outside of the transaction decides about: code in a sandbox, a server
 * somewhere. Nobody may wait for these within a transaction, so it is tried first: each write that
 * has to be decided notes the question (this row as it is in the transaction, this input) and goes
 * on, the whole is taken back, the questions are answered at leisure, and it is tried again. A
 * write goes through only when the very question that it raises was answered with yes: what another
 * has changed meanwhile is another question, and asked anew.
 */
#include "metacore/dynamic/dynamic_internal.h"

#define ROUNDS_MAX 8

typedef struct question {
    struct question *next;
    mc_dynamic_question asked;
    mc_uuid new_id; /* of a create: the same at each try */
    bool is_raised; /* in this try */
    bool is_answered;
    mc_err answer; /* code MC_OK: yes */
    mc_str failure_code;
    bool failure_is_told;
} question;

struct mc_dynamic_questions {
    mc_arena *arena; /* lasts for all tries */
    question *first, **last;
    question *expected; /* where the search begins: a try raises what the one before has raised */
    size_t open;
    unsigned rounds;
    bool is_waived;
    bool is_expected; /* whoever runs the transaction knows that there may be any */
};

static mc_code start(mc_ctx *ctx, mc_err *err)
{
    mc_dynamic_questions *all;

    if (ctx->questions)
        return MC_OK;
    all = mc_arena_object(ctx->arena, mc_dynamic_questions);
    if (!all)
        return mc_fail(err, MC_NO_MEMORY, "write");
    all->arena = ctx->arena;
    all->last = &all->first;
    ctx->questions = all;
    return MC_OK;
}

mc_code mc__questions_waive(mc_ctx *ctx, mc_err *err)
{
    mc_code rc = start(ctx, err);

    if (rc == MC_OK)
        ctx->questions->is_waived = true;
    return rc;
}

/* ---- within the transaction ---- */

static bool is_same(const question *q, const mc_dynamic_question *other)
{
    return !q->is_raised && q->asked.model == other->model && q->asked.event == other->event &&
           mc_uuid_eq(q->asked.id, other->id) && mc_str_eq(q->asked.record, other->record) &&
           mc_str_eq(q->asked.input, other->input);
}

static question *find(mc_dynamic_questions *all, const mc_dynamic_question *wanted)
{
    for (question *q = all->expected; q; q = q->next) {
        if (is_same(q, wanted))
            return q;
    }
    for (question *q = all->first; q && q != all->expected; q = q->next) {
        if (is_same(q, wanted))
            return q;
    }
    return NULL;
}

static mc_code note(mc_dynamic_questions *all, const mc_dynamic_question *wanted, question **out,
                    mc_err *err)
{
    question *q = mc_arena_object(all->arena, question);
    mc_code rc = q ? mc_uuid_v7(&q->new_id, err) : mc_fail(err, MC_NO_MEMORY, "write");

    if (rc != MC_OK)
        return rc;
    q->asked = *wanted;
    q->asked.record = mc_str_copy(all->arena, wanted->record);
    q->asked.input = mc_str_copy(all->arena, wanted->input);
    if (q->asked.record.len != wanted->record.len || q->asked.input.len != wanted->input.len)
        return mc_fail(err, MC_NO_MEMORY, "write");
    *all->last = q;
    all->last = &q->next;
    all->open++;
    *out = q;
    return MC_OK;
}

static mc_code raise(mc_ctx *ctx, const mc_dynamic_question *wanted, mc_uuid *new_id, mc_err *err)
{
    mc_dynamic_questions *all = ctx->questions;
    question *q = find(all, wanted);
    mc_code rc = q ? MC_OK : note(all, wanted, &q, err);

    if (rc != MC_OK)
        return rc;
    q->is_raised = true;
    all->expected = q->next;
    if (new_id && mc_uuid_is_nil(*new_id))
        *new_id = q->new_id;
    /* Who does not know of questions would commit what nobody has decided about. */
    if (!q->is_answered && !all->is_expected)
        return mc_fail(err, MC_INTERRUPTED, "writes have to be decided about first");
    if (!q->is_answered || q->answer.code == MC_OK)
        return MC_OK;
    *err = q->answer;
    ctx->failure_code = q->failure_code;
    ctx->failure_is_told = q->failure_is_told;
    return q->answer.code;
}

static bool is_decided_elsewhere(const mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                                 mc_dynamic_event event)
{
    const mc_dynamic_config *config = &self->config;

    return config->ask && !model->is_internal && !(ctx->questions && ctx->questions->is_waived) &&
           (!config->is_asked || config->is_asked(config->ask_user, ctx, model, event));
}

static mc_code write_input(mc_ctx *ctx, const mc_json *input, mc_str *out, mc_err *err)
{
    mc_buf text;

    mc_buf_init_arena(&text, ctx->arena, 0);
    if (input)
        mc_json_write(&text, input);
    *out = mc_buf_get(&text);
    return mc_buf_check(&text, "write", err);
}

mc_code mc__dynamic_decide_create(mc_dynamic *self, mc_ctx *ctx, const mc_dynamic_write *write,
                                  mc_uuid *new_id, mc_err *err)
{
    mc_dynamic_question q = {.model = write->model, .event = MC_BEFORE_CREATE};
    mc_code rc;

    if (!is_decided_elsewhere(self, ctx, q.model, q.event))
        return MC_OK;
    rc = start(ctx, err);
    if (rc == MC_OK)
        rc = write_input(ctx, write->input, &q.input, err);
    q.record = q.input;
    return rc == MC_OK ? raise(ctx, &q, new_id, err) : rc;
}

/* The row as it is now, deleted or not. */
static mc_code read_record(mc_dynamic *self, mc_ctx *ctx, const mc_dynamic_question *q, mc_str *out,
                           mc_err *err)
{
    bool is_deleted = q->event == MC_BEFORE_RESTORE, is_found = false;
    mc__row_layout *layout;
    mc__statement s;
    mc_time version;
    mc_buf row;
    mc_code rc = mc__row_layout_new(self, ctx, q->model, &layout, err);

    if (rc == MC_OK)
        rc = mc__statement_init(&s, ctx, 3, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_lit(&s.sql, "SELECT ");
    mc_buf_str(&s.sql, mc__row_layout_columns(layout));
    mc_buf_lit(&s.sql, " FROM ");
    mc_buf_str(&s.sql, q->model->physical);
    mc__statement_where_row(&s, ctx, q->model, q->id, is_deleted);
    mc_buf_init_arena(&row, ctx->arena, 0);
    rc = mc__statement_one(ctx, &s, layout, &row, &version, &is_found, err);
    if (rc == MC_OK && !is_found)
        rc = mc_fail(err, MC_NOT_FOUND, "record not found");
    if (rc == MC_OK)
        rc = mc_buf_check(&row, "write", err);
    if (rc == MC_OK)
        *out = mc_buf_get(&row);
    return rc;
}

mc_code mc__dynamic_decide(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                           mc_dynamic_event event, mc_uuid id, const mc_json *input, mc_err *err)
{
    mc_dynamic_question q = {.model = model, .event = event, .id = id};
    mc_code rc;

    if (!is_decided_elsewhere(self, ctx, model, event))
        return MC_OK;
    rc = start(ctx, err);
    if (rc == MC_OK)
        rc = write_input(ctx, input, &q.input, err);
    if (rc == MC_OK)
        rc = read_record(self, ctx, &q, &q.record, err);
    return rc == MC_OK ? raise(ctx, &q, NULL, err) : rc;
}

/* ---- around it ---- */

bool mc_dynamic_is_asking(const mc_ctx *ctx)
{
    return ctx->questions && ctx->questions->open > 0;
}

mc_code mc_dynamic_end(const mc_ctx *ctx, mc_code rc, mc_err *err)
{
    return rc == MC_OK && mc_dynamic_is_asking(ctx)
               ? mc_fail(err, MC_INTERRUPTED, "writes have to be decided about first")
               : rc;
}

mc_code mc_dynamic_ask(mc_dynamic *self, mc_ctx *ctx, mc_err *err)
{
    const mc_dynamic_config *config = &self->config;
    mc_dynamic_questions *all = ctx->questions;

    if (++all->rounds > ROUNDS_MAX) {
        ctx->failure_code = MC_STR("undecided");
        return mc_fail(err, MC_CONFLICT,
                       "what is written changed each time while it was decided about");
    }
    ctx->questions = NULL; /* whoever is asked may write, too: that has its own */
    for (question *q = all->first; q; q = q->next) {
        q->is_raised = false;
        if (q->is_answered)
            continue;
        q->answer.code = config->ask(config->ask_user, ctx, &q->asked, &q->answer);
        q->failure_code = ctx->failure_code;
        q->failure_is_told = ctx->failure_is_told;
        ctx->failure_code = MC_STR("");
        ctx->failure_is_told = false;
        q->is_answered = true;
    }
    ctx->questions = all;
    all->expected = all->first;
    all->open = 0;
    all->is_expected = true;
    return MC_OK;
}

typedef struct transaction {
    mc_db_fn fn;
    void *user;
    bool is_alone;
} transaction;

static mc_code run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    transaction *t = user;
    mc_code rc = t->is_alone ? mc_db_begin(conn, err) : MC_OK;

    if (rc != MC_OK)
        return rc;
    ctx->is_alone = t->is_alone;
    rc = mc_dynamic_end(ctx, t->fn(conn, ctx, t->user, err), err);
    ctx->is_alone = false;
    if (!t->is_alone)
        return rc;
    if (rc == MC_OK)
        return mc_db_commit(conn, err);
    mc_db_rollback(conn);
    return rc;
}

mc_code mc_dynamic_transact(mc_dynamic *self, mc_ctx *ctx, bool is_alone, mc_db_fn fn, void *user,
                            mc_err *err)
{
    transaction t = {.fn = fn, .user = user, .is_alone = is_alone};
    mc_dynamic_questions *outer = ctx->questions;
    mc_db_conn *conn = ctx->conn;
    mc_db *db = self->config.db;
    mc_code rc;

    ctx->questions = NULL;
    rc = start(ctx, err); /* shared by who copies ctx within fn */
    if (rc == MC_OK)
        ctx->questions->is_expected = true;
    while (rc == MC_OK) {
        rc = is_alone ? mc_db_write_alone(db, ctx, run, &t, err)
                      : mc_db_write(db, ctx, run, &t, err);
        ctx->conn = conn;
        if (rc != MC_INTERRUPTED || !mc_dynamic_is_asking(ctx))
            break;
        rc = mc_dynamic_ask(self, ctx, err);
    }
    ctx->questions = outer;
    return rc;
}
