/* SPDX-License-Identifier: Apache-2.0 */
/* A write before its transaction: everything that needs no database. */
#include "metacore/dynamic/dynamic_internal.h"

static bool is_writable(const mc_column *column)
{
    return !column->is_system && !column->is_readonly;
}

static void required(mc_ctx *ctx, const mc_column *column)
{
    mc_ctx_field_error(ctx, column->name, MC_STR("required"), MC_STR(""), "%.*s is required",
                       MC_FMT(column->label));
}

static bool is_blank(const mc_db_value *value)
{
    return value->kind == MC_DB_NULL || (value->kind == MC_DB_TEXT && value->as.text.len == 0);
}

/* What a form sends for fields that nobody touched. */
static mc_db_value meant_by_empty(const mc_dynamic_write *write, const mc_column *column)
{
    bool has_default = write->is_create && column->default_sql.len;

    if (column->type == MC_COL_BOOL && column->rules.required && !has_default)
        return mc_db_bool(false); /* a box without its tick */
    /* Two rows without a code do not have the same one. */
    if (column->type == MC_COL_STRING || column->type == MC_COL_TEXT)
        return column->is_unique && column->is_nullable ? mc_db_null() : mc_db_text(MC_STR(""));
    return mc_db_null();
}

/* A value that was given for column: checked, and assigned when it says something. */
static mc_code take_value(mc_ctx *ctx, mc_dynamic_write *write, const mc_column *column,
                          const mc_json *json)
{
    bool is_empty = json->kind == MC_JSON_STRING && json->as.string.len == 0;
    mc_db_value value = mc_db_null();
    mc_code rc = mc__dynamic_value(ctx, column, json, &value);

    if (rc != MC_OK)
        return rc;
    if (is_empty && column->type != MC_COL_JSON)
        value = meant_by_empty(write, column);
    if (is_empty && column->type == MC_COL_BOOL && value.kind == MC_DB_NULL && write->is_create)
        return MC_OK; /* the store's default, or null */
    if (column->rules.required && is_blank(&value)) {
        required(ctx, column);
        return MC_REJECTED;
    }
    /* The store's default: the manifest's, or one that only a migration knows. */
    if (value.kind == MC_DB_NULL && write->is_create &&
        (column->default_sql.len || column->is_nullable))
        return MC_OK;
    if (value.kind == MC_DB_NULL && !column->is_nullable) {
        if (column->type == MC_COL_BOOL) {
            value = mc_db_bool(false);
        } else if (column->type == MC_COL_STRING || column->type == MC_COL_TEXT) {
            value = mc_db_text(MC_STR(""));
        } else {
            required(ctx, column);
            return MC_REJECTED;
        }
    }
    rc = mc__dynamic_check_rules(ctx, column, &value);
    write->items[write->count++] = (mc__assignment){column, value};
    return rc;
}

/* Required is broken by silence only when there is no default either. */
static mc_code take_nothing(mc_ctx *ctx, const mc_dynamic_write *write, const mc_column *column)
{
    if (!write->is_create || column->default_sql.len ||
        (!column->rules.required && column->is_nullable))
        return MC_OK;
    required(ctx, column);
    return MC_REJECTED;
}

/* The updated_at of the copy that was changed, when the body carries one: no column that may be
 * written, but what it says is held against the row. A mere day says nothing. */
static void take_version(mc_dynamic_write *write)
{
    mc_str text;

    write->is_versioned =
        mc_json_get_str(mc_json_find(write->input, MC_STR("updated_at")), &text) &&
        text.len > MC_DATE_TEXT_LEN && mc_time_parse(text, &write->stated_version);
}

mc_code mc_dynamic_prepare(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                           const mc_json *input, bool is_create, mc_dynamic_write **out,
                           mc_err *err)
{
    mc_dynamic_write *write = mc_arena_object(ctx->arena, mc_dynamic_write);
    mc_code worst = MC_OK;

    (void)self;
    if (!write)
        return mc_fail(err, MC_NO_MEMORY, "write");
    *write = (mc_dynamic_write){.model = model, .input = input, .is_create = is_create};
    write->items = mc_arena_array(ctx->arena, mc__assignment, model->column_count);
    if (!write->items)
        return mc_fail(err, MC_NO_MEMORY, "write");
    for (size_t i = 0; i < model->column_count; i++) {
        const mc_column *column = &model->columns[i];
        const mc_json *json;
        mc_code rc;

        if (!is_writable(column))
            continue;
        json = mc_json_find_nocase(input, column->name);
        rc = json ? take_value(ctx, write, column, json) : take_nothing(ctx, write, column);
        if (rc == MC_NO_MEMORY)
            return mc_fail(err, rc, "write");
        /* A wrong type weighs more than a broken rule: the request itself is malformed. */
        if (worst == MC_OK || rc == MC_INVALID)
            worst = rc != MC_OK ? rc : worst;
    }
    if (worst != MC_OK)
        return mc__dynamic_field_failure(ctx, worst, err);
    take_version(write);
    *out = write;
    return MC_OK;
}
