/*
 * One message as a consumer's handler gets it, and what the handler says of it. Plain values, of
 * one thread; nothing blocks.
 */
#ifndef OM_SHARED_CONSUME_DELIVERY_H
#define OM_SHARED_CONSUME_DELIVERY_H

#include "shared/contract/event.h"

enum outcome { OUTCOME_DONE, OUTCOME_EARLY, OUTCOME_RETRY, OUTCOME_REJECT };

/* One message in a batch. */
struct delivery {
    struct event event;   /* zero where the stream's messages are no events */
    struct slice subject; /* as it came, and so the payload */
    struct slice payload;
    enum outcome outcome;
    struct error error; /* why EARLY, RETRY or REJECT; becomes the failure report */
    int attempt;        /* 1 for the first delivery */
    /* Its place in the stream, and when it was stored there; a message sent again has those of its
       first one, and its event's time. */
    uint64_t sequence;
    int64_t stored_us;
    bool has_waited;   /* it was EARLY before */
    bool is_duplicate; /* the inbox knows the event: no handler gets it */
    void *state;       /* the handler's own, from prepare to apply */
};

/* Marks one delivery, with the reason kept for the failure report: (delivery, status, format, ...)
 */
#define delivery_reject(delivery, ...) delivery_mark(delivery, OUTCOME_REJECT, __VA_ARGS__)
#define delivery_retry(delivery, ...) delivery_mark(delivery, OUTCOME_RETRY, __VA_ARGS__)
/* What it follows is not here yet: nothing failed. (delivery, format, ...) */
#define delivery_early(delivery, ...)                                                              \
    delivery_mark(delivery, OUTCOME_EARLY, STATUS_NOT_FOUND, __VA_ARGS__)
/* Who knows whether it is early does not answer, which is not the event's fault however long it
   lasts. (delivery, format, ...) */
#define delivery_await_answer(delivery, ...)                                                       \
    delivery_mark(delivery, OUTCOME_EARLY, STATUS_UNAVAILABLE, __VA_ARGS__)
void delivery_mark(struct delivery *delivery, enum outcome outcome, enum status status,
                   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* delivery_retry() for what an attempt failed with. */
void delivery_fail(struct delivery *delivery, enum status status, const struct error *error);

/* The delay of a redelivery, sent with the NAK of attempt 1, 2, 3 ...: 1, 2, 4 s and so on up to
   64 s, since a consumer's `backoff` does not apply to NAKs. The last NAK waits 1 s, since no
   delivery follows it: the sooner its delay ends, the sooner the server says that it gave up. */
int64_t delivery_retry_ms(int attempt, bool is_last);

#endif
