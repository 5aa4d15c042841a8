/* SPDX-License-Identifier: Apache-2.0 */
/* What an addon does by itself when something happens, and every host that it would call. */
#include "metacore/review/review_internal.h"

#include "metacore/security/url.h"

#define HOSTS_MAX 256

typedef void (*each_hook)(void *user, mc_str event, const mc_json *hook);

/* {"event":[{event, target:{type, url, function}}]} */
static void walk_hooks(const mc_manifest *m, each_hook fn, void *user)
{
    const mc_json *all = mc__member(m->root, "lifecycle_hooks");

    for (size_t i = 0; all && all->kind == MC_JSON_OBJECT && i < all->as.object.count; i++) {
        const mc_json_member *member = &all->as.object.members[i];

        for (size_t k = 0; k < mc__items(member->value); k++) {
            const mc_json *hook = mc__item(member->value, k);
            mc_str event = mc__text(hook, "event");

            fn(user, event.len ? event : member->key, hook);
        }
    }
}

/* ---- what it does ---- */

static void put_text(mc_buf *out, const char *name, mc_str value)
{
    mc_buf_printf(out, "\"%s\":", name);
    mc_json_write_str(out, value);
}

static void put_hook(void *user, mc_str event, const mc_json *hook)
{
    const mc_json *target = mc__member(hook, "target");
    mc_str type = mc__text(target, "type"), what = mc__text(target, "url");
    mc_buf *out = user;

    if (what.len == 0)
        what = mc__text(target, "function");
    if (what.len == 0)
        what = mc__text(target, "prompt");
    mc_buf_str(out, out->ptr[out->len - 1] == '[' ? MC_STR("{") : MC_STR(",{"));
    put_text(out, "on", event);
    mc_buf_char(out, ',');
    put_text(out, "type", type);
    mc_buf_char(out, ',');
    put_text(out, "calls", what);
    mc_buf_char(out, '}');
}

void mc__review_lifecycle(const mc_manifest *m, mc_buf *out)
{
    mc_buf_lit(out, ",\"lifecycle\":[");
    if (!mc_buf_failed(out))
        walk_hooks(m, put_hook, out);
    mc_buf_char(out, ']');
}

/* ---- whom it reaches ---- */

typedef struct hosts {
    mc_str items[HOSTS_MAX];
    size_t count;
} hosts;

static void add_host(hosts *self, mc_str host)
{
    for (size_t i = 0; i < self->count; i++) {
        if (mc_str_eq_nocase(self->items[i], host))
            return;
    }
    if (host.len && self->count < HOSTS_MAX)
        self->items[self->count++] = host;
}

/* A URL whose host is filled in later is told as it is written. */
static void add_url(hosts *self, mc_str url)
{
    mc_url parsed;
    mc_err ignored;

    if (mc_url_parse(url, &parsed, &ignored) == MC_OK)
        add_host(self, parsed.host);
    else if (mc_str_find(url, MC_STR("://")) < url.len)
        add_host(self, url);
}

static void add_hook(void *user, mc_str event, const mc_json *hook)
{
    (void)event;
    add_url(user, mc__text(mc__member(hook, "target"), "url"));
}

static void add_capabilities(const mc_manifest *m, hosts *out)
{
    const mc_json *list = mc__member(m->root, "capabilities");

    for (size_t i = 0; i < mc__items(list); i++) {
        if (mc_str_eq(mc__text(mc__item(list, i), "kind"), MC_STR("http:fetch")))
            add_host(out, mc__text(mc__item(list, i), "target"));
    }
}

void mc__review_hosts(const mc_manifest *m, mc_arena *arena, mc_buf *out)
{
    const mc_json *tools = mc__member(m->root, "tools"), *urls = mc__member(m->root, "hooks");
    hosts *found = mc_arena_object(arena, hosts);

    mc_buf_lit(out, ",\"hosts\":[");
    if (!found) {
        out->failed = true;
        return;
    }
    add_capabilities(m, found);
    add_url(found, mc__text(mc__member(m->root, "backend"), "url"));
    for (size_t i = 0; i < mc__items(tools); i++)
        add_url(found, mc__text(mc__item(tools, i), "endpoint"));
    for (size_t i = 0; urls && urls->kind == MC_JSON_OBJECT && i < urls->as.object.count; i++) {
        mc_str url = MC_STR("");

        if (mc_json_get_str(urls->as.object.members[i].value, &url))
            add_url(found, url);
    }
    walk_hooks(m, add_hook, found);
    for (size_t i = 0; i < found->count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        mc_json_write_str(out, found->items[i]);
    }
    mc_buf_char(out, ']');
}
