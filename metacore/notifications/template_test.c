/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/notifications/template.h"

#include "mc_test.h"

static mc_code render(mc_arena *arena, mc_template_kind kind, const char *text, const char *vars,
                      mc_str *out)
{
    const mc_json *values = NULL;
    mc_err err;

    MC_EXPECT_OK(mc_json_parse(arena, mc_z(vars), NULL, &values, &err), &err);
    *out = MC_STR("(refused)");
    return mc_template_render(kind, mc_z(text), values, arena, out, &err);
}

static const struct {
    const char *name, *text, *vars, *out;
} texts[] = {
    {"a value", "Hello {{name}}!", "{\"name\":\"Anna\"}", "Hello Anna!"},
    {"no value", "hello {{n}}", "{}", "hello"},
    {"a name with blanks", "{{ n }}", "{\"n\":\"x\"}", "x"},
    {"a number and a truth as they are", "{{n}} {{b}}", "{\"n\":1.50,\"b\":false}", "1.50 false"},
    {"null is nothing", "a{{n}}b", "{\"n\":null}", "ab"},
    {"an object", "{{o}}", "{\"o\":{\"a\":[1]}}", "{\"a\":[1]}"},
    {"within an object", "{{o.a}} {{o.b}}", "{\"o\":{\"a\":\"x\"}}", "x"},
    {"a dotted key itself", "{{o.a}}", "{\"o.a\":\"y\",\"o\":{\"a\":\"x\"}}", "y"},
    {"a value is not looked at again", "{{a}}", "{\"a\":\"{{b}}\",\"b\":\"x\"}", "{{b}}"},
    {"an empty section", "a{{#x}}b{{/x}}c", "{\"x\":\"\"}", "ac"},
    {"a section that is false", "a{{#x}}b{{/x}}c", "{\"x\":false}", "ac"},
    {"a section of zero is shown", "a{{#x}}b{{/x}}c", "{\"x\":0}", "abc"},
    {"a section that is there", "a{{#x}}b{{/x}}c", "{\"x\":\"1\"}", "abc"},
    {"its opposite", "a{{^x}}b{{/x}}c", "{}", "abc"},
    {"nested", "{{#a}}1{{^b}}2{{/b}}3{{/a}}", "{\"a\":true}", "123"},
    {"nested in what is not shown", "{{#a}}1{{#b}}2{{/b}}3{{/a}}4", "{\"b\":true}", "4"},
    {"a stray close", "a {{/x}} b", "{}", "a {{/x}} b"},
    {"a section that never closes", "a {{#x}}t", "{}", "a {{#x}}t"},
    {"a close of an outer one", "{{#a}}{{#b}}x{{/a}}{{/b}}", "{\"b\":1}", "{{#a}}x{{/a}}"},
    {"a hash after a blank is a name", "{{ #x}}", "{\"#x\":\"y\"}", "y"},
    {"braces that never end", "a {{b", "{\"b\":1}", "a {{b"},
    {"a close without a name ends it", "a{{/}}b", "{}", "a"},
    {"line ends", "\n a\n\n\n\nb\n\nc \n", "{}", "a\n\nb\n\nc"},
    {"nothing", "", "{}", ""},
};

MC_TEST("a template says what its values say")
{
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(texts); i++) {
        mc_str out;

        MC_CASE(texts[i].name);
        MC_EXPECT_EQ(render(arena, MC_TEMPLATE_TEXT, texts[i].text, texts[i].vars, &out), MC_OK);
        MC_EXPECT_Z(out, texts[i].out);
    }
    mc_arena_free(arena);
}

