/* SPDX-License-Identifier: Apache-2.0 */
/* Pages that begin after a row instead of after a number of rows. */
#include "metacore/query/query_internal.h"

#include "metacore/base/encode.h"

#include <string.h>

#define CHECK_LEN 16 /* hexadecimal digits of a cursor's checksum */

/* ---- the row's place: its keys ---- */

typedef struct keys {
    const mc_column *columns[MC_QUERY_KEYS_MAX];
    mc_db_value values[MC_QUERY_KEYS_MAX];
    size_t count;
} keys;

static void find_keys(const mc_query *query, keys *out)
{
    const mc_column *id = mc_model_find_column(query->model, MC_STR("id"));
    const mc_column *created = mc_model_find_column(query->model, MC_STR("created_at"));

    out->count = 0;
    out->columns[out->count++] = query->sort;
    if (query->sort != id && query->sort != created)
        out->columns[out->count++] = created;
    if (query->sort != id)
        out->columns[out->count++] = id;
}

static void write_names(const keys *k, size_t from, mc_buf *out)
{
    for (size_t i = from; i < k->count; i++) {
        if (i > from)
            mc_buf_lit(out, ", ");
        mc_buf_sql_ident(out, k->columns[i]->name);
    }
}

static void write_order(const keys *k, size_t from, bool is_ascending, mc_buf *out)
{
    for (size_t i = from; i < k->count; i++) {
        if (i > from)
            mc_buf_lit(out, ", ");
        mc_buf_sql_ident(out, k->columns[i]->name);
        mc_buf_str(out, is_ascending ? MC_STR(" ASC") : MC_STR(" DESC"));
    }
}

void mc__query_write_order(const mc_query *query, mc_buf *out)
{
    keys k;

    find_keys(query, &k);
    write_order(&k, 0, query->is_ascending, out);
}

/* ---- the cursor's text ----
 * base64url of: checksum, then each key as "n" or "v<length>:<text>". The checksum is FNV-1a over
 * the keys and all that they belong to. It keeps nobody from making a cursor of their own, which
 * would only begin their own list elsewhere: every value is checked and the organization is not
 * in it. It keeps a cursor from being used with another list, or after it was cut. */

static uint64_t mix(uint64_t hash, const void *ptr, size_t len)
{
    const unsigned char *bytes = ptr;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(1099511628211);
    return (hash ^ 0xff) * UINT64_C(1099511628211); /* so that "ab","c" is not "a","bc" */
}

static uint64_t mix_value(uint64_t hash, const mc_db_value *value)
{
    unsigned char kind = (unsigned char)value->kind;

    hash = mix(hash, &kind, sizeof(kind));
    switch (value->kind) {
    case MC_DB_TEXT:
    case MC_DB_DECIMAL:
    case MC_DB_JSON:
    case MC_DB_BYTES:
        return mix(hash, value->as.text.ptr, value->as.text.len);
    case MC_DB_UUID:
        return mix(hash, value->as.uuid.bytes, sizeof(value->as.uuid.bytes));
    case MC_DB_BOOL:
        return mix(hash, value->as.boolean ? "t" : "f", 1);
    default:
        return mix(hash, &value->as.integer, sizeof(value->as.integer));
    }
}

static uint64_t checksum(const mc_query *query, mc_str encoded)
{
    uint64_t hash = UINT64_C(14695981039346656037);

    hash = mix(hash, query->model->physical.ptr, query->model->physical.len);
    hash = mix(hash, query->order.ptr, query->order.len);
    hash = mix(hash, query->where.ptr, query->where.len);
    for (size_t i = 0; i < query->arg_count; i++)
        hash = mix_value(hash, &query->args[i]);
    return mix(hash, encoded.ptr, encoded.len);
}

/* The store's value as mc_query_value reads it back. */
static mc_str key_text(const mc_column *column, mc_db_rows *rows, size_t at,
                       char room[MC_TIME_TEXT_LEN])
{
    switch (column->type) {
    case MC_COL_BOOL:
        return mc_db_col_bool(rows, at) ? MC_STR("true") : MC_STR("false");
    case MC_COL_TIMESTAMP:
        mc_time_format(mc_db_col_time(rows, at), room);
        return mc_str_of(room, MC_TIME_TEXT_LEN);
    default:
        return mc_db_col_text(rows, at);
    }
}

