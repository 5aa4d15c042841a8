/* SPDX-License-Identifier: Apache-2.0 */
/* What SQL needs beyond SQLite's own: exact decimals, our times and keys, search as people expect.
 */
#include "metacore/db/sqlite_internal.h"

#include "metacore/base/decimal.h"
#include "metacore/base/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static mc_str text_of(sqlite3_value *value)
{
    const char *text = (const char *)sqlite3_value_text(value);

    return mc_str_of(text, text ? (size_t)sqlite3_value_bytes(value) : 0);
}

/* ---- decimals ---- */

static int compare_decimals(void *user, int a_len, const void *a, int b_len, const void *b)
{
    (void)user;
    return mc_decimal_cmp(mc_str_of(a, (size_t)a_len), mc_str_of(b, (size_t)b_len));
}

static mc_buf *sum_of(sqlite3_context *context, bool is_last)
{
    /* Zeroed by SQLite at first use; max 0 says that it was not made yet. */
    mc_buf *sum = sqlite3_aggregate_context(context, is_last ? 0 : (int)sizeof(*sum));

    if (sum && sum->max == 0)
        mc_buf_init(sum, 0);
    return sum;
}

static void sum_step(sqlite3_context *context, int count, sqlite3_value **values)
{
    mc_buf *sum = sum_of(context, false);
    mc_buf next;

    (void)count;
    if (!sum || mc_buf_failed(sum) || sqlite3_value_type(values[0]) == SQLITE_NULL)
        return; /* a failed sum stays failed: the next row must not begin a new one */
    mc_buf_init(&next, 0);
    mc_decimal_add(&next, sum->len ? mc_buf_get(sum) : MC_STR("0"), text_of(values[0]));
    mc_buf_deinit(sum);
    *sum = next;
}

static void sum_final(sqlite3_context *context)
{
    mc_buf *sum = sum_of(context, true);

    if (!sum) {
        sqlite3_result_null(context); /* of no rows, as SQL has it */
        return;
    }
    if (mc_buf_failed(sum))
        sqlite3_result_error(context, "a sum of what is no decimal, or is too long", -1);
    else if (sum->len == 0)
        sqlite3_result_null(context);
    else
        sqlite3_result_text64(context, sum->ptr, sum->len, SQLITE_TRANSIENT, SQLITE_UTF8);
    mc_buf_deinit(sum);
}

/* ---- times and keys ---- */

static void now(sqlite3_context *context, int count, sqlite3_value **values)
{
    char text[MC_TIME_TEXT_LEN];

    (void)count;
    (void)values;
    mc_time_format(mc_clock_now((mc_clock){NULL, NULL}), text);
    sqlite3_result_text(context, text, sizeof(text), SQLITE_TRANSIENT);
}

static void new_uuid(sqlite3_context *context, int count, sqlite3_value **values)
{
    char text[MC_UUID_TEXT_LEN];
    mc_uuid id;
    mc_err err;

    (void)count;
    (void)values;
    if (mc_uuid_v7(&id, &err) != MC_OK) {
        sqlite3_result_error(context, err.msg, -1);
        return;
    }
    mc_uuid_format(id, text);
    sqlite3_result_text(context, text, sizeof(text), SQLITE_TRANSIENT);
}

/* ---- search ---- */

static bool is_ascii(mc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    }
    return true;
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* needle is lower case already. */
static bool contains_ascii(mc_str haystack, mc_str needle)
{
    if (needle.len == 0)
        return true;
    for (size_t i = 0; i + needle.len <= haystack.len; i++) {
        size_t k = 0;

        while (k < needle.len && lower(haystack.ptr[i + k]) == (unsigned char)needle.ptr[k])
            k++;
        if (k == needle.len)
            return true;
    }
    return false;
}

/* Case folded, so that "STRASSE" is found by "straße"; malloc'ed, NULL when it is not UTF-8. */
static char *fold(mc_str s)
{
    utf8proc_uint8_t *out = NULL;
    utf8proc_ssize_t n = utf8proc_map((const utf8proc_uint8_t *)s.ptr, (utf8proc_ssize_t)s.len,
                                      &out, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);

    return n >= 0 ? (char *)out : NULL;
}

/* mc_contains(haystack, needle): the needle is folded once per statement. */
static void contains(sqlite3_context *context, int count, sqlite3_value **values)
{
    const char *needle = sqlite3_get_auxdata(context, 1);
    mc_str haystack = text_of(values[0]);
    char *folded;
    bool is_found;

    (void)count;
    if (sqlite3_value_type(values[0]) == SQLITE_NULL ||
        sqlite3_value_type(values[1]) == SQLITE_NULL)
        return; /* NULL, as LIKE has it */
    if (!needle) {
        char *fresh = fold(text_of(values[1]));

        if (!fresh) {
            sqlite3_result_int(context, 0);
            return;
        }
        sqlite3_set_auxdata(context, 1, fresh, free);
        needle = sqlite3_get_auxdata(context, 1);
        if (!needle) {
            sqlite3_result_error_nomem(context);
            return;
        }
    }
    if (is_ascii(haystack)) {
        sqlite3_result_int(context, contains_ascii(haystack, mc_z(needle)));
        return;
    }
    folded = fold(haystack);
    is_found = folded && strstr(folded, needle) != NULL;
    free(folded);
    sqlite3_result_int(context, is_found);
}

/* ---- registration ---- */

mc_code mc__sqlite_add_functions(mc__sqlite_conn *conn, mc_err *err)
{
    /* Innocuous: they may stand in defaults and indexes although the schema is not trusted. */
    const int in_schema = SQLITE_UTF8 | SQLITE_INNOCUOUS;
    const int pure = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    sqlite3 *db = conn->db;
    int rc =
        sqlite3_create_collation_v2(db, "mc_decimal", SQLITE_UTF8, NULL, compare_decimals, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "mc_now", 0, in_schema, NULL, now, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "now", 0, in_schema, NULL, now, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "gen_random_uuid", 0, in_schema, NULL, new_uuid, NULL,
                                        NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "uuid_generate_v4", 0, in_schema, NULL, new_uuid, NULL,
                                        NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "mc_contains", 2, pure, NULL, contains, NULL, NULL,
                                        NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db, "mc_decimal_sum", 1, pure, NULL, NULL, sum_step,
                                        sum_final, NULL);
    if (rc == SQLITE_OK)
        rc = mc__sqlite_add_guest_functions(db);
    return rc == SQLITE_OK ? MC_OK : mc__sqlite_fail(conn, rc, err);
}
