#include "services/notification/announce.h"

#include "shared/observe/metrics.h"

METRIC_COUNTER(notifications, "ordermesh_notifications_total", "result",
               "Sent, failed, and erased: nobody can open their address any more.");
METRIC_STARTS(notifications, "sent", "failed", "erased");

static const char *result_of(const struct notice_record *record) {
    if (record->is_erased)
        return "erased";
    return record->has_failed ? "failed" : "sent";
}

static void write_data(const struct notice_record *record, const char *order_id, struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    json_put_text(&w, "orderId", order_id);
    json_put_text(&w, "kind", notice_kind_name(record->kind));
    json_put_text(&w, "channel", notify_channel_name(record->channel));
    if (record->has_failed)
        json_put_string(&w, "detail", record->detail);
    json_end_object(&w);
}

/* Who reads by the first generation of both schemas knows no other kind. */
static bool is_published(enum notice_kind kind) {
    return kind != NOTICE_KIND_RETURNED;
}

void notification_announce(struct outbox *outbox, const struct event *cause,
                           const struct notice_record *record) {
    char order_id[UUID_TEXT_SIZE];
    struct buf data = {0};
    metric_add(&notifications, metric_slot(&notifications, result_of(record)), 1);
    if (!is_published(record->kind))
        return;
    uuid_format(&record->order_id, order_id);
    write_data(record, order_id, &data);
    outbox_add(outbox, record->has_failed ? EVENT_NOTIFICATION_FAILED : EVENT_NOTIFICATION_SENT,
               slice_of(order_id), cause, buf_slice(&data));
    buf_fini(&data);
}
