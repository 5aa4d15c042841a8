/* SPDX-License-Identifier: Apache-2.0 */
/* An array of any length, element by element: only one of them is ever in memory. */
#include "metacore/dynamic/dynamic_import_internal.h"

void mc__json_rows_init(mc__json_rows *self, mc_str text)
{
    static const mc_str bom = MC_STR_INIT("\xef\xbb\xbf");

    *self = (mc__json_rows){.text = text};
    self->at = mc_str_starts_with(text, bom) ? bom.len : 0;
}

static mc_code malformed(const mc__json_rows *self, const char *what, mc_err *err)
{
    return mc_fail(err, MC_INVALID, "json decode: row %zu, byte %zu: %s", self->row + 1, self->at,
                   what);
}

static void skip_space(mc__json_rows *self)
{
    while (self->at < self->text.len && self->text.ptr[self->at] &&
           strchr(" \t\r\n", self->text.ptr[self->at]))
        self->at++;
}

static char peek(const mc__json_rows *self)
{
    return self->at < self->text.len ? self->text.ptr[self->at] : '\0';
}

/* Behind the string that begins here; false when it has no end. */
static bool skip_string(mc__json_rows *self)
{
    for (self->at++; self->at < self->text.len; self->at++) {
        if (self->text.ptr[self->at] == '\\')
            self->at++;
        else if (self->text.ptr[self->at] == '"') {
            self->at++;
            return true;
        }
    }
    return false;
}

/* Finds where the value ends that begins here; whether it is one, the parser says. */
static bool skip_value(mc__json_rows *self)
{
    size_t depth = 0;

    do {
        char c = peek(self);

        if (self->at >= self->text.len)
            return false;
        if (c == '"') {
            if (!skip_string(self))
                return false;
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
        else if (depth == 0 && (c == ',' || c == '}' || c == ']' || c == ' ' || c == '\t' ||
                                c == '\r' || c == '\n'))
            return true;
        self->at++;
        if (depth == 0 && (c == '}' || c == ']'))
            return true;
    } while (depth > 0 || (self->at < self->text.len && self->text.ptr[self->at - 1] != '"'));
    return true;
}

static mc_code parse_here(mc__json_rows *self, mc_arena *arena, const mc_json **out, mc_err *err)
{
    size_t from = self->at;
    mc_err why;

    if (!skip_value(self) || self->at == from)
        return malformed(self, "the text ends too early, or a value is missing", err);
    if (self->at - from > MC__IMPORT_ROW_BYTES_MAX)
        return malformed(self, "a row is larger than 4 MiB", err);
    if (mc_json_parse(arena, mc_str_slice(self->text, from, self->at), NULL, out, &why) != MC_OK) {
        self->at = from;
        return why.code == MC_NO_MEMORY ? mc_fail(err, MC_NO_MEMORY, "import")
                                        : malformed(self, why.msg, err);
    }
    return MC_OK;
}

/* One member of the object around the rows: true when it is the array, which begins here then. */
static mc_code wrapper_member(mc__json_rows *self, mc_arena *arena, bool *is_data, mc_err *err)
{
    const mc_json *key, *ignored;
    mc_str name = MC_STR("");
    mc_code rc;

    skip_space(self);
    if (peek(self) != '"')
        return malformed(self, "want an array of objects, or {\"data\":[…]}", err);
    rc = parse_here(self, arena, &key, err);
    if (rc != MC_OK)
        return rc;
    (void)mc_json_get_str(key, &name); /* it began with a quote */
    skip_space(self);
    if (peek(self) != ':')
        return malformed(self, "a ':' is missing", err);
    self->at++;
    skip_space(self);
    *is_data = mc_str_eq(name, MC_STR("data"));
    if (*is_data)
        return peek(self) == '[' ? MC_OK : malformed(self, "data: want an array", err);
    return parse_here(self, arena, &ignored, err);
}

static mc_code begin(mc__json_rows *self, mc_arena *arena, mc_err *err)
{
    bool is_data = false;
    mc_code rc = MC_OK;

    self->is_begun = true;
    skip_space(self);
    if (peek(self) == '{') {
        self->is_wrapped = true;
        self->at++;
        rc = wrapper_member(self, arena, &is_data, err);
        while (rc == MC_OK && !is_data) {
            skip_space(self);
            if (peek(self) != ',')
                return malformed(self, "there is no \"data\"", err);
            self->at++;
            rc = wrapper_member(self, arena, &is_data, err);
        }
    }
    if (rc == MC_OK && peek(self) != '[')
        rc = malformed(self, "want an array of objects, or {\"data\":[…]}", err);
    self->at++;
    return rc;
}

/* Behind the array: the rest of the object around it, and nothing more. */
static mc_code finish(mc__json_rows *self, mc_arena *arena, mc_err *err)
{
    bool is_data;

    self->at++;
    skip_space(self);
    while (self->is_wrapped && peek(self) == ',') {
        mc_code rc;

        self->at++;
        rc = wrapper_member(self, arena, &is_data, err);
        if (rc == MC_OK && is_data)
            rc = malformed(self, "data stands twice", err);
        if (rc != MC_OK)
            return rc;
        skip_space(self);
    }
    if (self->is_wrapped && peek(self) != '}')
        return malformed(self, "a '}' is missing", err);
    self->at += self->is_wrapped;
    skip_space(self);
    return self->at < self->text.len ? malformed(self, "text after the rows", err) : MC_OK;
}

bool mc__json_rows_next(mc__json_rows *self, mc_arena *arena, const mc_json **out, mc_err *err,
                        mc_code *out_rc)
{
    bool is_first = !self->is_begun;

    *out_rc = is_first ? begin(self, arena, err) : MC_OK;
    if (*out_rc != MC_OK)
        return false;
    skip_space(self);
    if (peek(self) == ']') {
        *out_rc = finish(self, arena, err);
        return false;
    }
    if (!is_first && peek(self) != ',') {
        *out_rc = malformed(self, "a ',' or a ']' is missing", err);
        return false;
    }
    self->at += !is_first;
    skip_space(self);
    *out_rc = parse_here(self, arena, out, err);
    self->row += *out_rc == MC_OK;
    return *out_rc == MC_OK;
}
