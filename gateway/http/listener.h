/*
 * Listening TCP sockets that several loops share: each opens its own on the same port, and the
 * kernel spreads the connections (SO_REUSEPORT). Any thread; resolving an address may block.
 */
#ifndef OM_GATEWAY_HTTP_LISTENER_H
#define OM_GATEWAY_HTTP_LISTENER_H

#include "shared/base/status.h"

#include <stdint.h>

/* Port 0 takes a free one. Bytes that a closed connection has not sent within `send_timeout_ms` are
   dropped. */
enum status listener_open(const char *host, int64_t port, int64_t send_timeout_ms, int *fd,
                          struct error *error) MUST_CHECK;
int64_t listener_port(int fd);

#endif
