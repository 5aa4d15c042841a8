/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/obs/span_exporter.h"

#include "metacore/base/json.h"
#include "metacore/base/sync.h"

#include "mc_test.h"

#include <stdatomic.h>
#include <stdlib.h>

/* A collector in memory. */
typedef struct collector {
    mc_mutex mu;
    mc_mutex gate; /* held: it hangs */
    mc_buf last;
    atomic_int calls;
    int refuse_first; /* so many calls are answered with fate */
    mc_span_fate fate;
} collector;

static mc_span_fate take(void *user, mc_str body, int64_t *out_retry_after_ms)
{
    collector *self = user;
    int call = atomic_fetch_add(&self->calls, 1);

    mc_mutex_lock(&self->gate);
    mc_mutex_unlock(&self->gate);
    *out_retry_after_ms = 1;
    if (call < self->refuse_first)
        return self->fate;
    mc_mutex_lock(&self->mu);
    mc_buf_clear(&self->last);
    mc_buf_str(&self->last, body);
    mc_mutex_unlock(&self->mu);
    return MC_SPANS_TAKEN;
}

static void collector_init(collector *self)
{
    *self = (collector){.fate = MC_SPANS_TAKEN};
    mc_mutex_init(&self->mu);
    mc_mutex_init(&self->gate);
    mc_buf_init(&self->last, 0);
}

static void collector_deinit(collector *self)
{
    mc_buf_deinit(&self->last);
    mc_mutex_deinit(&self->gate);
    mc_mutex_deinit(&self->mu);
}

static mc_span_exporter *start(collector *to, mc_span_exporter_config config)
{
    mc_span_exporter *self = NULL;
    mc_err err;

    config.struct_size = sizeof(config);
    config.send = take;
    config.user = to;
    config.interval_ms = 1;
    MC_EXPECT_OK(mc_span_exporter_new(&config, &self, &err), &err);
    return self;
}

static mc_trace trace = {
    .trace_id = {0x4b, 0xf9}, .span_id = {0x01}, .parent_id = {0x02}, .flags = 1};

static mc_span span_of(int status)
{
    return (mc_span){.trace = &trace,
                     .started_at = 1700000000000000,
                     .duration_us = 1500,
                     .method = MC_STR("GET"),
                     .route = MC_STR("/api/dynamic/:model"),
                     .path = MC_STR("/api/dynamic/a\"b\xff"),
                     .scheme = MC_STR("http"),
                     .status = status,
                     .request_id = MC_STR("r-1")};
}

MC_TEST("a span is told as OTLP's JSON has it")
{
    mc_arena *arena = mc_arena_new(0);
    mc_span_exporter *self;
    mc_span span = span_of(503);
    const mc_json *parsed;
    collector to;
    mc_err err;

    collector_init(&to);
    self = start(&to, (mc_span_exporter_config){.service_name = MC_STR("shop"),
                                                .service_version = MC_STR("1.2")});
    MC_REQUIRE(self != NULL);
    mc_span_exporter_add(self, &span);
    mc_span_exporter_free(self);
    MC_EXPECT_Z(
        mc_buf_get(&to.last),
        "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{"
        "\"stringValue\":\"shop\"}},{\"key\":\"service.version\",\"value\":{\"stringValue\":"
        "\"1.2\"}}]},\"scopeSpans\":[{\"scope\":{\"name\":\"metacore\"},\"spans\":[{\"traceId\":"
        "\"4bf90000000000000000000000000000\",\"spanId\":\"0100000000000000\",\"parentSpanId\":"
        "\"0200000000000000\",\"name\":\"GET /api/dynamic/:model\",\"kind\":2,\"flags\":1,"
        "\"startTimeUnixNano\":\"1700000000000000000\",\"endTimeUnixNano\":"
        "\"1700000000001500000\",\"attributes\":[{\"key\":\"http.request.method\",\"value\":{"
        "\"stringValue\":\"GET\"}},{\"key\":\"http.route\",\"value\":{\"stringValue\":"
        "\"/api/dynamic/:model\"}},{\"key\":\"url.path\",\"value\":{\"stringValue\":"
        "\"/api/dynamic/a\\\"b\xef\xbf\xbd\"}},{\"key\":\"url.scheme\",\"value\":{\"stringValue\":"
        "\"http\"}},{\"key\":\"metacore.request_id\",\"value\":{\"stringValue\":\"r-1\"}},"
        "{\"key\":\"error.type\",\"value\":{\"stringValue\":\"503\"}},{\"key\":"
        "\"http.response.status_code\",\"value\":{\"intValue\":\"503\"}}],\"status\":{\"code\":"
        "2}}]}]}]}");
    MC_EXPECT_OK(mc_json_parse(arena, mc_buf_get(&to.last), NULL, &parsed, &err), &err);
    mc_arena_free(arena);
    collector_deinit(&to);
}

