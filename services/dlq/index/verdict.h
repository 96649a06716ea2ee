/*
 * Whether a message that failed is a dead letter of its own, or belongs to one that is there. Pure.
 */
#ifndef OM_SERVICES_DLQ_INDEX_VERDICT_H
#define OM_SERVICES_DLQ_INDEX_VERDICT_H

#include "services/dlq/index/entry.h"

struct failed_message {
    uint64_t sequence;
    int replay_of;      /* the generation it was a replay of; 0: it is no replay */
    bool is_comparable; /* its stream is still the one the row's sequence is of */
    bool is_another;    /* of a new stream, and named by a sequence that the old one had, too */
};

struct verdict {
    bool is_new;                /* false: the entry stays as it is */
    int generation;             /* of the entry to write, if it is new */
    uint64_t expected_sequence; /* the generation before it in the DLQ stream */
};

/* `row` is what the index has of the entry; NULL when it has none.

   - Nothing is there: the first generation.
   - The entry waits (dead): a second copy of the event adds nothing. But the replay of this very
     generation does: then the index was rebuilt and does not know that it was replayed.
   - It was replayed, resolved or discarded: what comes after it is the next generation, unless it
     is the late copy of a replay that was already answered for.
   - Another message that happens to have the same name is the next generation, too.
   - A message before the one that failed last has nothing new to say. */
struct verdict verdict_of(const struct entry_row *row, const struct failed_message *message);

#endif
