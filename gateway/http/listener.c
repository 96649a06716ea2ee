#include "gateway/http/listener.h"

#include "shared/net/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* h2o reads all there is: this bounds how much a connection can make it hold. */
#define RECEIVE_BUFFER_BYTES (32 * 1024)
#define FIRST_GIVEN 3 /* sd_listen_fds(3) */

/* Accepted sockets inherit both. */
static bool set_options(int fd, int send_timeout_ms) {
    int receive_bytes = RECEIVE_BUFFER_BYTES;
    return setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &send_timeout_ms,
                      sizeof(send_timeout_ms)) == 0 &&
           setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof(receive_bytes)) == 0;
}

enum status listener_open(const char *host, int64_t port, int64_t send_timeout_ms, int *fd,
                          struct error *error) {
    int opened = -1;
    enum status status = listen_open("OM_HTTP_ADDRESS", host, port, &opened, error);
    if (status != STATUS_OK)
        return status;
    if (!set_options(opened, (int)send_timeout_ms)) {
        status = error_set(error, STATUS_INTERNAL, "a listening socket: %s", strerror(errno));
        close(opened);
        return status;
    }
    *fd = opened;
    return STATUS_OK;
}

size_t listener_count_given(void) {
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    if (pid == NULL || count == NULL || strtol(pid, NULL, 10) != getpid())
        return 0;
    long given = strtol(count, NULL, 10);
    return given > 0 ? (size_t)given : 0;
}

enum status listener_take(size_t index, int64_t send_timeout_ms, int *fd, struct error *error) {
    int given = FIRST_GIVEN + (int)index, is_listening = 0;
    socklen_t len = sizeof(is_listening);
    if (getsockopt(given, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &len) != 0 || !is_listening)
        return error_set(error, STATUS_INVALID, "LISTEN_FDS: descriptor %d does not listen", given);
    if (!set_options(given, (int)send_timeout_ms) || fcntl(given, F_SETFD, FD_CLOEXEC) != 0 ||
        fcntl(given, F_SETFL, O_NONBLOCK) != 0)
        return error_set(error, STATUS_INTERNAL, "descriptor %d: %s", given, strerror(errno));
    *fd = given;
    return STATUS_OK;
}

enum status listener_share(int fd, int *shared, struct error *error) {
    *shared = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return *shared != -1 ? STATUS_OK
                         : error_set(error, STATUS_UNAVAILABLE, "listening: %s", strerror(errno));
}

enum status listener_give(const int *fds, size_t count, char **command, struct error *error) {
    char text[24];
    /* Out of the way first: a descriptor may stand where another has to go. */
    int aside[LISTENERS_MOST];
    for (size_t i = 0; i < count; i++) {
        aside[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST_GIVEN + LISTENERS_MOST);
        if (aside[i] == -1)
            return error_set(error, STATUS_UNAVAILABLE, "listening: %s", strerror(errno));
    }
    for (size_t i = 0; i < count; i++)
        dup2(aside[i], FIRST_GIVEN + (int)i);
    snprintf(text, sizeof(text), "%zu", count);
    setenv("LISTEN_FDS", text, 1);
    snprintf(text, sizeof(text), "%d", (int)getpid());
    setenv("LISTEN_PID", text, 1);
    execvp(command[0], command);
    return error_set(error, STATUS_INVALID, "%s: %s", command[0], strerror(errno));
}
