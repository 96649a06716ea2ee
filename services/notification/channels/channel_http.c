#include "services/notification/channels/channel_http.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"
#include "shared/net/breaker.h"
#include "shared/net/http_client.h"
#include "shared/observe/log.h"

#include <stdlib.h>
#include <string.h>

enum { GONE = 410, TOO_MANY_REQUESTS = 429, WAIT_MOST_MS = 60 * 60 * 1000 };

struct channel_http {
    struct channel channel; /* first */
    struct channel_http_options options;
    char *url;
    struct httpc *httpc;
    struct breaker *breaker;
    atomic_bool is_gone; /* it wants no more */
};

/* One notice on its way. */
struct request {
    struct notice *notice;
    struct http_post post;
    const char *headers[HTTP_POST_HEADERS_MAX + 2];
};

struct buf *http_post_header(struct http_post *post) {
    return &post->headers[post->header_count++];
}

static void fill_call(struct channel_http *http, struct request *request, struct httpc_call *call) {
    size_t count = 0;
    request->headers[count++] = "Content-Type: application/json";
    for (size_t i = 0; i < request->post.header_count; i++)
        request->headers[count++] = request->post.headers[i].ptr;
    *call = (struct httpc_call){
        .method = "POST",
        .url = http->url,
        .headers = request->headers,
        .body = buf_slice(&request->post.body),
        .timeout_ms = http->options.timeout_ms,
    };
}

static void request_fini(struct request *request) {
    for (size_t i = 0; i < request->post.header_count; i++)
        buf_fini(&request->post.headers[i]);
    buf_fini(&request->post.body);
}

/* True when the receiver works, whatever it thinks of this notice. Its text may quote personal
   data, so only the code is kept. */
static bool judge(struct channel_http *http, const struct httpc_call *call, struct notice *notice) {
    if (call->result != HTTPC_ANSWERED) {
        notice_fail(notice, NOTICE_PUT_OFF, "%s", call->error);
        return false;
    }
    int code = call->status;
    bool is_over = http->options.is_webhook && code == GONE;
    bool is_for_later = http->options.is_webhook ||
                        (code == 408 || code == 425 || code == TOO_MANY_REQUESTS || code >= 500);
    if (code >= 200 && code < 300)
        notice->result = NOTICE_SENT;
    else
        notice_fail(notice, is_for_later && !is_over ? NOTICE_PUT_OFF : NOTICE_FAILED,
                    "the receiver said %d", code);
    notice->is_too_many = code == TOO_MANY_REQUESTS;
    int64_t wait_ms = httpc_retry_after_ms(call);
    notice->wait_ms = wait_ms < WAIT_MOST_MS ? wait_ms : WAIT_MOST_MS;
    if (is_over && !atomic_exchange(&http->is_gone, true))
        log_error("the receiver wants no more: nothing is sent there until a restart",
                  LOG_TEXT("channel", notify_channel_name(http->channel.id)));
    return code < 500;
}

/* The requests of those that have something to send; their count. */
static size_t compose_all(struct channel_http *http, struct notice *const *notices, size_t count,
                          struct request *requests, struct httpc_call *calls) {
    size_t composed = 0;
    for (size_t i = 0; i < count; i++) {
        struct request *request = &requests[composed];
        notices[i]->result = NOTICE_UNTRIED;
        notices[i]->wait_ms = 0;
        notices[i]->is_too_many = false;
        request->notice = notices[i];
        if (atomic_load(&http->is_gone))
            notice_fail(notices[i], NOTICE_FAILED, "the receiver said %d before", GONE);
        else if (http->options.compose(http->options.closure, notices[i], &request->post))
            fill_call(http, request, &calls[composed++]);
    }
    return composed;
}

/* Returns whether the receiver works. */
static bool perform(struct channel_http *http, struct request *requests, struct httpc_call *calls,
                    size_t count) {
    bool is_up = false;
    httpc_perform(http->httpc, calls, count);
    for (size_t i = 0; i < count; i++) {
        is_up = judge(http, &calls[i], requests[i].notice) || is_up;
        httpc_call_fini(&calls[i]);
    }
    breaker_report(http->breaker, is_up ? NULL : requests[0].notice->detail, clock_monotonic_us());
    return is_up;
}

static enum status http_send(struct channel *channel, struct notice *const *notices, size_t count,
                             struct error *error) {
    struct channel_http *http = (struct channel_http *)channel;
    const char *name = notify_channel_name(channel->id);
    enum status status = STATUS_OK;
    struct request *requests = mem_alloc((count + 1) * sizeof(*requests));
    struct httpc_call *calls = mem_alloc((count + 1) * sizeof(*calls));
    size_t composed = compose_all(http, notices, count, requests, calls);
    if (composed > 0 && !breaker_allow(http->breaker, clock_monotonic_us()))
        status = breaker_refuse(http->breaker, name, error);
    else if (composed > 0 && !perform(http, requests, calls, composed))
        status = error_set(error, STATUS_UNAVAILABLE, "%s: %s", name, requests[0].notice->detail);
    for (size_t i = 0; i < count; i++)
        request_fini(&requests[i]);
    free(calls);
    free(requests);
    return status;
}

static void http_destroy(struct channel *channel) {
    struct channel_http *http = (struct channel_http *)channel;
    http->options.destroy(http->options.closure);
    httpc_destroy(&http->httpc);
    breaker_destroy(&http->breaker);
    free(http->url);
    free(http);
}

enum status channel_http_create(const struct channel_http_options *options,
                                struct channel **channel, struct error *error) {
    if (!httpc_is_url(options->url))
        return error_set(error, STATUS_INVALID, "%s is no http:// or https:// address",
                         options->url_name);
    struct channel_http *http = mem_alloc(sizeof(*http));
    http->channel.id = options->id;
    http->channel.send = http_send;
    http->channel.destroy = http_destroy;
    http->options = *options;
    http->url = mem_copy(slice_of(options->url));
    http->httpc = httpc_create(&(struct httpc_options){.ca_file = options->ca_file});
    http->breaker = breaker_create(notify_channel_name(options->id));
    *channel = &http->channel;
    return STATUS_OK;
}
