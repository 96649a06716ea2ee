/*
 * The terms by which orders are found: each is 64 bits of a hash over a tenant and what is said of
 * the order, such as that it has an item of some SKU. An order's terms follow from its facts and
 * from what its events carry, so that they are the same whatever the order of events.
 *
 * A plain order has one for each SKU, one for its amount, and its tracking number's and payment's.
 * One that failed or was cancelled has that and its reason, too. What most orders are (COMPLETED)
 * and what few are for long (PENDING, CONFIRMED) is no term: it would find nothing sooner.
 *
 * Two texts may have one hash: who finds an order looks whether it is like that. Pure.
 */
#ifndef OM_SERVICES_ANALYTICS_TERMS_H
#define OM_SERVICES_ANALYTICS_TERMS_H

#include "services/analytics/facts.h"
#include "shared/contract/order_snapshot.h"

/* id, the first letter of what is hashed. Amounts are of classes, eight a power of two, in their
   currency; tracking numbers and payments are no tenant's, since their events name none. */
#define TERM_TABLE(X)                                                                              \
    X(SKU, 's')                                                                                    \
    X(AMOUNT, 'a')                                                                                 \
    X(STATUS, 'e')                                                                                 \
    X(REASON, 'r')                                                                                 \
    X(TRACKING, 't')                                                                               \
    X(PAYMENT, 'p')

enum term_kind {
#define TERM_ENUM(id, letter) TERM_##id,
    TERM_TABLE(TERM_ENUM)
#undef TERM_ENUM
};

int64_t term_of(enum term_kind kind, struct slice tenant, struct slice value);
/* Of the orders whose total is in the class. */
int64_t term_of_amount(struct slice tenant, struct slice currency, int amount_class);
int amount_class_of(int64_t minor);
bool status_is_term(struct slice status); /* FAILED, CANCELLED */

struct term_row {
    int64_t term;
    int64_t at_us; /* when the order was taken in, or refused at once; 0 for a reference */
    struct uuid order_id;
    int64_t total_minor;
};

/* Rows live in the arena. Begins with its arena and zeros. */
struct term_rows {
    struct arena *arena;
    struct term_row *items;
    size_t count, capacity;
};

/* Joins to `facts` what the event says besides: an order's snapshot, a payment's or a parcel's
   name. What cannot be read is left out. Borrows from the event; the snapshot is the arena's. */
void terms_read(const struct event *event, struct arena *arena, struct order_facts *facts);
/* What an order's terms change by, with facts that were `before` (NULL: there were none) and are
   `after`; after->told says what they are made of. */
void terms_change(const struct order_facts *before, const struct order_facts *after,
                  struct term_rows *added, struct term_rows *removed);

#endif
