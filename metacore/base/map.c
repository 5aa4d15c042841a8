/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/map.h"

#include "metacore/base/random.h"

#include <pthread.h>
#include <stdlib.h>

#define CAPACITY_MIN ((size_t)16)

/* ---- SipHash-1-3 ---- */

static uint64_t hash_key[2];

static void make_hash_key(void)
{
    /* Without random bytes the map still works; it only can be attacked. */
    MC_IGNORE(mc_random_bytes(hash_key, sizeof(hash_key), NULL));
}

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

uint64_t mc_hash(const void *ptr, size_t len)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const unsigned char *in = ptr;
    uint64_t v[4], word;
    size_t left = len;

    (void)pthread_once(&once, make_hash_key); /* cannot fail with a static control */
    v[0] = hash_key[0] ^ UINT64_C(0x736f6d6570736575);
    v[1] = hash_key[1] ^ UINT64_C(0x646f72616e646f6d);
    v[2] = hash_key[0] ^ UINT64_C(0x6c7967656e657261);
    v[3] = hash_key[1] ^ UINT64_C(0x7465646279746573);
    for (; left >= 8; left -= 8, in += 8) {
        memcpy(&word, in, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = (uint64_t)len << 56;
    for (size_t i = 0; i < left; i++)
        word |= (uint64_t)in[i] << (8 * i);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ---- the table: linear probing, deletion by shifting back ---- */

static uint64_t slot_hash(mc_str key)
{
    uint64_t hash = mc_hash(key.ptr, key.len);

    return hash ? hash : 1; /* 0 marks a free slot */
}

void mc_map_deinit(mc_map *map)
{
    free(map->slots);
    *map = (mc_map){0};
}

static size_t find_slot(const mc_map *map, mc_str key, uint64_t hash)
{
    size_t mask = map->capacity - 1;
    size_t i = hash & mask;

    while (map->slots[i].hash && (map->slots[i].hash != hash || !mc_str_eq(map->slots[i].key, key)))
        i = (i + 1) & mask;
    return i;
}

void *mc_map_find(const mc_map *map, mc_str key)
{
    if (map->count == 0)
        return NULL;
    return map->slots[find_slot(map, key, slot_hash(key))].value; /* a free slot's is NULL */
}

static mc_code grow(mc_map *map, mc_err *err)
{
    mc_map bigger = {.capacity = map->capacity ? map->capacity * 2 : CAPACITY_MIN};

    bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
    if (!bigger.slots)
        return mc_fail(err, MC_NO_MEMORY, "map of %zu entries", map->count);
    for (size_t i = 0; i < map->capacity; i++) {
        const mc_map_entry *entry = &map->slots[i];

        if (entry->hash)
            bigger.slots[find_slot(&bigger, entry->key, entry->hash)] = *entry;
    }
    bigger.count = map->count;
    free(map->slots);
    *map = bigger;
    return MC_OK;
}

mc_code mc_map_put(mc_map *map, mc_str key, void *value, mc_err *err)
{
    uint64_t hash = slot_hash(key);
    size_t i;

    if (map->count + 1 > map->capacity / 4 * 3) {
        mc_code rc = grow(map, err);

        if (rc != MC_OK)
            return rc;
    }
    i = find_slot(map, key, hash);
    if (!map->slots[i].hash) {
        map->slots[i].key = key;
        map->slots[i].hash = hash;
        map->count++;
    }
    map->slots[i].value = value;
    return MC_OK;
}

void *mc_map_remove(mc_map *map, mc_str key)
{
    size_t mask = map->capacity - 1;
    size_t hole, i;
    void *value;

    if (map->count == 0)
        return NULL;
    hole = find_slot(map, key, slot_hash(key));
    if (!map->slots[hole].hash)
        return NULL;
    value = map->slots[hole].value;
    /* Whatever could no longer be reached past the hole moves into it (Knuth, 6.4 algorithm R). */
    for (i = (hole + 1) & mask; map->slots[i].hash; i = (i + 1) & mask) {
        size_t home = map->slots[i].hash & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole] = (mc_map_entry){0};
    map->count--;
    return value;
}

bool mc_map_next(const mc_map *map, size_t *pos, mc_str *out_key, void **out_value)
{
    while (*pos < map->capacity) {
        const mc_map_entry *entry = &map->slots[(*pos)++];

        if (entry->hash) {
            *out_key = entry->key;
            *out_value = entry->value;
            return true;
        }
    }
    return false;
}
