/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_NOTIFICATIONS_NOTIFY_H
#define METACORE_NOTIFICATIONS_NOTIFY_H

/**
 * notify: people told what happened, by the channels that they chose.
 *
 *   POST       /notifications/send            {event?, user_id | user_ids, vars?, channels?, lang?,
 *                                             dedup_key?, dedup_window_s?, source_*?,
 * context_ref?}; without an event {title, message, …}: notifications.create GET PUT
 * /notifications/preferences     one's own: {"preferences": [{event, channel, enabled}]}, event "*"
 * for all that is not named, enabled null for what the event says GET /notifications/channels that
 * there are and for holders of notifications.manage, each of their own organization: GET
 * /notifications/queue           ?status=&channel=&event=&before=<id>&limit= GET
 * /notifications/queue/stats GET        /notifications/queue/:id POST
 * /notifications/queue/:id/cancel    of one that waits POST       /notifications/queue/:id/requeue
 * of one that failed or was cancelled GET        /notifications/templates PUT DELETE
 * /notifications/templates/:event    ?lang=; the organization's own words POST
 * /notifications/templates/:event/preview   {vars, lang?}
 *
 * An event ("helpdesk.assigned") has a template, in any number of languages: a host's own (added
 * before the start), an addon's (its manifest's "notifications"), or the organization's, which is
 * taken before both. It is rendered for each channel as that one needs it (template.h), when it is
 * sent; then each receiver and channel is an entry of the queue, written in the caller's
 * transaction with a job of the outbox that delivers it. What was committed is delivered at least
 * once, after a kill too: by the inbox and push exactly once, by mail once more when the process
 * ended between the server's answer and our writing it down, with the same Message-ID. A failure is
 * tried again after a pause that doubles, with jitter; after max_attempts, or at once when it is
 * final, the entry is failed and waits for somebody to requeue it.
 *
 * While an entry with a dedup_key is young (dedup_window_s) and neither failed nor cancelled, its
 * organization takes no other of that key; there is a unique index for it. Without a key it is the
 * event, channel, target and all that is said: the same said twice within a minute is said once.
 *
 * Tables:   notification_queue_entries, notification_templates, notification_preferences.
 * Not here: the inbox's own routes (notifications.h), mail servers (security/smtp_client.h).
 * Threads:  thread-safe once the outbox is started; channels and templates are added before.
 */

#include "metacore/base/ctx.h"
#include "metacore/base/json.h"
#include "metacore/db/db.h"
#include "metacore/httpx/httpx.h"
#include "metacore/log/log.h"
#include "metacore/notifications/notifications.h"
#include "metacore/outbox/outbox.h"
#include "metacore/push/push.h"
#include "metacore/security/smtp_client.h"

MC_BEGIN_DECLS

#define MC_NOTIFY_CHANNELS_MAX 16
#define MC_NOTIFY_CHANNEL_MAX 50    /* bytes of a name: lower case, digits, - _ */
#define MC_NOTIFY_EVENT_MAX 100     /* bytes: lower case, digits, . - _ */
#define MC_NOTIFY_TARGET_MAX 255    /* bytes */
#define MC_NOTIFY_SUBJECT_MAX 200   /* characters; the rest is cut */
#define MC_NOTIFY_MESSAGE_MAX 4000  /* characters, of what a template makes for the inbox */
#define MC_NOTIFY_RECEIVERS_MAX 500 /* of one call */
#define MC_NOTIFY_OPEN_MAX 20000    /* entries of an organization that wait */
#define MC_NOTIFY_TEMPLATES_MAX 500 /* of an organization, and of a host */
#define MC_NOTIFY_ATTEMPTS 8
#define MC_NOTIFY_DEDUP_WINDOW_S 60
#define MC_NOTIFY_DEDUP_WINDOW_MAX_S 2592000
#define MC_NOTIFY_ERROR_MAX 500            /* bytes, whole characters */
#define MC_NOTIFY_MESSAGE "kernel.message" /* the event without words of its own */

typedef struct mc_notify mc_notify;

/* ---- channels ---- */

/** What a channel delivers. */
typedef struct mc_notify_entry {
    mc_uuid id;      /* the same at every attempt */
    mc_uuid user_id; /* nil: target alone says who */
    mc_str event, channel, target;
    mc_str subject, message, html; /* html may be empty */
    mc_str data;                   /* a JSON object: link, icon, image, type, metadata */
    mc_str source_type, source_name, context_ref, handler_hint;
    mc_uuid source_id; /* nil: none */
    int64_t attempt;   /* from 1 */
    mc_time created_at;
} mc_notify_entry;

