/* Refunds of pieces that the order service decides on. The refund is kept and reserved on its
   payment as one that an administrator asks for, and made as those are (part_refunds.h). */
#ifndef OM_SERVICES_PAYMENT_LINE_REFUNDS_H
#define OM_SERVICES_PAYMENT_LINE_REFUNDS_H

#include "shared/consume/batch.h"

/* order.returned: gives back what the pieces that came back are worth, as far as they are not given
   back already and as money is left. Where that is nothing, payment.refunded says so at once. */
extern const struct handler returned_handler;
/* order.lines_cancelled: gives back what was taken for pieces that are not sent. Of money that is
   only held less is taken, as order.capture_requested says (handler.h). */
extern const struct handler cut_handler;

#endif
