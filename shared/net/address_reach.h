/*
 * How far an Internet address reaches: whether it is one of the public Internet, or of this machine
 * or a private network, which a stranger's URL must not lead to. By the registries of
 * https://www.iana.org/assignments/iana-ipv4-special-registry/ and iana-ipv6-special-registry/.
 *
 * An IPv4 address within one of IPv6 (mapped, NAT64, 6to4) counts as itself. Pure and thread safe;
 * nothing blocks.
 */
#ifndef OM_SHARED_NET_ADDRESS_REACH_H
#define OM_SHARED_NET_ADDRESS_REACH_H

#include <stdbool.h>
#include <sys/socket.h>

/* In rising order of what a permission includes. */
enum address_reach {
    REACH_PUBLIC,   /* anybody's */
    REACH_LOOPBACK, /* this machine's */
    REACH_PRIVATE,  /* all others: private, link-local, shared, reserved, multicast, no address */
};

enum address_reach address_reach(const struct sockaddr *address);
/* False when `host` is a name, and no address in any form that resolvers take: dotted, shortened,
   hexadecimal, octal, or of IPv6 with or without brackets. */
bool address_reach_of_literal(const char *host, enum address_reach *reach);

#endif
