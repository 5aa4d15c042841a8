/* SPDX-License-Identifier: Apache-2.0 */
/* Related rows that are made, linked and unlinked. */
#include "metacore/dynamic/dynamic_relation_internal.h"

typedef struct pending {
    mc__relation relation;
    mc_dynamic_write *child; /* one_to_many */
    const mc_uuid *ids;      /* many_to_many */
    mc_dynamic_write **links;
    size_t count;
} pending;

static mc_code method_not_allowed(mc_http_res *res, mc_str allow)
{
    mc_http_error_status(res, 405, MC_STR("Method Not Allowed"));
    mc_http_res_header(res, MC_STR("Allow"), allow);
    return MC_OK;
}

/* The parent stays until the transaction ends; it also keeps two from making the same link. */
static mc_code lock_parent(mc_dynamic *self, mc_ctx *ctx, const mc__relation *relation, mc_err *err)
{
    mc_dynamic_write nothing = {.model = relation->parent};
    mc__current current;

    return mc__current_load(self, ctx, &nothing, relation->parent_id, false, &current, err);
}

/* ---- what links tell ---- */

typedef struct stale_totals {
    mc_db_hook hook;
    mc_dynamic *self;
    mc_uuid org_id;
    const mc_model *model;
} stale_totals;

static void forget_totals(mc_db_hook *hook)
{
    const stale_totals *s = mc_container_of(hook, stale_totals, hook);

    mc__generation_raise(s->self, s->org_id, s->model);
}

/* The pivot's rows were told by their own writes. Whoever watches the parent learns that its
 * relation is another; lists of the target that were counted by way of the pivot are old. */
static mc_code tell(mc_dynamic *self, mc_ctx *ctx, mc__relation *relation, mc_err *err)
{
    stale_totals *totals = mc_arena_object(ctx->arena, stale_totals);
    mc_dynamic_change change = {.model = relation->parent,
                                .id = relation->parent_id,
                                .action = MC_DYNAMIC_UPDATED,
                                .at = ctx->now,
                                .fields = &relation->name,
                                .field_count = 1};
    mc_code rc;

    if (!totals)
        return mc_fail(err, MC_NO_MEMORY, "link");
    *totals = (stale_totals){.hook.run = forget_totals,
                             .self = self,
                             .org_id = ctx->who.org_id,
                             .model = relation->target};
    mc_db_after_commit(ctx->conn, &totals->hook);
    /* The row is the same before and after; who wants rows gets it. */
    rc = mc__dynamic_before(self, ctx, relation->parent, relation->parent_id, MC_DYNAMIC_UPDATED,
                            &change.before, err);
    change.after = change.before;
    return rc == MC_OK ? mc__dynamic_changed(self, ctx, &change, err) : rc;
}

/* ---- POST: a child, or links ---- */

static mc_code id_value(mc_arena *arena, mc_uuid id, mc_json *out, mc_err *err)
{
    char text[MC_UUID_TEXT_LEN];

    mc_uuid_format(id, text);
    *out = (mc_json){.kind = MC_JSON_STRING};
    out->as.string = mc_str_copy(arena, mc_str_of(text, sizeof(text)));
    return out->as.string.ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "link");
}

/* body with the foreign key that the path says, whatever it says itself. */
static mc_code force_key(mc_ctx *ctx, const mc__relation *relation, const mc_json *body,
                         const mc_json **out, mc_err *err)
{
    mc_json *copy = mc_arena_array(ctx->arena, mc_json, 2); /* and the key's value */
    mc_json_member *members = mc_arena_array(ctx->arena, mc_json_member, body->as.object.count + 1);
    size_t count = 0;

    if (!copy || !members)
        return mc_fail(err, MC_NO_MEMORY, "link");
    for (size_t i = 0; i < body->as.object.count; i++) {
        if (!mc_str_eq_nocase(body->as.object.members[i].key, relation->foreign_key->name))
            members[count++] = body->as.object.members[i];
    }
    members[count++] = (mc_json_member){relation->foreign_key->name, &copy[1]};
    copy->kind = MC_JSON_OBJECT;
    copy->as.object.members = members;
    copy->as.object.count = count;
    *out = copy;
    return id_value(ctx->arena, relation->parent_id, &copy[1], err);
}

