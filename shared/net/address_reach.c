#include "shared/net/address_reach.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* --- IPv4 ------------------------------------------------------------------------------------- */

/* What is not globally reachable. */
static const struct {
    uint32_t network;
    int bits;
} private_v4[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* RFC 1918 */
    {0x64400000, 10}, /* shared with a carrier */
    {0xa9fe0000, 16}, /* link-local, and metadata of clouds */
    {0xac100000, 12}, /* RFC 1918 */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* relays of 6to4 */
    {0xc0a80000, 16}, /* RFC 1918 */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 3},  /* multicast, reserved, broadcast */
};

static enum address_reach reach_of_v4(uint32_t address) {
    if (address >> 24 == 127)
        return REACH_LOOPBACK;
    for (size_t i = 0; i < sizeof(private_v4) / sizeof(private_v4[0]); i++)
        if ((address ^ private_v4[i].network) >> (32 - private_v4[i].bits) == 0)
            return REACH_PRIVATE;
    return REACH_PUBLIC;
}

static uint32_t v4_at(const uint8_t *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* --- IPv6 ------------------------------------------------------------------------------------- */

static bool begins_with(const struct in6_addr *address, const uint8_t *prefix, size_t len) {
    return memcmp(address->s6_addr, prefix, len) == 0;
}

/* Global unicast, without what is set aside within it. */
static bool is_global(const struct in6_addr *address) {
    static const uint8_t assignments[] = {0x20, 0x01}, documentation[] = {0x20, 0x01, 0x0d, 0xb8};
    static const uint8_t documentation_new[] = {0x3f, 0xff};
    bool is_assignment = begins_with(address, assignments, 2) && address->s6_addr[2] < 0x02;
    return (address->s6_addr[0] & 0xe0) == 0x20 && !is_assignment &&
           !begins_with(address, documentation, 4) && !begins_with(address, documentation_new, 2);
}

static enum address_reach reach_of_v6(const struct in6_addr *address) {
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, six_to_four[] = {0x20, 0x02};
    static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (IN6_IS_ADDR_LOOPBACK(address))
        return REACH_LOOPBACK;
    if (begins_with(address, mapped, sizeof(mapped)) || begins_with(address, nat64, sizeof(nat64)))
        return reach_of_v4(v4_at(address->s6_addr + 12));
    if (begins_with(address, six_to_four, 2))
        return reach_of_v4(v4_at(address->s6_addr + 2));
    return is_global(address) ? REACH_PUBLIC : REACH_PRIVATE;
}

/* --- both ------------------------------------------------------------------------------------- */

enum address_reach address_reach(const struct sockaddr *address) {
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        return reach_of_v4(ntohl(v4.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        return reach_of_v6(&v6.sin6_addr);
    }
    return REACH_PRIVATE;
}

bool address_reach_of_literal(const char *host, enum address_reach *reach) {
    const struct addrinfo numbers = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char text[64];
    size_t len = strlen(host);
    bool has_brackets = len > 2 && host[0] == '[' && host[len - 1] == ']';
    if (len >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", (int)(has_brackets ? len - 2 : len),
             has_brackets ? host + 1 : host);
    if (getaddrinfo(text, NULL, &numbers, &found) != 0)
        return false;
    *reach = address_reach(found->ai_addr);
    freeaddrinfo(found);
    return true;
}
