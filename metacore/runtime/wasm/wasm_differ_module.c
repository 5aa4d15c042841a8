/* SPDX-License-Identifier: Apache-2.0 */
/* Modules with every section and every kind of segment, around bodies from wasm_differ_body.c. */
#include "metacore/runtime/wasm/wasm_differ_internal.h"

/* ---- numbers ---- */

/* xorshift64*: repeatable, which is the point here. */
uint32_t differ_below(differ_random *r, uint32_t limit)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return limit ? (uint32_t)((r->state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % limit : 0;
}

static uint32_t below(differ_module *m, uint32_t limit)
{
    return differ_below(&m->random, limit);
}

bool differ_is_wrong(differ_module *m)
{
    return below(m, 1000) < m->wrong;
}

uint32_t differ_index(differ_module *m, uint32_t count)
{
    return differ_is_wrong(m) ? count + below(m, 2) : below(m, count);
}

mc__wasm_type differ_value_type(differ_module *m)
{
    static const mc__wasm_type types[] = {MC__WASM_I32,  MC__WASM_I64,     MC__WASM_F32,
                                          MC__WASM_F64,  MC__WASM_FUNCREF, MC__WASM_EXTERNREF,
                                          MC__WASM_V128, MC__WASM_I32,     MC__WASM_I64};

    if (differ_is_wrong(m))
        return (mc__wasm_type)(0x60 + below(m, 32));
    return types[below(m, MC_LEN(types))];
}

void differ_put(mc_buf *out, uint64_t value)
{
    do {
        uint8_t byte = value & 0x7f;

        value >>= 7;
        mc_buf_char(out, (char)(value ? byte | 0x80 : byte));
    } while (value);
}

void differ_put_signed(mc_buf *out, int64_t value)
{
    bool is_last;

    do {
        uint8_t byte = value & 0x7f;

        value >>= 7; /* arithmetic, as gcc and clang have it */
        is_last = (value == 0 && !(byte & 0x40)) || (value == -1 && (byte & 0x40));
        mc_buf_char(out, (char)(is_last ? byte : byte | 0x80));
    } while (!is_last);
}

static void put_zeros(differ_module *m, mc_buf *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mc_buf_char(out, (char)below(m, 256));
}

void differ_put_const(differ_module *m, mc_buf *out, mc__wasm_type type)
{
    switch (type) {
    case MC__WASM_I32:
        mc_buf_char(out, 0x41);
        differ_put_signed(out, (int32_t)below(m, 1u << 31) - (1 << 30));
        break;
    case MC__WASM_I64:
        mc_buf_char(out, 0x42);
        differ_put_signed(out, (int64_t)below(m, 1u << 31) * 4096 - (INT64_C(1) << 40));
        break;
    case MC__WASM_F32:
        mc_buf_char(out, 0x43);
        put_zeros(m, out, 4);
        break;
    case MC__WASM_F64:
        mc_buf_char(out, 0x44);
        put_zeros(m, out, 8);
        break;
    case MC__WASM_V128:
        mc_buf_bytes(out, "\xfd\x0c", 2);
        put_zeros(m, out, 16);
        break;
    default:
        mc_buf_char(out, (char)0xd0);
        mc_buf_char(out, (char)type);
        break;
    }
}

/* ---- sections ---- */

static void put_section(mc_buf *out, char id, mc_buf *part)
{
    mc_buf_char(out, id);
    differ_put(out, part->len);
    mc_buf_str(out, mc_buf_get(part));
    mc_buf_clear(part);
}

static void make_types(differ_module *m, mc_buf *part)
{
    m->type_count = 1 + below(m, DIFFER_TYPES);
    differ_put(part, m->type_count);
    for (uint32_t i = 0; i < m->type_count; i++) {
        differ_type *t = &m->types[i];

        t->param_count = below(m, DIFFER_ARITY);
        t->result_count = below(m, 3);
        mc_buf_char(part, 0x60);
        differ_put(part, t->param_count);
        for (uint32_t k = 0; k < t->param_count; k++)
            mc_buf_char(part, (char)(t->params[k] = differ_value_type(m)));
        differ_put(part, t->result_count);
        for (uint32_t k = 0; k < t->result_count; k++)
            mc_buf_char(part, (char)(t->results[k] = differ_value_type(m)));
    }
}

static void make_imports(differ_module *m, mc_buf *part)
{
    m->import_count = below(m, 3);
    m->global_import_count = m->global_count = below(m, 3);
    differ_put(part, m->import_count + m->global_count);
    for (uint32_t i = 0; i < m->import_count; i++) {
        mc_buf_bytes(part, "\1m\1f\0", 5);
        m->functions[i] = differ_index(m, m->type_count);
        differ_put(part, m->functions[i]);
    }
    for (uint32_t i = 0; i < m->global_count; i++) {
        m->globals[i] = (differ_global){differ_value_type(m), below(m, 2) == 0};
        mc_buf_bytes(part, "\1m\1g\3", 5);
        mc_buf_char(part, (char)m->globals[i].type);
        mc_buf_char(part, (char)m->globals[i].is_mutable);
    }
    m->function_count = m->import_count;
}

static void make_functions(differ_module *m, mc_buf *part)
{
    uint32_t count = 1 + below(m, DIFFER_FUNCTIONS - 3);

    differ_put(part, count);
    for (uint32_t i = 0; i < count; i++) {
        m->functions[m->function_count] = differ_index(m, m->type_count);
        differ_put(part, m->functions[m->function_count++]);
    }
}

static void make_tables(differ_module *m, mc_buf *part)
{
    m->table_count = below(m, DIFFER_FEW);
    differ_put(part, m->table_count);
    for (uint32_t i = 0; i < m->table_count; i++) {
        m->tables[i] = below(m, 3) ? MC__WASM_FUNCREF : MC__WASM_EXTERNREF;
        mc_buf_char(part, (char)m->tables[i]);
        mc_buf_char(part, 1);
        differ_put(part, below(m, 10));
        differ_put(part, differ_is_wrong(m) ? 0 : 10 + below(m, 10));
    }
}

static void make_memory(differ_module *m, mc_buf *part)
{
    m->has_memory = below(m, 5) > 0;
    differ_put(part, m->has_memory);
    if (!m->has_memory)
        return;
    mc_buf_char(part, 1);
    differ_put(part, below(m, 3));
    differ_put(part, differ_is_wrong(m) ? 70000 : 3 + below(m, 4));
}

/* A constant expression: a constant, an immutable global that was imported, a function. */
static void put_expression(differ_module *m, mc_buf *part, mc__wasm_type type)
{
    uint32_t global = below(m, m->global_import_count);

    if (m->global_import_count && below(m, 2) &&
        ((m->globals[global].type == type && !m->globals[global].is_mutable) ||
         differ_is_wrong(m))) {
        mc_buf_char(part, 0x23);
        differ_put(part, global);
    } else if (type == MC__WASM_FUNCREF && m->function_count && below(m, 2)) {
        mc_buf_char(part, (char)0xd2);
        differ_put(part, differ_index(m, m->function_count));
    } else {
        differ_put_const(m, part, differ_is_wrong(m) ? differ_value_type(m) : type);
    }
    if (differ_is_wrong(m))
        mc_buf_char(part, 0x01);
    mc_buf_char(part, 0x0b);
}

static void make_globals(differ_module *m, mc_buf *part)
{
    uint32_t count = below(m, DIFFER_FEW - m->global_count + 1);

    differ_put(part, count);
    for (uint32_t i = 0; i < count; i++) {
        differ_global *g = &m->globals[m->global_count];

        *g = (differ_global){differ_value_type(m), below(m, 2) == 0};
        mc_buf_char(part, (char)g->type);
        mc_buf_char(part, (char)(differ_is_wrong(m) ? 2 : g->is_mutable));
        put_expression(m, part, g->type);
        m->global_count++;
    }
}

static void make_exports(differ_module *m, mc_buf *part)
{
    uint32_t count = below(m, 4);

    differ_put(part, count);
    for (uint32_t i = 0; i < count; i++) {
        mc_buf_bytes(part, "\1", 1);
        mc_buf_char(part, (char)('a' + (differ_is_wrong(m) ? 0 : i)));
        mc_buf_char(part, 0);
        differ_put(part, differ_index(m, m->function_count));
    }
}

/* One of the eight kinds, as the binary format numbers them. */
static void make_element(differ_module *m, mc_buf *part, mc__wasm_type *out)
{
    uint32_t flags = below(m, 8), table = 0, count = below(m, 4);
    bool has_expressions = flags & 4, is_active = !(flags & 1);

    *out = MC__WASM_FUNCREF;
    if (is_active && m->table_count == 0 && !differ_is_wrong(m))
        flags |= 1, is_active = false;
    if (is_active && (flags & 2))
        table = differ_index(m, m->table_count);
    if (is_active && table < m->table_count && m->tables[table] != MC__WASM_FUNCREF) {
        if (has_expressions && (flags & 2))
            *out = m->tables[table];
        else if (!differ_is_wrong(m))
            flags |= 1, is_active = false;
    } else if (has_expressions && !is_active && below(m, 2)) {
        *out = MC__WASM_EXTERNREF;
    }
    differ_put(part, flags);
    if (is_active && (flags & 2))
        differ_put(part, table);
    if (is_active)
        put_expression(m, part, MC__WASM_I32);
    if (flags & 3)
        mc_buf_char(part, (char)(has_expressions ? *out : 0));
    differ_put(part, count);
    for (uint32_t i = 0; i < count; i++) {
        if (has_expressions)
            put_expression(m, part, *out);
        else
            differ_put(part, differ_index(m, m->function_count));
    }
    if ((flags & 3) == 0)
        *out = MC__WASM_FUNCREF;
}

/* The last one declares all functions, so that bodies may refer to them. */
static void make_elements(differ_module *m, mc_buf *part)
{
    m->element_count = 1 + below(m, DIFFER_FEW - 1);
    differ_put(part, m->element_count);
    for (uint32_t i = 0; i + 1 < m->element_count; i++)
        make_element(m, part, &m->elements[i]);
    m->elements[m->element_count - 1] = MC__WASM_FUNCREF;
    mc_buf_bytes(part, "\3\0", 2);
    differ_put(part, m->function_count);
    for (uint32_t i = 0; i < m->function_count; i++)
        differ_put(part, i);
}

static void make_data(differ_module *m, mc_buf *part)
{
    differ_put(part, m->data_count);
    for (uint32_t i = 0; i < m->data_count; i++) {
        bool is_passive = (!m->has_memory && !differ_is_wrong(m)) || below(m, 2);

        mc_buf_char(part, (char)is_passive);
        if (!is_passive)
            put_expression(m, part, MC__WASM_I32);
        differ_put(part, 3);
        mc_buf_bytes(part, "abc", 3);
    }
}

static void make_start(differ_module *m, mc_buf *out, mc_buf *part)
{
    for (uint32_t i = 0; i < m->function_count; i++) {
        uint32_t type = m->functions[i];

        if (type >= m->type_count ||
            ((m->types[type].param_count || m->types[type].result_count) && !differ_is_wrong(m)))
            continue;
        differ_put(part, i);
        put_section(out, 8, part);
        return;
    }
}

static void make_code(differ_module *m, mc_buf *part)
{
    differ_put(part, m->function_count - m->import_count + differ_is_wrong(m));
    for (uint32_t i = m->import_count; i < m->function_count; i++)
        differ_put_body(m, part, i);
}

void differ_put_module(uint64_t seed, uint32_t wrong, mc_buf *out)
{
    static const struct {
        char id;
        void (*make)(differ_module *m, mc_buf *part);
    } sections[] = {{1, make_types},  {2, make_imports}, {3, make_functions}, {4, make_tables},
                    {5, make_memory}, {6, make_globals}, {7, make_exports}};
    differ_module m = {.random = {seed * 2 + 1}, .wrong = wrong};
    mc_buf part;

    mc_buf_init(&part, 0);
    mc_buf_bytes(out, "\0asm\1\0\0\0", 8);
    for (size_t i = 0; i < MC_LEN(sections); i++) {
        sections[i].make(&m, &part);
        put_section(out, sections[i].id, &part);
    }
    if (below(&m, 4) == 0)
        make_start(&m, out, &part);
    make_elements(&m, &part);
    put_section(out, 9, &part);
    m.data_count = below(&m, DIFFER_FEW);
    m.has_data_count = below(&m, 4) > 0;
    if (m.has_data_count) {
        differ_put(&part, m.data_count + differ_is_wrong(&m));
        put_section(out, 12, &part);
    }
    make_code(&m, &part);
    put_section(out, 10, &part);
    make_data(&m, &part);
    put_section(out, 11, &part);
    out->failed |= part.failed;
    mc_buf_deinit(&part);
}
