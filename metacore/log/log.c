/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/log/log.h"

#include "metacore/base/buf.h"
#include "metacore/base/json.h"
#include "metacore/base/time.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_BYTES_MAX ((size_t)64 << 10)

/* What a logger and its children share. */
typedef struct sink {
    atomic_int refs;
    atomic_int level;  /* relaxed is enough: a line more or less around a change is fine */
    atomic_int format; /* as level */
    int fd;
} sink;

struct mc_log {
    atomic_int refs;
    sink *sink;
    mc_kv attrs[MC_LOG_ATTRS_MAX]; /* keys and strings are this logger's own copies */
    size_t attr_count;
};

static const char *const level_names[] = {"DEBUG", "INFO", "WARN", "ERROR"};

static void sink_unref(sink *s)
{
    /* Release then acquire, so that whoever frees has seen all that the others did. */
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        free(s);
}

mc_code mc_log_new(const mc_log_config *config, mc_log **out, mc_err *err)
{
    mc_log *log = calloc(1, sizeof(*log));
    sink *s = calloc(1, sizeof(*s));

    if (!log || !s) {
        free(log);
        free(s);
        return mc_fail(err, MC_NO_MEMORY, "log");
    }
    atomic_init(&s->refs, 1);
    atomic_init(&s->level, (int)config->level);
    s->fd = config->fd ? config->fd : STDOUT_FILENO;
    atomic_init(&s->format, (int)config->format);
    atomic_init(&log->refs, 1);
    log->sink = s;
    *out = log;
    return MC_OK;
}

static bool copy_text(mc_str text, mc_str *out)
{
    char *copy = malloc(text.len + 1);

    if (!copy)
        return false;
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *out = mc_str_of(copy, text.len);
    return true;
}

static bool add_attr(mc_log *log, const mc_kv *attr)
{
    mc_kv *slot = &log->attrs[log->attr_count];
    mc_str key, value = {NULL, 0};

    if (!copy_text(mc_z(attr->key), &key))
        return false;
    if (attr->kind == MC_KV_KIND_STR && !copy_text(attr->str, &value)) {
        free((char *)key.ptr);
        return false;
    }
    *slot = *attr;
    slot->key = key.ptr;
    slot->str = value;
    log->attr_count++;
    return true;
}

mc_code mc_log_with(mc_log *log, const mc_kv *attrs, size_t count, mc_log **out, mc_err *err)
{
    mc_log *child;

    if (!log) {
        *out = NULL;
        return MC_OK;
    }
    if (count > MC_LOG_ATTRS_MAX - log->attr_count)
        return mc_fail(err, MC_LIMIT, "log: more than %d attributes", MC_LOG_ATTRS_MAX);
    child = calloc(1, sizeof(*child));
    if (!child)
        return mc_fail(err, MC_NO_MEMORY, "log");
    atomic_init(&child->refs, 1);
    child->sink = log->sink;
    atomic_fetch_add_explicit(&child->sink->refs, 1, memory_order_relaxed);
    for (size_t i = 0; i < log->attr_count + count; i++) {
        const mc_kv *attr = i < log->attr_count ? &log->attrs[i] : &attrs[i - log->attr_count];

        if (!add_attr(child, attr)) {
            mc_log_unref(child);
            return mc_fail(err, MC_NO_MEMORY, "log");
        }
    }
    *out = child;
    return MC_OK;
}

mc_log *mc_log_ref(mc_log *log)
{
    if (log)
        atomic_fetch_add_explicit(&log->refs, 1, memory_order_relaxed);
    return log;
}

