/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/tool/tool.h"

#include "mc_test.h"

static mc_arena *arena;

static const mc_json *parse(const char *text)
{
    const mc_json *value = NULL;
    mc_err err;

    if (!arena)
        arena = mc_arena_new((size_t)8 << 20);
    MC_EXPECT_OK(mc_json_parse(arena, mc_z(text), NULL, &value, &err), &err);
    return value;
}

static const struct {
    const char *name, *params, *given;
    const char *want; /* the input, or what was wrong with it */
    bool is_refused;
} inputs[] = {
    {"nothing is asked for, and what comes is dropped", "", "{\"x\":1}", "{}", false},
    {"text as it is, without the blanks around", "{\"name\":\"a\",\"type\":\"string\"}",
     "{\"a\":\"  x y \"}", "{\"a\":\"x y\"}", false},
    {"no type is text", "{\"name\":\"a\"}", "{\"a\":12}", "{\"a\":\"12\"}", false},
    {"an unknown type is text", "{\"name\":\"a\",\"type\":\"colour\"}", "{\"a\":true}",
     "{\"a\":\"true\"}", false},
    {"what is missing, null or blank is its default",
     "{\"name\":\"a\",\"default_value\":\"d\"},{\"name\":\"b\",\"default_value\":\"d\"},{\"name\":"
     "\"c\",\"default_value\":\"d\"}",
     "{\"b\":null,\"c\":\" \"}", "{\"a\":\"d\",\"b\":\"d\",\"c\":\"d\"}", false},
    {"or nothing", "{\"name\":\"a\"},{\"name\":\"b\",\"type\":\"number\"}", "{\"a\":\"\"}", "{}",
     false},
    {"or asked for", "{\"name\":\"a\",\"required\":true},{\"name\":\"b\",\"required\":true}",
     "{\"a\":\" \"}", "invalid params: a: required; b: required", true},
    {"nothing at all was given", "{\"name\":\"a\",\"required\":true}", NULL,
     "invalid params: a: required", true},
    {"a default satisfies",
     "{\"name\":\"a\",\"required\":true,\"default_value\":\"7\",\"type\":"
     "\"number\"}",
     "{}", "{\"a\":7}", false},
    {"numbers without their fraction's zeros", "{\"name\":\"a\",\"type\":\"number\"}",
     "{\"a\":\"5.50\"}", "{\"a\":5.5}", false},
    {"whole ones as such", "{\"name\":\"a\",\"type\":\"number\"}", "{\"a\":5.0}", "{\"a\":5}",
     false},
    {"to the last digit", "{\"name\":\"a\",\"type\":\"number\"}", "{\"a\":9007199254740993}",
     "{\"a\":9007199254740993}", false},
    {"as people write them",
     "{\"name\":\"a\",\"type\":\"number\"},{\"name\":\"b\",\"type\":"
     "\"number\"},{\"name\":\"c\",\"type\":\"number\"}",
     "{\"a\":\"+07\",\"b\":\"-.5\",\"c\":\"3.\"}", "{\"a\":7,\"b\":-0.5,\"c\":3}", false},
    {"and nothing else", "{\"name\":\"a\",\"type\":\"number\"}", "{\"a\":\"five\"}",
     "invalid params: a: expected number, got \"five\"", true},
    {"no hexadecimal", "{\"name\":\"a\",\"type\":\"number\"}", "{\"a\":\"0x10\"}",
     "expected number, got \"0x10\"", true},
    {"no infinity", "{\"name\":\"a\",\"type\":\"number\"}", "{\"a\":\"inf\"}",
     "expected number, got \"inf\"", true},
    {"booleans",
     "{\"name\":\"a\",\"type\":\"boolean\"},{\"name\":\"b\",\"type\":\"boolean\"},{"
     "\"name\":\"c\",\"type\":\"boolean\"}",
     "{\"a\":\"T\",\"b\":0,\"c\":false}", "{\"a\":true,\"b\":false,\"c\":false}", false},
    {"and nothing like them", "{\"name\":\"a\",\"type\":\"boolean\"}", "{\"a\":\"yes\"}",
     "invalid params: a: expected boolean, got \"yes\"", true},
    {"dates and times", "{\"name\":\"a\",\"type\":\"date\"},{\"name\":\"b\",\"type\":\"date\"}",
     "{\"a\":\"2026-02-28\",\"b\":\"2026-02-28T10:00:00Z\"}",
     "{\"a\":\"2026-02-28\",\"b\":\"2026-02-28T10:00:00Z\"}", false},
    {"that exist", "{\"name\":\"a\",\"type\":\"date\"}", "{\"a\":\"2026-02-30\"}",
     "expected RFC3339 or YYYY-MM-DD date, got \"2026-02-30\"", true},
    {"email", "{\"name\":\"a\",\"type\":\"email\"}", "{\"a\":\"a@b.c\"}", "{\"a\":\"a@b.c\"}",
     false},
    {"email without a domain", "{\"name\":\"a\",\"type\":\"email\"}", "{\"a\":\"a@b\"}",
     "invalid params: a: invalid email \"a@b\"", true},
    {"email with two at signs", "{\"name\":\"a\",\"type\":\"email\"}", "{\"a\":\"a@b@c.d\"}",
     "invalid email", true},
    {"email that ends in a point", "{\"name\":\"a\",\"type\":\"email\"}", "{\"a\":\"a@b.\"}",
     "invalid email", true},
    {"phone", "{\"name\":\"a\",\"type\":\"phone\"}", "{\"a\":\"+1 (555) 12-34\"}",
     "{\"a\":\"+1 (555) 12-34\"}", false},
    {"phone too short", "{\"name\":\"a\",\"type\":\"phone\"}", "{\"a\":\"+1234\"}",
     "invalid phone \"+1234\"", true},
    {"upper case before it is checked",
     "{\"name\":\"a\",\"normalize\":\"uppercase\",\"validation\":\"^[A-Z]+$\"}", "{\"a\":\"abc\"}",
     "{\"a\":\"ABC\"}", false},
    {"lower case", "{\"name\":\"a\",\"normalize\":\"lowercase\"}", "{\"a\":\"AbC\"}",
     "{\"a\":\"abc\"}", false},
    {"letters and digits alone", "{\"name\":\"a\",\"normalize\":\"alphanumeric\"}",
     "{\"a\":\"a-1 B_2\"}", "{\"a\":\"a1B2\"}", false},
    {"an order's number", "{\"name\":\"a\",\"normalize\":\"order_id\"}", "{\"a\":\" so - 12 \"}",
     "{\"a\":\"SO-12\"}", false},
    {"a pattern is searched", "{\"name\":\"a\",\"validation\":\"b+\"}", "{\"a\":\"abbc\"}",
     "{\"a\":\"abbc\"}", false},
    {"and must be there", "{\"name\":\"a\",\"validation\":\"^b\"}", "{\"a\":\"abc\"}",
     "invalid params: a: does not match pattern", true},
    {"one that RE2 has not", "{\"name\":\"a\",\"validation\":\"(?=b)\"}", "{\"a\":\"b\"}",
     "invalid params: a: invalid validation regex: ", true},
    {"one that would take for ever is not found", "{\"name\":\"a\",\"validation\":\"^(a+)+$\"}",
     "{\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"}", "does not match pattern", true},
    {"a value with quotes", "{\"name\":\"a\",\"type\":\"number\"}", "{\"a\":\"\\\"\\n\"}",
     "got \"\\\"\"", true},
};

