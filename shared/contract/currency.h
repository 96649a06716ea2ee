/* The currencies one can pay in: ISO 4217 codes of active national currencies (no funds, metals or
   test codes). Pure. */
#ifndef OM_SHARED_CONTRACT_CURRENCY_H
#define OM_SHARED_CONTRACT_CURRENCY_H

#include "shared/base/slice.h"

bool currency_is_known(struct slice code); /* upper case only */

#endif
