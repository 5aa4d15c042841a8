/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/smtp_client.h"

#include "metacore/base/secret.h"
#include "metacore/security/curl_internal.h"

#include <stdatomic.h>
#include <stdlib.h>

#define TIMEOUT_MS 30000
#define LOCAL_MAX 64 /* bytes before the @ */
#define HOST_MAX 253
#define LABEL_MAX 63
#define CODE_BYTES 16 /* "550 5.1.1" */

struct mc_smtp_client {
    mc_smtp_client_config config; /* strings are text's, but the password */
    mc_arena *text;
    const char *url, *user, *ca_file;
    mc_secret password; /* with its terminator */
    atomic_bool is_stopped;
};

/* ---- what is an address ---- */

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* Words of atext with single dots between them: RFC 5322's dot-atom. */
static bool is_dot_atom(mc_str s)
{
    static const mc_str odd = MC_STR_INIT("!#$%&'*+-/=?^_`{|}~");
    bool is_start = true;

    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];

        if (c == '.' ? is_start : !is_alnum(c) && mc_str_find_char(odd, 0, c) == odd.len)
            return false;
        is_start = c == '.';
    }
    return s.len > 0 && s.len <= LOCAL_MAX && !is_start;
}

static bool is_label(mc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alnum(s.ptr[i]) && s.ptr[i] != '-')
            return false;
    }
    return s.len > 0 && s.len <= LABEL_MAX && s.ptr[0] != '-' && s.ptr[s.len - 1] != '-';
}

static bool is_host(mc_str s)
{
    mc_str rest = s, label;

    while (mc_str_split(&rest, '.', &label)) {
        if (!is_label(label))
            return false;
    }
    return s.len > 0 && s.len <= HOST_MAX && s.ptr[s.len - 1] != '.';
}

bool mc_smtp_is_address(mc_str address)
{
    size_t at = mc_str_find_char(address, 0, '@');

    return at < address.len && address.len <= MC_SMTP_ADDRESS_MAX &&
           is_dot_atom(mc_str_slice(address, 0, at)) &&
           is_host(mc_str_slice(address, at + 1, address.len));
}

/* ---- the server's name ---- */

typedef struct place {
    bool is_tls;
    mc_str host; /* without brackets */
    bool is_ipv6;
} place;

static bool is_ipv6_text(mc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alnum(s.ptr[i]) && s.ptr[i] != ':' && s.ptr[i] != '.')
            return false;
    }
    return s.len > 1;
}

static mc_code parse_url(mc_str url, place *out, mc_err *err)
{
    mc_str rest = MC_STR(""), port = MC_STR("");
    uint32_t number = 0;
    size_t end;

    out->is_tls = mc_str_starts_with(url, MC_STR("smtps://"));
    if (out->is_tls || mc_str_starts_with(url, MC_STR("smtp://")))
        rest = mc_str_slice(url, out->is_tls ? 8 : 7, url.len);
    if (mc_str_ends_with(rest, MC_STR("/")))
        rest.len--;
    out->is_ipv6 = mc_str_starts_with(rest, MC_STR("["));
    end = mc_str_find_char(rest, 0, out->is_ipv6 ? ']' : ':');
    out->host = mc_str_slice(rest, out->is_ipv6, end);
    rest = mc_str_slice(rest, end + out->is_ipv6, rest.len);
    if (mc_str_starts_with(rest, MC_STR(":")))
        port = mc_str_slice(rest, 1, rest.len);
    if (!(out->is_ipv6 ? is_ipv6_text(out->host) : is_host(out->host)) ||
        (rest.len > 0 && !mc_str_u32(port, 1, 65535, &number)))
        return mc_fail(err, MC_INVALID,
                       "smtp: url: want smtp://host:port or smtps://host:port, and nothing more");
    return MC_OK;
}

static bool is_dotted(mc_str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '.' && !(s.ptr[i] >= '0' && s.ptr[i] <= '9'))
            return false;
    }
    return true;
}

static bool is_this_machine(const place *p)
{
    return mc_str_eq_nocase(p->host, MC_STR("localhost")) ||
           (p->is_ipv6 ? mc_str_eq(p->host, MC_STR("::1"))
                       : mc_str_starts_with(p->host, MC_STR("127.")) && is_dotted(p->host));
}

/* ---- callbacks ---- */

