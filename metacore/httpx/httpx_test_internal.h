/* SPDX-License-Identifier: Apache-2.0 */
#ifndef METACORE_HTTPX_HTTPX_TEST_INTERNAL_H
#define METACORE_HTTPX_HTTPX_TEST_INTERNAL_H

/* A request without a socket, for the tests of this folder. */

#include "metacore/httpx/httpx.h"

#include "mc_test.h"

#define FAKE_HEADERS_MAX 8

typedef struct fake {
    mc_arena *arena;
    mc_message message;
    mc_header headers[FAKE_HEADERS_MAX];
    mc_http_req req;
    mc_http_res res;
    mc_err err;
} fake;

static inline void fake_open(fake *f, const char *method, const char *path, const char *query)
{
    memset(f, 0, sizeof(*f));
    f->arena = mc_arena_new(0);
    f->message.method = mc_z(method);
    f->message.path = mc_z(path);
    f->message.query = mc_z(query);
    f->message.headers = f->headers;
    mc_http_req_init(&f->req, &f->message, f->arena);
    mc_http_res_init(&f->res, f->arena);
}

static inline void fake_header(fake *f, const char *name, const char *value)
{
    f->headers[f->message.header_count++] = (mc_header){mc_z(name), mc_z(value)};
}

static inline mc_str fake_body(const fake *f)
{
    return mc_http_res_answer(&f->res).body;
}

static inline void fake_close(fake *f)
{
    mc_arena_free(f->arena);
}

#endif
