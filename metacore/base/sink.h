/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_BASE_SINK_H
#define METACORE_BASE_SINK_H

/**
 * sink: somewhere bytes go, piece by piece: a stream to a client, a file, a test's buffer.
 *
 * Threads: one thread at a time.
 */

#include "metacore/base/err.h"
#include "metacore/base/str.h"

MC_BEGIN_DECLS

/** By value, like a Go interface. */
typedef struct mc_sink {
    /** All of bytes, or a failure after which nothing more is written. May block. */
    mc_code (*write)(void *self, mc_str bytes, mc_err *err);
    void *self;
} mc_sink;

static inline mc_code mc_sink_write(mc_sink sink, mc_str bytes, mc_err *err)
{
    return bytes.len ? sink.write(sink.self, bytes, err) : MC_OK;
}

MC_END_DECLS
#endif
