/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/encode.h"
#include "metacore/runtime/wasm/wasm.h"
#include "metacore/runtime/wasm/wasm_test_internal.h"

#include <stdio.h>
#include <stdlib.h>

static mc_code read_bytes(mc_str bytes, mc_err *err)
{
    mc_wasm_module *module = NULL;
    mc_code rc = mc_wasm_module_read(bytes, &module, err);

    mc_wasm_module_free(module);
    return rc;
}

/* ---- bytes that are no module, in hexadecimal behind the eight bytes of the header ---- */

static const struct {
    const char *name, *hex;
    mc_code code;
    const char *says;
} bytes_cases[] = {
    {"nothing behind the header is the empty module", "", MC_OK, NULL},
    {"a number may be padded with zeros to its full length", "01848080800001600000", MC_OK, NULL},
    {"a number may not be longer than its type", "018480808080000160000000", MC_INVALID,
     "integer representation too long at offset 9"},
    {"a number may not have bits beyond its type", "0184808080700160000000", MC_INVALID,
     "integer too large at offset 9"},
    {"a section may not reach beyond the module", "01050160", MC_INVALID,
     "unexpected end: section of 5 bytes at offset 9"},
    {"sections come in their order", "030100010100", MC_INVALID, "unexpected section 1"},
    {"a section comes once", "010100010100", MC_INVALID, "unexpected section 1"},
    {"an unknown section is malformed", "0e00", MC_INVALID, "malformed section id 14 at offset 8"},
    {"a count larger than what follows is malformed", "0105ffffffff0f", MC_INVALID,
     "unexpected end: 4294967295 types announced at offset 10"},
    {"a custom section may hold anything behind its name", "0003016100", MC_OK, NULL},
    {"the name of a custom section is UTF-8", "000201ff", MC_INVALID, "malformed UTF-8 encoding"},
    {"functions need code", "010401600000030201000a0100", MC_INVALID, "inconsistent lengths"},
    {"a missing code section is told, too", "01040160000003020100", MC_INVALID,
     "inconsistent lengths"},
    {"code must end with its function", "010401600000030201000a070105000b0b0b0b", MC_INVALID,
     "code after the end of function 0"},
    {"code must not end before its function", "010401600000030201000a0601040002400b", MC_INVALID,
     "unexpected end"},
    {"an opcode nobody knows is illegal", "010401600000030201000a0501030027 0b", MC_INVALID,
     "illegal opcode 0x27 at offset 23"},
    {"an export kind nobody knows is malformed", "0705010161 0500", MC_INVALID,
     "malformed export kind"},
    {"a tag section belongs to exceptions", "0d0100", MC_NOT_PROVIDED,
     "exception handling is not supported: tags at offset 8"},
    {"a shared memory belongs to threads", "050401030101", MC_NOT_PROVIDED,
     "threads are not supported: shared memory at offset 11"},
    {"a 64-bit memory is named", "0503010401", MC_NOT_PROVIDED,
     "64-bit addresses are not supported: memory at offset 11"},
    {"a second memory is named", "05050200010001", MC_NOT_PROVIDED,
     "multiple memories are not supported at offset 13"},
    {"a struct type belongs to garbage collection", "0103015f00", MC_NOT_PROVIDED,
     "garbage collection is not supported"},
    {"a vector is no reference", "040401 7b 0001", MC_INVALID,
     "malformed reference type 0x7b at offset 11"},
    {"an opcode of vectors that nobody knows is illegal", "010401600000030201000a070105 00fd9a010b",
     MC_INVALID, "illegal opcode 0xfd 154 at offset 23"},
    {"relaxed SIMD is named", "010401600000030201000a070105 00fd80020b", MC_NOT_PROVIDED,
     "not supported: relaxed SIMD, opcode 0xfd 256 at offset 23"},
    {"the last of relaxed SIMD, too", "010401600000030201000a070105 00fdff030b", MC_NOT_PROVIDED,
     "not supported: relaxed SIMD, opcode 0xfd 511 at offset 23"},
    {"an opcode beyond both is illegal", "010401600000030201000a070105 00fd80040b", MC_INVALID,
     "illegal opcode 0xfd 512 at offset 23"},
    {"a constant vector has sixteen bytes", "0606017b00fd0c0b", MC_INVALID, "unexpected end"},
    {"no other operation on vectors is constant", "0606017b00fd4d0b", MC_INVALID,
     "constant expression required at offset 13"},
    {"an atomic belongs to threads", "010401600000030201000a06010400fe030b", MC_NOT_PROVIDED,
     "not supported: threads, opcode 0xfe at offset 23"},
    {"a reference to a type of function is named", "0109026000006001630000", MC_NOT_PROVIDED,
     "not supported: typed function references, type 0x63 at offset 16"},
    {"wide arithmetic is named", "010401600000030201000a06010400fc130b", MC_NOT_PROVIDED,
     "not supported: wide arithmetic, opcode 0xfc 19 at offset 23"},
    {"a tail call is named", "010401600000030201000a0601040012000b", MC_NOT_PROVIDED,
     "not supported: tail calls, opcode 0x12 at offset 23"},
    {"65537 pages cannot be addressed", "05050100818004", MC_INVALID,
     "memory size must be at most 65536 pages"},
    {"more locals than a frame holds are too large", "010401600000030201000a07010501c13e7f0b",
     MC_TOO_LARGE, "function 0 has more than 8000 locals and operands"},
};

