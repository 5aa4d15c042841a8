/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/i18n/i18n.h"

#include "mc_test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static mc_code put(mc_i18n *i18n, const char *source, const char *text, mc_err *err)
{
    mc_arena *arena = mc_arena_new(0);
    const mc_json *json;
    mc_code rc = arena ? mc_json_parse(arena, mc_z(text), NULL, &json, err) : MC_NO_MEMORY;

    if (rc == MC_OK)
        rc = mc_i18n_put(i18n, mc_z(source), json, err);
    mc_arena_free(arena);
    return rc;
}

static mc_i18n *new_i18n(void)
{
    mc_i18n *i18n = NULL;
    mc_err err;

    MC_EXPECT_OK(mc_i18n_new(NULL, &i18n, &err), &err);
    return i18n;
}

static void expect_text(mc_i18n *i18n, const char *lang, const char *source, const char *key,
                        const char *wanted)
{
    mc_arena *arena = mc_arena_new(0);

    MC_EXPECT_Z(mc_i18n_translate(i18n, arena, mc_z(lang), mc_z(source), mc_z(key)), wanted);
    mc_arena_free(arena);
}

static const struct {
    const char *name, *header, *lang;
} negotiations[] = {
    {"nothing sent is the default", "", "en"},
    {"a language there is", "es", "es"},
    {"case does not matter", "ES", "es"},
    {"a region falls back to its language", "es-MX", "es"},
    {"a region there is wins", "de-AT", "de-AT"},
    {"a script and region fall back", "es-Latn-MX", "es"},
    {"the heavier range wins over the first", "en;q=0.3, es;q=0.7", "es"},
    {"equal weights keep their order", "es, en", "es"},
    {"an unknown language leaves it to the next", "fr, es;q=0.2", "es"},
    {"only unknown ones are the default", "fr, ja;q=0.9", "en"},
    {"a star is the default", "*", "en"},
    {"a star after a language that is there", "es, *;q=0.1", "es"},
    {"zero excludes", "es;q=0, *", "en"},
    {"a star without the default is another", "en;q=0, *", "de-AT"},
    {"excluding a language excludes its regions", "de;q=0, de-CH, es;q=0.1", "es"},
    {"a language is content with a region of it", "de", "de-AT"},
    {"spaces around everything", " es ; q=0.5 ,\tfr ", "es"},
    {"underscores are read as dashes", "es_MX", "es"},
    {"a browser's whole header", "es-MX,es;q=0.9,en-US;q=0.8,en;q=0.7", "es"},
    {"a malformed range is skipped", "es;q=2, en", "en"},
    {"four decimals are malformed", "es;q=0.1234, en;q=0.1", "en"},
    {"a weight that is no number", "es;q=x", "en"},
    {"a parameter that is no weight", "es;v=1", "en"},
    {"empty ranges", ",,;,", "en"},
    {"a tag that is too long", "aaaaaaaaaa", "en"},
    {"control bytes", "e\x01s", "en"},
    {"a tag of dashes", "-", "en"},
};

MC_TEST("the language of a request is the best that both sides know")
{
    mc_i18n *i18n = new_i18n();
    mc_err err;

    MC_EXPECT_OK(put(i18n, "desk", "{\"de_at\":{\"a\":\"b\"}}", &err), &err);
    for (size_t i = 0; i < MC_LEN(negotiations); i++) {
        MC_CASE(negotiations[i].name);
        MC_EXPECT_Z(mc_i18n_negotiate(i18n, mc_z(negotiations[i].header)), negotiations[i].lang);
    }
    MC_CASE(NULL);
    mc_i18n_free(i18n);
}

