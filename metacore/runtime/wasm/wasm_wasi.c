/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions there are, and the short ones. */
#include "metacore/runtime/wasm/wasm_runtime.h"
#include "metacore/runtime/wasm/wasm_wasi_internal.h"

#include <sodium.h>
#include <time.h>

_Static_assert(crypto_stream_chacha20_KEYBYTES == MC__WASM_SEED_BYTES, "a call's seed is a key");
_Static_assert(crypto_stream_chacha20_NONCEBYTES == sizeof(uint64_t), "a nonce is a number");

/* ---- what the others share ---- */

uint8_t *mc__wasi_bytes(const mc__wasm_wasi *wasi, uint32_t at, uint64_t len)
{
    const mc__wasm_instance *instance = wasi->instance;

    if (!instance || !instance->memory || len > instance->memory->abi.bytes ||
        at > instance->memory->abi.bytes - len)
        return NULL;
    return instance->abi.base + at;
}

/* The machines that run this have WebAssembly's byte order: the generated code relies on it, too.
 */
uint32_t mc__wasi_get32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

uint64_t mc__wasi_get64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

void mc__wasi_put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

void mc__wasi_put64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof(value));
}

bool mc__wasi_now(uint32_t clock, uint64_t *out_ns)
{
    static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};
    struct timespec now;

    if (clock >= MC_LEN(clocks) || clock_gettime(clocks[clock], &now) != 0)
        return false;
    *out_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    return true;
}

bool mc__wasi_is_stream(const mc__wasm_wasi *wasi, uint32_t fd)
{
    return fd < MC__WASM_STREAMS && !wasi->call.is_closed[fd];
}

void mc__wasi_write(mc__wasm_wasi *wasi, const uint8_t *bytes, size_t len)
{
    mc__wasm_channel *channel = wasi->channel;
    size_t room = MC__WASM_OUTPUT_MAX - channel->output_len;

    wasi->call.is_used = true;
    if (len > room) {
        channel->output_is_cut = 1;
        len = room;
    }
    if (len)
        memcpy(channel->output + channel->output_len, bytes, len);
    channel->output_len += (uint32_t)len;
}

void mc__wasi_trap(mc__wasm_wasi *wasi)
{
    mc__wasm_trap(&wasi->instance->abi, MCW_TRAP_HOST);
}

/* ---- arguments and environment: none ---- */

/* The same for both: how many there are, and the bytes that they take. */
static uint32_t sizes_get(mc__wasm_wasi *wasi, uint32_t out_count, uint32_t out_bytes)
{
    uint8_t *count = mc__wasi_bytes(wasi, out_count, 4);
    uint8_t *bytes = mc__wasi_bytes(wasi, out_bytes, 4);

    if (!count || !bytes)
        return MC__WASI_FAULT;
    mc__wasi_put32(count, 0);
    mc__wasi_put32(bytes, 0);
    return MC__WASI_SUCCESS;
}

static uint32_t texts_get(mc__wasm_wasi *wasi, uint32_t pointers, uint32_t texts)
{
    return mc__wasi_bytes(wasi, pointers, 0) && mc__wasi_bytes(wasi, texts, 0) ? MC__WASI_SUCCESS
                                                                               : MC__WASI_FAULT;
}

/* ---- time, chance, the end ---- */

static uint32_t clock_time_get(mc__wasm_wasi *wasi, uint32_t clock, uint64_t precision,
                               uint32_t out)
{
    uint8_t *to = mc__wasi_bytes(wasi, out, 8);
    uint64_t now;

    (void)precision; /* as good as there is */
    wasi->call.is_used = true;
    if (!mc__wasi_now(clock, &now))
        return MC__WASI_INVAL;
    if (!to)
        return MC__WASI_FAULT;
    mc__wasi_put64(to, now);
    return MC__WASI_SUCCESS;
}

static uint32_t random_get(mc__wasm_wasi *wasi, uint32_t at, uint32_t len)
{
    uint8_t *to = mc__wasi_bytes(wasi, at, len);
    uint64_t nonce = wasi->call.draws++;

    wasi->call.is_used = true;
    if (!to)
        return MC__WASI_FAULT;
    (void)crypto_stream_chacha20(to, len, (const unsigned char *)&nonce, wasi->channel->seed);
    return MC__WASI_SUCCESS; /* it has no other end */
}

static _Noreturn void proc_exit(mc__wasm_wasi *wasi, uint32_t code)
{
    wasi->call.has_exited = true;
    wasi->call.exit_code = code;
    mc__wasi_trap(wasi);
}

/* Nobody else is to be let on: each guest has a process. */
static uint32_t sched_yield_(mc__wasm_wasi *wasi)
{
    (void)wasi;
    return MC__WASI_SUCCESS;
}

/* ---- the list ---- */

#define I "i32"
#define L "i64"
#define GIVES ")->(i32)"
#define WASI "wasi_snapshot_preview1"
#define CODE(function) ((void (*)(void))(function))

static const mc__wasm_builtin builtins[] = {
    {WASI, "args_get", "(" I "," I GIVES, CODE(texts_get)},
    {WASI, "args_sizes_get", "(" I "," I GIVES, CODE(sizes_get)},
    {WASI, "clock_time_get", "(" I "," L "," I GIVES, CODE(clock_time_get)},
    {WASI, "environ_get", "(" I "," I GIVES, CODE(texts_get)},
    {WASI, "environ_sizes_get", "(" I "," I GIVES, CODE(sizes_get)},
    {WASI, "fd_close", "(" I GIVES, CODE(mc__wasi_fd_close)},
    {WASI, "fd_fdstat_get", "(" I "," I GIVES, CODE(mc__wasi_fd_fdstat_get)},
    {WASI, "fd_fdstat_set_flags", "(" I "," I GIVES, CODE(mc__wasi_fd_fdstat_set_flags)},
    {WASI, "fd_prestat_dir_name", "(" I "," I "," I GIVES, CODE(mc__wasi_fd_prestat_dir_name)},
    {WASI, "fd_prestat_get", "(" I "," I GIVES, CODE(mc__wasi_fd_prestat_get)},
    {WASI, "fd_read", "(" I "," I "," I "," I GIVES, CODE(mc__wasi_fd_read)},
    {WASI, "fd_seek", "(" I "," L "," I "," I GIVES, CODE(mc__wasi_fd_seek)},
    {WASI, "fd_write", "(" I "," I "," I "," I GIVES, CODE(mc__wasi_fd_write)},
    {WASI, "poll_oneoff", "(" I "," I "," I "," I GIVES, CODE(mc__wasi_poll_oneoff)},
    {WASI, "proc_exit", "(" I ")->()", CODE(proc_exit)},
    {WASI, "random_get", "(" I "," I GIVES, CODE(random_get)},
    {WASI, "sched_yield", "(" GIVES, CODE(sched_yield_)},
    {"env", "abort", "(" I "," I "," I "," I ")->()", CODE(mc__wasm_abort)},
};

const mc__wasm_builtin *mc__wasm_builtin_find(mc_str module, mc_str name)
{
    for (size_t i = 0; i < MC_LEN(builtins); i++) {
        if (mc_str_eq(module, mc_z(builtins[i].module)) && mc_str_eq(name, mc_z(builtins[i].name)))
            return &builtins[i];
    }
    return NULL;
}

const char *mc_wasm_builtin_signature(mc_str module, mc_str name)
{
    const mc__wasm_builtin *builtin = mc__wasm_builtin_find(module, name);

    return builtin ? builtin->signature : NULL;
}
