/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_PUSH_PUSH_INTERNAL_H
#define METACORE_PUSH_PUSH_INTERNAL_H

#include "metacore/base/json.h"
#include "metacore/base/secret.h"
#include "metacore/base/sync.h"
#include "metacore/push/push.h"
#include "metacore/security/http_client.h"

#include <stdatomic.h>

#define MC__PUSH_ROUTES 6
#define MC__PUSH_WORKERS_MAX 64

#define MC__PUSH_HOST_MAX 254

/* A push service that messages are under way to. */
typedef struct mc__push_host {
    char name[MC__PUSH_HOST_MAX];
    unsigned running;
} mc__push_host;

struct mc_push {
    mc_push_config config;
    bool is_on;
    mc_push_keys keys;
    mc_arena *text; /* of the subject and the public key */
    mc_str subject, public_text;
    mc_http_client *client; /* NULL when off */
    mc_http_route routes[MC__PUSH_ROUTES];
    mc_uuid lease_id;
    pthread_t workers[MC__PUSH_WORKERS_MAX];
    unsigned worker_count;
    atomic_ullong succeeded, failed;
    mc_mutex mu;
    mc_cond wake;
    uint64_t wakes; /* guarded by mu, as below */
    bool is_stopping;
    mc__push_host hosts[MC__PUSH_WORKERS_MAX];
};

/* push_keys.c: the public half of a private key; INVALID when it is none. */
mc_code mc__push_public_of(const unsigned char private_key[MC_PUSH_SCALAR_BYTES],
                           unsigned char out[MC_PUSH_POINT_BYTES], mc_err *err);
bool mc__push_is_point(const unsigned char point[MC_PUSH_POINT_BYTES]);
/* As browsers and their libraries write it: base64url or base64, padded or not. */
bool mc__push_base64(mc_arena *arena, mc_str text, mc_str *out);
/* OpenSSL's EVP_PKEY of keys; private_key NULL: the public one alone. */
struct evp_pkey_st *mc__push_pkey(const unsigned char *public_key,
                                  const unsigned char *private_key);

/* push_hosts.c: no host gets more than half of the workers, so that one which hangs leaves some to
 * the others. False: it has them already. */
bool mc__push_host_take(mc_push *self, mc_str endpoint);
void mc__push_host_give_back(mc_push *self, mc_str endpoint);

/* push_queue.c */
mc_code mc__push_wake_later(mc_push *self, mc_ctx *ctx, mc_err *err);

/* push_handler.c */
void mc__push_add_routes(mc_push *self);

#endif
