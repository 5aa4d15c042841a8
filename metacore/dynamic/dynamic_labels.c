/* SPDX-License-Identifier: Apache-2.0 */
/* What people call the rows that references point to, as columns of a statement. */
#include "metacore/dynamic/dynamic_internal.h"

mc_str mc__sibling_key(const mc_model *model, const mc_column *column)
{
    mc_str key = mc_str_slice(column->name, 0, column->name.len - 3);

    if (column->type != MC_COL_UUID || !mc_str_ends_with(column->name, MC_STR("_id")) ||
        key.len == 0 || mc_model_find_column(model, key))
        return MC_STR("");
    return key;
}

mc_str mc__ref_of(const mc_column *column)
{
    return mc_str_eq(column->name, MC_STR("created_by_id")) ? MC_STR("users") : column->ref;
}

bool mc__hop_open(mc_dynamic *self, mc_ctx *ctx, const mc_column *column, mc__hop *out)
{
    mc__hop hop = {.column = column};
    mc_str ref = mc__ref_of(column);
    mc_err err;

    if (!mc__ref_target(self, ctx, ref, &hop.table, &hop.label, &hop.soft_delete) ||
        mc_dynamic_check(self, ctx, ref, MC_STR("read"), &err) != MC_OK)
        return false; /* whatever the reason, there is no label to show */
    hop.model = mc__ref_model(self, ctx, ref);
    *out = hop;
    return true;
}

/* One look by primary key for each hop; each within the organization. */
static void write_hop(const mc__hop *hops, size_t count, size_t depth, mc_str row, mc_str org,
                      mc_str column, mc_buf *out)
{
    char name[] = {'r', (char)('0' + depth % 10)};
    mc_str alias = mc_str_of(name, sizeof(name));

    if (count == 0) {
        mc_buf_str(out, row);
        mc_buf_char(out, '.');
        mc_buf_sql_ident(out, column);
        return;
    }
    mc_buf_lit(out, "(SELECT ");
    write_hop(hops + 1, count - 1, depth + 1, alias, org, column, out);
    mc_buf_lit(out, " FROM ");
    mc_buf_str(out, hops->table);
    mc_buf_char(out, ' ');
    mc_buf_str(out, alias);
    mc_buf_lit(out, " WHERE ");
    mc_buf_str(out, alias);
    mc_buf_lit(out, ".\"id\" = ");
    mc_buf_str(out, row);
    mc_buf_char(out, '.');
    mc_buf_sql_ident(out, hops->column->name);
    mc_buf_lit(out, " AND ");
    mc_buf_str(out, alias);
    mc_buf_lit(out, ".\"organization_id\" = ");
    mc_buf_str(out, org);
    if (hops->soft_delete) {
        mc_buf_lit(out, " AND ");
        mc_buf_str(out, alias);
        mc_buf_lit(out, ".\"deleted_at\" IS NULL");
    }
    mc_buf_char(out, ')');
}

void mc__hops_write(const mc_model *model, const mc__hop *hops, size_t count, mc_str org,
                    mc_str column, mc_buf *out)
{
    write_hop(hops, count, 1, model->physical, org, column, out);
}

bool mc__label_write(mc_dynamic *self, mc_ctx *ctx, const mc_model *model, const mc_column *column,
                     mc_str *out_key, mc_buf *sql)
{
    mc_str key = mc__sibling_key(model, column);
    mc__hop hop;

    if (key.len == 0 || !mc__hop_open(self, ctx, column, &hop))
        return false;
    mc_buf_lit(sql, ", ");
    mc__hops_write(model, &hop, 1, MC_STR("$1"), hop.label, sql);
    *out_key = key;
    return true;
}

void mc__label_value_write(mc_db_rows *rows, size_t label_at, size_t id_at, mc_buf *out)
{
    mc_buf_lit(out, "{\"label\":");
    mc_json_write_str(out, mc_db_col_text(rows, label_at));
    mc_buf_lit(out, ",\"value\":");
    mc_json_write_str(out, mc_db_col_text(rows, id_at));
    mc_buf_char(out, '}');
}
