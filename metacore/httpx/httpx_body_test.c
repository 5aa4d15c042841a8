/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/httpx/httpx_test_internal.h"

static const struct {
    const char *name, *type, *body; /* type NULL: absent */
    mc_code code;
} bodies[] = {
    {"an object", "application/json", "{\"a\":1}", MC_OK},
    {"with its charset", "application/json; charset=utf-8", "{}", MC_OK},
    {"with its charset in quotes and capitals", "Application/JSON;CHARSET=\"UTF-8\"", "{}", MC_OK},
    {"a vendor's type", "application/vnd.api+json", "{}", MC_OK},
    {"an empty parameter", "application/json;", "{}", MC_OK},
    {"another charset", "application/json; charset=latin1", "{}", MC_UNSUPPORTED},
    {"no type", NULL, "{}", MC_UNSUPPORTED},
    {"an empty type", "", "{}", MC_UNSUPPORTED},
    {"a form", "application/x-www-form-urlencoded", "a=1", MC_UNSUPPORTED},
    {"a multipart form", "multipart/form-data; boundary=x", "--x--", MC_UNSUPPORTED},
    {"XML", "application/xml", "<a/>", MC_UNSUPPORTED},
    {"text", "text/plain", "{}", MC_UNSUPPORTED},
    {"CBOR", "application/cbor", "\xa0", MC_UNSUPPORTED},
    {"msgpack", "application/vnd.msgpack", "\x80", MC_UNSUPPORTED},
    {"JSON in the middle of a type", "application/json5", "{}", MC_UNSUPPORTED},
    {"only a suffix", "application/+json", "{}", MC_UNSUPPORTED},
    {"only a suffix, without type", "+json", "{}", MC_UNSUPPORTED},
    {"two types in one line", "application/json, text/plain", "{}", MC_UNSUPPORTED},
    {"a parameter that is none", "application/json; charset", "{}", MC_UNSUPPORTED},
    {"empty", "application/json", "", MC_INVALID},
    {"malformed", "application/json", "{\"a\":", MC_INVALID},
    {"text behind", "application/json", "{} {}", MC_INVALID},
    {"a key twice", "application/json", "{\"a\":1,\"a\":2}", MC_INVALID},
    {"NUL as an escape", "application/json", "{\"a\":\"\\u0000\"}", MC_INVALID},
    {"not UTF-8", "application/json", "{\"a\":\"\xff\"}", MC_INVALID},
    {"a lone surrogate", "application/json", "{\"a\":\"\\ud800\"}", MC_INVALID},
    {"null", "application/json", "null", MC_INVALID},
    {"an array", "application/json", "[{}]", MC_INVALID},
    {"a string", "application/json", "\"{}\"", MC_INVALID},
};

MC_TEST("a body is a JSON object, or the answer says what it is not")
{
    for (size_t i = 0; i < MC_LEN(bodies); i++) {
        const mc_json *value = NULL;
        mc_code rc;
        fake f;

        MC_CASE(bodies[i].name);
        fake_open(&f, "POST", "/", "");
        if (bodies[i].type)
            fake_header(&f, "content-type", bodies[i].type);
        f.message.body = mc_z(bodies[i].body);
        rc = mc_http_body_object(&f.req, "invalid body", &value, &f.err);
        MC_EXPECT_EQ(rc, bodies[i].code);
        MC_EXPECT_EQ(value != NULL, rc == MC_OK);
        if (rc == MC_INVALID)
            MC_EXPECT_Z(mc_z(f.err.msg), "invalid body");
        fake_close(&f);
    }
}

