/* SPDX-License-Identifier: Apache-2.0 */
/* What a cache loses: the code that was not used for longest, and what broken-off compilations
 * left. */
#include "metacore/base/arena.h"
#include "metacore/runtime/wasm/wasm_compile_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ENTRIES_MAX 8192
#define NAME_MAX_HERE 96
#define LEFT_OVER_S 3600 /* no compilation takes so long */

typedef struct entry {
    char name[NAME_MAX_HERE];
    time_t used_s;
    uint64_t bytes;
} entry;

static int by_use(const void *a, const void *b)
{
    time_t x = ((const entry *)a)->used_s, y = ((const entry *)b)->used_s;

    return x < y ? -1 : x > y;
}

static DIR *open_list(int dir)
{
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = copy >= 0 ? fdopendir(copy) : NULL;

    if (!list && copy >= 0)
        (void)close(copy); /* nothing was written */
    return list;
}

static size_t read_entries(const mc_wasm_compiler *self, entry *out, uint64_t *out_total)
{
    DIR *list = open_list(self->cache);
    const struct dirent *at;
    size_t count = 0;
    struct stat st;

    while (list && count < ENTRIES_MAX && (at = readdir(list))) {
        if (!mc_str_ends_with(mc_z(at->d_name), MC_STR(".so")) ||
            strlen(at->d_name) >= NAME_MAX_HERE || fstatat(self->cache, at->d_name, &st, 0) != 0)
            continue;
        memcpy(out[count].name, at->d_name, strlen(at->d_name) + 1);
        out[count].used_s = st.st_mtime;
        out[count].bytes = (uint64_t)st.st_size;
        *out_total += (uint64_t)st.st_size;
        count++;
    }
    if (list)
        (void)closedir(list); /* as above */
    return count;
}

static void drop(const mc_wasm_compiler *self, const char *name)
{
    char mac[NAME_MAX_HERE + 8];

    (void)snprintf(mac, sizeof(mac), "%s.mac", name);
    (void)unlinkat(self->cache, mac, 0); /* both may be gone: another did the same */
    (void)unlinkat(self->cache, name, 0);
}

void mc__wasm_cache_prune(const mc_wasm_compiler *self, const char *kept)
{
    entry *entries = calloc(ENTRIES_MAX, sizeof(*entries));
    uint64_t total = 0;
    size_t count = entries ? read_entries(self, entries, &total) : 0;

    if (count)
        qsort(entries, count, sizeof(*entries), by_use);
    for (size_t i = 0; i < count; i++) {
        if (total <= self->config.cache_bytes && count - i < ENTRIES_MAX)
            break;
        if (strcmp(entries[i].name, kept) == 0)
            continue;
        drop(self, entries[i].name);
        total -= entries[i].bytes;
    }
    free(entries);
}

/* A folder of a compilation whose process was killed; flat, as they are. */
static void remove_folder(int dir, const char *name)
{
    int folder = openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *list = folder >= 0 ? fdopendir(folder) : NULL;
    const struct dirent *at;

    while (list && (at = readdir(list)))
        (void)unlinkat(dirfd(list), at->d_name, 0); /* "." and ".." refuse, rightly */
    if (list)
        (void)closedir(list); /* nothing was written */
    else if (folder >= 0)
        (void)close(folder);                 /* as above */
    (void)unlinkat(dir, name, AT_REMOVEDIR); /* else the next start tries again */
}

void mc__wasm_cache_clean(const mc_wasm_compiler *self)
{
    DIR *list = open_list(self->cache);
    const struct dirent *at;
    struct stat st;

    while (list && (at = readdir(list))) {
        bool is_folder = mc_str_starts_with(mc_z(at->d_name), MC_STR("work-"));

        if ((!is_folder && !mc_str_ends_with(mc_z(at->d_name), MC_STR(".new"))) ||
            fstatat(self->cache, at->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            time(NULL) - st.st_mtime < LEFT_OVER_S)
            continue; /* another process may be at it */
        if (is_folder)
            remove_folder(self->cache, at->d_name);
        else
            (void)unlinkat(self->cache, at->d_name, 0); /* as above */
    }
    if (list)
        (void)closedir(list); /* as above */
}
