/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/manifest/manifest.h"

#include "mc_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KERNEL MC_STR("2.0.0")

/* A manifest that is right, and then `rest`, whose keys win over it. */
static mc_code parse(const char *rest, mc_manifest **out, mc_err *err)
{
    char json[8192];

    (void)snprintf(json, sizeof(json),
                   "{\"key\":\"demo\",\"name\":\"Demo\",\"version\":\"1.0.0\"%s%s}",
                   *rest ? "," : "", rest);
    return mc_manifest_parse(mc_z(json), out, err);
}

/* ---- parsing ---- */

MC_TEST("a manifest is read whatever the case of its keys; unknown ones are ignored, the last wins")
{
    mc_manifest *m = NULL;
    mc_err err;

    MC_REQUIRE_OK(
        parse("\"version\":\"1.2.3\",\"Tenant_Isolation\":\"shared\",\"surprise\":[{\"a\":1}],"
              "\"MODEL_DEFINITIONS\":[{\"table_name\":\"things\",\"Model_Key\":\"thing\","
              "\"label\":\"Thing\",\"org_scoped\":true,\"columns\":[{\"name\":\"price\",\"type\":"
              "\"decimal\",\"default\":1.50,\"validation\":{\"min\":0,\"max\":9.99}},{\"name\":"
              "\"code\",\"type\":\"string\",\"size\":20,\"unique\":true,\"default\":\"'a'\"},"
              "{\"name\":\"on\",\"type\":\"bool\",\"default\":false}],\"relations\":[{\"name\":"
              "\"owner\",\"kind\":\"belongs_to\",\"through\":\"users\",\"foreign_key\":\"owner_"
              "id\"}],"
              "\"table\":{\"title\":\"t\"}}],\"actions\":{\"thing\":[{\"key\":\"go\"}]}",
              &m, &err),
        &err);
    MC_EXPECT_Z(m->version, "1.2.3");
    MC_EXPECT_Z(m->tenant_isolation, "shared");
    MC_REQUIRE(m->model_count == 1);
    MC_EXPECT_Z(m->models[0].key, "thing");
    MC_EXPECT_Z(m->models[0].table, "things");
    MC_EXPECT_Z(m->models[0].addon_key, "demo");
    MC_EXPECT(m->models[0].org_scoped && !m->models[0].soft_delete);
    MC_REQUIRE(m->models[0].column_count == 3);
    MC_EXPECT_Z(m->models[0].columns[0].default_sql, "1.5");
    MC_EXPECT_Z(m->models[0].columns[0].min, "0");
    MC_EXPECT_Z(m->models[0].columns[0].max, "9.99");
    MC_EXPECT_EQ(m->models[0].columns[1].size, 20);
    MC_EXPECT(m->models[0].columns[1].unique);
    MC_EXPECT_Z(m->models[0].columns[1].default_sql, "'a'");
    MC_EXPECT_Z(m->models[0].columns[2].default_sql, "false");
    MC_EXPECT_Z(m->models[0].relations[0].through, "users");
    MC_EXPECT(m->models[0].table_meta && !m->models[0].modal_meta);
    MC_EXPECT(m->models[0].actions && m->models[0].actions->as.array.count == 1);
    mc_manifest_free(m);
}

