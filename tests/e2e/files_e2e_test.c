/* SPDX-License-Identifier: Apache-2.0 */
/* What people upload, and who gets it back. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOUNDARY "multipart/form-data; boundary=xx"
#define PNG "\x89PNG\r\n\x1a\n0123456789"

static bool setup(mc_process *process, mc_client *client)
{
    static const char *const args[] = {"--dev", "--log-level", "error", NULL};

    if (!mc_process_start(process, mc_test_dir(), args))
        return false;
    mc_client_init(client, process->port);
    return mc_client_sign_in(client, "owner@example.com", "metacore-demo") == 200;
}

static void teardown(mc_process *process, mc_client *client)
{
    mc_client_deinit(client);
    MC_EXPECT_EQ(mc_process_stop(process, SIGTERM), 0);
}

static int upload(mc_client *client, const char *name, mc_str bytes)
{
    char *body = malloc(bytes.len + 600);
    int len =
        snprintf(body, 500,
                 "--xx\r\nContent-Disposition: form-data; name=\"folder\"\r\n\r\n../../etc\r\n"
                 "--xx\r\nContent-Disposition: form-data; name=\"storage_path\"\r\n\r\n/etc\r\n"
                 "--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\n"
                 "Content-Type: text/html\r\n\r\n",
                 name);
    int status;

    memcpy(body + len, bytes.ptr, bytes.len);
    memcpy(body + (size_t)len + bytes.len, "\r\n--xx--\r\n", 11);
    status = mc_client_call_type(client, "POST", "/api/upload", BOUNDARY,
                                 mc_str_of(body, (size_t)len + bytes.len + 10), NULL);
    free(body);
    return status;
}

static int get(mc_client *client, const char *path, const char *headers)
{
    return mc_client_call_type(client, "GET", path, NULL, mc_str_of(NULL, 0), headers);
}

MC_TEST("only what is on the list, and is what its name says, is taken, under a harmless name")
{
    static const struct {
        const char *name, *file;
        mc_str bytes;
        int status;
        const char *has;
    } cases[] = {
        {"an image", "photo.png", MC_STR_INIT(PNG), 201, "\"type\":\"image/png\""},
        {"its type is ours to say, not the client's", "a.PNG", MC_STR_INIT(PNG), 201, "image/png"},
        {"a path is no name", "../../etc/passwd.txt", MC_STR_INIT("hello"), 201,
         "\"name\":\"passwd.txt\""},
        {"nor is one of the other kind", "C:\\\\x\\\\y.csv", MC_STR_INIT("a,b\n"), 201,
         "\"name\":\"y.csv\""},
        {"a PDF", "a.pdf", MC_STR_INIT("%PDF-1.7\n"), 201, "application/pdf"},
        {"a page that calls itself an image", "a.png", MC_STR_INIT("<html><script>"), 415, "a.png"},
        {"a page", "a.html", MC_STR_INIT("<html>"), 415, "no type"},
        {"a drawing that can hold a script", "a.svg", MC_STR_INIT("<svg/>"), 415, "no type"},
        {"a page that calls itself text", "a.txt", MC_STR_INIT(" \n<script>"), 415, "no type"},
        {"a program", "a.exe", MC_STR_INIT("MZ"), 415, "no type"},
        {"no ending", "README", MC_STR_INIT("x"), 415, "no type"},
        {"nothing in it", "a.txt", MC_STR_INIT(""), 400, "empty"},
    };
    mc_process process;
    mc_client client;
    char *big = calloc(1, (size_t)33 << 20);

    MC_REQUIRE(setup(&process, &client));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(upload(&client, cases[i].file, cases[i].bytes), cases[i].status);
        MC_EXPECT_HAS(client.body, cases[i].has);
    }
    MC_CASE("too large");
    memset(big, 'x', (size_t)33 << 20);
    MC_EXPECT_EQ(upload(&client, "a.txt", mc_str_of(big, ((size_t)32 << 20) + 1)), 413);
    free(big);
    MC_CASE("no file in the form");
    MC_EXPECT_EQ(mc_client_call_type(&client, "POST", "/api/upload", BOUNDARY,
                                     MC_STR("--xx\r\nContent-Disposition: form-data; "
                                            "name=\"file\"\r\n\r\ntext\r\n--xx--\r\n"),
                                     NULL),
                 400);
    MC_CASE("no form");
    MC_EXPECT_EQ(mc_client_call(&client, "POST", "/api/upload", "{}"), 415);
    MC_CASE("nobody");
    client.token[0] = '\0';
    MC_EXPECT_EQ(upload(&client, "a.txt", MC_STR("hello")), 401);
    teardown(&process, &client);
}

MC_TEST("a file is sent whole, in parts, or not again, with headers that make it harmless")
{
    static const struct {
        const char *name, *headers;
        int status;
        const char *body, *has;
    } cases[] = {
        {"whole", NULL, 200, "0123456789", "Content-Length: 10"},
        {"a part", "Range: bytes=2-4\r\n", 206, "234", "Content-Range: bytes 2-4/10"},
        {"up to the end", "Range: bytes=7-\r\n", 206, "789", "Content-Range: bytes 7-9/10"},
        {"the end", "Range: bytes=-3\r\n", 206, "789", "Content-Range: bytes 7-9/10"},
        {"more than there is", "Range: bytes=8-99\r\n", 206, "89", "Content-Range: bytes 8-9/10"},
        {"beyond it", "Range: bytes=10-\r\n", 416, NULL, "Content-Range: bytes */10"},
        {"nonsense is ignored", "Range: bytes=9-2\r\n", 200, "0123456789", "Accept-Ranges"},
        {"several are answered with the whole", "Range: bytes=0-1,3-4\r\n", 200, "0123456789",
         "Accept-Ranges"},
        {"of another version", "Range: bytes=2-4\r\nIf-Range: \"other\"\r\n", 200, "0123456789",
         "Accept-Ranges"},
    };
    mc_process process;
    mc_client client;
    char path[512], etag[200], condition[256];
    const char *sig;

    MC_REQUIRE(setup(&process, &client));
    MC_EXPECT_EQ(upload(&client, "notes \xc3\xa9.txt", MC_STR("0123456789")), 201);
    (void)snprintf(path, sizeof(path), "%.*s", MC_FMT(mc_client_field(&client, "url")));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(get(&client, path, cases[i].headers), cases[i].status);
        if (cases[i].body)
            MC_EXPECT_Z(client.body, cases[i].body);
        MC_EXPECT_HAS(client.head, cases[i].has);
    }
    MC_CASE("headers");
    MC_EXPECT_EQ(get(&client, path, NULL), 200);
    MC_EXPECT_HAS(client.head, "X-Content-Type-Options: nosniff");
    MC_EXPECT_HAS(client.head, "Content-Security-Policy: default-src 'none'; sandbox");
    MC_EXPECT_HAS(client.head, "attachment; filename=\"notes __.txt\"; "
                               "filename*=UTF-8''notes%20%C3%A9.txt");
    {
        size_t at = mc_str_find(client.head, MC_STR("ETag: "));

        (void)snprintf(etag, sizeof(etag), "%.34s", client.head.ptr + at + 6);
    }
    MC_CASE("not again");
    (void)snprintf(condition, sizeof(condition), "If-None-Match: %s\r\n", etag);
    MC_EXPECT_EQ(get(&client, path, condition), 304);
    MC_CASE("HEAD");
    MC_EXPECT_EQ(mc_client_call_type(&client, "HEAD", path, NULL, mc_str_of(NULL, 0), NULL), 200);
    MC_EXPECT_HAS(client.head, "Content-Length: 10");
    MC_CASE("an image may be shown");
    MC_EXPECT_EQ(upload(&client, "a.png", MC_STR(PNG)), 201);
    (void)snprintf(path, sizeof(path), "%.*s", MC_FMT(mc_client_field(&client, "url")));
    client.token[0] = '\0';
    MC_EXPECT_EQ(get(&client, path, NULL), 200);
    MC_EXPECT_HAS(client.head, "inline; filename=\"a.png\"");
    MC_CASE("by its signature alone, and by no other");
    sig = strstr(path, "?sig=");
    MC_REQUIRE(sig);
    path[strlen(path) - 1] = path[strlen(path) - 1] == '0' ? '1' : '0';
    MC_EXPECT_EQ(get(&client, path, NULL), 401);
    path[sig - path] = '\0';
    MC_EXPECT_EQ(get(&client, path, NULL), 401);
    teardown(&process, &client);
}

