/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/server/http1_internal.h"

const char *mc__http1_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {206, "Partial Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {416, "Range Not Satisfiable"},
        {417, "Expectation Failed"},
        {422, "Unprocessable Content"},
        {426, "Upgrade Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };

    for (size_t i = 0; i < MC_LEN(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return ""; /* RFC 9112 section 4: the phrase may be empty */
}

bool mc__http1_is_bodyless(int status)
{
    return status == 204 || status == 304 || status < 200;
}

/* A value that could end its line would let a stranger write our headers: left out. */
static bool is_safe(mc_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];

        if (c == '\r' || c == '\n' || c == '\0')
            return false;
    }
    return true;
}

static void write_field(mc_buf *out, mc_str name, mc_str value)
{
    mc_buf_str(out, name);
    mc_buf_lit(out, ": ");
    mc_buf_str(out, value);
    mc_buf_lit(out, "\r\n");
}

static int write_start(mc_buf *out, const mc_answer *answer, mc_str date, mc_str server_name)
{
    int status = answer->status >= 100 && answer->status <= 999 ? answer->status : 500;

    mc_buf_lit(out, "HTTP/1.1 ");
    mc_buf_u64(out, (uint64_t)status);
    mc_buf_char(out, ' ');
    mc_buf_str(out, mc_z(mc__http1_reason(status)));
    mc_buf_lit(out, "\r\nDate: ");
    mc_buf_str(out, date);
    mc_buf_lit(out, "\r\n");
    if (server_name.len)
        write_field(out, MC_STR("Server"), server_name);
    for (size_t i = 0; i < answer->header_count; i++) {
        if (is_safe(answer->headers[i].name) && is_safe(answer->headers[i].value))
            write_field(out, answer->headers[i].name, answer->headers[i].value);
    }
    return status;
}

static void write_length(mc_buf *out, uint64_t length)
{
    mc_buf_lit(out, "Content-Length: ");
    mc_buf_u64(out, length);
    mc_buf_lit(out, "\r\n");
}

static void write_end(mc_buf *out, bool keep_alive, bool is_1_0)
{
    if (!keep_alive)
        mc_buf_lit(out, "Connection: close\r\n");
    else if (is_1_0)
        mc_buf_lit(out, "Connection: keep-alive\r\n");
    mc_buf_lit(out, "\r\n");
}

void mc__http1_write_head(mc_buf *out, const mc_answer *answer, mc_str date, mc_str server_name,
                          bool keep_alive, bool is_1_0)
{
    int status = write_start(out, answer, date, server_name);

    if (!mc__http1_is_bodyless(status))
        write_length(out, answer->body.len);
    write_end(out, keep_alive, is_1_0);
}

void mc__http1_write_stream_head(mc_buf *out, const mc_answer *answer, mc__framing framing,
                                 uint64_t length, mc_str date, mc_str server_name, bool keep_alive,
                                 bool is_1_0)
{
    (void)write_start(out, answer, date, server_name);
    if (framing == MC__FRAMING_LENGTH)
        write_length(out, length);
    if (framing == MC__FRAMING_CHUNKED)
        mc_buf_lit(out, "Transfer-Encoding: chunked\r\n");
    write_end(out, keep_alive, is_1_0);
}

void mc__http1_chunk_head(char out[11], size_t len)
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < 8; i++)
        out[i] = digits[(len >> (28 - 4 * i)) & 15];
    memcpy(out + 8, "\r\n", 3);
}
