/* SPDX-License-Identifier: Apache-2.0 */
#include "mc_mailbox.h"

#include "mc_certificate.h"
#include "mc_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 50
#define LINE_MAX_BYTES 4096
#define DATA_MAX ((size_t)8 << 20)
#define DATA_LINE_MAX 998 /* RFC 5321, 4.5.3.1.6, without CRLF */

typedef struct session {
    mc_mailbox *self;
    int fd;
    SSL *ssl;
    char room[4096]; /* what was read and not yet looked at */
    size_t at, len;
    mc_mail_received mail;
} session;

static bool is_stopping(mc_mailbox *self)
{
    bool is;

    mc_mutex_lock(&self->mu);
    is = self->is_stopping;
    mc_mutex_unlock(&self->mu);
    return is;
}

static void fault(mc_mailbox *self)
{
    mc_mutex_lock(&self->mu);
    self->faults++;
    mc_mutex_unlock(&self->mu);
}

/* ---- bytes ---- */

static bool fill(session *s)
{
    struct pollfd p = {.fd = s->fd, .events = POLLIN};

    while (!is_stopping(s->self)) {
        ssize_t got;

        if (!(s->ssl && SSL_pending(s->ssl) > 0) && poll(&p, 1, POLL_MS) <= 0)
            continue;
        got = s->ssl ? SSL_read(s->ssl, s->room, sizeof(s->room))
                     : recv(s->fd, s->room, sizeof(s->room), 0);
        s->at = 0;
        s->len = got > 0 ? (size_t)got : 0;
        return got > 0;
    }
    return false;
}

/* A line with its end; false when the other has gone. */
static bool read_line(session *s, char *out, size_t size, size_t *out_len)
{
    size_t len = 0;

    while (len < size - 1) {
        if (s->at == s->len && !fill(s))
            return false;
        out[len++] = s->room[s->at++];
        if (out[len - 1] == '\n')
            break;
    }
    out[len] = '\0';
    *out_len = len;
    if (len < 2 || out[len - 2] != '\r' || memchr(out, '\r', len - 2) || memchr(out, '\0', len))
        fault(s->self);
    return true;
}

static bool say(session *s, const char *line)
{
    char text[512];
    int len = snprintf(text, sizeof(text), "%s\r\n", line);

    if (s->ssl)
        return SSL_write(s->ssl, text, len) == len;
    return send(s->fd, text, (size_t)len, MSG_NOSIGNAL) == len;
}

/* What was decided, or the usual; false: the connection ends. *out_good: a 2xx or 3xx was said. */
static bool react(session *s, const char *step, const char *arg, const char *usual, bool *out_good)
{
    mc_mailbox *self = s->self;
    mc_mailbox_reaction r = {NULL, false, false};

    if (self->decide)
        r = self->decide(self->user, step, arg);
    if (r.is_hanging) {
        while (fill(s))
            ; /* until the other has enough of it */
    }
    if (r.is_hanging || r.is_closing)
        return false;
    if (!r.answer)
        r.answer = usual;
    *out_good = r.answer[0] == '2' || r.answer[0] == '3';
    return say(s, r.answer);
}

/* ---- commands ---- */

static bool upgrade(session *s)
{
    s->ssl = SSL_new(s->self->ssl);
    if (!s->ssl || SSL_set_fd(s->ssl, s->fd) != 1 || SSL_accept(s->ssl) != 1)
        return false;
    s->mail.is_tls = true;
    s->at = s->len = 0; /* RFC 3207: what was said before does not count */
    return true;
}

static bool greet_client(session *s, const char *line)
{
    mc_mailbox *self = s->self;
    bool is_good = false;

    (void)snprintf(s->mail.hello, sizeof(s->mail.hello), "%.255s", line + strlen("EHLO "));
    if (self->decide) {
        mc_mailbox_reaction r = self->decide(self->user, "EHLO", line);

        if (r.answer || r.is_closing || r.is_hanging)
            return react(s, "EHLO", line, "", &is_good);
    }
    if (self->offers_tls && !s->ssl && !say(s, "250-STARTTLS"))
        return false;
    if (self->offers_auth && !say(s, "250-AUTH PLAIN"))
        return false;
    return say(s, "250-8BITMIME") && say(s, "250 SIZE 10000000");
}

