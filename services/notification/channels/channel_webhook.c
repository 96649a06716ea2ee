#include "services/notification/channels/channel_webhook.h"

#include "services/notification/channels/channel_http.h"
#include "services/notification/channels/signature.h"
#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/json/json.h"
#include "shared/json/json_check.h"

#include <inttypes.h>
#include <stdlib.h>

struct webhook {
    struct template_set *templates;
    struct signature_key *key;
};

static bool compose(void *closure, struct notice *notice, struct http_post *post) {
    const struct webhook *webhook = closure;
    char id[NOTICE_ID_SIZE], signature[SIGNATURE_SIZE];
    int64_t now_s = clock_now_us() / 1000000;
    notice_id(notice, id);
    template_render(webhook->templates, notice, &post->body);
    signature_write(webhook->key, id, now_s, buf_slice(&post->body), signature);
    buf_printf(http_post_header(post), "webhook-id: %s", id);
    buf_printf(http_post_header(post), "webhook-timestamp: %" PRId64, now_s);
    buf_printf(http_post_header(post), "webhook-signature: %s", signature);
    return true;
}

static void destroy(void *closure) {
    struct webhook *webhook = closure;
    template_set_destroy(&webhook->templates);
    signature_key_destroy(&webhook->key);
    free(webhook);
}

static enum status open_webhook(struct webhook *webhook,
                                const struct channel_webhook_options *options,
                                struct error *error) {
    enum status status = signature_key_create(options->secret_file, &webhook->key, error);
    if (status == STATUS_OK)
        status = template_set_load(options->template_dir, NOTIFY_WEBHOOK, ESCAPE_JSON,
                                   &webhook->templates, error);
    if (status == STATUS_OK)
        status = template_set_check(webhook->templates, json_check, error);
    return status;
}

enum status channel_webhook_create(const struct channel_webhook_options *options,
                                   struct channel **channel, struct error *error) {
    struct webhook *webhook = mem_alloc(sizeof(*webhook));
    const struct channel_http_options http = {
        .id = NOTIFY_WEBHOOK,
        .url = options->url,
        .url_name = "OM_WEBHOOK_URL",
        .ca_file = options->ca_file,
        .timeout_ms = options->timeout_ms,
        .is_webhook = true,
        .compose = compose,
        .destroy = destroy,
        .closure = webhook,
    };
    enum status status = open_webhook(webhook, options, error);
    if (status == STATUS_OK)
        status = channel_http_create(&http, channel, error);
    if (status != STATUS_OK)
        destroy(webhook);
    return status;
}
