#include "services/order/watchdog.h"

#include "services/order/handler.h"
#include "services/order/order_fsm.h"
#include "services/order/store_watch.h"
#include "shared/base/clock.h"
#include "shared/observe/log.h"

enum { TURN_MS = 2000, ORDERS_MOST = 1000 };

/* The end of the waiting has no event of its own; the command that began it stands for it. */
static struct delivery *make_delivery(const struct overdue_order *order, struct arena *arena) {
    struct delivery *delivery = arena_alloc(arena, sizeof(*delivery));
    delivery->attempt = 1;
    delivery->event = (struct event){
        .type = ORDER_TIME_UP,
        .id = order->id,
        .order_id = order->id,
        .correlation_id = order->correlation_id,
        .trace = order->trace,
        .time_us = clock_now_us(),
    };
    return delivery;
}

static enum status end_overdue(struct batch *batch, const struct overdue_order *orders,
                               size_t count, struct error *error) {
    batch->items = arena_alloc(batch->arena, count * sizeof(struct delivery *));
    for (size_t i = 0; i < count; i++)
        batch->items[i] = make_delivery(&orders[i], batch->arena);
    batch->count = count;
    return progress_handler.apply(batch, error);
}

static enum status take_turn(struct batch *batch, struct error *error) {
    const struct order_settings *settings = batch->context;
    struct watch_turn turn = {.limit_s = settings->saga_limit_s, .orders_most = ORDERS_MOST};
    enum status status = order_store_take_turn(batch, &turn, error);
    if (status != STATUS_OK || !turn.is_mine)
        return status;
    if (turn.overdue_count > 0) {
        log_warn("orders were not ended in time", LOG_INT("orders", (int64_t)turn.overdue_count),
                 LOG_INT("limitSeconds", turn.limit_s));
        status = end_overdue(batch, turn.overdue, turn.overdue_count, error);
    }
    return status == STATUS_OK ? order_store_settle_turn(batch, &turn, error) : status;
}

const struct periodic watchdog = {"watchdog", TURN_MS, take_turn};
