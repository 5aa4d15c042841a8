/* SPDX-License-Identifier: Apache-2.0 */
/* What was written, told once it is durable. Every write of a row passes here, in its transaction:
 * an ordered log of changes belongs in front of what is told. */
#include "metacore/dynamic/dynamic_internal.h"

const char *mc_dynamic_action_name(mc_dynamic_action action)
{
    static const char *const names[] = {[MC_DYNAMIC_CREATED] = "created",
                                        [MC_DYNAMIC_UPDATED] = "updated",
                                        [MC_DYNAMIC_DELETED] = "deleted",
                                        [MC_DYNAMIC_RESTORED] = "restored"};

    return names[action];
}

typedef struct pending_change {
    mc_db_hook hook;
    mc_dynamic *self;
    mc_dynamic_change change;
} pending_change;

static void tell(mc_db_hook *hook)
{
    const pending_change *pending = mc_container_of(hook, pending_change, hook);
    const mc_dynamic_config *config = &pending->self->config;

    /* First the totals: whoever is told now and asks again is not given an old one. */
    mc__generation_raise(pending->self, pending->change.org_id, pending->change.model);
    if (config->on_change && !pending->change.model->is_internal)
        config->on_change(config->on_change_user, &pending->change);
}

mc_code mc__dynamic_changed(mc_dynamic *self, mc_ctx *ctx, const mc_dynamic_change *change,
                            mc_err *err)
{
    pending_change *pending = mc_arena_object(ctx->arena, pending_change);

    if (!pending)
        return mc_fail(err, MC_NO_MEMORY, "write");
    *pending = (pending_change){.hook.run = tell, .self = self, .change = *change};
    pending->change.org_id = ctx->who.org_id;
    pending->change.actor_id = ctx->who.user_id;
    mc_db_after_commit(ctx->conn, &pending->hook);
    return MC_OK;
}
