#include "shared/net/http_client.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PARALLEL_DEFAULT 32
#define TIMEOUT_DEFAULT_MS 10000
#define POLL_MS 1000

/* A multi handle with the connections it keeps; used by one thread at a time.
 */
struct lane {
    struct lane *next;
    CURLM *multi;
};

struct httpc {
    size_t parallel_max;
    char *ca_file;        /* NULL: the system's */
    pthread_mutex_t lock; /* guards idle */
    struct lane *idle;
};

/* --- lifecycle --- */

struct httpc *httpc_create(const struct httpc_options *options) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct httpc *httpc = mem_alloc(sizeof(*httpc));
    httpc->parallel_max = PARALLEL_DEFAULT;
    if (options != NULL && options->parallel_max > 0)
        httpc->parallel_max = options->parallel_max;
    if (options != NULL && options->ca_file != NULL && options->ca_file[0] != '\0')
        httpc->ca_file = mem_copy(slice_of(options->ca_file));
    pthread_mutex_init(&httpc->lock, NULL);
    return httpc;
}

void httpc_destroy(struct httpc **httpc) {
    struct httpc *h = *httpc;
    if (h == NULL)
        return;
    while (h->idle != NULL) {
        struct lane *lane = h->idle;
        h->idle = lane->next;
        curl_multi_cleanup(lane->multi);
        free(lane);
    }
    pthread_mutex_destroy(&h->lock);
    free(h->ca_file);
    free(h);
    *httpc = NULL;
}

static struct lane *take_lane(struct httpc *httpc) {
    pthread_mutex_lock(&httpc->lock);
    struct lane *lane = httpc->idle;
    if (lane != NULL)
        httpc->idle = lane->next;
    pthread_mutex_unlock(&httpc->lock);
    if (lane != NULL)
        return lane;
    lane = mem_alloc(sizeof(*lane));
    lane->multi = curl_multi_init();
    if (lane->multi == NULL)
        abort(); /* out of memory, as in mem_alloc() */
    curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)httpc->parallel_max);
    return lane;
}

static void give_back_lane(struct httpc *httpc, struct lane *lane) {
    pthread_mutex_lock(&httpc->lock);
    lane->next = httpc->idle;
    httpc->idle = lane;
    pthread_mutex_unlock(&httpc->lock);
}

/* --- one call --- */

/* A call under way. */
struct exchange {
    struct httpc_call *call;
    CURL *easy;
    struct curl_slist *headers;
};

static size_t on_head(char *bytes, size_t size, size_t count, void *closure) {
    struct httpc_call *call = closure;
    size_t len = size * count;
    if (len > 5 && memcmp(bytes, "HTTP/", 5) == 0)
        buf_clear(&call->head); /* the one before was a 100 Continue */
    if (call->head.len + len > HTTPC_ANSWER_MOST)
        return 0;
    buf_append(&call->head, bytes, len);
    return len;
}

static size_t on_answer(char *bytes, size_t size, size_t count, void *closure) {
    struct httpc_call *call = closure;
    size_t len = size * count;
    if (call->answer.len + len > HTTPC_ANSWER_MOST)
        return 0;
    buf_append(&call->answer, bytes, len);
    return len;
}

static void forget_answer(struct httpc_call *call) {
    buf_clear(&call->head);
    buf_clear(&call->answer);
    call->result = HTTPC_UNSENT;
    call->status = 0;
    call->error[0] = '\0';
}

static void set_request(struct exchange *exchange) {
    const struct httpc_call *call = exchange->call;
    CURL *easy = exchange->easy;
    exchange->headers = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; call->headers != NULL && call->headers[i] != NULL; i++)
        exchange->headers = curl_slist_append(exchange->headers, call->headers[i]);
    curl_easy_setopt(easy, CURLOPT_URL, call->url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
    bool has_body = call->body.ptr != NULL;
    if (has_body) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.len);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.ptr);
    }
    if (call->method != NULL && strcmp(call->method, "GET") == 0 && !has_body)
        return;
    if (call->method != NULL)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
}

