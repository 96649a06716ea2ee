/*
 * Second chances in the database (dlq.chances):
 *
 *     waiting -> given                    sent, one at a time for each service
 *     given -> passed | failed | expired  it was done; it failed, or became a dead letter; nobody
 *                                         said anything in time
 *
 * A chance that expired no longer holds up the next; should it fail later, it is a dead letter all
 * the same. Blocks as pg.h does; what is handed out is in the arena.
 */
#ifndef OM_SERVICES_DLQ_INDEX_STORE_CHANCE_H
#define OM_SERVICES_DLQ_INDEX_STORE_CHANCE_H

#include "services/dlq/index/index.h"
#include "services/dlq/index/store_act.h"

/* A message whose deliveries ran out. */
struct chance {
    struct index_key key;
    struct slice entry_id; /* of the dead letter it may become */
    int64_t created_us;    /* the consumer: what is known from before is of a stream that is gone */
};

/* Makes them wait, unless they are known. Joins the open transaction. */
enum status store_chance_note(struct pg *pg, const struct chance *chances, size_t count,
                              struct error *error) MUST_CHECK;
/* Those to be sent next: of each service that has none out, the first. */
enum status store_chance_next(struct pg *pg, struct arena *arena, struct replays *next,
                              struct error *error) MUST_CHECK;
/* It was published as `sequence`. If it was the replay of an entry, that now goes by `sequence`. */
enum status store_chance_give(struct pg *pg, const struct replay *chance, uint64_t sequence,
                              struct error *error) MUST_CHECK;

/* Ends those that a report or a dead letter speaks of. */
struct chance_ends {
    int64_t passed, failed;
};
enum status store_chance_end(struct pg *pg, struct chance_ends *ends,
                             struct error *error) MUST_CHECK;

struct given_chance {
    struct index_key key;
    uint64_t sequence; /* of the message that was sent */
    int64_t age_us;    /* since it was sent, or since the clock was set back */
};
struct given_chances {
    struct given_chance *items;
    size_t count;
};
enum status store_chance_given(struct pg *pg, struct arena *arena, struct given_chances *given,
                               struct error *error) MUST_CHECK;
/* Its time begins now. */
enum status store_chance_renew(struct pg *pg, const struct index_key *key,
                               struct error *error) MUST_CHECK;
enum status store_chance_expire(struct pg *pg, const struct index_key *key,
                                struct error *error) MUST_CHECK;

#endif
