/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/idempotency/idempotency.h"

#include "metacore/security/digest.h"

#define TOO_LARGE (-1) /* http_status of what was done and is not kept */

/* ---- what is the same ---- */

static mc_code check_key(mc_str key, mc_err *err)
{
    bool is_plain = key.len > 0 && key.len <= MC_IDEMPOTENCY_KEY_MAX;

    for (size_t i = 0; i < key.len && is_plain; i++)
        is_plain = (unsigned char)key.ptr[i] >= ' ' && (unsigned char)key.ptr[i] < 0x7f;
    return is_plain ? MC_OK
                    : mc_fail(err, MC_INVALID, "Idempotency-Key: want 1 to %d printable characters",
                              MC_IDEMPOTENCY_KEY_MAX);
}

static mc_code digest(mc_arena *arena, const mc_str *parts, size_t count, char *out_hex,
                      mc_err *err)
{
    mc_sha256 sum;
    mc_buf text;
    mc_code rc;

    mc_buf_init_arena(&text, arena, 0);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            mc_buf_char(&text, '\0');
        mc_buf_str(&text, parts[i]);
    }
    rc = mc_buf_check(&text, "idempotency", err);
    if (rc == MC_OK)
        rc = mc_sha256_of(mc_buf_get(&text), &sum, err);
    if (rc == MC_OK)
        mc_sha256_hex(&sum, out_hex);
    return rc;
}

/* The body's own digest goes in, so that a large one is not copied. */
static mc_code fingerprint(mc_arena *arena, mc_str query, mc_str body, char *out_hex, mc_err *err)
{
    char body_hex[MC_IDEMPOTENCY_HEX];
    mc_str parts[] = {query, mc_str_of(body_hex, sizeof(body_hex))};
    mc_sha256 sum;
    mc_code rc = mc_sha256_of(body, &sum, err);

    if (rc != MC_OK)
        return rc;
    mc_sha256_hex(&sum, body_hex);
    return digest(arena, parts, MC_LEN(parts), out_hex, err);
}

mc_code mc_idempotency_claim_of(mc_arena *arena, const mc_idempotency_request *request,
                                mc_idempotency_claim *out, mc_err *err)
{
    mc_str parts[] = {request->owner, request->method, request->path, request->key};
    mc_idempotency_claim claim;
    mc_code rc = check_key(request->key, err);

    if (rc == MC_OK)
        rc = digest(arena, parts, MC_LEN(parts), claim.key, err);
    if (rc == MC_OK)
        rc = fingerprint(arena, request->query, request->body, claim.fingerprint, err);
    if (rc == MC_OK)
        *out = claim;
    return rc;
}

/* ---- claiming ---- */

static mc_str key_of(const mc_idempotency_claim *claim)
{
    return mc_str_of(claim->key, sizeof(claim->key));
}

static mc_str fingerprint_of(const mc_idempotency_claim *claim)
{
    return mc_str_of(claim->fingerprint, sizeof(claim->fingerprint));
}

/* A few with each claim: no more come than go. */
static mc_code forget_expired(mc_ctx *ctx, mc_err *err)
{
    mc_db_value now = mc_db_time(ctx->now);
    bool is_postgres = mc_db_conn_dialect(ctx->conn) == MC_DB_POSTGRES;
    mc_str sqlite = MC_STR("DELETE FROM idempotency_keys WHERE (organization_id, key) IN (SELECT "
                           "organization_id, key FROM idempotency_keys WHERE expires_at <= $1 "
                           "LIMIT 4)");
    mc_str postgres = MC_STR("DELETE FROM idempotency_keys WHERE (organization_id, key) IN (SELECT "
                             "organization_id, key FROM idempotency_keys WHERE expires_at <= $1 "
                             "LIMIT 4 FOR UPDATE SKIP LOCKED)");

    return mc_db_exec(ctx->conn, is_postgres ? postgres : sqlite, &now, 1, NULL, err);
}

/* Whoever inserts the row has it; on PostgreSQL others wait here for its transaction's end. */
static mc_code insert(mc_ctx *ctx, const mc_idempotency_claim *claim, bool *out_mine, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id),
                          mc_db_text(key_of(claim)),
                          mc_db_text(fingerprint_of(claim)),
                          mc_db_time(ctx->now),
                          mc_db_time(ctx->now + MC_IDEMPOTENCY_TTL_S * MC_TIME_US_PER_S),
                          mc_db_time(ctx->now + MC_IDEMPOTENCY_LOCK_S * MC_TIME_US_PER_S)};
    int64_t changed = 0;
    mc_code rc = mc_db_exec(ctx->conn,
                            MC_STR("INSERT INTO idempotency_keys (organization_id, key, "
                                   "fingerprint, created_at, expires_at, locked_until) VALUES ($1, "
                                   "$2, $3, $4, $5, $6) ON CONFLICT (organization_id, key) DO "
                                   "NOTHING"),
                            args, MC_LEN(args), &changed, err);

    *out_mine = changed > 0;
    return rc;
}

/* What a process left that died in the middle of it. */
static mc_code take_over(mc_ctx *ctx, const mc_idempotency_claim *claim, bool *out_mine,
                         mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id),
                          mc_db_text(key_of(claim)),
                          mc_db_text(fingerprint_of(claim)),
                          mc_db_time(ctx->now),
                          mc_db_time(ctx->now + MC_IDEMPOTENCY_TTL_S * MC_TIME_US_PER_S),
                          mc_db_time(ctx->now + MC_IDEMPOTENCY_LOCK_S * MC_TIME_US_PER_S)};
    int64_t changed = 0;
    mc_code rc =
        mc_db_exec(ctx->conn,
                   MC_STR("UPDATE idempotency_keys SET fingerprint = $3, created_at = $4, "
                          "expires_at = $5, locked_until = $6, http_status = 0 WHERE "
                          "organization_id = $1 AND key = $2 AND (expires_at <= $4 OR (http_status "
                          "= 0 AND locked_until <= $4 AND fingerprint = $3))"),
                   args, MC_LEN(args), &changed, err);

    *out_mine = changed > 0;
    return rc;
}

