/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies that the server has put into a file. */
#include "metacore/httpx/httpx_internal.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

mc_code mc_http_body_open(const mc_http_req *req, mc_http_body *out, mc_err *err)
{
    const mc_message *m = req->message;
    void *map;

    if (!m->is_body_in_file || m->body_size == 0) {
        *out = (mc_http_body){.text = m->body};
        return MC_OK;
    }
    if (m->body_size > SIZE_MAX)
        return mc_fail(err, MC_TOO_LARGE, "the body is too large");
    /* The file has no name and is whole: nobody can shorten it under the mapping. */
    map = mmap(NULL, (size_t)m->body_size, PROT_READ, MAP_SHARED, m->body_fd, 0);
    if (map == MAP_FAILED)
        return mc_fail_errno(err, MC_IO, errno, "body");
    (void)madvise(map, (size_t)m->body_size, MADV_SEQUENTIAL); /* a hint */
    *out = (mc_http_body){.text = mc_str_of(map, (size_t)m->body_size), .map = map};
    return MC_OK;
}

void mc_http_body_forget(const mc_http_body *body, size_t offset)
{
    long page = sysconf(_SC_PAGESIZE);
    size_t whole = page > 0 ? offset - offset % (size_t)page : 0;

    if (body->map && whole > 0)
        (void)madvise(body->map, whole, MADV_DONTNEED); /* read again from the file when asked */
}

void mc_http_body_close(mc_http_body *body)
{
    if (body->map)
        (void)munmap(body->map, body->text.len);
    *body = (mc_http_body){.map = NULL};
}
