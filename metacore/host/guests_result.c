/* SPDX-License-Identifier: Apache-2.0 */
/* What an action's guest is told, in the words of every generation of addons at once, and what its
 * answer means. */
#include "metacore/host/guests_internal.h"

static bool is_reserved(mc_str key)
{
    static const mc_str words[] = {MC_STR_INIT("args"),      MC_STR_INIT("ctx"),
                                   MC_STR_INIT("host"),      MC_STR_INIT("payload"),
                                   MC_STR_INIT("record_id"), MC_STR_INIT("invocation"),
                                   MC_STR_INIT("row"),       MC_STR_INIT("tenant")};

    for (size_t i = 0; i < MC_LEN(words); i++) {
        if (mc_str_eq(key, words[i]))
            return true;
    }
    return false;
}

static void write_id(mc_buf *out, const char *key, mc_uuid id)
{
    mc_buf_printf(out, "\"%s\":", key);
    if (mc_uuid_is_nil(id)) {
        mc_buf_lit(out, "null");
        return;
    }
    mc_buf_char(out, '"');
    mc_uuid_write(out, id);
    mc_buf_char(out, '"');
}

static void write_ctx(mc_buf *out, mc_ctx *ctx, const mc_action_call *call,
                      const mc_installation *installation)
{
    mc_buf_lit(out, ",\"ctx\":{\"model\":");
    mc_json_write_str(out, call->model->key);
    mc_buf_lit(out, ",\"action\":");
    mc_json_write_str(out, call->key);
    mc_buf_char(out, ',');
    write_id(out, "installation_id", installation->id);
    mc_buf_lit(out, ",\"principal\":{");
    write_id(out, "user_id", ctx->who.user_id);
    mc_buf_char(out, ',');
    write_id(out, "org_id", ctx->who.org_id);
    mc_buf_lit(out, ",\"locale\":");
    mc_json_write_str(out, ctx->lang);
    mc_buf_lit(out, "},\"request_id\":");
    mc_json_write_str(out, ctx->request_id);
    mc_buf_lit(out, ",\"idempotency_key\":null}");
}

/* The row's own fields stand beside the rest, save those that are called like it. */
static void write_fields(mc_buf *out, mc_ctx *ctx, mc_str row)
{
    const mc_json *json = NULL;
    mc_err unreadable; /* the row as text is there all the same */

    if (row.len == 0 || mc_json_parse(ctx->arena, row, NULL, &json, &unreadable) != MC_OK ||
        json->kind != MC_JSON_OBJECT)
        return;
    for (size_t i = 0; i < json->as.object.count; i++) {
        const mc_json_member *member = &json->as.object.members[i];

        if (is_reserved(member->key))
            continue;
        mc_buf_char(out, ',');
        mc_json_write_str(out, member->key);
        mc_buf_char(out, ':');
        mc_json_write(out, member->value);
    }
}

void mc__guest_write_input(mc_buf *out, mc_ctx *ctx, const mc_action_call *call,
                           const mc_installation *installation)
{
    mc_buf_lit(out, "{\"invocation\":\"action\",\"host\":\"metacore\",");
    write_id(out, "tenant", ctx->who.org_id);
    mc_buf_char(out, ',');
    write_id(out, "record_id", call->record_id);
    mc_buf_lit(out, ",\"row\":");
    mc_buf_str(out, call->row.len ? call->row : MC_STR("null"));
    mc_buf_lit(out, ",\"args\":");
    mc_json_write(out, call->payload);
    mc_buf_lit(out, ",\"payload\":");
    mc_json_write(out, call->payload);
    write_ctx(out, ctx, call, installation);
    write_fields(out, ctx, call->row);
    mc_buf_char(out, '}');
}

/* ---- the answer ---- */

/* {code, message}, a sentence, or nothing. */
static mc_code decline(const mc_action_call *call, const mc_json *error, mc_err *err)
{
    mc_str message = MC_STR("");

    if (!mc_json_get_str(error, &message)) {
        (void)mc_json_get_str(mc_json_find(error, MC_STR("message")), &message);
        (void)mc_json_get_str(mc_json_find(error, MC_STR("code")), call->out_decline_code);
    }
    if (message.len == 0)
        message = MC_STR("the action was declined");
    return mc_fail(err, MC_REJECTED, "%.*s", MC_FMT(message));
}

mc_code mc__guest_read_output(mc_ctx *ctx, const mc_action_call *call, mc_str text, mc_buf *out,
                              mc_err *err)
{
    const mc_json *answer = NULL, *data, *meta;
    bool is_done = true, is_envelope;
    mc_err why;

    if (text.len == 0) {
        mc_buf_lit(out, "null");
        return MC_OK;
    }
    if (mc_json_parse(ctx->arena, text, NULL, &answer, &why) != MC_OK) {
        ctx->failure_code = MC_STR("invalid_output");
        ctx->failure_is_told = true;
        return mc_fail(err, MC_INTERNAL, "addon %.*s: the guest's answer is no JSON: %s",
                       MC_FMT(call->model->addon_key), why.msg);
    }
    is_envelope = mc_json_get_bool(mc_json_find(answer, MC_STR("success")), &is_done) ||
                  mc_json_get_bool(mc_json_find(answer, MC_STR("ok")), &is_done);
    meta = is_envelope ? mc_json_find(answer, MC_STR("meta")) : NULL;
    if (meta && meta->kind == MC_JSON_OBJECT)
        *call->out_meta = meta;
    if (!is_done)
        return decline(call, mc_json_find(answer, MC_STR("error")), err);
    data = is_envelope ? mc_json_find(answer, MC_STR("data")) : answer;
    if (data)
        mc_json_write(out, data);
    else
        mc_buf_lit(out, "null");
    return MC_OK;
}
