/*
 * A payment provider: takes and gives back money for a whole batch at once.
 *
 * Both operations block until every request has its answer, which takes as long as the slowest, and
 * are repeatable: the idempotency key makes a repetition answer the same and move no more money.
 * Thread safe. Never called inside a database transaction.
 */
#ifndef OM_SERVICES_PAYMENT_PROVIDER_H
#define OM_SERVICES_PAYMENT_PROVIDER_H

#include "shared/buf.h"

#define PROVIDER_KEY_SIZE 48 /* "charge-<order id>", "refund-<order id>" */
#define PROVIDER_ID_SIZE 40  /* the provider's ids */
#define PROVIDER_CODE_SIZE 32

enum provider_answer {
    PROVIDER_NONE,      /* not asked */
    PROVIDER_DONE,      /* captured, or given back */
    PROVIDER_DECLINED,  /* final: `code` says why */
    PROVIDER_NOTHING,   /* refund only: nothing was captured under the charge's key */
    PROVIDER_TRANSIENT, /* this request failed; asking again may help */
    PROVIDER_OUTAGE,    /* the provider is down */
};

struct provider_request {
    /* asked */
    char key[PROVIDER_KEY_SIZE];        /* idempotency key of this operation */
    char charge_key[PROVIDER_KEY_SIZE]; /* refund: of the charge to give back */
    struct slice payment_method;
    int64_t amount_minor;
    struct slice currency;
    int attempt;          /* 1 for the first time this is asked, as far as known */
    int64_t wanted_at_us; /* when the order came to be charged; the same in each attempt */
    /* answered */
    enum provider_answer answer;
    char charge_id[PROVIDER_ID_SIZE]; /* with DONE: of the charge made or given back */
    char refund_id[PROVIDER_ID_SIZE]; /* refund, with DONE */
    char code[PROVIDER_CODE_SIZE];    /* with DECLINED */
};

struct provider {
    const char *name;
    void (*charge)(struct provider_request *const *requests, size_t count);
    void (*refund)(struct provider_request *const *requests, size_t count);
};

#endif
