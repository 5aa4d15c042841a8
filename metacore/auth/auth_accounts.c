/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/auth/auth_internal.h"

#include "metacore/base/random.h"

#define USER_COLUMNS                                                                               \
    "id, organization_id, created_by_id, created_at, updated_at, name, email, role, avatar,"       \
    " last_login_at, disabled_at, password_hash, token_version"
#define ORG_COLUMNS                                                                                \
    "id, organization_id, created_by_id, created_at, updated_at, name, slug, country, currency,"   \
    " timezone, logo"
#define SLUG_TRIES 6

/* ---- reading rows ---- */

/* False without memory. */
static bool text(mc_db_rows *rows, size_t col, mc_arena *arena, mc_str *out)
{
    *out = mc_str_copy(arena, mc_db_col_text(rows, col));
    return out->ptr != NULL;
}

static bool read_account(mc_db_rows *rows, mc_arena *arena, void *out)
{
    mc__account *account = out;
    mc_auth_user *user = &account->user;

    *account = (mc__account){0};
    user->id = mc_db_col_uuid(rows, 0);
    user->organization_id = mc_db_col_uuid(rows, 1);
    user->created_by_id = mc_db_col_uuid(rows, 2);
    user->created_at = mc_db_col_time(rows, 3);
    user->updated_at = mc_db_col_time(rows, 4);
    user->last_login_at = mc_db_col_time(rows, 9);
    user->is_disabled = !mc_db_col_is_null(rows, 10);
    account->token_version = mc_db_col_int(rows, 12);
    return text(rows, 5, arena, &user->name) && text(rows, 6, arena, &user->email) &&
           text(rows, 7, arena, &user->role) && text(rows, 8, arena, &user->avatar) &&
           text(rows, 11, arena, &account->password_hash);
}

static bool read_org(mc_db_rows *rows, mc_arena *arena, void *out)
{
    mc_auth_org *org = out;

    *org = (mc_auth_org){0};
    org->id = mc_db_col_uuid(rows, 0);
    org->organization_id = mc_db_col_uuid(rows, 1);
    org->created_by_id = mc_db_col_uuid(rows, 2);
    org->created_at = mc_db_col_time(rows, 3);
    org->updated_at = mc_db_col_time(rows, 4);
    return text(rows, 5, arena, &org->name) && text(rows, 6, arena, &org->slug) &&
           text(rows, 7, arena, &org->country) && text(rows, 8, arena, &org->currency) &&
           text(rows, 9, arena, &org->timezone) && text(rows, 10, arena, &org->logo);
}

/* What to look for, and where to put it. */
typedef struct query {
    mc_str sql;
    const mc_db_value *args;
    size_t arg_count;
    const char *absent; /* NOT_FOUND with this text */
    bool (*read)(mc_db_rows *rows, mc_arena *arena, void *out);
    void *out;
} query;

/* The first row; *out_more (may be NULL): whether there is another. */
static mc_code first(mc_db_conn *conn, mc_ctx *ctx, const query *q, bool *out_more, mc_err *err)
{
    mc_err ignored;
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, q->sql, q->args, q->arg_count, &rows, err), finished;

    if (rc != MC_OK)
        return rc;
    if (!mc_db_rows_next(&rows))
        rc = rows.rc == MC_OK ? mc_fail(err, MC_NOT_FOUND, "%s", q->absent) : MC_OK;
    else if (!q->read(&rows, ctx->arena, q->out))
        rc = mc_fail(err, MC_NO_MEMORY, "auth: row");
    else if (out_more)
        *out_more = mc_db_rows_next(&rows);
    finished = mc_db_rows_finish(&rows, rc == MC_OK ? err : &ignored);
    return rc == MC_OK ? finished : rc;
}

/* ---- users ---- */

mc_code mc__account_load(mc_db_conn *conn, mc_ctx *ctx, mc_uuid user_id, mc__account *out,
                         mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(user_id)};
    query q = {
        .sql = MC_STR("SELECT " USER_COLUMNS " FROM users WHERE id = $1 AND deleted_at IS NULL"),
        .args = args,
        .arg_count = MC_LEN(args),
        .absent = MC__MSG_NOT_FOUND,
        .read = read_account,
        .out = out};

    return first(conn, ctx, &q, NULL, err);
}

