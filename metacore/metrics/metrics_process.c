/* SPDX-License-Identifier: Apache-2.0 */
/* What the system says about this process. What cannot be read is left out, not made up. */
#include "metacore/metrics/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#define STAT_FIELDS_MAX 32
/* Fields of /proc/self/stat behind the name in parentheses, from 0; see proc(5). */
#define STAT_UTIME 11
#define STAT_STIME 12
#define STAT_START 19
#define STAT_VSIZE 20
#define STAT_RSS 21

static mc_str read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t got = 0;
    ssize_t n;

    if (fd < 0)
        return mc_str_of(NULL, 0);
    while (got < size && (n = read(fd, out + got, size - got)) > 0)
        got += (size_t)n;
    (void)close(fd); /* read only */
    return mc_str_of(out, got);
}

static void write_one(mc_metrics_sink *sink, const char *name, mc_metric_kind kind, uint32_t scale,
                      const char *help, int64_t ticks)
{
    mc_metrics_family(sink, name, kind, scale, help);
    mc_metrics_sample(sink, NULL, MC_STR(""), ticks);
}

/* Seconds since the epoch at which the machine started; 0: unknown. */
static int64_t boot_time_s(void)
{
    char text[65536];
    mc_str stat = read_file("/proc/stat", text, sizeof(text)), line;
    int64_t at = 0;

    while (mc_str_split(&stat, '\n', &line)) {
        if (mc_str_starts_with(line, MC_STR("btime ")))
            (void)mc_str_i64(mc_str_slice(line, 6, line.len), 0, INT64_MAX, &at);
    }
    return at;
}

static size_t read_stat(int64_t out[STAT_FIELDS_MAX])
{
    char text[2048];
    mc_str stat = read_file("/proc/self/stat", text, sizeof(text)), field;
    size_t count = 0, end = stat.len;

    while (end > 0 && stat.ptr[end - 1] != ')')
        end--;
    stat = mc_str_trim(mc_str_slice(stat, end, stat.len));
    while (count < STAT_FIELDS_MAX && mc_str_split(&stat, ' ', &field)) {
        out[count] = 0;
        (void)mc_str_i64(field, INT64_MIN, INT64_MAX, &out[count]); /* the state is a letter */
        count++;
    }
    return count;
}

static void write_stat(mc_metrics_sink *sink)
{
    int64_t field[STAT_FIELDS_MAX], boot_s = boot_time_s();
    int64_t hz = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);

    if (read_stat(field) <= STAT_RSS || hz <= 0 || page <= 0)
        return;
    write_one(sink, "process_cpu_seconds_total", MC_METRIC_COUNTER, 1000000,
              "User and system time of the process.",
              (field[STAT_UTIME] + field[STAT_STIME]) * (1000000 / hz));
    write_one(sink, "process_virtual_memory_bytes", MC_METRIC_GAUGE, 1, "Address space in use.",
              field[STAT_VSIZE]);
    write_one(sink, "process_resident_memory_bytes", MC_METRIC_GAUGE, 1, "Memory in use.",
              field[STAT_RSS] * page);
    if (boot_s > 0)
        write_one(sink, "process_start_time_seconds", MC_METRIC_GAUGE, 1000000,
                  "When the process started, since the Unix epoch.",
                  boot_s * 1000000 + field[STAT_START] * (1000000 / hz));
}

static void write_limit(mc_metrics_sink *sink, int which, const char *name, const char *help)
{
    struct rlimit limit;
    bool is_none;

    if (getrlimit(which, &limit) != 0)
        return;
    is_none = limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > INT64_MAX;
    write_one(sink, name, MC_METRIC_GAUGE, 1, help, is_none ? -1 : (int64_t)limit.rlim_cur);
}

static void write_descriptors(mc_metrics_sink *sink)
{
    DIR *dir = opendir("/proc/self/fd");
    int64_t count = -3; /* ".", "..", and the folder itself */

    if (!dir)
        return;
    while (readdir(dir))
        count++;
    (void)closedir(dir); /* read only */
    write_one(sink, "process_open_fds", MC_METRIC_GAUGE, 1, "Open file descriptors.", count);
}

/* The number under name in a table of two lines: "IpExt: A B", "IpExt: 1 2". */
static bool find_column(mc_str names, mc_str values, mc_str name, int64_t *out)
{
    mc_str key, value;

    while (mc_str_split(&names, ' ', &key) && mc_str_split(&values, ' ', &value)) {
        if (mc_str_eq(key, name))
            return mc_str_i64(value, 0, INT64_MAX, out);
    }
    return false;
}

static void write_network(mc_metrics_sink *sink)
{
    char text[16384];
    mc_str rest = read_file("/proc/self/net/netstat", text, sizeof(text)), line, names = {NULL, 0};
    int64_t bytes;

    while (mc_str_split(&rest, '\n', &line)) {
        if (!mc_str_starts_with(line, MC_STR("IpExt: ")))
            continue;
        if (!names.len) {
            names = line;
            continue;
        }
        if (find_column(names, line, MC_STR("InOctets"), &bytes))
            write_one(sink, "process_network_receive_bytes_total", MC_METRIC_COUNTER, 1,
                      "Bytes received in the process's network namespace.", bytes);
        if (find_column(names, line, MC_STR("OutOctets"), &bytes))
            write_one(sink, "process_network_transmit_bytes_total", MC_METRIC_COUNTER, 1,
                      "Bytes sent in the process's network namespace.", bytes);
        return;
    }
}

void mc_metrics_process(mc_metrics_sink *sink, void *user)
{
    (void)user;
    write_stat(sink);
    write_limit(sink, RLIMIT_AS, "process_virtual_memory_max_bytes",
                "The most address space there may be; -1: no limit.");
    write_descriptors(sink);
    write_limit(sink, RLIMIT_NOFILE, "process_max_fds",
                "The most file descriptors there may be; -1: no limit.");
    write_network(sink);
}
