/* SPDX-License-Identifier: Apache-2.0 */
/* Installed addons of a server somewhere else. What each action gives is what the control socket
 * gives for it, so that it is printed, and read by scripts, in the same way. */
#include "addon.h"

#include "remote.h"

#include "metacore/base/uuid.h"
#include "metacore/manifest/manifest.h"

#include <string.h>

#define BASE "/api/metacore/installations"
#define SIGNATURE_BYTES_MAX 1024

/* ---- paths ---- */

/* ?drop=1&…, of the switches that are there. */
static void write_query(const command *self, mc_buf *path)
{
    static const char *const switches[][2] = {{"dry-run", "dry_run=1"},
                                              {"drop", "drop=1"},
                                              {"force", "force=1"},
                                              {"ignore-requires", "ignore_requires=1"}};
    char before = '?';

    for (size_t i = 0; i < MC_LEN(switches); i++) {
        if (!command_switch(self, switches[i][0]))
            continue;
        mc_buf_char(path, before);
        mc_buf_str(path, mc_z(switches[i][1]));
        before = '&';
    }
}

static mc_code make_path(const command *self, mc_str key, const char *action, mc_str *out,
                         mc_err *err)
{
    mc_buf path;

    /* It becomes part of an address. */
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_')
            return mc_fail(err, MC_INVALID, "\"%.*s\" is no addon's key",
                           MC_FMT(mc_str_slice(key, 0, 60)));
    }
    mc_buf_init_arena(&path, self->arena, 0);
    mc_buf_printf(&path, BASE "/%.*s%s", MC_FMT(key), action);
    write_query(self, &path);
    *out = mc_buf_get(&path);
    return mc_buf_check(&path, "server", err);
}

/* ---- answers ---- */

static const mc_json *member(const mc_json *object, const char *key)
{
    return mc_json_find(object, mc_z(key));
}

/* The installation's members, behind its secret and what was ignored. */
static mc_code write_row(const command *self, const mc_json *row, const mc_json *secret,
                         const mc_json *warning, mc_str *out, mc_err *err)
{
    const struct {
        const char *name;
        const mc_json *value;
    } first[] = {{"install_secret", secret}, {"warning", warning}};
    mc_buf text, members;

    mc_buf_init_arena(&text, self->arena, 0);
    mc_buf_init_arena(&members, self->arena, 0);
    if (!row || row->kind != MC_JSON_OBJECT)
        return mc_fail(err, MC_INVALID, "the server's answer has no installation");
    mc_json_write(&members, row);
    mc_buf_char(&text, '{');
    for (size_t i = 0; i < MC_LEN(first); i++) {
        if (!first[i].value)
            continue;
        mc_json_write_str(&text, mc_z(first[i].name));
        mc_buf_char(&text, ':');
        mc_json_write(&text, first[i].value);
        mc_buf_char(&text, ',');
    }
    mc_buf_str(&text, mc_str_slice(mc_buf_get(&members), 1, members.len));
    *out = mc_buf_get(&text);
    return mc_buf_check(&text, "server", err);
}

static mc_code write_whole(const command *self, const mc_json *value, mc_str *out, mc_err *err)
{
    mc_buf text;

    if (!value)
        return mc_fail(err, MC_INVALID, "the server's answer has no data");
    mc_buf_init_arena(&text, self->arena, 0);
    mc_json_write(&text, value);
    *out = mc_buf_get(&text);
    return mc_buf_check(&text, "server", err);
}

/* ---- installing ---- */

/* The archive at path or packed from it, the key in it, and the signature beside it. */
typedef struct parcel {
    mc_arena *arena;
    mc_buf own;
    mc_str packed, key, signature;
} parcel;

static mc_code read_key(const command *self, const mc_bundle *bundle, mc_str *out, mc_err *err)
{
    mc_manifest *manifest = NULL;
    mc_code rc = mc_manifest_parse(bundle->manifest, &manifest, err);

    if (rc != MC_OK)
        return rc;
    *out = mc_str_copy(self->arena, manifest->key);
    mc_manifest_free(manifest);
    return out->ptr ? MC_OK : mc_fail(err, MC_NO_MEMORY, "server");
}

