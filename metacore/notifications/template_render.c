/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/notifications/template_internal.h"

#include "metacore/base/utf8.h"

typedef enum piece_kind { LITERAL, VALUE, OPEN, INVERTED, CLOSE } piece_kind;

/* What a template is made of, in its order. */
typedef struct piece {
    piece_kind kind;
    mc_str text; /* as written, braces too */
    mc_str name;
    size_t partner; /* of a section's ends: the other; 0: none, and it is literal */
} piece;

typedef struct pieces {
    piece *items; /* the first is unused, so that 0 is nobody's place */
    size_t count;
} pieces;

/* ---- taking apart ---- */

static piece piece_of(mc_str tag)
{
    mc_str inner = mc_str_slice(tag, 2, tag.len - 2);
    piece p = {.kind = VALUE, .text = tag};
    char first = inner.len ? inner.ptr[0] : '\0';

    if (first == '#' || first == '^' || first == '/') {
        p.kind = first == '#' ? OPEN : first == '^' ? INVERTED : CLOSE;
        inner = mc_str_slice(inner, 1, inner.len);
    }
    p.name = mc_str_trim(inner);
    return p;
}

static mc_code take_apart(mc_str text, mc_arena *arena, pieces *out, mc_err *err)
{
    size_t max = 2 * MC_TEMPLATE_TAGS_MAX + 2;

    out->items = mc_arena_array(arena, piece, max);
    out->count = 1;
    if (!out->items)
        return mc_fail(err, MC_NO_MEMORY, "template");
    while (text.len) {
        size_t at = mc_str_find(text, MC_STR("{{"));
        mc_str rest = mc_str_slice(text, at + 2, text.len);
        size_t end = mc_str_find(rest, MC_STR("}}"));

        if (out->count + 2 > max)
            return mc_fail(err, MC_TOO_LARGE, "template: more than %d tags", MC_TEMPLATE_TAGS_MAX);
        if (at >= text.len || end >= rest.len) { /* none, or one that never ends */
            out->items[out->count++] = (piece){.kind = LITERAL, .text = text};
            break;
        }
        if (at > 0)
            out->items[out->count++] = (piece){.kind = LITERAL, .text = mc_str_slice(text, 0, at)};
        out->items[out->count++] = piece_of(mc_str_slice(text, at, at + 2 + end + 2));
        text = mc_str_slice(rest, end + 2, rest.len);
    }
    return MC_OK;
}

/* Closes pair with the innermost open section or with nothing. A close without a name, where none
 * is open, ends the template: so the contract has it. */
static mc_code pair_up(pieces *all, mc_arena *arena, mc_err *err)
{
    size_t *open = mc_arena_array(arena, size_t, all->count), depth = 0;

    if (!open)
        return mc_fail(err, MC_NO_MEMORY, "template");
    for (size_t i = 1; i < all->count; i++) {
        piece *p = &all->items[i];

        if (p->kind == OPEN || p->kind == INVERTED)
            open[depth++] = i;
        if (p->kind != CLOSE)
            continue;
        if (depth > 0 && mc_str_eq(all->items[open[depth - 1]].name, p->name)) {
            p->partner = open[--depth];
            all->items[p->partner].partner = i;
        } else if (depth == 0 && p->name.len == 0) {
            all->count = i;
        }
    }
    return MC_OK;
}

/* ---- values ---- */

static const mc_json *find(const mc_json *vars, mc_str name)
{
    const mc_json *value = mc_json_find(vars, name);
    mc_str rest = name, part;

    if (value || mc_str_find_char(name, 0, '.') == name.len)
        return value;
    value = vars;
    while (value && mc_str_split(&rest, '.', &part))
        value = mc_json_find(value, part);
    return value;
}

static bool is_shown(const mc_json *value)
{
    if (!value || value->kind == MC_JSON_NULL)
        return false;
    if (value->kind == MC_JSON_STRING)
        return value->as.string.len > 0;
    return value->kind != MC_JSON_BOOL || value->as.boolean;
}

static void write_plain(mc_buf *out, const mc_json *value)
{
    if (value->kind == MC_JSON_STRING)
        mc_buf_str(out, value->as.string);
    else if (value->kind != MC_JSON_NULL)
        mc_json_write(out, value);
}

static void write_html(mc_buf *out, mc_str text)
{
    static const struct {
        char c;
        const char *as;
    } escapes[] = {{'&', "&amp;"},  {'<', "&lt;"},   {'>', "&gt;"},
                   {'"', "&quot;"}, {'\'', "&#39;"}, {'`', "&#96;"}};

    for (size_t i = 0; i < text.len; i++) {
        size_t n = 0;

        while (n < MC_LEN(escapes) && escapes[n].c != text.ptr[i])
            n++;
        if (n < MC_LEN(escapes))
            mc_buf_str(out, mc_z(escapes[n].as));
        else
            mc_buf_char(out, text.ptr[i]);
    }
}

/* What a browser would follow and not run. Blanks and controls would be skipped by it. */
static bool is_address(mc_str text)
{
    static const mc_str schemes[] = {MC_STR_INIT("https://"), MC_STR_INIT("http://"),
                                     MC_STR_INIT("mailto:")};

    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == '\\')
            return false;
    }
    for (size_t i = 0; i < MC_LEN(schemes); i++) {
        if (mc_str_eq_nocase(mc_str_slice(text, 0, schemes[i].len), schemes[i]))
            return true;
    }
    return mc_str_starts_with(text, MC_STR("/")) && !mc_str_starts_with(text, MC_STR("//"));
}

/* ---- rendering ---- */

