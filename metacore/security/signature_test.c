/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/signature.h"

#include "mc_test.h"
#include "metacore/base/encode.h"

/* RFC 8032, section 7.1, test 3's key. */
#define SEED "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
#define PUBLIC "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"
#define OTHER "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"

static mc_arena *arena;
static mc_signing_keys keys;
static mc_secret_key secret;
static mc_signed_bundle bundle;
static const mc_signed_file files[] = {
    {MC_STR_INIT("manifest.json"), MC_STR_INIT("00")},
    {MC_STR_INIT("migrations/0001_init.sql"), MC_STR_INIT("ab12")},
};

static void setup(void)
{
    mc_str seed, public_key;
    mc_err err;

    arena = mc_arena_new(0);
    MC_REQUIRE(mc_hex_parse(arena, MC_STR(SEED), &seed));
    MC_REQUIRE(mc_hex_parse(arena, MC_STR(PUBLIC), &public_key));
    memcpy(secret.bytes, seed.ptr, 32);
    memcpy(secret.bytes + 32, public_key.ptr, 32);
    MC_REQUIRE_OK(mc_signing_keys_parse(MC_STR(" " OTHER " ,, " PUBLIC), &keys, &err), &err);
    bundle = (mc_signed_bundle){.key = MC_STR("tickets"),
                                .version = MC_STR("1.2.0"),
                                .files = files,
                                .file_count = MC_LEN(files)};
    MC_REQUIRE_OK(mc_sha256_of(MC_STR("the archive"), &bundle.digest, &err), &err);
}

static mc_str sign(bool is_v2, bool is_base64)
{
    unsigned char value[MC_SIGNATURE_BYTES];
    mc_buf text;
    mc_err err;

    mc_buf_init_arena(&text, arena, 0);
    MC_EXPECT_OK(mc_signature_make(&secret, &bundle, is_v2, value, &err), &err);
    if (is_base64)
        mc_base64_write(&text, mc_str_of((const char *)value, sizeof(value)));
    else
        mc_hex_write(&text, mc_str_of((const char *)value, sizeof(value)));
    return mc_buf_get(&text);
}

static mc_code verify(mc_signature signature, mc_err *err)
{
    return mc_signature_verify(&keys, arena, &signature, &bundle, err);
}

MC_TEST("a trusted key's signature verifies, in hexadecimal and in base64, of both versions")
{
    mc_err err;

    setup();
    MC_EXPECT_OK(verify((mc_signature){.value = sign(false, false)}, &err), &err);
    MC_EXPECT_OK(
        verify((mc_signature){.algorithm = MC_STR(" Ed25519 "), .value = sign(false, true)}, &err),
        &err);
    MC_EXPECT_OK(
        verify((mc_signature){.algorithm = MC_STR("ed25519-v2"), .value = sign(true, false)}, &err),
        &err);
    mc_arena_free(arena);
}

MC_TEST("a version 2 signature is no signature for another version, key or archive")
{
    mc_signature v2 = {.algorithm = MC_STR("ed25519-v2")};
    mc_err err;

    setup();
    v2.value = sign(true, false);
    bundle.version = MC_STR("1.1.0");
    MC_EXPECT_EQ(verify(v2, &err), MC_FORBIDDEN);
    bundle.version = MC_STR("1.2.0");
    bundle.key = MC_STR("billing");
    MC_EXPECT_EQ(verify(v2, &err), MC_FORBIDDEN);
    bundle.key = MC_STR("tickets");
    MC_EXPECT_OK(verify(v2, &err), &err);
    bundle.digest.bytes[0] ^= 1;
    MC_EXPECT_EQ(verify(v2, &err), MC_FORBIDDEN);
    MC_EXPECT_Z(mc_z(err.msg), "security: signature does not verify under any trusted key");
    MC_CASE("nor is it one of version 1");
    bundle.digest.bytes[0] ^= 1;
    v2.algorithm = MC_STR("");
    MC_EXPECT_EQ(verify(v2, &err), MC_FORBIDDEN);
    mc_arena_free(arena);
}

static const struct {
    const char *name, *algorithm, *value, *digest, *message;
} refused[] = {
    {"no value", "", "  ", "", "security: bundle has no signature"},
    {"another algorithm", "rsa", "00", "", "security: unsupported signature algorithm: \"rsa\""},
    {"hexadecimal of another length", "", "00ff", "", "security: signature has 2 bytes, want 64"},
    {"neither hexadecimal nor base64", "", "not a signature", "",
     "security: signature is not hex: nor base64 of 64 bytes"},
};

MC_TEST("a malformed signature is refused in the contract's words")
{
    setup();
    for (size_t i = 0; i < MC_LEN(refused); i++) {
        mc_err err;

        MC_CASE(refused[i].name);
        MC_EXPECT_EQ(verify((mc_signature){.algorithm = mc_z(refused[i].algorithm),
                                           .value = mc_z(refused[i].value),
                                           .digest = mc_z(refused[i].digest)},
                            &err),
                     MC_FORBIDDEN);
        MC_EXPECT_Z(mc_z(err.msg), refused[i].message);
    }
    mc_arena_free(arena);
}