MC_TEST("a raw NUL, two types and deep nesting are refused")
{
    static const char with_nul[] = "{\"a\":\"\0\"}";
    char deep[2 * 65 + 1];
    const mc_json *value;
    fake f;

    fake_open(&f, "POST", "/", "");
    fake_header(&f, "content-type", "application/json");
    f.message.body = mc_str_of(with_nul, sizeof(with_nul) - 1);
    MC_EXPECT_EQ(mc_http_body_object(&f.req, "invalid body", &value, &f.err), MC_INVALID);

    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    f.message.body = mc_str_of(deep, 130);
    MC_EXPECT_EQ(mc_http_body_json(&f.req, false, "invalid body", &value, &f.err), MC_INVALID);
    f.message.body = mc_str_of(deep + 1, 128);
    MC_EXPECT_OK(mc_http_body_json(&f.req, false, "invalid body", &value, &f.err), &f.err);

    fake_header(&f, "content-type", "application/json");
    MC_EXPECT_EQ(mc_http_body_json(&f.req, false, "invalid body", &value, &f.err), MC_UNSUPPORTED);
    fake_close(&f);
}

MC_TEST("numbers arrive as they were sent")
{
    const mc_json *value;
    fake f;

    fake_open(&f, "POST", "/", "");
    fake_header(&f, "content-type", "application/json");
    f.message.body = MC_STR("{\"big\":9007199254740993,\"exact\":1234567890.12345678}");
    MC_REQUIRE_OK(mc_http_body_object(&f.req, "invalid body", &value, &f.err), &f.err);
    MC_EXPECT_Z(mc_json_find(value, MC_STR("big"))->as.number, "9007199254740993");
    MC_EXPECT_Z(mc_json_find(value, MC_STR("exact"))->as.number, "1234567890.12345678");
    fake_close(&f);
}

MC_TEST("an optional body may be empty, and then needs no type")
{
    const mc_json *value = (const mc_json *)"";
    fake f;

    fake_open(&f, "POST", "/", "");
    MC_EXPECT_OK(mc_http_body_json(&f.req, true, "invalid body", &value, &f.err), &f.err);
    MC_EXPECT(value == NULL);
    f.message.body = MC_STR("{}");
    MC_EXPECT_EQ(mc_http_body_json(&f.req, true, "invalid body", &value, &f.err), MC_UNSUPPORTED);
    fake_close(&f);
}

/* ---- multipart ---- */

#define TYPE "multipart/form-data; boundary=xx"
#define NAMED "Content-Disposition: form-data; name=\"a\"\r\n"

