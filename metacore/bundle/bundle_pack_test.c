/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/bundle/bundle.h"

#include "mc_test.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LONG_PART "a-part-of-a-path-that-is-rather-long-but-not-too-long-for-an-archive"

/* Makes the folders of path too. */
static void put(const char *folder, const char *path, const char *text)
{
    char whole[1024];
    FILE *file;

    (void)snprintf(whole, sizeof(whole), "%s/%s", folder, path);
    for (char *at = whole + strlen(folder) + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        MC_EXPECT(mkdir(whole, 0700) == 0 || errno == EEXIST);
        *at = '/';
    }
    file = fopen(whole, "w");
    MC_REQUIRE(file);
    MC_EXPECT(fputs(text, file) >= 0);
    MC_EXPECT_EQ(fclose(file), 0);
}

static const char *author_folder(void)
{
    const char *folder = mc_test_dir();

    put(folder, "manifest.json", "{\"key\":\"x\"}");
    put(folder, "migrations/0002_more.sql", "SELECT 2;");
    put(folder, "migrations/0001_init.sql", "SELECT 1;");
    put(folder, "migrations/notes.txt", "not SQL");
    put(folder, "frontend/src/plugin.tsx", "source");
    put(folder, "frontend/dist/remoteEntry.js", "built");
    put(folder, "frontend/dist/" LONG_PART "/" LONG_PART "/a.js", "deep");
    put(folder, "frontend/node_modules/x/index.js", "a dependency");
    put(folder, "backend/backend.wasm", "wasm");
    put(folder, "backend/main.c", "source");
    put(folder, "README.md", "read");
    put(folder, ".git/config", "hidden");
    return folder;
}

static bool pack_and_read(const mc_bundle *bundle, mc_buf *packed, mc_bundle **out)
{
    mc_err err;

    MC_EXPECT_OK(mc_bundle_pack(bundle, packed, &err), &err);
    MC_EXPECT_OK(mc_bundle_read(mc_buf_get(packed), out, &err), &err);
    return *out != NULL;
}

static const struct {
    const char *name, *data;
} wanted[] = {
    {"README.md", "read"},
    {"backend/backend.wasm", "wasm"},
    {"frontend/" LONG_PART "/" LONG_PART "/a.js", "deep"},
    {"frontend/remoteEntry.js", "built"},
    {"manifest.json", "{\"key\":\"x\"}"},
    {"migrations/0001_init.sql", "SELECT 1;"},
    {"migrations/0002_more.sql", "SELECT 2;"},
};

MC_TEST("an author's folder becomes a bundle of what was built, and reads back the same")
{
    mc_bundle *bundle = NULL, *again = NULL;
    mc_buf packed;
    mc_err err;

    mc_buf_init(&packed, 0);
    MC_REQUIRE_OK(
        mc_bundle_read_author(mc_z(author_folder()), MC_STR("backend/backend.wasm"), &bundle, &err),
        &err);
    MC_REQUIRE(pack_and_read(bundle, &packed, &again));
    MC_REQUIRE(again->file_count == MC_LEN(wanted));
    for (size_t i = 0; i < MC_LEN(wanted); i++) {
        MC_EXPECT_Z(again->files[i].name, wanted[i].name);
        MC_EXPECT_Z(again->files[i].data, wanted[i].data);
    }
    mc_bundle_free(bundle);
    mc_bundle_free(again);
    mc_buf_deinit(&packed);
}

MC_TEST("the same files give the same bytes, whatever their times are")
{
    mc_bundle *first = NULL, *second = NULL;
    mc_buf a, b;
    mc_err err;

    mc_buf_init(&a, 0);
    mc_buf_init(&b, 0);
    MC_REQUIRE_OK(mc_bundle_read_author(mc_z(author_folder()), MC_STR(""), &first, &err), &err);
    MC_REQUIRE_OK(mc_bundle_read_author(mc_z(author_folder()), MC_STR(""), &second, &err), &err);
    MC_EXPECT_OK(mc_bundle_pack(first, &a, &err), &err);
    MC_EXPECT_OK(mc_bundle_pack(second, &b, &err), &err);
    MC_EXPECT_STR(mc_buf_get(&a), mc_buf_get(&b));
    MC_CASE("gzip says neither time nor system");
    MC_REQUIRE(a.len > 10);
    MC_EXPECT_STR(mc_str_slice(mc_buf_get(&a), 4, 8), MC_STR("\0\0\0\0"));
    MC_EXPECT_EQ((unsigned char)a.ptr[9], 255);
    mc_bundle_free(first);
    mc_bundle_free(second);
    mc_buf_deinit(&a);
    mc_buf_deinit(&b);
}

MC_TEST("a folder without a manifest, and one that is not there, are no bundles")
{
    const char *folder = mc_test_dir();
    mc_bundle *bundle = NULL;
    mc_err err;

    put(folder, "README.md", "read");
    MC_EXPECT_EQ(mc_bundle_read_author(mc_z(folder), MC_STR(""), &bundle, &err), MC_INVALID);
    MC_EXPECT_Z(mc_z(err.msg), "bundle: manifest.json missing or empty");
    MC_EXPECT_EQ(mc_bundle_read_author(MC_STR("/nowhere/at/all"), MC_STR(""), &bundle, &err),
                 MC_INVALID);
    MC_EXPECT(bundle == NULL);
}

MC_TEST("a published bundle that is packed again holds the same files")
{
    const char *shared = mc_test_shared();
    mc_bundle *published = NULL, *again = NULL;
    char path[1024];
    mc_buf packed;
    mc_err err;

    if (!shared)
        MC_SKIP("the shared test data is not there");
    mc_buf_init(&packed, 0);
    (void)snprintf(path, sizeof(path), "%s/testdata/bundles/wms-1.0.0.tar.gz", shared);
    MC_REQUIRE_OK(mc_bundle_open(mc_z(path), &published, &err), &err);
    MC_REQUIRE(pack_and_read(published, &packed, &again));
    MC_REQUIRE(again->file_count <= published->file_count);
    for (size_t i = 0, k = 0; i < again->file_count; i++, k++) {
        while (k < published->file_count &&
               !mc_str_eq(published->files[k].name, again->files[i].name))
            k++;
        MC_REQUIRE(k < published->file_count);
        MC_EXPECT_STR(again->files[i].data, published->files[k].data);
    }
    mc_bundle_free(published);
    mc_bundle_free(again);
    mc_buf_deinit(&packed);
}
