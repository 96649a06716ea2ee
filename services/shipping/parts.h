/*
 * Orders that ship in parts, a parcel a warehouse. Whether such an order is shipped is decided for
 * all of it at once, as for any other (handler.h): nothing of an order that cannot be sent leaves.
 * From then on its parcels leave one after the other, in the order of its allocations: all but the
 * last with shipping.part_shipped, the last with shipping.shipped, which tells of all of them.
 *
 * A parcel and its event are one transaction, by the clock; of several instances each takes other
 * orders. So a killed process leaves the parcel to the next turn.
 */
#ifndef OM_SERVICES_SHIPPING_PARTS_H
#define OM_SERVICES_SHIPPING_PARTS_H

#include "services/shipping/store.h"
#include "shared/contract/lines_cancelled.h"
#include "shared/service/periodic.h"

/* Allocated to several warehouses. */
static inline bool parts_has_several(const struct order_snapshot *order) {
    return order->allocation_count > 1;
}

/* The number of the last parcel, by which the order is known. */
void parts_format_number(const struct order_snapshot *order, char *text);

/* Adds the member of pieces that are not sent (lines_cancelled.h) as `data` has it, if it has. */
void parts_put_cancelled(const struct json_value *data, struct arena *arena, struct json_writer *w);

/* Queues what lets the parcels of a new shipment leave. */
enum status parts_begin(struct batch *batch, const struct order_snapshot *orders,
                        const struct event *const *causes, size_t count,
                        struct error *error) MUST_CHECK;

extern const struct periodic parts_sender;

#endif