MC_TEST("another organization neither gets nor deletes a file, with its signature or without")
{
    mc_process process;
    mc_client client, other;
    char path[512], id[200];

    MC_REQUIRE(setup(&process, &client));
    mc_client_init(&other, process.port);
    MC_EXPECT_EQ(mc_client_register(&other, "Other", "other@example.com", "another-password"), 201);
    MC_EXPECT_EQ(upload(&client, "secret.txt", MC_STR("0123456789")), 201);
    (void)snprintf(path, sizeof(path), "%.*s", MC_FMT(mc_client_field(&client, "url")));
    (void)snprintf(id, sizeof(id), "/api/files/%.*s", MC_FMT(mc_client_field(&client, "id")));
    MC_EXPECT_EQ(get(&other, path, NULL), 404);
    MC_EXPECT_EQ(get(&other, id, NULL), 404);
    MC_EXPECT_EQ(mc_client_call(&other, "DELETE", id, NULL), 404);
    MC_EXPECT_EQ(get(&client, id, NULL), 200);
    MC_EXPECT_EQ(mc_client_call(&client, "DELETE", id, NULL), 200);
    MC_EXPECT_EQ(get(&client, id, NULL), 404);
    MC_CASE("a signature ends with its file");
    client.token[0] = '\0';
    MC_EXPECT_EQ(get(&client, path, NULL), 404);
    mc_client_deinit(&other);
    teardown(&process, &client);
}
