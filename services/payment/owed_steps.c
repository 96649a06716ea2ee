#include "services/payment/owed_steps.h"

#include "services/payment/handler.h"
#include "services/payment/store.h"
#include "shared/observe/log.h"

#define TURN_MS 60000

static enum status ask_provider(struct batch *batch, struct error *error) {
    enum status status = payment_store_find_owed(batch, error);
    if (status != STATUS_OK || batch->count == 0)
        return status;
    log_warn("payments are not settled, and no event asks for them any more",
             LOG_INT("payments", (int64_t)batch->count));
    status = owed_handler.prepare(batch, error);
    if (status != STATUS_OK)
        pg_rollback(batch->pg);
    return status == STATUS_OK ? owed_handler.call(batch, error) : status;
}

static enum status note_answers(struct batch *batch, struct error *error) {
    return batch->count > 0 ? owed_handler.apply(batch, error) : STATUS_OK;
}

const struct periodic owed_steps = {"refunds", TURN_MS, note_answers, ask_provider};
