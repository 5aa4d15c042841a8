/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/host/admin.h"

#include "metacore/host/admin_internal.h"

#include <string.h>

#define REQUEST_BYTES_MAX ((size_t)64 << 10)

typedef mc_code (*command_fn)(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_buf *out,
                              mc_err *err);

mc_str mc__admin_optional(const mc_json *in, const char *key)
{
    mc_str value = MC_STR("");

    (void)mc_json_get_str(mc_json_find(in, mc_z(key)), &value); /* absent: empty */
    return value;
}

mc_code mc__admin_required(const mc_json *in, const char *key, mc_str *out, mc_err *err)
{
    *out = mc__admin_optional(in, key);
    return out->len ? MC_OK : mc_fail(err, MC_INVALID, "%s is required", key);
}

/* A service's field errors as one line: nobody fills in a form here. */
mc_code mc__admin_explain(mc_ctx *ctx, mc_code rc, mc_err *err)
{
    if (rc == MC_REJECTED && ctx->field_error_count > 0)
        return mc_fail(err, rc, "%.*s: %.*s", MC_FMT(ctx->field_errors[0].field),
                       MC_FMT(ctx->field_errors[0].message));
    return rc;
}

/* ---- users ---- */

static void write_user(mc_buf *out, const mc_auth_user *user)
{
    mc_buf_lit(out, "{\"disabled\":");
    mc_buf_str(out, user->is_disabled ? MC_STR("true") : MC_STR("false"));
    mc_buf_lit(out, ",\"email\":");
    mc_json_write_str(out, user->email);
    mc_buf_lit(out, ",\"id\":\"");
    mc_uuid_write(out, user->id);
    mc_buf_lit(out, "\",\"name\":");
    mc_json_write_str(out, user->name);
    mc_buf_lit(out, ",\"organization_id\":\"");
    mc_uuid_write(out, user->organization_id);
    mc_buf_lit(out, "\",\"role\":");
    mc_json_write_str(out, user->role);
    mc_buf_char(out, '}');
}

static mc_code user_create(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_buf *out, mc_err *err)
{
    mc_auth_new_user fresh = {.name = mc__admin_optional(in, "name"),
                              .organization = mc__admin_optional(in, "org"),
                              .role = mc__admin_optional(in, "role")};
    mc_auth_user user;
    mc_code rc = mc__admin_required(in, "email", &fresh.email, err);

    if (rc == MC_OK)
        rc = mc__admin_required(in, "password", &fresh.password, err);
    if (rc == MC_OK)
        rc = mc__admin_explain(ctx, mc_auth_create_user(app->auth, ctx, &fresh, &user, err), err);
    if (rc == MC_OK)
        write_user(out, &user);
    return rc;
}

static mc_code user_list(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_buf *out, mc_err *err)
{
    mc_auth_users users;
    mc_code rc = mc_auth_list_users(app->auth, ctx, (mc_uuid){{0}}, &users, err);

    (void)in;
    if (rc != MC_OK)
        return rc;
    mc_buf_char(out, '[');
    for (size_t i = 0; i < users.count; i++) {
        if (i > 0)
            mc_buf_char(out, ',');
        write_user(out, &users.items[i]);
    }
    mc_buf_char(out, ']');
    return MC_OK;
}

static mc_code find_user(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_auth_user *out,
                         mc_err *err)
{
    mc_str email;
    mc_code rc = mc__admin_required(in, "email", &email, err);

    return rc == MC_OK ? mc_auth_find_user(app->auth, ctx, email, out, err) : rc;
}

static mc_code user_passwd(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_buf *out, mc_err *err)
{
    mc_auth_user user;
    mc_str password;
    mc_code rc = find_user(app, ctx, in, &user, err);

    if (rc == MC_OK)
        rc = mc__admin_required(in, "password", &password, err);
    if (rc == MC_OK)
        rc = mc__admin_explain(ctx, mc_auth_set_password(app->auth, ctx, user.id, password, err),
                               err);
    if (rc == MC_OK)
        write_user(out, &user);
    return rc;
}

static mc_code set_disabled(mc_app *app, mc_ctx *ctx, const mc_json *in, bool is_disabled,
                            mc_buf *out, mc_err *err)
{
    mc_auth_user user;
    mc_code rc = find_user(app, ctx, in, &user, err);

    if (rc == MC_OK)
        rc = mc_auth_set_disabled(app->auth, ctx, user.id, is_disabled, err);
    if (rc != MC_OK)
        return rc;
    user.is_disabled = is_disabled;
    write_user(out, &user);
    return MC_OK;
}

static mc_code user_disable(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_buf *out, mc_err *err)
{
    return set_disabled(app, ctx, in, true, out, err);
}

static mc_code user_enable(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_buf *out, mc_err *err)
{
    return set_disabled(app, ctx, in, false, out, err);
}

/* ---- grants ---- */

mc_code mc__admin_find_org(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_auth_org *out,
                           mc_err *err)
{
    mc_str org;
    mc_code rc = mc__admin_required(in, "org", &org, err);

    return rc == MC_OK ? mc_auth_find_org(app->auth, ctx, org, out, err) : rc;
}

