/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_LOG_LOG_H
#define METACORE_LOG_LOG_H

/**
 * log: one line per event, as JSON or text, with one write(2) each.
 *
 * An event has a name for programs ("webhook.retry") and key-values; a logger may carry more of
 * them for all its lines (request, user, organization). Services log nothing above debug; the edge
 * logs once. No bodies, no secrets. A NULL logger is silent.
 *
 * Not here: the process-wide logger (obs).
 * Threads:  thread-safe; the level may change at any time.
 */

#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/base/uuid.h"

MC_BEGIN_DECLS

#define MC_LOG_ATTRS_MAX 16 /* of a logger, its parents' included */

typedef struct mc_log mc_log;

typedef enum mc_log_level { MC_LOG_DEBUG, MC_LOG_INFO, MC_LOG_WARN, MC_LOG_ERROR } mc_log_level;
typedef enum mc_log_format { MC_LOG_JSON, MC_LOG_TEXT } mc_log_format;

/** Zero is "the default" in every field. */
typedef struct mc_log_config {
    uint32_t struct_size;
    int fd; /* 0: standard output; borrowed */
    mc_log_format format;
    mc_log_level level; /* MC_LOG_DEBUG is 0: say MC_LOG_INFO for the usual */
} mc_log_config;
#define MC_LOG_CONFIG .struct_size = sizeof(mc_log_config), .level = MC_LOG_INFO

typedef enum mc_kv_kind {
    MC_KV_KIND_STR,
    MC_KV_KIND_I64,
    MC_KV_KIND_BOOL,
    MC_KV_KIND_UUID
} mc_kv_kind;

/** One key-value; strings are borrowed for the call, or copied by mc_log_with. */
typedef struct mc_kv {
    const char *key;
    mc_kv_kind kind;
    mc_str str;
    int64_t i64;
    mc_uuid uuid;
} mc_kv;

#define MC_KV_STR(k, v) ((mc_kv){.key = (k), .kind = MC_KV_KIND_STR, .str = (v)})
#define MC_KV_Z(k, v) MC_KV_STR(k, mc_z(v))
#define MC_KV_I64(k, v) ((mc_kv){.key = (k), .kind = MC_KV_KIND_I64, .i64 = (int64_t)(v)})
#define MC_KV_BOOL(k, v) ((mc_kv){.key = (k), .kind = MC_KV_KIND_BOOL, .i64 = (v)})
#define MC_KV_UUID(k, v) ((mc_kv){.key = (k), .kind = MC_KV_KIND_UUID, .uuid = (v)})
/** The error's message. */
#define MC_KV_ERR(k, e) MC_KV_STR(k, mc_z((e)->msg))

MC_API MC_MUST_USE mc_code mc_log_new(const mc_log_config *config, mc_log **out, mc_err *err);
/** A logger that adds attrs to each of its lines; its level and format are its parent's, which it
 *  keeps alive. log NULL gives NULL. LIMIT: more than MC_LOG_ATTRS_MAX. */
MC_API MC_MUST_USE mc_code mc_log_with(mc_log *log, const mc_kv *attrs, size_t count, mc_log **out,
                                       mc_err *err);
MC_API mc_log *mc_log_ref(mc_log *log);
MC_API void mc_log_unref(mc_log *log);

MC_API void mc_log_set_level(mc_log *log, mc_log_level level);
/** Both hold for log, its parents and its children: they share them. */
MC_API void mc_log_set_format(mc_log *log, mc_log_format format);
MC_API bool mc_log_is_on(const mc_log *log, mc_log_level level);

/** debug, info, warn, warning, error in any case, trimmed; else false. */
MC_API bool mc_log_level_parse(mc_str text, mc_log_level *out);
/** json or text in any case. */
MC_API bool mc_log_format_parse(mc_str text, mc_log_format *out);

/** A line that is too long is written without its attributes, as truncated. */
MC_API void mc_log_write(mc_log *log, mc_log_level level, const char *event, const mc_kv *kvs,
                         size_t count);

#define MC_LOG_KVS(...)                                                                            \
    (const mc_kv[]){__VA_ARGS__}, sizeof((const mc_kv[]){__VA_ARGS__}) / sizeof(mc_kv)
/* The arguments are not evaluated when the level is off. */
#define MC_LOG_AT(log, level, event, ...)                                                          \
    do {                                                                                           \
        if (mc_log_is_on((log), (level)))                                                          \
            mc_log_write((log), (level), (event), MC_LOG_KVS(__VA_ARGS__));                        \
    } while (0)
#define mc_log_debug(log, event, ...) MC_LOG_AT(log, MC_LOG_DEBUG, event, __VA_ARGS__)
#define mc_log_info(log, event, ...) MC_LOG_AT(log, MC_LOG_INFO, event, __VA_ARGS__)
#define mc_log_warn(log, event, ...) MC_LOG_AT(log, MC_LOG_WARN, event, __VA_ARGS__)
#define mc_log_error(log, event, ...) MC_LOG_AT(log, MC_LOG_ERROR, event, __VA_ARGS__)

MC_END_DECLS
#endif