static void keep_credentials(session *s, const char *base64)
{
    unsigned char plain[256] = {0};
    int len = strlen(base64) < 300
                  ? EVP_DecodeBlock(plain, (const unsigned char *)base64, (int)strlen(base64))
                  : -1;

    if (len <= 0)
        return;
    /* authorization NUL user NUL password */
    (void)snprintf(s->mail.credentials, sizeof(s->mail.credentials), "%s:%s", (char *)plain + 1,
                   (char *)plain + 2 + strlen((char *)plain + 1));
}

static bool authenticate(session *s, char *line)
{
    char answer[LINE_MAX_BYTES];
    const char *given = strlen(line) > 11 ? line + 11 : "";
    bool is_good = false;
    size_t len;

    if (!*given) {
        if (!say(s, "334 ") || !read_line(s, answer, sizeof(answer), &len))
            return false;
        answer[strcspn(answer, "\r\n")] = '\0';
        given = answer;
    }
    keep_credentials(s, given);
    return react(s, "AUTH", line, "235 2.7.0 welcome", &is_good);
}

static bool keep_path(char *out, size_t size, const char *line)
{
    const char *from = strchr(line, '<'), *to = from ? strchr(from, '>') : NULL;

    if (!from || !to)
        return false;
    (void)snprintf(out, size, "%.*s", (int)(to - from - 1), from + 1);
    return true;
}

/* ---- data ---- */

typedef struct text {
    char *bytes;
    size_t len;
} text;

static bool append(text *t, const char *bytes, size_t len)
{
    char *grown = t->len + len < DATA_MAX ? realloc(t->bytes, t->len + len + 1) : NULL;

    if (!grown)
        return false;
    memcpy(grown + t->len, bytes, len);
    t->bytes = grown;
    t->len += len;
    t->bytes[t->len] = '\0';
    return true;
}

static void keep_mail(session *s, text *raw, text *data)
{
    mc_mailbox *self = s->self;

    s->mail.raw = raw->bytes;
    s->mail.data = data->bytes;
    s->mail.data_len = data->len;
    mc_mutex_lock(&self->mu);
    if (self->count < MC_MAILS_MAX) {
        self->all[self->count++] = s->mail;
        raw->bytes = data->bytes = NULL;
    }
    mc_mutex_unlock(&self->mu);
    s->mail.raw = s->mail.data = NULL;
}

static bool read_data(session *s, text *raw, text *data)
{
    char line[LINE_MAX_BYTES];
    size_t len;

    while (read_line(s, line, sizeof(line), &len)) {
        size_t dot = line[0] == '.';

        if (strcmp(line, ".\r\n") == 0)
            return true;
        if (len - dot > DATA_LINE_MAX + 2)
            fault(s->self);
        if (!append(raw, line, len) || !append(data, line + dot, len - dot))
            return false;
    }
    return false;
}

static bool take_data(session *s)
{
    text raw = {NULL, 0}, data = {NULL, 0};
    mc_mailbox_reaction r = {NULL, false, false};
    bool is_good = false, goes_on;

    if (!react(s, "DATA", "DATA", "354 go on", &is_good))
        return false;
    if (!is_good)
        return true;
    if (s->self->decide)
        r = s->self->decide(s->self->user, "BODY", "");
    if (r.is_closing)
        return false;
    goes_on = read_data(s, &raw, &data) && react(s, "END", ".", "250 2.0.0 taken", &is_good);
    if (goes_on && is_good)
        keep_mail(s, &raw, &data);
    free(raw.bytes);
    free(data.bytes);
    return goes_on;
}

/* ---- a session ---- */

typedef enum stage { NEW, GREETED, SENDER, RECEIVER } stage;

