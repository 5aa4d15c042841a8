/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a module: magic, sections in their order, and what must agree across them. */
#include "metacore/base/buf.h"
#include "metacore/runtime/wasm/wasm_internal.h"

enum {
    SECTION_CUSTOM,
    SECTION_TYPE,
    SECTION_IMPORT,
    SECTION_FUNCTION,
    SECTION_TABLE,
    SECTION_MEMORY,
    SECTION_GLOBAL,
    SECTION_EXPORT,
    SECTION_START,
    SECTION_ELEMENT,
    SECTION_CODE,
    SECTION_DATA,
    SECTION_DATA_COUNT,
    SECTION_TAG,
};

/* Sections come in this order, each at most once; the data count stands before the code. */
static const uint8_t rank_of[] = {
    [SECTION_TYPE] = 1,    [SECTION_IMPORT] = 2,      [SECTION_FUNCTION] = 3, [SECTION_TABLE] = 4,
    [SECTION_MEMORY] = 5,  [SECTION_GLOBAL] = 6,      [SECTION_EXPORT] = 7,   [SECTION_START] = 8,
    [SECTION_ELEMENT] = 9, [SECTION_DATA_COUNT] = 10, [SECTION_CODE] = 11,    [SECTION_DATA] = 12,
};

typedef struct section_state {
    uint8_t rank;
    bool has_code;
    bool has_data;
    bool with_bodies;
    struct mc__wasm_emit *emit;
    size_t content_bytes; /* of all but custom sections */
} section_state;

static void read_section(mc_wasm_module *m, mc__wasm_reader *r, uint8_t id, section_state *state)
{
    switch (id) {
    case SECTION_CUSTOM:
        (void)mc__wasm_read_name(r);
        r->at = mc__wasm_failed(r) ? r->at : r->end; /* the rest is for tools */
        break;
    case SECTION_TYPE:
        mc__wasm_read_types(m, r);
        break;
    case SECTION_IMPORT:
        mc__wasm_read_imports(m, r);
        break;
    case SECTION_FUNCTION:
        mc__wasm_read_functions(m, r);
        break;
    case SECTION_TABLE:
        mc__wasm_read_tables(m, r);
        break;
    case SECTION_MEMORY:
        mc__wasm_read_memories(m, r);
        break;
    case SECTION_GLOBAL:
        mc__wasm_read_globals(m, r);
        break;
    case SECTION_EXPORT:
        mc__wasm_read_exports(m, r);
        break;
    case SECTION_START:
        mc__wasm_read_start(m, r);
        break;
    case SECTION_ELEMENT:
        mc__wasm_read_elements(m, r);
        break;
    case SECTION_DATA_COUNT:
        m->data_count = mc__wasm_read_u32(r);
        m->has_data_count = true;
        break;
    case SECTION_CODE:
        state->has_code = true;
        mc__wasm_read_code(m, r, state->with_bodies, state->emit);
        break;
    default:
        state->has_data = true;
        mc__wasm_read_data(m, r);
    }
}

/* Refuses an id that is unknown, of a feature that is not supported, or out of order. */
static void check_section(mc__wasm_reader *r, size_t start, uint8_t id, section_state *state)
{
    if (id == SECTION_TAG) {
        mc__wasm_refuse(r, MC_NOT_PROVIDED, start, "exception handling is not supported: tags");
    } else if (id > SECTION_TAG) {
        mc__wasm_refuse(r, MC_INVALID, start, "malformed section id %u", id);
    } else if (id != SECTION_CUSTOM) {
        if (rank_of[id] <= state->rank)
            mc__wasm_refuse(r, MC_INVALID, start, "unexpected section %u: order or repetition", id);
        state->rank = rank_of[id];
    }
}

/* All functions are known once a section behind theirs begins. */
static void prepare_declared(mc_wasm_module *m, mc__wasm_reader *r)
{
    if (m->is_declared || mc__wasm_failed(r))
        return;
    m->is_declared = mc_arena_calloc(m->arena, m->function_count / 8 + 1, 1);
    if (!m->is_declared)
        mc__wasm_refuse(r, MC_NO_MEMORY, r->at, "no memory for functions");
}

static void read_next_section(mc_wasm_module *m, mc__wasm_reader *r, section_state *state)
{
    size_t start = r->at, size_at, end = r->end;
    uint8_t id = mc__wasm_read_byte(r);
    uint32_t size;

    size_at = r->at;
    check_section(r, start, id, state);
    size = mc__wasm_read_u32(r);
    if (mc__wasm_failed(r))
        return;
    if (size > end - r->at) {
        mc__wasm_refuse(r, MC_INVALID, size_at, "unexpected end: section of %u bytes", size);
        return;
    }
    if (id != SECTION_CUSTOM)
        state->content_bytes += size;
    if (state->content_bytes > MC_WASM_MODULE_BYTES_MAX) {
        mc__wasm_refuse(r, MC_TOO_LARGE, start, "more than %zu bytes of sections",
                        MC_WASM_MODULE_BYTES_MAX);
        return;
    }
    r->end = r->at + size;
    if (id == SECTION_TABLE || rank_of[id < SECTION_TAG ? id : 0] > rank_of[SECTION_FUNCTION])
        prepare_declared(m, r);
    read_section(m, r, id, state);
    if (!mc__wasm_failed(r) && r->at != r->end)
        mc__wasm_refuse(r, MC_INVALID, r->at, "section size mismatch");
    r->end = end;
}

