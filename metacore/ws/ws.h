/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_WS_WS_H
#define METACORE_WS_WS_H

/**
 * ws: what happens, told to the browsers of those who may know it, as it happens.
 *
 * A client opens GET /ws with its token, or with a ticket that POST /ws/ticket gave for one use
 * within 30 seconds, so that no token need stand in an address. It is sent text messages
 * {"type":…,"payload":…}: to a user, to several, to an organization, on a condition. It may
 * subscribe to models ({"type":"SUBSCRIBE","models":[…]}) and then hears of each change
 * (DATA_EVENT) of its own organization, if it may read the model at that moment; whoever cannot
 * keep up is told how much it missed (DATA_EVENTS_DROPPED) and asks again. Frames that mean nothing
 * here are ignored. A token's end, signing out and a disabled account close the socket with 1008,
 * which the published client takes as the advice not to come back with the same token.
 *
 * Sending never waits: it queues for each loop and returns. What is not queued for want of room is
 * counted, not kept; who is not connected is not sent anything later.
 *
 * Not here: frames and backlogs (server), what is remembered of notifications (notifications).
 * Threads:  mc_ws is thread-safe once bound; callbacks of its config run on the server's loops.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/err.h"
#include "metacore/base/str.h"
#include "metacore/base/time.h"
#include "metacore/base/uuid.h"
#include "metacore/httpx/httpx.h"
#include "metacore/modelbase/modelbase.h"
#include "metacore/server/socket.h"

MC_BEGIN_DECLS

#define MC_WS_MODELS_MAX 100   /* subscriptions of one socket */
#define MC_WS_TICKETS_MAX 4096 /* at a time; of one user 32 */
#define MC_WS_TICKET_TTL_S 30
#define MC_WS_INBOX_MAX 4096 /* messages that wait for one loop */
#define MC_WS_TYPE_NOTIFICATION "NOTIFICATION"
#define MC_WS_TYPE_STATUS_UPDATE "STATUS_UPDATE"
#define MC_WS_TYPE_CUSTOM "CUSTOM"

typedef struct mc_ws mc_ws;

/** Whose socket it is; text is gone after the call. */
typedef struct mc_ws_member {
    mc_uuid user_id;
    mc_uuid org_id;
    mc_uuid session_id;
    mc_str role;
} mc_ws_member;

/** Zero is "the default" in every field that is not required. */
typedef struct mc_ws_config {
    uint32_t struct_size;
    mc_models *models; /* required; borrowed */
    /** Required. Who asks, by header or "?token=": fills req->ctx.who. */
    mc_code (*authenticate)(void *user, mc_http_req *req, mc_err *err);
    /** Required. ctx->who as it is now; UNAUTHENTICATED when its session is over. */
    mc_code (*reload)(void *user, mc_ctx *ctx, mc_err *err);
    void *auth_user;
    /** Required. Whether ctx's principal may read model's rows. */
    mc_code (*can_read)(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err);
    void *can_read_user;
    /** Whether ctx's organization has model; NULL: every one. */
    mc_code (*is_visible)(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err);
    void *is_visible_user;
    /** Grows when can_read may answer otherwise than before; NULL: only age makes it ask again. */
    uint64_t (*version)(void *user);
    void *version_user;
    int64_t answer_ttl_ms; /* how old an answer of can_read may get; 0: 30000 */
    /** The connection that a loop's callbacks read on; NULL: ctx->conn is NULL. */
    struct mc_db_conn *(*loop_conn)(void *user, unsigned loop);
    void *loop_conn_user;
    mc_strs origins;       /* pages of these may connect beside our own; "*": all; copied */
    uint32_t max_per_user; /* sockets; 0: 100 */
    uint32_t max_per_org;  /* 0: 5000 */
    /** Told of each mc_ws_send_user of type NOTIFICATION, connected or not, on the sender's thread:
     *  queue and return. */
    void (*on_notification)(void *user, mc_uuid user_id, mc_str payload);
    void *on_notification_user;
    mc_clock clock;
} mc_ws_config;
#define MC_WS_CONFIG .struct_size = sizeof(mc_ws_config)

