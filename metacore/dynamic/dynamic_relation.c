/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are related to a row, under its own path: which relation that is, and reading it. */
#include "metacore/dynamic/dynamic_relation_internal.h"

/* ---- which relation ---- */

/* Segments that mean something else below a row, also where that is not built yet. */
static bool is_reserved(mc_str name)
{
    static const mc_str reserved[] = {MC_STR_INIT("action"),    MC_STR_INIT("export"),
                                      MC_STR_INIT("import"),    MC_STR_INIT("facets"),
                                      MC_STR_INIT("aggregate"), MC_STR_INIT("restore"),
                                      MC_STR_INIT("documents"), MC_STR_INIT("batch")};

    for (size_t i = 0; i < MC_LEN(reserved); i++) {
        if (mc_str_eq(name, reserved[i]))
            return true;
    }
    return false;
}

static const mc_relation_def *find_def(const mc_model *model, mc_str name)
{
    for (size_t i = 0; i < model->relation_count && !is_reserved(name); i++) {
        if (mc_str_eq(model->relations[i].name, name))
            return &model->relations[i];
    }
    return NULL;
}

static bool read_kind(mc_str text, mc__relation_kind *out)
{
    static const char *const kinds[] = {[MC__BELONGS_TO] = "belongs_to",
                                        [MC__ONE_TO_MANY] = "one_to_many",
                                        [MC__MANY_TO_MANY] = "many_to_many"};

    for (size_t i = 0; i < MC_LEN(kinds); i++) {
        if (mc_str_eq_nocase(text, mc_z(kinds[i]))) {
            *out = (mc__relation_kind)i;
            return true;
        }
    }
    return false;
}

static mc_code not_provided(const mc_relation_def *def, const char *what, mc_err *err)
{
    return mc_fail(err, MC_NOT_PROVIDED, "relation \"%.*s\": %s", MC_FMT(def->name), what);
}

/* By its key, or by the table's name within the addon. */
static mc_code find_pivot(mc_dynamic *self, mc_ctx *ctx, const mc_model *parent,
                          const mc_relation_def *def, const mc_model **out, mc_err *err)
{
    const mc_model *found = mc_models_find(self->config.models, def->pivot);
    const mc_model *const *all;
    size_t count = 0;
    mc_code rc = MC_OK;

    if (!found || !mc_str_eq(found->addon_key, parent->addon_key)) {
        found = NULL;
        rc = mc_models_list(self->config.models, ctx->arena, &all, &count, err);
    }
    for (size_t i = 0; i < count && rc == MC_OK && !found; i++) {
        if (mc_str_eq(all[i]->table, def->pivot) && mc_str_eq(all[i]->addon_key, parent->addon_key))
            found = all[i];
    }
    if (rc != MC_OK)
        return rc;
    if (!found)
        return not_provided(def, "its pivot is no table of the addon", err);
    return mc_models_for_org(self->config.models, found, ctx->who.org_id, out, err);
}

static mc_code find_columns(mc_dynamic *self, mc_ctx *ctx, const mc_relation_def *def,
                            mc__relation *out, mc_err *err)
{
    const mc_model *owner = out->parent;
    mc_code rc = MC_OK;

    if (def->references.len && !mc_str_eq(def->references, MC_STR("id")))
        return not_provided(def, "it references another column than id", err);
    if (out->kind == MC__MANY_TO_MANY)
        rc = find_pivot(self, ctx, out->parent, def, &out->pivot, err);
    if (rc != MC_OK)
        return rc;
    if (out->kind != MC__BELONGS_TO)
        owner = out->pivot ? out->pivot : out->target;
    out->foreign_key = mc_model_find_column(owner, def->foreign_key);
    if (!out->foreign_key || out->foreign_key->type != MC_COL_UUID)
        return not_provided(def, "its foreign key is no uuid column", err);
    if (out->pivot)
        out->target_key = mc_model_pivot_target(out->pivot, def);
    if (out->pivot && !out->target_key)
        return not_provided(def, "its pivot leaves open which column is the other side's", err);
    return MC_OK;
}

