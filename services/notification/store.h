/* All SQL of the notification service: what was said about which order, by which channel.
   Set-based; runs in the batch's open transaction. */
#ifndef OM_SERVICES_NOTIFICATION_STORE_H
#define OM_SERVICES_NOTIFICATION_STORE_H

#include "services/notification/channel.h"
#include "shared/consumer.h"

/* One row: a notice by a channel, and what came of it. */
struct notice_record {
    struct uuid order_id;
    enum notice_kind kind;
    const char *channel;
    bool has_failed;
    struct slice detail;
};

struct notice_records {
    struct notice_record *rows;
    size_t count;
};

/* What is recorded about the batch's orders, sorted by order id; lives in the batch's arena.
   `channel` is one of `channels`; rows of other channels are left out. */
enum status notification_store_load(struct batch *batch, struct channel *const *channels,
                                    size_t channel_count, struct notice_records *records,
                                    struct error *error) MUST_CHECK;
/* Queues the INSERT; what is recorded stays. */
enum status notification_store_add(struct batch *batch, const struct notice_records *records,
                                   struct error *error) MUST_CHECK;

#endif
