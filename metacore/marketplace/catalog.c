/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/marketplace/catalog.h"

#include "metacore/base/map.h"
#include "metacore/base/sync.h"
#include "metacore/bundle/bundle.h"
#include "metacore/manifest/manifest.h"
#include "metacore/manifest/semver.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ENTRY_BYTES_MAX (MC_MANIFEST_BYTES_MAX + 65536)

/* One file as it was when it was read. Immutable, and kept: operators change few. */
typedef struct entry {
    struct entry *next;
    mc_arena *arena;
    mc_str identity;      /* its name and what stat says of it */
    mc_catalog_item item; /* without a key: not a bundle */
} entry;

struct mc_catalog {
    mc_catalog_config config;
    mc_arena *text;
    mc_mutex mu;
    entry *all;     /* guarded by mu, as is the next */
    mc_map by_file; /* identity to entry */
};

mc_code mc_catalog_new(const mc_catalog_config *config, mc_catalog **out, mc_err *err)
{
    mc_catalog *self = calloc(1, sizeof(*self));

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "catalog");
    mc_mutex_init(&self->mu);
    self->config = *config;
    self->text = mc_arena_new(65536);
    self->config.dir.ptr = self->text ? mc_str_z(self->text, config->dir) : NULL;
    if (!self->config.dir.ptr) {
        mc_catalog_free(self);
        return mc_fail(err, MC_NO_MEMORY, "catalog");
    }
    *out = self;
    return MC_OK;
}

static void entry_free(entry *e)
{
    if (!e)
        return;
    mc_arena_free(e->arena);
    free(e);
}

void mc_catalog_free(mc_catalog *self)
{
    if (!self)
        return;
    while (self->all) {
        entry *gone = self->all;

        self->all = gone->next;
        entry_free(gone);
    }
    mc_map_deinit(&self->by_file);
    mc_arena_free(self->text);
    mc_mutex_deinit(&self->mu);
    free(self);
}

/* ---- one file ---- */

static void read_item(const mc_catalog *self, entry *e)
{
    mc_manifest *manifest = NULL;
    mc_bundle *bundle = NULL;
    mc_err err;

    if (mc_bundle_open(e->item.path, &bundle, &err) == MC_OK &&
        mc_manifest_parse(bundle->manifest, &manifest, &err) == MC_OK) {
        e->item.version = mc_str_copy(e->arena, manifest->version);
        e->item.manifest = mc_str_copy(e->arena, bundle->manifest);
        if (self->config.check &&
            self->config.check(self->config.user, e->item.path, &err) != MC_OK)
            e->item.why_not = mc_str_copy(e->arena, mc_z(err.msg));
        if (e->item.manifest.ptr)
            e->item.addon_key = mc_str_copy(e->arena, manifest->key);
    }
    mc_manifest_free(manifest);
    mc_bundle_free(bundle);
}

static entry *entry_new(const mc_catalog *self, const char *name, mc_str identity)
{
    entry *e = calloc(1, sizeof(*e));

    if (e)
        e->arena = mc_arena_new(ENTRY_BYTES_MAX);
    if (e && e->arena) {
        e->identity = mc_str_copy(e->arena, identity);
        e->item.path = mc_str_printf(e->arena, "%.*s/%s", MC_FMT(self->config.dir), name);
    }
    if (!e || !e->arena || !e->identity.ptr || !e->item.path.ptr) {
        entry_free(e);
        return NULL;
    }
    read_item(self, e);
    return e;
}

static entry *find(mc_catalog *self, mc_str identity)
{
    entry *e;

    mc_mutex_lock(&self->mu);
    e = mc_map_find(&self->by_file, identity);
    mc_mutex_unlock(&self->mu);
    return e;
}

/* Takes fresh; another may have read the same file meanwhile. */
static const entry *keep(mc_catalog *self, entry *fresh, mc_err *err)
{
    entry *kept;

    mc_mutex_lock(&self->mu);
    kept = mc_map_find(&self->by_file, fresh->identity);
    if (!kept && mc_map_put(&self->by_file, fresh->identity, fresh, err) == MC_OK) {
        fresh->next = self->all;
        self->all = kept = fresh;
    }
    mc_mutex_unlock(&self->mu);
    if (kept != fresh)
        entry_free(fresh);
    return kept;
}

