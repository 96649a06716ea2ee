/* The notification service: tells customers what became of their orders. */
#include "services/notification/handler.h"
#include "services/notification/sender.h"
#include "services/notification/settings.h"
#include "shared/service/runtime.h"

static const struct handler_row order_events[] = {
    {EVENT_ORDER_CONFIRMED, &notification_handler},
    {EVENT_ORDER_FAILED, &notification_handler},
    {EVENT_ORDER_CANCELLED, &notification_handler},
};
static const struct handler_row shipping_events[] = {
    {EVENT_SHIPPING_SHIPPED, &notification_handler},
};

/* A consumer has one filter on a server before 2.10: one each, rather than one that is sent every
   event of every order only to let most of them pass. */
enum { ORDER_EVENTS = sizeof(order_events) / sizeof(order_events[0]) };
static const struct consumer_spec consumers[] = {
    {"ORDERS", "notification", order_events, ORDER_EVENTS},
    {"ORDERS", "notification-failed", order_events, ORDER_EVENTS},
    {"ORDERS", "notification-cancelled", order_events, ORDER_EVENTS},
    {"SHIPPING", "notification", shipping_events, 1},
};

static struct notification_settings settings;

static struct sender *senders[NOTIFY_CHANNEL_COUNT];

/* One for each channel to another system; the log is written by the handler. */
static enum status start_senders(const struct notification *notification,
                                 const struct config *config, struct error *error) {
    enum status status = STATUS_OK;
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT && status == STATUS_OK; i++) {
        if (i == NOTIFY_LOG || notification->channels[i] == NULL)
            continue;
        senders[i] = sender_create(&(struct sender_options){
            .database_url = config->database_url,
            .channel = notification->channels[i],
            .ring = notification->ring,
            .give_up_s = notification->give_up_s,
        });
        status = sender_start(senders[i], error);
    }
    return status;
}

static enum status start(const struct config *config, void **context, struct error *error) {
    struct notification *notification = NULL;
    enum status status = notification_create(&settings, config, &notification, error);
    if (status != STATUS_OK)
        return status;
    *context = notification;
    return start_senders(notification, config, error);
}

static void stop(void **context) {
    struct notification *notification = *context;
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT; i++)
        sender_destroy(&senders[i]);
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
