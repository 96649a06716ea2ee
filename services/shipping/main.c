/* The shipping service: confirmed orders leave the house, unless they are stopped first. */
#include "services/shipping/handler.h"
#include "shared/service/runtime.h"

#include <stddef.h>

static struct shipping shipping;

static const struct config_row config_rows[] = {
    {"OM_SHIPPING_FAIL_SKUS", CONFIG_TEXT, offsetof(struct shipping, fail_skus), "", 0, 0,
     "for trials: SKUs that no carrier takes, comma separated"},
};

static const struct handler_row order_events[] = {
    {EVENT_ORDER_CONFIRMED, &shipping_handler},
    {EVENT_ORDER_STOP_REQUESTED, &shipping_handler},
};

/* A consumer has one filter on a server before 2.10: one each, rather than one that is sent every
   event of every order only to let most of them pass. */
enum { ORDER_EVENTS = sizeof(order_events) / sizeof(order_events[0]) };
static const struct consumer_spec consumers[] = {
    {"ORDERS", "shipping", order_events, ORDER_EVENTS},
    {"ORDERS", "shipping-stop", order_events, ORDER_EVENTS},
};

static enum status start(const struct config *config, void **context, struct error *error) {
    (void)config;
    (void)error;
    *context = &shipping;
    return STATUS_OK;
}

static const struct service service = {
    .name = "shipping",
    .description = "Ships confirmed orders under a tracking number",
    .schema = "shipping",
    .consumers = consumers,
    .consumer_count = sizeof(consumers) / sizeof(consumers[0]),
    .config_rows = config_rows,
    .config_row_count = sizeof(config_rows) / sizeof(config_rows[0]),
    .config_target = &shipping,
    .start = start,
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