static const struct {
    const char *name, *lang, *source, *key, *text;
} lookups[] = {
    {"the addon's own text", "es", "desk", "title", "Mesa"},
    {"a region falls back to the language", "es-MX", "desk", "title", "Mesa"},
    {"a region's own text wins", "es-AR", "desk", "title", "Escritorio"},
    {"a language without it falls back to the default", "es", "desk", "only_en", "English"},
    {"an unknown language is the default", "fr", "desk", "title", "Desk"},
    {"no language is the default", "", "desk", "title", "Desk"},
    {"what nobody has is the key", "es", "desk", "no.such.key", "no.such.key"},
    {"another addon's text is not mine", "es", "shop", "title", "title"},
    {"another addon cannot change mine", "en", "desk", "status", "Status"},
    {"the host's text wins over the addon's", "en", "desk", "hosted", "By the host"},
    {"the host's text is everybody's", "en", "shop", "hosted", "By the host"},
    {"the kernel's own", "es", "desk", "metacore.action.edit", "Editar"},
    {"the host replaces the kernel's", "en", "", "metacore.action.view", "Look"},
    {"an addon replaces it for itself", "es", "shop", "metacore.action.view", "Mirar"},
    {"and for nobody else", "es", "desk", "metacore.action.view", "Ver"},
};

MC_TEST("a text is found by language first, then host, addon, kernel")
{
    mc_i18n *i18n = new_i18n();
    mc_err err;

    MC_EXPECT_OK(put(i18n, "desk",
                     "{\"en\":{\"title\":\"Desk\",\"only_en\":\"English\",\"status\":\"Status\","
                     "\"hosted\":\"mine\"},\"es\":{\"title\":\"Mesa\"},"
                     "\"es-AR\":{\"title\":\"Escritorio\"}}",
                     &err),
                 &err);
    MC_EXPECT_OK(
        put(i18n, "shop",
            "{\"en\":{\"status\":\"hijacked\"},\"es\":{\"metacore.action.view\":\"Mirar\"}}", &err),
        &err);
    MC_EXPECT_OK(put(i18n, "",
                     "{\"en\":{\"hosted\":\"By the host\",\"metacore.action.view\":\"Look\"}}",
                     &err),
                 &err);
    for (size_t i = 0; i < MC_LEN(lookups); i++) {
        MC_CASE(lookups[i].name);
        expect_text(i18n, lookups[i].lang, lookups[i].source, lookups[i].key, lookups[i].text);
    }
    MC_CASE(NULL);
    mc_i18n_free(i18n);
}

MC_TEST("a catalog is replaced whole, counted, and readers keep what they hold")
{
    mc_i18n *i18n = new_i18n();
    const mc_i18n_texts *before;
    uint64_t generation;
    mc_str text;
    mc_err err;

    MC_EXPECT_OK(put(i18n, "desk", "{\"fr\":{\"a\":\"un\",\"b\":\"deux\"}}", &err), &err);
    generation = mc_i18n_generation(i18n);
    before = mc_i18n_texts_ref(i18n);
    MC_EXPECT_EQ(mc_i18n_texts_generation(before), generation);

    MC_EXPECT_OK(put(i18n, "desk", "{\"fr\":{\"a\":\"uno\"}}", &err), &err);
    MC_EXPECT(mc_i18n_generation(i18n) > generation);
    expect_text(i18n, "fr", "desk", "a", "uno");
    expect_text(i18n, "fr", "desk", "b", "b");
    MC_EXPECT(mc_i18n_find(before, MC_STR("fr"), MC_STR("desk"), MC_STR("b"), &text));
    MC_EXPECT_Z(text, "deux");
    mc_i18n_texts_unref(before);

    MC_EXPECT_OK(mc_i18n_remove(i18n, MC_STR("desk"), &err), &err);
    MC_EXPECT_OK(mc_i18n_remove(i18n, MC_STR("desk"), &err), &err);
    expect_text(i18n, "fr", "desk", "a", "a");
    MC_EXPECT_Z(mc_i18n_negotiate(i18n, MC_STR("fr")), "en");
    mc_i18n_free(i18n);
}

static const struct {
    const char *name, *catalog;
} bad_catalogs[] = {
    {"a list", "[]"},
    {"a locale that is a text", "{\"en\":\"x\"}"},
    {"a text that is a number", "{\"en\":{\"a\":1}}"},
    {"a text that is an object", "{\"en\":{\"a\":{\"b\":\"c\"}}}"},
    {"a locale that is no language", "{\"not a tag\":{\"a\":\"b\"}}"},
    {"an empty locale", "{\"\":{\"a\":\"b\"}}"},
    {"a locale with an empty part", "{\"en--US\":{\"a\":\"b\"}}"},
};

