/* SPDX-License-Identifier: Apache-2.0 */
/* Requests whose memory runs out: at whatever point that is, they are refused and change nothing.
 */
#include "metacore/dynamic/dynamic_test_internal.h"

#include <stdio.h>
#include <string.h>

static mc_uuid row_id;

static mc_code create_row(dynamic_fixture *f, mc_err *err)
{
    (void)err; /* in the fixture */
    return dynamic_create(f, "{\"title\":\"first\",\"extra\":{\"a\":{\"b\":1}}}", &row_id);
}

static const struct {
    const char *name, *method, *path, *body; /* %s: the row */
    int status;
    const char *told; /* of one that succeeds */
} requests[] = {
    {"a merge patch", "PATCH", "/dynamic/notes/%s", "{\"extra\":{\"a\":{\"c\":[1,2,3]}}}", 200,
     "updated extra\n"},
    {"a batch", "POST", "/dynamic/batch",
     "[{\"op\":\"create\",\"model\":\"notes\",\"data\":{\"title\":\"x\"}},"
     "{\"op\":\"update\",\"model\":\"notes\",\"id\":{\"$ref\":0},\"data\":{\"other_id\":"
     "{\"$ref\":0},\"hours\":1.5},\"if_match\":\"*\"},"
     "{\"op\":\"delete\",\"model\":\"notes\",\"id\":{\"$ref\":0}}]",
     200, "created\nupdated hours,other_id\ndeleted\n"},
    {"a delete", "DELETE", "/dynamic/notes/%s", NULL, 200, "deleted\n"},
    {"a restore", "POST", "/dynamic/notes/%s/restore", NULL, 200, "restored\n"},
    {"an action with a form", "POST", "/dynamic/notes/%s/action/fill",
     "{\"number\":\"A-1\",\"amount\":2}", 200, ""},
    {"a form that is refused", "POST", "/dynamic/notes/%s/action/fill", "{\"amount\":\"x\"}", 422,
     ""},
};

static bool is_refusal_for_memory(int status)
{
    /* 413: the body that would be answered does not fit. */
    return status == 503 || status == 413;
}

MC_TEST("a request without enough memory is refused at every point, and then nothing is told")
{
    char id[MC_UUID_TEXT_LEN + 1] = "", path[128];
    dynamic_fixture f;
    mc_arena *own;

    MC_REQUIRE(dynamic_setup(&f));
    MC_REQUIRE_OK(dynamic_run(&f, create_row), &f.err);
    mc_uuid_format(row_id, id);
    own = f.ctx.arena;
    for (size_t i = 0; i < MC_LEN(requests); i++) {
        size_t refused = 0;
        int status = 0;

        MC_CASE(requests[i].name);
        (void)snprintf(path, sizeof(path), "%.*s%s%s", (int)strcspn(requests[i].path, "%"),
                       requests[i].path, strchr(requests[i].path, '%') ? id : "",
                       strchr(requests[i].path, '%') ? strchr(requests[i].path, '%') + 2 : "");
        for (size_t budget = 64; budget < ((size_t)4 << 20) && status != requests[i].status;
             budget += budget / 16 + 8) {
            f.told[0] = '\0';
            f.ctx.arena = mc_arena_new(budget);
            MC_REQUIRE(f.ctx.arena != NULL);
            status = dynamic_call(&f, requests[i].method, path, requests[i].body);
            mc_arena_free(f.ctx.arena);
            if (status == requests[i].status)
                break;
            MC_EXPECT(is_refusal_for_memory(status));
            MC_EXPECT_Z(mc_z(f.told), "");
            refused++;
        }
        MC_EXPECT_EQ(status, requests[i].status);
        MC_EXPECT_Z(mc_z(f.told), requests[i].told);
        MC_EXPECT(refused > 10);
    }
    f.ctx.arena = own;
    dynamic_teardown(&f);
}
