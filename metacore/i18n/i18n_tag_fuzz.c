/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/i18n/i18n.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a browser sends, the answer is a language there are texts in. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_str lang;
    mc_i18n *i18n;
    mc_err err;

    if (mc_i18n_new(NULL, &i18n, &err) != MC_OK)
        return 0;
    lang = mc_i18n_negotiate(i18n, mc_str_of((const char *)data, size));
    if (!mc_str_eq(lang, MC_STR("en")) && !mc_str_eq(lang, MC_STR("es")))
        __builtin_trap();
    mc_i18n_free(i18n);
    return 0;
}
