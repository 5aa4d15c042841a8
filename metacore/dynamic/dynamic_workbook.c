/* SPDX-License-Identifier: Apache-2.0 */
/* A spreadsheet's first sheet, row by row, as CSV. Only the table of shared texts is in memory. */
#include "metacore/dynamic/dynamic_workbook_internal.h"

#include <errno.h>
#include <expat.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define SHEET_BYTES_MAX ((size_t)1 << 30)
#define TEXTS_BYTES_MAX ((size_t)128 << 20)
#define TEXTS_ARENA_BYTES ((size_t)192 << 20)
#define CELL_BYTES_MAX ((size_t)1 << 20)
#define FLUSH_BYTES ((size_t)64 << 10)
#define EPOCH_DAYS 25569 /* from 1899-12-30 to 1970-01-01 */

typedef struct reader {
    XML_Parser parser;
    mc_code rc;
    mc_err *err;
    /* the shared texts */
    mc_arena *arena;
    mc_str *texts;
    size_t text_count, text_cap;
    /* what is being read */
    mc_buf value;
    bool is_taking;   /* characters belong to value */
    bool is_phonetic; /* inside rPh, which repeats the text in another script */
    char type;        /* of the cell: 's'hared, 'b'oolean, or another */
    size_t col, next_col;
    bool has_cells;
    /* what is written */
    mc_buf out;
    size_t written;
    int fd;
} reader;

bool mc__workbook_is(mc_str text)
{
    return mc_str_starts_with(text, MC_STR("PK\x03\x04"));
}

static void fail(reader *r, mc_code rc, const char *what)
{
    if (r->rc == MC_OK)
        r->rc = mc_fail(r->err, rc, "import: %s", what);
    (void)XML_StopParser(r->parser, XML_FALSE); /* or it has ended already */
}

/* Without the prefix of its name space. */
static mc_str local(const char *name)
{
    mc_str all = mc_z(name);
    size_t colon = mc_str_find_char(all, 0, ':');

    return colon < all.len ? mc_str_slice(all, colon + 1, all.len) : all;
}

static mc_str attribute(const char **attributes, const char *name)
{
    for (size_t i = 0; attributes[i]; i += 2) {
        if (strcmp(attributes[i], name) == 0)
            return mc_z(attributes[i + 1]);
    }
    return MC_STR("");
}

static void on_text(void *user, const char *text, int len)
{
    reader *r = user;

    if (!r->is_taking || r->is_phonetic)
        return;
    mc_buf_bytes(&r->value, text, (size_t)len);
    if (mc_buf_failed(&r->value))
        fail(r, MC_INVALID, "a cell is larger than 1 MiB");
}

/* Nothing that a spreadsheet writes has one: with it, a small file could become a large one. */
static void on_doctype(void *user, const char *name, const char *system, const char *public,
                       int has)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has;
    fail(user, MC_INVALID, "the workbook has a document type, which none has");
}

/* ---- shared texts ---- */

static void texts_start(void *user, const char *name, const char **attributes)
{
    reader *r = user;
    mc_str tag = local(name);

    (void)attributes;
    if (mc_str_eq(tag, MC_STR("si")))
        mc_buf_clear(&r->value);
    else if (mc_str_eq(tag, MC_STR("t")))
        r->is_taking = true;
    else if (mc_str_eq(tag, MC_STR("rPh")))
        r->is_phonetic = true;
}

static void add_text(reader *r)
{
    if (r->text_count == r->text_cap) {
        size_t cap = r->text_cap ? r->text_cap * 2 : 1024;
        mc_str *grown = realloc(r->texts, cap * sizeof(*grown));

        if (!grown) {
            fail(r, MC_NO_MEMORY, "texts");
            return;
        }
        r->texts = grown;
        r->text_cap = cap;
    }
    r->texts[r->text_count] = mc_str_copy(r->arena, mc_buf_get(&r->value));
    if (r->value.len > 0 && !r->texts[r->text_count].ptr)
        fail(r, MC_TOO_LARGE, "the workbook has too much text: save it as CSV");
    else
        r->text_count++;
}

static void texts_end(void *user, const char *name)
{
    reader *r = user;
    mc_str tag = local(name);

    if (mc_str_eq(tag, MC_STR("t")))
        r->is_taking = false;
    else if (mc_str_eq(tag, MC_STR("rPh")))
        r->is_phonetic = false;
    else if (mc_str_eq(tag, MC_STR("si")))
        add_text(r);
}

