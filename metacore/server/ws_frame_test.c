/* SPDX-License-Identifier: Apache-2.0 */
/* Frames as bytes: what is a message, and what ends the connection with which code. */
#include "metacore/server/ws_internal.h"

#include "mc_test.h"
#include "mc_ws_client.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX 4096

typedef struct wire {
    char bytes[1 << 18];
    size_t len;
} wire;

static wire in;

static void add(wire *w, unsigned first, mc_str payload)
{
    w->len += mc_ws_encode(w->bytes + w->len, first, payload);
}

/* What a client's bytes come to, given step bytes at a time: "text:Hello ping:x broken:1002 ". */
static mc_str read_all(const wire *w, size_t step, char *out, size_t size)
{
    static const char *const names[] = {"more", "text",  "binary", "ping",
                                        "pong", "close", "broken"};
    mc__ws_parser parser = {.max = MAX};
    char *copy = malloc(w->len ? w->len : 1); /* of its own, so that a sanitizer sees its end */
    size_t pos = 0;
    int n = 0;
    bool is_broken = false;

    MC_EXPECT(copy != NULL);
    memcpy(copy, w->bytes, w->len);
    while (pos < w->len && !is_broken) {
        char *at = copy + pos, *end = copy + (pos + step < w->len ? pos + step : w->len);
        mc__ws_event event;

        pos = (size_t)(end - copy);
        while ((event = mc__ws_read(&parser, &at, end)).kind != MC__WS_MORE) {
            bool has_code = event.kind == MC__WS_CLOSE || event.kind == MC__WS_BROKEN;

            is_broken = event.kind == MC__WS_BROKEN;
            if (has_code)
                n += snprintf(out + n, size - (size_t)n, "%s:%d ", names[event.kind], event.code);
            else if (event.payload.len > 40)
                n += snprintf(out + n, size - (size_t)n, "%s:(%zu) ", names[event.kind],
                              event.payload.len);
            else
                n += snprintf(out + n, size - (size_t)n, "%s:%.*s ", names[event.kind],
                              MC_FMT(event.payload));
            if (is_broken)
                break;
        }
    }
    mc__ws_parser_deinit(&parser);
    free(copy);
    return mc_str_of(out, (size_t)n);
}

static void expect(const char *name, const char *wanted)
{
    static const size_t steps[] = {1 << 18, 1, 2, 3, 7, 64};
    char out[2048];

    for (size_t i = 0; i < MC_LEN(steps); i++) {
        char label[160];

        (void)snprintf(label, sizeof(label), "%s, %zu bytes at a time", name, steps[i]);
        MC_CASE(label);
        MC_EXPECT_Z(read_all(&in, steps[i], out, sizeof(out)), wanted);
    }
    MC_CASE(NULL);
    in.len = 0;
}

static mc_str many(char c, size_t count)
{
    static char text[1 << 17];

    memset(text, c, count);
    return mc_str_of(text, count);
}

typedef struct part {
    unsigned first;
    const char *payload;
} part;

MC_TEST("messages arrive whole, whatever their frames and reads are cut into")
{
    static const struct {
        const char *name;
        part parts[6];
        const char *wanted;
    } cases[] = {
        {"one frame", {{0x81, "Hello"}}, "text:Hello "},
        {"an empty message", {{0x81, ""}}, "text: "},
        {"two messages", {{0x81, "a"}, {0x81, "b"}}, "text:a text:b "},
        {"two fragments", {{0x01, "Hel"}, {0x80, "lo"}}, "text:Hello "},
        {"a ping between fragments",
         {{0x01, "Hel"}, {0x89, "x"}, {0x80, "lo"}},
         "ping:x text:Hello "},
        {"a pong nobody asked for", {{0x8a, "late"}}, "pong:late "},
        {"empty fragments", {{0x01, ""}, {0x00, ""}, {0x80, ""}}, "text: "},
        {"an empty first, a filled last", {{0x01, ""}, {0x80, "x"}}, "text:x "},
        {"an empty last", {{0x01, "x"}, {0x80, ""}}, "text:x "},
        {"binary", {{0x82, "\xff\xfe"}}, "binary:\xff\xfe "},
        {"fragmented binary", {{0x02, "\xff"}, {0x80, "\xfe"}}, "binary:\xff\xfe "},
        {"many pings", {{0x89, ""}, {0x89, ""}, {0x89, "z"}}, "ping: ping: ping:z "},
        {"UTF-8 cut within a character",
         {{0x01, "\xce"}, {0x00, "\xba\xe1\xbd"}, {0x80, "\xb9"}},
         "text:\xce\xba\xe1\xbd\xb9 "},
        {"the last of Unicode", {{0x81, "\xf4\x8f\xbf\xbf"}}, "text:\xf4\x8f\xbf\xbf "},
        {"a byte order mark and noncharacters",
         {{0x81, "\xef\xbb\xbf\xef\xbf\xbf"}},
         "text:\xef\xbb\xbf\xef\xbf\xbf "},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        for (size_t j = 0; j < MC_LEN(cases[i].parts) && cases[i].parts[j].payload; j++)
            add(&in, cases[i].parts[j].first, mc_z(cases[i].parts[j].payload));
        expect(cases[i].name, cases[i].wanted);
    }
}

