#include "gateway/server.h"

#include "gateway/admit/rate_limit.h"
#include "gateway/catalog/catalog_cache.h"
#include "gateway/customers/seal_look.h"
#include "gateway/customers/shared_seal.h"
#include "gateway/http/http1.h"
#include "gateway/http/listener.h"
#include "gateway/http/tls.h"
#include "gateway/kept/kept_sweep.h"
#include "gateway/link/broker.h"
#include "gateway/link/redis.h"
#include "gateway/live/events.h"
#include "gateway/orders/publish.h"
#include "gateway/routes.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/net/listen.h"
#include "shared/observe/log.h"

#include <h2o/serverutil.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    BODY_MAX_BYTES = 256 * 1024,
    ACCEPTS_A_TURN = 4, /* the other lanes are woken, too */
    SPARE_DESCRIPTORS = 128,
    SURPLUS_CONNECTIONS = 64, /* that are only answered with 503 */
    REDIS_START_MS = 1000,
    TURN_MS = 1000,
};

enum phase { PHASE_STARTING, PHASE_SERVING, PHASE_DRAINING, PHASE_STOPPING };

enum listener_kind { LISTENER_PLAIN, LISTENER_TLS, LISTENER_KINDS };

struct lane_listener {
    struct server_lane *lane;
    int fd; /* -1: there is none */
    h2o_socket_t *socket;
};

struct server_lane {
    struct lane lane;
    struct server *server;
    struct lane_listener listeners[LISTENER_KINDS];
    bool is_listening;
    struct http1_lane http1;
    h2o_multithread_receiver_t control; /* only woken, never sent anything */
    enum status started;
    struct error error;
};

struct server {
    struct gateway *gateway;
    h2o_globalconf_t config;
    struct tls *tls; /* NULL: no HTTPS */
    size_t connections_most;
    atomic_size_t connection_count;
    _Atomic enum phase phase;
    sem_t lane_turned; /* posted by a lane that has started, and by one that has ended */
    struct server_lane *lanes;
    size_t running; /* lanes that have not ended */
};

/* --- listening -------------------------------------------------------------------------------- */

static bool is_wanted(const struct gateway_settings *settings, enum listener_kind kind) {
    return kind == LISTENER_TLS ? settings->https_port != 0 : settings->http_port >= 0;
}

/* The sockets that the settings ask for, in the order of their kinds: given to this process, or
   opened. A kind that is not wanted stays as it is. */
static enum status listen_all(const struct gateway_settings *settings, int fds[LISTENER_KINDS],
                              struct error *error) {
    size_t given = listener_count_given(), taken = 0;
    for (enum listener_kind kind = LISTENER_PLAIN; kind < LISTENER_KINDS; kind++) {
        if (!is_wanted(settings, kind))
            continue;
        enum status status =
            given > 0
                ? listener_take(taken, settings->send_timeout_ms, &fds[kind], error)
                : listener_open(settings->http_address,
                                kind == LISTENER_TLS ? settings->https_port : settings->http_port,
                                settings->send_timeout_ms, &fds[kind], error);
        if (status != STATUS_OK)
            return status;
        taken++;
    }
    if (given > 0 && given != taken)
        return error_set(error, STATUS_INVALID, "LISTEN_FDS is %zu, and the settings ask for %zu",
                         given, taken);
    return STATUS_OK;
}

static enum status share_among_lanes(struct server *server, const int fds[LISTENER_KINDS],
                                     struct error *error) {
    for (size_t kind = 0; kind < LISTENER_KINDS; kind++) {
        if (fds[kind] == -1)
            continue;
        for (size_t i = 0; i < server->gateway->lane_count; i++) {
            enum status status =
                listener_share(fds[kind], &server->lanes[i].listeners[kind].fd, error);
            if (status != STATUS_OK)
                return status;
        }
        log_info(kind == LISTENER_TLS ? "listening for HTTPS" : "listening",
                 LOG_TEXT("address", server->gateway->settings->http_address),
                 LOG_INT("port", listen_port(fds[kind])),
                 LOG_INT("threads", (int64_t)server->gateway->lane_count));
        close(fds[kind]);
    }
    return STATUS_OK;
}

static enum status open_listeners(struct server *server, struct error *error) {
    const struct gateway_settings *settings = server->gateway->settings;
    int fds[LISTENER_KINDS] = {-1, -1};
    enum status status = listen_all(settings, fds, error);
    if (status == STATUS_OK && is_wanted(settings, LISTENER_TLS))
        status = tls_create(settings->tls_cert_file, settings->tls_key_file, &server->tls, error);
    return status == STATUS_OK ? share_among_lanes(server, fds, error) : status;
}

