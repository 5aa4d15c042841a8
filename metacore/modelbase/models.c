/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: found by key, often and by many; changed rarely. */
#include "metacore/base/map.h"
#include "metacore/modelbase/modelbase_internal.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SCHEMA_BYTES 64    /* names are capped at 63 bytes */
#define PHYSICAL_BYTES 160 /* a schema, a table of at most 64 bytes, quotes and a dot */

typedef struct entry {
    struct entry *next;
    mc_model *model;
} entry;

/* A model as one tenant has it. What it points to is the registered model's, but for its names. */
typedef struct tenant {
    struct tenant *next;
    mc_model model;
    char key[sizeof(mc_model *) + sizeof(mc_uuid)];
    char schema[SCHEMA_BYTES];
    char physical[PHYSICAL_BYTES];
} tenant;

struct mc_models {
    pthread_rwlock_t lock;
    mc_map by_key;    /* guarded by lock */
    entry *all;       /* guarded by lock: every model ever put, until the registry is freed */
    mc_map by_tenant; /* guarded by lock: the model's address and the organization to a tenant */
    tenant *tenants;  /* guarded by lock: all of by_tenant */
    atomic_ullong generation; /* relaxed: it only has to differ after a change */
};

mc_code mc_models_new(mc_models **out, mc_err *err)
{
    mc_models *models = calloc(1, sizeof(*models));

    if (!models)
        return mc_fail(err, MC_NO_MEMORY, "models");
    (void)pthread_rwlock_init(&models->lock, NULL); /* fails only without memory on other systems */
    atomic_init(&models->generation, 1);
    *out = models;
    return MC_OK;
}

void mc_models_free(mc_models *models)
{
    if (!models)
        return;
    while (models->all) {
        entry *gone = models->all;

        models->all = gone->next;
        mc_model_free(gone->model);
        free(gone);
    }
    while (models->tenants) {
        tenant *gone = models->tenants;

        models->tenants = gone->next;
        free(gone);
    }
    mc_map_deinit(&models->by_tenant);
    mc_map_deinit(&models->by_key);
    (void)pthread_rwlock_destroy(&models->lock); /* nobody holds it any more */
    free(models);
}

static mc_code put_locked(mc_models *models, entry *fresh, mc_err *err)
{
    mc_model *model = fresh->model;
    mc_model *old = mc_map_find(&models->by_key, model->key);

    if (old && !mc_str_eq(old->addon_key, model->addon_key))
        return mc_fail(err, MC_CONFLICT, "model %.*s is already %s%.*s", MC_FMT(model->key),
                       old->addon_key.len ? "addon " : "the host's", MC_FMT(old->addon_key));
    /* The map borrows its keys: the old model's lives on, but the entry should be the new one's. */
    if (old)
        (void)mc_map_remove(&models->by_key, old->key);
    return mc_map_put(&models->by_key, model->key, model, err);
}

mc_code mc_models_put(mc_models *models, mc_model *model, mc_err *err)
{
    entry *fresh = calloc(1, sizeof(*fresh));
    mc_code rc;

    if (!fresh) {
        mc_model_free(model);
        return mc_fail(err, MC_NO_MEMORY, "models");
    }
    fresh->model = model;
    (void)pthread_rwlock_wrlock(&models->lock);
    rc = put_locked(models, fresh, err);
    if (rc == MC_OK) {
        fresh->next = models->all;
        models->all = fresh;
    }
    (void)pthread_rwlock_unlock(&models->lock);
    if (rc != MC_OK) {
        mc_model_free(model);
        free(fresh);
        return rc;
    }
    (void)atomic_fetch_add_explicit(&models->generation, 1, memory_order_relaxed);
    return MC_OK;
}

mc_code mc_models_adopt(mc_models *models, mc_model *model, mc_err *err)
{
    entry *fresh = calloc(1, sizeof(*fresh));

    if (!fresh) {
        mc_model_free(model);
        return mc_fail(err, MC_NO_MEMORY, "models");
    }
    fresh->model = model;
    (void)pthread_rwlock_wrlock(&models->lock);
    fresh->next = models->all;
    models->all = fresh;
    (void)pthread_rwlock_unlock(&models->lock);
    return MC_OK;
}

static bool is_kept(mc_str key, const mc_model_def *kept, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (mc_str_eq(kept[i].key, key))
            return true;
    }
    return false;
}

void mc_models_keep_only(mc_models *models, mc_str addon_key, const mc_model_def *kept,
                         size_t kept_count)
{
    bool is_less = false;

    (void)pthread_rwlock_wrlock(&models->lock);
    for (entry *e = models->all; e; e = e->next) {
        if (!mc_str_eq(e->model->addon_key, addon_key) ||
            is_kept(e->model->key, kept, kept_count) ||
            mc_map_find(&models->by_key, e->model->key) != e->model)
            continue;
        (void)mc_map_remove(&models->by_key, e->model->key);
        is_less = true;
    }
    (void)pthread_rwlock_unlock(&models->lock);
    if (is_less)
        (void)atomic_fetch_add_explicit(&models->generation, 1, memory_order_relaxed);
}

