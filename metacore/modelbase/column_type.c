/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/modelbase/modelbase_internal.h"

bool mc_column_type_parse(mc_str name, mc_column_type *out)
{
    static const struct {
        const char *name;
        mc_column_type type;
    } types[] = {
        {"string", MC_COL_STRING},       {"text", MC_COL_TEXT},
        {"uuid", MC_COL_UUID},           {"int", MC_COL_INT},
        {"integer", MC_COL_INT},         {"bigint", MC_COL_BIGINT},
        {"decimal", MC_COL_DECIMAL},     {"numeric", MC_COL_DECIMAL},
        {"float", MC_COL_DECIMAL},       {"double", MC_COL_DECIMAL},
        {"bool", MC_COL_BOOL},           {"boolean", MC_COL_BOOL},
        {"timestamp", MC_COL_TIMESTAMP}, {"datetime", MC_COL_TIMESTAMP},
        {"date", MC_COL_DATE},           {"json", MC_COL_JSON},
        {"jsonb", MC_COL_JSON},
    };

    for (size_t i = 0; i < MC_LEN(types); i++) {
        if (mc_str_eq_nocase(name, mc_z(types[i].name))) {
            *out = types[i].type;
            return true;
        }
    }
    return false;
}
