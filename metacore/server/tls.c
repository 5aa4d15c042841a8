/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/server/server_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>

/* ---- a BIO over a socket that never raises SIGPIPE: a library must not change signals ---- */

static int bio_write(BIO *bio, const char *data, int len)
{
    ssize_t n = send((int)(intptr_t)BIO_get_data(bio), data, (size_t)len, MSG_NOSIGNAL);

    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)n;
}

static int bio_read(BIO *bio, char *data, int len)
{
    ssize_t n = recv((int)(intptr_t)BIO_get_data(bio), data, (size_t)len, 0);

    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long larg, void *parg)
{
    (void)bio;
    (void)larg;
    (void)parg;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *mc__tls_bio_method(void)
{
    BIO_METHOD *method =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "metacore socket");

    if (method && BIO_meth_set_write(method, bio_write) && BIO_meth_set_read(method, bio_read) &&
        BIO_meth_set_ctrl(method, bio_ctrl))
        return method;
    BIO_meth_free(method);
    return NULL;
}

/* ---- contexts ---- */

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *user)
{
    static const unsigned char ours[] = "\x08http/1.1";

    (void)ssl;
    (void)user;
    if (SSL_select_next_proto((unsigned char **)out, out_len, ours, sizeof(ours) - 1, in, in_len) ==
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_OK;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static mc_code fail(const char *what, mc_err *err)
{
    char why[120];

    ERR_error_string_n(ERR_get_error(), why, sizeof(why));
    ERR_clear_error();
    return mc_fail(err, MC_INVALID, "tls: %s: %s", what, why);
}

mc_code mc__tls_new(struct mc_server *server, SSL_CTX **out, mc_err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    char *cert = mc_str_z(server->text, server->config.tls_cert_file);
    char *key = mc_str_z(server->text, server->config.tls_key_file);
    mc_code rc = MC_OK;

    if (!ctx || !cert || !key) {
        SSL_CTX_free(ctx);
        return mc_fail(err, MC_NO_MEMORY, "tls");
    }
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE |
                                       SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"metacore", 8);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        rc = fail("certificate", err);
    else if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        rc = fail("private key", err);
    else if (SSL_CTX_check_private_key(ctx) != 1)
        rc = fail("the key is not the certificate's", err);
    if (rc != MC_OK) {
        SSL_CTX_free(ctx);
        return rc;
    }
    *out = ctx;
    return MC_OK;
}

void mc__tls_retire(struct mc_server *server, SSL_CTX *old)
{
    SSL_CTX **grown = realloc(server->retired, (server->retired_count + 1) * sizeof(*grown));

    if (!grown)
        return;
    server->retired = grown;
    server->retired[server->retired_count++] = old;
}

mc_code mc__tls_attach(struct mc_server *server, mc__conn *conn)
{
    SSL *ssl = SSL_new(atomic_load(&server->tls));
    BIO *bio = BIO_new(server->bio_method);

    if (!ssl || !bio) {
        SSL_free(ssl);
        (void)BIO_free(bio);
        return MC_NO_MEMORY;
    }
    BIO_set_data(bio, (void *)(intptr_t)conn->source.fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    conn->ssl = ssl;
    return MC_OK;
}
