#include "services/order/own_step.h"

#include "services/order/store.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

static const struct pg_statement find_order = {
    .name = "own_step_find",
    .sql = "SELECT id, correlation_id, traceparent FROM orders.orders WHERE id = $1::uuid",
    .param_count = 1,
};

static enum status make_batch(struct batch *batch, const struct own_step *step,
                              struct error *error) {
    const struct pg_param param = pg_uuid(&step->order_id);
    struct pg_result *result = NULL;
    enum status status = pg_query(batch->pg, &find_order, &param, &result, error);
    if (status == STATUS_OK)
        batch->items = order_store_tell(result, step->event, batch->arena, &batch->count);
    if (status == STATUS_OK && batch->count == 0)
        status = error_set(error, STATUS_NOT_FOUND, "no such order");
    pg_result_free(&result);
    return status;
}

static enum status apply(struct batch *batch, struct own_event *own, struct error *error) {
    struct delivery *delivery = batch->items[0];
    bool is_own = delivery->event.type >= EVENT_TYPE_COUNT;
    delivery->state = is_own ? own : NULL;
    enum status status = progress_handler.apply(batch, error);
    if (status != STATUS_OK)
        return status;
    if (delivery->outcome != OUTCOME_DONE)
        return error_set(error, STATUS_INTERNAL, "%s", delivery->error.text);
    return own->is_taken || !is_own
               ? outbox_write(batch->outbox, batch->pg, error)
               : error_set(error, STATUS_CONFLICT, "the order does not stand so");
}

enum status own_step_take(struct pg *pg, struct arena *arena, const struct own_step *step,
                          struct error *error) {
    struct batch batch = {
        .arena = arena, .pg = pg, .outbox = outbox_create(), .updates = step->updates};
    struct own_event own = {.details = step->details, .left = step->left};
    enum status status = make_batch(&batch, step, error);
    if (status == STATUS_OK)
        status = apply(&batch, &own, error);
    outbox_destroy(&batch.outbox);
    return status;
}
