/* SPDX-License-Identifier: Apache-2.0 */
/* Imported functions: arguments copied to the channel, the server's answer into the guest. Those
 * that need no server are wasm_wasi.c's. */
#include "metacore/runtime/wasm/wasm_process_internal.h"
#include "metacore/runtime/wasm/wasm_wasi_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* Of what a stranger named: as much as leaves room for the rest of the message. */
#define CUT(s) (int)((s).len < 48 ? (s).len : 48), (s).ptr

/* What an imported function is handed as its instance: which one it is. */
typedef struct import {
    mc__wasm_host *host;
    uint32_t number; /* of its rule */
} import;

struct mc__wasm_host {
    struct mc__wasm_channel *channel;
    mc__wasm_patience patience;
    mc__wasm_instance *instance;
    bool are_allowed;
    uint32_t alloc;
    mc__wasm_wasi wasi;
    mcw_func *functions;
    import *imports;
    mc__wasm_extern *externs;
};

const mc__wasm_patience *mc__wasm_host_patience(const mc__wasm_host *host)
{
    return &host->patience;
}

/* ---- calls ---- */

static bool is_inside(const mc__wasm_instance *instance, uint32_t at, uint32_t len)
{
    return instance->memory && (uint64_t)at + len <= instance->memory->abi.bytes;
}

/* An argument out of memory is passed on as what it is: nothing that could be read. */
static void put_arguments(mc__wasm_host *host, const uint32_t *words, uint32_t pairs)
{
    mc__wasm_channel *channel = host->channel;
    uint8_t *at = channel->payload;
    uint64_t total = 0;

    for (size_t i = 0; i < pairs; i++) {
        uint32_t from = words[2 * i], len = words[2 * i + 1];

        if (!is_inside(host->instance, from, len))
            mc__wasm_trap(&host->instance->abi, MCW_TRAP_MEMORY);
        total += len;
        if (total > MC_WASM_MESSAGE_MAX)
            mc__wasm_trap(&host->instance->abi, MCW_TRAP_HOST);
        if (len)
            memcpy(at, host->instance->abi.base + from, len);
        at += len;
        channel->lens[i] = len;
    }
    channel->count = pairs;
    channel->len = (uint32_t)total;
}

mcw_trap mc__wasm_host_alloc(mc__wasm_host *host, uint32_t len, uint32_t *out)
{
    mcw_value values[1] = {{.i32 = len}};
    mcw_trap trap;

    if (host->alloc == UINT32_MAX)
        return MCW_TRAP_HOST;
    trap = mc__wasm_call(host->instance, host->alloc, values);
    if (trap != MCW_TRAP_NONE)
        return trap;
    if (!is_inside(host->instance, values[0].i32, len))
        return MCW_TRAP_MEMORY;
    *out = values[0].i32;
    return MCW_TRAP_NONE;
}

/* The answer in the guest's memory, packed; 0 for none. */
static uint64_t take_answer(mc__wasm_host *host)
{
    uint32_t len = host->channel->len, at = 0;
    mcw_trap trap;

    if (len == 0)
        return 0;
    trap = mc__wasm_host_alloc(host, len, &at);
    if (trap != MCW_TRAP_NONE)
        mc__wasm_trap(&host->instance->abi, trap);
    memcpy(host->instance->abi.base + at, host->channel->payload, len);
    return (uint64_t)at << 32 | len;
}

static uint64_t call_server(import *self, const uint32_t *words, uint32_t pairs, bool has_result)
{
    mc__wasm_host *host = self->host;
    mc__wasm_channel *channel = host->channel;

    if (!mc__wasm_store_has_stack(host->instance->store))
        mc__wasm_trap(&host->instance->abi, MCW_TRAP_STACK);
    if (!host->are_allowed) {
        (void)snprintf(host->wasi.call.why, sizeof(host->wasi.call.why), "%s",
                       "a function of the host, before there is a call to make it for");
        mc__wasm_trap(&host->instance->abi, MCW_TRAP_HOST);
    }
    put_arguments(host, words, pairs);
    channel->say = MC__WASM_SAY_HOST_CALL;
    channel->function = self->number;
    mc__wasm_channel_pass(channel, MC__WASM_TURN_SERVER);
    mc__wasm_channel_wait(channel, MC__WASM_TURN_CHILD, &host->patience);
    if (channel->function != 0)
        mc__wasm_trap(&host->instance->abi, MCW_TRAP_HOST);
    return has_result ? take_answer(host) : 0;
}

/* One for each number of pairs, with and without result: the C types are the imports' types. */
#define WORDS1 uint32_t a, uint32_t b
#define WORDS2 WORDS1, uint32_t c, uint32_t d
#define WORDS3 WORDS2, uint32_t e, uint32_t f
#define WORDS4 WORDS3, uint32_t g, uint32_t h
#define CALLS(n, words, ...)                                                                       \
    static uint64_t gives##n(import *self, words)                                                  \
    {                                                                                              \
        return call_server(self, (const uint32_t[]){__VA_ARGS__}, n, true);                        \
    }                                                                                              \
    static void takes##n(import *self, words)                                                      \
    {                                                                                              \
        (void)call_server(self, (const uint32_t[]){__VA_ARGS__}, n, false);                        \
    }
CALLS(1, WORDS1, a, b)
CALLS(2, WORDS2, a, b, c, d)
CALLS(3, WORDS3, a, b, c, d, e, f)
CALLS(4, WORDS4, a, b, c, d, e, f, g, h)

static void (*const gives[])(void) = {(void (*)(void))gives1, (void (*)(void))gives2,
                                      (void (*)(void))gives3, (void (*)(void))gives4};
