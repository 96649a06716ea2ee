/* In the place of the order service, one that has not heard of any order yet, for a gateway that
   asks for tokens (jwt_fixture.h). */
#ifndef OM_TESTS_SUPPORT_GATEWAY_ORDER_STAND_IN_H
#define OM_TESTS_SUPPORT_GATEWAY_ORDER_STAND_IN_H

#include "shared/service/micro.h"
#include "tests/support/gateway/jwt_fixture.h"

#define UNKNOWN_ORDER "0192f0c1-dead-7bee-8f01-0123456789ab"

/* The customer that the order service was asked about last. */
extern char last_customer[256];

/* End it with micro_destroy(). */
struct micro *order_stand_in_start(void);

#endif
