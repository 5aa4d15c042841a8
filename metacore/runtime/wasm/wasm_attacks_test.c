/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/runtime/wasm/wasm_attacks_test_internal.h"

#define R64 " (param i32 i32) (result i64) "
#define NOTHING " (i64.const 0)"

const char mc_wasm_attack_fields[] =
    "(type $v (func)) (table $calls 2 200000 funcref) (elem (table $calls) (i32.const 0) $v)"
    "(func $v) "
    "(func $deep (export \"deep\")" R64 "(call $deep (local.get 0) (local.get 1)))"
    "(func $mutual (export \"mutual\")" R64 " (local i64 i64 i64 i64 f64 f64)"
    " (call_indirect $calls (i32.const 0)) (i64.add (call $mutual2 (local.get 1) (local.get 0)) "
    "(i64.const 1)))"
    "(func $mutual2" R64 "(i64.mul (call $mutual (local.get 1) (local.get 0)) (i64.const 3)))"
    "(func (export \"load\")" R64 "(i64.load offset=4294967295 (i32.const -1)))"
    "(func (export \"dead_load\")" R64 "(drop (i32.load (i32.const 131072)))" NOTHING ")"
    "(func (export \"store\")" R64 "(i64.store (i32.const 131065) (i64.const 1))" NOTHING ")"
    "(func (export \"unreachable\")" R64 "(unreachable))"
    "(func (export \"divide\")" R64 "(i64.div_u (i64.const 1) (i64.extend_i32_u (i32.const 0))))"
    "(func (export \"overflow\")" R64 "(i64.div_s (i64.const -9223372036854775808) (i64.const -1)))"
    "(func (export \"convert\")" R64 "(i64.trunc_f64_s (f64.const nan)))"
    "(func (export \"undefined\")" R64 "(call_indirect $calls (i32.const 9))" NOTHING ")"
    "(func (export \"null\")" R64 "(call_indirect $calls (i32.const 1))" NOTHING ")"
    "(func (export \"type\")" R64 "(call_indirect $calls (result i64) (i32.const 0)))"
    "(func (export \"outside\")" R64 "(i64.const -1))"
    "(func (export \"outside_2\")" R64 "(i64.const 0x0001ffff00000002))"
    "(func (export \"spin\")" R64 "(loop (br 0))" NOTHING ")"
    "(func (export \"spin_store\")" R64
    "(loop (i32.store (i32.const 8) (i32.const 1)) (br 0))" NOTHING ")"
    "(func (export \"grow\")" R64
    "(loop (br_if 0 (i32.ge_s (memory.grow (i32.const 16)) (i32.const 0))))"
    "(if (i32.ne (memory.size) (i32.const 1010)) (then (unreachable)))" NOTHING ")"
    "(func (export \"grow_table\")" R64 "(loop (br_if 0 (i32.ge_s (table.grow $calls (ref.null "
    "func) (i32.const 999)) (i32.const 0))))" NOTHING ")"
    "(func (export \"touch\")" R64 "(drop (memory.grow (i32.const 512)))"
    "(memory.fill (i32.const 0) (i32.const 255) (i32.const 33554432))" NOTHING ")"
    "(func (export \"fill\")" R64 "(memory.fill (i32.const 0) (i32.const 0) (i32.const -1))" NOTHING
    ")";

const mc_wasm_attack_case mc_wasm_attacks[] = {
    {"deep", MC_REJECTED, "call stack exhausted"},
    {"mutual", MC_REJECTED, "call stack exhausted"},
    {"load", MC_REJECTED, "out of bounds memory access"},
    {"dead_load", MC_REJECTED, "out of bounds memory access"},
    {"store", MC_REJECTED, "out of bounds memory access"},
    {"unreachable", MC_REJECTED, "unreachable"},
    {"divide", MC_REJECTED, "integer divide by zero"},
    {"overflow", MC_REJECTED, "integer overflow"},
    {"convert", MC_REJECTED, "invalid conversion"},
    {"undefined", MC_REJECTED, "undefined element"},
    {"null", MC_REJECTED, "uninitialized element"},
    {"type", MC_REJECTED, "indirect call type mismatch"},
    {"outside", MC_REJECTED, "returned invalid ptr/len"},
    {"outside_2", MC_REJECTED, "returned invalid ptr/len"},
    {"grow", MC_OK, NULL},
    {"grow_table", MC_OK, NULL},
    {"touch", MC_OK, NULL},
    {"fill", MC_REJECTED, "out of bounds memory access"},
    {"spin", MC_TIMEOUT, NULL},
    {"spin_store", MC_TIMEOUT, NULL},
};

size_t mc_wasm_attack_count(void)
{
    return MC_LEN(mc_wasm_attacks);
}

void mc_wasm_attack(mc_wasm_guest *guest, size_t i)
{
    const mc_wasm_attack_case *attack = &mc_wasm_attacks[i];
    mc_err err = {0};

    MC_EXPECT_EQ(
        mc_wasm_test_call(guest, attack->function, attack->code == MC_TIMEOUT ? 30 : 5000, &err),
        attack->code);
    if (attack->says)
        MC_EXPECT_HAS(mc_z(err.msg), attack->says);
}