/* ---- the sheet ---- */

static void flush(reader *r)
{
    mc_str rest = mc_buf_get(&r->out);

    if (mc_buf_failed(&r->out)) {
        fail(r, MC_NO_MEMORY, "sheet");
        return;
    }
    r->written += rest.len;
    if (r->written > MC_DYNAMIC_IMPORT_BYTES_MAX) {
        fail(r, MC_TOO_LARGE, "the workbook is too large: save it as CSV, in parts");
        return;
    }
    while (rest.len > 0) {
        ssize_t n = write(r->fd, rest.ptr, rest.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            fail(r, MC_IO, "no room for the workbook's rows");
            return;
        }
        rest = mc_str_slice(rest, (size_t)n, rest.len);
    }
    mc_buf_clear(&r->out);
}

/* "AB12" is column 27; without a reference it is the next one. */
static size_t column_of(mc_str reference, size_t next)
{
    size_t col = 0, i = 0;

    for (; i < reference.len && i < 4 && reference.ptr[i] >= 'A' && reference.ptr[i] <= 'Z'; i++)
        col = col * 26 + (size_t)(reference.ptr[i] - 'A' + 1);
    return i > 0 ? col - 1 : next;
}

static void sheet_start(void *user, const char *name, const char **attributes)
{
    reader *r = user;
    mc_str tag = local(name);

    if (mc_str_eq(tag, MC_STR("row"))) {
        r->next_col = 0;
        r->has_cells = false;
    } else if (mc_str_eq(tag, MC_STR("c"))) {
        mc_str type = attribute(attributes, "t");

        r->col = column_of(attribute(attributes, "r"), r->next_col);
        r->type = type.len == 1 ? type.ptr[0] : ' ';
        mc_buf_clear(&r->value);
    } else if (mc_str_eq(tag, MC_STR("v")) || mc_str_eq(tag, MC_STR("t"))) {
        r->is_taking = true;
    } else if (mc_str_eq(tag, MC_STR("rPh"))) {
        r->is_phonetic = true;
    }
}

static mc_str cell_text(reader *r)
{
    mc_str text = r->value.len ? mc_buf_get(&r->value) : MC_STR("");
    uint64_t number;

    if (r->type == 's' && mc_str_u64(text, 0, r->text_count ? r->text_count - 1 : 0, &number) &&
        number < r->text_count)
        return r->texts[number];
    if (r->type == 's')
        fail(r, MC_INVALID, "a cell's text is not in the workbook");
    if (r->type == 'b')
        return mc_str_eq(text, MC_STR("1")) ? MC_STR("true") : MC_STR("false");
    return text;
}

static void end_cell(reader *r)
{
    /* Cells come in order; one that does not, or lies beyond any model, is left out. */
    if (r->col < r->next_col || r->col >= MC_MODEL_COLUMNS_MAX)
        return;
    for (size_t i = r->has_cells ? r->next_col : 1; i <= r->col; i++)
        mc_buf_char(&r->out, ',');
    mc__csv_write(&r->out, cell_text(r));
    r->has_cells = true;
    r->next_col = r->col + 1;
}

static void sheet_end(void *user, const char *name)
{
    reader *r = user;
    mc_str tag = local(name);

    if (mc_str_eq(tag, MC_STR("v")) || mc_str_eq(tag, MC_STR("t"))) {
        r->is_taking = false;
    } else if (mc_str_eq(tag, MC_STR("rPh"))) {
        r->is_phonetic = false;
    } else if (mc_str_eq(tag, MC_STR("c"))) {
        end_cell(r);
    } else if (mc_str_eq(tag, MC_STR("row"))) {
        if (r->has_cells)
            mc_buf_char(&r->out, '\n');
        if (r->out.len >= FLUSH_BYTES)
            flush(r);
    }
}

/* ---- both ---- */

static mc_code feed(void *user, mc_str bytes, mc_err *err)
{
    reader *r = user;

    if (XML_Parse(r->parser, bytes.ptr, (int)bytes.len, 0) != XML_STATUS_OK && r->rc == MC_OK)
        r->rc = mc_fail(err, MC_INVALID, "import: the workbook is damaged: %s",
                        XML_ErrorString(XML_GetErrorCode(r->parser)));
    return r->rc;
}

