/* SPDX-License-Identifier: Apache-2.0 */
/* Rows straight from columns to JSON: keys sorted, numbers as they are stored. */
#include "metacore/dynamic/dynamic_rows_internal.h"

/* Decimals of a store that pads ("1.5000") lose the zeros; SQLite's are canonical already. */
void mc__decimal_write(mc_buf *out, mc_str text)
{
    if (mc_str_find_char(text, 0, '.') < text.len) {
        while (text.len && text.ptr[text.len - 1] == '0')
            text.len--;
        if (text.len && text.ptr[text.len - 1] == '.')
            text.len--;
    }
    mc_buf_str(out, text);
}

/* Text of ours that needs no escapes: keys, ids, dates. */
static void write_quoted(mc_buf *out, mc_str plain)
{
    mc_buf_char(out, '"');
    mc_buf_str(out, plain);
    mc_buf_char(out, '"');
}

static void write_time(mc_db_dialect dialect, mc_db_rows *rows, size_t at, mc_str text, mc_buf *out)
{
    mc_buf_char(out, '"');
    if (dialect == MC_DB_SQLITE && text.len == MC_TIME_TEXT_LEN)
        mc_buf_str(out, text); /* stored as it is shown */
    else
        mc_time_write(out, mc_db_col_time(rows, at));
    mc_buf_char(out, '"');
}

/* Numbers are not asked for as text: SQLite would print them first. */
static bool is_number(const mc_column *column)
{
    return column->type == MC_COL_INT || column->type == MC_COL_BIGINT ||
           column->type == MC_COL_BOOL;
}

static void write_number(mc_db_rows *rows, const mc_column *column, size_t at, mc_buf *out)
{
    int64_t number = mc_db_col_int(rows, at);

    if (column->type != MC_COL_BOOL)
        mc_buf_i64(out, number);
    else
        mc_buf_str(out, number ? MC_STR("true") : MC_STR("false"));
}

static void write_text(mc_db_dialect dialect, const mc_column *column, mc_db_rows *rows, size_t at,
                       mc_str text, mc_buf *out)
{
    switch (column->type) {
    case MC_COL_STRING:
    case MC_COL_TEXT:
        mc_json_write_str(out, text);
        break;
    case MC_COL_UUID:
        write_quoted(out, text);
        break;
    case MC_COL_DECIMAL:
        mc__decimal_write(out, text);
        break;
    case MC_COL_TIMESTAMP:
        write_time(dialect, rows, at, text, out);
        break;
    case MC_COL_DATE:
        write_quoted(out, mc_str_slice(text, 0, MC_DATE_TEXT_LEN));
        break;
    case MC_COL_JSON:
        mc_buf_str(out, text);
        break;
    case MC_COL_INT:
    case MC_COL_BIGINT:
    case MC_COL_BOOL:
        break; /* write_number */
    }
}

void mc__value_write(mc_db_dialect dialect, const mc_column *column, mc_db_rows *rows, size_t at,
                     mc_buf *out)
{
    if (mc_db_col_is_null(rows, at))
        mc_buf_lit(out, "null");
    else if (is_number(column))
        write_number(rows, column, at, out);
    else
        write_text(dialect, column, rows, at, mc_db_col_text(rows, at), out);
}

/* What it is called, which it is, and what it points to itself. */
static void write_sibling(mc_db_rows *rows, const mc__member *m, mc_str label, mc_buf *out)
{
    mc_buf_lit(out, "{\"label\":");
    mc_json_write_str(out, label);
    mc_buf_lit(out, ",\"value\":");
    write_quoted(out, mc_db_col_text(rows, m->id_at));
    for (size_t i = 0; i < m->child_count; i++) {
        const mc__member *child = &m->children[i];
        mc_str text;

        if (!mc_db_col_cell(rows, child->at, &text))
            continue;
        mc_buf_char(out, ',');
        write_quoted(out, child->key);
        mc_buf_char(out, ':');
        write_sibling(rows, child, text, out); /* MC__EXPAND_DEPTH_MAX deep at most */
    }
    mc_buf_char(out, '}');
}

static void write_key(const mc__member *m, mc_buf *out)
{
    if (m->column) {
        mc_buf_str(out, m->column->json_key);
        return;
    }
    write_quoted(out, m->key);
    mc_buf_char(out, ':');
}

static bool write_member(const mc__row_layout *layout, const mc__member *m, mc_db_rows *rows,
                         mc_buf *out, bool is_first)
{
    bool is_number_column = m->column && is_number(m->column);
    mc_str text;
    bool is_null =
        is_number_column ? mc_db_col_is_null(rows, m->at) : !mc_db_col_cell(rows, m->at, &text);

    if (is_null && (!m->column || m->column->omit_null))
        return false;
    if (!is_first)
        mc_buf_char(out, ',');
    write_key(m, out);
    if (is_null)
        mc_buf_lit(out, "null");
    else if (!m->column)
        write_sibling(rows, m, text, out);
    else if (is_number_column)
        write_number(rows, m->column, m->at, out);
    else
        write_text(layout->dialect, m->column, rows, m->at, text, out);
    return true;
}

void mc__row_write(const mc__row_layout *layout, mc_db_rows *rows, mc_buf *out)
{
    bool is_first = true;

    mc_buf_char(out, '{');
    for (size_t i = 0; i < layout->member_count; i++) {
        if (write_member(layout, &layout->members[i], rows, out, is_first))
            is_first = false;
    }
    mc_buf_char(out, '}');
}

mc_time mc__row_version(const mc__row_layout *layout, mc_db_rows *rows)
{
    return mc_db_col_time(rows, layout->updated_at);
}
