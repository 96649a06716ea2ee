#include "services/payment/payment_fsm.h"

static const char *const status_names[] = {
#define PAYMENT_STATUS_NAME(name) [PAYMENT_##name] = #name,
    PAYMENT_STATUS_TABLE(PAYMENT_STATUS_NAME)
#undef PAYMENT_STATUS_NAME
};

static const struct payment_transition transitions[] = {
    {PAYMENT_INTENT, PAYMENT_CHARGE, PROVIDER_DONE, PAYMENT_CAPTURED, EVENT_PAYMENT_SUCCEEDED,
     false, "paid"},
    {PAYMENT_INTENT, PAYMENT_CHARGE, PROVIDER_DECLINED, PAYMENT_DECLINED, EVENT_PAYMENT_FAILED,
     false, "nobody pays"},
    {PAYMENT_VOIDED, PAYMENT_CHARGE, PROVIDER_DONE, PAYMENT_REFUNDING, EVENT_PAYMENT_SUCCEEDED,
     true, "the order ended while it was being charged"},
    {PAYMENT_VOIDED, PAYMENT_CHARGE, PROVIDER_NOTHING, PAYMENT_VOIDED, PAYMENT_SAYS_NOTHING, false,
     "it never was charged, and will not be"},
    {PAYMENT_VOIDED, PAYMENT_CHARGE, PROVIDER_DECLINED, PAYMENT_VOIDED, PAYMENT_SAYS_NOTHING, false,
     "it was declined, and nobody asks any more"},
    {PAYMENT_AUTHORIZING, PAYMENT_AUTHORIZE, PROVIDER_DONE, PAYMENT_AUTHORIZED,
     EVENT_PAYMENT_AUTHORIZED, false, "held"},
    {PAYMENT_AUTHORIZING, PAYMENT_AUTHORIZE, PROVIDER_DECLINED, PAYMENT_DECLINED,
     EVENT_PAYMENT_FAILED, false, "nobody pays"},
    {PAYMENT_ABANDONED, PAYMENT_AUTHORIZE, PROVIDER_DONE, PAYMENT_VOIDING, EVENT_PAYMENT_AUTHORIZED,
     true, "the order ended while it was being authorized"},
    {PAYMENT_ABANDONED, PAYMENT_AUTHORIZE, PROVIDER_NOTHING, PAYMENT_ABANDONED,
     PAYMENT_SAYS_NOTHING, false, "it never was authorized, and will not be"},
    {PAYMENT_ABANDONED, PAYMENT_AUTHORIZE, PROVIDER_DECLINED, PAYMENT_ABANDONED,
     PAYMENT_SAYS_NOTHING, false, "it was declined, and nobody asks any more"},
    {PAYMENT_CAPTURING, PAYMENT_CAPTURE, PROVIDER_DONE, PAYMENT_CAPTURED, EVENT_PAYMENT_CAPTURED,
     false, "paid"},
    {PAYMENT_CAPTURING, PAYMENT_CAPTURE, PROVIDER_DECLINED, PAYMENT_UNCAPTURED,
     EVENT_PAYMENT_CAPTURE_FAILED, false, "what was held is gone"},
    {PAYMENT_VOIDING, PAYMENT_VOID, PROVIDER_DONE, PAYMENT_RELEASED, EVENT_PAYMENT_VOIDED, false,
     "let go"},
    {PAYMENT_VOIDING, PAYMENT_VOID, PROVIDER_DECLINED, PAYMENT_REFUNDING, EVENT_PAYMENT_CAPTURED,
     true, "somebody has captured it meanwhile"},

    /* Its customer has to confirm it. */
    {PAYMENT_INTENT, PAYMENT_CHARGE, PROVIDER_ACTION, PAYMENT_CHALLENGED,
     EVENT_PAYMENT_ACTION_REQUIRED, false, "its customer is asked"},
    {PAYMENT_AUTHORIZING, PAYMENT_AUTHORIZE, PROVIDER_ACTION, PAYMENT_HOLD_CHALLENGED,
     EVENT_PAYMENT_ACTION_REQUIRED, false, "its customer is asked"},
    {PAYMENT_VOIDED, PAYMENT_CHARGE, PROVIDER_ACTION, PAYMENT_WITHDRAWING, PAYMENT_SAYS_NOTHING,
     true, "the order ended before its customer was asked"},
    {PAYMENT_ABANDONED, PAYMENT_AUTHORIZE, PROVIDER_ACTION, PAYMENT_WITHDRAWING,
     PAYMENT_SAYS_NOTHING, true, "the order ended before its customer was asked"},
    {PAYMENT_CHALLENGED, PAYMENT_INQUIRE, PROVIDER_DONE, PAYMENT_CAPTURED, EVENT_PAYMENT_SUCCEEDED,
     false, "its customer has confirmed it"},
    {PAYMENT_CHALLENGED, PAYMENT_INQUIRE, PROVIDER_DECLINED, PAYMENT_DECLINED, EVENT_PAYMENT_FAILED,
     false, "its customer has not"},
    {PAYMENT_CHALLENGED, PAYMENT_INQUIRE, PROVIDER_NOTHING, PAYMENT_DECLINED, EVENT_PAYMENT_FAILED,
     false, "it was cancelled"},
    {PAYMENT_CHALLENGED, PAYMENT_WITHDRAW, PROVIDER_DONE, PAYMENT_DECLINED, EVENT_PAYMENT_FAILED,
     false, "its customer was not in time"},
    {PAYMENT_CHALLENGED, PAYMENT_WITHDRAW, PROVIDER_DECLINED, PAYMENT_CAPTURED,
     EVENT_PAYMENT_SUCCEEDED, false, "its customer confirmed it at the last moment"},
    {PAYMENT_HOLD_CHALLENGED, PAYMENT_INQUIRE, PROVIDER_DONE, PAYMENT_AUTHORIZED,
     EVENT_PAYMENT_AUTHORIZED, false, "its customer has confirmed it"},
    {PAYMENT_HOLD_CHALLENGED, PAYMENT_INQUIRE, PROVIDER_DECLINED, PAYMENT_DECLINED,
     EVENT_PAYMENT_FAILED, false, "its customer has not"},
    {PAYMENT_HOLD_CHALLENGED, PAYMENT_INQUIRE, PROVIDER_NOTHING, PAYMENT_DECLINED,
     EVENT_PAYMENT_FAILED, false, "it was cancelled"},
    {PAYMENT_HOLD_CHALLENGED, PAYMENT_WITHDRAW, PROVIDER_DONE, PAYMENT_DECLINED,
     EVENT_PAYMENT_FAILED, false, "its customer was not in time"},
    {PAYMENT_HOLD_CHALLENGED, PAYMENT_WITHDRAW, PROVIDER_DECLINED, PAYMENT_AUTHORIZED,
     EVENT_PAYMENT_AUTHORIZED, false, "somebody has captured it meanwhile, too"},
    {PAYMENT_WITHDRAWING, PAYMENT_WITHDRAW, PROVIDER_DONE, PAYMENT_WITHDRAWN, PAYMENT_SAYS_NOTHING,
     false, "nobody can confirm it any more"},
    {PAYMENT_WITHDRAWING, PAYMENT_WITHDRAW, PROVIDER_DECLINED, PAYMENT_REFUNDING,
     EVENT_PAYMENT_SUCCEEDED, true, "its customer confirmed it as the order ended"},

    {PAYMENT_REFUNDING, PAYMENT_REFUND, PROVIDER_DONE, PAYMENT_REFUNDED, EVENT_PAYMENT_REFUNDED,
     false, "given back"},
    {PAYMENT_REFUNDING, PAYMENT_REFUND, PROVIDER_NOTHING, PAYMENT_VOIDED, PAYMENT_SAYS_NOTHING,
     false, "nothing had been taken"},
};