static mc_str module_of_hex(mc_arena *arena, const char *hex)
{
    char text[512] = "0061736d01000000";
    size_t len = strlen(text);
    mc_str out = MC_STR("");

    for (const char *at = hex; *at; at++) {
        if (*at != ' ')
            text[len++] = *at;
    }
    MC_EXPECT(mc_hex_parse(arena, mc_str_of(text, len), &out));
    return out;
}

MC_TEST("malformed bytes are refused with what and where")
{
    mc_arena *arena = mc_arena_new(0);
    mc_err err;

    for (size_t i = 0; i < MC_LEN(bytes_cases); i++) {
        MC_CASE(bytes_cases[i].name);
        MC_EXPECT_EQ(read_bytes(module_of_hex(arena, bytes_cases[i].hex), &err),
                     bytes_cases[i].code);
        if (bytes_cases[i].says)
            MC_EXPECT_HAS(mc_z(err.msg), bytes_cases[i].says);
    }
    MC_CASE("no header");
    MC_EXPECT_EQ(read_bytes(MC_STR(""), &err), MC_INVALID);
    MC_EXPECT_EQ(read_bytes(MC_STR("GET / HTTP/1.1"), &err), MC_INVALID);
    MC_EXPECT_HAS(mc_z(err.msg), "magic header");
    MC_CASE("a component");
    MC_EXPECT_EQ(read_bytes(mc_str_of("\0asm\x0d\0\1\0", 8), &err), MC_NOT_PROVIDED);
    mc_arena_free(arena);
}

/* ---- texts that are modules, and are or are not valid ---- */

