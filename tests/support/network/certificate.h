/* A self-signed certificate for a TLS server of a test. */
#ifndef OM_TESTS_SUPPORT_NETWORK_CERTIFICATE_H
#define OM_TESTS_SUPPORT_NETWORK_CERTIFICATE_H

/* Writes <dir>/server.pem, for 127.0.0.1, and its key <dir>/server.key with openssl; ends the test
   program where that fails. Blocks. */
void certificate_create(const char *dir);

#endif
