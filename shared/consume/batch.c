#include "shared/consume/batch.h"

#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

void delivery_mark(struct delivery *delivery, enum outcome outcome, enum status status,
                   const char *format, ...) {
    char text[sizeof(delivery->error.text)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    delivery->outcome = outcome;
    error_set(&delivery->error, status, "%s", text);
}

void delivery_fail(struct delivery *delivery, enum status status, const struct error *error) {
    delivery_retry(delivery, status, "%s", error->text);
    memcpy(delivery->error.sqlstate, error->sqlstate, sizeof(error->sqlstate));
}
