/*
 * Tracking numbers: "OM", twelve characters of Crockford's base32 from a hash of the order id, and
 * of the part where the order ships in parts, and a check character. The same parcel always has the
 * same number, whoever makes the label and however often. Pure and thread safe.
 */
#ifndef OM_SERVICES_SHIPPING_TRACKING_H
#define OM_SERVICES_SHIPPING_TRACKING_H

#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"

#include <stdbool.h>

#define TRACKING_LEN 15
#define TRACKING_SIZE (TRACKING_LEN + 1)

/* `text` has TRACKING_SIZE bytes. */
void tracking_format(const struct uuid *order_id, char *text);
/* Of one parcel of an order in parts, from 1. */
void tracking_format_part(const struct uuid *order_id, int part, char *text);
/* Is the check character right? One wrong character, or two neighbours swapped, is always seen
   unless they differ by 31. */
bool tracking_check(struct slice text);

#endif