MC_API MC_MUST_USE mc_code mc_ws_new(const mc_ws_config *config, mc_ws **out, mc_err *err);
/** After the server has been freed. */
MC_API void mc_ws_free(mc_ws *self);
/** Before server starts; server is borrowed. Its on_tick is to call mc_ws_tick. */
MC_API MC_MUST_USE mc_code mc_ws_bind(mc_ws *self, mc_server *server, mc_err *err);
/** On each loop's thread, about once a second: ends tokens, tells of what was dropped. */
MC_API void mc_ws_tick(mc_ws *self, unsigned loop);

/** GET /ws and POST /ws/ticket; borrowed, for self's life. */
MC_API const mc_http_route *mc_ws_routes(mc_ws *self, size_t *out_count);

/* ---- sending: from any thread, never waiting; payload is JSON text, empty: null ---- */

/*
 * Errors  INVALID: no type, or one that is no text. NO_MEMORY. LIMIT: a loop's inbox is full;
 *         its sockets do not get it.
 */
MC_API MC_MUST_USE mc_code mc_ws_send_user(mc_ws *self, mc_uuid user_id, mc_str type,
                                           mc_str payload, mc_err *err);
MC_API MC_MUST_USE mc_code mc_ws_send_users(mc_ws *self, const mc_uuid *user_ids, size_t count,
                                            mc_str type, mc_str payload, mc_err *err);
MC_API MC_MUST_USE mc_code mc_ws_send_org(mc_ws *self, mc_uuid org_id, mc_str type, mc_str payload,
                                          mc_err *err);

/** Chooses for each of a user's sockets which of two messages it gets. */
typedef struct mc_ws_condition {
    /** On the loops' threads. NULL: false. */
    bool (*holds)(void *user, const mc_ws_member *member);
    void (*release)(void *user); /* once, when holds is not called any more; NULL: nothing to do */
    void *user;
} mc_ws_condition;

/** The first payload where the condition holds, else the second; an empty one: nothing is sent.
 *  condition.user is taken, also on failure. */
MC_API MC_MUST_USE mc_code mc_ws_send_if(mc_ws *self, mc_uuid user_id, mc_ws_condition condition,
                                         mc_str type, mc_str payload, mc_str fallback, mc_err *err);

/** A row that was written, after its commit. */
typedef struct mc_ws_change {
    mc_uuid org_id;
    const mc_model *model; /* lives as long as the registry */
    mc_uuid id;
    mc_str action; /* created, updated, deleted */
    mc_uuid actor_id;
    mc_time at;
    const mc_str *fields; /* that have another value now */
    size_t field_count;
} mc_ws_change;

/** For the subscribers. Costs a look when there are none. A change that cannot be queued is told
 *  as dropped. */
MC_API void mc_ws_publish(mc_ws *self, const mc_ws_change *change);

/* ---- who is there ---- */

/** What a session or (session nil) a user stands for has changed: its sockets ask reload, and close
 *  with 1008 when it is over. */
MC_API void mc_ws_recheck(mc_ws *self, mc_uuid user_id, mc_uuid session_id);
/** How many sockets user has. */
MC_API uint32_t mc_ws_count_user(mc_ws *self, mc_uuid user_id);
/** Users of org with a socket at this moment, in arena, in no order. */
MC_API MC_MUST_USE mc_code mc_ws_connected_users(mc_ws *self, mc_uuid org_id, mc_arena *arena,
                                                 const mc_uuid **out, size_t *out_count,
                                                 mc_err *err);

/** Counters since start, for /metrics; relaxed. */
typedef struct mc_ws_stats {
    uint64_t sockets;  /* now */
    uint64_t messages; /* sent or published */
    uint64_t lost;     /* not queued for want of room, per loop */
} mc_ws_stats;
MC_API void mc_ws_get_stats(const mc_ws *self, mc_ws_stats *out);

MC_END_DECLS
#endif
