#include "services/notification/settings.h"

#include "services/notification/channels/channel_log.h"
#include "services/notification/handler.h"
#include "services/notification/sender.h"
#include "shared/base/memory.h"

#include <stdlib.h>
#include <string.h>

#define AT(member) offsetof(struct notification_settings, member)

const struct config_row notification_config_rows[NOTIFICATION_CONFIG_ROWS] = {
    {"OM_NOTIFY_CHANNELS", CONFIG_TEXT, AT(channels), "log", 0, 0,
     "how customers are told whose order does not say: log, smtp, webhook, sms, comma separated"},
    {"OM_NOTIFY_LOG", CONFIG_TEXT, AT(log_file), "/dev/stdout", 0, 0,
     "where the log channel appends a JSON line a notice"},
    {"OM_NOTIFY_GIVE_UP_S", CONFIG_INT, AT(give_up_s), "86400", 60, 604800,
     "seconds after which a notice that cannot be sent counts as failed"},
    {"OM_NOTIFY_TIMEOUT_MS", CONFIG_INT, AT(http_timeout_ms), "5000", 100, SENDER_TIMEOUT_MOST_MS,
     "longest time for one webhook or SMS, in milliseconds"},
    {"OM_NOTIFY_BURST", CONFIG_INT, AT(burst), "12", 1, 10000,
     "notices that a channel with a rate may take at once after a pause"},
    {"OM_TEMPLATE_DIR", CONFIG_TEXT, AT(template_dir), "", 0, 0,
     "folder of the templates of mails, webhooks and SMS: <kind>.<channel>.txt"},
    {"OM_SMTP_URL", CONFIG_TEXT, AT(smtp.url), "", 0, 0,
     "smtp://host:port or smtps://host:port of the mail server; empty: no mail"},
    {"OM_SMTP_FROM", CONFIG_TEXT, AT(smtp.from), "orders@ordermesh.example", 0, 0,
     "address that mail comes from"},
    {"OM_SMTP_USER", CONFIG_TEXT, AT(smtp.user), "", 0, 0,
     "user at the mail server; empty: no login. With a user, TLS is required"},
    {"OM_SMTP_PASSWORD_FILE", CONFIG_TEXT, AT(smtp.password_file), "", 0, 0,
     "file with the user's password"},
    {"OM_SMTP_CA_FILE", CONFIG_TEXT, AT(smtp.ca_file), "", 0, 0,
     "file with the authorities that may sign the mail server's certificate; empty: the system's"},
    {"OM_SMTP_TLS_REQUIRED", CONFIG_BOOL, AT(smtp.requires_tls), "false", 0, 0,
     "send no mail over a connection without TLS"},
    {"OM_SMTP_TIMEOUT_MS", CONFIG_INT, AT(smtp.timeout_ms), "5000", 100, SENDER_TIMEOUT_MOST_MS,
     "longest time for one mail, in milliseconds"},
    {"OM_SMTP_RATE", CONFIG_INT, AT(smtp_rate), "0", 0, 1000000,
     "most mails a minute, of all instances together; 0: no limit"},
    {"OM_WEBHOOK_URL", CONFIG_TEXT, AT(webhook.url), "", 0, 0,
     "address that notices are posted to, signed; empty: no webhook"},
    {"OM_WEBHOOK_SECRET_FILE", CONFIG_TEXT, AT(webhook.secret_file), "", 0, 0,
     "file with the secret that signs webhooks, whsec_..."},
    {"OM_WEBHOOK_CA_FILE", CONFIG_TEXT, AT(webhook.ca_file), "", 0, 0,
     "file with the authorities that may sign its certificate; empty: the system's"},
    {"OM_WEBHOOK_RATE", CONFIG_INT, AT(webhook_rate), "0", 0, 1000000,
     "most webhooks a minute, of all instances together; 0: no limit"},
    {"OM_SMS_URL", CONFIG_TEXT, AT(sms.url), "", 0, 0,
     "address of the gateway for short messages; empty: no SMS"},
    {"OM_SMS_TOKEN_FILE", CONFIG_TEXT, AT(sms.token_file), "", 0, 0,
     "file with the bearer token for that gateway"},
    {"OM_SMS_CA_FILE", CONFIG_TEXT, AT(sms.ca_file), "", 0, 0,
     "file with the authorities that may sign its certificate; empty: the system's"},
    {"OM_SMS_RATE", CONFIG_INT, AT(sms_rate), "0", 0, 1000000,
     "most SMS a minute, of all instances together; 0: no limit"},
};

static enum status open_ring(const struct config *config, struct key_ring **ring,
                             struct error *error) {
    if (config->pii_key_file[0] == 0)
        return STATUS_OK;
    return key_ring_create(config->pii_key_file, config->pii_old_key_file, ring, error);
}

