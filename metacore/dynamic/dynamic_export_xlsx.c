/* SPDX-License-Identifier: Apache-2.0 */
/* Exports as a workbook. The library keeps one row in memory and the rest in files without names;
 * the finished workbook is such a file too, so that a failure is still answered as one. */
#include "metacore/dynamic/dynamic_export_internal.h"

#include "metacore/base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <xlsxwriter.h>

#define CELL_CHARACTERS_MAX 32767
#define ROWS_MAX (LXW_ROW_MAX - 1) /* without the header */
#define EXACT_DIGITS 15            /* of a number that a double keeps as it is written */
#define EXACT_INT ((int64_t)1 << 53)
#define COPY_BYTES 65536

typedef struct sheet {
    const mc__export *export;
    lxw_workbook *book;
    lxw_worksheet *page;
    lxw_row_t row; /* the next one */
    mc_arena *scratch;
    mc_buf cell;
} sheet;

static mc_code book_failed(lxw_error error, mc_err *err)
{
    if (error == LXW_NO_ERROR)
        return MC_OK;
    return mc_fail(err, error == LXW_ERROR_MEMORY_MALLOC_FAILED ? MC_NO_MEMORY : MC_IO,
                   "export: xlsx: %s", lxw_strerror(error));
}

static mc_code put_text(sheet *s, size_t col, mc_str text, mc_err *err)
{
    char *z;

    if (text.len == 0)
        return MC_OK;
    if (text.len > CELL_CHARACTERS_MAX && mc_utf8_count(text) > CELL_CHARACTERS_MAX)
        return mc_fail(err, MC_REJECTED,
                       "export: row %u has a text of more than %d characters, which xlsx cannot "
                       "hold: use format=csv",
                       (unsigned)s->row, CELL_CHARACTERS_MAX);
    z = mc_str_z(s->scratch, text);
    if (!z)
        return mc_fail(err, MC_NO_MEMORY, "export");
    return book_failed(worksheet_write_string(s->page, s->row, (lxw_col_t)col, z, NULL), err);
}

/* A number only where the spreadsheet's doubles keep each digit; else its text. */
static mc_code put_decimal(sheet *s, size_t col, mc_str text, mc_err *err)
{
    size_t digits = 0;
    char *z;

    for (size_t i = 0; i < text.len; i++)
        digits += text.ptr[i] >= '0' && text.ptr[i] <= '9';
    z = mc_str_z(s->scratch, text);
    if (!z)
        return mc_fail(err, MC_NO_MEMORY, "export");
    if (digits > EXACT_DIGITS)
        return put_text(s, col, text, err);
    return book_failed(
        worksheet_write_number(s->page, s->row, (lxw_col_t)col, strtod(z, NULL), NULL), err);
}

static mc_code put_cell(sheet *s, mc_db_rows *rows, size_t col, mc_err *err)
{
    const mc_column *column = s->export->columns[col];
    size_t at = s->export->at[col];
    mc_str text;
    int64_t whole;

    if (!column || mc_db_col_is_null(rows, at))
        return MC_OK;
    if (column->type == MC_COL_BOOL)
        return book_failed(worksheet_write_boolean(s->page, s->row, (lxw_col_t)col,
                                                   mc_db_col_bool(rows, at), NULL),
                           err);
    mc_buf_clear(&s->cell);
    mc__cell_write(s->export->self->dialect, rows, at, column, &s->cell);
    if (mc_buf_failed(&s->cell))
        return mc_fail(err, MC_NO_MEMORY, "export");
    text = mc_buf_get(&s->cell);
    switch (column->type) {
    case MC_COL_INT:
    case MC_COL_BIGINT:
        whole = mc_db_col_int(rows, at);
        if (whole > EXACT_INT || whole < -EXACT_INT)
            return put_text(s, col, text, err);
        return book_failed(
            worksheet_write_number(s->page, s->row, (lxw_col_t)col, (double)whole, NULL), err);
    case MC_COL_DECIMAL:
        return put_decimal(s, col, text, err);
    default:
        return put_text(
            s, col, mc__column_is_words(column) ? mc__cell_neutral(s->scratch, text) : text, err);
    }
}

