#include "tests/support/load/load_idle.h"

#include "shared/base/clock.h"
#include "tests/support/load/load_http.h"

#include <string.h>
#include <unistd.h>

#define POLL_PAUSE_US 300 /* leaves the processors to what is measured */

struct idle_client {
    const struct load_options *options;
    struct load_result *result;
    struct http_connection connection;
    struct buf headers, body, request;
};

static void count_answer(struct load_result *result, const struct http_answer *answer) {
    if (answer->status == 0)
        result->connections_lost++;
    else if (answer->status < LOAD_STATUS_MAX)
        result->answers[answer->status]++;
}

/* Fills `id` (at least 64 bytes). False when the order was not accepted. */
static bool place(struct idle_client *client, uint64_t number, char *id, size_t id_size) {
    buf_clear(&client->headers);
    load_headers_write(client->options, number, &client->headers);
    buf_clear(&client->body);
    load_order_write(&client->options->recipe, number, &client->body);
    buf_clear(&client->request);
    http_request_write(&client->request, "POST", "/api/v1/orders", client->headers.ptr,
                       client->body.ptr);
    struct http_answer answer = http_call(&client->connection, buf_slice(&client->request), 10000);
    count_answer(client->result, &answer);
    struct slice order_id = http_answer_member(&answer, "orderId");
    if (answer.status != 202 || order_id.len == 0 || order_id.len >= id_size)
        return false;
    memcpy(id, order_id.ptr, order_id.len);
    id[order_id.len] = '\0';
    return true;
}

static bool await_end(struct idle_client *client, const char *id, int64_t deadline_us) {
    char path[128];

    (void)snprintf(path, sizeof(path), "/api/v1/orders/%s/status", id);
    buf_clear(&client->request);
    http_request_write(&client->request, "GET", path, client->headers.ptr, NULL);
    while (clock_monotonic_us() < deadline_us) {
        struct http_answer answer =
            http_call(&client->connection, buf_slice(&client->request), 10000);
        struct slice status = http_answer_member(&answer, "status");
        if (answer.status == 200 && (slice_is(status, "COMPLETED") || slice_is(status, "FAILED") ||
                                     slice_is(status, "CANCELLED")))
            return true;
        usleep(POLL_PAUSE_US);
    }
    return false;
}

static void run_one(struct idle_client *client, uint64_t number) {
    const struct load_options *options = client->options;
    char id[64] = "";
    int64_t first_us = clock_now_us();
    int64_t start_us = clock_monotonic_us();

    client->result->placed++;
    bool is_placed = place(client, number, id, sizeof(id));
    bool is_ended = is_placed && await_end(client, id, start_us + options->patience_ms * 1000);
    int64_t latency_us = clock_monotonic_us() - start_us;
    if (is_ended)
        load_result_add(client->result, latency_us);
    else
        client->result->given_up++;
    if (options->log != NULL)
        fprintf(options->log, "%s%llu\t%d\t%s\t%lld\t%lld\t%s\t1\n", options->prefix,
                (unsigned long long)number, is_placed ? 202 : 0, id, (long long)first_us,
                (long long)latency_us, load_kind_name(load_order_kind(&options->recipe, number)));
}

bool load_run_idle(const struct load_options *options, struct load_result *result) {
    struct idle_client client = {
        .options = options, .result = result, .connection.port = options->port};
    int64_t begin_us = clock_monotonic_us();

    for (uint64_t number = 0; options->count == 0 || number < options->count; number++) {
        double elapsed_s = (double)(clock_monotonic_us() - begin_us) / 1e6;
        if ((options->stop != NULL && *options->stop) ||
            (options->seconds > 0 && elapsed_s >= options->seconds))
            break;
        run_one(&client, number);
    }
    result->elapsed_s = (double)(clock_monotonic_us() - begin_us) / 1e6;
    http_connection_fini(&client.connection);
    buf_fini(&client.headers);
    buf_fini(&client.body);
    buf_fini(&client.request);
    return true;
}
