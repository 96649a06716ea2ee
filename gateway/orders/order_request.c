#include "gateway/orders/order_request.h"

#include "gateway/orders/other_names.h"
#include "shared/contract/contact.h"
#include "shared/contract/currency.h"
#include "shared/json/json.h"
#include "shared/json/json_tree.h"

#include <stddef.h>
#include <string.h>

enum { SKU_MAX = 64 };

/* --- what a text may hold --------------------------------------------------------------------- */

static bool is_identifier(struct slice text) {
    return slice_has_only(text, "_.:-");
}

static bool is_payment_method(struct slice text) {
    return text.len > 3 && memcmp(text.ptr, "pm_", 3) == 0 && slice_has_only(text, "_");
}

struct text_rule {
    const char *name;
    bool is_required;
    size_t most_bytes;
    bool (*is_valid)(struct slice text);
    const char *message;
    size_t offset; /* of a struct slice in the target */
};

#define PRINTABLE_MESSAGE "must be 1 to 200 bytes of text " PRINTABLE_RULE

static const struct text_rule order_texts[] = {
    {"customerId", true, CUSTOMER_ID_MAX, customer_id_is_valid,
     "must be 1 to 255 bytes of text " PRINTABLE_RULE,
     offsetof(struct order_request, snapshot.customer_id)},
    {"currency", true, 3, currency_is_known,
     "must be an active ISO 4217 code in capitals, such as USD",
     offsetof(struct order_request, snapshot.currency)},
    {"paymentMethod", true, 64, is_payment_method,
     "must be pm_ followed by A-Z a-z 0-9 _, up to 64 in all, such as pm_card_visa",
     offsetof(struct order_request, snapshot.payment_method)},
    {"email", false, 254, email_is_usable,
     "must be an e-mail address of at most 254 bytes of ASCII, without quotes",
     offsetof(struct order_request, contact.email)},
    {"phone", false, 32, phone_is_usable,
     "must be 3 to 15 digits, with a + before them or none, ( ) . - and space, up to 32 in all",
     offsetof(struct order_request, contact.phone)},
};

static const struct text_rule address_texts[] = {
    {"street", true, 200, slice_is_printable, PRINTABLE_MESSAGE,
     offsetof(struct order_address, street)},
    {"city", true, 200, slice_is_printable, PRINTABLE_MESSAGE,
     offsetof(struct order_address, city)},
    {"state", true, 200, slice_is_printable, PRINTABLE_MESSAGE,
     offsetof(struct order_address, state)},
    {"zip", true, 200, slice_is_printable, PRINTABLE_MESSAGE, offsetof(struct order_address, zip)},
    {"country", false, 200, slice_is_printable, PRINTABLE_MESSAGE,
     offsetof(struct order_address, country)},
};

static const struct text_rule item_texts[] = {
    {"sku", true, SKU_MAX, is_identifier, "must be 1 to 64 of A-Z a-z 0-9 _ . : -",
     offsetof(struct order_item, sku)},
};

/* An object's members: texts, and others by name, up to a NULL. */
struct members {
    const struct other_name *other_names;
    const struct text_rule *texts;
    size_t text_count;
    const char *others[6];
};

#define TEXTS(table) (table), sizeof(table) / sizeof((table)[0])

static const struct members order_members = {
    order_other_names,
    TEXTS(order_texts),
    {"items", "shippingAddress", "notify", "flow", "capture"}};
static const struct members order_members_without_flow = {
    order_other_names, TEXTS(order_texts), {"items", "shippingAddress", "notify"}};
static const struct members address_members = {address_other_names, TEXTS(address_texts), {NULL}};
static const struct members item_members = {
    item_other_names, TEXTS(item_texts), {"quantity", "unitPrice"}};

/* --- one object at a time --------------------------------------------------------------------- */

/* Where a value stands; item < 0 for the root and the address. */
struct place {
    struct field_errors *errors;
    const char *prefix; /* "" or "shippingAddress." */
    long item;
};

static struct slice path_of(const struct place *place, struct slice name) {
    struct buf path = {0};
    if (place->item >= 0)
        buf_printf(&path, "items[%ld]%s", place->item, name.len > 0 ? "." : "");
    buf_append_text(&path, place->prefix);
    buf_append_slice(&path, name);
    struct slice kept = arena_slice(place->errors->arena, buf_slice(&path));
    buf_fini(&path);
    return kept;
}

