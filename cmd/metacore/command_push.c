/* SPDX-License-Identifier: Apache-2.0 */
/* metacore push keygen: the pair that a server pushes with, as the environment takes it. */
#include "command.h"

#include "metacore/base/encode.h"
#include "metacore/base/secret.h"
#include "metacore/push/push.h"

#include <string.h>

int command_push(const command *self)
{
    static const char *const options[] = {NULL};
    const char *action = command_positional(self, options, 0);
    mc_buf public_key, private_key;
    mc_push_keys keys;
    mc_err err;

    if (!action || strcmp(action, "keygen") != 0)
        return command_usage("push keygen");
    if (mc_push_keys_new(&keys, &err) != MC_OK)
        return command_fail(&err);
    mc_buf_init_arena(&public_key, self->arena, 0);
    mc_buf_init_arena(&private_key, self->arena, 0);
    mc_base64url_write(&public_key,
                       mc_str_of((const char *)keys.public_key, sizeof(keys.public_key)));
    mc_base64url_write(&private_key,
                       mc_str_of((const char *)keys.private_key, sizeof(keys.private_key)));
    mc_wipe(&keys, sizeof(keys));
    if (mc_buf_check(&public_key, "push keygen", &err) != MC_OK ||
        mc_buf_check(&private_key, "push keygen", &err) != MC_OK)
        return command_fail(&err);
    printf(self->as_json ? "{\"private_key\":\"%.*s\",\"public_key\":\"%.*s\"}\n"
                         : "VAPID_PRIVATE_KEY=%.*s\nVAPID_PUBLIC_KEY=%.*s\n",
           MC_FMT(mc_buf_get(&private_key)), MC_FMT(mc_buf_get(&public_key)));
    return EXIT_DONE;
}