MC_TEST("a bad catalog is refused by name and the old one stays")
{
    mc_i18n *i18n = new_i18n();
    uint64_t generation;
    mc_err err;

    MC_EXPECT_OK(put(i18n, "desk", "{\"en\":{\"a\":\"old\"},\"es\":null}", &err), &err);
    generation = mc_i18n_generation(i18n);
    for (size_t i = 0; i < MC_LEN(bad_catalogs); i++) {
        MC_CASE(bad_catalogs[i].name);
        MC_EXPECT_EQ(put(i18n, "desk", bad_catalogs[i].catalog, &err), MC_INVALID);
        MC_EXPECT_HAS(mc_z(err.msg), "i18n: ");
        expect_text(i18n, "en", "desk", "a", "old");
    }
    MC_CASE(NULL);
    MC_EXPECT_EQ(mc_i18n_generation(i18n), generation);
    mc_i18n_free(i18n);
}

MC_TEST("languages are bounded in number, so that nobody can fill a cache with them")
{
    mc_i18n *i18n = new_i18n();
    mc_code rc = MC_OK;
    char catalog[32];
    mc_err err;
    int added = 0;

    for (int i = 0; i < 100 && rc == MC_OK; i++, added += rc == MC_OK) {
        snprintf(catalog, sizeof(catalog), "{\"x%c%c\":{}}", 'a' + i / 26, 'a' + i % 26);
        rc = put(i18n, "desk", catalog, &err);
    }
    MC_EXPECT_EQ(rc, MC_LIMIT);
    MC_EXPECT_EQ(added, MC_I18N_LANGS_MAX - 2);
    mc_i18n_free(i18n);
}

MC_TEST("the default language is the host's choice")
{
    mc_i18n *i18n = NULL;
    mc_err err;

    MC_REQUIRE_OK(
        mc_i18n_new(&(mc_i18n_config){MC_I18N_CONFIG, .default_lang = MC_STR("ES")}, &i18n, &err),
        &err);
    MC_EXPECT_Z(mc_i18n_default_lang(i18n), "es");
    MC_EXPECT_Z(mc_i18n_negotiate(i18n, MC_STR("ja")), "es");
    expect_text(i18n, "ja", "", "metacore.boolean.true", "Sí");
    mc_i18n_free(i18n);
    MC_EXPECT_EQ(
        mc_i18n_new(&(mc_i18n_config){MC_I18N_CONFIG, .default_lang = MC_STR("?")}, &i18n, &err),
        MC_INVALID);
}

MC_TEST("every text of the kernel is there in both languages")
{
    mc_i18n *i18n = new_i18n();
    mc_arena *arena = mc_arena_new(0);
    mc_strs langs;
    mc_err err;

    MC_REQUIRE_OK(mc_i18n_langs(i18n, arena, &langs, &err), &err);
    MC_EXPECT_EQ(langs.count, 2);
    MC_EXPECT_Z(langs.items[0], "en");
    MC_EXPECT_Z(langs.items[1], "es");
    expect_text(i18n, "en", "", "metacore.error.required", "{label} is required");
    expect_text(i18n, "es", "", "metacore.error.required", "{label} es obligatorio");
    mc_arena_free(arena);
    mc_i18n_free(i18n);
}

static const struct {
    const char *name, *lang, *english, *wanted; /* NULL: it stays */
} sentences[] = {
    {"a whole sentence", "es", "record not found", "registro no encontrado"},
    {"a region's", "es-MX", "record not found", "registro no encontrado"},
    {"one with a value", "es", "file: larger than 25 MiB", "el archivo supera los 25 MiB"},
    {"one with two", "es", "3 of 10 rows were refused", "3 de 10 filas rechazadas"},
    {"the longer of two that begin alike", "es", "3 of 10 rows were refused: none was imported",
     "3 de 10 filas rechazadas: no se ha importado ninguna"},
    {"a sentence in a sentence", "es", "csv decode: text after a quoted cell, in row 7",
     "CSV: texto detrás de una celda entre comillas, en la fila 7"},
    {"one of nobody in it stays as it is", "es", "csv decode: odd, in row 7",
     "CSV: odd, en la fila 7"},
    {"a value with braces is no template", "es", "file: larger than {size} MiB",
     "el archivo supera los {size} MiB"},
    {"a sentence that only begins so", "es", "record not found here", NULL},
    {"one that lacks its end", "es", "file: larger than 25", NULL},
    {"nothing", "es", "", NULL},
};