/* What the callbacks of one mail share. */
typedef struct mail_state {
    const mc_smtp_client *client;
    mc_str rest;           /* of the message */
    bool is_begun;         /* the server has asked for it */
    char code[CODE_BYTES]; /* digits of its last refusal: the text may name people */
} mail_state;

static size_t give_message(char *room, size_t one, size_t count, void *user)
{
    mail_state *state = user;
    size_t given = state->rest.len < count ? state->rest.len : count;

    (void)one; /* always 1 */
    state->is_begun = true;
    if (given)
        memcpy(room, state->rest.ptr, given);
    state->rest = mc_str_slice(state->rest, given, state->rest.len);
    return given;
}

static size_t take_answer(char *bytes, size_t one, size_t count, void *user)
{
    mail_state *state = user;
    size_t len = 0;

    (void)one;
    if (count == 0 || (bytes[0] != '4' && bytes[0] != '5'))
        return count; /* the goodbye is answered too */
    while (len < count && len < CODE_BYTES - 1 &&
           ((bytes[len] >= '0' && bytes[len] <= '9') || bytes[len] == '.' ||
            (bytes[len] == ' ' && len == 3)))
        len++;
    while (len > 0 && bytes[len - 1] == ' ')
        len--;
    memcpy(state->code, bytes, len);
    state->code[len] = '\0';
    return count;
}

static int check_stopped(void *user, curl_off_t down_all, curl_off_t down, curl_off_t up_all,
                         curl_off_t up)
{
    const mail_state *state = user;

    (void)down_all;
    (void)down;
    (void)up_all;
    (void)up;
    return atomic_load(&state->client->is_stopped);
}

/* ---- a mail ---- */

/* Options that cannot fail with these arguments but for memory, which perform then reports. */
static void configure(CURL *handle, mail_state *state, const char *from, struct curl_slist *to)
{
    const mc_smtp_client *client = state->client;

    curl_easy_setopt(handle, CURLOPT_URL, client->url);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(
        handle, CURLOPT_USE_SSL,
        (long)(client->config.tls == MC_SMTP_TLS_OFF ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, (long)client->config.timeout_ms);
    /* A connection that is kept would be closed by a dialogue of its own, at a time of its own. */
    curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(handle, CURLOPT_SERVER_RESPONSE_TIMEOUT, /* also of the goodbye */
                     (long)((client->config.timeout_ms + 999) / 1000));
    if (client->ca_file)
        curl_easy_setopt(handle, CURLOPT_CAINFO, client->ca_file);
    if (client->user) {
        curl_easy_setopt(handle, CURLOPT_USERNAME, client->user);
        curl_easy_setopt(handle, CURLOPT_PASSWORD, (const char *)client->password.ptr);
    }
    curl_easy_setopt(handle, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(handle, CURLOPT_INFILESIZE_LARGE, (curl_off_t)state->rest.len);
    curl_easy_setopt(handle, CURLOPT_READFUNCTION, give_message);
    curl_easy_setopt(handle, CURLOPT_READDATA, state);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, take_answer);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, state);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, state);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, check_stopped);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, state);
}

/* A 5xx to this mail is about this mail. One to the greeting or the sign-in is about the server and
 * us, which the operator mends, and the mail waits for it. */
static bool is_final(CURLcode why, const mail_state *state, long status)
{
    bool is_of_us = status == 530 || status == 534 || status == 535 || status == 538;

    return status >= 500 && status <= 599 && !is_of_us &&
           (why == CURLE_SEND_ERROR || (why == CURLE_WEIRD_SERVER_REPLY && state->is_begun));
}

static mc_code translate(CURLcode why, const mail_state *state, long status, mc_err *err)
{
    if (is_final(why, state, status))
        return mc_fail(err, MC_REJECTED, "smtp: the server refused the mail: %s", state->code);
    switch (why) {
    case CURLE_OK:
        return MC_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return mc_fail(err, MC_TIMEOUT, "smtp: no answer in time");
    case CURLE_ABORTED_BY_CALLBACK:
        return mc_fail(err, MC_UNAVAILABLE, "smtp: this client is stopping");
    case CURLE_OUT_OF_MEMORY:
        return mc_fail(err, MC_NO_MEMORY, "smtp");
    default:
        return status >= 400
                   ? mc_fail(err, MC_UNAVAILABLE, "smtp: the server answered %s", state->code)
                   : mc_fail(err, MC_UNAVAILABLE, "smtp: %s", curl_easy_strerror(why));
    }
}