/* To read, both sides must be readable. To link, the parent changes. To make a child, that. */
static mc_code check_capabilities(mc_dynamic *self, mc_ctx *ctx, const mc__relation *relation,
                                  bool is_write, mc_err *err)
{
    bool is_link = is_write && relation->kind == MC__MANY_TO_MANY;
    bool is_child = is_write && relation->kind == MC__ONE_TO_MANY;
    mc_code rc = mc_dynamic_check(self, ctx, relation->parent->key,
                                  is_link ? MC_STR("update") : MC_STR("read"), err);

    return rc == MC_OK ? mc_dynamic_check(self, ctx, relation->target->key,
                                          is_child ? MC_STR("create") : MC_STR("read"), err)
                       : rc;
}

/* A model, or the kernel's own people where no model is called so. */
static mc_code find_target(mc_dynamic *self, mc_ctx *ctx, mc_str key, const mc_model **out,
                           mc_err *err)
{
    if (!mc_str_eq(key, self->users->key) || mc_models_find(self->config.models, key))
        return mc__dynamic_find(self, ctx, key, out, err);
    *out = self->users;
    return MC_OK;
}

mc_code mc__relation_open(mc_http_req *req, mc_dynamic *self, bool is_write, mc__relation *out,
                          mc_err *err)
{
    mc__relation relation = {.name = mc_http_param(req, MC_STR("relation"))};
    const mc_relation_def *def = NULL;
    mc_ctx *ctx = mc_http_ctx(req);
    mc_code rc = mc__check_somebody(req, err);

    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("id"), &relation.parent_id, err);
    if (rc == MC_OK)
        rc =
            mc__dynamic_find(self, ctx, mc_http_param(req, MC_STR("model")), &relation.parent, err);
    if (rc != MC_OK)
        return rc;
    def = find_def(relation.parent, relation.name);
    if (!def || !read_kind(def->kind, &relation.kind))
        return mc_fail(err, MC_NOT_FOUND, "relation not found");
    rc = find_target(self, ctx, def->through, &relation.target, err);
    if (rc == MC_OK)
        rc = check_capabilities(self, ctx, &relation, is_write, err);
    if (rc == MC_OK)
        rc = find_columns(self, ctx, def, &relation, err);
    if (rc == MC_OK)
        *out = relation;
    return rc;
}

/* ---- looking ---- */

mc_code mc__row_exists(mc_ctx *ctx, const mc_model *model, mc_uuid id, bool *out, mc_err *err)
{
    mc__statement s = {0};
    mc_db_rows rows;
    mc_code rc = mc__statement_init(&s, ctx, 2, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_lit(&s.sql, "SELECT 1 FROM ");
    mc_buf_str(&s.sql, model->physical);
    mc__statement_where_row(&s, ctx, model, id, false);
    rc = mc_buf_check(&s.sql, "row", err);
    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, mc_buf_get(&s.sql), s.args, s.count, &rows, err);
    if (rc != MC_OK)
        return rc;
    *out = mc_db_rows_next(&rows);
    return mc_db_rows_finish(&rows, err);
}

static mc_code check_parent(mc_ctx *ctx, const mc__relation *relation, mc_err *err)
{
    bool is_there = false;
    mc_code rc = mc__row_exists(ctx, relation->parent, relation->parent_id, &is_there, err);

    return rc == MC_OK && !is_there ? mc_fail(err, MC_NOT_FOUND, "record not found") : rc;
}

static void write_equals(mc__statement *s, mc_str column, mc_uuid id)
{
    mc_buf_lit(&s->sql, " AND ");
    mc_buf_sql_ident(&s->sql, column);
    mc_buf_lit(&s->sql, " = ");
    mc__statement_arg(s, mc_db_uuid(id));
}

