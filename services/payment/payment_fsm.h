/*
 * The life of a payment, as one table. A row says: where it stands `status` and the provider says
 * `answer`, it goes to `next` and `says` goes out. An answer that is not in the table changes
 * nothing.
 *
 * Pure and thread safe. tests/unit/services/payment/test_payment_fsm.c walks every pair.
 */
#ifndef OM_SERVICES_PAYMENT_PAYMENT_FSM_H
#define OM_SERVICES_PAYMENT_PAYMENT_FSM_H

#include "services/payment/provider/provider.h"
#include "shared/base/slice.h"
#include "shared/contract/event.h"

/* The words of payments.status. */
#define PAYMENT_STATUS_TABLE(X)                                                                    \
    X(INTENT) /* to be charged, or being charged */                                                \
    X(CAPTURED)                                                                                    \
    X(DECLINED)                                                                                    \
    X(REFUNDING) /* to be given back, or being given back */                                       \
    X(REFUNDED)                                                                                    \
    X(VOIDED)          /* the order ended before it was charged: refuses a late charge */          \
    X(AUTHORIZING)     /* to be held, or being held */                                             \
    X(ABANDONED)       /* the order ended while it was being held: refuses it, or lets it go */    \
    X(AUTHORIZED)      /* held until its order has been shipped */                                 \
    X(CAPTURING)       /* shipped: to be taken, or being taken */                                  \
    X(UNCAPTURED)      /* shipped, and can be taken no more */                                     \
    X(VOIDING)         /* to be let go, or being let go */                                         \
    X(RELEASED)        /* was held, and let go */                                                  \
    X(CHALLENGED)      /* charged as soon as its customer has confirmed it */                      \
    X(HOLD_CHALLENGED) /* held as soon as its customer has confirmed it */                         \
    X(WITHDRAWING)     /* its order ended meanwhile: nobody is to confirm it any more */           \
    X(WITHDRAWN)

enum payment_status {
#define PAYMENT_STATUS_ENUM(name) PAYMENT_##name,
    PAYMENT_STATUS_TABLE(PAYMENT_STATUS_ENUM)
#undef PAYMENT_STATUS_ENUM
        PAYMENT_STATUS_COUNT
};

/* The operation that the provider answered. */
enum payment_operation {
    PAYMENT_CHARGE,
    PAYMENT_AUTHORIZE,
    PAYMENT_CAPTURE,
    PAYMENT_VOID,
    PAYMENT_REFUND,
    PAYMENT_INQUIRE,  /* has its customer confirmed it? */
    PAYMENT_WITHDRAW, /* nobody is to confirm it any more */
    PAYMENT_OPERATION_COUNT
};

#define PAYMENT_SAYS_NOTHING (-1)

struct payment_transition {
    enum payment_status status;
    enum payment_operation operation;
    enum provider_answer answer;
    enum payment_status next;
    int says;         /* enum event_type or PAYMENT_SAYS_NOTHING */
    bool must_return; /* money was taken, or is held, that nobody may keep: ask again at once */
    const char *why;
};

const char *payment_status_name(enum payment_status status);
bool payment_status_parse(struct slice text, enum payment_status *status);

/* NULL: nothing changes. */
const struct payment_transition *payment_fsm_step(enum payment_status status,
                                                  enum payment_operation operation,
                                                  enum provider_answer answer);

/* The status that a payment has once its order has failed or was cancelled: here its refund is
   decided. */
enum payment_status payment_fsm_end(enum payment_status status);
/* The status that it has once its order has been shipped, and its money is due. */
enum payment_status payment_fsm_due(enum payment_status status);
/* Whether money was held, or taken, for an order that is shipped. */
bool payment_fsm_is_held(enum payment_status status);
/* Whether it waits for its customer. */
bool payment_fsm_is_challenged(enum payment_status status);
/* What a status asks of the provider until it is settled, whoever asks; false: nothing. */
bool payment_fsm_owes(enum payment_status status, enum payment_operation *operation);

#endif
