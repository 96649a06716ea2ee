/*
 * A small HTTP client for tests, on libcurl. Blocks up to 10 s. A client is for one thread at a
 * time and keeps its connection alive; distinct clients may be used at the same time.
 *
 *     struct http_client *http = http_client_create();
 *     struct http_response response;
 *     http_send(http, &(struct http_request){.method = "POST", .url = url, .body = body,
 *                                            .headers = (const char *[]){"X-A: b", NULL}},
 *               &response);
 *     assert_int_equal(response.status, 202);
 *     http_response_fini(&response);
 */
#ifndef OM_TESTS_SUPPORT_NETWORK_HTTP_H
#define OM_TESTS_SUPPORT_NETWORK_HTTP_H

#include "shared/base/buf.h"

struct http_client;

struct http_request {
    const char *method; /* NULL: GET */
    const char *url;
    const char *const *headers; /* "Name: value" entries, NULL-terminated; may be NULL */
    const char *body;           /* text; NULL for none. Sent as application/json unless told */
    long timeout_ms;            /* 0: 10 s */
};

struct http_response {
    long status;        /* 0 when there was no answer; `body` then says why */
    struct buf headers; /* as received, the last response's head only */
    struct buf body;    /* terminated text */
};

struct http_client *http_client_create(void);
void http_client_destroy(struct http_client **client);

/* Sends and waits. Returns the status; fill and free *response in any case. */
long http_send(struct http_client *client, const struct http_request *request,
               struct http_response *response);
/* The value of a header, case-insensitive, empty when absent; borrowed from the response. */
struct slice http_header(const struct http_response *response, const char *name);
void http_response_fini(struct http_response *response);

/* GET with a client of its own, for one-off probes. */
long http_get(const char *url, struct http_response *response);

#endif
