#include "shared/consume/consumer_metrics.h"

#include "shared/observe/metrics.h"

void consumer_metrics_init(struct consumer_metrics *metrics, const char *consumer) {
    static const char *const outcomes[COUNTS] = {"done", "duplicate", "ignored", "retry", "reject"};
    metrics->batch_events = metric_slot(METRIC_CONSUMER_BATCH_SIZE, consumer);
    metrics->batch_seconds = metric_slot(METRIC_CONSUMER_BATCH_SECONDS, consumer);
    metrics->transaction_seconds = metric_slot(METRIC_CONSUMER_TRANSACTION_SECONDS, consumer);
    metrics->pending = metric_slot(METRIC_CONSUMER_PENDING, consumer);
    metrics->held = metric_slot(METRIC_CONSUMER_HELD, consumer);
    metrics->redelivered = metric_slot(METRIC_CONSUMER_REDELIVERED, consumer);
    for (size_t i = 0; i < COUNTS; i++) {
        struct buf label = {0};
        buf_printf(&label, "%s,%s", consumer, outcomes[i]);
        metrics->counts[i] = metric_slot(METRIC_CONSUMER_EVENTS, label.ptr);
        buf_fini(&label);
    }
}

void consumer_metrics_settled(const struct consumer_metrics *metrics,
                              const struct message_list *batch, const int64_t counts[COUNTS]) {
    int64_t redelivered = 0;
    for (size_t i = 0; i < batch->count; i++)
        redelivered += batch->items[i]->delivery.attempt > 1;
    if (redelivered > 0)
        metric_add(METRIC_CONSUMER_REDELIVERED, metrics->redelivered, redelivered);
    for (size_t i = 0; i < COUNTS; i++) {
        if (counts[i] > 0)
            metric_add(METRIC_CONSUMER_EVENTS, metrics->counts[i], counts[i]);
    }
    const struct message *last = batch->items[batch->count - 1];
    metric_set(METRIC_CONSUMER_PENDING, metrics->pending, (int64_t)last->metadata.pending);
    metric_observe(METRIC_CONSUMER_BATCH_SIZE, metrics->batch_events, (double)batch->count);
}