static bool take_envelope(session *s, char *line, stage *at)
{
    bool is_mail = strncasecmp(line, "MAIL FROM:", 10) == 0, is_good = false;
    stage wanted = is_mail ? GREETED : SENDER;

    if (*at != wanted && !(*at == RECEIVER && !is_mail)) {
        fault(s->self);
        return say(s, "503 5.5.1 not now");
    }
    if (!keep_path(is_mail ? s->mail.from : s->mail.to, sizeof(s->mail.to), line))
        fault(s->self);
    if (!react(s, is_mail ? "MAIL" : "RCPT", line, "250 2.1.0 fine", &is_good))
        return false;
    if (is_good)
        *at = is_mail ? SENDER : RECEIVER;
    return true;
}

static bool take_command(session *s, char *line, stage *at)
{
    bool is_good = false;

    if (strncasecmp(line, "EHLO ", 5) == 0) {
        *at = GREETED;
        return greet_client(s, line);
    }
    if (strcasecmp(line, "STARTTLS") == 0 && s->self->offers_tls && !s->ssl) {
        *at = NEW;
        return react(s, "STARTTLS", line, "220 2.0.0 begin", &is_good) && (!is_good || upgrade(s));
    }
    if (strncasecmp(line, "AUTH PLAIN", 10) == 0 && s->self->offers_auth && *at == GREETED)
        return authenticate(s, line);
    if (strncasecmp(line, "MAIL FROM:", 10) == 0 || strncasecmp(line, "RCPT TO:", 8) == 0)
        return take_envelope(s, line, at);
    if (strcasecmp(line, "DATA") == 0 && *at == RECEIVER) {
        *at = GREETED;
        return take_data(s);
    }
    if (strcasecmp(line, "QUIT") == 0) {
        (void)react(s, "QUIT", line, "221 2.0.0 bye", &is_good);
        return false;
    }
    fault(s->self);
    return say(s, "503 5.5.1 not now");
}

static void *serve(void *user)
{
    session *s = user;
    char line[LINE_MAX_BYTES];
    stage at = NEW;
    bool is_good = false, goes_on;
    size_t len;

    goes_on = (!s->self->is_tls || upgrade(s)) &&
              react(s, "CONNECT", "", "220 mail.example.test ready", &is_good);
    while (goes_on && read_line(s, line, sizeof(line), &len)) {
        line[strcspn(line, "\r\n")] = '\0';
        goes_on = take_command(s, line, &at);
    }
    SSL_free(s->ssl);
    (void)close(s->fd);
    mc_mutex_lock(&s->self->mu);
    s->self->connections--;
    mc_mutex_unlock(&s->self->mu);
    free(s);
    return NULL;
}

static void *accept_all(void *user)
{
    mc_mailbox *self = user;
    struct pollfd p = {.fd = self->fd, .events = POLLIN};

    while (!is_stopping(self)) {
        session *s;
        pthread_t thread;
        int fd = poll(&p, 1, POLL_MS) > 0 ? accept(self->fd, NULL, NULL) : -1;

        if (fd < 0)
            continue;
        s = calloc(1, sizeof(*s));
        if (!s) {
            (void)close(fd);
            continue;
        }
        s->self = self;
        s->fd = fd;
        mc_mutex_lock(&self->mu);
        self->connections++;
        mc_mutex_unlock(&self->mu);
        if (pthread_create(&thread, NULL, serve, s) == 0)
            (void)pthread_detach(thread);
    }
    return NULL;
}

/* ---- life cycle ---- */

static bool make_tls(mc_mailbox *self)
{
    const char *dir = mc_test_dir();

    (void)snprintf(self->cert_file, sizeof(self->cert_file), "%s/cert.pem", dir);
    (void)snprintf(self->key_file, sizeof(self->key_file), "%s/key.pem", dir);
    self->ssl = SSL_CTX_new(TLS_server_method());
    return self->ssl && mc_certificate_write(self->cert_file, self->key_file) &&
           SSL_CTX_use_certificate_chain_file(self->ssl, self->cert_file) == 1 &&
           SSL_CTX_use_PrivateKey_file(self->ssl, self->key_file, SSL_FILETYPE_PEM) == 1;
}

