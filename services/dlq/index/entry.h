/*
 * A dead letter as its message in <STREAM>_DLQ says it.
 *
 * Subject dlq.<stream>.<consumer>.<event id>; the id of the entry is <stream>.<consumer>.<event
 * id>. The message carries the original's headers and body byte for byte. Only headers that begin
 * with "Nats-", which the server would act on, and with "Dlq-", which are ours, are kept under
 * another name, with "Dlq-Original-" before it. The Dlq- headers added say what happened.
 *
 * An event that is replayed and fails again becomes the next generation under the same subject: the
 * last message of a subject is the entry, those before it are its past. Each is published with
 * Nats-Expected-Last-Subject-Sequence, so that one failure makes one message, however many write
 * it.
 *
 * Pure. Thread safe on distinct entries.
 */
#ifndef OM_SERVICES_DLQ_INDEX_ENTRY_H
#define OM_SERVICES_DLQ_INDEX_ENTRY_H

#include "shared/base/buf.h"
#include "shared/nats/stored_message.h"

/* Why it is a dead letter. */
#define REASON_REJECTED                                                                            \
    SLICE_LITERAL("rejected") /* the consumer said that it can never succeed                       \
                               */
#define REASON_MAX_DELIVERIES SLICE_LITERAL("max_deliveries") /* every attempt failed */
/* Deliveries ran out and the consumer left no word. */
#define REASON_NO_REPORT SLICE_LITERAL("no_report")

struct entry {
    struct slice stream;
    struct slice consumer;
    struct slice event_id; /* a UUID, or seq-<n> where the message is no event */
    struct slice subject;  /* where the original was published */
    uint64_t sequence;     /* of the original in its stream */
    int64_t deliveries;
    struct slice reason;     /* one of the above */
    struct slice error_code; /* "" when nothing was reported */
    struct slice error;
    struct slice service; /* who reported; "" when nobody */
    struct slice instance;
    int64_t failed_at_us;
    int64_t published_at_us; /* the original */
    int64_t generation;      /* 1, 2 ... */
};

/* Appends the name of the stream that `stream`'s entries are in. */
void entry_write_stream(struct slice stream, struct buf *out);
/* Appends the id. */
void entry_write_id(const struct entry *entry, struct buf *out);
/* Appends dlq.<id>. */
void entry_write_subject(const struct entry *entry, struct buf *out);

/* At most so many bytes go over the wire for a dead letter of this message. */
size_t entry_size_most(const struct stored_message *original);
/* The message to publish. `expected_sequence` is the DLQ sequence of the generation before, 0 for
   the first. NULL when the library cannot make it. Caller destroys. */
natsMsg *entry_message(const struct entry *entry, const struct stored_message *original,
                       uint64_t expected_sequence, const char *reply);

/* Reads a message of a DLQ stream; the entry borrows from it. INVALID when it is no entry. */
enum status entry_parse(const struct stored_message *message, struct entry *entry,
                        struct error *error) MUST_CHECK;
/* Like header_next(), but only the original's headers, under the names they had. The original's
   body is the message's. */
bool entry_next_original_header(struct slice *rest, struct header *header);

/* Adds the original to the open object: "headers":{name:[values]} as it had them, "body" where it
   is text of moderate size, "bodyBase64", "bodyBytes", and "bodyTruncated" where only its beginning
   fits into an answer. */
void entry_write_original(const struct stored_message *message, struct json_writer *w);

#endif