MC_TEST("a wrong type is refused with its path; null is the zero value")
{
    static const struct {
        const char *rest, *message; /* NULL: fine */
    } cases[] = {
        {"\"name\":5", "manifest.name: want text, got number"},
        {"\"description\":[]", "manifest.description: want text, got array"},
        {"\"price\":9", "manifest.price: want text"},
        {"\"models\":{}", "manifest.models: want an array, got object"},
        {"\"models\":[1]", "manifest.models[0]: want an object, got number"},
        {"\"navigation\":[{\"items\":[{\"items\":[{\"url\":1}]}]}]",
         "manifest.navigation[0].items[0].items[0].url: want text"},
        {"\"settings\":[{\"secret\":\"yes\"}]", "manifest.settings[0].secret: want true or false"},
        {"\"hooks\":{\"a::b\":1}", "manifest.hooks[\"a::b\"]: want text"},
        {"\"actions\":{\"m\":{}}", "manifest.actions[\"m\"]: want an array"},
        {"\"actions\":{\"m\":[{\"trigger\":{\"run_in_tx\":1}}]}",
         "manifest.actions[\"m\"][0].trigger.run_in_tx: want true or false"},
        {"\"tools\":[{\"timeout\":1.5}]", "manifest.tools[0].timeout: want a whole number"},
        {"\"tools\":[{\"settings\":[]}]", "manifest.tools[0].settings: want an object"},
        {"\"i18n\":{\"en\":{\"a\":1}}", "manifest.i18n[\"en\"][\"a\"]: want text"},
        {"\"i18n\":{\"en\":[]}", "manifest.i18n[\"en\"]: want an object"},
        {"\"events\":[1]", "manifest.events[0]: want text"},
        {"\"lifecycle_hooks\":{\"install\":[{\"async\":1}]}",
         "manifest.lifecycle_hooks[\"install\"][0].async: want true or false"},
        {"\"frontend\":[]", "manifest.frontend: want an object"},
        {"\"backend\":{\"exports\":\"a\"}", "manifest.backend.exports: want an array"},
        {"\"backend\":{\"memory_limit_mb\":\"64\"}",
         "manifest.backend.memory_limit_mb: want a whole"},
        {"\"signature\":{\"checksums\":{\"a\":false}}",
         "manifest.signature.checksums[\"a\"]: want"},
        {"\"model_definitions\":[{\"columns\":[{\"size\":-3000000000}]}]",
         "manifest.model_definitions[0].columns[0].size: want a whole number"},
        {"\"model_definitions\":[{\"columns\":[{\"validation\":{\"min\":\"1\"}}]}]",
         "manifest.model_definitions[0].columns[0].validation.min: want a number"},
        {"\"NAVIGATION\":5", "manifest.navigation: want an array"},
        {"\"navigation\":null,\"settings\":[null],\"events\":[null],\"i18n\":{\"en\":null},"
         "\"backend\":null,\"actions\":{\"m\":[null]},\"model_definitions\":null",
         NULL},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_manifest *m = NULL;
        mc_err err = {0};

        MC_CASE(cases[i].rest);
        MC_EXPECT_EQ(parse(cases[i].rest, &m, &err), cases[i].message ? MC_INVALID : MC_OK);
        if (cases[i].message)
            MC_EXPECT_HAS(mc_z(err.msg), cases[i].message);
        mc_manifest_free(m);
    }
}

MC_TEST("what is no manifest at all is refused, a manifest of version 3 by name")
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", ""},
        {"[]", "manifest: want an object, got array"},
        {"\"demo\"", "manifest: want an object, got string"},
        {"null", "manifest: want an object, got null"},
        {"{\"key\":\"demo\"", ""},
        {"{} {}", ""},
        {"{\"apiVersion\":\"asteby.com/v3\",\"kind\":\"Addon\",\"metadata\":{\"key\":\"x\"}}",
         "apiVersion asteby.com/v3 is not supported"},
        {"{\"APIVERSION\":\"asteby.com/v3alpha\"}", "is not supported"},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_manifest *m = NULL;
        mc_err err = {0};

        MC_CASE(cases[i].text);
        MC_EXPECT_EQ(mc_manifest_parse(mc_z(cases[i].text), &m, &err), MC_INVALID);
        MC_EXPECT_HAS(mc_z(err.msg), cases[i].message);
        MC_EXPECT(!m);
    }
}

MC_TEST("a manifest larger than the limit is refused before it is read")
{
    char *text = malloc(MC_MANIFEST_BYTES_MAX + 1);
    mc_manifest *m = NULL;
    mc_err err;

    MC_REQUIRE(text);
    memset(text, ' ', MC_MANIFEST_BYTES_MAX + 1);
    MC_EXPECT_EQ(mc_manifest_parse(mc_str_of(text, MC_MANIFEST_BYTES_MAX + 1), &m, &err),
                 MC_TOO_LARGE);
    free(text);
}

/* ---- the contract's rules ---- */

#define MODEL(rest)                                                                                \
    "\"model_definitions\":[{\"table_name\":\"things\",\"model_key\":\"things\"," rest "}]"
#define COLUMNS "\"columns\":[{\"name\":\"a\",\"type\":\"text\"}]"
#define COLUMN(rest) MODEL("\"columns\":[{\"name\":\"a\",\"type\":\"text\"," rest "}]")
#define RELATION(rest) MODEL(COLUMNS ",\"relations\":[" rest "]")
#define REGEX(pattern) COLUMN("\"validation\":{\"regex\":\"" pattern "\"}")
#define CAPABILITY(kind, target)                                                                   \
    "\"capabilities\":[{\"kind\":\"" kind "\",\"target\":\"" target "\"}]"
#define WASM "\"backend\":{\"runtime\":\"wasm\",\"entry\":\"b.wasm\",\"exports\":[\"run\"]}"
#define TRIGGER(rest) WASM ",\"actions\":{\"m\":[{\"key\":\"k\",\"trigger\":{" rest "}}]}"
#define P0 "manifest.model_definitions[0]"
#define C0 P0 ".columns[0]"
#define R0 P0 ".relations[0]: "

