/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that link two models, many to many. */
#include "metacore/modelbase/modelbase_internal.h"

/* "tag" for "tags", "category" for "categories"; what has no such end stays. */
static mc_str singular(mc_arena *arena, mc_str word)
{
    static const mc_str long_ends[] = {MC_STR_INIT("sses"), MC_STR_INIT("shes"),
                                       MC_STR_INIT("ches"), MC_STR_INIT("xes")};

    if (mc_str_ends_with(word, MC_STR("ies")) && word.len > 3)
        return mc_str_printf(arena, "%.*sy", (int)word.len - 3, word.ptr);
    for (size_t i = 0; i < MC_LEN(long_ends); i++) {
        if (mc_str_ends_with(word, long_ends[i]))
            return mc_str_slice(word, 0, word.len - 2);
    }
    if (mc_str_ends_with(word, MC_STR("s")) && !mc_str_ends_with(word, MC_STR("ss")))
        return mc_str_slice(word, 0, word.len - 1);
    return word;
}

mc_code mc_model_pivot_def(mc_arena *arena, const mc_model_def *owner,
                           const mc_relation_def *relation, mc_model_def *out, mc_err *err)
{
    mc_column_def *columns = mc_arena_array(arena, mc_column_def, 2);
    mc_str one = singular(arena, relation->through);
    mc_str name = mc_str_printf(arena, "%.*s_id", MC_FMT(one));

    if (mc_str_eq(name, relation->foreign_key)) /* a model linked to itself */
        name = mc_str_printf(arena, "other_%.*s_id", MC_FMT(one));
    if (!columns || !one.ptr || !name.ptr)
        return mc_fail(err, MC_NO_MEMORY, "model");
    columns[0] = (mc_column_def){.name = relation->foreign_key,
                                 .type = MC_STR("uuid"),
                                 .required = true,
                                 .index = true,
                                 .ref = owner->key};
    columns[1] = (mc_column_def){.name = mc_capped_name(arena, name),
                                 .type = MC_STR("uuid"),
                                 .required = true,
                                 .index = true,
                                 .ref = relation->through};
    *out = (mc_model_def){.key = relation->pivot,
                          .table = relation->pivot,
                          .addon_key = owner->addon_key,
                          .schema = owner->schema,
                          .org_scoped = true,
                          .is_per_tenant = owner->is_per_tenant,
                          .is_internal = true,
                          .columns = columns,
                          .column_count = 2};
    return MC_OK;
}

static bool is_declared(const mc_model_def *models, size_t count, const mc_relation_def *relation)
{
    for (size_t i = 0; i < count; i++) {
        if (mc_str_eq(models[i].key, relation->pivot) ||
            mc_str_eq(models[i].table, relation->pivot))
            return true;
    }
    return false;
}

static size_t count_links(const mc_model_def *models, size_t count)
{
    size_t links = 0;

    for (size_t i = 0; i < count; i++)
        links += models[i].relation_count;
    return links;
}

mc_code mc_model_add_pivots(mc_arena *arena, const mc_model_def **models, size_t *count,
                            mc_err *err)
{
    size_t declared = *count, made = declared;
    mc_model_def *all = mc_arena_array(arena, mc_model_def, declared + count_links(*models, made));

    if (!all)
        return mc_fail(err, MC_NO_MEMORY, "model");
    for (size_t i = 0; i < declared; i++)
        all[i] = (*models)[i];
    for (size_t i = 0; i < declared; i++) {
        for (size_t k = 0; k < all[i].relation_count; k++) {
            const mc_relation_def *relation = &all[i].relations[k];
            mc_code rc;

            if (!mc_str_eq(relation->kind, MC_STR("many_to_many")) ||
                !mc_str_is_identifier(relation->pivot) || is_declared(all, made, relation))
                continue;
            rc = mc_model_pivot_def(arena, &all[i], relation, &all[made], err);
            if (rc != MC_OK)
                return rc;
            made++;
        }
    }
    *models = all;
    *count = made;
    return MC_OK;
}

const mc_column *mc_model_pivot_target(const mc_model *pivot, const mc_relation_def *relation)
{
    const mc_column *only = NULL;
    size_t others = 0;

    for (size_t i = 0; i < pivot->column_count; i++) {
        const mc_column *column = &pivot->columns[i];

        if (column->is_system || column->type != MC_COL_UUID ||
            mc_str_eq(column->name, relation->foreign_key))
            continue;
        if (mc_str_eq(column->ref, relation->through))
            return column;
        only = column;
        others++;
    }
    return others == 1 ? only : NULL;
}
