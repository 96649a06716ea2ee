#include "shared/contract/order_snapshot.h"

enum { CURRENCY_LEN = 3 };

static const char *const flow_names[] = {
    [FLOW_INVENTORY_FIRST] = "inventory-first",
    [FLOW_PAYMENT_FIRST] = "payment-first",
    [FLOW_PARALLEL] = "parallel",
};

const char *order_flow_name(enum order_flow flow) {
    return flow_names[flow];
}

bool order_flow_parse(struct slice text, enum order_flow *flow) {
    int found = slice_index(text, flow_names, (int)(sizeof(flow_names) / sizeof(flow_names[0])));
    if (found >= 0)
        *flow = (enum order_flow)found;
    return found >= 0;
}

static const char *const capture_names[] = {
    [CAPTURE_AUTOMATIC] = "automatic",
    [CAPTURE_ON_SHIPMENT] = "on_shipment",
};

const char *order_capture_name(enum order_capture capture) {
    return capture_names[capture];
}

bool order_capture_parse(struct slice text, enum order_capture *capture) {
    int found =
        slice_index(text, capture_names, (int)(sizeof(capture_names) / sizeof(capture_names[0])));
    if (found >= 0)
        *capture = (enum order_capture)found;
    return found >= 0;
}

void order_items_write(const struct order_item *items, size_t count, struct json_writer *w) {
    json_key(w, "items");
    order_item_list_write(items, count, w);
}

int64_t order_items_pieces(const struct order_item *items, size_t count, struct slice sku) {
    int64_t pieces = 0;
    for (size_t i = 0; i < count; i++) {
        if (slice_equal(items[i].sku, sku))
            pieces += items[i].quantity;
    }
    return pieces;
}

void order_item_list_write(const struct order_item *items, size_t count, struct json_writer *w) {
    json_begin_array(w);
    for (size_t i = 0; i < count; i++) {
        const struct order_item *item = &items[i];
        json_begin_object(w);
        json_put_string(w, "sku", item->sku);
        json_put_int(w, "quantity", item->quantity);
        if (item->unit_price_minor >= 0)
            json_put_int(w, "unitPriceMinor", item->unit_price_minor);
        json_end_object(w);
    }
    json_end_array(w);
}

void order_allocations_write(const struct order_snapshot *snapshot, struct json_writer *w) {
    if (snapshot->allocation_count == 0)
        return;
    json_key(w, "allocations");
    json_begin_array(w);
    for (size_t i = 0; i < snapshot->allocation_count; i++) {
        const struct order_allocation *allocation = &snapshot->allocations[i];
        json_begin_object(w);
        json_put_string(w, "warehouse", allocation->warehouse);
        order_items_write(allocation->items, allocation->item_count, w);
        json_end_object(w);
    }
    json_end_array(w);
}

void order_snapshot_write(const struct order_snapshot *snapshot, struct json_writer *w) {
    char order_id[UUID_TEXT_SIZE];
    uuid_format(&snapshot->order_id, order_id);
    json_put_text(w, "orderId", order_id);
    json_put_string(w, "tenant", snapshot->tenant);
    json_put_string(w, "customerId", snapshot->customer_id);
    json_put_string(w, "currency", snapshot->currency);
    json_put_text(w, "flow", order_flow_name(snapshot->flow));
    if (snapshot->capture != CAPTURE_AUTOMATIC)
        json_put_text(w, "capture", order_capture_name(snapshot->capture));
    json_put_string(w, "paymentMethod", snapshot->payment_method);
    if (snapshot->total_minor >= 0)
        json_put_int(w, "totalMinor", snapshot->total_minor);
    order_items_write(snapshot->items, snapshot->item_count, w);
    order_allocations_write(snapshot, w);
    if (snapshot->sealed.len > 0)
        json_put_string(w, "sealed", snapshot->sealed);
}

/* A required member that says something. */
static enum status get_text(const struct json_value *object, const char *key, struct slice *value,
                            struct error *error) {
    struct slice text;
    enum status status = json_tree_get_string(object, key, &text, error);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && text.len == 0))
        return error_set(error, STATUS_INVALID, "%s: missing or empty", key);
    if (status == STATUS_OK)
        *value = text;
    return status;
}

struct range {
    int64_t least, most;
};

static enum status get_int_within(const struct json_value *object, const char *key,
                                  struct range range, int64_t *value, struct error *error) {
    int64_t number;
    enum status status = json_tree_get_int64(object, key, &number, error);
    if (status != STATUS_OK)
        return status;
    if (number < range.least || number > range.most)
        return error_set(error, STATUS_INVALID, "%s: out of range", key);
    *value = number;
    return STATUS_OK;
}

/* Money that may be missing: -1 then. */
static enum status get_minor(const struct json_value *object, const char *key, int64_t *value,
                             struct error *error) {
    enum status status =
        get_int_within(object, key, (struct range){0, ORDER_MAX_MINOR}, value, error);
    if (status != STATUS_NOT_FOUND)
        return status;
    *value = -1;
    return STATUS_OK;
}

static enum status parse_item(const struct json_value *object, struct order_item *item,
                              struct error *error) {
    enum status status = get_text(object, "sku", &item->sku, error);
    if (status != STATUS_OK)
        return status;
    status = get_int_within(object, "quantity", (struct range){1, ORDER_MAX_QUANTITY},
                            &item->quantity, error);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, STATUS_INVALID, "quantity: missing");
    if (status != STATUS_OK)
        return status;
    return get_minor(object, "unitPriceMinor", &item->unit_price_minor, error);
}

