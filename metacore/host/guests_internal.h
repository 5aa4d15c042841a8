/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_GUESTS_INTERNAL_H
#define METACORE_HOST_GUESTS_INTERNAL_H

/**
 * guests: the WebAssembly that addons bring, loaded once per bundle, called for organizations.
 *
 * A guest is what one bundle's backend became, whoever installed it; whom a call is for, its
 * settings and its rights are the call's. Guests are loaded before their installation is written
 * (one that is refused is refused then) and at start; one that is missing all the same, because
 * another process installed it, is loaded by its first call.
 *
 * Without a zygote (mc_app_config) modules are validated and kept, and calling them is refused.
 * Threads:  thread-safe.
 */

#include "metacore/base/map.h"
#include "metacore/base/sync.h"
#include "metacore/host/host_internal.h"
#include "metacore/runtime/wasm/wasm_runtime.h"
#include "metacore/security/capability.h"
#include "metacore/security/http_client.h"

struct mc__guest {
    char digest[MC_SHA256_HEX + 1]; /* of the bundle */
    mc_manifest *manifest;
    mc_capability_set *capabilities;
    mc_wasm_guest *wasm; /* NULL: there is no runtime */
    int64_t timeout_ms;
    unsigned refs;               /* guarded by mc__guests.mu */
    struct mc__guest *next_gone; /* guarded by mc__guests.mu */
};

struct mc__guests {
    mc_app *app;
    mc_wasm_compiler *compiler; /* these three: NULL without a zygote */
    mc_wasm *runtime;
    mc_http_client *client;
    mc_mutex mu;
    mc_map loaded;   /* guarded by mu: digest to guest, one ref each */
    mc__guest *gone; /* guarded by mu: no longer installed; freed by the next who may wait */
};

/* guests_imports.c: what modules may import from metacore_host. */
enum {
    MC__GUEST_LOG,
    MC__GUEST_ENV_GET,
    MC__GUEST_HTTP_FETCH,
    MC__GUEST_EVENT_EMIT,
    MC__GUEST_DATA_QUERY,
    MC__GUEST_DATA_MUTATE,
    MC__GUEST_DATA_BATCH,
    MC__GUEST_HTTP_REQUEST
};
extern const mc_wasm_host_import mc__guest_imports[8];

/* One call of a guest, and whom it is for. */
typedef struct mc__invocation {
    mc__guests *guests;
    const mc__guest *guest;
    mc_ctx *ctx;
    const mc_installation *installation;
    const mc_json *settings; /* NULL: not opened yet */
    unsigned lines;          /* logged */
} mc__invocation;
/* A mc_wasm_host_fn; user is an mc__invocation. */
mc_code mc__guest_host(void *user, uint32_t import, const mc_str *args, size_t count,
                       int64_t deadline_us, mc_buf *out, mc_err *err);

/* A line that it logs, or writes to a stream; user is an mc__invocation. */
void mc__guest_line(void *user, mc_str text);

/* The envelope's end: what every answer to an addon says of itself. */
void mc__guest_write_meta(const mc__invocation *call, int64_t began_us, bool has_time, mc_buf *out);

/* guests_data.c: data_query, data_mutate or data_batch; text is the request. */
mc_code mc__guest_data(mc__invocation *call, mc_arena *arena, uint32_t import, mc_str text,
                       mc_buf *out, mc_err *err);

/* guests_http.c: http_fetch and http_request. */
mc_code mc__guest_fetch(mc__invocation *call, mc_arena *arena, const mc_str *args,
                        int64_t deadline_us, mc_buf *out, mc_err *err);
mc_code mc__guest_request(mc__invocation *call, mc_arena *arena, const mc_str *args,
                          int64_t deadline_us, mc_buf *out, mc_err *err);

/* guests.c: the guest of what is installed as addon_key now; give it back with unref. */
mc_code mc__guests_take(mc__guests *self, mc_ctx *ctx, mc_str addon_key, mc__guest **out,
                        mc_err *err);
/* Frees what is no longer installed. Waits for processes: not on a loop, nor on the writer. */
void mc__guests_sweep(mc__guests *self);

/* guests_metrics.c: a collector; user is the guests, which have a runtime. */
void mc__guests_collect(mc_metrics_sink *sink, void *user);

/* guests_load.c: from a bundle's manifest and file to a guest with one ref; *out NULL: the manifest
 * names none. */
mc_code mc__guest_load(mc__guests *self, const mc_bundle *bundle, mc_str digest, mc__guest **out,
                       mc_err *err);
void mc__guest_free(mc__guest *guest);
bool mc__guest_is_declared(const mc_manifest *manifest);

/* guests_result.c: what goes to an action's guest, and what its answer means. */
void mc__guest_write_input(mc_buf *out, mc_ctx *ctx, const mc_action_call *call,
                           const mc_installation *installation);
mc_code mc__guest_read_output(mc_ctx *ctx, const mc_action_call *call, mc_str text, mc_buf *out,
                              mc_err *err);

#endif