void mc_models_remove_addon(mc_models *models, mc_str addon_key)
{
    mc_models_keep_only(models, addon_key, NULL, 0);
}

const mc_model *mc_models_find(mc_models *models, mc_str key)
{
    const mc_model *model;

    (void)pthread_rwlock_rdlock(&models->lock);
    model = mc_map_find(&models->by_key, key);
    (void)pthread_rwlock_unlock(&models->lock);
    return model;
}

/* ---- tenants: made when first asked for ---- */

static bool set_names(tenant *self, const mc_model *model, mc_uuid org_id)
{
    mc_arena *arena = mc_arena_new(0);
    mc_str schema, physical;
    bool is_done = false;

    if (!arena)
        return false;
    schema = mc_tenant_schema_name(arena, model->addon_key, org_id);
    physical = mc_physical_name(arena, mc__model_dialect(model), schema, model->table);
    if (schema.ptr && physical.ptr && schema.len <= sizeof(self->schema) &&
        physical.len <= sizeof(self->physical)) {
        memcpy(self->schema, schema.ptr, schema.len);
        memcpy(self->physical, physical.ptr, physical.len);
        self->model.schema = mc_str_of(self->schema, schema.len);
        self->model.physical = mc_str_of(self->physical, physical.len);
        is_done = true;
    }
    mc_arena_free(arena);
    return is_done;
}

static mc_code tenant_new(const mc_model *model, mc_uuid org_id, mc_str key, tenant **out,
                          mc_err *err)
{
    tenant *self = calloc(1, sizeof(*self));

    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "models");
    self->model = *model;
    self->model.is_per_tenant = false;
    memcpy(self->key, key.ptr, key.len);
    if (!set_names(self, model, org_id)) {
        free(self);
        return mc_fail(err, MC_NO_MEMORY, "models");
    }
    *out = self;
    return MC_OK;
}

/* Keeps fresh, or frees it when another thread was faster. */
static mc_code keep_tenant(mc_models *models, tenant *fresh, const mc_model **out, mc_err *err)
{
    mc_str key = mc_str_of(fresh->key, sizeof(fresh->key));
    tenant *kept;
    mc_code rc = MC_OK;

    (void)pthread_rwlock_wrlock(&models->lock);
    kept = mc_map_find(&models->by_tenant, key);
    if (!kept)
        rc = mc_map_put(&models->by_tenant, key, fresh, err);
    if (!kept && rc == MC_OK) {
        fresh->next = models->tenants;
        models->tenants = kept = fresh;
    }
    (void)pthread_rwlock_unlock(&models->lock);
    if (kept != fresh)
        free(fresh);
    if (rc == MC_OK)
        *out = &kept->model;
    return rc;
}

mc_code mc_models_for_org(mc_models *models, const mc_model *model, mc_uuid org_id,
                          const mc_model **out, mc_err *err)
{
    char room[sizeof(((tenant *)NULL)->key)];
    mc_str key = mc_str_of(room, sizeof(room));
    tenant *found;
    mc_code rc;

    if (!model->is_per_tenant) {
        *out = model;
        return MC_OK;
    }
    memcpy(room, &model, sizeof(model));
    memcpy(room + sizeof(model), &org_id, sizeof(org_id));
    (void)pthread_rwlock_rdlock(&models->lock);
    found = mc_map_find(&models->by_tenant, key);
    (void)pthread_rwlock_unlock(&models->lock);
    if (found) {
        *out = &found->model;
        return MC_OK;
    }
    rc = tenant_new(model, org_id, key, &found, err);
    return rc == MC_OK ? keep_tenant(models, found, out, err) : rc;
}

static int by_key(const void *a, const void *b)
{
    const mc_model *const *left = a, *const *right = b;

    return mc_str_cmp((*left)->key, (*right)->key);
}

mc_code mc_models_list(mc_models *models, mc_arena *arena, const mc_model *const **out,
                       size_t *out_count, mc_err *err)
{
    const mc_model **list;
    size_t count = 0, pos = 0;
    mc_str key;
    void *model;

    (void)pthread_rwlock_rdlock(&models->lock);
    list = mc_arena_array(arena, const mc_model *, models->by_key.count);
    while (list && mc_map_next(&models->by_key, &pos, &key, &model))
        list[count++] = model;
    (void)pthread_rwlock_unlock(&models->lock);
    if (!list)
        return mc_fail(err, MC_NO_MEMORY, "models");
    qsort(list, count, sizeof(*list), by_key);
    *out = list;
    *out_count = count;
    return MC_OK;
}

uint64_t mc_models_generation(const mc_models *models)
{
    return atomic_load_explicit(&models->generation, memory_order_relaxed);
}
