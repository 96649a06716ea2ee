#include "shared/consume/consumer_metrics.h"

#include "shared/observe/metrics.h"

METRIC_COUNTER(events_total, "ordermesh_consumer_events_total", "consumer,outcome",
               "Deliveries by outcome: done, duplicate, ignored, retry, reject.");
METRIC_COUNTER(redelivered_total, "ordermesh_consumer_redelivered_total", "consumer",
               "Deliveries that were not their message's first.");
METRIC_HISTOGRAM_SIZE(batch_events, "ordermesh_consumer_batch_events", "consumer",
                      "Events taken in one batch.");
METRIC_HISTOGRAM(batch_seconds, "ordermesh_consumer_batch_seconds", "consumer",
                 "From taking a batch to its acknowledgements.");
METRIC_HISTOGRAM(transaction_seconds, "ordermesh_consumer_transaction_seconds", "consumer",
                 "From a batch's BEGIN to its COMMIT, or to what kept it from that.");
METRIC_GAUGE(pending_messages, "ordermesh_consumer_pending_messages", "consumer",
             "Messages of the stream not yet delivered to this consumer, as last reported.");
METRIC_GAUGE(held_batches, "ordermesh_consumer_held", "consumer",
             "1 while the consumer holds its batch for trouble that is not the events'.");
METRIC_GAUGE(cut_off_consumers, "ordermesh_consumer_cut_off", "consumer",
             "1 while the consumer cannot fetch: it is missing or paused, or the broker is away.");

void consumer_metrics_init(struct consumer_metrics *metrics, const char *consumer) {
    static const char *const outcomes[COUNTS] = {"done", "duplicate", "ignored", "retry", "reject"};
    metrics->batch_events = metric_slot(&batch_events, consumer);
    metrics->batch_seconds = metric_slot(&batch_seconds, consumer);
    metrics->transaction_seconds = metric_slot(&transaction_seconds, consumer);
    metrics->pending = metric_slot(&pending_messages, consumer);
    metrics->held = metric_slot(&held_batches, consumer);
    metrics->cut_off = metric_slot(&cut_off_consumers, consumer);
    metrics->redelivered = metric_slot(&redelivered_total, consumer);
    for (size_t i = 0; i < COUNTS; i++) {
        struct buf label = {0};
        buf_printf(&label, "%s,%s", consumer, outcomes[i]);
        metrics->counts[i] = metric_slot(&events_total, label.ptr);
        buf_fini(&label);
    }
}

void consumer_metrics_settled(const struct consumer_metrics *metrics,
                              const struct message_list *batch, const int64_t counts[COUNTS]) {
    int64_t redelivered = 0;
    for (size_t i = 0; i < batch->count; i++)
        redelivered += batch->items[i]->delivery.attempt > 1;
    if (redelivered > 0)
        metric_add(&redelivered_total, metrics->redelivered, redelivered);
    for (size_t i = 0; i < COUNTS; i++) {
        if (counts[i] > 0)
            metric_add(&events_total, metrics->counts[i], counts[i]);
    }
    const struct message *last = batch->items[batch->count - 1];
    metric_set(&pending_messages, metrics->pending, (int64_t)last->metadata.pending);
    metric_observe(&batch_events, metrics->batch_events, (double)batch->count);
}

void consumer_metrics_transaction(const struct consumer_metrics *metrics, int64_t took_us) {
    metric_observe(&transaction_seconds, metrics->transaction_seconds, (double)took_us / 1e6);
}

void consumer_metrics_batch(const struct consumer_metrics *metrics, int64_t took_us) {
    metric_observe(&batch_seconds, metrics->batch_seconds, (double)took_us / 1e6);
}

void consumer_metrics_held(const struct consumer_metrics *metrics, bool is_held) {
    metric_set(&held_batches, metrics->held, is_held);
}

void consumer_metrics_cut_off(const struct consumer_metrics *metrics, bool is_cut_off) {
    metric_set(&cut_off_consumers, metrics->cut_off, is_cut_off);
}
