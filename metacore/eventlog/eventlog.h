/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_EVENTLOG_EVENTLOG_H
#define METACORE_EVENTLOG_EVENTLOG_H

/**
 * eventlog: what happened in each organization, in order, once and without gaps.
 *
 * It is the change log and the log of events that others emit, in one table: an event is written in
 * the transaction of what it tells, so that neither is there without the other. Numbers go up by
 * one per organization, begin at 1, and are given once, also when old events were pruned. Whoever
 * reads keeps the number of the last event it has seen and asks for what came after.
 *
 *   GET /eventlog?after=&types=a,b&limit=&tag.<k>=<v>   {data, meta{last_sequence, has_more,
 *                                                       oldest_sequence, gap?}}
 *   GET /eventlog/stream                                server-sent events
 * for holders of eventlog.read, who see the rows of every model in it. The stream takes the same
 * filters, begins behind Last-Event-ID (or last_event_id=, after=), else with what happens next,
 * and takes its token from access_token= too, as pages cannot set a header there; event_names=false
 * leaves the "event:" lines out, so that a page hears all types with one listener. A reader that
 * comes back too late for pruned events is told so: gap in meta, an event "gap" in the stream.
 *
 * Tables:   eventlog_events, eventlog_counters.
 * Not here: handing events to those who must not miss one (outbox), webhooks.
 * Threads:  thread-safe once created; listeners are added before it is used.
 * Standard: the WHATWG HTML standard, section 9.2 (server-sent events).
 */

#include "metacore/base/ctx.h"
#include "metacore/db/db.h"
#include "metacore/httpx/httpx.h"
#include "metacore/log/log.h"

MC_BEGIN_DECLS

#define MC_EVENTLOG_TYPE_MAX 255                /* bytes */
#define MC_EVENTLOG_DATA_MAX ((size_t)32 << 10) /* bytes of JSON */
#define MC_EVENTLOG_TAGS_MAX 16                 /* of one event */
#define MC_EVENTLOG_TAG_MAX 255                 /* bytes of a key, of a value */
#define MC_EVENTLOG_FILTERS_MAX 32              /* types of one query; its tags: as above */
#define MC_EVENTLOG_LIMIT 50
#define MC_EVENTLOG_LIMIT_MAX 200
#define MC_EVENTLOG_WINDOW                                                                         \
    5000 /* events that one query looks at, however few its filters let by                         \
          */
#define MC_EVENTLOG_LISTENERS_MAX 8
#define MC_EVENTLOG_STREAMS_MAX 20000

typedef struct mc_eventlog mc_eventlog;

typedef struct mc_event_tag {
    mc_str key;
    mc_str value;
} mc_event_tag;

/** An event as it is read; all of it is borrowed for the call that shows it. */
typedef struct mc_event {
    mc_uuid id; /* stays the same however often it is told */
    mc_uuid org_id;
    mc_uuid actor_id; /* nil: nobody */
    mc_time at;
    int64_t sequence;
    mc_str type; /* "tickets.tickets.created" */
    mc_str tags; /* a JSON object of texts; empty: none */
    mc_str data; /* a JSON object; empty: null */
} mc_event;

/** Zero is "the default" in every field. */
typedef struct mc_eventlog_config {
    uint32_t struct_size;
    mc_db *db; /* required; borrowed, as all below */
    /** Required. MC_OK when ctx's principal holds capability. */
    mc_code (*check)(void *user, mc_ctx *ctx, mc_str capability, mc_err *err);
    void *check_user;
    /** Looks again who ctx's principal is, for streams that last; NULL: nobody's rights end. */
    mc_code (*reload)(void *user, mc_ctx *ctx, mc_err *err);
    void *reload_user;
    mc_log *log; /* NULL: silent */
    mc_clock clock;
    int64_t slow_timeout_ms;   /* a stream's client that takes nothing is dropped; 0: 10000 */
    uint32_t streams_per_user; /* 0: 64 */
    uint32_t streams_per_org;  /* 0: MC_EVENTLOG_STREAMS_MAX */
} mc_eventlog_config;
#define MC_EVENTLOG_CONFIG .struct_size = sizeof(mc_eventlog_config)

MC_API MC_MUST_USE mc_code mc_eventlog_new(const mc_eventlog_config *config, mc_eventlog **out,
                                           mc_err *err);
/** Before the database is closed; ends the streams that are open. */
MC_API void mc_eventlog_stop(mc_eventlog *self);
/** After the server is gone, whose streams it had. */
MC_API void mc_eventlog_free(mc_eventlog *self);

/** Of this process: events that were committed since its start, and streams that are open. */
typedef struct mc_eventlog_counts {
    uint64_t events;
    uint64_t streams;
} mc_eventlog_counts;
/** Any thread. */
MC_API mc_eventlog_counts mc_eventlog_count(const mc_eventlog *self);

