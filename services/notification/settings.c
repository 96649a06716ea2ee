#include "services/notification/settings.h"

#include "services/notification/channel_log.h"
#include "services/notification/handler.h"

#include <stdlib.h>

#define AT(member) offsetof(struct notification_settings, member)

const struct config_row notification_config_rows[NOTIFICATION_CONFIG_ROWS] = {
    {"OM_NOTIFY_LOG", CONFIG_TEXT, AT(log_file), "/dev/stdout", 0, 0,
     "where the log channel appends a JSON line a notice"},
    {"OM_SMTP_URL", CONFIG_TEXT, AT(smtp.url), "", 0, 0,
     "smtp://host:port or smtps://host:port of the mail server; empty: no mail"},
    {"OM_SMTP_FROM", CONFIG_TEXT, AT(smtp.from), "orders@ordermesh.example", 0, 0,
     "address that mail comes from"},
    {"OM_SMTP_USER", CONFIG_TEXT, AT(smtp.user), "", 0, 0,
     "user at the mail server; empty: no login. With a user, TLS is required"},
    {"OM_SMTP_PASSWORD_FILE", CONFIG_TEXT, AT(smtp.password_file), "", 0, 0,
     "file with the user's password"},
    {"OM_SMTP_TIMEOUT_MS", CONFIG_INT, AT(smtp.timeout_ms), "5000", 100, 20000,
     "longest time for one mail, in milliseconds"},
};
static enum status open_ring(const struct config *config, struct key_ring **ring,
                             struct error *error) {
    if (config->pii_key_file[0] == 0)
        return STATUS_OK;
    return key_ring_create(config->pii_key_file, config->pii_old_key_file, ring, error);
}

static enum status open_channels(const struct notification_settings *settings,
                                 struct notification *notification, struct error *error) {
    enum status status = STATUS_OK;
    if (settings->smtp.url[0] != 0) {
        if (notification->ring == NULL)
            return error_set(error, STATUS_INVALID, "OM_SMTP_URL needs OM_PII_KEY_FILE");
        status = channel_smtp_create(&settings->smtp,
                                     &notification->channels[notification->channel_count], error);
        if (status != STATUS_OK)
            return status;
        notification->channel_count++;
    }
    status = channel_log_create(settings->log_file,
                                &notification->channels[notification->channel_count], error);
    if (status == STATUS_OK)
        notification->channel_count++;
    return status;
}

enum status notification_create(const struct notification_settings *settings,
                                const struct config *config, struct notification **notification,
                                struct error *error) {
    struct notification *made = mem_alloc(sizeof(*made));
    enum status status = open_ring(config, &made->ring, error);
    if (status == STATUS_OK)
        status = open_channels(settings, made, error);
    if (status == STATUS_OK)
        *notification = made;
    else
        notification_destroy(&made);
    return status;
}

void notification_destroy(struct notification **notification) {
    struct notification *n = *notification;
    if (n == NULL)
        return;
    for (size_t i = 0; i < n->channel_count; i++)
        channel_destroy(&n->channels[i]);
    key_ring_destroy(&n->ring);
    free(n);
    *notification = NULL;
}
