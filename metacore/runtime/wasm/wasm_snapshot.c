/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/runtime/wasm/wasm_snapshot_internal.h"
#include "metacore/runtime/wasm/wasm_store_internal.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE ((uint64_t)4096)
#define HOT_BYTES ((uint64_t)2 << 20) /* that is looked at page by page */
#define HOT_PAGES (HOT_BYTES / PAGE)
#define COPY_PAGES_MAX 48 /* more written pages than this are dropped at once */

/* Of an entry of /proc/PID/pagemap. */
#define PAGE_PRESENT ((uint64_t)1 << 63)
#define PAGE_SWAPPED ((uint64_t)1 << 62)
#define PAGE_OF_FILE ((uint64_t)1 << 61)

/* ---- the state beside memory, flattened ---- */

static uint64_t round_up(uint64_t n)
{
    return (n + PAGE - 1) & ~(PAGE - 1);
}

static uint64_t state_bytes(const mc_wasm_module *m, uint32_t max_entries)
{
    return m->global_count * sizeof(mcw_value) +
           m->table_count * (sizeof(uint64_t) + max_entries * sizeof(uint32_t)) + m->data_count +
           m->element_count;
}

uint64_t mc__wasm_snapshot_room(const mc_wasm_module *m, uint32_t max_pages)
{
    return PAGE + (m->memory_count ? max_pages * MC__WASM_PAGE : 0) +
           round_up(state_bytes(m, MC__WASM_TABLE_ENTRIES_MAX));
}

/* 0: null; else 1 + the function's index. UINT32_MAX: none of this instance's functions. */
static uint32_t index_of(const mc__wasm_instance *self, const void *ref)
{
    uint32_t own = self->m->function_count - self->m->function_import_count;
    const mcw_func *first = self->abi.functions;

    if (!ref)
        return 0;
    if ((const mcw_func *)ref >= first && (const mcw_func *)ref < first + own)
        return 1 + self->m->function_import_count + (uint32_t)((const mcw_func *)ref - first);
    for (uint32_t i = 0; i < self->m->function_import_count; i++) {
        if (self->abi.imports[i] == ref)
            return 1 + i;
    }
    return UINT32_MAX;
}

/* NULL also for an index that is none: the snapshot may lie. */
static void *ref_of(mc__wasm_instance *self, uint32_t index)
{
    return index == 0 || index > self->m->function_count
               ? NULL
               : mc__wasm_instance_function(self, index - 1);
}

typedef struct cursor {
    uint8_t *at;
    uint8_t *end;
} cursor;

static bool put(cursor *c, const void *bytes, size_t size)
{
    if (size > (size_t)(c->end - c->at))
        return false;
    memcpy(c->at, bytes, size);
    c->at += size;
    return true;
}

static bool get(cursor *c, void *bytes, size_t size)
{
    if (size > (size_t)(c->end - c->at))
        return false;
    memcpy(bytes, c->at, size);
    c->at += size;
    return true;
}

static bool put_globals(const mc__wasm_instance *self, cursor *c)
{
    const mc_wasm_module *m = self->m;

    for (uint32_t i = m->global_import_count; i < m->global_count; i++) {
        mcw_value value = self->abi.globals[i - m->global_import_count];

        if (mc__wasm_is_ref(m->globals[i].type)) {
            uint32_t index = index_of(self, value.ref);

            if (index == UINT32_MAX)
                return false;
            value = (mcw_value){.i64 = index};
        }
        if (!put(c, &value, sizeof(value)))
            return false;
    }
    return true;
}

static bool put_tables(const mc__wasm_instance *self, cursor *c)
{
    for (uint32_t t = 0; t < self->m->table_count; t++) {
        const mcw_table *table = self->abi.tables[t];
        uint64_t size = table->size;

        if (!put(c, &size, sizeof(size)))
            return false;
        for (uint32_t i = 0; i < table->size; i++) {
            uint32_t index = index_of(self, table->items[i]);

            if (index == UINT32_MAX || !put(c, &index, sizeof(index)))
                return false;
        }
    }
    return true;
}

static uint64_t used_bytes(const uint8_t *base, uint64_t bytes)
{
    const uint64_t *words = (const uint64_t *)(const void *)base;
    uint64_t n = bytes / sizeof(*words);

    while (n > 0 && words[n - 1] == 0)
        n--;
    return n * sizeof(*words);
}

bool mc__wasm_snapshot_write(const mc__wasm_instance *self, bool is_before_init, uint8_t *to,
                             uint64_t room)
{
    mc__wasm_snapshot_header header = {.is_before_init = is_before_init};
    cursor c = {NULL, to + room};

    if (self->memory) {
        header.memory_bytes = self->memory->abi.bytes;
        header.image_bytes = round_up(used_bytes(self->abi.base, header.memory_bytes));
    }
    if (PAGE + header.image_bytes > room)
        return false;
    if (header.image_bytes)
        memcpy(to + PAGE, self->abi.base, header.image_bytes);
    header.state_at = PAGE + header.image_bytes;
    c.at = to + header.state_at;
    if (!put_globals(self, &c) || !put_tables(self, &c) ||
        !put(&c, self->is_data_dropped, self->m->data_count) ||
        !put(&c, self->is_element_dropped, self->m->element_count))
        return false;
    header.total_bytes = round_up((uint64_t)(c.at - to));
    memcpy(to, &header, sizeof(header));
    return true;
}

