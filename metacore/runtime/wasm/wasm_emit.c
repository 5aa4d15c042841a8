/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks, functions and their variables; wasm_emit_control.c and wasm_emit_state.c fill them. */
#include "metacore/runtime/wasm/wasm_abi_internal.h"
#include "metacore/runtime/wasm/wasm_emitter_internal.h"

#include <stdarg.h>
#include <stdlib.h>

/* ---- names ---- */

static const char letters[] = "ilfdrv";

static unsigned letter_of(mc__wasm_type type)
{
    switch (type) {
    case MC__WASM_I32:
        return 0;
    case MC__WASM_I64:
        return 1;
    case MC__WASM_F32:
        return 2;
    case MC__WASM_F64:
        return 3;
    case MC__WASM_V128:
        return 5;
    default:
        return 4;
    }
}

const char *mc__wasm_c_type(mc__wasm_type type)
{
    static const char *const names[] = {"u32", "u64", "f32", "f64", "ref", "v128"};

    return names[letter_of(type)];
}

const char *mc__wasm_c_member(mc__wasm_type type)
{
    static const char *const names[] = {"i32", "i64", "f32", "f64", "ref", "v128"};

    return names[letter_of(type)];
}

static void put_slot(mc__wasm_emit *e, mc__wasm_type type, uint32_t height)
{
    unsigned letter = letter_of(type);

    e->slots[height] |= (uint8_t)(1u << letter);
    if (height >= e->slot_count)
        e->slot_count = height + 1;
    mc_buf_char(&e->code, 's');
    mc_buf_char(&e->code, letters[letter]);
    mc_buf_u64(&e->code, height);
}

/* ---- declarations of the chunk ---- */

static void start_chunk(mc__wasm_emit *e)
{
    mc_buf_clear(&e->declarations);
    mc_buf_clear(&e->chunk);
    mc_buf_lit(&e->declarations, "#include \"wasm_guest_internal.h\"\n");
    e->chunk_functions = 0;
    e->chunk_number++;
}

/* "u32 name(mcw_instance *I, u32, u64)"; name is prefix and number, a pointer's in parentheses. */
static void put_prototype(mc_buf *out, const mc__wasm_functype *type, const char *prefix,
                          uint32_t number, const char *suffix, bool with_names)
{
    mc_buf_str(out, mc_z(type->result_count != 1             ? "void"
                         : type->results[0] == MC__WASM_V128 ? "v128_out"
                                                             : mc__wasm_c_type(type->results[0])));
    mc_buf_char(out, ' ');
    mc_buf_str(out, mc_z(prefix));
    mc_buf_u64(out, number);
    mc_buf_str(out, mc_z(suffix));
    mc_buf_lit(out, "(mcw_instance *I");
    for (uint32_t i = 0; i < type->param_count; i++) {
        bool is_vector = type->params[i] == MC__WASM_V128;

        mc_buf_lit(out, ", ");
        mc_buf_str(out, is_vector ? MC_STR("v128_in") : mc_z(mc__wasm_c_type(type->params[i])));
        if (with_names) {
            mc_buf_str(out, is_vector ? MC_STR(" p") : MC_STR(" a"));
            mc_buf_u64(out, i);
        }
    }
    mc_buf_char(out, ')');
}

static void put_function(mc__wasm_emit *e, uint32_t function)
{
    if (e->function_chunk[function] != e->chunk_number) {
        e->function_chunk[function] = e->chunk_number;
        put_prototype(&e->declarations, mc__wasm_function_type(e->m, function), "w", function, "",
                      false);
        mc_buf_lit(&e->declarations, ";\n");
    }
    mc_buf_char(&e->code, 'w');
    mc_buf_u64(&e->code, function);
}

static void put_type(mc__wasm_emit *e, uint32_t type)
{
    uint32_t canonical = e->m->types[type].canonical;

    if (e->type_chunk[canonical] != e->chunk_number) {
        e->type_chunk[canonical] = e->chunk_number;
        mc_buf_lit(&e->declarations, "typedef ");
        put_prototype(&e->declarations, &e->m->types[canonical], "(*t", canonical, ")", false);
        mc_buf_lit(&e->declarations, ";\n");
    }
    mc_buf_char(&e->code, 't');
    mc_buf_u64(&e->code, canonical);
}

