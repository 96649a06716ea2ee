/* How many points an order is worth. Pure and thread safe. */
#ifndef OM_SERVICES_LOYALTY_POINTS_H
#define OM_SERVICES_LOYALTY_POINTS_H

#include <stdint.h>

/* One point for each whole 100 minor units, whatever the currency. `total_minor` is not negative.
 */
int64_t points_for(int64_t total_minor);

#endif
