/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several writes as one: all of them, or none. Each operation is checked like its single route.
 *
 *   {"operations":[{"op":"create","model":"projects","data":{"name":"Roof"}},
 *                  {"op":"create","model":"tasks","data":{"project_id":{"$ref":0},"title":"Tiles"}},
 *                  {"op":"update","model":"tasks","id":"…","data":{…},"if_match":"\"…\""},
 *                  {"op":"delete","model":"tasks","id":{"$ref":1}}]}
 *
 * {"$ref": n} stands for the id of the row of operation n, which comes before: as an id, or as a
 * uuid column's value. A bare array of operations will do, too.
 */
#include "metacore/dynamic/dynamic_internal.h"

typedef enum kind { CREATE, UPDATE, DELETE, RESTORE, KIND_COUNT } kind;

static const struct {
    mc_str name;
    mc_str capabilities[2]; /* the second may be empty */
    bool has_id, has_data, has_version;
    int status;
} kinds[KIND_COUNT] = {
    [CREATE] = {MC_STR_INIT("create"), {MC_STR_INIT("create")}, false, true, false, 201},
    [UPDATE] = {MC_STR_INIT("update"), {MC_STR_INIT("update")}, true, true, true, 200},
    [DELETE] = {MC_STR_INIT("delete"), {MC_STR_INIT("delete")}, true, false, true, 200},
    [RESTORE] = {MC_STR_INIT("restore"),
                 {MC_STR_INIT("update"), MC_STR_INIT("delete")},
                 true,
                 false,
                 false,
                 200},
};

typedef struct operation {
    kind kind;
    const mc_model *model;
    mc_uuid id;
    mc_dynamic_write *write;
    bool has_if_match;
    mc__version_tag if_match;
} operation;

typedef struct batch {
    mc_dynamic *self;
    mc_ctx *ctx;
    const mc_json *list;
    operation *items; /* those before count are read */
    size_t count;
} batch;

/* Says which operation it was, in words and for programs. */
static mc_code refuse(mc_ctx *ctx, size_t at, const mc_json *json, mc_code rc, mc_err *err)
{
    mc_err why = *err;
    mc_str word = MC_STR("");
    mc_buf meta;

    mc_buf_init_arena(&meta, ctx->arena, 0);
    mc_buf_printf(&meta, "{\"index\":%zu", at);
    if (mc_json_get_str(mc_json_find(json, MC_STR("model")), &word)) {
        mc_buf_lit(&meta, ",\"model\":");
        mc_json_write_str(&meta, word);
    }
    if (mc_json_get_str(mc_json_find(json, MC_STR("op")), &word)) {
        mc_buf_lit(&meta, ",\"op\":");
        mc_json_write_str(&meta, word);
    }
    mc_buf_char(&meta, '}');
    if (!mc_buf_failed(&meta))
        ctx->failure_meta = mc_buf_get(&meta);
    return mc_fail(err, rc, "operation %zu: %s", at, why.msg);
}

/* ---- reading: references are resolved before anything is written ---- */

/* False when value is no reference at all. */
static bool is_reference(const mc_json *value)
{
    return value && value->kind == MC_JSON_OBJECT && value->as.object.count == 1 &&
           mc_json_find(value, MC_STR("$ref"));
}

static mc_code resolve(const batch *b, const mc_json *value, mc_uuid *out, mc_err *err)
{
    int64_t at;

    if (!mc_json_get_i64(mc_json_find(value, MC_STR("$ref")), 0, (int64_t)b->count - 1, &at))
        return mc_fail(err, MC_INVALID, "$ref must be the number of an operation before this one");
    *out = b->items[at].id;
    return MC_OK;
}

static mc_code read_id(const batch *b, const mc_json *json, mc_uuid *out, mc_err *err)
{
    const mc_json *value = mc_json_find(json, MC_STR("id"));
    mc_str text;

    if (is_reference(value))
        return resolve(b, value, out, err);
    if (!mc_json_get_str(value, &text) || !mc_uuid_parse(text, out))
        return mc_fail(err, MC_INVALID, "invalid id");
    return MC_OK;
}

static bool takes_reference(const batch *b, const mc_model *model, const mc_json_member *member)
{
    const mc_column *column = mc_model_find_column(model, mc_str_lower(b->ctx->arena, member->key));

    return column && column->type == MC_COL_UUID && is_reference(member->value);
}

static mc_code id_value(mc_arena *arena, mc_uuid id, const mc_json **out, mc_err *err)
{
    mc_json *value = mc_arena_object(arena, mc_json);
    char text[MC_UUID_TEXT_LEN];

    mc_uuid_format(id, text);
    if (value) {
        value->kind = MC_JSON_STRING;
        value->as.string = mc_str_copy(arena, mc_str_of(text, sizeof(text)));
    }
    if (!value || !value->as.string.ptr)
        return mc_fail(err, MC_NO_MEMORY, "batch");
    *out = value;
    return MC_OK;
}