static void put_global(mc__wasm_emit *e, uint32_t global)
{
    mc_buf *out = &e->declarations;
    bool is_imported = global < e->m->global_import_count;

    if (e->global_chunk[global] != e->chunk_number) {
        e->global_chunk[global] = e->chunk_number;
        mc_buf_lit(out, "#define g");
        mc_buf_u64(out, global);
        mc_buf_str(out, is_imported ? MC_STR(" I->imported_globals[") : MC_STR(" I->globals["));
        mc_buf_u64(out, is_imported ? global : global - e->m->global_import_count);
        mc_buf_str(out, is_imported ? MC_STR("]->") : MC_STR("]."));
        mc_buf_str(out, mc_z(mc__wasm_c_member(e->m->globals[global].type)));
        mc_buf_char(out, '\n');
    }
    mc_buf_char(&e->code, 'g');
    mc_buf_u64(&e->code, global);
}

static void put_hex(mc_buf *out, uint64_t v)
{
    static const char digits[] = "0123456789abcdef";
    char text[16];
    size_t n = 0;

    do {
        text[15 - n++] = digits[v & 15];
        v >>= 4;
    } while (v);
    mc_buf_lit(out, "0x");
    mc_buf_bytes(out, text + 16 - n, n);
    mc_buf_lit(out, "ull");
}

/* Our own few directives: printf would parse its format twice for each of millions of lines. */
void mc__wasm_put(mc__wasm_emit *e, const char *fmt, ...)
{
    va_list args;
    const char *stop;

    va_start(args, fmt);
    for (; (stop = strchr(fmt, '%')); fmt = stop + 2) {
        mc_buf_bytes(&e->code, fmt, (size_t)(stop - fmt));
        switch (stop[1]) {
        case 'u':
            mc_buf_u64(&e->code, va_arg(args, uint32_t));
            break;
        case 's':
            mc_buf_str(&e->code, mc_z(va_arg(args, const char *)));
            break;
        case 'x':
            put_hex(&e->code, va_arg(args, uint64_t));
            break;
        case 'S': {
            mc__wasm_type type = (mc__wasm_type)va_arg(args, int);

            put_slot(e, type, va_arg(args, uint32_t));
            break;
        }
        case 'W':
            put_function(e, va_arg(args, uint32_t));
            break;
        case 'G':
            put_global(e, va_arg(args, uint32_t));
            break;
        default:
            put_type(e, va_arg(args, uint32_t));
        }
    }
    va_end(args);
    mc_buf_str(&e->code, mc_z(fmt));
}

/* ---- life ---- */

mc__wasm_emit *mc__wasm_emit_new(mc__wasm_text_fn take, void *user)
{
    mc__wasm_emit *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->take = take;
    e->user = user;
    mc_buf_init(&e->declarations, MC__WASM_FUNCTION_TEXT_MAX);
    mc_buf_init(&e->chunk, MC__WASM_FUNCTION_TEXT_MAX * 2);
    mc_buf_init(&e->code, MC__WASM_FUNCTION_TEXT_MAX);
    start_chunk(e);
    return e;
}

void mc__wasm_emit_free(mc__wasm_emit *e)
{
    if (!e)
        return;
    mc_buf_deinit(&e->declarations);
    mc_buf_deinit(&e->chunk);
    mc_buf_deinit(&e->code);
    free(e->function_chunk);
    free(e->global_chunk);
    free(e->type_chunk);
    free(e);
}

bool mc__wasm_emit_begin(mc__wasm_emit *e, const mc_wasm_module *m)
{
    e->m = m;
    e->function_chunk = calloc(m->function_count + (size_t)1, sizeof(uint32_t));
    e->global_chunk = calloc(m->global_count + (size_t)1, sizeof(uint32_t));
    e->type_chunk = calloc(m->type_count + (size_t)1, sizeof(uint32_t));
    return e->function_chunk && e->global_chunk && e->type_chunk;
}

/* ---- functions ---- */

void mc__wasm_emit_begin_function(mc__wasm_emit *e, uint32_t function, const mc__wasm_type *locals,
                                  uint32_t local_count)
{
    memset(e->slots, 0, e->slot_count);
    e->slot_count = 0;
    e->function = function;
    e->locals = locals;
    e->local_count = local_count;
    e->next_label = 0;
    mc_buf_clear(&e->code);
}

