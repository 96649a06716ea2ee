#include "gateway/http/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* h2o reads all there is: this bounds how much a connection can make it hold. */
#define RECEIVE_BUFFER_BYTES (32 * 1024)

static int listen_on(const struct addrinfo *address, int send_timeout_ms) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, receive_bytes = RECEIVE_BUFFER_BYTES;
    if (fd == -1)
        return -1;
    /* accepted sockets inherit time-out and buffer */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &send_timeout_ms, sizeof(send_timeout_ms)) ==
            0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)) == 0 &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int failure = errno;
    close(fd);
    errno = failure;
    return -1;
}

enum status listener_open(const char *host, int64_t port, int64_t send_timeout_ms, int *fd,
                          struct error *error) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)port & 0xffffU);
    int failure = getaddrinfo(host, service, &hints, &found);
    if (failure != 0)
        return error_set(error, STATUS_INVALID, "OM_HTTP_ADDRESS: %s", gai_strerror(failure));
    int opened = listen_on(found, (int)send_timeout_ms);
    freeaddrinfo(found);
    if (opened == -1)
        return error_set(error, STATUS_UNAVAILABLE, "listening on %s port %s: %s", host, service,
                         strerror(errno));
    *fd = opened;
    return STATUS_OK;
}

int64_t listener_port(int fd) {
    struct sockaddr_storage address;
    char service[NI_MAXSERV];
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        getnameinfo((struct sockaddr *)&address, len, NULL, 0, service, sizeof(service),
                    NI_NUMERICSERV) != 0)
        return 0;
    return strtol(service, NULL, 10);
}
