/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_GUESTS_INTERNAL_H
#define METACORE_HOST_GUESTS_INTERNAL_H

/**
 * guests: the WebAssembly that addons bring, loaded once per bundle, called for organizations.
 *
 * A guest is what one bundle's backend became, whoever installed it; whom a call is for, its
 * settings and its rights are the call's. Guests are loaded before their installation is written
 * (one that is refused is refused then); those that are installed already, in the background once
 * the server has started, sooner those that are called. A call waits for its guest a little, and is
 * then asked to come again.
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

#define MC__GUEST_LOADERS 2
#define MC__GUEST_KEY_MAX 64

typedef enum mc__guest_load_state {
    MC__GUEST_QUEUED,
    MC__GUEST_AT_WORK, /* a thread loads it; no other does */
    MC__GUEST_FAILED
} mc__guest_load_state;

/* A guest that is not loaded yet, or why it is not; one for each bundle. Its id fields are set
 * once; the others are guarded by mc__guests.mu. */
typedef struct mc__guest_load {
    char digest[MC_SHA256_HEX + 1];
    char addon_key[MC__GUEST_KEY_MAX + 1];
    mc_uuid org_id; /* who installs it; nil: it is installed */
    mc__guest_load_state state;
    bool is_gone;                /* it was uninstalled meanwhile */
    mc__guest *guest;            /* one ref, once its module is read */
    mc_err why;                  /* it failed */
    int64_t since_us;            /* when it came to its state; monotonic */
    struct mc__guest_load *next; /* in the queue */
} mc__guest_load;

struct mc__guests {
    mc_app *app;
    mc_wasm_compiler *compiler; /* these three: NULL without a zygote */
    mc_wasm *runtime;
    mc_http_client *client;
    mc_mutex mu;
    mc_db_conn *readers[4]; /* guarded by mu: idle ones of guests' queries */
    size_t reader_count;    /* guarded by mu */
    mc_map loaded;          /* guarded by mu, as all below: digest to guest, one ref each */
    mc__guest *gone;        /* no longer installed; freed by the next who may wait */
    mc_map loads;           /* digest to mc__guest_load */
    mc__guest_load *queue;
    mc_cond changed; /* the queue, a load's state, is_ending */
    pthread_t loaders[MC__GUEST_LOADERS];
    unsigned loader_count;
    unsigned waiting; /* calls */
    bool is_scanned;  /* what is installed was queued, or is being */
    bool is_ending;
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
    MC__GUEST_HTTP_REQUEST,
    MC__GUEST_DB_QUERY,
    MC__GUEST_DB_EXEC,
    MC__GUEST_SEQUENCE_NEXT,
    MC__GUEST_CTX_GET,
    MC__GUEST_CONNECTOR_GET,
    MC__GUEST_IMPORT_COUNT
};
extern const mc_wasm_host_import mc__guest_imports[MC__GUEST_IMPORT_COUNT];