static void put_variables(mc__wasm_emit *e, const mc__wasm_functype *type)
{
    for (uint32_t i = 0; i < type->param_count; i++) {
        if (type->params[i] != MC__WASM_V128)
            continue;
        mc_buf_lit(&e->chunk, "v128 a");
        mc_buf_u64(&e->chunk, i);
        mc_buf_lit(&e->chunk, " = V_LOCAL(p");
        mc_buf_u64(&e->chunk, i);
        mc_buf_lit(&e->chunk, ");\n");
    }
    for (uint32_t i = type->param_count; i < e->local_count; i++) {
        mc_buf_str(&e->chunk, mc_z(mc__wasm_c_type(e->locals[i])));
        mc_buf_lit(&e->chunk, " a");
        mc_buf_u64(&e->chunk, i);
        mc_buf_str(&e->chunk,
                   e->locals[i] == MC__WASM_V128 ? MC_STR(" = {0};\n") : MC_STR(" = 0;\n"));
    }
    for (uint32_t height = 0; height < e->slot_count; height++) {
        static const mc__wasm_type types[] = {MC__WASM_I32, MC__WASM_I64,     MC__WASM_F32,
                                              MC__WASM_F64, MC__WASM_FUNCREF, MC__WASM_V128};

        for (unsigned i = 0; i < MC_LEN(types); i++) {
            if (!((e->slots[height] >> i) & 1))
                continue;
            mc_buf_str(&e->chunk, mc_z(mc__wasm_c_type(types[i])));
            mc_buf_lit(&e->chunk, " s");
            mc_buf_char(&e->chunk, letters[i]);
            mc_buf_u64(&e->chunk, height);
            mc_buf_lit(&e->chunk, ";\n");
        }
    }
}

static mc_code give(mc__wasm_emit *e, const char *name, mc_str text, mc_err *err)
{
    e->total_bytes += text.len;
    if (e->total_bytes > MC__WASM_TEXT_MAX)
        return mc_fail(err, MC_TOO_LARGE, "wasm: compiling it would take more than %zu bytes of C",
                       MC__WASM_TEXT_MAX);
    return e->take(e->user, name, text, err);
}

static mc_code end_chunk(mc__wasm_emit *e, mc_err *err)
{
    char name[32];
    mc_code rc = MC_OK;
    mc_buf named;

    if (e->chunk_functions > 0) {
        mc_buf_bytes(&e->declarations, e->chunk.ptr, e->chunk.len);
        rc = mc_buf_check(&e->declarations, "wasm: text of a chunk", err);
        mc_buf_init_borrowed(&named, name, sizeof(name), sizeof(name));
        mc_buf_printf(&named, "chunk%u.c", e->chunk_number);
        if (rc == MC_OK)
            rc = give(e, name, mc_buf_get(&e->declarations), err);
    }
    start_chunk(e);
    return rc;
}

mc_code mc__wasm_emit_end_function(mc__wasm_emit *e, mc_err *err)
{
    const mc__wasm_functype *type = mc__wasm_function_type(e->m, e->function);
    mc_code rc;

    put_prototype(&e->chunk, type, "w", e->function, "", true);
    mc_buf_lit(&e->chunk, "\n{\n");
    put_variables(e, type);
    if (e->m->memory_count)
        mc_buf_lit(&e->chunk, "u8 *const M = I->base;\n");
    mc_buf_bytes(&e->chunk, e->code.ptr, e->code.len);
    mc_buf_lit(&e->chunk, "}\n");
    rc = mc_buf_check(&e->code, "wasm: text of a function", err);
    if (rc == MC_OK)
        rc = mc_buf_check(&e->chunk, "wasm: text of a chunk", err);
    if (rc != MC_OK)
        return rc;
    e->chunk_functions++;
    if (e->chunk_functions >= MC__WASM_CHUNK_FUNCTIONS || e->chunk.len >= MC__WASM_CHUNK_BYTES)
        return end_chunk(e, err);
    return MC_OK;
}

/* ---- the table: what the runtime finds functions by ---- */

