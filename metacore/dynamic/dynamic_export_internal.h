/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DYNAMIC_DYNAMIC_EXPORT_INTERNAL_H
#define METACORE_DYNAMIC_DYNAMIC_EXPORT_INTERNAL_H

#include "metacore/base/sink.h"
#include "metacore/dynamic/dynamic_internal.h"

/* What is exported, and under which names. */
typedef struct mc__export {
    mc_dynamic *self;
    mc_ctx *ctx;
    const mc_model *model;
    const mc_column **columns; /* NULL: a name that the model does not have, or hides */
    mc_str *keys;
    mc_str *headers;
    size_t *at; /* of each column in the SELECT */
    size_t count;
    mc_query query;
    mc_str select; /* id, and each known column once */
    size_t select_count;
} mc__export;

/* One row; its columns as export.select has them. */
typedef mc_code (*mc__export_row)(void *user, mc_db_rows *rows, mc_err *err);

/*
 * Calls row for each of the export's rows. Read in pages that begin where the one before ended, so
 * that no read transaction outlives its page: a long one would keep the write-ahead log from being
 * emptied. pause (may be NULL) is called between pages, with no transaction open: what may block
 * belongs there. is_full tells when it is worth a pause.
 */
mc_code mc__export_pages(const mc__export *export, mc__export_row row, bool (*is_full)(void *user),
                         mc_code (*pause)(void *user, mc_err *err), void *user, mc_err *err);

/* Text that a spreadsheet would run gets an apostrophe in front, which keeps it text; see
 * mc__cell_revive for the way back. */
mc_str mc__cell_neutral(mc_arena *arena, mc_str text);
/* An imported cell as it was before mc__cell_neutral. */
mc_str mc__cell_revive(mc_str text);
/* Whether column's values are people's words, which may look like formulas. */
bool mc__column_is_words(const mc_column *column);

/* dynamic_export_text.c */
mc_code mc__export_csv(const mc__export *export, bool with_rows, mc_sink out, mc_err *err);
mc_code mc__export_json(const mc__export *export, mc_sink out, mc_err *err);
/* dynamic_export_xlsx.c */
mc_code mc__export_xlsx(const mc__export *export, bool with_rows, mc_sink out, mc_err *err);

#endif
