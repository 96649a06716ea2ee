#include "gateway/http/tls.h"

#include "shared/base/memory.h"
#include "shared/crypto/certificate.h"
#include "shared/observe/metrics.h"

#include <openssl/err.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

METRIC_GAUGE(certificate_end_seconds, "ordermesh_https_certificate_end_seconds", "",
             "When the certificate ends that clients are shown, since 1970; 0: no HTTPS.");

/* TLS 1.3's are all sound; of 1.2 only those that authenticate what they encrypt. */
#define CIPHERS_OF_TLS_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls {
    const char *cert_file, *key_file;
    pthread_mutex_t lock; /* of the pointer */
    SSL_CTX *context;
};

static enum status openssl_error(const char *what, const char *file, struct error *error) {
    char reason[160] = "unknown";
    unsigned long code = ERR_peek_last_error();
    if (code != 0)
        ERR_error_string_n(code, reason, sizeof(reason));
    ERR_clear_error();
    return error_set(error, STATUS_INVALID, "%s %s: %s", what, file, reason);
}

/* A client that offers only other protocols is refused; one that offers none gets HTTP/1.1. */
static int select_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
                           const unsigned char *offered, unsigned offered_len, void *closure) {
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *found;
    (void)ssl;
    (void)closure;
    if (SSL_select_next_proto(&found, chosen_len, ours, sizeof(ours) - 1, offered, offered_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

/* The last record's header, and the alert behind it. */
static _Thread_local struct {
    unsigned char record[TLS_ALERT_BYTES];
    bool is_there;
} last_alert;

/* The message callback of OpenSSL. A record that is encrypted names another type or length. */
static void keep_alert(int is_sent, int version, int type, const void *bytes, size_t len, SSL *ssl,
                       void *closure) {
    static const size_t header_len = SSL3_RT_HEADER_LENGTH;
    (void)version;
    (void)ssl;
    (void)closure;
    if (is_sent && type == SSL3_RT_HEADER && len == header_len)
        memcpy(last_alert.record, bytes, header_len);
    if (!is_sent || type != SSL3_RT_ALERT || len != TLS_ALERT_BYTES - header_len)
        return;
    const unsigned char *header = last_alert.record;
    last_alert.is_there = header[0] == SSL3_RT_ALERT && header[3] == 0 && header[4] == len;
    memcpy(last_alert.record + header_len, bytes, len);
}

bool tls_take_alert(unsigned char alert[TLS_ALERT_BYTES]) {
    bool is_there = last_alert.is_there;
    memcpy(alert, last_alert.record, TLS_ALERT_BYTES);
    last_alert.is_there = false;
    return is_there;
}

/* A key with a passphrase is no key: nobody is there to type it. */
static int no_passphrase(char *text, int size, int for_writing, void *closure) {
    (void)text;
    (void)size;
    (void)for_writing;
    (void)closure;
    return 0;
}

static enum status load(SSL_CTX *context, const struct tls *tls, struct error *error) {
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(context, tls->cert_file) != 1)
        return openssl_error("OM_TLS_CERT_FILE", tls->cert_file, error);
    if (SSL_CTX_use_PrivateKey_file(context, tls->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(context) != 1)
        return openssl_error("OM_TLS_KEY_FILE", tls->key_file, error);
    return STATUS_OK;
}

static enum status make_context(const struct tls *tls, SSL_CTX **context, struct error *error) {
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());
    if (made == NULL || SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(made, CIPHERS_OF_TLS_1_2) != 1) {
        SSL_CTX_free(made);
        return openssl_error("setting up", "TLS", error);
    }
    SSL_CTX_set_options(made, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                  SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(made, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(made, select_protocol, NULL);
    SSL_CTX_set_msg_callback(made, keep_alert);
    enum status status = load(made, tls, error);
    if (status != STATUS_OK) {
        SSL_CTX_free(made);
        return status;
    }
    metric_set(&certificate_end_seconds, 0, certificate_end_of(SSL_CTX_get0_certificate(made)));
    *context = made;
    return STATUS_OK;
}

enum status tls_create(const char *cert_file, const char *key_file, struct tls **tls,
                       struct error *error) {
    struct tls *made = mem_alloc(sizeof(*made));
    made->cert_file = cert_file;
    made->key_file = key_file;
    pthread_mutex_init(&made->lock, NULL);
    enum status status = make_context(made, &made->context, error);
    if (status == STATUS_OK)
        *tls = made;
    else
        tls_destroy(&made);
    return status;
}

void tls_destroy(struct tls **tls) {
    if (*tls == NULL)
        return;
    SSL_CTX_free((*tls)->context);
    pthread_mutex_destroy(&(*tls)->lock);
    free(*tls);
    *tls = NULL;
}

enum status tls_reload(struct tls *tls, struct error *error) {
    SSL_CTX *context;
    enum status status = make_context(tls, &context, error);
    if (status != STATUS_OK)
        return status;
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *old = tls->context;
    tls->context = context;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(old);
    return STATUS_OK;
}

SSL_CTX *tls_context(struct tls *tls) {
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *context = tls->context;
    SSL_CTX_up_ref(context);
    pthread_mutex_unlock(&tls->lock);
    return context;
}
