#include "services/notification/notice.h"

#include "shared/contract/order_snapshot.h"

static enum notice_kind kind_of(enum event_type type) {
    switch (type) {
    case EVENT_ORDER_CONFIRMED:
        return NOTICE_KIND_CONFIRMED;
    case EVENT_SHIPPING_SHIPPED:
        return NOTICE_KIND_SHIPPED;
    case EVENT_ORDER_CANCELLED:
        return NOTICE_KIND_CANCELLED;
    default:
        return NOTICE_KIND_FAILED;
    }
}

/* Empty where the member is absent. */
static struct slice get_optional(const struct json_value *object, const char *key) {
    struct slice text = {0};
    if (json_tree_get_string(object, key, &text, NULL) != STATUS_OK)
        return (struct slice){0};
    return text;
}

/* A channel that this version does not know is passed over. */
static void read_wanted(const struct json_value *personal, struct notice *notice) {
    const struct json_value *names;
    if (json_tree_get_array(personal, "notify", &names, NULL) != STATUS_OK)
        return;
    notice->has_wanted = true;
    for (const struct json_value *name = names->first; name != NULL; name = name->next) {
        enum notify_channel channel;
        if (notify_channel_parse(name->text, &channel))
            notice->wanted |= NOTIFY_BIT(channel);
    }
}

static enum status open_sealed(const struct key_ring *ring, struct slice sealed,
                               struct arena *arena, struct notice *notice, struct error *error) {
    struct buf plain = {0};
    const struct json_value *personal;
    enum status status = key_ring_open(ring, sealed, &plain, error);
    if (status == STATUS_OK)
        status = json_tree_parse(buf_slice(&plain), arena, &personal, error);
    if (status == STATUS_OK) {
        notice->email = get_optional(personal, "email");
        notice->phone = get_optional(personal, "phone");
        read_wanted(personal, notice);
    }
    buf_fini(&plain);
    return status;
}

enum status notice_read(const struct event *event, const struct key_ring *ring, struct arena *arena,
                        struct notice *notice, struct error *error) {
    struct order_snapshot order = {0};
    struct notice read = {0};
    enum status status = order_snapshot_parse(event->data, arena, &order, error);
    if (status == STATUS_OK && ring != NULL && order.sealed.len > 0)
        status = open_sealed(ring, order.sealed, arena, &read, error);
    if (status != STATUS_OK)
        return status;
    read.order_id = event->order_id;
    read.kind = kind_of(event->type);
    read.time_us = event->time_us;
    read.customer_id = order.customer_id;
    read.reason = get_optional(event->data, "reason");
    read.carrier = get_optional(event->data, "carrier");
    read.tracking_number = get_optional(event->data, "trackingNumber");
    *notice = read;
    return STATUS_OK;
}
