/*
 * What other order systems call the members of an order, so that a refusal says what to write.
 * Names are compared without case, and by letters and digits only: customer_id is customerId.
 * Pure; thread safe on distinct arenas.
 */
#ifndef OM_GATEWAY_ORDERS_OTHER_NAMES_H
#define OM_GATEWAY_ORDERS_OTHER_NAMES_H

#include "shared/base/arena.h"

struct other_name {
    const char *name;   /* lower case, letters and digits only */
    const char *advice; /* what to do instead */
};

/* Each ends with a NULL. */
extern const struct other_name order_other_names[], address_other_names[], item_other_names[];

/* Whether the two are one name in different spellings. */
bool other_name_is(struct slice name, const char *other);
/* The advice for `name`; NULL when it is not in the table. */
const char *other_name_advice(const struct other_name *table, struct slice name);

#endif
