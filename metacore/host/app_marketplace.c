/* SPDX-License-Identifier: Apache-2.0 */
/* Addons from the hubs that the operator trusts. */
#include "metacore/host/host_internal.h"

static mc_code check(void *user, mc_ctx *ctx, bool to_install, mc_err *err)
{
    return mc__host_check(user, ctx, to_install, err);
}

/* As an upload would be; the secret of a new installation is shown here, or never. */
static mc_code install(void *user, mc_ctx *ctx, const mc_marketplace_request *request,
                       mc_str packed, mc_str signature, mc_buf *out, mc_err *err)
{
    mc_app *app = user;
    mc_host_install_options options = {.org_id = ctx->who.org_id,
                                       .ignore_requires = request->ignore_requires};
    mc_installation installation = {0};
    mc_bundle *bundle = NULL;
    mc_code rc = mc_bundle_read(packed, &bundle, err);

    if (rc == MC_OK)
        rc = mc_host_install(
            app->host, ctx,
            &(mc_install_source){.bundle = bundle, .packed = packed, .signature = signature},
            &options, &installation, err);
    mc_bundle_free(bundle);
    if (rc != MC_OK)
        return rc;
    if (installation.secret.len) {
        mc_buf_lit(out, "\"install_secret\":");
        mc_json_write_str(out, installation.secret);
        mc_buf_char(out, ',');
    }
    if (installation.warning.len) {
        mc_buf_lit(out, "\"warning\":");
        mc_json_write_str(out, installation.warning);
        mc_buf_char(out, ',');
    }
    mc_buf_lit(out, "\"installation\":");
    mc_installation_write(out, &installation);
    return mc_buf_check(out, "installation", err);
}

mc_code mc__app_marketplace_new(mc_app *app, mc_err *err)
{
    mc_code rc = mc_http_client_new(
        &(mc_http_client_config){MC_HTTP_CLIENT_CONFIG,
                                 .allow_private = app->config.allow_private_egress},
        &app->hub_client, err);

    if (rc != MC_OK)
        return rc;
    return mc_marketplace_new(
        &(mc_marketplace_config){MC_MARKETPLACE_CONFIG, .db = app->db, .client = app->hub_client,
                                 .hubs = {app->config.hubs, app->config.hub_count}, .check = check,
                                 .install = install, .user = app},
        &app->marketplace, err);
}

void mc__app_marketplace_free(mc_app *app)
{
    mc_marketplace_free(app->marketplace);
    mc_http_client_free(app->hub_client);
}
