/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/dynamic/dynamic_workbook_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static mc_code swallow(void *user, mc_str bytes, mc_err *err)
{
    (void)user;
    (void)bytes;
    (void)err;
    return MC_OK;
}

/* Whatever is sent as a workbook is read or refused. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_str text = mc_str_of((const char *)data, size);
    mc__zip_entry entry;
    mc_http_body csv;
    mc_err err;

    if (mc__workbook_to_csv(text, "/tmp", &csv, &err) == MC_OK)
        mc_http_body_close(&csv);
    if (mc__zip_find(text, MC_STR(""), true, &entry, &err) == MC_OK)
        MC_IGNORE(mc__zip_read(&entry, 1 << 20, (mc_sink){swallow, NULL}, &err));
    return 0;
}
