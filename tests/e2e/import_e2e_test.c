/* SPDX-License-Identifier: Apache-2.0 */
/* Files as rows: what spreadsheets save, what programs send, and what is wrong with either. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE "/api/dynamic/tickets/import"
#define BOUNDARY "multipart/form-data; boundary=xx"
#define PART(filename)                                                                             \
    "--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"" filename "\"\r\n\r\n"
#define END "\r\n--xx--\r\n"

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

static int post(mc_client *client, const char *path, const char *type, mc_str body)
{
    return mc_client_call_type(client, "POST", path, type, body, NULL);
}

static mc_str total(mc_client *client)
{
    MC_EXPECT_EQ(mc_client_call(client, "GET", "/api/dynamic/tickets?per_page=1", NULL), 200);
    return mc_client_field(client, "total");
}

MC_TEST("a file is read by what it is, and each row by its columns' types")
{
    static const struct {
        const char *name, *type, *body, *has;
        int status;
    } cases[] = {
        {"CSV with a BOM, CRLF and a quoted newline", "text/csv",
         "\xef\xbb\xbfsubject,body\r\nOne,\"two\nlines, \"\"quoted\"\"\"\r\n", "\"created\":1",
         200},
        {"a spreadsheet of the other half of the world parts by semicolons", "text/csv",
         "subject;hours\nTwo;2.5\n", "\"created\":1", 200},
        {"tabs too", "text/csv", "subject\thours\nThree\t3\n", "\"created\":1", 200},
        {"labels stand for keys", "text/csv", "Subject,HOURS\nFour,4\n", "\"created\":1", 200},
        {"ragged rows: what is missing is missing, what is too much is dropped", "text/csv",
         "subject,hours\nFive\nSix,6,7,8\n", "\"created\":2", 200},
        {"typed cells", "text/csv", "subject,hours,urgent,due_at\nSeven, 7.25 ,TRUE,2026-12-01\n",
         "\"created\":1", 200},
        {"an escaped formula comes back as it was", "text/csv", "subject\n'=1+1\n", "\"created\":1",
         200},
        {"JSON", "application/json", "[{\"subject\":\"Eight\",\"hours\":8}]", "\"created\":1", 200},
        {"JSON in an object", "application/json",
         "{\"meta\":[1],\"data\":[{\"subject\":\"Nine\"}]}", "\"created\":1", 200},
        {"no rows", "application/json", "[]", "\"created\":0", 200},
        {"a form with CSV", BOUNDARY, PART("a.csv") "subject\nTen\n" END, "\"created\":1", 200},
        {"a form with JSON", BOUNDARY, PART("a.JSON") "[{\"subject\":\"Eleven\"}]" END,
         "\"created\":1", 200},
        {"refused rows are named, the others stay", "text/csv",
         "subject,hours\nTwelve,x\n,1\nThirteen,1\n", "\"created\":1,\"failed\":2", 200},
        {"by row, field, message and what was sent", "text/csv", "subject,hours\nTwelve,x\n",
         "\"field\":\"hours\",\"input\":{\"subject\":\"Twelve\",\"hours\":\"x\"}", 422},
        {"a row that is no object", "application/json", "[null,1]", "\"row\":2", 422},
        {"an empty file", "text/csv", "", "\"created\":0", 200},
        {"no such part", BOUNDARY,
         "--xx\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n1" END, "expected `file`", 400},
        {"UTF-16", "text/csv", "\xff\xfes", "UTF-16", 400},
        {"Latin-1", "text/csv", "subject\nCaf\xe9\n", "not in UTF-8", 400},
        {"no workbook", BOUNDARY, PART("a.xlsx") "PK\x03\x04xxxx" END, "damaged", 400},
        {"a header that means nothing", "text/csv", "foo,bar\n1,2\n", "names no column", 400},
        {"a header that means the same twice", "text/csv", "subject,Subject\n1,2\n", "two columns",
         400},
        {"a quote without end", "text/csv", "subject\n\"open\n", "row 1", 400},
        {"JSON that breaks off", "application/json", "[{\"subject\":\"a\"},{\"subj", "row 2", 400},
        {"JSON that is no list", "application/json", "{\"subject\":\"a\"}", "data", 400},
        {"text after the list", "application/json", "[] x", "text after", 400},
        {"another type", "application/xml", "<a/>", "want multipart", 415},
    };
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(post(&client, BASE, cases[i].type, mc_z(cases[i].body)), cases[i].status);
        MC_EXPECT_HAS(client.body, cases[i].has);
    }
    MC_CASE("and stands there as it was meant");
    MC_EXPECT_Z(total(&client), "13");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets?f_subject=Seven", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "hours"), "7.25");
    MC_EXPECT_Z(mc_client_field(&client, "urgent"), "true");
    MC_EXPECT_Z(mc_client_field(&client, "due_at"), "2026-12-01T00:00:00.000000Z");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets?search=1%2B1", NULL), 200);
    MC_EXPECT_Z(mc_client_field(&client, "subject"), "=1+1");

    MC_CASE("nobody imports, and is told before a large body is read");
    client.token[0] = '\0';
    MC_EXPECT_EQ(post(&client, BASE, "text/csv", MC_STR("subject\nx\n")), 401);
    teardown(&process, &client);
}

MC_TEST("a rehearsal finds what the import would find, and keeps nothing")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    MC_EXPECT_EQ(post(&client, BASE "/validate", "text/csv",
                      MC_STR("subject,hours,assignee_id\nGood,1,\nBad,-1,\n"
                             "Stranger,1,01a212d9-38e0-7ac8-8766-8fcb3fda137e\n")),
                 200);
    MC_EXPECT_Z(mc_client_field(&client, "rowCount"), "1"); /* the good ones, to the dialog */
    MC_EXPECT_Z(mc_client_field(&client, "valid"), "1");
    MC_EXPECT_Z(mc_client_field(&client, "total"), "3");
    MC_EXPECT_Z(mc_client_field(&client, "skipped"), "0");
    MC_EXPECT_HAS(client.body, "\"field\":\"hours\"");
    MC_EXPECT_HAS(client.body, "\"field\":\"assignee_id\"");
    MC_EXPECT_HAS(client.body, "\"sample\":[{\"subject\":\"Good\"");
    MC_EXPECT_EQ(post(&client, BASE "?dry_run=1", "text/csv", MC_STR("subject\nGood\n")), 200);
    MC_EXPECT_Z(mc_client_field(&client, "valid"), "1");
    MC_EXPECT_Z(total(&client), "0");
    MC_CASE("of a model that is not there");
    MC_EXPECT_EQ(
        post(&client, "/api/dynamic/nothing/import/validate", "text/csv", MC_STR("a\n1\n")), 404);
    MC_CASE("parameters that mean nothing");
    MC_EXPECT_EQ(post(&client, BASE "?dry_run=maybe", "text/csv", MC_STR("subject\nx\n")), 400);
    MC_EXPECT_HAS(client.body, "dry_run");
    MC_EXPECT_EQ(post(&client, BASE "?mode=most", "text/csv", MC_STR("subject\nx\n")), 400);
    MC_EXPECT_HAS(client.body, "mode");
    teardown(&process, &client);
}

