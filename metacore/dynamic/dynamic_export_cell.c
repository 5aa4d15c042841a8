/* SPDX-License-Identifier: Apache-2.0 */
/* One value as a cell of a file. */
#include "metacore/dynamic/dynamic_export_internal.h"

static void write_time(mc_db_dialect dialect, mc_db_rows *rows, size_t at, mc_buf *out)
{
    mc_str text = mc_db_col_text(rows, at);

    if (dialect == MC_DB_SQLITE && text.len == MC_TIME_TEXT_LEN)
        mc_buf_str(out, text); /* stored as it is shown */
    else
        mc_time_write(out, mc_db_col_time(rows, at));
}

void mc__cell_write(mc_db_dialect dialect, mc_db_rows *rows, size_t at, const mc_column *column,
                    mc_buf *out)
{
    if (mc_db_col_is_null(rows, at))
        return;
    switch (column->type) {
    case MC_COL_BOOL:
        mc_buf_str(out, mc_db_col_bool(rows, at) ? MC_STR("true") : MC_STR("false"));
        break;
    case MC_COL_DECIMAL:
        mc__decimal_write(out, mc_db_col_text(rows, at));
        break;
    case MC_COL_TIMESTAMP:
        write_time(dialect, rows, at, out);
        break;
    case MC_COL_DATE:
        mc_buf_str(out, mc_str_slice(mc_db_col_text(rows, at), 0, MC_DATE_TEXT_LEN));
        break;
    default:
        mc_buf_str(out, mc_db_col_text(rows, at));
    }
}

/* ---- formulas ---- */

bool mc__column_is_words(const mc_column *column)
{
    return column->type == MC_COL_STRING || column->type == MC_COL_TEXT ||
           column->type == MC_COL_JSON;
}

/* What spreadsheets take for the start of a formula, also in full width. */
static bool starts_formula(mc_str text)
{
    static const mc_str wide[] = {MC_STR_INIT("\xef\xbc\x9d"), MC_STR_INIT("\xef\xbc\x8b"),
                                  MC_STR_INIT("\xef\xbc\x8d"), MC_STR_INIT("\xef\xbc\xa0")};

    if (text.len > 0 && text.ptr[0] && strchr("=+-@", text.ptr[0]))
        return true;
    for (size_t i = 0; i < MC_LEN(wide); i++) {
        if (mc_str_starts_with(text, wide[i]))
            return true;
    }
    return false;
}

/* A formula, however much white space is before it; a tab or a line's end starts one by itself. */
static bool is_live(mc_str text)
{
    size_t at = 0;

    if (text.len > 0 && text.ptr[0] && strchr("\t\r\n", text.ptr[0]))
        return true;
    while (at < text.len && (unsigned char)text.ptr[at] <= ' ')
        at++;
    return starts_formula(mc_str_slice(text, at, text.len));
}

/* Apostrophes before a formula are escaped too, or the way back would take one of theirs. */
static bool is_marked(mc_str text)
{
    size_t at = 0;

    while (at < text.len && text.ptr[at] == '\'')
        at++;
    return is_live(mc_str_slice(text, at, text.len));
}

mc_str mc__cell_neutral(mc_arena *arena, mc_str text)
{
    return is_marked(text) ? mc_str_printf(arena, "'%.*s", MC_FMT(text)) : text;
}

mc_str mc__cell_revive(mc_str text)
{
    bool is_escaped = text.len > 0 && text.ptr[0] == '\'' && is_marked(text);

    return is_escaped ? mc_str_slice(text, 1, text.len) : text;
}
