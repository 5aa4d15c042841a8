/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/mail/mail.h"

#include "metacore/base/encode.h"

#include "mc_test.h"

#define FROM                                                                                       \
    {                                                                                              \
        MC_STR_INIT("Metacore"), MC_STR_INIT("app@example.com")                                    \
    }
#define TO                                                                                         \
    {                                                                                              \
        MC_STR_INIT(""), MC_STR_INIT("anna@example.com")                                           \
    }

static mc_str written(mc_arena *arena, const mc_mail *mail)
{
    mc_buf out;
    mc_err err;

    mc_buf_init_arena(&out, arena, 0);
    MC_EXPECT_OK(mc_mail_write(mail, &out, &err), &err);
    return mc_buf_get(&out);
}

/* From the first mark to the second one after it. */
static mc_str between(mc_str text, const char *from, const char *to)
{
    size_t at = mc_str_find(text, mc_z(from));
    mc_str rest = mc_str_slice(text, at + strlen(from), text.len);

    MC_EXPECT(at < text.len);
    return mc_str_slice(rest, 0, mc_str_find(rest, mc_z(to)));
}

MC_TEST("a mail is the same bytes each time: headers, text, the same in HTML")
{
    static const char expected[] =
        "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
        "From: \"Metacore\"\r\n <app@example.com>\r\n"
        "To: <anna@example.com>\r\n"
        "Message-ID: <01000000-0000-0000-0000-000000000000@example.com>\r\n"
        "Subject: A ticket is yours\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/alternative;\r\n "
        "boundary=\"=_01000000-0000-0000-0000-000000000000\"\r\n"
        "\r\n"
        "--=_01000000-0000-0000-0000-000000000000\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
        "Gr=C3=BC=C3=9Fe & 1 =3D 1.\r\n"
        ".\r\n"
        "--=_01000000-0000-0000-0000-000000000000\r\n"
        "Content-Type: text/html; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
        "<!doctype html>\r\n"
        "<html><head><meta charset=3D\"utf-8\"></head>\r\n"
        "<body>\r\n"
        "<p>Gr=C3=BC=C3=9Fe &amp; 1 =3D 1.<br>\r\n"
        ".</p>\r\n"
        "</body></html>\r\n"
        "--=_01000000-0000-0000-0000-000000000000--\r\n";
    mc_mail mail = {.from = FROM,
                    .to = TO,
                    .subject = MC_STR("A ticket is yours"),
                    .text = MC_STR("Gr\xc3\xbc\xc3\x9f"
                                   "e & 1 = 1.\n."),
                    .id = {{1}},
                    .at = 1700000000 * MC_TIME_US_PER_S};
    mc_arena *arena = mc_arena_new(0);

    MC_EXPECT_Z(written(arena, &mail), expected);
    mc_arena_free(arena);
}

static const struct {
    const char *name, *subject, *line;
} subjects[] = {
    {"plain", "Hello", "Hello"},
    {"empty", "", ""},
    {"UTF-8", "H\xc3\xa4llo", "=?UTF-8?B?SMOkbGxv?="},
    {"a header of one's own", "x\r\nBcc: eve@example.com",
     "=?UTF-8?B?eCAgQmNjOiBldmVAZXhhbXBsZS5jb20=?="},
    {"a line end alone", "x\ny", "=?UTF-8?B?eCB5?="},
    {"a line end of Unicode's", "x\xe2\x80\xa8y", "=?UTF-8?B?eCB5?="},
    {"a NEL", "x\xc2\x85y", "=?UTF-8?B?eCB5?="},
    {"looks encoded", "=?UTF-8?B?SGk=?=", "=?UTF-8?B?PT9VVEYtOD9CP1NHaz0/PQ==?="},
    {"no UTF-8", "\xff", "=?UTF-8?B?77+9?="},
};

MC_TEST("a subject stays one header whatever it holds")
{
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(subjects); i++) {
        mc_mail mail = {.from = FROM, .to = TO, .subject = mc_z(subjects[i].subject)};

        MC_CASE(subjects[i].name);
        MC_EXPECT_Z(between(written(arena, &mail), "Subject: ", "\r\nAuto-Submitted"),
                    subjects[i].line);
    }
    mc_arena_free(arena);
}

MC_TEST("a long subject is words of at most 75 bytes that hold whole characters")
{
    mc_arena *arena = mc_arena_new(0);
    mc_mail mail = {.from = FROM, .to = TO};
    mc_str rest, line;
    mc_buf text, joined;

    mc_buf_init_arena(&text, arena, 0);
    mc_buf_init_arena(&joined, arena, 0);
    for (int i = 0; i < 60; i++)
        mc_buf_lit(&text, "a\xe2\x82\xac\xf0\x9f\x98\x80");
    mail.subject = mc_buf_get(&text);
    rest = between(written(arena, &mail), "Subject: ", "\r\nAuto-Submitted");
    while (mc_str_split(&rest, '\n', &line)) {
        mc_str word = mc_str_trim(line), bytes = MC_STR("");

        MC_EXPECT(line.len <= 76);
        MC_REQUIRE(mc_str_starts_with(word, MC_STR("=?UTF-8?B?")));
        MC_EXPECT(mc_base64_parse(arena, mc_str_slice(word, 10, word.len - 2), &bytes));
        MC_EXPECT((bytes.ptr[0] & 0xc0) != 0x80);
        mc_buf_str(&joined, bytes);
    }
    MC_EXPECT_STR(mc_buf_get(&joined), mail.subject);
    mc_arena_free(arena);
}

