#include "services/payment/actions.h"

#include "services/payment/action_store.h"
#include "services/payment/handler.h"

#define TURN_MS 1000

/* --- the task --- */

/* While the provider is away, each waits for its next turn. */
static enum status ask_provider(struct batch *batch, struct error *error) {
    enum status status = action_store_take_due(batch, error);
    if (status != STATUS_OK || batch->count == 0)
        return status;
    status = action_handler.prepare(batch, error);
    if (status != STATUS_OK)
        pg_rollback(batch->pg);
    if (status == STATUS_OK && action_handler.call(batch, error) != STATUS_OK)
        batch->count = 0;
    return status;
}

static enum status note_answers(struct batch *batch, struct error *error) {
    return batch->count > 0 ? action_handler.apply(batch, error) : STATUS_OK;
}

const struct periodic awaited_actions = {"actions", TURN_MS, note_answers, ask_provider};

/* --- news --- */

static enum status read_order_id(struct slice text, struct uuid *order_id, struct error *error) {
    struct json_object *request = NULL;
    struct slice id;
    enum status status = json_parse(text, &request, error);
    if (status == STATUS_OK &&
        (json_get_string(request, "orderId", &id, NULL) != STATUS_OK || !uuid_parse(id, order_id)))
        status = error_set(error, STATUS_INVALID, "orderId is no UUID");
    json_object_put(request);
    return status;
}

enum status action_endpoint_recheck(struct endpoint_call *call, struct error *error) {
    struct uuid order_id;
    bool waits;
    enum status status = read_order_id(call->request, &order_id, error);
    if (status == STATUS_OK)
        status = action_store_hasten(call->pg, &order_id, &waits, error);
    if (status != STATUS_OK)
        return status;
    struct json_writer w = json_writer(call->reply);
    json_begin_object(&w);
    json_put_bool(&w, "waits", waits);
    json_end_object(&w);
    return STATUS_OK;
}