/* A channel to customers is on when it has a URL; then it needs the rest, too. */
static enum status check_needs(const struct notification_settings *settings,
                               const struct key_ring *ring, struct error *error) {
    bool has_webhook = settings->webhook.url[0] != 0;
    if (settings->smtp.url[0] == 0 && settings->sms.url[0] == 0 && !has_webhook)
        return STATUS_OK;
    if (ring == NULL)
        return error_set(error, STATUS_INVALID,
                         "OM_SMTP_URL, OM_WEBHOOK_URL and OM_SMS_URL need OM_PII_KEY_FILE");
    if (settings->template_dir[0] == 0)
        return error_set(error, STATUS_INVALID,
                         "OM_SMTP_URL, OM_WEBHOOK_URL and OM_SMS_URL need OM_TEMPLATE_DIR");
    if (has_webhook && settings->webhook.secret_file[0] == 0)
        return error_set(error, STATUS_INVALID, "OM_WEBHOOK_URL needs OM_WEBHOOK_SECRET_FILE");
    return STATUS_OK;
}

static enum status open_channels(const struct notification_settings *settings,
                                 struct channel **channels, struct error *error) {
    struct channel_smtp_options smtp = settings->smtp;
    struct channel_webhook_options webhook = settings->webhook;
    struct channel_sms_options sms = settings->sms;
    smtp.template_dir = webhook.template_dir = sms.template_dir = settings->template_dir;
    webhook.timeout_ms = sms.timeout_ms = settings->http_timeout_ms;
    enum status status = channel_log_create(settings->log_file, &channels[NOTIFY_LOG], error);
    if (status == STATUS_OK && smtp.url[0] != 0)
        status = channel_smtp_create(&smtp, &channels[NOTIFY_SMTP], error);
    if (status == STATUS_OK && webhook.url[0] != 0)
        status = channel_webhook_create(&webhook, &channels[NOTIFY_WEBHOOK], error);
    if (status == STATUS_OK && sms.url[0] != 0)
        status = channel_sms_create(&sms, &channels[NOTIFY_SMS], error);
    return status;
}

/* Reads a list of channels, which must be there. */
static enum status read_channels(const char *row, const char *names,
                                 struct channel *const *channels, unsigned *set,
                                 struct error *error) {
    struct error cause = {0};
    if (notify_channels_parse(names, set, &cause) != STATUS_OK)
        return error_set(error, STATUS_INVALID, "%s: %s", row, cause.text);
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT; i++) {
        if ((*set & NOTIFY_BIT(i)) != 0 && channels[i] == NULL)
            return error_set(error, STATUS_INVALID, "%s: %s is not configured", row,
                             notify_channel_name((enum notify_channel)i));
    }
    return STATUS_OK;
}

static void set_rates(const struct notification_settings *settings, struct notice_rate *rates) {
    const int64_t a_minute[NOTIFY_CHANNEL_COUNT] = {[NOTIFY_SMTP] = settings->smtp_rate,
                                                    [NOTIFY_WEBHOOK] = settings->webhook_rate,
                                                    [NOTIFY_SMS] = settings->sms_rate};
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT; i++) {
        if (a_minute[i] > 0)
            rates[i] = (struct notice_rate){60000000 / a_minute[i], settings->burst};
    }
}

enum status notification_create(const struct notification_settings *settings,
                                const struct config *config, struct notification **notification,
                                struct error *error) {
    struct notification *made = mem_alloc(sizeof(*made));
    unsigned offered;
    made->give_up_s = settings->give_up_s;
    set_rates(settings, made->rates);
    enum status status = open_ring(config, &made->ring, error);
    if (status == STATUS_OK)
        status = check_needs(settings, made->ring, error);
    if (status == STATUS_OK)
        status = open_channels(settings, made->channels, error);
    if (status == STATUS_OK)
        status = read_channels("OM_NOTIFY_CHANNELS", settings->channels, made->channels,
                               &made->defaults, error);
    if (status == STATUS_OK)
        status = read_channels("OM_NOTIFY_OFFERED", config->notify_offered, made->channels,
                               &offered, error);
    if (status == STATUS_OK)
        *notification = made;
    else
        notification_destroy(&made);
    return status;
}

enum status notification_start_senders(struct notification *notification,
                                       const struct config *config, struct error *error) {
    enum status status = STATUS_OK;
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT && status == STATUS_OK; i++) {
        if (i == NOTIFY_LOG || notification->channels[i] == NULL)
            continue;
        notification->senders[i] = sender_create(&(struct sender_options){
            .database_url = config->database_url,
            .channel = notification->channels[i],
            .ring = notification->ring,
            .give_up_s = notification->give_up_s,
            .rate = notification->rates[i],
        });
        status = sender_start(notification->senders[i], error);
    }
    return status;
}

void notification_destroy(struct notification **notification) {
    struct notification *n = *notification;
    if (n == NULL)
        return;
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT; i++)
        sender_destroy(&n->senders[i]);
    for (int i = 0; i < NOTIFY_CHANNEL_COUNT; i++)
        channel_destroy(&n->channels[i]);
    key_ring_destroy(&n->ring);
    free(n);
    *notification = NULL;
}
