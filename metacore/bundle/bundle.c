/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/bundle/bundle.h"

#include "metacore/base/utf8.h"
#include "metacore/bundle/bundle_internal.h"

#include <sodium.h>
#include <stdlib.h>

void mc__bundle_sha256(mc_str bytes, char out[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[crypto_hash_sha256_BYTES];

    (void)crypto_hash_sha256(digest, (const unsigned char *)bytes.ptr, bytes.len); /* always 0 */
    for (size_t i = 0; i < sizeof(digest); i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[64] = '\0';
}

/* ---- building ---- */

mc_code mc__bundle_begin(mc__bundle_builder *b, mc_err *err)
{
    *b = (mc__bundle_builder){.bundle = calloc(1, sizeof(*b->bundle))};
    if (!b->bundle)
        return mc_fail(err, MC_NO_MEMORY, "bundle");
    b->bundle->arena = mc_arena_new(2 * MC_BUNDLE_BYTES_MAX);
    if (b->bundle->arena)
        b->files = mc_arena_array(b->bundle->arena, mc_bundle_file, MC_BUNDLE_ENTRIES_MAX);
    return b->files ? MC_OK : mc_fail(err, MC_NO_MEMORY, "bundle");
}

static mc_code check_name(mc_str name, mc_err *err)
{
    mc_str rest = name, part;

    if (name.len == 0 || name.len > MC_BUNDLE_NAME_MAX)
        return mc_fail(err, MC_INVALID, "bundle: an entry's name is empty or longer than %d bytes",
                       MC_BUNDLE_NAME_MAX);
    if (!mc_utf8_is_valid(name))
        return mc_fail(err, MC_INVALID, "bundle: an entry's name is not UTF-8");
    if (name.ptr[0] == '/')
        return mc_fail(err, MC_INVALID, "bundle: absolute path \"%.*s\"", MC_FMT(name));
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];

        if (c < ' ' || c == 0x7f || c == '\\')
            return mc_fail(err, MC_INVALID,
                           "bundle: a character in an entry's name that may not "
                           "stand there");
    }
    if (name.ptr[name.len - 1] == '/')
        return mc_fail(err, MC_INVALID, "bundle: file \"%.*s\" has a folder's name", MC_FMT(name));
    while (mc_str_split(&rest, '/', &part)) {
        if (mc_str_eq(part, MC_STR("..")))
            return mc_fail(err, MC_INVALID, "bundle: path traversal in \"%.*s\"", MC_FMT(name));
        if (part.len == 0 || mc_str_eq(part, MC_STR(".")))
            return mc_fail(err, MC_INVALID, "bundle: \"%.*s\" is not the plain form of its path",
                           MC_FMT(name));
    }
    return MC_OK;
}

mc_code mc__bundle_add(mc__bundle_builder *b, mc_str name, mc_str data, mc_err *err)
{
    mc_bundle_file *file;
    mc_code rc = check_name(name, err);

    if (rc != MC_OK)
        return rc;
    if (b->count == MC_BUNDLE_ENTRIES_MAX)
        return mc_fail(err, MC_TOO_LARGE, "bundle: more than %d entries", MC_BUNDLE_ENTRIES_MAX);
    if (data.len > MC_BUNDLE_BYTES_MAX - b->bytes)
        return mc_fail(err, MC_TOO_LARGE, "bundle: decompressed size exceeds %zu bytes",
                       MC_BUNDLE_BYTES_MAX);
    b->bytes += data.len;
    file = &b->files[b->count++];
    file->name = name;
    file->data = data;
    mc__bundle_sha256(data, file->sha256);
    return MC_OK;
}

