/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/bundle/bundle_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As an archive, and as what would be inside of one. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_str bytes = mc_str_of((const char *)data, size);
    mc_bundle *bundle = NULL;
    mc__bundle_builder b;
    mc_err err;
    mc_code rc;

    if (mc_bundle_read(bytes, &bundle, &err) == MC_OK)
        mc_bundle_free(bundle);
    rc = mc__bundle_begin(&b, &err);
    if (rc == MC_OK)
        rc = mc__tar_read(bytes, &b, &err);
    bundle = NULL;
    MC_IGNORE(mc__bundle_finish(&b, rc, &bundle, &err));
    mc_bundle_free(bundle);
    return 0;
}
