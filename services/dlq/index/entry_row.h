/*
 * An entry as the index keeps it (dlq.entries): what its message says, and what became of it.
 *
 * A row borrows from the result it was read from. Thread safe on distinct results.
 */
#ifndef OM_SERVICES_DLQ_INDEX_ENTRY_ROW_H
#define OM_SERVICES_DLQ_INDEX_ENTRY_ROW_H

#include "services/dlq/index/entry.h"
#include "shared/base/slice.h"
#include "shared/pg/pg.h"

/* id, text, what it means */
#define ENTRY_STATUS_TABLE(X)                                                                      \
    X(DEAD, "dead", "waits for somebody to decide")                                                \
    X(REPLAYING, "replaying", "to be published again, or just published")                          \
    X(REPLAYED, "replayed", "published again; the consumer has not answered yet")                  \
    X(RESOLVED, "resolved", "the consumer did what the replay asked for")                          \
    X(DISCARDED, "discarded", "somebody decided that it never will be done")

enum entry_status {
#define ENTRY_STATUS_ENUM(id, text, meaning) ENTRY_##id,
    ENTRY_STATUS_TABLE(ENTRY_STATUS_ENUM)
#undef ENTRY_STATUS_ENUM
        ENTRY_STATUS_COUNT
};

const char *entry_status_text(enum entry_status status);
bool entry_status_parse(struct slice text, enum entry_status *status);

struct entry_row {
    struct slice id;
    struct slice stream;
    struct slice consumer;
    struct slice event_id;
    struct slice order_id; /* "" where it is not known */
    struct slice type;     /* "" where the subject is no event's */
    struct slice subject;
    uint64_t sequence;     /* of the message that failed last */
    uint64_t dlq_sequence; /* of the entry's last message in <stream>_DLQ */
    int generation;
    enum entry_status status;
    enum dead_reason reason;
    struct slice error_code; /* "" when nothing was reported */
    struct slice error;
    int deliveries;
    struct slice service;     /* "" when nobody reported */
    uint64_t replay_sequence; /* 0 until it was replayed */
    int64_t first_failed_at_us;
    int64_t failed_at_us;
    int64_t updated_at_us;
};

/* The columns of dlq.entries, as `e`, in the order that entry_row_read() expects from the result's
   first column on. */
#define ENTRY_ROW_COLUMNS                                                                          \
    "e.id, e.stream, e.consumer, e.event_id, e.order_id, e.type, e.subject, e.stream_sequence,"    \
    " e.dlq_sequence, e.generation, e.status, e.reason, e.error_code, e.error, e.deliveries,"      \
    " e.service, e.replay_sequence, e.first_failed_at, e.failed_at, e.updated_at"

/* INTERNAL when the table holds a status or reason this program does not know. */
enum status entry_row_read(const struct pg_result *result, int row, struct entry_row *entry,
                           struct error *error) MUST_CHECK;

#endif
