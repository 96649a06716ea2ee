#include "services/order/progress_update.h"

#include "shared/contract/order_message.h"

struct facts {
    struct order_stand stand;
    enum order_status was;
    enum order_reason reason; /* that this change gave */
    int64_t version, sequence;
    struct slice timeline;
};

static void write(struct buf *out, const struct facts *facts) {
    buf_clear(out);
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_put_text(&w, "status", order_status_name(facts->stand.status));
    if (facts->was != facts->stand.status)
        json_put_text(&w, "was", order_status_name(facts->was));
    if (facts->reason != REASON_NONE)
        json_put_text(&w, "reason", order_reason_name(facts->reason));
    json_put_text(&w, "message", order_message(&facts->stand));
    if (order_shipment_status(facts->stand.steps) != NULL)
        json_put_text(&w, "shipmentStatus", order_shipment_status(facts->stand.steps));
    json_put_int(&w, "version", facts->version);
    json_put_int(&w, "sequence", facts->sequence);
    json_put_raw(&w, "timeline", facts->timeline);
    json_end_object(&w);
}

void progress_update_new(struct updates *updates, const struct new_order *order,
                         struct buf *scratch) {
    write(scratch, &(struct facts){
                       .stand = {order->snapshot.flow, order->status, 0, order->reason},
                       .was = ORDER_PENDING,
                       .reason = order->reason,
                       .version = 1,
                       .sequence = 1,
                       .timeline = order->timeline,
                   });
    updates_add(updates, &order->snapshot.order_id, buf_slice(scratch));
}

void progress_update(struct updates *updates, const struct order_row *order, struct buf *scratch) {
    enum order_reason reason = order->reason != REASON_NONE ? order->reason : order->loaded_reason;
    write(scratch,
          &(struct facts){
              .stand = {order->state.flow, order->state.status, order->state.steps, reason},
              .was = order->loaded_status,
              .reason = order->reason,
              .version = order->version + order->changes,
              .sequence = order->timeline_length + 1,
              .timeline = order->timeline,
          });
    updates_add(updates, &order->snapshot.order_id, buf_slice(scratch));
}
