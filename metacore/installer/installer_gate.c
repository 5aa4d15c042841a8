/* SPDX-License-Identifier: Apache-2.0 */
/* Who may bring an addon here: whom a trusted key has signed for, or anybody when no key is set and
 * the operator says so. */
#include "metacore/installer/installer_internal.h"

static bool has_keys(const mc_installer *self)
{
    return self->config.keys && self->config.keys->count > 0;
}

mc_code mc__plan_archive(mc_install_plan *plan, const mc_install_source *source, mc_err *err)
{
    mc_code rc = MC_OK;

    plan->packed = source->packed;
    mc_buf_init(&plan->own, MC_BUNDLE_PACKED_MAX);
    if (plan->packed.len == 0) {
        rc = mc_bundle_pack(source->bundle, &plan->own, err);
        plan->packed = mc_buf_get(&plan->own);
    }
    if (rc == MC_OK)
        rc = mc_sha256_of(plan->packed, &plan->bytes, err);
    if (rc == MC_OK)
        mc_sha256_hex(&plan->bytes, plan->digest);
    return rc;
}

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find_nocase(object, mc_z(key)), &text); /* else empty */
    return text;
}

/* One beside the archive does not say which of the two it is; either counts. The first failure is
 * told, but when only the second form could have been meant. */
static mc_code verify_detached(const mc_installer *self, mc_arena *arena, mc_str value,
                               const mc_signed_bundle *bundle, mc_err *err)
{
    mc_signature signature = {.value = mc_str_trim(value)};
    mc_code rc = mc_signature_verify(self->config.keys, arena, &signature, bundle, err);

    if (rc == MC_OK)
        return rc;
    signature.algorithm = MC_STR("ed25519-v2");
    return mc_signature_verify(self->config.keys, arena, &signature, bundle, NULL) == MC_OK ? MC_OK
                                                                                            : rc;
}

/* Without keys the archive is taken as it is, but not one that contradicts itself. */
static mc_code verify(const mc_installer *self, mc_arena *arena, const mc_install_plan *plan,
                      const mc_install_source *source, mc_err *err)
{
    const mc_json *own = mc_json_find_nocase(plan->manifest->root, MC_STR("signature"));
    size_t count = source->bundle->file_count;
    mc_signed_file *files = mc_arena_array(arena, mc_signed_file, count);
    mc_signed_bundle bundle = {.key = plan->manifest->key,
                               .version = plan->manifest->version,
                               .digest = plan->bytes,
                               .files = files,
                               .file_count = count};
    mc_signature signature = {.algorithm = text_of(own, "algorithm"),
                              .digest = text_of(own, "digest"),
                              .value = text_of(own, "value"),
                              .checksums = mc_json_find_nocase(own, MC_STR("checksums"))};

    mc_code rc;

    if (!files)
        return mc_fail(err, MC_NO_MEMORY, "install");
    for (size_t i = 0; i < count; i++)
        files[i] =
            (mc_signed_file){source->bundle->files[i].name, mc_z(source->bundle->files[i].sha256)};
    if (has_keys(self) && mc_str_trim(source->signature).len == 0)
        return mc_signature_verify(self->config.keys, arena, &signature, &bundle, err);
    rc = has_keys(self) ? verify_detached(self, arena, source->signature, &bundle, err) : MC_OK;
    return rc == MC_OK ? mc_signature_check_files(signature.checksums, &bundle, err) : rc;
}

mc_code mc__check_signature(const mc_installer *self, const mc_install_plan *plan,
                            const mc_install_source *source, mc_err *err)
{
    mc_arena *arena;
    mc_err why;
    mc_code rc;

    if (source->is_trusted)
        return MC_OK;
    if (!has_keys(self) && !self->config.allow_unsigned)
        return mc_fail(err, MC_FORBIDDEN,
                       "installer: signature verification is required (set MARKETPLACE_PUBKEY or, "
                       "for dev, ALLOW_UNSIGNED_BUNDLES=true)");
    arena = mc_arena_new(0);
    if (!arena)
        return mc_fail(err, MC_NO_MEMORY, "install");
    rc = verify(self, arena, plan, source, &why);
    mc_arena_free(arena);
    return rc == MC_OK ? MC_OK
                       : mc_fail(err, rc, "installer: bundle signature rejected: %s", why.msg);
}
