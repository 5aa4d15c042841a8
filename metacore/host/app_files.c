/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: in a folder of the data directory, their urls signed with the server's secret. */
#include "metacore/host/app_internal.h"

static mc_code check(void *user, mc_ctx *ctx, mc_str capability, mc_err *err)
{
    return mc_permission_check(user, ctx, capability, err);
}

mc_code mc__app_files_new(mc_app *app, mc_err *err)
{
    char folder[MC_DATA_DIR_PATH_MAX];
    mc_code rc = mc_data_dir_file(&app->dir, "files", folder, err);

    if (rc == MC_OK)
        rc = mc_storage_folder_new(mc_z(folder), &app->storage, err);
    if (rc != MC_OK)
        return rc;
    return mc_files_new(&(mc_files_config){MC_FILES_CONFIG, .db = app->db, .storage = app->storage,
                                           .secret = mc_secret_get(&app->jwt_secret),
                                           .check = check, .check_user = app->permission},
                        &app->files, err);
}

void mc__app_files_free(mc_app *app)
{
    mc_files_free(app->files);
    mc_storage_free(app->storage);
}
