/* SPDX-License-Identifier: Apache-2.0 */
/* Memories, tables, and the operations on them that generated code leaves to the runtime. */
#include "metacore/runtime/wasm/wasm_store_internal.h"

#include <stdlib.h>
#include <sys/mman.h>

static mc__wasm_instance *self_of(mcw_instance *instance)
{
    return (mc__wasm_instance *)instance;
}

/* ---- memories ---- */

mc_code mc__wasm_memory_new(mc__wasm_store *store, mc__wasm_limits limits, mc__wasm_memory **out,
                            mc_err *err)
{
    mc__wasm_memory *memory;
    void *base;

    if (limits.min > store->max_pages)
        return mc_fail(err, MC_TOO_LARGE, "wasm: memory of %u pages at first, limit %u", limits.min,
                       store->max_pages);
    memory = calloc(1, sizeof(*memory));
    if (!memory)
        return mc_fail(err, MC_NO_MEMORY, "wasm: memory");
    base = mmap(NULL, MC__WASM_RESERVED_BYTES, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) {
        free(memory);
        return mc_fail(err, MC_NO_MEMORY, "wasm: 8 GiB of addresses");
    }
    memory->abi.base = base;
    memory->declared = limits;
    memory->max_pages = limits.max < store->max_pages ? limits.max : store->max_pages;
    memory->next = store->memories;
    store->memories = memory;
    if (mc__wasm_memory_grow(memory, limits.min) == UINT32_MAX) {
        mc__wasm_memory_free(store, memory);
        return mc_fail(err, MC_NO_MEMORY, "wasm: memory of %u pages", limits.min);
    }
    *out = memory;
    return MC_OK;
}

void mc__wasm_memory_free(mc__wasm_store *store, mc__wasm_memory *memory)
{
    mc__wasm_memory **at = &store->memories;

    if (!memory)
        return;
    while (*at && *at != memory)
        at = &(*at)->next;
    if (*at)
        *at = memory->next;
    (void)munmap(memory->abi.base, MC__WASM_RESERVED_BYTES); /* ours */
    free(memory);
}

uint32_t mc__wasm_memory_grow(mc__wasm_memory *memory, uint32_t pages)
{
    uint32_t held = (uint32_t)(memory->abi.bytes / MC__WASM_PAGE);

    if (pages > memory->max_pages - held)
        return UINT32_MAX;
    if (pages > 0 && mprotect(memory->abi.base + memory->abi.bytes, pages * MC__WASM_PAGE,
                              PROT_READ | PROT_WRITE) != 0)
        return UINT32_MAX;
    memory->abi.bytes += pages * MC__WASM_PAGE;
    return held;
}

static uint32_t memory_grow(mcw_instance *instance, uint32_t pages)
{
    return mc__wasm_memory_grow(self_of(instance)->memory, pages);
}

static void memory_init(mcw_instance *instance, uint32_t segment, uint32_t to, uint32_t from,
                        uint32_t n)
{
    mc__wasm_instance *self = self_of(instance);
    const mc__wasm_data *data = &self->m->data[segment];
    uint32_t size = self->is_data_dropped[segment] ? 0 : data->size;

    if ((uint64_t)from + n > size || (uint64_t)to + n > instance->memory->bytes)
        mc__wasm_trap(instance, MCW_TRAP_MEMORY);
    if (n > 0)
        memcpy(instance->base + to, self->m->bytes.ptr + data->at + from, n);
}

static void data_drop(mcw_instance *instance, uint32_t segment)
{
    self_of(instance)->is_data_dropped[segment] = 1;
}

/* ---- tables ---- */

mc_code mc__wasm_table_init(mc__wasm_store *store, const mc__wasm_table *type,
                            mc__wasm_table_object *out, mc_err *err)
{
    uint32_t max =
        type->limits.max < store->max_table_entries ? type->limits.max : store->max_table_entries;
    void *items;

    if (type->limits.min > store->max_table_entries)
        return mc_fail(err, MC_TOO_LARGE, "wasm: table of %u entries at first, limit %u",
                       type->limits.min, store->max_table_entries);
    /* Room for all that it may become, which costs nothing until it is used: it never moves. */
    items = mmap(NULL, ((size_t)max + 1) * sizeof(void *), PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (items == MAP_FAILED)
        return mc_fail(err, MC_NO_MEMORY, "wasm: table");
    *out = (mc__wasm_table_object){{items, type->limits.min}, type->type, type->limits, max};
    return MC_OK;
}

void mc__wasm_table_deinit(mc__wasm_table_object *table)
{
    if (table->abi.items)
        (void)munmap(table->abi.items, ((size_t)table->max + 1) * sizeof(void *)); /* ours */
    table->abi.items = NULL;
}

static uint32_t table_grow(mcw_instance *instance, uint32_t index, void *ref, uint32_t n)
{
    mc__wasm_table_object *table = self_of(instance)->tables[index];
    uint32_t held = table->abi.size;

    if (n > table->max - held)
        return UINT32_MAX;
    for (uint32_t i = 0; i < n; i++)
        table->abi.items[held + i] = ref;
    table->abi.size = held + n;
    return held;
}

static void *resolve(mc__wasm_instance *self, mc__wasm_const value)
{
    switch (value.kind) {
    case MC__WASM_CONST_FUNC:
        return mc__wasm_instance_function(self, value.index);
    case MC__WASM_CONST_GLOBAL:
        return self->abi.imported_globals[value.index]->ref;
    default:
        return NULL;
    }
}

static void table_init(mcw_instance *instance, uint32_t index, uint32_t segment, uint32_t to,
                       uint32_t from, uint32_t n)
{
    mc__wasm_instance *self = self_of(instance);
    const mc__wasm_element *element = &self->m->elements[segment];
    mcw_table *table = instance->tables[index];
    uint32_t size = self->is_element_dropped[segment] ? 0 : element->count;
    size_t at = element->entries_at;

    if ((uint64_t)from + n > size || (uint64_t)to + n > table->size)
        mc__wasm_trap(instance, MCW_TRAP_TABLE);
    for (uint32_t i = 0; i < from; i++)
        (void)mc__wasm_element_next(self->m, element, &at); /* entries have no fixed size */
    for (uint32_t i = 0; i < n; i++)
        table->items[to + i] = resolve(self, mc__wasm_element_next(self->m, element, &at));
}

static void elem_drop(mcw_instance *instance, uint32_t segment)
{
    self_of(instance)->is_element_dropped[segment] = 1;
}

void mc__wasm_runtime_init(mc__wasm_store *store)
{
    store->runtime = (mcw_runtime){
        .trap = mc__wasm_trap,
        .memory_grow = memory_grow,
        .memory_init = memory_init,
        .data_drop = data_drop,
        .table_grow = table_grow,
        .table_init = table_init,
        .elem_drop = elem_drop,
        .results = store->results,
    };
}