/* Rows of model whose foreign key is the parent, and column the other id. */
static mc_code find_ids(mc_ctx *ctx, const mc__relation *relation, const mc_model *model,
                        mc_str column, mc_uuid id, mc_uuid *out, size_t max, size_t *out_count,
                        mc_err *err)
{
    mc__statement s = {0};
    mc_db_rows rows;
    size_t count = 0;
    mc_code rc = mc__statement_init(&s, ctx, 3, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_lit(&s.sql, "SELECT \"id\" FROM ");
    mc_buf_str(&s.sql, model->physical);
    mc_buf_lit(&s.sql, " WHERE \"organization_id\" = ");
    mc__statement_arg(&s, mc_db_uuid(ctx->who.org_id));
    if (model->soft_delete)
        mc_buf_lit(&s.sql, " AND \"deleted_at\" IS NULL");
    write_equals(&s, relation->foreign_key->name, relation->parent_id);
    write_equals(&s, column, id);
    rc = mc_buf_check(&s.sql, "relation", err);
    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, mc_buf_get(&s.sql), s.args, s.count, &rows, err);
    if (rc != MC_OK)
        return rc;
    while (count < max && mc_db_rows_next(&rows))
        out[count++] = mc_db_col_uuid(&rows, 0);
    *out_count = count;
    return mc_db_rows_finish(&rows, err);
}

mc_code mc__relation_links(mc_ctx *ctx, const mc__relation *relation, mc_uuid target_id,
                           mc_uuid *out, size_t max, size_t *out_count, mc_err *err)
{
    return find_ids(ctx, relation, relation->pivot, relation->target_key->name, target_id, out, max,
                    out_count, err);
}

/* ---- GET ---- */

static mc_code scope_of(mc_ctx *ctx, const mc__relation *relation, mc_query_scope *out, mc_err *err)
{
    mc_buf before;

    mc_buf_init_arena(&before, ctx->arena, 0);
    if (relation->pivot) {
        mc_buf_lit(&before, "\"id\" IN (SELECT ");
        mc_buf_sql_ident(&before, relation->target_key->name);
        mc_buf_lit(&before, " FROM ");
        mc_buf_str(&before, relation->pivot->physical);
        mc_buf_str(&before, relation->pivot->soft_delete
                                ? MC_STR(" WHERE \"organization_id\" = $1 AND \"deleted_at\" IS "
                                         "NULL AND ")
                                : MC_STR(" WHERE \"organization_id\" = $1 AND "));
    }
    mc_buf_sql_ident(&before, relation->foreign_key->name);
    mc_buf_lit(&before, " = ");
    *out = (mc_query_scope){.deleted = MC_QUERY_LIVE,
                            .before = mc_buf_get(&before),
                            .after = relation->pivot ? MC_STR(")") : MC_STR(""),
                            .value = mc_db_uuid(relation->parent_id)};
    return mc_buf_check(&before, "relation", err);
}

