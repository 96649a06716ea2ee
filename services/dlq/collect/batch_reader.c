#include "services/dlq/collect/batch_reader.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/nats/pull.h"
#include "shared/observe/log.h"

#include <stdlib.h>

#define TAKE_WAIT_MS 200
#define GATHER_MS 4
#define HOLD_LEAST_MS 100
#define HOLD_MOST_MS 2000
#define PUT_OFF_MS 10000

struct reading {
    struct worker *worker;
    const struct batch_reader *reader;
    struct pull *pull;
    natsMsg **messages;
    size_t count;
};

static int64_t longer(int64_t hold_ms) {
    return hold_ms * 2 > HOLD_MOST_MS ? HOLD_MOST_MS : hold_ms * 2;
}

static bool open_pull(struct reading *reading) {
    for (int64_t wait_ms = HOLD_LEAST_MS;; wait_ms = longer(wait_ms)) {
        struct error error = {0};
        if (pull_open(reading->pull, &error) == STATUS_OK)
            return true;
        log_warn("cannot read yet", LOG_TEXT("stream", reading->reader->stream), LOG_ERROR(&error));
        if (!worker_nap(reading->worker, wait_ms))
            return false;
    }
}

/* --- taking what has come ------------------------------------------------------------------------
 */

static enum status collect(struct reading *reading, int64_t first_wait_ms, struct error *error) {
    int64_t wait_ms = first_wait_ms;
    while (reading->count < reading->reader->batch_max) {
        enum status status =
            pull_collect(reading->pull, wait_ms, &reading->messages[reading->count], error);
        if (status == STATUS_TIMEOUT)
            return STATUS_OK;
        if (status != STATUS_OK)
            return status;
        reading->count++;
        wait_ms = 0;
    }
    return STATUS_OK;
}

static bool has_backlog(const struct reading *reading) {
    struct pull_metadata metadata;
    return reading->count > 0 &&
           pull_parse_metadata(natsMsg_GetReply(reading->messages[reading->count - 1]),
                               &metadata) &&
           metadata.pending > 0;
}

/* The server has more for a batch that has just begun to come in: worth a moment. */
static bool is_more_coming(const struct reading *reading) {
    return reading->count < reading->reader->batch_max && has_backlog(reading);
}

static enum status fill(struct reading *reading, struct error *error) {
    pull_request(reading->pull);
    enum status status = collect(reading, TAKE_WAIT_MS, error);
    for (int naps = 0; naps < GATHER_MS && status == STATUS_OK && is_more_coming(reading); naps++) {
        clock_sleep_ms(1);
        status = collect(reading, 0, error);
    }
    pull_request(reading->pull);
    return status;
}

/* --- dealing with it -----------------------------------------------------------------------------
 */

/* Repeats while a dependency is away. CLOSED when draining ended the wait. */
static enum status take_held(struct reading *reading, natsMsg *const *messages, size_t count,
                             struct error *error) {
    const struct batch_reader *reader = reading->reader;
    for (int64_t wait_ms = HOLD_LEAST_MS;; wait_ms = longer(wait_ms)) {
        enum status status = reader->take(reader->closure, messages, count, error);
        worker_set_ready(reading->worker, !status_is_retryable(status));
        if (!status_is_retryable(status))
            return status;
        log_warn("holding a batch until it can be dealt with", LOG_TEXT("stream", reader->stream),
                 LOG_ERROR(error));
        for (size_t i = 0; i < count; i++)
            pull_in_progress(reading->pull, messages[i]);
        if (!worker_nap(reading->worker, wait_ms))
            return STATUS_CLOSED;
    }
}

static void settle_one(struct reading *reading, natsMsg *message) {
    struct error error = {0};
    enum status status = take_held(reading, &message, 1, &error);
    if (status == STATUS_OK) {
        pull_ack(reading->pull, message);
    } else if (status != STATUS_CLOSED) {
        log_error("a message cannot be dealt with; it comes again",
                  LOG_TEXT("subject", natsMsg_GetSubject(message)), LOG_ERROR(&error));
        pull_nak(reading->pull, message, PUT_OFF_MS);
    }
}

static void settle(struct reading *reading) {
    struct error error = {0};
    enum status status = take_held(reading, reading->messages, reading->count, &error);
    for (size_t i = 0; i < reading->count; i++) {
        if (status == STATUS_OK)
            pull_ack(reading->pull, reading->messages[i]);
        else if (status != STATUS_CLOSED)
            settle_one(reading, reading->messages[i]);
        natsMsg_Destroy(reading->messages[i]);
    }
    reading->count = 0;
}

static void read_until_drained(struct reading *reading) {
    const struct batch_reader *reader = reading->reader;
    bool is_draining = false;
    worker_set_ready(reading->worker, true);
    for (enum status status = STATUS_OK; status != STATUS_CLOSED;) {
        struct error error = {0};
        if (worker_is_draining(reading->worker) && !is_draining) {
            is_draining = true;
            pull_drain(reading->pull);
        }
        status = fill(reading, &error);
        bool is_behind = has_backlog(reading);
        if (reading->count > 0)
            settle(reading);
        if (reader->between != NULL && !is_draining)
            reader->between(reader->closure, is_behind);
        bool is_away = status != STATUS_OK && status != STATUS_CLOSED;
        worker_set_ready(reading->worker, !is_away);
        if (is_away)
            worker_nap(reading->worker, HOLD_LEAST_MS);
        if (is_draining && !nats_client_is_connected(worker_options(reading->worker)->nats))
            break; /* a drain would wait for the broker */
    }
}

void batch_reader_run(struct worker *worker, const struct batch_reader *reader) {
    struct reading reading = {
        .worker = worker,
        .reader = reader,
        .pull = pull_create(worker_options(worker)->nats, reader->stream, reader->durable,
                            (int64_t)reader->batch_max),
        .messages = mem_alloc(reader->batch_max * sizeof(natsMsg *)),
    };
    if (open_pull(&reading))
        read_until_drained(&reading);
    pull_destroy(&reading.pull);
    free(reading.messages);
}
