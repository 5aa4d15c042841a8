/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/migrations/migrations.h"

#define STATEMENTS_MAX 4096 /* of one direction of one file */

typedef enum section { SECTION_NONE, SECTION_UP, SECTION_DOWN } section;

typedef struct parser {
    mc_arena *arena;
    mc_str sql;
    section section;
    bool is_in_block;      /* between StatementBegin and StatementEnd */
    bool has_statement;    /* a statement has begun */
    size_t statement_from; /* offset of its first line */
    mc_str *items[3];      /* by section */
    size_t counts[3];
    bool has_up, has_down, no_transaction;
} parser;

bool mc_migration_version(mc_str name, int64_t *out)
{
    size_t end = mc_str_find_char(name, 0, '_');

    return end < name.len && mc_str_ends_with(name, MC_STR(".sql")) &&
           mc_str_i64(mc_str_slice(name, 0, end), 1, INT64_MAX, out);
}

static mc_code add_statement(parser *p, size_t to, mc_err *err)
{
    mc_str text = mc_str_trim(mc_str_slice(p->sql, p->statement_from, to));
    size_t n = p->counts[p->section];

    p->has_statement = false;
    if (text.len == 0)
        return MC_OK;
    if (n == STATEMENTS_MAX)
        return mc_fail(err, MC_INVALID, "more than %d statements", STATEMENTS_MAX);
    if (!p->items[p->section])
        p->items[p->section] = mc_arena_array(p->arena, mc_str, STATEMENTS_MAX);
    if (!p->items[p->section])
        return mc_fail(err, MC_NO_MEMORY, "migration");
    p->items[p->section][n] = text;
    p->counts[p->section]++;
    return MC_OK;
}

static mc_code begin_section(parser *p, section which, mc_err *err)
{
    bool *has = which == SECTION_UP ? &p->has_up : &p->has_down;

    if (p->is_in_block)
        return mc_fail(err, MC_INVALID, "StatementBegin without StatementEnd");
    if (p->has_statement)
        return mc_fail(err, MC_INVALID, "a statement before an annotation does not end in ';'");
    if (*has)
        return mc_fail(err, MC_INVALID, "the annotation %s stands twice",
                       which == SECTION_UP ? "Up" : "Down");
    if (which == SECTION_DOWN && !p->has_up)
        return mc_fail(err, MC_INVALID, "Down stands before Up");
    *has = true;
    p->section = which;
    return MC_OK;
}

static mc_code begin_block(parser *p, size_t next_line, mc_err *err)
{
    if (p->section == SECTION_NONE || p->is_in_block || p->has_statement)
        return mc_fail(err, MC_INVALID, "StatementBegin stands where none may begin");
    p->is_in_block = true;
    p->has_statement = true;
    p->statement_from = next_line;
    return MC_OK;
}

static mc_code annotate(parser *p, mc_str name, size_t line_from, size_t next_line, mc_err *err)
{
    if (mc_str_eq_nocase(name, MC_STR("Up")))
        return begin_section(p, SECTION_UP, err);
    if (mc_str_eq_nocase(name, MC_STR("Down")))
        return begin_section(p, SECTION_DOWN, err);
    if (mc_str_eq_nocase(name, MC_STR("StatementBegin")))
        return begin_block(p, next_line, err);
    if (mc_str_eq_nocase(name, MC_STR("StatementEnd"))) {
        if (!p->is_in_block)
            return mc_fail(err, MC_INVALID, "StatementEnd without StatementBegin");
        p->is_in_block = false;
        return add_statement(p, line_from, err);
    }
    if (mc_str_eq_nocase(name, MC_STR("NO TRANSACTION"))) {
        p->no_transaction = true;
        return MC_OK;
    }
    /* Environment variables in SQL are text from outside in SQL: refused rather than expanded. */
    if (mc_str_eq_nocase(name, MC_STR("ENVSUB ON")))
        return mc_fail(err, MC_INVALID, "ENVSUB ON is not supported");
    if (mc_str_eq_nocase(name, MC_STR("ENVSUB OFF")))
        return MC_OK;
    return mc_fail(err, MC_INVALID, "unknown annotation \"+goose %.*s\"", MC_FMT(name));
}

/* The annotation of a comment line, or false when it is an ordinary comment. */
static bool find_annotation(mc_str line, mc_str *out)
{
    static const mc_str mark = MC_STR_INIT("+goose");
    mc_str text = mc_str_trim(mc_str_slice(line, 2, line.len));

    if (text.len < mark.len || !mc_str_eq_nocase(mc_str_slice(text, 0, mark.len), mark))
        return false;
    *out = mc_str_trim(mc_str_slice(text, mark.len, text.len));
    return true;
}

/* Whether the last word before "--" ends in a semicolon. */
static bool ends_statement(mc_str line)
{
    size_t comment = mc_str_find(line, MC_STR("--"));

    return mc_str_ends_with(mc_str_trim(mc_str_slice(line, 0, comment)), MC_STR(";"));
}

static mc_code read_line(parser *p, size_t from, size_t to, size_t next, mc_err *err)
{
    mc_str line = mc_str_slice(p->sql, from, to);
    bool is_comment = mc_str_starts_with(line, MC_STR("--"));
    mc_str annotation;

    if (is_comment && find_annotation(line, &annotation))
        return annotate(p, annotation, from, next, err);
    if (p->is_in_block)
        return MC_OK;
    if (!p->has_statement && (is_comment || mc_str_trim(line).len == 0))
        return MC_OK;
    if (p->section == SECTION_NONE)
        return mc_fail(err, MC_INVALID, "a statement stands before \"-- +goose Up\"");
    if (!p->has_statement) {
        p->has_statement = true;
        p->statement_from = from;
    }
    return ends_statement(line) ? add_statement(p, to, err) : MC_OK;
}

mc_code mc_migration_parse(mc_arena *arena, mc_str sql, mc_migration_script *out, mc_err *err)
{
    parser p = {.arena = arena, .sql = sql};
    size_t at = 0;

    while (at < sql.len) {
        size_t end = mc_str_find_char(sql, at, '\n');
        mc_code rc;

        if (end - at > MC_MIGRATION_LINE_MAX)
            return mc_fail(err, MC_INVALID, "a line is longer than 4 MiB");
        rc = read_line(&p, at, end, end < sql.len ? end + 1 : end, err);
        if (rc != MC_OK)
            return rc;
        at = end + 1;
    }
    if (p.is_in_block)
        return mc_fail(err, MC_INVALID, "StatementBegin without StatementEnd");
    if (p.has_statement)
        return mc_fail(err, MC_INVALID, "the last statement does not end in ';'");
    if (!p.has_up)
        return mc_fail(err, MC_INVALID, "no \"-- +goose Up\" annotation");
    *out = (mc_migration_script){
        .up = {p.items[SECTION_UP], p.counts[SECTION_UP]},
        .down = {p.items[SECTION_DOWN], p.counts[SECTION_DOWN]},
        .no_transaction = p.no_transaction,
    };
    return MC_OK;
}
