/*
 * The address that a request comes from. Behind proxies it is in X-Forwarded-For, where only the
 * entries of our own proxies, OM_TRUSTED_PROXIES, can be believed. Pure.
 */
#ifndef OM_GATEWAY_ADMIT_CLIENT_ADDRESS_H
#define OM_GATEWAY_ADMIT_CLIENT_ADDRESS_H

#include "shared/base/slice.h"
#include "shared/base/status.h"

#include <netinet/in.h>

/* An IPv6 address; IPv4 in its mapped form. */
struct address_range {
    struct in6_addr address;
    unsigned prefix_bits; /* of 128 */
};

#define TRUSTED_PROXIES_MOST 32

struct trusted_proxies {
    struct address_range ranges[TRUSTED_PROXIES_MOST];
    size_t count;
};

/* "10.0.0.0/8, 192.0.2.7, 2001:db8::/32"; empty trusts nobody. */
enum status trusted_proxies_parse(const char *text, struct trusted_proxies *proxies,
                                  struct error *error) MUST_CHECK;

/* IPv4 or IPv6, in IPv6's form. */
bool address_parse(struct slice text, struct in6_addr *address);
struct in6_addr address_of_peer(const struct sockaddr *peer);

/* The last address in `forwarded` (X-Forwarded-For's values, joined by commas) that is not a
   trusted proxy's, if all behind it and `peer` are; else the last one that can be believed. */
struct in6_addr client_address(const struct trusted_proxies *proxies, struct in6_addr peer,
                               struct slice forwarded);

/* One unit of the address quota: an IPv4 address, or an IPv6 network of 64 bits, since a client
   with one address of it has all of them. `text` has INET6_ADDRSTRLEN bytes. */
void address_format_for_quota(const struct in6_addr *address, char *text);

#endif
