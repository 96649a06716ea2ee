/* The notification service: tells customers what became of their orders. */
#include "services/notification/handler.h"
#include "services/notification/settings.h"
#include "shared/runtime.h"

static const struct handler_row order_events[] = {
    {EVENT_ORDER_CONFIRMED, &notification_handler},
    {EVENT_ORDER_FAILED, &notification_handler},
    {EVENT_ORDER_CANCELLED, &notification_handler},
};
static const struct handler_row shipping_events[] = {
    {EVENT_SHIPPING_SHIPPED, &notification_handler},
};

static const struct consumer_spec consumers[] = {
    {"ORDERS", "notification", order_events, sizeof(order_events) / sizeof(order_events[0])},
    {"SHIPPING", "notification", shipping_events, 1},
};

static struct notification_settings settings;

static enum status start(const struct config *config, void **context, struct error *error) {
    struct notification *notification = NULL;
    enum status status = notification_create(&settings, config, &notification, error);
    if (status == STATUS_OK)
        *context = notification;
    return status;
}

static void stop(void **context) {
    struct notification *notification = *context;
    notification_destroy(&notification);
    *context = NULL;
}

static const struct service service = {
    .name = "notification",
    .description = "Tells customers what became of their orders",
    .schema = "notifications",
    .consumers = consumers,
    .consumer_count = sizeof(consumers) / sizeof(consumers[0]),
    .config_rows = notification_config_rows,
    .config_row_count = NOTIFICATION_CONFIG_ROWS,
    .config_target = &settings,
    .start = start,
    .stop = stop,
};

int main(int argc, char **argv) {
    return runtime_run(&service, argc, argv);
}
