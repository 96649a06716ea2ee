/* A customer's personal data: /api/v1/customers/{id}/personal-data, for the customer and for
   administrators. Loop thread; nothing blocks. */
#ifndef OM_GATEWAY_CUSTOMERS_PERSONAL_DATA_H
#define OM_GATEWAY_CUSTOMERS_PERSONAL_DATA_H

#include "shared/base/slice.h"

#include "shared/loop/loop.h"

/* GET: the customer's orders with their personal data opened, what they were told, and whether they
   were erased; 50 orders at a time, those after the order `after`. */
void get_personal_data(h2o_req_t *req, struct slice id);
/* DELETE: makes every copy unreadable, those in streams and backups, too. Repeatable. */
void delete_personal_data(h2o_req_t *req, struct slice id);

#endif
