/* The notification service: tells customers the news of their orders. */
#include "services/notification/endpoint.h"
#include "services/notification/export.h"
#include "services/notification/handler.h"
#include "services/notification/housekeeping.h"
#include "services/notification/settings.h"
#include "shared/service/runtime.h"

static const struct handler_row order_events[] = {
    {EVENT_ORDER_CONFIRMED, &notification_handler},
    {EVENT_ORDER_FAILED, &notification_handler},
    {EVENT_ORDER_CANCELLED, &notification_handler},
    {EVENT_ORDER_RETURNED, &notification_handler},
};
static const struct handler_row shipping_events[] = {
    {EVENT_SHIPPING_SHIPPED, &notification_handler},
};

/* A consumer has one filter on a server before 2.10: one each, rather than one that is sent every
   event of every order only to let most of them pass. */
static const struct consumer_spec consumers[] = {
    {"ORDERS", "notification", ROWS(order_events)},
    {"ORDERS", "notification-failed", ROWS(order_events)},
    {"ORDERS", "notification-cancelled", ROWS(order_events)},
    {"ORDERS", "notification-returned", ROWS(order_events)},
    {"SHIPPING", "notification", ROWS(shipping_events)},
};

static const struct endpoint endpoints[] = {
    {"seal_keys", "mesh.notification.seal_keys", notification_endpoint_seal_keys},
    {"erase", "mesh.notification.erase", notification_endpoint_erase},
    {"open", "mesh.notification.open", notification_endpoint_open},
};

static const struct periodic *const periodics[] = {&notification_housekeeping};

static struct notification_settings settings;

/* Making it reads all that it needs. */
static enum status check(const struct config *config, struct error *error) {
    struct notification *notification = NULL;
    enum status status = notification_create(&settings, config, &notification, error);
    notification_destroy(&notification);
    return status;
}

static enum status start(const struct config *config, void **context, struct error *error) {
    struct notification *notification = NULL;
    enum status status = notification_create(&settings, config, &notification, error);
    *context = notification;
    return status == STATUS_OK ? notification_start_senders(notification, config, error) : status;
}

static void stop(void *context) {
    struct notification *notification = context;
    notification_destroy(&notification);
}

static const struct service service = {
    .name = "notification",
    .description = "Tells customers what became of their orders",
    .schema = "notifications",
    .consumers = ROWS(consumers),
    .endpoints = ROWS(endpoints),
    .periodics = ROWS(periodics),
    .config_rows = ROWS(notification_config_rows),
    .config_target = &settings,
    .check = check,
    .start = start,
    .stop = stop,
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