static const struct {
    const char *name, *text, *written;
} bodies[] = {
    {"blanks at the end", "a \nb\t\nc", "a=20\r\nb=09\r\nc\r\n"},
    {"both line ends", "a\r\nb\nc", "a\r\nb\r\nc\r\n"},
    {"a return alone", "a\rb", "a=0Db\r\n"},
    {"a long line",
     "1234567890123456789012345678901234567890123456789012345678901234567890123456789",
     "123456789012345678901234567890123456789012345678901234567890123456789012345=\r\n6789\r\n"},
    {"not cut within a byte's digits",
     "12345678901234567890123456789012345678901234567890123456789012345678901234\xc3\xa4",
     "12345678901234567890123456789012345678901234567890123456789012345678901234=\r\n=C3=A4\r\n"},
    {"a boundary of its own", "--=_01", "--=3D_01\r\n"},
    {"nothing", "", "\r\n"},
};

MC_TEST("a body is lines of at most 76 bytes of ASCII, and no blank is lost")
{
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(bodies); i++) {
        mc_mail mail = {.from = FROM, .to = TO, .text = mc_z(bodies[i].text)};

        MC_CASE(bodies[i].name);
        MC_EXPECT_Z(between(written(arena, &mail), "quoted-printable\r\n\r\n", "--=_"),
                    bodies[i].written);
    }
    mc_arena_free(arena);
}

static const struct {
    const char *name, *text, *html;
} pages[] = {
    {"markup", "<script>x</script> & \"q\" 'q'",
     "<p>&lt;script&gt;x&lt;/script&gt; &amp; &quot;q&quot; &#39;q&#39;</p>"},
    {"paragraphs", "a\nb\n\nc", "<p>a<br>\r\nb</p>\r\n<p>c</p>"},
    {"an address", "See https://example.com/a?b&c.",
     "<p>See <a "
     "href=3D\"https://example.com/a?b&amp;c\">https://example.com/a?b&am=\r\np;c</a>.</p>"},
    {"an address that would get out", "https://example.com/\"onclick=x",
     "<p><a href=3D\"https://example.com/\">https://example.com/</a>&quot;onclick=\r\n=3Dx</p>"},
    {"an address that runs", "javascript:alert(1)", "<p>javascript:alert(1)</p>"},
};

MC_TEST("a page made of text shows the text, and links only where https is")
{
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(pages); i++) {
        mc_mail mail = {.from = FROM, .to = TO, .text = mc_z(pages[i].text)};
        mc_str all = written(arena, &mail);

        MC_CASE(pages[i].name);
        MC_EXPECT_HAS(all, "<body>\r\n");
        MC_EXPECT_Z(between(all, "<body>\r\n", "\r\n</body>"), pages[i].html);
    }
    mc_arena_free(arena);
}

static const struct {
    const char *text, *name, *address; /* NULL: refused */
} parties[] = {
    {"a@example.com", "", "a@example.com"},
    {" Anna Roe <a@example.com> ", "Anna Roe", "a@example.com"},
    {"\"Roe, Anna\" <a@example.com>", "Roe, Anna", "a@example.com"},
    {"J\xc3\xbcrgen <a@example.com>", "J\xc3\xbcrgen", "a@example.com"},
    {"<a@example.com>", "", "a@example.com"},
    {"", NULL, NULL},
    {"Anna", NULL, NULL},
    {"Anna <a@example.com", NULL, NULL},
    {"Anna <a@example.com> <b@example.com>", NULL, NULL},
    {"Anna\r\nBcc: <a@example.com>", NULL, NULL},
    {"A\"nna <a@example.com>", NULL, NULL},
};

MC_TEST("a sender is a name and one address")
{
    for (size_t i = 0; i < MC_LEN(parties); i++) {
        mc_mail_party party = {{"", 0}, {"", 0}};
        mc_err err;

        MC_CASE(parties[i].text);
        MC_EXPECT_EQ(mc_mail_party_parse(mc_z(parties[i].text), &party, &err) == MC_OK,
                     parties[i].address != NULL);
        MC_EXPECT_Z(party.name, parties[i].name ? parties[i].name : "");
        MC_EXPECT_Z(party.address, parties[i].address ? parties[i].address : "");
    }
}

MC_TEST("nothing is written to what is no address")
{
    mc_mail mail = {.from = FROM, .to = {MC_STR(""), MC_STR("a@b\r\nBcc: c@d")}};
    mc_buf out;
    mc_err err;

    mc_buf_init(&out, 0);
    MC_EXPECT_EQ(mc_mail_write(&mail, &out, &err), MC_INVALID);
    MC_EXPECT_EQ(out.len, 0);
    mc_buf_deinit(&out);
}