static void fault(const struct place *place, struct slice name, const char *message) {
    if (place->errors->count < FIELD_ERRORS_MAX)
        field_error_add(place->errors, path_of(place, name), message);
}

static bool is_exactly(struct slice name, const char *member) {
    return slice_is(name, member);
}

/* The member that `name` is; NULL when it is none. */
static const char *find_member(struct slice name, const struct members *members,
                               bool (*is)(struct slice name, const char *member)) {
    for (size_t i = 0; i < members->text_count; i++)
        if (is(name, members->texts[i].name))
            return members->texts[i].name;
    const char *const *other = members->others;
    while (*other != NULL && !is(name, *other))
        other++;
    return *other;
}

static void fault_unknown(const struct place *place, struct slice name,
                          const struct members *members) {
    const char *member = find_member(name, members, other_name_is);
    const char *advice = other_name_advice(members->other_names, name);
    struct buf message = {0};
    if (place->errors->count == FIELD_ERRORS_MAX)
        return;
    buf_append_text(&message, "is not a member of an order");
    if (member != NULL)
        buf_printf(&message, ": write %s", member);
    else if (advice != NULL)
        buf_printf(&message, ": %s", advice);
    fault(place, field_shown(name), arena_copy(place->errors->arena, buf_slice(&message)));
    buf_fini(&message);
}

/* Text members into `target`, and a fault for each member that is not known. */
static void take_texts(const struct place *place, const struct json_value *object,
                       const struct members *members, void *target) {
    for (size_t i = 0; i < members->text_count; i++) {
        const struct text_rule *rule = &members->texts[i];
        struct slice value, name = slice_of(rule->name);
        enum status status = json_tree_get_string(object, rule->name, &value, NULL);
        if (status == STATUS_NOT_FOUND && !rule->is_required)
            continue;
        if (status == STATUS_NOT_FOUND)
            fault(place, name, "is required");
        else if (status != STATUS_OK || value.len == 0 || value.len > rule->most_bytes ||
                 !rule->is_valid(value))
            fault(place, name, rule->message);
        else
            *(struct slice *)((char *)target + rule->offset) = value;
    }
    for (const struct json_value *member = object->first; member != NULL; member = member->next)
        if (find_member(member->key, members, is_exactly) == NULL)
            fault_unknown(place, member->key, members);
}

static void take_address(struct field_errors *errors, const struct json_value *body,
                         struct order_request *request) {
    const struct place root = {errors, "", -1}, place = {errors, "shippingAddress.", -1};
    const struct json_value *address;
    enum status status = json_tree_get_object(body, "shippingAddress", &address, NULL);
    if (status == STATUS_NOT_FOUND)
        return;
    if (status != STATUS_OK) {
        fault(&root, SLICE_LITERAL("shippingAddress"), "must be an object");
        return;
    }
    request->contact.has_address = true;
    take_texts(&place, address, &address_members, &request->contact.address);
}

static void take_quantity(const struct place *place, const struct json_value *object,
                          struct order_item *item) {
    const struct slice name = SLICE_LITERAL("quantity");
    enum status status = json_tree_get_int64(object, "quantity", &item->quantity, NULL);
    if (status == STATUS_OK && item->quantity >= 1 && item->quantity <= ORDER_MAX_QUANTITY)
        return;
    item->quantity = 0;
    fault(place, name,
          status == STATUS_NOT_FOUND
              ? "is required"
              : "must be an integer from 1 to 1000000, without quotes and fraction");
}

static void take_item(const struct place *place, const struct json_value *object,
                      struct order_item *item) {
    item->unit_price_minor = -1;
    if (object->kind != JSON_KIND_OBJECT) {
        fault(place, SLICE_LITERAL(""), "must be an object");
        return;
    }
    take_texts(place, object, &item_members, item);
    take_quantity(place, object, item);
    int64_t price;
    enum status status = json_tree_get_int64(object, "unitPrice", &price, NULL);
    if (status == STATUS_NOT_FOUND)
        return;
    if (status != STATUS_OK || price < 0 || price > ORDER_MAX_MINOR)
        fault(place, SLICE_LITERAL("unitPrice"),
              "must be an integer of minor units, such as 1999 for 19.99 USD, without quotes");
    else
        item->unit_price_minor = price;
}

