/*
 * The HTTP server: one h2o loop a thread, which shares the listening sockets with the others and
 * has its own connection to Redis and its own lane of the broker. HTTP/1.1 only, plain and, where
 * OM_HTTPS_PORT is set, over TLS.
 *
 * Called by the main thread, except what handlers reach through their lane.
 */
#ifndef OM_GATEWAY_SERVER_H
#define OM_GATEWAY_SERVER_H

#include "gateway/lane/lane.h"

struct server;

/* Cores when the setting says 0. */
size_t server_lane_count(const struct gateway_settings *settings);

/* Listens and serves; waits a moment for Redis, so that the first requests find it. */
enum status server_start(struct gateway *gateway, struct server **server,
                         struct error *error) MUST_CHECK;
/* Opens what a gateway with these settings would listen on and becomes `command`, whose gateways
   take these sockets (gateway/http/listener.h). Returns only what went wrong. */
enum status server_hold(const struct gateway_settings *settings, char **command,
                        struct error *error) MUST_CHECK;
/* Reads certificate and key again; a fault in them is logged, and changes nothing. */
void server_reload(struct server *server);
/* Accepts nothing any more and waits up to `timeout_ms` for the answers that are due. */
void server_drain(struct server *server, int64_t timeout_ms);
/* Ends the loops. Their memory stays as it is until the process ends, soon: h2o 2.2.5 cannot
   dispose of a context with idle connections. */
void server_stop(struct server *server);

#endif
