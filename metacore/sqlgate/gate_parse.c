/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text to tree, without trusting the text.
 *
 * The parser's tree is as deep as the author's expression is long: "1+1+1…" nests once a term. What
 * writes and reads the tree recurses with two or three kilobytes of stack a level, and takes time
 * that grows with the square of the depth. So the length of a statement is bounded before parsing,
 * parsing has a stack that such a statement cannot exhaust, and a tree that is still deep is
 * refused there: everything after works on shallow ones.
 */
#include "metacore/sqlgate/sqlgate_internal.h"

#include <pg_query.h>
#include <protobuf-c/protobuf-c.h>
#include <pthread.h>

#define TOKENS_MAX 20000 /* of one statement */
#define TREE_DEPTH_MAX 300
#define STACK_BYTES ((size_t)128 << 20) /* address space; touched as far as it is needed */

typedef struct job {
    const char *text;
    bool is_guest;
    PgQuery__ParseResult *tree;
    bool is_too_deep;
    mc_code rc;
    mc_err *err;
} job;

static unsigned line_of_byte(const char *text, size_t byte)
{
    unsigned line = 1;

    for (size_t i = 0; i < byte; i++)
        line += text[i] == '\n';
    return line;
}

/* The parser counts characters, from 1. */
static unsigned line_of_character(const char *text, int character)
{
    size_t byte = 0;

    while (text[byte] && (((unsigned char)text[byte] & 0xC0) == 0x80 || --character > 0))
        byte++;
    return line_of_byte(text, byte);
}

/* A guest's statement is short, and its author knows where it is. */
static mc_code unreadable(const char *text, const PgQueryError *error, bool is_guest, mc_err *err)
{
    if (is_guest)
        return mc_fail(err, MC_INVALID, "%.160s", error->message);
    return mc_fail(err, MC_INVALID, "migration: line %u: %.120s",
                   line_of_character(text, error->cursorpos), error->message);
}

static mc_code no_memory(bool is_guest, mc_err *err)
{
    return mc_fail(err, MC_NO_MEMORY, is_guest ? "statement" : "migration");
}

/* ---- length ---- */

static mc_code check_length(const char *text, bool is_guest, mc_err *err)
{
    PgQueryScanResult scan = pg_query_scan(text);
    PgQuery__ScanResult *tokens = NULL;
    size_t in_statement = 0;
    mc_code rc = MC_OK;

    if (scan.error)
        rc = unreadable(text, scan.error, is_guest, err);
    else
        tokens = pg_query__scan_result__unpack(NULL, scan.pbuf.len, (uint8_t *)scan.pbuf.data);
    if (rc == MC_OK && !tokens)
        rc = no_memory(is_guest, err);
    for (size_t i = 0; rc == MC_OK && i < tokens->n_tokens; i++) {
        in_statement = tokens->tokens[i]->token == PG_QUERY__TOKEN__ASCII_59 ? 0 : in_statement + 1;
        if (in_statement > TOKENS_MAX)
            rc = mc_fail(err, MC_TOO_LARGE, "migration: line %u: a statement longer than %d words",
                         line_of_byte(text, (size_t)tokens->tokens[i]->start), TOKENS_MAX);
    }
    if (tokens)
        pg_query__scan_result__free_unpacked(tokens, NULL);
    pg_query_free_scan_result(scan);
    return rc;
}

/* ---- depth ---- */

static bool is_deeper(const ProtobufCMessage *message, int left);

static bool field_is_deeper(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                            int left)
{
    const char *at = (const char *)message + field->offset;
    const char *quantifier = (const char *)message + field->quantifier_offset;
    const ProtobufCMessage *const *items;
    size_t count = 1;

    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    /* A oneof's members share their storage: only the one that its case names is there. */
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) && *(const uint32_t *)quantifier != field->id)
        return false;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        count = *(const size_t *)quantifier;
        items = *(const ProtobufCMessage *const *const *)at;
    } else {
        items = (const ProtobufCMessage *const *)at;
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i] && is_deeper(items[i], left))
            return true;
    }
    return false;
}

static bool is_deeper(const ProtobufCMessage *message, int left)
{
    if (left == 0)
        return true;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        if (field_is_deeper(message, &message->descriptor->fields[i], left - 1))
            return true;
    }
    return false;
}

/* ---- parsing ---- */

static mc_code parse(job *j)
{
    PgQueryProtobufParseResult parsed = pg_query_parse_protobuf(j->text);
    mc_code rc = MC_OK;

    if (parsed.error)
        rc = unreadable(j->text, parsed.error, j->is_guest, j->err);
    else
        j->tree = pg_query__parse_result__unpack(NULL, parsed.parse_tree.len,
                                                 (const uint8_t *)parsed.parse_tree.data);
    pg_query_free_protobuf_parse_result(parsed);
    if (rc == MC_OK && !j->tree)
        return no_memory(j->is_guest, j->err);
    if (rc == MC_OK && is_deeper(&j->tree->base, TREE_DEPTH_MAX)) {
        pg_query__parse_result__free_unpacked(j->tree, NULL);
        j->tree = NULL;
        return j->is_guest
                   ? mc_fail(j->err, MC_INVALID, "an expression nested too deeply")
                   : mc_fail(j->err, MC_FORBIDDEN, "migration: an expression nested too deeply");
    }
    return rc;
}

static void *run(void *user)
{
    job *j = user;

    j->rc = parse(j);
    return NULL;
}

mc_code mc__gate_parse(const char *text, bool is_guest, PgQuery__ParseResult **out, mc_err *err)
{
    job j = {.text = text, .is_guest = is_guest, .err = err};
    pthread_attr_t attributes;
    pthread_t thread;
    mc_code rc = check_length(text, is_guest, err);
    int failed;

    if (rc != MC_OK)
        return rc;
    if (pthread_attr_init(&attributes) != 0)
        return no_memory(is_guest, err);
    failed = pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (!failed)
        failed = pthread_create(&thread, &attributes, run, &j);
    (void)pthread_attr_destroy(&attributes); /* it was made */
    if (failed)
        return mc_fail(err, MC_NO_MEMORY, "sql: a thread to parse on");
    (void)pthread_join(thread, NULL); /* it runs, and nobody else joins it */
    if (j.rc == MC_OK)
        *out = j.tree;
    return j.rc;
}
