/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as files: what a table's export button fetches, and what a spreadsheet makes of it. */
#include "mc_client.h"
#include "mc_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MANY 5000

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

static void create(mc_client *client, const char *body)
{
    MC_EXPECT_EQ(mc_client_call(client, "POST", "/api/dynamic/tickets", body), 201);
}

static int export(mc_client *client, const char *query)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "/api/dynamic/tickets/export?%s", query);
    return mc_client_call(client, "GET", path, NULL);
}

static void import_many(mc_client *client)
{
    size_t cap = (size_t)MANY * 40, len = 0;
    char *csv = malloc(cap);

    len += (size_t)snprintf(csv, cap, "subject,hours\n");
    for (int i = 0; i < MANY; i++)
        len += (size_t)snprintf(csv + len, cap - len, "Ticket %05d,%d.5\n", i, i % 7);
    MC_EXPECT_EQ(mc_client_call_type(client, "POST", "/api/dynamic/tickets/import", "text/csv",
                                     mc_str_of(csv, len), NULL),
                 200);
    free(csv);
}

static size_t count_of(mc_str text, const char *what)
{
    size_t count = 0;

    for (size_t at = mc_str_find(text, mc_z(what)); at < text.len;
         at = mc_str_find(text, mc_z(what))) {
        count++;
        text = mc_str_slice(text, at + 1, text.len);
    }
    return count;
}

static unsigned le(const char *p, int bytes)
{
    unsigned value = 0;

    for (int i = bytes; i > 0; i--)
        value = value << 8 | (unsigned char)p[i - 1];
    return value;
}

/* The first sheet's XML out of a workbook, by its central directory; false when it is none. */
static bool sheet_of(mc_str book, char *out, size_t out_size, mc_str *sheet)
{
    static const mc_str mark = MC_STR_INIT("PK\x01\x02"),
                        name = MC_STR_INIT("xl/worksheets/sheet1.xml");

    for (size_t at = mc_str_find(book, mark); at < book.len;) {
        mc_str entry = mc_str_slice(book, at, book.len);
        const char *local;
        z_stream z = {0};
        int rc;

        if (!mc_str_starts_with(mc_str_slice(entry, 46, entry.len), name)) {
            at += 4 + mc_str_find(mc_str_slice(entry, 4, entry.len), mark);
            continue;
        }
        local = book.ptr + le(entry.ptr + 42, 4);
        z.next_in = (Bytef *)local + 30 + le(local + 26, 2) + le(local + 28, 2);
        z.avail_in = le(entry.ptr + 20, 4);
        z.next_out = (Bytef *)out;
        z.avail_out = (uInt)out_size;
        if (inflateInit2(&z, -15) != Z_OK)
            return false;
        rc = inflate(&z, Z_FINISH);
        *sheet = mc_str_of(out, z.total_out);
        (void)inflateEnd(&z);
        return rc == Z_STREAM_END;
    }
    return false;
}

MC_TEST("an export has the columns, names and rows that were asked for, in each format")
{
    static const struct {
        const char *name, *query, *head, *has, *lacks;
        int status;
    } cases[] = {
        {"CSV is the default, with keys as header", "columns=subject,hours", "text/csv",
         "subject,hours\n'+4,5\n", "open", 200},
        {"labels replace keys",
         "columns=subject,hours&column_labels=%7B%22hours%22%3A%22Horas%22%7D",
         "filename=\"tickets.csv\"", "subject,Horas\n", NULL, 200},
        {"the list's filters hold", "columns=subject&f_hours=RANGE:1,2", "text/csv",
         "subject\n'=1+1\n", "Plain", 200},
        {"and its search", "columns=subject&search=plain&page=7", "text/csv", "subject\nPlain\n",
         "1+1", 200},
        {"and its order", "columns=subject&sortBy=subject&order=asc&format=csv", "text/csv",
         "\n'\t=2+2\n'  @sum\n''=3\n'+4\n'=1+1\nPlain\n", NULL, 200},
        {"JSON is no application/json, which the client takes for a control message",
         "format=json&columns=subject,hours&search=plain", "application/octet-stream",
         "\"hours\":2.5", "priority", 200},
        {"JSON's text is as it is stored", "format=json&columns=subject&f_hours=eq:1",
         "filename=\"tickets.json\"", "\"subject\":\"=1+1\"", "'", 200},
        {"an unknown column is an empty cell", "columns=subject,nothing&search=plain", "text/csv",
         "subject,nothing\nPlain,\n", NULL, 200},
        {"the organization is nobody's column", "columns=organization_id&search=plain", "text/csv",
         "organization_id\n\n", NULL, 200},
        {"an unknown format is named", "format=pdf", "application/json", "format: want csv", NULL,
         400},
        {"labels that are no object", "column_labels=%5B1%5D", "application/json", "column_labels",
         NULL, 400},
        {"a label that is no text", "column_labels=%7B%22subject%22%3A1%7D", "application/json",
         "column_labels", NULL, 400},
        {"a filter that does not exist", "f_nothing=1", "application/json", "f_nothing", NULL, 400},
        {"an order that does not exist", "sortBy=nothing", "application/json", "sortBy", NULL, 400},
    };
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    create(&client, "{\"subject\":\"Plain\",\"hours\":2.5}");
    create(&client, "{\"subject\":\"=1+1\",\"hours\":1}");
    create(&client, "{\"subject\":\"\\t=2+2\"}");
    create(&client, "{\"subject\":\"  @sum\"}");
    create(&client, "{\"subject\":\"'=3\"}");
    create(&client, "{\"subject\":\"+4\",\"hours\":5}");
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(export(&client, cases[i].query), cases[i].status);
        MC_EXPECT_HAS(client.head, cases[i].head);
        MC_EXPECT_HAS(client.body, cases[i].has);
        if (cases[i].lacks)
            MC_EXPECT(mc_str_find(client.body, mc_z(cases[i].lacks)) == client.body.len);
    }
    MC_CASE("HEAD has no body and the same head");
    MC_EXPECT_EQ(mc_client_call(&client, "HEAD", "/api/dynamic/tickets/export", NULL), 200);
    MC_EXPECT_HAS(client.head, "text/csv");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/healthz", NULL), 200);
    MC_CASE("a model that is not there");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/nothing/export", NULL), 404);
    MC_CASE("nobody");
    client.token[0] = '\0';
    MC_EXPECT_EQ(export(&client, ""), 401);
    teardown(&process, &client);
}