const char *payment_status_name(enum payment_status status) {
    return status_names[status];
}

bool payment_status_parse(struct slice text, enum payment_status *status) {
    int found = slice_index(text, status_names, PAYMENT_STATUS_COUNT);
    if (found >= 0)
        *status = (enum payment_status)found;
    return found >= 0;
}

const struct payment_transition *payment_fsm_step(enum payment_status status,
                                                  enum payment_operation operation,
                                                  enum provider_answer answer) {
    for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++) {
        const struct payment_transition *row = &transitions[i];
        if (row->status == status && row->operation == operation && row->answer == answer)
            return row;
    }
    return NULL;
}

/* An order that has been shipped does not end badly: what is due stays due. */
enum payment_status payment_fsm_end(enum payment_status status) {
    switch (status) {
    case PAYMENT_INTENT:
        return PAYMENT_VOIDED;
    case PAYMENT_AUTHORIZING:
        return PAYMENT_ABANDONED;
    case PAYMENT_AUTHORIZED:
        return PAYMENT_VOIDING;
    case PAYMENT_CAPTURED:
        return PAYMENT_REFUNDING;
    case PAYMENT_CHALLENGED:
    case PAYMENT_HOLD_CHALLENGED:
        return PAYMENT_WITHDRAWING;
    default:
        return status;
    }
}

enum payment_status payment_fsm_due(enum payment_status status) {
    return status == PAYMENT_AUTHORIZED ? PAYMENT_CAPTURING : status;
}

bool payment_fsm_is_held(enum payment_status status) {
    return status == PAYMENT_AUTHORIZED || status == PAYMENT_CAPTURING ||
           status == PAYMENT_CAPTURED || status == PAYMENT_UNCAPTURED;
}

bool payment_fsm_is_challenged(enum payment_status status) {
    return status == PAYMENT_CHALLENGED || status == PAYMENT_HOLD_CHALLENGED;
}

bool payment_fsm_owes(enum payment_status status, enum payment_operation *operation) {
    switch (status) {
    case PAYMENT_CAPTURING:
        *operation = PAYMENT_CAPTURE;
        return true;
    case PAYMENT_VOIDING:
        *operation = PAYMENT_VOID;
        return true;
    case PAYMENT_REFUNDING:
        *operation = PAYMENT_REFUND;
        return true;
    case PAYMENT_WITHDRAWING:
        *operation = PAYMENT_WITHDRAW;
        return true;
    default:
        return false;
    }
}
