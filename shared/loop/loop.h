/*
 * h2o's event loop by one set of names, for h2o 2.2.5, which Debian 12 has, and for its master. In
 * the first all timers of one length are in a list; in the second each has a length of its own, and
 * some functions take and return other things.
 *
 * All of it belongs to the loop's thread.
 */
#ifndef OM_SHARED_LOOP_LOOP_H
#define OM_SHARED_LOOP_LOOP_H

#include <h2o.h>
#include <h2o/version.h>
#include <stdbool.h>
#include <stdint.h>

#define LOOP_H2O_IS_2_2 (H2O_LIBRARY_VERSION_MAJOR == 0 && H2O_LIBRARY_VERSION_MINOR <= 13)

#if LOOP_H2O_IS_2_2
typedef h2o_timeout_entry_t h2o_timer_t;
#endif

/* How long timers run that are started with it. Must stay where it is until delay_fini(). */
struct delay {
    h2o_loop_t *loop;
#if LOOP_H2O_IS_2_2
    h2o_timeout_t list;
#else
    uint64_t ms;
#endif
};

static inline void delay_init(struct delay *delay, h2o_loop_t *loop, uint64_t ms) {
    delay->loop = loop;
#if LOOP_H2O_IS_2_2
    h2o_timeout_init(loop, &delay->list, ms);
#else
    delay->ms = ms;
#endif
}

/* Its timers must have been stopped, or the loop not run again. */
static inline void delay_fini(struct delay *delay) {
#if LOOP_H2O_IS_2_2
    h2o_timeout_dispose(delay->loop, &delay->list);
#else
    (void)delay;
#endif
}

static inline uint64_t delay_ms(const struct delay *delay) {
#if LOOP_H2O_IS_2_2
    return delay->list.timeout;
#else
    return delay->ms;
#endif
}

/* None of its timers may run. */
static inline void delay_set_ms(struct delay *delay, uint64_t ms) {
#if LOOP_H2O_IS_2_2
    delay->list.timeout = ms;
#else
    delay->ms = ms;
#endif
}

/* `timer` must not run. Its `cb` is called once, unless it is stopped before. */
static inline void timer_start(h2o_timer_t *timer, struct delay *delay) {
#if LOOP_H2O_IS_2_2
    h2o_timeout_link(delay->loop, &delay->list, timer);
#else
    h2o_timer_link(delay->loop, delay->ms, timer);
#endif
}

/* Once the loop is through with what it is about. */
static inline void timer_start_now(h2o_timer_t *timer, h2o_context_t *context) {
#if LOOP_H2O_IS_2_2
    h2o_timeout_link(context->loop, &context->zero_timeout, timer);
#else
    h2o_timer_link(context->loop, 0, timer);
#endif
}

static inline void timer_stop(h2o_timer_t *timer) {
#if LOOP_H2O_IS_2_2
    h2o_timeout_unlink(timer);
#else
    h2o_timer_unlink(timer);
#endif
}

static inline bool timer_is_running(h2o_timer_t *timer) {
#if LOOP_H2O_IS_2_2
    return h2o_timeout_is_linked(timer);
#else
    return h2o_timer_is_linked(timer);
#endif
}

/* Never NULL; ends with the pool. */
static inline void *pool_alloc(h2o_mem_pool_t *pool, size_t size) {
#if LOOP_H2O_IS_2_2
    return h2o_mem_alloc_pool(pool, size);
#else
    return h2o_mem_alloc_pool_aligned(pool, _Alignof(max_align_t), size);
#endif
}

/* When the loop woke last. */
static inline struct timeval loop_time(h2o_context_t *context) {
#if LOOP_H2O_IS_2_2
    return *h2o_get_timestamp(context, NULL, NULL);
#else
    return h2o_gettimeofday(context->loop);
#endif
}

/* The same, with a text that is borrowed from the pool. */
static inline h2o_timestamp_t loop_timestamp(h2o_context_t *context, h2o_mem_pool_t *pool) {
#if LOOP_H2O_IS_2_2
    h2o_timestamp_t now;
    h2o_get_timestamp(context, pool, &now);
    return now;
#else
    return h2o_get_timestamp(context, pool);
#endif
}

/* --- connections of a protocol of our own ----------------------------------------------------- */

struct loop_connection_callbacks {
    h2o_conn_callbacks_t h2o; /* first */
    h2o_socket_t *(*get_socket)(h2o_conn_t *conn);
};

/* Every connection of the process must have such callbacks. */
static inline h2o_socket_t *loop_socket(h2o_conn_t *conn) {
    return ((const struct loop_connection_callbacks *)conn->callbacks)->get_socket(conn);
}

#if LOOP_H2O_IS_2_2
typedef h2o_iovec_t h2o_sendvec_t;
#define LOOP_OTHER_CALLBACKS .push_path = NULL
#else
static inline ptls_t *loop_no_ptls(h2o_conn_t *conn) {
    (void)conn;
    return NULL;
}

static inline ptls_log_conn_state_t *loop_no_log(h2o_conn_t *conn) {
    (void)conn;
    return NULL;
}

static inline uint64_t loop_request_id(h2o_req_t *req) {
    (void)req;
    return 1; /* a connection has one request at a time */
}
#define LOOP_OTHER_CALLBACKS                                                                       \
    .get_ptls = loop_no_ptls, .log_state = loop_no_log, .get_req_id = loop_request_id
#endif

/* As h2o_create_connection() made it, with nothing on it any more. */
static inline void loop_connection_free(h2o_conn_t *conn) {
#if LOOP_H2O_IS_2_2
    free(conn);
#else
    h2o_destroy_connection(conn);
#endif
}

/* Host and what frames a body, which h2o keeps apart from other fields. */
static inline bool loop_is_framing(const h2o_token_t *token) {
#if LOOP_H2O_IS_2_2
    return token->is_init_header_special;
#else
    return token->flags.is_init_header_special;
#endif
}

/* Of a part that was given to h2o_send(). */
static inline h2o_iovec_t loop_sent_bytes(const h2o_sendvec_t *part) {
#if LOOP_H2O_IS_2_2
    return *part;
#else
    return h2o_iovec_init(part->raw, part->len);
#endif
}

static inline void loop_handshake(h2o_socket_t *socket, SSL_CTX *tls, h2o_socket_cb on_end) {
#if LOOP_H2O_IS_2_2
    h2o_socket_ssl_handshake(socket, tls, NULL, on_end);
#else
    h2o_socket_ssl_handshake(socket, tls, NULL, h2o_iovec_init(NULL, 0), on_end);
#endif
}

#endif
