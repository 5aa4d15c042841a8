/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/metadata/metadata_test_internal.h"

#include <pthread.h>

static const char two_models[] =
    "{\"key\":\"desk\",\"name\":\"Desk\",\"version\":\"1.0.0\","
    "\"i18n\":{\"en\":{\"k\":\"English\"},\"es\":{\"k\":\"Español\"}},\"model_definitions\":["
    "{\"table_name\":\"a\",\"model_key\":\"a\",\"label\":\"k\",\"columns\":["
    "{\"name\":\"x\",\"type\":\"string\",\"validation\":{\"custom\":\"$org.tax\"}}]},"
    "{\"table_name\":\"b\",\"model_key\":\"b\",\"label\":\"B\",\"columns\":["
    "{\"name\":\"x\",\"type\":\"string\"}]}]}";

/* ---- a request without a socket ---- */

typedef struct answer {
    mc_code rc;
    int status;
    mc_str body;
    mc_str etag;
    mc_str lang;
} answer;

static mc_str header_of(const mc_http_res *res, const char *name)
{
    for (size_t i = 0; i < res->header_count; i++) {
        if (mc_str_eq_nocase(res->headers[i].name, mc_z(name)))
            return res->headers[i].value;
    }
    return MC_STR("");
}

static answer get(desk *d, const char *path, const char *accept_language, mc_str if_none_match)
{
    mc_header headers[] = {{MC_STR("accept-language"), mc_z(accept_language)},
                           {MC_STR("if-none-match"), if_none_match}};
    mc_message message = {.method = MC_STR("GET"),
                          .path = mc_z(path),
                          .headers = headers,
                          .header_count = if_none_match.len ? 2 : 1};
    const mc_http_route *routes;
    mc_http_router *router;
    mc_http_req req;
    mc_http_res res;
    answer a = {.rc = MC_INTERNAL};
    size_t count;

    routes = mc_metadata_routes(d->metadata, &count);
    if (mc_http_router_new(&router, &d->err) != MC_OK)
        return a;
    if (mc_http_router_add_all(router, MC_STR(""), routes, count, &d->err) == MC_OK) {
        mc_http_req_init(&req, &message, d->arena);
        mc_http_res_init(&res, d->arena);
        req.ctx.who = d->ctx.who;
        mc_http_router_find(router, message.method, message.path, d->arena, &req.match);
        a.rc = req.match.route ? req.match.route->handle(&req, &res, req.match.route->user, &d->err)
                               : MC_NOT_FOUND;
        a.status = res.status;
        a.body = mc_http_res_answer(&res).body;
        a.etag = header_of(&res, "etag");
        a.lang = header_of(&res, "content-language");
    }
    mc_http_router_free(router);
    return a;
}

MC_TEST("a document is answered in the envelope, in the language asked for, with a tag")
{
    answer english, spanish, again;
    desk d;

    MC_REQUIRE_OK(desk_open(&d, NULL), &d.err);
    MC_EXPECT_OK(desk_install(&d, two_models), &d.err);
    english = get(&d, "/metadata/table/a", "fr, en;q=0.5", MC_STR(""));
    MC_EXPECT_OK(english.rc, &d.err);
    MC_EXPECT_EQ(english.status, 200);
    MC_EXPECT_Z(desk_at(&d, english.body, "data.title"), "\"English\"");
    MC_EXPECT_Z(desk_at(&d, english.body, "success"), "true");
    MC_EXPECT_Z(english.lang, "en");

    spanish = get(&d, "/metadata/table/a", "es-MX,es;q=0.9", MC_STR(""));
    MC_EXPECT_Z(desk_at(&d, spanish.body, "data.title"), "\"Español\"");
    MC_EXPECT_Z(spanish.lang, "es");
    MC_EXPECT(!mc_str_eq(english.etag, spanish.etag));

    again = get(&d, "/metadata/table/a", "es", spanish.etag);
    MC_EXPECT_EQ(again.status, 304);
    MC_EXPECT_EQ(again.body.len, 0);
    MC_EXPECT_STR(again.etag, spanish.etag);
    MC_EXPECT_EQ(get(&d, "/metadata/table/a", "en", spanish.etag).status, 200);
    MC_EXPECT_EQ(get(&d, "/metadata/modal/a", "en", english.etag).status, 200);
    MC_EXPECT_EQ(get(&d, "/metadata/all", "en", MC_STR("")).status, 200);
    desk_close(&d);
}

MC_TEST("a model that is not there is not found, by its name")
{
    desk d;

    MC_REQUIRE_OK(desk_open(&d, NULL), &d.err);
    MC_EXPECT_OK(desk_install(&d, two_models), &d.err);
    MC_EXPECT_EQ(get(&d, "/metadata/table/nope", "en", MC_STR("")).rc, MC_NOT_FOUND);
    MC_EXPECT_Z(mc_z(d.err.msg), "metadata: model not found: nope");
    MC_EXPECT_EQ(get(&d, "/metadata/modal/A", "en", MC_STR("")).rc, MC_NOT_FOUND);
    desk_close(&d);
}