MC_TEST("without a trusted key nothing verifies, and a stated digest must be the computed one")
{
    mc_signing_keys none = {.count = 0};
    mc_signature signature;
    mc_err err;

    setup();
    signature = (mc_signature){.value = sign(false, false)};
    MC_EXPECT_EQ(mc_signature_verify(&none, arena, &signature, &bundle, &err), MC_FORBIDDEN);
    MC_EXPECT_Z(mc_z(err.msg), "security: no trusted public keys configured");
    signature.digest = MC_STR("deadbeefdeadbeef");
    MC_EXPECT_EQ(verify(signature, &err), MC_FORBIDDEN);
    MC_EXPECT_HAS(mc_z(err.msg), "security: digest drift (manifest=deadbeefdead, computed=");
    mc_arena_free(arena);
}

static const struct {
    const char *name, *checksums, *message;
} lists[] = {
    {"none", "{}", NULL},
    {"all, in any case", "{\"migrations/0001_init.sql\":\"AB12\"}", NULL},
    {"the manifest's own does not count",
     "{\"migrations/0001_init.sql\":\"ab12\",\"manifest.json\":\"ff\"}", NULL},
    {"one that is not there", "{\"migrations/0001_init.sql\":\"ab12\",\"x.js\":\"00\"}",
     "security: per-file checksum mismatch: entry \"x.js\" listed in checksums but missing from "
     "bundle"},
    {"one that is another", "{\"migrations/0001_init.sql\":\"ab13\"}",
     "security: per-file checksum mismatch: entry \"migrations/0001_init.sql\" (manifest=ab13, "
     "computed=ab12)"},
    {"one that is not listed", "{\"manifest.json\":\"00\"}",
     "security: per-file checksum mismatch: entry \"migrations/0001_init.sql\" present in bundle "
     "but not declared in checksums"},
    {"a checksum that is no text", "{\"migrations/0001_init.sql\":7}",
     "security: per-file checksum mismatch: entry \"migrations/0001_init.sql\" has no checksum"},
};

MC_TEST("checksums name every file but the manifest, and match")
{
    setup();
    for (size_t i = 0; i < MC_LEN(lists); i++) {
        mc_signature signature = {.value = sign(false, false)};
        mc_err err = {MC_OK, ""};

        MC_CASE(lists[i].name);
        MC_REQUIRE_OK(
            mc_json_parse(arena, mc_z(lists[i].checksums), NULL, &signature.checksums, &err), &err);
        MC_EXPECT_EQ(verify(signature, &err), lists[i].message ? MC_FORBIDDEN : MC_OK);
        if (lists[i].message)
            MC_EXPECT_Z(mc_z(err.msg), lists[i].message);
    }
    mc_arena_free(arena);
}

static const struct {
    const char *name, *list;
    size_t count; /* 99: refused */
    const char *message;
} key_lists[] = {
    {"nothing", "", 0, NULL},
    {"two, with blanks", PUBLIC " , " OTHER, 2, NULL},
    {"one too short", PUBLIC ",abcd", 99, "security: public key 2 is not 64 hexadecimal digits"},
    {"one of other letters", "zz51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", 99,
     "security: public key 1 is not 64 hexadecimal digits"},
};

MC_TEST("one bad key among the trusted ones is an error, never a shorter list")
{
    for (size_t i = 0; i < MC_LEN(key_lists); i++) {
        mc_signing_keys out = {.count = 7};
        mc_err err;
        mc_code rc = mc_signing_keys_parse(mc_z(key_lists[i].list), &out, &err);

        MC_CASE(key_lists[i].name);
        if (key_lists[i].count == 99) {
            MC_EXPECT_EQ(rc, MC_INVALID);
            MC_EXPECT_Z(mc_z(err.msg), key_lists[i].message);
            MC_EXPECT_EQ(out.count, 7);
        } else {
            MC_EXPECT_EQ(rc, MC_OK);
            MC_EXPECT_EQ(out.count, key_lists[i].count);
        }
    }
}

MC_TEST("a new key pair signs for its public half")
{
    mc_secret_key fresh;
    mc_public_key public_key;
    mc_err err;

    setup();
    MC_REQUIRE_OK(mc_secret_key_new(&fresh, &keys.items[0], &err), &err);
    mc_secret_key_public(&fresh, &public_key);
    MC_EXPECT_EQ(memcmp(&public_key, &keys.items[0], sizeof(public_key)), 0);
    secret = fresh;
    MC_EXPECT_OK(verify((mc_signature){.value = sign(false, false)}, &err), &err);
    mc_arena_free(arena);
}
