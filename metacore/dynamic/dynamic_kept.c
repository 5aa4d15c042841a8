/* SPDX-License-Identifier: Apache-2.0 */
/* Totals of lists, kept until something of their model and organization is written. */
#include "metacore/base/map.h"
#include "metacore/dynamic/dynamic_internal.h"

static atomic_ullong *slot(mc_dynamic *self, mc_uuid org_id, const mc_model *model)
{
    uint64_t hash =
        mc_hash(org_id.bytes, sizeof(org_id.bytes)) ^ mc_hash(model->key.ptr, model->key.len);

    return &self->generations[hash % MC__GENERATIONS];
}

/* Sequentially consistent, which it need not be: a reader takes the number before its snapshot, a
 * writer raises it after its commit, so that a total is never kept under a number it is too old
 * for. */
uint64_t mc__generation(mc_dynamic *self, mc_uuid org_id, const mc_model *model)
{
    return atomic_load(slot(self, org_id, model));
}

void mc__generation_raise(mc_dynamic *self, mc_uuid org_id, const mc_model *model)
{
    (void)atomic_fetch_add(slot(self, org_id, model), 1);
}

static uint64_t hash_value(const mc_db_value *value)
{
    switch (value->kind) {
    case MC_DB_TEXT:
    case MC_DB_DECIMAL:
    case MC_DB_JSON:
    case MC_DB_BYTES:
        return mc_hash(value->as.text.ptr, value->as.text.len);
    case MC_DB_UUID:
        return mc_hash(value->as.uuid.bytes, sizeof(value->as.uuid.bytes));
    case MC_DB_BOOL:
        return value->as.boolean;
    default:
        return mc_hash(&value->as.integer, sizeof(value->as.integer));
    }
}

/* Of all that decides the total: table, conditions, arguments, their kinds and order. */
static uint64_t key_of(const mc_query *query)
{
    uint64_t parts[3] = {mc_hash(query->model->physical.ptr, query->model->physical.len),
                         mc_hash(query->where.ptr, query->where.len), 0};

    for (size_t i = 0; i < query->arg_count; i++) {
        uint64_t link[3] = {parts[2], (uint64_t)query->args[i].kind, hash_value(&query->args[i])};

        parts[2] = mc_hash(link, sizeof(link));
    }
    return mc_hash(parts, sizeof(parts)) | 1; /* never 0 */
}

bool mc__count_find(mc_dynamic *self, const mc_query *query, uint64_t generation, uint64_t *out_key,
                    int64_t *out)
{
    uint64_t key = key_of(query);
    const mc__count *kept = &self->counts[key % MC__COUNTS];
    bool is_found;

    mc_mutex_lock(&self->mu);
    is_found = kept->key == key && kept->generation == generation;
    if (is_found)
        *out = kept->total;
    mc_mutex_unlock(&self->mu);
    *out_key = key;
    return is_found;
}

void mc__count_put(mc_dynamic *self, uint64_t key, uint64_t generation, int64_t total)
{
    mc_mutex_lock(&self->mu);
    self->counts[key % MC__COUNTS] = (mc__count){key, generation, total};
    mc_mutex_unlock(&self->mu);
}
