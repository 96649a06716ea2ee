#include "shared/nats/nats_info.h"

#include "shared/base/memory.h"
#include "shared/crypto/certificate.h"
#include "shared/json/json.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define LINE_BYTES_MOST (64 * 1024)
#define NUMBER_MOST 999

/* Something may follow the third number, as in 2.12.0-RC.1. */
int nats_info_parse_version(struct slice text) {
    uint64_t major, minor, patch;
    if (!slice_parse_uint(slice_take_until(&text, '.'), NUMBER_MOST, &major) ||
        !slice_parse_uint(slice_take_until(&text, '.'), NUMBER_MOST, &minor) ||
        !slice_parse_uint(slice_take_digits(&text), NUMBER_MOST, &patch))
        return 0;
    return NATS_SERVER_VERSION((int)major, (int)minor, (int)patch);
}

/* "nats://user@host:4222" or "tls://[::1]:4222" into its two parts, malloc'ed. */
static bool split_url(const char *url, char **host, char **port) {
    const char *scheme_end = strstr(url, "://");
    const char *at = scheme_end != NULL ? scheme_end + 3 : url;
    const char *user_end = strchr(at, '@');
    if (user_end != NULL)
        at = user_end + 1;
    const char *colon = strrchr(at, ':');
    if (colon == NULL || colon == at)
        return false;
    bool is_bracketed = at[0] == '[' && colon[-1] == ']';
    const char *end = is_bracketed ? colon - 1 : colon;
    at += is_bracketed;
    *host = mem_copy((struct slice){at, (size_t)(end - at)});
    *port = mem_copy(slice_of(colon + 1));
    return true;
}

static int connect_to_one(const struct addrinfo *address, int64_t timeout_ms) {
    const struct timeval timeout = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)); /* connect() heeds it */
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    close(fd);
    return -1;
}

/* The first address that takes the connection. */
static int connect_to(const struct addrinfo *found, int64_t timeout_ms) {
    int fd = -1;
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next)
        fd = connect_to_one(at, timeout_ms);
    return fd;
}

static enum status open_socket(const char *url, int64_t timeout_ms, int *fd, struct error *error) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char *host = NULL, *port = NULL;
    if (!split_url(url, &host, &port))
        return error_set(error, STATUS_INVALID, "no host and port in the NATS server's URL");
    int failure = getaddrinfo(host, port, &hints, &found);
    free(host);
    free(port);
    if (failure != 0)
        return error_set(error, STATUS_UNAVAILABLE, "finding the NATS server: %s",
                         gai_strerror(failure));
    int opened = connect_to(found, timeout_ms);
    freeaddrinfo(found);
    if (opened < 0)
        return error_set(error, STATUS_UNAVAILABLE, "asking the NATS server: %s", strerror(errno));
    *fd = opened;
    return STATUS_OK;
}

/* Appends until the line is there. */
static enum status read_line(int fd, struct buf *line, struct error *error) {
    while (line->len == 0 || memchr(line->ptr, '\n', line->len) == NULL) {
        char part[4096];
        ssize_t got = recv(fd, part, sizeof(part), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || line->len > LINE_BYTES_MOST)
            return error_set(error, STATUS_UNAVAILABLE,
                             "the NATS server does not introduce itself");
        buf_append(line, part, (size_t)got);
    }
    line->len = (size_t)((char *)memchr(line->ptr, '\n', line->len) - line->ptr);
    return STATUS_OK;
}

/* A lone server of ours is in a cluster of its own name (nats/server.conf.in). */
static bool has_others(struct json_object *root) {
    struct slice cluster, name;
    if (json_get_string(root, "cluster", &cluster, NULL) != STATUS_OK)
        return false;
    return json_get_string(root, "server_name", &name, NULL) != STATUS_OK ||
           !slice_equal(cluster, name);
}

static enum status parse_line(struct slice line, struct nats_info *info, struct error *error) {
    struct slice prefix = SLICE_LITERAL("INFO "), text;
    struct json_object *root = NULL;
    if (line.len < prefix.len || memcmp(line.ptr, prefix.ptr, prefix.len) != 0)
        return error_set(error, STATUS_INVALID, "the server's greeting is not that of NATS");
    struct slice json = {line.ptr + prefix.len, line.len - prefix.len};
    enum status status = json_parse(json, &root, error);
    if (status != STATUS_OK)
        return status;
    status = json_get_string(root, "version", &text, error);
    int parsed = status == STATUS_OK ? nats_info_parse_version(text) : 0;
    if (status == STATUS_OK && parsed == 0)
        status = error_set(error, STATUS_INVALID, "version: %.40s", text.ptr);
    if (status == STATUS_OK)
        *info = (struct nats_info){parsed, has_others(root)};
    json_object_put(root);
    return status;
}

enum status nats_info_ask(const char *url, int64_t timeout_ms, struct nats_info *info,
                          struct error *error) {
    int fd;
    struct buf line = {0};
    enum status status = open_socket(url, timeout_ms, &fd, error);
    if (status != STATUS_OK)
        return status;
    status = read_line(fd, &line, error);
    close(fd);
    if (status == STATUS_OK)
        status = parse_line((struct slice){line.ptr, line.len}, info, error);
    buf_fini(&line);
    return status;
}

static bool speaks_tls(struct slice line) {
    static const char key[] = "\"tls_required\":true";
    return line.len > 0 && memmem(line.ptr, line.len, key, sizeof(key) - 1) != NULL;
}

enum status nats_info_ask_certificate(const char *url, int64_t timeout_ms, int64_t *end_s,
                                      struct error *error) {
    int fd;
    struct buf line = {0};
    enum status status = open_socket(url, timeout_ms, &fd, error);
    if (status != STATUS_OK)
        return status;
    status = read_line(fd, &line, error);
    if (status == STATUS_OK)
        *end_s = speaks_tls((struct slice){line.ptr, line.len}) ? certificate_end_of_peer(fd) : 0;
    close(fd);
    buf_fini(&line);
    return status;
}
