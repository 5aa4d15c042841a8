/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of a guest's statement: JSON, and $uuid, $ts, $bytes for what JSON has not. */
#include "metacore/base/decimal.h"
#include "metacore/base/encode.h"
#include "metacore/host/guests_sql_internal.h"

static const mc_json *marked(const mc_json *value, const char *mark)
{
    return value->kind == MC_JSON_OBJECT && value->as.object.count == 1
               ? mc_json_find(value, mc_z(mark))
               : NULL;
}

static mc_code check_one(mc_arena *arena, const mc_json *value, mc_err *err)
{
    mc_str text, bytes;
    mc_uuid id;
    mc_time time;

    if (value->kind == MC_JSON_ARRAY)
        return mc_fail(err, MC_INVALID, "unsupported arg type array");
    if (value->kind != MC_JSON_OBJECT)
        return MC_OK;
    if (mc_json_get_str(marked(value, "$uuid"), &text))
        return mc_uuid_parse(text, &id) ? MC_OK : mc_fail(err, MC_INVALID, "$uuid: no UUID");
    if (mc_json_get_str(marked(value, "$ts"), &text))
        return mc_time_parse(text, &time) ? MC_OK : mc_fail(err, MC_INVALID, "$ts: want RFC 3339");
    if (mc_json_get_str(marked(value, "$bytes"), &text))
        return mc_base64_parse(arena, text, &bytes)
                   ? MC_OK
                   : mc_fail(err, MC_INVALID, "$bytes: want base64");
    return mc_fail(err, MC_INVALID, "unsupported object arg (need one of $uuid, $ts, $bytes)");
}

mc_code mc__guest_sql_read_args(mc__guest_sql *s, mc_str text, mc_err *err)
{
    mc_err why;

    if (text.len == 0)
        text = MC_STR("[]");
    if (mc_json_parse(s->ctx->arena, text, NULL, &s->given, &why) != MC_OK)
        return mc_fail(err, MC_INVALID, "args is not a JSON array: %s", why.msg);
    if (s->given->kind == MC_JSON_NULL)
        return mc__guest_sql_read_args(s, MC_STR(""), err);
    if (s->given->kind != MC_JSON_ARRAY)
        return mc_fail(err, MC_INVALID, "args is not a JSON array: it is %s",
                       mc_json_kind_name(s->given));
    if (s->given->as.array.count > MC_SQLGUEST_ARGS_MAX)
        return mc_fail(err, MC_INVALID, "argument count exceeds %d", MC_SQLGUEST_ARGS_MAX);
    for (size_t i = 0; i < s->given->as.array.count; i++) {
        if (check_one(s->ctx->arena, s->given->as.array.items[i], err) != MC_OK)
            return err->code;
    }
    return MC_OK;
}

/* ---- values ---- */

static mc_code misfit(size_t at, const mc_json *value, mc_sql_kind kind, mc_err *err)
{
    return mc_fail(err, MC_REJECTED, "argument $%zu: %s does not fit type %s", at + 1,
                   mc_json_kind_name(value), mc_sql_kind_name(kind));
}

static bool bind_number(mc_arena *arena, mc_str number, mc_sql_kind kind, mc_db_value *out)
{
    mc_str plain;
    int64_t whole;

    if (mc_decimal_parse(arena, number, 0, 0, &plain) != MC_DECIMAL_OK)
        return false;
    if (kind == MC_SQL_DECIMAL)
        *out = (mc_db_value){MC_DB_DECIMAL, {.text = plain}};
    else if (mc_str_i64(plain, INT64_MIN, INT64_MAX, &whole))
        *out = mc_db_int(whole);
    else if (kind == MC_SQL_ANY)
        *out = (mc_db_value){MC_DB_DECIMAL, {.text = plain}};
    else
        return false;
    return kind == MC_SQL_ANY || kind == MC_SQL_INT || kind == MC_SQL_DECIMAL;
}

static bool bind_time(mc_str text, mc_sql_kind kind, mc_db_value *out)
{
    mc_time time;

    if (!mc_time_parse(mc_str_trim(text), &time) && !mc_date_parse(mc_str_trim(text), &time))
        return false;
    *out = kind == MC_SQL_DATE ? (mc_db_value){MC_DB_DATE, {.time = time}} : mc_db_time(time);
    return true;
}

