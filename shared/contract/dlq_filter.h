/*
 * The filter of dead letters, which the HTTP API, omctl, the mesh's endpoints and stored jobs all
 * understand. Values only; thread safe; nothing blocks.
 */
#ifndef OM_SHARED_CONTRACT_DLQ_FILTER_H
#define OM_SHARED_CONTRACT_DLQ_FILTER_H

#include "shared/base/slice.h"
#include "shared/json/json.h"

/* id, name */
#define DLQ_FILTER_TABLE(X)                                                                        \
    X(STREAM, "stream")                                                                            \
    X(CONSUMER, "consumer")                                                                        \
    X(REASON, "reason") /* rejected, max_deliveries, no_report */                                  \
    X(CODE, "code")     /* of the error, such as INVALID */                                        \
    X(ERROR, "error")   /* its text, but for numbers and ids */                                    \
    X(TYPE, "type")     /* io.ordermesh.order.created */                                           \
    X(ORDER, "orderId") /* of the order that the message is about */                               \
    X(STATUS, "status") /* dead, replaying, replayed, resolved, discarded, any */                  \
    X(FROM, "from")     /* failed at or after; RFC 3339 */                                         \
    X(TO, "to")         /* failed before; RFC 3339 */

enum dlq_filter_member {
#define DLQ_FILTER_ENUM(id, name) DLQ_FILTER_##id,
    DLQ_FILTER_TABLE(DLQ_FILTER_ENUM)
#undef DLQ_FILTER_ENUM
        DLQ_FILTER_COUNT
};

#define DLQ_LIMIT_USUAL 50
#define DLQ_LIMIT_MOST 200
#define DLQ_CURSOR_MOST 1024
#define DLQ_RATE_USUAL 100
#define DLQ_RATE_MOST 10000
#define DLQ_REASON_MOST 500 /* bytes of the reason to discard an entry */
#define DLQ_ACTOR_MOST 255
#define DLQ_ID_MOST 400
#define DLQ_CHOSEN_MOST 2000 /* entries that a job is given by their ids */

/* Borrows its texts. Zero-initialized it means every entry that is dead. */
struct dlq_filter {
    struct slice text[DLQ_FILTER_COUNT]; /* ptr NULL: not given */
    int64_t from_us, to_us;              /* FROM and TO as times, where given */
};

const char *dlq_filter_name(enum dlq_filter_member member);
bool dlq_filter_find(struct slice name, enum dlq_filter_member *member);
/* INVALID names the fault of the value. */
enum status dlq_filter_set(struct dlq_filter *filter, enum dlq_filter_member member,
                           struct slice value, struct error *error) MUST_CHECK;
/* Reads the filter's members of an object. INVALID also for a member that is neither one of them
   nor listed in `others` (NULL-terminated). */
enum status dlq_filter_read(struct json_object *root, const char *const *others,
                            struct dlq_filter *filter, struct error *error) MUST_CHECK;
/* Adds the members given, in the table's order, to the open object. */
void dlq_filter_write(const struct dlq_filter *filter, struct json_writer *w);

/* <stream>.<consumer>.<event id>: letters, digits, '-', '_' and at least two dots. */
bool dlq_id_is_valid(struct slice id);

/* One line of 1 to `most` bytes, printable. */
bool dlq_text_is_valid(struct slice text, size_t most);

#endif
