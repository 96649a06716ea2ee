#include "gateway/orders/order_query.h"

#include "shared/base/clock.h"
#include "shared/base/utf8.h"
#include "shared/contract/contact.h"
#include "shared/contract/currency.h"
#include "shared/contract/order_snapshot.h"
#include "shared/contract/order_terms.h"
#include "shared/query/order_filter.h"

#include <string.h>

enum { CURSOR_MAX = 1024 };

static const struct query_parameter known[ORDER_PARAMETERS] = {
    [ORDER_CUSTOMER_ID] = {.name = "customerId", .most = CUSTOMER_ID_MAX},
    [ORDER_STATUS] = {.name = "status", .most = 32},
    [ORDER_REASON] = {.name = "reason", .most = 64},
    [ORDER_SEARCH] = {.name = "search", .most = CUSTOMER_ID_MAX},
    [ORDER_ID_PREFIX] = {.name = "idPrefix", .most = UUID_TEXT_LEN},
    [ORDER_SKU] = {.name = "sku", .most = 64},
    [ORDER_CURRENCY] = {.name = "currency", .most = 3},
    [ORDER_MIN_TOTAL] = {.name = "minTotalMinor", .most = 16},
    [ORDER_MAX_TOTAL] = {.name = "maxTotalMinor", .most = 16},
    [ORDER_TRACKING_NUMBER] = {.name = "trackingNumber", .most = ORDER_REFERENCE_MAX},
    [ORDER_PAYMENT_ID] = {.name = "paymentId", .most = ORDER_REFERENCE_MAX},
    [ORDER_FROM] = {.name = "from", .most = 40},
    [ORDER_TO] = {.name = "to", .most = 40},
    [ORDER_SORT] = {.name = "sort", .most = 16},
    [ORDER_LIMIT] = {.name = "limit", .most = 3},
    [ORDER_CURSOR] = {.name = "cursor", .most = CURSOR_MAX},
};

struct slice order_query_value(const struct order_query *query, enum order_parameter parameter) {
    return query->parameters[parameter].value;
}

static bool is_given(const struct order_query *query, enum order_parameter parameter) {
    return query->parameters[parameter].value.len > 0;
}

/* --- judging ---------------------------------------------------------------------------------- */

static bool is_customer(struct slice text) {
    return customer_id_is_valid(text) && utf8_is_valid(text);
}

static bool is_printable(struct slice text) {
    return slice_is_printable(text) && utf8_is_valid(text);
}

static bool is_status(struct slice text) {
    enum order_status status;
    return order_status_parse(text, &status);
}

static bool is_reason(struct slice text) {
    enum order_reason reason;
    return order_reason_parse(text, &reason) && reason != REASON_NONE;
}

static bool is_id_prefix(struct slice text) {
    struct uuid least, most;
    return order_id_prefix_parse(text, &least, &most);
}

static bool is_sku(struct slice text) {
    return slice_has_only(text, "_.:-");
}

static bool parse_minor(struct slice text, int64_t *minor) {
    uint64_t value;
    if ((text.len > 1 && text.ptr[0] == '0') || !slice_parse_uint(text, ORDER_MAX_MINOR, &value))
        return false;
    *minor = (int64_t)value;
    return true;
}

static bool is_minor(struct slice text) {
    int64_t minor;
    return parse_minor(text, &minor);
}

static bool is_time(struct slice text) {
    int64_t time_us;
    return clock_parse(text, &time_us);
}

static bool is_sort(struct slice text) {
    return slice_is(text, "createdAt") || slice_is(text, "-createdAt");
}

static bool is_limit(struct slice text) {
    int64_t limit;
    return query_limit(text, ORDER_PAGE_MOST, &limit);
}

static bool is_cursor(struct slice text) {
    return !slice_is(text, ORDER_FOUND_MARK);
}

static const char *fault_of_range(const struct order_query *query) {
    int64_t from, to;
    if (clock_parse(order_query_value(query, ORDER_FROM), &from) &&
        clock_parse(order_query_value(query, ORDER_TO), &to) && from > to)
        return "from: must not be later than to";
    if (parse_minor(order_query_value(query, ORDER_MIN_TOTAL), &from) &&
        parse_minor(order_query_value(query, ORDER_MAX_TOTAL), &to) && from > to)
        return "minTotalMinor: must not be above maxTotalMinor";
    if ((is_given(query, ORDER_MIN_TOTAL) || is_given(query, ORDER_MAX_TOTAL)) &&
        !is_given(query, ORDER_CURRENCY))
        return "currency: must be given with minTotalMinor and maxTotalMinor";
    return NULL;
}

