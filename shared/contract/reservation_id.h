/* The id of an order's reservation, which follows from the order's: an order has one at most, and
   whoever knows the order knows its reservation. Pure and thread safe. */
#ifndef OM_SHARED_CONTRACT_RESERVATION_ID_H
#define OM_SHARED_CONTRACT_RESERVATION_ID_H

#include "shared/crypto/uuid.h"

/* Version 8, from SHA-256 of "reservation" and the order's id. */
struct uuid reservation_id_of(const struct uuid *order_id);

#endif