void mc_query_write_cursor(const mc_query *query, const mc_query_plan *plan, mc_db_rows *rows,
                           size_t first_key, mc_buf *out)
{
    char storage[MC_QUERY_CURSOR_MAX], room[MC_TIME_TEXT_LEN];
    mc_buf encoded;
    keys k;

    find_keys(query, &k);
    mc_buf_init_borrowed(&encoded, storage, sizeof(storage), sizeof(storage));
    mc_buf_printf(&encoded, "%0*d", CHECK_LEN, 0);
    for (size_t i = 0; i < plan->key_count; i++) {
        mc_str text = key_text(k.columns[i], rows, first_key + i, room);

        if (text.len > MC_QUERY_SORT_VALUE_MAX)
            return;
        if (mc_db_col_is_null(rows, first_key + i)) {
            mc_buf_char(&encoded, 'n');
            continue;
        }
        mc_buf_printf(&encoded, "v%zu:", text.len);
        mc_buf_str(&encoded, text);
    }
    if (mc_buf_failed(&encoded)) { /* keys are bounded above: only if a bound was changed */
        out->failed = true;
        return;
    }
    {
        mc_str keys_text = mc_str_slice(mc_buf_get(&encoded), CHECK_LEN, encoded.len);
        uint64_t sum = checksum(query, keys_text);

        for (size_t i = CHECK_LEN; i-- > 0; sum >>= 4)
            encoded.ptr[i] = "0123456789abcdef"[sum & 15];
    }
    mc_base64url_write(out, mc_buf_get(&encoded));
    mc_buf_deinit(&encoded);
}

/* ---- reading it back ---- */

static mc_code bad_cursor(mc_err *err)
{
    return mc_fail(err, MC_INVALID, "cursor: not one of this list; begin again without it");
}

/* What a column declares is not what a migration made of it: only the kernel's own are sure. */
static bool may_be_null(const mc_column *column)
{
    return column->is_nullable || !column->is_system;
}

/* One key off the front of text. */
static bool take_key(mc_arena *arena, const mc_column *column, mc_str *text, mc_db_value *out)
{
    size_t colon;
    uint32_t len;

    if (text->len > 0 && text->ptr[0] == 'n') {
        *text = mc_str_slice(*text, 1, text->len);
        *out = mc_db_null();
        return may_be_null(column);
    }
    colon = mc_str_find_char(*text, 0, ':');
    if (text->len == 0 || text->ptr[0] != 'v' || colon == text->len ||
        !mc_str_u32(mc_str_slice(*text, 1, colon), 0, MC_QUERY_SORT_VALUE_MAX, &len) ||
        text->len - colon - 1 < len)
        return false;
    if (!mc_query_value(arena, column, mc_str_slice(*text, colon + 1, colon + 1 + len), out))
        return false;
    *text = mc_str_slice(*text, colon + 1 + len, text->len);
    return true;
}

static mc_code read_cursor(mc_ctx *ctx, const mc_query *query, mc_str cursor, keys *k, mc_err *err)
{
    uint64_t sum;
    mc_str text;

    if (cursor.len > MC_QUERY_CURSOR_MAX || !mc_base64url_parse(ctx->arena, cursor, &text) ||
        text.len < CHECK_LEN)
        return bad_cursor(err);
    sum = checksum(query, mc_str_slice(text, CHECK_LEN, text.len));
    for (size_t i = CHECK_LEN; i-- > 0; sum >>= 4) {
        if (text.ptr[i] != "0123456789abcdef"[sum & 15])
            return bad_cursor(err);
    }
    text = mc_str_slice(text, CHECK_LEN, text.len);
    for (size_t i = 0; i < k->count; i++) {
        if (!take_key(ctx->arena, k->columns[i], &text, &k->values[i]))
            return bad_cursor(err);
    }
    return text.len == 0 ? MC_OK : bad_cursor(err);
}

/* ---- the parts ---- */

typedef struct part_builder {
    mc_ctx *ctx;
    const mc_query *query;
    const keys *k;
    mc_query_plan *plan;
} part_builder;

/* "(a, b) > ($4, $5)" of the keys from `from` on. */
static void write_after(const part_builder *b, mc_query_part *part, size_t from, mc_buf *out)
{
    mc_buf_lit(out, " AND (");
    write_names(b->k, from, out);
    mc_buf_str(out, b->query->is_ascending ? MC_STR(") > (") : MC_STR(") < ("));
    for (size_t i = from; i < b->k->count; i++) {
        if (i > from)
            mc_buf_lit(out, ", ");
        part->args[part->arg_count++] = b->k->values[i];
        mc_buf_printf(out, "$%zu", part->arg_count);
    }
    mc_buf_char(out, ')');
}

