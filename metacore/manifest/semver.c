/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/manifest/semver.h"

/* ---- versions ---- */

static bool is_identifier_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '.';
}

static bool is_dotted(mc_str s)
{
    if (s.len == 0 || s.ptr[0] == '.' || s.ptr[s.len - 1] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_identifier_char(s.ptr[i]) || (s.ptr[i] == '.' && s.ptr[i + 1] == '.'))
            return false;
    }
    return true;
}

mc_code mc_semver_parse(mc_str text, mc_semver *out, mc_err *err)
{
    mc_semver v = {0};
    uint64_t *const numbers[] = {&v.major, &v.minor, &v.patch};
    size_t plus, dash;
    mc_str core, part;

    if (text.len && (text.ptr[0] == 'v' || text.ptr[0] == 'V'))
        text = mc_str_slice(text, 1, text.len);
    plus = mc_str_find_char(text, 0, '+');
    if (plus < text.len && !is_dotted(mc_str_slice(text, plus + 1, text.len)))
        return mc_fail(err, MC_INVALID, "malformed build metadata");
    text = mc_str_slice(text, 0, plus);
    dash = mc_str_find_char(text, 0, '-');
    core = mc_str_slice(text, 0, dash);
    if (dash < text.len) {
        v.prerelease = mc_str_slice(text, dash + 1, text.len);
        if (!is_dotted(v.prerelease))
            return mc_fail(err, MC_INVALID, "malformed prerelease");
    }
    if (core.len && core.ptr[core.len - 1] == '.')
        return mc_fail(err, MC_INVALID, "invalid semantic version");
    while (mc_str_split(&core, '.', &part)) {
        if (v.parts == 3 || !mc_str_u64(part, 0, UINT64_MAX, numbers[v.parts++]))
            return mc_fail(err, MC_INVALID, "invalid semantic version");
    }
    if (v.parts == 0)
        return mc_fail(err, MC_INVALID, "invalid semantic version");
    *out = v;
    return MC_OK;
}

static int cmp_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* Numbers before words, numbers by value, words bytewise; the shorter list first. */
static int cmp_prerelease(mc_str a, mc_str b)
{
    mc_str left, right;

    if (a.len == 0 || b.len == 0)
        return (a.len == 0) - (b.len == 0);
    for (;;) {
        bool has_left = mc_str_split(&a, '.', &left), has_right = mc_str_split(&b, '.', &right);
        uint64_t x = 0, y = 0;
        bool is_x, is_y;
        int order;

        if (!has_left || !has_right)
            return has_left - has_right;
        is_x = mc_str_u64(left, 0, UINT64_MAX, &x);
        is_y = mc_str_u64(right, 0, UINT64_MAX, &y);
        order = is_x && is_y ? cmp_u64(x, y) : is_x != is_y ? is_y - is_x : mc_str_cmp(left, right);
        if (order)
            return order;
    }
}

int mc_semver_cmp(const mc_semver *a, const mc_semver *b)
{
    int order = cmp_u64(a->major, b->major);

    order = order ? order : cmp_u64(a->minor, b->minor);
    order = order ? order : cmp_u64(a->patch, b->patch);
    return order ? order : cmp_prerelease(a->prerelease, b->prerelease);
}

/* ---- ranges ---- */

/* From low (inclusive) to high (exclusive when has_high). */
typedef struct interval {
    mc_semver low, high;
    bool has_high;
} interval;

static bool is_wildcard(mc_str part)
{
    return mc_str_eq(part, MC_STR("x")) || mc_str_eq(part, MC_STR("X")) ||
           mc_str_eq(part, MC_STR("*"));
}

/* What stands behind a wildcard says nothing, but it has to be a number or another one. */
static bool is_rest(mc_str rest, uint32_t parts)
{
    uint64_t number;
    mc_str part;

    while (mc_str_split(&rest, '.', &part)) {
        if (++parts > 3 || (!is_wildcard(part) && !mc_str_u64(part, 0, UINT64_MAX, &number)))
            return false;
    }
    return true;
}

