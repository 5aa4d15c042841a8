/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/obs/obs.h"

#include "mc_test.h"

#include <fcntl.h>
#include <unistd.h>

static char written[4096];

/* Makes a logger into a pipe the process's; read_back gives what came through. */
static int fds[2];

static void listen_in(void)
{
    mc_log *log = NULL;
    mc_err err;

    MC_REQUIRE(pipe2(fds, O_CLOEXEC) == 0);
    MC_REQUIRE_OK(mc_log_new(&(mc_log_config){MC_LOG_CONFIG, .fd = fds[1]}, &log, &err), &err);
    mc_obs_set_default(log);
    mc_log_unref(log);
}

static mc_str read_back(void)
{
    ssize_t n;

    (void)close(fds[1]);
    n = read(fds[0], written, sizeof(written));
    (void)close(fds[0]);
    return mc_str_of(written, n > 0 ? (size_t)n : 0);
}

static int64_t fake_now;

static int64_t fake_monotonic_us(void *self)
{
    (void)self;
    return fake_now;
}

MC_TEST("the process's logger is there without asking, and NULL does not replace it")
{
    mc_log *first = mc_obs_ref(), *second;

    MC_REQUIRE(first != NULL);
    mc_obs_set_default(NULL);
    second = mc_obs_ref();
    MC_EXPECT(first == second);
    mc_log_unref(first);
    mc_log_unref(second);
}

MC_TEST("level and format change while the process runs")
{
    mc_str lines;

    listen_in();
    mc_obs_debug("unheard", MC_KV_I64("n", 1));
    mc_obs_set_level(MC_LOG_DEBUG);
    mc_obs_debug("heard", MC_KV_I64("n", 2));
    mc_obs_set_format(MC_LOG_TEXT);
    mc_obs_warn("in.text", MC_KV_I64("n", 3));
    lines = read_back();
    MC_EXPECT_EQ(mc_str_find(lines, MC_STR("unheard")), lines.len);
    MC_EXPECT_HAS(lines, "\"msg\":\"heard\",\"n\":2}\n");
    MC_EXPECT_HAS(lines, "level=WARN msg=in.text n=3\n");
}

MC_TEST("a request's lines carry what is known of it, and no more")
{
    mc_ctx ctx = {.request_id = MC_STR("r-1"), .who = {.org_id = {{1}}}};
    mc_log *log = NULL;
    mc_err err;
    mc_str line;

    listen_in();
    MC_REQUIRE_OK(mc_obs_for(&ctx, &log, &err), &err);
    mc_log_info(log, "x", MC_KV_I64("n", 1));
    mc_log_unref(log);
    line = read_back();
    MC_EXPECT_HAS(line, "\"request_id\":\"r-1\",\"org_id\":\"01000000-");
    MC_EXPECT_EQ(mc_str_find(line, MC_STR("user_id")), line.len);
}

MC_TEST("a timer ends in a line with its milliseconds")
{
    static const mc_clock_vt fake = {.struct_size = sizeof(fake),
                                     .monotonic_us = fake_monotonic_us};
    mc_obs_timer timer;

    listen_in();
    fake_now = 5000;
    timer = mc_obs_timer_start("import", (mc_clock){&fake, NULL});
    fake_now = 47999;
    MC_EXPECT_EQ(mc_obs_timer_stop(&timer), 42);
    MC_EXPECT_HAS(read_back(), "\"level\":\"INFO\",\"msg\":\"import.done\",\"duration_ms\":42}\n");
}
