/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entity tags of rows, RFC 9110 sections 8.8.3 and 13: "<version>-<hash>".
 *
 * The version is the row's updated_at, which every update moves. The hash is of the JSON that is
 * sent: labels of other rows stand in it, and columns that an addon's next version may add. A
 * reader's copy is good while both hold; whoever writes asks for the version alone, for nobody
 * loses a change when the label of a reference is another.
 *
 * If-Unmodified-Since is ignored: a whole second hides changes, and no row has a Last-Modified.
 */
#include "metacore/base/map.h"
#include "metacore/dynamic/dynamic_internal.h"

/* Hexadecimal without leading zeros, as %llx: each read makes a tag, and printf is the dearer half.
 */
static void write_hex(mc_buf *out, uint64_t value)
{
    char digits[16];
    size_t at = sizeof(digits);

    do {
        digits[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value);
    mc_buf_bytes(out, digits + at, sizeof(digits) - at);
}

mc_str mc__etag(mc_arena *arena, mc_time version, mc_str row)
{
    mc_buf tag;

    mc_buf_init_arena(&tag, arena, 0);
    mc_buf_char(&tag, '"');
    write_hex(&tag, (uint64_t)version);
    mc_buf_char(&tag, '-');
    write_hex(&tag, mc_hash(row.ptr, row.len));
    mc_buf_char(&tag, '"');
    return mc_buf_failed(&tag) ? mc_str_of(NULL, 0) : mc_buf_get(&tag);
}

/* list with every tag cut before its hash; NULL ptr when memory is gone. */
static mc_str without_hashes(mc_arena *arena, mc_str list)
{
    bool is_inside = false, is_hash = false;
    mc_buf out;

    mc_buf_init_arena(&out, arena, 0);
    for (size_t i = 0; i < list.len; i++) {
        char c = list.ptr[i];

        if (c == '"') {
            is_inside = !is_inside;
            is_hash = false;
        }
        is_hash |= is_inside && c == '-';
        if (!is_hash)
            mc_buf_char(&out, c);
    }
    return mc_buf_failed(&out) ? mc_str_of(NULL, 0) : mc_buf_get(&out);
}

static mc_code matches(mc_arena *arena, mc_str list, mc_time version, bool is_weak, bool *out,
                       mc_err *err)
{
    mc_str own = mc_str_printf(arena, "\"%llx\"", (unsigned long long)version);
    mc_str versions = without_hashes(arena, list);

    if (!own.ptr || (list.len && !versions.ptr))
        return mc_fail(err, MC_NO_MEMORY, "write");
    *out = mc_http_etag_matches(versions, own, is_weak);
    return MC_OK;
}

static mc_code changed_meanwhile(mc_err *err)
{
    return mc_fail(err, MC_PRECONDITION, "the record was changed meanwhile");
}

mc_code mc__check_version(void *user, mc_time version, mc_err *err)
{
    mc_http_req *req = user;
    const mc_message *m = req->message;
    bool is_wanted = true, is_unwanted = false, was_sent = false, is_match = false;

    for (size_t i = 0; i < m->header_count; i++) {
        bool is_if_match = mc_str_eq(m->headers[i].name, MC_STR("if-match"));
        mc_code rc = MC_OK;

        if (!is_if_match && !mc_str_eq(m->headers[i].name, MC_STR("if-none-match")))
            continue;
        rc = matches(mc_http_ctx(req)->arena, m->headers[i].value, version, !is_if_match, &is_match,
                     err);
        if (rc != MC_OK)
            return rc;
        if (is_if_match) { /* a list may be spread over several lines */
            is_wanted = (was_sent && is_wanted) || is_match;
            was_sent = true;
        } else {
            is_unwanted |= is_match;
        }
    }
    if (!is_wanted)
        return changed_meanwhile(err);
    return is_unwanted ? mc_fail(err, MC_PRECONDITION, "the record exists") : MC_OK;
}

mc_code mc__check_version_tag(void *user, mc_time version, mc_err *err)
{
    mc__version_tag *wanted = user;
    bool is_match = false;
    mc_code rc = matches(wanted->arena, wanted->tag, version, false, &is_match, err);

    if (rc != MC_OK)
        return rc;
    return is_match ? MC_OK : changed_meanwhile(err);
}

bool mc__is_stale(mc_time stated, mc_time version, mc_time created_at)
{
    static const int64_t precisions[] = {1, 1000, MC_TIME_US_PER_S};

    /* A client may have passed it through a clock of milliseconds or seconds. */
    for (size_t i = 0; i < MC_LEN(precisions); i++) {
        if (stated % precisions[i] == 0 && version - version % precisions[i] == stated)
            return false;
    }
    return stated >= created_at && stated < version;
}
