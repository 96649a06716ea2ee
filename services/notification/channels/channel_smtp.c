#include "services/notification/channels/channel_smtp.h"

#include "services/notification/channels/mail.h"
#include "shared/base/clock.h"
#include "shared/base/config.h"
#include "shared/base/memory.h"
#include "shared/contract/contact.h"
#include "shared/net/breaker.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE_CLOSING 421

struct channel_smtp {
    struct channel channel; /* first */
    char *from;
    struct template_set *templates;
    struct breaker *breaker;
    pthread_mutex_t lock; /* guards curl, which keeps the connection */
    CURL *curl;
};

/* --- one mail --- */

/* The rest of the mail that libcurl has not read yet. */
struct upload {
    const char *ptr;
    size_t left;
};

static size_t read_upload(char *to, size_t size, size_t count, void *closure) {
    struct upload *upload = closure;
    size_t len = size * count < upload->left ? size * count : upload->left;
    memcpy(to, upload->ptr, len);
    upload->ptr += len;
    upload->left -= len;
    return len;
}

static void compose(const struct channel_smtp *smtp, const struct notice *notice,
                    struct buf *mail) {
    struct buf text = {0};
    template_render(smtp->templates, notice, &text);
    mail_write(mail, notice, buf_slice(&text), smtp->from, clock_now_us());
    buf_fini(&text);
}

static CURLcode transfer(struct channel_smtp *smtp, const struct notice *notice) {
    struct buf recipient = {0}, mail = {0};
    buf_append_slice(&recipient, notice->email);
    struct curl_slist *recipients = curl_slist_append(NULL, recipient.ptr);
    compose(smtp, notice, &mail);
    struct upload upload = {mail.ptr, mail.len};
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, recipients);
    curl_easy_setopt(smtp->curl, CURLOPT_READDATA, &upload);
    CURLcode code = curl_easy_perform(smtp->curl);
    curl_easy_setopt(smtp->curl, CURLOPT_MAIL_RCPT, NULL);
    curl_slist_free_all(recipients);
    buf_fini(&recipient);
    buf_fini(&mail);
    return code;
}

/* False when the server is down. The texts of servers quote addresses, so only codes are kept. */
static bool judge(struct channel_smtp *smtp, CURLcode code, struct notice *notice) {
    long reply = 0;
    curl_easy_getinfo(smtp->curl, CURLINFO_RESPONSE_CODE, &reply);
    if (code == CURLE_OK) {
        notice->result = NOTICE_SENT;
        return true;
    }
    if (code == CURLE_LOGIN_DENIED || code == CURLE_USE_SSL_FAILED || reply < 400 ||
        reply == SERVICE_CLOSING) {
        notice_fail(notice, NOTICE_PUT_OFF, "%s", curl_easy_strerror(code));
        return false;
    }
    notice_fail(notice, reply >= 500 ? NOTICE_FAILED : NOTICE_PUT_OFF, "the mail server said %ld",
                reply);
    return true;
}

/* True when there is an address to send to. */
static bool screen(struct notice *notice) {
    if (notice->email.len == 0)
        notice->result = NOTICE_SKIPPED;
    else if (!email_is_usable(notice->email))
        notice_fail(notice, NOTICE_FAILED, "the address cannot be sent to");
    else
        return true;
    return false;
}

static bool send_one(struct channel_smtp *smtp, struct notice *notice, struct error *error) {
    if (!breaker_allow(smtp->breaker, clock_monotonic_us())) {
        breaker_refuse(smtp->breaker, "mail server", error);
        return false;
    }
    bool is_up = judge(smtp, transfer(smtp, notice), notice);
    breaker_report(smtp->breaker, is_up ? NULL : notice->detail, clock_monotonic_us());
    if (!is_up)
        error_set(error, STATUS_UNAVAILABLE, "mail server: %s", notice->detail);
    return is_up;
}