mc_code mc__account_load_email(mc_db_conn *conn, mc_ctx *ctx, mc_str typed, mc_str normal,
                               mc__account *out, mc_err *err)
{
    /* Rows from elsewhere may have capitals: those are found by typing them. */
    mc_db_value args[] = {mc_db_text(typed), mc_db_text(normal)};
    query q = {.sql = MC_STR("SELECT " USER_COLUMNS
                             " FROM users WHERE email IN ($1, $2) AND deleted_at IS NULL"
                             " ORDER BY CASE WHEN email = $1 THEN 0 ELSE 1 END LIMIT 1"),
               .args = args,
               .arg_count = MC_LEN(args),
               .absent = MC__MSG_NOT_FOUND,
               .read = read_account,
               .out = out};

    return first(conn, ctx, &q, NULL, err);
}

/* ---- listing ---- */

typedef struct listing {
    mc_uuid org_id; /* nil: all */
    mc_auth_user *items;
    size_t count, capacity;
} listing;

static mc_code list_row(listing *l, mc_db_rows *rows, mc_arena *arena, mc_err *err)
{
    mc__account account;

    if (l->count == MC_AUTH_USERS_MAX)
        return mc_fail(err, MC_LIMIT, "auth: more than %d users", MC_AUTH_USERS_MAX);
    if (l->count == l->capacity) {
        size_t more = l->capacity ? 2 * l->capacity : 16;

        l->items = mc_arena_realloc(arena, l->items, l->capacity * sizeof(*l->items),
                                    more * sizeof(*l->items));
        l->capacity = more;
    }
    if (!l->items || !read_account(rows, arena, &account))
        return mc_fail(err, MC_NO_MEMORY, "auth: users");
    l->items[l->count++] = account.user;
    return MC_OK;
}

static mc_code list_run(mc_db_conn *conn, mc_ctx *ctx, void *user, mc_err *err)
{
    static const mc_str all = MC_STR_INIT(
        "SELECT " USER_COLUMNS " FROM users WHERE deleted_at IS NULL ORDER BY email, id");
    static const mc_str one = MC_STR_INIT("SELECT " USER_COLUMNS " FROM users WHERE"
                                          " organization_id = $1 AND deleted_at IS NULL"
                                          " ORDER BY email, id");
    listing *l = user;
    bool is_all = mc_uuid_is_nil(l->org_id);
    mc_db_value args[] = {mc_db_uuid(l->org_id)};
    mc_err ignored;
    mc_db_rows rows;
    mc_code rc = mc_db_query(conn, is_all ? all : one, args, is_all ? 0 : 1, &rows, err), finished;

    if (rc != MC_OK)
        return rc;
    while (rc == MC_OK && mc_db_rows_next(&rows))
        rc = list_row(l, &rows, ctx->arena, err);
    finished = mc_db_rows_finish(&rows, rc == MC_OK ? err : &ignored);
    return rc == MC_OK ? finished : rc;
}

mc_code mc_auth_list_users(mc_auth *self, mc_ctx *ctx, mc_uuid org_id, mc_auth_users *out,
                           mc_err *err)
{
    listing l = {.org_id = org_id};
    mc_code rc = mc__auth_read(self, ctx, list_run, &l, err);

    if (rc == MC_OK)
        *out = (mc_auth_users){.items = l.items, .count = l.count};
    return rc;
}

static bool read_count(mc_db_rows *rows, mc_arena *arena, void *out)
{
    (void)arena;
    *(int64_t *)out = mc_db_col_int(rows, 0);
    return true;
}

mc_code mc__count_users(mc_db_conn *conn, mc_ctx *ctx, void *out, mc_err *err)
{
    query q = {.sql = MC_STR("SELECT count(*) FROM users WHERE deleted_at IS NULL"),
               .absent = MC__MSG_NOT_FOUND,
               .read = read_count,
               .out = out};

    return first(conn, ctx, &q, NULL, err);
}

mc_code mc_auth_count_users(mc_auth *self, mc_ctx *ctx, int64_t *out, mc_err *err)
{
    int64_t count = 0;
    mc_code rc = mc__auth_read(self, ctx, mc__count_users, &count, err);

    if (rc == MC_OK)
        *out = count;
    return rc;
}

/* ---- organizations ---- */

mc_code mc__org_load(mc_db_conn *conn, mc_ctx *ctx, mc_uuid org_id, mc_auth_org *out, mc_err *err)
{
    mc_db_value args[] = {mc_db_uuid(org_id)};
    query q = {.sql = MC_STR("SELECT " ORG_COLUMNS
                             " FROM organizations WHERE id = $1 AND deleted_at IS NULL"),
               .args = args,
               .arg_count = MC_LEN(args),
               .absent = "auth: organization not found",
               .read = read_org,
               .out = out};

    return first(conn, ctx, &q, NULL, err);
}

