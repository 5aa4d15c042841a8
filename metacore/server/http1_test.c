/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/server/http1_internal.h"

#include "mc_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST "Host: x\r\n"

static const struct {
    const char *name, *head;
    int status; /* 0: accepted */
} heads[] = {
    {"the least there can be", "GET / HTTP/1.1\r\n" HOST "\r\n", 0},
    {"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 0},
    {"absolute-form", "GET http://X/a?b HTTP/1.1\r\n" HOST "\r\n", 0},
    {"absolute-form without a path", "GET https://x HTTP/1.1\r\n" HOST "\r\n", 0},
    {"absolute-form with a query for a path", "GET http://x?a=/b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"absolute-form for another host", "GET http://y/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"absolute-form with a user", "GET http://u@x/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"absolute-form without a host", "GET http:/// HTTP/1.1\r\n" HOST "\r\n", 400},
    {"absolute-form without a host in HTTP/1.0", "GET http:/// HTTP/1.0\r\n\r\n", 400},
    {"another scheme", "GET ftp://x/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"asterisk-form", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400},
    {"an empty value", "GET / HTTP/1.1\r\n" HOST "X:\r\n\r\n", 0},
    {"bytes beyond ASCII in a value", "GET / HTTP/1.1\r\n" HOST "X: \xc3\xa9\r\n\r\n", 0},
    {"a length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n", 0},
    {"chunked in any case", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: ChunKed\r\n\r\n", 0},
    {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"two Hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 400},
    {"a Host with a path", "GET / HTTP/1.1\r\nHost: x/y\r\n\r\n", 400},
    {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"length and chunked",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"two lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
     400},
    {"the same length twice",
     "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
    {"a list of lengths", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n", 400},
    {"a signed length", "POST / HTTP/1.1\r\n" HOST "Content-Length: +5\r\n\r\n", 400},
    {"an endless length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n",
     400},
    {"an unknown coding", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", 501},
    {"two codings", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"chunked twice",
     "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"a space before the colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
    {"a folded line", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 400},
    {"a name with a space", "GET / HTTP/1.1\r\n" HOST "A b: c\r\n\r\n", 400},
    {"no name", "GET / HTTP/1.1\r\n" HOST ": c\r\n\r\n", 400},
    {"no colon", "GET / HTTP/1.1\r\n" HOST "nonsense\r\n\r\n", 400},
    {"a control byte in a value", "GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", 400},
    {"a bare CR in a value", "GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", 400},
    {"DEL in a value", "GET / HTTP/1.1\r\n" HOST "X: \x7f\r\n\r\n", 400},
    {"a space in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"two spaces", "GET  / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"a tab for a space", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 400},
    {"a fragment", "GET /a#b HTTP/1.1\r\n" HOST "\r\n", 400},
    {"a target beyond ASCII", "GET /\xc3\xa9 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"no path", "GET a HTTP/1.1\r\n" HOST "\r\n", 400},
    {"authority-form", "CONNECT x:80 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"a method that is no token", "G(T / HTTP/1.1\r\n" HOST "\r\n", 400},
    {"a method without end", "GETGETGETGETGETGETGETGETGETGETGETGET / HTTP/1.1\r\n" HOST "\r\n",
     400},
    {"no version", "GET /\r\n" HOST "\r\n", 400},
    {"another version", "GET / HTTP/2.0\r\n" HOST "\r\n", 505},
    {"another protocol", "GET / HTTX/1.1\r\n" HOST "\r\n", 400},
    {"lower-case protocol", "GET / http/1.1\r\n" HOST "\r\n", 400},
    {"an unknown expectation", "POST / HTTP/1.1\r\n" HOST "Expect: tea\r\n\r\n", 417},
};

static mc__http1_refusal parse(const char *text, size_t len, mc_header *headers,
                               mc__http1_head *head, char **out_copy)
{
    *out_copy = malloc(len);
    memcpy(*out_copy, text, len);
    return mc__http1_parse(*out_copy, len, headers, head);
}

MC_TEST("a head is accepted only when it can be read in one way")
{
    mc_header headers[MC_HEADERS_MAX];
    mc__http1_head head;
    char *copy;

    for (size_t i = 0; i < MC_LEN(heads); i++) {
        MC_CASE(heads[i].name);
        MC_EXPECT_EQ(parse(heads[i].head, strlen(heads[i].head), headers, &head, &copy).status,
                     heads[i].status);
        free(copy);
    }
    MC_CASE("NUL in a value");
    MC_EXPECT_EQ(
        parse("GET / HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n", 33, headers, &head, &copy).status,
        400);
    free(copy);
}

MC_TEST("what was asked can be read from the message")
{
    static const char text[] = "POST http://x/a/b?c=d?e HTTP/1.1\r\nhOST: x\r\nX-One:  v 1 \r\n"
                               "Connection: Keep-Alive, Close\r\nContent-Length: 3\r\n\r\n";
    mc_header headers[MC_HEADERS_MAX];
    mc__http1_head head;
    size_t count;
    char *copy;

    MC_EXPECT_EQ(parse(text, sizeof(text) - 1, headers, &head, &copy).status, 0);
    MC_EXPECT_Z(head.message.method, "POST");
    MC_EXPECT_Z(head.message.path, "/a/b");
    MC_EXPECT_Z(head.message.query, "c=d?e");
    MC_EXPECT_Z(mc_message_header(&head.message, MC_STR("x-one"), &count), "v 1");
    MC_EXPECT_EQ(count, 1);
    MC_EXPECT_EQ(mc_message_header(&head.message, MC_STR("absent"), &count).len, 0);
    MC_EXPECT_EQ(count, 0);
    MC_EXPECT_EQ(head.length, 3);
    MC_EXPECT(!head.keep_alive);
    free(copy);
}

MC_TEST("more headers than there is room for are 431")
{
    static char text[16384];
    mc_header headers[MC_HEADERS_MAX];
    mc__http1_head head;
    size_t len = (size_t)snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\n");
    char *copy;

    for (int i = 0; i < MC_HEADERS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "X-%d: v\r\n", i);
    len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n");
    MC_EXPECT_EQ(parse(text, len, headers, &head, &copy).status, 431);
    free(copy);
}

MC_TEST("chunks are joined, in any pieces, or refused")
{
    static const struct {
        const char *name, *in;
        int status;
        const char *body; /* when the last chunk was read */
    } cases[] = {
        {"one chunk", "5\r\nhello\r\n0\r\n\r\n", 0, "hello"},
        {"two, with extensions", "3;a=b\r\nhel\r\n2 ; x\r\nlo\r\n0\r\n\r\n", 400, NULL},
        {"an extension", "3;a=\"b\"\r\nhel\r\n02\r\nlo\r\n0\r\n\r\n", 0, "hello"},
        {"trailers", "1\r\na\r\n0\r\nX: y\r\nZ: w\r\n\r\n", 0, "a"},
        {"hexadecimal in both cases", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", 0,
         "01234567890123456789"},
        {"a prefix", "0x1\r\na\r\n", 400, NULL},
        {"no size", "\r\n\r\n", 400, NULL},
        {"a negative size", "-1\r\n", 400, NULL},
        {"a size beyond numbers", "ffffffffffffffff\r\n", 400, NULL},
        {"a bare LF", "1\na\r\n", 400, NULL},
        {"data longer than its size", "1\r\nab\r\n", 400, NULL},
        {"data without its CRLF", "1\r\na0\r\n\r\n", 400, NULL},
        {"a trailer without a colon", "0\r\nX\r\n\r\n", 400, NULL},
        {"a trailer without a name", "0\r\n: x\r\n\r\n", 400, NULL},
        {"a trailer with a space before its colon", "0\r\nX : x\r\n\r\n", 400, NULL},
        {"a request for a trailer", "0\r\nGET /x HTTP/1.1\r\n\r\n", 400, NULL},
        {"a control byte in an extension", "1;\x01\r\na\r\n0\r\n\r\n", 400, NULL},
        {"an extension that ends in a bare LF", "1;a\na\r\n0\r\n\r\n", 400, NULL},
        {"just as much as the body may be", "20\r\n01234567890123456789012345678901\r\n0\r\n\r\n",
         0, "01234567890123456789012345678901"},
        {"one more, in two chunks", "20\r\n01234567890123456789012345678901\r\n1\r\n", 413, NULL},
        {"more than the body may be",
         "100\r\n"
         "0123456789012345678901234567890123456789",
         413, NULL},
        {"a trailer that is folded", "0\r\n x\r\n\r\n", 400, NULL},
        {"not over yet", "5\r\nhel", 0, NULL},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        for (size_t step = 1; step < 64; step += 62) {
            mc__chunked chunked = {.room = 32};
            mc__http1_refusal r = {0, NULL};
            mc_str rest = mc_z(cases[i].in);
            bool is_over = false;
            mc_buf body;

            MC_CASE(cases[i].name);
            mc_buf_init(&body, 0);
            while (rest.len && !is_over && r.status == 0) {
                mc_str part = mc_str_slice(rest, 0, step);
                size_t had = part.len;

                r = mc__chunked_read(&chunked, &part, &body, &is_over);
                rest = mc_str_slice(rest, had - part.len, rest.len);
            }
            MC_EXPECT_EQ(r.status, cases[i].status);
            MC_EXPECT_EQ(is_over, cases[i].body != NULL);
            if (cases[i].body)
                MC_EXPECT_Z(mc_buf_get(&body), cases[i].body);
            mc_buf_deinit(&body);
        }
    }
}

MC_TEST("chunks whose framing dwarfs their data are refused, small ones are not")
{
    static const struct {
        const char *name, *chunk;
        int status;
    } cases[] = {
        {"one byte each", "1\r\na\r\n", 0},
        {"one byte each and a short extension", "1;x=1\r\na\r\n", 0},
        {"one byte each and a long one", "1;x=0123456789012345678901234567890123456789\r\na\r\n",
         413},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc__chunked chunked = {.room = 100000};
        mc__http1_refusal r = {0, NULL};
        bool is_over = false;
        mc_buf body;

        MC_CASE(cases[i].name);
        mc_buf_init(&body, 0);
        for (int n = 0; n < 5000 && r.status == 0; n++) {
            mc_str in = mc_z(cases[i].chunk);

            r = mc__chunked_read(&chunked, &in, &body, &is_over);
        }
        MC_EXPECT_EQ(r.status, cases[i].status);
        mc_buf_deinit(&body);
    }
}

MC_TEST("close wins over keep-alive, in whatever order they come")
{
    static const struct {
        const char *head;
        bool keep_alive;
    } cases[] = {
        {"GET / HTTP/1.1\r\n" HOST "\r\n", true},
        {"GET / HTTP/1.1\r\n" HOST "Connection: close\r\nConnection: keep-alive\r\n\r\n", false},
        {"GET / HTTP/1.1\r\n" HOST "Connection: x, CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", false},
    };
    mc_header headers[MC_HEADERS_MAX];
    mc__http1_head head;
    char *copy;

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].head);
        MC_EXPECT_EQ(parse(cases[i].head, strlen(cases[i].head), headers, &head, &copy).status, 0);
        MC_EXPECT_EQ(head.keep_alive, cases[i].keep_alive);
        free(copy);
    }
}

MC_TEST("an answer's head frames its body, and no value can add a header")
{
    mc_header headers[] = {{MC_STR_INIT("Content-Type"), MC_STR_INIT("text/plain")},
                           {MC_STR_INIT("X-Evil"), MC_STR_INIT("a\r\nSet-Cookie: b")}};
    mc_answer answer = {
        .status = 200, .headers = headers, .header_count = 2, .body = MC_STR_INIT("hi")};
    mc_buf out;

    mc_buf_init(&out, 0);
    mc__http1_write_head(&out, &answer, MC_STR("now"), MC_STR(""), true, false);
    MC_EXPECT_Z(
        mc_buf_get(&out),
        "HTTP/1.1 200 OK\r\nDate: now\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n");
    mc_buf_clear(&out);
    answer = (mc_answer){.status = 304};
    mc__http1_write_head(&out, &answer, MC_STR("now"), MC_STR("metacore"), false, false);
    MC_EXPECT_Z(mc_buf_get(&out), "HTTP/1.1 304 Not Modified\r\nDate: now\r\nServer: metacore\r\n"
                                  "Connection: close\r\n\r\n");
    mc_buf_deinit(&out);
}
