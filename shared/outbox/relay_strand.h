/*
 * A pass, by streams: the rows that each one gets, in their order, and the part of them that is
 * under way. Parts of a stream follow each other, so that what happens to one changes no order.
 *
 * Plain values; the rows' numbers are owned by the list. Nothing blocks.
 */
#ifndef OM_SHARED_OUTBOX_RELAY_STRAND_H
#define OM_SHARED_OUTBOX_RELAY_STRAND_H

#include "shared/contract/event.h"
#include "shared/nats/atomic_batch.h"
#include "shared/outbox/relay_publisher.h"

struct relay_strand {
    const char *stream;
    int *rows; /* their numbers in the pass */
    int row_count;
    int begin, end; /* the part under way, of `rows`; both are row_count when nothing is left */
    bool is_batch;  /* and so acknowledged by one answer */
    struct atomic_batch batch;
    int unanswered;
    struct buf reply; /* where this part is acknowledged */
};

struct relay_strands {
    struct relay_strand items[EVENT_TYPE_COUNT];
    size_t count;
    int *numbers; /* the rows of all of them */
};

/* Replaces what the list has by the first `row_count` rows, each strand before its first part.
   INTERNAL: a subject belongs to no stream; then the list is empty. */
enum status relay_strands_take(struct relay_strands *strands, const struct relay_row *rows,
                               size_t row_count, struct error *error) MUST_CHECK;
void relay_strands_fini(struct relay_strands *strands);

/* Makes what follows the last part the part under way; false when nothing is left. With batches a
   part has no more messages and bytes than one may have. */
bool relay_strand_advance(struct relay_strand *strand, const struct relay_row *rows,
                          bool has_batches);
bool relay_strand_is_done(const struct relay_strand *strand);

#endif
