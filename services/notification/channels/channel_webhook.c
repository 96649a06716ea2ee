#include "services/notification/channels/channel_webhook.h"

#include "services/notification/channels/channel_http.h"
#include "shared/base/memory.h"
#include "shared/crypto/signature.h"
#include "shared/json/json.h"
#include "shared/json/json_check.h"

#include <stdlib.h>

struct webhook {
    struct template_set *templates;
    struct signature_key *key;
};

static bool compose(void *closure, struct notice *notice, struct http_post *post) {
    const struct webhook *webhook = closure;
    struct buf headers[SIGNATURE_HEADERS] = {0};
    char id[NOTICE_ID_SIZE];
    notice_id(notice, id);
    template_render(webhook->templates, notice, &post->body);
    signature_write_headers(webhook->key, id, buf_slice(&post->body), headers);
    for (int i = 0; i < SIGNATURE_HEADERS; i++)
        *http_post_header(post) = headers[i];
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