static const struct {
    const char *rest, *message; /* NULL: valid */
} rules[] = {
    {"", NULL},
    /* 1 */
    {"\"key\":\"Demo\"", "manifest: invalid key \"Demo\""},
    {"\"key\":\"d\"", "manifest: invalid key \"d\""},
    {"\"key\":\"\"", "manifest: invalid key \"\""},
    {"\"key\":null", "manifest: invalid key \"\""},
    {"\"key\":\"1demo\"", "manifest: invalid key \"1demo\""},
    {"\"key\":\"de-mo\"", "manifest: invalid key \"de-mo\""},
    {"\"key\":\"demo\\n\"", "manifest: invalid key \"demo\\n\""},
    {"\"key\":\"d2_\"", NULL},
    {"\"key\":\"a234567890123456789012345678901234567890123456789012345678901234\"", NULL},
    {"\"key\":\"a2345678901234567890123456789012345678901234567890123456789012345\"",
     "manifest: invalid key"},
    {"\"name\":\"  \"", "manifest: name required"},
    /* 2 */
    {"\"version\":\"one\"", "manifest: version \"one\" is not semver: "},
    {"\"version\":\"\"", "manifest: version \"\" is not semver: "},
    {"\"version\":\"v1\"", NULL},
    /* 3 */
    {"\"kernel\":\"\"", NULL},
    {"\"kernel\":\">=2.0.0 <3.0.0\"", NULL},
    {"\"kernel\":\"newest\"", "manifest.kernel: invalid range \"newest\": "},
    {"\"kernel\":\">=2.1\"", "manifest.kernel: host 2.0.0 does not satisfy >=2.1"},
    /* 4 */
    {MODEL(COLUMNS), NULL},
    {MODEL(COLUMNS ",\"table_name\":\"Things\""), P0 ": invalid table_name \"Things\""},
    {MODEL(COLUMNS ",\"model_key\":\"\""), P0 ": model_key required"},
    {MODEL("\"columns\":[]"), P0 ": columns required"},
    {"\"model_definitions\":[null]", P0 ": invalid table_name \"\""},
    /* 5 */
    {COLUMN("\"name\":\"a b\""), C0 ": invalid name \"a b\""},
    {COLUMN("\"default\":\"now()\""), NULL},
    {COLUMN("\"default\":\"\""), NULL},
    {COLUMN("\"default\":\"'it; is'\""),
     C0 ".default: 'it; is' not allowed (use numeric, 'quoted' literal, now(), gen_random_uuid(), "
        "true, false, null)"},
    {COLUMN("\"default\":\"(SELECT 1)\""), C0 ".default: (SELECT 1) not allowed"},
    {COLUMN("\"default\":{\"b\":1000000,\"a\":[1,\"x\",null,true,0.5]}"),
     C0 ".default: map[a:[1 x <nil> true 0.5] b:1e+06] not allowed"},
    {COLUMN("\"default\":[]"), C0 ".default: [] not allowed"},
    /* 6 */
    {COLUMN("\"visibility\":\"list\""), NULL},
    {COLUMN("\"visibility\":\"<\\u0001\\n\\u2028\\u00e9\\\\\\\"\\u007f>\""),
     C0 ": visibility \"<\\x01\\n\\u2028\xc3\xa9\\\\\\\"\\x7f>\" not allowed"},
    {COLUMN("\"visibility\":\"none\""),
     C0 ": visibility \"none\" not allowed (want table|modal|list|all)"},
    /* 7 */
    {COLUMN("\"widget\":\"multi_select\""), NULL},
    {COLUMN("\"widget\":\"knob\""), C0 ": widget \"knob\" not allowed"},
    {COLUMN("\"widget\":\"text|textarea\""), C0 ": widget \"text|textarea\" not allowed"},
    /* 8 */
    {REGEX("^[a-z]+(\\\\.[a-z]{2,10}?)*$"), NULL},
    {REGEX("(?i)(?P<year>\\\\d{4})-(?<month>\\\\d\\\\d)\\\\b(?:x|\\\\(?=)[[:alpha:](?=]\\\\Q(?!"
           "\\\\E"),
     NULL},
    {REGEX("["), C0 ": validation: regex \"[\" does not compile: "},
    {REGEX("(a"), "does not compile: "},
    {REGEX("(a)\\\\1"), "does not compile: invalid escape sequence: `\\1`"},
    {REGEX("(?P<n>a)\\\\k<n>"), "does not compile: invalid escape sequence: `\\k`"},
    {REGEX("(?P<n>a)(?P=n)"), "does not compile: invalid or unsupported Perl syntax: `(?P`"},
    {REGEX("a(?=b)"), "does not compile: invalid or unsupported Perl syntax: `(?=`"},
    {REGEX("a(?!b)"), "invalid or unsupported Perl syntax"},
    {REGEX("(?<=a)b"), "invalid or unsupported Perl syntax"},
    {REGEX("(?<!a)b"), "invalid or unsupported Perl syntax"},
    {REGEX("(?>a+)b"), "invalid or unsupported Perl syntax"},
    {REGEX("(a(?R)?b)"), "invalid or unsupported Perl syntax"},
    {REGEX("(a)(?1)"), "invalid or unsupported Perl syntax"},
    {REGEX("(?x)a b"), "invalid or unsupported Perl syntax"},
    {REGEX("(?#note)a"), "invalid or unsupported Perl syntax"},
    {REGEX("(*ACCEPT)a"), "missing argument to repetition operator"},
    {REGEX("a++"), "invalid nested repetition operator"},
    {REGEX("a{2}{3}"), "invalid nested repetition operator"},
    {REGEX("a{1001}"), "invalid repeat count"},
    {REGEX("a{1,99999999999}"), "invalid repeat count"},
    {REGEX("a{,5}"), NULL},
    {REGEX("\\\\Ka"), "invalid escape sequence: `\\K`"},
    {REGEX("\\\\Ga"), "invalid escape sequence"},
    {COLUMN("\"validation\":{\"min\":0,\"max\":0}"), NULL},
    {COLUMN("\"validation\":{\"min\":2,\"max\":1.5}"),
     C0 ": validation: min 2 greater than max 1.5"},
    {COLUMN("\"validation\":{\"min\":9007199254740993,\"max\":9007199254740992}"),
     "min 9007199254740993 greater than max 9007199254740992"},
    {COLUMN("\"validation\":{\"min\":1e100,\"max\":1}"), "min 1e+100 greater than max 1"},
    {COLUMN("\"validation\":{\"min\":1234567.50,\"max\":-0.00001}"),
     "min 1.2345675e+06 greater than max -1e-05"},
    {COLUMN("\"validation\":{\"min\":999999,\"max\":10.0}"), "min 999999 greater than max 10"},
    {COLUMN("\"validation\":{\"min\":0.0001,\"max\":0}"), "min 0.0001 greater than max 0"},
    {COLUMN("\"validation\":{\"custom\":\"email.basic\"}"), NULL},
    {COLUMN("\"validation\":{\"custom\":\"$org.tax_id_validator\"}"), NULL},
    {COLUMN("\"validation\":{\"custom\":\"email\"}"),
     C0 ": validation: custom \"email\" must be a dotted identifier (e.g. \"email.basic\") or an "
        "org reference"},
    {COLUMN("\"validation\":{\"custom\":\"$org.\"}"), "custom \"$org.\" must be"},
    {COLUMN("\"validation\":{\"custom\":\"a..b\"}"), "custom \"a..b\" must be"},
    {COLUMN("\"validation\":{\"custom\":\"a.b.\"}"), "custom \"a.b.\" must be"},
    /* 9 */
    {RELATION("{\"name\":\"r\",\"kind\":\"one_to_many\",\"through\":\"lines\",\"foreign_key\":"
              "\"thing_id\"},{\"name\":\"s\",\"kind\":\"many_to_many\",\"through\":\"tags\","
              "\"foreign_key\":\"thing_id\",\"references\":\"tag_id\",\"pivot\":\"thing_tags\"}"),
     NULL},
    {RELATION("{\"name\":\"R\"}"), R0 "invalid name \"R\""},
    {RELATION("{\"name\":\"r\",\"kind\":\"belongs_to\",\"through\":\"u\",\"foreign_key\":\"u_id\"},"
              "{\"name\":\"r\"}"),
     P0 ".relations[1]: duplicate name \"r\" (also at relations[0])"},
    {RELATION("{\"name\":\"r\",\"kind\":\"has_one\"}"),
     R0 "unknown kind \"has_one\" (want one_to_many|many_to_many)"},
    {RELATION("{\"name\":\"r\",\"kind\":\"belongs_to\",\"through\":\"\"}"),
     R0 "invalid through \"\""},
    {RELATION("{\"name\":\"r\",\"kind\":\"belongs_to\",\"through\":\"u\",\"foreign_key\":\"U\"}"),
     R0 "invalid foreign_key \"U\""},
    {RELATION("{\"name\":\"r\",\"kind\":\"belongs_to\",\"through\":\"u\",\"foreign_key\":\"u\","
              "\"references\":\"I D\"}"),
     R0 "invalid references \"I D\""},
    {RELATION("{\"name\":\"r\",\"kind\":\"belongs_to\",\"through\":\"u\",\"foreign_key\":\"u\","
              "\"pivot\":\"p\"}"),
     R0 "pivot \"p\" not allowed for belongs_to"},
    {RELATION("{\"name\":\"r\",\"kind\":\"many_to_many\",\"through\":\"u\",\"foreign_key\":\"u\"}"),
     R0 "many_to_many requires a valid pivot, got \"\""},
    /* 10 */
    {CAPABILITY("db:read", "tickets"), NULL},
    {CAPABILITY("read", "tickets"),
     "manifest.capabilities[0]: kind must be namespaced (e.g. db:read)"},
    {CAPABILITY("db:read", ""), "manifest.capabilities[0]: target required"},
    /* 11 */
    {CAPABILITY("http:fetch", "*.example.com"), NULL},
    {CAPABILITY("http:fetch", "*"), "manifest.capabilities[0].target: \"*\" is too broad for "
                                    "http:fetch (require a concrete TLD like "
                                    "api.example.com or *.example.com)"},
    {CAPABILITY("http:fetch", "*.*"), "\"*.*\" is too broad"},
    {CAPABILITY("http:fetch", "*.com"), "\"*.com\" is too broad"},
    /* 12 */
    {CAPABILITY("db:write", "*"), "manifest.capabilities[0].target: wildcard \"*\" not allowed for "
                                  "db:write \xe2\x80\x94 declare explicit model names"},
    {CAPABILITY("db:read", "*"), "wildcard \"*\" not allowed for db:read"},
    {CAPABILITY("event:emit", "*"), NULL},
    /* 13 */
    {"\"backend\":{\"runtime\":\"webhook\",\"url\":\"https://x\"}", NULL},
    {"\"backend\":{\"runtime\":\"lua\"}",
     "manifest.backend.runtime: unknown \"lua\" (want webhook|wasm|binary)"},
    {"\"backend\":{}", "manifest.backend.runtime: unknown \"\" (want webhook|wasm|binary)"},
    /* 14 */
    {"\"backend\":{\"runtime\":\"wasm\",\"entry\":\" \"}",
     "manifest.backend.entry: required when runtime=wasm"},
    {WASM ",\"hooks\":{\"m::run\":\"u\",\"plain\":\"u\"}", NULL},
    {WASM ",\"hooks\":{\"m::stop\":\"u\"}",
     "manifest.hooks[\"m::stop\"]: action \"stop\" is not listed in backend.exports"},
    {"\"backend\":{\"runtime\":\"webhook\"},\"hooks\":{\"m::stop\":\"u\"}", NULL},
    /* 15 */
    {TRIGGER("\"type\":\"cron\""),
     "manifest.actions[\"m\"][0].trigger.type: unknown \"cron\" (want wasm|webhook|noop)"},
    {"\"extensions\":[{\"model\":\"m\",\"actions\":[{\"trigger\":{\"type\":\"\"}}]}]",
     "manifest.extensions[0].actions[0].trigger.type: unknown \"\" (want wasm|webhook|noop)"},
    /* 16 */
    {TRIGGER("\"type\":\"wasm\",\"export\":\"run\",\"run_in_tx\":true"), NULL},
    {TRIGGER("\"type\":\"wasm\""),
     "manifest.actions[\"m\"][0].trigger.export: required when type=wasm"},
    {TRIGGER("\"type\":\"wasm\",\"export\":\"1run\""),
     "manifest.actions[\"m\"][0].trigger.export: invalid symbol \"1run\""},
    {TRIGGER("\"type\":\"wasm\",\"export\":\"stop\""),
     "manifest.actions[\"m\"][0].trigger.export: \"stop\" not declared in backend.exports"},
    /* 17 */
    {TRIGGER("\"type\":\"noop\""), NULL},
    {TRIGGER("\"type\":\"noop\",\"export\":\"run\""),
     "manifest.actions[\"m\"][0].trigger.export: not allowed when type=noop"},
    {TRIGGER("\"type\":\"webhook\",\"run_in_tx\":true"),
     "manifest.actions[\"m\"][0].trigger.run_in_tx: not allowed when type=webhook"},
    /* 18 */
    {"\"frontend\":{\"entry\":\"a.js\",\"format\":\"script\"}", NULL},
    {"\"frontend\":{\"entry\":\"a.js\",\"format\":\"\"}", NULL},
    {"\"frontend\":{\"format\":\"iframe\"}", "manifest.frontend.format: unknown \"iframe\""},
};

