/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/metadata/metadata_internal.h"

#include <stdlib.h>

#define CACHE_BYTES_DEFAULT ((size_t)16 << 20)
#define DOC_BYTES_MAX ((size_t)8 << 20)   /* of one model */
#define ALL_BYTES_MAX ((size_t)256 << 20) /* of all that one user sees */
#define VERSION_LEN ((size_t)16)

typedef enum doc_kind { DOC_TABLE = 't', DOC_MODAL = 'm', DOC_ALL = 'a' } doc_kind;

mc_code mc_metadata_new(const mc_metadata_config *config, mc_metadata **out, mc_err *err)
{
    mc_metadata *self;

    if (!config->models)
        return mc_fail(err, MC_INVALID, "metadata: config.models is required");
    self = calloc(1, sizeof(*self));
    if (!self)
        return mc_fail(err, MC_NO_MEMORY, "metadata: service");
    self->config = *config;
    if (self->config.cache_max_bytes == 0)
        self->config.cache_max_bytes = CACHE_BYTES_DEFAULT;
    mc__docs_init(&self->cache, self->config.cache_max_bytes);
    atomic_init(&self->epoch, 1);
    *out = self;
    return MC_OK;
}

void mc_metadata_free(mc_metadata *self)
{
    if (!self)
        return;
    mc__docs_deinit(&self->cache);
    free(self);
}

void mc_metadata_invalidate(mc_metadata *self)
{
    /* Entries carry the epoch that their making began in, so one in the making is old too. */
    atomic_fetch_add(&self->epoch, 1);
}

/* ---- who sees what ---- */

static mc_code is_visible(mc_metadata *self, mc_ctx *ctx, const mc_model *model, bool *out,
                          mc_err *err)
{
    *out = !model->is_internal;
    return *out && self->config.is_visible
               ? self->config.is_visible(self->config.is_visible_user, ctx, model, out, err)
               : MC_OK;
}

static mc_code can_read(mc_metadata *self, mc_ctx *ctx, const mc_model *model, bool *out,
                        mc_err *err)
{
    *out = true;
    return self->config.can_read
               ? self->config.can_read(self->config.can_read_user, ctx, model, out, err)
               : MC_OK;
}

static mc_code find_model(mc_metadata *self, mc_ctx *ctx, mc_str key, const mc_model **out,
                          mc_err *err)
{
    const mc_model *model = mc_models_find(self->config.models, key);
    bool is_allowed = false;
    mc_code rc = MC_OK;

    if (model)
        rc = is_visible(self, ctx, model, &is_allowed, err);
    if (rc != MC_OK)
        return rc;
    if (!model || !is_allowed)
        return mc_fail(err, MC_NOT_FOUND, "metadata: model not found: %.*s", MC_FMT(key));
    rc = can_read(self, ctx, model, &is_allowed, err);
    if (rc != MC_OK)
        return rc;
    if (!is_allowed)
        return mc_fail(err, MC_FORBIDDEN, "permission denied");
    *out = model;
    return MC_OK;
}

/* ---- one document ---- */

/* What the cache knows a document by. */
typedef struct cache_key {
    char bytes[MC__DOCS_KEY_MAX];
    size_t len; /* 0: too long to be kept */
} cache_key;

/* kind, model, NUL, language; then NUL and the organization's bytes where it has its own. */
static cache_key key_of(doc_kind kind, mc_str name, mc_str lang, const mc_uuid *org)
{
    cache_key key = {.len = 0};
    size_t len = 1 + name.len + 1 + lang.len + (org ? 1 + sizeof(org->bytes) : 0);
    char *p = key.bytes;

    if (len > sizeof(key.bytes) || lang.len > sizeof(key.bytes))
        return key;
    *p++ = (char)kind;
    memcpy(p, name.ptr, name.len);
    p += name.len;
    *p++ = '\0';
    if (lang.len)
        memcpy(p, lang.ptr, lang.len);
    if (org) {
        p[lang.len] = '\0';
        memcpy(p + lang.len + 1, org->bytes, sizeof(org->bytes));
    }
    key.len = len;
    return key;
}

static mc_str key_str(const cache_key *key)
{
    return mc_str_of(key->bytes, key->len);
}

static mc_str lang_of(const mc_metadata *self, const mc_ctx *ctx)
{
    if (!self->config.i18n)
        return MC_STR("");
    /* A language that nobody has texts in is not one to keep documents in. */
    return ctx->lang.len ? mc_i18n_negotiate(self->config.i18n, ctx->lang)
                         : mc_i18n_default_lang(self->config.i18n);
}