/* "1.x", "*": cuts at the first wildcard; *out_parts tells how many numbers stand before it. */
static mc_code parse_partial(mc_str text, mc_semver *out, uint32_t *out_parts, mc_err *err)
{
    mc_str rest, part;
    uint32_t parts = 0;
    size_t at = 0;

    if (text.len && (text.ptr[0] == 'v' || text.ptr[0] == 'V'))
        text = mc_str_slice(text, 1, text.len);
    rest = text;
    *out = (mc_semver){0};
    *out_parts = 0;
    while (mc_str_split(&rest, '.', &part)) {
        if (is_wildcard(part)) {
            if (!is_rest(rest, parts + 1))
                return mc_fail(err, MC_INVALID, "improper constraint");
            if (at == 0)
                return MC_OK;
            text = mc_str_slice(text, 0, at - 1);
            break;
        }
        at += part.len + 1;
        parts++;
    }
    if (mc_semver_parse(text, out, err) != MC_OK)
        return mc_fail(err, MC_INVALID, "improper constraint");
    *out_parts = out->parts;
    return MC_OK;
}

static mc_semver next(const mc_semver *v, uint32_t part)
{
    mc_semver up = {.major = v->major, .minor = v->minor, .patch = v->patch, .parts = 3};

    up.patch = part == 3 ? up.patch + 1 : 0;
    up.minor = part == 2 ? up.minor + 1 : part < 2 ? 0 : up.minor;
    up.major += part == 1;
    return up;
}

/* A prerelease of the upper end is no longer inside: ^1.2.3-a does not reach 2.0.0-a. */
static bool within(const mc_semver *v, const interval *i)
{
    mc_semver core = *v;

    core.prerelease = (mc_str){NULL, 0};
    return mc_semver_cmp(v, &i->low) >= 0 && (!i->has_high || mc_semver_cmp(&core, &i->high) < 0);
}

/* All versions that a partial one stands for: "1.2" is 1.2.0 up to 1.3.0. */
static interval span(const mc_semver *v, uint32_t parts)
{
    interval i = {.low = *v, .has_high = parts > 0};

    i.high = parts == 3 ? next(v, 3) : next(v, parts ? parts : 1);
    return i;
}

static uint32_t caret_part(const mc_semver *v, uint32_t parts)
{
    if (v->major > 0 || parts == 1)
        return 1;
    return v->minor > 0 || parts == 2 ? 2 : 3;
}

static mc_code check_one(const mc_semver *v, mc_str op, mc_str text, bool *out, mc_err *err)
{
    uint32_t parts;
    mc_semver bound;
    interval i;
    mc_code rc = parse_partial(text, &bound, &parts, err);

    if (rc != MC_OK)
        return rc;
    i = span(&bound, parts);
    if (v->prerelease.len && bound.prerelease.len == 0) {
        *out = mc_str_eq(op, MC_STR("!="));
        return MC_OK;
    }
    if (op.len == 0 || mc_str_eq(op, MC_STR("=")))
        *out = parts == 3 ? mc_semver_cmp(v, &bound) == 0 : within(v, &i);
    else if (mc_str_eq(op, MC_STR("!=")))
        *out = parts == 3 ? mc_semver_cmp(v, &bound) != 0 : !within(v, &i);
    else if (mc_str_eq(op, MC_STR(">")))
        *out = parts == 3 ? mc_semver_cmp(v, &bound) > 0
                          : i.has_high && mc_semver_cmp(v, &i.high) >= 0;
    else if (mc_str_eq(op, MC_STR(">=")) || mc_str_eq(op, MC_STR("=>")))
        *out = mc_semver_cmp(v, &bound) >= 0;
    else if (mc_str_eq(op, MC_STR("<")))
        *out = mc_semver_cmp(v, &bound) < 0;
    else if (mc_str_eq(op, MC_STR("<=")) || mc_str_eq(op, MC_STR("=<")))
        *out = parts == 3 ? mc_semver_cmp(v, &bound) <= 0
                          : !i.has_high || mc_semver_cmp(v, &i.high) < 0;
    else {
        bool is_tilde = op.ptr[0] == '~';

        i.high = next(&bound, is_tilde ? (parts > 1 ? 2 : 1) : caret_part(&bound, parts));
        *out = parts == 0 || within(v, &i);
    }
    return MC_OK;
}

