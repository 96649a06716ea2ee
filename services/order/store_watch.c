#include "services/order/store_watch.h"

#include "services/order/store.h"
#include "shared/pg/pg_param.h"
#include "shared/pg/pg_result.h"

/* Without a turn for this long nobody was watching, and every open order's time begins anew. */
#define GAP "interval '30 seconds'"
/* Longer than a transaction lives, so that no order with an older taken_at is still to appear. */
#define LATE_COMMIT "interval '60 seconds'"
/* Orders that still need the watchdog: one that shipping has been asked to stop goes on by itself,
   and so does one that has been shipped and is being paid. */
#define OPEN "(status = 'PENDING' OR (status = 'CONFIRMED' AND steps & 28 = 0))"

/* The customer had time of its own: the order's begins where that ends. */
#define TIME_BEGINS "coalesce(action_until, taken_at)"

/* What a clock that was ahead left: the watch would sleep until that time has come, and pass over
   the orders before it. */
static const struct pg_statement take_turn = {
    .name = "order_take_turn",
    .sql =
        "UPDATE orders.watch SET turn_at = now(),"
        " resumed_at = CASE WHEN turn_at < now() - " GAP " THEN now()"
        "   ELSE least(resumed_at, now()) END,"
        " settled_to = least(settled_to, now() - $1::int8 * interval '1 second' - " LATE_COMMIT ")"
        " WHERE one = (SELECT one FROM orders.watch FOR UPDATE SKIP LOCKED)"
        " RETURNING resumed_at < now() - $1::int8 * interval '1 second'",
    .param_count = 1,
};

/* The time of an order from the future begins now. */
static const struct pg_statement begin_early = {
    .name = "order_begin_early",
    .sql = "UPDATE orders.orders SET taken_at = now() WHERE ctid = ANY (ARRAY("
           " SELECT ctid FROM orders.orders WHERE taken_at > now() + " LATE_COMMIT
           " LIMIT $1::int8 FOR UPDATE SKIP LOCKED))",
    .param_count = 1,
};

/* Rows that somebody is working on are about to move: their turn comes again. */
static const struct pg_statement find_overdue = {
    .name = "order_find_overdue",
    .sql = "SELECT id, correlation_id, traceparent FROM orders.orders"
           " WHERE taken_at >= (SELECT settled_to FROM orders.watch)"
           "   AND taken_at < now() - $1::int8 * interval '1 second'"
           "   AND " TIME_BEGINS " < now() - $1::int8 * interval '1 second' AND " OPEN
           " ORDER BY taken_at LIMIT $2::int8 FOR UPDATE SKIP LOCKED",
    .param_count = 2,
};

static const struct pg_statement settle_turn = {
    .name = "order_settle_turn",
    .sql = "UPDATE orders.watch SET settled_to = greatest(settled_to, least("
           " now() - $1::int8 * interval '1 second' - " LATE_COMMIT ","
           " (SELECT min(taken_at) FROM orders.orders"
           "  WHERE taken_at >= (SELECT settled_to FROM orders.watch)"
           "    AND taken_at < now() - $1::int8 * interval '1 second' AND " OPEN ")))",
    .param_count = 1,
};

enum status order_store_take_turn(struct batch *batch, struct watch_turn *turn,
                                  struct error *error) {
    const struct pg_param params[] = {pg_int64(turn->limit_s), pg_int64(turn->orders_most)};
    struct pg_result *result = NULL;
    enum status status = pg_query(batch->pg, &take_turn, params, &result, error);
    if (status != STATUS_OK)
        return status;
    turn->is_mine = pg_rows(result) == 1;
    bool may_end = turn->is_mine && pg_get_bool(result, 0, 0);
    pg_result_free(&result);
    if (turn->is_mine)
        status = pg_queue(batch->pg, &begin_early, &params[1], error);
    if (status != STATUS_OK || !may_end)
        return status;
    status = pg_query(batch->pg, &find_overdue, params, &result, error);
    if (status == STATUS_OK)
        turn->overdue = order_store_tell(result, ORDER_TIME_UP, batch->arena, &turn->overdue_count);
    pg_result_free(&result);
    return status;
}

enum status order_store_settle_turn(struct batch *batch, const struct watch_turn *turn,
                                    struct error *error) {
    const struct pg_param limit = pg_int64(turn->limit_s);
    return pg_queue(batch->pg, &settle_turn, &limit, error);
}

/* After a gap in the watch every order has its whole time again, as with the watchdog. */
static const struct pg_statement find_unpaid = {
    .name = "order_find_unpaid",
    .sql = "SELECT id, correlation_id, traceparent FROM orders.orders"
           " WHERE taken_at >= (SELECT settled_to FROM orders.watch)"
           "   AND taken_at < now() - $1::int8 * interval '1 second'"
           "   AND " TIME_BEGINS " < now() - $1::int8 * interval '1 second'"
           "   AND (SELECT resumed_at FROM orders.watch) < now() - $1::int8 * interval '1 second'"
           "   AND status = 'PENDING' AND steps & $3::int8 = $4::int8"
           " ORDER BY taken_at LIMIT $2::int8 FOR UPDATE SKIP LOCKED",
    .param_count = 4,
};

enum status order_store_find_unpaid(struct batch *batch, int64_t limit_s, int64_t most,
                                    struct error *error) {
    const struct pg_param params[] = {pg_int64(limit_s), pg_int64(most),
                                      pg_int64(STEP_RESERVED | STEP_PAID | STEP_AUTHORIZED),
                                      pg_int64(STEP_RESERVED)};
    struct pg_result *result = NULL;
    enum status status = pg_query(batch->pg, &find_unpaid, params, &result, error);
    if (status == STATUS_OK)
        batch->items = order_store_tell(result, ORDER_UNPAID, batch->arena, &batch->count);
    pg_result_free(&result);
    return status;
}
