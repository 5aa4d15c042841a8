/* SPDX-License-Identifier: Apache-2.0 */
/* The app's own copy of its configuration; secrets go to whoever wipes them. */
#include "metacore/host/app_internal.h"

#define DATA_DIR_DEFAULT "./metacore-data"
#define METRICS_TOKEN_MIN 16

static bool copy_text(mc_arena *arena, mc_str *text)
{
    size_t len = text->len;

    *text = mc_str_copy(arena, *text);
    return text->len == len;
}

static bool copy_texts(mc_arena *arena, const mc_str **items, size_t count)
{
    mc_str *copies = mc_arena_array(arena, mc_str, count);

    for (size_t i = 0; i < count && copies; i++) {
        copies[i] = (*items)[i];
        if (!copy_text(arena, &copies[i]))
            return false;
    }
    *items = copies;
    return copies != NULL;
}

mc_code mc__app_copy_config(mc_app *app, const mc_app_config *config, mc_err *err)
{
    mc_app_config *own = &app->config;
    mc_str *const texts[] = {&own->metrics_listen, &own->catalog_dir,  &own->navigation,
                             &own->data_dir,       &own->database_url, &own->listen,
                             &own->tls_cert_file,  &own->tls_key_file, &own->otlp_endpoint,
                             &own->service_name,   &own->compiled_dir};

    *own = *config;
    app->text = mc_arena_new(0);
    if (!app->text)
        return mc_fail(err, MC_NO_MEMORY, "app");
    own->vapid_private_key = MC_STR(""); /* mc_push's, which wipes it */
    own->vapid_public_key = own->vapid_subject = MC_STR("");
    own->smtp_url = own->smtp_user = own->smtp_password = MC_STR(""); /* the channel's */
    own->smtp_from = own->smtp_ca_file = own->public_url = MC_STR("");
    own->master_key = own->marketplace_keys = MC_STR(""); /* read once, by mc__app_load_keys */
    own->compiled_keys = MC_STR("");                      /* likewise */
    own->jwt_secret = MC_STR(""); /* kept in app->jwt_secret, which is wiped */
    own->metrics_token = MC_STR("");
    if (mc_str_is_empty(own->data_dir))
        own->data_dir = MC_STR(DATA_DIR_DEFAULT);
    for (size_t i = 0; i < MC_LEN(texts); i++) {
        if (!copy_text(app->text, texts[i]))
            return mc_fail(err, MC_NO_MEMORY, "app");
    }
    if (!copy_texts(app->text, &own->addons, own->addon_count) ||
        !copy_texts(app->text, &own->hubs, own->hub_count) ||
        !copy_texts(app->text, &own->cors_origins, own->cors_origin_count))
        return mc_fail(err, MC_NO_MEMORY, "app");
    own->allow_unsigned = config->allow_unsigned || config->dev;
    return MC_OK;
}

mc_code mc__app_load_jwt_secret(mc_app *app, mc_str configured, mc_err *err)
{
    if (mc_str_is_empty(configured) && app->config.dev)
        return mc_data_dir_secret(&app->dir, "jwt.secret", true, &app->jwt_secret, err);
    if (mc_str_is_empty(configured))
        return mc_fail(err, MC_INVALID, "JWT_SECRET is required (at least %d bytes)",
                       MC_JWT_SECRET_MIN);
    if (configured.len < MC_JWT_SECRET_MIN)
        return mc_fail(err, MC_INVALID, "JWT_SECRET is shorter than %d bytes", MC_JWT_SECRET_MIN);
    return mc_secret_init(&app->jwt_secret, configured, err);
}

mc_code mc__app_load_metrics_token(mc_app *app, mc_str configured, mc_err *err)
{
    if (mc_str_is_empty(configured))
        return MC_OK;
    if (configured.len < METRICS_TOKEN_MIN)
        return mc_fail(err, MC_INVALID, "METACORE_METRICS_TOKEN is shorter than %d bytes",
                       METRICS_TOKEN_MIN);
    return mc_secret_init(&app->metrics_token, configured, err);
}
