/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/json_internal.h"

#include "metacore/base/map.h"

/* Few keys are compared with each other, once their signatures are alike; many go through a table
 * hashed under a secret key, so that no choice of keys makes either way slow. */
#define FEW_MAX 64

static mc_code refuse(mc__json_parser *p, const mc_json_member *member)
{
    p->at = member->value->offset;
    return mc_fail(p->err, MC_INVALID, "invalid JSON at byte %zu: the key \"%.*s\" stands twice",
                   p->at, (int)(member->key.len < 64 ? member->key.len : 64), member->key.ptr);
}

/* A bit of 64, by the key's length and three of its bytes. */
static uint64_t signature(mc_str key)
{
    unsigned mix = (unsigned)key.len;

    if (key.len > 0)
        mix += (unsigned char)key.ptr[0] * 3u + (unsigned char)key.ptr[key.len / 2] * 7u +
               (unsigned char)key.ptr[key.len - 1] * 31u;
    return UINT64_C(1) << (mix * 0x9e3779b1u >> 26);
}

/* Marks the earlier of two equal keys by a NULL value. */
static mc_code settle_few(mc__json_parser *p, mc_json_member *members, size_t count, bool *found)
{
    uint64_t seen = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t bit = signature(members[i].key);

        for (size_t k = 0; (seen & bit) && k < i; k++) {
            if (!members[k].value || !mc_str_eq(members[i].key, members[k].key))
                continue;
            if (!p->last_duplicate_wins)
                return refuse(p, &members[i]);
            members[k].value = NULL;
            *found = true;
        }
        seen |= bit;
    }
    return MC_OK;
}

/* The slot of key: free (0), or the index + 1 of the member that has it. */
static uint32_t *find_slot(uint32_t *table, size_t mask, const mc_json_member *members, mc_str key)
{
    size_t at = (size_t)mc_hash(key.ptr, key.len) & mask;

    while (table[at] && !mc_str_eq(members[table[at] - 1].key, key))
        at = (at + 1) & mask;
    return &table[at];
}

static mc_code settle_many(mc__json_parser *p, mc_json_member *members, size_t count, bool *found)
{
    size_t size = FEW_MAX;
    uint32_t *table;

    while (size < 2 * count)
        size *= 2;
    table = mc_arena_array(p->arena, uint32_t, size);
    if (!table)
        return mc__json_no_memory(p);
    for (size_t i = 0; i < count; i++) {
        uint32_t *slot = find_slot(table, size - 1, members, members[i].key);

        if (*slot) {
            if (!p->last_duplicate_wins)
                return refuse(p, &members[i]);
            members[*slot - 1].value = NULL;
            *found = true;
        }
        *slot = (uint32_t)i + 1;
    }
    return MC_OK;
}

mc_code mc__json_settle_duplicates(mc__json_parser *p, mc_json_member *members, size_t *count)
{
    bool found = false;
    size_t kept = 0;
    mc_code rc = *count <= FEW_MAX ? settle_few(p, members, *count, &found)
                                   : settle_many(p, members, *count, &found);

    if (rc != MC_OK || !found)
        return rc;
    for (size_t i = 0; i < *count; i++) {
        if (members[i].value)
            members[kept++] = members[i];
    }
    *count = kept;
    return MC_OK;
}
