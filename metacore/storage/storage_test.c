/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/storage/storage.h"

#include "mc_test.h"
#include "metacore/base/buf.h"

static mc_code keep(void *user, mc_str bytes, mc_err *err)
{
    (void)err;
    mc_buf_str(user, bytes);
    return MC_OK;
}

MC_TEST("an object is there whole, once, in ranges, until it is removed")
{
    mc_storage storage;
    uint64_t size = 0;
    mc_buf got;
    mc_err err;

    MC_REQUIRE_OK(mc_storage_folder_new(mc_z(mc_test_dir()), &storage, &err), &err);
    mc_buf_init(&got, 0);
    MC_EXPECT_OK(storage.vt->put(storage.self, MC_STR("a/b/c.txt"), MC_STR("0123456789"), &err),
                 &err);
    MC_EXPECT_EQ(storage.vt->put(storage.self, MC_STR("a/b/c.txt"), MC_STR("other"), &err),
                 MC_CONFLICT);
    MC_EXPECT_OK(storage.vt->stat(storage.self, MC_STR("a/b/c.txt"), &size, &err), &err);
    MC_EXPECT_EQ(size, 10);
    MC_EXPECT_OK(
        storage.vt->read(storage.self, MC_STR("a/b/c.txt"), 3, 4, (mc_sink){keep, &got}, &err),
        &err);
    MC_EXPECT_Z(mc_buf_get(&got), "3456");
    MC_EXPECT_EQ(
        storage.vt->read(storage.self, MC_STR("a/b/c.txt"), 8, 4, (mc_sink){keep, &got}, &err),
        MC_IO);
    MC_EXPECT_OK(storage.vt->remove(storage.self, MC_STR("a/b/c.txt"), &err), &err);
    MC_EXPECT_OK(storage.vt->remove(storage.self, MC_STR("a/b/c.txt"), &err), &err);
    MC_EXPECT_EQ(storage.vt->stat(storage.self, MC_STR("a/b/c.txt"), &size, &err), MC_NOT_FOUND);
    mc_buf_deinit(&got);
    mc_storage_free(storage);
}

MC_TEST("a key can leave its folder in no way")
{
    static const struct {
        const char *key;
        bool is_key;
    } cases[] = {
        {"a", true},     {"a/b.c-d_e", true}, {"", false},       {"/a", false},   {"a/", false},
        {"a//b", false}, {"../a", false},     {"a/../b", false}, {".a", false},   {"a/.b", false},
        {"A", false},    {"a\\b", false},     {"a b", false},    {"a\nb", false}, {"a/b..c", true},
    };
    mc_storage storage;
    mc_err err;

    MC_REQUIRE_OK(mc_storage_folder_new(mc_z(mc_test_dir()), &storage, &err), &err);
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].key);
        MC_EXPECT_EQ(mc_storage_is_key(mc_z(cases[i].key)), cases[i].is_key);
        if (!cases[i].is_key)
            MC_EXPECT_EQ(storage.vt->put(storage.self, mc_z(cases[i].key), MC_STR("x"), &err),
                         MC_INVALID);
    }
    mc_storage_free(storage);
}