/* ---- taking it over ---- */

struct mc__wasm_reset {
    mc__wasm_instance *instance;
    int pagemap;
    uint8_t *image; /* the snapshot's memory, read only */
    uint64_t image_bytes;
    uint64_t memory_bytes;
    bool is_before_init;
    mcw_value *globals;
    uint32_t *table_sizes;
    void ***tables; /* the entries of each */
    uint8_t *data_dropped;
    uint8_t *element_dropped;
    uint64_t entries[HOT_PAGES]; /* of pagemap */
};

static bool get_globals(mc__wasm_instance *self, cursor *c)
{
    const mc_wasm_module *m = self->m;

    for (uint32_t i = m->global_import_count; i < m->global_count; i++) {
        mcw_value value;

        if (!get(c, &value, sizeof(value)))
            return false;
        if (mc__wasm_is_ref(m->globals[i].type))
            value = (mcw_value){.ref = ref_of(self, value.i32)};
        self->abi.globals[i - m->global_import_count] = value;
    }
    return true;
}

static bool get_tables(mc__wasm_instance *self, cursor *c)
{
    for (uint32_t t = 0; t < self->m->table_count; t++) {
        mc__wasm_table_object *table = self->tables[t];
        uint64_t size;

        if (!get(c, &size, sizeof(size)) || size > table->max)
            return false;
        table->abi.size = (uint32_t)size;
        for (uint32_t i = 0; i < table->abi.size; i++) {
            uint32_t index;

            if (!get(c, &index, sizeof(index)))
                return false;
            table->abi.items[i] = ref_of(self, index);
        }
    }
    return true;
}

/* Copies of what the instance now holds. */
static bool keep_state(mc__wasm_reset *self)
{
    const mc__wasm_instance *instance = self->instance;
    const mc_wasm_module *m = instance->m;
    size_t globals = (m->global_count + (size_t)1) * sizeof(mcw_value);

    self->globals = malloc(globals);
    self->table_sizes = calloc(m->table_count + (size_t)1, sizeof(*self->table_sizes));
    self->tables = calloc(m->table_count + (size_t)1, sizeof(*self->tables));
    self->data_dropped = malloc(m->data_count + (size_t)1);
    self->element_dropped = malloc(m->element_count + (size_t)1);
    if (!self->globals || !self->table_sizes || !self->tables || !self->data_dropped ||
        !self->element_dropped)
        return false;
    memcpy(self->globals, instance->abi.globals, globals);
    memcpy(self->data_dropped, instance->is_data_dropped, m->data_count);
    memcpy(self->element_dropped, instance->is_element_dropped, m->element_count);
    for (uint32_t t = 0; t < m->table_count; t++) {
        size_t size = instance->abi.tables[t]->size * sizeof(void *);

        self->table_sizes[t] = instance->abi.tables[t]->size;
        self->tables[t] = malloc(size + 1);
        if (!self->tables[t])
            return false;
        memcpy(self->tables[t], instance->abi.tables[t]->items, size);
    }
    return true;
}

/* The image over the start of the reservation, zeros behind it as far as the memory reaches. */
static bool map_memory(mc__wasm_reset *self, int snapshot)
{
    mc__wasm_memory *memory = self->instance->memory;
    uint8_t *base;

    if (!memory)
        return self->memory_bytes == 0;
    base = memory->abi.base;
    if (self->memory_bytes % MC__WASM_PAGE != 0 ||
        self->memory_bytes / MC__WASM_PAGE > memory->max_pages ||
        self->image_bytes > self->memory_bytes || self->image_bytes % PAGE != 0)
        return false;
    if (mprotect(base, MC__WASM_RESERVED_BYTES, PROT_NONE) != 0 ||
        madvise(base, memory->abi.bytes, MADV_DONTNEED) != 0)
        return false;
    if (self->image_bytes) {
        if (mmap(base, self->image_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, snapshot,
                 (off_t)PAGE) == MAP_FAILED)
            return false;
        self->image = mmap(NULL, self->image_bytes, PROT_READ, MAP_PRIVATE, snapshot, (off_t)PAGE);
        if (self->image == MAP_FAILED)
            return false;
    }
    if (self->memory_bytes > self->image_bytes &&
        mprotect(base + self->image_bytes, self->memory_bytes - self->image_bytes,
                 PROT_READ | PROT_WRITE) != 0)
        return false;
    memory->abi.bytes = self->memory_bytes;
    return true;
}