enum status server_hold(const struct gateway_settings *settings, char **command,
                        struct error *error) {
    int fds[LISTENER_KINDS] = {-1, -1}, held[LISTENER_KINDS];
    size_t count = 0;
    enum status status = listen_all(settings, fds, error);
    for (size_t kind = 0; kind < LISTENER_KINDS; kind++)
        if (fds[kind] != -1)
            held[count++] = fds[kind];
    return status == STATUS_OK ? listener_give(held, count, command, error) : status;
}

/* --- connections ------------------------------------------------------------------------------ */

static void on_connection_closed(void *closure) {
    struct server *server = closure;
    atomic_fetch_sub(&server->connection_count, 1);
}

/* Running out of descriptors would take the connections to Redis and NATS along. A client over the
   limit is told so, and where even such clients are too many, closed. */
static bool accept_one(struct lane_listener *listener) {
    struct server *server = listener->lane->server;
    h2o_socket_t *socket = h2o_evloop_socket_accept(listener->socket);
    if (socket == NULL)
        return false;
    socket->on_close.cb = on_connection_closed;
    socket->on_close.data = server;
    size_t before = atomic_fetch_add(&server->connection_count, 1);
    if (before >= server->connections_most + SURPLUS_CONNECTIONS) {
        h2o_socket_close(socket);
        return true;
    }
    bool is_tls = listener == &listener->lane->listeners[LISTENER_TLS];
    SSL_CTX *tls = is_tls ? tls_context(server->tls) : NULL;
    http1_accept(&listener->lane->http1, socket, tls, before >= server->connections_most);
    SSL_CTX_free(tls);
    return true;
}

static void on_accept(h2o_socket_t *socket, const char *err) {
    if (err != NULL)
        return;
    for (int i = 0; i < ACCEPTS_A_TURN; i++)
        if (!accept_one(socket->data))
            return;
}

/* --- a lane's thread -------------------------------------------------------------------------- */

/* Being woken is all: the loop looks at the phase after each turn. */
static void on_control(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages) {
    (void)receiver;
    (void)messages;
}

/* The parts that handlers reach. */
static enum status open_parts(struct lane *lane, size_t index, struct error *error) {
    struct gateway *gateway = lane->gateway;
    lane->broker = broker_lane_open(gateway->broker, index, &lane->context);
    const struct redis_options options = {
        .context = &lane->context,
        .url = gateway->config->redis_url,
        .timeout_ms = gateway->settings->redis_timeout_ms,
        .health = &gateway->redis_health,
    };
    enum status status = redis_create(&options, &lane->redis, error);
    if (status != STATUS_OK)
        return status;
    lane->limiter = rate_limiter_create(gateway->limits, lane->redis);
    lane->catalog = catalog_cache_create(&(struct catalog_cache_options){
        .context = &lane->context,
        .redis = lane->redis,
        .ttl_ms = gateway->settings->catalog_cache_ms,
    });
    lane->publish = publish_lane_create(&(struct publish_options){
        .context = &lane->context,
        .broker = lane->broker,
        .keys = gateway->keys,
        .health = gateway->publish_health,
        .timeout_ms = gateway->settings->publish_timeout_ms,
    });
    lane->seal = seal_lane_create(&lane->context);
    if (index == 0) {
        lane->probe = publish_probe_create(gateway->publish_health, &lane->context, lane->broker);
        lane->sweep = kept_sweep_create(lane);
        lane->seal_poll = shared_seal_poll_create(lane);
    }
    lane->events = events_open(lane, index);
    return STATUS_OK;
}

/* Redis comes first: it fails the calls in flight, which the others still answer. */
static void close_parts(struct lane *lane) {
    redis_destroy(&lane->redis);
    rate_limiter_destroy(&lane->limiter);
    catalog_cache_destroy(&lane->catalog);
    publish_lane_destroy(&lane->publish);
    publish_probe_destroy(&lane->probe);
    kept_sweep_destroy(&lane->sweep);
    shared_seal_poll_destroy(&lane->seal_poll);
    seal_lane_destroy(&lane->seal);
    events_close(&lane->events);
}

/* One loop's, and room for two bodies at least. */
static size_t input_share(const struct gateway *gateway) {
    size_t share = (size_t)gateway->settings->max_input_bytes / gateway->lane_count;
    return share > 2 * (size_t)BODY_MAX_BYTES ? share : 2 * (size_t)BODY_MAX_BYTES;
}

static enum status lane_open(struct server_lane *lane, size_t index) {
    struct gateway *gateway = lane->server->gateway;
    h2o_context_init(&lane->lane.context, h2o_evloop_create(), &lane->server->config);
    h2o_multithread_register_receiver(lane->lane.context.queue, &lane->control, on_control);
    lane->lane.gateway = gateway;
    enum status status = open_parts(&lane->lane, index, &lane->error);
    if (status != STATUS_OK)
        return status;
    const struct http1_limits limits = {
        .body_max_bytes = BODY_MAX_BYTES,
        .input_most_bytes = input_share(gateway),
        .request_timeout_ms = (uint64_t)gateway->settings->request_timeout_ms,
        .idle_timeout_ms = (uint64_t)gateway->settings->idle_timeout_ms,
        .send_timeout_ms = (uint64_t)gateway->settings->send_timeout_ms,
    };
    http1_lane_init(&lane->http1, &lane->lane.context, lane->server->config.hosts,
                    &routes_callbacks, &limits);
    return STATUS_OK;
}