static const struct {
    const char *name, *wat;
    mc_code code;
    const char *says;
} typing_cases[] = {
    {"an operand of another type", "(func (result i32) (i64.const 1))", MC_INVALID,
     "type mismatch: i64 where i32 is wanted"},
    {"no operand at all", "(func (drop))", MC_INVALID, "type mismatch: nothing"},
    {"operands left over", "(func (i32.const 1))", MC_INVALID, "1 values left at the end"},
    {"an operand from outside of the block", "(func (i32.const 1) (block (drop)) (drop))",
     MC_INVALID, "type mismatch: nothing"},
    {"any operand in dead code", "(func (result f32) (unreachable) (f32.add))", MC_OK, NULL},
    {"a wrong operand in dead code, too", "(func (unreachable) (i64.const 1) (i32.eqz) (drop))",
     MC_INVALID, "type mismatch: i64 where i32 is wanted"},
    {"an if without else that gives something",
     "(func (result i32) (i32.const 1) (if (result i32) (then (i32.const 2))))", MC_INVALID,
     "if without else"},
    {"an if without else that passes something on",
     "(func (result i32) (i32.const 1) (i32.const 1) (if (param i32) (result i32) (then)))", MC_OK,
     NULL},
    {"a branch out of the function", "(func (br 1))", MC_INVALID, "unknown label 1"},
    {"a branch to the function itself", "(func (result i32) (br 0 (i32.const 1)))", MC_OK, NULL},
    {"branch targets of different arity",
     "(func (block (block (result i32) (br_table 0 1 (i32.const 1) (i32.const 1))) (drop)))",
     MC_INVALID, "different numbers"},
    {"a branch to a loop carries what the loop takes",
     "(func (i32.const 1) (loop (param i32) (br 0)))", MC_OK, NULL},
    {"a select of references without type",
     "(func (param externref) (drop (select (local.get 0) (local.get 0) (i32.const 1))))",
     MC_INVALID, "select of references"},
    {"a call with too little", "(func (call 1)) (func (param i32))", MC_INVALID, "nothing where"},
    {"an unknown local", "(func (drop (local.get 3)))", MC_INVALID, "unknown local 3"},
    {"an immutable global", "(global i32 (i32.const 1)) (func (global.set 0 (i32.const 1)))",
     MC_INVALID, "global 0 is immutable"},
    {"a load without memory", "(func (drop (i32.load (i32.const 0))))", MC_INVALID,
     "unknown memory 0"},
    {"a call through a table of others",
     "(table 1 externref) (func (call_indirect (type 0) (i32.const 0)))", MC_INVALID,
     "call through a table of externref"},
    {"a reference nobody declared", "(func $f (drop (ref.func $f)))", MC_INVALID,
     "undeclared function reference 0"},
    {"a declared one", "(elem declare func $f) (func $f (drop (ref.func $f)))", MC_OK, NULL},
    {"a start function that takes something", "(start 0) (func (param i32))", MC_INVALID,
     "start function"},
    {"two exports of one name", "(func (export \"a\") (export \"a\"))", MC_INVALID,
     "duplicate export name"},
    {"an offset of another type", "(memory 1) (data (i64.const 0) \"\")", MC_INVALID,
     "i64 constant where i32 is wanted"},
    {"an extended constant", "(global i32 (i32.add (i32.const 1) (i32.const 2)))", MC_NOT_PROVIDED,
     "extended constant expressions"},
    {"a table entry of another kind",
     "(table 1 funcref) (elem (i32.const 0) externref (ref.null extern))", MC_INVALID,
     "externref elements for a table of funcref"},
    {"an exception", "(tag) (func (throw 0))", MC_NOT_PROVIDED, "exception handling"},
    {"a tail call", "(func (return_call 0))", MC_NOT_PROVIDED, "tail calls"},
    {"a vector", "(func (drop (v128.const i32x4 0 0 0 0)))", MC_OK, NULL},
    {"a constant vector of a global", "(global v128 (v128.const i64x2 1 2))", MC_OK, NULL},
    {"a number in place of a vector", "(func (drop (v128.not (i64.const 1))))", MC_INVALID,
     "type mismatch: i64 where v128 is wanted"},
    {"a vector in place of a number", "(func (drop (i32x4.splat (v128.const i32x4 0 0 0 0))))",
     MC_INVALID, "type mismatch: v128 where i32 is wanted"},
    {"a select of vectors needs no type",
     "(func (param v128) (drop (select (local.get 0) (local.get 0) (i32.const 1))))", MC_OK, NULL},
    {"a select between a vector and a number",
     "(func (param v128) (drop (select (local.get 0) (f64.const 0) (i32.const 1))))", MC_INVALID,
     "select between v128 and f64"},
    {"a vector's load aligned beyond its sixteen bytes",
     "(memory 1) (func (drop (v128.load align=32 (i32.const 0))))", MC_INVALID,
     "alignment must not be larger than natural"},
    {"a lane's load aligned beyond its two bytes",
     "(memory 1) (func (param v128)"
     " (drop (v128.load16_lane align=4 0 (i32.const 0) (local.get 0))))",
     MC_INVALID, "alignment must not be larger than natural"},
    {"a vector's load without memory", "(func (drop (v128.load (i32.const 0))))", MC_INVALID,
     "unknown memory 0"},
    {"a lane that is not there",
     "(func (param v128) (drop (i16x8.extract_lane_u 8 (local.get 0))))", MC_INVALID,
     "invalid lane index 8 of i16x8.extract_lane_u"},
    {"a stored lane that is not there",
     "(memory 1) (func (param v128) (v128.store64_lane 2 (i32.const 0) (local.get 0)))", MC_INVALID,
     "invalid lane index 2 of v128.store64_lane"},
    {"a shuffle from beyond both vectors",
     "(func (param v128) (drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 32"
     " (local.get 0) (local.get 0))))",
     MC_INVALID, "invalid lane index 32 of a shuffle"},
    {"relaxed SIMD",
     "(func (param v128) (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0))))",
     MC_NOT_PROVIDED, "relaxed SIMD"},
};

