/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/idempotency/idempotency.h"

#include "metacore/migrations/migrations.h"

#include "mc_postgres.h"
#include "mc_test.h"

static mc_db *db;
static mc_ctx ctx;

static mc_idempotency_claim claim_of(const char *owner, const char *key, const char *body)
{
    mc_idempotency_claim claim = {.key = {0}};
    mc_err err;

    MC_EXPECT_OK(
        mc_idempotency_claim_of(ctx.arena,
                                &(mc_idempotency_request){.owner = mc_z(owner),
                                                          .method = MC_STR("POST"),
                                                          .path = MC_STR("/api/dynamic/tickets"),
                                                          .key = mc_z(key),
                                                          .body = mc_z(body)},
                                &claim, &err),
        &err);
    return claim;
}

MC_TEST("a key is the digest of user, method, path and header, as the reference makes it")
{
    mc_idempotency_claim claim, other;

    ctx = (mc_ctx){.arena = mc_arena_new(0)};
    claim = claim_of("u1", "abc", "");
    MC_EXPECT_Z(mc_str_of(claim.key, sizeof(claim.key)),
                "e7ec899e9501f20ef20a1a19724dc8317eb39d8766e2f071f30beba045480dad");
    other = claim_of("u1", "abc", "{}");
    MC_EXPECT(memcmp(claim.key, other.key, sizeof(claim.key)) == 0);
    MC_EXPECT(memcmp(claim.fingerprint, other.fingerprint, sizeof(claim.fingerprint)) != 0);
    mc_arena_free(ctx.arena);
}

MC_TEST("a key that is empty, too long or not printable is refused")
{
    char longest[MC_IDEMPOTENCY_KEY_MAX + 2];
    struct {
        const char *name;
        mc_str key;
        mc_code rc;
    } cases[] = {
        {"empty", MC_STR_INIT(""), MC_INVALID},
        {"a NUL", MC_STR_INIT("a\0b"), MC_INVALID},
        {"not ASCII", MC_STR_INIT("\xc3\xa9"), MC_INVALID},
        {"too long", {longest, sizeof(longest) - 1}, MC_INVALID},
        {"the longest", {longest, sizeof(longest) - 2}, MC_OK},
    };
    mc_arena *arena = mc_arena_new(0);
    mc_idempotency_claim claim;

    memset(longest, 'k', sizeof(longest));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_idempotency_claim_of(arena, &(mc_idempotency_request){.key = cases[i].key},
                                             &claim, NULL),
                     cases[i].rc);
    }
    mc_arena_free(arena);
}

/* ---- on both drivers ---- */

typedef struct step {
    enum { BEGIN, STORE, RELEASE, RECOVER, STORE_LARGE } what;
    const char *key, *body;
    int64_t after_s; /* the clock's time since the start */
    int org;
    mc_code rc;
    int status;
} step;

static const step *current;
static mc_idempotency_answer answer;

static mc_code run_step(mc_db_conn *conn, mc_ctx *c, void *user, mc_err *err)
{
    mc_idempotency_claim claim = claim_of("u", current->key, current->body);
    mc_idempotency_answer stored = {.status = 201,
                                    .content_type = MC_STR("text/x"),
                                    .etag = MC_STR("\"1\""),
                                    .body = MC_STR("a\0b")};
    (void)conn;
    (void)user;
    switch (current->what) {
    case BEGIN:
        return mc_idempotency_begin(c, &claim, &answer, err);
    case STORE_LARGE:
        stored.body = mc_str_of(mc_arena_zalloc(c->arena, MC_IDEMPOTENCY_BODY_MAX + 1),
                                MC_IDEMPOTENCY_BODY_MAX + 1);
        return mc_idempotency_store(c, &claim, &stored, err);
    case STORE:
        return mc_idempotency_store(c, &claim, &stored, err);
    case RELEASE:
        return mc_idempotency_release(c, &claim, err);
    default:
        return mc_idempotency_recover(c, err);
    }
}

