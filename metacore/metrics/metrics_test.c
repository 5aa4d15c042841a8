/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/metrics/metrics.h"

#include "mc_test.h"

#include <pthread.h>
#include <stdio.h>

static const int64_t bounds[] = {5000, 250000, 1000000, 2500000};

static mc_metrics *registry(void)
{
    mc_metrics *self = NULL;
    mc_err err;

    MC_EXPECT_OK(mc_metrics_new(&self, &err), &err);
    return self;
}

static mc_metric *add(mc_metrics *self, mc_metric_def def)
{
    mc_metric *metric = NULL;
    mc_err err;

    def.struct_size = sizeof(def);
    MC_EXPECT_OK(mc_metrics_add(self, &def, &metric, &err), &err);
    return metric;
}

static void expect_text(mc_metrics *self, const char *text)
{
    mc_buf out;
    mc_err err;

    mc_buf_init(&out, 0);
    MC_EXPECT_OK(mc_metrics_write(self, &out, &err), &err);
    MC_EXPECT_Z(mc_buf_get(&out), text);
    mc_buf_deinit(&out);
}

MC_TEST("a family without labels is there from the start, one with labels from its first use")
{
    mc_metrics *self = registry();
    mc_metric *plain = add(
        self, (mc_metric_def){.name = "plain_total", .help = "Plain.", .kind = MC_METRIC_COUNTER});
    mc_metric *labelled = add(self, (mc_metric_def){.name = "labelled",
                                                    .help = "Labelled.",
                                                    .kind = MC_METRIC_GAUGE,
                                                    .labels = {"a", "b"}});

    expect_text(self, "# HELP plain_total Plain.\n# TYPE plain_total counter\nplain_total 0\n");
    mc_series_add(mc_metric_series(plain, NULL), 3);
    mc_series_add(mc_metric_series(labelled, (mc_str[]){MC_STR("x"), MC_STR("")}), 5);
    mc_series_add(mc_metric_series(labelled, (mc_str[]){MC_STR("x"), MC_STR("")}), -7);
    expect_text(self, "# HELP plain_total Plain.\n# TYPE plain_total counter\nplain_total 3\n"
                      "# HELP labelled Labelled.\n# TYPE labelled gauge\n"
                      "labelled{a=\"x\",b=\"\"} -2\n");
    mc_metrics_free(self);
}

MC_TEST("a histogram's buckets add up, and a value on a bound is below it")
{
    static const int64_t seen[] = {0, 5000, 5001, 250000, 999999, 2500001, 7000000};
    mc_metrics *self = registry();
    mc_metric *metric = add(self, (mc_metric_def){.name = "t_seconds",
                                                  .help = "T.",
                                                  .kind = MC_METRIC_HISTOGRAM,
                                                  .labels = {"path"},
                                                  .scale = 1000000,
                                                  .bounds = bounds,
                                                  .bound_count = MC_LEN(bounds)});
    mc_series *series = mc_metric_series(metric, (mc_str[]){MC_STR("/a")});

    for (size_t i = 0; i < MC_LEN(seen); i++)
        mc_series_observe(series, seen[i]);
    MC_EXPECT_EQ(mc_series_get(series), MC_LEN(seen));
    expect_text(self, "# HELP t_seconds T.\n# TYPE t_seconds histogram\n"
                      "t_seconds_bucket{path=\"/a\",le=\"0.005\"} 2\n"
                      "t_seconds_bucket{path=\"/a\",le=\"0.25\"} 4\n"
                      "t_seconds_bucket{path=\"/a\",le=\"1\"} 5\n"
                      "t_seconds_bucket{path=\"/a\",le=\"2.5\"} 5\n"
                      "t_seconds_bucket{path=\"/a\",le=\"+Inf\"} 7\n"
                      "t_seconds_sum{path=\"/a\"} 10.760001\n"
                      "t_seconds_count{path=\"/a\"} 7\n");
    mc_metrics_free(self);
}

static const struct {
    const char *name, *value, *written;
} values[] = {
    {"text stays", "/api/dynamic/:model", "/api/dynamic/:model"},
    {"quotes, backslashes and line feeds are escaped", "a\"b\\c\nd", "a\\\"b\\\\c\\nd"},
    {"what is not UTF-8 is replaced",
     "a\xff"
     "b",
     "a\xef\xbf\xbd"
     "b"},
    {"a character that breaks off is replaced", "x\xe2\x82", "x\xef\xbf\xbd\xef\xbf\xbd"},
    {"other characters stay", "\xe2\x82\xac", "\xe2\x82\xac"},
};

