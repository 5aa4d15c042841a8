/* SPDX-License-Identifier: Apache-2.0 */
/* One call, from the server's side: what is asked, what the guest asks in between, what came out.
 */
#include "metacore/base/random.h"
#include "metacore/base/time.h"
#include "metacore/runtime/wasm/wasm_pool_internal.h"

typedef struct invocation {
    mc_wasm_guest *guest;
    const mc_wasm_call *call;
    mc__wasm_child *child;
    int64_t timeout_ms;
    int64_t deadline_us;
    int64_t lent_us; /* that it may still wait for others */
    mc_buf *out;
    mc_err *err;
    mc_code host_rc; /* of a callback that ended the call */
    uint32_t host_calls;
    bool is_alive; /* the child can be used again */
} invocation;

/* ---- what is called ---- */

static const mc__wasm_functype *type_of(const mc_wasm_guest *guest, const mc__wasm_export *export)
{
    return export && export->kind == MC__WASM_KIND_FUNCTION
               ? mc__wasm_function_type(guest->module, export->index)
               : NULL;
}

static bool is_type(const mc__wasm_functype *type, const char *params, const char *results)
{
    return type && type->param_count == strlen(params) && type->result_count == strlen(results) &&
           memcmp(type->params, params, type->param_count) == 0 &&
           memcmp(type->results, results, type->result_count) == 0;
}

#define I32 "\x7f"
#define I64 "\x7e"

static bool dialect_of(const mc__wasm_functype *type, uint32_t *out)
{
    if (is_type(type, I32 I32, I64))
        *out = MC__WASM_DIALECT_PAIR;
    else if (is_type(type, I64, I64))
        *out = MC__WASM_DIALECT_PACKED;
    else if (is_type(type, "", ""))
        *out = MC__WASM_DIALECT_PLAIN;
    else
        return false;
    return true;
}

static uint32_t helper(const mc_wasm_guest *guest, mc_str name, const char *params,
                       const char *results)
{
    const mc__wasm_export *export = mc_map_find(&guest->exports, name);

    return is_type(type_of(guest, export), params, results) ? export->index : UINT32_MAX;
}

static mc_code find_function(invocation *v, uint32_t *out_function, uint32_t *out_dialect)
{
    const mc__wasm_export *export = mc_map_find(&v->guest->exports, v->call->function);
    const mc__wasm_functype *type = type_of(v->guest, export);

    if (!type)
        return mc_fail(v->err, MC_NOT_FOUND, "wasm: export %.*s missing from module",
                       MC_FMT(v->call->function));
    if (mc__wasm_has_vectors(type))
        return mc_fail(v->err, MC_REJECTED,
                       "wasm: export %.*s takes or gives v128, which stays in a guest",
                       MC_FMT(v->call->function));
    if (!dialect_of(type, out_dialect))
        return mc_fail(v->err, MC_REJECTED, "wasm: export %.*s is not of a callable type",
                       MC_FMT(v->call->function));
    *out_function = export->index;
    return MC_OK;
}

/* ---- host calls ---- */

/* Copies first, then checks: the child may change what it said at any time. */
static bool copy_arguments(invocation *v, uint32_t *out_import, mc_str args[MC_WASM_HOST_ARGS_MAX],
                           size_t *out_count)
{
    mc__wasm_channel *channel = v->child->channel;
    mc_buf *scratch = &v->child->scratch;
    const mc_wasm_config *config = &v->guest->wasm->config;
    uint32_t lens[MC_WASM_HOST_ARGS_MAX], import = channel->function, count;
    size_t total = 0, at = 0;

    memcpy(lens, channel->lens, sizeof(lens));
    if (import >= config->import_count)
        return false;
    count = config->imports[import].pairs;
    for (uint32_t i = 0; i < count; i++) {
        if (lens[i] > MC_WASM_MESSAGE_MAX)
            return false;
        total += lens[i];
    }
    if (total > MC_WASM_MESSAGE_MAX)
        return false;
    mc_buf_clear(scratch);
    mc_buf_bytes(scratch, channel->payload, total);
    if (mc_buf_failed(scratch))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        args[i] = mc_str_of(lens[i] ? scratch->ptr + at : "", lens[i]);
        at += lens[i];
    }
    *out_import = import;
    *out_count = count;
    return true;
}

