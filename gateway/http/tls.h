/*
 * HTTPS by OpenSSL: certificate and key from PEM files, TLS 1.2 and later, ciphers with forward
 * secrecy, and HTTP/1.1 as the only protocol to agree on (ALPN).
 *
 * The certificate can be replaced while connections are open: they keep theirs, new ones get the
 * new one. Thread safe.
 */
#ifndef OM_GATEWAY_HTTP_TLS_H
#define OM_GATEWAY_HTTP_TLS_H

#include "shared/base/status.h"

#include <openssl/ssl.h>
#include <stdbool.h>

struct tls;

/* Reads the files (blocks); their names are borrowed until tls_destroy(). */
enum status tls_create(const char *cert_file, const char *key_file, struct tls **tls,
                       struct error *error) MUST_CHECK;
void tls_destroy(struct tls **tls);

/* Reads the files again. When that fails, certificate and key stay as they were. */
enum status tls_reload(struct tls *tls, struct error *error) MUST_CHECK;

/* The context for new connections; give it back with SSL_CTX_free(). */
SSL_CTX *tls_context(struct tls *tls);

#define TLS_ALERT_BYTES 7

/* The alert of the handshake that failed just now on this thread, as a record to be sent. False:
   there was none, or the connection was encrypted already. */
bool tls_take_alert(unsigned char alert[TLS_ALERT_BYTES]);

#endif