static mc_code list_related(mc_http_req *req, mc_http_res *res, mc_dynamic *self,
                            const mc__relation *relation, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc_query_scope scope;
    mc_dynamic_page page;
    mc_buf meta;
    mc_code rc = mc_http_query_parse(req, err);

    if (rc == MC_OK)
        rc = check_parent(ctx, relation, err);
    if (rc == MC_OK)
        rc = scope_of(ctx, relation, &scope, err);
    if (rc == MC_OK)
        rc = mc__dynamic_list_within(self, ctx, relation->target, &scope, req->query_pairs,
                                     req->query_count, mc_http_ok_begin(res, 200), &page, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_init_arena(&meta, ctx->arena, 0);
    mc_dynamic_page_write(&page, &meta);
    rc = mc_buf_check(&meta, "list", err);
    return rc == MC_OK ? mc_http_ok_end(res, mc_buf_get(&meta), err) : rc;
}

/* What the parent's foreign key points to; nil when it points to nothing. */
static mc_code find_owner(mc_ctx *ctx, const mc__relation *relation, mc_uuid *out, mc_err *err)
{
    mc__statement s = {0};
    mc_db_rows rows;
    mc_code rc = mc__statement_init(&s, ctx, 2, err);

    if (rc != MC_OK)
        return rc;
    mc_buf_lit(&s.sql, "SELECT ");
    mc_buf_sql_ident(&s.sql, relation->foreign_key->name);
    mc_buf_lit(&s.sql, " FROM ");
    mc_buf_str(&s.sql, relation->parent->physical);
    mc__statement_where_row(&s, ctx, relation->parent, relation->parent_id, false);
    rc = mc_buf_check(&s.sql, "relation", err);
    if (rc == MC_OK)
        rc = mc_db_query(ctx->conn, mc_buf_get(&s.sql), s.args, s.count, &rows, err);
    if (rc != MC_OK)
        return rc;
    *out = (mc_uuid){{0}};
    if (mc_db_rows_next(&rows))
        *out = mc_db_col_uuid(&rows, 0);
    return mc_db_rows_finish(&rows, err);
}

/* GET …/:relation: a page of rows, or the one that the row belongs to */
static mc_code get_related(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc__relation relation = {0};
    mc_uuid owner;
    mc_code rc = mc__relation_open(req, user, false, &relation, err);

    if (rc != MC_OK)
        return rc;
    if (relation.kind != MC__BELONGS_TO)
        return list_related(req, res, user, &relation, err);
    rc = find_owner(mc_http_ctx(req), &relation, &owner, err);
    return rc == MC_OK ? mc__send_row(req, res, user, relation.target, owner, err) : rc;
}

/* GET …/:relation/:other_id: that row, if it is related */
static mc_code get_one_related(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    mc__relation relation = {0};
    mc_uuid id, found;
    size_t count = 0;
    mc_code rc = mc__relation_open(req, user, false, &relation, err);

    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("other_id"), &id, err);
    if (rc == MC_OK)
        rc = check_parent(ctx, &relation, err);
    if (rc != MC_OK)
        return rc;
    if (relation.kind == MC__MANY_TO_MANY) {
        rc = mc__relation_links(ctx, &relation, id, &found, 1, &count, err);
    } else if (relation.kind == MC__ONE_TO_MANY) {
        rc = find_ids(ctx, &relation, relation.target, MC_STR("id"), id, &found, 1, &count, err);
    } else {
        rc = find_owner(ctx, &relation, &found, err);
        count = rc == MC_OK && mc_uuid_eq(found, id);
    }
    if (rc == MC_OK && count == 0)
        rc = mc_fail(err, MC_NOT_FOUND, "record not found");
    return rc == MC_OK ? mc__send_row(req, res, user, relation.target, id, err) : rc;
}

#define FAMILY(base)                                                                               \
    {.method = "GET",                                                                              \
     .pattern = base "/:id/:relation",                                                             \
     .run = MC_HTTP_READ,                                                                          \
     .handle = get_related},                                                                       \
        {.method = "GET",                                                                          \
         .pattern = base "/:id/:relation/:other_id",                                               \
         .run = MC_HTTP_READ,                                                                      \
         .handle = get_one_related},                                                               \
        {.method = "POST",                                                                         \
         .pattern = base "/:id/:relation",                                                         \
         .run = MC_HTTP_WRITE,                                                                     \
         .prepare = mc__relation_prepare_post,                                                     \
         .handle = mc__relation_post},                                                             \
    {                                                                                              \
        .method = "DELETE", .pattern = base "/:id/:relation/:other_id", .run = MC_HTTP_WRITE,      \
        .prepare = mc__relation_prepare_delete, .handle = mc__relation_delete                      \
    }

static const mc_http_route table[] = {
    FAMILY("/dynamic/:model"),
    FAMILY("/data/:model"),
    FAMILY("/data/:model/me"),
};

const mc_http_route *mc__relation_routes(size_t *out_count)
{
    *out_count = MC_LEN(table);
    return table;
}