static bool is_op_char(char c)
{
    return c == '=' || c == '!' || c == '<' || c == '>' || c == '~' || c == '^';
}

static bool is_op(mc_str op)
{
    static const char *const ops[] = {
        "", "=", "!=", ">", "<", ">=", "=>", "<=", "=<", "~", "~>", "^"};

    for (size_t i = 0; i < MC_LEN(ops); i++) {
        if (mc_str_eq(op, mc_z(ops[i])))
            return true;
    }
    return false;
}

static bool is_separator(char c)
{
    return c == ' ' || c == ',' || c == '\t';
}

/* The next word up to a separator; an operator and its version may stand apart. */
static bool next_term(mc_str *rest, mc_str *op, mc_str *version)
{
    size_t at = 0, from;

    while (at < rest->len && is_separator(rest->ptr[at]))
        at++;
    from = at;
    while (at < rest->len && is_op_char(rest->ptr[at]))
        at++;
    *op = mc_str_slice(*rest, from, at);
    while (at < rest->len && rest->ptr[at] == ' ')
        at++;
    from = at;
    while (at < rest->len && !is_separator(rest->ptr[at]) && !is_op_char(rest->ptr[at]))
        at++;
    *version = mc_str_slice(*rest, from, at);
    *rest = mc_str_slice(*rest, at, rest->len);
    return op->len || version->len;
}

/* After "1.2": takes " - 2.3" off *rest; both ends count, a partial upper end as a whole. */
static bool next_upper_end(mc_str *rest, mc_str *version)
{
    mc_str after = mc_str_trim(*rest), op;

    if (after.len < 2 || after.ptr == rest->ptr || after.ptr[0] != '-' || after.ptr[1] != ' ')
        return false;
    after = mc_str_slice(after, 2, after.len);
    if (!next_term(&after, &op, version) || op.len > 0)
        return false;
    *rest = after;
    return true;
}

static mc_code check_term(const mc_semver *v, mc_str op, mc_str version, mc_str *rest, bool *out,
                          mc_err *err)
{
    bool is_above, is_below;
    mc_str upper;
    mc_code rc;

    if (!is_op(op) || version.len == 0)
        return mc_fail(err, MC_INVALID, "improper constraint");
    if (op.len > 0 || !next_upper_end(rest, &upper))
        return check_one(v, op, version, out, err);
    rc = check_one(v, MC_STR(">="), version, &is_above, err);
    if (rc == MC_OK)
        rc = check_one(v, MC_STR("<="), upper, &is_below, err);
    if (rc == MC_OK)
        *out = is_above && is_below;
    return rc;
}

static mc_code check_all(const mc_semver *v, mc_str all, bool *out, mc_err *err)
{
    mc_str op, version;
    size_t count = 0;
    bool result = true;

    while (next_term(&all, &op, &version)) {
        bool holds = false;
        mc_code rc = check_term(v, op, version, &all, &holds, err);

        if (rc != MC_OK)
            return rc;
        result = result && holds;
        count++;
    }
    if (count == 0)
        return mc_fail(err, MC_INVALID, "improper constraint");
    *out = result;
    return MC_OK;
}

mc_code mc_semver_satisfies(const mc_semver *version, mc_str range, bool *out, mc_err *err)
{
    bool any = false, holds = false;

    for (;;) {
        size_t at = mc_str_find(range, MC_STR("||"));
        mc_code rc = check_all(version, mc_str_trim(mc_str_slice(range, 0, at)), &holds, err);

        if (rc != MC_OK)
            return rc;
        any = any || holds;
        if (at == range.len)
            break;
        range = mc_str_slice(range, at + 2, range.len);
    }
    *out = any;
    return MC_OK;
}
