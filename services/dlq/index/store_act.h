/*
 * People's actions on an entry, and on many. Each function is one statement, so one transaction,
 * and writes its audit rows with it.
 *
 *     dead -> replaying -> replayed      taken, then what became of the publishing
 *     replaying -> dead                  the broker refused the message
 *     dead -> discarded
 *
 * The taking is committed before anything is published. A process that finds an entry taken
 * publishes it again under the same message id, which JetStream stores once, so what was begun
 * outlives its process. Blocks as pg.h does; what is handed out is in the arena.
 */
#ifndef OM_SERVICES_DLQ_INDEX_STORE_ACT_H
#define OM_SERVICES_DLQ_INDEX_STORE_ACT_H

#include "services/dlq/index/store_read.h"

/* The end of publishing one. */
enum replay_end {
    REPLAY_UNKNOWN, /* nobody answered: it stays taken */
    REPLAY_PUBLISHED,
    REPLAY_REFUSED, /* nothing was stored */
};

/* A message to be sent again for its consumer: an entry's, or a second chance. */
struct replay {
    struct slice id, stream, consumer;
    struct slice subject; /* of an entry */
    struct slice
        holder;         /* the stream that it is in: <stream>_DLQ, or of a second chance <stream> */
    uint64_t sequence;  /* there */
    int64_t generation; /* of an entry */
    bool is_chance;
    struct slice edit_headers; /* {name: [values]} in place of the original's; ptr NULL: none */
    struct slice edit_body;    /* ptr NULL: the original's */

    struct stored_message stored; /* while it is published */
    enum replay_end end;
    uint64_t published_sequence;
    char detail[250]; /* why it was refused */
};

struct replays {
    struct replay *items;
    size_t count;
};

/* Runs a statement whose rows begin with REPLAY_COLUMNS and an edit's headers and body, or two
   times NULL. */
#define REPLAY_COLUMNS                                                                             \
    " e.id, e.stream, e.consumer, e.subject, e.stream || '_DLQ' AS holder, e.dlq_sequence,"        \
    " e.generation"
enum status store_query_replays(struct pg *pg, const struct pg_statement *statement,
                                const struct pg_param *params, struct arena *arena,
                                struct replays *replays, struct error *error) MUST_CHECK;

/* Takes the entry, to be replayed as the request's edit says: none when it is not dead, or not
   there. */
enum status store_take(struct pg *pg, const struct dlq_request *request, struct arena *arena,
                       struct replays *taken, struct error *error) MUST_CHECK;
/* Entries taken longer than `age_ms` ago and not settled yet, up to `limit`. */
enum status store_unsettled(struct pg *pg, int64_t age_ms, int64_t limit, struct arena *arena,
                            struct replays *found, struct error *error) MUST_CHECK;
/* Writes down what became of those taken, but for those whose end is unknown. */
enum status store_settle(struct pg *pg, const struct replays *replays,
                         struct error *error) MUST_CHECK;
/* Nothing changes when the entry is not dead, or not there. */
enum status store_discard(struct pg *pg, const struct dlq_request *request,
                          struct error *error) MUST_CHECK;

/* --- jobs: many entries replayed or discarded (dlq.jobs): running -> done | cancelled | failed ---
 */

/* Makes the request's `job`, which discards where it says `because`. The filter of a job that was
   given its entries is {"status":"chosen"}, by which a service of a version before would find none.
   Each of them remembers the job, and is of the last that chose it.
 */
enum status store_job_create(struct pg *pg, const struct dlq_request *request,
                             struct error *error) MUST_CHECK;
/* Ends it if it runs. */
enum status store_job_cancel(struct pg *pg, const struct dlq_request *request,
                             struct error *error) MUST_CHECK;

#endif
