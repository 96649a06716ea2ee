/* The analytics service: counts what happens to orders. */
#include "services/analytics/endpoint.h"
#include "services/analytics/find.h"
#include "services/analytics/handler.h"
#include "services/analytics/revenue.h"
#include "shared/service/runtime.h"

static const struct handler_row order_events[] = {
    {EVENT_ORDER_CREATED, &analytics_handler},   {EVENT_ORDER_CONFIRMED, &analytics_handler},
    {EVENT_ORDER_COMPLETED, &analytics_handler}, {EVENT_ORDER_FAILED, &analytics_handler},
    {EVENT_ORDER_CANCELLED, &analytics_handler},
};
static const struct handler_row inventory_events[] = {
    {EVENT_INVENTORY_RESERVED, &analytics_handler},
    {EVENT_INVENTORY_REJECTED, &analytics_handler},
    {EVENT_INVENTORY_RELEASED, &analytics_handler},
};
static const struct handler_row payment_events[] = {
    {EVENT_PAYMENT_SUCCEEDED, &analytics_handler},
    {EVENT_PAYMENT_CAPTURED, &analytics_handler},
    {EVENT_PAYMENT_FAILED, &analytics_handler},
    {EVENT_PAYMENT_REFUNDED, &analytics_handler},
};
static const struct handler_row shipping_events[] = {
    {EVENT_SHIPPING_SHIPPED, &analytics_handler},
    {EVENT_SHIPPING_FAILED, &analytics_handler},
};
static const struct handler_row notification_events[] = {
    {EVENT_NOTIFICATION_SENT, &analytics_handler},
    {EVENT_NOTIFICATION_FAILED, &analytics_handler},
};

static const struct consumer_spec consumers[] = {
    {"ORDERS", "analytics", ROWS(order_events)},
    {"INVENTORY", "analytics", ROWS(inventory_events)},
    {"PAYMENTS", "analytics", ROWS(payment_events)},
    {"SHIPPING", "analytics", ROWS(shipping_events)},
    {"NOTIFICATIONS", "analytics", ROWS(notification_events)},
};

static const struct endpoint endpoints[] = {
    {"dashboard", "mesh.analytics.dashboard", analytics_endpoint_dashboard},
    {"metrics", "mesh.analytics.metrics", analytics_endpoint_metrics},
    {"find", "mesh.analytics.find", analytics_endpoint_find},
    {"revenue", "mesh.analytics.revenue", revenue_endpoint},
};

static const struct service service = {
    .name = "analytics",
    .description = "Counts what happens to orders, for the dashboard",
    .schema = "analytics",
    .consumers = ROWS(consumers),
    .endpoints = ROWS(endpoints),
    .replica_reads = (const char *const[]){"dashboard", "metrics", "find", "revenue", NULL},
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
