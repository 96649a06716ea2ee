#include "shared/crypto/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <time.h>

int64_t certificate_end_of(const struct x509_st *certificate) {
    struct tm end;
    if (certificate == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &end) != 1)
        return 0;
    return (int64_t)timegm(&end);
}

int64_t certificate_end(struct slice pem) {
    int64_t first = 0;
    X509 *certificate;
    BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    while (bio != NULL && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        int64_t end = certificate_end_of(certificate);
        if (first == 0 || end < first)
            first = end;
        X509_free(certificate);
    }
    ERR_clear_error(); /* that there are no more */
    BIO_free(bio);
    return first;
}

int64_t certificate_end_of_peer(int fd) {
    int64_t end = 0;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = context != NULL ? SSL_new(context) : NULL;
    if (ssl != NULL && SSL_set_fd(ssl, fd) == 1) {
        /* A server that asks for a certificate refuses us, after it has shown its own. */
        (void)SSL_connect(ssl);
        end = certificate_end_of(SSL_get0_peer_certificate(ssl));
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    ERR_clear_error();
    return end;
}
