/* SPDX-License-Identifier: Apache-2.0 */
#include "metacore/security/egress.h"

#include <netinet/in.h>
#include <string.h>

typedef struct range4 {
    uint32_t base;
    unsigned bits;
} range4;

static const range4 special4[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* shared by carriers */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local, metadata services */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* 6to4 relays */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 4},  /* multicast */
    {0xf0000000, 4},  /* reserved, broadcast */
};

static bool is_public4(uint32_t address)
{
    for (size_t i = 0; i < MC_LEN(special4); i++) {
        if ((address ^ special4[i].base) >> (32 - special4[i].bits) == 0)
            return false;
    }
    return true;
}

static uint32_t read4(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool starts_with(const unsigned char *address, const char *prefix, size_t len)
{
    return memcmp(address, prefix, len) == 0;
}

static bool is_public6(const unsigned char *a)
{
    static const char mapped[] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";
    static const char nat64[] = "\0\x64\xff\x9b\0\0\0\0\0\0\0\0";

    if (starts_with(a, mapped, 12) || starts_with(a, nat64, 12))
        return is_public4(read4(a + 12));
    if ((a[0] & 0xe0) != 0x20) /* outside 2000::/3 nothing is global unicast */
        return false;
    if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
        return is_public4(read4(a + 2));
    if (a[0] == 0x20 && a[1] == 0x01 && a[2] < 0x02) /* 2001::/23: Teredo, ORCHID, benchmarks */
        return false;
    return !starts_with(a, "\x20\x01\x0d\xb8", 4) &&                 /* documentation */
           !(a[0] == 0x3f && a[1] == 0xff && (a[2] & 0xf0) == 0x00); /* documentation */
}

bool mc_egress_is_public(const struct sockaddr *address)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    switch (address->sa_family) {
    case AF_INET:
        memcpy(&v4, address, sizeof(v4));
        return is_public4(ntohl(v4.sin_addr.s_addr));
    case AF_INET6:
        memcpy(&v6, address, sizeof(v6));
        return is_public6(v6.sin6_addr.s6_addr);
    default:
        return false;
    }
}
