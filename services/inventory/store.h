/*
 * All SQL of the inventory service. Set-based; functions with a batch run in its open transaction,
 * and what they return lives in its arena.
 *
 * Every transaction locks reservations in the order of their ids, then main's stock in the order of
 * its SKUs, and then what other warehouses have of those SKUs, once each. So instances wait for
 * each other on a hot SKU, but neither oversell nor deadlock. Where no SKU of a batch lies
 * elsewhere, nobody asks for other warehouses.
 */
#ifndef OM_SERVICES_INVENTORY_STORE_H
#define OM_SERVICES_INVENTORY_STORE_H

#include "services/inventory/reservation.h"
#include "shared/base/slice.h"
#include "shared/consume/batch.h"

/* "main" where none is named. */
struct slice warehouse_name(struct slice warehouse);

/* Sorted by order id. */
struct reservations {
    struct reservation *rows;
    size_t count;
};

/* The stock that a batch may move: these SKUs, which may repeat, and those that these orders hold.
 */
struct stock_wanted {
    const struct slice *skus;
    size_t sku_count;
    const struct uuid *holders;
    size_t holder_count;
};

/* Locks a reservation for every order of the batch, as far as there is one, and then the stock that
   is wanted, as far as it exists. */
enum status inventory_store_load(struct batch *batch, const struct stock_wanted *wanted,
                                 struct reservations *reservations, struct stock *stock,
                                 struct error *error) MUST_CHECK;
struct reservation *reservations_find(const struct reservations *reservations,
                                      const struct uuid *order_id);
/* Queues what moved. When another instance has made a reservation meanwhile, the transaction fails
   with SERIALIZATION. */
enum status inventory_store_save(struct batch *batch, const struct stock *stock,
                                 const struct reservations *reservations,
                                 struct error *error) MUST_CHECK;

#endif
