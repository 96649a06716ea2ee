#include "tests/support/load/load_http.h"

#include "shared/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *find(struct slice in, const char *text) {
    return in.len == 0 ? NULL : memmem(in.ptr, in.len, text, strlen(text));
}

struct slice http_answer_header(const struct http_answer *answer, const char *name) {
    size_t name_len = strlen(name);
    const char *end = answer->head.ptr + answer->head.len;
    const char *line = answer->head.ptr;

    while (line < end) {
        const char *eol = memmem(line, (size_t)(end - line), "\r\n", 2);
        if (eol == NULL)
            eol = end;
        if ((size_t)(eol - line) > name_len && line[name_len] == ':' &&
            strncasecmp(line, name, name_len) == 0) {
            const char *value = line + name_len + 1;
            while (value < eol && *value == ' ')
                value++;
            return (struct slice){value, (size_t)(eol - value)};
        }
        line = eol + 2;
    }
    return (struct slice){NULL, 0};
}

struct slice http_answer_member(const struct http_answer *answer, const char *name) {
    struct buf needle = {0};
    struct slice value = {NULL, 0};

    buf_printf(&needle, "\"%s\":", name);
    const char *at = find(answer->body, needle.ptr);
    if (at != NULL) {
        const char *end = answer->body.ptr + answer->body.len;
        const char *start = at + needle.len;
        while (start < end && *start == ' ')
            start++;
        if (start < end && *start == '"') {
            start++;
            const char *quote = memchr(start, '"', (size_t)(end - start));
            if (quote != NULL)
                value = (struct slice){start, (size_t)(quote - start)};
        }
    }
    buf_fini(&needle);
    return value;
}

enum http_parse http_answer_parse(struct slice bytes, struct http_answer *answer) {
    struct http_answer got = {0};
    const char *end = find(bytes, "\r\n\r\n");

    if (end == NULL)
        return bytes.len > 65536 ? HTTP_PARSE_BAD : HTTP_PARSE_PARTIAL;
    if (bytes.len < 12 || memcmp(bytes.ptr, "HTTP/1.", 7) != 0)
        return HTTP_PARSE_BAD;
    got.status = (int)strtol(bytes.ptr + 9, NULL, 10);
    got.head = (struct slice){bytes.ptr, (size_t)(end - bytes.ptr)};
    struct slice length = http_answer_header(&got, "content-length");
    if (length.len == 0)
        return HTTP_PARSE_BAD;
    size_t body_len = strtoul(length.ptr, NULL, 10);
    got.length = got.head.len + 4 + body_len;
    if (bytes.len < got.length)
        return HTTP_PARSE_PARTIAL;
    got.body = (struct slice){end + 4, body_len};
    struct slice connection = http_answer_header(&got, "connection");
    got.closes = connection.len == 5 && strncasecmp(connection.ptr, "close", 5) == 0;
    *answer = got;
    return HTTP_PARSE_WHOLE;
}

int http_connect(uint16_t port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS) {
        close(fd);
        return -1;
    }
    return fd;
}

void http_request_write(struct buf *out, const char *method, const char *path, const char *headers,
                        const char *body) {
    buf_printf(out, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s", method, path, headers);
    if (body != NULL)
        buf_printf(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    buf_append_text(out, "\r\n");
    if (body != NULL)
        buf_append_text(out, body);
}

/* Waits until the socket is ready for `events`; false when time ran out. */
static bool await(int fd, short events, int64_t deadline_us) {
    int64_t left_ms = (deadline_us - clock_monotonic_us()) / 1000;
    struct pollfd poller = {.fd = fd, .events = events};

    return left_ms > 0 && poll(&poller, 1, (int)left_ms) == 1;
}

static bool send_whole(int fd, struct slice bytes, int64_t deadline_us) {
    while (bytes.len > 0) {
        if (!await(fd, POLLOUT, deadline_us))
            return false;
        ssize_t sent = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (sent > 0) {
            bytes.ptr += sent;
            bytes.len -= (size_t)sent;
        }
    }
    return true;
}

static bool receive_answer(struct http_connection *connection, struct http_answer *answer,
                           int64_t deadline_us) {
    struct buf *in = &connection->in;

    for (;;) {
        enum http_parse parsed = http_answer_parse(buf_slice(in), answer);
        if (parsed != HTTP_PARSE_PARTIAL)
            return parsed == HTTP_PARSE_WHOLE;
        if (!await(connection->fd, POLLIN, deadline_us))
            return false;
        buf_reserve(in, 16384);
        ssize_t got = recv(connection->fd, in->ptr + in->len, 16384, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
            return false;
        if (got > 0)
            in->len += (size_t)got;
    }
}

static void close_connection(struct http_connection *connection) {
    if (connection->is_open)
        close(connection->fd);
    connection->is_open = false;
}

struct http_answer http_call(struct http_connection *connection, struct slice request,
                             int64_t timeout_ms) {
    int64_t deadline_us = clock_monotonic_us() + timeout_ms * 1000;
    struct http_answer answer = {0};

    if (!connection->is_open) {
        connection->fd = http_connect(connection->port);
        connection->is_open = connection->fd >= 0;
    }
    buf_clear(&connection->in);
    if (!connection->is_open || !send_whole(connection->fd, request, deadline_us) ||
        !receive_answer(connection, &answer, deadline_us)) {
        close_connection(connection);
        return (struct http_answer){0};
    }
    if (answer.closes)
        close_connection(connection);
    return answer;
}

void http_connection_fini(struct http_connection *connection) {
    close_connection(connection);
    buf_fini(&connection->in);
}