static void set_limits(struct exchange *exchange) {
    struct httpc_call *call = exchange->call;
    CURL *easy = exchange->easy;
    int64_t timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : TIMEOUT_DEFAULT_MS;
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
}

static void begin(const struct httpc *httpc, struct lane *lane, struct exchange *exchange,
                  struct httpc_call *call) {
    *exchange = (struct exchange){.call = call, .easy = curl_easy_init()};
    if (exchange->easy == NULL)
        abort();
    forget_answer(call);
    set_request(exchange);
    set_limits(exchange);
    if (httpc->ca_file != NULL)
        curl_easy_setopt(exchange->easy, CURLOPT_CAINFO, httpc->ca_file);
    curl_easy_setopt(exchange->easy, CURLOPT_PRIVATE, exchange);
    curl_multi_add_handle(lane->multi, exchange->easy);
}

/* A request that has left us, even in part, may have been acted upon. */
static void end(struct lane *lane, struct exchange *exchange, CURLcode code) {
    struct httpc_call *call = exchange->call;
    long status = 0, request_bytes = 0;
    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(exchange->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    if (code == CURLE_OK) {
        call->result = HTTPC_ANSWERED;
        call->status = (int)status;
    } else {
        call->result = request_bytes > 0 ? HTTPC_LOST : HTTPC_UNSENT;
        snprintf(call->error, sizeof(call->error), "%s", curl_easy_strerror(code));
    }
    curl_multi_remove_handle(lane->multi, exchange->easy);
    curl_easy_cleanup(exchange->easy);
    curl_slist_free_all(exchange->headers);
    exchange->easy = NULL;
}

/* --- a batch --- */

/* Returns how many ended. */
static size_t reap(struct lane *lane) {
    size_t ended = 0;
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(lane->multi, &left)) != NULL;) {
        char *exchange = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &exchange);
        end(lane, (struct exchange *)(void *)exchange, code);
        ended++;
    }
    return ended;
}

void httpc_perform(struct httpc *httpc, struct httpc_call *calls, size_t count) {
    struct lane *lane = take_lane(httpc);
    struct exchange *exchanges = mem_alloc((count + 1) * sizeof(*exchanges));
    size_t begun = 0, ended = 0;
    while (ended < count) {
        int running;
        for (; begun < count && begun - ended < httpc->parallel_max; begun++)
            begin(httpc, lane, &exchanges[begun], &calls[begun]);
        curl_multi_perform(lane->multi, &running);
        size_t just_ended = reap(lane);
        ended += just_ended;
        if (just_ended == 0)
            curl_multi_poll(lane->multi, NULL, 0, POLL_MS, NULL);
    }
    free(exchanges);
    give_back_lane(httpc, lane);
}

void httpc_call_fini(struct httpc_call *call) {
    buf_fini(&call->head);
    buf_fini(&call->answer);
}

/* --- headers, encoding --- */

struct slice httpc_header(const struct httpc_call *call, const char *name) {
    struct slice head = buf_slice(&call->head);
    while (head.len > 0) {
        struct slice value = slice_take_line(&head);
        if (slice_is_word(slice_take_until(&value, ':'), name) && value.ptr != NULL)
            return slice_trim(value);
    }
    return (struct slice){0};
}

int64_t httpc_retry_after_ms(const struct httpc_call *call) {
    struct slice value = httpc_header(call, "Retry-After");
    char text[64];
    if (value.len == 0 || value.len >= sizeof(text))
        return -1;
    snprintf(text, sizeof(text), "%.*s", SLICE_ARG(value));
    uint64_t seconds;
    if (slice_parse_uint(value, INT32_MAX, &seconds))
        return (int64_t)seconds * 1000;
    time_t at = curl_getdate(text, NULL);
    int64_t wait_ms = (int64_t)at * 1000 - clock_now_us() / 1000;
    return at == (time_t)-1 ? -1 : wait_ms < 0 ? 0 : wait_ms;
}

bool httpc_is_url(const char *url) {
    char *scheme = NULL;
    CURLU *parts = curl_url();
    bool is_url = parts != NULL && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                  curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                  (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_url_cleanup(parts);
    return is_url;
}
