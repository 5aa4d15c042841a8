/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as files: "-----BEGIN METACORE PRIVATE KEY-----" around base64 of 64 bytes, seed and public
 * half; the public one of 32 bytes likewise. */
#include "addon.h"

#include "metacore/base/encode.h"

#include <string.h>
#include <unistd.h>

#define KEY_FILE_MAX 4096

/* ---- files ---- */

static mc_code write_pem(const command *self, const char *label, mc_str bytes, mc_str *out,
                         mc_err *err)
{
    mc_buf text;
    mc_code rc;

    mc_buf_init_arena(&text, self->arena, 0);
    mc_buf_printf(&text, "-----BEGIN %s-----\n", label);
    mc_base64_write(&text, bytes);
    mc_buf_printf(&text, "\n-----END %s-----\n", label);
    rc = mc_buf_check(&text, "keygen", err);
    if (rc == MC_OK)
        *out = mc_buf_get(&text);
    return rc;
}

/* What stands between the lines of label, without line ends; false when they are not there. */
static bool find_block(const command *self, mc_str text, const char *label, mc_str *out)
{
    mc_str begin = mc_str_printf(self->arena, "-----BEGIN %s-----", label);
    mc_str end = mc_str_printf(self->arena, "-----END %s-----", label);
    size_t from = mc_str_find(text, begin), to = mc_str_find(text, end);
    mc_buf inner;

    if (from + begin.len > to || to >= text.len)
        return false;
    mc_buf_init_arena(&inner, self->arena, 0);
    for (size_t i = from + begin.len; i < to; i++) {
        if (text.ptr[i] > ' ')
            mc_buf_char(&inner, text.ptr[i]);
    }
    *out = mc_buf_get(&inner);
    return !mc_buf_failed(&inner);
}

mc_code addon_read_secret_key(const command *self, const char *path, mc_secret_key *out,
                              mc_err *err)
{
    mc_public_key derived;
    mc_str text, inner, bytes;
    mc_code rc = addon_read_file(self, path, KEY_FILE_MAX, &text, err);

    if (rc != MC_OK)
        return rc;
    if (!find_block(self, text, ADDON_SECRET_LABEL, &inner) ||
        !mc_base64_parse(self->arena, inner, &bytes) || bytes.len != sizeof(out->bytes))
        return mc_fail(err, MC_INVALID, "%s: no \"" ADDON_SECRET_LABEL "\" of 64 bytes", path);
    memcpy(out->bytes, bytes.ptr, sizeof(out->bytes));
    mc_secret_key_public(out, &derived);
    if (memcmp(derived.bytes, out->bytes + 32, sizeof(derived.bytes)) != 0)
        return mc_fail(err, MC_INVALID, "%s: its public half is not that of its seed", path);
    return MC_OK;
}

mc_code addon_read_public_key(const command *self, const char *text, mc_signing_keys *out,
                              mc_err *err)
{
    mc_str file, inner, bytes;
    mc_code rc;

    if (access(text, F_OK) != 0) {
        rc = mc_signing_keys_parse(mc_z(text), out, err);
        if (rc == MC_OK && out->count == 0)
            rc = mc_fail(err, MC_INVALID, "--key: no key in it");
        return rc;
    }
    rc = addon_read_file(self, text, KEY_FILE_MAX, &file, err);
    if (rc != MC_OK)
        return rc;
    if (!find_block(self, file, ADDON_PUBLIC_LABEL, &inner))
        return mc_signing_keys_parse(mc_str_trim(file), out, err); /* the bare digits in a file */
    if (!mc_base64_parse(self->arena, inner, &bytes) || bytes.len != sizeof(out->items[0].bytes))
        return mc_fail(err, MC_INVALID, "%s: no \"" ADDON_PUBLIC_LABEL "\" of 32 bytes", text);
    *out = (mc_signing_keys){.count = 1};
    memcpy(out->items[0].bytes, bytes.ptr, sizeof(out->items[0].bytes));
    return MC_OK;
}

/* ---- a new pair ---- */

static mc_code write_pair(const command *self, const char *pem, const char *pub, mc_str *out_hex,
                          mc_err *err)
{
    mc_secret_key secret;
    mc_public_key public_key;
    mc_str secret_text, public_text;
    mc_buf hex;
    mc_code rc = mc_secret_key_new(&secret, &public_key, err);
    mc_str public_bytes = mc_str_of((const char *)public_key.bytes, sizeof(public_key.bytes));

    if (rc == MC_OK)
        rc = write_pem(self, ADDON_SECRET_LABEL,
                       mc_str_of((const char *)secret.bytes, sizeof(secret.bytes)), &secret_text,
                       err);
    explicit_bzero(&secret, sizeof(secret));
    if (rc == MC_OK)
        rc = write_pem(self, ADDON_PUBLIC_LABEL, public_bytes, &public_text, err);
    if (rc == MC_OK)
        rc = addon_new_file(pem, secret_text, 0600, err);
    if (rc != MC_OK)
        return rc;
    rc = addon_new_file(pub, public_text, 0644, err);
    if (rc != MC_OK) {
        (void)unlink(pem); /* ours, a moment ago; half a pair is none */
        return rc;
    }
    mc_buf_init_arena(&hex, self->arena, 0);
    mc_hex_write(&hex, public_bytes);
    *out_hex = mc_buf_get(&hex);
    return mc_buf_check(&hex, "keygen", err);
}

int addon_keygen(const command *self)
{
    const char *out = command_option(self, "out");
    const char *pem = mc_str_z(self->arena, mc_str_printf(self->arena, "%s.pem", out));
    const char *pub = mc_str_z(self->arena, mc_str_printf(self->arena, "%s.pub", out));
    mc_str hex = MC_STR("");
    mc_err err;
    mc_code rc =
        pem && pub ? write_pair(self, pem, pub, &hex, &err) : mc_fail(&err, MC_NO_MEMORY, "keygen");

    if (rc != MC_OK)
        return command_fail(&err);
    if (self->as_json)
        printf("{\"public_key\":\"%.*s\"}\n", MC_FMT(hex));
    else
        printf("%s: keep it secret\n%s: %.*s\n", pem, pub, MC_FMT(hex));
    return EXIT_DONE;
}