static void read_module(mc_wasm_module *m, mc__wasm_reader *r, bool with_bodies,
                        struct mc__wasm_emit *emit)
{
    section_state state = {.with_bodies = with_bodies, .emit = emit};
    const uint8_t *magic = mc__wasm_read_bytes(r, 4);
    uint32_t version;

    if (mc__wasm_failed(r) || memcmp(magic, "\0asm", 4) != 0) {
        mc__wasm_refuse(r, MC_INVALID, 0, "magic header not detected");
        return;
    }
    version = mc__wasm_read_fixed32(r);
    if (!mc__wasm_failed(r) && version == 0x0001000d)
        mc__wasm_refuse(r, MC_NOT_PROVIDED, 4, "the component model is not supported");
    else if (!mc__wasm_failed(r) && version != 1)
        mc__wasm_refuse(r, MC_INVALID, 4, "unknown binary version %u", version);
    while (!mc__wasm_failed(r) && r->at < r->end)
        read_next_section(m, r, &state);
    if (mc__wasm_failed(r))
        return;
    if (!state.has_code && m->function_count > m->function_import_count)
        mc__wasm_refuse(r, MC_INVALID, r->at,
                        "function and code section have inconsistent lengths");
    else if (!state.has_data && m->data_count > 0)
        mc__wasm_refuse(r, MC_INVALID, r->at,
                        "data count and data section have inconsistent lengths");
}

mc_code mc__wasm_module_read(mc_str bytes, bool with_bodies, struct mc__wasm_emit *emit,
                             mc_wasm_module **out, mc_err *err)
{
    mc__wasm_reader r = {(const uint8_t *)bytes.ptr, 0, bytes.len, MC_OK, err};
    mc_arena *arena;
    mc_wasm_module *m;

    if (bytes.len > MC_WASM_FILE_BYTES_MAX)
        return mc_fail(err, MC_TOO_LARGE, "wasm: module of %zu bytes, limit %zu", bytes.len,
                       MC_WASM_FILE_BYTES_MAX);
    arena = mc_arena_new(MC_WASM_MEMORY_OF_MODULE_MAX);
    m = arena ? mc_arena_object(arena, mc_wasm_module) : NULL;
    if (!m) {
        mc_arena_free(arena);
        return mc_fail(err, MC_NO_MEMORY, "wasm: module");
    }
    m->arena = arena;
    m->bytes = bytes;
    m->start = MC__WASM_NONE;
    read_module(m, &r, with_bodies, emit);
    if (mc__wasm_failed(&r)) {
        mc_wasm_module_free(m);
        return r.code;
    }
    *out = m;
    return MC_OK;
}

mc_code mc_wasm_module_read(mc_str bytes, mc_wasm_module **out, mc_err *err)
{
    return mc__wasm_module_read(bytes, true, NULL, out, err);
}

void mc_wasm_module_free(mc_wasm_module *module)
{
    if (module)
        mc_arena_free(module->arena);
}

/* ---- description ---- */

size_t mc_wasm_module_import_count(const mc_wasm_module *module)
{
    return module->import_count;
}

size_t mc_wasm_module_export_count(const mc_wasm_module *module)
{
    return module->export_count;
}

static void write_types(mc_buf *out, const mc__wasm_type *types, uint32_t count)
{
    mc_buf_char(out, '(');
    for (uint32_t i = 0; i < count; i++) {
        if (i)
            mc_buf_char(out, ',');
        mc_buf_str(out, mc_z(mc__wasm_type_name(types[i])));
    }
    mc_buf_char(out, ')');
}

static void describe(const mc_wasm_module *m, uint8_t kind, uint32_t index, mc_wasm_name *out)
{
    mc_buf text;

    out->kind = (mc_wasm_kind)kind;
    out->index = index;
    out->signature[0] = '\0';
    if (kind != MC__WASM_KIND_FUNCTION)
        return;
    /* A longer one is cut: the buffer refuses what goes over. */
    mc_buf_init_borrowed(&text, out->signature, sizeof(out->signature) - 1,
                         sizeof(out->signature) - 1);
    write_types(&text, mc__wasm_function_type(m, index)->params,
                mc__wasm_function_type(m, index)->param_count);
    mc_buf_lit(&text, "->");
    write_types(&text, mc__wasm_function_type(m, index)->results,
                mc__wasm_function_type(m, index)->result_count);
    out->signature[text.len] = '\0';
    mc_buf_deinit(&text);
}

void mc_wasm_module_get_import(const mc_wasm_module *module, size_t i, mc_wasm_name *out)
{
    const mc__wasm_import *import = &module->imports[i];

    out->module = import->module;
    out->name = import->name;
    describe(module, import->kind, import->index, out);
}

void mc_wasm_module_get_export(const mc_wasm_module *module, size_t i, mc_wasm_name *out)
{
    const mc__wasm_export *export = &module->exports[i];

    out->module = MC_STR("");
    out->name = export->name;
    describe(module, export->kind, export->index, out);
}

bool mc_wasm_module_find_export(const mc_wasm_module *module, mc_str name, mc_wasm_name *out)
{
    for (uint32_t i = 0; i < module->export_count; i++) {
        if (mc_str_eq(module->exports[i].name, name)) {
            mc_wasm_module_get_export(module, i, out);
            return true;
        }
    }
    return false;
}
