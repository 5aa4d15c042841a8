/* SPDX-License-Identifier: Apache-2.0 */
/* What a tool's answer means. */
#include "metacore/base/utf8.h"
#include "metacore/tool/tool.h"

/* Bytes that are not UTF-8 become U+FFFD, NULs too: it is to be JSON. */
static mc_code text_value(mc_arena *arena, mc_str body, const mc_json **out, mc_err *err)
{
    mc_json *value = mc_arena_object(arena, mc_json);
    size_t from, at = 0;
    uint32_t rune;
    mc_buf text;

    mc_buf_init_arena(&text, arena, 0);
    while (at < body.len) {
        from = at;
        if (mc_utf8_next(body, &at, &rune) && rune != 0) {
            mc_buf_str(&text, mc_str_slice(body, from, at));
            continue;
        }
        at = from + 1;
        mc_buf_lit(&text, "\xef\xbf\xbd");
    }
    if (!value || mc_buf_failed(&text))
        return mc_fail(err, MC_NO_MEMORY, "tool");
    *value = (mc_json){.kind = MC_JSON_STRING};
    value->as.string = mc_buf_get(&text);
    *out = value;
    return MC_OK;
}

/* What is wrong, as text: most say a sentence, some {code, message}. */
static mc_code read_error(mc_arena *arena, const mc_json *error, mc_str *out, mc_err *err)
{
    mc_buf text;

    if (!error || error->kind == MC_JSON_NULL || mc_json_get_str(error, out) ||
        mc_json_get_str(mc_json_find(error, MC_STR("message")), out))
        return MC_OK;
    mc_buf_init_arena(&text, arena, 0);
    mc_json_write(&text, error);
    *out = mc_buf_get(&text);
    return mc_buf_check(&text, "tool", err);
}

static const mc_json *some(const mc_json *value)
{
    return value && value->kind != MC_JSON_NULL ? value : NULL;
}

mc_code mc_tool_read_result(mc_arena *arena, mc_str body, mc_tool_result *out, mc_err *err)
{
    mc_tool_result result = {.success = true};
    const mc_json *json = NULL, *success, *error, *metadata;
    mc_err no_json;
    mc_code rc = MC_OK;

    body = mc_str_trim(body);
    if (body.len && mc_json_parse(arena, body, NULL, &json, &no_json) != MC_OK)
        rc = text_value(arena, body, &json, err);
    if (rc != MC_OK)
        return rc;
    success = mc_json_find(json, MC_STR("success"));
    error = mc_json_find(json, MC_STR("error"));
    metadata = mc_json_find(json, MC_STR("metadata"));
    if (!success && !error && !metadata) {
        result.data = some(json);
        *out = result;
        return MC_OK;
    }
    rc = read_error(arena, error, &result.error, err);
    if (!mc_json_get_bool(success, &result.success))
        result.success = result.error.len == 0;
    result.data = some(mc_json_find(json, MC_STR("data")));
    result.metadata = some(metadata);
    if (rc == MC_OK)
        *out = result;
    return rc;
}

void mc_tool_result_write(mc_buf *out, const mc_tool_result *result)
{
    mc_buf_str(out, result->success ? MC_STR("{\"success\":true") : MC_STR("{\"success\":false"));
    if (result->data) {
        mc_buf_lit(out, ",\"data\":");
        mc_json_write(out, result->data);
    }
    if (result->error.len) {
        mc_buf_lit(out, ",\"error\":");
        mc_json_write_str(out, result->error);
    }
    if (result->metadata) {
        mc_buf_lit(out, ",\"metadata\":");
        mc_json_write(out, result->metadata);
    }
    mc_buf_char(out, '}');
}
