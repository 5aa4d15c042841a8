/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/request_signature.h"

#include "mc_test.h"
#include "metacore/base/arena.h"
#include "metacore/security/digest.h"

#define SECRET MC_STR("a secret of an installation")
#define NOW (INT64_C(1700000000) * MC_TIME_US_PER_S)

static mc_signed_request request(void)
{
    return (mc_signed_request){.timestamp = MC_STR("1700000000"),
                               .nonce = MC_STR("n1"),
                               .method = MC_STR("POST"),
                               .path = MC_STR("/hook?x=1"),
                               .body = MC_STR("{}"),
                               .event = MC_STR("tickets.created"),
                               .installation_id = MC_STR("i"),
                               .tenant = MC_STR("t")};
}

static mc_str sign(const mc_signed_request *r, bool is_v2, mc_arena *arena)
{
    mc_buf out;
    mc_err err;

    mc_buf_init_arena(&out, arena, 0);
    MC_EXPECT_OK(is_v2 ? mc_request_sign_v2(SECRET, r, &out, &err)
                       : mc_request_sign_v1(SECRET, r, &out, &err),
                 &err);
    return mc_buf_get(&out);
}

static mc_code verify(const mc_signed_request *r, mc_str signature, mc_time now, mc_err *err)
{
    return mc_request_verify(SECRET, r, signature, now, MC_REQUEST_SKEW_S, err);
}

MC_TEST("version 1 is HMAC over timestamp, method, path, nonce and the body's digest")
{
    static const char text[] = "1700000000.POST./hook?x=1.n1."
                               "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    mc_arena *arena = mc_arena_new(0);
    mc_signed_request r = request();
    char hex[MC_SHA256_HEX];
    mc_sha256 mac;
    mc_err err;

    MC_REQUIRE_OK(mc_hmac_sha256(SECRET, mc_z(text), &mac, &err), &err);
    mc_sha256_hex(&mac, hex);
    MC_EXPECT_STR(sign(&r, false, arena), mc_str_printf(arena, "sha256=%.*s", MC_SHA256_HEX, hex));
    mc_arena_free(arena);
}

MC_TEST("both versions verify what they signed, within the window and not beyond it")
{
    mc_arena *arena = mc_arena_new(0);
    mc_signed_request r = request();
    mc_err err;

    for (int is_v2 = 0; is_v2 < 2; is_v2++) {
        mc_str signature = sign(&r, is_v2, arena);

        MC_EXPECT_OK(verify(&r, signature, NOW, &err), &err);
        MC_EXPECT_OK(verify(&r, signature, NOW + 300 * MC_TIME_US_PER_S, &err), &err);
        MC_EXPECT_EQ(verify(&r, signature, NOW + 301 * MC_TIME_US_PER_S, &err), MC_UNAUTHENTICATED);
        MC_EXPECT_Z(mc_z(err.msg), "timestamp outside window");
        MC_EXPECT_EQ(verify(&r, signature, NOW - 301 * MC_TIME_US_PER_S, &err), MC_UNAUTHENTICATED);
    }
    r.timestamp = MC_STR("soon");
    MC_EXPECT_EQ(verify(&r, MC_STR("v2=00"), NOW, &err), MC_UNAUTHENTICATED);
    MC_EXPECT_Z(mc_z(err.msg), "bad timestamp");
    mc_arena_free(arena);
}

MC_TEST("every field of version 2 is signed, and none can pass for another")
{
    mc_arena *arena = mc_arena_new(0);
    mc_signed_request signed_one = request(), r;
    mc_str signature = sign(&signed_one, true, arena);
    mc_err err;
    struct {
        const char *name;
        mc_str *field;
        const char *value;
    } changes[] = {
        {"nonce", &r.nonce, "n2"},
        {"method", &r.method, "PUT"},
        {"path", &r.path, "/hook?x=2"},
        {"body", &r.body, "[]"},
        {"event", &r.event, "tickets.deleted"},
        {"installation", &r.installation_id, "j"},
        {"tenant", &r.tenant, "u"},
    };

    for (size_t i = 0; i < MC_LEN(changes); i++) {
        MC_CASE(changes[i].name);
        r = signed_one;
        *changes[i].field = mc_z(changes[i].value);
        MC_EXPECT_EQ(verify(&r, signature, NOW, &err), MC_UNAUTHENTICATED);
        MC_EXPECT_Z(mc_z(err.msg), "signature mismatch");
    }
    mc_arena_free(arena);
}

MC_TEST("the ambiguity of version 1 does not exist in version 2")
{
    mc_arena *arena = mc_arena_new(0);
    mc_signed_request with = request(), without = request();
    mc_err err;

    with.path = MC_STR("/a");
    with.nonce = MC_STR("N");
    without.path = MC_STR("/a.N");
    without.nonce = MC_STR("");
    MC_EXPECT_STR(sign(&with, false, arena), sign(&without, false, arena));
    MC_EXPECT_EQ(mc_request_verify(SECRET, &without, sign(&with, true, arena), NOW, 300, &err),
                 MC_UNAUTHENTICATED);
    mc_arena_free(arena);
}

MC_TEST("version 2 has a nonce, and no field with a line feed")
{
    mc_signed_request r = request();
    mc_buf out;
    mc_err err;

    mc_buf_init(&out, 0);
    r.event = MC_STR("a\nb");
    MC_EXPECT_EQ(mc_request_sign_v2(SECRET, &r, &out, &err), MC_INVALID);
    r = request();
    r.nonce = MC_STR("");
    MC_EXPECT_EQ(mc_request_sign_v2(SECRET, &r, &out, &err), MC_INVALID);
    MC_EXPECT_EQ(out.len, 0);
    mc_buf_deinit(&out);
}

MC_TEST("an empty path is the root")
{
    mc_arena *arena = mc_arena_new(0);
    mc_signed_request none = request(), root = request();

    none.path = MC_STR("");
    root.path = MC_STR("/");
    MC_EXPECT_STR(sign(&none, true, arena), sign(&root, true, arena));
    mc_arena_free(arena);
}