static void wait_for(mc_span_exporter *self, uint64_t total, mc_span_stats *out)
{
    do
        mc_span_exporter_get_stats(self, out);
    while (out->exported_total + out->dropped_total < total);
}

static const struct {
    const char *name;
    int refuse_first;
    mc_span_fate fate;
    uint64_t exported, dropped;
    int calls;
} fates[] = {
    {"what is taken is over", 0, MC_SPANS_TAKEN, 1, 0, 1},
    {"what is refused is dropped", 1, MC_SPANS_REFUSED, 0, 1, 1},
    {"what is to come later is tried again", 2, MC_SPANS_LATER, 1, 0, 3},
    {"and given up after the last attempt", 99, MC_SPANS_LATER, 0, 1, 3},
};

MC_TEST("a batch is tried as often as the collector asks for, within bounds, and then counted")
{
    for (size_t i = 0; i < MC_LEN(fates); i++) {
        mc_span span = span_of(200);
        mc_span_exporter *self;
        mc_span_stats stats;
        collector to;

        MC_CASE(fates[i].name);
        collector_init(&to);
        to.refuse_first = fates[i].refuse_first;
        to.fate = fates[i].fate;
        self = start(&to, (mc_span_exporter_config){.attempts = 3, .backoff_ms = 1});
        MC_REQUIRE(self != NULL);
        mc_span_exporter_add(self, &span);
        wait_for(self, 1, &stats);
        MC_EXPECT_EQ(stats.exported_total, fates[i].exported);
        MC_EXPECT_EQ(stats.dropped_total, fates[i].dropped);
        MC_EXPECT_EQ(atomic_load(&to.calls), fates[i].calls);
        mc_span_exporter_free(self);
        collector_deinit(&to);
    }
}

MC_TEST("a collector that hangs costs spans, counted, and never the one who adds them")
{
    mc_span span = span_of(200);
    mc_span_exporter *self;
    mc_span_stats stats;
    collector to;

    collector_init(&to);
    mc_mutex_lock(&to.gate);
    self = start(&to, (mc_span_exporter_config){.queue_max = 4, .batch_max = 2});
    MC_REQUIRE(self != NULL);
    mc_span_exporter_add(self, &span);
    while (atomic_load(&to.calls) == 0)
        ; /* until it hangs with the first */
    for (int i = 0; i < 10; i++)
        mc_span_exporter_add(self, &span);
    mc_span_exporter_get_stats(self, &stats);
    MC_EXPECT_EQ(stats.queued, 4);
    MC_EXPECT_EQ(stats.dropped_total, 6);
    mc_mutex_unlock(&to.gate);
    wait_for(self, 11, &stats);
    MC_EXPECT_EQ(stats.exported_total, 5);
    mc_span_exporter_free(self);
    collector_deinit(&to);
}

static const struct {
    const char *name;
    int refuse_first, calls;
} ends[] = {
    {"what waits at the end is still sent", 0, 3},
    {"until a batch is not taken", 99, 1},
};

MC_TEST("the end waits for a collector that takes, and for no other")
{
    for (size_t i = 0; i < MC_LEN(ends); i++) {
        mc_span span = span_of(200);
        mc_span_exporter *self = NULL;
        collector to;
        mc_err err;

        MC_CASE(ends[i].name);
        collector_init(&to);
        to.refuse_first = ends[i].refuse_first;
        to.fate = MC_SPANS_LATER;
        MC_REQUIRE_OK(mc_span_exporter_new(
                          &(mc_span_exporter_config){MC_SPAN_EXPORTER_CONFIG, .send = take,
                                                     .user = &to, .batch_max = 8, .queue_max = 24,
                                                     .interval_ms = 600000, .backoff_ms = 600000},
                          &self, &err),
                      &err);
        mc_mutex_lock(&to.gate);
        for (int k = 0; k < 8; k++)
            mc_span_exporter_add(self, &span);
        while (atomic_load(&to.calls) == 0)
            ; /* until it hangs with the first batch */
        for (int k = 0; k < 16; k++)
            mc_span_exporter_add(self, &span);
        mc_mutex_unlock(&to.gate);
        mc_span_exporter_free(self);
        MC_EXPECT_EQ(atomic_load(&to.calls), ends[i].calls);
        collector_deinit(&to);
    }
}
