/*
 * A payment provider: takes and gives back money for a whole batch at once.
 *
 * Both operations block until every request has its answer, which takes as long as the slowest, and
 * are repeatable: the idempotency key makes a repetition answer the same and move no more money.
 * Thread safe. Never called inside a database transaction.
 */
#ifndef OM_SERVICES_PAYMENT_PROVIDER_H
#define OM_SERVICES_PAYMENT_PROVIDER_H

#include "shared/base/blame.h"
#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"
#include "shared/observe/trace.h"

#define PROVIDER_KEY_SIZE 48 /* "charge-<order id>", "refund-<order id>" */
#define PROVIDER_ID_SIZE 40  /* the provider's ids */
#define PROVIDER_CODE_SIZE 64

enum provider_answer {
    PROVIDER_NONE,      /* not asked */
    PROVIDER_DONE,      /* captured, or given back */
    PROVIDER_DECLINED,  /* final: `code` says why */
    PROVIDER_NOTHING,   /* nothing was captured under the charge's key */
    PROVIDER_REFUSED,   /* no money moved and asking again cannot help: `code` says why */
    PROVIDER_TRANSIENT, /* this request failed, or nobody knows: ask again under its key */
    PROVIDER_OUTAGE,    /* the provider is down: nobody knows what became of this request */
};

/* Whose trouble an answer is that is not DONE, NOTHING or NONE. */
static inline enum blame provider_blame(enum provider_answer answer) {
    if (answer == PROVIDER_DECLINED || answer == PROVIDER_REFUSED)
        return BLAME_EVENT;
    return answer == PROVIDER_TRANSIENT ? BLAME_MOMENT : BLAME_DEPENDENCY;
}

struct provider_request {
    /* asked */
    char order_id[UUID_TEXT_SIZE];
    char key[PROVIDER_KEY_SIZE];        /* idempotency key of this operation */
    char charge_key[PROVIDER_KEY_SIZE]; /* refund: of the charge to give back */
    struct slice payment_method;
    int64_t amount_minor;
    struct slice currency;
    bool is_over;         /* charge: the order has ended; take nothing now, say what was taken */
    int attempt;          /* 1 for the first time this is asked, as far as known */
    int64_t wanted_at_us; /* when the order came to be charged; the same in each attempt */
    struct trace trace;   /* of the work on the event that asks */
    /* answered */
    enum provider_answer answer;
    char charge_id[PROVIDER_ID_SIZE]; /* with DONE: of the charge made or given back. A refund is
                                         asked with that of the charge, as far as it is known */
    char refund_id[PROVIDER_ID_SIZE]; /* refund, with DONE */
    char code[PROVIDER_CODE_SIZE];    /* why, unless DONE; always with DECLINED */
};

struct provider {
    const char *name;
    void (*charge)(const struct provider *self, struct provider_request *const *requests,
                   size_t count);
    void (*refund)(const struct provider *self, struct provider_request *const *requests,
                   size_t count);
};

#endif