/** Implementations are thread-safe. */
typedef struct mc_notify_channel_vt {
    uint32_t struct_size;
    /**
     * Required. One attempt, for ctx's organization. MC_OK: delivered. REJECTED: it never will be.
     * Anything else: again later, no sooner than ctx->retry_after_s if that is set. Its message is
     * kept, shown to administrators and logged: it names nobody.
     */
    mc_code (*deliver)(void *self, mc_ctx *ctx, const mc_notify_entry *entry, mc_err *err);
    /** Optional: whether a user is reached by it, and where; else by everybody's id. On ctx->conn.
     *  *out empty: not at all, and no entry is made. */
    mc_code (*locate)(void *self, mc_ctx *ctx, mc_uuid user_id, mc_str *out, mc_err *err);
    void (*stop)(void *self); /* optional: attempts under way end soon */
    void (*free)(void *self); /* optional */
} mc_notify_channel_vt;

typedef struct mc_notify_channel { /* by value */
    const mc_notify_channel_vt *vt;
    void *self;
    mc_str name;         /* copied by mc_notify_add_channel */
    bool in_transaction; /* deliver writes in ctx->conn, and is done exactly when that commits */
    unsigned at_once;    /* attempts in this process, at most; 0: 4 */
} mc_notify_channel;

/** Into the bell's list: "inbox". */
MC_API mc_notify_channel mc_notify_inbox(mc_notifications *inbox);
/** To the browsers of a user: "push"; sent means handed to push's own queue. */
MC_API mc_notify_channel mc_notify_push(mc_push *push);

/** Zero is "the default" in every field; strings are copied. */
typedef struct mc_notify_email_config {
    uint32_t struct_size;
    mc_smtp_client_config smtp; /* url required */
    mc_str from;                /* required: "Name <address>" */
    mc_str public_url;          /* before links that are paths; empty: those are left out */
} mc_notify_email_config;
#define MC_NOTIFY_EMAIL_CONFIG .struct_size = sizeof(mc_notify_email_config)

/** Mail to a user's address, or to an entry's target: "email". Errors: INVALID naming the field. */
MC_API MC_MUST_USE mc_code mc_notify_email_new(const mc_notify_email_config *config,
                                               mc_notify_channel *out, mc_err *err);

/* ---- the service ---- */

/** Zero is "the default" in every field. */
typedef struct mc_notify_config {
    uint32_t struct_size;
    mc_db *db;         /* required; borrowed, as both below */
    mc_outbox *outbox; /* required, not started */
    /** Required. MC_OK when ctx's principal holds capability. */
    mc_code (*check)(void *user, mc_ctx *ctx, mc_str capability, mc_err *err);
    void *check_user;
    mc_log *log; /* NULL: silent */
    mc_clock clock;
    int64_t retry_base_ms;     /* the first pause; 0: 30000 */
    int64_t retry_max_ms;      /* the longest; 0: one hour */
    int64_t max_attempts;      /* of entries that say nothing; 0: MC_NOTIFY_ATTEMPTS */
    int64_t retention_s;       /* of entries that are over; 0: 30 days */
    int64_t inbox_retention_s; /* of notifications in the inbox; 0: 180 days */
    /** Told of every attempt, on any thread. NULL: nobody listens. */
    void (*on_attempt)(void *user, mc_str channel, bool has_succeeded);
    void *on_attempt_user;
} mc_notify_config;
#define MC_NOTIFY_CONFIG .struct_size = sizeof(mc_notify_config)

MC_API MC_MUST_USE mc_code mc_notify_new(const mc_notify_config *config, mc_notify **out,
                                         mc_err *err);
/** Taken, also on failure. Before the outbox starts. Errors: INVALID, LIMIT; CONFLICT: a name
 *  twice. */
MC_API MC_MUST_USE mc_code mc_notify_add_channel(mc_notify *self, const mc_notify_channel *channel,
                                                 mc_err *err);
/** Attempts under way end soon: before the outbox is stopped. */
MC_API void mc_notify_stop(mc_notify *self);
/** After the outbox. */
MC_API void mc_notify_free(mc_notify *self);

/* ---- templates ---- */

typedef struct mc_notify_template {
    mc_str event;
    mc_str lang;    /* a language tag; empty: for whoever has no other */
    mc_str label;   /* for the page of preferences; empty: event */
    mc_str title;   /* required: the subject, one line */
    mc_str message; /* text */
    mc_str html;    /* of a mail; empty: made of message */
    mc_str link;    /* a path of the application, or https; empty: none */
    mc_str icon;
    mc_str type;       /* info, success, warning, error; empty: info */
    mc_strs channels;  /* by default; none: inbox and push */
    bool is_mandatory; /* nobody's preference switches its channels off */
} mc_notify_template;