/* What it waits for others is not the guest's time, as far as that is lent. */
static void call_host(invocation *v, uint32_t import, const mc_str *args, size_t count,
                      mc_buf *answer)
{
    bool waits = v->guest->wasm->config.imports[import].waits;
    int64_t began_us = waits ? mc_clock_monotonic_us((mc_clock){0}) : 0, waited_us;

    v->host_rc = v->call->host(v->call->host_user, import, args, count,
                               v->deadline_us + (waits ? v->lent_us : 0), answer, v->err);
    if (!waits)
        return;
    waited_us = mc_clock_monotonic_us((mc_clock){0}) - began_us;
    waited_us = waited_us < v->lent_us ? waited_us : v->lent_us;
    v->deadline_us += waited_us;
    v->lent_us -= waited_us;
}

/* False: the child said nonsense. */
static bool answer_host_call(invocation *v)
{
    mc__wasm_channel *channel = v->child->channel;
    mc_buf *answer = &v->child->answer;
    mc_str args[MC_WASM_HOST_ARGS_MAX];
    uint32_t import;
    size_t count;

    if (!copy_arguments(v, &import, args, &count))
        return false;
    v->host_calls++;
    mc_buf_clear(answer);
    if (v->call->host)
        call_host(v, import, args, count, answer);
    if (v->host_rc == MC_OK)
        v->host_rc = mc_buf_check(answer, "wasm: answer of the host", v->err);
    channel->function = v->host_rc != MC_OK;
    channel->len = v->host_rc == MC_OK ? (uint32_t)answer->len : 0;
    if (channel->len)
        memcpy(channel->payload, answer->ptr, answer->len);
    channel->say = MC__WASM_SAY_HOST_RESULT;
    return true;
}

/* ---- the exchange ---- */

static mc_code broken(invocation *v, mc_code why)
{
    v->is_alive = false;
    if (why == MC_TIMEOUT)
        return mc_fail(v->err, MC_TIMEOUT, "wasm: call %.*s: not done within %lld ms",
                       MC_FMT(v->call->function), (long long)v->timeout_ms);
    return mc_fail(v->err, MC_UNAVAILABLE, "wasm: call %.*s: its process died",
                   MC_FMT(v->call->function));
}

static mc_code take_output(invocation *v)
{
    mc__wasm_channel *channel = v->child->channel;
    size_t len = *(volatile uint32_t *)&channel->len; /* once: it may change */
    size_t before = v->out->len;

    if (len > MC_WASM_MESSAGE_MAX)
        return broken(v, MC_UNAVAILABLE);
    mc_buf_bytes(v->out, channel->payload, len);
    if (mc_buf_failed(v->out)) {
        mc_code rc = mc_buf_check(v->out, "wasm: output", v->err);

        v->out->len = before;
        return rc;
    }
    return MC_OK;
}

static mc_code conclude(invocation *v, uint32_t say)
{
    char why[MC__WASM_TRAP_TEXT];

    switch (say) {
    case MC__WASM_SAY_DONE:
        return take_output(v);
    case MC__WASM_SAY_TRAP:
        if (v->host_rc != MC_OK)
            return v->host_rc; /* which ended it, and said why */
        mc__wasm_trap_text(v->child->channel, why);
        return mc_fail(v->err, MC_REJECTED, "wasm: call %.*s: %s", MC_FMT(v->call->function), why);
    case MC__WASM_SAY_BAD_RESULT:
        return mc_fail(v->err, MC_REJECTED, "wasm: %.*s returned invalid ptr/len",
                       MC_FMT(v->call->function));
    case MC__WASM_SAY_OVERSIZE:
        return mc_fail(v->err, MC_TOO_LARGE, "wasm: %.*s returned more than %zu bytes",
                       MC_FMT(v->call->function), MC_WASM_MESSAGE_MAX);
    default:
        return broken(v, MC_UNAVAILABLE); /* nonsense: as good as dead */
    }
}

