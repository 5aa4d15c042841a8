/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of webhooks: made, kept, shown once. */
#include "metacore/base/encode.h"
#include "metacore/base/random.h"
#include "metacore/webhooks/webhooks_internal.h"

#define SEALED_PREFIX "box:" /* what stands in the column is sealed; a plain one is hexadecimal */

mc_code mc__webhook_secret_new(mc_webhooks *self, mc_arena *arena, mc_str *out_plain,
                               mc_str *out_stored, mc_err *err)
{
    unsigned char bytes[MC__SECRET_HEX / 2];
    mc_buf plain, sealed;
    mc_code rc = mc_random_bytes(bytes, sizeof(bytes), err);

    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&plain, arena, 0);
    mc_buf_init_arena(&sealed, arena, 0);
    mc_hex_write(&plain, mc_str_of((const char *)bytes, sizeof(bytes)));
    mc_wipe(bytes, sizeof(bytes));
    rc = mc_buf_check(&plain, "webhook secret", err);
    if (rc == MC_OK && self->config.box) {
        mc_buf_lit(&sealed, SEALED_PREFIX);
        rc = mc_secretbox_seal(self->config.box, mc_buf_get(&plain), &sealed, err);
        if (rc == MC_OK)
            rc = mc_buf_check(&sealed, "webhook secret", err);
    }
    if (rc != MC_OK)
        return rc;
    *out_plain = mc_buf_get(&plain);
    *out_stored = self->config.box ? mc_buf_get(&sealed) : *out_plain;
    return MC_OK;
}

mc_code mc__webhook_secret_open(const mc_webhooks *self, mc_arena *arena, mc_str stored,
                                mc_str *out, mc_err *err)
{
    mc_str prefix = MC_STR(SEALED_PREFIX);

    if (!mc_str_starts_with(stored, prefix)) {
        *out = mc_str_copy(arena, stored);
        return out->len == stored.len ? MC_OK : mc_fail(err, MC_NO_MEMORY, "webhook secret");
    }
    if (!self->config.box)
        return mc_fail(err, MC_UNAVAILABLE,
                       "the webhook's secret is sealed, and there is no master key to open it");
    return mc_secretbox_open(self->config.box, arena, mc_str_slice(stored, prefix.len, stored.len),
                             out, err);
}

void mc__webhook_secret_write(mc_arena *arena, mc_str plain, mc_buf *out)
{
    mc_buf standard;

    mc_buf_init_arena(&standard, arena, 0);
    mc_buf_lit(&standard, "whsec_");
    mc_base64_write(&standard, plain);
    mc_buf_lit(out, ",\"secret\":");
    mc_json_write_str(out, plain);
    mc_buf_lit(out, ",\"signing_secret\":");
    mc_json_write_str(out, mc_buf_get(&standard));
}