/* data with the ids that its references stand for. */
static mc_code read_data(const batch *b, const mc_model *model, const mc_json *data,
                         const mc_json **out, mc_err *err)
{
    mc_json_member *members;
    mc_json *copy;
    mc_code rc = MC_OK;

    if (!data || data->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "data must be an object");
    copy = mc_arena_object(b->ctx->arena, mc_json);
    members = mc_arena_array(b->ctx->arena, mc_json_member, data->as.object.count);
    if (!copy || !members)
        return mc_fail(err, MC_NO_MEMORY, "batch");
    for (size_t i = 0; i < data->as.object.count && rc == MC_OK; i++) {
        mc_uuid id;

        members[i] = data->as.object.members[i];
        if (!takes_reference(b, model, &members[i]))
            continue;
        rc = resolve(b, members[i].value, &id, err);
        if (rc == MC_OK)
            rc = id_value(b->ctx->arena, id, &members[i].value, err);
    }
    *copy = *data;
    copy->as.object.members = members;
    *out = copy;
    return rc;
}

/* What an operation does not take is refused: a misspelt if_match would protect nothing. */
static mc_code check_members(const operation *op, const mc_json *json, mc_err *err)
{
    for (size_t i = 0; i < json->as.object.count; i++) {
        mc_str key = json->as.object.members[i].key;

        if (mc_str_eq(key, MC_STR("op")) || mc_str_eq(key, MC_STR("model")) ||
            (mc_str_eq(key, MC_STR("id")) && kinds[op->kind].has_id) ||
            (mc_str_eq(key, MC_STR("data")) && kinds[op->kind].has_data) ||
            (mc_str_eq(key, MC_STR("if_match")) && kinds[op->kind].has_version))
            continue;
        return mc_fail(err, MC_INVALID, "%.*s takes no \"%.*s\"", MC_FMT(kinds[op->kind].name),
                       MC_FMT(key));
    }
    return MC_OK;
}

static mc_code read_kind(const mc_json *json, operation *op, mc_err *err)
{
    mc_str word;

    if (json->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "an operation must be an object");
    if (mc_json_get_str(mc_json_find(json, MC_STR("op")), &word)) {
        for (op->kind = CREATE; op->kind < KIND_COUNT; op->kind++) {
            if (mc_str_eq(word, kinds[op->kind].name))
                return check_members(op, json, err);
        }
    }
    return mc_fail(err, MC_INVALID, "op must be create, update, delete or restore");
}

static mc_code read_version(const mc_json *json, mc_arena *arena, operation *op, mc_err *err)
{
    const mc_json *tag = mc_json_find(json, MC_STR("if_match"));

    op->if_match.arena = arena;
    if (tag && !mc_json_get_str(tag, &op->if_match.tag))
        return mc_fail(err, MC_INVALID, "if_match must be an entity tag, as in If-Match");
    op->has_if_match = tag != NULL;
    return MC_OK;
}

static mc_code open_model(const batch *b, const mc_json *json, operation *op, mc_err *err)
{
    mc_str key = MC_STR("");
    mc_code rc = MC_OK;

    if (!mc_json_get_str(mc_json_find(json, MC_STR("model")), &key))
        return mc_fail(err, MC_INVALID, "model must be a model's key");
    for (size_t i = 0; i < 2 && rc == MC_OK; i++) {
        if (kinds[op->kind].capabilities[i].len)
            rc = mc_dynamic_open(b->self, b->ctx, key, kinds[op->kind].capabilities[i], &op->model,
                                 err);
    }
    return rc;
}

static mc_code read_operation(const batch *b, const mc_json *json, operation *op, mc_err *err)
{
    const mc_json *data = NULL;
    mc_code rc = read_kind(json, op, err);

    if (rc == MC_OK && kinds[op->kind].has_id)
        rc = read_id(b, json, &op->id, err);
    if (rc == MC_OK)
        rc = read_version(json, b->ctx->arena, op, err);
    if (rc == MC_OK)
        rc = open_model(b, json, op, err);
    if (rc != MC_OK || !kinds[op->kind].has_data)
        return rc;
    rc = read_data(b, op->model, mc_json_find(json, MC_STR("data")), &data, err);
    if (rc == MC_OK)
        rc = mc_dynamic_prepare(b->self, b->ctx, op->model, data, op->kind == CREATE, &op->write,
                                err);
    if (rc == MC_OK && op->kind == CREATE)
        rc = mc_uuid_v7(&op->id, err); /* chosen now, so that later ones can refer to it */
    if (rc == MC_OK)
        op->write->id = op->id;
    return rc;
}

