/* SPDX-License-Identifier: Apache-2.0 */
/* Guests: modules that are kept, with what they export; and the runtime that they share. */
#include "metacore/runtime/wasm/wasm_pool_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- guests ---- */

static mc_code keep_bytes(mc_wasm_guest *guest, mc_str bytes, mc_err *err)
{
    const char *at = bytes.ptr;
    size_t left = bytes.len;
    void *mapped;

    guest->file = memfd_create("module", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    while (guest->file >= 0 && left > 0) {
        ssize_t n = write(guest->file, at, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += n;
        left -= (size_t)n;
    }
    if (guest->file < 0 || left > 0 ||
        fcntl(guest->file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) !=
            0)
        return mc_fail_errno(err, MC_NO_MEMORY, errno, "wasm: module");
    mapped = mmap(NULL, bytes.len, PROT_READ, MAP_PRIVATE, guest->file, 0);
    if (mapped == MAP_FAILED)
        return mc_fail_errno(err, MC_NO_MEMORY, errno, "wasm: module");
    guest->bytes = mc_str_of(mapped, bytes.len);
    return MC_OK;
}

static mc_code index_exports(mc_wasm_guest *guest, mc_err *err)
{
    mc_code rc = MC_OK;

    for (uint32_t i = 0; rc == MC_OK && i < guest->module->export_count; i++)
        rc = mc_map_put(&guest->exports, guest->module->exports[i].name, &guest->module->exports[i],
                        err);
    return rc;
}

static void look_at_imports(mc_wasm_guest *guest)
{
    for (uint32_t i = 0; i < guest->module->import_count; i++)
        guest->wants_random |= mc_str_eq(guest->module->imports[i].name, MC_STR("random_get"));
}

static mc_code set_memory(mc_wasm_guest *guest, const mc_wasm_guest_options *options, mc_err *err)
{
    uint32_t mb = options && options->memory_mb ? options->memory_mb : MC_WASM_MEMORY_MB_DEFAULT;

    if (mb > MC_WASM_MEMORY_MB_MAX)
        mb = MC_WASM_MEMORY_MB_MAX;
    guest->max_pages = mb * 16;
    if (guest->module->memory_count && guest->module->memory.min > guest->max_pages)
        return mc_fail(err, MC_TOO_LARGE, "wasm: memory of %u pages at first, limit %u",
                       guest->module->memory.min, guest->max_pages);
    return MC_OK;
}

static bool admit(mc_wasm *self)
{
    bool ok;

    mc_mutex_lock(&self->mu);
    ok = self->stats.guests < MC_WASM_GUESTS_MAX;
    self->stats.guests += ok;
    mc_mutex_unlock(&self->mu);
    return ok;
}

mc_code mc_wasm_guest_open(mc_wasm *self, mc_str bytes, const mc_wasm_guest_options *options,
                           mc_wasm_guest **out, mc_err *err)
{
    mc_wasm_guest *guest;
    mc_code rc;

    if (bytes.len == 0 || bytes.len > MC_WASM_FILE_BYTES_MAX)
        return mc_fail(err, bytes.len ? MC_TOO_LARGE : MC_INVALID, "wasm: module of %zu bytes",
                       bytes.len);
    guest = calloc(1, sizeof(*guest));
    if (!guest)
        return mc_fail(err, MC_NO_MEMORY, "wasm: guest");
    if (!admit(self)) {
        free(guest);
        return mc_fail(err, MC_LIMIT, "wasm: more than %d guests", MC_WASM_GUESTS_MAX);
    }
    guest->wasm = self;
    guest->file = -1;
    rc = keep_bytes(guest, bytes, err);
    if (rc == MC_OK)
        rc = mc_wasm_module_read(guest->bytes, &guest->module, err);
    if (rc == MC_OK) {
        look_at_imports(guest);
        rc = set_memory(guest, options, err);
    }
    if (rc == MC_OK)
        rc = index_exports(guest, err);
    if (rc != MC_OK) {
        mc_wasm_guest_free(guest);
        return rc;
    }
    *out = guest;
    return MC_OK;
}

mc_code mc_wasm_guest_load(mc_wasm *self, mc_str bytes, const mc_wasm_guest_options *options,
                           mc_wasm_guest **out, mc_err *err)
{
    mc_wasm_guest *guest = NULL;
    mc_code rc = mc_wasm_guest_open(self, bytes, options, &guest, err);

    if (rc == MC_OK)
        rc = mc_wasm_guest_start(guest, err);
    if (rc != MC_OK) {
        mc_wasm_guest_free(guest);
        return rc;
    }
    *out = guest;
    return MC_OK;
}

/* Nobody is to make better code of it any more; what is under way is ended. */
static void leave(mc_wasm_guest *guest)
{
    mc_wasm *self = guest->wasm;
    mc_wasm_guest **at = &self->queue;

    /* Relaxed: it only makes the compilation end sooner, which is waited for. */
    atomic_store_explicit(&guest->is_leaving, true, memory_order_relaxed);
    mc_mutex_lock(&self->mu);
    while (*at && *at != guest)
        at = &(*at)->next;
    if (*at) {
        *at = guest->next;
        guest->is_waiting = false;
    }
    mc_mutex_unlock(&self->mu);
    mc_wasm_guest_settle(guest);
}

void mc_wasm_guest_free(mc_wasm_guest *guest)
{
    mc_wasm *self;

    if (!guest)
        return;
    self = guest->wasm;
    leave(guest);
    if (guest->current) {
        mc__wasm_children_drop(self, guest->current);
        mc__wasm_generation_unref(guest->current);
    }
    mc_map_deinit(&guest->exports);
    mc_wasm_module_free(guest->module);
    if (guest->bytes.ptr)
        (void)munmap((void *)guest->bytes.ptr, guest->bytes.len); /* ours */
    if (guest->file >= 0)
        (void)close(guest->file); /* sealed */
    free(guest);
    mc_mutex_lock(&self->mu);
    self->stats.guests--;
    mc_mutex_unlock(&self->mu);
}

/* ---- the runtime ---- */

/* The imports by value, for children to read. */
static mc_code write_rules(mc_wasm *self, mc_err *err)
{
    self->rules = memfd_create("imports", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (self->rules < 0)
        return mc_fail_errno(err, MC_IO, errno, "wasm: imports");
    for (size_t i = 0; i < self->config.import_count; i++) {
        const mc_wasm_host_import *import = &self->config.imports[i];
        mc__wasm_import_rule rule = {.pairs = import->pairs, .has_result = import->has_result};

        if (strlen(import->module) >= sizeof(rule.module) ||
            strlen(import->name) >= sizeof(rule.name) || import->pairs < 1 ||
            import->pairs > MC_WASM_HOST_ARGS_MAX)
            return mc_fail(err, MC_INVALID, "wasm: import %s.%s", import->module, import->name);
        memcpy(rule.module, import->module, strlen(import->module));
        memcpy(rule.name, import->name, strlen(import->name));
        if (write(self->rules, &rule, sizeof(rule)) != (ssize_t)sizeof(rule))
            return mc_fail_errno(err, MC_NO_MEMORY, errno, "wasm: imports");
    }
    return MC_OK;
}

static void set_defaults(mc_wasm_config *config)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    if (config->children_max == 0)
        config->children_max = cpus > 0 ? 4 * (uint32_t)cpus : 8;
    if (config->children_max > MC_WASM_CHILDREN_MAX)
        config->children_max = MC_WASM_CHILDREN_MAX;
    if (config->calls_max == 0)
        config->calls_max = 100000;
    if (config->init_timeout_ms == 0)
        config->init_timeout_ms = MC_WASM_TIMEOUT_MS_DEFAULT;
}

mc_code mc_wasm_new(const mc_wasm_config *config, mc_wasm **out, mc_err *err)
{
    mc_wasm *self;
    mc_code rc;

    if (!config->zygote || !config->compiler || config->import_count > MC_WASM_IMPORTS_OF_HOST_MAX)
        return mc_fail(err, MC_INVALID, "wasm: config.zygote and config.compiler are required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "wasm: runtime");
    self->config = *config;
    set_defaults(&self->config);
    mc_mutex_init(&self->mu);
    mc_cond_init(&self->released);
    mc_cond_init(&self->queued);
    mc_cond_init(&self->settled);
    rc = write_rules(self, err);
    if (rc == MC_OK) {
        self->has_thread =
            pthread_create(&self->compiler_thread, NULL, mc__wasm_improve_all, self) == 0;
        if (!self->has_thread)
            rc = mc_fail(err, MC_NO_MEMORY, "wasm: thread");
    }
    if (rc != MC_OK) {
        mc_wasm_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

void mc_wasm_free(mc_wasm *self)
{
    if (!self)
        return;
    mc_mutex_lock(&self->mu);
    self->is_ending = true;
    mc_cond_signal(&self->queued);
    mc_mutex_unlock(&self->mu);
    if (self->has_thread)
        (void)pthread_join(self->compiler_thread, NULL); /* it is ours, and joined once */
    mc__wasm_children_drop(self, NULL);
    if (self->rules >= 0)
        (void)close(self->rules); /* read only by now */
    mc_cond_deinit(&self->settled);
    mc_cond_deinit(&self->queued);
    mc_cond_deinit(&self->released);
    mc_mutex_deinit(&self->mu);
    free(self);
}

void mc_wasm_get_stats(mc_wasm *self, mc_wasm_stats *out)
{
    mc_mutex_lock(&self->mu);
    *out = self->stats;
    mc_mutex_unlock(&self->mu);
    out->zygotes = mc__wasm_zygote_restarts(self->config.zygote);
}
