/* SPDX-License-Identifier: Apache-2.0 */
/* How far guests are: what is compiled, with what, since when, or why it failed. */
#include "metacore/host/guests_internal.h"

#include <stdio.h>

#define WORK_MAX 64 /* shown at once */

/* A guest as it was at a moment: what is read of it does not change any more. */
typedef struct sight {
    char addon_key[MC__GUEST_KEY_MAX + 1];
    mc_uuid org_id;
    bool is_queued, is_loading, has_failed, has_code;
    int64_t waited_ms;
    mc_err why;
    mc__guest *guest; /* a ref; NULL: its module is not read yet */
    mc_wasm_guest_state code;
} sight;

/* Both with the guests' mutex held. */
static void see_load(mc__guest_load *load, sight *out)
{
    *out = (sight){.org_id = load->org_id,
                   .is_queued = load->state == MC__GUEST_QUEUED,
                   .is_loading = load->state != MC__GUEST_FAILED,
                   .has_failed = load->state == MC__GUEST_FAILED,
                   .waited_ms = (mc_clock_monotonic_us((mc_clock){0}) - load->since_us) / 1000,
                   .why = load->why,
                   .guest = load->guest};
    memcpy(out->addon_key, load->addon_key, sizeof(out->addon_key));
    if (out->guest)
        out->guest->refs++;
}

static void see_guest(mc__guest *guest, sight *out)
{
    *out = (sight){.guest = guest};
    (void)snprintf(out->addon_key, sizeof(out->addon_key), "%.*s", MC_FMT(guest->manifest->key));
    guest->refs++;
}

/* Outside of the lock: the runtime has one of its own. */
static void read_code(mc__guests *self, sight *s)
{
    s->code = (mc_wasm_guest_state){MC_WASM_GUEST_STATE};
    s->has_code = s->guest && s->guest->wasm;
    if (s->has_code)
        mc_wasm_guest_get_state(s->guest->wasm, &s->code);
    mc__guests_unref(self, s->guest);
    s->guest = NULL;
}

/* A load is newer than what is loaded. */
static bool find(mc__guests *self, mc_str addon_key, sight *out)
{
    size_t pos = 0;
    bool is_there = false;
    mc_str digest;
    void *one;

    mc_mutex_lock(&self->mu);
    while (!is_there && mc_map_next(&self->loads, &pos, &digest, &one)) {
        is_there = mc_str_eq(mc_z(((mc__guest_load *)one)->addon_key), addon_key);
        if (is_there)
            see_load(one, out);
    }
    pos = 0;
    while (!is_there && mc_map_next(&self->loaded, &pos, &digest, &one)) {
        is_there = mc_str_eq(((mc__guest *)one)->manifest->key, addon_key);
        if (is_there)
            see_guest(one, out);
    }
    mc_mutex_unlock(&self->mu);
    if (is_there)
        read_code(self, out);
    return is_there;
}

/* ---- writing ---- */

