/* SPDX-License-Identifier: Apache-2.0 */
#include "remote.h"

#include "metacore/security/url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_BYTES_MAX 8192
#define ANSWER_BYTES_MAX ((size_t)16 << 20)
#define TIMEOUT_MS 600000 /* an installation compiles code, and waits for the writer */

/* ---- whose word counts ---- */

static mc_code read_token_file(const command *self, const char *path, mc_str *out, mc_err *err)
{
    FILE *file = fopen(path, "rbe");
    char *room = mc_arena_alloc(self->arena, TOKEN_BYTES_MAX + 1);
    size_t got;

    if (!file)
        return mc_fail_errno(err, MC_INVALID, errno, "token: %s", path);
    got = room ? fread(room, 1, TOKEN_BYTES_MAX + 1, file) : 0;
    (void)fclose(file); /* read only */
    if (!room)
        return mc_fail(err, MC_NO_MEMORY, "token");
    *out = mc_str_of(room, got);
    return MC_OK;
}

static bool is_token(mc_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
            return false;
    }
    return text.len > 0 && text.len <= TOKEN_BYTES_MAX;
}

static mc_code read_token(const command *self, mc_str *out, mc_err *err)
{
    const char *path = command_option(self, "token-file"), *text = getenv("METACORE_TOKEN");
    mc_code rc = MC_OK;

    path = path ? path : getenv("METACORE_TOKEN_FILE");
    *out = mc_z(text ? text : "");
    if (path)
        rc = read_token_file(self, path, out, err);
    if (rc != MC_OK)
        return rc;
    *out = mc_str_trim(*out);
    if (out->len == 0)
        return mc_fail(err, MC_INVALID,
                       "--server wants a token of POST /api/auth/login: METACORE_TOKEN, or "
                       "--token-file FILE");
    if (!is_token(*out))
        return mc_fail(err, MC_INVALID, "%s holds no token: one line without blanks",
                       path ? path : "METACORE_TOKEN");
    return MC_OK;
}

/* ---- where ---- */

static bool is_this_machine(mc_str host)
{
    return mc_str_eq(host, MC_STR("localhost")) || mc_str_eq(host, MC_STR("::1")) ||
           mc_str_starts_with(host, MC_STR("127."));
}

static mc_code read_base(const command *self, mc_str *out, mc_err *err)
{
    mc_str text = mc_z(command_option(self, "server"));
    mc_url url;
    mc_err why;

    if (mc_url_parse(text, &url, &why) != MC_OK)
        return mc_fail(err, MC_INVALID, "--server %.*s: %s", MC_FMT(mc_str_slice(text, 0, 80)),
                       why.msg);
    if (mc_str_find_char(text, 0, '?') < text.len || mc_str_find_char(text, 0, '#') < text.len)
        return mc_fail(err, MC_INVALID, "--server %.*s: want an address without a query",
                       MC_FMT(mc_str_slice(text, 0, 80)));
    if (!url.is_https && !is_this_machine(url.host))
        fprintf(stderr,
                "metacore: warning: http to another machine: the token can be read on the way\n");
    while (text.len && text.ptr[text.len - 1] == '/')
        text.len--;
    *out = text;
    return MC_OK;
}

mc_code remote_open(const command *self, remote *out, mc_err *err)
{
    const char *ca_file = command_option(self, "ca-file");
    remote opened = {.command = self};
    mc_str token;
    mc_code rc = read_base(self, &opened.base, err);

    if (rc == MC_OK)
        rc = read_token(self, &token, err);
    if (rc != MC_OK)
        return rc;
    opened.authorization = mc_str_printf(self->arena, "Bearer %.*s", MC_FMT(token));
    if (!opened.authorization.ptr)
        return mc_fail(err, MC_NO_MEMORY, "token");
    rc = mc_http_client_new(
        &(mc_http_client_config){MC_HTTP_CLIENT_CONFIG, .allow_private = true, /* as was asked */
                                 .ca_file = mc_z(ca_file ? ca_file : ""), .timeout_ms = TIMEOUT_MS,
                                 .max_body_bytes = ANSWER_BYTES_MAX},
        &opened.client, err);
    if (rc == MC_OK)
        *out = opened;
    return rc;
}

