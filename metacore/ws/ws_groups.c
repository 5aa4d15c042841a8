/* SPDX-License-Identifier: Apache-2.0 */
/* A loop's sockets by user and by organization: its own, so that nothing is locked to walk them. */
#include "metacore/ws/ws_internal.h"

#include <stdlib.h>

static mc_str name_of(const mc_uuid *id)
{
    return mc_str_of((const char *)id->bytes, sizeof(id->bytes));
}

static mc__ws_group *group_of(mc__ws_loop *loop, int by, mc_uuid id)
{
    mc__ws_group *group = mc_map_find(&loop->groups[by], name_of(&id));
    mc_err ignored; /* NULL says it */

    if (group)
        return group;
    group = calloc(1, sizeof(*group));
    if (!group)
        return NULL;
    group->id = id;
    if (mc_map_put(&loop->groups[by], name_of(&group->id), group, &ignored) != MC_OK) {
        free(group);
        return NULL;
    }
    return group;
}

static bool link_to(mc__ws_loop *loop, mc__ws_client *client, int by, mc_uuid id)
{
    mc__ws_link *link = &client->links[by];

    link->group = group_of(loop, by, id);
    if (!link->group)
        return false;
    /* At the front: what is being sent to the group now was before it came. */
    link->next = link->group->first;
    if (link->next)
        link->next->links[by].prev = client;
    link->group->first = client;
    return true;
}

static void unlink_from(mc__ws_client *client, int by)
{
    mc__ws_link *link = &client->links[by];
    mc__ws_group *group = link->group;

    if (!group)
        return;
    *(link->prev ? &link->prev->links[by].next : &group->first) = link->next;
    if (link->next)
        link->next->links[by].prev = link->prev;
    *link = (mc__ws_link){0};
    if (!group->first) {
        (void)mc_map_remove(&client->loop->groups[by], name_of(&group->id)); /* it is there */
        free(group);
    }
}

bool mc__ws_join(mc__ws_loop *loop, mc__ws_client *client)
{
    return link_to(loop, client, MC__WS_BY_ORG, client->org_id) &&
           link_to(loop, client, MC__WS_BY_USER, client->user_id);
}

void mc__ws_part(mc__ws_client *client)
{
    mc__ws_skip(client);
    unlink_from(client, MC__WS_BY_ORG);
    unlink_from(client, MC__WS_BY_USER);
}

mc__ws_client *mc__ws_first(mc__ws_loop *loop, int by, mc_uuid id)
{
    const mc__ws_group *group = mc_map_find(&loop->groups[by], name_of(&id));

    return group ? group->first : NULL;
}

void mc__ws_each(mc__ws_loop *loop, void (*fn)(mc__ws_client *client, void *user), void *user)
{
    size_t pos = 0;
    mc_str name;
    void *group;

    while (mc_map_next(&loop->groups[MC__WS_BY_ORG], &pos, &name, &group)) {
        mc__ws_client *client = ((mc__ws_group *)group)->first;

        for (; client; client = client->links[MC__WS_BY_ORG].next)
            fn(client, user);
    }
}