MC_TEST("what a client may not send ends the connection with the code that says why")
{
    static const struct {
        const char *name;
        part parts[5];
        const char *wanted;
    } cases[] = {
        {"reserved bit 1 without an extension", {{0xc1, "x"}}, "broken:1002 "},
        {"reserved bit 2", {{0xa1, "x"}}, "broken:1002 "},
        {"reserved bit 3", {{0x91, "x"}}, "broken:1002 "},
        {"reserved bits of a ping", {{0xf9, ""}}, "broken:1002 "},
        {"opcode 3", {{0x83, "x"}}, "broken:1002 "},
        {"opcode 7", {{0x87, ""}}, "broken:1002 "},
        {"opcode 11", {{0x8b, ""}}, "broken:1002 "},
        {"opcode 15", {{0x8f, ""}}, "broken:1002 "},
        {"a fragmented ping", {{0x09, "x"}}, "broken:1002 "},
        {"a fragmented close", {{0x08, ""}}, "broken:1002 "},
        {"continuation of nothing", {{0x80, "x"}}, "broken:1002 "},
        {"continuation after the end",
         {{0x01, "a"}, {0x80, "b"}, {0x80, "c"}},
         "text:ab broken:1002 "},
        {"text within text", {{0x01, "a"}, {0x81, "b"}}, "broken:1002 "},
        {"binary within text", {{0x01, "a"}, {0x82, "b"}}, "broken:1002 "},
        {"a message before the fault", {{0x81, "a"}, {0xc1, "b"}}, "text:a broken:1002 "},
        {"a lone continuation byte", {{0x81, "\x80"}}, "broken:1007 "},
        {"a surrogate", {{0x81, "\xed\xa0\x80"}}, "broken:1007 "},
        {"overlong in two", {{0x81, "\xc0\xaf"}}, "broken:1007 "},
        {"overlong in three", {{0x81, "\xe0\x80\xaf"}}, "broken:1007 "},
        {"overlong in four", {{0x81, "\xf0\x80\x80\xaf"}}, "broken:1007 "},
        {"beyond Unicode", {{0x81, "\xf4\x90\x80\x80"}}, "broken:1007 "},
        {"five bytes", {{0x81, "\xf8\x88\x80\x80\x80"}}, "broken:1007 "},
        {"a character that does not end", {{0x81, "\xce"}}, "broken:1007 "},
        {"a character that the last fragment leaves open",
         {{0x01, "\xf0\x9f"}, {0x80, "\x98"}},
         "broken:1007 "},
        {"wrong in the first of two fragments", {{0x01, "\xff"}, {0x80, "x"}}, "broken:1007 "},
        {"a first fragment that cannot become right", {{0x01, "\xf4\x90"}}, "broken:1007 "},
        {"half a close code", {{0x88, "\x03"}}, "broken:1002 "},
        {"a reason that is not UTF-8", {{0x88, "\x03\xe8\xff"}}, "broken:1007 "},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        for (size_t j = 0; j < MC_LEN(cases[i].parts) && cases[i].parts[j].payload; j++)
            add(&in, cases[i].parts[j].first, mc_z(cases[i].parts[j].payload));
        expect(cases[i].name, cases[i].wanted);
    }
}

