#include "services/order/cancel_lines.h"

#include "services/order/life/order_fsm.h"
#include "services/order/lines/cancel_store.h"
#include "services/order/lines/line_request.h"
#include "services/order/own_step.h"
#include "shared/base/failpoint.h"
#include "shared/service/transaction.h"

/* One request, and what it comes to. */
struct asked {
    struct line_request request;
    struct line_cancel wanted;
    struct order_lines lines;
    struct updates *updates;
    bool is_replayed;
};

static enum status parse(struct endpoint_call *call, struct asked *asked, struct error *error) {
    struct line_request *request = &asked->request;
    enum status status = line_request_parse(call, request, error);
    if (status == STATUS_OK)
        status = line_request_uuid(request, "cancellationId", &asked->wanted.id, error);
    if (status == STATUS_OK)
        status = line_request_reason(request, &asked->wanted.reason, error);
    if (status == STATUS_OK)
        status = line_request_items(request, call->arena, &asked->wanted.items, error);
    asked->wanted.order_id = request->order.id;
    return status;
}

/* --- deciding --------------------------------------------------------------------------------- */

static enum status step(struct pg *pg, struct arena *arena, const struct asked *asked,
                        enum event_type event, struct error *error) {
    struct buf text = {0};
    struct json_writer w = json_writer(&text);
    struct lines_cancelled cut = {.id = asked->wanted.id, .reason = asked->wanted.reason};
    lines_cancelled_take(&cut, &asked->lines, arena);
    lines_cancelled_write(&cut, &w);
    const struct own_step own = {.event = event,
                                 .order_id = asked->wanted.order_id,
                                 .details = arena_slice(arena, buf_slice(&text)),
                                 .left = &asked->lines,
                                 .updates = asked->updates};
    buf_fini(&text);
    updates_clear(asked->updates);
    return own_step_take(pg, arena, &own, error);
}

/* Where nothing comes of it. */
static enum status judge(const struct line_stand *stand, struct error *error) {
    if (order_status_is_final(stand->status))
        return error_set(error, STATUS_CONFLICT, "the order has ended");
    if (stand->is_held)
        return error_set(error, STATUS_CONFLICT,
                         "the order is just being taken in: ask again in a moment");
    if (stand->status == ORDER_PENDING)
        return STATUS_OK;
    if (stand->steps & (STEP_SHIPPED | STEP_PART_SHIPPED))
        return error_set(error, STATUS_CONFLICT, "the order has been shipped");
    if (stand->steps & (STEP_CANCEL | STEP_OVERDUE))
        return error_set(error, STATUS_CONFLICT, "all of the order is being stopped");
    if (stand->steps & STEP_LINES_ASKED)
        return error_set(error, STATUS_CONFLICT,
                         "shipping has yet to say what became of other pieces");
    return STATUS_OK;
}

static enum status cancel_pieces(struct pg *pg, struct arena *arena, struct asked *asked,
                                 struct error *error) {
    struct line_stand stand;
    enum status status = cancel_store_read_stand(pg, &asked->wanted.order_id, &stand, error);
    if (status == STATUS_OK)
        status = judge(&stand, error);
    if (status == STATUS_OK)
        status = line_store_load(pg, &asked->wanted.order_id, arena, &asked->lines, error);
    if (status == STATUS_OK)
        status = order_lines_take(&asked->lines, &asked->request.wishes, error);
    if (status != STATUS_OK)
        return status;
    bool is_whole = !order_lines_have_left(&asked->lines);
    asked->wanted.status = is_whole                        ? LINE_CANCEL_WHOLE
                           : stand.status == ORDER_PENDING ? LINE_CANCEL_CANCELLED
                                                           : LINE_CANCEL_REQUESTED;
    status = step(pg, arena, asked, is_whole ? EVENT_ORDER_CANCEL : ORDER_LINES_WANTED, error);
    failpoint("order.mid_cancel_lines");
    return status == STATUS_OK ? cancel_store_add(pg, &asked->wanted, &asked->lines, error)
                               : status;
}

static enum status decide(struct pg *pg, struct arena *arena, void *state, struct error *error) {
    struct asked *asked = state;
    struct line_cancel stored;
    enum status status = line_store_lock_order(pg, &asked->request.order, error);
    if (status != STATUS_OK)
        return status;
    status = cancel_store_find(pg, &asked->wanted.id, arena, &stored, error);
    if (status == STATUS_NOT_FOUND)
        return cancel_pieces(pg, arena, asked, error);
    if (status != STATUS_OK)
        return status;
    if (uuid_compare(&stored.order_id, &asked->wanted.order_id) != 0 ||
        !slice_equal(stored.reason, asked->wanted.reason) ||
        !slice_equal(stored.items, asked->wanted.items))
        return error_set(error, STATUS_INVALID, "the id stands for another cancellation");
    asked->is_replayed = true;
    return STATUS_OK;
}

/* --- answering -------------------------------------------------------------------------------- */

static enum status answer(struct endpoint_call *call, const struct asked *asked,
                          struct error *error) {
    struct buf read = {0};
    enum status status = cancel_store_read(call->pg, &asked->wanted.id, &read, error);
    if (status == STATUS_OK)
        buf_printf(call->reply, "{\"cancellation\":%s,\"replayed\":%s}", read.ptr,
                   asked->is_replayed ? "true" : "false");
    buf_fini(&read);
    return status;
}

enum status cancel_lines_endpoint(struct endpoint_call *call, struct error *error) {
    struct asked asked = {.is_replayed = false};
    enum status status = parse(call, &asked, error);
    if (status != STATUS_OK)
        return status;
    asked.updates = updates_create();
    status = transact(call, decide, &asked, error);
    call->has_committed = status == STATUS_OK && !asked.is_replayed;
    if (call->has_committed && call->nats != NULL)
        updates_publish(asked.updates, call->nats);
    updates_destroy(&asked.updates);
    return status == STATUS_OK ? answer(call, &asked, error) : status;
}
