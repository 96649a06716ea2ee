#include "shared/consume/inbox.h"

#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

/* Gives the places, from 1, of those taken: of several of one event the first. */
static const struct pg_statement take = {
    .name = "inbox_take",
    .sql = "WITH given AS MATERIALIZED ("
           "  SELECT id, min(nth) AS nth FROM unnest($1::uuid[]) WITH ORDINALITY u(id, nth)"
           "  GROUP BY id ORDER BY id),"
           " taken AS ("
           "  INSERT INTO inbox (event_id, consumer) SELECT id, $2::text FROM given"
           "  ON CONFLICT DO NOTHING RETURNING event_id)"
           " SELECT given.nth FROM taken JOIN given ON given.id = taken.event_id",
    .param_count = 2,
};

static const struct pg_statement give_back = {
    .name = "inbox_give_back",
    .sql = "DELETE FROM inbox WHERE event_id = ANY ($1::uuid[]) AND consumer = $2::text",
    .param_count = 2,
};

enum status inbox_take(struct pg *pg, const char *consumer, struct delivery *const *deliveries,
                       size_t count, struct error *error) {
    struct pg_array ids;
    struct pg_result *rows = NULL;
    if (count == 0)
        return STATUS_OK;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < count; i++) {
        pg_array_add_uuid(&ids, &deliveries[i]->event.id);
        deliveries[i]->is_duplicate = true;
    }
    const struct pg_param params[] = {pg_array(&ids), pg_text(slice_of(consumer))};
    enum status status = pg_query(pg, &take, params, &rows, error);
    for (int row = 0; status == STATUS_OK && row < pg_rows(rows); row++)
        deliveries[pg_get_int64(rows, row, 0) - 1]->is_duplicate = false;
    pg_result_free(&rows);
    pg_array_fini(&ids);
    return status;
}

enum status inbox_give_back(struct pg *pg, const char *consumer, struct delivery *const *deliveries,
                            size_t count, struct error *error) {
    struct pg_array ids;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < count; i++) {
        if (!deliveries[i]->is_duplicate && deliveries[i]->outcome != OUTCOME_DONE)
            pg_array_add_uuid(&ids, &deliveries[i]->event.id);
    }
    enum status status = STATUS_OK;
    if (ids.count > 0) {
        const struct pg_param params[] = {pg_array(&ids), pg_text(slice_of(consumer))};
        status = pg_queue(pg, &give_back, params, error);
    }
    pg_array_fini(&ids);
    return status;
}