/* ---- who sees what ---- */

static mc_code only_b(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err)
{
    (void)user, (void)ctx, (void)err;
    *out = mc_str_eq(model->key, MC_STR("b"));
    return MC_OK;
}

static mc_code broken(void *user, mc_ctx *ctx, const mc_model *model, bool *out, mc_err *err)
{
    (void)user, (void)ctx, (void)model, (void)out;
    return mc_fail(err, MC_UNAVAILABLE, "the store is away");
}

MC_TEST("a model that the organization lacks does not exist for it")
{
    desk d;

    MC_REQUIRE_OK(desk_open(&d, &(mc_metadata_config){MC_METADATA_CONFIG, .is_visible = only_b}),
                  &d.err);
    MC_EXPECT_OK(desk_install(&d, two_models), &d.err);
    MC_EXPECT_EQ(get(&d, "/metadata/table/a", "en", MC_STR("")).rc, MC_NOT_FOUND);
    MC_EXPECT_Z(mc_z(d.err.msg), "metadata: model not found: a");
    MC_EXPECT_EQ(get(&d, "/metadata/table/b", "en", MC_STR("")).rc, MC_OK);
    MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 'a', ""), "tables.a"), "");
    MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 'a', ""), "modals.a"), "");
    MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 'a', ""), "tables.b.title"), "\"B\"");
    desk_close(&d);
}

/* A browser that gets no table document shows a fault; with an empty one it asks for the rows, and
 * says that they may not be read. */
MC_TEST("a model that the user may not read has an empty table, no form, and is left out of all")
{
    desk d;

    MC_REQUIRE_OK(desk_open(&d, &(mc_metadata_config){MC_METADATA_CONFIG, .can_read = only_b}),
                  &d.err);
    MC_EXPECT_OK(desk_install(&d, two_models), &d.err);
    MC_EXPECT_EQ(get(&d, "/metadata/modal/a", "en", MC_STR("")).rc, MC_FORBIDDEN);
    MC_EXPECT_EQ(get(&d, "/metadata/table/a", "en", MC_STR("")).rc, MC_OK);
    MC_EXPECT_Z(desk_doc(&d, 't', "a"), "{\"columns\":[],\"actions\":[],\"hasActions\":false,"
                                        "\"enableCRUDActions\":false,\"canExport\":false,"
                                        "\"canImport\":false,\"canCreate\":false}");
    MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 't', "b"), "title"), "\"B\"");
    MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 'a', ""), "tables.a"), "");
    MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 'a', ""), "tables.b.title"), "\"B\"");
    desk_close(&d);
}

MC_TEST("a check that fails is the answer, not a yes")
{
    desk d;

    MC_REQUIRE_OK(desk_open(&d, &(mc_metadata_config){MC_METADATA_CONFIG, .is_visible = broken}),
                  &d.err);
    MC_EXPECT_OK(desk_install(&d, two_models), &d.err);
    MC_EXPECT_EQ(get(&d, "/metadata/table/b", "en", MC_STR("")).rc, MC_UNAVAILABLE);
    MC_EXPECT_EQ(get(&d, "/metadata/all", "en", MC_STR("")).rc, MC_UNAVAILABLE);
    desk_close(&d);
}

/* ---- what is kept ---- */

MC_TEST("a new text, a new model and an invalidation each show at once, in every language")
{
    static const char other[] =
        "{\"key\":\"desk\",\"name\":\"Desk\",\"version\":\"1.0.1\","
        "\"i18n\":{\"en\":{\"k\":\"New\"},\"es\":{\"k\":\"Nuevo\"}},\"model_definitions\":["
        "{\"table_name\":\"b\",\"model_key\":\"b\",\"label\":\"Changed\",\"columns\":["
        "{\"name\":\"y\",\"type\":\"int\"}]}]}";
    mc_str before, after;
    desk d;

    MC_REQUIRE_OK(desk_open(&d, NULL), &d.err);
    MC_EXPECT_OK(desk_install(&d, two_models), &d.err);
    before = desk_at(&d, desk_doc(&d, 'a', ""), "version");
    MC_EXPECT_STR(desk_at(&d, desk_doc(&d, 'a', ""), "version"), before);
    for (int i = 0; i < 2; i++) {
        d.ctx.lang = i ? MC_STR("es") : MC_STR("en");
        MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 't', "a"), "title"),
                    i ? "\"Español\"" : "\"English\"");
    }
    MC_EXPECT_OK(desk_install(&d, other), &d.err);
    for (int i = 0; i < 2; i++) {
        d.ctx.lang = i ? MC_STR("es") : MC_STR("en");
        MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 't', "a"), "title"), i ? "\"Nuevo\"" : "\"New\"");
        MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 't', "b"), "columns.0.key"), "\"y\"");
    }
    d.ctx.lang = MC_STR("en");
    after = desk_at(&d, desk_doc(&d, 'a', ""), "version");
    MC_EXPECT(!mc_str_eq(before, after));
    desk_close(&d);
}