mc_code mc__org_load_named(mc_db_conn *conn, mc_ctx *ctx, mc_str id_slug_or_name, mc_auth_org *out,
                           mc_err *err)
{
    mc_db_value args[] = {mc_db_text(id_slug_or_name)};
    query q = {.sql = MC_STR("SELECT " ORG_COLUMNS
                             " FROM organizations WHERE slug = $1 AND deleted_at IS NULL"),
               .args = args,
               .arg_count = MC_LEN(args),
               .absent = "auth: organization not found",
               .read = read_org,
               .out = out};
    bool is_ambiguous = false;
    mc_uuid id;
    mc_code rc;

    if (mc_uuid_parse(id_slug_or_name, &id))
        return mc__org_load(conn, ctx, id, out, err);
    rc = first(conn, ctx, &q, NULL, err);
    if (rc != MC_NOT_FOUND)
        return rc;
    q.sql =
        MC_STR("SELECT " ORG_COLUMNS " FROM organizations WHERE name = $1 AND deleted_at IS NULL"
               " ORDER BY created_at, id LIMIT 2");
    rc = first(conn, ctx, &q, &is_ambiguous, err);
    if (rc == MC_OK && is_ambiguous)
        return mc_fail(err, MC_CONFLICT, "auth: several organizations have this name: use a slug");
    return rc;
}

static mc_code insert_org(mc_db_conn *conn, const mc_auth_org *org, mc_err *err)
{
    static const mc_str sql =
        MC_STR_INIT("INSERT INTO organizations"
                    " (id, organization_id, created_at, updated_at, name, slug)"
                    " VALUES ($1, $2, $3, $3, $4, $5)");
    mc_db_value args[] = {mc_db_uuid(org->id), mc_db_uuid(org->organization_id),
                          mc_db_time(org->created_at), mc_db_text(org->name),
                          mc_db_text(org->slug)};
    mc_code rc = mc_db_begin(conn, err);

    if (rc != MC_OK)
        return rc;
    rc = mc_db_exec(conn, sql, args, MC_LEN(args), NULL, err);
    if (rc == MC_OK)
        return mc_db_commit(conn, err);
    mc_db_rollback(conn); /* to the savepoint: the transaction goes on with another slug */
    return rc;
}

/* "acme", "acme-2", "acme-3", then something that nobody else has. */
static mc_code slug_number(mc_arena *arena, mc_str base, int try, mc_str *out, mc_err *err)
{
    uint32_t random;
    mc_code rc;

    *out = base;
    if (try == 0)
        return MC_OK;
    if (try < SLUG_TRIES / 2) {
        *out = mc_str_printf(arena, "%.*s-%d", MC_FMT(base), try + 1);
    } else {
        rc = mc_random_bytes(&random, sizeof(random), err);
        if (rc != MC_OK)
            return rc;
        *out = mc_str_printf(arena, "%.*s-%08x", MC_FMT(base), random);
    }
    return out->ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "auth: slug");
}

mc_code mc__org_insert(mc_auth *self, mc_db_conn *conn, mc_ctx *ctx, mc_str name, mc_auth_org *out,
                       mc_err *err)
{
    mc_str none = MC_STR(""), base;
    mc_auth_org org = {.created_at = mc__auth_now(self),
                       .country = none,
                       .currency = none,
                       .timezone = none,
                       .logo = none};
    mc_code rc = mc__slug_of(ctx->arena, name, &base, err);

    org.updated_at = org.created_at;
    org.name = mc_str_copy(ctx->arena, name);
    if (rc == MC_OK && !org.name.ptr)
        rc = mc_fail(err, MC_NO_MEMORY, "auth: organization");
    if (rc == MC_OK)
        rc = mc_uuid_v7(&org.id, err);
    if (rc != MC_OK)
        return rc;
    rc = MC_CONFLICT;
    for (int try = 0; try < SLUG_TRIES && rc == MC_CONFLICT; try++) {
        rc = slug_number(ctx->arena, base, try, &org.slug, err);
        if (rc == MC_OK)
            rc = insert_org(conn, &org, err);
    }
    if (rc == MC_OK)
        *out = org;
    return rc;
}
