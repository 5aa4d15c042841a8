/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/lifecycle/hooks.h"

#include "metacore/base/arena.h"
#include "metacore/base/map.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct mc_hook_set {
    atomic_uint refs;
    mc_arena *arena;
    mc_hook *items[MC_HOOK_EVENT_COUNT];
    size_t counts[MC_HOOK_EVENT_COUNT];
};

typedef struct entry {
    mc_hook_set *set;
    char key[]; /* of key_len bytes */
} entry;

struct mc_hooks {
    pthread_rwlock_t lock;
    mc_map by_addon; /* guarded by lock: addons that have hooks, to an entry */
};

/* ---- events ---- */

static const mc_str names[MC_HOOK_EVENT_COUNT] = {
    [MC_HOOK_INSTALL] = MC_STR_INIT("install"),
    [MC_HOOK_UNINSTALL] = MC_STR_INIT("uninstall"),
    [MC_HOOK_ENABLE] = MC_STR_INIT("enable"),
    [MC_HOOK_DISABLE] = MC_STR_INIT("disable"),
    [MC_HOOK_BEFORE_CREATE] = MC_STR_INIT("before_create"),
    [MC_HOOK_AFTER_CREATE] = MC_STR_INIT("after_create"),
    [MC_HOOK_BEFORE_UPDATE] = MC_STR_INIT("before_update"),
    [MC_HOOK_AFTER_UPDATE] = MC_STR_INIT("after_update"),
    [MC_HOOK_BEFORE_DELETE] = MC_STR_INIT("before_delete"),
    [MC_HOOK_AFTER_DELETE] = MC_STR_INIT("after_delete"),
};

mc_str mc_hook_event_name(mc_hook_event event)
{
    return names[event];
}

bool mc_hook_event_parse(mc_str name, mc_hook_event *out)
{
    for (size_t i = 0; i < MC_LEN(names); i++) {
        if (mc_str_eq(name, names[i])) {
            *out = (mc_hook_event)i;
            return true;
        }
    }
    return false;
}

/* ---- reading ---- */

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find_nocase(object, mc_z(key)), &text); /* else empty */
    return mc_str_trim(text);
}

/* False: it means nothing here. */
static bool read_hook(const mc_json *json, mc_hook *out)
{
    const mc_json *target = mc_json_find_nocase(json, MC_STR("target"));
    mc_str type = text_of(target, "type");

    *out = (mc_hook){.function = MC_STR(""), .url = MC_STR("")};
    if (mc_str_eq(type, MC_STR("wasm")))
        out->function = text_of(target, "function");
    else if (mc_str_eq(type, MC_STR("webhook")))
        out->url = text_of(target, "url");
    (void)mc_json_get_i64(mc_json_find_nocase(json, MC_STR("priority")), INT64_MIN, INT64_MAX,
                          &out->priority); /* else 0 */
    (void)mc_json_get_bool(mc_json_find_nocase(json, MC_STR("async")), &out->is_async);
    return out->function.len || out->url.len;
}

/* Behind those of the same priority. */
static void insert(mc_hook *items, size_t count, mc_hook fresh)
{
    size_t at = count;

    for (; at > 0 && items[at - 1].priority > fresh.priority; at--)
        items[at] = items[at - 1];
    items[at] = fresh;
}

static mc_code read_event(mc_hook_set *set, mc_hook_event event, const mc_json *list, mc_err *err)
{
    size_t most = list->kind == MC_JSON_ARRAY ? list->as.array.count : 0;
    mc_hook hook;

    if (most > MC_HOOKS_MAX)
        return mc_fail(err, MC_LIMIT, "manifest.lifecycle_hooks: more than %d of one event",
                       MC_HOOKS_MAX);
    set->items[event] = mc_arena_array(set->arena, mc_hook, most);
    if (!set->items[event])
        return mc_fail(err, MC_NO_MEMORY, "hooks");
    for (size_t i = 0; i < most; i++) {
        if (!read_hook(list->as.array.items[i], &hook))
            continue;
        hook.function = mc_str_copy(set->arena, hook.function);
        hook.url = mc_str_copy(set->arena, hook.url);
        if (!hook.function.ptr || !hook.url.ptr)
            return mc_fail(err, MC_NO_MEMORY, "hooks");
        insert(set->items[event], set->counts[event]++, hook);
    }
    return MC_OK;
}

