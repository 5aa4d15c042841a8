/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/metadata/metadata_internal.h"

#include <sodium.h>
#include <stdlib.h>

#define TAG_BYTES ((size_t)16)

/* ---- documents ---- */

void mc__etag_of(mc_str bytes, char out[MC_METADATA_ETAG_LEN])
{
    unsigned char digest[TAG_BYTES];
    char hex[2 * TAG_BYTES + 1];

    /* Cannot fail with these sizes. */
    (void)crypto_generichash(digest, sizeof(digest), (const unsigned char *)bytes.ptr, bytes.len,
                             NULL, 0);
    (void)sodium_bin2hex(hex, sizeof(hex), digest, sizeof(digest));
    out[0] = '"';
    memcpy(out + 1, hex, 2 * TAG_BYTES);
    out[MC_METADATA_ETAG_LEN - 1] = '"';
}

mc_code mc__doc_new(mc_str json, mc_str lang, const char *etag, const mc_metadata_doc **out,
                    mc_err *err)
{
    mc__doc *self = malloc(sizeof(*self) + json.len);

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "metadata: document");
    memcpy(self->bytes, json.ptr, json.len);
    atomic_init(&self->refs, 1);
    self->size = sizeof(*self) + json.len;
    self->pub.json = mc_str_of(self->bytes, json.len);
    self->pub.lang = lang;
    if (etag)
        memcpy(self->pub.etag, etag, MC_METADATA_ETAG_LEN);
    else
        mc__etag_of(json, self->pub.etag);
    *out = &self->pub;
    return MC_OK;
}

static mc__doc *doc_of(const mc_metadata_doc *doc)
{
    return (mc__doc *)doc; /* pub is the first member; const to readers, counted by us */
}

static const mc_metadata_doc *ref(const mc_metadata_doc *doc)
{
    atomic_fetch_add_explicit(&doc_of(doc)->refs, 1, memory_order_relaxed);
    return doc;
}

void mc_metadata_doc_unref(const mc_metadata_doc *doc)
{
    /* acq_rel: the last one must see all that the others read. */
    if (doc && atomic_fetch_sub_explicit(&doc_of(doc)->refs, 1, memory_order_acq_rel) == 1)
        free(doc_of(doc));
}

/* ---- the cache: a map, and a list in the order of use ---- */

struct mc__entry {
    mc__entry *newer;
    mc__entry *older;
    mc__stamp stamp;
    const mc_metadata_doc *doc; /* NULL: a marker */
    size_t size;
    size_t key_len;
    char key[];
};

static void unlink_entry(mc__docs *cache, mc__entry *entry)
{
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        cache->first = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        cache->last = entry->newer;
}

static void push_entry(mc__docs *cache, mc__entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->first;
    if (cache->first)
        cache->first->newer = entry;
    else
        cache->last = entry;
    cache->first = entry;
}

static void drop_locked(mc__docs *cache, mc__entry *entry) MC_REQUIRES(cache->mu)
{
    (void)mc_map_remove(&cache->entries, mc_str_of(entry->key, entry->key_len));
    unlink_entry(cache, entry);
    cache->bytes -= entry->size;
    mc_metadata_doc_unref(entry->doc);
    free(entry);
}

void mc__docs_init(mc__docs *cache, size_t bytes_max)
{
    *cache = (mc__docs){.bytes_max = bytes_max};
    mc_mutex_init(&cache->mu);
}

void mc__docs_deinit(mc__docs *cache)
{
    mc_mutex_lock(&cache->mu);
    while (cache->first)
        drop_locked(cache, cache->first);
    mc_map_deinit(&cache->entries);
    mc_mutex_unlock(&cache->mu);
    mc_mutex_deinit(&cache->mu);
}

static bool is_same(const mc__stamp *a, const mc__stamp *b)
{
    return a->model == b->model && a->texts == b->texts && a->epoch == b->epoch;
}

const mc_metadata_doc *mc__docs_find(mc__docs *cache, mc_str key, const mc__stamp *stamp,
                                     bool *out_is_marker)
{
    const mc_metadata_doc *found = NULL;
    mc__entry *entry;

    *out_is_marker = false;
    mc_mutex_lock(&cache->mu);
    entry = mc_map_find(&cache->entries, key);
    if (entry && !is_same(&entry->stamp, stamp)) {
        drop_locked(cache, entry);
        entry = NULL;
    }
    if (entry) {
        unlink_entry(cache, entry);
        push_entry(cache, entry);
        *out_is_marker = entry->doc == NULL;
        found = entry->doc ? ref(entry->doc) : NULL;
    }
    mc_mutex_unlock(&cache->mu);
    return found;
}

static void insert_locked(mc__docs *cache, mc__entry *entry) MC_REQUIRES(cache->mu)
{
    mc_str key = mc_str_of(entry->key, entry->key_len);
    mc__entry *old = mc_map_find(&cache->entries, key);

    if (old)
        drop_locked(cache, old);
    while (cache->last && cache->bytes + entry->size > cache->bytes_max)
        drop_locked(cache, cache->last);
    if (mc_map_put(&cache->entries, key, entry, NULL) != MC_OK) {
        free(entry); /* without memory there is no cache, and that is all */
        return;
    }
    if (entry->doc)
        (void)ref(entry->doc);
    push_entry(cache, entry);
    cache->bytes += entry->size;
}

void mc__docs_put(mc__docs *cache, mc_str key, const mc__stamp *stamp, const mc_metadata_doc *doc)
{
    size_t size = sizeof(mc__entry) + key.len + (doc ? doc_of(doc)->size : 0);
    mc__entry *entry = size <= cache->bytes_max ? malloc(sizeof(*entry) + key.len) : NULL;

    if (!entry)
        return;
    *entry = (mc__entry){.stamp = *stamp, .doc = doc, .size = size, .key_len = key.len};
    memcpy(entry->key, key.ptr, key.len);
    mc_mutex_lock(&cache->mu);
    insert_locked(cache, entry);
    mc_mutex_unlock(&cache->mu);
}
