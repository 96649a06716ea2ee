/*
 * The shipments of orders that several warehouses serve, or one other than main: what each of them
 * gives, and once its parcel has left its carrier and number. Read from events, and kept in
 * orders.shipments; other orders have none and cost no statement.
 */
#ifndef OM_SERVICES_ORDER_SHIPMENTS_H
#define OM_SERVICES_ORDER_SHIPMENTS_H

#include "services/order/store.h"

/* One warehouse's part of an order, as an event tells of it. */
struct shipment_fact {
    int64_t part; /* from 1 */
    struct slice warehouse;
    const struct order_item *items;
    size_t item_count;
    struct slice carrier, tracking_number; /* empty until it has left */
};

struct shipment_facts {
    struct shipment_fact *rows;
    size_t count;
    bool is_allocation; /* the event says what each warehouse gives */
    struct order_snapshot allocated;
};

/* None where the event tells of none. Lives in the arena. */
enum status shipments_read(const struct event *event, struct arena *arena,
                           struct shipment_facts *facts, struct error *error) MUST_CHECK;

/* Facts to store, and of which order and when. */
struct shipment_note {
    struct uuid order_id;
    int64_t at_us;
    const struct shipment_facts *facts;
};

/* Queues what is new of them. */
enum status shipments_save(struct batch *batch, const struct shipment_note *notes, size_t count,
                           struct error *error) MUST_CHECK;
/* Queues what its warehouses give of an order since pieces of it are cancelled, behind what is
   saved of the same batch; parcels that have left stay. */
enum status shipments_cut(struct batch *batch, const struct order_snapshot *order, int64_t at_us,
                          struct error *error) MUST_CHECK;
/* Fills in the allocations of those that are to be announced and have some. */
enum status shipments_load(struct batch *batch, const struct order_rows *orders,
                           struct error *error) MUST_CHECK;

#endif