MC_TEST("a workbook holds numbers as numbers, text as text, and no formula")
{
    static char xml[1 << 20];
    mc_process process;
    mc_client client;
    mc_str sheet = MC_STR("");

    MC_REQUIRE(setup(&process, &client));
    create(&client, "{\"subject\":\"=1+1\",\"hours\":2.5,\"urgent\":true}");
    create(&client, "{\"subject\":\"exact\",\"hours\":12345678901234.5678}");
    MC_EXPECT_EQ(export(&client, "format=xlsx&columns=subject,hours,urgent,due_at"), 200);
    MC_EXPECT_HAS(client.head, "spreadsheetml.sheet");
    MC_EXPECT_HAS(client.head, "filename=\"tickets.xlsx\"");
    MC_REQUIRE(sheet_of(client.body, xml, sizeof(xml), &sheet));
    MC_EXPECT_HAS(sheet, "<t>'=1+1</t>");
    MC_EXPECT_HAS(sheet, "<v>2.5</v>");
    MC_EXPECT_HAS(sheet, "t=\"b\"");
    MC_CASE("digits that a double would lose stay text");
    MC_EXPECT_HAS(sheet, "<t>12345678901234.5678</t>");
    MC_EXPECT(mc_str_find(sheet, MC_STR("<f>")) == sheet.len);

    MC_CASE("a template has the header alone");
    MC_EXPECT_EQ(
        mc_client_call(&client, "GET", "/api/dynamic/tickets/export/template?format=xlsx", NULL),
        200);
    MC_EXPECT_HAS(client.head, "filename=\"tickets-template.xlsx\"");
    MC_REQUIRE(sheet_of(client.body, xml, sizeof(xml), &sheet));
    MC_EXPECT_HAS(sheet, "<t>subject</t>");
    MC_EXPECT(mc_str_find(sheet, MC_STR("r=\"2\"")) == sheet.len);
    MC_CASE("and is the contract's CSV when nothing is said");
    MC_EXPECT_EQ(mc_client_call(&client, "GET", "/api/dynamic/tickets/export/template", NULL), 200);
    MC_EXPECT_HAS(client.head, "text/csv");
    MC_EXPECT_EQ(
        mc_client_call(&client, "GET", "/api/dynamic/tickets/export/template?format=json", NULL),
        400);
    teardown(&process, &client);
}

MC_TEST("every row of many is exported once, by whatever order, and to its organization alone")
{
    static const char *const queries[] = {
        "columns=subject", "columns=subject&sortBy=hours&order=asc",
        "columns=subject&sortBy=subject&order=desc", "columns=subject&sortBy=status&order=asc"};
    mc_process process;
    mc_client client;

    MC_REQUIRE(setup(&process, &client));
    import_many(&client);
    for (size_t i = 0; i < MC_LEN(queries); i++) {
        bool seen[MANY] = {false};
        size_t missing = 0;

        MC_CASE(queries[i]);
        MC_EXPECT_EQ(export(&client, queries[i]), 200);
        MC_EXPECT_HAS(client.head, "Transfer-Encoding: chunked");
        MC_EXPECT_EQ(count_of(client.body, "\n"), MANY + 1);
        for (mc_str rest = client.body; rest.len > 13;) {
            size_t at = mc_str_find(rest, MC_STR("Ticket "));
            uint64_t number;

            if (at == rest.len)
                break;
            if (mc_str_u64(mc_str_slice(rest, at + 7, at + 12), 0, MANY - 1, &number))
                seen[number] = true;
            rest = mc_str_slice(rest, at + 12, rest.len);
        }
        for (int k = 0; k < MANY; k++)
            missing += !seen[k];
        MC_EXPECT_EQ(missing, 0);
    }
    MC_CASE("JSON is one array");
    MC_EXPECT_EQ(export(&client, "format=json&columns=subject"), 200);
    MC_EXPECT_EQ(count_of(client.body, "\"subject\":"), MANY);
    MC_EXPECT(mc_str_starts_with(client.body, MC_STR("[\n{")));
    MC_EXPECT(mc_str_ends_with(client.body, MC_STR("}\n]\n")));

    MC_CASE("another organization has none of them");
    MC_EXPECT_EQ(mc_client_register(&client, "Other", "other@example.com", "another-password"),
                 201);
    MC_EXPECT_EQ(export(&client, "columns=subject"), 200);
    MC_EXPECT_Z(client.body, "subject\n");
    teardown(&process, &client);
}
