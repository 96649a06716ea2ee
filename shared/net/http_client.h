/*
 * An HTTP client (libcurl's multi interface) for calls to other systems, a batch side by side.
 *
 *     struct httpc *httpc = httpc_create(&(struct httpc_options){.parallel_max = 32});
 *     struct httpc_call call = {.method = "POST", .url = url, .body = body, .timeout_ms = 5000,
 *                               .headers = (const char *[]){"Content-Type: text/plain", NULL}};
 *     httpc_perform(httpc, &call, 1);
 *     if (call.result == HTTPC_ANSWERED && call.status == 200) ... call.answer ...
 *     httpc_call_fini(&call);
 *
 * Connections are kept for the next batch. Redirects are not followed. Only http and https; the
 * server's certificate is always verified. Thread safe: calls of several threads run side by side,
 * each on connections of its own. httpc_perform() blocks until every call has its result, never
 * longer than the longest time-out times the rounds that parallel_max makes of them.
 */
#ifndef OM_SHARED_NET_HTTP_CLIENT_H
#define OM_SHARED_NET_HTTP_CLIENT_H

#include "shared/base/buf.h"
#include "shared/net/address_reach.h"

#define HTTPC_ERROR_SIZE 120

enum httpc_result {
    HTTPC_UNSENT,   /* the server did not get it: nobody there, no such name, no TLS, bad URL */
    HTTPC_LOST,     /* sent, but no whole answer came: it may have been acted upon */
    HTTPC_ANSWERED, /* `status`, `head` and `answer` are the server's */
};

/* One request with its answer. Zero-initialize; the request is borrowed during perform. */
struct httpc_call {
    /* asked */
    const char *method; /* NULL: GET, or POST with a body */
    const char *url;
    const char *const *headers; /* "Name: value" entries, NULL-terminated; may be NULL */
    struct slice body;
    int64_t timeout_ms; /* for the whole exchange; 0: 10 s */
    /* answered */
    enum httpc_result result;
    int status;                   /* HTTP status; 0 without an answer */
    struct buf head;              /* header lines as they came */
    struct buf answer;            /* the body, at most HTTPC_ANSWER_MOST */
    char error[HTTPC_ERROR_SIZE]; /* why there is no answer; holds no URL and no personal data */
};

#define HTTPC_ANSWER_MOST ((size_t)1 << 20) /* a longer answer counts as LOST */

#define HTTPC_HEAD_KEPT ((size_t)16 << 10)

struct httpc_options {
    size_t parallel_max; /* calls of one batch under way at once; 0: 32 */
    const char *ca_file; /* PEM of the authorities that are trusted; NULL or "": the system's */
    /* For URLs of strangers: a connection is made to an address of that reach only, whatever the
       name was resolved to, and never by a proxy of the environment. */
    bool is_guarded;
    enum address_reach reach_most;
    bool drops_answer; /* status and head are all that counts, the head up to HTTPC_HEAD_KEPT */
};

struct httpc;

struct httpc *httpc_create(const struct httpc_options *options); /* NULL: the defaults */
void httpc_destroy(struct httpc **httpc);                        /* no call may be under way */

/* May be repeated with the same calls: an earlier answer is dropped. */
void httpc_perform(struct httpc *httpc, struct httpc_call *calls, size_t count);
/* Whether `url` is one that a call can be made to: http or https, with a host. */
bool httpc_is_url(const char *url);

#define HTTPC_HOST_SIZE 256

struct httpc_url {
    bool is_https;
    bool has_user; /* a name or a password before the host */
    char host[HTTPC_HOST_SIZE];
};

/* The parts of such a URL; false when it is none. */
bool httpc_url_parse(const char *url, struct httpc_url *parts);
/* Frees the answer; the request stays as it is. */
void httpc_call_fini(struct httpc_call *call);

/*
 * Calls that begin and end each for itself, on one thread:
 *
 *     httpc_flight_begin(flight, &call);
 *     while ((ended = httpc_flight_await(flight, 100)) != NULL) ...
 *
 * A call is borrowed until it is handed out. Destroying breaks off what is under way: such a call
 * has no result.
 */
struct httpc_flight;

struct httpc_flight *httpc_flight_create(struct httpc *httpc);
void httpc_flight_destroy(struct httpc_flight **flight);
void httpc_flight_begin(struct httpc_flight *flight, struct httpc_call *call);
/* The next one that has ended; NULL when none does within that time. */
struct httpc_call *httpc_flight_await(struct httpc_flight *flight, int64_t wait_ms);

/* The value of a header of the answer, case-insensitive, trimmed; empty when absent. Borrowed. */
struct slice httpc_header(const struct httpc_call *call, const char *name);
/* Retry-After in milliseconds, from seconds or a date (RFC 9110, 10.2.3); -1 when absent. */
int64_t httpc_retry_after_ms(const struct httpc_call *call);

#endif
