#include "gateway/server.h"

#include "gateway/problem.h"
#include "gateway/routes.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/metrics.h"

#include <errno.h>
#include <h2o/serverutil.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    BODY_MAX_BYTES = 256 * 1024,
    REQUEST_TIMEOUT_MS = 10000, /* for a whole request, and between two */
    SEND_TIMEOUT_MS = 10000,    /* for a client that does not read */
    ACCEPTS_A_TURN = 16,
    SPARE_DESCRIPTORS = 128,
    REDIS_START_MS = 1000,
    TURN_MS = 1000,
};

enum phase { PHASE_STARTING, PHASE_SERVING, PHASE_DRAINING, PHASE_STOPPING };

struct server_lane {
    struct lane lane;
    struct server *server;
    int listen_fd;
    h2o_accept_ctx_t accept;
    h2o_socket_t *listener;
    h2o_multithread_receiver_t control; /* only woken, never sent anything */
    size_t connection_count;
    enum status started;
    struct error error;
};

struct server {
    struct gateway *gateway;
    h2o_globalconf_t config;
    size_t connections_most; /* of one lane */
    _Atomic enum phase phase;
    sem_t lane_turned; /* posted by a lane that has started, and by one that has ended */
    struct server_lane *lanes;
    size_t running; /* lanes that have not ended */
};

/* --- listening -------------------------------------------------------------------------------- */

static int listen_on(const struct addrinfo *address) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, send_timeout_ms = SEND_TIMEOUT_MS;
    if (fd == -1)
        return -1;
    /* accepted sockets inherit the time-out, which closes a connection whose peer reads nothing */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &send_timeout_ms, sizeof(send_timeout_ms)) ==
            0 &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int failure = errno;
    close(fd);
    errno = failure;
    return -1;
}

static enum status open_listener(const char *host, int64_t port, int *fd, struct error *error) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)port & 0xffffU);
    int failure = getaddrinfo(host, service, &hints, &found);
    if (failure != 0)
        return error_set(error, STATUS_INVALID, "OM_HTTP_ADDRESS: %s", gai_strerror(failure));
    int opened = listen_on(found);
    freeaddrinfo(found);
    if (opened == -1)
        return error_set(error, STATUS_UNAVAILABLE, "listening on %s port %s: %s", host, service,
                         strerror(errno));
    *fd = opened;
    return STATUS_OK;
}

static int64_t port_of(int fd) {
    struct sockaddr_storage address;
    char service[NI_MAXSERV];
    socklen_t len = sizeof(address);
    if (getsockname(fd, (struct sockaddr *)&address, &len) != 0 ||
        getnameinfo((struct sockaddr *)&address, len, NULL, 0, service, sizeof(service),
                    NI_NUMERICSERV) != 0)
        return 0;
    return strtol(service, NULL, 10);
}

/* Port 0: the first listener takes a free one and the others join it. */
static enum status open_listeners(struct server *server, struct error *error) {
    const struct gateway_settings *settings = server->gateway->settings;
    int64_t port = settings->http_port;
    for (size_t i = 0; i < server->gateway->lane_count; i++) {
        enum status status =
            open_listener(settings->http_address, port, &server->lanes[i].listen_fd, error);
        if (status != STATUS_OK)
            return status;
        port = port_of(server->lanes[i].listen_fd);
    }
    log_info("listening", LOG_TEXT("address", settings->http_address), LOG_INT("port", port),
             LOG_INT("threads", (int64_t)server->gateway->lane_count));
    return STATUS_OK;
}

/* --- connections ------------------------------------------------------------------------------ */

static void on_connection_closed(void *closure) {
    struct server_lane *lane = closure;
    lane->connection_count--;
}

