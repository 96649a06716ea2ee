/*
 * Listening TCP sockets. An address is a number or a name; that of the wildcard of IPv6 takes
 * clients of IPv4, too. Any thread; resolving a name may block.
 */
#ifndef OM_SHARED_NET_LISTEN_H
#define OM_SHARED_NET_LISTEN_H

#include "shared/base/status.h"

/* INVALID, with the name of the setting, for what is no address. */
enum status listen_check(const char *setting, const char *address, struct error *error) MUST_CHECK;
/* Non-blocking. Port 0 takes a free one. `setting` names the address in errors. CONFLICT: another
   program has the port. */
enum status listen_open(const char *setting, const char *address, int64_t port, int *fd,
                        struct error *error) MUST_CHECK;
int64_t listen_port(int fd);

#endif
