/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/dynamic/dynamic_internal.h"

/* ---- prepare: everything that needs no database ---- */

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

/* A value that was given for column: checked, and assigned when it says something. */
static mc_code take_value(mc_ctx *ctx, mc_dynamic_write *write, const mc_column *column,
                          const mc_json *json)
{
    mc_db_value value = mc_db_null();
    mc_code rc = mc__dynamic_value(ctx, column, json, &value);

    if (rc != MC_OK)
        return rc;
    if (column->rules.required && is_blank(&value)) {
        required(ctx, column);
        return MC_REJECTED;
    }
    if (value.kind == MC_DB_NULL && write->is_create && column->default_sql.len)
        return MC_OK; /* the store's default */
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
    *out = write;
    return MC_OK;
}

/* ---- run: SQL alone, in the caller's transaction ---- */

/* "UNIQUE constraint failed: t.organization_id, t.code": the column that the message ends with. */
static const mc_column *find_conflict(const mc_model *model, mc_str message)
{
    const mc_column *found = NULL;

    for (size_t i = 0; i < model->column_count; i++) {
        const mc_column *column = &model->columns[i];
        size_t from = message.len >= column->name.len ? message.len - column->name.len : 0;

        if (!column->is_system && mc_str_ends_with(message, column->name) && from > 0 &&
            message.ptr[from - 1] == '.')
            found = column;
    }
    return found;
}

/* The driver's words stay here: strangers learn the field. */
static mc_code translate(mc_ctx *ctx, const mc_model *model, mc_code rc, mc_err *err)
{
    const mc_column *column;

    if (rc == MC_CONFLICT) {
        column = find_conflict(model, mc_z(err->msg));
        if (!column)
            return mc_fail(err, MC_CONFLICT, "a value is taken already");
        mc_ctx_field_error(ctx, column->name, MC_STR("duplicate"), MC_STR(""),
                           "%.*s is taken already", MC_FMT(column->label));
        return mc__dynamic_field_failure(ctx, MC_CONFLICT, err);
    }
    if (rc == MC_INVALID)
        return mc_fail(err, MC_REJECTED, "a value does not fit the table");
    return rc;
}

typedef struct statement {
    mc_buf sql;
    mc_db_value *args;
    size_t count;
} statement;

static mc_code statement_init(statement *s, mc_ctx *ctx, size_t args_max, mc_err *err)
{
    mc_buf_init_arena(&s->sql, ctx->arena, 0);
    s->count = 0;
    s->args = mc_arena_array(ctx->arena, mc_db_value, args_max);
    return s->args ? MC_OK : mc_fail(err, MC_NO_MEMORY, "write");
}

static void add_arg(statement *s, mc_db_value value)
{
    s->args[s->count++] = value;
    mc_buf_printf(&s->sql, "$%zu", s->count);
}

/* Runs s, which returns one row or none. */
static mc_code run_returning(mc_ctx *ctx, statement *s, const mc__row_layout *layout, mc_buf *out,
                             mc_time *out_version, bool *out_found, mc_err *err)
{
    mc_db_rows rows;
    mc_code rc = mc_buf_check(&s->sql, "write", err);

    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, mc_buf_get(&s->sql), s->args, s->count, &rows, err);
    if (rc != MC_OK)
        return rc;
    *out_found = mc_db_rows_next(&rows);
    if (*out_found) {
        mc__row_write(layout, &rows, out);
        *out_version = mc__row_version(layout, &rows);
    }
    while (mc_db_rows_next(&rows))
        ; /* to its end, where the store reports what it checks last */
    return mc_db_rows_finish(&rows, err);
}