static const struct {
    const char *name, *type, *body;
    mc_code code;
    const char *parts; /* name/filename/type/data| … */
} multiparts[] = {
    {"a field", TYPE, "--xx\r\n" NAMED "\r\nv\r\n--xx--\r\n", MC_OK, "a///v|"},
    {"no line end behind it", TYPE, "--xx\r\n" NAMED "\r\nv\r\n--xx--", MC_OK, "a///v|"},
    {"a file", TYPE,
     "--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.csv\"\r\n"
     "Content-Type: text/csv\r\n\r\n1,2\r\n3,4\r\n\r\n--xx--\r\n",
     MC_OK, "file/a b.csv/text/csv/1,2\r\n3,4\r\n|"},
    {"two parts", TYPE,
     "--xx\r\n" NAMED
     "\r\n1\r\n--xx\r\ncontent-disposition:form-data;name=b\r\n\r\n2\r\n--xx--\r\n",
     MC_OK, "a///1|b///2|"},
    {"an empty value", TYPE, "--xx\r\n" NAMED "\r\n\r\n--xx--\r\n", MC_OK, "a///|"},
    {"a part without body", TYPE, "--xx\r\n" NAMED "\r\n--xx--\r\n", MC_OK, "a///|"},
    {"no parts", TYPE, "--xx--\r\n", MC_OK, ""},
    {"a quoted boundary", "multipart/form-data; boundary=\"a b:c\"",
     "--a b:c\r\n" NAMED "\r\nv\r\n--a b:c--", MC_OK, "a///v|"},
    {"dashes that are no boundary", TYPE, "--xx\r\n" NAMED "\r\n--x\r\n-xx\r\n--xx--", MC_OK,
     "a///--x\r\n-xx|"},
    {"a quote in a name", TYPE,
     "--xx\r\nContent-Disposition: form-data; name=\"a\"; "
     "filename=\"x\\\"y\\z\"\r\n\r\nv\r\n--xx--",
     MC_OK, "a/x\"y\\z//v|"},
    {"other headers", TYPE, "--xx\r\n" NAMED "X-Other: 1\r\n\r\nv\r\n--xx--", MC_OK, "a///v|"},
    {"another type", "application/json", "{}", MC_UNSUPPORTED, ""},
    {"another multipart", "multipart/mixed; boundary=xx", "--xx--", MC_UNSUPPORTED, ""},
    {"no boundary", "multipart/form-data", "--xx--", MC_INVALID, ""},
    {"an empty boundary", "multipart/form-data; boundary=\"\"", "----", MC_INVALID, ""},
    {"a boundary that ends in a space", "multipart/form-data; boundary=\"x \"", "--x --",
     MC_INVALID, ""},
    {"a boundary with other characters", "multipart/form-data; boundary=\"x\xc3\xb1\"", "",
     MC_INVALID, ""},
    {"a boundary of 71 bytes",
     "multipart/form-data; boundary="
     "01234567890123456789012345678901234567890123456789012345678901234567890",
     "", MC_INVALID, ""},
    {"two boundaries", TYPE "; boundary=yy", "--xx--", MC_INVALID, ""},
    {"an empty body", TYPE, "", MC_INVALID, ""},
    {"text in front", TYPE, "preamble\r\n--xx\r\n" NAMED "\r\nv\r\n--xx--", MC_INVALID, ""},
    {"text behind", TYPE, "--xx\r\n" NAMED "\r\nv\r\n--xx--\r\nepilogue", MC_INVALID, ""},
    {"no end", TYPE, "--xx\r\n" NAMED "\r\nv", MC_INVALID, ""},
    {"no end of the headers", TYPE, "--xx\r\n" NAMED, MC_INVALID, ""},
    {"no closing boundary", TYPE, "--xx\r\n" NAMED "\r\nv\r\n--xx\r\n", MC_INVALID, ""},
    {"a boundary with more behind it", TYPE, "--xx\r\n" NAMED "\r\nv\r\n--xxy\r\n--xx--",
     MC_INVALID, ""},
    {"a boundary with spaces behind it", TYPE, "--xx  \r\n" NAMED "\r\nv\r\n--xx--", MC_INVALID,
     ""},
    {"bare line feeds", TYPE, "--xx\n" NAMED "\nv\n--xx--\n", MC_INVALID, ""},
    {"no name", TYPE, "--xx\r\nContent-Disposition: form-data\r\n\r\nv\r\n--xx--", MC_INVALID, ""},
    {"no disposition", TYPE, "--xx\r\nContent-Type: text/plain\r\n\r\nv\r\n--xx--", MC_INVALID, ""},
    {"an attachment", TYPE, "--xx\r\nContent-Disposition: attachment; name=a\r\n\r\nv\r\n--xx--",
     MC_INVALID, ""},
    {"two dispositions", TYPE, "--xx\r\n" NAMED NAMED "\r\nv\r\n--xx--", MC_INVALID, ""},
    {"two names", TYPE, "--xx\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\nv\r\n--xx--",
     MC_INVALID, ""},
    {"a quote without end", TYPE,
     "--xx\r\nContent-Disposition: form-data; name=\"a\r\n\r\nv\r\n--xx--", MC_INVALID, ""},
    {"a name that is not UTF-8", TYPE,
     "--xx\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\nv\r\n--xx--", MC_INVALID, ""},
    {"a control character in a name", TYPE,
     "--xx\r\nContent-Disposition: form-data; name=\"a\x01\"\r\n\r\nv\r\n--xx--", MC_INVALID, ""},
    {"a folded header", TYPE,
     "--xx\r\nContent-Disposition: form-data;\r\n name=\"a\"\r\n\r\nv\r\n--xx--", MC_INVALID, ""},
    {"a space before the colon", TYPE,
     "--xx\r\nContent-Disposition : form-data; name=a\r\n\r\nv\r\n--xx--", MC_INVALID, ""},
    {"an encoded part", TYPE,
     "--xx\r\n" NAMED "Content-Transfer-Encoding: base64\r\n\r\ndg==\r\n--xx--", MC_INVALID, ""},
    {"binary is no encoding", TYPE,
     "--xx\r\n" NAMED "Content-Transfer-Encoding: binary\r\n\r\nv\r\n--xx--", MC_OK, "a///v|"},
};

