/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_UUID_H
#define METACORE_BASE_UUID_H

/**
 * uuid: keys of rows. New ones are version 7, so that an index grows at its end; any is accepted.
 *
 * Threads:  thread-safe; version 7 is monotonic within a thread.
 * Standard: RFC 9562.
 */

#include "metacore/base/buf.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

typedef struct mc_uuid {
    uint8_t bytes[16];
} mc_uuid;

#define MC_UUID_TEXT_LEN 36

static inline bool mc_uuid_eq(mc_uuid a, mc_uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

/** All zeros: nobody, no organization. */
MC_API bool mc_uuid_is_nil(mc_uuid id);

/** A new time-ordered UUID; its entropy is batched from getrandom(2). */
MC_API MC_MUST_USE mc_code mc_uuid_v7(mc_uuid *out, mc_err *err);
MC_API MC_MUST_USE mc_code mc_uuid_v4(mc_uuid *out, mc_err *err);

/** 8-4-4-4-12, also in {}, after "urn:uuid:", or 32 digits; any case, whole string. */
MC_API bool mc_uuid_parse(mc_str text, mc_uuid *out);
/** 36 lower-case bytes, not terminated. */
MC_API void mc_uuid_format(mc_uuid id, char out[MC_UUID_TEXT_LEN]);
MC_API void mc_uuid_write(mc_buf *out, mc_uuid id);

MC_END_DECLS
#endif
