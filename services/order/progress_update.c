#include "services/order/progress_update.h"

struct facts {
    enum order_status status, was;
    enum order_reason reason;
    int64_t version, sequence;
    struct slice timeline;
};

static void write(struct buf *out, const struct facts *facts) {
    buf_clear(out);
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_put_text(&w, "status", order_status_name(facts->status));
    if (facts->was != facts->status)
        json_put_text(&w, "was", order_status_name(facts->was));
    if (facts->reason != REASON_NONE)
        json_put_text(&w, "reason", order_reason_name(facts->reason));
    json_put_int(&w, "version", facts->version);
    json_put_int(&w, "sequence", facts->sequence);
    json_put_raw(&w, "timeline", facts->timeline);
    json_end_object(&w);
}

void progress_update_new(struct updates *updates, const struct new_order *order,
                         struct buf *scratch) {
    write(scratch, &(struct facts){
                       .status = order->status,
                       .was = ORDER_PENDING,
                       .reason = order->reason,
                       .version = 1,
                       .sequence = 1,
                       .timeline = order->timeline,
                   });
    updates_add(updates, &order->snapshot.order_id, buf_slice(scratch));
}

void progress_update(struct updates *updates, const struct order_row *order, struct buf *scratch) {
    write(scratch, &(struct facts){
                       .status = order->state.status,
                       .was = order->loaded_status,
                       .reason = order->reason,
                       .version = order->version + order->changes,
                       .sequence = order->timeline_length + 1,
                       .timeline = order->timeline,
                   });
    updates_add(updates, &order->snapshot.order_id, buf_slice(scratch));
}
