/* SPDX-License-Identifier: Apache-2.0 */
/* Which columns of a row are read, and the names of the rows that it points to. */
#include "metacore/dynamic/dynamic_rows_internal.h"

#include "metacore/base/utf8.h"

static mc__member *insert_sorted(mc__member *members, size_t *count, mc__member fresh)
{
    size_t i = (*count)++;

    while (i > 0 && mc_str_cmp(members[i - 1].key, fresh.key) > 0) {
        members[i] = members[i - 1];
        i--;
    }
    members[i] = fresh;
    return &members[i];
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
            (mc__member){.key = column->name, .column = column, .at = layout->member_count};
        layout->member_count++;
    }
    layout->column_count = layout->member_count;
}

/* ---- the rows that references point to ---- */

typedef struct builder {
    mc_dynamic *self;
    mc_ctx *ctx;
    mc__row_layout *layout;
    mc_str org; /* the row's organization, as an expression */
    mc_buf columns;
} builder;

/* Selects what the row count hops away is called; id_at: where its key is selected already. */
static size_t select_label(builder *b, const mc__hop *hops, size_t count)
{
    mc_buf_lit(&b->columns, ", ");
    mc__hops_write(b->layout->model, hops, count, b->org, hops[count - 1].label, &b->columns);
    return b->layout->column_count++;
}

static size_t select_id(builder *b, const mc__hop *hops, size_t count)
{
    mc_buf_lit(&b->columns, ", ");
    mc__hops_write(b->layout->model, hops, count - 1, b->org, hops[count - 1].column->name,
                   &b->columns);
    return b->layout->column_count++;
}

static void add_siblings(builder *b, mc_str fields)
{
    mc__row_layout *layout = b->layout;
    size_t at = 0;

    for (size_t i = 0; i < layout->model->column_count; i++) {
        const mc_column *column = &layout->model->columns[i];
        mc_str key = mc__sibling_key(layout->model, column);
        mc__hop hop;

        if (!is_selected(fields, column))
            continue;
        if (key.len && column->ref.len && mc__hop_open(b->self, b->ctx, column, &hop))
            (void)insert_sorted(
                layout->members, &layout->member_count,
                (mc__member){.key = key, .at = select_label(b, &hop, 1), .id_at = at});
        at++;
    }
}

/* ---- expand=project.owner,created_by ---- */

/* The column of model whose sibling is called name. */
static const mc_column *find_reference(const mc_model *model, mc_str name)
{
    for (size_t i = 0; model && name.len && i < model->column_count; i++) {
        const mc_column *column = &model->columns[i];

        if (!column->is_hidden && mc__ref_of(column).len &&
            mc_str_eq(mc__sibling_key(model, column), name))
            return column;
    }
    return NULL;
}

static mc__member *find_sibling(mc__member *members, size_t count, mc_str key)
{
    for (size_t i = 0; i < count; i++) {
        if (!members[i].column && mc_str_eq(members[i].key, key))
            return &members[i];
    }
    return NULL;
}

/* The sibling called key of parent (NULL: of the row itself), selected now if it was not yet. */
static mc__member *enter(builder *b, mc__member *parent, mc_str key, const mc__hop *hops,
                         size_t count)
{
    mc__member **members = parent ? &parent->children : &b->layout->members;
    size_t *member_count = parent ? &parent->child_count : &b->layout->member_count;
    mc__member *found = find_sibling(*members, *member_count, key);
    mc__member fresh = {.key = key};

    if (found)
        return found;
    if (parent && !parent->children)
        parent->children = mc_arena_array(b->ctx->arena, mc__member, MC__EXPAND_MAX);
    if (!*members)
        return NULL;
    fresh.at = select_label(b, hops, count);
    fresh.id_at = select_id(b, hops, count);
    return insert_sorted(*members, member_count, fresh);
}

/* What may not be read is not shown, whoever asks for it; what does not exist is a mistake. */
static mc_code expand_path(builder *b, mc_str path, mc_err *err)
{
    const mc_model *model = b->layout->model;
    mc__hop hops[MC__EXPAND_DEPTH_MAX];
    mc__member *member = NULL;
    mc_str rest = path, key;
    size_t count = 0;

    while (mc_str_split(&rest, '.', &key)) {
        const mc_column *column = find_reference(model, key);

        if (!column)
            return mc_fail(err, MC_INVALID, "expand: \"%.*s\" is no reference",
                           MC_FMT(mc_utf8_truncate(path, 64)));
        if (count == MC__EXPAND_DEPTH_MAX)
            return mc_fail(err, MC_INVALID, "expand: more than %d references in a row",
                           MC__EXPAND_DEPTH_MAX);
        if (!mc__hop_open(b->self, b->ctx, column, &hops[count]))
            return MC_OK;
        member = enter(b, member, mc__sibling_key(model, column), hops, count + 1);
        if (!member)
            return mc_fail(err, MC_NO_MEMORY, "row");
        model = hops[count++].model;
    }
    return MC_OK;
}

static mc_code expand_all(builder *b, mc_str expand, mc_err *err)
{
    mc_code rc = MC_OK;
    size_t count = 0;
    mc_str path;

    while (rc == MC_OK && mc_str_split(&expand, ',', &path)) {
        path = mc_str_trim(path);
        if (path.len && count++ == MC__EXPAND_MAX)
            return mc_fail(err, MC_INVALID, "expand: more than %d", MC__EXPAND_MAX);
        if (path.len)
            rc = expand_path(b, path, err);
    }
    return rc;
}

/* ---- the whole ---- */

mc_code mc__row_layout_shape(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                             const mc__row_shape *shape, mc__row_layout **out, mc_err *err)
{
    builder b = {.self = self, .ctx = ctx, .layout = mc_arena_object(ctx->arena, mc__row_layout)};
    mc_code rc = check_fields(model, shape->fields, err);

    if (rc != MC_OK)
        return rc;
    b.org = mc_str_printf(ctx->arena, "%.*s.\"organization_id\"", MC_FMT(model->physical));
    if (!b.layout || !b.org.ptr)
        return mc_fail(err, MC_NO_MEMORY, "row");
    b.layout->model = model;
    b.layout->dialect = self->dialect;
    b.layout->members =
        mc_arena_array(ctx->arena, mc__member, 2 * model->column_count + MC__EXPAND_MAX);
    if (!b.layout->members)
        return mc_fail(err, MC_NO_MEMORY, "row");
    mc_buf_init_arena(&b.columns, ctx->arena, 0);
    add_columns(b.layout, shape->fields, &b.columns);
    add_siblings(&b, shape->fields);
    rc = expand_all(&b, shape->expand, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&b.columns, "row", err);
    if (rc != MC_OK)
        return rc;
    b.layout->columns = mc_buf_get(&b.columns);
    *out = b.layout;
    return MC_OK;
}

mc_code mc__row_layout_new(mc_dynamic *self, mc_ctx *ctx, const mc_model *model,
                           mc__row_layout **out, mc_err *err)
{
    return mc__row_layout_shape(self, ctx, model, &(mc__row_shape){0}, out, err);
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
    (void)insert_sorted(
        layout->members, &layout->member_count,
        (mc__member){.key = column.name, .column = &column, .at = layout->column_count++});
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