MC_TEST("the version follows the content: two processes agree on it")
{
    desk one, two;

    MC_REQUIRE_OK(desk_open(&one, NULL), &one.err);
    MC_REQUIRE_OK(desk_open(&two, NULL), &two.err);
    MC_EXPECT_OK(desk_install(&one, two_models), &one.err);
    MC_EXPECT_OK(desk_install(&two, two_models), &two.err);
    MC_EXPECT_OK(desk_install(&two, two_models), &two.err);
    MC_EXPECT_STR(desk_doc(&one, 'a', ""), desk_doc(&two, 'a', ""));
    desk_close(&one);
    desk_close(&two);
}

/* ---- an organization's own ---- */

typedef struct validators {
    mc_uuid rich; /* the organization that has one */
    int asked;
    const char *answer;
} validators;

static bool org_validator(void *user, mc_ctx *ctx, mc_str key, mc_str *out)
{
    validators *self = user;

    self->asked++;
    if (!mc_uuid_eq(ctx->who.org_id, self->rich) || !mc_str_eq(key, MC_STR("$org.tax")))
        return false;
    *out = mc_z(self->answer);
    return true;
}

MC_TEST("an organization's validator is shown to that organization alone, also in all")
{
    validators v = {.rich = {{1}}, .answer = "tax.mx"};
    desk d;

    MC_REQUIRE_OK(
        desk_open(&d, &(mc_metadata_config){MC_METADATA_CONFIG, .org_validator = org_validator,
                                            .org_validator_user = &v}),
        &d.err);
    MC_EXPECT_OK(desk_install(&d, two_models), &d.err);
    for (int i = 0; i < 4; i++) {
        const char *wanted = i % 2 ? "\"$org.tax\"" : "\"tax.mx\"";

        d.ctx.who.org_id = (mc_uuid){{i % 2 ? 2 : 1}};
        MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 'm', "a"), "fields.x.validation.custom"), wanted);
        MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 'a', ""), "modals.a.fields.x.validation.custom"),
                    wanted);
    }
    MC_EXPECT_EQ(v.asked, 4); /* table and form, once for each organization */

    v.answer = "tax.es";
    mc_metadata_invalidate(d.metadata);
    d.ctx.who.org_id = v.rich;
    MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 'm', "a"), "fields.x.validation.custom"), "\"tax.es\"");
    v.answer = "";
    mc_metadata_invalidate(d.metadata);
    MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 'm', "a"), "fields.x.validation.custom"), "\"$org.tax\"");
    desk_close(&d);
}

MC_TEST("a cache too small for anything still answers")
{
    desk d;

    MC_REQUIRE_OK(desk_open(&d, &(mc_metadata_config){MC_METADATA_CONFIG, .cache_max_bytes = 1000}),
                  &d.err);
    MC_EXPECT_OK(desk_install(&d, two_models), &d.err);
    for (int i = 0; i < 3; i++) {
        MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 't', "b"), "title"), "\"B\"");
        MC_EXPECT_Z(desk_at(&d, desk_doc(&d, 'a', ""), "tables.a.title"), "\"English\"");
    }
    desk_close(&d);
}

static mc_code build_all(mc_err *err)
{
    mc_code rc;
    desk d;

    rc = desk_open(&d, NULL);
    if (rc == MC_OK)
        rc = desk_install(&d, two_models);
    if (rc == MC_OK && desk_doc(&d, 'a', "").len == 0)
        rc = d.err.code ? d.err.code : MC_NO_MEMORY;
    desk_close(&d);
    if (rc != MC_OK)
        return mc_fail(err, rc, "%s", d.err.msg);
    return rc;
}

MC_TEST("memory that runs out is an error and leaks nothing")
{
    MC_TEST_OOM(build_all);
}

/* ---- threads ---- */

static void *read_on(void *user)
{
    desk *d = user;

    for (int i = 0; i < 300; i++) {
        const mc_metadata_doc *doc = NULL;
        mc_ctx ctx = {.lang = i % 2 ? MC_STR("es") : MC_STR("en")};
        mc_err err;

        MC_EXPECT_OK(mc_metadata_load_table(d->metadata, &ctx, MC_STR("a"), &doc, &err), &err);
        if (doc)
            MC_EXPECT(mc_str_ends_with(doc->json, MC_STR("}")));
        mc_metadata_doc_unref(doc);
    }
    return NULL;
}

MC_TEST("readers, a new model and an invalidation do not meet")
{
    pthread_t readers[3];
    desk d;

    MC_REQUIRE_OK(desk_open(&d, NULL), &d.err);
    MC_EXPECT_OK(desk_install(&d, two_models), &d.err);
    for (size_t i = 0; i < MC_LEN(readers); i++)
        MC_REQUIRE(pthread_create(&readers[i], NULL, read_on, &d) == 0);
    for (int i = 0; i < 30; i++) {
        MC_EXPECT_OK(desk_install(&d, two_models), &d.err);
        mc_metadata_invalidate(d.metadata);
    }
    for (size_t i = 0; i < MC_LEN(readers); i++)
        MC_EXPECT_EQ(pthread_join(readers[i], NULL), 0);
    desk_close(&d);
}
