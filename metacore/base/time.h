/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_TIME_H
#define METACORE_BASE_TIME_H

/**
 * time: instants in microseconds since 1970-01-01T00:00:00Z, UTC everywhere, and clocks that tests
 * can hold still.
 *
 * Threads:  functions; a clock is thread-safe.
 * Standard: RFC 3339; proleptic Gregorian calendar, years 1 to 9999, no leap seconds.
 */

#include "metacore/base/buf.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

typedef int64_t mc_time; /* microseconds since the Unix epoch, UTC */

#define MC_TIME_US_PER_S INT64_C(1000000)
#define MC_TIME_US_PER_DAY (INT64_C(86400) * MC_TIME_US_PER_S)
#define MC_TIME_TEXT_LEN 27 /* 2026-11-24T10:00:00.000000Z */
#define MC_DATE_TEXT_LEN 10 /* 2026-11-24 */

typedef struct mc_clock_vt {
    uint32_t struct_size;
    mc_time (*now)(void *self);          /* the calendar's time */
    int64_t (*monotonic_us)(void *self); /* for deadlines */
} mc_clock_vt;

/** .vt NULL: the system's. */
typedef struct mc_clock {
    const mc_clock_vt *vt;
    void *self;
} mc_clock;

MC_API mc_time mc_clock_now(mc_clock clock);
MC_API int64_t mc_clock_monotonic_us(mc_clock clock);

/** Fixed width, so that text order is time order: 2026-11-24T10:00:00.000000Z. Not terminated. */
MC_API void mc_time_format(mc_time t, char out[MC_TIME_TEXT_LEN]);
MC_API void mc_time_write(mc_buf *out, mc_time t);

/**
 * RFC 3339 with any offset (also a space for T, lower-case t and z), up to 9 fractional digits
 * (beyond microseconds: cut). A date that does not exist, or second 60, is false.
 */
MC_API bool mc_time_parse(mc_str text, mc_time *out);

/** YYYY-MM-DD of a day that exists; *out is its midnight UTC. */
MC_API bool mc_date_parse(mc_str text, mc_time *out);
MC_API void mc_date_format(mc_time t, char out[MC_DATE_TEXT_LEN]);

/** For a Date header: "Tue, 24 Nov 2026 10:00:00 GMT" (RFC 9110), 29 bytes, not terminated. */
MC_API void mc_time_http_format(mc_time t, char out[29]);

MC_END_DECLS
#endif