enum status order_items_parse(const struct json_value *object, struct arena *arena,
                              struct order_item **items, size_t *count, struct error *error) {
    const struct json_value *array;
    enum status status = json_tree_get_array(object, "items", &array, error);
    if (status == STATUS_NOT_FOUND)
        return error_set(error, STATUS_INVALID, "items: missing");
    if (status != STATUS_OK)
        return status;
    if (array->count < 1 || array->count > ORDER_MAX_ITEMS)
        return error_set(error, STATUS_INVALID, "items: must be 1 to %d", ORDER_MAX_ITEMS);
    struct order_item *rows = arena_alloc(arena, array->count * sizeof(*rows));
    const struct json_value *item = array->first;
    for (size_t i = 0; i < array->count; i++, item = item->next) {
        status = parse_item(item, &rows[i], error);
        if (status != STATUS_OK)
            return status;
    }
    *items = rows;
    *count = array->count;
    return STATUS_OK;
}

enum status order_allocation_parse(const struct json_value *object, struct arena *arena,
                                   struct order_allocation *allocation, struct error *error) {
    enum status status = get_text(object, "warehouse", &allocation->warehouse, error);
    return status == STATUS_OK ? order_items_parse(object, arena, &allocation->items,
                                                   &allocation->item_count, error)
                               : status;
}

enum status order_allocations_parse(const struct json_value *data, struct arena *arena,
                                    struct order_snapshot *snapshot, struct error *error) {
    const struct json_value *array;
    enum status status = json_tree_get_array(data, "allocations", &array, error);
    if (status != STATUS_OK)
        return status == STATUS_NOT_FOUND ? STATUS_OK : status;
    size_t count = array->count;
    if (count < 1 || count > ORDER_MAX_ALLOCATIONS)
        return error_set(error, STATUS_INVALID, "allocations: must be 1 to %d",
                         ORDER_MAX_ALLOCATIONS);
    struct order_allocation *rows = arena_alloc(arena, count * sizeof(*rows));
    const struct json_value *allocation = array->first;
    for (size_t i = 0; i < count; i++, allocation = allocation->next) {
        status = order_allocation_parse(allocation, arena, &rows[i], error);
        if (status != STATUS_OK)
            return status;
    }
    snapshot->allocations = rows;
    snapshot->allocation_count = count;
    return STATUS_OK;
}

static bool is_currency(struct slice text) {
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 'A' || text.ptr[i] > 'Z')
            return false;
    return text.len == CURRENCY_LEN;
}

static enum status parse_words(const struct json_value *data, struct order_snapshot *snapshot,
                               struct error *error) {
    const struct {
        const char *key;
        struct slice *value;
    } members[] = {
        {"tenant", &snapshot->tenant},
        {"customerId", &snapshot->customer_id},
        {"currency", &snapshot->currency},
        {"paymentMethod", &snapshot->payment_method},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        enum status status = get_text(data, members[i].key, members[i].value, error);
        if (status != STATUS_OK)
            return status;
    }
    if (!is_currency(snapshot->currency))
        return error_set(error, STATUS_INVALID, "currency: not three capital letters");
    enum status status = json_tree_get_string(data, "sealed", &snapshot->sealed, error);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* May be missing: automatic then. */
static enum status parse_capture(const struct json_value *data, enum order_capture *capture,
                                 struct error *error) {
    struct slice text;
    enum status status = json_tree_get_string(data, "capture", &text, error);
    if (status == STATUS_NOT_FOUND)
        return STATUS_OK;
    if (status == STATUS_OK && !order_capture_parse(text, capture))
        status = error_set(error, STATUS_INVALID, "capture: unknown");
    return status;
}

static enum status parse_coded(const struct json_value *data, struct order_snapshot *snapshot,
                               struct error *error) {
    struct slice text;
    enum status status = get_text(data, "orderId", &text, error);
    if (status != STATUS_OK)
        return status;
    if (!uuid_parse(text, &snapshot->order_id))
        return error_set(error, STATUS_INVALID, "orderId: not a UUID");
    status = get_text(data, "flow", &text, error);
    if (status != STATUS_OK)
        return status;
    if (!order_flow_parse(text, &snapshot->flow))
        return error_set(error, STATUS_INVALID, "flow: unknown");
    status = parse_capture(data, &snapshot->capture, error);
    if (status != STATUS_OK)
        return status;
    return get_minor(data, "totalMinor", &snapshot->total_minor, error);
}

enum status order_snapshot_parse(const struct json_value *data, struct arena *arena,
                                 struct order_snapshot *snapshot, struct error *error) {
    struct order_snapshot parsed = {.sealed = slice_of(NULL)};
    enum status status = parse_coded(data, &parsed, error);
    if (status != STATUS_OK)
        return status;
    status = parse_words(data, &parsed, error);
    if (status != STATUS_OK)
        return status;
    status = order_items_parse(data, arena, &parsed.items, &parsed.item_count, error);
    if (status == STATUS_OK)
        status = order_allocations_parse(data, arena, &parsed, error);
    if (status == STATUS_OK)
        *snapshot = parsed;
    return status;
}
