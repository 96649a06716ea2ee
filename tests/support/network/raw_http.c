#include "tests/support/network/raw_http.h"

#include "shared/base/memory.h"
#include "tests/support/base/process.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 10000

struct raw_connection {
    int fd;
    SSL_CTX *context;
    SSL *ssl; /* NULL: plain */
    struct buf input;
    size_t consumed;
};

static int connect_to(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = PATIENCE_MS / 1000};
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        fixture_fail("nobody listens on port %d", port);
    return fd;
}

struct raw_connection *raw_connect_tls(int port, const char *protocols, int tls_version_max) {
    struct raw_connection *made = mem_alloc(sizeof(*made));
    made->fd = connect_to(port);
    made->context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(made->context, tls_version_max);
    if (tls_version_max != 0) {
        /* what is to be refused has to be offered */
        SSL_CTX_set_security_level(made->context, 0);
        SSL_CTX_set_min_proto_version(made->context, 0);
    }
    made->ssl = SSL_new(made->context);
    if (protocols != NULL)
        SSL_set_alpn_protos(made->ssl, (const unsigned char *)protocols,
                            (unsigned)strlen(protocols));
    SSL_set_fd(made->ssl, made->fd);
    ERR_clear_error();
    if (SSL_connect(made->ssl) != 1)
        raw_close(&made);
    return made;
}

struct raw_connection *raw_connect(int port, bool is_tls) {
    struct raw_connection *made;
    if (is_tls) {
        made = raw_connect_tls(port, NULL, 0);
        if (made == NULL)
            fixture_fail("no TLS on port %d", port);
    } else {
        made = mem_alloc(sizeof(*made));
        made->fd = connect_to(port);
    }
    return made;
}

void raw_close(struct raw_connection **connection) {
    if (*connection == NULL)
        return;
    SSL_free((*connection)->ssl);
    SSL_CTX_free((*connection)->context);
    close((*connection)->fd);
    buf_fini(&(*connection)->input);
    free(*connection);
    *connection = NULL;
}

int raw_fd(const struct raw_connection *connection) {
    return connection->fd;
}

bool raw_send(struct raw_connection *connection, struct slice bytes) {
    while (bytes.len > 0) {
        ssize_t sent = connection->ssl != NULL
                           ? SSL_write(connection->ssl, bytes.ptr, (int)bytes.len)
                           : send(connection->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes = (struct slice){bytes.ptr + sent, bytes.len - (size_t)sent};
    }
    return true;
}

/* Appends what there is next; false at the end. */
static bool read_more(struct raw_connection *connection) {
    char part[4096];
    ssize_t got = connection->ssl != NULL ? SSL_read(connection->ssl, part, sizeof(part))
                                          : recv(connection->fd, part, sizeof(part), 0);
    if (got > 0)
        buf_append(&connection->input, part, (size_t)got);
    return got > 0;
}

/* The bytes received and not taken yet. */
static struct slice unread(const struct raw_connection *connection) {
    if (connection->input.len == connection->consumed)
        return (struct slice){"", 0};
    return (struct slice){connection->input.ptr + connection->consumed,
                          connection->input.len - connection->consumed};
}

static size_t content_length(const char *head) {
    static const char name[] = "\r\nContent-Length: ";
    const char *at = strstr(head, name);
    return at == NULL ? 0 : (size_t)strtoul(at + sizeof(name) - 1, NULL, 10);
}

static bool await_bytes(struct raw_connection *connection, size_t len) {
    while (unread(connection).len < len)
        if (!read_more(connection))
            return false;
    return true;
}

/* The length of the head; 0 when the server closed before its end. */
static size_t await_head(struct raw_connection *connection) {
    for (;;) {
        struct slice bytes = unread(connection);
        const char *end = memmem(bytes.ptr, bytes.len, "\r\n\r\n", 4);
        if (end != NULL)
            return (size_t)(end - bytes.ptr) + 4;
        if (!read_more(connection))
            return 0;
    }
}

int raw_read_answer(struct raw_connection *connection, struct raw_answer *answer) {
    *answer = (struct raw_answer){0};
    size_t head_len = await_head(connection);
    buf_append(&answer->head, unread(connection).ptr, head_len);
    buf_append_text(&answer->body, "");
    if (head_len == 0)
        return 0;
    size_t body_len = content_length(answer->head.ptr);
    if (!await_bytes(connection, head_len + body_len))
        return 0;
    buf_append(&answer->body, unread(connection).ptr + head_len, body_len);
    connection->consumed += head_len + body_len;
    if (strncmp(answer->head.ptr, "HTTP/1.1 ", 9) == 0)
        answer->status = (int)strtol(answer->head.ptr + 9, NULL, 10);
    return answer->status;
}

void raw_answer_fini(struct raw_answer *answer) {
    buf_fini(&answer->head);
    buf_fini(&answer->body);
}

bool raw_has_input(const struct raw_connection *connection, int64_t timeout_ms) {
    struct pollfd wanted = {.fd = connection->fd, .events = POLLIN};
    return unread(connection).len > 0 || poll(&wanted, 1, (int)timeout_ms) > 0;
}

bool raw_is_closed_within(struct raw_connection *connection, int64_t timeout_ms) {
    return unread(connection).len == 0 && raw_has_input(connection, timeout_ms) &&
           !read_more(connection);
}

char *raw_certificate_serial(const struct raw_connection *connection) {
    X509 *certificate = SSL_get1_peer_certificate(connection->ssl);
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get_serialNumber(certificate), NULL);
    char *digits = BN_bn2hex(number);
    char *copy = mem_copy(slice_of(digits));
    OPENSSL_free(digits);
    BN_free(number);
    X509_free(certificate);
    return copy;
}
