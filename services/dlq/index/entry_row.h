/*
 * An entry as the index keeps it (dlq.entries): its state, and what a verdict on a further failure
 * needs of it. Plain values.
 */
#ifndef OM_SERVICES_DLQ_INDEX_ENTRY_ROW_H
#define OM_SERVICES_DLQ_INDEX_ENTRY_ROW_H

#include "services/dlq/index/entry.h"
#include "shared/base/slice.h"

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
    uint64_t sequence;     /* of the message that failed last */
    uint64_t dlq_sequence; /* of the entry's last message in <stream>_DLQ */
    int generation;
    enum entry_status status;
    int64_t failed_at_us;
};

#endif
