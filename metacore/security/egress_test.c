/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/egress.h"

#include "mc_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

static const struct {
    const char *address;
    bool is_public;
} addresses[] = {
    {"8.8.8.8", true},
    {"1.1.1.1", true},
    {"100.63.255.255", true},
    {"100.128.0.0", true},
    {"172.15.255.255", true},
    {"172.32.0.0", true},
    {"223.255.255.255", true},
    {"0.0.0.0", false},
    {"0.1.2.3", false},
    {"10.0.0.1", false},
    {"10.255.255.255", false},
    {"100.64.0.0", false},
    {"100.127.255.255", false},
    {"127.0.0.1", false},
    {"127.255.255.254", false},
    {"169.254.169.254", false},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"192.0.0.8", false},
    {"192.0.2.1", false},
    {"192.88.99.1", false},
    {"192.168.0.1", false},
    {"198.18.0.1", false},
    {"198.19.255.255", false},
    {"198.51.100.7", false},
    {"203.0.113.7", false},
    {"224.0.0.1", false},
    {"240.0.0.1", false},
    {"255.255.255.255", false},
    {"2606:4700:4700::1111", true},
    {"2001:4860:4860::8888", true},
    {"2a00:1450:4001::1", true},
    {"::", false},
    {"::1", false},
    {"::ffff:8.8.8.8", true},
    {"::ffff:127.0.0.1", false},
    {"::ffff:10.0.0.1", false},
    {"::7f00:1", false}, /* the old IPv4-compatible form */
    {"64:ff9b::8.8.8.8", true},
    {"64:ff9b::10.0.0.1", false},
    {"64:ff9b:1::1", false},
    {"2002:0808:0808::1", true},
    {"2002:7f00:0001::1", false},
    {"2002:a9fe:a9fe::1", false},
    {"2001::1", false},
    {"2001:10::1", false},
    {"2001:db8::1", false},
    {"3fff::1", false},
    {"fc00::1", false},
    {"fd12:3456::1", false},
    {"fe80::1", false},
    {"fec0::1", false},
    {"ff02::1", false},
};

MC_TEST("only addresses of the public internet may be reached")
{
    for (size_t i = 0; i < MC_LEN(addresses); i++) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

        MC_CASE(addresses[i].address);
        if (inet_pton(AF_INET, addresses[i].address, &v4.sin_addr) == 1) {
            MC_EXPECT_EQ(mc_egress_is_public((struct sockaddr *)&v4), addresses[i].is_public);
        } else {
            MC_REQUIRE(inet_pton(AF_INET6, addresses[i].address, &v6.sin6_addr) == 1);
            MC_EXPECT_EQ(mc_egress_is_public((struct sockaddr *)&v6), addresses[i].is_public);
        }
    }
}

MC_TEST("no other family of addresses is the internet")
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};

    MC_EXPECT(!mc_egress_is_public((struct sockaddr *)&local));
}
