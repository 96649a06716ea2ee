#include "services/order/unpaid.h"

#include "services/order/handler.h"
#include "services/order/life/order_fsm.h"
#include "services/order/store_watch.h"
#include "shared/observe/log.h"

enum { TURN_MS = 2000, ORDERS_MOST = 1000 };

int64_t unpaid_limit_s(const struct order_settings *settings) {
    int64_t own = settings->reservation_limit_s;
    return own > 0 && own < settings->saga_limit_s ? own : settings->saga_limit_s;
}

/* Where it is as long as an order's time the watchdog ends it. */
static enum status end_unpaid(struct batch *batch, struct error *error) {
    const struct order_settings *settings = batch->context;
    int64_t limit_s = unpaid_limit_s(settings);
    if (limit_s == settings->saga_limit_s)
        return STATUS_OK;
    enum status status = order_store_find_unpaid(batch, limit_s, ORDERS_MOST, error);
    if (status != STATUS_OK || batch->count == 0)
        return status;
    log_warn("reserved orders were not paid in time", LOG_INT("orders", (int64_t)batch->count),
             LOG_INT("limitSeconds", limit_s));
    return progress_handler.apply(batch, error);
}

const struct periodic unpaid_watch = {"unpaid", TURN_MS, end_unpaid, NULL};
