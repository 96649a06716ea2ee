/*
 * The load client's own HTTP/1.1, cheap enough to share a machine with what it measures: a parser
 * for answers that may not be whole yet, and one blocking call on a kept connection.
 *
 * It reads what gateway answers send: a status line, headers, a body with Content-Length. An answer
 * borrows from the bytes it was parsed from. Not thread safe on one connection. Tests that look at
 * answers closely use http.h.
 */
#ifndef OM_TESTS_SUPPORT_LOAD_LOAD_HTTP_H
#define OM_TESTS_SUPPORT_LOAD_LOAD_HTTP_H

#include "shared/base/buf.h"

#include <stdint.h>

struct http_answer {
    int status;        /* 0: no answer */
    struct slice head; /* status line and headers */
    struct slice body;
    size_t length; /* bytes of the whole answer */
    bool closes;   /* the server will close the connection */
};

enum http_parse { HTTP_PARSE_WHOLE, HTTP_PARSE_PARTIAL, HTTP_PARSE_BAD };
enum http_parse http_answer_parse(struct slice bytes, struct http_answer *answer);
/* A header's value without surrounding blanks; empty when absent. `name` in any case. */
struct slice http_answer_header(const struct http_answer *answer, const char *name);
/* The string member `name` of a flat JSON body, unescaped text only; empty when absent. */
struct slice http_answer_member(const struct http_answer *answer, const char *name);

/* A non-blocking TCP socket being connected to 127.0.0.1:`port`; -1 when it failed at once. */
int http_connect(uint16_t port);

/* A kept connection for blocking calls. Zero-initialize with `port` set; fini closes. */
struct http_connection {
    uint16_t port;
    int fd; /* valid while is_open */
    bool is_open;
    struct buf in;
};

/* Appends a request. `headers` are whole lines ending in CRLF, or ""; `body` NULL for none. */
void http_request_write(struct buf *out, const char *method, const char *path, const char *headers,
                        const char *body);
/* Sends `request` and waits up to `timeout_ms`. The answer is valid until the next call; its status
   is 0 when the connection failed or time ran out (the connection is then closed). */
struct http_answer http_call(struct http_connection *connection, struct slice request,
                             int64_t timeout_ms);
void http_connection_fini(struct http_connection *connection);

#endif
