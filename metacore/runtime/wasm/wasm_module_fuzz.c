/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/runtime/wasm/wasm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_wasm_module *module = NULL;
    mc_wasm_name name;
    mc_err err;

    if (mc_wasm_module_read(mc_str_of((const char *)data, size), &module, &err) != MC_OK)
        return 0;
    for (size_t i = 0; i < mc_wasm_module_import_count(module); i++)
        mc_wasm_module_get_import(module, i, &name);
    for (size_t i = 0; i < mc_wasm_module_export_count(module); i++)
        mc_wasm_module_get_export(module, i, &name);
    mc_wasm_module_free(module);
    return 0;
}