static void lane_serve(struct server_lane *lane) {
    lane->is_listening = true;
    for (size_t i = 0; i < LISTENER_KINDS; i++) {
        struct lane_listener *listener = &lane->listeners[i];
        if (listener->fd == -1)
            continue;
        listener->socket = h2o_evloop_socket_create(lane->lane.context.loop, listener->fd,
                                                    H2O_SOCKET_FLAG_DONT_READ);
        listener->socket->data = listener;
        h2o_socket_read_start(listener->socket, on_accept);
    }
}

/* Takes what the kernel has accepted already; connections end with their answer. */
static void lane_drain(struct server_lane *lane) {
    lane->is_listening = false;
    for (size_t i = 0; i < LISTENER_KINDS; i++) {
        struct lane_listener *listener = &lane->listeners[i];
        if (listener->fd == -1)
            continue;
        while (accept_one(listener))
            continue;
        h2o_socket_read_stop(listener->socket);
        h2o_socket_close(listener->socket);
    }
    events_drain(lane->lane.events);
    h2o_context_request_shutdown(&lane->lane.context);
}

/* Catches up with the server's phase; false at the end. */
static bool lane_follow(struct server_lane *lane) {
    enum phase phase = atomic_load(&lane->server->phase);
    if (phase == PHASE_SERVING && !lane->is_listening)
        lane_serve(lane);
    else if (phase == PHASE_DRAINING && lane->is_listening)
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
    close_parts(&lane->lane);
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
    /* an HTTP/1.0 request that names no host means this one */
    h2o_hostconf_t *host =
        h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("localhost")), 65535);
    routes_register(&host->fallback_path);
}

/* As many as there may be, and as there are descriptors for. */
static size_t connections_most(const struct gateway_settings *settings) {
    struct rlimit limit = {.rlim_cur = 1024};
    getrlimit(RLIMIT_NOFILE, &limit);
    size_t usable = limit.rlim_cur > 2 * SPARE_DESCRIPTORS
                        ? (size_t)limit.rlim_cur - SPARE_DESCRIPTORS
                        : SPARE_DESCRIPTORS;
    size_t wanted = (size_t)settings->max_connections;
    return wanted == 0 || wanted > usable ? usable : wanted;
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
    struct error why;
    for (int waited_ms = 0; waited_ms < REDIS_START_MS; waited_ms++) {
        if (redis_health_is_whole(&gateway->redis_health, &why))
            return;
        clock_sleep_ms(1);
    }
}

enum status server_start(struct gateway *gateway, struct server **server, struct error *error) {
    struct server *made = mem_alloc(sizeof(*made));
    made->gateway = gateway;
    made->connections_most = connections_most(gateway->settings);
    made->lanes = mem_alloc(gateway->lane_count * sizeof(*made->lanes));
    for (size_t i = 0; i < gateway->lane_count; i++) {
        made->lanes[i].server = made;
        for (size_t kind = 0; kind < LISTENER_KINDS; kind++)
            made->lanes[i].listeners[kind] = (struct lane_listener){&made->lanes[i], -1, NULL};
    }
    sem_init(&made->lane_turned, 0, 0);
    configure(made);
    redis_health_init(&gateway->redis_health, (int)gateway->lane_count);
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

void server_reload(struct server *server) {
    struct error error = {0};
    if (server->tls == NULL)
        return;
    if (tls_reload(server->tls, &error) == STATUS_OK)
        log_info("new connections get the certificate that was read again");
    else
        log_error("the certificate stays as it is", LOG_ERROR(&error));
}

void server_drain(struct server *server, int64_t timeout_ms) {
    const struct gateway *gateway = server->gateway;
    int64_t now_us = clock_monotonic_us();
    int64_t until_us = now_us + timeout_ms * 1000;
    /* A kept connection that is closed at once may have a request on its way. */
    int64_t leave_us = now_us + gateway->settings->leave_ms * 1000;
    enter_phase(server, PHASE_DRAINING);
    do {
        clock_sleep_ms(10);
        now_us = clock_monotonic_us();
    } while (now_us < until_us &&
             (atomic_load(&gateway->in_flight) > 0 ||
              (now_us < leave_us && atomic_load(&server->connection_count) > 0)));
}

void server_stop(struct server *server) {
    enter_phase(server, PHASE_STOPPING);
    for (; server->running > 0; server->running--)
        wait_for_lane(server);
}
