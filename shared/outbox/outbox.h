/*
 * The transactional outbox: events collected while a batch is decided, written by one statement in
 * the batch's transaction, published by relay.h. Rows are only ever inserted; day partitions are
 * dropped after the retention.
 */
#ifndef OM_SHARED_OUTBOX_OUTBOX_H
#define OM_SHARED_OUTBOX_OUTBOX_H

#include "shared/base/slice.h"
#include "shared/contract/event.h"
#include "shared/pg/pg.h"

struct outbox;

struct outbox *outbox_create(void);
void outbox_destroy(struct outbox **outbox);
void outbox_clear(struct outbox *outbox);
size_t outbox_count(const struct outbox *outbox);

/* Adds an event about `subject` (an order id as text, or a SKU) caused by `cause`, with `data`, a
   JSON object's text. Copies everything. The event's time is now. */
void outbox_add(struct outbox *outbox, enum event_type type, struct slice subject,
                const struct event *cause, struct slice data);
/* Queues the INSERT of all that was added into the open transaction; nothing when empty. */
enum status outbox_write(struct outbox *outbox, struct pg *pg, struct error *error) MUST_CHECK;
/* The same, and once it is committed and until outbox_clear() the rows can be handed over to a
   relay of this process. The outbox has to live until the transaction has ended. */
enum status outbox_write_numbered(struct outbox *outbox, struct pg *pg,
                                  struct error *error) MUST_CHECK;

/* A row as a relay publishes it. */
struct relay_row {
    int64_t id;
    uint64_t xid; /* of the transaction that wrote it */
    struct uuid event_id;
    struct slice subject, traceparent, payload;
};

/* Copies of the rows of one transaction, by their ids. */
struct handover {
    struct handover *next;
    struct relay_row *rows;
    size_t row_count;
    char *bytes; /* that the rows borrow */
    size_t byte_count;
};

/* NULL when nothing was written so. */
struct handover *outbox_hand_over(const struct outbox *outbox);
void handover_destroy_all(struct handover **list);
void handover_drop_first(struct handover **list);
/* Puts one into a list, which is sorted by the ids of first rows. Takes it over. */
void handover_insert(struct handover **list, struct handover *added);

#endif