typedef struct rendering {
    mc_template_kind kind;
    const mc_json *vars;
    mc_arena *arena;
    mc__html html;
    mc_buf out;
} rendering;

static mc_code write_value(rendering *r, const piece *p, mc_err *err)
{
    const mc_json *value = find(r->vars, p->name);
    mc__html_place place = MC__HTML_PLACE_TEXT;
    mc_buf plain;

    if (r->kind == MC_TEMPLATE_HTML)
        place = mc__html_take_value(&r->html);
    if (place == MC__HTML_PLACE_NONE)
        return mc_fail(err, MC_INVALID,
                       "template: %.*s stands where HTML takes no text: between tags and in quotes "
                       "it may",
                       MC_FMT(mc_str_slice(p->text, 0, 40)));
    if (!value)
        return MC_OK;
    if (r->kind != MC_TEMPLATE_HTML) {
        write_plain(&r->out, value);
        return MC_OK;
    }
    mc_buf_init_arena(&plain, r->arena, MC_TEMPLATE_BYTES_MAX);
    write_plain(&plain, value);
    if (place == MC__HTML_PLACE_URL && !is_address(mc_buf_get(&plain)))
        mc_buf_char(&r->out, '#');
    else
        write_html(&r->out, mc_buf_get(&plain));
    return mc_buf_check(&plain, "template", err);
}

/* A section begins and ends in text: shown or not, what follows is the same to HTML. */
static mc_code check_end(const rendering *r, const piece *p, mc_err *err)
{
    if (r->kind != MC_TEMPLATE_HTML)
        return MC_OK;
    if (!p->partner)
        return mc_fail(err, MC_INVALID, "template: %.*s has no other end",
                       MC_FMT(mc_str_slice(p->text, 0, 40)));
    if (r->html.state != MC__HTML_TEXT)
        return mc_fail(err, MC_INVALID, "template: %.*s stands within a tag",
                       MC_FMT(mc_str_slice(p->text, 0, 40)));
    return MC_OK;
}

static void write_literal(rendering *r, mc_str text)
{
    if (r->kind == MC_TEMPLATE_HTML)
        mc__html_feed(&r->html, text);
    mc_buf_str(&r->out, text);
}

/* is_all: also what is not shown, to look at every tag once. */
static mc_code write_all(rendering *r, const pieces *all, bool is_all, mc_err *err)
{
    mc_code rc = MC_OK;

    for (size_t i = 1; i < all->count && rc == MC_OK; i++) {
        const piece *p = &all->items[i];

        if (p->kind == LITERAL) {
            write_literal(r, p->text);
        } else if (p->kind == VALUE) {
            rc = write_value(r, p, err);
        } else {
            rc = check_end(r, p, err);
            if (rc == MC_OK && !p->partner)
                write_literal(r, p->text);
            else if (rc == MC_OK && p->kind != CLOSE && !is_all &&
                     is_shown(find(r->vars, p->name)) != (p->kind == OPEN))
                i = p->partner;
        }
    }
    return rc;
}

/* Three and more line ends are two, and both ends are trimmed; of a line every control is a blank.
 */
static mc_code tidy(rendering *r, mc_str *out, mc_err *err)
{
    mc_str text = mc_buf_get(&r->out);
    size_t ends = 0;
    mc_buf tidy;

    mc_buf_init_arena(&tidy, r->arena, 0);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        ends = c == '\n' ? ends + 1 : 0;
        if (r->kind == MC_TEMPLATE_LINE && ((unsigned char)c < ' ' || c == 0x7f))
            mc_buf_char(&tidy, ' ');
        else if (ends <= 2)
            mc_buf_char(&tidy, c);
    }
    *out = mc_str_trim(mc_buf_get(&tidy));
    return mc_buf_check(&tidy, "template", err);
}

static mc_code render(rendering *r, mc_str text, bool is_all, mc_str *out, mc_err *err)
{
    pieces all;
    mc_code rc;

    if (text.len > MC_TEMPLATE_BYTES_MAX)
        return mc_fail(err, MC_TOO_LARGE, "template: larger than %zu bytes", MC_TEMPLATE_BYTES_MAX);
    if (!mc_utf8_is_valid(text))
        return mc_fail(err, MC_INVALID, "template: is no UTF-8");
    mc_buf_init_arena(&r->out, r->arena, 2 * MC_TEMPLATE_BYTES_MAX);
    rc = take_apart(text, r->arena, &all, err);
    if (rc == MC_OK)
        rc = pair_up(&all, r->arena, err);
    if (rc == MC_OK)
        rc = write_all(r, &all, is_all, err);
    if (rc == MC_OK)
        rc = mc_buf_check(&r->out, "template: the result", err);
    return rc == MC_OK ? tidy(r, out, err) : rc;
}

mc_code mc_template_check(mc_template_kind kind, mc_str text, mc_arena *arena, mc_err *err)
{
    rendering r = {.kind = kind, .arena = arena};
    mc_str ignored;
    mc_code rc = render(&r, text, true, &ignored, err);

    if (rc == MC_OK && kind == MC_TEMPLATE_HTML && r.html.state != MC__HTML_TEXT)
        rc = mc_fail(err, MC_INVALID, "template: its HTML ends within a tag");
    return rc;
}

mc_code mc_template_render(mc_template_kind kind, mc_str text, const mc_json *vars, mc_arena *arena,
                           mc_str *out, mc_err *err)
{
    rendering r = {.kind = kind, .vars = vars, .arena = arena};
    mc_str result;
    mc_code rc = render(&r, text, false, &result, err);

    if (rc == MC_OK)
        *out = result;
    return rc;
}
