/* The payment service: charges what is reserved, gives back what failed. */
#include "services/payment/handler.h"
#include "services/payment/provider_simulated.h"
#include "shared/runtime.h"

#include <stdlib.h>

static const struct handler_row inventory_events[] = {
    {EVENT_INVENTORY_RESERVED, &charge_handler},
};
static const struct handler_row order_events[] = {
    {EVENT_ORDER_FAILED, &end_handler},
    {EVENT_ORDER_CANCELLED, &end_handler},
};

static const struct consumer_spec consumers[] = {
    {"INVENTORY", "payment", inventory_events, 1},
    {"ORDERS", "payment", order_events, sizeof(order_events) / sizeof(order_events[0])},
};

static enum status start(const struct config *config, void **context, struct error *error) {
    (void)config;
    (void)error;
    struct payment *payment = mem_alloc(sizeof(*payment));
    payment->provider = &provider_simulated;
    payment->breaker = breaker_create(payment->provider->name);
    *context = payment;
    return STATUS_OK;
}

static void stop(void **context) {
    struct payment *payment = *context;
    if (payment == NULL)
        return;
    breaker_destroy(&payment->breaker);
    free(payment);
    *context = NULL;
}

static const struct service service = {
    .name = "payment",
    .description = "Charges reserved orders and refunds those that fail",
    .schema = "payments",
    .consumers = consumers,
    .consumer_count = sizeof(consumers) / sizeof(consumers[0]),
    .start = start,
    .stop = stop,
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
