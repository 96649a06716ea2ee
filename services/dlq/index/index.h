/*
 * The index in PostgreSQL, as the collecting half writes it: dlq.entries, dlq.failures and
 * dlq.reports. The streams hold the entries; an entry missing here is found again from them.
 *
 * Several instances may write the same at once: entries only ever move to a later generation.
 * Blocks as pg.h does; texts that are read live in the arena given.
 */
#ifndef OM_SERVICES_DLQ_INDEX_INDEX_H
#define OM_SERVICES_DLQ_INDEX_INDEX_H

#include "services/dlq/index/entry_row.h"
#include "services/dlq/index/notice.h"
#include "shared/pg/pg_columns.h"

/* A message of a stream, for one consumer. */
struct index_key {
    struct slice stream;
    struct slice consumer;
    uint64_t sequence;
};

/* Columns of a statement whose first parameters are arrays of keys. */
enum { KEY_STREAM, KEY_CONSUMER, KEY_SEQUENCE, KEYS };
void index_add_key(struct pg_columns *columns, const struct index_key *key);

struct index_known {
    struct index_key key; /* given */
    bool is_known;        /* it has ended here before, or has its second chance */
    int64_t failed_at_us;
    struct slice report; /* JSON of the last report about it; "" for none */
};
enum status index_find_known(struct pg *pg, struct index_known *known, size_t count,
                             struct arena *arena, struct error *error) MUST_CHECK;

struct index_found {
    struct slice id; /* given */
    bool is_there;
    struct entry_row row;
};
enum status index_find_entries(struct pg *pg, struct index_found *found, size_t count,
                               struct error *error) MUST_CHECK;

struct index_change {
    struct slice id;
    const struct entry *entry; /* of the failure: what to remember of it */
    uint64_t dlq_sequence;
    struct slice order_id; /* "" for none */
    bool is_entry;         /* false: a failure of an entry that stays as it is */
};
/* Joins the open transaction. No two changes may have one id. */
enum status index_write(struct pg *pg, const struct index_change *changes, size_t count,
                        struct error *error) MUST_CHECK;
/* Drops the reports about messages that need no sweep any more. Joins the open transaction. */
enum status index_drop_reports(struct pg *pg, const struct index_key *keys, size_t count,
                               struct error *error) MUST_CHECK;

/* Remembers the reports, each the last about its message, and closes the replays they are about.
   Joins the open transaction. No two may be about one message. */
enum status index_note_reports(struct pg *pg, const struct report *reports, size_t count,
                               struct error *error) MUST_CHECK;

#define INDEX_BATCH_MOST 128 /* messages at once */

/* Consumers that reports older than `before_us` are about. */
struct index_reporter {
    struct slice stream, consumer;
    int64_t max_deliver; /* filled in by the caller, for index_find_final() */
};
struct index_reporters {
    int64_t before_us; /* given */
    struct index_reporter *items;
    size_t count;
};
enum status index_find_reporters(struct pg *pg, struct index_reporters *reporters,
                                 struct arena *arena, struct error *error) MUST_CHECK;
/* Final reports older than that, INDEX_BATCH_MOST at most: every REJECT, and a RETRY that used up
   its reporter's max_deliver. `reports` has room for as many. */
enum status index_find_final(struct pg *pg, const struct index_reporters *reporters,
                             struct arena *arena, struct slice *reports, size_t *count,
                             struct error *error) MUST_CHECK;

/* Closes replays whose DONE came before they were noted as published. Joins the open transaction.
 */
enum status index_close_replays(struct pg *pg, struct error *error) MUST_CHECK;
/* Times that a clock that was ahead has left in the future become now, since all that waits for an
   age would wait for the difference. Joins the open transaction. */
enum status index_set_times_right(struct pg *pg, struct error *error) MUST_CHECK;
/* Drops reports that nothing followed for longer than their streams are kept. Joins the open
   transaction. */
enum status index_forget_reports(struct pg *pg, struct error *error) MUST_CHECK;

struct index_depth {
    struct slice stream; /* given */
    int64_t dead;
    int64_t oldest_at_us; /* 0 when none is dead */
};
enum status index_measure(struct pg *pg, struct index_depth *depths, size_t count,
                          struct error *error) MUST_CHECK;

#endif
