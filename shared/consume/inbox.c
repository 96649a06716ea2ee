#include "shared/consume/inbox.h"

#include "shared/base/memory.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <stdlib.h>

static const struct pg_statement take = {
    .name = "inbox_take",
    .sql = "INSERT INTO inbox (event_id, consumer) SELECT id, $2::text FROM unnest($1::uuid[]) id "
           "ON CONFLICT DO NOTHING RETURNING event_id",
    .param_count = 2,
};

static const struct pg_statement find_discarded = {
    .name = "discarded_find",
    .sql = "SELECT event_id FROM discarded WHERE event_id = ANY ($1::uuid[])"
           " AND consumer = $2::text",
    .param_count = 2,
};

static const struct pg_statement give_back = {
    .name = "inbox_give_back",
    .sql = "DELETE FROM inbox WHERE event_id = ANY ($1::uuid[]) AND consumer = $2::text",
    .param_count = 2,
};

struct place {
    struct uuid id;
    size_t index; /* in the batch */
};

static int compare_places(const void *a, const void *b) {
    const struct place *left = a, *right = b;
    int order = uuid_compare(&left->id, &right->id);
    if (order != 0)
        return order;
    return left->index < right->index ? -1 : left->index > right->index;
}

static int compare_id(const void *id, const void *place) {
    return uuid_compare(id, &((const struct place *)place)->id);
}

/* The first of equal ids, so that a repetition within the batch is the duplicate. */
static size_t find_first(const struct place *places, size_t count, const struct uuid *id) {
    const struct place *place = bsearch(id, places, count, sizeof(*places), compare_id);
    while (place > places && compare_id(id, place - 1) == 0)
        place--;
    return place->index;
}

enum status inbox_take(struct pg *pg, const char *consumer, struct delivery *const *deliveries,
                       size_t count, struct error *error) {
    if (count == 0)
        return STATUS_OK;
    struct place *places = mem_alloc(count * sizeof(*places));
    for (size_t i = 0; i < count; i++) {
        places[i] = (struct place){deliveries[i]->event.id, i};
        deliveries[i]->is_duplicate = true;
    }
    qsort(places, count, sizeof(*places), compare_places);

    struct pg_array ids;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < count; i++)
        pg_array_add_uuid(&ids, &places[i].id);
    const struct pg_param params[] = {pg_array(&ids), pg_text(slice_of(consumer))};
    struct pg_result *rows = NULL;
    enum status status = pg_query(pg, &take, params, &rows, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(rows); row++) {
        struct uuid id = pg_get_uuid(rows, row, 0);
        deliveries[find_first(places, count, &id)]->is_duplicate = false;
    }
    pg_result_free(&rows);
    pg_array_fini(&ids);
    free(places);
    return status;
}

/* Queues a statement about those events, if there are any, and ends their list. */
static enum status queue(struct pg *pg, const struct pg_statement *statement, struct pg_array *ids,
                         const char *consumer, struct pg_result **answer, struct error *error) {
    const struct pg_param params[] = {pg_array(ids), pg_text(slice_of(consumer))};
    enum status status =
        ids->count > 0 ? pg_queue_into(pg, statement, params, answer, error) : STATUS_OK;
    pg_array_fini(ids);
    return status;
}

enum status discarded_ask(struct pg *pg, const char *consumer, struct delivery *const *deliveries,
                          size_t count, struct pg_result **answer, struct error *error) {
    struct pg_array ids;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < count; i++)
        pg_array_add_uuid(&ids, &deliveries[i]->event.id);
    return queue(pg, &find_discarded, &ids, consumer, answer, error);
}

bool discarded_heed(const struct pg_result *answer, struct delivery *const *deliveries,
                    size_t count) {
    int rows = answer != NULL ? pg_rows(answer) : 0;
    for (int row = 0; row < rows; row++) {
        struct uuid id = pg_get_uuid(answer, row, 0);
        for (size_t i = 0; i < count; i++)
            if (uuid_compare(&deliveries[i]->event.id, &id) == 0)
                deliveries[i]->is_discarded = deliveries[i]->is_duplicate = true;
    }
    return rows > 0;
}

enum status inbox_give_back(struct pg *pg, const char *consumer, struct delivery *const *deliveries,
                            size_t count, struct error *error) {
    struct pg_array ids;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < count; i++) {
        if (!deliveries[i]->is_duplicate && deliveries[i]->outcome != OUTCOME_DONE)
            pg_array_add_uuid(&ids, &deliveries[i]->event.id);
    }
    return queue(pg, &give_back, &ids, consumer, NULL, error);
}
