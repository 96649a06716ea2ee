#include "shared/consume/batch_order_ids.h"

#include "shared/pg/pg_param.h"

typedef enum status (*send_fn)(struct pg *pg, const struct pg_statement *statement,
                               const struct pg_param *params, struct pg_result **result,
                               struct error *error);

static enum status send(const struct batch *batch, const struct pg_statement *statement,
                        send_fn send_it, struct pg_result **result, struct error *error) {
    struct pg_array ids;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < batch->count; i++)
        pg_array_add_uuid(&ids, &batch->items[i]->event.order_id);
    struct pg_param param = pg_array(&ids);
    enum status status = send_it(batch->pg, statement, &param, result, error);
    pg_array_fini(&ids);
    return status;
}

enum status batch_query_orders(const struct batch *batch, const struct pg_statement *statement,
                               struct pg_result **result, struct error *error) {
    return send(batch, statement, pg_query, result, error);
}

enum status batch_queue_orders(const struct batch *batch, const struct pg_statement *statement,
                               struct pg_result **result, struct error *error) {
    return send(batch, statement, pg_queue_into, result, error);
}