MC_TEST("each rule of the contract has its case and its words")
{
    for (size_t i = 0; i < MC_LEN(rules); i++) {
        mc_manifest *m = NULL;
        mc_manifest_problem *problems = NULL;
        mc_arena *arena = mc_arena_new(0);
        size_t count = 0;
        mc_err err = {0};

        MC_CASE(rules[i].rest);
        MC_EXPECT_OK(parse(rules[i].rest, &m, &err), &err);
        MC_EXPECT_EQ(mc_manifest_validate(m, KERNEL, &err), rules[i].message ? MC_INVALID : MC_OK);
        if (rules[i].message) {
            MC_EXPECT_OK(mc_manifest_check(m, KERNEL, arena, &problems, &count, &err), &err);
            MC_EXPECT(count > 0);
            MC_EXPECT_HAS(count ? problems[0].message : MC_STR(""), rules[i].message);
        }
        mc_manifest_free(m);
        mc_arena_free(arena);
    }
}

MC_TEST("the first broken rule is told, in the contract's order; a check tells all")
{
    static const char *const told[] = {"manifest: invalid key \"X\"",
                                       "manifest: name required",
                                       "manifest: version \"z\" is not semver",
                                       P0 ": columns required",
                                       "manifest.capabilities[0]: target required",
                                       "manifest.frontend.format: unknown \"f\""};
    mc_arena *arena = mc_arena_new(0);
    mc_manifest_problem *problems;
    mc_manifest *m = NULL;
    size_t count;
    mc_err err;

    MC_REQUIRE_OK(
        parse("\"key\":\"X\",\"name\":\"\",\"version\":\"z\"," MODEL(
                  "\"columns\":[]") "," CAPABILITY("a:b", "") ",\"frontend\":{\"format\":\"f\"}",
              &m, &err),
        &err);
    MC_EXPECT_EQ(mc_manifest_validate(m, KERNEL, &err), MC_INVALID);
    MC_EXPECT_Z(mc_z(err.msg), told[0]);
    MC_REQUIRE_OK(mc_manifest_check(m, KERNEL, arena, &problems, &count, &err), &err);
    MC_REQUIRE(count == MC_LEN(told));
    for (size_t i = 0; i < count; i++)
        MC_EXPECT_HAS(problems[i].message, told[i]);
    MC_EXPECT_Z(problems[3].path, P0);
    mc_manifest_free(m);
    mc_arena_free(arena);
}

