/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/modelbase/modelbase.h"

static bool is_text(const mc_column *column)
{
    return column->type == MC_COL_STRING || column->type == MC_COL_TEXT;
}

const mc_column *mc_model_label_column(const mc_model *model)
{
    static const mc_str usual[] = {MC_STR_INIT("name"),  MC_STR_INIT("title"),
                                   MC_STR_INIT("label"), MC_STR_INIT("subject"),
                                   MC_STR_INIT("email"), MC_STR_INIT("code")};
    const mc_column *first = NULL;

    for (size_t i = 0; i < MC_LEN(usual); i++) {
        const mc_column *column = mc_model_find_column(model, usual[i]);

        if (column && is_text(column) && !column->is_hidden)
            return column;
    }
    for (size_t i = 0; i < model->column_count; i++) {
        const mc_column *column = &model->columns[i];

        if (is_text(column) && !column->is_hidden && (!first || column->position < first->position))
            first = column;
    }
    return first ? first : mc_model_find_column(model, MC_STR("id"));
}
