/* SPDX-License-Identifier: Apache-2.0 */
/* lifecycle_hooks: what would be declared and never run is refused. */
#include "metacore/manifest/manifest_internal.h"

static const char *const events[] = {
    "install",      "uninstall",     "enable",       "disable",       "before_create",
    "after_create", "before_update", "after_update", "before_delete", "after_delete"};

static bool is_event(mc_str name)
{
    for (size_t i = 0; i < MC_LEN(events); i++) {
        if (mc_str_eq(name, mc_z(events[i])))
            return true;
    }
    return false;
}

static bool is_exported(const mc_json *root, mc_str name)
{
    const mc_json *exports = mc__get(mc__get(root, "backend"), "exports");
    mc_str item;

    for (size_t i = 0; i < mc__count(exports); i++) {
        if (mc_json_get_str(mc__at(exports, i), &item) && mc_str_eq(item, name))
            return true;
    }
    return false;
}

static bool is_url(mc_str url)
{
    return mc_str_starts_with(url, MC_STR("http://")) ||
           mc_str_starts_with(url, MC_STR("https://"));
}

static const char *check_target(const mc_json *root, const mc_json *target, const char **out_key)
{
    mc_str type = mc__get_str(target, "type"), function = mc__get_str(target, "function");
    bool is_wasm = mc_str_eq(mc__get_str(mc__get(root, "backend"), "runtime"), MC_STR("wasm"));

    *out_key = ".target.type";
    if (mc_str_eq(type, MC_STR("prompt")))
        return "prompt hooks are not run here: there is nobody to prompt (want wasm|webhook)";
    if (mc_str_eq(type, MC_STR("webhook"))) {
        *out_key = ".target.url";
        return is_url(mc__get_str(target, "url"))
                   ? NULL
                   : "an absolute http or https URL is required when type=webhook";
    }
    if (!mc_str_eq(type, MC_STR("wasm")))
        return "unknown (want wasm|webhook)";
    *out_key = ".target.function";
    if (function.len == 0)
        return "required when type=wasm";
    if (!is_wasm)
        return "the addon has no backend of runtime wasm";
    return is_exported(root, function) ? NULL : "not declared in backend.exports";
}

static const char *check_hook(const mc_json *root, mc_str event, const mc_json *hook,
                              const char **out_key)
{
    mc_str own = mc__get_str(hook, "event");

    *out_key = ".event";
    if (own.len && !mc_str_eq(own, event))
        return "is not the event that it stands under";
    *out_key = ".async";
    if (mc__get_bool(hook, "async") && !mc_str_starts_with(event, MC_STR("after_")))
        return "only for after_ events: the others wait for the answer";
    return check_target(root, mc__get(hook, "target"), out_key);
}

void mc__manifest_check_hooks(const mc_json *root, mc_arena *arena, mc__report report, void *user)
{
    const mc_json *all = mc__get(root, "lifecycle_hooks");

    for (size_t i = 0; all && i < all->as.object.count; i++) {
        const mc_json_member *member = &all->as.object.members[i];
        const char *name = mc__quoted(arena, member->key), *key = "", *why = NULL;

        if (!is_event(member->key))
            report(user, mc_str_printf(arena, "manifest.lifecycle_hooks[%s]", name),
                   mc_str_eq(member->key, MC_STR("upgrade"))
                       ? "upgrade hooks are not run here"
                       : "unknown event (want install|uninstall|enable|disable, or "
                         "before_ or after_ with create|update|delete)");
        for (size_t k = 0; is_event(member->key) && k < mc__count(member->value); k++) {
            why = check_hook(root, member->key, mc__at(member->value, k), &key);
            if (why)
                report(user,
                       mc_str_printf(arena, "manifest.lifecycle_hooks[%s][%zu]%s", name, k, key),
                       why);
        }
    }
}
