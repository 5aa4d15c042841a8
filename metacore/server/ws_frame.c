/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/server/ws_internal.h"

#include "metacore/base/utf8.h"

#include <stdlib.h>

/* ---- UTF-8 in pieces ---- */

static bool utf8_start(mc__utf8_state *s, unsigned char c)
{
    s->low = 0x80;
    s->high = 0xbf;
    if (c < 0x80)
        return true;
    if (c >= 0xc2 && c <= 0xdf) {
        s->needed = 1;
    } else if (c >= 0xe0 && c <= 0xef) {
        s->needed = 2;
        if (c == 0xe0)
            s->low = 0xa0; /* else overlong */
        else if (c == 0xed)
            s->high = 0x9f; /* else a surrogate */
    } else if (c >= 0xf0 && c <= 0xf4) {
        s->needed = 3;
        if (c == 0xf0)
            s->low = 0x90; /* else overlong */
        else if (c == 0xf4)
            s->high = 0x8f; /* else beyond U+10FFFF */
    } else {
        return false;
    }
    return true;
}

bool mc__utf8_feed(mc__utf8_state *s, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (s->needed == 0) {
            if (!utf8_start(s, c))
                return false;
            continue;
        }
        if (c < s->low || c > s->high)
            return false;
        s->needed--;
        s->low = 0x80;
        s->high = 0xbf;
    }
    return true;
}

/* ---- in ---- */

static mc__ws_event broken(int code, const char *why)
{
    return (mc__ws_event){.kind = MC__WS_BROKEN, .code = code, .why = why};
}

static const mc__ws_event fine = {.kind = MC__WS_MORE};

static bool is_control(int opcode)
{
    return opcode >= MC__WS_OP_CLOSE;
}

/* The first two bytes tell all that can be wrong but the length. */
static mc__ws_event check_start(mc__ws_parser *self)
{
    int opcode = self->head[0] & 0x0f;
    bool is_final = (self->head[0] & 0x80) != 0;

    if (self->head[0] & 0x70)
        return broken(MC_CLOSE_PROTOCOL, "reserved bits");
    if ((opcode > MC__WS_OP_BINARY && opcode < MC__WS_OP_CLOSE) || opcode > MC__WS_OP_PONG)
        return broken(MC_CLOSE_PROTOCOL, "reserved opcode");
    if (!(self->head[1] & 0x80))
        return broken(MC_CLOSE_PROTOCOL, "unmasked frame");
    if (is_control(opcode) && (!is_final || (self->head[1] & 0x7f) > MC__WS_CONTROL_MAX))
        return broken(MC_CLOSE_PROTOCOL, "fragmented or long control frame");
    if (opcode == MC__WS_OP_CONTINUE && !self->message_opcode)
        return broken(MC_CLOSE_PROTOCOL, "continuation of nothing");
    if ((opcode == MC__WS_OP_TEXT || opcode == MC__WS_OP_BINARY) && self->message_opcode)
        return broken(MC_CLOSE_PROTOCOL, "a message within a message");
    self->opcode = (unsigned char)opcode;
    self->is_final = is_final;
    return fine;
}

static size_t head_size(const mc__ws_parser *self)
{
    int len = self->head[1] & 0x7f;

    return 2 + (len == 126 ? 2u : len == 127 ? 8u : 0u) + 4;
}

static mc__ws_event take_length(mc__ws_parser *self)
{
    unsigned len = self->head[1] & 0x7fu;
    size_t extra = len == 126 ? 2 : len == 127 ? 8 : 0;
    uint64_t value = len;

    if (extra) {
        value = 0;
        for (size_t i = 0; i < extra; i++)
            value = value << 8 | self->head[2 + i];
        if ((extra == 2 && value < 126) || (extra == 8 && (value <= 0xffff || value >> 63)))
            return broken(MC_CLOSE_PROTOCOL, "length not in its shortest form");
    }
    if (!is_control(self->opcode) && value > (uint64_t)self->max - self->message_len)
        return broken(MC_CLOSE_TOO_BIG, "message too big");
    self->left = value;
    return fine;
}