static bool bind_bool(mc_str text, mc_db_value *out)
{
    bool is_true = mc_str_eq_nocase(text, MC_STR("true")) || mc_str_eq_nocase(text, MC_STR("t"));

    *out = mc_db_bool(is_true);
    return is_true || mc_str_eq_nocase(text, MC_STR("false")) ||
           mc_str_eq_nocase(text, MC_STR("f"));
}

static bool bind_text(mc_arena *arena, mc_str text, mc_sql_kind kind, mc_db_value *out)
{
    const mc_json *ignored;
    mc_uuid id;
    mc_err why;

    *out = mc_db_text(text);
    switch (kind) {
    case MC_SQL_BOOL:
        return bind_bool(mc_str_trim(text), out);
    case MC_SQL_INT:
    case MC_SQL_DECIMAL:
        return bind_number(arena, mc_str_trim(text), kind, out);
    case MC_SQL_UUID:
        if (!mc_uuid_parse(text, &id))
            return false;
        *out = mc_db_uuid(id);
        return true;
    case MC_SQL_TIME:
    case MC_SQL_DATE:
        return bind_time(text, kind, out);
    case MC_SQL_JSON:
        return mc_json_parse(arena, text, &(mc_json_options){.last_duplicate_wins = true}, &ignored,
                             &why) == MC_OK;
    case MC_SQL_BYTES:
        out->kind = MC_DB_BYTES;
        return true;
    default:
        return true;
    }
}

static bool bind_object(mc_arena *arena, const mc_json *value, mc_sql_kind kind, mc_db_value *out)
{
    mc_str text, bytes;
    mc_uuid id;

    if (mc_json_get_str(marked(value, "$uuid"), &text) && mc_uuid_parse(text, &id)) {
        *out = mc_db_uuid(id);
        return kind == MC_SQL_ANY || kind == MC_SQL_UUID || kind == MC_SQL_TEXT;
    }
    if (mc_json_get_str(marked(value, "$ts"), &text))
        return (kind == MC_SQL_ANY || kind == MC_SQL_TIME || kind == MC_SQL_DATE) &&
               bind_time(text, kind, out);
    if (!mc_json_get_str(marked(value, "$bytes"), &text) || !mc_base64_parse(arena, text, &bytes))
        return false;
    *out = (mc_db_value){MC_DB_BYTES, {.text = bytes}};
    return kind == MC_SQL_ANY || kind == MC_SQL_BYTES;
}

static bool bind_one(mc_arena *arena, const mc_json *value, mc_sql_kind kind, mc_db_value *out)
{
    switch (value->kind) {
    case MC_JSON_NULL:
        *out = mc_db_null();
        return true;
    case MC_JSON_BOOL:
        *out = mc_db_bool(value->as.boolean);
        return kind == MC_SQL_ANY || kind == MC_SQL_BOOL;
    case MC_JSON_NUMBER:
        return bind_number(arena, value->as.number, kind, out);
    case MC_JSON_STRING:
        return bind_text(arena, value->as.string, kind, out);
    default:
        return bind_object(arena, value, kind, out);
    }
}

mc_code mc__guest_sql_bind(mc__guest_sql *s, mc_err *err)
{
    const mc_sqlguest_statement *statement = &s->statement;
    size_t count = s->given->as.array.count;
    mc_uuid org = s->ctx->who.org_id;

    if (count != statement->param_count)
        return mc_fail(err, MC_REJECTED, "expected %zu arguments, got %zu", statement->param_count,
                       count);
    for (size_t i = 0; i < count; i++) {
        const mc_json *value = s->given->as.array.items[i];

        if (!bind_one(s->ctx->arena, value, statement->params[i], &s->args[i]))
            return misfit(i, value, statement->params[i], err);
        if ((statement->org_params & UINT64_C(1) << i) &&
            (s->args[i].kind != MC_DB_UUID || !mc_uuid_eq(s->args[i].as.uuid, org)))
            return mc_fail(err, MC_FORBIDDEN, "organization_id is not the invocation's");
    }
    s->args[MC_SQLGUEST_ORG - 1] = mc_db_uuid(org);
    s->args[MC_SQLGUEST_NOW - 1] = mc_db_time(s->ctx->now);
    s->args[MC_SQLGUEST_USER - 1] =
        mc_uuid_is_nil(s->ctx->who.user_id) ? mc_db_null() : mc_db_uuid(s->ctx->who.user_id);
    return MC_OK;
}
