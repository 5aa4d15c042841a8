/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/base/uuid.h"

#include "mc_test.h"

MC_TEST("every spelling of one UUID is read as it, and nothing else is")
{
    static const struct {
        const char *text;
        bool is_uuid;
    } cases[] = {
        {"018f3c5e-7b2a-7abc-8def-0123456789ab", true},
        {"018F3C5E-7B2A-7ABC-8DEF-0123456789AB", true},
        {"{018f3c5e-7b2a-7abc-8def-0123456789ab}", true},
        {"urn:uuid:018f3c5e-7b2a-7abc-8def-0123456789ab", true},
        {"URN:UUID:018f3c5e-7b2a-7abc-8def-0123456789ab", true},
        {"018f3c5e7b2a7abc8def0123456789ab", true},
        {"018f3c5e-7b2a-7abc-8def-0123456789a", false},
        {"018f3c5e-7b2a-7abc-8def-0123456789abc", false},
        {"018f3c5e_7b2a-7abc-8def-0123456789ab", false},
        {"g18f3c5e-7b2a-7abc-8def-0123456789ab", false},
        {"{018f3c5e7b2a7abc8def0123456789ab}", false},
        {"", false},
        {"' OR 1=1 --", false},
    };
    char text[MC_UUID_TEXT_LEN];

    for (size_t i = 0; i < MC_LEN(cases); i++) {
        mc_uuid id = {{0}};

        MC_CASE(cases[i].text);
        MC_EXPECT_EQ(mc_uuid_parse(mc_z(cases[i].text), &id), cases[i].is_uuid);
        MC_EXPECT_EQ(mc_uuid_is_nil(id), !cases[i].is_uuid);
        mc_uuid_format(id, text);
        if (cases[i].is_uuid)
            MC_EXPECT_STR(mc_str_of(text, sizeof(text)), mc_z(cases[0].text));
    }
}

MC_TEST("version 7 grows within a thread and carries its version and variant")
{
    mc_uuid last = {{0}}, id;
    mc_err err;

    for (int i = 0; i < 10000; i++) {
        MC_REQUIRE_OK(mc_uuid_v7(&id, &err), &err);
        MC_REQUIRE(memcmp(last.bytes, id.bytes, sizeof(id.bytes)) < 0);
        MC_REQUIRE(id.bytes[6] >> 4 == 7 && id.bytes[8] >> 6 == 2);
        last = id;
    }
    MC_REQUIRE_OK(mc_uuid_v4(&id, &err), &err);
    MC_EXPECT(id.bytes[6] >> 4 == 4 && id.bytes[8] >> 6 == 2);
}
