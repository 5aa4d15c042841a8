/* SPDX-License-Identifier: Apache-2.0 */
/* CSV as RFC 4180 has it, with LF or CRLF. */
#include "metacore/dynamic/dynamic_internal.h"

#define CELL_BYTES_MAX ((size_t)1 << 20)
#define HEADER_BYTES_MAX ((size_t)64 << 10)

/* What parts the first line's cells: a comma, or where it has none a semicolon or a tab, which
 * spreadsheets write where the comma is the decimal point. */
static char find_separator(mc_str text)
{
    size_t semicolons = 0, tabs = 0;
    bool is_quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '"')
            is_quoted = !is_quoted;
        else if (is_quoted)
            continue;
        else if (c == ',')
            return ',';
        else if (c == '\n' || c == '\r')
            break;
        semicolons += c == ';';
        tabs += c == '\t';
    }
    return semicolons ? ';' : tabs ? '\t' : ',';
}

void mc__csv_init(mc__csv *self, mc_str text)
{
    static const mc_str bom = MC_STR_INIT("\xef\xbb\xbf");

    self->text = text;
    self->at = mc_str_starts_with(text, bom) ? bom.len : 0;
    self->separator = find_separator(mc_str_slice(text, self->at, self->at + HEADER_BYTES_MAX));
}

static char peek(const mc__csv *self)
{
    return self->at < self->text.len ? self->text.ptr[self->at] : '\0';
}

static bool is_line_end(const mc__csv *self)
{
    return self->at >= self->text.len || peek(self) == '\n' || peek(self) == '\r';
}

/* After the opening quote: up to the closing one, "" inside being one quote. */
static mc_code quoted_cell(mc__csv *self, mc_arena *arena, mc_str *out, mc_err *err)
{
    size_t from = ++self->at, len = 0;
    char *copy;

    while (self->at < self->text.len) {
        if (peek(self) == '"') {
            if (self->at + 1 < self->text.len && self->text.ptr[self->at + 1] == '"')
                self->at++;
            else
                break;
        }
        self->at++;
    }
    if (self->at >= self->text.len)
        return mc_fail(err, MC_INVALID, "csv decode: a quoted cell without end");
    if (self->at - from > CELL_BYTES_MAX)
        return mc_fail(err, MC_INVALID, "csv decode: a cell is larger than 1 MiB");
    copy = mc_arena_alloc(arena, self->at - from);
    if (!copy)
        return mc_fail(err, MC_NO_MEMORY, "import");
    for (size_t i = from; i < self->at; i++) {
        copy[len++] = self->text.ptr[i];
        i += self->text.ptr[i] == '"'; /* the second of a pair */
    }
    *out = mc_str_of(copy, len);
    self->at++;
    return MC_OK;
}

static mc_code bare_cell(mc__csv *self, mc_str *out, mc_err *err)
{
    size_t from = self->at;

    while (!is_line_end(self) && peek(self) != self->separator) {
        if (peek(self) == '"')
            return mc_fail(err, MC_INVALID, "csv decode: a quote inside a bare cell");
        self->at++;
    }
    if (self->at - from > CELL_BYTES_MAX)
        return mc_fail(err, MC_INVALID, "csv decode: a cell is larger than 1 MiB");
    *out = mc_str_slice(self->text, from, self->at);
    return MC_OK;
}

static void skip_line_end(mc__csv *self)
{
    self->at += peek(self) == '\r';
    self->at += peek(self) == '\n';
}

bool mc__csv_next(mc__csv *self, mc_arena *arena, mc_str *cells, size_t max, size_t *out_count,
                  mc_err *err, mc_code *out_rc)
{
    size_t count = 0;
    mc_code rc = MC_OK;
    mc_str cell;

    *out_rc = MC_OK;
    while (self->at < self->text.len && is_line_end(self))
        skip_line_end(self); /* blank lines are no records */
    if (self->at >= self->text.len)
        return false;
    for (;;) {
        rc = peek(self) == '"' ? quoted_cell(self, arena, &cell, err) : bare_cell(self, &cell, err);
        if (rc != MC_OK)
            break;
        if (count < max)
            cells[count] = cell; /* more cells than columns: dropped */
        count++;
        if (is_line_end(self))
            break;
        if (peek(self) != self->separator) {
            rc = mc_fail(err, MC_INVALID, "csv decode: text after a quoted cell");
            break;
        }
        self->at++;
    }
    skip_line_end(self);
    *out_count = count < max ? count : max;
    *out_rc = rc;
    return rc == MC_OK;
}

void mc__csv_write(mc_buf *out, mc_str cell)
{
    bool is_quoted = cell.len && (cell.ptr[0] == ' ' || cell.ptr[cell.len - 1] == ' ');

    for (size_t i = 0; i < cell.len && !is_quoted; i++)
        is_quoted = strchr(",\"\r\n", cell.ptr[i]) != NULL;
    if (!is_quoted) {
        mc_buf_str(out, cell);
        return;
    }
    mc_buf_char(out, '"');
    for (size_t i = 0; i < cell.len; i++) {
        if (cell.ptr[i] == '"')
            mc_buf_char(out, '"');
        mc_buf_char(out, cell.ptr[i]);
    }
    mc_buf_char(out, '"');
}
