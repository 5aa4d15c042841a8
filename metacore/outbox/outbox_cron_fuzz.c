/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/outbox/outbox.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is parsed has a next time, which is later, and to the minute. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc_time start = INT64_C(1700000000000000), next = 0;
    mc_cron cron;

    if (mc_cron_parse(mc_str_of((const char *)data, size), &cron, NULL) != MC_OK)
        return 0;
    for (int i = 0; i < 4; i++) {
        if (!mc_cron_next(&cron, start, &next) || next <= start ||
            next % (60 * MC_TIME_US_PER_S) != 0)
            abort();
        start = next;
    }
    return 0;
}
