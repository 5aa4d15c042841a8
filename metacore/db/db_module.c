/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/db/db_internal.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATH_BYTES 4096

/* The folder of the running program, or "" when it is not known. */
static void own_folder(char out[PATH_BYTES])
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_BYTES - 1);
    char *slash;

    out[n > 0 ? n : 0] = '\0';
    slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
}

static void *try_open(const char *folder)
{
    char path[PATH_BYTES + sizeof(MC__DB_MODULE_FILE) + 32];

    (void)snprintf(path, sizeof(path), "%s/" MC__DB_MODULE_FILE, folder); /* sized for both */
    return access(path, R_OK) == 0 ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

mc_code mc__db_module_load(mc_str module_path, const mc__db_driver_vt **out, mc_err *err)
{
    char folder[PATH_BYTES];
    char beside[PATH_BYTES + 32];
    void *module;
    const mc__db_driver_vt *vt;

    if (module_path.len >= sizeof(folder))
        return mc_fail(err, MC_INVALID, "db: the module's path is too long");
    if (module_path.len) {
        (void)snprintf(folder, sizeof(folder), "%.*s", MC_FMT(module_path));
        module = dlopen(folder, RTLD_NOW | RTLD_LOCAL);
    } else {
        own_folder(folder);
        (void)snprintf(beside, sizeof(beside), "%s/../lib/metacore", folder);
        module = try_open(folder);
        module = module ? module : try_open(beside);
    }
    if (!module)
        return mc_fail(err, MC_NOT_PROVIDED, "db: the PostgreSQL module (%s) is not there",
                       MC__DB_MODULE_FILE);
    vt = dlsym(module, MC__DB_MODULE_SYMBOL);
    if (!vt || vt->struct_size != sizeof(*vt)) {
        (void)dlclose(module); /* it was not ours */
        return mc_fail(err, MC_NOT_PROVIDED, "db: the PostgreSQL module is of another version");
    }
    *out = vt; /* the module stays for the life of the process, like what it registers */
    return MC_OK;
}
