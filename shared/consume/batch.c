#include "shared/consume/batch.h"

#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

enum status batch_queue_orders(const struct batch *batch, const struct pg_statement *statement,
                               struct pg_result **result, struct error *error) {
    struct pg_array ids;
    pg_array_init(&ids, PG_ARRAY_UUID);
    for (size_t i = 0; i < batch->count; i++)
        pg_array_add_uuid(&ids, &batch->items[i]->event.order_id);
    const struct pg_param param = pg_array(&ids);
    enum status status = pg_queue_into(batch->pg, statement, &param, result, error);
    pg_array_fini(&ids);
    return status;
}

enum status batch_query_orders(const struct batch *batch, const struct pg_statement *statement,
                               struct pg_result **result, struct error *error) {
    enum status status = batch_queue_orders(batch, statement, result, error);
    if (status == STATUS_OK)
        status = pg_await(batch->pg, error);
    if (status != STATUS_OK)
        pg_result_free(result);
    return status;
}
