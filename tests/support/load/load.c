#include "tests/support/load/load.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "tests/support/load/load_http.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RETRY_US 50000           /* after 409, 429, 503 and a lost connection */
#define ANSWER_LIMIT_US 10000000 /* then the connection is given up */
#define FLUSH_US 100000
#define ALLOWANCE_US 1000 /* then the caller's allowance is asked again */

/* A connection and the order it is placing. */
struct worker {
    enum { WORKER_IDLE, WORKER_WAITING, WORKER_SENDING, WORKER_RECEIVING } state;
    int fd; /* -1: not connected */
    struct buf out, in;
    size_t sent;
    int64_t wake_us; /* WAITING: when to try again; SENDING, RECEIVING: when to give up */
    uint64_t number;
    int64_t start_us; /* monotonic; due time in the open loop */
    int64_t first_us; /* wall clock */
    unsigned attempts;
    int last_status;
};

struct load {
    const struct load_options *options;
    struct load_result *result;
    int epoll;
    struct worker *workers;
    unsigned busy;
    uint64_t next; /* number of the next order */
    int64_t begin_us, flush_us;
    struct buf headers; /* of the request being written */
};

static void watch(struct load *load, struct worker *worker, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = worker};

    (void)epoll_ctl(load->epoll, operation, worker->fd, &event);
}

static void try_again_later(struct load *load, struct worker *worker);

static void lose_connection(struct load *load, struct worker *worker) {
    if (worker->fd >= 0) {
        close(worker->fd);
        load->result->connections_lost++;
    }
    worker->fd = -1;
    if (worker->state == WORKER_SENDING || worker->state == WORKER_RECEIVING)
        try_again_later(load, worker);
}

static void finish(struct load *load, struct worker *worker, struct slice order_id) {
    const struct load_options *options = load->options;
    int64_t latency_us = clock_monotonic_us() - worker->start_us;
    bool is_accepted = worker->last_status == 202;

    if (is_accepted) {
        load_result_add(load->result, latency_us);
        if (options->accepted != NULL)
            options->accepted(options->accepted_closure, order_id, worker->start_us);
    } else if (worker->last_status >= 400 && worker->last_status < 500 &&
               worker->last_status != 409 && worker->last_status != 429) {
        load->result->refused++;
    } else {
        load->result->given_up++;
    }
    if (options->log != NULL)
        fprintf(options->log, "%s%llu\t%d\t%.*s\t%lld\t%lld\t%s\t%u\n", options->prefix,
                (unsigned long long)worker->number, worker->last_status, SLICE_ARG(order_id),
                (long long)worker->first_us, (long long)latency_us,
                load_kind_name(load_order_kind(&options->recipe, worker->number)),
                worker->attempts);
    worker->state = WORKER_IDLE;
    load->busy--;
}

static void try_again_later(struct load *load, struct worker *worker) {
    int64_t now_us = clock_monotonic_us();

    if (now_us - worker->start_us > load->options->patience_ms * 1000) {
        finish(load, worker, (struct slice){"", 0});
        return;
    }
    worker->state = WORKER_WAITING;
    worker->wake_us = now_us + RETRY_US;
}

static void flush_request(struct load *load, struct worker *worker) {
    struct buf *out = &worker->out;

    while (worker->sent < out->len) {
        ssize_t n =
            send(worker->fd, out->ptr + worker->sent, out->len - worker->sent, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == ENOTCONN)) {
            worker->state = WORKER_SENDING;
            watch(load, worker, EPOLL_CTL_MOD, EPOLLOUT);
            return;
        }
        if (n < 0 && errno != EINTR) {
            lose_connection(load, worker);
            return;
        }
        if (n > 0)
            worker->sent += (size_t)n;
    }
    if (worker->state == WORKER_SENDING)
        watch(load, worker, EPOLL_CTL_MOD, EPOLLIN);
    worker->state = WORKER_RECEIVING;
}

void load_headers_write(const struct load_options *options, uint64_t number, struct buf *out) {
    buf_printf(out, "Idempotency-Key: \"%s%llu\"\r\n", options->prefix, (unsigned long long)number);
    if (options->token != NULL)
        buf_printf(out, "Authorization: Bearer %s\r\n", options->token);
}

static void write_request(struct load *load, struct worker *worker) {
    struct buf *body = &worker->in; /* what is received comes after it is sent */

    buf_clear(&load->headers);
    load_headers_write(load->options, worker->number, &load->headers);
    buf_clear(body);
    load_order_write(&load->options->recipe, worker->number, body);
    buf_clear(&worker->out);
    http_request_write(&worker->out, "POST", "/api/v1/orders", load->headers.ptr, body->ptr);
    buf_clear(body);
}

static void send_request(struct load *load, struct worker *worker) {
    worker->attempts++;
    worker->sent = 0;
    worker->wake_us = clock_monotonic_us() + ANSWER_LIMIT_US;
    write_request(load, worker);
    if (worker->fd >= 0) {
        worker->state = WORKER_RECEIVING;
        flush_request(load, worker);
        return;
    }
    worker->state = WORKER_SENDING;
    worker->fd = http_connect(load->options->port);
    if (worker->fd < 0)
        lose_connection(load, worker);
    else
        watch(load, worker, EPOLL_CTL_ADD, EPOLLOUT);
}

