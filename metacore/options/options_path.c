/* SPDX-License-Identifier: Apache-2.0 */
/* "customer.name": a column of the row that a reference points to. */
#include "metacore/options/options_internal.h"

#include <stdio.h>

/* The reference that segment names: customer_id, or a column of just that name. */
static const mc_column *find_reference(const mc_model *model, mc_str segment)
{
    const mc_column *column = mc__options_column(model, segment);
    char name[72];
    int len;

    if (column && column->type == MC_COL_UUID && column->ref.len)
        return column;
    len = snprintf(name, sizeof(name), "%.*s_id", MC_FMT(segment));
    if (len < 0 || (size_t)len >= sizeof(name))
        return NULL;
    column = mc__options_column(model, mc_str_of(name, (size_t)len));
    return column && column->ref.len ? column : NULL;
}

/* row is how a row of model is called at this depth: its table, or r1, r2 … */
static mc_code write_step(mc_options *self, mc_ctx *ctx, const mc_model *model, mc_str row,
                          mc_str path, int depth, mc_buf *out, mc_err *err)
{
    size_t dot = mc_str_find_char(path, 0, '.');
    const mc_column *column;
    const mc_model *target;
    char alias[16];
    mc_code rc;

    if (dot == path.len) {
        column = mc__options_column(model, path);
        if (!column)
            return mc_fail(err, MC_NOT_FOUND, "no column %.*s", MC_FMT(path));
        mc_buf_str(out, row);
        mc_buf_char(out, '.');
        mc_buf_sql_ident(out, column->name);
        return MC_OK;
    }
    column = find_reference(model, mc_str_slice(path, 0, dot));
    if (!column || depth == MC__PATH_MAX)
        return mc_fail(err, MC_NOT_FOUND, "no way %.*s", MC_FMT(path));
    rc = mc__options_open(self, ctx, column->ref, &target, err);
    if (rc != MC_OK)
        return rc;
    (void)snprintf(alias, sizeof(alias), "r%d", depth); /* depth is below MC__PATH_MAX */
    mc_buf_lit(out, "(SELECT ");
    rc = write_step(self, ctx, target, mc_z(alias), mc_str_slice(path, dot + 1, path.len),
                    depth + 1, out, err);
    mc_buf_lit(out, " FROM ");
    mc_buf_str(out, target->physical);
    mc_buf_printf(out, " %s WHERE %s.\"id\" = ", alias, alias);
    mc_buf_str(out, row);
    mc_buf_char(out, '.');
    mc_buf_sql_ident(out, column->name);
    mc_buf_printf(out, " AND %s.\"organization_id\" = $1", alias);
    if (target->soft_delete)
        mc_buf_printf(out, " AND %s.\"deleted_at\" IS NULL", alias);
    mc_buf_char(out, ')');
    return rc;
}

mc_code mc__options_path(mc_options *self, mc_ctx *ctx, const mc_model *model, mc_str path,
                         mc_buf *out, mc_err *err)
{
    return write_step(self, ctx, model, model->physical, path, 0, out, err);
}