MC_TEST("no manifest, and a host whose version is none, are errors too")
{
    mc_manifest *m = NULL;
    mc_err err;

    MC_EXPECT_EQ(mc_manifest_validate(NULL, KERNEL, &err), MC_INVALID);
    MC_EXPECT_Z(mc_z(err.msg), "manifest: nil");
    MC_REQUIRE_OK(parse("\"kernel\":\">=2\"", &m, &err), &err);
    MC_EXPECT_EQ(mc_manifest_validate(m, MC_STR("two"), &err), MC_INVALID);
    MC_EXPECT_HAS(mc_z(err.msg), "kernel version \"two\" is not semver: ");
    mc_manifest_free(m);
}

/* ---- beyond the contract ---- */

MC_TEST("a check also finds what the contract lets pass and an installation would not")
{
    static const struct {
        const char *rest, *message; /* NULL: nothing found */
    } cases[] = {
        {MODEL("\"columns\":[{\"name\":\"a\",\"type\":\"Money\"}]"),
         C0 ": unknown column type \"Money\""},
        {MODEL("\"columns\":[{\"name\":\"a\",\"type\":\"JSONB\"}]"), NULL},
        {MODEL("\"columns\":[{\"name\":\"created_at\",\"type\":\"datetime\"},{\"name\":\"a\","
               "\"type\":\"text\"}]"),
         NULL},
        {MODEL(
             "\"columns\":[{\"name\":\"a\",\"type\":\"text\"},{\"name\":\"a\",\"type\":\"text\"}]"),
         P0 ".columns[1]: name \"a\" stands also at columns[0]"},
        {"\"model_definitions\":[{\"table_name\":\"t\",\"model_key\":\"a\"," COLUMNS
         "},{\"table_name\":\"t\",\"model_key\":\"b\"," COLUMNS "}]",
         "manifest.model_definitions[1]: table \"t\" stands also at model_definitions[0]"},
        {"\"model_definitions\":[{\"table_name\":\"t\",\"model_key\":\"a\"," COLUMNS
         "},{\"table_name\":\"u\",\"model_key\":\"a\"," COLUMNS "}]",
         "manifest.model_definitions[1]: model_key \"a\" stands also at model_definitions[0]"},
        {MODEL(COLUMNS ",\"model_key\":\"../x\""), P0 ": model_key \"../x\" is no name"},
        {"\"key\":\"a2345678901234567890123456789012345678901\"", "is longer than 40 bytes"},
        {"\"lifecycle_hooks\":{\"before_create\":[{\"event\":\"before_create\",\"target\":{"
         "\"type\":\"webhook\",\"url\":\"https://a.b\"}}],\"after_delete\":[{\"async\":true,"
         "\"target\":{\"type\":\"webhook\",\"url\":\"http://a.b\"}}]}",
         NULL},
        {"\"lifecycle_hooks\":{\"upgrade\":[]}",
         "manifest.lifecycle_hooks[\"upgrade\"]: upgrade hooks are not run here"},
        {"\"lifecycle_hooks\":{\"before_save\":[]}",
         "manifest.lifecycle_hooks[\"before_save\"]: unknown event"},
        {"\"lifecycle_hooks\":{\"install\":[{\"target\":{\"type\":\"prompt\",\"prompt\":\"x\"}}]}",
         "manifest.lifecycle_hooks[\"install\"][0].target.type: prompt hooks are not run here"},
        {"\"lifecycle_hooks\":{\"install\":[{\"target\":{\"type\":\"mail\"}}]}",
         "[0].target.type: unknown (want wasm|webhook)"},
        {"\"lifecycle_hooks\":{\"install\":[{}]}", "[0].target.type: unknown (want wasm|webhook)"},
        {"\"lifecycle_hooks\":{\"install\":[{\"target\":{\"type\":\"webhook\",\"url\":\"/x\"}}]}",
         "[0].target.url: an absolute http or https URL is required when type=webhook"},
        {"\"lifecycle_hooks\":{\"install\":[{\"target\":{\"type\":\"wasm\"}}]}",
         "[0].target.function: required when type=wasm"},
        {"\"lifecycle_hooks\":{\"install\":[{\"target\":{\"type\":\"wasm\",\"function\":\"f\"}}]}",
         "[0].target.function: the addon has no backend of runtime wasm"},
        {WASM
         ",\"lifecycle_hooks\":{\"install\":[{\"target\":{\"type\":\"wasm\",\"function\":\"f\"}}"
         "]}",
         "[0].target.function: not declared in backend.exports"},
        {WASM ",\"lifecycle_hooks\":{\"install\":[{\"target\":{\"type\":\"wasm\",\"function\":"
              "\"run\"}}]}",
         NULL},
        {"\"lifecycle_hooks\":{\"before_create\":[{\"async\":true,\"target\":{\"type\":\"webhook\","
         "\"url\":\"https://a.b\"}}]}",
         "[0].async: only for after_ events"},
        {"\"lifecycle_hooks\":{\"before_create\":[{\"event\":\"after_create\",\"target\":{\"type\":"
         "\"webhook\",\"url\":\"https://a.b\"}}]}",
         "[0].event: is not the event that it stands under"},
        {"\"key\":\"a234567890123456789012345678901234567890\"", NULL},
        {"\"version\":\"1.0.0-a2345678901234567890123456789012345\"",
         "manifest: version is longer than 40 bytes"},
        {"\"version\":\"1.0.0-a234567890123456789012345678901234\"", NULL},
        {MODEL(COLUMNS ",\"model_key\":\"users\""), P0 ": model_key \"users\" is the kernel's own"},
        {MODEL(COLUMNS ",\"model_key\":\"organizations\""), "is the kernel's own"},
        {"\"i18n\":{\"en\":{\"a\":\"b\"},\"pt_BR\":{\"a\":\"c\"}}", NULL},
        {"\"i18n\":{\"not a language\":{}}", "manifest.i18n: "},
    };

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_arena *arena = mc_arena_new(0);
        mc_manifest_problem *problems = NULL;
        mc_manifest *m = NULL;
        size_t count = 0;
        mc_err err;

        MC_CASE(cases[i].rest);
        MC_EXPECT_OK(parse(cases[i].rest, &m, &err), &err);
        MC_EXPECT_OK(mc_manifest_validate(m, KERNEL, &err), &err);
        MC_EXPECT_OK(mc_manifest_check(m, KERNEL, arena, &problems, &count, &err), &err);
        MC_EXPECT_EQ(count, cases[i].message ? 1 : 0);
        if (count)
            MC_EXPECT_HAS(problems[0].message, cases[i].message ? cases[i].message : "");
        mc_manifest_free(m);
        mc_arena_free(arena);
    }
}

