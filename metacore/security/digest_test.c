/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/digest.h"
#include "metacore/security/secretbox.h"

#include "mc_test.h"
#include "metacore/base/encode.h"

static mc_str hex_of(const mc_sha256 *digest, char out[MC_SHA256_HEX])
{
    mc_sha256_hex(digest, out);
    return mc_str_of(out, MC_SHA256_HEX);
}

static const struct {
    const char *name, *text, *hex;
} digests[] = {
    {"nothing", "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"FIPS 180's example", "abc",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
};

MC_TEST("SHA-256 gives the standard's digests")
{
    for (size_t i = 0; i < MC_LEN(digests); i++) {
        char hex[MC_SHA256_HEX];
        mc_sha256 digest;
        mc_err err;

        MC_CASE(digests[i].name);
        MC_REQUIRE_OK(mc_sha256_of(mc_z(digests[i].text), &digest, &err), &err);
        MC_EXPECT_Z(hex_of(&digest, hex), digests[i].hex);
    }
}

MC_TEST("HMAC-SHA256 gives RFC 4231's second case, and the webhook's vector")
{
    char hex[MC_SHA256_HEX];
    mc_sha256 mac;
    mc_err err;

    MC_REQUIRE_OK(
        mc_hmac_sha256(MC_STR("Jefe"), MC_STR("what do ya want for nothing?"), &mac, &err), &err);
    MC_EXPECT_Z(hex_of(&mac, hex),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    MC_REQUIRE_OK(
        mc_hmac_sha256(MC_STR("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
                       MC_STR("1700000000.{\"order_id\":\"123\"}"), &mac, &err),
        &err);
    MC_EXPECT_Z(hex_of(&mac, hex),
                "48ac926c54335fa84ddf200a2efc7cab086ac94bc6d3fc767d9708aff7e17652");
}

/* ---- secretbox ---- */

#define KEY "0123456789abcdef0123456789abcdef"

MC_TEST("what was sealed opens under its key, is another text each time, and shows nothing")
{
    mc_arena *arena = mc_arena_new(0);
    mc_secretbox box;
    mc_buf first, second;
    mc_str opened;
    mc_err err;

    mc_buf_init(&first, 0);
    mc_buf_init(&second, 0);
    MC_REQUIRE_OK(mc_secretbox_init(&box, MC_STR(KEY), &err), &err);
    MC_REQUIRE_OK(mc_secretbox_seal(&box, MC_STR("s3cret \0 bytes"), &first, &err), &err);
    MC_REQUIRE_OK(mc_secretbox_seal(&box, MC_STR("s3cret \0 bytes"), &second, &err), &err);
    MC_EXPECT(!mc_str_eq(mc_buf_get(&first), mc_buf_get(&second)));
    MC_EXPECT_EQ(mc_str_find(mc_buf_get(&first), MC_STR("s3cret")), first.len);
    MC_REQUIRE_OK(mc_secretbox_open(&box, arena, mc_buf_get(&first), &opened, &err), &err);
    MC_EXPECT_STR(opened, MC_STR("s3cret \0 bytes"));
    mc_buf_clear(&first);
    MC_REQUIRE_OK(mc_secretbox_seal(&box, MC_STR(""), &first, &err), &err);
    MC_REQUIRE_OK(mc_secretbox_open(&box, arena, mc_buf_get(&first), &opened, &err), &err);
    MC_EXPECT_EQ(opened.len, 0);
    mc_secretbox_deinit(&box);
    mc_buf_deinit(&first);
    mc_buf_deinit(&second);
    mc_arena_free(arena);
}

MC_TEST("a secret of the reference's format opens: nonce, ciphertext and tag in base64")
{
    /* Key 32 bytes 0x00…0x1f, nonce of twelve 0x07, plain "hello": made with another library. */
    static const char sealed[] = "BwcHBwcHBwcHBwcHZw/KMADChmNBd3kjPtvtflwkKTq/";
    unsigned char key[32];
    mc_arena *arena = mc_arena_new(0);
    mc_secretbox box;
    mc_str opened;
    mc_err err;

    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = (unsigned char)i;
    MC_REQUIRE_OK(mc_secretbox_init(&box, mc_str_of((const char *)key, sizeof(key)), &err), &err);
    MC_EXPECT_OK(mc_secretbox_open(&box, arena, mc_z(sealed), &opened, &err), &err);
    MC_EXPECT_Z(opened, "hello");
    mc_secretbox_deinit(&box);
    mc_arena_free(arena);
}

MC_TEST("no single bit of a sealed secret can be changed, and no other key opens it")
{
    mc_arena *arena = mc_arena_new(0);
    mc_secretbox box, other;
    mc_buf sealed, text;
    mc_str bytes, opened = MC_STR("untouched");
    mc_err err;

    mc_buf_init(&sealed, 0);
    mc_buf_init(&text, 0);
    MC_REQUIRE_OK(mc_secretbox_init(&box, MC_STR(KEY), &err), &err);
    MC_REQUIRE_OK(mc_secretbox_init(&other, MC_STR("x123456789abcdef0123456789abcdef"), &err),
                  &err);
    MC_REQUIRE_OK(mc_secretbox_seal(&box, MC_STR("abc"), &sealed, &err), &err);
    MC_REQUIRE(mc_base64_parse(arena, mc_buf_get(&sealed), &bytes));
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        char *copy = (char *)mc_str_copy(arena, bytes).ptr;

        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        mc_buf_clear(&text);
        mc_base64_write(&text, mc_str_of(copy, bytes.len));
        MC_EXPECT_EQ(mc_secretbox_open(&box, arena, mc_buf_get(&text), &opened, &err), MC_INVALID);
    }
    MC_EXPECT_EQ(mc_secretbox_open(&other, arena, mc_buf_get(&sealed), &opened, &err), MC_INVALID);
    MC_EXPECT_Z(opened, "untouched");
    mc_secretbox_deinit(&box);
    mc_secretbox_deinit(&other);
    mc_buf_deinit(&sealed);
    mc_buf_deinit(&text);
    mc_arena_free(arena);
}

static const struct {
    const char *name, *sealed, *message;
} malformed[] = {
    {"no base64", "????", "secretbox: base64: malformed"},
    {"nothing", "", "secretbox: ciphertext too short"},
    {"shorter than nonce and tag", "AAAAAAAAAAAAAAAA", "secretbox: ciphertext too short"},
};

MC_TEST("what is no sealed secret is refused with one line")
{
    mc_arena *arena = mc_arena_new(0);
    mc_secretbox box;
    mc_str opened;
    mc_err err;

    MC_REQUIRE_OK(mc_secretbox_init(&box, MC_STR(KEY), &err), &err);
    for (size_t i = 0; i < MC_LEN(malformed); i++) {
        MC_CASE(malformed[i].name);
        MC_EXPECT_EQ(mc_secretbox_open(&box, arena, mc_z(malformed[i].sealed), &opened, &err),
                     MC_INVALID);
        MC_EXPECT_Z(mc_z(err.msg), malformed[i].message);
    }
    mc_secretbox_deinit(&box);
    MC_CASE("a key of another length");
    MC_EXPECT_EQ(mc_secretbox_init(&box, MC_STR("short"), &err), MC_INVALID);
    MC_EXPECT_Z(mc_z(err.msg), "secretbox: master key must be 32 bytes, got 5");
    mc_arena_free(arena);
}
