/*
 * An order's whole story from the streams: every event and command about it, in causal order, and
 * where one became a dead letter, as the dead-letter service knows it.
 *
 * Streams have no order id in their subjects, so all of their messages are looked through. Messages
 * that are no envelopes of ours are passed over; types that this program does not know are shown.
 * Blocks.
 */
#ifndef OM_OMCTL_STREAMS_AUDIT_H
#define OM_OMCTL_STREAMS_AUDIT_H

#include "omctl/command/command.h"
#include "shared/base/slice.h"
#include "shared/crypto/uuid.h"
#include "shared/json/json.h"
#include "shared/nats/nats_client.h"

#include <stdio.h>

struct audit_entry {
    const char *stream;
    uint64_t sequence;
    int64_t time_us;
    struct slice id, type, source, cause; /* cause: empty when there is none */
    struct json_object *envelope;         /* the slices borrow from it */
    int copies;                           /* messages with this event: 1, more after a redrive */
    int depth;                            /* causes above it */
};

/* Owns the envelopes. Zero-initialize. */
struct audit {
    struct audit_entry *entries;
    size_t count, capacity;
    struct json_object *dead_letters; /* the service's, an array; NULL: it did not answer */
    struct slice archived; /* borrowed: its line in an archive (archive_file.h); empty: none */
};

void audit_fini(struct audit *audit);
/* Adds the message if it is an event about the order; one more copy if the event is known. */
void audit_add(struct audit *audit, const struct uuid *order_id, const char *stream,
               uint64_t sequence, struct slice payload);
/* Sorts: a cause before what it caused; of what is left, the earliest first. */
void audit_sort(struct audit *audit);

/* Asks for the order's dead letters, of any status. */
enum status audit_read_dead(struct nats_client *nats, const struct uuid *order_id,
                            struct audit *audit, struct error *error) MUST_CHECK;
/* Reads all streams from `since_us` (0: all) and sorts. Progress goes to `progress`. */
enum status audit_read(struct nats_client *nats, const struct uuid *order_id, int64_t since_us,
                       FILE *progress, struct audit *audit, struct error *error) MUST_CHECK;
void audit_print(const struct audit *audit, FILE *out);
/* {"orderId","events":[{"stream","sequence","copies","event":<the envelope>}],
   "deadLetters":[<as `omctl dlq list --json` has them>],"archived":{...}}; the last two only where
   they are known. */
void audit_print_json(const struct audit *audit, const struct uuid *order_id, FILE *out);

#endif