MC_TEST("every wrong type is told at once, and keys that nobody knows")
{
    static const char json[] =
        "{\"key\":7,\"name\":\"D\",\"model_definitons\":[],\"settings\":[{\"secret\":\"yes\"}],"
        "\"tools\":[{\"settings\":{\"any\":1}}],\"navigation\":[{\"titel\":\"x\",\"items\":{}}],"
        "\"x-mine\":1,\"NAME\":\"E\"}";
    static const struct {
        const char *path, *message;
        bool is_unknown_key;
    } want[] = {
        {"manifest",
         "\"model_definitons\" is unknown and ignored; did you mean "
         "\"model_definitions\"?",
         true},
        {"manifest", "\"x-mine\" is unknown and ignored", true},
        {"manifest.key", "manifest.key: want text, got number", false},
        {"manifest.navigation[0]", "\"titel\" is unknown and ignored; did you mean \"title\"?",
         true},
        {"manifest.navigation[0].items", "want an array, got object", false},
        {"manifest.settings[0].secret", "want true or false, got string", false},
    };
    mc_arena *arena = mc_arena_new(0);
    mc_manifest_problem *problems = NULL;
    size_t count = 0;
    mc_err err;

    MC_REQUIRE_OK(mc_manifest_check_shape(mc_z(json), arena, &problems, &count, &err), &err);
    MC_EXPECT_EQ(count, MC_LEN(want));
    for (size_t i = 0; i < count && i < MC_LEN(want); i++) {
        MC_EXPECT_Z(problems[i].path, want[i].path);
        MC_EXPECT_HAS(problems[i].message, want[i].message);
        MC_EXPECT_EQ(problems[i].is_unknown_key, want[i].is_unknown_key);
    }
    MC_EXPECT_EQ(mc_manifest_check_shape(MC_STR("{"), arena, &problems, &count, &err), MC_INVALID);
    mc_arena_free(arena);
}

