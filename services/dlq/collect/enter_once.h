/*
 * Writing dead letters, each once. An entry is published with Nats-Expected-Last-Subject-Sequence:
 * what its subject's last message must be, 0 for none. So of several writers, and of repetitions
 * after a crash, one succeeds; the others look at the entry that is there.
 *
 * One thread; blocks for the broker's answers.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_ENTER_ONCE_H
#define OM_SERVICES_DLQ_COLLECT_ENTER_ONCE_H

#include "services/dlq/collect/examiner_item.h"
#include "shared/nats/request_batch.h"

/* Publishes the items' entries, no two of one id. Those written are settled, each with a change for
   the index; the others met an entry of somebody else's. */
enum status enter_once(struct request_batch *requests, struct item *const *items, size_t count,
                       struct error *error) MUST_CHECK;
/* Reads the entries that those others met. One of the same message settles its item; otherwise the
   item is corrected, and is to be decided again. Entries live in `arena` and the item. */
enum status enter_look_back(struct request_batch *requests, struct item *const *items, size_t count,
                            struct arena *arena, struct error *error) MUST_CHECK;

#endif
