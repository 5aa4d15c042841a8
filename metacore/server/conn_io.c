/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes in and out of a connection, plain or TLS. */
#include "metacore/server/server_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>

static ssize_t tls_result(mc__conn *conn, int rc)
{
    switch (SSL_get_error(conn->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        mc__conn_set_interest(conn, true, conn->is_flushing);
        errno = EAGAIN;
        return -1;
    case SSL_ERROR_WANT_WRITE:
        mc__conn_set_interest(conn, conn->is_reading, true);
        errno = EAGAIN;
        return -1;
    default:
        ERR_clear_error(); /* the queue is per thread: the next connection must not see it */
        return 0;
    }
}

ssize_t mc__conn_read(mc__conn *conn, char *out, size_t size)
{
    ssize_t n;

    if (conn->ssl) {
        int rc = SSL_read(conn->ssl, out, (int)size);

        n = rc > 0 ? rc : tls_result(conn, rc);
    } else {
        n = recv(conn->source.fd, out, size, 0);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            n = 0;
    }
    if (n > 0)
        atomic_fetch_add_explicit(&conn->loop->server->bytes_in, (unsigned long long)n,
                                  memory_order_relaxed);
    return n;
}

/* As many parts as fit one record are joined into one; a first part that does not fit goes alone.
 */
static ssize_t tls_write(mc__conn *conn, const struct iovec *iov, int count)
{
    char joined[MC__TLS_JOIN_BYTES];
    const char *ptr;
    size_t len;
    int rc, first = 0;

    while (first < count - 1 && iov[first].iov_len == 0)
        first++;
    ptr = iov[first].iov_base;
    len = iov[first].iov_len;
    if (first < count - 1 && len + iov[first + 1].iov_len <= sizeof(joined)) {
        len = 0;
        for (int i = first; i < count && len + iov[i].iov_len <= sizeof(joined); i++) {
            if (iov[i].iov_len)
                memcpy(joined + len, iov[i].iov_base, iov[i].iov_len);
            len += iov[i].iov_len;
        }
        ptr = joined;
    }
    rc = SSL_write(conn->ssl, ptr, (int)(len < INT32_MAX ? len : INT32_MAX));
    return rc > 0 ? rc : tls_result(conn, rc);
}

ssize_t mc__conn_write(mc__conn *conn, struct iovec *iov, int count)
{
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)count};
    ssize_t n;

    if (conn->ssl) {
        n = tls_write(conn, iov, count);
    } else {
        n = sendmsg(conn->source.fd, &message, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            n = 0;
    }
    if (n > 0)
        atomic_fetch_add_explicit(&conn->loop->server->bytes_out, (unsigned long long)n,
                                  memory_order_relaxed);
    return n;
}

int mc__conn_handshake(mc__conn *conn)
{
    int rc = SSL_do_handshake(conn->ssl);

    if (rc == 1)
        return 1;
    return tls_result(conn, rc) < 0 ? 0 : -1;
}
