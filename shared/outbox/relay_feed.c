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

/* Adds to the pass what was handed over, and notes all of its rows. */
static void take_handed(struct relay_feed *feed, struct handover **handed,
                        struct relay_pass *pass) {
    size_t read = pass->row_count;
    relay_pass_take(pass, handed);
    metric_add(&handed_over, 0, (int64_t)(pass->row_count - read));
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

static bool leave_out(const struct handover *handed, struct relay_ahead *ahead) {
    for (; handed != NULL; handed = handed->next) {
        if (ahead->count == RELAY_AHEAD_MOST)
            return false;
        ahead->xids[ahead->count++] = handed->rows[0].xid;
    }
    return true;
}

/* The reading ends before these, and what was committed before them may be there. */
static void drop_beyond(uint64_t next_xid, struct handover **list) {
    while (*list != NULL) {
        if ((*list)->rows[0].xid < next_xid)
            list = &(*list)->next;
        else
            handover_drop_first(list);
    }
}

/* Reads all but what was handed over, and has both in the pass. */
static enum status read_next(struct relay_feed *feed, const struct relay_reading *asked,
                             struct handover **handed, struct relay_pass *pass,
                             struct error *error) {
    struct relay_ahead left_out = feed->ahead;
    struct relay_reading reading = *asked;
    int64_t asked_us = clock_monotonic_us();
    if (leave_out(*handed, &left_out))
        reading.ahead = &left_out;
    else
        handover_destroy_all(handed);
    enum status status = relay_pass_read(feed->pg, &reading, pass, error);
    if (status != STATUS_OK) {
        handover_destroy_all(handed);
        return status;
    }
    feed->read_us = feed->read_all_us = asked_us;
    pass->goes_past_ahead = feed->ahead.count > 0;
    drop_ahead(&feed->ahead, pass->after.next_xid);
    drop_beyond(pass->after.next_xid, handed);
    take_handed(feed, handed, pass);
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
static void drop_read(const struct relay_cursor *cursor, struct handover **list) {
    while (*list != NULL) {
        if (relay_cursor_is_past(cursor, (*list)->rows[0].xid))
            handover_drop_first(list);
        else
            list = &(*list)->next;
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
    drop_read(reading->from, handed);
    bool must_look = must_read, is_due = clock_monotonic_us() >= relay_feed_due_us(feed);
    if (!must_read && is_due && *handed == NULL) {
        enum status status = look_for_more(feed, reading, &must_look, error);
        if (status != STATUS_OK || !must_look)
            return status;
    }
    if (must_look || is_due || !are_next(feed, *handed))
        return read_next(feed, reading, handed, pass, error);
    (void)leave_out(*handed, &feed->ahead);
    take_handed(feed, handed, pass);
    return STATUS_OK;
}
