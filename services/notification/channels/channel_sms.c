#include "services/notification/channels/channel_sms.h"

#include "services/notification/channels/channel_http.h"
#include "shared/base/config.h"
#include "shared/base/memory.h"
#include "shared/contract/contact.h"
#include "shared/json/json.h"

#include <stdlib.h>
#include <string.h>

struct sms {
    struct template_set *templates;
    char *token; /* NULL for none */
};

static void write_body(const struct sms *sms, const struct notice *notice, struct slice number,
                       struct buf *body) {
    struct buf text = {0};
    struct json_writer w = json_writer(body);
    template_render(sms->templates, notice, &text);
    json_begin_object(&w);
    json_put_string(&w, "to", number);
    json_put_string(&w, "text", buf_slice(&text));
    json_end_object(&w);
    buf_fini(&text);
}

static bool compose(void *closure, struct notice *notice, struct http_post *post) {
    const struct sms *sms = closure;
    struct buf number = {0};
    char id[NOTICE_ID_SIZE];
    if (notice->phone.len == 0) {
        notice->result = NOTICE_SKIPPED;
        return false;
    }
    if (!phone_normalize(notice->phone, &number)) {
        notice_fail(notice, NOTICE_FAILED, "the number cannot be sent to");
        return false;
    }
    notice_id(notice, id);
    write_body(sms, notice, buf_slice(&number), &post->body);
    buf_printf(http_post_header(post), "Idempotency-Key: %s", id);
    if (sms->token != NULL)
        buf_printf(http_post_header(post), "Authorization: Bearer %s", sms->token);
    buf_fini(&number);
    return true;
}

static void destroy(void *closure) {
    struct sms *sms = closure;
    template_set_destroy(&sms->templates);
    if (sms->token != NULL)
        explicit_bzero(sms->token, strlen(sms->token));
    free(sms->token);
    free(sms);
}

/* A token goes into a header: nothing that could leave its line. */
static enum status read_token(const char *file, char **token, struct error *error) {
    size_t len;
    if (file[0] == 0)
        return STATUS_OK;
    enum status status = config_read_file(file, token, &len, error);
    if (status != STATUS_OK)
        return status;
    for (size_t i = 0; i < len; i++) {
        if ((*token)[i] <= ' ' || (*token)[i] >= 0x7f)
            return error_set(error, STATUS_INVALID, "%s is no bearer token", file);
    }
    return STATUS_OK;
}

enum status channel_sms_create(const struct channel_sms_options *options, struct channel **channel,
                               struct error *error) {
    struct sms *sms = mem_alloc(sizeof(*sms));
    const struct channel_http_options http = {
        .id = NOTIFY_SMS,
        .url = options->url,
        .url_name = "OM_SMS_URL",
        .ca_file = options->ca_file,
        .timeout_ms = options->timeout_ms,
        .compose = compose,
        .destroy = destroy,
        .closure = sms,
    };
    enum status status = read_token(options->token_file, &sms->token, error);
    if (status == STATUS_OK)
        status = template_set_load(options->template_dir, NOTIFY_SMS, ESCAPE_TEXT, &sms->templates,
                                   error);
    if (status == STATUS_OK)
        status = channel_http_create(&http, channel, error);
    if (status != STATUS_OK)
        destroy(sms);
    return status;
}
