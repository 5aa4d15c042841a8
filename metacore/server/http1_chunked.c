/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/server/http1_internal.h"

#define SIZE_DIGITS_MAX 15 /* 2^60: beyond any body, and no overflow */
#define LINE_BYTES_MAX 256 /* of a size line with its extensions */
#define TRAILER_BYTES_MAX 16384
/* A chunk's framing may cost this and twice its data; what all chunks cost above that is bounded,
 * or a small body could be made to cost its reader any amount of lines. */
#define CHUNK_FAIR_BYTES 8
#define WASTE_BYTES_MAX 16384

enum {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF
};

static mc__http1_refusal bad(const char *why)
{
    return (mc__http1_refusal){400, why};
}

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_control(unsigned char c)
{
    return (c < ' ' && c != '\t') || c == 0x7f;
}

static mc__http1_refusal size_byte(mc__chunked *self, unsigned char c)
{
    int digit = hex_value(c);

    if (++self->line_len > LINE_BYTES_MAX)
        return bad("a chunk's size line is too long");
    if (self->state == SIZE && digit >= 0) {
        if (++self->digits > SIZE_DIGITS_MAX)
            return bad("a chunk is too large");
        self->left = self->left << 4 | (uint64_t)digit;
        return (mc__http1_refusal){0, NULL};
    }
    if (self->digits == 0)
        return bad("a chunk without a size");
    if (c == '\r') {
        self->state = SIZE_LF;
    } else if (self->state == SIZE && c != ';') {
        return bad("a malformed chunk size");
    } else if (is_control(c)) {
        return bad("a control character in a chunk extension");
    } else {
        self->state = EXTENSION;
    }
    return (mc__http1_refusal){0, NULL};
}

/* Trailers are read as strictly as headers, and forgotten. */
static mc__http1_refusal trailer_byte(mc__chunked *self, unsigned char c)
{
    char one = (char)c;

    if (++self->trailer_len > TRAILER_BYTES_MAX)
        return (mc__http1_refusal){431, "the trailers are too long"};
    if (c == '\r' && self->state == TRAILER_START)
        self->state = LAST_LF;
    else if (c == '\r' && self->state == TRAILER_VALUE)
        self->state = TRAILER_LF;
    else if (self->state == TRAILER_VALUE && !is_control(c))
        return (mc__http1_refusal){0, NULL};
    else if (self->state == TRAILER_NAME && c == ':')
        self->state = TRAILER_VALUE;
    else if (self->state != TRAILER_VALUE && mc__http1_is_token(mc_str_of(&one, 1)))
        self->state = TRAILER_NAME;
    else
        return bad("a malformed trailer");
    return (mc__http1_refusal){0, NULL};
}

static mc__http1_refusal end_size(mc__chunked *self)
{
    uint64_t fair = CHUNK_FAIR_BYTES + 2 * self->left; /* no overflow: see SIZE_DIGITS_MAX */

    self->waste += self->line_len;
    self->waste -= fair < self->waste ? fair : self->waste;
    if (self->waste > WASTE_BYTES_MAX)
        return (mc__http1_refusal){413, "the chunks are out of proportion to their data"};
    if (self->left > self->room)
        return (mc__http1_refusal){413, "the body is too large"};
    self->room -= self->left;
    self->state = self->left > 0 ? DATA : TRAILER_START;
    self->line_len = 0;
    self->digits = 0;
    return (mc__http1_refusal){0, NULL};
}

/* A line feed that has to stand here, and what comes after it. */
static mc__http1_refusal want_lf(mc__chunked *self, unsigned char c)
{
    if (c != '\n')
        return bad("a line of a chunked body does not end in CRLF");
    if (self->state == SIZE_LF)
        return end_size(self);
    self->state = self->state == TRAILER_LF ? TRAILER_START : SIZE;
    return (mc__http1_refusal){0, NULL};
}

static mc__http1_refusal take_data(mc__chunked *self, mc_str *in, mc_buf *out)
{
    size_t n = self->left < in->len ? (size_t)self->left : in->len;

    mc_buf_bytes(out, in->ptr, n);
    if (mc_buf_failed(out))
        return (mc__http1_refusal){503, "out of memory"};
    *in = mc_str_slice(*in, n, in->len);
    self->left -= n;
    if (self->left == 0)
        self->state = DATA_CR;
    return (mc__http1_refusal){0, NULL};
}

mc__http1_refusal mc__chunked_read(mc__chunked *self, mc_str *in, mc_buf *out, bool *is_over)
{
    mc__http1_refusal r = {0, NULL};

    *is_over = false;
    while (in->len > 0 && r.status == 0) {
        unsigned char c = (unsigned char)in->ptr[0];

        if (self->state == DATA) {
            r = take_data(self, in, out);
            continue;
        }
        *in = mc_str_slice(*in, 1, in->len);
        switch (self->state) {
        case SIZE:
        case EXTENSION:
            r = size_byte(self, c);
            break;
        case DATA_CR:
            if (c != '\r')
                return bad("a chunk is longer than its size");
            self->state = DATA_LF;
            break;
        case TRAILER_START:
        case TRAILER_NAME:
        case TRAILER_VALUE:
            r = trailer_byte(self, c);
            break;
        case LAST_LF:
            if (c != '\n')
                return bad("a line of a chunked body does not end in CRLF");
            *is_over = true;
            return r;
        default:
            r = want_lf(self, c);
        }
    }
    return r;
}
