/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_OBS_OBS_H
#define METACORE_OBS_OBS_H

/**
 * obs: the one logger of the process, for code that is handed none, and timers that end in a line.
 *
 * Until somebody sets another, it writes to standard output as LOG_LEVEL (debug, info, warn,
 * error; else info) and LOG_FORMAT (json, else text) say; they are read once, at first use.
 *
 * Not here: what a line looks like (log).
 * Threads:  thread-safe.
 */

#include "metacore/base/ctx.h"
#include "metacore/log/log.h"

MC_BEGIN_DECLS

/** From now on log is the process's; NULL is ignored. It takes a reference of its own. */
MC_API void mc_obs_set_default(mc_log *log);
MC_API void mc_obs_set_level(mc_log_level level);
MC_API void mc_obs_set_format(mc_log_format format);

/** The process's logger, counted: the caller unrefs it. NULL (silent) only without memory. */
MC_API mc_log *mc_obs_ref(void);

/**
 * A logger of ctx's request: the process's, with request_id, user_id and org_id as far as they are
 * known. The caller unrefs it.
 */
MC_API MC_MUST_USE mc_code mc_obs_for(const mc_ctx *ctx, mc_log **out, mc_err *err);

/** One line of the process's logger; see mc_log_write. */
MC_API void mc_obs_write(mc_log_level level, const char *event, const mc_kv *kvs, size_t count);

#define mc_obs_debug(event, ...) mc_obs_write(MC_LOG_DEBUG, event, MC_LOG_KVS(__VA_ARGS__))
#define mc_obs_info(event, ...) mc_obs_write(MC_LOG_INFO, event, MC_LOG_KVS(__VA_ARGS__))
#define mc_obs_warn(event, ...) mc_obs_write(MC_LOG_WARN, event, MC_LOG_KVS(__VA_ARGS__))
#define mc_obs_error(event, ...) mc_obs_write(MC_LOG_ERROR, event, MC_LOG_KVS(__VA_ARGS__))

/** How long something takes. */
typedef struct mc_obs_timer {
    const char *name; /* borrowed until stop */
    int64_t started_us;
    mc_clock clock;
} mc_obs_timer;

/** clock .vt NULL: the system's. */
MC_API mc_obs_timer mc_obs_timer_start(const char *name, mc_clock clock);
/** Writes "<name>.done" with duration_ms, at level info, and returns the milliseconds. */
MC_API int64_t mc_obs_timer_stop(const mc_obs_timer *timer);

MC_END_DECLS
#endif