static const struct {
    const char *name, *text, *vars, *out; /* NULL: refused, by check too */
} pages[] = {
    {"text is escaped", "<p>{{x}}</p>", "{\"x\":\"<b>&'\\\"`\"}",
     "<p>&lt;b&gt;&amp;&#39;&quot;&#96;</p>"},
    {"an attribute is escaped", "<p title=\"{{x}}\">", "{\"x\":\"\\\" onclick=y\"}",
     "<p title=\"&quot; onclick=y\">"},
    {"in single quotes too", "<p title='{{x}}'>", "{\"x\":\"' a\"}", "<p title='&#39; a'>"},
    {"an address", "<a href=\"{{x}}\">", "{\"x\":\"https://example.com/?a&b\"}",
     "<a href=\"https://example.com/?a&amp;b\">"},
    {"a path", "<a href = \"{{x}}\">", "{\"x\":\"/tickets/1\"}", "<a href = \"/tickets/1\">"},
    {"an address that runs", "<a href=\"{{x}}\">", "{\"x\":\"javascript:alert(1)\"}",
     "<a href=\"#\">"},
    {"in other letters", "<a HREF='{{x}}'>", "{\"x\":\"JaVaScRiPt:alert(1)\"}", "<a HREF='#'>"},
    {"with a blank before it", "<a href=\" {{x}}\">", "{\"x\":\"javascript:1\"}",
     "<a href=\" #\">"},
    {"with a tab in it", "<a href=\"{{x}}\">", "{\"x\":\"java\\tscript:1\"}", "<a href=\"#\">"},
    {"another host's path", "<img src=\"{{x}}\">", "{\"x\":\"//example.com\"}", "<img src=\"#\">"},
    {"data", "<img src=\"{{x}}\">", "{\"x\":\"data:text/html,x\"}", "<img src=\"#\">"},
    {"nothing where an address was", "<a href=\"{{x}}\">", "{}", "<a href=\"\">"},
    {"the rest of an address", "<a href=\"https://example.com/{{x}}\">", "{\"x\":\"a\\\"b\"}",
     "<a href=\"https://example.com/a&quot;b\">"},
    {"a section", "<p>{{#x}}<b>{{x}}</b>{{/x}}</p>", "{\"x\":\"<\"}", "<p><b>&lt;</b></p>"},
    {"style that holds no value", "<style>a>b{}</style>{{x}}", "{\"x\":\"<\"}",
     "<style>a>b{}</style>&lt;"},
    {"a comment before", "<!-- a > b -->{{x}}", "{\"x\":\"<\"}", "<!-- a > b -->&lt;"},
    {"a doctype", "<!doctype html>{{x}}", "{\"x\":\"<\"}", "<!doctype html>&lt;"},
    {"a < that begins nothing", "1 < 2 {{x}}", "{\"x\":\"<\"}", "1 < 2 &lt;"},
    {"a value as a tag's name", "<{{x}}>", "{}", NULL},
    {"as an attribute", "<p {{x}}>", "{}", NULL},
    {"as an attribute's name", "<p {{x}}=\"1\">", "{}", NULL},
    {"without quotes", "<p title={{x}}>", "{}", NULL},
    {"without quotes, later", "<p title=a{{x}}>", "{}", NULL},
    {"what runs", "<p onclick=\"f('{{x}}')\">", "{}", NULL},
    {"style", "<p style=\"color:{{x}}\">", "{}", NULL},
    {"a page in a page", "<p srcdoc=\"{{x}}\">", "{}", NULL},
    {"a redirect", "<meta http-equiv=refresh content=\"{{x}}\">", "{}", NULL},
    {"in a script", "<script>{{x}}</script>", "{}", NULL},
    {"in a script that ends like another", "<script></scripty>{{x}}</script>", "{}", NULL},
    {"in a style", "<STYLE >{{x}}</style>", "{}", NULL},
    {"in a comment", "<!-- {{x}} -->", "{}", NULL},
    {"in a comment that seems over", "<!--> {{x}} -->", "{}", NULL},
    {"a section within a tag", "<p {{#x}}a{{/x}}>", "{}", NULL},
    {"a section that opens a tag", "{{#x}}<p title=\"{{/x}}{{y}}\">", "{}", NULL},
    {"a section that never closes", "{{#x}}<p>", "{}", NULL},
    {"an end within a tag", "<p title=\"", "{}", NULL},
};

MC_TEST("in HTML a value stays text, and stands only where text may")
{
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(pages); i++) {
        mc_err err;
        mc_str out;
        mc_code rc = mc_template_check(MC_TEMPLATE_HTML, mc_z(pages[i].text), arena, &err);

        MC_CASE(pages[i].name);
        MC_EXPECT_EQ(rc, pages[i].out ? MC_OK : MC_INVALID);
        if (!pages[i].out)
            continue;
        MC_EXPECT_EQ(render(arena, MC_TEMPLATE_HTML, pages[i].text, pages[i].vars, &out), MC_OK);
        MC_EXPECT_Z(out, pages[i].out);
    }
    mc_arena_free(arena);
}

MC_TEST("a line stays one line, and what is too large is refused")
{
    static char large[MC_TEMPLATE_BYTES_MAX + 2];
    mc_arena *arena = mc_arena_new(0);
    mc_str out;
    mc_err err;

    MC_EXPECT_EQ(render(arena, MC_TEMPLATE_LINE, "a {{x}}\nb",
                        "{\"x\":\"1\\r\\nBcc: eve@example.com\\u0007\"}", &out),
                 MC_OK);
    MC_EXPECT(mc_str_find_char(out, 0, '\n') == out.len &&
              mc_str_find_char(out, 0, '\r') == out.len);
    memset(large, 'a', sizeof(large) - 1);
    MC_EXPECT_EQ(mc_template_check(MC_TEMPLATE_TEXT, mc_z(large), arena, &err), MC_TOO_LARGE);
    for (size_t i = 0; i + 4 < sizeof(large); i += 4)
        memcpy(large + i, "{{}}", 4);
    large[MC_TEMPLATE_BYTES_MAX] = '\0';
    MC_EXPECT_EQ(mc_template_check(MC_TEMPLATE_TEXT, mc_z(large), arena, &err), MC_TOO_LARGE);
    MC_EXPECT_EQ(mc_template_check(MC_TEMPLATE_TEXT, MC_STR("\xff"), arena, &err), MC_INVALID);
    mc_arena_free(arena);
}