static mc_code prepare_child(mc_dynamic *self, mc_ctx *ctx, pending *p, const mc_json *body,
                             mc_err *err)
{
    const mc__relation *relation = &p->relation;
    const mc_json *input = NULL;
    mc_code rc = force_key(ctx, relation, body, &input, err);

    if (rc == MC_OK)
        rc = mc_dynamic_prepare(self, ctx, relation->target, input, true, &p->child, err);
    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < p->child->count; i++) {
        if (p->child->items[i].column == relation->foreign_key)
            return MC_OK;
    }
    /* The form may say that nobody writes it; the path does. There is room for every column. */
    p->child->items[p->child->count++] =
        (mc__assignment){relation->foreign_key, mc_db_uuid(relation->parent_id)};
    return MC_OK;
}

static mc_code read_id(const mc_json *value, mc_uuid *out, mc_err *err)
{
    mc_str text;

    return mc_json_get_str(value, &text) && mc_uuid_parse(text, out)
               ? MC_OK
               : mc_fail(err, MC_INVALID, "invalid id");
}

/* {"id": …} or {"ids": […]}, and nothing else. */
static mc_code read_ids(mc_ctx *ctx, pending *p, const mc_json *body, mc_err *err)
{
    const mc_json *one = mc_json_find(body, MC_STR("id")),
                  *list = mc_json_find(body, MC_STR("ids"));
    bool is_list = list && list->kind == MC_JSON_ARRAY;
    mc_uuid *ids;
    mc_code rc = MC_OK;

    if (body->as.object.count != 1 || (!one && !is_list))
        return mc_fail(err, MC_INVALID, "want {\"id\": …} or {\"ids\": […]}");
    p->count = one ? 1 : list->as.array.count;
    if (p->count > MC__LINKS_MAX)
        return mc_fail(err, MC_INVALID, "ids: more than %d", MC__LINKS_MAX);
    p->ids = ids = mc_arena_array(ctx->arena, mc_uuid, p->count);
    if (!ids)
        return mc_fail(err, MC_NO_MEMORY, "link");
    for (size_t i = 0; i < p->count && rc == MC_OK; i++)
        rc = read_id(one ? one : list->as.array.items[i], &ids[i], err);
    return rc;
}

/* A row of the pivot, written like any other: its own rules and defaults hold. */
static mc_code prepare_link(mc_dynamic *self, mc_ctx *ctx, const mc__relation *relation, mc_uuid id,
                            mc_dynamic_write **out, mc_err *err)
{
    mc_json *values = mc_arena_array(ctx->arena, mc_json, 3);
    mc_json_member *members = mc_arena_array(ctx->arena, mc_json_member, 2);
    mc_code rc;

    if (!values || !members)
        return mc_fail(err, MC_NO_MEMORY, "link");
    rc = id_value(ctx->arena, relation->parent_id, &values[1], err);
    if (rc == MC_OK)
        rc = id_value(ctx->arena, id, &values[2], err);
    if (rc != MC_OK)
        return rc;
    members[0] = (mc_json_member){relation->foreign_key->name, &values[1]};
    members[1] = (mc_json_member){relation->target_key->name, &values[2]};
    values[0].kind = MC_JSON_OBJECT;
    values[0].as.object.members = members;
    values[0].as.object.count = 2;
    return mc_dynamic_prepare(self, ctx, relation->pivot, &values[0], true, out, err);
}

static mc_code prepare_links(mc_dynamic *self, mc_ctx *ctx, pending *p, const mc_json *body,
                             mc_err *err)
{
    mc_code rc = read_ids(ctx, p, body, err);

    if (rc == MC_OK) {
        p->links = mc_arena_array(ctx->arena, mc_dynamic_write *, p->count);
        rc = p->links ? MC_OK : mc_fail(err, MC_NO_MEMORY, "link");
    }
    for (size_t i = 0; i < p->count && rc == MC_OK; i++)
        rc = prepare_link(self, ctx, &p->relation, p->ids[i], &p->links[i], err);
    return rc;
}

mc_code mc__relation_prepare_post(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    pending *p = mc_arena_object(ctx->arena, pending);
    const mc_json *body;
    mc_code rc = p ? mc__relation_open(req, user, true, &p->relation, err)
                   : mc_fail(err, MC_NO_MEMORY, "link");

    (void)res;
    if (rc != MC_OK)
        return rc;
    req->state = p;
    if (p->relation.kind == MC__BELONGS_TO)
        return MC_OK; /* refused below, where an answer can be */
    rc = mc_http_body_object(req, "invalid body", &body, err);
    if (rc != MC_OK)
        return rc;
    return p->relation.kind == MC__ONE_TO_MANY ? prepare_child(user, ctx, p, body, err)
                                               : prepare_links(user, ctx, p, body, err);
}