static void write_insert(statement *s, mc_ctx *ctx, const mc_dynamic_write *write, mc_uuid id,
                         const mc__row_layout *layout)
{
    mc_db_value now = mc_db_time(ctx->now);

    mc_buf_lit(&s->sql, "INSERT INTO ");
    mc_buf_str(&s->sql, write->model->physical);
    mc_buf_lit(&s->sql,
               " (\"id\", \"organization_id\", \"created_by_id\", \"created_at\", \"updated_at\"");
    for (size_t i = 0; i < write->count; i++) {
        mc_buf_lit(&s->sql, ", ");
        mc_buf_sql_ident(&s->sql, write->items[i].column->name);
    }
    mc_buf_lit(&s->sql, ") VALUES (");
    add_arg(s, mc_db_uuid(id));
    mc_buf_lit(&s->sql, ", ");
    add_arg(s, mc_db_uuid(ctx->who.org_id));
    mc_buf_lit(&s->sql, ", ");
    add_arg(s, mc_db_uuid(ctx->who.user_id));
    mc_buf_lit(&s->sql, ", ");
    add_arg(s, now);
    mc_buf_lit(&s->sql, ", ");
    add_arg(s, now);
    for (size_t i = 0; i < write->count; i++) {
        mc_buf_lit(&s->sql, ", ");
        add_arg(s, write->items[i].value);
    }
    mc_buf_lit(&s->sql, ") RETURNING ");
    mc_buf_str(&s->sql, mc__row_layout_columns(layout));
}

mc_code mc_dynamic_create(mc_dynamic *self, mc_ctx *ctx, mc_dynamic_write *write, mc_buf *out,
                          mc_time *out_version, mc_err *err)
{
    size_t start = out->len;
    mc__row_layout *layout;
    statement s;
    bool is_found;
    mc_uuid id;
    mc_code rc = mc_uuid_v7(&id, err);

    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, write->model, MC_BEFORE_CREATE, id, write->input, MC_STR(""),
                           err);
    if (rc == MC_OK)
        rc = mc__dynamic_check_refs(self, ctx, write, err);
    if (rc == MC_OK)
        rc = mc__row_layout_new(self, ctx, write->model, &layout, err);
    if (rc == MC_OK)
        rc = statement_init(&s, ctx, write->count + 5, err);
    if (rc != MC_OK)
        return rc;
    write_insert(&s, ctx, write, id, layout);
    rc = run_returning(ctx, &s, layout, out, out_version, &is_found, err);
    if (rc != MC_OK)
        return translate(ctx, write->model, rc, err);
    rc = mc__dynamic_changed(
        self, ctx,
        &(mc_dynamic_change){
            .model = write->model, .id = id, .action = MC_DYNAMIC_CREATED, .at = ctx->now},
        err);
    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, write->model, MC_AFTER_CREATE, id, write->input,
                           mc_str_slice(mc_buf_get(out), start, out->len), err);
    return rc;
}

static void write_where(statement *s, mc_ctx *ctx, const mc_model *model, mc_uuid id)
{
    mc_buf_lit(&s->sql, " WHERE \"id\" = ");
    add_arg(s, mc_db_uuid(id));
    mc_buf_lit(&s->sql, " AND \"organization_id\" = ");
    add_arg(s, mc_db_uuid(ctx->who.org_id));
    if (model->soft_delete)
        mc_buf_lit(&s->sql, " AND \"deleted_at\" IS NULL");
}

static void write_update(statement *s, mc_ctx *ctx, const mc_dynamic_write *write, mc_uuid id,
                         mc_time version, const mc__row_layout *layout)
{
    mc_buf_lit(&s->sql, "UPDATE ");
    mc_buf_str(&s->sql, write->model->physical);
    mc_buf_lit(&s->sql, " SET \"updated_at\" = ");
    add_arg(s, mc_db_time(version));
    for (size_t i = 0; i < write->count; i++) {
        mc_buf_lit(&s->sql, ", ");
        mc_buf_sql_ident(&s->sql, write->items[i].column->name);
        mc_buf_lit(&s->sql, " = ");
        add_arg(s, write->items[i].value);
    }
    write_where(s, ctx, write->model, id);
    mc_buf_lit(&s->sql, " RETURNING ");
    mc_buf_str(&s->sql, mc__row_layout_columns(layout));
}

