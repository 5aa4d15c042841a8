/* SPDX-License-Identifier: Apache-2.0 */
#include "workshop.h"

#include "mc_test.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool workshop_open(workshop *w)
{
    static const char *const args[] = {"--dev",    "--log-level",        "error",
                                       "--addons", MC_TEST_WORKSHOP_DIR, NULL};

    if (!mc_process_start(&w->process, mc_test_dir(), args))
        return false;
    mc_client_init(&w->mine, w->process.port);
    mc_client_init(&w->theirs, w->process.port);
    return mc_client_register(&w->mine, "Mine", "me@example.com", "my-own-password") == 201 &&
           mc_client_register(&w->theirs, "Theirs", "them@example.com", "their-password") == 201;
}

void workshop_close(workshop *w)
{
    mc_client_deinit(&w->mine);
    mc_client_deinit(&w->theirs);
    MC_EXPECT_EQ(mc_process_stop(&w->process, SIGTERM), 0);
}

static bool run(const char *const *args, const char *input)
{
    char out[4096];
    int status = mc_process_run(args, input, out, sizeof(out));

    if (status != 0)
        fprintf(stderr, "%s\n", out);
    return status == 0;
}

/* Static text, good until the next call. */
static const char *org_of_mine(workshop *w)
{
    static char org[40];

    MC_EXPECT_EQ(mc_client_call(&w->mine, "GET", "/api/auth/me", NULL), 200);
    (void)snprintf(org, sizeof(org), "%.*s", MC_FMT(mc_client_field(&w->mine, "organization_id")));
    return org;
}

bool workshop_agent(workshop *w, mc_client *client)
{
    const char *const args[] = {"user",
                                "create",
                                "--data",
                                w->process.data,
                                "--email",
                                "agent@example.com",
                                "--password-stdin",
                                "--org",
                                org_of_mine(w),
                                "--role",
                                "agent",
                                NULL};

    mc_client_init(client, w->process.port);
    return run(args, "agent-password\n") &&
           mc_client_sign_in(client, "agent@example.com", "agent-password") == 200;
}

static bool change_grant(workshop *w, const char *verb, const char *capability)
{
    const char *const args[] = {"grant",        verb,           "--data", w->process.data,
                                "--org",        org_of_mine(w), "--role", "agent",
                                "--capability", capability,     NULL};

    return run(args, NULL);
}

bool workshop_grant(workshop *w, const char *capability)
{
    return change_grant(w, "add", capability);
}

bool workshop_revoke(workshop *w, const char *capability)
{
    return change_grant(w, "remove", capability);
}

bool workshop_make(mc_client *client, const char *model, const char *body, char out_id[40])
{
    MC_EXPECT_EQ(mc_client_call(client, "POST", text_of("/api/dynamic/%s", model), body), 201);
    if (client->status != 201)
        fprintf(stderr, "%.*s\n", MC_FMT(client->body));
    (void)snprintf(out_id, 40, "%.*s", MC_FMT(mc_client_field(client, "id"))); /* a UUID fits */
    return client->status == 201;
}

static char *next_text(void)
{
    static char texts[8][4096];
    static unsigned at;

    return texts[at++ % MC_LEN(texts)];
}

const char *text_of(const char *format, ...)
{
    char *text = next_text();
    va_list args;

    va_start(args, format);
    MC_EXPECT(vsnprintf(text, 4096, format, args) < 4096);
    va_end(args);
    return text;
}

const char *tag_header(const mc_client *client, const char *name)
{
    size_t at = mc_str_find(client->head, MC_STR("ETag: "));

    MC_EXPECT(at < client->head.len);
    if (at == client->head.len)
        return "";
    at += sizeof("ETag: ") - 1;
    return text_of("%s: %.*s\r\n", name, (int)strcspn(client->head.ptr + at, "\r"),
                   client->head.ptr + at);
}

int call_if(mc_client *client, const char *method, const char *path, const char *body,
            const char *header)
{
    return mc_client_call_type(client, method, path, body ? "application/json" : NULL,
                               body ? mc_z(body) : MC_STR(""), header);
}
