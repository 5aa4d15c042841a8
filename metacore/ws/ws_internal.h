/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_WS_INTERNAL_H
#define METACORE_WS_INTERNAL_H

#include "metacore/base/map.h"
#include "metacore/base/sync.h"
#include "metacore/ws/ws.h"

#include <stdatomic.h>

#define MC__WS_ROLE_MAX 50 /* bytes, as permission has it */
#define MC__WS_TICKET_BYTES 32
#define MC__WS_LOOPS_MAX 64
#define MC__WS_OVERFLOWS_MAX 32
/* Of a socket's backlog of 256 KiB the last quarter is for what cannot be asked for again. */
#define MC__WS_DATA_BACKLOG ((size_t)192 << 10)

typedef struct mc__ws_client mc__ws_client;
typedef struct mc__ws_loop mc__ws_loop;
typedef struct mc__ws_message mc__ws_message;

/* ---- clients ---- */

typedef struct mc__ws_sub {
    const mc_model *model;
    uint64_t stamp; /* of the version in which may_read was asked, plus one; 0: never */
    int64_t asked_us;
    uint32_t dropped; /* events since the client was told of any */
    bool may_read;
} mc__ws_sub;

/* Sockets of one user or organization on one loop. */
typedef struct mc__ws_group {
    mc_uuid id;
    mc__ws_client *first;
} mc__ws_group;

typedef struct mc__ws_link {
    mc__ws_client *next, *prev;
    mc__ws_group *group;
} mc__ws_link;

enum { MC__WS_BY_ORG, MC__WS_BY_USER, MC__WS_BY_COUNT };

struct mc__ws_client {
    mc_ws *hub;
    mc__ws_loop *loop; /* NULL until it is open */
    mc_socket *socket;
    mc_uuid user_id, org_id, session_id;
    mc_time expires_at; /* of its token; 0: never */
    mc__ws_link links[MC__WS_BY_COUNT];
    mc__ws_sub *subs;
    uint64_t rechecks; /* the hub's, from before its handshake */
    int64_t reloaded_us;
    uint32_t dropped; /* events over all subs */
    uint16_t sub_count, sub_cap;
    bool is_elsewhere; /* asked for a channel that is not its own */
    uint8_t role_len;
    char role[MC__WS_ROLE_MAX];
};

/* ---- messages ---- */

typedef enum mc__ws_kind {
    MC__WS_TO_USERS,
    MC__WS_TO_ORG,
    MC__WS_IF,
    MC__WS_DATA,
    MC__WS_RECHECK
} mc__ws_kind;

typedef struct mc__ws_node {
    struct mc__ws_node *next;
    mc__ws_message *message;
} mc__ws_node;

/* One for all loops; each has a node in it, and a reference. */
struct mc__ws_message {
    atomic_uint refs; /* relaxed to add, acquire-release to drop */
    mc__ws_kind kind;
    mc_uuid org_id;     /* TO_ORG, DATA */
    mc_uuid session_id; /* RECHECK */
    const mc_model *model;
    mc_frame *frame, *fallback;
    mc_ws_condition condition;
    mc_uuid *users; /* heap, when more than one */
    mc_uuid user;   /* the only one */
    size_t user_count;
    mc__ws_node nodes[]; /* as many as loops */
};

/* What was not queued: told as dropped. */
typedef struct mc__ws_overflow {
    mc_uuid org_id;
    const mc_model *model; /* NULL: whatever there is */
    uint32_t count;
} mc__ws_overflow;

/* ---- loops ---- */

struct mc__ws_loop {
    mc_ws *hub;
    unsigned number;
    mc_task task;

    /* The loop thread's. */
    mc_map groups[MC__WS_BY_COUNT];
    mc_arena *arena; /* of one callback */
    mc_arena *text;  /* of one message that came in */
    mc__ws_message *current;
    mc__ws_client *cursor; /* the next one that current is for */
    size_t user_at;        /* in current's users */
    uint32_t behind;       /* clients with something dropped */
    mc_time next_end;      /* no token ends before; 0: not known */

    mc_mutex mu;
    mc__ws_node *first, *last; /* guarded by mu, as all below */
    uint32_t count;
    bool is_posted;
    mc__ws_overflow overflows[MC__WS_OVERFLOWS_MAX];
    uint32_t overflow_count;
};

/* ---- the hub ---- */

/* How many sockets, or subscriptions, there are of something: of all loops together. */
typedef struct mc__ws_count {
    uint32_t count;
    mc_uuid org_id; /* of a user */
    uint16_t key_len;
    char key[]; /* "u" and a user, "o" and an organization, "t", an organization and a model */
} mc__ws_count;

