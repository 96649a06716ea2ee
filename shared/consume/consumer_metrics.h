/*
 * A consumer's counts, by its name (ORDERS/inventory). Thread safe as metrics.h is.
 */
#ifndef OM_SHARED_CONSUME_CONSUMER_METRICS_H
#define OM_SHARED_CONSUME_CONSUMER_METRICS_H

#include "shared/consume/intake.h"

enum event_count { COUNT_DONE, COUNT_DUPLICATE, COUNT_IGNORED, COUNT_RETRY, COUNT_REJECT, COUNTS };

/* Slots (metrics.h). */
struct consumer_metrics {
    unsigned batch_events, batch_seconds, transaction_seconds, pending, held, cut_off, redelivered;
    unsigned counts[COUNTS];
};

void consumer_metrics_init(struct consumer_metrics *metrics, const char *consumer);
/* A batch was settled: how many of each, and how much the stream holds. */
void consumer_metrics_settled(const struct consumer_metrics *metrics,
                              const struct message_list *batch, const int64_t counts[COUNTS]);
void consumer_metrics_transaction(const struct consumer_metrics *metrics, int64_t took_us);
void consumer_metrics_batch(const struct consumer_metrics *metrics, int64_t took_us);
/* The batch waits for a dependency, or no longer does. */
void consumer_metrics_held(const struct consumer_metrics *metrics, bool is_held);
/* Nothing can be fetched, or can again. */
void consumer_metrics_cut_off(const struct consumer_metrics *metrics, bool is_cut_off);

#endif