/* Takes bytes of the head; in_payload is set when it is whole. */
static mc__ws_event read_head(mc__ws_parser *self, char **at, const char *end)
{
    mc__ws_event event = fine;

    while (*at < end && !self->in_payload && event.kind != MC__WS_BROKEN) {
        self->head[self->head_len++] = (unsigned char)*(*at)++;
        if (self->head_len == 2)
            event = check_start(self);
        if (event.kind == MC__WS_BROKEN || self->head_len < 2 || self->head_len < head_size(self))
            continue;
        event = take_length(self);
        memmove(self->head, self->head + self->head_len - 4, 4); /* the mask */
        self->head_len = 0;
        self->mask_at = 0;
        self->in_payload = true;
        if (!is_control(self->opcode) && self->opcode != MC__WS_OP_CONTINUE) {
            self->message_opcode = self->opcode;
            self->utf8 = (mc__utf8_state){0};
        }
    }
    return event;
}

static void unmask(mc__ws_parser *self, char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)((unsigned char)bytes[i] ^ self->head[(self->mask_at + i) & 3]);
    self->mask_at = (unsigned char)((self->mask_at + len) & 3);
}

bool mc__ws_is_close_code(int code)
{
    if (code >= 3000 && code <= 4999)
        return true;
    return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006);
}

static mc__ws_event closing(mc_str payload)
{
    mc__ws_event event = {.kind = MC__WS_CLOSE, .code = MC_CLOSE_NO_CODE};
    mc__utf8_state utf8 = {0};

    if (payload.len == 0)
        return event;
    if (payload.len == 1)
        return broken(MC_CLOSE_PROTOCOL, "half a close code");
    event.code = (unsigned char)payload.ptr[0] << 8 | (unsigned char)payload.ptr[1];
    event.payload = mc_str_slice(payload, 2, payload.len);
    if (!mc__ws_is_close_code(event.code))
        return broken(MC_CLOSE_PROTOCOL, "close code that may not be sent");
    if (!mc__utf8_feed(&utf8, event.payload.ptr, event.payload.len) || utf8.needed)
        return broken(MC_CLOSE_NOT_UTF8, "reason is not UTF-8");
    return event;
}

static mc__ws_event control_event(const mc__ws_parser *self, mc_str payload)
{
    if (self->opcode == MC__WS_OP_CLOSE)
        return closing(payload);
    return (mc__ws_event){.kind = self->opcode == MC__WS_OP_PING ? MC__WS_PING : MC__WS_PONG,
                          .payload = payload};
}

static mc__ws_event read_control(mc__ws_parser *self, char *bytes, size_t n)
{
    bool is_over = self->left == 0;

    if (is_over && !self->control) { /* it came whole */
        self->in_payload = false;
        return control_event(self, mc_str_of(bytes, n));
    }
    if (!self->control) {
        self->control = malloc(MC__WS_CONTROL_MAX);
        if (!self->control)
            return broken(MC_CLOSE_INTERNAL, "out of memory");
        self->control_len = 0;
    }
    memcpy(self->control + self->control_len, bytes, n);
    self->control_len = (unsigned char)(self->control_len + n);
    if (!is_over)
        return fine;
    self->in_payload = false;
    self->is_given = true;
    return control_event(self, mc_str_of(self->control, self->control_len));
}

static bool keep(mc__ws_parser *self, const char *bytes, size_t n)
{
    size_t wanted = self->message_len + n;

    if (wanted > self->max)
        return false; /* cannot be: the frames' heads were checked */
    if (wanted > self->message_cap) {
        /* What the frame still brings is known, and within max. */
        size_t cap = wanted + (size_t)self->left;
        char *grown;

        if (cap < 2 * (size_t)self->message_cap)
            cap = 2 * (size_t)self->message_cap;
        if (cap > self->max)
            cap = self->max;
        grown = realloc(self->message, cap);
        if (!grown)
            return false;
        self->message = grown;
        self->message_cap = (uint32_t)cap;
    }
    if (n)
        memcpy(self->message + self->message_len, bytes, n);
    self->message_len = (uint32_t)wanted;
    return true;
}

