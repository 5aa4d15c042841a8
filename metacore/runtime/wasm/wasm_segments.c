/* SPDX-License-Identifier: Apache-2.0 */
/* Element and data segments: where they lie and what they start from. */
#include "metacore/runtime/wasm/wasm_internal.h"

/* ---- elements ---- */

/* Bits of an element segment's kind. */
enum { NOT_ACTIVE = 1, EXPLICIT = 2, EXPRESSIONS = 4 };

static mc__wasm_type read_element_type(mc__wasm_reader *r, uint32_t flags)
{
    size_t start = r->at;

    if (!(flags & (NOT_ACTIVE | EXPLICIT)))
        return MC__WASM_FUNCREF;
    if (flags & EXPRESSIONS)
        return mc__wasm_read_ref_type(r);
    if (mc__wasm_read_byte(r) != 0 && !mc__wasm_failed(r))
        mc__wasm_refuse(r, MC_INVALID, start, "malformed element kind");
    return MC__WASM_FUNCREF;
}

static mc__wasm_const read_entry(mc_wasm_module *m, mc__wasm_reader *r, const mc__wasm_element *e)
{
    mc__wasm_const entry = {.kind = MC__WASM_CONST_FUNC};
    size_t start = r->at;

    if (e->has_expressions)
        return mc__wasm_read_const(m, r, e->type);
    entry.index = mc__wasm_read_u32(r);
    if (mc__wasm_failed(r))
        return entry;
    if (entry.index >= m->function_count)
        mc__wasm_refuse(r, MC_INVALID, start, "unknown function %u", entry.index);
    else
        mc__wasm_declare(m, entry.index);
    return entry;
}

static void read_element(mc_wasm_module *m, mc__wasm_reader *r, mc__wasm_element *e)
{
    size_t start = r->at;
    uint32_t flags = mc__wasm_read_u32(r);

    if (!mc__wasm_failed(r) && flags > 7)
        mc__wasm_refuse(r, MC_INVALID, start, "malformed elements segment kind %u", flags);
    e->mode = !(flags & NOT_ACTIVE) ? MC__WASM_ACTIVE
              : flags & EXPLICIT    ? MC__WASM_DECLARATIVE
                                    : MC__WASM_PASSIVE;
    e->has_expressions = flags & EXPRESSIONS;
    if (e->mode == MC__WASM_ACTIVE) {
        if (flags & EXPLICIT)
            e->table = mc__wasm_read_u32(r);
        if (!mc__wasm_failed(r) && e->table >= m->table_count)
            mc__wasm_refuse(r, MC_INVALID, start, "unknown table %u", e->table);
        e->offset = mc__wasm_read_const(m, r, MC__WASM_I32);
    }
    start = r->at;
    e->type = read_element_type(r, flags);
    if (!mc__wasm_failed(r) && e->mode == MC__WASM_ACTIVE && m->tables[e->table].type != e->type)
        mc__wasm_refuse(r, MC_INVALID, start, "type mismatch: %s elements for a table of %s",
                        mc__wasm_type_name(e->type), mc__wasm_type_name(m->tables[e->table].type));
    e->count = mc__wasm_read_count(r, UINT32_MAX, 1, "elements");
    e->entries_at = (uint32_t)r->at;
    for (uint32_t i = 0; i < e->count && !mc__wasm_failed(r); i++)
        (void)read_entry(m, r, e); /* checked; read again when the table is filled */
}

void mc__wasm_read_elements(mc_wasm_module *m, mc__wasm_reader *r)
{
    uint32_t count = mc__wasm_read_count(r, MC_WASM_ELEMENTS_MAX, 2, "element segments");

    if (mc__wasm_failed(r) || count == 0)
        return;
    m->elements = mc_arena_array(m->arena, mc__wasm_element, count);
    if (!m->elements) {
        mc__wasm_refuse(r, MC_NO_MEMORY, r->at, "no memory for element segments");
        return;
    }
    m->element_count = count;
    for (uint32_t i = 0; i < count && !mc__wasm_failed(r); i++)
        read_element(m, r, &m->elements[i]);
}

mc__wasm_const mc__wasm_element_next(const mc_wasm_module *m, const mc__wasm_element *e, size_t *at)
{
    mc__wasm_reader r = {(const uint8_t *)m->bytes.ptr, *at, m->bytes.len, MC_OK, NULL};
    /* Reading an entry declares functions; those of a module that was read are declared. */
    mc__wasm_const entry = read_entry((mc_wasm_module *)m, &r, e);

    *at = r.at;
    return entry;
}

/* ---- data ---- */

static void read_data_segment(mc_wasm_module *m, mc__wasm_reader *r, mc__wasm_data *d)
{
    size_t start = r->at;
    uint32_t flags = mc__wasm_read_u32(r);
    uint32_t memory = 0;

    if (!mc__wasm_failed(r) && flags > 2)
        mc__wasm_refuse(r, MC_INVALID, start, "malformed data segment kind %u", flags);
    d->mode = flags == 1 ? MC__WASM_PASSIVE : MC__WASM_ACTIVE;
    if (flags == 2)
        memory = mc__wasm_read_u32(r);
    if (d->mode == MC__WASM_ACTIVE) {
        if (!mc__wasm_failed(r) && memory >= m->memory_count)
            mc__wasm_refuse(r, MC_INVALID, start, "unknown memory %u", memory);
        d->offset = mc__wasm_read_const(m, r, MC__WASM_I32);
    }
    d->size = mc__wasm_read_u32(r);
    d->at = (uint32_t)r->at;
    (void)mc__wasm_read_bytes(r, d->size); /* they stay where they are */
}

void mc__wasm_read_data(mc_wasm_module *m, mc__wasm_reader *r)
{
    size_t start = r->at;
    uint32_t count = mc__wasm_read_count(r, MC_WASM_DATA_MAX, 2, "data segments");

    if (mc__wasm_failed(r))
        return;
    if (m->has_data_count && count != m->data_count) {
        mc__wasm_refuse(r, MC_INVALID, start,
                        "data count and data section have inconsistent lengths");
        return;
    }
    m->data_count = count;
    if (count == 0)
        return;
    m->data = mc_arena_array(m->arena, mc__wasm_data, count);
    if (!m->data) {
        mc__wasm_refuse(r, MC_NO_MEMORY, r->at, "no memory for data segments");
        return;
    }
    for (uint32_t i = 0; i < count && !mc__wasm_failed(r); i++)
        read_data_segment(m, r, &m->data[i]);
}