mc_code mc_smtp_client_send(mc_smtp_client *client, mc_arena *arena, mc_str from, mc_str to,
                            mc_str message, int *out_status, mc_err *err)
{
    mail_state state = {.client = client, .rest = message};
    mc_str sender = mc_str_printf(arena, "<%.*s>", MC_FMT(from));
    mc_str receiver = mc_str_printf(arena, "<%.*s>", MC_FMT(to));
    struct curl_slist *receivers;
    CURL *handle;
    long status = 0;
    mc_code rc;

    if (!mc_smtp_is_address(from) || !mc_smtp_is_address(to))
        return mc_fail(err, MC_INVALID, "smtp: this is no address");
    rc = mc__curl_load(err);
    if (rc != MC_OK)
        return rc;
    handle = curl_easy_init();
    receivers = receiver.ptr ? curl_slist_append(NULL, receiver.ptr) : NULL;
    if (handle && receivers && sender.ptr) {
        CURLcode why;

        configure(handle, &state, sender.ptr, receivers);
        why = curl_easy_perform(handle);
        (void)curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status); /* 0 when it fails */
        rc = translate(why, &state, status, err);
        if (out_status)
            *out_status = (int)status;
    } else {
        rc = mc_fail(err, MC_NO_MEMORY, "smtp");
    }
    curl_easy_cleanup(handle);
    curl_slist_free_all(receivers);
    return rc;
}

/* ---- life cycle ---- */

static mc_code check_config(const mc_smtp_client_config *config, place *out, mc_err *err)
{
    mc_code rc = parse_url(config->url, out, err);

    if (rc != MC_OK)
        return rc;
    if (!config->user.len != !config->password.len)
        return mc_fail(err, MC_INVALID, "smtp: user and password go together");
    if (config->hello.len && !is_host(config->hello))
        return mc_fail(err, MC_INVALID, "smtp: hello: want a host name");
    if (config->user.len && config->tls == MC_SMTP_TLS_OFF && !out->is_tls && !is_this_machine(out))
        return mc_fail(err, MC_INVALID, "smtp: a password goes to another machine only by TLS");
    return MC_OK;
}

static mc_code copy_password(mc_smtp_client *client, mc_str password, mc_err *err)
{
    char *z = mc_arena_alloc(client->text, password.len + 1);
    mc_code rc;

    if (!z)
        return mc_fail(err, MC_NO_MEMORY, "smtp");
    memcpy(z, password.ptr, password.len);
    z[password.len] = '\0';
    rc = mc_secret_init(&client->password, mc_str_of(z, password.len + 1), err);
    mc_wipe(z, password.len);
    return rc;
}

mc_code mc_smtp_client_new(const mc_smtp_client_config *config, mc_smtp_client **out, mc_err *err)
{
    mc_smtp_client *client;
    mc_str url = config->url;
    place server;
    mc_code rc = check_config(config, &server, err);

    if (rc != MC_OK)
        return rc;
    client = calloc(1, sizeof(*client));
    if (!client)
        return mc_fail(err, MC_NO_MEMORY, "smtp");
    client->config = *config;
    client->config.password = MC_STR("");
    if (client->config.timeout_ms <= 0)
        client->config.timeout_ms = TIMEOUT_MS;
    if (mc_str_ends_with(url, MC_STR("/")))
        url.len--;
    client->text = mc_arena_new(0);
    if (client->text) /* libcurl says in EHLO what it finds as the path */
        client->url =
            mc_str_printf(client->text, "%.*s/%.*s", MC_FMT(url), MC_FMT(config->hello)).ptr;
    if (client->text && config->user.len)
        client->user = mc_str_z(client->text, config->user);
    if (client->text && config->ca_file.len)
        client->ca_file = mc_str_z(client->text, config->ca_file);
    if (!client->url || (config->user.len && !client->user) ||
        (config->ca_file.len && !client->ca_file))
        rc = mc_fail(err, MC_NO_MEMORY, "smtp");
    if (rc == MC_OK && config->user.len)
        rc = copy_password(client, config->password, err);
    if (rc != MC_OK) {
        mc_smtp_client_free(client);
        return rc;
    }
    *out = client;
    return MC_OK;
}

void mc_smtp_client_stop(mc_smtp_client *client)
{
    if (client)
        atomic_store(&client->is_stopped, true);
}

void mc_smtp_client_free(mc_smtp_client *client)
{
    if (!client)
        return;
    mc_secret_deinit(&client->password);
    mc_arena_free(client->text);
    free(client);
}
