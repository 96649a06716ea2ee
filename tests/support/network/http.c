#include "tests/support/network/http.h"

#include "shared/base/memory.h"
#include "tests/support/base/process.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_TIMEOUT_MS 10000

struct http_client {
    CURL *easy;
};

struct http_client *http_client_create(void) {
    struct http_client *client = mem_alloc(sizeof(*client));
    client->easy = curl_easy_init();
    if (client->easy == NULL)
        fixture_fail("libcurl cannot start");
    return client;
}

void http_client_destroy(struct http_client **client) {
    if (*client == NULL)
        return;
    curl_easy_cleanup((*client)->easy);
    free(*client);
    *client = NULL;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *closure) {
    struct http_response *response = closure;
    buf_append(&response->body, bytes, size * count);
    return size * count;
}

/* A status line starts a new head: what an interim answer (100 Continue) had is forgotten. */
static size_t take_header(char *bytes, size_t size, size_t count, void *closure) {
    struct http_response *response = closure;
    if (size * count >= 5 && memcmp(bytes, "HTTP/", 5) == 0)
        buf_clear(&response->headers);
    buf_append(&response->headers, bytes, size * count);
    return size * count;
}

static struct curl_slist *make_headers(const struct http_request *request) {
    struct curl_slist *list = NULL;
    bool has_type = false;
    for (const char *const *header = request->headers; header != NULL && *header != NULL;
         header++) {
        has_type = has_type || strncasecmp(*header, "Content-Type:", 13) == 0;
        list = curl_slist_append(list, *header);
    }
    if (request->body != NULL && !has_type)
        list = curl_slist_append(list, "Content-Type: application/json");
    /* Without it libcurl waits for a 100 Continue before it sends larger bodies. */
    return curl_slist_append(list, "Expect:");
}

static void set_options(CURL *easy, const struct http_request *request,
                        struct http_response *response) {
    curl_easy_setopt(easy, CURLOPT_URL, request->url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     request->timeout_ms > 0 ? request->timeout_ms : DEFAULT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, response);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, response);
    if (request->body != NULL) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(request->body));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    }
    if (request->method != NULL && strcmp(request->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (request->method != NULL)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

long http_send(struct http_client *client, const struct http_request *request,
               struct http_response *response) {
    *response = (struct http_response){0};
    buf_append_text(&response->headers, "");
    buf_append_text(&response->body, "");
    curl_easy_reset(client->easy); /* keeps the connection */
    struct curl_slist *headers = make_headers(request);
    set_options(client->easy, request, response);
    curl_easy_setopt(client->easy, CURLOPT_HTTPHEADER, headers);
    CURLcode code = curl_easy_perform(client->easy);
    curl_slist_free_all(headers);
    if (code != CURLE_OK) {
        buf_clear(&response->body);
        buf_append_text(&response->body, curl_easy_strerror(code));
        return response->status = 0;
    }
    curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &response->status);
    return response->status;
}

struct slice http_header(const struct http_response *response, const char *name) {
    size_t name_len = strlen(name);
    const char *line = response->headers.ptr;
    while (line != NULL && *line != '\0') {
        size_t len = strcspn(line, "\r\n");
        if (len > name_len && line[name_len] == ':' && strncasecmp(line, name, name_len) == 0) {
            size_t start = name_len + 1;
            start += strspn(line + start, " \t");
            return (struct slice){line + start, len > start ? len - start : 0};
        }
        line += len;
        line += strspn(line, "\r\n");
    }
    return (struct slice){"", 0};
}

void http_response_fini(struct http_response *response) {
    buf_fini(&response->headers);
    buf_fini(&response->body);
    response->status = 0;
}

long http_get(const char *url, struct http_response *response) {
    struct http_client *client = http_client_create();
    long status = http_send(client, &(struct http_request){.url = url}, response);
    http_client_destroy(&client);
    return status;
}
