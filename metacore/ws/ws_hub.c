/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/ws/ws_internal.h"

#include <stdlib.h>

#define ANSWER_TTL_MS 30000
#define PER_USER_MAX 100
#define PER_ORG_MAX 5000
#define LOOP_ARENA_BYTES ((size_t)1 << 20)

static mc_code copy_origins(mc_ws *self, mc_err *err)
{
    mc_strs *origins = &self->config.origins;
    mc_str *copies = mc_arena_array(self->text, mc_str, origins->count);

    for (size_t i = 0; i < origins->count && copies; i++) {
        copies[i] = mc_str_copy(self->text, origins->items[i]);
        if (copies[i].len != origins->items[i].len)
            copies = NULL;
    }
    if (!copies)
        return mc_fail(err, MC_NO_MEMORY, "ws");
    origins->items = copies;
    return MC_OK;
}

mc_code mc_ws_new(const mc_ws_config *config, mc_ws **out, mc_err *err)
{
    mc_ws *self;
    mc_code rc;

    if (!config->models || !config->authenticate || !config->reload || !config->can_read)
        return mc_fail(err, MC_INVALID, "ws: models, authenticate, reload and can_read are needed");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "ws");
    mc_mutex_init(&self->mu);
    self->config = *config;
    if (self->config.answer_ttl_ms == 0)
        self->config.answer_ttl_ms = ANSWER_TTL_MS;
    if (self->config.max_per_user == 0)
        self->config.max_per_user = PER_USER_MAX;
    if (self->config.max_per_org == 0)
        self->config.max_per_org = PER_ORG_MAX;
    mc__ws_routes_init(self);
    self->text = mc_arena_new(0);
    rc = self->text ? copy_origins(self, err) : mc_fail(err, MC_NO_MEMORY, "ws");
    if (rc == MC_OK)
        rc = mc__ws_tickets_new(&self->tickets, err);
    if (rc != MC_OK) {
        mc_ws_free(self);
        return rc;
    }
    *out = self;
    return MC_OK;
}

mc_code mc_ws_bind(mc_ws *self, mc_server *server, mc_err *err)
{
    unsigned count = mc_server_loops(server);

    self->loops = calloc(count, sizeof(*self->loops));
    if (!self->loops)
        return mc_fail(err, MC_NO_MEMORY, "ws: %u loops", count);
    self->loop_count = count;
    self->server = server;
    for (unsigned i = 0; i < count; i++) {
        mc__ws_loop *loop = &self->loops[i];

        loop->hub = self;
        loop->number = i;
        loop->task.run = mc__ws_run;
        mc_mutex_init(&loop->mu);
        loop->arena = mc_arena_new(LOOP_ARENA_BYTES);
        loop->text = mc_arena_new(LOOP_ARENA_BYTES);
        if (!loop->arena || !loop->text) {
            self->loop_count = i + 1;
            return mc_fail(err, MC_NO_MEMORY, "ws: loop");
        }
    }
    return MC_OK;
}

/* After the loops have ended: their messages never reached anybody. */
static void loop_deinit(mc__ws_loop *loop)
{
    mc__ws_message_unref(loop->current);
    while (loop->first) {
        mc__ws_node *node = loop->first;

        loop->first = node->next;
        mc__ws_message_unref(node->message);
    }
    for (int by = 0; by < MC__WS_BY_COUNT; by++)
        mc_map_deinit(&loop->groups[by]);
    mc_arena_free(loop->arena);
    mc_arena_free(loop->text);
    mc_mutex_deinit(&loop->mu);
}

void mc_ws_free(mc_ws *self)
{
    if (!self)
        return;
    for (unsigned i = 0; i < self->loop_count; i++)
        loop_deinit(&self->loops[i]);
    free(self->loops);
    mc__ws_counts_deinit(self);
    mc__ws_tickets_free(self->tickets);
    mc_arena_free(self->text);
    mc_mutex_deinit(&self->mu);
    free(self);
}

void mc_ws_get_stats(const mc_ws *self, mc_ws_stats *out)
{
    *out = (mc_ws_stats){
        .sockets = atomic_load_explicit(&self->sockets, memory_order_relaxed),
        .messages = atomic_load_explicit(&self->messages, memory_order_relaxed),
        .lost = atomic_load_explicit(&self->lost, memory_order_relaxed),
    };
}
