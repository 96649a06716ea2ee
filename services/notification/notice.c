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
static struct slice get_optional(struct json_object *object, const char *key) {
    struct slice text = {0};
    if (json_get_string(object, key, &text, NULL) != STATUS_OK)
        return (struct slice){0};
    return text;
}

/* A channel that this version does not know is passed over. */
static void read_wanted(struct json_object *personal, struct notice *notice) {
    struct json_object *names;
    if (json_get_array(personal, "notify", &names, NULL) != STATUS_OK)
        return;
    notice->has_wanted = true;
    for (size_t i = 0; i < json_object_array_length(names); i++) {
        struct json_object *name = json_object_array_get_idx(names, i);
        enum notify_channel channel;
        if (notify_channel_parse(slice_of(json_object_get_string(name)), &channel))
            notice->wanted |= NOTIFY_BIT(channel);
    }
}

static enum status open_sealed(const struct key_ring *ring, struct slice sealed,
                               struct arena *arena, struct notice *notice, struct error *error) {
    struct buf plain = {0};
    struct json_object *personal = NULL;
    enum status status = key_ring_open(ring, sealed, &plain, error);
    if (status == STATUS_OK)
        status = json_parse(buf_slice(&plain), &personal, error);
    if (status == STATUS_OK) {
        notice->email = arena_slice(arena, get_optional(personal, "email"));
        notice->phone = arena_slice(arena, get_optional(personal, "phone"));
        read_wanted(personal, notice);
    }
    json_object_put(personal);
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
