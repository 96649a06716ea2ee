/*
 * Which rows of an outbox a relay has dealt with, by their ids: so that it knows of rows which are
 * handed over to it whether they are the next, or others have to be read before them.
 *
 * Ids are given out in order, but transactions end in any, and an id whose transaction is rolled
 * back is missing for good. An id that is missing below others belongs to a transaction that had
 * its number when the others were seen (outbox.c). So once all transactions have ended that had one
 * then, and what they committed was read, what is still missing will never come.
 *
 * Pure.
 */
#ifndef OM_SHARED_OUTBOX_OUTBOX_IDS_H
#define OM_SHARED_OUTBOX_OUTBOX_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_IDS_RANGES 32

/* All zero: nothing is known. */
struct outbox_ids {
    int64_t next; /* all below it are dealt with; 0: not known */
    int64_t top;  /* none at or above it is */
    struct outbox_id_range {
        int64_t begin, end;
    } ranges[OUTBOX_IDS_RANGES]; /* above `next`, without those for which there was no place */
    size_t range_count;
    int64_t mark_top; /* what `top` was when the mark was made; 0: there is no mark */
    uint64_t mark_xid;
};

/* This row is dealt with. */
void outbox_ids_add(struct outbox_ids *ids, int64_t id);

/* Some ids are missing, and no mark is made yet that would tell that they never come. */
bool outbox_ids_needs_mark(const struct outbox_ids *ids);
/* `xid` is of a transaction that began after the rows were seen that are added. */
void outbox_ids_mark(struct outbox_ids *ids, uint64_t xid);
/* All that a snapshot sees was read and added: below `xmax`, but for those that ran still, of which
   `lowest` is the lowest; UINT64_MAX for none. */
void outbox_ids_read(struct outbox_ids *ids, uint64_t xmax, uint64_t lowest);

#endif
