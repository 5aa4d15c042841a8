/* SPDX-License-Identifier: Apache-2.0 */
#include "addon.h"

#include "metacore/base/json.h"
#include "metacore/manifest/manifest.h"

/* "<key>-<version>.tar.gz" of a manifest that the review found good. */
static mc_code name_of(const command *self, const mc_bundle *bundle, const char **out, mc_err *err)
{
    mc_manifest *manifest = NULL;
    mc_code rc = mc_manifest_parse(bundle->manifest, &manifest, err);
    mc_str name;

    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < manifest->version.len && rc == MC_OK; i++) {
        if (manifest->version.ptr[i] == '/')
            rc = mc_fail(err, MC_INVALID, "a version with a slash names no file");
    }
    name = mc_str_printf(self->arena, "%.*s-%.*s.tar.gz", MC_FMT(manifest->key),
                         MC_FMT(manifest->version));
    *out = mc_str_z(self->arena, name);
    mc_manifest_free(manifest);
    return rc == MC_OK && !*out ? mc_fail(err, MC_NO_MEMORY, "build") : rc;
}

static mc_code sign_file(const command *self, mc_str packed, const char *key, const char *path,
                         mc_err *err)
{
    const char *sig = mc_str_z(self->arena, mc_str_printf(self->arena, "%s.sig", path));
    mc_bundle *bundle = NULL;
    mc_str signature;
    mc_code rc = sig ? mc_bundle_read(packed, &bundle, err) : mc_fail(err, MC_NO_MEMORY, "build");

    if (rc == MC_OK)
        rc = addon_signature_of(self, bundle, key, true, &signature, err);
    if (rc == MC_OK)
        rc = addon_replace_file(sig, signature, err);
    mc_bundle_free(bundle);
    return rc;
}

static mc_code write_all(const command *self, const mc_bundle *bundle, const char *path,
                         mc_err *err)
{
    const char *key = command_option(self, "sign");
    mc_buf packed;
    mc_code rc;

    mc_buf_init(&packed, 0);
    rc = mc_bundle_pack(bundle, &packed, err);
    if (rc == MC_OK && key) /* first: a key that cannot be read leaves no unsigned bundle behind */
        rc = sign_file(self, mc_buf_get(&packed), key, path, err);
    if (rc == MC_OK)
        rc = addon_replace_file(path, mc_buf_get(&packed), err);
    mc_buf_deinit(&packed);
    return rc;
}

static int report(const command *self, const char *path)
{
    mc_bundle *bundle = NULL;
    mc_buf text;
    mc_err err;

    if (mc_bundle_open(mc_z(path), &bundle, &err) != MC_OK)
        return command_fail(&err);
    mc_buf_init_arena(&text, self->arena, 0);
    if (self->as_json) {
        mc_buf_lit(&text, "{\"file\":");
        mc_json_write_str(&text, mc_z(path));
        mc_buf_printf(&text, ",\"sha256\":\"%s\",\"files\":%zu}", bundle->digest,
                      bundle->file_count);
    } else {
        mc_buf_printf(&text, "%s\nsha256 %s", path, bundle->digest);
    }
    printf("%.*s\n", MC_FMT(mc_buf_get(&text)));
    mc_bundle_free(bundle);
    return EXIT_DONE;
}

int addon_build(const command *self)
{
    const char *folder = addon_arg(self, 0), *path = command_option(self, "out");
    mc_bundle *bundle = NULL;
    bool is_good = false;
    mc_err err;
    mc_code rc;

    rc = addon_open(self, folder ? folder : ".", &bundle, &err);
    if (rc == MC_OK)
        rc = addon_review(self, bundle, command_switch(self, "strict"), stderr, &is_good, &err);
    if (rc == MC_OK && !is_good)
        rc = mc_fail(&err, MC_INVALID, "build: refused for what stands above");
    if (rc == MC_OK && !path)
        rc = name_of(self, bundle, &path, &err);
    if (rc == MC_OK)
        rc = write_all(self, bundle, path, &err);
    mc_bundle_free(bundle);
    return rc == MC_OK ? report(self, path) : command_fail(&err);
}
