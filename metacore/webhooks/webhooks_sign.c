/* SPDX-License-Identifier: Apache-2.0 */
/* What proves to a receiver who sent a delivery, and which it is. */
#include "metacore/base/encode.h"
#include "metacore/security/digest.h"
#include "metacore/webhooks/webhooks_internal.h"

typedef struct headers {
    const mc__attempt *a;
    mc_http_pair *out;
    size_t count;
    bool failed;
} headers;

static void add(headers *h, const char *name, mc_str value)
{
    h->failed = h->failed || !value.ptr;
    h->out[h->count++] = (mc_http_pair){mc_z(name), value};
}

static mc_str hex(mc_arena *arena, const mc_sha256 *digest)
{
    char text[MC_SHA256_HEX];

    mc_sha256_hex(digest, text);
    return mc_str_copy(arena, mc_str_of(text, sizeof(text)));
}

static void write_v1(const mc_sha256 *digest, mc_buf *out)
{
    mc_buf_str(out, out->len ? MC_STR(" v1,") : MC_STR("v1,"));
    mc_base64_write(out, mc_str_of((const char *)digest->bytes, sizeof(digest->bytes)));
}

/* head and the body, whole: the digest is of one text. */
static mc_str signed_text(mc_arena *arena, mc_str head, mc_str body)
{
    mc_buf text;

    mc_buf_init_arena(&text, arena, 0);
    mc_buf_str(&text, head);
    mc_buf_str(&text, body);
    return mc_buf_failed(&text) ? MC_STR("") : mc_buf_get(&text);
}

static mc_code sign(headers *h, mc_str id, mc_str stamp, mc_err *err)
{
    mc_arena *arena = h->a->arena;
    mc_str body = h->a->payload;
    mc_str plain = signed_text(arena, mc_str_printf(arena, "%.*s.", MC_FMT(stamp)), body);
    mc_str full =
        signed_text(arena, mc_str_printf(arena, "%.*s.%.*s.", MC_FMT(id), MC_FMT(stamp)), body);
    mc_str named = signed_text(
        arena,
        mc_str_printf(arena, "%.*s.%.*s.%.*s.", MC_FMT(id), MC_FMT(stamp), MC_FMT(h->a->event)),
        body);
    mc_sha256 digest;
    mc_buf list;
    mc_code rc;

    if (!plain.len || !full.len || !named.len)
        return mc_fail(err, MC_NO_MEMORY, "webhook signature");
    mc_buf_init_arena(&list, arena, 0);
    rc = mc_hmac_sha256(h->a->secret, plain, &digest, err);
    if (rc == MC_OK) {
        add(h, "X-Metacore-Signature", hex(arena, &digest));
        rc = mc_hmac_sha256(h->a->secret, named, &digest, err);
    }
    if (rc == MC_OK) {
        add(h, "X-Metacore-Signature-V2", hex(arena, &digest));
        rc = mc_hmac_sha256(h->a->secret, full, &digest, err);
    }
    if (rc == MC_OK)
        write_v1(&digest, &list);
    if (rc == MC_OK && h->a->previous.len) {
        rc = mc_hmac_sha256(h->a->previous, plain, &digest, err);
        if (rc == MC_OK) {
            add(h, "X-Metacore-Signature-Previous", hex(arena, &digest));
            rc = mc_hmac_sha256(h->a->previous, full, &digest, err);
        }
        if (rc == MC_OK)
            write_v1(&digest, &list);
    }
    if (rc == MC_OK)
        rc = mc_buf_check(&list, "webhook signature", err);
    if (rc == MC_OK)
        add(h, "webhook-signature", mc_buf_get(&list));
    return rc;
}

mc_code mc__attempt_headers(const mc__attempt *a, mc_time now, mc_http_pair *out, size_t *out_count,
                            mc_err *err)
{
    headers h = {.a = a, .out = out};
    char id_text[MC_UUID_TEXT_LEN];
    mc_str stamp = mc_str_printf(a->arena, "%lld", (long long)(now / MC_TIME_US_PER_S)), id;
    mc_code rc;

    mc_uuid_format(a->id, id_text);
    id = mc_str_copy(a->arena, mc_str_of(id_text, sizeof(id_text)));
    add(&h, "Content-Type", MC_STR("application/json"));
    add(&h, "X-Metacore-Event", a->event);
    add(&h, "X-Metacore-Timestamp", stamp);
    add(&h, "X-Metacore-Delivery", id);
    add(&h, "X-Metacore-Attempt", mc_str_printf(a->arena, "%lld", (long long)a->number));
    add(&h, "webhook-id", id);
    add(&h, "webhook-timestamp", stamp);
    if (h.failed)
        return mc_fail(err, MC_NO_MEMORY, "webhook headers");
    rc = sign(&h, id, stamp, err);
    if (rc == MC_OK && h.failed)
        rc = mc_fail(err, MC_NO_MEMORY, "webhook headers");
    if (rc == MC_OK)
        *out_count = h.count;
    return rc;
}