static void take_answer(struct load *load, struct worker *worker,
                        const struct http_answer *answer) {
    int status = answer->status;

    worker->last_status = status == 200 ? 202 : status;
    if (status > 0 && status < LOAD_STATUS_MAX)
        load->result->answers[status]++;
    if (answer->closes) {
        close(worker->fd);
        worker->fd = -1;
    }
    if (status == 409 || status == 429 || status >= 500) {
        try_again_later(load, worker);
        return;
    }
    if (http_answer_header(answer, "idempotent-replayed").len > 0)
        load->result->replayed++;
    finish(load, worker, http_answer_member(answer, "orderId"));
}

static void receive(struct load *load, struct worker *worker) {
    struct http_answer answer;

    buf_reserve(&worker->in, 4096);
    ssize_t n = recv(worker->fd, worker->in.ptr + worker->in.len, 4096, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        lose_connection(load, worker);
        return;
    }
    worker->in.len += (size_t)n;
    enum http_parse parsed = http_answer_parse(buf_slice(&worker->in), &answer);
    if (parsed == HTTP_PARSE_BAD)
        lose_connection(load, worker);
    else if (parsed == HTTP_PARSE_WHOLE)
        take_answer(load, worker, &answer);
}

static bool may_place_more(const struct load *load, int64_t now_us) {
    const struct load_options *options = load->options;

    if (options->stop != NULL && *options->stop)
        return false;
    if (options->count > 0 && load->next >= options->count)
        return false;
    return options->seconds <= 0 || (double)(now_us - load->begin_us) < options->seconds * 1e6;
}

static int64_t due_us(const struct load *load, int64_t now_us) {
    const struct load_options *options = load->options;

    if (options->rate <= 0) {
        bool is_allowed = options->allowance == NULL ||
                          load->next < options->allowance(options->allowance_closure);
        return is_allowed ? now_us : now_us + ALLOWANCE_US;
    }
    return load->begin_us + (int64_t)((double)load->next * 1e6 / load->options->rate);
}

/* Gives idle workers what is due and wakes those whose time has come. Returns when to look again.
 */
static int64_t dispatch(struct load *load, int64_t now_us) {
    int64_t next_us = now_us + FLUSH_US;

    for (unsigned i = 0; i < load->options->connections; i++) {
        struct worker *worker = &load->workers[i];
        if (worker->state == WORKER_IDLE && may_place_more(load, now_us)) {
            int64_t due = due_us(load, now_us);
            if (due > now_us) {
                next_us = due < next_us ? due : next_us;
                continue;
            }
            worker->number = load->options->is_one_order ? 0 : load->next;
            load->next++;
            worker->start_us = due;
            worker->first_us = clock_now_us();
            worker->attempts = 0;
            worker->last_status = 0;
            load->busy++;
            load->result->placed++;
            send_request(load, worker);
        } else if (worker->state == WORKER_WAITING && worker->wake_us <= now_us) {
            send_request(load, worker);
        } else if (worker->state > WORKER_WAITING && worker->wake_us <= now_us) {
            lose_connection(load, worker);
        }
        if (worker->state == WORKER_WAITING && worker->wake_us < next_us)
            next_us = worker->wake_us;
    }
    return next_us;
}

static void handle_event(struct load *load, struct worker *worker, uint32_t events) {
    if (worker->fd < 0)
        return;
    if (worker->state == WORKER_SENDING)
        flush_request(load, worker);
    else if (worker->state == WORKER_RECEIVING)
        receive(load, worker);
    else if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        lose_connection(load, worker); /* the server closed a connection at rest */
}

static void run_loop(struct load *load) {
    struct epoll_event events[256];

    for (;;) {
        int64_t now_us = clock_monotonic_us();
        int64_t next_us = dispatch(load, now_us);
        if (load->busy == 0 && !may_place_more(load, now_us))
            return;
        if (load->options->log != NULL && now_us >= load->flush_us) {
            (void)fflush(load->options->log);
            load->flush_us = now_us + FLUSH_US;
        }
        int64_t wait_ms = (next_us - clock_monotonic_us() + 999) / 1000;
        int count = epoll_wait(load->epoll, events, 256, wait_ms > 0 ? (int)wait_ms : 0);
        for (int i = 0; i < count; i++)
            handle_event(load, events[i].data.ptr, events[i].events);
    }
}

bool load_run(const struct load_options *options, struct load_result *result) {
    struct load load = {.options = options, .result = result, .begin_us = clock_monotonic_us()};

    assert(options->recipe.lines <= options->recipe.sku_count);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load.epoll < 0)
        return false;
    load.workers = mem_alloc(options->connections * sizeof(*load.workers));
    for (unsigned i = 0; i < options->connections; i++)
        load.workers[i].fd = -1;
    run_loop(&load);
    result->elapsed_s = (double)(clock_monotonic_us() - load.begin_us) / 1e6;
    for (unsigned i = 0; i < options->connections; i++) {
        if (load.workers[i].fd >= 0)
            close(load.workers[i].fd);
        buf_fini(&load.workers[i].in);
        buf_fini(&load.workers[i].out);
    }
    free(load.workers);
    buf_fini(&load.headers);
    close(load.epoll);
    return true;
}