MC_TEST("problems are counted to a limit, however many there are")
{
    mc_arena *arena = mc_arena_new((size_t)64 << 20);
    mc_manifest_problem *problems;
    mc_manifest *m = NULL;
    mc_buf json;
    size_t count;
    mc_err err;

    mc_buf_init(&json, 0);
    mc_buf_lit(&json, "{\"key\":\"demo\",\"name\":\"D\",\"version\":\"1\",\"capabilities\":[");
    for (int i = 0; i < 5000; i++)
        mc_buf_str(&json, i ? MC_STR(",{}") : MC_STR("{}"));
    mc_buf_lit(&json, "]}");
    MC_REQUIRE_OK(mc_manifest_parse(mc_buf_get(&json), &m, &err), &err);
    MC_EXPECT_OK(mc_manifest_check(m, KERNEL, arena, &problems, &count, &err), &err);
    MC_EXPECT_EQ(count, MC_MANIFEST_PROBLEMS_MAX);
    mc_manifest_free(m);
    mc_buf_deinit(&json);
    mc_arena_free(arena);
}

/* ---- defaults ---- */

MC_TEST("a default is a literal or nothing")
{
    static const struct {
        const char *json, *sql; /* NULL: not allowed */
    } cases[] = {
        {"null", ""},
        {"\"\"", ""},
        {"true", "true"},
        {"false", "false"},
        {"5", "5"},
        {"5.0", "5"},
        {"-1.25", "-1.25"},
        {"1e3", "1000"},
        {"9007199254740993", "9007199254740993"},
        {"\"12\"", "12"},
        {"\"-12.50\"", "-12.50"},
        {"\"'open'\"", "'open'"},
        {"\"''\"", "''"},
        {"\"'caf\xc3\xa9'\"", "'caf\xc3\xa9'"},
        {"\"now()\"", "now()"},
        {"\"gen_random_uuid()\"", "gen_random_uuid()"},
        {"\"uuid_generate_v4()\"", "uuid_generate_v4()"},
        {"\"current_timestamp\"", "current_timestamp"},
        {"\"true\"", "true"},
        {"\"null\"", "null"},
        {"\"open\"", NULL},
        {"\"NOW()\"", NULL},
        {"\"now() \"", NULL},
        {"\"'a'b'\"", NULL},
        {"\"'a''b'\"", NULL},
        {"\"'a\\\\'\"", NULL},
        {"\"'a\\\"'\"", NULL},
        {"\"'a;'\"", NULL},
        {"\"'\"", NULL},
        {"\"1.\"", NULL},
        {"\".5\"", NULL},
        {"\"1e5\"", NULL},
        {"\"--1\"", NULL},
        {"\"1; DROP TABLE x\"", NULL},
        {"{}", NULL},
        {"[1]", NULL},
    };
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        const mc_json *value = NULL;
        mc_str sql = MC_STR("");
        mc_err err;

        MC_CASE(cases[i].json);
        MC_EXPECT_OK(mc_json_parse(arena, mc_z(cases[i].json), NULL, &value, &err), &err);
        MC_EXPECT_EQ(mc_manifest_default(arena, value, &sql), cases[i].sql != NULL);
        if (cases[i].sql)
            MC_EXPECT_Z(sql, cases[i].sql);
    }
    mc_arena_free(arena);
}

