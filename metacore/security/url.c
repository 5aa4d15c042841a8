/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/url.h"

static mc_code bad(const char *why, mc_err *err)
{
    return mc_fail(err, MC_INVALID, "invalid URL: %s", why);
}

static bool is_plain(mc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c <= ' ' || c >= 0x7f || c == '\\')
            return false;
    }
    return true;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
}

static bool is_address_char(char c)
{
    return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == '.' ||
           c == ':';
}

static mc_code parse_host(mc_str authority, mc_url *url, size_t *out_end, mc_err *err)
{
    bool is_bracketed = authority.len && authority.ptr[0] == '[';
    size_t from = is_bracketed ? 1 : 0;
    size_t end = mc_str_find_char(authority, 0, is_bracketed ? ']' : ':');

    if (is_bracketed && end == authority.len)
        return bad("no closing bracket", err);
    url->is_ipv6 = is_bracketed;
    url->host = mc_str_slice(authority, from, end);
    for (size_t i = 0; i < url->host.len; i++) {
        if (is_bracketed ? !is_address_char(url->host.ptr[i]) : !is_host_char(url->host.ptr[i]))
            return bad("a character that no host has", err);
    }
    if (!is_bracketed && mc_str_ends_with(url->host, MC_STR(".")))
        url->host.len--;
    if (url->host.len == 0 || url->host.len > 253)
        return bad("no host", err);
    *out_end = is_bracketed ? end + 1 : end;
    return MC_OK;
}

static mc_code parse_port(mc_str rest, mc_url *url, mc_err *err)
{
    mc_str usual = url->is_https ? MC_STR("443") : MC_STR("80");
    uint32_t number = 0;

    url->port = usual;
    url->is_default_port = true;
    if (rest.len == 0)
        return MC_OK;
    if (rest.ptr[0] != ':' || (rest.len > 1 && rest.ptr[1] == '0') ||
        !mc_str_u32(mc_str_slice(rest, 1, rest.len), 1, 65535, &number))
        return bad("a port that is none", err);
    url->port = mc_str_slice(rest, 1, rest.len);
    url->is_default_port = mc_str_eq(url->port, usual);
    return MC_OK;
}

static size_t authority_end(mc_str text, size_t from)
{
    while (from < text.len && text.ptr[from] != '/' && text.ptr[from] != '?' &&
           text.ptr[from] != '#')
        from++;
    return from;
}

mc_code mc_url_parse(mc_str text, mc_url *out, mc_err *err)
{
    size_t scheme = mc_str_find(text, MC_STR("://")), end, host_end = 0;
    mc_str name = mc_str_slice(text, 0, scheme), authority;
    mc_url url = {.is_https = mc_str_eq_nocase(name, MC_STR("https"))};
    mc_code rc;

    if (text.len > MC_URL_BYTES_MAX)
        return bad("too long", err);
    if (!is_plain(text))
        return bad("blanks, control or non-ASCII characters", err);
    if (scheme == text.len || (!url.is_https && !mc_str_eq_nocase(name, MC_STR("http"))))
        return mc_fail(err, MC_INVALID, "only http(s) allowed");
    end = authority_end(text, scheme + 3);
    authority = mc_str_slice(text, scheme + 3, end);
    if (mc_str_find_char(authority, 0, '@') < authority.len)
        return bad("credentials", err);
    rc = parse_host(authority, &url, &host_end, err);
    if (rc == MC_OK)
        rc = parse_port(mc_str_slice(authority, host_end, authority.len), &url, err);
    if (rc != MC_OK)
        return rc;
    url.target = mc_str_slice(text, end, mc_str_find_char(text, end, '#'));
    *out = url;
    return MC_OK;
}
