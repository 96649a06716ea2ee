/* All SQL of the shipping service. Set-based; runs in the batch's open transaction. */
#ifndef OM_SERVICES_SHIPPING_STORE_H
#define OM_SERVICES_SHIPPING_STORE_H

#include "services/shipping/tracking.h"
#include "shared/consume/batch.h"
#include "shared/contract/order_snapshot.h"

enum shipment_status {
    SHIPMENT_SHIPPED,
    SHIPMENT_FAILED,
    SHIPMENT_STOPPED, /* without a parcel: a tombstone that refuses a late order.confirmed */
};

struct shipment {
    struct uuid order_id;
    enum shipment_status status;
    const char *carrier;
    char tracking_number[TRACKING_SIZE];
    bool is_new; /* answered: false when the order had one already */
};

/* Inserts; an order that has a shipment keeps it. Ids may repeat: the first counts. Waits
   for another instance that is deciding on the same order. */
enum status shipping_store_add(struct batch *batch, struct shipment *shipments, size_t count,
                               struct error *error) MUST_CHECK;

#endif
