/* SPDX-License-Identifier: Apache-2.0 */
/* Series: found without a lock, made under one, counted in shards. */
#include "metacore/base/map.h"
#include "metacore/base/utf8.h"
#include "metacore/metrics/metrics_internal.h"

#include <stdlib.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Threads take turns with the shards: two may share one, which costs time and is still right. */
static atomic_uint threads;
static _Thread_local unsigned own_shard; /* from 1; 0: none yet */

static size_t shard(void)
{
    if (own_shard == 0)
        own_shard = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % MC__SHARDS;
    return own_shard - 1;
}

static size_t cells_of(const mc_metric *metric)
{
    return metric->kind == MC_METRIC_HISTOGRAM ? metric->bound_count + 2 : 1;
}

mc_series *mc__series_new(mc_metric *metric, const mc_str *values, uint64_t hash)
{
    const size_t per_line = MC__CACHE_LINE / sizeof(int64_t);
    size_t stride = (cells_of(metric) + per_line - 1) / per_line * per_line;
    size_t bytes = MC__SHARDS * stride * sizeof(int64_t);
    mc_metrics *owner = metric->owner;
    mc_series *self;
    bool failed;

    mc_mutex_lock(&owner->mu);
    self = mc_arena_object(owner->text, mc_series);
    failed = !self;
    for (size_t i = 0; i < metric->label_count && !failed; i++) {
        self->values[i] = mc_str_copy(owner->text, values[i]);
        failed = values[i].len > 0 && !self->values[i].ptr;
    }
    mc_mutex_unlock(&owner->mu);
    if (!failed)
        self->cells = aligned_alloc(MC__CACHE_LINE, bytes);
    if (failed || !self->cells)
        return NULL;
    memset((void *)self->cells, 0, bytes);
    self->metric = metric;
    self->stride = stride;
    self->hash = hash;
    return self;
}

int64_t mc__series_sum(const mc_series *series, size_t cell)
{
    int64_t sum = 0;

    for (size_t i = 0; i < MC__SHARDS; i++)
        sum +=
            atomic_load_explicit(&series->cells[i * series->stride + cell], memory_order_relaxed);
    return sum;
}

/* ---- finding ---- */

static uint64_t mix(uint64_t h, uint64_t word)
{
    h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ (h >> 29);
}

/* Not keyed: a family is bounded, and so is what collisions can cost. */
static uint64_t hash_of(const mc_str *values, size_t count)
{
    uint64_t h = count, word;

    for (size_t i = 0; i < count; i++) {
        const char *at = values[i].ptr;
        size_t left = values[i].len;

        h = mix(h, left);
        for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
            memcpy(&word, at, sizeof(word));
            h = mix(h, word);
        }
        word = 0;
        if (left)
            memcpy(&word, at, left);
        h = mix(h, word);
    }
    return h;
}

static bool is_of(const mc_series *series, const mc_str *values, size_t count, uint64_t hash)
{
    if (series->hash != hash)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!mc_str_eq(series->values[i], values[i]))
            return false;
    }
    return true;
}

/* NULL: there is none; *out_at is where it would go. */
static mc_series *find(mc_metric *metric, const mc_str *values, uint64_t hash, size_t *out_at)
{
    size_t mask = metric->slot_count - 1, at = hash & mask;

    for (;; at = (at + 1) & mask) {
        /* Acquire: the series' words were written before it was put there. */
        mc_series *series = atomic_load_explicit(&metric->slots[at], memory_order_acquire);

        if (!series || is_of(series, values, metric->label_count, hash)) {
            *out_at = at;
            return series;
        }
    }
}

/* ---- making ---- */

static bool is_other(const mc_str *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!mc_str_eq(values[i], MC_STR("other")))
            return false;
    }
    return true;
}

