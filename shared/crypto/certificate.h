/*
 * When X.509 certificates end, in seconds since 1970. Thread safe; only certificate_end_of_peer()
 * blocks.
 */
#ifndef OM_SHARED_CRYPTO_CERTIFICATE_H
#define OM_SHARED_CRYPTO_CERTIFICATE_H

#include "shared/base/slice.h"

#include <stdint.h>

struct x509_st; /* OpenSSL's X509 */

/* 0 for NULL. */
int64_t certificate_end_of(const struct x509_st *certificate);
/* Of those in a PEM file, such as a chain or authorities, the one that ends first; 0: there is
   none. */
int64_t certificate_end(struct slice pem);
/* Begins TLS on a connected socket, as a client that trusts anybody, and looks at the certificate
   that is shown; 0: none was. The socket is of no use afterwards. */
int64_t certificate_end_of_peer(int fd);

#endif
