/*
 * Listening TCP sockets. A port is one program's alone: nobody else can listen on it, and the loops
 * of this one share its socket. Any thread; resolving an address may block.
 *
 * A socket can come from whoever started the process, and be given to a program that outlives many
 * gateways: while somebody holds it, clients that connect wait instead of being refused. Both by
 * the protocol of systemd, sd_listen_fds(3).
 */
#ifndef OM_GATEWAY_HTTP_LISTENER_H
#define OM_GATEWAY_HTTP_LISTENER_H

#include "shared/base/status.h"

#include <stddef.h>
#include <stdint.h>

#define LISTENERS_MOST 2 /* that can be given */

/* Port 0 takes a free one. Bytes that a closed connection has not sent within `send_timeout_ms` are
   dropped. STATUS_CONFLICT: another program has the port. */
enum status listener_open(const char *host, int64_t port, int64_t send_timeout_ms, int *fd,
                          struct error *error) MUST_CHECK;
/* Another descriptor of the same socket, which goes on when the first is closed. */
enum status listener_share(int fd, int *shared, struct error *error) MUST_CHECK;

/* How many sockets this process was given. */
size_t listener_count_given(void);
/* The one of this index, with the options that listener_open() sets. */
enum status listener_take(size_t index, int64_t send_timeout_ms, int *fd,
                          struct error *error) MUST_CHECK;
/* Becomes `command`, which is given up to LISTENERS_MOST sockets. Returns only what went wrong. */
enum status listener_give(const int *fds, size_t count, char **command,
                          struct error *error) MUST_CHECK;

#endif
