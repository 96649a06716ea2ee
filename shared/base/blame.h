/*
 * Whose trouble a refusal is. Each dependency has a table of its answers in these words:
 * shared/pg/pg_sqlstate.h, shared/nats/jetstream_code.h,
 * services/payment/provider/stripe_verdict.h. What a table does not know is the dependency's.
 */
#ifndef OM_SHARED_BASE_BLAME_H
#define OM_SHARED_BASE_BLAME_H

enum blame {
    BLAME_EVENT,      /* it fails wherever and whenever it is tried: the attempt counts */
    BLAME_MOMENT,     /* the same, tried again at once or a little later, may pass */
    BLAME_DEPENDENCY, /* nobody's attempt: it is waited for, and shows */
};

#endif
