/* SPDX-License-Identifier: Apache-2.0 */
/* The sections that declare: types, imports, functions, tables, memories, globals, exports, start.
 */
#include "metacore/base/map.h"
#include "metacore/runtime/wasm/wasm_internal.h"

/* Grows an index space by count zeroed entries; false (and r failed) without memory. */
static bool grow(mc_wasm_module *m, mc__wasm_reader *r, void **items, uint32_t *held,
                 uint32_t count, uint32_t max, size_t size, const char *what)
{
    char *grown;

    if (mc__wasm_failed(r))
        return false;
    if (count > max - *held) {
        mc__wasm_refuse(r, MC_TOO_LARGE, r->at, "more than %u %s", max, what);
        return false;
    }
    if (count == 0)
        return true;
    grown = mc_arena_realloc(m->arena, *items, *held * size, (*held + (size_t)count) * size);
    if (!grown) {
        mc__wasm_refuse(r, MC_NO_MEMORY, r->at, "no memory for %u %s", count, what);
        return false;
    }
    memset(grown + *held * size, 0, count * size);
    *items = grown;
    *held += count;
    return true;
}

#define GROW(m, r, items, held, count, max, what)                                                  \
    grow((m), (r), (void **)&(m)->items, &(m)->held, (count), (max), sizeof(*(m)->items), (what))

/* ---- types ---- */

static const mc__wasm_type *read_types_of(mc__wasm_reader *r, uint32_t max, uint32_t *out_count,
                                          const char *what)
{
    uint32_t count = mc__wasm_read_count(r, max, 1, what);
    const mc__wasm_type *first = r->base + r->at;

    for (uint32_t i = 0; i < count && !mc__wasm_failed(r); i++)
        (void)mc__wasm_read_value_type(r); /* checked only: the bytes stay where they are */
    *out_count = count;
    return first;
}

static void read_functype(mc__wasm_reader *r, mc__wasm_functype *out)
{
    size_t start = r->at;
    uint8_t form = mc__wasm_read_byte(r);

    if (mc__wasm_failed(r))
        return;
    if (form == 0x5e || form == 0x5f || (form >= 0x4d && form <= 0x50)) {
        mc__wasm_refuse(r, MC_NOT_PROVIDED, start,
                        "garbage collection is not supported: type form 0x%02x", form);
        return;
    }
    if (form != 0x60) {
        mc__wasm_refuse(r, MC_INVALID, start, "malformed function type 0x%02x", form);
        return;
    }
    out->params = read_types_of(r, MC_WASM_PARAMS_MAX, &out->param_count, "parameters");
    out->results = read_types_of(r, MC_WASM_RESULTS_MAX, &out->result_count, "results");
}

static bool functype_eq(const mc__wasm_functype *a, const mc__wasm_functype *b)
{
    return a->param_count == b->param_count && a->result_count == b->result_count &&
           memcmp(a->params, b->params, a->param_count) == 0 &&
           memcmp(a->results, b->results, a->result_count) == 0;
}

/* Finds for each type the first one that is equal, through a table of twice their number. */
static void canonicalize(mc_wasm_module *m, mc__wasm_reader *r)
{
    uint32_t size = 2;
    uint32_t *slots;

    while (size < m->type_count * 2)
        size *= 2;
    slots = mc_arena_array(m->arena, uint32_t, size);
    if (!slots) {
        mc__wasm_refuse(r, MC_NO_MEMORY, r->at, "no memory for types");
        return;
    }
    for (uint32_t i = 0; i < m->type_count; i++) {
        mc__wasm_functype *t = &m->types[i];
        uint64_t hash =
            mc_hash(t->params, t->param_count) * 31 + mc_hash(t->results, t->result_count);
        uint32_t at = (uint32_t)hash & (size - 1);

        while (slots[at] && !functype_eq(t, &m->types[slots[at] - 1]))
            at = (at + 1) & (size - 1);
        if (!slots[at])
            slots[at] = i + 1;
        t->canonical = slots[at] - 1;
    }
}

void mc__wasm_read_types(mc_wasm_module *m, mc__wasm_reader *r)
{
    uint32_t count = mc__wasm_read_count(r, MC_WASM_TYPES_MAX, 1, "types");

    if (!GROW(m, r, types, type_count, count, MC_WASM_TYPES_MAX, "types"))
        return;
    for (uint32_t i = 0; i < count && !mc__wasm_failed(r); i++)
        read_functype(r, &m->types[i]);
    if (!mc__wasm_failed(r))
        canonicalize(m, r);
}

static uint32_t read_type_index(mc_wasm_module *m, mc__wasm_reader *r)
{
    size_t start = r->at;
    uint32_t index = mc__wasm_read_u32(r);

    if (!mc__wasm_failed(r) && index >= m->type_count)
        mc__wasm_refuse(r, MC_INVALID, start, "unknown type %u", index);
    return index;
}

/* ---- limits, tables, memories, globals: also as imports ---- */