static bool accept_one(struct server_lane *lane) {
    h2o_socket_t *socket = h2o_evloop_socket_accept(lane->listener);
    if (socket == NULL)
        return false;
    /* running out of descriptors would take the connections to Redis and NATS along */
    if (lane->connection_count == lane->server->connections_most) {
        h2o_socket_close(socket);
        return true;
    }
    lane->connection_count++;
    socket->on_close.cb = on_connection_closed;
    socket->on_close.data = lane;
    h2o_accept(&lane->accept, socket);
    return true;
}

static void on_accept(h2o_socket_t *listener, const char *err) {
    if (err != NULL)
        return;
    for (int i = 0; i < ACCEPTS_A_TURN; i++)
        if (!accept_one(listener->data))
            return;
}

/* --- a lane's thread -------------------------------------------------------------------------- */

static void on_redis_change(void *closure, bool is_usable) {
    struct gateway *gateway = closure;
    int usable =
        atomic_fetch_add(&gateway->redis_usable, is_usable ? 1 : -1) + (is_usable ? 1 : -1);
    metric_set(METRIC_IDEMPOTENCY_DEGRADED, 0, usable < (int)gateway->lane_count);
}

/* Being woken is all: the loop looks at the phase after each turn. */
static void on_control(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages) {
    (void)receiver;
    (void)messages;
}

static enum status lane_open(struct server_lane *lane, size_t index) {
    struct gateway *gateway = lane->server->gateway;
    h2o_context_init(&lane->lane.context, h2o_evloop_create(), &lane->server->config);
    h2o_multithread_register_receiver(lane->lane.context.queue, &lane->control, on_control);
    lane->lane.gateway = gateway;
    lane->lane.broker = broker_lane_open(gateway->broker, index, &lane->lane.context);
    const struct redis_options options = {
        .context = &lane->lane.context,
        .url = gateway->config->redis_url,
        .timeout_ms = gateway->settings->redis_timeout_ms,
        .on_change = on_redis_change,
        .closure = gateway,
    };
    enum status status = redis_create(&options, &lane->lane.redis, &lane->error);
    if (status != STATUS_OK)
        return status;
    lane->lane.catalog = catalog_cache_create(&(struct catalog_cache_options){
        .context = &lane->lane.context,
        .redis = lane->lane.redis,
        .ttl_ms = gateway->settings->catalog_cache_ms,
    });
    lane->accept.ctx = &lane->lane.context;
    lane->accept.hosts = lane->server->config.hosts;
    return STATUS_OK;
}

static void lane_serve(struct server_lane *lane) {
    lane->listener = h2o_evloop_socket_create(lane->lane.context.loop, lane->listen_fd,
                                              H2O_SOCKET_FLAG_DONT_READ);
    lane->listener->data = lane;
    h2o_socket_read_start(lane->listener, on_accept);
}

/* Takes what the kernel has accepted already; connections end with their answer. */
static void lane_drain(struct server_lane *lane) {
    while (accept_one(lane))
        continue;
    h2o_socket_read_stop(lane->listener);
    h2o_socket_close(lane->listener);
    lane->listener = NULL;
    h2o_context_request_shutdown(&lane->lane.context);
}

/* Does what the server's phase asks for and is not done yet; false at the end. */
static bool lane_follow(struct server_lane *lane) {
    enum phase phase = atomic_load(&lane->server->phase);
    if (phase == PHASE_SERVING && lane->listener == NULL)
        lane_serve(lane);
    else if (phase == PHASE_DRAINING && lane->listener != NULL)
        lane_drain(lane);
    return phase != PHASE_STOPPING;
}

static void *run_lane(void *closure) {
    struct server_lane *lane = closure;
    struct server *server = lane->server;
    lane->started = lane_open(lane, (size_t)(lane - server->lanes));
    bool is_open = lane->started == STATUS_OK;
    sem_post(&server->lane_turned);
    while (is_open && lane_follow(lane))
        h2o_evloop_run(lane->lane.context.loop, TURN_MS);
    redis_destroy(&lane->lane.redis);
    catalog_cache_destroy(&lane->lane.catalog);
    sem_post(&server->lane_turned);
    /* h2o keeps caches in thread-local memory that nobody can free: the thread waits for the end of
       the process, so that they stay reachable */
    for (;;)
        pause();
    return NULL;
}

