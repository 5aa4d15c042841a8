/* SPDX-License-Identifier: Apache-2.0 */
#include "addon_kit.h"

#include "mc_test.h"
#include "metacore/base/encode.h"
#include "metacore/bundle/bundle.h"

#include <stdio.h>

#define FILES_MAX 64
#define MODULE_MAX ((size_t)1 << 20)
#define BOUNDARY "kit-6f2b9c1e"

mc_str kit_pack(mc_arena *arena, const char *manifest, const kit_file *files)
{
    mc_bundle_file all[FILES_MAX] = {{.name = MC_STR("manifest.json"), .data = mc_z(manifest)}};
    mc_bundle bundle = {.files = all, .file_count = 1, .manifest = mc_z(manifest)};
    mc_buf out;
    mc_err err;

    for (; files && files->name && bundle.file_count < FILES_MAX; files++)
        all[bundle.file_count++] =
            (mc_bundle_file){.name = mc_z(files->name), .data = mc_z(files->text)};
    mc_buf_init_arena(&out, arena, 0);
    MC_EXPECT_OK(mc_bundle_pack(&bundle, &out, &err), &err);
    return mc_buf_failed(&out) ? MC_STR("") : mc_buf_get(&out);
}

mc_str kit_pack_module(mc_arena *arena, const char *manifest, const char *path)
{
    mc_bundle_file all[] = {{.name = MC_STR("manifest.json"), .data = mc_z(manifest)},
                            {.name = MC_STR("backend/backend.wasm")}};
    mc_bundle bundle = {.files = all, .file_count = MC_LEN(all), .manifest = mc_z(manifest)};
    char *bytes = mc_arena_alloc(arena, MODULE_MAX);
    FILE *file = fopen(path, "rbe");
    mc_buf out;
    mc_err err;

    if (file && bytes)
        all[1].data = mc_str_of(bytes, fread(bytes, 1, MODULE_MAX, file));
    if (file)
        (void)fclose(file); /* read only */
    mc_buf_init_arena(&out, arena, 0);
    MC_EXPECT_OK(mc_bundle_pack(&bundle, &out, &err), &err);
    return mc_buf_failed(&out) ? MC_STR("") : mc_buf_get(&out);
}

mc_str kit_sign(mc_arena *arena, const mc_secret_key *secret, const char *key, const char *version,
                mc_str packed, bool is_v2)
{
    unsigned char bytes[MC_SIGNATURE_BYTES];
    mc_signed_bundle bundle = {.key = mc_z(key), .version = mc_z(version)};
    mc_buf hex;
    mc_err err;

    MC_EXPECT_OK(mc_sha256_of(packed, &bundle.digest, &err), &err);
    MC_EXPECT_OK(mc_signature_make(secret, &bundle, is_v2, bytes, &err), &err);
    mc_buf_init_arena(&hex, arena, 0);
    mc_hex_write(&hex, mc_str_of((const char *)bytes, sizeof(bytes)));
    return mc_buf_get(&hex);
}

int kit_upload(mc_client *client, const char *key, const char *query, mc_str packed,
               mc_str signature)
{
    char path[512];
    mc_buf body;
    int status;

    (void)snprintf(path, sizeof(path), "/api/metacore/installations/%s%s", key, query);
    mc_buf_init(&body, 0);
    mc_buf_lit(&body, "--" BOUNDARY "\r\nContent-Disposition: form-data; name=\"bundle\"; "
                      "filename=\"addon.tar.gz\"\r\nContent-Type: application/gzip\r\n\r\n");
    mc_buf_str(&body, packed);
    if (signature.len) {
        mc_buf_lit(&body, "\r\n--" BOUNDARY
                          "\r\nContent-Disposition: form-data; name=\"signature\"\r\n\r\n");
        mc_buf_str(&body, signature);
    }
    mc_buf_lit(&body, "\r\n--" BOUNDARY "--\r\n");
    status = mc_client_call_type(client, "POST", path, "multipart/form-data; boundary=" BOUNDARY,
                                 mc_buf_get(&body), "");
    mc_buf_deinit(&body);
    return status;
}

const char *kit_manifest(mc_arena *arena, const char *key, const char *version, const char *models,
                         const char *more)
{
    mc_str text = mc_str_printf(arena,
                                "{\"key\":\"%s\",\"name\":\"%s\",\"version\":\"%s\","
                                "\"description\":\"\",\"category\":\"\",\"model_definitions\":[%s]"
                                "%s}",
                                key, key, version, models, more);

    return text.ptr;
}