void remote_close(remote *self)
{
    mc_http_client_free(self->client);
    self->client = NULL;
}

/* ---- what it says ---- */

/* {"message":…,"errors":{field:[{"message":…}]}}: the first of each field's. */
static mc_code explain(const remote *self, int status, const mc_json *answer, mc_err *err)
{
    const mc_json *fields = mc_json_find(answer, MC_STR("errors"));
    mc_str message = MC_STR("");
    mc_buf text;

    mc_buf_init_arena(&text, self->command->arena, 0);
    (void)mc_json_get_str(mc_json_find(answer, MC_STR("message")), &message); /* else empty */
    if (message.len == 0)
        (void)mc_json_get_str(mc_json_find(answer, MC_STR("error")), &message);
    mc_buf_str(&text, message);
    for (size_t i = 0; fields && fields->kind == MC_JSON_OBJECT && i < fields->as.object.count;
         i++) {
        const mc_json *list = fields->as.object.members[i].value;
        mc_str why = MC_STR("");

        if (list->kind == MC_JSON_ARRAY && list->as.array.count > 0)
            (void)mc_json_get_str(mc_json_find(list->as.array.items[0], MC_STR("message")), &why);
        if (why.len)
            mc_buf_printf(&text, "%s%.*s", i == 0 ? ": " : ", ", MC_FMT(why));
    }
    if (status == 401)
        return mc_fail(err, MC_UNAUTHENTICATED, "the server does not take the token: %.*s",
                       MC_FMT(mc_buf_get(&text)));
    return mc_fail(err, MC_REJECTED, "%.*s", MC_FMT(mc_buf_get(&text)));
}

static mc_code read_answer(const remote *self, const mc_http_reply *reply, const mc_json **out,
                           mc_err *err)
{
    /* A manifest may name a key twice, and is part of an answer as its author wrote it. */
    const mc_json_options options = {.last_duplicate_wins = true};
    bool is_good = reply->status >= 200 && reply->status < 300;
    const mc_json *answer = NULL;

    if (reply->is_truncated)
        return mc_fail(err, MC_TOO_LARGE, "the answer is larger than %zu bytes", ANSWER_BYTES_MAX);
    if (reply->status >= 300 && reply->status < 400)
        return mc_fail(err, MC_INVALID,
                       "%.*s answers with a redirect (%d), which is not followed: give the "
                       "address it leads to",
                       MC_FMT(self->base), reply->status);
    if (mc_json_parse(self->command->arena, reply->body, &options, &answer, NULL) != MC_OK ||
        (answer->kind != MC_JSON_OBJECT && answer->kind != MC_JSON_ARRAY) ||
        (!is_good && !mc_json_find(answer, MC_STR("message")) &&
         !mc_json_find(answer, MC_STR("error"))))
        return mc_fail(err, MC_INVALID, "%.*s answers %d and is no metacore: is the address right?",
                       MC_FMT(self->base), reply->status);
    if (!is_good)
        return explain(self, reply->status, answer, err);
    *out = answer;
    return MC_OK;
}

mc_code remote_call(const remote *self, const char *method, mc_str path, const char *type,
                    mc_str body, const mc_json **out, mc_err *err)
{
    mc_str url = mc_str_printf(self->command->arena, "%.*s%.*s", MC_FMT(self->base), MC_FMT(path));
    mc_http_pair headers[] = {
        {MC_STR("Authorization"), self->authorization},
        {MC_STR("Accept"), MC_STR("application/json")},
        {MC_STR("Content-Type"), mc_z(type ? type : "application/json")},
    };
    mc_http_reply reply;
    mc_err why;
    mc_code rc;

    if (!url.ptr)
        return mc_fail(err, MC_NO_MEMORY, "server");
    rc = mc_http_client_call(
        self->client, self->command->arena,
        &(mc_http_call){.method = mc_z(method),
                        .url = url,
                        .headers = headers,
                        .header_count = body.len ? MC_LEN(headers) : MC_LEN(headers) - 1,
                        .body = body},
        &reply, &why);
    if (rc != MC_OK)
        return mc_fail(err, rc, "%.*s: %s", MC_FMT(self->base), why.msg);
    return read_answer(self, &reply, out, err);
}
