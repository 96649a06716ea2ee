/*
 * One notice on its way through the examiner: what is found out about it, and the decisions that
 * need no one else. Pure; strings live in the arena given, which outlasts the item.
 */
#ifndef OM_SERVICES_DLQ_COLLECT_EXAMINER_ITEM_H
#define OM_SERVICES_DLQ_COLLECT_EXAMINER_ITEM_H

#include "services/dlq/collect/consumer_facts.h"
#include "services/dlq/index/entry.h"
#include "services/dlq/index/notice.h"

#define EXAMINER_MOST 128  /* notices at once */
#define ITEM_MARKS_MOST 16 /* of one message's deliveries, so many are looked after */

struct item {
    struct notice notice;
    bool is_settled; /* refused, known, put off, or written */
    bool is_put_off; /* until its second chance (second_chances.h) */
    const struct consumer_facts *facts;
    struct stored_message original;
    const struct report *report; /* about this very message; NULL for none */
    struct slice id;             /* of the entry */
    struct entry entry;
    int replay_of;        /* the generation it replays; 0: no replay */
    bool is_chance;       /* its second chance */
    bool ends_its_reader; /* the chance: each delivery was begun, by another process */
    struct slice marks[ITEM_MARKS_MOST]; /* by which process; empty where by none */
    uint64_t expected_sequence;          /* the generation before it in the DLQ stream */
    bool is_corrected;           /* by the stream, whose last word counts more than the index */
    struct stored_message found; /* the entry that the stream has */
    /* What the index is to know: a failure, its own or the one of the entry found; NULL for none.
     */
    const struct entry *failure;
    uint64_t failure_sequence; /* of its entry in the DLQ stream */
    bool is_new_entry;         /* false: a failure of an entry that stays as it is */
};

/* What the index has of an entry. */
struct entry_row {
    uint64_t sequence;     /* of the message that failed last */
    uint64_t dlq_sequence; /* of the entry's last message in <stream>_DLQ */
    int64_t generation;
    bool is_dead; /* it waits */
    int64_t failed_at_us;
};

/* Leaves the index something to know. */
void item_note(struct item *item, const struct entry *failure, uint64_t dlq_sequence,
               bool is_new_entry);

bool item_is_same_message(const struct item *a, const struct item *b);

/* Why the server's facts do not bear the notice out; NULL when they do. */
const char *item_doubt(const struct item *item);

/* Joins the notice's own report and the one the index holds (JSON; "" for none): the later one. */
enum status item_join_report(struct item *item, struct slice report, struct arena *arena,
                             struct error *error) MUST_CHECK;
/* Where a report about the original is kept: by its event's id as its headers have it, or by its
   sequence. Needs the original. */
void item_report_subject(const struct item *item, bool by_sequence, struct buf *out);
/* Joins the report a message of FAILURES holds, if it is about this message. */
void item_take_report(struct item *item, const struct stored_message *message, struct arena *arena);

/* That the last deliveries left no report, so that the consumer was killed, or its report is yet to
   be read. */
bool item_left_no_word(const struct item *item);
/* Named, but to be sent once more (second_chances.h) before it is a dead letter. A chance that ran
   out of time in the hands of a process that lives is no failure: it has another. */
bool item_has_a_chance(const struct item *item);

/* Fills in id and entry, all but the generation. Returns why there is nothing to enter, or NULL. */
const char *item_name_entry(struct item *item, struct arena *arena);
/* Decides on a named item by what the index has of its entry, NULL for nothing: sets its generation
   and, unless it is corrected, expected_sequence; settles what is no new generation, but a failure
   of the entry as it is.

   - Nothing is there: the first generation.
   - The entry waits: a second copy of the event adds nothing. But the replay of this very
     generation does: then the index was rebuilt and does not know that it was replayed.
   - It was replayed, resolved or discarded: what comes after it is the next generation, unless it
     is the late copy of a replay that was already answered for.
   - Another message that happens to have the same name is the next generation, too: of a new
     stream, and named by a sequence that the old one had.
   - A message before the one that failed last has nothing new to say. */
void item_judge(struct item *item, const struct entry_row *row);
/* The body's text that looks like the order's id, found without parsing; "" for none. */
struct slice item_order_id(const struct item *item);

#endif