/* Whether it was new. */
static mc_code add_link(mc_dynamic *self, mc_ctx *ctx, const pending *p, size_t at, size_t *linked,
                        mc_err *err)
{
    bool is_there = false;
    size_t count = 0;
    mc_time version;
    mc_uuid found;
    mc_buf row;
    mc_code rc = mc__row_exists(ctx, p->relation.target, p->ids[at], &is_there, err);

    if (rc == MC_OK && !is_there)
        rc = mc_fail(err, MC_NOT_FOUND, "record not found");
    if (rc == MC_OK)
        rc = mc__relation_links(ctx, &p->relation, p->ids[at], &found, 1, &count, err);
    if (rc != MC_OK || count > 0)
        return rc;
    (*linked)++;
    mc_buf_init_arena(&row, ctx->arena, 0);
    return mc_dynamic_create(self, ctx, p->links[at], &row, &version, err);
}

static mc_code create_child(mc_http_req *req, mc_http_res *res, mc_dynamic *self, pending *p,
                            mc_err *err)
{
    mc_buf *out = mc_http_ok_begin(res, 201);
    size_t start = out->len;
    mc_time version = 0;
    mc_code rc = mc_dynamic_create(self, mc_http_ctx(req), p->child, out, &version, err);

    return rc == MC_OK ? mc__finish_row(req, res, start, version, err) : rc;
}

/* POST …/:relation: a child whose foreign key is the row; or links, all of them or none */
mc_code mc__relation_post(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    pending *p = req->state;
    size_t linked = 0;
    mc_code rc;

    if (p->relation.kind == MC__BELONGS_TO)
        return method_not_allowed(res, MC_STR("GET, HEAD"));
    rc = lock_parent(user, ctx, &p->relation, err);
    if (rc == MC_OK && p->relation.kind == MC__ONE_TO_MANY)
        return create_child(req, res, user, p, err);
    for (size_t i = 0; i < p->count && rc == MC_OK; i++)
        rc = add_link(user, ctx, p, i, &linked, err);
    if (rc == MC_OK && linked > 0)
        rc = tell(user, ctx, &p->relation, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_printf(mc_http_ok_begin(res, 200), "{\"linked\":%zu}", linked);
    return mc_http_ok_end(res, MC_STR(""), err);
}

/* ---- DELETE: a link ---- */

mc_code mc__relation_prepare_delete(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    pending *p = mc_arena_object(mc_http_ctx(req)->arena, pending);
    mc_uuid *id = mc_arena_object(mc_http_ctx(req)->arena, mc_uuid);
    mc_code rc = p && id ? mc__relation_open(req, user, true, &p->relation, err)
                         : mc_fail(err, MC_NO_MEMORY, "link");

    (void)res;
    if (rc == MC_OK)
        rc = mc_http_param_uuid(req, MC_STR("other_id"), id, err);
    if (rc == MC_OK)
        p->ids = id;
    req->state = p;
    return rc;
}

/* Removes every link to the id, of which a table that was filled elsewhere may have several. */
static mc_code remove_links(mc_dynamic *self, mc_ctx *ctx, pending *p, mc_err *err)
{
    mc_uuid links[16];
    size_t count = MC_LEN(links), removed = 0;
    bool is_there = false;
    mc_code rc = MC_OK;

    while (rc == MC_OK && count == MC_LEN(links)) {
        rc = mc__relation_links(ctx, &p->relation, p->ids[0], links, MC_LEN(links), &count, err);
        for (size_t i = 0; i < count && rc == MC_OK; i++, removed++)
            rc = mc_dynamic_delete(self, ctx, p->relation.pivot, links[i], NULL, NULL, err);
    }
    if (rc == MC_OK && removed > 0)
        return tell(self, ctx, &p->relation, err);
    /* No link, so nothing to do; but what does not exist is not unlinked either. */
    if (rc == MC_OK)
        rc = mc__row_exists(ctx, p->relation.target, p->ids[0], &is_there, err);
    return rc == MC_OK && !is_there ? mc_fail(err, MC_NOT_FOUND, "record not found") : rc;
}

/* DELETE …/:relation/:other_id */
mc_code mc__relation_delete(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    pending *p = req->state;
    mc_code rc;

    if (p->relation.kind != MC__MANY_TO_MANY)
        return method_not_allowed(res, MC_STR("GET, HEAD"));
    rc = lock_parent(user, ctx, &p->relation, err);
    if (rc == MC_OK)
        rc = remove_links(user, ctx, p, err);
    return rc == MC_OK ? mc_http_ok_message(res, 200, MC_STR(""), err) : rc;
}
