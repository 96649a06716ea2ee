/*
 * A receiver of HTTP requests for tests: a thread on a free loopback port that keeps the last
 * request, or all bodies, and answers as told, closing the connection each time.
 */
#ifndef OM_TESTS_SUPPORT_NETWORK_HTTP_SINK_H
#define OM_TESTS_SUPPORT_NETWORK_HTTP_SINK_H

#include "shared/base/buf.h"

struct http_sink;

struct http_sink *http_sink_start(void);
void http_sink_stop(struct http_sink **sink);
const char *http_sink_url(const struct http_sink *sink);
/* The status it answers with from now on, 200 at first; 0 hangs up instead. */
void http_sink_set_status(struct http_sink *sink, int status);
/* Retry-After of its answers from now on; 0: none, as at first. */
void http_sink_set_retry_after(struct http_sink *sink, int seconds);
/* From now on http_sink_body() is the bodies of all requests, each with a line's end. */
void http_sink_keep_all(struct http_sink *sink);
/* How many requests came, and the last one: its head as it came, or its body. Free with
   buf_fini(). */
int http_sink_count(struct http_sink *sink);
struct buf http_sink_head(struct http_sink *sink);
struct buf http_sink_body(struct http_sink *sink);

#endif