static void write_ms(mc_buf *out, int64_t ms)
{
    mc_buf_printf(out, "\"seconds\":%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
}

static void write_compiling(mc_buf *out, const mc_wasm_guest_state *code)
{
    mc_buf_printf(out, ",\"compiling\":{\"tier\":\"%s\",\"stage\":\"%s\"",
                  mc_wasm_tier_name(code->making), mc_wasm_stage_name(code->stage));
    if (code->part)
        mc_buf_printf(out, ",\"part\":%u", code->part);
    if (code->parts)
        mc_buf_printf(out, ",\"parts\":%u", code->parts);
    mc_buf_char(out, ',');
    write_ms(out, code->elapsed_ms);
    mc_buf_char(out, '}');
}

static const char *word_of(const sight *s)
{
    if (s->has_failed)
        return "failed";
    if (s->is_queued)
        return "queued";
    return s->is_loading ? "loading" : "ready";
}

/* For people. */
static void write_words(mc_buf *out, const sight *s)
{
    const mc_wasm_guest_state *code = &s->code;

    if (s->has_failed) {
        mc_buf_printf(out, "failed: %s", s->why.msg);
        return;
    }
    if (code->generation)
        mc_buf_str(out, mc_z(mc_wasm_tier_name(code->tier)));
    if (code->is_compiling && code->parts)
        mc_buf_printf(out, "%s%s: %s %u of %u", code->generation ? ", " : "",
                      mc_wasm_tier_name(code->making), mc_wasm_stage_name(code->stage), code->part,
                      code->parts);
    else if (code->is_compiling)
        mc_buf_printf(out, "%s%s: %s", code->generation ? ", " : "",
                      mc_wasm_tier_name(code->making), mc_wasm_stage_name(code->stage));
    else if (!code->generation)
        mc_buf_str(out, mc_z(word_of(s)));
    if (code->failure[0])
        mc_buf_printf(out, " (%s failed: %s)", mc_wasm_tier_name(code->making), code->failure);
}

static void write_text(mc_buf *out, const sight *s)
{
    mc_buf words;

    mc_buf_init(&words, 1024);
    write_words(&words, s);
    mc_buf_lit(out, ",\"text\":");
    mc_json_write_str(out, mc_buf_get(&words));
    mc_buf_deinit(&words);
}

static void write_sight(mc_buf *out, const sight *s)
{
    mc_buf_printf(out, "{\"state\":\"%s\"", word_of(s));
    if (s->code.generation)
        mc_buf_printf(out, ",\"tier\":\"%s\",\"generation\":%u", mc_wasm_tier_name(s->code.tier),
                      s->code.generation);
    if (s->is_loading) {
        mc_buf_char(out, ',');
        write_ms(out, s->waited_ms);
    } else if (s->has_code && !s->code.is_compiling) {
        mc_buf_char(out, ',');
        write_ms(out, s->code.elapsed_ms);
    }
    if (s->code.is_compiling)
        write_compiling(out, &s->code);
    if (s->has_failed || s->code.failure[0]) {
        mc_buf_lit(out, ",\"error\":");
        mc_json_write_str(out, mc_z(s->has_failed ? s->why.msg : s->code.failure));
    }
    write_text(out, s);
    mc_buf_char(out, '}');
}

bool mc__guests_write_state(mc__guests *self, mc_str addon_key, mc_buf *out)
{
    sight s;

    if (!find(self, addon_key, &s))
        return false;
    write_sight(out, &s);
    return true;
}

/* ---- all that is under way ---- */

typedef struct work {
    sight items[WORK_MAX];
    size_t count;
} work;

static void collect(mc__guests *self, work *w)
{
    size_t pos = 0;
    mc_str digest;
    void *one;

    mc_mutex_lock(&self->mu);
    while (w->count < WORK_MAX && mc_map_next(&self->loads, &pos, &digest, &one)) {
        if (((mc__guest_load *)one)->state == MC__GUEST_AT_WORK)
            see_load(one, &w->items[w->count++]);
    }
    pos = 0;
    while (w->count < WORK_MAX && mc_map_next(&self->loaded, &pos, &digest, &one)) {
        mc__guest *guest = one;
        mc_wasm_guest_state code = {MC_WASM_GUEST_STATE};

        if (guest->wasm)
            mc_wasm_guest_get_state(guest->wasm, &code); /* takes its lock for a copy only */
        if (code.is_compiling)
            see_guest(guest, &w->items[w->count++]);
    }
    mc_mutex_unlock(&self->mu);
    for (size_t i = 0; i < w->count; i++)
        read_code(self, &w->items[i]);
}

/* Whoever has an addon sees how far it is; who installs one, too. */
static bool may_see(mc__guests *self, mc_uuid org_id, const sight *s)
{
    return mc_uuid_is_nil(org_id) || mc_uuid_eq(org_id, s->org_id) ||
           mc_installer_is_enabled(mc_host_installer(self->app->host), org_id, mc_z(s->addon_key));
}

void mc__guests_write_work(mc__guests *self, mc_uuid org_id, mc_buf *out)
{
    work w = {.count = 0};
    bool is_first = true;

    collect(self, &w);
    mc_buf_char(out, '[');
    for (size_t i = 0; i < w.count; i++) {
        if (!may_see(self, org_id, &w.items[i]))
            continue;
        if (!is_first)
            mc_buf_char(out, ',');
        is_first = false;
        mc_buf_lit(out, "{\"addon_key\":");
        mc_json_write_str(out, mc_z(w.items[i].addon_key));
        mc_buf_lit(out, ",\"guest\":");
        write_sight(out, &w.items[i]);
        mc_buf_char(out, '}');
    }
    mc_buf_char(out, ']');
}
