#include "services/dlq/watch/stream_watch.h"

#include "services/dlq/replay/turns.h"
#include "services/dlq/watch/backlog.h"
#include "shared/base/clock.h"
#include "shared/nats/nats_certificate.h"
#include "shared/nats/stored_message.h"
#include "shared/observe/log.h"
#include "shared/observe/metrics.h"

METRIC_GAUGE(stream_bytes, "ordermesh_stream_bytes", "stream", "What the stream holds.");
METRIC_GAUGE(stream_limits, "ordermesh_stream_limit_bytes", "stream",
             "What it may hold (max_bytes); 0: no limit of its own.");
METRIC_GAUGE(oldest_seconds, "ordermesh_consumer_oldest_seconds", "consumer",
             "Age of the oldest message that the consumer is not done with; 0 for none.");
METRIC_GAUGE(paused, "ordermesh_consumer_paused", "consumer", "1 while somebody has paused it.");

#define INTERVAL_MS 10000
#define CERTIFICATE_TURNS 360 /* an hour */

/* A gauge of what is looked at in this turn; what is gone by then has 0. */
struct turn_gauge {
    struct metric *metric;
    bool is_set[METRIC_SLOTS];
};

static void gauge_set(struct turn_gauge *gauge, const char *label, int64_t value) {
    unsigned slot = metric_slot(gauge->metric, label);
    metric_set(gauge->metric, slot, value);
    gauge->is_set[slot] = true;
}

static void gauge_end(struct turn_gauge *gauge) {
    for (unsigned slot = 0; slot < METRIC_SLOTS; slot++) {
        if (!gauge->is_set[slot])
            metric_set(gauge->metric, slot, 0);
    }
}

/* --- streams ---------------------------------------------------------------------------------- */

static void show_streams(const struct stream_list *streams) {
    struct turn_gauge bytes = {.metric = &stream_bytes}, limits = {.metric = &stream_limits};
    for (size_t i = 0; i < streams->count; i++) {
        gauge_set(&bytes, streams->items[i].name, streams->items[i].bytes);
        gauge_set(&limits, streams->items[i].name, streams->items[i].limit);
    }
    gauge_end(&bytes);
    gauge_end(&limits);
}

/* --- consumers -------------------------------------------------------------------------------- */

static enum status read_backlogs(struct turns *turns, const struct stream_list *streams,
                                 struct backlog_list *backlogs, struct error *error) {
    request_batch_clear(turns->requests);
    for (size_t i = 0; i < streams->count; i++)
        request_batch_add(turns->requests, SLICE_LITERAL(""), "$JS.API.CONSUMER.LIST.%s",
                          streams->items[i].name);
    enum status status = request_batch_run(turns->requests, error);
    for (size_t i = 0; i < streams->count && status == STATUS_OK; i++)
        status = backlog_parse_consumers(request_batch_reply(turns->requests, i), turns->arena,
                                         backlogs, error);
    return status;
}

/* A question for each subject that a consumer with a backlog reads. */
static size_t count_questions(const struct consumer_facts *backlog) {
    size_t whole_stream = backlog->filter_count == 0;
    return backlog->is_behind ? backlog->filter_count + whole_stream : 0;
}

static void ask_oldest(struct turns *turns, const struct backlog_list *backlogs) {
    request_batch_clear(turns->requests);
    for (size_t i = 0; i < backlogs->count; i++) {
        const struct consumer_facts *backlog = &backlogs->items[i];
        for (size_t j = 0; j < count_questions(backlog); j++)
            stored_message_ask_next(turns->requests, backlog->stream, backlog->settled + 1,
                                    backlog->filter_count > 0 ? backlog->filters[j].ptr : ">");
    }
}

/* What was read, acknowledged or purged since then is nobody's backlog. */
static int64_t oldest_age_s(struct turns *turns, const struct consumer_facts *backlog,
                            size_t *answer) {
    int64_t oldest_us = clock_now_us();
    for (size_t j = 0; j < count_questions(backlog); j++) {
        struct stored_message message = {0};
        struct error error;
        struct slice reply = request_batch_reply(turns->requests, (*answer)++);
        if (stored_message_parse(reply, &message, &error) == STATUS_OK &&
            message.time_us < oldest_us)
            oldest_us = message.time_us;
        stored_message_fini(&message);
    }
    return (clock_now_us() - oldest_us) / 1000000;
}

static void show_backlogs(struct turns *turns, const struct backlog_list *backlogs) {
    struct turn_gauge ages = {.metric = &oldest_seconds}, pauses = {.metric = &paused};
    size_t answer = 0;
    for (size_t i = 0; i < backlogs->count; i++) {
        const struct consumer_facts *backlog = &backlogs->items[i];
        struct buf label = {0};
        buf_printf(&label, "%s/%s", backlog->stream.ptr, backlog->consumer.ptr);
        gauge_set(&ages, label.ptr, oldest_age_s(turns, backlog, &answer));
        gauge_set(&pauses, label.ptr, backlog->is_paused);
        buf_fini(&label);
    }
    gauge_end(&ages);
    gauge_end(&pauses);
}

/* --- a turn ----------------------------------------------------------------------------------- */

/* What cannot be looked at keeps nobody from working. */
static enum status turn(struct turns *turns, void *context, int64_t *nap_ms, struct error *error) {
    unsigned *turn_count = context;
    struct stream_list streams = {0};
    struct backlog_list backlogs = {0};
    *nap_ms = INTERVAL_MS;
    if ((*turn_count)++ % CERTIFICATE_TURNS == 0)
        nats_certificate_show_server(turns->options->nats);
    request_batch_clear(turns->requests);
    request_batch_add(turns->requests, SLICE_LITERAL(""), "$JS.API.STREAM.LIST");
    enum status status = request_batch_run(turns->requests, error);
    if (status == STATUS_OK)
        status = backlog_parse_streams(request_batch_reply(turns->requests, 0), turns->arena,
                                       &streams, error);
    if (status == STATUS_OK)
        show_streams(&streams);
    if (status == STATUS_OK)
        status = read_backlogs(turns, &streams, &backlogs, error);
    if (status == STATUS_OK) {
        ask_oldest(turns, &backlogs);
        status = request_batch_run(turns->requests, error);
    }
    if (status == STATUS_OK)
        show_backlogs(turns, &backlogs);
    else
        log_warn("streams and consumers could not be looked at; once more later", LOG_ERROR(error));
    return STATUS_OK;
}

void stream_watch_run(struct worker *worker) {
    static const struct turns_spec spec = {
        .name = "dlq/watch",
        .is_for_all = true,
        .turn = turn,
    };
    unsigned turn_count = 0;
    turns_run(worker, &spec, &turn_count);
}