/* ---- real ones, and no memory ---- */

static void check_file(const char *path)
{
    mc_arena *arena = mc_arena_new((size_t)32 << 20);
    mc_manifest_problem *problems = NULL;
    mc_manifest *m = NULL;
    static char text[1 << 20];
    size_t count = 0;
    mc_err err;
    FILE *f = fopen(path, "r");

    MC_CASE(path);
    MC_REQUIRE(f);
    MC_EXPECT_OK(mc_manifest_parse(mc_str_of(text, fread(text, 1, sizeof(text), f)), &m, &err),
                 &err);
    (void)fclose(f); /* read only */
    MC_EXPECT_OK(mc_manifest_validate(m, KERNEL, &err), &err);
    MC_EXPECT_OK(mc_manifest_check(m, KERNEL, arena, &problems, &count, &err), &err);
    MC_EXPECT_Z(count ? problems[0].message : MC_STR(""), "");
    mc_manifest_free(m);
    mc_arena_free(arena);
}

MC_TEST("the example addon keeps every rule")
{
    check_file(MC_TEST_EXAMPLES "/tickets/manifest.json");
}

static mc_code parse_and_validate(mc_err *err)
{
    mc_manifest *m = NULL;
    mc_code rc = parse(COLUMN("\"default\":\"now()\",\"validation\":{\"regex\":\"^a+$\"}") "," WASM,
                       &m, err);

    if (rc == MC_OK)
        rc = mc_manifest_validate(m, KERNEL, err);
    mc_manifest_free(m);
    return rc;
}

MC_TEST("a manifest that memory does not suffice for is an error and leaves nothing behind")
{
    MC_TEST_OOM(parse_and_validate);
}
