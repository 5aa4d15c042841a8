/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that a guest's statement changed: held against the rules that only the kernel keeps, and
 * told as every other change is. */
#include "metacore/host/guests_sql_internal.h"

/* A key that was written points to a row of its own organization, or is null. */
static mc_code check_ref(mc__guest_sql *s, mc_ctx *ctx, const mc_model *model,
                         const mc_column *column, mc_uuid id, mc_err *err)
{
    const mc_model *to = mc_models_find(s->call->guests->app->models, column->ref);
    mc_db_value args[] = {mc_db_uuid(id), mc_db_uuid(ctx->who.org_id)};
    mc_str table = mc_str_eq(column->ref, MC_STR("users")) ? MC_STR("\"users\"") : MC_STR("");
    mc_db_rows rows;
    bool is_lost;
    mc_str sql;
    mc_code rc = MC_OK;

    if (to)
        rc = mc_models_for_org(s->call->guests->app->models, to, ctx->who.org_id, &to, err);
    if (rc == MC_OK && to)
        table = to->physical;
    if (rc != MC_OK || table.len == 0)
        return rc;
    sql = mc_str_printf(ctx->arena,
                        "SELECT 1 FROM %.*s AS t LEFT JOIN %.*s AS p ON p.\"id\" = t.\"%.*s\" AND "
                        "p.\"organization_id\" = $2 WHERE t.\"id\" = $1 AND t.\"%.*s\" IS NOT NULL "
                        "AND p.\"id\" IS NULL",
                        MC_FMT(model->physical), MC_FMT(table), MC_FMT(column->name),
                        MC_FMT(column->name));
    if (!sql.ptr)
        return mc_fail(err, MC_NO_MEMORY, "guest");
    rc = mc_db_query(ctx->conn, sql, args, MC_LEN(args), &rows, err);
    if (rc != MC_OK)
        return rc;
    is_lost = mc_db_rows_next(&rows);
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK && is_lost
               ? mc_fail(err, MC_REJECTED, "\"%.*s\" points to no row", MC_FMT(column->name))
               : rc;
}

/* What an old row points to, and the statement leaves as it is, is not its fault. */
static bool is_written(const mc__guest_sql *s, mc_str column)
{
    const mc_strs *fields = &s->statement.fields;

    if (s->statement.verb != MC_SQLGUEST_UPDATE)
        return true;
    for (size_t i = 0; i < fields->count; i++) {
        if (mc_str_eq(fields->items[i], column))
            return true;
    }
    return false;
}

static mc_code check_refs(mc__guest_sql *s, mc_ctx *ctx, const mc_model *model, mc_uuid id,
                          mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < model->column_count && rc == MC_OK; i++) {
        if (model->columns[i].ref.len && model->columns[i].type == MC_COL_UUID &&
            is_written(s, model->columns[i].name))
            rc = check_ref(s, ctx, model, &model->columns[i], id, err);
    }
    return rc;
}

mc_code mc__guest_sql_tell(mc__guest_sql *s, mc_ctx *ctx, mc_err *err)
{
    static const mc_dynamic_action actions[] = {[MC_SQLGUEST_INSERT] = MC_DYNAMIC_CREATED,
                                                [MC_SQLGUEST_UPDATE] = MC_DYNAMIC_UPDATED,
                                                [MC_SQLGUEST_DELETE] = MC_DYNAMIC_DELETED};
    const mc_model *model = s->statement.target.model;
    mc_dynamic_action action = actions[s->statement.verb];
    mc_code rc = MC_OK;

    if (action == MC_DYNAMIC_CREATED && s->statement.is_upsert)
        action = MC_DYNAMIC_UPDATED; /* which of both it was, the store does not say */
    for (size_t i = 0; i < s->id_count && rc == MC_OK; i++) {
        if (action != MC_DYNAMIC_DELETED)
            rc = check_refs(s, ctx, model, s->ids[i], err);
        if (rc == MC_OK)
            rc = mc_dynamic_tell(s->call->guests->app->dynamic, ctx, model, s->ids[i], action,
                                 s->statement.fields.items, s->statement.fields.count, err);
    }
    return rc;
}
