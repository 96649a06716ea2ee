#include "shared/outbox/relay_feed.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/observe/metrics.h"
#include "shared/outbox/outbox_ids.h"
#include "shared/pg/pg_result.h"

#include <stdlib.h>

METRIC_COUNTER(handed_over, "ordermesh_outbox_handed_over_total", "",
               "Outbox rows published as they were handed over, without being read back.");

/* All is read so often, whatever the ids say: of a writer that takes its id before its
   transaction's number, as versions before did. */
#define READ_INTERVAL_US (INT64_C(5) * 1000000)

struct relay_feed {
    struct pg *pg;
    int64_t poll_us;
    int64_t read_us;       /* or looked, and all was known */
    int64_t read_all_us;   /* the last reading */
    struct outbox_ids ids; /* of the rows that were given out */
    struct relay_ahead ahead;
};

struct relay_feed *relay_feed_create(struct pg *pg, int64_t poll_ms) {
    struct relay_feed *feed = mem_alloc(sizeof(*feed));
    feed->pg = pg;
    feed->poll_us = poll_ms * 1000;
    return feed;
}

void relay_feed_destroy(struct relay_feed **feed) {
    free(*feed);
    *feed = NULL;
}

void relay_feed_forget(struct relay_feed *feed) {
    feed->ids = (struct outbox_ids){0};
    feed->ahead.count = 0;
}

const struct relay_ahead *relay_feed_ahead(const struct relay_feed *feed) {
    return &feed->ahead;
}

int64_t relay_feed_read_us(const struct relay_feed *feed) {
    return feed->read_us;
}

int64_t relay_feed_due_us(const struct relay_feed *feed) {
    return feed->read_us + feed->poll_us;
}

static void take_ids(struct relay_feed *feed, const struct relay_pass *pass) {
    for (size_t i = 0; i < pass->row_count; i++)
        outbox_ids_add(&feed->ids, pass->rows[i].id);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* The cursor goes past what was published from memory below it. */
static void drop_ahead(struct relay_ahead *ahead, uint64_t next_xid) {
    size_t kept = 0;
    for (size_t i = 0; i < ahead->count; i++) {
        if (ahead->xids[i] >= next_xid)
            ahead->xids[kept++] = ahead->xids[i];
    }
    ahead->count = kept;
}

/* Ids that are missing are told from those that never come by a transaction of our own, once. */
static enum status mark_missing(struct relay_feed *feed, struct error *error) {
    static const struct pg_statement own_xid = {"relay_own_xid",
                                                "SELECT pg_current_xact_id()::text::int8", 0};
    struct pg_result *rows = NULL;
    if (!outbox_ids_needs_mark(&feed->ids))
        return STATUS_OK;
    enum status status = pg_query(feed->pg, &own_xid, NULL, &rows, error);
    if (status == STATUS_OK)
        outbox_ids_mark(&feed->ids, (uint64_t)pg_get_int64(rows, 0, 0));
    pg_result_free(&rows);
    return status;
}

static enum status read_next(struct relay_feed *feed, const struct relay_reading *reading,
                             struct relay_pass *pass, struct error *error) {
    int64_t asked_us = clock_monotonic_us();
    enum status status = relay_pass_read(feed->pg, reading, pass, error);
    if (status != STATUS_OK)
        return status;
    feed->read_us = feed->read_all_us = asked_us;
    pass->goes_past_ahead = feed->ahead.count > 0;
    drop_ahead(&feed->ahead, pass->after.next_xid);
    take_ids(feed, pass);
    if (pass->was_cut)
        return STATUS_OK;
    outbox_ids_read(&feed->ids, pass->after.next_xid, relay_cursor_lowest_hole(&pass->after));
    return mark_missing(feed, error);
}

/* What a reading costs with its partitions, this does not: while no id is missing, only the
   sequence has to be asked whether there is another. */
static enum status look_for_more(struct relay_feed *feed, const struct relay_reading *reading,
                                 bool *has_more, struct error *error) {
    static const struct pg_statement look = {
        "relay_look",
        "SELECT pg_sequence_last_value('outbox_id_seq'), next_xid::text::int8, pg_backend_pid() "
        "FROM outbox_cursor",
        0};
    struct pg_result *rows = NULL;
    int64_t asked_us = clock_monotonic_us();
    *has_more = true;
    if (feed->ids.next == 0 || feed->ids.next < feed->ids.top || feed->ahead.count > 0 ||
        reading->from->hole_count > 0 || asked_us >= feed->read_all_us + READ_INTERVAL_US)
        return STATUS_OK;
    enum status status = pg_query(feed->pg, &look, NULL, &rows, error);
    if (status != STATUS_OK)
        return status;
    *has_more = pg_is_null(rows, 0, 0) || pg_get_int64(rows, 0, 0) + 1 != feed->ids.next ||
                (uint64_t)pg_get_int64(rows, 0, 1) != reading->saved_xid ||
                pg_get_int64(rows, 0, 2) != reading->session;
    pg_result_free(&rows);
    if (!*has_more)
        feed->read_us = asked_us;
    return STATUS_OK;
}

/* --- what was handed over --------------------------------------------------------------------- */

/* A reading may have seen a transaction before it was handed over. */
static void drop_known(const struct outbox_ids *ids, struct handover **list) {
    while (*list != NULL) {
        struct handover *one = *list;
        if (!outbox_ids_has(ids, one->rows[0].id)) {
            list = &one->next;
            continue;
        }
        *list = one->next;
        one->next = NULL;
        handover_destroy_all(&one);
    }
}

/* Nothing has to be read before them, since their ids follow those that are known, without a gap.
 */
static bool are_next(const struct relay_feed *feed, const struct handover *handed) {
    int64_t next = feed->ids.next;
    size_t transactions = feed->ahead.count;
    for (; handed != NULL; handed = handed->next, transactions++) {
        for (size_t i = 0; i < handed->row_count; i++) {
            if (handed->rows[i].id != next++)
                return false;
        }
    }
    return feed->ids.next != 0 && transactions <= RELAY_AHEAD_MOST;
}

enum status relay_feed_next(struct relay_feed *feed, const struct relay_reading *reading,
                            bool must_read, struct handover **handed, struct relay_pass *pass,
                            struct error *error) {
    drop_known(&feed->ids, handed);
    bool must_look = must_read, is_due = clock_monotonic_us() >= relay_feed_due_us(feed);
    if (!must_read && is_due && *handed == NULL) {
        enum status status = look_for_more(feed, reading, &must_look, error);
        if (status != STATUS_OK || !must_look)
            return status;
    }
    if (must_look || is_due || !are_next(feed, *handed)) {
        handover_destroy_all(handed);
        return read_next(feed, reading, pass, error);
    }
    for (const struct handover *one = *handed; one != NULL; one = one->next)
        feed->ahead.xids[feed->ahead.count++] = one->rows[0].xid;
    relay_pass_take(pass, handed);
    take_ids(feed, pass);
    metric_add(&handed_over, 0, (int64_t)pass->row_count);
    return STATUS_OK;
}
