/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/log/log.h"

#include "mc_test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char written[8192];

static mc_log *make(mc_log_format format, mc_log_level level, int fds[2])
{
    mc_log *log = NULL;
    mc_err err;

    MC_EXPECT(pipe2(fds, O_CLOEXEC) == 0);
    MC_EXPECT_OK(
        mc_log_new(&(mc_log_config){MC_LOG_CONFIG, .fd = fds[1], .format = format}, &log, &err),
        &err);
    mc_log_set_level(log, level);
    return log;
}

static mc_str take(int fds[2])
{
    ssize_t n;

    (void)close(fds[1]);
    n = read(fds[0], written, sizeof(written));
    (void)close(fds[0]);
    return mc_str_of(written, n > 0 ? (size_t)n : 0);
}

MC_TEST("a JSON line carries time, level, event, the logger's and its own attributes")
{
    int fds[2];
    mc_log *log = make(MC_LOG_JSON, MC_LOG_INFO, fds), *child = NULL;
    mc_uuid id = {{1}};
    mc_err err;
    mc_str line;

    MC_REQUIRE_OK(mc_log_with(log, MC_LOG_KVS(MC_KV_Z("request_id", "r1")), &child, &err), &err);
    mc_log_unref(log); /* the child keeps what it needs */
    mc_log_debug(child, "not.seen", MC_KV_I64("n", 1));
    mc_log_warn(child, "webhook.retry", MC_KV_I64("attempt", -3), MC_KV_BOOL("last", true),
                MC_KV_UUID("id", id), MC_KV_Z("why", "line\nbreak \"quoted\""));
    mc_log_unref(child);
    line = take(fds);
    MC_EXPECT(mc_str_starts_with(line, MC_STR("{\"time\":\"2")));
    MC_EXPECT_HAS(line, "Z\",\"level\":\"WARN\",\"msg\":\"webhook.retry\",\"request_id\":\"r1\","
                        "\"attempt\":-3,\"last\":true,"
                        "\"id\":\"01000000-0000-0000-0000-000000000000\","
                        "\"why\":\"line\\nbreak \\\"quoted\\\"\"}\n");
    MC_EXPECT(mc_str_find(line, MC_STR("not.seen")) == line.len);
}

MC_TEST("a text line quotes what would be read as more than one value")
{
    int fds[2];
    mc_log *log = make(MC_LOG_TEXT, MC_LOG_DEBUG, fds);

    mc_log_debug(log, "request", MC_KV_Z("path", "/a"), MC_KV_Z("why", "a b=c\nlevel=ERROR"),
                 MC_KV_Z("empty", ""));
    mc_log_unref(log);
    MC_EXPECT_HAS(take(fds),
                  " level=DEBUG msg=request path=/a why=\"a b=c\\nlevel=ERROR\" empty=\"\"\n");
}

MC_TEST("no logger is silent, and a line that is too long says so instead of what it held")
{
    static char huge[200000];
    int fds[2];
    mc_log *log = make(MC_LOG_JSON, MC_LOG_INFO, fds);
    mc_str lines;

    mc_log_error(NULL, "nobody", MC_KV_I64("n", 1));
    mc_log_unref(NULL);
    memset(huge, 'x', sizeof(huge) - 1);
    mc_log_info(log, "huge", MC_KV_Z("text", huge));
    huge[5000] = '\0';
    mc_log_info(log, "long", MC_KV_Z("text", huge));
    mc_log_unref(log);
    lines = take(fds);
    MC_EXPECT(mc_str_ends_with(lines, MC_STR("x\"}\n")));
    MC_EXPECT_HAS(lines, "\"msg\":\"huge\",\"truncated\":true}\n");
}

MC_TEST("levels and formats are read as operators write them")
{
    mc_log_level level = MC_LOG_DEBUG;
    mc_log_format format = MC_LOG_JSON;

    MC_EXPECT(mc_log_level_parse(MC_STR(" Warning\n"), &level));
    MC_EXPECT_EQ(level, MC_LOG_WARN);
    MC_EXPECT(!mc_log_level_parse(MC_STR("loud"), &level));
    MC_EXPECT_EQ(level, MC_LOG_WARN);
    MC_EXPECT(mc_log_format_parse(MC_STR("TEXT"), &format));
    MC_EXPECT_EQ(format, MC_LOG_TEXT);
    MC_EXPECT(!mc_log_format_parse(MC_STR("xml"), &format));
}

static mc_code make_and_free(mc_err *err)
{
    mc_log *log = NULL, *child = NULL;
    mc_code rc = mc_log_new(&(mc_log_config){MC_LOG_CONFIG}, &log, err);

    if (rc == MC_OK)
        rc = mc_log_with(log, MC_LOG_KVS(MC_KV_Z("a", "b"), MC_KV_Z("c", "d")), &child, err);
    mc_log_unref(child);
    mc_log_unref(log);
    return rc;
}

MC_TEST("a logger without memory is an ordinary error")
{
    MC_TEST_OOM(make_and_free);
}

MC_TEST("a line larger than the stack's room is written whole")
{
    static char text[5000];
    int fds[2];
    mc_log *log = make(MC_LOG_TEXT, MC_LOG_INFO, fds);
    mc_str line;

    memset(text, 'y', sizeof(text) - 1);
    mc_log_info(log, "x", MC_KV_Z("what", text));
    mc_log_set_format(log, MC_LOG_JSON);
    mc_log_info(log, "second", MC_KV_I64("n", 1));
    mc_log_unref(log);
    line = take(fds);
    MC_EXPECT_HAS(line, text);
    MC_EXPECT_HAS(line, "\"msg\":\"second\",\"n\":1}\n");
}

MC_TEST("a logger whose reader is gone loses its lines and nothing else")
{
    static char text[5000];
    mc_log *log = NULL;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    mc_err err;

    memset(text, 'z', sizeof(text) - 1);
    MC_REQUIRE_OK(mc_log_new(&(mc_log_config){MC_LOG_CONFIG, .fd = fd}, &log, &err), &err);
    mc_log_info(log, "x", MC_KV_Z("what", text));
    mc_log_unref(log);
    (void)close(fd);
}
