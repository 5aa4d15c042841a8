/* SPDX-License-Identifier: Apache-2.0 */
/* Rows straight from columns to JSON: keys sorted, numbers as they are stored. */
#include "metacore/dynamic/dynamic_internal.h"

#include "metacore/base/utf8.h"

/* One member of the object, in its sorted place. */
typedef struct member {
    mc_str key;
    const mc_column *column; /* NULL: the sibling of a reference */
    size_t at;               /* in the SELECT */
    size_t id_at;            /* sibling: of the reference itself */
} member;

struct mc__row_layout {
    const mc_model *model;
    mc_str columns;
    member *members;
    size_t member_count;
    size_t column_count; /* of the SELECT */
    size_t updated_at;   /* its place in the SELECT */
    mc_db_dialect dialect;
};

static void insert_sorted(mc__row_layout *layout, member fresh)
{
    size_t i = layout->member_count++;

    while (i > 0 && mc_str_cmp(layout->members[i - 1].key, fresh.key) > 0) {
        layout->members[i] = layout->members[i - 1];
        i--;
    }
    layout->members[i] = fresh;
}

/* ---- which columns ---- */

static bool is_named(mc_str fields, mc_str name)
{
    mc_str item;

    while (mc_str_split(&fields, ',', &item)) {
        if (mc_str_eq(mc_str_trim(item), name))
            return true;
    }
    return false;
}

static bool is_selected(mc_str fields, const mc_column *column)
{
    return fields.len == 0 || mc_str_eq(column->name, MC_STR("id")) ||
           is_named(fields, column->name);
}

static mc_code check_fields(const mc_model *model, mc_str fields, mc_err *err)
{
    mc_str item;

    while (mc_str_split(&fields, ',', &item)) {
        const mc_column *column;

        item = mc_str_trim(item);
        column = mc_model_find_column(model, item);
        if (item.len && (!column || column->is_hidden))
            return mc_fail(err, MC_INVALID, "fields: unknown column \"%.*s\"",
                           MC_FMT(mc_utf8_truncate(item, 64)));
    }
    return MC_OK;
}

/* ---- the layout ---- */

static void add_columns(mc__row_layout *layout, mc_str fields, mc_buf *columns)
{
    const mc_model *model = layout->model;

    for (size_t i = 0; i < model->column_count; i++) {
        const mc_column *column = &model->columns[i];

        if (!is_selected(fields, column))
            continue;
        if (layout->member_count)
            mc_buf_lit(columns, ", ");
        mc_buf_sql_ident(columns, column->name);
        if (mc_str_eq(column->name, MC_STR("updated_at")))
            layout->updated_at = layout->member_count;
        layout->members[layout->member_count] =
            (member){.key = column->name, .column = column, .at = layout->member_count};
        layout->member_count++;
    }
    layout->column_count = layout->member_count;
}

static mc_code add_siblings(mc_dynamic *self, mc_ctx *ctx, mc__row_layout *layout, mc_str fields,
                            mc_buf *columns, mc_err *err)
{
    const mc_model *model = layout->model;
    mc_str org = mc_str_printf(ctx->arena, "%.*s.\"organization_id\"", MC_FMT(model->physical));
    size_t at = 0;

    if (!org.ptr)
        return mc_fail(err, MC_NO_MEMORY, "row");
    for (size_t i = 0; i < model->column_count; i++) {
        const mc_column *column = &model->columns[i];
        mc_str key = mc__sibling_key(model, column);
        mc__hop hop;

        if (!is_selected(fields, column))
            continue;
        if (key.len && mc__hop_open(self, ctx, column, &hop)) {
            mc_buf_lit(columns, ", ");
            mc__hops_write(model, &hop, 1, org, hop.label, columns);
            insert_sorted(layout, (member){.key = key, .at = layout->column_count++, .id_at = at});
        }
        at++;
    }
    return mc_buf_check(columns, "row", err);
}

mc_code mc__row_layout_project(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_str fields,
                               mc__row_layout **out, mc_err *err)
{
    mc__row_layout *layout = mc_arena_object(ctx->arena, mc__row_layout);
    mc_buf columns;
    mc_code rc = check_fields(model, fields, err);

    if (rc != MC_OK)
        return rc;
    if (!layout)
        return mc_fail(err, MC_NO_MEMORY, "row");
    layout->model = model;
    layout->dialect = self->dialect;
    layout->members = mc_arena_array(ctx->arena, member, 2 * model->column_count);
    if (!layout->members)
        return mc_fail(err, MC_NO_MEMORY, "row");
    mc_buf_init_arena(&columns, ctx->arena, 0);
    add_columns(layout, fields, &columns);
    rc = add_siblings(self, ctx, layout, fields, &columns, err);
    if (rc != MC_OK)
        return rc;
    layout->columns = mc_buf_get(&columns);
    *out = layout;
    return MC_OK;
}

mc_code mc__row_layout_new(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                           mc__row_layout **out, mc_err *err)
{
    return mc__row_layout_project(self, ctx, model, MC_STR(""), out, err);
}

mc_code mc__row_layout_show_deleted(mc__row_layout *layout, mc_arena *arena, mc_err *err)
{
    static const mc_column column = {.name = MC_STR_INIT("deleted_at"),
                                     .json_key = MC_STR_INIT("\"deleted_at\":"),
                                     .type = MC_COL_TIMESTAMP,
                                     .is_system = true,
                                     .is_nullable = true};
    mc_str columns = mc_str_printf(arena, "%.*s, \"deleted_at\"", MC_FMT(layout->columns));

    if (!columns.ptr)
        return mc_fail(err, MC_NO_MEMORY, "row");
    layout->columns = columns;
    /* There is room: no system column has a sibling. */
    insert_sorted(layout,
                  (member){.key = column.name, .column = &column, .at = layout->column_count++});
    return MC_OK;
}

size_t mc__row_layout_column_count(const mc__row_layout *layout)
{
    return layout->column_count;
}

mc_str mc__row_layout_columns(const mc__row_layout *layout)
{
    return layout->columns;
}

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

static void write_sibling(mc_db_rows *rows, const member *m, mc_str label, mc_buf *out)
{
    mc_buf_lit(out, "{\"label\":");
    mc_json_write_str(out, label);
    mc_buf_lit(out, ",\"value\":");
    write_quoted(out, mc_db_col_text(rows, m->id_at));
    mc_buf_char(out, '}');
}

static void write_key(const member *m, mc_buf *out)
{
    if (m->column) {
        mc_buf_str(out, m->column->json_key);
        return;
    }
    write_quoted(out, m->key);
    mc_buf_char(out, ':');
}

static bool write_member(const mc__row_layout *layout, const member *m, mc_db_rows *rows,
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
