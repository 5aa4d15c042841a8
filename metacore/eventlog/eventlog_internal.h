/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_EVENTLOG_EVENTLOG_INTERNAL_H
#define METACORE_EVENTLOG_EVENTLOG_INTERNAL_H

#include "metacore/base/sync.h"
#include "metacore/eventlog/eventlog.h"
#include "metacore/server/stream.h"

#include <stdatomic.h>

#define MC__EVENTLOG_ROUTES 2
#define MC__EVENT_TEXT_MAX (MC_EVENTLOG_DATA_MAX + 16384) /* of one event in a stream */

typedef struct mc__listener {
    void (*fn)(void *user, mc_uuid org_id);
    void *user;
} mc__listener;

/* One client of the stream. The pusher's, once it is opened, but for is_gone. */
typedef struct mc__subscriber {
    struct mc__subscriber *next; /* written before it is in the list, then by the pusher only */
    mc_eventlog *self;
    mc_stream *stream;
    mc_uuid user_id, org_id, session_id;
    mc_time expires_at; /* of its token; 0: never */
    mc_arena *arena;    /* of the filter and its texts; NULL: no filter */
    const mc_eventlog_filter *filter;
    int64_t cursor;
    int64_t stated_cursor; /* beyond the log's end, of another log's life; 0: it was not */
    bool is_named;
    bool is_behind;           /* there may be events after cursor */
    int64_t tried_us;         /* the pass in which it was last given something */
    int64_t blocked_since_us; /* monotonic; 0: takes what it is given */
    atomic_bool is_gone;
} mc__subscriber;

#define MC__DIRTY_MAX 64 /* organizations; more: all are looked at */

struct mc_eventlog {
    mc_eventlog_config config;
    mc_db_dialect dialect;
    mc_http_route routes[MC__EVENTLOG_ROUTES];
    mc__listener listeners[MC_EVENTLOG_LISTENERS_MAX];
    size_t listener_count;
    pthread_t pusher;
    struct mc__event_batch *batch; /* the pusher's */
    _Atomic(uint64_t) event_count; /* committed */
    atomic_size_t open_count;      /* streams from open to over; read without mu by every commit */
    mc_mutex mu;
    mc_cond work;
    bool is_pusher_started;      /* guarded by mu, as all below */
    mc__subscriber *subscribers; /* others add at its head, the pusher alone removes */
    mc_uuid dirty[MC__DIRTY_MAX];
    size_t dirty_count;
    bool is_all_dirty;
    bool is_signalled;
    bool is_recheck;
    bool is_stopping;
};

/* eventlog_stream.c */
mc_code mc__eventlog_stream(mc_http_req *req, mc_http_res *res, void *user, mc_err *err);
/* eventlog_push.c */
/* Something was written for org. */
void mc__eventlog_wake(mc_eventlog *self, mc_uuid org_id);
mc_code mc__eventlog_pusher_start(mc_eventlog *self, mc_err *err);
/* eventlog_deliver.c */
typedef enum mc__pace { MC__AT_REST, MC__BLOCKED, MC__AT_ONCE } mc__pace;
typedef struct mc__event_batch mc__event_batch;
mc__event_batch *mc__event_batch_new(void);
void mc__event_batch_free(mc__event_batch *batch);
/* One batch at most for each of those who are behind; when to come again. */
mc__pace mc__eventlog_deliver(mc_eventlog *self, mc_db_conn *conn, mc__subscriber *first,
                              int64_t now_us);
/* eventlog_query.c */
mc_code mc__eventlog_newest(mc_ctx *ctx, mc_uuid org_id, int64_t *out, mc_err *err);
/* tags: an object, or NULL. */
bool mc__eventlog_matches(const mc_eventlog_filter *filter, mc_str type, const mc_json *tags);
/* eventlog_handler.c */
mc_code mc__eventlog_read_filter(mc_http_req *req, mc_eventlog_filter *out, mc_err *err);
mc_code mc__eventlog_read_after(mc_http_req *req, const char *name, bool *out_given, int64_t *out,
                                mc_err *err);
void mc__eventlog_add_routes(mc_eventlog *self);

#endif
