/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_WS_TEST_INTERNAL_H
#define METACORE_WS_TEST_INTERNAL_H

#include "metacore/ws/ws_internal.h"

#include "mc_test.h"
#include "mc_ws_client.h"

#define WAIT_MS 20000
#define QUIET_MS 200 /* long enough for what should not come to come */

/*
 * A hub on a server of its own. The token "a1" is user 1 of organization a; sessions are users.
 * What auth and permission would answer is set here, from any thread.
 */
typedef struct hub {
    mc_ws *ws;
    mc_server *server;
    mc_models *models;
    mc_http_router *router;
    atomic_bool may_read, is_over, is_store_broken, is_hidden;
    atomic_bool ends_in_handshake; /* the session, right after it was found good */
    atomic_ullong version;
    atomic_llong token_ttl_us; /* 0: for ever */
    atomic_llong clock_us;     /* added to the system's */
    atomic_uint asked;         /* can_read was */
} hub;

bool hub_start(hub *h, unsigned loops, const mc_ws_config *more);
void hub_stop(hub *h);
/* The handshake's status. more: of the address, as "&channel=…", or NULL. */
int hub_dial(const hub *h, mc_ws_client *socket, const char *token, const char *more);
/* 101, and it has subscribed to models, a JSON array's inside. */
bool hub_follow(const hub *h, mc_ws_client *socket, const char *token, const char *models);
void hub_publish(hub *h, char org, const char *model, const char *action);
mc_uuid hub_user(char org, char number);
mc_uuid hub_org(char org);

#endif