MC_TEST("close codes are those that a client may send")
{
    static const int good[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010,
                               1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999};
    static const int bad[] = {0,    1,    999,  1004, 1005, 1006, 1015,
                              1016, 1100, 2000, 2999, 5000, 65535};
    char wanted[32];

    for (size_t i = 0; i < MC_LEN(good) + MC_LEN(bad); i++) {
        bool is_good = i < MC_LEN(good);
        int code = is_good ? good[i] : bad[i - MC_LEN(good)];
        char payload[2] = {(char)(code >> 8), (char)code};

        add(&in, 0x88, mc_str_of(payload, 2));
        (void)snprintf(wanted, sizeof(wanted), is_good ? "close:%d " : "broken:1002 ", code);
        expect(wanted, wanted);
    }
    add(&in, 0x88, MC_STR(""));
    expect("without a code", "close:1005 ");
    add(&in, 0x88,
        MC_STR("\x03\xe8"
               "bye"));
    expect("with a reason", "close:1000 ");
}

MC_TEST("lengths: all forms at their edges, only the shortest, and none over the limit")
{
    static const struct {
        const char *name;
        size_t len;
        const char *wanted;
    } sizes[] = {
        {"125", 125, "text:(125) "},        {"126", 126, "text:(126) "},
        {"127", 127, "text:(127) "},        {"128", 128, "text:(128) "},
        {"4095", 4095, "text:(4095) "},     {"the limit", 4096, "text:(4096) "},
        {"one over", 4097, "broken:1009 "}, {"65535", 65535, "broken:1009 "},
        {"65536", 65536, "broken:1009 "},
    };
    static const struct {
        const char *name, *head;
        size_t len;
        const char *wanted;
    } forms[] = {
        {"5 in two bytes", "\x81\xfe\x00\x05", 4, "broken:1002 "},
        {"125 in two bytes", "\x81\xfe\x00\x7d", 4, "broken:1002 "},
        {"5 in eight bytes", "\x81\xff\0\0\0\0\0\0\0\x05", 10, "broken:1002 "},
        {"65535 in eight bytes", "\x81\xff\0\0\0\0\0\0\xff\xff", 10, "broken:1002 "},
        {"the highest bit", "\x81\xff\x80\0\0\0\0\0\0\x01", 10, "broken:1002 "},
        {"all there is", "\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10, "broken:1009 "},
        {"a ping of 126", "\x89\xfe\x00\x7e", 4, "broken:1002 "},
        {"unmasked", "\x81\x05Hello", 7, "broken:1002 "},
        {"an unmasked close", "\x88\x00", 2, "broken:1002 "},
    };

    for (size_t i = 0; i < MC_LEN(sizes); i++) {
        add(&in, 0x81, many('x', sizes[i].len));
        expect(sizes[i].name, sizes[i].wanted);
    }
    for (size_t i = 0; i < MC_LEN(forms); i++) {
        memcpy(in.bytes, forms[i].head, forms[i].len);
        memcpy(in.bytes + forms[i].len, "mask", 4);
        in.len = forms[i].len + 4;
        expect(forms[i].name, forms[i].wanted);
    }
}

MC_TEST("fragments together stay within the limit, and one byte each is fine")
{
    for (int i = 0; i < 4096; i++)
        add(&in, i == 0 ? 0x01 : i == 4095 ? 0x80 : 0x00, MC_STR("x"));
    expect("4096 fragments", "text:(4096) ");
    add(&in, 0x01, many('x', 4096));
    add(&in, 0x80, MC_STR(""));
    expect("the limit, then nothing", "text:(4096) ");
    add(&in, 0x01, many('x', 4096));
    add(&in, 0x80, MC_STR("y"));
    expect("one over in the second", "broken:1009 ");
    add(&in, 0x01, many('x', 3000));
    add(&in, 0x89, many('p', 125));
    add(&in, 0x00, many('x', 1000));
    add(&in, 0x80, many('x', 97));
    expect("one over in the third", "ping:(125) broken:1009 ");
}

MC_TEST("a frame is encoded with the shortest length, unmasked, and shared")
{
    static const struct {
        size_t len;
        const char *head;
        size_t head_len;
    } cases[] = {
        {0, "\x81\x00", 2},
        {125, "\x81\x7d", 2},
        {126, "\x81\x7e\x00\x7e", 4},
        {65535, "\x81\x7e\xff\xff", 4},
        {65536, "\x81\x7f\0\0\0\0\0\x01\0\0", 10},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_frame *frame = NULL;
        mc_err err;

        MC_REQUIRE_OK(mc_frame_new(many('y', cases[i].len), &frame, &err), &err);
        MC_EXPECT_EQ(frame->len, cases[i].head_len + cases[i].len);
        MC_EXPECT_STR(mc_str_of((const char *)frame->bytes, cases[i].head_len),
                      mc_str_of(cases[i].head, cases[i].head_len));
        MC_EXPECT(mc_frame_ref(frame) == frame);
        mc_frame_unref(frame);
        mc_frame_unref(frame);
    }
}

MC_TEST("a close frame's reason is cut at a whole character")
{
    char reason[130];
    mc_frame *frame;

    memset(reason, 'r', sizeof(reason));
    memcpy(reason + 122, "\xc3\xa9", 2); /* bytes 123 and 124 of the reason */
    frame = mc__frame_close(1008, mc_str_of(reason, sizeof(reason)));
    MC_REQUIRE(frame != NULL);
    MC_EXPECT_EQ(frame->len, 2 + 2 + 122);
    MC_EXPECT_EQ(frame->bytes[1], 124);
    mc_frame_unref(frame);
}

MC_TEST("a handshake is taken when it is one, and refused by the status that helps")
{
    static const struct {
        const char *name;
        int status; /* 0: accepted */
        const char *method, *connection, *upgrade, *version, *key;
    } cases[] = {
        {"a browser's", 0, "GET", "Upgrade", "websocket", "13", "dGhlIHNhbXBsZSBub25jZQ=="},
        {"in other cases and lists", 0, "GET", "keep-alive, upgrade", "h2c, WebSocket", "13",
         "dGhlIHNhbXBsZSBub25jZQ=="},
        {"no upgrade at all", 426, "GET", NULL, NULL, NULL, NULL},
        {"another protocol", 426, "GET", "Upgrade", "h2c", "13", "dGhlIHNhbXBsZSBub25jZQ=="},
        {"no Connection", 426, "GET", NULL, "websocket", "13", "dGhlIHNhbXBsZSBub25jZQ=="},
        {"a word that only begins so", 426, "GET", "upgraded", "websocket", "13",
         "dGhlIHNhbXBsZSBub25jZQ=="},
        {"version 8", 426, "GET", "Upgrade", "websocket", "8", "dGhlIHNhbXBsZSBub25jZQ=="},
        {"version 13 or 8", 426, "GET", "Upgrade", "websocket", "13, 8",
         "dGhlIHNhbXBsZSBub25jZQ=="},
        {"no version", 426, "GET", "Upgrade", "websocket", NULL, "dGhlIHNhbXBsZSBub25jZQ=="},
        {"no key", 400, "GET", "Upgrade", "websocket", "13", NULL},
        {"a key of 15 bytes", 400, "GET", "Upgrade", "websocket", "13", "dGhlIHNhbXBsZSBub25j"},
        {"a key of 17 bytes", 400, "GET", "Upgrade", "websocket", "13", "dGhlIHNhbXBsZSBub25jZWU="},
        {"a key with other letters", 400, "GET", "Upgrade", "websocket", "13",
         "dGhlIHNhbXBsZSBub25j*Q=="},
        {"a key with bits left over", 400, "GET", "Upgrade", "websocket", "13",
         "dGhlIHNhbXBsZSBub25jZR=="},
        {"HEAD", 400, "HEAD", "Upgrade", "websocket", "13", "dGhlIHNhbXBsZSBub25jZQ=="},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_header headers[4];
        mc_message message = {.method = mc_z(cases[i].method), .headers = headers};
        const char *const values[] = {cases[i].connection, cases[i].upgrade, cases[i].version,
                                      cases[i].key};
        static const mc_str names[] = {MC_STR_INIT("connection"), MC_STR_INIT("upgrade"),
                                       MC_STR_INIT("sec-websocket-version"),
                                       MC_STR_INIT("sec-websocket-key")};
        int status = 0;
        mc_err err;
        mc_code rc;

        MC_CASE(cases[i].name);
        for (size_t j = 0; j < MC_LEN(values); j++) {
            if (values[j])
                headers[message.header_count++] = (mc_header){names[j], mc_z(values[j])};
        }
        rc = mc_upgrade_check(&message, &status, &err);
        MC_EXPECT_EQ(rc, cases[i].status ? MC_INVALID : MC_OK);
        if (cases[i].status)
            MC_EXPECT_EQ(status, cases[i].status);
    }
}

MC_TEST("the accept value is RFC 6455's for its sample key")
{
    char accept[MC__WS_ACCEPT_LEN];

    MC_REQUIRE(mc__ws_accept(MC_STR("dGhlIHNhbXBsZSBub25jZQ=="), accept));
    MC_EXPECT_Z(mc_str_of(accept, sizeof(accept)), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}