/* Found like the others too, for a caller may say "other" himself. */
static mc_series *other_locked(mc_metric *metric) MC_REQUIRES(metric->mu)
{
    mc_series *other = atomic_load(&metric->other);
    mc_str values[MC_METRIC_LABELS_MAX];
    uint64_t hash;
    size_t at;

    if (other)
        return other;
    for (size_t i = 0; i < MC_METRIC_LABELS_MAX; i++)
        values[i] = MC_STR("other");
    hash = hash_of(values, metric->label_count);
    other = mc__series_new(metric, values, hash);
    if (!other)
        return NULL;
    (void)find(metric, values, hash, &at); /* only for the place */
    atomic_store_explicit(&metric->slots[at], other, memory_order_release);
    atomic_store(&metric->other, other);
    return other;
}

static void append_locked(mc_metric *metric, mc_series *series) MC_REQUIRES(metric->mu)
{
    if (metric->last)
        metric->last->next = series;
    else
        atomic_store(&metric->first, series);
    metric->last = series;
    metric->count++;
}

static mc_series *make(mc_metric *metric, const mc_str *values, uint64_t hash)
{
    mc_series *series;
    size_t at;

    mc_mutex_lock(&metric->mu);
    series = find(metric, values, hash, &at);
    if (!series && metric->count < metric->series_max && !is_other(values, metric->label_count)) {
        series = mc__series_new(metric, values, hash);
        if (series) {
            append_locked(metric, series);
            atomic_store_explicit(&metric->slots[at], series, memory_order_release);
        }
    }
    if (!series)
        series = other_locked(metric);
    mc_mutex_unlock(&metric->mu);
    return series;
}

/* Valid UTF-8, short enough; into room when it has to be changed. */
static mc_str clean(mc_str value, char room[MC_METRIC_VALUE_MAX])
{
    size_t pos = 0, len = 0;

    if (value.len <= MC_METRIC_VALUE_MAX && mc_utf8_is_valid(value))
        return value;
    while (pos < value.len) {
        size_t from = pos;
        uint32_t rune;
        bool is_good = mc_utf8_next(value, &pos, &rune);
        mc_str piece = is_good ? mc_str_slice(value, from, pos) : MC_STR(REPLACEMENT);

        if (!is_good)
            pos = from + 1;
        if (len + piece.len > MC_METRIC_VALUE_MAX)
            break;
        memcpy(room + len, piece.ptr, piece.len);
        len += piece.len;
    }
    return mc_str_of(room, len);
}

mc_series *mc_metric_series(mc_metric *metric, const mc_str *values)
{
    char rooms[MC_METRIC_LABELS_MAX][MC_METRIC_VALUE_MAX];
    mc_str cleaned[MC_METRIC_LABELS_MAX];
    uint64_t hash;
    mc_series *series;
    size_t at;

    if (metric->only)
        return metric->only;
    hash = hash_of(values, metric->label_count);
    series = find(metric, values, hash, &at); /* what is there is clean, so this was too */
    if (series)
        return series;
    for (size_t i = 0; i < metric->label_count; i++)
        cleaned[i] = clean(values[i], rooms[i]);
    return make(metric, cleaned, hash_of(cleaned, metric->label_count));
}

/* ---- counting; relaxed: a number says nothing about other memory ---- */

void mc_series_add(mc_series *series, int64_t n)
{
    if (series)
        atomic_fetch_add_explicit(&series->cells[shard() * series->stride], n,
                                  memory_order_relaxed);
}

void mc_series_observe(mc_series *series, int64_t ticks)
{
    const mc_metric *metric;
    _Atomic(int64_t) *cells;
    size_t bucket = 0;

    if (!series)
        return;
    metric = series->metric;
    cells = series->cells + shard() * series->stride;
    while (bucket < metric->bound_count && ticks > metric->bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&cells[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&cells[metric->bound_count + 1], ticks, memory_order_relaxed);
}

int64_t mc_series_get(const mc_series *series)
{
    int64_t total = 0;

    if (!series)
        return 0;
    if (series->metric->kind != MC_METRIC_HISTOGRAM)
        return mc__series_sum(series, 0);
    for (size_t i = 0; i <= series->metric->bound_count; i++)
        total += mc__series_sum(series, i);
    return total;
}