static bool take_state(mc__wasm_reset *self, const mc__wasm_snapshot_header *header, uint8_t *bytes,
                       uint64_t size)
{
    mc__wasm_instance *instance = self->instance;
    cursor c = {bytes + header->state_at, bytes + size};

    return header->state_at <= size && get_globals(instance, &c) && get_tables(instance, &c) &&
           get(&c, instance->is_data_dropped, instance->m->data_count) &&
           get(&c, instance->is_element_dropped, instance->m->element_count) && keep_state(self);
}

mc_code mc__wasm_reset_new(mc__wasm_instance *instance, int snapshot, int pagemap,
                           mc__wasm_reset **out, mc_err *err)
{
    mc__wasm_reset *self = calloc(1, sizeof(*self));
    mc__wasm_snapshot_header header;
    struct stat st;
    uint8_t *bytes;
    bool ok;

    if (!self || fstat(snapshot, &st) != 0 || st.st_size < (off_t)PAGE)
        goto fail;
    bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, snapshot, 0);
    if (bytes == MAP_FAILED)
        goto fail;
    memcpy(&header, bytes, sizeof(header));
    self->instance = instance;
    self->pagemap = pagemap;
    self->image_bytes = header.image_bytes;
    self->memory_bytes = header.memory_bytes;
    self->is_before_init = header.is_before_init != 0;
    ok = header.image_bytes <= (uint64_t)st.st_size - PAGE &&
         take_state(self, &header, bytes, (uint64_t)st.st_size) && map_memory(self, snapshot);
    (void)munmap(bytes, (size_t)st.st_size); /* ours */
    if (!ok)
        goto fail;
    *out = self;
    return MC_OK;

fail:
    free(self); /* a child that fails here ends, and all else with it */
    return mc_fail(err, MC_INVALID, "wasm: snapshot cannot be used");
}

bool mc__wasm_reset_is_before_init(const mc__wasm_reset *self)
{
    return self->is_before_init;
}

/* ---- going back ---- */

/* What is behind the memory's first size again cannot be touched, and is gone. */
static void shrink(const mc__wasm_reset *self)
{
    mc__wasm_memory *memory = self->instance->memory;
    uint64_t grown = memory->abi.bytes - self->memory_bytes;
    uint8_t *from = memory->abi.base + self->memory_bytes;

    if (grown == 0)
        return;
    (void)madvise(from, grown, MADV_DONTNEED); /* of our own reservation: cannot fail */
    (void)mprotect(from, grown, PROT_NONE);    /* nor can this, which splits nothing new */
    memory->abi.bytes = self->memory_bytes;
}

static void drop(const mc__wasm_reset *self, uint64_t from)
{
    if (self->memory_bytes > from)
        (void)madvise(self->instance->abi.base + from, self->memory_bytes - from, MADV_DONTNEED);
}

static bool is_written(uint64_t entry)
{
    return (entry & PAGE_SWAPPED) || ((entry & PAGE_PRESENT) && !(entry & PAGE_OF_FILE));
}

/* Copies written pages back; false when they are many, or nobody knows which. */
static bool copy_back(mc__wasm_reset *self, uint64_t pages)
{
    uint8_t *base = self->instance->abi.base;
    size_t size = (size_t)pages * sizeof(uint64_t);
    off_t at = (off_t)((uintptr_t)base / PAGE * sizeof(uint64_t));
    uint64_t written = 0;

    if (self->pagemap < 0 || pread(self->pagemap, self->entries, size, at) != (ssize_t)size)
        return false;
    for (uint64_t i = 0; i < pages; i++)
        written += is_written(self->entries[i]);
    if (written > COPY_PAGES_MAX)
        return false;
    for (uint64_t i = 0; i < pages; i++) {
        if (!is_written(self->entries[i]))
            continue;
        if (i * PAGE < self->image_bytes)
            memcpy(base + i * PAGE, self->image + i * PAGE, PAGE);
        else
            memset(base + i * PAGE, 0, PAGE);
    }
    return true;
}

void mc__wasm_reset_run(mc__wasm_reset *self)
{
    mc__wasm_instance *instance = self->instance;
    const mc_wasm_module *m = instance->m;

    if (instance->memory) {
        uint64_t hot = self->memory_bytes < HOT_BYTES ? self->memory_bytes : HOT_BYTES;

        shrink(self);
        drop(self, copy_back(self, hot / PAGE) ? hot : 0);
    }
    memcpy(instance->abi.globals, self->globals, m->global_count * sizeof(mcw_value));
    for (uint32_t t = 0; t < m->table_count; t++) {
        mcw_table *table = instance->abi.tables[t];

        if (table->size > self->table_sizes[t])
            memset(table->items + self->table_sizes[t], 0,
                   (table->size - self->table_sizes[t]) * sizeof(void *));
        table->size = self->table_sizes[t];
        memcpy(table->items, self->tables[t], table->size * sizeof(void *));
    }
    if (m->data_count)
        memcpy(instance->is_data_dropped, self->data_dropped, m->data_count);
    if (m->element_count)
        memcpy(instance->is_element_dropped, self->element_dropped, m->element_count);
}
