/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime of guests counts, for /metrics. */
#include "metacore/host/guests_internal.h"

typedef struct number {
    const char *name, *help;
    uint64_t value;
} number;

static void put(mc_metrics_sink *sink, mc_metric_kind kind, const number *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mc_metrics_family(sink, numbers[i].name, kind, 1, numbers[i].help);
        mc_metrics_sample(sink, NULL, MC_STR(""), (int64_t)numbers[i].value);
    }
}

void mc__guests_collect(mc_metrics_sink *sink, void *user)
{
    mc__guests *self = user;
    mc_wasm_stats stats;

    mc_wasm_get_stats(self->runtime, &stats);
    put(sink, MC_METRIC_COUNTER,
        (const number[]){
            {"metacore_wasm_calls_total", "Calls of guests.", stats.calls},
            {"metacore_wasm_traps_total", "Calls that trapped.", stats.traps},
            {"metacore_wasm_timeouts_total", "Calls over their deadline.", stats.timeouts},
            {"metacore_wasm_deaths_total", "Processes that ended by themselves.", stats.deaths},
            {"metacore_wasm_host_calls_total", "Functions of ours that guests called.",
             stats.host_calls},
            {"metacore_wasm_spawned_total", "Processes that were started.", stats.spawned},
            {"metacore_wasm_recycled_total", "Processes that were replaced.", stats.recycled},
            {"metacore_wasm_compiled_total", "Modules that were compiled.", stats.compiled},
            {"metacore_wasm_cached_total", "Modules found compiled.", stats.from_cache},
            {"metacore_wasm_zygote_restarts_total", "Zygotes made in place of one that died.",
             stats.zygotes},
        },
        10);
    put(sink, MC_METRIC_GAUGE,
        (const number[]){
            {"metacore_wasm_children", "Processes of guests.", stats.children},
            {"metacore_wasm_busy", "Processes of guests at work.", stats.busy},
            {"metacore_wasm_guests", "Modules that are loaded.", stats.guests},
        },
        3);
}