MC_TEST("label values are copied, made valid and escaped (weak spots 4 and 15)")
{
    for (size_t i = 0; i < MC_LEN(values); i++) {
        mc_metrics *self = registry();
        mc_metric *metric = add(
            self, (mc_metric_def){
                      .name = "n", .help = "a\\b\nc\"d", .kind = MC_METRIC_GAUGE, .labels = {"v"}});
        char mine[64], text[256];

        MC_CASE(values[i].name);
        (void)snprintf(mine, sizeof(mine), "%s", values[i].value);
        mc_series_add(mc_metric_series(metric, (mc_str[]){mc_z(mine)}), 1);
        memset(mine, 'z', sizeof(mine)); /* the caller's buffer is the caller's */
        mc_series_add(mc_metric_series(metric, (mc_str[]){mc_z(values[i].value)}), 1);
        (void)snprintf(text, sizeof(text),
                       "# HELP n a\\\\b\\nc\"d\n# TYPE n gauge\nn{v=\"%s\"} 2\n",
                       values[i].written);
        expect_text(self, text);
        mc_metrics_free(self);
    }
}

MC_TEST("a long value is cut between characters")
{
    mc_metrics *self = registry();
    mc_metric *metric = add(
        self, (mc_metric_def){.name = "n", .help = "N.", .kind = MC_METRIC_GAUGE, .labels = {"v"}});
    char value[400], text[512];
    size_t len = 0;

    while (len < 399) {
        memcpy(value + len, "\xe2\x82\xac", 3);
        len += 3;
    }
    mc_series_add(mc_metric_series(metric, (mc_str[]){mc_str_of(value, len)}), 1);
    (void)snprintf(text, sizeof(text), "# HELP n N.\n# TYPE n gauge\nn{v=\"%.126s\"} 1\n", value);
    expect_text(self, text);
    mc_metrics_free(self);
}

MC_TEST("past its limit a family counts in one more series, called other")
{
    mc_metrics *self = registry();
    mc_metric *metric = add(self, (mc_metric_def){.name = "n_total",
                                                  .help = "N.",
                                                  .kind = MC_METRIC_COUNTER,
                                                  .labels = {"method", "path"},
                                                  .series_max = 2});
    char path[32];

    for (int i = 0; i < 1000; i++) {
        (void)snprintf(path, sizeof(path), "/%d", i);
        mc_series_add(mc_metric_series(metric, (mc_str[]){MC_STR("GET"), mc_z(path)}), 1);
    }
    mc_series_add(mc_metric_series(metric, (mc_str[]){MC_STR("GET"), MC_STR("/1")}), 1);
    mc_series_add(mc_metric_series(metric, (mc_str[]){MC_STR("other"), MC_STR("other")}), 1);
    expect_text(self, "# HELP n_total N.\n# TYPE n_total counter\n"
                      "n_total{method=\"GET\",path=\"/0\"} 1\n"
                      "n_total{method=\"GET\",path=\"/1\"} 2\n"
                      "n_total{method=\"other\",path=\"other\"} 999\n");
    mc_metrics_free(self);
}

static const struct {
    const char *name;
    mc_metric_def def;
} refused[] = {
    {"no name", {.help = "h", .kind = MC_METRIC_GAUGE}},
    {"a name with a dash", {.name = "a-b", .help = "h", .kind = MC_METRIC_GAUGE}},
    {"a name that starts with a digit", {.name = "1a", .help = "h", .kind = MC_METRIC_GAUGE}},
    {"no help", {.name = "a", .kind = MC_METRIC_GAUGE}},
    {"no kind", {.name = "a", .help = "h"}},
    {"the label le", {.name = "a", .help = "h", .kind = MC_METRIC_GAUGE, .labels = {"le"}}},
    {"a label of Prometheus's own",
     {.name = "a", .help = "h", .kind = MC_METRIC_GAUGE, .labels = {"__name__"}}},
    {"a label twice", {.name = "a", .help = "h", .kind = MC_METRIC_GAUGE, .labels = {"x", "x"}}},
    {"a histogram without buckets", {.name = "a", .help = "h", .kind = MC_METRIC_HISTOGRAM}},
    {"a counter with buckets",
     {.name = "a", .help = "h", .kind = MC_METRIC_COUNTER, .bounds = bounds, .bound_count = 1}},
    {"a scale that is no power of ten",
     {.name = "a", .help = "h", .kind = MC_METRIC_GAUGE, .scale = 20}},
};

MC_TEST("a malformed family is refused, and a name is taken once")
{
    mc_metrics *self = registry();
    mc_metric *metric = NULL;
    mc_err err;

    for (size_t i = 0; i < MC_LEN(refused); i++) {
        MC_CASE(refused[i].name);
        MC_EXPECT_EQ(mc_metrics_add(self, &refused[i].def, &metric, &err), MC_INVALID);
    }
    MC_CASE(NULL);
    metric = add(self, (mc_metric_def){.name = "a:b_C9", .help = "h", .kind = MC_METRIC_GAUGE});
    MC_EXPECT(metric != NULL);
    MC_EXPECT_EQ(mc_metrics_add(self,
                                &(mc_metric_def){MC_METRIC_DEF, .name = "a:b_C9", .help = "h",
                                                 .kind = MC_METRIC_GAUGE},
                                &metric, &err),
                 MC_CONFLICT);
    mc_metrics_free(self);
}

#define ROUNDS 20000
#define THREADS 12