MC_TEST("a sentence of the kernel is said in a language, its values kept")
{
    mc_i18n *i18n = new_i18n();
    mc_arena *arena = mc_arena_new(0);

    for (size_t i = 0; i < MC_LEN(sentences); i++) {
        mc_str out = MC_STR("untouched");
        bool is_said;

        MC_CASE(sentences[i].name);
        is_said =
            mc_i18n_say(i18n, arena, mc_z(sentences[i].lang), mc_z(sentences[i].english), &out);
        MC_EXPECT_EQ(is_said, sentences[i].wanted != NULL);
        MC_EXPECT_Z(out, sentences[i].wanted ? sentences[i].wanted : "untouched");
    }
    mc_arena_free(arena);
    mc_i18n_free(i18n);
}

static const struct {
    const char *name, *text, *wanted;
} formats[] = {
    {"a known name", "{label} is required", "Subject is required"},
    {"twice", "{label}{label}", "SubjectSubject"},
    {"an unknown name stays", "{what} is {label}", "{what} is Subject"},
    {"a brace that is not closed", "a {label", "a {label"},
    {"a brace inside", "{{label}}", "{Subject}"},
    {"no names", "plain", "plain"},
    {"nothing", "", ""},
};

MC_TEST("arguments are put into a text by name")
{
    const mc_i18n_arg args[] = {{MC_STR("min"), MC_STR("3")}, {MC_STR("label"), MC_STR("Subject")}};
    mc_buf out;

    mc_buf_init(&out, 0);
    for (size_t i = 0; i < MC_LEN(formats); i++) {
        MC_CASE(formats[i].name);
        mc_buf_clear(&out);
        mc_i18n_format(&out, mc_z(formats[i].text), args, MC_LEN(args));
        MC_EXPECT_Z(mc_buf_get(&out), formats[i].wanted);
    }
    MC_CASE(NULL);
    mc_buf_deinit(&out);
}

static mc_code build_all(mc_err *err)
{
    mc_i18n *i18n;
    mc_code rc = mc_i18n_new(NULL, &i18n, err);

    if (rc != MC_OK)
        return rc;
    rc = put(i18n, "desk", "{\"en\":{\"a\":\"b\"},\"fr\":{\"c\":\"d\"}}", err);
    if (rc == MC_OK)
        rc = mc_i18n_remove(i18n, MC_STR("desk"), err);
    mc_i18n_free(i18n);
    return rc;
}

MC_TEST("memory that runs out is an error and leaks nothing")
{
    MC_TEST_OOM(build_all);
}

static atomic_bool stop;

static void *read_on(void *user)
{
    mc_i18n *i18n = user;

    while (!atomic_load(&stop)) {
        const mc_i18n_texts *texts = mc_i18n_texts_ref(i18n);
        mc_str text = MC_STR("");

        if (mc_i18n_find(texts, mc_i18n_negotiate(i18n, MC_STR("fr")), MC_STR("desk"), MC_STR("a"),
                         &text))
            MC_EXPECT(mc_str_starts_with(text, MC_STR("text")));
        mc_i18n_texts_unref(texts);
    }
    return NULL;
}

MC_TEST("readers and a writer do not meet")
{
    mc_i18n *i18n = new_i18n();
    pthread_t readers[2];
    char catalog[64];
    mc_err err;

    atomic_store(&stop, false);
    for (size_t i = 0; i < MC_LEN(readers); i++)
        MC_REQUIRE(pthread_create(&readers[i], NULL, read_on, i18n) == 0);
    for (int i = 0; i < 200; i++) {
        snprintf(catalog, sizeof(catalog), "{\"fr\":{\"a\":\"text %d\"}}", i);
        MC_EXPECT_OK(put(i18n, "desk", catalog, &err), &err);
    }
    atomic_store(&stop, true);
    for (size_t i = 0; i < MC_LEN(readers); i++)
        MC_EXPECT_EQ(pthread_join(readers[i], NULL), 0);
    mc_i18n_free(i18n);
}