/* ---- writing ---- */

/** Zero is "the default" in every field. */
typedef struct mc_event_input {
    mc_str type;              /* required */
    const mc_event_tag *tags; /* keys are different */
    size_t tag_count;
    mc_str data; /* a JSON object's text, checked; empty: null */
} mc_event_input;

/**
 * Writes an event of ctx's organization in ctx->conn's transaction; who and when are ctx's.
 *
 * out_sequence  its number; may be NULL
 * Errors        INVALID "eventlog: empty event type", or what is wrong; TOO_LARGE; the store's.
 */
MC_API MC_MUST_USE mc_code mc_eventlog_emit(mc_eventlog *self, mc_ctx *ctx,
                                            const mc_event_input *in, int64_t *out_sequence,
                                            mc_err *err);

/** A row that was written; see dynamic.h. */
typedef struct mc_eventlog_change {
    mc_str addon; /* empty: kernel */
    mc_str model;
    mc_str action; /* created, updated, deleted, restored */
    mc_uuid id;
    mc_time at;
    const mc_str *fields; /* of an update */
    size_t field_count;
    mc_str before; /* the row as a JSON object's text; empty: not told */
    mc_str after;
} mc_eventlog_change;

/**
 * Writes "<addon>.<model>.<action>" as emit does, with the tags model and record_id and the data
 * {"id","action","fields","before","after"}. Of a row too large for MC_EVENTLOG_DATA_MAX before and
 * after are left out, and "truncated":true says so.
 */
MC_API MC_MUST_USE mc_code mc_eventlog_append(mc_eventlog *self, mc_ctx *ctx,
                                              const mc_eventlog_change *change, mc_err *err);

/** Told after the commit of what was written for org, on the writer's thread: queue and return.
 *  LIMIT: more than MC_EVENTLOG_LISTENERS_MAX. */
MC_API MC_MUST_USE mc_code mc_eventlog_listen(mc_eventlog *self,
                                              void (*fn)(void *user, mc_uuid org_id), void *user,
                                              mc_err *err);

/* ---- reading; on ctx->conn ---- */

/** Zero is "the default" in every field. */
typedef struct mc_eventlog_filter {
    mc_str types[MC_EVENTLOG_FILTERS_MAX]; /* any of them; none: all */
    size_t type_count;
    mc_event_tag tags[MC_EVENTLOG_TAGS_MAX]; /* all of them */
    size_t tag_count;
} mc_eventlog_filter;

typedef struct mc_eventlog_cursor {
    int64_t last_sequence; /* what to ask for next time */
    bool has_more;
    bool is_gap;             /* events behind the cursor that was given were pruned */
    int64_t oldest_sequence; /* that is kept; one more than the newest when none is */
    int64_t newest_sequence;
} mc_eventlog_cursor;

/** One event, borrowed for the call; its failure ends the query. */
typedef mc_code (*mc_event_fn)(void *user, const mc_event *event, mc_err *err);

/**
 * Shows org's events with numbers above after, oldest first, of one snapshot.
 *
 * limit   <= 0: MC_EVENTLOG_LIMIT; more than MC_EVENTLOG_LIMIT_MAX is that
 * filter  NULL: all
 * At most MC_EVENTLOG_WINDOW events are looked at: has_more with few or none in it is possible, and
 * last_sequence goes on all the same.
 */
MC_API MC_MUST_USE mc_code mc_eventlog_query(mc_eventlog *self, mc_ctx *ctx, mc_uuid org_id,
                                             int64_t after, const mc_eventlog_filter *filter,
                                             int64_t limit, mc_event_fn each, void *user,
                                             mc_eventlog_cursor *out, mc_err *err);

/** The event as the API shows it. */
MC_API void mc_event_write(const mc_event *event, mc_buf *out);

/* ---- forgetting ---- */

/**
 * Deletes up to max of org's events older than before, in ctx->conn's transaction. Never one whose
 * predecessor stays, nor one that a cursor in outbox_cursors stands before; numbers are not given
 * again.
 */
MC_API MC_MUST_USE mc_code mc_eventlog_prune(mc_eventlog *self, mc_ctx *ctx, mc_uuid org_id,
                                             mc_time before, int64_t max, int64_t *out_deleted,
                                             mc_err *err);

/* ---- HTTP ---- */

/** Under /api; borrowed, for self's life. */
MC_API const mc_http_route *mc_eventlog_routes(mc_eventlog *self, size_t *out_count);
/** Rights may have changed: who has a stream is looked at again. Any thread. */
MC_API void mc_eventlog_recheck(mc_eventlog *self);
MC_API size_t mc_eventlog_stream_count(mc_eventlog *self);

MC_END_DECLS
#endif
