/*
 * HTTP/1.1 connections on h2o's sockets, in front of h2o's handlers and filters. h2o 2.2.5 has its
 * own, but that one accepts ambiguous framing, answers what it cannot parse as plain text, never
 * gives up on a client that does not read, and would speak HTTP/2 where asked.
 *
 * A connection reads one request (http_head.h, http_chunks.h), hands it to h2o, writes the answer,
 * and goes on to the next, which may have arrived already. A request that cannot be trusted is
 * answered with its problem, and the connection ends; so it does where a client sends or reads too
 * slowly (struct http1_limits).
 *
 * The requests of a loop take no more than input_most_bytes of memory together, from their first
 * byte to their answer, counted as they arrive. Beyond that, who has been sending for longest is
 * refused first: so neither many senders nor slow ones keep out one that sends what it has.
 *
 * Loop thread only.
 */
#ifndef OM_GATEWAY_HTTP_HTTP1_H
#define OM_GATEWAY_HTTP_HTTP1_H

#include "gateway/http/http_head.h"
#include "shared/base/buf.h"

#include "shared/loop/loop.h"

/* Set by the routes, which know what requests mean. */
struct http1_callbacks {
    /* Whether the body of a request, whose head has come, is wanted. False: the request, handed on
       as it is, will be refused. */
    bool (*awaits_body)(h2o_req_t *req, const struct http_head *head);
    /* Answers a request that could not be read. `detail` may be NULL. */
    void (*refuse)(h2o_req_t *req, enum problem problem, const char *detail);
};

struct http1_limits {
    size_t body_max_bytes;
    size_t input_most_bytes;
    uint64_t request_timeout_ms; /* from a connection's or a request's first byte to its last */
    uint64_t idle_timeout_ms;    /* between two requests */
    uint64_t send_timeout_ms;    /* for what is written to have left */
};

/* Shared by the connections of one loop. */
struct http1_lane {
    h2o_context_t *context;
    h2o_hostconf_t **hosts;
    const struct http1_callbacks *callbacks;
    size_t body_max_bytes;
    size_t input_most_bytes, input_bytes;
    struct delay request_timeout, idle_timeout, send_timeout, linger_timeout, turn_timeout;
    h2o_linklist_t connections; /* in the order in which their requests began */
    struct buf scratch;
};

/* `callbacks` is borrowed for the lane's life. */
void http1_lane_init(struct http1_lane *lane, h2o_context_t *context, h2o_hostconf_t **hosts,
                     const struct http1_callbacks *callbacks, const struct http1_limits *limits);

/* Serves the socket until it closes. `tls` (may be NULL) is borrowed during the call. A connection
   that is one too many gets a 503 at once. */
void http1_accept(struct http1_lane *lane, h2o_socket_t *socket, SSL_CTX *tls, bool is_surplus);

#endif
