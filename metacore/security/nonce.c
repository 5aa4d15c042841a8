/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/nonce.h"

static mc_code sweep(mc_ctx *ctx, mc_err *err)
{
    mc_db_value args[] = {mc_db_time(ctx->now), mc_db_int(MC_NONCE_SWEEP_MAX)};

    return mc_db_exec(
        ctx->conn,
        MC_STR("DELETE FROM metacore_nonces WHERE (installation_id, nonce) IN (SELECT "
               "installation_id, nonce FROM metacore_nonces WHERE expires_at <= $1 LIMIT $2)"),
        args, MC_LEN(args), NULL, err);
}

mc_code mc_nonces_use(mc_ctx *ctx, mc_uuid installation_id, mc_str nonce, int64_t ttl_s,
                      mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(installation_id), mc_db_text(nonce),
                          mc_db_time(ctx->now + ttl_s * MC_TIME_US_PER_S)};
    int64_t changed = 0;
    mc_code rc;

    if (nonce.len == 0)
        return mc_fail(err, MC_UNAUTHENTICATED, "replay: missing nonce");
    if (nonce.len > MC_NONCE_BYTES_MAX)
        return mc_fail(err, MC_INVALID, "replay: a nonce of more than %d bytes",
                       MC_NONCE_BYTES_MAX);
    rc = sweep(ctx, err);
    if (rc == MC_OK)
        rc = mc_db_exec(ctx->conn,
                        MC_STR("INSERT INTO metacore_nonces (installation_id, nonce, expires_at) "
                               "VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"),
                        args, MC_LEN(args), &changed, err);
    if (rc == MC_OK && changed == 0)
        return mc_fail(err, MC_UNAUTHENTICATED, "replay: nonce already used");
    return rc;
}