MC_TEST("a multipart body is taken apart strictly")
{
    for (size_t i = 0; i < MC_LEN(multiparts); i++) {
        mc_arena *arena = mc_arena_new(0);
        const mc_http_part *parts = NULL;
        size_t count = 0;
        mc_buf shown;
        mc_err err;

        MC_CASE(multiparts[i].name);
        MC_EXPECT_EQ(mc_http_multipart_parse(arena, mc_z(multiparts[i].type),
                                             mc_z(multiparts[i].body), &parts, &count, &err),
                     multiparts[i].code);
        mc_buf_init_arena(&shown, arena, 0);
        for (size_t k = 0; k < count; k++)
            mc_buf_printf(&shown, "%.*s/%.*s/%.*s/%.*s|", MC_FMT(parts[k].name),
                          MC_FMT(parts[k].filename), MC_FMT(parts[k].content_type),
                          MC_FMT(parts[k].data));
        MC_EXPECT_Z(mc_buf_get(&shown), multiparts[i].parts);
        mc_arena_free(arena);
    }
}

static mc_code parse_parts(size_t count, size_t head_bytes)
{
    mc_arena *arena = mc_arena_new(0);
    const mc_http_part *parts;
    mc_buf body;
    mc_err err;
    mc_code rc;

    mc_buf_init(&body, 0);
    for (size_t i = 0; i < count; i++) {
        mc_buf_lit(&body, "--xx\r\n" NAMED "X-Long: ");
        for (size_t k = 0; k < head_bytes; k++)
            mc_buf_char(&body, 'x');
        mc_buf_lit(&body, "\r\n\r\nv\r\n");
    }
    mc_buf_lit(&body, "--xx--");
    rc = mc_http_multipart_parse(arena, MC_STR(TYPE), mc_buf_get(&body), &parts, &count, &err);
    mc_buf_deinit(&body);
    mc_arena_free(arena);
    return rc;
}

MC_TEST("a multipart body has a bounded number of parts with bounded headers")
{
    MC_EXPECT_EQ(parse_parts(MC_HTTP_PARTS_MAX, 1), MC_OK);
    MC_EXPECT_EQ(parse_parts(MC_HTTP_PARTS_MAX + 1, 1), MC_INVALID);
    MC_EXPECT_EQ(parse_parts(1, MC_HTTP_PART_HEAD_MAX / 2), MC_OK);
    MC_EXPECT_EQ(parse_parts(1, MC_HTTP_PART_HEAD_MAX), MC_INVALID);
}

MC_TEST("a part is found by its name")
{
    mc_http_part part;
    fake f;

    fake_open(&f, "POST", "/", "");
    MC_EXPECT_EQ(mc_http_body_part(&f.req, MC_STR("a"), &part, &f.err), MC_UNSUPPORTED);
    fake_header(&f, "content-type", TYPE);
    f.message.body = MC_STR("--xx\r\n" NAMED "\r\n1\r\n--xx\r\n" NAMED "\r\n2\r\n--xx--");
    MC_EXPECT_OK(mc_http_body_part(&f.req, MC_STR("a"), &part, &f.err), &f.err);
    MC_EXPECT_Z(part.data, "1");
    MC_EXPECT_EQ(mc_http_body_part(&f.req, MC_STR("A"), &part, &f.err), MC_NOT_FOUND);
    fake_close(&f);
}
