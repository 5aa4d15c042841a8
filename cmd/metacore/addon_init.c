/* SPDX-License-Identifier: Apache-2.0 */
/* The skeleton is files of the source tree, with the addon's key and name put in. */
#include "addon.h"

#include "metacore/base/embedded.h"
#include "metacore/manifest/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

MC_EMBEDDED(addon_skeleton);

static bool is_key(mc_str key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(i > 0 && ((c >= '0' && c <= '9') || c == '_')))
            return false;
    }
    return key.len >= 2 && key.len <= MC_MANIFEST_KEY_MAX;
}

/* "field_service" -> "Field service" */
static mc_str name_of(const command *self, mc_str key)
{
    mc_str name = mc_str_copy(self->arena, key);
    char *text = (char *)name.ptr;

    for (size_t i = 0; text && i < name.len; i++)
        text[i] = text[i] == '_' ? ' ' : text[i];
    if (text)
        text[0] = (char)(text[0] - 'a' + 'A'); /* a key begins with a letter */
    return name;
}

static void fill_in(mc_buf *out, mc_str text, mc_str key, mc_str name)
{
    while (text.len > 0) {
        size_t at = mc_str_find(text, MC_STR("{{"));

        mc_buf_str(out, mc_str_slice(text, 0, at));
        text = mc_str_slice(text, at, text.len);
        if (mc_str_starts_with(text, MC_STR("{{key}}"))) {
            mc_buf_str(out, key);
            text = mc_str_slice(text, 7, text.len);
        } else if (mc_str_starts_with(text, MC_STR("{{name}}"))) {
            mc_buf_str(out, name);
            text = mc_str_slice(text, 8, text.len);
        } else if (text.len > 0) {
            mc_buf_char(out, '{');
            text = mc_str_slice(text, 1, text.len);
        }
    }
}

/* ---- the folder ---- */

static bool is_empty(DIR *folder)
{
    const struct dirent *entry;

    while ((entry = readdir(folder)) != NULL) { /* one thread has this stream */
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return false;
    }
    return true;
}

/* An author's files are not written over. */
static mc_code make_folder(const char *path, mc_err *err)
{
    DIR *folder;
    bool was_empty;

    if (mkdir(path, 0755) == 0)
        return MC_OK;
    if (errno != EEXIST)
        return mc_fail_errno(err, MC_IO, errno, "%s", path);
    folder = opendir(path);
    if (!folder)
        return mc_fail_errno(err, MC_CONFLICT, errno, "%s", path);
    was_empty = is_empty(folder);
    (void)closedir(folder); /* read only */
    return was_empty ? MC_OK : mc_fail(err, MC_CONFLICT, "%s: is there already, with files", path);
}

static mc_code write_file(const command *self, const char *folder, const mc_embedded *file,
                          mc_str key, mc_err *err)
{
    mc_str path = mc_str_printf(self->arena, "%s/%s", folder, file->name);
    const char *path_z = mc_str_z(self->arena, path);
    const char *slash = strchr(file->name, '/');
    const char *inner =
        slash ? mc_str_z(self->arena, mc_str_printf(self->arena, "%s/%.*s", folder,
                                                    (int)(slash - file->name), file->name))
              : folder;
    mc_buf text;
    mc_code rc;

    if (!path_z || !inner)
        return mc_fail(err, MC_NO_MEMORY, "init");
    if (slash && mkdir(inner, 0755) != 0 && errno != EEXIST)
        return mc_fail_errno(err, MC_IO, errno, "%s", inner);
    mc_buf_init_arena(&text, self->arena, 0);
    fill_in(&text, mc_str_of((const char *)file->bytes, file->size), key, name_of(self, key));
    rc = mc_buf_check(&text, "init", err);
    return rc == MC_OK ? addon_new_file(path_z, mc_buf_get(&text), 0644, err) : rc;
}

int addon_init(const command *self)
{
    const char *key = addon_arg(self, 0), *folder = addon_arg(self, 1);
    mc_err err;
    mc_code rc;

    if (!is_key(mc_z(key))) {
        (void)mc_fail(
            &err, MC_INVALID,
            "init: \"%.60s\" is no key: 2 to %d lower-case letters, digits and _, a letter "
            "first",
            key, MC_MANIFEST_KEY_MAX);
        return command_fail(&err);
    }
    folder = folder ? folder : key;
    rc = make_folder(folder, &err);
    for (size_t i = 0; rc == MC_OK && i < addon_skeleton_count; i++)
        rc = write_file(self, folder, &addon_skeleton[i], mc_z(key), &err);
    if (rc != MC_OK)
        return command_fail(&err);
    if (self->as_json)
        printf("{\"files\":%zu}\n", addon_skeleton_count);
    else
        printf("%s: %zu files; next: metacore addon validate %s\n", folder, addon_skeleton_count,
               folder);
    return EXIT_DONE;
}
