/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a page a value would stand: as much of HTML's tokenizer as that takes. When in doubt, it
 * may not. */
#include "metacore/notifications/template_internal.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void begin_name(mc__html *html)
{
    html->name_len = 0;
    html->name[0] = '\0';
}

static void add_to_name(mc__html *html, char c)
{
    if (html->name_len + 1 < sizeof(html->name)) {
        html->name[html->name_len++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        html->name[html->name_len] = '\0';
    }
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static void end_tag(mc__html *html)
{
    static const char *const raw[] = {"script",   "style",   "textarea", "title",    "xmp",
                                      "iframe",   "noembed", "noframes", "noscript", "plaintext",
                                      "template", "svg",     "math",     "object",   "select"};

    html->state = MC__HTML_TEXT;
    if (html->is_end_tag || !is_one_of(html->raw, raw, MC_LEN(raw)))
        return;
    html->state = MC__HTML_RAW;
    begin_name(html);
}

/* In RAW: name gathers what follows a < and is held against the element's end. */
static void feed_raw(mc__html *html, char c)
{
    size_t want = strlen(html->raw);

    if (c == '<')
        begin_name(html);
    if (html->name_len == 0 && c != '<')
        return;
    add_to_name(html, c);
    if (c == '>' && html->name_len >= want + 3 && html->name[1] == '/' &&
        strncmp(html->name + 2, html->raw, want) == 0 && !is_letter(html->name[2 + want]))
        html->state = MC__HTML_TEXT;
}

static void feed_open(mc__html *html, char c)
{
    html->is_end_tag = html->is_end_tag || c == '/';
    if (c == '!' || c == '?') {
        html->state = MC__HTML_COMMENT;
        html->dashes = html->comment_len = 0;
        begin_name(html);
    } else if (is_letter(c)) {
        html->state = MC__HTML_NAME;
        begin_name(html);
        add_to_name(html, c);
    } else if (c != '/') {
        html->state = MC__HTML_TEXT; /* a < that begins nothing */
    }
}

/* "<!-- a > b -->" ends where it says and no sooner, "<!doctype html>" at the first >. */
static void feed_comment(mc__html *html, char c)
{
    bool is_long;

    if (html->name_len < 2)
        add_to_name(html, c);
    is_long = strncmp(html->name, "--", 2) == 0;
    if (c == '>' && (!is_long || (html->dashes >= 2 && html->comment_len >= 4)))
        html->state = MC__HTML_TEXT;
    html->dashes = c == '-' ? html->dashes + 1 : 0;
    html->comment_len++;
}

static void feed_inside(mc__html *html, char c)
{
    if (c == '>') {
        end_tag(html);
    } else if (c == '=' && html->state == MC__HTML_ATTR) {
        html->state = MC__HTML_EQUALS;
    } else if (is_space(c)) {
        html->is_name_over = true; /* or its = comes after the blank */
    } else {
        if (html->state == MC__HTML_INSIDE || html->is_name_over || c == '/')
            begin_name(html);
        html->is_name_over = c == '/';
        html->state = MC__HTML_ATTR;
        add_to_name(html, c);
    }
}

static void feed_equals(mc__html *html, char c)
{
    if (is_space(c))
        return;
    html->is_value_empty = true;
    html->state = c == '"'    ? MC__HTML_DOUBLE
                  : c == '\'' ? MC__HTML_SINGLE
                  : c == '>'  ? MC__HTML_TEXT
                              : MC__HTML_BARE;
    if (c == '>')
        end_tag(html);
}

static void feed_value(mc__html *html, char c)
{
    bool is_over = (html->state == MC__HTML_DOUBLE && c == '"') ||
                   (html->state == MC__HTML_SINGLE && c == '\'') ||
                   (html->state == MC__HTML_BARE && is_space(c));

    if (html->state == MC__HTML_BARE && c == '>') {
        end_tag(html);
    } else if (is_over) {
        html->state = MC__HTML_INSIDE;
    } else if (!is_space(c)) {
        html->is_value_empty = false;
    }
}

static void feed(mc__html *html, char c)
{
    switch (html->state) {
    case MC__HTML_TEXT:
        if (c == '<') {
            html->state = MC__HTML_OPEN;
            html->is_end_tag = false;
        }
        break;
    case MC__HTML_OPEN:
        feed_open(html, c);
        break;
    case MC__HTML_NAME:
        if (is_space(c) || c == '>' || c == '/') {
            memcpy(html->raw, html->name, sizeof(html->raw));
            html->state = MC__HTML_INSIDE;
            feed_inside(html, c);
        } else {
            add_to_name(html, c);
        }
        break;
    case MC__HTML_INSIDE:
    case MC__HTML_ATTR:
        feed_inside(html, c);
        break;
    case MC__HTML_EQUALS:
        feed_equals(html, c);
        break;
    case MC__HTML_DOUBLE:
    case MC__HTML_SINGLE:
    case MC__HTML_BARE:
        feed_value(html, c);
        break;
    case MC__HTML_COMMENT:
        feed_comment(html, c);
        break;
    case MC__HTML_RAW:
        feed_raw(html, c);
        break;
    }
}

void mc__html_feed(mc__html *html, mc_str text)
{
    for (size_t i = 0; i < text.len; i++)
        feed(html, text.ptr[i]);
}

mc__html_place mc__html_take_value(mc__html *html)
{
    static const char *const runs[] = {"style", "srcdoc", "http-equiv", "content"};
    static const char *const addresses[] = {"href",       "src",    "action", "formaction",
                                            "background", "cite",   "data",   "poster",
                                            "xlink:href", "srcset", "ping",   "longdesc"};
    bool is_start = html->is_value_empty;

    if (html->state == MC__HTML_TEXT)
        return MC__HTML_PLACE_TEXT;
    if (html->state != MC__HTML_DOUBLE && html->state != MC__HTML_SINGLE)
        return MC__HTML_PLACE_NONE;
    html->is_value_empty = false;
    if (strncmp(html->name, "on", 2) == 0 || is_one_of(html->name, runs, MC_LEN(runs)))
        return MC__HTML_PLACE_NONE;
    return is_start && is_one_of(html->name, addresses, MC_LEN(addresses)) ? MC__HTML_PLACE_URL
                                                                           : MC__HTML_PLACE_TEXT;
}
