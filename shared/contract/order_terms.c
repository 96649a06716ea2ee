#include "shared/contract/order_terms.h"

static const struct {
    const char *name;
    bool is_final;
} order_statuses[] = {
#define ORDER_STATUS_ROW(id, final_too) [ORDER_##id] = {.name = #id, .is_final = (final_too)},
    ORDER_STATUS_TABLE(ORDER_STATUS_ROW)
#undef ORDER_STATUS_ROW
};

static const char *const order_reasons[] = {
#define ORDER_REASON_ROW(id, name, told) [REASON_##id] = (name),
    ORDER_REASON_TABLE(ORDER_REASON_ROW)
#undef ORDER_REASON_ROW
};

const char *order_status_name(enum order_status status) {
    return order_statuses[status].name;
}

bool order_status_parse(struct slice text, enum order_status *status) {
    for (int i = 0; i < ORDER_STATUS_COUNT; i++) {
        if (slice_is(text, order_statuses[i].name)) {
            *status = (enum order_status)i;
            return true;
        }
    }
    return false;
}

bool order_status_is_final(enum order_status status) {
    return order_statuses[status].is_final;
}

const char *order_reason_name(enum order_reason reason) {
    return order_reasons[reason];
}

bool order_reason_parse(struct slice text, enum order_reason *reason) {
    int found = slice_index(text, order_reasons, ORDER_REASON_COUNT);
    if (found >= 0)
        *reason = (enum order_reason)found;
    return found >= 0;
}

const char *order_shipment_status(unsigned steps) {
    if ((steps & (STEP_ALLOCATED | STEP_PART_SHIPPED)) == 0)
        return NULL;
    if (steps & STEP_SHIPPED)
        return "SHIPPED";
    return steps & STEP_PART_SHIPPED ? "PARTIALLY_SHIPPED" : "ALLOCATED";
}
