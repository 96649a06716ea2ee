/* The webhooks service: sends a tenant's events to where it wants them. */
#include "services/webhooks/endpoint.h"
#include "services/webhooks/handler.h"
#include "services/webhooks/housekeeping.h"
#include "services/webhooks/sender.h"
#include "services/webhooks/settings.h"
#include "shared/service/runtime.h"

static const struct handler_row order_events[] = {
    {EVENT_ORDER_CREATED, &webhooks_handler},   {EVENT_ORDER_CONFIRMED, &webhooks_handler},
    {EVENT_ORDER_COMPLETED, &webhooks_handler}, {EVENT_ORDER_FAILED, &webhooks_handler},
    {EVENT_ORDER_CANCELLED, &webhooks_handler},
};
static const struct handler_row payment_events[] = {
    {EVENT_PAYMENT_REFUNDED, &webhooks_refund_handler},
};
static const struct handler_row action_events[] = {
    {EVENT_PAYMENT_ACTION_REQUIRED, &webhooks_handler},
};
static const struct handler_row shipping_events[] = {
    {EVENT_SHIPPING_SHIPPED, &webhooks_handler},
};

static const struct consumer_spec consumers[] = {
    {"ORDERS", "webhooks", ROWS(order_events)},
    {"PAYMENTS", "webhooks", ROWS(payment_events)},
    {"PAYMENTS", "webhooks-action", ROWS(action_events)},
    {"SHIPPING", "webhooks", ROWS(shipping_events)},
};

static const struct endpoint endpoints[] = {
    {"create", "mesh.webhooks.create", webhooks_endpoint_create},
    {"list", "mesh.webhooks.list", webhooks_endpoint_list},
    {"get", "mesh.webhooks.get", webhooks_endpoint_get},
    {"change", "mesh.webhooks.change", webhooks_endpoint_change},
    {"delete", "mesh.webhooks.delete", webhooks_endpoint_delete},
    {"deliveries", "mesh.webhooks.deliveries", webhooks_endpoint_deliveries},
    {"ping", "mesh.webhooks.ping", webhooks_endpoint_ping},
    {"resend", "mesh.webhooks.resend", webhooks_endpoint_resend},
};

static const struct periodic *const periodics[] = {&webhooks_housekeeping};
static const struct worker_spec workers[] = {{"sender", webhooks_sender_run}};

static struct webhooks_settings settings;

/* Making it reads all that it needs. */
static enum status check(const struct config *config, struct error *error) {
    struct webhooks *webhooks = NULL;
    enum status status = webhooks_create(&settings, config, &webhooks, error);
    webhooks_destroy(&webhooks);
    return status;
}

static enum status start(const struct config *config, void **context, struct error *error) {
    struct webhooks *webhooks = NULL;
    enum status status = webhooks_create(&settings, config, &webhooks, error);
    *context = webhooks;
    return status;
}

static void stop(void *context) {
    struct webhooks *webhooks = context;
    webhooks_destroy(&webhooks);
}

static const struct service service = {
    .name = "webhooks",
    .description = "Sends events to the webhooks of their tenants",
    .schema = "webhooks",
    .consumers = ROWS(consumers),
    .endpoints = ROWS(endpoints),
    .periodics = ROWS(periodics),
    .workers = ROWS(workers),
    .config_rows = ROWS(webhooks_config_rows),
    .config_target = &settings,
    .check = check,
    .start = start,
    .stop = stop,
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
