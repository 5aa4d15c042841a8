/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_NOTIFICATIONS_TEMPLATE_INTERNAL_H
#define METACORE_NOTIFICATIONS_TEMPLATE_INTERNAL_H

#include "metacore/notifications/template.h"

/* Where in a page one is, after what was fed. */
typedef enum mc__html_state {
    MC__HTML_TEXT,
    MC__HTML_OPEN,    /* after < */
    MC__HTML_NAME,    /* of a tag */
    MC__HTML_INSIDE,  /* of a tag, between attributes */
    MC__HTML_ATTR,    /* an attribute's name */
    MC__HTML_EQUALS,  /* after its = */
    MC__HTML_DOUBLE,  /* its value, in " */
    MC__HTML_SINGLE,  /* in ' */
    MC__HTML_BARE,    /* without quotes */
    MC__HTML_COMMENT, /* also doctypes: to the next > */
    MC__HTML_RAW      /* of an element whose text is no text, to its end tag */
} mc__html_state;

typedef struct mc__html {
    mc__html_state state;
    char name[24]; /* of the tag or attribute, lower case, cut */
    size_t name_len;
    char raw[24];       /* the tag's name; the element of RAW */
    size_t dashes;      /* of a comment: in a row, just now */
    size_t comment_len; /* of it, so far */
    bool is_end_tag;
    bool is_name_over;   /* an attribute's, unless its = follows */
    bool is_value_empty; /* nothing of the attribute's value was written yet */
} mc__html;

typedef enum mc__html_place {
    MC__HTML_PLACE_TEXT,
    MC__HTML_PLACE_URL, /* the value begins an address */
    MC__HTML_PLACE_NONE /* no value may stand here */
} mc__html_place;

void mc__html_feed(mc__html *html, mc_str text);
/* For a value that comes now; it is counted as part of its attribute. */
mc__html_place mc__html_take_value(mc__html *html);

#endif