static mc_code write_doc(mc_metadata *self, mc_ctx *ctx, const mc_model *model, doc_kind kind,
                         mc_str lang, const mc_i18n_texts *texts, bool *out_is_org_own,
                         const mc_metadata_doc **out, mc_err *err)
{
    mc_arena *scratch = mc_arena_new(0);
    mc_buf text;
    mc__writer w = {.out = &text,
                    .scratch = scratch,
                    .model = model,
                    .texts = texts,
                    .lang = lang,
                    .ctx = ctx,
                    .config = &self->config};
    mc_code rc;

    if (!scratch)
        return mc_fail(err, MC_NO_MEMORY, "metadata: document");
    mc_buf_init(&text, DOC_BYTES_MAX);
    if (kind == DOC_TABLE)
        mc__write_table(&w);
    else
        mc__write_modal(&w);
    rc = mc_buf_check(&text, "metadata", err);
    if (rc == MC_OK)
        rc = mc__doc_new(mc_buf_get(&text), lang, NULL, out, err);
    *out_is_org_own = w.is_org_own;
    mc_buf_deinit(&text);
    mc_arena_free(scratch);
    return rc;
}

static const mc_metadata_doc *find_kept(mc_metadata *self, const cache_key *key,
                                        const cache_key *own, const mc__stamp *stamp)
{
    const mc_metadata_doc *doc = NULL;
    bool is_marker = false;

    if (key->len)
        doc = mc__docs_find(&self->cache, key_str(key), stamp, &is_marker);
    if (is_marker && own->len)
        doc = mc__docs_find(&self->cache, key_str(own), stamp, &is_marker);
    return doc;
}

static void keep(mc_metadata *self, const cache_key *key, const cache_key *own,
                 const mc__stamp *stamp, bool is_org_own, const mc_metadata_doc *doc)
{
    if (!is_org_own && key->len)
        mc__docs_put(&self->cache, key_str(key), stamp, doc);
    if (is_org_own && own->len) {
        mc__docs_put(&self->cache, key_str(key), stamp, NULL);
        mc__docs_put(&self->cache, key_str(own), stamp, doc);
    }
}

static mc_code load_doc(mc_metadata *self, mc_ctx *ctx, const mc_model *model, doc_kind kind,
                        const mc_metadata_doc **out, mc_err *err)
{
    mc_str lang = lang_of(self, ctx);
    cache_key key = key_of(kind, model->key, lang, NULL);
    cache_key own = key_of(kind, model->key, lang, &ctx->who.org_id);
    mc__stamp stamp = {.model = model, .epoch = atomic_load(&self->epoch)};
    const mc_i18n_texts *texts = NULL;
    bool is_org_own = false;
    mc_code rc;

    if (self->config.i18n)
        stamp.texts = mc_i18n_generation(self->config.i18n);
    *out = find_kept(self, &key, &own, &stamp);
    if (*out)
        return MC_OK;
    if (self->config.i18n) {
        texts = mc_i18n_texts_ref(self->config.i18n);
        stamp.texts = mc_i18n_texts_generation(texts);
    }
    rc = write_doc(self, ctx, model, kind, lang, texts, &is_org_own, out, err);
    if (rc == MC_OK)
        keep(self, &key, &own, &stamp, is_org_own, *out);
    mc_i18n_texts_unref(texts);
    return rc;
}

static mc_code load_one(mc_metadata *self, mc_ctx *ctx, mc_str key, doc_kind kind,
                        const mc_metadata_doc **out, mc_err *err)
{
    const mc_metadata_doc *doc;
    const mc_model *model = NULL;
    mc_code rc = find_model(self, ctx, key, &model, err);

    if (rc == MC_OK)
        rc = load_doc(self, ctx, model, kind, &doc, err);
    if (rc == MC_OK)
        *out = doc;
    return rc;
}

/* What a browser draws for somebody who may not read: nothing of the model, but a table all the
 * same. It then asks for the rows, and shows that they are refused; without a document it shows a
 * fault. */
static const char empty_table[] = "{\"columns\":[],\"actions\":[],\"hasActions\":false,"
                                  "\"enableCRUDActions\":false,\"canExport\":false,"
                                  "\"canImport\":false,\"canCreate\":false}";

mc_code mc_metadata_load_table(mc_metadata *self, mc_ctx *ctx, mc_str model_key,
                               const mc_metadata_doc **out, mc_err *err)
{
    mc_code rc = load_one(self, ctx, model_key, DOC_TABLE, out, err);

    if (rc == MC_FORBIDDEN)
        rc = mc__doc_new(mc_z(empty_table), lang_of(self, ctx), NULL, out, err);
    return rc;
}

mc_code mc_metadata_load_modal(mc_metadata *self, mc_ctx *ctx, mc_str model_key,
                               const mc_metadata_doc **out, mc_err *err)
{
    return load_one(self, ctx, model_key, DOC_MODAL, out, err);
}

/* ---- all documents of a user ---- */

typedef struct all_docs {
    const mc_model **models;
    const mc_metadata_doc **tables;
    const mc_metadata_doc **modals;
    size_t count;
} all_docs;

