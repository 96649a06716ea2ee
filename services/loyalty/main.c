/* The loyalty service: points for completed orders. */
#include "services/loyalty/handler.h"
#include "shared/service/runtime.h"

static const struct handler_row order_events[] = {
    {EVENT_ORDER_COMPLETED, &earn_handler},
};
static const struct handler_row payment_events[] = {
    {EVENT_PAYMENT_REFUNDED, &take_back_handler},
};

static const struct consumer_spec consumers[] = {
    {"ORDERS", "loyalty", ROWS(order_events)},
    {"PAYMENTS", "loyalty", ROWS(payment_events)},
};

static const struct endpoint endpoints[] = {
    {"get", "mesh.loyalty.get", loyalty_endpoint_get},
};

static const struct service service = {
    .name = "loyalty",
    .description = "Gives points for completed orders and takes them back on refunds",
    .schema = "loyalty",
    .consumers = ROWS(consumers),
    .endpoints = ROWS(endpoints),
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
