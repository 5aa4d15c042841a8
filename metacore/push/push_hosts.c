/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/push/push_internal.h"
#include "metacore/security/url.h"

/* What an endpoint's host is counted as; one that is none is refused later, by who calls it. */
static mc_str host_of(mc_str endpoint)
{
    mc_url url;

    if (mc_url_parse(endpoint, &url, NULL) != MC_OK)
        return MC_STR("?");
    return mc_str_slice(url.host, 0, MC__PUSH_HOST_MAX - 1);
}

static mc__push_host *find_locked(mc_push *self, mc_str name) MC_REQUIRES(self->mu)
{
    mc__push_host *unused = NULL;

    for (size_t i = 0; i < MC_LEN(self->hosts); i++) {
        mc__push_host *host = &self->hosts[i];

        if (host->running && mc_str_eq_nocase(mc_z(host->name), name))
            return host;
        if (!host->running && !unused)
            unused = host;
    }
    return unused; /* there are as many places as workers */
}

bool mc__push_host_take(mc_push *self, mc_str endpoint)
{
    unsigned most = (self->config.workers + 1) / 2;
    mc_str name = host_of(endpoint);
    mc__push_host *host;
    bool is_taken;

    mc_mutex_lock(&self->mu);
    host = find_locked(self, name);
    is_taken = host && host->running < most;
    if (is_taken && host->running++ == 0) {
        memcpy(host->name, name.ptr, name.len);
        host->name[name.len] = '\0';
    }
    mc_mutex_unlock(&self->mu);
    return is_taken;
}

void mc__push_host_give_back(mc_push *self, mc_str endpoint)
{
    unsigned most = (self->config.workers + 1) / 2;
    mc__push_host *host;

    mc_mutex_lock(&self->mu);
    host = find_locked(self, host_of(endpoint));
    if (host && host->running && host->running-- == most) {
        self->wakes++; /* messages of it may have been passed over */
        mc_cond_broadcast(&self->wake);
    }
    mc_mutex_unlock(&self->mu);
}
