/* SPDX-License-Identifier: Apache-2.0 */
/* Webhooks and deliveries as JSON: the keys of the contract, and those that its clients read. */
#include "metacore/webhooks/webhooks_internal.h"

static void write_time(mc_buf *out, const char *key, mc_db_rows *rows, size_t at)
{
    if (mc_db_col_is_null(rows, at))
        return;
    mc_buf_printf(out, ",\"%s\":\"", key);
    mc_time_write(out, mc_db_col_time(rows, at));
    mc_buf_char(out, '"');
}

static void write_text(mc_buf *out, const char *key, mc_str text)
{
    mc_buf_printf(out, ",\"%s\":", key);
    mc_json_write_str(out, text);
}

static void write_int(mc_buf *out, const char *key, mc_db_rows *rows, size_t at)
{
    mc_buf_printf(out, ",\"%s\":%lld", key, (long long)mc_db_col_int(rows, at));
}

/* The columns that every table begins with. */
static void write_base(mc_db_rows *rows, mc_buf *out)
{
    mc_buf_lit(out, "{\"id\":");
    mc_json_write_str(out, mc_db_col_text(rows, 0));
    write_text(out, "organization_id", mc_db_col_text(rows, 1));
    if (!mc_db_col_is_null(rows, 2))
        write_text(out, "created_by_id", mc_db_col_text(rows, 2));
    write_time(out, "created_at", rows, 3);
    write_time(out, "updated_at", rows, 4);
}

static void write_bool(mc_buf *out, const char *key, bool value)
{
    mc_buf_printf(out, ",\"%s\":%s", key, value ? "true" : "false");
}

static const char *status_of(mc_db_rows *rows, mc_time now)
{
    if (!mc_db_col_bool(rows, 8))
        return mc_db_col_text(rows, 19).len ? "disabled" : "inactive";
    if (!mc_db_col_is_null(rows, 18) && mc_db_col_time(rows, 18) > now)
        return "paused";
    return "active";
}

/* A database from elsewhere may have names between commas in the column. */
static void write_events(mc_buf *out, mc_str text)
{
    bool is_first = true;
    mc_str part;

    mc_buf_lit(out, ",\"events\":");
    if (text.len && text.ptr[0] == '[') {
        mc_buf_str(out, text);
        return;
    }
    mc_buf_char(out, '[');
    while (mc_str_split(&text, ',', &part)) {
        if (!is_first)
            mc_buf_char(out, ',');
        is_first = false;
        mc_json_write_str(out, mc_str_trim(part));
    }
    mc_buf_char(out, ']');
}

void mc__webhook_write(mc_db_rows *rows, mc_time now, mc_str extra, mc_buf *out)
{
    write_base(rows, out);
    write_text(out, "name", mc_db_col_text(rows, 5));
    write_text(out, "url", mc_db_col_text(rows, 6));
    write_events(out, mc_db_col_text(rows, 7));
    write_bool(out, "active", mc_db_col_bool(rows, 8));
    write_text(out, "status", mc_z(status_of(rows, now)));
    write_int(out, "retry_max", rows, 9);
    write_int(out, "max_retries", rows, 9);
    write_int(out, "timeout_sec", rows, 10);
    write_int(out, "timeout_secs", rows, 10);
    write_text(out, "owner_type", mc_db_col_text(rows, 11));
    write_text(out, "owner_id", mc_db_col_text(rows, 12));
    write_time(out, "last_triggered_at", rows, 13);
    write_int(out, "failure_count", rows, 14);
    write_int(out, "success_count", rows, 15);
    write_bool(out, "ordered", mc_db_col_bool(rows, 16));
    write_int(out, "consecutive_failures", rows, 17);
    write_time(out, "paused_until", rows, 18);
    if (mc_db_col_text(rows, 19).len)
        write_text(out, "disabled_reason", mc_db_col_text(rows, 19));
    /* That there is one is all that is said: of a sealed one no part may be shown. */
    write_text(out, "secret_masked",
               mc_db_col_text(rows, 20).len ? MC_STR("********") : MC_STR(""));
    write_time(out, "secret_previous_until", rows, 21);
    mc_buf_str(out, extra);
    mc_buf_char(out, '}');
}

static const char *delivery_status(mc_db_rows *rows)
{
    if (mc_db_col_bool(rows, 11))
        return "succeeded";
    if (mc_db_col_is_null(rows, 14))
        return "failed";
    return mc_db_col_int(rows, 10) > 0 ? "retrying" : "pending";
}

void mc__delivery_write(mc_db_rows *rows, mc_buf *out)
{
    bool is_leased = !mc_db_col_is_null(rows, 15);

    write_base(rows, out);
    write_text(out, "webhook_id", mc_db_col_text(rows, 5));
    write_text(out, "event", mc_db_col_text(rows, 6));
    mc_buf_lit(out, ",\"payload\":");
    mc_buf_str(out, mc_db_col_text(rows, 7));
    write_int(out, "response_status", rows, 8);
    write_text(out, "response_body", mc_db_col_text(rows, 9));
    write_int(out, "attempt_count", rows, 10);
    write_bool(out, "succeeded", mc_db_col_bool(rows, 11));
    write_text(out, "status", mc_z(delivery_status(rows)));
    if (mc_db_col_text(rows, 12).len)
        write_text(out, "error_message", mc_db_col_text(rows, 12));
    write_time(out, "delivered_at", rows, 13);
    /* One that is being tried has the end of its lease there; one that waits for another, no time.
     */
    if (!is_leased && mc_db_col_time(rows, 14) < MC__WAITING)
        write_time(out, "next_attempt_at", rows, 14);
    write_int(out, "duration_ms", rows, 16);
    if (!mc_db_col_is_null(rows, 17))
        write_text(out, "replay_of", mc_db_col_text(rows, 17));
    mc_buf_char(out, '}');
}

mc_code mc__webhook_one(mc_ctx *ctx, mc_str sql, const mc_db_value *args, size_t count,
                        mc_str extra, mc_buf *out, mc_err *err)
{
    bool is_found = false;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, sql, args, count, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) { /* to its end, where the store reports what it checks last */
        is_found = true;
        mc__webhook_write(&rows, ctx->now, extra, out);
    }
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK && !is_found ? mc_fail(err, MC_NOT_FOUND, "webhook not found") : rc;
}

mc_code mc__delivery_one(mc_ctx *ctx, mc_str sql, const mc_db_value *args, size_t count,
                         mc_buf *out, mc_err *err)
{
    bool is_found = false;
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn, sql, args, count, &rows, err);

    if (rc != MC_OK)
        return rc;
    while (mc_db_rows_next(&rows)) {
        is_found = true;
        mc__delivery_write(&rows, out);
    }
    rc = mc_db_rows_finish(&rows, err);
    return rc == MC_OK && !is_found ? mc_fail(err, MC_NOT_FOUND, "delivery not found") : rc;
}
