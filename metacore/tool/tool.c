/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/tool/tool.h"

#define WASM_SCHEME "wasm://"

static mc_str text_of(const mc_json *object, const char *key)
{
    mc_str text = MC_STR("");

    (void)mc_json_get_str(mc_json_find_nocase(object, mc_z(key)), &text); /* else empty */
    return text;
}

static mc_str upper(mc_arena *arena, mc_str text)
{
    char *copy = mc_arena_alloc(arena, text.len + 1);

    if (!copy)
        return (mc_str){NULL, 0};
    for (size_t i = 0; i < text.len; i++)
        copy[i] = (char)(text.ptr[i] >= 'a' && text.ptr[i] <= 'z' ? text.ptr[i] - 'a' + 'A'
                                                                  : text.ptr[i]);
    return mc_str_of(copy, text.len);
}

/* The second version's endpoint, or the third's handler {"type":"wasm","function"}. */
static mc_str function_of(const mc_json *tool, mc_str endpoint)
{
    const mc_json *handler = mc_json_find_nocase(tool, MC_STR("handler"));

    if (mc_str_starts_with(endpoint, MC_STR(WASM_SCHEME)))
        return mc_str_slice(endpoint, sizeof(WASM_SCHEME) - 1, endpoint.len);
    return endpoint.len == 0 && mc_str_eq(text_of(handler, "type"), MC_STR("wasm"))
               ? text_of(handler, "function")
               : MC_STR("");
}

static mc_code read_tool(const mc_json *json, mc_arena *arena, mc_tool *out, mc_err *err)
{
    const mc_json *params = mc_json_find_nocase(json, MC_STR("input_schema"));
    mc_str method = mc_str_trim(text_of(json, "method"));
    mc_tool tool = {.id = text_of(json, "id"),
                    .endpoint = mc_str_trim(text_of(json, "endpoint")),
                    .method = MC_STR("POST"),
                    .timeout_s = MC_TOOL_TIMEOUT_S};

    if (method.len)
        tool.method = upper(arena, method);
    if (!tool.method.ptr)
        return mc_fail(err, MC_NO_MEMORY, "tool");
    tool.function = function_of(json, tool.endpoint);
    if (params && params->kind == MC_JSON_ARRAY)
        tool.params = params;
    /* Longer ones are cut to the longest that there is, the contract's zero is its default. */
    if (mc_json_get_i64(mc_json_find_nocase(json, MC_STR("timeout")), 1, INT64_MAX,
                        &tool.timeout_s) &&
        tool.timeout_s > MC_TOOL_TIMEOUT_S_MAX)
        tool.timeout_s = MC_TOOL_TIMEOUT_S_MAX;
    *out = tool;
    return MC_OK;
}

mc_code mc_tool_find(const mc_json *tools, mc_str id, mc_arena *arena, mc_tool *out, mc_err *err)
{
    for (size_t i = 0; tools && tools->kind == MC_JSON_ARRAY && i < tools->as.array.count; i++) {
        const mc_json *tool = tools->as.array.items[i];

        if (mc_str_eq(text_of(tool, "id"), id))
            return read_tool(tool, arena, out, err);
    }
    return mc_fail(err, MC_NOT_FOUND, "tool not registered");
}