static mc_code read_signature(const command *self, const char *path, mc_str *out, mc_err *err)
{
    const char *beside = mc_str_z(self->arena, mc_str_printf(self->arena, "%s.sig", path));
    FILE *file = beside ? fopen(beside, "rbe") : NULL;

    *out = MC_STR("");
    if (!file)
        return MC_OK;   /* whether there has to be one the server knows */
    (void)fclose(file); /* read only */
    return addon_read_file(self, beside, SIGNATURE_BYTES_MAX, out, err);
}

static mc_code read_parcel(const command *self, const char *path, parcel *out, mc_err *err)
{
    mc_bundle *bundle = NULL;
    mc_code rc = mc_bundle_load(out->arena, mc_z(path), &out->packed, &bundle, err);
    bool is_folder = rc == MC_OK && out->packed.len == 0;

    if (is_folder)
        rc = mc_bundle_pack(bundle, &out->own, err);
    if (is_folder)
        out->packed = mc_buf_get(&out->own);
    if (rc == MC_OK)
        rc = read_key(self, bundle, &out->key, err);
    mc_bundle_free(bundle);
    return rc == MC_OK && !is_folder ? read_signature(self, path, &out->signature, err) : rc;
}

static void write_part(mc_buf *body, const char *boundary, const char *head, mc_str data)
{
    mc_buf_printf(body, "--%s\r\nContent-Disposition: form-data; %s\r\n\r\n", boundary, head);
    mc_buf_str(body, data);
    mc_buf_lit(body, "\r\n");
}

static mc_code upload(const remote *to, const parcel *p, const mc_json **out, mc_err *err)
{
    const command *self = to->command;
    char boundary[MC_UUID_TEXT_LEN + 1] = "", type[80];
    mc_str path;
    mc_uuid id;
    mc_buf body;
    mc_code rc = make_path(self, p->key, "", &path, err);

    if (rc == MC_OK)
        rc = mc_uuid_v7(&id, err); /* in no archive by accident */
    if (rc != MC_OK)
        return rc;
    mc_uuid_format(id, boundary);
    (void)snprintf(type, sizeof(type), "multipart/form-data; boundary=%s", boundary);
    mc_buf_init(&body, 0);
    write_part(&body, boundary, "name=\"bundle\"; filename=\"addon.tar.gz\"", p->packed);
    if (p->signature.len)
        write_part(&body, boundary, "name=\"signature\"", mc_str_trim(p->signature));
    mc_buf_printf(&body, "--%s--\r\n", boundary);
    rc = mc_buf_check(&body, "server", err);
    if (rc == MC_OK)
        rc = remote_call(to, "POST", path, type, mc_buf_get(&body), out, err);
    mc_buf_deinit(&body);
    return rc;
}

static mc_code install(const remote *to, mc_str set, mc_str *out, mc_err *err)
{
    const command *self = to->command;
    parcel p = {.arena = mc_arena_new(MC_BUNDLE_PACKED_MAX + 65536)};
    const mc_json *answer;
    mc_code rc;

    (void)set;
    mc_buf_init(&p.own, MC_BUNDLE_PACKED_MAX);
    rc = p.arena ? read_parcel(self, addon_arg(self, 0), &p, err)
                 : mc_fail(err, MC_NO_MEMORY, "server");
    if (rc == MC_OK)
        rc = upload(to, &p, &answer, err);
    mc_buf_deinit(&p.own);
    mc_arena_free(p.arena);
    if (rc != MC_OK)
        return rc;
    return command_switch(self, "dry-run")
               ? write_whole(self, member(answer, "data"), out, err)
               : write_row(self, member(answer, "installation"), member(answer, "install_secret"),
                           member(answer, "warning"), out, err);
}

/* ---- the others ---- */

static mc_code call(const remote *to, const char *method, const char *action, mc_str body,
                    const mc_json **out, mc_err *err)
{
    mc_str path;
    mc_code rc = make_path(to->command, mc_z(addon_arg(to->command, 0)), action, &path, err);

    return rc == MC_OK ? remote_call(to, method, path, NULL, body, out, err) : rc;
}

