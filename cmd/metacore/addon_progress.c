/* SPDX-License-Identifier: Apache-2.0 */
/* A line on the terminal while an addon's code is compiled: how far it is, five times a second. */
#include "addon_progress.h"

#include "control.h"

#include "metacore/base/json.h"
#include "metacore/base/sync.h"
#include "metacore/host/admin.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#define LOOK_EVERY_US 200000
#define REQUEST "{\"command\":\"addon.compiling\"}"
#define ERASE "\r\033[K"

struct addon_progress {
    const char *socket; /* of the server, should there be one */
    pthread_t thread;
    mc_mutex mu;
    mc_cond changed;
    bool is_done;    /* guarded by mu, as all below */
    bool is_looking; /* at the app, which must not go meanwhile */
    mc_app *app;     /* the command runs here; NULL: not yet, or not any more */
};

/* ---- looking ---- */

static mc_code ask_here(mc_app *app, mc_arena *arena, mc_str *out, mc_err *err)
{
    mc_ctx ctx = {.arena = arena, .now = mc_clock_now((mc_clock){NULL, NULL})};
    const mc_json *request;
    mc_buf result;
    mc_code rc = mc_json_parse(arena, MC_STR(REQUEST), NULL, &request, err);

    mc_buf_init_arena(&result, arena, 0);
    if (rc == MC_OK)
        rc = mc_admin_run(app, &ctx, request, &result, err);
    *out = mc_buf_get(&result);
    return rc;
}

static mc_code ask(addon_progress *self, mc_arena *arena, mc_str *out, mc_err *err)
{
    mc_app *app;
    mc_code rc;

    mc_mutex_lock(&self->mu);
    app = self->app;
    self->is_looking = app != NULL;
    mc_mutex_unlock(&self->mu);
    if (!app)
        return control_call(arena, self->socket, MC_STR(REQUEST), out, err);
    rc = ask_here(app, arena, out, err);
    mc_mutex_lock(&self->mu);
    self->is_looking = false;
    mc_cond_broadcast(&self->changed);
    mc_mutex_unlock(&self->mu);
    return rc;
}

static mc_str text_of(const mc_json *row, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find(row, mc_z(key)), &text); /* else empty */
    return text;
}

/* Nothing to show is shown as nothing: it is a line for people, and what failed is told elsewhere.
 */
static void show(addon_progress *self)
{
    mc_arena *arena = mc_arena_new((size_t)1 << 20);
    const mc_json *rows = NULL;
    mc_str text;
    mc_err err;

    if (arena && ask(self, arena, &text, &err) == MC_OK &&
        mc_json_parse(arena, text, NULL, &rows, &err) == MC_OK && rows->kind == MC_JSON_ARRAY &&
        rows->as.array.count > 0) {
        const mc_json *row = rows->as.array.items[0];

        fprintf(stderr, ERASE "%.*s: %.*s", MC_FMT(text_of(row, "addon_key")),
                MC_FMT(text_of(mc_json_find(row, MC_STR("guest")), "text")));
        if (rows->as.array.count > 1)
            fprintf(stderr, "; %zu others", rows->as.array.count - 1);
        (void)fflush(stderr); /* as above */
    }
    mc_arena_free(arena);
}

static void *watch(void *user)
{
    addon_progress *self = user;

    mc_mutex_lock(&self->mu);
    while (!self->is_done) {
        if (mc_cond_wait_for(&self->changed, &self->mu, LOOK_EVERY_US) || self->is_done)
            continue;
        mc_mutex_unlock(&self->mu);
        show(self);
        mc_mutex_lock(&self->mu);
    }
    mc_mutex_unlock(&self->mu);
    fputs(ERASE, stderr);
    return NULL;
}

/* ---- life ---- */

addon_progress *addon_progress_start(const command *self)
{
    mc_str data = settings_str(self->settings, SETTING_DATA);
    addon_progress *progress;

    if (!isatty(STDERR_FILENO))
        return NULL;
    progress = calloc(1, sizeof(*progress));
    if (!progress)
        return NULL;
    progress->socket =
        mc_str_z(self->arena, mc_str_printf(self->arena, "%.*s/" MC_CONTROL_SOCKET, MC_FMT(data)));
    mc_mutex_init(&progress->mu);
    mc_cond_init(&progress->changed);
    if (!progress->socket || pthread_create(&progress->thread, NULL, watch, progress) != 0) {
        mc_cond_deinit(&progress->changed);
        mc_mutex_deinit(&progress->mu);
        free(progress);
        return NULL;
    }
    return progress;
}

void addon_progress_on_app(void *user, mc_app *app)
{
    addon_progress *self = user;

    mc_mutex_lock(&self->mu);
    self->app = app;
    while (self->is_looking)
        mc_cond_wait(&self->changed, &self->mu);
    mc_mutex_unlock(&self->mu);
}

void addon_progress_end(addon_progress *self)
{
    if (!self)
        return;
    mc_mutex_lock(&self->mu);
    self->is_done = true;
    mc_cond_broadcast(&self->changed);
    mc_mutex_unlock(&self->mu);
    (void)pthread_join(self->thread, NULL); /* ours, and joined once */
    mc_cond_deinit(&self->changed);
    mc_mutex_deinit(&self->mu);
    free(self);
}
