/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/server/server_internal.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 4096

/* "127.0.0.1:3000", "[::1]:0": addresses, not names, so that what is bound is what was written. */
static mc_code split(mc_str address, char host[64], char port[16], mc_err *err)
{
    size_t colon = address.len;
    mc_str name, number;
    uint32_t value;

    while (colon > 0 && address.ptr[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return mc_fail(err, MC_INVALID, "listen: want ADDRESS:PORT, as 127.0.0.1:3000");
    name = mc_str_slice(address, 0, colon - 1);
    number = mc_str_slice(address, colon, address.len);
    if (name.len > 2 && name.ptr[0] == '[' && name.ptr[name.len - 1] == ']')
        name = mc_str_slice(name, 1, name.len - 1);
    if (name.len == 0 || name.len >= 64 || !mc_str_u32(number, 0, 65535, &value))
        return mc_fail(err, MC_INVALID, "listen: want ADDRESS:PORT, as 127.0.0.1:3000");
    (void)snprintf(host, 64, "%.*s", MC_FMT(name)); /* both fit: checked */
    (void)snprintf(port, 16, "%u", value);
    return MC_OK;
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage own;
    socklen_t len = sizeof(own);
    uint16_t port = 0;

    if (getsockname(fd, (struct sockaddr *)&own, &len) == 0) {
        if (own.ss_family == AF_INET6)
            port = ((struct sockaddr_in6 *)&own)->sin6_port;
        else
            port = ((struct sockaddr_in *)&own)->sin_port;
    }
    return ntohs(port);
}

static mc_code bind_and_listen(int fd, const struct sockaddr *address, socklen_t len, mc_str shown,
                               mc_err *err)
{
    if (bind(fd, address, len) == 0 && listen(fd, BACKLOG) == 0)
        return MC_OK;
    return mc_fail_errno(err, MC_UNAVAILABLE, errno, "listen: %.*s", MC_FMT(shown));
}

mc_code mc__listen_tcp(mc_str address, unsigned *port, int *out_fd, mc_err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE};
    struct addrinfo *info = NULL;
    char host[64], service[16];
    int fd, on = 1;
    mc_code rc = split(address, host, service, err);

    if (rc != MC_OK)
        return rc;
    if (*port != 0)
        (void)snprintf(service, sizeof(service), "%u", *port); /* at most 65535 */
    if (getaddrinfo(host, service, &hints, &info) != 0)
        return mc_fail(err, MC_INVALID, "listen: %s is no IP address", host);
    fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        freeaddrinfo(info);
        return mc_fail_errno(err, MC_LIMIT, errno, "listen: socket");
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    /* Each loop has a listener of its own, and the kernel spreads connections over them. The first
     * binds without the option, so that a server that is there already is not joined by accident;
     * the option is set after that, for the ones that follow. */
    if (*port != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    rc = bind_and_listen(fd, info->ai_addr, info->ai_addrlen, address, err);
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (rc == MC_OK && *port == 0)
        *port = port_of(fd);
    freeaddrinfo(info);
    if (rc != MC_OK) {
        (void)close(fd);
        return rc;
    }
    *out_fd = fd;
    return MC_OK;
}

mc_code mc__listen_unix(mc_str path, int *out_fd, mc_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t mask;
    mc_code rc;
    int fd;

    if (path.len >= sizeof(address.sun_path))
        return mc_fail(err, MC_INVALID, "listen: the socket's path is longer than %zu bytes",
                       sizeof(address.sun_path) - 1);
    memcpy(address.sun_path, path.ptr, path.len);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return mc_fail_errno(err, MC_LIMIT, errno, "listen: socket");
    (void)unlink(address.sun_path); /* of a process that ended without cleaning up */
    mask = umask(0177);             /* made with mode 0600, never wider */
    rc = bind_and_listen(fd, (struct sockaddr *)&address, sizeof(address), path, err);
    (void)umask(mask);
    if (rc != MC_OK) {
        (void)close(fd);
        return rc;
    }
    *out_fd = fd;
    return MC_OK;
}