static mc_code change(const remote *to, const char *action, mc_str *out, mc_err *err)
{
    const mc_json *answer;
    mc_code rc = call(to, "POST", action, MC_STR("{}"), &answer, err);

    return rc == MC_OK ? write_row(to->command, member(answer, "data"), NULL,
                                   member(member(answer, "meta"), "warning"), out, err)
                       : rc;
}

static mc_code enable(const remote *to, mc_str set, mc_str *out, mc_err *err)
{
    (void)set;
    return change(to, "/enable", out, err);
}

static mc_code disable(const remote *to, mc_str set, mc_str *out, mc_err *err)
{
    (void)set;
    return change(to, "/disable", out, err);
}

/* The installation as it was: the answer has no more of it. */
static mc_code uninstall(const remote *to, mc_str set, mc_str *out, mc_err *err)
{
    const mc_json *was, *answer;
    mc_code rc = call(to, "GET", "", MC_STR(""), &was, err);

    (void)set;
    if (rc == MC_OK)
        rc = call(to, "DELETE", "", MC_STR(""), &answer, err);
    return rc == MC_OK ? write_row(to->command, member(was, "data"), NULL, NULL, out, err) : rc;
}

static mc_code rotate(const remote *to, mc_str set, mc_str *out, mc_err *err)
{
    const mc_json *answer, *data;
    mc_code rc = call(to, "POST", "/rotate", MC_STR("{}"), &answer, err);

    (void)set;
    if (rc != MC_OK)
        return rc;
    data = member(answer, "data");
    return write_row(to->command, member(data, "installation"), member(data, "install_secret"),
                     NULL, out, err);
}

static mc_code settings(const remote *to, mc_str set, mc_str *out, mc_err *err)
{
    const mc_json *answer;
    mc_code rc = call(to, set.len ? "PUT" : "GET", "/settings", set, &answer, err);

    return rc == MC_OK ? write_whole(to->command, member(answer, "data"), out, err) : rc;
}

static mc_code list(const remote *to, mc_str set, mc_str *out, mc_err *err)
{
    const mc_json *answer;
    mc_code rc = remote_call(to, "GET", MC_STR(BASE), NULL, MC_STR(""), &answer, err);

    (void)set;
    return rc == MC_OK ? write_whole(to->command, answer, out, err) : rc;
}

/* ---- which ---- */

/* The token says whose addons these are; who names an organization means that one. */
static mc_code check_org(const remote *to, mc_err *err)
{
    const char *org = command_option(to->command, "org");
    mc_str own = MC_STR("");
    const mc_json *answer;
    mc_code rc;

    if (!org)
        return MC_OK;
    rc = remote_call(to, "GET", MC_STR("/api/auth/me"), NULL, MC_STR(""), &answer, err);
    if (rc != MC_OK)
        return rc;
    (void)mc_json_get_str(member(member(member(answer, "data"), "user"), "organization_id"), &own);
    if (!mc_str_eq_nocase(mc_z(org), own))
        return mc_fail(err, MC_INVALID,
                       "the token is for organization %.*s, not %.60s: with --server, --org is "
                       "the token's by its id, or left out",
                       MC_FMT(own), org);
    return MC_OK;
}

mc_code addon_remote(const command *self, const char *action, mc_str set, mc_str *out, mc_err *err)
{
    static const struct {
        const char *action;
        mc_code (*run)(const remote *to, mc_str set, mc_str *out, mc_err *err);
    } runs[] = {
        {"install", install},     {"enable", enable}, {"disable", disable},
        {"uninstall", uninstall}, {"rotate", rotate}, {"settings", settings},
        {"list", list},
    };
    remote to;
    mc_code rc = remote_open(self, &to, err);

    if (rc != MC_OK)
        return rc;
    rc = check_org(&to, err);
    for (size_t i = 0; i < MC_LEN(runs) && rc == MC_OK; i++) {
        if (strcmp(runs[i].action, action) == 0)
            rc = runs[i].run(&to, set, out, err);
    }
    remote_close(&to);
    return rc;
}