MC_TEST("all or nothing, when that is asked for")
{
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    MC_EXPECT_EQ(
        post(&client, BASE "?mode=all", "text/csv", MC_STR("subject,hours\nA,1\nB,-1\nC,3\n")),
        422);
    MC_EXPECT_HAS(client.body, "\"created\":0,\"failed\":1");
    MC_EXPECT_HAS(client.body, "none was imported");
    MC_EXPECT_EQ(post(&client, BASE "?mode=all", "text/csv",
                      MC_STR("subject,assignee_id\nA,\n"
                             "B,01a212d9-38e0-7ac8-8766-8fcb3fda137e\n")),
                 422);
    MC_EXPECT_HAS(client.body, "\"created\":0");
    MC_EXPECT_Z(total(&client), "0");
    MC_EXPECT_EQ(post(&client, BASE "?mode=all", "text/csv", MC_STR("subject\nA\nB\n")), 200);
    MC_EXPECT_Z(total(&client), "2");
    teardown(&process, &client);
}

MC_TEST("a workbook that was exported comes back as it was")
{
    static const mc_str type =
        MC_STR_INIT("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
    mc_process process;
    mc_client client;
    char *book;
    size_t len;

    MC_REQUIRE(setup(&process, &client));
    MC_EXPECT_EQ(post(&client, BASE, "application/json",
                      MC_STR("[{\"subject\":\"=1+1, \\\"q\\\"\",\"hours\":2.5,\"urgent\":true,"
                             "\"due_at\":\"2026-12-01\"},{\"subject\":\"two\\nlines\"}]")),
                 200);
    MC_EXPECT_EQ(mc_client_call(&client, "GET",
                                "/api/dynamic/tickets/export?format=xlsx&column_labels="
                                "%7B%22hours%22%3A%22Hours%22%7D",
                                NULL),
                 200);
    len = client.body.len;
    book = malloc(len);
    memcpy(book, client.body.ptr, len);
    MC_EXPECT_EQ(post(&client, BASE, type.ptr, mc_str_of(book, len)), 200);
    MC_EXPECT_HAS(client.body, "\"created\":2,\"failed\":0");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets?search=1%2B1", NULL), 200);
    MC_EXPECT_HAS(client.body, "\"total\":2");
    MC_EXPECT_Z(mc_client_field(&client, "hours"), "2.5");
    MC_EXPECT_Z(mc_client_field(&client, "urgent"), "true");
    MC_EXPECT_Z(mc_client_field(&client, "due_at"), "2026-12-01T00:00:00.000000Z");
    MC_CASE("one with a bite taken out is damaged, wherever it was");
    for (size_t cut = 30; cut < len; cut += len / 9 + 1)
        MC_EXPECT_EQ(post(&client, BASE, type.ptr, mc_str_of(book, cut)), 400);
    free(book);
    teardown(&process, &client);
}

MC_TEST("thousands of rows, some too large, and an organization that sees none of them")
{
    size_t cap = (size_t)12 << 20, len = 0;
    char *text = malloc(cap);
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    len += (size_t)snprintf(text, cap, "subject,hours\n");
    for (int i = 0; i < 3000; i++)
        len += (size_t)snprintf(text + len, cap - len, "Row %d,%d\n", i, i % 2 ? i : -1);
    MC_EXPECT_EQ(post(&client, BASE, "text/csv", mc_str_of(text, len)), 200);
    MC_EXPECT_HAS(client.body, "\"created\":1500,\"failed\":1500");
    MC_EXPECT_Z(total(&client), "1500");
    MC_CASE("a cell of 10 MB is refused by its row, and nothing is imported");
    len = (size_t)snprintf(text, cap, "subject\nfirst\n\"");
    memset(text + len, 'x', (size_t)10 << 20);
    len += (size_t)10 << 20;
    text[len++] = '"';
    MC_EXPECT_EQ(post(&client, BASE, "text/csv", mc_str_of(text, len)), 400);
    MC_EXPECT_HAS(client.body, "larger than 1 MiB, in row 2");
    MC_EXPECT_Z(total(&client), "1500");
    MC_CASE("another organization");
    MC_EXPECT_EQ(mc_client_register(&client, "Other", "other@example.com", "another-password"),
                 201);
    MC_EXPECT_Z(total(&client), "0");
    MC_EXPECT_EQ(post(&client, BASE, "text/csv",
                      MC_STR("subject,organization_id,id\n"
                             "Mine,01a212d9-38e0-7ac8-8766-8fcb3fda137e,"
                             "01a212d9-38e0-7ac8-8766-8fcb3fda137e\n")),
                 200);
    MC_EXPECT_Z(total(&client), "1");
    free(text);
    teardown(&process, &client);
}