static bool is_empty(const mc_hook_set *set)
{
    size_t count = 0;

    for (size_t i = 0; i < MC_HOOK_EVENT_COUNT; i++)
        count += set->counts[i];
    return count == 0;
}

mc_code mc_hook_set_new(const mc_json *declared, mc_hook_set **out, mc_err *err)
{
    mc_hook_set *set;
    mc_hook_event event;
    mc_code rc = MC_OK;

    *out = NULL;
    if (!declared || declared->kind != MC_JSON_OBJECT || declared->as.object.count == 0)
        return MC_OK;
    set = calloc(1, sizeof(*set));
    if (!set)
        return mc_fail(err, MC_NO_MEMORY, "hooks");
    atomic_init(&set->refs, 1);
    set->arena = mc_arena_new(0);
    if (!set->arena)
        rc = mc_fail(err, MC_NO_MEMORY, "hooks");
    for (size_t i = 0; i < declared->as.object.count && rc == MC_OK; i++) {
        const mc_json_member *member = &declared->as.object.members[i];

        if (mc_hook_event_parse(member->key, &event))
            rc = read_event(set, event, member->value, err);
    }
    if (rc != MC_OK || is_empty(set)) {
        mc_hook_set_unref(set);
        return rc;
    }
    *out = set;
    return MC_OK;
}

void mc_hook_set_unref(mc_hook_set *set)
{
    /* The last one frees: it sees what the others have done. */
    if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) != 1)
        return;
    mc_arena_free(set->arena);
    free(set);
}

const mc_hook *mc_hook_set_get(const mc_hook_set *set, mc_hook_event event, size_t *out_count)
{
    *out_count = set ? set->counts[event] : 0;
    return set ? set->items[event] : NULL;
}

/* ---- the registry ---- */

mc_code mc_hooks_new(mc_hooks **out, mc_err *err)
{
    mc_hooks *self = calloc(1, sizeof(*self));

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "hooks");
    (void)pthread_rwlock_init(&self->lock, NULL); /* fails only without memory on other systems */
    *out = self;
    return MC_OK;
}

static void drop(entry *gone)
{
    if (gone)
        mc_hook_set_unref(gone->set);
    free(gone);
}

void mc_hooks_free(mc_hooks *self)
{
    size_t pos = 0;
    mc_str key;
    void *value;

    if (!self)
        return;
    while (mc_map_next(&self->by_addon, &pos, &key, &value))
        drop(value);
    mc_map_deinit(&self->by_addon);
    (void)pthread_rwlock_destroy(&self->lock); /* nobody holds it any more */
    free(self);
}

mc_code mc_hooks_put(mc_hooks *self, mc_str addon_key, const mc_json *declared, mc_err *err)
{
    mc_hook_set *set;
    entry *fresh = NULL, *old;
    mc_code rc = mc_hook_set_new(declared, &set, err);

    if (rc != MC_OK)
        return rc;
    if (set) {
        fresh = malloc(sizeof(*fresh) + addon_key.len);
        if (!fresh) {
            mc_hook_set_unref(set);
            return mc_fail(err, MC_NO_MEMORY, "hooks");
        }
        fresh->set = set;
        memcpy(fresh->key, addon_key.ptr, addon_key.len);
    }
    (void)pthread_rwlock_wrlock(&self->lock);
    old = mc_map_remove(&self->by_addon, addon_key); /* the map borrows its key */
    if (fresh)
        rc = mc_map_put(&self->by_addon, mc_str_of(fresh->key, addon_key.len), fresh, err);
    (void)pthread_rwlock_unlock(&self->lock);
    drop(old);
    if (rc != MC_OK)
        drop(fresh);
    return rc;
}

mc_hook_set *mc_hooks_take(mc_hooks *self, mc_str addon_key)
{
    mc_hook_set *set = NULL;
    const entry *found;

    (void)pthread_rwlock_rdlock(&self->lock);
    found = mc_map_find(&self->by_addon, addon_key);
    if (found) {
        set = found->set;
        (void)atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed); /* it is held here */
    }
    (void)pthread_rwlock_unlock(&self->lock);
    return set;
}

bool mc_hooks_has(mc_hooks *self, mc_str addon_key, mc_hook_event event)
{
    const entry *found;
    bool has;

    (void)pthread_rwlock_rdlock(&self->lock);
    found = mc_map_find(&self->by_addon, addon_key);
    has = found && found->set->counts[event] > 0;
    (void)pthread_rwlock_unlock(&self->lock);
    return has;
}
