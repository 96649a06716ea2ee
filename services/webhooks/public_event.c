#include "services/webhooks/public_event.h"

#include "shared/base/clock.h"

/* A type begins with "io.ordermesh."; its public name goes on behind it. */
enum { TYPE_PREFIX_LEN = sizeof("io.ordermesh.") - 1 };

static const enum event_type public_types[] = {
    EVENT_ORDER_CREATED,    EVENT_ORDER_CONFIRMED,         EVENT_ORDER_COMPLETED,
    EVENT_ORDER_FAILED,     EVENT_ORDER_CANCELLED,         EVENT_SHIPPING_SHIPPED,
    EVENT_PAYMENT_REFUNDED, EVENT_PAYMENT_ACTION_REQUIRED,
};
enum { PUBLIC_TYPES = sizeof(public_types) / sizeof(public_types[0]) };

static const char *name_of(enum event_type type) {
    return event_info(type)->type + TYPE_PREFIX_LEN;
}

const char *public_event_name(enum event_type type) {
    for (size_t i = 0; i < PUBLIC_TYPES; i++)
        if (public_types[i] == type)
            return name_of(type);
    return NULL;
}

bool public_event_is_choice(struct slice name) {
    for (size_t i = 0; i < PUBLIC_TYPES; i++)
        if (slice_is(name, name_of(public_types[i])))
            return true;
    return slice_is(name, PUBLIC_EVENT_ALL);
}

void public_event_list(struct buf *out) {
    for (size_t i = 0; i < PUBLIC_TYPES; i++)
        buf_printf(out, "%s, ", name_of(public_types[i]));
    buf_append_text(out, "or " PUBLIC_EVENT_ALL " for all");
}

/* --- bodies ----------------------------------------------------------------------------------- */

/* Of an event's data and of an order's items. */
static bool is_told(struct slice key) {
    static const char *const names[] = {"orderId",        "customerId",
                                        "currency",       "totalMinor",
                                        "items",          "sku",
                                        "quantity",       "carrier",
                                        "reason",         "unitPriceMinor",
                                        "trackingNumber", "detail",
                                        "refundId",       "amountMinor",
                                        "refundedMinor",  "capturedMinor",
                                        "shipments",      "part",
                                        "warehouse",      "paymentId",
                                        "type",           "url",
                                        "until"};
    return slice_index(key, names, sizeof(names) / sizeof(names[0])) >= 0;
}

static void write_value(struct json_writer *w, const struct json_value *value);

static void write_object(struct json_writer *w, const struct json_value *object) {
    json_begin_object(w);
    for (const struct json_value *member = object->first; member != NULL; member = member->next) {
        if (!is_told(member->key))
            continue;
        json_key(w, member->key.ptr);
        write_value(w, member);
    }
    json_end_object(w);
}

static void write_array(struct json_writer *w, const struct json_value *array) {
    json_begin_array(w);
    for (const struct json_value *item = array->first; item != NULL; item = item->next)
        write_value(w, item);
    json_end_array(w);
}

/* Not deeper than json_tree_parse() lets a tree be. */
static void write_value(struct json_writer *w, const struct json_value *value) {
    switch (value->kind) {
    case JSON_KIND_OBJECT:
        write_object(w, value);
        break;
    case JSON_KIND_ARRAY:
        write_array(w, value);
        break;
    case JSON_KIND_STRING:
        json_string(w, value->text);
        break;
    case JSON_KIND_BOOLEAN:
        json_boolean(w, value->is_true);
        break;
    case JSON_KIND_NULL:
        json_null(w);
        break;
    case JSON_KIND_INT:
    case JSON_KIND_DOUBLE:
        json_raw(w, value->text);
        break;
    }
}

static void write_head(struct json_writer *w, const struct uuid *id, const char *type,
                       int64_t time_us) {
    char id_text[UUID_TEXT_SIZE], time[RFC3339_SIZE];
    uuid_format(id, id_text);
    clock_format(time_us, time);
    json_put_text(w, "id", id_text);
    json_put_text(w, "type", type);
    json_put_text(w, "timestamp", time);
}

void public_event_write(const struct event *event, struct buf *body) {
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    write_head(&w, &event->id, name_of(event->type), event->time_us);
    json_key(&w, "data");
    write_object(&w, event->data);
    json_end_object(&w);
}

void public_event_write_ping(const struct uuid *id, const struct uuid *endpoint_id,
                             struct buf *body) {
    char endpoint_text[UUID_TEXT_SIZE];
    uuid_format(endpoint_id, endpoint_text);
    struct json_writer w = json_writer(body);
    json_begin_object(&w);
    write_head(&w, id, PUBLIC_EVENT_PING, clock_now_us());
    json_key(&w, "data");
    json_begin_object(&w);
    json_put_text(&w, "webhookId", endpoint_text);
    json_end_object(&w);
    json_end_object(&w);
}
