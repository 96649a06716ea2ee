/*
 * Prometheus metrics from one declared table (metrics.c holds exposition). Thread safe, lock free
 * on the hot path: a label value is registered once and addressed by its slot.
 *
 * Text exposition format 0.0.4, https://prometheus.io/docs/instrumenting/exposition_formats/
 */
#ifndef OM_SHARED_OBSERVE_METRICS_H
#define OM_SHARED_OBSERVE_METRICS_H

#include "shared/base/buf.h"

/* id, kind, name, label ("" for none), help. Histograms are of seconds or sizes by their name.
   Several labels stand with commas between, and so do their values, which hold none then. */
#define METRIC_TABLE(X)                                                                            \
    X(BUILD_INFO, GAUGE, "ordermesh_build_info", "version", "Always 1; the version as a label.")   \
    X(READY, GAUGE, "ordermesh_ready", "", "1 while the process is ready.")                        \
    X(CONSUMER_EVENTS, COUNTER, "ordermesh_consumer_events_total", "consumer,outcome",             \
      "Deliveries by outcome: done, duplicate, ignored, retry, reject.")                           \
    X(CONSUMER_REDELIVERED, COUNTER, "ordermesh_consumer_redelivered_total", "consumer",           \
      "Deliveries that were not their message's first.")                                           \
    X(CONSUMER_BATCH_SIZE, HISTOGRAM_SIZE, "ordermesh_consumer_batch_events", "consumer",          \
      "Events taken in one batch.")                                                                \
    X(CONSUMER_BATCH_SECONDS, HISTOGRAM, "ordermesh_consumer_batch_seconds", "consumer",           \
      "From taking a batch to its acknowledgements.")                                              \
    X(CONSUMER_TRANSACTION_SECONDS, HISTOGRAM, "ordermesh_consumer_transaction_seconds",           \
      "consumer", "From a batch's BEGIN to its COMMIT, or to what kept it from that.")             \
    X(CONSUMER_PENDING, GAUGE, "ordermesh_consumer_pending_messages", "consumer",                  \
      "Messages of the stream not yet delivered to this consumer, as last reported.")              \
    X(CONSUMER_HELD, GAUGE, "ordermesh_consumer_held", "consumer",                                 \
      "1 while the consumer holds its batch because a dependency is down.")                        \
    X(OUTBOX_PUBLISHED, COUNTER, "ordermesh_outbox_published_total", "",                           \
      "Outbox rows acknowledged by JetStream.")                                                    \
    X(OUTBOX_PENDING, GAUGE, "ordermesh_outbox_pending_rows", "",                                  \
      "Rows the leading relay has yet to publish; 10000 stands for that many or more.")            \
    X(OUTBOX_OLDEST_SECONDS, GAUGE, "ordermesh_outbox_oldest_seconds", "",                         \
      "Age of the oldest of these; 0 for none.")                                                   \
    X(OUTBOX_HOLES, GAUGE, "ordermesh_outbox_holes", "",                                           \
      "Transactions below the relay's cursor that were still running.")                            \
    X(RELAY_LEADER, GAUGE, "ordermesh_relay_leader", "", "1 while this instance relays.")          \
    X(RELAY_SECONDS, HISTOGRAM, "ordermesh_relay_batch_seconds", "",                               \
      "From reading outbox rows to their last acknowledgement.")                                   \
    X(SPANS, COUNTER, "ordermesh_spans_total", "result",                                           \
      "Spans by what became of them: exported, dropped.")                                          \
    X(DB_RECONNECTS, COUNTER, "ordermesh_db_reconnects_total", "", "Database reconnections.")      \
    X(BREAKER_STATE, GAUGE, "ordermesh_breaker_state", "name", "0 closed, 1 open, 2 half open.")   \
    X(HTTP_REQUESTS, COUNTER, "ordermesh_http_requests_total", "method,route,status",              \
      "Answers by route and status code; route \"none\" has none.")                                \
    X(HTTP_SECONDS, HISTOGRAM, "ordermesh_http_request_seconds", "method,route",                   \
      "From the whole request to its answer.")                                                     \
    X(HTTP_IN_FLIGHT, GAUGE, "ordermesh_http_in_flight_requests", "", "Requests being answered.")  \
    X(IDEMPOTENCY, COUNTER, "ordermesh_idempotency_total", "result",                               \
      "Claims: first, replay, mismatch, in_flight, takeover, degraded.")                           \
    X(IDEMPOTENCY_DEGRADED, GAUGE, "ordermesh_idempotency_degraded", "",                           \
      "1 while Redis does not answer and only order ids guard.")                                   \
    X(TOKENS, COUNTER, "ordermesh_tokens_total", "result",                                         \
      "Tokens judged: good, or what was wrong with them.")                                         \
    X(RATE_LIMIT, COUNTER, "ordermesh_rate_limit_total", "result",                                 \
      "Requests measured: allowed, refused; local_ where Redis could not say.")                    \
    X(EVENT_STREAMS, GAUGE, "ordermesh_event_streams", "", "Event streams that are open.")         \
    X(EVENT_STREAMS_DROPPED, COUNTER, "ordermesh_event_streams_dropped_total", "",                 \
      "Event streams that ended with text their clients had not taken.")                           \
    X(CATALOG_CACHE, COUNTER, "ordermesh_catalog_cache_total", "result",                           \
      "Reads of the catalog: hit, miss, degraded (Redis did not answer).")                         \
    X(ORDERS_ENDED, COUNTER, "ordermesh_orders_ended_total", "status", "Orders by final status.")  \
    X(ORDER_SECONDS, HISTOGRAM, "ordermesh_order_seconds", "",                                     \
      "From acceptance to the final state.")                                                       \
    X(DLQ_ENTRIES, COUNTER, "ordermesh_dlq_entries_total", "stream",                               \
      "Dead letters written to the DLQ streams.")                                                  \
    X(DLQ_SWEPT, COUNTER, "ordermesh_dlq_swept_total", "stream",                                   \
      "Of these, the ones found by a failure report that no advisory followed.")                   \
    X(DLQ_REFUSED, COUNTER, "ordermesh_dlq_refused_total", "reason",                               \
      "Advisories and reports that the facts do not bear out.")                                    \
    X(DLQ_DEPTH, GAUGE, "ordermesh_dlq_depth", "stream", "Dead letters that wait for a decision.") \
    X(DLQ_OLDEST_SECONDS, GAUGE, "ordermesh_dlq_oldest_seconds", "stream",                         \
      "Age of the oldest dead letter that waits; 0 for none.")                                     \
    X(DLQ_REPLAYS, COUNTER, "ordermesh_dlq_replays_total", "result",                               \
      "Dead letters sent to be published again: published, refused by the broker.")                \
    X(DLQ_CHANCES, COUNTER, "ordermesh_dlq_chances_total", "result",                               \
      "Messages that left no word and are sent once more: given, passed, failed, expired.")        \
    X(NOTIFICATIONS, COUNTER, "ordermesh_notifications_total", "result", "Sent and failed.")       \
    X(NOTIFICATIONS_PENDING, GAUGE, "ordermesh_notifications_pending", "channel",                  \
      "Notices that wait for their channel, of all instances.")

enum metric {
#define METRIC_ENUM(id, kind, name, label, help) METRIC_##id,
    METRIC_TABLE(METRIC_ENUM)
#undef METRIC_ENUM
        METRIC_COUNT
};

#define METRIC_SLOTS 160 /* label values a metric can have; further ones share "other" */

/* The slot of a label value, registering it at first use (takes a lock; keep the slot). */
unsigned metric_slot(enum metric metric, const char *label_value);
void metric_add(enum metric metric, unsigned slot, int64_t amount);   /* counters, gauges */
void metric_set(enum metric metric, unsigned slot, int64_t value);    /* gauges */
void metric_observe(enum metric metric, unsigned slot, double value); /* histograms */
int64_t metric_value(enum metric metric, unsigned slot); /* counter or gauge; histogram's count */
void metrics_render(struct buf *out);

#endif
