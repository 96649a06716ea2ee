/* The log of notices by order and channel: the table notifications.notifications. Set-based; runs
   in the open transaction. */
#ifndef OM_SERVICES_NOTIFICATION_STORE_H
#define OM_SERVICES_NOTIFICATION_STORE_H

#include "services/notification/channels/channel.h"
#include "shared/base/slice.h"
#include "shared/consume/batch.h"

/* One row: a notice by a channel, and its result. */
struct notice_record {
    struct uuid order_id;
    enum notice_kind kind;
    enum notify_channel channel;
    bool has_failed;
    bool is_erased;      /* the customer's personal data was: it failed, and for good */
    struct slice detail; /* of a failure */
    struct slice event;  /* of a failure that can be sent again: its envelope */
};

struct notice_records {
    struct notice_record *rows;
    size_t count;
};

/* Loads the rows of the batch's orders, sorted by order id, into the batch's arena. */
enum status notification_store_load(struct batch *batch, struct notice_records *records,
                                    struct error *error) MUST_CHECK;
/* Queues the INSERT; rows that are there stay. */
enum status notification_store_add(struct pg *pg, const struct notice_records *records,
                                   struct error *error) MUST_CHECK;

#endif