MC_TEST("modules are held to the typing rules, and to what is supported")
{
    mc_arena *arena = mc_arena_new(0);
    mc_err err;

    if (!mc_wasm_test_has_wabt()) {
        mc_arena_free(arena);
        MC_SKIP("wat2wasm is not installed");
    }
    for (size_t i = 0; i < MC_LEN(typing_cases); i++) {
        mc_str text = mc_str_printf(arena, "(module %s)", typing_cases[i].wat);
        mc_str bytes = mc_wasm_test_wat(arena, mc_str_z(arena, text), "--enable-all");

        MC_CASE(typing_cases[i].name);
        MC_EXPECT_EQ(read_bytes(bytes, &err), typing_cases[i].code);
        if (typing_cases[i].says)
            MC_EXPECT_HAS(mc_z(err.msg), typing_cases[i].says);
    }
    mc_arena_free(arena);
}

/* ---- sizes ---- */

static void put_u32(mc_buf *out, uint32_t v)
{
    for (; v >= 0x80; v >>= 7)
        mc_buf_char(out, (char)(v | 0x80));
    mc_buf_char(out, (char)v);
}

static void put_section(mc_buf *out, char id, const mc_buf *content)
{
    mc_buf_char(out, id);
    put_u32(out, (uint32_t)content->len);
    mc_buf_str(out, mc_buf_get(content));
}

/* count functions, each of the given body. */
static void put_functions(mc_buf *out, uint32_t count, mc_str body)
{
    mc_buf section;

    mc_buf_init(&section, 0);
    mc_buf_bytes(out, "\0asm\1\0\0\0", 8);
    mc_buf_bytes(out, "\1\4\1\x60\0\0", 6);
    put_u32(&section, count);
    for (uint32_t i = 0; i < count; i++)
        mc_buf_char(&section, 0);
    put_section(out, 3, &section);
    mc_buf_clear(&section);
    put_u32(&section, count);
    for (uint32_t i = 0; i < count; i++) {
        put_u32(&section, (uint32_t)body.len);
        mc_buf_str(&section, body);
    }
    put_section(out, 10, &section);
    mc_buf_deinit(&section);
}

static const mc_str empty_body = MC_STR_INIT("\0\x0b");

MC_TEST("a million functions are read, one more is too many")
{
    mc_buf module;
    mc_err err;

    mc_buf_init(&module, 0);
    put_functions(&module, MC_WASM_FUNCTIONS_MAX, empty_body);
    MC_EXPECT_OK(read_bytes(mc_buf_get(&module), &err), &err);
    mc_buf_clear(&module);
    put_functions(&module, MC_WASM_FUNCTIONS_MAX + 1, empty_body);
    MC_EXPECT_EQ(read_bytes(mc_buf_get(&module), &err), MC_TOO_LARGE);
    MC_EXPECT_HAS(mc_z(err.msg), "1000001 functions, limit 1000000");
    mc_buf_deinit(&module);
}

