/*
 * A payment provider: holds, takes and gives back money for a whole batch at once.
 *
 * All operations block until every request has its answer, which takes as long as the slowest, and
 * are repeatable: the idempotency key makes a repetition answer the same and move no more money.
 * Thread safe. Never called inside a database transaction.
 */
#ifndef OM_SERVICES_PAYMENT_PROVIDER_PROVIDER_H
#define OM_SERVICES_PAYMENT_PROVIDER_PROVIDER_H

#include "shared/base/blame.h"
#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"
#include "shared/observe/trace.h"

#define PROVIDER_KEY_SIZE 48 /* "charge-<order id>", "capture-<order id>" */
#define PROVIDER_ID_SIZE 40  /* the provider's ids */
#define PROVIDER_CODE_SIZE 64
#define PROVIDER_AUTH_SIZE 40  /* a bank's code, or an id of the provider's */
#define PROVIDER_URL_SIZE 1024 /* where a customer confirms; a longer one is none */

/* The code of a capture that is refused since what was held is not held any more. */
#define PROVIDER_EXPIRED "charge_expired_for_capture"

enum provider_answer {
    PROVIDER_NONE,      /* not asked */
    PROVIDER_DONE,      /* captured, held, let go, or given back */
    PROVIDER_DECLINED,  /* final: `code` says why. Of what is to be let go: it was captured */
    PROVIDER_NOTHING,   /* nothing was captured under the charge's key */
    PROVIDER_REFUSED,   /* no money moved and asking again cannot help: `code` says why */
    PROVIDER_TRANSIENT, /* this request failed, or nobody knows: ask again under its key */
    PROVIDER_OUTAGE,    /* the provider is down: nobody knows what became of this request */
    PROVIDER_ACTION,    /* the customer has to confirm it, at `action_url` */
    PROVIDER_ANSWER_COUNT
};

/* Whose trouble an answer is that is not DONE, NOTHING, NONE or ACTION. */
static inline enum blame provider_blame(enum provider_answer answer) {
    if (answer == PROVIDER_DECLINED || answer == PROVIDER_REFUSED)
        return BLAME_EVENT;
    return answer == PROVIDER_TRANSIENT ? BLAME_MOMENT : BLAME_DEPENDENCY;
}

struct provider_request {
    /* asked */
    char order_id[UUID_TEXT_SIZE];
    char key[PROVIDER_KEY_SIZE];        /* idempotency key of this operation */
    char charge_key[PROVIDER_KEY_SIZE]; /* all but charge: of the charge that it is about */
    struct slice payment_method;
    int64_t amount_minor;
    struct slice currency;
    const char *return_url; /* charge, the provider's own: where its customer comes back to */
    bool is_held;           /* charge: only hold the money, until it is captured or released */
    bool is_partial;        /* refund: of amount_minor; else of all that is left */
    bool is_over;           /* charge: the order has ended; take nothing now, say what was taken */
    int attempt;            /* 1 for the first time this is asked, as far as known */
    int64_t wanted_at_us;   /* when the order came to be charged; the same in each attempt */
    struct trace trace;     /* of the work on the event that asks */
    /* answered */
    enum provider_answer answer;
    char charge_id[PROVIDER_ID_SIZE]; /* with DONE: of the charge. All but a charge are asked with
                                         it, as far as it is known */
    char
        auth_code[PROVIDER_AUTH_SIZE]; /* charge that is held, with DONE: the bank's, or the like */
    char refund_id[PROVIDER_ID_SIZE];  /* refund, with DONE */
    char code[PROVIDER_CODE_SIZE];     /* why, unless DONE; always with DECLINED */
    char action_url[PROVIDER_URL_SIZE]; /* with ACTION; empty where only the answer counts */
};

struct provider;
typedef void (*provider_fn)(const struct provider *self, struct provider_request *const *requests,
                            size_t count);

struct provider {
    const char *name;
    provider_fn charge;  /* takes the money, or holds it */
    provider_fn capture; /* takes what is held */
    provider_fn release; /* lets go what is held */
    provider_fn refund;  /* gives back what was taken */
    /* Says what became of a charge that its customer has to confirm: DONE, DECLINED (and nobody can
       confirm it any more), NOTHING (it was cancelled) or still ACTION. To cancel it is a release.
     */
    provider_fn inquire;
};

#endif