MC_TEST("parameters are normalized, checked and typed, and all that is wrong is told at once")
{
    for (size_t i = 0; i < MC_LEN(inputs); i++) {
        mc_str problems = MC_STR("");
        mc_buf tools, out;
        mc_tool tool;
        mc_err err;
        mc_code rc;

        MC_CASE(inputs[i].name);
        (void)parse("null"); /* makes the arena */
        mc_buf_init_arena(&tools, arena, 0);
        mc_buf_init_arena(&out, arena, 0);
        mc_buf_printf(&tools, "[{\"id\":\"t\",\"input_schema\":[%s]}]", inputs[i].params);
        MC_EXPECT_OK(mc_tool_find(parse(mc_str_z(arena, mc_buf_get(&tools))), MC_STR("t"), arena,
                                  &tool, &err),
                     &err);
        rc = mc_tool_read_input(&tool, arena, inputs[i].given ? parse(inputs[i].given) : NULL, &out,
                                &problems, &err);
        MC_EXPECT_EQ(rc, inputs[i].is_refused ? MC_REJECTED : MC_OK);
        if (inputs[i].is_refused)
            MC_EXPECT_HAS(problems, inputs[i].want);
        else
            MC_EXPECT_Z(mc_buf_get(&out), inputs[i].want);
    }
}

static const struct {
    const char *name, *tool;
    const char *method, *function;
    int64_t timeout_s;
} tools[] = {
    {"the defaults", "{\"id\":\"t\",\"endpoint\":\"https://a.b\"}", "POST", "", 15},
    {"its own", "{\"id\":\"t\",\"method\":\"get\",\"timeout\":20}", "GET", "", 20},
    {"too long", "{\"id\":\"t\",\"timeout\":3600}", "POST", "", 60},
    {"no time at all", "{\"id\":\"t\",\"timeout\":-1}", "POST", "", 15},
    {"an export", "{\"id\":\"t\",\"endpoint\":\"wasm://find\"}", "POST", "find", 15},
    {"a handler", "{\"id\":\"t\",\"handler\":{\"type\":\"wasm\",\"function\":\"find\"}}", "POST",
     "find", 15},
    {"an endpoint goes before a handler",
     "{\"id\":\"t\",\"endpoint\":\"https://a.b\",\"handler\":{\"type\":\"wasm\",\"function\":"
     "\"f\"}}",
     "POST", "", 15},
};

