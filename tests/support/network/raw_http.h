/*
 * HTTP as bytes, for tests that send what no client library would: a connection, plain or TLS, and
 * its answers one after another. Waits up to 10 s. Not thread safe; one thread a connection.
 */
#ifndef OM_TESTS_SUPPORT_NETWORK_RAW_HTTP_H
#define OM_TESTS_SUPPORT_NETWORK_RAW_HTTP_H

#include "shared/base/buf.h"

struct raw_connection;

/* To 127.0.0.1. A server that cannot be reached ends the test program. */
struct raw_connection *raw_connect(int port, bool is_tls);
/* The same, and NULL instead where the TLS handshake fails; ERR_peek_error() tells why. `protocols`
   (may be NULL) is offered by ALPN, as OpenSSL wants it, such as "\x08http/1.1". `tls_version_max`
   0: any. */
struct raw_connection *raw_connect_tls(int port, const char *protocols, int tls_version_max);
void raw_close(struct raw_connection **connection);
int raw_fd(const struct raw_connection *connection);

/* False when the server has closed. */
bool raw_send(struct raw_connection *connection, struct slice bytes);

struct raw_answer {
    int status; /* 0: closed without an answer */
    struct buf head, body;
};

/* Reads one answer with a Content-Length. Returns its status. Free *answer in any case. */
int raw_read_answer(struct raw_connection *connection, struct raw_answer *answer);
void raw_answer_fini(struct raw_answer *answer);

/* There is something to read, or the end, within `timeout_ms`. */
bool raw_has_input(const struct raw_connection *connection, int64_t timeout_ms);
/* The server closes within `timeout_ms`, sending nothing more. */
bool raw_is_closed_within(struct raw_connection *connection, int64_t timeout_ms);
/* The serial number of the server's certificate, in hexadecimal digits; free it. */
char *raw_certificate_serial(const struct raw_connection *connection);

#endif
