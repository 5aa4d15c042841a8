/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_NOTIFICATIONS_NOTIFY_INTERNAL_H
#define METACORE_NOTIFICATIONS_NOTIFY_INTERNAL_H

#include "metacore/notifications/notify.h"

#define MC__NOTIFY_ROUTES 13
#define MC__NOTIFY_KIND_PREFIX "notifications.via." /* and a channel's name: a kind of job */
#define MC__NOTIFY_KIND_UNKNOWN "notifications.via"
#define MC__NOTIFY_PRUNE "notifications.prune"

typedef struct mc__notify_channel {
    struct mc_notify *self;
    mc_notify_channel own; /* its name is the text below, from the last dot on */
    char kind[sizeof(MC__NOTIFY_KIND_PREFIX) + MC_NOTIFY_CHANNEL_MAX];
} mc__notify_channel;

struct mc_notify {
    mc_notify_config config;
    mc_arena *text; /* of templates */
    mc__notify_channel channels[MC_NOTIFY_CHANNELS_MAX];
    size_t channel_count;
    mc__notify_channel unknown;    /* whose entries fail */
    mc_notify_template *templates; /* the host's */
    size_t template_count;
    mc_http_route routes[MC__NOTIFY_ROUTES];
};

bool mc__notify_is_name(mc_str name, size_t max, bool with_dots);
const mc__notify_channel *mc__notify_channel_of(const mc_notify *self, mc_str name);
mc_db_value mc__notify_id(mc_uuid id); /* NULL for nil */
/* A JSON array of texts. */
bool mc__notify_texts(const mc_json *list, mc_arena *arena, mc_strs *out);
void mc__notify_write_texts(mc_buf *out, mc_strs texts);

/* notify_deliver.c: a job's run; user is an mc__notify_channel. */
mc_code mc__notify_run(void *user, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err);

/* notify_queue.c */
/* A new job for an entry. */
mc_code mc__notify_add_job(mc_notify *self, mc_ctx *ctx, mc_uuid entry_id, mc_str channel,
                           int64_t max_attempts, mc_err *err);
/* TOO_MANY: so many wait that there is no room for more. */
mc_code mc__notify_check_room(mc_notify *self, mc_ctx *ctx, mc_err *err);

/* notify_template.c */
/* What is wrong with it; INVALID naming the field. */
mc_code mc__notify_check_template(const mc_notify_template *t, mc_arena *arena, mc_err *err);
/* The words for event in lang, or nearest to it: the organization's, an addon's, the host's. */
mc_code mc__notify_find_template(mc_notify *self, mc_ctx *ctx, mc_str event, mc_str lang,
                                 mc_notify_template *out, bool *out_found, mc_err *err);
/* The columns of a SELECT whose rows mc__notify_read_template reads. */
#define MC__NOTIFY_TEMPLATE_COLUMNS                                                                \
    "event, lang, label, title, message, html, link, icon, type, channels, is_mandatory"
mc_code mc__notify_read_template(mc_db_rows *rows, mc_arena *arena, mc_notify_template *out,
                                 mc_err *err);
mc_code mc__notify_put_template(mc_ctx *ctx, mc_str addon_key, const mc_notify_template *t,
                                mc_err *err);
/* A JSON object of a template's fields; fields it lacks stay as they are. INVALID. */
mc_code mc__notify_parse_template(const mc_json *body, mc_arena *arena, mc_notify_template *out,
                                  mc_err *err);

/* notify_preference.c */
typedef enum mc__notify_choice { MC__UNSAID, MC__ON, MC__OFF } mc__notify_choice;
typedef struct mc__notify_choices {
    mc__notify_choice items[MC_NOTIFY_CHANNELS_MAX]; /* by channel */
} mc__notify_choices;
/* What a user said of event, or of all. */
mc_code mc__notify_choices_of(mc_notify *self, mc_ctx *ctx, mc_uuid user_id, mc_str event,
                              mc__notify_choices *out, mc_err *err);
/* Whether a channel is one of a template's own. */
bool mc__notify_is_default(const mc_notify_template *t, mc_str channel);
bool mc__notify_is_on(const mc_notify_template *t, mc_str channel, mc__notify_choice choice);

/* notify_render.c */
typedef struct mc__notify_words {
    mc_str subject, message, html, data;
} mc__notify_words;
/* REJECTED with field errors: no title, a link that leads nowhere good, a type there is not. */
mc_code mc__notify_render(mc_ctx *ctx, const mc_notify_template *t, const mc_json *vars,
                          mc__notify_words *out, mc_err *err);

/* notify_prune.c */
mc_code mc__notify_prune(void *user, mc_ctx *ctx, const mc_outbox_job *job, mc_err *err);

/* Routes, each file's own. */
extern const mc_http_route mc__notify_send_routes[], mc__notify_queue_routes[],
    mc__notify_template_routes[], mc__notify_preference_routes[];
extern const size_t mc__notify_send_route_count, mc__notify_queue_route_count,
    mc__notify_template_route_count, mc__notify_preference_route_count;
mc_code mc__notify_manages(mc_notify *self, mc_http_req *req, mc_err *err);

#endif