static mc_code feed_whole(void *user, mc_str bytes, mc_err *err)
{
    mc_code rc = MC_OK;

    /* A stored entry comes in one piece, which may be more than an int counts. */
    while (rc == MC_OK && bytes.len > 0) {
        mc_str piece = mc_str_slice(bytes, 0, FLUSH_BYTES);

        rc = feed(user, piece, err);
        bytes = mc_str_slice(bytes, piece.len, bytes.len);
    }
    return rc;
}

static mc_code parse(reader *r, const mc__zip_entry *entry, size_t max,
                     XML_StartElementHandler start, XML_EndElementHandler end, mc_err *err)
{
    mc_code rc;

    r->parser = XML_ParserCreate(NULL);
    if (!r->parser)
        return mc_fail(err, MC_NO_MEMORY, "import");
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, start, end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    rc = mc__zip_read(entry, max, (mc_sink){feed_whole, r}, err);
    if (rc == MC_OK && XML_Parse(r->parser, "", 0, 1) != XML_STATUS_OK)
        rc = r->rc != MC_OK ? r->rc : mc_fail(err, MC_INVALID, "import: the workbook is damaged");
    XML_ParserFree(r->parser);
    r->parser = NULL;
    return rc;
}

static mc_code read_book(reader *r, mc_str book, mc_err *err)
{
    mc__zip_entry sheet, texts;
    mc_code rc = mc__zip_find(book, MC_STR("xl/worksheets/sheet"), true, &sheet, err);

    if (rc == MC_NOT_FOUND)
        return mc_fail(err, MC_INVALID, "import: this is no workbook (.xlsx)");
    if (rc != MC_OK)
        return rc;
    rc = mc__zip_find(book, MC_STR("xl/sharedStrings.xml"), false, &texts, err);
    if (rc == MC_OK)
        rc = parse(r, &texts, TEXTS_BYTES_MAX, texts_start, texts_end, err);
    else if (rc == MC_NOT_FOUND)
        rc = MC_OK; /* every text stands in its cell */
    if (rc == MC_OK)
        rc = parse(r, &sheet, SHEET_BYTES_MAX, sheet_start, sheet_end, err);
    if (rc == MC_OK)
        flush(r);
    return rc == MC_OK ? r->rc : rc;
}

static mc_code map(reader *r, mc_http_body *out, mc_err *err)
{
    void *mapped;

    *out = (mc_http_body){.map = NULL};
    if (r->written == 0)
        return MC_OK;
    mapped = mmap(NULL, r->written, PROT_READ, MAP_SHARED, r->fd, 0);
    if (mapped == MAP_FAILED)
        return mc_fail_errno(err, MC_IO, errno, "import");
    *out = (mc_http_body){.text = mc_str_of(mapped, r->written), .map = mapped};
    return MC_OK;
}

mc_code mc__workbook_to_csv(mc_str workbook, const char *dir, mc_http_body *out, mc_err *err)
{
    reader r = {.err = err};
    mc_code rc = MC_OK;

    mc_buf_init(&r.value, CELL_BYTES_MAX);
    mc_buf_init(&r.out, 0);
    r.arena = mc_arena_new(TEXTS_ARENA_BYTES);
    r.fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (!r.arena)
        rc = mc_fail(err, MC_NO_MEMORY, "import");
    else if (r.fd < 0)
        rc = mc_fail_errno(err, MC_IO, errno, "import: no temporary file");
    if (rc == MC_OK)
        rc = read_book(&r, workbook, err);
    if (rc == MC_OK)
        rc = map(&r, out, err);
    if (r.fd >= 0)
        (void)close(r.fd); /* the mapping keeps it */
    mc_buf_deinit(&r.value);
    mc_buf_deinit(&r.out);
    mc_arena_free(r.arena);
    free(r.texts);
    return rc;
}

bool mc__workbook_time(mc_str text, mc_time *out)
{
    char z[32];
    char *end = NULL;
    double days;

    if (text.len == 0 || text.len >= sizeof(z) || mc_str_find_char(text, 0, '-') < text.len)
        return false;
    memcpy(z, text.ptr, text.len);
    z[text.len] = '\0';
    days = strtod(z, &end);
    if (end != z + text.len || !(days >= 1 && days < 2958466)) /* up to the year 9999 */
        return false;
    /* Whole seconds: a double of days holds no finer ones for certain. */
    *out = (mc_time)((days - EPOCH_DAYS) * 86400 + (days < EPOCH_DAYS ? -0.5 : 0.5)) *
           MC_TIME_US_PER_S;
    return true;
}