static bool is_sku_taken(const struct order_item *items, size_t count, struct slice sku) {
    for (size_t i = 0; i < count; i++)
        if (slice_equal(items[i].sku, sku))
            return true;
    return false;
}

static bool total_fits(const struct order_item *items, size_t count) {
    int64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t line;
        if (items[i].unit_price_minor < 0)
            continue;
        if (__builtin_mul_overflow(items[i].quantity, items[i].unit_price_minor, &line) ||
            __builtin_add_overflow(total, line, &total) || total > ORDER_MAX_MINOR)
            return false;
    }
    return true;
}

static void take_items(struct field_errors *errors, struct arena *arena,
                       const struct json_value *body, struct order_request *request) {
    const struct place root = {errors, "", -1};
    const struct slice name = SLICE_LITERAL("items");
    const struct json_value *array;
    size_t count = 0;
    enum status status = json_tree_get_array(body, "items", &array, NULL);
    if (status == STATUS_OK)
        count = array->count;
    if (count < 1 || count > ORDER_MAX_ITEMS) {
        fault(&root, name,
              status == STATUS_NOT_FOUND ? "is required" : "must be an array of 1 to 100 items");
        return;
    }
    struct order_item *items = arena_alloc(arena, count * sizeof(*items));
    const struct json_value *item = array->first;
    for (size_t i = 0; i < count; i++, item = item->next) {
        const struct place place = {errors, "", (long)i};
        take_item(&place, item, &items[i]);
        if (items[i].sku.len > 0 && is_sku_taken(items, i, items[i].sku))
            fault(&place, SLICE_LITERAL("sku"), "is in the order already");
    }
    if (!total_fits(items, count))
        fault(&root, name, "must not cost more than 9007199254740991 minor units in all");
    request->snapshot.items = items;
    request->snapshot.item_count = count;
}

/* The set of channels; false when it is no array of them, or names one twice. */
static bool parse_channels(const struct json_value *names, unsigned *channels) {
    for (const struct json_value *name = names->first; name != NULL; name = name->next) {
        enum notify_channel channel;
        if (name->kind != JSON_KIND_STRING || !notify_channel_parse(name->text, &channel) ||
            (*channels & NOTIFY_BIT(channel)) != 0)
            return false;
        *channels |= NOTIFY_BIT(channel);
    }
    return true;
}

static void take_notify(struct field_errors *errors, const struct json_value *body,
                        struct order_request *request) {
    const struct place root = {errors, "", -1};
    const struct slice name = SLICE_LITERAL("notify");
    struct order_contact *contact = &request->contact;
    const struct json_value *names;
    enum status status = json_tree_get_array(body, "notify", &names, NULL);
    if (status == STATUS_NOT_FOUND)
        return;
    contact->has_notify = status == STATUS_OK && parse_channels(names, &contact->notify);
    if (!contact->has_notify)
        fault(&root, name, "must be an array of log, smtp, webhook and sms, each at most once");
    else if ((contact->notify & ~request->channels) != 0)
        fault(&root, name, "names a channel that is not offered here");
    else if ((contact->notify & NOTIFY_BIT(NOTIFY_SMTP)) != 0 &&
             json_tree_member(body, "email") == NULL)
        fault(&root, name, "needs an email for smtp");
    else if ((contact->notify & NOTIFY_BIT(NOTIFY_SMS)) != 0 &&
             json_tree_member(body, "phone") == NULL)
        fault(&root, name, "needs a phone for sms");
}

static void take_flow(struct field_errors *errors, const struct json_value *body,
                      struct order_request *request) {
    const struct place root = {errors, "", -1};
    struct slice text;
    enum status status = json_tree_get_string(body, "flow", &text, NULL);
    if (status == STATUS_NOT_FOUND)
        return;
    request->has_flow = status == STATUS_OK && order_flow_parse(text, &request->snapshot.flow);
    if (!request->has_flow)
        fault(&root, SLICE_LITERAL("flow"), "must be inventory-first, payment-first or parallel");
}

