/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_JSON_H
#define METACORE_BASE_JSON_H

/**
 * json: a strict parser into an arena, and a writer straight into a buffer.
 *
 * The parser refuses rather than repairs: duplicate keys, invalid UTF-8, lone surrogates, NUL in
 * strings (also \u0000), depth beyond a limit, trailing text, leading zeros. Numbers keep their
 * text, so that 2^53+1 and an 18-digit decimal arrive as they were sent.
 * The writer escapes as the wire contract wants it: < > & and U+2028/9 as \u003c etc.
 *
 * Threads:  functions; a parsed value is immutable.
 * Standard: RFC 8259, and I-JSON (RFC 7493) for the refusals.
 */

#include "metacore/base/arena.h"
#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

#define MC_JSON_DEPTH_MAX 64

typedef enum mc_json_kind {
    MC_JSON_NULL,
    MC_JSON_BOOL,
    MC_JSON_NUMBER,
    MC_JSON_STRING,
    MC_JSON_ARRAY,
    MC_JSON_OBJECT
} mc_json_kind;

typedef struct mc_json mc_json;

typedef struct mc_json_member {
    mc_str key; /* decoded */
    const mc_json *value;
} mc_json_member;

struct mc_json {
    mc_json_kind kind;
    uint32_t offset; /* of its first byte in the text, for messages */
    union {
        bool boolean;
        mc_str number; /* the digits as sent: a valid JSON number */
        mc_str string; /* decoded, valid UTF-8, no NUL */
        struct {
            const mc_json *const *items;
            size_t count;
        } array;
        struct {
            const mc_json_member *members; /* in the order sent */
            size_t count;
        } object;
    } as;
};

typedef struct mc_json_options {
    uint32_t depth_max;       /* 0: MC_JSON_DEPTH_MAX */
    bool last_duplicate_wins; /* for manifests, where the reference's decoder accepts it */
} mc_json_options;

/**
 * Parses the whole text.
 *
 * text     borrowed until the arena ends: strings without escapes point into it
 * options  NULL: the defaults
 * Errors   INVALID with the offset and what was wrong; NO_MEMORY.
 */
MC_API MC_MUST_USE mc_code mc_json_parse(mc_arena *arena, mc_str text,
                                         const mc_json_options *options, const mc_json **out,
                                         mc_err *err);

/** The member's value, or NULL when value is NULL, no object, or lacks the key. Exact case. */
MC_API const mc_json *mc_json_find(const mc_json *value, mc_str key);
/** As above; if no key matches exactly, one that does without ASCII case. */
MC_API const mc_json *mc_json_find_nocase(const mc_json *value, mc_str key);

/* Readers: true and *out set when value is of that kind; else false and *out as it was. */
MC_API bool mc_json_get_str(const mc_json *value, mc_str *out);
MC_API bool mc_json_get_bool(const mc_json *value, bool *out);
/** An integer within [min, max], also written 1e3 or 5.0; never rounded. */
MC_API bool mc_json_get_i64(const mc_json *value, int64_t min, int64_t max, int64_t *out);
MC_API bool mc_json_get_double(const mc_json *value, double *out);

/** "string", "number", … for messages. NULL is "nothing". */
MC_API const char *mc_json_kind_name(const mc_json *value);

/** A quoted, escaped string; bytes that are not UTF-8 become U+FFFD. */
MC_API void mc_json_write_str(mc_buf *out, mc_str s);
/** The shortest digits that read back the same, integral ones without fraction (RFC 8785 style);
 *  e-form below 1e-6 and from 1e21; null when not finite. */
MC_API void mc_json_write_double(mc_buf *out, double v);
/** The whole value, compact, members in their order. */
MC_API void mc_json_write(mc_buf *out, const mc_json *value);
/** The same with the members of every object sorted bytewise. */
MC_API void mc_json_write_sorted(mc_buf *out, const mc_json *value, mc_arena *scratch);

MC_END_DECLS
#endif
