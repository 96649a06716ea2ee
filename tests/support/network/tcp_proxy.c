#include "tests/support/network/tcp_proxy.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINKS_MAX 16

/* One direction of a connection. */
struct flow {
    int from, to;
    int64_t delay_ms;
    pthread_t thread;
};

/* A connection; its sockets are closed when both directions have ended. */
struct link {
    int client, server;
    struct flow up, down;
};

struct tcp_proxy {
    int listener;
    int port, server_port;
    int64_t first_delay_ms;
    pthread_t thread;
    struct link links[LINKS_MAX]; /* of the proxy's thread until it is joined */
    int link_count;
};

static bool write_all(int fd, const char *bytes, ssize_t len) {
    while (len > 0) {
        ssize_t sent = send(fd, bytes, (size_t)len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        len -= sent;
    }
    return true;
}

static void *flow_main(void *arg) {
    struct flow *flow = arg;
    char bytes[65536];
    for (ssize_t len; (len = recv(flow->from, bytes, sizeof(bytes), 0)) > 0;) {
        if (flow->delay_ms > 0)
            clock_sleep_ms(flow->delay_ms);
        if (!write_all(flow->to, bytes, len))
            break;
    }
    shutdown(flow->from, SHUT_RDWR);
    shutdown(flow->to, SHUT_RDWR);
    return NULL;
}

static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int connect_to(int port) {
    struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void open_link(struct link *link, int64_t delay_ms) {
    link->up = (struct flow){.from = link->client, .to = link->server, .delay_ms = delay_ms};
    link->down = (struct flow){.from = link->server, .to = link->client, .delay_ms = delay_ms};
    if (pthread_create(&link->up.thread, NULL, flow_main, &link->up) != 0 ||
        pthread_create(&link->down.thread, NULL, flow_main, &link->down) != 0)
        abort();
}

static void *proxy_main(void *arg) {
    struct tcp_proxy *proxy = arg;
    for (int fd; (fd = accept(proxy->listener, NULL, NULL)) >= 0;) {
        int server = proxy->link_count < LINKS_MAX ? connect_to(proxy->server_port) : -1;
        if (server < 0) {
            close(fd);
            continue;
        }
        struct link *link = &proxy->links[proxy->link_count++];
        link->client = fd;
        link->server = server;
        open_link(link, proxy->link_count == 1 ? proxy->first_delay_ms : 0);
    }
    return NULL;
}

struct tcp_proxy *tcp_proxy_start(int port, int64_t first_delay_ms) {
    struct tcp_proxy *proxy = mem_alloc(sizeof(*proxy));
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof(address);
    proxy->server_port = port;
    proxy->first_delay_ms = first_delay_ms;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(proxy->listener, (struct sockaddr *)&address, len) != 0 ||
        listen(proxy->listener, 8) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *)&address, &len) != 0 ||
        pthread_create(&proxy->thread, NULL, proxy_main, proxy) != 0)
        abort();
    proxy->port = ntohs(address.sin_port);
    return proxy;
}

int tcp_proxy_port(const struct tcp_proxy *proxy) {
    return proxy->port;
}

void tcp_proxy_stop(struct tcp_proxy **proxy) {
    struct tcp_proxy *p = *proxy;
    *proxy = NULL;
    if (p == NULL)
        return;
    shutdown(p->listener, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->listener);
    for (int i = 0; i < p->link_count; i++) {
        shutdown(p->links[i].client, SHUT_RDWR);
        shutdown(p->links[i].server, SHUT_RDWR);
        pthread_join(p->links[i].up.thread, NULL);
        pthread_join(p->links[i].down.thread, NULL);
        close(p->links[i].client);
        close(p->links[i].server);
    }
    free(p);
}
