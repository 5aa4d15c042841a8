/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_TESTS_SUPPORT_MC_PUSH_BROWSER_H
#define METACORE_TESTS_SUPPORT_MC_PUSH_BROWSER_H

/**
 * mc_push_browser: a browser's side of web push: its keys, and what a message says to who has them.
 *
 * Written from the standard, not from the sender's code.
 *
 * Threads:  one thread at a time.
 * Standard: RFC 8188 and 8291.
 */

#include "mc_receiver.h"

typedef struct mc_push_browser {
    struct evp_pkey_st *key;
    unsigned char point[65], secret[16];
    char p256dh[100], auth[30]; /* base64url, as a page sends them */
} mc_push_browser;

bool mc_push_browser_init(mc_push_browser *self);
void mc_push_browser_deinit(mc_push_browser *self);
/** A message's text into room; empty when it does not decrypt. */
mc_str mc_push_browser_decrypt(mc_push_browser *self, const mc_received *got, char *room,
                               size_t size);

#endif
