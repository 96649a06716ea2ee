/* The order service: the process manager of every order. */
#include "services/order/cancel_lines.h"
#include "services/order/endpoint.h"
#include "services/order/handler.h"
#include "services/order/read/list.h"
#include "services/order/read/personal.h"
#include "services/order/returns.h"
#include "services/order/submit.h"
#include "services/order/unpaid.h"
#include "services/order/watchdog.h"
#include "shared/service/runtime.h"

#include <stddef.h>

static struct order_settings settings = {.ask_products = products_of_inventory};

static const struct config_row config_rows[] = {
    {"OM_SAGA_LIMIT_S", CONFIG_INT, offsetof(struct order_settings, saga_limit_s), "900", 1, 604800,
     "seconds after which an order that has not ended fails with saga_timeout"},
    {"OM_RESERVATION_LIMIT_S", CONFIG_INT, offsetof(struct order_settings, reservation_limit_s),
     "0", 0, 604800,
     "seconds after which a reserved order that is not paid fails with payment_timeout; 0: as "
     "OM_SAGA_LIMIT_S"},
    {"OM_RETURN_DAYS", CONFIG_INT, offsetof(struct order_settings, return_days), "30", 0, 3650,
     "days after its completion in which an order's pieces may be sent back; 0: without a limit"},
};

static const struct handler_row commands[] = {
    {EVENT_ORDER_SUBMIT, &submit_handler},
    {EVENT_ORDER_CANCEL, &cancel_handler},
};
static const struct handler_row inventory_events[] = {
    {EVENT_PRODUCT_CHANGED, &catalog_handler},
    {EVENT_INVENTORY_RESERVED, &step_handler},
    {EVENT_INVENTORY_REJECTED, &progress_handler},
    {EVENT_INVENTORY_RELEASED, &progress_handler},
};
static const struct handler_row payment_events[] = {
    {EVENT_PAYMENT_SUCCEEDED, &step_handler},  {EVENT_PAYMENT_AUTHORIZED, &step_handler},
    {EVENT_PAYMENT_CAPTURED, &step_handler},   {EVENT_PAYMENT_CAPTURE_FAILED, &step_handler},
    {EVENT_PAYMENT_FAILED, &progress_handler}, {EVENT_PAYMENT_REFUNDED, &progress_handler},
    {EVENT_PAYMENT_VOIDED, &progress_handler}, {EVENT_PAYMENT_ACTION_REQUIRED, &step_handler},
};
static const struct handler_row shipping_events[] = {
    {EVENT_SHIPPING_SHIPPED, &step_handler},
    {EVENT_SHIPPING_PART_SHIPPED, &progress_handler},
    {EVENT_SHIPPING_FAILED, &progress_handler},
    {EVENT_SHIPPING_STOPPED, &progress_handler},
};

static const struct consumer_spec consumers[] = {
    {"ORDERS", "order", ROWS(commands)}, /* of gateways before COMMANDS */
    {"COMMANDS", "order", ROWS(commands)},       {"INVENTORY", "order", ROWS(inventory_events)},
    {"PAYMENTS", "order", ROWS(payment_events)}, {"SHIPPING", "order", ROWS(shipping_events)},
};

static const struct endpoint endpoints[] = {
    {"get", "mesh.order.get", order_endpoint_get},
    {"status", "mesh.order.status", order_endpoint_status},
    {"history", "mesh.order.history", order_endpoint_history},
    {"list", "mesh.order.list", order_endpoint_list},
    {"report", "mesh.order.report", order_endpoint_list},
    {"missing", "mesh.order.missing", order_endpoint_missing},
    {"personal", "mesh.order.personal", order_endpoint_personal},
    {"cancel_lines", "mesh.order.cancel_lines", cancel_lines_endpoint},
    {"return_ask", "mesh.order.return.ask", return_endpoint_ask},
    {"return_receive", "mesh.order.return.receive", return_endpoint_receive},
    {"return_refuse", "mesh.order.return.refuse", return_endpoint_refuse},
    {"return_list", "mesh.order.return.list", return_endpoint_list},
    {"return_get", "mesh.order.return.get", return_endpoint_get},
};

static const struct periodic *const periodics[] = {&watchdog, &held_orders, &unpaid_watch};

static const struct service service = {
    .name = "order",
    .description = "Takes orders in and leads each to its end",
    .schema = "orders",
    .commands = "COMMANDS",
    .consumers = ROWS(consumers),
    .endpoints = ROWS(endpoints),
    .replica_reads = (const char *const[]){"list", "report", NULL},
    .periodics = ROWS(periodics),
    .config_rows = ROWS(config_rows),
    .config_target = &settings,
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
