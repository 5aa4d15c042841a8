/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/runtime/wasm/wasm_artefact.h"
#include "metacore/runtime/wasm/wasm_test_internal.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <unistd.h>

/* One exported function that gives 42; and 43. */
static const mc_str answer = MC_STR_INIT("\0asm\1\0\0\0\1\5\1\x60\0\1\x7f\3\2\1\0\7\5\1\1f\0\0"
                                         "\x0a\6\1\4\0\x41\x2a\x0b");
static const mc_str other = MC_STR_INIT("\0asm\1\0\0\0\1\5\1\x60\0\1\x7f\3\2\1\0\7\5\1\1f\0\0"
                                        "\x0a\6\1\4\0\x41\x2b\x0b");

typedef struct maker {
    mc_arena *arena;
    uint8_t secret[64], key[32], stranger[64];
    char name[MC_WASM_ARTEFACT_NAME];
    mc_buf file;
} maker;

static bool make(maker *m)
{
    mc_wasm_compiler_config config = {MC_WASM_COMPILER_CONFIG, .optimize = "-O0"};
    mc_wasm_compiler *compiler = NULL;
    uint8_t unused[32];
    mc_err err;

    m->arena = mc_arena_new(0);
    (void)crypto_sign_keypair(m->key, m->secret); /* always 0, both */
    (void)crypto_sign_keypair(unused, m->stranger);
    mc_buf_init_arena(&m->file, m->arena, 0);
    config.cache_dir = mc_test_dir();
    MC_EXPECT_OK(mc_wasm_compiler_new(&config, &compiler, &err), &err);
    MC_EXPECT_OK(mc_wasm_artefact_make(compiler, answer, MC_WASM_TIER_FULL, m->secret, m->name,
                                       &m->file, &err),
                 &err);
    mc_wasm_compiler_free(compiler);
    return m->file.len > 0;
}

/* What a machine without compilers makes of a file in its folder. */
static mc_code use(maker *m, const char *dir, size_t keys, mc_str module, mc_err *err)
{
    mc_wasm_compiler_config config = {MC_WASM_COMPILER_CONFIG,
                                      .gcc = "",
                                      .tcc = "",
                                      .artefact_dir = dir,
                                      .artefact_keys = (const uint8_t(*)[32])m->key,
                                      .artefact_key_count = keys};
    mc_wasm_compiler *compiler = NULL;
    mc_wasm_object object;
    mc_code rc;

    config.cache_dir = mc_test_dir();
    rc = mc_wasm_compiler_new(&config, &compiler, err);
    if (rc == MC_OK)
        rc = mc_wasm_compile(compiler, module, MC_WASM_TIER_FULL, &object, err);
    if (rc == MC_OK) {
        MC_EXPECT(object.was_cached && object.tier == MC_WASM_TIER_FULL);
        MC_EXPECT(fcntl(object.fd, F_GET_SEALS) & F_SEAL_WRITE);
        (void)close(object.fd); /* read only */
    }
    mc_wasm_compiler_free(compiler);
    return rc;
}

/* ---- what is done to the file ---- */

static void nothing(maker *m, mc_str *file)
{
    (void)m, (void)file;
}

static void spoil_object(maker *m, mc_str *file)
{
    (void)m;
    ((char *)file->ptr)[file->len - 100] ^= 1;
}

static void spoil_head(maker *m, mc_str *file)
{
    size_t at = mc_str_find(*file, MC_STR("\"compiler\":\""));

    (void)m;
    ((char *)file->ptr)[at + 14] ^= 1;
}

static void cut(maker *m, mc_str *file)
{
    (void)m;
    file->len -= 1;
}

static void cut_head(maker *m, mc_str *file)
{
    (void)m;
    file->len = 60;
}

static void empty(maker *m, mc_str *file)
{
    (void)m;
    file->len = 0;
}

/* With another word in the head, and signed by whose secret it is. */
static void resign(mc_str *file, const char *member, const uint8_t secret[64])
{
    size_t at = mc_str_find(*file, mc_z(member)), line = 0;
    uint8_t signature[64];
    char hex[129];

    ((char *)file->ptr)[at + strlen(member)] = 'z';
    for (int i = 0; i < 2; i++)
        line += mc_str_find(mc_str_slice(*file, line, file->len), MC_STR("\n")) + 1;
    (void)crypto_sign_detached(signature, NULL, (const unsigned char *)file->ptr, line,
                               secret); /* always 0 */
    (void)sodium_bin2hex(hex, sizeof(hex), signature, sizeof(signature));
    memcpy((char *)file->ptr + line, hex, sizeof(hex) - 1);
}

