/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/runtime/wasm/wasm_process_internal.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

typedef union control {
    struct cmsghdr head; /* aligns it */
    char room[CMSG_SPACE(sizeof(int) * MC__WASM_WIRE_FDS)];
} control;

bool mc__wasm_wire_send(int fd, const mc__wasm_wire *message, const int *fds, size_t count)
{
    struct iovec io = {(void *)message, sizeof(*message)};
    control c = {0};
    struct msghdr head = {.msg_iov = &io, .msg_iovlen = 1};
    ssize_t n;

    if (count > 0) {
        struct cmsghdr *at;

        head.msg_control = c.room;
        head.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        at = CMSG_FIRSTHDR(&head);
        at->cmsg_level = SOL_SOCKET;
        at->cmsg_type = SCM_RIGHTS;
        at->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(at), fds, sizeof(int) * count);
    }
    do
        n = sendmsg(fd, &head, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(*message);
}

bool mc__wasm_wire_receive(int fd, mc__wasm_wire *message, int fds[MC__WASM_WIRE_FDS])
{
    struct iovec io = {message, sizeof(*message)};
    control c = {0};
    struct msghdr head = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = c.room, .msg_controllen = sizeof(c.room)};
    struct cmsghdr *at;
    ssize_t n;

    for (size_t i = 0; i < MC__WASM_WIRE_FDS; i++)
        fds[i] = -1;
    do
        n = recvmsg(fd, &head, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    at = n > 0 ? CMSG_FIRSTHDR(&head) : NULL;
    if (at && at->cmsg_level == SOL_SOCKET && at->cmsg_type == SCM_RIGHTS)
        memcpy(fds, CMSG_DATA(at), at->cmsg_len - CMSG_LEN(0));
    message->why[sizeof(message->why) - 1] = '\0';
    return n == (ssize_t)sizeof(*message);
}