/* Takes arguments from values and leaves results there, whatever the type. */
static void put_entry(mc__wasm_emit *e, uint32_t index)
{
    const mc__wasm_functype *type = &e->m->types[index];
    mc_buf *out = &e->code;
    bool gives_vector = type->result_count == 1 && type->results[0] == MC__WASM_V128;

    mc__wasm_put(e, "static void e%u(const mcw_func *f, mcw_value *v)\n{\n", index);
    mc__wasm_put(e, "mcw_instance *I = f->instance;\n");
    if (gives_vector)
        mc__wasm_put(e, "V_CALL(v[0].v128, ");
    else if (type->result_count == 1)
        mc__wasm_put(e, "v[0].%s = ", mc__wasm_c_member(type->results[0]));
    mc__wasm_put(e, "((%T)f->code)(I", index);
    for (uint32_t i = 0; i < type->param_count; i++)
        mc__wasm_put(e, type->params[i] == MC__WASM_V128 ? ", V(v[%u].%s)" : ", v[%u].%s", i,
                     mc__wasm_c_member(type->params[i]));
    mc_buf_str(out, gives_vector ? MC_STR("));\n") : MC_STR(");\n"));
    for (uint32_t i = 0; type->result_count > 1 && i < type->result_count; i++)
        mc__wasm_put(e, "v[%u] = I->rt->results[%u];\n", i, i);
    mc_buf_lit(out, "}\n");
}

static void put_tables(mc__wasm_emit *e)
{
    const mc_wasm_module *m = e->m;
    mc_buf *out = &e->code;
    uint32_t count = m->function_count - m->function_import_count;

    for (uint32_t i = m->function_import_count; i < m->function_count; i++)
        mc__wasm_put(e, "__attribute__((visibility(\"hidden\"))) void w%u(void);\n", i);
    mc_buf_lit(out, "static void (*const functions[])(void) = {\n");
    for (uint32_t i = m->function_import_count; i < m->function_count; i++)
        mc__wasm_put(e, "w%u,\n", i);
    mc_buf_lit(out, "0};\nstatic void (*const entries[])(const mcw_func *, mcw_value *) = {\n");
    for (uint32_t i = 0; i < m->export_count; i++) {
        uint32_t type;

        if (m->exports[i].kind != MC__WASM_KIND_FUNCTION)
            continue;
        type = mc__wasm_function_type(m, m->exports[i].index)->canonical;
        if (e->type_chunk[type] == UINT32_MAX) {
            e->type_chunk[type] = 0; /* each once */
            mc__wasm_put(e, "[%u] = e%u,\n", type, type);
        }
    }
    mc__wasm_put(e, "[%u] = 0};\n", m->type_count);
    mc__wasm_put(e,
                 "__attribute__((visibility(\"default\"))) const mcw_code_table mcw_code = {\n"
                 "%u, %u, %u, functions, entries};\n",
                 mc__wasm_emitter_id, count, m->type_count);
}

mc_code mc__wasm_emit_finish(mc__wasm_emit *e, mc_err *err)
{
    mc_code rc;

    rc = end_chunk(e, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_clear(&e->code);
    for (uint32_t i = 0; i < e->m->export_count; i++) {
        uint32_t type;

        if (e->m->exports[i].kind != MC__WASM_KIND_FUNCTION)
            continue;
        type = mc__wasm_function_type(e->m, e->m->exports[i].index)->canonical;
        if (e->type_chunk[type] != UINT32_MAX) {
            put_entry(e, type);
            e->type_chunk[type] = UINT32_MAX; /* written */
        }
    }
    put_tables(e);
    mc_buf_bytes(&e->declarations, e->code.ptr, e->code.len);
    rc = mc_buf_check(&e->declarations, "wasm: text of the table", err);
    return rc == MC_OK ? give(e, "table.c", mc_buf_get(&e->declarations), err) : rc;
}

mc_code mc__wasm_translate(mc_str bytes, mc__wasm_text_fn take, void *user, mc_wasm_module **out,
                           mc_err *err)
{
    mc__wasm_emit *e = mc__wasm_emit_new(take, user);
    mc_wasm_module *module = NULL;
    mc_code rc;

    if (!e)
        return mc_fail(err, MC_NO_MEMORY, "wasm: emitter");
    rc = mc__wasm_module_read(bytes, true, e, &module, err);
    if (rc == MC_OK && !e->m && !mc__wasm_emit_begin(e, module)) /* a module without code */
        rc = mc_fail(err, MC_NO_MEMORY, "wasm: emitter");
    if (rc == MC_OK)
        rc = mc__wasm_emit_finish(e, err);
    mc__wasm_emit_free(e);
    if (rc == MC_OK)
        *out = module;
    else
        mc_wasm_module_free(module);
    return rc;
}