void mc_log_unref(mc_log *log)
{
    if (!log || atomic_fetch_sub_explicit(&log->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < log->attr_count; i++) {
        free((char *)log->attrs[i].key);
        free((char *)log->attrs[i].str.ptr);
    }
    sink_unref(log->sink);
    free(log);
}

void mc_log_set_level(mc_log *log, mc_log_level level)
{
    if (log)
        atomic_store_explicit(&log->sink->level, (int)level, memory_order_relaxed);
}

void mc_log_set_format(mc_log *log, mc_log_format format)
{
    if (log)
        atomic_store_explicit(&log->sink->format, (int)format, memory_order_relaxed);
}

bool mc_log_is_on(const mc_log *log, mc_log_level level)
{
    return log && (int)level >= atomic_load_explicit(&log->sink->level, memory_order_relaxed);
}

bool mc_log_level_parse(mc_str text, mc_log_level *out)
{
    static const struct {
        const char *name;
        mc_log_level level;
    } names[] = {{"debug", MC_LOG_DEBUG},
                 {"info", MC_LOG_INFO},
                 {"warn", MC_LOG_WARN},
                 {"warning", MC_LOG_WARN},
                 {"error", MC_LOG_ERROR}};

    for (size_t i = 0; i < MC_LEN(names); i++) {
        if (mc_str_eq_nocase(mc_str_trim(text), mc_z(names[i].name))) {
            *out = names[i].level;
            return true;
        }
    }
    return false;
}

bool mc_log_format_parse(mc_str text, mc_log_format *out)
{
    bool is_json = mc_str_eq_nocase(mc_str_trim(text), MC_STR("json"));

    if (!is_json && !mc_str_eq_nocase(mc_str_trim(text), MC_STR("text")))
        return false;
    *out = is_json ? MC_LOG_JSON : MC_LOG_TEXT;
    return true;
}

/* ---- a line ---- */

static bool is_bare(mc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return text.len > 0;
}

static void write_text(mc_buf *out, mc_log_format format, mc_str text)
{
    if (format == MC_LOG_TEXT && is_bare(text))
        mc_buf_str(out, text);
    else
        mc_json_write_str(out, text); /* also in text: it escapes newlines and control bytes */
}

static void write_value(mc_buf *out, mc_log_format format, const mc_kv *kv)
{
    char uuid[MC_UUID_TEXT_LEN];

    switch (kv->kind) {
    case MC_KV_KIND_STR:
        write_text(out, format, kv->str);
        break;
    case MC_KV_KIND_I64:
        mc_buf_i64(out, kv->i64);
        break;
    case MC_KV_KIND_BOOL:
        mc_buf_str(out, kv->i64 ? MC_STR("true") : MC_STR("false"));
        break;
    case MC_KV_KIND_UUID:
        mc_uuid_format(kv->uuid, uuid);
        write_text(out, format, mc_str_of(uuid, sizeof(uuid)));
        break;
    }
}

static void write_kv(mc_buf *out, mc_log_format format, const mc_kv *kv)
{
    if (format == MC_LOG_JSON) {
        mc_buf_char(out, ',');
        mc_json_write_str(out, mc_z(kv->key));
        mc_buf_char(out, ':');
    } else {
        mc_buf_printf(out, " %s=", kv->key);
    }
    write_value(out, format, kv);
}

static void write_line(mc_buf *out, const mc_log *log, mc_log_level level, const char *event,
                       const mc_kv *kvs, size_t count)
{
    /* Read once: a line is of one format. */
    mc_log_format format =
        (mc_log_format)atomic_load_explicit(&log->sink->format, memory_order_relaxed);
    mc_str name = mc_z(level_names[level]);

    mc_buf_str(out, format == MC_LOG_JSON ? MC_STR("{\"time\":\"") : MC_STR("time="));
    mc_time_write(out, mc_clock_now((mc_clock){NULL, NULL}));
    mc_buf_str(out, format == MC_LOG_JSON ? MC_STR("\",\"level\":\"") : MC_STR(" level="));
    mc_buf_str(out, name);
    mc_buf_str(out, format == MC_LOG_JSON ? MC_STR("\",\"msg\":") : MC_STR(" msg="));
    write_text(out, format, mc_z(event));
    for (size_t i = 0; i < log->attr_count; i++)
        write_kv(out, format, &log->attrs[i]);
    for (size_t i = 0; i < count; i++)
        write_kv(out, format, &kvs[i]);
    mc_buf_str(out, format == MC_LOG_JSON ? MC_STR("}\n") : MC_STR("\n"));
}

/* One call for the line, so that lines of several threads do not mix; a pipe may take it in parts.
 */
static void send(int fd, mc_str line)
{
    while (line.len > 0) {
        ssize_t n = write(fd, line.ptr, line.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* there is nowhere to say that logging failed */
        line = mc_str_slice(line, (size_t)n, line.len);
    }
}

void mc_log_write(mc_log *log, mc_log_level level, const char *event, const mc_kv *kvs,
                  size_t count)
{
    /* On the thread's stack until it grows: most lines cost no allocation. */
    char room[2048];
    mc_buf line;

    if (!mc_log_is_on(log, level))
        return;
    mc_buf_init_borrowed(&line, room, sizeof(room), LINE_BYTES_MAX);
    write_line(&line, log, level, event, kvs, count);
    if (mc_buf_failed(&line)) {
        const mc_kv why = MC_KV_BOOL("truncated", true);

        /* Too long, or no memory: that it happened fits into room, what was said does not. */
        mc_buf_deinit(&line);
        mc_buf_init_borrowed(&line, room, sizeof(room), sizeof(room));
        write_line(&line, log, level, event, &why, 1);
    }
    if (!mc_buf_failed(&line))
        send(log->sink->fd, mc_buf_get(&line));
    mc_buf_deinit(&line);
}
