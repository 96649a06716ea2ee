/*
 * The deliveries that are to be made: webhooks.deliveries as a queue, with the state of the webhook
 * that each is for. Several processes share it: what one has taken is its own for the lease.
 */
#ifndef OM_SERVICES_WEBHOOKS_QUEUE_H
#define OM_SERVICES_WEBHOOKS_QUEUE_H

#include "shared/base/arena.h"
#include "shared/pg/pg.h"
#include "shared/pg/pg_param.h"

/* One that was taken, in the arena. */
struct queued_delivery {
    struct uuid endpoint_id, event_id;
    struct slice type, body, url;
    struct slice secret; /* sealed */
    int attempts;        /* this one included */
    int failures;        /* of the webhook, in a row */
    int64_t age_s;
};

struct queue_terms {
    int64_t most;      /* deliveries to take */
    int64_t most_each; /* under way at one webhook that is well, those of `busy` included */
    int64_t lease_ms;
};

/* How many are under way, by webhook: the same number of ids and counts. */
struct queue_busy {
    struct pg_array ids, counts;
};

/* Takes due deliveries, in a transaction of its own: of webhooks that are well before those that
   fail, and of a webhook that fails only one at a time. */
enum status webhooks_queue_take(struct pg *pg, const struct queue_terms *terms,
                                struct queue_busy *busy, struct arena *arena,
                                struct queued_delivery **deliveries, size_t *count,
                                struct error *error) MUST_CHECK;

enum delivery_result { RESULT_DELIVERED, RESULT_PUT_OFF, RESULT_FAILED, RESULT_UNTRIED };

/* What came of one. */
struct delivery_settlement {
    struct uuid endpoint_id, event_id;
    enum delivery_result result;
    int response_status; /* 0: no answer came */
    const char *error;   /* "" for none */
    int64_t delay_ms;    /* until it is due again, where it is put off or untried */
    int64_t rest_ms;     /* of the webhook, after a failure: nothing is sent to it before */
    bool is_gone;        /* the webhook wants no more */
    bool is_ping;        /* whose failure says nothing of other deliveries */
    bool was_failing;    /* the webhook was: after a success, what was put off is due at once */
};

struct settle_terms {
    int64_t off_after_s; /* that long nothing but failures, and a webhook is switched off */
    int64_t lease_ms;    /* as they were taken with */
};

/* A webhook that was switched off. */
struct switched_off {
    struct uuid endpoint_id;
    struct slice tenant, reason; /* in the arena */
};

/* In the arena. */
struct switched_off_list {
    struct switched_off *rows;
    size_t count;
};

/* Writes the results in one transaction, which can be repeated when it is not known whether it was
   committed, and switches off who is gone or has failed for too long. */
enum status webhooks_queue_settle(struct pg *pg, const struct settle_terms *terms,
                                  const struct delivery_settlement *settlements, size_t count,
                                  struct arena *arena, struct switched_off_list *off,
                                  struct error *error) MUST_CHECK;

#endif
