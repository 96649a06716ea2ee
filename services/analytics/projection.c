#include "services/analytics/projection.h"

#include "services/analytics/measure.h"
#include "services/analytics/store.h"

#include <stdlib.h>

static int compare_ids(const void *a, const void *b) {
    return uuid_compare(&((const struct order_facts *)a)->order_id,
                        &((const struct order_facts *)b)->order_id);
}

/* One row an order, which is also the order in which rows are locked. */
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

enum status projection_apply(struct pg *pg, struct arena *arena, struct order_facts *facts,
                             size_t count, struct error *error) {
    struct order_facts *known;
    size_t changed = 0;
    count = join_equal(facts, count);
    if (count == 0)
        return STATUS_OK;
    enum status status = facts_store_lock(pg, arena, facts, count, &known, error);
    if (status != STATUS_OK)
        return status;
    struct tally tally = {.arena = arena};
    for (size_t i = 0; i < count; i++) {
        struct order_facts before = known[i];
        if (!facts_merge(&known[i], &facts[i]))
            continue;
        facts_measure(&before, -1, &tally);
        facts_measure(&known[i], 1, &tally);
        known[changed++] = known[i];
    }
    tally_settle(&tally);
    status = facts_store_save(pg, known, changed, error);
    if (status == STATUS_OK)
        status = counts_store_add(pg, &tally, error);
    return status;
}
