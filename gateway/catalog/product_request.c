#include "gateway/catalog/product_request.h"

#include "gateway/reply/query.h"
#include "shared/contract/currency.h"
#include "shared/contract/order_snapshot.h"

#include <json-c/linkhash.h>
#include <string.h>
#include <strings.h>

#define DELTA_MAX INT64_C(1000000000000)

enum { SKU_MAX = 64, WAREHOUSE_MAX = 32, TEXT_MAX = 200, CURSOR_MAX = 256 };

/* --- texts and numbers ------------------------------------------------------------------------ */

static bool is_line_of_text(struct slice text) {
    return text.len > 0 && text.len <= TEXT_MAX && slice_is_printable(text);
}

bool sku_is_valid(struct slice sku) {
    return sku.len > 0 && sku.len <= SKU_MAX && slice_has_only(sku, "_.:-");
}

bool warehouse_is_valid(struct slice warehouse) {
    for (size_t i = 0; i < warehouse.len; i++) {
        char c = warehouse.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return warehouse.len > 0 && warehouse.len <= WAREHOUSE_MAX;
}

/* --- the query -------------------------------------------------------------------------------- */

enum status page_request_parse(struct slice query, struct arena *arena, struct page_request *page,
                               struct error *error) {
    enum { LIMIT, CURSOR, PARAMETERS };
    struct query_parameter parameters[PARAMETERS] = {
        [LIMIT] = {.name = "limit", .most = CURSOR_MAX},
        [CURSOR] = {.name = "cursor", .most = CURSOR_MAX},
    };
    enum status status = query_parse(query, parameters, PARAMETERS, arena, error);
    if (status != STATUS_OK)
        return status;
    struct slice limit = parameters[LIMIT].value, cursor = parameters[CURSOR].value;
    *page = (struct page_request){PAGE_LIMIT_DEFAULT, cursor};
    if (limit.len > 0 && !query_limit(limit, PAGE_LIMIT_MAX, &page->limit))
        return error_set(error, STATUS_INVALID, "limit: must be an integer from 1 to %d",
                         PAGE_LIMIT_MAX);
    if (cursor.len > 0 && !slice_has_only(cursor, "-_"))
        return error_set(error, STATUS_INVALID, "cursor: must be the nextCursor of a page");
    return STATUS_OK;
}

/* --- the bodies ------------------------------------------------------------------------------- */

/* What other systems call a member, and what to do instead. */
struct other_member {
    const char *name, *message;
};

#define NO_MEMBER_OF_PRODUCT "is not a member of a product"
#define NO_MEMBER_OF_ADJUSTMENT "is not a member of a stock adjustment"
#define PRICE_MESSAGE NO_MEMBER_OF_PRODUCT ": write priceMinor, in minor units (1999 for 19.99 USD)"
#define STOCK_MESSAGE NO_MEMBER_OF_PRODUCT ": send it to the product's stock-adjustments, as delta"
#define SKU_MESSAGE NO_MEMBER_OF_PRODUCT ": leave it out, since the path has the sku"
#define DELTA_MESSAGE NO_MEMBER_OF_ADJUSTMENT ": write delta, how many more or fewer there are"

#define WAREHOUSE_MESSAGE NO_MEMBER_OF_ADJUSTMENT ": write warehouse, its name"

/* The last one is for all others. */
static const struct other_member product_others[] = {
    {"price", PRICE_MESSAGE},
    {"unitPrice", PRICE_MESSAGE},
    {"unit_price", PRICE_MESSAGE},
    {"stock", STOCK_MESSAGE},
    {"stock_qty", STOCK_MESSAGE},
    {"quantity", STOCK_MESSAGE},
    {"qty", STOCK_MESSAGE},
    {"available", STOCK_MESSAGE},
    {"sku", SKU_MESSAGE},
    {"id", SKU_MESSAGE},
    {"productId", SKU_MESSAGE},
    {"product_id", SKU_MESSAGE},
    {"title", NO_MEMBER_OF_PRODUCT ": write name"},
    {NULL, NO_MEMBER_OF_PRODUCT},
};
static const struct other_member adjustment_others[] = {
    {"quantity", DELTA_MESSAGE},         {"qty", DELTA_MESSAGE},
    {"amount", DELTA_MESSAGE},           {"stock", DELTA_MESSAGE},
    {"location", WAREHOUSE_MESSAGE},     {"location_id", WAREHOUSE_MESSAGE},
    {"locationId", WAREHOUSE_MESSAGE},   {"warehouseId", WAREHOUSE_MESSAGE},
    {"warehouse_id", WAREHOUSE_MESSAGE}, {NULL, NO_MEMBER_OF_ADJUSTMENT},
};

static void refuse_others(struct json_object *root, const char *const *names,
                          const struct other_member *others, struct field_errors *errors) {
    json_object_object_foreach(root, key, unused) {
        (void)unused;
        const char *const *name = names;
        const struct other_member *other = others;
        while (*name != NULL && strcmp(*name, key) != 0)
            name++;
        while (other->name != NULL && strcasecmp(other->name, key) != 0)
            other++;
        if (*name == NULL)
            field_error_add(errors, arena_slice(errors->arena, field_shown(slice_of(key))),
                            other->message);
    }
}

struct text_rule {
    const char *name;
    bool (*is_valid)(struct slice text);
    const char *message;
};

#define LINE_MESSAGE "must be 1 to 200 bytes of text " PRINTABLE_RULE

static const struct text_rule name_rule = {"name", is_line_of_text, LINE_MESSAGE};
static const struct text_rule reason_rule = {"reason", is_line_of_text, LINE_MESSAGE};
static const struct text_rule currency_rule = {
    "currency", currency_is_known, "must be an active ISO 4217 code in capitals, such as USD"};

static void take_text(struct json_object *root, const struct text_rule *rule, struct slice *value,
                      struct field_errors *errors) {
    enum status status = json_get_string(root, rule->name, value, NULL);
    if (status == STATUS_NOT_FOUND)
        field_error_add(errors, slice_of(rule->name), "is required");
    else if (status != STATUS_OK || !rule->is_valid(*value))
        field_error_add(errors, slice_of(rule->name), rule->message);
}

struct range {
    int64_t least, most;
    const char *message;
};

/* False when the member is not there. */
static bool take_int(struct json_object *root, const char *name, const struct range *range,
                     int64_t *value, struct field_errors *errors) {
    int64_t number = 0;
    enum status status = json_get_int64(root, name, &number, NULL);
    if (status == STATUS_NOT_FOUND)
        return false;
    if (status != STATUS_OK || number < range->least || number > range->most)
        field_error_add(errors, slice_of(name), range->message);
    else
        *value = number;
    return true;
}

static void take_active(struct product_request *request, struct field_errors *errors) {
    struct json_object *active;
    request->has_active = json_object_object_get_ex(request->root, "active", &active);
    if (!request->has_active)
        return;
    if (json_object_is_type(active, json_type_boolean))
        request->is_active = json_object_get_boolean(active);
    else
        field_error_add(errors, SLICE_LITERAL("active"), "must be true or false");
}

enum status product_request_parse(struct slice body, struct product_request *request,
                                  struct field_errors *errors, struct error *error) {
    static const char *const names[] = {"name",   "priceMinor",      "currency",
                                        "active", "expectedVersion", NULL};
    static const struct range price = {0, ORDER_MAX_MINOR, "must be an integer of minor units"};
    static const struct range version = {0, ORDER_MAX_MINOR, "must be a version, or 0 for none"};
    struct product_request parsed = {.expected_version = -1};
    enum status status = json_parse(body, &parsed.root, error);
    if (status != STATUS_OK)
        return status;
    take_text(parsed.root, &name_rule, &parsed.name, errors);
    take_text(parsed.root, &currency_rule, &parsed.currency, errors);
    if (!take_int(parsed.root, "priceMinor", &price, &parsed.price_minor, errors))
        field_error_add(errors, SLICE_LITERAL("priceMinor"), "is required");
    if (parsed.price_minor % currency_step_minor(parsed.currency) != 0)
        field_error_add(errors, SLICE_LITERAL("priceMinor"), CURRENCY_STEP_MESSAGE);
    take_int(parsed.root, "expectedVersion", &version, &parsed.expected_version, errors);
    take_active(&parsed, errors);
    refuse_others(parsed.root, names, product_others, errors);
    *request = parsed;
    return STATUS_OK;
}

static void take_id(struct adjustment_request *request, struct field_errors *errors) {
    struct slice text;
    enum status status = json_get_string(request->root, "adjustmentId", &text, NULL);
    request->has_id = status != STATUS_NOT_FOUND;
    if (request->has_id && (status != STATUS_OK || !uuid_parse(text, &request->id)))
        field_error_add(errors, SLICE_LITERAL("adjustmentId"), "must be a UUID");
}

/* May be missing, or main, which is the same. */
static void take_warehouse(struct adjustment_request *request, struct field_errors *errors) {
    struct slice text;
    enum status status = json_get_string(request->root, "warehouse", &text, NULL);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && slice_is(text, "main")))
        return;
    if (status != STATUS_OK || !warehouse_is_valid(text))
        field_error_add(errors, SLICE_LITERAL("warehouse"), "must be 1 to 32 of a-z 0-9 -");
    else
        request->warehouse = text;
}

enum status adjustment_request_parse(struct slice body, struct adjustment_request *request,
                                     struct field_errors *errors, struct error *error) {
    static const char *const names[] = {"delta", "reason", "adjustmentId", "warehouse", NULL};
    static const struct range range = {-DELTA_MAX, DELTA_MAX,
                                       "must be an integer of pieces, up to 10^12 either way"};
    struct adjustment_request parsed = {0};
    enum status status = json_parse(body, &parsed.root, error);
    if (status != STATUS_OK)
        return status;
    size_t faults = errors->count;
    if (!take_int(parsed.root, "delta", &range, &parsed.delta, errors))
        field_error_add(errors, SLICE_LITERAL("delta"), "is required");
    else if (parsed.delta == 0 && errors->count == faults)
        field_error_add(errors, SLICE_LITERAL("delta"), "must not be 0");
    take_text(parsed.root, &reason_rule, &parsed.reason, errors);
    take_id(&parsed, errors);
    take_warehouse(&parsed, errors);
    refuse_others(parsed.root, names, adjustment_others, errors);
    *request = parsed;
    return STATUS_OK;
}