static int by_name(const void *a, const void *b)
{
    const mc_bundle_file *left = a, *right = b;

    return mc_str_cmp(left->name, right->name);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static int cmp_without_case(mc_str a, mc_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;

    for (size_t i = 0; i < len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return (unsigned char)lower(a.ptr[i]) < (unsigned char)lower(b.ptr[i]) ? -1 : 1;
    }
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

static int by_name_without_case(const void *a, const void *b)
{
    const mc_bundle_file *left = a, *right = b;

    return cmp_without_case(left->name, right->name);
}

/* Whether some file is called as a folder of name. files are sorted without case. */
static bool is_below_a_file(const mc__bundle_builder *b, mc_str name)
{
    for (size_t i = mc_str_find_char(name, 0, '/'); i < name.len;
         i = mc_str_find_char(name, i + 1, '/')) {
        mc_bundle_file folder = {.name = mc_str_slice(name, 0, i)};

        if (bsearch(&folder, b->files, b->count, sizeof(*b->files), by_name_without_case))
            return true;
    }
    return false;
}

/* Two names that one path may mean, where case does not count or where they are unpacked. */
static mc_code check_collisions(mc__bundle_builder *b, mc_err *err)
{
    qsort(b->files, b->count, sizeof(*b->files), by_name_without_case);
    for (size_t i = 0; i < b->count; i++) {
        if (i > 0 && by_name_without_case(&b->files[i], &b->files[i - 1]) == 0)
            return mc_fail(err, MC_INVALID, "bundle: \"%.*s\" stands twice",
                           MC_FMT(b->files[i].name));
        if (is_below_a_file(b, b->files[i].name))
            return mc_fail(err, MC_INVALID, "bundle: \"%.*s\" lies below a file",
                           MC_FMT(b->files[i].name));
    }
    return MC_OK;
}

static mc_code settle(mc__bundle_builder *b, mc_err *err)
{
    mc_code rc = check_collisions(b, err);

    if (rc != MC_OK)
        return rc;
    qsort(b->files, b->count, sizeof(*b->files), by_name);
    for (size_t i = 0; i < b->count; i++) {
        if (mc_str_eq(b->files[i].name, MC_STR("manifest.json")))
            b->bundle->manifest = b->files[i].data;
        if (mc_str_eq(b->files[i].name, MC_STR("README.md")))
            b->bundle->readme = b->files[i].data;
    }
    b->bundle->files = b->files;
    b->bundle->file_count = b->count;
    if (b->bundle->manifest.len == 0)
        return mc_fail(err, MC_INVALID, "bundle: manifest.json missing or empty");
    return MC_OK;
}

mc_code mc__bundle_finish(mc__bundle_builder *b, mc_code rc, mc_bundle **out, mc_err *err)
{
    if (rc == MC_OK)
        rc = settle(b, err);
    if (rc != MC_OK) {
        mc_bundle_free(b->bundle);
        return rc;
    }
    *out = b->bundle;
    return MC_OK;
}

void mc_bundle_free(mc_bundle *bundle)
{
    if (!bundle)
        return;
    mc_arena_free(bundle->arena);
    free(bundle);
}

/* ---- archives ---- */

mc_code mc_bundle_read(mc_str packed, mc_bundle **out, mc_err *err)
{
    mc__bundle_builder b;
    mc_buf tar;
    mc_code rc;

    if (packed.len > MC_BUNDLE_PACKED_MAX)
        return mc_fail(err, MC_TOO_LARGE, "bundle: larger than %zu bytes", MC_BUNDLE_PACKED_MAX);
    rc = mc__bundle_begin(&b, err);
    mc_buf_init(&tar, 0);
    /* Headers and padding come on top of what the entries hold. */
    if (rc == MC_OK)
        rc = mc__gunzip(packed, MC_BUNDLE_BYTES_MAX + MC_BUNDLE_ENTRIES_MAX * (size_t)1536 + 10240,
                        &tar, err);
    if (rc == MC_OK)
        rc = mc__tar_read(mc_buf_get(&tar), &b, err);
    mc_buf_deinit(&tar);
    if (rc == MC_OK)
        mc__bundle_sha256(packed, b.bundle->digest);
    return mc__bundle_finish(&b, rc, out, err);
}

mc_code mc_bundle_of_manifest(mc_str manifest, mc_bundle **out, mc_err *err)
{
    mc__bundle_builder b;
    mc_code rc = mc__bundle_begin(&b, err);
    mc_str copy = {NULL, 0};

    if (rc == MC_OK)
        copy = mc_str_copy(b.bundle->arena, manifest);
    if (rc == MC_OK && manifest.len && !copy.ptr)
        rc = mc_fail(err, MC_NO_MEMORY, "bundle");
    if (rc == MC_OK)
        rc = mc__bundle_add(&b, MC_STR("manifest.json"), copy, err);
    if (rc == MC_OK)
        mc__bundle_sha256(manifest, b.bundle->digest);
    return mc__bundle_finish(&b, rc, out, err);
}

bool mc_bundle_is_migration(const mc_bundle_file *file, mc_str *out_version)
{
    size_t slash = file->name.len;

    if (!mc_str_starts_with(file->name, MC_STR("migrations/")) ||
        !mc_str_ends_with(file->name, MC_STR(".sql")))
        return false;
    while (slash > 0 && file->name.ptr[slash - 1] != '/')
        slash--;
    *out_version = mc_str_slice(file->name, slash, file->name.len - 4);
    return out_version->len > 0;
}
