/* What was said about which order, by which channel: the table notifications.notifications.
   Set-based; runs in the open transaction. */
#ifndef OM_SERVICES_NOTIFICATION_STORE_H
#define OM_SERVICES_NOTIFICATION_STORE_H

#include "services/notification/channels/channel.h"
#include "shared/base/slice.h"
#include "shared/consume/batch.h"

/* One row: a notice by a channel, and what came of it. */
struct notice_record {
    struct uuid order_id;
    enum notice_kind kind;
    enum notify_channel channel;
    bool has_failed;
    struct slice detail; /* of a failure */
};

struct notice_records {
    struct notice_record *rows;
    size_t count;
};

/* What is recorded about the batch's orders, sorted by order id; lives in the batch's arena. */
enum status notification_store_load(struct batch *batch, struct notice_records *records,
                                    struct error *error) MUST_CHECK;
/* Queues the INSERT; what is recorded stays. */
enum status notification_store_add(struct pg *pg, const struct notice_records *records,
                                   struct error *error) MUST_CHECK;

#endif
