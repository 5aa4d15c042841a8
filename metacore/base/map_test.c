/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/map.h"

#include "mc_test.h"

#include <stdio.h>

#define KEYS 2000

static char keys[KEYS][16];

MC_TEST("a map finds what was put, forgets what was removed, and grows")
{
    mc_map map = {0};
    size_t pos = 0, seen = 0;
    mc_str key;
    void *value;
    mc_err err;

    MC_EXPECT(mc_map_find(&map, MC_STR("x")) == NULL);
    MC_EXPECT(mc_map_remove(&map, MC_STR("x")) == NULL);
    for (int i = 0; i < KEYS; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "key-%d", i);
        MC_REQUIRE_OK(mc_map_put(&map, mc_z(keys[i]), keys[i], &err), &err);
    }
    MC_EXPECT_EQ(map.count, KEYS);
    for (int i = 0; i < KEYS; i += 2)
        MC_EXPECT(mc_map_remove(&map, mc_z(keys[i])) == keys[i]);
    for (int i = 0; i < KEYS; i++)
        MC_EXPECT(mc_map_find(&map, mc_z(keys[i])) == (i % 2 ? keys[i] : NULL));
    while (mc_map_next(&map, &pos, &key, &value))
        seen++;
    MC_EXPECT_EQ(seen, KEYS / 2);
    MC_REQUIRE_OK(mc_map_put(&map, MC_STR("key-1"), &map, &err), &err);
    MC_EXPECT(mc_map_find(&map, MC_STR("key-1")) == &map);
    MC_EXPECT_EQ(map.count, KEYS / 2);
    mc_map_deinit(&map);
    mc_map_deinit(&map);
}

static mc_code fill(mc_err *err)
{
    mc_map map = {0};
    mc_code rc = MC_OK;

    for (int i = 0; i < 100 && rc == MC_OK; i++)
        rc = mc_map_put(&map, mc_z(keys[i]), keys[i], err);
    mc_map_deinit(&map);
    return rc;
}

MC_TEST("a map without memory stays as it was")
{
    for (int i = 0; i < 100; i++)
        (void)snprintf(keys[i], sizeof(keys[i]), "key-%d", i);
    MC_TEST_OOM(fill);
}
