/*
 * The index in PostgreSQL, as the collecting half writes it: dlq.entries, dlq.failures and
 * dlq.reports. The streams hold the entries; whatever is missing here is found again from them.
 *
 * Several instances may write the same at once: entries only ever move to a later generation.
 */
#ifndef OM_SERVICES_DLQ_INDEX_INDEX_H
#define OM_SERVICES_DLQ_INDEX_INDEX_H

#include "services/dlq/index/entry_row.h"
#include "services/dlq/index/notice.h"
#include "shared/base/arena.h"

/* A message of a stream, for one consumer. */
struct index_key {
    struct slice stream;
    struct slice consumer;
    uint64_t sequence;
};

struct index_known {
    bool is_known; /* it has ended here before, or has its second chance */
    int64_t failed_at_us;
    struct slice report; /* JSON of the last report about it; "" for none */
};

/* Fills known[i] for keys[i]. */
enum status index_find_known(struct pg *pg, const struct index_key *keys, size_t count,
                             struct arena *arena, struct index_known *known,
                             struct error *error) MUST_CHECK;

/* Writes rows[i] for ids[i] and found[i], whether there is one. The rows borrow from *result. */
enum status index_find_entries(struct pg *pg, const struct slice *ids, size_t count,
                               struct entry_row *rows, bool *found, struct pg_result **result,
                               struct error *error) MUST_CHECK;

struct index_change {
    struct slice id;
    const struct entry *entry; /* of the failure: what to remember of it */
    uint64_t dlq_sequence;
    struct slice order_id; /* "" for none */
    bool is_entry;         /* false: a failure of an entry that stays as it is */
};

/* Writes the changes, and drops the reports about `settled`, which need no sweep any more. Joins
   the open transaction. No two changes may have one id. */
enum status index_write(struct pg *pg, const struct index_change *changes, size_t count,
                        const struct index_key *settled, size_t settled_count,
                        struct error *error) MUST_CHECK;

/* Remembers the reports, each the last about its message, and closes the replays they are about.
   Joins the open transaction. No two may be about one message. */
enum status index_note_reports(struct pg *pg, const struct report *reports, size_t count,
                               struct error *error) MUST_CHECK;

/* The consumers that reports older than `before_us` are about. Slices are in `arena`; *count is at
   most `most`. */
enum status index_find_reporters(struct pg *pg, int64_t before_us, struct arena *arena,
                                 struct index_key *reporters, size_t most, size_t *count,
                                 struct error *error) MUST_CHECK;
/* Final reports older than `before_us`: every REJECT, and a RETRY that used up max_deliver[i] of
   reporters[i]. */
enum status index_find_final(struct pg *pg, int64_t before_us, const struct index_key *reporters,
                             const int64_t *max_deliver, size_t reporter_count, struct arena *arena,
                             struct slice *reports, size_t most, size_t *count,
                             struct error *error) MUST_CHECK;
/* Closes replays whose DONE came before they were noted as published. Joins the open transaction.
 */
enum status index_close_replays(struct pg *pg, struct error *error) MUST_CHECK;
/* Drops reports that nothing followed for longer than their streams are kept. Joins the open
   transaction. */
enum status index_forget_reports(struct pg *pg, struct error *error) MUST_CHECK;

struct index_depth {
    struct slice stream;
    int64_t dead;
    int64_t oldest_at_us; /* 0 when none is dead */
};
/* Fills in the figures of `depths[i].stream`. */
enum status index_measure(struct pg *pg, struct index_depth *depths, size_t count,
                          struct error *error) MUST_CHECK;

#endif