/** A host's own, for every organization; copied. Before the outbox starts. Errors: INVALID naming
 *  the field. CONFLICT: an event and language twice. LIMIT. */
MC_API MC_MUST_USE mc_code mc_notify_add_template(mc_notify *self, const mc_notify_template *t,
                                                  mc_err *err);
/** An addon's, for ctx's organization, in ctx->conn's transaction, instead of those it had before;
 *  events begin with "<addon_key>.". none: they go. Errors: INVALID naming the event. LIMIT. */
MC_API MC_MUST_USE mc_code mc_notify_put_addon(mc_notify *self, mc_ctx *ctx, mc_str addon_key,
                                               const mc_notify_template *items, size_t count,
                                               mc_err *err);
/** A manifest's "notifications" as templates: [{key, lang?, label?, title, message?, html?, link?,
 *  icon?, type?, channels?, mandatory?}]. Errors: INVALID naming what. */
MC_API MC_MUST_USE mc_code mc_notify_read_templates(const mc_json *list, mc_str addon_key,
                                                    mc_arena *arena, mc_notify_template **out,
                                                    size_t *out_count, mc_err *err);

/* ---- sending ---- */

/** Zero is "the default" in every field. */
typedef struct mc_notify_input {
    mc_str event; /* empty: MC_NOTIFY_MESSAGE, of vars title, message, link, icon, type */
    const mc_uuid *user_ids;
    size_t user_count;
    const mc_json *vars;    /* an object, or NULL */
    mc_strs channels;       /* instead of the template's; preferences hold all the same */
    mc_str lang;            /* the receivers'; empty: of who has no other */
    mc_str dedup_key;       /* for each receiver and channel */
    int64_t dedup_window_s; /* 0: MC_NOTIFY_DEDUP_WINDOW_S */
    mc_str source_type, source_name, context_ref;
    mc_uuid source_id;
} mc_notify_input;

typedef struct mc_notify_result {
    int64_t queued;
    int64_t deduplicated;
    int64_t skipped; /* switched off by the receiver, or not reached by the channel */
} mc_notify_result;

/**
 * Tells users of ctx's organization, in ctx->conn's transaction.
 *
 * Errors  REJECTED with field errors: event, user_ids, channels. TOO_MANY: MC_NOTIFY_OPEN_MAX wait.
 */
MC_API MC_MUST_USE mc_code mc_notify_send(mc_notify *self, mc_ctx *ctx, const mc_notify_input *in,
                                          mc_notify_result *out, mc_err *err);

/** One entry as it is, past templates and preferences. Zero is "the default" in every field. */
typedef struct mc_notify_raw {
    mc_str event;   /* empty: MC_NOTIFY_MESSAGE */
    mc_str channel; /* required; one that is not there fails the entry */
    mc_str target;
    mc_str subject;
    mc_str message; /* required */
    mc_str html;
    mc_str data; /* a JSON object's text */
    mc_uuid user_id;
    mc_str source_type, source_name, context_ref, handler_hint;
    mc_uuid source_id;
    mc_str dedup_key;
    int64_t dedup_window_s;
    int64_t max_attempts; /* 0: the config's */
} mc_notify_raw;

/** In ctx->conn's transaction, for ctx's organization. out_id (may be NULL) is of the entry that
 *  holds the key when *out_deduplicated. How many wait is mc_notify_send's to look at. Errors:
 *  INVALID: no channel, no message, a length. */
MC_API MC_MUST_USE mc_code mc_notify_enqueue(mc_notify *self, mc_ctx *ctx, const mc_notify_raw *in,
                                             mc_uuid *out_id, bool *out_deduplicated, mc_err *err);

/** Its key when there is none given: 32 hexadecimal digits of SHA-256. */
MC_API MC_MUST_USE mc_code mc_notify_dedup_key(mc_str event, mc_str channel, mc_str target,
                                               mc_str message, char out[32], mc_err *err);

/** Entries that wait, of all organizations, and since when the oldest does (0: none). */
MC_API MC_MUST_USE mc_code mc_notify_depth(mc_notify *self, mc_ctx *ctx, int64_t *out_open,
                                           mc_time *out_oldest, mc_err *err);

/** Under /api; borrowed, for self's life. */
MC_API const mc_http_route *mc_notify_routes(mc_notify *self, size_t *out_count);

MC_END_DECLS
#endif