static const entry *look_at(mc_catalog *self, mc_arena *arena, const char *name,
                            const struct stat *st, mc_err *err)
{
    mc_str identity = mc_str_printf(arena, "%s %lld %llu %lld.%09ld", name, (long long)st->st_size,
                                    (unsigned long long)st->st_ino, (long long)st->st_mtim.tv_sec,
                                    st->st_mtim.tv_nsec);
    const entry *known = identity.ptr ? find(self, identity) : NULL;
    entry *fresh;

    if (known)
        return known;
    fresh = identity.ptr ? entry_new(self, name, identity) : NULL;
    if (!fresh) {
        (void)mc_fail(err, MC_NO_MEMORY, "catalog");
        return NULL;
    }
    return keep(self, fresh, err);
}

/* ---- the folder ---- */

typedef struct listing {
    mc_catalog_item *items;
    size_t count;
} listing;

static bool is_higher(const mc_catalog_item *a, const mc_catalog_item *b)
{
    mc_semver x, y;

    return mc_semver_parse(a->version, &x, NULL) == MC_OK &&
           (mc_semver_parse(b->version, &y, NULL) != MC_OK || mc_semver_cmp(&x, &y) > 0);
}

/* Of one addon the highest version. */
static void add(listing *list, const mc_catalog_item *item)
{
    if (item->addon_key.len == 0)
        return;
    for (size_t i = 0; i < list->count; i++) {
        if (!mc_str_eq(list->items[i].addon_key, item->addon_key))
            continue;
        if (is_higher(item, &list->items[i]))
            list->items[i] = *item;
        return;
    }
    list->items[list->count++] = *item;
}

static int by_key(const void *a, const void *b)
{
    const mc_catalog_item *left = a, *right = b;

    return mc_str_cmp(left->addon_key, right->addon_key);
}

mc_code mc_catalog_list(mc_catalog *self, mc_arena *arena, mc_catalog_item **out, size_t *out_count,
                        mc_err *err)
{
    listing list = {.items = mc_arena_array(arena, mc_catalog_item, MC_CATALOG_FILES_MAX)};
    DIR *dir = self->config.dir.len ? opendir(self->config.dir.ptr) : NULL;
    const struct dirent *file;
    size_t seen = 0;
    mc_code rc = list.items ? MC_OK : mc_fail(err, MC_NO_MEMORY, "catalog");

    /* This DIR is nobody else's. */
    while (rc == MC_OK && dir && seen < MC_CATALOG_FILES_MAX &&
           (file = readdir(dir)) != NULL) { // NOLINT(concurrency-mt-unsafe)
        const entry *e;
        struct stat st;

        if (!mc_str_ends_with(mc_z(file->d_name), MC_STR(".tar.gz")) ||
            fstatat(dirfd(dir), file->d_name, &st, 0) != 0 || !S_ISREG(st.st_mode))
            continue;
        seen++;
        e = look_at(self, arena, file->d_name, &st, err);
        if (e)
            add(&list, &e->item);
        else
            rc = MC_NO_MEMORY;
    }
    if (dir)
        (void)closedir(dir); /* read only */
    if (rc != MC_OK)
        return rc;
    qsort(list.items, list.count, sizeof(*list.items), by_key);
    *out = list.items;
    *out_count = list.count;
    return MC_OK;
}

mc_code mc_catalog_find(mc_catalog *self, mc_arena *arena, mc_str addon_key, mc_catalog_item *out,
                        mc_err *err)
{
    mc_catalog_item *items;
    size_t count;
    mc_code rc = mc_catalog_list(self, arena, &items, &count, err);

    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < count; i++) {
        if (!mc_str_eq(items[i].addon_key, addon_key))
            continue;
        *out = items[i];
        return MC_OK;
    }
    return mc_fail(err, MC_NOT_FOUND, "addon %.*s is not in the catalog", MC_FMT(addon_key));
}