static void read_limits(mc__wasm_reader *r, mc__wasm_limits *out, const char *of)
{
    size_t start = r->at;
    uint8_t flags = mc__wasm_read_byte(r);

    if (mc__wasm_failed(r))
        return;
    if (flags & 0x04)
        mc__wasm_refuse(r, MC_NOT_PROVIDED, start, "64-bit addresses are not supported: %s", of);
    else if (flags & 0x02)
        mc__wasm_refuse(r, MC_NOT_PROVIDED, start, "threads are not supported: shared %s", of);
    else if (flags & 0x08)
        mc__wasm_refuse(r, MC_NOT_PROVIDED, start, "custom page sizes are not supported");
    else if (flags > 1)
        mc__wasm_refuse(r, MC_INVALID, start, "malformed limits flags 0x%02x", flags);
    out->min = mc__wasm_read_u32(r);
    out->has_max = flags & 1;
    out->max = out->has_max ? mc__wasm_read_u32(r) : UINT32_MAX;
    if (!mc__wasm_failed(r) && out->min > out->max)
        mc__wasm_refuse(r, MC_INVALID, start, "size minimum must not be greater than maximum");
}

static void read_table(mc__wasm_reader *r, mc__wasm_table *out)
{
    if (r->at < r->end && r->base[r->at] == 0x40) {
        mc__wasm_refuse(r, MC_NOT_PROVIDED, r->at,
                        "typed function references are not supported: table with initializer");
        return;
    }
    out->type = mc__wasm_read_ref_type(r);
    read_limits(r, &out->limits, "table");
}

static void read_memory(mc_wasm_module *m, mc__wasm_reader *r)
{
    size_t start = r->at;
    mc__wasm_limits limits = {0};

    read_limits(r, &limits, "memory");
    if (mc__wasm_failed(r))
        return;
    if (limits.min > MC_WASM_PAGES_MAX || (limits.has_max && limits.max > MC_WASM_PAGES_MAX))
        mc__wasm_refuse(r, MC_INVALID, start, "memory size must be at most 65536 pages");
    else if (m->memory_count == 1)
        mc__wasm_refuse(r, MC_NOT_PROVIDED, start, "multiple memories are not supported");
    m->memory = limits;
    m->memory_count = 1;
}

static void read_global_type(mc__wasm_reader *r, mc__wasm_global *out)
{
    size_t start;
    uint8_t mutability;

    out->type = mc__wasm_read_value_type(r);
    start = r->at;
    mutability = mc__wasm_read_byte(r);
    if (mc__wasm_failed(r))
        return;
    if (mutability > 1)
        mc__wasm_refuse(r, MC_INVALID, start, "malformed mutability 0x%02x", mutability);
    out->is_mutable = mutability == 1;
}

/* ---- imports ---- */

/* The spaces have room for every import: see below. */
static void read_import_of_kind(mc_wasm_module *m, mc__wasm_reader *r, mc__wasm_import *import,
                                size_t kind_at)
{
    switch (import->kind) {
    case MC__WASM_KIND_FUNCTION:
        import->index = m->function_count++;
        m->functions[import->index].type = read_type_index(m, r);
        break;
    case MC__WASM_KIND_TABLE:
        if (m->table_count == MC_WASM_TABLES_MAX) {
            mc__wasm_refuse(r, MC_TOO_LARGE, kind_at, "more than %d tables", MC_WASM_TABLES_MAX);
            return;
        }
        import->index = m->table_count++;
        read_table(r, &m->tables[import->index]);
        break;
    case MC__WASM_KIND_MEMORY:
        import->index = m->memory_count;
        read_memory(m, r);
        break;
    case MC__WASM_KIND_GLOBAL:
        import->index = m->global_count++;
        read_global_type(r, &m->globals[import->index]);
        break;
    case 4:
        mc__wasm_refuse(r, MC_NOT_PROVIDED, kind_at,
                        "exception handling is not supported: imported tag");
        break;
    default:
        mc__wasm_refuse(r, MC_INVALID, kind_at, "malformed import kind 0x%02x", import->kind);
    }
}

void mc__wasm_read_imports(mc_wasm_module *m, mc__wasm_reader *r)
{
    uint32_t count = mc__wasm_read_count(r, MC_WASM_IMPORTS_MAX, 4, "imports");

    if (!GROW(m, r, imports, import_count, count, MC_WASM_IMPORTS_MAX, "imports") || count == 0)
        return;
    /* Room for all of them in each space: growing one by one would copy them again and again. */
    m->functions = mc_arena_array(m->arena, mc__wasm_function, count);
    m->globals = mc_arena_array(m->arena, mc__wasm_global, count);
    m->tables = mc_arena_array(m->arena, mc__wasm_table, MC_WASM_TABLES_MAX);
    if (!m->functions || !m->globals || !m->tables) {
        mc__wasm_refuse(r, MC_NO_MEMORY, r->at, "no memory for imports");
        return;
    }
    for (uint32_t i = 0; i < count && !mc__wasm_failed(r); i++) {
        mc__wasm_import *import = &m->imports[i];
        size_t kind_at;

        import->module = mc__wasm_read_name(r);
        import->name = mc__wasm_read_name(r);
        kind_at = r->at;
        import->kind = mc__wasm_read_byte(r);
        if (!mc__wasm_failed(r))
            read_import_of_kind(m, r, import, kind_at);
    }
    m->function_import_count = m->function_count;
    m->table_import_count = m->table_count;
    m->memory_import_count = m->memory_count;
    m->global_import_count = m->global_count;
}

