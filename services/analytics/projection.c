#include "services/analytics/projection.h"

#include "services/analytics/measure.h"
#include "services/analytics/store.h"
#include "services/analytics/term_store.h"

#include <stdlib.h>

static int compare_ids(const void *a, const void *b) {
    return uuid_compare(&((const struct order_facts *)a)->order_id,
                        &((const struct order_facts *)b)->order_id);
}

/* One row an order, in the order in which known ones are read. */
static size_t join_equal(struct order_facts *facts, size_t count) {
    size_t kept = 0;
    qsort(facts, count, sizeof(*facts), compare_ids);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare_ids(&facts[kept - 1], &facts[i]) == 0)
            (void)facts_merge(&facts[kept - 1], &facts[i]);
        else
            facts[kept++] = facts[i];
    }
    return kept;
}

/* Rows of one kind, as they are to be written. */
struct rows {
    struct order_facts *items;
    size_t count;
};

/* What a batch comes to. */
struct changes {
    struct rows changed, made;
    struct tally tally;
    struct term_rows added, removed;
};

/* Joins each order's new facts with the known ones; `known` is sorted as `facts` are. */
static void join_known(const struct rows *facts, const struct rows *known,
                       struct changes *changes) {
    struct rows *changed = &changes->changed, *made = &changes->made;
    struct tally *tally = &changes->tally;
    size_t next = 0;
    for (size_t i = 0; i < facts->count; i++) {
        if (next == known->count || compare_ids(&known->items[next], &facts->items[i]) != 0) {
            facts_measure(&facts->items[i], 1, tally);
            terms_change(NULL, &facts->items[i], &changes->added, &changes->removed);
            made->items[made->count++] = facts->items[i];
            continue;
        }
        struct order_facts before = known->items[next], after = before;
        next++;
        if (!facts_merge(&after, &facts->items[i]))
            continue;
        facts_measure(&before, -1, tally);
        facts_measure(&after, 1, tally);
        terms_change(&before, &after, &changes->added, &changes->removed);
        changed->items[changed->count++] = after;
    }
}

/* Bits, 1u << enum fact. */
static unsigned facts_told(const struct rows *facts) {
    unsigned told = 0;
    for (size_t i = 0; i < facts->count; i++)
        for (int fact = 0; fact < FACT_COUNT; fact++)
            told |= (unsigned)(facts->items[i].at_us[fact] != 0) << fact;
    return told;
}

static enum status write_changes(struct pg *pg, const struct changes *changes, unsigned told,
                                 struct error *error) {
    enum status status = facts_store_make(pg, changes->made.items, changes->made.count, error);
    if (status == STATUS_OK)
        status = facts_store_save(pg, changes->changed.items, changes->changed.count, told, error);
    if (status == STATUS_OK)
        status = counts_store_add(pg, &changes->tally, error);
    if (status == STATUS_OK)
        status = terms_store_remove(pg, &changes->removed, error);
    return status == STATUS_OK ? terms_store_add(pg, &changes->added, error) : status;
}

enum status projection_apply(struct pg *pg, struct arena *arena, struct order_facts *facts,
                             size_t count, struct error *error) {
    struct rows joined = {facts, join_equal(facts, count)}, known = {0};
    struct changes changes = {.tally.arena = arena, .added.arena = arena, .removed.arena = arena};
    if (joined.count == 0)
        return STATUS_OK;
    enum status status =
        facts_store_lock(pg, arena, facts, joined.count, &known.items, &known.count, error);
    if (status != STATUS_OK)
        return status;
    changes.changed.items = arena_alloc(arena, joined.count * sizeof(*facts));
    changes.made.items = arena_alloc(arena, joined.count * sizeof(*facts));
    join_known(&joined, &known, &changes);
    tally_settle(&changes.tally);
    return write_changes(pg, &changes, facts_told(&joined), error);
}
