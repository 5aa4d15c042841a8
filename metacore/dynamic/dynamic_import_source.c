/* SPDX-License-Identifier: Apache-2.0 */
/* A file as rows: CSV or JSON, read twice: once to see that it is whole, once to write it. */
#include "metacore/base/utf8.h"
#include "metacore/dynamic/dynamic_export_internal.h"
#include "metacore/dynamic/dynamic_import_internal.h"
#include "metacore/dynamic/dynamic_workbook_internal.h"

#define WINDOW_BYTES ((size_t)4 << 20) /* after so much that was read, memory is given back */
#define SCAN_ARENA_BYTES ((size_t)64 << 20)

/* ---- what the file is ---- */

static mc_code check_magic(mc_str text, mc_err *err)
{
    if (mc_str_starts_with(text, MC_STR("\xff\xfe")) ||
        mc_str_starts_with(text, MC_STR("\xfe\xff")) ||
        (text.len > 3 && (text.ptr[1] == '\0' || text.ptr[0] == '\0')))
        return mc_fail(err, MC_INVALID, "import: the file is in UTF-16: save it in UTF-8");
    return MC_OK;
}

static void forget(mc__source *self, size_t at)
{
    size_t in_body = at + (size_t)(self->text.ptr - self->body->text.ptr);

    if (at < self->forgotten + WINDOW_BYTES)
        return;
    mc_http_body_forget(self->body, in_body);
    self->forgotten = at;
}

/* In windows that end between characters. */
static mc_code check_utf8(mc__source *self, mc_err *err)
{
    for (size_t at = 0; at < self->text.len;) {
        mc_str rest = mc_str_slice(self->text, at, self->text.len);
        mc_str window = mc_utf8_truncate(rest, WINDOW_BYTES);

        if (window.len == 0 || !mc_utf8_is_valid(window))
            return mc_fail(err, MC_INVALID,
                           "import: the file is not in UTF-8 (Windows-1252 or Latin-1?): save it "
                           "in UTF-8");
        at += window.len;
        forget(self, at);
    }
    return MC_OK;
}

/* ---- the header of a CSV ---- */

static const mc_column *find_by_label(const mc_model *model, mc_str name)
{
    const mc_column *found = NULL;

    for (size_t i = 0; i < model->column_count; i++) {
        if (!mc_str_eq_nocase(model->columns[i].label, name))
            continue;
        if (found)
            return NULL; /* two of that label: neither is meant for certain */
        found = &model->columns[i];
    }
    return found;
}

/* By key, else without regard to case, else by label. */
static const mc_column *find_column(const mc_model *model, mc_str name)
{
    const mc_column *column = mc_model_find_column(model, name);

    for (size_t i = 0; i < model->column_count && !column; i++) {
        if (mc_str_eq_nocase(model->columns[i].name, name))
            column = &model->columns[i];
    }
    return column ? column : find_by_label(model, name);
}

static mc_code read_header(mc__source *self, mc_ctx *ctx, mc_err *err)
{
    size_t known = 0;
    mc_code rc;

    if (!mc__csv_next(&self->csv, ctx->arena, self->cells, MC_MODEL_COLUMNS_MAX, &self->key_count,
                      err, &rc))
        return rc;
    for (size_t i = 0; i < self->key_count; i++) {
        mc_str name = mc_str_trim(mc__cell_revive(self->cells[i]));
        const mc_column *column = find_column(self->model, name);

        self->keys[i] = column ? column->name : MC_STR("");
        known += column && !column->is_system;
        for (size_t k = 0; k < i && column; k++) {
            if (mc_str_eq(self->keys[k], column->name))
                return mc_fail(err, MC_INVALID, "csv decode: two columns are \"%.*s\"",
                               MC_FMT(column->name));
        }
    }
    if (known == 0)
        return mc_fail(err, MC_INVALID,
                       "csv decode: the first line names no column of %.*s (keys or labels)",
                       MC_FMT(self->model->key));
    return MC_OK;
}

/* ---- rows of a CSV ---- */

/* A day or an instant, where a workbook has a number for it. */
static mc_str workbook_value(mc_arena *arena, const mc_column *column, mc_str cell)
{
    char text[MC_TIME_TEXT_LEN];
    mc_time time;
    mc_str copy;

    if ((column->type != MC_COL_TIMESTAMP && column->type != MC_COL_DATE) ||
        !mc__workbook_time(cell, &time))
        return cell;
    mc_time_format(time, text);
    copy = mc_str_copy(
        arena, mc_str_of(text, column->type == MC_COL_DATE ? MC_DATE_TEXT_LEN : MC_TIME_TEXT_LEN));
    return copy.ptr ? copy : cell;
}

/* A cell as the JSON that a form would send for its column; text that fits nothing stays text,
 * so that the type error names it. */