static void by_stranger(maker *m, mc_str *file)
{
    resign(file, "\"compiler\":\"", m->stranger);
}

static void of_other_emitter(maker *m, mc_str *file)
{
    resign(file, "\"emitter\":\"", m->secret);
}

static void of_other_machine(maker *m, mc_str *file)
{
    resign(file, "\"arch\":\"", m->secret);
}

static void of_other_module(maker *m, mc_str *file)
{
    resign(file, "\"module\":\"", m->secret);
}

static const struct {
    const char *name;
    void (*change)(maker *m, mc_str *file);
    size_t keys;
    mc_code code;
    const char *says;
} cases[] = {
    {"as it was made", nothing, 1, MC_OK, ""},
    {"nobody is trusted", nothing, 0, MC_FORBIDDEN, "no key is trusted here"},
    {"signed by a stranger", by_stranger, 1, MC_FORBIDDEN, "a key that is not trusted here"},
    {"a changed byte of the code", spoil_object, 1, MC_FORBIDDEN, "its code was changed"},
    {"a byte less of the code", cut, 1, MC_FORBIDDEN, "its code was changed"},
    {"a changed byte of what it says", spoil_head, 1, MC_FORBIDDEN, "it was changed, or signed"},
    {"cut within what it says", cut_head, 1, MC_FORBIDDEN, "it is no compiled code"},
    {"nothing at all", empty, 1, MC_FORBIDDEN, "it is no compiled code"},
    {"of another version", of_other_emitter, 1, MC_FORBIDDEN, "another version of metacore"},
    {"of another machine", of_other_machine, 1, MC_FORBIDDEN, "for other machines"},
    {"of another module", of_other_module, 1, MC_FORBIDDEN, "of another module"},
};

MC_TEST(
    "code that was compiled elsewhere is used when it is what its maker signed, and he is trusted")
{
    maker m = {NULL};
    mc_err err;

    MC_REQUIRE(make(&m));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        const char *dir = mc_test_dir();
        const char *path = mc_str_z(m.arena, mc_str_printf(m.arena, "%s/%s", dir, m.name));
        mc_str file = mc_str_copy(m.arena, mc_buf_get(&m.file));

        MC_CASE(cases[i].name);
        cases[i].change(&m, &file);
        MC_REQUIRE(mc_wasm_test_write(path, file));
        err = (mc_err){0};
        MC_EXPECT_EQ(use(&m, dir, cases[i].keys, answer, &err), cases[i].code);
        MC_EXPECT_HAS(mc_z(err.msg), cases[i].says);
        MC_EXPECT_EQ(use(&m, dir, cases[i].keys, other, &err), MC_NOT_PROVIDED);
        MC_EXPECT_HAS(mc_z(err.msg), "install tcc or gcc");
        MC_EXPECT_HAS(mc_z(err.msg), "metacore addon compile");
    }
    mc_arena_free(m.arena);
}

MC_TEST("a file of the same module for other machines is told from no file at all")
{
    maker m = {NULL};
    const char *dir = mc_test_dir(), *path;
    mc_err err;

    MC_REQUIRE(make(&m));
    memcpy(strrchr(m.name, '-'), "-other.code", sizeof("-other.code"));
    path = mc_str_z(m.arena, mc_str_printf(m.arena, "%s/%s", dir, m.name));
    MC_REQUIRE(mc_wasm_test_write(path, mc_buf_get(&m.file)));
    MC_EXPECT_EQ(use(&m, dir, 1, answer, &err), MC_FORBIDDEN);
    MC_EXPECT_HAS(mc_z(err.msg), "another version of metacore, or for other machines");
    MC_CASE("a link is not followed, a folder that is not there is empty");
    MC_EXPECT_EQ(use(&m, "/nowhere", 1, answer, &err), MC_NOT_PROVIDED);
    mc_arena_free(m.arena);
}
