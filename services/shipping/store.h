/* All SQL of the shipping service. Set-based; runs in the batch's open transaction. */
#ifndef OM_SERVICES_SHIPPING_STORE_H
#define OM_SERVICES_SHIPPING_STORE_H

#include "services/shipping/tracking.h"
#include "shared/consumer.h"

struct shipment {
    struct uuid order_id;
    const char *carrier;
    char tracking_number[TRACKING_SIZE];
};

/* Queues the INSERT; an order that has a shipment keeps it. Ids may repeat. */
enum status shipping_store_add(struct batch *batch, const struct shipment *shipments, size_t count,
                               struct error *error) MUST_CHECK;

#endif
