/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/modelbase/modelbase.h"

mc_model_def mc_model_users_def(void)
{
    static const mc_column_def columns[] = {
        {.name = MC_STR_INIT("name"), .type = MC_STR_INIT("string"), .searchable = true},
        {.name = MC_STR_INIT("email"),
         .type = MC_STR_INIT("string"),
         .searchable = true,
         .unique = true},
        {.name = MC_STR_INIT("role"), .type = MC_STR_INIT("string")},
        {.name = MC_STR_INIT("avatar"), .type = MC_STR_INIT("string")},
    };

    return (mc_model_def){.key = MC_STR("users"),
                          .table = MC_STR("users"),
                          .soft_delete = true,
                          .columns = columns,
                          .column_count = MC_LEN(columns)};
}
