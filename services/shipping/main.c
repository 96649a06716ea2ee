/* The shipping service: confirmed orders leave the house, unless they are stopped first. */
#include "services/shipping/handler.h"
#include "services/shipping/parts.h"
#include "shared/service/runtime.h"

#include <stddef.h>

static struct shipping shipping;

static const struct config_row config_rows[] = {
    {"OM_SHIPPING_FAIL_SKUS", CONFIG_TEXT, offsetof(struct shipping, fail_skus), "", 0, 0,
     "for trials: SKUs that no carrier takes, comma separated"},
    {"OM_SHIPPING_PARCEL_PAUSE_S", CONFIG_INT, offsetof(struct shipping, parcel_pause_s), "1", 0,
     86400, "for trials: seconds between the parcels of an order that several warehouses send"},
};

static const struct handler_row order_events[] = {
    {EVENT_ORDER_CONFIRMED, &shipping_handler},
    {EVENT_ORDER_STOP_REQUESTED, &shipping_handler},
    {EVENT_ORDER_LINES_STOP_REQUESTED, &shipping_handler},
};

/* A consumer has one filter on a server before 2.10: one each, rather than one that is sent every
   event of every order only to let most of them pass. */
static const struct consumer_spec consumers[] = {
    {"ORDERS", "shipping", ROWS(order_events)},
    {"ORDERS", "shipping-stop", ROWS(order_events)},
    {"ORDERS", "shipping-lines", ROWS(order_events)},
};

static const struct periodic *const periodics[] = {&parts_sender};

static const struct service service = {
    .name = "shipping",
    .description = "Ships confirmed orders under a tracking number",
    .schema = "shipping",
    .consumers = ROWS(consumers),
    .periodics = ROWS(periodics),
    .config_rows = ROWS(config_rows),
    .config_target = &shipping,
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
