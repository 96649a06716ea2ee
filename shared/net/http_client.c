#include "shared/net/http_client.h"

#include "shared/base/clock.h"
#include "shared/base/memory.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define PARALLEL_DEFAULT 32
#define TIMEOUT_DEFAULT_MS 10000
#define POLL_MS 1000
#define FLIGHT_CONNECTIONS 64 /* kept for the next calls */

/* A multi handle with the connections it keeps; used by one thread at a time.
 */
struct lane {
    struct lane *next;
    CURLM *multi;
};

struct httpc {
    size_t parallel_max;
    char *ca_file; /* NULL: the system's */
    bool is_guarded, drops_answer;
    enum address_reach reach_most;
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
    if (options != NULL) {
        httpc->is_guarded = options->is_guarded;
        httpc->reach_most = options->reach_most;
        httpc->drops_answer = options->drops_answer;
    }
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
    const struct httpc *httpc;
    bool was_refused;            /* an address, for its reach */
    struct exchange *next, **at; /* in the list of a flight */
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

static size_t on_head_kept(char *bytes, size_t size, size_t count, void *closure) {
    const struct httpc_call *call = closure;
    size_t len = size * count;
    return call->head.len + len > HTTPC_HEAD_KEPT ? len : on_head(bytes, size, count, closure);
}

static size_t drop_answer(char *bytes, size_t size, size_t count, void *closure) {
    (void)bytes;
    (void)closure;
    return size * count;
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

/* Called with the address that is about to be connected to. */
static curl_socket_t open_guarded(void *closure, curlsocktype purpose, struct curl_sockaddr *to) {
    struct exchange *exchange = closure;
    (void)purpose;
    if (address_reach(&to->addr) > exchange->httpc->reach_most) {
        exchange->was_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* Without QUICK_EXIT a call that ends while its name is being resolved waits for the resolver. */
static void set_guard(struct exchange *exchange) {
    CURL *easy = exchange->easy;
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_guarded);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, exchange);
}

static void begin(const struct httpc *httpc, struct lane *lane, struct exchange *exchange,
                  struct httpc_call *call) {
    *exchange = (struct exchange){.call = call, .easy = curl_easy_init(), .httpc = httpc};
    if (exchange->easy == NULL)
        abort();
    forget_answer(call);
    set_request(exchange);
    set_limits(exchange);
    if (httpc->is_guarded)
        set_guard(exchange);
    if (httpc->drops_answer) {
        curl_easy_setopt(exchange->easy, CURLOPT_HEADERFUNCTION, on_head_kept);
        curl_easy_setopt(exchange->easy, CURLOPT_WRITEFUNCTION, drop_answer);
    }
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
        snprintf(call->error, sizeof(call->error), "%s",
                 exchange->was_refused && code == CURLE_COULDNT_CONNECT
                     ? "the address is not public, and so not connected to"
                     : curl_easy_strerror(code));
    }
    curl_multi_remove_handle(lane->multi, exchange->easy);
    curl_easy_cleanup(exchange->easy);
    curl_slist_free_all(exchange->headers);
    exchange->easy = NULL;
}

/* --- a batch --- */

/* The next that has ended, with its result; NULL for none. */
static struct exchange *take_ended(struct lane *lane) {
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(lane->multi, &left)) != NULL;) {
        char *closure = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &closure);
        struct exchange *exchange = (struct exchange *)(void *)closure;
        end(lane, exchange, code);
        return exchange;
    }
    return NULL;
}

/* Returns how many ended. */
static size_t reap(struct lane *lane) {
    size_t ended = 0;
    while (take_ended(lane) != NULL)
        ended++;
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

/* --- calls for themselves --- */

struct httpc_flight {
    struct httpc *httpc;
    struct lane *lane;
    struct exchange *exchanges; /* under way */
};

struct httpc_flight *httpc_flight_create(struct httpc *httpc) {
    struct httpc_flight *flight = mem_alloc(sizeof(*flight));
    flight->httpc = httpc;
    flight->lane = take_lane(httpc);
    curl_multi_setopt(flight->lane->multi, CURLMOPT_MAXCONNECTS, (long)FLIGHT_CONNECTIONS);
    return flight;
}

static void take_off(struct exchange *exchange) {
    *exchange->at = exchange->next;
    if (exchange->next != NULL)
        exchange->next->at = exchange->at;
}

void httpc_flight_destroy(struct httpc_flight **flight) {
    struct httpc_flight *f = *flight;
    *flight = NULL;
    if (f == NULL)
        return;
    while (f->exchanges != NULL) {
        struct exchange *exchange = f->exchanges;
        f->exchanges = exchange->next;
        end(f->lane, exchange, CURLE_ABORTED_BY_CALLBACK);
        free(exchange);
    }
    give_back_lane(f->httpc, f->lane);
    free(f);
}

void httpc_flight_begin(struct httpc_flight *flight, struct httpc_call *call) {
    struct exchange *exchange = mem_alloc(sizeof(*exchange));
    begin(flight->httpc, flight->lane, exchange, call);
    exchange->next = flight->exchanges;
    exchange->at = &flight->exchanges;
    if (exchange->next != NULL)
        exchange->next->at = &exchange->next;
    flight->exchanges = exchange;
}

static struct httpc_call *next_ended(struct httpc_flight *flight) {
    struct exchange *exchange = take_ended(flight->lane);
    if (exchange == NULL)
        return NULL;
    struct httpc_call *call = exchange->call;
    take_off(exchange);
    free(exchange);
    return call;
}

struct httpc_call *httpc_flight_await(struct httpc_flight *flight, int64_t wait_ms) {
    int64_t until_us = clock_monotonic_us() + wait_ms * 1000;
    for (;;) {
        int running;
        struct httpc_call *ended = next_ended(flight);
        if (ended != NULL)
            return ended;
        curl_multi_perform(flight->lane->multi, &running);
        ended = next_ended(flight);
        int64_t left_ms = (until_us - clock_monotonic_us()) / 1000;
        if (ended != NULL || left_ms <= 0)
            return ended;
        curl_multi_poll(flight->lane->multi, NULL, 0, (int)left_ms, NULL);
    }
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

static bool copy_host(CURLU *url, char host[HTTPC_HOST_SIZE]) {
    char *text = NULL;
    bool fits = curl_url_get(url, CURLUPART_HOST, &text, 0) == CURLUE_OK && text[0] != '\0' &&
                strlen(text) < HTTPC_HOST_SIZE;
    if (fits)
        snprintf(host, HTTPC_HOST_SIZE, "%s", text);
    curl_free(text);
    return fits;
}

static bool has_part(CURLU *url, CURLUPart part) {
    char *text = NULL;
    bool has = curl_url_get(url, part, &text, 0) == CURLUE_OK;
    curl_free(text);
    return has;
}

bool httpc_url_parse(const char *url, struct httpc_url *parts) {
    char *scheme = NULL;
    struct httpc_url parsed = {0};
    CURLU *handle = curl_url();
    bool is_url = handle != NULL && curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK &&
                  curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                  copy_host(handle, parsed.host);
    if (is_url) {
        parsed.is_https = strcmp(scheme, "https") == 0;
        parsed.has_user = has_part(handle, CURLUPART_USER) || has_part(handle, CURLUPART_PASSWORD);
        is_url = parsed.is_https || strcmp(scheme, "http") == 0;
    }
    if (is_url)
        *parts = parsed;
    curl_free(scheme);
    curl_url_cleanup(handle);
    return is_url;
}

bool httpc_is_url(const char *url) {
    struct httpc_url parts;
    return httpc_url_parse(url, &parts);
}
