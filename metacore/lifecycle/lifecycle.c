/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/lifecycle/lifecycle.h"

#include "metacore/manifest/manifest.h"

#include <stdlib.h>

#define TEXT_BYTES_MAX ((size_t)256 << 20)

typedef struct registered {
    mc_str key, manifest;
    mc_addon_vt vt; /* what an older caller does not know of is NULL */
    void *self;
} registered;

typedef struct interceptor {
    mc_str addon_key, model, action;
    mc_intercept_fn fn;
    void *user;
} interceptor;

struct mc_lifecycle {
    mc_arena *text;
    registered addons[MC_LIFECYCLE_ADDONS_MAX];
    size_t addon_count;
    interceptor interceptors[MC_LIFECYCLE_INTERCEPTORS_MAX];
    size_t interceptor_count;
};

mc_code mc_lifecycle_new(mc_lifecycle **out, mc_err *err)
{
    mc_lifecycle *self = calloc(1, sizeof(*self));

    if (self)
        self->text = mc_arena_new(TEXT_BYTES_MAX);
    if (!self || !self->text) {
        free(self);
        return mc_fail(err, MC_NO_MEMORY, "lifecycle");
    }
    *out = self;
    return MC_OK;
}

void mc_lifecycle_free(mc_lifecycle *self)
{
    if (!self)
        return;
    mc_arena_free(self->text);
    free(self);
}

static const registered *find(const mc_lifecycle *self, mc_str addon_key)
{
    for (size_t i = 0; i < self->addon_count; i++) {
        if (mc_str_eq(self->addons[i].key, addon_key))
            return &self->addons[i];
    }
    return NULL;
}

static mc_code read_key(mc_lifecycle *self, mc_str manifest, mc_str *out, mc_err *err)
{
    mc_manifest *parsed;
    mc_code rc = mc_manifest_parse(manifest, &parsed, err);

    if (rc != MC_OK)
        return rc;
    *out = mc_str_copy(self->text, parsed->key);
    mc_manifest_free(parsed);
    if (!out->ptr)
        return mc_fail(err, MC_NO_MEMORY, "lifecycle");
    return out->len ? MC_OK : mc_fail(err, MC_INVALID, "lifecycle: a manifest without a key");
}

mc_code mc_lifecycle_register(mc_lifecycle *self, const mc_addon *addon, mc_err *err)
{
    registered fresh = {.self = addon->self};
    size_t at;
    mc_code rc = read_key(self, addon->manifest, &fresh.key, err);

    if (rc != MC_OK)
        return rc;
    fresh.manifest = mc_str_copy(self->text, addon->manifest);
    if (!fresh.manifest.ptr)
        return mc_fail(err, MC_NO_MEMORY, "lifecycle");
    if (addon->vt)
        memcpy(&fresh.vt, addon->vt,
               addon->vt->struct_size < sizeof(fresh.vt) ? addon->vt->struct_size
                                                         : sizeof(fresh.vt));
    for (at = 0; at < self->addon_count; at++) {
        if (mc_str_eq(self->addons[at].key, fresh.key))
            break;
    }
    if (at == MC_LIFECYCLE_ADDONS_MAX)
        return mc_fail(err, MC_LIMIT, "lifecycle: more than %d addons", MC_LIFECYCLE_ADDONS_MAX);
    if (at == self->addon_count)
        self->addon_count++;
    self->addons[at] = fresh;
    return MC_OK;
}

mc_str mc_lifecycle_find_manifest(const mc_lifecycle *self, mc_str addon_key)
{
    const registered *addon = find(self, addon_key);

    return addon ? addon->manifest : MC_STR("");
}

/* ---- what happens ---- */

mc_code mc_lifecycle_tell(const mc_lifecycle *self, mc_ctx *ctx, mc_lifecycle_event event,
                          mc_str addon_key, mc_uuid org_id, mc_err *err)
{
    static const char *const names[] = {"OnInstall", "OnEnable", "OnDisable", "OnUninstall",
                                        "OnUpgrade"};
    const registered *addon = find(self, addon_key);
    mc_err why = {.msg = ""};
    mc_code rc;

    if (!addon)
        return MC_OK;
    mc_code (*const fns[])(void *, mc_ctx *, mc_uuid, mc_err *) = {
        addon->vt.on_install, addon->vt.on_enable, addon->vt.on_disable, addon->vt.on_uninstall,
        addon->vt.on_upgrade};
    if (!fns[event])
        return MC_OK;
    rc = fns[event](addon->self, ctx, org_id, &why);
    return rc == MC_OK ? MC_OK : mc_fail(err, rc, "%s: %s", names[event], why.msg);
}

mc_code mc_lifecycle_boot(const mc_lifecycle *self, void *services, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 0; i < self->addon_count && rc == MC_OK; i++) {
        const registered *addon = &self->addons[i];
        mc_err why = {.msg = ""};

        if (!addon->vt.boot)
            continue;
        rc = addon->vt.boot(addon->self, services, &why);
        if (rc != MC_OK)
            rc = mc_fail(err, rc, "addon %.*s does not boot: %s", MC_FMT(addon->key), why.msg);
    }
    return rc;
}

/* ---- interceptors ---- */

static interceptor *find_pair(const mc_lifecycle *self, mc_str model, mc_str action)
{
    for (size_t i = 0; i < self->interceptor_count; i++) {
        const interceptor *at = &self->interceptors[i];

        if (mc_str_eq(at->model, model) && mc_str_eq(at->action, action))
            return (interceptor *)at;
    }
    return NULL;
}

mc_code mc_lifecycle_intercept(mc_lifecycle *self, mc_str addon_key, mc_str model, mc_str action,
                               mc_intercept_fn fn, void *user, mc_err *err)
{
    interceptor *at = find_pair(self, model, action);
    interceptor fresh = {.fn = fn, .user = user};

    if (!fn || addon_key.len == 0 || model.len == 0 || action.len == 0)
        return mc_fail(err, MC_INVALID, "lifecycle: addon, model, action and fn are required");
    if (!at && self->interceptor_count == MC_LIFECYCLE_INTERCEPTORS_MAX)
        return mc_fail(err, MC_LIMIT, "lifecycle: more than %d interceptors",
                       MC_LIFECYCLE_INTERCEPTORS_MAX);
    fresh.addon_key = mc_str_copy(self->text, addon_key);
    fresh.model = mc_str_copy(self->text, model);
    fresh.action = mc_str_copy(self->text, action);
    if (!fresh.addon_key.ptr || !fresh.model.ptr || !fresh.action.ptr)
        return mc_fail(err, MC_NO_MEMORY, "lifecycle");
    if (!at)
        at = &self->interceptors[self->interceptor_count++];
    *at = fresh;
    return MC_OK;
}

mc_str mc_lifecycle_find_interceptor(const mc_lifecycle *self, mc_str model, mc_str action,
                                     mc_intercept_fn *out_fn, void **out_user)
{
    const interceptor *at = find_pair(self, model, action);

    if (!at)
        return MC_STR("");
    *out_fn = at->fn;
    *out_user = at->user;
    return at->addon_key;
}