static mc_code exchange(invocation *v, uint32_t function, uint32_t dialect)
{
    mc__wasm_channel *channel = v->child->channel;

    v->child->output_taken = 0;
    channel->output_len = 0;
    channel->output_is_cut = 0;
    if (v->guest->wants_random) {
        mc_code rc = mc_random_bytes(channel->seed, sizeof(channel->seed), v->err);

        if (rc != MC_OK)
            return rc;
    }
    channel->say = MC__WASM_SAY_CALL;
    channel->function = function;
    channel->dialect = dialect;
    channel->alloc = helper(v->guest, MC_STR("alloc"), I32, I32);
    channel->len = (uint32_t)v->call->input.len;
    if (channel->len)
        memcpy(channel->payload, v->call->input.ptr, v->call->input.len);
    for (;;) {
        uint32_t say;
        mc_code rc;

        mc__wasm_channel_pass(channel, MC__WASM_TURN_CHILD);
        rc = mc__wasm_channel_wait_until(channel, v->child->pidfd, v->deadline_us,
                                         &v->child->patience);
        if (rc != MC_OK)
            return broken(v, rc);
        say = *(volatile uint32_t *)&channel->say; /* once: it may change */
        if (say != MC__WASM_SAY_HOST_CALL)
            return conclude(v, say);
        mc__wasm_output_take(v->child, v->call, false);
        if (!answer_host_call(v))
            return broken(v, MC_UNAVAILABLE);
    }
}

static void count(const invocation *v, mc_code rc)
{
    mc_wasm *self = v->guest->wasm;

    mc_mutex_lock(&self->mu);
    self->stats.calls++;
    self->stats.host_calls += v->host_calls;
    if (rc == MC_TIMEOUT && !v->is_alive)
        self->stats.timeouts++;
    else if (!v->is_alive)
        self->stats.deaths++;
    else if (rc == MC_REJECTED)
        self->stats.traps++;
    mc_mutex_unlock(&self->mu);
}

mc_code mc_wasm_invoke(mc_wasm_guest *guest, const mc_wasm_call *call, mc_buf *out, mc_err *err)
{
    invocation v = {.guest = guest, .call = call, .out = out, .err = err, .is_alive = true};
    uint32_t function = 0, dialect = 0;
    mc_code rc;

    v.timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : MC_WASM_TIMEOUT_MS_DEFAULT;
    if (v.timeout_ms > MC_WASM_TIMEOUT_MS_MAX)
        v.timeout_ms = MC_WASM_TIMEOUT_MS_MAX;
    v.deadline_us = mc_clock_monotonic_us((mc_clock){0}) + v.timeout_ms * 1000;
    v.lent_us = (int64_t)MC_WASM_WAIT_MS_MAX * 1000;
    if (call->input.len > MC_WASM_MESSAGE_MAX)
        return mc_fail(err, MC_TOO_LARGE, "wasm: input of more than %zu bytes",
                       MC_WASM_MESSAGE_MAX);
    rc = find_function(&v, &function, &dialect);
    if (rc == MC_OK)
        rc = mc__wasm_child_take(guest, call->is_urgent, v.deadline_us, &v.child, err);
    if (rc != MC_OK)
        return rc;
    rc = exchange(&v, function, dialect);
    mc__wasm_output_take(v.child, call, true);
    count(&v, rc);
    mc__wasm_child_give(guest, v.child, v.is_alive);
    return rc;
}