static void take_capture(struct field_errors *errors, const struct json_value *body,
                         struct order_request *request) {
    const struct place root = {errors, "", -1};
    struct slice text;
    enum status status = json_tree_get_string(body, "capture", &text, NULL);
    if (status == STATUS_NOT_FOUND)
        return;
    request->has_capture =
        status == STATUS_OK && order_capture_parse(text, &request->snapshot.capture);
    if (!request->has_capture)
        fault(&root, SLICE_LITERAL("capture"), "must be automatic or on_shipment");
}

enum status order_request_parse(struct slice text, struct arena *arena,
                                struct order_request *request, struct field_errors *errors,
                                struct error *error) {
    struct order_request parsed = {.snapshot = {.total_minor = -1},
                                   .may_name_flow = request->may_name_flow,
                                   .channels = request->channels};
    const struct json_value *root;
    enum status status = json_tree_parse(text, arena, &root, error);
    if (status != STATUS_OK)
        return status;
    const struct place place = {errors, "", -1};
    take_texts(&place, root, parsed.may_name_flow ? &order_members : &order_members_without_flow,
               &parsed);
    if (parsed.may_name_flow) {
        take_flow(errors, root, &parsed);
        take_capture(errors, root, &parsed);
    }
    take_address(errors, root, &parsed);
    take_notify(errors, root, &parsed);
    take_items(errors, arena, root, &parsed);
    *request = parsed;
    return STATUS_OK;
}

/* --- writing it again ------------------------------------------------------------------------- */

static void write_texts(struct json_writer *w, const struct members *members, const void *source) {
    for (size_t i = 0; i < members->text_count; i++) {
        const struct text_rule *rule = &members->texts[i];
        struct slice value = *(const struct slice *)((const char *)source + rule->offset);
        if (value.len > 0)
            json_put_string(w, rule->name, value);
    }
}

static void write_address(struct json_writer *w, const struct order_contact *contact) {
    if (!contact->has_address)
        return;
    json_key(w, "shippingAddress");
    json_begin_object(w);
    write_texts(w, &address_members, &contact->address);
    json_end_object(w);
}

static void write_notify(struct json_writer *w, const struct order_contact *contact) {
    if (!contact->has_notify)
        return;
    json_key(w, "notify");
    json_begin_array(w);
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT; i++) {
        if ((contact->notify & NOTIFY_BIT(i)) != 0)
            json_string(w, slice_of(notify_channel_name((enum notify_channel)i)));
    }
    json_end_array(w);
}

void order_request_canonical(const struct order_request *request, struct buf *out) {
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    write_texts(&w, &order_members, request);
    write_address(&w, &request->contact);
    write_notify(&w, &request->contact);
    if (request->has_flow)
        json_put_text(&w, "flow", order_flow_name(request->snapshot.flow));
    if (request->has_capture)
        json_put_text(&w, "capture", order_capture_name(request->snapshot.capture));
    json_key(&w, "items");
    json_begin_array(&w);
    for (size_t i = 0; i < request->snapshot.item_count; i++) {
        const struct order_item *item = &request->snapshot.items[i];
        json_begin_object(&w);
        json_put_string(&w, "sku", item->sku);
        json_put_int(&w, "quantity", item->quantity);
        if (item->unit_price_minor >= 0)
            json_put_int(&w, "unitPrice", item->unit_price_minor);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

bool order_request_has_contact(const struct order_request *request) {
    const struct order_contact *contact = &request->contact;
    return contact->email.len > 0 || contact->phone.len > 0 || contact->has_address ||
           contact->has_notify;
}

bool order_request_contact(const struct order_request *request, struct buf *out) {
    const struct order_contact *contact = &request->contact;
    if (!order_request_has_contact(request))
        return false;
    struct json_writer w = json_writer(out);
    json_begin_object(&w);
    if (contact->email.len > 0)
        json_put_string(&w, "email", contact->email);
    if (contact->phone.len > 0)
        json_put_string(&w, "phone", contact->phone);
    write_address(&w, contact);
    write_notify(&w, contact);
    json_end_object(&w);
    return true;
}
