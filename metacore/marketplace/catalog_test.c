/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/marketplace/catalog.h"

#include "mc_test.h"
#include "metacore/bundle/bundle.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int looked;

static mc_code check(void *user, mc_str path, mc_err *err)
{
    (void)user;
    looked++;
    return mc_str_ends_with(path, MC_STR("caps.tar.gz")) ? mc_fail(err, MC_FORBIDDEN, "unsigned")
                                                         : MC_OK;
}

static void write_bytes(const char *folder, const char *name, mc_str bytes)
{
    char path[400];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    file = fopen(path, "wbe");
    MC_EXPECT(file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len);
    MC_EXPECT(file && fclose(file) == 0);
}

static void write_addon(const char *folder, const char *name, const char *key, const char *version)
{
    char manifest[200];
    mc_bundle *bundle = NULL;
    mc_buf packed;
    mc_err err;

    (void)snprintf(manifest, sizeof(manifest), "{\"key\":\"%s\",\"name\":\"N\",\"version\":\"%s\"}",
                   key, version);
    mc_buf_init(&packed, 0);
    MC_EXPECT_OK(mc_bundle_of_manifest(mc_z(manifest), &bundle, &err), &err);
    MC_EXPECT_OK(mc_bundle_pack(bundle, &packed, &err), &err);
    write_bytes(folder, name, mc_buf_get(&packed));
    mc_buf_deinit(&packed);
    mc_bundle_free(bundle);
}

MC_TEST("of each addon the highest version is offered, and what is no bundle is not")
{
    const char *folder = mc_test_dir();
    mc_arena *arena = mc_arena_new(0);
    mc_catalog *catalog = NULL;
    mc_catalog_item *items, item;
    size_t count;
    char path[400];
    mc_err err;

    write_addon(folder, "pens-1.tar.gz", "pens", "1.9.0");
    write_addon(folder, "pens-2.tar.gz", "pens", "1.10.0");
    write_addon(folder, "pens-3.tar.gz", "pens", "1.10.0-rc.1");
    write_addon(folder, "caps.tar.gz", "caps", "1.0.0");
    write_addon(folder, "other.zip", "other", "1.0.0");
    write_bytes(folder, "junk.tar.gz", MC_STR("junk"));
    write_bytes(folder, "empty.tar.gz", MC_STR(""));
    (void)snprintf(path, sizeof(path), "%s/folder.tar.gz", folder);
    MC_EXPECT(mkdir(path, 0700) == 0);
    looked = 0;
    MC_REQUIRE_OK(
        mc_catalog_new(&(mc_catalog_config){MC_CATALOG_CONFIG, .dir = mc_z(folder), .check = check},
                       &catalog, &err),
        &err);
    MC_EXPECT_OK(mc_catalog_list(catalog, arena, &items, &count, &err), &err);
    MC_REQUIRE(count == 2);
    MC_EXPECT_Z(items[0].addon_key, "caps");
    MC_EXPECT_Z(items[0].why_not, "unsigned");
    MC_EXPECT_Z(items[1].addon_key, "pens");
    MC_EXPECT_Z(items[1].version, "1.10.0");
    MC_EXPECT_Z(items[1].why_not, "");
    MC_EXPECT_HAS(items[1].path, "pens-2.tar.gz");
    MC_CASE("what was read is not read again");
    MC_EXPECT_EQ(looked, 4);
    MC_EXPECT_OK(mc_catalog_find(catalog, arena, MC_STR("pens"), &item, &err), &err);
    MC_EXPECT_EQ(looked, 4);
    MC_CASE("but when it is another file");
    write_addon(folder, "new.tar.gz", "pens", "2.0.0");
    (void)snprintf(path, sizeof(path), "%s/caps.tar.gz", folder);
    MC_EXPECT(unlink(path) == 0);
    MC_EXPECT_OK(mc_catalog_find(catalog, arena, MC_STR("pens"), &item, &err), &err);
    MC_EXPECT_Z(item.version, "2.0.0");
    MC_EXPECT_EQ(mc_catalog_find(catalog, arena, MC_STR("caps"), &item, &err), MC_NOT_FOUND);
    MC_EXPECT_EQ(looked, 5);
    mc_catalog_free(catalog);
    mc_arena_free(arena);
}

MC_TEST("no folder, and one that is not there, are an empty catalog")
{
    static const char *const folders[] = {"", "/nowhere/at/all"};
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(folders); i++) {
        mc_catalog *catalog = NULL;
        mc_catalog_item *items;
        size_t count = 1;
        mc_err err;

        MC_CASE(folders[i]);
        MC_REQUIRE_OK(
            mc_catalog_new(&(mc_catalog_config){MC_CATALOG_CONFIG, .dir = mc_z(folders[i])},
                           &catalog, &err),
            &err);
        MC_EXPECT_OK(mc_catalog_list(catalog, arena, &items, &count, &err), &err);
        MC_EXPECT_EQ(count, 0);
        mc_catalog_free(catalog);
    }
    mc_arena_free(arena);
}