bool mc_mailbox_start(mc_mailbox *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);

    (void)signal(SIGPIPE, SIG_IGN); /* TLS writes to who has gone without asking */
    mc_mutex_init(&self->mu);
    self->all = calloc(MC_MAILS_MAX, sizeof(*self->all));
    self->count = self->faults = self->connections = 0;
    self->is_stopping = false;
    if (!self->all || ((self->offers_tls || self->is_tls) && !make_tls(self)))
        return false;
    self->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (self->fd < 0 || bind(self->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(self->fd, 128) != 0 ||
        getsockname(self->fd, (struct sockaddr *)&address, &size) != 0)
        return false;
    self->port = ntohs(address.sin_port);
    return pthread_create(&self->acceptor, NULL, accept_all, self) == 0;
}

static bool has_connections(mc_mailbox *self)
{
    bool has;

    mc_mutex_lock(&self->mu);
    has = self->connections > 0;
    mc_mutex_unlock(&self->mu);
    return has;
}

static void nap(void)
{
    struct timespec wait = {0, 5 * 1000000L};

    (void)nanosleep(&wait, NULL); /* shorter is fine */
}

void mc_mailbox_stop(mc_mailbox *self)
{
    mc_mutex_lock(&self->mu);
    self->is_stopping = true;
    mc_mutex_unlock(&self->mu);
    (void)pthread_join(self->acceptor, NULL);
    while (has_connections(self))
        nap();
    (void)close(self->fd);
    SSL_CTX_free(self->ssl);
    self->ssl = NULL;
    for (size_t i = 0; i < self->count; i++) {
        free(self->all[i].data);
        free(self->all[i].raw);
    }
    free(self->all);
    mc_mutex_deinit(&self->mu);
}

/* ---- what came ---- */

size_t mc_mailbox_count(mc_mailbox *self)
{
    size_t count;

    mc_mutex_lock(&self->mu);
    count = self->count;
    mc_mutex_unlock(&self->mu);
    return count;
}

unsigned mc_mailbox_faults(mc_mailbox *self)
{
    unsigned faults;

    mc_mutex_lock(&self->mu);
    faults = self->faults;
    mc_mutex_unlock(&self->mu);
    return faults;
}

const mc_mail_received *mc_mailbox_get(mc_mailbox *self, const char *to, size_t n)
{
    const mc_mail_received *found = NULL;

    mc_mutex_lock(&self->mu);
    for (size_t i = 0; i < self->count && !found; i++) {
        if (to && strcmp(self->all[i].to, to) != 0)
            continue;
        if (n-- == 0)
            found = &self->all[i];
    }
    mc_mutex_unlock(&self->mu);
    return found;
}

bool mc_mailbox_wait(mc_mailbox *self, const char *to, size_t count, int timeout_ms)
{
    for (int waited = 0; !mc_mailbox_get(self, to, count - 1); waited += 5) {
        if (waited > timeout_ms)
            return false;
        nap();
    }
    return true;
}

mc_str mc_mail_header(const mc_mail_received *mail, const char *name, char *out, size_t size)
{
    const char *end = strstr(mail->data, "\r\n\r\n"), *at = mail->data;
    size_t len = strlen(name), written = 0;

    while (at && end && at < end + 2) {
        const char *next = strstr(at, "\r\n") + 2;

        if (strncasecmp(at, name, len) == 0 && at[len] == ':') {
            const char *from = at + len + 1;

            while (*next == ' ' || *next == '\t')
                next = strstr(next, "\r\n") + 2;
            for (; from < next && written < size - 1; from++) {
                if (*from != '\r' && *from != '\n')
                    out[written++] = *from;
            }
            break;
        }
        at = next;
    }
    return mc_str_trim(mc_str_of(out, written));
}