static mc_code find_operations(const mc_json *body, const mc_json **out, mc_err *err)
{
    const mc_json *list = body;

    if (body->kind == MC_JSON_OBJECT)
        list = mc_json_find(body, MC_STR("operations"));
    if (!list || list->kind != MC_JSON_ARRAY || list->as.array.count == 0)
        return mc_fail(err, MC_INVALID, "operations must be a list that is not empty");
    if (list->as.array.count > MC_DYNAMIC_BATCH_MAX)
        return mc_fail(err, MC_INVALID, "operations: more than %d", MC_DYNAMIC_BATCH_MAX);
    *out = list;
    return MC_OK;
}

static mc_code prepare(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    mc_ctx *ctx = mc_http_ctx(req);
    batch *b = mc_arena_object(ctx->arena, batch);
    const mc_json *list;
    mc_code rc = b ? mc__check_somebody(req, err) : mc_fail(err, MC_NO_MEMORY, "batch");

    (void)res;
    if (rc == MC_OK)
        rc = mc_http_body_json(req, false, "invalid body", &list, err);
    if (rc == MC_OK)
        rc = find_operations(list, &list, err);
    if (rc != MC_OK)
        return rc;
    *b = (batch){.self = user, .ctx = ctx, .list = list};
    b->items = mc_arena_array(ctx->arena, operation, list->as.array.count);
    if (!b->items)
        return mc_fail(err, MC_NO_MEMORY, "batch");
    while (b->count < list->as.array.count) {
        const mc_json *json = list->as.array.items[b->count];

        rc = read_operation(b, json, &b->items[b->count], err);
        if (rc != MC_OK)
            return refuse(ctx, b->count, json, rc, err);
        b->count++;
    }
    req->state = b;
    return MC_OK;
}

/* ---- running: in one transaction ---- */

static mc_code run(const batch *b, operation *op, mc_buf *out, mc_time *out_version, mc_err *err)
{
    mc_code (*if_version)(void *user, mc_time version, mc_err *err) =
        op->has_if_match ? mc__check_version_tag : NULL;

    switch (op->kind) {
    case CREATE:
        return mc_dynamic_create(b->self, b->ctx, op->write, out, out_version, err);
    case UPDATE:
        return mc_dynamic_update(b->self, b->ctx, op->write, op->id, if_version, &op->if_match, out,
                                 out_version, err);
    case RESTORE:
        return mc_dynamic_restore(b->self, b->ctx, op->model, op->id, out, out_version, err);
    default:
        return mc_dynamic_delete(b->self, b->ctx, op->model, op->id, if_version, &op->if_match,
                                 err);
    }
}

static mc_code run_operation(const batch *b, operation *op, mc_buf *out, mc_err *err)
{
    mc_time version = 0;
    size_t start;
    mc_code rc;

    mc_buf_char(out, '{');
    if (op->kind != DELETE)
        mc_buf_lit(out, "\"data\":");
    start = out->len;
    rc = run(b, op, out, &version, err);
    if (rc != MC_OK)
        return rc;
    if (op->kind != DELETE) {
        mc_str row = mc_str_slice(mc_buf_get(out), start, out->len);

        mc_buf_lit(out, ",\"etag\":");
        mc_json_write_str(out, mc__etag(b->ctx->arena, version, row));
        mc_buf_char(out, ',');
    }
    mc_buf_lit(out, "\"id\":\"");
    mc_uuid_write(out, op->id);
    mc_buf_printf(out, "\",\"op\":\"%.*s\",\"status\":%d}", MC_FMT(kinds[op->kind].name),
                  kinds[op->kind].status);
    return MC_OK;
}

/* POST /dynamic/batch */
static mc_code handle(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    batch *b = req->state;
    mc_buf *out = mc_http_ok_begin(res, 200);

    (void)user;
    mc_buf_char(out, '[');
    for (size_t i = 0; i < b->count; i++) {
        mc_code rc;

        if (i > 0)
            mc_buf_char(out, ',');
        rc = run_operation(b, &b->items[i], out, err);
        if (rc != MC_OK)
            return refuse(b->ctx, i, b->list->as.array.items[i], rc, err);
    }
    mc_buf_char(out, ']');
    return mc_http_ok_end(res, MC_STR(""), err);
}

static const mc_http_route table[] = {
    {.method = "POST",
     .pattern = "/dynamic/batch",
     .run = MC_HTTP_WRITE,
     .prepare = prepare,
     .handle = handle},
    {.method = "POST",
     .pattern = "/data/batch",
     .run = MC_HTTP_WRITE,
     .prepare = prepare,
     .handle = handle},
};

const mc_http_route *mc__batch_routes(size_t *out_count)
{
    *out_count = MC_LEN(table);
    return table;
}