static mc_code collect(mc_metadata *self, mc_ctx *ctx, all_docs *all, mc_err *err)
{
    const mc_model *const *models;
    size_t count;
    mc_code rc = mc_models_list(self->config.models, ctx->arena, &models, &count, err);

    if (rc != MC_OK)
        return rc;
    all->models = mc_arena_array(ctx->arena, const mc_model *, count);
    all->tables = mc_arena_array(ctx->arena, const mc_metadata_doc *, count);
    all->modals = mc_arena_array(ctx->arena, const mc_metadata_doc *, count);
    if (!all->models || !all->tables || !all->modals)
        return mc_fail(err, MC_NO_MEMORY, "metadata: documents");
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        bool is_allowed;

        rc = is_visible(self, ctx, models[i], &is_allowed, err);
        if (rc == MC_OK && is_allowed)
            rc = can_read(self, ctx, models[i], &is_allowed, err);
        if (rc != MC_OK || !is_allowed)
            continue;
        all->models[all->count++] = models[i];
        rc = load_doc(self, ctx, models[i], DOC_TABLE, &all->tables[all->count - 1], err);
        if (rc == MC_OK)
            rc = load_doc(self, ctx, models[i], DOC_MODAL, &all->modals[all->count - 1], err);
    }
    return rc;
}

static void release(const all_docs *all)
{
    for (size_t i = 0; i < all->count; i++) {
        mc_metadata_doc_unref(all->tables[i]);
        mc_metadata_doc_unref(all->modals[i]);
    }
}

/* What the answer's tag is made of: the keys and the tags of its parts say all about it. */
static mc_code tag_of_all(mc_arena *arena, const all_docs *all, char out[MC_METADATA_ETAG_LEN],
                          mc_err *err)
{
    mc_buf parts;
    mc_code rc;

    mc_buf_init_arena(&parts, arena, 0);
    mc_buf_char(&parts, 'a');
    for (size_t i = 0; i < all->count; i++) {
        mc_buf_str(&parts, all->models[i]->key);
        mc_buf_bytes(&parts, all->tables[i]->etag, MC_METADATA_ETAG_LEN);
        mc_buf_bytes(&parts, all->modals[i]->etag, MC_METADATA_ETAG_LEN);
    }
    rc = mc_buf_check(&parts, "metadata", err);
    if (rc == MC_OK)
        mc__etag_of(mc_buf_get(&parts), out);
    return rc;
}

static void write_part(mc_buf *out, const char *name, const all_docs *all,
                       const mc_metadata_doc *const *docs)
{
    mc_buf_printf(out, ",\"%s\":{", name);
    for (size_t i = 0; i < all->count; i++) {
        if (i)
            mc_buf_char(out, ',');
        mc_json_write_str(out, all->models[i]->key);
        mc_buf_char(out, ':');
        mc_buf_str(out, docs[i]->json);
    }
    mc_buf_char(out, '}');
}

static mc_code write_all(const all_docs *all, mc_str lang, const char *etag,
                         const mc_metadata_doc **out, mc_err *err)
{
    mc_buf text;
    mc_code rc;

    mc_buf_init(&text, ALL_BYTES_MAX);
    mc_buf_lit(&text, "{\"version\":\"");
    mc_buf_bytes(&text, etag + 1, VERSION_LEN);
    mc_buf_char(&text, '"');
    write_part(&text, "tables", all, all->tables);
    write_part(&text, "modals", all, all->modals);
    mc_buf_char(&text, '}');
    rc = mc_buf_check(&text, "metadata", err);
    if (rc == MC_OK)
        rc = mc__doc_new(mc_buf_get(&text), lang, etag, out, err);
    mc_buf_deinit(&text);
    return rc;
}

/* Kept by its tag: users who see the same share one text. */
static mc_code load_whole(mc_metadata *self, const all_docs *all, mc_str lang, mc_arena *arena,
                          const mc_metadata_doc **out, mc_err *err)
{
    const mc__stamp stamp = {NULL, 0, 0};
    char etag[MC_METADATA_ETAG_LEN];
    const mc_metadata_doc *doc = NULL;
    bool is_marker;
    cache_key key;
    mc_code rc = tag_of_all(arena, all, etag, err);

    if (rc != MC_OK)
        return rc;
    key = key_of(DOC_ALL, mc_str_of(etag, sizeof(etag)), lang, NULL);
    if (key.len)
        doc = mc__docs_find(&self->cache, key_str(&key), &stamp, &is_marker);
    if (!doc) {
        rc = write_all(all, lang, etag, &doc, err);
        if (rc == MC_OK && key.len)
            mc__docs_put(&self->cache, key_str(&key), &stamp, doc);
    }
    if (rc == MC_OK)
        *out = doc;
    return rc;
}

mc_code mc_metadata_load_all(mc_metadata *self, mc_ctx *ctx, const mc_metadata_doc **out,
                             mc_err *err)
{
    all_docs all = {.count = 0};
    mc_code rc = collect(self, ctx, &all, err);

    if (rc == MC_OK)
        rc = load_whole(self, &all, lang_of(self, ctx), ctx->arena, out, err);
    release(&all);
    return rc;
}
