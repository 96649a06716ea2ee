/*
 * The task that makes refunds, captures and voids which no event asks for any more: a charge that
 * turned out to have been made at its last delivery, after its order ended, or what failed at each
 * delivery. It asks, too, what came of a charge, or an authorization, whose order ended and that
 * failed at each delivery, since it may have been made. What is owed stays owed until the provider
 * has done it or says that there is nothing; each is asked for again after a while.
 */
#ifndef OM_SERVICES_PAYMENT_OWED_STEPS_H
#define OM_SERVICES_PAYMENT_OWED_STEPS_H

#include "shared/service/periodic.h"

extern const struct periodic owed_steps;

#endif
