/*
 * The SMTP channel (libcurl): one mail a notice over one kept connection, with a circuit breaker.
 *
 * A server that does not answer, refuses the login, fails at TLS or says 421 is an outage:
 * UNAVAILABLE. 4xx puts a mail off, 5xx fails it for good. STARTTLS is used where the server offers
 * it and is a must with a user; the server's certificate is always checked.
 */
#ifndef OM_SERVICES_NOTIFICATION_CHANNELS_CHANNEL_SMTP_H
#define OM_SERVICES_NOTIFICATION_CHANNELS_CHANNEL_SMTP_H

#include "services/notification/channels/template.h"

struct channel_smtp_options {
    const char *url;           /* smtp://host:port or smtps:// */
    const char *from;          /* address */
    const char *user;          /* "" for none */
    const char *password_file; /* "" for none */
    const char *ca_file;       /* of who signs the server's certificate; "": the system's */
    bool requires_tls;         /* also without a user */
    int64_t timeout_ms;        /* for one mail */
    const char *template_dir;
};

enum status channel_smtp_create(const struct channel_smtp_options *options,
                                struct channel **channel, struct error *error) MUST_CHECK;

#endif