/* Two changes within one microsecond, or a clock that was set back, are two versions still. */
static mc_time next_version(mc_time now, mc_time version)
{
    return now > version ? now : version + 1;
}

mc_code mc_dynamic_update(mc_dynamic *self, mc_ctx *ctx, mc_dynamic_write *write, mc_uuid id,
                          mc_code (*if_version)(void *user, mc_time version, mc_err *err),
                          void *if_version_user, mc_buf *out, mc_time *out_version, mc_err *err)
{
    size_t start = out->len;
    mc__row_layout *layout;
    mc__current current;
    bool is_found = false;
    statement s;
    mc_time version;
    mc_code rc = mc__current_load(self, ctx, write, id, &current, err);

    if (rc == MC_OK && if_version)
        rc = if_version(if_version_user, current.version, err);
    if (rc == MC_OK && write->count == 0) /* nothing that may be written was given */
        return mc_dynamic_get(self, ctx, write->model, id, out, out_version, err);
    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, write->model, MC_BEFORE_UPDATE, id, write->input, MC_STR(""),
                           err);
    if (rc == MC_OK)
        rc = mc__dynamic_check_refs(self, ctx, write, err);
    if (rc == MC_OK)
        rc = mc__row_layout_new(self, ctx, write->model, &layout, err);
    if (rc == MC_OK)
        rc = statement_init(&s, ctx, write->count + 3, err);
    if (rc != MC_OK)
        return rc;
    version = next_version(ctx->now, current.version);
    write_update(&s, ctx, write, id, version, layout);
    rc = run_returning(ctx, &s, layout, out, out_version, &is_found, err);
    if (rc != MC_OK)
        return translate(ctx, write->model, rc, err);
    if (!is_found)
        return mc_fail(err, MC_NOT_FOUND, "record not found");
    rc = mc__dynamic_changed(self, ctx,
                             &(mc_dynamic_change){.model = write->model,
                                                  .id = id,
                                                  .action = MC_DYNAMIC_UPDATED,
                                                  .at = version,
                                                  .fields = current.changed,
                                                  .field_count = current.changed_count},
                             err);
    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, write->model, MC_AFTER_UPDATE, id, write->input,
                           mc_str_slice(mc_buf_get(out), start, out->len), err);
    return rc;
}

mc_code mc_dynamic_delete(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                          mc_err *err)
{
    int64_t changed = 0;
    statement s;
    mc_code rc = mc__run_hooks(self, ctx, model, MC_BEFORE_DELETE, id, NULL, MC_STR(""), err);

    if (rc == MC_OK)
        rc = statement_init(&s, ctx, 4, err);
    if (rc != MC_OK)
        return rc;
    if (model->soft_delete) {
        mc_buf_lit(&s.sql, "UPDATE ");
        mc_buf_str(&s.sql, model->physical);
        mc_buf_lit(&s.sql, " SET \"deleted_at\" = ");
        add_arg(&s, mc_db_time(ctx->now));
    } else {
        mc_buf_lit(&s.sql, "DELETE FROM ");
        mc_buf_str(&s.sql, model->physical);
    }
    write_where(&s, ctx, model, id);
    rc = mc_buf_check(&s.sql, "delete", err);
    if (rc == MC_OK)
        rc = mc_db_exec(ctx->conn, mc_buf_get(&s.sql), s.args, s.count, &changed, err);
    if (rc == MC_OK && changed == 0)
        return mc_fail(err, MC_NOT_FOUND, "record not found");
    if (rc == MC_OK)
        rc = mc__dynamic_changed(
            self, ctx,
            &(mc_dynamic_change){
                .model = model, .id = id, .action = MC_DYNAMIC_DELETED, .at = ctx->now},
            err);
    if (rc == MC_OK)
        rc = mc__run_hooks(self, ctx, model, MC_AFTER_DELETE, id, NULL, MC_STR(""), err);
    return rc == MC_INVALID ? translate(ctx, model, rc, err) : rc;
}
