/* SPDX-License-Identifier: Apache-2.0 */
/* Who has to know that an organization's addons are not what they were. */
#include "metacore/host/host_internal.h"

static void write_payload(mc_buf *out, const mc_addon_change *change, mc_time now)
{
    mc_buf_lit(out, "{\"addonKey\":");
    mc_json_write_str(out, change->addon_key);
    mc_buf_lit(out, ",\"newHash\":");
    mc_json_write_str(out, change->digest);
    mc_buf_lit(out, ",\"oldHash\":");
    mc_json_write_str(out, change->old_digest);
    mc_buf_lit(out, ",\"orgId\":\"");
    mc_uuid_write(out, change->org_id);
    mc_buf_lit(out, "\",\"timestamp\":\"");
    mc_time_write(out, now);
    mc_buf_lit(out, "\",\"version\":");
    mc_json_write_str(out, change->version);
    mc_buf_char(out, '}');
}

/* Nobody waits for it, and an installation does not fail for it. */
void mc__host_after_change(void *user, const mc_addon_change *change)
{
    mc_app *app = user;
    mc_buf payload;
    mc_err ignored;

    mc__guests_after_change(app->guests, change);
    if (!app->server)
        return; /* nobody is connected yet */
    mc_buf_init(&payload, 0);
    write_payload(&payload, change, mc_clock_now(app->config.clock));
    if (!mc_buf_failed(&payload))
        MC_IGNORE(mc_ws_send_org(app->ws, change->org_id, MC_STR("ADDON_MANIFEST_CHANGED"),
                                 mc_buf_get(&payload), &ignored));
    mc_buf_deinit(&payload);
}