static void run(mc_db_dialect dialect)
{
    static const step steps[] = {
        {BEGIN, "k", "1", 0, 1, MC_OK, 0},
        {BEGIN, "k", "1", 1, 1, MC_CONFLICT, 0}, /* in progress */
        {BEGIN, "k", "2", 1, 1, MC_REJECTED, 0}, /* another body */
        {BEGIN, "k", "1", 1, 2, MC_OK, 0},       /* another organization */
        {STORE, "k", "1", 2, 1, MC_OK, 0},
        {BEGIN, "k", "1", 3, 1, MC_OK, 201},
        {BEGIN, "k", "2", 3, 1, MC_REJECTED, 0},
        {RELEASE, "k", "1", 3, 1, MC_OK, 0}, /* too late: it is answered */
        {BEGIN, "k", "1", 3, 1, MC_OK, 201},
        {BEGIN, "k", "2", MC_IDEMPOTENCY_TTL_S, 1, MC_OK, 0}, /* its time is over */
        {RELEASE, "k", "2", MC_IDEMPOTENCY_TTL_S, 1, MC_OK, 0},
        {BEGIN, "k", "3", MC_IDEMPOTENCY_TTL_S, 1, MC_OK, 0},
        {RECOVER, "k", "", MC_IDEMPOTENCY_TTL_S, 1, MC_OK, 0},
        {BEGIN, "k", "4", MC_IDEMPOTENCY_TTL_S, 1, MC_OK, 0},
        {BEGIN, "k", "4", MC_IDEMPOTENCY_TTL_S + MC_IDEMPOTENCY_LOCK_S - 1, 1, MC_CONFLICT, 0},
        {BEGIN, "k", "4", MC_IDEMPOTENCY_TTL_S + MC_IDEMPOTENCY_LOCK_S, 1, MC_OK, 0}, /* died */
        {STORE_LARGE, "k", "4", MC_IDEMPOTENCY_TTL_S, 1, MC_OK, 0},
        {BEGIN, "k", "4", MC_IDEMPOTENCY_TTL_S + 1, 1, MC_CONFLICT, 0},
    };
    mc_str url = dialect == MC_DB_POSTGRES ? mc_postgres_database() : MC_STR("");
    mc_err err;

    ctx = (mc_ctx){.arena = mc_arena_new(0)};
    if (dialect == MC_DB_SQLITE)
        url = mc_str_printf(ctx.arena, "sqlite:%s/keys.db", mc_test_dir());
    MC_REQUIRE_OK(
        mc_db_open(&(mc_db_config){MC_DB_CONFIG, .url = url, .module_path = mc_postgres_module()},
                   &db, &err),
        &err);
    MC_EXPECT_OK(mc_migrations_up(db, &ctx, mc_migrations_kernel(dialect), NULL, &err), &err);
    for (size_t i = 0; i < MC_LEN(steps); i++) {
        current = &steps[i];
        MC_CASE(mc_str_z(ctx.arena,
                         mc_str_printf(ctx.arena, "%s, step %zu",
                                       dialect == MC_DB_SQLITE ? "SQLite" : "PostgreSQL", i)));
        answer = (mc_idempotency_answer){.status = 0};
        ctx.who.org_id = (mc_uuid){{(uint8_t)steps[i].org}};
        ctx.now = INT64_C(1700000000000000) + steps[i].after_s * MC_TIME_US_PER_S;
        MC_EXPECT_EQ(mc_db_write(db, &ctx, run_step, NULL, &err), steps[i].rc);
        MC_EXPECT_EQ(answer.status, steps[i].status);
        if (answer.status == 201) {
            MC_EXPECT_STR(answer.body, MC_STR("a\0b"));
            MC_EXPECT_Z(answer.etag, "\"1\"");
            MC_EXPECT_Z(answer.content_type, "text/x");
        }
    }
    mc_db_close(db);
    mc_arena_free(ctx.arena);
}

MC_TEST("a request is done once, replayed, refused with another body, and forgotten after its time")
{
    run(MC_DB_SQLITE);
    if (mc_postgres_missing())
        MC_SKIP(mc_postgres_missing());
    run(MC_DB_POSTGRES);
}
