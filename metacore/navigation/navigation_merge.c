/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/navigation/navigation_internal.h"

/* One group as it will be written: its head, and the items of all who add to it. */
typedef struct group {
    mc_str title, icon, target;
    mc_buf items;
} group;

typedef struct merge {
    const mc_navigation_config *config;
    mc_ctx *ctx;
    group *groups;
    size_t count;
} merge;

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find_nocase(object, mc_z(key)), &text); /* else empty */
    return text;
}

static const mc_json *list_of(const mc_json *object, const char *key)
{
    const mc_json *list = mc_json_find_nocase(object, mc_z(key));

    return list && list->kind == MC_JSON_ARRAY ? list : NULL;
}

/* ---- items ---- */

static void write_text(mc_buf *out, const mc_json *item, const char *key)
{
    mc_str text = text_of(item, key);

    if (text.len == 0)
        return;
    mc_buf_printf(out, ",\"%s\":", key);
    mc_json_write_str(out, text);
}

static void write_items(const merge *m, const mc_json *items, mc_str owner, int depth, mc_buf *out);

static void write_item(const merge *m, const mc_json *item, mc_str owner, int depth, mc_buf *out)
{
    static const char *const texts[] = {"url", "icon", "model", "permission"};
    const mc_json *below = list_of(item, "items");
    bool has_below = below && below->as.array.count > 0;
    mc_buf children;

    if (item->kind != MC_JSON_OBJECT || depth > MC_NAVIGATION_DEPTH_MAX ||
        !m->config->may_use(m->config->user, m->ctx, text_of(item, "permission"),
                            text_of(item, "model")))
        return;
    mc_buf_init_arena(&children, m->ctx->arena, 0);
    if (has_below)
        write_items(m, below, owner, depth + 1, &children);
    if (has_below && children.len == 0 && text_of(item, "url").len == 0 && !children.failed)
        return; /* it only led to what may not be used */
    if (out->len > 0)
        mc_buf_char(out, ',');
    mc_buf_lit(out, "{\"title\":");
    mc_json_write_str(out, text_of(item, "title"));
    for (size_t i = 0; i < MC_LEN(texts); i++)
        write_text(out, item, texts[i]);
    if (owner.len) {
        mc_buf_lit(out, ",\"owner\":\"addon:");
        mc_buf_str(out, owner); /* a key needs no escapes */
        mc_buf_char(out, '"');
    }
    if (children.len) {
        mc_buf_lit(out, ",\"items\":[");
        mc_buf_str(out, mc_buf_get(&children));
        mc_buf_char(out, ']');
    }
    mc_buf_char(out, '}');
    out->failed |= children.failed;
}

static void write_items(const merge *m, const mc_json *items, mc_str owner, int depth, mc_buf *out)
{
    for (size_t i = 0; items && i < items->as.array.count; i++)
        write_item(m, items->as.array.items[i], owner, depth, out);
}

/* ---- groups ---- */

static group *add_group(merge *m, mc_str title, mc_str icon, mc_str target)
{
    group *g = &m->groups[m->count++];

    *g = (group){.title = title, .icon = icon, .target = target};
    mc_buf_init_arena(&g->items, m->ctx->arena, 0);
    return g;
}

static group *find_target(merge *m, size_t core_count, mc_str target)
{
    for (size_t i = 0; target.len && i < core_count; i++) {
        if (mc_str_eq(m->groups[i].target, target))
            return &m->groups[i];
    }
    return NULL;
}

static size_t count_of(const mc_json *list)
{
    return list ? list->as.array.count : 0;
}

static void add_core(merge *m, const mc_json *core)
{
    for (size_t i = 0; i < count_of(core); i++) {
        const mc_json *from = core->as.array.items[i];
        group *g =
            add_group(m, text_of(from, "title"), text_of(from, "icon"), text_of(from, "target"));

        write_items(m, list_of(from, "items"), MC_STR(""), 1, &g->items);
    }
}

static void add_part(merge *m, size_t core_count, const mc__nav_part *part, mc_buf *orphans)
{
    for (size_t i = 0; i < count_of(part->groups); i++) {
        const mc_json *from = part->groups->as.array.items[i];
        mc_str title = text_of(from, "title");
        group *g = find_target(m, core_count, text_of(from, "target"));
        mc_buf *items = orphans;

        if (!g && mc_str_trim(title).len)
            g = add_group(m, title, text_of(from, "icon"), MC_STR(""));
        if (g)
            items = &g->items;
        write_items(m, list_of(from, "items"), part->key, 1, items);
    }
}

static void write_group(const group *g, mc_buf *out)
{
    mc_buf_lit(out, "{\"title\":");
    mc_json_write_str(out, g->title);
    if (g->icon.len) {
        mc_buf_lit(out, ",\"icon\":");
        mc_json_write_str(out, g->icon);
    }
    if (g->target.len) {
        mc_buf_lit(out, ",\"target\":");
        mc_json_write_str(out, g->target);
    }
    mc_buf_lit(out, ",\"items\":[");
    mc_buf_str(out, mc_buf_get(&g->items));
    mc_buf_lit(out, "]}");
    out->failed |= g->items.failed;
}

mc_code mc__navigation_merge(const mc_navigation_config *config, mc_ctx *ctx, const mc_json *core,
                             const mc__nav_part *const *parts, size_t count, mc_buf *out,
                             mc_err *err)
{
    merge m = {.config = config, .ctx = ctx};
    size_t most = count_of(core) + 1, core_count;
    bool is_first = true;
    mc_buf orphans;

    for (size_t i = 0; i < count; i++)
        most += count_of(parts[i]->groups);
    m.groups = mc_arena_array(ctx->arena, group, most);
    if (!m.groups)
        return mc_fail(err, MC_NO_MEMORY, "navigation");
    add_core(&m, core);
    core_count = m.count;
    mc_buf_init_arena(&orphans, ctx->arena, 0);
    for (size_t i = 0; i < count; i++)
        add_part(&m, core_count, parts[i], &orphans);
    if (orphans.len || orphans.failed)
        add_group(&m, MC_STR("sidebar.addons"), MC_STR("Puzzle"), MC_STR(""))->items = orphans;
    mc_buf_char(out, '[');
    for (size_t i = 0; i < m.count; i++) {
        if (m.groups[i].items.len == 0 && !m.groups[i].items.failed)
            continue;
        if (!is_first)
            mc_buf_char(out, ',');
        write_group(&m.groups[i], out);
        is_first = false;
    }
    mc_buf_char(out, ']');
    return mc_buf_check(out, "navigation", err);
}
