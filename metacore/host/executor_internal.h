/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HOST_EXECUTOR_INTERNAL_H
#define METACORE_HOST_EXECUTOR_INTERNAL_H

#include "metacore/base/pool.h"
#include "metacore/base/sync.h"
#include "metacore/host/executor.h"
#include "metacore/idempotency/idempotency.h"

/* Long requests of one organization (of strangers: of one address) that wait or run. */
typedef struct mc__long_count {
    mc_uuid owner;
    unsigned count;
} mc__long_count;

#define MC__ASK_WORKERS 12

/* Threads that wait for the hooks of one organization's writes. */
typedef struct mc__ask_count {
    mc_uuid org_id;
    unsigned running; /* 0: the slot is free */
} mc__ask_count;

/* The writes of one batch of requests; its loop thread's own. */
typedef struct mc__batch {
    mc_db_job *first, **last;
    int64_t since_us;
} mc__batch;

struct mc_executor {
    mc_executor_config config;
    mc_db_dialect dialect;
    mc_pool *pool;
    mc_pool *long_pool;
    mc_pool *ask_pool;
    unsigned long_max_per_org;
    unsigned loop_count;
    mc_db_conn **loop_conns; /* [loop], each its loop thread's own */
    mc__batch *batches;      /* [loop], likewise */
    mc_mutex mu;
    mc__long_count *long_counts; /* guarded by mu; one slot for each that may wait or run */
    unsigned long_slots;
    mc__ask_count ask_counts[MC__ASK_WORKERS]; /* guarded by mu, as both below */
    struct mc__work *ask_first;                /* those that wait, the oldest first */
    unsigned ask_waiting;
};

/* One request on its way; lives in its exchange's arena. */
typedef struct mc__work {
    mc_executor *self;
    mc_exchange *x;
    mc_http_req req;
    mc_http_res res;
    mc_err err;
    int64_t started_us;
    uint64_t sent_bytes; /* of the body */
    bool is_identified;  /* who, language and prepare are done */
    bool is_long_counted;
    mc_idempotency_claim *claim; /* NULL: the request brings no key */
    bool is_replayed;
    struct mc__work *ask_next; /* the executor's, while it waits for its hooks' turn */
    union {
        mc_job pool;
        mc_db_job writer;
    } job;
} mc__work;

/* executor.c */
/* What every answer carries, last of all. */
void mc__work_seal(mc__work *w);
/* Ends the request with res, or with err when rc is not MC_OK. */
void mc__work_finish(mc__work *w, mc_code rc);
mc_code mc__work_prepare(mc__work *w);
/* On a pool thread: binds its connection, prepares, handles. */
mc_code mc__work_run(mc__work *w);
void mc__worker_stop(void *user);

/* executor_ask.c */
/* On a pool thread, whose connection is bound: fn on the writer, asked about as often as needed. */
mc_code mc__work_write(mc__work *w, mc_db_fn fn);
/* What the writer has undone, to ask about it. */
void mc__ask_submit(mc__work *w);
mc_code mc__ask_new(mc_executor *self, mc_err *err);

/* executor_idempotency.c */
/* Reads w's key, if its route heeds any, once who asks is known and may; a body in a file is read.
 */
mc_code mc__work_claim(mc__work *w);
/* Claim, handle and the answer to keep in the transaction that w is in. */
mc_code mc__work_handle_once(mc__work *w, mc_http_fn handle);
/* The same with transactions of their own before and after; on a pool thread. */
mc_code mc__work_run_once(mc__work *w, mc_http_fn handle);

/* executor_record.c */
/* Counts the request and logs it, as it was answered. */
void mc__work_record(const mc__work *w);
/* Counts an answer that was given before there was a request. */
void mc__record_refusal(mc_executor *self, int status);

/* executor_long.c */
mc_code mc__long_new(mc_executor *self, mc_err *err);
void mc__long_free(mc_executor *self);
/* Counts w for its organization and queues it; is_identified, or counted once it is. */
void mc__long_submit(mc__work *w);

/* executor_stream.c: the end of a request whose body is streamed; on a pool thread */
void mc__work_stream(mc__work *w);
/* Hands w, whose answer stays open, to who pushes it; w is not touched after. False: there is no
 * stream, and w is to be answered: with *rc, or with its head. */
bool mc__work_push(mc__work *w, mc_code *rc);

#endif
