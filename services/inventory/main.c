/* The inventory service: the products for sale, and the stock that orders hold. */
#include "services/inventory/catalog.h"
#include "services/inventory/handler.h"
#include "services/inventory/movements.h"
#include "services/inventory/returned.h"
#include "shared/service/runtime.h"

static const struct handler_row order_events[] = {
    {EVENT_ORDER_CREATED, &inventory_handler},
    {EVENT_ORDER_FAILED, &inventory_handler},
    {EVENT_ORDER_CANCELLED, &inventory_handler},
    {EVENT_ORDER_COMPLETED, &inventory_handler},
};

static const struct handler_row late_order_events[] = {
    {EVENT_ORDER_CREATED, &inventory_patient_handler},
    {EVENT_ORDER_FAILED, &inventory_patient_handler},
    {EVENT_ORDER_CANCELLED, &inventory_patient_handler},
    {EVENT_ORDER_COMPLETED, &inventory_patient_handler},
};

static const struct handler_row return_events[] = {
    {EVENT_ORDER_RETURNED, &stock_returned_handler},
};

static const struct handler_row line_events[] = {
    {EVENT_ORDER_LINES_CANCELLED, &inventory_patient_handler},
};

static const struct handler_row payment_events[] = {
    {EVENT_PAYMENT_SUCCEEDED, &inventory_handler},
    {EVENT_PAYMENT_AUTHORIZED, &inventory_handler},
};

/* A consumer has one filter on a server before 2.10: one each, rather than one that is sent every
   event of every order only to let most of them pass. */
static const struct consumer_spec consumers[] = {
    {"ORDERS", "inventory", ROWS(order_events)},
    {"ORDERS", "inventory-completed", ROWS(late_order_events)},
    {"ORDERS", "inventory-failed", ROWS(order_events)},
    {"ORDERS", "inventory-cancelled", ROWS(order_events)},
    {"ORDERS", "inventory-returned", ROWS(return_events)},
    {"ORDERS", "inventory-lines", ROWS(line_events)},
    {"PAYMENTS", "inventory", ROWS(payment_events)},
    {"PAYMENTS", "inventory-authorized", ROWS(payment_events)},
};

static const struct endpoint endpoints[] = {
    {"product_get", "mesh.inventory.product.get", catalog_endpoint_get},
    {"product_prices", "mesh.inventory.product.prices", catalog_endpoint_prices},
    {"product_list", "mesh.inventory.product.list", catalog_endpoint_list},
    {"product_put", "mesh.inventory.product.put", catalog_endpoint_put},
    {"product_adjust", "mesh.inventory.product.adjust", catalog_endpoint_adjust},
    {"movements", "mesh.inventory.movements", movements_endpoint},
    {"stock_adjust", "mesh.inventory.stock.adjust", catalog_endpoint_adjust_elsewhere},
    {"stock_get", "mesh.inventory.stock.get", catalog_endpoint_stock},
    {"warehouse_list", "mesh.inventory.warehouse.list", catalog_endpoint_warehouses},
};

static const struct service service = {
    .name = "inventory",
    .description = "Keeps the catalog and the stock, and reserves it for orders",
    .schema = "inventory",
    .consumers = ROWS(consumers),
    .endpoints = ROWS(endpoints),
    .replica_reads = (const char *const[]){"product_list", "movements", NULL},
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
