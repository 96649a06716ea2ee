/*
 * The SMTP channel (libcurl): one mail a notice over one kept connection, with a circuit breaker.
 *
 * A server that does not answer, or says 421, is an outage: UNAVAILABLE, so the caller holds. Where
 * some mails had gone out before it, the rest is PUT_OFF instead, and none goes out twice. 4xx puts
 * a mail off, 5xx fails it for good. With a user, TLS is a must.
 */
#ifndef OM_SERVICES_NOTIFICATION_CHANNEL_SMTP_H
#define OM_SERVICES_NOTIFICATION_CHANNEL_SMTP_H

#include "services/notification/channel.h"

struct channel_smtp_options {
    const char *url;           /* smtp://host:port or smtps:// */
    const char *from;          /* address */
    const char *user;          /* "" for none */
    const char *password_file; /* "" for none */
    int64_t timeout_ms;        /* for one mail */
};

enum status channel_smtp_create(const struct channel_smtp_options *options,
                                struct channel **channel, struct error *error) MUST_CHECK;

#endif
