/*
 * A second look at a request's head, for what h2o 2.2.5 lets pass: ambiguous framing (RFC 9112
 * section 6.3: Content-Length with Transfer-Encoding, or several), a missing or repeated Host,
 * folded lines, and sizes far beyond need. Pure.
 */
#ifndef OM_GATEWAY_HTTP_HEAD_H
#define OM_GATEWAY_HTTP_HEAD_H

#include "gateway/problem.h"

#define HTTP_HEAD_MAX_BYTES 16384
#define HTTP_TARGET_MAX_BYTES 2048

/* `head` is the request line and the headers, up to and including the empty line. True when it is
   sound; otherwise what to answer before closing the connection. */
bool http_head_check(struct slice head, enum problem *problem, const char **detail);

/* The head of a request that a handler is looking at, in its connection's input. */
struct slice http_head_of(h2o_req_t *req);

#endif
