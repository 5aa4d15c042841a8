/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that cost a scan (totals, facets, aggregates), kept until something of theirs is written,
 * and where they are dear for a while longer: docs/decisions has why. */
#include "metacore/base/map.h"
#include "metacore/dynamic/dynamic_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- generations: how often a model of an organization was written ---- */

static atomic_ullong *slot(mc_dynamic *self, mc_uuid org_id, const mc_model *model)
{
    uint64_t hash =
        mc_hash(org_id.bytes, sizeof(org_id.bytes)) ^ mc_hash(model->key.ptr, model->key.len);

    return &self->generations[hash % MC__GENERATIONS];
}

/* Sequentially consistent, which it need not be: a reader takes the number before its snapshot, a
 * writer raises it after its commit, so that an answer is never kept under a number it is too old
 * for. */
uint64_t mc__generation(mc_dynamic *self, mc_uuid org_id, const mc_model *model)
{
    return atomic_load(slot(self, org_id, model));
}

void mc__generation_raise(mc_dynamic *self, mc_uuid org_id, const mc_model *model)
{
    (void)atomic_fetch_add(slot(self, org_id, model), 1);
}

/* ---- keys ---- */

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

uint64_t mc__kept_key(mc_str reader, mc_str sql, const mc_db_value *args, size_t arg_count)
{
    uint64_t parts[3] = {mc_hash(sql.ptr, sql.len), 0, mc_hash(reader.ptr, reader.len)};

    for (size_t i = 0; i < arg_count; i++) {
        uint64_t link[3] = {parts[1], (uint64_t)args[i].kind, hash_value(&args[i])};

        parts[1] = mc_hash(link, sizeof(link));
    }
    return mc_hash(parts, sizeof(parts)) | 1; /* never 0 */
}

/* ---- what is kept ---- */

static int64_t now_us(const mc_dynamic *self)
{
    return mc_clock_monotonic_us(self->config.clock);
}

static int64_t may_last_us(const mc__kept *kept)
{
    int64_t us = kept->cost_us > MC__KEPT_AGE_MAX_US ? MC__KEPT_AGE_MAX_US
                                                     : kept->cost_us * MC__KEPT_AGE_PER_COST;

    return us > MC__KEPT_AGE_MAX_US ? MC__KEPT_AGE_MAX_US : us;
}

/* Whether an answer that is out of date is good enough. When its time is over, one request renews
 * it; the others go on with the old one until that is done, or has taken far too long. */
static bool may_serve_locked(mc__kept *kept, const void *who, int64_t now)
{
    if (kept->cost_us < MC__KEPT_CHEAP_US)
        return false;
    if (now - kept->at_us < may_last_us(kept))
        return true;
    if (kept->renewer && kept->renewer != who &&
        now - kept->at_us < INT64_C(2) * MC__KEPT_AGE_MAX_US)
        return true;
    kept->renewer = who;
    return false;
}

bool mc__kept_find(mc_dynamic *self, mc_ctx *ctx, const mc__kept_query *query, mc_str *out,
                   bool *out_is_current)
{
    mc__kept *kept = &self->kept[query->key % MC__KEPT];
    mc_str text = {NULL, 0};
    bool is_current = false, is_good = false;

    mc_mutex_lock(&self->mu);
    if (kept->key == query->key) {
        is_current = kept->generation == query->generation;
        is_good =
            is_current || (!query->is_exact && may_serve_locked(kept, ctx->arena, now_us(self)));
        if (is_good)
            text = mc_str_copy(ctx->arena, mc_str_of(kept->text, kept->len));
    }
    mc_mutex_unlock(&self->mu);
    if (!is_good || !text.ptr)
        return false;
    *out = text;
    *out_is_current = is_current;
    return true;
}

static void forget_locked(mc_dynamic *self, mc__kept *kept)
{
    self->kept_bytes -= kept->len;
    free(kept->text);
    *kept = (mc__kept){0};
}

void mc__kept_put(mc_dynamic *self, const mc__kept_query *query, int64_t started_us, mc_str text)
{
    mc__kept *kept = &self->kept[query->key % MC__KEPT];
    char *copy = text.len && text.len <= MC__KEPT_TEXT_MAX ? malloc(text.len) : NULL;
    int64_t now = now_us(self);

    if (!copy)
        return; /* not keeping it only costs the next one a scan */
    memcpy(copy, text.ptr, text.len);
    mc_mutex_lock(&self->mu);
    if (kept->key == query->key && kept->generation > query->generation) {
        free(copy); /* somebody was faster and knows more */
    } else {
        forget_locked(self, kept);
        for (size_t i = 0; self->kept_bytes + text.len > MC__KEPT_BYTES_MAX && i < MC__KEPT; i++)
            forget_locked(self, &self->kept[i]);
        *kept = (mc__kept){.key = query->key,
                           .generation = query->generation,
                           .at_us = now,
                           .cost_us = now - started_us,
                           .text = copy,
                           .len = text.len};
        self->kept_bytes += text.len;
    }
    mc_mutex_unlock(&self->mu);
}

mc_code mc__kept_or_run(mc_dynamic *self, mc_ctx *ctx, mc__kept_query *query, mc_str count,
                        mc_code (*fn)(void *user, mc_buf *out, mc_err *err), void *user,
                        mc_buf *out, mc_err *err)
{
    int64_t started_us = now_us(self);
    size_t before = out->len;
    bool is_current;
    mc_str text;
    mc_code rc;

    query->is_exact = mc_str_eq(count, MC_STR("exact"));
    if (count.len && !query->is_exact)
        return mc_fail(err, MC_INVALID, "count: can only be exact here");
    if (mc__kept_find(self, ctx, query, &text, &is_current)) {
        mc_buf_str(out, text);
        return mc_buf_check(out, "answer", err);
    }
    rc = fn(user, out, err);
    if (rc == MC_OK)
        rc = mc_buf_check(out, "answer", err);
    if (rc == MC_OK)
        mc__kept_put(self, query, started_us, mc_str_slice(mc_buf_get(out), before, out->len));
    return rc;
}

void mc__kept_free(mc_dynamic *self)
{
    for (size_t i = 0; i < MC__KEPT; i++)
        free(self->kept[i].text);
}