static void *count_up(void *user)
{
    mc_metric **metrics = user;

    for (int i = 0; i < ROUNDS; i++) {
        mc_str value = mc_z(i % 2 ? "odd" : "even");

        mc_series_add(mc_metric_series(metrics[0], &value), 1);
        mc_series_observe(mc_metric_series(metrics[1], NULL), i);
    }
    return NULL;
}

MC_TEST("threads that count at once lose nothing, and may be read meanwhile")
{
    mc_metrics *self = registry();
    mc_metric *metrics[2] = {add(self, (mc_metric_def){.name = "n_total",
                                                       .help = "N.",
                                                       .kind = MC_METRIC_COUNTER,
                                                       .labels = {"v"}}),
                             add(self, (mc_metric_def){.name = "t",
                                                       .help = "T.",
                                                       .kind = MC_METRIC_HISTOGRAM,
                                                       .bounds = bounds,
                                                       .bound_count = MC_LEN(bounds)})};
    pthread_t threads[THREADS];
    mc_buf out;
    mc_err err;

    for (int i = 0; i < THREADS; i++)
        MC_REQUIRE(pthread_create(&threads[i], NULL, count_up, metrics) == 0);
    mc_buf_init(&out, 0);
    for (int i = 0; i < 50; i++) {
        mc_buf_clear(&out);
        MC_EXPECT_OK(mc_metrics_write(self, &out, &err), &err);
    }
    for (int i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    MC_EXPECT_EQ(mc_series_get(mc_metric_series(metrics[0], &MC_STR("odd"))), THREADS * ROUNDS / 2);
    MC_EXPECT_EQ(mc_series_get(mc_metric_series(metrics[1], NULL)), THREADS * ROUNDS);
    mc_buf_deinit(&out);
    mc_metrics_free(self);
}

static void collect(mc_metrics_sink *sink, void *user)
{
    mc_metrics_family(sink, "queue_depth", MC_METRIC_GAUGE, 1, "Waiting.");
    mc_metrics_sample(sink, "queue", MC_STR("writer"), *(int *)user);
    mc_metrics_sample(sink, "queue", MC_STR("a\"b"), -1);
    mc_metrics_family(sink, "took_seconds_total", MC_METRIC_COUNTER, 1000000, "Took.");
    mc_metrics_sample(sink, NULL, MC_STR(""), 1500000);
}

MC_TEST("what others count is read when it is asked for")
{
    mc_metrics *self = registry();
    int depth = 4;
    mc_err err;

    MC_EXPECT_OK(mc_metrics_collect(self, collect, &depth, &err), &err);
    depth = 5;
    expect_text(self, "# HELP queue_depth Waiting.\n# TYPE queue_depth gauge\n"
                      "queue_depth{queue=\"writer\"} 5\nqueue_depth{queue=\"a\\\"b\"} -1\n"
                      "# HELP took_seconds_total Took.\n# TYPE took_seconds_total counter\n"
                      "took_seconds_total 1.5\n");
    mc_metrics_free(self);
}

MC_TEST("the process is described by the names that Prometheus's libraries use")
{
    static const char *const names[] = {"process_cpu_seconds_total",
                                        "process_open_fds",
                                        "process_max_fds",
                                        "process_virtual_memory_bytes",
                                        "process_virtual_memory_max_bytes",
                                        "process_resident_memory_bytes",
                                        "process_start_time_seconds",
                                        "process_network_receive_bytes_total",
                                        "process_network_transmit_bytes_total"};
    mc_metrics *self = registry();
    char line[128];
    mc_buf out;
    mc_err err;

    MC_EXPECT_OK(mc_metrics_collect(self, mc_metrics_process, NULL, &err), &err);
    mc_buf_init(&out, 0);
    MC_EXPECT_OK(mc_metrics_write(self, &out, &err), &err);
    for (size_t i = 0; i < MC_LEN(names); i++) {
        (void)snprintf(line, sizeof(line), "\n%s ", names[i]);
        MC_EXPECT_HAS(mc_buf_get(&out), line);
    }
    mc_buf_deinit(&out);
    mc_metrics_free(self);
}

static mc_code use_all(mc_err *err)
{
    mc_metrics *self = NULL;
    mc_metric *metric = NULL;
    mc_buf out;
    mc_code rc = mc_metrics_new(&self, err);

    if (rc != MC_OK)
        return rc;
    rc = mc_metrics_add(self,
                        &(mc_metric_def){MC_METRIC_DEF, .name = "n", .help = "N.",
                                         .kind = MC_METRIC_GAUGE, .labels = {"v"}, .series_max = 4},
                        &metric, err);
    if (rc == MC_OK) {
        mc_series_add(mc_metric_series(metric, &MC_STR("x")), 1);
        mc_buf_init(&out, 0);
        rc = mc_metrics_write(self, &out, err);
        mc_buf_deinit(&out);
    }
    mc_metrics_free(self);
    return rc;
}

MC_TEST("without memory nothing is counted wrongly and nothing leaks")
{
    MC_TEST_OOM(use_all);
}