typedef enum range { ALL, AFTER, NULLS_AFTER, NULLS, VALUES } range;

static mc_code add_part(const part_builder *b, range which, mc_err *err)
{
    mc_query_part *part = &b->plan->parts[b->plan->part_count];
    size_t first = which == NULLS || which == NULLS_AFTER ? 1 : 0; /* all equal: not in the order */
    mc_buf where, order;
    mc_code rc;

    part->arg_count = b->query->arg_count;
    part->args =
        mc_arena_array(b->ctx->arena, mc_db_value, part->arg_count + MC_QUERY_KEYS_MAX + 2);
    if (!part->args)
        return mc_fail(err, MC_NO_MEMORY, "list");
    memcpy(part->args, b->query->args, part->arg_count * sizeof(*part->args));
    mc_buf_init_arena(&where, b->ctx->arena, 0);
    mc_buf_init_arena(&order, b->ctx->arena, 0);
    mc_buf_str(&where, b->query->where);
    if (which == NULLS || which == NULLS_AFTER || which == VALUES) {
        mc_buf_lit(&where, " AND ");
        mc_buf_sql_ident(&where, b->query->sort->name);
        mc_buf_str(&where, which == VALUES ? MC_STR(" IS NOT NULL") : MC_STR(" IS NULL"));
    }
    if (which == AFTER || which == NULLS_AFTER)
        write_after(b, part, first, &where);
    write_order(b->k, first, b->query->is_ascending, &order);
    rc = mc_buf_check(&where, "list", err);
    if (rc == MC_OK)
        rc = mc_buf_check(&order, "list", err);
    part->where = mc_buf_get(&where);
    part->order = mc_buf_get(&order);
    b->plan->part_count++;
    return rc;
}

/* SQLite takes null for the smallest value, PostgreSQL for the largest. */
static bool nulls_come_first(const mc_query *query)
{
    return query->is_ascending == (query->dialect == MC_DB_SQLITE);
}

static mc_code add_parts(const part_builder *b, mc_err *err)
{
    bool is_null = b->k->values[0].kind == MC_DB_NULL;
    bool has_more_parts = may_be_null(b->query->sort) && nulls_come_first(b->query) == is_null;
    mc_code rc = add_part(b, is_null ? NULLS_AFTER : AFTER, err);

    if (rc == MC_OK && has_more_parts)
        rc = add_part(b, is_null ? VALUES : NULLS, err);
    return rc;
}

mc_code mc_query_plan_page(mc_ctx *ctx, const mc_query *query, mc_str cursor, mc_query_plan *out,
                           mc_err *err)
{
    mc_query_plan plan = {.has_cursor = cursor.len > 0};
    keys k;
    part_builder b = {ctx, query, &k, &plan};
    mc_buf names;
    mc_code rc = MC_OK;

    find_keys(query, &k);
    plan.key_count = k.count;
    mc_buf_init_arena(&names, ctx->arena, 0);
    write_names(&k, 0, &names);
    if (plan.has_cursor)
        rc = read_cursor(ctx, query, cursor, &k, err);
    if (rc == MC_OK)
        rc = plan.has_cursor ? add_parts(&b, err) : add_part(&b, ALL, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&names, "list", err);
    if (rc != MC_OK)
        return rc;
    plan.keys = mc_buf_get(&names);
    *out = plan;
    return MC_OK;
}

void mc_query_write_part(const mc_query *query, const mc_query_plan *plan, size_t part,
                         mc_str columns, mc_buf *out)
{
    const mc_query_part *p = &plan->parts[part];

    mc_buf_lit(out, "SELECT ");
    mc_buf_str(out, columns);
    mc_buf_lit(out, ", ");
    mc_buf_str(out, plan->keys);
    mc_buf_lit(out, " FROM ");
    mc_buf_str(out, query->model->physical);
    mc_buf_lit(out, " WHERE ");
    mc_buf_str(out, p->where);
    mc_buf_lit(out, " ORDER BY ");
    mc_buf_str(out, p->order);
    mc_buf_printf(out, " LIMIT $%zu OFFSET $%zu", p->arg_count + 1, p->arg_count + 2);
}