MC_TEST("sections of more than 8 MB are too large, custom ones do not count")
{
    mc_buf module, pad;
    mc_err err;

    mc_buf_init(&module, 0);
    mc_buf_init(&pad, 0);
    mc_buf_char(&pad, 0); /* an empty name */
    while (pad.len < MC_WASM_MODULE_BYTES_MAX)
        mc_buf_bytes(&pad, "0123456789abcdef", 16);
    mc_buf_bytes(&module, "\0asm\1\0\0\0", 8);
    put_section(&module, 0, &pad);
    put_section(&module, 0, &pad);
    MC_EXPECT_OK(read_bytes(mc_buf_get(&module), &err), &err);
    put_section(&module, 11, &pad);
    MC_EXPECT_EQ(read_bytes(mc_buf_get(&module), &err), MC_TOO_LARGE);
    mc_buf_deinit(&pad);
    mc_buf_deinit(&module);
}

MC_TEST("blocks nest deeply, but not without bound")
{
    mc_buf module, body;
    mc_err err;

    mc_buf_init(&body, 0);
    mc_buf_init(&module, 0);
    mc_buf_char(&body, 0);
    for (int i = 0; i < MC_WASM_NESTING_MAX - 1; i++)
        mc_buf_bytes(&body, "\x02\x40", 2);
    for (int i = 0; i < MC_WASM_NESTING_MAX; i++)
        mc_buf_char(&body, 0x0b);
    put_functions(&module, 1, mc_buf_get(&body));
    MC_EXPECT_OK(read_bytes(mc_buf_get(&module), &err), &err);

    mc_buf_clear(&module);
    mc_buf_clear(&body);
    mc_buf_char(&body, 0);
    for (int i = 0; i < 1000000; i++)
        mc_buf_bytes(&body, "\x02\x40", 2);
    put_functions(&module, 1, mc_buf_get(&body));
    MC_EXPECT_EQ(read_bytes(mc_buf_get(&module), &err), MC_TOO_LARGE);
    MC_EXPECT_HAS(mc_z(err.msg), "50000 nested blocks");

    MC_CASE("operands");
    mc_buf_clear(&module);
    mc_buf_clear(&body);
    mc_buf_char(&body, 0);
    for (int i = 0; i < 100000; i++)
        mc_buf_bytes(&body, "\x41\x00", 2);
    put_functions(&module, 1, mc_buf_get(&body));
    MC_EXPECT_EQ(read_bytes(mc_buf_get(&module), &err), MC_TOO_LARGE);
    MC_EXPECT_HAS(mc_z(err.msg), "function 0 has more than 8000 locals and operands");
    mc_buf_deinit(&body);
    mc_buf_deinit(&module);
}

/* ---- the seeds of the fuzz target: also what is described, and the oracle's starting point ----
 */

static const char *const seeds[] = {"control", "memory", "numbers", "tables", "vectors"};

static mc_str seed(mc_arena *arena, const char *name)
{
    mc_str path = mc_str_printf(arena, "%s/%s.wat", MC_WASM_TESTDATA, name);
    mc_str text = mc_wasm_test_file(arena, mc_str_z(arena, path));

    return mc_wasm_test_wat(arena, mc_str_z(arena, text), NULL);
}

