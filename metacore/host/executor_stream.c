/* SPDX-License-Identifier: Apache-2.0 */
/* A response's body on its way from the function that writes it to the server's stream. */
#include "metacore/host/executor_internal.h"

#include "metacore/server/stream.h"

/* So much is held back: a body that fits is an ordinary answer with its length, and a failure
 * before that can still be answered as one. */
#define HELD_BYTES ((size_t)32 << 10)

typedef struct outlet {
    mc__work *w;
    mc_stream *stream; /* NULL: nothing has left yet */
    mc_buf held;
} outlet;

static mc_code open_stream(outlet *out, mc_err *err)
{
    mc__work *w = out->w;
    mc_stream_config config = {MC_STREAM_CONFIG, .has_length = w->res.has_length,
                               .length = w->res.length};
    mc_answer head;

    mc__work_seal(w);
    head = mc_http_res_answer(&w->res);
    return mc_exchange_stream(w->x, &head, &config, &out->stream, err);
}

static mc_code outlet_write(void *self, mc_str bytes, mc_err *err)
{
    outlet *out = self;
    mc_code rc = MC_OK;

    if (!out->stream && bytes.len <= HELD_BYTES - out->held.len) {
        mc_buf_str(&out->held, bytes);
        return mc_buf_check(&out->held, "response", err);
    }
    if (!out->stream)
        rc = open_stream(out, err);
    if (rc == MC_OK && out->held.len > 0)
        rc = mc_stream_write(out->stream, mc_buf_get(&out->held), err);
    if (rc == MC_OK)
        out->w->sent_bytes += out->held.len;
    mc_buf_clear(&out->held);
    if (rc == MC_OK)
        rc = mc_stream_write(out->stream, bytes, err);
    if (rc == MC_OK)
        out->w->sent_bytes += bytes.len;
    return rc;
}

static void answer_held(outlet *out)
{
    mc__work *w = out->w;

    w->res.stream = NULL;
    w->res.body = out->held; /* the arena's, like the response's own */
    mc__work_finish(w, MC_OK);
}

/* The head alone, as it would have been. */
static void answer_head(outlet *out)
{
    mc_code rc = open_stream(out, &out->w->err);

    if (rc != MC_OK) {
        mc__work_finish(out->w, rc);
        return;
    }
    mc__work_record(out->w);
    mc_stream_finish(out->stream);
}

void mc__work_stream(mc__work *w)
{
    outlet out = {.w = w};
    mc_code rc = mc_http_res_finish(&w->res, &w->err);

    mc_buf_init_arena(&out.held, w->req.ctx.arena, HELD_BYTES);
    if (rc == MC_OK && w->req.message->is_head) {
        answer_head(&out);
        return;
    }
    if (rc == MC_OK)
        rc = w->res.stream(&w->req, (mc_sink){outlet_write, &out}, w->res.stream_user, &w->err);
    if (!out.stream && rc == MC_OK) {
        answer_held(&out);
    } else if (!out.stream) {
        mc__work_finish(w, rc);
    } else {
        w->err.code = rc;
        mc__work_record(w);
        if (rc == MC_OK)
            mc_stream_finish(out.stream);
        else
            mc_stream_abort(out.stream);
    }
}

bool mc__work_push(mc__work *w, mc_code *rc)
{
    const mc_http_push *push = w->res.push;
    mc_stream *stream;
    mc_answer head;

    w->res.push = NULL;
    if (*rc == MC_OK && !w->req.message->is_head) {
        mc__work_seal(w);
        head = mc_http_res_answer(&w->res);
        *rc = mc_exchange_stream(w->x, &head, &push->config, &stream, &w->err);
        if (*rc == MC_OK) {
            mc__work_record(w); /* before anybody may finish it */
            push->opened(push->user, stream);
            return true;
        }
    }
    push->failed(push->user);
    return false;
}
