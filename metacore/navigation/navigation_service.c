/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/navigation/navigation_internal.h"

#include <pthread.h>
#include <stdlib.h>

struct mc_navigation {
    mc_navigation_config config;
    mc_arena *text; /* the host's groups */
    const mc_json *core;
    pthread_rwlock_t lock;
    mc__nav_part *all;      /* guarded by lock, as all below */
    mc__nav_part **current; /* one of each addon, by key */
    size_t count, room;
};

static bool is_groups(const mc_json *value)
{
    for (size_t i = 0; value->kind == MC_JSON_ARRAY && i < value->as.array.count; i++) {
        if (value->as.array.items[i]->kind != MC_JSON_OBJECT)
            return false;
    }
    return value->kind == MC_JSON_ARRAY;
}

static mc_code parse_core(mc_navigation *self, mc_str core, mc_err *err)
{
    mc_code rc;
    mc_str own;

    if (core.len == 0)
        return MC_OK;
    own = mc_str_copy(self->text, core);
    rc = own.ptr ? mc_json_parse(self->text, own, NULL, &self->core, err)
                 : mc_fail(err, MC_NO_MEMORY, "navigation");
    if (rc == MC_OK && !is_groups(self->core))
        rc = mc_fail(err, MC_INVALID, "navigation: want a JSON array of groups");
    return rc;
}

mc_code mc_navigation_new(const mc_navigation_config *config, mc_navigation **out, mc_err *err)
{
    mc_navigation *self;
    mc_code rc;

    if (!config->has_addon || !config->may_use)
        return mc_fail(err, MC_INVALID, "navigation: has_addon and may_use are required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "navigation");
    self->config = *config;
    self->config.core = MC_STR("");               /* ours is parsed */
    (void)pthread_rwlock_init(&self->lock, NULL); /* fails only without memory on other systems */
    self->text = mc_arena_new(0);
    rc =
        self->text ? parse_core(self, config->core, err) : mc_fail(err, MC_NO_MEMORY, "navigation");
    if (rc != MC_OK) {
        mc_navigation_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

static void part_free(mc__nav_part *part)
{
    if (!part)
        return;
    mc_arena_free(part->arena);
    free(part);
}

void mc_navigation_free(mc_navigation *self)
{
    if (!self)
        return;
    while (self->all) {
        mc__nav_part *gone = self->all;

        self->all = gone->next;
        part_free(gone);
    }
    free(self->current);
    mc_arena_free(self->text);
    (void)pthread_rwlock_destroy(&self->lock); /* nobody holds it any more */
    free(self);
}

/* ---- what addons add ---- */

static mc_code part_new(mc_str addon_key, const mc_json *groups, mc__nav_part **out, mc_err *err)
{
    mc__nav_part *part = calloc(1, sizeof(*part));
    mc_code rc = MC_OK;
    mc_buf text;

    if (part)
        part->arena = mc_arena_new(0);
    if (!part || !part->arena) {
        part_free(part);
        return mc_fail(err, MC_NO_MEMORY, "navigation");
    }
    part->key = mc_str_copy(part->arena, addon_key);
    mc_buf_init_arena(&text, part->arena, 0);
    if (groups && is_groups(groups)) { /* a copy, by way of its text */
        mc_json_write(&text, groups);
        rc = mc_buf_check(&text, "navigation", err);
        if (rc == MC_OK)
            rc = mc_json_parse(part->arena, mc_buf_get(&text),
                               &(mc_json_options){.last_duplicate_wins = true}, &part->groups, err);
    }
    if (rc == MC_OK && !part->key.ptr)
        rc = mc_fail(err, MC_NO_MEMORY, "navigation");
    if (rc != MC_OK) {
        part_free(part);
        return rc;
    }
    *out = part;
    return MC_OK;
}

/* Where key is, or would be. */
static size_t find_place(const mc_navigation *self, mc_str key)
{
    size_t low = 0, high = self->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (mc_str_cmp(self->current[middle]->key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool make_room(mc_navigation *self)
{
    size_t room = self->room ? self->room * 2 : 64;
    mc__nav_part **grown;

    if (self->count < self->room)
        return true;
    grown = realloc(self->current, room * sizeof(*grown));
    if (!grown)
        return false;
    self->current = grown;
    self->room = room;
    return true;
}

static mc_code put_locked(mc_navigation *self, mc__nav_part *part, mc_err *err)
{
    size_t at = find_place(self, part->key);

    if (at == self->count || !mc_str_eq(self->current[at]->key, part->key)) {
        if (!make_room(self))
            return mc_fail(err, MC_NO_MEMORY, "navigation");
        memmove(self->current + at + 1, self->current + at,
                (self->count - at) * sizeof(*self->current));
        self->count++;
    }
    self->current[at] = part;
    part->next = self->all;
    self->all = part;
    return MC_OK;
}

mc_code mc_navigation_put(mc_navigation *self, mc_str addon_key, const mc_json *groups, mc_err *err)
{
    mc__nav_part *part = NULL;
    mc_code rc = part_new(addon_key, groups, &part, err);

    if (rc != MC_OK)
        return rc;
    (void)pthread_rwlock_wrlock(&self->lock);
    rc = put_locked(self, part, err);
    (void)pthread_rwlock_unlock(&self->lock);
    if (rc != MC_OK)
        part_free(part);
    return rc;
}

/* ---- one person's ---- */

mc_code mc_navigation_write(mc_navigation *self, mc_ctx *ctx, mc_buf *out, mc_err *err)
{
    const mc__nav_part **parts;
    size_t count = 0, kept = 0;

    (void)pthread_rwlock_rdlock(&self->lock);
    parts = mc_arena_array(ctx->arena, const mc__nav_part *, self->count);
    for (; parts && count < self->count; count++)
        parts[count] = self->current[count];
    (void)pthread_rwlock_unlock(&self->lock);
    if (!parts)
        return mc_fail(err, MC_NO_MEMORY, "navigation");
    for (size_t i = 0; i < count; i++) {
        if (parts[i]->groups && self->config.has_addon(self->config.user, ctx, parts[i]->key))
            parts[kept++] = parts[i];
    }
    return mc__navigation_merge(&self->config, ctx, self->core, parts, kept, out, err);
}