static const char *fault_of(const struct order_query *query) {
    static const struct {
        enum order_parameter parameter;
        bool (*is_valid)(struct slice text);
        const char *message;
    } rules[] = {
        {ORDER_CUSTOMER_ID, is_customer, "customerId: must be text " PRINTABLE_RULE},
        {ORDER_STATUS, is_status, "status: must be an order's status, such as PENDING"},
        {ORDER_REASON, is_reason, "reason: must be a reason code, such as out_of_stock"},
        {ORDER_SEARCH, is_customer, "search: must be text " PRINTABLE_RULE},
        {ORDER_ID_PREFIX, is_id_prefix,
         "idPrefix: must be how an order's id begins, 4 characters at least"},
        {ORDER_SKU, is_sku, "sku: must be 1 to 64 of A-Z a-z 0-9 _ . : -"},
        {ORDER_CURRENCY, currency_is_known, "currency: must be an ISO 4217 code, such as USD"},
        {ORDER_MIN_TOTAL, is_minor, "minTotalMinor: must be an integer of minor units"},
        {ORDER_MAX_TOTAL, is_minor, "maxTotalMinor: must be an integer of minor units"},
        {ORDER_TRACKING_NUMBER, is_printable, "trackingNumber: must be text " PRINTABLE_RULE},
        {ORDER_PAYMENT_ID, is_printable, "paymentId: must be text " PRINTABLE_RULE},
        {ORDER_FROM, is_time, "from: must be an RFC 3339 time"},
        {ORDER_TO, is_time, "to: must be an RFC 3339 time"},
        {ORDER_SORT, is_sort, "sort: must be createdAt or -createdAt"},
        {ORDER_LIMIT, is_limit, "limit: must be an integer from 1 to 200"},
        {ORDER_CURSOR, is_cursor, ORDER_CURSOR_RULE},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        struct slice value = order_query_value(query, rules[i].parameter);
        if (value.len > 0 && !rules[i].is_valid(value))
            return rules[i].message;
    }
    return fault_of_range(query);
}

enum status order_query_parse(struct slice text, struct arena *arena, struct order_query *query,
                              struct error *error) {
    memcpy(query->parameters, known, sizeof(known));
    enum status status = query_parse(text, query->parameters, ORDER_PARAMETERS, arena, error);
    const char *fault = status == STATUS_OK ? fault_of(query) : NULL;
    return fault != NULL ? error_set(error, STATUS_INVALID, "%s", fault) : status;
}

/* --- where to ask ----------------------------------------------------------------------------- */

bool order_query_has_reference(const struct order_query *query) {
    return is_given(query, ORDER_TRACKING_NUMBER) || is_given(query, ORDER_PAYMENT_ID);
}

/* A customer's orders and those whose ids begin alike are few, and open ones are the newest: the
   order service finds them by itself, as they are by now. */
bool order_query_is_found(const struct order_query *query) {
    struct slice status = order_query_value(query, ORDER_STATUS);
    enum order_status parsed;
    if (order_query_has_reference(query))
        return true;
    if (is_given(query, ORDER_CUSTOMER_ID) || is_given(query, ORDER_ID_PREFIX) ||
        (order_status_parse(status, &parsed) && !order_status_is_final(parsed)))
        return false;
    return is_given(query, ORDER_SKU) || is_given(query, ORDER_REASON) ||
           is_given(query, ORDER_MIN_TOTAL) || is_given(query, ORDER_MAX_TOTAL);
}

void order_query_put(const struct order_query *query, enum order_parameter parameter,
                     struct json_writer *w) {
    const struct query_parameter *given = &query->parameters[parameter];
    int64_t number;
    bool is_number =
        parameter == ORDER_LIMIT || parameter == ORDER_MIN_TOTAL || parameter == ORDER_MAX_TOTAL;
    if (is_number && parse_minor(given->value, &number))
        json_put_int(w, given->name, number);
    else if (given->value.len > 0)
        json_put_string(w, given->name, given->value);
}
