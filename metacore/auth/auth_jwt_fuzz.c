/* SPDX-License-Identifier: Apache-2.0 */
/* A token as a stranger sends it; and, well signed, a stranger's claims. */
#include "metacore/auth/auth_internal.h"

#include "metacore/base/encode.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void verify_signed(const mc__jwt *jwt, mc_arena *arena, mc_str claims)
{
    unsigned char mac[MC__SHA256_LEN];
    mc__claims out;
    mc_buf token;
    mc_err err;

    mc_buf_init_arena(&token, arena, 0);
    mc_base64url_write(&token, MC_STR("{\"alg\":\"HS256\",\"typ\":\"JWT\"}"));
    mc_buf_char(&token, '.');
    mc_base64url_write(&token, claims);
    if (mc_buf_failed(&token) || mc__keys_sign(jwt->keys, mc_buf_get(&token), mac, &err) != MC_OK)
        return;
    mc_buf_char(&token, '.');
    mc_base64url_write(&token, mc_str_of((const char *)mac, sizeof(mac)));
    if (mc__jwt_verify(jwt, arena, mc_buf_get(&token), 1, &out, &err) == MC_OK &&
        mc_uuid_is_nil(out.user_id))
        abort(); /* nobody was let in */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mc__jwt jwt = {.issuer = MC_STR("metacore"), .audience = MC_STR("")};
    mc_str text = mc_str_of((const char *)data, size);
    mc_arena *arena = mc_arena_new(0);
    mc_uuid session_id;
    mc__claims claims;
    mc_err err;

    if (arena && mc__keys_new(MC_STR("0123456789abcdef0123456789abcdef"), (mc_strs){NULL, 0},
                              &jwt.keys, &err) == MC_OK) {
        (void)mc__jwt_verify(&jwt, arena, text, 1, &claims, &err); /* no crash is all we want */
        (void)mc__refresh_parse(jwt.keys, arena, text, &session_id, &err);
        verify_signed(&jwt, arena, text);
        mc__keys_free(jwt.keys);
    }
    mc_arena_free(arena);
    return 0;
}