static mc_code change_grant(mc_app *app, mc_ctx *ctx, const mc_json *in, bool is_grant, mc_buf *out,
                            mc_err *err)
{
    mc_str role = mc__admin_optional(in, "role"), capability;
    mc_auth_user user = {0};
    mc_auth_org org;
    mc_code rc = mc__admin_find_org(app, ctx, in, &org, err);

    if (rc == MC_OK)
        rc = mc__admin_required(in, "capability", &capability, err);
    if (rc == MC_OK && mc_str_is_empty(role)) {
        rc = find_user(app, ctx, in, &user, err);
        if (rc == MC_OK && !mc_uuid_eq(user.organization_id, org.id))
            rc = mc_fail(err, MC_NOT_FOUND, "the user is not of that organization");
    }
    if (rc != MC_OK)
        return rc;
    if (role.len)
        rc = is_grant
                 ? mc_permission_grant_role(app->permission, ctx, org.id, role, capability, err)
                 : mc_permission_revoke_role(app->permission, ctx, org.id, role, capability, err);
    else
        rc =
            is_grant
                ? mc_permission_grant_user(app->permission, ctx, org.id, user.id, capability, err)
                : mc_permission_revoke_user(app->permission, ctx, org.id, user.id, capability, err);
    mc_buf_lit(out, "true");
    return rc;
}

static mc_code grant_add(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_buf *out, mc_err *err)
{
    return change_grant(app, ctx, in, true, out, err);
}

static mc_code grant_remove(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_buf *out, mc_err *err)
{
    return change_grant(app, ctx, in, false, out, err);
}

static mc_str email_of(const mc_auth_users *users, mc_uuid id)
{
    for (size_t i = 0; i < users->count; i++) {
        if (mc_uuid_eq(users->items[i].id, id))
            return users->items[i].email;
    }
    return MC_STR("");
}

/* A role's grants have a role, a person's an address. */
static void write_grant(mc_buf *out, const mc_permission_grant *grant, const mc_auth_users *users)
{
    mc_buf_lit(out, "{\"capability\":");
    mc_json_write_str(out, grant->capability);
    if (!mc_uuid_is_nil(grant->user_id)) {
        mc_buf_lit(out, ",\"email\":");
        mc_json_write_str(out, email_of(users, grant->user_id));
    }
    mc_buf_lit(out, ",\"role\":");
    mc_json_write_str(out, grant->role);
    if (!mc_uuid_is_nil(grant->user_id)) {
        mc_buf_lit(out, ",\"user_id\":\"");
        mc_uuid_write(out, grant->user_id);
        mc_buf_char(out, '"');
    }
    mc_buf_char(out, '}');
}

/* All of an organization's, or those of one role or person. */
static mc_code grant_list(mc_app *app, mc_ctx *ctx, const mc_json *in, mc_buf *out, mc_err *err)
{
    mc_str role = mc__admin_optional(in, "role"), email = mc__admin_optional(in, "email");
    mc_permission_grants grants;
    mc_auth_users users;
    mc_auth_user user = {0};
    mc_auth_org org;
    bool is_first = true;
    mc_code rc = mc__admin_find_org(app, ctx, in, &org, err);

    if (rc == MC_OK && email.len)
        rc = find_user(app, ctx, in, &user, err);
    if (rc == MC_OK)
        rc = mc_auth_list_users(app->auth, ctx, org.id, &users, err);
    if (rc == MC_OK)
        rc = mc_permission_list_grants(app->permission, ctx, org.id, &grants, err);
    if (rc != MC_OK)
        return rc;
    mc_buf_char(out, '[');
    for (size_t i = 0; i < grants.count; i++) {
        const mc_permission_grant *grant = &grants.items[i];

        if ((role.len && !mc_str_eq_nocase(grant->role, role)) ||
            (email.len && !mc_uuid_eq(grant->user_id, user.id)))
            continue;
        if (!is_first)
            mc_buf_char(out, ',');
        is_first = false;
        write_grant(out, grant, &users);
    }
    mc_buf_char(out, ']');
    return MC_OK;
}

/* ---- dispatch ---- */

static const struct {
    const char *name;
    command_fn run;
} commands[] = {
    {"user.create", user_create},   {"user.list", user_list},     {"user.passwd", user_passwd},
    {"user.disable", user_disable}, {"user.enable", user_enable}, {"grant.add", grant_add},
    {"grant.remove", grant_remove}, {"grant.list", grant_list},
};

mc_code mc_admin_run(mc_app *app, mc_ctx *ctx, const mc_json *command, mc_buf *out, mc_err *err)
{
    mc_str name;
    mc_code rc = mc__admin_required(command, "command", &name, err);

    if (rc != MC_OK)
        return rc;
    for (size_t i = 0; i < MC_LEN(commands); i++) {
        if (!mc_str_eq(name, mc_z(commands[i].name)))
            continue;
        rc = commands[i].run(app, ctx, command, out, err);
        return rc == MC_OK ? mc_buf_check(out, "admin", err) : rc;
    }
    if (mc_str_starts_with(name, MC_STR("addon."))) {
        rc = mc__admin_addon(app, ctx, name, command, out, err);
        return rc == MC_OK ? mc_buf_check(out, "admin", err) : rc;
    }
    return mc_fail(err, MC_INVALID, "unknown command \"%.*s\"", MC_FMT(name));
}

/* POST /local/admin */
static mc_code admin(mc_http_req *req, mc_http_res *res, void *user, mc_err *err)
{
    const mc_json *command;
    mc_code rc = mc_http_body_object(req, "want a JSON object", &command, err);

    if (rc == MC_OK)
        rc = mc_admin_run(user, mc_http_ctx(req), command, mc_http_ok_begin(res, 200), err);
    return rc == MC_OK ? mc_http_ok_end(res, MC_STR(""), err) : rc;
}

mc_http_route mc_admin_route(mc_app *app)
{
    return (mc_http_route){.method = "POST",
                           .pattern = MC_ADMIN_PATH,
                           .run = MC_HTTP_POOL,
                           .flags = MC_HTTP_LOCAL | MC_HTTP_NO_STORE,
                           .handle = admin,
                           .user = app,
                           .max_body_bytes = REQUEST_BYTES_MAX};
}
