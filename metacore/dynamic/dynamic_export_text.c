/* SPDX-License-Identifier: Apache-2.0 */
/* Exports as text: CSV for people and spreadsheets, JSON for programs. */
#include "metacore/dynamic/dynamic_export_internal.h"

#define FLUSH_BYTES ((size_t)64 << 10)

typedef struct text_writer {
    const mc__export *export;
    const mc__row_layout *layout; /* JSON's */
    mc_sink out;
    mc_buf buf;
    mc_buf cell;
    mc_arena *scratch;
    bool has_rows;
} text_writer;

static bool is_full(void *user)
{
    const text_writer *w = user;

    return w->buf.len >= FLUSH_BYTES;
}

static mc_code flush(void *user, mc_err *err)
{
    text_writer *w = user;
    mc_code rc = mc_buf_check(&w->buf, "export", err);

    if (rc == MC_OK)
        rc = mc_sink_write(w->out, mc_buf_get(&w->buf), err);
    mc_buf_clear(&w->buf);
    mc_arena_reset(w->scratch);
    return rc;
}

/* Rows of an unindexed order come without pauses: what they write must not pile up. */
static mc_code row_done(text_writer *w, mc_err *err)
{
    return w->buf.len >= 4 * FLUSH_BYTES ? flush(w, err) : MC_OK;
}

static mc_code writer_init(text_writer *w, const mc__export *export, mc_sink out, mc_err *err)
{
    *w = (text_writer){.export = export, .out = out};
    mc_buf_init(&w->buf, 0);
    mc_buf_init(&w->cell, 0);
    w->scratch = mc_arena_new(0);
    return w->scratch ? MC_OK : mc_fail(err, MC_NO_MEMORY, "export");
}

static void writer_deinit(text_writer *w)
{
    mc_buf_deinit(&w->buf);
    mc_buf_deinit(&w->cell);
    mc_arena_free(w->scratch);
}

/* ---- CSV ---- */

static mc_code write_header(text_writer *w, mc_err *err)
{
    for (size_t i = 0; i < w->export->count; i++) {
        mc_str header = mc__cell_neutral(w->scratch, w->export->headers[i]);

        if (!header.ptr && w->export->headers[i].len)
            return mc_fail(err, MC_NO_MEMORY, "export");
        if (i > 0)
            mc_buf_char(&w->buf, ',');
        mc__csv_write(&w->buf, header);
    }
    mc_buf_char(&w->buf, '\n');
    return MC_OK;
}

static mc_code csv_row(void *user, mc_db_rows *rows, mc_err *err)
{
    text_writer *w = user;
    const mc__export *export = w->export;

    for (size_t i = 0; i < export->count; i++) {
        const mc_column *column = export->columns[i];
        mc_str cell;

        if (i > 0)
            mc_buf_char(&w->buf, ',');
        if (!column)
            continue;
        mc_buf_clear(&w->cell);
        mc__cell_write(export->self->dialect, rows, export->at[i], column, &w->cell);
        cell = mc_buf_get(&w->cell);
        if (mc__column_is_words(column))
            cell = mc__cell_neutral(w->scratch, cell);
        if (mc_buf_failed(&w->cell) || (!cell.ptr && w->cell.len))
            return mc_fail(err, MC_NO_MEMORY, "export");
        mc__csv_write(&w->buf, cell);
    }
    mc_buf_char(&w->buf, '\n');
    return row_done(w, err);
}

mc_code mc__export_csv(const mc__export *export, bool with_rows, mc_sink out, mc_err *err)
{
    text_writer w;
    mc_code rc = writer_init(&w, export, out, err);

    if (rc == MC_OK)
        rc = write_header(&w, err);
    if (rc == MC_OK && with_rows)
        rc = mc__export_pages(export, csv_row, is_full, flush, &w, err);
    if (rc == MC_OK)
        rc = flush(&w, err);
    writer_deinit(&w);
    return rc;
}

/* ---- JSON ---- */

static mc_code json_row(void *user, mc_db_rows *rows, mc_err *err)
{
    text_writer *w = user;

    if (w->has_rows)
        mc_buf_char(&w->buf, ',');
    w->has_rows = true;
    mc_buf_char(&w->buf, '\n');
    mc__row_write(w->layout, rows, &w->buf);
    return row_done(w, err);
}

/* The known columns, for the layout of a list. */
static mc_str fields_of(const mc__export *export)
{
    mc_buf out;

    mc_buf_init_arena(&out, export->ctx->arena, 0);
    mc_buf_lit(&out, "id");
    for (size_t i = 0; i < export->count; i++) {
        if (!export->columns[i])
            continue;
        mc_buf_char(&out, ',');
        mc_buf_str(&out, export->columns[i]->name);
    }
    return mc_buf_failed(&out) ? (mc_str){NULL, 0} : mc_buf_get(&out);
}

mc_code mc__export_json(const mc__export *export, mc_sink out, mc_err *err)
{
    mc__export rows = *export;
    mc_str fields = fields_of(export);
    mc__row_layout *layout;
    text_writer w;
    mc_code rc = fields.ptr ? mc__row_layout_shape(export->self, export->ctx, export->model,
                                                   &(mc__row_shape){.fields = fields}, &layout, err)
                            : mc_fail(err, MC_NO_MEMORY, "export");

    if (rc != MC_OK)
        return rc;
    rows.select = mc__row_layout_columns(layout);
    rows.select_count = mc__row_layout_column_count(layout);
    rc = writer_init(&w, &rows, out, err);
    w.layout = layout;
    mc_buf_char(&w.buf, '[');
    if (rc == MC_OK)
        rc = mc__export_pages(&rows, json_row, is_full, flush, &w, err);
    mc_buf_lit(&w.buf, "\n]\n");
    if (rc == MC_OK)
        rc = flush(&w, err);
    writer_deinit(&w);
    return rc;
}
