/* SPDX-License-Identifier: Apache-2.0 */
#include "addon.h"

#include "metacore/base/encode.h"
#include "metacore/manifest/manifest.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIGNATURE_FILE_MAX 4096

/* ---- what is signed ---- */

mc_code addon_signed(const command *self, const mc_bundle *bundle, mc_signed_bundle *out,
                     mc_err *err)
{
    mc_signed_file *files = mc_arena_array(self->arena, mc_signed_file, bundle->file_count);
    mc_manifest *manifest = NULL;
    mc_str digest;
    mc_code rc = mc_manifest_parse(bundle->manifest, &manifest, err);

    if (rc != MC_OK)
        return rc;
    *out = (mc_signed_bundle){.key = mc_str_copy(self->arena, manifest->key),
                              .version = mc_str_copy(self->arena, manifest->version),
                              .files = files,
                              .file_count = bundle->file_count};
    mc_manifest_free(manifest);
    if (!files || !out->key.ptr || !out->version.ptr)
        return mc_fail(err, MC_NO_MEMORY, "signature");
    if (!mc_hex_parse(self->arena, mc_z(bundle->digest), &digest) ||
        digest.len != sizeof(out->digest.bytes))
        return mc_fail(err, MC_INVALID, "signature: not an archive's digest");
    memcpy(out->digest.bytes, digest.ptr, sizeof(out->digest.bytes));
    for (size_t i = 0; i < bundle->file_count; i++)
        files[i] = (mc_signed_file){bundle->files[i].name, mc_z(bundle->files[i].sha256)};
    return MC_OK;
}

mc_code addon_signature_of(const command *self, const mc_bundle *bundle, const char *key_path,
                           bool is_v2, mc_str *out, mc_err *err)
{
    unsigned char signature[MC_SIGNATURE_BYTES];
    mc_signed_bundle about;
    mc_secret_key key;
    mc_buf hex;
    mc_code rc = addon_read_secret_key(self, key_path, &key, err);

    if (rc == MC_OK)
        rc = addon_signed(self, bundle, &about, err);
    if (rc == MC_OK)
        rc = mc_signature_make(&key, &about, is_v2, signature, err);
    explicit_bzero(&key, sizeof(key));
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&hex, self->arena, 0);
    mc_hex_write(&hex, mc_str_of((const char *)signature, sizeof(signature)));
    mc_buf_char(&hex, '\n');
    *out = mc_buf_get(&hex);
    return mc_buf_check(&hex, "signature", err);
}

/* A folder has a digest, too, but nobody receives folders. */
static mc_code open_archive(const char *path, mc_bundle **out, mc_err *err)
{
    struct stat st;

    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return mc_fail(err, MC_INVALID, "%s: a folder is not signed; build it first", path);
    return mc_bundle_open(mc_z(path), out, err);
}

int addon_sign(const command *self)
{
    const char *path = addon_arg(self, 0), *key = command_option(self, "key");
    const char *out = command_option(self, "out");
    mc_bundle *bundle = NULL;
    mc_str signature;
    mc_err err;
    mc_code rc;

    if (!out)
        out = mc_str_z(self->arena, mc_str_printf(self->arena, "%s.sig", path));
    rc = out ? open_archive(path, &bundle, &err) : mc_fail(&err, MC_NO_MEMORY, "sign");
    if (rc == MC_OK)
        rc = addon_signature_of(self, bundle, key, !command_switch(self, "v1"), &signature, &err);
    if (rc == MC_OK)
        rc = addon_replace_file(out, signature, &err);
    mc_bundle_free(bundle);
    if (rc != MC_OK)
        return command_fail(&err);
    if (self->as_json)
        printf("{\"algorithm\":\"%s\",\"signature\":\"%.*s\"}\n",
               command_switch(self, "v1") ? "ed25519" : "ed25519-v2",
               MC_FMT(mc_str_trim(signature)));
    else
        printf("%s: %s\n", out, command_switch(self, "v1") ? "ed25519" : "ed25519-v2");
    return EXIT_DONE;
}

/* ---- verifying ---- */

/* --signature is a file or the text itself; without it FILE.sig. */
static mc_code load_signature(const command *self, const char *path, mc_str *out, mc_err *err)
{
    const char *given = command_option(self, "signature");

    if (!given)
        given = mc_str_z(self->arena, mc_str_printf(self->arena, "%s.sig", path));
    if (!given)
        return mc_fail(err, MC_NO_MEMORY, "verify");
    if (command_option(self, "signature") && access(given, F_OK) != 0) {
        *out = mc_z(given);
        return MC_OK;
    }
    return addon_read_file(self, given, SIGNATURE_FILE_MAX, out, err);
}

static mc_code verify(const command *self, const mc_bundle *bundle, mc_str text,
                      const mc_signing_keys *keys, const char **out_algorithm, mc_err *err)
{
    static const char *const algorithms[] = {"ed25519-v2", "ed25519"};
    mc_signed_bundle about;
    mc_code rc = addon_signed(self, bundle, &about, err);

    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < MC_LEN(algorithms); i++) {
        mc_signature signature = {.algorithm = mc_z(algorithms[i]), .value = text};

        rc = mc_signature_verify(keys, self->arena, &signature, &about, err);
        *out_algorithm = algorithms[i];
        if (rc == MC_OK)
            break;
    }
    return rc;
}

mc_code addon_check_signature(const command *self, const char *path, mc_str *out_algorithm,
                              mc_err *err)
{
    const char *algorithm = "";
    mc_bundle *bundle = NULL;
    mc_signing_keys keys;
    mc_str text;
    mc_code rc = addon_read_public_key(self, command_option(self, "key"), &keys, err);

    if (rc == MC_OK)
        rc = load_signature(self, path, &text, err);
    if (rc == MC_OK)
        rc = open_archive(path, &bundle, err);
    if (rc == MC_OK)
        rc = verify(self, bundle, text, &keys, &algorithm, err);
    mc_bundle_free(bundle);
    if (rc == MC_OK)
        *out_algorithm = mc_z(algorithm);
    return rc;
}

int addon_verify(const command *self)
{
    const char *path = addon_arg(self, 0);
    mc_str algorithm;
    mc_err err;

    if (addon_check_signature(self, path, &algorithm, &err) != MC_OK)
        return command_fail(&err);
    if (self->as_json)
        printf("{\"verified\":true,\"algorithm\":\"%.*s\"}\n", MC_FMT(algorithm));
    else
        printf("%s: good, %.*s\n", path, MC_FMT(algorithm));
    return EXIT_DONE;
}
