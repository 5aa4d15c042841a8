/* SPDX-License-Identifier: Apache-2.0 */
/* What of an author's folder goes into a bundle: what was built, never what it was built from. */
#include "metacore/bundle/bundle_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_there(int folder, const char *name, mode_t type)
{
    struct stat st;

    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (st.st_mode & S_IFMT) == type;
}

static mc_code add_if_there(mc__bundle_builder *b, int folder, const char *name, mc_err *err)
{
    mc_str path;

    if (!is_there(folder, name, S_IFREG))
        return MC_OK;
    path = mc_str_copy(b->bundle->arena, mc_z(name));
    return path.ptr ? mc__bundle_add_file(b, folder, name, path, err)
                    : mc_fail(err, MC_NO_MEMORY, "bundle");
}

/* from's files, called as if they lay in to. */
static mc_code add_folder_as(mc__bundle_builder *b, int folder, const char *from, mc_str to,
                             mc_err *err)
{
    return is_there(folder, from, S_IFDIR) ? mc__bundle_add_folder(b, folder, from, to, 1, err)
                                           : MC_OK;
}

static void drop_others(mc__bundle_builder *b, size_t from)
{
    size_t kept = from;

    for (size_t i = from; i < b->count; i++) {
        if (mc_str_ends_with(b->files[i].name, MC_STR(".sql")))
            b->files[kept++] = b->files[i];
    }
    b->count = kept;
}

static mc_code collect(mc__bundle_builder *b, int folder, const char *wasm_entry, mc_err *err)
{
    size_t first;
    mc_code rc = add_if_there(b, folder, "manifest.json", err);

    first = b->count;
    if (rc == MC_OK)
        rc = add_folder_as(b, folder, "migrations", MC_STR("migrations"), err);
    if (rc == MC_OK)
        drop_others(b, first);
    if (rc == MC_OK)
        rc = add_folder_as(b, folder, "frontend/dist", MC_STR("frontend"), err);
    if (rc == MC_OK && wasm_entry)
        rc = add_if_there(b, folder, wasm_entry, err);
    return rc == MC_OK ? add_if_there(b, folder, "README.md", err) : rc;
}

mc_code mc_bundle_read_author(mc_str path, mc_str wasm_entry, mc_bundle **out, mc_err *err)
{
    const char *folder_z, *entry_z = NULL;
    mc__bundle_builder b;
    int folder = -1;
    mc_code rc = mc__bundle_begin(&b, err);

    if (rc == MC_OK) {
        folder_z = mc_str_z(b.bundle->arena, path);
        entry_z = wasm_entry.len ? mc_str_z(b.bundle->arena, wasm_entry) : NULL;
        if (!folder_z || (wasm_entry.len && !entry_z))
            rc = mc_fail(err, MC_NO_MEMORY, "bundle");
        else if ((folder = open(folder_z, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
            rc = mc_fail_errno(err, MC_INVALID, errno, "bundle: %s", folder_z);
    }
    if (rc == MC_OK)
        rc = collect(&b, folder, entry_z, err);
    if (folder >= 0)
        (void)close(folder); /* read only */
    return mc__bundle_finish(&b, rc, out, err);
}
