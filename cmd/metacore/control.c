/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

#include "metacore/base/buf.h"
#include "metacore/base/json.h"
#include "metacore/host/admin.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX ((size_t)16 << 20)
#define READ_STEP 65536

static mc_code connect_to(const char *path, int *out_fd, mc_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd;

    if (strlen(path) >= sizeof(address.sun_path))
        return MC_NOT_FOUND; /* a server could not have bound it either */
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return mc_fail_errno(err, MC_IO, errno, "control socket");
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int why = errno;

        (void)close(fd); /* never connected */
        if (why == ENOENT || why == ECONNREFUSED)
            return MC_NOT_FOUND;
        return mc_fail_errno(err, MC_IO, why, "control socket %s", path);
    }
    *out_fd = fd;
    return MC_OK;
}

static mc_code send_request(int fd, mc_arena *arena, mc_str request, mc_err *err)
{
    mc_buf out;
    size_t sent = 0;
    mc_code rc;

    mc_buf_init_arena(&out, arena, 0);
    mc_buf_printf(&out,
                  "POST " MC_ADMIN_PATH " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                  "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                  request.len);
    mc_buf_str(&out, request);
    rc = mc_buf_check(&out, "control request", err);
    while (rc == MC_OK && sent < out.len) {
        ssize_t n = send(fd, out.ptr + sent, out.len - sent, MSG_NOSIGNAL);

        if (n < 0)
            return mc_fail_errno(err, MC_IO, errno, "control socket");
        sent += (size_t)n;
    }
    return rc;
}

/* The server closes after its answer, so the end of the stream is the end of the body. */
static mc_code read_answer(int fd, mc_arena *arena, mc_str *out, mc_err *err)
{
    mc_buf in;
    ssize_t n;

    mc_buf_init_arena(&in, arena, ANSWER_MAX);
    do {
        char *room = mc_buf_reserve(&in, READ_STEP);

        if (!room)
            return mc_buf_check(&in, "control answer", err);
        n = read(fd, room, READ_STEP);
        if (n < 0)
            return mc_fail_errno(err, MC_IO, errno, "control socket");
        mc_buf_commit(&in, (size_t)n);
    } while (n > 0);
    *out = mc_buf_get(&in);
    return MC_OK;
}

/* {"data":…,"success":true} or {"message":…,"success":false} */
static mc_code read_envelope(mc_arena *arena, mc_str answer, mc_str *out, mc_err *err)
{
    size_t head = mc_str_find(answer, MC_STR("\r\n\r\n"));
    const mc_json *envelope;
    mc_str message = MC_STR("no answer");
    bool is_success = false;
    mc_buf data;
    mc_code rc;

    if (head == answer.len)
        return mc_fail(err, MC_IO, "control socket: the server closed without an answer");
    rc = mc_json_parse(arena, mc_str_slice(answer, head + 4, answer.len), NULL, &envelope, err);
    if (rc != MC_OK)
        return rc;
    (void)mc_json_get_bool(mc_json_find(envelope, MC_STR("success")), &is_success);
    (void)mc_json_get_str(mc_json_find(envelope, MC_STR("message")), &message);
    if (!is_success)
        return mc_fail(err, MC_REJECTED, "%.*s", MC_FMT(message));
    mc_buf_init_arena(&data, arena, 0);
    mc_json_write(&data, mc_json_find(envelope, MC_STR("data")));
    *out = mc_buf_get(&data);
    return mc_buf_check(&data, "control answer", err);
}

mc_code control_call(mc_arena *arena, const char *socket_path, mc_str request, mc_str *out,
                     mc_err *err)
{
    mc_str answer = MC_STR("");
    int fd = -1;
    mc_code rc = connect_to(socket_path, &fd, err);

    if (rc != MC_OK)
        return rc;
    rc = send_request(fd, arena, request, err);
    if (rc == MC_OK)
        rc = read_answer(fd, arena, &answer, err);
    (void)close(fd); /* everything was read */
    return rc == MC_OK ? read_envelope(arena, answer, out, err) : rc;
}