/* One call of a guest, and whom it is for. */
typedef struct mc__invocation {
    mc__guests *guests;
    const mc__guest *guest;
    mc_ctx *ctx;
    const mc_installation *installation;
    const mc_json *settings; /* NULL: not opened yet */
    unsigned lines;          /* logged */
    /* What it writes is written in ctx's transaction, and stays there as that does: ctx's arena,
     * time and questions are the call's. What waits for others is not for it. */
    bool in_transaction;
    /* Of an installation that is being made or changed: its addon's models are its own although
     * they are not, or no longer, served; some are not even registered. */
    bool is_member;
    const mc_model *const *own;
    size_t own_count;
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

/* The model that a request's "table" or "model" names, when the guest may do that to it. */
mc_code mc__guest_find_model(mc__invocation *call, mc_ctx *ctx, const mc_json *request,
                             mc_capability_kind kind, const mc_model **out, mc_err *err);

/* guests_context.c: sequence_next, ctx_get or connector_get; text is what was sent. */
mc_code mc__guest_ask(mc__invocation *call, mc_arena *arena, uint32_t import, mc_str text,
                      mc_buf *out, mc_err *err);

/* guests_increment.c */
mc_code mc__guest_check_inc(const mc_model *model, const mc_json *data, const mc_json *inc,
                            mc_err *err);
/* data, and what inc makes of the row as it is in ctx's transaction; in ctx's arena. */
mc_code mc__guest_increment(mc_ctx *ctx, const mc_model *model, mc_uuid id, const mc_json *data,
                            const mc_json *inc, const mc_json **out, mc_err *err);
mc_code mc__guest_check_returning(const mc_model *model, const mc_json *returning, mc_err *err);
/* Of a row's JSON what returning, which was checked, names. */
mc_code mc__guest_write_returning(mc_ctx *ctx, mc_str row, const mc_json *returning, mc_buf *out,
                                  mc_err *err);

/* guests_imports.c: fn in ctx's transaction, and undone alone when it fails. */
mc_code mc__guest_write_within(mc_ctx *ctx, mc_db_fn fn, void *user, mc_err *err);

/* guests_sql_call.c: db_query, or db_exec; args are the statement and its arguments. */
mc_code mc__guest_sql_call(mc__invocation *call, mc_arena *arena, bool is_exec, const mc_str *args,
                           int64_t deadline_us, mc_buf *out, mc_err *err);

/* guests_http.c: http_fetch and http_request. */
mc_code mc__guest_fetch(mc__invocation *call, mc_arena *arena, const mc_str *args,
                        int64_t deadline_us, mc_buf *out, mc_err *err);
mc_code mc__guest_request(mc__invocation *call, mc_arena *arena, const mc_str *args,
                          int64_t deadline_us, mc_buf *out, mc_err *err);

/* guests.c: the guest of what is installed as addon_key now; give it back with unref. */
mc_code mc__guests_take(mc__guests *self, mc_ctx *ctx, mc_str addon_key, mc__guest **out,
                        mc_err *err);
/* Loads what is installed as addon_key, when it is a guest and not there yet. Blocks. */
mc_code mc__guests_fetch(mc__guests *self, mc_ctx *ctx, mc_str addon_key, mc_err *err);
/* Forgets a guest whose installation failed. */
void mc__guests_drop(mc__guests *self, mc_str digest);
/* Frees what is no longer installed. Waits for processes: not on a loop, nor on the writer. */
void mc__guests_sweep(mc__guests *self);
/* One more ref of what is loaded, or NULL. */
mc__guest *mc__guests_find(mc__guests *self, mc_str digest);

/* guests_queue.c: one load of a bundle at a time, whoever asks for it. */

/* MC_OK with a load: the caller is who loads, and says so with end; with a guest: it is there now.
 * org_id: of who installs it; nil: it is installed. Waits for another's load of the same. */
mc_code mc__guests_begin(mc__guests *self, mc_str digest, mc_str addon_key, mc_uuid org_id,
                         mc__guest_load **out_load, mc__guest **out_guest, mc_err *err);
/* Its module is read: from now on others see how far it is. */
void mc__guests_publish(mc__guests *self, mc__guest_load *load, mc__guest *guest);
void mc__guests_end(mc__guests *self, mc__guest_load *load, mc_code rc, const mc_err *err);
/* For a call: what is installed as addon_key, as soon as it is there. UNAVAILABLE: not soon enough.
 */
mc_code mc__guests_await(mc__guests *self, mc_ctx *ctx, mc_str digest, mc_str addon_key,
                         mc__guest **out, mc_err *err);
/* Queues what is installed and not loaded. */
void mc__guests_enqueue(mc__guests *self, mc_str digest, mc_str addon_key);
void mc__guests_forget_load(mc__guests *self, mc_str digest);

/* guests_load.c: loads what begin gave, from the installation; ends it. */
mc_code mc__guests_load_installed(mc__guests *self, mc_ctx *ctx, mc__guest_load *load,
                                  mc__guest **out, mc_err *err);

/* guests_state.c */

/* How far addon_key's guest is, as a JSON object; false (and nothing): it has none that is known.
 */
bool mc__guests_write_state(mc__guests *self, mc_str addon_key, mc_buf *out);
/* What is being loaded or compiled now, as an array: for an organization, or (nil) all. */
void mc__guests_write_work(mc__guests *self, mc_uuid org_id, mc_buf *out);

/* guests_call.c */
typedef struct mc__guest_call {
    mc_str addon_key;
    const mc_installation *installation; /* enabled, of ctx's organization; as long as the call */
    mc_str function;
    mc_str input;
    int64_t timeout_ms; /* at most; 0: what the guest may have anyway */
    bool is_member;     /* as in mc__invocation, all three */
    const mc_model *const *own;
    size_t own_count;
} mc__guest_call;
#define MC__GUEST_TX_TIMEOUT_MS 2000 /* at most, of a call in a transaction: all writes wait */
/**
 * Calls an export of what is installed as addon_key now. ctx->conn reads; with ctx->is_alone it is
 * a transaction, which the call is part of. Blocks.
 *
 * out     what it said, in ctx's arena
 * Errors  NOT_PROVIDED: no guests here, or the addon is none. TIMEOUT, UNAVAILABLE, NO_MEMORY,
 *         LIMIT. INTERNAL: it trapped, or has no such export. ctx's failure_code says how.
 */
mc_code mc__guests_call(mc__guests *self, mc_ctx *ctx, const mc__guest_call *call, mc_str *out,
                        mc_err *err);

/* guests_action.c: an action by an export, whatever its trigger is. */
mc_code mc__guests_dispatch_export(mc__guests *self, mc_ctx *ctx, const mc_action_call *call,
                                   mc_str function, mc_buf *out, mc_err *err);

/* guests_metrics.c: a collector; user is the guests, which have a runtime. */
void mc__guests_collect(mc_metrics_sink *sink, void *user);

/* guests_load.c: from a bundle's manifest and file to a guest with one ref; *out NULL: the manifest
 * names none. */
mc_code mc__guest_load_bundle(mc__guests *self, const mc_bundle *bundle, mc__guest_load *load,
                              mc__guest **out, mc_err *err);
void mc__guest_free(mc__guest *guest);
bool mc__guest_is_declared(const mc_manifest *manifest);
bool mc__guest_is_declared_in(mc_str manifest);

/* guests_result.c: what goes to an action's guest, and what its answer means. */
void mc__guest_write_input(mc_buf *out, mc_ctx *ctx, const mc_action_call *call,
                           const mc_installation *installation);
mc_code mc__guest_read_output(mc_ctx *ctx, const mc_action_call *call, mc_str text, mc_buf *out,
                              mc_err *err);

#endif
