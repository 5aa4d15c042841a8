/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked before a row is written. */
#include "metacore/host/hooks_internal.h"

/* The contract knows three: a row that is restored appears, as one that is created does. */
static mc_hook_event event_of(mc_dynamic_event event)
{
    switch (event) {
    case MC_BEFORE_UPDATE:
        return MC_HOOK_BEFORE_UPDATE;
    case MC_BEFORE_DELETE:
        return MC_HOOK_BEFORE_DELETE;
    default:
        return MC_HOOK_BEFORE_CREATE;
    }
}

bool mc__hooks_are_asked(void *user, mc_ctx *ctx, const mc_model *model, mc_dynamic_event event)
{
    mc_app *app = user;

    return model->addon_key.len && mc_hooks_has(app->hooks, model->addon_key, event_of(event)) &&
           mc_installer_is_enabled(mc_host_installer(app->host), ctx->who.org_id, model->addon_key);
}

static void write_part(mc_buf *out, const char *key, mc_str json)
{
    mc_buf_printf(out, ",\"%s\":", key);
    mc_buf_str(out, json);
}

void mc__hook_write_row(mc_buf *out, mc_hook_event event, const mc_model *model, mc_uuid id,
                        mc_str input, mc_str record)
{
    mc_buf_printf(out, "{\"event\":\"%.*s\",\"model\":", MC_FMT(mc_hook_event_name(event)));
    mc_json_write_str(out, model->key);
    write_part(out, "record", record.len ? record : MC_STR("null"));
    if (!mc_uuid_is_nil(id)) {
        mc_buf_lit(out, ",\"id\":\"");
        mc_uuid_write(out, id);
        mc_buf_char(out, '"');
    }
    if (input.len)
        write_part(out, "input", input);
    mc_buf_char(out, '}');
}

mc_code mc__hooks_ask(void *user, mc_ctx *ctx, const mc_dynamic_question *question, mc_err *err)
{
    mc_app *app = user;
    mc_hook_event event = event_of(question->event);
    mc__hook_call call = {.addon_key = question->model->addon_key,
                          .event = mc_hook_event_name(event)};
    mc_hook_set *set = mc_hooks_take(app->hooks, call.addon_key);
    size_t count;
    const mc_hook *hooks = mc_hook_set_get(set, event, &count);
    mc_buf payload;
    mc_code rc;

    mc_buf_init_arena(&payload, ctx->arena, 0);
    mc__hook_write_row(&payload, event, question->model, question->id, question->input,
                       question->record);
    rc = mc_buf_check(&payload, "hook", err);
    call.payload = mc_buf_get(&payload);
    for (size_t i = 0; i < count && rc == MC_OK; i++) {
        call.hook = &hooks[i];
        rc = mc__hook_run(app, ctx, &call, err);
    }
    mc_hook_set_unref(set);
    return rc;
}
