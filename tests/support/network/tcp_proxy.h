/*
 * A TCP proxy between a test and a server on loopback, as a slow network: it can hold back the
 * first connection that it takes, while the others go through at once. Ends with the test program;
 * threads of its own.
 */
#ifndef OM_TESTS_SUPPORT_NETWORK_TCP_PROXY_H
#define OM_TESTS_SUPPORT_NETWORK_TCP_PROXY_H

#include <stdint.h>

struct tcp_proxy;

/* Listens on a free port and passes on to `port`. What goes through the first connection, in either
   direction, takes `first_delay_ms`. */
struct tcp_proxy *tcp_proxy_start(int port, int64_t first_delay_ms);
int tcp_proxy_port(const struct tcp_proxy *proxy);
/* Ends all connections and frees the proxy. */
void tcp_proxy_stop(struct tcp_proxy **proxy);

#endif