static void (*const takes[])(void) = {(void (*)(void))takes1, (void (*)(void))takes2,
                                      (void (*)(void))takes3, (void (*)(void))takes4};

/* ---- binding ---- */

static bool fits(const mc__wasm_functype *type, const mc__wasm_import_rule *rule)
{
    if (type->param_count != 2u * rule->pairs || type->result_count != rule->has_result)
        return false;
    for (uint32_t i = 0; i < type->param_count; i++) {
        if (type->params[i] != MC__WASM_I32)
            return false;
    }
    return !rule->has_result || type->results[0] == MC__WASM_I64;
}

static mc_code another_type(const mc_wasm_module *m, const mc__wasm_import *wanted, mc_err *err)
{
    const char *what = mc__wasm_has_vectors(mc__wasm_function_type(m, wanted->index))
                           ? "takes or gives v128, which stays in a guest"
                           : "is of another type";

    return mc_fail(err, MC_REJECTED, "wasm: import %.*s.%.*s %s", MC_FMT(wanted->module),
                   MC_FMT(wanted->name), what);
}

static mc_code bind_builtin(mc__wasm_host *host, mc__wasm_store *store, const mc_wasm_module *m,
                            uint32_t number, const mc__wasm_builtin *builtin, mc_err *err)
{
    const mc__wasm_import *wanted = &m->imports[number];
    mc_wasm_name name;

    mc_wasm_module_get_import(m, number, &name);
    if (strcmp(name.signature, builtin->signature) != 0)
        return another_type(m, wanted, err);
    host->wasi.is_bound = true;
    host->functions[number] =
        (mcw_func){builtin->code, (mcw_instance *)(void *)&host->wasi,
                   mc__wasm_store_type(store, mc__wasm_function_type(m, wanted->index))};
    host->externs[number].function = &host->functions[number];
    return MC_OK;
}

static mc_code bind(mc__wasm_host *host, mc__wasm_store *store, const mc_wasm_module *m,
                    uint32_t number, const mc__wasm_import_rule *rules, size_t count, mc_err *err)
{
    const mc__wasm_import *wanted = &m->imports[number];
    const mc__wasm_builtin *builtin = mc__wasm_builtin_find(wanted->module, wanted->name);
    const mc__wasm_functype *type;
    void (*code)(void);

    if (wanted->kind != MC__WASM_KIND_FUNCTION)
        return mc_fail(err, MC_REJECTED, "wasm: import %.*s.%.*s is no function",
                       MC_FMT(wanted->module), MC_FMT(wanted->name));
    if (builtin)
        return bind_builtin(host, store, m, number, builtin, err);
    type = mc__wasm_function_type(m, wanted->index);
    for (size_t i = 0; rules && i < count; i++) {
        const mc__wasm_import_rule *rule = &rules[i];

        if (!mc_str_eq(wanted->module, mc_z(rule->module)) ||
            !mc_str_eq(wanted->name, mc_z(rule->name)))
            continue;
        if (!fits(type, rule) || rule->pairs < 1 || rule->pairs > MC_WASM_HOST_ARGS_MAX)
            return another_type(m, wanted, err);
        code = rule->has_result ? gives[rule->pairs - 1] : takes[rule->pairs - 1];
        host->imports[number] = (import){host, (uint32_t)i};
        host->functions[number] = (mcw_func){code, (mcw_instance *)(void *)&host->imports[number],
                                             mc__wasm_store_type(store, type)};
        host->externs[number].function = &host->functions[number];
        return MC_OK;
    }
    return mc_fail(err, MC_REJECTED, "wasm: import %.*s.%.*s is not offered", CUT(wanted->module),
                   CUT(wanted->name));
}

mc_code mc__wasm_host_new(mc__wasm_store *store, const mc_wasm_module *m, int rules,
                          mc__wasm_channel *channel, mc__wasm_host **out, mc_err *err)
{
    mc__wasm_host *host = calloc(1, sizeof(*host));
    mc__wasm_import_rule *table = NULL;
    struct stat st = {0};
    mc_code rc = MC_OK;

    if (!host)
        return mc_fail(err, MC_NO_MEMORY, "wasm: imports");
    *out = host; /* also of a failure: the process ends with it */
    if (fstat(rules, &st) != 0)
        return mc_fail(err, MC_NO_MEMORY, "wasm: imports");
    if (st.st_size > 0)
        table = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, rules, 0);
    host->channel = channel;
    host->wasi.channel = channel;
    host->alloc = UINT32_MAX;
    host->functions = calloc(m->import_count + (size_t)1, sizeof(*host->functions));
    host->imports = calloc(m->import_count + (size_t)1, sizeof(*host->imports));
    host->externs = calloc(m->import_count + (size_t)1, sizeof(*host->externs));
    if (table == MAP_FAILED || !host->functions || !host->imports || !host->externs)
        return mc_fail(err, MC_NO_MEMORY, "wasm: imports");
    for (uint32_t i = 0; rc == MC_OK && i < m->import_count; i++)
        rc = bind(host, store, m, i, table, (size_t)st.st_size / sizeof(*table), err);
    return rc;
}

const mc__wasm_extern *mc__wasm_host_externs(const mc__wasm_host *host)
{
    return host->externs;
}

void mc__wasm_host_attach(mc__wasm_host *host, mc__wasm_instance *instance, bool are_allowed)
{
    host->instance = instance;
    host->wasi.instance = instance;
    host->are_allowed = are_allowed;
}

void mc__wasm_host_set_alloc(mc__wasm_host *host, uint32_t function)
{
    host->alloc = function;
}

mc__wasm_wasi *mc__wasm_host_wasi(mc__wasm_host *host)
{
    return &host->wasi;
}
