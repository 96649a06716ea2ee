/* The shipping service: confirmed orders leave the house. */
#include "services/shipping/handler.h"
#include "shared/runtime.h"

static const struct handler_row order_events[] = {
    {EVENT_ORDER_CONFIRMED, &shipping_handler},
};

static const struct consumer_spec consumers[] = {
    {"ORDERS", "shipping", order_events, 1},
};

static const struct service service = {
    .name = "shipping",
    .description = "Ships confirmed orders under a tracking number",
    .schema = "shipping",
    .consumers = consumers,
    .consumer_count = 1,
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
