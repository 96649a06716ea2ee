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
    case EVENT_ORDER_RETURNED:
        return NOTICE_KIND_RETURNED;
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

enum status notice_read_personal(struct notice *notice, struct slice plain, struct arena *arena,
                                 struct error *error) {
    const struct json_value *personal;
    enum status status = json_tree_parse(plain, arena, &personal, error);
    if (status != STATUS_OK)
        return status;
    notice->personal = arena_slice(arena, plain);
    notice->email = get_optional(personal, "email");
    notice->phone = get_optional(personal, "phone");
    read_wanted(personal, notice);
    return STATUS_OK;
}

/* Of an order in parts the last parcel's event tells of all: "OM1, OM2". */
static struct slice read_tracking(const struct json_value *data, struct arena *arena) {
    const struct json_value *shipments;
    struct buf numbers = {0};
    if (json_tree_get_array(data, "shipments", &shipments, NULL) != STATUS_OK)
        return get_optional(data, "trackingNumber");
    for (const struct json_value *one = shipments->first; one != NULL; one = one->next)
        buf_printf(&numbers, "%s%.*s", numbers.len > 0 ? ", " : "",
                   SLICE_ARG(get_optional(one, "trackingNumber")));
    struct slice all = arena_slice(arena, buf_slice(&numbers));
    buf_fini(&numbers);
    return all;
}

enum status notice_read(const struct event *event, struct arena *arena, struct notice *notice,
                        struct error *error) {
    struct order_snapshot order = {0};
    enum status status = order_snapshot_parse(event->data, arena, &order, error);
    if (status != STATUS_OK)
        return status;
    *notice = (struct notice){
        .order_id = event->order_id,
        .kind = kind_of(event->type),
        .time_us = event->time_us,
        .customer_id = order.customer_id,
        .tenant = order.tenant,
        .sealed = order.sealed,
        .reason = get_optional(event->data, "reason"),
        .carrier = get_optional(event->data, "carrier"),
        .tracking_number = read_tracking(event->data, arena),
    };
    return STATUS_OK;
}
