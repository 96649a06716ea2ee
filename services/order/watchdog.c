#include "services/order/watchdog.h"

#include "services/order/handler.h"
#include "services/order/life/order_fsm.h"
#include "services/order/store_watch.h"
#include "shared/base/clock.h"
#include "shared/observe/log.h"

enum { TURN_MS = 2000, ORDERS_MOST = 1000 };

static enum status take_turn(struct batch *batch, struct error *error) {
    const struct order_settings *settings = batch->context;
    struct watch_turn turn = {.limit_s = settings->saga_limit_s, .orders_most = ORDERS_MOST};
    enum status status = order_store_take_turn(batch, &turn, error);
    if (status != STATUS_OK || !turn.is_mine)
        return status;
    if (turn.overdue_count > 0) {
        log_warn("orders were not ended in time", LOG_INT("orders", (int64_t)turn.overdue_count),
                 LOG_INT("limitSeconds", turn.limit_s));
        batch->items = turn.overdue;
        batch->count = turn.overdue_count;
        status = progress_handler.apply(batch, error);
    }
    return status == STATUS_OK ? order_store_settle_turn(batch, &turn, error) : status;
}

const struct periodic watchdog = {"watchdog", TURN_MS, take_turn, NULL};
