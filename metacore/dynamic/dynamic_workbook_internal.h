/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_DYNAMIC_DYNAMIC_WORKBOOK_INTERNAL_H
#define METACORE_DYNAMIC_DYNAMIC_WORKBOOK_INTERNAL_H

#include "metacore/base/sink.h"
#include "metacore/dynamic/dynamic_internal.h"

/* ---- dynamic_zip.c ---- */

typedef struct mc__zip_entry {
    mc_str data; /* as it is packed */
    uint32_t method;
} mc__zip_entry;

/* The first entry of that name (or beginning so). INVALID: no archive. NOT_FOUND. */
mc_code mc__zip_find(mc_str zip, mc_str name, bool is_prefix, mc__zip_entry *out, mc_err *err);
/* Unpacks into out. TOO_LARGE: more than max. INVALID: damaged. */
mc_code mc__zip_read(const mc__zip_entry *entry, size_t max, mc_sink out, mc_err *err);

/* ---- dynamic_workbook.c ---- */

/* Whether text is a ZIP archive, as workbooks are. */
bool mc__workbook_is(mc_str text);
/*
 * The workbook's first sheet as CSV, in a file without a name in dir, mapped. Times stay the
 * numbers that a workbook has for them: mc__workbook_time. Errors  INVALID: no workbook, or
 * damaged. TOO_LARGE. IO.
 */
mc_code mc__workbook_to_csv(mc_str workbook, const char *dir, mc_http_body *out, mc_err *err);
/* Days since 1899-12-30, with a fraction, as a time. False when text is no such number. */
bool mc__workbook_time(mc_str text, mc_time *out);

#endif
