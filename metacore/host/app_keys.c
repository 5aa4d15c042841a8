/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/app_internal.h"

#include "metacore/base/encode.h"

#define MASTER_KEY_FILE "master.key"

/* 32 bytes in hexadecimal or base64. */
static mc_code set_box(mc_app *app, mc_str text, mc_err *err)
{
    mc_arena *arena = mc_arena_new(4096);
    mc_str bytes = MC_STR("");
    mc_code rc = MC_OK;

    if (!arena)
        return mc_fail(err, MC_NO_MEMORY, "app");
    text = mc_str_trim(text);
    if (!(text.len == (size_t)2 * MC_SECRETBOX_KEY_BYTES && mc_hex_parse(arena, text, &bytes)) &&
        !mc_base64_parse(arena, text, &bytes))
        rc = mc_fail(err, MC_INVALID, "METACORE_MASTER_KEY: want %d bytes in hexadecimal or base64",
                     MC_SECRETBOX_KEY_BYTES);
    if (rc == MC_OK)
        rc = mc_secretbox_init(&app->box, bytes, err);
    app->has_box = rc == MC_OK;
    if (bytes.len)
        mc_wipe((char *)bytes.ptr, bytes.len);
    mc_arena_free(arena);
    return rc;
}

mc_code mc__app_load_keys(mc_app *app, const mc_app_config *config, mc_err *err)
{
    mc_secret kept = {NULL, 0};
    mc_err why;
    mc_code rc = mc_signing_keys_parse(config->marketplace_keys, &app->keys, &why);

    if (rc != MC_OK) /* and not "no keys, so everybody": the server does not start */
        return mc_fail(err, rc, "MARKETPLACE_PUBKEYS, MARKETPLACE_PUBKEY: %s", why.msg);
    rc = mc_signing_keys_parse(config->compiled_keys, &app->compiled_keys, &why);
    if (rc != MC_OK)
        return mc_fail(err, rc, "METACORE_COMPILED_PUBKEYS: %s", why.msg);
    if (config->master_key.len)
        return set_box(app, config->master_key, err);
    rc = mc_data_dir_secret(&app->dir, MASTER_KEY_FILE, app->config.dev, &kept, err);
    if (rc == MC_NOT_FOUND)
        return MC_OK;
    if (rc == MC_OK)
        rc = set_box(app, mc_secret_get(&kept), err);
    mc_secret_deinit(&kept);
    return rc;
}