/* ---- what the module defines ---- */

void mc__wasm_read_functions(mc_wasm_module *m, mc__wasm_reader *r)
{
    uint32_t count = mc__wasm_read_count(r, MC_WASM_FUNCTIONS_MAX, 1, "functions");
    uint32_t first = m->function_count;

    if (!GROW(m, r, functions, function_count, count, MC_WASM_FUNCTIONS_MAX, "functions"))
        return;
    for (uint32_t i = 0; i < count && !mc__wasm_failed(r); i++)
        m->functions[first + i].type = read_type_index(m, r);
}

void mc__wasm_read_tables(mc_wasm_module *m, mc__wasm_reader *r)
{
    uint32_t count = mc__wasm_read_count(r, MC_WASM_TABLES_MAX, 3, "tables");
    uint32_t first = m->table_count;

    if (!GROW(m, r, tables, table_count, count, MC_WASM_TABLES_MAX, "tables"))
        return;
    for (uint32_t i = 0; i < count && !mc__wasm_failed(r); i++)
        read_table(r, &m->tables[first + i]);
}

void mc__wasm_read_memories(mc_wasm_module *m, mc__wasm_reader *r)
{
    uint32_t count = mc__wasm_read_count(r, MC_WASM_TABLES_MAX, 2, "memories");

    for (uint32_t i = 0; i < count && !mc__wasm_failed(r); i++)
        read_memory(m, r);
}

void mc__wasm_read_globals(mc_wasm_module *m, mc__wasm_reader *r)
{
    uint32_t count = mc__wasm_read_count(r, MC_WASM_GLOBALS_MAX, 4, "globals");
    uint32_t first = m->global_count;

    if (!GROW(m, r, globals, global_count, count, MC_WASM_GLOBALS_MAX, "globals"))
        return;
    for (uint32_t i = 0; i < count && !mc__wasm_failed(r); i++) {
        mc__wasm_global *global = &m->globals[first + i];

        read_global_type(r, global);
        global->init = mc__wasm_read_const(m, r, global->type);
    }
}

/* How many things of a kind there are to export. */
static uint32_t space_of(const mc_wasm_module *m, uint8_t kind)
{
    switch (kind) {
    case MC__WASM_KIND_FUNCTION:
        return m->function_count;
    case MC__WASM_KIND_TABLE:
        return m->table_count;
    case MC__WASM_KIND_MEMORY:
        return m->memory_count;
    default:
        return m->global_count;
    }
}

static void read_export(mc_wasm_module *m, mc__wasm_reader *r, mc__wasm_export *out, mc_map *names)
{
    size_t start = r->at, kind_at;

    out->name = mc__wasm_read_name(r);
    kind_at = r->at;
    out->kind = mc__wasm_read_byte(r);
    out->index = mc__wasm_read_u32(r);
    if (mc__wasm_failed(r))
        return;
    if (out->kind == 4)
        mc__wasm_refuse(r, MC_NOT_PROVIDED, kind_at,
                        "exception handling is not supported: exported tag");
    else if (out->kind > MC__WASM_KIND_GLOBAL)
        mc__wasm_refuse(r, MC_INVALID, kind_at, "malformed export kind 0x%02x", out->kind);
    else if (out->index >= space_of(m, out->kind))
        mc__wasm_refuse(r, MC_INVALID, kind_at + 1, "unknown index %u of an export", out->index);
    else if (mc_map_find(names, out->name))
        mc__wasm_refuse(r, MC_INVALID, start, "duplicate export name");
    else if (mc_map_put(names, out->name, out, r->err) != MC_OK)
        r->code = MC_NO_MEMORY;
    else if (out->kind == MC__WASM_KIND_FUNCTION)
        mc__wasm_declare(m, out->index);
}

void mc__wasm_read_exports(mc_wasm_module *m, mc__wasm_reader *r)
{
    uint32_t count = mc__wasm_read_count(r, MC_WASM_EXPORTS_MAX, 3, "exports");
    mc_map names = {0};

    if (!GROW(m, r, exports, export_count, count, MC_WASM_EXPORTS_MAX, "exports"))
        return;
    for (uint32_t i = 0; i < count && !mc__wasm_failed(r); i++)
        read_export(m, r, &m->exports[i], &names);
    mc_map_deinit(&names);
}

void mc__wasm_read_start(mc_wasm_module *m, mc__wasm_reader *r)
{
    size_t start = r->at;
    uint32_t index = mc__wasm_read_u32(r);

    if (mc__wasm_failed(r))
        return;
    if (index >= m->function_count)
        mc__wasm_refuse(r, MC_INVALID, start, "unknown start function %u", index);
    else if (mc__wasm_function_type(m, index)->param_count ||
             mc__wasm_function_type(m, index)->result_count)
        mc__wasm_refuse(r, MC_INVALID, start, "start function takes or returns something");
    m->start = index;
}
