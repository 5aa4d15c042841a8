/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/webhooks/webhooks_internal.h"

#include "mc_test.h"

static const struct {
    const char *name, *pattern, *event;
    bool matches;
} cases[] = {
    {"everything", "*", "crm.leads.created", true},
    {"the same name", "crm.leads.created", "crm.leads.created", true},
    {"what is below", "crm.leads.*", "crm.leads.created", true},
    {"what is further below", "crm.*", "crm.leads.created", true},
    {"the name itself is not below it", "crm.*", "crm", false},
    {"nor is nothing", "crm.*", "crm.", false},
    {"another name that begins so", "crm.*", "crmx.leads.created", false},
    {"another name", "crm.leads.created", "crm.leads.updated", false},
    {"case counts", "crm.leads.created", "CRM.leads.created", false},
};

MC_TEST("a pattern stands for its event and what is below it")
{
    for (size_t i = 0; i < MC_LEN(cases); i++) {
        MC_CASE(cases[i].name);
        MC_EXPECT_EQ(mc_webhooks_matches(mc_z(cases[i].pattern), mc_z(cases[i].event)),
                     cases[i].matches);
    }
}

static mc_str header(const mc_http_pair *pairs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (mc_str_eq_nocase(pairs[i].name, mc_z(name)))
            return pairs[i].value;
    }
    return MC_STR("(none)");
}

#define OLD "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define CONTRACT "48ac926c54335fa84ddf200a2efc7cab086ac94bc6d3fc767d9708aff7e17652"

MC_TEST("an attempt is signed as the contract's vector, and for Standard Webhooks")
{
    mc__attempt a = {.arena = mc_arena_new(0),
                     .event = MC_STR("shop.orders.created"),
                     .payload = MC_STR("{\"order_id\":\"123\"}"),
                     .secret = MC_STR(OLD),
                     .number = 3};
    mc_http_pair pairs[MC__ATTEMPT_HEADERS_MAX];
    size_t count = 0;
    mc_err err;

    MC_REQUIRE(a.arena && mc_uuid_parse(MC_STR("0193a2b4-0000-7000-8000-000000000001"), &a.id));
    MC_REQUIRE_OK(
        mc__attempt_headers(&a, 1700000000 * MC_TIME_US_PER_S + 999999, pairs, &count, &err), &err);
    MC_EXPECT_Z(header(pairs, count, "X-Metacore-Signature"), CONTRACT);
    MC_EXPECT_Z(header(pairs, count, "X-Metacore-Timestamp"), "1700000000");
    MC_EXPECT_Z(header(pairs, count, "webhook-timestamp"), "1700000000");
    MC_EXPECT_Z(header(pairs, count, "X-Metacore-Attempt"), "3");
    MC_EXPECT_Z(header(pairs, count, "X-Metacore-Delivery"),
                "0193a2b4-0000-7000-8000-000000000001");
    MC_EXPECT_STR(header(pairs, count, "webhook-id"), header(pairs, count, "X-Metacore-Delivery"));
    MC_EXPECT_Z(header(pairs, count, "webhook-signature"),
                "v1,GiQyt19KbMRjeuhlNI7xxOmXk9JK2Rit/qs1jM/pCW8=");
    MC_EXPECT_Z(header(pairs, count, "X-Metacore-Signature-V2"),
                "d8a784e912fdfb33badeced08235ab6ddfb11c5c953e23fc7bbdf11144d4b9b0");
    MC_EXPECT_Z(header(pairs, count, "X-Metacore-Signature-Previous"), "(none)");

    MC_CASE("while a rotation lasts");
    a.previous = a.secret;
    a.secret = MC_STR("ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
    MC_REQUIRE_OK(mc__attempt_headers(&a, 1700000000 * MC_TIME_US_PER_S, pairs, &count, &err),
                  &err);
    MC_EXPECT_Z(header(pairs, count, "X-Metacore-Signature-Previous"), CONTRACT);
    MC_EXPECT_HAS(header(pairs, count, "webhook-signature"),
                  " v1,GiQyt19KbMRjeuhlNI7xxOmXk9JK2Rit/qs1jM/pCW8=");
    mc_arena_free(a.arena);
}