static mc_code refuse(mc_ctx *ctx, mc_code code, bool is_in_flight, const char *message,
                      mc_err *err)
{
    ctx->failure_code = MC_STR("idempotency_conflict");
    ctx->failure_meta =
        is_in_flight ? MC_STR("{\"in_flight\":true}") : MC_STR("{\"in_flight\":false}");
    return mc_fail(err, code, "%s", message);
}

static mc_code copy_answer(mc_ctx *ctx, mc_db_rows *rows, mc_idempotency_answer *out, mc_err *err)
{
    mc_idempotency_answer answer = {.status = (int)mc_db_col_int(rows, 1)};
    mc_str *const texts[] = {&answer.content_type, &answer.etag, &answer.location, &answer.body};

    for (size_t i = 0; i < MC_LEN(texts); i++) {
        mc_str text = mc_db_col_text(rows, i + 2);

        *texts[i] = mc_str_copy(ctx->arena, text);
        if (texts[i]->len != text.len)
            return mc_fail(err, MC_NO_MEMORY, "idempotency");
    }
    *out = answer;
    return MC_OK;
}

static mc_code read_row(mc_ctx *ctx, const mc_idempotency_claim *claim, mc_db_rows *rows,
                        mc_idempotency_answer *out, mc_err *err)
{
    if (!mc_db_rows_next(rows)) /* released meanwhile */
        return refuse(ctx, MC_CONFLICT, true, "a request with this key is in progress", err);
    if (!mc_str_eq(mc_db_col_text(rows, 0), fingerprint_of(claim)))
        return refuse(ctx, MC_REJECTED, false, "the Idempotency-Key was used for another request",
                      err);
    if (mc_db_col_int(rows, 1) == 0)
        return refuse(ctx, MC_CONFLICT, true, "a request with this key is in progress", err);
    if (mc_db_col_int(rows, 1) == TOO_LARGE)
        return refuse(ctx, MC_CONFLICT, false,
                      "the request was done; its answer was too large to be kept", err);
    return copy_answer(ctx, rows, out, err);
}

static mc_code load(mc_ctx *ctx, const mc_idempotency_claim *claim, mc_idempotency_answer *out,
                    mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_text(key_of(claim))};
    mc_db_rows rows;
    mc_code rc = mc_db_query(ctx->conn,
                             MC_STR("SELECT fingerprint, http_status, content_type, etag, "
                                    "location, body FROM idempotency_keys WHERE organization_id = "
                                    "$1 AND key = $2"),
                             args, MC_LEN(args), &rows, err),
            over;

    if (rc != MC_OK)
        return rc;
    rc = read_row(ctx, claim, &rows, out, err);
    over = mc_db_rows_finish(&rows, rc == MC_OK ? err : NULL);
    return rc == MC_OK ? over : rc;
}

mc_code mc_idempotency_begin(mc_ctx *ctx, const mc_idempotency_claim *claim,
                             mc_idempotency_answer *out, mc_err *err)
{
    bool is_mine = false;
    mc_code rc = insert(ctx, claim, &is_mine, err);

    if (rc == MC_OK && !is_mine)
        rc = take_over(ctx, claim, &is_mine, err);
    if (rc == MC_OK && !is_mine)
        return load(ctx, claim, out, err);
    if (rc == MC_OK)
        rc = forget_expired(ctx, err);
    if (rc == MC_OK)
        *out = (mc_idempotency_answer){.status = 0};
    return rc;
}

/* ---- the end ---- */

mc_code mc_idempotency_store(mc_ctx *ctx, const mc_idempotency_claim *claim,
                             const mc_idempotency_answer *answer, mc_err *err)
{
    bool is_kept = answer->body.len <= MC_IDEMPOTENCY_BODY_MAX;
    mc_db_value body = mc_db_text(is_kept ? answer->body : MC_STR(""));

    body.kind = MC_DB_BYTES;
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id),
                          mc_db_text(key_of(claim)),
                          mc_db_int(is_kept ? answer->status : TOO_LARGE),
                          mc_db_text(answer->content_type),
                          mc_db_text(answer->etag),
                          mc_db_text(answer->location),
                          body};

    return mc_db_exec(ctx->conn,
                      MC_STR("UPDATE idempotency_keys SET http_status = $3, content_type = $4, "
                             "etag = $5, location = $6, body = $7 WHERE organization_id = $1 AND "
                             "key = $2"),
                      args, MC_LEN(args), NULL, err);
}

mc_code mc_idempotency_release(mc_ctx *ctx, const mc_idempotency_claim *claim, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(ctx->who.org_id), mc_db_text(key_of(claim))};

    return mc_db_exec(ctx->conn,
                      MC_STR("DELETE FROM idempotency_keys WHERE organization_id = $1 AND key = $2 "
                             "AND http_status = 0"),
                      args, MC_LEN(args), NULL, err);
}

mc_code mc_idempotency_recover(mc_ctx *ctx, mc_err *err)
{
    return mc_db_exec(ctx->conn, MC_STR("DELETE FROM idempotency_keys WHERE http_status = 0"), NULL,
                      0, NULL, err);
}
