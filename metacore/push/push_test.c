/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/push/push.h"

#include "metacore/base/encode.h"
#include "metacore/base/json.h"

#include "mc_test.h"

#include <string.h>

/* RFC 8291, section 5 and appendix A. */
#define PLAIN "When I grow up, I want to be a watermelon"
#define UA_PUBLIC                                                                                  \
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
#define AUTH "BTBZMqHH6r4Tts7J_aSIgg"
#define AS_PRIVATE "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
#define AS_PUBLIC                                                                                  \
    "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
#define SALT "DGv6ra1nlYgDCS1FRnbzlw"
#define MESSAGE                                                                                    \
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS" \
    "6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Q"  \
    "ulcy4a-fN"

static const unsigned char *bytes(mc_arena *arena, const char *text)
{
    mc_str out = MC_STR("");

    MC_EXPECT(mc_base64url_parse(arena, mc_z(text), &out));
    return (const unsigned char *)out.ptr;
}

MC_TEST("a message is encrypted as RFC 8291 has it, to the byte")
{
    mc_arena *arena = mc_arena_new(0);
    mc_push_keys keys;
    mc_buf message, text;
    mc_err err;

    MC_REQUIRE(arena);
    mc_buf_init_arena(&message, arena, 0);
    mc_buf_init_arena(&text, arena, 0);
    MC_REQUIRE_OK(mc_push_keys_parse(MC_STR(AS_PUBLIC), MC_STR(AS_PRIVATE), &keys, &err), &err);
    MC_REQUIRE_OK(mc_push_encrypt(MC_STR(PLAIN), bytes(arena, UA_PUBLIC), bytes(arena, AUTH), &keys,
                                  bytes(arena, SALT), &message, &err),
                  &err);
    mc_base64url_write(&text, mc_buf_get(&message));
    MC_EXPECT_Z(mc_buf_get(&text), MESSAGE);
    mc_arena_free(arena);
}

MC_TEST("a message has at most what one record holds, and its receiver's key is a point")
{
    static char plain[MC_PUSH_PLAIN_MAX + 1];
    unsigned char point[MC_PUSH_POINT_BYTES];
    mc_arena *arena = mc_arena_new(0);
    mc_buf message;
    mc_err err;

    MC_REQUIRE(arena);
    mc_buf_init_arena(&message, arena, 0);
    memcpy(point, bytes(arena, UA_PUBLIC), sizeof(point));
    MC_EXPECT_OK(mc_push_encrypt_new(mc_str_of(plain, MC_PUSH_PLAIN_MAX), point, bytes(arena, AUTH),
                                     &message, &err),
                 &err);
    MC_EXPECT_EQ(message.len, 4096);
    MC_EXPECT_EQ(mc_push_encrypt_new(mc_str_of(plain, MC_PUSH_PLAIN_MAX + 1), point,
                                     bytes(arena, AUTH), &message, &err),
                 MC_TOO_LARGE);
    point[64] ^= 1;
    MC_EXPECT_EQ(mc_push_encrypt_new(MC_STR("x"), point, bytes(arena, AUTH), &message, &err),
                 MC_INVALID);
    mc_arena_free(arena);
}

static const struct {
    const char *name, *public_key, *private_key;
    bool is_good;
} pairs[] = {
    {"a pair", AS_PUBLIC, AS_PRIVATE, true},
    {"a pair, padded", AS_PUBLIC "=", AS_PRIVATE "=", true},
    {"of two pairs", UA_PUBLIC, AS_PRIVATE, false},
    {"no public key", "", AS_PRIVATE, false},
    {"no private key", AS_PUBLIC, "", false},
    {"a public key that is too short", "BP4z9KsN6nGRTbVYI_c7VA", AS_PRIVATE, false},
    {"a private key of zeros", AS_PUBLIC, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false},
    {"a private key above the order", AS_PUBLIC, "__________________________________________8",
     false},
    {"no base64", AS_PUBLIC, "yfWPiYE*n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw", false},
};

MC_TEST("keys are taken only as one pair of P-256")
{
    mc_push_keys keys;
    mc_err err;

    for (size_t i = 0; i < MC_LEN(pairs); i++) {
        MC_CASE(pairs[i].name);
        MC_EXPECT_EQ(mc_push_keys_parse(mc_z(pairs[i].public_key), mc_z(pairs[i].private_key),
                                        &keys, &err) == MC_OK,
                     pairs[i].is_good);
    }
}

static const struct {
    const char *endpoint, *origin;
} origins[] = {
    {"https://push.example.net/send/abc?x=1", "https://push.example.net"},
    {"https://push.example.net:443/x", "https://push.example.net"},
    {"http://127.0.0.1:8080/x", "http://127.0.0.1:8080"},
};

MC_TEST("the token is for the endpoint's origin and for half a day")
{
    mc_arena *arena = mc_arena_new(0);
    mc_push_keys keys;
    mc_err err;

    MC_REQUIRE(arena);
    MC_REQUIRE_OK(mc_push_keys_parse(MC_STR(AS_PUBLIC), MC_STR(AS_PRIVATE), &keys, &err), &err);
    for (size_t i = 0; i < MC_LEN(origins); i++) {
        mc_str value, token, head, claims, text;
        const mc_json *json;

        MC_CASE(origins[i].endpoint);
        MC_REQUIRE_OK(mc_push_vapid(&keys, mc_z(origins[i].endpoint), MC_STR("mailto:a@b.example"),
                                    1700000000 * MC_TIME_US_PER_S, arena, &value, &err),
                      &err);
        MC_EXPECT(mc_str_starts_with(value, MC_STR("vapid t=")));
        MC_EXPECT(mc_str_ends_with(value, MC_STR(", k=" AS_PUBLIC)));
        token = mc_str_slice(value, 8, value.len);
        MC_REQUIRE(mc_str_split(&token, '.', &head) && mc_str_split(&token, '.', &claims));
        MC_REQUIRE(mc_base64url_parse(arena, claims, &text));
        MC_REQUIRE_OK(mc_json_parse(arena, text, NULL, &json, &err), &err);
        MC_EXPECT(mc_json_get_str(mc_json_find(json, MC_STR("aud")), &text));
        MC_EXPECT_Z(text, origins[i].origin);
        MC_EXPECT(mc_json_get_str(mc_json_find(json, MC_STR("sub")), &text));
        MC_EXPECT_Z(text, "mailto:a@b.example");
    }
    mc_arena_free(arena);
}