static enum status smtp_send(struct channel *channel, struct notice *const *notices, size_t count,
                             struct error *error) {
    struct channel_smtp *smtp = (struct channel_smtp *)channel;
    bool is_up = true;
    pthread_mutex_lock(&smtp->lock);
    for (size_t i = 0; i < count; i++) {
        notices[i]->result = NOTICE_UNTRIED;
        if (is_up && !atomic_load(&channel->is_stopping) && screen(notices[i]))
            is_up = send_one(smtp, notices[i], error);
    }
    pthread_mutex_unlock(&smtp->lock);
    return is_up ? STATUS_OK : STATUS_UNAVAILABLE;
}

/* --- life --- */

static void smtp_destroy(struct channel *channel) {
    struct channel_smtp *smtp = (struct channel_smtp *)channel;
    curl_easy_cleanup(smtp->curl);
    template_set_destroy(&smtp->templates);
    breaker_destroy(&smtp->breaker);
    pthread_mutex_destroy(&smtp->lock);
    free(smtp->from);
    free(smtp);
}

static enum status set_login(CURL *curl, const struct channel_smtp_options *options,
                             struct error *error) {
    char *password;
    size_t len;
    if (options->user[0] == 0)
        return STATUS_OK;
    curl_easy_setopt(curl, CURLOPT_USERNAME, options->user);
    if (options->password_file[0] == 0)
        return STATUS_OK;
    enum status status = config_read_file(options->password_file, &password, &len, error);
    if (status != STATUS_OK)
        return status;
    curl_easy_setopt(curl, CURLOPT_PASSWORD, password); /* copies */
    explicit_bzero(password, len);
    free(password);
    return STATUS_OK;
}

static enum status set_options(CURL *curl, const struct channel_smtp_options *options,
                               struct error *error) {
    bool needs_tls = options->requires_tls || options->user[0] != 0;
    if (curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps") != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_URL, options->url) != CURLE_OK)
        return error_set(error, STATUS_INVALID, "OM_SMTP_URL cannot be used");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, read_upload);
    curl_easy_setopt(curl, CURLOPT_MAIL_FROM, options->from);
    curl_easy_setopt(curl, CURLOPT_USE_SSL, (long)(needs_tls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (options->ca_file[0] != 0)
        curl_easy_setopt(curl, CURLOPT_CAINFO, options->ca_file);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)options->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)options->timeout_ms);
    return set_login(curl, options, error);
}

static enum status open_smtp(struct channel_smtp *smtp, const struct channel_smtp_options *options,
                             struct error *error) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    smtp->curl = curl_easy_init();
    if (smtp->curl == NULL)
        return error_set(error, STATUS_NO_MEMORY, "libcurl: no handle");
    enum status status = set_options(smtp->curl, options, error);
    if (status == STATUS_OK)
        status = template_set_load(options->template_dir, NOTIFY_SMTP, ESCAPE_TEXT,
                                   &smtp->templates, error);
    if (status == STATUS_OK)
        status = template_set_check(smtp->templates, mail_check_text, error);
    return status;
}

enum status channel_smtp_create(const struct channel_smtp_options *options,
                                struct channel **channel, struct error *error) {
    if (!email_is_usable(slice_of(options->from)))
        return error_set(error, STATUS_INVALID, "OM_SMTP_FROM is not an address");
    struct channel_smtp *smtp = mem_alloc(sizeof(*smtp));
    smtp->channel.id = NOTIFY_SMTP;
    smtp->channel.send = smtp_send;
    smtp->channel.destroy = smtp_destroy;
    smtp->from = mem_copy(slice_of(options->from));
    smtp->breaker = breaker_create("smtp");
    pthread_mutex_init(&smtp->lock, NULL);
    enum status status = open_smtp(smtp, options, error);
    if (status == STATUS_OK)
        *channel = &smtp->channel;
    else
        smtp_destroy(&smtp->channel);
    return status;
}
