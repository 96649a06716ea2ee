/*
 * Shared by the webhook and the SMS channel: one JSON POST a notice, a batch side by side, with a
 * circuit breaker.
 *
 * 2xx is sent; 408, 425, 429 and 5xx put a notice off, by Retry-After where it is longer than ours,
 * up to an hour; every other answer fails it for good. Webhooks follow Standard Webhooks
 * (https://www.standardwebhooks.com): there every other answer puts off, a redirect included, but
 * 410, after which nothing is sent until the process starts again. A batch to which nothing but 5xx
 * or silence came back is an outage: UNAVAILABLE.
 */
#ifndef OM_SERVICES_NOTIFICATION_CHANNELS_CHANNEL_HTTP_H
#define OM_SERVICES_NOTIFICATION_CHANNELS_CHANNEL_HTTP_H

#include "services/notification/channels/template.h"
#include "shared/base/buf.h"

#define HTTP_POST_HEADERS_MAX 6

/* One request, as compose() fills it in. */
struct http_post {
    struct buf headers[HTTP_POST_HEADERS_MAX]; /* "Name: value" */
    size_t header_count;
    struct buf body;
};

/* The next header, to be written. */
struct buf *http_post_header(struct http_post *post);

struct channel_http_options {
    enum notify_channel id;
    const char *url;
    const char *url_name; /* of the configuration, for errors */
    const char *ca_file;  /* NULL or "": the system's authorities */
    int64_t timeout_ms;   /* for one notice */
    bool is_webhook;      /* any answer but 2xx puts off, and 410 ends */
    /* False when there is nothing to send: the notice then has its result. */
    bool (*compose)(void *closure, struct notice *notice, struct http_post *post);
    void (*destroy)(void *closure);
    void *closure; /* handed over on success */
};

enum status channel_http_create(const struct channel_http_options *options,
                                struct channel **channel, struct error *error) MUST_CHECK;

#endif