static const mc_json *cell_value(mc_arena *arena, const mc_column *column, mc_str cell,
                                 bool is_workbook)
{
    mc_json *value = mc_arena_object(arena, mc_json);
    const mc_json *parsed;
    mc_db_value typed;

    if (!value)
        return NULL;
    if (mc__column_is_words(column))
        cell = mc__cell_revive(cell);
    *value = (mc_json){.kind = MC_JSON_STRING};
    value->as.string = cell;
    if (cell.len == 0)
        return value;
    switch (column->type) {
    case MC_COL_BOOL:
        if (mc_query_value(arena, column, mc_str_trim(cell), &typed)) {
            value->kind = MC_JSON_BOOL;
            value->as.boolean = typed.as.boolean;
        }
        break;
    case MC_COL_INT:
    case MC_COL_BIGINT:
        if (mc_query_value(arena, column, mc_str_trim(cell), &typed)) {
            value->kind = MC_JSON_NUMBER;
            value->as.number = mc_str_printf(arena, "%lld", (long long)typed.as.integer);
            return value->as.number.ptr ? value : NULL;
        }
        break;
    case MC_COL_JSON:
        if (mc_json_parse(arena, cell, NULL, &parsed, NULL) == MC_OK)
            return parsed;
        break;
    case MC_COL_STRING:
    case MC_COL_TEXT:
        break;
    default:
        value->as.string = mc_str_trim(cell);
        if (is_workbook)
            value->as.string = workbook_value(arena, column, value->as.string);
    }
    return value;
}

static const mc_json *csv_row(mc__source *self, mc_arena *arena, size_t cell_count)
{
    mc_json *row = mc_arena_object(arena, mc_json);
    mc_json_member *members = mc_arena_array(arena, mc_json_member, self->key_count);
    size_t count = 0;

    if (!row || !members)
        return NULL;
    for (size_t i = 0; i < self->key_count && i < cell_count; i++) {
        const mc_json *value;

        if (self->keys[i].len == 0)
            continue;
        value = cell_value(arena, mc_model_find_column(self->model, self->keys[i]), self->cells[i],
                           self->is_workbook);
        if (!value)
            return NULL;
        members[count++] = (mc_json_member){self->keys[i], value};
    }
    row->kind = MC_JSON_OBJECT;
    row->as.object.members = members;
    row->as.object.count = count;
    return row;
}

bool mc__source_next(mc__source *self, mc_arena *arena, const mc_json **out, mc_err *err,
                     mc_code *out_rc)
{
    size_t cell_count;

    forget(self, mc__source_at(self));
    if (self->is_json) {
        if (!mc__json_rows_next(&self->json, arena, out, err, out_rc))
            return false;
    } else {
        mc_err why;

        if (!mc__csv_next(&self->csv, arena, self->cells, MC_MODEL_COLUMNS_MAX, &cell_count, &why,
                          out_rc)) {
            if (*out_rc != MC_OK)
                *out_rc = mc_fail(err, *out_rc, "%s, in row %zu", why.msg, self->row + 1);
            return false;
        }
        *out = csv_row(self, arena, cell_count);
        if (!*out) {
            *out_rc = mc_fail(err, MC_NO_MEMORY, "import");
            return false;
        }
    }
    self->row++;
    return true;
}

size_t mc__source_at(const mc__source *self)
{
    return self->is_json ? self->json.at : self->csv.at;
}

void mc__source_rewind(mc__source *self)
{
    size_t ignored;
    mc_arena *arena;
    mc_err err;
    mc_code rc;

    self->row = self->forgotten = 0;
    mc__json_rows_init(&self->json, self->text);
    mc__csv_init(&self->csv, self->text);
    if (self->is_json)
        return;
    arena = mc_arena_new(SCAN_ARENA_BYTES);
    if (arena) /* the header once more: what is in it was read by open */
        (void)mc__csv_next(&self->csv, arena, self->cells, MC_MODEL_COLUMNS_MAX, &ignored, &err,
                           &rc);
    mc_arena_free(arena);
}

static mc_code count_rows(mc__source *self, size_t *out, mc_err *err)
{
    mc_arena *arena = mc_arena_new(SCAN_ARENA_BYTES);
    const mc_json *row;
    mc_code rc = MC_OK;

    if (!arena)
        return mc_fail(err, MC_NO_MEMORY, "import");
    while (mc__source_next(self, arena, &row, err, &rc)) {
        mc_arena_reset(arena);
        if (self->row > MC_DYNAMIC_IMPORT_ROWS_MAX) {
            rc =
                mc_fail(err, MC_TOO_LARGE, "import: more than %d rows", MC_DYNAMIC_IMPORT_ROWS_MAX);
            break;
        }
    }
    mc_arena_free(arena);
    *out = self->row;
    return rc;
}

mc_code mc__source_open(mc__source *self, mc_ctx *ctx, const mc_model *model,
                        const mc_http_body *body, mc_str text, mc__source_kind kind,
                        size_t *out_rows, mc_err *err)
{
    bool is_json = kind == MC__SOURCE_JSON;
    mc_code rc = check_magic(text, err);

    *self = (mc__source){.model = model, .body = body, .text = text, .is_json = is_json};
    self->is_workbook = kind == MC__SOURCE_WORKBOOK;
    self->keys = mc_arena_array(ctx->arena, mc_str, MC_MODEL_COLUMNS_MAX);
    self->cells = mc_arena_array(ctx->arena, mc_str, MC_MODEL_COLUMNS_MAX);
    if (rc == MC_OK && (!self->keys || !self->cells))
        rc = mc_fail(err, MC_NO_MEMORY, "import");
    if (rc == MC_OK)
        rc = check_utf8(self, err);
    if (rc != MC_OK)
        return rc;
    mc__json_rows_init(&self->json, text);
    mc__csv_init(&self->csv, text);
    self->forgotten = 0;
    if (!is_json && self->csv.at < text.len)
        rc = read_header(self, ctx, err);
    if (rc == MC_OK)
        rc = count_rows(self, out_rows, err);
    if (rc == MC_OK)
        mc__source_rewind(self);
    return rc;
}
