/*
 * The SQL of the catalog and of the stock ledger. Slices that are handed out live in the arena
 * given. Reads may stand alone; functions that lock or write belong into the caller's transaction.
 *
 * A transaction locks one product or one SKU's stock, never both, and of a SKU main's row before
 * those of other warehouses: reservations, which lock stock in the order of SKUs (store.h), can
 * wait for it but never deadlock with it.
 */
#ifndef OM_SERVICES_INVENTORY_CATALOG_STORE_H
#define OM_SERVICES_INVENTORY_CATALOG_STORE_H

#include "services/inventory/stock.h"
#include "shared/base/arena.h"
#include "shared/crypto/uuid.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"

struct product {
    struct slice sku, name, currency;
    int64_t price_minor;
    bool is_active;
    int64_t version;
    int64_t on_hand; /* in all warehouses */
};

/* --- products --- */

/* NOT_FOUND when there is none. */
enum status catalog_store_find(struct pg *pg, struct slice sku, struct arena *arena,
                               struct product *product, struct error *error) MUST_CHECK;
/* Up to `limit` products behind `after` (may be empty), in the order of the
 * SKU's bytes. */
enum status catalog_store_page(struct pg *pg, struct slice after, int64_t limit,
                               struct arena *arena, struct product **products, size_t *count,
                               struct error *error) MUST_CHECK;
/* Those of `skus` that there are, in the same order. */
enum status catalog_store_list(struct pg *pg, struct pg_array *skus, struct arena *arena,
                               struct product **products, size_t *count,
                               struct error *error) MUST_CHECK;
/* As find, and locks it. */
enum status catalog_store_lock(struct pg *pg, struct slice sku, struct arena *arena,
                               struct product *product, struct error *error) MUST_CHECK;
/* Version 1, with no stock. SERIALIZATION when somebody else has made it
 * meanwhile. */
enum status catalog_store_insert(struct pg *pg, const struct product *product,
                                 struct error *error) MUST_CHECK;
/* Stores name, price, currency, active and version of a locked product. */
enum status catalog_store_update(struct pg *pg, const struct product *product,
                                 struct error *error) MUST_CHECK;

/* --- stock --- */

struct adjustment {
    struct uuid id;
    struct slice sku;
    struct slice warehouse; /* empty: main */
    int64_t delta;
    struct slice reason;
    int64_t on_hand; /* after it */
};

/* Locks the SKU's stock. NOT_FOUND when there is no such product. */
enum status catalog_store_lock_stock(struct pg *pg, struct slice sku, int64_t *on_hand,
                                     struct error *error) MUST_CHECK;
/* As above, of a warehouse other than main, whose row of the SKU is locked already. Makes the
   warehouse and its row where there is none; CONFLICT when there are too many, SERIALIZATION when
   another was made meanwhile. */
enum status catalog_store_lock_elsewhere(struct pg *pg, struct slice sku, struct slice warehouse,
                                         int64_t *on_hand, struct error *error) MUST_CHECK;
/* NOT_FOUND when the ledger has no such id. */
enum status catalog_store_find_adjustment(struct pg *pg, const struct uuid *id, struct arena *arena,
                                          struct adjustment *adjustment,
                                          struct error *error) MUST_CHECK;
/* Moves the locked stock and writes the ledger. SERIALIZATION when the id was
 * used meanwhile. */
enum status catalog_store_adjust(struct pg *pg, const struct adjustment *adjustment,
                                 struct error *error) MUST_CHECK;

/* A SKU in one warehouse. */
struct stock_level {
    struct slice warehouse;
    int64_t received, on_hand, reserved, shipped;
};

struct stock_levels {
    struct stock_level *rows;
    size_t count;
};

/* Of one SKU, main first, the others by rank. None: no such product. */
enum status catalog_store_levels(struct pg *pg, struct slice sku, struct arena *arena,
                                 struct stock_levels *levels, struct error *error) MUST_CHECK;
/* Of each warehouse, all its SKUs added up, in the same order. */
enum status catalog_store_warehouses(struct pg *pg, struct arena *arena,
                                     struct stock_levels *levels, struct error *error) MUST_CHECK;

#endif