typedef struct mc__ws_tickets mc__ws_tickets;

struct mc_ws {
    mc_ws_config config;
    mc_arena *text;
    mc_server *server;
    unsigned loop_count;
    mc__ws_loop *loops;
    mc__ws_tickets *tickets;
    mc_http_route routes[2];
    /* Sequentially consistent: raised before a recheck is queued, read after a client joined. */
    _Atomic uint64_t rechecks;
    /* Counters; relaxed: each is right by itself. */
    atomic_ullong sockets, messages, lost;

    mc_mutex mu;
    mc_map counts; /* guarded by mu */
};

/* ---- ws_counts.c ---- */

/* Takes a place for a socket. Errors: TOO_MANY, NO_MEMORY. */
mc_code mc__ws_enter(mc_ws *self, mc_uuid user_id, mc_uuid org_id, mc_err *err);
void mc__ws_leave(mc_ws *self, mc_uuid user_id, mc_uuid org_id);
bool mc__ws_topic_add(mc_ws *self, mc_uuid org_id, const mc_model *model);
void mc__ws_topic_remove(mc_ws *self, mc_uuid org_id, const mc_model *model);
bool mc__ws_topic_has(mc_ws *self, mc_uuid org_id, const mc_model *model);
void mc__ws_counts_deinit(mc_ws *self);

/* ---- ws_client.c: on the client's loop, but new and free ---- */

extern const mc_socket_handler mc__ws_socket_handler; /* its user is the client */

mc_code mc__ws_client_new(mc_ws *self, const mc_ctx *ctx, mc__ws_client **out, mc_err *err);
void mc__ws_client_free(mc__ws_client *client);
/* Asks who the client is now; false, and it is closing, when its session is over. */
bool mc__ws_client_reload(mc__ws_client *client);
/* Whether it may read its sub's model at this moment. */
bool mc__ws_client_may_read(mc__ws_client *client, mc__ws_sub *sub, int64_t now_us);
/* What its callbacks are asked with; in the loop's arena. */
mc_ctx mc__ws_client_ctx(const mc__ws_client *client);
mc__ws_sub *mc__ws_client_find_sub(mc__ws_client *client, const mc_model *model);
/* Counts an event that it does not get. */
void mc__ws_client_drop(mc__ws_client *client, mc__ws_sub *sub, uint32_t count);
/* Tells it what it missed, when it can take it. */
void mc__ws_client_tell_dropped(mc__ws_client *client);

/* ---- ws_groups.c: on the loop ---- */

bool mc__ws_join(mc__ws_loop *loop, mc__ws_client *client);
void mc__ws_part(mc__ws_client *client);
mc__ws_client *mc__ws_first(mc__ws_loop *loop, int by, mc_uuid id);
/* Every client of the loop; fn must not add or remove any. */
void mc__ws_each(mc__ws_loop *loop, void (*fn)(mc__ws_client *client, void *user), void *user);

/* ---- ws_deliver.c ---- */

bool mc__ws_run(mc_task *task, unsigned loop);
/* A client goes: the cursor must not stay on it. */
void mc__ws_skip(mc__ws_client *client);

/* ---- ws_send.c ---- */

/* {"type":…,"payload":…} as a frame. */
mc_code mc__ws_frame(mc_str type, mc_str payload, mc_frame **out, mc_err *err);
void mc__ws_message_unref(mc__ws_message *message);

/* ---- ws_ticket.c ---- */

mc_code mc__ws_tickets_new(mc__ws_tickets **out, mc_err *err);
void mc__ws_tickets_free(mc__ws_tickets *self);
/* Text in arena. Errors: LIMIT, NO_MEMORY. */
mc_code mc__ws_ticket_make(mc__ws_tickets *self, mc_arena *arena, const mc_principal *who,
                           mc_time now, mc_str *out, mc_time *out_expires_at, mc_err *err);
/* Who it is for; it stays. False: none of ours, used, or too old. */
bool mc__ws_ticket_look(mc__ws_tickets *self, mc_arena *arena, mc_str text, mc_time now,
                        mc_principal *out);
/* Uses it up; false when somebody else was first. */
bool mc__ws_ticket_take(mc__ws_tickets *self, mc_arena *arena, mc_str text, mc_time now);

/* ---- ws_handler.c ---- */

void mc__ws_routes_init(mc_ws *self);
/* Whether a page of origin may connect: ours (its authority is host's), or listed. */
bool mc__ws_origin_is_allowed(mc_str origin, mc_str host, mc_strs origins);

#endif