MC_TEST("a tool is found by its id, with the contract's defaults")
{
    mc_tool tool;
    mc_err err;

    for (size_t i = 0; i < MC_LEN(tools); i++) {
        MC_CASE(tools[i].name);
        (void)parse("null");
        MC_EXPECT_OK(
            mc_tool_find(parse(mc_str_printf(arena, "[{\"id\":\"u\"},%s]", tools[i].tool).ptr),
                         MC_STR("t"), arena, &tool, &err),
            &err);
        MC_EXPECT_Z(tool.method, tools[i].method);
        MC_EXPECT_Z(tool.function, tools[i].function);
        MC_EXPECT_EQ(tool.timeout_s, tools[i].timeout_s);
    }
    MC_EXPECT_EQ(mc_tool_find(parse("[{\"id\":\"T\"}]"), MC_STR("t"), arena, &tool, &err),
                 MC_NOT_FOUND);
    MC_EXPECT_HAS(mc_z(err.msg), "tool not registered");
    MC_EXPECT_EQ(mc_tool_find(NULL, MC_STR("t"), arena, &tool, &err), MC_NOT_FOUND);
}

static const struct {
    const char *name, *body, *want;
} results[] = {
    {"nothing", "", "{\"success\":true}"},
    {"blanks", " \n", "{\"success\":true}"},
    {"an envelope", "{\"success\":true,\"data\":{\"n\":1},\"metadata\":{\"t\":2}}",
     "{\"success\":true,\"data\":{\"n\":1},\"metadata\":{\"t\":2}}"},
    {"a failure", "{\"success\":false,\"error\":\"no\"}", "{\"success\":false,\"error\":\"no\"}"},
    {"an error alone", "{\"error\":\"no\"}", "{\"success\":false,\"error\":\"no\"}"},
    {"an empty error is none", "{\"error\":\"\",\"data\":1}", "{\"success\":true,\"data\":1}"},
    {"an error of parts", "{\"error\":{\"code\":\"c\",\"message\":\"m\"}}",
     "{\"success\":false,\"error\":\"m\"}"},
    {"metadata alone", "{\"metadata\":{}}", "{\"success\":true,\"metadata\":{}}"},
    {"other JSON", "{\"data\":1}", "{\"success\":true,\"data\":{\"data\":1}}"},
    {"a list", "[1,2]", "{\"success\":true,\"data\":[1,2]}"},
    {"text", "all is <well>", "{\"success\":true,\"data\":\"all is \\u003cwell\\u003e\"}"},
    {"bytes",
     "a\xff"
     "b",
     "{\"success\":true,\"data\":\"a\xef\xbf\xbd"
     "b\"}"},
};

MC_TEST("an answer is an envelope, data, or text")
{
    for (size_t i = 0; i < MC_LEN(results); i++) {
        mc_tool_result result;
        mc_buf out;
        mc_err err;

        MC_CASE(results[i].name);
        (void)parse("null");
        mc_buf_init_arena(&out, arena, 0);
        MC_EXPECT_OK(mc_tool_read_result(arena, mc_z(results[i].body), &result, &err), &err);
        mc_tool_result_write(&out, &result);
        MC_EXPECT_Z(mc_buf_get(&out), results[i].want);
    }
    mc_arena_free(arena);
    arena = NULL;
}

static mc_code run_tool(mc_err *err)
{
    static const char defined[] =
        "[{\"id\":\"t\",\"method\":\"get\",\"input_schema\":[{\"name\":\"a\",\"normalize\":"
        "\"uppercase\",\"validation\":\"^A\"},{\"name\":\"b\",\"type\":\"number\"}]}]";
    mc_arena *own = mc_arena_new(0);
    const mc_json *list = NULL, *given = NULL;
    mc_str problems = MC_STR("");
    mc_tool_result result;
    mc_tool tool;
    mc_buf out;
    mc_code rc = own ? MC_OK : mc_fail(err, MC_NO_MEMORY, "test");

    if (rc == MC_OK)
        rc = mc_json_parse(own, mc_z(defined), NULL, &list, err);
    if (rc == MC_OK)
        rc = mc_json_parse(own, MC_STR("{\"a\":\"ab\",\"b\":\"7.0\"}"), NULL, &given, err);
    if (rc == MC_OK)
        rc = mc_tool_find(list, MC_STR("t"), own, &tool, err);
    if (rc == MC_OK) {
        mc_buf_init_arena(&out, own, 0);
        rc = mc_tool_read_input(&tool, own, given, &out, &problems, err);
    }
    if (rc == MC_OK)
        rc = mc_tool_read_result(own, MC_STR("not \xff JSON"), &result, err);
    mc_arena_free(own);
    return rc;
}

MC_TEST("without memory a tool is refused, and nothing is left behind")
{
    MC_TEST_OOM(run_tool);
}
