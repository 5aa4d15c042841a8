/* SPDX-License-Identifier: Apache-2.0 */
/* What is refused, said in the reader's language. Codes and fields stay: programs read those. */
#include "metacore/host/language.h"

typedef struct translation {
    const mc_i18n_texts *texts;
    mc_ctx *ctx;
    mc_i18n *i18n;
    bool is_done; /* something was said in the language */
} translation;

/* ---- fields ---- */

/* What a field's message calls it: all before its verb. */
static mc_str label_of(const mc_field_error *error)
{
    static const mc_str verbs[] = {MC_STR_INIT(" is "), MC_STR_INIT(" must "), MC_STR_INIT(" has "),
                                   MC_STR_INIT(" does "), MC_STR_INIT(": ")};
    size_t end = error->message.len;

    for (size_t i = 0; i < MC_LEN(verbs); i++) {
        size_t at = mc_str_find(error->message, verbs[i]);

        end = at < end ? at : end;
    }
    return end < error->message.len ? mc_str_slice(error->message, 0, end) : error->field;
}

/* A number of params as text, or empty. */
static mc_str limit_of(const mc_json *params, const char *name)
{
    const mc_json *value = mc_json_find(params, mc_z(name));

    return value && value->kind == MC_JSON_NUMBER ? value->as.number : MC_STR("");
}

static void translate_field(translation *t, mc_field_error *error)
{
    mc_arena *arena = t->ctx->arena;
    const mc_json *params = NULL;
    mc_str kind = MC_STR(""), key, text;
    mc_i18n_arg args[3] = {
        {.name = MC_STR_INIT("label")}, {.name = MC_STR_INIT("min")}, {.name = MC_STR_INIT("max")}};
    mc_err ignored;
    mc_buf out;

    if (error->params.len > 0 &&
        mc_json_parse(arena, error->params, NULL, &params, &ignored) != MC_OK)
        return;
    (void)mc_json_get_str(mc_json_find(params, MC_STR("kind")), &kind); /* empty: of a number */
    key = mc_str_printf(arena, "metacore.error.%.*s%s", MC_FMT(error->code),
                        mc_str_eq(kind, MC_STR("length")) ? "_length" : "");
    if (!key.ptr || !mc_i18n_find(t->texts, t->ctx->lang, MC_STR(""), key, &text))
        return;
    args[0].value = mc_i18n_translate(t->i18n, arena, t->ctx->lang, MC_STR(""), label_of(error));
    args[1].value = limit_of(params, "min");
    args[2].value = limit_of(params, "max");
    mc_buf_init_arena(&out, arena, 0);
    mc_i18n_format(&out, text, args, MC_LEN(args));
    if (mc_buf_failed(&out))
        return; /* English is better than nothing */
    error->message = mc_buf_get(&out);
    t->is_done = true;
}

/* ---- the whole error ---- */

bool mc__say_error(mc_i18n *i18n, mc_ctx *ctx, mc_str *message)
{
    translation t = {.ctx = ctx, .i18n = i18n};
    bool is_first_fields;

    /* English is what the sentences are written in: the contract's, to the letter. */
    if (ctx->lang.len == 0 || mc_str_eq(ctx->lang, MC_STR("en")) ||
        mc_str_starts_with(ctx->lang, MC_STR("en-")))
        return false;
    is_first_fields =
        ctx->field_error_count > 0 && mc_str_eq(ctx->field_errors[0].message, *message);
    t.texts = mc_i18n_texts_ref(t.i18n);
    for (size_t i = 0; i < ctx->field_error_count && i < MC_FIELD_ERRORS_MAX; i++)
        translate_field(&t, &ctx->field_errors[i]);
    mc_i18n_texts_unref(t.texts);
    if (is_first_fields && t.is_done)
        *message = ctx->field_errors[0].message;
    else
        t.is_done |= mc_i18n_say(i18n, ctx->arena, ctx->lang, *message, message);
    return t.is_done;
}