static void enter_phase(struct server *server, enum phase phase) {
    atomic_store(&server->phase, phase);
    for (size_t i = 0; i < server->running; i++)
        if (server->lanes[i].started == STATUS_OK)
            h2o_multithread_send_message(&server->lanes[i].control, NULL);
}

/* --- lifecycle -------------------------------------------------------------------------------- */

size_t server_lane_count(const struct gateway_settings *settings) {
    return settings->http_threads > 0 ? (size_t)settings->http_threads : h2o_numproc();
}

static void configure(struct server *server) {
    h2o_config_init(&server->config);
    server->config.server_name = h2o_iovec_init("", 0);
    server->config.max_request_entity_size = BODY_MAX_BYTES;
    server->config.http1.req_timeout = REQUEST_TIMEOUT_MS;
    server->config.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host =
        h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    /* h2o binds its own errors to the fallback path, so everything is served from there */
    routes_register(&host->fallback_path);
    problem_filter_register(&host->fallback_path);
}

static size_t connections_most(size_t lane_count) {
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t usable = limit.rlim_cur > 2 * SPARE_DESCRIPTORS ? limit.rlim_cur - SPARE_DESCRIPTORS
                                                           : SPARE_DESCRIPTORS;
    return (size_t)usable / lane_count;
}

static void wait_for_lane(struct server *server) {
    while (sem_wait(&server->lane_turned) != 0)
        continue; /* a signal */
}

static enum status start_lanes(struct server *server, struct error *error) {
    for (size_t i = 0; i < server->gateway->lane_count; i++) {
        struct server_lane *lane = &server->lanes[i];
        pthread_t thread;
        int failure = pthread_create(&thread, NULL, run_lane, lane);
        if (failure != 0)
            return error_set(error, STATUS_INTERNAL, "starting a loop: %s", strerror(failure));
        pthread_detach(thread);
        server->running++;
        wait_for_lane(server);
        if (lane->started != STATUS_OK) {
            *error = lane->error;
            return lane->started;
        }
    }
    return STATUS_OK;
}

static void wait_for_redis(struct gateway *gateway) {
    for (int waited_ms = 0; waited_ms < REDIS_START_MS; waited_ms++) {
        if (atomic_load(&gateway->redis_usable) == (int)gateway->lane_count)
            return;
        clock_sleep_ms(1);
    }
}

enum status server_start(struct gateway *gateway, struct server **server, struct error *error) {
    struct server *made = mem_alloc(sizeof(*made));
    made->gateway = gateway;
    made->connections_most = connections_most(gateway->lane_count);
    made->lanes = mem_alloc(gateway->lane_count * sizeof(*made->lanes));
    for (size_t i = 0; i < gateway->lane_count; i++) {
        made->lanes[i].server = made;
        made->lanes[i].listen_fd = -1;
    }
    sem_init(&made->lane_turned, 0, 0);
    configure(made);
    metric_set(METRIC_IDEMPOTENCY_DEGRADED, 0, 1);
    enum status status = open_listeners(made, error);
    if (status == STATUS_OK)
        status = start_lanes(made, error);
    if (status != STATUS_OK) {
        server_stop(made);
        return status;
    }
    wait_for_redis(gateway);
    enter_phase(made, PHASE_SERVING);
    *server = made;
    return STATUS_OK;
}

void server_drain(struct server *server, int64_t timeout_ms) {
    int64_t until_us = clock_monotonic_us() + timeout_ms * 1000;
    enter_phase(server, PHASE_DRAINING);
    do
        clock_sleep_ms(10);
    while (atomic_load(&server->gateway->in_flight) > 0 && clock_monotonic_us() < until_us);
}

void server_stop(struct server *server) {
    enter_phase(server, PHASE_STOPPING);
    for (; server->running > 0; server->running--)
        wait_for_lane(server);
}