static mc_code sheet_row(void *user, mc_db_rows *rows, mc_err *err)
{
    sheet *s = user;
    mc_code rc = MC_OK;

    if (s->row > ROWS_MAX)
        return mc_fail(err, MC_REJECTED,
                       "export: more than %d rows, which xlsx cannot hold: filter, or use "
                       "format=csv",
                       ROWS_MAX);
    mc_arena_reset(s->scratch);
    for (size_t i = 0; i < s->export->count && rc == MC_OK; i++)
        rc = put_cell(s, rows, i, err);
    s->row++;
    return rc;
}

static mc_code write_header(sheet *s, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < s->export->count && rc == MC_OK; i++)
        rc = put_text(s, i, mc__cell_neutral(s->scratch, s->export->headers[i]), err);
    s->row = 1;
    return rc;
}

static mc_code fill(sheet *s, bool with_rows, mc_err *err)
{
    lxw_error error;
    mc_code rc = write_header(s, err);

    if (rc == MC_OK && with_rows)
        rc = mc__export_pages(s->export, sheet_row, NULL, NULL, s, err);
    error = workbook_close(s->book); /* frees it, whatever it says */
    return rc == MC_OK ? book_failed(error, err) : rc;
}

static mc_code make_book(const mc__export *export, bool with_rows, char *path, char *dir,
                         mc_err *err)
{
    lxw_workbook_options options = {.constant_memory = LXW_TRUE, .tmpdir = dir, .use_zip64 = 1};
    sheet s = {.export = export};
    mc_code rc;

    s.scratch = mc_arena_new(0);
    s.book = s.scratch ? workbook_new_opt(path, &options) : NULL;
    s.page = s.book ? workbook_add_worksheet(s.book, NULL) : NULL;
    mc_buf_init(&s.cell, 0);
    if (!s.page) {
        if (s.book)
            (void)workbook_close(s.book);
        rc = mc_fail(err, MC_NO_MEMORY, "export: xlsx");
    } else {
        rc = fill(&s, with_rows, err);
    }
    mc_buf_deinit(&s.cell);
    mc_arena_free(s.scratch);
    return rc;
}

static mc_code copy_out(int fd, mc_sink out, mc_err *err)
{
    mc_arena *arena = mc_arena_new(0);
    char *piece = arena ? mc_arena_alloc(arena, COPY_BYTES) : NULL;
    mc_code rc = piece ? MC_OK : mc_fail(err, MC_NO_MEMORY, "export");
    off_t at = 0;

    while (rc == MC_OK) {
        ssize_t n = pread(fd, piece, COPY_BYTES, at);

        if (n == 0)
            break;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = mc_fail_errno(err, MC_IO, errno, "export: xlsx");
        else
            rc = mc_sink_write(out, mc_str_of(piece, (size_t)n), err);
        at += n;
    }
    mc_arena_free(arena);
    return rc;
}

mc_code mc__export_xlsx(const mc__export *export, bool with_rows, mc_sink out, mc_err *err)
{
    mc_str folder = export->self->config.temp_dir;
    char *dir = mc_str_z(export->ctx->arena, folder.len ? folder : MC_STR("/tmp"));
    char path[64];
    mc_code rc;
    int fd;

    if (!dir)
        return mc_fail(err, MC_NO_MEMORY, "export");
    fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0)
        return mc_fail_errno(err, MC_IO, errno, "export: xlsx: no temporary file");
    /* The library wants a name: this one is our descriptor's and nobody else's. */
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    rc = make_book(export, with_rows, path, dir, err);
    if (rc == MC_OK)
        rc = copy_out(fd, out, err);
    (void)close(fd);
    return rc;
}