static mc__ws_event read_data(mc__ws_parser *self, char *bytes, size_t n)
{
    mc__ws_kind kind = self->message_opcode == MC__WS_OP_TEXT ? MC__WS_TEXT : MC__WS_BINARY;
    bool is_over = self->left == 0 && self->is_final;

    if (kind == MC__WS_TEXT &&
        (!mc__utf8_feed(&self->utf8, bytes, n) || (is_over && self->utf8.needed)))
        return broken(MC_CLOSE_NOT_UTF8, "text is not UTF-8");
    if (self->left == 0)
        self->in_payload = false;
    if (is_over)
        self->message_opcode = 0;
    if (is_over && self->message_len == 0) /* it came whole */
        return (mc__ws_event){.kind = kind, .payload = mc_str_of(bytes, n)};
    if (!keep(self, bytes, n))
        return broken(MC_CLOSE_INTERNAL, "out of memory");
    if (!is_over)
        return fine;
    self->is_given = true;
    return (mc__ws_event){.kind = kind, .payload = mc_str_of(self->message, self->message_len)};
}

/* An event's memory, once nobody looks at it any more. A control frame may have come within a
 * message, whose beginning stays. */
static void forget_given(mc__ws_parser *self)
{
    if (!self->is_given)
        return;
    self->is_given = false;
    if (self->control) {
        free(self->control);
        self->control = NULL;
        return;
    }
    free(self->message);
    self->message = NULL;
    self->message_len = self->message_cap = 0;
}

mc__ws_event mc__ws_read(mc__ws_parser *self, char **at, char *end)
{
    mc__ws_event event = fine;

    forget_given(self);
    while (event.kind == MC__WS_MORE && (*at < end || (self->in_payload && self->left == 0))) {
        char *bytes;
        size_t n;

        if (!self->in_payload) {
            event = read_head(self, at, end);
            continue;
        }
        bytes = *at;
        n = (uint64_t)(end - bytes) < self->left ? (size_t)(end - bytes) : (size_t)self->left;
        unmask(self, bytes, n);
        *at += n;
        self->left -= n;
        event = is_control(self->opcode) ? read_control(self, bytes, n) : read_data(self, bytes, n);
    }
    return event;
}

void mc__ws_parser_deinit(mc__ws_parser *self)
{
    free(self->message);
    free(self->control);
    *self = (mc__ws_parser){.max = self->max};
}

/* ---- out ---- */

mc_frame *mc__frame_make(int opcode, mc_str payload)
{
    size_t extra = payload.len < 126 ? 0 : payload.len <= 0xffff ? 2 : 8;
    mc_frame *frame;

    if (payload.len > UINT32_MAX - MC__WS_HEAD_MAX)
        return NULL;
    frame = malloc(sizeof(*frame) + 2 + extra + payload.len);
    if (!frame)
        return NULL;
    atomic_init(&frame->refs, 1);
    frame->len = (uint32_t)(2 + extra + payload.len);
    frame->bytes[0] = (unsigned char)(0x80 | opcode);
    frame->bytes[1] = (unsigned char)(extra == 0 ? payload.len : extra == 2 ? 126 : 127);
    for (size_t i = 0; i < extra; i++)
        frame->bytes[2 + i] = (unsigned char)(payload.len >> (8 * (extra - 1 - i)));
    if (payload.len)
        memcpy(frame->bytes + 2 + extra, payload.ptr, payload.len);
    return frame;
}

mc_frame *mc__frame_close(int code, mc_str reason)
{
    char payload[MC__WS_CONTROL_MAX];

    if (code == MC_CLOSE_NO_CODE)
        return mc__frame_make(MC__WS_OP_CLOSE, MC_STR(""));
    reason = mc_utf8_truncate(reason, sizeof(payload) - 2);
    payload[0] = (char)(code >> 8);
    payload[1] = (char)(code & 0xff);
    if (reason.len)
        memcpy(payload + 2, reason.ptr, reason.len);
    return mc__frame_make(MC__WS_OP_CLOSE, mc_str_of(payload, 2 + reason.len));
}

mc_code mc_frame_new(mc_str text, mc_frame **out, mc_err *err)
{
    mc_frame *frame = mc__frame_make(MC__WS_OP_TEXT, text);

    if (!frame)
        return mc_fail(err, MC_NO_MEMORY, "socket: frame of %zu bytes", text.len);
    *out = frame;
    return MC_OK;
}

mc_frame *mc_frame_ref(mc_frame *frame)
{
    atomic_fetch_add_explicit(&frame->refs, 1, memory_order_relaxed);
    return frame;
}

void mc_frame_unref(mc_frame *frame)
{
    if (frame && atomic_fetch_sub_explicit(&frame->refs, 1, memory_order_acq_rel) == 1)
        free(frame);
}
