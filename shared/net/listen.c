#include "shared/net/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on(const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, off = 0;
    if (fd == -1)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        (address->ai_family != AF_INET6 ||
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) == 0) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int failure = errno;
    close(fd);
    errno = failure;
    return -1;
}

static enum status find_address(const char *setting, const char *address, const char *port,
                                struct addrinfo **found, struct error *error) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    int failure = getaddrinfo(address, port, &hints, found);
    if (failure == 0)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID, "%s: %s: %s", setting, address, gai_strerror(failure));
}

enum status listen_check(const char *setting, const char *address, struct error *error) {
    struct addrinfo *found = NULL;
    enum status status = find_address(setting, address, "0", &found, error);
    if (status == STATUS_OK)
        freeaddrinfo(found);
    return status;
}

enum status listen_open(const char *setting, const char *address, int64_t port, int *fd,
                        struct error *error) {
    struct addrinfo *found = NULL;
    char service[8];
    int opened = -1;
    snprintf(service, sizeof(service), "%u", (unsigned)port & 0xffffU);
    enum status status = find_address(setting, address, service, &found, error);
    if (status != STATUS_OK)
        return status;
    for (const struct addrinfo *at = found; at != NULL && opened == -1; at = at->ai_next)
        opened = listen_on(at);
    freeaddrinfo(found);
    if (opened == -1 && errno == EADDRINUSE)
        return error_set(error, STATUS_CONFLICT, "port %s of %s is taken by another program",
                         service, address);
    if (opened == -1)
        return error_set(error, STATUS_UNAVAILABLE, "listening on %s port %s: %s", address, service,
                         strerror(errno));
    *fd = opened;
    return STATUS_OK;
}

int64_t listen_port(int fd) {
    struct sockaddr_storage address;
    char service[NI_MAXSERV];
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        getnameinfo((struct sockaddr *)&address, len, NULL, 0, service, sizeof(service),
                    NI_NUMERICSERV) != 0)
        return 0;
    return strtol(service, NULL, 10);
}
