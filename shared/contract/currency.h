/* The currencies one can pay in: ISO 4217 codes of active national currencies (no funds, metals or
   test codes). Pure. */
#ifndef OM_SHARED_CONTRACT_CURRENCY_H
#define OM_SHARED_CONTRACT_CURRENCY_H

#include "shared/base/slice.h"

#include <stdint.h>

bool currency_is_known(struct slice code); /* upper case only */
/* Cards are charged whole multiples of so many minor units: 10 where there are three decimals, 100
   for MGA, whose fifths nobody transfers; 1 for all others. */
int64_t currency_step_minor(struct slice code);
#define CURRENCY_STEP_MESSAGE                                                                      \
    "must end in 0 in BHD, IQD, JOD, KWD, LYD, OMR and TND, and in 00 in MGA"

#endif
