/* SPDX-License-Identifier: Apache-2.0 */
/* JSON Merge Patch, RFC 7396, on the JSON columns of a row: its other columns have no inside. */
#include "metacore/base/map.h"
#include "metacore/dynamic/dynamic_internal.h"

static bool is_object(const mc_json *value)
{
    return value && value->kind == MC_JSON_OBJECT;
}

static size_t member_count(const mc_json *value)
{
    return is_object(value) ? value->as.object.count : 0;
}

/* An object's members by key: both sides may have as many as a body holds. */
static mc_code index_members(mc_map *map, const mc_json *object, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < member_count(object) && rc == MC_OK; i++)
        rc = mc_map_put(map, object->as.object.members[i].key,
                        (void *)object->as.object.members[i].value, err);
    return rc;
}

static mc_code merge(mc_arena *arena, const mc_json *target, const mc_json *patch,
                     const mc_json **out, mc_err *err);

static mc_code add(mc_arena *arena, mc_json_member *members, size_t *count, mc_str key,
                   const mc_json *target, const mc_json *patch, mc_err *err)
{
    mc_json_member *member = &members[(*count)++];

    member->key = key;
    return merge(arena, target, patch, &member->value, err);
}

/* What patch leaves of target's members, in their order, then its new ones. */
static mc_code merge_members(mc_arena *arena, const mc_json *target, const mc_json *patch,
                             const mc_map *old, const mc_map *fresh, mc_json_member *members,
                             size_t *count, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < member_count(target) && rc == MC_OK; i++) {
        mc_json_member member = target->as.object.members[i];
        const mc_json *change = mc_map_find(fresh, member.key);

        if (!change)
            members[(*count)++] = member;
        else if (change->kind != MC_JSON_NULL)
            rc = add(arena, members, count, member.key, member.value, change, err);
    }
    for (size_t i = 0; i < member_count(patch) && rc == MC_OK; i++) {
        mc_json_member member = patch->as.object.members[i];

        if (member.value->kind != MC_JSON_NULL && !mc_map_find(old, member.key))
            rc = add(arena, members, count, member.key, NULL, member.value, err);
    }
    return rc;
}

/* As deep as the parser lets JSON be. */
static mc_code merge(mc_arena *arena, const mc_json *target, const mc_json *patch,
                     const mc_json **out, mc_err *err)
{
    mc_map old = {0}, fresh = {0};
    mc_json_member *members;
    mc_json *object;
    size_t count = 0;
    mc_code rc;

    if (!is_object(patch)) {
        *out = patch;
        return MC_OK;
    }
    object = mc_arena_object(arena, mc_json);
    members = mc_arena_array(arena, mc_json_member, member_count(patch) + member_count(target));
    if (!object || !members)
        return mc_fail(err, MC_NO_MEMORY, "write");
    rc = index_members(&old, target, err);
    if (rc == MC_OK)
        rc = index_members(&fresh, patch, err);
    if (rc == MC_OK)
        rc = merge_members(arena, target, patch, &old, &fresh, members, &count, err);
    mc_map_deinit(&old);
    mc_map_deinit(&fresh);
    if (rc != MC_OK)
        return rc;
    object->kind = MC_JSON_OBJECT;
    object->as.object.members = members;
    object->as.object.count = count;
    *out = object;
    return MC_OK;
}

mc_code mc__dynamic_merge(mc_ctx *ctx, mc_str stored, const mc_json *patch, mc_str *out,
                          mc_err *err)
{
    const mc_json *target = NULL, *merged = NULL;
    mc_buf text;
    mc_code rc;

    /* What is stored and no JSON, by a migration's hand, is no object: it is replaced. */
    if (stored.len && mc_json_parse(ctx->arena, stored, NULL, &target, NULL) == MC_NO_MEMORY)
        return mc_fail(err, MC_NO_MEMORY, "write");
    rc = merge(ctx->arena, target, patch, &merged, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&text, ctx->arena, 0);
    mc_json_write(&text, merged);
    rc = mc_buf_check(&text, "write", err);
    if (rc == MC_OK)
        *out = mc_buf_get(&text);
    return rc;
}