MC_TEST("a module tells its imports and exports with their types")
{
    mc_arena *arena = mc_arena_new(0);
    mc_wasm_module *module = NULL;
    mc_wasm_name name;
    mc_err err;

    if (!mc_wasm_test_has_wabt()) {
        mc_arena_free(arena);
        MC_SKIP("wat2wasm is not installed");
    }
    MC_REQUIRE_OK(mc_wasm_module_read(seed(arena, "tables"), &module, &err), &err);
    MC_EXPECT_EQ(mc_wasm_module_import_count(module), 1);
    mc_wasm_module_get_import(module, 0, &name);
    MC_EXPECT_Z(name.module, "env");
    MC_EXPECT_Z(name.name, "twice");
    MC_EXPECT_Z(mc_z(name.signature), "(i32)->(i32)");
    MC_EXPECT(mc_wasm_module_find_export(module, MC_STR("things"), &name));
    MC_EXPECT_Z(mc_z(name.signature), "(externref)->(i32,externref)");
    MC_EXPECT(mc_wasm_module_find_export(module, MC_STR("table"), &name));
    MC_EXPECT_EQ(name.kind, MC_WASM_TABLE);
    MC_EXPECT(!mc_wasm_module_find_export(module, MC_STR("nothing"), &name));
    mc_wasm_module_free(module);
    mc_arena_free(arena);
}

static uint64_t random_state = UINT64_C(0x2545f4914f6cdd1d);

/* xorshift64*: repeatable, which is the point here. */
static uint64_t next_random(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

#define ORACLE_ROUNDS 40

/* Half of the edits turn one opcode-like byte into its neighbour: those stay modules more often. */
static void mutate(char *bytes, size_t len)
{
    for (uint64_t edits = 1 + next_random() % 2; edits-- > 0;) {
        size_t at = 8 + (size_t)(next_random() % (len - 8));

        bytes[at] = next_random() % 2 ? (char)(bytes[at] + 1) : (char)next_random();
    }
}

MC_TEST("mutated modules are valid exactly when wasm-validate says so")
{
    mc_arena *arena = mc_arena_new((size_t)64 << 20);
    const char *path = mc_str_z(arena, mc_str_printf(arena, "%s/m.wasm", mc_test_dir()));
    const char *const oracle[] = {"wasm-validate", path, NULL};
    mc_str whole[MC_LEN(seeds)];
    int valid = 0;
    mc_err err;

    if (!mc_wasm_test_has_wabt()) {
        mc_arena_free(arena);
        MC_SKIP("wasm-validate is not installed");
    }
    for (size_t i = 0; i < MC_LEN(seeds); i++)
        whole[i] = seed(arena, seeds[i]);
    for (size_t i = 0; i < MC_LEN(seeds) * ORACLE_ROUNDS; i++) {
        mc_str bytes = mc_str_copy(arena, whole[i % MC_LEN(seeds)]);
        mc_code rc;

        mutate((char *)bytes.ptr, bytes.len);
        rc = read_bytes(bytes, &err);
        if (rc == MC_NOT_PROVIDED || rc == MC_TOO_LARGE)
            continue; /* what we refuse by choice */
        MC_REQUIRE(mc_wasm_test_write(path, bytes));
        MC_CASE(rc == MC_OK ? "we say valid" : err.msg);
        MC_EXPECT_EQ(mc_wasm_test_run(oracle) == 0, rc == MC_OK);
        valid += rc == MC_OK;
    }
    MC_CASE("both kinds occurred");
    MC_EXPECT(valid > 0 && valid < (int)MC_LEN(seeds) * ORACLE_ROUNDS);
    mc_arena_free(arena);
}

static mc_code read_without_memory(mc_err *err)
{
    static const char bytes[] = "\0asm\1\0\0\0\1\4\1\x60\0\0\3\2\1\0\4\4\1\x70\0\1\5\3\1\0\1"
                                "\7\5\1\1b\0\0\x09\7\1\0\x41\0\x0b\1\0\x0a\7\1\5\0\2\x40\x0b\x0b"
                                "\x0b\7\1\0\x41\0\x0b\1x";

    return read_bytes(mc_str_of(bytes, sizeof(bytes) - 1), err);
}

MC_TEST("reading survives the loss of any allocation")
{
    mc_err err;

    MC_EXPECT_OK(read_without_memory(&err), &err);
    MC_TEST_OOM(read_without_memory);
}
