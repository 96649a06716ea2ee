/* The payment service: charges orders, at once or once they are shipped, and gives back the money
   of those that end early. */
#include "services/payment/actions.h"
#include "services/payment/handler.h"
#include "services/payment/line_refunds.h"
#include "services/payment/owed_steps.h"
#include "services/payment/part_refunds.h"
#include "services/payment/read/refund_report.h"
#include "services/payment/settings.h"
#include "shared/service/runtime.h"

static const struct handler_row inventory_events[] = {
    {EVENT_INVENTORY_RESERVED, &charge_handler},
};
static const struct handler_row order_events[] = {
    {EVENT_ORDER_CREATED, &charge_handler},    {EVENT_ORDER_CAPTURE_REQUESTED, &capture_handler},
    {EVENT_ORDER_FAILED, &end_handler},        {EVENT_ORDER_CANCELLED, &end_handler},
    {EVENT_ORDER_RETURNED, &returned_handler}, {EVENT_ORDER_LINES_CANCELLED, &cut_handler},
};

/* A consumer has one filter on a server before 2.10: one each, rather than one that is sent every
   event of every order only to let most of them pass. */
static const struct consumer_spec consumers[] = {
    {"INVENTORY", "payment", ROWS(inventory_events)},
    {"ORDERS", "payment", ROWS(order_events)},
    {"ORDERS", "payment-failed", ROWS(order_events)},
    {"ORDERS", "payment-cancelled", ROWS(order_events)},
    {"ORDERS", "payment-capture", ROWS(order_events)},
    {"ORDERS", "payment-returned", ROWS(order_events)},
    {"ORDERS", "payment-lines", ROWS(order_events)},
};

static const struct endpoint endpoints[] = {
    {"refund", "mesh.payment.refund", refund_endpoint_ask},
    {"refunds", "mesh.payment.refunds", refund_report_endpoint},
    {"order_refunds", "mesh.payment.order_refunds", refund_endpoint_list},
    {"recheck", "mesh.payment.recheck", action_endpoint_recheck},
};

static const struct periodic *const periodics[] = {&owed_steps, &asked_refunds, &awaited_actions};

static struct payment_settings settings;

/* Making it reads all that it needs. */
static enum status check(const struct config *config, struct error *error) {
    (void)config;
    struct payment *payment = NULL;
    enum status status = payment_create(&settings, &payment, error);
    payment_destroy(&payment);
    return status;
}

static enum status start(const struct config *config, void **context, struct error *error) {
    (void)config;
    struct payment *payment = NULL;
    enum status status = payment_create(&settings, &payment, error);
    *context = payment;
    return status;
}

static void stop(void *context) {
    struct payment *payment = context;
    payment_destroy(&payment);
}

static const struct service service = {
    .name = "payment",
    .description = "Charges reserved orders and refunds those that fail",
    .schema = "payments",
    .consumers = ROWS(consumers),
    .endpoints = ROWS(endpoints),
    .replica_reads = (const char *const[]){"refunds", NULL},
    .periodics = ROWS(periodics),
    .config_rows = ROWS(payment_config_rows),
    .config_target = &settings,
    .check = check,
    .start = start,
    .stop = stop,
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
