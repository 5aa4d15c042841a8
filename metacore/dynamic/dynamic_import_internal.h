/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DYNAMIC_DYNAMIC_IMPORT_INTERNAL_H
#define METACORE_DYNAMIC_DYNAMIC_IMPORT_INTERNAL_H

#include "metacore/base/map.h"
#include "metacore/dynamic/dynamic_internal.h"

/* ---- dynamic_json_rows.c: the objects of a JSON file, one at a time ---- */

typedef struct mc__json_rows {
    mc_str text;
    size_t at;
    bool is_wrapped; /* {"data":[…]} */
    bool is_begun;
    size_t row; /* read so far */
} mc__json_rows;

void mc__json_rows_init(mc__json_rows *self, mc_str text);
/* The next element into arena; false at the end, or on a failure, which *out_rc tells. INVALID: no
 * array, malformed, or an element of more than MC__IMPORT_ROW_BYTES_MAX. */
bool mc__json_rows_next(mc__json_rows *self, mc_arena *arena, const mc_json **out, mc_err *err,
                        mc_code *out_rc);

#define MC__IMPORT_ROW_BYTES_MAX ((size_t)4 << 20)

/* ---- dynamic_import_source.c: a file as rows ---- */

typedef enum mc__source_kind {
    MC__SOURCE_CSV,
    MC__SOURCE_JSON,
    MC__SOURCE_WORKBOOK /* as mc__workbook_to_csv writes it */
} mc__source_kind;

typedef struct mc__source {
    const mc_model *model;
    const mc_http_body *body; /* what was read of it is forgotten */
    mc_str text;
    bool is_json;
    bool is_workbook;
    mc__json_rows json;
    mc__csv csv;
    mc_str *keys; /* CSV: the column that each cell is for, empty: none */
    size_t key_count;
    mc_str *cells;
    size_t row; /* the latest, from 1 */
    size_t forgotten;
} mc__source;

/*
 * Looks at the whole file once: what it is, that it is whole, how many rows it has. Keys and the
 * like are in ctx's arena.
 * Errors  INVALID, naming the row. UNSUPPORTED: a format that is not read. TOO_LARGE: too many
 * rows.
 */
mc_code mc__source_open(mc__source *self, mc_ctx *ctx, const mc_model *model,
                        const mc_http_body *body, mc_str text, mc__source_kind kind,
                        size_t *out_rows, mc_err *err);
/* The next row as JSON, in arena. False at the end or on a failure, which *out_rc tells. */
bool mc__source_next(mc__source *self, mc_arena *arena, const mc_json **out, mc_err *err,
                     mc_code *out_rc);
/* Where in the file the next row begins. */
size_t mc__source_at(const mc__source *self);
void mc__source_rewind(mc__source *self);

/* ---- dynamic_import_run.c: rows into the table ---- */

typedef enum mc__import_mode { MC__IMPORT_ROWS, MC__IMPORT_ALL, MC__IMPORT_DRY } mc__import_mode;

typedef struct mc__import {
    mc_dynamic *self;
    mc_ctx *ctx;
    const mc_model *model;
    mc__source source;
    mc__import_mode mode;
    size_t rows;    /* in the file */
    size_t created; /* in a dry run: that would be */
    size_t failed;
    mc_buf failures;      /* JSON of the first of them, separated by commas; heap */
    size_t failure_count; /* in failures */
    mc_buf sample;        /* JSON of the first rows, separated by commas; heap */
    mc_map seen;          /* dry run: values of unique columns in the file */
    mc_arena *seen_text;
} mc__import;

mc_code mc__import_run(mc__import *self, mc_err *err);

#endif
